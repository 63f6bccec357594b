/* SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * Starts programs by pidfd_spawn_ext; see run.py. */

#define _GNU_SOURCE

#include "../extended.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

static void
die (const char *what, int error)
{
  fprintf (stderr, "pidfd-spawn-ext: %s: %s\n", what, strerror (error));
  exit (1);
}

static void
hold_memory (size_t size)
{
  char *memory = mmap (NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED)
    die ("memory", errno);
  madvise (memory, size, MADV_NOHUGEPAGE);
  for (size_t i = 0; i < size; i += 4096)
    memory[i] = 1;
}

static void
open_descriptors (int count)
{
  struct rlimit limit;
  getrlimit (RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  setrlimit (RLIMIT_NOFILE, &limit);
  while (count-- > 0)
    if (open ("/dev/null", O_RDONLY) < 0)
      die ("/dev/null", errno);
}

static long long
start (const char *child)
{
  char *arguments[] = { (char *) "child", (char *) "user", NULL };
  char *environment[] = { NULL };
  struct timespec before, after;
  siginfo_t info;
  int pidfd;
  clock_gettime (CLOCK_MONOTONIC, &before);
  struct pidfd_spawn_args args = describe_request (AS_USER);
  int error = pidfd_spawn_ext (&pidfd, child, NULL, NULL, arguments, environment, &args, sizeof args);
  if (error != 0)
    die (child, error);
  if (pidfd_wait (pidfd, &info, 0, NULL) != 0)
    die ("pidfd_wait", errno);
  clock_gettime (CLOCK_MONOTONIC, &after);
  if (info.si_code != CLD_EXITED || info.si_status != 0)
    die ("the child failed", 0);
  close (pidfd);
  return (after.tv_sec - before.tv_sec) * 1000000000LL + (after.tv_nsec - before.tv_nsec);
}

int
main (int argc, char **argv)
{
  if (argc != 4)
    return 2;
  hold_memory ((size_t) atoi (argv[1]) << 20);
  open_descriptors (atoi (argv[2]));
  int count;
  while (scanf ("%d", &count) == 1)
    {
      long long nanoseconds = 0;
      for (int i = 0; i < count; i++)
        nanoseconds += start (argv[3]);
      printf ("%lld\n", nanoseconds);
      fflush (stdout);
    }
  return 0;
}
