/* SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * Loading: the library is in processes that never use it, so that it makes no system call when it is loaded; others may
 * call it before it was initialised; and no call looks anything up, which would take the loader's lock. */

#include "runner.h"

#include "call.h"

/* What the process was when the program's own initialisation began, after that of all libraries. */
static int errno_at_start;

/* ---- Before the library is initialised ---- */

/* Functions of .preinit_array come before all constructors; in musl they never come.  The environment is an argument,
   because an older libc has none at that time. */
static void
before_constructors (int argc, char **argv, char **envp)
{
  if (argc < 4 || strcmp (argv[1], "--child") != 0 || strcmp (argv[2], "called_before_constructors") != 0)
    return;
  const char *wrong = call_by_name (argv[3], envp);
  if (!wrong)
    return;
  dprintf (STDERR_FILENO, "%s before any constructor: %s\n", argv[3], wrong);
  _exit (9);
}

__attribute__ ((section (".preinit_array"), used)) static void (*entry) (int, char **, char **) = before_constructors;

/* And afterwards as well. */
CHILD (called_before_constructors)
{
  const char *wrong = call_by_name (argv[0], environ);
  if (wrong)
    dprintf (STDERR_FILENO, "%s in main: %s\n", argv[0], wrong);
  return wrong ? 8 : 4;
}

static void
check_before_constructors (const char *name)
{
  if (NOT_GLIBC)
    SKIP ("musl does not call functions of .preinit_array");
  pid_t pid = fork ();
  CHECK (pid >= 0);
  if (pid == 0)
    {
      alarm (10);
      char **argv = child_argv ("called_before_constructors", name, NULL);
      execve (argv[0], argv, environ);
      _exit (126);
    }
  int status;
  CHECK_EQ (waitpid (pid, &status, 0), pid);
  if (!WIFEXITED (status) || WEXITSTATUS (status) != 4)
    FAIL ("%s: the wait status is %#x", name, (unsigned int) status);
}

TEST (first_call_before_any_constructor)
{
  static const char *const names[] = { OF_ITS_OWN };
  for (size_t i = 0; i < sizeof names / sizeof *names; i++)
    check_before_constructors (names[i]);
}

TEST (errno_is_0_at_main)
{
  CHECK_EQ (errno_at_start, 0);
}

#ifdef MODE_STATIC

__attribute__ ((constructor)) static void
program_starts (void)
{
  errno_at_start = errno;
}

/* The archive has a part of these tests only: it cannot be loaded. */

#else

# include "../guard/guard.h"
# include "object.h"

# include <sys/ptrace.h>
# ifdef __GLIBC__
#  include <gnu/libc-version.h>
# endif

OBJECT (caller)
OBJECT (waiter)
OBJECT (mark)
OBJECT (noisy)
OBJECT (version)

static const char *const all_functions[] = { TAKEN_OVER, OF_ITS_OWN };
enum { FUNCTIONS = sizeof all_functions / sizeof *all_functions };

__attribute__ ((constructor (101))) static void
program_starts (void)
{
  errno_at_start = errno;
  if (getenv ("TST_LEAVE"))
    _exit (4);
  void (*end) (void);
  *(void **) &end = dlsym (RTLD_DEFAULT, "tst_mark_end");
  if (end)
    end ();
}

TEST (first_call_of_what_is_taken_over_before_any_constructor)
{
  static const char *const names[] = { TAKEN_OVER };
  for (size_t i = 0; i < sizeof names / sizeof *names; i++)
    check_before_constructors (names[i]);
}

CHILD (start_only)
{
  return 4;
}

/* Another library's constructor, when ours has not run yet. */
TEST (first_call_before_our_constructor)
{
  char *preloaded = initialised_before (object_caller (), library_path ());
  for (int i = 0; i < FUNCTIONS; i++)
    {
      setenv ("TST_CALLS", all_functions[i], 1);
      CHECK_STARTED (all_functions[i], preloaded, child_argv ("start_only", NULL), 4);
    }
}

