/* SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * pidfd_wait on children: what waitid tells, options, errors, cancellation.  For processes that are no children, or no
 * longer, see tst-wait-stolen.c. */

#include "waiting.h"

TEST (an_exit_is_told)
{
  for (int status = 0; status < 256; status += 51)
    {
      struct process child = start (status);
      let_go (&child);
      check_told (child.pidfd, 0, &(struct told) { CLD_EXITED, status, child.pid, getuid (), USED });
      end_of (&child);
    }
}

TEST (a_death_by_signal_is_told)
{
  for (int signal = SIGHUP; signal <= SIGKILL; signal += SIGKILL - SIGHUP)
    {
      struct process child = start (-signal);
      let_go (&child);
      check_told (child.pidfd, 0, &(struct told) { CLD_KILLED, signal, child.pid, getuid (), USED });
      end_of (&child);
    }
}

TEST (a_core_dump_is_told)
{
  struct process child = start_dumping ();
  check_told (child.pidfd, 0, &(struct told) { CLD_DUMPED, SIGSEGV, child.pid, getuid (), USED });
  end_of (&child);
}

/* The real user, not the effective one. */
TEST (the_user_is_told)
{
  need_users ();
  struct process child = start_as (7, 54321, 54322);
  let_go (&child);
  check_told (child.pidfd, 0, &(struct told) { CLD_EXITED, 7, child.pid, 54321, USED });
  end_of (&child);
}

TEST (it_waits_for_a_child_that_runs)
{
  struct process child = start (3);
  struct waiter waiter;
  begin_wait (&waiter, child.pidfd, 0);
  await_sleep (&waiter);
  let_go (&child);
  check_waiter (&waiter, &(struct told) { CLD_EXITED, 3, child.pid, getuid (), USED });
  end_of (&child);
}

TEST (info_and_usage_may_be_null)
{
  for (int given = 0; given < 4; given++)
    {
      siginfo_t info;
      struct rusage usage;
      memset (&info, PATTERN, sizeof info);
      memset (&usage, PATTERN, sizeof usage);
      struct process child = start (5);
      let_go (&child);
      CHECK_EQ (pidfd_wait (child.pidfd, given & 1 ? &info : NULL, 0, given & 2 ? &usage : NULL), 0);
      if (given & 1)
        CHECK_EQ (info.si_status, 5);
      if (given & 2)
        CHECK (usage.ru_maxrss >= 0 && usage.ru_minflt > 0);
      end_of (&child);
    }
}

/* The kernel's own word on the same child, which is left where it is. */
static bool
is_usage_of_waitid (void)
{
  struct process child = start (5);
  let_go (&child);
  await_end (child.pidfd);
  long kernels[64] = { 0 };
  siginfo_t info;
  CHECK (syscall (SYS_waitid, PIDFD, child.pidfd, &info, WEXITED | WNOWAIT, kernels) == 0);
  struct rusage usage;
  CHECK_EQ (pidfd_wait (child.pidfd, NULL, 0, &usage), 0);
  end_of (&child);
  return usage.ru_stime.tv_sec == kernels[2] && usage.ru_stime.tv_usec == kernels[3] && usage.ru_maxrss == kernels[4]
         && usage.ru_minflt == kernels[8] && usage.ru_nvcsw == kernels[16] && usage.ru_nivcsw == kernels[17];
}

/* A child can be waited for a moment before it is counted that it leaves its processor. */
TEST (the_usage_is_that_of_waitid)
{
  for (int i = 0; i < 20; i++)
    if (is_usage_of_waitid ())
      return;
  FAIL ("another usage than waitid's, of each of 20 children");
}

TEST (errno_is_kept)
{
  struct process child = start (5);
  errno = EXDEV;
  CHECK_EQ (pidfd_wait (child.pidfd, NULL, WNOHANG, NULL), 0);
  CHECK_EQ (errno, EXDEV);
  let_go (&child);
  CHECK_EQ (pidfd_wait (child.pidfd, NULL, 0, NULL), 0);
  CHECK_EQ (errno, EXDEV);
  end_of (&child);
}

