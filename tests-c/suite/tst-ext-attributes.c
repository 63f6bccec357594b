/* SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * What the program of pidfd_spawn_ext is given besides its descriptors: limits, umask, ignored signals, a controlling
 * terminal, no_new_privs and a death signal; and in which order. */

#include "extension.h"

#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <termios.h>

#define BIT(signal_) (1ULL << ((signal_) - 1))

enum { NOBODY = 65534 };

static posix_spawnattr_t
attributes_with (int flags)
{
  posix_spawnattr_t attributes;
  CHECK_EQ (posix_spawnattr_init (&attributes), 0);
  CHECK_EQ (posix_spawnattr_setflags (&attributes, (short) flags), 0);
  return attributes;
}

static posix_spawn_file_actions_t
new_actions (void)
{
  posix_spawn_file_actions_t actions;
  CHECK_EQ (posix_spawn_file_actions_init (&actions), 0);
  return actions;
}

#define CHECK_RUNS(actions, attributes, argv, args, status)                                                            \
  do                                                                                                                   \
    {                                                                                                                  \
      int pidfd = UNTOUCHED;                                                                                           \
      CHECK_EQ (spawn_ext (&pidfd, self_path, actions, attributes, argv, args), 0);                                    \
      CHECK_EXIT (pidfd, status);                                                                                      \
    }                                                                                                                  \
  while (0)

/* A sleeping program that was started so. */
static int
start (const posix_spawnattr_t *attributes, const struct pidfd_spawn_args *args)
{
  int pidfd = UNTOUCHED;
  CHECK_EQ (spawn_ext (&pidfd, "/bin/sleep", NULL, attributes, sleep_argv (), args), 0);
  return pidfd;
}

static struct process_state
state_with (const posix_spawnattr_t *attributes, const struct pidfd_spawn_args *args)
{
  int pidfd = start (attributes, args);
  struct process_state state = state_of (pid_of (pidfd));
  kill_and_reap (pidfd);
  return state;
}

/* ---- Limits ---- */

#define LIMITS(...)                                                                                                    \
  ARGS (.flags = PIDFD_SPAWN_SETRLIMITS, .limits = (const struct pidfd_spawn_rlimit[]) { __VA_ARGS__ },                \
        .limit_count = sizeof (struct pidfd_spawn_rlimit[]) { __VA_ARGS__ } / sizeof (struct pidfd_spawn_rlimit))

/* Resource, soft and hard limit, again and again. */
CHILD (has_limits)
{
  for (int i = 0; i + 2 < argc; i += 3)
    {
      uint64_t limit[2];
      if (syscall (SYS_prlimit64, 0, atoi (argv[i]), NULL, limit) != 0)
        return 100;
      if (limit[0] != strtoull (argv[i + 1], NULL, 10) || limit[1] != strtoull (argv[i + 2], NULL, 10))
        return 50 + i;
    }
  return 0;
}

static char *
number (unsigned long long value)
{
  return format ("%llu", value);
}

TEST (limits_of_the_program)
{
  uint64_t before[2], after[2];
  CHECK (syscall (SYS_prlimit64, 0, RLIMIT_FSIZE, NULL, before) == 0);
  CHECK_RUNS (NULL, NULL,
              child_argv ("has_limits", number (RLIMIT_CORE), "0", "0", number (RLIMIT_FSIZE), "4096", "8192",
                          number (RLIMIT_NOFILE), "50", "60", NULL),
              LIMITS ({ RLIMIT_CORE, 0, 0, 0 }, { RLIMIT_FSIZE, 0, 4096, 8192 }, { RLIMIT_NOFILE, 0, 50, 60 }), 0);
  CHECK (syscall (SYS_prlimit64, 0, RLIMIT_FSIZE, NULL, after) == 0);
  CHECK (memcmp (before, after, sizeof before) == 0);
  CHECK_RUNS (NULL, NULL,
              child_argv ("has_limits", number (RLIMIT_FSIZE), number (before[0]), number (before[1]), NULL),
              ARGS (.flags = PIDFD_SPAWN_SETRLIMITS), 0);
}

static void
set_wide_limit (void *limit)
{
  const uint64_t *wanted = limit;
  uint64_t kept[2];
  CHECK (syscall (SYS_prlimit64, 0, RLIMIT_FSIZE, wanted, NULL) == 0);
  CHECK (syscall (SYS_prlimit64, 0, RLIMIT_FSIZE, NULL, kept) == 0);
  if (kept[0] != wanted[0])
    SKIP ("this kernel's limits have 32 bits");
}

/* 64 bits of them, whatever the libc's RLIM_INFINITY; here the hard limit may already be lower. */
TEST (limits_are_wide)
{
  uint64_t own[2], wide[2] = { (1ULL << 32) + 7, UINT64_MAX };
  CHECK (syscall (SYS_prlimit64, 0, RLIMIT_FSIZE, NULL, own) == 0);
  if (own[1] != UINT64_MAX)
    SKIP ("the size of files is limited");
  CHECK_EQ (in_fork (set_wide_limit, wide), 0);
  CHECK_RUNS (NULL, NULL,
              child_argv ("has_limits", number (RLIMIT_FSIZE), number (wide[0]), number (wide[1]), NULL),
              LIMITS ({ RLIMIT_FSIZE, 0, wide[0], wide[1] }), 0);
}

