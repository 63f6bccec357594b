/* SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * A libc that has functions of its own by these names.  TST_ERROR is the error that its spawn functions give, without
 * starting anything; what was called is kept for the test.  As in glibc, a descriptor that nobody takes stays open. */

#include "numbers.h"

#include <errno.h>
#include <spawn.h>
#include <stdlib.h>
#include <unistd.h>

struct {
  int spawns, searches, cgroup;
  const void *arguments[6];
} tst_native;

typedef int spawn_function (pid_t *, const char *, const posix_spawn_file_actions_t *, const posix_spawnattr_t *,
                            char *const[], char *const[]);

static int
spawn (spawn_function *function, int *pidfd, const char *name, const posix_spawn_file_actions_t *actions,
       const posix_spawnattr_t *attributes, char *const argv[], char *const envp[])
{
  const void *arguments[] = { pidfd, name, actions, attributes, argv, envp };
  for (int i = 0; i < 6; i++)
    tst_native.arguments[i] = arguments[i];
  const char *wanted = getenv ("TST_ERROR");
  pid_t pid;
  int error = wanted ? atoi (wanted) : function (&pid, name, actions, attributes, argv, envp);
  errno = ENOTTY; /* as it likes */
  if (error == 0)
    {
      int fd = (int) syscall (SYS_pidfd_open, pid, 0);
      if (pidfd)
        *pidfd = fd;
    }
  return error;
}

int
pidfd_spawn (int *pidfd, const char *path, const posix_spawn_file_actions_t *actions,
             const posix_spawnattr_t *attributes, char *const argv[], char *const envp[])
{
  tst_native.spawns++;
  return spawn (posix_spawn, pidfd, path, actions, attributes, argv, envp);
}

int
pidfd_spawnp (int *pidfd, const char *file, const posix_spawn_file_actions_t *actions,
              const posix_spawnattr_t *attributes, char *const argv[], char *const envp[])
{
  tst_native.searches++;
  return spawn (posix_spawnp, pidfd, file, actions, attributes, argv, envp);
}

int
posix_spawnattr_setcgroup_np (posix_spawnattr_t *attributes, int cgroup)
{
  (void) attributes;
  tst_native.cgroup = cgroup;
  return 0;
}

int
posix_spawnattr_getcgroup_np (const posix_spawnattr_t *attributes, int *cgroup)
{
  (void) attributes;
  *cgroup = tst_native.cgroup;
  return 0;
}
