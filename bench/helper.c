/* SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * Helper processes that make the calls: such as hold much memory, many threads or many mappings.  A helper takes the
 * time itself, so that being asked is not measured. */

#define _GNU_SOURCE

#include "bench.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { MEBIBYTE = 1 << 20, MOST_HELPERS = 2 };

static struct helper
{
  pid_t pid;
  int questions, answers;
  int killed; /* found to be, and waited for */
} helpers[MOST_HELPERS];
static int helper_count;

static void
hold_memory (int mebibytes)
{
  size_t size = (size_t) mebibytes * MEBIBYTE;
  char *memory = mmap (NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED)
    {
      lack ("memory", errno);
      return;
    }
  /* Small pages, as a heap that grew piece by piece has them. */
  madvise (memory, size, MADV_NOHUGEPAGE);
  for (size_t i = 0; i < size; i += 4096)
    memory[i] = 1;
}

static void
hold_mappings (int count)
{
  for (int i = 0; i < count; i++)
    {
      /* Neighbours that differ cannot be joined. */
      char *page = mmap (NULL, 4096, i % 2 ? PROT_READ : PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
      if (page == MAP_FAILED)
        {
          lack ("mappings", errno);
          return;
        }
    }
}

/* Gives the error number. */
static int
make_call (const struct helper_kind *kind, unsigned char way, int *nanoseconds)
{
  struct timespec before, after;
  int pidfd = -1;
  clock_gettime (CLOCK_MONOTONIC, &before);
  int error = kind->ways[way](&pidfd);
  clock_gettime (CLOCK_MONOTONIC, &after);
  *nanoseconds = (int) ((after.tv_sec - before.tv_sec) * 1000000000L + (after.tv_nsec - before.tv_nsec));
  if (error == 0 && pidfd != -1)
    expect_exit (pidfd);
  if (kind->clear_up)
    kind->clear_up ();
  return error;
}

static void
answer (const struct helper_kind *kind, int questions, int answers)
{
  unsigned char way;
  while (read (questions, &way, 1) == 1)
    {
      int reply[2] = { lacking, 0 };
      if (kind->twice && !lacking)
        make_call (kind, way, &reply[1]);
      if (!lacking)
        reply[0] = make_call (kind, way, &reply[1]);
      if (write (answers, reply, sizeof reply) != sizeof reply)
        _exit (1);
    }
}

void
start_helper (const struct helper_kind *kind)
{
  int ask[2], reply[2];
  if (pipe2 (ask, O_CLOEXEC) != 0 || pipe2 (reply, O_CLOEXEC) != 0)
    die ("pipe2", errno);
  pid_t pid = fork ();
  if (pid < 0)
    die ("fork", errno);
  if (pid == 0)
    {
      prctl (PR_SET_PDEATHSIG, SIGKILL);
      for (int i = 0; i < helper_count; i++)
        close (helpers[i].questions);
      close (ask[1]);
      close (reply[0]);
      hold_memory (kind->mebibytes);
      hold_mappings (kind->mappings);
      start_idle_threads (kind->threads);
      if (kind->set_up)
        kind->set_up ();
      answer (kind, ask[0], reply[1]);
      _exit (0);
    }
  close (ask[0]);
  close (reply[1]);
  helpers[helper_count++] = (struct helper) { pid, ask[1], reply[0], 0 };
}

void
end_helpers (void)
{
  while (helper_count > 0)
    {
      struct helper *helper = &helpers[--helper_count];
      close (helper->questions);
      close (helper->answers);
      waitpid (helper->pid, NULL, 0);
    }
}

int
ask_helper (const struct implementation *implementation, int *nanoseconds)
{
  struct helper *helper = &helpers[implementation->argument / HELPER_WAYS];
  unsigned char way = (unsigned char) (implementation->argument % HELPER_WAYS);
  int reply[2];
  if (write (helper->questions, &way, 1) != 1 || read (helper->answers, reply, sizeof reply) != sizeof reply)
    {
      int status;
      if (!helper->killed
          && (waitpid (helper->pid, &status, 0) < 0 || !WIFSIGNALED (status) || WTERMSIG (status) != SIGKILL))
        die ("a helper process is gone", 0);
      /* By the kernel, while it filled its memory. */
      helper->killed = 1;
      return ENOMEM;
    }
  *nanoseconds = reply[1];
  return reply[0];
}
