/* SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * <sys/wait.h> of glibc 2.36 for programs on an older C library: the library's own, then P_PIDFD if it has it not.  */

#if defined __GNUC__
# pragma GCC system_header
#endif

#include_next <sys/wait.h>

#ifndef PIDFD_SPAWN_OVERLAY_SYS_WAIT_H
#define PIDFD_SPAWN_OVERLAY_SYS_WAIT_H

/* C libraries have it as an enumerator, which the preprocessor cannot see.  So it may be that this hides one, of the
   same value and type; it must not come before it.  <linux/wait.h> has a macro.  */
#ifndef P_PIDFD
# if defined __GLIBC__ && defined __GLIBC_PREREQ
#  if !__GLIBC_PREREQ (2, 36)
#   define P_PIDFD ((idtype_t) 3)
#  endif
# else
#  define P_PIDFD ((idtype_t) 3)
# endif
#endif

#endif
