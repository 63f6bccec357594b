/* SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * What the tests of a change of user share.  All of them need root. */

#ifndef CREDENTIALS_H
#define CREDENTIALS_H

#include "extension.h"
#include "users.h"

#include <sys/prctl.h>
#include <sys/socket.h>

/* A program that stays until `end` is closed. */
struct program {
  int pidfd, end;
  pid_t pid;
};

/* Begins actions that give the program such an end, which says when it runs: its IDs are not settled before. */
static inline int
connect_program (struct program *program, posix_spawn_file_actions_t *actions)
{
  int ends[2];
  CHECK (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0);
  CHECK_EQ (posix_spawn_file_actions_init (actions), 0);
  CHECK_EQ (posix_spawn_file_actions_adddup2 (actions, ends[1], 0), 0);
  CHECK_EQ (posix_spawn_file_actions_adddup2 (actions, ends[1], 1), 0);
  program->end = ends[0];
  return ends[1];
}

/* PATH is cat or a copy of it. */
static inline struct program
start_copy (const char *path, const posix_spawnattr_t *attributes, const struct pidfd_spawn_args *args)
{
  struct program program;
  posix_spawn_file_actions_t actions;
  char *argv[] = { (char *) "cat", NULL }, byte = 'x';
  int other_end = connect_program (&program, &actions);
  CHECK_EQ (spawn_ext (&program.pidfd, path, &actions, attributes, argv, args), 0);
  posix_spawn_file_actions_destroy (&actions);
  close (other_end);
  CHECK_EQ (write (program.end, &byte, 1), 1);
  CHECK_EQ (read (program.end, &byte, 1), 1);
  program.pid = pid_of (program.pidfd);
  return program;
}

static inline struct program
start (const posix_spawnattr_t *attributes, const struct pidfd_spawn_args *args)
{
  return start_copy ("/bin/cat", attributes, args);
}

static inline void
end_of (struct program *program)
{
  CHECK (close (program->end) == 0);
  CHECK_EXIT (program->pidfd, 0);
}

static inline void
check_status_at (const char *file, int line, pid_t pid, const char *name, const char *wanted)
{
  char *got = status_of (pid, name);
  for (char *end = got + strlen (got); end > got && end[-1] == ' ';)
    *--end = 0;
  if (strcmp (got, wanted) != 0)
    test_fail (file, line, "%s is \"%s\", wanted \"%s\"", name, got, wanted);
}
#define check_status(...) check_status_at (__FILE__, __LINE__, __VA_ARGS__)

/* As /proc has four IDs of one kind. */
static inline char *
four (uid_t real, uid_t effective, uid_t saved)
{
  return format ("%u\t%u\t%u\t%u", real, effective, saved, effective);
}

static inline int
dumpable (void)
{
  return prctl (PR_GET_DUMPABLE, 0, 0, 0, 0);
}

/* By the system calls themselves: libcap is not everywhere. */
struct capabilities {
  struct {
    uint32_t effective, permitted, inheritable;
  } half[2];
};

static inline struct capabilities
capabilities_of_caller (void)
{
  struct capabilities now;
  CHECK (syscall (SYS_capget, (const uint32_t[]) { 0x20080522, 0 }, &now) == 0);
  return now;
}

static inline void
set_capabilities (const struct capabilities *wanted)
{
  CHECK (syscall (SYS_capset, (const uint32_t[]) { 0x20080522, 0 }, wanted) == 0);
}

/* From now on a caller without capabilities, but with several identities between which it may change; dumpable all the
   same.  For this thread alone. */
static inline void
become_several (void)
{
  CHECK (syscall (SETGROUPS, 0, NULL) == 0);
  if (getegid () != GROUP)
    CHECK (become_group (GROUP, GROUP, GROUP));
  CHECK (become (USER, OTHER_USER, THIRD_USER));
  CHECK (prctl (PR_SET_DUMPABLE, 1, 0, 0, 0) == 0);
  CHECK_EQ (capabilities_of_caller ().half[0].permitted, 0);
}

/* The same with another group ID to keep. */
static inline void
become_several_groups (void)
{
  CHECK (become_group (GROUP, GROUP, OTHER_GROUP));
  become_several ();
}

/* A request that changes everything. */
#define TO_USER                                                                                                        \
  .flags = PIDFD_SPAWN_SETGROUPS | PIDFD_SPAWN_SETGID | PIDFD_SPAWN_SETUID, .gid = GROUP, .uid = USER

/* The kinds of callers, which are protected in different ways. */

static inline void
stay_root (void)
{
}

__attribute__ ((unused)) static void (*const kinds[]) (void) = { stay_root, become_several_groups, become_several };
enum { ROOT, SEVERAL_GROUPS, COPIED /* whose memory is */, KINDS };

/* Root whose memory is copied all the same, and who may send the child signals. */
static inline void
refuse_saved_group (void)
{
  refuse_call_when (SETRESGID, 0, (uint32_t) -1, EINVAL);
}

__attribute__ ((unused)) static void (*const root_kinds[]) (void) = { stay_root, refuse_saved_group };
enum { ROOT_KINDS = sizeof root_kinds / sizeof *root_kinds };

/* What all of them may ask for. */
#define TO_THIRD_USER .flags = PIDFD_SPAWN_SETUID, .uid = THIRD_USER

/* Calls in other threads. */

struct call {
  pthread_t thread;
  int pidfd, result;
  const posix_spawn_file_actions_t *actions;
  const posix_spawnattr_t *attributes;
  const struct pidfd_spawn_args *args;
  volatile bool returned;
};

static inline void *
make_call (void *argument)
{
  struct call *call = argument;
  call->result = spawn_ext (&call->pidfd, "/bin/true", call->actions, call->attributes, sleep_argv (), call->args);
  call->returned = true;
  return NULL;
}

static inline void
begin_call (struct call *call, const posix_spawn_file_actions_t *actions, const posix_spawnattr_t *attributes,
            const struct pidfd_spawn_args *args)
{
  *call = (struct call) { .actions = actions, .attributes = attributes, .args = args };
  CHECK_EQ (pthread_create (&call->thread, NULL, make_call, call), 0);
}

static inline int
pidfd_of_call (struct call *call)
{
  CHECK_EQ (pthread_join (call->thread, NULL), 0);
  CHECK_EQ (call->result, 0);
  return call->pidfd;
}

/* A child that waits before its exec has another user already. */
#define LISTEN_FOR_EXEC() LISTEN ({ .call = SYS_execve, .action = FILTER_NOTIFY })

#endif
