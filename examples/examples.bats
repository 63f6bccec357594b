#!/usr/bin/env bats
# shellcheck disable=SC2154 # variables of scripts/helpers.bash and of bats
# The examples: what they print and how they end, compared with what they should.

load ../scripts/helpers

setup() {
  examples=$build/examples
  cd "$BATS_TEST_TMPDIR" || exit
}

# in_time LEAST MOST COMMAND...: it takes so many tenths of a second.
in_time() {
  local least=$1 most=$2 begin tenths
  shift 2
  begin=$(date +%s%N)
  "$@"
  tenths=$((($(date +%s%N) - begin) / 100000000))
  echo "it took $tenths tenths of a second"
  [ "$tenths" -ge "$least" ] && [ "$tenths" -le "$most" ]
}

@test "run-with-timeout: a status is passed on" {
  expect 3 out '' "$examples/run-with-timeout" 20 sh -c 'echo out; exit 3'
}

@test "run-with-timeout: a signal is passed on" {
  # shellcheck disable=SC2016 # for the inner shell
  expect 138 '' '' "$examples/run-with-timeout" 20 sh -c 'kill -USR1 $$'
}

@test "run-with-timeout: the time is over, and SIGTERM comes in time" {
  in_time 5 150 expect 124 '' '' "$examples/run-with-timeout" 0.5 sleep 20
}

@test "run-with-timeout: SIGKILL after the grace time, in time" {
  in_time 10 150 expect 137 deaf '' \
    "$examples/run-with-timeout" -k 0.5 0.5 sh -c 'trap "" TERM; echo deaf; exec sleep 20'
}

@test "run-with-timeout: no SIGKILL after an end in the grace time" {
  expect 124 'got it' '' \
    "$examples/run-with-timeout" -k 20 0.5 sh -c 'trap "echo got it; exit 0" TERM; while :; do sleep 0.1; done'
}

@test "run-with-timeout: a stopped process" {
  # shellcheck disable=SC2016 # for the inner shell
  expect 124 '' '' "$examples/run-with-timeout" -k 20 0.5 sh -c 'kill -STOP $$'
}

@test "run-with-timeout: not found, not executable" {
  expect 127 '' '*No such file*' "$examples/run-with-timeout" 20 there-is-no-such-program
  expect 126 '' '*Permission denied*' "$examples/run-with-timeout" 20 /
}

@test "run-with-timeout: usage" {
  expect 125 '' 'usage: *' "$examples/run-with-timeout" x true
}

@test "run-with-timeout: SIGCHLD ignored at the start, which is inherited" {
  expect 3 '' '' sh -c "trap '' CHLD; exec \"\$@\"" sh "$examples/run-with-timeout" 20 sh -c 'exit 3'
}

worker() {
  cat >worker <<'END'
#!/bin/sh
[ "$1" != bad ] || exit 7
sleep "$1"
echo "slept $1"
END
  chmod +x worker
}

@test "parallel-map: the results are in order, the workers run at the same time" {
  cat >together <<'END'
#!/bin/sh
echo start >>log
while [ -e log ] && [ "$(grep -c start log)" -lt 4 ]; do sleep 0.05; done
sleep "$1"
echo "slept $1"
echo end >>log
END
  chmod +x together
  # The first ends last, and comes first all the same.
  expect 0 "slept 0.9
slept 0.6
slept 0.3
slept 0.1
slept 0.8" '' "$examples/parallel-map" 4 ./together 0.9 0.6 0.3 0.1 0.8
  diff <(printf '%s\n' start start start start end) <(head -n 5 log)
}

@test "parallel-map: a worker that fails is reported" {
  worker
  expect 1 "slept 0.1
slept 0.2" '*bad: exit status 7' "$examples/parallel-map" 2 ./worker 0.1 bad 0.2
}

@test "parallel-map: 500 workers" {
  # shellcheck disable=SC2046 # numbers
  expect 0 "$(seq 500)" '' "$examples/parallel-map" 50 echo $(seq 500)
}

@test "parallel-map: few descriptors, and the first worker is the last to end" {
  worker
  # shellcheck disable=SC2016,SC2046 # for the inner shell; numbers
  expect 0 "$(printf 'slept %s\n' 1 $(yes 0 | head -n 300))" '' \
    sh -c 'ulimit -n 150; exec "$@"' sh "$examples/parallel-map" 4 ./worker 1 $(yes 0 | head -n 300)
}

@test "parallel-map: not found" {
  expect 2 '' '*No such file*' "$examples/parallel-map" 2 there-is-no-such-program 1
}

# lacks_cgroups: this C library has no posix_spawnattr_setcgroup_np.
lacks_cgroups() {
  limited "$examples/cgroup-run" /nonexistent true
  [[ $stderr == *"missing: posix_spawnattr_setcgroup_np"* ]]
}

