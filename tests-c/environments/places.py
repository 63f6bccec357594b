"""Where the checks run: root folders of Debian's and Ubuntu's releases, packages of them, and folders with what the
suite takes.
"""

import concurrent.futures
import contextlib
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import time

from results import Results, Tally, last_line

TOP = pathlib.Path(__file__).resolve().parents[2]
BUILD = TOP / "build"
CARGO = (os.environ.get("CARGO") or "cargo").split()
VERSION = re.search(r"^VERSION := (.*)$", (TOP / "Makefile").read_text(), re.MULTILINE)[1]


class Unavailable(Exception):
    """What cannot be done here, and why."""


# Whether what is running is to end, and no more to be started.
stopped = False


def processes():
    """Of each process its ID, its state, its parent's ID and its session's."""
    for file in pathlib.Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            # What comes before is a name, which may hold anything.
            state, parent, _, session = file.read_bytes().rpartition(b")")[2].split()[:4]
            yield int(file.parent.name), state, int(parent), int(session)


def stop():
    """Ends what is running, in whichever thread, and what that has started: each command has a session of its own."""
    global stopped
    stopped = True
    sessions = set()
    # They get five seconds for what they have to remove.
    for number in (signal.SIGTERM, *[0] * 50, *[signal.SIGKILL] * 50):
        found = list(processes())
        sessions.update(process for process, _, parent, _ in found if parent == os.getpid())
        left = [process for process, state, _, session in found
                if state != b"Z" and (process in sessions or session in sessions)]
        if not left:
            break
        for process in left:
            with contextlib.suppress(OSError):
                os.kill(process, number)
        time.sleep(0.1)


def run(*command, cwd=TOP, log=None, stderr=subprocess.STDOUT, **options):
    """Returns the exit status and all that the command wrote, which is also left in the file `log`."""
    if stopped:
        sys.exit(1)
    process = subprocess.Popen([str(word) for word in command], cwd=cwd, stdin=subprocess.DEVNULL,
                               stdout=subprocess.PIPE, stderr=stderr, start_new_session=True, **options)
    if stopped:
        # It may have come too late to be seen.
        stop()
    text = process.communicate()[0].decode("utf-8", "replace")
    if stopped:
        sys.exit(1)
    if log:
        pathlib.Path(log).write_text(text, encoding="utf-8")
    return process.returncode, text


def said(*command, **options):
    """The first line of what the command writes, or ""."""
    try:
        return (run(*command, **options)[1].splitlines() or [""])[0].strip()
    except OSError:
        return ""


def complaint(text):
    """The first error of a log, or its last line."""
    error = re.search(r"^.*?\b((error|E|FAILED)\b.*|not ok .*|make.* \*\*\*.*)$", text, re.MULTILINE | re.IGNORECASE)
    return error[0] if error else last_line(text)


def cargo_error(text):
    """The first error of cargo's, with the lines that say where."""
    error = re.search(r"^error.*(\n.*){0,3}", text, re.MULTILINE)
    return re.sub(r"\s+", " ", error[0]) if error else ""


def require(*tools):
    status, text = run("scripts/require-tools", *tools)
    if status:
        raise Unavailable(last_line(text).replace("require-tools: ", "", 1))


def script(*command):
    """The path that a script prints, or what it says of why there is none."""
    status, text = run(*command, stderr=None)
    line = last_line(text)
    if status:
        raise Unavailable(line.replace("skipped: ", "", 1))
    return pathlib.Path(line)


def root_folder(release, *packages):
    return script("scripts/root-folder", release, *packages)


def debian_package(release, package):
    return script("scripts/debian-package", release, package)


def chroot_run(root, folder, *command, options=(), within=(), **more):
    return run(*within, "scripts/chroot-run", *options, root, folder, *command, **more)


def distribution(root, release):
    """ "Debian 12 bookworm" or "Ubuntu 22.04 jammy", without the number where there is none yet."""
    said_there = dict(re.findall(r'^(\w+)="(.*)"$', (root / "etc/os-release").read_text(), re.MULTILINE))
    return " ".join([said_there["NAME"].split()[0], *said_there.get("VERSION_ID", "").split(), release])


def glibc_of(root):
    return said("chroot", root, "ldd", "--version").split()[-1]


def version(text):
    """For comparisons."""
    return [int(number) for number in re.findall(r"\d+", text)]


def fresh(folder):
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


