"""Sums up the results of the benchmark: table.py FOLDER

Reads FOLDER/*.json and writes FOLDER/table.md, the rows that have a target, each with its ratio, its 95 % confidence
interval and whether it is met.
"""

import json
import pathlib
import sys

OURS = "pidfd_spawn"
POSIX_SPAWN = "posix_spawn + pidfd_open"
VFORK = "vfork + execve + pidfd_open"
FLOOR = "bare clone3 + execve (the floor)"
LIBC = "the C library's own pidfd_spawn"

# What is compared; with which C library, in which group, of and to; and the ratio that is wanted.
ROWS = [
    ("plain pidfd_spawn", "bare clone3 + execve", "native", "spawn", OURS, FLOOR, "<=", 1.03),
    ("plain pidfd_spawn", "glibc 2.41's own", "glibc-2.41", "spawn", OURS, LIBC, "<=", 0.82),
    ("plain pidfd_spawn", "posix_spawn + pidfd_open", "native", "spawn", OURS, POSIX_SPAWN, "<=", 0.58),
    ("plain pidfd_spawn", "musl's posix_spawn + pidfd_open", "musl", "spawn", OURS, POSIX_SPAWN, "<=", 0.92),
    ("pidfd_spawn with SETSIGMASK, SETSIGDEF, SETPGROUP, five file actions", "glibc 2.41's own", "glibc-2.41",
     "attributes", OURS, LIBC, "<=", 0.88),
    ("pidfd_spawnp, hit in the eighth PATH element", "glibc 2.41's own", "glibc-2.41", "search", "pidfd_spawnp",
     "the C library's own pidfd_spawnp", "<=", 0.95),
    ("plain pidfd_spawn with 4 GiB resident", "itself in a small process", "native", "resident", "4 GiB resident",
     "a small process", "<=", 1.10),
    ("plain pidfd_spawn with 64 idle threads", "itself in a small process", "native", "threads", "64 idle threads",
     "a small process", "<=", 1.10),
    ("plain pidfd_spawn with 10,000 mappings", "itself in a small process", "native", "mappings", "10,000 mappings",
     "a small process", "<=", 1.10),
    ("plain pidfd_spawn with 5,000 open descriptors", "bare clone3 + execve in the same process", "native",
     "descriptors", OURS, FLOOR, "<=", 1.03),
    ("two threads spawning at once, calls per second", "glibc 2.41's own", "glibc-2.41", "throughput", LIBC, OURS, ">=",
     1.15),
    ("pidfd_getpid", "glibc 2.41's own", "glibc-2.41", "getpid", "pidfd_getpid", "the C library's own pidfd_getpid",
     "<=", 0.30),
    ("pidfd_fork(0), one thread", "fork + pidfd_open", "native", "fork", "pidfd_fork (0)", "fork + pidfd_open", "<=",
     1.08),
    ("pidfd_fork(PIDFDFORK_ASYNCSAFE), one thread", "fork + pidfd_open", "native", "fork",
     "pidfd_fork (PIDFDFORK_ASYNCSAFE)", "fork + pidfd_open", "<=", 1.08),
    ("pidfd_fork(0), eight threads", "socketpair + fork + SCM_RIGHTS", "native", "fork-threads", "pidfd_fork (0)",
     "socketpair + fork + SCM_RIGHTS", "<=", 0.90),
    ("starting /bin/true with the library preloaded", "with an empty .so preloaded", "native", "load",
     "with the library preloaded", "with an empty .so preloaded", "<=", 1.015),
    ("pidfd_fork(0), one thread, unshare refused", "fork + pidfd_open", "sandbox-fork", "sandbox-fork",
     "pidfd_fork (0)", "fork + pidfd_open", "<=", 1.08),
    ("plain pidfd_spawn, clone3 refused", "vfork + execve + pidfd_open", "sandbox-spawn", "sandbox-spawn",
     OURS, VFORK, "<=", 1.32),
    ("plain pidfd_spawn, clone3 refused", "posix_spawn + pidfd_open", "sandbox-spawn", "sandbox-spawn",
     OURS, POSIX_SPAWN, "<=", 0.70),
]


def load(folder):
    results = {}
    for path in folder.glob("*.json"):
        with open(path, encoding="utf-8") as file:
            results[path.stem] = json.load(file)
    return results


def find_ratio(results, libc, group_name, of, to):
    """The ratio with its interval, or why there is none."""
    if libc not in results:
        return "not measured: this C library is missing here"
    for group in results[libc]["groups"]:
        if group["name"] == group_name:
            for ratio in group["ratios"]:
                if (ratio["of"], ratio["to"]) == (of, to):
                    return ratio if ratio["ratio"] else "not measured: one side is missing here"
    return "not measured"


def row_text(results, what, against, libc, group, of, to, relation, wanted):
    ratio = find_ratio(results, libc, group, of, to)
    target = ("≤ " if relation == "<=" else "≥ ") + f"{wanted:.3f}".removesuffix("0")
    if isinstance(ratio, str):
        return f"| {what} | {against} | {target} | {ratio} | |"
    met = ratio["ratio"] <= wanted if relation == "<=" else ratio["ratio"] >= wanted
    measured = f"{ratio['ratio']:.3f} [{ratio['low']:.3f}, {ratio['high']:.3f}]"
    return f"| {what} | {against} | {target} | {measured} | {'met' if met else 'missed'} |"


def main():
    folder = pathlib.Path(sys.argv[1])
    results = load(folder)
    lines = ["| what | against | target | ratio of medians [95 %] | |", "|---|---|---|---|---|"]
    lines += [row_text(results, *row) for row in ROWS]
    text = "\n".join(lines) + "\n"
    (folder / "table.md").write_text(text, encoding="utf-8")
    print(text, end="")


main()
