/* SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * Which definition of each function the program got, where the libc may have one too, and with which libc. */

#include "extension.h"

#include <dlfcn.h>

/* The file that is mapped at the address, allocated. */
static char *
file_at (const void *address)
{
  for (char *line = read_file ("/proc/self/maps"); *line; line += strcspn (line, "\n") + 1)
    {
      unsigned long long start, end;
      static char name[PATH_MAX];
      name[0] = 0;
      if (sscanf (line, "%llx-%llx %*s %*s %*s %*s %4000[^\n]", &start, &end, name) >= 2
          && (uintptr_t) address >= start && (uintptr_t) address < end)
        return format ("%s", name);
    }
  return format ("nowhere");
}

static void
check_bound (const char *function, const void *address)
{
  const char *file = file_at (address);
#if !defined MODE_STATIC
  /* For powerpc a program can take its own jump to a function for the function's address. */
  if (strcmp (file, self_path) == 0)
    file = file_at (dlsym (RTLD_DEFAULT, function));
#endif
  dprintf (STDOUT_FILENO, "# bound: %s: that of %s\n", function, file);
#if defined MODE_STATIC
  CHECK_STR (file, self_path);
#else
  if (!strstr (file, "/libpidfd_spawn.so"))
    FAIL ("%s is that of %s", function, file);
#endif
}

TEST (the_functions_are_those_of_the_library)
{
  check_bound ("pidfd_spawn", (void *) pidfd_spawn);
  check_bound ("pidfd_spawnp", (void *) pidfd_spawnp);
  check_bound ("pidfd_spawn_ext", (void *) pidfd_spawn_ext);
  check_bound ("pidfd_wait", (void *) pidfd_wait);
  check_bound ("pidfd_fork", (void *) pidfd_fork);
  check_bound ("pidfd_getpid", (void *) pidfd_getpid);
}

/* The library names the libc as glibc calls it; another libc must take itself for that. */
TEST (there_is_one_libc)
{
  static char found[PATH_MAX];
  for (char *line = read_file ("/proc/self/maps"), *end; (end = strchr (line, '\n')); line = end + 1)
    {
      *end = 0;
      char *slash = strrchr (line, '/');
      if (!slash
          || (strncmp (slash, "/libc.", 6) != 0 && strncmp (slash, "/libc-", 6) != 0 && !strstr (slash, "/ld-musl")))
        continue;
      slash = strchr (line, '/');
      if (found[0])
        CHECK_STR (slash, found);
      strcpy (found, slash);
    }
  dprintf (STDOUT_FILENO, "# bound: with the libc %s\n", found[0] ? found : "in the program");
}
