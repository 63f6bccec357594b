# shellcheck shell=sh
# How checks in shell report their tests, in TAP without numbers and plan, which scripts/tap adds.  Read by `.`, with
# $work, a folder, set if `try` is used.

pass() { # NAME
  echo "ok - $1"
}

fail() { # NAME WHY
  printf 'not ok - %s\n%s\n' "$1" "$(printf '%s\n' "$2" | sed 's/^/# /')"
}

skip() { # NAME WHY
  echo "ok - $1 # SKIP $2"
}

# judge NAME WHY: passed, if there is nothing to complain of.
judge() {
  if [ -z "$2" ]; then pass "$1"; else fail "$1" "$2"; fi
}

# try NAME COMMAND...: the first error that a failing command writes is the reason, or else its last line.
try() {
  name=$1
  shift
  if "$@" >"${work:?}/log" 2>&1 </dev/null; then
    pass "$name"
  else
    fail "$name" "$(grep -m 1 -i 'error\|not so\|^not ok' "$work/log" || tail -n 1 "$work/log" | grep . ||
      echo "status not 0: $*")"
    return 1
  fi
}

# have TOOL: is it there, or can it be installed?
have() {
  scripts/require-tools "$1" >/dev/null 2>&1
}
