/* SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * What the libc knows of itself in a child of pidfd_fork: its thread ID, its mutexes, its loader, its exit.  The child
 * must be a complete one, as after the libc's own fork. */

#include "fork.h"

#include <dlfcn.h>

/* The libc's state in the child. */

static volatile sig_atomic_t usr1_count;
static volatile pid_t usr1_thread, usr1_process;

static void
note_usr1 (int signal)
{
  (void) signal;
  usr1_count++;
  usr1_thread = (pid_t) syscall (SYS_gettid);
  usr1_process = (pid_t) syscall (SYS_getpid);
}

static void
await_usr1 (void)
{
  struct sigaction noting = { .sa_handler = note_usr1 };
  CHECK (sigaction (SIGUSR1, &noting, NULL) == 0);
}

EACH_CALLER (raise_reaches_the_thread_of_the_child)
{
  await_usr1 ();
  int pidfd = fork_by (flags);
  if (pidfd == 0)
    {
      pid_t self = (pid_t) syscall (SYS_getpid);
      CHECK_EQ (getpid (), self);
      CHECK_EQ (syscall (SYS_gettid), self);
      CHECK_EQ (raise (SIGUSR1), 0);
      CHECK_EQ (usr1_count, 1);
      CHECK_EQ (usr1_thread, self);
      CHECK_EQ (pthread_kill (pthread_self (), SIGUSR1), 0);
      CHECK_EQ (usr1_count, 2);
      CHECK_EQ (usr1_process, self);
      _exit (FINE);
    }
  CHECK_EXIT (pidfd, FINE);
  CHECK_EQ (usr1_count, 0);
}

static void *
signal_thread (void *thread)
{
  return (void *) (intptr_t) pthread_kill (*(pthread_t *) thread, SIGUSR1);
}

PLAIN (a_thread_of_the_child_can_signal_the_one_that_forked)
{
  /* Here the libc must take the ID that it has stored. */
  await_usr1 ();
  int pidfd = fork_by (flags);
  if (pidfd == 0)
    {
      pthread_t forker = pthread_self (), thread;
      void *result;
      CHECK_EQ (pthread_create (&thread, NULL, signal_thread, &forker), 0);
      CHECK_EQ (pthread_join (thread, &result), 0);
      CHECK_EQ ((intptr_t) result, 0);
      while (usr1_count == 0)
        sched_yield ();
      CHECK_EQ (usr1_thread, getpid ());
      CHECK_EQ (usr1_process, getpid ());
      _exit (FINE);
    }
  CHECK_EXIT (pidfd, FINE);
  CHECK_EQ (usr1_count, 0);
}

TEST (a_thread_of_an_asyncsafe_child_can_signal_the_one_that_forked)
{
  a_thread_of_the_child_can_signal_the_one_that_forked (PIDFDFORK_ASYNCSAFE);
}

static void
init_mutex (pthread_mutex_t *mutex, int type, bool robust, bool shared)
{
  pthread_mutexattr_t attributes;
  CHECK_EQ (pthread_mutexattr_init (&attributes), 0);
  CHECK_EQ (pthread_mutexattr_settype (&attributes, type), 0);
  if (robust)
    CHECK_EQ (pthread_mutexattr_setrobust (&attributes, PTHREAD_MUTEX_ROBUST), 0);
  if (shared)
    CHECK_EQ (pthread_mutexattr_setpshared (&attributes, PTHREAD_PROCESS_SHARED), 0);
  CHECK_EQ (pthread_mutex_init (mutex, &attributes), 0);
}

EACH_CALLER (a_recursive_mutex_knows_the_child)
{
  pthread_mutex_t mutex;
  init_mutex (&mutex, PTHREAD_MUTEX_RECURSIVE, false, false);
  int pidfd = fork_by (flags);
  if (pidfd == 0)
    {
      CHECK_EQ (pthread_mutex_lock (&mutex), 0);
      CHECK_EQ (pthread_mutex_trylock (&mutex), 0);
      CHECK_EQ (pthread_mutex_unlock (&mutex), 0);
      CHECK_EQ (pthread_mutex_unlock (&mutex), 0);
      CHECK_EQ (pthread_mutex_unlock (&mutex), EPERM);
      _exit (FINE);
    }
  CHECK_EXIT (pidfd, FINE);
}

