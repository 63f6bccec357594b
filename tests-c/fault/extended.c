/* SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * The cases of pidfd_spawn_ext. */

#include "fault.h"
#include "child.h"
#include "procfs.h"

#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <linux/securebits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <pidfd_spawn.h>

static struct pidfd_spawn_args args;
static int inherited[] = { TERMINAL, HELD };
static struct pidfd_spawn_rlimit limits[] = { { .resource = RLIMIT_CORE, .soft = SOFT_LIMIT, .hard = HARD_LIMIT } };
static const gid_t groups[] = { OTHER_GROUP, OTHER_GROUP + 1 };
static sigset_t ignored;

static int
extend_by (const char *name, const char *program)
{
  char *argv[] = { (char *) "child", (char *) name, NULL };
  int pidfd = NONE, until[2];
  /* The program goes on until the call has returned: no call waits for its end. */
  CHECK (pipe2 (until, O_CLOEXEC) == 0 && dup2 (until[0], HELD) == HELD);
  close (until[0]);
  errno = BEFORE;
  begin ();
  int error = pidfd_spawn_ext (&pidfd, program, actions, attributes, argv, environ, &args, sizeof args);
  end ();
  if (error == 0)
    {
      CHECK (errno == BEFORE);
      close (until[1]);
      check_right_child (pidfd);
    }
  else
    {
      CHECK (pidfd == NONE);
      CHECK (errno == error);
      close (until[1]);
    }
  close (HELD);
  return error;
}

int
extend (const char *name)
{
  const char *program = args.flags & PIDFD_SPAWN_SEARCH_ENVP ? strrchr (child_program, '/') + 1
                        : args.flags & PIDFD_SPAWN_EXEC_FD   ? NULL
                                                             : child_program;
  return extend_by (name, program);
}

int
extend_nothing (const char *name)
{
  return extend_by (name, "/nonexistent/program");
}

/* An open terminal that is nobody's. */
static void
have_terminal (void)
{
  int master = posix_openpt (O_RDWR | O_NOCTTY | O_CLOEXEC), terminal;
  if (master < 0 || grantpt (master) != 0 || unlockpt (master) != 0
      || (terminal = open (ptsname (master), O_RDWR | O_NOCTTY | O_CLOEXEC)) < 0
      || dup3 (terminal, TERMINAL, O_CLOEXEC) < 0)
    _exit (SKIPPED);
  close (terminal);
}

void
ask_for_close_on_exec (void)
{
  have_terminal ();
  args.flags |= PIDFD_SPAWN_CLOEXEC_FROM;
  args.cloexec_from = 3;
  args.inherit = inherited;
  args.inherit_count = LENGTH (inherited);
}

/* Before Linux 5.11, and in sandboxes. */
void
refuse_close_range (void)
{
  refuse (SYS_close_range, ENOSYS);
}

/* The same without procfs. */
void
refuse_close_range_and_listing (void)
{
  refuse_close_range ();
  refuse (SYS_getdents64, ENOSYS);
}

static void
ask_for_groups (void)
{
  args.flags |= PIDFD_SPAWN_SETGROUPS;
  args.groups = groups;
  args.group_count = LENGTH (groups);
}

void
ask_for_much (void)
{
  if (geteuid () != 0)
    _exit (SKIPPED);
  ask_for_close_on_exec ();
  ask_for_groups ();
  args.flags |= PIDFD_SPAWN_SETRLIMITS | PIDFD_SPAWN_SETUMASK | PIDFD_SPAWN_SETSIGIGNORE | PIDFD_SPAWN_SETCTTY
                | PIDFD_SPAWN_NO_NEW_PRIVS | PIDFD_SPAWN_PDEATHSIG;
  args.limits = limits;
  args.limit_count = LENGTH (limits);
  args.umask = UMASK;
  sigemptyset (&ignored);
  sigaddset (&ignored, SIGHUP);
  args.ignore = &ignored;
  args.terminal = TERMINAL;
  args.death_signal = SIGWINCH;
  attributes = &attributes_;
  posix_spawnattr_init (attributes);
  posix_spawnattr_setflags (attributes, POSIX_SPAWN_SETSID);
  actions = &actions_;
  posix_spawn_file_actions_init (actions);
  posix_spawn_file_actions_addopen (actions, 20, "/dev/null", O_RDONLY, 0);
}

void
ask_for_search (void)
{
  args.flags = PIDFD_SPAWN_SEARCH_ENVP;
}

/* The program is no script, so its descriptor may be close-on-exec. */
void
ask_for_descriptor (void)
{
  args.flags = PIDFD_SPAWN_EXEC_FD;
  args.exec_fd = open (child_program, O_PATH | O_CLOEXEC);
  CHECK (args.exec_fd >= 0);
}

