/* SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * A sandbox that answers system calls in a handler of SIGSYS, as browsers have: a thread that makes such a call while
 * it has the signal blocked is killed. */

#include "extension.h"
#include "users.h"

#include <ucontext.h>

#if HAVE_LIBRARY

#if defined __x86_64__
# define RESULT(context) (context)->uc_mcontext.gregs[REG_RAX]
#elif defined __i386__
# define RESULT(context) (context)->uc_mcontext.gregs[REG_EAX]
#elif defined __aarch64__
# define RESULT(context) (context)->uc_mcontext.regs[0]
#endif

/* With times that fit the system. */
#ifdef SYS_futex_time64
# define WAIT_FOR_CHANGE SYS_futex_time64
#else
# define WAIT_FOR_CHANGE SYS_futex
#endif

static volatile int answered;

static void
answer (int signal, siginfo_t *information, void *context)
{
  (void) signal, (void) information, (void) context;
  answered++;
# ifdef RESULT
  RESULT ((ucontext_t *) context) = -ENOSYS;
# endif
}

static void
count (int signal)
{
  (void) signal;
  answered++;
}

static void
begin_to_answer (long call)
{
# ifndef RESULT
  SKIP ("where a system call has its result is not known here");
# endif
  struct sigaction action = { .sa_sigaction = answer, .sa_flags = SA_SIGINFO };
  CHECK (sigaction (SIGSYS, &action, NULL) == 0);
  SET_FILTER ({ .call = SYS_clone3, .action = FILTER_ERROR (ENOSYS) }, { .call = call, .action = FILTER_TRAP });
}

CHILD (exit_with)
{
  return atoi (argv[0]);
}

/* What is looked up in procfs, without clone3, can be done without. */
TEST (spawn)
{
  begin_to_answer (FSTATFS);
  const uint64_t mask = mask_now ();
  for (int i = 0; i < 3; i++)
    {
      int pidfd;
      CHECK_EQ (pidfd_spawn (&pidfd, self_path, NULL, NULL, child_argv ("exit_with", "4", NULL), environ), 0);
      CHECK_EXIT (pidfd, 4);
      CHECK_EQ (mask_now (), mask);
    }
  CHECK_EQ (answered, 3);
}

static void
find_no_program (void *unused)
{
  (void) unused;
  int pidfd;
  for (int i = 0; i < 2; i++)
    {
      if (i == 1)
        begin_to_answer (SYS_waitid);
      CHECK_EQ (pidfd_spawn (&pidfd, "/nonexistent/program", NULL, NULL, child_argv ("exit_with", "4", NULL), environ),
                ENOENT);
      CHECK_ERRNO (waitpid (-1, NULL, WNOHANG), ECHILD);
    }
  CHECK (answered > 0);
}

/* What is left of a child in vain is taken by the older call. */
TEST (no_program)
{
  CHECK_EQ (in_fork (find_no_program, NULL), 0);
}

static void
try_sharing (void *unused)
{
  (void) unused;
  if (setresuid ((uid_t) -1, getuid (), (uid_t) -1) != 0)
    SKIP ("the user has no number in this namespace: %s", strerror (errno));
  int pidfd;
  CHECK_EQ (pidfd_spawn (&pidfd, "/nonexistent/program", NULL, NULL, child_argv ("exit_with", "4", NULL), environ),
            ENOENT);
  begin_to_answer (SYS_waitid);
  CHECK_EQ (spawn_ext (&pidfd, self_path, NULL, NULL, child_argv ("exit_with", "4", NULL),
                       ARGS (.flags = PIDFD_SPAWN_SETUID, .uid = getuid ())), 0);
  int status;
  CHECK (waitpid (-1, &status, 0) > 0);
  CHECK (WIFEXITED (status) && WEXITSTATUS (status) == 4);
}

/* Before a change of the user a child is made to see whether it shares the memory. */
TEST (child_that_is_tried)
{
  CHECK_EQ (in_fork (try_sharing, NULL), 0);
}

struct sandbox {
  long answered, refused;
};

