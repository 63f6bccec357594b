/* SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * File actions, rule by rule: what each does, how it fails, that they run in the order in which they were added, and
 * that no number which a caller may use is taken by the implementation for itself. */

#include "runner.h"

enum { UNTOUCHED = -7 };

static posix_spawn_file_actions_t actions;

static void
begin (void)
{
  CHECK_EQ (posix_spawn_file_actions_init (&actions), 0);
}

static void
add_close (int fd)
{
  CHECK_EQ (posix_spawn_file_actions_addclose (&actions, fd), 0);
}

static void
add_dup2 (int from, int to)
{
  CHECK_EQ (posix_spawn_file_actions_adddup2 (&actions, from, to), 0);
}

static void
add_open (int fd, const char *path, int flags, mode_t mode)
{
  CHECK_EQ (posix_spawn_file_actions_addopen (&actions, fd, path, flags, mode), 0);
}

#ifndef NO_CHDIR
static void
add_chdir (const char *path)
{
  CHECK_EQ (posix_spawn_file_actions_addchdir_np (&actions, path), 0);
}
#endif

/* What the child says about the number: "closed", or what it stands for, where in it and how it was opened. */
static char *
describe (int fd)
{
  char target[PATH_MAX];
  ssize_t length = readlink (format ("/proc/self/fd/%d", fd), target, sizeof target - 1);
  if (length < 0)
    return format ("closed");
  target[length] = 0;
  int flags = fcntl (fd, F_GETFL), access = flags & O_ACCMODE;
  const char *base = strrchr (target, '/');
  return format ("%s %s%s at %lld", base ? base + 1 : target,
                 access == O_RDONLY ? "r" : access == O_WRONLY ? "w" : "rw", flags & O_APPEND ? "a" : "",
                 (long long) lseek (fd, 0, SEEK_CUR));
}

/* Arguments: a descriptor and its wanted description, as often as needed. */
CHILD (sees)
{
  for (int i = 0; i + 1 < argc; i += 2)
    if (strcmp (describe (atoi (argv[i])), argv[i + 1]) != 0)
      {
        dprintf (STDERR_FILENO, "descriptor %s: %s, wanted %s\n", argv[i], describe (atoi (argv[i])), argv[i + 1]);
        return 1 + i / 2;
      }
  return 0;
}

/* Ends the actions; they must lead to this exit status of the child. */
static void
check_child_at (int line, char **argv)
{
  for (int call = 0; call < 2; call++)
    {
      int pidfd = UNTOUCHED, error = both_calls[call](&pidfd, self_path, &actions, NULL, argv, environ);
      if (error != 0)
        test_fail (__FILE__, line, "the result is %d (%s)", error, strerror (error));
      check_exit_at (__FILE__, line, pidfd, 0);
    }
  CHECK_EQ (posix_spawn_file_actions_destroy (&actions), 0);
}
#define CHECK_SEES(...) check_child_at (__LINE__, child_argv ("sees", __VA_ARGS__, NULL))

/* Ends the actions; they must fail both calls. */
static void
check_failure_at (int line, int error)
{
  check_spawn_fails_at (__FILE__, line, self_path, &actions, NULL, child_argv ("sees", NULL), error, error);
  CHECK_EQ (posix_spawn_file_actions_destroy (&actions), 0);
}
#define CHECK_FAILS(error) check_failure_at (__LINE__, error)

/* A file of the test directory, opened under this number, inherited by children. */
static void
open_as (int fd, const char *name, int flags)
{
  int opened = open (test_path (name), flags | O_CREAT | O_CLOEXEC, 0600);
  CHECK (opened >= 0 && opened != fd);
  CHECK_EQ (dup2 (opened, fd), fd);
  CHECK (close (opened) == 0);
}

/* ---- close ---- */

TEST (close_an_open_descriptor)
{
  open_as (20, "file", O_RDWR);
  open_as (21, "other", O_RDWR);
  begin ();
  add_close (20);
  CHECK_SEES ("20", "closed", "21", "other rw at 0");
  CHECK (is_open (20));
  close (20);
  close (21);
}

