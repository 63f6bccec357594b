/* SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * Callers without standard descriptors, as daemons are: 0, 1 and 2 are numbers like all others, for the pidfd, for file
 * actions, and for whatever an implementation opens for itself. */

#include "runner.h"

enum { UNTOUCHED = -7 };

/* Each bit of the set says that the standard descriptor of that number is to be closed. */
static void
close_standard (int set)
{
  for (int fd = 0; fd < 3; fd++)
    if (set >> fd & 1)
      {
        close (fd);
        CHECK (!is_open (fd));
      }
}

static void
check_closed (int set)
{
  for (int fd = 0; fd < 3; fd++)
    CHECK_EQ (!is_open (fd), set >> fd & 1);
}

/* Argument 0 is such a set: just these must be closed. */
CHILD (lacks)
{
  int set = atoi (argv[0]), found = 0;
  for (int fd = 0; fd < 3; fd++)
    found |= is_open (fd) ? 0 : 1 << fd;
  return found == set ? 0 : 10 + found;
}

static char **
lacks (int set)
{
  return child_argv ("lacks", format ("%d", set), NULL);
}

struct choice {
  int set;
  void (*body) (int set);
};

static void
run_choice (void *choice_)
{
  const struct choice *choice = choice_;
  close_standard (choice->set);
  choice->body (choice->set);
  check_closed (choice->set);
  CHECK_NO_CHILD ();
}

/* Every choice of closed ones, in a process of its own. */
static void
with_each (void (*body) (int set))
{
  for (int set = 1; set < 8; set++)
    {
      struct choice choice = { set, body };
      CHECK_EQ (in_fork (run_choice, &choice), 0);
    }
}

static void
spawn_plainly (int set)
{
  int lowest = set & 1 ? 0 : set & 2 ? 1 : 2;
  for (int call = 0; call < 2; call++)
    {
      int pidfd = UNTOUCHED;
      CHECK_EQ (both_calls[call](&pidfd, self_path, NULL, NULL, lacks (set), environ), 0);
      /* The kernel gives the lowest number, and it is a good one. */
      CHECK_EQ (pidfd, lowest);
      CHECK_EQ (fcntl (pidfd, F_GETFD), FD_CLOEXEC);
#if HAVE_LIBRARY
      CHECK_EQ (pidfd_getpid (pidfd), pid_of (pidfd));
#endif
      CHECK_EXIT (pidfd, 0);
      CHECK_EQ (both_calls[call](NULL, self_path, NULL, NULL, lacks (set), environ), 0);
      check_closed (set);
      int status;
      CHECK (waitpid (-1, &status, 0) > 0);
      CHECK_EQ (status, 0);
    }
}

TEST (spawn)
{
  with_each (spawn_plainly);
}

static void
spawn_with_errors (int set)
{
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init (&actions);
  posix_spawn_file_actions_adddup2 (&actions, 700, 5);
  for (int call = 0; call < 2; call++)
    {
      int pidfd = UNTOUCHED;
      CHECK_EQ (both_calls[call](&pidfd, "/nonexistent/program", NULL, NULL, lacks (set), environ), ENOENT);
      CHECK_EQ (pidfd, UNTOUCHED);
      check_closed (set);
      CHECK_EQ (both_calls[call](&pidfd, self_path, &actions, NULL, lacks (set), environ), EBADF);
      CHECK_EQ (pidfd, UNTOUCHED);
      check_closed (set);
    }
  posix_spawn_file_actions_destroy (&actions);
}

TEST (errors_are_reported)
{
  with_each (spawn_with_errors);
}

