/* SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * pidfd_fork: fork (flags 0) or _Fork (PIDFDFORK_ASYNCSAFE) that gives the parent a pidfd.  What the two sides get,
 * which handlers run, and the asynchronous-signal-safe kind in a signal handler.  What the child's libc knows of it is
 * in tst-fork-libc-state.c, and each other tst-fork-*.c has a theme of its own. */

#include "fork.h"

#include <sys/time.h>

enum { CHILDREN = 200 };

/* What the two sides get. */

EACH_CALLER (the_child_gets_0_and_the_parent_its_pidfd)
{
  struct witness witness = fork_witness (flags);
  CHECK (witness.pidfd > 0);
  check_witness (witness);
  let_go (witness);
  siginfo_t info = reap (witness.pidfd);
  CHECK_EQ (info.si_pid, witness.pid);
  CHECK_EQ (info.si_code, CLD_EXITED);
  CHECK_EQ (info.si_status, FINE);
}

EACH_CALLER (the_child_is_a_process_of_its_own)
{
  static volatile int variable;
  static __thread volatile int of_the_thread;
  pid_t parent = getpid ();
  pthread_t thread = pthread_self ();
  variable = of_the_thread = 1;
  int pidfd = fork_by (flags);
  if (pidfd == 0)
    {
      CHECK (getpid () != parent);
      CHECK_EQ (getppid (), parent);
      CHECK (pthread_equal (pthread_self (), thread));
      CHECK_EQ (variable, 1);
      CHECK_EQ (of_the_thread, 1);
      variable = of_the_thread = 2;
      _exit (FINE);
    }
  CHECK_EQ (getpid (), parent);
  CHECK_EXIT (pidfd, FINE);
  CHECK_EQ (variable, 1);
  CHECK_EQ (of_the_thread, 1);
}

EACH_CALLER (the_pidfd_is_close_on_exec)
{
  int pidfd = fork_by (flags);
  if (pidfd == 0)
    _exit (FINE);
  CHECK_EQ (fcntl (pidfd, F_GETFD), FD_CLOEXEC);
  CHECK_EXIT (pidfd, FINE);
}

EACH_CALLER (errno_is_kept)
{
  errno = EXDEV;
  int pidfd = pidfd_fork (flags);
  int error = errno;
  if (pidfd == 0)
    _exit (error == EXDEV ? FINE : error);
  CHECK_EQ (error, EXDEV);
  CHECK_EXIT (pidfd, FINE);
}

BOTH_KINDS (the_end_of_the_child_sends_SIGCHLD)
{
  count_chld ();
  struct witness witness = fork_witness (flags);
  let_go (witness);
  siginfo_t info = reap (witness.pidfd);
  CHECK_EQ (info.si_status, FINE);
  CHECK_EQ (chld_count, 1);
  CHECK_EQ (chld_pid, witness.pid);
}

EACH_CALLER (waitpid_knows_the_child)
{
  /* Without __WALL or __WCLONE: the exit signal is SIGCHLD. */
  struct witness witness = fork_witness (flags);
  close (witness.pidfd);
  let_go (witness);
  int status;
  CHECK_EQ (waitpid (witness.pid, &status, 0), witness.pid);
  CHECK (WIFEXITED (status));
  CHECK_EQ (WEXITSTATUS (status), FINE);
}

EACH_CALLER (the_child_can_fork_again)
{
  int pidfd = fork_by (flags);
  if (pidfd == 0)
    {
      struct witness witness = fork_witness (flags);
      CHECK_EQ (pidfd_getpid (witness.pidfd), witness.pid);
      let_go (witness);
      CHECK_EXIT (witness.pidfd, FINE);
      _exit (FINE);
    }
  CHECK_EXIT (pidfd, FINE);
}

BOTH_KINDS (many_children_at_once)
{
  enum { COUNT = 50 };
  struct witness witnesses[COUNT];
  for (int i = 0; i < COUNT; i++)
    witnesses[i] = fork_witness (flags);
  for (int i = 0; i < COUNT; i++)
    check_witness (witnesses[i]);
  for (int i = 0; i < COUNT; i++)
    {
      let_go (witnesses[i]);
      CHECK_EQ (reap (witnesses[i].pidfd).si_pid, witnesses[i].pid);
    }
}

