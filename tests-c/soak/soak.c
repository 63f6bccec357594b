/* SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * Everything at once, for as long as it is told to:
 *
 *   soak SECONDS
 *
 * The roles that do not go together play in processes of their own, one for each scenario:
 *
 *   owners   every thread waits for its own children, so every status must be right
 *   reaper   another thread waits for any child, and the disposition of SIGCHLD changes all the time
 *   cancel   the calls are made by threads that are cancelled, in both types
 *   alone    a process with one thread, under a storm of timer signals
 *
 * In all of them handlers run, and the first two have threads that open and close descriptors, allocate, print, and
 * kill children at random.  A scenario process plays in rounds; after each one it counts what is left: descriptors,
 * children and mappings.  A child that is looked at tells its process ID first, and the pidfd must stand
 * for that very process. */

#include "procfs.h"
#include "snapshot.h"
#include "soak.h"
#include "tap.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <malloc.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>

#include <pidfd_spawn.h>

#define LENGTH(array) (sizeof (array) / sizeof *(array))
#define P_PIDFD_ ((idtype_t) 3)

enum {
  ROUND = 5,   /* seconds */
  HANG = 60,   /* seconds without any progress */
  CALLERS = 4, /* threads that make calls */
  DESCRIPTOR_LIMIT = 1024,
  GROWTH = 4096, /* KiB by which the mappings may differ between rounds: the heap's */
  STATUS = 42,
  UNTOUCHED = -7,
};

extern char **environ;

/* Shared with the process that watches. */
static struct counts {
  atomic_long calls, children, changes, killed, refused, unnamed, signals, cancelled, looked_at;
  atomic_long wrong, descriptors, zombies, mappings, growth, rounds;
  atomic_long beats;
  char first_wrong[256];
} *counts;

static atomic_bool stop;
static pid_t *scenario_process; /* the process; 0 in its forked children, where the page is wiped */
static bool killers, reapers;
static char child_program[PATH_MAX];
/* Whether the child can be started as another user, and whether the kernel tells statuses that others have taken. */
static bool changes_user, tells_statuses;
enum { USER = 65534 };

__attribute__ ((format (printf, 1, 2))) static void
wrong (const char *format, ...)
{
  if (atomic_fetch_add (&counts->wrong, 1) > 0)
    return;
  va_list arguments;
  va_start (arguments, format);
  vsnprintf (counts->first_wrong, sizeof counts->first_wrong, format, arguments);
  va_end (arguments);
}

/* A thread that makes calls. */
struct caller {
  unsigned int seed, round;
  int tell[2], go[2];
};

static unsigned int
roll (struct caller *caller, unsigned int sides)
{
  return (unsigned int) rand_r (&caller->seed) / 7 % sides;
}

static void
open_pipes (struct caller *caller)
{
  if (pipe2 (caller->tell, O_CLOEXEC) != 0 || pipe2 (caller->go, O_CLOEXEC) != 0)
    abort ();
}

static void
close_pipes (struct caller *caller)
{
  close (caller->tell[0]);
  close (caller->tell[1]);
  close (caller->go[0]);
  close (caller->go[1]);
}

/* Errors that a busy system may give to anybody. */
static bool
is_shortage (int error)
{
  return error == EAGAIN || error == ENOMEM || error == ENFILE;
}

/* Hears from the child, compares, and lets it go.  The pipe may still hold what an earlier child told
   that was killed then. */
static void
look_at (struct caller *caller, int pidfd)
{
  struct told told = { 0, 0 };
  while (told.round != caller->round)
    {
      struct pollfd wanted[] = { { caller->tell[0], POLLIN, 0 }, { pidfd, POLLIN, 0 } };
      if (poll (wanted, 2, -1) < 0)
        continue;
      if (!(wanted[0].revents & POLLIN))
        {
          if (!killers)
            wrong ("a child died before it told who it is");
          return;
        }
      if (read (caller->tell[0], &told, sizeof told) != sizeof told)
        return;
    }
  pid_t pid = pidfd_getpid (pidfd);
  int error = errno;
  /* A killed child may have been waited for already. */
  if (pid != told.pid && !(pid == -1 && error == ESRCH && killers && reapers))
    wrong ("the pidfd of process %d stands for %d (errno %d)", (int) told.pid, (int) pid, error);
  pid = roll (caller, 4) == 0 ? pid_in_fdinfo (pidfd) : told.pid;
  if (pid != told.pid && !(pid == -1 && killers && reapers))
    wrong ("procfs says that the pidfd of process %d stands for %d", (int) told.pid, (int) pid);
  atomic_fetch_add (&counts->looked_at, 1);
  if (write (caller->go[1], &caller->round, sizeof caller->round) != sizeof caller->round)
    wrong ("write: errno %d", errno);
}

