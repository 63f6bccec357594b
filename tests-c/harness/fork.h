/* SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * What the tests of pidfd_fork share: company for the thread that forks, and a line over which a child tells the parent
 * that code of the program ran in it. */

#ifndef FORK_H
#define FORK_H

#include <poll.h>
#include <sys/mman.h>

#include "runner.h"

#define SHARED __attribute__ ((unused)) static

enum { SYS_PIDFD_OPEN = 434 };

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
  /* Where poll is refused the time limit is the harness's. */
  if (poll (&end, 1, PROMPT) == 0)
    FAIL ("a process still holds the descriptors of the caller");
  bool told = read (line[0], &byte, 1) == 1;
  CHECK (close (line[0]) == 0);
  return told;
}

/* Handlers that act in the call under test alone, not in other forks of the test.  The child says who it is, before it
   returns from the call. */
static volatile bool armed;
static volatile pid_t *announced;
static void (*act_in_parent) (void);

static void
announce_if_armed (void)
{
  if (armed)
    *announced = (pid_t) syscall (SYS_getpid);
}

static void
act_if_armed (void)
{
  if (armed && act_in_parent)
    act_in_parent ();
}

SHARED void
register_handlers (void (*parent) (void))
{
  announced = mmap (NULL, sizeof *announced, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  CHECK (announced != MAP_FAILED);
  act_in_parent = parent;
  CHECK_EQ (pthread_atfork (NULL, act_if_armed, announce_if_armed), 0);
}

SHARED pid_t
await_child (void)
{
  for (int pause = 0; *announced == 0; pause++)
    {
      if (pause == PROMPT)
        FAIL ("there is no child");
      usleep (1000);
    }
  return *announced;
}

/* A child with this number, which waits to be killed; -1 and EEXIST while it belongs to somebody. */
SHARED pid_t
clone_with_number (pid_t number)
{
  /* struct clone_args as of Linux 5.5, which not every <linux/sched.h> has. */
  struct {
    uint64_t flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls, set_tid, set_tid_size;
  } arguments = { .exit_signal = SIGCHLD, .set_tid = (uintptr_t) &number, .set_tid_size = 1 };
  pid_t pid = (pid_t) syscall (435 /* clone3 */, &arguments, sizeof arguments);
  if (pid == 0)
    for (;;)
      pause ();
  return pid;
}

/* From now on this happens when this process opens a pidfd on another one. */
SHARED int
filter_pidfds_of_others (uint32_t action, enum filter_flags flags)
{
  return SET_FILTER_WITH (flags, { SYS_PIDFD_OPEN, 0, ALL_BITS, (uint32_t) getpid (), FILTER_ALLOW },
                          /* A number below 0 is that of no process. */
                          { SYS_PIDFD_OPEN, 0, 1U << 31, 1U << 31, FILTER_ALLOW },
                          { .call = SYS_PIDFD_OPEN, .action = action });
}

/* The call under test.  A child that returns from it tells and ends. */
SHARED int
fork_telling (unsigned int flags)
{
  armed = true;
  int pidfd = FORK (flags);
  if (pidfd == 0)
    {
      tell ();
      _exit (FINE);
    }
  armed = false;
  return pidfd;
}

/* The outcome where the child cannot have a name any more. */
SHARED void
check_no_name (int result, int error)
{
  if (result > 0)
    FAIL ("the call gives a pidfd of process %d", (int) pid_of (result));
  CHECK_EQ (result, -1);
  CHECK_EQ (error, ESRCH);
  CHECK (!was_told ());
}

#endif