/* All three get something, in both orders; afterwards the child lacks none. */
static void
spawn_with_actions (int set)
{
  for (int backwards = 0; backwards < 2; backwards++)
    for (int call = 0; call < 2; call++)
      {
        posix_spawn_file_actions_t actions;
        posix_spawn_file_actions_init (&actions);
        for (int i = 0; i < 3; i++)
          posix_spawn_file_actions_addopen (&actions, backwards ? 2 - i : i, "/dev/null", O_RDWR, 0);
        int pidfd = UNTOUCHED;
        CHECK_EQ (both_calls[call](&pidfd, self_path, &actions, NULL, lacks (0), environ), 0);
        CHECK_EXIT (pidfd, 0);
        pidfd = UNTOUCHED;
        CHECK_EQ (both_calls[call](&pidfd, "/nonexistent/program", &actions, NULL, lacks (0), environ), ENOENT);
        CHECK_EQ (pidfd, UNTOUCHED);
        check_closed (set);
        /* Closing them is fine whether they are open or not. */
        for (int fd = 0; fd < 3; fd++)
          posix_spawn_file_actions_addclose (&actions, fd);
        for (int fd = 0; fd < 3; fd++)
          posix_spawn_file_actions_addclose (&actions, fd);
        CHECK_EQ (both_calls[call](&pidfd, self_path, &actions, NULL, lacks (7), environ), 0);
        CHECK_EXIT (pidfd, 0);
        posix_spawn_file_actions_destroy (&actions);
      }
}

TEST (actions_to_the_standard_descriptors)
{
  with_each (spawn_with_actions);
}

/* In the child they are closed: the pidfd, which may have such a number in the caller, is not there. */
static void
spawn_with_closed_sources (int set)
{
  for (int fd = 0; fd < 3; fd++)
    for (int call = 0; call < 2; call++)
      {
        int closed = set >> fd & 1, pidfd = UNTOUCHED;
        posix_spawn_file_actions_t actions;
        posix_spawn_file_actions_init (&actions);
        posix_spawn_file_actions_adddup2 (&actions, fd, 50);
        CHECK_EQ (both_calls[call](&pidfd, self_path, &actions, NULL, lacks (set), environ), closed ? EBADF : 0);
        if (!closed)
          CHECK_EXIT (pidfd, 0);
        else
          CHECK_EQ (pidfd, UNTOUCHED);
        posix_spawn_file_actions_destroy (&actions);
      }
}

TEST (actions_from_closed_standard_descriptors)
{
  with_each (spawn_with_closed_sources);
}

/* Pidfds with the numbers 0 to 2 are the caller's, close-on-exec, and can be used like others. */
TEST_LEAVING (pidfds_with_standard_numbers)
{
  close_standard (7);
  int pidfds[4];
  for (int i = 0; i < 4; i++)
    CHECK_EQ (both_calls[i % 2](&pidfds[i], self_path, NULL, NULL, lacks (7), environ), 0);
  for (int i = 0; i < 3; i++)
    CHECK_EQ (pidfds[i], i);
  for (int i = 0; i < 4; i++)
    CHECK_EXIT (pidfds[i], 0);
}

#if HAVE_LIBRARY

static void
fork_plainly (int set)
{
  for (unsigned int flags = 0; flags <= last_fork_flags (); flags += PIDFDFORK_ASYNCSAFE)
    {
      int pidfd = pidfd_fork (flags);
      if (pidfd == 0)
        {
          int found = 0;
          for (int fd = 0; fd < 3; fd++)
            found |= is_open (fd) ? 0 : 1 << fd;
          _exit (found == set ? 0 : 10 + found);
        }
      CHECK (pidfd > 0);
      if (set & 1)
        CHECK (!is_open (0));
      CHECK_EQ (fcntl (pidfd, F_GETFD), FD_CLOEXEC);
      CHECK_EXIT (pidfd, 0);
    }
}

TEST (fork_gives_no_zero)
{
  with_each (fork_plainly);
}

/* The other way of a spawn may need descriptors of its own. */
static void
without_clone3 (int set)
{
  refuse_call (SYS_clone3, ENOSYS);
  spawn_with_errors (set);
  spawn_plainly (set);
  spawn_with_actions (set);
  spawn_with_closed_sources (set);
}

TEST (spawn_without_clone3)
{
  with_each (without_clone3);
}

#endif
