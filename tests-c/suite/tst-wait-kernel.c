/* SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * pidfd_wait and what the kernel tells of exit statuses: nothing before Linux 6.15, and nothing of a process that is
 * out of sight; and how the library finds that out. */

#include "waiting.h"

/* ECHILD at once, whether it has ended or not. */
static void
check_untold (void)
{
  struct process child = start (5);
  let_go (&child);
  CHECK_EQ (waitpid (child.pid, NULL, 0), child.pid);
  check_fails (child.pidfd, 0, ECHILD);
  check_fails (child.pidfd, WNOHANG, ECHILD);
  end_of (&child);

  struct stranger stranger = start_stranger (9);
  check_fails (stranger.process.pidfd, 0, ECHILD);
  check_fails (stranger.process.pidfd, WNOHANG, ECHILD);
  order (&stranger, END);
  check_fails (stranger.process.pidfd, 0, ECHILD);
  order (&stranger, REAP);
  check_fails (stranger.process.pidfd, 0, ECHILD);
  end_of_stranger (&stranger);
}

TEST (where_the_kernel_does_not_tell_it_is_ECHILD_at_once)
{
  filter_the_ioctl (FILTER_ERROR (ENOTTY));
  check_untold ();
}

/* Linux 6.13 and 6.14 answer the question, but not that part of it. */
TEST (before_Linux_6_15_it_is_ECHILD_at_once)
{
  if (kernel_tells ())
    SKIP ("the kernel tells exit statuses through pidfds");
  check_untold ();
}

static void *
tell_of_no_file_system (void *listener)
{
  struct notified_call call;
  while (receive_call (*(int *) listener, &call) && answer_call (*(int *) listener, &call, 0))
    ;
  return NULL;
}

/* There a sandbox, or want of descriptors, can keep the library from trying what the kernel tells. */
TEST (of_a_process_that_is_gone_and_untold_nothing_is_to_come)
{
  struct process child = start (5);
  let_go (&child);
  CHECK_EQ (waitpid (child.pid, NULL, 0), child.pid);
  filter_the_ioctl (FILTER_ERROR (ESRCH));
  refuse_call (SYS_clone, EPERM);
  check_fails (child.pidfd, WNOHANG, ECHILD);
  check_fails (child.pidfd, 0, ECHILD);
  end_of (&child);
}

/* Before Linux 6.9 a pidfd is a file of another kind, to which the question could mean anything. */
TEST_LEAVING (what_is_not_on_pidfs_is_not_asked)
{
  static int listener;
  pthread_t thread;
  listener = LISTEN ({ .call = FSTATFS, .action = FILTER_NOTIFY });
  CHECK_EQ (pthread_create (&thread, NULL, tell_of_no_file_system, &listener), 0);
  filter_the_ioctl (FILTER_KILL);
  check_untold ();
}

/* In a sandbox that does not tell of what kind it is, it is a pidfd all the same. */
TEST (where_fstatfs_is_refused_the_status_is_told)
{
  need_exit_status ();
  refuse_call (FSTATFS, EPERM);
  struct process child = start (5);
  let_go (&child);
  CHECK_EQ (waitpid (child.pid, NULL, 0), child.pid);
  check_told (child.pidfd, 0, &(struct told) { CLD_EXITED, 5, 0, 0, UNUSED });
  end_of (&child);
}

/* In a namespace of its own, the caller sees nothing of a process outside. */
static void
wait_from_within (void *pidfd)
{
  if (unshare (CLONE_NEWPID) != 0)
    SKIP ("no PID namespace: %s", strerror (errno));
  pid_t init = fork ();
  CHECK (init >= 0);
  if (init == 0)
    {
      check_fails (*(int *) pidfd, 0, ECHILD);
      check_fails (*(int *) pidfd, WNOHANG, ECHILD);
      _exit (42);
    }
  int status;
  CHECK_EQ (waitpid (init, &status, 0), init);
  CHECK (WIFEXITED (status) && WEXITSTATUS (status) == 42);
}

TEST (what_is_out_of_sight_is_ECHILD_at_once)
{
  need_root ();
  struct process child = start (5);
  CHECK_EQ (in_fork (wait_from_within, &child.pidfd), 0);
  let_go (&child);
  await_end (child.pidfd);
  CHECK_EQ (in_fork (wait_from_within, &child.pidfd), 0);
  reap (child.pidfd);
  child.pidfd = -1;
  end_of (&child);
}

static void
wait_before_the_first_process (void *pidfd)
{
  if (unshare (CLONE_NEWPID) != 0)
    SKIP ("no PID namespace: %s", strerror (errno));
  siginfo_t info;
  int result = pidfd_wait (*(int *) pidfd, &info, WNOHANG, NULL);
  CHECK (result == 0 ? info.si_signo == 0 : errno == ECHILD);
  pid_t first = fork ();
  CHECK (first >= 0);
  if (first == 0)
    _exit (getpid () == 1 ? 42 : 1);
  int status;
  CHECK_EQ (waitpid (first, &status, 0), first);
  CHECK (WIFEXITED (status) && WEXITSTATUS (status) == 42);
}

/* What the kernel can tell is not tried out by a child that would be process 1. */
TEST (the_first_process_of_a_namespace_is_left_to_the_caller)
{
  need_root ();
  struct process child = start (5);
  CHECK_EQ (in_fork (wait_before_the_first_process, &child.pidfd), 0);
  let_go (&child);
  await_end (child.pidfd);
  reap (child.pidfd);
  child.pidfd = -1;
  end_of (&child);
}

static volatile int children_signalled;

static void
count_child (int signal)
{
  (void) signal;
  children_signalled++;
}

/* The library looks at a process of its own to learn what the kernel tells. */
TEST (nothing_is_noticed_of_the_first_call)
{
  struct stranger stranger = start_stranger (9);
  CHECK (signal (SIGCHLD, count_child) != SIG_ERR);
  static struct snapshot before, after;
  siginfo_t info;
  take_snapshot (&before, true);
  (void) pidfd_wait (stranger.process.pidfd, &info, WNOHANG, NULL);
  take_snapshot (&after, true);
  const char *difference = compare_snapshots (&before, &after);
  if (difference)
    FAIL ("%s", difference);
  CHECK_EQ (children_signalled, 0);
  order (&stranger, END);
  order (&stranger, REAP);
  end_of_stranger (&stranger);
}
