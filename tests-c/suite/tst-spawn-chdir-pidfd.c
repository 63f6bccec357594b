/* SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * The chdir and fchdir actions: where the spawned program finds itself, what a relative path means before and after
 * them, and that the caller stays where it was. */

#include "runner.h"

#if defined __GLIBC__ && __GLIBC_MINOR__ < 29
# define NEED_CHDIR() SKIP ("the libc has no posix_spawn_file_actions_addchdir_np")
# define posix_spawn_file_actions_addchdir_np(actions, path) ((void) (actions), (void) (path), ENOSYS)
# define posix_spawn_file_actions_addfchdir_np(actions, fd) ((void) (actions), (void) (fd), ENOSYS)
#else
# define NEED_CHDIR() ((void) 0)
#endif

enum { IS_THERE = 50, IS_ELSEWHERE = 51, IS_CLOSED = 52, HAS_OTHER_TEXT = 53 };

static bool
same_place (const char *a, const char *b)
{
  struct stat a_status, b_status;
  return stat (a, &a_status) == 0 && stat (b, &b_status) == 0 && a_status.st_dev == b_status.st_dev
         && a_status.st_ino == b_status.st_ino;
}

/* The argument is the absolute path of the expected working directory. */
CHILD (is_in)
{
  return same_place (".", argv[0]) ? IS_THERE : IS_ELSEWHERE;
}

/* Pairs of a descriptor and the text that it must give. */
CHILD (reads)
{
  for (int i = 0; i + 1 < argc; i += 2)
    {
      char text[64];
      ssize_t length = read (atoi (argv[i]), text, sizeof text - 1);
      if (length < 0)
        return IS_CLOSED;
      text[length] = 0;
      if (strcmp (text, argv[i + 1]) != 0)
        return HAS_OTHER_TEXT;
    }
  return IS_THERE;
}

/* The caller is in "home"; the actions lead to "away", with "away/deep" below it.  Each has a file "note" that says
   where it is, and "away" alone has the program, under the name "program". */
static int came_from;

