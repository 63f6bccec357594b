/* SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * Signal dispositions in the spawned program: what was ignored stays ignored, what had a handler is back to the
 * default, and POSIX_SPAWN_SETSIGDEF takes the ignoring away as well. */

#include "runner.h"

enum { IS_DEFAULT = 40, IS_IGNORED = 41, HAS_HANDLER = 42, AS_TOLD = 100 };

/* The kernel's own call: the libc does not show the signals that it keeps for itself. */
struct kernel_sigaction {
  void (*handler) (int);
  unsigned long flags;
  void (*restorer) (void);
  unsigned long mask[2];
};

static void (*disposition (int signal)) (int)
{
  struct kernel_sigaction action;
  memset (&action, 0, sizeof action);
  if (syscall (SYS_rt_sigaction, signal, NULL, &action, 8) != 0)
    return SIG_ERR;
  return action.handler;
}

CHILD (disposition_of)
{
  void (*handler) (int) = disposition (atoi (argv[0]));
  return handler == SIG_DFL ? IS_DEFAULT : handler == SIG_IGN ? IS_IGNORED : HAS_HANDLER;
}

CHILD (write_disposition_of)
{
  void (*handler) (int) = disposition (atoi (argv[0]));
  char answer = handler == SIG_DFL ? 'd' : handler == SIG_IGN ? 'i' : 'h';
  return write (atoi (argv[1]), &answer, 1) == 1 ? AS_TOLD : HAS_HANDLER;
}

/* The argument has a character for each signal from 1 on: d(efault), i(gnored), e(ither) or ? for anything.  Gives the
   first signal that differs. */
CHILD (dispositions)
{
  for (int signal = 1; argv[0][signal - 1]; signal++)
    {
      void (*handler) (int) = disposition (signal);
      char wanted = argv[0][signal - 1];
      if (wanted != '?' && (handler != SIG_DFL || wanted == 'i') && (handler != SIG_IGN || wanted == 'd'))
        return signal;
    }
  return AS_TOLD;
}

static void
handler (int signal)
{
  (void) signal;
}

static void
set (int signal, void (*to) (int))
{
  struct sigaction action = { .sa_handler = to, .sa_flags = SA_RESTART };
  CHECK (sigaction (signal, &action, NULL) == 0);
}

static void
check_disposition_at (int line, int signal, const posix_spawnattr_t *attributes, int status)
{
  void (*before) (int) = disposition (signal);
  char **argv = child_argv ("disposition_of", format ("%d", signal), NULL);
  int pidfd = -1;
  CHECK_EQ (SPAWN (&pidfd, self_path, NULL, attributes, argv, environ), 0);
  check_exit_at (__FILE__, line, pidfd, status);
  CHECK_EQ (SPAWNP (&pidfd, self_path, NULL, attributes, argv, environ), 0);
  check_exit_at (__FILE__, line, pidfd, status);
  /* Ours is not the child's. */
  CHECK (disposition (signal) == before);
}

#define CHECK_DISPOSITION(signal, attributes, status) check_disposition_at (__LINE__, signal, attributes, status)

/* Attributes that ask for the default of one signal. */
static const posix_spawnattr_t *
default_for (int signal, short flags)
{
  static posix_spawnattr_t attributes;
  sigset_t signals;
  sigemptyset (&signals);
  sigaddset (&signals, signal);
  posix_spawnattr_init (&attributes);
  CHECK_EQ (posix_spawnattr_setsigdefault (&attributes, &signals), 0);
  CHECK_EQ (posix_spawnattr_setflags (&attributes, flags), 0);
  return &attributes;
}

TEST (default_stays_default)
{
  set (SIGUSR1, SIG_DFL);
  CHECK_DISPOSITION (SIGUSR1, NULL, IS_DEFAULT);
}

TEST (a_handler_becomes_default)
{
  set (SIGUSR1, handler);
  CHECK_DISPOSITION (SIGUSR1, NULL, IS_DEFAULT);
}

TEST (ignored_stays_ignored)
{
  set (SIGUSR1, SIG_IGN);
  CHECK_DISPOSITION (SIGUSR1, NULL, IS_IGNORED);
}

TEST (ignored_with_SETSIGDEF_becomes_default)
{
  set (SIGUSR1, SIG_IGN);
  CHECK_DISPOSITION (SIGUSR1, default_for (SIGUSR1, POSIX_SPAWN_SETSIGDEF), IS_DEFAULT);
}

TEST (a_handler_with_SETSIGDEF_becomes_default)
{
  set (SIGUSR1, handler);
  CHECK_DISPOSITION (SIGUSR1, default_for (SIGUSR1, POSIX_SPAWN_SETSIGDEF), IS_DEFAULT);
}

TEST (default_with_SETSIGDEF_stays_default)
{
  set (SIGUSR1, SIG_DFL);
  CHECK_DISPOSITION (SIGUSR1, default_for (SIGUSR1, POSIX_SPAWN_SETSIGDEF), IS_DEFAULT);
}

TEST (SETSIGDEF_is_for_the_members_of_its_set_alone)
{
  set (SIGUSR1, SIG_IGN);
  set (SIGUSR2, SIG_IGN);
  CHECK_DISPOSITION (SIGUSR1, default_for (SIGUSR2, POSIX_SPAWN_SETSIGDEF), IS_IGNORED);
  CHECK_DISPOSITION (SIGUSR2, default_for (SIGUSR2, POSIX_SPAWN_SETSIGDEF), IS_DEFAULT);
}

