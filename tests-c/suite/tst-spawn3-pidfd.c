/* SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * A small descriptor limit.  With no descriptor left for the pidfd there must not be a child, not even for a moment;
 * with one left the actions must manage with what they close themselves. */

#include "runner.h"

enum { LIMIT = 24 };

/* The descriptors that the test opened, in order. */
static int mine[LIMIT], mine_count;

static void
fill_the_table (void)
{
  struct rlimit limit = { LIMIT, LIMIT };
  CHECK (setrlimit (RLIMIT_NOFILE, &limit) == 0);
  int fd;
  while ((fd = open ("/dev/null", O_RDONLY)) >= 0)
    mine[mine_count++] = fd;
  CHECK_EQ (errno, EMFILE);
  if (mine_count < 8)
    SKIP ("only %d descriptors below %d were free", mine_count, LIMIT);
}

static void
empty_the_table (void)
{
  while (mine_count > 0)
    close (mine[--mine_count]);
}

/* A shell with this command, as the arguments of a program. */
static char **
shell (const char *command)
{
  char **argv = calloc (4, sizeof *argv);
  argv[0] = (char *) "sh";
  argv[1] = (char *) "-c";
  argv[2] = format ("%s", command);
  return argv;
}

#if HAVE_LIBRARY

/* A child that is made and taken back at once leaves no zombie, but it has sent its SIGCHLD. */
static volatile sig_atomic_t chld_count;

static void
count_chld (int signal)
{
  (void) signal;
  chld_count++;
}

TEST (no_free_descriptor_is_EMFILE)
{
  fill_the_table ();
  char *before = descriptor_table ();
  for (int call = 0; call < 2; call++)
    {
      int pidfd = -1;
      CHECK_ERROR (both_calls[call](&pidfd, "/bin/sh", NULL, NULL, shell ("exit 0"), environ), EMFILE);
      CHECK_EQ (pidfd, -1);
      CHECK_NO_CHILD ();
    }
  CHECK_STR (descriptor_table (), before);
  empty_the_table ();
}

TEST (no_free_descriptor_is_EMFILE_before_any_other_error)
{
  /* With a program that does not exist, ENOENT would show that a child had tried. */
  fill_the_table ();
  int pidfd = -1;
  CHECK_ERROR (SPAWN (&pidfd, "/there/is/no/such/program", NULL, NULL, shell ("exit 0"), environ), EMFILE);
  CHECK_EQ (pidfd, -1);
  empty_the_table ();
}

TEST (a_limit_below_what_is_open_is_EMFILE)
{
  struct rlimit none = { 0, 0 };
  CHECK (setrlimit (RLIMIT_NOFILE, &none) == 0);
  int pidfd = -1;
  CHECK_ERROR (SPAWN (&pidfd, "/bin/sh", NULL, NULL, shell ("exit 0"), environ), EMFILE);
  CHECK_EQ (pidfd, -1);
}

TEST (with_no_free_descriptor_nothing_runs)
{
  fill_the_table ();
  int pidfd = -1;
  char *command = format ("echo yes >%s", test_path ("executed"));
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init (&actions);
  for (int i = 0; i < mine_count; i++)
    CHECK_EQ (posix_spawn_file_actions_addclose (&actions, mine[i]), 0);
  CHECK_ERROR (SPAWN (&pidfd, "/bin/sh", &actions, NULL, shell (command), environ), EMFILE);
  CHECK_ERROR (SPAWNP (&pidfd, "sh", &actions, NULL, shell (command), environ), EMFILE);
  empty_the_table ();
  CHECK (access (test_path ("executed"), F_OK) != 0);
  posix_spawn_file_actions_destroy (&actions);
}

TEST (with_no_free_descriptor_no_child_ends)
{
  struct sigaction counting = { .sa_handler = count_chld };
  CHECK (sigaction (SIGCHLD, &counting, NULL) == 0);
  fill_the_table ();
  int pidfd = -1;
  for (int i = 0; i < 10; i++)
    CHECK_ERROR (SPAWN (&pidfd, "/bin/sh", NULL, NULL, shell ("exit 0"), environ), EMFILE);
  empty_the_table ();
  CHECK_EQ (chld_count, 0);
}

