/* SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * <sys/pidfd.h> of glibc 2.39 for programs on an older C library: the library's own, if it has one, then what it lacks.
 * pidfd_getpid is the library's; the other functions are made here from their system calls.  */

#if defined __GNUC__
# pragma GCC system_header
#endif

#ifndef __has_include_next
# error "The overlay of libpidfd_spawn needs gcc 5 or clang; include <pidfd_spawn.h> instead."
#endif

#if __has_include_next (<sys/pidfd.h>)
/* glibc's, up to 2.43 at least, does not say that its functions are C's.  */
# ifdef __cplusplus
extern "C" {
# endif
# include_next <sys/pidfd.h>
# ifdef __cplusplus
}
# endif
/* Nor has it a guard against coming twice, which since 2.43 is an error: it asks for this and does not define it.  */
# if defined __GLIBC__ && !defined _PIDFD_H
#  define _PIDFD_H 1
# endif
# ifndef PIDFD_SPAWN_OVERLAY_SYS_PIDFD_H
#  define PIDFD_SPAWN_OVERLAY_LIBC_HAS_SYS_PIDFD_H 1
/* An older glibc's says nothing, as zig has it.  */
#  if defined __GLIBC__ && defined __GLIBC_PREREQ
#   if !__GLIBC_PREREQ (2, 36)
#    undef PIDFD_SPAWN_OVERLAY_LIBC_HAS_SYS_PIDFD_H
#   endif
#  endif
# endif
#endif

#ifndef PIDFD_SPAWN_OVERLAY_SYS_PIDFD_H
#define PIDFD_SPAWN_OVERLAY_SYS_PIDFD_H

#if defined __GLIBC__ && defined __GLIBC_PREREQ
# if __GLIBC_PREREQ (2, 39)
#  define PIDFD_SPAWN_OVERLAY_COMPLETE 1
# endif
#endif

#ifndef PIDFD_SPAWN_OVERLAY_COMPLETE
/* <linux/fcntl.h>, which <linux/pidfd.h> includes, and the libc's cannot be in one program.  */
# ifndef _LINUX_FCNTL_H
#  include <fcntl.h>
# endif
# include <sys/types.h>
/* For waitid and P_PIDFD.  If P_PIDFD is there already it is that of <linux/wait.h>, with which no libc's header
   agrees.  */
# ifndef P_PIDFD
#  include <sys/wait.h>
# endif
# include <spawn_ext.h>

# ifndef PIDFD_NONBLOCK
#  define PIDFD_NONBLOCK O_NONBLOCK
# endif
#endif

#if !defined PIDFD_SPAWN_OVERLAY_COMPLETE && !defined PIDFD_SPAWN_OVERLAY_LIBC_HAS_SYS_PIDFD_H
# include <signal.h>
/* <signal.h> declares siginfo_t only under some feature macros.  */
# if __has_include (<bits/types/siginfo_t.h>)
#  include <bits/types/siginfo_t.h>
#  define PIDFD_SPAWN_OVERLAY_SIGINFO_T 1
# elif defined SI_USER
#  define PIDFD_SPAWN_OVERLAY_SIGINFO_T 1
# endif
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

/* Older kernels' headers lack the numbers, which are the same on every architecture that glibc and musl share, but for
   where each convention of mips begins to count.  */
# ifndef __mips__
#  define PIDFD_SPAWN_OVERLAY_FIRST_CALL 0
# elif _MIPS_SIM == 1 /* o32 */
#  define PIDFD_SPAWN_OVERLAY_FIRST_CALL 4000
# elif _MIPS_SIM == 3 /* n64 */
#  define PIDFD_SPAWN_OVERLAY_FIRST_CALL 5000
# else
#  define PIDFD_SPAWN_OVERLAY_FIRST_CALL 6000
# endif
# ifndef SYS_pidfd_send_signal
#  define SYS_pidfd_send_signal (PIDFD_SPAWN_OVERLAY_FIRST_CALL + 424)
# endif
# ifndef SYS_pidfd_open
#  define SYS_pidfd_open (PIDFD_SPAWN_OVERLAY_FIRST_CALL + 434)
# endif
# ifndef SYS_pidfd_getfd
#  define SYS_pidfd_getfd (PIDFD_SPAWN_OVERLAY_FIRST_CALL + 438)
# endif

static __inline__ __attribute__ ((__unused__)) int
pidfd_open (pid_t pid, unsigned int flags)
{
  return (int) syscall (SYS_pidfd_open, pid, flags);
}

static __inline__ __attribute__ ((__unused__)) int
pidfd_getfd (int pidfd, int targetfd, unsigned int flags)
{
  return (int) syscall (SYS_pidfd_getfd, pidfd, targetfd, flags);
}

# ifdef PIDFD_SPAWN_OVERLAY_SIGINFO_T
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

#undef PIDFD_SPAWN_OVERLAY_LIBC_HAS_SYS_PIDFD_H
#undef PIDFD_SPAWN_OVERLAY_COMPLETE
#undef PIDFD_SPAWN_OVERLAY_SIGINFO_T

#endif