TEST (last_of_two_limits_counts)
{
  CHECK_RUNS (NULL, NULL, child_argv ("has_limits", number (RLIMIT_NOFILE), "50", "60", NULL),
              LIMITS ({ RLIMIT_NOFILE, 0, 60, 70 }, { RLIMIT_NOFILE, 0, 50, 60 }), 0);
}

TEST (limits_that_the_kernel_refuses)
{
  CHECK_EXT_FAILS (spawn_ext (&pidfd, "/bin/true", NULL, NULL, sleep_argv (), LIMITS ({ RLIMIT_CORE, 0, 2, 1 })),
                   EINVAL);
  CHECK_EXT_FAILS (spawn_ext (&pidfd, "/bin/true", NULL, NULL, sleep_argv (),
                              LIMITS ({ RLIMIT_CORE, 0, 0, 0 }, { RLIMIT_FSIZE, 0, 2, 1 })),
                   EINVAL);
}

TEST_LEAVING (limits_beyond_the_hard_one)
{
  need_root ();
  struct rlimit low = { 1, 1 };
  CHECK (setrlimit (RLIMIT_CORE, &low) == 0);
  CHECK (setresuid (NOBODY, NOBODY, NOBODY) == 0);
  CHECK_EXT_FAILS (spawn_ext (&pidfd, "/bin/true", NULL, NULL, sleep_argv (), LIMITS ({ RLIMIT_CORE, 0, 1, 2 })),
                   EPERM);
}

TEST (limit_of_descriptors_comes_after_the_actions)
{
  posix_spawn_file_actions_t actions = new_actions ();
  posix_spawn_file_actions_adddup2 (&actions, STDIN_FILENO, 30);
  posix_spawn_file_actions_addopen (&actions, 31, "/dev/null", O_RDONLY, 0);
  CHECK_RUNS (&actions, NULL, child_argv ("has_limits", number (RLIMIT_NOFILE), "20", "20", NULL),
              LIMITS ({ RLIMIT_NOFILE, 0, 20, 20 }), 0);
  posix_spawn_file_actions_destroy (&actions);
}

/* The arguments have to fit a quarter of the stack, or 128 KiB. */
TEST (limit_that_forbids_the_exec)
{
  char *big = malloc (100000), **argv = child_argv ("has_limits", big, big, NULL);
  memset (big, '1', 99999);
  big[99999] = 0;
  CHECK_EXT_FAILS (spawn_ext (&pidfd, self_path, NULL, NULL, argv, LIMITS ({ RLIMIT_STACK, 0, 65536, 65536 })), E2BIG);
  CHECK_RUNS (NULL, NULL, argv, LIMITS ({ RLIMIT_STACK, 0, 8 << 20, 8 << 20 }), 0);
  free (big);
}

/* ---- umask ---- */

CHILD (has_umask)
{
  return umask (0) == (mode_t) strtol (argv[0], NULL, 8) ? 0 : 1;
}

TEST (umask_of_the_program)
{
  static const uint32_t masks[] = { 0, 022, 027, 0777 };
  for (size_t i = 0; i < sizeof masks / sizeof *masks; i++)
    CHECK_RUNS (NULL, NULL, child_argv ("has_umask", format ("%o", masks[i]), NULL),
                ARGS (.flags = PIDFD_SPAWN_SETUMASK, .umask = masks[i]), 0);
}

TEST (umask_is_seen_by_the_actions)
{
  char *path = test_path ("made");
  posix_spawn_file_actions_t actions = new_actions ();
  posix_spawn_file_actions_addopen (&actions, 30, path, O_WRONLY | O_CREAT, 0666);
  mode_t before = umask (022);
  CHECK_RUNS (&actions, NULL, child_argv ("has_umask", "057", NULL),
              ARGS (.flags = PIDFD_SPAWN_SETUMASK, .umask = 057), 0);
  CHECK_EQ (umask (before), 022);
  struct stat status;
  CHECK (stat (path, &status) == 0);
  CHECK_EQ (status.st_mode & 0777, 0620);
  posix_spawn_file_actions_destroy (&actions);
}

/* ---- Ignored signals ---- */

#define IGNORE(set) ARGS (.flags = PIDFD_SPAWN_SETSIGIGNORE, .ignore = set)

TEST (ignored_signals)
{
  sigset_t set = SIGNALS (SIGINT, SIGUSR1, SIGPIPE);
  struct process_state own = state_of (getpid ());
  CHECK_EQ (own.ignored, 0);
  CHECK_EQ (state_with (NULL, IGNORE (&set)).ignored, BIT (SIGINT) | BIT (SIGUSR1) | BIT (SIGPIPE));
  CHECK_EQ (state_of (getpid ()).ignored, 0);
  sigemptyset (&set);
  CHECK_EQ (state_with (NULL, IGNORE (&set)).ignored, 0);
}

