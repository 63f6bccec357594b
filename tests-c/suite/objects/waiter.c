/* SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * A plugin whose constructor says by the descriptor TST_TELL that it runs, and returns when there is something to read
 * from TST_WAIT, so that a dlopen is under way for as long as a test likes. */

#include <stdlib.h>
#include <unistd.h>

__attribute__ ((constructor)) static void
start (void)
{
  char byte = 0;
  if (write (atoi (getenv ("TST_TELL")), &byte, 1) != 1 || read (atoi (getenv ("TST_WAIT")), &byte, 1) < 0)
    abort ();
}
