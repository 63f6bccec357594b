# What virtual machines for the C suite need; read by the run of kernels/ and arch/.
# shellcheck shell=sh

# The programs that the tests start, which must not be busybox: it goes by the name it is called by, and gives up the
# privileges of set-user-ID programs.
# shellcheck disable=SC2034 # of its readers
REAL_PROGRAMS='cat env sh sleep true'

# The files of an initramfs, but for the C library, the real programs and those of the suite.
new_tree() { # FOLDER BUSYBOX
  rm -rf "$1"
  mkdir -p "$1/bin" "$1/usr" "$1/dev" "$1/proc" "$1/sys" "$1/tmp" "$1/run" "$1/etc" "$1/suite/lib" "$1/suite/tests"
  ln -s ../bin "$1/usr/bin"
  cp tests-c/environments/kernels/init "$1/init"
  cp tests-c/suite/run "$1/suite/run"
  cp "$2" "$1/bin/busybox"
  echo 'root:x:0:0::/:/bin/sh' >"$1/etc/passwd"
}

pack_tree() { # FOLDER INITRAMFS
  (cd "$1" && find . | cpio --quiet -o -H newc --owner 0:0) | gzip -1 >"$2"
}

# What the console has about a virtual machine that did not get to the end.
last_words() {
  words=$(grep -ao 'Kernel panic.*' "$1" | head -n 1)
  [ -n "$words" ] || words=$(grep -ao 'BUG: .*' "$1" | head -n 1)
  [ -n "$words" ] || words=$(grep -av '^[[:space:]]*$' "$1" | tail -n 1)
  printf '%s' "${words:-nothing on the console}" | tr -d '\r' | tr '\t' ' '
}

# results_of WAY RESULTS: the lines of one way.
results_of() {
  grep -aE "^(ok|FAILED|skipped) +$1 " "$2" >"$one"
}
