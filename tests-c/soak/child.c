/* SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * The program that the soak starts:
 *
 *   child STATUS          exits with that status
 *   child STATUS ROUND    first tells its process ID on descriptor 3 and waits for its round to be called on 4 */

#include "soak.h"

#include <stdlib.h>
#include <unistd.h>

int
main (int argc, char **argv)
{
  int status = argc > 1 ? atoi (argv[1]) : 1;
  if (argc > 2)
    tell_and_wait (3, 4, (unsigned int) atoi (argv[2]));
  _exit (status);
}
