/* SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * Files that may be executed but are no program: ENOEXEC is the answer, and no shell is asked to make something of
 * them.  A shell run by mistake would leave the file "executed" behind. */

#include "runner.h"

static char *nothing[] = { NULL };

static void
write_script (const char *name)
{
  write_file (test_path (name), format ("echo yes >%s\n", test_path ("executed")), 0755);
  /* The content is what a shell would understand, so that the test can fail. */
  CHECK_EQ (system (format ("/bin/sh %s", test_path (name))), 0);
  CHECK (unlink (test_path ("executed")) == 0);
}

static void
check_refused_at (int line, int (*function) (int *, const char *, const posix_spawn_file_actions_t *,
                                             const posix_spawnattr_t *, char *const[], char *const[]),
                  const char *name, char **argv, char **envp)
{
  char *before = descriptor_table ();
  int pidfd = -1;
  errno = 0;
  int error = function (&pidfd, name, NULL, NULL, argv, envp), error_too = errno;
  if (error != ENOEXEC || (HAVE_LIBRARY && error_too != ENOEXEC))
    test_fail (__FILE__, line, "returned %d with errno %d; wanted ENOEXEC in both", error, error_too);
  CHECK_EQ (pidfd, -1);
  CHECK_NO_CHILD ();
  CHECK_STR (descriptor_table (), before);
  CHECK (access (test_path ("executed"), F_OK) != 0);
}

#define CHECK_REFUSED(function, name, argv, envp) check_refused_at (__LINE__, function, name, argv, envp)

TEST (a_script_without_interpreter_with_spawn)
{
  write_script ("no-interpreter");
  CHECK_REFUSED (SPAWN, test_path ("no-interpreter"), nothing, nothing);
}

TEST (a_script_without_interpreter_with_spawnp)
{
  write_script ("no-interpreter");
  CHECK_REFUSED (SPAWNP, test_path ("no-interpreter"), nothing, nothing);
}

TEST (a_script_without_interpreter_found_by_PATH)
{
  write_script ("no-interpreter");
  CHECK (setenv ("PATH", format ("%s:/bin:/usr/bin", test_dir ()), 1) == 0);
  CHECK_REFUSED (SPAWNP, "no-interpreter", nothing, nothing);
}

TEST (the_search_ends_at_it)
{
  /* A good program of that name further on is not what PATH means. */
  CHECK (mkdir (test_path ("first"), 0755) == 0);
  CHECK (mkdir (test_path ("second"), 0755) == 0);
  write_file (test_path ("first/program"), "no interpreter line\n", 0755);
  write_file (test_path ("second/program"), format ("#!/bin/sh\necho yes >%s\n", test_path ("executed")), 0755);
  CHECK (setenv ("PATH", format ("%s:%s", test_path ("first"), test_path ("second")), 1) == 0);
  CHECK_REFUSED (SPAWNP, "program", nothing, nothing);
}

TEST (with_arguments_and_environment)
{
  write_script ("no-interpreter");
  char *argv[] = { (char *) "no-interpreter", (char *) "argument", NULL };
  CHECK_REFUSED (SPAWN, test_path ("no-interpreter"), argv, environ);
  CHECK_REFUSED (SPAWNP, test_path ("no-interpreter"), argv, environ);
}

TEST (an_empty_file)
{
  write_file (test_path ("empty"), "", 0755);
  CHECK_REFUSED (SPAWN, test_path ("empty"), nothing, nothing);
  CHECK_REFUSED (SPAWNP, test_path ("empty"), nothing, nothing);
}

TEST (a_program_cut_short)
{
  write_file (test_path ("short"), "\177ELF", 0755);
  CHECK_REFUSED (SPAWN, test_path ("short"), nothing, nothing);
  CHECK_REFUSED (SPAWNP, test_path ("short"), nothing, nothing);
}

TEST (without_a_pidfd)
{
  write_script ("no-interpreter");
  CHECK_ERROR (SPAWN (NULL, test_path ("no-interpreter"), NULL, NULL, nothing, nothing), ENOEXEC);
  CHECK_ERROR (both_calls[1] (NULL, test_path ("no-interpreter"), NULL, NULL, nothing, nothing), ENOEXEC);
  CHECK (access (test_path ("executed"), F_OK) != 0);
}
