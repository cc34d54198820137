"""The handler's time, and what one thread means."""
from __future__ import annotations

import signal
import time

from harness.check import Check
from harness.server import Broken
from harness.spec import ONLY_ECHO, limitation, promise


class Handler(Check):
    group = "handler"

    @promise("handler-time", "7-", ONLY_ECHO)
    def takes_its_time(self):
        """-d 60: no reply comes sooner than 60 ms."""
        client = self.connect(self.serve("-f", "line", "-d", "60"))
        start = time.monotonic()
        client.echo(b"one\n")
        spent = time.monotonic() - start
        if spent < 0.059:
            raise Broken(f"-d 60, and a reply came after {spent * 1000:.0f} ms")
        start = time.monotonic()
        client.echo(b"two\nthree\nfour\n")
        spent = time.monotonic() - start
        if spent < 0.177:
            raise Broken(f"-d 60, and replies to three messages came after {spent * 1000:.0f} ms")

    @promise("handler-time", "7-8", ONLY_ECHO)
    def stops_after_the_message_in_hand(self):
        """-d 200 and a hundred messages in the pipeline: SIGTERM does not wait for them."""
        for how in (signal.SIGTERM, signal.SIGINT):
            server = self.serve("-f", "line", "-d", "200")
            client = self.connect(server)
            client.send(b"message\n" * 100)
            client.expect(b"message\n")
            server.stop(how, limit=1.7)

    @limitation("slow-handler", "7", "a slow handler stalls everyone")
    def stalls_everyone(self):
        """While one client's message is handled, the other's waits."""
        server = self.serve("-f", "line", "-d", "250")
        first, second = self.connect_many(server, 2)
        second.send(b"x\n")
        second.expect(b"x\n")
        start = time.monotonic()
        first.send(b"one\n")
        second.send(b"two\n")
        first.expect(b"one\n")
        second.expect(b"two\n")
        spent = time.monotonic() - start
        if spent < 0.49:
            raise Broken(f"-d 250, and two clients were both answered in {spent * 1000:.0f} ms")

    @limitation("cores", "1-7", "one thread does everything",
                ("echo_server", "select_server", "poll_server"))
    def one_thread(self):
        """With clients there, the server has one thread."""
        server = self.serve()
        client = self.connect(server)
        client.echo()
        self.assertEqual(server.threads(), 1, f"the server has {server.threads()} threads")

    @limitation("idle-eviction", "1-9", "a silent client is kept for ever")
    def silent_client_is_kept(self):
        """One that says nothing for a while is still served after it."""
        server = self.serve()
        client = self.connect(server)
        if not client.quiet(0.5):
            raise Broken("a silent client was closed, or got something, in half a second")
        client.echo()
