"""A client that ends its side while its replies wait in the server."""
from __future__ import annotations

from exercises.marks import judges
from harness.check import Check
from harness.client import difference, noise
from harness.server import Broken
from harness.spec import ONLY_ECHO


class HalfCloseLoses(Check):
    group = "half_close_loses"

    @judges(ONLY_ECHO)
    def everything_comes(self):
        """It sends 16 MB, ends its side, and begins to read when the server has read all."""
        server = self.serve("-b", "50000000")
        client = self.connect(server, rcvbuf=262_144)
        data = noise(1 << 20) * 16
        client.send(data)
        client.half_close()
        if not self.becomes(lambda: server.unread(client) == 0 and client.unsent() <= 1, 10):
            raise Broken("16 MB were sent, with -b 50000000, and the server does not read them")
        rest = client.rest()
        wrong = difference(data, rest.got)
        if wrong or rest.end != "end of file":
            raise Broken(f"a client sent 16 MB, ended its side, and then began to read: "
                         f"{wrong or 'all came back'}, then: {rest.end}\n  where were the bytes "
                         "that are missing when the server closed the connection?")
