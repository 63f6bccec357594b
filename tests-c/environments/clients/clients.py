"""Programs that others wrote, unmodified, with the library.  See README.md."""

import contextlib
import pathlib
import re
import tempfile

from places import BUILD, TOP, run, side_by_side
from results import Tally

HERE = "tests-c/environments/clients"
CLIENTS = ("rust-std", "python-ctypes", "systemd", "sandbox", "builds", "cpython", "libgc", "c++",
           "std-tests", "cpython-testing", "go", "java", "liburing", "guile", "libuv", "node",
           "systemd-system", "fish", "tmux", "git", "nginx", "gdb", "strace", "valgrind", "sanitizers")


def add_arguments(parser):
    parser.add_argument("clients", nargs="*", metavar="client",
                        help="some of: " + ", ".join(CLIENTS))


@contextlib.contextmanager
def preloadable():
    """The tree by a path that the loader does not split: it splits LD_PRELOAD at spaces and colons."""
    if not re.search(r"[\s:]", str(TOP)):
        yield TOP
        return
    # Nor need the folder for temporary files do.
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        tree = pathlib.Path(folder, "tree")
        tree.symlink_to(TOP)
        yield tree


def check(results, client):
    library = (BUILD / "lib/libpidfd_spawn.so").resolve().relative_to(TOP)
    with preloadable() as tree:
        status, text = run(tree / HERE / client, tree / library, tree / "build/clients",
                           log=BUILD / f"clients/{client}.log")
    # A row ends where report.sh says so, with its environment and, if that could be tried, a note.
    *parts, rest = re.split(r"^# row: ([^\t\n]*)(?:\t(.*))?\n?", text, flags=re.MULTILINE)
    rows = [*zip(parts[1::3], map(Tally, parts[::3]), parts[2::3])]
    tally = Tally(rest)
    if status:
        tally.fail(f"{client}: it ended with status {status}")
    if not rows or tally.passed + tally.failed + tally.skipped:
        rows.append((client, tally, None))
    for environment, tally, note in rows:
        if note is None and tally.skipped and not tally.passed + tally.failed:
            results.unavailable(environment, "preloaded", "; ".join(tally.reasons))
        else:
            results.counted(environment, "preloaded", tally, note)
    if results.total.failures and "not ok " in text:
        # What else was said explains a failure.
        print("\n".join([line for line in text.splitlines() if not re.match(r"ok |not ok |#", line)][-20:]))
    for measured in re.findall(r"^# measured: .*$", text, re.MULTILINE):
        print(measured)


def clients(results, arguments):
    (BUILD / "clients").mkdir(parents=True, exist_ok=True)
    side_by_side(results, arguments.clients or CLIENTS, CLIENTS, check, 1)
