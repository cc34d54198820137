"""A write that a pause of the server cuts short."""
from __future__ import annotations

import signal

from exercises.marks import judges
from harness.check import Check
from harness.client import difference, noise, pump
from harness.server import Broken
from harness.spec import ONLY_ECHO

ROUNDS = 12


class ShortWrite(Check):
    group = "short_write"

    @judges(ONLY_ECHO)
    def bytes_survive_a_pause(self):
        """SIGSTOP and SIGCONT, again and again, while the server waits in a write."""
        server = self.serve()
        client = self.connect(server, sndbuf=65536, rcvbuf=4096)
        data, sent, got = noise(1 << 20) * 32, 0, b""
        for _ in range(ROUNDS):
            now = pump(client, data[sent:], half_close=False, read=False, stall=self.limit(0.1))
            sent += now.sent
            if not now.sent and now.end != "stalled":
                break
            server.process.send_signal(signal.SIGSTOP)
            server.process.send_signal(signal.SIGCONT)
            got += client.read(100_000)
        rest = pump(client, b"")
        wrong = difference(data[:sent], got + rest.got)
        if wrong:
            raise Broken(f"the server was stopped and went on (SIGSTOP, SIGCONT), {ROUNDS} times, "
                         f"while it waited in a write: {wrong}, then: {rest.end}")
