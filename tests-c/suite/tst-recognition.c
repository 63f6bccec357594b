/* SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * How the library recognises the libc: by its layouts alone, whatever other libraries say; and where it does not
 * recognise one, the libc's own functions are the only way. */

#include "runner.h"

CHILD (exit_with)
{
  return atoi (argv[0]);
}

/* What the spawns of a fresh process give: 4 where all is well, else 100 and the error. */
static int
try_to_spawn (void)
{
  char **argv = child_argv ("exit_with", "0", NULL);
  for (int call = 0; call < 2; call++)
    {
      int pidfd = -1, error = both_calls[call](&pidfd, self_path, NULL, NULL, argv, environ);
      if (error)
        return 100 + error;
      CHECK_EXIT (pidfd, 0);
    }
  return 4;
}

CHILD (spawn)
{
  /* What is started now is the program alone. */
  unsetenv ("LD_PRELOAD");
  return try_to_spawn ();
}

/* ---- With few descriptors ---- */

/* The first argument is how often to try before the limit is raised. */
CHILD (spawn_when_the_limit_is_raised)
{
  for (int i = atoi (argv[0]); i > 0; i--)
    {
      int pidfd = -1, error = SPAWN (&pidfd, self_path, NULL, NULL, child_argv ("exit_with", "0", NULL), environ);
      if (error == 0)
        CHECK_EXIT (pidfd, 0);
      else if (error != EMFILE && error != ENOSYS)
        return 100 + error;
    }
  limit_descriptors (64);
  return try_to_spawn ();
}

struct start {
  rlim_t limit;
  int open; /* descriptors that stay open, so that a loader has one to work with */
  char **argv;
};

static void
start_with_limit (void *argument)
{
  struct start *start = argument;
  for (int fd = start->open; fd < 64; fd++)
    close (fd);
  limit_descriptors (start->limit);
  alarm (20);
  execve (start->argv[0], start->argv, environ);
  _exit (126);
}

static void
check_with_limit (rlim_t limit, int open, char **argv)
{
  int status = in_fork (start_with_limit, &(struct start){ limit, open, argv });
  if (WIFEXITED (status) && WEXITSTATUS (status) > 100 && WEXITSTATUS (status) != 126)
    FAIL ("with a limit of %d: %s", (int) limit, strerror (WEXITSTATUS (status) - 100));
  if (!WIFEXITED (status) || WEXITSTATUS (status) != 4)
    FAIL ("with a limit of %d: the wait status is %#x", (int) limit, (unsigned int) status);
}

/* As of a shell's ulimit -n. */
TEST (with_a_limit_of_8)
{
  check_with_limit (8, 3, child_argv ("spawn", NULL));
  check_with_limit (8, 3, child_argv ("spawn_when_the_limit_is_raised", "2", NULL));
}

TEST (with_a_limit_that_is_raised)
{
  for (int limit = 1; limit < 4; limit++)
    for (int tries = 0; tries < 3; tries++)
      check_with_limit ((rlim_t) limit, limit - 1,
                        child_argv ("spawn_when_the_limit_is_raised", format ("%d", tries), NULL));
}

#ifndef MODE_STATIC

# include "call.h"
# include "extension.h"
# include "object.h"

OBJECT (version)
OBJECT (liar)
OBJECT (native)
OBJECT (forwarder)
OBJECT (namesake)


/* ---- What other libraries say ---- */

/* The search for a definition goes through the library first, then through what comes after it, then to the libc. */
static char *
library_and (const char *objects)
{
  return format ("%s %s", library_path (), objects);
}

/* As on Alpine, where a layer makes programs for glibc run on musl; or as if a new glibc had come out. */
TEST (another_library_has_glibcs_function)
{
  static const char *const versions[] = { "2.8", "2.17", "2.36", "2.99", "3.1", "musl", "" };
  char *with = library_and (object_version ());
  for (size_t i = 0; i < sizeof versions / sizeof *versions; i++)
    {
      setenv ("TST_VERSION", versions[i], 1);
      CHECK_STARTED (versions[i], with, child_argv ("spawn", NULL), 4);
    }
}

