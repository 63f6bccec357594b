"""The library and the C suite for other architectures: built here, and run natively, under qemu-user, and on Debian's
kernel of the architecture under qemu-system.  See README.md.
"""

import collections
import re
import shutil

import machine
import places
from places import BUILD, TOP, Unavailable, chroot_run, run, said
from results import Tally

WORK = BUILD / "arch"
MODES = ("linked", "preloaded", "fallback", "static", "reference")
# The programs that can be asked under qemu-user.
FOR_QEMU_USER = ("tst-bound", "tst-cancel", "tst-ext-arguments", "tst-fork-failures", "tst-memory", "tst-path",
                 "tst-spawn2-pidfd", "tst-spawn4-pidfd")

NOT_UNDER_QEMU_USER = {
    "fallback": "qemu-user has no seccomp filters, and no clone3 in any mode",
    "reference": "qemu-user copies memory that is to be shared: the libc's posix_spawn tells no errors",
}
# A program of the architecture.
SAMPLE = "build/tests/reference/tst-path"

# What the tools call an architecture; the kernel's package, with its architecture if that is another, and the machine
# that boots it; the releases to try; and whether Debian ships the architecture's own packages, Rust's library among
# them, or those of the cross compiler alone.
Architecture = collections.namedtuple(
    "Architecture", "gnu rust user kernel system console packages releases ships",
    defaults=("", "", "", "", (), ("trixie", "testing"), True))
PORT = {"releases": ("testing", "trixie"), "ships": False}
MIPS_PORT = {"releases": ("trixie",), "ships": False}
MIPS = {"releases": ("bookworm",), "console": "ttyS0", "packages": ("qemu-system-mips",)}
ARCHITECTURES = {
    "i386": Architecture("i686-linux-gnu", "i686-unknown-linux-gnu"),
    "arm64": Architecture("aarch64-linux-gnu", "aarch64-unknown-linux-gnu", "qemu-aarch64", "linux-image-arm64",
                          "qemu-system-aarch64 -machine virt -cpu cortex-a72", "ttyAMA0", ("qemu-system-arm",)),
    "armhf": Architecture("arm-linux-gnueabihf", "armv7-unknown-linux-gnueabihf", "qemu-arm", "linux-image-armmp",
                          "qemu-system-arm -machine virt -cpu cortex-a15", "ttyAMA0", ("qemu-system-arm",)),
    # Debian's own kernel of it is for the first Raspberry Pi, and crashes in qemu's (bcm2835_power_probe).
    "armel": Architecture("arm-linux-gnueabi", "armv5te-unknown-linux-gnueabi", "qemu-arm", "linux-image-armmp:armhf",
                          "qemu-system-arm -machine virt -cpu cortex-a15", "ttyAMA0", ("qemu-system-arm",),
                          releases=("bookworm", "trixie")),
    "riscv64": Architecture("riscv64-linux-gnu", "riscv64gc-unknown-linux-gnu", "qemu-riscv64", "linux-image-riscv64",
                            "qemu-system-riscv64 -machine virt", "ttyS0", ("qemu-system-riscv", "opensbi")),
    "loong64": Architecture("loongarch64-linux-gnu", "loongarch64-unknown-linux-gnu", "qemu-loongarch64",
                            "linux-image-loong64", "qemu-system-loongarch64 -machine virt",
                            # Without firmware nobody tells Linux that there is no keyboard controller to look at.
                            "ttyS0 initcall_blacklist=i8042_init",
                            ("qemu-system-misc",), releases=("testing",)),
    "ppc64el": Architecture("powerpc64le-linux-gnu", "powerpc64le-unknown-linux-gnu", "qemu-ppc64le",
                            "linux-image-powerpc64le",
                            "qemu-system-ppc64 -machine pseries -cpu power9 -vga none", "hvc0", ("qemu-system-ppc",)),
    "s390x": Architecture("s390x-linux-gnu", "s390x-unknown-linux-gnu", "qemu-s390x", "linux-image-s390x",
                          "qemu-system-s390x -machine s390-ccw-virtio -cpu max", "ttysclp0", ("qemu-system-s390x",)),
    "ppc64": Architecture("powerpc64-linux-gnu", "powerpc64-unknown-linux-gnu", "qemu-ppc64", **PORT),
    "powerpc": Architecture("powerpc-linux-gnu", "powerpc-unknown-linux-gnu", "qemu-ppc", **PORT),
    "sparc64": Architecture("sparc64-linux-gnu", "sparc64-unknown-linux-gnu", "qemu-sparc64", **PORT),
    "mips64el": Architecture("mips64el-linux-gnuabi64", "mips64el-unknown-linux-gnuabi64", "qemu-mips64el",
                             "linux-image-5kc-malta",
                             "qemu-system-mips64el -machine malta -cpu MIPS64R2-generic -vga none -smp 1", **MIPS),
    "mipsel": Architecture("mipsel-linux-gnu", "mipsel-unknown-linux-gnu", "qemu-mipsel", "linux-image-4kc-malta",
                           "qemu-system-mipsel -machine malta -cpu 24Kf -vga none -smp 1", **MIPS),
    "mips64": Architecture("mips64-linux-gnuabi64", "mips64-unknown-linux-gnuabi64", "qemu-mips64", **MIPS_PORT),
    "mips": Architecture("mips-linux-gnu", "mips-unknown-linux-gnu", "qemu-mips", **MIPS_PORT),
}
# Where glibc has the interface too, and why it is not tried; docs/kernel-features.md says what a port would take.
NOT_TO_BE_HAD = {
    "x32": "the build stops; its programs need a kernel that was built for them",
    "m68k": "the build stops; LLVM cannot compile core for it",
    **dict.fromkeys(("riscv32", "csky", "sparc"),
                    "it compiles with generic.rs; Debian has no C library to run it with"),
    **dict.fromkeys(("alpha", "hppa", "sh", "arc", "ia64", "nios2", "microblaze", "or1k"),
                    "rustc has no backend for it"),
}


