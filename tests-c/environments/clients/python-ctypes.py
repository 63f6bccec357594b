"""pidfd_spawnp by ctypes, and the standard library's own functions for what a pidfd can do; run with the library
preloaded."""

import ctypes
import errno
import os
import select
import signal
import sys
import threading

program = ctypes.CDLL(None, use_errno=True)
EMPTY = (ctypes.c_char_p * 1)(None)


def spawn(*argv):
    pidfd = ctypes.c_int(-1)
    arguments = (ctypes.c_char_p * (len(argv) + 1))(*map(os.fsencode, argv), None)
    error = program.pidfd_spawnp(ctypes.byref(pidfd), os.fsencode(argv[0]), None, None, arguments, EMPTY)
    if error:
        raise OSError(error, os.strerror(error))
    return pidfd.value


def ended(pidfd):
    result = os.waitid(os.P_PIDFD, pidfd, os.WEXITED)
    os.close(pidfd)
    return result


def poll_and_wait():
    pidfd = spawn("sleep", "0.1")
    poll = select.poll()
    poll.register(pidfd, select.POLLIN)
    assert poll.poll(0) == [], "readable before the end"
    assert poll.poll(10000) == [(pidfd, select.POLLIN)], "not readable after the end"
    pid = program.pidfd_getpid(pidfd)
    result = ended(pidfd)
    assert (result.si_pid, result.si_code, result.si_status) == (pid, os.CLD_EXITED, 0), result


def status():
    result = ended(spawn("sh", "-c", "exit 7"))
    assert (result.si_code, result.si_status) == (os.CLD_EXITED, 7), result


def send_signal():
    pidfd = spawn("sleep", "100")
    signal.pidfd_send_signal(pidfd, signal.SIGTERM)
    result = ended(pidfd)
    assert (result.si_code, result.si_status) == (os.CLD_KILLED, signal.SIGTERM), result


def close_on_exec():
    pidfd = spawn("true")
    assert not os.get_inheritable(pidfd), "inheritable"
    ended(pidfd)


def not_found():
    try:
        spawn("there-is-no-such-program")
    except OSError as error:
        assert error.errno == errno.ENOENT, error
    else:
        raise AssertionError("it was started")
    try:
        os.waitpid(-1, os.WNOHANG)
    except ChildProcessError:
        return
    raise AssertionError("a child is left")


def fork():
    pidfd = program.pidfd_fork(0)
    if pidfd == 0:
        os._exit(5)
    assert pidfd > 0, os.strerror(ctypes.get_errno())
    result = ended(pidfd)
    assert (result.si_code, result.si_status) == (os.CLD_EXITED, 5), result


def threads():
    failures = []

    def several():
        try:
            for code in range(25):
                result = ended(spawn("sh", "-c", f"exit {code}"))
                assert result.si_status == code, result
        except Exception as why:
            failures.append(why)

    runners = [threading.Thread(target=several) for _ in range(4)]
    for runner in runners:
        runner.start()
    for runner in runners:
        runner.join()
    assert not failures, failures


def event_loop():
    """A pidfd among the descriptors of asyncio."""
    import asyncio

    async def one():
        pidfd = spawn("sh", "-c", "exit 3")
        readable = asyncio.Event()
        asyncio.get_running_loop().add_reader(pidfd, readable.set)
        await asyncio.wait_for(readable.wait(), 10)
        asyncio.get_running_loop().remove_reader(pidfd)
        return ended(pidfd)

    result = asyncio.run(one())
    assert result.si_status == 3, result


failed = False
for test in (poll_and_wait, status, send_signal, close_on_exec, not_found, fork, threads, event_loop):
    name = f"Python ctypes: {test.__name__.replace('_', ' ')}"
    try:
        test()
        print(f"ok - {name}")
    except Exception as why:
        failed = True
        print(f"not ok - {name}\n# {why!r}")
    sys.stdout.flush()
sys.exit(failed)
