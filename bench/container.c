/* SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * The same calls in a container: under a filter as Docker and containerd set it by default, where clone3 is ENOSYS and
 * a namespace EPERM.  A filter is for life, so a helper process has it; another one without it takes turns with it. */

#define _GNU_SOURCE

#include "bench.h"
#include "numbers.h"
#include "seccomp.h"

#include <errno.h>
#include <pidfd_spawn.h>
#include <unistd.h>

enum { EVERY_NAMESPACE = 0x7e020000 };

/* What the calls here meet of such a filter.  The kernel answers for a call that is allowed whatever its arguments are
   (since 5.11) without running the filter, so a longer one would change nothing. */
static void
enter_container (void)
{
  static struct filter_rule rules[32] = {
    { .call = SYS_clone3, .action = FILTER_ERROR (ENOSYS) },
    { .call = SYS_unshare, .action = FILTER_ERROR (EPERM) },
    { .call = SYS_setns, .action = FILTER_ERROR (EPERM) },
  };
  size_t count = 3;
  for (uint32_t flag = 1; flag != 0; flag <<= 1)
    if (flag & EVERY_NAMESPACE)
      rules[count++] = (struct filter_rule) { SYS_clone, 0, flag, flag, FILTER_ERROR (EPERM) };
  if (install_filter (rules, count, FILTER_PLAIN) != 0)
    lack ("a seccomp filter", errno);
}

static int own_pidfd;

/* One call is too short to be timed alone. */
static int
ask_for_own_id (int *result)
{
  for (int i = 0; i < 100; i++)
    if (pidfd_getpid (own_pidfd) < 0)
      return errno;
  *result = -1;
  return 0;
}

static void
set_up_outside (void)
{
  find_libc_pidfd_spawn ();
  set_up_attributes ();
  set_up_search ();
  int error = open_process (getpid (), &own_pidfd);
  if (error != 0)
    die ("pidfd_open", error);
}

static void
set_up_inside (void)
{
  set_up_outside ();
  enter_container ();
}

enum { PLAIN, POSIX, VFORK, FURNISHED, FURNISHED_POSIX, SEARCHED, SEARCHED_POSIX, GETPID };
static int (*const spawning[]) (int *) = {
  [PLAIN] = spawn_by_library, [POSIX] = spawn_by_posix_spawn, [VFORK] = spawn_by_vfork,
  [FURNISHED] = furnished_by_library, [FURNISHED_POSIX] = furnished_by_posix_spawn,
  [SEARCHED] = searched_by_library, [SEARCHED_POSIX] = searched_by_posix_spawnp, [GETPID] = ask_for_own_id,
};

enum { FORKED, FORKED_BY_LIBC, FORKED_BY_MESSAGE };
static int (*const forking[]) (int *) = {
  [FORKED] = fork_by_library, [FORKED_BY_LIBC] = fork_by_libc, [FORKED_BY_MESSAGE] = fork_by_message,
};

static void
start_both (int (*const *ways) (int *), int threads)
{
  struct helper_kind kind = { .mebibytes = 1, .threads = threads, .ways = ways, .twice = 1, .set_up = set_up_outside };
  start_helper (&kind);
  kind.set_up = set_up_inside;
  start_helper (&kind);
}

static void
start_spawning (void)
{
  start_both (spawning, 0);
}

static void
start_spawning_among_threads (void)
{
  start_both (spawning, 7);
}

static void
start_forking (void)
{
  start_both (forking, 0);
}

static void
start_forking_among_threads (void)
{
  start_both (forking, 7);
}

#define INSIDE(name, way) { name, NULL, HELPER_WAYS + (way) }
#define OUTSIDE(way) { "outside", NULL, way }

#define GROUP(name_, title_, set_up_, count, ...)                                                                      \
  {                                                                                                                    \
    .name = "container-" name_, .title = title_ " in a container", .set_up = set_up_, .tear_down = end_helpers,        \
    .measure = ask_helper, .pinned = 1, .slowness = 4, .implementation_count = count,                                  \
    .implementations = { __VA_ARGS__ }, .comparison_count = (count) - 1,                                               \
    .comparisons = { { 0, 1 }, { 0, 2 }, { 0, 3 } },                                                                   \
  }

#define SPAWN(name, title, set_up)                                                                                     \
  GROUP (name, title, set_up, 4, INSIDE ("pidfd_spawn", PLAIN), OUTSIDE (PLAIN),                                       \
         INSIDE ("posix_spawn + pidfd_open", POSIX), INSIDE ("vfork + execve + pidfd_open", VFORK))

const struct group container_groups[CONTAINER_GROUPS] = {
  SPAWN ("spawn", "starting a program", start_spawning),
  SPAWN ("threads", "starting a program from a process with eight threads", start_spawning_among_threads),
  GROUP ("attributes", "starting a program with SETSIGMASK, SETSIGDEF, SETPGROUP and five file actions",
         start_spawning, 3, INSIDE ("pidfd_spawn", FURNISHED), OUTSIDE (FURNISHED),
         INSIDE ("posix_spawn + pidfd_open", FURNISHED_POSIX)),
  GROUP ("search", "starting a program that is in the eighth folder of PATH", start_spawning, 3,
         INSIDE ("pidfd_spawnp", SEARCHED), OUTSIDE (SEARCHED), INSIDE ("posix_spawnp + pidfd_open", SEARCHED_POSIX)),
  GROUP ("fork", "forking in a process with one thread", start_forking, 3, INSIDE ("pidfd_fork (0)", FORKED),
         OUTSIDE (FORKED), INSIDE ("fork + pidfd_open", FORKED_BY_LIBC)),
  GROUP ("fork-threads", "forking in a process with eight threads", start_forking_among_threads, 3,
         INSIDE ("pidfd_fork (0)", FORKED), OUTSIDE (FORKED),
         INSIDE ("socketpair + fork + SCM_RIGHTS", FORKED_BY_MESSAGE)),
  GROUP ("getpid", "100 times the process ID of a pidfd", start_spawning, 2, INSIDE ("pidfd_getpid", GETPID),
         OUTSIDE (GETPID)),
};
