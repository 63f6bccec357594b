/* SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * pidfd_fork when something goes wrong between the birth of the child and the moment when it has a name: the child must
 * not be left, and it must not go on as if it had been forked.  Also what signals can do in that moment. */

#include "fork.h"

#if HAVE_LIBRARY

#include <sys/prctl.h>

/* A call that fails after the child was made.  A child that returns from it says so. */
static void
check_failure (unsigned int flags, int error)
{
  if (flags != 0 && NO_UNDERSCORE_FORK)
    return;
  int told[2];
  char byte;
  CHECK (pipe2 (told, O_CLOEXEC | O_NONBLOCK) == 0);
  int descriptors = open_descriptors ();
  errno = 0;
  int result = pidfd_fork (flags), failure = errno;
  if (result == 0)
    {
      CHECK_EQ (write (told[1], "", 1), 1);
      _exit (4);
    }
  CHECK_EQ (result, -1);
  CHECK_EQ (failure, error);
  CHECK_NO_CHILD ();
  CHECK_EQ (open_descriptors (), descriptors);
  CHECK (close (told[1]) == 0);
  if (read (told[0], &byte, 1) != 0)
    FAIL ("the child of a failed call returned from it");
  CHECK (close (told[0]) == 0);
}

TEST (a_failure_among_threads_leaves_no_child)
{
  start_idle_threads (1);
  filter_pidfds_of_others (FILTER_ERROR (ENFILE), FILTER_PLAIN);
  check_failure (0, ENFILE);
  check_failure (last_fork_flags (), ENFILE);
  end_idle_threads ();
}

TEST (a_failure_with_SIGCHLD_ignored_leaves_no_child)
{
  signal (SIGCHLD, SIG_IGN);
  filter_pidfds_of_others (FILTER_ERROR (ENOMEM), FILTER_PLAIN);
  check_failure (0, ENOMEM);
  check_failure (last_fork_flags (), ENOMEM);
}

/* The child may run before the failure is seen; it is ended all the same. */
static void
check_no_child_is_left (int error)
{
  for (unsigned int flags = 0; flags <= last_fork_flags (); flags += PIDFDFORK_ASYNCSAFE)
    {
      if (flags != 0 && NO_UNDERSCORE_FORK)
        return;
      int descriptors = open_descriptors ();
      errno = 0;
      int result = pidfd_fork (flags), failure = errno;
      if (result == 0)
        for (;;)
          pause ();
      CHECK_EQ (result, -1);
      CHECK_EQ (failure, error);
      CHECK_NO_CHILD ();
      CHECK_EQ (open_descriptors (), descriptors);
    }
}

TEST (a_failure_leaves_no_child)
{
  filter_pidfds_of_others (FILTER_ERROR (ENFILE), FILTER_PLAIN);
  check_no_child_is_left (ENFILE);
}

/* The parent dies when it wants to name the child. */
static void
check_orphan (unsigned int flags)
{
  int told[2], status;
  char byte;
  if (flags != 0 && NO_UNDERSCORE_FORK)
    SKIP ("the child is made together with its pidfd");
  CHECK (prctl (PR_SET_CHILD_SUBREAPER, 1) == 0);
  CHECK (pipe2 (told, O_CLOEXEC) == 0);
  pid_t parent = fork ();
  CHECK (parent >= 0);
  if (parent == 0)
    {
      struct rlimit none = { 0, 0 };
      setrlimit (RLIMIT_CORE, &none);
      start_idle_threads (1);
      filter_pidfds_of_others (FILTER_KILL, FILTER_PLAIN);
      if (pidfd_fork (flags) == 0)
        CHECK_EQ (write (told[1], "", 1), 1);
      _exit (4);
    }
  CHECK (close (told[1]) == 0);
  CHECK_EQ (waitpid (parent, &status, 0), parent);
  if (WIFEXITED (status) && WEXITSTATUS (status) == 77)
    _exit (77);
  CHECK (WIFSIGNALED (status) && WTERMSIG (status) == SIGSYS);
  /* Comes to its end when the orphan has ended too. */
  if (read (told[0], &byte, 1) != 0)
    FAIL ("the orphan returned from the call");
  CHECK (close (told[0]) == 0);
  CHECK (waitpid (-1, &status, 0) > 0);
  CHECK (WIFEXITED (status) && WEXITSTATUS (status) != 4);
}

TEST (an_orphan_of_the_call_ends)
{
  check_orphan (0);
}

TEST (an_orphan_of_the_asyncsafe_call_ends)
{
  check_orphan (PIDFDFORK_ASYNCSAFE);
}

/* A handler that reaps whatever has ended, as many programs have one. */

enum { COUNT = 300 };

/* Makes that many children and leaves them to whoever reaps. */
static void
fork_many (unsigned int flags)
{
  for (int i = 0; i < COUNT; i++)
    {
      int pidfd = pidfd_fork (flags);
      if (pidfd == 0)
        _exit (4);
      /* A container may not have as many at a time. */
      if (pidfd < 0 && errno == EAGAIN && i > 0)
        {
          usleep (1000);
          i--;
          continue;
        }
      if (pidfd < 0)
        FAIL ("call %d: %s", i, strerror (errno));
      CHECK (close (pidfd) == 0);
    }
}

static void
check_beside_a_handler_that_reaps (unsigned int flags)
{
  struct sigaction reaping = { .sa_handler = reap_everything, .sa_flags = SA_RESTART };
  CHECK (sigaction (SIGCHLD, &reaping, NULL) == 0);
  reaped = 0;
  fork_many (flags);
  for (int pause = 0; reaped < COUNT && pause < 10000; pause++)
    usleep (1000);
  CHECK_EQ (reaped, COUNT);
}

