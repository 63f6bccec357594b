/* SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * closefrom where close_range is missing: by what procfs lists, and where that is unavailable as well by trying the
 * numbers: as far as the table of descriptors reaches, for the limit may be a thousand million. */

#include "runner.h"

#if HAVE_LIBRARY && !defined NO_CLOSEFROM

# include "sysctl.h"

# include <sys/uio.h>

/* The numbers below the first argument are open, the others are not. */
CHILD (open_below)
{
  for (int i = 1; i < argc; i++)
    if (is_open (atoi (argv[i])) != (atoi (argv[i]) < atoi (argv[0])))
      return 50 + i;
  return 4;
}

enum { HIGHEST = 300 };
static const int numbers[] = { 50, 51, 60, 61, HIGHEST };

/* A program without procfs does not find its libraries; the list that cannot be read comes to the same here. */
static void
without_a_list (void)
{
  refuse_call (SYS_getdents64, ENOSYS);
}

static void
limit_to (rlim_t soft, rlim_t hard)
{
  struct rlimit limit = { soft, hard };
  CHECK (setrlimit (RLIMIT_NOFILE, &limit) == 0);
}

/* The libc takes no action on a number beyond the soft limit, so this comes after the action. */
static rlim_t limit_of_the_call;

static void
check_closefrom (void)
{
  for (int call = 0; call < 2; call++)
    for (int first = 51; first <= 61; first += 10)
      {
        posix_spawn_file_actions_t actions;
        CHECK_EQ (posix_spawn_file_actions_init (&actions), 0);
        CHECK_EQ (posix_spawn_file_actions_addclosefrom_np (&actions, first), 0);
        if (limit_of_the_call)
          limit_to (limit_of_the_call, 1024);
        int pidfd = -1;
        CHECK_EQ (both_calls[call](&pidfd, self_path, &actions, NULL,
                                   child_argv ("open_below", format ("%d", first), "50", "51", "60", "61",
                                               format ("%d", HIGHEST), NULL),
                                   environ),
                  0);
        CHECK_EXIT (pidfd, 4);
        if (limit_of_the_call)
          limit_to (1024, 1024);
        posix_spawn_file_actions_destroy (&actions);
      }
}

static void
prepare (void)
{
  /* A limit that is tried out quickly. */
  limit_to (1024, 1024);
  for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
    CHECK_EQ (dup2 (0, numbers[i]), numbers[i]);
  refuse_call (SYS_close_range, ENOSYS);
}

TEST_LEAVING (by_what_procfs_lists)
{
  prepare ();
  check_closefrom ();
}

TEST_LEAVING (by_trying_the_numbers)
{
  prepare ();
  without_a_list ();
  check_closefrom ();
}

/* What was opened before the limit was lowered is closed too. */

TEST_LEAVING (above_the_limit_by_what_procfs_lists)
{
  prepare ();
  limit_to (100, 1024);
  check_closefrom ();
}

TEST_LEAVING (above_the_limit_by_trying_the_numbers)
{
  prepare ();
  without_a_list ();
  limit_to (100, 1024);
  check_closefrom ();
}

/* What tells of many numbers at once takes no more than the soft limit. */
TEST_LEAVING (above_a_limit_of_a_few_by_trying_the_numbers)
{
  prepare ();
  without_a_list ();
  /* With none at all the program would not find its libraries. */
  limit_of_the_call = 10;
  check_closefrom ();
}

/* Also above the hard limit, which then tells nothing. */
TEST_LEAVING (above_the_hard_limit_by_trying_the_numbers)
{
  prepare ();
  without_a_list ();
  limit_to (100, 100);
  check_closefrom ();
}

/* Neither call that could tell where the numbers end or which are open is needed. */

static void
without_select (void)
{
  refuse_call (SYS_pselect6, EPERM);
  refuse_call (FIRST_CALL + 413 /* pselect6_time64 */, EPERM);
}

static void
without_poll (void)
{
  refuse_call (SYS_ppoll, EPERM);
# ifdef SYS_poll
  refuse_call (SYS_poll, EPERM);
# endif
}

TEST_LEAVING (by_trying_the_numbers_without_select)
{
  prepare ();
  without_a_list ();
  without_select ();
  limit_to (100, 1024);
  check_closefrom ();
}

TEST_LEAVING (by_trying_the_numbers_without_poll)
{
  prepare ();
  without_a_list ();
  without_poll ();
  check_closefrom ();
}

TEST_LEAVING (by_trying_the_numbers_without_select_and_poll)
{
  prepare ();
  without_a_list ();
  without_select ();
  without_poll ();
  limit_to (100, 1024);
  check_closefrom ();
}

TEST_LEAVING (by_trying_the_numbers_without_the_limits)
{
  prepare ();
  without_a_list ();
  refuse_call (SYS_prlimit64, EPERM);
  check_closefrom ();
}

/* ---- A limit of a thousand million ---- */

enum { VERY_MANY = 1000000000 };

static bool
limit_to_very_many (void)
{
  struct rlimit limit = { 20000, VERY_MANY };
  return setrlimit (RLIMIT_NOFILE, &limit) == 0;
}

