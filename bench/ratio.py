"""The ratio of two medians, for what is measured in Python, as statistics.c has it for bench; and of two sums.  And
what any ratio says about a target, as text.
"""

import random
import statistics

RESAMPLES = 1000
# Of a whole build with the library preloaded to one without it.
BUILD_TARGET = 1.005


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


def text(ratio):
    return f"{ratio['ratio']:.3f} [{ratio['low']:.3f}, {ratio['high']:.3f}]"


def line(cells):
    """Of a table in Markdown."""
    return "|" + "".join(f" {cell} |" if cell else " |" for cell in cells)


def verdict(ratio, relation, wanted):
    """What the whole interval says, as `text` shows it, so that a reader finds the same."""
    low, high = round(ratio["low"], 3), round(ratio["high"], 3)
    if relation == ">=":
        low, high, wanted = -high, -low, -wanted
    return "met" if high <= wanted else "missed" if low > wanted else "not decided"
