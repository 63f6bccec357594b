/* SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * A cgroup v2 of a test's own. */

#ifndef CGROUP_H
#define CGROUP_H

#include "runner.h"

/* Whether there is a place for a cgroup in an attributes object. */
#if NOT_GLIBC || (GLIBC_BEFORE (2, 39) && !defined __LP64__)
# define CAN_SET_CGROUP 0
#else
# define CAN_SET_CGROUP 1
#endif

/* Attributes with these flags and SETCGROUP.  A libc that has no such attribute is given one in the place where later
   versions of it keep theirs. */
static inline posix_spawnattr_t
attributes_with_cgroup (int cgroup, int flags)
{
  enum { SETCGROUP = 0x100 };
  posix_spawnattr_t attributes;
  CHECK_EQ (posix_spawnattr_init (&attributes), 0);
#if !CAN_SET_CGROUP
  SKIP ("the libc has no place for a cgroup (%d, %d)", cgroup, flags | SETCGROUP);
#elif !GLIBC_BEFORE (2, 39)
  CHECK_EQ (posix_spawnattr_setcgroup_np (&attributes, cgroup), 0);
  CHECK_EQ (posix_spawnattr_setflags (&attributes, (short) (flags | SETCGROUP)), 0);
#else
  CHECK_EQ (posix_spawnattr_setflags (&attributes, (short) flags), 0);
  unsigned short all = (unsigned short) (flags | SETCGROUP);
  memcpy (&attributes, &all, sizeof all);
  memcpy ((char *) &attributes + 272, &cgroup, sizeof cgroup);
#endif
  return attributes;
}

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

/* Skips the test where clone3 starts no child in a cgroup (before Linux 5.7).  No child is made. */
static inline void
need_clone3 (void)
{
  /* struct clone_args as of then; no descriptor has that number. */
  uint64_t arguments[11] = { [0] = 1ULL << 33 /* CLONE_INTO_CGROUP */, [4] = SIGCHLD, [10] = INT_MAX };
  CHECK_EQ (syscall (SYS_clone3, arguments, sizeof arguments), -1);
  if (errno != EBADF)
    SKIP ("no clone3 that knows cgroups: %s", strerror (errno));
}

/* Makes a cgroup below the one of the test, or skips; gives a descriptor of it, opened so. */
static int
make_cgroup_for (int flags)
{
  char *mounted = mount_point ();
  if (!mounted)
    SKIP ("cgroup v2 is not mounted");
  /* A directory that a killed test with the same PID left does not matter. */
  for (int i = 0;; i++)
    {
      cgroup_directory = format ("%s%s/tst-cgroup-%d-%d", mounted, cgroup_of (getpid ()), (int) getpid (), i);
      if (mkdir (cgroup_directory, 0755) == 0)
        break;
      if (errno != EEXIST)
        SKIP ("no cgroup can be made: %s", strerror (errno));
    }
  leave_cgroup (cgroup_directory);
  int fd = open (cgroup_directory, flags | O_DIRECTORY | O_CLOEXEC);
  CHECK (fd >= 0);
  return fd;
}

/* One that a child can be born in. */
static inline int
make_cgroup (void)
{
  need_clone3 ();
  return make_cgroup_for (O_RDONLY);
}

/* Whether the process is in that cgroup. */
static inline bool
is_inside (pid_t pid)
{
  const char *where = cgroup_of (pid), *name = strrchr (cgroup_directory, '/');
  const char *last = strrchr (where, '/');
  return last && strcmp (last, name) == 0;
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