/* ---- While the loader is busy ---- */

static const char *plugin;

static void
load_plugin (void *name)
{
  alarm (HANGS);
  setenv ("TST_CALLS", name, 1);
  if (!dlopen (plugin, RTLD_NOW))
    FAIL ("%s", dlerror ());
}

/* The thread has to get along without the loader, whose lock the dlopen holds.  fork itself has to as well. */
TEST (plugin_that_waits_for_a_thread)
{
  plugin = object_caller ();
  setenv ("TST_THREAD", "1", 1);
  for (int i = 0; i < FUNCTIONS; i++)
    {
      int status = in_fork (load_plugin, (void *) all_functions[i]);
      if (WIFSIGNALED (status) && WTERMSIG (status) == SIGALRM)
        FAIL ("%s hangs", all_functions[i]);
      if (status != 0)
        FAIL ("%s: the wait status is %#x", all_functions[i], (unsigned int) status);
    }
}

CHILD (load_a_plugin)
{
  plugin = argv[0];
  load_plugin (argv[1]);
  return 4;
}

/* A release that is not known is examined at length, which must be over by then. */
TEST (plugin_where_the_release_is_not_known)
{
  char *preloaded = format ("%s %s", library_path (), object_version ());
  setenv ("TST_THREAD", "1", 1);
  setenv ("TST_VERSION", "2.99", 1);
  for (int i = 0; i < FUNCTIONS; i++)
    CHECK_STARTED (all_functions[i], preloaded,
                   child_argv ("load_a_plugin", object_caller (), all_functions[i], NULL), 4);
}

static void *
open_waiter (void *path)
{
  if (!dlopen (path, RTLD_NOW))
    FAIL ("%s", dlerror ());
  return NULL;
}

static pid_t (*libc_fork) (void);

static pid_t
async_safe_fork (void)
{
  int pidfd = pidfd_fork (PIDFDFORK_ASYNCSAFE);
  CHECK (pidfd >= 0);
  if (pidfd == 0)
    return 0;
  pid_t pid = pidfd_getpid (pidfd);
  CHECK (pid > 0);
  CHECK (close (pidfd) == 0);
  return pid;
}

/* The child inherits a loader in the middle of a dlopen, of which nobody will ever see the end. */
static void
check_child_of_a_process_in_dlopen (pid_t (*make_child) (void))
{
  for (int i = 0; i < FUNCTIONS; i++)
    {
      /* A file of its own, for what has the same name is loaded already. */
      char *path = test_path (format ("waiter-%d.so", i));
      CHECK (rename (object_waiter (), path) == 0);
      /* What these do to the libc's own locks is not asked here. */
      if (strncmp (all_functions[i], "pidfd_fork", 10) == 0)
        continue;
      int tell[2], wait[2];
      CHECK (pipe2 (tell, O_CLOEXEC) == 0);
      CHECK (pipe2 (wait, O_CLOEXEC) == 0);
      setenv ("TST_TELL", format ("%d", tell[1]), 1);
      setenv ("TST_WAIT", format ("%d", wait[0]), 1);
      pthread_t thread;
      char byte;
      CHECK_EQ (pthread_create (&thread, NULL, open_waiter, path), 0);
      CHECK_EQ (read (tell[0], &byte, 1), 1);
      pid_t pid = make_child ();
      CHECK (pid >= 0);
      if (pid == 0)
        {
          alarm (HANGS);
          const char *wrong = call_by_name (all_functions[i], environ);
          _exit (wrong ? 5 : 4);
        }
      int status;
      CHECK_EQ (waitpid (pid, &status, 0), pid);
      CHECK_EQ (write (wait[1], "", 1), 1);
      CHECK_EQ (pthread_join (thread, NULL), 0);
      for (int end = 0; end < 2; end++)
        CHECK (close (tell[end]) == 0 && close (wait[end]) == 0);
      if (WIFSIGNALED (status) && WTERMSIG (status) == SIGALRM)
        FAIL ("%s hangs", all_functions[i]);
      if (!WIFEXITED (status) || WEXITSTATUS (status) != 4)
        FAIL ("%s: the wait status is %#x", all_functions[i], (unsigned int) status);
    }
}

