# What the checks on other C libraries, compilers, kernels and architectures share; read by their run.
# shellcheck shell=sh disable=SC2154 # the variables of its readers: $area, $results, $work

# shellcheck source=scripts/results.sh
. scripts/results.sh

# A working folder with what the suite takes, and the libraries in LIBRARIES.
stage() { # NAME LIBRARIES
  rm -rf "${work:?}/$1"
  mkdir -p "$work/$1/build"
  cp -a "$2" "$work/$1/build/lib"
  cp -a build/include "$work/$1/build/include"
  cp -a tests-c examples scripts "$work/$1/"
  # As a program of the suite among the others.
  cp tests-c/environments/matrix/bound.c "$work/$1/tests-c/suite/tst-bound.c"
}

# scripts/chroot-run; $within is a command to do that by, $programs a folder of programs to take instead of those in /bin.
within=
programs=
inside() { # ROOT FOLDER COMMAND...
  # shellcheck disable=SC2086 # a list of words
  $within scripts/chroot-run ${programs:+--programs "$programs"} "$@"
}

here() { # FOLDER COMMAND...
  (cd "$1" && shift && exec "$@") </dev/null
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
    here "$folder" tests-c/environments/matrix/suite "$compiler" "$kind" "$@" >"$log" 2>&1
  else
    inside "$place" "$folder" tests-c/environments/matrix/suite "$compiler" "$kind" "$@" >"$log" 2>&1
  fi
  grep -E '^(FAILED|bound) ' "$log"
  counted "$environment" "$way" "$log"
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
