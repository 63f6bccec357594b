/* SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * What the files with the cases share. */

#ifndef FAULT_H
#define FAULT_H

#include <errno.h>
#include <spawn.h>
#include <stdbool.h>

#define LENGTH(array) (sizeof (array) / sizeof *(array))
#define P_PIDFD_ ((idtype_t) 3)

/* What the process under test exits with if its case is unavailable; a number that no descriptor has; an errno that no
   call gives. */
enum { SKIPPED = 77, NONE = -7, BEFORE = EXDEV };

extern char **environ;

/* ---- fault.c ---- */

_Noreturn void fail (const char *format, ...) __attribute__ ((format (printf, 1, 2)));

#define CHECK(truth)                                                                                                   \
  do                                                                                                                   \
    if (!(truth))                                                                                                      \
      fail ("%s:%d: not so: %s (errno %d)", __FILE__, __LINE__, #truth, errno);                                        \
  while (0)

/* Around the call under test. */
void begin (void);
void end (void);
/* Whether this is the second call, which goes through untouched. */
extern bool left_alone;

/* For the preparations. */
void refuse (long call, int error);
void ignore_children (void);

/* The request of a spawn; NULL if there is none. */
extern posix_spawn_file_actions_t *actions, actions_;
extern posix_spawnattr_t *attributes, attributes_;
extern char child_program[4096];

void check_right_child (int pidfd);

/* ---- extended.c ---- */

/* The cgroup that all its cases move to; made once, before them. */
void make_cgroup (void);
void remove_cgroup (void);

int extend (const char *name);
int extend_nothing (const char *name);

void ask_for_much (void);
void ask_for_search (void);
void ask_for_descriptor (void);
void ask_for_close_on_exec (void);
void refuse_close_range (void);
void refuse_close_range_and_listing (void);
void ask_for_cgroup (void);
void ask_for_cgroup_or_moving (void);
void ask_for_user (void);
void give_up_capabilities (void);
void ask_for_own_user (void);

/* ---- wait.c ---- */

int wait_for (const char *name);

void have_ended_child (void);
void have_running_child (void);
void have_taken_child (void);
void have_ignored_child (void);
void have_ended_stranger (void);
void have_running_stranger (void);
void have_patient_stranger (void);
void refuse_to_tell (void);

#endif
