/* SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * SETCGROUP: the child is born in the cgroup whose directory the attribute names, and runs nowhere else first. */

#include "runner.h"

#if HAVE_LIBRARY

# include "cgroup.h"

enum { UNTOUCHED = -7 };

static int
make_own_cgroup (void)
{
  if (!CAN_SET_CGROUP)
    SKIP ("the libc has no place for a cgroup");
  return make_cgroup ();
}

static char *const sleep_argv[] = { (char *) "sleep", (char *) "1000", NULL };

static void
kill_and_reap (int pidfd)
{
  CHECK (sys_pidfd_send_signal (pidfd, SIGKILL, NULL, 0) == 0);
  CHECK_KILLED (pidfd, SIGKILL);
}

TEST (child_is_in_the_cgroup)
{
  int fd = make_own_cgroup ();
  posix_spawnattr_t attributes = attributes_with_cgroup (fd, 0);
  for (int call = 0; call < 2; call++)
    {
      int pidfd = UNTOUCHED;
      CHECK_EQ (both_calls[call](&pidfd, "/bin/sleep", NULL, &attributes, sleep_argv, environ), 0);
      CHECK (is_inside (pid_of (pidfd)));
      kill_and_reap (pidfd);
    }
  CHECK (!is_inside (getpid ()));
  remove_cgroup (fd);
}

static bool inside_before_the_exec;

static void *
look_at_the_child (void *fifo)
{
  inside_before_the_exec = is_inside (sleeping_child ());
  int release = open (fifo, O_RDWR | O_CLOEXEC);
  CHECK (release >= 0);
  return (void *) (long) release;
}

/* With the other attributes and with actions, during which it is there already. */
TEST (child_is_in_the_cgroup_before_its_exec)
{
  need_list_of_children ();
  int fd = make_own_cgroup ();
  posix_spawnattr_t attributes = attributes_with_cgroup (fd, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK);
  sigset_t set = SIGNALS (SIGUSR1);
  posix_spawnattr_setsigmask (&attributes, &set);
  posix_spawn_file_actions_t actions;
  char *fifo = wait_for_fifo (&actions);
  pthread_t thread;
  void *release;
  CHECK_EQ (pthread_create (&thread, NULL, look_at_the_child, fifo), 0);
  int pidfd = UNTOUCHED, error = SPAWN (&pidfd, "/bin/sleep", &actions, &attributes, sleep_argv, environ);
  CHECK_EQ (pthread_join (thread, &release), 0);
  CHECK (close ((int) (long) release) == 0);
  CHECK_EQ (error, 0);
  struct process_state state = state_of (pid_of (pidfd));
  bool inside = is_inside (state.pid);
  kill_and_reap (pidfd);
  remove_cgroup (fd);
  CHECK (inside_before_the_exec);
  CHECK (inside);
  CHECK_EQ (state.blocked, 1ULL << (SIGUSR1 - 1));
  CHECK_EQ (state.group, state.pid);
  posix_spawn_file_actions_destroy (&actions);
}

/* The value alone does not count. */
TEST (cgroup_without_the_flag)
{
# if CAN_SET_CGROUP
  int fd = make_own_cgroup ();
  posix_spawnattr_t attributes = attributes_with_cgroup (fd, 0);
  unsigned short none = 0;
  memcpy (&attributes, &none, sizeof none);
  int pidfd = UNTOUCHED;
  CHECK_EQ (SPAWN (&pidfd, "/bin/sleep", NULL, &attributes, sleep_argv, environ), 0);
  CHECK (!is_inside (pid_of (pidfd)));
  kill_and_reap (pidfd);
  remove_cgroup (fd);
# else
  SKIP ("the libc has no place for a cgroup");
# endif
}

static void
check_failure_at (int line, int cgroup, const char *path, int wanted, int also)
{
  posix_spawnattr_t attributes = attributes_with_cgroup (cgroup, 0);
  check_spawn_fails_at (__FILE__, line, path, NULL, &attributes, sleep_argv, wanted, also);
  posix_spawnattr_destroy (&attributes);
}
# define CHECK_FAILS(cgroup, wanted) check_failure_at (__LINE__, cgroup, "/bin/sleep", wanted, wanted)

