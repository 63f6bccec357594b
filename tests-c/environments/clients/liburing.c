/* SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * A program with an io_uring of liburing's: its own descriptor registered, files registered, a thread of the kernel's
 * that polls for submissions, reads that wait.  It starts processes meanwhile.  "RESULT TEST" for each test.
 *
 *   liburing posix_spawn|pidfd_spawn|fork|pidfd_fork */

#include <errno.h>
#include <fcntl.h>
#include <liburing.h>
#include <poll.h>
#include <pthread.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;
extern int pidfd_spawn (int *restrict, const char *restrict, const posix_spawn_file_actions_t *restrict,
                        const posix_spawnattr_t *restrict, char *const[restrict], char *const[restrict])
  __attribute__ ((weak));
extern int pidfd_fork (unsigned int) __attribute__ ((weak));

enum { FILES = 8, SPAWNS = 100 };

static const char *way;
static struct io_uring ring;
static int pipes[FILES][2];

static void
stop (const char *what, int error)
{
  fprintf (stderr, "%s: %s\n", what, strerror (error < 0 ? -error : error));
  exit (1);
}

static void
report (const char *name, int good)
{
  printf ("%s %s\n", good ? "ok" : "FAILED", name);
}

/* A pidfd of `sh -c command`; in the child of a fork nothing is done before. */
static int
start (const char *command)
{
  char *argv[] = { "sh", "-c", (char *) command, NULL };
  int child = -1;
  if (strcmp (way, "posix_spawn") == 0 || strcmp (way, "pidfd_spawn") == 0)
    {
      int by_library = strcmp (way, "pidfd_spawn") == 0;
      int error = (by_library ? pidfd_spawn : posix_spawn) (&child, "/bin/sh", NULL, NULL, argv, environ);
      if (error != 0)
        stop (way, error);
      if (by_library)
        return child;
    }
  else if (strcmp (way, "fork") == 0 || strcmp (way, "pidfd_fork") == 0)
    {
      int by_library = strcmp (way, "pidfd_fork") == 0;
      child = by_library ? pidfd_fork (0) : fork ();
      if (child < 0)
        stop (way, errno);
      if (child == 0)
        {
          execv ("/bin/sh", argv);
          _exit (127);
        }
      if (by_library)
        return child;
    }
  else
    stop (way, EINVAL);
  int pidfd = syscall (SYS_pidfd_open, child, 0);
  if (pidfd < 0)
    stop ("pidfd_open", errno);
  return pidfd;
}

static int
finish (int pidfd)
{
  siginfo_t info;
  int result = waitid ((idtype_t) 3 /* P_PIDFD */, pidfd, &info, WEXITED);
  close (pidfd);
  return result == 0 && info.si_code == CLD_EXITED ? info.si_status : -1;
}

/* Waits for a completion; its result, and what it is of. */
static int
completed (unsigned long *data)
{
  struct io_uring_cqe *cqe;
  struct __kernel_timespec limit = { .tv_sec = 60 };
  int error = io_uring_wait_cqe_timeout (&ring, &cqe, &limit);
  if (error != 0)
    stop ("no completion", error);
  int result = cqe->res;
  *data = cqe->user_data;
  io_uring_cqe_seen (&ring, cqe);
  return result;
}

static char buffers[FILES][16];

/* Reads from all pipes, by their registered places, are submitted and wait. */
static void
submit_reads (void)
{
  for (int i = 0; i < FILES; i++)
    {
      struct io_uring_sqe *sqe = io_uring_get_sqe (&ring);
      io_uring_prep_read (sqe, i, buffers[i], sizeof buffers[i], 0);
      sqe->flags |= IOSQE_FIXED_FILE;
      sqe->user_data = i;
    }
  if (io_uring_submit (&ring) < 0)
    stop ("submit", errno);
}

