/* SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * spawn_ext.h: pidfd_spawn, pidfd_spawnp, pidfd_fork and pidfd_getpid.
 *
 * Generated from src/capi/mod.rs by `make header`; do not edit.  Programs include <pidfd_spawn.h>, which also has what
 * is needed to use a pidfd.
 *
 * pidfd_spawn and pidfd_spawnp return the error number, as posix_spawn does; pidfd_fork and pidfd_getpid return -1 and
 * set errno.  ENOSYS from any of them says that there are no pidfds here: that is the time for another way. */

#ifndef PIDFD_SPAWN_EXT_H
#define PIDFD_SPAWN_EXT_H

#include <spawn.h>
#include <sys/types.h>

/* The words of the C library's own headers where it has them, so that declaring a function twice is no conflict. */
#if defined __THROW
# define PIDFD_SPAWN_NOTHROW __THROW
#elif defined __cplusplus && __cplusplus >= 201103L
# define PIDFD_SPAWN_NOTHROW noexcept (true)
#elif defined __cplusplus
# define PIDFD_SPAWN_NOTHROW throw ()
#elif defined __GNUC__
# define PIDFD_SPAWN_NOTHROW __attribute__ ((__nothrow__))
#else
# define PIDFD_SPAWN_NOTHROW
#endif
/* pidfd_fork calls back into the program's own pthread_atfork handlers. */
#if defined __THROWNL
# define PIDFD_SPAWN_NOTHROW_CALLBACK __THROWNL
#else
# define PIDFD_SPAWN_NOTHROW_CALLBACK PIDFD_SPAWN_NOTHROW
#endif
#if defined __GNUC__
# define PIDFD_SPAWN_NONNULL(parameters) __attribute__ ((__nonnull__ parameters))
#else
# define PIDFD_SPAWN_NONNULL(parameters)
#endif
#if defined PIDFD_NONBLOCK && defined __GLIBC__ && defined __GLIBC_PREREQ
# if __GLIBC_PREREQ (2, 39)
#  define PIDFD_SPAWN_GETPID_OF_CPLUSPLUS 1
# endif
#endif

/**
 * Flag of pidfd_fork: run no pthread_atfork handler, so that the call is async-signal-safe.
 */
#ifndef PIDFDFORK_ASYNCSAFE
# define PIDFDFORK_ASYNCSAFE (1U << 1)
#endif

