/* SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * The way without clone3 when clone worked before and then fails: what was prepared for the child is undone. */

#include "runner.h"

#if HAVE_LIBRARY

enum { UNTOUCHED = -7 };

CHILD (exit_with)
{
  return atoi (argv[0]);
}

static int
start (int *pidfd)
{
  return SPAWN (pidfd, self_path, NULL, NULL, child_argv ("exit_with", "4", NULL), environ);
}

TEST (clone_fails_after_it_worked)
{
  sigset_t mask, old;
  sigemptyset (&mask);
  sigaddset (&mask, SIGUSR2);
  CHECK (sigprocmask (SIG_SETMASK, &mask, &old) == 0);
  refuse_call (SYS_clone3, ENOSYS);
  int pidfd = UNTOUCHED;
  CHECK_EQ (start (&pidfd), 0);
  CHECK_EXIT (pidfd, 4);

  refuse_call (SYS_clone, EAGAIN);
  int descriptors = open_descriptors ();
  pidfd = UNTOUCHED;
  CHECK_ERROR (start (&pidfd), EAGAIN);
  CHECK_EQ (pidfd, UNTOUCHED);
  CHECK_EQ (mask_now (), 1ULL << (SIGUSR2 - 1));
  CHECK_EQ (open_descriptors (), descriptors);
  CHECK_NO_CHILD ();
  CHECK (sigprocmask (SIG_SETMASK, &old, NULL) == 0);
}

#else

TEST (fallback_failures)
{
  SKIP ("another function");
}

#endif
