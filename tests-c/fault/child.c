/* SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * The program that the cases of fault.c start: says by its exit status whether everything that the case asked for was
 * done.  0 is never right, for a failed check must not look like a status that nobody set. */

#include "child.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

static int failed;

static void
check (int which, int truth)
{
  if (!truth && !failed)
    failed = which;
}

static int
is_open (int fd)
{
  return fcntl (fd, F_GETFD) != -1;
}

static int
blocked (int signal)
{
  sigset_t mask;
  sigprocmask (SIG_SETMASK, NULL, &mask);
  return sigismember (&mask, signal);
}

static int
ignored (int signal)
{
  struct sigaction action;
  sigaction (signal, NULL, &action);
  return action.sa_handler == SIG_IGN;
}

static int
is_null_device (int fd)
{
  struct stat status;
  return fstat (fd, &status) == 0 && S_ISCHR (status.st_mode) && status.st_rdev == makedev (1, 3);
}

static void
check_everything (void)
{
  char directory[64];
  check (10, getpgrp () == getpid ());
  check (11, sched_getscheduler (0) == SCHED_OTHER);
  check (12, blocked (SIGHUP) && !blocked (SIGWINCH));
  check (13, !ignored (SIGUSR1) && ignored (SIGUSR2));
  check (14, !is_open (20) && is_null_device (21) && is_null_device (22) && is_open (23));
  check (15, getcwd (directory, sizeof directory) && strcmp (directory, "/dev") == 0);
  check (16, !is_open (OPEN_IN_PARENT));
}

int
main (int argc, char **argv)
{
  const char *name = argc > 1 ? argv[1] : "";
  if (strcmp (name, "everything") == 0)
    check_everything ();
  else
    {
      check (1, blocked (SIGWINCH) && !blocked (SIGHUP));
      check (2, ignored (SIGUSR1) && ignored (SIGUSR2));
      check (3, is_open (OPEN_IN_PARENT));
    }
  if (strcmp (name, "session") == 0)
    check (20, getsid (0) == getpid ());
  if (strcmp (name, "terminal") == 0)
    check (30, tcgetpgrp (TERMINAL) == getpid () && getpgrp () == getpid ());
  for (int fd = 3; fd < OPEN_IN_PARENT; fd++)
    check (5, !is_open (fd) || (fd >= 21 && fd <= 23 && strcmp (name, "everything") == 0));
  return failed ? failed : RIGHT;
}
