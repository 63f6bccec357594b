/* SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * The tcsetpgrp action, on a terminal made for the test.  The caller leads the session of that terminal; before each
 * spawn the foreground belongs to a third process group, so that what the action did (and that it could be done from
 * the background, without being stopped) is visible. */

#include "runner.h"

#include <sys/ioctl.h>
#include <termios.h>

#ifdef NO_TCSETPGRP

TEST (tcsetpgrp)
{
  SKIP (NO_TCSETPGRP);
}

#else

enum {
  IN_FOREGROUND = 50,
  IN_BACKGROUND = 51,
  HAS_NO_TERMINAL = 52,
  IN_CALLERS_GROUP = 53,
  IN_OTHER_GROUP = 54,
  IS_STILL_OPEN = 55,
  TTOU_IS_CHANGED = 56,
};

/* Arguments: the caller's process group, "own" or "callers" for what ours should be, a descriptor that must be closed.
   The terminal is found without any descriptor of the caller's. */
CHILD (foreground)
{
  int terminal = open ("/dev/tty", O_RDWR | O_CLOEXEC);
  if (terminal < 0)
    return HAS_NO_TERMINAL;
  if (tcgetpgrp (terminal) != getpgrp ())
    return IN_BACKGROUND;
  bool callers = getpgrp () == atoi (argv[0]);
  if (strcmp (argv[1], "callers") == 0 && !callers)
    return IN_OTHER_GROUP;
  if (strcmp (argv[1], "own") == 0 && getpgrp () != getpid ())
    return IN_CALLERS_GROUP;
  if (argc > 2 && is_open (atoi (argv[2])))
    return IS_STILL_OPEN;
  return IN_FOREGROUND;
}

/* Whether SIGTTOU is as usual: neither ignored nor blocked nor pending. */
CHILD (ttou)
{
  struct sigaction action;
  sigset_t mask, waiting;
  sigaction (SIGTTOU, NULL, &action);
  sigprocmask (SIG_BLOCK, NULL, &mask);
  sigpending (&waiting);
  return action.sa_handler != SIG_DFL || sigismember (&mask, SIGTTOU) || sigismember (&waiting, SIGTTOU)
           ? TTOU_IS_CHANGED
           : IN_FOREGROUND;
}

/* A terminal, and somebody in its foreground who is neither the caller nor the spawned program. */
static struct {
  int master, terminal;
  pid_t somebody;
} pty;

/* A caller in the background would be stopped for this. */
static void
give_foreground_to_somebody (void)
{
  sigset_t ttou, before;
  sigemptyset (&ttou);
  sigaddset (&ttou, SIGTTOU);
  CHECK_EQ (sigprocmask (SIG_BLOCK, &ttou, &before), 0);
  CHECK (tcsetpgrp (pty.terminal, pty.somebody) == 0);
  CHECK_EQ (sigprocmask (SIG_SETMASK, &before, NULL), 0);
  CHECK_EQ (tcgetpgrp (pty.terminal), pty.somebody);
}

static void
start_pty_session (void)
{
  CHECK_EQ (setsid (), getpid ());
  pty.master = posix_openpt (O_RDWR | O_NOCTTY | O_CLOEXEC);
  if (pty.master < 0 || grantpt (pty.master) != 0 || unlockpt (pty.master) != 0)
    SKIP ("no pseudo-terminal: %s", strerror (errno));
  pty.terminal = open (ptsname (pty.master), O_RDWR | O_NOCTTY);
  if (pty.terminal < 0)
    SKIP ("no pseudo-terminal: %s", strerror (errno));
  CHECK (ioctl (pty.terminal, TIOCSCTTY, 0) == 0);

  pty.somebody = fork ();
  CHECK (pty.somebody >= 0);
  if (pty.somebody == 0)
    {
      setpgid (0, 0);
      for (;;)
        pause ();
    }
  setpgid (pty.somebody, pty.somebody);
  give_foreground_to_somebody ();
}

static void
end_pty_session (void)
{
  CHECK (kill (pty.somebody, SIGKILL) == 0);
  CHECK_EQ (waitpid (pty.somebody, NULL, 0), pty.somebody);
  CHECK_NO_CHILD ();
  /* The terminal stays open until the process ends: closing it would hang up on the session leader. */
}

/* The body gets the actions and attributes at hand.  It needs a session of its own, which the process of the test, the
   leader of its group, cannot have. */
static posix_spawn_file_actions_t actions;
static posix_spawnattr_t attributes;

static void
in_pty_session (void *body)
{
  start_pty_session ();
  CHECK_EQ (posix_spawn_file_actions_init (&actions), 0);
  CHECK_EQ (posix_spawnattr_init (&attributes), 0);
  (*(void (**) (void)) body) ();
  CHECK_EQ (posix_spawn_file_actions_destroy (&actions), 0);
  CHECK_EQ (posix_spawnattr_destroy (&attributes), 0);
  end_pty_session ();
}

#define SESSION_TEST(name_)                                                                                            \
  static void session_of_##name_ (void);                                                                               \
  TEST (name_)                                                                                                         \
  {                                                                                                                    \
    void (*body) (void) = session_of_##name_;                                                                          \
    int status = in_fork (in_pty_session, &body);                                                                      \
    if (status != 0)                                                                                                   \
      FAIL ("the session leader ended with wait status 0x%x", (unsigned int) status);                                  \
  }                                                                                                                    \
  static void session_of_##name_ (void)

