/* SPDX-License-Identifier: MIT OR Apache-2.0 */

#include "snapshot.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

bool
is_open (int fd)
{
  return fcntl (fd, F_GETFD) != -1;
}

/* Which descriptors are open, as a map of bits.  By poll, which tells of many in one call: some tests run under a
   tracer that stops at each.  It takes as many at a time as the descriptor limit allows, whatever their numbers. */
static void
find_open (unsigned char map[DESCRIPTORS / 8])
{
  enum { MOST = 256 };
  struct pollfd asked[MOST];
  struct rlimit limit = { 0, 0 };
  getrlimit (RLIMIT_NOFILE, &limit);
  int most = limit.rlim_cur == 0 ? 1 : limit.rlim_cur < MOST ? (int) limit.rlim_cur : MOST;
  memset (map, 0, DESCRIPTORS / 8);
  for (int first = 0; first < DESCRIPTORS; first += most)
    {
      int count = DESCRIPTORS - first < most ? DESCRIPTORS - first : most;
      for (int i = 0; i < count; i++)
        asked[i] = (struct pollfd) { .fd = first + i };
      if (limit.rlim_cur == 0 || poll (asked, (nfds_t) count, 0) < 0)
        for (int i = 0; i < count; i++)
          asked[i].revents = (short) (is_open (first + i) ? 0 : POLLNVAL);
      for (int i = 0; i < count; i++)
        if (!(asked[i].revents & POLLNVAL))
          map[(first + i) / 8] |= (unsigned char) (1 << (first + i) % 8);
    }
}

static bool
has (const unsigned char map[DESCRIPTORS / 8], int fd)
{
  return map[fd / 8] >> fd % 8 & 1;
}

int
open_descriptors (void)
{
  unsigned char map[DESCRIPTORS / 8];
  find_open (map);
  int count = 0;
  for (int fd = 0; fd < DESCRIPTORS; fd++)
    count += has (map, fd);
  return count;
}

char *
descriptor_table (void)
{
  enum { LONGEST = 128 };
  size_t length = 0;
  char *text = malloc (LONGEST);
  *text = 0;
  for (int fd = 0; fd < DESCRIPTORS; fd++)
    {
      struct stat status;
      if (fstat (fd, &status) != 0)
        continue;
      text = realloc (text, length + LONGEST);
      length += (size_t) snprintf (text + length, LONGEST, "%d: %llx:%llu flags %x %x; ", fd,
                                   (unsigned long long) status.st_dev, (unsigned long long) status.st_ino,
                                   (unsigned int) fcntl (fd, F_GETFD), (unsigned int) fcntl (fd, F_GETFL));
    }
  return text;
}

uint64_t
mask_now (void)
{
  uint64_t mask;
  sys_sigprocmask (SIG_BLOCK, NULL, &mask);
  return mask;
}

static void
take_the_rest (struct snapshot *now)
{
  read_mappings (&now->mappings);
  for (int fd = 0; fd < LOW_DESCRIPTORS; fd++)
    {
      struct stat status = { .st_ino = 0 };
      fstat (fd, &status);
      now->descriptors[fd].flags = fcntl (fd, F_GETFD);
      now->descriptors[fd].device = status.st_dev;
      now->descriptors[fd].inode = status.st_ino;
    }
  for (int signal = 1; signal <= 64; signal++)
    sys_sigaction (signal, NULL, &now->dispositions[signal]);
  pthread_setcanceltype (PTHREAD_CANCEL_DEFERRED, &now->cancel_type);
  pthread_setcanceltype (now->cancel_type, NULL);
  now->group = getpgrp ();
  now->policy = sched_getscheduler (0);
  now->dumpable = prctl (PR_GET_DUMPABLE, 0, 0, 0, 0);
}

void
take_snapshot (struct snapshot *now, bool full)
{
  find_open (now->open);
  now->mask = mask_now ();
  now->umask = umask (0);
  umask (now->umask);
  pthread_setcancelstate (PTHREAD_CANCEL_ENABLE, &now->cancel_state);
  pthread_setcancelstate (now->cancel_state, NULL);
  if (!getcwd (now->directory, sizeof now->directory))
    now->directory[0] = 0;
  now->full = full;
  if (full)
    take_the_rest (now);
}

static const char *
compare_the_rest (const struct snapshot *before, const struct snapshot *after)
{
  for (int fd = 0; fd < LOW_DESCRIPTORS; fd++)
    if (memcmp (&before->descriptors[fd], &after->descriptors[fd], sizeof before->descriptors[fd]) != 0)
      return "a descriptor was changed";
  if (memcmp (before->dispositions, after->dispositions, sizeof before->dispositions) != 0)
    return "a signal's disposition was changed";
  if (before->cancel_type != after->cancel_type)
    return "the cancel type was changed";
  if (before->group != after->group)
    return "the process group was changed";
  if (before->policy != after->policy)
    return "the scheduling policy was changed";
  if (before->dumpable != after->dumpable)
    return "the dumpable flag was changed";
  if (strcmp (before->mappings.text, after->mappings.text) != 0)
    return "a mapping was left or is gone";
  return NULL;
}

const char *
compare_snapshots (const struct snapshot *before, const struct snapshot *after)
{
  static char text[64];
  for (int fd = 0; fd < DESCRIPTORS; fd++)
    if (has (before->open, fd) != has (after->open, fd))
      {
        snprintf (text, sizeof text, "descriptor %d was left %s", fd, has (after->open, fd) ? "open" : "closed");
        return text;
      }
  if (before->mask != after->mask)
    return "the signal mask was changed";
  if (before->umask != after->umask)
    return "the umask was changed";
  if (before->cancel_state != after->cancel_state)
    return "the cancel state was changed";
  if (strcmp (before->directory, after->directory) != 0)
    return "the working directory was changed";
  return before->full && after->full ? compare_the_rest (before, after) : NULL;
}
