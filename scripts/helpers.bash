# shellcheck shell=bash disable=SC2034,SC2154 # variables of the tests, and of bats
# What the tests in bats share.  They are started in the top folder, after `make all`.

bats_require_minimum_version 1.5.0

top=$(cd "${BASH_SOURCE[0]%/*}/.." && pwd)
build=$top/build
version=$(sed -n 's/^VERSION := //p' "$top/Makefile")

# The library with a path that the loader does not split: it splits LD_PRELOAD at spaces and colons.
preloadable() {
  ln -sf "$(realpath "$build/lib/libpidfd_spawn.so.0")" "$BATS_FILE_TMPDIR/libpidfd_spawn.so.0"
  echo "$BATS_FILE_TMPDIR/libpidfd_spawn.so.0"
}

# have TOOL: is it there, or can it be installed?
have() {
  "$top/scripts/require-tools" "$1" >/dev/null 2>&1
}

# require TOOL...: without them the test is skipped.
require() {
  local tool
  for tool; do
    have "$tool" || skip "$tool is not installed"
  done
}

# limited COMMAND...: leaves $status, $output and, of standard error, $stderr; a failed test shows them.
limited() {
  status=0
  output=$(timeout -k 5 60 "$@" 2>"$BATS_TEST_TMPDIR/stderr" </dev/null) || status=$?
  stderr=$(cat "$BATS_TEST_TMPDIR/stderr")
  printf 'exit status %s of: %s\nstandard output: %s\nstandard error: %s\n' "$status" "$*" "$output" "$stderr"
}

# expect STATUS OUTPUT ERROR COMMAND...: OUTPUT and ERROR are patterns of what it writes.
expect() {
  local wanted=$1 written=$2 complained=$3
  shift 3
  limited "$@"
  # shellcheck disable=SC2053 # patterns are wanted
  [ "$status" -eq "$wanted" ] && [[ $output == $written ]] && [[ $stderr == $complained ]]
}

# says STATUS COMMAND... -- PATTERN...: it ends so, and for each of grep's patterns it writes such a line, to either
# stream.
says() {
  local wanted=$1 command=()
  shift
  while [ $# -gt 0 ] && [ "$1" != -- ]; do
    command+=("$1")
    shift
  done
  shift
  limited "${command[@]}"
  [ "$status" -eq "$wanted" ] || return
  local pattern
  for pattern; do
    printf '%s\n%s\n' "$output" "$stderr" | grep -qE -- "$pattern" || {
      echo "no line is like \"$pattern\""
      return 1
    }
  done
}

# newer_libc: sets $loader to that of a C library which has pidfd_spawn itself, Debian 13's; else the test is skipped.
newer_libc() {
  local folder
  folder=$("$top/scripts/debian-package" trixie libc6 2>/dev/null) || skip "${1:+$1 }${folder#skipped: }"
  for loader in "$folder"/usr/lib/*/ld-linux*.so.* "$folder"/lib/*/ld-linux*.so.*; do
    [ ! -e "$loader" ] || return 0
  done
  skip "${1:+$1 }$folder has no loader"
}