/* SIGKILL and SIGSTOP cannot be ignored, which is no reason to fail. */
TEST (all_signals_ignored)
{
  sigset_t set;
  sigfillset (&set);
  uint64_t wanted = ~(BIT (SIGKILL) | BIT (SIGSTOP)), kept_by_libc = 0;
  for (int signal = 32; signal <= 34; signal++)
    if (sigismember (&set, signal) != 1)
      kept_by_libc |= BIT (signal);
  CHECK_EQ (state_with (NULL, IGNORE (&set)).ignored, wanted & ~kept_by_libc);
  memset (&set, 0xff, sizeof set);
  CHECK_EQ (state_with (NULL, IGNORE (&set)).ignored, wanted);
  set = SIGNALS (SIGKILL);
  CHECK_EQ (state_with (NULL, IGNORE (&set)).ignored, 0);
}

static void
handle (int signal)
{
  (void) signal;
}

/* First the defaults, then what is ignored; what the caller ignores stays so. */
TEST_LEAVING (ignored_after_default)
{
  sigset_t ignored = SIGNALS (SIGUSR2, SIGTERM, SIGHUP), defaults = SIGNALS (SIGUSR1, SIGUSR2, SIGQUIT);
  posix_spawnattr_t attributes = attributes_with (POSIX_SPAWN_SETSIGDEF);
  CHECK_EQ (posix_spawnattr_setsigdefault (&attributes, &defaults), 0);
  signal (SIGUSR1, SIG_IGN);
  signal (SIGINT, SIG_IGN);
  signal (SIGHUP, handle);
  signal (SIGALRM, handle);
  static struct snapshot before, after;
  take_snapshot (&before, true);
  struct process_state state = state_with (&attributes, IGNORE (&ignored));
  take_snapshot (&after, true);
  CHECK_EQ (state.ignored, BIT (SIGUSR2) | BIT (SIGTERM) | BIT (SIGHUP) | BIT (SIGINT));
  CHECK_EQ (state.caught, 0);
  const char *difference = compare_snapshots (&before, &after);
  if (difference)
    FAIL ("%s", difference);
  posix_spawnattr_destroy (&attributes);
}

/* ---- Controlling terminal ---- */

/* The terminal is this one, and the program leads its session. */
CHILD (has_terminal)
{
  int fd = atoi (argv[0]);
  if (getsid (0) != getpid ())
    return 1;
  if (tcgetsid (fd) != getpid ())
    return 2;
  if (tcgetpgrp (fd) != getpid ())
    return 3;
  int own = open ("/dev/tty", O_RDWR);
  return own >= 0 ? 0 : 4;
}

struct pty {
  int master, terminal;
};

static struct pty
open_pty (int flags)
{
  struct pty pty = { posix_openpt (O_RDWR | O_NOCTTY | O_CLOEXEC), -1 };
  if (pty.master < 0 || grantpt (pty.master) != 0 || unlockpt (pty.master) != 0)
    SKIP ("no pseudo terminals: %s", strerror (errno));
  pty.terminal = open (ptsname (pty.master), O_RDWR | O_NOCTTY | flags);
  if (pty.terminal < 0)
    SKIP ("no pseudo terminals: %s", strerror (errno));
  return pty;
}

static void
close_pty (struct pty pty)
{
  CHECK (close (pty.master) == 0 && close (pty.terminal) == 0);
}

#define TERMINAL(fd) ARGS (.flags = PIDFD_SPAWN_SETCTTY, .terminal = fd)

TEST (terminal_of_the_program)
{
  posix_spawnattr_t attributes = attributes_with (POSIX_SPAWN_SETSID);
  struct pty pty = open_pty (0);
  CHECK_RUNS (NULL, &attributes, child_argv ("has_terminal", number ((unsigned int) pty.terminal), NULL),
              TERMINAL (pty.terminal), 0);
  close_pty (pty);
  posix_spawnattr_destroy (&attributes);
}

/* Without the flag it is none. */
TEST (terminal_without_the_flag)
{
  posix_spawnattr_t attributes = attributes_with (POSIX_SPAWN_SETSID);
  struct pty pty = open_pty (0);
  CHECK_RUNS (NULL, &attributes, child_argv ("has_terminal", number ((unsigned int) pty.terminal), NULL),
              ARGS (.flags = PIDFD_SPAWN_SETUMASK, .terminal = pty.terminal), 2);
  close_pty (pty);
  posix_spawnattr_destroy (&attributes);
}

/* The usual request: the terminal becomes the standard descriptors too. */
TEST (terminal_that_actions_duplicate)
{
  posix_spawnattr_t attributes = attributes_with (POSIX_SPAWN_SETSID);
  struct pty pty = open_pty (O_CLOEXEC);
  posix_spawn_file_actions_t actions = new_actions ();
  posix_spawn_file_actions_adddup2 (&actions, pty.terminal, STDIN_FILENO);
  posix_spawn_file_actions_adddup2 (&actions, pty.terminal, 30);
  posix_spawn_file_actions_addclose (&actions, pty.terminal);
  CHECK_RUNS (&actions, &attributes, child_argv ("has_terminal", "0", NULL), TERMINAL (pty.terminal), 0);
  close_pty (pty);
  posix_spawn_file_actions_destroy (&actions);
  posix_spawnattr_destroy (&attributes);
}

