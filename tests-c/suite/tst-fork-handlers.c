/* SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * The handlers of pthread_atfork are other people's code and find what they find under fork: the caller's signal mask,
 * so that the thread answers the signals that others wait for.  What they do to the mask lasts, what they
 * do to errno does not. */

#include "fork.h"

#include <semaphore.h>

static uint64_t in_prepare, in_parent, in_child;

static void
note_in_prepare (void)
{
  in_prepare = mask_now ();
}

static void
note_in_parent (void)
{
  in_parent = mask_now ();
}

static void
note_in_child (void)
{
  in_child = mask_now ();
}

static void
check_mask_inside (const sigset_t *mask)
{
  sigset_t before;
  CHECK_EQ (pthread_sigmask (SIG_SETMASK, mask, &before), 0);
  const uint64_t wanted = mask_now ();
  in_prepare = in_parent = in_child = ~wanted;
  int pidfd = FORK (0);
  if (pidfd == 0)
    {
      CHECK_EQ (in_prepare, wanted);
      CHECK_EQ (in_child, wanted);
      CHECK_EQ (mask_now (), wanted);
      _exit (FINE);
    }
  CHECK_EQ (mask_now (), wanted);
  CHECK_EQ (pthread_sigmask (SIG_SETMASK, &before, NULL), 0);
  CHECK_EXIT (pidfd, FINE);
  CHECK_EQ (in_prepare, wanted);
  CHECK_EQ (in_parent, wanted);
}

ALONE_AND_AMONG_THREADS (handlers_run_with_the_callers_mask)
{
  CHECK_EQ (pthread_atfork (note_in_prepare, note_in_parent, note_in_child), 0);
  sigset_t mask;
  sigemptyset (&mask);
  check_mask_inside (&mask);
  sigaddset (&mask, SIGUSR2);
  sigaddset (&mask, SIGRTMAX);
  check_mask_inside (&mask);
  sigfillset (&mask);
  check_mask_inside (&mask);
}

/* Each handler blocks one signal and unblocks another. */

static void
change_mask (int block, int unblock)
{
  sigset_t set = SIGNALS (block);
  CHECK_EQ (pthread_sigmask (SIG_BLOCK, &set, NULL), 0);
  sigemptyset (&set);
  sigaddset (&set, unblock);
  CHECK_EQ (pthread_sigmask (SIG_UNBLOCK, &set, NULL), 0);
}

static void
change_in_prepare (void)
{
  change_mask (SIGTTIN, SIGTTOU);
}

static void
change_in_parent (void)
{
  change_mask (SIGURG, SIGUSR1);
}

static void
change_in_child (void)
{
  change_mask (SIGWINCH, SIGUSR2);
}

#define BIT(signal) (1ULL << ((signal) -1))

ALONE_AND_AMONG_THREADS (what_handlers_do_to_the_mask_lasts)
{
  sigset_t mask, before;
  sigemptyset (&mask);
  sigaddset (&mask, SIGTTOU);
  sigaddset (&mask, SIGUSR1);
  sigaddset (&mask, SIGUSR2);
  CHECK_EQ (pthread_atfork (change_in_prepare, change_in_parent, change_in_child), 0);
  CHECK_EQ (pthread_sigmask (SIG_SETMASK, &mask, &before), 0);
  int pidfd = FORK (0);
  if (pidfd == 0)
    {
      CHECK_EQ (mask_now (), BIT (SIGTTIN) | BIT (SIGWINCH) | BIT (SIGUSR1));
      _exit (FINE);
    }
  CHECK_EQ (mask_now (), BIT (SIGTTIN) | BIT (SIGURG) | BIT (SIGUSR2));
  CHECK_EQ (pthread_sigmask (SIG_SETMASK, &before, NULL), 0);
  CHECK_EXIT (pidfd, FINE);
}

/* A thread inherits the mask of its maker and has it for life. */

static void *
note_mask (void *place)
{
  *(uint64_t *) place = mask_now ();
  return NULL;
}

static void
start_thread (uint64_t *place)
{
  pthread_t thread;
  CHECK_EQ (pthread_create (&thread, NULL, note_mask, place), 0);
  CHECK_EQ (pthread_join (thread, NULL), 0);
}

static void
start_in_prepare (void)
{
  start_thread (&in_prepare);
}

static void
start_in_parent (void)
{
  start_thread (&in_parent);
}

static void
start_in_child (void)
{
  start_thread (&in_child);
}

ALONE_AND_AMONG_THREADS (threads_that_handlers_start_have_the_callers_mask)
{
  CHECK_EQ (pthread_atfork (start_in_prepare, start_in_parent, start_in_child), 0);
  sigset_t mask;
  sigemptyset (&mask);
  check_mask_inside (&mask);
  sigaddset (&mask, SIGUSR2);
  check_mask_inside (&mask);
}

/* Another thread needs an answer of every thread, and has a lock that a prepare handler waits for. */

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static volatile bool locked, wanted;

static void
take_lock (void)
{
  wanted = true;
  pthread_mutex_lock (&lock);
}

static void
give_lock_back (void)
{
  pthread_mutex_unlock (&lock);
}

