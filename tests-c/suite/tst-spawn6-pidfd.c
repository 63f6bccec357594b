/* SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * The tcsetpgrp action, on a terminal made for the test.  The caller leads the session of that terminal; before each
 * spawn the foreground belongs to a third process group, so that what the action did (and that it could be done from
 * the background, without being stopped) is visible. */

#include "runner.h"

#include <sys/ioctl.h>
#include <termios.h>

#if defined __GLIBC__ && __GLIBC_MINOR__ >= 35
# define NEED_TCSETPGRP() ((void) 0)
#else
# define NEED_TCSETPGRP() SKIP ("the libc has no posix_spawn_file_actions_addtcsetpgrp_np")
# define posix_spawn_file_actions_addtcsetpgrp_np(actions, fd) ((void) (actions), (void) (fd), ENOSYS)
#endif

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
struct desk {
  int master, terminal;
  pid_t somebody;
};

static void
sit_down (struct desk *desk)
{
  CHECK_EQ (setsid (), getpid ());
  desk->master = posix_openpt (O_RDWR | O_NOCTTY | O_CLOEXEC);
  if (desk->master < 0 || grantpt (desk->master) != 0 || unlockpt (desk->master) != 0)
    SKIP ("no pseudo-terminal: %s", strerror (errno));
  desk->terminal = open (ptsname (desk->master), O_RDWR | O_NOCTTY);
  if (desk->terminal < 0)
    SKIP ("no pseudo-terminal: %s", strerror (errno));
  CHECK (ioctl (desk->terminal, TIOCSCTTY, 0) == 0);

  desk->somebody = fork ();
  CHECK (desk->somebody >= 0);
  if (desk->somebody == 0)
    {
      setpgid (0, 0);
      for (;;)
        pause ();
    }
  setpgid (desk->somebody, desk->somebody);
  CHECK (tcsetpgrp (desk->terminal, desk->somebody) == 0);
  CHECK_EQ (tcgetpgrp (desk->terminal), desk->somebody);
}

static void
stand_up (struct desk *desk)
{
  CHECK (kill (desk->somebody, SIGKILL) == 0);
  CHECK_EQ (waitpid (desk->somebody, NULL, 0), desk->somebody);
  CHECK_NO_CHILD ();
  /* The terminal stays open until the process ends: closing it would hang up on the session leader. */
}