/* Writes to each pipe; the reads that waited all the time end with that. */
static int
reads_end (void)
{
  int right = 0;
  for (int i = 0; i < FILES; i++)
    if (dprintf (pipes[i][1], "text %d", i) != 6)
      return 0;
  for (int i = 0; i < FILES; i++)
    {
      unsigned long which;
      char text[16];
      int length = completed (&which);
      if (which >= FILES)
        return 0;
      snprintf (text, sizeof text, "text %lu", which);
      right += length == 6 && memcmp (buffers[which], text, 6) == 0;
    }
  return right == FILES;
}

static void *
spawn_often (void *unused)
{
  for (int i = 0; i < SPAWNS; i++)
    if (finish (start ("exit 3")) != 3)
      return &ring;
  return unused;
}

int
main (int argc, char **argv)
{
  way = argc > 1 ? argv[1] : "";
  struct io_uring_params parameters = { .flags = IORING_SETUP_SQPOLL, .sq_thread_idle = 10 };
  int error = io_uring_queue_init_params (64, &ring, &parameters);
  if (error != 0)
    {
      fprintf (stderr, "io_uring: %s\n", strerror (-error));
      return 77;
    }
  int registered[FILES];
  for (int i = 0; i < FILES; i++)
    {
      if (pipe2 (pipes[i], O_CLOEXEC) != 0)
        stop ("pipe2", errno);
      registered[i] = pipes[i][0];
    }
  error = io_uring_register_files (&ring, registered, FILES);
  if (error != 0)
    stop ("register_files", error);
  /* From here on the files are in the ring alone. */
  for (int i = 0; i < FILES; i++)
    close (pipes[i][0]);
  error = io_uring_register_ring_fd (&ring);
  if (error != 1)
    stop ("register_ring_fd", error);

  submit_reads ();
  report ("the_child_has_no_descriptor_of_the_ring",
          finish (start ("for fd in /proc/self/fd/*; do readlink $fd; done | grep -c io_uring >&2 || exit 5")) == 5);
  report ("a_hundred_processes_while_reads_wait", spawn_often (NULL) == NULL);
  report ("the_reads_that_waited_end", reads_end ());

  submit_reads ();
  pthread_t threads[4];
  int failed = 0;
  for (int i = 0; i < 4; i++)
    if (pthread_create (&threads[i], NULL, spawn_often, NULL) != 0)
      stop ("pthread_create", EAGAIN);
  for (int i = 0; i < 4; i++)
    {
      void *result;
      pthread_join (threads[i], &result);
      failed += result != NULL;
    }
  report ("four_threads_while_reads_wait", failed == 0);
  report ("the_reads_that_waited_end_again", reads_end ());

  /* The pidfd in the ring: a poll of it completes when the child ends. */
  int child = start ("sleep 0.2; exit 9");
  struct io_uring_sqe *sqe = io_uring_get_sqe (&ring);
  io_uring_prep_poll_add (sqe, child, POLLIN);
  sqe->user_data = 1000;
  unsigned long data;
  if (io_uring_submit (&ring) < 0)
    stop ("submit", errno);
  int result = completed (&data);
  report ("the_ring_polls_the_pidfd", data == 1000 && result >= 0 && (result & POLLIN) && finish (child) == 9);

#ifdef HAVE_WAITID
  siginfo_t info;
  memset (&info, 0, sizeof info);
  child = start ("exit 8");
  sqe = io_uring_get_sqe (&ring);
  io_uring_prep_waitid (sqe, (idtype_t) 3, child, &info, WEXITED, 0);
  sqe->user_data = 1001;
  if (io_uring_submit (&ring) < 0)
    stop ("submit", errno);
  result = completed (&data);
  report ("the_ring_waits_for_the_pidfd", data == 1001 && result == 0 && info.si_status == 8);
  close (child);
#endif

  /* A closed registered file, an end of file: nothing else holds the other ends of the pipes. */
  submit_reads ();
  for (int i = 0; i < FILES; i++)
    close (pipes[i][1]);
  int ends = 0;
  for (int i = 0; i < FILES; i++)
    ends += completed (&data) == 0;
  report ("nobody_else_holds_the_pipes", ends == FILES);
  io_uring_queue_exit (&ring);
  report ("no_child_left", waitpid (-1, NULL, WNOHANG) == -1 && errno == ECHILD);
  return 0;
}
