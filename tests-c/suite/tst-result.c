/* SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * What a call gives back and what it leaves behind: the returned error number, errno, the descriptor, and the child,
 * which is started with the very arguments and environment of the call or does not exist at all. */

#include "runner.h"

#include <poll.h>

enum { UNTOUCHED = -7 };

CHILD (exit_with)
{
  return atoi (argv[0]);
}

/* ---- Failure ---- */

static void
check_failure_at (int line, spawn_call *call, const char *path, const posix_spawn_file_actions_t *actions,
                  char *const argv[], char *const envp[], int error)
{
  int descriptors = open_descriptors ();
  for (int with = 0; with < 2; with++)
    {
      int pidfd = UNTOUCHED;
      errno = EXDEV;
      int result = call (with ? &pidfd : NULL, path, actions, NULL, argv, envp);
      int errno_after = errno;
      if (result != error)
        test_fail (__FILE__, line, "the result is %d (%s), wanted %d (%s)", result,
                   strerror (result > 0 ? result : -result), error, strerror (error));
#if HAVE_LIBRARY
      /* Not asked for by posix_spawn, but many a caller looks there. */
      if (errno_after != error)
        test_fail (__FILE__, line, "errno is %d, wanted %d", errno_after, error);
#endif
      if (pidfd != UNTOUCHED)
        test_fail (__FILE__, line, "the failed call stored %d", pidfd);
      if (errno_after == 0)
        test_fail (__FILE__, line, "errno became 0");
      check_no_child_at (__FILE__, line);
      int now = open_descriptors ();
      if (now != descriptors)
        test_fail (__FILE__, line, "%d descriptors are open, before the call %d", now, descriptors);
    }
}

static void
check_both_fail_at (int line, const char *path, int error)
{
  for (int call = 0; call < 2; call++)
    check_failure_at (line, both_calls[call], path, NULL, child_argv ("exit_with", "0", NULL), environ, error);
}
#define CHECK_FAILS(path, error) check_both_fail_at (__LINE__, path, error)

TEST (missing_program)
{
  CHECK_FAILS (test_path ("none"), ENOENT);
}

TEST (missing_directory)
{
  CHECK_FAILS (test_path ("none/program"), ENOENT);
}

TEST (empty_path)
{
  CHECK_FAILS ("", ENOENT);
}

TEST (file_that_is_not_executable)
{
  const char *path = test_path ("file");
  write_file (path, "#!/bin/sh\n", 0644);
  CHECK_FAILS (path, EACCES);
}

TEST (directory)
{
  CHECK_FAILS (test_dir (), EACCES);
}

TEST (path_through_a_file)
{
  write_file (test_path ("file"), "", 0755);
  CHECK_FAILS (test_path ("file/program"), ENOTDIR);
}

TEST (loop_of_links)
{
  const char *loop = test_path ("loop");
  CHECK (symlink (loop, loop) == 0);
  CHECK_FAILS (loop, ELOOP);
}

TEST (path_that_is_too_long)
{
  char *path = malloc (6000);
  memset (path, '/', 5999);
  path[5999] = 0;
  CHECK_FAILS (path, ENAMETOOLONG);
  CHECK_FAILS (format ("%s/%0300d", test_dir (), 1), ENAMETOOLONG);
}

TEST (file_of_no_known_format)
{
  const char *path = test_path ("script");
  write_file (path, format ("touch %s\n", test_path ("trace")), 0755);
  CHECK_FAILS (path, ENOEXEC);
  /* Handing it to a shell is for execvp alone. */
  CHECK (access (test_path ("trace"), F_OK) == -1);
}

TEST (empty_file)
{
  const char *path = test_path ("empty");
  write_file (path, "", 0755);
  CHECK_FAILS (path, ENOEXEC);
}

TEST (missing_interpreter)
{
  const char *path = test_path ("script");
  write_file (path, format ("#!%s\n", test_path ("none")), 0755);
  CHECK_FAILS (path, ENOENT);
}

