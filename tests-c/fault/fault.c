/* SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * Fault injection at every step: for each case below the 1st, 2nd, 3rd ... system call that the library makes is
 * made to fail, with one error after the other, until the call goes through untouched.  Each time the result must be
 * a success that is right or an error that the contract knows, and nothing may be left behind: no child, no
 * descriptor, no mapping, no changed signal mask, disposition, directory, umask or cancel state; and the next call
 * must work.
 *
 *   fault [CASE...]
 *
 * Each fault is tried twice: for one call alone, as when memory is short for a moment, and for all further calls of the
 * same number, as in a sandbox. */

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <pidfd_spawn.h>

#include "child.h"
#include "fault.h"
#include "inject.h"
#include "procfs.h"
#include "seccomp.h"
#include "snapshot.h"
#include "tap.h"

static const char NOT_RETURNED[] = "a wrong success: the child did not return";

enum { MESSAGE = 256, ENOUGH = 2 };

char child_program[4096];

/* Shared with the process that makes the call and with the children that it forks. */
static struct shared {
  char message[MESSAGE];
  bool child_returned;
  int error; /* what the call gave */
} *shared;

_Noreturn void
fail (const char *format, ...)
{
  va_list arguments;
  va_start (arguments, format);
  if (!shared->message[0])
    vsnprintf (shared->message, sizeof shared->message, format, arguments);
  va_end (arguments);
  _exit (1);
}

/* What a call must leave as it was. */
static struct snapshot before, after;

static void
compare (void)
{
  const char *difference = compare_snapshots (&before, &after);
  if (difference)
    fail ("%s", difference);
}

/* The marks for the tracer; not made around the second call, which is left alone. */

bool left_alone;

void
begin (void)
{
  if (!left_alone)
    mark_begin ();
}

void
end (void)
{
  if (!left_alone)
    mark_end ();
}

/* Preparations, in the process that is going to call. */

void
refuse (long call, int error)
{
  if (install_filter (&(struct filter_rule) { .call = call, .action = FILTER_ERROR (error) }, 1, FILTER_PLAIN) != 0)
    _exit (SKIPPED);
}

static void *
wait_for_ever (void *unused)
{
  for (;;)
    pause ();
  return unused;
}

static void
have_threads (void)
{
  pthread_t thread;
  for (int i = 0; i < 2; i++)
    CHECK (pthread_create (&thread, NULL, wait_for_ever, NULL) == 0);
}

void
ignore_children (void)
{
  CHECK (signal (SIGCHLD, SIG_IGN) != SIG_ERR);
}

posix_spawn_file_actions_t *actions, actions_;
posix_spawnattr_t *attributes, attributes_;

static void
ask_for_session (void)
{
  attributes = &attributes_;
  posix_spawnattr_init (attributes);
  posix_spawnattr_setflags (attributes, POSIX_SPAWN_SETSID);
}

