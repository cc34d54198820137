"""Many clients that connect in the same moment."""
from __future__ import annotations

import select
import signal

from exercises.marks import judges
from harness.check import Check
from harness.client import connect
from harness.server import Broken

NOFILE = 40
HINT = ("no descriptor is free, and a newcomer waits; this client was there before\n  how does a "
        "loop around accept end when accept fails with EMFILE?")


class LostEdge(Check):
    group = "lost_edge"

    def served(self, clients) -> int:
        """How many have got something to read by now."""
        poll = select.poll()
        for client in clients:
            poll.register(client.sock, select.POLLIN)
        return len(poll.poll(0))

    @judges(("echo_server",))
    def all_are_let_in(self):
        """1,200 connect while the server has no time: each is served, and nobody has to push."""
        server = self.serve()
        server.process.send_signal(signal.SIGSTOP)
        clients = self.connect_many(server, self.few(1200, 150))
        for client in clients:
            client.send(b"hello")
        server.process.send_signal(signal.SIGCONT)
        if not self.becomes(lambda: self.served(clients) == len(clients), 2):
            raise Broken(f"{len(clients):,} clients connected in the same moment and sent a word: "
                         f"{self.served(clients):,} of them got a reply")
        for client in clients:
            client.expect(b"hello")
        self.connect(server).echo()

    @judges(("echo_server",), modes=("plain",))
    def nobody_waits_for_a_free_descriptor(self):
        """No descriptor is left and a newcomer waits: who was there before is served on."""
        server = self.serve(nofile=NOFILE)
        served = [connect(server, self.limit(2)) for _ in range(NOFILE - server.fds())]
        for client in served:
            self.addCleanup(client.close)
        newcomer = self.connect(server)
        for client in (*served[:3], *served[-3:]):
            client.echo(hint=HINT)
        newcomer.close()
