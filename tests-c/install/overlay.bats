#!/usr/bin/env bats
# shellcheck disable=SC2154 # variables of scripts/helpers.bash and of bats
# SPDX-License-Identifier: MIT OR Apache-2.0
#
# The overlay headers, in front of those of several C libraries, compile in every language mode and include order
# without a warning; a program that was written for glibc 2.39 is built and run with each C library that is available.

load ../../scripts/helpers

work=$build/overlay
roots=${XDG_CACHE_HOME:-${HOME:-/tmp}/.cache}/libpidfd_spawn/root
warnings='-Wall -Wextra -Wpedantic -Werror'
overlay="-Iinclude/overlay -Ibuild/include"

# What a program may take from each header.  Where glibc's words for it are not, it is musl.
use_spawn='
#ifdef __GLIBC__
# if __GLIBC_PREREQ (2, 39) && !defined __USE_GNU
#  define NO_SETCGROUP
# endif
# if !__GLIBC_PREREQ (2, 29)
#  define NO_CHDIR
# endif
#endif
#if defined __USE_MISC || defined _GNU_SOURCE || defined _BSD_SOURCE
int use_spawn (int *, char **);
int use_spawn (int *pidfd, char **argv)
{ return pidfd_spawn (pidfd, "", 0, 0, argv, argv) + pidfd_spawnp (pidfd, "", 0, 0, argv, argv); }
#if !defined NO_SETCGROUP || defined POSIX_SPAWN_SETCGROUP
int use_cgroup (posix_spawnattr_t *);
int use_cgroup (posix_spawnattr_t *attr)
{ int fd; return posix_spawnattr_getcgroup_np (attr, &fd)
  + posix_spawnattr_setcgroup_np (attr, POSIX_SPAWN_SETCGROUP); }
#endif
#ifndef NO_CHDIR
int use_chdir (posix_spawn_file_actions_t *);
int use_chdir (posix_spawn_file_actions_t *facts)
{ return posix_spawn_file_actions_addchdir (facts, "") + posix_spawn_file_actions_addfchdir (facts, 0); }
#endif
#endif'
use_pidfd='
int use_pidfd (void);
int use_pidfd (void) { return pidfd_open (1, PIDFD_NONBLOCK) + pidfd_getfd (0, 0, 0) + (int) pidfd_getpid (0); }
#if defined __GLIBC__ || defined SI_USER
int use_send (void);
int use_send (void) { return pidfd_send_signal (0, 0, 0, 0); }
#endif'
# What the C library's own <sys/pidfd.h> has, called before ours comes.
calls='
#ifdef PIDFD_NONBLOCK
int calls (void);
int calls (void) { return pidfd_open (1, 0) + pidfd_getfd (0, 0, 0)
# ifdef __GLIBC__
  + pidfd_send_signal (0, 0, 0, 0)
#  if __GLIBC_PREREQ (2, 39)
  + (int) pidfd_getpid (0)
#  endif
# endif
  ; }
#endif'
use_wait='
#if defined __USE_XOPEN || defined __USE_XOPEN2K8 \
  || (!defined __GLIBC__ && (defined _GNU_SOURCE || defined _BSD_SOURCE))
int use_wait (void);
int use_wait (void) { idtype_t kind = P_PIDFD; return
  kind == (idtype_t) 3 ? (int) waitid (P_PIDFD, 0, 0, WEXITED) : 0; }
#endif'

# orders FOLDER ORDER...: for each order of headers a source that includes them and uses what the function `body` makes.
orders() {
  local folder=$1 number=0 order
  shift
  mkdir -p "$folder"
  for order; do
    number=$((number + 1))
    body "$order" >"$folder/$number.c"
  done
}

