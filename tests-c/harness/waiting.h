/* SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * What the tests of pidfd_wait share: processes that end when told to, and threads that wait for them. */

#ifndef WAITING_H
#define WAITING_H

#include "extension.h"
#include "procfs.h"
#include "users.h"

#include <poll.h>
#include <sys/ioctl.h>

/* A process that stays until `end` is closed. */
struct process {
  int pidfd, end;
  pid_t pid;
};

static inline void
end_as_told (int how)
{
  /* Some usage. */
  char *pages = malloc (64 * 4096);
  memset (pages, 1, 64 * 4096);
  if (how >= 0)
    _exit (how);
  kill (getpid (), -how);
  _exit (120);
}

/* A child that then exits with the status HOW, or dies by the signal -HOW. */
static inline struct process
start_as (int how, uid_t real, uid_t effective)
{
  int pipes[2];
  struct process made;
  CHECK (pipe2 (pipes, O_CLOEXEC) == 0);
  made.pid = fork ();
  CHECK (made.pid >= 0);
  if (made.pid == 0)
    {
      char byte;
      close (pipes[1]);
      if (real != (uid_t) -1 && !become (real, effective, effective))
        _exit (121);
      while (read (pipes[0], &byte, 1) < 0)
        ;
      end_as_told (how);
    }
  close (pipes[0]);
  made.end = pipes[1];
  made.pidfd = sys_pidfd_open (made.pid, 0);
  CHECK (made.pidfd >= 0);
  return made;
}

static inline struct process
start (int how)
{
  return start_as (how, (uid_t) -1, (uid_t) -1);
}

static inline void
let_go (struct process *process)
{
  CHECK (close (process->end) == 0);
  process->end = -1;
}

static inline void
end_of (struct process *process)
{
  if (process->end >= 0)
    close (process->end);
  if (process->pidfd >= 0)
    close (process->pidfd);
}

static inline void
await_end (int pidfd)
{
  struct pollfd event = { .fd = pidfd, .events = POLLIN };
  CHECK_EQ (poll (&event, 1, -1), 1);
}

/* A child that has ended with a core dump. */
static inline struct process
start_dumping (void)
{
  struct rlimit limit = { RLIM_INFINITY, RLIM_INFINITY };
  if (setrlimit (RLIMIT_CORE, &limit) != 0)
    {
      CHECK (getrlimit (RLIMIT_CORE, &limit) == 0);
      limit.rlim_cur = limit.rlim_max;
      CHECK (setrlimit (RLIMIT_CORE, &limit) == 0);
    }
  char directory[PATH_MAX];
  CHECK (getcwd (directory, sizeof directory) && chdir (test_dir ()) == 0);
  struct process child = start (-SIGSEGV);
  CHECK (chdir (directory) == 0);
  let_go (&child);
  siginfo_t info;
  CHECK (waitid (PIDFD, (id_t) child.pidfd, &info, WEXITED | WNOWAIT) == 0);
  if (info.si_code != CLD_DUMPED)
    {
      reap (child.pidfd);
      SKIP ("no core is dumped here");
    }
  return child;
}

/* What a call shall tell.  USED: the process's usage; UNUSED: zeroes; ANY_USE: either. */
enum use { USED, UNUSED, ANY_USE };
struct told {
  int code, status;
  pid_t pid;
  uid_t uid;
  enum use use;
};

/* What the structures hold before. */
enum { PATTERN = 0x5a };

static inline bool
is_filled_with (const void *bytes, size_t size, unsigned char byte)
{
  for (size_t i = 0; i < size; i++)
    if (((const unsigned char *) bytes)[i] != byte)
      return false;
  return true;
}

/* By what the kernel writes: musl's structure has room behind. */
static inline bool
is_zero (const struct rusage *usage)
{
  return !(usage->ru_utime.tv_sec || usage->ru_utime.tv_usec || usage->ru_stime.tv_sec || usage->ru_stime.tv_usec
           || usage->ru_maxrss || usage->ru_ixrss || usage->ru_idrss || usage->ru_isrss || usage->ru_minflt
           || usage->ru_majflt || usage->ru_nswap || usage->ru_inblock || usage->ru_oublock || usage->ru_msgsnd
           || usage->ru_msgrcv || usage->ru_nsignals || usage->ru_nvcsw || usage->ru_nivcsw);
}

static inline void
check_info_at (const char *file, int line, const siginfo_t *info, const struct rusage *usage, const struct told *told)
{
  if (info->si_signo != SIGCHLD || info->si_errno != 0 || info->si_code != told->code
      || info->si_status != told->status || info->si_pid != told->pid || info->si_uid != told->uid)
    test_fail (file, line, "told: signo %d, errno %d, code %d, status %d, pid %d, uid %d; wanted code %d, status %d, "
                           "pid %d, uid %d", info->si_signo, info->si_errno, info->si_code, info->si_status,
               (int) info->si_pid, (int) info->si_uid, told->code, told->status, (int) told->pid, (int) told->uid);
  if (told->use == UNUSED && !is_zero (usage))
    test_fail (file, line, "a usage that nobody knows is not zero");
  /* The kernel counts a small process's pages roughly, maybe as none, but not its faults. */
  if (told->use == USED && (usage->ru_minflt <= 0 || is_filled_with (usage, sizeof *usage, PATTERN)))
    test_fail (file, line, "no usage");
}

