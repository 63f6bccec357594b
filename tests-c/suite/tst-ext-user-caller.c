/* SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * The change of user of pidfd_spawn_ext: it leaves the caller as it was.  That no process of the new user can hold it
 * up or read its memory: tst-ext-user-hostile.c. */

#include "credentials.h"

#include <poll.h>

#include <time.h>

/* What a change of user could touch, besides what a snapshot has. */
static char *
credentials_of_caller (void)
{
  static const char *const names[] = { "Uid", "Gid", "Groups", "SigBlk", "SigIgn", "SigCgt", "CapInh", "CapPrm",
                                       "CapEff", "CapBnd", "CapAmb", "NoNewPrivs" };
  char *text = format ("dumpable %d, keeps capabilities %d", dumpable (), prctl (PR_GET_KEEPCAPS, 0, 0, 0, 0));
  for (size_t i = 0; i < sizeof names / sizeof *names; i++)
    text = format ("%s, %s %s", text, names[i], status_of (getpid (), names[i]));
  return text;
}

static void
check_unchanged (int line, const char *path, const posix_spawn_file_actions_t *actions,
                 const struct pidfd_spawn_args *args, int error)
{
  static struct snapshot before, after;
  int pidfd = UNTOUCHED;
  char *credentials = credentials_of_caller ();
  take_snapshot (&before, true);
  int got = spawn_ext (&pidfd, path, actions, NULL, sleep_argv (), args);
  if (got != error)
    test_fail (__FILE__, line, "the result is %d, wanted %d", got, error);
  if (error == 0)
    CHECK_EXIT (pidfd, 0);
  else
    CHECK_EQ (pidfd, UNTOUCHED);
  CHECK_NO_CHILD ();
  take_snapshot (&after, true);
  const char *difference = compare_snapshots (&before, &after), *credentials_now = credentials_of_caller ();
  if (difference)
    test_fail (__FILE__, line, "%s", difference);
  if (strcmp (credentials, credentials_now) != 0)
    test_fail (__FILE__, line, "the caller was \"%s\" and is \"%s\"", credentials, credentials_now);
}

static void
check_every_outcome (void *kind)
{
  posix_spawn_file_actions_t actions;
  CHECK_EQ (posix_spawn_file_actions_init (&actions), 0);
  CHECK_EQ (posix_spawn_file_actions_adddup2 (&actions, 700, 20), 0);
  (*(void (**) (void)) kind) ();
  sigset_t some = SIGNALS (SIGUSR1, SIGCHLD);
  CHECK (sigprocmask (SIG_BLOCK, &some, NULL) == 0);
  struct pidfd_spawn_rlimit wrong = { RLIMIT_CORE, 0, 2, 1 };
  for (int flag = 0; flag < 2; flag++)
    {
      CHECK (prctl (PR_SET_DUMPABLE, flag, 0, 0, 0) == 0);
      check_unchanged (__LINE__, "/bin/true", NULL, ARGS (TO_THIRD_USER), 0);
      check_unchanged (__LINE__, "/nonexistent/program", NULL, ARGS (TO_THIRD_USER), ENOENT);
      check_unchanged (__LINE__, "/etc", NULL, ARGS (TO_THIRD_USER), EACCES);
      check_unchanged (__LINE__, "/bin/true", &actions, ARGS (TO_THIRD_USER), EBADF);
      check_unchanged (__LINE__, "/bin/true", NULL,
                       ARGS (.flags = PIDFD_SPAWN_SETUID | PIDFD_SPAWN_SETRLIMITS, .uid = THIRD_USER, .limits = &wrong,
                             .limit_count = 1), EINVAL);
      check_unchanged (__LINE__, "/bin/true", NULL, ARGS (.flags = PIDFD_SPAWN_SETUID, .uid = (uid_t) -1), EINVAL);
      if (capabilities_of_caller ().half[0].permitted == 0)
        check_unchanged (__LINE__, "/bin/true", NULL, ARGS (.flags = PIDFD_SPAWN_SETUID, .uid = 0), EPERM);
      else
        check_unchanged (__LINE__, "/bin/true", NULL, ARGS (TO_USER), 0);
    }
}

TEST (the_caller_stays_as_it_was)
{
  need_users ();
  for (int kind = 0; kind < KINDS; kind++)
    CHECK_EQ (in_fork (check_every_outcome, (void *) &kinds[kind]), 0);
}

/* Descriptors. */

