"""Netstrings: -f netstring."""
from __future__ import annotations

import random

from checks.check_messages import EARLIER, Message
from exercises.marks import judges
from harness.client import difference, noise, pump, said
from harness.server import Broken
from harness.spec import ONLY_ECHO


def netstring(size: int, seed: int = 5) -> bytes:
    """A netstring of so many bytes, of every value."""
    return b"%d:" % size + noise(size, seed) + b","


class Netstring(Message):
    """The stage's checks of messages, with netstrings."""

    group = "netstring"

    def each(self):
        return (("netstring", netstring),)

    def refused(self, server, data: bytes, replies: bytes, about: str, word: str):
        """Earlier messages are answered, then comes an end in order; stderr holds the word."""
        lines = server.err.text.count("\n")
        client = self.connect(server)
        client.send_or_not(data)
        got = client.rest()
        wrong = difference(replies, got.got)
        if wrong or got.end != "end of file":
            raise Broken(said(f"{about}: {wrong or 'the replies came'}, then: {got.end}", EARLIER))
        if not server.err.wait(lambda text: text.count("\n") > lines, self.limit(5)):
            raise Broken(f"{about}: nothing on stderr says so")
        line = server.err.text.splitlines()[lines]
        if word not in line or client.name not in line:
            raise Broken(f"{about}: a line on stderr must hold `{word}` and the client's address; "
                         f"there is {line!r}")
        client.close()

    @judges(ONLY_ECHO)
    def run_together(self):
        """Many messages in one write, of many sizes, the empty one among them."""
        super().run_together()

    @judges(ONLY_ECHO)
    def cut_at_every_byte(self):
        """Three messages, cut in two at each place in turn."""
        super().cut_at_every_byte()

    @judges(ONLY_ECHO)
    def byte_by_byte(self):
        """Each byte in a write of its own."""
        super().byte_by_byte()

    @judges(ONLY_ECHO)
    def nothing_before_it_is_whole(self):
        """All but the comma: silence. Then the message, whole."""
        super().nothing_before_it_is_whole()

    @judges(ONLY_ECHO)
    def several_megabytes(self):
        """A message larger than every buffer on the way."""
        super().several_megabytes()

    @judges(ONLY_ECHO)
    def random_sizes_random_cuts(self):
        """A long stream of messages, however it is cut."""
        super().random_sizes_random_cuts()

    @judges(ONLY_ECHO)
    def payload_that_looks_like_a_frame(self):
        """Colons, commas, digits and whole netstrings inside a payload mean nothing."""
        client = self.connect(self.serve("-f", "netstring"))
        for payload in (b",", b":", b"5:hello,", b",,,,", b"0:,0:,", b"9", b"\0,\n:", b"12:a,"):
            client.echo(b"%d:%s," % (len(payload), payload), f"a payload of {payload!r}")

    @judges(ONLY_ECHO)
    def malformed(self):
        """Refused as soon as it is sure; the messages before it are answered."""
        server = self.serve("-f", "netstring", "-m", "1000")
        good = netstring(7) + netstring(0) + netstring(300)
        wrong = (b":,", b",", b"x", b"-1:a,", b"+1:a,", b" 1:a,", b"1 :a,", b"1;a,", b"1a", b"00:,",
                 b"01:a,", b"007", b"1:ab", b"3:abcd", b"0:x", b"\n", b"\0", b"0x1:a,", b"1.0:a,",
                 b"\xb2:ab,", b"5:hello\n", b"1,")
        for data in wrong[:self.few(99, 8)]:
            for before in (b"", good):
                self.refused(server, before + data, before, f"-f netstring, "
                             f"{'good messages and then ' if before else ''}{data!r}", "malformed")

    @judges(ONLY_ECHO)
    def malformed_in_pieces(self):
        """The same when the wrong byte comes alone, later, to a message that waits."""
        server = self.serve("-f", "netstring")
        for data in (b"5:hello;", b"12x", b"03", b"0:0", b"300:" + b"y" * 300 + b"y"):
            client = self.connect(server)
            client.send(data[:-1])
            if not client.quiet(0.05):
                raise Broken(f"-f netstring, {data[:-1][:20]!r}: no whole message, and something "
                             "came back, or the end")
            client.send(data[-1:])
            client.expect_end(f"-f netstring, {data[:20]!r}: its last byte is wrong")
            client.close()

    @judges(ONLY_ECHO)
    def limit_counts_the_payload(self):
        """-m N: N bytes of payload are served, one more is refused before it has come."""
        for most in (1, 9, 10, 99, 100, 1000, 65536, 1048576)[:self.few(8, 4)]:
            server = self.serve("-f", "netstring", "-m", str(most), "-b", "1")
            good = netstring(most) + netstring(0)
            self.expect_all(self.connect(server), good * 2, f"-f netstring -m {most} -b 1, and "
                            f"messages of exactly {most} bytes\n  is there room for the longest "
                            "message with its digits, colon and comma?")
            self.refused(server, good + b"%d" % (most + 1), good,
                         f"-f netstring -m {most}, and the digits {most + 1}", "too long")

    @judges(ONLY_ECHO)
    def huge_lengths(self):
        """Lengths past 32 and 64 bits, and digits without end, are too long at once."""
        huge = (b"4294967296:", b"4294967297:a,", b"2147483648:", b"18446744073709551616:",
                b"18446744073709551617:a,", b"9" * 100, b"1" + b"0" * 5000,
                b"36893488147419103233:")
        for most in ("1", "1048576", "1073741824")[:self.few(3, 1)]:
            server = self.serve("-f", "netstring", "-m", most)
            for data in huge:
                self.refused(server, netstring(1) + data, netstring(1),
                             f"-f netstring -m {most}, a length of {data[:24]!r}", "too long")

    @judges(ONLY_ECHO)
    def goes_on_sending(self):
        """Megabytes after a malformed message: the earlier replies and the end still arrive."""
        server = self.serve("-f", "netstring", "-m", "1000")
        good = netstring(1000) * 20
        for wrong in (b"01", b"1:ab", b"1001"):
            client = self.connect(server)
            got = pump(client, good + wrong + b"x" * self.few(20_000_000, 3_000_000),
                       half_close=False)
            problem = difference(good, got.got)
            if problem or got.end != "end of file":
                raise Broken(said(f"20 messages, then {wrong!r}, then the client went on sending: "
                                  f"{problem or 'the replies came'}, then: {got.end}", EARLIER))
            client.close()

    @judges(ONLY_ECHO)
    def unfinished(self):
        """The end in mid-message: the whole messages before it are answered, no more."""
        server = self.serve("-f", "netstring")
        whole = netstring(10) + netstring(3000)
        for part in (1, 2, 3, 10, 52):
            client = self.connect(server)
            client.send(whole + netstring(50)[:part])
            client.half_close()
            got = client.rest()
            wrong = difference(whole, got.got)
            if wrong or got.end != "end of file":
                raise Broken(f"-f netstring: two messages, {part} bytes of a third, and the end: "
                             f"{wrong or 'the two came back'}, then: {got.end}")
            client.close()

    @judges(ONLY_ECHO)
    def long_message_in_small_pieces(self):
        """A long message in small pieces is not searched again for each piece."""
        self.need_unscaled("CPU time")
        size, piece, pieces = 24_000_000, 1000, 400
        server = self.serve("-f", "netstring", "-m", str(size))
        client, other = self.connect(server), self.connect(server)
        data = netstring(size)
        start = len(data) - pieces * piece
        client.send(data[:start])
        self.becomes(lambda: server.unread(client) == 0)
        other.echo(b"4:read,")
        before = server.cpu()
        for at in range(start, len(data) - piece, piece):
            client.send(data[at:at + piece])
            other.echo(b"4:read,")
        used = server.cpu() - before
        client.send(data[len(data) - piece:])
        client.expect(data)
        if used > 0.2:
            raise Broken(f"{pieces} pieces of a netstring of 24 MB cost {used * 1000:.0f} ms of "
                         "CPU time\n  does it look for the comma, instead of at the place where it "
                         "must stand?")

    @judges(ONLY_ECHO)
    def dice(self):
        """Random bytes that are nearly netstrings: served or refused, and never the wrong one."""
        dice = random.Random(23)
        server = self.serve("-f", "netstring", "-m", "200")
        for _ in range(self.few(300, 30)):
            data = bytearray(b"".join(netstring(dice.choice((0, 1, 9, 10, 99, 200)), n)
                                      for n in range(3)))
            data[dice.randrange(len(data))] = dice.choice(b"0123456789:,x")
            whole = accepted(bytes(data), 200)
            client = self.connect(server)
            client.send_or_not(bytes(data))
            client.sock.shutdown(1)
            got = client.rest()
            wrong = difference(whole, got.got)
            if wrong or got.end != "end of file":
                raise Broken(f"-f netstring -m 200, {bytes(data)[:60]!r}: {wrong or 'all came'}, "
                             f"then: {got.end}")
            client.close()

    @judges(ONLY_ECHO)
    def help_and_wrong_use(self):
        """-h mentions netstring; near misses of the word are refused."""
        server = self.start("-h")
        if server.wait_exit(self.limit(10)) != 0 or "netstring" not in server.out.text:
            raise Broken(f"-h must mention netstring; it printed {server.out.text!r}")
        for word in ("netstrings", "netstrin", "NETSTRING", "net"):
            self.refuse("-f", word)


def accepted(data: bytes, limit: int) -> bytes:
    """The whole netstrings at the beginning of the data."""
    at = 0
    while True:
        end = at
        while data[end:end + 1].isdigit() and end - at < 12:
            end += 1
        digits = data[at:end]
        if not digits or data[end:end + 1] != b":" or (digits[0:1] == b"0" and len(digits) > 1) \
                or int(digits) > limit or data[end + 1 + int(digits):end + 2 + int(digits)] != b",":
            return data[:at]
        at = end + 2 + int(digits)
