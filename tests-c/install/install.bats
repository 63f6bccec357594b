#!/usr/bin/env bats
# shellcheck disable=SC2030,SC2031,SC2154 # each test has its own; variables of scripts/helpers.bash and of bats
# SPDX-License-Identifier: MIT OR Apache-2.0
#
# Installs the library twice, below a DESTDIR and below a PREFIX of its own, looks at what is there, builds and runs a
# program against it with every tool that people use, and uninstalls it.  The tests build on each other, in this order.

load ../../scripts/helpers

here=$top/tests-c/install
work=$build/install
# The prefix does not have the usual LIBDIR, but one in which CMake looks too; the stage has a space.
stage="$work/a stage"
prefix=$work/prefix
multiarch=$(gcc -print-multiarch 2>/dev/null) || multiarch=
if [ -n "$multiarch" ]; then libdir=$prefix/lib/$multiarch; else libdir=$prefix/lib64; fi
warnings="-Wall -Wextra -pedantic ${WERROR:-}"
make=${MAKE:-make}
narrow=i686-linux-gnu-gcc
making='cargo build\|static-archive\|^cp \| -o build/'
# What was said to the make that runs this is not meant for those that are started here.
unset MAKEFLAGS MFLAGS MAKELEVEL MAKEOVERRIDES PREFIX BINDIR LIBDIR INCLUDEDIR MANDIR DESTDIR STRIP
unset CFLAGS CPPFLAGS LDFLAGS PKG_CONFIG_PATH PKG_CONFIG_SYSROOT_DIR LD_LIBRARY_PATH CMAKE_PREFIX_PATH
export PKG_CONFIG_LIBDIR=$libdir/pkgconfig

setup_file() {
  rm -rf "$work"
  mkdir -p "$work"
}

setup() {
  cd "$top" || exit
}

staged() (
  umask 077
  "$make" -s "$1" DESTDIR="$stage"
)

prefixed() {
  "$make" -s "$1" PREFIX="$prefix" LIBDIR="$libdir"
}