#ifdef __cplusplus
extern "C" {
#endif /* __cplusplus */

/**
 * Starts the program at PATH in a new process and returns a pidfd for it.
 *
 * Like posix_spawn, but the child is identified by a file descriptor, which can never come to mean another process.
 * It can be used with poll, for which it is readable when the process has ended, with waitid and P_PIDFD, and with
 * pidfd_send_signal.  When the process ends, its parent gets SIGCHLD, as always, and has to wait for it.
 *
 * Before the program is executed, the attributes take effect, then the file actions in their order, then the signal
 * mask.  Signals for which the caller has a handler get their default action, and ignored signals stay ignored.
 *
 * PARAMETERS
 *   pidfd  Where the descriptor is stored.  It is close-on-exec, and the caller has to close it.  May be NULL: then
 *          the child is made and no descriptor is left open.  Untouched on failure.
 *   path   The program.  A relative path is resolved after the file actions.  Not NULL.
 *   facts  File actions made with the posix_spawn_file_actions_* functions of the C library, performed in the order
 *          in which they were added.  Only read: they can be used again, or destroyed after the call.  May be NULL.
 *   attrp  Attributes made with its posix_spawnattr_* functions; likewise.  May be NULL.
 *   argv   The argument strings, terminated by NULL; the first is the program's name for itself.  Not NULL.
 *   envp   The environment strings, terminated by NULL.  NULL means an empty environment; environ is the caller's own.
 *
 * RETURN VALUE
 *   0, and errno as it was; otherwise a positive error number (never -1), which is also stored in errno.  After an
 *   error there is no child, not even a zombie, and no new descriptor.  If a signal kills the child before it has
 *   executed the program, the call succeeds and the wait status tells of the signal.
 *
 * ERRORS
 *   In starting the program, those of execve, among them:
 *   E2BIG         The arguments and the environment are too large.
 *   EACCES        No permission to execute the file, or to search a directory of its path; or it is not a file.
 *   ENOENT        The file, or the interpreter that it names, does not exist.
 *   ENOEXEC       The file is in a format that the kernel does not execute.  It is never handed to a shell.
 *   ELOOP, ENAMETOOLONG, ENOTDIR, ETXTBSY, EIO, EISDIR, ELIBBAD, EPERM
 *   In making the process:
 *   EAGAIN        The limit on the number of processes or threads is reached.
 *   EMFILE        No descriptor is free in the process.  No child was made.
 *   ENFILE        No more files can be open in the system.
 *   ENOMEM        Not enough memory.
 *   ENOSYS        The kernel has no complete pidfd interface (Linux 5.4), or the C library stores its attributes and
 *                 file actions in an unknown way.
 *   In the attributes and file actions:
 *   EINVAL        A flag or a file action is unknown; a scheduling policy, priority or process group is not valid;
 *                 the cgroup is negative.
 *   EOPNOTSUPP    A cgroup is asked for, and the kernel cannot start a process in one (Linux 5.7, clone3).
 *   EBADF         A file action names a descriptor that is not open, or that cannot be one; or the cgroup's is not
 *                 open.
 *   EPERM, ESRCH, EBUSY, ENODEV, ENOTTY and what open, dup2, chdir, fchdir, tcsetpgrp, setpgid, setsid,
 *                 sched_setscheduler and setresuid return.  The call does not tell which action failed.
 *
 * SAFETY
 *   MT-Safe (race: the objects that the arguments point to, and the environment, must not be changed during the call).
 *   Takes no lock and allocates nothing, but is not promised to be async-signal-safe.  No cancellation point:
 *   cancellation never acts inside the call.  Needs 2 KiB of stack, including what the child uses
 *   (on s390x 3 KiB, on loongarch64 6 KiB; without optimisation, as in a debug build of the crate, 6 KiB).
 *
 * ORIGIN
 *   glibc 2.39, with the same signature and meaning; POSIX.1-2024 for posix_spawn.
 */
int pidfd_spawn(int *__restrict pidfd,
                const char *__restrict path,
                const posix_spawn_file_actions_t *__restrict facts,
                const posix_spawnattr_t *__restrict attrp,
                char *const *__restrict argv,
                char *const *__restrict envp) PIDFD_SPAWN_NONNULL ((2, 5));

/**
 * Like pidfd_spawn, but looks for FILE in the directories listed in PATH.
 *
 * PATH is that of the caller's environment, not of ENVP; where it is not set, the C library's default PATH is
 * searched.  An empty element is the current directory.  A name that contains a slash is not searched for.  The
 * search goes on after EACCES, ENOENT, ENOTDIR, ESTALE, ENODEV and ETIMEDOUT; any other error ends it.
 *
 * PARAMETERS
 *   file   The program's name.  Not NULL.
 *   pidfd, facts, attrp, argv, envp
 *          As for pidfd_spawn.
 *
 * RETURN VALUE
 *   As pidfd_spawn: 0 or a positive error number.
 *
 * ERRORS
 *   As pidfd_spawn, and:
 *   EACCES        Nothing could be executed, and at least one file was found without permission to execute it.
 *   ENOENT        No directory has the file, or its name is empty.
 *   ENOTDIR, ESTALE, ENODEV, ETIMEDOUT
 *                 The error of the last directory, where no other error applies.
 *   ENAMETOOLONG  The name is longer than a file name can be.
 *
 * SAFETY
 *   As pidfd_spawn.  Needs 6 KiB of stack (on s390x 7 KiB, on loongarch64 10 KiB; without optimisation 10 KiB).
 *
 * ORIGIN
 *   glibc 2.39; POSIX.1-2024 for posix_spawnp.
 */
int pidfd_spawnp(int *__restrict pidfd,
                 const char *__restrict file,
                 const posix_spawn_file_actions_t *__restrict facts,
                 const posix_spawnattr_t *__restrict attrp,
                 char *const *__restrict argv,
                 char *const *__restrict envp) PIDFD_SPAWN_NONNULL ((2, 5));

/**
 * Makes a copy of the calling process, as fork does, and returns a pidfd for it.
 *
 * With FLAGS 0 it is fork: the handlers of pthread_atfork run as they do under fork, and the child may go on to use
 * the whole C library.  With PIDFDFORK_ASYNCSAFE it is _Fork: no handler runs, and a child of a process with several
 * threads may only call async-signal-safe functions.  The child has one thread, the caller's, with the caller's
 * signal mask, and copies of all its descriptors; the pidfd is not among them.
 *
 * The child returns from the call only when the parent has its pidfd, which refers to this child and no other process,
 * whoever waits for children meanwhile.  If the parent ends first, or executes another program, the child ends too.
 *
 * PARAMETERS
 *   flags  0 or PIDFDFORK_ASYNCSAFE.
 *
 * RETURN VALUE
 *   In the parent the child's pidfd, which is close-on-exec and never 0, and which the caller has to close; in the
 *   child 0.  On failure -1 with errno set; then there is no child, and none has returned from the call.  On success
 *   errno is as it was.
 *
 * ERRORS
 *   EINVAL        A flag is unknown.
 *   EAGAIN        The limit on the number of processes or threads is reached.
 *   EMFILE        No two descriptors are free in the process: the call needs two for a moment, with numbers of 3 and
 *                 above.  No child was made.
 *   ENFILE        No more files can be open in the system.
 *   ENOMEM        Not enough memory.
 *   ENOSYS        The kernel has no complete pidfd interface (Linux 5.4), or a sandbox refuses a part of it; or, with
 *                 PIDFDFORK_ASYNCSAFE, the C library has no _Fork and keeps a thread's ID in an unknown place.
 *   ESRCH         The child was killed before the parent had its pidfd, or gave no answer within ten seconds where
 *                 the parent needed one.
 *
 * SAFETY
 *   MT-Safe.  Async-signal-safe with PIDFDFORK_ASYNCSAFE.  No cancellation point: cancellation never acts inside the
 *   call.  (In a process with one thread, the very first request in its life, if a handler of pthread_atfork makes it,
 *   acts at that handler's next cancellation point, as under fork.)  Needs 2 KiB of stack besides what the C library's
 *   own function needs.
 *
 * ORIGIN
 *   The interface proposed for glibc in 2023, where it was not included; fork and _Fork of POSIX.1-2024.
 */
int pidfd_fork(unsigned int flags) PIDFD_SPAWN_NOTHROW_CALLBACK;

/**
 * Returns the process ID of the process to which a pidfd refers.
 *
 * PARAMETERS
 *   fd     A pidfd, from whatever source.  It is left unchanged.
 *
 * RETURN VALUE
 *   The process ID as seen in the caller's PID namespace, also that of a zombie.  For the pidfd of a thread, the
 *   thread's ID.  On failure -1 with errno set.  On success errno is as it was.  The ID refers to that process only
 *   until the process is waited for.
 *
 * ERRORS
 *   EBADF         The descriptor is negative, not open, or not a pidfd.
 *   EREMOTE       The process has no ID in the caller's PID namespace.
 *   ESRCH         The process has ended and was waited for.
 *   Only before Linux 6.13 and in sandboxes, where procfs is needed:
 *   ENOENT        procfs is not mounted on /proc.
 *   EMFILE, ENFILE, ENOMEM
 *                 procfs cannot be read without a free descriptor or memory.
 *   EACCES        The process has changed its user and is not dumpable: before Linux 5.14, such a process cannot
 *                 read its own /proc/self/fdinfo.
 *
 * SAFETY
 *   MT-Safe, async-signal-safe.  No cancellation point: cancellation never acts inside the call.  Needs 2 KiB of
 *   stack (without optimisation 4 KiB).
 *
 * ORIGIN
 *   glibc 2.39.
 */
#if defined __cplusplus && defined PIDFD_SPAWN_GETPID_OF_CPLUSPLUS
}
/* glibc's <sys/pidfd.h> may have been included, which does not say that this is a function of C. */
extern pid_t pidfd_getpid(int fd) PIDFD_SPAWN_NOTHROW __asm__ ("pidfd_getpid");
extern "C" {
#else
pid_t pidfd_getpid(int fd) PIDFD_SPAWN_NOTHROW;
#endif

#ifdef __cplusplus
}
#endif  /* __cplusplus */

