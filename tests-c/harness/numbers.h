/* SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * The numbers of system calls that the headers of an older system do not know. */

#ifndef NUMBERS_H
#define NUMBERS_H

#include <sys/syscall.h>

/* The same on every architecture that glibc and musl share, but for where each convention of mips begins to count. */
#ifndef __mips__
# define FIRST_CALL 0
#elif _MIPS_SIM == 1 /* o32 */
# define FIRST_CALL 4000
#elif _MIPS_SIM == 3 /* n64 */
# define FIRST_CALL 5000
#else
# define FIRST_CALL 6000
#endif
#ifndef SYS_pidfd_send_signal
# define SYS_pidfd_send_signal (FIRST_CALL + 424)
#endif
#ifndef SYS_pidfd_open
# define SYS_pidfd_open (FIRST_CALL + 434)
#endif
#ifndef SYS_clone3
# define SYS_clone3 (FIRST_CALL + 435)
#endif
#ifndef SYS_close_range
# define SYS_close_range (FIRST_CALL + 436)
#endif
#ifndef SYS_pidfd_getfd
# define SYS_pidfd_getfd (FIRST_CALL + 438)
#endif
/* What asks for the kind of a file system; some architectures of 64 bits have both. */
#if defined SYS_fstatfs64 && !defined __LP64__
# define FSTATFS SYS_fstatfs64
#else
# define FSTATFS SYS_fstatfs
#endif
/* Newer headers know better. */
_Static_assert (SYS_pidfd_open == FIRST_CALL + 434, "where the numbers begin");

/* Those that came when each architecture still had numbers of its own; RHEL 7 and its like run on these two alone. */
#if defined __x86_64__
enum { OLD_SECCOMP = 317, OLD_GETRANDOM, OLD_MEMFD_CREATE, OLD_EXECVEAT = 322, OLD_STATX = 332 };
#elif defined __aarch64__
enum { OLD_SECCOMP = 277, OLD_GETRANDOM, OLD_MEMFD_CREATE, OLD_EXECVEAT = 281, OLD_STATX = 291 };
#endif
#ifndef SYS_seccomp
# define SYS_seccomp OLD_SECCOMP
#endif
#ifndef SYS_getrandom
# define SYS_getrandom OLD_GETRANDOM
#endif
#ifndef SYS_memfd_create
# define SYS_memfd_create OLD_MEMFD_CREATE
#endif
#ifndef SYS_execveat
# define SYS_execveat OLD_EXECVEAT
#endif
#ifndef SYS_statx
# define SYS_statx OLD_STATX
#endif

#endif
