"""What preloading the library costs in a whole build: build.py BUILD LIBRARY ROUNDS

`make -j2` of git, Debian 12's source package, with the library preloaded into make and all that it starts, and without.
A machine's own speed moves by more in a minute than is looked for, so the two builds, each in a tree of its own, go on
side by side in slices of some seconds that take turns, each time in another order; in each round the trees change
sides and are clean again, and every slice has the other order, so the number of rounds should be even.  Wall time and
the processors' time, of the user and of the system, of all processes are compared, as sums over slices.  What is built
must be the same.

A library that does nothing unless it is called costs the starts of programs alone, which is far less than can be seen
so.  It is measured besides what one start costs, in compilations of nothing, and how many a build has are counted: that
is the processor time that the build must take, as a third figure.

The result is BUILD/build.json, which has the form that `bench --json` writes.  The exit status is 1 if the whole
interval of one of the three is above the target.
"""

import hashlib
import os
import pathlib
import random
import shutil
import statistics
import subprocess
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "tests-c/environments"))

import places
import ratio
import record

WITH = "with the library preloaded"
WITHOUT = "without it"
# What needs more packages is left out.
MAKE = ("make", "-s", "CFLAGS=-O1", *(f"NO_{part}=1" for part in (
    "CURL", "EXPAT", "GETTEXT", "OPENSSL", "PERL", "PYTHON", "TCLTK")))
# Objects.
SLICE = 12
MEASURED = {"wall": "time from the start to the end", "cpu": "processor time of all processes",
            "starts": "processor time as it follows from the starts"}
# The compiler's driver, the compiler and the assembler.
COMPILATION = ("cc", "-O1", "-c", "-o", "/dev/null", "-x", "c", "/dev/null")
COMPILATIONS = 1000
# A library that leaves a byte for each program that loads it.
COUNTER = r"""
#include <fcntl.h>
#include <unistd.h>
__attribute__ ((constructor)) static void count (void)
{
  int file = open (FILE_NAME, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0666);
  if (file < 0 || write (file, "", 1) != 1)
    _exit (126);
  close (file);
}
"""


def spawn(log, environment, *words):
    """Seconds of wall time and of processor time."""
    start = time.monotonic()
    pid = os.posix_spawnp(words[0], words, environment, file_actions=[
        (os.POSIX_SPAWN_OPEN, 0, "/dev/null", os.O_RDONLY, 0),
        (os.POSIX_SPAWN_OPEN, 1, log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644), (os.POSIX_SPAWN_DUP2, 1, 2)])
    _, status, usage = os.wait4(pid, 0)
    wall = time.monotonic() - start
    if status:
        sys.exit(f"build.py: {' '.join(words)}: {places.complaint(pathlib.Path(log).read_text(errors='replace'))}")
    return wall, usage.ru_utime + usage.ru_stime


def make(tree, environment, *words):
    return spawn(f"{tree}.log", environment, MAKE[0], "-C", str(tree), *MAKE[1:], *words)


class Starts:
    """Counts the programs that have its environment."""

    def __init__(self, folder):
        self.file, library = folder / "starts", folder / "starts.so"
        self.file.unlink(missing_ok=True)
        subprocess.run(["cc", "-shared", "-fPIC", "-w", f'-DFILE_NAME="{self.file}"', "-x", "c", "-o", library, "-"],
                       input=COUNTER, text=True, check=True)
        self.environment = dict(os.environ, LD_PRELOAD=str(library))

    def take(self):
        """How many there were since the last time."""
        count = self.file.stat().st_size
        self.file.unlink()
        return count


def compilations(folder, environments):
    """For each round the seconds of processor time of a compilation of nothing in each way."""
    for _ in range(COMPILATIONS):
        order = random.sample(list(environments), len(environments))
        yield {way: spawn(str(folder / "compilation.log"), environments[way], *COMPILATION)[1] for way in order}


def objects_of(tree):
    """In the order of their making; what is not an object is made with the last slice."""
    objects = sorted((path.stat().st_mtime, str(path.relative_to(tree))) for path in tree.rglob("*.o"))
    return [name for _, name in objects]


