/* SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * A libc whose layouts are others: the function that TST_LIE names puts down something else than it was told. */

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>

typedef posix_spawn_file_actions_t actions;
typedef posix_spawnattr_t attributes;

static int
lies (const char *about)
{
  const char *lie = getenv ("TST_LIE");
  return lie && strcmp (lie, about) == 0;
}

/* The libc's function of that name, or a return. */
#define NEXT(name, ...)                                                                                                \
  int (*next) (__VA_ARGS__);                                                                                           \
  *(void **) &next = dlsym (RTLD_NEXT, #name);                                                                         \
  if (!next)                                                                                                           \
    return ENOSYS

int
posix_spawn_file_actions_addclose (actions *object, int fd)
{
  NEXT (posix_spawn_file_actions_addclose, actions *, int);
  return next (object, lies ("close") ? fd ^ 1 : fd);
}

int
posix_spawn_file_actions_adddup2 (actions *object, int from, int to)
{
  NEXT (posix_spawn_file_actions_adddup2, actions *, int, int);
  if (lies ("dup2"))
    return next (object, to, from);
  return next (object, lies ("dup2-from") ? from ^ 1 : from, lies ("dup2-to") ? to ^ 1 : to);
}

int
posix_spawn_file_actions_addopen (actions *object, int fd, const char *path, int flags, mode_t mode)
{
  NEXT (posix_spawn_file_actions_addopen, actions *, int, const char *, int, mode_t);
  return next (object, lies ("open-fd") ? fd ^ 1 : fd, lies ("open-path") ? path + 1 : path,
               lies ("open-flags") ? flags ^ O_NONBLOCK : flags, lies ("open-mode") ? mode ^ 1 : mode);
}

int
posix_spawn_file_actions_addchdir_np (actions *object, const char *path)
{
  NEXT (posix_spawn_file_actions_addchdir_np, actions *, const char *);
  return next (object, lies ("chdir") ? path + 1 : path);
}

int
posix_spawn_file_actions_addfchdir_np (actions *object, int fd)
{
  NEXT (posix_spawn_file_actions_addfchdir_np, actions *, int);
  return next (object, lies ("fchdir") ? fd ^ 1 : fd);
}

int
posix_spawn_file_actions_addclosefrom_np (actions *object, int first)
{
  NEXT (posix_spawn_file_actions_addclosefrom_np, actions *, int);
  return next (object, lies ("closefrom") ? first ^ 1 : first);
}

int
posix_spawn_file_actions_addtcsetpgrp_np (actions *object, int fd)
{
  NEXT (posix_spawn_file_actions_addtcsetpgrp_np, actions *, int);
  return next (object, lies ("tcsetpgrp") ? fd ^ 1 : fd);
}

int
posix_spawnattr_getflags (const attributes *object, short *flags)
{
  NEXT (posix_spawnattr_getflags, const attributes *, short *);
  int error = next (object, flags);
  if (lies ("getflags"))
    *flags ^= POSIX_SPAWN_SETPGROUP;
  return error;
}

int
posix_spawnattr_setpgroup (attributes *object, pid_t group)
{
  NEXT (posix_spawnattr_setpgroup, attributes *, pid_t);
  return next (object, lies ("pgroup") ? group ^ 1 : group);
}

int
posix_spawnattr_setsigdefault (attributes *object, const sigset_t *set)
{
  NEXT (posix_spawnattr_setsigdefault, attributes *, const sigset_t *);
  sigset_t other = *set;
  sigaddset (&other, SIGALRM);
  return next (object, lies ("sigdefault") ? &other : set);
}

int
posix_spawnattr_setsigmask (attributes *object, const sigset_t *set)
{
  NEXT (posix_spawnattr_setsigmask, attributes *, const sigset_t *);
  sigset_t other = *set;
  sigaddset (&other, SIGALRM);
  return next (object, lies ("sigmask") ? &other : set);
}

int
posix_spawnattr_setschedparam (attributes *object, const struct sched_param *parameters)
{
  NEXT (posix_spawnattr_setschedparam, attributes *, const struct sched_param *);
  struct sched_param other = *parameters;
  other.sched_priority++;
  return next (object, lies ("schedparam") ? &other : parameters);
}

int
posix_spawnattr_setschedpolicy (attributes *object, int policy)
{
  NEXT (posix_spawnattr_setschedpolicy, attributes *, int);
  return next (object, !lies ("schedpolicy") ? policy : policy == SCHED_FIFO ? SCHED_RR : SCHED_FIFO);
}
