/* SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * A library that replaces posix_spawn, as those do that give programs other paths.  Like most it has no symbol
 * versions. */

#include "../../harness/numbers.h"

#include <spawn.h>

int
posix_spawn (pid_t *restrict pid, const char *restrict path, const posix_spawn_file_actions_t *restrict actions,
             const posix_spawnattr_t *restrict attributes, char *const *restrict argv, char *const *restrict envp)
{
  (void) pid, (void) path, (void) actions, (void) attributes, (void) argv, (void) envp;
  return 99;
}