/* It is the caller's descriptor, whatever the actions put there. */
TEST (terminal_whose_number_an_action_takes)
{
  posix_spawnattr_t attributes = attributes_with (POSIX_SPAWN_SETSID);
  struct pty pty = open_pty (O_CLOEXEC);
  int other = open ("/dev/null", O_RDONLY | O_CLOEXEC);
  posix_spawn_file_actions_t actions = new_actions ();
  posix_spawn_file_actions_adddup2 (&actions, pty.terminal, STDIN_FILENO);
  posix_spawn_file_actions_adddup2 (&actions, other, pty.terminal);
  CHECK_RUNS (&actions, &attributes, child_argv ("has_terminal", "0", NULL), TERMINAL (pty.terminal), 0);
  /* And not that which they put there. */
  posix_spawn_file_actions_adddup2 (&actions, pty.terminal, other);
  CHECK_EXT_FAILS (spawn_ext (&pidfd, "/bin/true", &actions, &attributes, sleep_argv (), TERMINAL (other)), ENOTTY);
  CHECK (close (other) == 0);
  close_pty (pty);
  posix_spawn_file_actions_destroy (&actions);
  posix_spawnattr_destroy (&attributes);
}

/* With close-on-exec marks, which come later. */
TEST (terminal_that_is_not_inherited)
{
  posix_spawnattr_t attributes = attributes_with (POSIX_SPAWN_SETSID);
  struct pty pty = open_pty (0);
  posix_spawn_file_actions_t actions = new_actions ();
  posix_spawn_file_actions_adddup2 (&actions, pty.terminal, STDIN_FILENO);
  CHECK_RUNS (&actions, &attributes, child_argv ("has_terminal", "0", NULL),
              ARGS (.flags = PIDFD_SPAWN_SETCTTY | PIDFD_SPAWN_CLOEXEC_FROM, .terminal = pty.terminal,
                    .cloexec_from = 3),
              0);
  close_pty (pty);
  posix_spawn_file_actions_destroy (&actions);
  posix_spawnattr_destroy (&attributes);
}

/* As a getty does, which tries again: the end of the leader of its session would hang up the terminal. */
static void
await_the_end_of_the_terminal (void *move)
{
  posix_spawnattr_t attributes = attributes_with (POSIX_SPAWN_SETSID);
  struct pty pty = open_pty (0);
  posix_spawn_file_actions_t actions = new_actions ();
  posix_spawn_file_actions_adddup2 (&actions, pty.terminal, move ? STDIN_FILENO : 20);
  posix_spawn_file_actions_addclose (&actions, move ? pty.terminal : 20);
  /* That the child does it is seen by its end. */
  SET_FILTER ({ SYS_ioctl, move ? 0 : 1, ALL_BITS, move ? STDIN_FILENO : TIOCNOTTY, FILTER_KILL });
  int pidfd;
  CHECK_EQ (spawn_ext (&pidfd, "/nonexistent/program", &actions, &attributes, sleep_argv (), TERMINAL (pty.terminal)),
            0);
  CHECK_KILLED (pidfd, SIGSYS);
}

/* It is none of the descriptors that one looks at first. */
static void
await_the_end_of_a_hidden_terminal (void *unused)
{
  (void) unused;
  posix_spawnattr_t attributes = attributes_with (POSIX_SPAWN_SETSID);
  int lowest = open ("/dev/null", O_RDONLY | O_CLOEXEC);
  struct pty pty = open_pty (0);
  CHECK (close (lowest) == 0);
  posix_spawn_file_actions_t actions = new_actions ();
  posix_spawn_file_actions_adddup2 (&actions, pty.terminal, 20);
  posix_spawn_file_actions_addclose (&actions, pty.terminal);
  SET_FILTER ({ SYS_ioctl, 0, ALL_BITS, (uint32_t) lowest, FILTER_KILL });
  int pidfd;
  CHECK_EQ (spawn_ext (&pidfd, "/nonexistent/program", &actions, &attributes, sleep_argv (), TERMINAL (pty.terminal)),
            0);
  CHECK_KILLED (pidfd, SIGSYS);
}

TEST (a_child_that_fails_gives_the_terminal_up)
{
  need_end_of_its_own ();
  CHECK_EQ (in_fork (await_the_end_of_the_terminal, NULL), 0);
  CHECK_EQ (in_fork (await_the_end_of_the_terminal, (void *) 1), 0);
  int own = open ("/dev/tty", O_RDONLY | O_NOCTTY | O_CLOEXEC);
  if (own < 0 && errno != ENXIO)
    SKIP ("/dev/tty cannot be opened: %s", strerror (errno));
  close (own);
  CHECK_EQ (in_fork (await_the_end_of_a_hidden_terminal, NULL), 0);
}

