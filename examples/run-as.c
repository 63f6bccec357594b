/* SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * A launcher for daemons:
 *
 *   run-as [-u USER] [-g GROUP[,GROUP...]] [-l RESOURCE=SOFT[:HARD]]... [-m UMASK] COMMAND [ARGUMENT...]
 *
 * Runs the command as the user, by name or number, with the user's groups or with those of -g, of which the first is
 * that of its files; with the resource limits and the file mode creation mask.  The command always gets a session of
 * its own and no descriptor but the first three, can never get privileges back, gets the signals that end or reload a
 * daemon, and does not outlive this program, not even if that is killed: as long as it does not change its own user or
 * group, with which the kernel forgets that, and its own children may.
 *
 * All of it is one call, pidfd_spawn_ext.  There is no moment at which a half-finished child of the user runs our code,
 * a failure of any step is an error here, and the cost does not depend on how large this program is (with an exception
 * for rare callers, see pidfd_spawn_ext(3)).
 *
 * The exit status is that of the command, 128 plus the signal's number when a signal ended it, 125 when this program
 * failed, 126 when the command cannot be executed in this way and 127 when it is not found. */

#define _GNU_SOURCE

#include <pidfd_spawn.h>

#include <errno.h>
#include <grp.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <unistd.h>

extern char **environ;

enum { FAILED = 125, CANNOT_EXECUTE = 126, NOT_FOUND = 127, SIGNALLED = 128 };
enum { MAX_GROUPS = 1024, MAX_LIMITS = 16 };

static gid_t groups[MAX_GROUPS];
static struct pidfd_spawn_rlimit limits[MAX_LIMITS];
static struct pidfd_spawn_args args = { .groups = groups, .limits = limits };

static void __attribute__ ((noreturn))
die (const char *what, const char *why, int status)
{
  fprintf (stderr, "run-as: %s: %s\n", what, why);
  exit (status);
}

static void __attribute__ ((noreturn))
usage (void)
{
  fprintf (stderr, "usage: run-as [-u USER] [-g GROUP[,GROUP...]] [-l RESOURCE=SOFT[:HARD]]... [-m UMASK] "
                   "COMMAND [ARGUMENT...]\n");
  exit (FAILED);
}

static bool
is_number (const char *text, int base, unsigned long long most, unsigned long long *number)
{
  char *end;
  errno = 0;
  *number = strtoull (text, &end, base);
  return *text >= '0' && *text <= '9' && !*end && errno == 0 && *number <= most;
}

/* The user, and the groups of the user. */
static void
set_user (const char *text)
{
  unsigned long long number;
  const struct passwd *user = getpwnam (text);
  if (!user && is_number (text, 10, UINT32_MAX - 1, &number))
    user = getpwuid ((uid_t) number);
  if (!user)
    die (text, "no such user", FAILED);
  int count = MAX_GROUPS;
  if (getgrouplist (user->pw_name, user->pw_gid, groups, &count) < 0)
    die (text, "in too many groups", FAILED);
  args.uid = user->pw_uid;
  args.gid = user->pw_gid;
  args.group_count = (uint32_t) count;
  args.flags |= PIDFD_SPAWN_SETUID | PIDFD_SPAWN_SETGID | PIDFD_SPAWN_SETGROUPS;
}

static void
set_groups (char *text)
{
  uint32_t count = 0;
  for (char *name = strtok (text, ","); name; name = strtok (NULL, ","))
    {
      unsigned long long number;
      const struct group *group = getgrnam (name);
      if (!group && !is_number (name, 10, UINT32_MAX - 1, &number))
        die (name, "no such group", FAILED);
      if (count == MAX_GROUPS)
        die (name, "too many groups", FAILED);
      groups[count++] = group ? group->gr_gid : (gid_t) number;
    }
  if (count == 0)
    usage ();
  args.gid = groups[0];
  args.group_count = count;
  args.flags |= PIDFD_SPAWN_SETGID | PIDFD_SPAWN_SETGROUPS;
}

static uint64_t
parse_limit (const char *text)
{
  unsigned long long number;
  if (strcmp (text, "unlimited") == 0)
    return UINT64_MAX;
  if (!is_number (text, 10, UINT64_MAX, &number))
    usage ();
  return number;
}

