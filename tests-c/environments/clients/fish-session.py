"""Types commands into fish at a terminal, and reports in TAP: their results, which job has the terminal, and which
process groups there are."""

import os
import pathlib
import pty
import re
import signal
import tempfile
import threading

from session import becomes, report


def processes(group):
    """Name and state of each process of the process group, zombies left out."""
    found = []
    for stat in pathlib.Path("/proc").glob("[0-9]*/stat"):
        try:
            name, rest = re.match(r"\d+ \((.*)\) (.*)", stat.read_text(encoding="utf-8")).groups()
        except OSError:
            continue
        state, _, its_group, *_ = rest.split()
        if int(its_group) == group and state != "Z":
            found.append((name, state))
    return sorted(found)


def zombies(parent):
    """Its children that have ended and were not waited for."""
    children = pathlib.Path(f"/proc/{parent}/task/{parent}/children").read_text(encoding="ascii").split()
    return [child for child in children if "State:\tZ" in pathlib.Path(f"/proc/{child}/status").read_text()]


class Shell:
    def __init__(self, folder):
        self.folder = folder
        self.number = 0
        self.pid, self.terminal = pty.fork()
        if self.pid == 0:
            os.chdir(folder)
            os.environ.update(HOME=str(folder), TERM="xterm", LC_ALL="C.UTF-8")
            os.execv("/usr/bin/fish", ["fish", "--no-config"])
        threading.Thread(target=self.read, daemon=True).start()

    def read(self):
        """As a terminal answers: what it is, and where its cursor stands."""
        while True:
            try:
                text = os.read(self.terminal, 65536)
            except OSError:
                return
            if re.search(rb"\x1b\[0?c", text):
                os.write(self.terminal, b"\x1b[?62;22c")
            if b"\x1b[6n" in text:
                os.write(self.terminal, b"\x1b[1;1R")

    def type(self, text):
        os.write(self.terminal, text.encode())

    def result(self, command, expression="$status"):
        """What the expression is after the command."""
        self.number += 1
        file = self.folder / f"result.{self.number}"
        self.type(f"{command}; echo {expression} >{file}.new; mv {file}.new {file}\r")
        return file.read_text().strip() if becomes(file.exists) else None

    def foreground(self):
        return os.tcgetpgrp(self.terminal)

    def job(self, *names, state="S"):
        """The process group of these programs, in that state, once it has the terminal."""
        wanted = [(name, state) for name in sorted(names)]
        return self.foreground() if becomes(lambda: processes(self.foreground()) == wanted) else 0

    def waits(self):
        """The terminal is the shell's."""
        return becomes(lambda: self.foreground() == self.pid)


def session(folder):
    shell = Shell(folder)
    report("it starts and has the terminal", shell.waits())

    def same(name, wanted, command, expression="$status"):
        seen = shell.result(command, expression)
        report(name, seen == wanted, seen)

    same("the status of a command", "7", "sh -c 'exit 7'")
    same("the statuses of a pipeline", "3 0 4", "sh -c 'exit 3' | cat | sh -c 'exit 4'", "$pipestatus")
    same("a command substitution", "one two", "set x (sh -c 'echo one; echo two')", "$x")
    same("redirections", "out err", "sh -c 'echo out; echo err >&2' >1.txt 2>2.txt", "(cat 1.txt 2.txt)")
    same("a block in a pipeline", "6", "for i in 1 2 3; echo $i; sh -c 'echo x'; end | count | read n", "$n")
    same("input from a file", "out", "set x (cat <1.txt)", "$x")
    same("a program that is not there", "127", "nothing-is-here")
    (folder / "script").write_text("echo $0 was run; exit 5\n")
    same("a program that is not executable", "126", "./script")
    os.chmod(folder / "script", 0o755)
    same("a script without an interpreter's name", "5", "./script")
    # The second and third number: blocked and ignored.
    same("the signals of a child", "0000000000000000 0000000000000000",
         "set x (cat /proc/self/status | string match -r '^Sig(?:Blk|Ign):\\t\\K.*')", "$x")
    same("the signals of a child in the foreground", "0000000000000000 0000000000000000",
         "cat /proc/self/status >s.txt; set x (string match -r '^Sig(?:Blk|Ign):\\t\\K.*' <s.txt)", "$x")
    # The fourth is that of the folder, which the shell is reading.
    same("no descriptor but three", "0 1 2 3", "sh -c 'echo /proc/$$/fd/*' >f.txt",
         "(string match -ar '[0-9]+(?= |$)' <f.txt)")
    same("two hundred commands", "200", "for i in (seq 100); sh -c true; and set -a done (sh -c 'echo x') x; end",
         "(count $done)")
    report("the terminal is the shell's", shell.waits())

    shell.type("sleep 1000 | cat\r")
    group = shell.job("sleep", "cat")
    report("a job has the terminal, in one process group", group not in (0, shell.pid))
    shell.type("\x1a")
    report("^Z: the terminal is the shell's", shell.waits())
    report("^Z: the job is stopped", becomes(lambda: processes(group) == [("cat", "T"), ("sleep", "T")]))
    same("the job is known", "1", "set x (jobs -g)", "(count $x)")
    shell.type("fg\r")
    report("fg: the job has the terminal again", shell.job("sleep", "cat") == group)
    shell.type("\x1a")
    report("^Z once more", shell.waits() and becomes(lambda: processes(group) == [("cat", "T"), ("sleep", "T")]))
    shell.type("bg\r")
    report("bg: the job runs", becomes(lambda: processes(group) == [("cat", "S"), ("sleep", "S")]))
    report("bg: the terminal is the shell's", shell.waits())
    shell.type("fg\r")
    report("fg of what runs", shell.job("sleep", "cat") == group)
    shell.type("\x03")
    report("^C: the job ends", becomes(lambda: not processes(group)))
    same("^C: the shell goes on", "0", "true")

    shell.type("cat >typed.txt\r")
    report("a program that reads the terminal has it", shell.job("cat") not in (0, shell.pid))
    shell.type("typed\r\x04")
    report("it gets what is typed", becomes(lambda: (folder / "typed.txt").read_text() == "typed\n"))
    report("the terminal is the shell's again", shell.waits())

    same("a job in the background", "1", "sleep 1001 &", "(count (jobs -p))")
    report("it has not the terminal", shell.waits())
    background = shell.result("true", "(jobs -p)")
    report("it is in a process group of its own", background and processes(int(background)) == [("sleep", "S")])
    same("wait for a job that is ended", "0", "kill $last_pid; wait $last_pid; jobs -q; set x $status; test $x -ne 0")
    report("no zombie is left", becomes(lambda: not zombies(shell.pid)), zombies(shell.pid))

    shell.type("sleep 1002\r")
    last = shell.job("sleep")
    report("one more job", last != 0)
    shell.type("\x1a")
    report("it is stopped", shell.waits())
    os.kill(shell.pid, signal.SIGHUP)
    report("the shell ends with its terminal", becomes(lambda: os.waitpid(shell.pid, os.WNOHANG)[0] == shell.pid))
    report("and so does its job", becomes(lambda: not processes(last)))


# What the caller left open is not what this is about.
os.closerange(3, 1024)
with tempfile.TemporaryDirectory() as name:
    session(pathlib.Path(name))
