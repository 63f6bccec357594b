/* SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * The intended differences.  Each rule forgives one, as narrowly as it can be said, and has a section in
 * docs/differences.md.  A rule works in one of two ways: it changes the case into one on which the library must do what
 * the reference did with the original, or it changes a line of the reference's result into what the contract asks. */

#include "differential.h"

#include <dlfcn.h>
#include <limits.h>
#include <unistd.h>

enum {
  ERRNO,
  INTERNAL_SIGNALS,
  INTERNAL_MASK,
  NO_DESCRIPTOR,
  NULL_PIDFD,
  NO_CGROUPS,
  UNKNOWN_FLAG,
  LONG_PATH_ELEMENT,
  STALE_ERROR,
  LONG_NAME
};

const char *const rule_names[RULES] = {
  [ERRNO] = "errno",
  [INTERNAL_SIGNALS] = "internal-signals",
  [NO_DESCRIPTOR] = "no-descriptor",
  [NO_CGROUPS] = "no-cgroups",
  [UNKNOWN_FLAG] = "unknown-flag",
  [LONG_PATH_ELEMENT] = "long-path-element",
  [NULL_PIDFD] = "null-pidfd",
  [INTERNAL_MASK] = "internal-mask",
  [STALE_ERROR] = "stale-error",
  [LONG_NAME] = "long-name",
};

/* ---- Rules that change the case ---- */

/* Copies the case without the lines for which the function says so. */
static bool
leave_out (const char *test_case, bool (*unwanted) (const char *line, size_t length), struct text *changed)
{
  bool any = false;
  clear (changed);
  for (const char *line = test_case; *line;)
    {
      size_t length = strcspn (line, "\n");
      if (unwanted (line, length))
        any = true;
      else
        add (changed, "%.*s\n", (int) length, line);
      line += length + (line[length] == '\n');
    }
  return any;
}

static bool
sets_cgroup (const char *line, size_t length)
{
  return length == 14 && strncmp (line, "flag SETCGROUP", length) == 0;
}

/* posix_spawn knows nothing of cgroups before glibc 2.39 and does not look at the flag. */
static bool
without_cgroup (enum family family, const char *test_case, const char *ours, struct text *changed)
{
  (void) ours;
  return family == AGAINST_POSIX_SPAWN && !dlsym (RTLD_DEFAULT, "posix_spawnattr_setcgroup_np")
         && leave_out (test_case, sets_cgroup, changed);
}

static bool
sets_unknown_flag (const char *line, size_t length)
{
  return length > 7 && strncmp (line, "flag 0x", 7) == 0;
}

static bool
without_unknown_flag (enum family family, const char *test_case, const char *ours, struct text *changed)
{
  (void) family;
  return strstr (ours, "error 22 (") && strstr (ours, "children none")
         && leave_out (test_case, sets_unknown_flag, changed);
}

/* glibc skips the name of such an element but not the colon behind it, and so finds an empty element there. */
static bool
with_empty_element (enum family family, const char *test_case, const char *ours, struct text *changed)
{
  (void) family, (void) ours;
  bool any = false;
  clear (changed);
  for (const char *line = test_case; *line;)
    {
      size_t length = strcspn (line, "\n"), next;
      const char *end = line + length + (line[length] == '\n');
      bool element = strncmp (line, "path ", 5) == 0;
      if (element && find_line (line, line, "path", &next))
        {
          char *copy = strndup (line + 5, length - 5), *value = decode (copy, "");
          element = strlen (value) >= PATH_MAX;
          free (copy);
          free (value);
        }
      else
        element = false;
      add (changed, "%.*s\n", (int) (element ? 5 : length), line);
      any |= element;
      line = end;
    }
  return any;
}

bool
keeps_promises (const char *test_case, const char *ours)
{
  struct text rest = { NULL, 0, 0 };
  size_t length;
  bool refuses = leave_out (test_case, sets_unknown_flag, &rest) && !has_line (test_case, "null attributes")
                 /* Arguments of another size may be refused first. */
                 && !find_line (test_case, NULL, "size", &length) && !has_line (test_case, "null arguments");
  free (rest.data);
  return has_line (ours, "errno right") && !strstr (ours, "\nchanged, ") && !strstr (ours, "left behind")
         && !strstr (ours, "not done after") && (!refuses || has_line (ours, "error 22 (Invalid argument)"));
}

