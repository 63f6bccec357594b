/* SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * What the tests of pidfd_fork share: idle threads beside the one that forks, a pipe through which a child reports the
 * parent that code of the program ran in it, and children that wait to be looked at. */

#ifndef FORK_H
#define FORK_H

#include <poll.h>
#include <sys/mman.h>
#include <sys/uio.h>

#include "runner.h"

#define SHARED __attribute__ ((unused)) static

enum {
  FINE = 40,
  LONG = 10000, /* milliseconds in which a thing that happens at all has happened */
  PROMPT = 5000, /* milliseconds in which a thing has happened that happens at once, on a busy machine too */
};

/* A handler beside which the other side looks whether this one is still there. */
SHARED void
take_time (void)
{
  usleep (200000);
}

/* Threads that only wait. */
enum { SOME = 7 };
static pthread_mutex_t idle_until = PTHREAD_MUTEX_INITIALIZER;
static pthread_t idle_threads[SOME];
static int idle_count;

static void *
wait_for_the_end (void *unused)
{
  pthread_mutex_lock (&idle_until);
  pthread_mutex_unlock (&idle_until);
  return unused;
}

SHARED void
start_idle_threads (int count)
{
  pthread_mutex_lock (&idle_until);
  for (idle_count = 0; idle_count < count; idle_count++)
    CHECK_EQ (pthread_create (&idle_threads[idle_count], NULL, wait_for_the_end, NULL), 0);
}

SHARED void
end_idle_threads (void)
{
  pthread_mutex_unlock (&idle_until);
  while (idle_count > 0)
    CHECK_EQ (pthread_join (idle_threads[--idle_count], NULL), 0);
}