TEST (with_no_free_descriptor_the_system_makes_no_process)
{
  int stat = open ("/proc/stat", O_RDONLY | O_CLOEXEC), pidfd = -1;
  processes_made (stat);
  fill_the_table ();
  char **argv = shell ("exit 0");
  /* Others make processes as well; once in a while they are fewer than ours would be. */
  enum { CALLS = 50 };
  long made = CALLS;
  for (int i = 0; i < 20 && made >= CALLS; i++)
    {
      long before = processes_made (stat);
      for (int j = 0; j < CALLS; j++)
        CHECK_ERROR (SPAWN (&pidfd, "/bin/sh", NULL, NULL, argv, environ), EMFILE);
      made = processes_made (stat) - before;
    }
  empty_the_table ();
  close (stat);
  CHECK (made < CALLS);
}

#endif

/* One descriptor is free, and the pidfd needs it.  The shell will want some to load its libraries, so that the closes
   count as well.  The shell writes into the file "out" by the descriptor mine[0], which an action opens
   at the limit. */
static int freed;
static posix_spawn_file_actions_t actions;

static void
leave_one_free (void)
{
#if !HAVE_LIBRARY && !defined __GLIBC__
  SKIP ("the libc's posix_spawn may need a pipe");
#endif
  fill_the_table ();
  freed = mine[--mine_count];
  CHECK (close (freed) == 0);
  posix_spawn_file_actions_init (&actions);
}

static void
open_out (void)
{
  CHECK_EQ (posix_spawn_file_actions_addopen (&actions, mine[0], test_path ("out"), O_WRONLY | O_CREAT, 0600), 0);
}

static void
add_dup2 (int from, int to)
{
  CHECK_EQ (posix_spawn_file_actions_adddup2 (&actions, from, to), 0);
}

/* Starts the shell, which has none of our descriptors. */
static int
start_shell (const char *command)
{
  int pidfd = -1;
  for (int i = 0; i < mine_count; i++)
    CHECK_EQ (posix_spawn_file_actions_addclose (&actions, mine[i]), 0);
  CHECK_EQ (SPAWN (&pidfd, "/bin/sh", &actions, NULL, shell (command), environ), 0);
  return pidfd;
}

static void
free_all (void)
{
  posix_spawn_file_actions_destroy (&actions);
  empty_the_table ();
}

TEST (the_one_free_descriptor_becomes_the_pidfd)
{
  leave_one_free ();
  int pidfd = start_shell ("exit 7");
  CHECK_EQ (pidfd, freed);
  CHECK_EQ (open ("/dev/null", O_RDONLY), -1);
  CHECK_EXIT (pidfd, 7);
  free_all ();
}

TEST (an_open_action_at_the_limit_closes_first)
{
  leave_one_free ();
  open_out ();
  add_dup2 (mine[0], 1);
  CHECK_EXIT (start_shell ("echo written"), 0);
  free_all ();
  CHECK_STR (read_file (test_path ("out")), "written\n");
}

TEST (the_shells_own_pid_is_that_of_the_child)
{
  leave_one_free ();
  open_out ();
  add_dup2 (mine[0], 1);
  int pidfd = start_shell ("echo $$");
  /* Before Linux 6.13 pidfd_getpid needs a free descriptor. */
  free_all ();
#if HAVE_LIBRARY
  pid_t known = pidfd_getpid (pidfd);
#endif
  siginfo_t info = reap (pidfd);
  CHECK_EQ (info.si_code, CLD_EXITED);
  CHECK_EQ (info.si_status, 0);
  CHECK_STR (read_file (test_path ("out")), format ("%d\n", (int) info.si_pid));
#if HAVE_LIBRARY
  CHECK_EQ (known, info.si_pid);
#endif
}

TEST (dup2_at_the_limit_onto_a_closed_and_onto_an_open_number)
{
  leave_one_free ();
  open_out ();
  CHECK_EQ (posix_spawn_file_actions_addclose (&actions, 1), 0);
  add_dup2 (mine[0], 1);
  add_dup2 (mine[0], 2);
  CHECK_EXIT (start_shell ("echo one; echo two >&2"), 0);
  free_all ();
  CHECK_STR (read_file (test_path ("out")), "one\ntwo\n");
}
