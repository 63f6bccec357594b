#!/usr/bin/env bats
# shellcheck disable=SC2154 # variables of scripts/helpers.bash and of bats
# pidfd-spawn-info where the library is there in each of the modes, where it is not, and in sandboxes: what it says and
# how it ends.

load ../../scripts/helpers

setup() {
  program=$build/bin/pidfd-spawn-info
  linked=$build/info/linked
  deny=$build/tests/seccomp-deny
  library=$(preloadable)
  works='^result +all six functions work$'
  works_not='^result +not all functions work$'
}

# denied STATUS RULE... -- PATTERN...: what the linked program says where system calls fail.
denied() {
  local wanted=$1 rules=()
  shift
  while [ "$1" != -- ]; do
    rules+=("$1")
    shift
  done
  shift
  run "$deny" clone3=ENOSYS -- true
  [ "$status" -ne 77 ] || skip "no seccomp filter can be set"
  # What seccomp-deny takes for the end of its rules is also that of the command.
  # shellcheck disable=SC2016 # for the inner shell
  says "$wanted" sh -c 'program=$1; shift; exec "$@" -- "$program"' sh "$linked" "$deny" "${rules[@]}" -- "$@"
}

@test "info: --help" {
  says 0 "$program" --help -- '^usage: '
}

@test "info: a wrong usage" {
  says 2 "$program" --no-such-option -- '^usage: '
}

@test "info: the library is found" {
  says 0 "$program" -- '^library .*libpidfd_spawn\.so\..*: loaded by this program' '^version +[0-9]+\.[0-9]+\.[0-9]+$' \
    '^C library +(glibc [0-9.]+|not glibc), /' '^kernel +Linux ' "$works"
}

@test "info: preloaded" {
  says 0 env LD_PRELOAD="$library" "$program" -- '^library .*: preloaded$' '^LD_PRELOAD +/' "$works"
}

@test "info: linked" {
  says 0 "$linked" -- '^library .*: linked$' "$works"
}

@test "info: a C library with functions of its own" {
  newer_libc
  says 1 "$loader" --library-path "${loader%/*}" "$program" --process-only -- \
    "^library .*: the C library's own functions\$" '^way of a spawn +the C library' '^  pidfd_spawn +works$' \
    '^  pidfd_spawnp +works$' '^  pidfd_spawn_ext +not there$' '^  pidfd_wait +not there$' \
    '^  pidfd_fork \(0\) +not there$' '^  pidfd_getpid +works$' "$works_not"
}

@test "info: found besides a C library's own functions" {
  newer_libc
  says 0 "$loader" --library-path "${loader%/*}" "$program" -- '^library .*: loaded by this program' \
    "^the C library's own +has pidfd_spawn too" "$works"
}

@test "info: preloaded in front of a C library's own functions" {
  newer_libc
  says 0 "$loader" --library-path "${loader%/*}" --preload "$library" "$program" -- '^library .*: preloaded$' \
    "^the C library's own +has pidfd_spawn too" "$works"
}

@test "info: without the library" {
  limited "$program" --process-only
  ! [[ $output == *"the C library's own functions"* ]] || skip "the C library has functions of its own"
  says 1 "$program" --process-only -- '^library +not there: ' '^  pidfd_spawn +not there$' \
    '^result +the functions are not there$'
}

@test "info: clone3 allowed" {
  "$build/tests/has-clone3" || skip 'clone3 is refused here'
  says 0 "$linked" -- '^  clone3 +yes$' '^way of a spawn +plain: clone3 '
}

@test "info: clone3 refused" {
  local error
  for error in ENOSYS EPERM EINVAL E2BIG EACCES; do
    denied 0 "clone3:1=64:$error" -- "^  clone3 +no: .*$error" \
      "^way of a spawn +fallback: clone, because clone3 is refused: $error" "$works"
  done
}

@test "info: clone3: ENOMEM" {
  denied 1 clone3:1=64:ENOMEM -- '^way of a spawn +none: clone3 fails: ENOMEM' '^  pidfd_spawn +fails: .*ENOMEM' \
    "$works_not"
}

