/* SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * Handlers of pthread_atfork that mean the end of the thread, or do not come back.  A request for cancellation that
 * they make acts after the call, and a jump out of them leaves everything as after fork. */

#include "fork.h"

#include <setjmp.h>

#define BIT(signal) (1ULL << ((signal) -1))

static volatile bool cancels;
static volatile int type = PTHREAD_CANCEL_DEFERRED, named;

static void
cancel_itself (void)
{
  if (cancels)
    CHECK_EQ (pthread_cancel (pthread_self ()), 0);
}

static void *
fork_and_go_on (void *unused)
{
  pthread_setcanceltype (type, NULL);
  cancels = true;
  int pidfd = FORK (0);
  cancels = false;
  if (pidfd == 0)
    _exit (FINE);
  named = pidfd;
  for (;;)
    pthread_testcancel ();
  return unused;
}

static void
check_canceled (void)
{
  pthread_t thread;
  void *result;
  CHECK_EQ (pthread_create (&thread, NULL, fork_and_go_on, NULL), 0);
  CHECK_EQ (pthread_join (thread, &result), 0);
  if (result != PTHREAD_CANCELED)
    FAIL ("the thread ends with %p", result);
}

TEST (a_request_of_a_prepare_handler_acts_after_the_call)
{
  CHECK_EQ (pthread_atfork (cancel_itself, NULL, NULL), 0);
  check_canceled ();
  CHECK (named > 0);
  CHECK_EXIT (named, FINE);
}

TEST (a_request_of_a_parent_handler_acts_after_the_call)
{
  CHECK_EQ (pthread_atfork (NULL, cancel_itself, NULL), 0);
  check_canceled ();
  CHECK (named > 0);
  CHECK_EXIT (named, FINE);
}

#if HAVE_LIBRARY
/* With one thread.  There the very first request in the life of a process is not looked for: one that a handler makes
   of its own thread acts at the handler's next cancellation point, as under fork. */
static void
cancel_itself_and_test (void)
{
  cancel_itself ();
  pthread_testcancel ();
}


static void *
end_canceled (void *unused)
{
  for (;;)
    pthread_testcancel ();
  return unused;
}

static void
fork_canceled (void *in_parent)
{
  pthread_t thread;
  CHECK_EQ (pthread_create (&thread, NULL, end_canceled, NULL), 0);
  CHECK_EQ (pthread_cancel (thread), 0);
  CHECK_EQ (pthread_join (thread, NULL), 0);
  if (*(bool *) in_parent)
    CHECK_EQ (pthread_atfork (NULL, cancel_itself_and_test, NULL), 0);
  else
    CHECK_EQ (pthread_atfork (cancel_itself_and_test, NULL, NULL), 0);
  cancels = true;
  int pidfd = FORK (0);
  pthread_setcancelstate (PTHREAD_CANCEL_DISABLE, NULL);
  if (pidfd == 0)
    _exit (FINE);
  CHECK_EXIT (pidfd, FINE);
  _exit (FINE);
}

TEST (a_request_does_not_act_inside_handlers)
{
  for (int i = 0; i < 2; i++)
    {
      bool in_parent = i;
      int status = in_fork (fork_canceled, &in_parent);
      CHECK (WIFEXITED (status));
      if (WEXITSTATUS (status) != FINE)
        FAIL ("canceled inside the call, in a handler of the %s", in_parent ? "parent" : "caller");
    }
}
#endif

/* Then it may act when the type is given back, and the pidfd is lost.  The thread's end is that of a canceled one. */
TEST_LEAVING (a_request_of_a_parent_handler_that_acts_asynchronously)
{
  int status;
  type = PTHREAD_CANCEL_ASYNCHRONOUS;
  CHECK_EQ (pthread_atfork (NULL, cancel_itself, NULL), 0);
  check_canceled ();
  CHECK (waitpid (-1, &status, 0) > 0);
  CHECK (WIFEXITED (status) && (WEXITSTATUS (status) == FINE || named == 0));
}

/* A handler that does not come back.  With several threads a libc may then keep its own lock for ever. */

static sigjmp_buf place;
static volatile bool jumps;

static void
jump_away (void)
{
  if (jumps)
    siglongjmp (place, 1);
}

