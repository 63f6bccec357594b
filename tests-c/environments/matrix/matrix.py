"""The libraries that were built on this machine, with the C libraries of several releases of Debian and Ubuntu and with
musl; and, as "compilers", the library built by Debian 12's own compilers.  See README.md.
"""

import os
import re
import shutil

import places
from matrix import glibcs
from places import BUILD, CARGO, Unavailable, chroot_run, run, said, suite

WORK = BUILD / "matrix"
# The libc's own posix_spawn, whose place the library takes, gives what it gave.
TAKEN_OVER = ("tst-path", "tst-spawn-pidfd", "tst-old-program")
MACHINE = os.uname().machine


def build_here(results):
    """The suite, preloaded, as this machine's compiler builds it."""
    here = places.stage(WORK / "here", BUILD / "lib")
    programs = [f"build/tests/preloaded/{source.stem}" for source in (here / "tests-c/suite").glob("tst-*.c")]
    status, text = run("make", "-s", "-j2", "-f", "tests-c/environments/matrix/suite.mk",
                       f"CC={os.environ.get('CC') or 'cc'}", *programs, cwd=here, log=WORK / "here.log")
    if status:
        results.check("this machine", "preloaded", False, f"the suite does not build: {places.complaint(text)}")


def symbol_versions(results):
    found = re.findall(r"GLIBC_([0-9.]+)", run("readelf", "-V", BUILD / "lib/libpidfd_spawn.so")[1])
    newest = max(found, key=places.version, default=None)
    results.check("any glibc", "library", newest is None or places.version(newest) <= [2, 17],
                  f"no symbol version beyond GLIBC_2.17 is needed (the newest: {newest or 'none at all'})")


def glibc(results, release, distribution="Debian"):
    try:
        root = places.root_folder(release, "gcc", "libc6-dev", "make")
    except Unavailable as why:
        results.unavailable(f"{distribution} {release}", "linked, preloaded", why)
        return
    version = places.glibc_of(root)
    if "+" in release and version == places.glibc_of(places.root_folder(release.split("+")[0])):
        results.unavailable(f"{distribution} {release}", "linked, preloaded", f"its glibc is {version} as well")
        return
    gcc = said("chroot", root, "gcc", "-dumpfullversion")
    name = f"{places.distribution(root, release)}, glibc {version}"
    folder = places.stage(WORK / release, BUILD / "lib")
    suite(results, name, "linked", root, folder, "gcc", "linked")
    by_gcc = f"preloaded, built by its gcc {gcc}"
    if places.version(version) >= places.version(said("getconf", "GNU_LIBC_VERSION").split()[-1]):
        shutil.copytree(WORK / "here/build/tests/preloaded", folder / "build/tests/preloaded", symlinks=True)
        suite(results, name, "preloaded", root, folder, "-", "preloaded")
        # A program that the release's own compiler built knows its libc's pidfd_spawn with a version.
        suite(results, name, by_gcc, root, folder, "gcc", "preloaded", "tst-bound", "tst-spawn-pidfd")
    else:
        suite(results, name, by_gcc, root, folder, "gcc", "preloaded")
    suite(results, name, "posix_spawn, preloaded", root, folder, "gcc", "takenover", *TAKEN_OVER)


def musl(results, name, place, folder):
    # What the kernel's headers are for musl's compiler: those of glibc's, after musl's own.
    kernel = folder / "build/kernel"
    kernel.mkdir(parents=True)
    for link, target in (("linux", "linux"), ("asm-generic", "asm-generic"), ("asm", f"{MACHINE}-linux-gnu/asm")):
        (kernel / link).symlink_to(f"/usr/include/{target}")
    # Position-independent, so that the address of a function is not that of a stub in the program.
    compiler = "musl-gcc -fPIE -idirafter ./build/kernel"
    suite(results, name, "linked", place, folder, compiler, "linked")
    suite(results, name, "preloaded", place, folder, compiler, "preloaded")
    suite(results, name, "posix_spawn, preloaded", place, folder, compiler, "takenover", *TAKEN_OVER)
    suite(results, name, "static", place, folder, f"{compiler} -static", "static")


