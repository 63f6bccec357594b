"""What virtual machines for the C suite need."""

import gzip
import re
import shutil
import subprocess

from places import TOP, fresh, last_line
from results import Tally

# The programs that the tests start, which must not be busybox: it goes by the name it is called by, and gives up the
# privileges of set-user-ID programs.
REAL_PROGRAMS = ("cat", "env", "false", "sh", "sleep", "true")


def new_tree(tree, busybox):
    """The files of an initramfs, but for the C library, the real programs and those of the suite."""
    fresh(tree)
    for folder in ("bin", "usr", "dev", "proc", "sys", "tmp", "run", "etc", "suite/lib", "suite/tests"):
        (tree / folder).mkdir(parents=True)
    (tree / "usr/bin").symlink_to("../bin")
    shutil.copy2(TOP / "tests-c/environments/kernels/init", tree / "init")
    shutil.copy2(TOP / "tests-c/suite/run", tree / "suite/run")
    shutil.copy2(busybox, tree / "bin/busybox")
    (tree / "etc/passwd").write_text("root:x:0:0::/:/bin/sh\n")


def pack_tree(tree, initramfs):
    names = "\n".join(str(path.relative_to(tree)) for path in [tree, *sorted(tree.rglob("*"))])
    archive = subprocess.run(["cpio", "--quiet", "-o", "-H", "newc", "--owner", "0:0"], cwd=tree, check=True,
                             input=names.encode(), stdout=subprocess.PIPE).stdout
    initramfs.write_bytes(gzip.compress(archive, 1))


def last_words(console):
    """What the console has about a virtual machine that did not get to the end."""
    for pattern in (r"Kernel panic.*", r"BUG: .*"):
        found = re.search(pattern, console)
        if found:
            return found[0].strip()
    return last_line(console) or "nothing on the console"


def account(results, environments, text, ended):
    """Records what init wrote: for each mode, by its name, an environment and a label.  `ended` says how the virtual
    machine ended, in words, with what it said last; it is no news if all tests were run.
    """
    done = re.search(r"^done .*$", text, re.MULTILINE)
    parts = re.split(r"^start (\S+) (.*)$", text, flags=re.MULTILINE)[1:]
    tallies = {}
    for mode, part in zip(parts[::3], parts[2::3]):
        tallies.setdefault(mode, Tally()).add(Tally(part, 0 if done else None))
    place = f"in {parts[-2]}" if parts else "before the tests"
    for mode, (environment, label) in environments.items():
        tally = tallies.get(mode, Tally())
        if not done:
            tally.fail(f"the virtual machine: {ended[0]}, {place}: {ended[1]}")
        results.counted(environment, label, tally)
    if done:
        print(f"  {done[0]}")