/* Waits for the end of the child and takes its status, which pidfd_wait has even if somebody else has taken it. */
static void
settle (int pidfd, int status, bool killed, bool by_library)
{
  struct pollfd wanted = { pidfd, POLLIN, 0 };
  while (!by_library && poll (&wanted, 1, -1) != 1)
    ;
  siginfo_t info = { .si_pid = 0 };
  int result;
  do
    result = by_library ? pidfd_wait (pidfd, &info, 0, NULL) : waitid (P_PIDFD_, (id_t) pidfd, &info, WEXITED);
  while (result != 0 && errno == EINTR);
  if (result != 0)
    {
      if (errno != ECHILD || !reapers || (by_library && tells_statuses))
        wrong ("%s: errno %d", by_library ? "pidfd_wait" : "waitid", errno);
    }
  else if (info.si_code == CLD_KILLED && info.si_status == SIGKILL && (killed || killers))
    atomic_fetch_add (&counts->killed, 1);
  else if (info.si_code != CLD_EXITED || info.si_status != status)
    wrong ("a child ended with code %d, status %d, wanted exit status %d", info.si_code, info.si_status, status);
  if (close (pidfd) != 0)
    wrong ("close of a pidfd: errno %d", errno);
}

static void
check_fresh (int pidfd)
{
  int flags = fcntl (pidfd, F_GETFD);
  if (pidfd <= 0 || flags != FD_CLOEXEC)
    wrong ("descriptor %d has flags %d", pidfd, flags);
  atomic_fetch_add (&counts->children, 1);
}

/* The calls. */

static void
call_spawn (struct caller *caller)
{
  char status[8], round[16];
  snprintf (status, sizeof status, "%d", STATUS);
  snprintf (round, sizeof round, "%u", ++caller->round);
  bool held = roll (caller, 3) == 0, search = roll (caller, 2), killed = roll (caller, 4) == 0;
  int expected = roll (caller, 4) ? 0 : roll (caller, 2) ? ENOENT : EBADF;
  char *argv[] = { (char *) "child", status, held ? round : NULL, NULL };
  const char *program = expected == ENOENT ? (search ? "no-such-program" : "/no/such/program")
                        : search           ? strrchr (child_program, '/') + 1
                                           : child_program;
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
  sigset_t set;
  posix_spawn_file_actions_init (&actions);
  posix_spawnattr_init (&attributes);
  bool extras = roll (caller, 2);
  if (held)
    {
      posix_spawn_file_actions_adddup2 (&actions, caller->tell[1], 3);
      posix_spawn_file_actions_adddup2 (&actions, caller->go[0], 4);
    }
  if (extras)
    {
      sigfillset (&set);
      posix_spawnattr_setsigdefault (&attributes, &set);
      sigemptyset (&set);
      posix_spawnattr_setsigmask (&attributes, &set);
      posix_spawnattr_setflags (&attributes, POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK);
      posix_spawn_file_actions_addopen (&actions, 10, "/dev/null", O_RDWR, 0);
      posix_spawn_file_actions_addclose (&actions, 10);
    }
  if (expected == EBADF)
    posix_spawn_file_actions_adddup2 (&actions, 1000, 11);

  int pidfd = UNTOUCHED;
  int error = (search ? pidfd_spawnp : pidfd_spawn) (
    &pidfd, program, held || extras || expected == EBADF ? &actions : NULL, extras ? &attributes : NULL, argv, environ);
  atomic_fetch_add (&counts->calls, 1);
  if (error == 0)
    {
      check_fresh (pidfd);
      if (expected != 0 && !killers)
        wrong ("a spawn that must fail with %d succeeded", expected);
      if (expected != 0)
        killed = true;
      else if (held)
        look_at (caller, pidfd);
      if (killed)
        syscall (SYS_pidfd_send_signal, pidfd, SIGKILL, NULL, 0);
      settle (pidfd, STATUS, killed, roll (caller, 2));
    }
  else
    {
      if (error != expected && !is_shortage (error))
        wrong ("a spawn gave %d, wanted %d", error, expected);
      if (pidfd != UNTOUCHED)
        wrong ("a failed spawn touched the descriptor");
      atomic_fetch_add (&counts->refused, is_shortage (error));
    }
  posix_spawn_file_actions_destroy (&actions);
  posix_spawnattr_destroy (&attributes);
}

/* A program's descriptor, for PIDFD_SPAWN_EXEC_FD, and signals for PIDFD_SPAWN_SETSIGIGNORE. */
static int program_descriptor;
static sigset_t ignored;