/* Where the system allows less, it is made to allow it for the one call: the limit stays. */
static bool
really_limit_to_very_many (void)
{
  return limit_to_very_many ()
         || (has_capability (HAVE_SYS_RESOURCE)
             && with_setting ("/proc/sys/fs/nr_open", "1073741816", limit_to_very_many));
}

static volatile int listener = -1;

/* Answers this thread's neighbour and its child, which has the same memory or, in the end, that of the program. */
static void *
answer (void *unused)
{
  (void) unused;
  while (listener < 0)
    usleep (1000);
  for (;;)
    {
      struct notified_call call;
      if (!receive_call (listener, &call))
        continue;
      uint64_t limit[2] = { 20000, VERY_MANY };
      struct iovec from = { limit, sizeof limit }, to = { (void *) (uintptr_t) call.arguments[3], sizeof limit };
      bool written = !to.iov_base || process_vm_writev (call.pid, &from, 1, &to, 1, 0) == sizeof limit;
      answer_call (listener, &call, written ? 0 : errno);
    }
  return NULL;
}

/* Root's right to raise limits is often taken away. */
static void
say_that_the_limit_is_very_many (void)
{
  pthread_t thread;
  CHECK_EQ (pthread_create (&thread, NULL, answer, NULL), 0);
  int made = LISTEN ({ SYS_prlimit64, 1, ALL_BITS, RLIMIT_NOFILE, FILTER_NOTIFY });
  listener = made;
  /* Not by getrlimit, which with 32 bits is another system call. */
  uint64_t limit[2] = { 0, 0 };
  if (syscall (SYS_prlimit64, 0, RLIMIT_NOFILE, NULL, limit) != 0)
    SKIP ("nobody may answer in the place of the kernel: %s", strerror (errno));
  CHECK_EQ (limit[1], VERY_MANY);
}

/* A login's limit is often 1024. */
static void
allow_high_numbers (void)
{
  enum { BEYOND = 20000 };
  struct rlimit limit;
  CHECK (getrlimit (RLIMIT_NOFILE, &limit) == 0);
  if (limit.rlim_cur >= BEYOND)
    return;
  limit.rlim_cur = BEYOND;
  if (limit.rlim_max < BEYOND)
    limit.rlim_max = BEYOND;
  if (setrlimit (RLIMIT_NOFILE, &limit) != 0)
    SKIP ("no such high numbers are allowed here: %s", strerror (errno));
}

/* Closes from 51 on, with these numbers open, and gives what that took of the processor, in milliseconds. */
static long
time_of_closefrom (const int *more, size_t count)
{
  for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
    CHECK_EQ (dup2 (0, numbers[i]), numbers[i]);
  char *argv[20];
  memcpy (argv, child_argv ("open_below", "51", "50", "51", "60", NULL), 6 * sizeof *argv);
  for (size_t i = 0; i < count; i++)
    {
      CHECK_EQ (dup2 (0, more[i]), more[i]);
      argv[6 + i] = format ("%d", more[i]);
    }
  argv[6 + count] = NULL;
  refuse_call (SYS_close_range, ENOSYS);
  without_a_list ();
  if (!really_limit_to_very_many ())
    say_that_the_limit_is_very_many ();
  posix_spawn_file_actions_t actions;
  CHECK_EQ (posix_spawn_file_actions_init (&actions), 0);
  CHECK_EQ (posix_spawn_file_actions_addclosefrom_np (&actions, 51), 0);
  int pidfd = -1;
  CHECK_EQ (SPAWN (&pidfd, self_path, &actions, NULL, argv, environ), 0);
  CHECK_EXIT (pidfd, 4);
  posix_spawn_file_actions_destroy (&actions);
  struct rusage usage;
  CHECK (getrusage (RUSAGE_CHILDREN, &usage) == 0);
  return (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000
         + (usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1000;
}

static void
check_time (long milliseconds)
{
  if (milliseconds >= 1000)
    FAIL ("it took %ld ms", milliseconds);
}

TEST_LEAVING (below_a_limit_of_very_many)
{
  check_time (time_of_closefrom (NULL, 0));
}

/* The places where a table is made longer, and their neighbours. */
TEST_LEAVING (high_numbers_below_a_limit_of_very_many)
{
  allow_high_numbers ();
  static const int more[] = { 1022, 1023, 1024, 2046, 2047, 2048, 3000, 19999 };
  check_time (time_of_closefrom (more, sizeof more / sizeof *more));
}

/* Where there is no memory for the question, the numbers are tried up to the limit; as many as here
   are quickly done. */
TEST_LEAVING (high_numbers_without_memory)
{
# ifdef __s390x__
  SKIP ("a filter cannot tell one mmap from another here, where it has one argument, a pointer");
# endif
  allow_high_numbers ();
  CHECK_EQ (dup2 (0, 3000), 3000);
  limit_to (1024, 4096);
  for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
    CHECK_EQ (dup2 (0, numbers[i]), numbers[i]);
  refuse_call (SYS_close_range, ENOSYS);
# ifdef SYS_mmap2
  refuse_call_when (SYS_mmap2, 1, 2048 / 8, ENOMEM);
# else
  refuse_call_when (SYS_mmap, 1, 2048 / 8, ENOMEM);
# endif
  without_a_list ();
  check_closefrom ();
}

#else

TEST (closefrom_fallback)
{
  SKIP ("another function, or a libc without the action");
}

#endif
