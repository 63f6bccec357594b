/* SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * Every call fits the smallest stack that a thread may have, and a signal stack of that size.  Below both lies a page
 * that may not be touched: a call that needs more dies. */

#include "runner.h"

#include <sys/mman.h>

enum { UNTOUCHED = -7, SMALL = 16384 };

CHILD (exit_with)
{
  return atoi (argv[0]);
}

/* All that a call takes and gives is outside the small stack; what it gave is looked at outside too. */
static char **argv_4, **envp;
static const char *name;
static posix_spawn_file_actions_t actions, *given_actions;
static posix_spawnattr_t attributes, *given_attributes;
static int result, pidfd;
static int unknown_signal_stack;

static void
call_spawn (void)
{
  result = SPAWN (&pidfd, name, given_actions, given_attributes, argv_4, envp);
}

static void
call_spawnp (void)
{
  result = SPAWNP (&pidfd, name, given_actions, given_attributes, argv_4, envp);
}

static void *
in_thread (void *call)
{
  ((void (*) (void)) call) ();
  return NULL;
}

static void
on_small_thread (void (*call) (void))
{
  pthread_attr_t small;
  pthread_t thread;
  CHECK_EQ (pthread_attr_init (&small), 0);
  long least = sysconf (_SC_THREAD_STACK_MIN);
  CHECK_EQ (pthread_attr_setstacksize (&small, least > SMALL ? (size_t) least : SMALL), 0);
  CHECK_EQ (pthread_create (&thread, &small, in_thread, (void *) call), 0);
  CHECK_EQ (pthread_join (thread, NULL), 0);
  pthread_attr_destroy (&small);
}

static void (*wanted_call) (void);

static void
on_signal (int signal)
{
  (void) signal;
  wanted_call ();
}

