/* SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * CGROUP: the child is born in the cgroup, for every libc and also in a static program; with CGROUP_MAY_MOVE it moves
 * there where clone3 cannot do that. */

#include "extension.h"
#include "cgroup.h"

#define IN(fd) ARGS (.flags = PIDFD_SPAWN_CGROUP, .cgroup = fd)
#define INTO(fd) ARGS (.flags = PIDFD_SPAWN_CGROUP | PIDFD_SPAWN_CGROUP_MAY_MOVE, .cgroup = fd)

/* The result, or whether the program was in the cgroup. */
enum { INSIDE = -1, OUTSIDE = -2 };

static int
start (const posix_spawn_file_actions_t *actions, const posix_spawnattr_t *attributes,
       const struct pidfd_spawn_args *args)
{
  int pidfd = UNTOUCHED, error = spawn_ext (&pidfd, "/bin/sleep", actions, attributes, sleep_argv (), args);
  if (error)
    return error;
  bool inside = is_inside (pid_of (pidfd));
  kill_and_reap (pidfd);
  return inside ? INSIDE : OUTSIDE;
}

static void
without_clone3 (int error)
{
  refuse_call (SYS_clone3, error);
}

/* ---- Born there ---- */

TEST (child_is_in_the_cgroup)
{
  int fd = make_cgroup ();
  CHECK_EQ (start (NULL, NULL, IN (fd)), INSIDE);
  CHECK_EQ (start (NULL, NULL, INTO (fd)), INSIDE);
  CHECK_EQ (start (NULL, NULL, ARGS (.flags = PIDFD_SPAWN_SETUMASK, .cgroup = fd)), OUTSIDE);
  CHECK_EQ (is_inside (getpid ()), false);
  remove_cgroup (fd);
}

/* The descriptor of a path alone does. */
TEST (child_is_in_the_cgroup_of_a_path)
{
  need_clone3 ();
  int fd = make_cgroup_for (O_PATH);
  CHECK_EQ (start (NULL, NULL, IN (fd)), INSIDE);
  CHECK_EQ (start (NULL, NULL, INTO (fd)), INSIDE);
  remove_cgroup (fd);
}

/* Nothing has to be written then. */
TEST (child_that_is_born_there_does_not_move)
{
  int fd = make_cgroup ();
  refuse_call_when (SYS_write, 2, 1, EXDEV);
  CHECK_EQ (start (NULL, NULL, INTO (fd)), INSIDE);
  remove_cgroup (fd);
}

/* ---- Beside SETCGROUP ---- */

TEST (cgroup_of_the_attributes)
{
  int fd = make_cgroup ();
  posix_spawnattr_t attributes = attributes_with_cgroup (fd, 0);
  CHECK_EQ (start (NULL, &attributes, ARGS (.flags = PIDFD_SPAWN_SETUMASK, .umask = 022)), INSIDE);
  CHECK_EQ (start (NULL, &attributes, IN (fd)), INSIDE);
  CHECK_EQ (start (NULL, &attributes, INTO (fd)), INSIDE);
  remove_cgroup (fd);
}

TEST (two_cgroups)
{
  posix_spawnattr_t attributes = attributes_with_cgroup (STDIN_FILENO, 0);
  CHECK_EXT_FAILS (spawn_ext (&pidfd, "/bin/true", NULL, &attributes, sleep_argv (), IN (STDOUT_FILENO)), EINVAL);
  CHECK_EXT_FAILS (spawn_ext (&pidfd, "/bin/true", NULL, &attributes, sleep_argv (), INTO (STDOUT_FILENO)), EINVAL);
  posix_spawnattr_destroy (&attributes);
  /* Also two of the same directory. */
  int fd = make_cgroup (), other = fcntl (fd, F_DUPFD_CLOEXEC, 0);
  attributes = attributes_with_cgroup (other, 0);
  CHECK_EQ (start (NULL, &attributes, IN (fd)), EINVAL);
  CHECK (close (other) == 0);
  remove_cgroup (fd);
}