TEST (program_that_is_being_written)
{
  const char *path = test_path ("program");
  write_file (path, "#!/bin/sh\nexit 0\n", 0755);
  int fd = open (path, O_WRONLY | O_CLOEXEC);
  CHECK (fd >= 0);
  int pidfd = UNTOUCHED, error = SPAWN (&pidfd, path, NULL, NULL, child_argv ("exit_with", "0", NULL), environ);
  CHECK (close (fd) == 0);
  if (error == 0)
    {
      reap (pidfd);
      SKIP ("this kernel lets programs be run while they are written");
    }
  CHECK_EQ (error, ETXTBSY);
  CHECK_EQ (pidfd, UNTOUCHED);
}

/* Longer than any single string may be. */
static char *
huge_string (const char *start)
{
  size_t size = 4 << 20;
  char *huge = malloc (size);
  memset (huge, 'x', size);
  memcpy (huge, start, strlen (start));
  huge[size - 1] = 0;
  return huge;
}

TEST (arguments_that_are_too_big)
{
  char **argv = child_argv ("exit_with", "0", huge_string ("x"), NULL);
  for (int call = 0; call < 2; call++)
    check_failure_at (__LINE__, both_calls[call], self_path, NULL, argv, environ, E2BIG);
}

TEST (environment_that_is_too_big)
{
  char *envp[] = { huge_string ("NAME="), NULL };
  for (int call = 0; call < 2; call++)
    check_failure_at (__LINE__, both_calls[call], self_path, NULL, child_argv ("exit_with", "0", NULL), envp, E2BIG);
}

TEST (file_action_that_fails)
{
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init (&actions);
  posix_spawn_file_actions_adddup2 (&actions, 700, 5);
  for (int call = 0; call < 2; call++)
    check_failure_at (__LINE__, both_calls[call], self_path, &actions, child_argv ("exit_with", "0", NULL), environ,
                      EBADF);
  posix_spawn_file_actions_destroy (&actions);
}

/* The error is clone's here: there is no child that could report one. */
TEST_LEAVING (no_process_can_be_made)
{
  allow_no_more_processes ();
  CHECK_FAILS (self_path, EAGAIN);
}

#if HAVE_LIBRARY
TEST_LEAVING (no_descriptor_is_free)
{
  sigset_t chld, pending;
  sigemptyset (&chld);
  sigaddset (&chld, SIGCHLD);
  CHECK (sigprocmask (SIG_BLOCK, &chld, NULL) == 0);
  use_up_descriptors ();
  for (int call = 0; call < 2; call++)
    {
      int pidfd = UNTOUCHED;
      errno = 0;
      CHECK_EQ (both_calls[call](&pidfd, self_path, NULL, NULL, child_argv ("exit_with", "0", NULL), environ),
                EMFILE);
      CHECK_EQ (errno, EMFILE);
      CHECK_EQ (pidfd, UNTOUCHED);
      CHECK_NO_CHILD ();
      /* A child that had been made and reaped would have left this behind. */
      CHECK (sigpending (&pending) == 0);
      CHECK (!sigismember (&pending, SIGCHLD));
    }
}

/* Others make processes too; but not all the time. */
TEST_LEAVING (no_descriptor_is_free_and_no_process_is_made)
{
  int proc_stat = open ("/proc/stat", O_RDONLY | O_CLOEXEC), pidfd = UNTOUCHED;
  CHECK (proc_stat >= 0);
  char **argv = child_argv ("exit_with", "0", NULL);
  use_up_descriptors ();
  for (int call = 0; call < 2; call++)
    {
      long made = -1;
      for (int i = 0; i < 1000 && made != 0; i++)
        {
          long before = processes_made (proc_stat);
          CHECK_EQ (both_calls[call](&pidfd, self_path, NULL, NULL, argv, environ), EMFILE);
          made = processes_made (proc_stat) - before;
        }
      CHECK_EQ (made, 0);
    }
}

