/* SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * What a large process pays: the same call in helper processes, small ones and large ones. */

#include "bench.h"

static int (*const ways[]) (int *) = { spawn_by_library, spawn_by_libc, spawn_by_posix_spawn, spawn_by_fork };

static void
start (int mebibytes, int threads, int mappings)
{
  const struct helper_kind kind = { .mebibytes = mebibytes, .threads = threads, .mappings = mappings, .ways = ways,
                                    .set_up = find_libc_pidfd_spawn };
  start_helper (&kind);
}

enum { SMALL_MEBIBYTES = 1 };

static void
start_resident (void)
{
  start (SMALL_MEBIBYTES, 0, 0);
  start (4096, 0, 0);
}

static void
start_threaded (void)
{
  start (SMALL_MEBIBYTES, 0, 0);
  start (SMALL_MEBIBYTES, 64, 0);
}

static void
start_mapped (void)
{
  start (SMALL_MEBIBYTES, 0, 0);
  start (SMALL_MEBIBYTES, 0, 10000);
}

/* One size of the curve */
#define START_WITH(mebibytes)                                                                                          \
  static void start_with_##mebibytes (void) { start (mebibytes, 0, 0); }

START_WITH (1)
START_WITH (64)
START_WITH (512)

#define BESIDE_ITSELF(name_, size, start)                                                                              \
  {                                                                                                                    \
    .name = name_, .title = "pidfd_spawn from a process with " size ", and from a small one", .set_up = start,         \
    .tear_down = end_helpers, .measure = ask_helper, .pinned = 1, .slowness = 4, .implementation_count = 2,            \
    .implementations = { { size, NULL, HELPER_WAYS }, { "a small process", NULL, 0 } }, .comparison_count = 1,         \
    .comparisons = { { 0, 1 } },                                                                                       \
  }

#define SIZE(mebibytes, text)                                                                                          \
  {                                                                                                                    \
    .name = "resident-" #mebibytes, .title = "starting a program from a process of " text,                             \
    .set_up = start_with_##mebibytes, .tear_down = end_helpers, .measure = ask_helper, .pinned = 1, .slowness = 20,    \
    .implementation_count = 4,                                                                                         \
    .implementations = { { "pidfd_spawn", NULL, 0 },                                                                   \
                     { "the C library's own pidfd_spawn", NULL, 1 },                                                   \
                     { "posix_spawn + pidfd_open", NULL, 2 },                                                          \
                     { "fork + execve + pidfd_open", NULL, 3 } },                                                      \
    .comparison_count = 3, .comparisons = { { 0, 1 }, { 0, 2 }, { 0, 3 } },                                            \
  }

const struct group parent_size_groups[PARENT_SIZE_GROUPS] = {
  BESIDE_ITSELF ("resident", "4 GiB resident", start_resident),
  BESIDE_ITSELF ("threads", "64 idle threads", start_threaded),
  BESIDE_ITSELF ("mappings", "10,000 mappings", start_mapped),
  SIZE (1, "1 MiB"),
  SIZE (64, "64 MiB"),
  SIZE (512, "512 MiB"),
};
