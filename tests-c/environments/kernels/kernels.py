"""The C suite, the fault injection and the soak on other kernels, each in a virtual machine, and on this one; and, on
this one, what older kernels get.  See README.md.
"""

import os
import re
import shutil

import machine
import places
from places import BUILD, TOP, Unavailable, run, said
from restricted.restricted import ONCE, programs_by
from results import Tally

WORK = BUILD / "kernels"
SCRIPT = "tests-c/environments/kernels/kernel"
MODES = ("linked", "static", "faults", "soak")
# What is one program.
PROGRAM = {"faults": "fault", "soak": "soak"}
# A release, what of it the script is asked for, and what the two are called.
KERNELS = {
    "5.4": ("focal-updates", "linux-image-virtual", "Ubuntu 20.04"),
    "5.10": ("bullseye", "", "Debian 11"),
    "6.1": ("bookworm", "", "Debian 12"),
    "6.12": ("trixie", "", "Debian 13"),
    "6.14": ("noble-updates", "linux-image-virtual-6.14", "Ubuntu 24.04"),
    "6.16": ("trixie-backports", "6.16", "Debian 13 backports"),
    "6.18": ("trixie-backports", "6.18", "Debian 13 backports"),
}
# Where the newest kernel is looked for: the first of them whose kernel has everything that the library can ask for.
NEWEST = (("trixie-backports", "", "Debian 13 backports"), ("testing", "", "Debian testing"),
          ("unstable", "", "Debian unstable"), ("experimental", "", "Debian experimental"))
FIRST_WITH_ALL = "7.1"


def libraries_of(program):
    """The libraries that a program is loaded with, and the loader."""
    return re.findall(r"(?:^|=>)\s*(/\S+) \(", run("ldd", program)[1], re.MULTILINE)


def folder_of(mode):
    """Where its programs were built."""
    return BUILD / {"linked": "tests/linked", "static": "kernels/musl", "faults": "fault", "soak": "soak"}[mode]


def make_initramfs(modes, patterns):
    """Busybox, this machine's C library, the library under test and the programs of the modes."""
    tree = WORK / "root"
    machine.new_tree(tree, shutil.which("busybox"))
    for program in machine.REAL_PROGRAMS:
        shutil.copy(f"/bin/{program}", tree / "bin" / program)
    # $ORIGIN/../../lib is where the programs look for the library, or $ORIGIN/../lib.
    for library in (BUILD / "lib").glob("libpidfd_spawn.so*"):
        shutil.copy2(library, tree / "suite/lib", follow_symlinks=False)
    (tree / "suite/tests/lib").symlink_to("../lib")
    for mode in modes:
        to = tree / "suite/tests" / mode
        to.mkdir()
        if mode in PROGRAM:
            shutil.copy2(folder_of(mode) / PROGRAM[mode], to / f"tst-{PROGRAM[mode]}")
            shutil.copy2(folder_of(mode) / "child", to)
            continue
        for program in {path for pattern in patterns for path in folder_of(mode).glob(pattern)}:
            if not program.suffix:
                shutil.copy2(program, to)
    # glibc loads libgcc_s to cancel a thread, and a test libm.
    files = {said("cc", f"-print-file-name={name}") for name in ("libgcc_s.so.1", "libm.so.6")}
    for program in [*(tree / "suite/tests").glob("*/tst-*"), *(f"/bin/{name}" for name in machine.REAL_PROGRAMS)]:
        files.update(libraries_of(program))
    for file in sorted(files):
        if "/libpidfd_spawn" not in file:
            to = tree / file.lstrip("/")
            to.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(file, to)
    machine.pack_tree(tree, WORK / "initramfs")


def version_of(kernel):
    """The image says from which sources it was built."""
    found = re.search(rb"Debian (\d+(?:\.\d+)+)|(\d+\.\d+\.\d+-\d+)-generic", kernel.read_bytes())
    return (found[1] or found[2]).decode() if found else "unknown"


def image_of(name):
    """The kernel, and what the release is called.  A name that is none of ours is that of a release of Debian."""
    def fetched(release, what, words):
        return places.script(SCRIPT, release, *([what] if what else [])), words

    if name != "newest":
        return fetched(*KERNELS.get(name, (name, "", f"Debian {name}")))
    found = []
    for candidate in NEWEST:
        try:
            kernel, words = fetched(*candidate)
        except Unavailable as why:
            found.append(str(why))
            continue
        version = version_of(kernel)
        if places.version(version) >= places.version(FIRST_WITH_ALL):
            return kernel, words
        found.append(f"{words} has {version}")
    raise Unavailable(f"no kernel from {FIRST_WITH_ALL} on: {'; '.join(found)}")


def labels_of(modes):
    # The program says its version when it is run without one to load.
    musl = re.search(r"^Version (.*)$", run("sh", "-c", '"/lib/ld-musl-$(uname -m).so.1" || true')[1], re.MULTILINE)
    glibc = f"glibc {said('getconf', 'GNU_LIBC_VERSION').split()[-1]}"
    labels = {"linked": f"linked {glibc}", "static": f"static musl {musl[1] if musl else ''}".strip(),
              "faults": f"faults, {glibc}", "soak": f"soak, {glibc}"}
    return {mode: labels[mode] for mode in modes}


def rows_of(results, name, labels):
    """An environment and a label for each mode that was built."""
    modes = {mode: (name, label) for mode, label in labels.items()}
    if "static" in modes and not folder_of("static").is_dir():
        del modes["static"]
        results.unavailable(name, "static musl", "musl-gcc is not installed")
    return modes


