"""Messages: framing, limits, unfinished ones."""
from __future__ import annotations

import random
import time

from harness.check import Check
from harness.client import difference, noise, pump, said
from harness.server import Broken
from harness.spec import ONLY_ECHO, promise

LINE, LENGTH = "line", "length"
EARLIER = "the messages before it must be answered, then the connection closed in order"


def line(size: int, seed: int = 5) -> bytes:
    """A line of so many bytes, of every value but the newline."""
    return noise(size, seed).replace(b"\n", b"\0") + b"\n"


def packet(size: int, seed: int = 5) -> bytes:
    """A message of so many bytes after its length."""
    return size.to_bytes(4, "big") + noise(size, seed)


MAKE = {LINE: line, LENGTH: packet}


class Message(Check):
    group = "message"

    def each(self):
        """Each framing, with the function that makes a message of a size."""
        return MAKE.items()


    @promise("message", "7-", ONLY_ECHO)
    def run_together(self):
        """Many messages in one write, of many sizes."""
        for framing, make in self.each():
            data = b"".join(make(size, size) for size in (0, 1, 0, 2, 3, 100, 5000, 70_000, 0, 9))
            self.expect_all(self.connect(self.serve("-f", framing)), data, f"-f {framing}")

    @promise("message", "7-", ONLY_ECHO)
    def cut_at_every_byte(self):
        """Three messages, cut in two at each place in turn."""
        for framing, make in self.each():
            server = self.serve("-f", framing)
            data = make(0) + make(5) + make(3)
            for cut in range(1, len(data)):
                client = self.connect(server)
                client.send(data[:cut])
                time.sleep(0.001)
                client.send(data[cut:])
                client.expect(data, f"-f {framing}, cut after {cut} of {len(data)} bytes")
                client.close()

    @promise("message", "7-", ONLY_ECHO)
    def byte_by_byte(self):
        """Each byte in a write of its own."""
        for framing, make in self.each():
            client = self.connect(self.serve("-f", framing))
            data = make(3) + make(0) + make(200)
            for byte in data:
                client.send(bytes([byte]))
            client.expect(data, f"-f {framing}, one byte in each write")

    @promise("message", "7-", ONLY_ECHO)
    def nothing_before_it_is_whole(self):
        """All but the last byte: silence. Then the message, whole."""
        for framing, make in self.each():
            server = self.serve("-f", framing)
            other = self.connect(server)
            for size in (1, 10, 3000, 200_000):
                client, data = self.connect(server), make(size)
                client.send(data[:-1])
                for _ in range(3):
                    other.echo(make(1))     # by now it has seen what the first client sent
                if not client.quiet(0.03):
                    raise Broken(f"-f {framing}: all but the last byte of a message of {size:,} "
                                 "bytes were sent, and something came back already")
                client.send(data[-1:])
                client.expect(data, f"-f {framing}, a message of {size:,} bytes")

    @promise("message", "7-", ONLY_ECHO)
    def whole_ones_before_a_part(self):
        """Whole messages are answered while the next is still on its way."""
        for framing, make in self.each():
            client = self.connect(self.serve("-f", framing))
            whole, part = make(10) + make(2000), make(50)
            client.send(whole + part[:7])
            client.expect(whole, f"-f {framing}: two whole messages and a part of a third came")
            if not client.quiet(0.02):
                raise Broken(f"-f {framing}: a part of a message came back")
            client.send(part[7:])
            client.expect(part)

    @promise("message", "7-", ONLY_ECHO)
    def exactly_the_longest(self):
        """-m counts the payload, without header or newline."""
        for framing, make in self.each():
            for most in (1, 100, 65536)[:self.few(3, 1)]:
                client = self.connect(self.serve("-f", framing, "-m", str(most)))
                client.echo(make(most) + make(most), f"-f {framing} -m {most}, and messages "
                            f"of exactly {most} bytes")

    @promise("message", "7-", ONLY_ECHO)
    def several_megabytes(self):
        """A message larger than every buffer on the way."""
        size = self.few(6_000_000, 1_500_000)
        for framing, make in self.each():
            server = self.serve("-f", framing, "-m", str(size))
            self.expect_all(self.connect(server), make(size) + make(10), f"-f {framing}")

    @promise("message", "7-", ONLY_ECHO)
    def random_sizes_random_cuts(self):
        """A long stream of messages, however it is cut."""
        dice = random.Random(11)
        for framing, make in self.each():
            data = b"".join(make(int(10 ** dice.uniform(0, 4)), n) for n in range(self.few(400, 40)))
            self.expect_all(self.connect(self.serve("-f", framing)), data, f"-f {framing}",
                            cuts=lambda: int(10 ** dice.uniform(0, 4.5)))

    @promise("message", "7-", ONLY_ECHO)
    def long_line_in_small_pieces(self):
        """A long line in small pieces is looked through once, not once for each piece."""
        self.need_unscaled("CPU time")
        size, piece, pieces = 24_000_000, 1000, 600
        server = self.serve("-f", "line", "-m", str(size))
        client, other = self.connect(server), self.connect(server)
        data = line(size)
        start = size - pieces * piece
        client.send(data[:start])
        self.becomes(lambda: server.unread(client) == 0)
        other.echo(b"now the server has read all that\n")
        before = server.cpu()
        for at in range(start, size, piece):
            client.send(data[at:at + piece])
            other.echo(b"now the server has read that piece\n")
        used = server.cpu() - before
        client.send(data[size:])
        client.expect(data)
        if used > 0.1:
            raise Broken(f"the last {pieces} pieces of a line of 24 MB cost {used * 1000:.0f} ms "
                         "of CPU time\n  is the part without a newline searched again and again?")


