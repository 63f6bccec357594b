/* SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * A library that is initialised right before the one that is looked at, and makes a system call that does not exist,
 * for a tracer to see.  From then on it counts what is allocated and not freed, until tst_mark_end is called, which
 * makes another such call.  A test can count on by itself.  How often an address was looked up is counted always. */

#include "../../guard/guard.h"

#include <dlfcn.h>
#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

int tst_allocations, tst_left, tst_counting, tst_addresses;

/* The libc's own are found in the constructor; who asks before gets a piece of this, and keeps it. */
static char early[16384] __attribute__ ((aligned (16)));
static size_t used;
static void *(*next_malloc) (size_t), *(*next_calloc) (size_t, size_t), *(*next_realloc) (void *, size_t);
static void (*next_free) (void *);

static void *
early_piece (size_t size)
{
  size = (size + 15) & ~(size_t) 15;
  if (size > sizeof early - used)
    return NULL;
  used += size;
  return early + used - size;
}

static int
is_early (const void *place)
{
  return (const char *) place >= early && (const char *) place < early + sizeof early;
}

static void *
counted (void *place)
{
  tst_allocations += tst_counting;
  tst_left += tst_counting && place;
  return place;
}

void *
malloc (size_t size)
{
  return counted (next_malloc ? next_malloc (size) : early_piece (size));
}

void *
calloc (size_t count, size_t size)
{
  return counted (next_calloc ? next_calloc (count, size) : early_piece (count * size));
}

void *
realloc (void *old, size_t size)
{
  if (next_realloc && !is_early (old))
    {
      tst_left -= tst_counting && old;
      return counted (next_realloc (old, size));
    }
  void *place = malloc (size);
  if (place && old)
    {
      size_t rest = (size_t) (early + sizeof early - (char *) old);
      memcpy (place, old, size < rest ? size : rest);
    }
  return place;
}

void
free (void *place)
{
  tst_left -= tst_counting && place;
  if (next_free && !is_early (place))
    next_free (place);
}

int
dladdr (const void *address, Dl_info *found)
{
  int (*next) (const void *, Dl_info *);
  tst_addresses++;
  *(void **) &next = dlsym (RTLD_NEXT, "dladdr");
  return next ? next (address, found) : 0;
}

__attribute__ ((constructor)) static void
begin (void)
{
  int saved = errno;
  *(void **) &next_free = dlsym (RTLD_NEXT, "free");
  *(void **) &next_calloc = dlsym (RTLD_NEXT, "calloc");
  *(void **) &next_realloc = dlsym (RTLD_NEXT, "realloc");
  *(void **) &next_malloc = dlsym (RTLD_NEXT, "malloc");
  syscall (MARK_BEGIN);
  tst_counting = 1;
  errno = saved;
}

void
tst_mark_end (void)
{
  int saved = errno;
  tst_counting = 0;
  syscall (MARK_END);
  errno = saved;
}
