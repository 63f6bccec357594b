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

/* No argument and no variable. */
static void
check_refused (spawn_call *call, const char *name)
{
  char *before = descriptor_table ();
  int pidfd = -1;
  CHECK_ERROR (call (&pidfd, name, NULL, NULL, nothing, nothing), ENOEXEC);
  CHECK_EQ (pidfd, -1);
  CHECK_NO_CHILD ();
  CHECK_STR (descriptor_table (), before);
  CHECK (access (test_path ("executed"), F_OK) != 0);
}

TEST (a_script_without_interpreter_with_spawn)
{
  write_script ("no-interpreter");
  check_refused (both_calls[0], test_path ("no-interpreter"));
}

TEST (a_script_without_interpreter_with_spawnp)
{
  write_script ("no-interpreter");
  check_refused (both_calls[1], test_path ("no-interpreter"));
}

TEST (a_script_without_interpreter_found_by_PATH)
{
  write_script ("no-interpreter");
  CHECK (setenv ("PATH", format ("%s:/bin:/usr/bin", test_dir ()), 1) == 0);
  check_refused (both_calls[1], "no-interpreter");
}
