/* SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * POSIX_SPAWN_SETSID: with it the spawned program leads a session of its own, without it the session is the
 * caller's. */

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

CHILD (write_session)
{
  return dprintf (atoi (argv[0]), "%d", (int) getsid (0)) > 0 ? ITS_OWN : SOMEBODY_ELSES;
}

static char **
session_argv (void)
{
  return child_argv ("session", format ("%d", (int) getsid (0)), NULL);
}

static const posix_spawnattr_t *
with_flags (short flags)
{
  static posix_spawnattr_t attributes;
  CHECK_EQ (posix_spawnattr_init (&attributes), 0);
  CHECK_EQ (posix_spawnattr_setflags (&attributes, flags), 0);
  return &attributes;
}

TEST (without_attributes_the_session_is_ours)
{
  int pidfd = -1;
  CHECK_EQ (SPAWN (&pidfd, self_path, NULL, NULL, session_argv (), environ), 0);
  CHECK_EXIT (pidfd, OURS);
}

TEST (without_the_flag_the_session_is_ours)
{
  int pidfd = -1;
  CHECK_EQ (SPAWN (&pidfd, self_path, NULL, with_flags (0), session_argv (), environ), 0);
  CHECK_EXIT (pidfd, OURS);
}

TEST (with_the_flag_the_session_is_its_own)
{
  int pidfd = -1;
  CHECK_EQ (SPAWN (&pidfd, self_path, NULL, with_flags (POSIX_SPAWN_SETSID), session_argv (), environ), 0);
  CHECK_EXIT (pidfd, ITS_OWN);
}

TEST (without_the_flag_with_spawnp)
{
  int pidfd = -1;
  CHECK_EQ (SPAWNP (&pidfd, self_path, NULL, with_flags (0), session_argv (), environ), 0);
  CHECK_EXIT (pidfd, OURS);
}

TEST (with_the_flag_with_spawnp)
{
  int pidfd = -1;
  CHECK_EQ (SPAWNP (&pidfd, self_path, NULL, with_flags (POSIX_SPAWN_SETSID), session_argv (), environ), 0);
  CHECK_EXIT (pidfd, ITS_OWN);
}

TEST (our_own_session_and_group_stay)
{
  pid_t session = getsid (0), group = getpgrp ();
  int pidfd = -1;
  CHECK_EQ (SPAWN (&pidfd, self_path, NULL, with_flags (POSIX_SPAWN_SETSID), session_argv (), environ), 0);
  CHECK_EXIT (pidfd, ITS_OWN);
  CHECK_EQ (getsid (0), session);
  CHECK_EQ (getpgrp (), group);
}

TEST (the_session_has_the_number_of_the_child)
{
  int paper = open (test_path ("paper"), O_RDWR | O_CREAT, 0600);
  CHECK (paper >= 0);
  int pidfd = -1;
  CHECK_EQ (SPAWN (&pidfd, self_path, NULL, with_flags (POSIX_SPAWN_SETSID),
                   child_argv ("write_session", format ("%d", paper), NULL), environ),
            0);
  siginfo_t info = reap (pidfd);
  CHECK_EQ (info.si_status, ITS_OWN);
  CHECK_EQ (atoi (read_file (test_path ("paper"))), info.si_pid);
  close (paper);
}

TEST (the_session_comes_before_the_group)
{
  /* The leader of a session cannot change its group: an error, unless the two were done the wrong way round. */
  int pidfd = -1;
  CHECK_ERROR (SPAWN (&pidfd, self_path, NULL, with_flags (POSIX_SPAWN_SETSID | POSIX_SPAWN_SETPGROUP), session_argv (),
                      environ),
               EPERM);
  CHECK_EQ (pidfd, -1);
  CHECK_NO_CHILD ();
}
