# shellcheck shell=sh
# SPDX-License-Identifier: MIT OR Apache-2.0
#
# What check-install and check-overlay share: results in the form of the C suite, and tools.  Read by `.`, with the names
# `suite` and `work`, a folder, set.

: "${suite:?}" "${work:?}"
passed=0
failed=0
skipped=0

result() {
  printf '%-7s %-9s %s\n' "$1" "$suite" "$2"
}

skip() { # NAME WHY
  result skipped "$1: $2"
  skipped=$((skipped + 1))
}

# try NAME COMMAND...: the last line that a failing command writes is the reason.
try() {
  name=$1
  shift
  if "$@" >"$work/log" 2>&1 </dev/null; then
    result ok "$name"
    passed=$((passed + 1))
  else
    result FAILED "$name: $(grep -m 1 -i 'error\|not so' "$work/log" || tail -n 1 "$work/log" | grep . || echo "status not 0: $*")"
    failed=$((failed + 1))
    return 1
  fi
}

finish() {
  echo "$passed passed, $failed failed, $skipped skipped"
  [ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
}

# have TOOL: is it there, or can it be made to be?
have() {
  scripts/require-tools "$1" >/dev/null 2>&1
}
