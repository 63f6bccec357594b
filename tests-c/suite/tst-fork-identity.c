/* SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * Whose pidfd it is.  A child does not return from pidfd_fork before the parent has its pidfd, so that a child that ends
 * at once cannot lose its number to another process before that; and where it is killed and reaped in that moment the call
 * fails.  It never hangs, and an error means that no code of the program ran after the call. */

#include "fork.h"

#if HAVE_LIBRARY

#include <time.h>

/* Handlers of the parent that do all that a program can do with children. */

static pid_t stranger;

static void
replace_the_child (void)
{
  pid_t child = await_child ();
  CHECK (kill (child, SIGKILL) == 0);
  CHECK_EQ (waitpid (child, NULL, 0), child);
  stranger = clone_with_number (child);
}

static void
meet_the_stranger (void)
{
  open_line ();
  int result = fork_telling (0), error = errno;
  if (stranger < 0)
    SKIP ("a number cannot be asked for");
  if (waitpid (stranger, NULL, WNOHANG) != 0)
    FAIL ("the call ended the stranger");
  CHECK (kill (stranger, SIGKILL) == 0);
  CHECK (waitpid (stranger, NULL, 0) == stranger || errno == ECHILD);
  check_no_name (result, error);
}

/* The kernel takes the child's status. */
static void
have_the_child_replaced (void)
{
  pid_t child = await_child ();
  CHECK (kill (child, SIGKILL) == 0);
  while (kill (child, 0) == 0)
    usleep (1000);
  stranger = clone_with_number (child);
}

static void
reap_and_replace (void)
{
  register_handlers (replace_the_child);
}

static void
ignore_and_replace (void)
{
  struct sigaction ignoring = { .sa_handler = SIG_IGN };
  CHECK (sigaction (SIGCHLD, &ignoring, NULL) == 0);
  register_handlers (have_the_child_replaced);
}

static void
drop_and_replace (void)
{
  struct sigaction dropping = { .sa_handler = SIG_DFL, .sa_flags = SA_NOCLDWAIT };
  CHECK (sigaction (SIGCHLD, &dropping, NULL) == 0);
  register_handlers (have_the_child_replaced);
}

/* The stranger is a child of this very thread, and holds all that was open.  The call waits for its answer for some time,
   so all ways of this are tried at once, each alone and among threads. */
TEST (a_parent_handler_gives_the_number_to_another_child)
{
  void (*const ways[]) (void) = { reap_and_replace, ignore_and_replace, drop_and_replace };
  enum { TRIES = 2 * sizeof ways / sizeof ways[0] };
  pid_t tries[TRIES];
  for (int i = 0; i < TRIES; i++)
    {
      tries[i] = fork ();
      CHECK (tries[i] >= 0);
      if (tries[i] != 0)
        continue;
      if (i % 2)
        get_company ();
      ways[i / 2] ();
      meet_the_stranger ();
      if (i % 2)
        end_company ();
      _exit (FINE);
    }
  bool skipped = false;
  for (int i = 0; i < TRIES; i++)
    {
      int status;
      CHECK_EQ (waitpid (tries[i], &status, 0), tries[i]);
      CHECK (WIFEXITED (status));
      if (WEXITSTATUS (status) == 77)
        skipped = true;
      else if (WEXITSTATUS (status) != FINE)
        FAIL ("way %d, %s", i / 2, i % 2 ? "among threads" : "alone");
    }
  if (skipped)
    SKIP ("a number cannot be asked for");
}

static void
kill_and_reap (void)
{
  pid_t child = await_child ();
  CHECK (kill (child, SIGKILL) == 0);
  CHECK_EQ (waitpid (child, NULL, 0), child);
}

ALONE_AND_NOT (a_parent_handler_kills_and_reaps_the_child)
{
  register_handlers (kill_and_reap);
  open_line ();
  int result = fork_telling (0), error = errno;
  check_no_name (result, error);
}

