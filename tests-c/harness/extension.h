/* SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * What the tests of pidfd_spawn_ext and pidfd_wait share. */

#ifndef EXTENSION_H
#define EXTENSION_H

#include "runner.h"

/* Before gcc 11 also where members are named, if one of them is an address. */
#pragma GCC diagnostic ignored "-Wmissing-field-initializers"

/* ARGS (.flags = PIDFD_SPAWN_SETUMASK, .umask = 022) is the address of such arguments. */
#define ARGS(...) (&(const struct pidfd_spawn_args) { __VA_ARGS__ })

/* The call under test, with the test's own environment and all of the arguments. */
static inline int
spawn_ext (int *pidfd, const char *file, const posix_spawn_file_actions_t *actions,
           const posix_spawnattr_t *attributes, char *const argv[], const struct pidfd_spawn_args *args)
{
  return pidfd_spawn_ext (pidfd, file, actions, attributes, argv, environ, args, sizeof *args);
}

/* What a failed call must not touch. */
enum { UNTOUCHED = -7 };

/* This result, also in errno, and nothing left: no child, no descriptor, no mapping, *pidfd as it was.  CALL uses
   `pidfd`, and allocates nothing. */
#define CHECK_EXT_FAILS(call, error)                                                                                   \
  do                                                                                                                   \
    {                                                                                                                  \
      static struct snapshot before_, after_;                                                                          \
      int pidfd = UNTOUCHED;                                                                                           \
      take_snapshot (&before_, true);                                                                                  \
      errno = 0;                                                                                                       \
      int got_ = (call), errno_ = errno;                                                                               \
      take_snapshot (&after_, true);                                                                                   \
      check_ext_failed_at (__FILE__, __LINE__, #call, got_, errno_, error, pidfd, &before_, &after_);                  \
    }                                                                                                                  \
  while (0)

static inline void
check_ext_failed_at (const char *file, int line, const char *call, int got, int got_errno, int error, int pidfd,
                     const struct snapshot *before, const struct snapshot *after)
{
  if (got != error || got_errno != error)
    test_fail (file, line, "%s is %d with errno %d, wanted %d in both", call, got, got_errno, error);
  if (pidfd != UNTOUCHED)
    test_fail (file, line, "%s failed and stored %d", call, pidfd);
  const char *difference = compare_snapshots (before, after);
  if (difference)
    test_fail (file, line, "%s: %s", call, difference);
  check_no_child_at (file, line);
}

/* Whether the library under test has no instructions of its own.  Then it never calls clone3, and a change of user
   copies the memory, whoever the caller is. */
static inline bool
calls_libc (void)
{
#if (defined __x86_64__ && !defined __ILP32__) || defined __i386__ || defined __aarch64__ || defined __arm__           \
  || (defined __riscv && __riscv_xlen == 64) || defined __loongarch_lp64 || defined __s390x__ || defined __powerpc__   \
  || (defined __mips__ && (_MIPS_SIM == _ABI64 || _MIPS_SIM == _ABIO32)) || (defined __sparc__ && defined __arch64__)
  return getenv ("GENERIC_INSTRUCTIONS") != NULL;
#else
  return true;
#endif
}

static inline void
need_own_instructions (void)
{
  if (calls_libc ())
    SKIP ("the library has no instructions of its own here, and copies the memory");
}

/* Skips the test where clone3 makes no child as the library asks for it. */
static inline void
need_plain_clone3 (void)
{
  /* struct clone_args as of Linux 5.3: flags, three places, the exit signal, the stack and thread-local storage. */
  uint64_t arguments[8] = { [0] = 1ULL << 32 /* CLONE_CLEAR_SIGHAND */, [4] = SIGCHLD };
  pid_t pid = (pid_t) syscall (SYS_clone3, arguments, sizeof arguments);
  if (pid == 0)
    _exit (0);
  if (pid < 0)
    SKIP ("no clone3: %s", strerror (errno));
  CHECK_EQ (waitpid (pid, NULL, 0), pid);
}

/* Whether SETUID can ask for the own user; not so where a user namespace has no number for it. */
static inline bool
can_set_own_user (void)
{
  return setresuid (getuid (), geteuid (), (uid_t) -1) == 0;
}

/* A program that stays until it is killed. */
static inline char **
sleep_argv (void)
{
  static char *argv[] = { (char *) "sleep", (char *) "1000", NULL };
  return argv;
}

static inline void
kill_and_reap (int pidfd)
{
  CHECK (sys_pidfd_send_signal (pidfd, SIGKILL, NULL, 0) == 0);
  CHECK_KILLED (pidfd, SIGKILL);
}

/* What follows "NAME:" and blanks in /proc/PID/status. */
static inline char *
status_of (pid_t pid, const char *name)
{
  char *text = read_file (format ("/proc/%d/status", (int) pid)), *line = strstr (text, format ("\n%s:", name));
  if (!line)
    SKIP ("/proc does not tell %s", name);
  line += 1 + strlen (name) + 1;
  line += strspn (line, " \t");
  line[strcspn (line, "\n")] = 0;
  return line;
}

#endif
