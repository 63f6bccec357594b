/* SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * Gives the same random cases to the library, to the libc's posix_spawn and to glibc 2.41's own pidfd_spawn, or to
 * pidfd_spawn_ext and the same by hand, and compares the results.  README.md says how it is used. */

#include "differential.h"
#include "tap.h"

#include <fcntl.h>
#include <getopt.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
  /* The rest is only counted. */
  SHOWN = 10,
  /* In seconds; a case that hangs takes long each time. */
  SHRINKING = 30,
};

static const char *family_names[FAMILIES] = { "posix_spawn of this libc", "pidfd_spawn of glibc 2.41" };

static struct {
  uint64_t seed;
  long cases, jobs;
  /* `reference` is the loader of the other libc; NULL: that comparison is skipped. */
  const char *library, *folder, *reference, *single, *file;
  /* `extended`: pidfd_spawn_ext against fork and exec, in the place of the first family. */
  bool extended, without_clone3, verbose;
} options = { .cases = 2000 };

/* Shared by the workers. */
static struct counts {
  atomic_long equal[FAMILIES], explained[FAMILIES], different[FAMILIES];
  atomic_long rules[FAMILIES][RULES];
  atomic_long started, late, shown;
} *counts;

static char *self;

/* ---- The implementations of a worker ---- */

static struct server library, references[FAMILIES];

static bool
takes_part (enum family family)
{
  return family == AGAINST_POSIX_SPAWN || (options.reference && !options.extended);
}

static bool
start_implementation (struct server *server, int worker, const char *kind, const char *loader)
{
  struct text base = { NULL, 0, 0 }, path = { NULL, 0, 0 }, reporter = { NULL, 0, 0 };
  /* Names of the same length, for the sake of what depends on a path's. */
  add (&base, "%s/%03d-%c", options.folder, worker, kind[0]);
  add (&reporter, "%s/reporter", options.folder);
  char *command[12];
  int count = 0;
  if (loader)
    {
      add (&path, "%.*s", (int) (strrchr (loader, '/') - loader), loader);
      command[count++] = (char *) loader;
      command[count++] = (char *) "--library-path";
      command[count++] = path.data;
    }
  command[count++] = self;
  command[count++] = (char *) "--serve";
  command[count++] = (char *) kind;
  command[count++] = (char *) options.library;
  command[count++] = base.data;
  command[count++] = reporter.data;
  if (options.without_clone3)
    command[count++] = (char *) "--without-clone3";
  command[count] = NULL;
  bool started = server_start (server, command);
  free (base.data);
  free (path.data);
  free (reporter.data);
  return started;
}

static void
start_implementations (int worker)
{
  if (!start_implementation (&library, worker, options.extended ? "extended" : "library", NULL))
    die ("cannot load the library");
  if (!start_implementation (&references[AGAINST_POSIX_SPAWN], worker, options.extended ? "by hand" : "posix_spawn",
                             NULL))
    die ("cannot start an implementation");
  if (takes_part (AGAINST_LIBC)
      && !start_implementation (&references[AGAINST_LIBC], worker, "glibc", options.reference))
    die ("cannot start the other libc's implementation");
}

static void
stop_implementations (void)
{
  server_stop (&library);
  for (int family = 0; family < FAMILIES; family++)
    if (takes_part (family))
      server_stop (&references[family]);
}

static void
receive (const struct server *server, struct text *result)
{
  if (!server_receive (server, result))
    die ("an implementation is gone");
}

/* ---- Comparing ---- */

/* The results of all that take part, in the families from FIRST to LAST. */
static void
ask (const struct text *test_case, int first, int last, struct text *ours, struct text *reference)
{
  bool late = false;
  /* On a busy machine a case can be late; one that is late again hangs. */
  for (int attempt = 0; attempt == 0 || (late && attempt == 1); attempt++)
    {
      server_send (&library, test_case);
      for (int family = first; family <= last; family++)
        if (takes_part (family))
          server_send (&references[family], test_case);
      receive (&library, ours);
      late = strstr (ours->data, "not done after");
      for (int family = first; family <= last; family++)
        if (takes_part (family))
          {
            receive (&references[family], &reference[family]);
            late |= strstr (reference[family].data, "not done after") != NULL;
          }
      counts->late += late;
    }
}