def in_machine(results, name, labels, limit):
    try:
        kernel, words = image_of(name)
    except Unavailable as why:
        for label in labels.values():
            results.unavailable(f"Linux {name}", label, why)
        return
    folder = places.fresh(WORK / name)
    # Emulated in software, so that it is the same wherever it runs; that is slow, hence the time limits.
    status, said_by_qemu = run(
        "timeout", "-k", "5", limit, "setpriv", "--pdeathsig", "KILL", "qemu-system-x86_64", "-accel", "tcg", "-cpu",
        "max", "-smp", "2", "-m", "1024", "-no-reboot", "-nodefaults", "-display", "none", "-serial",
        f"file:{folder}/console", "-serial", f"file:{folder}/results", "-kernel", kernel, "-initrd",
        WORK / "initramfs", "-append",
        f"console=ttyS0 panic=-1 MODES={','.join(labels)} TEST_QUICK=1 TEST_TIME_LIMIT=1200 PROGRAM_TIME_LIMIT={limit}",
        log=folder / "qemu")

    def text(file):
        path = folder / file
        return path.read_text(errors="replace").replace("\r", "") if path.exists() else ""

    ended = (f"no end after {limit} s" if status in (124, 137) else "it ended",
             f"{machine.last_words(text('console'))} {said_by_qemu.strip()}")
    modes = rows_of(results, f"Linux {version_of(kernel)} ({words})", labels)
    machine.account(results, modes, text("results"), ended)


def machines(modes, limit, patterns):
    """The check of one kernel; what all of them boot is made at once."""
    labels = labels_of(modes)
    try:
        if said("uname", "-m") != "x86_64":
            raise Unavailable(f"not on {said('uname', '-m')} yet")
        places.require("qemu-system-x86_64", "busybox", "cpio")
    except Unavailable as error:
        why = str(error)
        return lambda results, name: [results.unavailable(f"Linux {name}", label, why) for label in labels.values()]
    make_initramfs(modes, patterns)
    return lambda results, name: in_machine(results, name, labels, limit)


def natively(results, modes):
    modes = rows_of(results, f"Linux {os.uname().release}, this machine", labels_of(modes))
    for mode, (name, label) in modes.items():
        programs = [PROGRAM[mode]] if mode in PROGRAM else [
            source.stem for source in sorted((TOP / "tests-c/suite").glob("tst-*.c"))]
        status, text = run("tests-c/suite/run", BUILD / "lib/libpidfd_spawn.so",
                           *(folder_of(mode) / program for program in programs))
        results.counted(name, label, Tally(text, status))


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
# The bits that PIDFD_GET_INFO knew: process, credentials and cgroup, and then the exit status.
OLDER_INFO = (("Linux 6.15", 0xf), ("Linux 6.13", 0x7))
FOR_INFO = ("tst-environment", "tst-getpid-ioctl", "tst-pidfd_getpid", "tst-wait*")


def imitated(results):
    for label, known in OLDER_INFO:
        results.counted(f"PIDFD_GET_INFO of {label}", "linked, imitated",
                        programs_by((WORK / "older-info", known), FOR_INFO))
    rules = []
    for label, expect, patterns, lacks in OLDER:
        rules += lacks
        command = ("env", f"EXPECT={expect}", BUILD / "tests/seccomp-deny", *rules, "--")
        results.counted(label, "linked, imitated", programs_by(command, patterns, ONCE if expect else ()))


def keep(before, rows):
    """With the rows of the modes that were not tried this time; "all" is none."""
    modes = (*MODES, "all")

    def mode(row):
        return re.match(r"\w+", row.split("\t")[2])[0]

    tried = {"all", *map(mode, rows)}
    return sorted([row for row in before if mode(row) not in tried] + rows, key=lambda row: modes.index(mode(row)))


def add_time_limit(parser):
    parser.add_argument("--vm-time-limit", type=int, default=14400, metavar="SECONDS")


def add_arguments(parser):
    parser.add_argument("kernels", nargs="*", default=list(NAMES), metavar="kernel",
                        help=f"some of {', '.join(NAMES)}, or the kernels of other releases of Debian")
    parser.add_argument("--modes", type=str.split, default=MODES, help="the modes of use, if not all")
    parser.add_argument("--programs", type=str.split, help="the programs of the suite, if not all")
    add_time_limit(parser)


NAMES = (*KERNELS, "newest", "native", "imitated")


def kernels(results, arguments):
    """The rows of what is not tried this time stay in the table; those of some programs do not get there."""
    WORK.mkdir(parents=True, exist_ok=True)
    check = {"native": lambda part, _: natively(part, arguments.modes), "imitated": lambda part, _: imitated(part)}
    in_machines = [name for name in arguments.kernels if name not in check]
    if in_machines:
        check.update(dict.fromkeys(in_machines, machines(arguments.modes, arguments.vm_time_limit,
                                                         arguments.programs or ("tst-*",))))
    places.side_by_side(results, arguments.kernels, dict.fromkeys((*NAMES, *arguments.kernels)),
                        lambda part, name: check[name](part, name), arguments.jobs,
                        (lambda before, _: before) if arguments.programs else keep)


# What can be asked only of a kernel that has everything, and what a kernel of tomorrow may change first.
FOR_NEWEST = ("tst-environment", "tst-ext-autoreap", "tst-ext-user*", "tst-pidfd", "tst-wait*")


def newest(results, arguments):
    WORK.mkdir(parents=True, exist_ok=True)
    machines(("linked",), arguments.vm_time_limit, FOR_NEWEST)(results, "newest")