TEST (negative_cgroup_of_the_attributes)
{
  static const int numbers[] = { -1, INT_MIN };
  for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
    {
      posix_spawnattr_t attributes = attributes_with_cgroup (numbers[i], 0);
      CHECK_EXT_FAILS (spawn_ext (&pidfd, "/bin/true", NULL, &attributes, sleep_argv (),
                                  ARGS (.flags = PIDFD_SPAWN_SETUMASK)),
                       EINVAL);
      posix_spawnattr_destroy (&attributes);
    }
}

/* ---- What is no cgroup ---- */

static void
check_refused_at (int line, int fd, bool may_move, int error)
{
  int pidfd = UNTOUCHED, descriptors = open_descriptors ();
  errno = 0;
  int got = spawn_ext (&pidfd, "/bin/true", NULL, NULL, sleep_argv (), may_move ? INTO (fd) : IN (fd)), after = errno;
  if (got != error || after != error || pidfd != UNTOUCHED)
    test_fail (__FILE__, line, "the result is %d with errno %d and pidfd %d, wanted %d", got, after, pidfd, error);
  check_no_child_at (__FILE__, line);
  CHECK_EQ (open_descriptors (), descriptors);
}
#define CHECK_REFUSED(fd, may_move, error) check_refused_at (__LINE__, fd, may_move, error)

static int
open_path (const char *path, int flags)
{
  int fd = open (path, flags | O_CLOEXEC);
  if (fd < 0)
    FAIL ("%s: %s", path, strerror (errno));
  return fd;
}

/* Directories and other files; one has a file of that name in it. */
static void
check_what_is_no_cgroup (bool may_move)
{
  int modes[] = { O_RDONLY, O_PATH };
  write_file (test_path ("cgroup.procs"), "", 0644);
  const char *const paths[] = { "/", "/dev/null", test_dir (), test_path ("cgroup.procs") };
  for (size_t i = 0; i < sizeof paths / sizeof *paths; i++)
    for (size_t mode = 0; mode < 2; mode++)
      {
        int fd = open_path (paths[i], modes[mode]);
        CHECK_REFUSED (fd, may_move, EBADF);
        CHECK (close (fd) == 0);
      }
  CHECK_STR (read_file (test_path ("cgroup.procs")), "");
  CHECK_REFUSED (700, may_move, EBADF);
  CHECK_REFUSED (INT_MAX, may_move, EBADF);
}

/* A kernel that can do it says what is wrong. */
TEST (what_is_no_cgroup)
{
  need_clone3 ();
  check_what_is_no_cgroup (false);
  check_what_is_no_cgroup (true);
}