/* The pidfd is all that a call may need. */
TEST_LEAVING (one_descriptor_is_free)
{
  int spare = dup (STDERR_FILENO);
  CHECK (spare >= 0);
  use_up_descriptors ();
  CHECK (close (spare) == 0);
  for (int call = 0; call < 2; call++)
    {
      CHECK_FAILS (test_path ("none"), ENOENT);
      int pidfd = UNTOUCHED;
      CHECK_EQ (both_calls[call](&pidfd, self_path, NULL, NULL, child_argv ("exit_with", "3", NULL), environ), 0);
      CHECK_EQ (pidfd, spare);
      CHECK_EXIT (pidfd, 3);
    }
}
#endif

/* ---- Success ---- */

TEST (status_of_the_child)
{
  static const int statuses[] = { 0, 1, 42, 127, 255 };
  for (size_t i = 0; i < sizeof statuses / sizeof *statuses; i++)
    for (int call = 0; call < 2; call++)
      {
        int pidfd = UNTOUCHED;
        CHECK_EQ (both_calls[call](&pidfd, self_path, NULL, NULL,
                                   child_argv ("exit_with", format ("%d", statuses[i]), NULL), environ), 0);
        CHECK_EXIT (pidfd, statuses[i]);
      }
}

#if HAVE_LIBRARY
TEST (errno_is_kept_on_success)
{
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init (&actions);
  /* It fails in the child, and that is no error. */
  posix_spawn_file_actions_addclose (&actions, 700);
  setenv ("PATH", format ("%s:/bin", test_path ("none")), 1);
  for (int way = 0; way < 6; way++)
    {
      int pidfd = UNTOUCHED;
      errno = EXDEV;
      int result = way == 5 ? SPAWNP (&pidfd, "true", NULL, NULL, (char *[]){ (char *) "true", NULL }, environ)
                            : both_calls[way % 2](way == 4 ? NULL : &pidfd, self_path, way / 2 ? &actions : NULL, NULL,
                                                  child_argv ("exit_with", "0", NULL), environ);
      int after = errno;
      CHECK_EQ (result, 0);
      CHECK_EQ (after, EXDEV);
      if (way == 4)
        CHECK (waitpid (-1, NULL, 0) > 0);
      else
        CHECK_EXIT (pidfd, 0);
    }
  posix_spawn_file_actions_destroy (&actions);
}
#endif

TEST (without_a_place_for_the_pidfd)
{
  for (int call = 0; call < 2; call++)
    {
      int descriptors = open_descriptors ();
      CHECK_EQ (both_calls[call](NULL, self_path, NULL, NULL, child_argv ("exit_with", "9", NULL), environ), 0);
      CHECK_EQ (open_descriptors (), descriptors);
      int status;
      CHECK (waitpid (-1, &status, 0) > 0);
      CHECK (WIFEXITED (status));
      CHECK_EQ (WEXITSTATUS (status), 9);
    }
}

CHILD (child_of)
{
  return getppid () == atoi (argv[0]) ? 0 : 1;
}

TEST (caller_is_the_parent)
{
  for (int call = 0; call < 2; call++)
    {
      int pidfd = UNTOUCHED;
      CHECK_EQ (both_calls[call](&pidfd, self_path, NULL, NULL,
                                 child_argv ("child_of", format ("%d", (int) getpid ()), NULL), environ), 0);
      CHECK_EXIT (pidfd, 0);
    }
}

TEST (pidfd_is_close_on_exec)
{
  for (int call = 0; call < 2; call++)
    {
      int pidfd = UNTOUCHED;
      CHECK_EQ (both_calls[call](&pidfd, self_path, NULL, NULL, child_argv ("exit_with", "0", NULL), environ), 0);
      CHECK_EQ (fcntl (pidfd, F_GETFD), FD_CLOEXEC);
      CHECK_EXIT (pidfd, 0);
    }
}