/* Asks for some of what a child can do before its exec. */
static void
fill_args (struct caller *caller, struct pidfd_spawn_args *args)
{
  static const struct pidfd_spawn_rlimit limit = { .resource = RLIMIT_CORE };
  static const gid_t groups[] = { USER, USER - 1 };
  static const int standard[] = { 0, 1, 2 };
  *args = (struct pidfd_spawn_args) { .flags = 0 };
  args->cloexec_from = 3;
  args->inherit = standard;
  args->inherit_count = 3;
  args->limits = &limit;
  args->limit_count = 1;
  args->umask = 077;
  args->ignore = &ignored;
  args->groups = groups;
  args->group_count = 2;
  args->gid = args->uid = USER;
  args->death_signal = SIGWINCH;
  args->exec_fd = program_descriptor;
  const uint64_t flags[] = { PIDFD_SPAWN_CLOEXEC_FROM, PIDFD_SPAWN_SETRLIMITS, PIDFD_SPAWN_SETUMASK,
                             PIDFD_SPAWN_SETSIGIGNORE, PIDFD_SPAWN_NO_NEW_PRIVS, PIDFD_SPAWN_PDEATHSIG };
  for (size_t i = 0; i < LENGTH (flags); i++)
    if (roll (caller, 3) == 0)
      args->flags |= flags[i];
  if (changes_user && roll (caller, 2))
    args->flags |= PIDFD_SPAWN_SETGROUPS | PIDFD_SPAWN_SETGID | PIDFD_SPAWN_SETUID;
}

static void
call_extended (struct caller *caller)
{
  char status[8], round[16];
  snprintf (status, sizeof status, "%d", STATUS);
  snprintf (round, sizeof round, "%u", ++caller->round);
  bool held = roll (caller, 3) == 0, killed = roll (caller, 4) == 0;
  int expected = roll (caller, 4) ? 0 : roll (caller, 2) ? ENOENT : EBADF;
  char *argv[] = { (char *) "child", status, held ? round : NULL, NULL };
  static const int unopened[] = { 1000 };
  struct pidfd_spawn_args args;
  fill_args (caller, &args);
  const char *program = expected == ENOENT ? "/no/such/program" : child_program;
  if (expected == EBADF)
    {
      args.flags |= PIDFD_SPAWN_CLOEXEC_FROM;
      args.inherit = unopened;
      args.inherit_count = 1;
    }
  else if (roll (caller, 3) == 0)
    {
      args.flags |= PIDFD_SPAWN_SEARCH_ENVP;
      program = strrchr (program, '/') + 1;
    }
  else if (expected == 0 && roll (caller, 2))
    {
      args.flags |= PIDFD_SPAWN_EXEC_FD;
      program = NULL;
    }
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init (&actions);
  if (held)
    {
      posix_spawn_file_actions_adddup2 (&actions, caller->tell[1], 3);
      posix_spawn_file_actions_adddup2 (&actions, caller->go[0], 4);
    }

  int pidfd = UNTOUCHED;
  int error = pidfd_spawn_ext (&pidfd, program, held ? &actions : NULL, NULL, argv, environ, &args, sizeof args);
  atomic_fetch_add (&counts->calls, 1);
  if (error == 0)
    {
      check_fresh (pidfd);
      counts->changes += (args.flags & PIDFD_SPAWN_SETUID) != 0;
      if (expected != 0 && !killers)
        wrong ("an extended spawn that must fail with %d succeeded", expected);
      if (expected != 0)
        killed = true;
      else if (held)
        look_at (caller, pidfd);
      if (killed)
        syscall (SYS_pidfd_send_signal, pidfd, SIGKILL, NULL, 0);
      settle (pidfd, STATUS, killed, roll (caller, 2));
    }
  else
    {
      if (error != expected && !is_shortage (error))
        wrong ("an extended spawn gave %d, wanted %d, flags %#llx", error, expected, (unsigned long long) args.flags);
      if (pidfd != UNTOUCHED)
        wrong ("a failed extended spawn touched the descriptor");
      atomic_fetch_add (&counts->refused, is_shortage (error));
    }
  posix_spawn_file_actions_destroy (&actions);
}

_Noreturn static void
be_forked_child (struct caller *caller, unsigned int flags, bool held)
{
  if (flags == 0)
    {
      char *memory = malloc (5000);
      FILE *sink = fopen ("/dev/null", "we");
      if (!memory || !sink || fprintf (sink, "%s", strcpy (memory, "text")) != 4)
        _exit (103);
      fclose (sink);
      free (memory);
    }
  if (held)
    tell_and_wait (caller->tell[1], caller->go[0], caller->round);
  _exit (STATUS);
}