@test "cgroup-run: born in a cgroup, a folder of another kind, and what is missing" {
  local loader command=() mounted own cgroup
  # A libc of Debian 13 besides the running one: only a newer one has the attribute on Debian 12.
  if lacks_cgroups; then
    expect 125 '' '*glibc has it since 2.39*' "$examples/cgroup-run" /nonexistent true
    newer_libc "this C library has no posix_spawnattr_setcgroup_np, and for another:"
    command=("$loader" --library-path "${loader%/*}:$build/lib")
  fi
  mounted=$(awk '$3 == "cgroup2" { print $2; exit }' /proc/mounts)
  own=$(sed -n 's/^0:://p' /proc/self/cgroup)
  cgroup=$mounted${own%/}/cgroup-run-$$
  { [ -n "$mounted" ] && mkdir "$cgroup" 2>/dev/null; } || skip "there is no cgroup v2 that can be written to"
  echo "$cgroup" >cgroup
  expect 4 "*0::*/cgroup-run-$$*" '' \
    "${command[@]}" "$examples/cgroup-run" "$cgroup" sh -c 'cat /proc/self/cgroup; exit 4'
  expect 125 '' '*not a folder of cgroup v2' "${command[@]}" "$examples/cgroup-run" / true
}

teardown() {
  [ -e cgroup ] || return 0
  # The kernel needs a moment after the last process has gone.
  for _ in 1 2 3 4 5 6 7 8 9 10; do
    rmdir "$(cat cgroup)" 2>/dev/null && break
    sleep 0.1
  done
}

@test "fork-server: answers" {
  expect 0 "prime 1 is 2
prime 2 is 3
prime 10000 is 104729
prime 78498 is 999983" '4 answered, 0 not' \
    sh -c "printf '1\n2\n10000\n78498\n' | \"\$0\" | sort -n -k 2" "$examples/fork-server"
}

@test "fork-server: survives a crash" {
  expect 0 '*300' '*"crash": killed by signal 6
300 answered, 1 not' sh -c "{ seq 200; echo crash; seq 201 300; } | \"\$0\" | wc -l" "$examples/fork-server"
}

@test "fork-server: a request without an answer" {
  expect 1 '' '*"0": exit status 1
0 answered, 1 not' sh -c "printf 0 | \"\$0\"" "$examples/fork-server"
}

# Only root may change to another user.
as_root() {
  [ "$(id -u)" = 0 ] || skip 'only root may change to another user'
}

@test "run-as: user, groups and privileges" {
  as_root
  # shellcheck disable=SC2016 # for the inner shell
  expect 3 "$(id -u nobody) $(id -g nobody) $(id -G nobody)
CapEff 0000000000000000
NoNewPrivs 1" '' "$examples/run-as" -u nobody sh -c 'echo "$(id -u) $(id -g) $(id -G)"
    sed -n "s/^\(CapEff\|NoNewPrivs\):[[:space:]]*/\1 /p" /proc/self/status; exit 3'
}

@test "run-as: other groups, with and without a user" {
  as_root
  # shellcheck disable=SC2016 # for the inner shell
  expect 0 "65534 123 123 7" '' "$examples/run-as" -g 123,7 -u 65534 sh -c 'echo "$(id -u) $(id -g) $(id -G)"'
  # shellcheck disable=SC2016
  expect 0 "0 7 7" '' "$examples/run-as" -g 7 sh -c 'echo "$(id -u) $(id -g) $(id -G)"'
}

@test "run-as: what a user may not" {
  [ "$(id -u)" != 0 ] || {
    expect 126 '' '*Operation not permitted' "$examples/run-as" -u nobody \
      "$examples/run-as" -u root true
    return
  }
  expect 126 '' 'run-as: true: Operation not permitted' "$examples/run-as" -u root true
}

@test "run-as: limits and the file mode creation mask" {
  expect 0 '77
100
0
0027' '' "$examples/run-as" -l nofile=77:100 -l core=0 -m 27 sh -c 'ulimit -n; ulimit -Hn; ulimit -c; umask'
  expect 126 '' '*true: Invalid argument' "$examples/run-as" -l nofile=100:77 true
}

@test "run-as: no descriptors leak, and the session is a new one" {
  # shellcheck disable=SC2016 # for the inner shells
  expect 0 '012' '' sh -c 'exec 5</dev/null 9</dev/null; exec "$@"' sh \
    "$examples/run-as" sh -c 'for fd in 0 1 2 3 4 5 6 7 8 9; do [ ! -e /proc/$$/fd/$fd ] || printf %s $fd; done'
  # shellcheck disable=SC2016
  expect 0 yes '' "$examples/run-as" \
    sh -c '[ "$(sed "s/.*) //" /proc/$$/stat | cut -d " " -f 4)" = $$ ] && echo yes'
}

@test "run-as: the command's status" {
  expect 7 out '' "$examples/run-as" sh -c 'echo out; exit 7'
  # shellcheck disable=SC2016 # for the inner shell
  expect 137 '' '' "$examples/run-as" sh -c 'kill -KILL $$'
  expect 127 '' '*No such file*' "$examples/run-as" there-is-no-such-program
  expect 126 '' '*Permission denied*' "$examples/run-as" /
}