/* Waiting on it blocks, and it stands for the whole process: neither PIDFD_NONBLOCK nor PIDFD_THREAD. */
TEST (pidfd_has_no_flags)
{
  int pidfd = UNTOUCHED;
  CHECK_EQ (SPAWN (&pidfd, self_path, NULL, NULL, child_argv ("exit_with", "0", NULL), environ), 0);
  CHECK_EQ (fcntl (pidfd, F_GETFL) & (O_NONBLOCK | O_EXCL), 0);
  CHECK_EXIT (pidfd, 0);
}

TEST (pidfd_can_be_polled)
{
  int hold[2];
  CHECK (pipe2 (hold, O_CLOEXEC) == 0);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init (&actions);
  posix_spawn_file_actions_adddup2 (&actions, hold[0], STDIN_FILENO);
  int pidfd = UNTOUCHED;
  CHECK_EQ (SPAWN (&pidfd, "/bin/cat", &actions, NULL, (char *[]){ (char *) "cat", NULL }, environ), 0);
  struct pollfd poll_it = { .fd = pidfd, .events = POLLIN };
  CHECK_EQ (poll (&poll_it, 1, 0), 0);
  CHECK (close (hold[0]) == 0);
  CHECK (close (hold[1]) == 0);
  CHECK_EQ (poll (&poll_it, 1, -1), 1);
  CHECK_EQ (poll_it.revents, POLLIN);
  siginfo_t info;
  CHECK (waitid (PIDFD, (id_t) pidfd, &info, WEXITED | WNOWAIT) == 0);
  CHECK_EQ (info.si_pid, pid_of (pidfd));
  CHECK_EXIT (pidfd, 0);
  posix_spawn_file_actions_destroy (&actions);
}

TEST (each_pidfd_is_that_of_its_child)
{
  enum { MANY = 100, SOME = 20 };
  int pidfds[MANY], made = 0;
  for (; made < MANY; made++)
    {
      int error = both_calls[made % 2](&pidfds[made], self_path, NULL, NULL,
                                       child_argv ("exit_with", format ("%d", made), NULL), environ);
      /* A container may not have more. */
      if (error == EAGAIN && made >= SOME)
        break;
      CHECK_EQ (error, 0);
    }
  for (int i = made - 1; i >= 0; i--)
    CHECK_EXIT (pidfds[i], i);
}

/* ---- What the child gets ---- */

/* A list of strings as /proc shows it: each ended by a zero. */
struct strings {
  char *text;
  size_t size;
};

static struct strings
join (char *const list[])
{
  struct strings all = { malloc (1), 0 };
  for (; *list; list++)
    {
      size_t length = strlen (*list) + 1;
      all.text = realloc (all.text, all.size + length);
      memcpy (all.text + all.size, *list, length);
      all.size += length;
    }
  return all;
}

static struct strings
load (const char *path)
{
  struct strings all = { malloc (8 << 20), 0 };
  int fd = open (path, O_RDONLY | O_CLOEXEC);
  CHECK (fd >= 0);
  for (ssize_t got; (got = read (fd, all.text + all.size, 1 << 20)) != 0;)
    {
      CHECK (got > 0);
      all.size += (size_t) got;
    }
  CHECK (close (fd) == 0);
  return all;
}