TEST (a_handler_that_reaps)
{
  check_beside_a_handler_that_reaps (0);
}

TEST (a_handler_that_reaps_with_asyncsafe)
{
  check_beside_a_handler_that_reaps (PIDFDFORK_ASYNCSAFE);
}

/* With SA_NOCLDWAIT the kernel reaps, with a handler or without. */
static void
check_beside_a_kernel_that_reaps (unsigned int flags)
{
  struct sigaction not_waited_for = { .sa_handler = SIG_DFL, .sa_flags = SA_NOCLDWAIT };
  CHECK (sigaction (SIGCHLD, &not_waited_for, NULL) == 0);
  fork_many (flags);
  while (waitpid (-1, NULL, 0) >= 0)
    continue;
}

TEST (a_kernel_that_reaps)
{
  check_beside_a_kernel_that_reaps (0);
}

TEST (a_kernel_that_reaps_with_asyncsafe)
{
  check_beside_a_kernel_that_reaps (PIDFDFORK_ASYNCSAFE);
}

/* Time enough for a child that does not wait to be named to end, and for the kernel to forget it. */
/* The same where the parent is slow to come back from fork: whether the child is waited for does not depend on luck. */
static void
check_slow_parent (const struct sigaction *forgetting)
{
  CHECK (sigaction (SIGCHLD, forgetting, NULL) == 0);
  CHECK_EQ (pthread_atfork (NULL, take_time, NULL), 0);
  int pidfd = pidfd_fork (0);
  if (pidfd == 0)
    _exit (4);
  CHECK (pidfd > 0);
  CHECK (close (pidfd) == 0);
  while (waitpid (-1, NULL, 0) >= 0)
    continue;
}

TEST (a_slow_parent_with_SIGCHLD_ignored)
{
  check_slow_parent (&(struct sigaction) { .sa_handler = SIG_IGN });
}

TEST (a_slow_parent_with_SA_NOCLDWAIT)
{
  check_slow_parent (&(struct sigaction) { .sa_handler = SIG_DFL, .sa_flags = SA_NOCLDWAIT });
}

/* What handlers of pthread_atfork do to the signal mask is still so after the call, as it is after fork. */

static void
unblock_usr1 (void)
{
  sigset_t set = SIGNALS (SIGUSR1);
  pthread_sigmask (SIG_UNBLOCK, &set, NULL);
}

static void
block_both (void)
{
  sigset_t set = SIGNALS (SIGUSR1, SIGUSR2);
  CHECK_EQ (pthread_sigmask (SIG_SETMASK, &set, NULL), 0);
}

TEST_LEAVING (what_a_handler_unblocks_stays_unblocked)
{
  const uint64_t wanted = 1ULL << (SIGUSR2 - 1);
  int status;
  CHECK_EQ (pthread_atfork (NULL, unblock_usr1, unblock_usr1), 0);
  block_both ();
  pid_t pid = fork ();
  if (pid == 0)
    _exit (mask_now () == wanted ? 4 : 5);
  CHECK_EQ (mask_now (), wanted);
  CHECK_EQ (waitpid (pid, &status, 0), pid);
  CHECK_EQ (WEXITSTATUS (status), 4);

  block_both ();
  int pidfd = pidfd_fork (0);
  if (pidfd == 0)
    _exit (mask_now () == wanted ? 4 : 5);
  CHECK_EQ (mask_now (), wanted);
  CHECK_EXIT (pidfd, 4);
}

/* Where no pidfd can be opened there is nothing to try. */

CHILD (fork_without_pidfd_open)
{
  CHECK_EQ (pthread_atfork (count_prepare, NULL, NULL), 0);
  if (!NO_UNDERSCORE_FORK)
    CHECK_ERRNO (pidfd_fork (PIDFDFORK_ASYNCSAFE), ENOSYS);
  CHECK_ERRNO (pidfd_fork (0), ENOSYS);
  CHECK_EQ (prepared, 0);
  CHECK_NO_CHILD ();
  return 4;
}

static void
start_without_pidfd_open (void *unused)
{
  (void) unused;
  refuse_call (SYS_pidfd_open, ENOSYS);
  execv (self_path, child_argv ("fork_without_pidfd_open", NULL));
}

TEST (without_pidfd_open_nothing_is_forked)
{
  int status = in_fork (start_without_pidfd_open, NULL);
  CHECK (WIFEXITED (status));
  CHECK_EQ (WEXITSTATUS (status), 4);
}

/* A handler of pthread_atfork may hold a cancellation point.  A request acts after the call, when the
   caller has its pidfd. */

static volatile bool point_of_cancellation;
static int named = -1;

static void
cancellation_point (void)
{
  if (point_of_cancellation)
    pthread_testcancel ();
}

static void *
fork_with_a_request_pending (void *unused)
{
  CHECK_EQ (pthread_cancel (pthread_self ()), 0);
  point_of_cancellation = true;
  int pidfd = pidfd_fork (0);
  point_of_cancellation = false;
  if (pidfd == 0)
    _exit (4);
  named = pidfd;
  for (;;)
    pthread_testcancel ();
  return unused;
}

TEST (a_handler_that_is_a_cancellation_point)
{
  pthread_t thread;
  void *result;
  CHECK_EQ (pthread_atfork (cancellation_point, cancellation_point, NULL), 0);
  CHECK_EQ (pthread_create (&thread, NULL, fork_with_a_request_pending, NULL), 0);
  CHECK_EQ (pthread_join (thread, &result), 0);
  CHECK (result == PTHREAD_CANCELED);
  if (named < 0)
    FAIL ("the thread ended inside the call");
  CHECK_EXIT (named, 4);
}

#else

TEST (fork_failures)
{
  SKIP ("fork gives no pidfd");
}

#endif
