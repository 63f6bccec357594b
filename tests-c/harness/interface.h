/* SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * What a test calls, for each mode of use.  Exactly one of these is defined by the build:
 *
 *   MODE_LINKED     linked with libpidfd_spawn.so; everything comes from <pidfd_spawn.h>
 *   MODE_STATIC     the same, linked with libpidfd_spawn.a
 *   MODE_PRELOADED  built without knowing the library: weak declarations, run with LD_PRELOAD
 *   MODE_REFERENCE  the libc's own posix_spawn stands in for pidfd_spawn, to show that a test is right
 *
 * SPAWN and SPAWNP are the call under test; FORK is pidfd_fork, for which fork and pidfd_open stand in.  HAVE_LIBRARY
 * guards what these cannot express. */

#ifndef INTERFACE_H
#define INTERFACE_H

#include <signal.h>
#include <spawn.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/types.h>

#if defined MODE_LINKED
# define MODE "linked"
#elif defined MODE_STATIC
# define MODE "static"
#elif defined MODE_PRELOADED
# define MODE "preloaded"
#elif defined MODE_REFERENCE
# define MODE "reference"
#else
# error "define one of MODE_LINKED, MODE_STATIC, MODE_PRELOADED, MODE_REFERENCE"
#endif

#if defined MODE_REFERENCE

# define HAVE_LIBRARY 0
int reference_spawn (int *pidfd, const char *path, const posix_spawn_file_actions_t *actions,
                     const posix_spawnattr_t *attributes, char *const argv[], char *const envp[]);
int reference_spawnp (int *pidfd, const char *file, const posix_spawn_file_actions_t *actions,
                      const posix_spawnattr_t *attributes, char *const argv[], char *const envp[]);
int reference_fork (unsigned int flags);
# define SPAWN reference_spawn
# define SPAWNP reference_spawnp
# define FORK reference_fork
# define PIDFDFORK_ASYNCSAFE (1U << 1)

#else

# define HAVE_LIBRARY 1
# if defined MODE_PRELOADED
extern int pidfd_spawn (int *, const char *, const posix_spawn_file_actions_t *, const posix_spawnattr_t *,
                        char *const[], char *const[]) __attribute__ ((weak));
extern int pidfd_spawnp (int *, const char *, const posix_spawn_file_actions_t *, const posix_spawnattr_t *,
                         char *const[], char *const[]) __attribute__ ((weak));
extern int pidfd_fork (unsigned int) __attribute__ ((weak));
extern pid_t pidfd_getpid (int) __attribute__ ((weak));
#  define PIDFDFORK_ASYNCSAFE (1U << 1)
#  define PIDFD_SPAWN_SEARCH (1 << 0)
#  define PIDFD_SPAWN_SEARCH_ENVP (1 << 1)
#  define PIDFD_SPAWN_EXEC_FD (1 << 2)
#  define PIDFD_SPAWN_CLOEXEC_FROM (1 << 3)
#  define PIDFD_SPAWN_SETRLIMITS (1 << 4)
#  define PIDFD_SPAWN_SETUMASK (1 << 5)
#  define PIDFD_SPAWN_SETSIGIGNORE (1 << 6)
#  define PIDFD_SPAWN_SETCTTY (1 << 7)
#  define PIDFD_SPAWN_CGROUP (1 << 8)
#  define PIDFD_SPAWN_CGROUP_MAY_MOVE (1 << 9)
#  define PIDFD_SPAWN_SETGROUPS (1 << 10)
#  define PIDFD_SPAWN_SETGID (1 << 11)
#  define PIDFD_SPAWN_SETUID (1 << 12)
#  define PIDFD_SPAWN_NO_NEW_PRIVS (1 << 13)
#  define PIDFD_SPAWN_PDEATHSIG (1 << 14)
#  define PIDFD_SPAWN_AUTOREAP (1 << 15)
#  define PIDFD_SPAWN_KILL_ON_CLOSE (1 << 16)
#  define PIDFD_SPAWN_ARGS_SIZE_VER0 (sizeof (void *) == 8 ? 88 : 72)

struct pidfd_spawn_rlimit {
  uint32_t resource, reserved;
  uint64_t soft, hard;
};

struct pidfd_spawn_args {
  uint64_t flags;
  int32_t exec_fd, cloexec_from;
  const int *inherit;
  const struct pidfd_spawn_rlimit *limits;
  uint32_t inherit_count, limit_count;
  const sigset_t *ignore;
  uint32_t umask;
  int32_t terminal, cgroup;
  uint32_t group_count;
  const gid_t *groups;
  uint32_t gid, uid;
  int32_t death_signal;
  uint32_t reserved;
};

extern int pidfd_spawn_ext (int *, const char *, const posix_spawn_file_actions_t *, const posix_spawnattr_t *,
                            char *const[], char *const[], const struct pidfd_spawn_args *, size_t)
  __attribute__ ((weak));
extern int pidfd_wait (int, siginfo_t *, int, struct rusage *) __attribute__ ((weak));
# else
#  include <pidfd_spawn.h>
# endif
# define SPAWN pidfd_spawn
# define SPAWNP pidfd_spawnp
# define FORK pidfd_fork

#endif

/* The system calls themselves, so that a test does not depend on what the libc wraps. */
int sys_pidfd_open (pid_t pid, unsigned int flags);
int sys_pidfd_send_signal (int pidfd, int signal, void *info, unsigned int flags);
int sys_pidfd_getfd (int pidfd, int fd, unsigned int flags);

#endif
