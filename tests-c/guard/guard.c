/* SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * What a call costs, without a clock: `guard DRIVER CASE` prints
 *
 *   CASE parent calls: clone3
 *   CASE child calls: execve
 *   CASE parent instructions: 123
 *   CASE child instructions: 45
 *
 * the system calls of both processes until the call returns or the program is executed, and how many instructions of
 * the library they carry out.  A debugger's way: the traced programs stop at each system call in one run, and at each
 * instruction in another.  No tool that emulates the processor would do, for these lack clone3. */

#include "guard.h"

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

static const struct call_name {
  long number;
  const char *name;
} call_names[] = {
#define NAME(name) { SYS_##name, #name }
  NAME (clone),          NAME (close),        NAME (dup3),           NAME (execve),
  NAME (exit_group),     NAME (exit),         NAME (fcntl),          NAME (fstatfs),
  NAME (ioctl),          NAME (mmap),         NAME (munmap),         NAME (mprotect),
  NAME (openat),         NAME (pipe2),        NAME (poll),           NAME (prlimit64),
  NAME (read),           NAME (rt_sigaction), NAME (rt_sigprocmask), NAME (set_robust_list),
  NAME (setpgid),        NAME (unshare),      NAME (waitid),         NAME (wait4),
  NAME (write),          NAME (getpid),       NAME (gettid),         NAME (dup2),
  NAME (eventfd2),       NAME (ppoll),        NAME (futex),          NAME (kill),
  NAME (set_tid_address), NAME (execveat),    NAME (umask),          NAME (prctl),
  NAME (setsid),         NAME (setgroups),    NAME (setresgid),      NAME (setresuid),
  NAME (capget),         NAME (getresgid),    NAME (getresuid),      NAME (lseek),
  NAME (statx),          NAME (getuid),       NAME (geteuid),        NAME (getgid),
  NAME (getegid),
#ifdef SYS_rseq
  NAME (rseq),
#endif
#ifdef __i386__
  NAME (mmap2),          NAME (fstatfs64),    NAME (fcntl64),        NAME (setgroups32),
  NAME (setresgid32),    NAME (setresuid32),  NAME (getresgid32),    NAME (getresuid32),
  NAME (getuid32),       NAME (geteuid32),    NAME (getgid32),       NAME (getegid32),
  { 422, "futex_time64" },
#endif
  NAME (getrusage),      NAME (getppid),      { 424, "pidfd_send_signal" },
  { 434, "pidfd_open" }, { 435, "clone3" },   { 436, "close_range" },
};

enum { PARENT, CHILD, ROLES };
static const char *const role_names[ROLES] = { "parent", "child" };

static struct role {
  pid_t pid;
  bool watched;
  char calls[4096];
  const char *last;
  int repeated;
  long instructions;
} roles[ROLES];

static uint64_t code_first, code_last;

/* A child that is a copy goes on when the parent's call is done: what it finds then does not depend on luck.  One that
   the parent is suspended for goes on at once.  One that the parent waits for while it shares the memory goes on when
   that wait begins; then the parent is held until the child has left, so that it waits once. */
static struct {
  int event; /* how it came into being, 0 while that is not known */
  bool held;
  bool awaited; /* by a futex */
  bool is_over;
  int parents_request; /* how the parent that is held goes on; 0 if it is not */
} birth;

static void
die (const char *what)
{
  perror (what);
  exit (2);
}

static const char *
call_name (uint64_t number)
{
  static char text[32];
  for (size_t i = 0; i < sizeof call_names / sizeof *call_names; i++)
    if (call_names[i].number == (long) number)
      return call_names[i].name;
  snprintf (text, sizeof text, "%llu", (unsigned long long) number);
  return strdup (text);
}

