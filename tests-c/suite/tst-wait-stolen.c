/* SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * pidfd_wait where waitid tells nothing: the status was taken by somebody else, SIGCHLD is ignored, the process is no
 * child of the caller. */

#include "waiting.h"

#include <sys/mount.h>
#include <sys/prctl.h>

TEST (a_status_that_was_taken_is_told)
{
  need_exit_status ();
  const int hows[] = { 0, 7, 255, -SIGTERM, -SIGKILL };
  const int options[] = { 0, WNOHANG, WNOWAIT, WEXITED | WSTOPPED | WCONTINUED };
  for (size_t i = 0; i < sizeof hows / sizeof *hows; i++)
    {
      struct process child = start (hows[i]);
      let_go (&child);
      CHECK_EQ (waitpid (child.pid, NULL, 0), child.pid);
      struct told told = { hows[i] < 0 ? CLD_KILLED : CLD_EXITED, abs (hows[i]), 0, 0, UNUSED };
      for (size_t each = 0; each < sizeof options / sizeof *options; each++)
        check_told (child.pidfd, options[each], &told);
      end_of (&child);
    }
}

TEST (a_core_dump_that_was_taken_is_told)
{
  need_exit_status ();
  struct process child = start_dumping ();
  CHECK_EQ (waitpid (child.pid, NULL, 0), child.pid);
  check_told (child.pidfd, 0, &(struct told) { CLD_DUMPED, SIGSEGV, 0, 0, UNUSED });
  end_of (&child);
}

TEST (info_and_usage_may_be_null)
{
  need_exit_status ();
  struct process child = start (5);
  let_go (&child);
  CHECK_EQ (waitpid (child.pid, NULL, 0), child.pid);
  CHECK_EQ (pidfd_wait (child.pidfd, NULL, 0, NULL), 0);
  CHECK_EQ (pidfd_wait (child.pidfd, NULL, WNOHANG, NULL), 0);
  end_of (&child);
}

TEST (a_nonblocking_pidfd_tells_it_too)
{
  need_exit_status ();
  struct process child = start (5);
  int nonblocking = sys_pidfd_open (child.pid, O_NONBLOCK);
  CHECK (nonblocking >= 0);
  let_go (&child);
  CHECK_EQ (waitpid (child.pid, NULL, 0), child.pid);
  check_told (nonblocking, 0, &(struct told) { CLD_EXITED, 5, 0, 0, UNUSED });
  close (nonblocking);
  end_of (&child);
}

/* As if somebody else took it after it was seen, when the call is about to. */
TEST (a_status_that_was_seen_is_told)
{
  uid_t user = getuid (), other = (uid_t) -1;
  if (user == 0)
    {
      need_users ();
      user = other = USER;
    }
  struct process exits = start_as (7, other, other), dies = start_as (-SIGTERM, other, other);
  struct told exit = { CLD_EXITED, 7, exits.pid, user, UNUSED };
  struct told death = { CLD_KILLED, SIGTERM, dies.pid, user, UNUSED };
  let_go (&exits);
  let_go (&dies);
  await_end (exits.pidfd);
  await_end (dies.pidfd);
  SET_FILTER ({ SYS_waitid, 3, WNOWAIT, 0, FILTER_ERROR (ECHILD) });
  check_told (exits.pidfd, WNOHANG, &exit);
  check_told (dies.pidfd, WNOHANG, &death);
  /* Nor is the kernel asked what it knows of a process that is gone. */
  filter_the_ioctl (FILTER_ERROR (ENOTTY));
  check_told (exits.pidfd, 0, &exit);
  check_told (dies.pidfd, 0, &death);
  CHECK_EQ (waitpid (exits.pid, NULL, 0), exits.pid);
  CHECK_EQ (waitpid (dies.pid, NULL, 0), dies.pid);
  end_of (&exits);
  end_of (&dies);
}

/* Threads that take whatever status there is. */

static volatile bool enough;
static volatile int stolen;