class TooLong(Check):
    group = "too_long"

    def expect_refusal(self, server, data, replies, about):
        """The earlier messages are answered, then comes an end in order; stderr says why."""
        client = self.connect(server)
        client.send_or_not(data)
        got = client.rest()
        wrong = difference(replies, got.got)
        if wrong or got.end != "end of file":
            raise Broken(said(f"{about}: {wrong or 'the replies came'}, then: {got.end}", EARLIER))
        if not server.err.wait(lambda text: "\n" in text, self.limit(5)):
            raise Broken(f"{about}: nothing on stderr says so")
        client.close()

    @promise("too-long", "7-", ONLY_ECHO)
    def one_byte_over(self):
        """The first message is one byte too long."""
        for framing, make in MAKE.items():
            for most in (1, 100, 65536)[:self.few(3, 1)]:
                server = self.serve("-f", framing, "-m", str(most))
                self.expect_refusal(server, make(most + 1), b"",
                                    f"-f {framing} -m {most}, a message of {most + 1} bytes")

    @promise("too-long", "7-", ONLY_ECHO)
    def after_good_ones(self):
        """Earlier messages are answered whole, though the bad one came in the same write."""
        for framing, make in MAKE.items():
            server = self.serve("-f", framing, "-m", "1000")
            good = make(1000) + make(0) + make(999)
            self.expect_refusal(server, good + make(1001) + make(5), good,
                                f"-f {framing} -m 1000, three good messages and a long one")

    @promise("too-long", "7-", ONLY_ECHO)
    def refused_before_it_is_whole(self):
        """The server need not see the end of a message to know that it is too long."""
        for framing, start in ((LENGTH, (1001).to_bytes(4, "big")), (LINE, b"x" * 1001)):
            server = self.serve("-f", framing, "-m", "1000")
            self.expect_refusal(server, start, b"", f"-f {framing} -m 1000, the beginning of a "
                                "message that will be too long")

    @promise("too-long", "7-", ONLY_ECHO)
    def largest_length_there_is(self):
        """A length of 0xffffffff, and one that is negative to the careless."""
        for header in (b"\xff\xff\xff\xff", b"\x80\x00\x00\x00", b"\xff\xff\xff\xfc"):
            for most in ("1", "1048576", "1073741824")[:self.few(3, 1)]:
                server = self.serve("-f", "length", "-m", most)
                self.expect_refusal(server, packet(1) + header, packet(1),
                                    f"-f length -m {most}, a length of 0x{header.hex()}")

    @promise("too-long", "7-", ONLY_ECHO)
    def though_it_goes_on_sending(self):
        """50 MB after the bad message: the earlier replies and the end still arrive."""
        for framing, make in MAKE.items():
            server = self.serve("-f", framing, "-m", "1000")
            good = make(1000) * 20
            flood = make(1001) + b"x" * self.few(50_000_000, 4_000_000)
            client = self.connect(server)
            got = pump(client, good + flood, half_close=False)
            wrong = difference(good, got.got)
            if wrong or got.end != "end of file":
                raise Broken(said(f"-f {framing}: 20 messages, then one too long, then the client "
                                  f"went on sending: {wrong or 'the replies came'}, then: "
                                  f"{got.end}", "closing with unread input makes the kernel reset "
                                  "the connection, which destroys replies on their way"))
            client.close()

    @promise("too-long", "7-", ONLY_ECHO)
    def replies_outstanding(self):
        """Megabytes of replies wait when the bad message comes, and it goes on sending."""
        server = self.serve("-f", "line", "-m", "1000", "-b", "50000000")
        good = line(1000) * self.few(12_000, 6000)
        client = self.connect(server, rcvbuf=16384)
        stuff = good + b"x" * 3_000_000
        first = pump(client, stuff, half_close=False, read=False, stall=self.limit(0.1))
        got = pump(client, stuff[first.sent:], half_close=False)
        wrong = difference(good, got.got)
        if wrong or got.end != "end of file":
            raise Broken(said(f"12 MB of good lines, then one too long, read late: "
                              f"{wrong or 'the replies came'}, then: {got.end}", EARLIER))

    @promise("too-long", "7-", ONLY_ECHO)
    def is_not_buffered(self):
        """What comes after a refusal, or an endless line, takes no memory."""
        self.need_unscaled("memory")
        server = self.serve("-f", "line", "-m", "10000")
        self.connect(server).echo(b"x\n")
        before = server.memory()
        for _ in range(4):
            client = self.connect(server)
            pump(client, b"x" * 12_000_000, half_close=False, stall=0.1)
        grown = server.memory() - before
        if grown > 1_500_000:
            raise Broken(f"-m 10000: four clients sent 12 MB without a newline each; the "
                         f"server's memory grew by {grown:,} bytes")

    @promise("too-long", "7-", ONLY_ECHO)
    def large_limit_takes_no_memory(self):
        """-m is a limit, not an amount to set aside: a length of 1 GB without the gigabyte."""
        self.need_unscaled("memory")
        server = self.serve("-f", "length", "-m", "1073741824")
        before = server.memory()
        for client in self.connect_many(server, 20):
            client.send((1 << 30).to_bytes(4, "big") + b"x")
        self.connect(server).echo(packet(3))
        grown = server.memory() - before
        if grown > 20_000_000:
            raise Broken(f"20 clients announced 1 GB each and sent a byte; the server's memory "
                         f"grew by {grown:,} bytes")


