/* SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * A program from before glibc 2.15 knows posix_spawn and posix_spawnp by an older version of the symbols, whose meaning
 * was another: a file of no known format is handed to the shell.  With the library it is not: a symbol without a
 * version answers to all versions, and the way is the newer one's. */

#include "runner.h"

#if defined __GLIBC__ && !defined MODE_STATIC
# if defined __x86_64__ && !defined __ILP32__
#  define OLD "GLIBC_2.2.5"
# elif defined __i386__ || defined __s390x__
#  define OLD "GLIBC_2.2"
# elif defined __arm__
#  define OLD "GLIBC_2.4"
# endif
#endif

#ifdef OLD

typedef int posix_function (pid_t *, const char *, const posix_spawn_file_actions_t *, const posix_spawnattr_t *,
                            char *const[], char *const[]);
extern posix_function old_posix_spawn, old_posix_spawnp;
__asm__ (".symver old_posix_spawn, posix_spawn@" OLD);
__asm__ (".symver old_posix_spawnp, posix_spawnp@" OLD);

/* Whether the library answers, linked or preloaded. */
extern int (pidfd_fork) (unsigned int) __attribute__ ((weak));

static void
check_script (posix_function *function, const char *name, const posix_spawn_file_actions_t *actions)
{
  char *argv[] = { (char *) "name of its own", (char *) "7", NULL };
  pid_t pid = -7;
  int status;
  if (pidfd_fork)
    {
      CHECK_EQ (function (&pid, name, actions, NULL, argv, environ), ENOEXEC);
      CHECK_EQ (pid, -7);
      CHECK_NO_CHILD ();
      return;
    }
  CHECK_EQ (function (&pid, name, actions, NULL, argv, environ), 0);
  CHECK_EQ (waitpid (pid, &status, 0), pid);
  CHECK_EQ (status, 67 << 8);
}

TEST (a_file_of_no_known_format_is_for_the_shell_or_refused)
{
  posix_spawn_file_actions_t actions;
  char *path = test_path ("script");
  write_file (path, "exit 6$1\n", 0755);
  posix_spawn_file_actions_init (&actions);
  posix_spawn_file_actions_addopen (&actions, 20, "/dev/null", O_RDONLY, 0);
  for (int with = 0; with < 2; with++)
    {
      check_script (old_posix_spawn, path, with ? &actions : NULL);
      check_script (old_posix_spawnp, path, with ? &actions : NULL);
    }
  posix_spawn_file_actions_destroy (&actions);
}

/* All else is as ever. */
TEST (what_it_has_in_common_with_the_new_one)
{
  posix_function *functions[] = { old_posix_spawn, old_posix_spawnp };
  char *plain = test_path ("plain");
  char *argv[] = { (char *) "sh", (char *) "-c", (char *) "exit 3", NULL };
  write_file (plain, "exit 67\n", 0644);
  for (int i = 0; i < 2; i++)
    {
      pid_t pid = -7;
      int status;
      CHECK_EQ (functions[i](&pid, "/bin/sh", NULL, NULL, argv, environ), 0);
      CHECK_EQ (waitpid (pid, &status, 0), pid);
      CHECK_EQ (status, 3 << 8);
      CHECK_EQ (functions[i](&pid, test_path ("none"), NULL, NULL, argv, environ), ENOENT);
      CHECK_EQ (functions[i](&pid, plain, NULL, NULL, argv, environ), EACCES);
      CHECK_NO_CHILD ();
    }
}

#else

TEST (a_file_of_no_known_format_is_for_the_shell_or_refused)
{
  SKIP ("this C library never had such a posix_spawn, or an archive does not have it");
}

#endif
