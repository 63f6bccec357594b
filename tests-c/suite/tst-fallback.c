/* SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * Kernels, emulators and sandboxes that refuse a part of what a spawn would like to use.  clone3 may be refused in four
 * ways, and each leads to clone; the rules are the same there, and they are shown once more for what the kernel does
 * not do by itself on that way.  What is unavailable is ENOSYS, for which callers have a plan. */

#include "runner.h"

#include <sched.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>

enum { UNTOUCHED = -7 };

#if HAVE_LIBRARY

#define BIT(signal_) (1ULL << ((signal_) - 1))

CHILD (exit_with)
{
  return atoi (argv[0]);
}

static char **
exit_4 (void)
{
  return child_argv ("exit_with", "4", NULL);
}

static void
without_clone3 (int error)
{
  refuse_call (SYS_clone3, error);
  CHECK_ERRNO (syscall (SYS_clone3, NULL, 0), error);
}

static void
need_clone3 (void)
{
  /* As the library asks for it: a sandbox may refuse that size alone, and Linux 5.4 does not know the first flag.
     There is no place for the pidfd, so that no child is made. */
  uint64_t arguments[8] = { [0] = 1ULL << 32 /* CLONE_CLEAR_SIGHAND */ | 0x1000 /* CLONE_PIDFD */, [4] = SIGCHLD };
  if (syscall (SYS_clone3, arguments, sizeof arguments) == -1 && errno == EFAULT)
    return;
  SKIP ("no clone3");
}

/* From now on whoever makes the call is killed. */
static void
kill_on_call (long call)
{
  struct rlimit none = { 0, 0 };
  CHECK (setrlimit (RLIMIT_CORE, &none) == 0);
  SET_FILTER ({ .call = call, .action = FILTER_KILL });
}

static void
check_works_at (int line, const posix_spawn_file_actions_t *actions, const posix_spawnattr_t *attributes)
{
  for (int call = 0; call < 2; call++)
    {
      int pidfd = UNTOUCHED;
      errno = EXDEV;
      int error = both_calls[call](&pidfd, self_path, actions, attributes, exit_4 (), environ), after = errno;
      if (error != 0)
        test_fail (__FILE__, line, "the result is %d (%s)", error, strerror (error));
      if (after != EXDEV)
        test_fail (__FILE__, line, "errno became %d", after);
      CHECK_EQ (fcntl (pidfd, F_GETFD), FD_CLOEXEC);
      check_exit_at (__FILE__, line, pidfd, 4);
    }
}
#define CHECK_WORKS(actions, attributes) check_works_at (__LINE__, actions, attributes)

#define CHECK_FAILS(path, actions, attributes, wanted)                                                                \
  check_spawn_fails_at (__FILE__, __LINE__, path, actions, attributes, exit_4 (), wanted, wanted)

/* ---- Each refusal ---- */

static void
check_spawn_without_clone3 (int error)
{
  without_clone3 (error);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init (&actions);
  posix_spawn_file_actions_addopen (&actions, 20, "/dev/null", O_RDONLY, 0);
  CHECK_WORKS (NULL, NULL);
  CHECK_WORKS (&actions, NULL);
  CHECK_FAILS (test_path ("none"), NULL, NULL, ENOENT);
  CHECK_FAILS (test_path ("none"), &actions, NULL, ENOENT);
  CHECK_FAILS (test_dir (), NULL, NULL, EACCES);
  posix_spawn_file_actions_adddup2 (&actions, 700, 21);
  CHECK_FAILS (self_path, &actions, NULL, EBADF);
  posix_spawn_file_actions_destroy (&actions);
  CHECK_EQ (SPAWN (NULL, self_path, NULL, NULL, exit_4 (), environ), 0);
  int status;
  CHECK (waitpid (-1, &status, 0) > 0);
  CHECK_EQ (WEXITSTATUS (status), 4);
}

