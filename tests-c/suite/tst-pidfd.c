/* SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * What one does with a pidfd: ask for the process ID, send signals, take descriptors, wait.  Nothing here is the
 * library's own but pidfd_getpid; the rest shows that what the spawn function gave is a pidfd in every respect. */

#include "runner.h"

enum {
  AS_EXPECTED = 50,
  OTHER_CODE = 51,
  OTHER_SENDER = 52,
  OTHER_VALUE = 53,
  NO_SIGNAL = 54,
  FORGOTTEN = 55,
  VALUE = 20230523,
};

static void
say_ready (const char *fd)
{
  if (write (atoi (fd), "r", 1) != 1)
    _exit (FORGOTTEN);
}

/* Tells when it runs, then does nothing. */
CHILD (idle)
{
  say_ready (argv[0]);
  close (atoi (argv[0]));
  while (pause () == -1)
    continue;
  return FORGOTTEN;
}

/* Tells when it is ready for SIGUSR1, and then what came with it. */
CHILD (receive)
{
  sigset_t awaited = SIGNALS (SIGUSR1);
  sigprocmask (SIG_BLOCK, &awaited, NULL);
  say_ready (argv[0]);
  siginfo_t info;
  if (sigwaitinfo (&awaited, &info) != SIGUSR1)
    return NO_SIGNAL;
  if (info.si_code != atoi (argv[1]))
    return OTHER_CODE;
  if (info.si_pid != getppid ())
    return OTHER_SENDER;
  if (info.si_code == SI_QUEUE && info.si_value.sival_int != VALUE)
    return OTHER_VALUE;
  return AS_EXPECTED;
}

/* Spawns one of these, gives its pidfd, and returns when it is ready. */
static int
start (const char *child, const char *argument)
{
  int ends[2], pidfd = -1;
  CHECK (pipe2 (ends, O_CLOEXEC) == 0);
  char *number = format ("%d", ends[1] + 20);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init (&actions);
  CHECK_EQ (posix_spawn_file_actions_adddup2 (&actions, ends[1], ends[1] + 20), 0);
  CHECK_EQ (SPAWN (&pidfd, self_path, &actions, NULL, child_argv (child, number, argument, NULL), environ), 0);
  posix_spawn_file_actions_destroy (&actions);
  close (ends[1]);
  char ready;
  CHECK_EQ (read (ends[0], &ready, 1), 1);
  close (ends[0]);
  return pidfd;
}

static void
end (int pidfd)
{
  CHECK (sys_pidfd_send_signal (pidfd, SIGKILL, NULL, 0) == 0);
  CHECK_KILLED (pidfd, SIGKILL);
}

#if HAVE_LIBRARY

TEST (getpid_of_minus_one_is_EBADF)
{
  CHECK_ERRNO (pidfd_getpid (-1), EBADF);
}

TEST (getpid_of_INT_MAX_is_EBADF)
{
  CHECK_ERRNO (pidfd_getpid (INT_MAX), EBADF);
}

TEST (getpid_of_stdout_is_EBADF)
{
  CHECK_ERRNO (pidfd_getpid (STDOUT_FILENO), EBADF);
}

TEST (getpid_of_a_zombie_is_its_id)
{
  int pidfd = start ("idle", NULL);
  pid_t alive = pidfd_getpid (pidfd);
  CHECK (sys_pidfd_send_signal (pidfd, SIGKILL, NULL, 0) == 0);
  siginfo_t info;
  CHECK_EQ (waitid (PIDFD, (id_t) pidfd, &info, WEXITED | WNOWAIT), 0);
  CHECK_EQ (pidfd_getpid (pidfd), info.si_pid);
  CHECK_EQ (info.si_pid, alive);
  CHECK_KILLED (pidfd, SIGKILL);
}

TEST (getpid_of_a_reaped_process_is_ESRCH)
{
  int pidfd = start ("idle", NULL);
  CHECK (sys_pidfd_send_signal (pidfd, SIGKILL, NULL, 0) == 0);
  CHECK_EQ (waitid (PIDFD, (id_t) pidfd, &(siginfo_t) { 0 }, WEXITED), 0);
  CHECK_ERRNO (pidfd_getpid (pidfd), ESRCH);
  close (pidfd);
}

