/* SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * Which program pidfd_spawn_ext executes: the file itself, one that is looked for in the caller's PATH or in that of
 * the new environment, or what a descriptor refers to. */

#include "extension.h"
#include "object.h"

#include <libgen.h>
#include <sys/mman.h>

CHILD (exit_with)
{
  return atoi (argv[0]);
}

/* A script that ends with that status, below the test's directory. */
static char *
write_script (const char *name, int status)
{
  char *path = test_path (name);
  write_file (path, format ("#!/bin/sh\nexit %d\n", status), 0755);
  return path;
}

static char *
make_directory (const char *name)
{
  char *path = test_path (name);
  CHECK (mkdir (path, 0755) == 0);
  return path;
}

/* The directories "one" and "two", with a script "tool" that ends with 11 and 22, and "none" without it. */
static char *one, *two, *none;

static void
make_tools (void)
{
  one = make_directory ("one");
  two = make_directory ("two");
  none = make_directory ("none");
  write_script ("one/tool", 11);
  write_script ("two/tool", 22);
}

static char *const tool_argv[] = { (char *) "tool", NULL };

static int
find (uint64_t flag, int *pidfd, const char *file, char *const envp[])
{
  return pidfd_spawn_ext (pidfd, file, NULL, NULL, tool_argv, envp, ARGS (.flags = flag),
                          sizeof (struct pidfd_spawn_args));
}

#define CHECK_FINDS(flag, file, envp, status)                                                                          \
  do                                                                                                                   \
    {                                                                                                                  \
      int pidfd = UNTOUCHED;                                                                                           \
      CHECK_EQ (find (flag, &pidfd, file, envp), 0);                                                                   \
      CHECK_EXIT (pidfd, status);                                                                                      \
    }                                                                                                                  \
  while (0)
#define CHECK_FINDS_NOT(flag, file, envp, error)                                                                       \
  do                                                                                                                   \
    {                                                                                                                  \
      const char *file_ = file;                                                                                        \
      CHECK_EXT_FAILS (find (flag, &pidfd, file_, envp), error);                                                       \
    }                                                                                                                  \
  while (0)

/* ---- No search ---- */

TEST_LEAVING (file_without_a_search)
{
  make_tools ();
  setenv ("PATH", one, 1);
  CHECK_FINDS (0, test_path ("two/tool"), environ, 22);
  CHECK_FINDS_NOT (0, "tool", environ, ENOENT);
  CHECK (chdir (two) == 0);
  CHECK_FINDS (0, "tool", environ, 22);
}

TEST (errors_of_the_exec)
{
  static const uint64_t flags[] = { 0, PIDFD_SPAWN_SEARCH, PIDFD_SPAWN_SEARCH_ENVP };
  write_file (test_path ("file"), "#!/bin/sh\n", 0644);
  write_file (test_path ("no-format"), "what\n", 0755);
  CHECK (symlink ("loop", test_path ("loop")) == 0);
  for (size_t i = 0; i < sizeof flags / sizeof *flags; i++)
    {
      CHECK_FINDS_NOT (flags[i], "/nonexistent/program", environ, ENOENT);
      CHECK_FINDS_NOT (flags[i], "", environ, ENOENT);
      CHECK_FINDS_NOT (flags[i], test_path ("file"), environ, EACCES);
      CHECK_FINDS_NOT (flags[i], test_dir (), environ, EACCES);
      CHECK_FINDS_NOT (flags[i], test_path ("file/tool"), environ, ENOTDIR);
      CHECK_FINDS_NOT (flags[i], test_path ("loop"), environ, ELOOP);
      CHECK_FINDS_NOT (flags[i], test_path ("no-format"), environ, ENOEXEC);
      CHECK_FINDS_NOT (flags[i], format ("%s/%0300d", test_dir (), 1), environ, ENAMETOOLONG);
    }
}

/* ---- SEARCH ---- */

TEST (search_in_the_path_of_the_caller)
{
  make_tools ();
  char *other[] = { format ("PATH=%s", one), NULL }, *nothing[] = { NULL };
  setenv ("PATH", format ("%s:%s:%s", none, two, one), 1);
  CHECK_FINDS (PIDFD_SPAWN_SEARCH, "tool", environ, 22);
  CHECK_FINDS (PIDFD_SPAWN_SEARCH, "tool", other, 22);
  CHECK_FINDS (PIDFD_SPAWN_SEARCH, "tool", nothing, 22);
  CHECK_FINDS (PIDFD_SPAWN_SEARCH, "tool", NULL, 22);
  setenv ("PATH", none, 1);
  CHECK_FINDS_NOT (PIDFD_SPAWN_SEARCH, "tool", other, ENOENT);
}

