/* SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * CLOEXEC_FROM: which descriptors the program inherits, whatever the file actions do besides, and by each of the ways
 * to mark them. */

#include "extension.h"

/* From the first number on exactly the others are open. */
CHILD (has_only)
{
  for (int fd = atoi (argv[0]), next = 1; fd < DESCRIPTORS; fd++)
    {
      bool wanted = next < argc && atoi (argv[next]) == fd;
      next += wanted;
      if (is_open (fd) != wanted)
        {
          dprintf (STDERR_FILENO, "descriptor %d is %s\n", fd, wanted ? "not open" : "open");
          return 1;
        }
    }
  return 0;
}

#define HAS_ONLY(...) child_argv ("has_only", __VA_ARGS__, NULL)

/* The numbers that the tests use, none of them close-on-exec. */
static const int numbers[] = { 40, 50, 51, 60, 61, 300 };

/* What whoever runs the tests has left open is not for the programs here. */
static void
mark_the_rest (void)
{
  for (int fd = STDERR_FILENO + 1; fd < DESCRIPTORS; fd++)
    fcntl (fd, F_SETFD, FD_CLOEXEC);
}

static void
open_numbers (void)
{
  mark_the_rest ();
  for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
    CHECK_EQ (dup2 (STDIN_FILENO, numbers[i]), numbers[i]);
}

static void
close_numbers (void)
{
  for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
    CHECK (close (numbers[i]) == 0);
}

#define FROM(first, ...)                                                                                               \
  ARGS (.flags = PIDFD_SPAWN_CLOEXEC_FROM, .cloexec_from = first, .inherit = (const int[]) { __VA_ARGS__ },            \
        .inherit_count = sizeof (int[]) { __VA_ARGS__ } / sizeof (int))

static void
check_inherits_at (int line, const posix_spawn_file_actions_t *actions, const struct pidfd_spawn_args *args,
                   char **argv)
{
  char *before = descriptor_table ();
  int pidfd = UNTOUCHED, error = spawn_ext (&pidfd, self_path, actions, NULL, argv, args);
  if (error)
    test_fail (__FILE__, line, "the result is %d (%s)", error, strerror (error));
  check_exit_at (__FILE__, line, pidfd, 0);
  if (strcmp (before, descriptor_table ()) != 0)
    test_fail (__FILE__, line, "the caller's descriptors were changed");
  free (before);
}
#define CHECK_INHERITS(actions, args, argv) check_inherits_at (__LINE__, actions, args, argv)

/* ---- What is marked ---- */

TEST (descriptors_from_a_number_on)
{
  open_numbers ();
  CHECK_INHERITS (NULL, FROM (0), HAS_ONLY ("0"));
  CHECK_INHERITS (NULL, FROM (3), HAS_ONLY ("3"));
  CHECK_INHERITS (NULL, FROM (50), HAS_ONLY ("40", "40"));
  CHECK_INHERITS (NULL, FROM (51), HAS_ONLY ("40", "40", "50"));
  CHECK_INHERITS (NULL, FROM (60), HAS_ONLY ("40", "40", "50", "51"));
  CHECK_INHERITS (NULL, FROM (300), HAS_ONLY ("40", "40", "50", "51", "60", "61"));
  CHECK_INHERITS (NULL, FROM (301), HAS_ONLY ("40", "40", "50", "51", "60", "61", "300"));
  CHECK_INHERITS (NULL, FROM (INT_MAX), HAS_ONLY ("40", "40", "50", "51", "60", "61", "300"));
  close_numbers ();
}

TEST (descriptors_to_inherit)
{
  open_numbers ();
  CHECK_INHERITS (NULL, FROM (3, 50), HAS_ONLY ("3", "50"));
  CHECK_INHERITS (NULL, FROM (3, 300, 40, 60), HAS_ONLY ("3", "40", "60", "300"));
  CHECK_INHERITS (NULL, FROM (50, 300, 61, 60, 51, 50), HAS_ONLY ("40", "40", "50", "51", "60", "61", "300"));
  CHECK_INHERITS (NULL, FROM (50, 60, 60, 60), HAS_ONLY ("40", "40", "60"));
  CHECK_INHERITS (NULL, FROM (0, 2, 60), HAS_ONLY ("0", "2", "60"));
  close_numbers ();
}

/* Below the number nothing is marked, but unmarked. */
TEST (descriptors_to_inherit_below_the_number)
{
  open_numbers ();
  CHECK (fcntl (40, F_SETFD, FD_CLOEXEC) == 0 && fcntl (50, F_SETFD, FD_CLOEXEC) == 0);
  CHECK_INHERITS (NULL, FROM (51), HAS_ONLY ("40"));
  CHECK_INHERITS (NULL, FROM (51, 40), HAS_ONLY ("40", "40"));
  CHECK_INHERITS (NULL, FROM (INT_MAX, 50), HAS_ONLY ("40", "50", "51", "60", "61", "300"));
  CHECK_INHERITS (NULL, FROM (60, 50, 61), HAS_ONLY ("40", "50", "51", "61"));
  close_numbers ();
}