TEST (close_a_descriptor_that_is_not_open)
{
  begin ();
  add_close (20);
  add_close (20);
  add_close (700);
  CHECK_SEES ("20", "closed", "0", describe (0));
}

#if HAVE_LIBRARY

TEST_LEAVING (close_where_the_limit_cannot_be_asked_for)
{
  begin ();
  add_close (700);
  /* The sanitizers' runtimes ask for others. */
  refuse_call_when (SYS_prlimit64, 1, RLIMIT_NOFILE, EPERM);
  CHECK_SEES ("20", "closed");
}

#endif

TEST_LEAVING (close_beyond_the_limit)
{
  begin ();
  add_close (300);
  limit_descriptors (300);
  CHECK_FAILS (EBADF);
  begin ();
  add_close (299);
  CHECK_SEES ("299", "closed");
}

/* ---- dup2 ---- */

TEST (dup2_to_a_free_number)
{
  open_as (20, "file", O_RDWR);
  CHECK_EQ (write (20, "12345", 5), 5);
  begin ();
  add_dup2 (20, 25);
  CHECK_SEES ("20", "file rw at 5", "25", "file rw at 5");
  CHECK (!is_open (25));
  close (20);
}

TEST (dup2_over_an_open_number)
{
  open_as (20, "file", O_RDWR);
  open_as (21, "other", O_RDWR);
  begin ();
  add_dup2 (20, 21);
  CHECK_SEES ("20", "file rw at 0", "21", "file rw at 0");
  close (20);
  close (21);
}

TEST (dup2_makes_a_copy_that_is_inherited)
{
  open_as (20, "file", O_RDWR);
  CHECK (fcntl (20, F_SETFD, FD_CLOEXEC) == 0);
  begin ();
  add_dup2 (20, 21);
  CHECK_SEES ("20", "closed", "21", "file rw at 0");
  close (20);
}

TEST (dup2_onto_itself_makes_the_descriptor_inherited)
{
  open_as (20, "file", O_RDWR);
  CHECK (fcntl (20, F_SETFD, FD_CLOEXEC) == 0);
  begin ();
  add_dup2 (20, 20);
  CHECK_SEES ("20", "file rw at 0");
  CHECK_EQ (fcntl (20, F_GETFD), FD_CLOEXEC);
  close (20);
}

TEST (dup2_of_a_closed_descriptor_onto_itself)
{
  begin ();
  add_dup2 (20, 20);
  CHECK_FAILS (EBADF);
}

TEST (dup2_of_a_closed_descriptor)
{
  begin ();
  add_dup2 (20, 21);
  CHECK_FAILS (EBADF);
}

TEST_LEAVING (dup2_beyond_the_limit)
{
  open_as (20, "file", O_RDWR);
  begin ();
  add_dup2 (20, 300);
  limit_descriptors (300);
  CHECK_FAILS (EBADF);
}

/* ---- open ---- */

TEST (open_on_a_free_number)
{
  write_file (test_path ("file"), "content", 0600);
  begin ();
  add_open (20, test_path ("file"), O_RDONLY, 0);
  add_open (22, test_path ("file"), O_WRONLY | O_APPEND, 0);
  CHECK_SEES ("20", "file r at 0", "22", "file wa at 0", "3", describe (3), "4", describe (4));
}

TEST (open_over_an_open_number)
{
  write_file (test_path ("file"), "content", 0600);
  open_as (20, "other", O_RDWR);
  begin ();
  add_open (20, test_path ("file"), O_RDONLY, 0);
  CHECK_SEES ("20", "file r at 0");
  CHECK_STR (describe (20), "other rw at 0");
  close (20);
}

/* The number is freed before the opening, so that the path may need it free: the descriptor's own entry in /proc. */
TEST (open_closes_the_number_first)
{
  open_as (20, "file", O_RDWR);
  begin ();
  add_open (20, "/proc/self/fd/20", O_RDONLY, 0);
  CHECK_FAILS (ENOENT);
  close (20);
}