with_overlay() {
  # shellcheck disable=SC2086 # a list of headers
  printf '#include <%s>\n' $1
  case " $1 " in *" spawn.h "*) echo "$use_spawn" ;; esac
  case " $1 " in *" sys/pidfd.h "*) echo "$use_pidfd" ;; esac
  case " $1 " in *" sys/wait.h "*) echo "$use_wait" ;; esac
}

# <pidfd_spawn.h> and <spawn_ext.h> where there is no overlay.
without_overlay() {
  local header
  for header in $1; do
    printf '#if __has_include (<%s>)\n#include <%s>\n#endif\n' "$header" "$header"
  done
  echo 'int use_spawn (int *, char **);
    int use_spawn (int *pidfd, char **argv)
    { return pidfd_spawn (pidfd, "", 0, 0, argv, argv) + pidfd_fork (PIDFDFORK_ASYNCSAFE) + (int) pidfd_getpid (0); }
    int use_ext (const struct pidfd_spawn_args *, char **);
    int use_ext (const struct pidfd_spawn_args *args, char **argv)
    { return pidfd_spawn_ext (0, "", 0, 0, argv, argv, args, sizeof *args) + pidfd_wait (0, 0, 0, 0); }
    int use_cgroup (posix_spawnattr_t *);
    int use_cgroup (posix_spawnattr_t *attr) { return posix_spawnattr_setcgroup_np (attr, POSIX_SPAWN_SETCGROUP); }'
  case " $1 " in *" pidfd_spawn.h "*) echo "$use_pidfd" "$use_wait" ;; esac
}

# <sys/pidfd.h> is wrapped by those who know what it lacks.
wrapped() {
  local header
  for header in $1; do
    case $header in
      wrapped)
        printf '#if __has_include (<sys/pidfd.h>)\n#ifdef __cplusplus\nextern "C" {\n#endif\n#include <sys/pidfd.h>
#ifdef __cplusplus\n}\n#endif\n#endif\n'
        ;;
      calls) echo "$calls" ;;
      *) printf '#if __has_include (<%s>)\n#include <%s>\n#endif\n' "$header" "$header" ;;
    esac
  done
  echo "$use_pidfd"
}

setup_file() {
  rm -rf "$work"
  mkdir -p "$work/again"
  cp -R "$top/include/overlay/." "$work/again"

  body() { with_overlay "$1"; }
  orders "$work/orders" \
    "spawn.h" \
    "sys/pidfd.h" \
    "sys/wait.h" \
    "spawn.h sys/pidfd.h sys/wait.h" \
    "sys/wait.h sys/pidfd.h spawn.h" \
    "stdlib.h sys/pidfd.h spawn.h sys/pidfd.h sys/wait.h" \
    "pidfd_spawn.h sys/pidfd.h spawn.h sys/wait.h" \
    "sys/pidfd.h spawn.h sys/wait.h pidfd_spawn.h" \
    "spawn_ext.h sys/wait.h sys/pidfd.h spawn.h"
  # The kernel's macros and the libc's enumerators cannot be in one program; this one has no need of the latter.
  printf '#include <linux/wait.h>\n#include <sys/pidfd.h>\n%s\n' "$use_pidfd" >"$work/orders/linux.c"
  # Nor can <linux/pidfd.h> and a libc's <sys/pidfd.h>; that of the overlay can.
  cat >"$work/orders/linux-pidfd.c" <<END
#include <limits.h>
#if __has_include (<linux/pidfd.h>) && !defined __GLIBC__
#include <linux/pidfd.h>
#endif
#include <sys/pidfd.h>
$use_pidfd
END

  # And what was called already stays what it is.
  printf '#include <sys/pidfd.h>\n%s\n#include <pidfd_spawn.h>\n' "$use_pidfd" >"$work/orders/called.c"

  body() { without_overlay "$1"; }
  orders "$work/plain" \
    "pidfd_spawn.h" \
    "spawn_ext.h" \
    "spawn.h sys/wait.h pidfd_spawn.h" \
    "sys/pidfd.h pidfd_spawn.h" \
    "pidfd_spawn.h sys/pidfd.h" \
    "sys/pidfd.h spawn_ext.h" \
    "spawn_ext.h sys/pidfd.h" \
    "spawn_ext.h sys/pidfd.h pidfd_spawn.h" \
    "sys/pidfd.h spawn_ext.h pidfd_spawn.h" \
    "linux/pidfd.h pidfd_spawn.h" \
    "linux/pidfd.h spawn_ext.h pidfd_spawn.h"
  wrapped 'wrapped pidfd_spawn.h' >"$work/plain/wrapped-before.c"
  wrapped 'pidfd_spawn.h wrapped' >"$work/plain/wrapped-after.c"
  wrapped 'wrapped calls pidfd_spawn.h' >"$work/plain/wrapped-called.c"
  wrapped 'wrapped calls spawn_ext.h pidfd_spawn.h' >"$work/plain/wrapped-called-ext.c"
  wrapped 'sys/pidfd.h calls pidfd_spawn.h' >"$work/plain/called.c"

  # The names are the program's where the C library's strict modes leave them to it.
  cat >"$work/own-names.c" <<'END'
#include <spawn.h>
#include <sys/wait.h>
typedef int pidfd_spawn, pidfd_spawnp, pidfd_getpid, pidfd_open;
pidfd_spawn own;
END
}

