"""Lengths that come in pieces, and lengths that are too large."""
from __future__ import annotations

from exercises.marks import judges
from harness.check import Check
from harness.server import Broken
from harness.spec import ONLY_ECHO

HUGE = (0xFFFFFFFF, 0xFFFFFFFC, 0x80000000, 0x7FFFFFFF, 1_048_577, 201)


class FramingSign(Check):
    group = "framing_sign"

    @judges(ONLY_ECHO)
    def lengths_are_judged_right(self):
        """A short message in pieces is served, whatever others sent; a huge length is refused."""
        server = self.serve("-f", "length", "-m", "200")
        client, other = self.connect_many(server, 2)
        other.echo(b"\0\0\0\0", "it is an empty message")
        for cut in (1, 2, 3, 4, 5):
            self.in_pieces(server, client, other, cut)
        for length in HUGE:
            client = self.connect(server)
            client.send(length.to_bytes(4, "big"))
            if client.quiet(self.limit(1)):
                raise Broken(f"a client announced a message of {length:,} bytes (the limit -m is "
                             "200), and was not refused\n  what is that number to a "
                             "variable of another type?")
            client.expect_end(f"it announced a message of {length:,} bytes, over the limit -m")

    def in_pieces(self, server, client, other, cut: int):
        """Between the two parts of the client's message the server reads another client's."""
        message, header, filler = b"\0\0\0\x05hello", b"\0\0\0\xc8", b"\xff" * 200
        other.send(header)
        client.echo(b"\0\0\0\0", "it is an empty message")     # so the header was read alone
        other.send(filler)
        other.expect(header + filler, "its header came first, then the rest")
        client.send(message[:cut])
        other.echo(b"\0\0\0\0", "it is an empty message")
        if not client.quiet(0.02):
            raise Broken(f"the first {cut} of {len(message)} bytes of a message were sent, and "
                         f"already there was an answer, or the end; stderr: "
                         f"{server.err.text[-200:]!r}\n  which bytes does the codec look at?")
        client.send(message[cut:])
        client.expect(message, f"a message of 5 bytes, cut in two after {cut} bytes")
