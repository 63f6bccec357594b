/* SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * pidfd_fork when the child is gone before it has a name and its number was given to another process, which is a child
 * of another thread of this process: the call fails.  It does not wait for that process and does not
 * take its status. */

#include "fork.h"

#if HAVE_LIBRARY

static int listener;
static volatile pid_t recycled;
static volatile bool adopted, returned, waited;

/* struct clone_args as of Linux 5.5, which not every <linux/sched.h> has. */
struct arguments {
  uint64_t flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls, set_tid, set_tid_size;
};

static pid_t
fork_with_number (pid_t number)
{
  struct arguments arguments = { .exit_signal = SIGCHLD, .set_tid = (uint64_t) (uintptr_t) &number, .set_tid_size = 1 };
  pid_t pid = (pid_t) syscall (SYS_clone3, &arguments, sizeof arguments);
  if (pid == 0)
    {
      if (adopted)
        usleep (200 * 1000);
      else
        for (;;)
          pause ();
      _exit (5);
    }
  return pid;
}

static void *
recycle_the_pid (void *number)
{
  recycled = fork_with_number (*(pid_t *) number);
  return NULL;
}

/* Meets the caller when it is about to open a pidfd on its child. */
static void *
replace_the_child (void *unused)
{
  struct notified_call call;
  while (!receive_call (listener, &call))
    continue;
  pid_t child = (pid_t) call.arguments[0];
  /* What a broken library may ask for: with -1 all that can be killed would be. */
  CHECK (child > 0);
  CHECK (kill (child, SIGKILL) == 0);
  CHECK_EQ (waitpid (child, NULL, 0), child);
  if (adopted)
    {
      /* When a thread ends, its children go to another one: to the first. */
      pthread_t maker;
      CHECK_EQ (pthread_create (&maker, NULL, recycle_the_pid, &child), 0);
      CHECK_EQ (pthread_join (maker, NULL), 0);
      usleep (20 * 1000);
    }
  else
    recycle_the_pid (&child);
  CHECK (continue_call (listener, &call));
  for (int pause = 0; pause < PROMPT && !returned; pause++)
    usleep (1000);
  waited = !returned;
  if (waited && recycled > 0)
    kill (recycled, SIGKILL);
  return unused;
}

static void
check_recycled_pid (unsigned int flags)
{
  if (flags != 0 && NO_UNDERSCORE_FORK)
    SKIP ("the child is made together with its pidfd");
  listener = filter_pidfds_of_others (FILTER_NOTIFY, FILTER_LISTENER);
  pthread_t thread;
  CHECK_EQ (pthread_create (&thread, NULL, replace_the_child, NULL), 0);
  errno = 0;
  int pidfd = pidfd_fork (flags), error = errno;
  if (pidfd == 0)
    _exit (4);
  returned = true;
  CHECK_EQ (pthread_join (thread, NULL), 0);
  if (recycled < 0)
    SKIP ("a number cannot be asked for");
  if (waited)
    FAIL ("the call waited for the process that has the number now");
  if (pidfd > 0)
    FAIL ("the pidfd is that of the process that has the number now");
  CHECK_EQ (error, ESRCH);
  if (!adopted)
    CHECK (kill (recycled, SIGKILL) == 0);
  CHECK (waitpid (recycled, NULL, 0) == recycled || adopted);
}

/* The listener stays. */
TEST_LEAVING (a_recycled_pid_of_a_new_child_of_the_caller)
{
  adopted = true;
  check_recycled_pid (0);
}

TEST_LEAVING (a_recycled_pid_of_a_new_child_of_the_caller_asyncsafe)
{
  adopted = true;
  check_recycled_pid (PIDFDFORK_ASYNCSAFE);
}

TEST_LEAVING (a_recycled_pid)
{
  check_recycled_pid (0);
}

TEST_LEAVING (a_recycled_pid_asyncsafe)
{
  check_recycled_pid (PIDFDFORK_ASYNCSAFE);
}

#else

TEST (fork_recycled_pid)
{
  SKIP ("another function");
}

#endif
