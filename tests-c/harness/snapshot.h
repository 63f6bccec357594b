/* SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * What a call or a test must leave as it was.  Needs nothing of the harness but procfs. */

#ifndef SNAPSHOT_H
#define SNAPSHOT_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

#include "procfs.h"
#include "signals.h"

/* How many numbers of descriptors are looked at, and those of which the files are compared as well. */
enum { DESCRIPTORS = 8192, LOW_DESCRIPTORS = 64 };

/* The first part is what every test must leave alone; the second, that of a full snapshot, what a call must. */
struct snapshot {
  unsigned char open[DESCRIPTORS / 8];
  uint64_t mask;
  mode_t umask;
  int cancel_state;
  char directory[PATH_MAX];

  bool full;
  struct {
    int flags;
    dev_t device;
    ino_t inode;
  } descriptors[LOW_DESCRIPTORS];
  struct kernel_action dispositions[65];
  int cancel_type, group, policy, dumpable;
  struct mappings mappings;
};

void take_snapshot (struct snapshot *snapshot, bool full);
/* NULL, or what is different. */
const char *compare_snapshots (const struct snapshot *before, const struct snapshot *after);

bool is_open (int fd);
/* How many descriptors are open. */
int open_descriptors (void);
/* What each open descriptor is (file and flags) as text, allocated; takes no descriptor itself. */
char *descriptor_table (void);
/* The mask of the first 64 signals, those that the libc keeps for itself included. */
uint64_t mask_now (void);

#endif