static inline void
check_told_at (const char *file, int line, int pidfd, int options, const struct told *told)
{
  siginfo_t info;
  struct rusage usage;
  memset (&info, PATTERN, sizeof info);
  memset (&usage, PATTERN, sizeof usage);
  errno = EXDEV;
  if (pidfd_wait (pidfd, &info, options, &usage) != 0)
    test_fail (file, line, "pidfd_wait: %s", strerror (errno));
  if (errno != EXDEV)
    test_fail (file, line, "errno became %d", errno);
  check_info_at (file, line, &info, &usage, told);
}
#define check_told(...) check_told_at (__FILE__, __LINE__, __VA_ARGS__)

/* With WNOHANG there is nothing to tell. */
static inline void
check_not_yet_at (const char *file, int line, int pidfd, int options)
{
  siginfo_t info;
  struct rusage usage;
  memset (&info, PATTERN, sizeof info);
  memset (&usage, PATTERN, sizeof usage);
  errno = EXDEV;
  if (pidfd_wait (pidfd, &info, options | WNOHANG, &usage) != 0 || errno != EXDEV)
    test_fail (file, line, "pidfd_wait: %s", strerror (errno));
  if (info.si_signo != 0 || info.si_pid != 0)
    test_fail (file, line, "told too early: signo %d, pid %d", info.si_signo, (int) info.si_pid);
  if (!is_filled_with (&usage, sizeof usage, PATTERN))
    test_fail (file, line, "a usage although nothing has ended");
}
#define check_not_yet(...) check_not_yet_at (__FILE__, __LINE__, __VA_ARGS__)

/* The error, and nothing written. */
static inline void
check_fails_at (const char *file, int line, int pidfd, int options, int error)
{
  siginfo_t info;
  struct rusage usage;
  memset (&info, PATTERN, sizeof info);
  memset (&usage, PATTERN, sizeof usage);
  errno = 0;
  int result = pidfd_wait (pidfd, &info, options, &usage);
  if (result != -1 || errno != error)
    test_fail (file, line, "pidfd_wait (%d, %#x) is %d with errno %d, wanted %d", pidfd, (unsigned int) options, result,
               errno, error);
  if (!is_filled_with (&info, sizeof info, PATTERN) || !is_filled_with (&usage, sizeof usage, PATTERN))
    test_fail (file, line, "a failed call wrote to its results");
}
#define check_fails(...) check_fails_at (__FILE__, __LINE__, __VA_ARGS__)

/* A thread that waits. */
struct waiter {
  pthread_t thread;
  int pidfd, options, result, error;
  bool has_request, cleaned_up;
  volatile pid_t tid;
  volatile bool returned;
  siginfo_t info;
  struct rusage usage;
};

static inline void
clean_up (void *waiter)
{
  ((struct waiter *) waiter)->cleaned_up = true;
}

static inline void *
wait_in_thread (void *argument)
{
  struct waiter *waiter = argument;
  pthread_cleanup_push (clean_up, waiter);
  if (waiter->has_request)
    pthread_cancel (pthread_self ());
  waiter->tid = (pid_t) syscall (SYS_gettid);
  waiter->result = pidfd_wait (waiter->pidfd, &waiter->info, waiter->options, &waiter->usage);
  waiter->error = errno;
  waiter->returned = true;
  pthread_setcancelstate (PTHREAD_CANCEL_DISABLE, NULL);
  pthread_cleanup_pop (0);
  return NULL;
}

static inline void
begin (struct waiter *waiter, int pidfd, int options, bool has_request)
{
  memset (waiter, 0, sizeof *waiter);
  memset (&waiter->info, PATTERN, sizeof waiter->info);
  memset (&waiter->usage, PATTERN, sizeof waiter->usage);
  waiter->pidfd = pidfd;
  waiter->options = options;
  waiter->has_request = has_request;
  CHECK_EQ (pthread_create (&waiter->thread, NULL, wait_in_thread, waiter), 0);
}

static inline void
begin_wait (struct waiter *waiter, int pidfd, int options)
{
  begin (waiter, pidfd, options, false);
}

/* Of a thread that was asked before to end. */
static inline void
begin_wait_with_request (struct waiter *waiter, int pidfd, int options)
{
  begin (waiter, pidfd, options, true);
}

/* A filter may hold a question, and a thread that asks sleeps then too. */
static inline bool
is_asking (pid_t thread)
{
  char text[256];
  return read_text (format ("/proc/self/task/%d/syscall", (int) thread), text, sizeof text) > 0
         && atoi (text) == SYS_ioctl;
}