/* The body has the lock while the caller waits for it. */
static void
fork_beside (void *(*body) (void *), void *argument)
{
  pthread_t thread;
  CHECK_EQ (pthread_atfork (take_lock, give_lock_back, give_lock_back), 0);
  CHECK_EQ (pthread_create (&thread, NULL, body, argument), 0);
  while (!locked)
    usleep (1000);
  int pidfd = FORK (0);
  if (pidfd == 0)
    _exit (FINE);
  CHECK_EXIT (pidfd, FINE);
  CHECK_EQ (pthread_join (thread, NULL), 0);
}

static void
have_the_lock_wanted (void)
{
  pthread_mutex_lock (&lock);
  locked = true;
  while (!wanted)
    usleep (1000);
  /* For the other to come to where it waits. */
  usleep (20000);
}

static void *
set_ids (void *unused)
{
  have_the_lock_wanted ();
  /* In a user namespace without the ID this is EINVAL. */
  CHECK (setuid (getuid ()) == 0 || errno == EINVAL);
  CHECK (setgid (getgid ()) == 0 || errno == EINVAL);
  pthread_mutex_unlock (&lock);
  return unused;
}

TEST (a_thread_in_setuid_has_a_lock_that_a_handler_wants)
{
  fork_beside (set_ids, NULL);
}

/* As a garbage collector does it. */

static sem_t stopped;
static volatile bool world_goes_on;

static void
stop_until_the_world_goes_on (int signal)
{
  (void) signal;
  int error = errno;
  sem_post (&stopped);
  while (!world_goes_on)
    usleep (1000);
  errno = error;
}

static void *
stop_the_world (void *world)
{
  struct timespec limit;
  have_the_lock_wanted ();
  CHECK_EQ (pthread_kill (*(pthread_t *) world, SIGUSR1), 0);
  clock_gettime (CLOCK_REALTIME, &limit);
  limit.tv_sec += PROMPT / 1000;
  if (sem_timedwait (&stopped, &limit) != 0)
    FAIL ("the thread that forks does not take the signal that stops it");
  world_goes_on = true;
  pthread_mutex_unlock (&lock);
  return NULL;
}

TEST (a_collector_stops_the_world_while_a_handler_wants_its_lock)
{
  pthread_t self = pthread_self ();
  struct sigaction stopping = { .sa_handler = stop_until_the_world_goes_on, .sa_flags = SA_RESTART };
  CHECK (sem_init (&stopped, 0, 0) == 0);
  CHECK (sigaction (SIGUSR1, &stopping, NULL) == 0);
  fork_beside (stop_the_world, &self);
}

/* A signal whose handler runs while a handler of pthread_atfork does. */

static volatile sig_atomic_t taken;

static void
take_signal (int signal)
{
  (void) signal;
  taken++;
}

static void
raise_and_look (void)
{
  int before = taken;
  CHECK_EQ (raise (SIGUSR1), 0);
  CHECK_EQ (taken, before + 1);
}

ALONE_AND_AMONG_THREADS (signals_are_taken_inside_handlers)
{
  struct sigaction taking = { .sa_handler = take_signal };
  CHECK (sigaction (SIGUSR1, &taking, NULL) == 0);
  CHECK_EQ (pthread_atfork (raise_and_look, raise_and_look, raise_and_look), 0);
  int pidfd = FORK (0);
  if (pidfd == 0)
    _exit (taken == 2 ? FINE : 1);
  CHECK_EQ (taken, 2);
  CHECK_EXIT (pidfd, FINE);
}

/* errno. */

static void
spoil_errno (void)
{
  errno = ENOTTY;
}

#if HAVE_LIBRARY
ALONE_AND_AMONG_THREADS (errno_is_kept_whatever_handlers_do)
{
  CHECK_EQ (pthread_atfork (spoil_errno, spoil_errno, spoil_errno), 0);
  errno = EXDEV;
  int pidfd = FORK (0), error = errno;
  if (pidfd == 0)
    _exit (error == EXDEV ? FINE : 1);
  CHECK_EQ (error, EXDEV);
  CHECK_EXIT (pidfd, FINE);
}
#endif

static void
fail_beside_handlers (void *has_threads)
{
  CHECK_EQ (pthread_atfork (spoil_errno, spoil_errno, spoil_errno), 0);
  if (has_threads)
    start_idle_threads (1);
  allow_no_more_processes ();
  CHECK_ERRNO (FORK (0), EAGAIN);
  CHECK_NO_CHILD ();
}

TEST (errno_is_the_reason_of_a_failure_whatever_handlers_do)
{
  if (GLIBC_BEFORE (2, 36))
    SKIP ("the libc's fork does not keep it");
  CHECK_EQ (in_fork (fail_beside_handlers, NULL), 0);
  CHECK_EQ (in_fork (fail_beside_handlers, &lock), 0);
}

/* The child is not waited for before it can answer. */
static void
exit_in_child (void)
{
  _exit (FINE);
}

ALONE_AND_AMONG_THREADS (a_child_handler_that_ends_the_child)
{
  CHECK_EQ (pthread_atfork (NULL, NULL, exit_in_child), 0);
  int pidfd = FORK (0);
  if (pidfd > 0)
    CHECK_EXIT (pidfd, FINE);
  CHECK (pidfd != 0);
}