TEST (clone3_missing)
{
  check_spawn_without_clone3 (ENOSYS);
}

TEST (clone3_forbidden)
{
  check_spawn_without_clone3 (EPERM);
}

TEST (clone3_forbidden_in_another_way)
{
  check_spawn_without_clone3 (EACCES);
}

static void
start_with_few_descriptors (void *count)
{
  without_clone3 (ENOSYS);
  int first = use_up_descriptors ();
  limit_descriptors ((rlim_t) (first + 1 + *(int *) count));
  int pidfd = UNTOUCHED;
  CHECK_EQ (SPAWN (&pidfd, self_path, NULL, NULL, exit_4 (), environ), 0);
  CHECK_EXIT (pidfd, 4);
}

/* The first call makes a pipe besides, which must not take what the pidfd needs. */
TEST (first_call_with_few_descriptors)
{
  for (int count = 1; count < 6; count++)
    CHECK_EQ (in_fork (start_with_few_descriptors, &count), 0);
}

TEST (clone3_with_an_unknown_flag)
{
  check_spawn_without_clone3 (EINVAL);
}

TEST (clone3_with_a_shorter_structure)
{
  check_spawn_without_clone3 (E2BIG);
}

struct refusals {
  int by_clone3, by_clone;
};

static void
check_both_refuse (void *refusals_)
{
  const struct refusals *refusals = refusals_;
  without_clone3 (refusals->by_clone3);
  refuse_call (SYS_clone, refusals->by_clone);
  CHECK_FAILS (self_path, NULL, NULL, refusals->by_clone == EPERM ? ENOSYS : refusals->by_clone);
}

/* When clone fails as well, its error is the answer, unless a sandbox forbids it: for that callers have no plan. */
TEST (clone_fails_too)
{
  static const int by_clone[] = { EAGAIN, ENOMEM, EPERM }, by_clone3[] = { ENOSYS, EPERM, EINVAL, E2BIG };
  for (int i = 0; i < 3; i++)
    for (int j = 0; j < 4; j++)
      {
        struct refusals refusals = { by_clone3[j], by_clone[i] };
        CHECK_EQ (in_fork (check_both_refuse, &refusals), 0);
      }
}

/* A clone that does not know a flag is a missing feature, which must not look like a caller's mistake. */
TEST (clone_does_not_know_a_flag)
{
  without_clone3 (ENOSYS);
  refuse_call (SYS_clone, EINVAL);
  CHECK_FAILS (self_path, NULL, NULL, ENOSYS);
}

/* As kernels before 6.2 do for a caller whose children are to be in another time namespace. */
TEST (no_child_may_share_the_memory)
{
  without_clone3 (EINVAL);
  SET_FILTER ({ .call = SYS_clone, .argument = CLONE_ARGUMENT, .bits = CLONE_VM, .value = CLONE_VM,
                .action = FILTER_ERROR (EINVAL) });
  CHECK_WORKS (NULL, NULL);
  CHECK_FAILS (test_path ("none"), NULL, NULL, ENOENT);
}

/* No process can be made: no reason to try another way, and no harm. */
TEST (clone3_fails_for_good)
{
  without_clone3 (EAGAIN);
  refuse_call (SYS_clone, EAGAIN);
  CHECK_FAILS (self_path, NULL, NULL, EAGAIN);
}

/* ---- What is remembered ---- */

/* A filter never goes away, so the call that it refuses is not made again: that would be the end of the process. */
static void
check_refused_once (void *error)
{
  without_clone3 (*(int *) error);
  CHECK_WORKS (NULL, NULL);
  kill_on_call (SYS_clone3);
  CHECK_WORKS (NULL, NULL);
  CHECK_FAILS (test_path ("none"), NULL, NULL, ENOENT);
}

TEST (a_refusal_of_clone3_is_remembered)
{
  int errors[] = { ENOSYS, EPERM, EINVAL, E2BIG };
  for (int i = 0; i < 4; i++)
    CHECK_EQ (in_fork (check_refused_once, &errors[i]), 0);
}

