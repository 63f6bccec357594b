# shellcheck shell=sh
# What the scripts of this folder share.  Their tests are reported in TAP; clients.py makes the rows of the table.

# shellcheck source=scripts/report.sh
. scripts/report.sh

# Never a reason to fail.
measured() {
  echo "# measured: $1"
}

# Ends a row of the table: what was said since the last one was said of this environment.
environment() {
  printf '# row: %s\t%s\n' "$1" "$2"
}

limited() {
  timeout -k 10 "$@" </dev/null
}

# unprepared STATUS NAME WHY: a check cannot be made here; but what `limited` has ended has failed.
unprepared() {
  case $1 in
    124 | 137) fail "$2" "no end in time: $3" ;;
    *) skip "$2" "$3" ;;
  esac
}

# unavailable ENVIRONMENT WHY [STATUS]: nothing of it can be tried here, which ends the script, or the subshell; the
# status is that of what prepares it
unavailable() {
  unprepared "${3:-1}" "$1" "$2"
  echo "# row: $1"
  exit 0
}

# Whether this machine's glibc has functions of the same names (2.39), so that without the library nothing is missing.
libc_has_it() {
  getconf GNU_LIBC_VERSION 2>/dev/null | awk -F '[ .]' '{ exit !($2 > 2 || $2 == 2 && $3 >= 39) }'
}

# The system calls in a file of strace -f that start processes, not threads.
processes() {
  grep -E '(^|[ 0-9])(clone3?|v?fork)\(' "$1" | grep -v CLONE_THREAD
}

# strace needs ptrace, which sandboxes forbid.
can_trace() {
  scripts/require-tools strace 2>/dev/null && strace -o /dev/null -e trace=none true 2>/dev/null
}

# Takes the place of posix_spawn and posix_spawnp in what it is put before.  The calls are counted in the file $calls.
interposed() {
  : >"${calls:?}"
  env LD_PRELOAD="${build:?}/interposer.so ${library:?}" PIDFD_SPAWN_CALLS="$calls" "$@"
}

# counted LETTER: as interposer.c has it
counted() {
  tr -cd "$1" <"$calls" | wc -c
}

build_interposer() {
  scripts/require-tools cc &&
    cc -std=gnu11 -D_GNU_SOURCE -O1 -g -Wall -Wextra -Werror -fPIC -shared -o "$build/interposer.so" \
      "${clients:?}/interposer.c"
}

# as_before WITHOUT WITH: two files of TAP.  What passes without the library must pass with it.  git writes the name of
# a skipped test after that word.
as_before() {
  awk '
    !/^(not )?ok / { next }
    { result = sub (/^not /, "") ? "failed" : / # [Ss][Kk][Ii][Pp]/ ? "skipped" : "passed"
      if (/^ok [0-9]+ # skip /)
        sub (/# skip /, "- ")
      sub (/ # .*/, "") }
    FILENAME == ARGV[1] { names[++tests] = $0; before[tests] = result; passed += result == "passed"; next }
    { after[$0] = result }
    END {
      if (!passed)
        print "not ok - " ARGV[1] "\n# no test has passed without the library"
      for (test = 1; test <= tests; test++) {
        name = names[test]
        if (before[test] != "passed")
          print name " # SKIP without the library it is " before[test] " too"
        else if (!(name in after))
          print "not " name "\n# with the library it is not reached"
        else if (after[name] != "passed")
          print "not " name "\n# with the library it is " after[name]
        else
          print name
      }
    }' "$1" "$2"
}

# spawner.c by the libc's functions and by the library, in folders of their own: BUILD/CLIENT.without/spawner,
# BUILD/CLIENT.with/spawner, which takes the library from its folder.
build_spawners() { # CLIENT
  for mode in without with; do mkdir -p "$build/$1.$mode"; done
  cp "$library" "$build/$1.with/libpidfd_spawn.so.0"
  scripts/require-tools cc &&
    build_spawner "$build/$1.without/spawner" -DREFERENCE &&
    build_spawner "$build/$1.with/spawner" -I"${library%/*}/../include" -L"${library%/*}" -lpidfd_spawn \
      -Wl,-rpath,"\$ORIGIN"
}

build_spawner() { # PROGRAM FLAG...
  program=$1
  shift
  cc -std=gnu11 -D_GNU_SOURCE -O1 -g -Wall -Wextra -Werror -o "$program" "${clients:?}/spawner.c" -pthread "$@"
}

# both_sessions CLIENT COMMAND...: in the root folder $root, where BUILD/CLIENT is /mnt and holds this folder's files
# of that client and session.py, a command that reports in TAP: without the library and interposed, with forks by
# pidfd_fork.  What passes without the library must pass with it.  No process and no network of the machine's is there.
both_sessions() {
  client=$1
  shift
  calls=$build/$client/calls
  rm -rf "${build:?}/$client"
  mkdir "$build/$client"
  cp "${clients:?}/$client"-* "$clients/session.py" "${library:?}" "$build/interposer.so" "$build/$client"
  : >"$calls"
  session without "$@"
  session with env LD_PRELOAD="/mnt/interposer.so /mnt/${library##*/}" PIDFD_SPAWN_CALLS=/mnt/calls \
    PIDFD_SPAWN_FORKS=1 "$@"
  as_before "$build/$client/without.tap" "$build/$client/with.tap" | sed -E "s/^(not ok|ok) - /\1 - $client: /"
}

session() { # MODE COMMAND...
  mode=$1
  shift
  limited 300 unshare --pid --fork --kill-child scripts/chroot-run --offline "${root:?}" "$build/$client" "$@" \
    >"$build/$client/$mode.tap" 2>"$build/$client/$mode.log"
}
