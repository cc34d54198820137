"""The echo: all bytes, unchanged, in order; half-close; many clients."""
from __future__ import annotations

import random
import signal
import socket

from harness.check import Check
from harness.client import difference, noise, pump, said
from harness.server import Broken
from harness.spec import ECHO, FORKING, limitation, promise

EIGHT_MB = 8_000_000
SHORT_WRITE = "is the rest of a short write kept, and sent before what comes after it?"


class Echo(Check):
    group = "echo"

    @promise("echo", "1-", ECHO)
    def every_byte_value(self):
        """256 values, alone and in a row."""
        client = self.connect(self.serve())
        client.echo(bytes(range(256)), "is a byte of some value taken for an end?")
        for value in (0, 10, 13, 26, 127, 255):
            client.echo(bytes([value]), f"a single byte of value {value} does not come back")

    @promise("echo", "1-", ECHO)
    def one_byte_at_a_time(self):
        """Each byte comes back before the next is sent."""
        client = self.connect(self.serve())
        for byte in noise(self.few(300, 30)):
            client.echo(bytes([byte]))

    @promise("echo", "1-", ECHO)
    def eight_megabytes(self):
        """Sent and read at the same time."""
        size = self.few(EIGHT_MB, 2_000_000)
        self.expect_all(self.connect(self.serve()), noise(size), SHORT_WRITE)

    @promise("echo", "1-", ECHO)
    def reader_that_starts_late(self):
        """The client sends until the server takes no more, and only then begins to read."""
        client = self.connect(self.serve())
        data = noise(self.few(EIGHT_MB, 3_000_000))
        first = pump(client, data, half_close=False, read=False, stall=0.05)
        rest = pump(client, data[first.sent:])
        wrong = difference(data, rest.got)
        if wrong:
            raise Broken(said(f"{first.sent:,} bytes were sent before the client began to read, "
                              f"{rest.sent:,} after; {wrong}, then: {rest.end}", SHORT_WRITE))

    @promise("echo", "1-", ECHO)
    def cut_at_random(self):
        """Pieces of 1 byte to 20 KB, in any order."""
        dice = random.Random(3)
        client = self.connect(self.serve())
        self.expect_all(client, noise(self.few(1_000_000, 100_000)), SHORT_WRITE,
                        cuts=lambda: int(10 ** dice.uniform(0, 4.3)))

    def send_urgently(self):
        """`!` as urgent data and `after`, twenty times; returns what comes back."""
        client = self.connect(self.serve())
        client.echo(b"before")
        for _ in range(20):
            client.sock.send(b"!", socket.MSG_OOB)
            client.send(b"after")
        client.half_close()
        return client.rest()

    @promise("urgent", "6-", ECHO)
    def urgent_byte(self):
        """Bytes sent as urgent data (MSG_OOB) come back in their places, like all others."""
        got = self.send_urgently()
        wrong = difference(b"!after" * 20, got.got)
        if wrong or got.end != "end of file":
            raise Broken(said(f"an urgent byte and `after`, twenty times: "
                              f"{wrong or 'all came back'}, then: {got.end}",
                              "is SO_OOBINLINE set, and EPOLLPRI left alone?"))

    @limitation("urgent", "1-5", "read(2) leaves an urgent byte out of the stream", ECHO)
    def urgent_byte_is_lost(self):
        """The last urgent byte does not come back among the others; all other bytes do."""
        got = self.send_urgently()
        if got.got.replace(b"!", b"") != b"after" * 20 or got.got.count(b"!") >= 20:
            raise Broken(f"`!` as urgent data and `after`, twenty times: expected 20 `after` and "
                         f"fewer than 20 `!`, got {got.got!r}")

    @promise("echo", "1-", ECHO)
    def empty_connections(self):
        """Clients that say nothing, one after the other, get end of file."""
        server = self.serve()
        for _ in range(self.few(100, 10)):
            client = self.connect(server)
            client.half_close()
            client.expect_end("a client that sends nothing and half-closes gets end of file")
            client.close()

    @promise("echo", "1-", ECHO)
    def one_after_the_other(self):
        """Many short connections; each gets its own bytes."""
        server = self.serve()
        for turn in range(self.few(300, 30)):
            client = self.connect(server)
            client.echo(b"connection %d" % turn)
            client.close()


