/* SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * Other users for the tests, and the system calls that change to them, which act on one thread. */

#ifndef USERS_H
#define USERS_H

#include "runner.h"

/* IDs that nobody has. */
enum { USER = 54321, OTHER_USER, THIRD_USER, GROUP = 54331, OTHER_GROUP };

/* Where there are two of a kind, the older has IDs of 16 bits. */
#if defined SYS_setresuid32
enum { SETRESUID = SYS_setresuid32, SETRESGID = SYS_setresgid32, SETGROUPS = SYS_setgroups32,
       GETRESUID = SYS_getresuid32, GETRESGID = SYS_getresgid32, SETFSUID = SYS_setfsuid32, SETFSGID = SYS_setfsgid32 };
#else
enum { SETRESUID = SYS_setresuid, SETRESGID = SYS_setresgid, SETGROUPS = SYS_setgroups,
       GETRESUID = SYS_getresuid, GETRESGID = SYS_getresgid, SETFSUID = SYS_setfsuid, SETFSGID = SYS_setfsgid };
#endif

static inline bool
become (uid_t real, uid_t effective, uid_t saved)
{
  return syscall (SETRESUID, real, effective, saved) == 0;
}

static inline bool
become_group (gid_t real, gid_t effective, gid_t saved)
{
  return syscall (SETRESGID, real, effective, saved) == 0;
}

static inline void
try_group (void *unused)
{
  (void) unused;
  _exit (!become_group ((gid_t) -1, (gid_t) -1, getegid () == 0 ? 1 : 0));
}

/* Whether the caller may have another saved group ID; the user namespace may not even have one. */
static inline bool
has_other_groups (void)
{
  return in_fork (try_group, NULL) == 0;
}

static inline void
try_users (void *unused)
{
  (void) unused;
  _exit (syscall (SETGROUPS, 0, NULL) != 0 || !become_group (GROUP, GROUP, GROUP) || !become (USER, USER, USER));
}

/* Skips the test unless the caller is root, and there are such users. */
static inline void
need_users (void)
{
  need_root ();
  if (in_fork (try_users, NULL) != 0)
    SKIP ("there are no other users here");
}

#endif
