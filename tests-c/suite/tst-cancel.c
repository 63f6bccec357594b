/* SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * Thread cancellation: no call is a cancellation point, and a thread that may be cancelled at any instant loses
 * neither a child nor a descriptor inside a call. */

#include "runner.h"

enum { UNTOUCHED = -7 };

CHILD (exit_with)
{
  return atoi (argv[0]);
}

static char **exit_4;

/* Each makes one call and checks its result. */

static void
spawn_something (void)
{
  for (int call = 0; call < 2; call++)
    {
      int pidfd = UNTOUCHED;
      int error = both_calls[call](&pidfd, self_path, NULL, NULL, exit_4, environ);
      CHECK_EQ (error, 0);
      pthread_setcancelstate (PTHREAD_CANCEL_DISABLE, NULL);
      CHECK_EXIT (pidfd, 4);
      pthread_setcancelstate (PTHREAD_CANCEL_ENABLE, NULL);
    }
}

static void
spawn_nothing (void)
{
  for (int call = 0; call < 2; call++)
    {
      int pidfd = UNTOUCHED;
      CHECK_EQ (both_calls[call](&pidfd, "/nonexistent/program", NULL, NULL, exit_4, environ), ENOENT);
      CHECK_EQ (pidfd, UNTOUCHED);
    }
  int pidfd = UNTOUCHED;
  CHECK_EQ (SPAWNP (&pidfd, "no such program anywhere", NULL, NULL, exit_4, environ), ENOENT);
  CHECK_EQ (pidfd, UNTOUCHED);
}

