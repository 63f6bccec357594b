/* SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * Starts a program inside a cgroup:
 *
 *   cgroup-run FOLDER COMMAND [ARGUMENT...]
 *
 * FOLDER is a folder of cgroup v2, such as /sys/fs/cgroup/NAME.  The child is born in it.  Moving it there later, by
 * writing its process ID into cgroup.procs, would let it run outside for a moment, use memory that is counted
 * elsewhere, and start children that stay outside.
 *
 * posix_spawnattr_setcgroup_np came with glibc 2.39; others get it from the shared library.  It is a weak symbol here,
 * so that this program also runs where it is missing, and says so.  (Build it as a position-independent executable:
 * otherwise the linker may make a missing weak symbol null for ever.)
 *
 * The exit status is that of the command, 128 plus the signal's number when a signal ended it, 125 when this program
 * failed, 126 when the command cannot be executed and 127 when it is not found. */

#define _GNU_SOURCE

#include <pidfd_spawn.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/vfs.h>

#ifndef POSIX_SPAWN_SETCGROUP
# define POSIX_SPAWN_SETCGROUP 0x100
#endif

enum { FAILED = 125, CANNOT_EXECUTE = 126, NOT_FOUND = 127, SIGNALLED = 128 };
#define CGROUP2 0x63677270 /* the type of the file system */

extern int posix_spawnattr_setcgroup_np (posix_spawnattr_t *attributes, int cgroup) __attribute__ ((weak));

extern char **environ;

static void __attribute__ ((noreturn))
die (const char *what, const char *why, int status)
{
  fprintf (stderr, "cgroup-run: %s: %s\n", what, why);
  exit (status);
}

static int
open_cgroup (const char *folder)
{
  int fd = open (folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0)
    die (folder, strerror (errno), FAILED);
  struct statfs information;
  if (fstatfs (fd, &information) != 0)
    die (folder, strerror (errno), FAILED);
  if (information.f_type != CGROUP2)
    die (folder, "not a folder of cgroup v2", FAILED);
  return fd;
}

/* Gives an error number, as the functions of the spawn family do. */
static int
spawn (int *pidfd, int cgroup, char **command)
{
  posix_spawnattr_t attributes;
  int error = posix_spawnattr_init (&attributes);
  if (error != 0)
    return error;
  error = posix_spawnattr_setflags (&attributes, POSIX_SPAWN_SETCGROUP);
  if (error == 0)
    error = posix_spawnattr_setcgroup_np (&attributes, cgroup);
  if (error == 0)
    error = pidfd_spawnp (pidfd, command[0], NULL, &attributes, command, environ);
  posix_spawnattr_destroy (&attributes);
  return error;
}

int
main (int argc, char **argv)
{
  if (argc < 3)
    {
      fprintf (stderr, "usage: cgroup-run FOLDER COMMAND [ARGUMENT...]\n");
      return FAILED;
    }
  if (!posix_spawnattr_setcgroup_np)
    die ("missing", "posix_spawnattr_setcgroup_np, in this C library (glibc has it since 2.39)", FAILED);
  int cgroup = open_cgroup (argv[1]);
  /* Whoever started this program may have ignored it, and then the kernel keeps no exit status for anybody. */
  if (signal (SIGCHLD, SIG_DFL) == SIG_ERR)
    die ("signal", strerror (errno), FAILED);

  int pidfd;
  int error = spawn (&pidfd, cgroup, argv + 2);
  if (error == EOPNOTSUPP)
    die ("missing", "clone3 with CLONE_INTO_CGROUP, in this kernel (Linux 5.7) or sandbox", FAILED);
  if (error != 0)
    die (argv[2], strerror (error), error == ENOENT ? NOT_FOUND : CANNOT_EXECUTE);

  siginfo_t info;
  while (waitid (P_PIDFD, (id_t) pidfd, &info, WEXITED) != 0)
    if (errno != EINTR)
      die ("waitid", strerror (errno), FAILED);
  return info.si_code == CLD_EXITED ? info.si_status : SIGNALLED + info.si_status;
}