/* For the same reason it works where no other descriptor is free. */
TEST_LEAVING (open_at_the_limit_of_descriptors)
{
  write_file (test_path ("file"), "content", 0600);
  limit_descriptors (24);
  while (dup (STDERR_FILENO) >= 0)
    continue;
  CHECK_EQ (errno, EMFILE);
  /* The pidfd's own, which the child has too. */
  CHECK (close (10) == 0);
  begin ();
  add_close (10);
  add_open (10, "/dev/null", O_RDONLY, 0);
  add_open (20, test_path ("file"), O_RDONLY, 0);
  add_open (0, test_path ("file"), O_WRONLY, 0);
  add_close (3);
  add_close (4);
  CHECK_SEES ("20", "file r at 0", "0", "file w at 0");
}

TEST (open_creates_with_the_umask)
{
  mode_t mask = umask (027);
  begin ();
  add_open (20, test_path ("new"), O_WRONLY | O_CREAT | O_EXCL, 0666);
  int pidfd = UNTOUCHED;
  CHECK_EQ (SPAWN (&pidfd, self_path, &actions, NULL, child_argv ("sees", "20", "new w at 0", NULL), environ), 0);
  umask (mask);
  CHECK_EXIT (pidfd, 0);
  struct stat status;
  CHECK (stat (test_path ("new"), &status) == 0);
  CHECK_EQ (status.st_mode & 07777, 0640);
  /* Now it exists. */
  CHECK_FAILS (EEXIST);
}

TEST (open_truncates_when_told_so)
{
  write_file (test_path ("file"), "content", 0600);
  begin ();
  add_open (20, test_path ("file"), O_WRONLY, 0);
  CHECK_SEES ("20", "file w at 0");
  CHECK_STR (read_file (test_path ("file")), "content");
  begin ();
  add_open (20, test_path ("file"), O_WRONLY | O_TRUNC, 0);
  CHECK_SEES ("20", "file w at 0");
  CHECK_STR (read_file (test_path ("file")), "");
}

TEST (open_that_fails)
{
  begin ();
  add_open (20, test_path ("none"), O_RDONLY, 0);
  CHECK_FAILS (ENOENT);
  begin ();
  add_open (20, test_dir (), O_WRONLY, 0);
  CHECK_FAILS (EISDIR);
  write_file (test_path ("file"), "", 0600);
  begin ();
  add_open (20, test_path ("file/below"), O_RDONLY, 0);
  CHECK_FAILS (ENOTDIR);
  begin ();
  add_open (20, test_path ("file"), O_WRONLY | O_CREAT | O_EXCL, 0600);
  CHECK_FAILS (EEXIST);
}

TEST_LEAVING (open_without_permission)
{
  need_root ();
  write_file (test_path ("file"), "", 0600);
  CHECK (setresuid (65534, 65534, 65534) == 0);
  begin ();
  add_open (20, test_path ("file"), O_RDONLY, 0);
  CHECK_FAILS (EACCES);
}

/* The kernel's O_LARGEFILE, which a libc with 64 bits hides. */
#if defined __arm__ || defined __aarch64__
enum { LARGE_FILE = 0400000 };
#elif defined __powerpc__
enum { LARGE_FILE = 0200000 };
#elif defined __mips__
enum { LARGE_FILE = 0x2000 };
#elif defined __sparc__
enum { LARGE_FILE = 0x40000 };
#else
enum { LARGE_FILE = 0100000 };
#endif

CHILD (has_largefile)
{
  int flags = fcntl (atoi (argv[0]), F_GETFL);
  return flags == -1 ? 2 : flags & LARGE_FILE ? 0 : 1;
}

/* The number that an open gets. */
static int
lowest_free (void)
{
  int fd = dup (STDERR_FILENO);
  CHECK (fd >= 0 && close (fd) == 0);
  return fd;
}

/* Files of more than 2 GiB can be opened whatever the caller was compiled for. */
TEST (open_allows_large_files)
{
  write_file (test_path ("file"), "", 0600);
  /* By way of another number, and directly. */
  int numbers[] = { 20, lowest_free () };
  for (int i = 0; i < 2; i++)
    {
      begin ();
      add_open (numbers[i], test_path ("file"), O_RDONLY, 0);
      check_child_at (__LINE__, child_argv ("has_largefile", format ("%d", numbers[i]), NULL));
    }
}

