"""Several clients leave, and one comes, in one batch of events."""
from __future__ import annotations

import signal

from exercises.marks import judges
from harness.check import Check
from harness.server import Broken

LEAVING = 3
RESETS = 3
# The C library fills memory that is freed with this byte: an address in it is none. It leaves out
# what it keeps in its cache for the thread, so it gets no cache.
FREED = (("MALLOC_PERTURB_", "165"), ("GLIBC_TUNABLES", "glibc.malloc.tcache_count=0"))


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
        server = self.serve(env=FREED)
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
            self.expect_over(server, stays, newcomer, leaving,
                             f"{LEAVING} clients left and one came, in one batch of events")

    @judges()
    def resets_between(self):
        """One client leaves, others reset, and one more leaves in one batch: all are closed."""
        server = self.serve(env=FREED)
        stays = self.connect(server)
        stays.echo()
        for _ in range(self.few(3, 1)):
            first, last, *resetting = self.connect_many(server, RESETS + 2)
            for client in (first, last, *resetting):
                client.echo()
            self.halt(server)
            newcomer = self.connect(server)
            first.half_close()
            for client in resetting:
                client.reset()
            last.half_close()
            self.expect_over(server, stays, newcomer, (first, last),
                             f"one came, one left, {RESETS} reset, and one more left, in one "
                             "batch of events")

    def expect_over(self, server, stays, newcomer, leaving, what):
        """The server goes on; all is as it must be after the batch."""
        server.process.send_signal(signal.SIGCONT)
        self.expect_served(server, stays, what)
        for client in leaving:
            client.expect_end("this client has half-closed")
        newcomer.echo(hint="this client came at the moment at which others left")
        newcomer.close()
        if not self.becomes(lambda: server.fds() == server.base_fds + 1):
            raise Broken("all clients but one have left; the server has "
                         f"{server.fds() - server.base_fds} descriptors of clients open")

    def expect_served(self, server, stays, what):
        """One who was there all the time notices nothing."""
        self.becomes(lambda: not server.alive() or server.sleeps(), 1)
        if not server.alive():
            raise Broken(f"{what}: {server.gone_words()}; stderr has {server.err.text[:300]!r}"
                         "\n  the server is run so that freed memory loses what was in it: which "
                         "event of the batch still had the address of a channel there?\n"
                         "  when is no event of a batch left that could name a closed connection?")
        stays.echo(b"and I?\n", f"{what}, and this client was there all the time: where does the "
                   "server wait?")
        if server.err.text:
            raise Broken(f"{what}: nothing is to be said, stderr has {server.err.text[:300]!r}")