def build(trees, slices, turn=0):
    """For each slice the figures of each way, whose tree and environment are given; and a digest of each program."""
    for tree, _ in trees.values():
        make(tree, os.environ, "clean")
    figures = []
    for number, targets in enumerate(slices, turn):
        order = list(trees) if number % 2 else list(reversed(trees))
        figures.append({way: make(*trees[way], "-j2", *targets) for way in order})
    return figures, [hashlib.sha256((tree / "git").read_bytes()).hexdigest() for tree, _ in trees.values()]


def preloaded(library):
    """The environment, once a command of a makefile has shown that it has the library."""
    environment = dict(os.environ, LD_PRELOAD=library)
    _, text = places.run("make", "-s", "-f", "-", "--eval", f"all:; grep -c {library} /proc/self/maps", env=environment)
    if not text.split()[0].isdigit() or int(text.split()[0]) == 0:
        sys.exit(f"build.py: a command of make has not the library: {text.strip()}")
    return environment


def main():
    # One round has no interval.
    folder, library, rounds = pathlib.Path(sys.argv[1]).resolve(), sys.argv[2], max(2, int(sys.argv[3]))
    result_file = folder / "build.json"
    measured = record.origin()
    # Everything is compiled anew.
    os.environ["CCACHE_DISABLE"] = "1"
    for name in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL", "MAKEOVERRIDES", "LD_PRELOAD"):
        os.environ.pop(name, None)
    try:
        places.require("make", "cc", "zlib.h")
        source = places.debian_package("bookworm", "src:git")
    except places.Unavailable as why:
        record.skip(result_file, why)
        return
    # Paths of one length, for they are in what is built.
    both = [folder / "git-1", folder / "git-2"]
    for tree in both:
        shutil.rmtree(tree, ignore_errors=True)
        shutil.copytree(source, tree, symlinks=True)
    environments = {WITH: preloaded(library), WITHOUT: dict(os.environ)}

    # The first build reads everything from the disk, tells the objects and the starts, and counts for neither.
    starts = Starts(folder)
    _, expected = build({WITHOUT: (both[0], starts.environment)}, [["all"]])
    per_build = starts.take()
    spawn(str(folder / "compilation.log"), starts.environment, *COMPILATION)
    per_compilation = starts.take()
    objects = objects_of(both[0])
    slices = [objects[start:start + SLICE] for start in range(0, len(objects), SLICE)] + [["all"]]
    samples = {name: {WITH: [], WITHOUT: []} for name in ("wall", "cpu")}
    for number in range(rounds):
        trees = reversed(both) if number % 2 else both
        built = {way: (tree, environments[way]) for way, tree in zip((WITH, WITHOUT), trees)}
        figures, digests = build(built, slices, number)
        if set(digests) != set(expected):
            sys.exit("build.py: another program is built")
        for way in (WITH, WITHOUT):
            for index, name in enumerate(samples):
                samples[name][way] += [slice_of[way][index] * 1e6 for slice_of in figures]
            wall, processors = (sum(slice_of[way][index] for slice_of in figures) for index in (0, 1))
            print(f"  {way:28} wall {wall:7.2f} s, processors {processors:7.2f} s", flush=True)

    # The same build without the library, and with what its starts cost more.
    alone = sum(samples["cpu"][WITHOUT]) / rounds
    extra = [(pair[WITH] - pair[WITHOUT]) * 1e6 * per_build / per_compilation
             for pair in compilations(folder, environments)]
    samples["starts"] = {WITH: [alone + time for time in extra], WITHOUT: [alone] * len(extra)}
    print(f"a build starts {per_build} programs, each of which takes "
          f"{statistics.median(extra) / per_build:.0f} us more")

    groups, missed = [], False
    for name, title in MEASURED.items():
        ways = samples[name]
        compare = ratio.compare if name == "starts" else ratio.compare_sums
        result = compare(ways[WITH], ways[WITHOUT])
        verdict = ratio.verdict(result, "<=", ratio.BUILD_TARGET)
        missed |= verdict == "missed"
        print(f"make -j2 of git, {title}: {WITH} / {WITHOUT} {ratio.text(result)}, {verdict}: at most "
              f"{ratio.BUILD_TARGET} is wanted")
        groups.append({"name": f"build-{name}", "title": f"make -j2 of git, {title}", "rounds": rounds,
                       "implementations": [ratio.describe(way, ways[way]) for way in ways],
                       "ratios": [{"of": WITH, "to": WITHOUT, **result}]})
    record.write(result_file, groups, measured)
    for tree in both:
        shutil.rmtree(tree)
    sys.exit(missed)


main()