/* A claim that holds whether the process has one thread or several. */
#define ALONE_AND_AMONG_THREADS(name_)                                                                                 \
  static void name_ (void);                                                                                            \
  TEST (name_##_alone)                                                                                                 \
  {                                                                                                                    \
    name_ ();                                                                                                          \
  }                                                                                                                    \
  TEST (name_##_among_threads)                                                                                         \
  {                                                                                                                    \
    start_idle_threads (1);                                                                                            \
    name_ ();                                                                                                          \
    end_idle_threads ();                                                                                               \
  }                                                                                                                    \
  static void name_ (void)

struct call {
  void (*body) (unsigned int flags);
  unsigned int flags;
};

SHARED void *
make_call (void *call_)
{
  const struct call *call = call_;
  call->body (call->flags);
  return NULL;
}

/* The body in a thread that is not the first, among others. */
SHARED void
in_a_thread (void (*body) (unsigned int flags), unsigned int flags)
{
  struct call call = { body, flags };
  pthread_t thread;
  start_idle_threads (SOME);
  CHECK_EQ (pthread_create (&thread, NULL, make_call, &call), 0);
  CHECK_EQ (pthread_join (thread, NULL), 0);
  end_idle_threads ();
}

SHARED void
among_threads (void (*body) (unsigned int flags), unsigned int flags)
{
  start_idle_threads (SOME);
  body (flags);
  end_idle_threads ();
}

/* A claim that holds for both kinds of fork, whoever calls. */
#define EACH_CALLER(name_)                                                                                             \
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

/* The line.  The first act of a child is to tell. */
static int line[2] = { -1, -1 };

SHARED void
open_line (void)
{
  CHECK (pipe2 (line, O_CLOEXEC) == 0);
}

SHARED void
tell (void)
{
  CHECK_EQ (write (line[1], "", 1), 1);
}

/* Whether a child told, and that by now no process can any more; closes the line. */
SHARED bool
was_told (void)
{
  char byte;
  CHECK (close (line[1]) == 0);
  struct pollfd end = { .fd = line[0], .events = POLLIN };
  /* Where poll is refused the time limit is the harness's. */
  if (poll (&end, 1, PROMPT) == 0)
    FAIL ("a process still holds the descriptors of the caller");
  bool told = read (line[0], &byte, 1) == 1;
  CHECK (close (line[0]) == 0);
  return told;
}

/* Handlers that act in the call under test alone, not in other forks of the test.  The child says who it is, before it
   returns from the call. */
static volatile bool armed;
static volatile pid_t *announced;
static void (*act_in_parent) (void);

static void
announce_if_armed (void)
{
  if (armed)
    *announced = (pid_t) syscall (SYS_getpid);
}

static void
act_if_armed (void)
{
  if (armed && act_in_parent)
    act_in_parent ();
}

SHARED void
register_handlers (void (*parent) (void))
{
  announced = mmap (NULL, sizeof *announced, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  CHECK (announced != MAP_FAILED);
  act_in_parent = parent;
  CHECK_EQ (pthread_atfork (NULL, act_if_armed, announce_if_armed), 0);
}

SHARED pid_t
await_child (void)
{
  for (int pause = 0; *announced == 0; pause++)
    {
      if (pause == PROMPT)
        FAIL ("there is no child");
      usleep (1000);
    }
  return *announced;
}

/* A child with this number, which waits to be killed; -1 and EEXIST while it belongs to somebody. */
SHARED pid_t
clone_with_number (pid_t number)
{
  /* struct clone_args as of Linux 5.5, which not every <linux/sched.h> has. */
  struct {
    uint64_t flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls, set_tid, set_tid_size;
  } arguments = { .exit_signal = SIGCHLD, .set_tid = (uintptr_t) &number, .set_tid_size = 1 };
  pid_t pid = (pid_t) syscall (SYS_clone3, &arguments, sizeof arguments);
  if (pid == 0)
    for (;;)
      pause ();
  return pid;
}

/* From now on this happens when this process opens a pidfd on another one. */
SHARED int
filter_pidfds_of_others (uint32_t action, enum filter_flags flags)
{
  return SET_FILTER_WITH (flags, { SYS_pidfd_open, 0, ALL_BITS, (uint32_t) getpid (), FILTER_ALLOW },
                          /* A number below 0 is that of no process. */
                          { SYS_pidfd_open, 0, 1U << 31, 1U << 31, FILTER_ALLOW },
                          { .call = SYS_pidfd_open, .action = action });
}

/* The call under test.  A child that returns from it tells and ends. */
SHARED int
fork_telling (unsigned int flags)
{
  armed = true;
  int pidfd = FORK (flags);
  if (pidfd == 0)
    {
      tell ();
      _exit (FINE);
    }
  armed = false;
  return pidfd;
}

/* SIGCHLDs that came, and whose. */
static volatile sig_atomic_t chld_count, chld_pid;

SHARED void
note_chld (int signal, siginfo_t *info, void *context)
{
  (void) signal, (void) context;
  chld_count++;
  chld_pid = info->si_pid;
}

SHARED void
count_chld (void)
{
  struct sigaction noting = { .sa_sigaction = note_chld, .sa_flags = SA_SIGINFO | SA_RESTART };
  chld_count = chld_pid = 0;
  CHECK (sigaction (SIGCHLD, &noting, NULL) == 0);
}

/* A handler that reaps whatever has ended, as many programs have one. */
static volatile sig_atomic_t reaped;

SHARED void
reap_everything (int signal)
{
  (void) signal;
  int error = errno;
  while (waitpid (-1, NULL, WNOHANG) > 0)
    reaped = reaped + 1;
  errno = error;
}

/* A prepare handler that counts its runs. */
static int prepared;

SHARED void
count_prepare (void)
{
  prepared++;
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

/* Work inside malloc and stdio. */
SHARED void
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

#if HAVE_LIBRARY

SHARED int
fork_by (unsigned int flags)
{
  int pidfd = pidfd_fork (flags);
  CHECK (pidfd >= 0);
  return pidfd;
}

/* A child that tells its ID and then lives until it is allowed to end. */
struct witness {
  int pidfd, go;
  pid_t pid;
};

SHARED struct witness
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

SHARED void
check_witness (struct witness witness)
{
  CHECK_EQ (pidfd_getpid (witness.pidfd), witness.pid);
  CHECK_EQ (pid_of (witness.pidfd), witness.pid);
}

SHARED void
let_go (struct witness witness)
{
  CHECK_EQ (write (witness.go, "", 1), 1);
  close (witness.go);
}

SHARED void
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

#endif

/* The outcome where the child can no longer get a pidfd. */
SHARED void
check_no_name (int result, int error)
{
  if (result > 0)
    FAIL ("the call gives a pidfd of process %d", (int) pid_of (result));
  CHECK_EQ (result, -1);
  CHECK_EQ (error, ESRCH);
  CHECK (!was_told ());
}

/* Whether a child may take its parent's descriptors and read its memory; containers forbid it. */
SHARED bool
descriptors_are_available (void)
{
  int other = fcntl (1, F_DUPFD_CLOEXEC, 3);
  pid_t self = getpid ();
  int status = 0;
  pid_t pid = fork ();
  if (pid == 0)
    {
      int pidfd = sys_pidfd_open (self, 0);
      struct iovec own = { &status, sizeof status };
      _exit (pidfd >= 0 && sys_pidfd_getfd (pidfd, other, 0) >= 0
                 && syscall (SYS_process_vm_readv, self, &own, 1L, &own, 1L, 0L) == sizeof status
               ? FINE
               : 1);
    }
  CHECK_EQ (waitpid (pid, &status, 0), pid);
  CHECK (close (other) == 0);
  return WIFEXITED (status) && WEXITSTATUS (status) == FINE;
}

#endif
