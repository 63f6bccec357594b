/* SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * A small supervisor: one thread and one epoll loop start, watch, stop and restart several programs, each known by its
 * pidfd. There is no SIGCHLD handler, no waitpid (-1, ...) that could take another library's children away, and no
 * process ID is ever used to address a process, so none can be hit by accident after its number was given to another.
 *
 * It checks itself: the exit status is 0 only if every program ended as planned and nothing was left behind. */

#define _GNU_SOURCE

#include <pidfd_spawn.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

enum { MAX_RUNS = 16, MAX_DESCRIPTORS = 1024 };

/* All times are in milliseconds. */
#define GRACE 1000 /* between SIGTERM and SIGKILL */
#define RESTART_DELAY 200
#define NEVER LLONG_MAX

struct ending
{
  enum { NOT_STARTED, EXITED, KILLED } how;
  int value; /* an error number, an exit status or a signal number */
};

struct program
{
  const char *title;
  char *argv[4];
  int max_starts; /* how often it is started at most when it crashes */
  long long time_limit;
  bool own_session;
  bool into_file;
  struct ending expected;
};

/* One start of a program: a row of the table. */
struct run
{
  const struct program *program;
  int number; /* the how many-th start of the program */
  enum { WAITING, RUNNING, ENDED } state;
  long long deadline; /* WAITING: when to start it; RUNNING: when to stop it */
  long long started, ended;
  int pidfd;
  pid_t pid;
  int signals_sent;
  struct ending ending;
};

static const struct program programs[] = {
  { "uname -sr > file", { "uname", "-sr" }, 1, NEVER, false, true, { EXITED, 0 } },
  { "sleep 1, in its own session", { "sleep", "1" }, 1, NEVER, true, false, { EXITED, 0 } },
  { "sh -c 'exit 3'", { "sh", "-c", "exit 3" }, 1, NEVER, false, false, { EXITED, 3 } },
  { "sleep 60, hangs", { "sleep", "60" }, 1, 1000, false, false, { KILLED, SIGTERM } },
  { "sleep 60, ignores SIGTERM", { "sh", "-c", "trap '' TERM; exec sleep 60" }, 1, 1000, false, false,
    { KILLED, SIGKILL } },
  { "no-such-program", { "no-such-program" }, 1, NEVER, false, false, { NOT_STARTED, ENOENT } },
  { "sh -c 'kill -SEGV $$'", { "sh", "-c", "ulimit -c 0; kill -SEGV $$" }, 3, NEVER, false, false,
    { KILLED, SIGSEGV } },
};

enum { PROGRAMS = sizeof programs / sizeof *programs };

static struct run runs[MAX_RUNS];
static size_t run_count;
static int epoll_fd = -1;
static char output_path[] = "/tmp/supervisor-XXXXXX";

/* Not even a failed supervisor leaves its children running. */
static void
kill_all (void)
{
  for (struct run *run = runs; run < runs + run_count; run++)
    if (run->state == RUNNING && pidfd_send_signal (run->pidfd, SIGKILL, NULL, 0) == 0)
      waitid (P_PIDFD, (id_t) run->pidfd, &(siginfo_t) { 0 }, WEXITED);
}

static void __attribute__ ((noreturn, format (printf, 2, 3)))
die (int error, const char *format, ...)
{
  va_list arguments;
  va_start (arguments, format);
  fputs ("supervisor: ", stderr);
  vfprintf (stderr, format, arguments);
  fprintf (stderr, ": %s\n", strerror (error));
  va_end (arguments);
  kill_all ();
  unlink (output_path);
  exit (1);
}

static long long
now (void)
{
  struct timespec time;
  if (clock_gettime (CLOCK_MONOTONIC, &time) != 0)
    die (errno, "clock_gettime");
  return time.tv_sec * 1000LL + time.tv_nsec / 1000000;
}

/* Starting */

static void
plan (const struct program *program, int number, long long when)
{
  if (run_count == MAX_RUNS)
    die (ENOBUFS, "%s, start %d", program->title, number);
  runs[run_count++] = (struct run) {
    .program = program, .number = number, .state = WAITING, .deadline = when, .pidfd = -1, .pid = -1
  };
}

/* Like every function of the spawn family these return the error number; errno is not the place to look. */
static int
prepare (const struct program *program, posix_spawnattr_t *attributes, posix_spawn_file_actions_t *actions)
{
  int error = 0;
  if (program->own_session)
    error = posix_spawnattr_setflags (attributes, POSIX_SPAWN_SETSID);
  if (error == 0 && program->into_file)
    error = posix_spawn_file_actions_addopen (actions, STDOUT_FILENO, output_path, O_WRONLY | O_TRUNC, 0);
  return error;
}