static void
ask_for_everything (void)
{
  sigset_t set;
  attributes = &attributes_;
  posix_spawnattr_init (attributes);
  posix_spawnattr_setflags (attributes, POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETPGROUP
                                          | POSIX_SPAWN_SETSCHEDULER | POSIX_SPAWN_RESETIDS);
  sigemptyset (&set);
  sigaddset (&set, SIGUSR1);
  posix_spawnattr_setsigdefault (attributes, &set);
  sigemptyset (&set);
  sigaddset (&set, SIGHUP);
  posix_spawnattr_setsigmask (attributes, &set);
  posix_spawnattr_setschedpolicy (attributes, SCHED_OTHER);
  CHECK (sched_setscheduler (0, SCHED_BATCH, &(struct sched_param) { .sched_priority = 0 }) == 0);

  actions = &actions_;
  posix_spawn_file_actions_init (actions);
  posix_spawn_file_actions_addopen (actions, 20, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2 (actions, 20, 21);
  posix_spawn_file_actions_addclose (actions, 20);
  posix_spawn_file_actions_addopen (actions, 23, "/", O_RDONLY | O_DIRECTORY, 0);
#if __GLIBC_PREREQ(2, 34)
  posix_spawn_file_actions_addfchdir_np (actions, 23);
  posix_spawn_file_actions_addchdir_np (actions, "dev");
  posix_spawn_file_actions_addclosefrom_np (actions, OPEN_IN_PARENT);
#else
  _exit (SKIPPED);
#endif
  posix_spawn_file_actions_addopen (actions, 22, "null", O_RDWR, 0);
  posix_spawn_file_actions_adddup2 (actions, 22, 22);
}

static void
ask_for_terminal (void)
{
  int master = posix_openpt (O_RDWR | O_NOCTTY | O_CLOEXEC), terminal;
  if (master < 0 || setsid () < 0 || grantpt (master) != 0 || unlockpt (master) != 0
      || (terminal = open (ptsname (master), O_RDWR | O_CLOEXEC)) < 0 || dup2 (terminal, TERMINAL) < 0)
    _exit (SKIPPED);
  attributes = &attributes_;
  posix_spawnattr_init (attributes);
  posix_spawnattr_setflags (attributes, POSIX_SPAWN_SETPGROUP);
  actions = &actions_;
  posix_spawn_file_actions_init (actions);
#if __GLIBC_PREREQ(2, 35)
  posix_spawn_file_actions_addtcsetpgrp_np (actions, TERMINAL);
#else
  _exit (SKIPPED);
#endif
}

/* The calls.  Each gives 0 or the error, having checked what a success must have brought. */

void
check_right_child (int pidfd)
{
  siginfo_t info;
  CHECK (fcntl (pidfd, F_GETFD) == FD_CLOEXEC);
  CHECK (waitid (P_PIDFD_, (id_t) pidfd, &info, WEXITED) == 0);
  if (info.si_code != CLD_EXITED || info.si_status != RIGHT)
    fail ("a wrong success: the child ended with code %d, status %d", info.si_code, info.si_status);
  close (pidfd);
}

static int
spawn_by (bool search, const char *name, const char *program)
{
  char *argv[] = { (char *) "child", (char *) name, NULL };
  int pidfd = NONE;
  errno = BEFORE;
  begin ();
  int error = (search ? pidfd_spawnp : pidfd_spawn) (&pidfd, program, actions, attributes, argv, environ);
  end ();
  if (error == 0)
    {
      CHECK (errno == BEFORE);
      check_right_child (pidfd);
    }
  else
    {
      CHECK (pidfd == NONE);
      CHECK (errno == error);
    }
  return error;
}

static int
spawn (const char *name)
{
  return spawn_by (false, name, child_program);
}

static int
spawn_nothing (const char *name)
{
  return spawn_by (false, name, "/nonexistent/program");
}

/* The program is in the last of three directories. */
static int
search (const char *name)
{
  return spawn_by (true, name, strrchr (child_program, '/') + 1);
}

static int
search_nothing (const char *name)
{
  return spawn_by (true, name, "no-such-program");
}

static int tell[2], go[2];

_Noreturn static void
be_forked_child (void)
{
  end ();
  shared->child_returned = true;
  CHECK (errno == BEFORE);
  take_snapshot (&after, true);
  after.mappings = before.mappings;
  after.group = before.group;
  compare ();
  pid_t self = getpid ();
  char byte;
  CHECK (write (tell[1], &self, sizeof self) == sizeof self);
  CHECK (read (go[0], &byte, 1) == 1);
  _exit (RIGHT);
}

static void
check_forked_child (int pidfd)
{
  struct pollfd wanted[] = { { .fd = tell[0], .events = POLLIN }, { .fd = pidfd, .events = POLLIN } };
  pid_t child;
  siginfo_t info;
  CHECK (fcntl (pidfd, F_GETFD) == FD_CLOEXEC);
  CHECK (poll (wanted, 2, -1) > 0);
  if (!wanted[0].revents)
    fail ("%s", NOT_RETURNED);
  CHECK (read (tell[0], &child, sizeof child) == sizeof child);
  CHECK (pid_in_fdinfo (pidfd) == child);
  CHECK (write (go[1], "", 1) == 1);
  /* Where children are ignored, the wait lasts until the child is gone and then has nothing to tell. */
  if (waitid (P_PIDFD_, (id_t) pidfd, &info, WEXITED) == 0)
    CHECK (info.si_code == CLD_EXITED && info.si_status == RIGHT);
  else
    CHECK (errno == ECHILD && signal (SIGCHLD, SIG_IGN) == SIG_IGN);
  close (pidfd);
}

static int
fork_by (unsigned int flags)
{
  shared->child_returned = false;
  errno = BEFORE;
  begin ();
  int pidfd = pidfd_fork (flags);
  if (pidfd == 0)
    be_forked_child ();
  end ();
  if (pidfd < 0)
    {
      int error = errno;
      CHECK (pidfd == -1);
      /* What a child told that has returned all the same is not for the next call. */
      pid_t child;
      while (read (tell[0], &child, sizeof child) > 0)
        ;
      return error;
    }
  CHECK (errno == BEFORE);
  check_forked_child (pidfd);
  return 0;
}

static int
fork_plainly (const char *name)
{
  (void) name;
  return fork_by (0);
}

static int
fork_async_safe (const char *name)
{
  (void) name;
  return fork_by (PIDFDFORK_ASYNCSAFE);
}

static int subject;

static void
have_own_pidfd (void)
{
  subject = (int) syscall (SYS_pidfd_open, getpid (), 0);
  CHECK (subject >= 0);
}

static void
have_pidfd_of_nobody (void)
{
  pid_t pid = fork ();
  CHECK (pid >= 0);
  if (pid == 0)
    _exit (0);
  subject = (int) syscall (SYS_pidfd_open, pid, 0);
  CHECK (subject >= 0);
  CHECK (waitpid (pid, NULL, 0) == pid);
}

static void
have_eventfd (void)
{
  subject = eventfd (0, EFD_CLOEXEC);
}

static int
ask (const char *name)
{
  (void) name;
  errno = BEFORE;
  begin ();
  pid_t pid = pidfd_getpid (subject);
  end ();
  if (pid < 0)
    {
      CHECK (pid == -1);
      return errno;
    }
  CHECK (errno == BEFORE);
  if (pid != getpid ())
    fail ("a wrong success: process %d", (int) pid);
  return 0;
}

/* The cases.  A path is what the library is driven to: PLAIN, or FALLBACK, where clone3 and the pidfd's ioctl are
   refused, or COPYING, where clone moreover gives the child a copy of the memory. */

enum path { PLAIN, FALLBACK, COPYING };
static const char *const path_names[] = { "plain", "fallback", "copying" };

static const struct test {
  const char *name;
  int (*call) (const char *name);
  void (*prepare[2]) (void);
  int expected;
  enum path last_path;
  /* A forked child may return from the call at once where its parent is sure to get the pidfd: should the kernel then
     be out of memory or files, the child is killed wherever it is.  Not so where the two wait for each other. */
  bool holds_child;
} tests[] = {
  { "spawn", spawn, { NULL, NULL }, 0, COPYING, false },
  { "session", spawn, { ask_for_session, NULL }, 0, PLAIN, false },
  { "terminal", spawn, { ask_for_terminal, NULL }, 0, PLAIN, false },
  { "everything", spawn, { ask_for_everything, NULL }, 0, COPYING, false },
  { "spawn_nothing", spawn_nothing, { NULL, NULL }, ENOENT, COPYING, false },
  { "spawn_among_threads", spawn, { have_threads, NULL }, 0, FALLBACK, false },
  { "search", search, { NULL, NULL }, 0, COPYING, false },
  { "search_nothing", search_nothing, { NULL, NULL }, ENOENT, FALLBACK, false },
  { "fork", fork_plainly, { NULL, NULL }, 0, PLAIN, false },
  { "fork_among_threads", fork_plainly, { have_threads, NULL }, 0, PLAIN, true },
  { "fork_ignoring_children", fork_plainly, { ignore_children, NULL }, 0, PLAIN, true },
  { "fork_among_threads_ignoring_children", fork_plainly, { have_threads, ignore_children }, 0, PLAIN, true },
  { "fork_async_safe", fork_async_safe, { NULL, NULL }, 0, PLAIN, false },
  { "fork_async_safe_among_threads", fork_async_safe, { have_threads, NULL }, 0, PLAIN, true },
  { "fork_async_safe_ignoring_children", fork_async_safe, { ignore_children, NULL }, 0, PLAIN, true },
  { "extended", extend, { ask_for_much, NULL }, 0, COPYING, false },
  { "search_of_child", extend, { ask_for_search, NULL }, 0, FALLBACK, false },
  { "descriptor", extend, { ask_for_descriptor, NULL }, 0, COPYING, false },
  { "close_on_exec", extend, { ask_for_close_on_exec, NULL }, 0, FALLBACK, false },
  { "close_on_exec_by_procfs", extend, { ask_for_close_on_exec, refuse_close_range }, 0, FALLBACK, false },
  { "close_on_exec_by_poll", extend, { ask_for_close_on_exec, refuse_close_range_and_listing }, 0, FALLBACK, false },
  { "cgroup", extend, { ask_for_cgroup, NULL }, 0, PLAIN, false },
  { "cgroup_moving", extend, { ask_for_cgroup_or_moving, NULL }, 0, COPYING, false },
  { "user", extend, { ask_for_user, NULL }, 0, COPYING, false },
  { "user_nothing", extend_nothing, { ask_for_user, NULL }, ENOENT, COPYING, false },
  { "user_among_threads", extend, { ask_for_user, have_threads }, 0, FALLBACK, false },
  { "user_without_capabilities", extend, { give_up_capabilities, NULL }, 0, FALLBACK, false },
  { "own_user", extend, { ask_for_own_user, NULL }, 0, FALLBACK, false },
  { "wait", wait_for, { have_ended_child, NULL }, 0, PLAIN, false },
  { "wait_running", wait_for, { have_running_child, NULL }, 0, PLAIN, false },
  { "wait_taken", wait_for, { have_taken_child, NULL }, 0, PLAIN, false },
  { "wait_ignoring_children", wait_for, { have_ignored_child, NULL }, 0, PLAIN, false },
  { "wait_stranger", wait_for, { have_ended_stranger, NULL }, 0, PLAIN, false },
  { "wait_stranger_not_ended", wait_for, { have_running_stranger, NULL }, 0, PLAIN, false },
  { "wait_stranger_patiently", wait_for, { have_patient_stranger, NULL }, EAGAIN, PLAIN, false },
  { "wait_stranger_untold", wait_for, { refuse_to_tell, NULL }, ECHILD, PLAIN, false },
  { "getpid", ask, { have_own_pidfd, NULL }, 0, FALLBACK, false },
  { "getpid_of_nobody", ask, { have_pidfd_of_nobody, NULL }, ESRCH, FALLBACK, false },
  { "getpid_of_no_pidfd", ask, { have_eventfd, NULL }, EBADF, FALLBACK, false },
};

struct run {
  const struct test *test;
  enum path path;
};

static void
check_no_child (void)
{
  siginfo_t info;
  info.si_pid = 0;
  if (waitid (P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT | __WALL) == 0)
    fail ("a child was left, %s", info.si_pid ? "dead" : "alive");
}

static void
check_nothing_left (void)
{
  check_no_child ();
  take_snapshot (&after, true);
  compare ();
}

static void
handle (int signal)
{
  (void) signal;
}

/* The traced process. */
static void
make_call (void *run_)
{
  const struct run *run = run_;
  struct sigaction handling = { .sa_handler = handle };
  sigset_t mask;
  sigaction (SIGTERM, &handling, NULL);
  signal (SIGUSR1, SIG_IGN);
  signal (SIGUSR2, SIG_IGN);
  sigemptyset (&mask);
  sigaddset (&mask, SIGWINCH);
  sigprocmask (SIG_SETMASK, &mask, NULL);
  CHECK (pipe2 (tell, O_CLOEXEC | O_NONBLOCK) == 0 && pipe2 (go, O_CLOEXEC) == 0);
  CHECK (dup2 (tell[0], OPEN_IN_PARENT) == OPEN_IN_PARENT);
  for (size_t i = 0; i < LENGTH (run->test->prepare) && run->test->prepare[i]; i++)
    run->test->prepare[i] ();
  if (run->path != PLAIN)
    {
      refuse (SYS_clone3, ENOSYS);
      if (run->test->call == ask)
        refuse (SYS_ioctl, ENOTTY);
    }
  take_snapshot (&before, true);

  if (ptrace (PTRACE_TRACEME, 0, NULL, NULL) != 0)
    _exit (SKIPPED);
  shared->error = run->test->call (run->test->name);
  check_nothing_left ();
  bool returned = shared->child_returned;
  left_alone = true;
  int error = run->test->call (run->test->name);
  if (error != run->test->expected)
    fail ("the next call, without a fault, gave %d", error);
  check_nothing_left ();
  shared->child_returned = returned;
  _exit (0);
}

/* Whether the library knows what to do instead. */
static bool
has_remedy (const struct test *test, long number, const struct fault *fault)
{
  int error = fault->error;
  bool marks = strncmp (test->name, "close_on_exec", 13) == 0;
  if (test->call == wait_for)
    return false;
  switch (number)
    {
    case SYS_clone3:
      return strcmp (test->name, "cgroup") != 0 && (error == ENOSYS || error == EPERM || error == EINVAL);
    case SYS_close_range:
    /* Not knowing whether it is alone, or whether children are ignored, a fork takes the longer way. */
    case SYS_unshare:
      return true;
    /* The end of the wait for the child, and the signals that hurry it, are not all that is looked at. */
    case SYS_futex:
    case SYS_pidfd_send_signal:
      return test->call != ask;
    /* The descriptors are found in another way. */
    case SYS_getdents64:
    case SYS_poll:
      return marks;
    case SYS_openat:
      return marks && fault->of_child;
    case SYS_rt_sigaction:
      return test->call == fork_plainly || test->call == fork_async_safe;
    case SYS_ioctl:
      return test->call == ask && error != EBADF;
    case SYS_waitid:
    case SYS_ppoll:
    case SYS_read:
    case SYS_write:
      return error == EINTR;
    default:
      return false;
    }
}

/* Errors that may stand for another one: a flag that clone does not know and a call that a sandbox forbids are missing
   features, and a child that was not able to go through with a fork is one that died before it could be named. */
static bool
stands_for (const struct test *test, const struct outcome *outcome, const struct fault *fault, int error)
{
  bool forks = test->call == fork_plainly || test->call == fork_async_safe;
  bool extends = test->call == extend || test->call == extend_nothing;
  bool refused = error == ENOSYS && fault->error != EMFILE && fault->error != ENOMEM;
  if (test->call == wait_for)
    /* A kernel that does not know this kind of wait; and who cannot be asked does not tell. */
    return (error == ENOSYS && outcome->number == SYS_waitid && fault->error == EINVAL)
           || (error == ECHILD && outcome->number != SYS_waitid && outcome->number != SYS_poll
               && outcome->number != SYS_fcntl);
  switch (outcome->number)
    {
    case SYS_clone3:
      return strcmp (test->name, "cgroup") == 0 && error == EOPNOTSUPP;
    /* Whether the kernel has the interface is asked first. */
    case SYS_waitid:
      if (error == ENOSYS)
        return true;
      break;
    case SYS_clone:
      return error == ENOSYS && (fault->error == EINVAL || fault->error == EPERM || fault->error == EACCES);
    /* What is prepared for the handshake. */
    case SYS_eventfd2:
    case SYS_fcntl:
#ifdef SYS_fcntl64
    case SYS_fcntl64:
#endif
      /* The number that is asked for is beyond the limit. */
      if ((forks && refused) || ((forks || extends) && error == EMFILE && fault->error == EINVAL))
        return true;
      break;
    /* The word that lets the child go. */
    case SYS_write:
      if (forks && refused)
        return true;
      break;
    case SYS_pidfd_open:
      /* A process that is just being reaped. */
      if (forks && (refused || (error == ESRCH && fault->error == EINVAL)))
        return true;
      break;
    /* That is what the kernel says of a process of another namespace. */
    case SYS_pidfd_send_signal:
      return test->call == ask && error == EREMOTE && fault->error == EINVAL;
    }
  return forks && error == ESRCH && (fault->of_child || outcome->number == SYS_waitid);
}

/* What is wrong with the result, or NULL. */
static const char *
judge (const struct run *run, const struct outcome *outcome, const struct fault *fault)
{
  int error = shared->error;
  if (outcome->hung)
    return "the call hangs";
  /* A child that can read nothing any more does not hear that it may go on. */
  bool forks = run->test->call == fork_plainly || run->test->call == fork_async_safe;
  if (forks && fault->of_child && fault->all && outcome->number == SYS_read
      && strcmp (shared->message, NOT_RETURNED) == 0)
    return NULL;
  if (shared->message[0])
    return shared->message;
  if (outcome->status != 0)
    return "the caller died";
  if (outcome->strays)
    return "a process was left behind";
  /* When the parent cannot hear the answer it was given nevertheless. */
  bool unheard = outcome->number == SYS_ppoll && !fault->of_child;
  if (error && shared->child_returned && run->test->holds_child && !unheard)
    return "the call failed, but its child has returned from it";
  if (error == run->test->expected)
    return NULL;
  /* What a fork cannot have in a sandbox is ENOSYS. */
  bool lacks = forks && fault->all && !fault->of_child
               && (fault->error == EPERM || fault->error == EINVAL || fault->error == EACCES);
  if (outcome->number >= 0 && !has_remedy (run->test, outcome->number, fault)
      && ((error == fault->error && !lacks) || stands_for (run->test, outcome, fault, error)))
    return NULL;
  snprintf (shared->message, sizeof shared->message, "the result is %d (%s)", error, strerror (error));
  return shared->message;
}

static const int errors[] = { ENOSYS, EPERM, EINVAL, ENOMEM, EMFILE, EAGAIN, EBADF, EINTR, EACCES };

/* What went wrong in a case, a line each. */
static char wrongs[4096];

static void
add_wrong (const struct fault *fault, long number, const char *wrong)
{
  size_t length = strlen (wrongs);
  snprintf (wrongs + length, sizeof wrongs - length, "call %ld failing %s with %s: system call %ld of the %s: %s\n",
            fault->nth, fault->all ? "from then on" : "once", strerrorname_np (fault->error), number,
            fault->of_child ? "child" : "caller", wrong);
}

struct tally {
  int tried, failed;
  long steps[2];
};

static bool
starts_child (const struct test *test)
{
  return test->call != ask && test->call != wait_for;
}

/* Why the case is unavailable here, or NULL. */
static const char *
try_fault (const struct run *run, const struct fault *fault, long *number, struct tally *tally)
{
  memset (shared, 0, sizeof *shared);
  struct outcome outcome = run_with_fault (make_call, (void *) run, *fault);
  bool skipped = WIFEXITED (outcome.status) && WEXITSTATUS (outcome.status) == SKIPPED;
  /* Later it would be a hole in the test. */
  if (skipped && fault->nth == 0)
    return "this path is unavailable here";
  if (outcome.blind && fault->nth == 0)
    return "PTRACE_GET_SYSCALL_INFO is unavailable here";
  *number = outcome.number;
  if (skipped || outcome.blind)
    {
      tally->failed++;
      add_wrong (fault, outcome.number, skipped ? "skipped, unlike the case without a fault" : "not seen");
      return NULL;
    }
  if (fault->nth > 0 && outcome.number < 0)
    return NULL;
  tally->tried++;
  const char *wrong = judge (run, &outcome, fault);
  if (wrong)
    {
      tally->failed++;
      add_wrong (fault, outcome.number, wrong);
    }
  return NULL;
}

/* One error at one call after the other, until the call under test goes through. */
static void
try_each_call (const struct run *run, struct fault fault, struct tally *tally)
{
  long number;
  for (fault.nth = 1; !try_fault (run, &fault, &number, tally) && number >= 0; fault.nth++)
    if (tally->failed == ENOUGH)
      break;
  if (fault.nth - 1 > tally->steps[fault.of_child])
    tally->steps[fault.of_child] = fault.nth - 1;
}

static void
try_case (const struct run *run)
{
  long number;
  struct tally tally = { .tried = 0 };
  struct fault fault = { .copies = run->path == COPYING };
  fault.by_pipe = fault.copies || run->test->prepare[0] == give_up_capabilities;
  wrongs[0] = 0;
  const char *why = try_fault (run, &fault, &number, &tally);
  if (why)
    {
      tap_report (TAP_SKIPPED, why, "fault %s, %s", run->test->name, path_names[run->path]);
      return;
    }
  /* The first are those of sandboxes and old kernels. */
  size_t count = getenv ("TEST_QUICK") ? 2 : LENGTH (errors);
  for (int kind = 0; kind < 4; kind++)
    for (size_t i = 0; i < count && tally.failed == 0; i++)
      {
        fault.of_child = kind & 1;
        fault.all = kind & 2;
        fault.error = errors[i];
        /* The library is right to try such a call again and again. */
        if (fault.all && (fault.error == EINTR || fault.error == EAGAIN))
          continue;
        /* What the child does with each of 64 signals need not be tried with every error. */
        fault.sparse = fault.all || i > 0;
        try_each_call (run, fault, &tally);
      }
  if (tally.failed == 0 && (tally.steps[0] == 0 || (tally.steps[1] == 0 && starts_child (run->test))))
    {
      tally.failed = 1;
      snprintf (wrongs, sizeof wrongs, "no system call of the %s was made to fail\n",
                tally.steps[0] == 0 ? "caller" : "child");
    }
  tap_report (tally.failed ? TAP_FAILED : TAP_PASSED, wrongs, "fault %s, %s: %ld + %ld calls, %d faults",
              run->test->name, path_names[run->path], tally.steps[0], tally.steps[1], tally.tried);
}

/* The search's program is behind a directory that does not exist and one that does not have it. */
static void
find_child (void)
{
  ssize_t length = readlink ("/proc/self/exe", child_program, sizeof child_program - 8);
  if (length < 0)
    exit (2);
  char *slash = strrchr (child_program, '/'), path[5000];
  *slash = 0;
  snprintf (path, sizeof path, "/nonexistent:/proc:%s", child_program);
  setenv ("PATH", path, 1);
  strcpy (slash, "/child");
}

int
main (int argc, char **argv)
{
  find_child ();
  /* The children say what they find ignored, and a shell ignores this one for what it has in the background. */
  signal (SIGINT, SIG_DFL);
  for (int fd = 3; fd < LOW_DESCRIPTORS; fd++)
    close (fd);
  shared = mmap (NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (shared == MAP_FAILED)
    return 2;
  make_cgroup ();
  tap_begin ();
  for (size_t i = 0; i < LENGTH (tests); i++)
    for (enum path path = PLAIN; path <= tests[i].last_path; path++)
      {
        bool wanted = argc < 2;
        for (int j = 1; j < argc; j++)
          wanted |= strcmp (argv[j], tests[i].name) == 0;
        if (wanted)
          try_case (&(struct run) { &tests[i], path });
      }
  remove_cgroup ();
  return tap_end ();
}
