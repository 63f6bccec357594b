"""Packages of the release tarball that `make dist` left in build/dist/, and trials of it and of them.

They are left in build/packages/.  Each part works in build/packages/PART.
"""

import os
import re
import shutil

import places
from places import BUILD, TOP, Unavailable, chroot_run, run
from results import Tally

NAME = f"libpidfd_spawn-{places.VERSION}"
TARBALL = BUILD / f"dist/{NAME}.tar.xz"
PACKAGES = BUILD / "packages"
# The working folder is not the builder's own.
AS_NOBODY = ("--offline", "--as", "nobody")


def done_by(results, environment, mode, what, outcome):
    """A check that is one command."""
    status, text = outcome
    return results.check(environment, mode, status == 0, what if status == 0 else f"{what}: {places.complaint(text)}")


def dist(results, work):
    place = "this machine"
    # Another clone, another user's settings.
    run("git", "clone", "-q", "--no-hardlinks", ".", work / "clone")
    again = run("env", "TZ=Asia/Tokyo", "LANG=tr_TR.UTF-8", "sh", "-c",
                f"umask 077; exec packaging/dist {places.VERSION} again", cwd=work / "clone", log=work / "again.log")
    if done_by(results, place, "dist", "from another folder, with another umask, time zone and language: made", again):
        same = TARBALL.read_bytes() == (work / f"clone/again/{NAME}.tar.xz").read_bytes()
        results.check(place, "dist", same, "from another folder: the same bytes")
    run("tar", "-xf", TARBALL, "-C", work)
    status, text = run("packaging/dist", places.VERSION, "again", cwd=work / NAME)
    results.check(place, "dist", status != 0 and "no git checkout" in text,
                  "in an unpacked tarball it says that one is there")

    # With no network but a loopback that is down.
    offline = ("unshare", "--net") if os.geteuid() == 0 else ("unshare", "--map-root-user", "--net")
    if run(*offline, "true")[0]:
        results.unavailable(place, "offline", "no network namespaces here")
        return
    (work / "cargo").mkdir()
    # The toolchain may be one that rustup looks up below HOME.
    make = (*offline, "env", "-i", f"PATH={os.environ['PATH']}", f"HOME={os.environ['HOME']}",
            f"CARGO_HOME={work}/cargo", "LC_ALL=C", "make", "-C", work / NAME)
    tally = Tally()
    if done_by(results, place, "offline", "make all, no network, an empty CARGO_HOME",
               run(*make, "-j2", "all", log=work / "all.log")) and \
       done_by(results, place, "offline", "make install",
               run(*make, "install", f"DESTDIR={work}/stage", log=work / "install.log")):
        status, text = run(*make, "check-c", log=work / "check-c.log")
        tally = Tally(text, status)
    results.counted(place, "offline, make check-c", tally)


def trial(results, place, kind, root, work, packages):
    """What both kinds of packages are tried with, in a root folder that is thrown away."""
    folder = places.fresh(work / "trial")
    for package in packages:
        shutil.copy2(package, folder)
    for file in ("packaging/try", "packaging/debian/tests/programs"):
        shutil.copy2(TOP / file, folder)
    places.copy(folder, "examples", "tests-c", "scripts")
    status, text = chroot_run(root, folder, "scripts/tap", "./try", kind, options=("--offline", "--fresh"),
                              log=work / "try.log")
    if status == 77:
        results.unavailable(place, f"{kind}, installed", places.last_line(text))
        return
    results.counted(place, f"{kind}, installed", Tally(text, status))


