/* SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * A timeout without a race:
 *
 *   run-with-timeout [-k GRACE] SECONDS COMMAND [ARGUMENT...]
 *
 * Runs the command, sends it SIGTERM when the seconds are over, and SIGKILL if it still runs GRACE seconds (5 unless
 * told) after that.  The waiting is one poll of the pidfd.  There is no alarm that could go off too early or too late,
 * no SIGCHLD handler, and no process ID that could mean another process by the time a signal is sent.
 *
 * The exit status is that of timeout(1): 124 when the time was over, 137 when SIGKILL was needed, 125 when this program
 * failed, 126 when the command cannot be executed, 127 when it is not found; otherwise that of the command, 128 plus
 * the signal's number when a signal ended it. */

#define _GNU_SOURCE

#include <pidfd_spawn.h>

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

enum { TIME_OVER = 124, FAILED = 125, CANNOT_EXECUTE = 126, NOT_FOUND = 127, SIGNALLED = 128 };

static void __attribute__ ((noreturn))
die (const char *what, int error, int status)
{
  fprintf (stderr, "run-with-timeout: %s: %s\n", what, strerror (error));
  exit (status);
}

static void __attribute__ ((noreturn))
usage (void)
{
  fprintf (stderr, "usage: run-with-timeout [-k GRACE] SECONDS COMMAND [ARGUMENT...]\n");
  exit (FAILED);
}

/* All times are in milliseconds. */

static long long
parse_time (const char *text)
{
  char *end;
  double seconds = strtod (text, &end);
  if (end == text || *end || !(seconds >= 0 && seconds <= 1e9))
    usage ();
  return (long long) (seconds * 1000);
}

static long long
now (void)
{
  struct timespec time;
  if (clock_gettime (CLOCK_MONOTONIC, &time) != 0)
    die ("clock_gettime", errno, FAILED);
  return time.tv_sec * 1000LL + time.tv_nsec / 1000000;
}

/* Whether the process ended before the deadline. */
static bool
ended_before (int pidfd, long long deadline)
{
  struct pollfd entry = { .fd = pidfd, .events = POLLIN };
  for (;;)
    {
      long long left = deadline - now ();
      int ready = poll (&entry, 1, left < 0 ? 0 : left > INT_MAX ? INT_MAX : (int) left);
      if (ready > 0)
        return true;
      if (ready < 0 && errno != EINTR)
        die ("poll", errno, FAILED);
      if (ready == 0 && left <= INT_MAX)
        return false;
    }
}

/* A process that has just ended accepts a signal too, until it is waited for: nothing can go wrong in between.  Only
   one that changed its user can refuse. */
static void
send_signal (int pidfd, int number)
{
  if (pidfd_send_signal (pidfd, number, NULL, 0) != 0)
    die ("pidfd_send_signal", errno, FAILED);
}

static int
wait_for (int pidfd)
{
  siginfo_t info;
  while (waitid (P_PIDFD, (id_t) pidfd, &info, WEXITED) != 0)
    if (errno != EINTR)
      die ("waitid", errno, FAILED);
  return info.si_code == CLD_EXITED ? info.si_status : SIGNALLED + info.si_status;
}

int
main (int argc, char **argv)
{
  long long grace = 5000;
  for (int option; (option = getopt (argc, argv, "+k:")) != -1;)
    {
      if (option != 'k')
        usage ();
      grace = parse_time (optarg);
    }
  if (argc - optind < 2)
    usage ();
  long long limit = parse_time (argv[optind]);
  char **command = argv + optind + 1;

  /* Whoever started this program may have ignored it, and then the kernel keeps no exit status for anybody. */
  if (signal (SIGCHLD, SIG_DFL) == SIG_ERR)
    die ("signal", errno, FAILED);

  int pidfd;
  int error = pidfd_spawnp (&pidfd, command[0], NULL, NULL, command, environ);
  if (error != 0)
    die (command[0], error, error == ENOENT ? NOT_FOUND : CANNOT_EXECUTE);

  if (ended_before (pidfd, now () + limit))
    return wait_for (pidfd);
  send_signal (pidfd, SIGTERM);
  /* One that is stopped would not see it. */
  send_signal (pidfd, SIGCONT);
  bool in_time = ended_before (pidfd, now () + grace);
  if (!in_time)
    send_signal (pidfd, SIGKILL);
  wait_for (pidfd);
  return in_time ? TIME_OVER : SIGNALLED + SIGKILL;
}
