"""When full, a newcomer gets the place of the connection that was unused for longest."""
from __future__ import annotations

import os
import signal

from exercises.marks import judges
from harness.check import Check
from harness.server import STOP_LIMIT, Broken

FREED = "is a connection freed while the batch of events in hand still holds an event of it?"


class CloseLongestUnused(Check):
    group = "close_longest_unused"

    def newcomer(self, server, why="a newcomer gets a place"):
        client = self.connect(server)
        client.echo(hint=f"with -l {why}")
        return client

    def fill(self, server, count: int) -> list:
        """So many clients, one after the other, each of which has talked."""
        return [self.newcomer(server, "and places free: this one is served")
                for _ in range(count)]

    def while_stopped(self, server, act):
        """What is done here the server finds all at once, in one batch of events."""
        os.kill(server.process.pid, signal.SIGSTOP)
        try:
            act()
        finally:
            os.kill(server.process.pid, signal.SIGCONT)

    def closed_lines(self, server) -> list:
        return [line for line in server.err.text.splitlines() if "unused" in line]

    @judges()
    def oldest_goes(self):
        """-c 3 -l: a fourth client is served; who has not talked for longest gets end of file."""
        server = self.serve("-c", "3", "-l")
        first, second, third = self.fill(server, 3)
        first.echo(b"again\n")
        fourth = self.newcomer(server, "and -c 3 full, the fourth client gets a place")
        second.expect_end("three clients talked, then the first one once more, then a fourth came: "
                          "the second was unused for longest")
        for client in (first, third, fourth):
            client.echo(hint="only the second one had to go")
        fifth = self.newcomer(server)
        first.expect_end("the first, the third and the fourth talked, in this order, and a fifth "
                         "came")
        for client in (third, fourth, fifth):
            client.echo()

    @judges()
    def silent_ones_too(self):
        """Who has never talked was last used when it came."""
        server = self.serve("-c", "3", "-l")
        talker, silent, late = self.connect_many(server, 3)
        if not self.becomes(lambda: server.fds() >= server.base_fds + 3):
            raise Broken("-c 3 -l: three clients connected, and are not accepted")
        talker.echo()
        newcomer = self.newcomer(server)
        silent.expect_end("three came, the first talked, a fourth came: the second is unused for "
                          "longest, since it came")
        another = self.newcomer(server)
        late.expect_end("the third client has said nothing since it came")
        for client in (talker, newcomer, another):
            client.echo()

    @judges()
    def with_one_place(self):
        """-c 1 -l: each newcomer takes the place of the one before."""
        server = self.serve("-c", "1", "-l")
        before = self.newcomer(server)
        for _ in range(self.few(50, 5)):
            newcomer = self.newcomer(server)
            before.expect_end("-c 1 -l: a newcomer has its place")
            before.close()
            before = newcomer

    @judges()
    def says_whom(self):
        """A line on stderr for each closed connection, with its address; nobody is refused."""
        server = self.serve("-c", "2", "-l")
        clients = self.fill(server, 2)
        for _ in range(3):
            clients.append(self.newcomer(server))
        for client in clients[:3]:
            client.expect_end("-c 2 -l: its place was given away")
        if not self.becomes(lambda: len(self.closed_lines(server)) >= 3):
            raise Broken("-c 2 -l, and five clients came: three lines with the word `unused` "
                         f"should stand on stderr; there is {server.err.text!r}")
        for client, line in zip(clients, self.closed_lines(server)):
            if client.name not in line:
                raise Broken(f"the connection of {client.name} was closed for a newcomer; stderr "
                             f"says {line!r}")
        if len(self.closed_lines(server)) != 3 or "refused" in server.err.text:
            raise Broken("-c 2 -l, and five clients came: three were closed, none refused; "
                         f"stderr says {server.err.text!r}")

    @judges()
    def end_of_file_though_unread(self):
        """It gets end of file, not a reset, also when it has sent what was not read yet."""
        server = self.serve("-c", "2", "-l")
        for _ in range(5):
            oldest, other = self.fill(server, 2)
            come = []
            self.while_stopped(server, lambda oldest=oldest, come=come: (
                come.append(self.connect(server)), oldest.send(b"unread"), come[0].send(b"new")))
            come[0].expect(b"new", "a newcomer came when -c 2 was full, with -l")
            rest = oldest.rest()
            if rest.end != "end of file" or rest.got not in (b"", b"unread"):
                raise Broken("a newcomer came, then the longest unused client sent something: "
                             f"it got {rest.got!r}, then: {rest.end}\n  closing with unread input "
                             "makes the kernel send a reset: does the end of file go out first?")
            other.echo(hint="this client was not the longest unused one")
            for client in (*come, oldest, other):
                client.close()
            self.expect_no_leak(server)

    @judges()
    def event_in_the_same_batch(self):
        """A newcomer and bytes of whom it displaces are found in one batch of events."""
        for how in ("send", "close", "reset", "half_close"):
            server = self.serve("-c", "3", "-l")
            for _ in range(self.few(10, 3)):
                oldest, second, third = self.fill(server, 3)
                come = []

                def act(oldest=oldest, come=come, how=how):
                    come.append(self.connect(server))
                    getattr(oldest, how)(*([b"x"] if how == "send" else []))

                self.while_stopped(server, act)
                for client in (second, third):
                    client.echo(hint=f"a newcomer came, and the client that it displaces did "
                                f"this at the same moment: {how}\n  {FREED}")
                come[0].echo(hint=f"this is the newcomer\n  {FREED}")
                for client in (*come, oldest, second, third):
                    client.close()
                self.expect_no_leak(server)

    @judges()
    def crowd_at_once(self):
        """Forty come at once to three places: the last three stay, the others get end of file."""
        server = self.serve("-c", "3", "-l")
        for _ in range(3):
            clients, count = self.fill(server, 3), self.few(40, 15)
            self.while_stopped(server, lambda clients=clients, count=count:
                               clients.extend(self.connect_many(server, count)))
            for client in clients[:-3]:
                client.expect_end("-c 3 -l: many came after it")
            for client in clients[-3:]:
                client.echo(hint="-c 3 -l: it is one of the three that came last")
            for client in clients:
                client.close()
            self.expect_no_leak(server)

    @judges()
    def leaves_of_its_own_will(self):
        """Who leaves gives its place back, once: then nobody must go for a newcomer."""
        server = self.serve("-c", "3", "-l")
        for _ in range(self.few(20, 4)):
            clients = self.fill(server, 5)
            for client in clients[:2]:
                client.expect_end("-c 3 -l, and five came, one after the other")
            clients[3].close()
            if not self.becomes(lambda: server.fds() <= server.base_fds + 2):
                raise Broken("three were there and one left; its descriptor stays open")
            newcomer = self.newcomer(server)
            clients[2].echo(hint="two of three places were taken, so nobody had to go")
            clients[4].echo(hint="two of three places were taken, so nobody had to go")
            one_more = self.newcomer(server)
            newcomer.expect_end("-c 3 -l: now all places were taken again; is a place counted "
                                "twice when its connection was closed for a newcomer?")
            for client in (*clients, newcomer, one_more):
                client.close()
            self.expect_no_leak(server)

    @judges()
    def left_at_the_same_moment(self):
        """The longest unused one goes, two others come: one more place is needed, not two."""
        server = self.serve("-c", "2", "-l")
        for _ in range(5):
            oldest, other = self.fill(server, 2)
            come = []
            self.while_stopped(server, lambda come=come, other=other: (
                come.append(self.connect(server)), other.close(),
                come.append(self.connect(server))))
            for client in come:
                client.echo(hint="-c 2 -l: a newcomer came, one of two clients left, another "
                            "newcomer came: there is a place for both")
            oldest.expect_gone("the first newcomer has its place")
            for client in (*come, oldest):
                client.close()
            self.expect_no_leak(server)

    @judges()
    def stop_right_after(self):
        """A newcomer and a signal are found in one batch: it stops, and nothing is left open."""
        for how in (signal.SIGTERM, signal.SIGINT):
            server = self.serve("-c", "2", "-l")
            clients = self.fill(server, 2)
            self.while_stopped(server, lambda server=server, how=how: (
                self.connect(server), os.kill(server.process.pid, how)))
            server.check_end(how, server.wait_exit(STOP_LIMIT))
            for client in clients:
                client.expect_gone("the server has stopped")

    @judges()
    def help_says_so(self):
        """-h mentions -l, and -l takes no value."""
        server = self.start("-h")
        if server.wait_exit(self.limit(10)) != 0 or "-l" not in server.out.text:
            raise Broken(f"-h must mention -l; it printed {server.out.text!r}")
        self.refuse("-l", "5")
