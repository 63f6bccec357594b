/* SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * What is special when the caller itself is process 1, as in a container without an init: processes that lost their
 * parent become its children, and signals without a handler do nothing to it, but they must to its children.
 *
 * It does every function's work itself; the C suite would do it in children.  The result is TAP. */

#include "tap.h"

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <pidfd_spawn.h>

extern char **environ;

enum { STRANGERS = 20, STATUS = 42 };

/* What the results are about. */
static const char *subject = "process 1";

static void
result (const char *what, bool good)
{
  tap_report (good ? TAP_PASSED : TAP_FAILED, good ? "" : strerror (errno), "%s: %s", subject, what);
}

enum kind { SPAWN, SPAWNP, EXT, FORK, ASYNCSAFE, KINDS };
static const char *const names[] = { "pidfd_spawn", "pidfd_spawnp", "pidfd_spawn_ext", "pidfd_fork (0)",
                                     "pidfd_fork (PIDFDFORK_ASYNCSAFE)" };

/* A child that is a shell with this command. */
static int
child (enum kind kind, const char *command)
{
  char *argv[] = { (char *) "sh", (char *) "-c", (char *) command, NULL };
  struct pidfd_spawn_args args = { .flags = PIDFD_SPAWN_SEARCH };
  int pidfd = -1, error = 0;
  switch (kind)
    {
    case SPAWN:
      error = pidfd_spawn (&pidfd, "/bin/sh", NULL, NULL, argv, environ);
      break;
    case SPAWNP:
      error = pidfd_spawnp (&pidfd, "sh", NULL, NULL, argv, environ);
      break;
    case EXT:
      error = pidfd_spawn_ext (&pidfd, "sh", NULL, NULL, argv, environ, &args, sizeof args);
      break;
    default:
      pidfd = pidfd_fork (kind == FORK ? 0 : PIDFDFORK_ASYNCSAFE);
      if (pidfd == 0)
        {
          execv ("/bin/sh", argv);
          _exit (127);
        }
    }
  if (error)
    errno = error;
  return pidfd;
}

/* Waits for the child; whether it ended so. */
static bool
ends (int pidfd, int code, int status)
{
  siginfo_t info;
  memset (&info, 0, sizeof info);
  return pidfd > 0 && pidfd_wait (pidfd, &info, 0, NULL) == 0 && close (pidfd) == 0 && info.si_code == code
         && info.si_status == status;
}

/* Children that leave a process behind each, which ends at once. */
static void
make_strangers (void)
{
  for (int i = 0; i < STRANGERS; i++)
    {
      pid_t parent = fork ();
      if (parent == 0)
        _exit (fork () == 0 ? 7 : 0);
      waitpid (parent, NULL, 0);
    }
}

/* How many there are, and that there is nobody else. */
static int
reap_strangers (int wanted)
{
  int status, count = 0;
  while (count < wanted && waitpid (-1, &status, 0) > 0)
    count += WIFEXITED (status) && WEXITSTATUS (status) == 7;
  return waitpid (-1, NULL, WNOHANG) == -1 && errno == ECHILD ? count : -1;
}

static volatile sig_atomic_t handled;

static void
handle (int signal)
{
  (void) signal;
  handled++;
}

int
main (void)
{
  tap_begin ();
  result ("is the caller", getpid () == 1);
  result ("SIGTERM without a handler does nothing", kill (1, SIGTERM) == 0);
  for (enum kind kind = 0; kind < KINDS; kind++)
    {
      subject = names[kind];
      make_strangers ();
      result ("the child ends with its status", ends (child (kind, "exit 42"), CLD_EXITED, STATUS));
      result ("strangers that ended are still there", reap_strangers (STRANGERS) == STRANGERS);
      int pidfd = child (kind, "kill -TERM $$; exit 1");
      result ("SIGTERM ends the child", ends (pidfd, CLD_KILLED, SIGTERM));
      signal (SIGUSR1, handle);
      result ("a handler is not the child's", ends (child (kind, "kill -USR1 $$; exit 1"), CLD_KILLED, SIGUSR1));
      result ("and it was not called", handled == 0);
      signal (SIGUSR1, SIG_DFL);
      pidfd = child (kind, "exec sleep 60");
      pid_t pid = pidfd_getpid (pidfd);
      result ("pidfd_getpid names the child", pid > 1 && kill (pid, SIGKILL) == 0 && ends (pidfd, CLD_KILLED, SIGKILL));
      /* Another one takes every status. */
      signal (SIGCHLD, SIG_IGN);
      make_strangers ();
      pidfd = child (kind, "exit 0");
      result ("SIGCHLD ignored", pidfd > 0 && close (pidfd) == 0);
      while (waitpid (-1, NULL, 0) > 0)
        continue;
      signal (SIGCHLD, SIG_DFL);
    }
  subject = "a program that is not there";
  int pidfd = -7;
  char *argv[] = { (char *) "x", NULL };
  result ("is ENOENT", pidfd_spawn (&pidfd, "/nonexistent", NULL, NULL, argv, environ) == ENOENT);
  result ("leaves nothing", pidfd == -7 && waitpid (-1, NULL, WNOHANG) == -1 && errno == ECHILD);
  return tap_end ();
}
