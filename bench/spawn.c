/* SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * Starting a program: the library, the ways a program has without it, and the floor, which is the two system calls that
 * no implementation can do without. */

#define _GNU_SOURCE

#include "bench.h"

#include <errno.h>
#include <pidfd_spawn.h>
#include <signal.h>
#include <stdint.h>
#include <unistd.h>

static char *arguments[] = { (char *) "child", NULL };
static char *environment[] = { NULL };

static int
by_library (int *pidfd)
{
  return pidfd_spawn (pidfd, child_path, NULL, NULL, arguments, environment);
}

static int
by_posix_spawn (int *pidfd)
{
  pid_t pid;
  int error = posix_spawn (&pid, child_path, NULL, NULL, arguments, environment);
  return error != 0 ? error : open_process (pid, pidfd);
}

static int
by_vfork (int *pidfd)
{
  pid_t pid = vfork ();
  if (pid == 0)
    {
      execve (child_path, arguments, environment);
      _exit (127);
    }
  return pid < 0 ? errno : open_process (pid, pidfd);
}

static int (*libc_pidfd_spawn) (int *, const char *, const posix_spawn_file_actions_t *, const posix_spawnattr_t *,
                                char *const *, char *const *);

static void
find_libc_pidfd_spawn (void)
{
  *(void **) &libc_pidfd_spawn = libc_symbol ("pidfd_spawn");
}

static int
by_libc_pidfd_spawn (int *pidfd)
{
  return libc_pidfd_spawn ? libc_pidfd_spawn (pidfd, child_path, NULL, NULL, arguments, environment) : ENOSYS;
}

#ifdef __x86_64__

/* Defined here because the kernel's headers and the C library's disagree about who declares CLONE_VM. */
struct clone3_arguments
{
  uint64_t flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls;
};

enum { VM = 0x100, PIDFD = 0x1000, VFORK = 0x4000 };
#define CLEAR_SIGHAND 0x100000000

/* The child needs no stack of its own: it goes from one system call to the next with everything in registers, and the
   parent is suspended meanwhile. */
static int
by_bare_calls (int *pidfd)
{
  struct clone3_arguments clone3 = {
    .flags = VM | VFORK | PIDFD | CLEAR_SIGHAND, .pidfd = (uintptr_t) pidfd, .exit_signal = SIGCHLD
  };
  long result = 435; /* clone3 */
  register const char *path __asm__ ("r8") = child_path;
  register char **argv __asm__ ("r9") = arguments;
  __asm__ volatile ("syscall\n\t"
                    "test %%rax, %%rax\n\t"
                    "jnz 1f\n\t"
                    "mov %%r8, %%rdi\n\t"
                    "mov %%r9, %%rsi\n\t"
                    "mov $59, %%eax\n\t" /* execve */
                    "syscall\n\t"
                    "mov $127, %%edi\n\t"
                    "mov $231, %%eax\n\t" /* exit_group */
                    "syscall\n"
                    "1:"
                    : "+a"(result)
                    : "D"(&clone3), "S"(sizeof clone3), "d"(environment), "r"(path), "r"(argv)
                    : "rcx", "r11", "cc", "memory");
  return result < 0 ? (int) -result : 0;
}

#else

static int
by_bare_calls (int *pidfd)
{
  (void) pidfd;
  return ENOSYS;
}

#endif

enum { LIBRARY, POSIX_SPAWN, VFORK_EXEC, LIBC, FLOOR };

const struct group spawn_group = {
  .title = "starting a program, until the call returns",
  .set_up = find_libc_pidfd_spawn,
  .finish = expect_exit,
  .contestant_count = 5,
  .contestants = { [LIBRARY] = { "pidfd_spawn", by_library },
                   [POSIX_SPAWN] = { "posix_spawn + pidfd_open", by_posix_spawn },
                   [VFORK_EXEC] = { "vfork + execve + pidfd_open", by_vfork },
                   [LIBC] = { "the C library's own pidfd_spawn", by_libc_pidfd_spawn },
                   [FLOOR] = { "bare clone3 + execve (the floor)", by_bare_calls } },
  .comparison_count = 4,
  .comparisons = { { LIBRARY, POSIX_SPAWN }, { LIBRARY, VFORK_EXEC }, { LIBRARY, LIBC }, { LIBRARY, FLOOR } },
};