TEST (descriptors_that_are_no_terminal)
{
  posix_spawnattr_t attributes = attributes_with (POSIX_SPAWN_SETSID);
  int null = open ("/dev/null", O_RDWR | O_CLOEXEC), ends[2];
  CHECK (pipe2 (ends, O_CLOEXEC) == 0);
  CHECK_EXT_FAILS (spawn_ext (&pidfd, "/bin/true", NULL, &attributes, sleep_argv (), TERMINAL (null)), ENOTTY);
  CHECK_EXT_FAILS (spawn_ext (&pidfd, "/bin/true", NULL, &attributes, sleep_argv (), TERMINAL (ends[0])), ENOTTY);
  CHECK_EXT_FAILS (spawn_ext (&pidfd, "/bin/true", NULL, &attributes, sleep_argv (), TERMINAL (700)), EBADF);
  CHECK_EXT_FAILS (spawn_ext (&pidfd, "/bin/true", NULL, &attributes, sleep_argv (), TERMINAL (INT_MAX)), EBADF);
  CHECK (close (null) == 0 && close (ends[0]) == 0 && close (ends[1]) == 0);
  posix_spawnattr_destroy (&attributes);
}

static void
take_nothing (void *number)
{
  posix_spawnattr_t attributes = attributes_with (POSIX_SPAWN_SETSID);
  CHECK_EXT_FAILS (spawn_ext (&pidfd, "/bin/true", NULL, &attributes, sleep_argv (), TERMINAL (*(int *) number)),
                   EBADF);
}

/* What the first call of a process opens is not there for the caller. */
TEST (terminal_that_is_not_open)
{
  for (int fd = 3; fd < 20; fd++)
    if (!is_open (fd))
      CHECK_EQ (in_fork (take_nothing, &fd), 0);
}

/* It leads a session with that terminal, until the pipe is closed. */
static pid_t
start_leader (struct pty pty, int *until)
{
  int ready[2], end[2];
  char byte;
  CHECK (pipe2 (ready, O_CLOEXEC) == 0 && pipe2 (end, O_CLOEXEC) == 0);
  pid_t leader = fork ();
  CHECK (leader >= 0);
  if (leader == 0)
    {
      close (end[1]);
      bool done = setsid () > 0 && ioctl (pty.terminal, TIOCSCTTY, 0) == 0 && write (ready[1], "", 1) == 1;
      _exit (done && read (end[0], &byte, 1) == 0 ? 0 : 1);
    }
  CHECK (close (ready[1]) == 0 && close (end[0]) == 0);
  CHECK_EQ (read (ready[0], &byte, 1), 1);
  CHECK (close (ready[0]) == 0);
  *until = end[1];
  return leader;
}

/* Root's, too, which the kernel would give it to if it was asked. */
TEST (terminal_of_another_session)
{
  posix_spawnattr_t attributes = attributes_with (POSIX_SPAWN_SETSID);
  struct pty pty = open_pty (O_CLOEXEC);
  int until, status, pidfd = UNTOUCHED;
  pid_t leader = start_leader (pty, &until);
  errno = 0;
  int error = spawn_ext (&pidfd, "/bin/true", NULL, &attributes, sleep_argv (), TERMINAL (pty.terminal));
  CHECK_EQ (errno, EPERM);
  CHECK_EQ (error, EPERM);
  CHECK_EQ (pidfd, UNTOUCHED);
  CHECK (close (until) == 0);
  CHECK_EQ (waitpid (leader, &status, 0), leader);
  CHECK_EQ (status, 0);
  close_pty (pty);
  posix_spawnattr_destroy (&attributes);
}

/* The kernel's rule, and that of a plain spawn. */
TEST (session_leader_in_another_group)
{
  posix_spawnattr_t attributes = attributes_with (POSIX_SPAWN_SETSID | POSIX_SPAWN_SETPGROUP);
  struct pty pty = open_pty (O_CLOEXEC);
  CHECK_EXT_FAILS (spawn_ext (&pidfd, "/bin/true", NULL, &attributes, sleep_argv (), TERMINAL (pty.terminal)), EPERM);
  close_pty (pty);
  posix_spawnattr_destroy (&attributes);
}

/* ---- no_new_privs ---- */

TEST (no_new_privs)
{
  char *own = format ("%s", status_of (getpid (), "NoNewPrivs"));
  int pidfd = start (NULL, ARGS (.flags = PIDFD_SPAWN_NO_NEW_PRIVS));
  char *with = status_of (pid_of (pidfd), "NoNewPrivs");
  kill_and_reap (pidfd);
  pidfd = start (NULL, ARGS (.flags = PIDFD_SPAWN_SETUMASK, .umask = 022));
  char *without = status_of (pid_of (pidfd), "NoNewPrivs");
  kill_and_reap (pidfd);
  CHECK_STR (with, "1");
  CHECK_STR (without, own);
  CHECK_STR (status_of (getpid (), "NoNewPrivs"), own);
}

/* ---- Death signal ---- */

#define DEATH(signal) ARGS (.flags = PIDFD_SPAWN_PDEATHSIG, .death_signal = signal)

CHILD (tell_death_signal)
{
  int signal = 0;
  return prctl (PR_GET_PDEATHSIG, &signal) == 0 ? signal : 100;
}

TEST (death_signal_of_the_program)
{
  char **argv = child_argv ("tell_death_signal", NULL);
  static const int signals[] = { 1, SIGTERM, SIGKILL, 32, 64 };
  for (size_t i = 0; i < sizeof signals / sizeof *signals; i++)
    CHECK_RUNS (NULL, NULL, argv, DEATH (signals[i]), signals[i]);
  CHECK_RUNS (NULL, NULL, argv, ARGS (.flags = PIDFD_SPAWN_SETUMASK), 0);
  int signal = -1;
  CHECK (prctl (PR_GET_PDEATHSIG, &signal) == 0);
  CHECK_EQ (signal, 0);
}