def deb(results, work):
    place = "Debian bookworm"
    try:
        root = places.root_folder("bookworm+packages", "build-essential", "cargo", "rustc", "debhelper", "lintian")
        clean = places.root_folder("bookworm+installed", "gcc", "libc6-dev", "pkgconf", "man-db")
    except Unavailable as why:
        results.unavailable(place, "deb", why)
        return
    for old in PACKAGES.glob("libpidfd-spawn*"):
        old.unlink()
    changelog = (TOP / "packaging/debian/changelog").read_text()
    package = re.sub(r"^(\S+) \((.*?)\) .*", r"\1_\2", changelog.splitlines()[0])
    build, again = places.fresh(work / "build"), places.fresh(work / "again")
    shutil.copy2(TARBALL, build / f"libpidfd-spawn_{places.VERSION}.orig.tar.xz")
    run("tar", "-xf", TARBALL, "-C", build)
    shutil.copytree(build / NAME / "packaging/debian", build / NAME / "debian", symlinks=True)
    chroot_run(root, work, "chown", "-R", "nobody", "build", "again")
    status, text = chroot_run(root, build, "sh", "-c", f"cd {NAME} && exec dpkg-buildpackage -us -uc",
                              options=AS_NOBODY, log=work / "build.log")
    built = done_by(results, place, "deb", "dpkg-buildpackage, as an ordinary user, no network", (status, text))
    results.counted(place, "deb, the C suite at build time", Tally(text, status))
    if not built:
        return

    # What whoever uploads it to an archive has to answer: the bug that asked for it, where its releases are and its
    # home.
    arch = places.said("chroot", root, "dpkg", "--print-architecture")
    status, text = chroot_run(
        root, build, "lintian", "--display-info", "--pedantic", "--fail-on", "error,warning,info,pedantic",
        "--suppress-tags", "initial-upload-closes-no-bugs,debian-watch-file-is-missing,no-homepage-field",
        f"{package}_{arch}.changes", options=AS_NOBODY, log=work / "lintian.log")
    done_by(results, place, "deb", "lintian", (status, text))
    print("".join(f"{line}\n" for line in text.splitlines() if re.match("[EWIP]: ", line)), end="")

    # The same from the source package, at another place.
    status, text = chroot_run(root, work, "sh", "-ec", f"dpkg-source -x build/{package}.dsc again/source\n"
                              "cd again/source && DEB_BUILD_OPTIONS=nocheck exec dpkg-buildpackage -us -uc -b",
                              options=AS_NOBODY, log=work / "again.log")
    packages = sorted(build.glob("*.deb"))
    if done_by(results, place, "deb", "built from the source package with nocheck", (status, text)):
        results.check(place, "deb", " passed, " not in text, "nocheck leaves out the suite")
        same = bool(packages) and all(file.read_bytes() == (again / file.name).read_bytes() for file in packages)
        results.check(place, "deb", same, "built again, the packages have the same bytes")
    trial(results, place, "deb", clean, work, [file for file in packages if "-dbgsym_" not in file.name])
    for pattern in ("*.deb", "*.dsc", "*.debian.tar.xz", "*.orig.tar.xz", "*.changes", "*.buildinfo"):
        for file in build.glob(pattern):
            shutil.copy2(file, PACKAGES)


def rpm(results, work):
    place = "Debian bookworm's rpm"
    try:
        root = places.root_folder("bookworm+packages", "build-essential", "cargo", "rustc", "rpm", "rpmlint", "pkgconf",
                                  "man-db")
    except Unavailable as why:
        results.unavailable(place, "rpm", why)
        return
    for old in PACKAGES.glob("libpidfd_spawn*"):
        old.unlink()
    build = work / "build"
    sources = places.fresh(build / "SOURCES")
    for file in (TARBALL, TOP / "packaging/rpm/libpidfd_spawn.spec", TOP / "packaging/rpm/libpidfd_spawn.rpmlintrc"):
        shutil.copy2(file, sources)
    chroot_run(root, work, "chown", "-R", "nobody", "build")
    # Debian's packages are not in rpm's database, so what the build needs cannot be looked up there.
    status, text = chroot_run(root, build, "rpmbuild", "-ba", "--nodeps", "--define", "_topdir /mnt",
                              "SOURCES/libpidfd_spawn.spec", options=AS_NOBODY, log=work / "build.log")
    built = done_by(results, place, "rpm", "rpmbuild, as an ordinary user, no network", (status, text))
    results.counted(place, "rpm, the C suite at build time", Tally(text, status))
    if not built:
        return
    status, text = chroot_run(root, build, "sh", "-c", "exec rpmlint --strict --rpmlintrc "
                              "SOURCES/libpidfd_spawn.rpmlintrc SOURCES/*.spec SRPMS/*.rpm RPMS/*/*.rpm",
                              options=AS_NOBODY, log=work / "rpmlint.log")
    done_by(results, place, "rpm", "rpmlint", (status, text))
    print("".join(f"{line}\n" for line in text.splitlines() if re.search(": [EW]: ", line)), end="")
    packages = sorted((build / "RPMS").glob("*/*.rpm"))
    trial(results, place, "rpm", root, work, [file for file in packages if "-debug" not in file.name])
    for file in [*packages, *(build / "SRPMS").glob("*.rpm")]:
        shutil.copy2(file, PACKAGES)


PARTS = {"dist": dist, "deb": deb, "rpm": rpm}


def add_arguments(parser):
    parser.add_argument("parts", nargs="+", choices=list(PARTS))


def packages(results, arguments):
    places.side_by_side(results, arguments.parts, PARTS,
                        lambda part, name: PARTS[name](part, places.fresh(PACKAGES / name)), 1)
