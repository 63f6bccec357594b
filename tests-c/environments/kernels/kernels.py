"""The C suite on the kernels of other Debian releases, each in a virtual machine; and, on this one, what older kernels
get.  See README.md.
"""

import re
import shutil
import subprocess

import machine
import places
from places import BUILD, TOP, Unavailable, run, said
from restricted.restricted import ONCE, programs_by
from results import Tally

WORK = BUILD / "kernels"
TESTS = BUILD / "tests"
SCRIPT = "tests-c/environments/kernels/kernel"
RELEASES = {"bullseye": "11", "bookworm": "12", "trixie": "13", "newest": "testing or newer"}
# Where the newest kernel is looked for: the first of them whose kernel has everything that the library can ask for.
NEWEST = ("testing", "unstable", "experimental")
FIRST_WITH_ALL = "7.1"


def libraries_of(program):
    """The libraries that a program is loaded with, and the loader."""
    return re.findall(r"(?:^|=>)\s*(/\S+) \(", run("ldd", program)[1], re.MULTILINE)


def make_initramfs(patterns):
    """Busybox, this machine's C library, the library under test and the programs of both modes."""
    tree = WORK / "root"
    machine.new_tree(tree, shutil.which("busybox"))
    for program in machine.REAL_PROGRAMS:
        shutil.copy(f"/bin/{program}", tree / "bin" / program)
    # $ORIGIN/../../lib is where the programs look for the library.
    for library in (BUILD / "lib").glob("libpidfd_spawn.so*"):
        shutil.copy2(library, tree / "suite/lib", follow_symlinks=False)
    for folder, mode in ((TESTS / "linked", "linked"), (WORK / "musl", "static")):
        to = tree / "suite/tests" / mode
        to.mkdir()
        for program in {path for pattern in patterns for path in folder.glob(pattern)}:
            if not program.suffix:
                shutil.copy2(program, to)
    # glibc loads libgcc_s to cancel a thread, and a test libm.
    files = {said("cc", f"-print-file-name={name}") for name in ("libgcc_s.so.1", "libm.so.6")}
    for program in [*(tree / "suite/tests/linked").iterdir(), *(f"/bin/{name}" for name in machine.REAL_PROGRAMS)]:
        files.update(libraries_of(program))
    for file in sorted(files):
        if "/libpidfd_spawn" not in file:
            to = tree / file.lstrip("/")
            to.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(file, to)
    machine.pack_tree(tree, WORK / "initramfs")


def not_built():
    """The programs that could not be built for musl."""
    tally = Tally()
    for source in sorted((TOP / "tests-c/suite").glob("tst-*.c")):
        if not (WORK / "musl" / source.stem).exists():
            log = WORK / f"musl/{source.stem}.log"
            error = re.search(r"error: .*", log.read_text()) if log.exists() else None
            tally.skip(f"not built with musl: {error[0] if error else 'no log'}")
    return tally


def version_of(kernel):
    """The image says from which sources it was built."""
    found = re.search(rb"Debian (\d+\.[0-9.]+[0-9])", kernel.read_bytes())
    return found[1].decode() if found else "unknown"


def image_of(release):
    """The kernel, and the release that it is from."""
    if release != "newest":
        return places.script(SCRIPT, release), release
    found = []
    for release in NEWEST:
        kernel = places.script(SCRIPT, release)
        found.append(version_of(kernel))
        if places.version(found[-1]) >= places.version(FIRST_WITH_ALL):
            return kernel, release
    raise Unavailable(f"the newest kernels are {', '.join(found)}, all older than {FIRST_WITH_ALL}")


def start(release, limit, modes):
    """Begins to boot its kernel."""
    folder = places.fresh(WORK / release)
    kernel, origin = image_of(release)
    # Emulated in software, so that it is the same wherever it runs; that is slow, hence the time limits.
    with open(folder / "qemu", "wb") as log:
        process = subprocess.Popen(
            ["timeout", "-k", "5", str(limit), "qemu-system-x86_64", "-accel", "tcg", "-cpu", "max", "-smp", "2", "-m",
             "1024", "-no-reboot", "-nodefaults", "-display", "none", "-serial", f"file:{folder}/console", "-serial",
             f"file:{folder}/results", "-kernel", kernel, "-initrd", WORK / "initramfs", "-append",
             f"console=ttyS0 panic=-1 MODES={','.join(modes)} TEST_TIME_LIMIT=300 PROGRAM_TIME_LIMIT=1200"],
            stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT)
    return f"Linux {version_of(kernel)} (Debian {RELEASES.get(origin, origin)})", process