TEST (child_of_pidfd_fork_while_another_thread_loads)
{
  check_child_of_a_process_in_dlopen (async_safe_fork);
}

TEST (child_of_the_libcs_fork_while_another_thread_loads)
{
  *(void **) &libc_fork = dlsym (RTLD_DEFAULT, "_Fork");
  if (!libc_fork)
    SKIP ("the libc has no _Fork");
  check_child_of_a_process_in_dlopen (libc_fork);
}

static void
fail_to_load (void *name)
{
  CHECK (dlopen ("/nonexistent/plugin.so", RTLD_NOW) == NULL);
  const char *wrong = call_by_name (name, environ);
  if (wrong)
    FAIL ("%s: %s", (char *) name, wrong);
  const char *text = dlerror ();
  if (!text || !strstr (text, "/nonexistent/plugin.so"))
    FAIL ("after %s dlerror says %s", (char *) name, text ? text : "nothing");
}

/* Each in a process of its own, for what was found is kept. */
TEST (a_pending_text_of_dlerror_is_kept)
{
  for (int i = 0; i < FUNCTIONS; i++)
    CHECK_EQ (in_fork (fail_to_load, (void *) all_functions[i]), 0);
}

/* A program may open the library when it likes, as ctypes does. */
CHILD (open_the_library)
{
  (void) dlerror ();
  void *library = dlopen (argv[0], RTLD_NOW | RTLD_LOCAL);
  const char *text = dlerror ();
  if (!library || text)
    FAIL ("%s", text);
  static const char *const names[] = { "posix_spawn", "posix_spawnp", "pidfd_spawn", "pidfd_spawnp" };
  char *arguments[] = { (char *) "true", NULL };
  for (int i = 0; i < 4; i++)
    {
      spawn_call *function;
      int number = -1;
      *(void **) &function = dlsym (library, names[i]);
      CHECK (function != NULL);
      CHECK_EQ (function (&number, i % 2 ? "true" : "/bin/true", NULL, NULL, arguments, environ), 0);
      const char *wrong = i < 2 ? end_of_pid (number) : end_of_pidfd (number);
      if (wrong)
        FAIL ("%s: %s", names[i], wrong);
    }
  return 4;
}

TEST (the_library_is_opened_later)
{
  CHECK_STARTED ("the program without the library", "", child_argv ("open_the_library", library_path (), NULL), 4);
}

/* ---- What loading does ---- */

CHILD (errno_is_0)
{
  return errno_at_start == 0 ? 4 : 5;
}

/* Whether the library is linked or preloaded. */
TEST (loading_leaves_errno_alone)
{
  setenv ("TST_NOISE", "1", 1);
  CHECK_STARTED ("a library that sets it", object_noisy (), child_argv ("errno_is_0", NULL), 5);
  CHECK_STARTED ("the library", library_path (), child_argv ("errno_is_0", NULL), 4);
}

/* Until the program's first constructor, what the library, or another in its place, allocates. */
CHILD (allocations)
{
  int *allocations = dlsym (RTLD_DEFAULT, "tst_allocations"), *left = dlsym (RTLD_DEFAULT, "tst_left");
  if (!allocations || !left || *allocations > 9 || *left < 0 || *left > 9)
    return 120;
  return 100 + 10 * *allocations + *left;
}

/* What is promised holds for the releases of glibc whose layouts are known; a newer one is examined at length. */
static void
need_known_release (void)
{
# ifdef __GLIBC__
  int minor = 0;
  if (sscanf (gnu_get_libc_version (), "2.%d", &minor) != 1 || minor < 17 || minor > 44)
    SKIP ("glibc %s is not among the releases that the library knows, 2.17 to 2.44", gnu_get_libc_version ());
# endif
}

