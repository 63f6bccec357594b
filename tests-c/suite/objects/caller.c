/* SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * A library whose constructor calls the function that TST_CALLS names, in a thread that it waits for if TST_THREAD is
 * set.  What was wrong is said, and ends the process with 9. */

#include "call.h"
#include "numbers.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

int
sys_pidfd_open (pid_t pid, unsigned int flags)
{
  return (int) syscall (SYS_pidfd_open, pid, flags);
}

static void *
call (void *name)
{
  const char *wrong = call_by_name (name, environ);
  if (wrong)
    {
      dprintf (STDERR_FILENO, "%s in a constructor: %s\n", (char *) name, wrong);
      _exit (9);
    }
  return NULL;
}

__attribute__ ((constructor)) static void
start (void)
{
  char *name = getenv ("TST_CALLS");
  pthread_t thread;
  if (!name)
    return;
  /* What is started now is the program alone, and may be one of another libc. */
  name = strdup (name);
  unsetenv ("TST_CALLS");
  unsetenv ("LD_PRELOAD");
  if (!getenv ("TST_THREAD"))
    call (name);
  else if (pthread_create (&thread, NULL, call, name) != 0 || pthread_join (thread, NULL) != 0)
    _exit (9);
}
