/* SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * The same under a filter that refuses what the usual container refuses: clone3 with ENOSYS and unshare with EPERM. 
 * All implementations are under it. A filter stays, so these groups come last. */

#define _GNU_SOURCE

#include "bench.h"

#include <errno.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#if defined __has_include && __has_include (<linux/seccomp.h>)

#include <linux/filter.h>
#include <linux/seccomp.h>

static void
enter_sandbox (void)
{
  static int entered;
  enum { CLONE3 = 435 };
  struct sock_filter code[] = {
    BPF_STMT (BPF_LD | BPF_W | BPF_ABS, offsetof (struct seccomp_data, nr)),
    BPF_JUMP (BPF_JMP | BPF_JEQ | BPF_K, CLONE3, 1, 0),
    BPF_JUMP (BPF_JMP | BPF_JEQ | BPF_K, SYS_unshare, 1, 2),
    BPF_STMT (BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
    BPF_STMT (BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
    BPF_STMT (BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  struct sock_fprog program = { sizeof code / sizeof *code, code };
  if (entered)
    return;
  if (prctl (PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || prctl (PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0)
    die ("no seccomp filter", errno);
  entered = 1;
}

#else

static void
enter_sandbox (void)
{
  die ("built without the kernel's headers, so without a sandbox", 0);
}

#endif

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
