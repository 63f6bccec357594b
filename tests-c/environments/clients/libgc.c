/* SPDX-License-Identifier: MIT OR Apache-2.0
 *
 *   libgc fork|pidfd_fork
 *
 * Forks many times while two threads allocate, so that nearly always one of them wants to stop the world.  Each child
 * uses the collector as well.  Says what is wrong and ends with status 1, or says nothing. */

#define GC_THREADS 1
#include <errno.h>
#include <gc.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

extern int pidfd_fork (unsigned int) __attribute__ ((weak));

enum { FORKS = 200, FINE = 40 };

static void
make_garbage (int lists)
{
  for (int i = 0; i < lists; i++)
    {
      void **list = NULL;
      for (int j = 0; j < 200; j++)
        {
          void **next = GC_MALLOC (256);
          *next = list;
          list = next;
        }
    }
}

static void *
make_garbage_for_ever (void *unused)
{
  for (;;)
    make_garbage (1);
  return unused;
}

static void
complain (const char *what, int number)
{
  printf ("%s %d: %s\n", what, number, strerror (errno));
  exit (1);
}

int
main (int argc, char **argv)
{
  int by_pidfd = argc == 2 && strcmp (argv[1], "pidfd_fork") == 0;
  if (by_pidfd && !pidfd_fork)
    complain ("no pidfd_fork", 0);
  GC_set_handle_fork (1);
  GC_INIT ();
  GC_allow_register_threads ();
  for (int i = 0; i < 2; i++)
    {
      pthread_t thread;
      if (GC_pthread_create (&thread, NULL, make_garbage_for_ever, NULL) != 0)
        complain ("thread", i);
    }
  for (int i = 0; i < FORKS; i++)
    {
      int result = by_pidfd ? pidfd_fork (0) : fork ();
      if (result == 0)
        {
          make_garbage (10);
          _exit (FINE);
        }
      siginfo_t info;
      if (result < 0)
        complain ("fork", i);
      if (waitid (by_pidfd ? (idtype_t) 3 /* P_PIDFD */ : P_PID, (id_t) result, &info, WEXITED) != 0)
        complain ("wait", i);
      if (info.si_code != CLD_EXITED || info.si_status != FINE)
        {
          printf ("child %d ended with code %d, status %d\n", i, info.si_code, info.si_status);
          return 1;
        }
      if (by_pidfd && close (result) != 0)
        complain ("close", i);
    }
  _exit (0);
}