EACH_CALLER (an_error_checking_mutex_knows_the_child)
{
  pthread_mutex_t mutex;
  init_mutex (&mutex, PTHREAD_MUTEX_ERRORCHECK, false, false);
  int pidfd = fork_by (flags);
  if (pidfd == 0)
    {
      CHECK_EQ (pthread_mutex_lock (&mutex), 0);
      CHECK_EQ (pthread_mutex_lock (&mutex), EDEADLK);
      CHECK_EQ (pthread_mutex_unlock (&mutex), 0);
      CHECK_EQ (pthread_mutex_unlock (&mutex), EPERM);
      _exit (FINE);
    }
  CHECK_EXIT (pidfd, FINE);
}

#ifdef __GLIBC__
EACH_CALLER (the_owner_of_a_mutex_is_the_child)
{
  /* The ID that the libc has stored, which no function shows. */
  pthread_mutex_t mutex;
  init_mutex (&mutex, PTHREAD_MUTEX_ERRORCHECK, false, false);
  pid_t parent = (pid_t) syscall (SYS_gettid);
  int pidfd = fork_by (flags);
  if (pidfd == 0)
    {
      CHECK_EQ (pthread_mutex_lock (&mutex), 0);
      CHECK_EQ (mutex.__data.__owner, getpid ());
      _exit (FINE);
    }
  CHECK_EQ (pthread_mutex_lock (&mutex), 0);
  CHECK_EQ (mutex.__data.__owner, parent);
  CHECK_EXIT (pidfd, FINE);
}
#endif