static const struct {
  int rule;
  bool (*change) (enum family, const char *test_case, const char *ours, struct text *changed);
} changes[] = {
  { NO_CGROUPS, without_cgroup },
  { UNKNOWN_FLAG, without_unknown_flag },
  { LONG_PATH_ELEMENT, with_empty_element },
};

/* ---- Rules that change the reference's result ---- */

/* The start of the line with that beginning, or NULL. */
static char *
line_of (char *text, const char *start)
{
  size_t length = strlen (start);
  for (char *line = text; line; line = strchr (line, '\n'))
    {
      line += *line == '\n';
      if (strncmp (line, start, length) == 0)
        return line;
    }
  return NULL;
}

/* Puts the new text in the place of a part of the line, or of all of it with its end. */
static void
replace (struct text *text, const char *start, size_t length, const char *new)
{
  struct text changed = { NULL, 0, 0 };
  add (&changed, "%.*s%s%s", (int) (start - text->data), text->data, new, start + length);
  clear (text);
  add (text, "%s", changed.data);
  free (changed.data);
}

/* POSIX says nothing about errno.  What the library says of it is right, or the case is not explained. */
static bool
forgive_errno (const char *ours, struct text *reference)
{
  char *line = line_of (reference->data, "errno ");
  if (!line || !has_line (ours, "errno right") || strncmp (line, "errno right\n", 12) == 0)
    return false;
  replace (reference, line, strcspn (line, "\n"), "errno right");
  return true;
}

/* glibc makes the descriptor, has nowhere to store it and keeps it: one, close-on-exec. */
static bool
forgive_kept_pidfd (const char *test_case, struct text *reference)
{
  char *line = line_of (reference->data, "changed, after: descriptor ");
  int flags = 0, end = 0;
  if (!line || !has_line (test_case, "null pidfd") || !has_line (reference->data, "error 0 (Success)"))
    return false;
  sscanf (line, "changed, after: descriptor %*d %d 2 %*x:%*u -1%n", &flags, &end);
  if (flags != 1 || end == 0 || line[end] != '\n')
    return false;
  replace (reference, line, (size_t) end + 1, "");
  return true;
}

static bool
names_signal (const char *text, const char *key, int signal)
{
  char line[64];
  snprintf (line, sizeof line, "%s %d", key, signal);
  return has_line (text, line);
}

/* Before CLONE_CLEAR_SIGHAND was used, glibc had the two signals that it keeps for itself ignored in every child.  They
   must be if the caller ignores them and does not ask for the default. */
static bool
must_be_ignored (const char *test_case, const char *result, int signal)
{
  bool made_default = has_line (test_case, "flag SETSIGDEF") && !has_line (test_case, "null attributes")
                      && names_signal (test_case, "default", signal);
  return names_signal (result, "ignoring", signal) && !made_default;
}

/* glibc leaves its two signals out of the mask that the attributes give.  They must be in it if the case says so; the
   caller's mask is inherited as it is. */
static bool
must_be_blocked (const char *test_case, const char *result, int signal)
{
  (void) result;
  return names_signal (test_case, "mask", signal);
}

/* Changes the bits of the libc's own signals in a line of procfs into what they must be. */
static bool
forgive_internal (const char *key, bool (*must_be) (const char *, const char *, int), const char *test_case,
                  struct text *reference)
{
  char *line = line_of (reference->data, key);
  if (!line)
    return false;
  unsigned long long before = strtoull (line + 8, NULL, 16), set = before & ~(3ULL << 31);
  for (int signal = 32; signal <= 33; signal++)
    if (must_be (test_case, reference->data, signal))
      set |= 1ULL << (signal - 1);
  char digits[17];
  snprintf (digits, sizeof digits, "%016llx", set);
  memcpy (line + 8, digits, 16);
  return set != before;
}

static bool
forgive_internal_signals (const char *test_case, struct text *reference)
{
  return forgive_internal ("SigIgn:\t", must_be_ignored, test_case, reference);
}

static bool
forgive_internal_mask (const char *test_case, struct text *reference)
{
  return has_line (test_case, "flag SETSIGMASK") && !has_line (test_case, "null attributes")
         && forgive_internal ("SigBlk:\t", must_be_blocked, test_case, reference);
}

