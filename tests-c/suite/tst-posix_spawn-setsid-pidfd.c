/* SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * POSIX_SPAWN_SETSID: with it the spawned program leads a session of its own, without it the
 * session is the caller's. */

#include "runner.h"

enum { OURS = 40, ITS_OWN = 41, SOMEBODY_ELSES = 42, NO_LEADER = 43 };

/* The argument is the caller's session. */
CHILD (session)
{
  pid_t now = getsid (0);
  if (now == getpid ())
    return getpgrp () == getpid () ? ITS_OWN : NO_LEADER;
  return now == atoi (argv[0]) ? OURS : SOMEBODY_ELSES;
}

static void
check_session (short flags, int status)
{
  char **argv = child_argv ("session", format ("%d", (int) getsid (0)), NULL);
  posix_spawnattr_t attributes;
  CHECK_EQ (posix_spawnattr_init (&attributes), 0);
  CHECK_EQ (posix_spawnattr_setflags (&attributes, flags), 0);
  for (int call = 0; call < 2; call++)
    {
      int pidfd = -1;
      CHECK_EQ (both_calls[call](&pidfd, self_path, NULL, &attributes, argv, environ), 0);
      CHECK_EXIT (pidfd, status);
    }
  CHECK_EQ (posix_spawnattr_destroy (&attributes), 0);
}

TEST (without_the_flag_the_session_is_ours)
{
  check_session (0, OURS);
}

TEST (with_the_flag_the_session_is_its_own)
{
  check_session (POSIX_SPAWN_SETSID, ITS_OWN);
}