# What is to be there below the stage, as `mode path`, or `link path -> target`.
expected() {
  cat <<END
644 include/pidfd_spawn-overlay/spawn.h
644 include/pidfd_spawn-overlay/sys/pidfd.h
644 include/pidfd_spawn-overlay/sys/wait.h
link include/pidfd_spawn-musl/pidfd_spawn.h -> ../pidfd_spawn.h
link include/pidfd_spawn-musl/spawn_ext.h -> ../spawn_ext.h
644 include/pidfd_spawn.h
644 include/spawn_ext.h
644 lib/cmake/pidfd_spawn/pidfd_spawn-config-version.cmake
644 lib/cmake/pidfd_spawn/pidfd_spawn-config.cmake
644 lib/libpidfd_spawn.a
link lib/libpidfd_spawn.so -> libpidfd_spawn.so.0
link lib/libpidfd_spawn.so.0 -> libpidfd_spawn.so.$version
755 lib/libpidfd_spawn.so.$version
link lib/pidfd_spawn-musl/libpidfd_spawn.a -> ../libpidfd_spawn.a
link lib/pidfd_spawn-musl/libpidfd_spawn.so -> ../libpidfd_spawn.so
644 lib/pkgconfig/pidfd_spawn-musl.pc
644 lib/pkgconfig/pidfd_spawn-overlay.pc
644 lib/pkgconfig/pidfd_spawn.pc
755 bin/pidfd-spawn-info
755 bin/pidfd-spawn-weaken
END
  local page
  for page in man/*.[1-8]; do echo "644 share/man/man${page##*.}/${page#man/}"; done
}

# nothing_left FOLDER: by names below the folder, for a checkout may have any.
nothing_left() {
  local left
  left=$(cd "$1" && find . ! -type d -o -path '*pidfd_spawn*')
  [ -z "$left" ] || { echo "left: $left" && false; }
}

# runs LINKAGE PROGRAM: it works, and is linked as it should be: shared, with the archive, or with archives alone
# (full).
runs() {
  local needed
  case $1 in
    shared) LD_LIBRARY_PATH=$libdir "$2" ;;
    *) "$2" ;;
  esac || return
  needed=$(readelf -dW "$2" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p')
  case $1:$needed in
    shared:*libpidfd_spawn.so.0*) ;;
    shared:*) echo "$2 does not need libpidfd_spawn.so.0" && return 1 ;;
    *libpidfd_spawn*) echo "$2 needs the shared library" && return 1 ;;
    full:?*) echo "$2 needs $needed" && return 1 ;;
  esac
}

# compiled LINKAGE SOURCE MODULE COMPILER...: with what pkg-config says.
compiled() {
  local linkage=$1 source=$here/$2 module=$3 libs
  shift 3
  set -- "$@" -o "$work/program" "$source"
  case $linkage in
    shared) libs=$(pkg-config --libs "$module") ;;
    archive) libs="-DARCHIVE $(pkg-config --variable=libdir pidfd_spawn)/libpidfd_spawn.a" ;;
    full) libs="-DARCHIVE -static $(pkg-config --static --libs "$module")" ;;
  esac || return
  # What pkg-config prints is quoted for a shell.
  eval "set -- \"\$@\" $warnings $(pkg-config --cflags "$module") $libs"
  "$@" && runs "$linkage" "$work/program"
}

# by_c_compiler COMPILER LINKAGE...
by_c_compiler() {
  local compiler=$1 linkage
  shift
  require pkg-config "$compiler"
  for linkage; do
    can_link "$linkage" "$compiler"
    compiled "$linkage" client.c pidfd_spawn "$compiler" -std=c89
    compiled "$linkage" overlay.c pidfd_spawn-overlay "$compiler" -std=c99
  done
}

# by_cxx_compiler COMPILER LINKAGE
by_cxx_compiler() {
  require pkg-config "$1"
  can_link "$2" "$1" -x c++
  compiled "$2" client.c pidfd_spawn "$1" -x c++ -std=c++98
  compiled "$2" overlay.c pidfd_spawn-overlay "$1" -x c++
}

# can_link LINKAGE COMPILER...: many systems have the static libraries in packages of their own, or not at all.
can_link() {
  [ "$1" = full ] || return 0
  shift
  echo 'int main () { return 0; }' >"$work/main.c"
  "$@" -static -o "$work/program" "$work/main.c" 2>/dev/null || skip "$1 finds no static libraries of the system"
}

# with_musl LINKAGE SOURCE MODULE...: musl-gcc looks for nothing in the system's folders, and must not be made to: where
# PREFIX is /usr, as here, they hold the headers and the libc.so of another C library.  pkg-config leaves out the
# options that name them.
with_musl() {
  local linkage=$1 source=$here/$2 static='' options musl
  shift 2
  [ "$linkage" = shared ] || static=yes
  # What pkg-config prints of a sysroot it does not quote, so that this one must have no space.
  musl=$BATS_TEST_TMPDIR/musl
  ln -sfn "$work/musl" "$musl"
  options=$(PKG_CONFIG_LIBDIR="$musl/usr/lib/pkgconfig" PKG_CONFIG_SYSROOT_DIR="$musl" \
    PKG_CONFIG_SYSTEM_INCLUDE_PATH="$musl/usr/include" PKG_CONFIG_SYSTEM_LIBRARY_PATH="$musl/usr/lib" \
    pkg-config ${static:+--static} --cflags --libs "$@") || return
  # What pkg-config prints is quoted for a shell.
  eval "set -- $warnings $options"
  musl-gcc ${static:+-static -DARCHIVE} -std=gnu99 -o "$work/program" "$source" "$@" || return
  libdir=$work/musl/usr/lib runs "$linkage" "$work/program"
}

# with_cmake PREFIX OPTION...: all programs of cmake/.
with_cmake() {
  local found_in=$1 program linkage count=0
  shift
  rm -rf "$work/cmake"
  cmake -S "$here/cmake" -B "$work/cmake" -DCMAKE_PREFIX_PATH="$found_in" "$@"
  cmake --build "$work/cmake" -j2
  for program in "$work"/cmake/*; do
    if [ -d "$program" ] || [ ! -x "$program" ]; then continue; fi
    case $program in
      *-full-static) linkage=full ;;
      *-static) linkage=archive ;;
      *) linkage=shared ;;
    esac
    runs $linkage "$program"
    count=$((count + 1))
  done
  [ $count -gt 0 ]
}

# found_as BITS COMPILER: what CMake says of the package with that compiler, for a library of that width.  A library of
# 32 bits need not be loaded for that, only be an ELF file.
found_as() {
  rm -rf "$work/width-build"
  cmake -S "$work/width" -B "$work/width-build" -DCMAKE_C_COMPILER="$2" -DCMAKE_PREFIX_PATH="$work/bits$1" \
    >"$work/width.log" 2>&1 || true
  sed -n 's/^-- package: //p' "$work/width.log"
}

@test "DESTDIR: make install" {
  staged install
}

@test "DESTDIR: the files, their modes and links" {
  (cd "$stage/usr/local" && find . \( -type f -printf '%m %P\n' \) -o \( -type l -printf 'link %P -> %l\n' \)) |
    LC_ALL=C sort -k 2 | diff <(expected | LC_ALL=C sort -k 2) -
}

# Whatever the umask of whoever installs, others must get there.
@test "DESTDIR: the folders can be entered by all" {
  [ -z "$(find "$stage/usr/local" -type d ! -perm 755 | tee /dev/stderr)" ]
}

@test "DESTDIR: no path of the build, and nothing to be filled in, is in a file" {
  run ! grep -rlaF "$top" "$stage"
  run ! grep -rlaF '@' "$stage/usr/local/lib/pkgconfig" "$stage/usr/local/lib/cmake"
}

@test "DESTDIR: no symbol that only the linker of the library needs" {
  require readelf strip
  run ! grep '\.symtab\|\.debug' <(readelf -SW "$stage/usr/local/lib/libpidfd_spawn.so")
  run ! grep '\.debug' <(readelf -SW "$stage/usr/local/lib/libpidfd_spawn.a")
  readelf -sW "$stage/usr/local/lib/libpidfd_spawn.a" | grep ' pidfd_spawn$'
}

# By whoever installs, who may be root.
@test "what is up to date is not made again" {
  "$make" -n install DESTDIR="$stage" >"$work/commands"
  run ! grep -n -- "$making" "$work/commands"
}

# Also of a tree in which nothing is up to date.
@test "a plain make makes all that is installed" {
  "$make" -Bn | grep -- "$making" >"$work/made"
  "$make" -Bn install DESTDIR="$stage" | grep -- "$making" | diff "$work/made" -
}

@test "a relative PREFIX is refused" {
  run ! "$make" -s install DESTDIR="$work/never" PREFIX=relative
  [ ! -e "$work/never" ]
}

@test "PREFIX: make install, twice" {
  mkdir -p "$prefix/include" "$libdir"
  touch "$prefix/include/other.h" "$libdir/libother.so.0"
  prefixed install
  prefixed install
}

@test "pkg-config: version, valid files" {
  require pkg-config
  [ "$(pkg-config --modversion pidfd_spawn)" = "$version" ]
  pkg-config --validate pidfd_spawn pidfd_spawn-overlay pidfd_spawn-musl
}

@test "pkg-config: gcc" {
  by_c_compiler gcc shared archive
}

@test "pkg-config: gcc, all static" {
  by_c_compiler gcc full
}

@test "pkg-config: clang" {
  by_c_compiler clang shared archive
}

@test "pkg-config: clang, all static" {
  by_c_compiler clang full
}

@test "pkg-config: g++" {
  by_cxx_compiler g++ shared
}

@test "pkg-config: g++, all static" {
  by_cxx_compiler g++ full
}

@test "pkg-config: clang++" {
  by_cxx_compiler clang++ shared
}

@test "pkg-config: clang++, all static" {
  by_cxx_compiler clang++ full
}

@test "pkg-config: musl-gcc" {
  require pkg-config musl-gcc
  "$make" -s install DESTDIR="$work/musl" PREFIX=/usr
  local linkage
  for linkage in shared full; do
    with_musl $linkage client.c pidfd_spawn-musl
    with_musl $linkage overlay.c pidfd_spawn-overlay pidfd_spawn-musl
  done
}

@test "CMake" {
  require cmake make
  with_cmake "$prefix"
}

@test "CMake, all static" {
  require cmake make
  can_link full cc
  with_cmake "$prefix" -DFULL_STATIC=ON
}

@test "CMake: found with 32 and with 64 bits, and not one for the other" {
  require cmake make
  case $(gcc -dumpmachine) in x86_64-*) ;; *) skip "not on $(uname -m)" ;; esac
  have $narrow || skip "no compiler for i386 (gcc-i686-linux-gnu)"
  mkdir -p "$work/width" "$work/fake/lib" "$work/fake/include"
  cat >"$work/width/CMakeLists.txt" <<'END'
cmake_minimum_required (VERSION 3.13)
project (width C)
find_package (pidfd_spawn 0.1 QUIET CONFIG)
if (pidfd_spawn_FOUND)
  message (STATUS "package: found")
else ()
  message (STATUS "package: ${pidfd_spawn_CONSIDERED_VERSIONS}")
endif ()
END
  cp build/include/* "$work/fake/include/"
  cp build/lib/libpidfd_spawn.a "$work/fake/lib/"
  mkdir -p "$work/fake/bin"
  cp build/bin/pidfd-spawn-info build/bin/pidfd-spawn-weaken "$work/fake/bin/"
  echo 'int pidfd_fork (void) { return 0; }' >"$work/fake.c"
  local bits compiler
  for bits in 32 64; do
    if [ $bits = 64 ]; then compiler=gcc; else compiler=$narrow; fi
    "$compiler" -shared -nostdlib -fPIC -o "$work/fake/lib/libpidfd_spawn.so.$version" "$work/fake.c"
    VERSION=$version SONAME=libpidfd_spawn.so.0 BUILD=$work/fake STRIP='' DESTDIR='' PREFIX=$work/bits$bits \
      BINDIR=$work/bits$bits/bin LIBDIR=$work/bits$bits/lib INCLUDEDIR=$work/bits$bits/include \
      MANDIR=$work/bits$bits/man packaging/install/files install
  done
  diff <(printf '%s\n' found found "$version (32 bits)" "$version (64 bits)") \
    <(found_as 32 $narrow && found_as 64 gcc && found_as 32 gcc && found_as 64 $narrow)
}

@test "Meson" {
  require meson ninja
  mkdir -p "$work/meson"
  cp "$here/meson/meson.build" "$here/client.c" "$here/overlay.c" "$work/meson"
  meson setup "$work/meson/build" "$work/meson"
  ninja -C "$work/meson/build"
  runs shared "$work/meson/build/shared"
  runs archive "$work/meson/build/static"
  runs shared "$work/meson/build/overlay"
}

# As a package that is unpacked somewhere else; the .pc files name the prefix, as is usual.
@test "CMake, moved" {
  require cmake make
  mv "$prefix" "$work/moved"
  libdir=$work/moved/${libdir#"$prefix"/}
  with_cmake "$work/moved" -DCMAKE_DISABLE_FIND_PACKAGE_PkgConfig=ON
}

teardown() {
  [ ! -d "$work/moved" ] || mv "$work/moved" "$prefix"
}

# The plain `make install` of root, where nothing is to be said to the compiler and the loader, on copies of the folders
# that it changes; they end with their mounts.
@test "without DESTDIR and PREFIX: found by gcc and the loader" {
  { [ "$(id -u)" = 0 ] && have gcc && unshare --mount true 2>/dev/null; } || skip 'needs root, gcc and mount namespaces'
  mkdir -p "$work/copies"
  # shellcheck disable=SC2016 # for the inner shell
  unshare --mount sh -ec '
    mount -t tmpfs tmpfs "$1/copies"
    mkdir "$1/copies/etc" "$1/copies/local"
    cp -a /etc/. "$1/copies/etc"
    mount --bind "$1/copies/etc" /etc
    mount --bind "$1/copies/local" /usr/local
    "$2" -s install >"$1/log.local" 2>&1
    if grep "the loader does not look" "$1/log.local"; then exit 1; fi
    gcc -o "$1/program" "$3" -lpidfd_spawn
    "$1/program"
    "$2" -s install LIBDIR=/usr/local/elsewhere 2>&1 | grep "the loader does not look in /usr/local/elsewhere: "
    "$2" -s uninstall LIBDIR=/usr/local/elsewhere >"$1/log.local"
    "$2" -s uninstall >"$1/log.local"
    /sbin/ldconfig -p >"$1/cache"
    if grep "pidfd_spawn.*=> /usr/local/" "$1/cache"; then exit 1; fi
    left=$(find /usr/local ! -type d)
    [ -z "$left" ] || { echo "left: $left"; exit 1; }' sh "$work" "$make" "$here/client.c"
}

@test "DESTDIR: make uninstall leaves nothing, also when the programs that were built are gone" {
  mv "$build/bin" "$work/bin"
  staged uninstall || :
  mv "$work/bin" "$build/bin"
  nothing_left "$stage"
}

@test "PREFIX: make uninstall leaves other libraries' files, and nothing else" {
  prefixed uninstall
  [ -e "$prefix/include/other.h" ] && [ -e "$libdir/libother.so.0" ]
  rm -f "$prefix/include/other.h" "$libdir/libother.so.0"
  nothing_left "$prefix"
}