/* In the units of setrlimit. */
static void
add_limit (char *text)
{
  static const struct
  {
    const char *name;
    int resource;
  } resources[] = {
    { "as", RLIMIT_AS },         { "core", RLIMIT_CORE },       { "cpu", RLIMIT_CPU },
    { "data", RLIMIT_DATA },     { "fsize", RLIMIT_FSIZE },     { "memlock", RLIMIT_MEMLOCK },
    { "nofile", RLIMIT_NOFILE }, { "nproc", RLIMIT_NPROC },     { "stack", RLIMIT_STACK },
  };
  char *soft = strchr (text, '=');
  if (!soft || args.limit_count == MAX_LIMITS)
    usage ();
  *soft++ = '\0';
  char *hard = strchr (soft, ':');
  if (hard)
    *hard++ = '\0';
  for (size_t index = 0; index < sizeof resources / sizeof *resources; index++)
    if (strcmp (text, resources[index].name) == 0)
      {
        struct pidfd_spawn_rlimit *limit = &limits[args.limit_count++];
        limit->resource = (uint32_t) resources[index].resource;
        limit->soft = parse_limit (soft);
        limit->hard = hard ? parse_limit (hard) : limit->soft;
        args.flags |= PIDFD_SPAWN_SETRLIMITS;
        return;
      }
  die (text, "no such resource", FAILED);
}

static void
set_umask (const char *text)
{
  unsigned long long number;
  if (!is_number (text, 8, 0777, &number))
    usage ();
  args.umask = (uint32_t) number;
  args.flags |= PIDFD_SPAWN_SETUMASK;
}

/* Gives an error number, as the functions of the spawn family do. */
static int
spawn (int *pidfd, char **command, const sigset_t *mask)
{
  args.flags |= PIDFD_SPAWN_SEARCH | PIDFD_SPAWN_CLOEXEC_FROM | PIDFD_SPAWN_NO_NEW_PRIVS | PIDFD_SPAWN_PDEATHSIG;
  args.cloexec_from = STDERR_FILENO + 1;
  args.death_signal = SIGKILL;
  posix_spawnattr_t attributes;
  int error = posix_spawnattr_init (&attributes);
  if (error != 0)
    return error;
  error = posix_spawnattr_setflags (&attributes, POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK);
  if (error == 0)
    error = posix_spawnattr_setsigmask (&attributes, mask);
  if (error == 0)
    error = pidfd_spawn_ext (pidfd, command[0], NULL, &attributes, command, environ, &args, sizeof args);
  posix_spawnattr_destroy (&attributes);
  return error;
}

/* Until the command ends it gets the signals that come for us. */
static void
pass_on_signals (int pidfd, int signals)
{
  struct pollfd entries[] = { { .fd = pidfd, .events = POLLIN }, { .fd = signals, .events = POLLIN } };
  for (;;)
    {
      if (poll (entries, 2, -1) < 0)
        {
          if (errno == EINTR)
            continue;
          die ("poll", strerror (errno), FAILED);
        }
      if (entries[0].revents)
        return;
      struct signalfd_siginfo information;
      if (read (signals, &information, sizeof information) != (ssize_t) sizeof information)
        die ("signalfd", strerror (errno), FAILED);
      if (pidfd_send_signal (pidfd, (int) information.ssi_signo, NULL, 0) != 0)
        fprintf (stderr, "run-as: passing on a signal: %s\n", strerror (errno));
    }
}

int
main (int argc, char **argv)
{
  char *of_groups = NULL;
  for (int option; (option = getopt (argc, argv, "+u:g:l:m:")) != -1;)
    switch (option)
      {
      case 'u':
        set_user (optarg);
        break;
      case 'g':
        of_groups = optarg;
        break;
      case 'l':
        add_limit (optarg);
        break;
      case 'm':
        set_umask (optarg);
        break;
      default:
        usage ();
      }
  if (of_groups)
    set_groups (of_groups);
  char **command = argv + optind;
  if (!*command)
    usage ();

  /* Whoever started this program may have ignored it, and before Linux 6.15 the kernel then keeps no exit status. */
  if (signal (SIGCHLD, SIG_DFL) == SIG_ERR)
    die ("signal", strerror (errno), FAILED);
  static const int passed_on[] = { SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2 };
  sigset_t set, mask;
  sigemptyset (&set);
  for (size_t index = 0; index < sizeof passed_on / sizeof *passed_on; index++)
    sigaddset (&set, passed_on[index]);
  if (sigprocmask (SIG_BLOCK, &set, &mask) != 0)
    die ("sigprocmask", strerror (errno), FAILED);
  int signals = signalfd (-1, &set, SFD_CLOEXEC);
  if (signals < 0)
    die ("signalfd", strerror (errno), FAILED);

  int pidfd;
  int error = spawn (&pidfd, command, &mask);
  if (error != 0)
    die (command[0], strerror (error), error == ENOENT ? NOT_FOUND : CANNOT_EXECUTE);
  pass_on_signals (pidfd, signals);
  siginfo_t info;
  if (pidfd_wait (pidfd, &info, WEXITED, NULL) != 0)
    die ("pidfd_wait", strerror (errno), FAILED);
  return info.si_code == CLD_EXITED ? info.si_status : SIGNALLED + info.si_status;
}
