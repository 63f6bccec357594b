/* SPDX-License-Identifier: MIT OR Apache-2.0 */

#include "procfs.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

ssize_t
read_text (const char *path, char *text, size_t size)
{
  int fd = open (path, O_RDONLY | O_CLOEXEC);
  if (fd < 0)
    return -1;
  size_t length = 0;
  ssize_t got;
  while ((got = read (fd, text + length, size - 1 - length)) > 0)
    length += (size_t) got;
  int error = errno;
  close (fd);
  text[length] = 0;
  errno = error;
  return got < 0 ? -1 : (ssize_t) length;
}

pid_t
pid_in_fdinfo (int pidfd)
{
  char path[64], text[1024];
  snprintf (path, sizeof path, "/proc/self/fdinfo/%d", pidfd);
  if (read_text (path, text, sizeof text) < 0)
    return NO_PIDFD;
  const char *line = strstr (text, "\nPid:");
  return line ? atoi (line + 5) : NO_PIDFD;
}

/* The text behind the name of a line such as "SigBlk:\t0000000000000000". */
static const char *
value_of (const char *text, const char *name)
{
  const char *line = strstr (text, name);
  return line ? line + strlen (name) : "";
}

/* The first 64 signals of such a line; mips has 128. */
static uint64_t
signals_of (const char *text, const char *name)
{
  const char *digits = value_of (text, name);
  digits += strspn (digits, "\t");
  size_t count = strspn (digits, "0123456789abcdef");
  return strtoull (digits + (count > 16 ? count - 16 : 0), NULL, 16);
}

/* The fields of /proc/PID/stat from the third on, which comes after the parenthesis around the name. */
static char *
read_stat (pid_t pid, char *text, size_t size)
{
  char path[64];
  snprintf (path, sizeof path, "/proc/%d/stat", (int) pid);
  if (read_text (path, text, size) < 0)
    return NULL;
  char *end = strrchr (text, ')');
  return end && end[1] == ' ' ? end + 2 : NULL;
}

bool
read_process_state (pid_t pid, struct process_state *state)
{
  char path[64], text[4096];
  snprintf (path, sizeof path, "/proc/%d/status", (int) pid);
  if (read_text (path, text, sizeof text) < 0)
    return false;
  /* Two of them can be compared as memory. */
  memset (state, 0, sizeof *state);
  state->pid = pid;
  sscanf (value_of (text, "\nUid:"), "%u %u", &state->uid, &state->euid);
  sscanf (value_of (text, "\nGid:"), "%u %u", &state->gid, &state->egid);
  state->blocked = signals_of (text, "\nSigBlk:");
  state->pending = signals_of (text, "\nSigPnd:") | signals_of (text, "\nShdPnd:");
  state->ignored = signals_of (text, "\nSigIgn:");
  state->caught = signals_of (text, "\nSigCgt:");

  char *place, *rest = read_stat (pid, text, sizeof text);
  long fields[42] = { 0 };
  int field = 3;
  for (char *word = rest ? strtok_r (rest, " ", &place) : NULL; word && field < 42; word = strtok_r (NULL, " ", &place))
    fields[field++] = atol (word);
  state->group = (pid_t) fields[5];
  state->session = (pid_t) fields[6];
  state->priority = (int) fields[40];
  state->policy = (int) fields[41];
  return field == 42;
}

char
activity_of (pid_t pid)
{
  char text[1024];
  const char *fields = read_stat (pid, text, sizeof text);
  return fields ? *fields : 0;
}

int
list_children (pid_t process, pid_t thread, pid_t children[], int count)
{
  char path[64], text[8192];
  /* In the /proc of another PID namespace the caller's own number means somebody else. */
  if (process == getpid ())
    snprintf (path, sizeof path, "/proc/self/task/%d/children", (int) thread);
  else
    snprintf (path, sizeof path, "/proc/%d/task/%d/children", (int) process, (int) thread);
  if (read_text (path, text, sizeof text) < 0)
    return -1;
  int found = 0;
  char *rest = text;
  /* A number at the end of the text may be a part of one: the kernel writes a blank behind each. */
  for (long pid; found < count && (pid = strtol (rest, &rest, 10)) > 0 && *rest == ' ';)
    children[found++] = (pid_t) pid;
  return found;
}

int
end_children (void)
{
  pid_t child;
  int count = 0;
  while (list_children (getpid (), getpid (), &child, 1) > 0)
    {
      kill (child, SIGKILL);
      /* One that nobody waits for is listed for a moment more, when it is gone already. */
      count += waitpid (child, NULL, __WALL) == child;
    }
  /* Of a kernel that lists none. */
  while ((child = waitpid (-1, NULL, __WALL | WNOHANG)) > 0)
    count++;
  return child == 0 ? count + 1 : count;
}

bool
read_mappings (struct mappings *mappings)
{
  mappings->count = 0;
  mappings->size = 0;
  if (read_text ("/proc/self/maps", mappings->text, sizeof mappings->text) < 0)
    return false;
  for (char *line = mappings->text, *next; (next = strchr (line, '\n')); line = next + 1)
    {
      char *dash;
      unsigned long start = strtoul (line, &dash, 16), end = strtoul (dash + 1, NULL, 16);
      mappings->count++;
      mappings->size += end - start;
    }
  return true;
}