TEST (descriptors_to_inherit_that_are_not_open)
{
  open_numbers ();
  char **argv = HAS_ONLY ("3");
  CHECK_EXT_FAILS (spawn_ext (&pidfd, self_path, NULL, NULL, argv, FROM (3, 700)), EBADF);
  CHECK_EXT_FAILS (spawn_ext (&pidfd, self_path, NULL, NULL, argv, FROM (3, 50, 700, 60)), EBADF);
  CHECK_EXT_FAILS (spawn_ext (&pidfd, self_path, NULL, NULL, argv, FROM (3, 50, 60, INT_MAX)), EBADF);
  CHECK_EXT_FAILS (spawn_ext (&pidfd, self_path, NULL, NULL, argv, FROM (61, 41)), EBADF);
  /* The program is not what fails. */
  CHECK_EXT_FAILS (spawn_ext (&pidfd, "/nonexistent", NULL, NULL, argv, FROM (3, 700)), EBADF);
  CHECK_EXT_FAILS (spawn_ext (&pidfd, "/nonexistent", NULL, NULL, argv, FROM (3, 60)), ENOENT);
  close_numbers ();
}

/* What the library itself opens is not there for the caller, and the first call of a process may open more. */
static void
inherit_nothing (void *number)
{
  CHECK_EXT_FAILS (spawn_ext (&pidfd, "/bin/true", NULL, NULL, sleep_argv (), FROM (3, *(int *) number)), EBADF);
}

TEST (numbers_of_the_library_are_not_open)
{
  for (int fd = 3; fd < 20; fd++)
    if (!is_open (fd))
      CHECK_EQ (in_fork (inherit_nothing, &fd), 0);
}

/* ---- Beside file actions ---- */

static posix_spawn_file_actions_t
new_actions (void)
{
  posix_spawn_file_actions_t actions;
  CHECK_EQ (posix_spawn_file_actions_init (&actions), 0);
  return actions;
}

