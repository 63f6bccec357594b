/* SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * What a large process pays: the same call in helper processes, small ones and such as hold much memory, many threads
 * or many mappings. A helper takes the time itself, so that being asked is not measured. */

#define _GNU_SOURCE

#include "bench.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { MEBIBYTE = 1 << 20, MOST_HELPERS = 2 };

static struct helper
{
  pid_t pid;
  int questions, answers;
} helpers[MOST_HELPERS];
static int helper_count;

static int (*const ways[]) (int *) = { spawn_by_library, spawn_by_libc, spawn_by_posix_spawn, spawn_by_fork };

static void
hold_memory (int mebibytes)
{
  size_t size = (size_t) mebibytes * MEBIBYTE;
  char *memory = mmap (NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED)
    die ("memory", errno);
  /* Small pages, as a heap that grew piece by piece has them. */
  madvise (memory, size, MADV_NOHUGEPAGE);
  for (size_t i = 0; i < size; i += 4096)
    memory[i] = 1;
}

static void
hold_mappings (int count)
{
  for (int i = 0; i < count; i++)
    {
      /* Neighbours that differ cannot be joined. */
      char *page = mmap (NULL, 4096, i % 2 ? PROT_READ : PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
      if (page == MAP_FAILED)
        die ("mappings", errno);
    }
}

static void
answer (int questions, int answers)
{
  unsigned char way;
  while (read (questions, &way, 1) == 1)
    {
      struct timespec before, after;
      int pidfd = -1;
      clock_gettime (CLOCK_MONOTONIC, &before);
      int error = ways[way](&pidfd);
      clock_gettime (CLOCK_MONOTONIC, &after);
      int reply[2] = { error, (int) ((after.tv_sec - before.tv_sec) * 1000000000L + (after.tv_nsec - before.tv_nsec)) };
      if (error == 0)
        expect_exit (pidfd);
      if (write (answers, reply, sizeof reply) != sizeof reply)
        _exit (1);
    }
}

static void
start_helper (int mebibytes, int threads, int mappings)
{
  int ask[2], reply[2];
  if (pipe2 (ask, O_CLOEXEC) != 0 || pipe2 (reply, O_CLOEXEC) != 0)
    die ("pipe2", errno);
  find_libc_pidfd_spawn ();
  pid_t pid = fork ();
  if (pid < 0)
    die ("fork", errno);
  if (pid == 0)
    {
      prctl (PR_SET_PDEATHSIG, SIGKILL);
      for (int i = 0; i < helper_count; i++)
        close (helpers[i].questions);
      close (ask[1]);
      close (reply[0]);
      hold_memory (mebibytes);
      hold_mappings (mappings);
      start_idle_threads (threads);
      answer (ask[0], reply[1]);
      _exit (0);
    }
  close (ask[0]);
  close (reply[1]);
  helpers[helper_count++] = (struct helper) { pid, ask[1], reply[0] };
}

static void
end_helpers (void)
{
  while (helper_count > 0)
    {
      struct helper *helper = &helpers[--helper_count];
      close (helper->questions);
      close (helper->answers);
      waitpid (helper->pid, NULL, 0);
    }
}

enum { WAYS = 8 };

/* The argument is the helper's index times WAYS, and the way. */
static int
ask_helper (const struct implementation *implementation, int *nanoseconds)
{
  const struct helper *helper = &helpers[implementation->argument / WAYS];
  unsigned char way = (unsigned char) (implementation->argument % WAYS);
  int reply[2];
  if (write (helper->questions, &way, 1) != 1 || read (helper->answers, reply, sizeof reply) != sizeof reply)
    die ("a helper process is gone", 0);
  *nanoseconds = reply[1];
  return reply[0];
}

enum { SMALL_MEBIBYTES = 1 };

static void
start_resident (void)
{
  start_helper (SMALL_MEBIBYTES, 0, 0);
  start_helper (4096, 0, 0);
}

static void
start_threaded (void)
{
  start_helper (SMALL_MEBIBYTES, 0, 0);
  start_helper (SMALL_MEBIBYTES, 64, 0);
}

static void
start_mapped (void)
{
  start_helper (SMALL_MEBIBYTES, 0, 0);
  start_helper (SMALL_MEBIBYTES, 0, 10000);
}

/* One size of the curve */
#define START_WITH(mebibytes)                                                                                          \
  static void start_with_##mebibytes (void) { start_helper (mebibytes, 0, 0); }

START_WITH (1)
START_WITH (64)
START_WITH (512)

#define BESIDE_ITSELF(name_, size, start)                                                                              \
  {                                                                                                                    \
    .name = name_, .title = "pidfd_spawn from a process with " size ", and from a small one", .set_up = start,         \
    .tear_down = end_helpers, .measure = ask_helper, .pinned = 1, .slowness = 4, .implementation_count = 2,            \
    .implementations = { { size, NULL, WAYS }, { "a small process", NULL, 0 } }, .comparison_count = 1,                \
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
