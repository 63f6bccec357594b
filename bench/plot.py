"""Draws the results of the benchmark: plot.py BENCH GUARD FOLDER

Reads BENCH/*.json, has GUARD (tests-c/guard) count the system calls, and writes FOLDER/*.svg by gnuplot.
"""

import json
import pathlib
import subprocess
import sys

STYLE = """
set terminal svg noenhanced size 860,400 font 'sans-serif,13' background '#ffffff'
set border 3 lc rgb '#555555'
set tics nomirror
set grid ytics lc rgb '#dddddd' lw 1
set key top left
set bmargin 5
"""
# Ours, glibc 2.41's, posix_spawn, fork.
COLOURS = {"ours": "#0b6e4f", "glibc 2.41": "#d1495b", "posix_spawn": "#edae49", "fork": "#30638e", "musl": "#8d6a9f"}


def draw(path, commands, *blocks):
    data = "".join(f"${name} << EOD\n{text}EOD\n" for name, text in blocks)
    subprocess.run(["gnuplot"], input=f"{STYLE}\nset output '{path}'\n{data}{commands}\n", text=True, check=True)


def implementations(results, libc, group_name):
    for group in results.get(libc, {}).get("groups", []):
        if group["name"] == group_name:
            return {one["name"]: one for one in group["implementations"] if "missing" not in one}
    return {}


def this_libc(results):
    """What the C library that the benchmark ran with is called."""
    context = results.get("native", {}).get("context", {})
    return f"{context.get('libc', 'this libc')} {context.get('libc_version', '')}".strip()


def draw_resident(results, folder):
    ways = [
        ("pidfd_spawn", "ours", "native", "pidfd_spawn"),
        ("glibc 2.41's pidfd_spawn", "glibc 2.41", "glibc-2.41", "the C library's own pidfd_spawn"),
        (f"{this_libc(results)}'s posix_spawn + pidfd_open", "posix_spawn", "native", "posix_spawn + pidfd_open"),
        ("fork + execve + pidfd_open", "fork", "native", "fork + execve + pidfd_open"),
    ]
    blocks, plots = [], []
    for index, (title, colour, libc, name) in enumerate(ways):
        points = [(size, implementations(results, libc, f"resident-{size}").get(name)) for size in (1, 64, 512)]
        lines = "".join(f"{size} {one['median_us']}\n" for size, one in points if one)
        if lines:
            blocks.append((f"D{index}", lines))
            plots.append(f"$D{index} using 1:2 with linespoints lw 2 pt 7 lc rgb '{COLOURS[colour]}' title \"{title}\"")
    draw(folder / "resident.svg",
         "set title 'Starting a program from a process of a given size'\nset logscale xy\nset xrange [0.8:700]\n"
         "set yrange [10:200000]\nset xlabel 'resident memory, MiB'\nset ylabel 'median latency, microseconds'\n"
         "plot " + ", ".join(plots), *blocks)


def draw_distribution(results, folder):
    ways = [
        ("pidfd_spawn", "ours", "glibc-2.41", "pidfd_spawn"),
        ("glibc 2.41's pidfd_spawn", "glibc 2.41", "glibc-2.41", "the C library's own pidfd_spawn"),
        (f"{this_libc(results)}'s posix_spawn + pidfd_open", "posix_spawn", "native", "posix_spawn + pidfd_open"),
    ]
    blocks, plots = [], []
    for index, (title, colour, libc, name) in enumerate(ways):
        one = implementations(results, libc, "spawn").get(name)
        if one:
            text = "".join(f"{value} {percent + 1}\n" for percent, value in enumerate(one["percentiles_us"]))
            blocks.append((f"D{index}", text))
            plots.append(f"$D{index} using 1:2 with lines lw 2 lc rgb '{COLOURS[colour]}' title \"{title}\"")
    draw(folder / "distribution.svg",
         "set title 'Latency of a plain spawn'\nset key bottom right\nset xlabel 'microseconds'\n"
         "set ylabel 'calls that took no longer, %'\nset yrange [0:100]\nplot " + ", ".join(plots), *blocks)


def find_times(results, file, group_name, other):
    """How many times as long as pidfd_spawn_ext the other takes, with its interval; None where it was not measured."""
    for group in results.get(file, {}).get("groups", []):
        for ratio in group["ratios"] if group["name"] == group_name else []:
            if ratio["of"] == other and ratio["ratio"]:
                return ratio["ratio"], ratio["low"], ratio["high"]
            if ratio["to"] == other and ratio["ratio"]:
                return 1 / ratio["ratio"], 1 / ratio["high"], 1 / ratio["low"]
    return None


