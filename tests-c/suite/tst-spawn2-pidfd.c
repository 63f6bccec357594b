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

TEST (again_and_again)
{
  /* A zombie or a descriptor left each time would add up. */
  struct rlimit few = { 64, 64 };
  CHECK (setrlimit (RLIMIT_NOFILE, &few) == 0);
  int pidfd = -1;
  for (int i = 0; i < 200; i++)
    CHECK_ERROR (SPAWN (&pidfd, NOWHERE, NULL, NULL, no_arguments, environ), ENOENT);
  CHECK_EQ (pidfd, -1);
  CHECK_NO_CHILD ();
}
