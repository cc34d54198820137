"""Rude clients: resets and departures at every moment; what they leave behind."""
from __future__ import annotations

import signal

from harness.check import Check
from harness.client import noise, pump
from harness.server import Broken
from harness.spec import ECHO, promise


class Rude(Check):
    group = "rude"

    def expect_well(self, server):
        """All rude clients gone: no descriptor is left, and a new client is served."""
        self.expect_no_leak(server)
        client = self.connect(server)
        client.echo(b"a polite client\n")
        client.close()

    @promise("rude", "1-", ECHO)
    def reset_at_once(self):
        """Connected and reset, before the server has seen it perhaps."""
        server = self.serve()
        for _ in range(self.few(50, 5)):
            self.connect(server).reset()
        self.expect_well(server)

    @promise("rude", "1-", ECHO)
    def reset_after_sending(self):
        """The replies find nobody; every second client has got some, so that a read fails."""
        server = self.serve()
        for turn in range(self.few(50, 5)):
            client = self.connect(server)
            client.send_or_not(noise(1 + turn * 2000))
            if turn % 2:
                client.quiet(self.limit(1))
            client.reset()
        self.expect_well(server)

    @promise("rude", "1-", ECHO)
    def leave_with_replies_unread(self):
        """Replies lie unread when the client closes: the kernel sends a reset."""
        server = self.serve()
        for _ in range(self.few(30, 5)):
            client = self.connect(server)
            client.send(b"x" * 1000)
            client.quiet(self.limit(1))
            client.close()
        self.expect_well(server)

    @promise("rude", "1-", ECHO)
    def vanish_while_server_writes(self):
        """The server has megabytes for a client that does not read, and then is gone."""
        server = self.serve()
        for leave in ("reset", "close"):
            client = self.connect(server, sndbuf=65536, rcvbuf=4096)
            pump(client, noise(1 << 20) * 32, half_close=False, read=False, stall=0.05)
            getattr(client, leave)()
            self.expect_well(server)

    @promise("rude", "1-", ECHO)
    def reset_after_half_close(self):
        """It ended its side, waits for the echo, and then does not wait."""
        server = self.serve()
        for _ in range(self.few(20, 3)):
            client = self.connect(server, rcvbuf=4096)
            client.send_or_not(noise(200_000))
            client.half_close()
            client.reset()
        self.expect_well(server)

    @promise("rude", "1-", ECHO)
    def write_to_a_closed_peer(self):
        """Bytes to a client that has closed earn a reset, and the next write SIGPIPE.

        Each second client closes while the server is stopped (SIGSTOP): else the server may be so
        fast that the client has unread bytes, and resets at once.
        """
        server = self.serve()
        for _ in range(self.few(20, 3)):
            client = self.connect(server)
            for _ in range(4):
                client.send_or_not(b"x" * 30_000)
            client.close()
            client = self.connect(server)
            server.process.send_signal(signal.SIGSTOP)
            client.send_or_not(b"x" * 40_000)
            client.close()
            server.process.send_signal(signal.SIGCONT)
        self.expect_well(server)

    @promise("rude", "2-", ECHO)
    def others_go_on(self):
        """Polite clients are served through a storm of rude ones."""
        server = self.serve()
        polite = self.connect(server)
        for turn in range(self.few(60, 6)):
            client = self.connect(server)
            if turn % 3:
                client.send_or_not(noise(turn * 500))
            client.reset()
            polite.echo(b"turn %d\n" % turn, "rude clients come and go beside this one")
        polite.close()
        self.expect_well(server)

    @promise("rude", "1-", ECHO)
    def resets_and_newcomers_at_once(self):
        """While it is stopped (SIGSTOP), a hundred clients reset and a hundred come."""
        server = self.serve()
        old = self.connect_many(server, 1 if self.stage == 1 else self.few(100, 20))
        for client in old:
            client.echo(b"here\n")
        server.process.send_signal(signal.SIGSTOP)
        for number, client in enumerate(old):
            if number % 2:
                client.send(b"farewell\n")
            client.reset()
        newcomers = self.connect_many(server, self.few(100, 20))
        for number, client in enumerate(newcomers):
            client.send(b"newcomer %d\n" % number)
            client.half_close()
        for client in self.connect_many(server, 20):
            client.reset()
        server.process.send_signal(signal.SIGCONT)
        for number, client in enumerate(newcomers):
            client.expect(b"newcomer %d\n" % number, "it came while the server was stopped, as "
                          "many others did, and many left")
            client.expect_end()
        self.expect_well(server)

    @promise("leaks", "1-", ECHO)
    def memory_after_many_clients(self):
        """A thousand connections later it has no more memory than before."""
        self.need_unscaled("memory")
        server = self.serve()
        size = 0
        for turn in range(4):
            for _ in range(300):
                client = self.connect(server)
                client.echo(b"x" * 100)
                client.close()
            if turn == 0:
                size = server.memory()
        grown = server.memory() - size
        if grown > 64 * 1024:
            raise Broken(f"its memory grew by {grown:,} bytes over 900 connections that have "
                         "all gone\n  is what belongs to a connection freed when it ends?")

    @promise("leaks", "1-", ECHO)
    def nothing_left_at_the_end(self):
        """A full life: talk, big data, half-close, resets, a stop with clients there."""
        server = self.serve()
        for turn in range(6):
            client = self.connect(server)
            client.echo(noise(1000 * (turn + 1)))
            if turn % 3 == 0:
                client.reset()
            elif turn % 3 == 1:
                client.half_close()
                client.expect_end()
            client.close()
        self.expect_no_leak(server)
        last = self.connect(server)
        last.echo()
        server.stop()
