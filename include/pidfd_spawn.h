/* SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * pidfd_spawn.h: start a process, get a pidfd for it, and use it.
 *
 * Declares pidfd_spawn, pidfd_spawnp, pidfd_fork and pidfd_getpid (see spawn_ext.h), and what using a pidfd takes:
 * P_PIDFD, PIDFD_NONBLOCK, pidfd_open, pidfd_send_signal and pidfd_getfd.  Where the C library has those, they are the
 * library's own; what it lacks is made here from the system call.  */

#ifndef PIDFD_SPAWN_H
#define PIDFD_SPAWN_H

/* The libc's headers come first: what they define as an enumerator must not be a macro before.  */
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/types.h>
#include <sys/wait.h>
#if defined __has_include
# if __has_include (<sys/pidfd.h>)
/* glibc's, up to 2.43 at least, does not say that its functions are those of C, and has no guard against coming twice.  A
   program that included it itself before has them as functions of C++, which is then too late to change.  */
#  if !defined __cplusplus || (defined PIDFD_NONBLOCK && !defined _UAPI_LINUX_PIDFD_H)
#   include <sys/pidfd.h>
#  else
extern "C" {
#   include <sys/pidfd.h>
}
#  endif
#  define PIDFD_SPAWN_HAVE_SYS_PIDFD_H 1
# endif
#endif

#include "spawn_ext.h"

/* glibc and musl have P_PIDFD as an enumerator, which the preprocessor cannot see: glibc since 2.36 at the latest, musl since 1.2.0.
   Where it exists the macro has the same value and type.  */
#if defined __GLIBC__ && defined __GLIBC_PREREQ
# if !__GLIBC_PREREQ (2, 36)
#  define PIDFD_SPAWN_NEED_P_PIDFD 1
# endif
#else
# define PIDFD_SPAWN_NEED_P_PIDFD 1
#endif
#if defined PIDFD_SPAWN_NEED_P_PIDFD && !defined P_PIDFD
# define P_PIDFD ((idtype_t) 3)
#endif
#undef PIDFD_SPAWN_NEED_P_PIDFD

/* The cgroup that the child is born in, as glibc 2.39 has it.  The shared library gives these to every libc, and has its
   posix_spawn and posix_spawnp honour the flag; the archive does not.  */
#ifndef POSIX_SPAWN_SETCGROUP
# define POSIX_SPAWN_SETCGROUP 0x100
# ifdef __cplusplus
extern "C" {
# endif
# if defined __THROW
#  define PIDFD_SPAWN_NOTHROW __THROW
# else
#  define PIDFD_SPAWN_NOTHROW
# endif
/* Stores in *CGROUP the descriptor of the cgroup v2 directory that ATTR holds.  Gives 0.  */
extern int posix_spawnattr_getcgroup_np (const posix_spawnattr_t *attr, int *cgroup) PIDFD_SPAWN_NOTHROW;
/* Has ATTR hold the descriptor CGROUP, which counts if the flag POSIX_SPAWN_SETCGROUP is set.  Gives 0.  */
extern int posix_spawnattr_setcgroup_np (posix_spawnattr_t *attr, int cgroup) PIDFD_SPAWN_NOTHROW;
# undef PIDFD_SPAWN_NOTHROW
# ifdef __cplusplus
}
# endif
#endif

#ifndef PIDFD_NONBLOCK
# define PIDFD_NONBLOCK O_NONBLOCK
#endif

#ifndef PIDFD_SPAWN_HAVE_SYS_PIDFD_H
# include <sys/syscall.h>

# ifdef __cplusplus
extern "C" {
# endif

/* Declared by <unistd.h> only under some feature macros.  */
# if defined __THROW
extern long int syscall (long int, ...) __THROW;
# else
extern long int syscall (long int, ...);
# endif

/* The numbers are the same on every architecture that glibc and musl share.  */
# ifndef SYS_pidfd_send_signal
#  define SYS_pidfd_send_signal 424
# endif
# ifndef SYS_pidfd_open
#  define SYS_pidfd_open 434
# endif
# ifndef SYS_pidfd_getfd
#  define SYS_pidfd_getfd 438
# endif

/* Gives a pidfd for the process PID, or -1 and errno.  FLAGS is 0 or PIDFD_NONBLOCK (Linux 5.10).  */
static __inline__ __attribute__ ((__unused__)) int
pidfd_open (pid_t pid, unsigned int flags)
{
  return (int) syscall (SYS_pidfd_open, pid, flags);
}

/* Duplicates descriptor TARGETFD of the process PIDFD names (Linux 5.6); -1 and errno on failure.  FLAGS is 0.  */
static __inline__ __attribute__ ((__unused__)) int
pidfd_getfd (int pidfd, int targetfd, unsigned int flags)
{
  return (int) syscall (SYS_pidfd_getfd, pidfd, targetfd, flags);
}

/* siginfo_t is declared, and SI_USER defined, only under some feature macros.  */
# ifdef SI_USER
/* Sends signal SIG, with INFO if it is not NULL, to the process PIDFD names; -1 and errno on failure.  FLAGS is 0.  */
static __inline__ __attribute__ ((__unused__)) int
pidfd_send_signal (int pidfd, int sig, siginfo_t *info, unsigned int flags)
{
  return (int) syscall (SYS_pidfd_send_signal, pidfd, sig, info, flags);
}
# endif

# ifdef __cplusplus
}
# endif
#endif
#undef PIDFD_SPAWN_HAVE_SYS_PIDFD_H

#endif
