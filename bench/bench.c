/* SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * The benchmark: the library's functions against other ways to the same end, all in one process. In each round every
 * implementation of a group has one turn, in random order, so that whatever disturbs the machine disturbs all alike.
 * The times themselves say more about the machine than about the library; the ratios are the result. */

#define _GNU_SOURCE

#include "bench.h"

#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { WARM_UP = 50, DEFAULT_ROUNDS = 8000 };

static const struct group *const single_groups[] = {
  &spawn_group, &attributes_group, &search_group, &descriptors_group, &fork_group,
};

/* A process that once had threads is another one to fork. */
static const struct group *const later_groups[] = {
  &throughput_group, &getpid_group, &fork_threads_group, &load_group, &wait_group,
};

#define LENGTH(array) (sizeof (array) / sizeof *(array))

enum { SINGLE_GROUPS = LENGTH (single_groups) + LENGTH (later_groups),
       MOST_GROUPS = SINGLE_GROUPS + PARENT_SIZE_GROUPS + EXTENDED_GROUPS + CONTAINER_GROUPS };

static const struct group *groups[MOST_GROUPS];

static void
add_groups (const struct group *more, int count)
{
  static int group_count;
  for (int i = 0; i < count; i++)
    groups[group_count++] = &more[i];
}

static void
collect_groups (void)
{
  for (size_t i = 0; i < LENGTH (single_groups); i++)
    add_groups (single_groups[i], 1);
  add_groups (parent_size_groups, PARENT_SIZE_GROUPS);
  add_groups (extended_groups, EXTENDED_GROUPS);
  add_groups (container_groups, CONTAINER_GROUPS);
  for (size_t i = 0; i < LENGTH (later_groups); i++)
    add_groups (later_groups[i], 1);
}

const char *child_path;

void
die (const char *what, int error)
{
  fprintf (stderr, "bench: %s%s%s\n", what, error ? ": " : "", error ? strerror (error) : "");
  exit (1);
}

int lacking;

void
lack (const char *what, int error)
{
  fprintf (stderr, "bench: %s: %s\n", what, strerror (error));
  lacking = error;
}

void *
allocate (size_t count, size_t size)
{
  void *memory = calloc (count, size);
  if (!memory)
    die ("memory", ENOMEM);
  return memory;
}

static double
microseconds_between (const struct timespec *from, const struct timespec *to)
{
  return (double) (to->tv_sec - from->tv_sec) * 1e6 + (double) (to->tv_nsec - from->tv_nsec) / 1e3;
}

/* Returns an error number; the time goes to *sample. */
static int
take_sample (const struct group *group, const struct implementation *implementation, double *sample)
{
  struct timespec before, after;
  int result = -1;
  if (group->measure)
    {
      int error = group->measure (implementation, &result);
      *sample = result / 1e3;
      return error;
    }
  clock_gettime (CLOCK_MONOTONIC, &before);
  int error = implementation->call (&result);
  clock_gettime (CLOCK_MONOTONIC, &after);
  if (error != 0)
    return error;
  group->finish (result);
  *sample = microseconds_between (&before, &after);
  return 0;
}

static void
shuffle (int *order, int count)
{
  for (int i = count - 1; i > 0; i--)
    {
      int j = (int) random_below ((unsigned) i + 1);
      int kept = order[i];
      order[i] = order[j];
      order[j] = kept;
    }
}

/* Leaves out the implementations that fail now; returns how many are left, by index in order. */
static int
find_missing (const struct group *group, struct result *result, int *order)
{
  int count = 0;
  for (int i = 0; i < group->implementation_count; i++)
    {
      double sample;
      result->missing[i] = lacking ? lacking : take_sample (group, &group->implementations[i], &sample);
      if (result->missing[i] == 0)
        order[count++] = i;
    }
  return count;
}

static void
run_rounds (const struct group *group, int *order, int count, double **samples, int rounds)
{
  int warm_up = rounds < WARM_UP ? rounds / 4 : WARM_UP;
  for (int round = -warm_up; round < rounds; round++)
    {
      shuffle (order, count);
      for (int i = 0; i < count; i++)
        {
          double ignored;
          double *sample = round < 0 ? &ignored : &samples[order[i]][round];
          int error = take_sample (group, &group->implementations[order[i]], sample);
          if (error != 0)
            die (group->implementations[order[i]].name, error);
        }
    }
}

static void
evaluate (struct result *result, double **samples)
{
  const struct group *group = result->group;
  for (int i = 0; i < group->implementation_count; i++)
    if (result->missing[i] == 0)
      {
        result->summaries[i] = summarise (samples[i], result->rounds);
        find_percentiles (samples[i], result->rounds, result->percentiles[i]);
      }
  for (int i = 0; i < group->comparison_count; i++)
    {
      const struct comparison *pair = &group->comparisons[i];
      if (result->missing[pair->of] == 0 && result->missing[pair->to] == 0)
        result->ratios[i] = compare (samples[pair->of], samples[pair->to], result->rounds);
    }
}