static void *
start_in_thread (void *pidfd)
{
  *(int *) pidfd = start (NULL, DEATH (SIGUSR1));
  return NULL;
}

static void *
do_nothing (void *unused)
{
  return unused;
}

/* The thread that made the call, not the process. */
TEST (death_of_the_thread)
{
  pthread_t thread;
  int pidfd = UNTOUCHED;
  CHECK_EQ (pthread_create (&thread, NULL, start_in_thread, &pidfd), 0);
  CHECK_EQ (pthread_join (thread, NULL), 0);
  CHECK_KILLED (pidfd, SIGUSR1);
}

TEST (death_of_another_thread)
{
  pthread_t thread;
  int pidfd = start (NULL, DEATH (SIGUSR1));
  CHECK_EQ (pthread_create (&thread, NULL, do_nothing, NULL), 0);
  CHECK_EQ (pthread_join (thread, NULL), 0);
  kill_and_reap (pidfd);
}

static void
start_and_end (void *unused)
{
  (void) unused;
  start (NULL, DEATH (SIGUSR2));
}

/* Orphans come to the process of the test. */
TEST_LEAVING (death_of_the_process)
{
  int status;
  CHECK (prctl (PR_SET_CHILD_SUBREAPER, 1) == 0);
  CHECK_EQ (in_fork (start_and_end, NULL), 0);
  CHECK (waitpid (-1, &status, 0) > 0);
  CHECK (WIFSIGNALED (status));
  CHECK_EQ (WTERMSIG (status), SIGUSR2);
}

CHILD (leaves_a_trace)
{
  write_file (argv[0], "", 0600);
  return 0;
}

/* The signal cannot come from a caller that is gone before it could be asked for: then no program may run. */
TEST_LEAVING (caller_is_gone_already)
{
  need_list_of_children ();
  CHECK (prctl (PR_SET_CHILD_SUBREAPER, 1) == 0);
  char *trace = test_path ("trace"), **argv = child_argv ("leaves_a_trace", trace, NULL);
  posix_spawn_file_actions_t actions;
  char *fifo = wait_for_fifo (&actions);
  pid_t caller = fork ();
  CHECK (caller >= 0);
  if (caller == 0)
    {
      int pidfd;
      _exit (spawn_ext (&pidfd, self_path, &actions, NULL, argv, DEATH (SIGUSR1)));
    }
  pid_t child = sleeping_child_of (caller);
  int status;
  CHECK (kill (caller, SIGKILL) == 0);
  CHECK_EQ (waitpid (caller, &status, 0), caller);
  CHECK (WIFSIGNALED (status));
  int release = open (fifo, O_RDWR | O_CLOEXEC);
  CHECK (release >= 0);
  CHECK_EQ (waitpid (child, &status, 0), child);
  CHECK (close (release) == 0);
  CHECK (WIFEXITED (status));
  CHECK_EQ (WEXITSTATUS (status), 127);
  CHECK (access (trace, F_OK) == -1);
  posix_spawn_file_actions_destroy (&actions);
}

/* The child goes on opening its FIFO, and by now the process is this one. */
CHILD (release_and_reap)
{
  int status;
  int release = open (argv[0], O_RDWR | O_CLOEXEC);
  if (release < 0 || waitpid (-1, &status, 0) < 0)
    return 100;
  return WIFSIGNALED (status) ? WTERMSIG (status) : 101;
}

static void *
start_with_actions (void *actions)
{
  int pidfd;
  spawn_ext (&pidfd, self_path, actions, NULL, child_argv ("tell_death_signal", NULL), DEATH (SIGUSR1));
  return NULL;
}

static void
execute_beside_the_call (void *unused)
{
  (void) unused;
  pthread_t thread;
  posix_spawn_file_actions_t actions;
  char **argv = child_argv ("release_and_reap", wait_for_fifo (&actions), NULL);
  CHECK_EQ (pthread_create (&thread, NULL, start_with_actions, &actions), 0);
  sleeping_child ();
  execv (argv[0], argv);
  _exit (102);
}

/* Another thread executes a program: the process lives on, and is the child's parent. */
TEST_LEAVING (the_thread_is_gone_already)
{
  need_list_of_children ();
  int status = in_fork (execute_beside_the_call, NULL);
  CHECK (WIFEXITED (status));
  CHECK_EQ (WEXITSTATUS (status), SIGUSR1);
}

static void
start_in_a_namespace (void *unused)
{
  (void) unused;
  if (syscall (SYS_unshare, 0x20000000 /* CLONE_NEWPID */) != 0)
    SKIP ("no PID namespace can be made: %s", strerror (errno));
  CHECK_RUNS (NULL, NULL, child_argv ("tell_death_signal", NULL), DEATH (SIGUSR1), SIGUSR1);
}

/* The child has no number for its parent there. */
TEST (death_signal_in_a_namespace_that_was_entered_later)
{
  CHECK_EQ (in_fork (start_in_a_namespace, NULL), 0);
}

