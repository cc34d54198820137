"""Traffic for a server whose calls fail: a few clients, each byte of whom is checked.

A client that loses its connection is no failure here: it is noted, and whether it may is judged
later by what was made to fail. A wrong byte always is one; so is a client that waits for ever.
"""
from __future__ import annotations

import os
import re
import signal
import time

from harness.client import connect, difference, noise, pump
from harness.server import Broken

LIMIT = 4.0             # seconds without a byte, then a client waits in vain
PATIENCE = 60.0         # seconds for all that it is owed
SMALL, FLOOD = 40, 1_500_000
REQUEST = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"
DATE = re.compile(rb"Date: [^\r]{29}")
WAITING = ("time limit", "stalled")
WITH_PROCESS = "with its process"
COLUMNS = 72            # of a chargen line
REPORT, NO_REPORT = ": accepted ", ": report: "


class Echo:
    """What is sent comes back."""

    floods = True

    def __init__(self, seed):
        self.seed = seed

    def exchange(self, size):
        self.seed += 1
        data = noise(size, self.seed)
        return data, data

    def all_owed(self, owed, _):
        """What is owed, given how many bytes came."""
        return owed

    @staticmethod
    def plain(data):
        return data


class Http(Echo):
    """As many requests as make about so many bytes, and their responses."""

    floods = False
    response = b""      # of this server; all are alike but for the date

    def exchange(self, size):
        count = max(1, min(size // 200, 60))
        return REQUEST * count, self.response * count

    @staticmethod
    def plain(data):
        return DATE.sub(b"Date: -----------------------------", data)

    @classmethod
    def learn(cls, visitor):
        """Returns whether a response came."""
        data = b""
        while not visitor.lost and not data.endswith(b"Hello, World!"):
            traffic = pump(visitor.client, b"" if data else REQUEST, half_close=False, until=1,
                           stall=LIMIT)
            if traffic.end in WAITING:
                raise Broken(f"no response comes: {data[:200]!r}")
            data += traffic.got
            visitor.lost = "" if traffic.got else "before its first response"
        cls.response = cls.plain(data)
        return not visitor.lost


class Chargen(Echo):
    """Nothing is sent; the next bytes of the stream come."""

    floods = False

    def __init__(self, seed):
        super().__init__(seed)
        self.at = 0

    def exchange(self, size):
        return b"", stream(self.at, size)

    def all_owed(self, owed, count):
        """The stream has no end: what comes beyond what was waited for is right as well."""
        start, self.at = self.at, self.at + count
        return stream(start, count) if count > len(owed) else owed


def stream(start, size):
    """So many bytes of what a chargen server sends, from there on."""
    first = start // (COLUMNS + 2)
    lines = bytearray()
    for number in range(first, (start + size) // (COLUMNS + 2) + 1):
        lines += bytes(32 + (number + i) % 95 for i in range(COLUMNS)) + b"\r\n"
    skip = start - first * (COLUMNS + 2)
    return bytes(lines[skip:skip + size])


DIALECTS = {"http_server": Http, "chargen_server": Chargen}


class Visitor:
    """A client, and what became of it."""

    def __init__(self, server, seed, **how):
        self.dialect = DIALECTS.get(server.name, Echo)(seed * 1000)
        self.lost = ""      # how it lost its connection
        self.client = None
        self.port = 0
        self.owed = b""
        try:
            self.client = connect(server, PATIENCE, **how)
            self.port = self.client.sock.getsockname()[1]
        except Broken as error:
            self.lost = str(error)

    def talk(self, size):
        """Sends, and expects all that is owed for it."""
        if self.lost:
            return
        data, owed = self.dialect.exchange(size)
        owed, self.owed = self.owed + owed, b""
        self.judge(pump(self.client, data, half_close=False, until=len(owed), stall=LIMIT), owed)

    def ask(self, size):
        """Sends, and leaves it to `talk` to expect what is owed for it."""
        if self.lost:
            return
        data, self.owed = self.dialect.exchange(size)
        self.client.send_or_not(data)

    def flood(self, size):
        """Sends until the server takes no more, and only then reads."""
        if self.lost:
            return
        data, owed = self.dialect.exchange(size)
        before = pump(self.client, data, half_close=False, read=False, stall=0.05)
        rest = pump(self.client, data[before.sent:], half_close=False, until=len(owed), stall=LIMIT)
        if before.end in ("stalled", "all sent") or rest.got:
            before.end = rest.end
        before.got = rest.got
        self.judge(before, owed)

    def leave(self):
        """Ends its side; the server must end its own, and owes nothing more."""
        if self.lost:
            return
        if isinstance(self.dialect, Chargen):
            self.client.close()
            return
        self.judge(pump(self.client, b"", stall=LIMIT), b"")
        self.client.close()

    def judge(self, traffic, owed):
        got = self.dialect.plain(traffic.got)
        owed = self.dialect.all_owed(owed, len(got))
        if got == owed and traffic.end in ("enough", "end of file"):
            return
        if got != owed[:len(got)]:
            raise Broken(f"wrong bytes: {difference(owed, got)}")
        if traffic.end in WAITING:
            raise Broken(f"a client waits in vain: it got {len(got):,} of {len(owed):,} bytes")
        self.lost = f"{traffic.end} after {len(got):,} of {len(owed):,} bytes"

    def is_here(self):
        return not self.lost and self.client.sock.fileno() >= 0

    def close(self):
        if self.client:
            self.client.close()


class Session:
    """All visitors of one server; `one_by_one` for a server of one client at a time."""

    def __init__(self, server, one_by_one=False, flood=False, large=200_000,
                 reports=False):
        self.server, self.one_by_one, self.flood, self.large = server, one_by_one, flood, large
        self.visitors, self.queued = [], []
        self.reports = reports          # SIGUSR1 asks for one
        self.unanswered = False         # it did, and none came

    def visitor(self, **how):
        self.visitors.append(Visitor(self.server, len(self.visitors) + 1, **how))
        return self.visitors[-1]

    def begin(self):
        """The elders: here before anything fails."""
        if self.server.name == "http_server":
            while not Http.learn(self.visitor()) and len(self.visitors) < 4:
                pass
        for _ in range(1 if self.one_by_one else 2):
            self.visitor().talk(SMALL)

    def talk(self):
        """The traffic while calls fail."""
        elders, new = list(self.visitors), []
        if self.one_by_one:
            self._in_turn()
            return
        for elder in elders:
            elder.talk(SMALL)
        for _ in range(3):
            new.append(self.visitor())
            elders[0].talk(SMALL)
        for visitor in new + elders:
            visitor.talk(SMALL)
        new[0].talk(self.large)
        elders[-1].talk(self.large)
        if self.flood:
            flooder = self.visitor(rcvbuf=65536)
            flooder.flood(FLOOD)
            flooder.leave()
        self.report()
        for visitor in new[1:]:
            visitor.leave()
        for visitor in elders:
            visitor.talk(SMALL)

    def report(self):
        """The server is asked what it has done; a line of it, or why there is none, comes."""
        if not self.reports:
            return
        before = self.server.err.text.count(REPORT)
        os.kill(self.server.process.pid, signal.SIGUSR1)
        self.unanswered = not self.server.err.wait(
            lambda text: text.count(REPORT) > before or NO_REPORT in text, LIMIT)

    def queue(self):
        """Some come, and need not be served; those who were here before are."""
        if self.one_by_one:
            self.visitors[-1].leave()
        for _ in range(3):
            self.visitor().ask(SMALL)
        for elder in () if self.one_by_one else self.visitors[:-3]:
            elder.talk(self.large)

    def _in_turn(self):
        """The next has connected, and waits, when one leaves."""
        for _ in range(4):
            visitor = self.visitors[-1]
            for size in (SMALL, SMALL, self.large, SMALL):
                visitor.talk(size)
            following = self.visitor()
            visitor.leave()
            following.talk(SMALL)

    def child_dies(self):
        """One of the processes is killed; another takes its place."""
        before = set(self.server._children())
        os.kill(min(before), signal.SIGKILL)
        until = time.monotonic() + LIMIT
        while not set(self.server._children()) - before:
            if time.monotonic() > until:
                raise Broken("a process has died, and no other takes its place")
            time.sleep(0.01)
        for elder in self.visitors:     # those of that process have lost it
            elder.lost = WITH_PROCESS
        for _ in range(3):
            self.visitor().talk(SMALL)

    def idle(self):
        """Nobody says anything: each is closed in its time."""
        self.visitor().talk(SMALL)
        for visitor in self.visitors:
            if visitor.is_here():
                rest = pump(visitor.client, b"", half_close=False, stall=LIMIT)
                if rest.end in WAITING:
                    raise Broken("an idle client is kept for ever")
                visitor.client.close()

    def unread(self):
        """Before the stop: one sends until the server takes no more, and never reads."""
        pump(self.visitor(rcvbuf=65536).client, noise(FLOOD, 1), half_close=False, read=False,
             stall=0.05)

    def crowd(self):
        """Before the stop: some come and ask while the server is held up; it then finds them, and
        the signal, at once."""
        os.kill(self.server.process.pid, signal.SIGSTOP)
        self.queued = [self.visitor() for _ in range(5)]
        for visitor in self.queued:
            visitor.ask(SMALL)

    def collect(self):
        """After the stop: what did the crowd get?"""
        for visitor in self.queued:
            visitor.talk(0)

    def after(self, losses=0):
        """What still stands is served, and so is somebody new; `losses` more may not be."""
        for visitor in self.visitors:
            if visitor.is_here():
                visitor.talk(SMALL)
                visitor.leave()
            visitor.close()
        for _ in range(losses + 1):
            fresh = Visitor(self.server, 99)
            fresh.talk(SMALL)
            fresh.leave()
            if not fresh.lost:
                break
        if fresh.lost:
            raise Broken(f"when all is well again, a client is not served: {fresh.lost}")