TEST (options_are_looked_at_first)
{
  struct process child = start (5);
  let_go (&child);
  await_end (child.pidfd);
  const int unknown[] = { __WALL, __WCLONE, __WNOTHREAD, 1 << 4, 1 << 20, INT_MIN, -1, WNOHANG | __WALL };
  for (size_t i = 0; i < sizeof unknown / sizeof *unknown; i++)
    {
      check_fails (child.pidfd, unknown[i], EINVAL);
      check_fails (-1, unknown[i], EINVAL);
    }
  check_told (child.pidfd, WEXITED, &(struct told) { CLD_EXITED, 5, child.pid, getuid (), USED });
  end_of (&child);
}

TEST (what_is_no_pidfd_is_EBADF)
{
  int closed = dup (STDERR_FILENO), pipes[2];
  CHECK (close (closed) == 0 && pipe (pipes) == 0);
  const int others[] = {
    -1, INT_MIN, -100, closed, INT_MAX, pipes[0], open ("/dev/null", O_RDONLY), open ("/", O_RDONLY),
    open ("/", O_PATH), open ("/proc/self", O_RDONLY),
  };
  enum { COUNT = sizeof others / sizeof *others };
  for (int i = 0; i < COUNT; i++)
    {
      check_fails (others[i], 0, EBADF);
      check_fails (others[i], WNOHANG, EBADF);
    }
  for (int i = COUNT - 4; i < COUNT; i++)
    close (others[i]);
  close (pipes[0]);
  close (pipes[1]);
}

TEST (with_WNOHANG_it_does_not_wait)
{
  struct process child = start (5);
  check_not_yet (child.pidfd, 0);
  check_not_yet (child.pidfd, WEXITED | WNOWAIT);
  let_go (&child);
  await_end (child.pidfd);
  check_told (child.pidfd, WNOHANG, &(struct told) { CLD_EXITED, 5, child.pid, getuid (), USED });
  end_of (&child);
}

TEST (with_WNOWAIT_the_status_stays)
{
  struct process child = start (5);
  let_go (&child);
  for (int i = 0; i < 3; i++)
    check_told (child.pidfd, WNOWAIT, &(struct told) { CLD_EXITED, 5, child.pid, getuid (), USED });
  siginfo_t info = reap (child.pidfd);
  CHECK_EQ (info.si_status, 5);
  child.pidfd = -1;
  end_of (&child);
}

TEST (a_child_that_was_stopped_and_continued_is_told)
{
  struct process child = start (5);
  /* It may have had no page fault yet, nor need it have run when it is told to. */
  struct told stopped = { CLD_STOPPED, SIGSTOP, child.pid, getuid (), ANY_USE };
  struct told continued = { CLD_CONTINUED, SIGCONT, child.pid, getuid (), ANY_USE };
  check_not_yet (child.pidfd, WSTOPPED | WCONTINUED);
  CHECK (kill (child.pid, SIGSTOP) == 0);
  check_told (child.pidfd, WSTOPPED | WNOWAIT, &stopped);
  check_not_yet (child.pidfd, 0);
  check_not_yet (child.pidfd, WCONTINUED);
  check_told (child.pidfd, WSTOPPED, &stopped);
  check_not_yet (child.pidfd, WSTOPPED);
  CHECK (kill (child.pid, SIGCONT) == 0);
  check_told (child.pidfd, WCONTINUED | WNOWAIT, &continued);
  check_not_yet (child.pidfd, 0);
  check_not_yet (child.pidfd, WSTOPPED);
  check_told (child.pidfd, WSTOPPED | WCONTINUED, &continued);
  check_not_yet (child.pidfd, WSTOPPED | WCONTINUED);
  let_go (&child);
  check_told (child.pidfd, WSTOPPED | WCONTINUED, &(struct told) { CLD_EXITED, 5, child.pid, getuid (), USED });
  end_of (&child);
}

