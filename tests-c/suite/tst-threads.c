/* SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * Calls from many threads at once: each gets its own child, its own pidfd and its own errors, whatever the others do
 * with descriptors and children meanwhile. */

#include "runner.h"

enum { UNTOUCHED = -7, THREADS = 4, ROUNDS = 60 };

CHILD (exit_with)
{
  return atoi (argv[0]);
}

/* Exits with the first byte of the descriptor that argument 0 names. */
CHILD (exit_with_byte)
{
  unsigned char byte;
  return read (atoi (argv[0]), &byte, 1) == 1 ? byte : 255;
}

static void
run_threads (void *(*body) (void *))
{
  pthread_t threads[THREADS];
  for (long i = 0; i < THREADS; i++)
    CHECK_EQ (pthread_create (&threads[i], NULL, body, (void *) i), 0);
  for (int i = 0; i < THREADS; i++)
    CHECK_EQ (pthread_join (threads[i], NULL), 0);
}

/* The file, the status and the mask all differ from thread to thread. */
static void *
spawn_and_verify (void *number)
{
  int own = (int) (long) number;
  char name[2] = { (char) ('a' + own), 0 };
  char *file = test_path (name);
  write_file (file, name, 0600);
  char **by_number = child_argv ("exit_with", format ("%d", 10 + own), NULL);
  char **by_byte = child_argv ("exit_with_byte", "50", NULL);

  posix_spawn_file_actions_t reading, failing;
  posix_spawn_file_actions_init (&reading);
  posix_spawn_file_actions_addopen (&reading, 50, file, O_RDONLY, 0);
  posix_spawn_file_actions_init (&failing);
  if (own % 2)
    posix_spawn_file_actions_adddup2 (&failing, 700, 51);
  else
    posix_spawn_file_actions_addopen (&failing, 51, format ("%s/x", file), O_RDONLY, 0);

  for (int i = 0; i < ROUNDS; i++)
    {
      spawn_call *call = both_calls[(i + own) % 2];
      int first = UNTOUCHED, second = UNTOUCHED, none = UNTOUCHED;
      CHECK_EQ (call (&first, self_path, NULL, NULL, by_number, environ), 0);
      CHECK_EQ (call (&second, self_path, &reading, NULL, by_byte, environ), 0);
      CHECK_EQ (call (&none, own % 2 ? "/nonexistent" : "/dev/null", NULL, NULL, by_number, environ),
                own % 2 ? ENOENT : EACCES);
      CHECK_EQ (call (&none, self_path, &failing, NULL, by_number, environ), own % 2 ? EBADF : ENOTDIR);
      CHECK_EQ (none, UNTOUCHED);
      CHECK (first != second);
      CHECK_EXIT (second, 'a' + own);
      CHECK_EXIT (first, 10 + own);
    }
  posix_spawn_file_actions_destroy (&reading);
  posix_spawn_file_actions_destroy (&failing);
  return NULL;
}

TEST (threads_spawn)
{
  run_threads (spawn_and_verify);
}

static volatile int over;

/* Opens and closes the lowest free numbers as fast as it can. */
static void *
juggle_descriptors (void *unused)
{
  (void) unused;
  while (!over)
    {
      int fds[4];
      for (int i = 0; i < 4; i++)
        CHECK ((fds[i] = fcntl (STDERR_FILENO, F_DUPFD_CLOEXEC, 3)) >= 0);
      for (int i = 0; i < 4; i++)
        CHECK (close (fds[i]) == 0);
    }
  return NULL;
}

static void
run_beside_a_juggler (void *(*body) (void *))
{
  pthread_t juggler;
  CHECK_EQ (pthread_create (&juggler, NULL, juggle_descriptors, NULL), 0);
  run_threads (body);
  over = 1;
  CHECK_EQ (pthread_join (juggler, NULL), 0);
}

/* A call that closed a number which it does not own any more would be found by the juggler. */
TEST (threads_spawn_while_descriptors_come_and_go)
{
  run_beside_a_juggler (spawn_and_verify);
}

/* Each thread's mask is its own. */
static void *
spawn_with_a_mask (void *number)
{
  int own = SIGRTMIN + 1 + (int) (long) number;
  uint64_t mask = 1ULL << (own - 1);
  CHECK (sys_sigprocmask (SIG_SETMASK, &mask, NULL) == 0);
  for (int i = 0; i < ROUNDS / 2; i++)
    {
      int pidfd = UNTOUCHED;
      CHECK_EQ (both_calls[i % 2](&pidfd, "/bin/sleep", NULL, NULL,
                                  (char *[]){ (char *) "sleep", (char *) "1000", NULL }, environ), 0);
      CHECK_EQ (state_of (pid_of (pidfd)).blocked, mask);
      CHECK (sys_pidfd_send_signal (pidfd, SIGKILL, NULL, 0) == 0);
      CHECK_KILLED (pidfd, SIGKILL);
      CHECK_EQ (mask_now (), mask);
    }
  return NULL;
}

TEST (threads_spawn_with_masks_of_their_own)
{
  run_threads (spawn_with_a_mask);
}

/* Somebody reaps whatever child there is: a call that fails must not be confused by it, and one that succeeds gives a
   pidfd of its own child all the same. */
static void *
reap_everything (void *unused)
{
  (void) unused;
  while (!over)
    if (waitpid (-1, NULL, WNOHANG | __WALL) <= 0)
      sched_yield ();
  return NULL;
}

TEST (failing_spawn_while_children_are_reaped_by_others)
{
  pthread_t reaper;
  CHECK_EQ (pthread_create (&reaper, NULL, reap_everything, NULL), 0);
  for (int i = 0; i < 500; i++)
    {
      int pidfd = UNTOUCHED;
      CHECK_EQ (both_calls[i % 2](&pidfd, "/nonexistent/program", NULL, NULL, child_argv ("exit_with", "0", NULL),
                                  environ), ENOENT);
      CHECK_EQ (pidfd, UNTOUCHED);
    }
  over = 1;
  CHECK_EQ (pthread_join (reaper, NULL), 0);
}

#if HAVE_LIBRARY
static void *
call_everything (void *number)
{
  int own = (int) (long) number;
  char **argv = child_argv ("exit_with", format ("%d", 30 + own), NULL);
  for (int i = 0; i < ROUNDS / 2; i++)
    {
      int spawned = UNTOUCHED, forked = pidfd_fork (i % 2 ? 0 : last_fork_flags ());
      if (forked == 0)
        _exit (20 + own);
      CHECK (forked > 0);
      CHECK_EQ (SPAWN (&spawned, self_path, NULL, NULL, argv, environ), 0);
      CHECK_EQ (pidfd_getpid (spawned), pid_of (spawned));
      CHECK_EQ (pidfd_getpid (forked), pid_of (forked));
      CHECK_ERRNO (pidfd_getpid (STDERR_FILENO), EBADF);
      CHECK_EXIT (forked, 20 + own);
      CHECK_EXIT (spawned, 30 + own);
    }
  return NULL;
}

TEST (threads_call_everything)
{
  run_threads (call_everything);
}

TEST (threads_call_everything_while_descriptors_come_and_go)
{
  run_beside_a_juggler (call_everything);
}
#endif
