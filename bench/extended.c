/* SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * Starting a program as another user, with groups, lower limits, a death signal and none of 5,000 open descriptors: by
 * pidfd_spawn_ext, and by children of vfork and of fork that are written by hand for it.  The same without another
 * user.
 *
 * By hand nobody is protected: a handler may run in the child of vfork, whoever stops it stops the caller, and the
 * caller is not dumpable any more afterwards; here the flag is given back between the calls, so that each meets the
 * same conditions. */

#define _GNU_SOURCE

#include "extended.h"
#include "bench.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { MARK_CLOSE_ON_EXEC = 4 };

/* What it is for is for the reporter. */
static char *with_user[] = { (char *) "child", (char *) "user", NULL };
static char *without_user[] = { (char *) "child", (char *) "limits", NULL };
static char *environment[] = { NULL };

static inline char **
arguments (unsigned flags)
{
  return flags & PIDFD_SPAWN_SETUID ? with_user : without_user;
}

static int may_change_user;

static int
by_library (unsigned flags, int *pidfd)
{
  struct pidfd_spawn_args args = describe_request (flags);
  return pidfd_spawn_ext (pidfd, child_path, NULL, NULL, arguments (flags), environment, &args, sizeof args);
}

/* In the child; only returns when a step fails.  By the system calls themselves, because the C library's functions
   would change each thread of a process. */
static inline __attribute__ ((always_inline)) void
take_steps_and_execute (unsigned flags, pid_t parent)
{
  if (syscall (SYS_close_range, LOWEST_LEAK, ~0U, MARK_CLOSE_ON_EXEC) != 0)
    return;
  for (int i = 0; i < LIMITS; i++)
    if (syscall (SYS_prlimit64, 0, limits[i].resource, &limits[i].soft, NULL) != 0)
      return;
  if (flags & PIDFD_SPAWN_SETUID
      && (syscall (SYS_setgroups, GROUPS_OF_USER, groups_of_user) != 0
          || syscall (SYS_setresgid, NEW_GROUP, NEW_GROUP, NEW_GROUP) != 0
          || syscall (SYS_setresuid, NEW_USER, NEW_USER, NEW_USER) != 0))
    return;
  if (prctl (PR_SET_PDEATHSIG, DEATH_SIGNAL) != 0 || getppid () != parent)
    return;
  execve (child_path, arguments (flags), environment);
}

static int
by_vfork (unsigned flags, int *pidfd)
{
  if (flags & PIDFD_SPAWN_SETUID && !may_change_user)
    return EPERM;
  volatile int error = 0;
  pid_t parent = getpid ();
  pid_t pid = vfork ();
  if (pid == 0)
    {
      take_steps_and_execute (flags, parent);
      error = errno;
      _exit (127);
    }
  if (pid < 0)
    return errno;
  return error != 0 ? error : open_process (pid, pidfd);
}

/* A copy can only tell its error through a pipe, whose end of file says that the program runs. */
static int
by_fork (unsigned flags, int *pidfd)
{
  if (flags & PIDFD_SPAWN_SETUID && !may_change_user)
    return EPERM;
  int ends[2], error = 0;
  if (pipe2 (ends, O_CLOEXEC) != 0)
    return errno;
  pid_t parent = getpid ();
  pid_t pid = fork ();
  if (pid == 0)
    {
      take_steps_and_execute (flags, parent);
      error = errno;
      _exit (write (ends[1], &error, sizeof error) == sizeof error ? 127 : 126);
    }
  if (pid < 0)
    error = errno;
  close (ends[1]);
  if (pid > 0 && read (ends[0], &error, sizeof error) < 0)
    error = errno;
  close (ends[0]);
  return error != 0 ? error : open_process (pid, pidfd);
}

#define WAY(name, by, flags)                                                                                           \
  static int name (int *pidfd) { return by (flags, pidfd); }

WAY (as_user_by_library, by_library, AS_USER)
WAY (as_user_by_vfork, by_vfork, AS_USER)
WAY (as_user_by_fork, by_fork, AS_USER)
WAY (otherwise_by_library, by_library, OTHERWISE)
WAY (otherwise_by_vfork, by_vfork, OTHERWISE)
WAY (otherwise_by_fork, by_fork, OTHERWISE)

