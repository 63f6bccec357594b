/* SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * What a program that makes use of the interface asks for: three attributes and five file actions.  For measuring. */

#ifndef REQUEST_H
#define REQUEST_H

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>

static inline void
fill_request (posix_spawnattr_t *attributes, posix_spawn_file_actions_t *actions, const sigset_t *mask)
{
  sigset_t defaults;
  sigemptyset (&defaults);
  sigaddset (&defaults, SIGPIPE);
  sigaddset (&defaults, SIGTERM);
  posix_spawnattr_init (attributes);
  posix_spawnattr_setflags (attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
  posix_spawnattr_setsigmask (attributes, mask ? mask : &defaults);
  posix_spawnattr_setsigdefault (attributes, &defaults);
  posix_spawn_file_actions_init (actions);
  posix_spawn_file_actions_addopen (actions, 0, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_addopen (actions, 10, "/dev/null", O_WRONLY, 0);
  posix_spawn_file_actions_adddup2 (actions, 10, 1);
  posix_spawn_file_actions_adddup2 (actions, 10, 2);
  posix_spawn_file_actions_addclose (actions, 10);
}

#endif
