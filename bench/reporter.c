/* SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * In place of child.c, shows that each implementation of the request in extended.h really does every step: what is not
 * as it was asked for is told, and the exit status is 1.
 *
 *   reporter user | limits
 *
 * "user" is the whole request, "limits" the one without another user. */

#define _GNU_SOURCE

#include "extended.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

static int wrong;

static void
complain (const char *what)
{
  dprintf (STDERR_FILENO, "reporter: %s\n", what);
  wrong = 1;
}

/* Whether a line of /proc/self/status has these numbers, and no others, after its name. */
static void
expect_line (const char *name, const unsigned *numbers, int count)
{
  char line[256];
  FILE *status = fopen ("/proc/self/status", "re");
  while (status && fgets (line, sizeof line, status))
    {
      if (strncmp (line, name, strlen (name)) != 0)
        continue;
      char *place = line + strlen (name);
      for (int i = 0; i < count; i++)
        if (strtoul (place, &place, 10) != numbers[i])
          complain (line);
      if (place[strspn (place, " \n")] != 0)
        complain (line);
      fclose (status);
      return;
    }
  complain ("/proc/self/status cannot be read");
}

static void
check_user (void)
{
  static const unsigned users[] = { NEW_USER, NEW_USER, NEW_USER, NEW_USER };
  static const unsigned user_groups[] = { NEW_GROUP, NEW_GROUP, NEW_GROUP, NEW_GROUP };
  /* The kernel sorts them. */
  unsigned sorted[GROUPS_OF_USER];
  for (int i = 0; i < GROUPS_OF_USER; i++)
    sorted[i] = groups_of_user[GROUPS_OF_USER - 1 - i];
  expect_line ("Uid:", users, 4);
  expect_line ("Gid:", user_groups, 4);
  expect_line ("Groups:", sorted, GROUPS_OF_USER);
}

static void
check_limits (void)
{
  for (int i = 0; i < LIMITS; i++)
    {
      struct rlimit limit;
      getrlimit ((int) limits[i].resource, &limit);
      if (limit.rlim_cur != limits[i].soft || limit.rlim_max != limits[i].hard)
        complain ("the limits are not set");
    }
}

static void
check_descriptors (void)
{
  int count = 0;
  DIR *folder = opendir ("/proc/self/fd");
  struct dirent *entry;
  while (folder && (entry = readdir (folder)))
    if (*entry->d_name != '.' && atoi (entry->d_name) >= LOWEST_LEAK && atoi (entry->d_name) != dirfd (folder))
      count++;
  if (!folder || count > 0)
    complain ("descriptors were inherited");
}

static void
check_death_signal (void)
{
  int number = 0;
  if (prctl (PR_GET_PDEATHSIG, &number) != 0 || number != DEATH_SIGNAL)
    complain ("the death signal is not set");
}

int
main (int argc, char **argv)
{
  if (argc < 2)
    complain ("it is not said what to expect");
  else if (strcmp (argv[1], "user") == 0)
    check_user ();
  check_limits ();
  check_descriptors ();
  check_death_signal ();
  return wrong;
}