setup() {
  cd "$top" || exit
}

# in_all_modes FOLDER COMPILER FLAG...: for C if the compiler is one for C, else for C++.
in_all_modes() {
  local sources=$1 compiler=$2 language standards standard
  shift 2
  case $compiler in
    *++) language=c++ standards='c++98 gnu++98 c++11 c++14 c++17 c++20 gnu++20' ;;
    *) language=c standards='c89 gnu89 c99 gnu99 c11 gnu11 c17 gnu17' ;;
  esac
  # One compiler for all orders of a mode.
  for standard in $standards; do
    echo "-std=$standard"
  done | xargs -P 2 -n 1 "$compiler" -x $language "$@" -fsyntax-only "$sources"/*.c
}

# names COMPILER FLAG...: what the functions are called in the end.  A C++ compiler would not call them as C does if it
# were not told.
names() {
  local source language=c
  case $1 in *++) language=c++ ;; esac
  for source in "$work"/plain/*.c; do
    "$@" -x $language -c -o "$BATS_TEST_TMPDIR/names.o" "$source"
    nm -u "$BATS_TEST_TMPDIR/names.o" | sed 's/.* //' >"$BATS_TEST_TMPDIR/names"
    run ! grep -v -e '^pidfd_[a-z_]*$' -e '^waitid$' -e '^syscall$' -e '^posix_spawn[a-z_]*$' -e '^__stack_chk_fail$' \
      -e '^_GLOBAL_OFFSET_TABLE_$' "$BATS_TEST_TMPDIR/names"
  done
}

own_headers() {
  case $1 in
    clang*) echo "$(clang -print-resource-dir)/include" ;;
    *) gcc -print-file-name=include ;;
  esac
}

# flags_for LIBC: sets $flags to what finds the headers of that C library: of a Debian release, in a root folder if
# another target has made one, else in packages.
flags_for() {
  local folder folders libc_dev linux_dev
  flags=()
  case $1 in
    here) ;;
    musl)
      require musl-gcc
      kernel_headers
      flags=(-isystem "/usr/include/$(uname -m)-linux-musl" -isystem "$work/kernel")
      ;;
    *)
      folders=("$roots/$1")
      if [ ! -e "$roots/$1/usr/include/spawn.h" ]; then
        libc_dev=$(scripts/debian-package "$1" libc6-dev) || skip "${libc_dev#skipped: }"
        linux_dev=$(scripts/debian-package "$1" linux-libc-dev) || skip "${linux_dev#skipped: }"
        folders=("$libc_dev" "$linux_dev")
      fi
      for folder in "${folders[@]}"; do
        flags+=(-isystem "$folder/usr/include/$(gcc -print-multiarch)" -isystem "$folder/usr/include")
      done
      ;;
  esac
}

# Where musl's compiler finds the headers of the kernel.
kernel_headers() {
  mkdir -p "$work/kernel"
  ln -sfn /usr/include/linux /usr/include/asm-generic "/usr/include/$(gcc -print-multiarch)/asm" "$work/kernel"
}

# headers LIBC COMPILER
headers() {
  require "$2"
  local libc=$1 compiler=$2 flags own=()
  flags_for "$libc"
  # Each compiler has <stddef.h> and the like of its own.
  [ ${#flags[@]} -eq 0 ] || own=(-nostdinc -isystem "$(own_headers "$compiler")")
  # shellcheck disable=SC2086 # lists of options
  in_all_modes "$work/orders" "$compiler" $warnings $overlay "${own[@]}" "${flags[@]}"
  # shellcheck disable=SC2086
  in_all_modes "$work/plain" "$compiler" $warnings -Ibuild/include "${own[@]}" "${flags[@]}"
  # shellcheck disable=SC2086
  names "$compiler" $warnings -D_GNU_SOURCE -Ibuild/include "${own[@]}" "${flags[@]}"
  case $compiler in *++) return ;; esac
  # shellcheck disable=SC2086 # a strict program
  "$compiler" -std=c99 $warnings $overlay "${own[@]}" "${flags[@]}" -fsyntax-only "$work/own-names.c"
  # shellcheck disable=SC2086 # two overlays
  "$compiler" -std=gnu17 $warnings "-I$work/again" $overlay "${own[@]}" "${flags[@]}" -fsyntax-only "$work"/orders/*.c
}

# What the compiler sees of the C library, definitions of macros included; the overlay's own and the two names of POSIX
# are not meant.
seen() {
  printf '#include <%s>\n' spawn.h sys/pidfd.h sys/wait.h | gcc -E -P -dD -x c "$@" - |
    sed -e '/PIDFD_SPAWN_OVERLAY/d' -e '/define _PIDFD_H/d' -e '/^ *$/d' \
      -e '/posix_spawn_file_actions_addf\{0,1\}chdir (/,/;/d'
}

# nothing_changes RELEASE: whose glibc has all of it, since 2.39.
nothing_changes() {
  local flags standard
  flags_for "$1"
  flags+=(-nostdinc -isystem "$(own_headers gcc)")
  for standard in c89 gnu89 c99 gnu17; do
    seen -std=$standard "${flags[@]}" >"$work/without"
    # shellcheck disable=SC2086 # a list of options
    seen -std=$standard $overlay "${flags[@]}" >"$work/with"
    [ -s "$work/without" ]
    cmp "$work/without" "$work/with"
  done
}

# programs COMPILER ARGUMENT...: overlay.c, linked in both ways, and with each header before all others.
programs() {
  require "$1"
  local first define
  # shellcheck disable=SC2086 # lists of options
  for first in none '<spawn.h>' '<sys/pidfd.h>' '<sys/wait.h>' '<pidfd_spawn.h>'; do
    define=()
    [ "$first" = none ] || define=("-DFIRST=$first")
    build_and_run "$@" $warnings $overlay "${define[@]}" -Lbuild/lib -lpidfd_spawn
  done
  # shellcheck disable=SC2086
  build_and_run "$@" -static -DARCHIVE $warnings $overlay build/lib/libpidfd_spawn.a
  # The functions of <pidfd_spawn.h> itself: where the libc does not have them they are made there.
  # shellcheck disable=SC2086
  for first in none '<sys/pidfd.h>' '<linux/pidfd.h>'; do
    define=()
    if [ "$first" != none ]; then
      echo "#include $first" | "$1" "${kernel[@]}" -E - >/dev/null 2>&1 || continue
      # "linux" is a macro otherwise.
      define=(-Ulinux "-DFIRST=$first")
    fi
    build_and_run "$@" -DWITHOUT_OVERLAY $warnings -Ibuild/include "${kernel[@]}" "${define[@]}" \
      -Lbuild/lib -lpidfd_spawn
  done
}

build_and_run() {
  "$@" -o "$work/program"
  LD_LIBRARY_PATH=build/lib "$work/program"
}

# in_root_folder RELEASE: builds and runs the program in the root folder, with its own compiler and C library.
in_root_folder() {
  local root=$roots/$1 private
  [ "$(id -u)" = 0 ] || skip 'only root can enter a root folder'
  [ -x "$root/usr/bin/gcc" ] || skip "no root folder with gcc: scripts/root-folder $1 gcc libc6-dev"
  # What the .pc file says for a static link is needed before glibc 2.34.
  private=$(sed -n 's/^Libs.private: //p' packaging/install/pidfd_spawn.pc.in)
  folder=$(mktemp -d "$root/tmp/overlay.XXXXXX")
  cp -R include/overlay build/include/*.h build/lib/libpidfd_spawn.* tests-c/install/overlay.c "$folder"
  chroot "$root" sh -ec "
    cd '${folder#"$root"}'
    gcc -std=c99 $warnings -Ioverlay -I. -o shared overlay.c -L. -lpidfd_spawn
    LD_LIBRARY_PATH=. ./shared
    gcc -std=gnu89 $warnings -Ioverlay -I. -static -DARCHIVE -o static overlay.c libpidfd_spawn.a $private
    ./static"
}

teardown() {
  [ -z "${folder:-}" ] || rm -rf "$folder"
}

@test "the glibc that is here: headers, gcc" { headers here gcc; }
@test "the glibc that is here: headers, clang" { headers here clang; }
@test "the glibc that is here: headers, g++" { headers here g++; }
@test "the glibc that is here: headers, clang++" { headers here clang++; }
@test "glibc of bullseye: headers, gcc" { headers bullseye gcc; }
@test "glibc of bullseye: headers, clang" { headers bullseye clang; }
@test "glibc of bullseye: headers, g++" { headers bullseye g++; }
@test "glibc of bullseye: headers, clang++" { headers bullseye clang++; }
@test "glibc of trixie: headers, gcc" { headers trixie gcc; }
@test "glibc of trixie: headers, clang" { headers trixie clang; }
@test "glibc of trixie: headers, g++" { headers trixie g++; }
@test "glibc of trixie: headers, clang++" { headers trixie clang++; }
@test "glibc of trixie: nothing changes" { nothing_changes trixie; }
@test "glibc of testing: headers, gcc" { headers testing gcc; }
@test "glibc of testing: headers, clang" { headers testing clang; }
@test "glibc of testing: headers, g++" { headers testing g++; }
@test "glibc of testing: headers, clang++" { headers testing clang++; }
@test "glibc of testing: nothing changes" { nothing_changes testing; }
@test "musl: headers, gcc" { headers musl gcc; }
@test "musl: headers, clang" { headers musl clang; }
@test "musl: headers, g++" { headers musl g++; }
@test "musl: headers, clang++" { headers musl clang++; }

@test "the glibc that is here: programs, gcc" {
  kernel=()
  programs gcc tests-c/install/overlay.c
}

@test "the glibc that is here: programs, clang++" {
  kernel=()
  programs clang++ -x c++ tests-c/install/overlay.c -x none
}

@test "musl: programs" {
  require musl-gcc
  kernel_headers
  kernel=(-idirafter "$work/kernel")
  programs musl-gcc tests-c/install/overlay.c
}

@test "bullseye: programs, shared and static" { in_root_folder bullseye; }
@test "trixie: programs, shared and static" { in_root_folder trixie; }
@test "testing: programs, shared and static" { in_root_folder testing; }