/* ---- Together ---- */

/* What the attributes ask for is done beside each other request. */
TEST (process_group_of_the_attributes)
{
  posix_spawnattr_t attributes = attributes_with (POSIX_SPAWN_SETPGROUP);
  static const uint64_t flags[] = { 0, PIDFD_SPAWN_SETUMASK };
  for (int i = 0; i < 2; i++)
    {
      struct process_state state = state_with (&attributes, ARGS (.flags = flags[i]));
      CHECK_EQ (state.group, state.pid);
    }
  posix_spawnattr_destroy (&attributes);
}

/* The caller's policy is one that needs no privileges. */
TEST_LEAVING (scheduling_of_the_attributes)
{
  enum { BATCH = 3 };
  struct sched_param param = { .sched_priority = 0 };
  posix_spawnattr_t attributes = attributes_with (POSIX_SPAWN_SETSCHEDULER);
  if (posix_spawnattr_setschedpolicy (&attributes, SCHED_OTHER) == ENOSYS
      || posix_spawnattr_setschedparam (&attributes, &param) == ENOSYS)
    SKIP ("the libc has no scheduling attributes");
  if (syscall (SYS_sched_setscheduler, 0, BATCH, &param) != 0)
    SKIP ("no scheduling for batches: %s", strerror (errno));
  static const uint64_t flags[] = { 0, PIDFD_SPAWN_SETUMASK };
  for (int i = 0; i < 2; i++)
    {
      CHECK_EQ (state_with (NULL, ARGS (.flags = flags[i])).policy, BATCH);
      CHECK_EQ (state_with (&attributes, ARGS (.flags = flags[i])).policy, SCHED_OTHER);
    }
  /* No priority of that policy. */
  param.sched_priority = 1;
  CHECK_EQ (posix_spawnattr_setschedparam (&attributes, &param), 0);
  for (int i = 0; i < 2; i++)
    CHECK_EXT_FAILS (spawn_ext (&pidfd, "/bin/true", NULL, &attributes, sleep_argv (), ARGS (.flags = flags[i])),
                     EINVAL);
  posix_spawnattr_destroy (&attributes);
}

/* Scheduling and terminal come while the privileges of a set-user-ID program still hold. */
TEST_LEAVING (scheduling_comes_before_resetids)
{
  need_root ();
  struct sched_param param = { .sched_priority = 3 }, none = { .sched_priority = 0 };
  struct rlimit no_priority = { 0, 0 };
  posix_spawnattr_t attributes = attributes_with (POSIX_SPAWN_SETSCHEDULER | POSIX_SPAWN_RESETIDS);
  if (posix_spawnattr_setschedpolicy (&attributes, SCHED_RR) == ENOSYS
      || posix_spawnattr_setschedparam (&attributes, &param) == ENOSYS)
    SKIP ("the libc has no scheduling attributes");
  if (syscall (SYS_sched_setscheduler, 0, SCHED_RR, &param) != 0)
    SKIP ("no real-time scheduling: %s", strerror (errno));
  CHECK (syscall (SYS_sched_setscheduler, 0, SCHED_OTHER, &none) == 0);
  CHECK (setrlimit (RLIMIT_RTPRIO, &no_priority) == 0);
  CHECK (setresuid (NOBODY, 0, 0) == 0);
  struct process_state state = state_with (&attributes, ARGS (.flags = PIDFD_SPAWN_SETUMASK));
  CHECK_EQ (state.policy, SCHED_RR);
  CHECK_EQ (state.priority, 3);
  CHECK_EQ (state.euid, NOBODY);
}

static void
take_terminal (void *terminal)
{
  CHECK (setsid () > 0);
  if (ioctl (*(int *) terminal, TIOCSCTTY, 0) != 0)
    SKIP ("root cannot take a terminal that cannot be read: %s", strerror (errno));
}

/* One that cannot be read needs CAP_SYS_ADMIN. */
TEST_LEAVING (terminal_comes_before_resetids)
{
  need_root ();
  struct pty pty = open_pty (O_CLOEXEC);
  int terminal = open (ptsname (pty.master), O_WRONLY | O_NOCTTY | O_CLOEXEC), pidfd;
  CHECK (terminal >= 0);
  CHECK_EQ (in_fork (take_terminal, &terminal), 0);
  posix_spawnattr_t attributes = attributes_with (POSIX_SPAWN_SETSID | POSIX_SPAWN_RESETIDS);
  CHECK (setresuid (NOBODY, 0, 0) == 0);
  CHECK_EQ (spawn_ext (&pidfd, "/bin/sleep", NULL, &attributes, sleep_argv (), TERMINAL (terminal)), 0);
  CHECK_EQ (state_of (pid_of (pidfd)).euid, NOBODY);
  kill_and_reap (pidfd);
}