TEST (kill_by_the_id)
{
  int pidfd = start ("idle", NULL);
  pid_t pid = pidfd_getpid (pidfd);
  CHECK (pid > 0); /* kill takes -1 for everybody */
  CHECK (kill (pid, SIGTERM) == 0);
  CHECK_KILLED (pidfd, SIGTERM);
}

#endif

TEST (kill_by_the_id_that_waitid_tells)
{
  int pidfd = start ("idle", NULL);
  CHECK (sys_pidfd_send_signal (pidfd, SIGSTOP, NULL, 0) == 0);
  siginfo_t info;
  CHECK_EQ (waitid (PIDFD, (id_t) pidfd, &info, WSTOPPED), 0);
  CHECK_EQ (info.si_code, CLD_STOPPED);
  CHECK (kill (info.si_pid, SIGKILL) == 0);
  CHECK_KILLED (pidfd, SIGKILL);
}

TEST (send_signal_without_siginfo)
{
  int pidfd = start ("receive", format ("%d", SI_USER));
  CHECK (sys_pidfd_send_signal (pidfd, SIGUSR1, NULL, 0) == 0);
  CHECK_EXIT (pidfd, AS_EXPECTED);
}

TEST (send_signal_with_siginfo)
{
  int pidfd = start ("receive", format ("%d", SI_QUEUE));
  siginfo_t info;
  memset (&info, 0, sizeof info);
  info.si_signo = SIGUSR1;
  info.si_code = SI_QUEUE;
  info.si_pid = getpid ();
  info.si_uid = getuid ();
  info.si_value.sival_int = VALUE;
  CHECK (sys_pidfd_send_signal (pidfd, SIGUSR1, &info, 0) == 0);
  CHECK_EXIT (pidfd, AS_EXPECTED);
}

static bool
kernel_has_getfd (void)
{
  return sys_pidfd_getfd (-1, 0, 0) == -1 && errno != ENOSYS;
}

TEST (getfd_takes_the_childs_descriptor)
{
  if (!kernel_has_getfd ())
    SKIP ("the kernel has no pidfd_getfd");
  /* The child has the file open under this number, the caller has not. */
  write_file (test_path ("file"), "of the child", 0600);
  int pidfd = -1, ends[2];
  CHECK (pipe (ends) == 0);
  int number = ends[1] + 30;
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init (&actions);
  CHECK_EQ (posix_spawn_file_actions_addopen (&actions, number, test_path ("file"), O_RDONLY, 0), 0);
  CHECK_EQ (SPAWN (&pidfd, self_path, &actions, NULL, child_argv ("idle", format ("%d", ends[1]), NULL), environ), 0);
  posix_spawn_file_actions_destroy (&actions);
  close (ends[1]);
  char ready;
  CHECK_EQ (read (ends[0], &ready, 1), 1);
  close (ends[0]);

  CHECK (!is_open (number));
  int fd = sys_pidfd_getfd (pidfd, number, 0);
  int error = errno;
  if (fd < 0 && error == EPERM)
    {
      end (pidfd);
      SKIP ("the kernel does not let us take it: %s", strerror (error));
    }
  CHECK (fd >= 0);
  char text[32] = "";
  CHECK_EQ (read (fd, text, sizeof text - 1), 12);
  CHECK_STR (text, "of the child");
  CHECK_EQ (fcntl (fd, F_GETFD), FD_CLOEXEC);
  close (fd);
  CHECK_ERRNO (sys_pidfd_getfd (pidfd, number + 1, 0), EBADF);
  end (pidfd);
}

TEST (waitid_of_a_running_process)
{
  int pidfd = start ("idle", NULL);
  siginfo_t info;
  memset (&info, 0, sizeof info);
  CHECK_EQ (waitid (PIDFD, (id_t) pidfd, &info, WEXITED | WNOHANG), 0);
  CHECK_EQ (info.si_pid, 0);
  end (pidfd);
}

TEST (waitid_tells_the_exit_status)
{
  int pidfd = start ("receive", format ("%d", SI_QUEUE));
  CHECK (sys_pidfd_send_signal (pidfd, SIGUSR1, NULL, 0) == 0);
  siginfo_t info = reap (pidfd);
  CHECK_EQ (info.si_signo, SIGCHLD);
  CHECK_EQ (info.si_code, CLD_EXITED);
  CHECK_EQ (info.si_status, OTHER_CODE);
}
