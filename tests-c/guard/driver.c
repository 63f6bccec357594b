/* SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * Does one thing, once to warm up and once between two marks that the tracer sees: `driver CASE`. */

#include "guard.h"
#include "numbers.h"
#include "request.h"
#include "seccomp.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <pidfd_spawn.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

static char program[] = "/bin/true";
static char *const arguments[] = { program, NULL };
static posix_spawnattr_t attributes;
static posix_spawn_file_actions_t actions;
static int pidfd;
static pid_t pid;
static uintptr_t first, last;

/* The mask and the set of default signals are the same one. */
static void
set_up_attributes (void)
{
  fill_request (&attributes, &actions, NULL);
}

static void *
idle (void *unused)
{
  pause ();
  return unused;
}

static void
start_thread (void)
{
  pthread_t thread;
  if (pthread_create (&thread, NULL, idle, NULL) != 0)
    exit (2);
}

/* As in most containers. */
static void
refuse_clone3 (void)
{
  const struct filter_rule rule = { .call = SYS_clone3, .action = FILTER_ERROR (ENOSYS) };
  if (install_filter (&rule, 1, FILTER_PLAIN) != 0)
    exit (2);
}

static void
start_thread_and_refuse_clone3 (void)
{
  start_thread ();
  refuse_clone3 ();
}

static void
set_path (void)
{
  setenv ("PATH", "/nonexistent/1:/nonexistent/2:/nonexistent/3:/bin", 1);
}

static void
open_own (void)
{
  pidfd = (int) syscall (SYS_pidfd_open, getpid (), 0);
}

static void
open_zombie (void)
{
  pid_t child = fork ();
  if (child == 0)
    _exit (0);
  pidfd = (int) syscall (SYS_pidfd_open, child, 0);
  siginfo_t info;
  waitid (P_PID, (id_t) child, &info, WEXITED);
}

static int
plain (void)
{
  return pidfd_spawn (&pidfd, program, NULL, NULL, arguments, environ);
}

static int
missing (void)
{
  return pidfd_spawn (&pidfd, "/nonexistent", NULL, NULL, arguments, environ) == ENOENT ? 0 : -1;
}

static int
furnished (void)
{
  return pidfd_spawn (&pidfd, program, &actions, &attributes, arguments, environ);
}

static int
searched (void)
{
  return pidfd_spawnp (&pidfd, "true", NULL, NULL, arguments, environ);
}

static int
get (void)
{
  return pidfd_getpid (pidfd) == getpid () ? 0 : -1;
}

static int
get_reaped (void)
{
  return pidfd_getpid (pidfd) == -1 && errno == ESRCH ? 0 : -1;
}

static int
forked (void)
{
  pidfd = pidfd_fork (0);
  return pidfd < 0 ? -1 : 0;
}

static int
forked_asyncsafe (void)
{
  pidfd = pidfd_fork (PIDFDFORK_ASYNCSAFE);
  return pidfd < 0 ? -1 : 0;
}

/* pidfd_spawn_ext, asked for one thing at a time. */

static struct pidfd_spawn_args args;
static int inherited[] = { STDERR_FILENO };
static const struct pidfd_spawn_rlimit limit = { .resource = RLIMIT_CORE };
static const gid_t groups[] = { 65500 };
static sigset_t ignored;

static void
ask_for_search (void)
{
  set_path ();
  args.flags = PIDFD_SPAWN_SEARCH_ENVP;
}

static void
ask_for_descriptor (void)
{
  args.flags = PIDFD_SPAWN_EXEC_FD;
  args.exec_fd = open (program, O_PATH | O_CLOEXEC);
}

static void
ask_for_close_on_exec (void)
{
  args.flags = PIDFD_SPAWN_CLOEXEC_FROM;
  args.cloexec_from = 3;
}

static void
ask_for_inheritance (void)
{
  ask_for_close_on_exec ();
  args.inherit = inherited;
  args.inherit_count = 1;
}

static void
ask_for_limit (void)
{
  args.flags = PIDFD_SPAWN_SETRLIMITS;
  args.limits = &limit;
  args.limit_count = 1;
}

static void
ask_for_umask (void)
{
  args.flags = PIDFD_SPAWN_SETUMASK;
  args.umask = 027;
}

