"""Makes system calls of a server fail, with strace, and reads from its log which did."""
from __future__ import annotations

import os
import re
import select
import shutil
import signal
import subprocess
import tempfile
import time
from dataclasses import dataclass

from harness.server import Broken

ATTACH_LIMIT = 10.0
UNFINISHED = re.compile(r"^(\d+) +(.*) <unfinished \.\.\.>$")
RESUMED = re.compile(r"^(\d+) +<\.\.\. \w+ resumed>(.*)$")
CALL = re.compile(r"^\d+ +(\w+)\(")
PORTS = re.compile(r"(?:TCP|TCPv6):\[.*?:(\d+)->.*?:(\d+)\]")
LIBRARY = "library"     # the C library asks for itself, and can do without
OBJECTS = (("<TCP", "socket"), ("[eventfd]>", "eventfd"), ("[timerfd]>", "timerfd"),
           ("[signalfd]>", "signalfd"), ("<pipe:", "message"), ("</proc/sys/", LIBRARY))


@dataclass(frozen=True)
class Hit:
    """One call that was made to fail."""

    call: str
    on: str         # what kind of thing it was for: a socket, an eventfd, ...
    port: int       # the client's, if it was for one
    line: str


class Log:
    """What strace wrote."""

    def __init__(self):
        self.folder = tempfile.TemporaryDirectory(prefix="faults-")
        self.path = os.path.join(self.folder.name, "strace")

    def lines(self):
        """The lines, those put together again that another thread's came in between."""
        begun = {}
        if not os.path.exists(self.path):
            return
        with open(self.path, encoding="utf-8", errors="replace") as file:
            for line in file:
                line = line.rstrip("\n")
                match = UNFINISHED.match(line)
                if match:
                    begun[match.group(1)] = match.group(2)
                    continue
                match = RESUMED.match(line)
                if match:
                    line = f"{match.group(1)} {begun.pop(match.group(1), '')}{match.group(2)}"
                yield line

    def calls(self):
        return {m.group(1) for m in map(CALL.match, self.lines()) if m}

    def hits(self, loose=False):
        """The calls that failed; `loose`: also those under way when strace let go."""
        marks = ("(INJECTED)", "(DELAYED)") + (("<detached ...>",) if loose else ())
        return [_hit(line) for line in self.lines() if line.endswith(marks)]


def _hit(line):
    call = CALL.match(line)
    ports = PORTS.search(line)
    on = next((word for mark, word in OBJECTS if mark in line), "")
    return Hit(call.group(1) if call else "?", on, int(ports.group(2)) if ports else 0, line)


def options(row, call, error, when, path):
    """strace's options for one failure."""
    calls = ["-e", f"trace={call}"]
    if error:
        calls += ["-e", f"inject={call}:{row.how or 'error=' + error}:when={when}"]
    for other in row.more:
        calls[1] += "," + other.split(":")[0]
        calls += ["-e", "inject=" + other]
    only = ["-P", row.only] if row.only else []
    return ["-f", "-yy", "-o", path, "-e", "signal=none", *calls, *only]


class Tracer:
    """strace, attached to a server and to its child processes."""

    def __init__(self, server, args):
        pids = [server.process.pid, *server._children()]
        argv = ["strace", *args]
        for pid in pids:
            argv += ["-p", str(pid)]
        self.process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                        stderr=subprocess.PIPE)
        self.words = b""
        self._await(len(pids))

    def _await(self, count):
        """strace says so when it has attached."""
        stream, until = self.process.stderr, time.monotonic() + ATTACH_LIMIT
        while self.words.count(b" attached") < count:
            left = until - time.monotonic()
            ready = left > 0 and select.select([stream], [], [], left)[0]
            piece = os.read(stream.fileno(), 4096) if ready else b""
            if not piece:
                self.stop()
                raise Broken(f"strace can't attach: {self.words.decode(errors='replace')}")
            self.words += piece

    def stop(self):
        """Lets the server go."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
        try:
            self.process.wait(ATTACH_LIMIT)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stderr.close()


def why_not():
    """Why calls can't be made to fail here; empty when they can."""
    if not shutil.which("strace"):
        return "strace is missing; install it: sudo apt-get install -y strace"
    done = subprocess.run(["strace", "-qq", "-e", "trace=none", "true"], capture_output=True,
                          text=True, check=False)
    if done.returncode == 0:
        return ""
    words = done.stderr.strip().split("\n")[0] or f"exit status {done.returncode}"
    return f"strace may not trace here; a container wants --cap-add=SYS_PTRACE ({words})"
