/* SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * Shared objects that a test program carries, and this program started anew with some of them loaded: see objects/. */

#ifndef OBJECT_H
#define OBJECT_H

#include "runner.h"

#include <dlfcn.h>

#ifndef OBJECTS
# define OBJECTS "build/tests/objects/"
#endif

/* OBJECT (name) gives `char *object_name (void)`, which writes objects/name.c's object and gives its path.  On s390x
   nothing at an odd address can be named; a byte more at the end does no harm. */
#define OBJECT(name)                                                                                                   \
  __asm__ (".pushsection .rodata\n"                                                                                    \
           ".hidden tst_" #name "_start\n.hidden tst_" #name "_end\n"                                                  \
           ".globl tst_" #name "_start\n.globl tst_" #name "_end\n"                                                    \
           ".balign 2\ntst_" #name "_start:\n.incbin \"" OBJECTS #name ".so\"\n"                                       \
           ".balign 2\ntst_" #name "_end:\n.byte 0\n"                                                                  \
           ".popsection\n");                                                                                           \
  extern const char tst_##name##_start[] __attribute__ ((visibility ("hidden")));                                      \
  extern const char tst_##name##_end[] __attribute__ ((visibility ("hidden")));                                        \
  __attribute__ ((unused)) static char *object_##name (void)                                                           \
  {                                                                                                                    \
    return write_object (#name, tst_##name##_start, tst_##name##_end);                                                 \
  }

static inline char *
write_object (const char *name, const char *start, const char *end)
{
  char *path = test_path (format ("%s.so", name));
  int fd = open (path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0755);
  CHECK (fd >= 0);
  CHECK_EQ (write (fd, start, (size_t) (end - start)), end - start);
  CHECK (close (fd) == 0);
  return path;
}

/* The file that the library under test was loaded from, or a link to it: the loader splits LD_PRELOAD
   at spaces and colons. */
static inline char *
library_path (void)
{
  Dl_info where;
  void *function = dlsym (RTLD_DEFAULT, "pidfd_spawn");
  CHECK (function != NULL && dladdr (function, &where) != 0);
  if (strpbrk (where.dli_fname, " :") == NULL)
    return format ("%s", where.dli_fname);
  char *link = test_path ("libpidfd_spawn.so.0"), *target = realpath (where.dli_fname, NULL);
  CHECK (target != NULL);
  CHECK (symlink (target, link) == 0 || errno == EEXIST);
  free (target);
  return link;
}

/* Lists of what is preloaded.  Of two libraries that do not need each other glibc initialises the one that was loaded
   last first, musl the other one. */
static inline char *
initialised_before (const char *object, const char *library)
{
  return NOT_GLIBC ? format ("%s %s", object, library) : format ("%s %s", library, object);
}

/* Seconds until what hangs is ended.  A program that does not hang needs a fraction of one. */
enum { HANGS = 10 };

/* Starts this program anew by fork and exec, with these libraries preloaded, and gives its wait status.  One that hangs
   is killed by SIGALRM. */
static inline int
start_with (const char *preloaded, char **argv)
{
  pid_t pid = fork ();
  CHECK (pid >= 0);
  if (pid == 0)
    {
      setenv ("LD_PRELOAD", preloaded, 1);
      alarm (HANGS);
      execve (argv[0], argv, environ);
      _exit (126);
    }
  int status;
  CHECK_EQ (waitpid (pid, &status, 0), pid);
  return status;
}

/* The same, for which only one way of ending is right. */
static inline void
check_started_at (const char *file, int line, const char *what, const char *preloaded, char **argv, int wanted)
{
  int status = start_with (preloaded, argv);
  if (WIFSIGNALED (status) && WTERMSIG (status) == SIGALRM)
    test_fail (file, line, "%s: it hangs", what);
  if (!WIFEXITED (status) || WEXITSTATUS (status) != wanted)
    test_fail (file, line, "%s: the wait status is %#x, wanted exit status %d", what, (unsigned int) status, wanted);
}
#define CHECK_STARTED(what, preloaded, argv, wanted)                                                                   \
  check_started_at (__FILE__, __LINE__, what, preloaded, argv, wanted)

#endif