/* Also when that call failed for another reason. */
static void
check_refused_once_and_failed (void *unused)
{
  (void) unused;
  without_clone3 (ENOSYS);
  CHECK_FAILS (test_path ("none"), NULL, NULL, ENOENT);
  kill_on_call (SYS_clone3);
  CHECK_WORKS (NULL, NULL);
}

TEST (a_refusal_of_clone3_is_remembered_after_a_failure)
{
  CHECK_EQ (in_fork (check_refused_once_and_failed, NULL), 0);
}

/* Also in the first call, which opens more. */
TEST (the_pidfd_has_the_lowest_number)
{
  without_clone3 (ENOSYS);
  int lowest = dup (STDERR_FILENO);
  CHECK (lowest >= 0 && close (lowest) == 0);
  for (int i = 0; i < 2; i++)
    {
      int pidfd = UNTOUCHED;
      CHECK_EQ (SPAWN (&pidfd, self_path, NULL, NULL, exit_4 (), environ), 0);
      CHECK_EQ (pidfd, lowest);
      CHECK_EXIT (pidfd, 4);
    }
}

TEST (clone3_without_a_free_descriptor_is_no_refusal)
{
  need_clone3 ();
  int lowest = dup (STDERR_FILENO);
  CHECK (lowest >= 0 && close (lowest) == 0);
  refuse_call (SYS_clone, ENOSYS);
  struct rlimit limit, none;
  CHECK (getrlimit (RLIMIT_NOFILE, &limit) == 0);
  none = limit;
  none.rlim_cur = (rlim_t) lowest;
  CHECK (setrlimit (RLIMIT_NOFILE, &none) == 0);
  int pidfd = UNTOUCHED;
  CHECK_EQ (SPAWN (&pidfd, self_path, NULL, NULL, exit_4 (), environ), EMFILE);
  CHECK (setrlimit (RLIMIT_NOFILE, &limit) == 0);
  CHECK_WORKS (NULL, NULL);
}

/* What goes by is no refusal: when there is room again, clone3 is used again.  Another thread answers for the kernel,
   once with the error, then as the kernel does. */

static volatile int listener = -1;

static void *
answer_once (void *error)
{
  while (listener < 0)
    usleep (1000);
  struct notified_call call;
  while (!receive_call (listener, &call))
    continue;
  answer_call (listener, &call, *(int *) error);
  for (;;)
    if (receive_call (listener, &call))
      continue_call (listener, &call);
  return NULL;
}

static void
check_tried_again (void *error)
{
  pthread_t thread;
  CHECK_EQ (pthread_create (&thread, NULL, answer_once, error), 0);
  int made = LISTEN ({ .call = SYS_clone3, .action = FILTER_NOTIFY });
  refuse_call (SYS_clone, ENOSYS);
  listener = made;
  int pidfd = UNTOUCHED;
  CHECK_EQ (SPAWN (&pidfd, self_path, NULL, NULL, exit_4 (), environ), *(int *) error);
  CHECK_EQ (pidfd, UNTOUCHED);
  CHECK_EQ (SPAWN (&pidfd, self_path, NULL, NULL, exit_4 (), environ), 0);
  CHECK_EXIT (pidfd, 4);
  _exit (0);
}

TEST (clone3_that_fails_for_now_is_no_refusal)
{
  need_clone3 ();
  int errors[] = { EAGAIN, ENOMEM, EMFILE, ENFILE, EBUSY };
  for (int i = 0; i < 5; i++)
    CHECK_EQ (in_fork (check_tried_again, &errors[i]), 0);
}

/* ---- A PID namespace that is new: whoever comes first is its process 1, and with that one it ends ---- */

CHILD (report_pid)
{
  char byte;
  if (argc > 0)
    CHECK_EQ (read (STDIN_FILENO, &byte, 1), 0);
  return (int) syscall (SYS_getpid);
}