static void
call_fork (struct caller *caller)
{
  unsigned int flags = roll (caller, 2) ? PIDFDFORK_ASYNCSAFE : 0;
  bool held = roll (caller, 2), killed = roll (caller, 4) == 0;
  sigset_t mask, mask_after;
  pthread_sigmask (SIG_SETMASK, NULL, &mask);
  caller->round++;
  errno = EXDEV;
  int pidfd = pidfd_fork (flags);
  if (pidfd == 0)
    be_forked_child (caller, flags, held);
  int error = errno;
  atomic_fetch_add (&counts->calls, 1);
  pthread_sigmask (SIG_SETMASK, NULL, &mask_after);
  if (memcmp (&mask, &mask_after, 8) != 0)
    wrong ("the signal mask was changed");
  if (pidfd > 0)
    {
      check_fresh (pidfd);
      if (error != EXDEV)
        wrong ("errno was changed to %d", error);
      if (held)
        look_at (caller, pidfd);
      if (killed)
        syscall (SYS_pidfd_send_signal, pidfd, SIGKILL, NULL, 0);
      settle (pidfd, STATUS, killed, roll (caller, 2));
    }
  else if (pidfd != -1)
    wrong ("pidfd_fork gave %d", pidfd);
  else if (error == ESRCH && killers)
    atomic_fetch_add (&counts->unnamed, 1);
  else if (is_shortage (error))
    atomic_fetch_add (&counts->refused, 1);
  else
    wrong ("pidfd_fork failed with %d", error);
}

/* The roles: each is a thread. */

static atomic_int callers[CALLERS];

static void
make_a_call (struct caller *caller)
{
  void (*const calls[]) (struct caller *) = { call_spawn, call_extended, call_fork };
  calls[roll (caller, LENGTH (calls))](caller);
  counts->beats++;
}

static void *
make_calls (void *seed)
{
  struct caller caller = { .seed = (unsigned int) (uintptr_t) seed };
  callers[caller.seed % CALLERS] = gettid ();
  open_pipes (&caller);
  while (!stop)
    make_a_call (&caller);
  close_pipes (&caller);
  return NULL;
}

static void *
reap_all (void *unused)
{
  while (!stop)
    if (waitpid (-1, NULL, 0) < 0)
      usleep (100);
  return unused;
}

/* The kernel's number, for a handler must not run in the child of a spawn, which shares our memory. */
static void
handle (int signal)
{
  int error = errno;
  if (*scenario_process != 0 && syscall (SYS_getpid) != *scenario_process)
    wrong ("the handler of signal %d ran in a child", signal);
  atomic_fetch_add (&counts->signals, 1);
  errno = error;
}

static void
handle_signals (int flags)
{
  const int handled[] = { SIGUSR1, SIGUSR2, SIGALRM, SIGRTMIN, SIGWINCH };
  for (size_t i = 0; i < LENGTH (handled); i++)
    sigaction (handled[i], &(struct sigaction) { .sa_handler = handle, .sa_flags = flags }, NULL);
}

static void *
send_signals (void *seed_)
{
  unsigned int seed = (unsigned int) (uintptr_t) seed_;
  const int handled[] = { SIGUSR1, SIGUSR2, SIGRTMIN };
  while (!stop)
    {
      kill (getpid (), handled[(unsigned int) rand_r (&seed) / 7 % 3]);
      /* To the children as well, of whom nobody minds this one. */
      kill (0, SIGWINCH);
      usleep ((unsigned int) rand_r (&seed) % 400);
      if (rand_r (&seed) % 64 == 0)
        handle_signals (rand_r (&seed) % 2 ? SA_RESTART : 0);
    }
  return NULL;
}

static void *
switch_dispositions (void *seed_)
{
  unsigned int seed = (unsigned int) (uintptr_t) seed_;
  const struct sigaction kinds[] = {
    { .sa_handler = SIG_DFL }, { .sa_handler = SIG_IGN }, { .sa_handler = handle },
    { .sa_handler = SIG_DFL, .sa_flags = SA_NOCLDWAIT },
    { .sa_handler = handle, .sa_flags = SA_RESTART | SA_NOCLDWAIT },
  };
  while (!stop)
    {
      sigaction (SIGCHLD, &kinds[(unsigned int) rand_r (&seed) / 7 % LENGTH (kinds)], NULL);
      usleep ((unsigned int) rand_r (&seed) % 2000);
    }
  signal (SIGCHLD, SIG_DFL);
  return NULL;
}

/* A descriptor that the library closed by mistake, or left, would show here. */
static void *
churn_descriptors (void *unused)
{
  while (!stop)
    {
      int fds[12];
      struct stat before[12], after;
      for (size_t i = 0; i < LENGTH (fds); i++)
        {
          fds[i] = i % 2 ? eventfd (0, EFD_CLOEXEC) : open ("/dev/null", O_RDWR | O_CLOEXEC);
          if (fds[i] < 0 || fstat (fds[i], &before[i]) != 0)
            wrong ("open: errno %d", errno);
        }
      for (size_t i = 0; i < LENGTH (fds); i++)
        if (fstat (fds[i], &after) != 0 || after.st_ino != before[i].st_ino || close (fds[i]) != 0)
          wrong ("descriptor %d was closed by somebody else", fds[i]);
    }
  return unused;
}

