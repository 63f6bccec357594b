/* SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * A program that starts others, for tools that watch programs.  It tells in TAP what came of each; the same source is
 * built with -DREFERENCE for the libc's posix_spawn and fork, whose processes such tools know.
 *
 *   spawner [TEST...]: all tests, or some
 *
 * The children of this process are this program too: `spawner child` compares what it finds with what was asked for. */

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#ifdef REFERENCE
# include <spawn.h>
# define START posix_spawn
# define STARTP posix_spawnp
# define FORK fork ()
typedef pid_t handle;
#else
# include <pidfd_spawn.h>
# define START pidfd_spawn
# define STARTP pidfd_spawnp
# define FORK pidfd_fork (0)
typedef int handle;
#endif

static char self[PATH_MAX];
static int number;

static void
report (const char *name, int good, int value)
{
  printf ("%sok %d - %s\n", good ? "" : "not ", ++number, name);
  if (!good)
    printf ("# it gave %d\n", value);
  fflush (stdout);
}

/* The exit status, 128 and the signal, or -1. */
static int
wait_for (handle child)
{
  siginfo_t info;
  memset (&info, 0, sizeof info);
#ifdef REFERENCE
  int error = waitid (P_PID, child, &info, WEXITED);
#else
  int error = waitid (P_PIDFD, child, &info, WEXITED);
  if (close (child) != 0)
    return -1;
#endif
  if (error != 0)
    return -1;
  return info.si_code == CLD_EXITED ? info.si_status : 128 + info.si_status;
}

static void
plain (void)
{
  char *argv[] = { self, "exit", NULL };
  handle child;
  int error = START (&child, self, NULL, NULL, argv, environ);
  report ("plain", error == 0 && wait_for (child) == 7, error);
}

static void
search (void)
{
  char *argv[] = { "true", NULL };
  handle child;
  int error = STARTP (&child, "true", NULL, NULL, argv, environ);
  report ("search", error == 0 && wait_for (child) == 0, error);
}

static void
no_such_program (void)
{
  char *argv[] = { "nothing", NULL };
  handle child = -1;
  int error = START (&child, "/nothing/here", NULL, NULL, argv, environ);
  report ("no_such_program", error == ENOENT && waitpid (-1, NULL, WNOHANG) == -1 && errno == ECHILD, error);
}

static void
actions_and_attributes (void)
{
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
  sigset_t mask, defaults;
  sigemptyset (&mask);
  sigaddset (&mask, SIGUSR1);
  sigemptyset (&defaults);
  sigaddset (&defaults, SIGUSR2);
  signal (SIGUSR2, SIG_IGN);
  if (posix_spawn_file_actions_init (&actions) != 0 || posix_spawnattr_init (&attributes) != 0
      || posix_spawn_file_actions_addopen (&actions, 5, "/dev/null", O_RDONLY, 0) != 0
      || posix_spawn_file_actions_adddup2 (&actions, 5, 6) != 0 || posix_spawn_file_actions_addclose (&actions, 5) != 0
      || posix_spawn_file_actions_addchdir_np (&actions, "/usr") != 0
      || posix_spawnattr_setflags (&attributes,
                                   POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP) != 0
      || posix_spawnattr_setsigmask (&attributes, &mask) != 0
      || posix_spawnattr_setsigdefault (&attributes, &defaults) != 0)
    abort ();
  char *argv[] = { self, "child", NULL };
  handle child;
  int error = START (&child, self, &actions, &attributes, argv, environ);
  report ("actions_and_attributes", error == 0 && wait_for (child) == 0, error);
  posix_spawn_file_actions_destroy (&actions);
  posix_spawnattr_destroy (&attributes);
  signal (SIGUSR2, SIG_DFL);
}

static int
as_asked (void)
{
  sigset_t mask;
  char *folder = getcwd (NULL, 0);
  struct sigaction action;
  sigprocmask (SIG_BLOCK, NULL, &mask);
  sigaction (SIGUSR2, NULL, &action);
  int good = strcmp (folder, "/usr") == 0 && fcntl (5, F_GETFD) < 0 && fcntl (6, F_GETFD) == 0
             && sigismember (&mask, SIGUSR1) == 1 && sigismember (&mask, SIGUSR2) == 0
             && action.sa_handler == SIG_DFL && getpgrp () == getpid ();
  free (folder);
  return good ? 0 : 1;
}

static void *
start_fifty (void *unused)
{
  for (int i = 0; i < 50; i++)
    {
      char *argv[] = { self, "exit", NULL };
      handle child;
      if (START (&child, self, NULL, NULL, argv, environ) != 0 || wait_for (child) != 7)
        return self;
    }
  return unused;
}

static void
threads (void)
{
  pthread_t thread[4];
  int failed = 0;
  for (int i = 0; i < 4; i++)
    if (pthread_create (&thread[i], NULL, start_fifty, NULL) != 0)
      abort ();
  for (int i = 0; i < 4; i++)
    {
      void *result;
      pthread_join (thread[i], &result);
      failed += result != NULL;
    }
  report ("threads", failed == 0, failed);
}

static void
forked (void)
{
  char *text = malloc (100);
  handle child = FORK;
  if (child == 0)
    {
      /* As after any fork: malloc, and a program. */
      free (text);
      text = malloc (1000);
      strcpy (text, self);
      char *argv[] = { text, "exit", NULL };
      execv (text, argv);
      _exit (1);
    }
  report ("forked", child > 0 && wait_for (child) == 7, errno);
  free (text);
}

int
main (int argc, char **argv)
{
  static const struct
  {
    const char *name;
    void (*test) (void);
  } tests[] = {
    { "plain", plain },
    { "search", search },
    { "no_such_program", no_such_program },
    { "actions_and_attributes", actions_and_attributes },
    { "threads", threads },
    { "forked", forked },
  };
  if (argc > 1 && strcmp (argv[1], "exit") == 0)
    return 7;
  if (argc > 1 && strcmp (argv[1], "child") == 0)
    return as_asked ();
  if (realpath (argv[0], self) == NULL)
    return 2;
  for (size_t i = 0; i < sizeof tests / sizeof tests[0]; i++)
    {
      int wanted = argc < 2;
      for (int j = 1; j < argc; j++)
        wanted |= strcmp (argv[j], tests[i].name) == 0;
      if (wanted)
        tests[i].test ();
    }
  return 0;
}
