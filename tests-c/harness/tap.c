/* SPDX-License-Identifier: MIT OR Apache-2.0 */

#include "tap.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static int counts[TAP_SKIPPED + 1];

static int
total (void)
{
  return counts[TAP_PASSED] + counts[TAP_FAILED] + counts[TAP_SKIPPED];
}

void
tap_begin (void)
{
  puts ("TAP version 13");
  fflush (stdout);
}

static void
print_comment (const char *text)
{
  for (size_t length; *text; text += length + (text[length] == '\n'))
    {
      length = strcspn (text, "\n");
      printf ("# %.*s\n", (int) length, text);
    }
}

void
tap_report (enum tap_result result, const char *why, const char *format, ...)
{
  counts[result]++;
  printf ("%s %d - ", result == TAP_FAILED ? "not ok" : "ok", total ());
  va_list arguments;
  va_start (arguments, format);
  vprintf (format, arguments);
  va_end (arguments);
  if (result == TAP_SKIPPED)
    printf (" # SKIP %.*s", (int) strcspn (why, "\n"), why);
  putchar ('\n');
  if (result != TAP_SKIPPED)
    print_comment (why);
  /* A process that is forked now must not print it again. */
  fflush (stdout);
}

int
tap_end (void)
{
  printf ("1..%d\n%d passed, %d failed, %d skipped\n", total (), counts[TAP_PASSED], counts[TAP_FAILED],
          counts[TAP_SKIPPED]);
  fflush (stdout);
  return total () == 0 ? 2 : counts[TAP_FAILED] ? 1 : counts[TAP_PASSED] ? 0 : 77;
}