static void *
allocate (void *seed_)
{
  unsigned int seed = (unsigned int) (uintptr_t) seed_;
  void *blocks[32] = { NULL };
  while (!stop)
    {
      void **block = &blocks[(unsigned int) rand_r (&seed) / 7 % 32];
      free (*block);
      *block = malloc ((unsigned int) rand_r (&seed) % 10000 + 1);
      if (rand_r (&seed) % 256 == 0)
        usleep (100);
    }
  for (size_t i = 0; i < LENGTH (blocks); i++)
    free (blocks[i]);
  return NULL;
}

static FILE *sink;

static void *
print (void *unused)
{
  for (long line = 0; !stop; line++)
    {
      fprintf (sink, "%ld\n", line);
      if (line % 256 == 0)
        usleep (100);
    }
  return unused;
}

/* Any child, at any time: by the list of the thread's children, each held by a pidfd before it is killed. */
static void *
kill_children (void *seed_)
{
  unsigned int seed = (unsigned int) (uintptr_t) seed_;
  for (; !stop; usleep ((unsigned int) rand_r (&seed) % 3000))
    {
      enum { MOST = 64 };
      pid_t children[MOST], caller = callers[(unsigned int) rand_r (&seed) / 7 % CALLERS];
      for (int i = list_children (getpid (), caller, children, MOST); i-- > 0;)
        {
          int pidfd = (int) syscall (SYS_pidfd_open, children[i], 0);
          siginfo_t info;
          if (pidfd >= 0 && waitid (P_PIDFD_, (id_t) pidfd, &info, WEXITED | WNOHANG | WNOWAIT) == 0)
            syscall (SYS_pidfd_send_signal, pidfd, SIGKILL, NULL, 0);
          if (pidfd >= 0)
            close (pidfd);
        }
    }
  return NULL;
}

/* What is left. */

static int
count_children (void)
{
  int count = 0;
  while (waitpid (-1, NULL, WNOHANG | __WALL) >= 0 && count < 1000)
    {
      count++;
      usleep (1000);
    }
  return count;
}

/* The mappings after the first round are the measure for the later ones: the C library keeps stacks of threads. */
static void
count_what_is_left (int descriptors)
{
  static struct mappings mappings;
  static long count;
  static size_t size;
  int more = open_descriptors () - descriptors;
  int dumpable = prctl (PR_GET_DUMPABLE, 0, 0, 0, 0);
  counts->zombies += count_children ();
  if (dumpable != 1)
    wrong ("the dumpable flag is %d", dumpable);
  counts->descriptors += more > 0 ? more : -more;
  read_mappings (&mappings);
  if (counts->rounds++ == 0)
    {
      count = mappings.count;
      size = mappings.size;
    }
  counts->mappings = mappings.count - count;
  /* Neighbours that are alike are one mapping. */
  counts->growth = ((long) mappings.size - (long) size) / 1024;
}

static double
seconds (void)
{
  struct timespec now;
  clock_gettime (CLOCK_MONOTONIC, &now);
  return (double) now.tv_sec + (double) now.tv_nsec / 1e9;
}

/* The scenarios. */

typedef void *role (void *);

static void
play (role *const *roles, double end)
{
  int descriptors = open_descriptors ();
  unsigned int seed = (unsigned int) getpid ();
  for (double now; (now = seconds ()) < end;)
    {
      pthread_t threads[24];
      size_t count = 0;
      stop = false;
      while (roles[count])
        {
          if (pthread_create (&threads[count], NULL, roles[count], (void *) (uintptr_t) ++seed) != 0)
            abort ();
          count++;
        }
      double round_end = now + ROUND < end ? now + ROUND : end;
      while (seconds () < round_end)
        usleep (50000);
      stop = true;
      /* The reaper may wait for a child that nobody makes any more. */
      for (size_t i = 0; i < count; i++)
        pthread_join (threads[i], NULL);
      count_what_is_left (descriptors);
    }
}

static void
play_owners (double end)
{
  killers = true;
  play ((role *[]) { make_calls, make_calls, make_calls, make_calls, send_signals, churn_descriptors, allocate, print,
                     kill_children, NULL },
        end);
}

static void
play_reaper (double end)
{
  killers = reapers = true;
  play ((role *[]) { make_calls, make_calls, make_calls, make_calls, reap_all, switch_dispositions, send_signals,
                     churn_descriptors, allocate, print, kill_children, NULL },
        end);
}