static void
start_in_a_namespace (void *error)
{
  int ends[2];
  CHECK (pipe2 (ends, O_CLOEXEC) == 0);
  if (unshare (CLONE_NEWPID) != 0)
    SKIP ("no PID namespace: %s", strerror (errno));
  without_clone3 (*(int *) error);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init (&actions);
  posix_spawn_file_actions_adddup2 (&actions, ends[0], STDIN_FILENO);
  int first = UNTOUCHED, later = UNTOUCHED;
  CHECK_EQ (SPAWN (&first, self_path, &actions, NULL, child_argv ("report_pid", "waits", NULL), environ), 0);
  CHECK (pidfd_getpid (first) > 1);
  for (int pid = 2; pid < 5; pid++)
    {
      CHECK_EQ (both_calls[pid % 2](&later, self_path, NULL, NULL, child_argv ("report_pid", NULL), environ), 0);
      CHECK_EXIT (later, pid);
    }
  CHECK (close (ends[1]) == 0);
  CHECK_EXIT (first, 1);
  CHECK_EQ (SPAWN (&later, self_path, NULL, NULL, child_argv ("report_pid", NULL), environ), ENOMEM);
  CHECK_NO_CHILD ();
  posix_spawn_file_actions_destroy (&actions);
}

TEST (process_1_without_clone3)
{
  need_root ();
  int errors[] = { ENOSYS, EPERM, EINVAL, E2BIG };
  for (int i = 0; i < 4; i++)
    CHECK_EQ (in_fork (start_in_a_namespace, &errors[i]), 0);
}

/* A program that does not exist takes the number and the namespace with it, as everywhere; the error is
   the right one. */
static void
fail_in_a_namespace (void *unused)
{
  (void) unused;
  if (unshare (CLONE_NEWPID) != 0)
    SKIP ("no PID namespace: %s", strerror (errno));
  without_clone3 (ENOSYS);
  int pidfd = UNTOUCHED;
  CHECK_ERROR (SPAWN (&pidfd, test_path ("none"), NULL, NULL, exit_4 (), environ), ENOENT);
  CHECK_EQ (pidfd, UNTOUCHED);
  CHECK_NO_CHILD ();
}

TEST (failing_process_1_without_clone3)
{
  need_root ();
  CHECK_EQ (in_fork (fail_in_a_namespace, NULL), 0);
}

/* ---- Without the whole of the pidfd interface ---- */

/* What a kernel can do may be found out when the library is loaded, so the program is started anew under the filter. */
static void
start_without_waiting_for_pidfds (void *child)
{
  without_clone3 (ENOSYS);
  refuse_call_when (SYS_waitid, 0, 3 /* P_PIDFD */, EINVAL);
  char **argv = child_argv (child, test_path ("none"), NULL);
  execv (argv[0], argv);
  FAIL ("exec: %s", strerror (errno));
}

/* Argument 0 is a path where there is nothing. */
CHILD (spawn_is_not_supported)
{
  for (int i = 0; i < 2; i++)
    {
      CHECK_FAILS (self_path, NULL, NULL, ENOSYS);
      CHECK_FAILS (argv[0], NULL, NULL, ENOSYS);
    }
  int pidfd = UNTOUCHED;
  CHECK_EQ (SPAWNP (&pidfd, "true", NULL, NULL, exit_4 (), environ), ENOSYS);
  CHECK_EQ (SPAWN (NULL, self_path, NULL, NULL, exit_4 (), environ), ENOSYS);
  return 0;
}

TEST (spawn_without_waiting_for_pidfds)
{
  CHECK_EQ (in_fork (start_without_waiting_for_pidfds, (void *) "spawn_is_not_supported"), 0);
}

