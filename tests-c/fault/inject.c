/* SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * The tracer. */

#include "inject.h"
#include "procfs.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

/* A number that no system call has. */
enum { MARK_END = 0x100000, MOST_TASKS = 64 };

enum { FOLLOW = PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACECLONE | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK
                | PTRACE_O_TRACEEXEC | PTRACE_O_EXITKILL };

struct task {
  pid_t tid;
  bool inside; /* between the marks */
  bool fails;  /* in a call that is made to fail */
  long last;   /* the number of its last call that counted */
};

static struct task tasks[MOST_TASKS];
static const struct fault *fault;
static struct outcome outcome;
static long counted;
static bool main_is_gone;

/* The stop signal needs no more than one system call, so nothing of the mark is left to be done when
   the process goes on. */
void
mark_begin (void)
{
  pid_t self = getpid (), thread = gettid ();
  syscall (SYS_tgkill, self, thread, SIGSTOP);
}

void
mark_end (void)
{
  int error = errno;
  syscall (MARK_END);
  errno = error;
}

/* The architecture's part: a system call that its task has just entered is replaced by none, and at its
   end gets a result. */

#if defined __x86_64__

static void
set_number (pid_t tid, long number)
{
  ptrace (PTRACE_POKEUSER, tid, offsetof (struct user, regs.orig_rax), number);
}

static void
set_result (pid_t tid, long result)
{
  ptrace (PTRACE_POKEUSER, tid, offsetof (struct user, regs.rax), result);
}

static void
set_first_argument (pid_t tid, unsigned long value)
{
  ptrace (PTRACE_POKEUSER, tid, offsetof (struct user, regs.rdi), value);
}

#else
# error "inject.c does not know this architecture's registers yet"
#endif

/* Whether the kernel could give that error here.  A fault that cannot happen, and that no caller
   could mend, shows nothing. */
static bool
can_fail (long number, const uint64_t *arguments, int error)
{
  switch (number)
    {
    /* These always succeed. */
    case SYS_getpid:
    case SYS_gettid:
    case SYS_getuid:
    case SYS_getgid:
    case SYS_geteuid:
    case SYS_getegid:
    case SYS_getppid:
    case SYS_exit_group:
    case SYS_exit:
    /* Fails for a process that is not there; this asks for the caller's own group. */
    case SYS_getpgid:
    /* Fails for a bad pointer or size only. */
    case SYS_rt_sigprocmask:
    /* Frees the number whatever it returns, unless the number is not open. */
    case SYS_close:
    /* Kills a child of the caller that was not waited for. */
    case SYS_kill:
      return false;
    /* Such an answer says that there is a clone3, and who copies the memory has none. */
    case SYS_clone3:
      return !(fault->copies && error == EINVAL);
    /* Marking fails for a number that is not open. */
    case SYS_fcntl:
      return arguments[1] != F_SETFD || arguments[2] != FD_CLOEXEC;
    /* That is its answer for a number at which nothing is open. */
    case SYS_pselect6:
      return error != EBADF;
    /* Fails for a bad value, or in a sandbox, where it fails for every value, of which a bad one is tried first. */
    case SYS_prctl:
      return arguments[0] != PR_SET_DUMPABLE || arguments[1] > 1;
    /* Without WNOHANG: waits for a child that exists, which can only be interrupted.  A child that cannot be waited for
       cannot be got rid of by anybody. */
    case SYS_waitid:
      return arguments[3] & WNOHANG || error == EINTR;
    /* The pipe that tells the parent of a child with a copied memory why it failed: there is no other way to tell. */
    case SYS_read:
    case SYS_write:
      return !fault->by_pipe || error == EINTR;
    default:
      return true;
    }
}

static struct task *
find (pid_t tid)
{
  for (struct task *task = tasks; task < tasks + MOST_TASKS; task++)
    if (task->tid == tid)
      return task;
  return NULL;
}

static struct task *
find_or_add (pid_t tid)
{
  struct task *task = find (tid);
  if (task)
    return task;
  task = find (0);
  if (!task)
    abort ();
  *task = (struct task) { .tid = tid };
  return task;
}

static void
at_entry (struct task *task, pid_t main, long number, const uint64_t *arguments)
{
  if (number == MARK_END)
    {
      task->inside = false;
      ptrace (PTRACE_SETOPTIONS, task->tid, NULL, PTRACE_O_EXITKILL);
      return;
    }
  bool of_child = task->tid != main;
  if (fault->nth == 0 || of_child != fault->of_child || !can_fail (number, arguments, fault->error))
    return;
  bool repeated = fault->sparse && number == task->last;
  task->last = number;
  bool hit = fault->all && outcome.number >= 0 ? number == outcome.number : !repeated && ++counted == fault->nth;
  if (!hit)
    return;
  outcome.number = number;
  task->fails = true;
  set_number (task->tid, -1);
}

