/* SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * A setting of the whole system, changed for a moment. */

#ifndef SYSCTL_H
#define SYSCTL_H

#include "runner.h"

#include <sys/file.h>

/* Acts while the file in /proc/sys has that value; false where it cannot have it.  What is done can neither fail the
   test nor wait, so the value before always comes back.  Suites that run side by side take turns, by a file that they
   share also where each has a root folder or a /proc of its own. */
static inline bool
with_setting (const char *path, const char *value, bool (*act) (void))
{
  char before[32] = "";
  int lock = open ("/dev/zero", O_RDONLY | O_CLOEXEC), fd = open (path, O_RDWR | O_CLOEXEC);
  bool done = false;
  if (fd >= 0 && lock >= 0 && flock (lock, LOCK_EX) == 0 && read (fd, before, sizeof before - 1) > 0
      && pwrite (fd, value, strlen (value), 0) > 0)
    {
      done = act ();
      CHECK_EQ (pwrite (fd, before, strlen (before), 0), (long long) strlen (before));
    }
  if (fd >= 0)
    close (fd);
  if (lock >= 0)
    close (lock);
  return done;
}

#endif