/* Whatever is done besides, the mask is the caller's, or that of the attributes. */
TEST_LEAVING (signal_mask_of_the_program)
{
  sigset_t none = SIGNALS (0), own = SIGNALS (SIGUSR2), other = SIGNALS (SIGTERM);
  posix_spawnattr_t attributes = attributes_with (POSIX_SPAWN_SETSIGMASK);
  CHECK_EQ (posix_spawnattr_setsigmask (&attributes, &other), 0);
  CHECK (sigprocmask (SIG_SETMASK, &own, NULL) == 0);
  static const uint64_t flags[] = {
    0, PIDFD_SPAWN_SEARCH, PIDFD_SPAWN_CLOEXEC_FROM, PIDFD_SPAWN_SETRLIMITS, PIDFD_SPAWN_SETUMASK,
    PIDFD_SPAWN_SETSIGIGNORE, PIDFD_SPAWN_NO_NEW_PRIVS, PIDFD_SPAWN_PDEATHSIG,
  };
  for (size_t i = 0; i < sizeof flags / sizeof *flags; i++)
    {
      const struct pidfd_spawn_args *args
        = ARGS (.flags = flags[i], .cloexec_from = 3, .ignore = &none, .death_signal = SIGTERM);
      CHECK_EQ (state_with (NULL, args).blocked, BIT (SIGUSR2));
      CHECK_EQ (state_with (&attributes, args).blocked, BIT (SIGTERM));
      CHECK_EQ (mask_now (), BIT (SIGUSR2));
    }
  posix_spawnattr_destroy (&attributes);
}

/* ---- Steps that a sandbox refuses ---- */

static const struct step {
  uint64_t flag;
  struct filter_rule rule;
} steps[] = {
  { PIDFD_SPAWN_SETSIGIGNORE, { .call = SYS_rt_sigaction } },
  { PIDFD_SPAWN_SETCTTY, { SYS_ioctl, 1, ALL_BITS, TIOCSCTTY, 0 } },
  { PIDFD_SPAWN_SETUMASK, { .call = SYS_umask } },
  { PIDFD_SPAWN_SETRLIMITS, { .call = SYS_prlimit64 } },
  { PIDFD_SPAWN_NO_NEW_PRIVS, { SYS_prctl, 0, ALL_BITS, PR_SET_NO_NEW_PRIVS, 0 } },
  { PIDFD_SPAWN_PDEATHSIG, { SYS_prctl, 0, ALL_BITS, PR_SET_PDEATHSIG, 0 } },
};

static void
refuse_step (void *step_)
{
  const struct step *step = step_;
  posix_spawnattr_t session = attributes_with (POSIX_SPAWN_SETSID);
  sigset_t ignored = SIGNALS (SIGUSR1);
  const struct pidfd_spawn_rlimit limit = { RLIMIT_CORE, 0, 0, 0 };
  struct pty pty = open_pty (O_CLOEXEC);
  const struct pidfd_spawn_args *args
    = ARGS (.flags = step->flag, .ignore = &ignored, .terminal = pty.terminal, .limits = &limit, .limit_count = 1,
            .umask = 022, .death_signal = SIGTERM);
  struct filter_rule rule = step->rule;
  rule.action = FILTER_ERROR (EXDEV);
  set_filter (&rule, 1, FILTER_PLAIN);
  CHECK_EXT_FAILS (spawn_ext (&pidfd, "/bin/true", NULL, &session, sleep_argv (), args), EXDEV);
}

TEST (error_of_each_step)
{
  for (size_t i = 0; i < sizeof steps / sizeof *steps; i++)
    CHECK_EQ (in_fork (refuse_step, (void *) &steps[i]), 0);
}

/* ---- Signals while the child prepares itself ---- */

static volatile sig_atomic_t handled_by;

static void
note_who (int signal)
{
  (void) signal;
  handled_by = (sig_atomic_t) syscall (SYS_getpid);
}

static void *
signal_the_child (void *fifo)
{
  pid_t child = sleeping_child ();
  CHECK (kill (child, SIGUSR1) == 0 && kill (child, SIGINT) == 0);
  int release = open (fifo, O_RDWR | O_CLOEXEC);
  CHECK (release >= 0);
  return (void *) (long) release;
}

/* Nothing interrupts it, no handler of the caller runs there, and what comes meanwhile meets the dispositions of the
   program: SIGINT is ignored, SIGUSR1 ends it. */
TEST_LEAVING (signals_during_the_preparation)
{
  need_list_of_children ();
  sigset_t set = SIGNALS (SIGINT);
  signal (SIGUSR1, note_who);
  signal (SIGINT, note_who);
  posix_spawn_file_actions_t actions;
  char *fifo = wait_for_fifo (&actions), *trace = test_path ("trace");
  CHECK_EQ (posix_spawn_file_actions_addopen (&actions, 21, trace, O_WRONLY | O_CREAT, 0600), 0);
  pthread_t thread;
  void *release;
  CHECK_EQ (pthread_create (&thread, NULL, signal_the_child, fifo), 0);
  int pidfd = UNTOUCHED, error = spawn_ext (&pidfd, "/bin/sleep", &actions, NULL, sleep_argv (), IGNORE (&set));
  CHECK_EQ (pthread_join (thread, &release), 0);
  CHECK (close ((int) (long) release) == 0);
  CHECK_EQ (error, 0);
  CHECK_KILLED (pidfd, SIGUSR1);
  CHECK (access (trace, F_OK) == 0);
  CHECK_EQ (handled_by, 0);
  posix_spawn_file_actions_destroy (&actions);
}