CHILD (spawn_by_the_libc)
{
  unsetenv ("LD_PRELOAD");
  posix_spawnattr_t attributes;
  CHECK_EQ (posix_spawnattr_init (&attributes), 0);
  CHECK_EQ (posix_spawnattr_setflags (&attributes, POSIX_SPAWN_SETSIGMASK), 0);
  pid_t pid;
  CHECK_EQ (posix_spawnp (&pid, self_path, NULL, &attributes, child_argv ("exit_with", "4", NULL), environ), 0);
  CHECK_EQ (posix_spawnattr_destroy (&attributes), 0);
  int status;
  CHECK_EQ (waitpid (pid, &status, 0), pid);
  CHECK (WIFEXITED (status));
  return WEXITSTATUS (status);
}

/* It stands before the library, and finds the library's own functions where the libc's are asked for. */
TEST (another_library_has_a_dlsym)
{
# ifndef __GLIBC__
  SKIP ("the C library has no dlvsym for the other library to find its dlsym by");
# endif
  char *both = format ("%s %s", object_forwarder (), library_path ());
  CHECK_STARTED ("posix_spawn", both, child_argv ("spawn_by_the_libc", NULL), 4);
  CHECK_STARTED ("pidfd_spawn", both, child_argv ("spawn", NULL), 4);
}

CHILD (posix_spawn_says)
{
  pid_t pid;
  return posix_spawn (&pid, "/bin/true", NULL, NULL, child_argv ("spawn", NULL), environ);
}

/* What comes after the library gets what the library passes on, whatever versions the libc's own has. */
TEST (another_library_has_a_posix_spawn)
{
  CHECK_STARTED ("behind the library", library_and (object_namesake ()), child_argv ("posix_spawn_says", NULL), 99);
  char *before = format ("%s %s", object_namesake (), library_path ());
  CHECK_STARTED ("before the library", before, child_argv ("posix_spawn_says", NULL), 99);
}

/* ---- Layouts that are not what they should be ---- */

/* Whether the lie is to be noticed always, or only where the release is not one that is known, because the function
   allocates or has to be looked up; and whether musl has no such function. */
static const struct lie {
  const char *about;
  bool asked_of_unknown_releases_only, glibc_only;
} lies[] = {
  { "close", false, false },      { "dup2", false, false },     { "dup2-from", false, false },
  { "dup2-to", false, false },    { "open-fd", true, false },   { "open-path", true, false },
  { "open-flags", true, false },  { "open-mode", true, false },
# ifndef NO_CHDIR
  { "chdir", true, false },       { "fchdir", false, false },
# endif
# ifndef NO_CLOSEFROM
  { "closefrom", false, true },
# endif
# ifndef NO_TCSETPGRP
  { "tcsetpgrp", true, true },
# endif
  { "getflags", false, false },   { "pgroup", false, false },   { "sigdefault", false, false },
  { "sigmask", false, false },    { "schedparam", false, true }, { "schedpolicy", false, true },
};

struct native {
  int spawns, searches, cgroup;
  const void *arguments[6];
};

static struct native *
native (void)
{
  struct native *found = dlsym (RTLD_DEFAULT, "tst_native");
  CHECK (found != NULL);
  return found;
}

/* Whose functions the library's become: 20 if those of a libc that has some, 21 if its own engine. */
CHILD (whose_way)
{
  unsetenv ("LD_PRELOAD");
  int status = try_to_spawn ();
  if (status != 4)
    return status;
  if (native ()->spawns == 0 && native ()->searches == 0)
    return 21;
  return native ()->spawns == 1 && native ()->searches == 1 ? 20 : 22;
}