/* The length of a setting's string, 0 if it is not there; the last one counts. */
static size_t
string_length (const char *test_case, const char *key, bool *has_slash, int *count)
{
  size_t result = 0, length;
  *count = 0;
  *has_slash = false;
  for (const char *value = NULL; (value = find_line (test_case, value, key, &length)); ++*count)
    {
      char *copy = strndup (value, length), *string = decode (copy, "/");
      result = strlen (string);
      *has_slash = strchr (string, '/');
      free (copy);
      free (string);
    }
  return result;
}

/* Another error for the same failure. */
static bool
forgive_error (const char *our_error, const char *ours, struct text *reference)
{
  char *line = line_of (reference->data, "error ");
  if (!line || !has_line (ours, our_error) || !has_line (reference->data, "children none"))
    return false;
  replace (reference, line, strcspn (line, "\n"), our_error);
  return true;
}

/* Where PATH is one element that is too long, nothing is tried; glibc then returns what errno was before. */
static bool
forgive_stale_error (const char *test_case, const char *ours, struct text *reference)
{
  bool slash, slash_in_name;
  int elements, names;
  size_t length = string_length (test_case, "path", &slash, &elements);
  string_length (test_case, "program", &slash_in_name, &names);
  return has_line (test_case, "call spawnp") && names && !slash_in_name && elements == 1 && length >= PATH_MAX
         && forgive_error ("error 2 (No such file or directory)", ours, reference);
}

/* glibc cuts the name instead of refusing it, and returns what came of that. */
static bool
forgive_long_name (const char *test_case, const char *ours, struct text *reference)
{
  bool slash;
  int names;
  return has_line (test_case, "call spawnp") && string_length (test_case, "program", &slash, &names) > NAME_MAX
         && !slash && forgive_error ("error 36 (File name too long)", ours, reference);
}

/* The library needs a number for the pidfd, and without one does nothing at all. */
static bool
is_without_descriptor (enum family family, const char *ours)
{
  return family == AGAINST_POSIX_SPAWN && has_line (ours, "no descriptor is free")
         && has_line (ours, "error 24 (Too many open files)") && has_line (ours, "children none")
         && has_line (ours, "errno right") && !strstr (ours, "\npidfd ") && !strstr (ours, "\nargument");
}

/* True when the results are the same after the second kind of rules. */
static bool
same_in_the_end (enum family family, const char *test_case, const char *ours, const char *reference,
                 unsigned int *applied)
{
  struct text copy = { NULL, 0, 0 };
  add (&copy, "%s", reference);
  unsigned int rules = 0;
  bool same = is_without_descriptor (family, ours);
  if (same)
    rules |= 1U << NO_DESCRIPTOR;
  else
    {
      rules |= (unsigned int) forgive_errno (ours, &copy) << ERRNO;
      rules |= (unsigned int) forgive_internal_mask (test_case, &copy) << INTERNAL_MASK;
      if (strcmp (ours, copy.data) != 0)
        {
          rules |= (unsigned int) forgive_stale_error (test_case, ours, &copy) << STALE_ERROR;
          rules |= (unsigned int) forgive_long_name (test_case, ours, &copy) << LONG_NAME;
        }
      if (family == AGAINST_LIBC)
        rules |= (unsigned int) forgive_kept_pidfd (test_case, &copy) << NULL_PIDFD;
      else
        rules |= (unsigned int) forgive_internal_signals (test_case, &copy) << INTERNAL_SIGNALS;
      same = strcmp (ours, copy.data) == 0;
    }
  *applied = same ? *applied | rules : *applied;
  free (copy.data);
  return same;
}

bool
explained (enum family family, const char *test_case, const char *ours, const char *reference,
           rerun_function *rerun, void *context, unsigned int *applied)
{
  *applied = 0;
  bool same = same_in_the_end (family, test_case, ours, reference, applied);
  struct text current = { NULL, 0, 0 }, changed = { NULL, 0, 0 }, result = { NULL, 0, 0 };
  add (&current, "%s", test_case);
  for (size_t i = 0; !same && i < sizeof changes / sizeof *changes; i++)
    if (changes[i].change (family, current.data, ours, &changed))
      {
        clear (&current);
        add (&current, "%s", changed.data);
        rerun (context, &current, &result);
        *applied |= 1U << changes[i].rule;
        same = same_in_the_end (family, current.data, result.data, reference, applied);
      }
  free (current.data);
  free (changed.data);
  free (result.data);
  return same;
}
