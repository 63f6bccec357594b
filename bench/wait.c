/* SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * Taking the status of a child that has ended: only the wait is timed. */

#define _GNU_SOURCE

#include "bench.h"

#include <errno.h>
#include <pidfd_spawn.h>
#include <poll.h>
#include <signal.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { LIBRARY, KERNEL };

static int
wait_for_ended (const struct implementation *implementation, int *nanoseconds)
{
  struct timespec before, after;
  siginfo_t info;
  int pidfd, error = spawn_by_library (&pidfd);
  if (error != 0)
    return error;
  struct pollfd event = { .fd = pidfd, .events = POLLIN };
  if (poll (&event, 1, -1) != 1)
    die ("poll", errno);
  clock_gettime (CLOCK_MONOTONIC, &before);
  int result = implementation->argument == LIBRARY
                 ? pidfd_wait (pidfd, &info, 0, NULL)
                 : (int) syscall (SYS_waitid, P_PIDFD, pidfd, &info, WEXITED, NULL);
  error = result != 0 ? errno : 0;
  clock_gettime (CLOCK_MONOTONIC, &after);
  *nanoseconds = (int) ((after.tv_sec - before.tv_sec) * 1000000000L + (after.tv_nsec - before.tv_nsec));
  if (error == 0 && (info.si_code != CLD_EXITED || info.si_status != 0))
    die ("a child did not end with exit status 0", 0);
  close (pidfd);
  return error;
}

const struct group wait_group = {
  .name = "wait",
  .title = "taking the status of a child that has ended",
  .measure = wait_for_ended,
  .pinned = 1,
  .implementation_count = 2,
  .implementations = { [LIBRARY] = { "pidfd_wait", NULL, LIBRARY }, [KERNEL] = { "waitid (P_PIDFD)", NULL, KERNEL } },
  .comparison_count = 1,
  .comparisons = { { LIBRARY, KERNEL } },
};
