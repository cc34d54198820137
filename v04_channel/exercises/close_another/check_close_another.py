"""-k: a newcomer closes the connection from its own address, at whatever moment it comes."""
from __future__ import annotations

import re
import signal
import socket

from exercises.marks import judges
from harness.check import Check
from harness.server import Broken

HERE = "127.0.0.21"         # the address that is used twice
ELSEWHERE = "127.0.0.22"


def have_ipv6() -> bool:
    try:
        with socket.socket(socket.AF_INET6) as sock:
            sock.bind(("::1", 0))
        return True
    except OSError:
        return False


class CloseAnother(Check):
    group = "close_another"

    def come(self, server, address: str):
        """A client from that address, served once, so that it is known."""
        client = self.connect(server, source=(address, 0))
        client.echo(b"hello from %s\n" % address.encode())
        return client

    def halt(self, server):
        """Stop the server where it is: what happens from now on is one batch of events."""
        self.becomes(server.sleeps)
        server.process.send_signal(signal.SIGSTOP)
        with open(f"/proc/{server.process.pid}/stat", encoding="ascii") as file:
            self.becomes(lambda: file.seek(0) or file.read().rsplit(")", 1)[1].split()[0] == "T")

    def expect_alive(self, server):
        """A batch in which a connection ended is over, and the server has not."""
        self.becomes(lambda: not server.alive() or server.sleeps())
        if not server.alive():
            raise Broken(server.gone_words() + "\n  a newcomer and the client that it replaces "
                         "were in one batch of events: who used the freed connection?")

    @judges()
    def newest_stays(self):
        """-k: the older of two clients from one address is closed; others are not touched."""
        server = self.serve("-k")
        others = [self.come(server, f"127.0.0.{30 + number}") for number in range(5)]
        oldest = self.come(server, HERE)
        for _ in range(5):
            newest = self.come(server, HERE)
            oldest.expect_gone(f"-k: another client has come from {HERE}")
            newest.echo(hint="-k: this is the newest client from its address")
            oldest = newest
        for client in others:
            client.echo(hint="-k: nobody else has come from this client's address")

    @judges()
    def in_one_batch(self):
        """The newcomer comes first, and the old client has sent something, in one batch."""
        server = self.serve("-k")
        other = self.come(server, ELSEWHERE)
        for _ in range(self.few(5, 2)):
            oldest = self.come(server, HERE)
            self.halt(server)
            newest = self.connect(server, source=(HERE, 0))     # and says nothing
            oldest.send(b"am I still there?\n")
            server.process.send_signal(signal.SIGCONT)
            self.expect_alive(server)
            oldest.expect_gone(f"-k: another client has come from {HERE}")
            other.echo(b"and I?\n", "a newcomer, and an event of the client that it replaces, in "
                       "one batch: whom does that event reach? does the server wait for the "
                       "newcomer, who says nothing?")
            newest.echo(hint="-k: this is the newest client from its address")
        if server.err.text:
            raise Broken(f"a client was replaced: nothing is to be said, stderr has "
                         f"{server.err.text[:300]!r}\n  was a closed descriptor read?")

    @judges()
    def says_only_that(self):
        """-k -v: with bytes unread, `opened` and `closed` are said of each client, and no more."""
        server = self.serve("-k", "-v")
        oldest = self.come(server, HERE)
        names = [oldest.name]
        for _ in range(self.few(5, 2)):
            self.halt(server)
            newest = self.connect(server, source=(HERE, 0))
            names.append(newest.name)
            oldest.send(b"x" * 1000)
            server.process.send_signal(signal.SIGCONT)
            self.expect_alive(server)
            oldest.expect_gone(f"-k: another client has come from {HERE}")
            newest.echo(hint="-k: this is the newest client from its address")
            oldest = newest
        self.expect_words(server, names)

    def expect_words(self, server, names):
        """All but the last of these clients were replaced, one after the other."""
        expected = sorted([f"opened {name}" for name in names]
                          + [f"closed {name}" for name in names[:-1]])
        lines = re.compile(rf"^{re.escape(server.name)}: (.*)$", re.M)
        if self.becomes(lambda: sorted(lines.findall(server.err.text)) == expected, 1):
            return
        got = lines.findall(server.err.text)
        wrong = ([line for line in got if line not in expected]
                 or [f"no line for: {line}" for line in expected if line not in got]
                 or ["a line twice"])
        raise Broken(f"-k -v: {len(names) - 1} clients were replaced, each had sent 1,000 bytes "
                     "that were still unread; on stderr there must be `opened` for each, and "
                     f"`closed` for those. What is wrong: {wrong[0]!r}\n  does the server still "
                     "read from a connection that it has replaced, and answer?")

    @judges()
    def many_in_one_batch(self):
        """Six addresses; old clients send, half-close and reset while newcomers wait."""
        server = self.serve("-k")
        other = self.come(server, ELSEWHERE)
        for _ in range(self.few(4, 1)):
            addresses = [f"127.0.0.{40 + number}" for number in range(6)]
            old = [self.come(server, address) for address in addresses]
            self.halt(server)
            new = [self.connect(server, source=(address, 0)) for address in addresses]
            for number, client in enumerate(old):
                (client.half_close, client.reset, lambda c=client: c.send(b"x"))[number % 3]()
            server.process.send_signal(signal.SIGCONT)
            self.expect_alive(server)
            other.echo(b"and I?\n", "newcomers and the clients that they replace, in one batch")
            for client in new:
                client.echo(hint="-k: this is the newest client from its address")
            for client in new:
                client.close()
            if not self.becomes(lambda: server.fds() == server.base_fds + 1):
                raise Broken(f"{server.fds() - server.base_fds} clients' descriptors are open; "
                             "all but one have left or were replaced")

    @judges()
    def ipv6(self):
        """-k with IPv6: the older of two clients from ::1 is closed."""
        if not have_ipv6():
            self.skipTest("this machine has no IPv6 loopback address")
        server = self.serve("-k", "-a", "::1")
        oldest = self.connect(server)
        oldest.echo()
        newest = self.connect(server)
        newest.echo()
        oldest.expect_gone("-k: another client has come from ::1")
