/* SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * Two threads that start programs at once. A sample is the time that both take for their share, waiting included; so
 * the ratio of the other to the library is that of calls per second. */

#define _GNU_SOURCE

#include "bench.h"

#include <pthread.h>
#include <time.h>

enum { THREADS = 2, SHARE = 20 };

static void *
spawn_share (void *implementation)
{
  int (*call) (int *) = ((const struct implementation *) implementation)->call;
  for (int i = 0; i < SHARE; i++)
    {
      int pidfd, error = call (&pidfd);
      if (error != 0)
        return (void *) (long) error;
      expect_exit (pidfd);
    }
  return NULL;
}

static int
spawn_at_once (const struct implementation *implementation, int *nanoseconds)
{
  struct timespec before, after;
  pthread_t threads[THREADS];
  void *failed = NULL;
  clock_gettime (CLOCK_MONOTONIC, &before);
  for (int i = 0; i < THREADS; i++)
    {
      int error = pthread_create (&threads[i], NULL, spawn_share, (void *) implementation);
      if (error != 0)
        die ("pthread_create", error);
    }
  for (int i = 0; i < THREADS; i++)
    {
      void *error;
      pthread_join (threads[i], &error);
      failed = error ? error : failed;
    }
  clock_gettime (CLOCK_MONOTONIC, &after);
  *nanoseconds = (int) ((after.tv_sec - before.tv_sec) * 1000000000L + (after.tv_nsec - before.tv_nsec));
  return (int) (long) failed;
}

const struct group throughput_group = {
  .name = "throughput",
  .title = "two threads that start 20 programs each at once, and wait for them",
  .set_up = find_libc_pidfd_spawn,
  .measure = spawn_at_once,
  .slowness = 20,
  .implementation_count = 3,
  .implementations = { { "pidfd_spawn", spawn_by_library },
                   { "the C library's own pidfd_spawn", spawn_by_libc },
                   { "posix_spawn + pidfd_open", spawn_by_posix_spawn } },
  .comparison_count = 2,
  .comparisons = { { 1, 0 }, { 2, 0 } },
};
