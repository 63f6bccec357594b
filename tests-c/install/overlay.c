/* SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * A program written for glibc 2.39, in the language that C89 and C++20 share: it knows nothing of this library, only
 * the C library's headers.  Compiled with the overlay it must work on an older C library, too.  FIRST may name a header
 * to be included before all others.  With WITHOUT_OVERLAY it is a program for <pidfd_spawn.h>, with ARCHIVE it does
 * without
 * what the archive does not have. */

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#ifdef FIRST
#include FIRST
#endif
#ifdef WITHOUT_OVERLAY
#include <pidfd_spawn.h>
#else
#include <spawn.h>
#include <sys/pidfd.h>
#endif

#include <errno.h>
#ifndef _LINUX_FCNTL_H
#include <fcntl.h>
#else
extern
#ifdef __cplusplus
"C"
#endif
int open (const char *, int, ...), fcntl (int, int, ...);
#endif
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

/* A signal that carries a value, to ourselves. */
static void
check_value (void)
{
  siginfo_t sent, got;
  sigset_t set;
  int pidfd = pidfd_open (getpid (), 0);
  CHECK (pidfd >= 0);
  CHECK (sigemptyset (&set) == 0 && sigaddset (&set, SIGUSR1) == 0);
  CHECK (sigprocmask (SIG_BLOCK, &set, NULL) == 0);
  memset (&sent, 0, sizeof sent);
  memset (&got, 0, sizeof got);
  sent.si_signo = SIGUSR1;
  sent.si_code = SI_QUEUE;
  sent.si_pid = getpid ();
  sent.si_value.sival_int = 4711;
  CHECK (pidfd_send_signal (pidfd, SIGUSR1, &sent, 0) == 0);
  CHECK (sigwaitinfo (&set, &got) == SIGUSR1);
  CHECK (got.si_code == SI_QUEUE && got.si_value.sival_int == 4711);
  CHECK (pidfd_send_signal (pidfd, SIGUSR1, NULL, 1U << 30) == -1 && errno == EINVAL);
  CHECK (close (pidfd) == 0);
}

#ifndef ARCHIVE
static void
check_cgroup (void)
{
  posix_spawnattr_t attributes;
  short flags = 0;
  int cgroup = 0;
  CHECK (posix_spawnattr_init (&attributes) == 0);
  CHECK (posix_spawnattr_setcgroup_np (&attributes, 47) == 0);
  CHECK (posix_spawnattr_getcgroup_np (&attributes, &cgroup) == 0 && cgroup == 47);
  CHECK (posix_spawnattr_setflags (&attributes, POSIX_SPAWN_SETCGROUP) == 0);
  CHECK (posix_spawnattr_getflags (&attributes, &flags) == 0 && flags == 0x100);
  CHECK (posix_spawnattr_destroy (&attributes) == 0);
}
#endif

#ifndef WITHOUT_OVERLAY
/* By the names of POSIX.1-2024. */
static void
check_chdir (void)
{
  char sh[] = "sh", option[] = "-c", folder[] = "test \"$(pwd -P)\" = /";
  char *argv[4];
  int by_path, pidfd, root = open ("/", O_RDONLY | O_DIRECTORY);
  siginfo_t info;
  argv[0] = sh;
  argv[1] = option;
  argv[2] = folder;
  argv[3] = NULL;
  CHECK (root >= 0 && chdir ("/dev") == 0);
  for (by_path = 0; by_path < 2; by_path++)
    {
      posix_spawn_file_actions_t actions;
      CHECK (posix_spawn_file_actions_init (&actions) == 0);
      if (by_path)
        CHECK (posix_spawn_file_actions_addchdir (&actions, "/") == 0);
      else
        CHECK (posix_spawn_file_actions_addfchdir (&actions, root) == 0);
      CHECK (pidfd_spawn (&pidfd, "/bin/sh", &actions, NULL, argv, environ) == 0);
      info = wait_for (pidfd);
      CHECK (info.si_code == CLD_EXITED && info.si_status == 0);
      CHECK (posix_spawn_file_actions_destroy (&actions) == 0);
    }
  CHECK (close (root) == 0);
}
#endif

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
  CHECK (pidfd_getfd (pidfd, null, 1) == -1 && errno == EINVAL);
  CHECK (pidfd_getpid (null) == -1 && errno == EBADF);

  check_value ();
#ifndef ARCHIVE
  check_cgroup ();
#endif
#ifndef WITHOUT_OVERLAY
  check_chdir ();
#endif

  puts ("overlay.c: as on glibc 2.39");
  return 0;
}
