/* SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * The chdir and fchdir actions: where the spawned program finds itself, what a relative path means before and after
 * them, and that the caller stays where it was. */

#include "runner.h"

#ifdef NO_CHDIR

TEST (chdir)
{
  SKIP (NO_CHDIR);
}

#else

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

/* Ends the actions.  Both calls must start the program and find this true, or give this error; the
   caller has not moved. */
static void
check (const char *program, posix_spawn_file_actions_t *actions, char **argv, int error)
{
  for (int call = 0; call < 2; call++)
    {
      int pidfd = -1;
      CHECK_EQ (both_calls[call](&pidfd, program, actions, NULL, argv, environ), error);
      if (error == 0)
        CHECK_EXIT (pidfd, IS_THERE);
      else
        CHECK_EQ (pidfd, -1);
      CHECK_NO_CHILD ();
      CHECK (same_place (".", test_path ("home")));
    }
  CHECK_EQ (posix_spawn_file_actions_destroy (actions), 0);
}

/* The body has the actions at hand, and everything is put back after it. */
#define CHDIR_TEST(name_)                                                                                              \
  static void name_ (posix_spawn_file_actions_t *actions);                                                             \
  TEST (name_)                                                                                                         \
  {                                                                                                                    \
    posix_spawn_file_actions_t actions;                                                                                \
    CHECK_EQ (posix_spawn_file_actions_init (&actions), 0);                                                            \
    settle ();                                                                                                         \
    name_ (&actions);                                                                                                  \
    CHECK (fchdir (came_from) == 0);                                                                                   \
    CHECK (close (came_from) == 0);                                                                                    \
  }                                                                                                                    \
  static void name_ (posix_spawn_file_actions_t *actions)

static void
add_open (posix_spawn_file_actions_t *actions, int fd, const char *path)
{
  CHECK_EQ (posix_spawn_file_actions_addopen (actions, fd, path, O_RDONLY, 0), 0);
}

/* With a path that is another one, of a directory that exists as well, when the actions run. */
static void
add_chdir (posix_spawn_file_actions_t *actions, const char *path)
{
  char passing[PATH_MAX];
  strcpy (passing, path);
  CHECK_EQ (posix_spawn_file_actions_addchdir_np (actions, passing), 0);
  strcpy (passing, "/");
}

/* Opened by an action as well, so that the caller has nothing to close. */
static void
add_fchdir (posix_spawn_file_actions_t *actions, const char *path)
{
  add_open (actions, 40, path);
  CHECK_EQ (posix_spawn_file_actions_addfchdir_np (actions, 40), 0);
}

CHDIR_TEST (without_an_action_the_directory_is_ours)
{
  check (self_path, actions, child_argv ("is_in", test_path ("home"), NULL), 0);
}

CHDIR_TEST (chdir_keeps_the_path_that_it_was_given)
{
  add_chdir (actions, test_path ("away"));
  check (self_path, actions, child_argv ("is_in", test_path ("away"), NULL), 0);
}

CHDIR_TEST (fchdir_changes_the_directory)
{
  add_fchdir (actions, test_path ("away"));
  check (self_path, actions, child_argv ("is_in", test_path ("away"), NULL), 0);
}

CHDIR_TEST (an_open_action_before_and_one_after_chdir)
{
  add_open (actions, 30, "note");
  add_chdir (actions, test_path ("away"));
  add_open (actions, 31, "note");
  add_chdir (actions, "deep");
  add_open (actions, 32, "note");
  check (self_path, actions, child_argv ("reads", "30", "home", "31", "away", "32", "deep", NULL), 0);
}

CHDIR_TEST (an_open_action_before_and_one_after_fchdir)
{
  add_open (actions, 30, "note");
  add_fchdir (actions, "../away");
  add_open (actions, 31, "note");
  check (self_path, actions, child_argv ("reads", "30", "home", "31", "away", NULL), 0);
}

CHDIR_TEST (a_relative_program_is_looked_for_after_chdir)
{
  add_chdir (actions, test_path ("away"));
  check ("./program", actions, child_argv ("is_in", test_path ("away"), NULL), 0);
}

CHDIR_TEST (a_relative_program_is_looked_for_after_fchdir)
{
  add_fchdir (actions, test_path ("away/deep"));
  check ("../program", actions, child_argv ("is_in", test_path ("away/deep"), NULL), 0);
}

CHDIR_TEST (a_missing_directory_is_ENOENT)
{
  add_chdir (actions, test_path ("nowhere"));
  check (self_path, actions, child_argv ("is_in", test_path ("home"), NULL), ENOENT);
}

#endif