TEST (path_with_a_slash_is_not_searched)
{
  make_tools ();
  char *other[] = { format ("PATH=%s", one), NULL };
  setenv ("PATH", one, 1);
  CHECK_FINDS (PIDFD_SPAWN_SEARCH, test_path ("two/tool"), other, 22);
  CHECK_FINDS (PIDFD_SPAWN_SEARCH_ENVP, test_path ("two/tool"), other, 22);
  CHECK_FINDS_NOT (PIDFD_SPAWN_SEARCH, "./tool", other, ENOENT);
  CHECK_FINDS_NOT (PIDFD_SPAWN_SEARCH_ENVP, "./tool", other, ENOENT);
}

TEST (search_without_a_path)
{
  unsetenv ("PATH");
  CHECK_FINDS (PIDFD_SPAWN_SEARCH, "true", environ, 0);
  CHECK_FINDS (PIDFD_SPAWN_SEARCH, "false", environ, 1);
  CHECK_FINDS_NOT (PIDFD_SPAWN_SEARCH, "no-such-tool", environ, ENOENT);
}

/* A file that may not be executed is not the end of the search, but what the caller is told. */
TEST (search_past_what_is_denied)
{
  make_tools ();
  write_file (test_path ("none/tool"), "", 0644);
  char *found[] = { format ("PATH=%s:%s", none, two), NULL };
  char *denied[] = { format ("PATH=%s:/nonexistent", none), NULL };
  setenv ("PATH", found[0] + 5, 1);
  CHECK_FINDS (PIDFD_SPAWN_SEARCH, "tool", NULL, 22);
  CHECK_FINDS (PIDFD_SPAWN_SEARCH_ENVP, "tool", found, 22);
  setenv ("PATH", denied[0] + 5, 1);
  CHECK_FINDS_NOT (PIDFD_SPAWN_SEARCH, "tool", NULL, EACCES);
  CHECK_FINDS_NOT (PIDFD_SPAWN_SEARCH_ENVP, "tool", denied, EACCES);
}

TEST (search_for_a_name_that_is_too_long)
{
  char *name = format ("%0256d", 1), *envp[] = { (char *) "PATH=/nonexistent", NULL };
  CHECK_FINDS_NOT (PIDFD_SPAWN_SEARCH, name, envp, ENAMETOOLONG);
  CHECK_FINDS_NOT (PIDFD_SPAWN_SEARCH_ENVP, name, envp, ENAMETOOLONG);
  CHECK_FINDS_NOT (PIDFD_SPAWN_SEARCH_ENVP, name + 1, envp, ENOENT);
}

/* ---- SEARCH_ENVP ---- */

TEST (search_in_the_path_of_the_environment)
{
  make_tools ();
  setenv ("PATH", one, 1);
  char *envp[] = { (char *) "A=B", format ("PATH=%s:%s:%s", none, two, one), (char *) "C=D", NULL };
  CHECK_FINDS (PIDFD_SPAWN_SEARCH_ENVP, "tool", envp, 22);
  envp[1] = format ("PATH=%s", none);
  CHECK_FINDS_NOT (PIDFD_SPAWN_SEARCH_ENVP, "tool", envp, ENOENT);
}

TEST (first_path_of_the_environment_counts)
{
  make_tools ();
  char *envp[] = { format ("PATH=%s", two), format ("PATH=%s", one), NULL };
  CHECK_FINDS (PIDFD_SPAWN_SEARCH_ENVP, "tool", envp, 22);
  envp[0] = format ("PATH=%s", none);
  CHECK_FINDS_NOT (PIDFD_SPAWN_SEARCH_ENVP, "tool", envp, ENOENT);
}