/* ---- The cgroup ---- */

static char cgroup_path[PATH_MAX];
static int cgroup = -1;

void
make_cgroup (void)
{
  static char text[1 << 16], place[PATH_MAX / 4], own[PATH_MAX / 4];
  if (read_text ("/proc/self/mountinfo", text, sizeof text) < 0)
    return;
  for (char *line = strtok (text, "\n"); line; line = strtok (NULL, "\n"))
    if (strstr (line, " - cgroup2 "))
      sscanf (line, "%*s %*s %*s %*s %1000s", place);
  if (read_text ("/proc/self/cgroup", text, sizeof text) < 0)
    return;
  for (char *line = strtok (text, "\n"); line; line = strtok (NULL, "\n"))
    sscanf (line, "0::%1000s", own);
  snprintf (cgroup_path, sizeof cgroup_path, "%s%s/" CGROUP "-%d", place, own, (int) getpid ());
  if (*place && *own && mkdir (cgroup_path, 0755) == 0)
    cgroup = open (cgroup_path, O_PATH | O_CLOEXEC);
}

void
remove_cgroup (void)
{
  if (cgroup < 0)
    return;
  /* The kernel needs a moment after the last process has gone. */
  for (int i = 0; rmdir (cgroup_path) != 0 && errno == EBUSY && i < 1000; i++)
    usleep (1000);
}

void
ask_for_cgroup_or_moving (void)
{
  if (cgroup < 0)
    _exit (SKIPPED);
  args.flags = PIDFD_SPAWN_CGROUP | PIDFD_SPAWN_CGROUP_MAY_MOVE;
  args.cgroup = cgroup;
}

/* Whether clone3 starts a child in a cgroup (Linux 5.7); none is made, for no descriptor has that number. */
static bool
is_born_in_cgroups (void)
{
  unsigned long long arguments[11] = { [0] = 1ULL << 33 /* CLONE_INTO_CGROUP */, [4] = SIGCHLD, [10] = INT_MAX };
  return syscall (SYS_clone3, arguments, sizeof arguments) == -1 && errno == EBADF;
}

void
ask_for_cgroup (void)
{
  ask_for_cgroup_or_moving ();
  args.flags &= ~PIDFD_SPAWN_CGROUP_MAY_MOVE;
  if (!is_born_in_cgroups ())
    _exit (SKIPPED);
}

/* ---- The change of user ---- */

/* The new user has to be able to execute the program. */
static void
need_executable (void)
{
  int status;
  pid_t pid = fork ();
  CHECK (pid >= 0);
  if (pid == 0)
    _exit (setgroups (0, NULL) != 0 || setresgid (GROUP, GROUP, GROUP) != 0 || setresuid (USER, USER, USER) != 0
           || access (child_program, X_OK) != 0);
  if (waitpid (pid, &status, 0) != pid || status != 0)
    _exit (SKIPPED);
}

static void
ask_for_ids (void)
{
  args.flags |= PIDFD_SPAWN_SETGID | PIDFD_SPAWN_SETUID;
  args.gid = GROUP;
  args.uid = USER;
}

void
ask_for_user (void)
{
  need_executable ();
  ask_for_groups ();
  ask_for_ids ();
  args.flags |= PIDFD_SPAWN_NO_NEW_PRIVS | PIDFD_SPAWN_PDEATHSIG;
  args.death_signal = SIGWINCH;
}

/* A program that can only become what its saved user ID is, and has one group ID, so that its memory is copied. */
void
give_up_capabilities (void)
{
  need_executable ();
  uid_t other_user = USER - 1;
  CHECK (setgroups (LENGTH (groups), groups) == 0);
  CHECK (setresgid (GROUP, GROUP, GROUP) == 0 && setresuid (other_user, other_user, USER) == 0);
  CHECK (prctl (PR_SET_DUMPABLE, 1) == 0);
  args.flags = 0;
  ask_for_ids ();
  /* No PDEATHSIG: it may not send another user the signal. */
  args.flags |= PIDFD_SPAWN_NO_NEW_PRIVS;
}

/* POSIX_SPAWN_RESETIDS of a set-user-ID program. */
void
ask_for_own_user (void)
{
  need_executable ();
  args.flags = PIDFD_SPAWN_SETUMASK;
  args.umask = UMASK;
  attributes = &attributes_;
  posix_spawnattr_init (attributes);
  posix_spawnattr_setflags (attributes, POSIX_SPAWN_RESETIDS);
  CHECK (setresuid (USER, 0, 0) == 0);
}
