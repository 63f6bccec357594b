/* SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * The functions that place a child in a cgroup on a libc that has none, and posix_spawn and posix_spawnp, which honour
 * the flag then and are the libc's own otherwise. */

#include "runner.h"

#if HAVE_LIBRARY && !defined MODE_STATIC

#include "cgroup.h"

# ifdef MODE_PRELOADED
#  define WEAK __attribute__ ((weak))
extern int posix_spawnattr_getcgroup_np (const posix_spawnattr_t *, int *) WEAK;
extern int posix_spawnattr_setcgroup_np (posix_spawnattr_t *, int) WEAK;
# endif
# ifndef POSIX_SPAWN_SETCGROUP
#  define POSIX_SPAWN_SETCGROUP 0x100
# endif

enum { NOBODY_PID = -7 };

CHILD (exit_with)
{
  return atoi (argv[0]);
}

/* Says by its exit status whether it is in the cgroup of that name. */
CHILD (expect_cgroup)
{
  char *cgroup = cgroup_of (getpid ());
  size_t length = strlen (cgroup), wanted = strlen (argv[0]);
  return length >= wanted && strcmp (cgroup + length - wanted, argv[0]) == 0 ? 4 : 5;
}

typedef int posix_function (pid_t *, const char *, const posix_spawn_file_actions_t *, const posix_spawnattr_t *,
                            char *const[], char *const[]);

static posix_function *
both_functions (int index)
{
  return index == 0 ? posix_spawn : posix_spawnp;
}

static posix_spawnattr_t
attributes_for (int cgroup)
{
  posix_spawnattr_t attributes;
  CHECK_EQ (posix_spawnattr_init (&attributes), 0);
  CHECK_EQ (posix_spawnattr_setcgroup_np (&attributes, cgroup), 0);
  CHECK_EQ (posix_spawnattr_setflags (&attributes, POSIX_SPAWN_SETCGROUP), 0);
  return attributes;
}

TEST (the_cgroup_is_kept)
{
  posix_spawnattr_t attributes;
  CHECK_EQ (posix_spawnattr_init (&attributes), 0);
  int cgroup = -2;
  CHECK_EQ (posix_spawnattr_getcgroup_np (&attributes, &cgroup), 0);
  CHECK_EQ (cgroup, 0);
  CHECK_EQ (posix_spawnattr_setcgroup_np (&attributes, 17), 0);
  CHECK_EQ (posix_spawnattr_setpgroup (&attributes, 21), 0);
  CHECK_EQ (posix_spawnattr_getcgroup_np (&attributes, &cgroup), 0);
  CHECK_EQ (cgroup, 17);
}

TEST (flags_are_kept_and_unknown_ones_refused)
{
  posix_spawnattr_t attributes;
  CHECK_EQ (posix_spawnattr_init (&attributes), 0);
  short known[] = { 0,
                    POSIX_SPAWN_SETSIGMASK,
                    POSIX_SPAWN_SETCGROUP,
                    POSIX_SPAWN_SETCGROUP | POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_RESETIDS,
                    POSIX_SPAWN_SETPGROUP };
  for (size_t i = 0; i < sizeof known / sizeof *known; i++)
    {
      short got = -1;
      CHECK_EQ (posix_spawnattr_setflags (&attributes, known[i]), 0);
      CHECK_EQ (posix_spawnattr_getflags (&attributes, &got), 0);
      CHECK_EQ (got, known[i]);
    }
  for (int bit = 9; bit < 16; bit++)
    {
      short got = -1;
      CHECK_EQ (posix_spawnattr_setflags (&attributes, (short) (1 << bit)), EINVAL);
      CHECK_EQ (posix_spawnattr_setflags (&attributes, (short) (1 << bit | POSIX_SPAWN_SETCGROUP)), EINVAL);
      CHECK_EQ (posix_spawnattr_getflags (&attributes, &got), 0);
      CHECK_EQ (got, POSIX_SPAWN_SETPGROUP);
    }
}

static void
check_status (pid_t pid, int wanted)
{
  int status;
  CHECK (pid > 0);
  CHECK_EQ (waitpid (pid, &status, 0), pid);
  CHECK (WIFEXITED (status));
  CHECK_EQ (WEXITSTATUS (status), wanted);
}