static pthread_mutex_t *
shared_robust_mutex (void)
{
  pthread_mutex_t *mutex = mmap (NULL, sizeof *mutex, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  CHECK (mutex != MAP_FAILED);
  init_mutex (mutex, PTHREAD_MUTEX_ERRORCHECK, true, true);
  return mutex;
}

EACH_CALLER (a_robust_mutex_of_a_dead_child_is_passed_on)
{
  /* Works only if the kernel knows the child's list of such mutexes, and the lock holds the child's ID. */
  pthread_mutex_t *mutex = shared_robust_mutex ();
  int pidfd = fork_by (flags);
  if (pidfd == 0)
    {
      CHECK_EQ (pthread_mutex_lock (mutex), 0);
      CHECK_EQ (pthread_mutex_lock (mutex), EDEADLK);
      _exit (FINE);
    }
  CHECK_EXIT (pidfd, FINE);
  CHECK_EQ (pthread_mutex_lock (mutex), EOWNERDEAD);
  CHECK_EQ (pthread_mutex_consistent (mutex), 0);
  CHECK_EQ (pthread_mutex_unlock (mutex), 0);
}

EACH_CALLER (a_robust_mutex_of_the_parent_survives_the_child)
{
  pthread_mutex_t *mutex = shared_robust_mutex ();
  CHECK_EQ (pthread_mutex_lock (mutex), 0);
  int pidfd = fork_by (flags);
  if (pidfd == 0)
    {
      CHECK_EQ (pthread_mutex_trylock (mutex), EBUSY);
      _exit (FINE);
    }
  CHECK_EXIT (pidfd, FINE);
  CHECK_EQ (pthread_mutex_lock (mutex), EDEADLK);
  CHECK_EQ (pthread_mutex_unlock (mutex), 0);
}

/* The kernel's list of the thread's robust mutexes, or NULL. */
static void **
robust_list (void)
{
  void **head = NULL;
  size_t size;
  CHECK (syscall (SYS_get_robust_list, 0, &head, &size) == 0);
  return head;
}

EACH_CALLER (a_robust_mutex_of_the_parent_is_not_in_the_list_of_the_child)
{
  pthread_mutex_t *mutex = shared_robust_mutex ();
  CHECK_EQ (pthread_mutex_lock (mutex), 0);
  void **list = robust_list ();
  CHECK (list != NULL && *list != list);
  int pidfd = fork_by (flags);
  if (pidfd == 0)
    {
      list = robust_list ();
      CHECK (list == NULL || *list == list);
      _exit (FINE);
    }
  CHECK_EXIT (pidfd, FINE);
  list = robust_list ();
  CHECK (list != NULL && *list != list);
  CHECK_EQ (pthread_mutex_unlock (mutex), 0);
}

/* What a mutex of each kind, locked before the fork, answers in the child. */
struct answers {
  int unlock[4];
};

static void
ask_mutexes (pthread_mutex_t mutexes[4], struct answers *answers)
{
  for (int i = 0; i < 4; i++)
    answers->unlock[i] = pthread_mutex_unlock (&mutexes[i]);
}

EACH_CALLER (mutexes_locked_before_are_as_after_fork)
{
  /* A libc may see the old owner in them or not; what counts is that it sees the same as after its own fork. */
  struct answers *answers
    = mmap (NULL, 2 * sizeof *answers, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  CHECK (answers != MAP_FAILED);
  pthread_mutex_t mutexes[4];
  init_mutex (&mutexes[0], PTHREAD_MUTEX_NORMAL, false, false);
  init_mutex (&mutexes[1], PTHREAD_MUTEX_RECURSIVE, false, false);
  init_mutex (&mutexes[2], PTHREAD_MUTEX_ERRORCHECK, false, false);
  init_mutex (&mutexes[3], PTHREAD_MUTEX_NORMAL, true, false);
  for (int i = 0; i < 4; i++)
    CHECK_EQ (pthread_mutex_lock (&mutexes[i]), 0);

  pid_t pid = fork ();
  if (pid == 0)
    {
      ask_mutexes (mutexes, &answers[0]);
      _exit (FINE);
    }
  CHECK_EQ (waitpid (pid, NULL, 0), pid);
  int pidfd = fork_by (flags);
  if (pidfd == 0)
    {
      ask_mutexes (mutexes, &answers[1]);
      _exit (FINE);
    }
  CHECK_EXIT (pidfd, FINE);
  for (int i = 0; i < 4; i++)
    {
      CHECK_EQ (answers[1].unlock[i], answers[0].unlock[i]);
      CHECK_EQ (pthread_mutex_unlock (&mutexes[i]), 0);
    }
  CHECK_EQ (answers[1].unlock[0], 0);
}

PLAIN (the_child_can_use_the_loader)
{
#if defined __GLIBC__ && __GLIBC_MINOR__ < 34
  (void) flags;
  SKIP ("the loader's functions are in another library");
#else
  void *program = dlopen (NULL, RTLD_NOW);
  if (!program)
    SKIP ("linked statically");
  dlclose (program);
  int pidfd = fork_by (flags);
  if (pidfd == 0)
    {
      program = dlopen (NULL, RTLD_NOW);
      CHECK (program != NULL);
      CHECK (dlsym (program, "getppid") != NULL);
      CHECK_EQ (dlclose (program), 0);
      _exit (FINE);
    }
  CHECK_EXIT (pidfd, FINE);
#endif
}

PLAIN (the_child_can_spawn)
{
  int pidfd = fork_by (flags);
  if (pidfd == 0)
    {
      char *argv[] = { (char *) "sh", (char *) "-c", (char *) "exit 3", NULL };
      int inner = -1;
      CHECK_EQ (SPAWN (&inner, "/bin/sh", NULL, NULL, argv, environ), 0);
      CHECK_EXIT (inner, 3);
      _exit (FINE);
    }
  CHECK_EXIT (pidfd, FINE);
}

static int exit_paper;

static void
sign_at_exit (void)
{
  dprintf (exit_paper, "%d", (int) getpid ());
}

TEST (the_child_can_end_by_exit)
{
  exit_paper = open (test_path ("paper"), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  CHECK (exit_paper >= 0);
  CHECK_EQ (atexit (sign_at_exit), 0);
  FILE *unwritten = fdopen (dup (exit_paper), "a");
  fprintf (unwritten, "by ");
  int pidfd = fork_by (0);
  if (pidfd == 0)
    exit (FINE);
  siginfo_t info = reap (pidfd);
  CHECK_EQ (info.si_code, CLD_EXITED);
  CHECK_EQ (info.si_status, FINE);
  /* Handlers first, then what was buffered; as exit does it anywhere. */
  CHECK_STR (read_file (test_path ("paper")), format ("%dby ", (int) info.si_pid));
  close (exit_paper);
  fclose (unwritten);
}
