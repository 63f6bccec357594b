"""Starts nginx with four workers, asks it for files while it reloads, reopens, loses a worker and is replaced by a new
program, and reports in TAP: every answer is right, no worker, zombie or descriptor is left over."""

import http.client
import os
import pathlib
import re
import signal
import socket
import subprocess
import sys
import tempfile
import threading

from session import becomes, report

WORKERS = 4
RELOADS = 5
# From the environment of this program; nginx gives its children what its configuration names.
KEPT = [name for name in os.environ if name.startswith(("LD_", "PIDFD_SPAWN_"))]
CONFIGURATION = """
daemon on;
worker_processes {workers};
pid nginx.pid;
error_log error.log;
user nobody nogroup;
{kept}
events {{ worker_connections 64; }}
http {{
  access_log access.log;
  server {{ listen unix:{folder}/socket; root {folder}; add_header Generation {generation}; }}
}}
"""


def status(pid):
    lines = pathlib.Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines()
    return {name: value.strip() for name, value in (line.split(":", 1) for line in lines)}


def children(pid):
    return {int(child) for child in pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()}


def descriptors(pid):
    return sorted(os.readlink(entry) for entry in pathlib.Path(f"/proc/{pid}/fd").iterdir())


class Connection(http.client.HTTPConnection):
    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(30)
        self.sock.connect(self.host)


class Server:
    def __init__(self, folder):
        self.folder = folder
        self.answers = self.wrong = 0
        self.done = threading.Event()

    def configure(self, generation):
        kept = "\n".join(f"env {name};" for name in KEPT)
        (self.folder / "nginx.conf").write_text(CONFIGURATION.format(
            workers=WORKERS, kept=kept, folder=self.folder, generation=generation))

    def master(self):
        return int((self.folder / "nginx.pid").read_text())

    def signal(self, number):
        os.kill(self.master(), number)

    def ask(self):
        connection = Connection(f"{self.folder}/socket")
        connection.request("GET", "/text", headers={"Host": "localhost"})
        answer = connection.getresponse()
        good = answer.read() == (self.folder / "text").read_bytes()
        connection.close()
        return int(answer.headers["Generation"]) if good else None

    def keep_asking(self):
        while not self.done.is_set():
            try:
                self.wrong += self.ask() is None
            except (OSError, http.client.HTTPException):
                self.wrong += 1
            self.answers += 1

    def has_workers(self, without=()):
        now = children(self.master())
        return len(now) == WORKERS and not now & set(without) and all(status(pid)["State"][0] == "S" for pid in now)


def session(folder):
    server = Server(folder)
    (folder / "text").write_bytes(b"text\n" * 20000)
    os.chmod(folder, 0o755)
    server.configure(0)
    command = ["/usr/sbin/nginx", "-e", f"{folder}/error.log", "-p", str(folder), "-c", f"{folder}/nginx.conf"]
    report("it starts as a daemon", subprocess.run(command, check=False).returncode == 0)
    report("it has its workers", becomes(server.has_workers))
    report("they belong to another user", all(status(pid)["Uid"].split()[0] == "65534"
                                              for pid in children(server.master())))
    report("it answers", server.ask() == 0)
    before = descriptors(server.master())
    mask = status(server.master())["SigBlk"]

    asking = threading.Thread(target=server.keep_asking)
    asking.start()
    for generation in range(1, RELOADS + 1):
        old = children(server.master())
        server.configure(generation)
        server.signal(signal.SIGHUP)
        report(f"reload {generation}: other workers", becomes(lambda: server.has_workers(old)))
        report(f"reload {generation}: the new configuration", becomes(lambda: server.ask() == generation))
    (folder / "access.log").rename(folder / "access.log.1")
    server.signal(signal.SIGUSR1)
    report("its logs are reopened", becomes((folder / "access.log").exists))
    report("no descriptor is left in the master", becomes(lambda: len(descriptors(server.master())) <= len(before)))
    report("its signal mask is as before", status(server.master())["SigBlk"] == mask)
    victim = children(server.master()).pop()
    os.kill(victim, signal.SIGKILL)
    report("a worker that was killed is replaced", becomes(lambda: server.has_workers([victim])))

    old = server.master()
    server.signal(signal.SIGUSR2)
    report("a new program beside the old one", becomes(lambda: server.master() != old and server.has_workers()))
    os.kill(old, signal.SIGQUIT)
    report("the old one ends", becomes(lambda: not os.path.exists(f"/proc/{old}") or status(old)["State"][0] == "Z"))
    report("the new one answers", server.ask() == RELOADS)
    server.done.set()
    asking.join()
    report("all answers were right", server.answers > 0 and server.wrong == 0)
    print(f"# {server.answers} answers, {server.wrong} wrong")

    last = server.master()
    workers = children(last)
    server.signal(signal.SIGQUIT)
    report("it ends with its workers", becomes(lambda: not any(
        os.path.exists(f"/proc/{pid}") and status(pid)["State"][0] != "Z" for pid in {last, *workers})))
    # It tells of the worker that was killed.
    wrong = [line for line in (folder / "error.log").read_text().splitlines()
             if re.search(r"\[(alert|crit|emerg)\]", line) and f"process {victim} exited on signal 9" not in line]
    report("nothing else went wrong in its log", not wrong)
    print("\n".join(wrong), file=sys.stderr)


with tempfile.TemporaryDirectory() as name:
    session(pathlib.Path(name))