def zig_glibc(results, release):
    """Programs for a glibc that no Debian release has, on this machine's and, if that is not too old, Debian 11's."""
    here = said("getconf", "GNU_LIBC_VERSION").split()[-1]
    name = f"built by zig for glibc {release}"
    try:
        folder = places.stage(WORK / f"zig-{release}", BUILD / "lib")
        compiler = (glibcs.for_glibc(folder, MACHINE, release) / "cc").relative_to(folder)
        # Such a program does not know where a newer glibc has the kernel note the processor, which is no change of
        # memory that a test means.
        suite(results, f"{name}, run on {here}", "linked", None, folder, compiler, "linked",
              env={**os.environ, "GLIBC_TUNABLES": "glibc.pthread.rseq=0"})
        newest = glibcs.newest_version((folder / "build/tests/linked").glob("tst-*"))
        results.check(name, "programs", newest != "none" and places.version(newest) <= places.version(release),
                      f"they ask for GLIBC_{newest} at most")
        root = places.root_folder("bullseye")
        if places.version(release) <= places.version(places.glibc_of(root)):
            suite(results, f"{name}, run on {places.glibc_of(root)}", "linked", root, folder, "-", "linked")
    except Unavailable as why:
        results.unavailable(name, "linked", why)


def musl_zig(results):
    try:
        folder = places.stage(WORK / "musl-zig", BUILD / "lib")
        compiler = (glibcs.compilers(folder, f"{MACHINE}-linux-musl") / "cc").relative_to(folder)
        name = f"musl of ziglang {said(glibcs.zig(), 'version')}"
    except Unavailable as why:
        results.unavailable("musl of ziglang", "static", why)
        return
    # Zig puts its own malloc in the place of musl's, without that which makes it usable after a fork.
    busy = "tst-fork-busy-threads"
    results.unavailable(name, f"static {busy}", "its malloc can hang in the child of busy threads, after fork too")
    suite(results, name, "static", None, folder, f"{compiler} -static", "static",
          *(program for program in glibcs.names_of_programs() if program != busy))


def musl_version(*within):
    """Musl's loader says which version it is."""
    found = re.search(r"^Version (.*)$", run(*within, f"/lib/ld-musl-{MACHINE}.so.1")[1], re.MULTILINE)
    return found[1] if found else "unknown"


def musl_here(results):
    try:
        places.require("musl-gcc")
    except Unavailable:
        results.unavailable("musl of this machine", "all", "musl-gcc is not installed")
        return
    musl(results, f"musl {musl_version()}, this machine", None, places.stage(WORK / "musl-here", BUILD / "lib"))


def musl_of(results, release):
    try:
        root = places.root_folder(release, "gcc", "libc6-dev", "make", "musl-tools")
    except Unavailable as why:
        results.unavailable(f"musl of Debian {release}", "all", why)
        return
    folder = places.stage(WORK / f"musl-{release}", BUILD / "lib")
    musl(results, f"musl {musl_version('chroot', root)}, {places.distribution(root, release)}", root, folder)


def check_abi(results, name, lib):
    status, text = run("scripts/check-abi", lib / "libpidfd_spawn.so", lib / "libpidfd_spawn.a")
    results.check(name, "library", status == 0, places.last_line(text) if status == 0 else places.complaint(text))


def musl_target(results):
    """The libraries that rustc makes for musl itself, with this machine's musl."""
    target = f"{MACHINE}-unknown-linux-musl"
    name = f"built for {target}"
    try:
        places.require("cargo", "musl-gcc")
    except Unavailable:
        results.unavailable(name, "all", "cargo or musl-gcc is not installed")
        return
    add = f"rustup target add {target}"

    def there():
        return os.path.isdir(said("rustc", "--print", "target-libdir", "--target", target))

    if not there() and not os.environ.get("AS_IS"):
        run("sh", "-c", add)
    if not there():
        results.unavailable(name, "all", f"the target is not installed: {add}")
        return
    name += f", rustc {said('rustc', '--version').split()[1]}, musl {musl_version()}"
    folder = WORK / "target-musl-build"
    lib = places.fresh(WORK / "target-musl-lib")
    status, text = run(*CARGO, "test", "-q", "--locked", "-p", "pidfd_spawn", "--lib", "--target", target,
                       "--target-dir", folder)
    results.check(name, "unit tests", status == 0, f"cargo test: {cargo_result(text)}")
    status, text = run("scripts/cargo", "build", "-q", "--release", "--locked", "-p", "libpidfd_spawn", "--target-dir",
                       folder, env={**os.environ, "RUST_TARGET": target})
    if status == 0:
        built = folder / target / "release"
        shutil.copy2(built / "libpidfd_spawn_c.so", lib / "libpidfd_spawn.so.0")
        (lib / "libpidfd_spawn.so").symlink_to("libpidfd_spawn.so.0")
        status, text = run("scripts/static-archive", built / "libpidfd_spawn_c.a", lib / "libpidfd_spawn.a")
    if status == 0:
        check_abi(results, name, lib)
    else:
        results.check(name, "library", False, places.complaint(text))
    musl(results, name, None, places.stage(WORK / "target-musl", lib))


