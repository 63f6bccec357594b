/* SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * Starting a program: the library, the ways a program has without it, and the floor, which is the two system calls that
 * no implementation can do without. */

#define _GNU_SOURCE

#include "bench.h"
#include "request.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pidfd_spawn.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char *arguments[] = { (char *) "child", NULL };
static char *environment[] = { NULL };

int
spawn_by_library (int *pidfd)
{
  return pidfd_spawn (pidfd, child_path, NULL, NULL, arguments, environment);
}

typedef int posix_function (pid_t *, const char *, const posix_spawn_file_actions_t *, const posix_spawnattr_t *,
                            char *const *, char *const *);

/* The C library's own, past the library that takes their place. */
static posix_function *libc_posix_spawn = posix_spawn, *libc_posix_spawnp = posix_spawnp;

int
spawn_by_posix_spawn (int *pidfd)
{
  pid_t pid;
  int error = libc_posix_spawn (&pid, child_path, NULL, NULL, arguments, environment);
  return error != 0 ? error : open_process (pid, pidfd);
}

int
spawn_by_vfork (int *pidfd)
{
  pid_t pid = vfork ();
  if (pid == 0)
    {
      execve (child_path, arguments, environment);
      _exit (127);
    }
  return pid < 0 ? errno : open_process (pid, pidfd);
}

int
spawn_by_fork (int *pidfd)
{
  pid_t pid = fork ();
  if (pid == 0)
    {
      execve (child_path, arguments, environment);
      _exit (127);
    }
  return pid < 0 ? errno : open_process (pid, pidfd);
}

typedef int spawn_function (int *, const char *, const posix_spawn_file_actions_t *, const posix_spawnattr_t *,
                            char *const *, char *const *);
static spawn_function *libc_pidfd_spawn, *libc_pidfd_spawnp;

void
find_libc_pidfd_spawn (void)
{
  *(void **) &libc_pidfd_spawn = libc_symbol ("pidfd_spawn");
  *(void **) &libc_pidfd_spawnp = libc_symbol ("pidfd_spawnp");
  if (libc_symbol ("posix_spawn"))
    {
      *(void **) &libc_posix_spawn = libc_symbol ("posix_spawn");
      *(void **) &libc_posix_spawnp = libc_symbol ("posix_spawnp");
    }
}

int
spawn_by_libc (int *pidfd)
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
  .name = "spawn",
  .pinned = 1,
  .title = "starting a program, until the call returns",
  .set_up = find_libc_pidfd_spawn,
  .finish = expect_exit,
  .implementation_count = 5,
  .implementations = { [LIBRARY] = { "pidfd_spawn", spawn_by_library },
                   [POSIX_SPAWN] = { "posix_spawn + pidfd_open", spawn_by_posix_spawn },
                   [VFORK_EXEC] = { "vfork + execve + pidfd_open", spawn_by_vfork },
                   [LIBC] = { "the C library's own pidfd_spawn", spawn_by_libc },
                   [FLOOR] = { "bare clone3 + execve (the floor)", by_bare_calls } },
  .comparison_count = 4,
  .comparisons = { { LIBRARY, POSIX_SPAWN }, { LIBRARY, VFORK_EXEC }, { LIBRARY, LIBC }, { LIBRARY, FLOOR } },
};

/* With attributes and file actions */

static posix_spawnattr_t attributes;
static posix_spawn_file_actions_t actions;

void
set_up_attributes (void)
{
  sigset_t none;
  sigemptyset (&none);
  find_libc_pidfd_spawn ();
  fill_request (&attributes, &actions, &none);
}

static void
clear_attributes (void)
{
  posix_spawn_file_actions_destroy (&actions);
  posix_spawnattr_destroy (&attributes);
}

int
furnished_by_library (int *pidfd)
{
  return pidfd_spawn (pidfd, child_path, &actions, &attributes, arguments, environment);
}

