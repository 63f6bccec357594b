/* SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * Signal dispositions in the spawned program: what was ignored stays ignored, what had a handler is back to the
 * default, and POSIX_SPAWN_SETSIGDEF takes the ignoring away as well. */

#include "runner.h"

enum { IS_DEFAULT = 40, IS_IGNORED = 41, HAS_HANDLER = 42 };

static void (*disposition (int signal)) (int)
{
  struct sigaction action;
  return sigaction (signal, NULL, &action) == 0 ? action.sa_handler : SIG_ERR;
}

CHILD (disposition_of)
{
  void (*handler) (int) = disposition (atoi (argv[0]));
  return handler == SIG_DFL ? IS_DEFAULT : handler == SIG_IGN ? IS_IGNORED : HAS_HANDLER;
}

/* For a child of which no status is kept. */
CHILD (write_whether_ignored)
{
  return write (atoi (argv[1]), disposition (atoi (argv[0])) == SIG_IGN ? "i" : "-", 1) != 1;
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
check_disposition (const posix_spawnattr_t *attributes, int status)
{
  void (*before) (int) = disposition (SIGUSR1);
  char **argv = child_argv ("disposition_of", format ("%d", SIGUSR1), NULL);
  for (int call = 0; call < 2; call++)
    {
      int pidfd = -1;
      CHECK_EQ (both_calls[call](&pidfd, self_path, NULL, attributes, argv, environ), 0);
      CHECK_EXIT (pidfd, status);
    }
  /* Ours is not the child's. */
  CHECK (disposition (SIGUSR1) == before);
}

TEST (default_stays_default)
{
  set (SIGUSR1, SIG_DFL);
  check_disposition (NULL, IS_DEFAULT);
}

TEST (a_handler_becomes_default)
{
  set (SIGUSR1, handler);
  check_disposition (NULL, IS_DEFAULT);
}

TEST (ignored_stays_ignored)
{
  set (SIGUSR1, SIG_IGN);
  check_disposition (NULL, IS_IGNORED);
}

TEST (ignored_with_SETSIGDEF_becomes_default)
{
  set (SIGUSR1, SIG_IGN);
  sigset_t signals = SIGNALS (SIGUSR1);
  posix_spawnattr_t attributes;
  posix_spawnattr_init (&attributes);
  CHECK_EQ (posix_spawnattr_setsigdefault (&attributes, &signals), 0);
  CHECK_EQ (posix_spawnattr_setflags (&attributes, POSIX_SPAWN_SETSIGDEF), 0);
  check_disposition (&attributes, IS_DEFAULT);
}

TEST (SIGCHLD_ignored_stays_ignored)
{
  int ends[2];
  CHECK (pipe (ends) == 0);
  set (SIGCHLD, SIG_IGN);
  char **argv = child_argv ("write_whether_ignored", format ("%d", SIGCHLD), format ("%d", ends[1]), NULL);
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
