/* SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * The change of user of pidfd_spawn_ext: a process of the new user can neither hold up the caller nor read its memory,
 * and what takes its time without anybody's ill will is left in peace. */

#include "cgroup.h"
#include "credentials.h"
#include "sysctl.h"

#include <poll.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <time.h>

/* Of a child that waits in such a call. */
static void
need_stops (void)
{
  need_users ();
#if defined __arm__ || defined __mips__
  SKIP ("this kernel does not make a call again that a signal has interrupted before it was allowed");
#endif
}

TEST_LEAVING (a_child_that_was_stopped_goes_on)
{
  need_stops ();
  struct notified_call exec;
  struct call call;
  int listener = LISTEN_FOR_EXEC ();
  begin_call (&call, NULL, NULL, ARGS (TO_USER));
  for (int i = 0; i < 5; i++)
    {
      CHECK (receive_call (listener, &exec));
      CHECK (kill (exec.pid, SIGSTOP) == 0);
    }
  CHECK (receive_call (listener, &exec) && continue_call (listener, &exec));
  CHECK_EXIT (pidfd_of_call (&call), 0);
  CHECK_EQ (dumpable (), 1);
}

static long long
milliseconds_now (void)
{
  struct timespec now;
  CHECK (clock_gettime (CLOCK_MONOTONIC, &now) == 0);
  return now.tv_sec * 1000LL + now.tv_nsec / 1000000;
}

/* Milliseconds: what "a second" may become on a busy machine, which is less than what any other child gets; and what it
   is at least once in a few times. */
enum { PATIENCE = 8000, ABOUT_A_SECOND = 5000 };

/* The news of a stop can be taken once, and here the caller's other thread takes it. */
TEST_LEAVING (a_child_whose_stop_is_told_to_another_thread_goes_on)
{
  need_stops ();
  struct notified_call exec;
  struct call call;
  siginfo_t info;
  int listener = LISTEN_FOR_EXEC ();
  struct pollfd next = { .fd = listener, .events = POLLIN };
  begin_call (&call, NULL, NULL, ARGS (TO_USER));
  CHECK (receive_call (listener, &exec));
  /* The caller may be the first to see it, and continue the child. */
  do
    {
      CHECK (kill (exec.pid, SIGSTOP) == 0);
      usleep (1000);
      CHECK (waitid (P_PID, (id_t) exec.pid, &info, WSTOPPED | WNOHANG) == 0);
    }
  while (info.si_pid == 0);
  CHECK_EQ (poll (&next, 1, PATIENCE), 1);
  CHECK (receive_call (listener, &exec) && continue_call (listener, &exec));
  CHECK_EXIT (pidfd_of_call (&call), 0);
}

struct stopped {
  struct call call;
  struct notified_call exec;
};

/* While the call lasts: later the number may be another process's. */
static void *
stop_again_and_again (void *argument)
{
  const struct stopped *stopped = argument;
  while (!stopped->call.returned && kill (stopped->exec.pid, SIGSTOP) == 0)
    usleep (200);
  return NULL;
}

enum { SLOW = 3 /* exit status */ };

static void
be_held_up (void *kind)
{
  (*(void (**) (void)) kind) ();
  struct stopped stopped;
  pthread_t thread;
  int listener = LISTEN_FOR_EXEC ();
  long long start = milliseconds_now ();
  begin_call (&stopped.call, NULL, NULL, ARGS (TO_THIRD_USER));
  CHECK (receive_call (listener, &stopped.exec));
  CHECK_EQ (pthread_create (&thread, NULL, stop_again_and_again, &stopped), 0);
  int pidfd = pidfd_of_call (&stopped.call);
  long long lasted = milliseconds_now () - start;
  CHECK_EQ (dumpable (), 1);
  CHECK_EQ (pthread_join (thread, NULL), 0);
  CHECK_KILLED (pidfd, SIGKILL);
  if (lasted >= ABOUT_A_SECOND)
    _exit (SLOW);
}

