/* SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * Copying a process that has a single thread. */

#define _GNU_SOURCE

#include "bench.h"

#include <errno.h>
#include <pidfd_spawn.h>
#include <unistd.h>

static int
by_library_with (unsigned flags, int *pidfd)
{
  *pidfd = pidfd_fork (flags);
  if (*pidfd == 0)
    _exit (0);
  return *pidfd < 0 ? errno : 0;
}

static int
by_library (int *pidfd)
{
  return by_library_with (0, pidfd);
}

static int
by_library_async_safe (int *pidfd)
{
  return by_library_with (PIDFDFORK_ASYNCSAFE, pidfd);
}

static int
by_function (pid_t (*function) (void), int *pidfd)
{
  pid_t pid = function ();
  if (pid == 0)
    _exit (0);
  return pid < 0 ? errno : open_process (pid, pidfd);
}

static int
by_fork (int *pidfd)
{
  return by_function (fork, pidfd);
}

static pid_t (*libc_fork_only) (void);

static void
find_libc_fork_only (void)
{
  *(void **) &libc_fork_only = libc_symbol ("_Fork");
}

static int
by_fork_only (int *pidfd)
{
  return libc_fork_only ? by_function (libc_fork_only, pidfd) : ENOSYS;
}

enum { LIBRARY, ASYNC_SAFE, FORK, FORK_ONLY };

const struct group fork_group = {
  .title = "forking in a process with one thread, until the call returns in the parent",
  .set_up = find_libc_fork_only,
  .finish = expect_exit,
  .contestant_count = 4,
  .contestants = { [LIBRARY] = { "pidfd_fork (0)", by_library },
                   [ASYNC_SAFE] = { "pidfd_fork (PIDFDFORK_ASYNCSAFE)", by_library_async_safe },
                   [FORK] = { "fork + pidfd_open", by_fork },
                   [FORK_ONLY] = { "_Fork + pidfd_open", by_fork_only } },
  .comparison_count = 3,
  .comparisons = { { LIBRARY, FORK }, { ASYNC_SAFE, FORK }, { ASYNC_SAFE, FORK_ONLY } },
};
