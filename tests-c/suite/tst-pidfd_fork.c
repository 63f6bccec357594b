/* SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * pidfd_fork: fork (flags 0) or _Fork (PIDFDFORK_ASYNCSAFE) that gives the parent a pidfd.
 *
 * The child must be a complete one: its libc knows the new thread ID, its mask is the caller's, nothing that was needed
 * to name it is left in it.  And the pidfd must be the child's, whatever the rest of the process does with children. */

#include "runner.h"

#include <dlfcn.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/time.h>

enum {
  FINE = 40,
  THREADS = 7,
  CHILDREN = 200,
  LONG = 10000, /* milliseconds in which a thing that happens at all has happened */
};

#define P_PIDFD_ ((idtype_t) 3)

/* The process has many threads between the two; all but the caller only wait. */

static pthread_mutex_t door = PTHREAD_MUTEX_INITIALIZER;
static pthread_t crowd[THREADS];

static void *
wait_at_the_door (void *unused)
{
  pthread_mutex_lock (&door);
  pthread_mutex_unlock (&door);
  return unused;
}

static void
gather (void)
{
  pthread_mutex_lock (&door);
  for (int i = 0; i < THREADS; i++)
    CHECK_EQ (pthread_create (&crowd[i], NULL, wait_at_the_door, NULL), 0);
}

static void
disperse (void)
{
  pthread_mutex_unlock (&door);
  for (int i = 0; i < THREADS; i++)
    CHECK_EQ (pthread_join (crowd[i], NULL), 0);
}

struct call {
  void (*body) (unsigned int flags);
  unsigned int flags;
};

static void *
make_call (void *call_)
{
  const struct call *call = call_;
  call->body (call->flags);
  return NULL;
}

/* The body in a thread that is not the first, among others. */
static void
in_a_thread (void (*body) (unsigned int flags), unsigned int flags)
{
  struct call call = { body, flags };
  pthread_t thread;
  gather ();
  CHECK_EQ (pthread_create (&thread, NULL, make_call, &call), 0);
  CHECK_EQ (pthread_join (thread, NULL), 0);
  disperse ();
}

static void
among_threads (void (*body) (unsigned int flags), unsigned int flags)
{
  gather ();
  body (flags);
  disperse ();
}

