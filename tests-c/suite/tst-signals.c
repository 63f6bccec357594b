/* SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * Signals around a spawn.  Between its birth and its exec the child runs in the caller's memory, so a handler of the
 * caller that ran there would corrupt the caller; and the caller, suspended meanwhile, must find its mask and its
 * dispositions as they were.  Many of the tests hold the child before its exec by a file action that opens a FIFO, and
 * look at it, or send it signals, from another thread. */

#include "runner.h"

#include <poll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#define BIT(signal_) (1ULL << ((signal_) - 1))
#define UNBLOCKABLE (BIT (SIGKILL) | BIT (SIGSTOP))
#define ALL_SIGNALS (~0ULL & ~UNBLOCKABLE)

/* What a handler saw.  Shared by processes, so that it counts in a child that has a memory of its own too. */
static struct record {
  pid_t owner;
  int in_owner, elsewhere, last_elsewhere;
} *record;

static void
count (int signal)
{
  int saved = errno;
  if (syscall (SYS_getpid) == record->owner)
    __atomic_add_fetch (&record->in_owner, 1, __ATOMIC_SEQ_CST);
  else
    {
      __atomic_add_fetch (&record->elsewhere, 1, __ATOMIC_SEQ_CST);
      record->last_elsewhere = signal;
    }
  errno = saved;
}

