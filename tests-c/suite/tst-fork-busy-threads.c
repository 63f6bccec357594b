/* SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * pidfd_fork while other threads are inside malloc, stdio, getrandom and the loader.  The child has none of these
 * threads, but it has what they were doing in memory, and yet may use the whole C library (flags 0), or everything that
 * is async-signal-safe (PIDFDFORK_ASYNCSAFE).
 *
 * One thing no fork of glibc 2.36 can do: a child whose parent had a thread inside dlopen may find the loader's records
 * half changed or locked, and then its own dlopen, pthread_create or exit, which runs the loader's destructors, dies or
 * hangs; so it does after the libc's fork.  Threads are in the loader only where the child needs none of these.
 *
 * FORKS=5000 in the environment makes that many children in each test instead of a few hundred.  The harness's time
 * limit is for each test, so on a slow machine several runs show more. */

#include "fork.h"

#include <dlfcn.h>
#include <stdatomic.h>
#if !GLIBC_BEFORE (2, 25)
# include <sys/random.h>
#else
# define getrandom(bytes, size, flags) syscall (SYS_getrandom, bytes, size, flags)
#endif

enum { FORKS = 200, AT_ONCE = 8, PATIENCE = 20 };

static atomic_bool stop;

/* The busy threads.  They rest a little now and then, or the children would hardly get a processor. */

static void
rest (int i)
{
  if (i % 16 == 0)
    usleep (200);
}

static void *
allocate (void *unused)
{
  void *blocks[64] = { NULL };
  for (unsigned int i = 0; !stop; i++)
    {
      free (blocks[i % 64]);
      blocks[i % 64] = malloc (i * 37 % 9000 + 1);
      /* Large ones, too, which have mappings of their own. */
      if (i % 512 == 0)
        free (malloc (1 << 20));
      if (i % 64 == 0)
        rest (0);
    }
  for (int i = 0; i < 64; i++)
    free (blocks[i]);
  return unused;
}

static void *
print (void *unused)
{
  for (int i = 0; !stop; i++)
    {
      FILE *file = fopen ("/dev/null", "we");
      if (file)
        {
          fprintf (file, "%d %s %f\n", i, "text", i / 3.0);
          fclose (file);
        }
      rest (i);
    }
  return unused;
}

static void *
load (void *unused)
{
  for (int i = 0; !stop; i++)
    {
      void *library = dlopen ("libm.so.6", RTLD_NOW | RTLD_LOCAL);
      if (library)
        {
          dlsym (library, "cos");
          dlclose (library);
        }
      rest (i * 4);
    }
  return unused;
}

static void *
ask_for_random_numbers (void *unused)
{
  char bytes[256];
  for (int i = 0; !stop && getrandom (bytes, sizeof bytes, 0) > 0; i++)
    rest (i);
  return unused;
}

enum { BUSY = 8 };
static pthread_t busy_threads[BUSY];

static void
start_busy_threads (bool loads)
{
  void *(*const roles[]) (void *) = { allocate, print, ask_for_random_numbers, loads ? load : allocate };
  stop = false;
  for (int i = 0; i < BUSY; i++)
    CHECK_EQ (pthread_create (&busy_threads[i], NULL, roles[i % 4], NULL), 0);
}

static void
end_busy_threads (void)
{
  stop = true;
  for (int i = 0; i < BUSY; i++)
    CHECK_EQ (pthread_join (busy_threads[i], NULL), 0);
}

/* What the child does.  A step that does not work gives an exit status of its own, since the harness's
   way of failing prints. */

#define STEP(number, truth)                                                                                            \
  do                                                                                                                   \
    if (!(truth))                                                                                                      \
      _exit (number);                                                                                                  \
  while (0)

static volatile sig_atomic_t raised;

static void
note_signal (int signal)
{
  raised += signal == SIGUSR1;
}

static pthread_mutex_t recursive, checking, robust, *shared_robust;
static FILE *file;

static void
make_mutex (pthread_mutex_t *mutex, int type, int robustness, int shared)
{
  pthread_mutexattr_t attributes;
  pthread_mutexattr_init (&attributes);
  pthread_mutexattr_settype (&attributes, type);
  pthread_mutexattr_setrobust (&attributes, robustness);
  pthread_mutexattr_setpshared (&attributes, shared);
  CHECK_EQ (pthread_mutex_init (mutex, &attributes), 0);
  pthread_mutexattr_destroy (&attributes);
}