static void
ask_for_ignored_signal (void)
{
  sigemptyset (&ignored);
  sigaddset (&ignored, SIGPIPE);
  args.flags = PIDFD_SPAWN_SETSIGIGNORE;
  args.ignore = &ignored;
}

static posix_spawnattr_t *session;

static void
ask_for_terminal (void)
{
  int master = posix_openpt (O_RDWR | O_NOCTTY | O_CLOEXEC);
  if (master < 0 || grantpt (master) != 0 || unlockpt (master) != 0)
    exit (2);
  posix_spawnattr_init (&attributes);
  posix_spawnattr_setflags (&attributes, POSIX_SPAWN_SETSID);
  session = &attributes;
  args.flags = PIDFD_SPAWN_SETCTTY;
  args.terminal = open (ptsname (master), O_RDWR | O_NOCTTY | O_CLOEXEC);
}

static void
ask_for_groups (void)
{
  args.flags = PIDFD_SPAWN_SETGROUPS;
  args.groups = groups;
  args.group_count = 1;
}

static void
ask_for_no_new_privileges (void)
{
  args.flags = PIDFD_SPAWN_NO_NEW_PRIVS;
}

static void
ask_for_death_signal (void)
{
  /* Without the other, what is asked next depends on the machine's capabilities. */
  args.flags = PIDFD_SPAWN_PDEATHSIG | PIDFD_SPAWN_NO_NEW_PRIVS;
  args.death_signal = SIGTERM;
}

static void
ask_for_user (void)
{
  ask_for_groups ();
  args.flags |= PIDFD_SPAWN_SETGID | PIDFD_SPAWN_SETUID;
  args.gid = args.uid = 65534;
}

static int
extended (void)
{
  const char *file = args.flags & PIDFD_SPAWN_EXEC_FD       ? NULL
                     : args.flags & PIDFD_SPAWN_SEARCH_ENVP ? "true"
                                                            : program;
  return pidfd_spawn_ext (&pidfd, file, NULL, session, arguments, environ, &args, sizeof args);
}

/* pidfd_wait */

static void
make_child (void)
{
  enum { WHILE = 100000 /* microseconds that the call must not take to begin its wait */ };
  int runs[2];
  char byte;
  if (pipe (runs) != 0)
    exit (2);
  pid = fork ();
  if (pid == 0)
    {
      close (runs[1]);
      usleep (WHILE);
      _exit (0);
    }
  /* The tracer must have let it go before the call is watched, or would take it for the call's own. */
  close (runs[1]);
  if (read (runs[0], &byte, 1) != 0)
    exit (2);
  close (runs[0]);
  pidfd = (int) syscall (SYS_pidfd_open, pid, 0);
}

static void
make_ended_child (void)
{
  siginfo_t info;
  make_child ();
  waitid (P_PID, (id_t) pid, &info, WEXITED | WNOWAIT);
}

static void
make_taken_child (void)
{
  make_child ();
  waitpid (pid, NULL, 0);
}

static int
waited (void)
{
  siginfo_t info;
  return pidfd_wait (pidfd, &info, 0, NULL) == 0 && info.si_signo == SIGCHLD ? 0 : -1;
}

static int
by_posix_spawn (void)
{
  int error = posix_spawn (&pid, program, NULL, NULL, arguments, environ);
  pidfd = error ? -1 : (int) syscall (SYS_pidfd_open, pid, 0);
  return error;
}

static int (*libc_pidfd_spawn) (int *, const char *, const posix_spawn_file_actions_t *, const posix_spawnattr_t *,
                                char *const *, char *const *);

static void
find_libcs_own (void)
{
  void *libc = dlopen ("libc.so.6", RTLD_LAZY | RTLD_NOLOAD);
  *(void **) &libc_pidfd_spawn = libc ? dlsym (libc, "pidfd_spawn") : NULL;
}

static int
by_libcs_own (void)
{
  return libc_pidfd_spawn ? libc_pidfd_spawn (&pidfd, program, NULL, NULL, arguments, environ) : -1;
}

