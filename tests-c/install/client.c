/* SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * The program that check-install builds in every way against an installed library: each function once, in the language
 * that C89 and C++20 share. */

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include <pidfd_spawn.h>

#include <stdio.h>
#include <string.h>
#include <unistd.h>

static int
status_of (int pidfd)
{
  siginfo_t info;
  memset (&info, 0, sizeof info);
  if (waitid (P_PIDFD, (id_t) pidfd, &info, WEXITED) != 0 || close (pidfd) != 0)
    return -1;
  return info.si_status;
}

static int
wrong (const char *what)
{
  fprintf (stderr, "client.c: %s\n", what);
  return 1;
}

int
main (void)
{
  char sh[] = "sh", option[] = "-c", text[] = "exit 7", masked[] = "[ $(umask) = 0027 ] && exit 6";
  struct pidfd_spawn_args args;
  struct rusage usage;
  siginfo_t info;
  char *command[4];
  int pidfd;

  command[0] = sh;
  command[1] = option;
  command[2] = text;
  command[3] = NULL;
  if (pidfd_spawn (&pidfd, "/bin/sh", NULL, NULL, command, environ) != 0 || status_of (pidfd) != 7)
    return wrong ("pidfd_spawn");
  if (pidfd_spawnp (&pidfd, "sh", NULL, NULL, command, environ) != 0)
    return wrong ("pidfd_spawnp");
  if (pidfd_getpid (pidfd) <= 0 || status_of (pidfd) != 7)
    return wrong ("pidfd_getpid");

  memset (&args, 0, sizeof args);
  args.flags = PIDFD_SPAWN_SEARCH | PIDFD_SPAWN_SETUMASK | PIDFD_SPAWN_CLOEXEC_FROM;
  args.cloexec_from = 3;
  args.umask = 027;
  command[2] = masked;
  if (pidfd_spawn_ext (&pidfd, "sh", NULL, NULL, command, environ, &args, sizeof args) != 0)
    return wrong ("pidfd_spawn_ext");
  memset (&usage, 0xff, sizeof usage);
  if (pidfd_wait (pidfd, &info, WEXITED, &usage) != 0 || close (pidfd) != 0 || info.si_status != 6
      || usage.ru_maxrss <= 0 || usage.ru_utime.tv_sec < 0 || usage.ru_utime.tv_sec > 60)
    return wrong ("pidfd_wait");

  pidfd = pidfd_fork (0);
  if (pidfd == 0)
    _exit (3);
  if (pidfd < 0 || status_of (pidfd) != 3)
    return wrong ("pidfd_fork");
  puts ("client.c: all functions");
  return 0;
}
