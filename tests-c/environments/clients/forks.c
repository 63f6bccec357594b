/* SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * For tests only: vfork is fork, as POSIX allows, so that where interposer.c makes fork pidfd_fork it does so for
 * vfork. */

#include <unistd.h>

pid_t
vfork (void)
{
  return fork ();
}
