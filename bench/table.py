"""Sums up the results of the benchmark: table.py FOLDER

Reads FOLDER/*.json and writes FOLDER/table.md, each row with its ratio, its 95 % confidence interval and whether the
target is met: by the whole interval, or else it is not decided; and when, of which commit and where it was measured.
"""

import json
import pathlib
import sys

sys.dont_write_bytecode = True

import ratio as ratios
from ratio import line

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
    ("`make -j2` of git with the library preloaded, wall time", "without it", "build", "build-wall",
     "with the library preloaded", "without it", "<=", ratios.BUILD_TARGET),
    ("`make -j2` of git with the library preloaded, processor time", "without it", "build", "build-cpu",
     "with the library preloaded", "without it", "<=", ratios.BUILD_TARGET),
    ("the same, as it follows from the starts of programs", "without it", "build", "build-starts",
     "with the library preloaded", "without it", "<=", ratios.BUILD_TARGET),
    ("plain pidfd_spawn in a container", VFORK, "container", "container-spawn", OURS, VFORK, "<=", 1.32),
    ("plain pidfd_spawn in a container", POSIX_SPAWN, "container", "container-spawn", OURS, POSIX_SPAWN, "<=", 0.70),
    ("pidfd_fork(0), one thread, in a container", "fork + pidfd_open", "container", "container-fork",
     "pidfd_fork (0)", "fork + pidfd_open", "<=", 1.08),
    ("pidfd_wait for a child that has ended", "waitid (P_PIDFD)", "native", "wait", "pidfd_wait", "waitid (P_PIDFD)",
     "", None),
    ("pidfd_spawn_ext as another user with 4 GiB resident", "itself in a small process", "extended", "user-resident",
     "4 GiB resident", "a small process", "<=", 1.10),
    ("pidfd_spawn_ext without another user, with 4 GiB resident", "itself in a small process", "extended",
     "limits-resident", "4 GiB resident", "a small process", "<=", 1.10),
    ("pidfd_spawn_ext as another user, with few descriptors", "vfork + the same steps + execve", "extended", "user-few",
     "pidfd_spawn_ext", "vfork + the same steps + execve", "", None),
]

# The same request by each way and from processes of several sizes: the group's name without the size, what is compared,
# and the ratio that is wanted.
EXTENDED = "pidfd_spawn_ext"
BY_VFORK = "vfork + the same steps + execve"
BY_FORK = "fork + the same steps + execve"
SIZES = {1: "1 MiB", 512: "512 MiB", 4096: "4 GiB"}
ROWS_BY_SIZE = [
    ("pidfd_spawn_ext, as another user", BY_VFORK, "extended", "user-vfork", EXTENDED, BY_VFORK, "<=", 1.15),
    (f"{BY_FORK}, as another user", EXTENDED, "extended", "user-fork", BY_FORK, EXTENDED, "", None),
    ("pidfd_spawn_ext, without another user", BY_VFORK, "extended", "limits-vfork", EXTENDED, BY_VFORK, "<=", 1.15),
    (f"{BY_FORK}, without another user", EXTENDED, "extended", "limits-fork", BY_FORK, EXTENDED, "", None),
] + [
    (f"{way}, as another user", f"{EXTENDED} in C", "programs", "programs", way, EXTENDED, "", None)
    for way in ("CPython's subprocess", "Go's os/exec", "Rust std's Command")
]

# In a container: what, its group there, the call, and what a program does without the library.
CONTAINER_ROWS = [
    ("plain pidfd_spawn", "spawn", OURS, [POSIX_SPAWN, VFORK]),
    ("plain pidfd_spawn, eight threads", "threads", OURS, [POSIX_SPAWN, VFORK]),
    ("pidfd_spawn with SETSIGMASK, SETSIGDEF, SETPGROUP, five file actions", "attributes", OURS, [POSIX_SPAWN]),
    ("pidfd_spawnp, hit in the eighth PATH element", "search", "pidfd_spawnp", ["posix_spawnp + pidfd_open"]),
    ("pidfd_fork(0), one thread", "fork", "pidfd_fork (0)", ["fork + pidfd_open"]),
    ("pidfd_fork(0), eight threads", "fork-threads", "pidfd_fork (0)", ["socketpair + fork + SCM_RIGHTS"]),
    ("pidfd_getpid", "getpid", "pidfd_getpid", []),
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
        reasons = {"glibc-2.41": ": this C library is missing here", "musl": ": this C library is missing here",
                   "programs": ": make bench-programs", "build": ": make bench-build"}
        return "not measured" + reasons.get(libc, "")
    if "skipped" in results[libc]:
        return f"missing: {results[libc]['skipped']}"
    for group in results[libc]["groups"]:
        if group["name"] == group_name:
            for ratio in group["ratios"]:
                if (ratio["of"], ratio["to"]) == (of, to):
                    return ratio if ratio["ratio"] else "not measured: one side is missing here"
    return "not measured"


def measured(results, libc):
    result = results.get(libc, {})
    return result.get("measured", "not noted" if "groups" in result else "")


def target_text(relation, wanted):
    return {"<=": "≤ ", ">=": "≥ ", "": "none"}[relation] + (f"{wanted:.3f}".removesuffix("0") if relation else "")


def ratio_text(ratio):
    return ratio if isinstance(ratio, str) else ratios.text(ratio)


def verdict(ratio, relation, wanted):
    if isinstance(ratio, str) or not relation:
        return ""
    return ratios.verdict(ratio, relation, wanted)


def head(*cells):
    return [line([*cells, "measured"]), "|---" * (len(cells) + 1) + "|"]


def row_text(results, what, against, libc, group, of, to, relation, wanted):
    ratio = find_ratio(results, libc, group, of, to)
    return line([what, against, target_text(relation, wanted), ratio_text(ratio), verdict(ratio, relation, wanted),
                 measured(results, libc)])


def row_by_size_text(results, what, against, libc, group, of, to, relation, wanted):
    cells = [what, against, target_text(relation, wanted)]
    for size in SIZES:
        ratio = find_ratio(results, libc, f"{group}-{size}", of, to)
        cells.append(f"{ratio_text(ratio)} {verdict(ratio, relation, wanted)}".rstrip())
    return line([*cells, measured(results, libc)])


def container_row_text(results, what, group, of, others):
    def cell(to):
        return ratio_text(find_ratio(results, "container", f"container-{group}", of, to))

    return line([what, cell("outside"), "; ".join(f"{to}: {cell(to)}" for to in others),
                 measured(results, "container")])


def main():
    folder = pathlib.Path(sys.argv[1])
    results = load(folder)
    if not results:
        sys.exit("table.py: nothing was measured yet: make bench")
    lines = head("what", "against", "target", "ratio of medians [95 %]", "")
    lines += [row_text(results, *row) for row in ROWS]
    lines += ["", *head("what", "against", "target", *(f"{size} resident" for size in SIZES.values()))]
    lines += [row_by_size_text(results, *row) for row in ROWS_BY_SIZE]
    lines += ["", *head("in a container", "the same call outside", "what else a program can do there")]
    lines += [container_row_text(results, *row) for row in CONTAINER_ROWS]
    text = "\n".join(lines) + "\n"
    (folder / "table.md").write_text(text, encoding="utf-8")
    print(text, end="")


main()