static void
copy_file (const char *from, const char *to)
{
  struct strings content = load (from);
  int fd = open (to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  CHECK (fd >= 0);
  CHECK_EQ (write (fd, content.text, content.size), (long long) content.size);
  CHECK (close (fd) == 0);
}

static void
check_strings_at (int line, const char *path, struct strings wanted)
{
  struct strings got = load (path);
  if (got.size != wanted.size || memcmp (got.text, wanted.text, got.size) != 0)
    test_fail (__FILE__, line, "%s has %zu bytes, wanted %zu, or other ones", path, got.size, wanted.size);
}
#define CHECK_STRINGS(path, wanted) check_strings_at (__LINE__, path, wanted)

/* Writes down what it was started with.  Argument 0 says where. */
CHILD (write_down)
{
  copy_file ("/proc/self/cmdline", format ("%s/cmdline", argv[0]));
  copy_file ("/proc/self/environ", format ("%s/environ", argv[0]));
  return 0;
}

/* The same for a program that gets no arguments to be told by. */
__attribute__ ((constructor)) static void
write_down_early (void)
{
  const char *where = getenv ("TST_RESULT_WRITE_DOWN");
  if (!where)
    return;
  copy_file ("/proc/self/cmdline", format ("%s/cmdline", where));
  copy_file ("/proc/self/environ", format ("%s/environ", where));
  _exit (0);
}

/* The program under test may find its library by this variable alone. */
static char *
library_path (void)
{
  const char *path = getenv ("LD_LIBRARY_PATH");
  return path ? format ("LD_LIBRARY_PATH=%s", path) : format ("NOTHING=");
}

TEST (arguments_are_passed_as_they_are)
{
  char **argv = child_argv ("write_down", test_dir (), "", " ", "", "a b\tc\nd", "\xff\x01", "--", "*", "$HOME", "",
                            NULL);
  for (int call = 0; call < 2; call++)
    {
      int pidfd = UNTOUCHED;
      CHECK_EQ (both_calls[call](&pidfd, self_path, NULL, NULL, argv, environ), 0);
      CHECK_EXIT (pidfd, 0);
      CHECK_STRINGS (test_path ("cmdline"), join (argv));
      CHECK_STRINGS (test_path ("environ"), join (environ));
      argv[0] = (char *) "another name";
    }
}

TEST (many_arguments)
{
  enum { MANY = 5000 };
  char **argv = calloc (MANY + 5, sizeof *argv);
  memcpy (argv, child_argv ("write_down", test_dir (), NULL), 4 * sizeof *argv);
  for (int i = 0; i < MANY; i++)
    argv[4 + i] = format ("%d", i);
  for (int call = 0; call < 2; call++)
    {
      int pidfd = UNTOUCHED;
      CHECK_EQ (both_calls[call](&pidfd, self_path, NULL, NULL, argv, environ), 0);
      CHECK_EXIT (pidfd, 0);
      CHECK_STRINGS (test_path ("cmdline"), join (argv));
    }
}

TEST (environment_is_the_one_of_the_call)
{
  setenv ("ONLY_IN_THE_CALLER", "1", 1);
  char *envp[] = { library_path (), (char *) "NAME=first", (char *) "", (char *) "no equals sign",
                   (char *) "NAME=second", (char *) "PATH=/nowhere", (char *) "EMPTY=", NULL };
  char *none[] = { library_path (), NULL };
  for (int call = 0; call < 2; call++)
    for (int i = 0; i < 2; i++)
      {
        int pidfd = UNTOUCHED;
        CHECK_EQ (both_calls[call](&pidfd, self_path, NULL, NULL, child_argv ("write_down", test_dir (), NULL),
                                   i ? none : envp), 0);
        CHECK_EXIT (pidfd, 0);
        CHECK_STRINGS (test_path ("environ"), join (i ? none : envp));
      }
}

/* PATH is searched in the caller's environment, and the child still gets that of the call. */
TEST (environment_of_the_call_after_a_search)
{
  CHECK (symlink (self_path, test_path ("program")) == 0);
  setenv ("PATH", test_dir (), 1);
  char *envp[] = { library_path (), (char *) "PATH=/nowhere", NULL };
  int pidfd = UNTOUCHED;
  char **argv = child_argv ("write_down", test_dir (), NULL);
  CHECK_EQ (SPAWNP (&pidfd, "program", NULL, NULL, argv, envp), 0);
  CHECK_EXIT (pidfd, 0);
  CHECK_STRINGS (test_path ("environ"), join (envp));
  CHECK_STRINGS (test_path ("cmdline"), join (argv));
}

/* What the kernel makes of a missing list is what a plain execve shows. */
static void
check_like_execve (char *const argv[], char *const envp[])
{
  /* Were the child given the caller's environment, it must not take itself for the whole test program. */
  setenv ("TST_RESULT_WRITE_DOWN", test_dir (), 1);
  pid_t pid = fork ();
  if (pid == 0)
    {
      syscall (SYS_execve, self_path, argv, envp);
      _exit (1);
    }
  int status;
  CHECK_EQ (waitpid (pid, &status, 0), pid);
  if (status != 0)
    SKIP ("this kernel does not take the list");
  struct strings arguments = load (test_path ("cmdline"));
  CHECK (unlink (test_path ("cmdline")) == 0);
  for (int call = 0; call < 2; call++)
    {
      int pidfd = UNTOUCHED;
      CHECK_EQ (both_calls[call](&pidfd, self_path, NULL, NULL, argv, envp), 0);
      CHECK_EXIT (pidfd, 0);
      CHECK_STRINGS (test_path ("cmdline"), arguments);
      CHECK_STRINGS (test_path ("environ"), join (envp));
    }
}

TEST (empty_arguments)
{
  char *envp[] = { library_path (), format ("TST_RESULT_WRITE_DOWN=%s", test_dir ()), NULL };
  check_like_execve ((char *[]){ NULL }, envp);
}

/* The prototypes may promise otherwise; the compiler must not know. */
static char *const *volatile no_list;

#if HAVE_LIBRARY
/* glibc's posix_spawn counts the arguments and dies. */
TEST (no_arguments_at_all)
{
  char *envp[] = { library_path (), format ("TST_RESULT_WRITE_DOWN=%s", test_dir ()), NULL };
  check_like_execve (no_list, envp);
}
#endif

TEST (empty_and_missing_environment)
{
  const char *path = test_path ("output");
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init (&actions);
  posix_spawn_file_actions_addopen (&actions, STDOUT_FILENO, path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
  char *argv[] = { (char *) "env", NULL };
  for (int i = 0; i < 3; i++)
    for (int call = 0; call < 2; call++)
      {
        char *const *envp = i == 0 ? (char *[]){ (char *) "A=1", NULL } : i == 1 ? (char *[]){ NULL } : no_list;
        int pidfd = UNTOUCHED;
        CHECK_EQ (both_calls[call](&pidfd, "/usr/bin/env", &actions, NULL, argv, envp), 0);
        CHECK_EXIT (pidfd, 0);
        CHECK_STR (read_file (path), i == 0 ? "A=1\n" : "");
      }
  posix_spawn_file_actions_destroy (&actions);
}

/* Arguments: the umask, then the working directory. */
CHILD (umask_and_directory)
{
  char here[PATH_MAX];
  mode_t mask = umask (0);
  if (mask != (mode_t) atoi (argv[0]))
    return 1;
  return getcwd (here, sizeof here) && strcmp (here, argv[1]) == 0 ? 0 : 2;
}

TEST_LEAVING (umask_and_directory_are_the_caller_s)
{
  umask (0153);
  CHECK (chdir (test_dir ()) == 0);
  char here[PATH_MAX];
  CHECK (getcwd (here, sizeof here) != NULL);
  int pidfd = UNTOUCHED;
  CHECK_EQ (SPAWN (&pidfd, self_path, NULL, NULL, child_argv ("umask_and_directory", format ("%d", 0153), here, NULL),
                   environ), 0);
  CHECK_EXIT (pidfd, 0);
  CHECK_EQ (umask (0), 0153);
}

/* Argument 0: the descriptors that must be open, as a string of their numbers, each with a blank after it. */
CHILD (descriptors_are)
{
  char *list = format ("%s", "");
  for (int fd = 0; fd < 4096; fd++)
    if (is_open (fd))
      list = format ("%s%d ", list, fd);
  if (strcmp (list, argv[0]) != 0)
    dprintf (STDERR_FILENO, "descriptors %s, wanted %s\n", list, argv[0]);
  return strcmp (list, argv[0]) == 0 ? 0 : 1;
}

/* The child has what the caller has but for close-on-exec: no pidfd, and nothing that a call needed for itself. */
TEST (descriptors_of_the_child)
{
  int kept = fcntl (STDERR_FILENO, F_DUPFD, 200), closed = fcntl (STDERR_FILENO, F_DUPFD_CLOEXEC, 210);
  CHECK (kept >= 0 && closed >= 0);
  char *list = format ("%s", "");
  for (int fd = 0; fd < 4096; fd++)
    if (is_open (fd) && !(fcntl (fd, F_GETFD) & FD_CLOEXEC))
      list = format ("%s%d ", list, fd);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init (&actions);
  posix_spawn_file_actions_addclose (&actions, 700);
  int pidfds[8];
  for (int i = 0; i < 8; i++)
    CHECK_EQ (both_calls[i % 2](&pidfds[i], self_path, i / 2 % 2 ? &actions : NULL, NULL,
                                child_argv ("descriptors_are", list, NULL), environ), 0);
  for (int i = 0; i < 8; i++)
    CHECK_EXIT (pidfds[i], 0);
  posix_spawn_file_actions_destroy (&actions);
  close (kept);
  close (closed);
}

/* ---- Nothing is left ---- */

static void
spawn_and_fail (char **argv, const posix_spawn_file_actions_t *actions)
{
  for (int call = 0; call < 2; call++)
    {
      int pidfd = UNTOUCHED;
      CHECK_EQ (both_calls[call](&pidfd, self_path, NULL, NULL, argv, environ), 0);
      CHECK_EXIT (pidfd, 0);
      CHECK_EQ (both_calls[call](&pidfd, "/nonexistent/program", NULL, NULL, argv, environ), ENOENT);
      CHECK_EQ (both_calls[call](&pidfd, self_path, actions, NULL, argv, environ), EBADF);
    }
  CHECK_EQ (both_calls[1] (NULL, "no such program anywhere", NULL, NULL, argv, environ), ENOENT);
#if HAVE_LIBRARY
  for (unsigned int flags = 0; flags <= last_fork_flags (); flags += PIDFDFORK_ASYNCSAFE)
    {
      int pidfd = pidfd_fork (flags);
      if (pidfd == 0)
        _exit (4);
      CHECK_EXIT (pidfd, 4);
    }
  CHECK_ERRNO (pidfd_fork (1U << 5), EINVAL);
  CHECK_ERRNO (pidfd_getpid (STDERR_FILENO), EBADF);
#endif
}

TEST (no_mapping_is_left)
{
  char **argv = child_argv ("exit_with", "0", NULL);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init (&actions);
  posix_spawn_file_actions_adddup2 (&actions, 700, 5);
  /* Looked at without any allocation, which could change them. */
  static struct mappings before, after;
  /* What is made once and kept is not counted. */
  spawn_and_fail (argv, &actions);
  CHECK (read_mappings (&before));
  for (int i = 0; i < 40; i++)
    spawn_and_fail (argv, &actions);
  CHECK (read_mappings (&after));
  CHECK_EQ (after.count, before.count);
  CHECK_EQ (after.size, before.size);
  posix_spawn_file_actions_destroy (&actions);
}

TEST (calls_keep_the_cancel_state)
{
  static const int states[] = { PTHREAD_CANCEL_DISABLE, PTHREAD_CANCEL_ENABLE };
  for (int i = 0; i < 4; i++)
    {
      /* In a program that is not linked with libpthread an older glibc tells no state, for there is none. */
      int state = states[i % 2], pidfd = UNTOUCHED, after = state;
      CHECK_EQ (pthread_setcancelstate (state, NULL), 0);
      CHECK_EQ (both_calls[i / 2](&pidfd, self_path, NULL, NULL, child_argv ("exit_with", "0", NULL), environ), 0);
      CHECK_EQ (pthread_setcancelstate (state, &after), 0);
      CHECK_EQ (after, state);
      CHECK_EXIT (pidfd, 0);
      CHECK_EQ (both_calls[i / 2](&pidfd, "/nonexistent/program", NULL, NULL, child_argv ("exit_with", "0", NULL),
                                  environ), ENOENT);
      CHECK_EQ (pthread_setcancelstate (state, &after), 0);
      CHECK_EQ (after, state);
    }
}