static void
rerun_library (void *unused, const struct text *test_case, struct text *result)
{
  (void) unused;
  ask (test_case, 0, -1, result, NULL);
}

static bool
acceptable (enum family family, const char *test_case, const struct text *ours, const struct text *reference,
            unsigned int *rules)
{
  *rules = 0;
  if (!keeps_promises (test_case, ours->data))
    return false;
  return strcmp (ours->data, reference->data) == 0
         /* There are no intended differences from what the function stands for. */
         || (!options.extended
             && explained (family, test_case, ours->data, reference->data, rerun_library, NULL, rules));
}

static bool
fails (enum family family, const struct text *test_case)
{
  static struct text ours, reference[FAMILIES];
  unsigned int rules;
  ask (test_case, family, family, &ours, reference);
  return !acceptable (family, test_case->data, &ours, &reference[family], &rules);
}

/* Leaves out lines, first many at once and then fewer, as long as the case goes on failing. */
static void
shrink (enum family family, struct text *test_case)
{
  char *lines[1024];
  size_t count = 0;
  struct text attempt = { NULL, 0, 0 };
  char *copy = strdup (test_case->data);
  for (char *line = strtok (copy, "\n"); line && count < 1024; line = strtok (NULL, "\n"))
    lines[count++] = line;
  time_t end_of_time = time (NULL) + SHRINKING;
  for (size_t chunk = (count + 1) / 2; chunk > 0;)
    {
      bool smaller = false;
      for (size_t start = 0; start < count && time (NULL) < end_of_time;)
        {
          clear (&attempt);
          for (size_t i = 0; i < count; i++)
            if (i < start || i >= start + chunk)
              add (&attempt, "%s\n", lines[i]);
          if (fails (family, &attempt))
            {
              size_t end = start + chunk < count ? start + chunk : count;
              memmove (&lines[start], &lines[end], (count - end) * sizeof *lines);
              count -= end - start;
              smaller = true;
            }
          else
            start += chunk;
        }
      if (!smaller || chunk > count)
        chunk /= 2;
    }
  clear (test_case);
  for (size_t i = 0; i < count; i++)
    add (test_case, "%s\n", lines[i]);
  free (copy);
  free (attempt.data);
}

static void
add_difference (struct text *to, const struct text *ours, const struct text *reference)
{
  add_missing (to, "#     + ", ours->data, reference->data);
  add_missing (to, "#     - ", reference->data, ours->data);
}

/* Of a case whose results were these. */
static void
show_failure (enum family family, const char *name, const struct text *test_case, const struct text *our_first,
              const struct text *reference_first)
{
  struct text small = { NULL, 0, 0 }, ours = { NULL, 0, 0 }, message = { NULL, 0, 0 }, first = { NULL, 0, 0 };
  struct text reference[FAMILIES] = { { NULL, 0, 0 } };
  add (&small, "%s", test_case->data);
  add_difference (&first, our_first, reference_first);
  if (fails (family, &small))
    shrink (family, &small);
  ask (&small, family, family, &ours, reference);
  add (&message, "# %s, against %s; again: make %s CASE=%s\n#   the smallest case that fails:\n", name,
       family_names[family], options.extended ? "differential-extended" : "differential", name);
  for (char *line = strtok (small.data, "\n"); line; line = strtok (NULL, "\n"))
    add (&message, "#     %s\n", line);
  add (&message, "#   the library (+) and the reference (-):\n");
  add_difference (&message, &ours, &reference[family]);
  if (strstr (message.data, "\n#     + ") == NULL && strstr (message.data, "\n#     - ") == NULL)
    add (&message, "#     the same now: what differed does not happen each time, and was\n%s", first.data);
  fputs (message.data, stdout);
  fflush (stdout);
  free (small.data);
  free (ours.data);
  free (reference[family].data);
  free (message.data);
  free (first.data);
}

