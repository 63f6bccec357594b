"""The C suite in environments that refuse something, hold little, or are not what the programs were built on.  In each
the results must be those that the contract asks for: where one way is refused another one gives the same.
"""

import os
import re
import shutil

import places
from places import BUILD, TOP, Unavailable, run, said
from results import Tally, last_line

TESTS = BUILD / "tests/linked"
DENY = BUILD / "tests/seccomp-deny"
LIBRARY = (BUILD / "lib/libpidfd_spawn.so.0").resolve()
MACHINE = os.uname().machine

# Of tst-environment: every function once.
ONCE = ("as_started", "as_started_in_a_thread")

# clone3: this library shows the kernel 64 bytes of arguments, glibc's threads 88; they must go on.
REFUSED = (
    ("clone3: ENOSYS", "clone3=ENOSYS"),
    ("clone3: EPERM", "clone3:1=64:EPERM"),
    ("clone3: EINVAL", "clone3:1=64:EINVAL"),
    ("clone3: E2BIG", "clone3:1=64:E2BIG"),
    ("close_range: ENOSYS", "close_range=ENOSYS"),
    ("close_range: EPERM, clone3: ENOSYS", "close_range=EPERM", "clone3=ENOSYS"),
    ("PIDFD_GET_INFO: ENOTTY", "ioctl:1=0xc040ff0b:ENOTTY"),
    ("PIDFD_GET_INFO: EINVAL", "ioctl:1=0xc040ff0b:EINVAL"),
    ("PIDFD_GET_INFO: ENOSYS", "ioctl:1=0xc040ff0b:ENOSYS"),
    ("unshare(CLONE_THREAD): EPERM", "unshare:0=0x10000:EPERM"),
    ("sendmsg, recvmsg: EPERM", "sendmsg=EPERM", "recvmsg=EPERM"),
    # Docker's default profile, without CAP_SYS_ADMIN: no clone3, no unshare, no setns, and no clone with one of the
    # flags that make a namespace.  Mount, cgroup, UTS, IPC, user, PID, network.
    ("Docker's default profile", "clone3=ENOSYS", "unshare=EPERM", "setns=EPERM", "clone:0&0x20000:EPERM",
     "clone:0&0x2000000:EPERM", "clone:0&0x4000000:EPERM", "clone:0&0x8000000:EPERM", "clone:0&0x10000000:EPERM",
     "clone:0&0x20000000:EPERM", "clone:0&0x40000000:EPERM"),
)

