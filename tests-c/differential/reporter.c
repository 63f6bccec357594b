/* SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * The program that a case starts.  It writes down all that a program can see of how it was started, into a file that it
 * finds through its own path: everything else (arguments, environment, descriptors, current directory) belongs to the
 * case.  Descriptors are looked at before any is opened. */

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { DESCRIPTORS = 320 };

static char report[128 * 1024];
static size_t length;

static void
say (const char *format, ...)
{
  va_list arguments;
  va_start (arguments, format);
  int more = vsnprintf (report + length, sizeof report - length, format, arguments);
  va_end (arguments);
  length += (size_t) more < sizeof report - length ? (size_t) more : 0;
}

/* One line, whatever the bytes; of a long string a sum. */
static void
say_string (const char *key, const char *string)
{
  unsigned int sum = 0;
  size_t size = strlen (string);
  for (size_t i = 0; i < size; i++)
    sum = sum * 31 + (unsigned char) string[i];
  say ("%s ", key);
  for (size_t i = 0; i < size && i < 300; i++)
    if (string[i] >= ' ' && string[i] <= '~')
      say ("%c", string[i]);
    else
      say ("%%%02x", (unsigned char) string[i]);
  if (size > 300)
    say ("... %zu bytes, sum %08x", size, sum);
  say ("\n");
}

static void
say_descriptor (int fd)
{
  int flags = fcntl (fd, F_GETFD);
  struct stat status;
  if (flags < 0 || fstat (fd, &status) != 0)
    return;
  char name[64], path[PATH_MAX];
  snprintf (name, sizeof name, "/proc/self/fd/%d", fd);
  ssize_t size = readlink (name, path, sizeof path - 1);
  path[size < 0 ? 0 : size] = 0;
  pid_t foreground;
  say ("descriptor %d flags %x %x offset %lld mode %o size %lld %s", fd, (unsigned int) flags,
       (unsigned int) fcntl (fd, F_GETFL), (long long) lseek (fd, 0, SEEK_CUR), status.st_mode,
       S_ISREG (status.st_mode) ? (long long) status.st_size : 0LL, path);
  if (S_ISCHR (status.st_mode) && ioctl (fd, TIOCGPGRP, &foreground) == 0)
    say (" foreground pid-%d", (int) foreground);
  say ("\n");
}

/* The lines of a file of procfs that begin with one of the words. */
static void
say_lines (const char *path, const char *const words[])
{
  static char text[16384];
  int fd = open (path, O_RDONLY);
  ssize_t size = fd < 0 ? -1 : read (fd, text, sizeof text - 1);
  text[size < 0 ? 0 : size] = 0;
  close (fd);
  if (size < 0)
    say ("%s: %s\n", path, strerror (errno));
  for (char *line = strtok (text, "\n"); line; line = strtok (NULL, "\n"))
    for (int i = 0; words[i]; i++)
      if (strncmp (line, words[i], strlen (words[i])) == 0)
        say ("%s\n", line);
}

int
main (int argc, char **argv, char **envp)
{
  for (int fd = 0; fd < DESCRIPTORS; fd++)
    say_descriptor (fd);
  if (syscall (SYS_close_range, 0, ~0U, 0) != 0)
    for (int fd = 0; fd < DESCRIPTORS; fd++)
      close (fd);

  say_string ("executed", (const char *) getauxval (AT_EXECFN));
  say ("arguments %d\n", argc);
  for (; *argv; argv++)
    say_string ("argument", *argv);
  for (; *envp; envp++)
    say_string ("environment", *envp);

  char path[PATH_MAX];
  say_string ("directory", getcwd (path, sizeof path) ? path : strerror (errno));
  say ("umask %o\n", umask (0));
  say ("pid pid-%d\nparent pid-%d\ngroup pid-%d\nsession pid-%d\n", (int) getpid (), (int) getppid (),
       (int) getpgid (0), (int) getsid (0));

  struct sched_param param = { 0 };
  sched_getparam (0, &param);
  say ("policy %x priority %d nice %d\n", (unsigned int) sched_getscheduler (0), param.sched_priority,
       getpriority (PRIO_PROCESS, 0));
  for (int i = 0; i < RLIMIT_NLIMITS; i++)
    {
      struct rlimit limit = { 0, 0 };
      getrlimit ((__rlimit_resource_t) i, &limit);
      say ("limit %d %llx %llx\n", i, (unsigned long long) limit.rlim_cur, (unsigned long long) limit.rlim_max);
    }
  int death_signal = 0;
  prctl (PR_GET_PDEATHSIG, &death_signal);
  say ("death signal %d\n", death_signal);
  const char *const status[] = { "Uid:",    "Gid:",    "Groups:", "SigPnd:", "ShdPnd:", "SigBlk:",     "SigIgn:",
                                 "SigCgt:", "CapInh:", "CapPrm:", "CapEff:", "CapBnd:", "NoNewPrivs:", NULL };
  say_lines ("/proc/self/status", status);
  const char *const unified[] = { "0::", NULL };
  say_lines ("/proc/self/cgroup", unified);

  /* The executable is somewhere in BASE/tree, the report is BASE/report. */
  ssize_t size = readlink ("/proc/self/exe", path, sizeof path - 1);
  path[size < 0 ? 0 : size] = 0;
  char *tree = NULL;
  for (char *next = strstr (path, "/tree/"); next; next = strstr (next + 1, "/tree/"))
    tree = next;
  if (!tree)
    return 3;
  strcpy (tree, "/report");
  int fd = open (path, O_WRONLY | O_TRUNC);
  return fd >= 0 && write (fd, report, length) == (ssize_t) length ? 0 : 4;
}
