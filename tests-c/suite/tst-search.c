/* SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * The PATH search of spawnp when execve fails for reasons that no ordinary file gives: a network file system that has
 * lost the file, a device that is not there.  A thread of the test answers the child's execve by way of seccomp. */

#include "runner.h"


CHILD (exit_with)
{
  return atoi (argv[0]);
}

/* The first calls of execve get these errors, 0 is the end; then it works as ever. */
struct script {
  int listener;
  int errors[4];
  int calls;
};

static void *
answer (void *script_)
{
  struct script *script = script_;
  for (;;)
    {
      struct notified_call call;
      if (!receive_call (script->listener, &call))
        {
          if (errno == EINTR || errno == ENOENT)
            continue;
          return NULL;
        }
      int error = script->errors[script->calls];
      script->calls += error != 0;
      if (error)
        answer_call (script->listener, &call, error);
      else
        continue_call (script->listener, &call);
    }
}

static int
listen_to_execve (void)
{
  return LISTEN ({ .call = SYS_execve, .action = FILTER_NOTIFY });
}

/* The program is in the last of four directories. */
static void
check_search (int first, int second, int third, int wanted)
{
  for (int i = 0; i < 4; i++)
    CHECK (mkdir (test_path (format ("%d", i)), 0755) == 0);
  CHECK (symlink (self_path, test_path ("3/program")) == 0);
  CHECK (setenv ("PATH", format ("%s:%s:%s:%s", test_path ("0"), test_path ("1"), test_path ("2"), test_path ("3")), 1)
         == 0);
  struct script script = { listen_to_execve (), { first, second, third, 0 }, 0 };
  pthread_t thread;
  CHECK_EQ (pthread_create (&thread, NULL, answer, &script), 0);

  int pidfd = -1, error = SPAWNP (&pidfd, "program", NULL, NULL, child_argv ("exit_with", "4", NULL), environ);
  if (error == 0)
    CHECK_EXIT (pidfd, 4);
  else
    CHECK_EQ (pidfd, -1);
  CHECK_EQ (error, wanted);
  CHECK_NO_CHILD ();
}

/* The thread and its listener live as long as the process. */
#define SEARCH(name_, first_, second_, third_, wanted_)                                                                \
  TEST_LEAVING (name_)                                                                                                 \
  {                                                                                                                    \
    check_search (first_, second_, third_, wanted_);                                                                   \
  }

SEARCH (nothing_special, ENOENT, ENOENT, ENOENT, 0)
SEARCH (a_stale_file_goes_on, ESTALE, ENOENT, ENOENT, 0)
SEARCH (a_device_that_is_missing_goes_on, ENODEV, ENOENT, ENOENT, 0)
SEARCH (a_file_system_that_does_not_answer_goes_on, ETIMEDOUT, ENOENT, ENOENT, 0)
SEARCH (a_way_through_a_file_goes_on, ENOTDIR, ENOENT, ENOENT, 0)
SEARCH (no_permission_goes_on, EACCES, ENOENT, ENOENT, 0)
SEARCH (all_that_goes_on_at_once, ESTALE, ENODEV, ETIMEDOUT, 0)
SEARCH (a_loop_of_links_ends_it, ELOOP, ENOENT, ENOENT, ELOOP)
SEARCH (a_broken_disk_ends_it, ENOENT, EIO, ENOENT, EIO)
SEARCH (no_memory_ends_it, ENOENT, ENOENT, ENOMEM, ENOMEM)
SEARCH (an_error_that_ends_it_wins_over_no_permission, EACCES, ETXTBSY, ENOENT, ETXTBSY)
SEARCH (no_right_ends_it, EPERM, ENOENT, ENOENT, EPERM)

/* Nothing is found at all: the last directory does not have the program. */
static void
check_fruitless_search (int first, int second, int wanted)
{
  CHECK (setenv ("PATH", "/nonexistent:/nonexistent", 1) == 0);
  struct script script = { listen_to_execve (), { first, second, 0 }, 0 };
  pthread_t thread;
  CHECK_EQ (pthread_create (&thread, NULL, answer, &script), 0);
  int pidfd = -1;
  CHECK_ERROR (SPAWNP (&pidfd, "program", NULL, NULL, child_argv ("exit_with", "4", NULL), environ), wanted);
  CHECK_EQ (script.calls, 2);
}

TEST_LEAVING (the_last_error_is_the_answer)
{
  check_fruitless_search (ENOENT, ESTALE, ESTALE);
}

TEST_LEAVING (the_first_error_is_not_the_answer)
{
  check_fruitless_search (ENODEV, ENOENT, ENOENT);
}

TEST_LEAVING (no_permission_is_the_answer_whatever_comes_later)
{
  check_fruitless_search (EACCES, ETIMEDOUT, EACCES);
}
