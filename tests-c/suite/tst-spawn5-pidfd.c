/* SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * The closefrom action.  The spawned program is told which descriptors it should have, and looks at all numbers. */

#include "runner.h"

#ifdef NO_CLOSEFROM

TEST (closefrom)
{
  SKIP (NO_CLOSEFROM);
}

#else

enum {
  COUNT = 100,
  TOP = 1024, /* where the spawned program stops looking */
  AS_TOLD = 50,
  WRONGLY_CLOSED = 51,
  WRONGLY_OPEN = 52,
};

/* The arguments are "FIRST-LAST" ranges of descriptors, ascending; these and no others must be open. */
CHILD (has)
{
  int fd = 0;
  for (int i = 0; i <= argc; i++)
    {
      int first = TOP, last = TOP - 1;
      if (i < argc)
        sscanf (argv[i], "%d-%d", &first, &last);
      for (; fd < first; fd++)
        if (is_open (fd))
          {
            dprintf (STDERR_FILENO, "%d is open\n", fd);
            return WRONGLY_OPEN;
          }
      for (; fd <= last; fd++)
        if (!is_open (fd))
          {
            dprintf (STDERR_FILENO, "%d is closed\n", fd);
            return WRONGLY_CLOSED;
          }
    }
  return AS_TOLD;
}

/* Opens COUNT descriptors in a row, above all others, and gives the first. */
static int
open_row (void)
{
  int first = 3;
  for (int fd = 3; fd < TOP; fd++)
    if (is_open (fd))
      first = fd + 1;
  if (first + COUNT >= TOP)
    SKIP ("descriptor %d is open", first - 1);
  struct rlimit limit;
  CHECK (getrlimit (RLIMIT_NOFILE, &limit) == 0);
  if (limit.rlim_cur < (rlim_t) TOP)
    SKIP ("the descriptor limit is too low");
  int null = open ("/dev/null", O_RDWR);
  CHECK (null >= 0);
  for (int i = 0; i < COUNT; i++)
    CHECK_EQ (dup2 (null, first + i), first + i);
  if (null < first)
    close (null);
  return first;
}

static void
close_row (int first)
{
  for (int i = 0; i < COUNT; i++)
    close (first + i);
}

/* What the program has below the row: as the caller, and never anything close-on-exec. */
static char **
inherited_then (int first, const char *ranges)
{
  char **argv = child_argv ("has", NULL);
  int count = 3;
  for (int fd = 0; fd < first && count < 50; fd++)
    if (is_open (fd) && !(fcntl (fd, F_GETFD) & FD_CLOEXEC))
      argv[count++] = format ("%d-%d", fd, fd);
  char *copy = format ("%s", ranges);
  for (char *range = strtok (copy, " "); range; range = strtok (NULL, " "))
    argv[count++] = range;
  return argv;
}

static posix_spawn_file_actions_t actions;

static void
add_closefrom (int from)
{
  CHECK_EQ (posix_spawn_file_actions_addclosefrom_np (&actions, from), 0);
}

/* The body adds actions to those at hand, may close some of the row, and gives the ranges that must be left of it. */
#define ROW_TEST(name_)                                                                                                \
  static char *name_ (int first);                                                                                      \
  TEST (name_)                                                                                                         \
  {                                                                                                                    \
    check_row (name_);                                                                                                 \
  }                                                                                                                    \
  static char *name_ (int first)

static void
check_row (char *(*prepare) (int first))
{
  int first = open_row ();
  CHECK_EQ (posix_spawn_file_actions_init (&actions), 0);
  char **argv = inherited_then (first, prepare (first)), *before = descriptor_table ();
  for (int call = 0; call < 2; call++)
    {
      int pidfd = -1;
      CHECK_EQ (both_calls[call](&pidfd, self_path, &actions, NULL, argv, environ), 0);
      CHECK_EXIT (pidfd, AS_TOLD);
      CHECK_STR (descriptor_table (), before);
    }
  CHECK_EQ (posix_spawn_file_actions_destroy (&actions), 0);
  close_row (first);
}

ROW_TEST (without_the_action_all_stay)
{
  return format ("%d-%d", first, first + COUNT - 1);
}

ROW_TEST (half)
{
  add_closefrom (first + COUNT / 2);
  return format ("%d-%d", first, first + COUNT / 2 - 1);
}

ROW_TEST (half_with_gaps)
{
  for (int i = 30; i < 70; i++)
    if (i < 40 || i >= 60)
      close (first + i);
  add_closefrom (first + COUNT / 2);
  return format ("%d-%d %d-%d", first, first + 29, first + 40, first + 49);
}

ROW_TEST (from_inside_a_gap)
{
  for (int i = 20; i < 80; i++)
    close (first + i);
  add_closefrom (first + COUNT / 2);
  return format ("%d-%d", first, first + 19);
}

ROW_TEST (all_but_one)
{
  add_closefrom (first + 1);
  return format ("%d-%d", first, first);
}

ROW_TEST (all_of_the_row)
{
  add_closefrom (first);
  return format ("%s", "");
}

ROW_TEST (nothing_is_above)
{
  add_closefrom (first + COUNT);
  add_closefrom (TOP - 1);
  return format ("%d-%d", first, first + COUNT - 1);
}

ROW_TEST (twice)
{
  add_closefrom (first + 60);
  add_closefrom (first + 10);
  return format ("%d-%d", first, first + 9);
}

ROW_TEST (followed_by_an_open_action)
{
  add_closefrom (first);
  CHECK_EQ (posix_spawn_file_actions_addopen (&actions, first + 5, "/dev/null", O_RDONLY, 0), 0);
  return format ("%d-%d", first + 5, first + 5);
}

ROW_TEST (followed_by_a_dup2_action)
{
  add_closefrom (first + 1);
  CHECK_EQ (posix_spawn_file_actions_adddup2 (&actions, first, first + 40), 0);
  return format ("%d-%d %d-%d", first, first, first + 40, first + 40);
}

ROW_TEST (an_earlier_action_is_undone_by_it)
{
  CHECK_EQ (posix_spawn_file_actions_addopen (&actions, first + COUNT + 3, "/dev/null", O_RDONLY, 0), 0);
  CHECK_EQ (posix_spawn_file_actions_adddup2 (&actions, first, first + COUNT + 7), 0);
  add_closefrom (first + COUNT + 1);
  return format ("%d-%d", first, first + COUNT - 1);
}

#endif
