/* SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * A library that defines dlsym and passes the calls on, as some that trace or replace functions do: what is next is
 * then counted from here. */

#include <dlfcn.h>
#include <stddef.h>

#ifdef __GLIBC__

void *
dlsym (void *restrict handle, const char *restrict name)
{
  static const char *const versions[] = { "GLIBC_2.34", "GLIBC_2.0",  "GLIBC_2.2",  "GLIBC_2.2.5", "GLIBC_2.3",
                                          "GLIBC_2.4",  "GLIBC_2.17", "GLIBC_2.27", "GLIBC_2.36" };
  void *(*next) (void *, const char *) = NULL;
  for (size_t i = 0; !next && i < sizeof versions / sizeof *versions; i++)
    *(void **) &next = dlvsym (RTLD_NEXT, "dlsym", versions[i]);
  /* Not the last thing that is done: it would be called as if from the caller. */
  void *volatile found = next ? next (handle, name) : NULL;
  return found;
}

#endif
