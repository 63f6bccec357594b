/* SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * pidfd_getpid and its ioctl: what is no pidfd never gets it, for to an unknown device the number may mean anything;
 * and the first kernels that had it gave one error for two cases. */

#include "runner.h"

#if HAVE_LIBRARY

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/statfs.h>

enum { FINE = 40 };

/* In some sandboxes nothing tells what kind of file it is. */
static void
without_fstatfs (int error)
{
  refuse_call (SYS_fstatfs, error);
# ifdef SYS_fstatfs64
  refuse_call (SYS_fstatfs64, error);
# endif
}

static void
ask_others (void *error_of_fstatfs)
{
  int pipes[2], sockets[2];
  CHECK (pipe (pipes) == 0);
  CHECK (socketpair (AF_UNIX, SOCK_STREAM, 0, sockets) == 0);
  const int others[] = {
    open ("/dev/null", O_RDONLY),   open ("/dev/zero", O_RDWR),  open ("/proc/self/stat", O_RDONLY),
    open (self_path, O_RDONLY),     open ("/", O_RDONLY),        open ("/dev/ptmx", O_RDWR | O_NOCTTY),
    open (self_path, O_PATH),       eventfd (0, EFD_CLOEXEC),    pipes[0],
    sockets[0],                     open ("/proc/self", O_RDONLY),
  };
  filter_the_ioctl (FILTER_KILL);
  if (error_of_fstatfs)
    without_fstatfs (*(int *) error_of_fstatfs);
  for (size_t i = 0; i < sizeof others / sizeof *others; i++)
    if (others[i] >= 0)
      CHECK_ERRNO (pidfd_getpid (others[i]), EBADF);
  CHECK_ERRNO (pidfd_getpid (-1), EBADF);
  _exit (FINE);
}

static void
check_others (int *error_of_fstatfs)
{
  struct rlimit none = { 0, 0 };
  CHECK (setrlimit (RLIMIT_CORE, &none) == 0);
  int status = in_fork (ask_others, error_of_fstatfs);
  if (WIFSIGNALED (status) && WTERMSIG (status) == SIGSYS)
    FAIL ("the ioctl was sent to something that is no pidfd");
  CHECK (WIFEXITED (status) && WEXITSTATUS (status) == FINE);
}

TEST (what_is_no_pidfd_does_not_get_it)
{
  check_others (NULL);
}

TEST (what_is_no_pidfd_does_not_get_it_where_fstatfs_is_refused)
{
  check_others (&(int) { EPERM });
  check_others (&(int) { ENOSYS });
}