/* A kernel that can do it says what is wrong, also to those who can make no cgroup. */
TEST (cgroup_that_is_not_set)
{
  need_clone3 ();
  CHECK_FAILS (-1, EINVAL);
}

TEST (other_negative_cgroups)
{
  need_clone3 ();
  check_failure_at (__LINE__, -100, "/bin/sleep", EBADF, EINVAL);
  check_failure_at (__LINE__, INT_MIN, "/bin/sleep", EBADF, EINVAL);
}

TEST (cgroup_that_is_closed)
{
  need_clone3 ();
  CHECK_FAILS (700, EBADF);
  CHECK_FAILS (INT_MAX, EBADF);
}

TEST (cgroup_that_is_something_else)
{
  need_clone3 ();
  int fd = open ("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  CHECK (fd >= 0);
  CHECK_FAILS (fd, EBADF);
  CHECK (close (fd) == 0);
  fd = open ("/dev/null", O_RDONLY | O_CLOEXEC);
  CHECK (fd >= 0);
  CHECK_FAILS (fd, EBADF);
  CHECK (close (fd) == 0);
}

TEST (failing_program_in_a_cgroup)
{
  int fd = make_own_cgroup ();
  check_failure_at (__LINE__, fd, test_path ("none"), ENOENT, ENOENT);
  remove_cgroup (fd);
}

/* What is missing is neither the caller's mistake nor passed over in silence: the child would run outside. */
static void
check_without_clone3 (void *error)
{
  refuse_call (SYS_clone3, *(int *) error);
  int root = open ("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  CHECK (root >= 0);
  CHECK_FAILS (root, EOPNOTSUPP);
  check_failure_at (__LINE__, root, test_path ("none"), EOPNOTSUPP, EOPNOTSUPP);
  CHECK_FAILS (700, EOPNOTSUPP);
  /* Which descriptor it is makes no difference there, unless the kernel may know clone3 and not the flag. */
  check_failure_at (__LINE__, -1, "/bin/sleep", EOPNOTSUPP, *(int *) error == EINVAL ? EINVAL : EOPNOTSUPP);
}

TEST (cgroup_without_clone3)
{
  if (!CAN_SET_CGROUP)
    SKIP ("the libc has no place for a cgroup");
  int errors[] = { ENOSYS, EPERM, EACCES, EINVAL, E2BIG };
  for (int i = 0; i < 5; i++)
    CHECK_EQ (in_fork (check_without_clone3, &errors[i]), 0);
}

/* A refusal of clone3 is remembered, but only clone3 can put a child into a cgroup. */
TEST (cgroup_after_a_refusal_of_clone3)
{
  int fd = make_own_cgroup ();
  posix_spawnattr_t attributes = attributes_with_cgroup (fd, 0);
  /* That which the library asks for without a cgroup is smaller. */
  refuse_call_when (SYS_clone3, 1, 64, ENOSYS);
  for (int i = 0; i < 2; i++)
    {
      int plain = UNTOUCHED, pidfd = UNTOUCHED;
      CHECK_EQ (SPAWN (&plain, "/bin/sleep", NULL, NULL, sleep_argv, environ), 0);
      kill_and_reap (plain);
      CHECK_EQ (SPAWN (&pidfd, "/bin/sleep", NULL, &attributes, sleep_argv, environ), 0);
      CHECK (is_inside (pid_of (pidfd)));
      kill_and_reap (pidfd);
    }
  remove_cgroup (fd);
}

/* The same where there are no cgroups: the kernel was asked if it says what is wrong with the descriptor. */
TEST (bad_cgroup_after_a_refusal_of_clone3)
{
  need_clone3 ();
  posix_spawnattr_t attributes = attributes_with_cgroup (700, 0);
  int pidfd = UNTOUCHED, before = SPAWN (&pidfd, "/bin/sleep", NULL, &attributes, sleep_argv, environ);
  if (before != EBADF)
    SKIP ("the kernel has no cgroups for clone3: %s", strerror (before));
  refuse_call_when (SYS_clone3, 1, 64, ENOSYS);
  CHECK_EQ (SPAWN (&pidfd, "/bin/sleep", NULL, NULL, sleep_argv, environ), 0);
  kill_and_reap (pidfd);
  CHECK_FAILS (700, EBADF);
}

#else

TEST (cgroups)
{
  SKIP ("posix_spawn of this libc has no cgroups");
}

#endif
