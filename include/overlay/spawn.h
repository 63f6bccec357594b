/* SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * <spawn.h> of glibc 2.39 for programs on an older C library: the library's own, then pidfd_spawn and pidfd_spawnp if it
 * has them not.  README.md of this folder says how it is used.  */

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
# if defined __GLIBC__ && defined __GLIBC_PREREQ
#  if !__GLIBC_PREREQ (2, 39)
#   include <spawn_ext.h>
#  endif
# else
#  include <spawn_ext.h>
# endif
#endif

#endif