/* A claim that holds for both kinds of fork, whoever calls. */
#define EACH_WAY(name_)                                                                                                \
  static void name_ (unsigned int flags);                                                                              \
  TEST (name_##_plain)                                                                                                 \
  {                                                                                                                    \
    name_ (0);                                                                                                         \
  }                                                                                                                    \
  TEST (name_##_plain_among_threads)                                                                                   \
  {                                                                                                                    \
    among_threads (name_, 0);                                                                                          \
  }                                                                                                                    \
  TEST (name_##_plain_in_a_thread)                                                                                     \
  {                                                                                                                    \
    in_a_thread (name_, 0);                                                                                            \
  }                                                                                                                    \
  TEST (name_##_asyncsafe)                                                                                             \
  {                                                                                                                    \
    name_ (PIDFDFORK_ASYNCSAFE);                                                                                       \
  }                                                                                                                    \
  TEST (name_##_asyncsafe_among_threads)                                                                               \
  {                                                                                                                    \
    among_threads (name_, PIDFDFORK_ASYNCSAFE);                                                                        \
  }                                                                                                                    \
  TEST (name_##_asyncsafe_in_a_thread)                                                                                 \
  {                                                                                                                    \
    in_a_thread (name_, PIDFDFORK_ASYNCSAFE);                                                                          \
  }                                                                                                                    \
  static void name_ (unsigned int flags)

/* A claim about flags 0 alone: the child may do whatever it likes. */
#define PLAIN(name_)                                                                                                   \
  static void name_ (unsigned int flags);                                                                              \
  TEST (name_)                                                                                                         \
  {                                                                                                                    \
    name_ (0);                                                                                                         \
  }                                                                                                                    \
  TEST (name_##_among_threads)                                                                                         \
  {                                                                                                                    \
    among_threads (name_, 0);                                                                                          \
  }                                                                                                                    \
  TEST (name_##_in_a_thread)                                                                                           \
  {                                                                                                                    \
    in_a_thread (name_, 0);                                                                                            \
  }                                                                                                                    \
  static void name_ (unsigned int flags)

/* A claim about both kinds that brings threads of its own, or none. */
#define BOTH_KINDS(name_)                                                                                              \
  static void name_ (unsigned int flags);                                                                              \
  TEST (name_##_plain)                                                                                                 \
  {                                                                                                                    \
    name_ (0);                                                                                                         \
  }                                                                                                                    \
  TEST (name_##_asyncsafe)                                                                                             \
  {                                                                                                                    \
    name_ (PIDFDFORK_ASYNCSAFE);                                                                                       \
  }                                                                                                                    \
  static void name_ (unsigned int flags)

static int
fork_by (unsigned int flags)
{
  int pidfd = pidfd_fork (flags);
  CHECK (pidfd >= 0);
  return pidfd;
}

/* The number behind a pidfd, as procfs tells it. */
static pid_t
pid_by_procfs (int pidfd)
{
  char path[64], line[128];
  snprintf (path, sizeof path, "/proc/self/fdinfo/%d", pidfd);
  FILE *info = fopen (path, "re");
  CHECK (info != NULL);
  int pid = -2;
  while (fgets (line, sizeof line, info))
    if (sscanf (line, "Pid: %d", &pid) == 1)
      break;
  fclose (info);
  return pid;
}

/* A child that tells its ID and then lives until it is allowed to end. */
struct witness {
  int pidfd, go;
  pid_t pid;
};

static struct witness
fork_witness (unsigned int flags)
{
  struct witness witness;
  int tell[2], go[2];
  CHECK (pipe2 (tell, O_CLOEXEC) == 0);
  CHECK (pipe2 (go, O_CLOEXEC) == 0);
  witness.pidfd = fork_by (flags);
  if (witness.pidfd == 0)
    {
      pid_t self = getpid ();
      char byte;
      CHECK_EQ (write (tell[1], &self, sizeof self), sizeof self);
      CHECK_EQ (read (go[0], &byte, 1), 1);
      _exit (FINE);
    }
  CHECK_EQ (read (tell[0], &witness.pid, sizeof witness.pid), sizeof witness.pid);
  close (tell[0]);
  close (tell[1]);
  close (go[0]);
  witness.go = go[1];
  return witness;
}

static void
check_witness (struct witness witness)
{
  CHECK_EQ (pidfd_getpid (witness.pidfd), witness.pid);
  CHECK_EQ (pid_by_procfs (witness.pidfd), witness.pid);
}

static void
let_go (struct witness witness)
{
  CHECK_EQ (write (witness.go, "", 1), 1);
  close (witness.go);
}

static void
wait_for_end (int pidfd)
{
  struct pollfd wanted = { .fd = pidfd, .events = POLLIN };
  int result;
  do
    result = poll (&wanted, 1, LONG);
  while (result == -1 && errno == EINTR);
  if (result != 1)
    FAIL ("the process behind the pidfd does not end: it is none of ours");
}

/* What the two sides get. */

EACH_WAY (the_child_gets_0_and_the_parent_its_pidfd)
{
  struct witness witness = fork_witness (flags);
  CHECK (witness.pidfd > 0);
  check_witness (witness);
  let_go (witness);
  siginfo_t info = reap (witness.pidfd);
  CHECK_EQ (info.si_pid, witness.pid);
  CHECK_EQ (info.si_code, CLD_EXITED);
  CHECK_EQ (info.si_status, FINE);
}

EACH_WAY (the_child_is_a_process_of_its_own)
{
  static volatile int variable;
  static __thread volatile int of_the_thread;
  pid_t parent = getpid ();
  pthread_t thread = pthread_self ();
  variable = of_the_thread = 1;
  int pidfd = fork_by (flags);
  if (pidfd == 0)
    {
      CHECK (getpid () != parent);
      CHECK_EQ (getppid (), parent);
      CHECK (pthread_equal (pthread_self (), thread));
      CHECK_EQ (variable, 1);
      CHECK_EQ (of_the_thread, 1);
      variable = of_the_thread = 2;
      _exit (FINE);
    }
  CHECK_EQ (getpid (), parent);
  CHECK_EXIT (pidfd, FINE);
  CHECK_EQ (variable, 1);
  CHECK_EQ (of_the_thread, 1);
}

EACH_WAY (the_pidfd_is_close_on_exec)
{
  int pidfd = fork_by (flags);
  if (pidfd == 0)
    _exit (FINE);
  CHECK_EQ (fcntl (pidfd, F_GETFD), FD_CLOEXEC);
  CHECK_EXIT (pidfd, FINE);
}

EACH_WAY (errno_is_kept)
{
  errno = EXDEV;
  int pidfd = pidfd_fork (flags);
  int error = errno;
  if (pidfd == 0)
    _exit (error == EXDEV ? FINE : error);
  CHECK_EQ (error, EXDEV);
  CHECK_EXIT (pidfd, FINE);
}

static volatile sig_atomic_t chld_count, chld_pid;

static void
note_chld (int signal, siginfo_t *info, void *context)
{
  (void) signal, (void) context;
  chld_count++;
  chld_pid = info->si_pid;
}

static void
count_chld (void)
{
  struct sigaction noting = { .sa_sigaction = note_chld, .sa_flags = SA_SIGINFO | SA_RESTART };
  chld_count = chld_pid = 0;
  CHECK (sigaction (SIGCHLD, &noting, NULL) == 0);
}

BOTH_KINDS (the_end_of_the_child_sends_SIGCHLD)
{
  count_chld ();
  struct witness witness = fork_witness (flags);
  let_go (witness);
  siginfo_t info = reap (witness.pidfd);
  CHECK_EQ (info.si_status, FINE);
  CHECK_EQ (chld_count, 1);
  CHECK_EQ (chld_pid, witness.pid);
}

EACH_WAY (waitpid_knows_the_child)
{
  /* Without __WALL or __WCLONE: the exit signal is SIGCHLD. */
  struct witness witness = fork_witness (flags);
  close (witness.pidfd);
  let_go (witness);
  int status;
  CHECK_EQ (waitpid (witness.pid, &status, 0), witness.pid);
  CHECK (WIFEXITED (status));
  CHECK_EQ (WEXITSTATUS (status), FINE);
}

EACH_WAY (the_child_can_fork_again)
{
  int pidfd = fork_by (flags);
  if (pidfd == 0)
    {
      struct witness witness = fork_witness (flags);
      CHECK_EQ (pidfd_getpid (witness.pidfd), witness.pid);
      let_go (witness);
      CHECK_EXIT (witness.pidfd, FINE);
      _exit (FINE);
    }
  CHECK_EXIT (pidfd, FINE);
}

BOTH_KINDS (many_children_at_once)
{
  enum { COUNT = 50 };
  struct witness witnesses[COUNT];
  for (int i = 0; i < COUNT; i++)
    witnesses[i] = fork_witness (flags);
  for (int i = 0; i < COUNT; i++)
    check_witness (witnesses[i]);
  for (int i = 0; i < COUNT; i++)
    {
      let_go (witnesses[i]);
      CHECK_EQ (reap (witnesses[i].pidfd).si_pid, witnesses[i].pid);
    }
}

/* Flags. */

TEST (an_unknown_flag_is_EINVAL_and_makes_no_child)
{
  const unsigned int unknown[] = { 1U, 1U << 2, 1U << 3, 1U << 16, 1U << 31, ~0U };
  count_chld ();
  for (size_t i = 0; i < sizeof unknown / sizeof unknown[0]; i++)
    {
      int result = pidfd_fork (unknown[i]);
      if (result == 0)
        _exit (FINE);
      CHECK_EQ (result, -1);
      CHECK_EQ (errno, EINVAL);
      CHECK_NO_CHILD ();
    }
  CHECK_EQ (chld_count, 0);
}

TEST (an_unknown_flag_beside_the_known_one_is_EINVAL)
{
  for (int bit = 0; bit < 32; bit++)
    if (1U << bit != PIDFDFORK_ASYNCSAFE)
      {
        int result = pidfd_fork (PIDFDFORK_ASYNCSAFE | 1U << bit);
        if (result == 0)
          _exit (FINE);
        CHECK_EQ (result, -1);
        CHECK_EQ (errno, EINVAL);
      }
  CHECK_NO_CHILD ();
}

/* Handlers of pthread_atfork. */

static char journal[64];

static void
note (const char *word)
{
  strcat (journal, word);
}

#define HANDLERS(number)                                                                                               \
  static void prepare_##number (void)                                                                                  \
  {                                                                                                                    \
    note (" prepare" #number);                                                                                         \
  }                                                                                                                    \
  static void parent_##number (void)                                                                                   \
  {                                                                                                                    \
    note (" parent" #number);                                                                                          \
  }                                                                                                                    \
  static void child_##number (void)                                                                                    \
  {                                                                                                                    \
    note (" child" #number);                                                                                           \
  }

HANDLERS (1)
HANDLERS (2)

static void
register_handlers (void)
{
  CHECK_EQ (pthread_atfork (prepare_1, parent_1, child_1), 0);
  CHECK_EQ (pthread_atfork (prepare_2, parent_2, child_2), 0);
  journal[0] = 0;
}

PLAIN (handlers_run_once_and_in_order)
{
  register_handlers ();
  int pidfd = fork_by (flags);
  if (pidfd == 0)
    {
      CHECK_STR (journal, " prepare2 prepare1 child1 child2");
      _exit (FINE);
    }
  CHECK_STR (journal, " prepare2 prepare1 parent1 parent2");
  CHECK_EXIT (pidfd, FINE);
}

static int seen_in_prepare, seen_in_parent, seen_in_child;

static void
look_in_prepare (void)
{
  seen_in_prepare = getpid ();
}

static void
look_in_parent (void)
{
  seen_in_parent = getpid ();
}

static void
look_in_child (void)
{
  seen_in_child = getpid ();
}

TEST (handlers_run_in_the_process_that_they_are_for)
{
  CHECK_EQ (pthread_atfork (look_in_prepare, look_in_parent, look_in_child), 0);
  int pidfd = fork_by (0);
  if (pidfd == 0)
    {
      CHECK_EQ (seen_in_prepare, getppid ());
      CHECK_EQ (seen_in_child, getpid ());
      CHECK_EQ (seen_in_parent, 0);
      _exit (FINE);
    }
  CHECK_EQ (seen_in_prepare, getpid ());
  CHECK_EQ (seen_in_parent, getpid ());
  CHECK_EQ (seen_in_child, 0);
  CHECK_EXIT (pidfd, FINE);
}

static void
check_no_handler (unsigned int flags)
{
  register_handlers ();
  int pidfd = fork_by (flags);
  if (pidfd == 0)
    {
      CHECK_STR (journal, "");
      _exit (FINE);
    }
  CHECK_STR (journal, "");
  CHECK_EXIT (pidfd, FINE);
}

TEST (asyncsafe_runs_no_handler)
{
  check_no_handler (PIDFDFORK_ASYNCSAFE);
}

TEST (asyncsafe_runs_no_handler_among_threads)
{
  among_threads (check_no_handler, PIDFDFORK_ASYNCSAFE);
}

TEST (an_unknown_flag_runs_no_handler)
{
  register_handlers ();
  CHECK_ERRNO (pidfd_fork (1U << 5), EINVAL);
  CHECK_STR (journal, "");
}

/* From a signal handler. */

static volatile int pidfd_of_handler;
static volatile sig_atomic_t forks_of_handler;
static int pidfds_of_handler[CHILDREN];
static volatile sig_atomic_t child_returns;

static void
fork_in_handler (int signal)
{
  (void) signal;
  /* On a busy machine the next signal may be there before the work goes on, again and again. */
  if (forks_of_handler == CHILDREN)
    return;
  int error = errno;
  int pidfd = pidfd_fork (PIDFDFORK_ASYNCSAFE);
  if (pidfd == 0 && !child_returns)
    _exit (FINE);
  pidfd_of_handler = pidfd;
  pidfds_of_handler[forks_of_handler++] = pidfd;
  errno = error;
}

static void
handle_by_forking (int signal)
{
  struct sigaction forking = { .sa_handler = fork_in_handler, .sa_flags = SA_RESTART };
  CHECK (sigaction (signal, &forking, NULL) == 0);
}

TEST (asyncsafe_in_a_signal_handler)
{
  handle_by_forking (SIGUSR1);
  CHECK_EQ (raise (SIGUSR1), 0);
  CHECK (pidfd_of_handler > 0);
  CHECK_EXIT (pidfd_of_handler, FINE);
}

TEST (a_child_that_returns_from_the_handler_goes_on_with_the_callers_mask)
{
  sigset_t before, after;
  syscall (SYS_rt_sigprocmask, SIG_BLOCK, NULL, &before, 8);
  handle_by_forking (SIGUSR1);
  child_returns = 1;
  CHECK_EQ (raise (SIGUSR1), 0);
  syscall (SYS_rt_sigprocmask, SIG_BLOCK, NULL, &after, 8);
  CHECK (memcmp (&before, &after, 8) == 0);
  if (pidfd_of_handler == 0)
    _exit (FINE);
  CHECK (pidfd_of_handler > 0);
  CHECK_EXIT (pidfd_of_handler, FINE);
}

/* A signal every now and then while the work is done, until the handler has forked enough. */
static void
interrupt (void (*work) (void))
{
  handle_by_forking (SIGALRM);
  struct itimerval often = { { 0, 500 }, { 0, 500 } }, never = { { 0, 0 }, { 0, 0 } };
  CHECK (setitimer (ITIMER_REAL, &often, NULL) == 0);
  while (forks_of_handler < CHILDREN / 4)
    work ();
  CHECK (setitimer (ITIMER_REAL, &never, NULL) == 0);
  signal (SIGALRM, SIG_IGN);
  for (int i = 0; i < forks_of_handler; i++)
    {
      CHECK (pidfds_of_handler[i] > 0);
      CHECK_EXIT (pidfds_of_handler[i], FINE);
    }
}

static void
allocate_and_print (void)
{
  char *text = NULL;
  size_t size;
  FILE *memory = open_memstream (&text, &size);
  for (int i = 0; i < 50; i++)
    {
      free (malloc ((size_t) i * 97));
      fprintf (memory, "%d", i);
    }
  fclose (memory);
  free (text);
}

TEST (asyncsafe_in_a_handler_that_interrupts_malloc_and_stdio)
{
  interrupt (allocate_and_print);
}

static void
fork_too (void)
{
  int pidfd = fork_by (PIDFDFORK_ASYNCSAFE);
  if (pidfd == 0)
    _exit (FINE);
  CHECK_EXIT (pidfd, FINE);
}

TEST (asyncsafe_in_a_handler_that_interrupts_asyncsafe)
{
  interrupt (fork_too);
}

static void
fork_too_plainly (void)
{
  int pidfd = fork_by (0);
  if (pidfd == 0)
    _exit (FINE);
  CHECK_EXIT (pidfd, FINE);
}

TEST (asyncsafe_in_a_handler_that_interrupts_plain)
{
  interrupt (fork_too_plainly);
}

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

EACH_WAY (raise_reaches_the_thread_of_the_child)
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

EACH_WAY (a_recursive_mutex_knows_the_child)
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

EACH_WAY (an_error_checking_mutex_knows_the_child)
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
EACH_WAY (the_owner_of_a_mutex_is_the_child)
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

EACH_WAY (a_robust_mutex_of_a_dead_child_is_passed_on)
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

EACH_WAY (a_robust_mutex_of_the_parent_survives_the_child)
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

EACH_WAY (a_robust_mutex_of_the_parent_is_not_in_the_list_of_the_child)
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

EACH_WAY (mutexes_locked_before_are_as_after_fork)
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

/* Signals. */

static void
check_mask (unsigned int flags, const sigset_t *mask)
{
  sigset_t before, now;
  CHECK_EQ (pthread_sigmask (SIG_SETMASK, mask, &before), 0);
  sigset_t wanted, after;
  syscall (SYS_rt_sigprocmask, SIG_BLOCK, NULL, &wanted, 8);
  int pidfd = fork_by (flags);
  syscall (SYS_rt_sigprocmask, SIG_BLOCK, NULL, &after, 8);
  if (pidfd == 0)
    _exit (memcmp (&after, &wanted, 8) == 0 ? FINE : 1);
  CHECK (memcmp (&after, &wanted, 8) == 0);
  CHECK_EQ (pthread_sigmask (SIG_SETMASK, &before, &now), 0);
  CHECK_EXIT (pidfd, FINE);
}

EACH_WAY (the_mask_is_the_callers)
{
  sigset_t mask;
  sigemptyset (&mask);
  check_mask (flags, &mask);
  sigaddset (&mask, SIGUSR2);
  sigaddset (&mask, SIGCHLD);
  sigaddset (&mask, SIGRTMAX);
  check_mask (flags, &mask);
  sigfillset (&mask);
  check_mask (flags, &mask);
}

EACH_WAY (the_dispositions_are_the_callers)
{
  /* Unlike in a spawned program, handlers stay. */
  await_usr1 ();
  signal (SIGUSR2, SIG_IGN);
  int pidfd = fork_by (flags);
  if (pidfd == 0)
    {
      struct sigaction action;
      CHECK (sigaction (SIGUSR1, NULL, &action) == 0);
      CHECK (action.sa_handler == note_usr1);
      CHECK (sigaction (SIGUSR2, NULL, &action) == 0);
      CHECK (action.sa_handler == SIG_IGN);
      CHECK (sigaction (SIGCHLD, NULL, &action) == 0);
      CHECK (action.sa_handler == SIG_DFL);
      _exit (FINE);
    }
  CHECK_EXIT (pidfd, FINE);
}

/* Descriptors. */

EACH_WAY (the_child_has_the_descriptors_of_the_caller)
{
  char *before = descriptor_table ();
  int pidfd = fork_by (flags);
  if (pidfd == 0)
    {
      CHECK_STR (descriptor_table (), before);
      _exit (FINE);
    }
  CHECK_EXIT (pidfd, FINE);
  CHECK_STR (descriptor_table (), before);
}

EACH_WAY (descriptor_0_is_not_used)
{
  int kept = fcntl (0, F_DUPFD_CLOEXEC, 3);
  close (0);
  char *before = descriptor_table ();
  int pidfd = pidfd_fork (flags);
  CHECK (pidfd != -1);
  if (pidfd == 0)
    {
      CHECK (!is_open (0));
      CHECK_STR (descriptor_table (), before);
      _exit (FINE);
    }
  CHECK (!is_open (0));
  CHECK_EXIT (pidfd, FINE);
  CHECK_STR (descriptor_table (), before);
  if (kept >= 0)
    {
      CHECK_EQ (dup2 (kept, 0), 0);
      close (kept);
    }
}

EACH_WAY (descriptors_0_to_2_are_closed)
{
  int kept[3];
  for (int i = 0; i < 3; i++)
    kept[i] = fcntl (i, F_DUPFD_CLOEXEC, 3);
  for (int i = 0; i < 3; i++)
    close (i);
  struct witness witness = fork_witness (flags);
  CHECK (witness.pidfd > 0);
  CHECK_EQ (pidfd_getpid (witness.pidfd), witness.pid);
  let_go (witness);
  CHECK_EXIT (witness.pidfd, FINE);
  for (int i = 0; i < 3; i++)
    if (kept[i] >= 0)
      {
        dup2 (kept[i], i);
        close (kept[i]);
      }
}

/* A child that should not exist ends at once. */
#define CHECK_NO_FORK(flags, error)                                                                                    \
  do                                                                                                                   \
    {                                                                                                                  \
      errno = 0;                                                                                                       \
      int result_ = pidfd_fork (flags), errno_ = errno;                                                                \
      if (result_ == 0)                                                                                                \
        _exit (FINE);                                                                                                  \
      CHECK_EQ (result_, -1);                                                                                          \
      CHECK_EQ (errno_, error);                                                                                        \
      CHECK_NO_CHILD ();                                                                                               \
    }                                                                                                                  \
  while (0)

EACH_WAY (no_free_descriptor_is_EMFILE_and_no_child)
{
  count_chld ();
  use_up_descriptors ();
  for (int i = 0; i < 5; i++)
    CHECK_NO_FORK (flags, EMFILE);
  give_back_descriptors ();
  CHECK_EQ (chld_count, 0);
  int pidfd = fork_by (flags);
  if (pidfd == 0)
    _exit (FINE);
  CHECK_EXIT (pidfd, FINE);
}

BOTH_KINDS (no_free_descriptor_but_0_is_EMFILE)
{
  int kept = fcntl (0, F_DUPFD_CLOEXEC, 3);
  close (0);
  /* 0 is the only hole below the limit, and no answer. */
  struct rlimit limit;
  CHECK (getrlimit (RLIMIT_NOFILE, &limit) == 0);
  rlim_t limit_before = limit.rlim_cur;
  int top = fcntl (2, F_DUPFD_CLOEXEC, 1);
  CHECK (top > 0);
  limit.rlim_cur = (rlim_t) top + 1;
  CHECK (setrlimit (RLIMIT_NOFILE, &limit) == 0);
  CHECK_NO_FORK (flags, EMFILE);
  CHECK (!is_open (0));
  limit.rlim_cur = limit_before;
  CHECK (setrlimit (RLIMIT_NOFILE, &limit) == 0);
  close (top);
  if (kept >= 0)
    {
      dup2 (kept, 0);
      close (kept);
    }
}

BOTH_KINDS (with_no_free_descriptor_the_system_makes_no_process)
{
  int stat = open ("/proc/stat", O_RDONLY | O_CLOEXEC);
  processes_made (stat);
  use_up_descriptors ();
  /* Others make processes as well; once in a while they are fewer than ours would be. */
  enum { CALLS = 50 };
  long made = CALLS;
  for (int i = 0; i < 20 && made >= CALLS; i++)
    {
      long before = processes_made (stat);
      for (int j = 0; j < CALLS; j++)
        CHECK_NO_FORK (flags, EMFILE);
      made = processes_made (stat) - before;
    }
  give_back_descriptors ();
  close (stat);
  CHECK (made < CALLS);
}

TEST (handlers_come_in_pairs_when_no_descriptor_is_free)
{
  /* One that locks in prepare relies on it.  That they do not run at all is right as well. */
  register_handlers ();
  use_up_descriptors ();
  CHECK_NO_FORK (0, EMFILE);
  give_back_descriptors ();
  if (journal[0])
    CHECK_STR (journal, " prepare2 prepare1 parent1 parent2");
}

static void
fork_beyond_the_limit (void *flags)
{
  enum { NOBODYS = 54321 };
  register_handlers ();
  struct rlimit none = { 0, 0 };
  CHECK (setrlimit (RLIMIT_NPROC, &none) == 0);
  CHECK (setresgid (NOBODYS, NOBODYS, NOBODYS) == 0);
  CHECK (setresuid (NOBODYS, NOBODYS, NOBODYS) == 0);
  char *before = descriptor_table ();
  sigset_t mask_before, mask_after;
  syscall (SYS_rt_sigprocmask, SIG_BLOCK, NULL, &mask_before, 8);
  CHECK_NO_FORK (*(unsigned int *) flags, EAGAIN);
  syscall (SYS_rt_sigprocmask, SIG_BLOCK, NULL, &mask_after, 8);
  CHECK (memcmp (&mask_before, &mask_after, 8) == 0);
  CHECK_STR (descriptor_table (), before);
  if (journal[0])
    CHECK_STR (journal, " prepare2 prepare1 parent1 parent2");
}

BOTH_KINDS (no_process_to_be_had_is_EAGAIN_and_leaves_nothing)
{
  need_root ();
  CHECK_EQ (in_fork (fork_beyond_the_limit, &flags), 0);
}

static void *
fork_beyond_the_limit_in_a_thread (void *flags)
{
  fork_beyond_the_limit (flags);
  return NULL;
}

static void
fork_beyond_the_limit_beside_a_thread (void *flags)
{
  pthread_t thread;
  CHECK_EQ (pthread_create (&thread, NULL, fork_beyond_the_limit_in_a_thread, flags), 0);
  CHECK_EQ (pthread_join (thread, NULL), 0);
}

BOTH_KINDS (no_process_to_be_had_is_EAGAIN_in_a_thread)
{
  need_root ();
  CHECK_EQ (in_fork (fork_beyond_the_limit_beside_a_thread, &flags), 0);
}

/* Cancellation. */

EACH_WAY (the_cancel_state_stays)
{
  for (int enabled = 0; enabled < 2; enabled++)
    {
      int before, state = enabled ? PTHREAD_CANCEL_ENABLE : PTHREAD_CANCEL_DISABLE, after;
      pthread_setcancelstate (state, &before);
      int pidfd = fork_by (flags);
      pthread_setcancelstate (before, &after);
      if (pidfd == 0)
        _exit (after == state ? FINE : 1);
      CHECK_EQ (after, state);
      CHECK_EXIT (pidfd, FINE);
    }
}

EACH_WAY (the_cancel_type_stays)
{
  int before, after;
  pthread_setcanceltype (PTHREAD_CANCEL_ASYNCHRONOUS, &before);
  int pidfd = pidfd_fork (flags);
  pthread_setcanceltype (before, &after);
  if (pidfd == 0)
    _exit (after == PTHREAD_CANCEL_ASYNCHRONOUS ? FINE : 1);
  CHECK_EQ (after, PTHREAD_CANCEL_ASYNCHRONOUS);
  CHECK_EXIT (pidfd, FINE);
}

static void *
fork_while_cancelled (void *flags)
{
  pthread_cancel (pthread_self ());
  int pidfd = pidfd_fork (*(unsigned int *) flags);
  pthread_setcancelstate (PTHREAD_CANCEL_DISABLE, NULL);
  if (pidfd == 0)
    _exit (FINE);
  return (void *) (intptr_t) pidfd;
}

BOTH_KINDS (a_pending_cancellation_does_not_act_inside)
{
  pthread_t thread;
  void *result;
  CHECK_EQ (pthread_create (&thread, NULL, fork_while_cancelled, &flags), 0);
  CHECK_EQ (pthread_join (thread, &result), 0);
  CHECK (result != PTHREAD_CANCELED);
  CHECK ((intptr_t) result > 0);
  CHECK_EXIT ((int) (intptr_t) result, FINE);
}

static void *
fail_while_cancelled (void *flags)
{
  /* In this order: to cancel, a libc may have to load something. */
  pthread_cancel (pthread_self ());
  pthread_setcancelstate (PTHREAD_CANCEL_DISABLE, NULL);
  use_up_descriptors ();
  pthread_setcancelstate (PTHREAD_CANCEL_ENABLE, NULL);
  int pidfd = pidfd_fork (*(unsigned int *) flags);
  int error = errno;
  pthread_setcancelstate (PTHREAD_CANCEL_DISABLE, NULL);
  if (pidfd == 0)
    _exit (FINE);
  give_back_descriptors ();
  CHECK_EQ (pidfd, -1);
  return (void *) (intptr_t) error;
}

BOTH_KINDS (a_pending_cancellation_does_not_act_inside_a_failing_call)
{
  pthread_t thread;
  void *result;
  CHECK_EQ (pthread_create (&thread, NULL, fail_while_cancelled, &flags), 0);
  CHECK_EQ (pthread_join (thread, &result), 0);
  CHECK (result != PTHREAD_CANCELED);
  CHECK_EQ ((intptr_t) result, EMFILE);
}

/* Others who have to do with children. */

static void
check_nobodys_child (unsigned int flags)
{
  struct witness witness = fork_witness (flags);
  check_witness (witness);
  let_go (witness);
  wait_for_end (witness.pidfd);
  CHECK_ERRNO (waitid (P_PIDFD_, (id_t) witness.pidfd, &(siginfo_t) { 0 }, WEXITED), ECHILD);
  close (witness.pidfd);
}

EACH_WAY (with_SIGCHLD_ignored)
{
  struct sigaction ignoring = { .sa_handler = SIG_IGN };
  CHECK (sigaction (SIGCHLD, &ignoring, NULL) == 0);
  for (int i = 0; i < 20; i++)
    check_nobodys_child (flags);
  struct sigaction after;
  CHECK (sigaction (SIGCHLD, NULL, &after) == 0);
  CHECK (after.sa_handler == SIG_IGN);
}

EACH_WAY (with_SA_NOCLDWAIT)
{
  struct sigaction dropping = { .sa_handler = SIG_DFL, .sa_flags = SA_NOCLDWAIT };
  CHECK (sigaction (SIGCHLD, &dropping, NULL) == 0);
  for (int i = 0; i < 20; i++)
    check_nobodys_child (flags);
  struct sigaction after;
  CHECK (sigaction (SIGCHLD, NULL, &after) == 0);
  CHECK (after.sa_flags & SA_NOCLDWAIT);
}

EACH_WAY (with_SIGCHLD_ignored_a_child_that_ends_at_once)
{
  struct sigaction ignoring = { .sa_handler = SIG_IGN };
  CHECK (sigaction (SIGCHLD, &ignoring, NULL) == 0);
  for (int i = 0; i < 50; i++)
    {
      int pidfd = fork_by (flags);
      if (pidfd == 0)
        _exit (FINE);
      wait_for_end (pidfd);
      close (pidfd);
    }
}

/* A thread that reaps whatever ends, at once. */
static volatile bool reaped_enough;

static void *
reap_all (void *unused)
{
  while (!reaped_enough)
    if (waitpid (-1, NULL, 0) == -1)
      sched_yield ();
  while (waitpid (-1, NULL, 0) > 0)
    continue;
  return unused;
}

static pthread_t
start_reaper (void)
{
  pthread_t reaper;
  reaped_enough = false;
  CHECK_EQ (pthread_create (&reaper, NULL, reap_all, NULL), 0);
  return reaper;
}

static void
end_reaper (pthread_t reaper)
{
  reaped_enough = true;
  CHECK_EQ (pthread_join (reaper, NULL), 0);
}

BOTH_KINDS (beside_a_thread_that_reaps_everything)
{
  pthread_t reaper = start_reaper ();
  for (int i = 0; i < CHILDREN; i++)
    {
      struct witness witness = fork_witness (flags);
      check_witness (witness);
      let_go (witness);
      close (witness.pidfd);
    }
  end_reaper (reaper);
}

BOTH_KINDS (beside_a_thread_that_reaps_everything_children_that_end_at_once)
{
  pthread_t reaper = start_reaper ();
  for (int i = 0; i < CHILDREN; i++)
    {
      int pidfd = fork_by (flags);
      if (pidfd == 0)
        _exit (FINE);
      wait_for_end (pidfd);
      close (pidfd);
    }
  end_reaper (reaper);
}

/* Several threads that fork at the same time: nobody gets a pidfd of the others' children. */
static void *
fork_some (void *flags)
{
  for (int i = 0; i < CHILDREN / 8; i++)
    {
      struct witness witness = fork_witness (*(unsigned int *) flags);
      CHECK_EQ (pidfd_getpid (witness.pidfd), witness.pid);
      let_go (witness);
      siginfo_t info = reap (witness.pidfd);
      CHECK_EQ (info.si_pid, witness.pid);
      CHECK_EQ (info.si_status, FINE);
    }
  return NULL;
}

BOTH_KINDS (threads_that_fork_at_the_same_time)
{
  pthread_t threads[4];
  for (int i = 0; i < 4; i++)
    CHECK_EQ (pthread_create (&threads[i], NULL, fork_some, &flags), 0);
  for (int i = 0; i < 4; i++)
    CHECK_EQ (pthread_join (threads[i], NULL), 0);
}

/* A thread that kills every child as soon as it sees it.  It sees those of the first thread. */
static volatile bool killed_enough;

static void *
kill_all (void *unused)
{
  char path[64], list[4096];
  snprintf (path, sizeof path, "/proc/self/task/%d/children", (int) getpid ());
  int fd = open (path, O_RDONLY | O_CLOEXEC);
  while (!killed_enough)
    {
      ssize_t length = pread (fd, list, sizeof list - 1, 0);
      list[length > 0 ? length : 0] = 0;
      char *rest = list;
      for (long pid; (pid = strtol (rest, &rest, 10)) > 0;)
        kill ((pid_t) pid, SIGKILL);
    }
  close (fd);
  return unused;
}

static void
check_with_killer (unsigned int flags, bool ignored)
{
  if (access (format ("/proc/self/task/%d/children", (int) getpid ()), R_OK) != 0)
    SKIP ("the kernel does not list children");
  struct sigaction action = { .sa_handler = ignored ? SIG_IGN : SIG_DFL };
  CHECK (sigaction (SIGCHLD, &action, NULL) == 0);
  pthread_t killer;
  killed_enough = false;
  CHECK_EQ (pthread_create (&killer, NULL, kill_all, NULL), 0);
  for (int i = 0; i < CHILDREN; i++)
    {
      int pidfd = pidfd_fork (flags);
      if (pidfd == 0)
        for (;;)
          pause ();
      /* If it died before it had a name, there is none to give. */
      if (pidfd == -1)
        {
          CHECK_EQ (errno, ESRCH);
          continue;
        }
      CHECK (pidfd > 0);
      wait_for_end (pidfd);
      if (ignored)
        close (pidfd);
      else
        CHECK_KILLED (pidfd, SIGKILL);
    }
  killed_enough = true;
  CHECK_EQ (pthread_join (killer, NULL), 0);
  CHECK_NO_CHILD ();
}

BOTH_KINDS (beside_a_thread_that_kills_every_child)
{
  check_with_killer (flags, false);
}

BOTH_KINDS (beside_a_thread_that_kills_every_child_with_SIGCHLD_ignored)
{
  check_with_killer (flags, true);
}

/* A thread that makes children which stay, and with them every descriptor that was open in that moment. */
static pid_t holders[CHILDREN];
static int holder_count;
static volatile bool held_enough;

static void *
make_holders (void *unused)
{
  while (!held_enough && holder_count < CHILDREN)
    {
      pid_t pid = fork ();
      if (pid == 0)
        for (;;)
          pause ();
      if (pid > 0)
        holders[holder_count++] = pid;
      sched_yield ();
    }
  return unused;
}

BOTH_KINDS (a_killed_child_is_noticed_though_others_hold_all_descriptors)
{
  if (access (format ("/proc/self/task/%d/children", (int) getpid ()), R_OK) != 0)
    SKIP ("the kernel does not list children");
  pthread_t killer, holder;
  killed_enough = held_enough = false;
  CHECK_EQ (pthread_create (&killer, NULL, kill_all, NULL), 0);
  CHECK_EQ (pthread_create (&holder, NULL, make_holders, NULL), 0);
  for (int i = 0; i < CHILDREN; i++)
    {
      int pidfd = pidfd_fork (flags);
      if (pidfd == 0)
        for (;;)
          pause ();
      if (pidfd == -1)
        continue;
      wait_for_end (pidfd);
      CHECK_KILLED (pidfd, SIGKILL);
    }
  held_enough = true;
  CHECK_EQ (pthread_join (holder, NULL), 0);
  killed_enough = true;
  CHECK_EQ (pthread_join (killer, NULL), 0);
  for (int i = 0; i < holder_count; i++)
    {
      kill (holders[i], SIGKILL);
      CHECK_EQ (waitpid (holders[i], NULL, 0), holders[i]);
    }
}