static void
set_flags (short flags)
{
  CHECK_EQ (posix_spawnattr_setflags (&attributes, flags), 0);
}

static void
add_tcsetpgrp (int fd)
{
  CHECK_EQ (posix_spawn_file_actions_addtcsetpgrp_np (&actions, fd), 0);
}

static char **
foreground_argv (const char *group, int closed)
{
  char *caller = format ("%d", (int) getpgrp ());
  return child_argv ("foreground", caller, group, closed < 0 ? NULL : format ("%d", closed), NULL);
}

/* Both calls start the program with this outcome.  The foreground is somebody's before each, and in the end that of the
   caller, of the child, or still somebody's. */
enum owner { CALLER, CHILD_ITSELF, SOMEBODY };

static void
check_foreground (char **argv, int status, enum owner owner)
{
  for (int call = 0; call < 2; call++)
    {
      int pidfd = -1;
      CHECK_EQ (both_calls[call](&pidfd, self_path, &actions, &attributes, argv, environ), 0);
      siginfo_t info = reap (pidfd);
      CHECK_EQ (info.si_code, CLD_EXITED);
      CHECK_EQ (info.si_status, status);
      pid_t wanted = owner == CALLER ? getpgrp () : owner == SOMEBODY ? pty.somebody : info.si_pid;
      CHECK_EQ (tcgetpgrp (pty.terminal), wanted);
      give_foreground_to_somebody ();
    }
}

static void
check_refused (int error)
{
  for (int call = 0; call < 2; call++)
    {
      int pidfd = -1;
      char **argv = foreground_argv ("own", -1);
      CHECK_ERROR (both_calls[call](&pidfd, self_path, &actions, &attributes, argv, environ), error);
      CHECK_EQ (pidfd, -1);
      CHECK_EQ (tcgetpgrp (pty.terminal), pty.somebody);
    }
}

SESSION_TEST (without_SETPGROUP_the_callers_group_comes_forward)
{
  add_tcsetpgrp (pty.terminal);
  check_foreground (foreground_argv ("callers", -1), IN_FOREGROUND, CALLER);
}

SESSION_TEST (with_SETPGROUP_the_childs_own_group_comes_forward)
{
  set_flags (POSIX_SPAWN_SETPGROUP);
  add_tcsetpgrp (pty.terminal);
  check_foreground (foreground_argv ("own", -1), IN_FOREGROUND, CHILD_ITSELF);
}

SESSION_TEST (without_the_action_the_child_stays_in_the_background)
{
  set_flags (POSIX_SPAWN_SETPGROUP);
  check_foreground (foreground_argv ("own", -1), IN_BACKGROUND, SOMEBODY);
}

SESSION_TEST (followed_by_a_close_without_SETPGROUP)
{
  add_tcsetpgrp (pty.terminal);
  CHECK_EQ (posix_spawn_file_actions_addclose (&actions, pty.terminal), 0);
  check_foreground (foreground_argv ("callers", pty.terminal), IN_FOREGROUND, CALLER);
}

SESSION_TEST (followed_by_a_close_with_SETPGROUP)
{
  set_flags (POSIX_SPAWN_SETPGROUP);
  add_tcsetpgrp (pty.terminal);
  CHECK_EQ (posix_spawn_file_actions_addclose (&actions, pty.terminal), 0);
  check_foreground (foreground_argv ("own", pty.terminal), IN_FOREGROUND, CHILD_ITSELF);
}

SESSION_TEST (preceded_by_a_close_is_EBADF)
{
  CHECK_EQ (posix_spawn_file_actions_addclose (&actions, pty.terminal), 0);
  add_tcsetpgrp (pty.terminal);
  check_refused (EBADF);
}

SESSION_TEST (after_SETSID_is_ENOTTY)
{
  /* A new session has no terminal, so nobody of it can be in the foreground. */
  set_flags (POSIX_SPAWN_SETSID);
  add_tcsetpgrp (pty.terminal);
  check_refused (ENOTTY);
}

SESSION_TEST (on_something_else_is_ENOTTY)
{
  int null = open ("/dev/null", O_RDWR | O_CLOEXEC);
  CHECK (null >= 0);
  add_tcsetpgrp (null);
  check_refused (ENOTTY);
  close (null);
}

SESSION_TEST (SIGTTOU_in_the_program_is_as_usual)
{
  set_flags (POSIX_SPAWN_SETPGROUP);
  add_tcsetpgrp (pty.terminal);
  check_foreground (child_argv ("ttou", NULL), IN_FOREGROUND, CHILD_ITSELF);
}

SESSION_TEST (a_mask_to_be_set_does_not_let_SIGTTOU_in)
{
  /* The mask is set after the actions: an empty one must not undo their protection. */
  sigset_t none, ttou;
  sigemptyset (&none);
  sigemptyset (&ttou);
  sigaddset (&ttou, SIGTTOU);
  CHECK_EQ (posix_spawnattr_setsigmask (&attributes, &none), 0);
  CHECK_EQ (posix_spawnattr_setsigdefault (&attributes, &ttou), 0);
  set_flags (POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  add_tcsetpgrp (pty.terminal);
  check_foreground (foreground_argv ("own", -1), IN_FOREGROUND, CHILD_ITSELF);
}

#endif