TEST (a_layout_that_is_not_known)
{
  char *known = library_and (format ("%s %s", object_liar (), object_native ()));
  char *unknown = format ("%s %s", known, object_version ());
  setenv ("TST_VERSION", "2.99", 1);
  for (int i = 0; i < 2; i++)
    {
      unsetenv ("TST_LIE");
      CHECK_STARTED ("no lie", i ? known : unknown, child_argv ("whose_way", NULL), 21);
      for (size_t lie = 0; lie < sizeof lies / sizeof *lies; lie++)
        {
          if ((i && lies[lie].asked_of_unknown_releases_only) || (NOT_GLIBC && lies[lie].glibc_only))
            continue;
          setenv ("TST_LIE", lies[lie].about, 1);
          CHECK_STARTED (lies[lie].about, i ? known : unknown, child_argv ("whose_way", NULL), 20);
        }
    }
}

static bool
libc_has_its_own (void)
{
  return dlsym (dlopen ("libc.so.6", RTLD_LAZY | RTLD_NOLOAD), "pidfd_spawn") != NULL;
}

TEST (a_layout_that_is_not_known_in_a_libc_without_such_functions)
{
  if (!NOT_GLIBC && libc_has_its_own ())
    SKIP ("the libc has functions of its own");
  setenv ("TST_LIE", "pgroup", 1);
  CHECK_STARTED ("spawn", library_and (object_liar ()), child_argv ("spawn", NULL), 100 + ENOSYS);
}

/* In a libc of which nothing is known but that it has the functions. */
CHILD (spawn_natively)
{
  unsetenv ("LD_PRELOAD");
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
  CHECK_EQ (posix_spawn_file_actions_init (&actions), 0);
  CHECK_EQ (posix_spawnattr_init (&attributes), 0);
  int wanted = atoi (argv[0]), descriptors = open_descriptors ();
  char **arguments = child_argv ("exit_with", "6", NULL);
  if (wanted)
    setenv ("TST_ERROR", argv[0], 1);
  for (int call = 0; call < 2; call++)
    for (int with = 0; with < 2; with++)
      {
        int pidfd = -7;
        *native () = (struct native){ 0 };
        errno = EXDEV;
        int error = both_calls[call](with ? &pidfd : NULL, self_path, &actions, &attributes, arguments, environ);
        int after = errno;
        CHECK_EQ (error, wanted);
        CHECK_EQ (after, wanted ? wanted : EXDEV);
        CHECK_EQ (native ()->spawns, call == 0);
        CHECK_EQ (native ()->searches, call == 1);
        const void *given[] = { self_path, &actions, &attributes, arguments, environ };
        for (int i = 0; i < 5; i++)
          CHECK (native ()->arguments[i + 1] == given[i]);
        if (error)
          CHECK_EQ (pidfd, -7);
        else if (with)
          {
            CHECK_EQ (fcntl (pidfd, F_GETFD), FD_CLOEXEC);
            CHECK_EXIT (pidfd, 6);
          }
        else
          {
            int status;
            CHECK (waitpid (-1, &status, 0) > 0);
            CHECK_EQ (status, 6 << 8);
          }
        CHECK_EQ (open_descriptors (), descriptors);
        CHECK_NO_CHILD ();
      }
  return 4;
}

TEST (the_libcs_own_functions)
{
  char *with = library_and (format ("%s %s", object_liar (), object_native ()));
  setenv ("TST_LIE", "pgroup", 1);
  static const int errors[] = { 0, ENOENT, EPERM, ENOSYS };
  for (size_t i = 0; i < sizeof errors / sizeof *errors; i++)
    CHECK_STARTED (errors[i] ? strerror (errors[i]) : "success", with,
                   child_argv ("spawn_natively", format ("%d", errors[i]), NULL), 4);
}

