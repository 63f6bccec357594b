/* SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * spawn_ext.h: pidfd_spawn, pidfd_spawnp, pidfd_spawn_ext, pidfd_wait, pidfd_fork and pidfd_getpid.
 *
 * Generated from src/capi by `make header`; do not edit.  Programs include <pidfd_spawn.h>, which also has what
 * is needed to use a pidfd; one that has a pidfd_open of its own includes this.
 *
 * The spawn functions return the error number, as posix_spawn does; pidfd_wait, pidfd_fork and pidfd_getpid return -1
 * and set errno.  ENOSYS says that there are no pidfds here: that is the time for another way.  From pidfd_spawn_ext it
 * can also be the answer of a step that a sandbox refuses. */

#ifndef PIDFD_SPAWN_EXT_H
#define PIDFD_SPAWN_EXT_H

#include <signal.h>
#include <spawn.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/types.h>

/* A newer C library has declared some of what follows already. */
#if defined __GNUC__
# pragma GCC diagnostic push
# pragma GCC diagnostic ignored "-Wredundant-decls"
#endif

/* <signal.h> declares siginfo_t, and defines SI_USER, only under some feature macros. */
#if defined SI_USER
# define PIDFD_SPAWN_SIGINFO_T 1
#elif defined __has_include
# if __has_include (<bits/types/siginfo_t.h>)
#  include <bits/types/siginfo_t.h>
#  define PIDFD_SPAWN_SIGINFO_T 1
# endif
#endif
#if defined PIDFD_SPAWN_SIGINFO_T
# define PIDFD_SPAWN_SIGINFO siginfo_t
#else
# define PIDFD_SPAWN_SIGINFO void
#endif

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
#if defined __cplusplus && defined PIDFD_NONBLOCK && !defined PIDFD_SPAWN_OVERLAY_SYS_PIDFD_H \
    && defined __GLIBC__ && defined __GLIBC_PREREQ
# if __GLIBC_PREREQ (2, 39)
#  define PIDFD_SPAWN_GETPID_OF_CPLUSPLUS 1
# endif
#endif

/**
 * Flag of pidfd_spawn_ext: FILE is looked for in PATH, as pidfd_spawnp does.
 */
#define PIDFD_SPAWN_SEARCH (1 << 0)

/**
 * FILE is looked for in the PATH of ENVP, or where that has none in the C library's default.
 */
#define PIDFD_SPAWN_SEARCH_ENVP (1 << 1)

/**
 * The program is the file that the descriptor `exec_fd` refers to.
 */
#define PIDFD_SPAWN_EXEC_FD (1 << 2)

/**
 * Descriptors from `cloexec_from` on are not inherited, but for those in `inherit`.
 */
#define PIDFD_SPAWN_CLOEXEC_FROM (1 << 3)

/**
 * The resource limits in `limits` are set.
 */
#define PIDFD_SPAWN_SETRLIMITS (1 << 4)

/**
 * The file mode creation mask is `umask`.
 */
#define PIDFD_SPAWN_SETUMASK (1 << 5)

/**
 * The signals in `ignore` are ignored.
 */
#define PIDFD_SPAWN_SETSIGIGNORE (1 << 6)

/**
 * `terminal` becomes the controlling terminal.
 */
#define PIDFD_SPAWN_SETCTTY (1 << 7)

/**
 * The child is born in the cgroup whose directory is `cgroup`.
 */
#define PIDFD_SPAWN_CGROUP (1 << 8)

/**
 * Where the kernel cannot do that, the child moves there itself, first of all.
 */
#define PIDFD_SPAWN_CGROUP_MAY_MOVE (1 << 9)

/**
 * The supplementary groups are `groups`.
 */
#define PIDFD_SPAWN_SETGROUPS (1 << 10)

/**
 * All group IDs are `gid`.
 */
#define PIDFD_SPAWN_SETGID (1 << 11)

/**
 * All user IDs are `uid`.
 */
#define PIDFD_SPAWN_SETUID (1 << 12)

/**
 * No execve gives privileges any more.
 */
#define PIDFD_SPAWN_NO_NEW_PRIVS (1 << 13)

/**
 * The child gets `death_signal` when the thread that started it ends.
 */
#define PIDFD_SPAWN_PDEATHSIG (1 << 14)

