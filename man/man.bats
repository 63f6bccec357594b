#!/usr/bin/env bats
# shellcheck disable=SC2154 # variables of scripts/helpers.bash and of bats
# The manual pages: their form, that they name every error of the reference comments, and that the programs in them
# compile, run and do what the pages say.

load ../scripts/helpers

# A folder as man has it, for the page of a link names the other as man3/NAME.
setup_file() {
  export LC_ALL=C.UTF-8
  for section in 1 3 7; do
    mkdir "$BATS_FILE_TMPDIR/man$section"
    cp "$BATS_TEST_DIRNAME"/*."$section" "$BATS_FILE_TMPDIR/man$section/"
  done
}

setup() {
  cd "$BATS_FILE_TMPDIR" || exit
}

# silent COMMAND...: for each page; what it complains of is shown, with the page.
silent() {
  local page bad=0
  for page in man?/*; do
    "$@" "$page" >log 2>&1 || true
    [ ! -s log ] || { sed "s|^|$page: |" log && bad=1; }
  done
  return $bad
}

# Names of functions are not in capital letters, as in the Linux man-pages since version 6; and a .so page is how those
# name a page twice.
complaints_of_mandoc() {
  mandoc -T lint "$1" |
    grep -v -e 'STYLE: lower case character in document title' -e 'WARNING: \.so is fragile'
}

# errors FUNCTION: the error names in the comment before its declaration.
errors() {
  awk -v name="$1" '
    /^\/\*\*/ { text = "" }
    /^ \*/ { text = text $0 "\n" }
    index($0, " " name "(") && !/^ \*/ { printf "%s", text; exit }' "$top/include/spawn_ext.h" |
    grep -oE '\<E[A-Z0-9]{3,}\>' | grep -vE '^(ERRORS|ENVP)$' | sort -u
}

# program NAME OPTION...: takes the program NAME.c out of its page and compiles it.
program() {
  local name=$1
  shift
  cat man?/* | sed -n "/^\\.\\\\\" SRC BEGIN ($name\\.c)/,/^\\.\\\\\" SRC END/p" |
    sed -e '/^\./d' -e 's/^\\&//' -e 's/\\\[aq\]/'\''/g; s/\\\[ha\]/^/g; s/\\\[ti\]/~/g; s/\\\[ga\]/`/g' \
      -e 's/\\-/-/g' -e 's/\\e/\\/g' >"$name.c"
  # shellcheck disable=SC2086 # CC may have arguments
  ${CC:-cc} -std=gnu11 -O2 -fPIE -pie -Wall -Wextra -Werror -I"$build/include" \
    -o "$name" "$name.c" "$@"
}

linked_program() {
  program "$1" -L"$build/lib" -lpidfd_spawn -Wl,-rpath,"$build/lib"
}

# run_program PATTERN STATUS COMMAND...: the pattern is of all that it writes, to either stream.
run_program() {
  local pattern=$1 status=$2
  shift 2
  # shellcheck disable=SC2016 # for the inner shell
  expect "$status" "$pattern" '' sh -c 'exec 2>&1; exec "$@"' sh "$@"
}

@test "man: mandoc finds nothing" {
  require mandoc
  silent complaints_of_mandoc
}

@test "man: groff finds nothing" {
  require groff
  silent groff -st -ww -man -Tutf8 -z
}

@test "man: each page is of this version" {
  local page
  for page in man?/*; do
    case $(sed -n '/^\.so /p; /^\.TH /p' "$page") in
      .so* | *"\"libpidfd_spawn $version\"") ;;
      *) echo "$page is not of libpidfd_spawn $version" && false ;;
    esac
  done
}

@test "man: the errors of each function" {
  local function page target name names
  for function in pidfd_spawn pidfd_spawnp pidfd_spawn_ext pidfd_wait pidfd_fork pidfd_getpid; do
    page=man3/$function.3
    target=$(sed -n 's/^\.so //p' "$page")
    sed -n '/^\.SH ERRORS/,/^\.SH ATTRIBUTES/p' "${target:-$page}" >text
    names=$(errors "$function")
    [ -n "$names" ] || { echo "$function: the header's comment has none" && false; }
    for name in $names; do
      grep -qw "$name" text || { echo "$function: $name is not in the page" && false; }
    done
  done
}

@test "man: a page that another names is there" {
  sed 's/\\//g' man?/* | sed -n 's/^\.BR \([a-z_-]*\) (\([137]\)).*/\1.\2/p' |
    grep -E '^(lib)?pidfd[_-](spawn|wait|fork|getpid)' | sort -u >names
  [ "$(wc -l <names)" -ge 7 ] || { echo "only found: $(tr '\n' ' ' <names)" && false; }
  local name
  while read -r name; do
    [ -e "man${name##*.}/$name" ] || { echo "$name is not there" && false; }
  done <names
}