static void
settle (void)
{
  came_from = open (".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  CHECK (came_from >= 0);
  CHECK (mkdir (test_path ("home"), 0755) == 0);
  CHECK (mkdir (test_path ("away"), 0755) == 0);
  CHECK (mkdir (test_path ("away/deep"), 0755) == 0);
  write_file (test_path ("home/note"), "home", 0644);
  write_file (test_path ("away/note"), "away", 0644);
  write_file (test_path ("away/deep/note"), "deep", 0644);
  CHECK (symlink (self_path, test_path ("away/program")) == 0);
  CHECK (chdir (test_path ("home")) == 0);
}

/* The caller has not moved; now it does. */
static void
go_back (void)
{
  CHECK (same_place (".", test_path ("home")));
  CHECK (fchdir (came_from) == 0);
  close (came_from);
}

static int
open_directory (const char *name)
{
  int fd = open (test_path (name), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  CHECK (fd >= 0);
  return fd;
}

/* Adds the action with a path that does not live any longer than the call. */
static void
add_chdir (posix_spawn_file_actions_t *actions, const char *path)
{
  char *passing = format ("%s", path);
  CHECK_EQ (posix_spawn_file_actions_addchdir_np (actions, passing), 0);
  memset (passing, 'X', strlen (passing));
  free (passing);
}

#define CHECK_IS_THERE(function, program, actions, argv)                                                               \
  do                                                                                                                   \
    {                                                                                                                  \
      int pidfd = -1;                                                                                                  \
      CHECK_EQ (function (&pidfd, program, actions, NULL, argv, environ), 0);                                          \
      CHECK_EXIT (pidfd, IS_THERE);                                                                                    \
    }                                                                                                                  \
  while (0)

#define CHECK_FAILS(function, program, actions, error)                                                                 \
  do                                                                                                                   \
    {                                                                                                                  \
      char *before = descriptor_table ();                                                                              \
      int pidfd = -1;                                                                                                  \
      CHECK_ERROR (function (&pidfd, program, actions, NULL, child_argv ("is_in", test_dir (), NULL), environ),        \
                   error);                                                                                             \
      CHECK_EQ (pidfd, -1);                                                                                            \
      CHECK_NO_CHILD ();                                                                                               \
      CHECK_STR (descriptor_table (), before);                                                                         \
      CHECK (same_place (".", test_path ("home")));                                                                    \
    }                                                                                                                  \
  while (0)

TEST (without_an_action_the_directory_is_ours)
{
  settle ();
  CHECK_IS_THERE (SPAWN, self_path, NULL, child_argv ("is_in", test_path ("home"), NULL));
  CHECK_IS_THERE (SPAWNP, self_path, NULL, child_argv ("is_in", test_path ("home"), NULL));
  go_back ();
}

TEST (chdir_with_spawn)
{
  NEED_CHDIR ();
  settle ();
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init (&actions);
  add_chdir (&actions, test_path ("away"));
  CHECK_IS_THERE (SPAWN, self_path, &actions, child_argv ("is_in", test_path ("away"), NULL));
  posix_spawn_file_actions_destroy (&actions);
  go_back ();
}

TEST (chdir_with_spawnp)
{
  NEED_CHDIR ();
  settle ();
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init (&actions);
  add_chdir (&actions, test_path ("away"));
  CHECK_IS_THERE (SPAWNP, self_path, &actions, child_argv ("is_in", test_path ("away"), NULL));
  posix_spawn_file_actions_destroy (&actions);
  go_back ();
}

TEST (chdir_keeps_the_path_that_it_was_given)
{
  NEED_CHDIR ();
  settle ();
  /* Overwritten by a directory that exists as well. */
  char path[PATH_MAX];
  strcpy (path, test_path ("away"));
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init (&actions);
  CHECK_EQ (posix_spawn_file_actions_addchdir_np (&actions, path), 0);
  strcpy (path, test_path ("home"));
  CHECK_IS_THERE (SPAWN, self_path, &actions, child_argv ("is_in", test_path ("away"), NULL));
  posix_spawn_file_actions_destroy (&actions);
  go_back ();
}

TEST (chdir_by_a_relative_path)
{
  NEED_CHDIR ();
  settle ();
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init (&actions);
  add_chdir (&actions, "../away");
  CHECK_IS_THERE (SPAWN, self_path, &actions, child_argv ("is_in", test_path ("away"), NULL));
  posix_spawn_file_actions_destroy (&actions);
  go_back ();
}

TEST (chdir_step_by_step)
{
  NEED_CHDIR ();
  settle ();
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init (&actions);
  add_chdir (&actions, test_path ("away"));
  add_chdir (&actions, "deep");
  CHECK_IS_THERE (SPAWN, self_path, &actions, child_argv ("is_in", test_path ("away/deep"), NULL));
  posix_spawn_file_actions_destroy (&actions);
  go_back ();
}

TEST (fchdir_with_spawn)
{
  NEED_CHDIR ();
  settle ();
  int away = open_directory ("away");
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init (&actions);
  CHECK_EQ (posix_spawn_file_actions_addfchdir_np (&actions, away), 0);
  CHECK_IS_THERE (SPAWN, self_path, &actions, child_argv ("is_in", test_path ("away"), NULL));
  posix_spawn_file_actions_destroy (&actions);
  close (away);
  go_back ();
}

TEST (fchdir_with_spawnp)
{
  NEED_CHDIR ();
  settle ();
  int away = open_directory ("away");
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init (&actions);
  CHECK_EQ (posix_spawn_file_actions_addfchdir_np (&actions, away), 0);
  CHECK_IS_THERE (SPAWNP, self_path, &actions, child_argv ("is_in", test_path ("away"), NULL));
  posix_spawn_file_actions_destroy (&actions);
  close (away);
  go_back ();
}

TEST (fchdir_to_a_directory_that_an_action_opened)
{
  NEED_CHDIR ();
  settle ();
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init (&actions);
  CHECK_EQ (posix_spawn_file_actions_addopen (&actions, 30, "../away", O_RDONLY | O_DIRECTORY, 0), 0);
  CHECK_EQ (posix_spawn_file_actions_addfchdir_np (&actions, 30), 0);
  CHECK_EQ (posix_spawn_file_actions_addclose (&actions, 30), 0);
  add_chdir (&actions, "deep");
  CHECK_IS_THERE (SPAWN, self_path, &actions, child_argv ("is_in", test_path ("away/deep"), NULL));
  posix_spawn_file_actions_destroy (&actions);
  go_back ();
}

TEST (the_last_of_chdir_and_fchdir_counts)
{
  NEED_CHDIR ();
  settle ();
  int away = open_directory ("away"), deep = open_directory ("away/deep");
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init (&actions);
  CHECK_EQ (posix_spawn_file_actions_addfchdir_np (&actions, away), 0);
  add_chdir (&actions, test_path ("home"));
  CHECK_EQ (posix_spawn_file_actions_addfchdir_np (&actions, deep), 0);
  CHECK_IS_THERE (SPAWN, self_path, &actions, child_argv ("is_in", test_path ("away/deep"), NULL));
  posix_spawn_file_actions_destroy (&actions);
  close (away);
  close (deep);
  go_back ();
}

TEST (an_open_action_before_and_one_after_chdir)
{
  NEED_CHDIR ();
  settle ();
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init (&actions);
  CHECK_EQ (posix_spawn_file_actions_addopen (&actions, 30, "note", O_RDONLY, 0), 0);
  add_chdir (&actions, test_path ("away"));
  CHECK_EQ (posix_spawn_file_actions_addopen (&actions, 31, "note", O_RDONLY, 0), 0);
  add_chdir (&actions, "deep");
  CHECK_EQ (posix_spawn_file_actions_addopen (&actions, 32, "note", O_RDONLY, 0), 0);
  CHECK_IS_THERE (SPAWN, self_path, &actions, child_argv ("reads", "30", "home", "31", "away", "32", "deep", NULL));
  posix_spawn_file_actions_destroy (&actions);
  go_back ();
}

TEST (an_open_action_before_and_one_after_fchdir)
{
  NEED_CHDIR ();
  settle ();
  int away = open_directory ("away");
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init (&actions);
  CHECK_EQ (posix_spawn_file_actions_addopen (&actions, 30, "note", O_RDONLY, 0), 0);
  CHECK_EQ (posix_spawn_file_actions_addfchdir_np (&actions, away), 0);
  CHECK_EQ (posix_spawn_file_actions_addopen (&actions, 31, "note", O_RDONLY, 0), 0);
  CHECK_IS_THERE (SPAWN, self_path, &actions, child_argv ("reads", "30", "home", "31", "away", NULL));
  posix_spawn_file_actions_destroy (&actions);
  close (away);
  go_back ();
}

TEST (a_relative_program_is_looked_for_after_chdir)
{
  NEED_CHDIR ();
  settle ();
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init (&actions);
  add_chdir (&actions, test_path ("away"));
  char **argv = child_argv ("is_in", test_path ("away"), NULL);
  CHECK_IS_THERE (SPAWN, "./program", &actions, argv);
  CHECK_IS_THERE (SPAWN, "program", &actions, argv);
  CHECK_IS_THERE (SPAWNP, "./program", &actions, argv);
  posix_spawn_file_actions_destroy (&actions);
  go_back ();
}

TEST (a_relative_program_is_looked_for_after_fchdir)
{
  NEED_CHDIR ();
  settle ();
  int deep = open_directory ("away/deep");
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init (&actions);
  CHECK_EQ (posix_spawn_file_actions_addfchdir_np (&actions, deep), 0);
  char **argv = child_argv ("is_in", test_path ("away/deep"), NULL);
  CHECK_IS_THERE (SPAWN, "../program", &actions, argv);
  CHECK_IS_THERE (SPAWNP, "../program", &actions, argv);
  posix_spawn_file_actions_destroy (&actions);
  close (deep);
  go_back ();
}

TEST (a_program_of_the_callers_directory_is_not_found_after_chdir)
{
  NEED_CHDIR ();
  settle ();
  CHECK (symlink (self_path, "at-home") == 0);
  CHECK_IS_THERE (SPAWN, "./at-home", NULL, child_argv ("is_in", test_path ("home"), NULL));
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init (&actions);
  add_chdir (&actions, test_path ("away"));
  CHECK_FAILS (SPAWN, "./at-home", &actions, ENOENT);
  CHECK_FAILS (SPAWNP, "./at-home", &actions, ENOENT);
  posix_spawn_file_actions_destroy (&actions);
  go_back ();
}

TEST (a_relative_element_of_PATH_is_searched_after_chdir)
{
  NEED_CHDIR ();
  settle ();
  CHECK (setenv ("PATH", "/there/is/no/such/directory:../away:/bin", 1) == 0);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init (&actions);
  add_chdir (&actions, test_path ("away/deep"));
  /* "../away" does not lead from "deep" to the program, though it would from "home". */
  CHECK_FAILS (SPAWNP, "program", &actions, ENOENT);
  CHECK (setenv ("PATH", "/there/is/no/such/directory:..:/bin", 1) == 0);
  CHECK_IS_THERE (SPAWNP, "program", &actions, child_argv ("is_in", test_path ("away/deep"), NULL));
  posix_spawn_file_actions_destroy (&actions);
  go_back ();
}

TEST (chdir_to_a_missing_directory_is_ENOENT)
{
  NEED_CHDIR ();
  settle ();
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init (&actions);
  add_chdir (&actions, test_path ("nowhere"));
  CHECK_FAILS (SPAWN, self_path, &actions, ENOENT);
  CHECK_FAILS (SPAWNP, self_path, &actions, ENOENT);
  posix_spawn_file_actions_destroy (&actions);
  go_back ();
}

TEST (chdir_to_a_file_is_ENOTDIR)
{
  NEED_CHDIR ();
  settle ();
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init (&actions);
  add_chdir (&actions, "note");
  CHECK_FAILS (SPAWN, self_path, &actions, ENOTDIR);
  CHECK_FAILS (SPAWNP, self_path, &actions, ENOTDIR);
  posix_spawn_file_actions_destroy (&actions);
  go_back ();
}

TEST (fchdir_to_a_file_is_ENOTDIR)
{
  NEED_CHDIR ();
  settle ();
  int note = open ("note", O_RDONLY | O_CLOEXEC);
  CHECK (note >= 0);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init (&actions);
  CHECK_EQ (posix_spawn_file_actions_addfchdir_np (&actions, note), 0);
  CHECK_FAILS (SPAWN, self_path, &actions, ENOTDIR);
  CHECK_FAILS (SPAWNP, self_path, &actions, ENOTDIR);
  posix_spawn_file_actions_destroy (&actions);
  close (note);
  go_back ();
}

TEST (fchdir_by_a_closed_descriptor_is_EBADF)
{
  NEED_CHDIR ();
  settle ();
  int away = open_directory ("away");
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init (&actions);
  CHECK_EQ (posix_spawn_file_actions_addclose (&actions, away), 0);
  CHECK_EQ (posix_spawn_file_actions_addfchdir_np (&actions, away), 0);
  CHECK_FAILS (SPAWN, self_path, &actions, EBADF);
  CHECK_FAILS (SPAWNP, self_path, &actions, EBADF);
  posix_spawn_file_actions_destroy (&actions);
  close (away);
  go_back ();
}