@test "info: clone3: ENOSYS, clone: EPERM" {
  denied 1 clone3:1=64:ENOSYS 'clone:0&0x1000:EPERM' -- '^way of a spawn +none: .* clone gives no pidfd: EPERM' \
    '^  pidfd_spawn +fails: .*ENOSYS' "$works_not"
}

@test "info: waitid(P_PIDFD): EINVAL" {
  denied 1 waitid:0=3:EINVAL -- '^  waitid \(P_PIDFD\) +no: .*EINVAL' '^way of a spawn +none: .*waitid' \
    '^  pidfd_spawn +fails: .*ENOSYS' "$works_not"
}

@test "info: pidfd_open: EPERM" {
  denied 1 pidfd_open=EPERM -- '^  pidfd_open +no: .*EPERM' '^  pidfd_spawn +works$' \
    '^  pidfd_fork \(0\) +fails: .*ENOSYS' "$works_not"
}

@test "info: PIDFD_GET_INFO: ENOTTY" {
  denied 0 ioctl:1=0xc040ff0b:ENOTTY -- '^  PIDFD_GET_INFO +no: .*ENOTTY' "$works"
}

@test "info: close_range: ENOSYS" {
  denied 0 close_range=ENOSYS -- '^  close_range +no: .*ENOSYS' "$works"
}

@test "info: a line for each flag of pidfd_spawn_ext" {
  local flag flags lines=()
  mapfile -t flags < <(sed -n 's/^#define PIDFD_SPAWN_\([A-Z_]*\) (1 << .*/\1/p' "$build/include/spawn_ext.h")
  [ "${#flags[@]}" -ge 17 ]
  for flag in "${flags[@]}"; do
    lines+=("^  $flag +(yes|no: |not tried: )")
  done
  says 0 "$linked" -- '^flags of pidfd_spawn_ext ' '^what pidfd_wait can tell$' \
    '^  status taken by others +(yes$|no: )' "${lines[@]}"
}

@test "info: flags that need clone3" {
  denied 0 clone3=ENOSYS -- '^  SEARCH +yes$' '^  CGROUP +no: .*EOPNOTSUPP' '^  CGROUP_MAY_MOVE +yes$' \
    '^  AUTOREAP +no: .*EOPNOTSUPP' '^  KILL_ON_CLOSE +no: .*EOPNOTSUPP'
}

@test "info: a change of user that is refused" {
  denied 0 setresuid=EPERM setresgid=EPERM setgroups=EPERM -- '^  SETGROUPS +no: .*EPERM' '^  SETGID +no: .*EPERM' \
    '^  SETUID +no: .*EPERM' '^  SETUMASK +yes$'
}

@test "info: a caller that may only be itself" {
  [ "$(id -u)" -eq 0 ] || skip "needs root"
  command -v setpriv >/dev/null || skip "there is no setpriv"
  setpriv --reuid 65534 --regid 65534 --clear-groups "$linked" --help >/dev/null ||
    skip "the program's folder is not open to others"
  says 0 setpriv --reuid 65534 --regid 65533 --clear-groups "$linked" -- '^  SETGROUPS +no: .*EPERM' \
    '^  SETGID +yes, to an ID of the caller' "^  SETUID +yes\$" "$works"
  says 0 setpriv --reuid 65533 --regid 65534 --clear-groups "$linked" -- '^  SETGID +yes$' \
    '^  SETUID +yes, to an ID of the caller' "$works"
}

@test "info: pidfd_wait on a kernel that does not tell" {
  denied 0 ioctl:1=0xc040ff0b:ENOTTY -- '^  pidfd_wait +works$' '^  status taken by others +no: .*ECHILD'
}

@test "info: no prctl" {
  denied 0 prctl:0=38:EINVAL prctl:0=1:EINVAL -- '^  NO_NEW_PRIVS +no: .*EINVAL' '^  PDEATHSIG +no: .*EINVAL'
}

@test "info: SIGCHLD ignored at the start" {
  # shellcheck disable=SC2016 # for the inner shell
  says 0 sh -c "trap '' CHLD; exec \"\$1\"" sh "$linked" -- "$works"
}