/**
 * The child leaves no zombie and sends no SIGCHLD; pidfd_wait tells its status.
 */
#define PIDFD_SPAWN_AUTOREAP (1 << 15)

/**
 * The child is killed when the last copy of its pidfd is closed; implies PIDFD_SPAWN_AUTOREAP.
 */
#define PIDFD_SPAWN_KILL_ON_CLOSE (1 << 16)

/**
 * Flag of pidfd_fork: run no pthread_atfork handler, so that the call is async-signal-safe.
 */
#ifndef PIDFDFORK_ASYNCSAFE
# define PIDFDFORK_ASYNCSAFE (1U << 1)
#endif

/**
 * A resource limit for PIDFD_SPAWN_SETRLIMITS.
 */
struct pidfd_spawn_rlimit {
  /**
   * RLIMIT_NOFILE and so on.
   */
  uint32_t resource;
  /**
   * 0.
   */
  uint32_t reserved;
  /**
   * Where all bits are set there is no limit, whatever the C library's RLIM_INFINITY.
   */
  uint64_t soft;
  /**
   * Likewise.
   */
  uint64_t hard;
};

/**
 * What pidfd_spawn_ext is to do besides.  A member counts only if its flag is set.
 */
struct pidfd_spawn_args {
  /**
   * PIDFD_SPAWN_SEARCH and so on.
   */
  uint64_t flags;
  /**
   * EXEC_FD
   */
  int exec_fd;
  /**
   * CLOEXEC_FROM: the lowest descriptor that is not inherited.
   */
  int cloexec_from;
  /**
   * CLOEXEC_FROM: descriptors that are inherited all the same.
   */
  const int *inherit;
  /**
   * SETRLIMITS
   */
  const struct pidfd_spawn_rlimit *limits;
  /**
   * CLOEXEC_FROM: how many `inherit` has.
   */
  uint32_t inherit_count;
  /**
   * SETRLIMITS: how many `limits` has.
   */
  uint32_t limit_count;
  /**
   * SETSIGIGNORE
   */
  const sigset_t *ignore;
  /**
   * SETUMASK
   */
  uint32_t umask;
  /**
   * SETCTTY: a descriptor of the caller.
   */
  int terminal;
  /**
   * CGROUP: a descriptor of the cgroup's directory.
   */
  int cgroup;
  /**
   * SETGROUPS: how many `groups` has.
   */
  uint32_t group_count;
  /**
   * SETGROUPS
   */
  const gid_t *groups;
  /**
   * SETGID
   */
  uint32_t gid;
  /**
   * SETUID
   */
  uint32_t uid;
  /**
   * PDEATHSIG
   */
  int death_signal;
  /**
   * 0.
   */
  uint32_t reserved;
};

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
 *   (3 KiB on mips of 64 bits and powerpc64, 4 KiB on s390x and sparc64; 4 KiB more where the
 *   library has no instructions for the architecture, 6 KiB more without optimisation, as in a debug build of the
 *   crate).
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
 *   As pidfd_spawn, but needs 4 KiB more of stack.
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
 *                 PIDFDFORK_ASYNCSAFE, the C library has no _Fork and keeps records that only its fork renews (glibc
 *                 before 2.25, musl before 1.2.2), or may keep some, as in a fully static program of
 *                 glibc before 2.34.
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
 *   Only where procfs is needed: before Linux 6.13, before 6.16 for a process whose parent has no ID in the caller's
 *   PID namespace, and in sandboxes:
 *   ENOENT        procfs is not mounted on /proc.
 *   EMFILE, ENFILE, ENOMEM
 *                 procfs cannot be read without a free descriptor or memory.
 *   EACCES        The process has changed its user and is not dumpable: before Linux 5.14, such a process cannot
 *                 read its own /proc/thread-self/fdinfo.
 *
 * SAFETY
 *   MT-Safe, async-signal-safe.  No cancellation point: cancellation never acts inside the call.  Needs 2 KiB of
 *   stack (without optimisation 6 KiB).
 *
 * ORIGIN
 *   glibc 2.39.
 */
