/* SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * pidfd_fork in a process with one thread that has an io_uring wait for any child: the kernel itself takes the status
 * of a child that ends, without a call of the program, and another process can have the number at once. */

#include "fork.h"

#if HAVE_LIBRARY && __has_include (<linux/io_uring.h>)

#include <linux/io_uring.h>

/* Makes the ring reap whatever child ends first. */
static void
submit_a_wait (void)
{
  static siginfo_t info;
  struct io_uring_params ring;
  memset (&ring, 0, sizeof ring);
  int fd = (int) syscall (FIRST_CALL + 425 /* io_uring_setup */, 1, &ring);
  if (fd < 0)
    SKIP ("no io_uring: %s", strerror (errno));
  char *queue = mmap (NULL, ring.sq_off.array + sizeof (unsigned int), PROT_READ | PROT_WRITE, MAP_SHARED, fd,
                      IORING_OFF_SQ_RING);
  struct io_uring_sqe *entry = mmap (NULL, sizeof *entry, PROT_READ | PROT_WRITE, MAP_SHARED, fd, IORING_OFF_SQES);
  char *answers = mmap (NULL, ring.cq_off.cqes, PROT_READ, MAP_SHARED, fd, IORING_OFF_CQ_RING);
  CHECK (queue != MAP_FAILED && entry != MAP_FAILED && answers != MAP_FAILED);
  memset (entry, 0, sizeof *entry);
  entry->opcode = 50; /* IORING_OP_WAITID, Linux 6.7 */
  entry->len = P_ALL;
  memcpy ((char *) entry + 44, &(int) { WEXITED }, sizeof (int)); /* file_index, which older headers do not name */
  entry->off = (uintptr_t) &info;
  __atomic_store_n ((unsigned int *) (queue + ring.sq_off.tail), 1, __ATOMIC_RELEASE);
  CHECK_EQ (syscall (FIRST_CALL + 426 /* io_uring_enter */, fd, 1, 0, 0, NULL, 0), 1);
  if (__atomic_load_n ((unsigned int *) (answers + ring.cq_off.tail), __ATOMIC_ACQUIRE) != 0)
    SKIP ("io_uring has no wait for children");
}

static struct {
  volatile bool kills, may_try, stops;
  volatile pid_t number;
} *taker;

/* The other process, which is the one that the ring has to wait for as well. */
static void
take_the_number (void)
{
  signal (SIGCHLD, SIG_IGN);
  while (!taker->may_try)
    usleep (100);
  pid_t child = await_child ();
  if (taker->kills)
    kill (child, SIGKILL);
  for (pid_t pid = -1; pid < 0 && taker->may_try; usleep (50))
    {
      pid = clone_with_number (child);
      if (pid < 0 && errno != EEXIST)
        break;
      taker->number = pid > 0 ? pid : 0;
    }
  taker->stops = true;
  for (;;)
    pause ();
}

/* Lasts until the number is taken, or cannot be. */
static void
let_it_be_taken (void)
{
  taker->may_try = true;
  for (int pause = 0; pause < (taker->kills ? PROMPT : 500) && !taker->stops; pause++)
    usleep (1000);
  taker->may_try = false;
  for (int pause = 0; pause < PROMPT && !taker->stops; pause++)
    usleep (1000);
}

/* The fork of a process whose children a ring reaps: its result, errno, and whether the number was taken. */
struct outcome {
  int result, error;
  bool taken;
};

static struct outcome
fork_with_a_ring (bool kills, int (*make) (void))
{
  taker = mmap (NULL, sizeof *taker, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  CHECK (taker != MAP_FAILED);
  taker->kills = kills;
  pid_t other = fork ();
  if (other == 0)
    take_the_number ();
  submit_a_wait ();
  struct outcome outcome;
  outcome.result = make ();
  outcome.error = errno;
  outcome.taken = taker->number != 0;
  while (outcome.taken && kill (taker->number, SIGKILL) == 0)
    usleep (1000);
  kill (other, SIGKILL);
  CHECK (waitpid (other, NULL, 0) == other || errno == ECHILD);
  return outcome;
}

static int
make_plainly (void)
{
  armed = true;
  pid_t pid = fork ();
  if (pid == 0)
    _exit (FINE);
  return pid;
}

static int
make_with_pidfd (void)
{
  return fork_telling (0);
}

/* Whether it is available here is seen by the libc's fork. */
static void
need_a_ring_that_frees_numbers (void *kills)
{
  if (!fork_with_a_ring (*(bool *) kills, make_plainly).taken)
    SKIP ("the number of a child that ended cannot be taken");
}

static void
reaped_by_a_ring (bool kills)
{
  register_handlers (let_it_be_taken);
  CHECK_EQ (in_fork (need_a_ring_that_frees_numbers, &kills), 0);
  *announced = 0;
  open_line ();
  struct outcome outcome = fork_with_a_ring (kills, make_with_pidfd);
  if (kills)
    {
      CHECK (outcome.taken);
      check_no_name (outcome.result, outcome.error);
      return;
    }
  if (outcome.taken)
    FAIL ("the child ended before the parent had its pidfd (result %d, errno %d)", outcome.result, outcome.error);
  CHECK (outcome.result > 0);
  pid_t named = pid_of (outcome.result);
  CHECK (named == *announced || named == -1);
  CHECK (was_told ());
  while (waitpid (-1, NULL, 0) > 0)
    continue;
}

TEST_LEAVING (a_ring_reaps_a_child_that_ends_at_once)
{
  reaped_by_a_ring (false);
}

TEST_LEAVING (a_ring_reaps_a_child_that_is_killed)
{
  reaped_by_a_ring (true);
}

#else

TEST (fork_ring)
{
  SKIP ("fork gives no pidfd, or built without the kernel's headers");
}

#endif