static void
kill_the_child (void)
{
  CHECK (kill (await_child (), SIGKILL) == 0);
}

/* Dead, but it still has its number. */
ALONE_AND_NOT (a_parent_handler_kills_the_child)
{
  register_handlers (kill_the_child);
  open_line ();
  int result = fork_telling (0);
  CHECK (!was_told ());
  if (result > 0)
    CHECK_KILLED (result, SIGKILL);
}

/* Dead, and another child was waited for meanwhile. */
static void
kill_it_and_reap_another (void)
{
  int pidfd = pidfd_fork (PIDFDFORK_ASYNCSAFE);
  if (pidfd == 0)
    _exit (FINE);
  CHECK_EXIT (pidfd, FINE);
  kill_the_child ();
}

ALONE_AND_NOT (a_parent_handler_kills_the_child_and_reaps_another)
{
  register_handlers (kill_it_and_reap_another);
  open_line ();
  time_t before = time (NULL);
  int result = fork_telling (0);
  if (time (NULL) > before + PROMPT / 1000)
    FAIL ("the call waits for a dead child");
  CHECK (!was_told ());
  if (result > 0)
    CHECK_KILLED (result, SIGKILL);
  CHECK_NO_CHILD ();
}

/* A signal that comes to the child while it waits in the call. */
static void
tell_of_the_signal (int signal)
{
  (void) signal;
  tell ();
}

static void
signal_the_child (void)
{
  pid_t child = await_child ();
  /* For the child to come to where it waits. */
  usleep (50000);
  CHECK (kill (child, SIGUSR1) == 0);
}

static void
signal_and_kill_the_child (void)
{
  signal_the_child ();
  usleep (50000);
  kill_the_child ();
}

static int
fork_with_signal (void (*in_parent) (void))
{
  struct sigaction telling = { .sa_handler = tell_of_the_signal };
  CHECK (sigaction (SIGUSR1, &telling, NULL) == 0);
  register_handlers (in_parent);
  open_line ();
  armed = true;
  int pidfd = pidfd_fork (0);
  if (pidfd == 0)
    _exit (FINE);
  return pidfd;
}

ALONE_AND_NOT (a_signal_for_the_child_is_not_taken_before_it_has_a_name)
{
  int pidfd = fork_with_signal (signal_and_kill_the_child);
  if (was_told ())
    FAIL ("a signal handler ran in a child that had no name yet");
  if (pidfd > 0)
    CHECK_KILLED (pidfd, SIGKILL);
}

ALONE_AND_NOT (a_signal_for_the_child_is_taken_when_it_has_a_name)
{
  int pidfd = fork_with_signal (signal_the_child);
  CHECK_EXIT (pidfd, FINE);
  CHECK (was_told ());
}

static void
reap_all_for_a_moment (void)
{
  for (int pause = 0; pause < 100; pause++)
    {
      while (waitpid (-1, NULL, WNOHANG) > 0)
        continue;
      usleep (1000);
    }
}

static bool in_second;
static int second = -1;

static void
reap_and_fork_again (void)
{
  if (in_second)
    return;
  reap_all_for_a_moment ();
  in_second = true;
  second = pidfd_fork (PIDFDFORK_ASYNCSAFE);
  if (second == 0)
    _exit (FINE + 1);
  in_second = false;
}

ALONE_AND_NOT (a_parent_handler_reaps_and_forks_again)
{
  register_handlers (reap_and_fork_again);
  open_line ();
  int first = fork_telling (0);
  if (first < 0)
    FAIL ("%s, and code of the program %s", strerror (errno), was_told () ? "ran" : "did not run");
  CHECK (first > 0 && second > 0);
  CHECK_EQ (pid_of (first), *announced);
  CHECK_EXIT (first, FINE);
  CHECK_EXIT (second, FINE + 1);
  CHECK (was_told ());
}

static volatile sig_atomic_t reaped;

