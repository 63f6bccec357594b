"""Starts programs by CPython's subprocess; see run.py.

Users, groups and descriptors are its own arguments.  For the limits and the death signal it has none, so they take a
function that runs in the child, and for prctl ctypes.
"""

import ctypes
import mmap
import os
import resource
import signal
import subprocess
import sys
import time

LIBC = ctypes.CDLL(None)
PR_SET_PDEATHSIG = 1
MADV_NOHUGEPAGE = 15


def hold_memory(size):
    memory = mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    memory.madvise(MADV_NOHUGEPAGE)
    memory[::mmap.PAGESIZE] = b"\1" * (size // mmap.PAGESIZE)
    return memory


def open_descriptors(count):
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    for _ in range(count):
        os.set_inheritable(os.open("/dev/null", os.O_RDONLY), True)


def prepare():
    resource.setrlimit(resource.RLIMIT_NOFILE, (256, 1024))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def start(child):
    before = time.monotonic_ns()
    process = subprocess.Popen(["child", "user"], executable=child, env={}, user=65534, group=65533,
                               extra_groups=[65533, 65532, 65531], close_fds=True, preexec_fn=prepare)
    status = process.wait()
    duration = time.monotonic_ns() - before
    if status != 0:
        sys.exit("subprocess_popen.py: the child failed")
    return duration


def main():
    memory = hold_memory(int(sys.argv[1]) << 20)
    open_descriptors(int(sys.argv[2]))
    for line in sys.stdin:
        print(sum(start(sys.argv[3]) for _ in range(int(line))), flush=True)
    memory.close()


main()