TEST (posix_spawn_starts_the_child_in_the_cgroup)
{
  int cgroup = make_cgroup ();
  posix_spawnattr_t attributes = attributes_for (cgroup);
  char *name = strrchr (cgroup_directory, '/');
  int descriptors = open_descriptors ();
  for (int i = 0; i < 2; i++)
    {
      pid_t pid = NOBODY_PID;
      char **argv = child_argv ("expect_cgroup", name, NULL);
      CHECK_EQ (both_functions (i) (&pid, self_path, NULL, &attributes, argv, environ), 0);
      check_status (pid, 4);
      CHECK_EQ (both_functions (i) (NULL, self_path, NULL, &attributes, argv, environ), 0);
      siginfo_t info;
      CHECK (waitid (P_ALL, 0, &info, WEXITED) == 0);
      CHECK_EQ (info.si_status, 4);
    }
  CHECK_EQ (open_descriptors (), descriptors);
  remove_cgroup (cgroup);
}

TEST (pidfd_spawn_starts_the_child_in_the_cgroup)
{
  int cgroup = make_cgroup (), pidfd;
  posix_spawnattr_t attributes = attributes_for (cgroup);
  char *name = strrchr (cgroup_directory, '/');
  CHECK_EQ (SPAWN (&pidfd, self_path, NULL, &attributes, child_argv ("expect_cgroup", name, NULL), environ), 0);
  CHECK_EXIT (pidfd, 4);
  remove_cgroup (cgroup);
}

static void
check_refused (int cgroup, int error)
{
  posix_spawnattr_t attributes = attributes_for (cgroup);
  int descriptors = open_descriptors ();
  for (int i = 0; i < 2; i++)
    {
      pid_t pid = NOBODY_PID;
      CHECK_EQ (both_functions (i) (&pid, self_path, NULL, &attributes, child_argv ("exit_with", "4", NULL), environ),
                error);
      CHECK_EQ (pid, NOBODY_PID);
      CHECK_NO_CHILD ();
    }
  CHECK_EQ (open_descriptors (), descriptors);
}