#if HAVE_LIBRARY

/* Marks the open that the filter looks at. */
enum { MARK = O_NOCTTY | O_NONBLOCK };

static void
refuse_small_files (void *unused)
{
  (void) unused;
  char *path = test_path ("file");
  SET_FILTER ({ SYS_openat, 2, MARK | LARGE_FILE, MARK, FILTER_ERROR (EXDEV) });
  CHECK (syscall (SYS_openat, AT_FDCWD, path, MARK) == -1 && errno == EXDEV);
  begin ();
  add_open (20, path, O_RDONLY | MARK, 0);
  CHECK_SEES ("20", "file r at 0");
}

/* The kernel is told, even where it needs not be. */
TEST (open_asks_for_large_files)
{
  write_file (test_path ("file"), "", 0600);
  CHECK_EQ (in_fork (refuse_small_files, NULL), 0);
}

#endif

/* An open that asks for close-on-exec gets it where the descriptor is not moved by dup2, which takes it away. */
TEST (open_with_close_on_exec)
{
  write_file (test_path ("file"), "", 0600);
  int lowest = lowest_free ();
  begin ();
  add_open (20, test_path ("file"), O_RDONLY | O_CLOEXEC, 0);
  CHECK_SEES ("20", "file r at 0");
  begin ();
  add_open (lowest, test_path ("file"), O_RDONLY | O_CLOEXEC, 0);
  CHECK_SEES (format ("%d", lowest), "closed");
  begin ();
  add_open (lowest, test_path ("file"), O_RDONLY, 0);
  CHECK_SEES (format ("%d", lowest), "file r at 0");
}

/* The string may be gone when the call is made: the libc keeps a copy. */
TEST (open_keeps_the_path_that_was_added)
{
  write_file (test_path ("file"), "", 0600);
  char *path = test_path ("file");
  begin ();
  add_open (20, path, O_RDONLY, 0);
  memset (path, 'x', strlen (path));
  CHECK_SEES ("20", "file r at 0");
}

/* ---- Order ---- */

TEST (actions_run_in_their_order)
{
  write_file (test_path ("file"), "content", 0600);
  write_file (test_path ("other"), "content", 0600);
  open_as (30, "third", O_RDWR);
  begin ();
  add_open (20, test_path ("file"), O_RDONLY, 0);
  add_dup2 (20, 21);
  add_close (20);
  add_open (20, test_path ("other"), O_WRONLY, 0);
  add_dup2 (20, 22);
  add_dup2 (30, 20);
  add_close (30);
  CHECK_SEES ("20", "third rw at 0", "21", "file r at 0", "22", "other w at 0", "30", "closed");
  close (30);
}

TEST (swapping_two_descriptors)
{
  open_as (20, "file", O_RDWR);
  open_as (21, "other", O_RDWR);
  begin ();
  add_dup2 (20, 22);
  add_dup2 (21, 20);
  add_dup2 (22, 21);
  add_close (22);
  CHECK_SEES ("20", "other rw at 0", "21", "file rw at 0", "22", "closed");
  close (20);
  close (21);
}

/* What came before the one that fails has been done, what comes after it has not. */
TEST (actions_end_at_the_one_that_fails)
{
  begin ();
  add_open (20, test_path ("before"), O_WRONLY | O_CREAT, 0600);
  add_dup2 (600, 21);
  add_open (20, test_path ("after"), O_WRONLY | O_CREAT, 0600);
  CHECK_FAILS (EBADF);
  CHECK (access (test_path ("before"), F_OK) == 0);
  CHECK (access (test_path ("after"), F_OK) == -1);
}

TEST (no_actions_in_an_object)
{
  open_as (20, "file", O_RDWR);
  begin ();
  CHECK_SEES ("20", "file rw at 0");
  close (20);
}

