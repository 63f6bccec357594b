"""The C suite, a soak and an example in what container runtimes give to a container by default.  See README.md."""

import contextlib
import functools
import os
import pathlib
import re
import threading
import time

import places
from containers import profiles
from containers.profiles import DOCKER, PODMAN
from places import BUILD, TOP, Unavailable, last_line, run
from results import Tally

HERE = TOP / "tests-c/environments/containers"
WORK = BUILD / "containers"
LIBRARY = "/suite/build/lib/libpidfd_spawn.so.0"
# It ends with the process that started it.
NAMESPACES = ("setpriv", "--pdeathsig", "KILL", "unshare", "--mount", "--pid", "--fork", "--kill-child", "--uts",
              "--ipc", "--net")

# What is run in a container whose folder is /suite, by a shell, which becomes it: the container's process 1.
LINKED = f"exec tests-c/suite/run {LIBRARY} build/tests/linked/tst-*"
PRELOADED = f"exec tests-c/suite/run {LIBRARY} build/tests/preloaded/tst-*"
SOAK = "exec build/soak/soak 20"
PROCESS_1 = "exec build/tests/process-1"
SUPERVISOR = "exec build/examples/supervisor"
COMMANDS = {"linked": LINKED, "preloaded": PRELOADED, "soak, 20 s": SOAK, "process 1": PROCESS_1,
            "the example supervisor as process 1": SUPERVISOR}


def only_linked(commands):
    return {"linked": commands["linked"]}


USER = ("--reuid", "1000", "--regid", "1000", "--clear-groups")


class Container:
    """An imitation: a filter, capabilities, and what setpriv is told besides."""

    def __init__(self, label, profile, capabilities, *setpriv, read_only=False):
        self.label = label
        self.profile = profile
        self.setpriv = ("--bounding-set", ",".join(["-all", *(f"+{name.lower()}" for name in capabilities)]),
                        "--inh-caps", "-all", *setpriv)
        self.read_only = "yes" if read_only else ""

    def run(self, command, *program, within=(), environment=()):
        """Runs a command, for a shell, or a program as the first process of a new container."""
        return run("timeout", "-k", "10", "1800", *within, *NAMESPACES, "--cgroup", HERE / "inside", TOP,
                   self.read_only, "TEST_QUICK=1", *environment, "build/tests/seccomp-deny", "--privileged",
                   *profiles.rules(self.profile), "--", "setpriv", *self.setpriv,
                   *(program or ("sh", "-c", command)))

    def check(self, results, commands=None, **options):
        for mode, command in (commands or COMMANDS).items():
            record(results, self.label, mode, *self.run(command, **options))


def record(results, label, mode, status, text):
    WORK.mkdir(parents=True, exist_ok=True)
    (WORK / (re.sub(r"[^\w.]+", "-", f"{label} {mode}") + ".log")).write_text(text, encoding="utf-8")
    if "supervisor" in mode:
        results.check(label, mode, status == 0, last_line(text))
    else:
        results.counted(label, mode, Tally(text, status))


DOCKER_ROOT = Container("Docker 25 or newer, imitated", profiles.DOCKER_NOW, DOCKER)


def docker_like(results):
    DOCKER_ROOT.check(results)
    Container("Docker 25 or newer, imitated, a user", profiles.DOCKER_NOW, DOCKER, *USER).check(results)
    Container("Docker 25 or newer, imitated, no new privileges", profiles.DOCKER_NOW, DOCKER,
              "--no-new-privs").check(results, only_linked(COMMANDS))


def older_docker_like(results):
    Container("Docker 20.10.10 to 24, imitated", profiles.DOCKER_20, DOCKER).check(results, only_linked(COMMANDS))
    Container("Docker 20.10.0 to 20.10.9, imitated", profiles.DOCKER_OLD, DOCKER).check(results)
    # Nothing that takes a child by its pidfd is allowed there but what the kernel gives at its birth.
    Container("Docker 19.03, imitated", profiles.DOCKER_19, DOCKER).check(
        results, {"linked": "exec build/tests/linked/tst-environment as_started as_started_in_a_thread"},
        environment=("EXPECT=fork=ENOSYS",))


def podman_like(results):
    Container("podman 4, imitated", profiles.PODMAN_NOW, PODMAN).check(results)
    Container("podman 4, imitated, a user", profiles.PODMAN_NOW, PODMAN, *USER).check(results, only_linked(COMMANDS))


def kubernetes_like(results):
    # RuntimeDefault is the runtime's list: containerd's has the same calls as Docker's.
    Container("Kubernetes, containerd, the restricted standard, imitated", profiles.DOCKER_NOW, (), *USER,
              "--no-new-privs", read_only=True).check(results)
    Container("Kubernetes, CRI-O, imitated", profiles.CRI_O, profiles.CRI_O_CAPABILITIES).check(
        results, only_linked(COMMANDS))


def process_1(results):
    """Each program of the suite as process 1, instead of the shell that runs them."""
    tally = Tally()
    for program in sorted(path.relative_to(TOP) for path in (BUILD / "tests/linked").glob("tst-*")):
        status, text = DOCKER_ROOT.run(None, program)
        tally.add(Tally(text, status, program.name))
    results.counted("each program as process 1, Docker imitated", "linked", tally)


