"""The servers that are measured: which there are, how one is started and stopped."""
from __future__ import annotations

import ctypes
import os
import re
import select
import shlex
import signal
import socket
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

BENCH = Path(__file__).resolve().parent
ROOT = BENCH.parents[1]
BUILD = BENCH / "build"
# The echo servers; minimal_chat is beside them.
PEERS = ("minimal", "libevent_bare", "libevent_bufferevent", "libuv", "libev")
READY = re.compile(r"listening on \S+:(\d+)\n")
START_LIMIT = 30.0
STOP_LIMIT = 20.0

_PR_SET_PDEATHSIG = 1
_prctl = ctypes.CDLL(None, use_errno=True).prctl


class Trouble(Exception):
    """Something went wrong in a way that a reader can do something about."""


@dataclass(frozen=True)
class Server:
    """A program and its arguments; `{port}` stands for the port in a reader's own command."""

    name: str
    argv: tuple
    stage: int = 0      # 0: not one of the ten
    own: bool = False   # the reader's: it need not say when it is ready

    @property
    def one_client(self) -> bool:
        """v01's echo_server serves one client after the other."""
        return self.stage == 1 and Path(self.argv[0]).name == "echo_server"

    def exists(self) -> bool:
        return self.own or Path(self.argv[0]).exists()


def stage(number: int, *args, program="echo_server", name="") -> Server:
    """A stage's program; where it has I/O threads, none unless `args` asks for them."""
    folders = sorted(ROOT.glob(f"v{number:02}_*"))
    folder = folders[0] if folders else ROOT / f"v{number:02}_missing"
    if number >= 8 and program == "echo_server" and "-t" not in args:
        args = ("-t", "0", *args)
    path = str(folder / program)
    return Server(name or f"v{number:02}", (path, "-p", "0", *map(str, args)), number)


def peer(name: str, *args, shown="") -> Server:
    return Server(shown or name, (str(BUILD / f"peer_{name}"), "-p", "0", *map(str, args)))


def own(command: str) -> Server:
    return Server("yours", tuple(shlex.split(command)), own=True)


def stages() -> list:
    return [s for s in (stage(number) for number in range(1, 11)) if s.exists()]


def peers() -> list:
    return [p for p in (peer(name) for name in PEERS) if p.exists()]


def missing_peers() -> list:
    return [name for name in PEERS if not peer(name).exists()]


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _prepare(cpus, batch):
    """In the child, before it becomes the server."""
    if cpus:
        os.sched_setaffinity(0, cpus)
    if batch:
        os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))
    _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


class Running:
    """A server that runs, until the `with` ends.

    `wrap` is a tool's command that goes before its own. With `batch` the kernel does not let it
    interrupt the load on the same CPU: what was sent together is then served together.
    """

    def __init__(self, server: Server, cpus=None, wrap=(), batch=False):
        self.server, self.port = server, 0
        argv = [*wrap, *server.argv]
        if server.own:
            self.port = _free_port()
            argv = [word.replace("{port}", str(self.port)) for word in argv]
        self.errors = tempfile.TemporaryFile()
        try:
            self.process = subprocess.Popen(
                argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=self.errors,
                preexec_fn=lambda: _prepare(cpus, batch))
        except OSError as error:
            self.errors.close()
            raise Trouble(f"{server.name}: {argv[0]}: {error.strerror}") from None
        self.pid = self.process.pid
        try:
            self._wait_open() if server.own else self._wait_ready()
        except Trouble:
            self.kill()
            raise
        if wrap and Path(wrap[0]).name == "strace":
            self.pid = self.children()[0]

    def _wait_ready(self):
        text, until = "", time.monotonic() + START_LIMIT
        while not READY.search(text):
            left = max(until - time.monotonic(), 0)
            if not select.select([self.process.stdout], [], [], left)[0]:
                raise Trouble(f"{self.server.name}: no ready line in {START_LIMIT:g} s")
            piece = os.read(self.process.stdout.fileno(), 4096).decode("utf-8", "replace")
            if not piece:
                raise Trouble(f"{self.server.name} ended before it was ready{self.words()}")
            text += piece
        self.port = int(READY.search(text).group(1))

    def _wait_open(self):
        until = time.monotonic() + START_LIMIT
        while time.monotonic() < until and self.process.poll() is None:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.02)
        raise Trouble(f"{self.server.name}: nobody listens on port {self.port}{self.words()}\n"
                      "  does the command hold {port} where the port belongs?")

    def words(self) -> str:
        """What it said on standard error, for whoever reads of a failure."""
        self.errors.seek(0)
        text = self.errors.read()[-2000:].decode("utf-8", "replace").strip()
        return f"; it says: {text}" if text else ""

    def children(self) -> list:
        path = f"/proc/{self.process.pid}/task/{self.process.pid}/children"
        with open(path, encoding="ascii") as file:
            return [int(pid) for pid in file.read().split()]

    def kill(self):
        self.process.kill()
        self.process.wait()
        self._close()

    def _close(self):
        self.process.stdout.close()
        self.errors.close()

    def stop(self):
        """As a user would; one that does not end is killed, and that is said."""
        if self.process.poll() is not None:
            words = self.words()
            self._close()
            raise Trouble(f"{self.server.name} ended by itself, status "
                          f"{self.process.returncode}{words}")
        os.kill(self.pid, signal.SIGTERM)
        try:
            self.process.wait(STOP_LIMIT)
        except subprocess.TimeoutExpired:
            self.kill()
            raise Trouble(f"{self.server.name} did not stop at SIGTERM") from None
        self._close()

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        if kind is None:
            self.stop()
        else:
            self.kill()
