/* SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * How pidfd_spawnp finds its program: which names are searched for, in which PATH, and which errors end the search. */

#include "runner.h"

#include <sys/mount.h>

enum { UNTOUCHED = -7 };

/* A program that exits with the status, named directory/name below the test directory; the directory is made. */
static void
make_program (const char *directory, const char *name, int status)
{
  mkdir (test_path (directory), 0755);
  write_file (test_path (format ("%s/%s", directory, name)), format ("#!/bin/sh\nexit %d\n", status), 0755);
}

/* The same, but without permission to run it. */
static void
make_plain_file (const char *directory, const char *name)
{
  mkdir (test_path (directory), 0755);
  write_file (test_path (format ("%s/%s", directory, name)), "#!/bin/sh\nexit 99\n", 0644);
}

/* Of the given directories below the test directory, separated by colons; an element with a slash in
   front stands for itself. */
static void
set_path (const char *elements)
{
  char *path = format ("%s", ""), *list = format ("%s", elements);
  for (char *end = list; end; list = end + 1)
    {
      end = strchr (list, ':');
      if (end)
        *end = 0;
      path = format ("%s%s%s", path, !*list || *list == '/' ? list : test_path (list), end ? ":" : "");
      if (!end)
        break;
    }
  CHECK (setenv ("PATH", path, 1) == 0);
}

/* With no environment: each execve that fails may have copied it first, which takes long with a long PATH. */
static int
search (int *pidfd, const char *name, const posix_spawn_file_actions_t *actions)
{
  char *argv[] = { (char *) "name of its own", NULL };
  return SPAWNP (pidfd, name, actions, NULL, argv, argv + 1);
}

static void
check_found_at (int line, const char *name, const posix_spawn_file_actions_t *actions, int status)
{
  int pidfd = UNTOUCHED, error = search (&pidfd, name, actions);
  if (error != 0)
    test_fail (__FILE__, line, "the result is %d (%s)", error, strerror (error));
  check_exit_at (__FILE__, line, pidfd, status);
}
#define CHECK_FOUND(name, status) check_found_at (__LINE__, name, NULL, status)

static void
check_not_found_at (int line, const char *name, const posix_spawn_file_actions_t *actions, int error)
{
  int pidfd = UNTOUCHED, result = search (&pidfd, name, actions);
  if (result == 0)
    test_fail (__FILE__, line, "a program was found, its status is %d", reap (pidfd).si_status);
  if (result != error)
    test_fail (__FILE__, line, "the result is %d (%s), wanted %d (%s)", result, strerror (result > 0 ? result : 0),
               error, strerror (error));
  if (pidfd != UNTOUCHED)
    test_fail (__FILE__, line, "the failed call stored %d", pidfd);
  check_no_child_at (__FILE__, line);
}
#define CHECK_NOT_FOUND(name, error) check_not_found_at (__LINE__, name, NULL, error)

/* ---- The name ---- */

TEST (empty_name)
{
  CHECK_NOT_FOUND ("", ENOENT);
  set_path ("");
  CHECK_NOT_FOUND ("", ENOENT);
  unsetenv ("PATH");
  CHECK_NOT_FOUND ("", ENOENT);
}

/* An empty name must not lead to the directory itself, which would be EACCES. */
TEST (empty_name_in_a_good_path)
{
  make_program ("a", "program", 3);
  set_path ("a");
  CHECK_NOT_FOUND ("", ENOENT);
}

TEST_LEAVING (name_with_a_slash_is_not_searched)
{
  make_program ("a", "program", 3);
  make_program ("a/sub", "program", 4);
  set_path ("a");
  CHECK (chdir ("/") == 0);
  CHECK_NOT_FOUND ("./program", ENOENT);
  CHECK_NOT_FOUND ("sub/program", ENOENT);
  CHECK_NOT_FOUND ("/program", ENOENT);
  CHECK (chdir (test_path ("a")) == 0);
  set_path ("none");
  CHECK_FOUND ("./program", 3);
  CHECK_FOUND ("sub/program", 4);
  CHECK_FOUND (test_path ("a/program"), 3);
}