/* Flags. */

TEST (an_unknown_flag_is_EINVAL_and_makes_no_child)
{
  const unsigned int unknown[] = { 1U, 1U << 2, 1U << 3, 1U << 16, 1U << 31, ~0U };
  count_chld ();
  for (size_t i = 0; i < sizeof unknown / sizeof unknown[0]; i++)
    {
      int result = pidfd_fork (unknown[i]);
      if (result == 0)
        _exit (FINE);
      CHECK_EQ (result, -1);
      CHECK_EQ (errno, EINVAL);
      CHECK_NO_CHILD ();
    }
  CHECK_EQ (chld_count, 0);
}

/* Not a child whose libc takes it for its parent. */
TEST (asyncsafe_is_enosys_where_the_libc_has_records_that_only_its_fork_renews)
{
  if (has_asyncsafe_fork ())
    SKIP ("this libc has none");
  errno = 0;
  int result = (pidfd_fork) (PIDFDFORK_ASYNCSAFE);
  if (result == 0)
    _exit (FINE);
  CHECK_EQ (result, -1);
  CHECK_EQ (errno, ENOSYS);
  CHECK_NO_CHILD ();
}

TEST (an_unknown_flag_beside_the_known_one_is_EINVAL)
{
  for (int bit = 0; bit < 32; bit++)
    if (1U << bit != PIDFDFORK_ASYNCSAFE)
      {
        int result = pidfd_fork (PIDFDFORK_ASYNCSAFE | 1U << bit);
        if (result == 0)
          _exit (FINE);
        CHECK_EQ (result, -1);
        CHECK_EQ (errno, EINVAL);
      }
  CHECK_NO_CHILD ();
}

/* Handlers of pthread_atfork. */

static char journal[64];

static void
note (const char *word)
{
  strcat (journal, word);
}

