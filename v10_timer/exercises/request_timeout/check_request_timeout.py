"""http_server -r MS: a head that does not come whole in time."""
from __future__ import annotations

import time

from exercises.marks import judges
from harness.check import Check
from harness.client import pump
from harness.http import Reader
from harness.server import Broken
from harness.spec import ONLY_HTTP

GET = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
HALF = b"GET / HTTP/1.1\r\nHost: x\r\nX-Fill"
MODES = ("plain", "valgrind", "sanitize")
MS = 400


class RequestTimeout(Check):
    group = "request_timeout"

    def late(self) -> float:
        """How late an answer may seem; most of it is for a busy machine."""
        return 0.2 + max(1.0, 0.4 * self.mode.scale)

    def trickle(self, client, seconds: float) -> float:
        """Send the head byte by byte, until something comes back. Returns how long that took."""
        start = time.monotonic()
        client.send(HALF)
        while client.quiet(0.02):
            if time.monotonic() - start > seconds:
                return seconds
            client.send_or_not(b"x")
        return time.monotonic() - start

    def expect_408(self, client, hint=""):
        got = client.rest()
        head = got.got.split(b"\r\n")[0]
        if not got.got.startswith(b"HTTP/1.1 408 ") or b"Connection: close\r\n" not in got.got:
            raise Broken(f"a head that did not come whole within -r earns `HTTP/1.1 408 ` and "
                         f"`Connection: close`; {got.got[:200]!r} came, then: {got.end}\n  {hint}")
        if got.end != "end of file" or got.got.count(b"HTTP/1.1") != 1:
            raise Broken(f"after {head!r} the connection must end in good order: {got.got!r}, "
                         f"then: {got.end}")

    def expect_200(self, reader: Reader, why: str):
        status = reader.response().status
        if status != 200:
            raise Broken(f"{why}: 200 is right, and {status} came")

    @judges(ONLY_HTTP, modes=MODES)
    def byte_by_byte(self):
        """-r 400: a head comes byte by byte, and never to its end: 408, in time, and closed."""
        server = self.serve("-r", str(MS), "-t", "1")
        client = self.connect(server)
        spent = self.trickle(client, MS / 1000 + self.late() + 0.5)
        if spent < MS / 1000 or spent > MS / 1000 + self.late():
            raise Broken(f"-r {MS}: a head came byte by byte; after {spent:.2f} s "
                         + ("the server had said something" if spent < MS / 1000 else
                            "it had said nothing\n  does each byte begin the time anew?"))
        self.expect_408(client)

    @judges(ONLY_HTTP, modes=MODES)
    def half_a_head(self):
        """-r 400: half a head, then nothing: 408; whole heads before it are answered."""
        server = self.serve("-r", str(MS))
        for before in (b"", GET, GET * 3):
            client = self.connect(server)
            reader = Reader(client)
            start = time.monotonic()
            client.send(before + HALF)
            for _ in range(before.count(b"GET")):
                self.expect_200(reader, "a whole head, and half of one behind it")
            answer = reader.response()
            if answer.status != 408 or time.monotonic() - start < MS / 1000:
                raise Broken(f"-r {MS}: half a head earned {answer.status} after "
                             f"{time.monotonic() - start:.2f} s, not 408 after {MS / 1000} s")

    @judges(ONLY_HTTP, modes=MODES)
    def who_goes_on_sending_is_closed(self):
        """-r 400: who goes on sending after the 408 keeps its descriptor for another 400 ms."""
        server = self.serve("-r", str(MS), "-t", "1")
        client = self.connect(server)
        self.trickle(client, MS / 1000 + self.late() + 0.5)

        def gone():
            client.send_or_not(b"x")
            return server.fds() <= server.base_fds

        start = time.monotonic()
        if not self.becomes(gone, MS / 1000 + self.late()):
            raise Broken(f"-r {MS}: the client got its 408 and goes on sending; "
                         f"{time.monotonic() - start:.1f} s later its connection is still open\n"
                         "  how long does the server wait for such a client's end of file?")

    @judges(ONLY_HTTP, modes=MODES)
    def the_rest_is_not_lost(self):
        """-r 400: the 408 reaches a client whose last byte crosses it; no reset destroys it."""
        server = self.serve("-r", str(MS), "-t", "1")
        for _ in range(self.few(5, 2)):
            client = self.connect(server)
            self.trickle(client, MS / 1000 + self.late() + 0.5)
            for _ in range(3):
                if not client.send_or_not(b"x" * 1000):
                    raise Broken("the client sent on for 0.06 s after its 408, and was reset: on "
                                 "a longer way that destroys the 408\n  is the connection closed "
                                 "before the client's end of file has had a chance to come?")
                time.sleep(0.03)
            self.expect_408(client, "it was sent while the client's next bytes were on their way")

    @judges(ONLY_HTTP, modes=MODES)
    def between_requests_no_time_runs(self):
        """-r 400: no byte of a head has come: no time runs, at the beginning and in between."""
        server = self.serve("-r", str(MS))
        client = self.connect(server)
        reader = Reader(client)
        for turn in range(3):
            time.sleep(MS / 1000 * 1.6)
            client.send_or_not(GET[:20])
            time.sleep(0.1)
            client.send_or_not(GET[20:])
            self.expect_200(reader, f"-r {MS}: a head whole within 0.1 s, after {turn} others and "
                            f"a silence of {MS / 1000 * 1.6:.2f} s")

    @judges(ONLY_HTTP, modes=("plain",))
    def each_head_has_its_own_time(self):
        """-r 1000: ten heads on one connection, each of which takes a third of the time."""
        server = self.serve("-r", "1000", "-t", "1")
        client = self.connect(server)
        reader = Reader(client)
        client.send(GET[:5])
        for turn in range(10):
            time.sleep(0.3)
            client.send_or_not(GET[5:] + GET[:5])
            self.expect_200(reader, f"-r 1000: {turn} heads were in time, and this one is")

    @judges(ONLY_HTTP, modes=MODES)
    def a_busy_server_is_no_slow_client(self):
        """-r 400 -d 900: a head is whole in time, but the loop is busy with another one."""
        server = self.serve("-r", str(MS), "-d", "900", "-t", "1")
        slow, busy = self.connect_many(server, 2)
        readers = Reader(slow), Reader(busy)
        slow.send(GET[:20])
        time.sleep(0.1)
        busy.send(GET)
        time.sleep(0.1)
        slow.send(GET[20:])
        self.expect_200(readers[1], "a head sent at once")
        self.expect_200(readers[0], "a head whole within 0.2 s; the server read its end late\n"
                        "  does it look for unread bytes before it gives up?")

    @judges(ONLY_HTTP, modes=("plain",))
    def who_reads_late_is_not_late(self):
        """-r 400 -b 1000: heads wait because the client does not read; all are answered."""
        server = self.serve("-r", str(MS), "-b", "1000")
        client = self.connect(server, sndbuf=65536, rcvbuf=4096)
        sent = pump(client, GET * 400_000, half_close=False, read=False, stall=0.3).sent
        time.sleep(MS / 1000 * 1.6)
        rest = -sent % len(GET)
        got = pump(client, GET[len(GET) - rest:] if rest else b"")
        wrong = got.got.count(b"HTTP/1.1 408")
        if wrong or got.got.count(b"HTTP/1.1 200") != (sent + rest) // len(GET):
            raise Broken(f"{(sent + rest) // len(GET)} heads were sent, and the answers read "
                         f"later: {got.got.count(b'HTTP/1.1 200')} times 200, {wrong} times 408")

    @judges(ONLY_HTTP, modes=MODES)
    def idle_eviction_is_as_it_was(self):
        """-r 60000 -i 0.5: half a head, then silence: closed after 0.5 s, without a word."""
        server = self.serve("-r", "60000", "-i", "0.5")
        client = self.connect(server)
        start = time.monotonic()
        client.send(HALF)
        rest = client.rest()
        spent = time.monotonic() - start
        if rest.got or rest.end != "end of file" or not 0.5 <= spent <= 0.5 + self.late():
            raise Broken(f"-i 0.5: a client silent in the middle of a head got {rest.got[:60]!r} "
                         f"after {spent:.2f} s, then: {rest.end}")

    @judges(ONLY_HTTP, modes=("plain",))
    def usage(self):
        """-r takes whole milliseconds from 0 to 86400000; -h tells of it."""
        for good in ("0", "1", "86400000"):
            self.serve("-r", good).stop()
        for bad in ("", "x", "1.5", "-1", " 1", "86400001", "1e3"):
            lines = self.refuse("-p", "0", "-r", bad)
            if len(lines) != 2 or "-r" not in lines[0] or "usage" not in lines[1]:
                raise Broken(f"-r {bad!r}: two lines, what is wrong and the usage; {lines!r}")
        server = self.start("-h")
        if server.wait_exit(self.limit(10)) or "-r MS" not in server.out.text:
            raise Broken(f"-h does not mention `-r MS`: {server.out.text!r}")

    @judges(ONLY_HTTP, modes=("plain",))
    def never_without(self):
        """Without -r a head may take its time."""
        client = self.connect(self.serve())
        self.trickle(client, 1.5)
        client.send(b": y\r\n\r\n")
        self.expect_200(Reader(client), "no -r: a head that took 1.5 s")
