"""How many times the server writes an eventfd, counted with strace."""
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

WAKEUP = re.compile(r" write\(\d+, \"\\[0-7x]+(?:\\0){7}\", 8", re.M)     # eight bytes, a number


@dataclass(frozen=True)
class Traced(Mode):
    """The server under strace, which is a grandchild: so the server keeps its process number."""

    output: str = ""

    def wrap(self, argv, log):
        return ["strace", "-D", "-f", "-qq", "-e", "trace=write", "-o", self.output, *argv]


class WakeupsWritten(Check):
    group = "wakeups_written"

    def serve_traced(self, *args):
        self.need("strace")
        self.trace = tempfile.NamedTemporaryFile(prefix="strace-")
        os.chmod(self.trace.name, 0o666)
        self.mode = Traced("plain", scale=3, output=self.trace.name)
        return self.serve(*args)

    def writes(self) -> int:
        """The writes so far, once no more are added."""
        count, still = -1, 0
        while still < 10:
            time.sleep(0.02)
            with open(self.trace.name, encoding="ascii", errors="replace") as file:
                now = len(WAKEUP.findall(file.read()))
            still = still + 1 if now == count else 0
            count = now
        return count

    def come_one_by_one(self, server) -> list:
        clients = []
        for _ in range(self.numbers["clients"]):
            clients.append(self.connect(server))
            clients[-1].echo(b"hello\n")
        return clients

    @measures("one_by_one")
    def one_by_one(self):
        """-t 1, each client talks before the next one comes."""
        server = self.serve_traced("-t", "1")
        before = self.writes()
        self.come_one_by_one(server)
        return self.writes() - before

    @measures("messages")
    def messages(self):
        """-t 1, a client talks."""
        client = self.connect(self.serve_traced("-t", "1"))
        client.echo(b"hello\n")
        before = self.writes()
        for _ in range(self.numbers["messages"]):
            client.echo(b"hello\n")
        return self.writes() - before

    @measures("same_thread")
    def same_thread(self):
        """-t 0, each client talks before the next one comes."""
        server = self.serve_traced("-t", "0")
        before = self.writes()
        self.come_one_by_one(server)
        return self.writes() - before

    @measures("loop_is_busy")
    def loop_is_busy(self):
        """-t 1 -d 2000, clients come while the loop is in a handler."""
        server = self.serve_traced("-t", "1", "-d", "2000", "-v")
        first = self.connect(server)
        if not server.err.wait(lambda text: text.count("opened") == 1, self.limit(5)):
            raise Broken("-v: the first client was not reported")
        first.send(b"hello\n")
        self.becomes(lambda: server.unread(first) == 0)
        before = self.writes()
        self.connect_many(server, self.numbers["clients"])
        if "closed" in server.err.text or not first.quiet(0.5):
            raise Broken("the machine is too busy: the handler's two seconds were over before all "
                         "clients had come")
        first.expect(b"hello\n")
        server.err.wait(lambda text: text.count("opened") == 1 + self.numbers["clients"],
                        self.limit(5))
        return self.writes() - before
