/* SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * <spawn.h> of glibc 2.39 for programs on an older C library: the library's own, then pidfd_spawn, pidfd_spawnp and
 * what sets a cgroup if it has them not, and two names of POSIX.1-2024.  README.md of this folder says how it is
 * used.  */

/* Found by -I, it would not count as a system header, and -pedantic would warn of #include_next.  */
#if defined __GNUC__
# pragma GCC system_header
#endif

/* Not behind the guard below: the next folder may hold an overlay of another version of the library.  */
#include_next <spawn.h>

#ifndef PIDFD_SPAWN_OVERLAY_SPAWN_H
#define PIDFD_SPAWN_OVERLAY_SPAWN_H

/* Where the names may be seen is as in glibc 2.39, whose word for it is __USE_MISC; the others are musl's.  */
#if defined __USE_MISC || defined _GNU_SOURCE || defined _BSD_SOURCE
# define PIDFD_SPAWN_OVERLAY_EXTENSIONS 1
# if defined __GLIBC__ && defined __GLIBC_PREREQ
#  if !__GLIBC_PREREQ (2, 39)
#   include <spawn_ext.h>
#  endif
# else
#  include <spawn_ext.h>
# endif
#endif

/* The names that POSIX gave in 2024 to functions which glibc has since 2.29 and musl since 1.1.24.  Where the C library
   declares them itself, which glibc does not up to 2.43 at least, this is only a second declaration.  */
#if defined __GNUC__ && (defined PIDFD_SPAWN_OVERLAY_EXTENSIONS || _POSIX_C_SOURCE >= 202405L)
# if defined __GLIBC__ && defined __GLIBC_PREREQ
#  if __GLIBC_PREREQ (2, 29)
#   define PIDFD_SPAWN_OVERLAY_CHDIR 1
#  endif
# else
#  define PIDFD_SPAWN_OVERLAY_CHDIR 1
# endif
#endif
#ifdef PIDFD_SPAWN_OVERLAY_CHDIR
# if !defined __THROW
#  define PIDFD_SPAWN_OVERLAY_NAMED(name) __asm__ (name)
# elif defined __cplusplus
#  define PIDFD_SPAWN_OVERLAY_NAMED(name) __THROW __asm__ (name)
# else
#  define PIDFD_SPAWN_OVERLAY_NAMED(name) __asm__ (name) __THROW
# endif
# ifdef __cplusplus
extern "C" {
# endif
extern int posix_spawn_file_actions_addchdir (posix_spawn_file_actions_t *__restrict, const char *__restrict)
  PIDFD_SPAWN_OVERLAY_NAMED ("posix_spawn_file_actions_addchdir_np");
extern int posix_spawn_file_actions_addfchdir (posix_spawn_file_actions_t *, int)
  PIDFD_SPAWN_OVERLAY_NAMED ("posix_spawn_file_actions_addfchdir_np");
# ifdef __cplusplus
}
# endif
# undef PIDFD_SPAWN_OVERLAY_NAMED
#endif
#undef PIDFD_SPAWN_OVERLAY_CHDIR
#undef PIDFD_SPAWN_OVERLAY_EXTENSIONS

#endif