def debians_name(name):
    """Of an architecture, from that or from what uname says."""
    if re.fullmatch(r"i[3-6]86", name):
        return "i386"
    if name == "arm" or name.startswith("armv7"):
        return "armhf"
    return {"aarch64": "arm64", "armv5tel": "armel", "armv6l": "armel", "ppc64le": "ppc64el", "powerpc64le": "ppc64el",
            "ppc": "powerpc", "loongarch64": "loong64"}.get(name, name)


class Check:
    """One architecture."""

    def __init__(self, results, arch, arguments):
        self.results, self.arch, self.arguments = results, arch, arguments
        self.about = ARCHITECTURES[arch]
        self.work = WORK / arch
        self.tests = self.work / "suite"
        self.programs = self.work / "programs"
        # Where there are none of the architecture the tests start the machine's.
        self.options = ("--programs", self.programs) if self.about.ships else ()
        self.name = arch

    def root_folder(self):
        """The first of the releases whose packages are available: the index of a foreign architecture may be behind on
        a mirror.
        """
        arch, about = self.arch, self.about
        own = [f"libstd-rust-dev:{arch}", f"libc6:{arch}", f"libgcc-s1:{arch}"] if about.ships else ["rust-src"]
        for release in self.arguments.releases or about.releases:
            try:
                self.root = places.root_folder(
                    f"{release}+cross", "gcc", "libc6-dev", "make", "rustc", "cargo", f"gcc-{about.gnu}",
                    f"libc6-dev-{arch}-cross", *own, *about.packages)
                self.release = release
                return
            except Unavailable as why:
                reason = why
        raise reason

    def name_loader(self):
        """The cross compiler's C library has a folder of its own.  The loader needs the name that it has in programs,
        and looks where an architecture's own packages have their libraries.
        """
        loader = re.search(r"interpreter: (.*)\]", run("readelf", "-lW", self.tests / SAMPLE)[1])
        if not loader:
            raise Unavailable("no program of the suite was built")
        run("chroot", self.root, "sh", "-c",
            'ln -sf "$1"/lib/*.so.* "$2/"; for loader in "$1"/lib*/"${3##*/}"; do ln -sf "$loader" "$3"; done', "sh",
            f"/usr/{self.about.gnu}", f"/usr/lib/{self.about.gnu}", loader[1])

    def make(self, *targets, log):
        return chroot_run(self.root, self.tests, "make", "-s", "-k", "-j2", "-f",
                          "tests-c/environments/matrix/suite.mk", f"CC={self.about.gnu}-gcc", *targets, log=log)

    def build_library(self):
        """Without it the suite shows only that it is right itself."""
        folder = self.work / "crate"
        places.fresh(self.work)
        core = None
        if not self.about.ships:
            core = next((self.root / "usr/src").glob("rustc-*/library/sysroot/Cargo.toml"), None)
        try:
            places.sources(folder, core)
        except Unavailable as why:
            self.results.unavailable(self.name, "library", why)
            return
        gnu, rust = self.about.gnu, self.about.rust
        variable = rust.replace("-", "_")
        unstable, why = [], ""
        # As scripts/cargo has it.
        flags = ["--config", 'build.rustflags=["-Cforce-unwind-tables"]']
        if not self.about.ships:
            unstable = ["-Z", "build-std=core,compiler_builtins"]
            why = f" {' '.join(unstable)}, an unstable flag: core is built from rust-src"
        status, text = chroot_run(self.root, folder, "env", f"CARGO_TARGET_{variable.upper()}_LINKER={gnu}-gcc",
                                  f"CC_{variable}={gnu}-gcc", *(["RUSTC_BOOTSTRAP=1"] if unstable else []), "cargo",
                                  "build", "--release", "--locked", "--offline", *flags, *unstable, "-p",
                                  "libpidfd_spawn", "--target", rust, log=f"{folder}.log")
        error = places.cargo_error(text)
        if not self.results.check(self.name, "library", status == 0,
                                  f"cargo build --target {rust}{why}" + (f": {error}" if error else "")):
            return
        lib = self.work / "lib"
        places.libraries(self.root, folder, f"target/{rust}/release", lib, f"{gnu}-")
        status, text = run("scripts/check-abi", lib / "libpidfd_spawn.so", lib / "libpidfd_spawn.a")
        self.results.check(self.name, "interface", status == 0, places.last_line(text))

    def build_suite(self):
        (self.work / "lib").mkdir(exist_ok=True)
        places.stage(self.tests, self.work / "lib")
        what, targets = "", ["build-tests"]
        if self.arguments.where == "user" and self.about.user:
            what, targets = "what qemu-user can be asked, ", [SAMPLE] + [
                f"build/tests/{mode}/{name}" for mode in self.modes_under_qemu_user() for name in FOR_QEMU_USER]
        status, text = self.make(*targets, log=self.work / "suite.log")
        error = re.search(r"^.*(error: |No rule).*$", text, re.MULTILINE)
        self.results.check(self.name, "C suite", status == 0,
                           f"{what}built by {self.about.gnu}-gcc" + (f": {error[0]}" if error else ""))

    def guard(self):
        """What the calls cost, as tests-c/guard writes it down."""
        log = self.tests / "guard.log"
        status, text = self.make("build/guard/guard", "build/guard/driver", "build/tests/has-clone3", log=log)
        tally = Tally()
        if status == 0:
            status, text = chroot_run(self.root, self.tests, "env", f"GUARD_ARCH={self.arch}", "scripts/tap",
                                      "tests-c/guard/run", "build/guard", self.arguments.guards, log=log)
            tally = Tally(text, status)
        if not tally.passed and not tally.failed:
            tally.fail(places.complaint(text))
        self.results.counted(self.name, "system calls", tally)
        if self.arguments.guards == "update":
            for file in (self.tests / "tests-c/guard").glob(f"*.{self.arch}"):
                shutil.copy2(file, TOP / "tests-c/guard")

    def real_programs(self):
        """The programs that the tests start, of the architecture: what is preloaded for one can be loaded into them."""
        self.programs.mkdir(exist_ok=True)
        dash = places.debian_package(self.release, f"dash:{self.arch}")
        coreutils = places.debian_package(self.release, f"coreutils:{self.arch}")
        for name in machine.REAL_PROGRAMS:
            package, file = (dash, "dash") if name == "sh" else (coreutils, name)
            for path in (package / "bin" / file, package / "usr/bin" / file):
                if path.exists():
                    shutil.copy(path, self.programs / name)

    def suite(self, mode, where, *programs, **options):
        places.suite(self.results, self.name, f"{mode}, {where}", self.root, self.tests, "-", mode, *programs,
                     options=self.options, **options)

    def information(self, where, **options):
        """What pidfd-spawn-info finds out by system calls of its own, which differ by architecture."""
        shutil.copytree(TOP / "tools/info", self.tests / "tools/info", dirs_exist_ok=True)
        label = f"pidfd-spawn-info, {where}"
        status, text = chroot_run(self.root, self.tests, f"{self.about.gnu}-gcc", "-O1", "-Ibuild/include", "-o",
                                  "build/info", "tools/info/pidfd-spawn-info.c", "-Lbuild/lib", "-lpidfd_spawn", "-ldl",
                                  "-Wl,-rpath,$ORIGIN/lib")
        if status == 0:
            status, text = chroot_run(self.root, self.tests, "build/info", options=self.options, **options)
        right = status == 0 and re.search(r"CLONE_PIDFD +yes", text) and text.count("kernel features") == 1
        self.results.check(self.name, label, bool(right), places.last_line(text))

    def natively(self):
        if run("chroot", self.root, "/lib/ld-linux.so.2", "--version")[0]:
            self.results.unavailable(self.name, "natively", f"this kernel does not run programs of {self.arch}")
            return
        for mode in self.arguments.modes:
            self.suite(mode, "natively")
        self.information("natively")
        self.guard()

    def modes_under_qemu_user(self):
        return [mode for mode in self.arguments.modes if mode not in NOT_UNDER_QEMU_USER]

    def under_qemu_user(self):
        try:
            # Statically linked, so of any release; what older ones cannot do is not asked here.
            qemu = places.debian_package("testing", "qemu-user") / "usr/bin" / self.about.user
        except Unavailable as why:
            self.results.unavailable(self.name, self.about.user, why)
            return
        emulator = re.sub(r"^(\S+) version (\S+).*", r"\1 \2", said(qemu, "--version"))
        within = ("tests-c/environments/arch/emulator", qemu, self.tests / SAMPLE)
        _, text = chroot_run(self.root, self.tests, SAMPLE, "no-such-test", within=within,
                             options=self.options)
        if "no such test" not in text:
            self.results.unavailable(self.name, emulator, "binfmt_misc is unavailable in a user namespace (Linux 6.7)")
            return
        for mode in self.arguments.modes:
            if mode in NOT_UNDER_QEMU_USER:
                self.results.unavailable(self.name, f"{mode}, {emulator}", NOT_UNDER_QEMU_USER[mode])
        for mode in self.modes_under_qemu_user():
            self.suite(mode, emulator, *FOR_QEMU_USER, within=within)
        self.information(emulator, within=within)
        self.results.unavailable(self.name, f"the other programs, {emulator}",
                                 "what they ask for is qemu-user's own: signal masks, limits, threads at a fork")

    def make_initramfs(self, to):
        """The architecture's C library and programs of Debian's, the library and the programs of the suite."""
        package = places.debian_package(self.release, f"busybox-static:{self.arch}")
        busybox = next(path for path in (package / "bin/busybox", package / "usr/bin/busybox") if path.exists())
        tree = self.work / "tree"
        machine.new_tree(tree, busybox)
        for program in self.programs.iterdir():
            shutil.copy2(program, tree / "bin")
        # The loader has its name in the programs.
        headers = run("readelf", "-lW", self.tests / SAMPLE)[1]
        files = re.findall(r"interpreter: (.*)\]", headers)
        listed = run("chroot", self.root, "dpkg", "-L", f"libc6:{self.arch}", f"libgcc-s1:{self.arch}")[1]
        files += re.findall(r"^.*/lib(?:c|m|gcc_s)\.so\.\d+$", listed, re.MULTILINE)
        for file in files:
            real = said("chroot", self.root, "readlink", "-f", file)
            target = tree / file.lstrip("/")
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(f"{self.root}{real}", target)
        shutil.copytree(self.tests / "build/tests", tree / "suite/tests", symlinks=True, dirs_exist_ok=True,
                        ignore=shutil.ignore_patterns("*.o"))
        shutil.copytree(self.tests / "build/lib", tree / "suite/lib", symlinks=True, dirs_exist_ok=True)
        # The debugging information would be most of it.
        run(self.root / f"usr/bin/{self.about.gnu}-strip", "-g", *(tree / "suite/tests").rglob("tst-*"))
        machine.pack_tree(tree, to)

    def under_qemu_system(self):
        about, folder = self.about, self.work / "vm"
        if not about.kernel:
            self.results.unavailable(self.name, "qemu-system", "Debian's main archive has no kernel of it")
            return
        folder.mkdir(exist_ok=True)
        command = about.system.split()
        version = re.search(r"version (\S+)", said("chroot", self.root, command[0], "--version"))
        where = f"{command[0]} {version[1] if version else ''}".strip()
        try:
            places.require("cpio")
            kernel = about.kernel if ":" in about.kernel else f"{about.kernel}:{self.arch}"
            image = places.script("tests-c/environments/kernels/kernel", self.release, kernel)
            self.make_initramfs(folder / "initramfs")
        except Unavailable as why:
            self.results.unavailable(self.name, where, why)
            return
        shutil.copy2(image, folder / "kernel")
        console = folder / "console"
        if console.exists():
            console.unlink()
        modes, limit = self.arguments.modes, self.arguments.vm_time_limit
        # Emulated in software, which is slow, hence the time limits.
        status, text = chroot_run(
            self.root, folder, "timeout", "-k", "5", limit, command[0], "-accel", "tcg", "-smp", "2", "-m", "1024",
            *command[1:], "-no-reboot", "-display", "none", "-monitor", "none", "-serial", "file:console", "-net",
            "none", "-kernel", "kernel", "-initrd", "initramfs", "-append",
            f"console={about.console} panic=-1 RESULTS=5:1 TEST_QUICK=1 TEST_TIME_LIMIT=300 "
            f"PROGRAM_TIME_LIMIT=1800 MODES={','.join(modes)}", log=folder / "qemu")
        found = console.read_text(errors="replace").replace("\r", "") if console.exists() else ""
        words = machine.last_words(found)
        booted = re.search(r"^kernel (.*)$", found, re.MULTILINE)
        if not booted:
            self.results.check(self.name, where, False, f"the kernel of {about.kernel} does not come to its first "
                               f"program: {words} {text.strip()[:200]}")
            return
        ended = (f"no end after {limit} s" if status == 124 else "it ended", words)
        machine.account(self.results, {mode: (self.name, f"{mode}, Linux {booted[1]} in {where}") for mode in modes},
                        found, ended)

    def run(self):
        try:
            places.require("cargo", "readelf")
        except Unavailable:
            raise Unavailable("no cargo to fetch the crates with, or no readelf") from None
        self.root_folder()
        self.name = f"{self.arch}, {places.distribution(self.root, self.release)}, glibc {places.glibc_of(self.root)}"
        self.name += f", rustc {said('chroot', self.root, 'rustc', '--version').split()[1]}"
        self.build_library()
        self.build_suite()
        if self.arguments.where == "build":
            return
        if self.about.ships:
            self.real_programs()
        else:
            self.name_loader()
        if not self.about.user:
            self.natively()
            return
        if self.arguments.where != "system":
            self.under_qemu_user()
        if self.arguments.where != "user":
            self.under_qemu_system()


