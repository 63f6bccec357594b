"""What preloading the library costs in a whole build: build.py BUILD LIBRARY ROUNDS

`make -j2` of git, Debian 12's source package, with the library preloaded into make and all that it starts, and without.
Both take turns, each time in another order, and always begin with a clean tree.  Wall time and the processors' time, of
the user and of the system, of all processes are compared.  What is built must be the same.  The result is
BUILD/build.json, which has the form that `bench --json` writes.
"""

import hashlib
import json
import os
import pathlib
import shutil
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "tests-c/environments"))

import places
import ratio

WITH = "with the library preloaded"
WITHOUT = "without it"
# What needs more packages is left out.
MAKE = ("make", "-s", "CFLAGS=-O1", *(f"NO_{part}=1" for part in (
    "CURL", "EXPAT", "GETTEXT", "OPENSSL", "PERL", "PYTHON", "TCLTK")))
MEASURED = {"wall": "time from the start to the end", "cpu": "processor time of all processes"}


def spawn(tree, environment, *words):
    """Seconds of wall time and of processor time."""
    log = str(tree) + ".log"
    start = time.monotonic()
    pid = os.posix_spawnp(words[0], [*words[:1], "-C", str(tree), *words[1:]], environment, file_actions=[
        (os.POSIX_SPAWN_OPEN, 0, "/dev/null", os.O_RDONLY, 0),
        (os.POSIX_SPAWN_OPEN, 1, log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644), (os.POSIX_SPAWN_DUP2, 1, 2)])
    _, status, usage = os.wait4(pid, 0)
    wall = time.monotonic() - start
    if status:
        sys.exit(f"build.py: {' '.join(words)}: {places.complaint(pathlib.Path(log).read_text(errors='replace'))}")
    return wall, usage.ru_utime + usage.ru_stime


def build(tree, environment):
    """The figures, and a digest of the program."""
    spawn(tree, os.environ, *MAKE, "clean")
    figures = spawn(tree, environment, *MAKE, "-j2", "all")
    return figures, hashlib.sha256((tree / "git").read_bytes()).hexdigest()


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
    for name in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL", "MAKEOVERRIDES", "LD_PRELOAD"):
        os.environ.pop(name, None)
    try:
        places.require("make", "cc", "zlib.h")
        source = places.debian_package("bookworm", "src:git")
    except places.Unavailable as why:
        print(f"build.py: skipped: {why}")
        return
    tree = folder / "git"
    shutil.rmtree(tree, ignore_errors=True)
    shutil.copytree(source, tree, symlinks=True)
    environments = {WITH: preloaded(library), WITHOUT: dict(os.environ)}

    # The first build reads everything from the disk, and counts for neither.
    _, expected = build(tree, environments[WITHOUT])
    samples = {name: {WITH: [], WITHOUT: []} for name in MEASURED}
    for number in range(rounds):
        for way in (WITH, WITHOUT) if number % 2 else (WITHOUT, WITH):
            figures, digest = build(tree, environments[way])
            if digest != expected:
                sys.exit(f"build.py: {way} another program is built")
            for name, seconds in zip(MEASURED, figures):
                samples[name][way].append(seconds * 1e6)
            print(f"  {way:28} wall {figures[0]:7.2f} s, processors {figures[1]:7.2f} s", flush=True)

    groups = []
    for name, title in MEASURED.items():
        ways = samples[name]
        result = ratio.compare(ways[WITH], ways[WITHOUT])
        print(f"make -j2 of git, {title}: {WITH} / {WITHOUT} "
              f"{result['ratio']:.3f} [{result['low']:.3f}, {result['high']:.3f}]")
        groups.append({"name": f"build-{name}", "title": f"make -j2 of git, {title}", "rounds": rounds,
                       "implementations": [ratio.describe(way, ways[way]) for way in ways],
                       "ratios": [{"of": WITH, "to": WITHOUT, **result}]})
    (folder / "build.json").write_text(json.dumps({"groups": groups}, indent=2) + "\n", encoding="utf-8")
    shutil.rmtree(tree)


main()
