/* SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * Whose pidfd it is.  A child does not return from pidfd_fork before the parent has its pidfd, so that a child that ends
 * at once cannot lose its number to another process before that; and where it is killed and reaped in that moment the call
 * fails.  It never hangs, and an error means that no code of the program ran after the call. */

#include "fork.h"

#if HAVE_LIBRARY

#include <sys/ioctl.h>

#if __has_include (<linux/io_uring.h>)
# include <linux/io_uring.h>
#endif

/* The outcome where the child cannot have a name any more. */
static void
check_no_name (int result, int error)
{
  if (result > 0)
    FAIL ("the call gives a pidfd of process %d", (int) pid_of (result));
  CHECK_EQ (result, -1);
  CHECK_EQ (error, ESRCH);
  CHECK (!was_told ());
}

/* The kernel reaps for an io_uring, without a call of the program, and another process takes the number. */

#ifdef IORING_OFF_SQES

/* Makes the ring reap whatever child ends first. */
static void
submit_a_wait (void)
{
  static siginfo_t info;
  struct io_uring_params ring;
  memset (&ring, 0, sizeof ring);
  int fd = (int) syscall (425 /* io_uring_setup */, 1, &ring);
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
  CHECK_EQ (syscall (426 /* io_uring_enter */, fd, 1, 0, 0, NULL, 0), 1);
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

/* Lasts until the number is taken, or is not to be had. */
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

/* What can be had here at all is seen by the libc's fork. */
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

#endif

/* Handlers of the parent that do all that a program can do with children. */

static pid_t stranger;

static void
replace_the_child (void)
{
  pid_t child = await_child ();
  CHECK (kill (child, SIGKILL) == 0);
  CHECK_EQ (waitpid (child, NULL, 0), child);
  stranger = clone_with_number (child);
}

static void
meet_the_stranger (void)
{
  open_line ();
  int result = fork_telling (0), error = errno;
  if (stranger < 0)
    SKIP ("a number cannot be asked for");
  if (waitpid (stranger, NULL, WNOHANG) != 0)
    FAIL ("the call ended the stranger");
  CHECK (kill (stranger, SIGKILL) == 0);
  CHECK_EQ (waitpid (stranger, NULL, 0), stranger);
  check_no_name (result, error);
}

/* The stranger is a child of this very thread, and holds all that was open. */
ALONE_AND_NOT (a_parent_handler_gives_the_number_to_another_child)
{
  register_handlers (replace_the_child);
  meet_the_stranger ();
}

static void
kill_and_reap (void)
{
  pid_t child = await_child ();
  CHECK (kill (child, SIGKILL) == 0);
  CHECK_EQ (waitpid (child, NULL, 0), child);
}

ALONE_AND_NOT (a_parent_handler_kills_and_reaps_the_child)
{
  register_handlers (kill_and_reap);
  open_line ();
  int result = fork_telling (0), error = errno;
  check_no_name (result, error);
}

static void
kill_the_child (void)
{
  CHECK (kill (await_child (), SIGKILL) == 0);
}

/* Dead, but it still has its number. */
ALONE_AND_NOT (a_parent_handler_kills_the_child)
{
  register_handlers (kill_the_child);
  open_line ();
  int result = fork_telling (0);
  CHECK (!was_told ());
  if (result > 0)
    CHECK_KILLED (result, SIGKILL);
}

/* Dead, and another child was waited for meanwhile. */
static void
kill_it_and_reap_another (void)
{
  int pidfd = pidfd_fork (PIDFDFORK_ASYNCSAFE);
  if (pidfd == 0)
    _exit (FINE);
  CHECK_EXIT (pidfd, FINE);
  kill_the_child ();
}

ALONE_AND_NOT (a_parent_handler_kills_the_child_and_reaps_another)
{
  register_handlers (kill_it_and_reap_another);
  open_line ();
  int result = fork_telling (0);
  CHECK (!was_told ());
  if (result > 0)
    CHECK_KILLED (result, SIGKILL);
  CHECK_NO_CHILD ();
}

/* A signal that comes to the child while it waits in the call. */
static void
tell_of_the_signal (int signal)
{
  (void) signal;
  tell ();
}

static void
signal_the_child (void)
{
  pid_t child = await_child ();
  /* For the child to come to where it waits. */
  usleep (50000);
  CHECK (kill (child, SIGUSR1) == 0);
}

static void
signal_and_kill_the_child (void)
{
  signal_the_child ();
  usleep (50000);
  kill_the_child ();
}

static int
fork_with_signal (void (*in_parent) (void))
{
  struct sigaction telling = { .sa_handler = tell_of_the_signal };
  CHECK (sigaction (SIGUSR1, &telling, NULL) == 0);
  register_handlers (in_parent);
  open_line ();
  armed = true;
  int pidfd = pidfd_fork (0);
  if (pidfd == 0)
    _exit (FINE);
  return pidfd;
}

ALONE_AND_NOT (a_signal_for_the_child_is_not_taken_before_it_has_a_name)
{
  int pidfd = fork_with_signal (signal_and_kill_the_child);
  if (was_told ())
    FAIL ("a signal handler ran in a child that had no name yet");
  if (pidfd > 0)
    CHECK_KILLED (pidfd, SIGKILL);
}

ALONE_AND_NOT (a_signal_for_the_child_is_taken_when_it_has_a_name)
{
  int pidfd = fork_with_signal (signal_the_child);
  CHECK_EXIT (pidfd, FINE);
  CHECK (was_told ());
}

static void
reap_all_for_a_moment (void)
{
  for (int pause = 0; pause < 100; pause++)
    {
      while (waitpid (-1, NULL, WNOHANG) > 0)
        continue;
      usleep (1000);
    }
}

static bool in_second;
static int second = -1;

static void
reap_and_fork_again (void)
{
  if (in_second)
    return;
  reap_all_for_a_moment ();
  in_second = true;
  second = pidfd_fork (PIDFDFORK_ASYNCSAFE);
  if (second == 0)
    _exit (FINE + 1);
  in_second = false;
}

ALONE_AND_NOT (a_parent_handler_reaps_and_forks_again)
{
  register_handlers (reap_and_fork_again);
  open_line ();
  int first = fork_telling (0);
  if (first < 0)
    FAIL ("%s, and code of the program %s", strerror (errno), was_told () ? "ran" : "did not run");
  CHECK (first > 0 && second > 0);
  CHECK_EQ (pid_of (first), *announced);
  CHECK_EXIT (first, FINE);
  CHECK_EXIT (second, FINE + 1);
  CHECK (was_told ());
}

static volatile sig_atomic_t reaped;

static void
reap_everything (int signal)
{
  (void) signal;
  int error = errno;
  while (waitpid (-1, NULL, WNOHANG) > 0)
    reaped++;
  errno = error;
}

static void
unblock_chld_for_a_moment (void)
{
  sigset_t set;
  sigemptyset (&set);
  sigaddset (&set, SIGCHLD);
  CHECK_EQ (pthread_sigmask (SIG_UNBLOCK, &set, NULL), 0);
  usleep (100000);
}

/* The caller has it blocked, as a program has that takes it by a signalfd. */
ALONE_AND_NOT (a_parent_handler_unblocks_SIGCHLD_whose_handler_reaps)
{
  struct sigaction reaping = { .sa_handler = reap_everything, .sa_flags = SA_RESTART };
  sigset_t set, before;
  sigemptyset (&set);
  sigaddset (&set, SIGCHLD);
  CHECK (sigaction (SIGCHLD, &reaping, NULL) == 0);
  register_handlers (unblock_chld_for_a_moment);
  CHECK_EQ (pthread_sigmask (SIG_BLOCK, &set, &before), 0);
  open_line ();
  int pidfd = fork_telling (0);
  CHECK_EQ (pthread_sigmask (SIG_SETMASK, &before, NULL), 0);
  if (pidfd < 0)
    FAIL ("%s, and code of the program %s", strerror (errno), was_told () ? "ran" : "did not run");
  CHECK (was_told ());
  for (int pause = 0; reaped == 0 && pause < PROMPT; pause++)
    usleep (1000);
  CHECK_EQ (reaped, 1);
  CHECK_EQ (pid_of (pidfd), -1);
  CHECK (close (pidfd) == 0);
}

/* A process beside this one kills each child as soon as it sees it. */
static void
kill_children_of (pid_t process)
{
  char list[4096];
  int fd = open (format ("/proc/%d/task/%d/children", (int) process, (int) process), O_RDONLY | O_CLOEXEC);
  if (fd < 0)
    _exit (1);
  for (;;)
    {
      ssize_t length = pread (fd, list, sizeof list - 1, 0);
      list[length > 0 ? length : 0] = 0;
      char *rest = list;
      for (long pid; (pid = strtol (rest, &rest, 10)) > 0;)
        if (pid != getpid ())
          kill ((pid_t) pid, SIGKILL);
    }
}

static void
check_with_a_killer (unsigned int flags, int *named, int *failed)
{
  open_line ();
  int pidfd = fork_telling (flags), error = errno;
  if (pidfd > 0)
    {
      siginfo_t info = reap (pidfd);
      CHECK (info.si_code == CLD_KILLED || info.si_status == FINE);
      CHECK (was_told () || info.si_code == CLD_KILLED);
      ++*named;
      return;
    }
  CHECK_EQ (error, ESRCH);
  if (was_told ())
    FAIL ("the call failed though code of the program ran");
  ++*failed;
}

ALONE_AND_NOT (a_process_kills_every_child)
{
  enum { CALLS = 200 };
  if (access (format ("/proc/self/task/%d/children", (int) getpid ()), R_OK) != 0)
    SKIP ("the kernel does not list children");
  pid_t self = getpid (), killer = fork ();
  if (killer == 0)
    kill_children_of (self);
  int named = 0, failed = 0;
  for (int i = 0; i < CALLS; i++)
    check_with_a_killer (i % 2 ? PIDFDFORK_ASYNCSAFE : 0, &named, &failed);
  CHECK_EQ (named + failed, CALLS);
  siginfo_t info;
  memset (&info, 0, sizeof info);
  CHECK (waitid (P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid == 0);
  CHECK (kill (killer, SIGKILL) == 0);
  CHECK_EQ (waitpid (killer, NULL, 0), killer);
}

#else

TEST (fork_identity)
{
  SKIP ("fork gives no pidfd");
}

#endif
