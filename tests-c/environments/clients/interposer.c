/* SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * For tests only: makes programs that call posix_spawn and posix_spawnp use pidfd_spawn and pidfd_spawnp instead, so
 * that they do their real work through the library.  Both are preloaded:
 *
 *   LD_PRELOAD="interposer.so libpidfd_spawn.so.0" PROGRAM
 *
 * What a call did is appended to the file that PIDFD_SPAWN_CALLS names: a letter for each, 's' for success, 'e' for an
 * error, 'l' for a child that was gone before it could be named: a pidfd cannot tell the ID of a process that somebody
 * else has waited for, which is why a program should keep the pidfd and not do as is done here.
 *
 * With PIDFD_SPAWN_FORKS in the environment fork is pidfd_fork, 'f' for success: only where others call it, for the
 * libc's own functions do not look it up. */

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

typedef int spawn_function (int *, const char *, const posix_spawn_file_actions_t *, const posix_spawnattr_t *,
                            char *const[], char *const[]);

extern spawn_function pidfd_spawn, pidfd_spawnp;
extern pid_t pidfd_getpid (int);
extern int pidfd_fork (unsigned int);

static pid_t (*libc_fork) (void);
/* pidfd_fork calls fork. */
static __thread int forking;

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

__attribute__ ((constructor)) static void
find_fork (void)
{
  libc_fork = (pid_t (*) (void)) dlsym (RTLD_NEXT, "fork");
}

pid_t
fork (void)
{
  if (forking || getenv ("PIDFD_SPAWN_FORKS") == NULL)
    return libc_fork ();
  forking = 1;
  int pidfd = pidfd_fork (0);
  forking = 0;
  if (pidfd == 0)
    return 0;
  pid_t pid = pidfd < 0 ? -1 : pidfd_getpid (pidfd);
  count (pid > 0 ? 'f' : pidfd < 0 ? 'e' : 'l');
  int saved = errno;
  if (pidfd > 0)
    syscall (SYS_close, pidfd);
  errno = saved;
  return pid;
}
