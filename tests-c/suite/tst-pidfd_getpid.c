/* SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * pidfd_getpid, for every kind of descriptor that it may be given and in every place: without procfs, without a free
 * descriptor, in a PID namespace where the process has no number.
 *
 * A kernel from 6.13 on answers by an ioctl, an older one through procfs.  On a new kernel the older way is shown under
 * a filter that refuses the ioctl, as an older kernel does. */

#include "runner.h"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/timerfd.h>

/* A child that does nothing, known by a pidfd that the library had no part in. */
struct idler {
  pid_t pid;
  int pidfd;
};

static struct idler
start_idler (void)
{
  struct idler idler;
  idler.pid = fork ();
  CHECK (idler.pid >= 0);
  if (idler.pid == 0)
    for (;;)
      pause ();
  idler.pidfd = sys_pidfd_open (idler.pid, 0);
  CHECK (idler.pidfd >= 0);
  return idler;
}

static void
make_zombie (struct idler idler)
{
  CHECK (kill (idler.pid, SIGKILL) == 0);
  CHECK_EQ (waitid (P_PID, (id_t) idler.pid, &(siginfo_t) { 0 }, WEXITED | WNOWAIT), 0);
}

/* Ends it and reaps it; the pidfd remains. */
static void
end_idler (struct idler idler)
{
  CHECK (kill (idler.pid, SIGKILL) == 0);
  CHECK_EQ (waitpid (idler.pid, NULL, 0), idler.pid);
}

static void
stop_idler (struct idler idler)
{
  end_idler (idler);
  CHECK (close (idler.pidfd) == 0);
}

/* A process that exists: its ID. */

TEST (a_child)
{
  struct idler idler = start_idler ();
  CHECK_EQ (pidfd_getpid (idler.pidfd), idler.pid);
  stop_idler (idler);
}

TEST (the_caller_itself)
{
  int pidfd = sys_pidfd_open (getpid (), 0);
  CHECK_EQ (pidfd_getpid (pidfd), getpid ());
  close (pidfd);
}

TEST (the_callers_parent)
{
  int pidfd = sys_pidfd_open (getppid (), 0);
  CHECK_EQ (pidfd_getpid (pidfd), getppid ());
  close (pidfd);
}

TEST (two_children_are_told_apart)
{
  struct idler one = start_idler (), other = start_idler ();
  CHECK_EQ (pidfd_getpid (other.pidfd), other.pid);
  CHECK_EQ (pidfd_getpid (one.pidfd), one.pid);
  stop_idler (one);
  stop_idler (other);
}

TEST (a_pidfd_from_spawn)
{
  char *argv[] = { (char *) "sh", (char *) "-c", (char *) "read line", NULL };
  int ends[2], pidfd = -1;
  CHECK (pipe2 (ends, O_CLOEXEC) == 0);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init (&actions);
  CHECK_EQ (posix_spawn_file_actions_adddup2 (&actions, ends[0], 0), 0);
  CHECK_EQ (SPAWN (&pidfd, "/bin/sh", &actions, NULL, argv, environ), 0);
  posix_spawn_file_actions_destroy (&actions);
  pid_t pid = pidfd_getpid (pidfd);
  close (ends[0]);
  close (ends[1]);
  CHECK_EQ (reap (pidfd).si_pid, pid);
}

TEST (a_duplicate_of_a_pidfd)
{
  struct idler idler = start_idler ();
  int copy = dup2 (idler.pidfd, 900);
  CHECK_EQ (copy, 900);
  CHECK_EQ (pidfd_getpid (copy), idler.pid);
  close (copy);
  stop_idler (idler);
}

TEST (a_non_blocking_pidfd)
{
  struct idler idler = start_idler ();
  CHECK (fcntl (idler.pidfd, F_SETFL, O_NONBLOCK) == 0);
  CHECK_EQ (pidfd_getpid (idler.pidfd), idler.pid);
  stop_idler (idler);
}

TEST (descriptor_zero)
{
  struct idler idler = start_idler ();
  int kept = fcntl (0, F_DUPFD_CLOEXEC, 3);
  CHECK_EQ (dup2 (idler.pidfd, 0), 0);
  CHECK_EQ (pidfd_getpid (0), idler.pid);
  if (kept >= 0)
    {
      dup2 (kept, 0);
      close (kept);
    }
  else
    close (0);
  stop_idler (idler);
}

