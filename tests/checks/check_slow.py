"""Back-pressure: clients that send and do not read."""
from __future__ import annotations

import socket

from harness.check import Check
from harness.client import difference, noise, pump, said
from harness.server import Broken
from harness.spec import ECHO, ONLY_ECHO, limitation, promise

FLOOD = 64_000_000


class SlowReader(Check):
    group = "slow_reader"

    def flood(self, server, most=FLOOD, **how):
        """A client that sends until no more is taken, and reads nothing."""
        client = self.connect(server, sndbuf=65536, rcvbuf=4096)
        unit = noise(1 << 20)
        data = unit * (most // len(unit))
        traffic = pump(client, data, half_close=False, read=False,
                       stall=how.get("stall", 0.15 * max(1, self.mode.scale)))
        return client, data, traffic

    @limitation("slow-reader", "2-6", "a client that does not read stalls all others", ECHO)
    def stalls_the_others(self):
        """The server waits in a write to it; the others are served when it reads."""
        server = self.serve()
        polite = self.connect(server)
        polite.echo()
        slow, data, first = self.flood(server)
        sent = first.sent
        for _ in range(10):
            polite.send(b"hello")
            # Asleep, and there is input: it waits in the write to the other client.
            if self.becomes(lambda: not polite.quiet(0) or self.stays(
                    lambda: server.sleeps() and server.unread(polite))) and polite.quiet(0):
                break
            polite.expect(b"hello")
            sent += pump(slow, data[sent:], half_close=False, read=False, stall=0.2).sent
        else:
            raise Broken(f"a client sent {sent:,} bytes and read nothing, and another "
                         "one was served all the time")
        slow.limit = self.limit(60)
        slow.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        rest = pump(slow, b"", half_close=False, until=sent)
        wrong = difference(data[:sent], rest.got)
        if wrong:
            raise Broken(f"the slow client now read: {wrong}, then: {rest.end}")
        polite.expect(b"hello", "the slow client has read all, so this one must be served")

    @promise("slow-reader", "7-", ONLY_ECHO)
    def delays_nobody(self):
        """A polite client beside one that sends megabytes and reads nothing."""
        server = self.serve()
        polite = self.connect(server)
        polite.echo()
        _, _, traffic = self.flood(server)
        if traffic.sent == FLOOD // (1 << 20) * (1 << 20):
            raise Broken(f"the server took {traffic.sent:,} bytes from a client that reads "
                         "nothing, and would take more\n  is reading paused at the high-water mark?")
        for _ in range(50):
            polite.echo(hint="another client does not read; does a write to it block?")

    @promise("slow-reader", "7-", ONLY_ECHO)
    def bounded_memory(self):
        """Ten such clients cost no more than ten times the high-water mark."""
        self.need_unscaled("memory")
        mark, clients = 1_000_000, 6
        server = self.serve("-b", str(mark))
        before = server.memory()
        for _ in range(clients):
            self.flood(server, 24_000_000, stall=0.05)
        held = server.memory() - before
        most = clients * (2 * mark + 262_144)
        if held > most:
            raise Broken(f"{clients} clients that do not read, -b {mark}: the server holds "
                         f"{held:,} bytes; {most:,} would be much\n"
                         "  is reading paused at the high-water mark?")

    @promise("slow-reader", "7-", ONLY_ECHO)
    def gets_every_byte_at_last(self):
        """The slow client begins to read, and half-closes: all comes, then end of file."""
        server = self.serve()
        client, data, first = self.flood(server)
        rest = pump(client, data[first.sent:first.sent + 2_000_000])
        wrong = difference(data[:first.sent + rest.sent], rest.got)
        if wrong or rest.end != "end of file":
            raise Broken(said(f"{first.sent:,} bytes were sent before it read, {rest.sent:,} after; "
                              f"{wrong or 'all came back'}, then: {rest.end}",
                              "is reading resumed when the output has fallen to half the mark?"))

    def fill_until_paused(self, server, client):
        """Send until the server does not read what has reached it; returns what was sent.

        Unlike a flood this leaves room on the way, so that the client's end can arrive.
        """
        data, sent = noise(1 << 20) * 24, 0
        while sent < len(data):
            step = pump(client, data[sent:sent + 65536], half_close=False, read=False, stall=0.5)
            sent += step.sent
            if step.end == "reset":
                raise Broken(f"the connection was reset after {sent:,} bytes were sent")
            if not self.becomes(lambda: server.unread(client) == 0, 0.05):
                return data[:sent]
        raise Broken(f"the server read {sent:,} bytes from a client that reads nothing, and would "
                     "read more\n  is reading paused at the high-water mark?")

    @promise("slow-reader", "7-", ONLY_ECHO)
    def pauses_and_resumes_often(self):
        """With a mark of 1 byte every short write is over it."""
        for mark in ("1", "1000", "70000"):
            client = self.connect(self.serve("-b", mark))
            data = noise(self.few(7_000_000, 5_000_000))
            first = pump(client, data, half_close=False, read=False, stall=0.05)
            rest = pump(client, data[first.sent:])
            wrong = difference(data, rest.got)
            if wrong or rest.end != "end of file":
                raise Broken(f"-b {mark}, read late: {wrong or 'all came back'}, "
                             f"then: {rest.end}\n  reading is paused and resumed all the time")

    @promise("slow-reader", "7-", ONLY_ECHO, modes=("plain", "valgrind", "sanitize", "tsan"))
    def mark_decides_how_much_is_taken(self):
        """With -b 20 MB it reads about so much more from a client that reads nothing."""
        taken = []
        for mark in (1, 20_000_000):
            server = self.serve("-b", str(mark))
            client, _, traffic = self.flood(server, stall=0.3)
            # What the two kernels hold can be more than what the server does.
            taken.append(traffic.sent - client.unsent() - server.unread(client))
        more = taken[1] - taken[0]
        if not 14_000_000 <= more <= 26_000_000:
            raise Broken(f"with -b 1 the server read {taken[0]:,} bytes from a client that reads "
                         f"nothing, with -b 20000000 {taken[1]:,}\n"
                         "  the difference should be about 20 MB")

    @promise("slow-reader", "7-", ONLY_ECHO)
    def reset_while_paused(self):
        """It resets while reading is paused: the server notices, and does not spin."""
        server = self.serve("-b", "100000")
        for _ in range(2):
            client, _, _ = self.flood(server, stall=0.1)
            client.reset()
            self.expect_no_leak(server)
        self.expect_asleep(server, "the only client has reset its connection")

    @promise("slow-reader", "7-", ONLY_ECHO)
    def half_close_while_paused(self):
        """It ends its side while reading is paused: no spin; then all bytes, then the end."""
        server = self.serve("-b", "100000")
        client = self.connect(server)
        data = self.fill_until_paused(server, client)
        client.half_close()
        self.expect_asleep(server, "a client has half-closed and does not read")
        rest = client.rest()
        wrong = difference(data, rest.got)
        if wrong or rest.end != "end of file":
            raise Broken(f"the client half-closed while reading was paused, then read: "
                         f"{wrong or 'all came back'}, then: {rest.end}")

    @promise("slow-reader", "7-", ONLY_ECHO)
    def asleep_while_paused(self):
        """A paused connection with unread input costs no CPU time."""
        server = self.serve()
        self.flood(server)
        self.expect_asleep(server, "the only client neither reads nor can send more")

    @promise("slow-reader", "7-", ONLY_ECHO)
    def messages_wait_as_well(self):
        """With -f line, whole messages wait in the input while the output is full."""
        server = self.serve("-f", "line", "-b", "50000")
        line = noise(5000).replace(b"\n", b" ") + b"\n"
        client = self.connect(server, sndbuf=65536, rcvbuf=4096)
        data = line * 3000
        first = pump(client, data, half_close=False, read=False, stall=0.1)
        rest = pump(client, data[first.sent:])
        wrong = difference(data, rest.got)
        if wrong or rest.end != "end of file":
            raise Broken(said(f"3,000 lines of {len(line)} bytes, read late: "
                              f"{wrong or 'all came back'}, then: {rest.end}",
                              "are messages that were read before a pause handled after it, "
                              "although nothing new comes in?"))