/* The actions come later: they find what is marked, and what they make is inherited. */
TEST (actions_after_the_marks)
{
  open_numbers ();
  posix_spawn_file_actions_t actions = new_actions ();
  posix_spawn_file_actions_adddup2 (&actions, 50, 70);
  posix_spawn_file_actions_addopen (&actions, 71, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2 (&actions, 60, 60);
  posix_spawn_file_actions_addclose (&actions, 300);
  CHECK_INHERITS (&actions, FROM (3), HAS_ONLY ("3", "60", "70", "71"));
  CHECK_INHERITS (&actions, FROM (3, 51, 300), HAS_ONLY ("3", "51", "60", "70", "71"));
  CHECK_INHERITS (&actions, FROM (INT_MAX), HAS_ONLY ("40", "40", "50", "51", "60", "61", "70", "71"));
  posix_spawn_file_actions_destroy (&actions);
  close_numbers ();
}

TEST (action_that_fails)
{
  posix_spawn_file_actions_t actions = new_actions ();
  posix_spawn_file_actions_adddup2 (&actions, 700, 70);
  CHECK_EXT_FAILS (spawn_ext (&pidfd, "/bin/true", &actions, NULL, sleep_argv (), FROM (3)), EBADF);
  CHECK_EXT_FAILS (spawn_ext (&pidfd, "/bin/true", &actions, NULL, sleep_argv (), ARGS (.flags = 0)), EBADF);
  posix_spawn_file_actions_destroy (&actions);
}

TEST (descriptor_to_inherit_that_only_an_action_makes)
{
  char **argv = HAS_ONLY ("3");
  posix_spawn_file_actions_t actions = new_actions ();
  posix_spawn_file_actions_adddup2 (&actions, STDIN_FILENO, 70);
  CHECK_EXT_FAILS (spawn_ext (&pidfd, self_path, &actions, NULL, argv, FROM (3, 70)), EBADF);
  posix_spawn_file_actions_destroy (&actions);
}

/* The inode of each descriptor, by pairs of numbers. */
CHILD (has_files)
{
  for (int i = 0; i + 1 < argc; i += 2)
    {
      struct stat status;
      if (fstat (atoi (argv[i]), &status) != 0 || status.st_ino != (ino_t) strtoull (argv[i + 1], NULL, 10))
        return 50 + i;
    }
  return 0;
}

static char *
new_file (int number)
{
  mark_the_rest ();
  struct stat status;
  int fd = open (test_path (format ("%d", number)), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  CHECK (fd >= 0);
  CHECK_EQ (dup3 (fd, number, O_CLOEXEC), number);
  CHECK (close (fd) == 0);
  CHECK (fstat (number, &status) == 0);
  return format ("%llu", (unsigned long long) status.st_ino);
}

/* Numbers that are source, target and inherited at once. */
TEST (collisions_of_actions_and_descriptors_to_inherit)
{
  char *first = new_file (50), *second = new_file (60), *third = new_file (61);
  posix_spawn_file_actions_t actions = new_actions ();
  posix_spawn_file_actions_adddup2 (&actions, 50, 51);
  posix_spawn_file_actions_adddup2 (&actions, 60, 50);
  posix_spawn_file_actions_adddup2 (&actions, 51, 60);
  posix_spawn_file_actions_addclose (&actions, 51);
  CHECK_INHERITS (&actions, FROM (3), child_argv ("has_files", "50", second, "60", first, NULL));
  CHECK_INHERITS (&actions, FROM (3), HAS_ONLY ("3", "50", "60"));
  CHECK_INHERITS (&actions, FROM (3, 61, 60, 50),
                  child_argv ("has_files", "50", second, "60", first, "61", third, NULL));
  CHECK_INHERITS (&actions, FROM (55, 61, 60, 50), HAS_ONLY ("3", "50", "60", "61"));
  posix_spawn_file_actions_destroy (&actions);
  CHECK (close (50) == 0 && close (60) == 0 && close (61) == 0);
}

#ifndef NO_CLOSEFROM
TEST (closefrom_after_the_marks)
{
  open_numbers ();
  posix_spawn_file_actions_t actions = new_actions ();
  CHECK_EQ (posix_spawn_file_actions_addclosefrom_np (&actions, 60), 0);
  CHECK_INHERITS (&actions, FROM (51, 51, 61, 300), HAS_ONLY ("40", "40", "50", "51"));
  posix_spawn_file_actions_destroy (&actions);
  close_numbers ();
}
#endif

/* ---- The ways to mark ---- */

enum { MARK = 1 << 2 };

static void
without_close_range (int error)
{
  refuse_call_when (SYS_close_range, 2, MARK, error);
}

/* As under closefrom: a program without procfs does not find its libraries. */
static void
without_a_list (void)
{
  refuse_call (SYS_getdents64, ENOSYS);
}

static void
without_poll (void)
{
  refuse_call (SYS_ppoll, EPERM);
  refuse_call (FIRST_CALL + 414 /* ppoll_time64 */, EPERM);
#ifdef SYS_poll
  refuse_call (SYS_poll, EPERM);
#endif
}

static void
without_select (void)
{
  refuse_call (SYS_pselect6, EPERM);
  refuse_call (FIRST_CALL + 413 /* pselect6_time64 */, EPERM);
}

static void
limit_to (rlim_t soft, rlim_t hard)
{
  struct rlimit limit = { soft, hard };
  CHECK (setrlimit (RLIMIT_NOFILE, &limit) == 0);
}

/* Many in a row, so that each place in a block of numbers is there. */
static void
prepare (void)
{
  limit_to (1024, 1024);
  for (int fd = 100; fd < 240; fd++)
    CHECK_EQ (dup2 (STDIN_FILENO, fd), fd);
  open_numbers ();
}

static void
check_marks (void)
{
  CHECK_INHERITS (NULL, FROM (3), HAS_ONLY ("3"));
  CHECK_INHERITS (NULL, FROM (51, 150, 61), HAS_ONLY ("40", "40", "50", "61", "150"));
  CHECK_INHERITS (NULL, FROM (300), HAS_ONLY ("240"));
  CHECK_INHERITS (NULL, FROM (301), HAS_ONLY ("240", "300"));
  CHECK_EXT_FAILS (spawn_ext (&pidfd, "/bin/true", NULL, NULL, sleep_argv (), FROM (51, 150, 241)), EBADF);
}

/* Nothing is marked then. */
static void
check_highest (void)
{
  CHECK_INHERITS (NULL, FROM (INT_MAX), HAS_ONLY ("240", "300"));
  CHECK_INHERITS (NULL, FROM (INT_MAX - 1), HAS_ONLY ("240", "300"));
}

TEST_LEAVING (marks_by_close_range)
{
  prepare ();
  check_marks ();
  check_highest ();
}

/* Before Linux 5.9, before 5.11, and in sandboxes. */
TEST_LEAVING (marks_by_what_procfs_lists)
{
  static const int errors[] = { ENOSYS, EINVAL, EPERM };
  prepare ();
  for (size_t i = 0; i < sizeof errors / sizeof *errors; i++)
    {
      without_close_range (errors[i]);
      check_marks ();
      check_highest ();
    }
}

TEST_LEAVING (marks_by_poll)
{
  prepare ();
  without_close_range (ENOSYS);
  without_a_list ();
  check_marks ();
  check_highest ();
}

TEST_LEAVING (marks_one_by_one)
{
  prepare ();
  without_close_range (ENOSYS);
  without_a_list ();
  without_poll ();
  check_marks ();
}

TEST_LEAVING (marks_without_select)
{
  prepare ();
  without_close_range (ENOSYS);
  without_a_list ();
  without_select ();
  check_marks ();
}

TEST_LEAVING (marks_without_the_limits)
{
  prepare ();
  without_close_range (ENOSYS);
  without_a_list ();
  refuse_call (SYS_prlimit64, EPERM);
  check_marks ();
}

/* What was opened before the limit was lowered is marked too. */
TEST_LEAVING (marks_above_the_limit)
{
  prepare ();
  limit_to (110, 110);
  check_marks ();
  without_close_range (ENOSYS);
  check_marks ();
  without_a_list ();
  check_marks ();
  without_poll ();
  check_marks ();
}

/* The number of the pidfd, which is free in the child, is enough for each way. */
TEST_LEAVING (marks_with_one_free_descriptor)
{
  prepare ();
  int spare = dup (STDERR_FILENO);
  CHECK (spare >= 0);
  use_up_descriptors ();
  CHECK (close (spare) == 0);
  CHECK_INHERITS (NULL, FROM (3), HAS_ONLY ("3"));
  without_close_range (ENOSYS);
  CHECK_INHERITS (NULL, FROM (3), HAS_ONLY ("3"));
}

/* Never skipped: where nobody can say which there are, or none may be marked, there is no program. */
TEST_LEAVING (marks_that_cannot_be_made)
{
  prepare ();
  without_close_range (ENOSYS);
  without_a_list ();
  without_select ();
  refuse_call (SYS_prlimit64, EPERM);
  CHECK_EXT_FAILS (spawn_ext (&pidfd, "/bin/true", NULL, NULL, sleep_argv (), FROM (3)), EPERM);
}

#ifdef SYS_fcntl64
enum { FCNTL = SYS_fcntl64 };
#else
enum { FCNTL = SYS_fcntl };
#endif

TEST_LEAVING (marks_that_are_refused)
{
  prepare ();
  without_close_range (ENOSYS);
  refuse_call_when (FCNTL, 1, F_SETFD, EPERM);
  CHECK_EXT_FAILS (spawn_ext (&pidfd, "/bin/true", NULL, NULL, sleep_argv (), FROM (3)), EPERM);
  without_a_list ();
  CHECK_EXT_FAILS (spawn_ext (&pidfd, "/bin/true", NULL, NULL, sleep_argv (), FROM (3)), EPERM);
}

/* ---- Many ---- */

/* As many as the limit allows; gives the number behind the last. */
static int
open_thousands (void)
{
  mark_the_rest ();
  struct rlimit limit;
  CHECK (getrlimit (RLIMIT_NOFILE, &limit) == 0);
  limit.rlim_cur = limit.rlim_max < 8000 ? limit.rlim_max : 8000;
  CHECK (setrlimit (RLIMIT_NOFILE, &limit) == 0);
  int end = (int) limit.rlim_cur - 100;
  for (int fd = 100; fd < end; fd++)
    CHECK_EQ (dup2 (STDIN_FILENO, fd), fd);
  return end;
}

static void
check_thousands (int end)
{
  CHECK_INHERITS (NULL, FROM (3), HAS_ONLY ("3"));
  CHECK_INHERITS (NULL, FROM (101, end - 1), HAS_ONLY ("3", "100", format ("%d", end - 1)));
}

TEST_LEAVING (thousands_of_descriptors)
{
  int end = open_thousands ();
  check_thousands (end);
  without_close_range (ENOSYS);
  check_thousands (end);
  without_a_list ();
  check_thousands (end);
}

TEST_LEAVING (thousands_of_descriptors_to_inherit)
{
  int end = open_thousands (), count = end - 100, *inherit = calloc ((size_t) count, sizeof *inherit);
  char **all = calloc ((size_t) count + 5, sizeof *all);
  memcpy (all, HAS_ONLY ("3"), 4 * sizeof *all);
  for (int i = 0; i < count; i++)
    {
      inherit[i] = end - 1 - i;
      all[4 + i] = format ("%d", 100 + i);
    }
  CHECK_INHERITS (NULL, ARGS (.flags = PIDFD_SPAWN_CLOEXEC_FROM, .cloexec_from = 3, .inherit = inherit,
                              .inherit_count = (uint32_t) count), all);
  inherit[count - 1] = end;
  CHECK_EXT_FAILS (spawn_ext (&pidfd, "/bin/true", NULL, NULL, sleep_argv (),
                              ARGS (.flags = PIDFD_SPAWN_CLOEXEC_FROM, .cloexec_from = 3, .inherit = inherit,
                                    .inherit_count = (uint32_t) count)),
                   EBADF);
}