#define HANDLERS(number)                                                                                               \
  static void prepare_##number (void)                                                                                  \
  {                                                                                                                    \
    note (" prepare" #number);                                                                                         \
  }                                                                                                                    \
  static void parent_##number (void)                                                                                   \
  {                                                                                                                    \
    note (" parent" #number);                                                                                          \
  }                                                                                                                    \
  static void child_##number (void)                                                                                    \
  {                                                                                                                    \
    note (" child" #number);                                                                                           \
  }

HANDLERS (1)
HANDLERS (2)

static void
keep_journal (void)
{
  CHECK_EQ (pthread_atfork (prepare_1, parent_1, child_1), 0);
  CHECK_EQ (pthread_atfork (prepare_2, parent_2, child_2), 0);
  journal[0] = 0;
}

PLAIN (handlers_run_once_and_in_order)
{
  keep_journal ();
  int pidfd = fork_by (flags);
  if (pidfd == 0)
    {
      CHECK_STR (journal, " prepare2 prepare1 child1 child2");
      _exit (FINE);
    }
  CHECK_STR (journal, " prepare2 prepare1 parent1 parent2");
  CHECK_EXIT (pidfd, FINE);
}

static int seen_in_prepare, seen_in_parent, seen_in_child;

static void
look_in_prepare (void)
{
  seen_in_prepare = getpid ();
}

static void
look_in_parent (void)
{
  seen_in_parent = getpid ();
}

static void
look_in_child (void)
{
  seen_in_child = getpid ();
}

TEST (handlers_run_in_the_process_that_they_are_for)
{
  CHECK_EQ (pthread_atfork (look_in_prepare, look_in_parent, look_in_child), 0);
  int pidfd = fork_by (0);
  if (pidfd == 0)
    {
      CHECK_EQ (seen_in_prepare, getppid ());
      CHECK_EQ (seen_in_child, getpid ());
      CHECK_EQ (seen_in_parent, 0);
      _exit (FINE);
    }
  CHECK_EQ (seen_in_prepare, getpid ());
  CHECK_EQ (seen_in_parent, getpid ());
  CHECK_EQ (seen_in_child, 0);
  CHECK_EXIT (pidfd, FINE);
}

static void
check_no_handler (unsigned int flags)
{
  keep_journal ();
  int pidfd = fork_by (flags);
  if (pidfd == 0)
    {
      CHECK_STR (journal, "");
      _exit (FINE);
    }
  CHECK_STR (journal, "");
  CHECK_EXIT (pidfd, FINE);
}

TEST (asyncsafe_runs_no_handler)
{
  check_no_handler (PIDFDFORK_ASYNCSAFE);
}

TEST (asyncsafe_runs_no_handler_among_threads)
{
  among_threads (check_no_handler, PIDFDFORK_ASYNCSAFE);
}

TEST (an_unknown_flag_runs_no_handler)
{
  keep_journal ();
  CHECK_ERRNO (pidfd_fork (1U << 5), EINVAL);
  CHECK_STR (journal, "");
}

TEST (handlers_come_in_pairs_when_no_descriptor_is_free)
{
  /* One that locks in prepare relies on it.  That they do not run at all is right as well. */
  keep_journal ();
  use_up_descriptors ();
  CHECK_NO_FORK (0, EMFILE);
  give_back_descriptors ();
  if (journal[0])
    CHECK_STR (journal, " prepare2 prepare1 parent1 parent2");
}

static void
fork_beyond_the_limit (void *flags)
{
  enum { NOBODYS = 54321 };
  keep_journal ();
  struct rlimit none = { 0, 0 };
  CHECK (setrlimit (RLIMIT_NPROC, &none) == 0);
  CHECK (setresgid (NOBODYS, NOBODYS, NOBODYS) == 0);
  CHECK (setresuid (NOBODYS, NOBODYS, NOBODYS) == 0);
  char *before = descriptor_table ();
  const uint64_t mask = mask_now ();
  CHECK_NO_FORK (*(unsigned int *) flags, EAGAIN);
  CHECK_EQ (mask_now (), mask);
  CHECK_STR (descriptor_table (), before);
  if (journal[0])
    CHECK_STR (journal, " prepare2 prepare1 parent1 parent2");
}

BOTH_KINDS (no_process_can_be_made_is_EAGAIN_and_leaves_nothing)
{
  need_root ();
  CHECK_EQ (in_fork (fork_beyond_the_limit, &flags), 0);
}

static void *
fork_beyond_the_limit_in_a_thread (void *flags)
{
  fork_beyond_the_limit (flags);
  return NULL;
}

static void
fork_beyond_the_limit_beside_a_thread (void *flags)
{
  pthread_t thread;
  CHECK_EQ (pthread_create (&thread, NULL, fork_beyond_the_limit_in_a_thread, flags), 0);
  CHECK_EQ (pthread_join (thread, NULL), 0);
}

BOTH_KINDS (no_process_can_be_made_is_EAGAIN_in_a_thread)
{
  need_root ();
  CHECK_EQ (in_fork (fork_beyond_the_limit_beside_a_thread, &flags), 0);
}

/* From a signal handler. */

static volatile int pidfd_of_handler;
static volatile sig_atomic_t forks_of_handler;
static int pidfds_of_handler[CHILDREN];
static volatile sig_atomic_t child_returns;

static void
fork_in_handler (int signal)
{
  (void) signal;
  /* On a busy machine the next signal may be there before the work goes on, again and again. */
  if (forks_of_handler == CHILDREN)
    return;
  int error = errno;
  int pidfd = pidfd_fork (PIDFDFORK_ASYNCSAFE);
  if (pidfd == 0 && !child_returns)
    _exit (FINE);
  /* A container may not have more than are needed. */
  if (pidfd < 0 && errno == EAGAIN && forks_of_handler >= CHILDREN / 4)
    {
      errno = error;
      return;
    }
  pidfd_of_handler = pidfd;
  pidfds_of_handler[forks_of_handler++] = pidfd;
  errno = error;
}

static void
handle_by_forking (int signal)
{
  struct sigaction forking = { .sa_handler = fork_in_handler, .sa_flags = SA_RESTART };
  CHECK (sigaction (signal, &forking, NULL) == 0);
}

TEST (asyncsafe_in_a_signal_handler)
{
  handle_by_forking (SIGUSR1);
  CHECK_EQ (raise (SIGUSR1), 0);
  CHECK (pidfd_of_handler > 0);
  CHECK_EXIT (pidfd_of_handler, FINE);
}

TEST (a_child_that_returns_from_the_handler_goes_on_with_the_callers_mask)
{
  const uint64_t before = mask_now ();
  handle_by_forking (SIGUSR1);
  child_returns = 1;
  CHECK_EQ (raise (SIGUSR1), 0);
  CHECK_EQ (mask_now (), before);
  if (pidfd_of_handler == 0)
    _exit (FINE);
  CHECK (pidfd_of_handler > 0);
  CHECK_EXIT (pidfd_of_handler, FINE);
}

/* A signal every now and then while the work is done, until the handler has forked enough. */
static void
interrupt (void (*work) (void))
{
  handle_by_forking (SIGALRM);
  struct itimerval often = { { 0, 500 }, { 0, 500 } }, never = { { 0, 0 }, { 0, 0 } };
  CHECK (setitimer (ITIMER_REAL, &often, NULL) == 0);
  while (forks_of_handler < CHILDREN / 4)
    work ();
  CHECK (setitimer (ITIMER_REAL, &never, NULL) == 0);
  signal (SIGALRM, SIG_IGN);
  for (int i = 0; i < forks_of_handler; i++)
    {
      CHECK (pidfds_of_handler[i] > 0);
      CHECK_EXIT (pidfds_of_handler[i], FINE);
    }
}

TEST (asyncsafe_in_a_handler_that_interrupts_malloc_and_stdio)
{
  interrupt (allocate_and_print);
}

static void
fork_too (void)
{
  int pidfd = fork_by (PIDFDFORK_ASYNCSAFE);
  if (pidfd == 0)
    _exit (FINE);
  CHECK_EXIT (pidfd, FINE);
}

TEST (asyncsafe_in_a_handler_that_interrupts_asyncsafe)
{
  interrupt (fork_too);
}

static void
fork_too_plainly (void)
{
  int pidfd = fork_by (0);
  if (pidfd == 0)
    _exit (FINE);
  CHECK_EXIT (pidfd, FINE);
}

TEST (asyncsafe_in_a_handler_that_interrupts_plain)
{
  interrupt (fork_too_plainly);
}

/* Signals. */

static void
check_mask (unsigned int flags, const sigset_t *mask)
{
  sigset_t before, now;
  CHECK_EQ (pthread_sigmask (SIG_SETMASK, mask, &before), 0);
  const uint64_t wanted = mask_now ();
  int pidfd = fork_by (flags);
  if (pidfd == 0)
    _exit (mask_now () == wanted ? FINE : 1);
  CHECK_EQ (mask_now (), wanted);
  CHECK_EQ (pthread_sigmask (SIG_SETMASK, &before, &now), 0);
  CHECK_EXIT (pidfd, FINE);
}

EACH_CALLER (the_mask_is_the_callers)
{
  sigset_t mask;
  sigemptyset (&mask);
  check_mask (flags, &mask);
  sigaddset (&mask, SIGUSR2);
  sigaddset (&mask, SIGCHLD);
  sigaddset (&mask, SIGRTMAX);
  check_mask (flags, &mask);
  sigfillset (&mask);
  check_mask (flags, &mask);
}

EACH_CALLER (the_dispositions_are_the_callers)
{
  /* Unlike in a spawned program, handlers stay. */
  handle_by_forking (SIGUSR1);
  signal (SIGUSR2, SIG_IGN);
  int pidfd = fork_by (flags);
  if (pidfd == 0)
    {
      struct sigaction action;
      CHECK (sigaction (SIGUSR1, NULL, &action) == 0);
      CHECK (action.sa_handler == fork_in_handler);
      CHECK (sigaction (SIGUSR2, NULL, &action) == 0);
      CHECK (action.sa_handler == SIG_IGN);
      CHECK (sigaction (SIGCHLD, NULL, &action) == 0);
      CHECK (action.sa_handler == SIG_DFL);
      _exit (FINE);
    }
  CHECK_EXIT (pidfd, FINE);
}
