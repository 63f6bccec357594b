/* SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * The results as a table for people and as JSON for programs. */

#define _GNU_SOURCE

#include "bench.h"

#include <dlfcn.h>
#include <pidfd_spawn.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

struct context
{
  struct utsname system;
  const char *libc, *libc_version, *library;
  long processors;
};

static const char *
object_of (void *address)
{
  Dl_info info;
  return address && dladdr (address, &info) != 0 ? info.dli_fname : "this program";
}

static struct context
find_context (void)
{
  struct context context = { .library = object_of ((void *) pidfd_spawn),
                             .processors = sysconf (_SC_NPROCESSORS_ONLN) };
  uname (&context.system);
  const char *(*version) (void) = (const char *(*) (void)) dlsym (RTLD_DEFAULT, "gnu_get_libc_version");
  context.libc = version ? "glibc" : "musl";
  context.libc_version = version ? version () : "";
  return context;
}

void
print_context (void)
{
  struct context context = find_context ();
  printf ("%s %s, %s, %s%s%s, %ld processors\n", context.system.sysname, context.system.release,
          context.system.machine, context.libc, *context.libc_version ? " " : "", context.libc_version,
          context.processors);
  printf ("pidfd_spawn from %s\n", context.library);
}

void
print_result (const struct result *result)
{
  const struct group *group = result->group;
  printf ("\n%s (%d rounds)\n", group->title, result->rounds);
  printf ("  %-36s %9s %9s %9s\n", "microseconds", "minimum", "median", "90th pct");
  for (int i = 0; i < group->implementation_count; i++)
    if (result->missing[i] != 0)
      printf ("  %-36s missing here: %s\n", group->implementations[i].name, strerror (result->missing[i]));
    else
      printf ("  %-36s %9.2f %9.2f %9.2f\n", group->implementations[i].name, result->summaries[i].minimum,
              result->summaries[i].median, result->summaries[i].p90);
  printf ("  ratio of medians [95 %% confidence interval]\n");
  for (int i = 0; i < group->comparison_count; i++)
    {
      int of = group->comparisons[i].of, to = group->comparisons[i].to;
      printf ("    %-32s / %-32s ", group->implementations[of].name, group->implementations[to].name);
      if (result->missing[of] != 0 || result->missing[to] != 0)
        printf ("%s side missing\n", result->missing[to] != 0 ? "other" : "this");
      else
        printf ("%.3f [%.3f, %.3f]\n", result->ratios[i].value, result->ratios[i].low, result->ratios[i].high);
    }
}

/* JSON */

static void
write_string (FILE *file, const char *text)
{
  putc ('"', file);
  for (; *text; text++)
    if (*text == '"' || *text == '\\')
      fprintf (file, "\\%c", *text);
    else if ((unsigned char) *text < ' ')
      fprintf (file, "\\u%04x", (unsigned) *text);
    else
      putc (*text, file);
  putc ('"', file);
}

static void
write_member (FILE *file, const char *name, const char *value)
{
  fprintf (file, "\"%s\": ", name);
  write_string (file, value);
}

static void
write_context (FILE *file)
{
  struct context context = find_context ();
  fprintf (file, "  \"context\": { ");
  write_member (file, "kernel", context.system.release);
  fprintf (file, ", ");
  write_member (file, "machine", context.system.machine);
  fprintf (file, ", ");
  write_member (file, "libc", context.libc);
  fprintf (file, ", ");
  write_member (file, "libc_version", context.libc_version);
  fprintf (file, ", ");
  write_member (file, "library", context.library);
  fprintf (file, ", \"processors\": %ld }", context.processors);
}

static void
write_implementation (FILE *file, const struct result *result, int index)
{
  const struct summary *summary = &result->summaries[index];
  fprintf (file, "        { ");
  write_member (file, "name", result->group->implementations[index].name);
  fprintf (file, ", ");
  if (result->missing[index] != 0)
    write_member (file, "missing", strerror (result->missing[index]));
  else
    {
      fprintf (file, "\"minimum_us\": %.3f, \"median_us\": %.3f, \"p90_us\": %.3f, \"percentiles_us\": [",
               summary->minimum, summary->median, summary->p90);
      for (int i = 0; i < PERCENTILES; i++)
        fprintf (file, "%s%.2f", i ? ", " : "", result->percentiles[index][i]);
      putc (']', file);
    }
  fprintf (file, " }");
}

static void
write_ratio (FILE *file, const struct result *result, int index)
{
  int of = result->group->comparisons[index].of, to = result->group->comparisons[index].to;
  const struct ratio *ratio = &result->ratios[index];
  fprintf (file, "        { ");
  write_member (file, "of", result->group->implementations[of].name);
  fprintf (file, ", ");
  write_member (file, "to", result->group->implementations[to].name);
  if (result->missing[of] != 0 || result->missing[to] != 0)
    fprintf (file, ", \"ratio\": null }");
  else
    fprintf (file, ", \"ratio\": %.4f, \"low\": %.4f, \"high\": %.4f }", ratio->value, ratio->low, ratio->high);
}

static void
write_list (FILE *file, const char *name, const struct result *result, int count,
            void (*write_item) (FILE *, const struct result *, int))
{
  fprintf (file, ",\n      \"%s\": [\n", name);
  for (int i = 0; i < count; i++)
    {
      write_item (file, result, i);
      fprintf (file, "%s\n", i + 1 < count ? "," : "");
    }
  fprintf (file, "      ]");
}

void
write_json (FILE *file, const struct result *results, int count, const char *measured)
{
  fprintf (file, "{\n");
  if (measured)
    {
      fprintf (file, "  ");
      write_member (file, "measured", measured);
      fprintf (file, ",\n");
    }
  write_context (file);
  fprintf (file, ",\n  \"groups\": [\n");
  for (const struct result *result = results; result < results + count; result++)
    {
      fprintf (file, "    { ");
      write_member (file, "name", result->group->name);
      fprintf (file, ", ");
      write_member (file, "title", result->group->title);
      fprintf (file, ", \"rounds\": %d", result->rounds);
      write_list (file, "implementations", result, result->group->implementation_count, write_implementation);
      write_list (file, "ratios", result, result->group->comparison_count, write_ratio);
      fprintf (file, " }%s\n", result + 1 < results + count ? "," : "");
    }
  fprintf (file, "  ]\n}\n");
}