/* As Linux 6.13 does it: ESRCH for a process that has no number here as well. */
static void
ask_from_within (void *pidfd)
{
  /* In a plain chroot "/" is no mount point. */
  if (mount (NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0)
    SKIP ("no mounts of its own: %s", strerror (errno));
  if (mount ("proc", "/proc", "proc", 0, NULL) != 0)
    SKIP ("no procfs of its own: %s", strerror (errno));
  filter_the_ioctl (FILTER_ERROR (ESRCH));
  CHECK_ERRNO (pidfd_getpid (*(int *) pidfd), EREMOTE);
  _exit (FINE);
}

static void
go_into_a_namespace (void *pidfd)
{
  if (unshare (CLONE_NEWPID | CLONE_NEWNS) != 0)
    SKIP ("no PID namespace: %s", strerror (errno));
  int status = in_fork (ask_from_within, pidfd);
  CHECK (WIFEXITED (status) && WEXITSTATUS (status) == FINE);
}

TEST (a_foreign_namespace_is_EREMOTE_where_the_ioctl_says_ESRCH)
{
  need_root ();
  int pidfd = sys_pidfd_open (getpid (), 0);
  CHECK (pidfd >= 0);
  CHECK_EQ (in_fork (go_into_a_namespace, &pidfd), 0);
  CHECK (close (pidfd) == 0);
}

/* The procfs of the namespace outside has a number for it, which is none here. */
static void
ask_from_within_with_the_old_procfs (void *pidfd)
{
  filter_the_ioctl (FILTER_ERROR (ESRCH));
  CHECK_ERRNO (pidfd_getpid (*(int *) pidfd), EREMOTE);
  _exit (FINE);
}

static void
go_into_a_namespace_with_the_old_procfs (void *pidfd)
{
  if (unshare (CLONE_NEWPID) != 0)
    SKIP ("no PID namespace: %s", strerror (errno));
  int status = in_fork (ask_from_within_with_the_old_procfs, pidfd);
  CHECK (WIFEXITED (status) && WEXITSTATUS (status) == FINE);
}

TEST (a_foreign_namespace_is_EREMOTE_with_its_own_procfs_where_the_ioctl_says_ESRCH)
{
  need_root ();
  int pidfd = sys_pidfd_open (getpid (), 0);
  CHECK (pidfd >= 0);
  CHECK_EQ (in_fork (go_into_a_namespace_with_the_old_procfs, &pidfd), 0);
  CHECK (close (pidfd) == 0);
}

/* Linux 6.13 to 6.15 say ESRCH also of who lives here and whose parent does not: whoever came by setns, as a shell that
   is executed in a container. */

static void
ask_about_the_second (void *ends)
{
  pid_t second = 0;
  CHECK_EQ (getpid (), 1);
  /* Where process 1 has ended there is no second. */
  CHECK_EQ (read (((int *) ends)[0], &second, 1), 1);
  if (mount (NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0)
    SKIP ("no mounts of its own: %s", strerror (errno));
  if (mount ("proc", "/proc", "proc", 0, NULL) != 0)
    SKIP ("no procfs of its own: %s", strerror (errno));
  second = 2;
  int pidfd = sys_pidfd_open (second, 0);
  CHECK (pidfd >= 0);
  CHECK_EQ (pidfd_getpid (pidfd), second);
  filter_the_ioctl (FILTER_ERROR (ESRCH));
  CHECK_EQ (pidfd_getpid (pidfd), second);
  _exit (FINE);
}

static void
put_two_into_a_namespace (void *ends_)
{
  int *ends = ends_;
  if (unshare (CLONE_NEWPID | CLONE_NEWNS) != 0)
    SKIP ("no PID namespace: %s", strerror (errno));
  pid_t first = fork ();
  if (first == 0)
    ask_about_the_second (ends);
  pid_t second = fork ();
  if (second == 0)
    for (;;)
      pause ();
  CHECK (first > 0 && second > 0);
  CHECK_EQ (write (ends[1], "", 1), 1);
  int status;
  /* The end of the first is that of the namespace, and is not complete before the second, too, was waited for. */
  CHECK_EQ (waitpid (second, NULL, 0), second);
  CHECK_EQ (waitpid (first, &status, 0), first);
  CHECK (WIFEXITED (status));
  if (WEXITSTATUS (status) == 77)
    SKIP ("no mounts or no procfs of its own");
  _exit (WEXITSTATUS (status));
}

TEST (a_parent_outside_is_no_hindrance_where_the_ioctl_says_ESRCH)
{
  need_root ();
  int ends[2];
  CHECK (pipe2 (ends, O_CLOEXEC) == 0);
  int status = in_fork (put_two_into_a_namespace, ends);
  CHECK (WIFEXITED (status) && WEXITSTATUS (status) == FINE);
  close (ends[0]);
  close (ends[1]);
}

TEST (a_living_process_and_a_zombie_have_their_number_where_the_ioctl_says_ESRCH)
{
  int ends[2];
  CHECK (pipe2 (ends, O_CLOEXEC) == 0);
  pid_t pid = fork ();
  if (pid == 0)
    {
      close (ends[1]);
      _exit (read (ends[0], &pid, 1) == 0 ? FINE : 1);
    }
  int pidfd = sys_pidfd_open (pid, 0);
  CHECK (pidfd >= 0);
  filter_the_ioctl (FILTER_ERROR (ESRCH));
  CHECK_EQ (pidfd_getpid (pidfd), pid);
  CHECK (close (ends[1]) == 0);
  CHECK_EQ (waitid (P_PID, (id_t) pid, &(siginfo_t) { 0 }, WEXITED | WNOWAIT), 0);
  CHECK_EQ (pidfd_getpid (pidfd), pid);
  CHECK_EQ (waitpid (pid, NULL, 0), pid);
  CHECK_ERRNO (pidfd_getpid (pidfd), ESRCH);
  CHECK (close (pidfd) == 0);
  CHECK (close (ends[0]) == 0);
}

/* A pidfd on a process that was waited for. */
static int
open_reaped_process (void)
{
  pid_t pid = fork ();
  if (pid == 0)
    _exit (FINE);
  int pidfd = sys_pidfd_open (pid, 0);
  CHECK (pidfd >= 0);
  CHECK_EQ (waitpid (pid, NULL, 0), pid);
  return pidfd;
}

TEST (a_reaped_process_is_ESRCH_where_the_ioctl_says_ESRCH)
{
  int pidfd = open_reaped_process ();
  filter_the_ioctl (FILTER_ERROR (ESRCH));
  CHECK_ERRNO (pidfd_getpid (pidfd), ESRCH);
  CHECK (close (pidfd) == 0);
}

/* As before Linux 5.5; who may send no signal learns the number all the same. */
TEST (a_number_that_fdinfo_keeps_is_not_the_answer)
{
  int pidfd = sys_pidfd_open (getpid (), 0);
  CHECK (pidfd >= 0);
  filter_the_ioctl (FILTER_ERROR (ENOTTY));
  CHECK_EQ (pidfd_getpid (pidfd), getpid ());
  refuse_call (SYS_pidfd_send_signal, ESRCH);
  CHECK_ERRNO (pidfd_getpid (pidfd), ESRCH);
  refuse_call (SYS_pidfd_send_signal, EPERM);
  CHECK_EQ (pidfd_getpid (pidfd), getpid ());
  refuse_call (SYS_kill, ESRCH);
  CHECK_ERRNO (pidfd_getpid (pidfd), ESRCH);
  CHECK (close (pidfd) == 0);
}

/* Nor is what newer kernels write in its place, which would be a number for all processes. */
TEST (who_may_send_no_signal_learns_that_a_process_is_gone)
{
  int pidfd = open_reaped_process ();
  /* One of them, wherever this runs. */
  pid_t other = fork ();
  if (other == 0)
    for (;;)
      pause ();
  filter_the_ioctl (FILTER_ERROR (ENOTTY));
  refuse_call (SYS_pidfd_send_signal, EPERM);
  CHECK_ERRNO (pidfd_getpid (pidfd), ESRCH);
  CHECK (close (pidfd) == 0);
  CHECK (kill (other, SIGKILL) == 0);
  CHECK_EQ (waitpid (other, NULL, 0), other);
}

TEST (no_free_descriptor_is_EMFILE_where_the_ioctl_says_ESRCH)
{
  int pidfd = sys_pidfd_open (getpid (), 0);
  CHECK (pidfd >= 0);
  filter_the_ioctl (FILTER_ERROR (ESRCH));
  struct rlimit old, none = { 0, 0 };
  CHECK (getrlimit (RLIMIT_NOFILE, &old) == 0);
  none.rlim_max = old.rlim_max;
  CHECK (setrlimit (RLIMIT_NOFILE, &none) == 0);
  CHECK_ERRNO (pidfd_getpid (pidfd), EMFILE);
  CHECK (setrlimit (RLIMIT_NOFILE, &old) == 0);
  CHECK_EQ (pidfd_getpid (pidfd), getpid ());
  CHECK (close (pidfd) == 0);
}

/* Others are not asked by the ioctl: pidfds before Linux 6.9. */
static void
need_pidfs (int pidfd)
{
  struct statfs information;
  if (fstatfs (pidfd, &information) != 0 || information.f_type != 0x50494446)
    SKIP ("pidfds are not on pidfs");
}

/* From here on the directory of the test is the root, where no procfs is. */
static void
hide_procfs (void)
{
  if (chroot (test_path (".")) != 0)
    SKIP ("no chroot: %s", strerror (errno));
}

static void
ask_about_oneself_and_a_reaped_process (void *reaped)
{
  int pidfd = sys_pidfd_open (getpid (), 0);
  CHECK (pidfd >= 0);
  hide_procfs ();
  filter_the_ioctl (FILTER_ERROR (ESRCH));
  CHECK_ERRNO (pidfd_getpid (pidfd), ENOENT);
  CHECK_ERRNO (pidfd_getpid (*(int *) reaped), ESRCH);
}

TEST (without_procfs_is_ENOENT_where_the_ioctl_says_ESRCH)
{
  need_root ();
  int reaped = open_reaped_process ();
  need_pidfs (reaped);
  CHECK_EQ (in_fork (ask_about_oneself_and_a_reaped_process, &reaped), 0);
  CHECK (close (reaped) == 0);
}

static void
ask_from_within_without_procfs (void *pidfd)
{
  hide_procfs ();
  filter_the_ioctl (FILTER_ERROR (ESRCH));
  CHECK_ERRNO (pidfd_getpid (*(int *) pidfd), EREMOTE);
}

static void
go_into_a_namespace_without_procfs (void *pidfd)
{
  if (unshare (CLONE_NEWPID) != 0)
    SKIP ("no PID namespace: %s", strerror (errno));
  CHECK_EQ (in_fork (ask_from_within_without_procfs, pidfd), 0);
}

TEST (a_foreign_namespace_is_EREMOTE_without_procfs_where_the_ioctl_says_ESRCH)
{
  need_root ();
  int pidfd = sys_pidfd_open (getpid (), 0);
  CHECK (pidfd >= 0);
  need_pidfs (pidfd);
  CHECK_EQ (in_fork (go_into_a_namespace_without_procfs, &pidfd), 0);
  CHECK (close (pidfd) == 0);
}

/* The descriptors that count are those of the calling thread.  /proc/self shows those of the first. */

static void *
ask_with_a_table_of_its_own (void *pidfd_)
{
  int pidfd = *(int *) pidfd_;
  if (unshare (CLONE_FILES) != 0)
    SKIP ("no table of its own: %s", strerror (errno));
  int of_parent = sys_pidfd_open (getppid (), 0);
  CHECK (of_parent >= 0);
  CHECK_EQ (dup2 (of_parent, pidfd), pidfd);
  filter_the_ioctl (FILTER_ERROR (ENOTTY));
  CHECK_EQ (pidfd_getpid (pidfd), getppid ());
  return NULL;
}

TEST (a_thread_with_its_own_table_asks_about_its_own_descriptor)
{
  int pidfd = sys_pidfd_open (getpid (), 0);
  CHECK (pidfd >= 0);
  pthread_t thread;
  CHECK_EQ (pthread_create (&thread, NULL, ask_with_a_table_of_its_own, &pidfd), 0);
  CHECK_EQ (pthread_join (thread, NULL), 0);
  CHECK_EQ (pidfd_getpid (pidfd), getpid ());
  CHECK (close (pidfd) == 0);
}

static int outliving = -1;

static void *
ask_when_the_first_is_gone (void *nothing)
{
  (void) nothing;
  while (activity_of (getpid ()) != 'Z')
    usleep (1000);
  filter_the_ioctl (FILTER_ERROR (ENOTTY));
  CHECK_EQ (pidfd_getpid (outliving), getpid ());
  _exit (FINE);
}

static void
leave_it_to_a_thread (void *nothing)
{
  pthread_t thread;
  outliving = sys_pidfd_open (getpid (), 0);
  CHECK (outliving >= 0);
  CHECK_EQ (pthread_create (&thread, NULL, ask_when_the_first_is_gone, nothing), 0);
  pthread_exit (NULL);
}

TEST (a_thread_that_outlives_the_first_gets_the_answer)
{
  int status = in_fork (leave_it_to_a_thread, NULL);
  CHECK (WIFEXITED (status) && WEXITSTATUS (status) == FINE);
}

/* Without the ioctl a descriptor is open for a moment, and a request of cancellation may come then.  The
   caller is met in its read. */

static volatile int listener = -1;
static volatile pid_t asker;

static void *
ask_while_cancelled (void *pidfd)
{
  asker = (pid_t) syscall (SYS_gettid);
  filter_the_ioctl (FILTER_ERROR (ENOTTY));
  int made = LISTEN ({ .call = SYS_read, .action = FILTER_NOTIFY });
  CHECK_EQ (pthread_setcanceltype (PTHREAD_CANCEL_ASYNCHRONOUS, NULL), 0);
  listener = made;
  pidfd_getpid (*(int *) pidfd);
  for (;;)
    pthread_testcancel ();
  return NULL;
}

TEST (a_cancellation_or_an_exec_without_the_ioctl_leaves_no_descriptor)
{
  int pidfd = sys_pidfd_open (getpid (), 0);
  CHECK (pidfd >= 0);
  int descriptors = open_descriptors ();
  pthread_t thread;
  CHECK_EQ (pthread_create (&thread, NULL, ask_while_cancelled, &pidfd), 0);
  while (listener < 0)
    usleep (1000);
  bool cancelled = false, survives = false;
  /* Until the thread is gone, which before Linux 5.9 the listener does not tell. */
  while (activity_of (asker))
    {
      struct pollfd wanted = { .fd = listener, .events = POLLIN };
      struct notified_call call;
      if (poll (&wanted, 1, 10) < 1 || !(wanted.revents & POLLIN) || !receive_call (listener, &call))
        continue;
      if (!cancelled)
        CHECK_EQ (pthread_cancel (thread), 0);
      cancelled = true;
      /* Another thread that executes a program now must not hand it on. */
      survives |= fcntl ((int) call.arguments[0], F_GETFD) != FD_CLOEXEC;
      continue_call (listener, &call);
    }
  CHECK_EQ (pthread_join (thread, NULL), 0);
  CHECK (cancelled);
  CHECK (!survives);
  CHECK (close (listener) == 0);
  CHECK_EQ (open_descriptors (), descriptors);
  CHECK (close (pidfd) == 0);
}

#else

TEST (getpid_ioctl)
{
  SKIP ("the libc has no such function to compare with");
}

#endif
