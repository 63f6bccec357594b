/* SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * A program that does not exist.  The answer is ENOENT from the call itself; the child that found out is gone, and with
 * it everything that was made for it. */

#include "runner.h"

#define NOWHERE "/there/is/no/such/program"

static char *no_arguments[] = { (char *) "program", NULL };

/* The variable as it was: neither a descriptor nor "none" has been put into it. */
#define CHECK_NOT_FOUND(function, path)                                                                                \
  do                                                                                                                   \
    {                                                                                                                  \
      char *before = descriptor_table ();                                                                              \
      int pidfd = -1;                                                                                                  \
      CHECK_ERROR (function (&pidfd, path, NULL, NULL, no_arguments, environ), ENOENT);                                \
      CHECK_EQ (pidfd, -1);                                                                                            \
      pidfd = 54321;                                                                                                   \
      CHECK_ERROR (function (&pidfd, path, NULL, NULL, no_arguments, environ), ENOENT);                                \
      CHECK_EQ (pidfd, 54321);                                                                                         \
      CHECK_NO_CHILD ();                                                                                               \
      CHECK_STR (descriptor_table (), before);                                                                         \
    }                                                                                                                  \
  while (0)

TEST (a_missing_program_with_spawn)
{
  CHECK_NOT_FOUND (SPAWN, NOWHERE);
}

TEST (a_missing_program_with_spawnp)
{
  CHECK_NOT_FOUND (SPAWNP, NOWHERE);
}

TEST (a_name_that_is_nowhere_in_PATH)
{
  CHECK (setenv ("PATH", format ("%s:/bin:/usr/bin", test_dir ()), 1) == 0);
  CHECK_NOT_FOUND (SPAWNP, "there-is-no-such-program");
}

TEST (spawn_does_not_search)
{
  CHECK (setenv ("PATH", "/bin:/usr/bin", 1) == 0);
  CHECK_NOT_FOUND (SPAWN, "sh");
}

TEST (a_link_to_nothing)
{
  CHECK (symlink (NOWHERE, test_path ("link")) == 0);
  CHECK_NOT_FOUND (SPAWN, test_path ("link"));
  CHECK_NOT_FOUND (SPAWNP, test_path ("link"));
}

TEST (a_missing_interpreter)
{
  write_file (test_path ("script"), "#!" NOWHERE "\n", 0755);
  CHECK_NOT_FOUND (SPAWN, test_path ("script"));
  CHECK_NOT_FOUND (SPAWNP, test_path ("script"));
}

TEST (an_empty_name)
{
  CHECK_NOT_FOUND (SPAWN, "");
  CHECK_NOT_FOUND (SPAWNP, "");
}

TEST (without_a_pidfd)
{
  char *before = descriptor_table ();
  CHECK_ERROR (SPAWN (NULL, NOWHERE, NULL, NULL, no_arguments, environ), ENOENT);
  CHECK_ERROR (both_calls[1] (NULL, NOWHERE, NULL, NULL, no_arguments, environ), ENOENT);
  CHECK_NO_CHILD ();
  CHECK_STR (descriptor_table (), before);
}

TEST (after_actions_and_attributes_that_succeed)
{
  /* The child got far before it failed; what it changed was its own. */
  int mine = open ("/dev/null", O_RDONLY);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init (&actions);
  CHECK_EQ (posix_spawn_file_actions_addclose (&actions, mine), 0);
  CHECK_EQ (posix_spawn_file_actions_addopen (&actions, mine + 5, "/dev/null", O_RDWR, 0), 0);
  CHECK_EQ (posix_spawn_file_actions_adddup2 (&actions, mine + 5, mine + 6), 0);
  posix_spawnattr_t attributes;
  posix_spawnattr_init (&attributes);
  sigset_t signals;
  sigfillset (&signals);
  CHECK_EQ (posix_spawnattr_setsigmask (&attributes, &signals), 0);
  CHECK_EQ (posix_spawnattr_setflags (&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETPGROUP), 0);

  char *before = descriptor_table ();
  int pidfd = -1;
  CHECK_ERROR (SPAWN (&pidfd, NOWHERE, &actions, &attributes, no_arguments, environ), ENOENT);
  CHECK_ERROR (SPAWNP (&pidfd, NOWHERE, &actions, &attributes, no_arguments, environ), ENOENT);
  CHECK_EQ (pidfd, -1);
  CHECK_NO_CHILD ();
  CHECK_STR (descriptor_table (), before);
  posix_spawn_file_actions_destroy (&actions);
  posix_spawnattr_destroy (&attributes);
  close (mine);
}

TEST (an_action_that_fails)
{
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init (&actions);
  CHECK_EQ (posix_spawn_file_actions_addopen (&actions, 30, NOWHERE, O_RDONLY, 0), 0);
  char *before = descriptor_table ();
  int pidfd = -1;
  CHECK_ERROR (SPAWN (&pidfd, self_path, &actions, NULL, no_arguments, environ), ENOENT);
  CHECK_ERROR (SPAWNP (&pidfd, self_path, &actions, NULL, no_arguments, environ), ENOENT);
  CHECK_EQ (pidfd, -1);
  CHECK_NO_CHILD ();
  CHECK_STR (descriptor_table (), before);
  posix_spawn_file_actions_destroy (&actions);
}

TEST (again_and_again)
{
  /* A mapping, a zombie or a descriptor left each time would add up. */
  struct rlimit few = { 64, 64 };
  CHECK (setrlimit (RLIMIT_NOFILE, &few) == 0);
  int pidfd = -1;
  for (int i = 0; i < 200; i++)
    CHECK_ERROR (SPAWN (&pidfd, NOWHERE, NULL, NULL, no_arguments, environ), ENOENT);
  CHECK_EQ (pidfd, -1);
  CHECK_NO_CHILD ();
}

/* Where mappings begin and end.  What the heap and the stack do is not of interest, and no allocation of ours may
   move anything. */
static void
list_mappings (char *list, size_t size)
{
  static char maps[1 << 16];
  int fd = open ("/proc/self/maps", O_RDONLY | O_CLOEXEC);
  CHECK (fd >= 0);
  size_t length = 0;
  for (ssize_t got; (got = read (fd, maps + length, sizeof maps - 1 - length)) > 0;)
    length += (size_t) got;
  close (fd);
  maps[length] = 0;
  list[0] = 0;
  for (char *line = strtok (maps, "\n"); line; line = strtok (NULL, "\n"))
    if (!strstr (line, "[heap]") && !strstr (line, "[stack]"))
      snprintf (list + strlen (list), size - strlen (list), "%.*s;", (int) strcspn (line, " "), line);
}

TEST (no_mapping_is_left)
{
  static char before[1 << 14], after[1 << 14];
  int pidfd = -1;
  CHECK_ERROR (SPAWN (&pidfd, NOWHERE, NULL, NULL, no_arguments, environ), ENOENT);
  list_mappings (before, sizeof before);
  for (int i = 0; i < 10; i++)
    CHECK_ERROR (SPAWN (&pidfd, NOWHERE, NULL, NULL, no_arguments, environ), ENOENT);
  list_mappings (after, sizeof after);
  CHECK_STR (after, before);
}

TEST (the_next_spawn_succeeds)
{
  int pidfd = -1;
  CHECK_ERROR (SPAWN (&pidfd, NOWHERE, NULL, NULL, no_arguments, environ), ENOENT);
  char *argv[] = { (char *) "sh", (char *) "-c", (char *) "exit 9", NULL };
  CHECK_EQ (SPAWN (&pidfd, "/bin/sh", NULL, NULL, argv, environ), 0);
  CHECK_EXIT (pidfd, 9);
}
