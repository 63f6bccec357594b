#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""Starts a program from Python by pidfd_spawnp, with a time limit, and prints what it wrote and how it ended.

    ctypes_spawn.py SECONDS COMMAND [ARGUMENT...]

subprocess knows its children by process IDs; here everything goes through the pidfd: select.poll() waits for the end,
signal.pidfd_send_signal() stops the program, and os.waitid() collects it (Python 3.9).

The functions are taken from where the program has them already (the library preloaded, or a C library of its own), else
from libpidfd_spawn.so.0, or the file that LIBPIDFD_SPAWN names.
"""

import contextlib
import ctypes
import os
import select
import signal
import sys

libc = ctypes.CDLL(None)
if hasattr(libc, "pidfd_spawnp"):
    library = libc
else:
    library = ctypes.CDLL(os.environ.get("LIBPIDFD_SPAWN", "libpidfd_spawn.so.0"))


def check(error):
    """All functions of the spawn family return the error number; errno is not the place to look."""
    if error:
        raise OSError(error, os.strerror(error))


@contextlib.contextmanager
def output_to(descriptor):
    """File actions that make the descriptor the child's standard output."""
    # The C library's object has 80 bytes; there is no header here to ask.
    actions = ctypes.create_string_buffer(256)
    check(libc.posix_spawn_file_actions_init(actions))
    try:
        check(libc.posix_spawn_file_actions_adddup2(actions, descriptor, 1))
        yield actions
    finally:
        libc.posix_spawn_file_actions_destroy(actions)


def strings(values):
    """An array of C strings, ended by NULL."""
    return (ctypes.c_char_p * (len(values) + 1))(*map(os.fsencode, values), None)


def spawn(argv, actions):
    """Starts the program and returns its pidfd."""
    pidfd = ctypes.c_int(-1)
    environment = strings([f"{name}={value}" for name, value in os.environ.items()])
    check(
        library.pidfd_spawnp(
            ctypes.byref(pidfd), os.fsencode(argv[0]), actions, None, strings(argv), environment
        )
    )
    return pidfd.value


def main():
    if len(sys.argv) < 3:
        sys.exit("usage: ctypes_spawn.py SECONDS COMMAND [ARGUMENT...]")
    seconds, argv = float(sys.argv[1]), sys.argv[2:]
    # Whoever started this program may have ignored it, and then the kernel keeps no exit status for anybody.
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)

    with os.fdopen(os.memfd_create("output"), "rb") as output:
        try:
            with output_to(output.fileno()) as actions:
                pidfd = spawn(argv, actions)
        except OSError as error:
            sys.exit(f"ctypes_spawn.py: {argv[0]}: {error.strerror}")

        ended = select.poll()
        ended.register(pidfd, select.POLLIN)
        if not ended.poll(seconds * 1000):
            signal.pidfd_send_signal(pidfd, signal.SIGKILL)
        result = os.waitid(os.P_PIDFD, pidfd, os.WEXITED)
        os.close(pidfd)

        output.seek(0)
        text = output.read().decode(errors="replace")

    print(f"process {result.si_pid} wrote {text!r}")
    if result.si_code == os.CLD_EXITED:
        print(f"exit status {result.si_status}")
    else:
        print(f"killed by {signal.Signals(result.si_status).name}")


if __name__ == "__main__":
    main()