def finish(results, release, labels, name, process, limit):
    status = process.wait()
    folder = WORK / release

    def text(file):
        path = folder / file
        return path.read_text(errors="replace").replace("\r", "") if path.exists() else ""

    ended = (f"no end after {limit} s" if status in (124, 137) else "it ended",
             f"{machine.last_words(text('console'))} {text('qemu').strip()}")
    modes = {mode: (name, label, Tally()) for mode, label in labels.items()}
    if "static" in modes:
        if (WORK / "musl").is_dir():
            modes["static"][2].add(not_built())
        else:
            del modes["static"]
            results.unavailable(name, "static musl", "musl-gcc is not installed")
    machine.account(results, modes, text("results"), ended)


def in_machines(results, releases, limit, modes=("linked", "static"), patterns=("tst-*",)):
    # The program says its version when it is run without one to load.
    musl = re.search(r"^Version (.*)$", run("sh", "-c", '"/lib/ld-musl-$(uname -m).so.1" || true')[1], re.MULTILINE)
    labels = {"linked": f"linked glibc {said('getconf', 'GNU_LIBC_VERSION').split()[-1]}",
              "static": f"static musl {musl[1] if musl else ''}".strip()}
    labels = {mode: labels[mode] for mode in modes}
    try:
        if said("uname", "-m") != "x86_64":
            raise Unavailable(f"not on {said('uname', '-m')} yet")
        places.require("qemu-system-x86_64", "busybox", "cpio")
    except Unavailable as why:
        results.unavailable("kernels of Debian", labels["linked"], why)
        return
    make_initramfs(patterns)
    started = {}
    try:
        for release in releases:
            try:
                started[release] = start(release, limit, modes)
            except Unavailable as why:
                for label in labels.values():
                    results.unavailable(f"Linux of Debian {RELEASES.get(release, release)}", label, why)
        for release, (name, process) in started.items():
            finish(results, release, labels, name, process, limit)
    finally:
        for _, process in started.values():
            process.terminate()


# What each kernel lacks; each lacks what the ones before it lack as well.  438 is pidfd_getfd, 424 pidfd_send_signal, 3
# P_PIDFD.  CLONE_PIDFD cannot be passed over, as before Linux 5.2, but is refused.  EXPECT is as in tst-environment.c.
NONE = "spawn=ENOSYS fork=ENOSYS wait=ENOSYS"
OLDER = (
    ("Linux 5.8", "", ("tst-*",), ("ioctl:1=0xc040ff0b:ENOTTY", "close_range=ENOSYS")),
    # CLONE_INTO_CGROUP (5.7) cannot be refused alone.
    ("Linux 5.4", "", ("tst-[!c]*", "tst-c[!g]*"), ("438=ENOSYS", "clone3:1=64:EINVAL")),
    ("Linux 5.3", NONE, ("tst-environment",), ("waitid:0=3:EINVAL",)),
    ("Linux 5.2", NONE, ("tst-environment",), ("clone3=ENOSYS", "pidfd_open=ENOSYS")),
    ("Linux 5.1", NONE, ("tst-environment",), ("clone:0&0x1000:EINVAL",)),
    ("Linux 4.19", NONE, ("tst-environment",), ("424=ENOSYS",)),
)


def add_time_limit(parser):
    parser.add_argument("--vm-time-limit", type=int, default=2400, metavar="SECONDS")


def add_arguments(parser):
    parser.add_argument("releases", nargs="*", default=list(RELEASES), metavar="release")
    add_time_limit(parser)


def kernels(results, arguments):
    WORK.mkdir(parents=True, exist_ok=True)
    in_machines(results, arguments.releases, arguments.vm_time_limit)
    rules = []
    for label, expect, patterns, lacks in OLDER:
        rules += lacks
        command = ("env", f"EXPECT={expect}", TESTS / "seccomp-deny", *rules, "--")
        results.counted(label, "linked, imitated", programs_by(command, patterns, ONCE if expect else ()))


# What can be asked only of a kernel that has everything, and what a kernel of tomorrow may change first.
FOR_NEWEST = ("tst-environment", "tst-ext-autoreap", "tst-ext-user*", "tst-pidfd", "tst-wait*")


def newest(results, arguments):
    WORK.mkdir(parents=True, exist_ok=True)
    in_machines(results, ("newest",), arguments.vm_time_limit, ("linked",), FOR_NEWEST)