@test "run-as: SIGCHLD ignored at the start, which is inherited" {
  expect 3 '' '' sh -c "trap '' CHLD; exec \"\$@\"" sh "$examples/run-as" sh -c 'exit 3'
}

# started COMMAND...: in the background, with the process ID in $runner; the command writes that of its program to
# the file "program" when it is ready.
started() {
  "$@" 3>&- &
  runner=$!
  eventually 'the program does not start' [ -s program ]
}

# eventually COMPLAINT COMMAND...
eventually() {
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

@test "run-as: signals are passed on" {
  local runner status=0
  # shellcheck disable=SC2016 # for the inner shell
  started "$examples/run-as" sh -c 'trap "exit 9" TERM; echo $$ >program; while :; do sleep 0.1; done'
  kill -TERM "$runner"
  wait "$runner" || status=$?
  [ "$status" = 9 ]
}

@test "run-as: killed, and the program with it" {
  local runner as=()
  [ "$(id -u)" != 0 ] || as=(-u nobody)
  : >program && chmod 666 program && chmod 755 .
  # shellcheck disable=SC2016 # for the inner shell
  started "$examples/run-as" "${as[@]}" sh -c 'echo $$ >program; exec sleep 300'
  kill -KILL "$runner"
  eventually 'the program goes on' is_gone "$(cat program)"
}

@test "run-as: usage" {
  local arguments
  for arguments in '' '-m 8 true' '-l core true' '-l core=x true' '-x true' '-g , true'; do
    # shellcheck disable=SC2086 # words
    expect 125 '' '*usage: *' "$examples/run-as" $arguments
  done
  expect 125 '' '*no-such-user: no such user' "$examples/run-as" -u no-such-user true
  expect 125 '' '*no-such-group: no such group' "$examples/run-as" -g no-such-group true
  expect 125 '' '*no-such: no such resource' "$examples/run-as" -l no-such=1 true
}

# Why there is no such program is in a file.
event_loop() {
  [ -x "$examples/event-loop" ] || skip "$(cat "$examples/event-loop.missing")"
}

@test "event-loop: the loop goes on meanwhile" {
  event_loop
  expect 3 'ended with exit status 3 after [1-9]* ticks' '' "$examples/event-loop" sh -c 'sleep 0.6; exit 3'
}

@test "event-loop: a signal" {
  event_loop
  # shellcheck disable=SC2016 # for the inner shell
  expect 143 'ended by signal 15 after * ticks' '' "$examples/event-loop" sh -c 'kill -TERM $$'
}

# rust_event_loop STATUS OUTPUT COMMAND...
rust_event_loop() {
  local program=$examples/rust-event-loop status=$1 output=$2
  shift 2
  [ -x "$program" ] || skip "$(cat "$program.missing")"
  expect "$status" "$output" '' "$program" "$@"
}

@test "rust-event-loop: in the order in which they end" {
  # The one ends when the other has been waited for, however long that takes.
  cat >early <<'END'
#!/bin/sh
trap '' TERM
echo $$ >pid
END
  cat >late <<'END'
#!/bin/sh
trap '' TERM
while [ -e late ] && { [ ! -s pid ] || kill -0 "$(cat pid)"; }; do sleep 0.05; done 2>/dev/null
END
  chmod +x early late
  rust_event_loop 0 './early: status 0
./late: status 0' ./late ./early
}

@test "rust-event-loop: one that fails, one that runs for too long" {
  rust_event_loop 1 'false: status 1
sleep 100: signal 15' 'sleep 100' false
}

# ctypes_spawn STATUS OUTPUT ERROR LIBRARY ARGUMENT...
ctypes_spawn() {
  python3 -c 'import os; os.P_PIDFD, os.memfd_create' 2>/dev/null ||
    skip "python3 is older than 3.9, or is not installed"
  local status=$1 output=$2 error=$3 library=$4
  shift 4
  expect "$status" "$output" "$error" env LIBPIDFD_SPAWN="$library" python3 "$top/examples/ctypes_spawn.py" "$@"
}

@test "ctypes_spawn.py: output and status" {
  ctypes_spawn 0 "process * wrote 'out*
exit status 3" '' "$build/lib/libpidfd_spawn.so.0" 20 sh -c 'echo out; exit 3'
}

@test "ctypes_spawn.py: a time limit" {
  ctypes_spawn 0 "process * wrote ''
killed by SIGKILL" '' "$build/lib/libpidfd_spawn.so.0" 0.3 sleep 20
}

@test "ctypes_spawn.py: not found" {
  ctypes_spawn 1 '' '*No such file*' "$build/lib/libpidfd_spawn.so.0" 20 there-is-no-such-program
}

@test "ctypes_spawn.py: the library preloaded" {
  LD_PRELOAD=$(preloadable) ctypes_spawn 0 "process * wrote ''
exit status 0" '' /nonexistent 20 true
}
