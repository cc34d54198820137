"""How many times the server sets a timerfd, counted with strace."""
from __future__ import annotations

import os
import re
import tempfile
import time
from dataclasses import dataclass

from exercises.marks import measures
from harness.check import Check
from harness.modes import Mode
from harness.server import Broken

SETTING = re.compile(r" timerfd_settime\(", re.M)


@dataclass(frozen=True)
class Traced(Mode):
    """The server under strace, which is a grandchild: so the server keeps its process number."""

    output: str = ""

    def wrap(self, argv, log):
        return ["strace", "-D", "-f", "-qq", "-e", "trace=timerfd_settime", "-o", self.output,
                *argv]


class TimerSettings(Check):
    group = "timer_settings"

    def serve_traced(self, *args):
        self.need("strace")
        self.trace = tempfile.NamedTemporaryFile(prefix="strace-")
        os.chmod(self.trace.name, 0o666)
        self.mode = Traced("plain", scale=3, output=self.trace.name)
        return self.serve(*args)

    def settings(self) -> int:
        with open(self.trace.name, encoding="ascii", errors="replace") as file:
            return len(SETTING.findall(file.read()))

    def settled(self) -> int:
        """The calls so far, once no more are added."""
        count, still = -1, 0
        while still < 10:
            time.sleep(0.02)
            now = self.settings()
            still = still + 1 if now == count else 0
            count = now
        return count

    @measures("silent")
    def silent(self):
        """-t 0 -i 60, clients that say nothing."""
        server = self.serve_traced("-t", "0", "-i", "60", "-v")
        self.connect_many(server, self.numbers["clients"])
        server.err.wait(lambda text: text.count("opened") == self.numbers["clients"],
                        self.limit(5))
        return self.settled()

    @measures("talking")
    def talking(self):
        """-t 0 -i 60, one client that talks."""
        client = self.connect(self.serve_traced("-t", "0", "-i", "60"))
        for _ in range(self.numbers["messages"]):
            client.echo(b"hello\n")
        return self.settled()

    @measures("coming_and_going")
    def coming_and_going(self):
        """-i 60 and several threads, clients one after the other."""
        server = self.serve_traced("-t", str(self.numbers["threads"]), "-i", "60")
        for _ in range(self.numbers["clients"]):
            client = self.connect(server)
            client.echo(b"hello\n")
            client.close()
            self.expect_no_leak(server)
        return self.settled()

    @measures("for_a_while")
    def for_a_while(self):
        """-t 0 -i 1, one client that never stops talking."""
        client = self.connect(self.serve_traced("-t", "0", "-i", "1"))
        client.echo(b"hello\n")
        end = time.monotonic() + self.numbers["seconds"] + 0.5
        while time.monotonic() < end:
            before = time.monotonic()
            client.echo(b"hello\n")
            if time.monotonic() - before > 0.5:
                raise Broken("the machine is too busy: a message was answered after half a second")
            time.sleep(0.01)
        return self.settings()
