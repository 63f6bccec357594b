/* SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * pidfd_wait in a program with 64-bit times: where those of the kernel are narrower, the header converts struct
 * rusage.  Where they are not, this shows that the header leaves it alone. */

#undef _TIME_BITS
#undef _FILE_OFFSET_BITS
#define _TIME_BITS 64
#define _FILE_OFFSET_BITS 64

#include "runner.h"

#include <errno.h>
#include <sys/resource.h>

#if defined MODE_LINKED || defined MODE_STATIC

enum { PAINT = 0xA5, STATUS = 5 };

struct place {
  struct rusage usage;
  unsigned char behind[64];
};

static void
paint (struct place *place)
{
  memset (place, PAINT, sizeof *place);
}

static void
check_intact (const struct place *place)
{
  for (size_t i = 0; i < sizeof place->behind; i++)
    CHECK_EQ (place->behind[i], PAINT);
}

/* A program that computes for a moment and uses some memory. */
static int
start (void)
{
  char *argv[] = { (char *) "sh", (char *) "-c", (char *) "i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done; exit 5",
                   NULL };
  int pidfd;
  CHECK_EQ (SPAWN (&pidfd, "/bin/sh", NULL, NULL, argv, environ), 0);
  return pidfd;
}

static void
check_wait (int (*wait_for) (int, siginfo_t *, int, struct rusage *))
{
  struct place place;
  siginfo_t info;
  int pidfd = start ();
  paint (&place);
  CHECK_EQ (wait_for (pidfd, &info, WEXITED, &place.usage), 0);
  check_intact (&place);
  CHECK_EQ (info.si_status, STATUS);
  const struct rusage *usage = &place.usage;
  CHECK (usage->ru_utime.tv_sec >= 0 && usage->ru_utime.tv_sec < 300);
  CHECK (usage->ru_utime.tv_usec >= 0 && usage->ru_utime.tv_usec < 1000000);
  CHECK (usage->ru_stime.tv_sec >= 0 && usage->ru_stime.tv_sec < 300);
  CHECK (usage->ru_stime.tv_usec >= 0 && usage->ru_stime.tv_usec < 1000000);
  CHECK (usage->ru_utime.tv_sec + usage->ru_utime.tv_usec + usage->ru_stime.tv_sec + usage->ru_stime.tv_usec > 0);
  CHECK (usage->ru_maxrss > 0 && usage->ru_maxrss < 1 << 20);
  CHECK (usage->ru_minflt > 0 && usage->ru_minflt < 1 << 20);
  CHECK (usage->ru_nvcsw + usage->ru_nivcsw > 0);
  CHECK (close (pidfd) == 0);
}

TEST (usage_of_a_child)
{
  check_wait (pidfd_wait);
}

TEST (without_a_place)
{
  int pidfd = start ();
  CHECK_EQ (pidfd_wait (pidfd, NULL, 0, NULL), 0);
  CHECK (close (pidfd) == 0);
}

TEST (nothing_to_tell_changes_nothing)
{
  struct place place, before;
  char *argv[] = { (char *) "sleep", (char *) "1000", NULL };
  int pidfd;
  CHECK_EQ (SPAWN (&pidfd, "/bin/sleep", NULL, NULL, argv, environ), 0);
  paint (&place);
  before = place;
  CHECK_EQ (pidfd_wait (pidfd, NULL, WEXITED | WNOHANG, &place.usage), 0);
  CHECK (memcmp (&place, &before, sizeof place) == 0);
  CHECK (sys_pidfd_send_signal (pidfd, SIGKILL, NULL, 0) == 0);
  CHECK_EQ (pidfd_wait (pidfd, NULL, WEXITED, &place.usage), 0);
  CHECK (memcmp (&place.usage, &before.usage, sizeof place.usage) != 0);
  check_intact (&place);
  CHECK (close (pidfd) == 0);
}

TEST (a_failure_changes_nothing)
{
  struct place place, before;
  paint (&place);
  before = place;
  CHECK (pidfd_wait (-1, NULL, 0, &place.usage) == -1 && errno == EBADF);
  CHECK (memcmp (&place, &before, sizeof place) == 0);
}

#else

TEST (usage_of_a_child)
{
  SKIP ("only a program with the library's header has its function");
}

#endif