/* Keeps this process and its children on the processor where it is, or lets them go again. */
static void
pin (int pinned)
{
  static cpu_set_t before;
  cpu_set_t one;
  if (pinned)
    sched_getaffinity (0, sizeof before, &before);
  CPU_ZERO (&one);
  CPU_SET (sched_getcpu (), &one);
  sched_setaffinity (0, sizeof one, pinned ? &one : &before);
}

static void
run_group (const struct group *group, int rounds, struct result *result)
{
  rounds = group->slowness > 1 ? rounds / group->slowness : rounds;
  rounds = rounds < 10 ? 10 : rounds;
  int order[MAX_IMPLEMENTATIONS];
  double *samples[MAX_IMPLEMENTATIONS];
  *result = (struct result) { .group = group, .rounds = rounds };
  for (int i = 0; i < group->implementation_count; i++)
    samples[i] = allocate ((size_t) rounds, sizeof **samples);

  if (group->pinned)
    pin (1);
  lacking = 0;
  if (group->set_up)
    group->set_up ();
  int count = find_missing (group, result, order);
  run_rounds (group, order, count, samples, rounds);
  if (group->tear_down)
    group->tear_down ();
  if (group->pinned)
    pin (0);

  evaluate (result, samples);
  for (int i = 0; i < group->implementation_count; i++)
    free (samples[i]);
}

/* The program "child" beside this one. */
static const char *
default_child (void)
{
  static char path[PATH_MAX + sizeof "child"];
  ssize_t length = readlink ("/proc/self/exe", path, PATH_MAX);
  if (length < 0)
    die ("/proc/self/exe", errno);
  path[length] = 0;
  strcpy (strrchr (path, '/') + 1, "child");
  return path;
}

/* Whether the name is in the list, which is separated by commas; every name is in an empty one. */
static int
is_wanted (const char *name, const char *list)
{
  size_t length = strlen (name);
  for (const char *place = list; (place = strstr (place, name)); place++)
    if ((place == list || place[-1] == ',') && (place[length] == 0 || place[length] == ','))
      return 1;
  return *list == 0;
}

static int
parse_rounds (const char *text)
{
  char *end;
  long rounds = strtol (text, &end, 10);
  if (*end || rounds < 10 || rounds > 10000000)
    die ("--rounds takes a number from 10 to 10000000", 0);
  return (int) rounds;
}

static void
save_json (const char *path, const struct result *results, int count, const char *measured)
{
  FILE *file = fopen (path, "we");
  if (!file)
    die (path, errno);
  write_json (file, results, count, measured);
  if (fclose (file) != 0)
    die (path, errno);
}

int
main (int argc, char **argv)
{
  static const struct option options[] = { { "rounds", required_argument, NULL, 'r' },
                                           { "json", required_argument, NULL, 'j' },
                                           { "measured", required_argument, NULL, 'm' },
                                           { "child", required_argument, NULL, 'c' },
                                           { "groups", required_argument, NULL, 'g' },
                                           { NULL, 0, NULL, 0 } };
  int rounds = DEFAULT_ROUNDS;
  const char *json_path = NULL, *measured = NULL, *only = "";
  int option;
  while ((option = getopt_long (argc, argv, "", options, NULL)) != -1)
    switch (option)
      {
      case 'r':
        rounds = parse_rounds (optarg);
        break;
      case 'j':
        json_path = optarg;
        break;
      case 'm':
        measured = optarg;
        break;
      case 'c':
        child_path = optarg;
        break;
      case 'g':
        only = optarg;
        break;
      default:
        fprintf (stderr,
                 "usage: %s [--rounds N] [--json FILE] [--measured TEXT] [--child PROGRAM] [--groups NAME,...]\n",
                 argv[0]);
        return 2;
      }
  if (!child_path)
    child_path = default_child ();
  if (access (child_path, X_OK) != 0)
    die (child_path, errno);

  /* A helper that the kernel has killed is missing, and no reason to end. */
  signal (SIGPIPE, SIG_IGN);
  static struct result results[MOST_GROUPS];
  int count = 0;
  collect_groups ();
  print_context ();
  for (int i = 0; i < MOST_GROUPS; i++)
    {
      if (!is_wanted (groups[i]->name, only))
        continue;
      /* A forked child shares this process's unwritten output. */
      fflush (stdout);
      run_group (groups[i], rounds, &results[count]);
      print_result (&results[count++]);
    }
  if (json_path)
    save_json (json_path, results, count, measured);
  return 0;
}