static int
spawn (int *pidfd, const struct program *program)
{
  posix_spawnattr_t attributes;
  posix_spawn_file_actions_t actions;
  int error = posix_spawnattr_init (&attributes);
  if (error != 0)
    return error;
  error = posix_spawn_file_actions_init (&actions);
  if (error == 0)
    {
      error = prepare (program, &attributes, &actions);
      if (error == 0)
        error = pidfd_spawnp (pidfd, program->argv[0], &actions, &attributes, program->argv, environ);
      posix_spawn_file_actions_destroy (&actions);
    }
  posix_spawnattr_destroy (&attributes);
  return error;
}

static void
start (struct run *run)
{
  run->started = run->ended = now ();
  int error = spawn (&run->pidfd, run->program);
  if (error != 0)
    {
      run->state = ENDED;
      run->ending = (struct ending) { NOT_STARTED, error };
      return;
    }
  run->state = RUNNING;
  run->deadline = run->program->time_limit == NEVER ? NEVER : run->started + run->program->time_limit;
  run->pid = pidfd_getpid (run->pidfd);
  if (run->pid < 0)
    die (errno, "pidfd_getpid");
  if (run->program->own_session && getsid (run->pid) != run->pid)
    die (EINVAL, "%s leads no session", run->program->title);
  struct epoll_event event = { .events = EPOLLIN, .data.ptr = run };
  if (epoll_ctl (epoll_fd, EPOLL_CTL_ADD, run->pidfd, &event) != 0)
    die (errno, "epoll_ctl");
}

/* Stopping */

/* A process that ended meanwhile, but was not waited for yet, accepts the signal too: there is no race to mind. */
static void
stop (struct run *run)
{
  int signal = run->signals_sent++ == 0 ? SIGTERM : SIGKILL;
  if (pidfd_send_signal (run->pidfd, signal, NULL, 0) != 0)
    die (errno, "pidfd_send_signal");
  run->deadline = signal == SIGKILL ? NEVER : now () + GRACE;
}

/* Closing the pidfd is not enough to take it out of the epoll set: a child being started at that moment has a copy of
   every descriptor until its exec is complete, and that is a little later than when its start returns. */
static void
collect (struct run *run)
{
  siginfo_t info;
  if (waitid (P_PIDFD, (id_t) run->pidfd, &info, WEXITED) != 0)
    die (errno, "waitid");
  if (epoll_ctl (epoll_fd, EPOLL_CTL_DEL, run->pidfd, NULL) != 0)
    die (errno, "epoll_ctl");
  if (close (run->pidfd) != 0)
    die (errno, "close");
  run->state = ENDED;
  run->ended = now ();
  run->ending = (struct ending) { info.si_code == CLD_EXITED ? EXITED : KILLED, info.si_status };

  bool crashed = run->ending.how == KILLED && run->signals_sent == 0;
  if (crashed && run->number < run->program->max_starts)
    plan (run->program, run->number + 1, run->ended + RESTART_DELAY);
}

/* The loop */

static void
meet_deadlines (void)
{
  for (struct run *run = runs; run < runs + run_count; run++)
    if (run->state != ENDED && run->deadline <= now ())
      {
        if (run->state == WAITING)
          start (run);
        else
          stop (run);
      }
}

static bool
work_left (void)
{
  for (struct run *run = runs; run < runs + run_count; run++)
    if (run->state != ENDED)
      return true;
  return false;
}

/* For epoll_wait: the milliseconds until something is due, -1 if nothing is. */
static int
timeout (void)
{
  long long next = NEVER;
  for (struct run *run = runs; run < runs + run_count; run++)
    if (run->state != ENDED && run->deadline < next)
      next = run->deadline;
  if (next == NEVER)
    return -1;
  long long left = next - now ();
  return left < 0 ? 0 : left > INT_MAX ? INT_MAX : (int) left;
}

static void
supervise (void)
{
  for (meet_deadlines (); work_left (); meet_deadlines ())
    {
      struct epoll_event events[MAX_RUNS];
      int count = epoll_wait (epoll_fd, events, MAX_RUNS, timeout ());
      if (count < 0 && errno != EINTR)
        die (errno, "epoll_wait");
      for (int i = 0; i < count; i++)
        collect (events[i].data.ptr);
    }
}

/* The report */