TEST (a_stop_while_it_waits_is_told)
{
  struct process child = start (5);
  struct waiter waiter;
  begin_wait (&waiter, child.pidfd, WSTOPPED);
  await_sleep (&waiter);
  CHECK (kill (child.pid, SIGSTOP) == 0);
  check_waiter (&waiter, &(struct told) { CLD_STOPPED, SIGSTOP, child.pid, getuid (), ANY_USE });
  CHECK (kill (child.pid, SIGKILL) == 0);
  check_told (child.pidfd, 0, &(struct told) { CLD_KILLED, SIGKILL, child.pid, getuid (), ANY_USE });
  end_of (&child);
}

TEST (a_nonblocking_pidfd_gives_EAGAIN)
{
  struct process child = start (5);
  int nonblocking = sys_pidfd_open (child.pid, O_NONBLOCK);
  if (nonblocking < 0)
    SKIP ("no PIDFD_NONBLOCK: %s", strerror (errno));
  check_fails (nonblocking, 0, EAGAIN);
  check_fails (nonblocking, WSTOPPED, EAGAIN);
  check_not_yet (nonblocking, 0);
  let_go (&child);
  await_end (child.pidfd);
  check_told (nonblocking, 0, &(struct told) { CLD_EXITED, 5, child.pid, getuid (), USED });
  close (nonblocking);
  end_of (&child);
}

static void
do_nothing (int signal)
{
  (void) signal;
}

TEST (a_signal_handler_interrupts_it)
{
  struct sigaction action = { .sa_handler = do_nothing };
  CHECK (sigaction (SIGUSR1, &action, NULL) == 0);
  struct process child = start (5);
  struct waiter waiter;
  begin_wait (&waiter, child.pidfd, 0);
  interrupt (&waiter);
  check_waiter_failed (&waiter, EINTR);
  let_go (&child);
  check_told (child.pidfd, 0, &(struct told) { CLD_EXITED, 5, child.pid, getuid (), USED });
  end_of (&child);
}

TEST (a_handler_that_restarts_calls_does_not)
{
  struct sigaction action = { .sa_handler = do_nothing, .sa_flags = SA_RESTART };
  CHECK (sigaction (SIGUSR1, &action, NULL) == 0);
  struct process child = start (5);
  struct waiter waiter;
  begin_wait (&waiter, child.pidfd, 0);
  for (int i = 0; i < 20; i++)
    {
      await_sleep (&waiter);
      CHECK_EQ (pthread_kill (waiter.thread, SIGUSR1), 0);
    }
  let_go (&child);
  check_waiter (&waiter, &(struct told) { CLD_EXITED, 5, child.pid, getuid (), USED });
  end_of (&child);
}

TEST (a_blocked_wait_is_cancelled_and_the_status_stays)
{
  struct process child = start (5);
  struct waiter waiter;
  begin_wait (&waiter, child.pidfd, 0);
  await_sleep (&waiter);
  CHECK_EQ (pthread_cancel (waiter.thread), 0);
  check_waiter_cancelled (&waiter);
  let_go (&child);
  check_told (child.pidfd, 0, &(struct told) { CLD_EXITED, 5, child.pid, getuid (), USED });
  end_of (&child);
}

/* Also if there is nothing to wait for. */
TEST (a_pending_request_acts_and_the_status_stays)
{
  const int options[] = { 0, WNOHANG, WNOHANG | WNOWAIT };
  struct process child = start (5);
  let_go (&child);
  await_end (child.pidfd);
  for (size_t i = 0; i < sizeof options / sizeof *options; i++)
    {
      struct waiter waiter;
      begin_wait_with_request (&waiter, child.pidfd, options[i]);
      check_waiter_cancelled (&waiter);
    }
  check_told (child.pidfd, 0, &(struct told) { CLD_EXITED, 5, child.pid, getuid (), USED });
  end_of (&child);
}