/* The libc's array grows; all of it must be read. */
TEST (many_actions)
{
  open_as (20, "file", O_RDWR);
  begin ();
  for (int i = 0; i < 300; i++)
    add_dup2 (20 + i, 21 + i);
  for (int i = 0; i < 300; i++)
    add_close (20 + i);
  CHECK_SEES ("20", "closed", "21", "closed", "170", "closed", "319", "closed", "320", "file rw at 0");
  close (20);
}

/* Actions that succeeded do not hide an error of the exec. */
TEST (actions_before_a_program_that_does_not_exist)
{
  begin ();
  add_open (20, test_path ("before"), O_WRONLY | O_CREAT, 0600);
  for (int call = 0; call < 2; call++)
    {
      int pidfd = UNTOUCHED;
      CHECK_EQ (both_calls[call](&pidfd, test_path ("none"), &actions, NULL, child_argv ("sees", NULL), environ),
                ENOENT);
      CHECK_EQ (pidfd, UNTOUCHED);
    }
  CHECK (access (test_path ("before"), F_OK) == 0);
  posix_spawn_file_actions_destroy (&actions);
}

/* One object serves many calls. */
TEST (actions_can_be_used_again)
{
  write_file (test_path ("file"), "", 0600);
  begin ();
  add_open (20, test_path ("file"), O_RDONLY, 0);
  for (int i = 0; i < 5; i++)
    {
      int pidfd = UNTOUCHED;
      CHECK_EQ (both_calls[i % 2](&pidfd, self_path, &actions, NULL, child_argv ("sees", "20", "file r at 0", NULL),
                                  environ), 0);
      CHECK_EXIT (pidfd, 0);
    }
  posix_spawn_file_actions_destroy (&actions);
}

/* ---- Directories ---- */

/* Arguments: the wanted directory. */
CHILD (is_in)
{
  char here[PATH_MAX];
  return getcwd (here, sizeof here) && strcmp (here, argv[0]) == 0 ? 0 : 1;
}

#ifndef NO_CHDIR

static char *
make_directory (const char *name)
{
  CHECK (mkdir (test_path (name), 0755) == 0);
  char *path = realpath (test_path (name), NULL);
  CHECK (path != NULL);
  return path;
}