/* Writes down the call before the last, so that equal ones in a row are told as a number. */
static void
note_call (struct role *role, const char *name)
{
  if (role->last && name && strcmp (role->last, name) == 0)
    {
      role->repeated++;
      return;
    }
  size_t used = strlen (role->calls);
  if (role->last && role->repeated > 1)
    snprintf (role->calls + used, sizeof role->calls - used, " %s*%d", role->last, role->repeated);
  else if (role->last)
    snprintf (role->calls + used, sizeof role->calls - used, " %s", role->last);
  role->last = name;
  role->repeated = 1;
}

static struct role *
role_of (pid_t pid)
{
  for (struct role *role = roles; role < roles + ROLES; role++)
    if (role->pid == pid)
      return role;
  return NULL;
}

static bool
is_futex (uint64_t number)
{
#ifdef __i386__
  if (number == 422 /* futex_time64 */)
    return true;
#endif
  return number == SYS_futex;
}

/* The parent's first mark starts the watching; the last one ends it, for both. */
static void
see_call (struct role *role, const struct call_information *call)
{
  if (call->number == MARK_BEGIN && role == &roles[PARENT])
    {
      role->watched = true;
      code_first = call->arguments[0];
      code_last = call->arguments[1];
    }
  else if (call->number == MARK_END)
    role->watched = false;
  else if (role->watched)
    {
      note_call (role, call_name (call->number));
      birth.awaited |= role == &roles[PARENT] && is_futex (call->number);
    }
}

#if defined __x86_64__
/* The instruction that comes next.  A system call is noticed by it, because single steps do not stop at one. */
static void
see_instruction (struct role *role)
{
  struct user_regs_struct registers;
  if (ptrace (PTRACE_GETREGS, role->pid, NULL, &registers) != 0)
    return;
  errno = 0;
  long text = ptrace (PTRACE_PEEKTEXT, role->pid, (void *) registers.rip, NULL);
  bool is_call = errno == 0 && (text & 0xffff) == 0x050f;
  if (is_call && registers.rax == MARK_END)
    role->watched = false;
  else if (is_call && role == &roles[PARENT] && is_futex (registers.rax))
    birth.awaited = true;
  if (role->watched && registers.rip >= code_first && registers.rip < code_last)
    role->instructions++;
}
static const bool counts_instructions = true;
#else
static void
see_instruction (struct role *role)
{
  (void) role;
}
static const bool counts_instructions = false;
#endif

/* Handles the stop and gives the request to go on with; PTRACE_DETACH for a process that is of no interest any more. */
static int
go_on (struct role *role, int status, bool stepping)
{
  int signal = WSTOPSIG (status), event = status >> 16;
  if (event == PTRACE_EVENT_FORK || event == PTRACE_EVENT_VFORK || event == PTRACE_EVENT_CLONE)
    {
      unsigned long child = 0;
      ptrace (PTRACE_GETEVENTMSG, role->pid, NULL, &child);
      if (role == &roles[PARENT] && role->watched && birth.event == 0)
        {
          birth.event = event;
          roles[CHILD].pid = (pid_t) child;
          roles[CHILD].watched = true;
        }
    }
  else if (event == PTRACE_EVENT_EXEC && role == &roles[CHILD])
    {
      role->watched = false;
      return PTRACE_DETACH;
    }
  else if (signal == (SIGTRAP | 0x80))
    {
      struct call_information call = { 0 };
      if (ptrace ((enum __ptrace_request) PTRACE_GET_SYSCALL_INFO, role->pid, sizeof call, &call) <= 0)
        die ("PTRACE_GET_SYSCALL_INFO");
      if (call.op == ENTRY)
        see_call (role, &call);
    }
  if (stepping && role->watched)
    {
      if (event == 0 && signal == SIGTRAP)
        see_instruction (role);
      if (role->watched)
        return PTRACE_SINGLESTEP;
    }
  return stepping && !role->watched && role == &roles[CHILD] ? PTRACE_DETACH : PTRACE_SYSCALL;
}

static bool
may_child_go_on (void)
{
  return birth.event == PTRACE_EVENT_VFORK || (birth.event != 0 && (birth.awaited || !roles[PARENT].watched));
}