/* An error of a name with a slash is given as it is. */
TEST (name_with_a_slash_that_fails)
{
  make_plain_file ("a", "program");
  CHECK_NOT_FOUND (test_path ("a/program"), EACCES);
  CHECK_NOT_FOUND (test_path ("a/program/x"), ENOTDIR);
  CHECK_NOT_FOUND (test_path ("none"), ENOENT);
  char *path = malloc (6000);
  memset (path, '/', 5999);
  path[5999] = 0;
  CHECK_NOT_FOUND (path, ENAMETOOLONG);
}

TEST (name_of_greatest_length)
{
  char name[NAME_MAX + 2];
  memset (name, 'n', sizeof name - 1);
  name[NAME_MAX] = 0;
  make_program ("a", name, 5);
  set_path ("none:a");
  CHECK_FOUND (name, 5);
  set_path ("none");
  CHECK_NOT_FOUND (name, ENOENT);
}

#if HAVE_LIBRARY
/* Whatever there is to be searched.  glibc's posix_spawnp cuts such a name off and searches for the rest. */
TEST (name_that_is_too_long)
{
  char *name = malloc (6000);
  memset (name, 'n', 6000);
  static const int lengths[] = { NAME_MAX + 1, PATH_MAX - 1, PATH_MAX, PATH_MAX + 1, 5999 };
  for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++)
    {
      name[lengths[i]] = 0;
      set_path ("none:a");
      CHECK_NOT_FOUND (name, ENAMETOOLONG);
      set_path ("");
      CHECK_NOT_FOUND (name, ENAMETOOLONG);
      unsetenv ("PATH");
      CHECK_NOT_FOUND (name, ENAMETOOLONG);
      name[lengths[i]] = 'n';
    }
}
#endif

TEST_LEAVING (spawn_itself_does_not_search)
{
  make_program ("a", "program", 3);
  make_program ("here", "other", 4);
  set_path ("a");
  CHECK (chdir (test_path ("here")) == 0);
  char *argv[] = { (char *) "program", NULL };
  int pidfd = UNTOUCHED;
  CHECK_EQ (SPAWN (&pidfd, "program", NULL, NULL, argv, environ), ENOENT);
  CHECK_EQ (SPAWN (&pidfd, "other", NULL, NULL, argv, environ), 0);
  CHECK_EXIT (pidfd, 4);
}

/* ---- Which PATH ---- */

TEST (path_of_the_caller)
{
  make_program ("a", "program", 3);
  make_program ("b", "program", 4);
  char *argv[] = { (char *) "program", NULL }, *other[] = { format ("PATH=%s", test_path ("b")), NULL };
  char *none[] = { NULL };
  int pidfd = UNTOUCHED;
  set_path ("a");
  CHECK_EQ (SPAWNP (&pidfd, "program", NULL, NULL, argv, other), 0);
  CHECK_EXIT (pidfd, 3);
  CHECK_EQ (SPAWNP (&pidfd, "program", NULL, NULL, argv, none), 0);
  CHECK_EXIT (pidfd, 3);
  set_path ("none");
  pidfd = UNTOUCHED;
  CHECK_EQ (SPAWNP (&pidfd, "program", NULL, NULL, argv, other), ENOENT);
  CHECK_EQ (pidfd, UNTOUCHED);
}

/* The environment is looked through for this very name. */
TEST (variables_that_look_like_path)
{
  make_program ("a", "program", 3);
  make_program ("b", "program", 4);
  char *bad = format ("PATHS=%s", test_path ("b")), *worse = format ("XPATH=%s", test_path ("b")),
       *good = format ("PATH=%s", test_path ("a"));
  char *list[] = { (char *) "", (char *) "PATH", (char *) "P", bad, worse, good, NULL };
  char **old = environ;
  environ = list;
  int pidfd = UNTOUCHED, error = search (&pidfd, "program", NULL);
  list[5] = NULL;
  int pidfd2 = UNTOUCHED, error2 = search (&pidfd2, "program", NULL);
  environ = old;
  CHECK_EQ (error, 0);
  CHECK_EXIT (pidfd, 3);
  CHECK_EQ (error2, ENOENT);
  CHECK_EQ (pidfd2, UNTOUCHED);
}