#if defined PIDFD_SPAWN_GETPID_OF_CPLUSPLUS
}
/* glibc's <sys/pidfd.h> may have been included, which does not say that this is a function of C. */
# ifndef __clang__
extern pid_t pidfd_getpid(int fd) PIDFD_SPAWN_NOTHROW __asm__ ("pidfd_getpid");
# else
/* For clang it is too late for another name if the program has called it already. */
extern "C" pid_t pidfd_spawn_getpid(int fd) PIDFD_SPAWN_NOTHROW __asm__ ("pidfd_getpid");
extern __inline__ __attribute__ ((__gnu_inline__, __always_inline__)) pid_t
pidfd_getpid(int fd) PIDFD_SPAWN_NOTHROW
{
  return pidfd_spawn_getpid(fd);
}
# endif
extern "C" {
#else
pid_t pidfd_getpid(int fd) PIDFD_SPAWN_NOTHROW;
#endif

/**
 * Waits for the process to which a pidfd refers, and tells how it ended even if somebody else has waited for it.
 *
 * For a child of the caller it is waitid with P_PIDFD.  Where the process is no child, where its status was taken by
 * a wait for any child, where SIGCHLD is ignored or PIDFD_SPAWN_AUTOREAP was given, it waits on the pidfd and gets the
 * exit status from the kernel (Linux 6.15).  The kernel tells it when the process's parent has waited for it, so a
 * zombie of another process counts as not yet ended for as long as its parent lets it lie.  Of a process whose first
 * thread ended before the others the kernel then tells the status of that thread.
 *
 * PARAMETERS
 *   pidfd    A pidfd, from whatever source.
 *   info     Filled as waitid does: si_signo SIGCHLD, si_code CLD_EXITED, CLD_KILLED or CLD_DUMPED, si_status, si_pid
 *            and si_uid; the last two are 0 where nobody knows them any more.  May be NULL.
 *   options  WNOHANG: do not wait.  WNOWAIT: leave a child's status where it is.  WSTOPPED, WCONTINUED: tell as well
 *            of a child that was stopped or continued; of another process that is not told.  WEXITED is implied.
 *   usage    What the process has used, where waitid has news of a child; zeroes where nobody knows that any more;
 *            unchanged where there is nothing to tell.  May be NULL.  It is written as the kernel does, in machine
 *            words; the header converts it for C programs with wider times, and nothing does so for Rust.
 *
 * RETURN VALUE
 *   0, and errno as it was; with WNOHANG also if the process has not ended, and then si_signo and si_pid are 0.
 *   On failure -1 with errno set, and *info and *usage are unchanged.
 *
 * ERRORS
 *   EINVAL        An option is unknown; looked at before the descriptor.  Or the process is no child, and the limit on
 *                 descriptors is 0.
 *   EBADF         The descriptor is negative, not open, or not a pidfd.
 *   ECHILD        The process is no child, or its status was taken, and the kernel does not tell it: before Linux
 *                 6.15, or because the process is out of sight in another PID namespace.
 *   EINTR         A signal handler ran; with SA_RESTART only where the process is no child.
 *   EAGAIN        The pidfd was opened with PIDFD_NONBLOCK, the process has not ended, and WNOHANG is not given.
 *   ENOSYS        The kernel cannot wait for pidfds: before Linux 5.4.
 *
 * SAFETY
 *   MT-Safe: any number of threads may wait for the same process; each gets the status, and the one that takes it the
 *   usage (with WNOWAIT, each that finds it).
 *   A cancellation point; a thread that is cancelled has taken no status.  Needs 2 KiB of stack (without optimisation
 *   6 KiB).
 *
 * ORIGIN
 *   This library's own.
 */
int pidfd_wait(int pidfd,
               PIDFD_SPAWN_SIGINFO *info,
               int options,
               struct rusage *usage);

/**
 * Starts a program as pidfd_spawn does, and does before what programs otherwise fork for.
 *
 * ARGS says what, by its flags.  The child does it in this order: signal dispositions (default, then ignored),
 * scheduling, session and process group, controlling terminal, POSIX_SPAWN_RESETIDS, file mode creation mask,
 * close-on-exec marks, file actions, resource limits, groups, group IDs, user IDs, no_new_privs, death signal, signal
 * mask.  Nothing is ever left out: what the kernel cannot do is an error, and no program runs.
 *
 * A child that gets another user does not endanger the caller: it stays as dumpable as it was, and a process
 * of the new user can read nothing of it.  If the caller has CAP_KILL, such a process can delay the call by a second
 * of stops that are seen, and the last steps by ten seconds whatever is seen; but without limit in the file actions
 * after POSIX_SPAWN_RESETIDS, if another thread takes the news of stops.  Ambient capabilities of a caller that is not
 * root stay.
 *
 * PARAMETERS
 *   pidfd  As for pidfd_spawn; with PIDFD_SPAWN_KILL_ON_CLOSE not NULL.
 *   file   The program's path, or its name with PIDFD_SPAWN_SEARCH and PIDFD_SPAWN_SEARCH_ENVP; NULL with
 *          PIDFD_SPAWN_EXEC_FD and only then.
 *   facts, attrp, argv, envp
 *          As for pidfd_spawn.
 *   args   What is asked for besides.  Only read.  NULL, with a SIZE of 0: nothing (but a change of the user by
 *          POSIX_SPAWN_RESETIDS is made as with arguments).
 *   size   sizeof (struct pidfd_spawn_args), or PIDFD_SPAWN_ARGS_SIZE_VER0 and so on for an older one; in bytes.
 *
 * RETURN VALUE
 *   As pidfd_spawn: 0 or a positive error number, which is also stored in errno.
 *
 * ERRORS
 *   As pidfd_spawn and pidfd_spawnp, and before any child exists:
 *   EINVAL        A flag is unknown; or SIZE is below 8, or does not reach the members of a flag.  Two of SEARCH,
 *                 SEARCH_ENVP and EXEC_FD.  FILE is NULL without EXEC_FD, or not NULL with it.  KILL_ON_CLOSE with a
 *                 NULL pidfd.  SETCTTY without POSIX_SPAWN_SETSID.  CGROUP beside a POSIX_SPAWN_SETCGROUP of another
 *                 descriptor.  CGROUP_MAY_MOVE without CGROUP.  A negative descriptor, a umask beyond 0777, a death
 *                 signal outside 1 to 64 (mips: 128), an ID of -1, NULL where a count is not 0 or with SETSIGIGNORE,
 *                 more than 65,536 groups, a resource that is none, something in a reserved member.
 *   EFAULT        ARGS is NULL and SIZE is not 0.
 *   E2BIG         SIZE is beyond 4096, or ARGS has something in members that this library does not know.
 *   EOPNOTSUPP    The kernel, or a sandbox, cannot do what CGROUP (without CGROUP_MAY_MOVE), AUTOREAP or KILL_ON_CLOSE
 *                 asks for.
 *   EPERM         KILL_ON_CLOSE without NO_NEW_PRIVS, by a caller that lacks CAP_SYS_ADMIN; PDEATHSIG for another
 *                 user, by a caller that lacks CAP_KILL.
 *   EMFILE, ENFILE
 *                 A change of the user takes three descriptors more for a moment where the caller's memory has to be
 *                 copied: for a dumpable caller, all of whose group IDs are the program's and which may set no others
 *                 or whose user namespace has no others, where a cgroup is asked for, in a few sandboxes, and for
 *                 the few other callers that the manual page names.
 *   From the child, with the number that the system call gave:
 *   EPERM, EINVAL, EAGAIN, ENOTTY, EBADF, EACCES, EBUSY and others
 *                 of setgroups, setresgid, setresuid, prlimit, ioctl (TIOCSCTTY), and opening and writing
 *                 cgroup.procs.  EBADF also for a descriptor of `inherit` that is not open, and for a `cgroup` that
 *                 is no directory of cgroup v2.
 *   EOPNOTSUPP    PDEATHSIG where the exec takes the signal away: the real, the effective or the file-system ID
 *                 differ; or root lacks a capability of its bounding set, and may gain it.
 *   ENOENT        A script by EXEC_FD through a descriptor that is close-on-exec, as CLOEXEC_FROM may make it.
 *
 * SAFETY
 *   As pidfd_spawn.  Needs 12 KiB of stack (16 KiB on s390x, sparc64 and powerpc64 with big-endian numbers; 4 KiB
 *   more where the library has no instructions for the architecture; without optimisation 24 KiB).
 *   For as long as a call that changes the user lasts, other threads see the process as not dumpable, and a process
 *   that one of them forks stays so.  Two copies of the library in one process (the archive or the crate in plugins)
 *   do not know of each other's calls: of those that change the user, only one copy's may run at a time.
 *
 * ORIGIN
 *   This library's own.
 */
int pidfd_spawn_ext(int *__restrict pidfd,
                    const char *__restrict file,
                    const posix_spawn_file_actions_t *__restrict facts,
                    const posix_spawnattr_t *__restrict attrp,
                    char *const *__restrict argv,
                    char *const *__restrict envp,
                    const struct pidfd_spawn_args *__restrict args,
                    size_t size) PIDFD_SPAWN_NONNULL ((5));

#ifdef __cplusplus
}
#endif  /* __cplusplus */

