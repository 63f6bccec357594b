/* SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * What several groups need around the calls they measure. */

#define _GNU_SOURCE

#include "bench.h"

#include <dlfcn.h>
#include <errno.h>
#include <pidfd_spawn.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

void
expect_exit (int pidfd)
{
  siginfo_t info;
  if (syscall (SYS_waitid, P_PIDFD, pidfd, &info, WEXITED, NULL) != 0)
    die ("waitid", errno);
  if (info.si_code != CLD_EXITED || info.si_status != 0)
    die ("a child did not end with exit status 0", 0);
  if (close (pidfd) != 0)
    die ("close", errno);
}

int
open_process (int pid, int *pidfd)
{
  *pidfd = pidfd_open (pid, 0);
  return *pidfd < 0 ? errno : 0;
}

void *
libc_symbol (const char *name)
{
  void *libc = dlopen ("libc.so.6", RTLD_LAZY | RTLD_NOLOAD);
  return libc ? dlsym (libc, name) : NULL;
}