TEST (a_zombie)
{
  struct idler idler = start_idler ();
  make_zombie (idler);
  CHECK_EQ (pidfd_getpid (idler.pidfd), idler.pid);
  stop_idler (idler);
}

TEST (a_process_of_an_inner_PID_namespace_has_its_number_out_here)
{
  need_root ();
  int ends[2];
  CHECK (pipe2 (ends, O_CLOEXEC) == 0);
  pid_t entering = fork ();
  CHECK (entering >= 0);
  if (entering == 0)
    {
      if (unshare (CLONE_NEWPID) != 0)
        SKIP ("no PID namespace: %s", strerror (errno));
      pid_t init = fork ();
      CHECK (init >= 0);
      if (init == 0)
        {
          CHECK_EQ (getpid (), 1);
          for (;;)
            pause ();
        }
      CHECK_EQ (write (ends[1], &init, sizeof init), sizeof init);
      CHECK_EQ (waitpid (init, NULL, 0), init);
      _exit (0);
    }
  close (ends[1]);
  pid_t init = 0;
  if (read (ends[0], &init, sizeof init) != sizeof init)
    {
      int status;
      waitpid (entering, &status, 0);
      _exit (WIFEXITED (status) ? WEXITSTATUS (status) : 1);
    }
  close (ends[0]);
  int pidfd = sys_pidfd_open (init, 0);
  CHECK_EQ (pidfd_getpid (pidfd), init);
  close (pidfd);
  CHECK (kill (init, SIGKILL) == 0);
  CHECK_EQ (waitpid (entering, NULL, 0), entering);
}

/* A process that is gone. */

TEST (a_reaped_process_is_ESRCH)
{
  struct idler idler = start_idler ();
  end_idler (idler);
  CHECK_ERRNO (pidfd_getpid (idler.pidfd), ESRCH);
  close (idler.pidfd);
}

TEST (a_reaped_process_stays_ESRCH_when_others_come)
{
  struct idler idler = start_idler ();
  end_idler (idler);
  struct idler other = start_idler ();
  CHECK_ERRNO (pidfd_getpid (idler.pidfd), ESRCH);
  close (idler.pidfd);
  stop_idler (other);
}

/* No pidfd. */

TEST (INT_MIN_is_EBADF)
{
  CHECK_ERRNO (pidfd_getpid (INT_MIN), EBADF);
}

TEST (AT_FDCWD_is_EBADF)
{
  CHECK_ERRNO (pidfd_getpid (AT_FDCWD), EBADF);
}

TEST (a_closed_number_is_EBADF)
{
  int fd = open ("/dev/null", O_RDONLY);
  close (fd);
  CHECK_ERRNO (pidfd_getpid (fd), EBADF);
}

TEST (a_closed_pidfd_is_EBADF)
{
  struct idler idler = start_idler ();
  stop_idler (idler);
  CHECK_ERRNO (pidfd_getpid (idler.pidfd), EBADF);
}

static void
check_no_pidfd_at (int line, const char *what, int fd)
{
  if (fd < 0)
    SKIP ("%s: %s", what, strerror (errno));
  errno = 0;
  pid_t result = pidfd_getpid (fd);
  if (result != -1 || errno != EBADF)
    test_fail (__FILE__, line, "%s: %d with errno %d; wanted -1 with EBADF", what, (int) result, errno);
  close (fd);
}

