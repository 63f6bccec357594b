/* SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * What a program that starts another one as another user asks for, in the terms of pidfd_spawn_ext.  The programs in
 * other languages ask for the same; reporter.c checks that each of them really gets it. */

#ifndef EXTENDED_H
#define EXTENDED_H

#include <pidfd_spawn.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/types.h>

enum { NEW_USER = 65534, NEW_GROUP = 65533, GROUPS_OF_USER = 3, LIMITS = 2, LOWEST_LEAK = 3, DEATH_SIGNAL = SIGKILL };

static const gid_t groups_of_user[GROUPS_OF_USER] = { 65533, 65532, 65531 };

static const struct pidfd_spawn_rlimit limits[LIMITS] = { { RLIMIT_NOFILE, 0, 256, 1024 }, { RLIMIT_CORE, 0, 0, 0 } };

/* Everything, or without the change of user. */
enum
{
  OTHERWISE = PIDFD_SPAWN_CLOEXEC_FROM | PIDFD_SPAWN_SETRLIMITS | PIDFD_SPAWN_PDEATHSIG,
  AS_USER = OTHERWISE | PIDFD_SPAWN_SETGROUPS | PIDFD_SPAWN_SETGID | PIDFD_SPAWN_SETUID
};

static inline struct pidfd_spawn_args
describe_request (unsigned flags)
{
  return (struct pidfd_spawn_args) {
    .flags = flags,
    .cloexec_from = LOWEST_LEAK,
    .limits = limits,
    .limit_count = LIMITS,
    .groups = groups_of_user,
    .group_count = GROUPS_OF_USER,
    .gid = NEW_GROUP,
    .uid = NEW_USER,
    .death_signal = DEATH_SIGNAL,
  };
}

#endif
