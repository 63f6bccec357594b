/* SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * The same under a filter that refuses what the usual container refuses: clone3 with ENOSYS and unshare with EPERM.
 * All implementations are under it. A filter stays, so these groups come last. */

#define _GNU_SOURCE

#include "bench.h"
#include "seccomp.h"

#include <errno.h>
#include <sys/syscall.h>

static void
enter_sandbox (void)
{
  static int entered;
  enum { CLONE3 = 435 };
  static const struct filter_rule rules[] = {
    { .call = CLONE3, .action = FILTER_ERROR (ENOSYS) },
    { .call = SYS_unshare, .action = FILTER_ERROR (EPERM) },
  };
  if (entered)
    return;
  if (install_filter (rules, 2, FILTER_PLAIN) != 0)
    die ("no seccomp filter", errno);
  entered = 1;
}

enum { LIBRARY, FORK };

const struct group sandbox_fork_group = {
  .name = "sandbox-fork",
  .title = "forking in a process with one thread in a sandbox, until the call returns in the parent",
  .set_up = enter_sandbox,
  .finish = expect_exit,
  .implementation_count = 2,
  .implementations = { [LIBRARY] = { "pidfd_fork (0)", fork_by_library },
                       [FORK] = { "fork + pidfd_open", fork_by_libc } },
  .comparison_count = 1,
  .comparisons = { { LIBRARY, FORK } },
};

enum { SPAWN, POSIX_SPAWN, VFORK };

static void
enter_sandbox_and_find (void)
{
  enter_sandbox ();
  find_libc_pidfd_spawn ();
}

const struct group sandbox_spawn_group = {
  .name = "sandbox-spawn",
  .title = "starting a program in a sandbox, until the call returns",
  .set_up = enter_sandbox_and_find,
  .finish = expect_exit,
  .pinned = 1,
  .implementation_count = 3,
  .implementations = { [SPAWN] = { "pidfd_spawn", spawn_by_library },
                   [POSIX_SPAWN] = { "posix_spawn + pidfd_open", spawn_by_posix_spawn },
                   [VFORK] = { "vfork + execve + pidfd_open", spawn_by_vfork } },
  .comparison_count = 2,
  .comparisons = { { SPAWN, VFORK }, { SPAWN, POSIX_SPAWN } },
};