static int
furnished_by_libc (int *pidfd)
{
  return libc_pidfd_spawn ? libc_pidfd_spawn (pidfd, child_path, &actions, &attributes, arguments, environment)
                          : ENOSYS;
}

int
furnished_by_posix_spawn (int *pidfd)
{
  pid_t pid;
  int error = libc_posix_spawn (&pid, child_path, &actions, &attributes, arguments, environment);
  return error != 0 ? error : open_process (pid, pidfd);
}

enum { OURS, LIBCS, POSIX };

const struct group attributes_group = {
  .name = "attributes",
  .pinned = 1,
  .title = "starting a program with SETSIGMASK, SETSIGDEF, SETPGROUP and five file actions",
  .set_up = set_up_attributes,
  .tear_down = clear_attributes,
  .finish = expect_exit,
  .implementation_count = 3,
  .implementations = { [OURS] = { "pidfd_spawn", furnished_by_library },
                   [LIBCS] = { "the C library's own pidfd_spawn", furnished_by_libc },
                   [POSIX] = { "posix_spawn + pidfd_open", furnished_by_posix_spawn } },
  .comparison_count = 2,
  .comparisons = { { OURS, LIBCS }, { OURS, POSIX } },
};

/* Through PATH, where the eighth folder has the program */

static char *path_before;

void
set_up_search (void)
{
  char path[PATH_MAX * 2], folder[PATH_MAX];
  find_libc_pidfd_spawn ();
  path_before = getenv ("PATH") ? strdup (getenv ("PATH")) : NULL;
  snprintf (folder, sizeof folder, "%s", child_path);
  *strrchr (folder, '/') = 0;
  snprintf (path, sizeof path, "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/opt/none/bin:/sbin:/bin:%s", folder);
  setenv ("PATH", path, 1);
}

static void
clear_search (void)
{
  if (path_before)
    setenv ("PATH", path_before, 1);
  else
    unsetenv ("PATH");
  free (path_before);
}

static const char *
child_name (void)
{
  return strrchr (child_path, '/') + 1;
}

int
searched_by_library (int *pidfd)
{
  return pidfd_spawnp (pidfd, child_name (), NULL, NULL, arguments, environment);
}

static int
searched_by_libc (int *pidfd)
{
  return libc_pidfd_spawnp ? libc_pidfd_spawnp (pidfd, child_name (), NULL, NULL, arguments, environment) : ENOSYS;
}

int
searched_by_posix_spawnp (int *pidfd)
{
  pid_t pid;
  int error = libc_posix_spawnp (&pid, child_name (), NULL, NULL, arguments, environment);
  return error != 0 ? error : open_process (pid, pidfd);
}

const struct group search_group = {
  .name = "search",
  .pinned = 1,
  .title = "starting a program that is in the eighth folder of PATH",
  .set_up = set_up_search,
  .tear_down = clear_search,
  .finish = expect_exit,
  .implementation_count = 3,
  .implementations = { [OURS] = { "pidfd_spawnp", searched_by_library },
                   [LIBCS] = { "the C library's own pidfd_spawnp", searched_by_libc },
                   [POSIX] = { "posix_spawnp + pidfd_open", searched_by_posix_spawnp } },
  .comparison_count = 2,
  .comparisons = { { OURS, LIBCS }, { OURS, POSIX } },
};

/* With many open descriptors, which the kernel copies for every child */

static void
open_closed_at_exec (void)
{
  open_descriptors (O_CLOEXEC);
}

const struct group descriptors_group = {
  .name = "descriptors",
  .pinned = 1,
  .title = "starting a program from a process with 5,000 open descriptors",
  .set_up = open_closed_at_exec,
  .tear_down = close_descriptors,
  .finish = expect_exit,
  .slowness = 4,
  .implementation_count = 2,
  .implementations = { { "pidfd_spawn", spawn_by_library }, { "bare clone3 + execve (the floor)", by_bare_calls } },
  .comparison_count = 1,
  .comparisons = { { 0, 1 } },
};