/* Either there is a good pidfd, or the call says that there cannot be one, and no child is left. */
static void
check_fork_or (int error)
{
  for (unsigned int flags = 0; flags <= last_fork_flags (); flags += PIDFDFORK_ASYNCSAFE)
    {
      int descriptors = open_descriptors (), pidfd = pidfd_fork (flags), failure = errno;
      if (pidfd == 0)
        _exit (4);
      if (pidfd > 0)
        {
          int status;
          pid_t pid = pid_of (pidfd);
          CHECK_EQ (waitpid (pid, &status, 0), pid);
          CHECK_EQ (WEXITSTATUS (status), 4);
          CHECK (close (pidfd) == 0);
        }
      else
        CHECK_EQ (failure, error);
      CHECK_NO_CHILD ();
      CHECK_EQ (open_descriptors (), descriptors);
    }
}

static void *
wait_for_end (void *pipe_)
{
  char byte;
  while (read (*(int *) pipe_, &byte, 1) < 0)
    continue;
  return NULL;
}

/* In a process of one thread and in one of two. */
static void
check_fork_in_both (int error)
{
  int ends[2];
  pthread_t thread;
  check_fork_or (error);
  CHECK (pipe2 (ends, O_CLOEXEC) == 0);
  CHECK_EQ (pthread_create (&thread, NULL, wait_for_end, &ends[0]), 0);
  check_fork_or (error);
  CHECK (close (ends[1]) == 0);
  CHECK_EQ (pthread_join (thread, NULL), 0);
  CHECK (close (ends[0]) == 0);
}

CHILD (fork_is_not_supported)
{
  check_fork_in_both (ENOSYS);
  return 0;
}

TEST (fork_without_waiting_for_pidfds)
{
  CHECK_EQ (in_fork (start_without_waiting_for_pidfds, (void *) "fork_is_not_supported"), 0);
}

/* The descriptor may fail once the child exists, for another reason than a full table.  What the kernel can
   do is known by then. */
TEST (fork_when_the_system_has_no_descriptor)
{
  check_fork_or (0);
  refuse_call (SYS_pidfd_open, ENFILE);
  check_fork_in_both (ENFILE);
}

TEST (fork_when_there_is_no_memory_for_a_descriptor)
{
  check_fork_or (0);
  refuse_call (SYS_pidfd_open, ENOMEM);
  check_fork_in_both (ENOMEM);
}

TEST (fork_without_clone3)
{
  without_clone3 (ENOSYS);
  check_fork_in_both (-1);
}

/* ---- The rules on the other way ---- */

static volatile int foreign;
static pid_t owner;

static void
count (int signal)
{
  (void) signal;
  if (syscall (SYS_getpid) != owner)
    foreign++;
}

struct visit {
  const char *fifo;
  struct process_state state;
  int release;
};

static void *
look_at_the_child (void *argument)
{
  struct visit *visit = argument;
  pid_t child = sleeping_child ();
  visit->state = state_of (child);
  CHECK (kill (child, SIGURG) == 0);
  CHECK (kill (child, SIGWINCH) == 0);
  visit->release = open (visit->fifo, O_RDWR | O_CLOEXEC);
  CHECK (visit->release >= 0);
  return NULL;
}

static void
have_handlers (void)
{
  owner = getpid ();
  for (int signal = 1; signal <= 64; signal++)
    if (signal != SIGKILL && signal != SIGSTOP && signal != SIGCHLD)
      {
        struct kernel_action action = { { 0 } };
        struct sigaction by_libc;
        memset (&by_libc, 0, sizeof by_libc);
        by_libc.sa_handler = signal % 3 ? count : SIG_IGN;
        if (signal == SIGURG || signal == SIGWINCH)
          by_libc.sa_handler = count;
        if (sigaction (signal, &by_libc, NULL) != 0)
          {
            CHECK (sys_sigaction (signal, NULL, &action) == 0);
            action.words[HANDLER] = (unsigned long) by_libc.sa_handler;
            CHECK (sys_sigaction (signal, &action, NULL) == 0);
          }
      }
}

