/* The memory functions that the compiler calls for structures of a few words on some architectures.  They are the
 * library's own and hidden, so that the child of a spawn calls none of the libc's, which need not be bound yet.  In C,
 * for what Rust defines under these names would be exported, and would take the place of the libc's everywhere.
 * Volatile, because a compiler may make a loop over plain accesses a call of the function that it stands in.  */

#include <stddef.h>

#define HIDDEN __attribute__ ((visibility ("hidden")))

HIDDEN void *
memcpy (void *to, const void *from, size_t size)
{
  for (size_t i = 0; i < size; i++)
    ((volatile char *) to)[i] = ((const volatile char *) from)[i];
  return to;
}

HIDDEN void *
memset (void *to, int byte, size_t size)
{
  for (size_t i = 0; i < size; i++)
    ((volatile char *) to)[i] = byte;
  return to;
}

HIDDEN int
bcmp (const void *one, const void *other, size_t size)
{
  for (size_t i = 0; i < size; i++)
    if (((const volatile char *) one)[i] != ((const volatile char *) other)[i])
      return 1;
  return 0;
}
