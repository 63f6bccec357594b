/* SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * A fork server: it prepares its state once, and then answers each request in a child of its own, which finds the state
 * ready in its memory and cannot damage the server's.
 *
 * The state is a table of prime numbers.  The requests come on standard input, one on a line:
 *
 *   N       print the N-th prime number
 *   crash   end by a signal, as a faulty request would
 *
 * One poll waits for requests and for the ends of the children, whose pidfds pidfd_fork gives.  There is no SIGCHLD
 * handler that would have to interrupt the poll.  The server tells on standard error which requests had no answer. */

#define _GNU_SOURCE

#include <pidfd_spawn.h>

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

enum { LIMIT = 1000000, MAX_CHILDREN = 4, INPUT = MAX_CHILDREN };

static int primes[LIMIT / 10];
static int prime_count;

/* Child i's pidfd is entry i, or -1, which poll passes over; the last entry is the input. */
static struct pollfd watched[MAX_CHILDREN + 1];
static char requests[MAX_CHILDREN][32];
static int answered, unanswered;

static void __attribute__ ((noreturn))
die (const char *what)
{
  perror (what);
  exit (1);
}

static void
prepare (void)
{
  static bool composite[LIMIT];
  for (int n = 2; n < LIMIT; n++)
    {
      if (composite[n])
        continue;
      primes[prime_count++] = n;
      for (long long multiple = (long long) n * n; multiple < LIMIT; multiple += n)
        composite[multiple] = true;
    }
}

/* In the child.  One write for each answer, so that those of several children do not mix. */
static void __attribute__ ((noreturn))
answer (const char *request)
{
  if (strcmp (request, "crash") == 0)
    {
      setrlimit (RLIMIT_CORE, &(struct rlimit) { 0, 0 });
      abort ();
    }
  int n = atoi (request);
  if (n < 1 || n > prime_count)
    _exit (1);
  char line[64];
  int length = snprintf (line, sizeof line, "prime %d is %d\n", n, primes[n - 1]);
  /* _exit, for what is in the buffers of stdio is the server's to write. */
  _exit (write (STDOUT_FILENO, line, (size_t) length) == length ? 0 : 1);
}

static int
free_place (void)
{
  for (int i = 0; i < MAX_CHILDREN; i++)
    if (watched[i].fd < 0)
      return i;
  return -1;
}

static void
start (const char *request)
{
  int i = free_place ();
  snprintf (requests[i], sizeof requests[i], "%.31s", request);
  int pidfd = pidfd_fork (0);
  if (pidfd < 0)
    die ("pidfd_fork");
  if (pidfd == 0)
    answer (requests[i]);
  watched[i].fd = pidfd;
}

static void
collect (int i)
{
  siginfo_t info;
  if (waitid (P_PIDFD, (id_t) watched[i].fd, &info, WEXITED) != 0)
    die ("waitid");
  close (watched[i].fd);
  watched[i].fd = -1;
  if (info.si_code == CLD_EXITED && info.si_status == 0)
    answered++;
  else
    {
      unanswered++;
      fprintf (stderr, "request \"%s\": %s %d\n", requests[i],
               info.si_code == CLD_EXITED ? "exit status" : "killed by signal", info.si_status);
    }
}

static char input[4096];
static size_t length;

/* Starts a child for each complete line, as far as there are free places. */
static void
take_requests (void)
{
  char *line = input, *end;
  while (free_place () >= 0 && (end = memchr (line, '\n', length - (size_t) (line - input))))
    {
      *end = 0;
      start (line);
      line = end + 1;
    }
  length -= (size_t) (line - input);
  memmove (input, line, length);
}

/* False at the end of the input. */
static bool
read_input (void)
{
  if (length == sizeof input)
    {
      fprintf (stderr, "fork-server: a request is too long\n");
      exit (1);
    }
  ssize_t count = read (STDIN_FILENO, input + length, sizeof input - length);
  if (count < 0)
    die ("read");
  length += (size_t) count;
  if (count == 0 && length > 0)
    input[length++] = '\n';
  return count > 0;
}

static bool
any_left (void)
{
  for (int i = 0; i < MAX_CHILDREN; i++)
    if (watched[i].fd >= 0)
      return true;
  return false;
}

int
main (void)
{
  /* Whoever started this program may have ignored it, and then the kernel keeps no exit status for anybody. */
  if (signal (SIGCHLD, SIG_DFL) == SIG_ERR)
    die ("signal");
  prepare ();
  for (int i = 0; i < MAX_CHILDREN; i++)
    watched[i] = (struct pollfd) { .fd = -1, .events = POLLIN };
  watched[INPUT] = (struct pollfd) { .fd = STDIN_FILENO, .events = POLLIN };

  for (bool open = true; open || any_left ();)
    {
      /* While all places are taken, requests wait in the pipe. */
      watched[INPUT].fd = open && free_place () >= 0 ? STDIN_FILENO : -1;
      watched[INPUT].revents = 0;
      if (poll (watched, MAX_CHILDREN + 1, -1) < 0)
        {
          if (errno == EINTR)
            continue;
          die ("poll");
        }
      for (int i = 0; i < MAX_CHILDREN; i++)
        if (watched[i].fd >= 0 && watched[i].revents != 0)
          collect (i);
      if (watched[INPUT].revents != 0)
        open = read_input ();
      take_requests ();
    }
  fprintf (stderr, "%d answered, %d not\n", answered, unanswered);
  return unanswered == 0 ? 0 : 1;
}
