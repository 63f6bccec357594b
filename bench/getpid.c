/* SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * The process ID behind a pidfd: the library against what programs do today, which is to read /proc/self/fdinfo. */

#define _GNU_SOURCE

#include "bench.h"

#include <errno.h>
#include <fcntl.h>
#include <pidfd_spawn.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int own_pidfd;
static pid_t (*libc_getpid) (int);

static void
open_own_pidfd (void)
{
  *(void **) &libc_getpid = libc_symbol ("pidfd_getpid");
  int error = open_process (getpid (), &own_pidfd);
  if (error != 0)
    die ("pidfd_open", error);
}

static void
close_own_pidfd (void)
{
  close (own_pidfd);
}

static void
expect_own_pid (int pid)
{
  if (pid != getpid ())
    die ("not this process's ID", 0);
}

static int
by_library (int *pid)
{
  *pid = pidfd_getpid (own_pidfd);
  return *pid < 0 ? errno : 0;
}

static int
by_fdinfo (int *pid)
{
  char path[64], text[512];
  snprintf (path, sizeof path, "/proc/self/fdinfo/%d", own_pidfd);
  int fd = open (path, O_RDONLY | O_CLOEXEC);
  if (fd < 0)
    return errno;
  ssize_t length = read (fd, text, sizeof text - 1);
  int error = length < 0 ? errno : 0;
  close (fd);
  if (error != 0)
    return error;
  text[length] = 0;
  const char *line = strstr (text, "\nPid:");
  if (!line)
    return EBADF;
  *pid = atoi (line + 5);
  return 0;
}

static int
by_libc (int *pid)
{
  if (!libc_getpid)
    return ENOSYS;
  *pid = libc_getpid (own_pidfd);
  return *pid < 0 ? errno : 0;
}

enum { LIBRARY, FDINFO, LIBC };

const struct group getpid_group = {
  .name = "getpid",
  .title = "the process ID of a pidfd",
  .set_up = open_own_pidfd,
  .finish = expect_own_pid,
  .tear_down = close_own_pidfd,
  .implementation_count = 3,
  .implementations = { [LIBRARY] = { "pidfd_getpid", by_library },
                   [FDINFO] = { "reading /proc/self/fdinfo", by_fdinfo },
                   [LIBC] = { "the C library's own pidfd_getpid", by_libc } },
  .comparison_count = 2,
  .comparisons = { { LIBRARY, LIBC }, { LIBRARY, FDINFO } },
};