static void
prepare (void)
{
  CHECK (signal (SIGUSR1, note_signal) != SIG_ERR);
  make_mutex (&recursive, PTHREAD_MUTEX_RECURSIVE, PTHREAD_MUTEX_STALLED, PTHREAD_PROCESS_PRIVATE);
  make_mutex (&checking, PTHREAD_MUTEX_ERRORCHECK, PTHREAD_MUTEX_STALLED, PTHREAD_PROCESS_PRIVATE);
  make_mutex (&robust, PTHREAD_MUTEX_ERRORCHECK, PTHREAD_MUTEX_ROBUST, PTHREAD_PROCESS_PRIVATE);
  shared_robust
    = mmap (NULL, sizeof *shared_robust, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  CHECK (shared_robust != MAP_FAILED);
  make_mutex (shared_robust, PTHREAD_MUTEX_ERRORCHECK, PTHREAD_MUTEX_ROBUST, PTHREAD_PROCESS_SHARED);
  CHECK ((file = fopen ("/dev/null", "we")) != NULL);
}

static void *
unlock_in_vain (void *unused)
{
  (void) unused;
  return pthread_mutex_unlock (&checking) == EPERM ? &checking : NULL;
}

static void *
lock_and_end (void *unused)
{
  (void) unused;
  return pthread_mutex_lock (&robust) == 0 ? &robust : NULL;
}

static void
use_mutexes (void)
{
  STEP (60, pthread_mutex_lock (&recursive) == 0 && pthread_mutex_lock (&recursive) == 0);
  STEP (61, pthread_mutex_unlock (&recursive) == 0 && pthread_mutex_unlock (&recursive) == 0);
  STEP (62, pthread_mutex_unlock (&recursive) == EPERM);
  STEP (63, pthread_mutex_lock (&checking) == 0 && pthread_mutex_lock (&checking) == EDEADLK);
  STEP (64, pthread_mutex_unlock (&checking) == 0);
  STEP (65, pthread_mutex_lock (&robust) == 0 && pthread_mutex_lock (&robust) == EDEADLK);
  STEP (66, pthread_mutex_unlock (&robust) == 0);
  /* The kernel passes this one on when the child ends. */
  int error = pthread_mutex_lock (shared_robust);
  STEP (67, error == 0 || (error == EOWNERDEAD && pthread_mutex_consistent (shared_robust) == 0));
}

static void
in_thread (int step, void *(*function) (void *))
{
  pthread_t thread;
  void *result;
  STEP (step, pthread_create (&thread, NULL, function, NULL) == 0);
  STEP (step, pthread_join (thread, &result) == 0 && result);
}

static void
use_threads (void)
{
  STEP (90, pthread_mutex_lock (&checking) == 0);
  in_thread (91, unlock_in_vain);
  STEP (92, pthread_mutex_unlock (&checking) == 0);
  in_thread (93, lock_and_end);
  STEP (94, pthread_mutex_lock (&robust) == EOWNERDEAD && pthread_mutex_consistent (&robust) == 0);
  STEP (95, pthread_mutex_unlock (&robust) == 0);
}

static void
use_memory (void)
{
  char *blocks[100];
  for (size_t i = 0; i < 100; i++)
    STEP (50, (blocks[i] = malloc (i * i + 1)) != NULL);
  for (size_t i = 0; i < 100; i++)
    {
      memset (blocks[i], 1, i * i + 1);
      free (blocks[i]);
    }
  char *block = calloc (1, 1 << 20);
  STEP (51, block && (block = realloc (block, 3 << 20)));
  free (block);
}

static void
use_stdio (void)
{
  char *text = NULL;
  size_t size;
  FILE *memory = open_memstream (&text, &size);
  STEP (52, memory && fprintf (memory, "%d %s", 12, "words") == 8 && fclose (memory) == 0);
  STEP (53, strcmp (text, "12 words") == 0);
  free (text);
  STEP (54, fprintf (file, "inherited\n") == 10 && fflush (file) == 0);
}

static void
use_signals (void)
{
  raised = 0;
  STEP (70, raise (SIGUSR1) == 0 && raised == 1);
  pid_t thread = (pid_t) syscall (SYS_gettid);
  STEP (71, syscall (SYS_tgkill, getpid (), thread, SIGUSR1) == 0 && raised == 2);
  STEP (72, getpid () == thread);
}

static void
use_loader (void)
{
  void *library = dlopen ("libm.so.6", RTLD_NOW | RTLD_LOCAL);
  STEP (58, library && dlsym (library, "sin") && dlclose (library) == 0);
}

static void
use_most (void)
{
  char bytes[16];
  alarm (PATIENCE);
  use_memory ();
  use_stdio ();
  STEP (57, getrandom (bytes, sizeof bytes, 0) == sizeof bytes);
  use_signals ();
  use_mutexes ();
}

_Noreturn static void
use_most_and_leave (void)
{
  use_most ();
  _exit (FINE);
}

_Noreturn static void
use_everything (void)
{
  alarm (PATIENCE);
  use_loader ();
  use_threads ();
  use_most ();
  exit (FINE);
}

_Noreturn static void
use_the_async_signal_safe (void)
{
  struct timespec now;
  sigset_t mask;
  int status = -1;
  alarm (PATIENCE);
  use_signals ();
  STEP (80, clock_gettime (CLOCK_MONOTONIC, &now) == 0);
  STEP (81, sigprocmask (SIG_SETMASK, NULL, &mask) == 0 && !sigismember (&mask, SIGUSR1));
  STEP (82, write (fileno (file), "x", 1) == 1);
  int pidfd = pidfd_fork (PIDFDFORK_ASYNCSAFE);
  STEP (83, pidfd >= 0);
  if (pidfd == 0)
    _exit (raise (SIGUSR1) == 0 && raised == 3 ? 7 : 8);
  pid_t child = pidfd_getpid (pidfd);
  STEP (84, waitpid (child, &status, 0) == child && WIFEXITED (status) && WEXITSTATUS (status) == 7);
  STEP (85, close (pidfd) == 0);
  _exit (FINE);
}

/* Several children live at the same time. */
static void
fork_many (unsigned int flags, void (*child) (void), int count)
{
  int pidfds[AT_ONCE] = { 0 };
  for (int i = 0; i < count + AT_ONCE; i++)
    {
      int *pidfd = &pidfds[i % AT_ONCE];
      if (*pidfd > 0)
        CHECK_EXIT (*pidfd, FINE);
      *pidfd = 0;
      if (i >= count)
        continue;
      *pidfd = pidfd_fork (flags);
      if (*pidfd == 0)
        child ();
      CHECK (*pidfd > 0);
    }
}

static void
fork_beside_busy_threads (unsigned int flags, bool loads, void (*child) (void))
{
  const char *number = getenv ("FORKS");
  prepare ();
  start_busy_threads (loads);
  fork_many (flags, child, number ? atoi (number) : FORKS);
  end_busy_threads ();
  if (flags == 0)
    {
      /* Every child ended as its owner. */
      CHECK_EQ (pthread_mutex_lock (shared_robust), EOWNERDEAD);
      CHECK_EQ (pthread_mutex_consistent (shared_robust), 0);
      CHECK_EQ (pthread_mutex_unlock (shared_robust), 0);
    }
  fclose (file);
}

TEST (the_child_can_use_the_whole_library)
{
  if (NOT_GLIBC)
    SKIP ("with musl the child of a process with busy threads can hang, after its own fork too");
  fork_beside_busy_threads (0, false, use_everything);
}

TEST (the_child_of_a_loading_process_can_use_most)
{
  fork_beside_busy_threads (0, true, use_most_and_leave);
}

TEST (the_async_signal_safe_child_can_use_what_is_safe)
{
  fork_beside_busy_threads (PIDFDFORK_ASYNCSAFE, true, use_the_async_signal_safe);
}

/* The same with no busy thread, with one and with eight; the child makes threads of its own as well. */

static void *
nothing (void *argument)
{
  return argument;
}

/* What only a child with a sound libc can do; hangs or fails in another. */
static void
use_the_libc (void)
{
  char *text = NULL;
  size_t size = 0;
  void *blocks[64];
  for (size_t i = 0; i < 64; i++)
    CHECK ((blocks[i] = malloc (i * i * 41 + 1)) != NULL);
  for (size_t i = 0; i < 64; i++)
    free (blocks[i]);

  FILE *memory = open_memstream (&text, &size);
  CHECK (memory != NULL);
  CHECK (fprintf (memory, "%s %d", "text", 12) > 0);
  CHECK_EQ (fclose (memory), 0);
  CHECK_STR (text, "text 12");
  free (text);
  CHECK_EQ (fflush (stdout), 0);

  pthread_t threads[4];
  void *result;
  for (int i = 0; i < 4; i++)
    CHECK_EQ (pthread_create (&threads[i], NULL, nothing, &blocks[i]), 0);
  for (int i = 0; i < 4; i++)
    {
      CHECK_EQ (pthread_join (threads[i], &result), 0);
      CHECK (result == &blocks[i]);
    }
}

/* Threads that are inside malloc and stdio most of the time. */
static volatile bool busy_enough;

static void *
be_busy (void *unused)
{
  FILE *null = fopen ("/dev/null", "we");
  CHECK (null != NULL);
  while (!busy_enough)
    {
      allocate_and_print ();
      fprintf (null, "%d\n", 1);
      fflush (null);
    }
  fclose (null);
  return unused;
}

static void
check_libc_with_busy_threads (int count)
{
  pthread_t threads[8];
  busy_enough = false;
  for (int i = 0; i < count; i++)
    CHECK_EQ (pthread_create (&threads[i], NULL, be_busy, NULL), 0);
  for (int i = 0; i < 40; i++)
    {
      int pidfd = fork_by (0);
      if (pidfd == 0)
        {
          use_the_libc ();
          _exit (FINE);
        }
      wait_for_end (pidfd);
      CHECK_EXIT (pidfd, FINE);
    }
  busy_enough = true;
  for (int i = 0; i < count; i++)
    CHECK_EQ (pthread_join (threads[i], NULL), 0);
}

TEST (the_child_can_use_malloc_stdio_and_threads)
{
  check_libc_with_busy_threads (0);
}

TEST (the_child_can_use_malloc_stdio_and_threads_beside_a_busy_one)
{
  check_libc_with_busy_threads (1);
}

TEST (the_child_can_use_malloc_stdio_and_threads_beside_eight_busy_ones)
{
  check_libc_with_busy_threads (8);
}
