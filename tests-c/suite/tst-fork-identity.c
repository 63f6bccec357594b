/* SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * Whose pidfd it is.  A child does not return from pidfd_fork before the parent has its pidfd, so that a child that
 * ends at once cannot lose its number to another process before that; and where it is killed and reaped in that moment
 * the call fails.  It never hangs, and an error means that no code of the program ran after the call. */

#include "fork.h"

#if HAVE_LIBRARY

#include <time.h>

/* Handlers of the parent that do all that a program can do with children. */

enum { MOST_CHILDREN = 512 };

static pid_t recycled;

static void
replace_the_child (void)
{
  pid_t child = await_child ();
  CHECK (kill (child, SIGKILL) == 0);
  CHECK_EQ (waitpid (child, NULL, 0), child);
  recycled = clone_with_number (child);
}

static void
check_recycled_pid (void)
{
  open_line ();
  int result = fork_telling (0), error = errno;
  if (recycled < 0)
    SKIP ("a number cannot be asked for");
  if (waitpid (recycled, NULL, WNOHANG) != 0)
    FAIL ("the call ended the process that has the number now");
  CHECK (kill (recycled, SIGKILL) == 0);
  CHECK (waitpid (recycled, NULL, 0) == recycled || errno == ECHILD);
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
  recycled = clone_with_number (child);
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

/* The process with the recycled PID is a child of this very thread, and holds all that was open.  The call waits for
   its answer for some time, so all ways of this are tried at once, each alone and among threads. */
TEST (a_parent_handler_gives_the_number_to_another_child)
{
  NEED_PATIENCE ();
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
        start_idle_threads (1);
      ways[i / 2] ();
      check_recycled_pid ();
      if (i % 2)
        end_idle_threads ();
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
stop_if_armed (void)
{
  if (armed)
    CHECK (kill (getpid (), SIGSTOP) == 0);
}

/* Where the parent needs the child's answer. */
TEST (a_child_that_stays_stopped_is_given_up)
{
  NEED_PATIENCE ();
  CHECK (signal (SIGCHLD, SIG_IGN) != SIG_ERR);
  register_handlers (NULL);
  CHECK_EQ (pthread_atfork (NULL, NULL, stop_if_armed), 0);
  open_line ();
  int result = fork_telling (0), error = errno;
  CHECK (kill (await_child (), SIGCONT) == 0);
  CHECK (waitpid (await_child (), NULL, 0) == -1 && errno == ECHILD);
  check_no_name (result, error);
}

static void
kill_and_reap (void)
{
  pid_t child = await_child ();
  CHECK (kill (child, SIGKILL) == 0);
  CHECK_EQ (waitpid (child, NULL, 0), child);
}

ALONE_AND_AMONG_THREADS (a_parent_handler_kills_and_reaps_the_child)
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
ALONE_AND_AMONG_THREADS (a_parent_handler_kills_the_child)
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

ALONE_AND_AMONG_THREADS (a_parent_handler_kills_the_child_and_reaps_another)
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
  /* It said so before it came to where it waits; an emulator may not tell what it blocks. */
  for (int pause = 0; pause < PROMPT && !(state_of (child).blocked & 1ULL << (SIGUSR1 - 1)); pause++)
    usleep (1000);
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

ALONE_AND_AMONG_THREADS (a_signal_for_the_child_is_not_taken_before_it_has_a_name)
{
  int pidfd = fork_with_signal (signal_and_kill_the_child);
  if (was_told ())
    FAIL ("a signal handler ran in a child that had no name yet");
  if (pidfd > 0)
    CHECK_KILLED (pidfd, SIGKILL);
}

ALONE_AND_AMONG_THREADS (a_signal_for_the_child_is_taken_when_it_has_a_name)
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

ALONE_AND_AMONG_THREADS (a_parent_handler_reaps_and_forks_again)
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

static void
unblock_chld_for_a_moment (void)
{
  sigset_t set = SIGNALS (SIGCHLD);
  CHECK_EQ (pthread_sigmask (SIG_UNBLOCK, &set, NULL), 0);
  usleep (100000);
}

/* The caller has it blocked, as a program has that takes it by a signalfd. */
ALONE_AND_AMONG_THREADS (a_parent_handler_unblocks_SIGCHLD_whose_handler_reaps)
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
  CHECK_ERRNO (pidfd_getpid (pidfd), ESRCH);
  CHECK (close (pidfd) == 0);
}

/* A process beside this one kills each child as soon as it sees it. */
static void
kill_children_of (pid_t process)
{
  pid_t children[MOST_CHILDREN];
  for (;;)
    for (int i = list_children (process, process, children, MOST_CHILDREN); i-- > 0;)
      if (children[i] != getpid ())
        kill (children[i], SIGKILL);
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

ALONE_AND_AMONG_THREADS (a_process_kills_every_child)
{
  enum { CALLS = 200 };
  need_list_of_children ();
  pid_t self = getpid (), killer = fork ();
  if (killer == 0)
    kill_children_of (self);
  int named = 0, failed = 0;
  for (int i = 0; i < CALLS; i++)
    check_with_a_killer (i % 2 ? last_fork_flags () : 0, &named, &failed);
  CHECK_EQ (named + failed, CALLS);
  siginfo_t info;
  memset (&info, 0, sizeof info);
  CHECK (waitid (P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid == 0);
  CHECK (kill (killer, SIGKILL) == 0);
  CHECK_EQ (waitpid (killer, NULL, 0), killer);
}

enum { CHILDREN = 200 };

/* Others who have to do with children. */

static void
check_nobodys_child (unsigned int flags)
{
  struct witness witness = fork_witness (flags);
  check_witness (witness);
  let_go (witness);
  wait_for_end (witness.pidfd);
  CHECK_ERRNO (waitid (PIDFD, (id_t) witness.pidfd, &(siginfo_t) { 0 }, WEXITED), ECHILD);
  close (witness.pidfd);
}

EACH_CALLER (with_SIGCHLD_ignored)
{
  struct sigaction ignoring = { .sa_handler = SIG_IGN };
  CHECK (sigaction (SIGCHLD, &ignoring, NULL) == 0);
  for (int i = 0; i < 20; i++)
    check_nobodys_child (flags);
  struct sigaction after;
  CHECK (sigaction (SIGCHLD, NULL, &after) == 0);
  CHECK (after.sa_handler == SIG_IGN);
}

EACH_CALLER (with_SA_NOCLDWAIT)
{
  struct sigaction dropping = { .sa_handler = SIG_DFL, .sa_flags = SA_NOCLDWAIT };
  CHECK (sigaction (SIGCHLD, &dropping, NULL) == 0);
  for (int i = 0; i < 20; i++)
    check_nobodys_child (flags);
  struct sigaction after;
  CHECK (sigaction (SIGCHLD, NULL, &after) == 0);
  CHECK (after.sa_flags & SA_NOCLDWAIT);
}

EACH_CALLER (with_SIGCHLD_ignored_a_child_that_ends_at_once)
{
  struct sigaction ignoring = { .sa_handler = SIG_IGN };
  CHECK (sigaction (SIGCHLD, &ignoring, NULL) == 0);
  for (int i = 0; i < 50; i++)
    {
      int pidfd = fork_by (flags);
      if (pidfd == 0)
        _exit (FINE);
      wait_for_end (pidfd);
      close (pidfd);
    }
}

/* A thread that reaps whatever ends, at once. */
static volatile bool reaped_enough;

static void *
reap_all (void *unused)
{
  while (!reaped_enough)
    if (waitpid (-1, NULL, 0) == -1)
      sched_yield ();
  while (waitpid (-1, NULL, 0) > 0)
    continue;
  return unused;
}

static pthread_t
start_reaper (void)
{
  pthread_t reaper;
  reaped_enough = false;
  CHECK_EQ (pthread_create (&reaper, NULL, reap_all, NULL), 0);
  return reaper;
}

static void
end_reaper (pthread_t reaper)
{
  reaped_enough = true;
  CHECK_EQ (pthread_join (reaper, NULL), 0);
}

BOTH_KINDS (beside_a_thread_that_reaps_everything)
{
  pthread_t reaper = start_reaper ();
  for (int i = 0; i < CHILDREN; i++)
    {
      struct witness witness = fork_witness (flags);
      check_witness (witness);
      let_go (witness);
      close (witness.pidfd);
    }
  end_reaper (reaper);
}

BOTH_KINDS (beside_a_thread_that_reaps_everything_children_that_end_at_once)
{
  pthread_t reaper = start_reaper ();
  for (int i = 0; i < CHILDREN; i++)
    {
      int pidfd = fork_by (flags);
      if (pidfd == 0)
        _exit (FINE);
      wait_for_end (pidfd);
      /* A container may not have more than some that nobody has reaped. */
      siginfo_t info;
      while (i % 16 == 15 && waitid (PIDFD, (id_t) pidfd, &info, WEXITED | WNOWAIT | WNOHANG) == 0)
        usleep (100);
      close (pidfd);
    }
  end_reaper (reaper);
}

/* Several threads that fork at the same time: nobody gets a pidfd of the others' children. */
static void *
fork_some (void *flags)
{
  for (int i = 0; i < CHILDREN / 8; i++)
    {
      struct witness witness = fork_witness (*(unsigned int *) flags);
      CHECK_EQ (pidfd_getpid (witness.pidfd), witness.pid);
      let_go (witness);
      siginfo_t info = reap (witness.pidfd);
      CHECK_EQ (info.si_pid, witness.pid);
      CHECK_EQ (info.si_status, FINE);
    }
  return NULL;
}

BOTH_KINDS (threads_that_fork_at_the_same_time)
{
  pthread_t threads[4];
  for (int i = 0; i < 4; i++)
    CHECK_EQ (pthread_create (&threads[i], NULL, fork_some, &flags), 0);
  for (int i = 0; i < 4; i++)
    CHECK_EQ (pthread_join (threads[i], NULL), 0);
}

/* A thread that kills every child as soon as it sees it.  It sees those of the first thread. */
static volatile bool killed_enough;

static void *
kill_all (void *unused)
{
  pid_t children[MOST_CHILDREN];
  while (!killed_enough)
    for (int i = list_children (getpid (), getpid (), children, MOST_CHILDREN); i-- > 0;)
      kill (children[i], SIGKILL);
  return unused;
}

static int
fork_sleeper (unsigned int flags)
{
  int pidfd = pidfd_fork (flags);
  if (pidfd == 0)
    for (;;)
      pause ();
  return pidfd;
}

static pthread_t
start_killer (void)
{
  pthread_t killer;
  need_list_of_children ();
  killed_enough = false;
  CHECK_EQ (pthread_create (&killer, NULL, kill_all, NULL), 0);
  return killer;
}

static void
end_killer (pthread_t killer)
{
  killed_enough = true;
  CHECK_EQ (pthread_join (killer, NULL), 0);
}

static void
check_with_killer (unsigned int flags, bool ignored)
{
  struct sigaction action = { .sa_handler = ignored ? SIG_IGN : SIG_DFL };
  CHECK (sigaction (SIGCHLD, &action, NULL) == 0);
  pthread_t killer = start_killer ();
  for (int i = 0; i < CHILDREN; i++)
    {
      int pidfd = fork_sleeper (flags);
      /* If it died before it had a name, there is none to give. */
      if (pidfd == -1)
        {
          CHECK_EQ (errno, ESRCH);
          continue;
        }
      CHECK (pidfd > 0);
      wait_for_end (pidfd);
      if (ignored)
        close (pidfd);
      else
        CHECK_KILLED (pidfd, SIGKILL);
    }
  end_killer (killer);
  CHECK_NO_CHILD ();
}

BOTH_KINDS (beside_a_thread_that_kills_every_child)
{
  check_with_killer (flags, false);
}

BOTH_KINDS (beside_a_thread_that_kills_every_child_with_SIGCHLD_ignored)
{
  check_with_killer (flags, true);
}

/* A thread that makes children which stay, and with them every descriptor that was open in that moment. */
static pid_t holders[CHILDREN];
static int holder_count;
static volatile bool held_enough;

static void *
make_holders (void *unused)
{
  while (!held_enough && holder_count < CHILDREN)
    {
      pid_t pid = fork ();
      if (pid == 0)
        for (;;)
          pause ();
      if (pid > 0)
        holders[holder_count++] = pid;
      sched_yield ();
    }
  return unused;
}

BOTH_KINDS (a_killed_child_is_noticed_though_others_hold_all_descriptors)
{
  pthread_t killer = start_killer (), holder;
  held_enough = false;
  CHECK_EQ (pthread_create (&holder, NULL, make_holders, NULL), 0);
  for (int i = 0; i < CHILDREN; i++)
    {
      int pidfd = fork_sleeper (flags);
      if (pidfd == -1)
        continue;
      wait_for_end (pidfd);
      CHECK_KILLED (pidfd, SIGKILL);
    }
  held_enough = true;
  CHECK_EQ (pthread_join (holder, NULL), 0);
  end_killer (killer);
  for (int i = 0; i < holder_count; i++)
    {
      kill (holders[i], SIGKILL);
      CHECK_EQ (waitpid (holders[i], NULL, 0), holders[i]);
    }
}

#else

TEST (fork_identity)
{
  SKIP ("fork gives no pidfd");
}

#endif