static int
allocations_of (const char *library)
{
  int status = start_with (initialised_before (object_mark (), library), child_argv ("allocations", NULL));
  CHECK (WIFEXITED (status));
  return WEXITSTATUS (status);
}

TEST (loading_allocates_nothing)
{
  if (NOT_GLIBC)
    SKIP ("musl's functions allocate");
  need_known_release ();
  setenv ("TST_NOISE", "1", 1);
  CHECK_EQ (allocations_of (object_noisy ()), 111);
  unsetenv ("TST_NOISE");
  CHECK_EQ (allocations_of (object_noisy ()), 100);
  CHECK_EQ (allocations_of (library_path ()), 100);
}

CHILD (addresses)
{
  int *addresses = dlsym (RTLD_DEFAULT, "tst_addresses");
  return addresses ? 100 + *addresses : 99;
}

/* For that the loader goes through every name that a library has: it would take most of the time of loading. */
TEST (loading_looks_up_no_address)
{
  CHECK_STARTED ("the library", initialised_before (object_mark (), library_path ()), child_argv ("addresses", NULL),
                 100);
}

/* What a call allocates, by the name of the function. */
CHILD (allocations_of_a_call)
{
  int *allocations = dlsym (RTLD_DEFAULT, "tst_allocations"), *counting = dlsym (RTLD_DEFAULT, "tst_counting");
  if (!allocations || !counting)
    return 120;
  unsetenv ("LD_PRELOAD");
  *allocations = 0;
  *counting = 1;
  const char *wrong = call_by_name (argv[0], environ);
  *counting = 0;
  if (wrong)
    FAIL ("%s: %s", argv[0], wrong);
  return *allocations > 9 ? 109 : 100 + *allocations;
}

/* Whatever is left to the first call, it is no reason to allocate. */
TEST (no_call_allocates)
{
  static const char *const versions[] = { "", "2.36", "2.99" };
  for (int version = 0; version < 3; version++)
    for (int i = 0; i < FUNCTIONS; i++)
      {
        /* The libc's fork may, for handlers. */
        if (strcmp (all_functions[i], "pidfd_fork") == 0)
          continue;
        char *objects = format ("%s %s", library_path (), version ? object_version () : "");
        setenv ("TST_VERSION", versions[version], 1);
        CHECK_STARTED (format ("%s, version %s", all_functions[i], versions[version]),
                       initialised_before (object_mark (), objects),
                       child_argv ("allocations_of_a_call", all_functions[i], NULL), 100);
      }
}

/* A release that is not known is examined at length; what that takes is given back. */
TEST (loading_leaves_no_memory_behind)
{
  char *library = format ("%s %s", library_path (), object_version ());
  setenv ("TST_VERSION", "2.99", 1);
  int found = allocations_of (library);
  if (found < 100 || found % 10 != 0)
    FAIL ("%d allocations, of which %d are left", (found - 100) / 10, found % 10);
  if (!NOT_GLIBC)
    CHECK (found > 100);
}

/* musl's functions allocate, which takes calls that every program makes. */
static bool
is_for_memory (uint64_t number)
{
  return number == SYS_brk || number == SYS_munmap || number == SYS_mprotect || number == SYS_madvise
# ifdef SYS_mmap
         || number == SYS_mmap
# endif
# ifdef SYS_mmap2
         || number == SYS_mmap2
# endif
    ;
}

/* The numbers of the system calls from where the library, or another in its place, is initialised, until the program's
   first constructor. */