/* The size of struct pidfd_spawn_args when it was new. */
#define PIDFD_SPAWN_ARGS_SIZE_VER0 (sizeof (void *) == 8 ? 88 : 72)
typedef char pidfd_spawn_args_has_its_size[sizeof (struct pidfd_spawn_args) == PIDFD_SPAWN_ARGS_SIZE_VER0 ? 1 : -1];
typedef char pidfd_spawn_rlimit_has_its_size[sizeof (struct pidfd_spawn_rlimit) == 24 ? 1 : -1];

#if __SIZEOF_LONG__ == 4 \
    && (defined __USE_TIME_BITS64 || defined __USE_TIME64_REDIRECTS || defined _REDIR_TIME64 || defined __riscv)
/* The times of struct rusage are wider here than those of the kernel, which pidfd_wait stores. */
static __inline int
pidfd_wait_time64 (int pidfd, PIDFD_SPAWN_SIGINFO *info, int options, struct rusage *usage)
{
  /* A number of microseconds that no kernel stores: it stays where there is nothing to tell. */
  long kernels[18] = { 0, -1 };
  int result = pidfd_wait (pidfd, info, options, usage ? (struct rusage *) (void *) kernels : 0);
# if defined __GNUC__
  /* So that no compiler warns of what then is uninitialized. */
  __asm__ ("" : : "r" (usage) : "memory");
# endif
  if (usage && kernels[1] != -1)
    {
      usage->ru_utime.tv_sec = kernels[0];
      usage->ru_utime.tv_usec = kernels[1];
      usage->ru_stime.tv_sec = kernels[2];
      usage->ru_stime.tv_usec = kernels[3];
      usage->ru_maxrss = kernels[4];
      usage->ru_ixrss = kernels[5];
      usage->ru_idrss = kernels[6];
      usage->ru_isrss = kernels[7];
      usage->ru_minflt = kernels[8];
      usage->ru_majflt = kernels[9];
      usage->ru_nswap = kernels[10];
      usage->ru_inblock = kernels[11];
      usage->ru_oublock = kernels[12];
      usage->ru_msgsnd = kernels[13];
      usage->ru_msgrcv = kernels[14];
      usage->ru_nsignals = kernels[15];
      usage->ru_nvcsw = kernels[16];
      usage->ru_nivcsw = kernels[17];
    }
  return result;
}
# define pidfd_wait pidfd_wait_time64
#endif

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
/* Stores in *CGROUP the descriptor of the cgroup v2 directory that ATTR holds.  Gives 0, or
 * ENOSYS where the library does not know the C library, and that has no such function. */
extern int posix_spawnattr_getcgroup_np (const posix_spawnattr_t *attr, int *cgroup) PIDFD_SPAWN_LIBC_NOTHROW;
/* Has ATTR hold the descriptor CGROUP, which counts if the flag POSIX_SPAWN_SETCGROUP is set.  Gives
 * the same. */
extern int posix_spawnattr_setcgroup_np (posix_spawnattr_t *attr, int cgroup) PIDFD_SPAWN_LIBC_NOTHROW;
# ifdef __cplusplus
}
# endif
# undef PIDFD_SPAWN_LIBC_NOTHROW
#endif

#undef PIDFD_SPAWN_SIGINFO
#undef PIDFD_SPAWN_NOTHROW
#undef PIDFD_SPAWN_NOTHROW_CALLBACK
#undef PIDFD_SPAWN_NONNULL
#undef PIDFD_SPAWN_GETPID_OF_CPLUSPLUS

#if defined __GNUC__
# pragma GCC diagnostic pop
#endif

#endif  /* PIDFD_SPAWN_EXT_H */