TEST (chdir_and_fchdir)
{
  char *sub = make_directory ("sub"), *below = make_directory ("sub/below");
  begin ();
  add_chdir (sub);
  check_child_at (__LINE__, child_argv ("is_in", sub, NULL));
  begin ();
  add_chdir (sub);
  add_chdir ("below");
  check_child_at (__LINE__, child_argv ("is_in", below, NULL));

  int fd = open (sub, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  CHECK (fd >= 0);
  begin ();
  CHECK_EQ (posix_spawn_file_actions_addfchdir_np (&actions, fd), 0);
  check_child_at (__LINE__, child_argv ("is_in", sub, NULL));
  /* A descriptor that an action has opened. */
  begin ();
  add_open (40, below, O_RDONLY | O_DIRECTORY, 0);
  CHECK_EQ (posix_spawn_file_actions_addfchdir_np (&actions, 40), 0);
  add_close (40);
  check_child_at (__LINE__, child_argv ("is_in", below, NULL));
  CHECK (close (fd) == 0);
}

TEST (chdir_that_fails)
{
  begin ();
  add_chdir (test_path ("none"));
  CHECK_FAILS (ENOENT);
  write_file (test_path ("file"), "", 0755);
  begin ();
  add_chdir (test_path ("file"));
  CHECK_FAILS (ENOTDIR);
  begin ();
  add_chdir ("");
  CHECK_FAILS (ENOENT);
}

TEST (fchdir_that_fails)
{
  begin ();
  CHECK_EQ (posix_spawn_file_actions_addfchdir_np (&actions, 20), 0);
  CHECK_FAILS (EBADF);
  open_as (20, "file", O_RDWR);
  begin ();
  CHECK_EQ (posix_spawn_file_actions_addfchdir_np (&actions, 20), 0);
  CHECK_FAILS (ENOTDIR);
  close (20);
}

TEST_LEAVING (chdir_without_permission)
{
  need_root ();
  char *locked = make_directory ("locked");
  CHECK (chmod (locked, 0700) == 0);
  CHECK (setresuid (65534, 65534, 65534) == 0);
  begin ();
  add_chdir (locked);
  CHECK_FAILS (EACCES);
}

/* A directory changes the meaning of the relative paths that come after it, and of those alone. */
TEST_LEAVING (chdir_before_and_after_open)
{
  char *sub = make_directory ("sub");
  CHECK (chdir (test_dir ()) == 0);
  write_file ("outer", "", 0600);
  write_file ("sub/inner", "", 0600);
  begin ();
  add_open (20, "outer", O_RDONLY, 0);
  add_chdir (sub);
  add_open (21, "inner", O_RDONLY, 0);
  CHECK_SEES ("20", "outer r at 0", "21", "inner r at 0");
  begin ();
  add_chdir (sub);
  add_open (20, "outer", O_RDONLY, 0);
  CHECK_FAILS (ENOENT);
  CHECK (access ("outer", F_OK) == 0);
}

/* So does it for the program, and only the child has moved. */
TEST_LEAVING (program_relative_to_a_chdir)
{
  char *sub = make_directory ("sub");
  CHECK (symlink (self_path, test_path ("sub/program")) == 0);
  CHECK (chdir (test_dir ()) == 0);
  begin ();
  add_chdir ("sub");
  static const char *const paths[] = { "./program", "program", "../sub/program" };
  for (int i = 0; i < 3; i++)
    {
      int pidfd = UNTOUCHED;
      CHECK_EQ (SPAWN (&pidfd, paths[i], &actions, NULL, child_argv ("is_in", sub, NULL), environ), 0);
      CHECK_EXIT (pidfd, 0);
      CHECK_EQ (SPAWN (&pidfd, "sub/program", &actions, NULL, child_argv ("is_in", sub, NULL), environ), ENOENT);
    }
  CHECK (access ("sub/program", F_OK) == 0);
}

#endif

/* ---- closefrom ---- */

#ifndef NO_CLOSEFROM

static void
add_closefrom (int from)
{
  CHECK_EQ (posix_spawn_file_actions_addclosefrom_np (&actions, from), 0);
}

TEST (closefrom_keeps_what_is_lower)
{
  open_as (20, "file", O_RDWR);
  open_as (21, "other", O_RDWR);
  open_as (900, "far", O_RDWR);
  begin ();
  add_closefrom (21);
  CHECK_SEES ("0", describe (0), "2", describe (2), "20", "file rw at 0", "21", "closed", "900", "closed");
  CHECK (is_open (21) && is_open (900));
  close (20);
  close (21);
  close (900);
}

TEST (closefrom_where_nothing_is_open)
{
  begin ();
  add_closefrom (1000);
  CHECK_SEES ("0", describe (0));
}

TEST_LEAVING (closefrom_with_no_descriptor_free)
{
  limit_descriptors (64);
  while (dup (STDERR_FILENO) >= 0)
    continue;
  CHECK (close (30) == 0);
  begin ();
  add_closefrom (3);
  CHECK_SEES ("3", "closed", "29", "closed", "30", "closed", "63", "closed");
}

/* Descriptors may lie beyond a limit that was lowered after they were made. */
TEST_LEAVING (closefrom_beyond_the_limit)
{
  open_as (900, "far", O_RDWR);
  limit_descriptors (100);
  begin ();
  add_closefrom (50);
  CHECK_SEES ("900", "closed");
}

TEST (closefrom_then_other_actions)
{
  write_file (test_path ("file"), "", 0600);
  open_as (20, "other", O_RDWR);
  begin ();
  add_closefrom (3);
  add_open (3, test_path ("file"), O_RDONLY, 0);
  add_dup2 (3, 20);
  CHECK_SEES ("3", "file r at 0", "4", "closed", "20", "file r at 0");
  begin ();
  add_closefrom (3);
  add_dup2 (20, 3);
  CHECK_FAILS (EBADF);
  close (20);
}

/* Whatever brings the error to the caller survives it. */
TEST (closefrom_then_a_program_that_does_not_exist)
{
  for (int from = 0; from < 5; from++)
    {
      begin ();
      add_closefrom (from);
      for (int call = 0; call < 2; call++)
        {
          int pidfd = UNTOUCHED;
          CHECK_EQ (both_calls[call](&pidfd, test_path ("none"), &actions, NULL, child_argv ("sees", NULL), environ),
                    ENOENT);
          CHECK_EQ (pidfd, UNTOUCHED);
          CHECK_NO_CHILD ();
        }
      posix_spawn_file_actions_destroy (&actions);
    }
}

CHILD (has_nothing)
{
  return open_descriptors () == 0 ? 0 : 1;
}

TEST (closefrom_zero)
{
  begin ();
  add_closefrom (0);
  check_child_at (__LINE__, child_argv ("has_nothing", NULL));
}

/* Kernels before 5.9 and sandboxes: there the descriptors are walked. */
TEST_LEAVING (closefrom_without_close_range)
{
  open_as (20, "file", O_RDWR);
  open_as (21, "other", O_RDWR);
  open_as (900, "far", O_RDWR);
  open_as (1000, "farther", O_RDWR);
  refuse_call (SYS_close_range, ENOSYS);
  begin ();
  add_closefrom (21);
  CHECK_SEES ("20", "file rw at 0", "21", "closed", "900", "closed", "1000", "closed");
  begin ();
  add_closefrom (0);
  check_child_at (__LINE__, child_argv ("has_nothing", NULL));
}

#endif

/* ---- tcsetpgrp ---- */

#ifndef NO_TCSETPGRP
TEST (tcsetpgrp_that_fails)
{
  open_as (20, "file", O_RDWR);
  begin ();
  CHECK_EQ (posix_spawn_file_actions_addtcsetpgrp_np (&actions, 20), 0);
  CHECK_FAILS (ENOTTY);
  begin ();
  CHECK_EQ (posix_spawn_file_actions_addtcsetpgrp_np (&actions, 21), 0);
  CHECK_FAILS (EBADF);
  close (20);
}
#endif

/* ---- Numbers that an implementation might want for itself ---- */

/* Were a helper descriptor open in the child, one of these would succeed. */
TEST (low_numbers_are_closed_in_the_child)
{
  for (int fd = 3; fd <= 40; fd++)
    {
      if (is_open (fd))
        continue;
      begin ();
      add_dup2 (fd, 50);
      CHECK_FAILS (EBADF);
    }
}

static void
check_missing_program_is_reported (int line)
{
  for (int call = 0; call < 2; call++)
    {
      int pidfd = UNTOUCHED;
      int error = both_calls[call](&pidfd, test_path ("none"), &actions, NULL, child_argv ("sees", NULL), environ);
      if (error == 0)
        reap (pidfd);
      if (error != ENOENT)
        test_fail (__FILE__, line, "the result is %d (%s), wanted ENOENT", error, strerror (error));
      if (pidfd != UNTOUCHED)
        test_fail (__FILE__, line, "the failed call stored %d", pidfd);
    }
  posix_spawn_file_actions_destroy (&actions);
}

TEST (low_numbers_may_be_closed)
{
  begin ();
  for (int fd = 3; fd <= 40; fd++)
    add_close (fd);
  check_missing_program_is_reported (__LINE__);
}

TEST (low_numbers_may_be_overwritten)
{
  begin ();
  for (int fd = 3; fd <= 40; fd++)
    add_dup2 (STDERR_FILENO, fd);
  check_missing_program_is_reported (__LINE__);
  begin ();
  for (int fd = 3; fd <= 40; fd++)
    add_open (fd, "/dev/null", O_RDWR, 0);
  check_missing_program_is_reported (__LINE__);
  begin ();
  for (int fd = 40; fd >= 3; fd--)
    add_open (fd, "/dev/null", O_RDWR, 0);
  check_missing_program_is_reported (__LINE__);
}

TEST (low_numbers_one_by_one)
{
  for (int fd = 0; fd <= 40; fd++)
    {
      begin ();
      add_close (fd);
      check_missing_program_is_reported (__LINE__);
      begin ();
      add_dup2 (STDERR_FILENO, fd);
      check_missing_program_is_reported (__LINE__);
      begin ();
      add_open (fd, "/dev/null", O_RDWR, 0);
      check_missing_program_is_reported (__LINE__);
    }
}

/* However far up a helper descriptor is moved out of the way, it is met. */
TEST_LEAVING (all_numbers_are_overwritten)
{
  enum { LIMIT = 512 };
  struct rlimit limit, old;
  CHECK (getrlimit (RLIMIT_NOFILE, &limit) == 0);
  old = limit;
  open_as (20, "file", O_RDWR);
  begin ();
  for (int fd = 0; fd < LIMIT; fd++)
    if (fd != STDERR_FILENO)
      add_dup2 (20, fd);
  CHECK_SEES ("0", "file rw at 0", "3", "file rw at 0", "4", "file rw at 0", "20", "file rw at 0",
              "511", "file rw at 0");
  begin ();
  limit.rlim_cur = LIMIT;
  CHECK (setrlimit (RLIMIT_NOFILE, &limit) == 0);
  for (int fd = 0; fd < LIMIT; fd++)
    add_dup2 (20, fd);
  check_missing_program_is_reported (__LINE__);
  CHECK (setrlimit (RLIMIT_NOFILE, &old) == 0);
}

/* ---- Objects that no libc function builds ---- */

#if defined __GLIBC__

/* One action as glibc keeps it. */
struct record {
  int tag;
  union {
    int fd;
    struct {
      int fd;
      char *path;
      int flags;
      mode_t mode;
    } open;
  };
};
_Static_assert (sizeof (struct record) == (sizeof (char *) == 8 ? 32 : 20), "glibc's records");

static struct record *
record (int index)
{
  struct record *first;
  memcpy (&first, (char *) &actions + 8, sizeof first);
  return first + index;
}

TEST (close_of_a_negative_number)
{
  static const int negative[] = { -1, -2, INT_MIN };
  for (size_t i = 0; i < sizeof negative / sizeof *negative; i++)
    {
      begin ();
      add_close (20);
      CHECK_EQ (record (0)->fd, 20);
      record (0)->fd = negative[i];
      CHECK_FAILS (EBADF);
    }
}

/* The libc takes no such action, and its posix_spawn does not look at it again. */
# if HAVE_LIBRARY && !defined NO_CLOSEFROM
TEST (closefrom_of_a_negative_number)
{
  static const int negative[] = { -1, -2, INT_MIN };
  for (size_t i = 0; i < sizeof negative / sizeof *negative; i++)
    {
      begin ();
      CHECK_EQ (posix_spawn_file_actions_addclosefrom_np (&actions, 20), 0);
      CHECK_EQ (record (0)->fd, 20);
      record (0)->fd = negative[i];
      CHECK_FAILS (EBADF);
    }
}
# endif

# if HAVE_LIBRARY
/* posix_spawn passes over what it does not know. */
TEST (unknown_actions_fail)
{
  static const int tags[] = { 7, 8, 99, -1, INT_MAX };
  for (size_t i = 0; i < sizeof tags / sizeof *tags; i++)
    for (int at = 0; at < 3; at++)
      {
        begin ();
        for (int n = 0; n < 3; n++)
          add_close (20);
        CHECK_EQ (record (at)->tag, 0);
        record (at)->tag = tags[i];
        for (int call = 0; call < 2; call++)
          {
            int pidfd = UNTOUCHED;
            int error = both_calls[call](&pidfd, self_path, &actions, NULL, child_argv ("sees", NULL), environ);
            if (error == 0)
              reap (pidfd);
            CHECK (error > 0);
            CHECK_EQ (errno, error);
            CHECK_EQ (pidfd, UNTOUCHED);
            CHECK_NO_CHILD ();
          }
        posix_spawn_file_actions_destroy (&actions);
      }
}
# endif

#endif
