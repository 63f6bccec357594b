/* SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * A program that takes pidfd_spawnp where it finds it, the way Rust's standard library and systemd do: it knows the
 * functions as weak symbols only, is compiled without the library and its header, and falls back to fork when they are
 * missing. Preload the library, and the same binary finds them. With --require their absence makes the exit status 1.
 *
 * Build it as a position-independent executable: otherwise the linker may make a missing weak symbol null for ever. */

#define _GNU_SOURCE

#include <dlfcn.h>
#include <errno.h>
#include <poll.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef SYS_pidfd_open
#define SYS_pidfd_open 434 /* but for mips */
#endif

/* Where a C library has P_PIDFD it is an enumerator, so that no #ifdef can ask for it. */
#define WAIT_PIDFD ((idtype_t) 3)

extern int pidfd_spawnp (int *restrict pidfd, const char *restrict file,
                         const posix_spawn_file_actions_t *restrict actions,
                         const posix_spawnattr_t *restrict attributes, char *const argv[restrict],
                         char *const envp[restrict]) __attribute__ ((weak));
extern pid_t pidfd_getpid (int fd) __attribute__ ((weak));

extern char **environ;

static char *command[] = { (char *) "uname", (char *) "-sr", NULL };

static void
print_provider (void)
{
  Dl_info info;
  if (dladdr ((void *) pidfd_spawnp, &info) != 0)
    printf ("pidfd_spawnp is provided by %s\n", info.dli_fname);
  else
    printf ("pidfd_spawnp is part of this program\n");
}

/* All of these return an error number. */

static int
start_by_spawn (int *pidfd)
{
  int error = pidfd_spawnp (pidfd, command[0], NULL, NULL, command, environ);
  if (error == 0)
    printf ("started %s as process %d, pidfd %d\n", command[0], (int) pidfd_getpid (*pidfd), *pidfd);
  return error;
}

/* pidfd_open names the right process only because nobody else in this program waits for children, and a failed exec
   shows only as exit status 127: two of the reasons for pidfd_spawnp. */
static int
start_by_fork (int *pidfd)
{
  pid_t pid = fork ();
  if (pid == 0)
    {
      execvp (command[0], command);
      _exit (127);
    }
  if (pid < 0)
    return errno;
  *pidfd = (int) syscall (SYS_pidfd_open, pid, 0);
  if (*pidfd < 0)
    {
      int error = errno;
      waitpid (pid, NULL, 0);
      return error;
    }
  printf ("started %s as process %d, pidfd %d\n", command[0], (int) pid, *pidfd);
  return 0;
}

static int
wait_for_end (int pidfd, siginfo_t *info)
{
  struct pollfd entry = { .fd = pidfd, .events = POLLIN };
  while (poll (&entry, 1, -1) < 0)
    if (errno != EINTR)
      return errno;
  return waitid (WAIT_PIDFD, (id_t) pidfd, info, WEXITED) == 0 ? 0 : errno;
}

static int
fail (const char *what, int error)
{
  fprintf (stderr, "weak-client: %s: %s\n", what, strerror (error));
  return 1;
}

int
main (int argc, char **argv)
{
  bool required = argc == 2 && strcmp (argv[1], "--require") == 0;
  if (argc > 1 && !required)
    {
      fprintf (stderr, "usage: %s [--require]\n", argv[0]);
      return 2;
    }
  bool available = pidfd_spawnp && pidfd_getpid;
  /* The child writes to the same place, and in a forked child unwritten lines would appear twice. */
  setvbuf (stdout, NULL, _IOLBF, 0);
  if (available)
    print_provider ();
  else
    printf ("not available: falling back to fork; run with LD_PRELOAD=libpidfd_spawn.so.0\n");

  int pidfd;
  int error = available ? start_by_spawn (&pidfd) : start_by_fork (&pidfd);
  if (error != 0)
    return fail (command[0], error);
  siginfo_t info;
  error = wait_for_end (pidfd, &info);
  close (pidfd);
  if (error != 0)
    return fail ("waiting", error);
  if (info.si_code != CLD_EXITED || info.si_status != 0)
    {
      fprintf (stderr, "weak-client: %s ended with status %d\n", command[0], info.si_status);
      return 1;
    }
  printf ("it ended with exit status 0\n");
  return required && !available ? 1 : 0;
}
