"""A stop while slow messages keep the loops busy: it does not queue behind them."""
from __future__ import annotations

import os
import select
import signal
import socket
import time

from harness.check import Check
from harness.client import difference
from harness.server import Broken
from harness.spec import ONLY_ECHO, promise

PROGRAMS = ("echo_server", "prefork_server")
CLIENTS = 60        # with five messages each, that take 100 ms each: half a minute's work
DELAY = 0.1
SOON = DELAY + 1.5  # a second is promised after the message in hand; the rest is for a busy machine

FIRST = b"one\ntwo\n"
LATER = b"three\n" + b"".join(letter * 20_000 + b"\n" for letter in (b"4", b"5", b"6"))


class Busy(Check):
    group = "busy"

    def layouts(self) -> tuple:
        """Arguments that put all clients on one thread: the main one, and another."""
        if self.target.program == "prefork_server":
            return (("-n", "1"),)
        return ((),) if self.stage < 8 else (("-t", "0"), ("-t", "1"))

    def busy(self, args):
        """A server that is at work for many clients, and will be for long."""
        server = self.serve("-f", "line", "-d", str(round(DELAY * 1000)), *args)
        clients = self.connect_many(server, CLIENTS)
        self.becomes(lambda: server.fds() >= server.base_fds + CLIENTS)
        for client in clients:
            client.send(b"message\n" * 5)
        if not self.becomes(lambda: how_many_have_replies(clients) > 1):
            raise Broken("sixty clients have sent messages, and no two of them get a reply")
        return server

    def tell(self, servers) -> float:
        for server in servers:
            os.kill(server.process.pid, signal.SIGTERM)
        return time.monotonic()

    def expect_exits(self, servers, since: float, limit: float, what: str):
        """Each ends with status 0, so soon after it was told to."""
        for server in servers:
            spent = (time.monotonic() - since) / max(1, self.mode.scale)
            try:
                status = server.wait_exit(max(limit - spent, 0.01))
            except Broken:
                raise Broken(f"{' '.join(server.args)}, messages of many clients, {what}: after "
                             f"{limit:g} s it still runs\n  does it look for signals between two "
                             "messages, or after all clients' turns?") from None
            server.check_end(signal.SIGTERM, status)

    @promise("handler-time", "7-8", PROGRAMS)
    def stop_overtakes_clients(self):
        """-d 100 and sixty clients: SIGTERM waits for the message in hand alone."""
        servers = [self.busy(args) for args in self.layouts()]
        self.expect_exits(servers, self.tell(servers), SOON, "then SIGTERM")

    @promise("drain", "9-", ONLY_ECHO)
    def three_seconds_at_most(self):
        """-d 100 and sixty clients: SIGTERM gives them three seconds, no more and no less."""
        servers = [self.busy(args) for args in self.layouts()]
        told = self.tell(servers)
        self.expect_exits(servers[:1], told, 3 + DELAY + 0.9, "then SIGTERM")
        spent = time.monotonic() - told
        if spent < 2.95:
            raise Broken(f"clients wait for replies: it ended {spent:.2f} s after SIGTERM; three "
                         "seconds are promised")
        self.expect_exits(servers[1:], told, 3 + DELAY + 0.9, "then SIGTERM")

    @promise("drain", "9-", PROGRAMS)
    def second_signal_overtakes_clients(self):
        """-d 100 and sixty clients: SIGTERM again ends it after the message in hand."""
        servers = [self.busy(args) for args in self.layouts()]
        self.tell(servers)
        for server in servers:
            if not self.becomes(lambda s=server: is_closed(s)):
                raise Broken("after SIGTERM one can still connect to the server")
        time.sleep(0.4)     # by then it has looked a few times whether clients have left
        self.expect_exits(servers, self.tell(servers), SOON, "then SIGTERM, and again")

    @promise("drain", "9-", PROGRAMS)
    def what_has_come_is_answered(self):
        """-d 40: lines that lie in the kernel, behind others or alone, are answered in full."""
        servers = [self.serve("-f", "line", "-d", "40", "-m", "25000", "-b", "1000", *args)
                   for args in self.layouts()]
        clients = [client for server in servers for client in self.connect_many(server, 3)]
        for client in clients:
            client.send(FIRST)
        for client in clients[::3]:
            client.expect(b"one\n")
        for client in clients:
            client.send(LATER)
        if not self.becomes(lambda: all(client.unsent() == 0 for client in clients)):
            self.skipTest("the kernel does not take 60,000 bytes that wait to be read")
        told = self.tell(servers)
        for client in clients:
            due = (FIRST + LATER)[len(b"one\n") if client in clients[::3] else 0:]
            rest = client.rest()
            wrong = difference(due, rest.got)
            if wrong or rest.end != "end of file":
                raise Broken("six lines had come, most were not read yet when SIGTERM came: "
                             f"{wrong or 'all were answered'}, then: {rest.end}\n"
                             "  is what has come by then read to its end before it closes?")
            client.close()
        self.expect_exits(servers, told, 3 + 1, "then SIGTERM, and all have left")


def how_many_have_replies(clients) -> int:
    return len(select.select([client.sock for client in clients], [], [], 0)[0])


def is_closed(server) -> bool:
    """Whether nobody can connect to it any more."""
    with socket.socket(server.family) as sock:
        return sock.connect_ex((server.address, server.port)) != 0
