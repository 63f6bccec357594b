# shellcheck shell=sh
# How the checks that go to other environments write down their results, for scripts/support among others: lines of a
# .tsv file.  Read by `.`, with the names `area` and, from then on, `results`, that file, set.

: "${area:?}"

# ENVIRONMENT WAY PASSED FAILED SKIPPED NOTE
record() {
  printf '%s\t%s\t%s\t%s\t%s\t%s\t%s\n' "$area" "$@" >>"${results:?}"
}

# A check that is no test of the suite: ENVIRONMENT WAY STATUS WHAT.
check() {
  if [ "$3" -eq 0 ]; then
    echo "ok      $1, $2: $4"
    record "$1" "$2" 1 0 0 "$4"
  else
    echo "FAILED  $1, $2: $4"
    record "$1" "$2" 0 1 0 "$4"
  fi
}

cannot() { # ENVIRONMENT WAY WHY
  echo "$1, $2: skipped: $3"
  record "$1" "$2" 0 0 1 "skipped: $3"
}

# Why the tests of a log were skipped, each reason with how often, the most frequent first.  A test's line has the way
# of use, the program and the test before the reason; what is not a test's has one name.
reasons() {
  sed -n 's/^skipped *//p' "$1" | sed 's/^[^ ]* *[^ ]*: [^ ]*: //; t end
    s/^[^:]*: //
    : end
    s/ ([^()]*)$//' | sort | uniq -c | sort -rn |
    awk '{ n = $1; $1 = ""; printf "%s%s (%d)", (NR > 1 ? ";" : ""), (NR > 1 ? $0 : substr($0, 2)), n }'
}

# Records what tests wrote into LOG, whose last line of that form says "N passed, N failed, N skipped"; without one they
# have failed: ENVIRONMENT WAY LOG.
counted() {
  counts=$(sed -n 's/^\([0-9]*\) passed, \([0-9]*\) failed, \([0-9]*\) skipped$/\1 \2 \3/p' "$3" | tail -n 1)
  environment=$1
  way=$2
  log=$3
  # shellcheck disable=SC2086 # three numbers
  set -- ${counts:-0 1 0}
  [ "$1" -gt 0 ] || set -- 0 1 0
  note=$(reasons "$log")
  [ "$2" = 0 ] || note="FAILED: $(grep -m 1 '^FAILED ' "$log" || tail -n 1 "$log")${note:+; $note}"
  echo "$environment, $way: $1 passed, $2 failed, $3 skipped"
  record "$environment" "$way" "$1" "$2" "$3" "$note"
}

# "N passed, N failed, N skipped" of FILE...; false if something failed.
total() {
  awk -F '\t' '{ passed += $4; failed += $5; skipped += $6 }
    END { printf "%d passed, %d failed, %d skipped\n", passed, failed, skipped; exit failed > 0 }' "$@"
}
