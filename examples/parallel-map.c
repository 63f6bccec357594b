/* SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * Applies a command to many arguments, several at a time, and prints the results in the order of the arguments:
 *
 *   parallel-map JOBS COMMAND ARGUMENT...
 *
 * Each worker writes into a memory file of its own, which becomes its standard output by a file action.  One epoll set
 * holds the pidfds of those that run.  The workers end in any order, and exactly the one whose pidfd is readable is
 * waited for: children that other parts of a program have are not touched.
 *
 * The exit status is 0 if all workers succeeded, 1 if one did not, 2 when this program failed. */

#define _GNU_SOURCE

#include <pidfd_spawn.h>

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <unistd.h>

extern char **environ;

enum { WORKER_FAILED = 1, FAILED = 2, MAX_JOBS = 1000, MAX_WAITING = 100 /* outputs that wait for an earlier one */ };

struct work
{
  char *argument;
  int output; /* the memory file */
  int pidfd;
  bool ended;
};

static int epoll_fd;

static void __attribute__ ((noreturn))
die (const char *what, int error)
{
  fprintf (stderr, "parallel-map: %s: %s\n", what, strerror (error));
  exit (FAILED);
}

/* Gives an error number, as the functions of the spawn family do. */
static int
spawn (struct work *work, char *command)
{
  posix_spawn_file_actions_t actions;
  int error = posix_spawn_file_actions_init (&actions);
  if (error != 0)
    return error;
  /* The copy, unlike the original, stays open in the new program. */
  error = posix_spawn_file_actions_adddup2 (&actions, work->output, STDOUT_FILENO);
  char *argv[] = { command, work->argument, NULL };
  if (error == 0)
    error = pidfd_spawnp (&work->pidfd, command, &actions, NULL, argv, environ);
  posix_spawn_file_actions_destroy (&actions);
  return error;
}

static void
start (struct work *work, char *command)
{
  work->output = memfd_create ("output", MFD_CLOEXEC);
  if (work->output < 0)
    die ("memfd_create", errno);
  int error = spawn (work, command);
  if (error != 0)
    die (command, error);
  struct epoll_event event = { .events = EPOLLIN, .data.ptr = work };
  if (epoll_ctl (epoll_fd, EPOLL_CTL_ADD, work->pidfd, &event) != 0)
    die ("epoll_ctl", errno);
}

/* Returns whether it succeeded.  The pidfd is taken out of the set before it is closed: a child that another thread is
   starting at this moment has a copy of it, which would keep it in the set. */
static bool
collect (struct work *work)
{
  siginfo_t info;
  if (waitid (P_PIDFD, (id_t) work->pidfd, &info, WEXITED) != 0)
    die ("waitid", errno);
  if (epoll_ctl (epoll_fd, EPOLL_CTL_DEL, work->pidfd, NULL) != 0)
    die ("epoll_ctl", errno);
  close (work->pidfd);
  work->ended = true;
  if (info.si_code == CLD_EXITED && info.si_status == 0)
    return true;
  fprintf (stderr, "parallel-map: %s: %s %d\n", work->argument,
           info.si_code == CLD_EXITED ? "exit status" : "killed by signal", info.si_status);
  return false;
}

static void
print_output (const struct work *work)
{
  char buffer[4096];
  if (lseek (work->output, 0, SEEK_SET) != 0)
    die ("lseek", errno);
  for (ssize_t count; (count = read (work->output, buffer, sizeof buffer)) != 0;)
    {
      if (count < 0)
        die ("read", errno);
      if (fwrite (buffer, 1, (size_t) count, stdout) != (size_t) count)
        die ("standard output", errno);
    }
  close (work->output);
}

static bool
map (struct work *works, int count, int jobs, char *command)
{
  bool good = true;
  int started = 0, running = 0, printed = 0;
  while (printed < count)
    {
      for (; running < jobs && started < count && started - printed < jobs + MAX_WAITING; running++)
        start (&works[started++], command);

      struct epoll_event events[16];
      int ready = epoll_wait (epoll_fd, events, 16, -1);
      if (ready < 0 && errno != EINTR)
        die ("epoll_wait", errno);
      for (int i = 0; i < ready; i++, running--)
        good &= collect (events[i].data.ptr);

      for (; printed < started && works[printed].ended; printed++)
        print_output (&works[printed]);
    }
  return good;
}

int
main (int argc, char **argv)
{
  int jobs = argc > 1 ? atoi (argv[1]) : 0;
  if (argc < 4 || jobs < 1 || jobs > MAX_JOBS)
    {
      fprintf (stderr, "usage: parallel-map JOBS COMMAND ARGUMENT...\n");
      return FAILED;
    }
  /* Whoever started this program may have ignored it, and then the kernel keeps no exit status for anybody. */
  if (signal (SIGCHLD, SIG_DFL) == SIG_ERR)
    die ("signal", errno);
  epoll_fd = epoll_create1 (EPOLL_CLOEXEC);
  if (epoll_fd < 0)
    die ("epoll_create1", errno);

  int count = argc - 3;
  struct work *works = calloc ((size_t) count, sizeof *works);
  if (!works)
    die ("calloc", errno);
  for (int i = 0; i < count; i++)
    works[i].argument = argv[i + 3];
  bool good = map (works, count, jobs, argv[2]);
  free (works);
  if (fflush (stdout) != 0)
    die ("standard output", errno);
  return good ? 0 : WORKER_FAILED;
}
