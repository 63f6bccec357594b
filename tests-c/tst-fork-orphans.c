/* SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * pidfd_fork when one side does not come to the end of the call: the parent is killed, or another thread of it executes a
 * program, or a handler of the child lasts.  A child whose parent is gone goes away at once, with the descriptors that it
 * has; nobody waits for the other side's handlers. */

#include "fork.h"

#if HAVE_LIBRARY

#include <sys/ioctl.h>

/* Another thread executes a program. */

static volatile bool in_call;

static void
last_a_while (void)
{
  in_call = true;
  sleep (60);
}

/* Argument 0 is the line to read from, over which the child must not tell. */
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
  execv (self_path, child_argv ("upgraded", format ("%d", line[0]), NULL));
  FAIL ("%s: %s", self_path, strerror (errno));
  return unused;
}

static void
fork_while_upgraded (void *unused)
{
  (void) unused;
  pthread_t thread;
  register_handlers (last_a_while);
  open_line ();
  CHECK_EQ (pthread_create (&thread, NULL, upgrade, NULL), 0);
  fork_telling (0);
  FAIL ("no program was executed");
}

TEST (another_thread_executes_a_program)
{
  int status = in_fork (fork_while_upgraded, NULL);
  CHECK (WIFEXITED (status));
  CHECK_EQ (WEXITSTATUS (status), FINE);
}

#if defined SECCOMP_IOCTL_NOTIF_RECV && defined SECCOMP_FILTER_FLAG_NEW_LISTENER

/* The same with no handler: the caller is met when it is about to open a pidfd on its child. */

static int listener;

static void *
upgrade_when_notified (void *unused)
{
  struct seccomp_notif request;
  do
    memset (&request, 0, sizeof request);
  while (ioctl (listener, SECCOMP_IOCTL_NOTIF_RECV, &request) != 0);
  in_call = true;
  return upgrade (unused);
}

static void
fork_asyncsafe_while_upgraded (void *unused)
{
  (void) unused;
  pthread_t thread;
  open_line ();
  listener = filter_pidfds_of_others (SECCOMP_RET_USER_NOTIF, SECCOMP_FILTER_FLAG_NEW_LISTENER);
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

#endif

/* The parent is killed. */

static volatile pid_t *holder;

static void
be_killed (void)
{
  await_child ();
  kill (getpid (), SIGKILL);
}

/* A process that has copies of all descriptors lives on.  Not by fork: a libc may hold its own lock here. */
static void
be_killed_and_leave_a_holder (void)
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
  kill (getpid (), SIGKILL);
}

struct death {
  void (*in_parent) (void);
  unsigned int flags;
  uint32_t on_pidfd_open;
  bool in_namespace; /* the child is process 1 of a new one and does not know its parent's number */
};

static void
die_in_the_call (const struct death *death, bool in_company)
{
  if (death->flags != 0 && NO_UNDERSCORE_FORK)
    SKIP ("the child is made together with its pidfd");
  struct rlimit none = { 0, 0 };
  CHECK (prctl (PR_SET_CHILD_SUBREAPER, 1) == 0);
  setrlimit (RLIMIT_CORE, &none);
  holder = mmap (NULL, sizeof *holder, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  CHECK (holder != MAP_FAILED);
  register_handlers (death->in_parent);
  open_line ();
  pid_t parent = fork ();
  CHECK (parent >= 0);
  if (parent == 0)
    {
      if (in_company)
        get_company ();
      if (death->in_namespace && unshare (CLONE_NEWPID) != 0)
        SKIP ("no PID namespace: %s", strerror (errno));
      if (death->on_pidfd_open)
        filter_pidfds_of_others (death->on_pidfd_open, 0);
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
  if (*holder)
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
DEATH (the_parent_is_killed_outside_a_namespace, .in_parent = be_killed, .in_namespace = true)
DEATH (the_parent_is_killed_by_a_filter, .on_pidfd_open = SECCOMP_RET_KILL_PROCESS)
DEATH (the_parent_is_killed_by_a_filter_asyncsafe, .flags = PIDFDFORK_ASYNCSAFE,
       .on_pidfd_open = SECCOMP_RET_KILL_PROCESS)

#endif

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

ALONE_AND_NOT (a_child_handler_that_waits_for_the_parent)
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
