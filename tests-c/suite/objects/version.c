/* SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * Says by glibc's own function that the libc is the glibc that TST_VERSION names, or an old one: as the layer does by
 * which programs for glibc run on musl. */

#include <stdlib.h>

const char *
gnu_get_libc_version (void)
{
  const char *version = getenv ("TST_VERSION");
  return version ? version : "2.8";
}