/* What was made for the call cannot be known any more; the rest must be sound. */
TEST_LEAVING (a_jump_out_of_a_prepare_handler)
{
  enum { JUMPS = 3, HELPERS = 3 };
  sigset_t mask = SIGNALS (SIGUSR2);
  CHECK_EQ (pthread_atfork (jump_away, NULL, NULL), 0);
  CHECK_EQ (pthread_sigmask (SIG_SETMASK, &mask, NULL), 0);
  int descriptors = open_descriptors ();
  for (volatile int i = 0; i < JUMPS; i++)
    {
      jumps = true;
      if (sigsetjmp (place, 0) == 0)
        {
          FORK (0);
          FAIL ("the handler came back");
        }
      jumps = false;
      CHECK_EQ (mask_now (), BIT (SIGUSR2));
      CHECK_NO_CHILD ();
      int left = open_descriptors () - descriptors;
      if (left > HELPERS * (i + 1))
        FAIL ("%d descriptors are left after jump %d", left, i + 1);
    }
  int pidfd = FORK (0);
  if (pidfd == 0)
    _exit (mask_now () == BIT (SIGUSR2) ? FINE : 1);
  CHECK_EQ (mask_now (), BIT (SIGUSR2));
  CHECK_EXIT (pidfd, FINE);
}

#if HAVE_LIBRARY

/* Requests that no handler makes, and the state and type of cancellation. */

EACH_CALLER (the_cancel_state_stays)
{
  for (int enabled = 0; enabled < 2; enabled++)
    {
      int before, state = enabled ? PTHREAD_CANCEL_ENABLE : PTHREAD_CANCEL_DISABLE, after;
      pthread_setcancelstate (state, &before);
      int pidfd = fork_by (flags);
      pthread_setcancelstate (before, &after);
      if (pidfd == 0)
        _exit (after == state ? FINE : 1);
      CHECK_EQ (after, state);
      CHECK_EXIT (pidfd, FINE);
    }
}

EACH_CALLER (the_cancel_type_stays)
{
  int before, after;
  pthread_setcanceltype (PTHREAD_CANCEL_ASYNCHRONOUS, &before);
  int pidfd = pidfd_fork (flags);
  pthread_setcanceltype (before, &after);
  if (pidfd == 0)
    _exit (after == PTHREAD_CANCEL_ASYNCHRONOUS ? FINE : 1);
  CHECK_EQ (after, PTHREAD_CANCEL_ASYNCHRONOUS);
  CHECK_EXIT (pidfd, FINE);
}

static void *
fork_while_cancelled (void *flags)
{
  pthread_cancel (pthread_self ());
  int pidfd = pidfd_fork (*(unsigned int *) flags);
  pthread_setcancelstate (PTHREAD_CANCEL_DISABLE, NULL);
  if (pidfd == 0)
    _exit (FINE);
  return (void *) (intptr_t) pidfd;
}

BOTH_KINDS (a_pending_cancellation_does_not_act_inside)
{
  pthread_t thread;
  void *result;
  CHECK_EQ (pthread_create (&thread, NULL, fork_while_cancelled, &flags), 0);
  CHECK_EQ (pthread_join (thread, &result), 0);
  CHECK (result != PTHREAD_CANCELED);
  CHECK ((intptr_t) result > 0);
  CHECK_EXIT ((int) (intptr_t) result, FINE);
}

static void *
fail_while_cancelled (void *flags)
{
  /* In this order: to cancel, a libc may have to load something. */
  pthread_cancel (pthread_self ());
  pthread_setcancelstate (PTHREAD_CANCEL_DISABLE, NULL);
  use_up_descriptors ();
  pthread_setcancelstate (PTHREAD_CANCEL_ENABLE, NULL);
  int pidfd = pidfd_fork (*(unsigned int *) flags);
  int error = errno;
  pthread_setcancelstate (PTHREAD_CANCEL_DISABLE, NULL);
  if (pidfd == 0)
    _exit (FINE);
  give_back_descriptors ();
  CHECK_EQ (pidfd, -1);
  return (void *) (intptr_t) error;
}

BOTH_KINDS (a_pending_cancellation_does_not_act_inside_a_failing_call)
{
  pthread_t thread;
  void *result;
  CHECK_EQ (pthread_create (&thread, NULL, fail_while_cancelled, &flags), 0);
  CHECK_EQ (pthread_join (thread, &result), 0);
  CHECK (result != PTHREAD_CANCELED);
  CHECK_EQ ((intptr_t) result, EMFILE);
}

#endif
