/* SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * Quantiles, and the ratio of two medians with a bootstrap confidence interval. */

#include "bench.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { RESAMPLES = 1000 };

/* xorshift64, always from the same seed: two runs take the turns in the same order. */
unsigned
random_below (unsigned limit)
{
  static uint64_t state = 0x9e3779b97f4a7c15;
  state ^= state << 13;
  state ^= state >> 7;
  state ^= state << 17;
  return (unsigned) ((state >> 32) * limit >> 32);
}

/* Quickselect: puts the value of that rank in its place and returns it. Sorting each resample would take minutes. */
static double
select_rank (double *values, int count, int rank)
{
  int low = 0, high = count - 1;
  while (low < high)
    {
      double pivot = values[low + (high - low) / 2];
      int i = low, j = high;
      while (i <= j)
        {
          while (values[i] < pivot)
            i++;
          while (values[j] > pivot)
            j--;
          if (i <= j)
            {
              double kept = values[i];
              values[i++] = values[j];
              values[j--] = kept;
            }
        }
      if (rank <= j)
        high = j;
      else if (rank >= i)
        low = i;
      else
        break;
    }
  return values[rank];
}

static double
quantile (double *values, int count, double fraction)
{
  return select_rank (values, count, (int) (fraction * (count - 1) + 0.5));
}

struct summary
summarise (const double *samples, int count)
{
  double *values = allocate ((size_t) count, sizeof *values);
  memcpy (values, samples, (size_t) count * sizeof *values);
  struct summary summary = { .minimum = quantile (values, count, 0),
                             .median = quantile (values, count, 0.5),
                             .p90 = quantile (values, count, 0.9) };
  free (values);
  return summary;
}

void
find_percentiles (const double *samples, int count, double *percentiles)
{
  double *values = allocate ((size_t) count, sizeof *values);
  memcpy (values, samples, (size_t) count * sizeof *values);
  for (int i = 0; i < PERCENTILES; i++)
    percentiles[i] = quantile (values, count, (i + 1) / 100.0);
  free (values);
}

/* Draws whole rounds, not single samples: both sides of a round met the same conditions. */
struct ratio
compare (const double *of, const double *to, int count)
{
  double *of_drawn = allocate ((size_t) count, sizeof *of_drawn);
  double *to_drawn = allocate ((size_t) count, sizeof *to_drawn);
  double ratios[RESAMPLES];
  for (int i = 0; i < RESAMPLES; i++)
    {
      for (int j = 0; j < count; j++)
        {
          unsigned round = random_below ((unsigned) count);
          of_drawn[j] = of[round];
          to_drawn[j] = to[round];
        }
      ratios[i] = quantile (of_drawn, count, 0.5) / quantile (to_drawn, count, 0.5);
    }
  free (of_drawn);
  free (to_drawn);
  return (struct ratio) { .value = summarise (of, count).median / summarise (to, count).median,
                          .low = quantile (ratios, RESAMPLES, 0.025),
                          .high = quantile (ratios, RESAMPLES, 0.975) };
}
