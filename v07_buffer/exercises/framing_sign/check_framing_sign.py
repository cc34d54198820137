"""Lengths that come in pieces, and lengths that are too large."""
from __future__ import annotations

from exercises.marks import judges
from harness.check import Check
from harness.server import Broken
from harness.spec import ONLY_ECHO

HUGE = (0xFFFFFFFF, 0xFFFFFFFC, 0x80000000, 0x7FFFFFFF, 1_048_577)


class FramingSign(Check):
    group = "framing_sign"

    @judges(ONLY_ECHO)
    def lengths_are_judged_right(self):
        """A short message in pieces is served, whatever others sent; a huge length is refused."""
        server = self.serve("-f", "length")
        other = self.connect(server)
        for cut in (1, 2, 3, 4, 5):
            other.send((1000).to_bytes(4, "big"))
            self.becomes(lambda: server.unread(other) == 0)
            other.send(b"\xff" * 1000)
            other.expect((1000).to_bytes(4, "big") + b"\xff" * 1000)
            self.in_pieces(server, b"\0\0\0\x05hello", cut, other)
        for length in HUGE:
            client = self.connect(server)
            client.send(length.to_bytes(4, "big"))
            if client.quiet(self.limit(1)):
                raise Broken(f"a client announced a message of {length:,} bytes (the limit -m is "
                             "1,048,576), and was not refused\n  what is that number to a "
                             "variable of another type?")
            client.expect_end(f"it announced a message of {length:,} bytes, over the limit -m")

    def in_pieces(self, server, message: bytes, cut: int, other):
        client = self.connect(server)
        client.send(message[:cut])
        other.echo(b"\0\0\0\0", "the server has now read what the first client sent")
        if not client.quiet(0.02):
            raise Broken(f"the first {cut} of {len(message)} bytes of a message were sent, and "
                         f"already there was an answer, or the end\n  stderr: "
                         f"{server.err.text[-200:]!r}")
        client.send(message[cut:])
        client.expect(message, f"a message of 5 bytes, cut in two after {cut} bytes")
        client.close()