def add_arguments(parser):
    parser.add_argument("architectures", nargs="*", default=["all"], metavar="architecture",
                        help="as Debian or uname calls it; without one all: " + ", ".join(ARCHITECTURES))
    parser.add_argument("--where", choices=("build", "user", "system"),
                        help="only in qemu-user, only in qemu-system, or nowhere")
    parser.add_argument("--modes", type=str.split, default=MODES, help="the modes of use, if not all")
    parser.add_argument("--releases", type=str.split, help="Debian releases to try, if not the usual ones")
    parser.add_argument("--guards", choices=("compare", "update"), default="compare")
    parser.add_argument("--vm-time-limit", type=int, default=7200, metavar="SECONDS")


def arch(results, arguments):
    """The rows of what is not tried this time stay in the table; what was built is the same for both places."""
    WORK.mkdir(parents=True, exist_ok=True)
    known = [*ARCHITECTURES, *NOT_TO_BE_HAD]
    names = known if "all" in arguments.architectures else [*map(debians_name, arguments.architectures)]

    def check(part, name):
        if name not in ARCHITECTURES:
            raise Unavailable(NOT_TO_BE_HAD.get(name) or f"no such architecture; there are: {' '.join(ARCHITECTURES)}")
        Check(part, name, arguments).run()

    def keep(before, rows):
        # As scripts/support has it: a newer row takes the place of an older one, whatever the versions are.
        rows = (before if arguments.where else []) + rows
        return list({re.sub(r"\b\d\S*", "", row.split("\t")[2]): row for row in rows}.values())

    places.side_by_side(results, names, known, check, 1, keep)