static void
start_record (void)
{
  record = mmap (NULL, sizeof *record, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  CHECK (record != MAP_FAILED);
  record->owner = getpid ();
}

static void
check_no_handler_ran_elsewhere (void)
{
  if (record->elsewhere)
    FAIL ("a handler ran %d times in the child, last for signal %d", record->elsewhere, record->last_elsewhere);
}

/* A kernel sigaction begins with the handler on every architecture that this runs on; the rest is kept as it is. */
static void
set_disposition (int signal, void (*handler) (int))
{
  struct sigaction action;
  memset (&action, 0, sizeof action);
  action.sa_handler = handler;
  action.sa_flags = SA_RESTART;
  if (sigaction (signal, &action, NULL) == 0)
    return;
  /* One that the libc keeps for itself. */
  struct kernel_action raw = { { 0 } };
  CHECK (sys_sigaction (signal, NULL, &raw) == 0);
  raw.words[HANDLER] = (unsigned long) handler;
  CHECK (sys_sigaction (signal, &raw, NULL) == 0);
}

static void
set_every_disposition (void (*handler) (int))
{
  for (int signal = 1; signal <= 64; signal++)
    if (signal != SIGKILL && signal != SIGSTOP)
      set_disposition (signal, handler);
}

struct dispositions {
  struct kernel_action of[65];
};

static struct dispositions *
read_dispositions (void)
{
  struct dispositions *all = calloc (1, sizeof *all);
  for (int signal = 1; signal <= 64; signal++)
    CHECK (sys_sigaction (signal, NULL, &all->of[signal]) == 0);
  return all;
}

static void
check_dispositions (const struct dispositions *before)
{
  struct dispositions *after = read_dispositions ();
  for (int signal = 1; signal <= 64; signal++)
    if (memcmp (&before->of[signal], &after->of[signal], sizeof before->of[signal]) != 0)
      FAIL ("the disposition of signal %d was changed", signal);
  free (after);
}

static uint64_t
set_mask (uint64_t mask)
{
  uint64_t old;
  CHECK (sys_sigprocmask (SIG_SETMASK, &mask, &old) == 0);
  return old;
}

/* ---- A child that is held before its exec ---- */

struct held {
  char *fifo;
  posix_spawn_file_actions_t actions;
  void (*visit) (struct held *, pid_t child);
  pthread_t thread, caller;
  int release;
  struct process_state state;
  int signal;
};

static void *
visitor (void *argument)
{
  struct held *held = argument;
  held->visit (held, sleeping_child ());
  /* Reading and writing: this end never waits for the other, should the child be gone. */
  held->release = open (held->fifo, O_RDWR | O_CLOEXEC);
  CHECK (held->release >= 0);
  return NULL;
}

/* Makes file actions that hold the child until the visit is over. */
static void
hold (struct held *held, void (*visit) (struct held *, pid_t child))
{
  need_list_of_children ();
  held->fifo = test_path ("fifo");
  CHECK (mkfifo (held->fifo, 0600) == 0);
  posix_spawn_file_actions_init (&held->actions);
  posix_spawn_file_actions_addopen (&held->actions, 20, held->fifo, O_RDONLY, 0);
  held->visit = visit;
  held->caller = pthread_self ();
  /* The thread takes no signals from anybody. */
  uint64_t old = set_mask (~0ULL);
  CHECK_EQ (pthread_create (&held->thread, NULL, visitor, held), 0);
  set_mask (old);
}

static void
let_go (struct held *held)
{
  CHECK_EQ (pthread_join (held->thread, NULL), 0);
  CHECK (close (held->release) == 0);
  CHECK (unlink (held->fifo) == 0);
  posix_spawn_file_actions_destroy (&held->actions);
}

CHILD (nothing)
{
  return 0;
}

/* Spawns the held child; the result. */
static int
spawn_held (struct held *held, spawn_call *call, int *pidfd)
{
  return call (pidfd, self_path, &held->actions, NULL, child_argv ("nothing", NULL), environ);
}

static void
note_state (struct held *held, pid_t child)
{
  held->state = state_of (child);
}

/* ---- Handlers ---- */

/* Nothing is caught any more when the file actions run: whatever signal comes, it meets its default action. */
TEST (handlers_are_default_before_the_exec)
{
  start_record ();
  set_every_disposition (count);
  for (int call = 0; call < 2; call++)
    {
      struct held held;
      int pidfd = -1;
      hold (&held, note_state);
      int error = spawn_held (&held, both_calls[call], &pidfd);
      let_go (&held);
      CHECK_EQ (error, 0);
      CHECK_EXIT (pidfd, 0);
      CHECK_EQ (held.state.caught, 0);
      CHECK_EQ (held.state.ignored, 0);
    }
  CHECK_EQ (state_of (getpid ()).caught, ALL_SIGNALS);
  check_no_handler_ran_elsewhere ();
}

TEST (ignored_signals_stay_ignored)
{
  set_every_disposition (SIG_IGN);
  set_disposition (SIGCHLD, SIG_DFL);
  static char *const argv[] = { (char *) "sleep", (char *) "1000", NULL };
  for (int call = 0; call < 2; call++)
    {
      struct held held;
      int pidfd = -1;
      hold (&held, note_state);
      int error = both_calls[call](&pidfd, "/bin/sleep", &held.actions, NULL, argv, environ);
      let_go (&held);
      CHECK_EQ (error, 0);
      struct process_state after = state_of (pid_of (pidfd)), own = state_of (getpid ());
      CHECK (sys_pidfd_send_signal (pidfd, SIGKILL, NULL, 0) == 0);
      CHECK_KILLED (pidfd, SIGKILL);
      CHECK_EQ (own.ignored | 3ULL << 31, ALL_SIGNALS & ~BIT (SIGCHLD));
      CHECK_EQ (held.state.ignored, own.ignored);
      CHECK_EQ (after.ignored, own.ignored);
    }
}

/* The same without file actions: the way of a plain spawn may be another one. */
TEST (ignored_signals_stay_ignored_in_a_plain_spawn)
{
  set_every_disposition (SIG_IGN);
  set_disposition (SIGCHLD, SIG_DFL);
  set_disposition (SIGUSR1, SIG_DFL);
  static char *const argv[] = { (char *) "sleep", (char *) "1000", NULL };
  for (int call = 0; call < 2; call++)
    {
      int pidfd = -1;
      CHECK_EQ (both_calls[call](&pidfd, "/bin/sleep", NULL, NULL, argv, environ), 0);
      struct process_state after = state_of (pid_of (pidfd));
      CHECK (sys_pidfd_send_signal (pidfd, SIGKILL, NULL, 0) == 0);
      CHECK_KILLED (pidfd, SIGKILL);
      CHECK_EQ (after.ignored, state_of (getpid ()).ignored);
      CHECK (after.ignored & BIT (SIGUSR2));
      CHECK (!(after.ignored & BIT (SIGUSR1)));
    }
}

/* Some are ignored, some are caught, some are default, and each is told from the others. */
TEST (mixed_dispositions)
{
  start_record ();
  uint64_t ignored = 0;
  for (int signal = 1; signal <= 64; signal++)
    if (signal != SIGKILL && signal != SIGSTOP && signal != SIGCHLD && signal % 3 != 2)
      {
        set_disposition (signal, signal % 3 ? SIG_IGN : count);
        ignored |= signal % 3 ? BIT (signal) : 0;
      }
  CHECK_EQ (state_of (getpid ()).ignored, ignored);
  struct held held;
  int pidfd = -1;
  hold (&held, note_state);
  int error = spawn_held (&held, SPAWN, &pidfd);
  let_go (&held);
  CHECK_EQ (error, 0);
  CHECK_EXIT (pidfd, 0);
  CHECK_EQ (held.state.ignored, ignored);
  CHECK_EQ (held.state.caught, 0);
}

static void
send_harmless_signals (struct held *held, pid_t child)
{
  (void) held;
  static const int harmless[] = { SIGURG, SIGWINCH, SIGCHLD, SIGCONT };
  for (size_t i = 0; i < sizeof harmless / sizeof *harmless; i++)
    CHECK (kill (child, harmless[i]) == 0);
}

/* Signals whose default action is nothing: the child goes on as if there had been none. */
TEST (handlers_do_not_run_for_harmless_signals)
{
  start_record ();
  set_every_disposition (count);
  for (int call = 0; call < 2; call++)
    {
      struct held held;
      int pidfd = -1;
      hold (&held, send_harmless_signals);
      int error = spawn_held (&held, both_calls[call], &pidfd);
      let_go (&held);
      CHECK_EQ (error, 0);
      CHECK_EXIT (pidfd, 0);
      check_no_handler_ran_elsewhere ();
    }
}

static void
send_signal (struct held *held, pid_t child)
{
  CHECK (kill (child, held->signal) == 0);
}

/* Signals whose default action is death: they kill the child, now or when its mask is restored, before its exec.
   That is no error of the call: the status tells. */
TEST (handlers_do_not_run_for_deadly_signals)
{
  start_record ();
  set_every_disposition (count);
  const int deadly[] = { SIGUSR1, SIGTERM, SIGINT, SIGALRM, SIGIO, SIGRTMIN + 2, SIGRTMAX };
  for (size_t i = 0; i < sizeof deadly / sizeof *deadly; i++)
    {
      struct held held = { .signal = deadly[i] };
      int pidfd = -1;
      hold (&held, send_signal);
      int error = spawn_held (&held, SPAWN, &pidfd);
      let_go (&held);
      CHECK_EQ (error, 0);
      CHECK_KILLED (pidfd, deadly[i]);
      check_no_handler_ran_elsewhere ();
    }
}

TEST (ignored_signals_do_not_reach_the_child_before_the_exec)
{
  set_disposition (SIGTERM, SIG_IGN);
  struct held held = { .signal = SIGTERM };
  int pidfd = -1;
  hold (&held, send_signal);
  int error = spawn_held (&held, SPAWN, &pidfd);
  let_go (&held);
  CHECK_EQ (error, 0);
  CHECK_EXIT (pidfd, 0);
}

static volatile int storm_over;

static void *
storm (void *argument)
{
  (void) argument;
  while (!storm_over)
    {
      /* To the whole process group: the harness stands outside it. */
      kill (0, SIGURG);
      kill (0, SIGWINCH);
      sched_yield ();
    }
  return NULL;
}

/* No instant of the child's life is exempt; the file actions widen the window. */
TEST (handlers_do_not_run_in_a_storm)
{
  start_record ();
  CHECK_EQ (getpgrp (), getpid ());
  set_disposition (SIGURG, count);
  set_disposition (SIGWINCH, count);
  pthread_t thread;
  uint64_t old = set_mask (~0ULL);
  CHECK_EQ (pthread_create (&thread, NULL, storm, NULL), 0);
  set_mask (old);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init (&actions);
  for (int i = 0; i < 10; i++)
    posix_spawn_file_actions_addopen (&actions, 20 + i, "/dev/null", O_RDONLY, 0);
  for (int i = 0; i < 60; i++)
    {
      int pidfd = -1;
      CHECK_EQ (both_calls[i % 2](&pidfd, i % 3 ? self_path : "/nonexistent/program", i % 5 ? &actions : NULL, NULL,
                                  child_argv ("nothing", NULL), environ), i % 3 ? 0 : ENOENT);
      if (i % 3)
        CHECK_EXIT (pidfd, 0);
    }
  storm_over = 1;
  CHECK_EQ (pthread_join (thread, NULL), 0);
  posix_spawn_file_actions_destroy (&actions);
  check_no_handler_ran_elsewhere ();
  CHECK (record->in_owner > 0);
}

/* ---- The caller ---- */

static void
signal_the_caller (struct held *held, pid_t child)
{
  (void) child;
  CHECK_EQ (pthread_kill (held->caller, SIGUSR1), 0);
  CHECK_EQ (pthread_kill (held->caller, SIGUSR2), 0);
}

/* A signal that comes while the caller is suspended is not lost, and is handled by the caller. */
TEST (signals_of_the_caller_are_handled_after_the_call)
{
  start_record ();
  set_disposition (SIGUSR1, count);
  set_disposition (SIGUSR2, count);
  struct held held;
  int pidfd = -1;
  hold (&held, signal_the_caller);
  int error = spawn_held (&held, SPAWN, &pidfd);
  int handled = record->in_owner;
  let_go (&held);
  CHECK_EQ (error, 0);
  CHECK_EXIT (pidfd, 0);
  CHECK_EQ (handled, 2);
  check_no_handler_ran_elsewhere ();
}

static void
check_mask_is_kept (uint64_t mask)
{
  int closed = 700, pidfd;
  posix_spawn_file_actions_t failing, working;
  posix_spawn_file_actions_init (&failing);
  posix_spawn_file_actions_adddup2 (&failing, closed, 9);
  posix_spawn_file_actions_init (&working);
  posix_spawn_file_actions_addclose (&working, closed);
  uint64_t old = set_mask (mask);
  for (int call = 0; call < 2; call++)
    for (int way = 0; way < 6; way++)
      {
        const char *path = way % 2 ? "/nonexistent/program" : self_path;
        const posix_spawn_file_actions_t *actions = way < 2 ? NULL : way < 4 ? &working : &failing;
        int wanted = way >= 4 ? EBADF : way % 2 ? ENOENT : 0;
        CHECK_EQ (both_calls[call](&pidfd, path, actions, NULL, child_argv ("nothing", NULL), environ), wanted);
        uint64_t now = set_mask (mask);
        if (wanted == 0)
          CHECK_EXIT (pidfd, 0);
        CHECK_EQ (now, mask & ~UNBLOCKABLE);
      }
#if HAVE_LIBRARY
  CHECK_ERRNO (pidfd_fork (1U << 7), EINVAL);
  CHECK_EQ (set_mask (mask), mask & ~UNBLOCKABLE);
#endif
  set_mask (old);
  posix_spawn_file_actions_destroy (&failing);
  posix_spawn_file_actions_destroy (&working);
}

TEST (mask_of_the_caller_is_kept)
{
  check_mask_is_kept (0);
  check_mask_is_kept (BIT (SIGUSR1) | BIT (SIGCHLD) | BIT (SIGTTOU));
  check_mask_is_kept (BIT (33) | BIT (32) | BIT (34));
  check_mask_is_kept (~0ULL);
}

TEST (dispositions_of_the_caller_are_kept)
{
  start_record ();
  for (int signal = 1; signal <= 64; signal++)
    if (signal != SIGKILL && signal != SIGSTOP && signal != SIGCHLD && signal % 3 != 2)
      set_disposition (signal, signal % 3 ? SIG_IGN : count);
  struct dispositions *before = read_dispositions ();
  posix_spawnattr_t attributes;
  posix_spawnattr_init (&attributes);
  posix_spawnattr_setflags (&attributes, POSIX_SPAWN_SETSIGDEF);
  sigset_t set;
  sigfillset (&set);
  posix_spawnattr_setsigdefault (&attributes, &set);
  for (int call = 0; call < 2; call++)
    for (int with = 0; with < 2; with++)
      {
        int pidfd = -1;
        CHECK_EQ (both_calls[call](&pidfd, self_path, NULL, with ? &attributes : NULL, child_argv ("nothing", NULL),
                                   environ), 0);
        CHECK_EXIT (pidfd, 0);
        check_dispositions (before);
        CHECK_EQ (both_calls[call](&pidfd, "/nonexistent/program", NULL, with ? &attributes : NULL,
                                   child_argv ("nothing", NULL), environ), ENOENT);
        check_dispositions (before);
      }
  posix_spawnattr_destroy (&attributes);
}

/* ---- The end of the child ---- */

static volatile sig_atomic_t chld_count, chld_pid;

static void
on_chld (int signal, siginfo_t *info, void *context)
{
  (void) signal, (void) context;
  chld_count++;
  chld_pid = info->si_pid;
}

/* The child ends like that of fork: with SIGCHLD, and for every way of waiting. */
TEST (exit_signal_is_sigchld)
{
  struct sigaction action;
  memset (&action, 0, sizeof action);
  action.sa_sigaction = on_chld;
  action.sa_flags = SA_SIGINFO;
  CHECK (sigaction (SIGCHLD, &action, NULL) == 0);
  for (int call = 0; call < 2; call++)
    {
      sigset_t chld, old;
      sigemptyset (&chld);
      sigaddset (&chld, SIGCHLD);
      sigprocmask (SIG_BLOCK, &chld, &old);
      int pidfd = -1;
      CHECK_EQ (both_calls[call](&pidfd, self_path, NULL, NULL, child_argv ("nothing", NULL), environ), 0);
      pid_t pid = pid_of (pidfd);
      chld_count = 0;
      sigset_t none = old;
      sigdelset (&none, SIGCHLD);
      sigsuspend (&none);
      sigprocmask (SIG_SETMASK, &old, NULL);
      CHECK_EQ (chld_count, 1);
      CHECK_EQ (chld_pid, pid);
      int status;
      CHECK_EQ (waitpid (-1, &status, 0), pid);
      CHECK_EQ (status, 0);
      CHECK (close (pidfd) == 0);
    }
}

static void
send_kill (struct held *held, pid_t child)
{
  (void) held;
  CHECK (kill (child, SIGKILL) == 0);
}

/* Nobody reported an error, the child is there to be waited for: a success. */
TEST (child_killed_before_the_exec)
{
  for (int call = 0; call < 2; call++)
    {
      struct held held;
      int pidfd = -1;
      hold (&held, send_kill);
      int error = spawn_held (&held, both_calls[call], &pidfd);
      let_go (&held);
      CHECK_EQ (error, 0);
      siginfo_t info = reap (pidfd);
      CHECK_EQ (info.si_code, CLD_KILLED);
      CHECK_EQ (info.si_status, SIGKILL);
    }
}

static void
stop_and_continue (struct held *held, pid_t child)
{
  (void) held;
  CHECK (kill (child, SIGSTOP) == 0);
  while (!strstr (read_file (format ("/proc/%d/stat", (int) child)), ") T "))
    usleep (200);
  CHECK (kill (child, SIGCONT) == 0);
}

TEST (child_stopped_and_continued_before_the_exec)
{
  struct held held;
  int pidfd = -1;
  hold (&held, stop_and_continue);
  int error = spawn_held (&held, SPAWN, &pidfd);
  let_go (&held);
  /* An interrupted open of the FIFO is restarted by the kernel when there is no handler. */
  CHECK_EQ (error, 0);
  CHECK_EXIT (pidfd, 0);
}

/* Where children are reaped by the kernel the calls work as ever: a failed one reports the error of the exec, not one
   of waiting for a child that is already gone. */
static void
check_automatic_reaping (void)
{
  for (int call = 0; call < 2; call++)
    {
      int pidfd = -7;
      CHECK_EQ (both_calls[call](&pidfd, "/nonexistent/program", NULL, NULL, child_argv ("nothing", NULL), environ),
                ENOENT);
      CHECK_EQ (pidfd, -7);
      CHECK_NO_CHILD ();
#if HAVE_LIBRARY
      CHECK_EQ (both_calls[call](&pidfd, self_path, NULL, NULL, child_argv ("nothing", NULL), environ), 0);
      struct pollfd poll_it = { .fd = pidfd, .events = POLLIN };
      CHECK_EQ (poll (&poll_it, 1, -1), 1);
      siginfo_t info;
      CHECK_ERRNO (waitid (PIDFD, (id_t) pidfd, &info, WEXITED), ECHILD);
      CHECK (close (pidfd) == 0);
#endif
    }
}

TEST (sigchld_ignored)
{
  set_disposition (SIGCHLD, SIG_IGN);
  check_automatic_reaping ();
}

CHILD (ignores_sigchld)
{
  CHECK (state_of (getpid ()).ignored & BIT (SIGCHLD));
  check_automatic_reaping ();
  return 0;
}

static void
execute_with_sigchld_ignored (void *argv)
{
  set_disposition (SIGCHLD, SIG_IGN);
  CHECK_EQ (execv (self_path, argv), 0);
}

/* A disposition that the program inherited. */
TEST (sigchld_ignored_from_the_start)
{
  CHECK_EQ (in_fork (execute_with_sigchld_ignored, child_argv ("ignores_sigchld", NULL)), 0);
}

TEST (sigchld_with_nocldwait)
{
  struct sigaction action;
  memset (&action, 0, sizeof action);
  action.sa_sigaction = on_chld;
  action.sa_flags = SA_SIGINFO | SA_NOCLDWAIT | SA_RESTART;
  CHECK (sigaction (SIGCHLD, &action, NULL) == 0);
  check_automatic_reaping ();
}

/* ---- Terminal ---- */

#ifndef NO_TCSETPGRP
/* Argument 0 is the terminal's descriptor. */
CHILD (in_foreground)
{
  int terminal = atoi (argv[0]);
  if (tcgetpgrp (terminal) != getpgrp ())
    return 1;
  if (getpgrp () != getpid ())
    return 2;
  return state_of (getpid ()).blocked & BIT (SIGTTOU) ? 3 : 0;
}

static void
take_the_terminal (void *argument)
{
  (void) argument;
  CHECK (setsid () >= 0);
  int master = posix_openpt (O_RDWR | O_CLOEXEC | O_NOCTTY);
  if (master < 0 || grantpt (master) != 0 || unlockpt (master) != 0)
    SKIP ("no pseudo terminals: %s", strerror (errno));
  int terminal = open (ptsname (master), O_RDWR | O_NOCTTY);
  CHECK (terminal >= 0);
  CHECK (ioctl (terminal, TIOCSCTTY, 0) == 0);
  CHECK_EQ (tcgetpgrp (terminal), getpgrp ());
  signal (SIGTTOU, SIG_DFL);

  posix_spawnattr_t attributes;
  posix_spawnattr_init (&attributes);
  posix_spawnattr_setflags (&attributes, POSIX_SPAWN_SETPGROUP);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init (&actions);
  CHECK_EQ (posix_spawn_file_actions_addtcsetpgrp_np (&actions, terminal), 0);
  char **argv = child_argv ("in_foreground", format ("%d", terminal), NULL);
  uint64_t mask = set_mask (0);
  for (int call = 0; call < 2; call++)
    {
      int pidfd = -1;
      CHECK_EQ (both_calls[call](&pidfd, self_path, &actions, &attributes, argv, environ), 0);
      CHECK_EXIT (pidfd, 0);
    }

  /* From here on this process is in the background itself; a mask in the attributes does not make a difference. */
  CHECK (tcgetpgrp (terminal) != getpgrp ());
  sigset_t none;
  sigemptyset (&none);
  posix_spawnattr_setsigmask (&attributes, &none);
  posix_spawnattr_setflags (&attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK);
  int pidfd = -1;
  CHECK_EQ (SPAWN (&pidfd, self_path, &actions, &attributes, argv, environ), 0);
  CHECK_EXIT (pidfd, 0);
  set_mask (mask);
}
#endif

/* The terminal stops a background process that takes it, unless the signal is blocked or ignored; a child stopped
   before its exec would keep its caller suspended for ever. */
TEST (tcsetpgrp_from_the_background_does_not_stop_the_child)
{
#ifdef NO_TCSETPGRP
  SKIP (NO_TCSETPGRP);
#else
  CHECK_EQ (in_fork (take_the_terminal, NULL), 0);
#endif
}