/* Gives the wait status of one that was not slow, if there is one. */
static int
in_swift_fork (void (*body) (void *), void *argument)
{
  int status = SLOW << 8;
  for (int attempt = 0; attempt < 3 && status == SLOW << 8; attempt++)
    status = in_fork (body, argument);
  return status;
}

static void
check_held_up (void (*const *kind) (void))
{
  CHECK_EQ (in_swift_fork (be_held_up, (void *) kind), 0);
}

/* Who may freeze the cgroup holds up a child that is born there. */
TEST (a_frozen_cgroup_does_not_hold_up_the_caller)
{
  need_users ();
  NEED_PATIENCE ();
  int fd = make_cgroup (), pidfd, freeze = openat (fd, "cgroup.freeze", O_WRONLY | O_CLOEXEC);
  if (freeze < 0)
    SKIP ("a cgroup cannot be frozen: %s", strerror (errno));
  CHECK_EQ (write (freeze, "1", 1), 1);
  CHECK (close (freeze) == 0);
  CHECK_EQ (spawn_ext (&pidfd, "/bin/true", NULL, NULL, sleep_argv (),
                       ARGS (.flags = PIDFD_SPAWN_CGROUP | PIDFD_SPAWN_SETUID, .cgroup = fd, .uid = USER)), 0);
  CHECK_KILLED (pidfd, SIGKILL);
  remove_cgroup (fd);
}

/* Who has no memory left there gets all killed that share the child's. */
TEST_LEAVING (a_child_in_a_cgroup_has_a_copy_of_the_memory)
{
  enum { MEMORY = 1 /* KCMP_VM */ };
  need_users ();
  int listener = LISTEN_FOR_EXEC (), cgroup = make_cgroup (), error = 0;
  long differs[2];
  for (int in_cgroup = 0; in_cgroup < 2; in_cgroup++)
    {
      struct notified_call exec;
      struct call call;
      struct pidfd_spawn_args args = *ARGS (TO_USER, .cgroup = cgroup);
      if (in_cgroup)
        args.flags |= PIDFD_SPAWN_CGROUP | PIDFD_SPAWN_CGROUP_MAY_MOVE;
      begin_call (&call, NULL, NULL, &args);
      CHECK (receive_call (listener, &exec));
      differs[in_cgroup] = syscall (SYS_kcmp, getpid (), exec.pid, MEMORY, 0, 0);
      if (differs[in_cgroup] < 0)
        error = errno;
      CHECK (continue_call (listener, &exec));
      CHECK_EXIT (pidfd_of_call (&call), 0);
    }
  remove_cgroup (cgroup);
  if (error)
    SKIP ("the memory of two processes cannot be compared: %s", strerror (error));
  CHECK (!differs[false] || calls_libc ());
  CHECK (differs[true]);
}

/* A caller that cannot wait for the child's word has to look. */
static void
refuse_saved_group_and_poll (void)
{
  refuse_saved_group ();
#ifdef SYS_poll
  refuse_call (SYS_poll, EPERM);
#endif
  refuse_call (SYS_ppoll, EPERM);
}

/* Nor can one that old sandboxes let send no signal by a pidfd. */
static void
refuse_signals_by_pidfd (void)
{
  refuse_call (SYS_pidfd_send_signal, EPERM);
}

static void
refuse_saved_group_and_signals_by_pidfd (void)
{
  refuse_saved_group ();
  refuse_signals_by_pidfd ();
}

TEST (a_child_that_is_stopped_for_ever_is_killed)
{
  static void (*const kind_without_poll) (void) = refuse_saved_group_and_poll;
  static void (*const kinds_by_number[]) (void) = { refuse_signals_by_pidfd,
                                                    refuse_saved_group_and_signals_by_pidfd };
  need_stops ();
  for (int kind = 0; kind < ROOT_KINDS; kind++)
    check_held_up (&root_kinds[kind]);
  check_held_up (&kind_without_poll);
  for (int kind = 0; kind < 2; kind++)
    check_held_up (&kinds_by_number[kind]);
}