static void
at_system_call (struct task *task, pid_t main)
{
  struct __ptrace_syscall_info info;
  memset (&info, 0, sizeof info);
  if (ptrace (PTRACE_GET_SYSCALL_INFO, task->tid, sizeof info, &info) <= 0)
    {
      /* Or the task was killed meanwhile. */
      outcome.blind |= errno != ESRCH;
      return;
    }
  if (info.op == PTRACE_SYSCALL_INFO_ENTRY)
    {
      at_entry (task, main, (long) info.entry.nr, (const uint64_t *) info.entry.args);
      if (fault->copies && info.entry.nr == SYS_clone && !task->fails)
        set_first_argument (task->tid, info.entry.args[0] & ~(uint64_t) (CLONE_VM | CLONE_VFORK));
    }
  else if (task->fails)
    {
      task->fails = false;
      set_result (task->tid, -fault->error);
    }
}

/* Lets a stopped task go on. */
static void
at_stop (pid_t tid, pid_t main, int status)
{
  struct task *task = find_or_add (tid);
  int event = status >> 16, signal = WSTOPSIG (status);
  if (event == PTRACE_EVENT_EXEC)
    {
      task->tid = 0;
      ptrace (PTRACE_DETACH, tid, NULL, NULL);
      return;
    }
  if (event)
    signal = 0;
  else if (signal == (SIGTRAP | 0x80))
    {
      at_system_call (task, main);
      signal = 0;
    }
  else if (signal == SIGSTOP)
    {
      /* The first mark, or the birth of a child between the marks. */
      task->inside = true;
      ptrace (PTRACE_SETOPTIONS, tid, NULL, FOLLOW);
      signal = 0;
    }
  ptrace (task->inside ? PTRACE_SYSCALL : PTRACE_CONT, tid, NULL, signal);
}

/* The traced, and what came to us when its parent died. */
static void
kill_all (void)
{
  enum { MOST = 64 };
  pid_t children[MOST];
  for (struct task *task = tasks; task < tasks + MOST_TASKS; task++)
    if (task->tid)
      kill (task->tid, SIGKILL);
  for (int i = list_children (getpid (), getpid (), children, MOST); i-- > 0;)
    kill (children[i], SIGKILL);
}

static void
at_end (pid_t pid, pid_t main, int status)
{
  struct task *task = find (pid);
  if (pid == main)
    {
      outcome.status = status;
      main_is_gone = true;
    }
  else if (main_is_gone)
    /* A traced child's end is seen here first, in no particular order.  One that was still alive is a stray, and so is
       one that has come to us because its parent did not wait for it. */
    outcome.strays += !task || (WIFSIGNALED (status) && WTERMSIG (status) == SIGKILL);
  if (task)
    task->tid = 0;
  if (main_is_gone)
    kill_all ();
}

static volatile sig_atomic_t time_is_over;

static void
note_alarm (int signal)
{
  (void) signal;
  time_is_over = 1;
}

struct outcome
run_with_fault (void (*function) (void *), void *argument, struct fault fault_)
{
  struct sigaction noting = { .sa_handler = note_alarm };
  sigaction (SIGALRM, &noting, NULL);
  /* What outlives the function comes to us. */
  prctl (PR_SET_CHILD_SUBREAPER, 1);
  fault = &fault_;
  counted = 0;
  main_is_gone = false;
  time_is_over = 0;
  outcome = (struct outcome) { .number = -1 };
  memset (tasks, 0, sizeof tasks);

  pid_t main = fork ();
  if (main == 0)
    {
      function (argument);
      _exit (0);
    }
  find_or_add (main);
  /* Again and again after the limit, for a signal between two waits is not enough. */
  const char *limit = getenv ("TEST_TIME_LIMIT");
  setitimer (ITIMER_REAL, &(struct itimerval) { { 0, 100000 }, { limit ? atoi (limit) : 10, 0 } }, NULL);
  for (;;)
    {
      int status;
      pid_t pid = waitpid (-1, &status, __WALL);
      if (time_is_over)
        {
          outcome.hung = true;
          kill_all ();
        }
      if (pid < 0 && errno != EINTR)
        break;
      if (pid < 0)
        continue;
      if (WIFSTOPPED (status))
        at_stop (pid, main, status);
      else
        at_end (pid, main, status);
    }
  setitimer (ITIMER_REAL, &(struct itimerval) { { 0, 0 }, { 0, 0 } }, NULL);
  return outcome;
}
