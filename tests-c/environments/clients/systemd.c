/* SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * Calls systemd's own function for starting processes, posix_spawn_wrapper of libsystemd-shared, and prints what came
 * of it:
 *
 *   systemd LIBSYSTEMD-SHARED [CGROUP]
 *
 *   spawner: the file that has the pidfd_spawn which dlsym finds, or "none"
 *   result: what posix_spawn_wrapper returned: 1 means that the child was born in CGROUP
 *   mask, cgroup: what the child sees
 *   child: its exit status, and whether the ID and the pidfd are both of this child */

#include <dlfcn.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef P_PIDFD
# define P_PIDFD 3
#endif

/* systemd's PidRef, since version 257. */
struct pid_ref
{
  pid_t pid;
  int fd;
  uint64_t fd_id;
};

typedef int wrapper_function (const char *path, char *const *argv, char *const *envp, const char *cgroup,
                              struct pid_ref *ref);

int
main (int argc, char **argv)
{
  if (argc < 2)
    return 2;
  void *library = dlopen (argv[1], RTLD_NOW);
  if (library == NULL)
    {
      fprintf (stderr, "%s\n", dlerror ());
      return 3;
    }
  wrapper_function *wrapper = (wrapper_function *) dlsym (library, "posix_spawn_wrapper");
  if (wrapper == NULL || dlsym (library, "pidfd_spawn_shim") == NULL)
    {
      fprintf (stderr, "it has no posix_spawn_wrapper that looks for pidfd_spawn\n");
      return 4;
    }
  Dl_info where;
  void *spawner = dlsym (RTLD_DEFAULT, "pidfd_spawn");
  printf ("spawner: %s\n", spawner != NULL && dladdr (spawner, &where) != 0 ? where.dli_fname : "none");

  fflush (stdout);

  /* Builtins only: what is asked for is that of this child. */
  char *arguments[] = { "sh", "-c",
                        "while read -r line; do case $line in SigBlk:*) echo \"mask: ${line#SigBlk:?}\";; esac; done"
                        " </proc/$$/status;"
                        "while read -r line; do case $line in 0::*) echo \"cgroup: ${line#0::}\";; esac; done"
                        " </proc/$$/cgroup; exit 7",
                        NULL };
  struct pid_ref ref = { 0, -EBADF, 0 };
  int result = wrapper ("/bin/sh", arguments, environ, argc > 2 ? argv[2] : NULL, &ref);
  printf ("result: %d\n", result);
  if (result < 0)
    return 1;

  siginfo_t info;
  memset (&info, 0, sizeof info);
  fflush (stdout);
  if (waitid (P_PIDFD, ref.fd, &info, WEXITED) != 0)
    perror ("waitid");
  printf ("child: %d, %s\n", info.si_status, info.si_pid == ref.pid ? "the same" : "another");
  return 0;
}