/* No function of the libc stands in for pidfd_spawn_ext; without objects it has no need of one. */
CHILD (spawn_extended)
{
  unsetenv ("LD_PRELOAD");
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
  CHECK_EQ (posix_spawn_file_actions_init (&actions), 0);
  CHECK_EQ (posix_spawnattr_init (&attributes), 0);
  const struct pidfd_spawn_args *args = ARGS (.flags = PIDFD_SPAWN_SETUMASK, .umask = 022);
  char **arguments = child_argv ("exit_with", "6", NULL);
  int pidfd = -1;
  CHECK_EQ (spawn_ext (&pidfd, self_path, NULL, NULL, arguments, args), 0);
  CHECK_EXIT (pidfd, 6);
  CHECK_EXT_FAILS (spawn_ext (&pidfd, self_path, &actions, NULL, arguments, args), ENOSYS);
  CHECK_EXT_FAILS (spawn_ext (&pidfd, self_path, NULL, &attributes, arguments, args), ENOSYS);
  CHECK_EQ (native ()->spawns, 0);
  /* Where nothing is asked for besides, pidfd_spawn has one. */
  CHECK_EQ (posix_spawnattr_setflags (&attributes, POSIX_SPAWN_SETSIGMASK), 0);
  CHECK_EQ (pidfd_spawn_ext (&pidfd, self_path, &actions, &attributes, arguments, environ, NULL, 0), 0);
  CHECK_EXIT (pidfd, 6);
  CHECK_EQ (native ()->spawns, 1);
  CHECK (native ()->arguments[2] == &actions && native ()->arguments[3] == &attributes);
  return 4;
}

TEST (pidfd_spawn_ext_where_the_layout_is_not_known)
{
  setenv ("TST_LIE", "pgroup", 1);
  CHECK_STARTED ("pidfd_spawn_ext", library_and (format ("%s %s", object_liar (), object_native ())),
                 child_argv ("spawn_extended", NULL), 4);
}

/* The functions that are taken over are the libc's then. */
CHILD (posix_spawn_natively)
{
  unsetenv ("LD_PRELOAD");
  bool has_cgroups = atoi (argv[0]);
  posix_spawnattr_t attributes;
  short flags = -1;
  pid_t pid = -7;
  int status, cgroup = -7;
  CHECK_EQ (posix_spawnattr_init (&attributes), 0);
  CHECK_EQ (posix_spawnattr_setflags (&attributes, POSIX_SPAWN_SETSIGMASK), 0);
  CHECK_EQ (posix_spawnattr_getflags (&attributes, &flags), 0);
  CHECK_EQ (flags, POSIX_SPAWN_SETSIGMASK);
  CHECK_EQ (posix_spawnattr_setflags (&attributes, 0x4000), EINVAL);
  CHECK_EQ (posix_spawnattr_setcgroup_np (&attributes, 17), has_cgroups ? 0 : ENOSYS);
  CHECK_EQ (posix_spawnattr_getcgroup_np (&attributes, &cgroup), has_cgroups ? 0 : ENOSYS);
  CHECK_EQ (cgroup, has_cgroups ? 17 : -7);
  if (has_cgroups)
    CHECK_EQ (native ()->cgroup, 17);
  CHECK_EQ (posix_spawn (&pid, self_path, NULL, &attributes, child_argv ("exit_with", "5", NULL), environ), 0);
  CHECK_EQ (waitpid (pid, &status, 0), pid);
  CHECK_EQ (status, 5 << 8);
  CHECK_EQ (posix_spawnp (&pid, "true", NULL, &attributes, (char *[]){ (char *) "true", NULL }, environ), 0);
  CHECK_EQ (waitpid (pid, &status, 0), pid);
  CHECK_EQ (status, 0);
  return 4;
}

TEST (posix_spawn_where_the_layout_is_not_known)
{
  setenv ("TST_LIE", "pgroup", 1);
  CHECK_STARTED ("with functions for cgroups", library_and (format ("%s %s", object_liar (), object_native ())),
                 child_argv ("posix_spawn_natively", "1", NULL), 4);
  if (NOT_GLIBC || !libc_has_its_own ())
    CHECK_STARTED ("without functions for cgroups", library_and (object_liar ()),
                   child_argv ("posix_spawn_natively", "0", NULL), 4);
}

#endif