static void
try_case (const char *name, const struct text *test_case)
{
  static struct text ours, reference[FAMILIES];
  ask (test_case, 0, FAMILIES - 1, &ours, reference);
  if (has_line (ours.data, "error 0 (Success)"))
    counts->started++;

  if (options.verbose)
    printf ("%s\n%s\n%s", name, test_case->data, ours.data);
  for (int family = 0; family < FAMILIES; family++)
    if (takes_part (family))
      {
        unsigned int rules;
        if (!acceptable (family, test_case->data, &ours, &reference[family], &rules))
          {
            counts->different[family]++;
            if (counts->shown++ < SHOWN)
              show_failure (family, name, test_case, &ours, &reference[family]);
            continue;
          }
        (*(rules ? &counts->explained[family] : &counts->equal[family]))++;
        for (int rule = 0; rule < RULES; rule++)
          if (rules >> rule & 1)
            {
              counts->rules[family][rule]++;
              if (options.verbose)
                printf ("explained by %s against %s\n", rule_names[rule], family_names[family]);
            }
      }
}

/* ---- The whole run ---- */

static void
work (int worker)
{
  struct text test_case = { NULL, 0, 0 };
  char name[64];
  start_implementations (worker);
  for (long i = worker; i < options.cases; i += options.jobs)
    {
      snprintf (name, sizeof name, "%llu:%ld", (unsigned long long) options.seed, i);
      generate (options.seed, (uint64_t) i, options.extended, &test_case);
      try_case (name, &test_case);
    }
  stop_implementations ();
}

/* True when every worker came to its end. */
static bool
run_workers (void)
{
  bool complete = true;
  fflush (stdout);
  for (int worker = 0; worker < options.jobs; worker++)
    {
      pid_t pid = fork ();
      if (pid < 0)
        die ("fork");
      if (pid == 0)
        {
          work (worker);
          fflush (stdout);
          _exit (0);
        }
    }
  for (int status; wait (&status) > 0;)
    complete &= status == 0;
  return complete;
}

static void
run_one (void)
{
  struct text test_case = { NULL, 0, 0 };
  if (options.single)
    {
      unsigned long long seed = 0, index = 0;
      sscanf (options.single, "%llu:%llu", &seed, &index);
      generate (seed, index, options.extended, &test_case);
    }
  else
    {
      char line[4096];
      FILE *file = strcmp (options.file, "-") == 0 ? stdin : fopen (options.file, "re");
      if (!file)
        die (options.file);
      while (fgets (line, sizeof line, file))
        add (&test_case, "%s", line + strspn (line, " "));
    }
  options.cases = 1;
  options.verbose = true;
  start_implementations (0);
  try_case (options.single ? options.single : options.file, &test_case);
  stop_implementations ();
}

static int
summary (double seconds, const char *skipped)
{
  printf ("# seed %llu: %ld cases in %.1f s, %ld of them started a program, %ld took over %d s once\n",
          (unsigned long long) options.seed, options.cases, seconds, (long) counts->started, (long) counts->late,
          TIME_LIMIT);
  /* One case may well be an error; if all are, what is equal shows little. */
  if (!options.single && !options.file && counts->started == 0)
    tap_report (TAP_FAILED, "no case started a program", "differential cases");
  for (int family = 0; family < FAMILIES; family++)
    {
      if (!takes_part (family) && options.extended)
        continue;
      if (!takes_part (family))
        {
          tap_report (TAP_SKIPPED, skipped, "differential against %s", family_names[family]);
          continue;
        }
      long equal = counts->equal[family], explained = counts->explained[family], different = counts->different[family];
      tap_report (different == 0 && equal + explained > 0 ? TAP_PASSED : TAP_FAILED, "",
                  "differential against %s: %ld equal, %ld explained, %ld different", family_names[family], equal,
                  explained, different);
      for (int rule = 0; rule < RULES; rule++)
        if (counts->rules[family][rule])
          printf ("#   explained by %s: %ld\n", rule_names[rule], (long) counts->rules[family][rule]);
    }
  return tap_end ();
}