class Unfinished(Check):
    group = "unfinished"

    @promise("unfinished", "7-", ONLY_ECHO)
    def end_in_mid_message(self):
        """The whole messages are answered; of the part nothing comes back."""
        for framing, make in MAKE.items():
            server = self.serve("-f", framing)
            whole = make(10) + make(3000)
            for part in (1, 3, 5, 40):
                client = self.connect(server)
                client.send(whole + make(50)[:part])
                client.half_close()
                got = client.rest()
                wrong = difference(whole, got.got)
                if wrong or got.end != "end of file":
                    raise Broken(f"-f {framing}: two messages, {part} bytes of a third, and the "
                                 f"end: {wrong or 'the two came back'}, then: {got.end}")
                client.close()

    @promise("unfinished", "7-", ONLY_ECHO)
    def whole_ones_wait_for_their_turn(self):
        """The end has come while messages still wait for room in the output."""
        for framing, make in MAKE.items():
            server = self.serve("-f", framing, "-b", "2000")
            client = self.connect(server)
            whole = make(1500) * self.few(4000, 3000)
            first = pump(client, whole + make(50)[:20], read=False, stall=0.05, half_close=False)
            time.sleep(0.03)
            got = pump(client, (whole + make(50)[:20])[first.sent:])
            wrong = difference(whole, got.got)
            if wrong or got.end != "end of file":
                raise Broken(f"-f {framing} -b 2000: many messages and a part, the end, then the "
                             f"client read: {wrong or 'all came back'}, then: {got.end}")
