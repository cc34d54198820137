"""Standard error is a pipe that nobody reads, and it is full."""
from __future__ import annotations

import os
import select
import signal

from harness.check import Check
from harness.server import Broken
from harness.spec import ECHO, EVERY, ONLY_ECHO, limitation, promise

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
        """-t 40, SIGUSR1: more than a pipe takes in one piece; no piece ends amid a line."""
        pieces, pipe = os.pipe2(os.O_DIRECT)    # a read brings what one write brought
        self.addCleanup(os.close, pieces)
        self.addCleanup(os.close, pipe)
        server = self.serve("-t", "40", stderr=pipe)
        os.kill(server.process.pid, signal.SIGUSR1)
        got = b""
        while b": all:" not in got:
            if not select.select([pieces], [], [], self.limit(5))[0]:
                raise Broken(f"-t 40, SIGUSR1: no line for all loops in {got[-300:]!r}")
            piece = os.read(pieces, 1 << 16)
            if not piece.endswith(b"\n"):
                raise Broken(f"-t 40, SIGUSR1: a write ended in {piece[-60:]!r}\n"
                             "  amid a line, so that another thread's line can come in between")
            got += piece
        if got.count(b"\n") < 41:
            raise Broken(f"-t 40, SIGUSR1: 41 lines or more expected, got {got[:2000]!r}")

    @limitation("verbose", "1-2", "with `-v`, a standard error that nobody reads stalls all",
                ECHO)
    def stalls_all(self):
        """A client that connects then gets no reply."""
        server = self.serve_unheard("-v")
        client = self.connect(server)
        client.send(REQUEST)
        if not client.quiet(0.3):
            raise Broken("nobody reads stderr, and a client got its reply")
        server.kill()