static char *
calls_of (const char *library)
{
  char *preloaded = initialised_before (object_mark (), library), **argv = child_argv ("start_only", NULL);
  pid_t pid = fork ();
  CHECK (pid >= 0);
  if (pid == 0)
    {
      if (ptrace (PTRACE_TRACEME, 0, NULL, NULL) != 0 || raise (SIGSTOP) != 0)
        _exit (77);
      setenv ("LD_PRELOAD", preloaded, 1);
      execve (argv[0], argv, environ);
      _exit (126);
    }
  int status;
  bool marked = false, ended = false;
  char *calls = format ("%s", "");
  CHECK_EQ (waitpid (pid, &status, 0), pid);
  if (!WIFSTOPPED (status))
    SKIP ("nothing can be traced here");
  if (ptrace (PTRACE_SETOPTIONS, pid, NULL, (void *) (PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL)) != 0)
    SKIP ("nothing can be traced here: %s", strerror (errno));
  for (;;)
    {
      CHECK (ptrace (PTRACE_SYSCALL, pid, NULL, NULL) == 0);
      CHECK_EQ (waitpid (pid, &status, 0), pid);
      if (!WIFSTOPPED (status))
        break;
      struct call_information call;
      if (WSTOPSIG (status) != (SIGTRAP | 0x80))
        continue;
      if (ptrace (PTRACE_GET_SYSCALL_INFO, pid, (void *) sizeof call, &call) <= 0)
        SKIP ("the kernel does not tell of system calls (Linux 5.3)");
      if (call.op != ENTRY)
        continue;
      if (call.number == MARK_END)
        ended = marked;
      else if (marked && !ended && !(NOT_GLIBC && is_for_memory (call.number)))
        calls = format ("%s %lld", calls, (long long) call.number);
      marked |= call.number == MARK_BEGIN;
    }
  CHECK (WIFEXITED (status));
  CHECK_EQ (WEXITSTATUS (status), 4);
  CHECK (ended);
  return calls;
}

TEST (loading_makes_no_system_call)
{
  setenv ("TST_NOISE", "1", 1);
  if (!strstr (calls_of (object_noisy ()), format (" %d", (int) SYS_getppid)))
    FAIL ("that of another library was not seen");
  unsetenv ("TST_NOISE");
  need_known_release ();
# ifdef MODE_PRELOADED
  CHECK_STR (calls_of (object_noisy ()), "");
# endif
  CHECK_STR (calls_of (library_path ()), "");
}

/* A sandbox is made for one program; nobody asks what else is loaded into it.  This one kills for what a loader never
   does, and a library such as ours might. */
static void
enter_sandbox (void *preloaded)
{
  static const int killing[] = {
    SYS_waitid,   SYS_wait4, SYS_pidfd_open, SYS_clone3, SYS_close_range, SYS_clone, SYS_unshare,
    SYS_eventfd2, SYS_pipe2, SYS_socketpair, SYS_ppoll,  SYS_getpid,      SYS_kill,  SYS_ioctl,
    SYS_fstatfs,  SYS_dup,   SYS_dup3,       SYS_getppid,
  };
  enum { COUNT = sizeof killing / sizeof *killing };
  struct filter_rule rules[COUNT];
  char **argv = child_argv ("start_only", NULL);
  for (int i = 0; i < COUNT; i++)
    rules[i] = (struct filter_rule) { .call = killing[i], .action = FILTER_KILL };
  setenv ("LD_PRELOAD", preloaded, 1);
  set_filter (rules, COUNT, FILTER_PLAIN);
  execve (argv[0], argv, environ);
  FAIL ("execve: %s", strerror (errno));
}

TEST (a_sandbox_that_kills)
{
  /* The program itself leaves in its first constructor. */
  setenv ("TST_LEAVE", "1", 1);
  setenv ("TST_NOISE", "1", 1);
  int status = in_fork (enter_sandbox, object_noisy ());
  CHECK (WIFSIGNALED (status) && WTERMSIG (status) == SIGSYS);
  unsetenv ("TST_NOISE");
# ifdef MODE_PRELOADED
  status = in_fork (enter_sandbox, object_noisy ());
  if (status != 4 << 8)
    SKIP ("the loader itself needs more than this sandbox has: wait status %#x", (unsigned int) status);
# endif
  status = in_fork (enter_sandbox, library_path ());
  if (status != 4 << 8)
    FAIL ("the wait status is %#x", (unsigned int) status);
}

#endif
