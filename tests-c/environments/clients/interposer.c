/* SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * For tests only: makes programs that call posix_spawn and posix_spawnp use pidfd_spawn and pidfd_spawnp instead, so
 * that they do their real work through the library.  Both are preloaded:
 *
 *   LD_PRELOAD="interposer.so libpidfd_spawn.so.0" PROGRAM
 *
 * Compiled with -DFORKS, fork as well becomes pidfd_fork (0), and vfork and _Fork become pidfd_fork
 * (PIDFDFORK_ASYNCSAFE).  The programs that a program executes inherit both libraries.
 *
 * What a call did is appended to the file that PIDFD_SPAWN_CALLS names: a letter for each, 's' for success, 'e' for an
 * error, 'f' for a fork, 'l' for a child that was gone before it could be named: a pidfd cannot tell the ID of a process that somebody
 * else has waited for, which is why a program should keep the pidfd and not do as is done here. */

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

typedef int spawn_function (int *, const char *, const posix_spawn_file_actions_t *, const posix_spawnattr_t *,
                            char *const[], char *const[]);

extern spawn_function pidfd_spawn, pidfd_spawnp;
extern pid_t pidfd_getpid (int);

static void
count (char what)
{
  const char *file = getenv ("PIDFD_SPAWN_CALLS");
  if (file == NULL)
    return;
  int saved = errno;
  /* By syscall, which is no cancellation point: posix_spawn is none either. */
  int fd = syscall (SYS_openat, AT_FDCWD, file, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0666);
  if (fd >= 0)
    {
      syscall (SYS_write, fd, &what, 1);
      syscall (SYS_close, fd);
    }
  errno = saved;
}

static int
spawn (spawn_function *function, pid_t *pid, const char *file, const posix_spawn_file_actions_t *actions,
       const posix_spawnattr_t *attributes, char *const argv[], char *const envp[])
{
  int pidfd;
  int error = function (pid == NULL ? NULL : &pidfd, file, actions, attributes, argv, envp);
  if (error != 0)
    {
      count ('e');
      return error;
    }
  if (pid == NULL)
    {
      count ('s');
      return 0;
    }
  *pid = pidfd_getpid (pidfd);
  if (*pid < 0)
    error = errno;
  syscall (SYS_close, pidfd);
  count (error == 0 ? 's' : 'l');
  return error;
}

int
posix_spawn (pid_t *pid, const char *path, const posix_spawn_file_actions_t *actions,
             const posix_spawnattr_t *attributes, char *const argv[], char *const envp[])
{
  return spawn (pidfd_spawn, pid, path, actions, attributes, argv, envp);
}

int
posix_spawnp (pid_t *pid, const char *file, const posix_spawn_file_actions_t *actions,
              const posix_spawnattr_t *attributes, char *const argv[], char *const envp[])
{
  return spawn (pidfd_spawnp, pid, file, actions, attributes, argv, envp);
}

#ifdef FORKS
extern int pidfd_fork (unsigned int);

/* The library makes the child by the libc's function of the same name. */
static __thread int inside __attribute__ ((tls_model ("initial-exec")));

static pid_t
by_pidfd_fork (unsigned int flags, const char *real)
{
  if (inside)
    return ((pid_t (*) (void)) dlsym (RTLD_NEXT, real)) ();
  /* A handler that waits for every child would otherwise take it before it is named. */
  sigset_t child, before;
  sigemptyset (&child);
  sigaddset (&child, SIGCHLD);
  pthread_sigmask (SIG_BLOCK, &child, &before);
  inside = 1;
  pid_t result = pidfd_fork (flags);
  inside = 0;
  if (result > 0)
    {
      int pidfd = result;
      result = pidfd_getpid (pidfd);
      int error = errno;
      syscall (SYS_close, pidfd);
      errno = error;
      count (result < 0 ? 'l' : 'f');
    }
  else if (result < 0)
    count ('e');
  pthread_sigmask (SIG_SETMASK, &before, NULL);
  return result;
}

pid_t
fork (void)
{
  return by_pidfd_fork (0, "fork");
}

pid_t
vfork (void)
{
  return by_pidfd_fork (1U << 1 /* PIDFDFORK_ASYNCSAFE */, "fork");
}

pid_t
_Fork (void)
{
  return by_pidfd_fork (1U << 1, "_Fork");
}
#endif
