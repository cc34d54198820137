"""Runs a server under uftrace, and lets a scene's clients talk to it."""
from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

import paths    # noqa: F401
from harness.modes import Mode
from harness.server import Broken, Server

import calls
from workshop import Problem

LIMIT = 30.0        # seconds that any one step may take, on a machine that is very busy
LOOK_AGAIN = 0.002  # seconds between two looks at the server's threads
LOOKS = 5           # looks in a row that find all of them asleep


@dataclass
class Word:
    """Something that a client did, or that happened to it."""

    time: int
    who: str
    verb: str       # the system call: connect, send, recv, shutdown, close
    text: str


@dataclass
class Recording:
    """All that a scene brought about."""

    threads: dict
    words: list = field(default_factory=list)
    begin: int = 0
    end: int = 0
    main: int = 0


class Uftrace(Mode):
    """The way to run a server: recorded by uftrace."""

    def __init__(self, folder: str, options: list):
        super().__init__("uftrace", scale=LIMIT)
        # A call that is bound while one thread waits in it would be lost for all others.
        object.__setattr__(self, "head", ["uftrace", "record", "--no-pager", "--no-event",
                                          "--no-pltbind", "-b", "1M", "-d", folder, *options])

    def wrap(self, argv, log):
        return [*self.head, *argv]


class Traced(Server):
    """A server that runs below uftrace."""

    child = 0

    def _settled_fds(self) -> int:
        """Not counted here. Find the server's own process instead."""
        self.child = next(iter(children(self.process.pid)), 0)
        if not self.child:
            raise Broken("uftrace runs no server")
        return 0

    def looks(self) -> list:
        """Of each thread: its state, and how often it went to sleep so far."""
        found = []
        for task in Path(f"/proc/{self.child}/task").iterdir():
            text = (task / "status").read_text(encoding="ascii")
            found.append((task.name, re.search(r"^State:\t(.)", text, re.M)[1],
                          re.findall(r"ctxt_switches:\t(\d+)", text)))
        return sorted(found)

    def is_asleep(self) -> bool:
        """Whether every thread waits for something at this moment."""
        return all(state == "S" for _, state, _ in self.looks())

    def wait_quiet(self):
        """Wait until every thread waits for something, and stays so from one look to the next.

        A loop of v08 wakes up every 10 ms. Then several looks in a row must do.
        """
        until = time.monotonic() + LIMIT
        before, asleep = None, 0
        while asleep < LOOKS:
            now = self.looks()
            asleep = asleep + 1 if all(state == "S" for _, state, _ in now) else 0
            if asleep > 1 and now == before:
                return
            if time.monotonic() > until:
                raise Broken("the server does not come to rest")
            before = now
            time.sleep(LOOK_AGAIN)

    def fds(self) -> int:
        """Descriptors that the server has open."""
        try:
            return len(list(Path(f"/proc/{self.child}/fd").iterdir()))
        except OSError:
            raise Broken("the server has gone") from None

    def wait_fds(self, count: int):
        """Wait until the server has so many descriptors open, and nothing more to do."""
        until = time.monotonic() + LIMIT
        while self.fds() != count:
            if time.monotonic() > until:
                raise Broken(f"the server has {self.fds()} descriptors open, not {count}")
            time.sleep(LOOK_AGAIN)
        self.wait_quiet()

    def end(self):
        """Ask the server to stop, and wait until uftrace has written all."""
        os.kill(self.child, signal.SIGTERM)
        status = self.wait_exit(LIMIT)
        if status:
            raise Broken(f"uftrace ended with {status}: {self.err.text[-500:]}")


def children(pid: int) -> list:
    """The child processes of a process."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            words = path.read_text(encoding="ascii", errors="replace").rsplit(")", 1)[1].split()
        except OSError:     # it has ended meanwhile
            continue
        if int(words[1]) == pid:
            found.append(int(path.parent.name))
    return found


def record(folder, program: str, scene, options, sources) -> Recording:
    """Play the scene with that program, and return what came of it."""
    scratch = tempfile.mkdtemp(prefix="trace-")
    data = f"{scratch}/data"    # uftrace would keep a folder that is there already, as data.old
    mode = Uftrace(data, calls.options_for(sources.functions.values()))
    server = Traced(folder / program, ["-p", "0", *options], mode)
    try:
        server.wait_ready()
        server.wait_quiet()
        stage = Stage(server, options)
        scene.play(stage)
        if server.alive() and not stage.stopped:
            server.wait_quiet()
            stage.end = time.monotonic_ns()
            server.end()
        recording = Recording(read(data, sources), stage.words, stage.begin, stage.end)
        recording.main = server.child
        return recording
    except Broken as problem:
        raise Problem(f"{program}, scene {scene.name}: {problem}") from None
    finally:
        server.kill()
        shutil.rmtree(scratch, ignore_errors=True)


def read(data: str, sources) -> dict:
    done = subprocess.run(["uftrace", "dump", "--no-pager", "--chrome", "-d", data],
                          capture_output=True, text=True, check=False)
    if done.returncode:
        raise Problem(f"uftrace can't read its own trace: {done.stderr.strip()}")
    return calls.Reader(sources.functions).read(done.stdout)


class Stage:
    """Where a scene is played: the server, and what its clients have done so far."""

    def __init__(self, server: Traced, options: list):
        self.options = options
        self.server, self.words, self.clients = server, [], []
        self.begin = self.end = 0
        self.stopped = False

    def say(self, who: str, verb: str, text: str):
        self.words.append(Word(time.monotonic_ns(), who, verb, text))
        if not self.begin:
            self.begin = self.words[0].time

    def forget(self):
        """What happened so far only prepared the scene."""
        self.server.wait_quiet()
        self.words, self.begin = [], 0

    def stop(self):
        """A scene that is about the server's end."""
        self.say("a shell", "kill", "SIGTERM is sent to the server")
        self.stopped = True
        os.kill(self.server.child, signal.SIGTERM)

    def wait_end(self):
        status = self.server.wait_exit(LIMIT)
        self.end = time.monotonic_ns()
        if status:
            raise Broken(f"uftrace ended with {status}: {self.server.err.text[-500:]}")
