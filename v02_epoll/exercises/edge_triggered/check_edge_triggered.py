"""Edge-triggered epoll: who is watched for edges, and that nothing stays unread."""
from __future__ import annotations

import os
import re
import select
import signal

from exercises.marks import judges
from harness.check import Check
from harness.client import difference, noise
from harness.server import Broken

EPOLLIN, EPOLLET = 0x1, 1 << 31
SMALL, LARGE = 40_960, 300_000
LEFT = ("is everything read until EAGAIN? what stays unread is not reported again, before "
        "something new comes")


class EdgeTriggered(Check):
    group = "edge_triggered"

    def watches(self, server) -> dict:
        """What its epoll instances watch: the events, by descriptor."""
        found = {}
        for name in os.listdir(f"/proc/{server.process.pid}/fdinfo"):
            for fd, events in re.findall(r"^tfd:\s+(\d+) events:\s+([0-9a-f]+)",
                                         server._proc(f"fdinfo/{name}"), re.M):
                found[int(fd)] = int(events, 16)
        return found

    def client_of(self, server):
        """A client, once the server watches it for edges."""
        before = self.watches(server)
        client = self.connect(server)
        if not self.becomes(lambda: len(self.watches(server)) > len(before)):
            raise Broken("a client has connected; no epoll instance of the server watches it")
        for fd, events in self.watches(server).items():
            if fd not in before and not events & EPOLLET:
                raise Broken(f"/proc/PID/fdinfo: the client's descriptor {fd} is watched for the "
                             f"events {events:x} (hexadecimal); EPOLLET, {EPOLLET:x}, is not "
                             "among them\n  are clients still level-triggered?")
            if fd not in before and not events & EPOLLIN:
                raise Broken(f"/proc/PID/fdinfo: the client's descriptor {fd} is watched for the "
                             f"events {events:x} (hexadecimal), without EPOLLIN")
        return client

    def paused(self, server):
        """Until `resume`, all that clients do becomes one edge."""
        server.process.send_signal(signal.SIGSTOP)

    def resume(self, server):
        server.process.send_signal(signal.SIGCONT)

    @judges()
    def clients_are_watched_for_edges(self):
        """/proc/PID/fdinfo: each client's watch has EPOLLET."""
        server = self.serve()
        for client in [self.client_of(server) for _ in range(3)]:
            client.echo(b"hello\n")

    @judges()
    def nothing_stays_unread(self):
        """Bytes that come at once, more than one read takes, come back without another edge."""
        server = self.serve()
        for size in (SMALL, LARGE, 16_384, 16_385):
            client = self.client_of(server)
            client.echo(b"first")
            data = noise(size)
            self.paused(server)
            taken = client.send_some(data)      # all of it in the kernel, before a read
            self.resume(server)
            got = client.read(taken)
            if got != data[:taken]:
                raise Broken(f"{taken:,} bytes were sent at once, then nothing: "
                             f"{difference(data[:taken], got)}\n  {LEFT}")

    @judges()
    def the_end_comes_with_the_bytes(self):
        """Bytes and end of file are one edge: the bytes come back, then the server closes."""
        server = self.serve()
        for size in (1, 5, SMALL):
            client = self.client_of(server)
            client.echo(b"first")
            self.paused(server)
            data = noise(size)
            client.send(data)
            client.half_close()
            self.resume(server)
            client.expect(data, "sent at once, and end of file with it: " + LEFT)
            client.expect_end("end of file came together with the bytes: did the server stop to "
                              "read when it had fewer bytes than it asked for?")
        self.expect_no_leak(server)

    @judges()
    def silence_delays_nobody(self):
        """A client that has been read to the end waits; others are served meanwhile."""
        server = self.serve()
        silent = self.client_of(server)
        silent.echo(noise(16_384), "exactly as many bytes as one read takes: does the next read "
                    "wait for more?")
        other = self.client_of(server)
        other.echo(b"and you?\n", "another client has sent, and is silent now: does a read wait "
                   "for it?")
        self.expect_asleep(server, "all clients are silent")
        silent.echo(b"here I am again\n")

    @judges()
    def a_reset_is_noticed(self):
        """A client that resets, with bytes before it or without, is closed."""
        server = self.serve()
        for data in (b"", b"x", noise(SMALL)):
            client = self.client_of(server)
            client.echo(b"first")
            self.paused(server)
            client.send_or_not(data)
            client.reset()
            self.resume(server)
            self.expect_no_leak(server)
        self.client_of(server).echo()

    @judges()
    def not_reading_costs_nothing(self):
        """A client that does not read: the server sleeps, and loses no byte of it."""
        server = self.serve()
        client = self.client_of(server)
        data, sent = noise(1 << 20) * 24, 0
        try:
            while select.select([], [client.sock], [], self.limit(0.3))[1]:
                sent += client.send_some(data[sent:sent + (1 << 18)])
        except ConnectionError as error:
            raise Broken(f"the client sent {sent:,} bytes and did not read yet: "
                         f"{error.strerror}\n  does a write to a non-blocking socket fail with "
                         "EAGAIN, and is that taken for a failure of the connection?") from None
        self.expect_asleep(server, "the only client does not read")
        got = client.read(sent)
        if got != data[:sent]:
            raise Broken(f"the client sent {sent:,} bytes, and read late: "
                         f"{difference(data[:sent], got)}\n  does a write to a non-blocking "
                         "socket fail with EAGAIN, and who sends the rest then?")