/* Nothing but the implementation itself takes the caller's handlers out of the child here. */
TEST (signals_without_clone3)
{
  need_list_of_children ();
  have_handlers ();
  without_clone3 (ENOSYS);
  struct visit visit = { .fifo = test_path ("fifo") };
  CHECK (mkfifo (visit.fifo, 0600) == 0);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init (&actions);
  posix_spawn_file_actions_addopen (&actions, 20, visit.fifo, O_RDONLY, 0);
  pthread_t thread;
  CHECK_EQ (pthread_create (&thread, NULL, look_at_the_child, &visit), 0);
  int pidfd = UNTOUCHED, error = SPAWN (&pidfd, self_path, &actions, NULL, exit_4 (), environ);
  CHECK_EQ (pthread_join (thread, NULL), 0);
  CHECK (close (visit.release) == 0);
  CHECK_EQ (error, 0);
  CHECK_EXIT (pidfd, 4);
  CHECK_EQ (visit.state.caught, 0);
  /* Asked now: the libc takes one of its own signals into use with the first thread. */
  CHECK_EQ (visit.state.ignored, state_of (getpid ()).ignored);
  CHECK_EQ (foreign, 0);
  posix_spawn_file_actions_destroy (&actions);
}

static void *
idle (void *unused)
{
  pause ();
  return unused;
}

/* A handler of a signal that stays blocked until the exec cannot run, so nobody asks for one. */
TEST (signals_that_stay_blocked_are_not_asked_for)
{
  pthread_t thread;
  sigset_t all, before, none = SIGNALS (0);
  memset (&all, 0xff, sizeof all);
  posix_spawnattr_t attributes;
  posix_spawnattr_init (&attributes);
  posix_spawnattr_setflags (&attributes, POSIX_SPAWN_SETSIGMASK);
  posix_spawnattr_setsigmask (&attributes, &all);
  CHECK_EQ (pthread_create (&thread, NULL, idle, NULL), 0);
  without_clone3 (ENOSYS);
  refuse_call (SYS_rt_sigaction, EDOM);
  CHECK_FAILS (self_path, NULL, NULL, EDOM);
  CHECK_WORKS (NULL, &attributes);
  CHECK (syscall (SYS_rt_sigprocmask, SIG_SETMASK, &all, &before, SIGNAL_SET) == 0);
  CHECK_WORKS (NULL, NULL);
  posix_spawnattr_setsigmask (&attributes, &none);
  CHECK_FAILS (self_path, NULL, &attributes, EDOM);
  CHECK (syscall (SYS_rt_sigprocmask, SIG_SETMASK, &before, NULL, SIGNAL_SET) == 0);
  posix_spawnattr_destroy (&attributes);
}

/* The same without another thread, where the kernel can be asked for all handlers at once: another process looks. */
static void
start_observer (struct visit *visit)
{
  have_handlers ();
  pid_t caller = getpid (), observer = fork ();
  CHECK (observer >= 0);
  if (observer == 0)
    {
      CHECK (prctl (PR_SET_PDEATHSIG, SIGKILL) == 0);
      pid_t child = sleeping_child_of (caller);
      visit->state = state_of (child);
      CHECK (kill (child, SIGURG) == 0);
      CHECK (kill (child, SIGWINCH) == 0);
      visit->release = open (visit->fifo, O_RDWR | O_CLOEXEC);
      _exit (visit->release < 0);
    }
}