static void
play_alone (double end)
{
  int descriptors = open_descriptors ();
  struct caller caller = { .seed = (unsigned int) getpid () };
  while (seconds () < end)
    {
      open_pipes (&caller);
      setitimer (ITIMER_REAL, &(struct itimerval) { { 0, 300 }, { 0, 300 } }, NULL);
      for (int i = 0; i < 500 && seconds () < end; i++)
        make_a_call (&caller);
      setitimer (ITIMER_REAL, &(struct itimerval) { { 0, 0 }, { 0, 0 } }, NULL);
      close_pipes (&caller);
      count_what_is_left (descriptors);
    }
}

/* A thread that is cancelled.  A call may have been through when the request was acted upon, before this code has taken
   note; then the one descriptor that is too many must be a pidfd of a child. */

static volatile int in_flight;

struct victim {
  int type;
  struct caller caller;
};

static void
wait_cancellably (void)
{
  siginfo_t info;
  int result;
  do
    result = pidfd_wait (in_flight, &info, WNOWAIT, NULL);
  while (result != 0 && errno == EINTR);
  if (result == 0)
    do
      result = pidfd_wait (in_flight, &info, 0, NULL);
    while (result != 0 && errno == EINTR);
  if (result != 0 || info.si_code != CLD_EXITED || info.si_status != STATUS)
    wrong ("pidfd_wait: %d, errno %d, status %d", result, errno, info.si_status);
  int state;
  pthread_setcancelstate (PTHREAD_CANCEL_DISABLE, &state);
  check_fresh (in_flight);
  close (in_flight);
  in_flight = UNTOUCHED;
  pthread_setcancelstate (state, NULL);
}

static void *
be_cancelled (void *victim_)
{
  struct victim *victim = victim_;
  char *argv[] = { (char *) "child", (char *) "42", NULL };
  pthread_setcancelstate (PTHREAD_CANCEL_ENABLE, NULL);
  for (;;)
    {
      int error = 0;
      pthread_setcanceltype (victim->type, NULL);
      struct pidfd_spawn_args args;
      switch (roll (&victim->caller, 6))
        {
        case 0:
          error = pidfd_spawn ((int *) &in_flight, child_program, NULL, NULL, argv, environ);
          break;
        case 1:
          error = pidfd_spawnp ((int *) &in_flight, "no-such-program", NULL, NULL, argv, environ);
          break;
        case 2:
          in_flight = pidfd_fork (0);
          error = in_flight < 0 ? errno : 0;
          break;
        case 3:
          in_flight = pidfd_fork (PIDFDFORK_ASYNCSAFE);
          error = in_flight < 0 ? errno : 0;
          break;
        case 4:
          if (pidfd_getpid (STDIN_FILENO) != -1)
            wrong ("pidfd_getpid knows a process of a file");
          break;
        case 5:
          fill_args (&victim->caller, &args);
          error
            = pidfd_spawn_ext ((int *) &in_flight, child_program, NULL, NULL, argv, environ, &args, sizeof args);
          counts->changes += error == 0 && (args.flags & PIDFD_SPAWN_SETUID) != 0;
        }
      if (in_flight == 0)
        _exit (STATUS);
      /* Cancelled here, it has taken no status: the child is still to be waited for. */
      if (in_flight > 0 && victim->type == PTHREAD_CANCEL_DEFERRED && roll (&victim->caller, 2))
        wait_cancellably ();
      /* The type as well: glibc 2.36 lets a request that is on its way act on a thread that has just disabled them. */
      pthread_setcanceltype (PTHREAD_CANCEL_DEFERRED, NULL);
      pthread_setcancelstate (PTHREAD_CANCEL_DISABLE, NULL);
      if (error != 0 && error != ENOENT && !is_shortage (error))
        wrong ("a call gave %d", error);
      counts->refused += is_shortage (error);
      if (in_flight > 0)
        {
          check_fresh (in_flight);
          settle (in_flight, STATUS, false, false);
        }
      in_flight = UNTOUCHED;
      counts->calls++;
      counts->beats++;
      pthread_setcancelstate (PTHREAD_CANCEL_ENABLE, NULL);
      pthread_testcancel ();
    }
}

/* A child that got the request together with its parent's memory ends as a cancelled thread ends: with status 0. */
static void
settle_in_flight (int pidfd)
{
  siginfo_t info = { .si_pid = 0 };
  int result;
  do
    result = waitid (P_PIDFD_, (id_t) pidfd, &info, WEXITED);
  while (result != 0 && errno == EINTR);
  if (result != 0 || info.si_code != CLD_EXITED || (info.si_status != STATUS && info.si_status != 0))
    wrong ("descriptor %d, left by a cancelled call: waitid %d, errno %d, status %d", pidfd, result, errno,
           info.si_status);
  close (pidfd);
  counts->children++;
}