static const struct situation {
  const char *name;
  void (*set_up) (void);
  int (*call) (void);
  int makes_child;
  void (*prepare) (void); /* before each call */
} situations[] = {
  { "spawn", NULL, plain, 1, NULL },
  { "spawn-missing-program", NULL, missing, 0, NULL },
  { "spawn-with-attributes-and-actions", set_up_attributes, furnished, 1, NULL },
  { "spawnp-fourth-folder", set_path, searched, 1, NULL },
  { "spawn-among-threads", start_thread, plain, 1, NULL },
  { "spawn-without-clone3", refuse_clone3, plain, 1, NULL },
  { "spawn-without-clone3-among-threads", start_thread_and_refuse_clone3, plain, 1, NULL },
  { "getpid", open_own, get, 0, NULL },
  { "getpid-reaped", open_zombie, get_reaped, 0, NULL },
  { "fork", NULL, forked, 1, NULL },
  { "fork-asyncsafe", NULL, forked_asyncsafe, 1, NULL },
  { "fork-among-threads", start_thread, forked, 1, NULL },
  { "ext", NULL, extended, 1, NULL },
  { "ext-search-of-child", ask_for_search, extended, 1, NULL },
  { "ext-descriptor", ask_for_descriptor, extended, 1, NULL },
  { "ext-close-on-exec", ask_for_close_on_exec, extended, 1, NULL },
  { "ext-inheritance", ask_for_inheritance, extended, 1, NULL },
  { "ext-limit", ask_for_limit, extended, 1, NULL },
  { "ext-umask", ask_for_umask, extended, 1, NULL },
  { "ext-ignored-signal", ask_for_ignored_signal, extended, 1, NULL },
  { "ext-terminal", ask_for_terminal, extended, 1, NULL },
  { "ext-no-new-privileges", ask_for_no_new_privileges, extended, 1, NULL },
  { "ext-death-signal", ask_for_death_signal, extended, 1, NULL },
  { "ext-root-groups", ask_for_groups, extended, 1, NULL },
  { "ext-root-user", ask_for_user, extended, 1, NULL },
  { "wait-ended", NULL, waited, 1, make_ended_child },
  { "wait-running", NULL, waited, 1, make_child },
  { "wait-taken", NULL, waited, 1, make_taken_child },
  { "posix_spawn", NULL, by_posix_spawn, 1, NULL },
  { "libc-pidfd_spawn", find_libcs_own, by_libcs_own, 1, NULL },
};

/* Where the library's code lies. */
static int
find_code (struct dl_phdr_info *info, size_t size, void *function)
{
  (void) size;
  for (int i = 0; i < info->dlpi_phnum; i++)
    {
      const ElfW (Phdr) *part = &info->dlpi_phdr[i];
      uintptr_t start = info->dlpi_addr + part->p_vaddr, wanted = (uintptr_t) function;
      if (part->p_type == PT_LOAD && part->p_flags & PF_X && wanted >= start && wanted < start + part->p_memsz)
        {
          first = start;
          last = start + part->p_memsz;
        }
    }
  return 0;
}

static void
clear (const struct situation *situation)
{
  if (!situation->makes_child)
    return;
  siginfo_t info;
  waitid ((idtype_t) 3 /* P_PIDFD */, (id_t) pidfd, &info, WEXITED);
  close (pidfd);
}

int
main (int argc, char **argv)
{
  const struct situation *situation = situations, *end = situations + sizeof situations / sizeof *situations;
  while (situation < end && (argc != 2 || strcmp (situation->name, argv[1]) != 0))
    situation++;
  if (situation == end)
    {
      for (situation = situations; situation < end; situation++)
        puts (situation->name);
      return argc == 1 ? 0 : 2;
    }
  /* In the library itself: the address of a function can be that of a stub in this program. */
  dl_iterate_phdr (find_code, dlsym (RTLD_DEFAULT, "pidfd_spawn"));
  if (situation->set_up)
    situation->set_up ();

  pidfd = situation->makes_child ? -1 : pidfd;
  if (situation->prepare)
    situation->prepare ();
  if (situation->call () != 0)
    return 3;
  if (situation->makes_child && pidfd == 0)
    _exit (0);
  clear (situation);

  if (situation->prepare)
    situation->prepare ();
  syscall (MARK_BEGIN, first, last);
  int result = situation->call ();
  syscall (MARK_END);
  if (situation->makes_child && pidfd == 0)
    _exit (0);
  clear (situation);
  return result == 0 ? 0 : 3;
}
