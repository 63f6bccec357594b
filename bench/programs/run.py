"""Whole programs that start another one as another user: run.py BUILD ROUNDS

Each program is called as PROGRAM MEBIBYTES DESCRIPTORS CHILD: it holds that much memory and that many open descriptors
that would be inherited.  For each line of its standard input, a number, it starts the child so often, one after the
other, and writes how many nanoseconds that took, from the call until the child has ended and was waited for.

A program of another language takes turns with the one in C that calls pidfd_spawn_ext, in random order, both on one
processor.  First each of them shows with reporter.c as the child that it does every step.  The result is
BUILD/programs.json, which has the form that `bench --json` writes.
"""

import os
import pathlib
import random
import shutil
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

import record
from ratio import compare, describe

OURS = "pidfd_spawn_ext"
SIZES = {1: "1 MiB", 512: "512 MiB", 4096: "4 GiB"}
DESCRIPTORS = 5000
STARTS = 5  # in a turn
SLOWNESS = {1: 1, 512: 4, 4096: 10}  # how many times fewer rounds


class Missing(Exception):
    """Why something cannot be measured here."""


class Program:
    def __init__(self, command, mebibytes, child):
        arguments = [*command, str(mebibytes), str(DESCRIPTORS), child]
        self.process = subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.wait()

    def take_turn(self, starts):
        """Microseconds for one start."""
        self.process.stdin.write(f"{starts}\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline()
        if not answer:
            sys.exit(f"run.py: {self.process.args[0]} failed")
        return int(answer) / starts / 1000


def find_programs(folder):
    """What is here, and why the others are not."""
    programs = {OURS: [folder / "pidfd-spawn-ext"]}
    missing = {}
    python = shutil.which("python3")
    programs["CPython's subprocess"] = [python, pathlib.Path(__file__).parent / "subprocess_popen.py"]
    for name, file in (("Go's os/exec", "os-exec"), ("Rust std's Command", "std-command")):
        if (folder / file).exists():
            programs[name] = [folder / file]
        else:
            missing[name] = f"{file} was not built"
    return programs, missing


def check_memory(mebibytes):
    for line in pathlib.Path("/proc/meminfo").read_text(encoding="ascii").splitlines():
        if line.startswith("MemAvailable:"):
            available = int(line.split()[1]) // 1024
            # Two programs, and what a copy of one of them needs.
            if available < 2 * mebibytes + 512:
                raise Missing(f"two programs of that size do not fit into {available} MiB of free memory")


def measure(ours, theirs, mebibytes, child, rounds):
    """The samples of both, round by round."""
    check_memory(mebibytes)
    samples = ([], [])
    with Program(ours, mebibytes, child) as first, Program(theirs, mebibytes, child) as second:
        turns = [(first, samples[0]), (second, samples[1])]
        for program, _ in turns:
            program.take_turn(STARTS)
        for _ in range(rounds):
            random.shuffle(turns)
            for program, sample in turns:
                sample.append(program.take_turn(STARTS))
    return samples


def measure_size(programs, missing, mebibytes, child, rounds):
    result = {"name": f"programs-{mebibytes}", "rounds": rounds, "implementations": [], "ratios": [],
              "title": f"whole programs with {SIZES[mebibytes]} resident that start a program as another user"}
    print(f"\n{result['title']} ({rounds} rounds of {STARTS} starts)")
    ours = []
    for name in ("CPython's subprocess", "Go's os/exec", "Rust std's Command"):
        try:
            if name in missing:
                raise Missing(missing[name])
            own, sample = measure(programs[OURS], programs[name], mebibytes, child, rounds)
        except Missing as reason:
            print(f"  {name:22} skipped: {reason}")
            result["implementations"].append({"name": name, "missing": str(reason)})
            result["ratios"].append({"of": name, "to": OURS, "ratio": None})
            continue
        ours += own
        ratio = compare(sample, own)
        result["implementations"].append(describe(name, sample))
        result["ratios"].append({"of": name, "to": OURS, **ratio})
        print(f"  {name:22} / {OURS} {ratio['ratio']:.3f} [{ratio['low']:.3f}, {ratio['high']:.3f}]", flush=True)
    if ours:
        result["implementations"].insert(0, describe(OURS, ours))
    return result


def check_steps(programs, reporter):
    for name, command in programs.items():
        with Program(command, 1, reporter) as program:
            program.take_turn(2)
        print(f"{name}: does every step")


def main():
    build, rounds = pathlib.Path(sys.argv[1]).resolve(), int(sys.argv[2])
    result_file = build / "programs.json"
    measured = record.origin()
    if os.geteuid() != 0:
        record.skip(result_file, "only root can start programs as another user")
        return
    programs, missing = find_programs(build / "programs")
    # Where the other user finds them.
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        child, reporter = (shutil.copy(build / name, folder) for name in ("child", "reporter"))
        check_steps(programs, reporter)
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
        results = [measure_size(programs, missing, size, child, max(10, rounds // SLOWNESS[size])) for size in SIZES]
    record.write(result_file, results, measured)


main()