static void
usage (void)
{
  fputs ("usage: differential --library FILE --folder FOLDER [--reference LOADER | --no-reference WHY]\n"
         "                    [--cases N] [--seed S] [--jobs J] [--case SEED:INDEX | --file FILE] [--verbose]\n"
         "                    [--extended [--without-clone3]]\n"
         "FOLDER has the reporter in it; the cases make their files there.\n",
         stderr);
  exit (2);
}

static char *
absolute (const char *path)
{
  char *full = realpath (path, NULL);
  if (!full)
    die (path);
  return full;
}

int
main (int argc, char **argv)
{
  static const struct option long_options[] = {
    { "cases", required_argument, NULL, 'n' },   { "seed", required_argument, NULL, 's' },
    { "jobs", required_argument, NULL, 'j' },    { "library", required_argument, NULL, 'l' },
    { "folder", required_argument, NULL, 'd' },  { "reference", required_argument, NULL, 'o' },
    { "no-reference", required_argument, NULL, 'x' }, { "verbose", no_argument, NULL, 'v' },
    { "extended", no_argument, NULL, 'e' },      { "without-clone3", no_argument, NULL, 'w' },
    { "case", required_argument, NULL, 'c' },    { "file", required_argument, NULL, 'f' },
    { NULL, 0, NULL, 0 },
  };
  if (argc >= 6 && strcmp (argv[1], "--serve") == 0)
    {
      char kind = argv[2][0];
      enum implementation implementation = kind == 'l'   ? LIBRARY
                                           : kind == 'p' ? POSIX_SPAWN
                                           : kind == 'e' ? EXTENDED
                                           : kind == 'b' ? BY_HAND
                                                         : LIBC;
      return serve (implementation, argv[3], argv[4], argv[5], argc == 7);
    }

  const char *skipped = "no loader was named";
  options.seed = (uint64_t) time (NULL);
  for (int option; (option = getopt_long (argc, argv, "", long_options, NULL)) != -1;)
    switch (option)
      {
      case 'n': options.cases = atol (optarg); break;
      case 's': options.seed = strtoull (optarg, NULL, 0); break;
      case 'j': options.jobs = atol (optarg); break;
      case 'l': options.library = optarg; break;
      case 'd': options.folder = optarg; break;
      case 'o': options.reference = optarg; break;
      case 'x': skipped = optarg; break;
      case 'e': options.extended = true; break;
      case 'w': options.without_clone3 = true; break;
      case 'v': options.verbose = true; break;
      case 'c': options.single = optarg; break;
      case 'f': options.file = optarg; break;
      default: usage ();
      }
  if (options.extended)
    family_names[0] = options.without_clone3 ? "fork and exec by hand, without clone3" : "fork and exec by hand";
  if (options.jobs < 1)
    options.jobs = sysconf (_SC_NPROCESSORS_ONLN);

  counts = mmap (NULL, sizeof *counts, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (counts == MAP_FAILED)
    die ("mmap");
  if (!options.library || !options.folder)
    usage ();
  options.library = absolute (options.library);
  options.folder = absolute (options.folder);
  self = absolute ("/proc/self/exe");
  /* A program is not always able to run on another libc than it was built with. */
  struct server trial;
  if (takes_part (AGAINST_LIBC))
    {
      bool started = start_implementation (&trial, (int) options.jobs, "glibc", options.reference);
      server_stop (&trial);
      if (!started)
        {
          options.reference = NULL;
          skipped = "this program cannot run on that libc, or it has no pidfd_spawn";
        }
    }

  struct timespec start, end;
  clock_gettime (CLOCK_MONOTONIC, &start);
  bool complete = true;
  tap_begin ();
  if (options.single || options.file)
    run_one ();
  else
    complete = run_workers ();
  clock_gettime (CLOCK_MONOTONIC, &end);

  if (!complete)
    tap_report (TAP_FAILED, "a worker came to an early end", "differential workers");
  int result = summary ((double) (end.tv_sec - start.tv_sec) + (double) (end.tv_nsec - start.tv_nsec) / 1e9, skipped);
  return result;
}