static void
play_cancel (double end)
{
  static bool open_before[1024];
  struct victim victim = { .caller.seed = (unsigned int) getpid () };
  pthread_t signals, memory, thread;
  int descriptors = open_descriptors ();
  for (int fd = 0; fd < 1024; fd++)
    open_before[fd] = fcntl (fd, F_GETFD) != -1;
  while (seconds () < end)
    {
      stop = false;
      pthread_create (&signals, NULL, send_signals, (void *) 1);
      pthread_create (&memory, NULL, allocate, (void *) 2);
      double round_end = seconds () + ROUND < end ? seconds () + ROUND : end;
      while (seconds () < round_end)
        {
          in_flight = UNTOUCHED;
          victim.type = roll (&victim.caller, 2) ? PTHREAD_CANCEL_ASYNCHRONOUS : PTHREAD_CANCEL_DEFERRED;
          if (pthread_create (&thread, NULL, be_cancelled, &victim) != 0)
            abort ();
          usleep ((unsigned int) rand () % 3000);
          pthread_cancel (thread);
          void *result;
          pthread_join (thread, &result);
          if (result != PTHREAD_CANCELED)
            wrong ("a cancelled thread ended otherwise");
          counts->cancelled++;
          int left = 0;
          for (int fd = 0; fd < 1024; fd++)
            if (!open_before[fd] && fcntl (fd, F_GETFD) != -1)
              {
                settle_in_flight (fd);
                left++;
              }
          if (left > 1 || (left == 1 && in_flight == UNTOUCHED && victim.type == PTHREAD_CANCEL_DEFERRED))
            wrong ("a cancelled call left %d descriptors", left);
          if (waitpid (-1, NULL, WNOHANG) != -1)
            wrong ("a cancelled call left a child");
        }
      stop = true;
      pthread_join (signals, NULL);
      pthread_join (memory, NULL);
      count_what_is_left (descriptors);
    }
}

static const struct {
  const char *name;
  void (*play) (double end);
} scenarios[] = {
  { "owners", play_owners },
  { "reaper", play_reaper },
  { "cancel", play_cancel },
  { "alone", play_alone },
};

