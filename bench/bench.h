/* SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * What the files of the benchmark share. A group is a set of contestants that do the same work and are measured in
 * turns; to add rows write another group, declare it here and name it in the list in bench.c. */

#ifndef BENCH_H
#define BENCH_H

#include <stddef.h>
#include <stdio.h>

enum { MAX_CONTESTANTS = 8, MAX_COMPARISONS = 12 };

struct contestant
{
  const char *name;
  /* The timed work: 0 and a result, or an error number. An error in the first call says that it is missing here. */
  int (*call) (int *result);
};

struct comparison
{
  int of, to; /* indexes of contestants */
};

struct group
{
  const char *title;
  void (*set_up) (void); /* may be NULL, as may tear_down */
  void (*finish) (int result); /* after each call, not timed: checks the result and clears away what the call made */
  void (*tear_down) (void);
  int contestant_count;
  struct contestant contestants[MAX_CONTESTANTS];
  int comparison_count;
  struct comparison comparisons[MAX_COMPARISONS];
};

extern const struct group spawn_group, fork_group, getpid_group;

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
  int missing[MAX_CONTESTANTS]; /* the error number, 0 if measured */
  struct summary summaries[MAX_CONTESTANTS];
  struct ratio ratios[MAX_COMPARISONS]; /* where neither side is missing */
};

/* bench.c */

extern const char *child_path;

void __attribute__ ((noreturn)) die (const char *what, int error);
void *allocate (size_t count, size_t size);

/* processes.c */

void expect_exit (int pidfd); /* waits for the process, expects exit status 0, closes the pidfd */
int open_process (int pid, int *pidfd);
void *libc_symbol (const char *name); /* in the C library itself, even if another object comes first */

/* statistics.c */

unsigned random_below (unsigned limit);
struct summary summarise (const double *samples, int count);
struct ratio compare (const double *of, const double *to, int count);

/* report.c */

void print_context (void);
void print_result (const struct result *result);
void write_json (FILE *file, const struct result *results, int count);

#endif
