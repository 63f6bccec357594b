/* SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * pidfd_spawn.h: start a process, get a pidfd for it, and use it.
 *
 * Declares pidfd_spawn, pidfd_spawnp, pidfd_spawn_ext, pidfd_wait, pidfd_fork and pidfd_getpid (see spawn_ext.h), and
 * what using a pidfd takes: P_PIDFD, PIDFD_NONBLOCK, pidfd_open, pidfd_send_signal and pidfd_getfd.  Where the C
 * library has those, they are the library's own; what it lacks is made here from the system call.  A program that has
 * functions of these names itself includes <spawn_ext.h> in its place.
 *
 * pidfd_spawn, pidfd_spawnp and pidfd_getpid are those of glibc 2.39; no C library has the other three.  */

#ifndef PIDFD_SPAWN_H
#define PIDFD_SPAWN_H

/* The libc's headers come first: what they define as an enumerator must not be a macro before.
   <linux/pidfd.h> includes <linux/fcntl.h>, and no program can have that and the libc's <fcntl.h>.  One that needs
   <linux/pidfd.h> includes it before this header, which then does without <fcntl.h>, and can have neither that nor
   <sys/pidfd.h>.  */
#ifndef _LINUX_FCNTL_H
# include <fcntl.h>
#endif
#include <signal.h>
#include <spawn.h>
#include <sys/types.h>
#include <sys/wait.h>
/* It also says whether there is siginfo_t.  */
#include "spawn_ext.h"

/* The C library may have declared some of what follows already.  */
#if defined __GNUC__
# pragma GCC diagnostic push
# pragma GCC diagnostic ignored "-Wredundant-decls"
#endif

/* What <sys/pidfd.h> of glibc declares is declared here, rather than included: it has no guard against being included
   twice, and, up to 2.43 at least, does not say that its functions are those of C.  Any order of the two works.  */
#if defined __GLIBC__ && defined __GLIBC_PREREQ
# if __GLIBC_PREREQ (2, 36)
#  define PIDFD_SPAWN_LIBC_HAS_PIDFD_OPEN 1
#  if defined __cplusplus && defined PIDFD_NONBLOCK && !defined PIDFD_SPAWN_OVERLAY_SYS_PIDFD_H
/* The program may have included it before.  Then its functions are those of C++, which no library has, or the program
   has said that they are C's; and clang gives no other name to one that was called already.  They are right in any case
   if they are defined, as below.  */
#   define PIDFD_SPAWN_DEFINE_DECLARED 1
#  else
#   ifdef __cplusplus
extern "C" {
#   endif
extern int pidfd_open (pid_t, unsigned int) __THROW;
extern int pidfd_getfd (int, int, unsigned int) __THROW;
extern int pidfd_send_signal (int, int, siginfo_t *, unsigned int) __THROW;
#   ifdef __cplusplus
}
#   endif
#  endif
# endif
#endif
#if !defined PIDFD_SPAWN_LIBC_HAS_PIDFD_OPEN && defined __has_include
# if __has_include (<sys/pidfd.h>)
#  include <sys/pidfd.h>
/* An older glibc's says nothing, as zig has it.  The overlay's does.  */
#  if !defined __GLIBC__ || defined PIDFD_SPAWN_OVERLAY_SYS_PIDFD_H
#   define PIDFD_SPAWN_LIBC_HAS_PIDFD_OPEN 1
#  endif
# endif
#endif

/* glibc and musl have P_PIDFD as an enumerator, which the preprocessor cannot see: glibc since 2.36 at the latest, musl
   since 1.2.0.  Where it exists the macro has the same value and type.  */
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

#ifndef PIDFD_NONBLOCK
# define PIDFD_NONBLOCK O_NONBLOCK
#endif

#if !defined PIDFD_SPAWN_LIBC_HAS_PIDFD_OPEN || defined PIDFD_SPAWN_DEFINE_DECLARED
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

# ifdef PIDFD_SPAWN_DEFINE_DECLARED
}
#  define PIDFD_SPAWN_CALL(declaration) __inline__ __attribute__ ((__visibility__ ("hidden"))) declaration __THROW
# else
#  define PIDFD_SPAWN_CALL(declaration) static __inline__ __attribute__ ((__unused__)) declaration
# endif

/* The numbers are the same on every architecture that glibc and musl share, but for where each convention of mips
   begins to count.  */
# ifndef __mips__
#  define PIDFD_SPAWN_FIRST_CALL 0
# elif _MIPS_SIM == 1 /* o32 */
#  define PIDFD_SPAWN_FIRST_CALL 4000
# elif _MIPS_SIM == 3 /* n64 */
#  define PIDFD_SPAWN_FIRST_CALL 5000
# else
#  define PIDFD_SPAWN_FIRST_CALL 6000
# endif
# ifndef SYS_pidfd_send_signal
#  define SYS_pidfd_send_signal (PIDFD_SPAWN_FIRST_CALL + 424)
# endif
# ifndef SYS_pidfd_open
#  define SYS_pidfd_open (PIDFD_SPAWN_FIRST_CALL + 434)
# endif
# ifndef SYS_pidfd_getfd
#  define SYS_pidfd_getfd (PIDFD_SPAWN_FIRST_CALL + 438)
# endif

/* Gives a pidfd for the process PID, or -1 and errno.  FLAGS is 0 or PIDFD_NONBLOCK (Linux 5.10).  */
PIDFD_SPAWN_CALL (int pidfd_open (pid_t pid, unsigned int flags))
{
  return (int) syscall (SYS_pidfd_open, pid, flags);
}

/* Duplicates descriptor TARGETFD of the process PIDFD names (Linux 5.6); -1 and errno on failure.  FLAGS is 0.  */
PIDFD_SPAWN_CALL (int pidfd_getfd (int pidfd, int targetfd, unsigned int flags))
{
  return (int) syscall (SYS_pidfd_getfd, pidfd, targetfd, flags);
}

# ifdef PIDFD_SPAWN_SIGINFO_T
/* Sends signal SIG, with INFO if it is not NULL, to the process PIDFD names; -1 and errno on failure.  FLAGS is 0.  */
PIDFD_SPAWN_CALL (int pidfd_send_signal (int pidfd, int sig, siginfo_t *info, unsigned int flags))
{
  return (int) syscall (SYS_pidfd_send_signal, pidfd, sig, info, flags);
}
# endif

# if defined __cplusplus && !defined PIDFD_SPAWN_DEFINE_DECLARED
}
# endif
# undef PIDFD_SPAWN_CALL
#endif
#undef PIDFD_SPAWN_DEFINE_DECLARED
#undef PIDFD_SPAWN_LIBC_HAS_PIDFD_OPEN
#undef PIDFD_SPAWN_SIGINFO_T

#if defined __GNUC__
# pragma GCC diagnostic pop
#endif

#endif