/* From now on exactly COUNT more can be opened. */
static void
leave_descriptors (rlim_t count)
{
  int lowest = dup (STDERR_FILENO);
  CHECK (close (lowest) == 0);
  limit_descriptors ((rlim_t) lowest + count);
}

/* What a child with a copy of the memory needs: the pidfd, and the error pipe, which is watched. */
enum { FOR_A_COPY = 4 };

static void
check_with_descriptors (rlim_t count, int error)
{
  int pidfd = UNTOUCHED, flag = dumpable ();
  /* The first call finds out what later ones know. */
  CHECK_EQ (spawn_ext (&pidfd, "/bin/true", NULL, NULL, sleep_argv (), ARGS (TO_THIRD_USER)), 0);
  CHECK_EXIT (pidfd, 0);
  pidfd = UNTOUCHED;
  leave_descriptors (count);
  CHECK_EQ (spawn_ext (&pidfd, "/bin/true", NULL, NULL, sleep_argv (), ARGS (TO_THIRD_USER)), error);
  if (error)
    CHECK_EQ (pidfd, UNTOUCHED);
  else
    CHECK_EXIT (pidfd, 0);
  CHECK_EQ (dumpable (), flag);
}

TEST_LEAVING (a_caller_with_capabilities_needs_one_descriptor)
{
  need_users ();
  check_with_descriptors (calls_libc () ? FOR_A_COPY : 1, 0);
  check_with_descriptors (0, EMFILE);
}

static void
check_with_three (void *kind)
{
  (*(void (**) (void)) kind) ();
  check_with_descriptors (FOR_A_COPY, 0);
  for (rlim_t count = 0; count < FOR_A_COPY; count++)
    {
      limit_descriptors (1000);
      check_with_descriptors (count, EMFILE);
    }
  /* What is not dumpable anyway needs no protection. */
  CHECK (prctl (PR_SET_DUMPABLE, 0, 0, 0, 0) == 0);
  limit_descriptors (1000);
  check_with_descriptors (calls_libc () ? FOR_A_COPY : 1, 0);
}

TEST (a_caller_without_them_needs_three_more)
{
  need_users ();
  CHECK_EQ (in_fork (check_with_three, (void *) &kinds[COPIED]), 0);
}

TEST_LEAVING (a_caller_with_one_identity_needs_one)
{
  need_users ();
  CHECK (become (THIRD_USER, THIRD_USER, THIRD_USER));
  CHECK (prctl (PR_SET_DUMPABLE, 1, 0, 0, 0) == 0);
  check_with_descriptors (calls_libc () ? FOR_A_COPY : 1, 0);
}

TEST_LEAVING (a_caller_with_several_groups_needs_one)
{
  need_users ();
  become_several_groups ();
  check_with_descriptors (calls_libc () ? FOR_A_COPY : 1, 0);
  int pidfd;
  CHECK_EQ (spawn_ext (&pidfd, "/bin/true", NULL, NULL, sleep_argv (),
                       ARGS (.flags = PIDFD_SPAWN_SETGID | PIDFD_SPAWN_SETUID, .gid = OTHER_GROUP, .uid = THIRD_USER)),
            0);
  CHECK_EXIT (pidfd, 0);
}

/* A process that another thread forks while a call is under way has a flag of its own. */
TEST_LEAVING (a_process_forked_meanwhile_has_its_own_flag)
{
  need_users ();
  need_list_of_children ();
  struct call call;
  posix_spawn_file_actions_t actions;
  char *fifo = wait_for_fifo (&actions);
  begin_call (&call, &actions, NULL, ARGS (TO_USER));
  (void) sleeping_child ();
  pid_t pid = fork ();
  CHECK (pid >= 0);
  if (pid == 0)
    {
      int pidfd;
      CHECK (prctl (PR_SET_DUMPABLE, 1, 0, 0, 0) == 0);
      CHECK_EQ (spawn_ext (&pidfd, "/bin/true", NULL, NULL, sleep_argv (), ARGS (TO_USER)), 0);
      CHECK_EXIT (pidfd, 0);
      CHECK_EQ (dumpable (), 1);
      _exit (0);
    }
  int status, fd;
  CHECK_EQ (waitpid (pid, &status, 0), pid);
  CHECK_EQ (status, 0);
  CHECK ((fd = open (fifo, O_WRONLY | O_CLOEXEC)) >= 0);
  CHECK_EXIT (pidfd_of_call (&call), 0);
  CHECK_EQ (dumpable (), 1);
  close (fd);
}

