/* SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * closefrom where close_range is missing: by what procfs lists, and where that cannot be had either by trying the numbers. */

#include "test.h"

#if HAVE_LIBRARY && !defined NO_CLOSEFROM

/* The numbers below the first argument are open, the others are not. */
CHILD (open_below)
{
  for (int i = 1; i < argc; i++)
    if (is_open (atoi (argv[i])) != (atoi (argv[i]) < atoi (argv[0])))
      return 50 + i;
  return 4;
}

enum { HIGHEST = 300 };
static const int numbers[] = { 50, 51, 60, 61, HIGHEST };

/* A program without procfs does not find its libraries; the list that cannot be read comes to the same here. */
static void
without_a_list (void)
{
  refuse_call (SYS_getdents64, ENOSYS);
}

static void
check_closefrom (void)
{
  for (int call = 0; call < 2; call++)
    for (int first = 51; first <= 61; first += 10)
      {
        posix_spawn_file_actions_t actions;
        CHECK_EQ (posix_spawn_file_actions_init (&actions), 0);
        CHECK_EQ (posix_spawn_file_actions_addclosefrom_np (&actions, first), 0);
        int pidfd = -1;
        CHECK_EQ (both_calls[call](&pidfd, self_path, &actions, NULL,
                                   child_argv ("open_below", format ("%d", first), "50", "51", "60", "61",
                                               format ("%d", HIGHEST), NULL),
                                   environ),
                  0);
        CHECK_EXIT (pidfd, 4);
        posix_spawn_file_actions_destroy (&actions);
      }
}

static void
prepare (void)
{
  /* A limit that is tried out quickly. */
  struct rlimit limit = { 1024, 1024 };
  CHECK (setrlimit (RLIMIT_NOFILE, &limit) == 0);
  for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
    CHECK_EQ (dup2 (0, numbers[i]), numbers[i]);
  refuse_call (436 /* close_range */, ENOSYS);
}

TEST_LEAVING (by_what_procfs_lists)
{
  prepare ();
  check_closefrom ();
}

TEST_LEAVING (by_trying_the_numbers)
{
  prepare ();
  without_a_list ();
  check_closefrom ();
}

/* What was opened before the limit was lowered is closed too. */

static void
lower_the_limit (void)
{
  struct rlimit limit = { 100, 1024 };
  CHECK (setrlimit (RLIMIT_NOFILE, &limit) == 0);
}

TEST_LEAVING (above_the_limit_by_what_procfs_lists)
{
  prepare ();
  lower_the_limit ();
  check_closefrom ();
}

TEST_LEAVING (above_the_limit_by_trying_the_numbers)
{
  prepare ();
  without_a_list ();
  lower_the_limit ();
  check_closefrom ();
}

#else

TEST (closefrom_fallback)
{
  SKIP ("another function, or a libc without the action");
}

#endif