static pid_t
start_scenario (size_t index, struct counts *shared, double end)
{
  pid_t pid = fork ();
  if (pid < 0)
    {
      perror ("fork");
      exit (2);
    }
  if (pid > 0)
    return pid;
  setpgid (0, 0);
  prctl (PR_SET_PDEATHSIG, SIGKILL);
  counts = &shared[index];
  scenario_process = mmap (NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (scenario_process == MAP_FAILED || madvise (scenario_process, 4096, MADV_WIPEONFORK) != 0)
    abort ();
  *scenario_process = getpid ();
  /* With one heap that grows in one place the number of mappings says something. */
  mallopt (M_ARENA_MAX, 1);
  mallopt (M_MMAP_THRESHOLD, 1 << 30);
  sink = fopen ("/dev/null", "we");
  handle_signals (SA_RESTART);
  scenarios[index].play (end);
  fclose (sink);
  exit (0);
}

static void
find_child (void)
{
  ssize_t length = readlink ("/proc/self/exe", child_program, sizeof child_program - 8);
  char path[PATH_MAX + 32];
  if (length < 0)
    exit (2);
  *strrchr (child_program, '/') = 0;
  snprintf (path, sizeof path, "/nonexistent:/proc:%s", child_program);
  setenv ("PATH", path, 1);
  strcat (child_program, "/child");
  if (access (child_program, X_OK) != 0)
    {
      perror (child_program);
      exit (2);
    }
}

static void
find_abilities (void)
{
  int status;
  siginfo_t info;
  /* The file actions use low numbers. */
  int fd = open (child_program, O_PATH | O_CLOEXEC);
  program_descriptor = fcntl (fd, F_DUPFD_CLOEXEC, 500);
  close (fd);
  sigemptyset (&ignored);
  sigaddset (&ignored, SIGHUP);
  pid_t pid = fork ();
  if (pid == 0)
    _exit (setgroups (0, NULL) != 0 || setresgid (USER, USER, USER) != 0 || setresuid (USER, USER, USER) != 0
           || access (child_program, X_OK) != 0);
  int pidfd = (int) syscall (SYS_pidfd_open, pid, 0);
  changes_user = waitpid (pid, &status, 0) == pid && status == 0;
  tells_statuses = pidfd_wait (pidfd, &info, WNOHANG, NULL) == 0 && info.si_signo == SIGCHLD;
  close (pidfd);
}

/* Waits for the scenario processes, and ends one that makes no progress. */
static void
watch (struct counts *shared, pid_t *pids, bool *hung, int *statuses)
{
  long beats[LENGTH (scenarios)] = { 0 };
  double last[LENGTH (scenarios)];
  size_t running = LENGTH (scenarios);
  for (size_t i = 0; i < LENGTH (scenarios); i++)
    last[i] = seconds ();
  for (; running > 0; usleep (100000))
    for (size_t i = 0; i < LENGTH (scenarios); i++)
      {
        if (pids[i] == 0)
          continue;
        if (shared[i].beats != beats[i])
          last[i] = seconds ();
        beats[i] = shared[i].beats;
        if (seconds () - last[i] > HANG && !hung[i])
          {
            hung[i] = true;
            kill (-pids[i], SIGKILL);
          }
        if (waitpid (pids[i], &statuses[i], WNOHANG) == pids[i])
          {
            pids[i] = 0;
            running--;
          }
      }
}

__attribute__ ((format (printf, 3, 0))) static void
report (const char *name, bool right, const char *format, long number)
{
  char what[64];
  snprintf (what, sizeof what, format, number);
  tap_report (right ? TAP_PASSED : TAP_FAILED, "", "soak %s: %s", name, what);
}

/* The numbers that are used go up to the limit. */
static bool
allow_descriptors (void)
{
  struct rlimit limit;
  if (getrlimit (RLIMIT_NOFILE, &limit) != 0 || limit.rlim_max < DESCRIPTOR_LIMIT)
    return false;
  if (limit.rlim_cur < DESCRIPTOR_LIMIT)
    limit.rlim_cur = DESCRIPTOR_LIMIT;
  return setrlimit (RLIMIT_NOFILE, &limit) == 0;
}

int
main (int argc, char **argv)
{
  int length = argc > 1 ? atoi (argv[1]) : 20;
  if (length <= 0)
    {
      fprintf (stderr, "usage: soak SECONDS\n");
      return 2;
    }
  find_child ();
  if (!allow_descriptors ())
    {
      tap_begin ();
      tap_report (TAP_SKIPPED, "fewer than 1024 descriptors are allowed", "soak");
      return tap_end ();
    }
  for (int fd = 3; fd < DESCRIPTOR_LIMIT; fd++)
    close (fd);
  find_abilities ();
  struct counts *shared
    = mmap (NULL, sizeof *shared * LENGTH (scenarios), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (shared == MAP_FAILED)
    return 2;
  pid_t pids[LENGTH (scenarios)];
  bool hung[LENGTH (scenarios)] = { false };
  int statuses[LENGTH (scenarios)] = { 0 };
  double end = seconds () + length;
  for (size_t i = 0; i < LENGTH (scenarios); i++)
    pids[i] = start_scenario (i, shared, end);
  watch (shared, pids, hung, statuses);

  tap_begin ();
  if (!changes_user)
    tap_report (TAP_SKIPPED, "needs root, and a folder that is open to others", "soak: children of another user");
  if (!tells_statuses)
    tap_report (TAP_SKIPPED, "needs Linux 6.15", "soak: statuses that others have taken");
  for (size_t i = 0; i < LENGTH (scenarios); i++)
    {
      struct counts *got = &shared[i];
      const char *name = scenarios[i].name;
      printf ("# %s: %ld calls, %ld children (%ld as another user, %ld looked at, %ld killed), %ld unnamed, "
              "%ld refused, %ld signals handled, %ld threads cancelled\n",
              name, got->calls, got->children, got->changes, got->looked_at, got->killed, got->unnamed, got->refused,
              got->signals, got->cancelled);
      report (name, got->descriptors == 0, "%ld descriptors are left", got->descriptors);
      report (name, got->zombies == 0, "%ld children are left", got->zombies);
      if (got->rounds > 1)
        {
          report (name, got->mappings <= 0, "%ld mappings are left", got->mappings);
          report (name, got->growth <= GROWTH, "%ld KiB more are mapped", got->growth);
        }
      else
        tap_report (TAP_SKIPPED, "a second round is needed to compare", "soak %s: mappings", name);
      tap_report (got->wrong ? TAP_FAILED : TAP_PASSED, got->first_wrong, "soak %s: %ld wrong results", name,
                  got->wrong);
      report (name, !hung[i], "%ld hangs", hung[i]);
      report (name, statuses[i] == 0, "wait status %ld", statuses[i]);
      report (name, got->calls > 0, "%ld calls", got->calls);
      report (name, got->children > 0, "%ld children", got->children);
      report (name, got->refused <= got->calls / 10, "%ld calls refused for a shortage", got->refused);
      if (changes_user)
        report (name, got->changes > 0, "%ld children of another user", got->changes);
    }
  return tap_end ();
}