static void
use_its_descriptors (void *kind)
{
  (*(void (**) (void)) kind) ();
  int lowest = dup (STDERR_FILENO);
  CHECK (close (lowest) == 0);
  for (int fd = lowest; fd < lowest + 3; fd++)
    {
      posix_spawn_file_actions_t actions;
      struct program program;
      char *argv[] = { (char *) "cat", NULL }, byte = 'x';
      /* Nothing of the library's is open. */
      CHECK_EXT_FAILS (spawn_ext (&pidfd, "/bin/true", NULL, NULL, sleep_argv (),
                                  ARGS (.flags = PIDFD_SPAWN_SETUID | PIDFD_SPAWN_CLOEXEC_FROM, .uid = THIRD_USER,
                                        .cloexec_from = 3, .inherit = &fd, .inherit_count = 1)), EBADF);
      CHECK_EQ (posix_spawn_file_actions_init (&actions), 0);
      CHECK_EQ (posix_spawn_file_actions_adddup2 (&actions, fd, 20), 0);
      CHECK_EXT_FAILS (spawn_ext (&pidfd, "/bin/true", &actions, NULL, sleep_argv (), ARGS (TO_THIRD_USER)), EBADF);
      posix_spawn_file_actions_destroy (&actions);
      /* And any number can be used. */
      int other_end = connect_program (&program, &actions);
      for (int to = lowest; to < lowest + 6; to++)
        if (to != other_end)
          CHECK_EQ (posix_spawn_file_actions_adddup2 (&actions, 0, to), 0);
      CHECK_EQ (posix_spawn_file_actions_addopen (&actions, fd + 10, "/dev/null", O_RDONLY, 0), 0);
      CHECK_EQ (spawn_ext (&program.pidfd, "/bin/cat", &actions, NULL, argv, ARGS (TO_THIRD_USER)), 0);
      posix_spawn_file_actions_destroy (&actions);
      close (other_end);
      CHECK (write (program.end, &byte, 1) == 1 && read (program.end, &byte, 1) == 1);
      end_of (&program);
    }
}

TEST (its_descriptors_are_out_of_the_way)
{
  need_users ();
  for (int kind = 1; kind < KINDS; kind++)
    CHECK_EQ (in_fork (use_its_descriptors, (void *) &kinds[kind]), 0);
}

/* Calls in other threads. */

static void *
make_many_calls (void *unused)
{
  for (int i = 0; i < 40; i++)
    {
      int pidfd = UNTOUCHED;
      CHECK_EQ (spawn_ext (&pidfd, i % 3 ? "/bin/true" : "/nonexistent", NULL, NULL, sleep_argv (),
                           ARGS (TO_THIRD_USER)), i % 3 ? 0 : ENOENT);
      if (i % 3)
        CHECK_EXIT (pidfd, 0);
      if (i % 7 == 0)
        usleep (2000);
    }
  return unused;
}

static void
make_calls_in_threads (void *kind)
{
  (*(void (**) (void)) kind) ();
  for (int flag = 0; flag < 2; flag++)
    {
      enum { THREADS = 6 };
      pthread_t threads[THREADS];
      CHECK (prctl (PR_SET_DUMPABLE, flag, 0, 0, 0) == 0);
      uint64_t mask = mask_now ();
      for (int i = 0; i < THREADS; i++)
        CHECK_EQ (pthread_create (&threads[i], NULL, make_many_calls, NULL), 0);
      for (int i = 0; i < THREADS; i++)
        CHECK_EQ (pthread_join (threads[i], NULL), 0);
      CHECK_EQ (dumpable (), flag);
      CHECK_EQ (mask_now (), mask);
      CHECK_NO_CHILD ();
    }
}

TEST (calls_in_many_threads_leave_the_flag)
{
  need_users ();
  for (int kind = 0; kind < KINDS; kind++)
    CHECK_EQ (in_fork (make_calls_in_threads, (void *) &kinds[kind]), 0);
}

/* The caller is suspended, as for a plain spawn, and the flag is not touched. */
TEST_LEAVING (groups_alone_are_no_change_of_user)
{
  need_users ();
  struct call call;
  struct notified_call exec;
  int listener = LISTEN_FOR_EXEC ();
  begin_call (&call, NULL, NULL, ARGS (.flags = PIDFD_SPAWN_SETGROUPS));
  CHECK (receive_call (listener, &exec));
  CHECK_EQ (dumpable (), 1);
  CHECK (continue_call (listener, &exec));
  CHECK_EXIT (pidfd_of_call (&call), 0);
  CHECK_EQ (dumpable (), 1);
}