static int (*const as_user[]) (int *) = { as_user_by_library, as_user_by_vfork, as_user_by_fork };
static int (*const otherwise[]) (int *) = { otherwise_by_library, otherwise_by_vfork, otherwise_by_fork };

static void
allow_user (void)
{
  may_change_user = geteuid () == 0;
}

static void
set_up (void)
{
  allow_user ();
  open_descriptors (0);
}

static void
give_back_dumpable (void)
{
  prctl (PR_SET_DUMPABLE, 1);
}

static void
start (int mebibytes, int (*const *ways) (int *))
{
  const struct helper_kind kind = { .mebibytes = mebibytes, .ways = ways, .set_up = set_up,
                                    .clear_up = give_back_dumpable };
  start_helper (&kind);
}

/* Without them: the descriptors take most of the time of a start, and so hide what the rest of it costs. */
static void
start_with_few_descriptors (void)
{
  const struct helper_kind kind = { .mebibytes = 1, .ways = as_user, .set_up = allow_user,
                                    .clear_up = give_back_dumpable };
  start_helper (&kind);
}

#define START(way, mebibytes)                                                                                          \
  static void start_##way##_##mebibytes (void) { start (mebibytes, way); }

#define START_TWO(way)                                                                                                 \
  static void start_##way##_twice (void) { start (1, way); start (4096, way); }

START (as_user, 1)
START (as_user, 512)
START (as_user, 4096)
START_TWO (as_user)
START (otherwise, 1)
START (otherwise, 512)
START (otherwise, 4096)
START_TWO (otherwise)

/* Two groups for a size, because the copying of the memory leaves the processor's caches cold for whoever is next. */
#define BESIDE(name_, start, what, size, slowness_, other, argument_, of, to)                                          \
  {                                                                                                                    \
    .name = name_, .title = what " from a process of " size, .set_up = start,                                          \
    .tear_down = end_helpers, .measure = ask_helper, .pinned = 1, .slowness = slowness_, .implementation_count = 2,    \
    .implementations = { { "pidfd_spawn_ext", NULL, 0 }, { other " + the same steps + execve", NULL, argument_ } },    \
    .comparison_count = 1, .comparisons = { { of, to } },                                                              \
  }

#define SIZE(name, way, mebibytes, what, size, slowness_of_fork)                                                       \
  BESIDE (name "-vfork-" #mebibytes, start_##way##_##mebibytes, what, size, 2, "vfork", 1, 0, 1),                      \
    BESIDE (name "-fork-" #mebibytes, start_##way##_##mebibytes, what, size, slowness_of_fork, "fork", 2, 1, 0)

#define BESIDE_ITSELF(name_, way, what)                                                                                \
  {                                                                                                                    \
    .name = name_, .title = what " from a process with 4 GiB resident, and from a small one",                          \
    .set_up = start_##way##_twice, .tear_down = end_helpers, .measure = ask_helper, .pinned = 1, .slowness = 4,        \
    .implementation_count = 2,                                                                                         \
    .implementations = { { "4 GiB resident", NULL, HELPER_WAYS }, { "a small process", NULL, 0 } },                    \
    .comparison_count = 1, .comparisons = { { 0, 1 } },                                                                \
  }

#define USER "starting a program as another user"
#define REST "starting a program with limits, a death signal and no leaks"

const struct group extended_groups[EXTENDED_GROUPS] = {
  SIZE ("user", as_user, 1, USER, "1 MiB", 4),
  SIZE ("user", as_user, 512, USER, "512 MiB", 40),
  SIZE ("user", as_user, 4096, USER, "4 GiB", 80),
  BESIDE_ITSELF ("user-resident", as_user, USER),
  BESIDE ("user-few", start_with_few_descriptors, USER, "1 MiB with few descriptors", 2, "vfork", 1, 0, 1),
  SIZE ("limits", otherwise, 1, REST, "1 MiB", 4),
  SIZE ("limits", otherwise, 512, REST, "512 MiB", 40),
  SIZE ("limits", otherwise, 4096, REST, "4 GiB", 80),
  BESIDE_ITSELF ("limits-resident", otherwise, REST),
};