static void
spawn_with_actions (void)
{
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init (&actions);
  posix_spawn_file_actions_addopen (&actions, 20, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_addclose (&actions, 20);
  int pidfd = UNTOUCHED;
  CHECK_EQ (SPAWN (&pidfd, self_path, &actions, NULL, exit_4, environ), 0);
  pthread_setcancelstate (PTHREAD_CANCEL_DISABLE, NULL);
  CHECK_EXIT (pidfd, 4);
  pthread_setcancelstate (PTHREAD_CANCEL_ENABLE, NULL);
  posix_spawn_file_actions_adddup2 (&actions, 700, 20);
  CHECK_EQ (SPAWN (&pidfd, self_path, &actions, NULL, exit_4, environ), EBADF);
  posix_spawn_file_actions_destroy (&actions);
}

#if HAVE_LIBRARY
static void
fork_with (unsigned int flags)
{
  int pidfd = pidfd_fork (flags);
  if (pidfd == 0)
    _exit (4);
  pthread_setcancelstate (PTHREAD_CANCEL_DISABLE, NULL);
  CHECK (pidfd > 0);
  CHECK_EXIT (pidfd, 4);
  pthread_setcancelstate (PTHREAD_CANCEL_ENABLE, NULL);
}

static void
fork_plain (void)
{
  fork_with (0);
}

static void
fork_async_safe (void)
{
  fork_with (PIDFDFORK_ASYNCSAFE);
}

static void
fork_nothing (void)
{
  CHECK_ERRNO (pidfd_fork (1U << 9), EINVAL);
}

static void
ask_for_ids (void)
{
  int self = sys_pidfd_open (getpid (), 0);
  CHECK (self >= 0);
  CHECK_EQ (pidfd_getpid (self), getpid ());
  pthread_setcancelstate (PTHREAD_CANCEL_DISABLE, NULL);
  CHECK (close (self) == 0);
  pthread_setcancelstate (PTHREAD_CANCEL_ENABLE, NULL);
  CHECK_ERRNO (pidfd_getpid (STDERR_FILENO), EBADF);
  CHECK_ERRNO (pidfd_getpid (-1), EBADF);
}

/* By way of /proc, where files are opened, read and closed. */
static void
ask_for_ids_the_old_way (void)
{
  int self = sys_pidfd_open (getpid (), 0);
  CHECK (self >= 0);
  refuse_call (SYS_ioctl, ENOTTY);
  CHECK_EQ (pidfd_getpid (self), getpid ());
  pthread_setcancelstate (PTHREAD_CANCEL_DISABLE, NULL);
  CHECK (close (self) == 0);
  pthread_setcancelstate (PTHREAD_CANCEL_ENABLE, NULL);
}

static void
spawn_the_old_way (void)
{
  refuse_call (SYS_clone3, ENOSYS);
  spawn_something ();
  spawn_nothing ();
}
#endif

static volatile int returned;

/* A request is pending when the calls are made; it must not be acted upon before the thread itself says so. */
static void *
call_with_a_request (void *calls)
{
  CHECK_EQ (pthread_setcanceltype (PTHREAD_CANCEL_DEFERRED, NULL), 0);
  CHECK_EQ (pthread_cancel (pthread_self ()), 0);
  ((void (*) (void)) calls) ();
  int state, type;
  pthread_setcancelstate (PTHREAD_CANCEL_ENABLE, &state);
  pthread_setcanceltype (PTHREAD_CANCEL_DEFERRED, &type);
  CHECK_EQ (state, PTHREAD_CANCEL_ENABLE);
  CHECK_EQ (type, PTHREAD_CANCEL_DEFERRED);
  returned = 1;
  pthread_testcancel ();
  return NULL;
}

static void
check_no_cancellation_point_at (int line, void (*calls) (void))
{
  exit_4 = child_argv ("exit_with", "4", NULL);
  pthread_t thread;
  void *result;
  returned = 0;
  CHECK_EQ (pthread_create (&thread, NULL, call_with_a_request, (void *) calls), 0);
  CHECK_EQ (pthread_join (thread, &result), 0);
  if (!returned)
    test_fail (__FILE__, line, "the thread was cancelled inside a call");
  if (result != PTHREAD_CANCELED)
    test_fail (__FILE__, line, "the request was lost");
}
#define CHECK_NO_CANCELLATION_POINT(calls) check_no_cancellation_point_at (__LINE__, calls)

TEST (spawn_is_no_cancellation_point)
{
  CHECK_NO_CANCELLATION_POINT (spawn_something);
}

TEST (failing_spawn_is_no_cancellation_point)
{
  CHECK_NO_CANCELLATION_POINT (spawn_nothing);
}

TEST (spawn_with_actions_is_no_cancellation_point)
{
  CHECK_NO_CANCELLATION_POINT (spawn_with_actions);
}

#if HAVE_LIBRARY

TEST (spawn_by_the_fallback_is_no_cancellation_point)
{
  CHECK_NO_CANCELLATION_POINT (spawn_the_old_way);
}

TEST (fork_is_no_cancellation_point)
{
  CHECK_NO_CANCELLATION_POINT (fork_plain);
}

TEST (async_safe_fork_is_no_cancellation_point)
{
  CHECK_NO_CANCELLATION_POINT (fork_async_safe);
}

TEST (failing_fork_is_no_cancellation_point)
{
  CHECK_NO_CANCELLATION_POINT (fork_nothing);
}

TEST (getpid_is_no_cancellation_point)
{
  CHECK_NO_CANCELLATION_POINT (ask_for_ids);
}

TEST (getpid_by_way_of_proc_is_no_cancellation_point)
{
  CHECK_NO_CANCELLATION_POINT (ask_for_ids_the_old_way);
}

/* The states are the same after each call, whatever its result, in the child of a fork too. */
TEST (states_are_kept)
{
  static const int states[] = { PTHREAD_CANCEL_DISABLE, PTHREAD_CANCEL_ENABLE };
  static const int types[] = { PTHREAD_CANCEL_ASYNCHRONOUS, PTHREAD_CANCEL_DEFERRED };
  exit_4 = child_argv ("exit_with", "4", NULL);
  int self = sys_pidfd_open (getpid (), 0);
  CHECK (self >= 0);
  for (int i = 0; i < 4; i++)
    for (int what = 0; what < 8; what++)
      {
        pthread_setcancelstate (states[i % 2], NULL);
        pthread_setcanceltype (types[i / 2], NULL);
        int result = UNTOUCHED, pidfd = UNTOUCHED, state, type;
        switch (what)
          {
          case 0:
          case 1:
            result = both_calls[what](&pidfd, self_path, NULL, NULL, exit_4, environ);
            break;
          case 2:
          case 3:
            result = both_calls[what - 2](&pidfd, "/nonexistent/program", NULL, NULL, exit_4, environ);
            break;
          case 4:
          case 5:
            pidfd = pidfd_fork (what == 4 ? 0 : last_fork_flags ());
            break;
          case 6:
            result = pidfd_fork (1U << 9);
            break;
          case 7:
            result = pidfd_getpid (self);
            break;
          }
        pthread_setcancelstate (PTHREAD_CANCEL_DISABLE, &state);
        pthread_setcanceltype (PTHREAD_CANCEL_DEFERRED, &type);
        bool same = state == states[i % 2] && type == types[i / 2];
        if (pidfd == 0)
          _exit (same ? 4 : 5);
        pthread_setcancelstate (PTHREAD_CANCEL_ENABLE, NULL);
        if (!same)
          FAIL ("call %d changed state %d to %d, type %d to %d", what, states[i % 2], state, types[i / 2], type);
        if (pidfd > 0)
          CHECK_EXIT (pidfd, 4);
        CHECK_EQ (result, what < 2 ? 0 : what < 4 ? ENOENT : what < 6 ? UNTOUCHED : what == 6 ? -1 : getpid ());
      }
  CHECK (close (self) == 0);
}

#endif

/* A thread that has disabled cancellation keeps it so, of whichever type it is. */
static void *
call_with_a_request_and_disabled (void *type)
{
  pthread_setcancelstate (PTHREAD_CANCEL_DISABLE, NULL);
  pthread_setcanceltype (*(int *) type, NULL);
  CHECK_EQ (pthread_cancel (pthread_self ()), 0);
  int pidfds[2] = { UNTOUCHED, UNTOUCHED };
  for (int call = 0; call < 2; call++)
    {
      CHECK_EQ (both_calls[call](&pidfds[call], self_path, NULL, NULL, exit_4, environ), 0);
      CHECK_EXIT (pidfds[call], 4);
      CHECK_EQ (both_calls[call](&pidfds[call], "/nonexistent/program", NULL, NULL, exit_4, environ), ENOENT);
    }
#if HAVE_LIBRARY
  for (unsigned int flags = 0; flags <= last_fork_flags (); flags += PIDFDFORK_ASYNCSAFE)
    {
      int pidfd = pidfd_fork (flags);
      if (pidfd == 0)
        _exit (4);
      CHECK (pidfd > 0);
      CHECK_EQ (pidfd_getpid (pidfd), pid_of (pidfd));
      CHECK_EXIT (pidfd, 4);
    }
#endif
  returned = 1;
  return NULL;
}

TEST (calls_with_cancellation_disabled)
{
  exit_4 = child_argv ("exit_with", "4", NULL);
  static int types[] = { PTHREAD_CANCEL_DEFERRED, PTHREAD_CANCEL_ASYNCHRONOUS };
  for (int i = 0; i < 2; i++)
    {
      pthread_t thread;
      void *result = PTHREAD_CANCELED;
      returned = 0;
      CHECK_EQ (pthread_create (&thread, NULL, call_with_a_request_and_disabled, &types[i]), 0);
      CHECK_EQ (pthread_join (thread, &result), 0);
      CHECK (returned);
      CHECK (result == NULL);
    }
}

/* ---- A request that comes in the middle of a call ---- */

static int stored, call_result;

struct held_call {
  posix_spawn_file_actions_t actions;
  int type, which;
};

static void *
call_that_is_held (void *argument)
{
  struct held_call *held = argument;
  pthread_setcanceltype (held->type, NULL);
  call_result = both_calls[held->which](&stored, self_path, &held->actions, NULL, exit_4, environ);
  /* An asynchronous request may be acted upon anywhere here, but after the result is stored. */
  returned = 1;
  for (;;)
    pthread_testcancel ();
  return NULL;
}

static void
check_request_in_the_middle (int type)
{
  need_list_of_children ();
  exit_4 = child_argv ("exit_with", "4", NULL);
  for (int call = 0; call < 2; call++)
    {
      char *fifo = test_path ("fifo");
      CHECK (mkfifo (fifo, 0600) == 0);
      struct held_call held = { .type = type, .which = call };
      posix_spawn_file_actions_init (&held.actions);
      posix_spawn_file_actions_addopen (&held.actions, 20, fifo, O_RDONLY, 0);
      pthread_t thread;
      void *result;
      stored = UNTOUCHED;
      returned = 0;
      CHECK_EQ (pthread_create (&thread, NULL, call_that_is_held, &held), 0);
      sleeping_child ();
      CHECK_EQ (pthread_cancel (thread), 0);
      int release = open (fifo, O_RDWR | O_CLOEXEC);
      CHECK (release >= 0);
      CHECK_EQ (pthread_join (thread, &result), 0);
      CHECK (type == PTHREAD_CANCEL_ASYNCHRONOUS || result == PTHREAD_CANCELED);
      CHECK_EXIT (stored, 4);
      CHECK (type == PTHREAD_CANCEL_ASYNCHRONOUS || returned);
      CHECK (close (release) == 0);
      CHECK (unlink (fifo) == 0);
      posix_spawn_file_actions_destroy (&held.actions);
    }
}

TEST (deferred_request_in_the_middle_of_a_spawn)
{
  check_request_in_the_middle (PTHREAD_CANCEL_DEFERRED);
}

#if HAVE_LIBRARY

TEST (asynchronous_request_in_the_middle_of_a_spawn)
{
  check_request_in_the_middle (PTHREAD_CANCEL_ASYNCHRONOUS);
}

/* ---- A request that comes at any instant ---- */

static volatile int started;

static posix_spawn_file_actions_t some_actions;

static void *
call_again_and_again (void *path)
{
  pthread_setcancelstate (PTHREAD_CANCEL_DISABLE, NULL);
  for (unsigned int i = 0;; i++)
    {
      started = 1;
      pthread_setcancelstate (PTHREAD_CANCEL_ENABLE, NULL);
      pthread_setcanceltype (PTHREAD_CANCEL_ASYNCHRONOUS, NULL);
      call_result = both_calls[i % 2](&stored, path, i / 2 % 2 ? &some_actions : NULL, NULL, exit_4, environ);
      /* The type as well: glibc 2.36 lets a request that is on its way act on a thread that has just disabled them. */
      pthread_setcanceltype (PTHREAD_CANCEL_DEFERRED, NULL);
      pthread_setcancelstate (PTHREAD_CANCEL_DISABLE, NULL);
      if (stored != UNTOUCHED)
        CHECK_EXIT (stored, 4);
      stored = UNTOUCHED;
    }
  return NULL;
}

static void *
spin (void *unused)
{
  (void) unused;
  pthread_setcanceltype (PTHREAD_CANCEL_ASYNCHRONOUS, NULL);
  for (;;)
    started = 1;
  return NULL;
}

static void
cancel_a_spinning_thread (void *unused)
{
  (void) unused;
  pthread_t thread;
  started = 0;
  CHECK_EQ (pthread_create (&thread, NULL, spin, NULL), 0);
  while (!started)
    sched_yield ();
  CHECK_EQ (pthread_cancel (thread), 0);
  CHECK_EQ (pthread_join (thread, NULL), 0);
}

/* What the call has stored is the caller's; everything else must be gone, however far the call had come. */
static void
check_any_instant (const char *path)
{
  /* qemu-user's loongarch64 names another register than the stack pointer where it tells of a handler's frame. */
  if (in_fork (cancel_a_spinning_thread, NULL) != 0)
    SKIP ("a thread that is interrupted cannot be cancelled here, whatever it does");
  posix_spawn_file_actions_init (&some_actions);
  posix_spawn_file_actions_addopen (&some_actions, 20, "/dev/null", O_RDONLY, 0);
  exit_4 = child_argv ("exit_with", "4", NULL);
  for (int i = 0; i < 60; i++)
    {
      int descriptors = open_descriptors ();
      pthread_t thread;
      stored = UNTOUCHED;
      started = 0;
      CHECK_EQ (pthread_create (&thread, NULL, call_again_and_again, (void *) path), 0);
      while (!started)
        sched_yield ();
      for (volatile int spin = 0; spin < i * 4000; spin++)
        continue;
      CHECK_EQ (pthread_cancel (thread), 0);
      /* The thread's result is of no use: glibc's pthread_setcancelstate forgot it before 2.37. */
      CHECK_EQ (pthread_join (thread, NULL), 0);
      if (stored != UNTOUCHED)
        CHECK_EXIT (stored, 4);
      CHECK_NO_CHILD ();
      CHECK_EQ (open_descriptors (), descriptors);
    }
}

TEST (request_at_any_instant_of_a_spawn)
{
  check_any_instant (self_path);
}

TEST (request_at_any_instant_of_a_failing_spawn)
{
  check_any_instant ("/nonexistent/program");
}

#endif