/* The body needs a session of its own, which the process of the test, the leader of its group, cannot have. */
#define SESSION_TEST(name_)                                                                                            \
  static void at_the_desk_##name_ (void *);                                                                            \
  TEST (name_)                                                                                                         \
  {                                                                                                                    \
    NEED_TCSETPGRP ();                                                                                                 \
    int status = in_fork (at_the_desk_##name_, NULL);                                                                  \
    if (status != 0)                                                                                                   \
      FAIL ("the session leader ended with wait status 0x%x", (unsigned int) status);                                  \
  }                                                                                                                    \
  static void at_the_desk_##name_ (void *argument __attribute__ ((unused)))

static const posix_spawnattr_t *
with_flags (short flags)
{
  static posix_spawnattr_t attributes;
  CHECK_EQ (posix_spawnattr_init (&attributes), 0);
  CHECK_EQ (posix_spawnattr_setflags (&attributes, flags), 0);
  return &attributes;
}

static char **
foreground_argv (const char *group, int closed)
{
  char *caller = format ("%d", (int) getpgrp ());
  return child_argv ("foreground", caller, group, closed < 0 ? NULL : format ("%d", closed), NULL);
}

SESSION_TEST (without_SETPGROUP_the_callers_group_comes_forward)
{
  struct desk desk;
  sit_down (&desk);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init (&actions);
  CHECK_EQ (posix_spawn_file_actions_addtcsetpgrp_np (&actions, desk.terminal), 0);
  int pidfd = -1;
  CHECK_EQ (SPAWN (&pidfd, self_path, &actions, NULL, foreground_argv ("callers", -1), environ), 0);
  CHECK_EXIT (pidfd, IN_FOREGROUND);
  CHECK_EQ (tcgetpgrp (desk.terminal), getpgrp ());
  posix_spawn_file_actions_destroy (&actions);
  stand_up (&desk);
}

SESSION_TEST (with_SETPGROUP_the_childs_own_group_comes_forward)
{
  struct desk desk;
  sit_down (&desk);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init (&actions);
  CHECK_EQ (posix_spawn_file_actions_addtcsetpgrp_np (&actions, desk.terminal), 0);
  int pidfd = -1;
  CHECK_EQ (SPAWN (&pidfd, self_path, &actions, with_flags (POSIX_SPAWN_SETPGROUP), foreground_argv ("own", -1),
                   environ),
            0);
  siginfo_t info = reap (pidfd);
  CHECK_EQ (info.si_code, CLD_EXITED);
  CHECK_EQ (info.si_status, IN_FOREGROUND);
  CHECK_EQ (tcgetpgrp (desk.terminal), info.si_pid);
  posix_spawn_file_actions_destroy (&actions);
  stand_up (&desk);
}

SESSION_TEST (without_the_action_the_child_stays_in_the_background)
{
  struct desk desk;
  sit_down (&desk);
  int pidfd = -1;
  CHECK_EQ (SPAWN (&pidfd, self_path, NULL, with_flags (POSIX_SPAWN_SETPGROUP), foreground_argv ("own", -1), environ),
            0);
  CHECK_EXIT (pidfd, IN_BACKGROUND);
  CHECK_EQ (tcgetpgrp (desk.terminal), desk.somebody);
  stand_up (&desk);
}

SESSION_TEST (with_spawnp)
{
  struct desk desk;
  sit_down (&desk);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init (&actions);
  CHECK_EQ (posix_spawn_file_actions_addtcsetpgrp_np (&actions, desk.terminal), 0);
  int pidfd = -1;
  CHECK_EQ (SPAWNP (&pidfd, self_path, &actions, with_flags (POSIX_SPAWN_SETPGROUP), foreground_argv ("own", -1),
                    environ),
            0);
  CHECK_EXIT (pidfd, IN_FOREGROUND);
  posix_spawn_file_actions_destroy (&actions);
  stand_up (&desk);
}

SESSION_TEST (followed_by_a_close_without_SETPGROUP)
{
  struct desk desk;
  sit_down (&desk);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init (&actions);
  CHECK_EQ (posix_spawn_file_actions_addtcsetpgrp_np (&actions, desk.terminal), 0);
  CHECK_EQ (posix_spawn_file_actions_addclose (&actions, desk.terminal), 0);
  int pidfd = -1;
  CHECK_EQ (SPAWN (&pidfd, self_path, &actions, NULL, foreground_argv ("callers", desk.terminal), environ), 0);
  CHECK_EXIT (pidfd, IN_FOREGROUND);
  CHECK (is_open (desk.terminal));
  posix_spawn_file_actions_destroy (&actions);
  stand_up (&desk);
}

SESSION_TEST (followed_by_a_close_with_SETPGROUP)
{
  struct desk desk;
  sit_down (&desk);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init (&actions);
  CHECK_EQ (posix_spawn_file_actions_addtcsetpgrp_np (&actions, desk.terminal), 0);
  CHECK_EQ (posix_spawn_file_actions_addclose (&actions, desk.terminal), 0);
  int pidfd = -1;
  CHECK_EQ (SPAWN (&pidfd, self_path, &actions, with_flags (POSIX_SPAWN_SETPGROUP),
                   foreground_argv ("own", desk.terminal), environ),
            0);
  CHECK_EXIT (pidfd, IN_FOREGROUND);
  CHECK (is_open (desk.terminal));
  posix_spawn_file_actions_destroy (&actions);
  stand_up (&desk);
}

SESSION_TEST (preceded_by_a_close_is_EBADF)
{
  struct desk desk;
  sit_down (&desk);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init (&actions);
  CHECK_EQ (posix_spawn_file_actions_addclose (&actions, desk.terminal), 0);
  CHECK_EQ (posix_spawn_file_actions_addtcsetpgrp_np (&actions, desk.terminal), 0);
  int pidfd = -1;
  CHECK_ERROR (SPAWN (&pidfd, self_path, &actions, NULL, foreground_argv ("callers", -1), environ), EBADF);
  CHECK_EQ (pidfd, -1);
  CHECK_EQ (tcgetpgrp (desk.terminal), desk.somebody);
  posix_spawn_file_actions_destroy (&actions);
  stand_up (&desk);
}

SESSION_TEST (after_SETSID_is_ENOTTY)
{
  /* A new session has no terminal, so nobody of it can be in the foreground. */
  struct desk desk;
  sit_down (&desk);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init (&actions);
  CHECK_EQ (posix_spawn_file_actions_addtcsetpgrp_np (&actions, desk.terminal), 0);
  int pidfd = -1;
  char **argv = foreground_argv ("own", -1);
  CHECK_ERROR (SPAWN (&pidfd, self_path, &actions, with_flags (POSIX_SPAWN_SETSID), argv, environ), ENOTTY);
  CHECK_ERROR (SPAWNP (&pidfd, self_path, &actions, with_flags (POSIX_SPAWN_SETSID), argv, environ), ENOTTY);
  CHECK_EQ (pidfd, -1);
  CHECK_EQ (tcgetpgrp (desk.terminal), desk.somebody);
  posix_spawn_file_actions_destroy (&actions);
  stand_up (&desk);
}

SESSION_TEST (on_something_else_is_ENOTTY)
{
  struct desk desk;
  sit_down (&desk);
  int null = open ("/dev/null", O_RDWR | O_CLOEXEC);
  CHECK (null >= 0);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init (&actions);
  CHECK_EQ (posix_spawn_file_actions_addtcsetpgrp_np (&actions, null), 0);
  int pidfd = -1;
  CHECK_ERROR (SPAWN (&pidfd, self_path, &actions, NULL, foreground_argv ("callers", -1), environ), ENOTTY);
  CHECK_EQ (pidfd, -1);
  posix_spawn_file_actions_destroy (&actions);
  close (null);
  stand_up (&desk);
}

SESSION_TEST (SIGTTOU_in_the_program_is_as_usual)
{
  struct desk desk;
  sit_down (&desk);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init (&actions);
  CHECK_EQ (posix_spawn_file_actions_addtcsetpgrp_np (&actions, desk.terminal), 0);
  int pidfd = -1;
  CHECK_EQ (SPAWN (&pidfd, self_path, &actions, with_flags (POSIX_SPAWN_SETPGROUP), child_argv ("ttou", NULL), environ),
            0);
  CHECK_EXIT (pidfd, IN_FOREGROUND);
  posix_spawn_file_actions_destroy (&actions);
  stand_up (&desk);
}

SESSION_TEST (a_mask_to_be_set_does_not_let_SIGTTOU_in)
{
  /* The mask is set after the actions: an empty one must not undo their protection. */
  struct desk desk;
  sit_down (&desk);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init (&actions);
  CHECK_EQ (posix_spawn_file_actions_addtcsetpgrp_np (&actions, desk.terminal), 0);
  sigset_t none, ttou;
  sigemptyset (&none);
  sigemptyset (&ttou);
  sigaddset (&ttou, SIGTTOU);
  posix_spawnattr_t attributes;
  posix_spawnattr_init (&attributes);
  CHECK_EQ (posix_spawnattr_setsigmask (&attributes, &none), 0);
  CHECK_EQ (posix_spawnattr_setsigdefault (&attributes, &ttou), 0);
  CHECK_EQ (posix_spawnattr_setflags (&attributes,
                                      POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF),
            0);
  int pidfd = -1;
  CHECK_EQ (SPAWN (&pidfd, self_path, &actions, &attributes, foreground_argv ("own", -1), environ), 0);
  CHECK_EXIT (pidfd, IN_FOREGROUND);
  posix_spawn_file_actions_destroy (&actions);
  posix_spawnattr_destroy (&attributes);
  stand_up (&desk);
}
