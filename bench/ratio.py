"""The ratio of two medians, for what is measured in Python, as statistics.c has it for bench; and of two sums."""

import random
import statistics

RESAMPLES = 1000


def compare(of, to, middle=statistics.median):
    """The ratio of two medians with its 95 % confidence interval; whole rounds are drawn."""
    ratios = []
    for _ in range(RESAMPLES):
        drawn = random.choices(range(len(of)), k=len(of))
        ratios.append(middle(of[i] for i in drawn) / middle(to[i] for i in drawn))
    ratios.sort()
    return {"ratio": round(middle(of) / middle(to), 4),
            "low": round(ratios[int(RESAMPLES * 0.025)], 4), "high": round(ratios[int(RESAMPLES * 0.975)], 4)}


def compare_sums(of, to):
    """The same of two sums, of which each part was measured beside its like."""
    return compare(of, to, sum)


def describe(name, sample):
    return {"name": name, "minimum_us": round(min(sample), 3), "median_us": round(statistics.median(sample), 3),
            "p90_us": round(statistics.quantiles(sample, n=10)[8], 3)}
