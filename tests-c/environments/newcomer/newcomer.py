"""The README's two commands, typed where newcomers type them.  See README.md.

Working folders and transcripts: build/newcomer/.
"""

import os
import re
import shutil

import places
from places import BUILD, TOP, Unavailable, run

WORK = BUILD / "newcomer"
COMMANDS = "make demo, make check"


def checkout(folder):
    """What is committed, as git clone makes it."""
    places.fresh(folder)
    if run("git", "clone", "-q", "--no-hardlinks", ".", folder / "libpidfd_spawn", log=folder / "log")[0]:
        raise Unavailable("this is no git checkout")


def judge(results, name, transcript, text):
    """What a transcript says."""
    transcript.write_text(text, encoding="utf-8")
    checks = re.findall(r"^check: .*$", text, re.MULTILINE)
    if places.last_line(text) == "done":
        results.check(name, COMMANDS, True, checks[-1] if checks else "")
    else:
        lines = [line for line in text.splitlines() if line and not line.startswith("#")]
        results.check(name, COMMANDS, False, f"{(checks or lines or ['nothing'])[-1]}; see {transcript}")


def session(folder, root, options, *arguments):
    shutil.copy2(TOP / "tests-c/environments/newcomer/session", folder)
    status, text = places.chroot_run(root, folder, "./session", *arguments, options=("--fresh", *options),
                                     log=f"{folder}.transcript")
    if status == 77:
        raise Unavailable(places.last_line(text).replace("skipped: ", "", 1))
    return text


def bare(release, folder, who, *commands):
    """The root folder has make and nothing else.  Returns what it is called, and what was answered."""
    root = places.root_folder(f"{release}+newcomer", "make", "ca-certificates")
    checkout(folder)
    for file, to in (("/etc/ssl/certs/ca-certificates.crt", folder / "certificates"),
                     ("/etc/resolv.conf", root / "etc"), ("/etc/hosts", root / "etc")):
        if os.path.exists(file):
            shutil.copy(file, to)
    return (f"bare {places.distribution(root, release)}, as {who}",
            session(folder, root, (), who, "libpidfd_spawn", *commands))


def debian(results, release, who):
    folder = WORK / f"{release}-{who}"
    name, text = bare(release, folder, who)
    judge(results, name, WORK / f"{release}-{who}.transcript", text)


def tools(results):
    """What of check-dev depends on the version of a compiler or of groff most, with those of Debian 13."""
    parts = ("check-man", "check-modes", "check-warnings", "check-install")
    name, text = bare("trixie", WORK / "tools", "root", *(f"make {part}" for part in parts))
    for part in parts:
        found = re.search(rf"^.*\$ make {part}$(.*?)^# status (\d+),", text, re.MULTILINE | re.DOTALL)
        said = found[1] if found else ""
        counts = re.findall(r"^.* passed, .*$", said, re.MULTILINE)
        results.check(name, "with its clang and groff", bool(found) and found[2] == "0" and bool(counts),
                      f"make {part}: {counts[-1] if counts else places.last_line(said)}")


def tarball(results):
    """The release tarball: no network, and a chroot where "/" is no mount point."""
    name = "release tarball, Debian bookworm, no network, a plain chroot"
    root = places.root_folder("bookworm+packages", "build-essential", "cargo", "rustc", "bats")
    folder = places.fresh(WORK / "tarball")
    product = f"libpidfd_spawn-{places.VERSION}"
    status, text = run("packaging/dist", places.VERSION, folder, log=folder / "log")
    if status or run("tar", "-xf", folder / f"{product}.tar.xz", "-C", folder)[0]:
        raise Unavailable(f"no tarball: {places.last_line(text)}")
    text = session(folder, root, ("--offline", "--plain"), "root", product)
    judge(results, name, WORK / "tarball.transcript", text)


def habits(results):
    """Here, in a path with a space, by a developer with habits."""
    name = "this machine, a path with a space, CARGO_TARGET_DIR, CARGO_BUILD_TARGET, RUSTFLAGS"
    checkout(WORK / "with a space")
    # Of the make and of the driver that run this.
    not_theirs = ("MAKEFLAGS", "MFLAGS", "MAKELEVEL", "TEST_QUICK", "LC_ALL", "LANGUAGE")
    environment = {key: value for key, value in os.environ.items() if key not in not_theirs}
    environment.update(CARGO_TARGET_DIR=str(WORK / "elsewhere"), CARGO_BUILD_TARGET="wasm32-unknown-unknown",
                       RUSTFLAGS="-C target-cpu=native -C debuginfo=1 --cfg habit")
    text = ""
    for command in ("make all demo", "make check"):
        status, answer = run(*command.split(), cwd=WORK / "with a space/libpidfd_spawn", env=environment)
        text += f"$ {command}\n{answer}"
        if status:
            break
    else:
        text += "done\n"
    judge(results, name, WORK / "habits.transcript", text)


PLACES = {
    "debian-bookworm-root": lambda results: debian(results, "bookworm", "root"),
    "debian-trixie-root": lambda results: debian(results, "trixie", "root"),
    "debian-bookworm-user": lambda results: debian(results, "bookworm", "user"),
    "debian-trixie-user": lambda results: debian(results, "trixie", "user"),
    "tarball": tarball,
    "habits": habits,
    "tools": tools,
}


def add_arguments(parser):
    parser.add_argument("places", nargs="*", metavar="place", help="some of: " + ", ".join(PLACES))


def newcomer(results, arguments):
    WORK.mkdir(parents=True, exist_ok=True)
    places.side_by_side(results, arguments.places or list(PLACES), PLACES, lambda part, name: PLACES[name](part),
                        arguments.jobs)