static struct visit *
prepare_visit (void)
{
  need_list_of_children ();
  struct visit *visit = mmap (NULL, sizeof *visit, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  CHECK (visit != MAP_FAILED);
  visit->fifo = test_path ("fifo");
  CHECK (mkfifo (visit->fifo, 0600) == 0);
  return visit;
}

static void
spawn_and_be_seen (struct visit *visit)
{
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init (&actions);
  posix_spawn_file_actions_addopen (&actions, 20, visit->fifo, O_RDONLY, 0);
  int pidfd = UNTOUCHED, status;
  char *argv[] = { (char *) "sh", (char *) "-c", (char *) "exit 4", NULL };
  CHECK_EQ (SPAWN (&pidfd, "/bin/sh", &actions, NULL, argv, environ), 0);
  CHECK_EXIT (pidfd, 4);
  CHECK (wait (&status) > 0 && status == 0);
  CHECK_EQ (visit->state.caught, 0);
  CHECK (visit->state.ignored & BIT (SIGQUIT));
  CHECK_EQ (foreign, 0);
  posix_spawn_file_actions_destroy (&actions);
}

TEST (signals_of_a_single_thread_without_clone3)
{
  struct visit *visit = prepare_visit ();
  start_observer (visit);
  without_clone3 (ENOSYS);
  spawn_and_be_seen (visit);
}

/* What is not procfs can say anything. */
static void
hide_procfs (void *unused)
{
  (void) unused;
  if (unshare (CLONE_NEWNS) != 0 || mount ("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0)
    SKIP ("no mount namespace: %s", strerror (errno));
  if (mount ("none", "/proc", "tmpfs", 0, NULL) != 0)
    SKIP ("nothing can be mounted on /proc: %s", strerror (errno));
}

static void
see_a_lie (void *visit)
{
  start_observer (visit);
  hide_procfs (NULL);
  CHECK (mkdir ("/proc/self", 0755) == 0);
  write_file ("/proc/self/status", format ("%0500d\nThreads:\t1\nSigCgt:\t0000000000000000\n", 0), 0644);
  without_clone3 (ENOSYS);
  spawn_and_be_seen (visit);
}

TEST (signals_without_clone3_beside_a_false_procfs)
{
  need_root ();
  /* Skipped before there is an observer, who would miss what it is to observe. */
  CHECK_EQ (in_fork (hide_procfs, NULL), 0);
  CHECK_EQ (in_fork (see_a_lie, prepare_visit ()), 0);
}

TEST (masks_without_clone3)
{
  without_clone3 (ENOSYS);
  uint64_t mask = BIT (SIGUSR1) | BIT (33), old;
  posix_spawnattr_t attributes;
  posix_spawnattr_init (&attributes);
  posix_spawnattr_setflags (&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
  sigset_t set = SIGNALS (SIGTERM);
  posix_spawnattr_setsigmask (&attributes, &set);
  posix_spawnattr_setsigdefault (&attributes, &set);
  signal (SIGTERM, SIG_IGN);
  signal (SIGHUP, SIG_IGN);
  CHECK (sys_sigprocmask (SIG_SETMASK, &mask, &old) == 0);
  for (int with = 0; with < 2; with++)
    for (int call = 0; call < 2; call++)
      {
        int pidfd = UNTOUCHED;
        CHECK_EQ (both_calls[call](&pidfd, "/bin/sleep", NULL, with ? &attributes : NULL,
                                   (char *[]){ (char *) "sleep", (char *) "1000", NULL }, environ), 0);
        struct process_state state = state_of (pid_of (pidfd));
        CHECK (sys_pidfd_send_signal (pidfd, SIGKILL, NULL, 0) == 0);
        CHECK_KILLED (pidfd, SIGKILL);
        CHECK_EQ (mask_now (), mask);
        CHECK_EQ (state.blocked, with ? BIT (SIGTERM) : mask);
        CHECK (state.ignored & BIT (SIGHUP));
        CHECK_EQ (!(state.ignored & BIT (SIGTERM)), with);
        CHECK_EQ (state.group, with ? state.pid : getpgrp ());
      }
  CHECK (sys_sigprocmask (SIG_SETMASK, &old, NULL) == 0);
  posix_spawnattr_destroy (&attributes);
}

/* Whatever carries the error, no action gets at it, and no number that the caller has closed is open in the child. */
TEST (low_numbers_without_clone3)
{
  without_clone3 (ENOSYS);
  for (int i = 0; i < 3; i++)
    {
      posix_spawn_file_actions_t actions;
      posix_spawn_file_actions_init (&actions);
      for (int fd = 3; fd <= 40; fd++)
        if (i == 0)
          posix_spawn_file_actions_addclose (&actions, fd);
        else if (i == 1)
          posix_spawn_file_actions_adddup2 (&actions, STDERR_FILENO, fd);
        else
          posix_spawn_file_actions_addopen (&actions, fd, "/dev/null", O_RDWR, 0);
      CHECK_FAILS (test_path ("none"), &actions, NULL, ENOENT);
      CHECK_WORKS (&actions, NULL);
      posix_spawn_file_actions_destroy (&actions);
    }
  for (int fd = 3; fd <= 40; fd++)
    {
      if (is_open (fd))
        continue;
      posix_spawn_file_actions_t actions;
      posix_spawn_file_actions_init (&actions);
      posix_spawn_file_actions_adddup2 (&actions, fd, 50);
      CHECK_FAILS (self_path, &actions, NULL, EBADF);
      posix_spawn_file_actions_destroy (&actions);
    }
}

TEST (search_without_clone3)
{
  CHECK (mkdir (test_path ("a"), 0755) == 0);
  CHECK (mkdir (test_path ("b"), 0755) == 0);
  write_file (test_path ("a/program"), "", 0644);
  write_file (test_path ("b/program"), "#!/bin/sh\nexit 6\n", 0755);
  without_clone3 (EPERM);
  setenv ("PATH", format ("%s:%s", test_path ("a"), test_path ("b")), 1);
  int pidfd = UNTOUCHED;
  char *argv[] = { (char *) "program", NULL };
  CHECK_EQ (SPAWNP (&pidfd, "program", NULL, NULL, argv, environ), 0);
  CHECK_EXIT (pidfd, 6);
  setenv ("PATH", test_path ("a"), 1);
  pidfd = UNTOUCHED;
  CHECK_EQ (SPAWNP (&pidfd, "program", NULL, NULL, argv, environ), EACCES);
  CHECK_EQ (pidfd, UNTOUCHED);
}

TEST_LEAVING (no_descriptor_without_clone3)
{
  without_clone3 (ENOSYS);
  int lowest = dup (STDERR_FILENO);
  CHECK (lowest >= 0);
  CHECK (close (lowest) == 0);
  limit_descriptors ((rlim_t) lowest);
  sigset_t chld, pending;
  sigemptyset (&chld);
  sigaddset (&chld, SIGCHLD);
  CHECK (sigprocmask (SIG_BLOCK, &chld, NULL) == 0);
  CHECK_FAILS (self_path, NULL, NULL, EMFILE);
  CHECK (sigpending (&pending) == 0);
  CHECK (!sigismember (&pending, SIGCHLD));
}

/* A child that was killed before its exec is a success there as well: nobody said otherwise. */
static void *
kill_the_child (void *fifo)
{
  CHECK (kill (sleeping_child (), SIGKILL) == 0);
  (void) fifo;
  return NULL;
}

TEST (killed_before_the_exec_without_clone3)
{
  need_list_of_children ();
  without_clone3 (ENOSYS);
  posix_spawn_file_actions_t actions;
  wait_for_fifo (&actions);
  pthread_t thread;
  CHECK_EQ (pthread_create (&thread, NULL, kill_the_child, NULL), 0);
  int pidfd = UNTOUCHED, error = SPAWN (&pidfd, self_path, &actions, NULL, exit_4 (), environ);
  CHECK_EQ (pthread_join (thread, NULL), 0);
  CHECK_EQ (error, 0);
  CHECK_KILLED (pidfd, SIGKILL);
  posix_spawn_file_actions_destroy (&actions);
}

#else

TEST (fallbacks)
{
  SKIP ("the reference has ways of its own (%d)", UNTOUCHED);
}

#endif