/* The expression opens the descriptor. */
#define NO_PIDFD(name_, expression)                                                                                    \
  TEST (name_##_is_EBADF)                                                                                              \
  {                                                                                                                    \
    check_no_pidfd_at (__LINE__, #expression, expression);                                                             \
  }

NO_PIDFD (a_file, open (test_path ("file"), O_RDWR | O_CREAT, 0600))
NO_PIDFD (a_directory, open ("/", O_RDONLY | O_DIRECTORY))
NO_PIDFD (a_path_only, open ("/", O_PATH))
NO_PIDFD (a_device, open ("/dev/null", O_RDWR))
NO_PIDFD (a_procfs_file, open ("/proc/self/stat", O_RDONLY))
NO_PIDFD (a_procfs_process_directory, open ("/proc/self", O_RDONLY | O_DIRECTORY))
NO_PIDFD (a_namespace, open ("/proc/self/ns/mnt", O_RDONLY))
NO_PIDFD (a_sysfs_directory, open ("/sys/kernel/mm", O_RDONLY | O_DIRECTORY))
NO_PIDFD (an_eventfd, eventfd (1, EFD_NONBLOCK))
NO_PIDFD (a_timerfd, timerfd_create (CLOCK_MONOTONIC, 0))
NO_PIDFD (an_epoll, epoll_create1 (0))
NO_PIDFD (an_inotify, inotify_init1 (0))
NO_PIDFD (a_memfd, (int) syscall (SYS_memfd_create, "name", 0))
NO_PIDFD (an_inet_socket, socket (AF_INET, SOCK_DGRAM, 0))
NO_PIDFD (a_terminal_master, posix_openpt (O_RDWR | O_NOCTTY))

TEST (a_signalfd_is_EBADF)
{
  sigset_t signals;
  sigemptyset (&signals);
  check_no_pidfd_at (__LINE__, "signalfd", signalfd (-1, &signals, 0));
}

TEST (a_terminal_is_EBADF)
{
  int master = posix_openpt (O_RDWR | O_NOCTTY);
  if (master < 0 || grantpt (master) != 0 || unlockpt (master) != 0)
    SKIP ("no pseudo-terminal: %s", strerror (errno));
  check_no_pidfd_at (__LINE__, "terminal", open (ptsname (master), O_RDWR | O_NOCTTY));
  close (master);
}

TEST (a_pipe_is_EBADF)
{
  int ends[2];
  CHECK (pipe (ends) == 0);
  check_no_pidfd_at (__LINE__, "reading end", ends[0]);
  check_no_pidfd_at (__LINE__, "writing end", ends[1]);
}

TEST (a_socket_is_EBADF)
{
  int ends[2];
  CHECK (socketpair (AF_UNIX, SOCK_STREAM, 0, ends) == 0);
  check_no_pidfd_at (__LINE__, "socket", ends[0]);
  check_no_pidfd_at (__LINE__, "socket", ends[1]);
}

TEST (a_file_that_looks_like_the_answer_is_EBADF)
{
  write_file (test_path ("file"), "Pid:\t1\n", 0600);
  check_no_pidfd_at (__LINE__, "file", open (test_path ("file"), O_RDONLY));
}

/* errno, and what the call leaves alone. */

TEST (errno_is_kept_on_success)
{
  struct idler idler = start_idler ();
  errno = EXDEV;
  pid_t pid = pidfd_getpid (idler.pidfd);
  CHECK_EQ (errno, EXDEV);
  CHECK_EQ (pid, idler.pid);
  make_zombie (idler);
  errno = 0;
  pid = pidfd_getpid (idler.pidfd);
  CHECK_EQ (errno, 0);
  CHECK_EQ (pid, idler.pid);
  stop_idler (idler);
}

TEST (the_descriptor_table_stays)
{
  struct idler idler = start_idler ();
  int null = open ("/dev/null", O_RDONLY | O_CLOEXEC);
  char *before = descriptor_table ();
  CHECK_EQ (pidfd_getpid (idler.pidfd), idler.pid);
  CHECK_ERRNO (pidfd_getpid (-1), EBADF);
  CHECK_ERRNO (pidfd_getpid (null), EBADF);
  CHECK_STR (descriptor_table (), before);
  end_idler (idler);
  CHECK_ERRNO (pidfd_getpid (idler.pidfd), ESRCH);
  CHECK_STR (descriptor_table (), before);
  close (null);
  close (idler.pidfd);
}

TEST (a_zombie_is_not_reaped)
{
  struct idler idler = start_idler ();
  make_zombie (idler);
  CHECK_EQ (pidfd_getpid (idler.pidfd), idler.pid);
  CHECK_EQ (waitpid (idler.pid, NULL, WNOHANG), idler.pid);
  close (idler.pidfd);
}

/* Scarcity. */

/* The first published size of struct pidfd_info. */
#define PIDFD_GET_INFO_ _IOC (_IOC_READ | _IOC_WRITE, 0xff, 11, 64)

static bool
kernel_tells (void)
{
  unsigned long long info[8] = { 0 };
  int pidfd = sys_pidfd_open (getpid (), 0);
  bool tells = ioctl (pidfd, PIDFD_GET_INFO_, info) == 0;
  close (pidfd);
  return tells;
}

TEST (with_no_free_descriptor)
{
  if (!kernel_tells ())
    SKIP ("the kernel has no PIDFD_GET_INFO");
  struct idler idler = start_idler ();
  int no_pidfd = use_up_descriptors ();
  pid_t pid = pidfd_getpid (idler.pidfd);
  CHECK_EQ (pid, idler.pid);
  make_zombie (idler);
  CHECK_EQ (pidfd_getpid (idler.pidfd), idler.pid);
  CHECK_ERRNO (pidfd_getpid (no_pidfd), EBADF);
  CHECK_ERRNO (pidfd_getpid (-1), EBADF);
  give_back_descriptors ();
  stop_idler (idler);
}

TEST (with_a_limit_of_no_descriptors)
{
  if (!kernel_tells ())
    SKIP ("the kernel has no PIDFD_GET_INFO");
  struct idler idler = start_idler ();
  struct rlimit none = { 0, 0 };
  CHECK (setrlimit (RLIMIT_NOFILE, &none) == 0);
  CHECK_EQ (pidfd_getpid (idler.pidfd), idler.pid);
  stop_idler (idler);
}

/* Runs the body in a mount namespace of its own where nothing is mounted on /proc. */
static void
leave_procfs (void *body)
{
  if (unshare (CLONE_NEWNS) != 0 || mount ("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0)
    SKIP ("no mount namespace: %s", strerror (errno));
  while (access ("/proc/self/fdinfo", F_OK) == 0)
    if (umount2 ("/proc", MNT_DETACH) != 0)
      SKIP ("cannot unmount /proc: %s", strerror (errno));
  (*(void (**) (void)) body) ();
}

static void
without_procfs (void (*body) (void))
{
  need_root ();
  CHECK_EQ (in_fork (leave_procfs, &body), 0);
}

static void
ask_about_all_kinds (void)
{
  struct idler idler = start_idler ();
  CHECK_EQ (pidfd_getpid (idler.pidfd), idler.pid);
  make_zombie (idler);
  CHECK_EQ (pidfd_getpid (idler.pidfd), idler.pid);
  end_idler (idler);
  CHECK_ERRNO (pidfd_getpid (idler.pidfd), ESRCH);
  close (idler.pidfd);
  CHECK_ERRNO (pidfd_getpid (-1), EBADF);
  CHECK_ERRNO (pidfd_getpid (INT_MAX), EBADF);
  check_no_pidfd_at (__LINE__, "directory", open ("/", O_RDONLY | O_DIRECTORY));
}

TEST (without_procfs_the_answers_are_the_same)
{
  if (!kernel_tells ())
    SKIP ("the kernel has no PIDFD_GET_INFO");
  without_procfs (ask_about_all_kinds);
}

/* An eventfd is of the file system that pidfds were of before they had their own, and harder to tell from one. */

static void
ask_about_an_eventfd (void)
{
  check_no_pidfd_at (__LINE__, "eventfd", eventfd (0, 0));
}

TEST (without_procfs_an_eventfd_is_EBADF)
{
  if (!kernel_tells ())
    SKIP ("the kernel has no PIDFD_GET_INFO");
  without_procfs (ask_about_an_eventfd);
}

TEST (with_no_free_descriptor_an_eventfd_is_EBADF)
{
  if (!kernel_tells ())
    SKIP ("the kernel has no PIDFD_GET_INFO");
  int fd = eventfd (0, 0);
  use_up_descriptors ();
  CHECK_ERRNO (pidfd_getpid (fd), EBADF);
  give_back_descriptors ();
  close (fd);
}

/* The older way. */

/* From here on the ioctl fails with this error, as where the kernel does not know it. */
static void
refuse_ioctl (int error)
{
  filter_the_ioctl (FILTER_ERROR (error));
  CHECK (!kernel_tells ());
}

TEST (without_the_ioctl_the_answers_are_the_same)
{
  refuse_ioctl (ENOTTY);
  ask_about_all_kinds ();
}

TEST (with_an_ioctl_of_EINVAL_the_answers_are_the_same)
{
  refuse_ioctl (EINVAL);
  ask_about_all_kinds ();
}

TEST (with_an_ioctl_of_ENOSYS_the_answers_are_the_same)
{
  refuse_ioctl (ENOSYS);
  ask_about_all_kinds ();
}

enum procfs { FRESH, FOREIGN, NONE };
static void ask_abroad (enum procfs procfs, bool ioctl);

/* Sandboxes refuse the question on which file system the descriptor's file is. */

static void
without_fstatfs (int error)
{
  refuse_call (SYS_fstatfs, error);
#ifdef SYS_fstatfs64
  refuse_call (SYS_fstatfs64, error);
#endif
}

static void
ask_about_all_kinds_and_an_eventfd (void)
{
  ask_about_all_kinds ();
  ask_about_an_eventfd ();
}

TEST (without_fstatfs_the_answers_are_the_same)
{
  without_fstatfs (EPERM);
  ask_about_all_kinds_and_an_eventfd ();
}

TEST (with_a_fstatfs_of_ENOSYS_the_answers_are_the_same)
{
  without_fstatfs (ENOSYS);
  ask_about_all_kinds_and_an_eventfd ();
}

TEST (without_fstatfs_and_without_the_ioctl_the_answers_are_the_same)
{
  without_fstatfs (EPERM);
  refuse_ioctl (EPERM);
  ask_about_all_kinds_and_an_eventfd ();
}

TEST (without_fstatfs_in_a_new_PID_namespace_is_EREMOTE)
{
  without_fstatfs (EPERM);
  ask_abroad (FRESH, true);
}

/* The pidfd of a thread: the thread's ID. */

static void *
wait_for_end (void *ends)
{
  char byte;
  pid_t id = (pid_t) syscall (SYS_gettid);
  CHECK_EQ (write (((int *) ends)[1], &id, sizeof id), sizeof id);
  CHECK_EQ (read (((int *) ends)[2], &byte, 1), 0);
  return NULL;
}

static void
ask_about_a_thread (void)
{
  int ends[4];
  pthread_t thread;
  pid_t id = 0;
  CHECK (pipe2 (ends, O_CLOEXEC) == 0 && pipe2 (ends + 2, O_CLOEXEC) == 0);
  CHECK_EQ (pthread_create (&thread, NULL, wait_for_end, ends), 0);
  CHECK_EQ (read (ends[0], &id, sizeof id), sizeof id);
  int pidfd = sys_pidfd_open (id, O_EXCL /* PIDFD_THREAD */);
  if (pidfd < 0)
    SKIP ("no pidfds of threads: %s", strerror (errno));
  CHECK (id != getpid ());
  CHECK_EQ (pidfd_getpid (pidfd), id);
  CHECK (close (ends[3]) == 0);
  CHECK_EQ (pthread_join (thread, NULL), 0);
  /* The kernel takes it away a moment after it has said that it is gone. */
  while (pidfd_getpid (pidfd) == id)
    sched_yield ();
  CHECK_ERRNO (pidfd_getpid (pidfd), ESRCH);
  for (int i = 0; i < 3; i++)
    CHECK (close (ends[i]) == 0);
  CHECK (close (pidfd) == 0);
}

TEST (a_thread_has_its_own_ID)
{
  ask_about_a_thread ();
}

TEST (a_thread_has_its_own_ID_without_the_ioctl)
{
  refuse_ioctl (ENOTTY);
  ask_about_a_thread ();
}

TEST (a_thread_has_its_own_ID_where_the_ioctl_says_ESRCH)
{
  refuse_ioctl (ESRCH);
  ask_about_a_thread ();
}

TEST (without_the_ioctl_an_eventfd_is_EBADF)
{
  refuse_ioctl (ENOTTY);
  ask_about_an_eventfd ();
}

TEST (without_the_ioctl_errno_and_descriptors_stay)
{
  refuse_ioctl (ENOTTY);
  struct idler idler = start_idler ();
  char *before = descriptor_table ();
  errno = EXDEV;
  pid_t pid = pidfd_getpid (idler.pidfd);
  CHECK_EQ (errno, EXDEV);
  CHECK_EQ (pid, idler.pid);
  end_idler (idler);
  CHECK_ERRNO (pidfd_getpid (idler.pidfd), ESRCH);
  CHECK_STR (descriptor_table (), before);
  close (idler.pidfd);
}

TEST (without_the_ioctl_a_high_number)
{
  refuse_ioctl (ENOTTY);
  struct idler idler = start_idler ();
  CHECK_EQ (dup2 (idler.pidfd, 1000), 1000);
  CHECK_EQ (pidfd_getpid (1000), idler.pid);
  close (1000);
  stop_idler (idler);
}

TEST (without_the_ioctl_no_free_descriptor_is_EMFILE)
{
  refuse_ioctl (ENOTTY);
  struct idler idler = start_idler ();
  use_up_descriptors ();
  CHECK_ERRNO (pidfd_getpid (idler.pidfd), EMFILE);
  give_back_descriptors ();
  CHECK_EQ (pidfd_getpid (idler.pidfd), idler.pid);
  stop_idler (idler);
}

/* What the kernel says when the whole system has no file left, or no memory. */
TEST (without_the_ioctl_no_free_file_is_ENFILE)
{
  refuse_ioctl (ENOTTY);
  struct idler idler = start_idler ();
  refuse_call (SYS_openat, ENOMEM);
  CHECK_ERRNO (pidfd_getpid (idler.pidfd), ENOMEM);
  refuse_call (SYS_openat, ENFILE);
  CHECK_ERRNO (pidfd_getpid (idler.pidfd), ENFILE);
  stop_idler (idler);
}

static void
ask_in_vain (void)
{
  struct idler idler = start_idler ();
  refuse_ioctl (ENOTTY);
  CHECK_ERRNO (pidfd_getpid (idler.pidfd), ENOENT);
  stop_idler (idler);
  /* What is no pidfd needs no procfs to be told. */
  CHECK_ERRNO (pidfd_getpid (-1), EBADF);
  check_no_pidfd_at (__LINE__, "directory", open ("/", O_RDONLY | O_DIRECTORY));
}

TEST (without_the_ioctl_and_without_procfs_is_ENOENT)
{
  without_procfs (ask_in_vain);
}

/* PID namespaces. */

struct abroad {
  int pidfd;
  bool ioctl;
  enum procfs procfs;
};

static void
ask_as_init (void *argument)
{
  struct abroad *abroad = argument;
  CHECK_EQ (getpid (), 1);
  if (abroad->procfs != FOREIGN)
    {
      if (mount ("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0)
        SKIP ("no mount namespace: %s", strerror (errno));
      while (abroad->procfs == NONE && access ("/proc/self/fdinfo", F_OK) == 0)
        if (umount2 ("/proc", MNT_DETACH) != 0)
          SKIP ("cannot unmount /proc: %s", strerror (errno));
      if (abroad->procfs == FRESH && mount ("proc", "/proc", "proc", 0, NULL) != 0)
        SKIP ("cannot mount a new /proc: %s", strerror (errno));
    }
  unsigned long long info[8] = { 0 };
  if (abroad->procfs != FRESH && ioctl (abroad->pidfd, PIDFD_GET_INFO_, info) == -1 && errno != EREMOTE)
    SKIP ("without procfs this kernel does not tell a foreign process from a reaped one");
  if (!abroad->ioctl)
    refuse_ioctl (ENOTTY);
  CHECK_ERRNO (pidfd_getpid (abroad->pidfd), EREMOTE);

  /* Those who live here have numbers. */
  int pidfd = sys_pidfd_open (1, 0);
  CHECK_EQ (pidfd_getpid (pidfd), 1);
  close (pidfd);
}

static void
go_abroad (void *argument)
{
  if (unshare (CLONE_NEWPID | CLONE_NEWNS) != 0)
    SKIP ("no PID namespace: %s", strerror (errno));
  CHECK_EQ (in_fork (ask_as_init, argument), 0);
}

/* What that says of the process is a number of elsewhere. */

/* From Linux 5.5 on. */
static bool
tells_all_numbers (int pidfd)
{
  char text[512];
  int file = open (format ("/proc/self/fdinfo/%d", pidfd), O_RDONLY | O_CLOEXEC);
  ssize_t length = read (file, text, sizeof text - 1);
  CHECK (length > 0);
  close (file);
  text[length] = 0;
  return strstr (text, "\nNSpid:") != NULL;
}

static void
read_the_old_procfs (void *pidfds_)
{
  const int *pidfds = pidfds_;
  CHECK_EQ (getpid (), 1);
  refuse_ioctl (ENOTTY);
  for (int i = 0; i < 2; i++)
    CHECK_ERRNO (pidfd_getpid (pidfds[i]), EREMOTE);

  /* Those who live here have numbers, which are not the first that stand there. */
  struct idler idler = start_idler ();
  if (!tells_all_numbers (idler.pidfd))
    SKIP ("procfs tells the first number alone (before Linux 5.5)");
  CHECK_EQ (pidfd_getpid (idler.pidfd), idler.pid);
  int own = sys_pidfd_open (1, 0);
  CHECK_EQ (pidfd_getpid (own), 1);
  /* Two files are read, by one descriptor. */
  use_up_descriptors ();
  CHECK (close (own) == 0);
  CHECK_EQ (pidfd_getpid (idler.pidfd), idler.pid);
  give_back_descriptors ();
  /* Nobody may send another user's process a signal. */
  if (setresuid (1, 1, 1) == 0)
    {
      /* Before Linux 5.14 the files below /proc/self/fdinfo are root's else. */
      CHECK (prctl (PR_SET_DUMPABLE, 1, 0, 0, 0) == 0);
      CHECK_ERRNO (kill (idler.pid, 0), EPERM);
      CHECK_EQ (pidfd_getpid (idler.pidfd), idler.pid);
    }
  /* Where that cannot be asked, who has no number here has fewer than the caller. */
  refuse_call (SYS_pidfd_send_signal, EPERM);
  CHECK_EQ (pidfd_getpid (idler.pidfd), idler.pid);
  CHECK_ERRNO (pidfd_getpid (pidfds[0]), EREMOTE);
  /* With this process, which is process 1. */
  _exit (0);
}

/* One process is outside, and one in another namespace: as far down as the caller. */
static void
go_abroad_and_read_the_old_procfs (void *pidfd)
{
  if (unshare (CLONE_NEWPID) != 0)
    SKIP ("no PID namespace: %s", strerror (errno));
  struct idler idler = start_idler ();
  int home = open ("/proc/self/ns/pid", O_RDONLY | O_CLOEXEC);
  CHECK (setns (home, CLONE_NEWPID) == 0 && unshare (CLONE_NEWPID) == 0);
  close (home);
  CHECK_EQ (in_fork (read_the_old_procfs, (int[]) { *(int *) pidfd, idler.pidfd }), 0);
  stop_idler (idler);
}

static void
ask_abroad (enum procfs procfs, bool ioctl)
{
  need_root ();
  struct idler idler = start_idler ();
  struct abroad abroad = { idler.pidfd, ioctl, procfs };
  CHECK_EQ (in_fork (go_abroad, &abroad), 0);
  /* It has kept its number here. */
  CHECK_EQ (pidfd_getpid (idler.pidfd), idler.pid);
  stop_idler (idler);
}

TEST (in_a_new_PID_namespace_is_EREMOTE)
{
  ask_abroad (FRESH, true);
}

TEST (in_a_new_PID_namespace_without_procfs_is_EREMOTE)
{
  if (!kernel_tells ())
    SKIP ("the kernel has no PIDFD_GET_INFO");
  ask_abroad (NONE, true);
}

TEST (in_a_new_PID_namespace_with_the_procfs_of_the_old_is_EREMOTE)
{
  /* This procfs knows a number for the process, but it is not one of ours. */
  if (!kernel_tells ())
    SKIP ("the kernel has no PIDFD_GET_INFO");
  ask_abroad (FOREIGN, true);
}

TEST (in_a_new_PID_namespace_without_the_ioctl_is_EREMOTE)
{
  ask_abroad (FRESH, false);
}

TEST (in_a_new_PID_namespace_with_the_procfs_of_the_old_and_without_the_ioctl_is_EREMOTE)
{
  need_root ();
  struct idler idler = start_idler ();
  CHECK_EQ (in_fork (go_abroad_and_read_the_old_procfs, &idler.pidfd), 0);
  stop_idler (idler);
}

TEST (a_zombie_in_a_new_PID_namespace_is_EREMOTE)
{
  need_root ();
  struct idler idler = start_idler ();
  make_zombie (idler);
  struct abroad abroad = { idler.pidfd, true, FRESH };
  CHECK_EQ (in_fork (go_abroad, &abroad), 0);
  stop_idler (idler);
}