static void *
steal (void *unused)
{
  while (!enough)
    if (waitpid (-1, NULL, 0) > 0)
      __atomic_fetch_add (&stolen, 1, __ATOMIC_RELAXED);
    else
      usleep (50);
  return unused;
}

static void
wait_among_thieves (void)
{
  enum { THIEVES = 3, ROUNDS = 40, CHILDREN = 12 };
  pthread_t thieves[THIEVES];
  for (int i = 0; i < THIEVES; i++)
    CHECK_EQ (pthread_create (&thieves[i], NULL, steal, NULL), 0);
  for (int round = 0; round < ROUNDS; round++)
    {
      struct process children[CHILDREN];
      struct waiter waiters[CHILDREN];
      for (int i = 0; i < CHILDREN; i++)
        {
          children[i] = start (round + i);
          begin_wait (&waiters[i], children[i].pidfd, i % 3 == 0 ? WNOWAIT : i % 3 == 1 ? WSTOPPED : 0);
        }
      for (int i = 0; i < CHILDREN; i++)
        let_go (&children[i]);
      for (int i = 0; i < CHILDREN; i++)
        {
          CHECK (join (&waiters[i]) == NULL);
          CHECK_EQ (waiters[i].result, 0);
          struct told told = { CLD_EXITED, round + i, children[i].pid, getuid (), ANY_USE };
          if (waiters[i].info.si_pid == 0)
            told = (struct told) { CLD_EXITED, round + i, 0, 0, UNUSED };
          check_info_at (__FILE__, __LINE__, &waiters[i].info, &waiters[i].usage, &told);
          CHECK (!is_filled_with (&waiters[i].usage, sizeof waiters[i].usage, PATTERN));
          end_of (&children[i]);
        }
    }
  enough = true;
  for (int i = 0; i < THIEVES; i++)
    CHECK_EQ (pthread_join (thieves[i], NULL), 0);
  while (waitpid (-1, NULL, 0) > 0)
    ;
  CHECK (stolen > 0);
}

TEST (threads_that_wait_for_any_child_steal_nothing)
{
  need_exit_status ();
  wait_among_thieves ();
}