static void
overlap (int listener, int flag, bool first_leaves_first)
{
  struct call calls[2];
  struct notified_call execs[2];
  int first = first_leaves_first ? 0 : 1, last = 1 - first;
  CHECK (prctl (PR_SET_DUMPABLE, flag, 0, 0, 0) == 0);
  for (int i = 0; i < 2; i++)
    {
      begin_call (&calls[i], NULL, NULL, ARGS (TO_USER));
      CHECK (receive_call (listener, &execs[i]));
      CHECK_EQ (dumpable (), 0);
    }
  CHECK (continue_call (listener, &execs[first]));
  CHECK_EXIT (pidfd_of_call (&calls[first]), 0);
  /* There is still somebody else in the memory. */
  CHECK_EQ (dumpable (), 0);
  CHECK (continue_call (listener, &execs[last]));
  CHECK_EXIT (pidfd_of_call (&calls[last]), 0);
  CHECK_EQ (dumpable (), flag);
}

TEST_LEAVING (of_calls_that_overlap_the_last_gives_the_flag_back)
{
  need_users ();
  need_own_instructions ();
  int listener = LISTEN_FOR_EXEC ();
  for (int i = 0; i < 8; i++)
    overlap (listener, !(i & 1), i & 2);
}

/* Lets everything else go on until this one comes. */
static void
receive_one (int listener, struct notified_call *notified, bool (*is_wanted) (const struct notified_call *))
{
  while (receive_call (listener, notified) && !is_wanted (notified))
    CHECK (continue_call (listener, notified));
}

static bool
gives_flag_back (const struct notified_call *notified)
{
  return notified->arguments[0] == PR_SET_DUMPABLE && notified->arguments[1] == 1;
}

static bool
is_exec (const struct notified_call *notified)
{
  return notified->arguments[0] != PR_SET_DUMPABLE;
}

static void
let_return (int listener, struct call *call)
{
  struct pollfd event = { .fd = listener, .events = POLLIN };
  struct notified_call notified;
  while (!call->returned)
    if (poll (&event, 1, 10) > 0)
      CHECK (receive_call (listener, &notified) && continue_call (listener, &notified));
}

/* One call begins while another, which was the last, gives the flag back: its child must not be another user's in that
   moment, so there is none yet. */
TEST_LEAVING (a_call_waits_for_another_that_gives_the_flag_back)
{
  need_users ();
  need_own_instructions ();
  struct call last, next;
  struct notified_call notified, other;
  int listener = LISTEN ({ SYS_prctl, 0, ALL_BITS, PR_SET_DUMPABLE, FILTER_NOTIFY },
                         { .call = SYS_execve, .action = FILTER_NOTIFY });
  struct pollfd event = { .fd = listener, .events = POLLIN };
  begin_call (&last, NULL, NULL, ARGS (TO_USER));
  receive_one (listener, &notified, gives_flag_back);
  begin_call (&next, NULL, NULL, ARGS (TO_USER));
  /* It asks first whether it could give the flag back. */
  do
    {
      CHECK (receive_call (listener, &other));
      CHECK (!is_exec (&other));
      CHECK (continue_call (listener, &other));
    }
  while (poll (&event, 1, 200) > 0);
  CHECK (continue_call (listener, &notified));
  receive_one (listener, &other, is_exec);
  CHECK_EQ (dumpable (), 0);
  CHECK (continue_call (listener, &other));
  let_return (listener, &last);
  let_return (listener, &next);
  CHECK_EQ (dumpable (), 1);
  CHECK_EXIT (pidfd_of_call (&last), 0);
  CHECK_EXIT (pidfd_of_call (&next), 0);
}

/* Signals. */

static volatile int handled;

static void
count (int signal)
{
  (void) signal;
  handled++;
}

static void *
send_to_main_thread (void *fifo)
{
  (void) sleeping_child ();
  CHECK (syscall (SYS_tgkill, getpid (), getpid (), SIGUSR1) == 0);
  while (!(state_of (getpid ()).pending & 1ULL << (SIGUSR1 - 1)) && !handled)
    usleep (1000);
  CHECK_EQ (handled, 0);
  int fd = open (fifo, O_WRONLY | O_CLOEXEC);
  CHECK (fd >= 0);
  close (fd);
  return NULL;
}

