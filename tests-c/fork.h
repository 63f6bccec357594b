/* SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * What the tests of pidfd_fork share: company for the thread that forks, and a line over which a child tells the parent
 * that code of the program ran in it. */

#ifndef FORK_H
#define FORK_H

#include <poll.h>

#include "test.h"

#define SHARED __attribute__ ((unused)) static

enum {
  FINE = 40,
  PROMPT = 5000, /* milliseconds in which a thing has happened that happens at once, on a busy machine too */
};

/* A thread that only waits. */
static int stay[2];
static pthread_t companion;

static void *
wait_for_the_end (void *unused)
{
  char byte;
  while (read (stay[0], &byte, 1) < 0)
    continue;
  return unused;
}

SHARED void
get_company (void)
{
  CHECK (pipe2 (stay, O_CLOEXEC) == 0);
  CHECK_EQ (pthread_create (&companion, NULL, wait_for_the_end, NULL), 0);
}

SHARED void
end_company (void)
{
  CHECK (close (stay[1]) == 0);
  CHECK_EQ (pthread_join (companion, NULL), 0);
  CHECK (close (stay[0]) == 0);
}

/* A claim that holds whether the process has one thread or several. */
#define ALONE_AND_NOT(name_)                                                                                           \
  static void name_ (void);                                                                                            \
  TEST (name_##_alone)                                                                                                 \
  {                                                                                                                    \
    name_ ();                                                                                                          \
  }                                                                                                                    \
  TEST (name_##_among_threads)                                                                                         \
  {                                                                                                                    \
    get_company ();                                                                                                    \
    name_ ();                                                                                                          \
    end_company ();                                                                                                    \
  }                                                                                                                    \
  static void name_ (void)

/* All 64 signals, those that the libc keeps for itself included. */
SHARED uint64_t
mask_now (void)
{
  uint64_t mask = 0;
  CHECK (syscall (SYS_rt_sigprocmask, SIG_BLOCK, NULL, &mask, 8) == 0);
  return mask;
}

/* The line.  The first act of a child is to tell. */
static int line[2] = { -1, -1 };

SHARED void
open_line (void)
{
  CHECK (pipe2 (line, O_CLOEXEC) == 0);
}

SHARED void
tell (void)
{
  CHECK_EQ (write (line[1], "", 1), 1);
}

/* Whether a child told, and that by now no process can any more; closes the line. */
SHARED bool
was_told (void)
{
  char byte;
  CHECK (close (line[1]) == 0);
  struct pollfd end = { .fd = line[0], .events = POLLIN };
  if (poll (&end, 1, PROMPT) != 1)
    FAIL ("a process still holds the descriptors of the caller");
  bool told = read (line[0], &byte, 1) == 1;
  CHECK (close (line[0]) == 0);
  return told;
}

/* The child of a call that may succeed tells and ends. */
SHARED int
fork_telling (unsigned int flags)
{
  int pidfd = FORK (flags);
  if (pidfd == 0)
    {
      tell ();
      _exit (FINE);
    }
  return pidfd;
}

#endif