def draw_extended(results, folder):
    ways = [(f"{way} + the same steps + execve, in C", colour, "extended", f"user-{way}",
             f"{way} + the same steps + execve") for way, colour in (("vfork", "ours"), ("fork", "fork"))]
    for name, colour in (("CPython's subprocess", "glibc 2.41"), ("Rust std's Command", "musl"),
                         ("Go's os/exec", "posix_spawn")):
        ways.append((f"{name}, whole program", colour, "programs", "programs", name))
    blocks, plots = [], []
    for index, (title, colour, file, group, other) in enumerate(ways):
        points = [(size, find_times(results, file, f"{group}-{size}", other)) for size in (1, 512, 4096)]
        lines = "".join(f"{size} {' '.join(f'{value:.4f}' for value in found)}\n" for size, found in points if found)
        if lines:
            blocks.append((f"D{index}", lines))
            look = f"lw 2 lc rgb '{COLOURS[colour]}'"
            plots.append(f"$D{index} using 1:2 with lines {look} notitle")
            plots.append(f"$D{index} using 1:2:3:4 with yerrorbars pt 7 {look} title \"{title}\"")
    if not blocks:
        return
    draw(folder / "extended.svg",
         "set title 'Starting a program as another user, with limits, a death signal and no leaks'\nset logscale xy\n"
         "set xrange [0.8:6000]\nset yrange [0.5:3000]\nset xlabel 'resident memory, MiB'\n"
         "set ylabel 'times as long as pidfd_spawn_ext'\nplot 1 lc rgb '#555555' dt 2 notitle, " + ", ".join(plots),
         *blocks)


def draw_container(results, folder):
    """Each call in a container and outside, and what a program does there without the library."""
    groups = [("spawn", "plain spawn"), ("threads", "with eight\\nthreads"), ("attributes", "five file\\nactions"),
              ("search", "search"), ("fork", "fork"), ("fork-threads", "fork, eight\\nthreads")]
    lines = ""
    for group, title in groups:
        found = implementations(results, "container", f"container-{group}")
        medians = [one["median_us"] for one in found.values()]
        if len(medians) >= 3:
            # The call, the same outside, the first of the others.
            lines += f'"{title}" {medians[0]} {medians[1]} {medians[2]}\n'
    if not lines:
        return
    bars = [(2, "ours", "in a container"), (3, "posix_spawn", "outside"),
            (4, "glibc 2.41", "in a container, by the C library and pidfd_open or SCM_RIGHTS")]
    draw(folder / "container.svg",
         "set title 'The same calls in a container'\nset key top left Left reverse\n"
         "set style data histogram\nset style histogram clustered gap 1\nset style fill solid\n"
         "set yrange [0:*]\nset ylabel 'median latency, microseconds'\nplot "
         + ", ".join(f"$D using {column}:xtic(1) lc rgb '{COLOURS[colour]}' title '{title}'"
                     for column, colour, title in bars), ("D", lines))


def count_calls(*command):
    """The system calls of both processes, or None where that does not run."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    total = 0
    for line in done.stdout.splitlines():
        if " calls:" in line:
            for call in line.split(" calls:")[1].split():
                total += int(call.partition("*")[2] or 1)
    return total if done.returncode == 0 else None


def draw_calls(results, guard, folder):
    scripts = pathlib.Path(__file__).parent.parent / "scripts"
    reference = subprocess.run([scripts / "reference-glibc"], capture_output=True, text=True, check=False)
    loader = reference.stdout.strip()
    tracer, driver = guard / "guard", guard / "driver"
    bars = [("pidfd_spawn", "ours", count_calls(tracer, driver, "spawn"))]
    if reference.returncode == 0:
        bars.append(("glibc 2.41's\\npidfd_spawn", "glibc 2.41",
                     count_calls(tracer, loader, "--library-path", pathlib.Path(loader).parent, driver,
                                 "libc-pidfd_spawn")))
    if (guard / "driver-musl").exists():
        bars.append(("musl's posix_spawn\\n+ pidfd_open", "musl",
                     count_calls(tracer, guard / "driver-musl", "posix_spawn")))
    bars.append((f"{this_libc(results)}'s posix_spawn\\n+ pidfd_open", "posix_spawn",
                 count_calls(tracer, driver, "posix_spawn")))
    lines = "".join(f'"{name}" {count} {int(COLOURS[colour][1:], 16)}\n' for name, colour, count in bars if count)
    draw(folder / "system-calls.svg",
         "set title 'System calls of one plain spawn, parent and child'\n"
          "set logscale y\nset yrange [1:300]\nunset key\n"
         "set style fill solid\nset boxwidth 0.6\nset ylabel 'system calls'\nset xrange [-0.6:*]\n"
         "plot $D using 0:2:3:xtic(1) with boxes lc rgb variable, $D using 0:($2*1.2):2 with labels", ("D", lines))


def main():
    bench, guard, folder = map(pathlib.Path, sys.argv[1:4])
    results = {}
    for path in bench.glob("*.json"):
        with open(path, encoding="utf-8") as file:
            results[path.stem] = json.load(file)
    if not results:
        sys.exit("plot.py: nothing was measured yet: make bench")
    folder.mkdir(parents=True, exist_ok=True)
    draw_resident(results, folder)
    draw_distribution(results, folder)
    draw_calls(results, guard, folder)
    draw_extended(results, folder)
    draw_container(results, folder)


main()