TEST (what_is_no_cgroup_is_refused)
{
  need_clone3 ();
  int folder = open (test_dir (), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  CHECK (folder >= 0);
  check_refused (-1, EINVAL);
  check_refused (700, EBADF);
  check_refused (folder, EBADF);
  CHECK (close (folder) == 0);
}

TEST (without_clone3_it_is_not_supported)
{
  refuse_call (SYS_clone3, ENOSYS);
  check_refused (0, EOPNOTSUPP);
  use_up_descriptors ();
  check_refused (0, EOPNOTSUPP);
  give_back_descriptors ();
}

TEST (where_clone3_is_forbidden_it_is_not_supported)
{
  const int errors[] = { EPERM, EACCES };
  for (int i = 0; i < 2; i++)
    {
      refuse_call (SYS_clone3, errors[i]);
      check_refused (0, EOPNOTSUPP);
    }
}

/* A kernel without pidfds is too old for this as well, whatever it says of clone3; a sandbox may forbid one only. */
TEST (without_pidfds_it_is_not_supported_or_works)
{
  int cgroup = make_cgroup ();
  posix_spawnattr_t attributes = attributes_for (cgroup);
  refuse_call_when (SYS_waitid, 0, 3 /* P_PIDFD */, EINVAL);
  for (int i = 0; i < 2; i++)
    {
      pid_t pid = NOBODY_PID;
      int error = both_functions (i) (&pid, self_path, NULL, &attributes, child_argv ("exit_with", "4", NULL), environ);
      if (error)
        CHECK_EQ (error, EOPNOTSUPP);
      else
        check_status (pid, 4);
      CHECK_NO_CHILD ();
      /* Without the flag there is no difference. */
      CHECK_EQ (both_functions (i) (&pid, self_path, NULL, NULL, child_argv ("exit_with", "5", NULL), environ), 0);
      check_status (pid, 5);
    }
  remove_cgroup (cgroup);
}

/* Nobody asked for a pidfd, so that none is needed. */
TEST (no_descriptor_is_needed)
{
  int cgroup = make_cgroup ();
  posix_spawnattr_t attributes = attributes_for (cgroup);
  char *name = strrchr (cgroup_directory, '/'), *before = descriptor_table ();
  for (int i = 0; i < 2; i++)
    for (int with = 0; with < 2; with++)
      {
        pid_t pid = NOBODY_PID;
        siginfo_t info;
        char **argv = child_argv ("expect_cgroup", name, NULL);
        use_up_descriptors ();
        int error = both_functions (i) (with ? &pid : NULL, self_path, NULL, &attributes, argv, environ);
        int failed = both_functions (i) (&pid, "/nonexistent/program", NULL, &attributes, argv, environ);
        give_back_descriptors ();
        CHECK_EQ (error, 0);
        CHECK_EQ (failed, ENOENT);
        CHECK (waitid (P_ALL, 0, &info, WEXITED) == 0);
        CHECK_EQ (info.si_status, 4);
        CHECK_EQ (pid, with ? info.si_pid : NOBODY_PID);
        CHECK_NO_CHILD ();
      }
  CHECK_STR (descriptor_table (), before);
  remove_cgroup (cgroup);
}

/* One function searches, the other does not. */
TEST_LEAVING (the_search_with_a_cgroup)
{
  int cgroup = make_cgroup ();
  posix_spawnattr_t attributes = attributes_for (cgroup);
  char *argv[] = { (char *) "name of its own", NULL };
  pid_t pid = NOBODY_PID;
  CHECK (mkdir (test_path ("a"), 0755) == 0);
  write_file (test_path ("a/program"), "#!/bin/sh\nexit 7\n", 0755);
  write_file (test_path ("program"), "#!/bin/sh\nexit 8\n", 0755);
  setenv ("PATH", format ("/nonexistent:%s", test_path ("a")), 1);
  CHECK_EQ (posix_spawnp (&pid, "program", NULL, &attributes, argv, environ), 0);
  check_status (pid, 7);
  CHECK_EQ (posix_spawnp (&pid, "no-such-program", NULL, &attributes, argv, environ), ENOENT);
  CHECK_EQ (posix_spawn (&pid, "program", NULL, &attributes, argv, environ), ENOENT);
  CHECK (chdir (test_dir ()) == 0);
  CHECK_EQ (posix_spawn (&pid, "program", NULL, &attributes, argv, environ), 0);
  check_status (pid, 8);
  CHECK_NO_CHILD ();
  remove_cgroup (cgroup);
}

/* Says by its exit status what it finds of file actions and attributes, and of its arguments and environment. */
CHILD (what_was_asked_for)
{
  const char *variable = getenv ("TST_VARIABLE");
  return (getpgrp () == getpid ()) + 2 * is_open (20) + 4 * (atoi (argv[0]) == 17)
         + 8 * (variable && strcmp (variable, "there") == 0);
}

TEST (all_arguments_with_a_cgroup_and_without)
{
  int cgroup = make_cgroup ();
  posix_spawnattr_t attributes = attributes_for (cgroup);
  posix_spawn_file_actions_t actions;
  char *envp[] = { (char *) "TST_VARIABLE=there", NULL };
  CHECK_EQ (posix_spawn_file_actions_init (&actions), 0);
  CHECK_EQ (posix_spawn_file_actions_addopen (&actions, 20, "/dev/null", O_RDONLY, 0), 0);
  for (int i = 0; i < 2; i++)
    for (int with = 0; with < 8; with++)
      {
        short flags = (with & 1 ? POSIX_SPAWN_SETPGROUP : 0) | (with & 4 ? POSIX_SPAWN_SETCGROUP : 0);
        pid_t pid = NOBODY_PID;
        CHECK_EQ (posix_spawnattr_setflags (&attributes, flags), 0);
        CHECK_EQ (both_functions (i) (&pid, self_path, with & 2 ? &actions : NULL, &attributes,
                                      child_argv ("what_was_asked_for", "17", NULL), envp),
                  0);
        check_status (pid, (with & 3) + 4 + 8);
      }
  posix_spawn_file_actions_destroy (&actions);
  remove_cgroup (cgroup);
}

/* ---- Cancellation ---- */

static struct held_call {
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
  char **argv;
  int which, error;
  volatile pid_t pid;
} held;

static void *
call_that_is_held (void *argument)
{
  (void) argument;
  pthread_setcanceltype (PTHREAD_CANCEL_ASYNCHRONOUS, NULL);
  held.error = both_functions (held.which) ((pid_t *) &held.pid, self_path, &held.actions, &held.attributes, held.argv,
                                            environ);
  for (;;)
    pthread_testcancel ();
  return NULL;
}

/* A request that comes in the middle of the call acts after the process ID is stored. */
TEST (cancellation_does_not_act_inside)
{
  need_list_of_children ();
  int cgroup = make_cgroup ();
  for (held.which = 0; held.which < 2; held.which++)
    {
      char *fifo = test_path ("fifo");
      pthread_t thread;
      CHECK (mkfifo (fifo, 0600) == 0);
      held.attributes = attributes_for (cgroup);
      held.argv = child_argv ("exit_with", "4", NULL);
      held.pid = NOBODY_PID;
      posix_spawn_file_actions_init (&held.actions);
      posix_spawn_file_actions_addopen (&held.actions, 20, fifo, O_RDONLY, 0);
      CHECK_EQ (pthread_create (&thread, NULL, call_that_is_held, NULL), 0);
      sleeping_child ();
      CHECK_EQ (pthread_cancel (thread), 0);
      int release = open (fifo, O_RDWR | O_CLOEXEC);
      CHECK (release >= 0);
      CHECK_EQ (pthread_join (thread, NULL), 0);
      check_status (held.pid, 4);
      CHECK (close (release) == 0);
      CHECK (unlink (fifo) == 0);
      posix_spawn_file_actions_destroy (&held.actions);
    }
  remove_cgroup (cgroup);
}

TEST (without_the_flag_it_is_the_libcs_own)
{
  posix_spawnattr_t attributes = attributes_for (700);
  CHECK_EQ (posix_spawnattr_setflags (&attributes, POSIX_SPAWN_SETPGROUP), 0);
  for (int i = 0; i < 2; i++)
    for (int with = 0; with < 2; with++)
      {
        pid_t pid = NOBODY_PID;
        CHECK_EQ (both_functions (i) (&pid, self_path, NULL, with ? &attributes : NULL,
                                      child_argv ("exit_with", "6", NULL), environ),
                  0);
        check_status (pid, 6);
        CHECK_EQ (both_functions (i) (&pid, "/nonexistent/program", NULL, with ? &attributes : NULL,
                                      child_argv ("exit_with", "6", NULL), environ),
                  ENOENT);
      }
  /* glibc has this twice, and hands it to the shell for programs from before 2.15. */
  write_file (test_path ("script"), "exit 6\n", 0755);
  pid_t found = NOBODY_PID;
  for (int i = 0; i < 2; i++)
    CHECK_EQ (both_functions (i) (&found, test_path ("script"), NULL, NULL, child_argv ("", NULL), environ), ENOEXEC);
  char *name_alone[] = { (char *) "true", NULL };
  setenv ("PATH", "/bin:/usr/bin", 1);
  CHECK_EQ (posix_spawn (&found, "true", NULL, NULL, name_alone, environ), ENOENT);
  CHECK_EQ (posix_spawnp (&found, "true", NULL, NULL, name_alone, environ), 0);
  check_status (found, 0);
  /* With the last descriptor taken a pidfd is unavailable; glibc's function needs none, musl's has a pipe. */
  if (NOT_GLIBC)
    return;
  use_up_descriptors ();
  pid_t pid = NOBODY_PID;
  int error = posix_spawn (&pid, self_path, NULL, &attributes, child_argv ("exit_with", "6", NULL), environ);
  give_back_descriptors ();
  CHECK_EQ (error, 0);
  CHECK_EQ (waitpid (pid, NULL, 0), pid);
}

TEST (an_error_of_the_program_is_returned)
{
  int cgroup = make_cgroup ();
  posix_spawnattr_t attributes = attributes_for (cgroup);
  for (int i = 0; i < 2; i++)
    {
      pid_t pid = NOBODY_PID;
      char **argv = child_argv ("exit_with", "4", NULL);
      CHECK_EQ (both_functions (i) (&pid, "/nonexistent/program", NULL, &attributes, argv, environ), ENOENT);
      CHECK_EQ (pid, NOBODY_PID);
      CHECK_NO_CHILD ();
    }
  remove_cgroup (cgroup);
}

#else

TEST (cgroup_functions)
{
  SKIP ("the archive leaves these functions out");
}

#endif