/* The cgroup that the child is born in, as glibc 2.39 has it.  The shared library gives these to every libc, and has
 * its posix_spawn and posix_spawnp honour the flag; the archive does not. */
#ifndef POSIX_SPAWN_SETCGROUP
# define POSIX_SPAWN_SETCGROUP 0x100
# if defined __THROW
#  define PIDFD_SPAWN_LIBC_NOTHROW __THROW
# else
#  define PIDFD_SPAWN_LIBC_NOTHROW
# endif
# ifdef __cplusplus
extern "C" {
# endif
/* Stores in *CGROUP the descriptor of the cgroup v2 directory that ATTR holds.  Gives 0. */
extern int posix_spawnattr_getcgroup_np (const posix_spawnattr_t *attr, int *cgroup) PIDFD_SPAWN_LIBC_NOTHROW;
/* Has ATTR hold the descriptor CGROUP, which counts if the flag POSIX_SPAWN_SETCGROUP is set.  Gives 0. */
extern int posix_spawnattr_setcgroup_np (posix_spawnattr_t *attr, int cgroup) PIDFD_SPAWN_LIBC_NOTHROW;
# ifdef __cplusplus
}
# endif
# undef PIDFD_SPAWN_LIBC_NOTHROW
#endif

#undef PIDFD_SPAWN_NOTHROW
#undef PIDFD_SPAWN_NOTHROW_CALLBACK
#undef PIDFD_SPAWN_NONNULL
#undef PIDFD_SPAWN_GETPID_OF_CPLUSPLUS

#endif  /* PIDFD_SPAWN_EXT_H */
