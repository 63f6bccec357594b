/* SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * The program that the cases of fault.c start: says by its exit status whether everything that the case asked for was
 * done.  0 is never right, for a failed check must not look like a status that nobody set. */

#include "child.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
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

static int
has_groups (void)
{
  gid_t groups[4];
  return getgroups (4, groups) == 2 && groups[0] == OTHER_GROUP && groups[1] == OTHER_GROUP + 1;
}

static void
check_no_new_privs_and_death_signal (int expected)
{
  int signal = 0;
  check (50, prctl (PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1);
  check (51, prctl (PR_GET_PDEATHSIG, &signal) == 0 && signal == expected);
}

static void
check_much (void)
{
  struct rlimit limit;
  check (52, umask (0) == UMASK);
  check (53, getrlimit (RLIMIT_CORE, &limit) == 0 && limit.rlim_cur == SOFT_LIMIT && limit.rlim_max == HARD_LIMIT);
  check (54, ignored (SIGHUP) && !ignored (SIGINT));
  check (55, getsid (0) == getpid () && tcgetpgrp (TERMINAL) == getpid ());
  check (56, is_null_device (20));
  check (57, has_groups ());
  check_no_new_privs_and_death_signal (SIGWINCH);
}

static void
check_close_on_exec (void)
{
  check (58, !is_open (OPEN_IN_PARENT) && is_open (TERMINAL));
}

static void
check_cgroup (void)
{
  char text[8192] = "";
  FILE *file = fopen ("/proc/self/cgroup", "re");
  check (59, file && fread (text, 1, sizeof text - 1, file) > 0 && strstr (text, CGROUP));
  if (file)
    fclose (file);
}

static void
check_user (int death_signal)
{
  uid_t user[3];
  gid_t group[3];
  check (60, getresuid (&user[0], &user[1], &user[2]) == 0 && user[0] == USER && user[1] == USER && user[2] == USER);
  check (61, getresgid (&group[0], &group[1], &group[2]) == 0 && group[0] == GROUP && group[1] == GROUP
               && group[2] == GROUP);
  check (62, has_groups ());
  check_no_new_privs_and_death_signal (death_signal);
}

int
main (int argc, char **argv)
{
  const char *name = argc > 1 ? argv[1] : "";
  int is_much = strcmp (name, "extended") == 0;
  int is_marked = is_much || strncmp (name, "close_on_exec", 13) == 0;
  if (strcmp (name, "everything") == 0)
    check_everything ();
  else
    {
      check (1, blocked (SIGWINCH) && !blocked (SIGHUP));
      check (2, ignored (SIGUSR1) && ignored (SIGUSR2));
      if (!is_marked)
        check (3, is_open (OPEN_IN_PARENT));
    }
  if (strcmp (name, "session") == 0)
    check (20, getsid (0) == getpid ());
  if (strcmp (name, "terminal") == 0)
    check (30, tcgetpgrp (TERMINAL) == getpid () && getpgrp () == getpid ());
  if (is_much)
    check_much ();
  if (is_marked)
    check_close_on_exec ();
  if (strncmp (name, "cgroup", 6) == 0)
    check_cgroup ();
  if (strncmp (name, "user", 4) == 0)
    check_user (strcmp (name, "user_without_capabilities") == 0 ? 0 : SIGWINCH);
  if (strcmp (name, "own_user") == 0)
    check (63, umask (0) == UMASK && getuid () == USER && geteuid () == USER);
  for (int fd = 3; fd < OPEN_IN_PARENT; fd++)
    check (5, !is_open (fd) || (fd >= 21 && fd <= 23 && strcmp (name, "everything") == 0) || (fd == 20 && is_much));
  char byte;
  while (read (HELD, &byte, 1) > 0)
    continue;
  return failed ? failed : RIGHT;
}
