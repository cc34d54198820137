"""How an eviction ends: what was sent before it is not destroyed."""
from __future__ import annotations

import time

from harness.check import Check
from harness.client import noise, pump
from harness.server import Broken
from harness.sock_diag import ESTABLISHED
from harness.spec import CHARGEN, ONLY_ECHO, promise


class Evict(Check):
    group = "evict"

    def read_when_evicted(self, server, client):
        """Wait for the eviction, then read to the end; who reads late may find a reset."""
        seen = time.monotonic()     # as it still was connected
        while server.end_of(client)[0] == ESTABLISHED:
            if time.monotonic() - seen > self.limit(6):
                raise Broken("-i 1: a client that neither reads nor sends is still connected")
            time.sleep(0.003)
        seen = time.monotonic()
        rest = client.rest()
        if rest.end != "end of file" and time.monotonic() - seen > 0.7:
            self.skipTest("this machine is too busy to read at once")
        return rest

    @promise("idle-eviction", "10-", ONLY_ECHO)
    def what_was_sent_still_comes(self):
        """-i 1: evicted while the server has not read all; then the client reads: no reset."""
        for args in (("-b", "100000"), ("-b", "100000", "-t", "0", "-w", "1")):
            server = self.serve("-i", "1", *args)
            start = time.monotonic()
            client = self.connect(server, sndbuf=65536, rcvbuf=4096)
            data = noise(1 << 20) * 16
            sent = pump(client, data, half_close=False, read=False, stall=0.2).sent
            rest = self.read_when_evicted(server, client)
            what = (f"{' '.join(args)} -i 1: a client that had sent {sent:,} bytes and not read "
                    f"was evicted, and {time.monotonic() - start:.1f} s after it had come it had "
                    f"read {len(rest.got):,} bytes")
            if rest.end != "end of file":
                raise Broken(f"{what}, then: {rest.end}\n  closing with input unread resets the "
                             "connection and destroys what was on its way: shutdown(2) first")
            if rest.got != data[:len(rest.got)]:
                raise Broken(f"{what}, not as sent")
            client.close()
            self.expect_no_leak(server)

    @promise("idle-eviction", "10-", CHARGEN)
    def lines_still_come(self):
        """-i 1: who has sent something and does not read is evicted; what was sent comes."""
        server = self.serve("-i", "1")
        client = self.connect(server, rcvbuf=4096)
        client.send(b"is anybody there?\n" * 10)
        rest = self.read_when_evicted(server, client)
        if rest.end != "end of file" or not rest.got:
            raise Broken(f"-i 1: a client that did not read was evicted, then read "
                         f"{len(rest.got):,} bytes, then: {rest.end}")
