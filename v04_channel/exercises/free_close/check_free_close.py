"""Clients come and go under valgrind, which sees each access to freed memory."""
from __future__ import annotations

from exercises.marks import judges
from harness.check import Check
from harness.modes import VALGRIND
from harness.server import Broken


class FreeClose(Check):
    group = "free_close"

    @judges(modes=("plain",))       # it starts the server under valgrind itself
    def clean_under_valgrind(self):
        """Clients leave in each way, one is there at the stop: valgrind has nothing to report."""
        self.need("valgrind")
        self.mode = VALGRIND
        server = self.serve("-v")
        clients = self.connect_many(server, 5)
        for client in clients:
            client.echo()
        clients[0].close()
        clients[1].reset()
        clients[2].half_close()
        clients[2].expect_end("this client has half-closed")
        clients[4].echo(hint="others have left")
        if not self.becomes(lambda: server.fds() == server.base_fds + 2):
            raise Broken("three of five clients have left; the server has "
                         f"{server.fds() - server.base_fds} descriptors of clients open")
        server.stop(limit=5)
