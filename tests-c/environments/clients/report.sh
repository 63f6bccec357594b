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
