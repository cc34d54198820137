"""Limits: -c, the descriptor limit, FD_SETSIZE."""
from __future__ import annotations

import resource
import time

from harness.check import Check
from harness.server import Broken
from harness.spec import ONLY_ECHO, limitation, promise

NOFILE = 40


class ConnectionLimit(Check):
    group = "connection_limit"

    def expect_refused(self, server, why):
        client = self.connect(server)
        client.expect_gone(why)
        client.close()

    @promise("connection-limit", "6-", ONLY_ECHO)
    def one_more_is_closed_at_once(self):
        """-c 3: three are served, the fourth is closed and a line on stderr says so."""
        server = self.serve("-c", "3")
        clients = self.connect_many(server, 3)
        for client in clients:
            client.echo(hint="-c 3, and this is one of the first three clients")
        self.expect_refused(server, "-c 3, and this is the fourth client")
        if not server.err.wait(lambda text: "\n" in text, self.limit(5)):
            raise Broken("with -c 3 a fourth client was closed; nothing on stderr says so")
        for client in clients:
            client.echo(hint="a client over the limit must not disturb the others")

    @promise("connection-limit", "6-", ONLY_ECHO)
    def room_after_one_has_left(self):
        """A place is free again when a client has gone, in whatever way."""
        server = self.serve("-c", "2")
        stays = self.connect(server)
        stays.echo()
        for leave in ("close", "reset", "close"):
            client = self.connect(server)
            client.echo(hint="-c 2, one client is there, and another that came before has left")
            getattr(client, leave)()
            if not self.becomes(lambda: server.fds() <= server.base_fds + 1):
                raise Broken("a client has left; its descriptor stays open")
        second = self.connect(server)
        second.echo()
        self.expect_refused(server, "-c 2, and two clients are there")

    @promise("connection-limit", "6-", ONLY_ECHO)
    def none_by_default(self):
        """-c 0 means no limit but the system's."""
        server = self.serve("-c", "0")
        for client in self.connect_many(server, self.few(300, 50)):
            client.echo(b"x")


class Descriptors(Check):
    group = "descriptors"

    def fill(self, server):
        """Connect until the server has no descriptor left; returns those that are served."""
        served = []
        while server.fds() < NOFILE:
            client = self.connect(server)
            client.send_or_not(b"in?")
            if client.read(3) != b"in?":
                client.close()
                break
            served.append(client)
            if len(served) > NOFILE:
                raise Broken(f"{len(served)} clients are served with {NOFILE} descriptors")
        return served

    @promise("descriptors", "6-", ONLY_ECHO, modes=("plain",))
    def newcomers_are_closed_at_once(self):
        """At the limit a newcomer is turned away, and the others are served as before."""
        server = self.serve(nofile=NOFILE)
        served = self.fill(server)
        for _ in range(5):
            newcomer = self.connect(server)
            newcomer.expect_gone("no descriptor is left: this client should be closed at once")
            newcomer.close()
        for client in served:
            client.echo(hint="this client was there before the descriptors ran out")
        self.expect_asleep(server, "it only has no descriptor left")
        if not server.err.wait(lambda text: "\n" in text, self.limit(5)):
            raise Broken("clients were turned away; nothing on stderr says so")

    @promise("descriptors", "6-", ONLY_ECHO, modes=("plain",))
    def room_after_some_have_left(self):
        """When descriptors are free it accepts again; and so for a second time."""
        server = self.serve(nofile=NOFILE)
        for _ in range(2):
            served = self.fill(server)
            newcomer = self.connect(server)
            newcomer.expect_gone("no descriptor is left: this client should be closed at once")
            newcomer.close()
            for client in served:
                client.close()
            self.expect_no_leak(server)
            fresh = self.connect(server)
            fresh.echo(hint="all clients have left, so there are descriptors again")
            fresh.close()
            self.expect_no_leak(server)

    @promise("descriptors", "6-", ONLY_ECHO, modes=("plain",))
    def storm_of_newcomers(self):
        """Hundreds that come at the limit: it neither dies nor loses its reserve."""
        server = self.serve(nofile=NOFILE)
        served = self.fill(server)
        for _ in range(6):
            crowd = self.connect_many(server, 40)
            for client in crowd:
                client.expect_gone("no descriptor is left")
                client.close()
            served[0].echo()
        self.assertLessEqual(server.fds(), NOFILE)

    @limitation("descriptors", "2-5",
                "out of descriptors, a newcomer is left waiting until another client leaves",
                ("echo_server", "select_server", "poll_server"), modes=("plain",))
    def newcomer_waits(self):
        """It is connected, but neither served nor closed until a descriptor is free."""
        server = self.serve(nofile=NOFILE)
        served = self.fill_all(server)
        newcomer = self.connect(server)
        newcomer.send(b"hello")
        for _ in range(2):
            served[0].echo(hint="this client was there before the descriptors ran out")
        if not newcomer.quiet(0.2):
            raise Broken("at the descriptor limit a newcomer got an answer, or was closed")
        self.expect_asleep(server, "it only has no descriptor left")
        for client in served:
            client.echo(hint="this client was there before the descriptors ran out")
        served[0].close()
        newcomer.expect(b"hello", "a descriptor is free again: the newcomer must be served")

    def fill_all(self, server):
        """Take every descriptor that the server may open."""
        free = NOFILE - server.fds()
        served = self.connect_many(server, free)
        for client in served:
            client.echo(hint="there should be a descriptor for this client")
        return served


class FdSetsize(Check):
    group = "fd_setsize"

    @promise("fd-setsize", "2", ("select_server",), modes=("plain", "sanitize"))
    def clients_beyond_are_refused(self):
        """A descriptor of 1024 or more does not fit into an fd_set."""
        if resource.getrlimit(resource.RLIMIT_NOFILE)[0] < 1200:
            self.skipTest("this machine allows too few descriptors (ulimit -n)")
        server = self.serve()
        room = 1024 - server.fds()
        clients = self.connect_many(server, room)
        for client in clients:
            client.echo(b"in", "its descriptor is below FD_SETSIZE")
        for _ in range(5):
            beyond = self.connect(server)
            beyond.expect_gone("a descriptor of FD_SETSIZE or more does not fit into an fd_set")
            beyond.close()
        if not server.err.wait(lambda text: "\n" in text, self.limit(5)):
            raise Broken("clients beyond FD_SETSIZE were closed; nothing on stderr says so")
        for client in clients[::50]:
            client.echo(b"still in")
        clients[7].close()
        if not self.becomes(lambda: server.fds() < 1024):
            raise Broken("a client has left; its descriptor stays open")
        self.connect(server).echo(b"in", "a small descriptor is free again")
