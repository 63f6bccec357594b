/* SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * What preloading costs every program that is started: /bin/true with the library preloaded, and with a shared library
 * that holds nothing. */

#define _GNU_SOURCE

#include "bench.h"

#include <errno.h>
#include <limits.h>
#include <pidfd_spawn.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static char *arguments[] = { (char *) "true", NULL };
static char with_library[PATH_MAX + 64], with_nothing[PATH_MAX + 64];

/* Whether a program that is started so really has the library: the loader only warns of one that it cannot load. */
static int
is_loaded (char *preload)
{
  char *look[] = { (char *) "grep", (char *) "-qF", strrchr (preload, '/'), (char *) "/proc/self/maps", NULL };
  char *environment[] = { preload, NULL };
  siginfo_t info = { .si_status = -1 };
  int pidfd;
  if (pidfd_spawn (&pidfd, "/bin/grep", NULL, NULL, look, environment) != 0)
    return 0;
  syscall (SYS_waitid, P_PIDFD, pidfd, &info, WEXITED, NULL);
  close (pidfd);
  return info.si_status == 0;
}

/* Both beside the child: build/bench/empty.so and build/lib/libpidfd_spawn.so. */
static void
find_libraries (void)
{
  char folder[PATH_MAX];
  snprintf (folder, sizeof folder, "%s", child_path);
  *strrchr (folder, '/') = 0;
  snprintf (with_nothing, sizeof with_nothing, "LD_PRELOAD=%s/empty.so", folder);
  snprintf (with_library, sizeof with_library, "LD_PRELOAD=%s/../lib/libpidfd_spawn.so.0", folder);
  /* Where LD_PRELOAD is divided. */
  if (strpbrk (folder, " :"))
    lack ("a library in a folder with a blank or a colon in its name", ELIBACC);
  else if (!is_loaded (with_library) || !is_loaded (with_nothing))
    lack ("a preloaded library in a program's /proc/self/maps", ELIBACC);
}

static int
start_true (char *preload)
{
  char *environment[] = { preload, NULL };
  int pidfd, error = access (strchr (preload, '=') + 1, R_OK) != 0 ? errno : 0;
  if (error == 0)
    error = pidfd_spawn (&pidfd, "/bin/true", NULL, NULL, arguments, environment);
  if (error == 0)
    expect_exit (pidfd);
  return error;
}

static int
preloading_library (int *result)
{
  *result = 0;
  return start_true (with_library);
}

static int
preloading_nothing (int *result)
{
  *result = 0;
  return start_true (with_nothing);
}

static void
nothing_to_clear (int result)
{
  (void) result;
}

const struct group load_group = {
  .name = "load",
  .pinned = 1,
  .title = "starting /bin/true and waiting for its end",
  .set_up = find_libraries,
  .finish = nothing_to_clear,
  .slowness = 2,
  .implementation_count = 2,
  .implementations = { { "with the library preloaded", preloading_library },
                   { "with an empty .so preloaded", preloading_nothing } },
  .comparison_count = 1,
  .comparisons = { { 0, 1 } },
};