/* A file of a cgroup is none either, and neither is a directory of the older kind. */
static void
check_file_of_a_cgroup (bool may_move)
{
  int fd = make_cgroup_for (O_RDONLY), file = openat (fd, "cgroup.procs", O_RDONLY | O_CLOEXEC);
  CHECK (file >= 0);
  CHECK_EQ (start (NULL, NULL, may_move ? INTO (file) : IN (file)), EBADF);
  CHECK (close (file) == 0);
  remove_cgroup (fd);
  int old = open ("/sys/fs/cgroup/pids", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (old >= 0)
    {
      CHECK_REFUSED (old, may_move, EBADF);
      CHECK (close (old) == 0);
    }
}

TEST (file_of_a_cgroup)
{
  need_clone3 ();
  check_file_of_a_cgroup (false);
  check_file_of_a_cgroup (true);
}

TEST (missing_program_in_a_cgroup)
{
  int fd = make_cgroup (), pidfd = UNTOUCHED;
  CHECK_EQ (spawn_ext (&pidfd, "/nonexistent", NULL, NULL, sleep_argv (), IN (fd)), ENOENT);
  CHECK_EQ (spawn_ext (&pidfd, "/nonexistent", NULL, NULL, sleep_argv (), INTO (fd)), ENOENT);
  remove_cgroup (fd);
}

/* ---- Without clone3 ---- */

static const int refusals[] = { ENOSYS, EPERM, EACCES, EINVAL, E2BIG };
enum { REFUSALS = sizeof refusals / sizeof *refusals };

/* Never a child that runs elsewhere. */
static void
may_not_move (void *error)
{
  without_clone3 (*(const int *) error);
  int root = open_path ("/", O_RDONLY);
  CHECK_REFUSED (root, false, EOPNOTSUPP);
  CHECK_REFUSED (700, false, EOPNOTSUPP);
  CHECK_EXT_FAILS (spawn_ext (&pidfd, "/nonexistent", NULL, NULL, sleep_argv (), IN (root)), EOPNOTSUPP);
#if CAN_SET_CGROUP
  posix_spawnattr_t attributes = attributes_with_cgroup (root, 0);
  CHECK_EXT_FAILS (spawn_ext (&pidfd, "/bin/true", NULL, &attributes, sleep_argv (),
                              ARGS (.flags = PIDFD_SPAWN_SETUMASK)),
                   EOPNOTSUPP);
#endif
}

TEST (child_that_may_not_move)
{
  for (int i = 0; i < REFUSALS; i++)
    CHECK_EQ (in_fork (may_not_move, (void *) &refusals[i]), 0);
}

static int moving_fd;

static void
move (void *error)
{
  without_clone3 (*(const int *) error);
  for (int i = 0; i < 3; i++)
    CHECK_EQ (start (NULL, NULL, INTO (moving_fd)), INSIDE);
  /* The refusal is remembered, the move is not. */
  CHECK_EQ (start (NULL, NULL, ARGS (.flags = PIDFD_SPAWN_SETUMASK, .umask = 022)), OUTSIDE);
  CHECK (!is_inside (getpid ()));
}

static void
check_moves (int flags)
{
  moving_fd = make_cgroup_for (flags);
  for (int i = 0; i < REFUSALS; i++)
    CHECK_EQ (in_fork (move, (void *) &refusals[i]), 0);
  remove_cgroup (moving_fd);
}

TEST (child_that_moves)
{
  check_moves (O_RDONLY);
}

TEST (child_that_moves_by_a_path)
{
  check_moves (O_PATH);
}

/* clone3 works, but cannot do that: it is used without. */
TEST (child_that_moves_beside_clone3)
{
  need_plain_clone3 ();
  int fd = make_cgroup_for (O_RDONLY);
  SET_FILTER ({ SYS_clone3, 1, ALL_BITS, 64, FILTER_ALLOW }, { .call = SYS_clone3, .action = FILTER_ERROR (E2BIG) },
              { .call = SYS_clone, .action = FILTER_ERROR (EXDEV) });
  CHECK_EQ (start (NULL, NULL, INTO (fd)), INSIDE);
  CHECK_EQ (start (NULL, NULL, ARGS (.flags = PIDFD_SPAWN_SETUMASK)), OUTSIDE);
  CHECK_EQ (start (NULL, NULL, IN (fd)), EOPNOTSUPP);
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

/* The first step: the actions run there, and may take the descriptor away. */
TEST (child_moves_before_its_actions)
{
  need_list_of_children ();
  int fd = make_cgroup_for (O_RDONLY);
  without_clone3 (ENOSYS);
  posix_spawn_file_actions_t actions;
  char *fifo = wait_for_fifo (&actions);
  posix_spawn_file_actions_addclose (&actions, fd);
  pthread_t thread;
  void *release;
  CHECK_EQ (pthread_create (&thread, NULL, look_at_the_child, fifo), 0);
  int result = start (&actions, NULL, INTO (fd));
  CHECK_EQ (pthread_join (thread, &release), 0);
  CHECK (close ((int) (long) release) == 0);
  posix_spawn_file_actions_destroy (&actions);
  remove_cgroup (fd);
  CHECK_EQ (result, INSIDE);
  CHECK (inside_before_the_exec);
}

/* Before the umask, the limits and everything else that could be in its way. */
TEST (child_moves_first)
{
  int fd = make_cgroup_for (O_RDONLY);
  without_clone3 (ENOSYS);
  posix_spawnattr_t attributes;
  CHECK_EQ (posix_spawnattr_init (&attributes), 0);
  CHECK_EQ (posix_spawnattr_setflags (&attributes, POSIX_SPAWN_SETPGROUP), 0);
  /* There is no such group. */
  CHECK_EQ (posix_spawnattr_setpgroup (&attributes, INT_MAX), 0);
  CHECK_EQ (start (NULL, &attributes, INTO (fd)), EPERM);
  refuse_call_when (SYS_write, 2, 1, EXDEV);
  CHECK_EQ (start (NULL, &attributes, INTO (fd)), EXDEV);
  posix_spawnattr_destroy (&attributes);
  remove_cgroup (fd);
}

TEST (what_is_no_cgroup_to_move_to)
{
  without_clone3 (ENOSYS);
  check_what_is_no_cgroup (true);
}

TEST (file_of_a_cgroup_to_move_to)
{
  without_clone3 (ENOSYS);
  check_file_of_a_cgroup (true);
}

/* What the kernel says, by its number. */
TEST (move_that_fails)
{
  int fd = make_cgroup_for (O_RDONLY);
  without_clone3 (ENOSYS);
  refuse_call_when (SYS_write, 2, 1, EXDEV);
  CHECK_EQ (start (NULL, NULL, INTO (fd)), EXDEV);
  remove_cgroup (fd);
  CHECK_NO_CHILD ();
}

static void
enter_without_the_right (void *may_move)
{
  enum { NOBODY = 65534 };
  CHECK (setresgid (NOBODY, NOBODY, NOBODY) == 0 && setresuid (NOBODY, NOBODY, NOBODY) == 0);
  CHECK_REFUSED (moving_fd, *(bool *) may_move, EACCES);
}

TEST (move_without_the_right_to)
{
  need_root ();
  moving_fd = make_cgroup_for (O_RDONLY);
  without_clone3 (ENOSYS);
  int status = in_fork (enter_without_the_right, &(bool) { true });
  remove_cgroup (moving_fd);
  CHECK_EQ (status, 0);
}

/* What may also be a sandbox's word on clone3 is here the kernel's on the cgroup. */
TEST (birth_without_the_right_to)
{
  need_root ();
  moving_fd = make_cgroup ();
  int status = in_fork (enter_without_the_right, &(bool) { false });
  remove_cgroup (moving_fd);
  CHECK_EQ (status, 0);
}

TEST (missing_program_after_the_move)
{
  int fd = make_cgroup_for (O_RDONLY), pidfd = UNTOUCHED;
  without_clone3 (ENOSYS);
  CHECK_EQ (spawn_ext (&pidfd, "/nonexistent", NULL, NULL, sleep_argv (), INTO (fd)), ENOENT);
  remove_cgroup (fd);
  CHECK_EQ (pidfd, UNTOUCHED);
  CHECK_NO_CHILD ();
}

/* Nothing that the library opens for the move is left to the program. */
CHILD (has_none_but)
{
  for (int fd = STDERR_FILENO + 1; fd < 100; fd++)
    if (is_open (fd) && fd != atoi (argv[0]))
      return 1;
  return 0;
}

TEST (descriptors_after_the_move)
{
  for (int fd = STDERR_FILENO + 1; fd < DESCRIPTORS; fd++)
    fcntl (fd, F_SETFD, FD_CLOEXEC);
  int fd = make_cgroup_for (O_RDONLY), pidfd = UNTOUCHED;
  CHECK (fcntl (fd, F_SETFD, 0) == 0);
  without_clone3 (ENOSYS);
  CHECK_EQ (spawn_ext (&pidfd, self_path, NULL, NULL, child_argv ("has_none_but", format ("%d", fd), NULL),
                       INTO (fd)), 0);
  siginfo_t info = reap (pidfd);
  remove_cgroup (fd);
  CHECK_EQ (info.si_status, 0);
}

/* What the first call of a process opens is not there for the caller. */
static void
move_to_nothing (void *number)
{
  CHECK_REFUSED (*(int *) number, true, EBADF);
}

TEST (cgroup_that_is_not_open)
{
  without_clone3 (ENOSYS);
  for (int fd = 3; fd < 20; fd++)
    if (!is_open (fd))
      CHECK_EQ (in_fork (move_to_nothing, &fd), 0);
}
