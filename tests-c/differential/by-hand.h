/* SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * pidfd_spawn_ext by fork and exec. */

#ifndef BY_HAND_H
#define BY_HAND_H

#include "differential.h"

#include <spawn.h>
#include <sys/types.h>

#include <pidfd_spawn.h>

#ifndef POSIX_SPAWN_SETSID
# define POSIX_SPAWN_SETSID 0x80
#endif
#define CLONE_PIDFD_ 0x1000UL

/* As rt_sigaction has it. */
struct kernel_action {
  void *handler;
  unsigned long flags;
  void *restorer;
  uint64_t mask;
};

/* A file action. */
struct step {
  enum { STEP_CLOSE, STEP_DUP2, STEP_OPEN, STEP_CHDIR, STEP_FCHDIR, STEP_CLOSEFROM, STEP_TCSETPGRP } kind;
  int fd, to, flags;
  mode_t mode;
  char *path;
};

/* Everything that is asked for, in a form that needs no knowledge of a libc's objects. */
struct request {
  const char *file;
  char *const *argv, *const *envp;
  unsigned int attribute_flags;
  int group, policy, priority;
  uint64_t defaults, mask;
  struct step steps[64];
  size_t step_count;
  const struct pidfd_spawn_args *args;
  size_t size;
};

/* Once, before the calls. */
bool prepare_by_hand (void);

/* Gives what pidfd_spawn_ext would. */
int spawn_by_hand (int *pidfd, const struct request *request);

#endif
