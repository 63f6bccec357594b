/* SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * pidfd_fork when one side does not come to the end of the call: the parent is killed, or another thread of it executes
 * a program, or a handler of the child lasts.  A child whose parent is gone goes away at once, with the descriptors
 * that it has; nobody waits for the other side's handlers.  A parent whose first thread is gone is not. */

#include "fork.h"
#include "users.h"

#include <sys/mount.h>
#include <sys/prctl.h>

#if HAVE_LIBRARY

/* Another thread executes a program. */

static volatile bool in_call;

static void
last_a_while (void)
{
  in_call = true;
  sleep (60);
}

static volatile pid_t *holder;

/* A process that has copies of all descriptors lives on.  Not by fork: a libc may hold its own lock here. */
static void
leave_a_holder (void)
{
  await_child ();
  if (pidfd_fork (PIDFDFORK_ASYNCSAFE) == 0)
    {
      close (line[1]);
      *holder = getpid ();
      for (;;)
        pause ();
    }
  while (*holder == 0)
    usleep (1000);
}

static void
leave_a_holder_and_last_a_while (void)
{
  leave_a_holder ();
  last_a_while ();
}

static void
share_holder (void)
{
  holder = mmap (NULL, sizeof *holder, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  CHECK (holder != MAP_FAILED);
}

/* Argument 0 is the line to read from, over which the child must not tell; argument 1 is a process
   to end afterwards. */
CHILD (upgraded)
{
  int status;
  char byte;
  struct pollfd end = { .fd = atoi (argv[0]), .events = POLLIN };
  if (poll (&end, 1, PROMPT) != 1)
    FAIL ("the child of the call is left, with its descriptors");
  if (read (end.fd, &byte, 1) != 0)
    FAIL ("the child returned from the call");
  CHECK (waitpid (-1, &status, 0) > 0);
  CHECK (WIFSIGNALED (status) || WEXITSTATUS (status) != FINE);
  if (atoi (argv[1]))
    {
      CHECK (kill (atoi (argv[1]), SIGKILL) == 0);
      CHECK (waitpid (-1, &status, 0) > 0);
    }
  CHECK_NO_CHILD ();
  return FINE;
}

static void *
upgrade (void *unused)
{
  while (!in_call)
    usleep (1000);
  /* For the child to come to where it waits. */
  usleep (50000);
  CHECK (fcntl (line[0], F_SETFD, 0) == 0);
  execv (self_path, child_argv ("upgraded", format ("%d", line[0]), format ("%d", (int) *holder), NULL));
  FAIL ("%s: %s", self_path, strerror (errno));
  return unused;
}

struct upgrade {
  void (*in_parent) (void);
  long refused[2];
};

static void
fork_while_upgraded (void *upgrade_)
{
  const struct upgrade *how = upgrade_;
  pthread_t thread;
  share_holder ();
  register_handlers (how->in_parent);
  open_line ();
  for (int i = 0; i < 2; i++)
    if (how->refused[i])
      refuse_call (how->refused[i], EPERM);
  CHECK_EQ (pthread_create (&thread, NULL, upgrade, NULL), 0);
  fork_telling (0);
  FAIL ("no program was executed");
}

static void
check_upgrade (void (*in_parent) (void), long first_refused, long second_refused)
{
  struct upgrade how = { in_parent, { first_refused, second_refused } };
  int status = in_fork (fork_while_upgraded, &how);
  CHECK (WIFEXITED (status));
  CHECK_EQ (WEXITSTATUS (status), FINE);
}

TEST (another_thread_executes_a_program)
{
  check_upgrade (last_a_while, 0, 0);
}

/* The end of a pipe tells it. */
TEST (another_thread_executes_a_program_that_may_not_be_looked_into)
{
  check_upgrade (last_a_while, SYS_kcmp, 0);
}

/* That there are several threads is to be seen in another way then. */
TEST (another_thread_executes_a_program_in_a_container)
{
  check_upgrade (last_a_while, SYS_kcmp, SYS_unshare);
}

/* Now a pipe has no end. */
TEST (another_thread_executes_a_program_beside_a_holder)
{
  /* 0: a file */
  if (syscall (SYS_kcmp, getpid (), getppid (), 0, 0, 0) < 0)
    SKIP ("files of other processes cannot be compared: %s", strerror (errno));
  check_upgrade (leave_a_holder_and_last_a_while, 0, 0);
}

/* The same with no handler: the caller is met when it is about to open a pidfd on its child. */

static int listener;

static void *
upgrade_when_notified (void *unused)
{
  struct notified_call call;
  while (!receive_call (listener, &call))
    continue;
  in_call = true;
  return upgrade (unused);
}

static void
fork_asyncsafe_while_upgraded (void *unused)
{
  (void) unused;
  pthread_t thread;
  share_holder ();
  open_line ();
  listener = filter_pidfds_of_others (FILTER_NOTIFY, FILTER_LISTENER);
  CHECK_EQ (pthread_create (&thread, NULL, upgrade_when_notified, NULL), 0);
  fork_telling (PIDFDFORK_ASYNCSAFE);
  FAIL ("no program was executed");
}

TEST (another_thread_executes_a_program_asyncsafe)
{
  if (NO_UNDERSCORE_FORK)
    SKIP ("the child is made together with its pidfd");
  int status = in_fork (fork_asyncsafe_while_upgraded, NULL);
  CHECK (WIFEXITED (status));
  CHECK_EQ (WEXITSTATUS (status), FINE);
}

/* A signal comes to the child while it waits in the call, which has no handlers. */

static void
tell_of_the_signal (int signal)
{
  (void) signal;
  tell ();
}

static void *
signal_and_kill_when_notified (void *unused)
{
  struct notified_call call;
  while (!receive_call (listener, &call))
    continue;
  pid_t child = (pid_t) call.arguments[0];
  CHECK (child > 1);
  usleep (50000);
  CHECK (kill (child, SIGUSR1) == 0);
  usleep (50000);
  CHECK (kill (child, SIGKILL) == 0);
  CHECK (continue_call (listener, &call));
  return unused;
}

/* The listener stays. */
TEST_LEAVING (a_signal_for_an_asyncsafe_child_is_not_taken_before_it_has_a_name)
{
  if (NO_UNDERSCORE_FORK)
    SKIP ("the child is made together with its pidfd");
  struct sigaction telling = { .sa_handler = tell_of_the_signal };
  pthread_t thread;
  CHECK (sigaction (SIGUSR1, &telling, NULL) == 0);
  open_line ();
  listener = filter_pidfds_of_others (FILTER_NOTIFY, FILTER_LISTENER);
  CHECK_EQ (pthread_create (&thread, NULL, signal_and_kill_when_notified, NULL), 0);
  int pidfd = pidfd_fork (PIDFDFORK_ASYNCSAFE);
  if (pidfd == 0)
    _exit (FINE);
  CHECK_EQ (pthread_join (thread, NULL), 0);
  if (was_told ())
    FAIL ("a signal handler ran in a child that had no name yet");
  if (pidfd > 0)
    CHECK_KILLED (pidfd, SIGKILL);
}

/* The first thread of the parent, by which others know the process, is not the one that forks.  The child waits long
   enough to look what the parent has. */

static void
fork_beside_the_first_thread (void)
{
  CHECK_EQ (pthread_atfork (NULL, take_time, NULL), 0);
  int pidfd = fork_by (0);
  if (pidfd == 0)
    _exit (FINE);
  CHECK_EXIT (pidfd, FINE);
}

static void *
fork_after_the_first_thread (void *unused)
{
  (void) unused;
  while (activity_of (getpid ()) != 'Z')
    usleep (1000);
  fork_beside_the_first_thread ();
  _exit (0);
}

static void
end_the_first_thread (void *unused)
{
  pthread_t thread;
  CHECK_EQ (pthread_create (&thread, NULL, fork_after_the_first_thread, unused), 0);
  pthread_exit (NULL);
}

TEST (the_first_thread_has_ended)
{
  CHECK_EQ (in_fork (end_the_first_thread, NULL), 0);
}

/* What the thread has under that number is not what the first one has. */
static void *
fork_with_other_descriptors (void *number)
{
  if (unshare (CLONE_FILES) != 0)
    SKIP ("descriptors cannot be unshared: %s", strerror (errno));
  CHECK (close (*(int *) number) == 0);
  fork_beside_the_first_thread ();
  return NULL;
}

TEST (the_first_thread_has_other_descriptors)
{
  pthread_t thread;
  int number = fcntl (1, F_DUPFD_CLOEXEC, 3);
  CHECK (number >= 0);
  CHECK_EQ (pthread_create (&thread, NULL, fork_with_other_descriptors, &number), 0);
  CHECK_EQ (pthread_join (thread, NULL), 0);
  CHECK (close (number) == 0);
}

/* The parent is killed. */

static void
be_killed (void)
{
  await_child ();
  kill (getpid (), SIGKILL);
}

static void
be_killed_later (void)
{
  await_child ();
  usleep (100000);
  kill (getpid (), SIGKILL);
}

/* With memory that takes the kernel longer than the child waits between two looks. */
static void
be_killed_slowly (void)
{
  enum { MUCH = 128 << 20 };
  char *memory = mmap (NULL, MUCH, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  CHECK (memory != MAP_FAILED);
  madvise (memory, MUCH, MADV_NOHUGEPAGE);
  memset (memory, 1, MUCH);
  be_killed_later ();
}

/* The child then looks at what its parent does. */
static void
lose_descriptors (void)
{
  for (int fd = 3; armed && fd < 256; fd++)
    if (fd != line[1])
      close (fd);
}

static void
be_killed_and_leave_a_holder (void)
{
  leave_a_holder ();
  be_killed ();
}

struct death {
  void (*in_parent) (void);
  unsigned int flags;
  uint32_t on_pidfd_open;
  void (*in_child) (void);
  bool in_namespace; /* the child is process 1 of a new one and does not know its parent's number */
};

static void
die_in_the_call (const struct death *death, bool has_threads)
{
  if (death->flags != 0 && NO_UNDERSCORE_FORK)
    SKIP ("the child is made together with its pidfd");
  if (death->in_child && !descriptors_are_available ())
    SKIP ("the parent's descriptors are unavailable");
  struct rlimit none = { 0, 0 };
  CHECK (prctl (PR_SET_CHILD_SUBREAPER, 1) == 0);
  setrlimit (RLIMIT_CORE, &none);
  share_holder ();
  register_handlers (death->in_parent);
  if (death->in_child)
    CHECK_EQ (pthread_atfork (NULL, NULL, death->in_child), 0);
  open_line ();
  pid_t parent = fork ();
  CHECK (parent >= 0);
  if (parent == 0)
    {
      if (has_threads)
        start_idle_threads (1);
      if (death->in_namespace && unshare (CLONE_NEWPID) != 0)
        SKIP ("no PID namespace: %s", strerror (errno));
      if (death->on_pidfd_open)
        filter_pidfds_of_others (death->on_pidfd_open, FILTER_PLAIN);
      fork_telling (death->flags);
      _exit (FINE);
    }
  int status;
  CHECK_EQ (waitpid (parent, &status, 0), parent);
  if (WIFEXITED (status) && WEXITSTATUS (status) == 77)
    _exit (77);
  CHECK (WIFSIGNALED (status));
  if (was_told ())
    FAIL ("the orphan returned from the call");
  if (*holder > 0)
    CHECK (kill (*holder, SIGKILL) == 0);
  /* What is left of the family is ours. */
  pid_t pid;
  while ((pid = waitpid (-1, &status, 0)) > 0)
    CHECK (WIFSIGNALED (status) || WEXITSTATUS (status) != FINE);
}

#define DEATH(name_, ...)                                                                                              \
  TEST (name_##_alone)                                                                                                 \
  {                                                                                                                    \
    die_in_the_call (&(struct death) { __VA_ARGS__ }, false);                                                          \
  }                                                                                                                    \
  TEST (name_##_among_threads)                                                                                         \
  {                                                                                                                    \
    die_in_the_call (&(struct death) { __VA_ARGS__ }, true);                                                           \
  }

DEATH (the_parent_is_killed_in_a_handler, .in_parent = be_killed)
DEATH (the_parent_is_killed_and_a_holder_is_left, .in_parent = be_killed_and_leave_a_holder)
DEATH (the_parent_is_killed_and_the_child_has_no_descriptors, .in_parent = be_killed_later,
       .in_child = lose_descriptors)
DEATH (the_parent_takes_time_to_end_and_the_child_has_no_descriptors, .in_parent = be_killed_slowly,
       .in_child = lose_descriptors)
/* The child has seen that its parent was in the call, and when it looks again there is no parent. */
TEST (the_parent_ends_after_the_call_and_the_child_has_no_descriptors)
{
  if (!descriptors_are_available ())
    SKIP ("the parent's descriptors are unavailable");
  CHECK (prctl (PR_SET_CHILD_SUBREAPER, 1) == 0);
  register_handlers (take_time);
  CHECK_EQ (pthread_atfork (NULL, NULL, lose_descriptors), 0);
  open_line ();
  pid_t parent = fork ();
  CHECK (parent >= 0);
  if (parent == 0)
    _exit (fork_telling (0) > 0 ? FINE : 1);
  int status;
  CHECK_EQ (waitpid (parent, &status, 0), parent);
  CHECK (WIFEXITED (status) && WEXITSTATUS (status) == FINE);
  CHECK (was_told ());
  CHECK (waitpid (-1, &status, 0) > 0);
  CHECK (WIFEXITED (status) && WEXITSTATUS (status) == FINE);
}

DEATH (the_parent_is_killed_outside_a_namespace, .in_parent = be_killed, .in_namespace = true)
DEATH (the_parent_is_killed_by_a_filter, .on_pidfd_open = FILTER_KILL)
DEATH (the_parent_is_killed_by_a_filter_asyncsafe, .flags = PIDFDFORK_ASYNCSAFE,
       .on_pidfd_open = FILTER_KILL)

#endif

/* Nor does procfs know it, which is of the namespace outside, unless a process there has the same number. */
static void
fork_unknown (void)
{
  if (access (format ("/proc/%d", (int) getpid ()), F_OK) == 0)
    _exit (0);
  if (unshare (CLONE_NEWPID) != 0)
    SKIP ("no PID namespace: %s", strerror (errno));
  CHECK_EQ (pthread_atfork (NULL, take_time, NULL), 0);
  int pidfd = FORK (0);
  if (pidfd == 0)
    _exit (FINE);
  CHECK_EXIT (pidfd, FINE);
  _exit (FINE);
}

/* Nor does one that hides what the child may not look into: the parent is undumpable by its change of user. */
static void
fork_hidden (void *unused)
{
  (void) unused;
  if (unshare (CLONE_NEWNS) != 0 || mount (NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0
      || mount ("proc", "/proc", "proc", 0, "hidepid=2") != 0 || unshare (CLONE_NEWPID) != 0)
    SKIP ("no procfs that hides processes, or no PID namespace: %s", strerror (errno));
  CHECK (syscall (SETGROUPS, 0, NULL) == 0 && become_group (GROUP, GROUP, GROUP) && become (USER, USER, USER));
  if (access ("/proc/1", F_OK) == 0)
    SKIP ("procfs hides nothing here");
  CHECK (prctl (PR_SET_DUMPABLE, 0, 0, 0, 0) == 0);
  CHECK_EQ (pthread_atfork (NULL, take_time, NULL), 0);
  int pidfd = FORK (0);
  if (pidfd == 0)
    _exit (FINE);
  CHECK_EXIT (pidfd, FINE);
}

TEST (a_slow_parent_that_procfs_hides)
{
  need_users ();
  CHECK_EQ (in_fork (fork_hidden, NULL), 0);
}

/* The exit status of a child that does this. */
static int
status_of_child (void (*body) (void))
{
  pid_t pid = fork ();
  CHECK (pid >= 0);
  if (pid == 0)
    body ();
  int status;
  CHECK_EQ (waitpid (pid, &status, 0), pid);
  CHECK (WIFEXITED (status));
  return WEXITSTATUS (status);
}

static void
try_numbers (void)
{
  int status = 0;
  for (int tries = 0; status == 0 && tries < 10000; tries++)
    status = status_of_child (fork_unknown);
  _exit (status);
}

TEST (a_slow_parent_that_nobody_knows)
{
  if (unshare (CLONE_NEWPID) != 0)
    SKIP ("no PID namespace: %s", strerror (errno));
  int status = status_of_child (try_numbers);
  if (status == 77)
    _exit (77);
  CHECK_EQ (status, FINE);
}

/* A handler of the child that waits for what the parent does after the call. */

static struct {
  volatile bool returned, in_time;
} *parents;

static void
wait_for_the_parents_return (void)
{
  for (int pause = 0; pause < PROMPT && !parents->returned; pause++)
    usleep (1000);
  parents->in_time = parents->returned;
}

ALONE_AND_AMONG_THREADS (a_child_handler_that_waits_for_the_parent)
{
  parents = mmap (NULL, sizeof *parents, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  CHECK (parents != MAP_FAILED);
  CHECK_EQ (pthread_atfork (NULL, NULL, wait_for_the_parents_return), 0);
  int pidfd = FORK (0);
  parents->returned = pidfd != 0;
  if (pidfd == 0)
    _exit (FINE);
  CHECK_EXIT (pidfd, FINE);
  if (!parents->in_time)
    FAIL ("the call does not return before the child's handlers do");
}
