"""The headers, the examples and the C suite, compiled and linked for every glibc since 2.17 by zig, which has the names
and versions of their symbols.  See README.md.
"""

import os
import re
import shlex

import places
from places import BUILD, TOP, Unavailable, run
from results import Tally

WORK = BUILD / "glibcs"
MACHINE = os.uname().machine
# For those that people have, all programs are built, linked with the library, and the headers are tried in C++ as well;
# for the others these, in all modes.
PEOPLE_HAVE = {"2.17": "RHEL 7", "2.28": "RHEL 8", "2.34": "RHEL 9", "2.35": "Ubuntu 22.04",
               "2.39": "Ubuntu 24.04, RHEL 10"}
SOME = ("tst-bound", "tst-file-actions", "tst-spawn-pidfd")
MODES = ("linked", "static", "preloaded")
# Another architecture, for which the library may not have been built: programs that need none to be linked.
OTHER = "aarch64" if MACHINE == "x86_64" else "x86_64"
# Zig's headers are of one release, with what is newer than the one that is named left out, but for the numbers of
# system calls.  Before 2.30 these end with those of Linux 3.10, the last of which is finit_module.
LAST_NUMBER = {"x86_64": 313, "aarch64": 273}


def zig():
    place = places.script("scripts/zigbuild")
    return next(place.glob("lib/python*/site-packages/ziglang/zig"))


def glibcs(compiler):
    """The releases that it knows, from 2.17 on."""
    known = sorted({int(minor) for minor in re.findall(r'"2\.(\d+)\.0"', run(compiler, "targets")[1])})
    return [f"2.{minor}" for minor in known if minor >= 17]


def compilers(folder, target, before=()):
    """Zig's compilers for a target, as programs in a folder, whose path is returned; `before` is what the C compiler
    gets besides."""
    programs = folder / "bin"
    programs.mkdir(parents=True, exist_ok=True)
    # No sanitizer, which is zig's default; clang complains of what only the linker needs.  Zig builds its own library
    # for each level of optimisation, and one for C++, which the headers do not need.
    common = f"-target {target} -fno-sanitize=undefined -Wno-unused-command-line-argument"
    for name, words in ("cc", (common, *before)), ("c++", (common, "-nostdlib++")):
        program = programs / name
        cache = shlex.quote(str(folder.parent / "zig"))
        program.write_text(f"#!/bin/sh\nexport ZIG_GLOBAL_CACHE_DIR={cache} ZIG_LOCAL_CACHE_DIR={cache}\n"
                           f'exec {shlex.quote(str(zig()))} {name} {" ".join(words)} "$@" -O1\n')
        program.chmod(0o755)
    return programs


def for_glibc(folder, machine, release):
    """Zig's compilers for a glibc."""
    target = f"{machine}-linux-gnu.{release}"
    if places.version(release) >= [2, 30] or machine not in LAST_NUMBER:
        return compilers(folder, target)
    programs = compilers(folder, target)
    source = folder / "numbers.c"
    source.write_text("#include <sys/syscall.h>\n")
    text = run(programs / "cc", "-dM", "-E", source)[1]
    numbers = re.findall(r"^#define __NR_(\w+) (\d+)$", text, re.MULTILINE)
    newer = [name for name, number in numbers if int(number) > LAST_NUMBER[machine]]
    if "clone3" not in newer:
        raise Unavailable(f"the numbers of system calls cannot be read: {places.complaint(text)}")
    old = folder / "old-numbers.h"
    old.write_text("#include <sys/syscall.h>\n" + "".join(f"#undef SYS_{name}\n" for name in newer))
    return compilers(folder, target, ("-include", shlex.quote(str(old))))


def names_of_programs():
    return ["tst-bound", *sorted(source.stem for source in (TOP / "tests-c/suite").glob("tst-*.c"))]


def build(folder, programs, paths):
    """Builds programs of the suite; returns those that were not built, each with the reason, and the others' paths."""
    make = ("make", "-s", "-f", "tests-c/environments/matrix/suite.mk",
            f"CC={shlex.quote(str(programs / 'cc'))} -Wl,--no-as-needed -ldl")
    run(*make, "-k", *paths, cwd=folder, log=folder / "build.log")
    failures = [f"{path}: {places.complaint(run(*make, path, cwd=folder)[1])}"
                for path in paths if not (folder / path).exists()]
    return failures, [folder / path for path in paths if (folder / path).exists()]


