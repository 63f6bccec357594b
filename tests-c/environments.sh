# What the checks on other C libraries, compilers, kernels and architectures share; read by their run.
# shellcheck shell=sh disable=SC2154 # the variables of its readers: $area, $results, $work

# ENVIRONMENT WAY PASSED FAILED SKIPPED NOTE
record() {
  printf '%s\t%s\t%s\t%s\t%s\t%s\t%s\n' "$area" "$@" >>"$results"
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

# A working folder with what the suite takes, and the libraries in LIBRARIES.
stage() { # NAME LIBRARIES
  rm -rf "${work:?}/$1"
  mkdir -p "$work/$1/build"
  cp -a "$2" "$work/$1/build/lib"
  cp -a build/include "$work/$1/build/include"
  cp -a tests-c examples scripts "$work/$1/"
  # As a program of the suite among the others.
  cp tests-c/matrix/bound.c "$work/$1/tests-c/tst-bound.c"
}

# Runs a command in a working folder, in the root folder: with mounts of its own, so that nothing is left mounted however
# it ends.  $within is a command to do that by, $programs a folder of programs to take instead of those in /bin.
within=
programs=
inside() { # ROOT FOLDER COMMAND...
  # shellcheck disable=SC2016,SC2086 # for the inner shells; a list of words
  programs=$programs $within unshare --mount --fork --kill-child sh -ec '
    root=$1
    folder=$2
    shift 2
    # A mount point, as the root of a system is; some tests change the propagation of "/".
    mount --bind "$root" "$root"
    # Where the users are not those of the system it is the one that is there.
    mount -t proc proc "$root/proc" 2>/dev/null || mount --rbind /proc "$root/proc"
    mount --rbind /sys "$root/sys"
    mount --rbind /dev "$root/dev"
    mount -t tmpfs -o mode=1777 tmpfs "$root/tmp"
    mount --bind "$folder" "$root/mnt"
    for program in ${programs:+"$programs"/*}; do
      mount --bind "$program" "$root/bin/${program##*/}"
    done
    exec chroot "$root" env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root \
      LC_ALL=C sh -c "cd /mnt && exec \"\$@\"" sh "$@"' sh "$@" </dev/null
}

here() { # FOLDER COMMAND...
  (cd "$1" && shift && exec "$@") </dev/null
}

# Why the tests of a log were skipped, each reason with how often, the most frequent first.  A test's line has the way of
# use, the program and the test before the reason; what is not a test's has one name.
reasons() {
  sed -n 's/^skipped *//p' "$1" | sed 's/^[^ ]* *[^ ]*: [^ ]*: //; t end
    s/^[^:]*: //
    : end
    s/ ([^()]*)$//' | sort | uniq -c | sort -rn |
    awk '{ n = $1; $1 = ""; printf "%s%s (%d)", (NR > 1 ? ";" : ""), (NR > 1 ? $0 : substr($0, 2)), n }'
}

# Runs the suite for one way and records it.  The place is a root folder, or "here".
suite() { # ENVIRONMENT WAY PLACE FOLDER COMPILER KIND [PROGRAM...]
  environment=$1
  way=$2
  place=$3
  folder=$4
  compiler=$5
  kind=$6
  log=$folder/$way.log
  shift 6
  if [ "$place" = here ]; then
    here "$folder" tests-c/matrix/suite "$compiler" "$kind" "$@" >"$log" 2>&1
  else
    inside "$place" "$folder" tests-c/matrix/suite "$compiler" "$kind" "$@" >"$log" 2>&1
  fi
  account "$environment" "$way" "$log"
}

# Shows and records what a log counts in its last line.
account() { # ENVIRONMENT WAY LOG
  environment=$1
  way=$2
  log=$3
  grep -E '^(FAILED|bound) ' "$log"
  last=$(tail -n 1 "$log")
  counts=$(echo "$last" | sed -n 's/^\([0-9]*\) passed, \([0-9]*\) failed, \([0-9]*\) skipped$/\1 \2 \3/p')
  # shellcheck disable=SC2086 # three numbers
  set -- ${counts:-0 1 0}
  [ "$1" -gt 0 ] || set -- 0 1 0
  note=$(reasons "$log")
  [ "$2" = 0 ] || note="FAILED: $(grep -m 1 '^FAILED ' "$log" || echo "$last")${note:+; $note}"
  echo "$environment, $way: $1 passed, $2 failed, $3 skipped"
  record "$environment" "$way" "$1" "$2" "$3" "$note"
}

# "Debian 12 bookworm", without the number where there is none yet.
debian() { # ROOT RELEASE
  number=$(sed -n 's/^VERSION_ID="\(.*\)"$/\1/p' "$1/etc/os-release")
  echo "Debian ${number:+$number }$2"
}

# The sources and the crates that they need, so that nothing is fetched in a root folder.
sources() { # FOLDER
  rm -rf "$1"
  mkdir -p "$1/.cargo"
  cp -a Cargo.toml Cargo.lock build.rs src packaging include scripts "$1/"
  "${CARGO:-cargo}" vendor --locked "$1/vendor" >"$1.log" 2>&1 || return
  printf '[source.crates-io]\nreplace-with = "vendored"\n[source.vendored]\ndirectory = "vendor"\n' >"$1/.cargo/config.toml"
}

# The libraries that cargo left in a folder of the sources, as the suite looks for them.
libraries() { # ROOT SOURCES FROM TO [PREFIX OF THE TOOLS]
  rm -rf "$4"
  mkdir -p "$4"
  cp "$2/$3/libpidfd_spawn_c.so" "$4/libpidfd_spawn.so.0"
  ln -s libpidfd_spawn.so.0 "$4/libpidfd_spawn.so"
  inside "$1" "$2" env "CC=${5-}gcc" "TOOLS=${5-}" scripts/static-archive "$3/libpidfd_spawn_c.a" target/libpidfd_spawn.a >/dev/null &&
    cp "$2/target/libpidfd_spawn.a" "$4/"
}
