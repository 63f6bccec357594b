"""The ratio of two medians, for what is measured in Python; statistics.c has the same for bench."""

import random
import statistics

RESAMPLES = 1000


def compare(of, to):
    """The ratio of two medians with its 95 % confidence interval; whole rounds are drawn."""
    ratios = []
    for _ in range(RESAMPLES):
        drawn = random.choices(range(len(of)), k=len(of))
        ratios.append(statistics.median(of[i] for i in drawn) / statistics.median(to[i] for i in drawn))
    ratios.sort()
    return {"ratio": round(statistics.median(of) / statistics.median(to), 4),
            "low": round(ratios[int(RESAMPLES * 0.025)], 4), "high": round(ratios[int(RESAMPLES * 0.975)], 4)}


def describe(name, sample):
    return {"name": name, "minimum_us": round(min(sample), 3), "median_us": round(statistics.median(sample), 3),
            "p90_us": round(statistics.quantiles(sample, n=10)[8], 3)}