# For surroundings that the other programs could not do their work in.  EXPECT says what the calls must give where that
# is not success; see tst-environment.c.  The library's own clone has CLONE_PIDFD, and CLONE_VM and CLONE_VFORK where it
# may: without CLONE_VM it makes a copy of the memory.
REFUSED_ONCE = (
    ("clone3 and clone: EPERM", "spawn=ENOSYS", "clone3:1=64:EPERM", "clone:0&0x1000:EPERM"),
    ("clone3: EPERM, clone with CLONE_VM: EPERM", "", "clone3:1=64:EPERM", "clone:0&0x1100:EPERM"),
    ("clone3: ENOSYS, clone: EAGAIN", "spawn=EAGAIN", "clone3:1=64:ENOSYS", "clone:0&0x1100:EAGAIN"),
    ("no memory for a new process (clone3: ENOMEM)", "spawn=ENOMEM", "clone3:1=64:ENOMEM"),
    ("waitid(P_PIDFD): EINVAL, as before Linux 5.4", "spawn=ENOSYS fork=ENOSYS wait=ENOSYS", "waitid:0=3:EINVAL"),
    ("fstatfs: EPERM", "", "fstatfs=EPERM"),
    ("pidfd_open: EPERM", "fork=ENOSYS", "pidfd_open=EPERM"),
    ("pidfd_open: ENOSYS", "fork=ENOSYS", "pidfd_open=ENOSYS"),
    ("socketpair, sendmsg, recvmsg, pipe2: EPERM", "", "socketpair=EPERM", "sendmsg=EPERM", "recvmsg=EPERM",
     "pipe2=EPERM"),
    ("rt_sigaction: EPERM", "attributes=EPERM ext=EPERM", "rt_sigaction=EPERM"),
    # Before Linux 5.11.
    ("close_range(CLOSE_RANGE_CLOEXEC): EINVAL", "", "close_range:2=4:EINVAL"),
    ("clone3: EPERM, clone without CLONE_VFORK: EPERM", "user=ENOSYS", "clone3:1=64:EPERM", "clone:0=0x1111:EPERM",
     "clone:0=0x1011:EPERM"),
    ("clone3: EPERM, clone with CLONE_VM without CLONE_VFORK: EPERM", "", "clone3:1=64:EPERM", "clone:0=0x1111:EPERM"),
    ("poll: EPERM", "", "poll=EPERM", "ppoll=EPERM"),
    # The library's own wait: other threads wait on private words.
    ("futex(FUTEX_WAIT): EPERM", "", "futex:1=0:EPERM"),
    # RLIMIT_CORE.
    ("prlimit64: EPERM", "ext=EPERM", "prlimit64:1=4:EPERM"),
    *((f"{call}: {error}", f"{what}={error}", f"{rule}{separator}{error}") for call, what, rule, separator in (
        ("execveat", "exec_fd", "execveat", "="),
        ("umask", "ext", "umask", "="),
        ("PR_SET_NO_NEW_PRIVS", "ext", "prctl:0=38", ":"),
        ("PR_SET_PDEATHSIG", "ext", "prctl:0=1", ":"),
        # What keeps the caller safe from the new user.
        ("PR_GET_DUMPABLE", "user", "prctl:0=3", ":"),
        ("PR_SET_DUMPABLE", "user", "prctl:0=4", ":"),
        ("capget", "user", "capget", "="),
        ("setresgid", "user", "setresgid", "="),
        ("setresuid", "user", "setresuid", "="),
    ) for error in ("EPERM", "ENOSYS")),
)


def programs_by(command, patterns=("tst-*",), tests=()):
    """Runs programs by way of the command, all of their tests or some."""
    tally = Tally()
    for program in sorted(path for pattern in patterns for path in TESTS.glob(pattern)):
        status, text = run("timeout", "-k", "10", "300", *command, program, *tests)
        tally.add(Tally(text, status, program.name))
    return tally


def restricted(results, _arguments):
    def environment(label, command, *patterns):
        results.counted(label, "linked", programs_by(command, patterns or ("tst-*",)))

    def once(label, expect, *command):
        """Every function once."""
        command = ("env", f"EXPECT={expect}", *command)
        results.counted(label, "linked", programs_by(command, ("tst-environment",), ONCE))

    for label, *rules in REFUSED:
        environment(label, (DENY, *rules, "--"))
    for label, expect, *rules in REFUSED_ONCE:
        once(label, expect, DENY, *rules, "--")
    # With one thread procfs says that there are no handlers, so that there is nothing to ask for or to change.
    for test, expect in zip(ONCE, ("attributes=EPERM ext=EPERM", "spawn=EPERM")):
        command = ("env", f"EXPECT={expect}", DENY, "rt_sigaction=EPERM", "clone3:1=64:ENOSYS", "--")
        results.counted(f"rt_sigaction: EPERM, clone3: ENOSYS, {test}", "linked",
                        programs_by(command, ("tst-environment",), (test,)))
    if run("unshare", "--mount", "--pid", "--fork", "true")[0] == 0:
        namespaces(environment, once)
    else:
        results.unavailable("/proc not mounted, PID namespaces", "linked", "needs root")

    # The PATH of whoever runs this may hold folders that the user must not search, and then no program is "not found".
    user = ("env", "PATH=/usr/bin:/bin", "setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups")
    status, text = run(*user, "test", "-x", DENY)
    if status == 0:
        environment("an unprivileged user", user)
    else:
        results.unavailable("an unprivileged user", "linked", last_line(text) or f"it may not search {BUILD}")
    status, text = run("unshare", "--user", "true")
    if status == 0:
        # tst-memory sets a scheduling policy, which is not allowed there.
        environment("a user namespace without privileges", ("unshare", "--user"), "tst-[!m]*")
    else:
        results.unavailable("a user namespace without privileges", "linked", last_line(text))
    environment("an empty environment", ("env", "-i"))
    # The programs make these themselves.
    environment("no free descriptor, process or memory; 0-2 closed", (), "tst-environment")
    environment("PTHREAD_STACK_MIN, a 16 KiB signal stack", (), "tst-stack")

    if shutil.which("valgrind"):
        valgrind(results, environment, once)
    else:
        results.unavailable("valgrind memcheck", "linked", "valgrind is not installed")
    qemu_user(results, environment, once)


