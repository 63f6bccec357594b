/* SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * What the files of the benchmark share. A group is a set of implementations that do the same work and are measured in
 * turns; to add rows write another group, declare it here and name it in the list in bench.c. */

#ifndef BENCH_H
#define BENCH_H

#include <stddef.h>
#include <stdio.h>

enum { MAX_IMPLEMENTATIONS = 8, MAX_COMPARISONS = 12, PERCENTILES = 99 };

struct implementation
{
  const char *name;
  /* The timed work: 0 and a result, or an error number. An error in the first call says that it is missing here. */
  int (*call) (int *result);
  int argument; /* what `measure` of the group gets */
};

struct comparison
{
  int of, to; /* indexes of implementations */
};

struct group
{
  const char *name, *title;
  void (*set_up) (void); /* may be NULL, as may tear_down */
  void (*finish) (int result); /* after each call, not timed: checks the result and clears away what the call made */
  /* In place of the two: takes the time itself, because the work is done elsewhere, and gives nanoseconds. */
  int (*measure) (const struct implementation *, int *nanoseconds);
  int pinned; /* stays on one processor; see README.md */
  int slowness; /* how many times fewer rounds than usual; 0 is 1 */
  void (*tear_down) (void);
  int implementation_count;
  struct implementation implementations[MAX_IMPLEMENTATIONS];
  int comparison_count;
  struct comparison comparisons[MAX_COMPARISONS];
};

extern const struct group spawn_group, attributes_group, search_group, descriptors_group, getpid_group, fork_group,
  fork_threads_group, throughput_group, load_group, wait_group, parent_size_groups[],
  extended_groups[], container_groups[];
enum { PARENT_SIZE_GROUPS = 6, EXTENDED_GROUPS = 15, CONTAINER_GROUPS = 7 };

/* What was measured */

struct summary
{
  double minimum, median, p90; /* microseconds */
};

struct ratio
{
  double value, low, high; /* of two medians, with its 95 % confidence interval */
};

struct result
{
  const struct group *group;
  int rounds;
  int missing[MAX_IMPLEMENTATIONS]; /* the error number, 0 if measured */
  struct summary summaries[MAX_IMPLEMENTATIONS];
  double percentiles[MAX_IMPLEMENTATIONS][PERCENTILES]; /* of 1 % to 99 % */
  struct ratio ratios[MAX_COMPARISONS]; /* where neither side is missing */
};

/* bench.c */

extern const char *child_path;

void __attribute__ ((noreturn)) die (const char *what, int error);
/* Says what the group that is being set up lacks here: it is missing then.  In a helper, for the helper alone. */
void lack (const char *what, int error);
extern int lacking; /* the error number, or 0 */
void *allocate (size_t count, size_t size);

/* spawn.c: the ways to start the child */

int spawn_by_library (int *pidfd);
int spawn_by_libc (int *pidfd);
int spawn_by_posix_spawn (int *pidfd);
int spawn_by_fork (int *pidfd);
int spawn_by_vfork (int *pidfd);
void find_libc_pidfd_spawn (void);
void set_up_attributes (void); /* for the next two */
int furnished_by_library (int *pidfd);
int furnished_by_posix_spawn (int *pidfd);
void set_up_search (void); /* likewise */
int searched_by_library (int *pidfd);
int searched_by_posix_spawnp (int *pidfd);

/* fork.c */

int fork_by_library (int *pidfd);
int fork_by_libc (int *pidfd);
int fork_by_message (int *pidfd);

/* processes.c */

void expect_exit (int pidfd); /* waits for the process, expects exit status 0, closes the pidfd */
int open_process (int pid, int *pidfd);
void *libc_symbol (const char *name); /* in the C library itself, even if another object comes first */
void open_descriptors (int flags); /* 5,000, O_CLOEXEC or not */
void close_descriptors (void);
void start_idle_threads (int count);
void end_idle_threads (void);

/* helper.c */

enum { HELPER_WAYS = 8 };

struct helper_kind
{
  int mebibytes, threads, mappings; /* what it holds */
  int (*const *ways) (int *pidfd); /* the calls that it can be asked for, at most HELPER_WAYS; -1 if no process */
  int twice; /* each call follows another of its kind, not timed: else it depends on whose turn was before */
  void (*set_up) (void); /* may be NULL, as may clear_up, which follows each call and is not timed */
  void (*clear_up) (void);
};

void start_helper (const struct helper_kind *kind);
void end_helpers (void);
/* For `measure`: the implementation's argument is the helper's index times HELPER_WAYS, plus the way's. */
int ask_helper (const struct implementation *, int *nanoseconds);

/* statistics.c */

unsigned random_below (unsigned limit);
struct summary summarise (const double *samples, int count);
void find_percentiles (const double *samples, int count, double *percentiles);
struct ratio compare (const double *of, const double *to, int count);

/* report.c */

void print_context (void);
void print_result (const struct result *result);
/* `measured` says when and where, and may be NULL. */
void write_json (FILE *file, const struct result *results, int count, const char *measured);

#endif
