"""Standard error is a pipe that nobody reads, and it is full."""
from __future__ import annotations

import os
import select
import signal
import socket

from harness.check import Check
from harness.server import Broken
from harness.spec import EVERY, ONLY_ECHO, promise

REQUEST = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"      # which an echo server sends back

PAGE = 4096     # what a pipe takes at a time


def fill(pipe: int):
    """Write until it takes no more. Whoever writes after that waits, as is usual."""
    os.set_blocking(pipe, False)
    try:
        while True:
            os.write(pipe, b"x" * PAGE)
    except BlockingIOError:
        os.set_blocking(pipe, True)


class Stderr(Check):
    group = "stderr"

    def serve_unheard(self, *args, room=0):
        """A server that has nobody who reads what it says, beyond so many bytes."""
        unread, pipe = os.pipe()
        self.addCleanup(os.close, unread)
        self.addCleanup(os.close, pipe)
        fill(pipe)
        os.read(unread, room)
        return self.serve(*args, stderr=pipe)

    def expect_served(self, server, what: str):
        client = self.connect(server)
        client.send(REQUEST)
        if not client.read(1):
            raise Broken(f"nobody reads stderr, {what}: a client gets no reply\n"
                         "  does the server wait until somebody reads its messages?")
        return client

    @promise("verbose", "3-", EVERY)
    def nobody_reads_it(self):
        """-v, and clients come and go: they are served, and it stops in time."""
        server = self.serve_unheard("-v")
        for _ in range(5):
            self.expect_served(server, "and -v wants each client reported").close()
        self.expect_served(server, "and -v wants each client reported")
        server.stop()

    @promise("connection-limit", "6-", ONLY_ECHO)
    def nobody_reads_refusals(self):
        """-c 1, and others come: the one goes on being served."""
        server = self.serve_unheard("-c", "1")
        client = self.expect_served(server, "and nothing is to be said")
        client.read(len(REQUEST) - 1)
        for _ in range(5):
            self.connect(server).expect_gone("-c 1")
            client.echo(hint="nobody reads stderr, and others were refused")
        server.stop()

    @promise("counts", "10-", ("echo_server", "prefork_server"))
    def nobody_reads_a_report(self):
        """SIGUSR1, and room for nothing or for its beginning: clients are served, it stops."""
        servers = [self.serve_unheard()]
        if self.target.program == "echo_server":    # whose loops are many, and so are the lines
            servers.append(self.serve_unheard("-t", "30", room=PAGE))
        for server in servers:
            os.kill(server.process.pid, signal.SIGUSR1)
            for _ in range(3):
                self.expect_served(server, "and SIGUSR1 wants a report")
            server.stop()

    @promise("counts", "10-", ONLY_ECHO)
    def a_long_report_in_whole_lines(self):
        """-t 40, SIGUSR1: each loop's line is written whole, in one call."""
        # Of such a socket a read brings what one call wrote.
        pieces, end = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.addCleanup(pieces.close)
        self.addCleanup(end.close)
        server = self.serve("-t", "40", stderr=end.fileno())
        os.kill(server.process.pid, signal.SIGUSR1)
        got = []
        while len(got) < 41:
            if not select.select([pieces], [], [], self.limit(5))[0]:
                raise Broken(f"-t 40, SIGUSR1: 41 lines are promised; {len(got)} came, the last "
                             f"is {got[-1:]!r}")
            got.append(pieces.recv(1 << 16))
            if not got[-1].endswith(b"\n") or got[-1].count(b"\n") != 1:
                raise Broken(f"-t 40, SIGUSR1: a call wrote {got[-1]!r}\n  and not one whole "
                             "line, so that another thread's can come in between")
