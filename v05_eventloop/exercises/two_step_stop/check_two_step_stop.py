"""-g MS: the first signal lets clients finish, the second ends at once, and so does time."""
from __future__ import annotations

import os
import signal
import socket
import time

from exercises.marks import judges
from harness.check import Check
from harness.server import STOP_LIMIT, Broken

LONG = "60000"
GRACE = 0.6
BOTH = (signal.SIGTERM, signal.SIGINT)


class TwoStepStop(Check):
    group = "two_step_stop"

    def refused(self, server) -> bool:
        """Whether a newcomer is refused."""
        with socket.socket() as sock:
            sock.settimeout(self.limit(1))
            return sock.connect_ex((server.address, server.port)) != 0

    def first_signal(self, server, how=signal.SIGTERM):
        """Send the first signal, and wait until it has come through."""
        server.process.send_signal(how)
        if not self.becomes(lambda: self.refused(server) or not server.alive()):
            raise Broken(f"-g, {how.name} was sent, a client is connected: newcomers must be "
                         "refused; one could connect\n  is the listening socket closed?")
        self.expect_alive(server, how.name)

    def expect_alive(self, server, name: str):
        if not server.alive():
            raise Broken(f"-g, {name} was sent, a client is connected: the server must let it "
                         f"finish; {server.gone_words()}")

    def expect_exit(self, server, why: str, limit: float = STOP_LIMIT):
        """The server ends by itself, as promised."""
        try:
            status = server.wait_exit(limit)
        except Broken:
            raise Broken(f"{why}: the server must end; after {limit:g} s it still runs") from None
        server.check_end(signal.SIGTERM, status)

    def halt(self, server):
        """Stop the server where it is: what happens from now on is one batch of events."""
        self.becomes(server.sleeps)
        server.process.send_signal(signal.SIGSTOP)
        with open(f"/proc/{server.process.pid}/stat", encoding="ascii") as file:
            self.becomes(lambda: file.seek(0) or file.read().rsplit(")", 1)[1].split()[0] == "T")

    @judges()
    def clients_finish(self):
        """The first signal: newcomers are refused, clients are served until they leave."""
        for how in BOTH:
            server = self.serve("-g", LONG)
            clients = self.connect_many(server, 3)
            for client in clients:
                client.echo()
            self.first_signal(server, how)
            self.expect_asleep(server, "it waits for three silent clients to finish")
            clients[0].close()
            clients[1].echo(b"not yet\n", "-g: this client has not left")
            clients[1].half_close()
            clients[1].expect_end("-g: a client that half-closes gets its end of file")
            clients[2].echo(b"x" * 100_000, "-g: this client has not left")
            self.expect_alive(server, how.name)
            clients[2].close()
            self.expect_exit(server, f"-g {LONG}, {how.name}, and the last client has left")

    @judges()
    def second_signal(self):
        """The second signal ends the server at once, whichever of the two it is."""
        for first in BOTH:
            for second in BOTH:
                server = self.serve("-g", LONG)
                client = self.connect(server)
                client.echo()
                self.first_signal(server, first)
                server.stop(second)
                client.expect_gone("the server has ended")

    @judges()
    def both_in_one_batch(self):
        """SIGTERM and SIGINT that are both pending are a first and a second signal."""
        server = self.serve("-g", LONG)
        self.connect(server).echo()
        self.halt(server)
        for how in (*BOTH, signal.SIGCONT):
            server.process.send_signal(how)
        self.expect_exit(server, f"-g {LONG}, SIGTERM and SIGINT at once")

    @judges()
    def time_is_up(self):
        """Who has not left after MS is closed, and the exit status is 0."""
        server = self.serve("-g", int(GRACE * 1000))
        client = self.connect(server)
        client.echo()
        start = time.monotonic()
        server.process.send_signal(signal.SIGTERM)
        self.expect_exit(server, f"-g {GRACE * 1000:.0f}, SIGTERM, and a client that stays",
                         GRACE + STOP_LIMIT)
        if time.monotonic() - start < GRACE - 0.01:
            raise Broken(f"-g {GRACE * 1000:.0f}, SIGTERM, and a client that stays: the server "
                         f"ended after {(time.monotonic() - start) * 1000:.0f} ms")
        client.expect_gone("the server has ended")

    @judges()
    def whole_seconds(self):
        """-g 1000: a second is a second, although it has no milliseconds left over."""
        server = self.serve("-g", "1000")
        self.connect(server).echo()
        start = time.monotonic()
        server.process.send_signal(signal.SIGTERM)
        self.expect_exit(server, "-g 1000, SIGTERM, and a client that stays", 1 + STOP_LIMIT)
        if time.monotonic() - start < 0.99:
            raise Broken("-g 1000, SIGTERM, and a client that stays: the server ended after "
                         f"{(time.monotonic() - start) * 1000:.0f} ms")

    @judges()
    def nobody_there(self):
        """Without clients the first signal ends the server, also when some have come and gone."""
        for clients in (0, 2):
            server = self.serve("-g", LONG)
            for client in self.connect_many(server, clients):
                client.echo()
                client.close()
            self.expect_no_leak(server)
            server.stop()

    @judges()
    def port_is_free(self):
        """While clients finish, another server may listen on the same port."""
        first = self.serve("-g", LONG)
        client = self.connect(first)
        client.echo()
        self.first_signal(first)
        second = self.serve("-p", first.port)
        self.connect(second).echo(hint="the second server has the port now")
        client.echo(hint="the first server lets its client finish")
        client.close()
        self.expect_exit(first, f"-g {LONG}, SIGTERM, and the last client has left")

    @judges()
    def newcomer_in_the_batch(self):
        """A newcomer and the signal in one batch, in both orders: nothing is said, nobody harmed."""
        for signal_first in (True, False):
            server = self.serve("-g", LONG)
            client = self.connect(server)
            client.echo()
            self.halt(server)
            if signal_first:
                os.kill(server.process.pid, signal.SIGTERM)
            newcomer = self.connect(server)
            if not signal_first:
                os.kill(server.process.pid, signal.SIGTERM)
            server.process.send_signal(signal.SIGCONT)
            client.echo(hint="-g: a newcomer and SIGTERM came at once; this client was there before")
            if server.err.text:
                raise Broken("-g: a newcomer and SIGTERM came at once; stderr has "
                             f"{server.err.text!r}\n  is accept called for a listener that is "
                             "closed?")
            newcomer.close()
            client.close()
            self.expect_exit(server, f"-g {LONG}, SIGTERM, and the last client has left")

    @judges()
    def none_by_default(self):
        """-g 0 is as without -g; what is no number from 0 to 86400000 is wrong use."""
        server = self.serve("-g", "0")
        self.connect(server).echo()
        server.stop()
        for wrong in ("", "x", "-1", "1.5", "86400001"):
            lines = self.refuse("-p", "0", "-g", wrong)
            if len(lines) != 2 or "-g" not in lines[0] or "usage" not in lines[1]:
                raise Broken(f"-g {wrong!r} is wrong use: expected a line that names -g, and the "
                             f"usage; got {lines!r}")