static void
on_signal_stack (void (*call) (void))
{
  size_t page = (size_t) sysconf (_SC_PAGESIZE);
  char *memory = mmap (NULL, page + SMALL, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  CHECK (memory != MAP_FAILED);
  CHECK (mprotect (memory, page, PROT_NONE) == 0);
  stack_t stack = { .ss_sp = memory + page, .ss_size = SMALL }, old;
  if (sigaltstack (&stack, &old) != 0)
    {
      /* The frame of a signal alone can be bigger than that on some processors. */
      unknown_signal_stack = 1;
      return;
    }
  struct sigaction action;
  memset (&action, 0, sizeof action);
  action.sa_handler = on_signal;
  action.sa_flags = SA_ONSTACK;
  CHECK (sigaction (SIGUSR1, &action, NULL) == 0);
  wanted_call = call;
  CHECK (raise (SIGUSR1) == 0);
  CHECK (sigaltstack (&old, NULL) == 0);
  CHECK (munmap (memory, page + SMALL) == 0);
}

static void
prepare (void)
{
  argv_4 = child_argv ("exit_with", "4", NULL);
  /* The child gets the environment without the long PATH, which would not fit. */
  envp = calloc (1000, sizeof *envp);
  for (int from = 0, to = 0; environ[from] && to < 999; from++)
    if (strncmp (environ[from], "PATH=", 5) != 0)
      envp[to++] = environ[from];
  name = self_path;
  posix_spawn_file_actions_init (&actions);
  for (int i = 0; i < 20; i++)
    posix_spawn_file_actions_addopen (&actions, 20 + i, "/dev/null", O_RDONLY, 0);
  posix_spawnattr_init (&attributes);
  sigset_t all;
  sigfillset (&all);
  posix_spawnattr_setsigdefault (&attributes, &all);
  posix_spawnattr_setflags (&attributes, POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETPGROUP);
}

static void
check_spawn_at (int line, void (*place) (void (*) (void)), void (*call) (void), int error)
{
  for (int with = 0; with < 4; with++)
    {
      given_actions = with & 1 ? &actions : NULL;
      given_attributes = with & 2 ? &attributes : NULL;
      pidfd = UNTOUCHED;
      result = UNTOUCHED;
      place (call);
      if (unknown_signal_stack)
        SKIP ("a signal stack of %d bytes is too small for this processor", SMALL);
      if (result != error)
        test_fail (__FILE__, line, "the result is %d, wanted %d", result, error);
      if (error == 0)
        check_exit_at (__FILE__, line, pidfd, 4);
      else if (pidfd != UNTOUCHED)
        test_fail (__FILE__, line, "the failed call stored %d", pidfd);
    }
}
#define CHECK_SPAWN(place, call, error) check_spawn_at (__LINE__, place, call, error)

/* The longest that there may be: names, elements, and their number. */
static void
set_long_path (const char *last)
{
  char *path = malloc (4 << 20), *end = path;
  for (int i = 0; i < 100; i++)
    {
      end += sprintf (end, "%s/none", test_dir ());
      for (int j = 0; j < 15; j++)
        end += sprintf (end, "/%0250d", i);
      *end++ = ':';
    }
  memset (end, '/', 50000);
  end += 50000;
  sprintf (end, ":%s", last);
  CHECK (setenv ("PATH", path, 1) == 0);
  free (path);
}

static void
check_spawn_in (void (*place) (void (*) (void)))
{
  prepare ();
  CHECK_SPAWN (place, call_spawn, 0);
  name = "/nonexistent/program";
  CHECK_SPAWN (place, call_spawn, ENOENT);
}

static void
check_spawnp_in (void (*place) (void (*) (void)))
{
  prepare ();
  char *longest = malloc (NAME_MAX + 1);
  memset (longest, 'n', NAME_MAX);
  longest[NAME_MAX] = 0;
  CHECK (symlink (self_path, test_path (longest)) == 0);
  name = longest;
  set_long_path (test_dir ());
  CHECK_SPAWN (place, call_spawnp, 0);
  set_long_path ("/nonexistent");
  CHECK_SPAWN (place, call_spawnp, ENOENT);
}

TEST (spawn_in_a_small_thread)
{
  check_spawn_in (on_small_thread);
}

TEST (spawn_on_a_signal_stack)
{
  check_spawn_in (on_signal_stack);
}

TEST (spawnp_in_a_small_thread)
{
  check_spawnp_in (on_small_thread);
}

TEST (spawnp_on_a_signal_stack)
{
  check_spawnp_in (on_signal_stack);
}

#if HAVE_LIBRARY

/* Where clone3 is refused, the way is another one, and so is its need. */
TEST_LEAVING (spawn_by_the_fallback_in_a_small_thread)
{
  refuse_call (SYS_clone3, ENOSYS);
  check_spawn_in (on_small_thread);
}

TEST_LEAVING (spawn_by_the_fallback_on_a_signal_stack)
{
  refuse_call (SYS_clone3, ENOSYS);
  check_spawn_in (on_signal_stack);
}

TEST_LEAVING (spawnp_by_the_fallback_in_a_small_thread)
{
  refuse_call (SYS_clone3, ENOSYS);
  check_spawnp_in (on_small_thread);
}

TEST_LEAVING (spawnp_by_the_fallback_on_a_signal_stack)
{
  refuse_call (SYS_clone3, ENOSYS);
  check_spawnp_in (on_signal_stack);
}

static unsigned int fork_flags;

static void
call_fork (void)
{
  pidfd = pidfd_fork (fork_flags);
  if (pidfd == 0)
    _exit (4);
}

static void
check_fork_in (void (*place) (void (*) (void)), unsigned int flags)
{
  fork_flags = flags;
  pidfd = UNTOUCHED;
  place (call_fork);
  if (unknown_signal_stack)
    SKIP ("a signal stack of %d bytes is too small for this processor", SMALL);
  CHECK (pidfd > 0);
  CHECK_EXIT (pidfd, 4);
}

TEST (fork_in_a_small_thread)
{
  check_fork_in (on_small_thread, 0);
}

TEST (async_safe_fork_in_a_small_thread)
{
  check_fork_in (on_small_thread, PIDFDFORK_ASYNCSAFE);
}

TEST (async_safe_fork_on_a_signal_stack)
{
  check_fork_in (on_signal_stack, PIDFDFORK_ASYNCSAFE);
}

static int subject;

static void
call_getpid (void)
{
  result = pidfd_getpid (subject);
}

static void
check_getpid_in (void (*place) (void (*) (void)))
{
  int self = sys_pidfd_open (getpid (), 0);
  CHECK (self >= 0);
  int null = open ("/dev/null", O_RDONLY | O_CLOEXEC);
  CHECK (null >= 0);
  const int subjects[] = { self, null, -1 };
  for (int i = 0; i < 3; i++)
    {
      subject = subjects[i];
      result = UNTOUCHED;
      place (call_getpid);
      if (unknown_signal_stack)
        SKIP ("a signal stack of %d bytes is too small for this processor", SMALL);
      CHECK_EQ (result, i ? -1 : getpid ());
    }
  CHECK (close (self) == 0);
  CHECK (close (null) == 0);
}

TEST (getpid_in_a_small_thread)
{
  check_getpid_in (on_small_thread);
}

TEST (getpid_on_a_signal_stack)
{
  check_getpid_in (on_signal_stack);
}

/* By way of /proc, whose text wants a place. */
TEST_LEAVING (getpid_without_the_ioctl_in_a_small_thread)
{
  refuse_call (SYS_ioctl, ENOTTY);
  check_getpid_in (on_small_thread);
}

#endif