def group_of_controller(controller):
    """The folder of this process's cgroup that has the controller, and whether it is one of version 2."""
    mounts = [line.split() for line in pathlib.Path("/proc/self/mounts").read_text().splitlines()]
    for line in pathlib.Path("/proc/self/cgroup").read_text().splitlines():
        _, controllers, path = line.split(":", 2)
        if controller in controllers.split(","):
            for _, folder, kind, options, *_ in mounts:
                if kind == "cgroup" and controller in options.split(","):
                    return pathlib.Path(folder + path), False
    for _, folder, kind, *_ in mounts:
        if kind == "cgroup2" and controller in pathlib.Path(folder, "cgroup.controllers").read_text().split():
            return pathlib.Path(folder), True
    raise Unavailable(f"there is no cgroup controller {controller}")


@contextlib.contextmanager
def limited(controller, file, value):
    """A new cgroup with this limit, as the command that enters it."""
    parent, is_second = group_of_controller(controller)
    group = parent / f"limits-of-libpidfd_spawn-{os.getpid()}"
    try:
        if is_second:
            (parent / "cgroup.subtree_control").write_text(f"+{controller}")
        group.mkdir()
    except OSError as why:
        raise Unavailable(f"no cgroup with the controller {controller}: {why}") from None
    try:
        (group / (file if is_second or file == "pids.max" else "memory.limit_in_bytes")).write_text(value)
        yield ("sh", "-ec", 'echo $$ >"$0/cgroup.procs" && exec "$@"', group)
    finally:
        # What was killed may still be there for a moment.
        for _ in range(50):
            try:
                group.rmdir()
                break
            except OSError:
                time.sleep(0.1)


def limits(results):
    for label, *limit in (("64 processes and threads", "pids", "pids.max", "64"),
                          ("256 MiB of memory", "memory", "memory.max", str(256 << 20))):
        container = Container(f"{label}, Docker imitated", profiles.DOCKER_NOW, DOCKER)
        try:
            with limited(*limit) as within:
                container.check(results, within=within)
        except Unavailable as why:
            results.unavailable(container.label, "linked", why)


RUNTIMES_OF = "trixie"
PACKAGES = ("crun", "runc", "podman", "docker.io", "docker-cli", "containerd", "runsc", "bubblewrap")
PACKAGE_OF = {"docker": "docker.io"}
one_at_a_time = threading.Lock()


@functools.lru_cache(maxsize=None)
def folder_with_runtimes():
    """The root folder, of which an image was made: without what containers do not need and without the largest files,
    the runtimes.
    """
    root = places.root_folder(f"{RUNTIMES_OF}+containers", *PACKAGES)
    image = WORK / "image.tar"
    WORK.mkdir(parents=True, exist_ok=True)
    status, text = run("sh", "-c", 'find bin lib lib64 sbin etc tmp root usr \\( -path usr/share -o -path usr/src -o '
                       '-path usr/include \\) -prune -o -size -8M -print0 | '
                       'tar -c --no-recursion --null -T - -f "$0"', image, cwd=root)
    if status:
        raise Unavailable(f"no image: {last_line(text)}")
    return root


def runtime(name, commands=COMMANDS, environment="TEST_QUICK=1"):
    def check(results):
        with one_at_a_time:
            root = folder_with_runtimes()
        version = places.said("chroot", root, "dpkg-query", "-W", "-f", "${Version}", PACKAGE_OF.get(name, name))
        label = f"{name} {re.sub('[-+].*', '', version)}, {places.distribution(root, RUNTIMES_OF)}"
        status, text = run("timeout", "-k", "10", "1800", *NAMESPACES, HERE / "runtime", root, TOP, name,
                           *(command.replace("exec", f"export {environment}; exec") for command in commands.values()))
        if status == 77:
            raise Unavailable(f"{label}: {last_line(text).replace('skipped: ', '', 1)}")
        parts = re.split(r"^# container: (\d+)\n", text, flags=re.MULTILINE)
        for (mode, _), part, ended in zip(commands.items(), parts[::2], parts[1::2]):
            record(results, label, mode, int(ended), part)
        if len(parts) // 2 < len(commands):
            record(results, label, "all", status or 1, parts[-1])
    return check


# gVisor's kernel has no pidfds that can be waited for.
GVISOR = {"linked, everything is ENOSYS": "exec build/tests/linked/tst-environment as_started as_started_in_a_thread"}
CONTAINERS = {
    "docker-like": docker_like,
    "older-docker-like": older_docker_like,
    "podman-like": podman_like,
    "kubernetes-like": kubernetes_like,
    "process-1": process_1,
    "limits": limits,
    "docker": runtime("docker"),
    "podman": runtime("podman"),
    "crun": runtime("crun"),
    "runc": runtime("runc"),
    "bubblewrap": runtime("bubblewrap"),
    "runsc": runtime("runsc", GVISOR, "EXPECT='spawn=ENOSYS fork=ENOSYS wait=ENOSYS'"),
}


def add_arguments(parser):
    parser.add_argument("containers", nargs="*", metavar="container", help="some of: " + ", ".join(CONTAINERS))


def containers(results, arguments):
    if run(*NAMESPACES, "--cgroup", "true")[0]:
        results.unavailable("containers", "all", "needs root and namespaces")
        return
    places.side_by_side(results, arguments.containers or list(CONTAINERS), CONTAINERS,
                        lambda part, name: CONTAINERS[name](part), arguments.jobs)
