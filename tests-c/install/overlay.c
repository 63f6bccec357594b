/* SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * A program written for glibc 2.39, in the language that C89 and C++20 share: it knows nothing of this library, only the
 * C library's headers.  Compiled with the overlay it must work on an older C library, too.  FIRST may name a header to
 * be included before all others. */

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#ifdef FIRST
#include FIRST
#endif
#include <spawn.h>
#include <sys/pidfd.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static void
check (int line, int truth, const char *what)
{
  if (!truth)
    {
      fprintf (stderr, "overlay.c:%d: not so: %s (%s)\n", line, what, strerror (errno));
      exit (1);
    }
}
#define CHECK(what) check (__LINE__, (what), #what)

static siginfo_t
wait_for (int pidfd)
{
  siginfo_t info;
  memset (&info, 0, sizeof info);
  CHECK (waitid (P_PIDFD, (id_t) pidfd, &info, WEXITED) == 0);
  CHECK (close (pidfd) == 0);
  return info;
}

int
main (void)
{
  char sh[] = "sh", option[] = "-c", status[] = "exit 7", waits[] = "sleep 60";
  char *quick[4], *slow[4];
  int (*spawn) (int *, const char *, const posix_spawn_file_actions_t *, const posix_spawnattr_t *, char *const *,
                char *const *)
    = pidfd_spawn;
  int (*spawnp) (int *, const char *, const posix_spawn_file_actions_t *, const posix_spawnattr_t *, char *const *,
                 char *const *)
    = pidfd_spawnp;
  int (*send) (int, int, siginfo_t *, unsigned int) = pidfd_send_signal;
  int pidfd, again, copy, null;
  siginfo_t info;
  idtype_t kind = P_PIDFD;

  quick[0] = slow[0] = sh;
  quick[1] = slow[1] = option;
  quick[2] = status;
  slow[2] = waits;
  quick[3] = slow[3] = NULL;

  CHECK (kind == (idtype_t) 3);
  CHECK (PIDFD_NONBLOCK == O_NONBLOCK);

  CHECK (spawn (&pidfd, "/bin/sh", NULL, NULL, quick, environ) == 0);
  info = wait_for (pidfd);
  CHECK (info.si_code == CLD_EXITED && info.si_status == 7);

  CHECK (spawnp (&pidfd, "sh", NULL, NULL, slow, environ) == 0);
  again = pidfd_open (pidfd_getpid (pidfd), PIDFD_NONBLOCK);
  CHECK (again >= 0 && (fcntl (again, F_GETFL) & O_NONBLOCK) != 0);
  memset (&info, 0, sizeof info);
  CHECK (waitid (P_PIDFD, (id_t) again, &info, WEXITED) == -1 && errno == EAGAIN);
  CHECK (pidfd_send_signal (again, 0, NULL, 0) == 0);
  CHECK (close (again) == 0);
  CHECK (send (pidfd, SIGTERM, NULL, 0) == 0);
  info = wait_for (pidfd);
  CHECK (info.si_code == CLD_KILLED && info.si_status == SIGTERM);

  null = open ("/dev/null", O_RDONLY);
  pidfd = pidfd_open (getpid (), 0);
  copy = pidfd_getfd (pidfd, null, 0);
  CHECK (copy > null && close (copy) == 0);
  CHECK (pidfd_getpid (null) == -1 && errno == EBADF);

  puts ("overlay.c: as on glibc 2.39");
  return 0;
}