/* The request comes while the child ends: either the thread has the status, or it is still there. */
TEST (a_request_at_any_instant_loses_no_status)
{
  for (int i = 0; i < 400; i++)
    {
      struct process child = start (5);
      struct waiter waiter;
      begin_wait (&waiter, child.pidfd, 0);
      if (i % 2)
        await_sleep (&waiter);
      let_go (&child);
      for (volatile int delay = i % 40 * 100; delay > 0; delay--)
        ;
      pthread_cancel (waiter.thread);
      if (join (&waiter) == PTHREAD_CANCELED)
        {
          siginfo_t info;
          CHECK (waitid (PIDFD, (id_t) child.pidfd, &info, WEXITED) == 0);
          CHECK_EQ (info.si_status, 5);
        }
      else
        {
          CHECK_EQ (waiter.result, 0);
          CHECK_EQ (waiter.info.si_status, 5);
        }
      end_of (&child);
    }
}

TEST (two_waiters_both_get_the_status_and_one_the_usage)
{
  need_exit_status ();
  for (int i = 0; i < 100; i++)
    {
      struct process child = start (5);
      struct waiter waiters[2];
      for (int each = 0; each < 2; each++)
        begin_wait (&waiters[each], child.pidfd, 0);
      if (i % 2)
        for (int each = 0; each < 2; each++)
          await_sleep (&waiters[each]);
      let_go (&child);
      int with_usage = 0;
      for (int each = 0; each < 2; each++)
        {
          CHECK (join (&waiters[each]) == NULL);
          CHECK_EQ (waiters[each].result, 0);
          CHECK_EQ (waiters[each].info.si_signo, SIGCHLD);
          CHECK_EQ (waiters[each].info.si_code, CLD_EXITED);
          CHECK_EQ (waiters[each].info.si_status, 5);
          CHECK (waiters[each].info.si_pid == child.pid || (i % 2 == 0 && waiters[each].info.si_pid == 0));
          with_usage += !is_zero (&waiters[each].usage);
        }
      CHECK_EQ (with_usage, 1);
      end_of (&child);
    }
}

/* One of them gets the news of a stop, and the other goes on waiting. */
TEST (a_stop_is_told_to_one_of_two_waiters)
{
  for (int i = 0; i < 60; i++)
    {
      struct process child = start (5);
      struct waiter waiters[2];
      for (int each = 0; each < 2; each++)
        {
          begin_wait (&waiters[each], child.pidfd, WSTOPPED);
          await_sleep (&waiters[each]);
        }
      CHECK (kill (child.pid, SIGSTOP) == 0);
      while (!waiters[0].returned && !waiters[1].returned)
        usleep (100);
      struct waiter *told = &waiters[waiters[0].returned ? 0 : 1], *other = &waiters[waiters[0].returned ? 1 : 0];
      check_waiter (told, &(struct told) { CLD_STOPPED, SIGSTOP, child.pid, getuid (), ANY_USE });
      await_sleep (other);
      CHECK (kill (child.pid, SIGKILL) == 0);
      check_waiter (other, &(struct told) { CLD_KILLED, SIGKILL, child.pid, getuid (), ANY_USE });
      end_of (&child);
    }
}

/* Such a child is waited for by few others. */
TEST (a_child_whose_end_sends_no_signal_is_told)
{
  pid_t pid = (pid_t) syscall (SYS_clone, 0, 0, 0, 0, 0);
  CHECK (pid >= 0);
  if (pid == 0)
    syscall (SYS_exit_group, 5);
  int pidfd = sys_pidfd_open (pid, 0);
  check_told (pidfd, 0, &(struct told) { CLD_EXITED, 5, pid, getuid (), USED });
  close (pidfd);
}

/* Before Linux 6.15 the kernel does not tell; a child's status is waitid's affair. */
TEST (children_need_nothing_new_of_the_kernel)
{
  filter_the_ioctl (FILTER_ERROR (ENOTTY));
  struct process child = start (5);
  check_not_yet (child.pidfd, 0);
  struct waiter waiter;
  begin_wait (&waiter, child.pidfd, 0);
  await_sleep (&waiter);
  let_go (&child);
  check_waiter (&waiter, &(struct told) { CLD_EXITED, 5, child.pid, getuid (), USED });
  end_of (&child);
}