@test "man: the program of pidfd_spawn" {
  linked_program pidfd_spawn
  run_program 'Exit status 3' 0 ./pidfd_spawn 20 output sh -c 'echo out; exit 3'
  run_program out 0 cat output
  run_program 'Time is over, or a signal has arrived
Killed by signal 9' 0 ./pidfd_spawn 1 output sleep 60
  run_program '*no-such-program: No such file*' 1 ./pidfd_spawn 1 output no-such-program
}

@test "man: the program of pidfd_fork" {
  linked_program pidfd_fork
  run_program 'Child 2: exit status 2
Child 1: exit status 1
Child 0: exit status 0' 0 ./pidfd_fork
}

@test "man: the program of pidfd_getpid" {
  linked_program pidfd_getpid
  run_program '*Started [1-9]*
The same process has ended: yes*' 0 ./pidfd_getpid
  run_program '*after the wait: No such process*' 0 ./pidfd_getpid
}

# Root may become nobody; others may not.
@test "man: the supervisor of pidfd_spawn_ext" {
  linked_program supervise
  expect 1 '' '*no such user' ./supervise no-such-user true
  [ "$(id -u)" = 0 ] || {
    expect 1 '' 'supervise: id: Operation not permitted' ./supervise root id
    skip 'only root may change to another user'
  }
  # shellcheck disable=SC2016 # for the inner shell
  run_program "nobody
077
0
1
Exit status 3" 0 ./supervise nobody sh -c 'id -un; umask | tail -c 4; ulimit -c
    sed -n "s/^NoNewPrivs:[[:space:]]*//p" /proc/self/status; exit 3'
  # shellcheck disable=SC2016
  run_program 'Killed by signal 9
Killed by signal 9
Killed by signal 9' 1 ./supervise nobody sh -c 'kill -KILL $$'
}

@test "man: the terminal of pidfd_spawn_ext" {
  linked_program terminal
  run_program '/dev/pts/*
to the terminal*' 3 ./terminal sh -c 'tty; echo to the terminal >/dev/tty; exit 3'
  run_program '*no-such-program: No such file*' 1 ./terminal no-such-program
}

@test "man: the job runner of pidfd_wait" {
  linked_program jobs
  # shellcheck disable=SC2016 # for the inner shells
  run_program 'exit 3: exit status 3
kill -TERM $$: killed by signal 15' 0 ./jobs 'exit 3' 'kill -TERM $$'
}

@test "man: the children of the job runner do not outlive it" {
  linked_program jobs
  # shellcheck disable=SC2016
  ./jobs 'echo $$ >first; exec sleep 300' 'echo $$ >second; exec sleep 300' 3>&- &
  local runner=$! name
  for name in first second; do
    in_time "no process $name" [ -s "$name" ]
  done
  kill -KILL "$runner"
  for name in first second; do
    in_time "the $name process goes on" is_gone "$(cat "$name")"
  done
}

# in_time COMPLAINT COMMAND...: waits until the command succeeds.
in_time() {
  local complaint=$1
  shift
  for _ in $(seq 300); do
    "$@" && return
    sleep 0.1
  done
  echo "$complaint"
  return 1
}

# Gone, or a zombie that nobody waits for here.
is_gone() {
  local state
  state=$(sed -n 's/^State:[[:space:]]*//p' "/proc/$1/status" 2>/dev/null)
  case $state in '' | Z*) ;; *) return 1 ;; esac
}

@test "man: the program of libpidfd_spawn, preloaded" {
  program libpidfd_spawn
  run_program '*by its pidfd' 0 env LD_PRELOAD="$(preloadable)" ./libpidfd_spawn
}

@test "man: the program of libpidfd_spawn, without the library" {
  program libpidfd_spawn
  [ "$(./libpidfd_spawn)" != 'Started and ended, known by its pidfd' ] || skip 'the C library has functions of its own'
  run_program '*by its number' 0 ./libpidfd_spawn
}