/* Names that only look like it.  Nothing is read behind the end of a string. */
TEST (environment_without_a_path)
{
  make_tools ();
  setenv ("PATH", one, 1);
  char *others[] = { format ("PATHS=%s", two), format ("XPATH=%s", two), format ("path=%s", two), (char *) "PATH",
                     NULL };
  CHECK_FINDS_NOT (PIDFD_SPAWN_SEARCH_ENVP, "tool", others, ENOENT);
  CHECK_FINDS (PIDFD_SPAWN_SEARCH_ENVP, "true", others, 0);
  size_t page = (size_t) sysconf (_SC_PAGESIZE);
  char *memory = mmap (NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  CHECK (memory != MAP_FAILED);
  CHECK (mprotect (memory + page, page, PROT_NONE) == 0);
  for (size_t length = 0; length <= 5; length++)
    {
      char *last = memory + page - length - 1, *envp[] = { last, NULL };
      memcpy (last, "PATH=", length);
      last[length] = 0;
      /* "PATH=" is the current directory. */
      if (length < 5)
        CHECK_FINDS (PIDFD_SPAWN_SEARCH_ENVP, "true", envp, 0);
      else
        CHECK_FINDS_NOT (PIDFD_SPAWN_SEARCH_ENVP, "no-such-tool", envp, ENOENT);
    }
  CHECK (munmap (memory, 2 * page) == 0);
}

TEST (empty_environment_or_none)
{
  make_tools ();
  setenv ("PATH", one, 1);
  char *nothing[] = { NULL };
  CHECK_FINDS (PIDFD_SPAWN_SEARCH_ENVP, "false", nothing, 1);
  CHECK_FINDS (PIDFD_SPAWN_SEARCH_ENVP, "false", NULL, 1);
  CHECK_FINDS_NOT (PIDFD_SPAWN_SEARCH_ENVP, "tool", nothing, ENOENT);
  CHECK_FINDS_NOT (PIDFD_SPAWN_SEARCH_ENVP, "tool", NULL, ENOENT);
}

TEST_LEAVING (empty_path_is_the_current_directory)
{
  make_tools ();
  setenv ("PATH", one, 1);
  CHECK (chdir (two) == 0);
  char *paths[] = { format ("PATH="), format ("PATH=:"), format ("PATH=:%s", one), format ("PATH=%s:", none),
                    format ("PATH=%s::%s", none, one), format ("PATH=.") };
  for (size_t i = 0; i < sizeof paths / sizeof *paths; i++)
    {
      char *envp[] = { paths[i], NULL };
      CHECK_FINDS (PIDFD_SPAWN_SEARCH_ENVP, "tool", envp, 22);
      CHECK_FINDS_NOT (PIDFD_SPAWN_SEARCH_ENVP, "true", envp, ENOENT);
    }
}

#ifndef NO_CHDIR
/* It comes after the file actions. */
TEST (search_in_the_directory_of_an_action)
{
  make_tools ();
  char *envp[] = { (char *) "PATH=", NULL };
  posix_spawn_file_actions_t actions;
  CHECK_EQ (posix_spawn_file_actions_init (&actions), 0);
  CHECK_EQ (posix_spawn_file_actions_addchdir_np (&actions, two), 0);
  int pidfd = UNTOUCHED;
  CHECK_EQ (pidfd_spawn_ext (&pidfd, "tool", &actions, NULL, tool_argv, envp,
                             ARGS (.flags = PIDFD_SPAWN_SEARCH_ENVP), sizeof (struct pidfd_spawn_args)),
            0);
  CHECK_EXIT (pidfd, 22);
  posix_spawn_file_actions_destroy (&actions);
}
#endif

/* ---- EXEC_FD ---- */

static int
execute (int *pidfd, int fd, const posix_spawn_file_actions_t *actions, char *const argv[])
{
  return spawn_ext (pidfd, NULL, actions, NULL, argv, ARGS (.flags = PIDFD_SPAWN_EXEC_FD, .exec_fd = fd));
}

#define CHECK_EXECUTES(fd, actions, argv, status)                                                                      \
  do                                                                                                                   \
    {                                                                                                                  \
      int pidfd = UNTOUCHED;                                                                                           \
      CHECK_EQ (execute (&pidfd, fd, actions, argv), 0);                                                               \
      CHECK_EXIT (pidfd, status);                                                                                      \
    }                                                                                                                  \
  while (0)
#define CHECK_EXECUTES_NOT(fd, actions, error) CHECK_EXT_FAILS (execute (&pidfd, fd, actions, tool_argv), error)

static int
open_file (const char *path, int flags)
{
  int fd = open (path, flags);
  if (fd < 0)
    FAIL ("%s: %s", path, strerror (errno));
  return fd;
}

TEST (program_by_descriptor)
{
  static const int flags[] = { O_RDONLY | O_CLOEXEC, O_RDONLY, O_PATH | O_CLOEXEC, O_PATH };
  char **argv = child_argv ("exit_with", "9", NULL);
  for (size_t i = 0; i < sizeof flags / sizeof *flags; i++)
    {
      int fd = open_file (self_path, flags[i]);
      CHECK_EXECUTES (fd, NULL, argv, 9);
      CHECK (close (fd) == 0);
    }
}

CHILD (is_told)
{
  return argc == 2 && strcmp (argv[0], "word") == 0 && strcmp (argv[1], "") == 0 && getenv ("MARK")
             && strcmp (getenv ("MARK"), "yes") == 0 && !environ[1]
           ? 4
           : 5;
}

TEST (program_by_descriptor_gets_its_arguments_and_environment)
{
  int fd = open_file (self_path, O_RDONLY | O_CLOEXEC), pidfd = UNTOUCHED;
  char *envp[] = { (char *) "MARK=yes", NULL };
  CHECK_EQ (pidfd_spawn_ext (&pidfd, NULL, NULL, NULL, child_argv ("is_told", "word", "", NULL), envp,
                             ARGS (.flags = PIDFD_SPAWN_EXEC_FD, .exec_fd = fd), sizeof (struct pidfd_spawn_args)),
            0);
  CHECK_EXIT (pidfd, 4);
  CHECK (close (fd) == 0);
}

/* The interpreter opens it anew, by its number. */
TEST (script_by_descriptor)
{
  char *path = write_script ("script", 12);
  static const int flags[] = { O_RDONLY, O_PATH };
  for (size_t i = 0; i < sizeof flags / sizeof *flags; i++)
    {
      int fd = open_file (path, flags[i]);
      CHECK_EXECUTES (fd, NULL, tool_argv, 12);
      CHECK (close (fd) == 0);
      fd = open_file (path, flags[i] | O_CLOEXEC);
      CHECK_EXECUTES_NOT (fd, NULL, ENOENT);
      CHECK (close (fd) == 0);
    }
}

/* The mark counts, as everything does, at the exec. */
TEST (script_by_descriptor_that_is_marked_or_unmarked)
{
  char *path = write_script ("script", 12);
  int fd = open_file (path, O_RDONLY | O_CLOEXEC);
  posix_spawn_file_actions_t actions;
  CHECK_EQ (posix_spawn_file_actions_init (&actions), 0);
  CHECK_EQ (posix_spawn_file_actions_adddup2 (&actions, fd, fd), 0);
  CHECK_EXECUTES (fd, &actions, tool_argv, 12);
  posix_spawn_file_actions_destroy (&actions);
  const int inherit[] = { fd };
  const struct pidfd_spawn_args *kept = ARGS (.flags = PIDFD_SPAWN_EXEC_FD | PIDFD_SPAWN_CLOEXEC_FROM, .exec_fd = fd,
                                              .cloexec_from = 3, .inherit = inherit, .inherit_count = 1);
  int child = UNTOUCHED;
  CHECK_EQ (spawn_ext (&child, NULL, NULL, NULL, tool_argv, kept), 0);
  CHECK_EXIT (child, 12);
  CHECK (fcntl (fd, F_SETFD, 0) == 0);
  CHECK_EXECUTES (fd, NULL, tool_argv, 12);
  const struct pidfd_spawn_args *marked
    = ARGS (.flags = PIDFD_SPAWN_EXEC_FD | PIDFD_SPAWN_CLOEXEC_FROM, .exec_fd = fd, .cloexec_from = 3);
  CHECK_EXT_FAILS (spawn_ext (&pidfd, NULL, NULL, NULL, tool_argv, marked), ENOENT);
  CHECK (close (fd) == 0);
}

static int
file_in_memory (unsigned int flags)
{
  int fd = (int) syscall (SYS_memfd_create, "program", flags);
  if (fd < 0)
    SKIP ("no memfd: %s", strerror (errno));
  return fd;
}

/* The program knows where its library is by where it is itself. */
static void
find_the_library (void)
{
#ifdef MODE_LINKED
  CHECK (setenv ("LD_LIBRARY_PATH", dirname (library_path ()), 1) == 0);
#endif
}

TEST (program_in_memory)
{
  enum { CLOEXEC = 1 };
  int fd = file_in_memory (CLOEXEC), from = open_file (self_path, O_RDONLY | O_CLOEXEC);
  static char buffer[1 << 16];
  for (ssize_t got; (got = read (from, buffer, sizeof buffer)) > 0;)
    CHECK_EQ (write (fd, buffer, (size_t) got), got);
  CHECK (close (from) == 0);
  find_the_library ();
  CHECK_EXECUTES (fd, NULL, child_argv ("exit_with", "9", NULL), 9);
  CHECK (close (fd) == 0);
}

TEST (script_in_memory)
{
  int fd = file_in_memory (0);
  CHECK_EQ (write (fd, "#!/bin/sh\nexit 13\n", 18), 18);
  CHECK_EXECUTES (fd, NULL, tool_argv, 13);
  CHECK (close (fd) == 0);
}

/* The number is looked up at the exec. */
TEST (descriptor_that_an_action_closes)
{
  int fd = open_file (self_path, O_RDONLY | O_CLOEXEC);
  posix_spawn_file_actions_t actions;
  CHECK_EQ (posix_spawn_file_actions_init (&actions), 0);
  CHECK_EQ (posix_spawn_file_actions_addclose (&actions, fd), 0);
  CHECK_EXECUTES_NOT (fd, &actions, EBADF);
  posix_spawn_file_actions_destroy (&actions);
  CHECK (close (fd) == 0);
}

TEST (descriptor_that_an_action_makes)
{
  char *first = write_script ("first", 14);
  write_script ("second", 15);
  int fd = open_file (first, O_RDONLY | O_CLOEXEC), other = open_file (test_path ("second"), O_RDONLY | O_CLOEXEC);
  posix_spawn_file_actions_t actions;
  CHECK_EQ (posix_spawn_file_actions_init (&actions), 0);
  CHECK_EQ (posix_spawn_file_actions_adddup2 (&actions, fd, 40), 0);
  CHECK_EXECUTES (40, &actions, tool_argv, 14);
  CHECK_EQ (posix_spawn_file_actions_adddup2 (&actions, other, fd), 0);
  CHECK_EXECUTES (fd, &actions, tool_argv, 15);
  CHECK_EQ (posix_spawn_file_actions_addopen (&actions, 41, first, O_RDONLY, 0), 0);
  CHECK_EXECUTES (41, &actions, tool_argv, 14);
  posix_spawn_file_actions_destroy (&actions);
  CHECK (close (fd) == 0);
  CHECK (close (other) == 0);
}

TEST (descriptor_of_no_program)
{
  CHECK_EXECUTES_NOT (700, NULL, EBADF);
  CHECK_EXECUTES_NOT (INT_MAX, NULL, EBADF);
  int fd = open_file (test_dir (), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  CHECK_EXECUTES_NOT (fd, NULL, EACCES);
  CHECK (close (fd) == 0);
  fd = open_file ("/dev/null", O_RDONLY | O_CLOEXEC);
  CHECK_EXECUTES_NOT (fd, NULL, EACCES);
  CHECK (close (fd) == 0);
  write_file (test_path ("file"), "#!/bin/sh\n", 0644);
  fd = open_file (test_path ("file"), O_RDONLY | O_CLOEXEC);
  CHECK_EXECUTES_NOT (fd, NULL, EACCES);
  CHECK (close (fd) == 0);
  int ends[2];
  CHECK (pipe2 (ends, O_CLOEXEC) == 0);
  CHECK_EXECUTES_NOT (ends[0], NULL, EACCES);
  CHECK (close (ends[0]) == 0 && close (ends[1]) == 0);
}

/* What the library itself opens is not there for the caller, and the first call of a process may open more. */
static void
execute_nothing (void *number)
{
  CHECK_EXECUTES_NOT (*(int *) number, NULL, EBADF);
}

TEST (descriptor_that_is_not_open)
{
  for (int fd = 3; fd < 20; fd++)
    if (!is_open (fd))
      CHECK_EQ (in_fork (execute_nothing, &fd), 0);
}
