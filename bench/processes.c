/* SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * What several groups need around the calls they measure. */

#define _GNU_SOURCE

#include "bench.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pidfd_spawn.h>
#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

void
expect_exit (int pidfd)
{
  siginfo_t info;
  if (syscall (SYS_waitid, P_PIDFD, pidfd, &info, WEXITED, NULL) != 0)
    die ("waitid", errno);
  if (info.si_code != CLD_EXITED || info.si_status != 0)
    die ("a child did not end with exit status 0", 0);
  if (close (pidfd) != 0)
    die ("close", errno);
}

int
open_process (int pid, int *pidfd)
{
  *pidfd = pidfd_open (pid, 0);
  return *pidfd < 0 ? errno : 0;
}

void *
libc_symbol (const char *name)
{
  void *libc = dlopen ("libc.so.6", RTLD_LAZY | RTLD_NOLOAD);
  return libc ? dlsym (libc, name) : NULL;
}

/* Descriptors that are open, and nothing else. */

enum { DESCRIPTORS = 5000 };
static int opened[DESCRIPTORS], opened_count;

void
open_descriptors (int flags)
{
  struct rlimit limit;
  getrlimit (RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  setrlimit (RLIMIT_NOFILE, &limit);
  for (opened_count = 0; opened_count < DESCRIPTORS; opened_count++)
    if ((opened[opened_count] = open ("/dev/null", O_RDONLY | flags)) < 0)
      {
        lack ("5,000 descriptors", errno);
        return;
      }
}

void
close_descriptors (void)
{
  while (opened_count > 0)
    close (opened[--opened_count]);
}

/* Threads that do nothing, until they are told to end. */

enum { MOST_THREADS = 64 };
static pthread_t threads[MOST_THREADS];
static int thread_count;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t told = PTHREAD_COND_INITIALIZER;
static int end;

static void *
idle (void *unused)
{
  pthread_mutex_lock (&mutex);
  while (!end)
    pthread_cond_wait (&told, &mutex);
  pthread_mutex_unlock (&mutex);
  return unused;
}

void
start_idle_threads (int count)
{
  end = 0;
  for (thread_count = 0; thread_count < count; thread_count++)
    {
      int error = pthread_create (&threads[thread_count], NULL, idle, NULL);
      if (error != 0)
        {
          lack ("threads", error);
          return;
        }
    }
}

void
end_idle_threads (void)
{
  pthread_mutex_lock (&mutex);
  end = 1;
  pthread_cond_broadcast (&told);
  pthread_mutex_unlock (&mutex);
  while (thread_count > 0)
    pthread_join (threads[--thread_count], NULL);
}