def examples(folder, programs):
    """The examples, as README has them linked, and what is written for the overlay, compiled, for it calls what came
    with 2.29; failures, and the paths of the others.
    """
    failures, built = [], []
    for name, source, *arguments in (("linked", "examples/supervisor.c", "-Lbuild/lib", "-lpidfd_spawn"),
                                     ("static", "examples/supervisor.c", "build/lib/libpidfd_spawn.a"),
                                     ("weak", "examples/weak-client.c", "-fPIE", "-pie", "-ldl"),
                                     ("overlay", "tests-c/install/overlay.c", f"-I{TOP}/include/overlay", "-c")):
        program = folder / f"build/{name}"
        status, text = run(programs / "cc", "-std=c99", "-Wall", "-Wextra", "-Werror", "-o", program, source,
                           *arguments, "-Ibuild/include", cwd=folder)
        if status:
            failures.append(f"{source}, {name}: {places.complaint(text)}")
        else:
            built.append(program)
    return failures, built


def newest_version(programs):
    """The newest version of glibc that one of the programs asks for."""
    asked = re.findall(r"\bName: GLIBC_([0-9.]+)", run("readelf", "-VW", *programs)[1])
    return max(asked, key=places.version, default="none")


def check(results, release, everything, machine=MACHINE):
    folder = places.stage(WORK / f"{machine}-{release}", BUILD / "lib")
    people = f" ({PEOPLE_HAVE[release]})" if release in PEOPLE_HAVE else ""
    name = f"glibc {release}{people}, {machine}"
    programs = for_glibc(folder, machine, release)
    native = machine == MACHINE
    # What the C++ compiler links is run.
    status, text = run("scripts/check-header", "few", programs / "cc",
                       *([programs / "c++"] if native and everything else []))
    tally = Tally(text)
    if status or not tally.passed:
        tally.fail(f"the headers: {places.complaint(text)}")
    wanted = [f"build/tests/{mode}/{name}" for mode in (MODES if native else ()) for name in SOME]
    if everything:
        wanted += [f"build/tests/{'linked' if native else 'preloaded'}/{name}" for name in names_of_programs()]
    failures, built = build(folder, programs, dict.fromkeys(wanted))
    if native:
        more = examples(folder, programs)
        failures, built = failures + more[0], built + more[1]
    for failure in failures:
        tally.fail(failure)
    tally.passed += len(built)
    newest = newest_version(built)
    if newest == "none" or places.version(newest) > places.version(release):
        tally.fail(f"the programs ask for GLIBC_{newest}")
    else:
        tally.passed += 1
    what = f"{'all' if everything else 'some'} programs, which ask for GLIBC_{newest} at most"
    print(f"{name}: {tally}: {what}", flush=True)
    for failure in tally.failures:
        print(f"FAILED  {failure}", flush=True)
    results.record(name, "headers, programs", tally, tally.note() or what)
    if not tally.failed:
        places.fresh(folder)


def all_glibcs(results, arguments):
    try:
        places.require("cc", "readelf", "make")
        compiler = zig()
    except Unavailable as why:
        results.unavailable("every glibc", "headers, programs", why)
        return
    # What it made for another set of sources is of no use.
    places.fresh(WORK)
    releases = glibcs(compiler)
    if not results.check("every glibc", "zig", len(releases) > 25, f"{places.said(compiler, 'version')} knows"
                         f" {len(releases)} releases, {releases[0]} to {releases[-1]}"):
        return
    whole = [*PEOPLE_HAVE, releases[-1]]
    known = {release: (release, release in whole, MACHINE) for release in releases}
    for release in ("2.17", releases[-1]):
        known[f"{release} {OTHER}"] = (release, True, OTHER)
    places.side_by_side(results, arguments.releases or known, known, lambda part, name: check(part, *known[name]),
                        arguments.jobs)


def add_arguments(parser):
    parser.add_argument("releases", nargs="*", metavar="release", help="some of them, as 2.28")
