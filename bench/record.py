"""Where what was measured is written down, in the form of `bench --json`, or that nothing could be measured.

Each result says when, of which commit and on which machine it was measured: `bench` is told this by record.py, which as
a program prints it.
"""

import json
import os
import pathlib
import re
import subprocess
import time


def said_by(*command):
    top = pathlib.Path(__file__).parents[1]
    try:
        done = subprocess.run(command, cwd=top, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
                              check=False)
    except OSError:
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def origin():
    # A release tarball has no commit.
    commit = said_by("git", "rev-parse", "--short", "HEAD") or "unknown"
    changed = said_by("git", "status", "--porcelain", "--untracked-files=no", "--", ".", ":!docs")
    processor = re.search(r"^model name\s*: (.*)$", pathlib.Path("/proc/cpuinfo").read_text(encoding="utf-8"), re.M)
    system = os.uname()
    return (f"{time.strftime('%Y-%m-%d', time.gmtime())}, commit {commit}{' with changes' if changed else ''}, "
            f"{processor[1] if processor else system.machine}, {system.sysname} {system.release}")


def write(path, groups, measured):
    path.write_text(json.dumps({"measured": measured, "groups": groups}, indent=2) + "\n", encoding="utf-8")


def skip(path, why):
    """An older result would be taken for one of today."""
    path.write_text(json.dumps({"skipped": str(why)}) + "\n", encoding="utf-8")
    print(f"skipped: {why}")


if __name__ == "__main__":
    print(origin())