/* The default names the directories of the system. */
TEST_LEAVING (path_that_is_not_set)
{
  make_program ("a", "tst-path-program", 3);
  CHECK (chdir (test_path ("a")) == 0);
  unsetenv ("PATH");
  CHECK_FOUND ("true", 0);
  CHECK_NOT_FOUND ("tst-path-program", ENOENT);
}

/* musl's default begins with a directory that glibc's does not have.  Here it is one of the test's own. */
static void
search_local_programs (void *argument)
{
  (void) argument;
  if (unshare (CLONE_NEWNS) != 0 || mount ("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0)
    SKIP ("no mount namespace: %s", strerror (errno));
  if (mount (test_path ("local"), "/usr/local/bin", NULL, MS_BIND, NULL) != 0)
    SKIP ("nothing can be mounted on /usr/local/bin: %s", strerror (errno));
  unsetenv ("PATH");
  if (NOT_GLIBC)
    {
      CHECK_FOUND ("tst-path-program", 5);
      CHECK_FOUND ("true", 6);
    }
  else
    {
      CHECK_NOT_FOUND ("tst-path-program", ENOENT);
      CHECK_FOUND ("true", 0);
    }
}

TEST (path_that_is_not_set_and_local_programs)
{
  make_program ("local", "tst-path-program", 5);
  make_program ("local", "true", 6);
  CHECK_EQ (in_fork (search_local_programs, NULL), 0);
}

/* A caller may have no environment at all. */
TEST (environment_that_is_missing)
{
  char **old = environ;
  char *none[] = { NULL };
  for (int i = 0; i < 2; i++)
    {
      environ = i ? NULL : none;
      int pidfd = UNTOUCHED, error = search (&pidfd, "true", NULL);
      environ = old;
      CHECK_EQ (error, 0);
      CHECK_EXIT (pidfd, 0);
    }
}

/* Set but empty is not the same as not set: it is one empty element. */
TEST_LEAVING (path_that_is_empty)
{
  make_program ("a", "tst-path-program", 3);
  CHECK (chdir (test_path ("a")) == 0);
  setenv ("PATH", "", 1);
  CHECK_FOUND ("tst-path-program", 3);
  CHECK_NOT_FOUND ("true", ENOENT);
}

/* ---- Elements ---- */

TEST (elements_are_tried_in_their_order)
{
  make_program ("a", "program", 3);
  make_program ("b", "program", 4);
  mkdir (test_path ("empty"), 0755);
  set_path ("a:b");
  CHECK_FOUND ("program", 3);
  set_path ("b:a");
  CHECK_FOUND ("program", 4);
  set_path ("empty:none:b:a");
  CHECK_FOUND ("program", 4);
  set_path ("empty:none");
  CHECK_NOT_FOUND ("program", ENOENT);
}

TEST_LEAVING (empty_elements_are_the_current_directory)
{
  make_program ("here", "program", 3);
  make_program ("a", "other", 4);
  CHECK (chdir (test_path ("here")) == 0);
  static const char *const paths[] = { ":a", "a:", "a::none", "none::a", "::", ":", "a:none:" };
  for (size_t i = 0; i < sizeof paths / sizeof *paths; i++)
    {
      set_path (paths[i]);
      CHECK_FOUND ("program", 3);
    }
  set_path ("a:none");
  CHECK_NOT_FOUND ("program", ENOENT);
  set_path (":a");
  CHECK_FOUND ("other", 4);
  set_path ("a:");
  CHECK_FOUND ("other", 4);
}

TEST_LEAVING (relative_elements)
{
  make_program ("a", "program", 3);
  make_program ("a/b", "program", 4);
  CHECK (chdir (test_path ("a")) == 0);
  setenv ("PATH", "b:.", 1);
  CHECK_FOUND ("program", 4);
  setenv ("PATH", ".:b", 1);
  CHECK_FOUND ("program", 3);
  setenv ("PATH", "../a/b/", 1);
  CHECK_FOUND ("program", 4);
}

TEST_LEAVING (elements_are_resolved_after_chdir)
{
#ifdef NO_CHDIR
  SKIP (NO_CHDIR);
#else
  make_program ("here", "program", 3);
  make_program ("here/bin", "program", 4);
  make_program ("there", "program", 5);
  make_program ("there/bin", "program", 6);
  CHECK (chdir (test_path ("here")) == 0);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init (&actions);
  CHECK_EQ (posix_spawn_file_actions_addchdir_np (&actions, test_path ("there")), 0);
  setenv ("PATH", "", 1);
  check_found_at (__LINE__, "program", &actions, 5);
  CHECK_FOUND ("program", 3);
  setenv ("PATH", "none::bin", 1);
  check_found_at (__LINE__, "program", &actions, 5);
  setenv ("PATH", "bin:", 1);
  check_found_at (__LINE__, "program", &actions, 6);
  CHECK_FOUND ("program", 4);
  setenv ("PATH", "none", 1);
  check_found_at (__LINE__, "./program", &actions, 5);
  check_found_at (__LINE__, "bin/program", &actions, 6);
#endif
}

/* Far too long for any path: passed over. */
TEST_LEAVING (element_that_is_too_long)
{
  make_program ("a", "program", 3);
  mkdir (test_path ("empty"), 0755);
  CHECK (chdir (test_path ("empty")) == 0);
  static const int lengths[] = { PATH_MAX, PATH_MAX + 1, PATH_MAX + NAME_MAX, 3 * PATH_MAX, 100000 };
  for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++)
    {
      char *element = malloc ((size_t) lengths[i] + 1);
      memset (element, '/', (size_t) lengths[i]);
      element[lengths[i]] = 0;
      setenv ("PATH", format ("%s:%s", element, test_path ("a")), 1);
      CHECK_FOUND ("program", 3);
      setenv ("PATH", format ("%s:%s", test_path ("a"), element), 1);
      CHECK_FOUND ("program", 3);
      setenv ("PATH", format ("%s:%s", test_path ("none"), element), 1);
      CHECK_NOT_FOUND ("program", ENOENT);
#if HAVE_LIBRARY
      /* Nothing was tried, so no error was met: glibc's posix_spawnp makes ECHILD of it. */
      setenv ("PATH", element, 1);
      CHECK_NOT_FOUND ("program", ENOENT);
#endif
      free (element);
    }
}

/* All the elements together may be as long as they like. */
TEST (path_that_is_long)
{
  make_program ("a", "program", 3);
  char *path = malloc (100000);
  size_t length = 0;
  while (length < 90000)
    length += (size_t) sprintf (path + length, "%s/none/%zu:", test_dir (), length);
  strcpy (path + length, test_path ("a"));
  setenv ("PATH", path, 1);
  CHECK_FOUND ("program", 3);
}

/* ---- Errors ---- */

TEST (no_permission_is_remembered_and_the_search_goes_on)
{
  make_plain_file ("locked", "program");
  make_program ("a", "program", 3);
  mkdir (test_path ("empty"), 0755);
  set_path ("locked:a");
  CHECK_FOUND ("program", 3);
  set_path ("locked:none:empty:a");
  CHECK_FOUND ("program", 3);
  set_path ("locked");
  CHECK_NOT_FOUND ("program", EACCES);
  set_path ("locked:empty");
  CHECK_NOT_FOUND ("program", EACCES);
  set_path ("empty:locked:none");
  CHECK_NOT_FOUND ("program", EACCES);
  set_path ("locked:locked:empty");
  CHECK_NOT_FOUND ("program", EACCES);
}

/* A directory of that name is no program either. */
TEST (directory_of_that_name)
{
  CHECK (mkdir (test_path ("a"), 0755) == 0);
  CHECK (mkdir (test_path ("a/program"), 0755) == 0);
  make_program ("b", "program", 4);
  set_path ("a:b");
  CHECK_FOUND ("program", 4);
  set_path ("a:none");
  CHECK_NOT_FOUND ("program", EACCES);
}

/* A directory that may not be searched. */
TEST_LEAVING (directory_without_permission)
{
  need_root ();
  make_program ("locked", "program", 9);
  make_program ("a", "program", 3);
  CHECK (chmod (test_path ("locked"), 0700) == 0);
  CHECK (setresuid (65534, 65534, 65534) == 0);
  set_path ("locked:a");
  CHECK_FOUND ("program", 3);
  set_path ("locked:none");
  CHECK_NOT_FOUND ("program", EACCES);
}

TEST (element_that_is_no_directory)
{
  write_file (test_path ("file"), "", 0755);
  make_program ("a", "program", 3);
  set_path ("file:a");
  CHECK_FOUND ("program", 3);
  set_path ("file");
  CHECK_NOT_FOUND ("program", ENOTDIR);
  set_path ("none:file");
  CHECK_NOT_FOUND ("program", ENOTDIR);
  set_path ("file:none");
  CHECK_NOT_FOUND ("program", ENOENT);
}

TEST (other_errors_end_the_search)
{
  make_program ("a", "program", 3);
  CHECK (mkdir (test_path ("loops"), 0755) == 0);
  CHECK (symlink ("program", test_path ("loops/program")) == 0);
  set_path ("loops:a");
  CHECK_NOT_FOUND ("program", ELOOP);
  set_path ("a:loops");
  CHECK_FOUND ("program", 3);

#if HAVE_LIBRARY || NOT_GLIBC || GLIBC_BEFORE (2, 44)
  /* A component of an element may be too long for a file system, which is another thing than a name that is.  Since
     2.44 glibc's posix_spawnp goes on then. */
  set_path (format ("%0300d:a", 1));
  CHECK_NOT_FOUND ("program", ENAMETOOLONG);
#endif
}

/* It wins over a permission that was missing before. */
TEST (other_errors_win)
{
  make_plain_file ("locked", "program");
  CHECK (mkdir (test_path ("loops"), 0755) == 0);
  CHECK (symlink ("program", test_path ("loops/program")) == 0);
  set_path ("locked:loops");
  CHECK_NOT_FOUND ("program", ELOOP);
}

TEST (file_of_no_known_format_ends_the_search)
{
  make_program ("a", "program", 3);
  CHECK (mkdir (test_path ("scripts"), 0755) == 0);
  write_file (test_path ("scripts/program"), format ("touch %s\n", test_path ("trace")), 0755);
  set_path ("scripts:a");
  CHECK_NOT_FOUND ("program", ENOEXEC);
  CHECK_NOT_FOUND (test_path ("scripts/program"), ENOEXEC);
  CHECK (access (test_path ("trace"), F_OK) == -1);
  set_path ("a:scripts");
  CHECK_FOUND ("program", 3);
}

/* A program without its interpreter is as good as missing. */
TEST (missing_interpreter_goes_on)
{
  make_program ("a", "program", 3);
  CHECK (mkdir (test_path ("b"), 0755) == 0);
  write_file (test_path ("b/program"), format ("#!%s\n", test_path ("none")), 0755);
  set_path ("b:a");
  CHECK_FOUND ("program", 3);
  set_path ("b");
  CHECK_NOT_FOUND ("program", ENOENT);
}

TEST (arguments_that_are_too_big_end_the_search)
{
  make_program ("a", "program", 3);
  set_path ("none:a:none");
  size_t size = 4 << 20;
  char *huge = malloc (size);
  memset (huge, 'x', size);
  huge[size - 1] = 0;
  char *argv[] = { (char *) "program", huge, NULL };
  int pidfd = UNTOUCHED;
  CHECK_EQ (SPAWNP (&pidfd, "program", NULL, NULL, argv, environ), E2BIG);
  CHECK_EQ (pidfd, UNTOUCHED);
}

/* The file actions come first, so theirs is the error. */
TEST (file_actions_win_over_the_name)
{
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init (&actions);
  posix_spawn_file_actions_addopen (&actions, 20, test_path ("trace"), O_WRONLY | O_CREAT, 0600);
  posix_spawn_file_actions_adddup2 (&actions, 700, 20);
  char name[NAME_MAX + 2];
  memset (name, 'n', sizeof name - 1);
  name[NAME_MAX + 1] = 0;
  check_not_found_at (__LINE__, "", &actions, EBADF);
  CHECK (unlink (test_path ("trace")) == 0);
#if HAVE_LIBRARY
  check_not_found_at (__LINE__, name, &actions, EBADF);
  CHECK (unlink (test_path ("trace")) == 0);
#endif
  check_not_found_at (__LINE__, "none", &actions, EBADF);
  posix_spawn_file_actions_destroy (&actions);
}