class HalfClose(Check):
    group = "half_close"

    def serve_deep(self):
        """A server that reads to the end although much output waits, from the stage that can."""
        return self.serve(*(("-b", "20000000") if self.stage >= 7 else ()))

    @promise("half-close", "1-", ECHO)
    def small(self):
        """A few bytes and the end, which the server finds both there when it looks."""
        server = self.serve()
        for turn in range(self.few(20, 4)):
            client = self.connect(server)
            if turn % 2:
                server.process.send_signal(signal.SIGSTOP)
            client.send(b"the last words")
            client.half_close()
            server.process.send_signal(signal.SIGCONT)
            client.expect(b"the last words", "the end must not overtake the bytes before it")
            client.expect_end()

    @promise("half-close", "1-", ECHO)
    def with_megabytes_outstanding(self):
        """The client ends its side with as much unread as server and kernel hold."""
        client = self.connect(self.serve_deep(), rcvbuf=32768)
        data = noise(EIGHT_MB)
        first = pump(client, data, half_close=False, read=False, stall=0.05)
        client.half_close()
        got = client.rest()
        wrong = difference(data[:first.sent], got.got)
        if wrong or got.end != "end of file":
            raise Broken(said(f"the client sent {first.sent:,} bytes, ended its side, and only "
                              f"then began to read; {wrong or 'all came back'}, then: {got.end}",
                              "is the connection closed before its output is out?"))

    @promise("half-close", "1-", ECHO)
    def end_of_file_is_not_a_reset(self):
        """The server ends its side in order, so that nothing on the way is destroyed."""
        client = self.connect(self.serve())
        client.echo(b"x")
        client.half_close()
        client.expect_end("the server must close in order")

    @promise("half-close", "2-", ECHO, also=("fork", "1", FORKING))
    def does_not_spin_meanwhile(self):
        """A client that has half-closed and does not read costs no CPU time."""
        server = self.serve_deep()
        client = self.connect(server, sndbuf=65536, rcvbuf=4096)
        pump(client, noise(1 << 20) * 8, half_close=False, read=False, stall=0.1)
        client.half_close()
        self.expect_asleep(server, "a client that has half-closed reads nothing")


class Many(Check):
    group = "many"

    @limitation("many", "1", "a second client waits until the first has left")
    def second_client_waits(self):
        """It is connected by the kernel, but not served; when the first leaves, it is."""
        server = self.serve()
        first = self.connect(server)
        first.echo()
        second = self.connect(server)
        second.send(b"hello")
        if not second.quiet(0.2):
            raise Broken("the second client was served while the first was connected")
        first.echo(b"the first is still served")
        first.close()
        second.expect(b"hello", "once the first has left, the second must be served")

    @promise("many", "2-", ECHO, also=("fork", "1", FORKING))
    def silent_clients_delay_nobody(self):
        """Clients that connected first and say nothing."""
        server = self.serve()
        self.connect_many(server, 20)
        client = self.connect(server)
        for _ in range(20):
            client.echo(hint="20 silent clients are connected; does one of them block it?")

    @promise("many", "2-", ECHO, also=("fork", "1", FORKING))
    def half_a_message_delays_nobody(self):
        """A client in mid-sentence is like a silent one."""
        server = self.serve()
        talker = self.connect(server)
        talker.echo(b"half a")
        other = self.connect(server)
        other.echo(b"whole\n")
        talker.echo(b" sentence\n")

    @promise("many", "2-", ECHO, also=("fork", "1", FORKING))
    def a_thousand_at_once(self):
        """All connected, all talk, each gets its own bytes."""
        server = self.serve()
        clients = self.connect_many(server, self.few(1000, 100))
        for turn in range(2):
            for number, client in enumerate(clients):
                client.send(b"client %d, turn %d\n" % (number, turn))
            for number, client in enumerate(clients):
                client.expect(b"client %d, turn %d\n" % (number, turn),
                              f"client {number} of {len(clients)} did not get its own bytes")

    @promise("many", "2-", ECHO, also=("fork", "1", FORKING))
    def some_leave_some_stay(self):
        """Every other one leaves, in every way; the others notice nothing."""
        server = self.serve()
        clients = self.connect_many(server, self.few(120, 30))
        for number, client in enumerate(clients):
            client.echo(b"%d" % number)
        for number, client in enumerate(clients[::2]):
            (client.close, client.reset, client.half_close)[number % 3]()
        newcomers = self.connect_many(server, 30)
        for number, client in enumerate(newcomers + clients[1::2]):
            client.echo(b"still here: %d" % number,
                        "are one client's bytes sent to another that got its descriptor?")

    @promise("many", "2-", ECHO, also=("fork", "1", FORKING))
    def two_big_streams(self):
        """Two clients with megabytes each, at the same time, do not mix."""
        server = self.serve()
        clients = self.connect_many(server, 2)
        streams = [noise(400_000, seed) for seed in (1, 2)]
        got = [b"", b""]
        for at in range(0, 400_000, 40_000):
            for client, data in zip(clients, streams):
                client.send(data[at:at + 40_000])
            for number, client in enumerate(clients):
                got[number] += client.read(40_000)
        for number in (0, 1):
            wrong = difference(streams[number], got[number])
            if wrong:
                raise Broken(f"client {number + 1} of 2: {wrong}")
