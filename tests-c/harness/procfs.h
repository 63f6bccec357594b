/* SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * What /proc says about processes, read without the library and without any allocation.  Needs nothing
 * of the harness. */

#ifndef PROCFS_H
#define PROCFS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Reads the file, ends the text with a null byte, and gives its length; -1 and errno if it cannot be read. */
ssize_t read_text (const char *path, char *text, size_t size);

/* What fdinfo says about the descriptor: the number, -1 for a process that has been reaped, NO_PIDFD. */
enum { NO_PIDFD = -2 };
pid_t pid_in_fdinfo (int pidfd);

/* What /proc says about a living process.  Bit n - 1 of the sets stands for signal n. */
struct process_state {
  pid_t pid, group, session;
  uid_t uid, euid;
  gid_t gid, egid;
  int policy, priority; /* priority is that of the real-time policies */
  uint64_t blocked, pending, ignored, caught;
};
bool read_process_state (pid_t pid, struct process_state *state);

/* The letter for what the process does: R, S, Z and so on; 0 if there is no such process. */
char activity_of (pid_t pid);

/* The children of one thread of the process; how many, at most COUNT, or -1 where the kernel does not list them. */
int list_children (pid_t process, pid_t thread, pid_t children[], int count);

/* Kills and reaps what is listed for the calling thread until there is nothing; how many were still there.  Where the
   kernel does not list them: reaps those that have ended, and the others are one more. */
int end_children (void);

/* The mappings of this process: the text of its maps, how many lines that has, and what they cover. */
struct mappings {
  char text[1 << 18];
  long count;
  unsigned long size;
};
bool read_mappings (struct mappings *mappings);

#endif