def cargo_result(text):
    found = re.search(r"^test result.*$", text, re.MULTILINE)
    return found[0] if found else "no result"


def compilers(results):
    name = "Debian bookworm"
    try:
        places.require("cargo", "readelf")
        root = places.root_folder("bookworm", "gcc", "libc6-dev", "make", "clang", "rustc", "cargo")
        rustc = said("chroot", root, "rustc", "--version").split()[1]
        cargo = said("chroot", root, "cargo", "--version").split()[1]
        name = f"{places.distribution(root, 'bookworm')}, rustc {rustc}, cargo {cargo}"
        folder = WORK / "crate"
        places.sources(folder)
    except Unavailable as why:
        results.unavailable(name, "all", why)
        return
    status, text = chroot_run(root, folder, "cargo", "build", "--release", "--locked", "--offline", "-p",
                              "libpidfd_spawn", log=WORK / "cargo-build.log")
    built = results.check(name, "build", status == 0,
                          "cargo build --release" + ("" if status == 0 else f": {places.cargo_error(text)}"))
    # The unit tests are for the compilers that developers have; whether these can build them is shown, not required.
    for label, options in ("unit tests", ()), ("safe module", ("--features", "std", "--test", "process")):
        status, text = chroot_run(root, folder, "cargo", "test", "--locked", "--offline", "-p", "pidfd_spawn", *options,
                                  log=WORK / f"cargo-test-{label.split()[0]}.log")
        if status and re.search(r"^error: could not compile", text, re.MULTILINE):
            results.unavailable(name, label, f"they do not compile: {places.cargo_error(text)}")
        else:
            results.check(name, label, status == 0, f"cargo test: {cargo_result(text)}")
    if not built:
        return
    lib = WORK / "crate-lib"
    places.libraries(root, folder, "target/release", lib)
    check_abi(results, name, lib)
    gcc = said("chroot", root, "gcc", "-dumpfullversion")
    clang = said("chroot", root, "clang", "-dumpversion")
    # What only the linker needs is named in each call, of which clang complains.
    for compiler, label, command in (("gcc", f"gcc {gcc}", "gcc"),
                                     ("clang", f"clang {clang}", "clang -Wno-unused-command-line-argument")):
        folder = places.stage(WORK / f"crate-{compiler}", lib)
        for mode in ("linked", "preloaded"):
            suite(results, f"{name}, {label}", mode, root, folder, command, mode)


ENVIRONMENTS = {
    "versions": symbol_versions,
    "glibc-bullseye": lambda results: glibc(results, "bullseye"),
    "glibc-bookworm": lambda results: glibc(results, "bookworm"),
    "glibc-trixie": lambda results: glibc(results, "trixie"),
    "glibc-testing": lambda results: glibc(results, "testing"),
    "glibc-experimental": lambda results: glibc(results, "testing+experimental"),
    "glibc-bionic": lambda results: glibc(results, "bionic", "Ubuntu"),
    "glibc-jammy": lambda results: glibc(results, "jammy", "Ubuntu"),
    "glibc-noble": lambda results: glibc(results, "noble", "Ubuntu"),
    "zig-2.17": lambda results: zig_glibc(results, "2.17"),
    "zig-2.28": lambda results: zig_glibc(results, "2.28"),
    "zig-2.34": lambda results: zig_glibc(results, "2.34"),
    "musl-here": musl_here,
    "musl-target": musl_target,
    "musl-bullseye": lambda results: musl_of(results, "bullseye"),
    "musl-trixie": lambda results: musl_of(results, "trixie"),
    "musl-testing": lambda results: musl_of(results, "testing"),
    "musl-zig": musl_zig,
}


def add_arguments(parser):
    parser.add_argument("names", nargs="*", metavar="environment", help="some of: " + ", ".join(ENVIRONMENTS))


def matrix(results, arguments):
    WORK.mkdir(parents=True, exist_ok=True)
    names = arguments.names or list(ENVIRONMENTS)
    try:
        places.require("cc", "readelf")
    except Unavailable:
        results.unavailable("this machine", "all", "no C compiler or no readelf")
        return
    if any(name.startswith("glibc") for name in names):
        build_here(results)
    places.side_by_side(results, names, ENVIRONMENTS, lambda part, name: ENVIRONMENTS[name](part), arguments.jobs)


def run_compilers(results, _arguments):
    WORK.mkdir(parents=True, exist_ok=True)
    compilers(results)