/* The first process of a container waits for whatever comes to it. */
static void
be_the_first_process (void *unused)
{
  (void) unused;
  if (unshare (CLONE_NEWPID | CLONE_NEWNS) != 0)
    SKIP ("no PID namespace: %s", strerror (errno));
  if (mount (NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0)
    SKIP ("no mounts of its own: %s", strerror (errno));
  pid_t init = fork ();
  CHECK (init >= 0);
  if (init == 0)
    {
      CHECK (mount ("proc", "/proc", "proc", 0, NULL) == 0);
      CHECK_EQ (getpid (), 1);
      wait_among_thieves ();
      _exit (42);
    }
  int status;
  CHECK_EQ (waitpid (init, &status, 0), init);
  CHECK (WIFEXITED (status) && WEXITSTATUS (status) == 42);
}

TEST (nor_in_the_first_process_of_a_namespace)
{
  need_root ();
  need_exit_status ();
  CHECK_EQ (in_fork (be_the_first_process, NULL), 0);
}

static void
check_without_zombies (const struct sigaction *action)
{
  need_exit_status ();
  CHECK (sigaction (SIGCHLD, action, NULL) == 0);
  for (int i = 0; i < 20; i++)
    {
      struct process child = start (i % 2 ? 5 : -SIGTERM);
      struct waiter waiter;
      check_not_yet (child.pidfd, 0);
      begin_wait (&waiter, child.pidfd, 0);
      await_sleep (&waiter);
      let_go (&child);
      struct told told = { i % 2 ? CLD_EXITED : CLD_KILLED, i % 2 ? 5 : SIGTERM, child.pid, getuid (), UNUSED };
      check_waiter (&waiter, &told);
      /* Gone a moment later: then nobody knows whose it was any more. */
      while (kill (child.pid, 0) == 0)
        usleep (100);
      told.pid = 0;
      told.uid = 0;
      check_told (child.pidfd, 0, &told);
      check_told (child.pidfd, WNOHANG, &told);
      end_of (&child);
    }
}

TEST (with_SIGCHLD_ignored_the_status_is_told)
{
  check_without_zombies (&(struct sigaction) { .sa_handler = SIG_IGN });
}

TEST (with_SA_NOCLDWAIT_the_status_is_told)
{
  check_without_zombies (&(struct sigaction) { .sa_handler = SIG_DFL, .sa_flags = SA_NOCLDWAIT });
}

/* The real user, as waitid tells it. */
TEST (the_user_is_asked_for_before)
{
  need_users ();
  need_exit_status ();
  CHECK (sigaction (SIGCHLD, &(struct sigaction) { .sa_handler = SIG_IGN }, NULL) == 0);
  struct process child = start_as (5, 54321, 54322);
  while (state_of (child.pid).uid != 54321)
    usleep (1000);
  struct waiter waiter;
  begin_wait (&waiter, child.pidfd, 0);
  await_sleep (&waiter);
  let_go (&child);
  check_waiter (&waiter, &(struct told) { CLD_EXITED, 5, child.pid, 54321, UNUSED });
  end_of (&child);
}

TEST (the_kernel_reaps_what_was_started_so)
{
  need_exit_status ();
  char *argv[] = { (char *) "sh", (char *) "-c", (char *) "exit 6", NULL };
  int pidfd;
  int error = spawn_ext (&pidfd, "/bin/sh", NULL, NULL, argv, ARGS (.flags = PIDFD_SPAWN_AUTOREAP));
  if (error == EOPNOTSUPP)
    SKIP ("the kernel does not reap children by itself");
  CHECK_EQ (error, 0);
  siginfo_t info;
  CHECK_EQ (pidfd_wait (pidfd, &info, 0, NULL), 0);
  CHECK_EQ (info.si_code, CLD_EXITED);
  CHECK_EQ (info.si_status, 6);
  close (pidfd);
}

/* A process that is no child. */

TEST (a_process_that_is_no_child_is_waited_for)
{
  need_exit_status ();
  struct stranger stranger = start_stranger (-SIGTERM);
  struct waiter waiter;
  check_not_yet (stranger.process.pidfd, 0);
  begin_wait (&waiter, stranger.process.pidfd, 0);
  await_sleep (&waiter);
  order (&stranger, END);
  order (&stranger, REAP);
  check_waiter (&waiter, &(struct told) { CLD_KILLED, SIGTERM, stranger.process.pid, getuid (), UNUSED });
  check_told (stranger.process.pidfd, WNOHANG, &(struct told) { CLD_KILLED, SIGTERM, 0, 0, UNUSED });
  end_of_stranger (&stranger);
}

TEST (a_zombie_of_another_has_not_ended_yet)
{
  need_exit_status ();
  struct stranger stranger = start_stranger (9);
  order (&stranger, END);
  await_end (stranger.process.pidfd);
  check_not_yet (stranger.process.pidfd, 0);
  struct waiter waiter;
  begin_wait (&waiter, stranger.process.pidfd, 0);
  await_sleep (&waiter);
  check_not_yet (stranger.process.pidfd, 0);
  order (&stranger, REAP);
  check_waiter (&waiter, &(struct told) { CLD_EXITED, 9, stranger.process.pid, getuid (), UNUSED });
  end_of_stranger (&stranger);
}

TEST (errno_is_kept)
{
  need_exit_status ();
  struct stranger stranger = start_stranger (9);
  errno = EXDEV;
  CHECK_EQ (pidfd_wait (stranger.process.pidfd, NULL, WNOHANG, NULL), 0);
  CHECK_EQ (errno, EXDEV);
  order (&stranger, END);
  order (&stranger, REAP);
  errno = EXDEV;
  CHECK_EQ (pidfd_wait (stranger.process.pidfd, NULL, 0, NULL), 0);
  CHECK_EQ (errno, EXDEV);
  end_of_stranger (&stranger);
}

TEST (stopping_what_is_no_child_is_not_told)
{
  need_exit_status ();
  struct stranger stranger = start_stranger (9);
  CHECK (kill (stranger.process.pid, SIGSTOP) == 0);
  while (activity_of (stranger.process.pid) != 'T')
    usleep (1000);
  check_not_yet (stranger.process.pidfd, WSTOPPED);
  struct waiter waiter;
  begin_wait (&waiter, stranger.process.pidfd, WSTOPPED | WCONTINUED);
  await_sleep (&waiter);
  CHECK (kill (stranger.process.pid, SIGCONT) == 0);
  check_not_yet (stranger.process.pidfd, WCONTINUED);
  order (&stranger, END);
  order (&stranger, REAP);
  check_waiter (&waiter, &(struct told) { CLD_EXITED, 9, stranger.process.pid, getuid (), UNUSED });
  end_of_stranger (&stranger);
}

TEST (a_nonblocking_pidfd_of_another_gives_EAGAIN)
{
  need_exit_status ();
  struct stranger stranger = start_stranger (9);
  int nonblocking = sys_pidfd_open (stranger.process.pid, O_NONBLOCK);
  CHECK (nonblocking >= 0);
  check_fails (nonblocking, 0, EAGAIN);
  check_not_yet (nonblocking, 0);
  order (&stranger, END);
  check_fails (nonblocking, 0, EAGAIN);
  order (&stranger, REAP);
  check_told (nonblocking, 0, &(struct told) { CLD_EXITED, 9, 0, 0, UNUSED });
  close (nonblocking);
  end_of_stranger (&stranger);
}

static void
do_nothing (int signal)
{
  (void) signal;
}

TEST (a_signal_handler_interrupts_it)
{
  need_exit_status ();
  struct sigaction action = { .sa_handler = do_nothing };
  CHECK (sigaction (SIGUSR1, &action, NULL) == 0);
  struct stranger stranger = start_stranger (9);
  struct waiter waiter;
  begin_wait (&waiter, stranger.process.pidfd, 0);
  interrupt (&waiter);
  check_waiter_failed (&waiter, EINTR);
  order (&stranger, END);
  order (&stranger, REAP);
  check_told (stranger.process.pidfd, 0, &(struct told) { CLD_EXITED, 9, 0, 0, UNUSED });
  end_of_stranger (&stranger);
}

TEST (a_blocked_wait_is_cancelled)
{
  need_exit_status ();
  struct stranger stranger = start_stranger (9);
  struct waiter waiter;
  begin_wait (&waiter, stranger.process.pidfd, 0);
  await_sleep (&waiter);
  CHECK_EQ (pthread_cancel (waiter.thread), 0);
  check_waiter_cancelled (&waiter);
  begin_wait_with_request (&waiter, stranger.process.pidfd, WNOHANG);
  check_waiter_cancelled (&waiter);
  order (&stranger, END);
  order (&stranger, REAP);
  check_told (stranger.process.pidfd, 0, &(struct told) { CLD_EXITED, 9, 0, 0, UNUSED });
  end_of_stranger (&stranger);
}

/* A process whose parent has gone comes to the subreaper, which then waits for a child. */
TEST (an_orphan_that_came_to_us_is_a_child)
{
  CHECK (prctl (PR_SET_CHILD_SUBREAPER, 1) == 0);
  struct stranger stranger = start_stranger (9);
  struct waiter waiter;
  order (&stranger, END);
  close (stranger.orders);
  CHECK_EQ (waitpid (stranger.parent, NULL, 0), stranger.parent);
  begin_wait (&waiter, stranger.process.pidfd, 0);
  check_waiter (&waiter, &(struct told) { CLD_EXITED, 9, stranger.process.pid, getuid (), USED });
  close (stranger.answers);
  close (stranger.process.pidfd);
}
