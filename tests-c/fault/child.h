/* SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * What fault.c and the program that it starts agree upon. */

#ifndef CHILD_H
#define CHILD_H

enum {
  RIGHT = 42,          /* the exit status of a child that found everything as it should be */
  OPEN_IN_PARENT = 40, /* a descriptor without close-on-exec */
  TERMINAL = 41,
  HELD = 42, /* a pipe on which the program waits for the call's end, if it is there */
  /* What pidfd_spawn_ext is asked for. */
  UMASK = 027,
  SOFT_LIMIT = 1000,
  HARD_LIMIT = 2000,
  USER = 65534,
  GROUP = 65533,
  OTHER_GROUP = 65500, /* and the next */
};

#define CGROUP "pidfd_spawn-fault"

#endif
