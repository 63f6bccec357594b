/* SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * Calls one function of the library, chosen by its name, and looks at what came of it: for places where the harness is
 * not available, such as the constructor of a plugin.  Needs nothing but the functions and environ. */

#ifndef CALL_H
#define CALL_H

#include <errno.h>
#include <spawn.h>
#include <stddef.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "interface.h"

#ifdef MODE_PRELOADED
extern int posix_spawnattr_getcgroup_np (const posix_spawnattr_t *, int *) __attribute__ ((weak));
extern int posix_spawnattr_setcgroup_np (posix_spawnattr_t *, int) __attribute__ ((weak));
#endif
#ifndef POSIX_SPAWN_SETCGROUP
# define POSIX_SPAWN_SETCGROUP 0x100
#endif

/* The functions whose place the shared library takes come first; an archive has only the rest. */
#define TAKEN_OVER "posix_spawn", "posix_spawnp", "setflags", "setcgroup"
#define OF_ITS_OWN                                                                                                     \
  "pidfd_spawn", "pidfd_spawnp", "pidfd_getpid", "pidfd_fork", "pidfd_fork_asyncsafe", "pidfd_spawn_ext", "pidfd_wait"

/* NULL, or what was wrong. */
static inline const char *
end_of_pidfd (int pidfd)
{
  siginfo_t info;
  memset (&info, 0, sizeof info);
  if (pidfd < 0)
    return "no pidfd";
  if (waitid ((idtype_t) 3 /* P_PIDFD */, (id_t) pidfd, &info, WEXITED) != 0)
    return "the pidfd cannot be waited for";
  close (pidfd);
  return info.si_code == CLD_EXITED && info.si_status == 0 ? NULL : "the child ended otherwise";
}

static inline const char *
end_of_pid (pid_t pid)
{
  int status;
  if (waitpid (pid, &status, 0) != pid)
    return "the child cannot be waited for";
  return status == 0 ? NULL : "the child ended otherwise";
}

/* What came of a call is its result, where that is an error, or what happened afterwards. */
static inline const char *
call_by_name (const char *name, char *const envp[])
{
  char *argv[] = { (char *) "true", NULL };
  posix_spawnattr_t attributes;
  pid_t pid = -1;
  int pidfd = -1, error = 0, cgroup = -1;
  short flags = 0, wanted = POSIX_SPAWN_SETPGROUP;
  if (strcmp (name, "posix_spawn") == 0)
    error = posix_spawn (&pid, "/bin/true", NULL, NULL, argv, envp);
  else if (strcmp (name, "posix_spawnp") == 0)
    error = posix_spawnp (&pid, "true", NULL, NULL, argv, envp);
  else if (strcmp (name, "setflags") == 0)
    {
#if HAVE_LIBRARY && !defined MODE_STATIC
      wanted |= POSIX_SPAWN_SETCGROUP;
#endif
      if (posix_spawnattr_init (&attributes) != 0)
        return "no attributes";
      error = posix_spawnattr_setflags (&attributes, wanted);
      if (error)
        return strerror (error);
      posix_spawnattr_getflags (&attributes, &flags);
      return flags == wanted ? NULL : "the flags were not kept";
    }
#if HAVE_LIBRARY
# ifndef MODE_STATIC
  else if (strcmp (name, "setcgroup") == 0)
    {
      if (posix_spawnattr_init (&attributes) != 0)
        return "no attributes";
      error = posix_spawnattr_setcgroup_np (&attributes, 17);
      if (error == 0)
        error = posix_spawnattr_getcgroup_np (&attributes, &cgroup);
      return error ? strerror (error) : cgroup == 17 ? NULL : "the cgroup was not kept";
    }
# endif
  else if (strcmp (name, "pidfd_spawn") == 0)
    error = pidfd_spawn (&pidfd, "/bin/true", NULL, NULL, argv, envp);
  else if (strcmp (name, "pidfd_spawnp") == 0)
    error = pidfd_spawnp (&pidfd, "true", NULL, NULL, argv, envp);
  else if (strcmp (name, "pidfd_getpid") == 0)
    {
      pidfd = sys_pidfd_open (getpid (), 0);
      pid = pidfd_getpid (pidfd);
      close (pidfd);
      return pid == getpid () ? NULL : "another process ID";
    }
  else if (strncmp (name, "pidfd_fork", 10) == 0)
    {
      pidfd = pidfd_fork (name[10] ? PIDFDFORK_ASYNCSAFE : 0);
      if (pidfd == 0)
        _exit (0);
      if (pidfd < 0)
        return strerror (errno);
    }
  else if (strcmp (name, "pidfd_spawn_ext") == 0)
    {
      /* With none it would be pidfd_spawn. */
      struct pidfd_spawn_args args;
      memset (&args, 0, sizeof args);
      args.flags = PIDFD_SPAWN_SETUMASK;
      error = pidfd_spawn_ext (&pidfd, "/bin/true", NULL, NULL, argv, envp, &args, sizeof args);
    }
  else if (strcmp (name, "pidfd_wait") == 0)
    {
      siginfo_t info;
      struct rusage usage;
      pid = vfork ();
      if (pid == 0)
        _exit (0);
      pidfd = sys_pidfd_open (pid, 0);
      error = pidfd_wait (pidfd, &info, WEXITED, &usage);
      close (pidfd);
      return error ? strerror (errno) : info.si_pid == pid && info.si_status == 0 ? NULL : "the child ended otherwise";
    }
#endif
  else
    return "no function of that name";
  (void) cgroup;
  if (error)
    return strerror (error);
  return pid > 0 ? end_of_pid (pid) : end_of_pidfd (pidfd);
}

#endif