/* Processes of the new user. */

struct job {
  void (*body) (void *);
  void *argument;
};

static void
run_as_first_process (void *argument)
{
  enum { FINE = 42 };
  struct job *job = argument;
  if (unshare (CLONE_NEWPID) != 0)
    SKIP ("no PID namespace: %s", strerror (errno));
  pid_t init = fork ();
  CHECK (init >= 0);
  if (init == 0)
    {
      job->body (job->argument);
      /* Everybody else ends with it. */
      _exit (FINE);
    }
  int status;
  CHECK_EQ (waitpid (init, &status, 0), init);
  CHECK (WIFEXITED (status) && WEXITSTATUS (status) == FINE);
}

/* Where nobody else makes processes, or is hit by theirs. */
static void
run_in_namespace (void (*body) (void *), void *argument)
{
  CHECK_EQ (in_fork (run_as_first_process, &(struct job) { body, argument }), 0);
}

static pid_t
start_hostile (void (*body) (void), uid_t user)
{
  pid_t pid = fork ();
  CHECK (pid >= 0);
  if (pid == 0)
    {
      CHECK (syscall (SETGROUPS, 0, NULL) == 0 && become_group (GROUP, GROUP, GROUP));
      CHECK (become (user, user, user));
      prctl (PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
      for (;;)
        body ();
    }
  return pid;
}

static void
end_hostile (pid_t pid)
{
  CHECK (kill (pid, SIGKILL) == 0);
  CHECK_EQ (waitpid (pid, NULL, 0), pid);
}

/* What the caller shares with them: where to look, and what they found. */
static struct {
  volatile pid_t last;
  volatile unsigned int turn; /* odd during a call */
  volatile uint64_t secret;
  volatile long hits, permitted, read, traced, tries;
} *spoils;

static void
share_spoils (void)
{
  spoils = mmap (NULL, sizeof *spoils, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  CHECK (spoils != MAP_FAILED);
}

/* The next process has the next number. */
static pid_t
next_process (void)
{
  spoils->tries++;
  return spoils->last + 1;
}

/* A hit is one on a process of the same user that is there during a call. */
static void
send_to_everybody (int signal)
{
  unsigned int turn = spoils->turn;
  bool is_there = kill (next_process (), 0) == 0;
  kill (-1, signal);
  if (is_there && turn % 2 && turn == spoils->turn)
    spoils->hits++;
}

static void
stop_everybody (void)
{
  send_to_everybody (SIGSTOP);
}

static void
signal_everybody (void)
{
  send_to_everybody (SIGUSR1);
}

static volatile int handled;

static void
count (int signal)
{
  (void) signal;
  handled++;
}

struct crowd {
  void (*hostile) (void);
  int death; /* of a program, by their signals */
};

static void
call_among (void *argument)
{
  enum { CALLS = 10, MOST_MILLISECONDS = 15000 };
  const struct crowd *crowd = argument;
  CHECK (signal (SIGUSR1, count) != SIG_ERR);
  pid_t pid = spoils->last = start_hostile (crowd->hostile, USER);
  const long long begin = milliseconds_now ();
  long long lasted = 0;
  int calls = 0;
  while ((calls < CALLS || spoils->hits == 0) && lasted < MOST_MILLISECONDS)
    {
      int pidfd = UNTOUCHED;
      spoils->turn++;
      CHECK_EQ (spawn_ext (&pidfd, "/bin/sleep", NULL, NULL, sleep_argv (),
                           ARGS (.flags = PIDFD_SPAWN_SETUID, .uid = USER)), 0);
      spoils->turn++;
      CHECK_EQ (dumpable (), 1);
      CHECK (sys_pidfd_send_signal (pidfd, SIGKILL, NULL, 0) == 0);
      siginfo_t info = reap (pidfd);
      CHECK (info.si_status == SIGKILL || info.si_status == crowd->death);
      spoils->last = info.si_pid;
      calls++;
      lasted = milliseconds_now () - begin;
    }
  end_hostile (pid);
  /* Each alone may take longer on a busy machine. */
  CHECK (lasted < calls * (long long) ABOUT_A_SECOND);
  /* Of the caller's memory, no handler ran in the child. */
  CHECK_EQ (handled, 0);
  CHECK (spoils->hits > 0);
}

TEST (who_stops_everybody_cannot_hold_up_the_caller)
{
  need_users ();
  share_spoils ();
  run_in_namespace (call_among, &(struct crowd) { stop_everybody, SIGKILL });
}

TEST (who_signals_everybody_runs_no_handler)
{
  need_users ();
  share_spoils ();
  run_in_namespace (call_among, &(struct crowd) { signal_everybody, SIGUSR1 });
}

static volatile uint64_t secret;

static ssize_t
read_secret (pid_t pid, uint64_t *found)
{
  struct iovec here = { found, sizeof *found }, there = { (void *) &secret, sizeof secret };
  return process_vm_readv (pid, &here, 1, &there, 1, 0);
}

static pid_t victim;

static void
stop_and_be_read (void)
{
  CHECK (prctl (PR_SET_DUMPABLE, 1, 0, 0, 0) == 0);
  kill (getpid (), SIGSTOP);
}

static void
read_victim (void)
{
  uint64_t found;
  _exit (read_secret (victim, &found) < 0 ? errno : 0);
}

/* Skips the test where not even processes of one user may read each other, as Yama has it. */
static void
need_readers (void)
{
  need_users ();
  int status;
  victim = start_hostile (stop_and_be_read, USER);
  CHECK_EQ (waitpid (victim, NULL, WUNTRACED), victim);
  pid_t reader = start_hostile (read_victim, USER);
  CHECK_EQ (waitpid (reader, &status, 0), reader);
  end_hostile (victim);
  if (status != 0)
    SKIP ("nobody can read other processes of his own here: %s", strerror (WEXITSTATUS (status)));
}

static void
look_at (pid_t pid)
{
  uint64_t found = 0;
  ssize_t got = read_secret (pid, &found);
  /* The program has its memory elsewhere; it may be read. */
  if (got > 0 || errno == EFAULT)
    spoils->permitted++;
  if (got == sizeof found && found != 0 && found == spoils->secret)
    spoils->read++;
}

static void
read_the_next (void)
{
  look_at (next_process ());
}

static void
trace_the_next (void)
{
  pid_t pid = next_process ();
  if (ptrace (PTRACE_SEIZE, pid, NULL, NULL) == 0)
    {
      spoils->traced++;
      look_at (pid);
    }
  while (waitpid (-1, NULL, __WALL | WNOHANG) > 0)
    ;
}

struct attack {
  void (*caller) (void), (*hostile) (void);
  const struct pidfd_spawn_args *args;
};

static void
call_and_be_attacked (void *argument)
{
  enum { SECONDS = 1, TRIES = 1000 };
  const struct attack *attack = argument;
  spoils->last = start_hostile (attack->hostile, attack->args->uid);
  secret = spoils->secret = (uint64_t) getpid () << 40 | (uint64_t) time (NULL);
  attack->caller ();
  /* On a busy machine the other one may need longer to get anywhere. */
  const time_t begin = time (NULL);
  while (time (NULL) < begin + SECONDS || spoils->tries < TRIES)
    {
      int pidfd = UNTOUCHED;
      CHECK_EQ (spawn_ext (&pidfd, "/bin/true", NULL, NULL, sleep_argv (), attack->args), 0);
      spoils->last = reap (pidfd).si_pid;
    }
  CHECK_EQ (dumpable (), 1);
  /* Programs of their user are theirs to read: this one stays until they do. */
  struct program program = start (NULL, attack->args);
  while (spoils->permitted == 0)
    usleep (1000);
  end_of (&program);
  CHECK_EQ (spoils->read, 0);
}

static void
check_attack (void (*hostile) (void), int kind)
{
  need_readers ();
  NEED_PATIENCE ();
  share_spoils ();
  const struct pidfd_spawn_args *args = kind == ROOT ? ARGS (TO_USER) : ARGS (TO_THIRD_USER);
  run_in_namespace (call_and_be_attacked, &(struct attack) { kinds[kind], hostile, args });
}

TEST (who_reads_the_child_reads_nothing_of_root)
{
  check_attack (read_the_next, ROOT);
}

TEST (who_reads_the_child_reads_nothing_of_a_caller_with_several_groups)
{
  check_attack (read_the_next, SEVERAL_GROUPS);
}

TEST (who_reads_the_child_reads_nothing_of_a_caller_whose_memory_is_copied)
{
  check_attack (read_the_next, COPIED);
}

TEST (who_traces_the_child_reads_nothing_of_root)
{
  check_attack (trace_the_next, ROOT);
}

TEST (who_traces_the_child_reads_nothing_of_a_caller_with_several_groups)
{
  check_attack (trace_the_next, SEVERAL_GROUPS);
}

TEST (who_traces_the_child_reads_nothing_of_a_caller_whose_memory_is_copied)
{
  check_attack (trace_the_next, COPIED);
}

/* The moment that matters, when the flag is back and the child not yet gone, is a short one.  Here it lasts. */

static void
fail_to_read (pid_t pid)
{
  uint64_t found;
  CHECK_ERRNO (read_secret (pid, &found), EPERM);
  CHECK_ERRNO (ptrace (PTRACE_SEIZE, pid, NULL, NULL), EPERM);
  CHECK_ERRNO (ptrace (PTRACE_ATTACH, pid, NULL, NULL), EPERM);
}

static void
attack_victim (void)
{
  fail_to_read (victim);
  _exit (0);
}

TEST_LEAVING (a_child_with_another_saved_group_is_not_traced)
{
  need_readers ();
  struct notified_call exec;
  struct call call;
  int listener = LISTEN_FOR_EXEC (), status;
  begin_call (&call, NULL, NULL, ARGS (TO_USER));
  CHECK (receive_call (listener, &exec));
  victim = exec.pid;
  check_status (victim, "Uid", four (USER, USER, USER));
  check_status (victim, "CapPrm", "0000000000000000");
  CHECK (prctl (PR_SET_DUMPABLE, 1, 0, 0, 0) == 0);
  pid_t hostile = start_hostile (attack_victim, USER);
  CHECK_EQ (waitpid (hostile, &status, 0), hostile);
  CHECK_EQ (status, 0);
  CHECK (continue_call (listener, &exec));
  CHECK_EXIT (pidfd_of_call (&call), 0);
}

/* Also where the group IDs are to stay; after the exec it is that of the others again. */
TEST_LEAVING (a_child_of_the_same_group_has_another_saved_group)
{
  need_users ();
  need_own_instructions ();
  struct notified_call exec;
  struct call call;
  int listener = LISTEN_FOR_EXEC ();
  begin_call (&call, NULL, NULL, ARGS (.flags = PIDFD_SPAWN_SETUID, .uid = USER));
  CHECK (receive_call (listener, &exec));
  check_status (exec.pid, "Uid", four (USER, USER, USER));
  check_status (exec.pid, "Gid", four (getegid (), getegid (), getegid () == 0));
  CHECK (continue_call (listener, &exec));
  CHECK_EXIT (pidfd_of_call (&call), 0);
}

/* A caller with several groups gives it one of them, which needs no privilege. */
TEST_LEAVING (a_child_of_one_of_several_groups_has_another_saved_group)
{
  need_users ();
  need_own_instructions ();
  struct notified_call exec;
  struct call call;
  CHECK (become_group (GROUP, OTHER_GROUP, OTHER_GROUP));
  int listener = LISTEN_FOR_EXEC ();
  begin_call (&call, NULL, NULL, ARGS (.flags = PIDFD_SPAWN_SETUID, .uid = USER));
  CHECK (receive_call (listener, &exec));
  check_status (exec.pid, "Gid", four (GROUP, OTHER_GROUP, GROUP));
  CHECK (continue_call (listener, &exec));
  CHECK_EXIT (pidfd_of_call (&call), 0);
}

/* Where the child can have none it gets a copy of the memory, and the caller's flag is never touched. */
static void
be_read_in_the_exec (void *kind)
{
  (*(void (**) (void)) kind) ();
  struct notified_call exec;
  struct call call;
  int listener = LISTEN_FOR_EXEC ();
  begin_call (&call, NULL, NULL, ARGS (TO_THIRD_USER));
  CHECK (receive_call (listener, &exec));
  CHECK_EQ (dumpable (), 1);
  spoils->last = exec.pid;
  while (spoils->tries < 3)
    usleep (1000);
  CHECK (!call.returned);
  CHECK (continue_call (listener, &exec));
  CHECK_EXIT (pidfd_of_call (&call), 0);
  CHECK_EQ (dumpable (), 1);
  CHECK_EQ (spoils->read, 0);
}

static void
read_the_last (void)
{
  if (spoils->last != 0)
    {
      look_at (spoils->last);
      spoils->tries++;
    }
}

TEST (a_child_without_them_has_a_copy_of_the_memory)
{
  need_readers ();
  share_spoils ();
  secret = spoils->secret = (uint64_t) getpid () << 40 | (uint64_t) time (NULL);
  pid_t hostile = start_hostile (read_the_last, THIRD_USER);
  CHECK_EQ (in_fork (be_read_in_the_exec, (void *) &kinds[COPIED]), 0);
  end_hostile (hostile);
}

/* The new user can neither trace the copy nor have it dump core, whatever the kernel makes of its flag: not when its
   IDs are the copy's, and not for a moment before, for the effective one can be so from the beginning. */
static void
hide_the_copy (void *kind)
{
  (*(void (**) (void)) kind) ();
  struct notified_call step;
  struct call call;
  int listener = LISTEN ({ SYS_prctl, 1, ALL_BITS, 0, FILTER_NOTIFY },
                         { .call = SYS_execve, .action = FILTER_NOTIFY });
  begin_call (&call, NULL, NULL, ARGS (TO_THIRD_USER));
  for (int changed = 0; changed < 2; changed++)
    {
      while (receive_call (listener, &step) && step.arguments[0] == PR_GET_DUMPABLE)
        CHECK (continue_call (listener, &step));
      CHECK_EQ (step.arguments[0], PR_SET_DUMPABLE);
      check_status (step.pid, "Uid", changed ? four (THIRD_USER, THIRD_USER, THIRD_USER)
                                             : four (USER, OTHER_USER, THIRD_USER));
      CHECK (continue_call (listener, &step));
    }
  CHECK (receive_call (listener, &step) && continue_call (listener, &step));
  CHECK_EXIT (pidfd_of_call (&call), 0);
}

TEST (a_copy_of_the_memory_is_hidden)
{
  need_users ();
  CHECK_EQ (in_fork (hide_the_copy, (void *) &kinds[COPIED]), 0);
}

/* The kernel leaves the flag, because the effective user stays. */
static void
hide_from_the_effective_user (void *unused)
{
  (void) unused;
  CHECK (become (0, USER, 0) && prctl (PR_SET_DUMPABLE, 1, 0, 0, 0) == 0);
  struct notified_call step;
  struct call call;
  int listener = LISTEN ({ .call = SETRESUID, .action = FILTER_NOTIFY },
                         { .call = SYS_execve, .action = FILTER_NOTIFY });
  begin_call (&call, NULL, NULL, ARGS (.flags = PIDFD_SPAWN_SETUID, .uid = USER));
  for (int changed = 0; changed < 2; changed++)
    {
      /* Root's are the files there of a process that is not dumpable. */
      struct stat status;
      CHECK (receive_call (listener, &step));
      CHECK (stat (format ("/proc/%d/status", (int) step.pid), &status) == 0);
      CHECK_EQ (status.st_uid, 0);
      check_status (step.pid, "Uid", changed ? four (USER, USER, USER) : four (0, USER, 0));
      CHECK_EQ (dumpable (), 1);
      CHECK (continue_call (listener, &step));
    }
  CHECK_EXIT (pidfd_of_call (&call), 0);
}

TEST (a_copy_of_the_memory_is_hidden_before_its_user_changes)
{
  need_users ();
  CHECK_EQ (in_fork (hide_from_the_effective_user, NULL), 0);
}

static bool
change_users (void)
{
  return become (0, USER, 0) && become (0, 0, 0);
}

/* Such a flag permits core dumps, and nobody but the kernel can give it back. */
static void
share_no_memory (void *unused)
{
  (void) unused;
  if (!with_setting ("/proc/sys/fs/suid_dumpable", "2", change_users))
    SKIP ("fs.suid_dumpable cannot be set: %s", strerror (errno));
  CHECK_EQ (dumpable (), 2);
  struct notified_call exec;
  struct call call;
  int listener = LISTEN_FOR_EXEC ();
  begin_call (&call, NULL, NULL, ARGS (TO_USER));
  CHECK (receive_call (listener, &exec));
  long order = syscall (SYS_kcmp, getpid (), exec.pid, 1 /* KCMP_VM */, 0, 0);
  CHECK (continue_call (listener, &exec));
  CHECK_EXIT (pidfd_of_call (&call), 0);
  if (order < 0)
    SKIP ("no kcmp: %s", strerror (errno));
  CHECK (order > 0);
  CHECK_EQ (dumpable (), 2);
}

TEST (a_flag_that_cannot_be_given_back_is_kept_by_a_copy)
{
  need_users ();
  CHECK_EQ (in_fork (share_no_memory, NULL), 0);
}

/* The caller becomes a set-user-ID program that has its child give that up first. */
static void
reset_ids_to (posix_spawnattr_t *attributes, uid_t user)
{
  CHECK_EQ (posix_spawnattr_init (attributes), 0);
  CHECK_EQ (posix_spawnattr_setflags (attributes, POSIX_SPAWN_RESETIDS), 0);
  CHECK (become (user, 0, 0) && prctl (PR_SET_DUMPABLE, 1, 0, 0, 0) == 0);
}

/* Opens a FIFO for writing after so many milliseconds, so that a file action can go on that opens it for reading. */
struct opening {
  char *fifo;
  int milliseconds;
  long long when;
};

static void *
open_after_a_while (void *argument)
{
  struct opening *opening = argument;
  CHECK (usleep ((useconds_t) opening->milliseconds * 1000) == 0);
  opening->when = milliseconds_now ();
  int fd = open (opening->fifo, O_WRONLY | O_CLOEXEC);
  CHECK (fd >= 0);
  close (fd);
  return NULL;
}

static void
begin_long_call (struct call *call, const posix_spawnattr_t *attributes, const struct pidfd_spawn_args *args,
                 pthread_t *thread, struct opening *opening)
{
  static posix_spawn_file_actions_t actions;
  char *fifo = opening->fifo = format ("%s/fifo-%d", test_dir (), (int) getpid ());
  CHECK (mkfifo (fifo, 0666) == 0 && chmod (fifo, 0666) == 0);
  CHECK_EQ (posix_spawn_file_actions_init (&actions), 0);
  CHECK_EQ (posix_spawn_file_actions_addopen (&actions, 20, fifo, O_RDONLY, 0), 0);
  begin_call (call, &actions, attributes, args);
  CHECK_EQ (pthread_create (thread, NULL, open_after_a_while, opening), 0);
}

static void
take_time (void *unused)
{
  (void) unused;
  struct notified_call exec;
  struct call call;
  struct opening opening = { .milliseconds = 700 };
  pthread_t thread;
  posix_spawnattr_t attributes;
  sigset_t continuing;
  int listener = LISTEN_FOR_EXEC ();
  reset_ids_to (&attributes, USER);
  CHECK (sigemptyset (&continuing) == 0 && sigaddset (&continuing, SIGCONT) == 0);
  CHECK_EQ (posix_spawnattr_setsigmask (&attributes, &continuing), 0);
  CHECK_EQ (posix_spawnattr_setflags (&attributes, POSIX_SPAWN_RESETIDS | POSIX_SPAWN_SETSIGMASK), 0);
  begin_long_call (&call, &attributes, ARGS (.flags = PIDFD_SPAWN_SETUMASK, .umask = 022), &thread, &opening);
  CHECK (receive_call (listener, &exec));
  CHECK_EQ (pthread_join (thread, NULL), 0);
  usleep (100000);
  uint64_t pending = state_of (exec.pid).pending;
  /* After half a second it is sent one, for a stop that nobody saw. */
  if (milliseconds_now () >= opening.when + 450)
    _exit (SLOW);
  CHECK_EQ (pending, 0);
  CHECK (continue_call (listener, &exec));
  CHECK_EXIT (pidfd_of_call (&call), 0);
}

/* Nobody stops it, so no SIGCONT waits for the program, which would not expect one. */
TEST (a_child_that_takes_its_time_is_left_alone)
{
  need_users ();
  int status = in_swift_fork (take_time, NULL);
  if (status == SLOW << 8)
    SKIP ("the machine is too busy to look at the child in time");
  CHECK_EQ (status, 0);
}

#ifdef MODE_LINKED /* It takes its time, so not in every mode. */

/* A file action may take as long as it likes, also when the child has other IDs already; between the change of user and
   the exec, where nothing should take time, ten seconds are too much. */

enum { LONG = 12000 };

static void
take_long_in_a_file_action (const posix_spawnattr_t *attributes, const struct pidfd_spawn_args *args)
{
  struct call call;
  struct opening opening = { .milliseconds = LONG };
  pthread_t thread;
  begin_long_call (&call, attributes, args, &thread, &opening);
  CHECK_EXIT (pidfd_of_call (&call), 0);
  CHECK_EQ (pthread_join (thread, NULL), 0);
}

static void
take_long_as_the_caller (void)
{
  take_long_in_a_file_action (NULL, ARGS (TO_USER));
}

static void
take_long_as_the_real_user (void)
{
  posix_spawnattr_t attributes;
  reset_ids_to (&attributes, USER);
  take_long_in_a_file_action (&attributes, ARGS (.flags = PIDFD_SPAWN_SETUMASK, .umask = 022));
}

static void
take_too_long_in_the_exec (void)
{
  struct notified_call exec;
  struct call call;
  posix_spawnattr_t attributes;
  int listener = LISTEN_FOR_EXEC ();
  /* After the file actions an earlier change of its IDs is no excuse. */
  reset_ids_to (&attributes, OTHER_USER);
  begin_call (&call, NULL, &attributes, ARGS (.flags = PIDFD_SPAWN_SETUID, .uid = OTHER_USER));
  CHECK (receive_call (listener, &exec));
  CHECK_KILLED (pidfd_of_call (&call), SIGKILL);
  CHECK_EQ (dumpable (), 1);
}

TEST (what_takes_long)
{
  need_users ();
  NEED_PATIENCE ();
  void (*const ways[]) (void) = { take_long_as_the_caller, take_long_as_the_real_user, take_too_long_in_the_exec };
  enum { COUNT = sizeof ways / sizeof *ways };
  pid_t pids[COUNT];
  /* All at once: they mostly wait. */
  for (int i = 0; i < COUNT; i++)
    {
      pids[i] = fork ();
      CHECK (pids[i] >= 0);
      if (pids[i] == 0)
        {
          ways[i]();
          _exit (0);
        }
    }
  bool failed = false, skipped = false;
  for (int i = 0, status; i < COUNT; i++)
    {
      CHECK_EQ (waitpid (pids[i], &status, 0), pids[i]);
      if (WIFEXITED (status) && WEXITSTATUS (status) == 77)
        skipped = true;
      else if (status != 0)
        failed = true;
    }
  CHECK (!failed);
  if (skipped)
    SKIP ("one of the ways cannot be tried");
}

#endif
