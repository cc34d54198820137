"""The base of all checks: a unittest.TestCase that starts servers and clients."""
from __future__ import annotations

import os
import shlex
import shutil
import tempfile
import time
import unittest
from dataclasses import dataclass

from harness import guard
from harness.client import Client, connect, difference, pump, said
from harness.modes import Mode
from harness.server import STOP_LIMIT, Broken, Server, exit_words
from harness.spec import FORKING
from harness.stages import Stage

# What a program that is missing is called in Debian.
PACKAGES = {"valgrind": "valgrind", "strace": "strace", "curl": "curl", "wrk": "wrk",
            "make": "make", "cc": "gcc", "gcc": "gcc"}


@dataclass(frozen=True)
class Target:
    """What is checked: a program of a stage, in a mode."""

    stage: Stage
    program: str
    mode: Mode


class Check(unittest.TestCase):
    """One class for each group of checks; `group` begins the names of its checks."""

    group = ""
    longMessage = False

    def __init__(self, method: str, target: Target):
        super().__init__(method)
        self.target = target
        self.stage = target.stage.number
        self.mode = target.mode
        self.broken = False
        self.servers = []

    # -- servers ----------------------------------------------------------

    def start(self, *args, **how) -> Server:
        """Start the program with these arguments; don't wait for it to be ready.

        A stranger's program may have so many `processes` and threads.
        """
        env = (*self.target.stage.env, *how.pop("env", ()))
        processes = how.pop("processes", guard.FORKING if self.target.program in FORKING
                            else guard.PROCESSES)
        if self.target.stage.guarded:
            how = guard.how(how, processes)
        server = Server(self.target.stage.program(self.target.program), args, self.mode,
                        env, **how)
        self.servers.append(server)
        self.addCleanup(self.finish, server)
        return server

    def serve(self, *args, **how) -> Server:
        """Start the program on a port that the system chooses, and wait until it is ready."""
        if "-p" not in args:
            args = ("-p", "0", *args)
        return self.start(*args, **how).wait_ready()

    def shared_file(self):
        """A file that a server may write to, whoever runs it; removed at the end."""
        file = tempfile.NamedTemporaryFile(prefix="check-")
        self.addCleanup(file.close)
        os.chmod(file.name, 0o666)
        return file

    def finish(self, server: Server):
        """At the end of a check: nothing is left open, and the server stops as promised."""
        if server.process.returncode is not None or self.broken:
            server.kill()
            return
        try:
            if server.port:
                self.expect_no_leak(server)
                server.stop(limit=STOP_LIMIT)
        except Broken:
            self.broken = True
            raise
        finally:
            server.kill()

    def expect_no_leak(self, server: Server):
        if not self.becomes(lambda: server.fds() <= server.base_fds):
            raise Broken(f"the server had {server.base_fds} descriptors open at the start; now, "
                         f"with all clients gone, it has {server.fds()}\n"
                         "  is a connection's descriptor closed on every way out?")

    def refuse(self, *args, status=2, **how) -> list:
        """Run the program to its end; it must exit with that status. Returns stderr's lines."""
        server = self.start(*args, **how)
        words = shlex.join([server.name, *server.args])
        try:
            code = server.wait_exit(self.limit(10))
        except Broken:
            raise Broken(f"`{words}` must end with exit status {status}; it runs on") from None
        if code != status:
            raise Broken(f"`{words}` must end with exit status {status}, "
                         f"not with {exit_words(code)}")
        if server.out.text:
            raise Broken(f"`{words}` must write nothing to stdout; it wrote {server.out.text!r}")
        lines = server.err.text.splitlines()
        for line in lines:
            if not line.startswith(server.name + ": "):
                raise Broken(f"`{words}`: a line on stderr does not begin with "
                             f"`{server.name}: `: {line!r}")
        return lines

    # -- clients ----------------------------------------------------------

    def connect(self, server: Server, **how) -> Client:
        client = connect(server, self.limit(10), **how)
        self.addCleanup(client.close)
        return client

    def connect_many(self, server: Server, count: int) -> list:
        return [self.connect(server) for _ in range(count)]

    def expect_all(self, client: Client, data: bytes, hint="", **how):
        """Send, half-close and read at once: all of it must come back, then end of file."""
        traffic = pump(client, data, **how)
        wrong = difference(data, traffic.got)
        if wrong:
            raise Broken(said(f"{wrong}, then: {traffic.end} ({len(data):,} bytes to send, "
                              f"{traffic.sent:,} were taken)", hint))
        if traffic.end != "end of file":
            raise Broken(said("all bytes came back, but then no end of file: "
                              f"{traffic.end}", hint))

    # -- limits and loads -------------------------------------------------

    def limit(self, seconds: float) -> float:
        """An upper bound on a wait, for the mode at hand."""
        return seconds * self.mode.scale

    def few(self, load: int, light: int) -> int:
        """A load, or a lighter one where servers run slowly."""
        return light if self.mode.light else load

    def becomes(self, test, limit: float = 5.0) -> bool:
        """Wait for something that can only be seen by looking again."""
        until = time.monotonic() + self.limit(limit)
        while not test():
            if time.monotonic() > until:
                return False
            time.sleep(0.003)
        return True

    def expect_asleep(self, server: Server, why: str, seconds: float = 0.3, share: float = 0.3):
        """Over a while, the server is awake for less than that share of the time."""
        if self.mode.tool == "helgrind":    # which is busy itself
            return
        share = 0.7 if self.mode.tool else share
        for _ in range(3):      # a spin shows each time; a busy machine, now and then
            before, start = server.awake(), time.monotonic()
            time.sleep(seconds)
            used, spent = server.awake() - before, time.monotonic() - start
            if used <= share * spent:
                return
        raise Broken(f"it was awake for {used * 1000:.0f} of {spent * 1000:.0f} ms, although "
                     f"{why}\n  is it woken again and again for an event that it "
                     "leaves as it is?")

    def stays(self, test, times: int = 15) -> bool:
        """Whether something is so each time that one looks, for a short while."""
        for _ in range(times):
            if not test():
                return False
            time.sleep(0.005)
        return True

    def need(self, tool: str) -> str:
        path = shutil.which(tool)
        if not path:
            self.skipTest(f"{tool} is missing (Debian package {PACKAGES[tool]})")
        return path

    def need_unscaled(self, what: str):
        """Leave out what can't be measured under valgrind or a sanitizer."""
        if self.mode.light:
            self.skipTest(f"{what} cannot be measured in mode {self.mode.name}")