static void
print_row (const struct run *run)
{
  char program[64], pidfd[16] = "-", pid[16] = "-", ending[64], ran[32] = "-";
  if (run->program->max_starts > 1)
    snprintf (program, sizeof program, "%s, start %d of %d", run->program->title, run->number,
              run->program->max_starts);
  else
    snprintf (program, sizeof program, "%s", run->program->title);
  if (run->ending.how != NOT_STARTED)
    {
      snprintf (pidfd, sizeof pidfd, "%d", run->pidfd);
      snprintf (pid, sizeof pid, "%d", (int) run->pid);
      snprintf (ran, sizeof ran, "%.3f s", (double) (run->ended - run->started) / 1000);
    }
  if (run->ending.how == NOT_STARTED)
    snprintf (ending, sizeof ending, "not started: %s", strerror (run->ending.value));
  else if (run->ending.how == EXITED)
    snprintf (ending, sizeof ending, "exit status %d", run->ending.value);
  else
    snprintf (ending, sizeof ending, "%s: %s", run->signals_sent == 0 ? "crashed" : "stopped",
              strsignal (run->ending.value));
  printf ("%-40s %5s %8s  %-40s %8s\n", program, pidfd, pid, ending, ran);
}

static void
print_table (void)
{
  printf ("%-40s %5s %8s  %-40s %8s\n", "PROGRAM", "PIDFD", "PID", "HOW IT ENDED", "RAN");
  for (struct run *run = runs; run < runs + run_count; run++)
    print_row (run);
}

static bool
print_first_line (const char *path)
{
  char line[256];
  FILE *file = fopen (path, "re");
  if (!file)
    die (errno, "%s", path);
  bool found = fgets (line, sizeof line, file) != NULL;
  fclose (file);
  if (found)
    printf ("\nThe file's first line: %s", line);
  else
    fprintf (stderr, "supervisor: %s is empty\n", path);
  return found;
}

/* The self-check */

static int
open_descriptors (void)
{
  int count = 0;
  for (int fd = 0; fd < MAX_DESCRIPTORS; fd++)
    count += fcntl (fd, F_GETFD) != -1;
  return count;
}

static bool
ended_as_expected (void)
{
  bool good = true;
  for (struct run *run = runs; run < runs + run_count; run++)
    if (run->ending.how != run->program->expected.how || run->ending.value != run->program->expected.value)
      {
        fprintf (stderr, "supervisor: %s, start %d: ended in an unexpected way\n", run->program->title, run->number);
        good = false;
      }
  return good;
}

/* Every program is expected to use up its starts: the only one with several always crashes. */
static bool
started_as_often_as_expected (void)
{
  size_t expected = 0;
  for (size_t i = 0; i < PROGRAMS; i++)
    expected += (size_t) programs[i].max_starts;
  if (run_count == expected)
    return true;
  fprintf (stderr, "supervisor: %zu starts instead of %zu\n", run_count, expected);
  return false;
}

static bool
nothing_left (int descriptors_before)
{
  bool good = true;
  int leaked = open_descriptors () - descriptors_before;
  if (leaked != 0)
    {
      fprintf (stderr, "supervisor: %d descriptors more than at the start\n", leaked);
      good = false;
    }
  siginfo_t info;
  if (waitid (P_ALL, 0, &info, WEXITED | WNOHANG) == 0 || errno != ECHILD)
    {
      fprintf (stderr, "supervisor: a child is left\n");
      good = false;
    }
  return good;
}

static void
create_output_file (void)
{
  int fd = mkstemp (output_path);
  if (fd < 0)
    die (errno, "%s", output_path);
  if (close (fd) != 0)
    die (errno, "close");
}

int
main (void)
{
  int descriptors = open_descriptors ();
  /* The starter of this program may have ignored it, and then the kernel keeps no exit status for anybody. */
  if (signal (SIGCHLD, SIG_DFL) == SIG_ERR)
    die (errno, "signal");
  create_output_file ();
  epoll_fd = epoll_create1 (EPOLL_CLOEXEC);
  if (epoll_fd < 0)
    die (errno, "epoll_create1");

  printf ("Supervising %d programs; this takes about two seconds.\n\n", PROGRAMS);
  fflush (stdout);
  for (size_t i = 0; i < PROGRAMS; i++)
    plan (&programs[i], 1, now ());
  supervise ();
  close (epoll_fd);

  print_table ();
  bool good = print_first_line (output_path);
  unlink (output_path);

  good &= ended_as_expected ();
  good &= started_as_often_as_expected ();
  good &= nothing_left (descriptors);
  if (good)
    printf ("All ended as planned; no child and no descriptor is left.\n");
  if (fflush (stdout) != 0)
    die (errno, "standard output");
  return good ? 0 : 1;
}