/* Goes on, unless it is the parent and has to wait for its child. */
static void
resume (const struct role *role, int request)
{
  if (role == &roles[PARENT] && birth.awaited && !birth.is_over)
    birth.parents_request = request;
  else
    ptrace ((enum __ptrace_request) request, role->pid, NULL, NULL);
}

static void
end_birth (void)
{
  birth.is_over = true;
  if (birth.parents_request)
    ptrace ((enum __ptrace_request) birth.parents_request, roles[PARENT].pid, NULL, NULL);
  birth.parents_request = 0;
}

static void
trace (char **argv, bool stepping)
{
  bool child_was_seen = false;
  memset (roles, 0, sizeof roles);
  memset (&birth, 0, sizeof birth);
  pid_t pid = fork ();
  if (pid < 0)
    die ("fork");
  if (pid == 0)
    {
      ptrace (PTRACE_TRACEME, 0, NULL, NULL);
      raise (SIGSTOP);
      execv (argv[0], argv);
      _exit (127);
    }
  int status;
  if (waitpid (pid, &status, 0) != pid || !WIFSTOPPED (status))
    die ("waitpid");
  if (ptrace (PTRACE_SETOPTIONS, pid, NULL,
              PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | PTRACE_O_TRACECLONE
                | PTRACE_O_TRACEEXEC | PTRACE_O_EXITKILL)
      != 0)
    die ("PTRACE_SETOPTIONS");
  roles[PARENT].pid = pid;
  ptrace (PTRACE_SYSCALL, pid, NULL, NULL);
  for (;;)
    {
      pid_t stopped = waitpid (-1, &status, __WALL);
      if (stopped < 0)
        die ("waitpid");
      if (stopped == pid && !WIFSTOPPED (status))
        break;
      if (!WIFSTOPPED (status))
        {
          if (stopped == roles[CHILD].pid)
            end_birth ();
          continue;
        }
      struct role *role = role_of (stopped);
      if (!role)
        {
          /* Of the warm-up, or a thread; or the child, seen before the parent was told of it: then it is both. */
          struct role *parent = &roles[PARENT];
          if (parent->watched && roles[CHILD].pid == 0)
            {
              role = &roles[CHILD];
              role->pid = stopped;
              role->watched = true;
            }
          else
            {
              ptrace (PTRACE_DETACH, stopped, NULL, NULL);
              continue;
            }
        }
      if (role == &roles[CHILD] && !child_was_seen)
        birth.held = child_was_seen = true;
      else
        {
          int request = go_on (role, status, stepping);
          resume (role, request);
          if (role == &roles[CHILD] && request == PTRACE_DETACH)
            end_birth ();
        }
      if (birth.held && may_child_go_on ())
        {
          birth.held = false;
          ptrace (stepping ? PTRACE_SINGLESTEP : PTRACE_SYSCALL, roles[CHILD].pid, NULL, NULL);
        }
    }
  for (struct role *role = roles; role < roles + ROLES; role++)
    note_call (role, NULL);
  if (!WIFEXITED (status) || WEXITSTATUS (status) != 0)
    {
      fprintf (stderr, "guard: %s %s ended with status %#x\n", argv[0], argv[1], (unsigned) status);
      exit (1);
    }
}

int
main (int argc, char **argv)
{
  if (argc < 3)
    {
      fputs ("usage: guard DRIVER CASE\n", stderr);
      return 2;
    }
  const char *name = argv[argc - 1];
  trace (argv + 1, false);
  for (int i = 0; i < ROLES; i++)
    if (roles[i].calls[0])
      printf ("%s %s calls:%s\n", name, role_names[i], roles[i].calls);
  if (!counts_instructions)
    return 0;
  trace (argv + 1, true);
  for (int i = 0; i < ROLES; i++)
    if (roles[i].instructions)
      printf ("%s %s instructions: %ld\n", name, role_names[i], roles[i].instructions);
  return 0;
}