TEST (no_handler_runs_before_the_call_returns)
{
  need_users ();
  need_list_of_children ();
  CHECK (signal (SIGUSR1, count) != SIG_ERR);
  posix_spawn_file_actions_t actions;
  pthread_t thread;
  char *fifo = wait_for_fifo (&actions);
  CHECK_EQ (pthread_create (&thread, NULL, send_to_main_thread, fifo), 0);
  int pidfd;
  CHECK_EQ (spawn_ext (&pidfd, "/bin/true", &actions, NULL, sleep_argv (), ARGS (TO_USER)), 0);
  CHECK_EQ (handled, 1);
  CHECK_EQ (pthread_join (thread, NULL), 0);
  CHECK_EXIT (pidfd, 0);
  posix_spawn_file_actions_destroy (&actions);
}

/* Nor in the child, which has the caller's memory: a signal that waits for it until then has its default action. */
TEST_LEAVING (no_handler_runs_in_the_child)
{
  need_users ();
  CHECK (signal (SIGUSR1, count) != SIG_ERR);
  struct notified_call notified;
  struct call call;
  int listener = LISTEN ({ SYS_prctl, 0, ALL_BITS, PR_SET_PDEATHSIG, FILTER_NOTIFY });
  begin_call (&call, NULL, NULL,
              ARGS (.flags = PIDFD_SPAWN_SETUID | PIDFD_SPAWN_PDEATHSIG, .uid = USER, .death_signal = SIGTERM));
  /* The first is its first step. */
  CHECK (receive_call (listener, &notified) && continue_call (listener, &notified));
  CHECK (receive_call (listener, &notified));
  CHECK (kill (notified.pid, SIGUSR1) == 0);
  CHECK (continue_call (listener, &notified));
  CHECK_KILLED (pidfd_of_call (&call), SIGUSR1);
  CHECK_EQ (handled, 0);
}

/* In such a sandbox the caller looks at the child now and then. */
TEST_LEAVING (where_nothing_can_be_waited_for_it_works_too)
{
  need_users ();
  enum { FUTEX_WAIT_BETWEEN_PROCESSES = 0 };
  refuse_call_when (SYS_futex, 1, FUTEX_WAIT_BETWEEN_PROCESSES, EPERM);
# ifdef SYS_futex_time64
  refuse_call_when (SYS_futex_time64, 1, FUTEX_WAIT_BETWEEN_PROCESSES, EPERM);
# endif
  for (int i = 0; i < 3; i++)
    {
      check_unchanged (__LINE__, "/bin/true", NULL, ARGS (TO_USER), 0);
      check_unchanged (__LINE__, "/nonexistent/program", NULL, ARGS (TO_USER), ENOENT);
    }
}

/* Children that do not get to their program. */

TEST_LEAVING (a_child_that_is_killed_at_its_first_step_is_a_success)
{
  need_users ();
  struct notified_call notified;
  struct call call;
  int listener = LISTEN ({ .call = SYS_set_tid_address, .action = FILTER_NOTIFY });
  begin_call (&call, NULL, NULL, ARGS (TO_USER));
  CHECK (receive_call (listener, &notified));
  CHECK (kill (notified.pid, SIGKILL) == 0);
  CHECK_KILLED (pidfd_of_call (&call), SIGKILL);
  CHECK_EQ (dumpable (), 1);
}

TEST_LEAVING (a_child_that_is_killed_in_a_file_action_is_a_success)
{
  need_users ();
  need_list_of_children ();
  posix_spawn_file_actions_t actions;
  struct call call;
  (void) wait_for_fifo (&actions);
  for (int i = 0; i < 3; i++)
    {
      begin_call (&call, &actions, NULL, ARGS (TO_USER));
      CHECK (kill (sleeping_child (), SIGKILL) == 0);
      CHECK_KILLED (pidfd_of_call (&call), SIGKILL);
      CHECK_EQ (dumpable (), 1);
    }
  posix_spawn_file_actions_destroy (&actions);
}

static void
kill_before_exec (void *kind)
{
  (*(void (**) (void)) kind) ();
  struct notified_call exec;
  struct call call;
  int listener = LISTEN_FOR_EXEC ();
  for (int i = 0; i < 3; i++)
    {
      begin_call (&call, NULL, NULL, ARGS (TO_THIRD_USER));
      CHECK (receive_call (listener, &exec));
      CHECK (kill (exec.pid, SIGKILL) == 0);
      CHECK_KILLED (pidfd_of_call (&call), SIGKILL);
      CHECK_EQ (dumpable (), 1);
    }
}

TEST (a_child_that_is_killed_before_its_exec_is_a_success)
{
  need_users ();
  for (int kind = 0; kind < ROOT_KINDS; kind++)
    CHECK_EQ (in_fork (kill_before_exec, (void *) &root_kinds[kind]), 0);
}
