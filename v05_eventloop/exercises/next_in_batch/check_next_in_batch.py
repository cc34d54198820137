"""Several clients leave, and one comes, in one batch of events."""
from __future__ import annotations

import signal

from exercises.marks import judges
from harness.check import Check
from harness.server import Broken

LEAVING = 3


class NextInBatch(Check):
    group = "next_in_batch"

    def halt(self, server):
        """Stop the server where it is: what happens from now on is one batch of events."""
        self.becomes(server.sleeps)
        server.process.send_signal(signal.SIGSTOP)
        with open(f"/proc/{server.process.pid}/stat", encoding="ascii") as file:
            self.becomes(lambda: file.seek(0) or file.read().rsplit(")", 1)[1].split()[0] == "T")

    @judges()
    def leave_together(self):
        """Three clients leave and one comes in one batch; the server goes on as before."""
        server = self.serve()
        stays = self.connect(server)
        stays.echo()
        for _ in range(self.few(3, 1)):
            leaving = self.connect_many(server, LEAVING)
            for client in leaving:
                client.echo()
            self.halt(server)
            newcomer = self.connect(server)
            for client in leaving:
                client.half_close()
            server.process.send_signal(signal.SIGCONT)
            self.expect_served(server, stays)
            for client in leaving:
                client.expect_end("this client has half-closed")
            newcomer.echo(hint="this client came at the moment at which others left")
            newcomer.close()
            if not self.becomes(lambda: server.fds() == server.base_fds + 1):
                raise Broken("all clients but one have left; the server has "
                             f"{server.fds() - server.base_fds} descriptors of clients open")

    def expect_served(self, server, stays):
        """One who was there all the time notices nothing."""
        self.becomes(lambda: not server.alive() or server.sleeps(), 1)
        what = f"{LEAVING} clients left and one came, in one batch of events"
        if not server.alive():
            raise Broken(f"{what}: {server.gone_words()}; stderr has {server.err.text[:300]!r}")
        stays.echo(b"and I?\n", f"{what}, and this client was there all the time: where does the "
                   "server wait?")
        if server.err.text:
            raise Broken(f"{what}: nothing is to be said, stderr has {server.err.text[:300]!r}")
