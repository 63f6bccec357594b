/* SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * pidfd_fork in a sandbox that the program put on itself after it was started, as many daemons do, and maybe after it
 * had forked.  Where the call can do without what is refused nobody notices.  Where it cannot the answer is ENOSYS, and
 * before there is a child, before a handler of pthread_atfork has run. */

#include "fork.h"

#if HAVE_LIBRARY

/* Made before the sandbox is, which may refuse that. */
static int lines[4][2];

static void
open_lines (void)
{
  for (int i = 0; i < 4; i++)
    {
      open_line ();
      memcpy (lines[i], line, sizeof line);
    }
}

/* By a call that no sandbox here refuses but one. */
static int
count_descriptors (void)
{
  int count = 0;
  for (int fd = 0; fd < 64; fd++)
    count += is_open (fd);
  return count;
}

/* How sandboxes refuse a call. */
static const int errors[] = { EPERM, ENOSYS, EACCES };

/* What the call may answer. */
enum answer { WORKS, REFUSED, EITHER };

static void
check_call (unsigned int flags, int line_number, enum answer wanted)
{
  int status;
  prepared = 0;
  chld_count = 0;
  memcpy (line, lines[line_number], sizeof line);
  int descriptors = count_descriptors ();
  const uint64_t mask = mask_now ();
  errno = 0;
  int pidfd = fork_telling (flags), error = errno;
  CHECK_EQ (mask_now (), mask);
  if (pidfd > 0)
    {
      CHECK (wanted != REFUSED);
      CHECK_EQ (prepared, flags == 0);
      CHECK_EQ (count_descriptors (), descriptors + 1);
      CHECK_EQ (fcntl (pidfd, F_GETFD), FD_CLOEXEC);
      CHECK (was_told ());
      /* Not by the pidfd: waitid may be what is refused. */
      CHECK (waitpid (pid_of (pidfd), &status, 0) > 0);
      CHECK (WIFEXITED (status) && WEXITSTATUS (status) == FINE);
      CHECK (close (pidfd) == 0);
      return;
    }
  CHECK_EQ (pidfd, -1);
  CHECK_EQ (error, ENOSYS);
  CHECK_EQ (count_descriptors (), descriptors);
  if (was_told ())
    FAIL ("code of the program ran in a child of the failed call");
  CHECK_ERRNO (waitpid (-1, &status, WNOHANG), ECHILD);
  CHECK_EQ (chld_count, 0);
  CHECK_EQ (prepared, 0);
  if (wanted == WORKS)
    FAIL ("the call can do without, but says ENOSYS");
}

/* One kind of sandbox: what is refused, under its name and maybe others, and in which state of the process. */
struct sandbox {
  const char *name;
  long calls[2];
  enum answer answer[2]; /* flags 0, asyncsafe */
  int error;
  bool used, has_threads;
};

static void
put_on_and_call (void *sandbox_)
{
  const struct sandbox *sandbox = sandbox_;
  count_chld ();
  CHECK_EQ (pthread_atfork (count_prepare, NULL, NULL), 0);
  if (sandbox->has_threads)
    start_idle_threads (1);
  open_lines ();
  if (sandbox->used)
    for (int i = 0; i < 2; i++)
      check_call (i * last_fork_flags (), i, WORKS);
  for (int i = 0; i < 2; i++)
    if (sandbox->calls[i] > 0)
      refuse_call (sandbox->calls[i], sandbox->error);
  for (int i = 0; i < 2; i++)
    check_call (i * last_fork_flags (), 2 + i, sandbox->answer[i]);
}

static void
try_sandbox (struct sandbox sandbox)
{
  for (int i = 0; i < 3; i++)
    for (int used = 0; used < 2; used++)
      for (int has_threads = 0; has_threads < 2; has_threads++)
        {
          sandbox.error = errors[i];
          sandbox.used = used;
          sandbox.has_threads = has_threads;
          CHECK_EQ (in_fork (put_on_and_call, &sandbox), 0);
        }
}

