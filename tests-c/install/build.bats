#!/usr/bin/env bats
# shellcheck disable=SC2154 # variables of scripts/helpers.bash and of bats
# SPDX-License-Identifier: MIT OR Apache-2.0
#
# What `make` says where it cannot build, or builds something else than one might think, in a copy of the sources with
# tools that do nothing but what a test is about.

load ../../scripts/helpers

work=$build/build-tests
make=${MAKE:-make}
unset MAKEFLAGS MFLAGS MAKELEVEL MAKEOVERRIDES AS_IS CARGO RUSTC RUSTFLAGS CARGO_ENCODED_RUSTFLAGS CARGO_BUILD_TARGET
unset RUST_TARGET HOST

# tool NAME: from standard input, into a folder that is the first of PATH.
tool() {
  { echo '#!/bin/sh' && cat; } >"$BATS_TEST_TMPDIR/bin/$1"
  chmod +x "$BATS_TEST_TMPDIR/bin/$1"
}

setup_file() {
  rm -rf "$work"
  mkdir -p "$work"
  cd "$top" && cp -R Makefile Cargo.* build.rs scripts src packaging include tests-c examples docs man bench fuzz \
    tools "$work"
}

setup() {
  cd "$work" || exit
  rm -rf build target
  mkdir "$BATS_TEST_TMPDIR/bin"
  PATH=$BATS_TEST_TMPDIR/bin:$PATH
  # shellcheck disable=SC2016 # of the tools
  {
    tool rustc <<<'[ "$1" != -vV ] || echo "host: ${HOST:-some-host}"; echo "rustc 1.95.0"'
    tool cargo <<<'[ "$1" != --version ] || { echo "cargo 1.95.0"; exit; }
      echo "flags: $RUSTFLAGS $*; $CARGO_BUILD_TARGET"'
    tool id <<<'echo 0'
    tool apt-get <<<'echo "apt-get $*" >>"$BATS_TEST_TMPDIR/installed"; exit 1'
  }
}

@test "make and make install, also as root, say what is missing and install nothing" {
  tool rustc <<<'exit 127'
  local goals
  for goals in '' 'all tools' install; do
    # shellcheck disable=SC2086 # a list
    says 2 "$make" $goals -- '^require-tools: not installed: rustc; on Debian or Ubuntu: apt-get install rustc '
  done
  [ ! -e "$BATS_TEST_TMPDIR/installed" ]
}

@test "make demo, as root, installs what is missing" {
  tool rustc <<<'exit 127'
  says 2 "$make" demo -- '^require-tools: installing rustc$'
  grep 'install .* rustc$' "$BATS_TEST_TMPDIR/installed"
}

@test "a cargo of another name is no rustc" {
  mv "$BATS_TEST_TMPDIR/bin/cargo" "$BATS_TEST_TMPDIR/bin/cargo-1.80"
  tool rustc <<<'exit 127'
  says 2 "$make" CARGO=cargo-1.80 -- '^require-tools: not installed: rustc;.*RUSTC='
}

@test "CARGO_BUILD_TARGET is ignored, and not without a word" {
  CARGO_BUILD_TARGET=wasm32-unknown-unknown says 0 scripts/cargo build -- \
    '^cargo: CARGO_BUILD_TARGET is ignored, and some-host built for;' '; some-host$'
  limited scripts/cargo build
  [ -z "$stderr" ]
}

@test "RUST_TARGET is built for" {
  RUST_TARGET=some-target says 0 scripts/cargo build -- '; some-target$'
  [ "$(RUST_TARGET=some-target scripts/cargo --host)" = some-target ]
}

@test "for musl, not a static library alone" {
  HOST=x86_64-unknown-linux-musl says 0 scripts/cargo build -- '^flags:  .*"-Ctarget-feature=-crt-static",] build;'
  HOST=x86_64-unknown-linux-musl RUSTFLAGS='-C target-feature=+crt-static' says 0 scripts/cargo build -- \
    '^flags: -C target-feature=-crt-static .* -C target-feature=-crt-static build;'
  says 0 scripts/cargo build -- '^flags:  --config build.rustflags=\["-Cforce-unwind-tables",] build;'
}

@test "an older library does not pass for one that cargo has not made" {
  mkdir -p target/some-host/release
  touch target/some-host/release/libpidfd_spawn_c.so target/some-host/release/libpidfd_spawn_c.a
  says 2 "$make" -- '^make: rustc makes no shared library for some-host'
  [ ! -e build/rust/libpidfd_spawn_c.so ]
}

# However it comes to link: the configuration files of cargo may name it, too.
@test "mold leaves weak references weak" {
  PATH=${PATH#*:}
  require mold
  cd "$top"
  mold -run scripts/cargo build -q --release --locked -p libpidfd_spawn --target-dir "$work/mold"
  cd "$work"/mold/*/release
  LD_PRELOAD=./libpidfd_spawn_c.so env true
  readelf --dyn-syms -W libpidfd_spawn_c.so | grep ' WEAK .* UND __libc_dlopen_mode$'
}