def copy(folder, *names):
    """Parts of the tree, into a folder."""
    for name in names:
        source, to = TOP / name, folder / name
        if source.is_dir():
            shutil.copytree(source, to, symlinks=True, dirs_exist_ok=True)
        else:
            shutil.copy2(source, to)


def stage(folder, libraries):
    """A working folder with what the suite takes, and the libraries."""
    fresh(folder)
    shutil.copytree(libraries, folder / "build/lib", symlinks=True)
    copy(folder, "build/include", "tests-c", "examples", "scripts")
    # As a program of the suite among the others.
    shutil.copy2(TOP / "tests-c/environments/matrix/bound.c", folder / "tests-c/suite/tst-bound.c")
    return folder


def vendored(folder, manifest="Cargo.toml", core=None):
    """The sources' crates, in the folder, so that nothing is fetched in a root folder; with the manifest of Rust's own
    library those too that cargo looks for to build core.
    """
    (folder / ".cargo").mkdir(parents=True, exist_ok=True)
    command = ["env", "RUSTC_BOOTSTRAP=1", *CARGO] if core else CARGO
    status, text = run(*command, "vendor", "--locked", "--manifest-path", manifest, *(["--sync", core] if core else []),
                       folder / "vendor", log=f"{folder}.log")
    if status:
        raise Unavailable(f"the crates cannot be fetched: {last_line(text)}")
    (folder / ".cargo/config.toml").write_text(
        '[source.crates-io]\nreplace-with = "vendored"\n[source.vendored]\ndirectory = "vendor"\n')


def sources(folder, core=None):
    copy(fresh(folder), "Cargo.toml", "Cargo.lock", "build.rs", "src", "tests", "packaging", "include",
         "scripts")
    vendored(folder, core=core)


def libraries(root, folder, built, to, tools=""):
    """The libraries that cargo left in a folder of the sources, as the suite looks for them."""
    fresh(to)
    shutil.copy2(folder / built / "libpidfd_spawn_c.so", to / "libpidfd_spawn.so.0")
    (to / "libpidfd_spawn.so").symlink_to("libpidfd_spawn.so.0")
    status, _ = chroot_run(root, folder, "env", f"CC={tools}gcc", f"TOOLS={tools}", "scripts/static-archive",
                           f"{built}/libpidfd_spawn_c.a", "target/libpidfd_spawn.a")
    if status == 0:
        shutil.copy2(folder / "target/libpidfd_spawn.a", to)


def suite(results, environment, label, place, folder, compiler, mode, *programs, **options):
    """Runs the suite in one mode and records it.  The place is a root folder, or None for this machine."""
    command = ("scripts/tap", "tests-c/environments/matrix/suite", compiler, mode, *programs)
    log = folder / f"{re.sub('[^A-Za-z0-9.]+', '-', label)}.log"
    if place is None:
        status, text = run(*command, cwd=folder, log=log, **options)
    else:
        # Nothing of the environment gets there by itself.
        status, text = chroot_run(place, folder, "env", "TEST_QUICK=1", *command, log=log, **options)
    for line in re.findall(r"^# bound: .*$", text, re.MULTILINE):
        print(line)
    results.counted(environment, label, Tally(text, status))


def side_by_side(results, names, known, check, jobs, keep=lambda _, rows: rows):
    """Runs check(part, name) for each name, `jobs` of them at the same time.  Each has a table of its own, whose rows
    are keep(those of before, those of now); the results are those of all that are known, whenever they were tried.
    """

    def table(name):
        return BUILD / f"results/{results.area}/{name}.tsv"

    def rows(name):
        return table(name).read_text(encoding="utf-8").splitlines() if table(name).exists() else []

    def one(name):
        part = Results(results.area)
        try:
            check(part, name)
        except Unavailable as why:
            part.unavailable(name, "all", why)
        except Exception as error:  # so that the others are recorded all the same
            part.check(name, "all", False, f"it left no result: {error!r}")
        part.rows = keep(rows(name), part.rows)
        part.write(table(name))
        return part.total

    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        for name, total in zip(names, pool.map(one, names)):
            if os.environ.get("STRICT") and not total.passed and not total.failed:
                print(f"FAILED  {name}: nothing of it could be tried", flush=True)
                total.fail("nothing of it could be tried")
            results.total.add(total)
    results.rows += [row for name in known for row in rows(name)]
