/* SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * The closefrom action.  The spawned program is told which descriptors it should have, and looks at all numbers. */

#include "runner.h"

#if defined __GLIBC__ && __GLIBC_MINOR__ >= 34
# define NEED_CLOSEFROM() ((void) 0)
#else
# define NEED_CLOSEFROM() SKIP ("the libc has no posix_spawn_file_actions_addclosefrom_np")
# define posix_spawn_file_actions_addclosefrom_np(actions, from) ((void) (actions), (void) (from), ENOSYS)
#endif

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

/* Reads its descriptor to the end and compares. */
CHILD (reads)
{
  char text[64];
  ssize_t length = read (atoi (argv[0]), text, sizeof text - 1);
  if (length < 0)
    return WRONGLY_CLOSED;
  text[length] = 0;
  return strcmp (text, argv[1]) == 0 ? AS_TOLD : WRONGLY_OPEN;
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

#define CHECK_HAS(actions, argv)                                                                                       \
  do                                                                                                                   \
    {                                                                                                                  \
      char *before = descriptor_table ();                                                                              \
      int pidfd = -1;                                                                                                  \
      CHECK_EQ (SPAWN (&pidfd, self_path, actions, NULL, argv, environ), 0);                                           \
      CHECK_EXIT (pidfd, AS_TOLD);                                                                                     \
      CHECK_STR (descriptor_table (), before);                                                                         \
      posix_spawn_file_actions_destroy (actions);                                                                      \
    }                                                                                                                  \
  while (0)

#define ADD_CLOSEFROM(actions, from) CHECK_EQ (posix_spawn_file_actions_addclosefrom_np (actions, from), 0)

TEST (without_the_action_all_stay)
{
  int first = open_row ();
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init (&actions);
  CHECK_HAS (&actions, inherited_then (first, format ("%d-%d", first, first + COUNT - 1)));
  close_row (first);
}

TEST (half)
{
  NEED_CLOSEFROM ();
  int first = open_row ();
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init (&actions);
  ADD_CLOSEFROM (&actions, first + COUNT / 2);
  CHECK_HAS (&actions, inherited_then (first, format ("%d-%d", first, first + COUNT / 2 - 1)));
  close_row (first);
}

TEST (half_with_gaps)
{
  NEED_CLOSEFROM ();
  int first = open_row ();
  for (int i = 30; i < 70; i++)
    if (i < 40 || i >= 60)
      close (first + i);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init (&actions);
  ADD_CLOSEFROM (&actions, first + COUNT / 2);
  CHECK_HAS (&actions, inherited_then (first, format ("%d-%d %d-%d", first, first + 29, first + 40, first + 49)));
  close_row (first);
}

TEST (from_inside_a_gap)
{
  NEED_CLOSEFROM ();
  int first = open_row ();
  for (int i = 20; i < 80; i++)
    close (first + i);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init (&actions);
  ADD_CLOSEFROM (&actions, first + COUNT / 2);
  CHECK_HAS (&actions, inherited_then (first, format ("%d-%d", first, first + 19)));
  close_row (first);
}

TEST (all_but_one)
{
  NEED_CLOSEFROM ();
  int first = open_row ();
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init (&actions);
  ADD_CLOSEFROM (&actions, first + 1);
  CHECK_HAS (&actions, inherited_then (first, format ("%d-%d", first, first)));
  close_row (first);
}

TEST (all_of_the_row)
{
  NEED_CLOSEFROM ();
  int first = open_row ();
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init (&actions);
  ADD_CLOSEFROM (&actions, first);
  CHECK_HAS (&actions, inherited_then (first, ""));
  close_row (first);
}

TEST (every_descriptor_there_is)
{
  NEED_CLOSEFROM ();
  int first = open_row ();
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init (&actions);
  ADD_CLOSEFROM (&actions, 0);
  CHECK_HAS (&actions, child_argv ("has", NULL));
  close_row (first);
}

TEST (nothing_is_above)
{
  NEED_CLOSEFROM ();
  int first = open_row ();
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init (&actions);
  ADD_CLOSEFROM (&actions, first + COUNT);
  ADD_CLOSEFROM (&actions, TOP - 1);
  CHECK_HAS (&actions, inherited_then (first, format ("%d-%d", first, first + COUNT - 1)));
  close_row (first);
}

TEST (twice)
{
  NEED_CLOSEFROM ();
  int first = open_row ();
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init (&actions);
  ADD_CLOSEFROM (&actions, first + 60);
  ADD_CLOSEFROM (&actions, first + 10);
  CHECK_HAS (&actions, inherited_then (first, format ("%d-%d", first, first + 9)));
  close_row (first);
}

TEST (followed_by_an_open_action)
{
  NEED_CLOSEFROM ();
  int first = open_row ();
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init (&actions);
  ADD_CLOSEFROM (&actions, first);
  CHECK_EQ (posix_spawn_file_actions_addopen (&actions, first + 5, "/dev/null", O_RDONLY, 0), 0);
  CHECK_HAS (&actions, inherited_then (first, format ("%d-%d", first + 5, first + 5)));
  close_row (first);
}

TEST (followed_by_a_dup2_action)
{
  NEED_CLOSEFROM ();
  int first = open_row ();
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init (&actions);
  ADD_CLOSEFROM (&actions, first + 1);
  CHECK_EQ (posix_spawn_file_actions_adddup2 (&actions, first, first + 40), 0);
  CHECK_HAS (&actions, inherited_then (first, format ("%d-%d %d-%d", first, first, first + 40, first + 40)));
  close_row (first);
}

TEST (followed_by_open_and_dup2_with_the_right_file)
{
  NEED_CLOSEFROM ();
  int first = open_row ();
  write_file (test_path ("file"), "opened late", 0600);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init (&actions);
  ADD_CLOSEFROM (&actions, 0);
  CHECK_EQ (posix_spawn_file_actions_addopen (&actions, first, test_path ("file"), O_RDONLY, 0), 0);
  CHECK_EQ (posix_spawn_file_actions_adddup2 (&actions, first, 4), 0);
  CHECK_HAS (&actions, child_argv ("reads", "4", "opened late", NULL));
  close_row (first);
}

TEST (an_earlier_action_is_undone_by_it)
{
  NEED_CLOSEFROM ();
  int first = open_row ();
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init (&actions);
  CHECK_EQ (posix_spawn_file_actions_addopen (&actions, first + COUNT + 3, "/dev/null", O_RDONLY, 0), 0);
  CHECK_EQ (posix_spawn_file_actions_adddup2 (&actions, first, first + COUNT + 7), 0);
  ADD_CLOSEFROM (&actions, first + COUNT + 1);
  CHECK_HAS (&actions, inherited_then (first, format ("%d-%d", first, first + COUNT - 1)));
  close_row (first);
}

TEST (descriptors_above_the_limit_close_too)
{
  /* A lowered limit closes nothing, and is no reason to stop there. */
  NEED_CLOSEFROM ();
  int first = open_row ();
  struct rlimit limit = { (rlim_t) first + 4, TOP };
  CHECK (setrlimit (RLIMIT_NOFILE, &limit) == 0);
  for (int i = 0; i < 4; i++)
    close (first + i);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init (&actions);
  ADD_CLOSEFROM (&actions, first);
  CHECK_HAS (&actions, inherited_then (first, ""));
  close_row (first);
}

TEST (an_error_after_it_still_arrives)
{
  /* Not even a descriptor that reports the error may be in its way. */
  NEED_CLOSEFROM ();
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init (&actions);
  ADD_CLOSEFROM (&actions, 0);
  CHECK (setenv ("PATH", "/bin:/usr/bin", 1) == 0);
  char *before = descriptor_table ();
  int pidfd = -1;
  CHECK_ERROR (SPAWN (&pidfd, "/there/is/no/such/program", &actions, NULL, child_argv ("has", NULL), environ), ENOENT);
  CHECK_ERROR (SPAWNP (&pidfd, "no-such-program", &actions, NULL, child_argv ("has", NULL), environ), ENOENT);
  CHECK_EQ (pidfd, -1);
  CHECK_NO_CHILD ();
  CHECK_STR (descriptor_table (), before);
  posix_spawn_file_actions_destroy (&actions);
}

TEST (with_spawnp)
{
  NEED_CLOSEFROM ();
  int first = open_row ();
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init (&actions);
  ADD_CLOSEFROM (&actions, first + COUNT / 2);
  int pidfd = -1;
  char **argv = inherited_then (first, format ("%d-%d", first, first + COUNT / 2 - 1));
  CHECK_EQ (SPAWNP (&pidfd, self_path, &actions, NULL, argv, environ), 0);
  CHECK_EXIT (pidfd, AS_TOLD);
  posix_spawn_file_actions_destroy (&actions);
  close_row (first);
}