TEST (the_set_counts_with_the_flag_only)
{
  set (SIGUSR1, SIG_IGN);
  CHECK_DISPOSITION (SIGUSR1, default_for (SIGUSR1, 0), IS_IGNORED);
}

TEST (ignored_stays_ignored_when_there_are_other_attributes)
{
  set (SIGUSR1, SIG_IGN);
  CHECK_DISPOSITION (SIGUSR1, default_for (SIGUSR2, POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP), IS_IGNORED);
}

TEST (SIGCHLD_ignored_stays_ignored)
{
  /* No status is kept of such a child, so it writes. */
  int ends[2];
  CHECK (pipe (ends) == 0);
  set (SIGCHLD, SIG_IGN);
  char **argv = child_argv ("write_disposition_of", format ("%d", SIGCHLD), format ("%d", ends[1]), NULL);
  /* A NULL pidfd: posix_spawn's child may be gone before it can be given one. */
  CHECK_EQ (SPAWN (NULL, self_path, NULL, NULL, argv, environ), 0);
  close (ends[1]);
  char answer = 0;
  CHECK_EQ (read (ends[0], &answer, 1), 1);
  CHECK_EQ (answer, 'i');
  close (ends[0]);
  /* Waits until there is none. */
  CHECK_ERRNO (waitid (P_ALL, 0, &(siginfo_t) { 0 }, WEXITED), ECHILD);
}

/* What an older libc changes in the program before its main. */
static void
except_for_the_start (char *expected)
{
  if (NO_UNDERSCORE_FORK)
    memset (expected + 32 - 1, '?', 2);
}

/* All signals at once, those of the C library included. */
static char *
every_signal (void (*to) (int), char letter)
{
  char *expected = format ("%064d", 0);
  for (int signal = 1; signal <= 64; signal++)
    {
      if (signal != SIGKILL && signal != SIGSTOP && signal != SIGCHLD)
        {
          /* Without SA_RESTORER no such handler could return; none is run. */
          struct kernel_sigaction action = { .handler = to };
          CHECK (syscall (SYS_rt_sigaction, signal, &action, NULL, 8) == 0);
        }
      expected[signal - 1] = disposition (signal) == to && to == SIG_IGN ? letter : 'd';
    }
  except_for_the_start (expected);
  return expected;
}

TEST (every_signal_ignored_stays_ignored)
{
  char *expected = every_signal (SIG_IGN, 'i');
  int pidfd = -1;
  CHECK_EQ (SPAWN (&pidfd, self_path, NULL, NULL, child_argv ("dispositions", expected, NULL), environ), 0);
  CHECK_EXIT (pidfd, AS_TOLD);
}

TEST (every_signal_with_a_handler_becomes_default)
{
  char *expected = every_signal (handler, 'd');
#if !HAVE_LIBRARY
  /* A libc's posix_spawn may ignore the signals that it keeps for itself. */
  memset (expected + 32 - 1, 'e', 3);
#endif
  int pidfd = -1;
  CHECK_EQ (SPAWN (&pidfd, self_path, NULL, NULL, child_argv ("dispositions", expected, NULL), environ), 0);
  CHECK_EXIT (pidfd, AS_TOLD);
}

TEST (every_signal_ignored_becomes_default_with_SETSIGDEF)
{
  every_signal (SIG_IGN, 'i');
  /* Filled by hand: sigfillset leaves out the signals of the C library, and it is the caller's set that counts. */
  sigset_t signals;
  memset (&signals, 0xff, sizeof signals);
  posix_spawnattr_t attributes;
  posix_spawnattr_init (&attributes);
  CHECK_EQ (posix_spawnattr_setsigdefault (&attributes, &signals), 0);
  CHECK_EQ (posix_spawnattr_setflags (&attributes, POSIX_SPAWN_SETSIGDEF), 0);
  char *expected = format ("%064d", 0);
  memset (expected, 'd', 64);
  except_for_the_start (expected);
  int pidfd = -1;
  CHECK_EQ (SPAWN (&pidfd, self_path, NULL, &attributes, child_argv ("dispositions", expected, NULL), environ), 0);
  CHECK_EXIT (pidfd, AS_TOLD);
}

TEST (the_callers_dispositions_stay)
{
  set (SIGUSR1, handler);
  set (SIGUSR2, SIG_IGN);
  struct sigaction before[65], after;
  for (int signal = 1; signal <= 64; signal++)
    sigaction (signal, NULL, &before[signal]);
  sigset_t signals;
  sigfillset (&signals);
  posix_spawnattr_t attributes;
  posix_spawnattr_init (&attributes);
  CHECK_EQ (posix_spawnattr_setsigdefault (&attributes, &signals), 0);
  CHECK_EQ (posix_spawnattr_setflags (&attributes, POSIX_SPAWN_SETSIGDEF), 0);
  int pidfd = -1;
  char **argv = child_argv ("disposition_of", format ("%d", SIGUSR1), NULL);
  CHECK_EQ (SPAWN (&pidfd, self_path, NULL, &attributes, argv, environ), 0);
  CHECK_EXIT (pidfd, IS_DEFAULT);
  CHECK_ERROR (SPAWN (&pidfd, "/there/is/no/such/program", NULL, &attributes, (char *[]) { NULL }, environ), ENOENT);
  for (int signal = 1; signal <= 64; signal++)
    if (sigaction (signal, NULL, &after) == 0)
      {
        CHECK (after.sa_handler == before[signal].sa_handler);
        CHECK_EQ (after.sa_flags, before[signal].sa_flags);
      }
}