static void
spawn_as_another_user (void *sandbox_)
{
  const struct sandbox *sandbox = sandbox_;
  if (setresuid ((uid_t) -1, getuid (), (uid_t) -1) != 0)
    SKIP ("the user has no number in this namespace: %s", strerror (errno));
  begin_to_answer (sandbox->answered);
  if (sandbox->refused > 0)
    refuse_call (sandbox->refused, EPERM);
  int pidfd;
  /* A program that makes no such call itself, as one with threads does on old C libraries. */
  CHECK_EQ (spawn_ext (&pidfd, "/bin/true", NULL, NULL, (char *[]) { (char *) "true", NULL },
                       ARGS (.flags = PIDFD_SPAWN_SETUID, .uid = getuid ())), 0);
  CHECK_EXIT (pidfd, 0);
}

TEST (spawn_as_another_user)
{
  CHECK_EQ (in_fork (spawn_as_another_user, &(struct sandbox){ FSTATFS, 0 }), 0);
}

/* The first child is in vain, without a group ID that protects the caller. */
TEST (spawn_as_another_user_by_a_second_child)
{
  CHECK_EQ (in_fork (spawn_as_another_user, &(struct sandbox){ FSTATFS, SETRESGID }), 0);
}

/* The caller waits for the child's departure. */
TEST (spawn_as_another_user_without_a_futex)
{
  CHECK_EQ (in_fork (spawn_as_another_user, &(struct sandbox){ WAIT_FOR_CHANGE, 0 }), 0);
}

/* The handler is not for the child, which has the caller's memory: the child takes it away, if it may. */
TEST_LEAVING (a_call_of_the_child)
{
  need_end_of_its_own ();
  const struct rlimit none = { 0, 0 };
  CHECK (setrlimit (RLIMIT_CORE, &none) == 0);
  begin_to_answer (SYS_rt_sigaction);
  int pidfd;
  CHECK_EQ (pidfd_spawn (&pidfd, self_path, NULL, NULL, child_argv ("exit_with", "4", NULL), environ), 0);
  CHECK_KILLED (pidfd, SIGSYS);
  CHECK_EQ (answered, 0);
}

static void
check_fork (unsigned int flags)
{
  begin_to_answer (SYS_pidfd_open);
  for (int i = 0; i < 3; i++)
    {
      CHECK_ERRNO (pidfd_fork (flags), ENOSYS);
      CHECK_NO_CHILD ();
    }
  CHECK (answered > 0);
}

TEST (fork)
{
  check_fork (0);
}

/* Who has it blocked holds off what waits for it. */
TEST (who_has_it_blocked)
{
  refuse_call (SYS_clone3, ENOSYS);
  const sigset_t traps = SIGNALS (SIGSYS);
  CHECK (signal (SIGSYS, count) != SIG_ERR);
  CHECK (sigprocmask (SIG_BLOCK, &traps, NULL) == 0);
  CHECK (raise (SIGSYS) == 0);
  int pidfd;
  CHECK_EQ (pidfd_spawn (&pidfd, self_path, NULL, NULL, child_argv ("exit_with", "4", NULL), environ), 0);
  CHECK_EXIT (pidfd, 4);
  for (unsigned int flags = 0; flags <= last_fork_flags (); flags += PIDFDFORK_ASYNCSAFE)
    {
      pidfd = pidfd_fork (flags);
      if (pidfd == 0)
        _exit (answered == 0 ? 5 : 6);
      CHECK_EXIT (pidfd, 5);
    }
  CHECK_EQ (answered, 0);
  CHECK (sigprocmask (SIG_UNBLOCK, &traps, NULL) == 0);
  CHECK_EQ (answered, 1);
}

TEST (fork_asyncsafe)
{
  if (NO_UNDERSCORE_FORK)
    SKIP ("the child is made together with its pidfd");
  check_fork (PIDFDFORK_ASYNCSAFE);
}

#else

TEST (trapping_sandbox)
{
  SKIP ("the libc's functions are killed there");
}

#endif