/* Waits until it sleeps in the call. */
static inline void
await_sleep (struct waiter *waiter)
{
  for (int quiet = 0; quiet < 3;)
    {
      if (waiter->returned)
        FAIL ("the wait has returned: %d, %s", waiter->result, strerror (waiter->error));
      bool sleeps = waiter->tid && activity_of (waiter->tid) == 'S' && !is_asking (waiter->tid);
      quiet = sleeps ? quiet + 1 : 0;
      usleep (300);
    }
}

static inline void *
join (struct waiter *waiter)
{
  void *result;
  CHECK_EQ (pthread_join (waiter->thread, &result), 0);
  return result;
}

/* Sends SIGUSR1, for which there is a handler, until the call returns: one may come too early. */
static inline void
interrupt (struct waiter *waiter)
{
  await_sleep (waiter);
  while (!waiter->returned)
    {
      CHECK_EQ (pthread_kill (waiter->thread, SIGUSR1), 0);
      usleep (1000);
    }
}

static inline void
check_waiter_at (const char *file, int line, struct waiter *waiter, const struct told *told)
{
  if (join (waiter) != NULL || waiter->result != 0)
    test_fail (file, line, "the wait failed: %s", strerror (waiter->error));
  check_info_at (file, line, &waiter->info, &waiter->usage, told);
}
#define check_waiter(...) check_waiter_at (__FILE__, __LINE__, __VA_ARGS__)

static inline void
check_waiter_failed (struct waiter *waiter, int error)
{
  CHECK (join (waiter) == NULL);
  CHECK_EQ (waiter->result, -1);
  CHECK_EQ (waiter->error, error);
  CHECK (is_filled_with (&waiter->info, sizeof waiter->info, PATTERN));
  CHECK (is_filled_with (&waiter->usage, sizeof waiter->usage, PATTERN));
}

static inline void
check_waiter_cancelled (struct waiter *waiter)
{
  CHECK (join (waiter) == PTHREAD_CANCELED);
  CHECK (waiter->cleaned_up && !waiter->returned);
}

/* Whether the kernel tells the exit status of a process that was waited for. */
static inline bool
kernel_tells (void)
{
  struct {
    uint64_t mask, rest[12];
  } info = { .mask = 1 << 3 /* PIDFD_INFO_EXIT */ };
  struct process child = start (0);
  let_go (&child);
  CHECK_EQ (waitpid (child.pid, NULL, 0), child.pid);
  int result = ioctl (child.pidfd, _IOC (_IOC_READ | _IOC_WRITE, 0xff, 11, 64), &info);
  end_of (&child);
  return result == 0 && (info.mask & 1 << 3);
}

static inline void
need_exit_status (void)
{
  if (!kernel_tells ())
    SKIP ("the kernel does not tell exit statuses through pidfds");
}

/* A process that is a child of a child, which does with it what it is told. */
struct stranger {
  struct process process;
  pid_t parent;
  int orders, answers;
};

enum { END = 'e', REAP = 'r' };

static inline void
order (struct stranger *stranger, char what)
{
  CHECK_EQ (write (stranger->orders, &what, 1), 1);
  CHECK_EQ (read (stranger->answers, &what, 1), 1);
}

static inline struct stranger
start_stranger (int how)
{
  struct stranger made;
  int orders[2], answers[2];
  CHECK (pipe2 (orders, O_CLOEXEC) == 0 && pipe2 (answers, O_CLOEXEC) == 0);
  made.parent = fork ();
  CHECK (made.parent >= 0);
  if (made.parent == 0)
    {
      close (orders[1]);
      struct process process = start (how);
      CHECK_EQ (write (answers[1], &process.pid, sizeof process.pid), (int) sizeof process.pid);
      for (char what; read (orders[0], &what, 1) == 1;)
        {
          if (what == END)
            let_go (&process);
          siginfo_t info;
          CHECK (waitid (P_PID, (id_t) process.pid, &info, WEXITED | (what == END ? WNOWAIT : 0)) == 0);
          CHECK_EQ (write (answers[1], &what, 1), 1);
        }
      _exit (0);
    }
  close (orders[0]);
  close (answers[1]);
  made.orders = orders[1];
  made.answers = answers[0];
  CHECK_EQ (read (made.answers, &made.process.pid, sizeof made.process.pid), (int) sizeof made.process.pid);
  made.process.end = -1;
  made.process.pidfd = sys_pidfd_open (made.process.pid, 0);
  CHECK (made.process.pidfd >= 0);
  return made;
}

static inline void
end_of_stranger (struct stranger *stranger)
{
  close (stranger->orders);
  close (stranger->answers);
  close (stranger->process.pidfd);
  CHECK_EQ (waitpid (stranger->parent, NULL, 0), stranger->parent);
}

#endif
