/* SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * A cgroup v2 of a test's own. */

#ifndef CGROUP_H
#define CGROUP_H

#include "runner.h"

/* Where cgroup v2 is mounted, or NULL. */
static char *
mount_point (void)
{
  char *text = read_file ("/proc/self/mountinfo"), *end;
  for (char *line = text; *line; line = end + 1)
    {
      end = strchr (line, '\n');
      if (!end)
        return NULL;
      *end = 0;
      static char root[PATH_MAX], point[PATH_MAX];
      if (strstr (line, " - cgroup2 ") && sscanf (line, "%*s %*s %*s %4000s %4000s", root, point) == 2)
        return point;
    }
  return NULL;
}

/* The line of cgroup v2 in what /proc says about a process. */
static char *
cgroup_of (pid_t pid)
{
  char *text = read_file (format ("/proc/%d/cgroup", (int) pid));
  char *line = strncmp (text, "0::", 3) == 0 ? text : strstr (text, "\n0::");
  if (!line)
    SKIP ("no cgroup v2");
  line += line == text ? 3 : 4;
  line[strcspn (line, "\n")] = 0;
  return line;
}

static char *cgroup_directory;

static void
need_clone3 (void)
{
  if (syscall (435 /* clone3 */, NULL, 0) == -1 && errno != EINVAL && errno != EFAULT)
    SKIP ("no clone3: %s", strerror (errno));
}

/* Makes a cgroup below the one of the test, or skips; gives a descriptor of it. */
static int
make_cgroup (void)
{
  char *mounted = mount_point ();
  if (!mounted)
    SKIP ("cgroup v2 is not mounted");
  need_clone3 ();
  /* A directory that a killed test with the same PID left does not matter. */
  for (int i = 0;; i++)
    {
      cgroup_directory = format ("%s%s/tst-cgroup-%d-%d", mounted, cgroup_of (getpid ()), (int) getpid (), i);
      if (mkdir (cgroup_directory, 0755) == 0)
        break;
      if (errno != EEXIST)
        SKIP ("no cgroup can be made: %s", strerror (errno));
    }
  int fd = open (cgroup_directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  CHECK (fd >= 0);
  return fd;
}

/* The kernel needs a moment after the last process has gone. */
static void
remove_cgroup (int fd)
{
  CHECK (close (fd) == 0);
  while (rmdir (cgroup_directory) != 0)
    {
      CHECK_EQ (errno, EBUSY);
      usleep (1000);
    }
}

#endif