#define SANDBOX(name_, plain_, asyncsafe_, ...)                                                                        \
  TEST (without_##name_)                                                                                               \
  {                                                                                                                    \
    try_sandbox ((struct sandbox) { .name = #name_, .calls = { __VA_ARGS__ }, .answer = { plain_, asyncsafe_ } });     \
  }

/* Without _Fork the child is made together with its pidfd. */
SANDBOX (pidfd_open, REFUSED, NO_UNDERSCORE_FORK ? EITHER : REFUSED, SYS_pidfd_open)
SANDBOX (unshare, WORKS, WORKS, SYS_unshare)
SANDBOX (prlimit64, WORKS, WORKS, SYS_prlimit64)
SANDBOX (getrusage, WORKS, WORKS, SYS_getrusage)
SANDBOX (rt_sigaction, WORKS, WORKS, SYS_rt_sigaction)
SANDBOX (kcmp, WORKS, WORKS, SYS_kcmp)
SANDBOX (pidfd_getfd, WORKS, WORKS, 438)
SANDBOX (getppid, WORKS, WORKS, SYS_getppid)
SANDBOX (unshare_and_statx, WORKS, WORKS, SYS_unshare, SYS_statx)
SANDBOX (waitid_and_ppoll, EITHER, EITHER, SYS_waitid, SYS_ppoll)
SANDBOX (eventfd2, EITHER, EITHER, SYS_eventfd2)
SANDBOX (pipe2, EITHER, EITHER, SYS_pipe2)
SANDBOX (waitid, EITHER, EITHER, SYS_waitid)
#ifdef SYS_ppoll_time64
SANDBOX (ppoll, EITHER, EITHER, SYS_ppoll, SYS_ppoll_time64)
#else
SANDBOX (ppoll, EITHER, EITHER, SYS_ppoll)
#endif
#ifdef SYS_poll
SANDBOX (poll, WORKS, WORKS, SYS_poll)
#endif

/* A pidfd that would be number 0 gets another one by it. */
static void
fork_without_dup3 (void *error)
{
  count_chld ();
  CHECK_EQ (pthread_atfork (count_prepare, NULL, NULL), 0);
  open_lines ();
  CHECK (close (0) == 0);
  refuse_call (SYS_dup3, *(const int *) error);
  for (int i = 0; i < 2; i++)
    check_call (i * last_fork_flags (), i, WORKS);
}

TEST (without_dup3)
{
  for (int i = 0; i < 3; i++)
    CHECK_EQ (in_fork (fork_without_dup3, (void *) &errors[i]), 0);
}

/* As before Linux 5.4, where a pidfd cannot be waited for.  That is asked at the first use. */
TEST (without_waiting_for_pidfds)
{
  count_chld ();
  CHECK_EQ (pthread_atfork (count_prepare, NULL, NULL), 0);
  open_lines ();
  refuse_call_when (SYS_waitid, 0, 3 /* P_PIDFD */, EINVAL);
  for (int i = 0; i < 4; i++)
    check_call (i % 2 * last_fork_flags (), i, REFUSED);
}

/* Nobody keeps the status of a child, so that the parent needs the child's answer. */
static void
answer_in_a_sandbox (void *sandbox_)
{
  const struct sandbox *sandbox = sandbox_;
  signal (SIGCHLD, SIG_IGN);
  if (sandbox->has_threads)
    start_idle_threads (1);
  open_lines ();
  /* The first before the sandbox, for what is asked for once. */
  for (int i = 0; i < 3; i++)
    {
      for (int j = 0; j < 2 && i == 1; j++)
        if (sandbox->calls[j] > 0)
          refuse_call (sandbox->calls[j], sandbox->error);
      memcpy (line, lines[i], sizeof line);
      int pidfd = fork_telling (i == 2 ? last_fork_flags () : 0);
      CHECK (pidfd > 0);
      CHECK (was_told ());
      while (waitpid (-1, NULL, 0) > 0)
        continue;
    }
}

static void
try_answer (long first, long second)
{
  for (int i = 0; i < 4; i++)
    {
      struct sandbox sandbox = { .calls = { first, second }, .error = i / 2 ? EPERM : ENOSYS, .has_threads = i % 2 };
      CHECK_EQ (in_fork (answer_in_a_sandbox, &sandbox), 0);
    }
}

TEST (an_answer_without_waitid)
{
  try_answer (SYS_waitid, 0);
}

TEST (an_answer_without_ppoll)
{
#if defined __LP64__
  try_answer (SYS_ppoll, 0);
#else
  try_answer (SYS_ppoll, SYS_poll);
#endif
}

/* Only what looks at a descriptor: the harness itself must set flags. */
static void
refuse_looking (void *sandbox_)
{
  const struct sandbox *sandbox = sandbox_;
  CHECK_EQ (pthread_atfork (count_prepare, NULL, NULL), 0);
  if (sandbox->has_threads)
    start_idle_threads (1);
#ifdef SYS_fcntl64
  refuse_call (SYS_fcntl64, sandbox->error);
#endif
  refuse_call (SYS_fcntl, sandbox->error);
  for (unsigned int flags = 0; flags <= last_fork_flags (); flags += PIDFDFORK_ASYNCSAFE)
    {
      prepared = 0;
      int pidfd = pidfd_fork (flags), error = errno;
      if (pidfd == 0)
        _exit (FINE);
      if (pidfd > 0)
        CHECK_EXIT (pidfd, FINE);
      else
        CHECK_EQ (error, ENOSYS);
      CHECK_EQ (prepared, pidfd > 0 && flags == 0);
      CHECK_NO_CHILD ();
    }
}

TEST (without_fcntl)
{
  for (int i = 0; i < 6; i++)
    {
      struct sandbox sandbox = { .error = errors[i / 2], .has_threads = i % 2 };
      CHECK_EQ (in_fork (refuse_looking, &sandbox), 0);
    }
}

/* Nobody keeps the status of a child, so that one that does not know the library's descriptor would not go on. */
static void
refuse_setting_flags (void *sandbox_)
{
  const struct sandbox *sandbox = sandbox_;
  signal (SIGCHLD, SIG_IGN);
  if (sandbox->has_threads)
    start_idle_threads (1);
#ifdef SYS_fcntl64
  refuse_call_when (SYS_fcntl64, 1, F_SETFL, sandbox->error);
#endif
  refuse_call_when (SYS_fcntl, 1, F_SETFL, sandbox->error);
  for (unsigned int flags = 0; flags <= last_fork_flags (); flags += PIDFDFORK_ASYNCSAFE)
    {
      open_line ();
      int pidfd = fork_telling (flags);
      CHECK (pidfd > 0);
      CHECK (was_told ());
      CHECK (close (pidfd) == 0);
      while (waitpid (-1, NULL, 0) > 0)
        continue;
    }
}

TEST (without_setting_flags)
{
  for (int i = 0; i < 4; i++)
    {
      struct sandbox sandbox = { .error = i / 2 ? EPERM : ENOSYS, .has_threads = i % 2 };
      CHECK_EQ (in_fork (refuse_setting_flags, &sandbox), 0);
    }
}

/* Nothing can be done without these, and the libc's fork runs the handlers before it fails. */
struct needed {
  long calls[3];
  int error;
  bool has_threads, without_zero;
};

static void
refuse_needed (void *needed_)
{
  const struct needed *needed = needed_;
  if (needed->has_threads)
    start_idle_threads (1);
  if (needed->without_zero)
    close (0);
  for (int i = 0; i < 3; i++)
    if (needed->calls[i] > 0)
      refuse_call (needed->calls[i], needed->error);
  int descriptors = count_descriptors ();
  const uint64_t mask = mask_now ();
  for (unsigned int flags = 0; flags <= last_fork_flags (); flags += PIDFDFORK_ASYNCSAFE)
    {
      errno = 0;
      int pidfd = pidfd_fork (flags), error = errno;
      if (pidfd == 0)
        _exit (FINE);
      if (pidfd > 0 && needed->calls[0] == SYS_pidfd_open && flags != 0 && NO_UNDERSCORE_FORK)
        {
          CHECK_EXIT (pidfd, FINE);
          continue;
        }
      CHECK_EQ (pidfd, -1);
      CHECK_EQ (error, ENOSYS);
      CHECK_EQ (count_descriptors (), descriptors);
      CHECK_EQ (mask_now (), mask);
      CHECK_NO_CHILD ();
    }
}

static void
try_needed (struct needed needed)
{
  for (int i = 0; i < 12; i++)
    {
      needed.error = errors[i / 4];
      needed.has_threads = i % 2;
      needed.without_zero = i / 2 % 2;
      CHECK_EQ (in_fork (refuse_needed, &needed), 0);
    }
}

TEST (without_any_child)
{
#ifdef SYS_fork
  try_needed ((struct needed) { .calls = { SYS_clone, SYS_clone3, SYS_fork } });
#else
  try_needed ((struct needed) { .calls = { SYS_clone, SYS_clone3 } });
#endif
}

TEST (without_pidfd_open_and_maybe_descriptor_0)
{
  try_needed ((struct needed) { .calls = { SYS_pidfd_open } });
}

/* The filter knows the child from the parent.  So late a refusal cannot be seen before there is a child, but no code of
   the program may run in it. */
struct late {
  int error, wanted;
  bool has_threads;
};

static void
refuse_late (void *late_)
{
  const struct late *late = late_;
  if (late->has_threads)
    start_idle_threads (1);
  filter_pidfds_of_others (FILTER_ERROR (late->error), FILTER_PLAIN);
  for (unsigned int flags = 0; flags <= last_fork_flags (); flags += PIDFDFORK_ASYNCSAFE)
    {
      if (flags != 0 && NO_UNDERSCORE_FORK)
        return;
      open_line ();
      int descriptors = open_descriptors ();
      errno = 0;
      int pidfd = fork_telling (flags), error = errno;
      CHECK_EQ (pidfd, -1);
      CHECK_EQ (error, late->wanted);
      CHECK_EQ (open_descriptors (), descriptors);
      CHECK_NO_CHILD ();
      if (was_told ())
        FAIL ("code of the program ran in a child of the failed call");
    }
}

static void
try_late (int error, int wanted)
{
  for (int has_threads = 0; has_threads < 2; has_threads++)
    {
      struct late late = { error, wanted, has_threads };
      CHECK_EQ (in_fork (refuse_late, &late), 0);
    }
}

/* The kernel says so of a process that is being reaped. */
TEST (pidfd_open_says_EINVAL)
{
  try_late (EINVAL, ESRCH);
}

/* And since Linux 6.16 of a thread, which can have the number of a child that is gone. */
TEST (pidfd_open_says_ENOENT)
{
  try_late (ENOENT, ESRCH);
}

TEST (pidfd_open_says_ESRCH)
{
  try_late (ESRCH, ESRCH);
}

TEST (pidfd_open_says_ENFILE_or_ENOMEM)
{
  try_late (ENFILE, ENFILE);
  try_late (ENOMEM, ENOMEM);
}

TEST (pidfd_open_of_the_child_is_refused)
{
  try_late (EPERM, ENOSYS);
  try_late (EACCES, ENOSYS);
  try_late (ENOSYS, ENOSYS);
}

#else

TEST (fork_sandbox)
{
  SKIP ("fork gives no pidfd");
}

#endif