def namespaces(environment, once):
    def without_proc(label, expect, *command):
        # Without procfs the loader does not know $ORIGIN.
        once(label, expect, "env", f"LD_LIBRARY_PATH={LIBRARY.parent}", "unshare", "--mount", "sh", "-c",
             'umount -l /proc && exec "$@"', "sh", *command)

    without_proc("/proc not mounted", "")
    without_proc("/proc not mounted, PIDFD_GET_INFO: ENOTTY", "getpid=ENOENT", DENY, "ioctl:1=0xc040ff0b:ENOTTY", "--")
    # Its first process starts it: signals mean something else to that one.
    environment("a PID namespace", ("unshare", "--pid", "--fork", "--mount-proc", "sh", "-c", '"$0"; exit $?'))
    once("a PID namespace, as its first process", "", "unshare", "--pid", "--fork", "--mount-proc")
    once("a PID namespace with the /proc of another", "", "unshare", "--pid", "--fork")


def valgrind(results, environment, once):
    # Before 3.20 it has no pidfd_open.  Other programs of the suite do on purpose what it reports.
    memcheck = ("valgrind", "-q", "--error-exitcode=9")
    fork = "fork=ENOSYS " if places.version(said("valgrind", "--version")) < [3, 20] else ""
    once("valgrind memcheck", f"{fork}mappings=any", *memcheck)
    environment("valgrind memcheck", memcheck, "tst-spawn-chdir-pidfd")

    # What loading leaves in memory: true itself allocates nothing.  A release that is not known is examined at length.
    objects = BUILD / "tests/objects"
    for expected, *preloaded in ((9, objects / "noisy.so"), (0, LIBRARY), (0, LIBRARY, objects / "version.so")):
        # The loader splits LD_PRELOAD at spaces, of which the path of the tree may have some.
        names = " ".join(str(file.relative_to(TOP)) for file in preloaded)
        status, text = run("env", "TST_NOISE=1", "TST_VERSION=2.99", f"LD_PRELOAD={names}", "valgrind", "-q",
                           "--leak-check=full", "--show-leak-kinds=all", "--errors-for-leak-kinds=all",
                           "--error-exitcode=9", "/bin/true")
        if not results.check("valgrind leak check", "preloaded", status == expected,
                             f"loading {names}: its status is {status}"):
            print(text[:2000])


def qemu_user(results, environment, once):
    def label(qemu):
        return re.sub(r" \(.*", "", said(qemu, "--version"))

    def every_function(qemu):
        # 7.2 refuses CLONE_PIDFD, so that there is no pidfd_spawn; newer ones make a copy of the memory for CLONE_VM.
        once(label(qemu), "spawn=ENOSYS" if places.version(label(qemu).split()[-1]) < [8] else "", qemu)

    qemu = shutil.which(f"qemu-{MACHINE}")
    if qemu:
        every_function(qemu)
    else:
        results.unavailable("qemu-user", "linked", "qemu-user is not installed")
    try:
        qemu = places.debian_package("trixie", "qemu-user") / f"usr/bin/qemu-{MACHINE}"
    except Unavailable as why:
        results.unavailable("qemu-user of trixie", "linked", why)
        return
    every_function(qemu)
    environment(label(qemu), (qemu,), "tst-spawn[24]-pidfd")
    environment(label(qemu), (qemu,), "tst-path")
