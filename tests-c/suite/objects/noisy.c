/* SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * A library that does at load what ours must not, to show that a test would notice; without TST_NOISE, nothing. */

#include <errno.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

void *volatile tst_noise;

__attribute__ ((constructor)) static void
start (void)
{
  if (!getenv ("TST_NOISE"))
    return;
  syscall (SYS_getppid);
  tst_noise = malloc (100);
  errno = ENOSYS;
}
