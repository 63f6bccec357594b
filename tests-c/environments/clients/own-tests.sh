# shellcheck shell=sh
# What the scripts share that run tests with the library and without it, here or in a root folder: for LIBRARY BUILD.

# shellcheck source=tests-c/environments/clients/report.sh
. "${clients:?}/report.sh"

library=$1
build=$2
calls=$build/${0##*/}.calls

build_interposer &&
  cc -std=gnu11 -D_GNU_SOURCE -O1 -g -Wall -Wextra -Werror -fPIC -shared -o "$build/forks.so" "$clients/forks.c" &&
  cp -L "$library" "$build/libpidfd_spawn.so" || exit 1

# in_mode MODE FOLDER: the environment of a command; FOLDER is $build as the command sees it.  The modes are: without;
# preloaded; interposed, with the library in the place of posix_spawn; forks, in that of fork and vfork as well.
in_mode() {
  interposed=$2/interposer.so:$2/libpidfd_spawn.so
  counts_to=PIDFD_SPAWN_CALLS=$2/${calls##*/}
  case $1 in
    without) echo LD_PRELOAD= ;;
    preloaded) echo "LD_PRELOAD=$2/libpidfd_spawn.so" ;;
    interposed) echo "LD_PRELOAD=$interposed $counts_to" ;;
    forks) echo "LD_PRELOAD=$2/forks.so:$interposed $counts_to PIDFD_SPAWN_FORKS=1" ;;
  esac
}

# here MODE SECONDS COMMAND...
here() {
  settings=$(in_mode "$1" "$build")
  seconds=$2
  shift 2
  # shellcheck disable=SC2086 # a list
  limited "$seconds" env $settings "$@"
}

# in_root MODE SECONDS COMMAND...: in the root folder $root and the folder $build, which is /mnt there.  What the
# command starts ends with it.
in_root() {
  settings=$(in_mode "$1" /mnt)
  seconds=$2
  shift 2
  # shellcheck disable=SC2086 # a list
  timeout -k 10 "$seconds" unshare --pid --fork --kill-child scripts/chroot-run "${root:?}" "$build" \
    env $settings "$@"
}

# in_release RELEASE PACKAGE...: a root folder of it with these packages, in $root; else why not, in $why.  It is apart
# from the one that others use, for the packages are many.
in_release() {
  folder=$1+clients
  shift
  why=
  root=$(scripts/root-folder "$folder" "$@") && return
  why=${root#skipped: }
  return 1
}

in_testing() {
  in_release testing "$@"
}

# newest_source PACKAGE: the newest release of Debian whose source a mirror has, in $release, and its folder in $source;
# else why not, in $why
newest_source() {
  for release in testing trixie bookworm; do
    source=$(scripts/debian-package $release "src:$1") && return
    why="${source#skipped: }"
  done
  return 1
}

# same NAME WITHOUT WITH: two files with a line "RESULT TEST" for each test, of the run without the library and of the
# one with it.  What fails or is skipped without it does so with it.  Leaves how many in $counts.
same() {
  sort -o "$2" "$2"
  sort -o "$3" "$3"
  counts="$(wc -l <"$2") results as without ($(cut -d ' ' -f 1 "$2" | uniq -c | awk '{
    printf "%s%d %s", (NR > 1) ? ", " : "", $1, $2 }'))"
  why=$(diff "$2" "$3" | sed -n 's/^< /without the library: /p; s/^> /with it: /p' | head -n 6)
  grep -qi '^ok \|^pass ' "$2" || why="no test has passed"
  judge "$1: $counts" "$why"
}

# by_library NAME LETTER: at least one process was made by it, and none was lost.  Leaves how many in $went.
by_library() {
  went="$(counted s) processes by spawn, $(counted f) by fork, $(counted e) calls refused, $(counted l) lost"
  why=
  [ "$(counted "$2")" -gt 0 ] && [ "$(counted l)" -eq 0 ] || why=$went
  judge "$1: by the library ($went)" "$why"
}

# bound SYMBOL: reads what the loader says with LD_DEBUG=bindings
bound() {
  grep -q "to .*/libpidfd_spawn\.so.*\`$1'"
}