static void
reap_everything (int signal)
{
  (void) signal;
  int error = errno;
  while (waitpid (-1, NULL, WNOHANG) > 0)
    reaped++;
  errno = error;
}

static void
unblock_chld_for_a_moment (void)
{
  sigset_t set;
  sigemptyset (&set);
  sigaddset (&set, SIGCHLD);
  CHECK_EQ (pthread_sigmask (SIG_UNBLOCK, &set, NULL), 0);
  usleep (100000);
}

/* The caller has it blocked, as a program has that takes it by a signalfd. */
ALONE_AND_NOT (a_parent_handler_unblocks_SIGCHLD_whose_handler_reaps)
{
  struct sigaction reaping = { .sa_handler = reap_everything, .sa_flags = SA_RESTART };
  sigset_t set, before;
  sigemptyset (&set);
  sigaddset (&set, SIGCHLD);
  CHECK (sigaction (SIGCHLD, &reaping, NULL) == 0);
  register_handlers (unblock_chld_for_a_moment);
  CHECK_EQ (pthread_sigmask (SIG_BLOCK, &set, &before), 0);
  open_line ();
  int pidfd = fork_telling (0);
  CHECK_EQ (pthread_sigmask (SIG_SETMASK, &before, NULL), 0);
  if (pidfd < 0)
    FAIL ("%s, and code of the program %s", strerror (errno), was_told () ? "ran" : "did not run");
  CHECK (was_told ());
  for (int pause = 0; reaped == 0 && pause < PROMPT; pause++)
    usleep (1000);
  CHECK_EQ (reaped, 1);
  CHECK_EQ (pid_of (pidfd), -1);
  CHECK (close (pidfd) == 0);
}

/* A process beside this one kills each child as soon as it sees it. */
static void
kill_children_of (pid_t process)
{
  char list[4096];
  int fd = open (format ("/proc/%d/task/%d/children", (int) process, (int) process), O_RDONLY | O_CLOEXEC);
  if (fd < 0)
    _exit (1);
  for (;;)
    {
      ssize_t length = pread (fd, list, sizeof list - 1, 0);
      list[length > 0 ? length : 0] = 0;
      char *rest = list;
      for (long pid; (pid = strtol (rest, &rest, 10)) > 0;)
        if (pid != getpid ())
          kill ((pid_t) pid, SIGKILL);
    }
}

static void
check_with_a_killer (unsigned int flags, int *named, int *failed)
{
  open_line ();
  int pidfd = fork_telling (flags), error = errno;
  if (pidfd > 0)
    {
      siginfo_t info = reap (pidfd);
      CHECK (info.si_code == CLD_KILLED || info.si_status == FINE);
      CHECK (was_told () || info.si_code == CLD_KILLED);
      ++*named;
      return;
    }
  CHECK_EQ (error, ESRCH);
  if (was_told ())
    FAIL ("the call failed though code of the program ran");
  ++*failed;
}

ALONE_AND_NOT (a_process_kills_every_child)
{
  enum { CALLS = 200 };
  if (access (format ("/proc/self/task/%d/children", (int) getpid ()), R_OK) != 0)
    SKIP ("the kernel does not list children");
  pid_t self = getpid (), killer = fork ();
  if (killer == 0)
    kill_children_of (self);
  int named = 0, failed = 0;
  for (int i = 0; i < CALLS; i++)
    check_with_a_killer (i % 2 ? PIDFDFORK_ASYNCSAFE : 0, &named, &failed);
  CHECK_EQ (named + failed, CALLS);
  siginfo_t info;
  memset (&info, 0, sizeof info);
  CHECK (waitid (P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid == 0);
  CHECK (kill (killer, SIGKILL) == 0);
  CHECK_EQ (waitpid (killer, NULL, 0), killer);
}

#else

TEST (fork_identity)
{
  SKIP ("fork gives no pidfd");
}

#endif
