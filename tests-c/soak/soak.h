/* SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * How a child of the soak makes itself known: it tells who it is and lives until its parent has looked at it. */

#ifndef SOAK_H
#define SOAK_H

#include <errno.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

struct told {
  unsigned int round;
  pid_t pid;
};

/* Async-signal-safe.  A round that was called for an earlier child, which was killed, may still be in the pipe. */
static inline void
tell_and_wait (int tell, int go, unsigned int round)
{
  struct told told = { round, (pid_t) syscall (SYS_getpid) };
  unsigned int called;
  if (write (tell, &told, sizeof told) != sizeof told)
    _exit (101);
  do
    while (read (go, &called, sizeof called) != sizeof called)
      if (errno != EINTR)
        _exit (102);
  while (called != round);
}

#endif
