"""echo_server -r BYTES: how fast a client may send."""
from __future__ import annotations

import os
import signal
import time

from exercises.marks import judges
from harness.check import Check
from harness.client import noise, pump
from harness.server import Broken
from harness.spec import ONLY_ECHO

MODES = ("plain", "valgrind", "sanitize")


class RateLimit(Check):
    group = "rate_limit"

    def late(self) -> float:
        """How late something may seem; most of it is for a busy machine."""
        return 0.3 + max(0.7, 0.4 * self.mode.scale)

    def expect_time(self, what: str, spent: float, least: float, most: float):
        if not least - 0.05 <= spent <= most + self.late():
            raise Broken(f"{what}: it took {spent:.2f} s; {least:.1f} s are right\n"
                         + ("  is every byte counted?" if spent < least else
                            "  when is the connection read again?"))

    def push(self, client, data: bytes) -> float:
        """Send it all and read it all; returns the seconds."""
        start = time.monotonic()
        got = pump(client, data, half_close=False, until=len(data))
        if got.got != data:
            raise Broken(f"{len(data):,} bytes were sent: {len(got.got):,} came back, "
                         f"then: {got.end}")
        return time.monotonic() - start

    @judges(ONLY_ECHO, modes=MODES)
    def so_many_a_second(self):
        """-r 100000: the first 100 kB at once, 150 kB more in a second and a half."""
        client = self.connect(self.serve("-r", "100000"))
        self.expect_time("-r 100000, the first 90,000 bytes", self.push(client, noise(90_000)),
                         0, 0)
        self.expect_time("-r 100000, 160,000 bytes after the first 90,000",
                         self.push(client, noise(160_000)), 1.4, 1.5)

    @judges(ONLY_ECHO, modes=("plain",))
    def small_messages_as_well(self):
        """-r 10000 -f line: messages of 100 bytes, one after the other."""
        client = self.connect(self.serve("-r", "10000", "-f", "line"))
        start = time.monotonic()
        for _ in range(220):
            client.echo(b"x" * 99 + b"\n")
        self.expect_time("-r 10000, 220 messages of 100 bytes", time.monotonic() - start, 1.1, 1.2)

    @judges(ONLY_ECHO, modes=("plain",))
    def no_more_than_a_second_is_saved(self):
        """-r 100000: after two seconds of silence 100 kB at once, not 200 kB."""
        client = self.connect(self.serve("-r", "100000"))
        self.push(client, noise(100_000))
        time.sleep(2)
        self.expect_time("-r 100000, 200,000 bytes after two seconds of silence",
                         self.push(client, noise(200_000)), 1.0, 1.0)

    @judges(ONLY_ECHO, modes=("plain",))
    def as_slow_as_a_byte_a_second(self):
        """-r 1 and -r 3: limits that are smaller than any step."""
        for rate, size, seconds in ((1, 3, 2.0), (3, 6, 1.0)):
            client = self.connect(self.serve("-r", str(rate)))
            self.expect_time(f"-r {rate}, {size} bytes", self.push(client, b"x" * size),
                             seconds, seconds)

    @judges(ONLY_ECHO, modes=("plain",))
    def no_fraction_is_lost(self):
        """-r 10: a byte every 80 ms, in which 0.8 tokens come; after ten bytes eight are left."""
        for left in (2, 1, 0):      # a busy machine is late now and then; a loss shows each time
            client = self.connect(self.serve("-r", "10"))
            start = time.monotonic()
            for _ in range(10):
                client.echo(b"x")
                time.sleep(0.08)
            spent = time.monotonic() - start
            took = self.push(client, b"x" * 7)
            if took < 0.35:
                return
            if not left:
                raise Broken(
                    f"-r 10: ten bytes were sent within {spent:.2f} s, one every 80 ms; then seven "
                    f"at once, which took {took:.2f} s to come back, although 10 tokens were there "
                    f"and {spent * 10:.0f} more have come\n  is the fraction of a token that is "
                    "left over kept, each time that the bucket is filled?")

    @judges(ONLY_ECHO, modes=MODES)
    def others_are_not_delayed(self):
        """-r 50000 -t 1: each connection has its own limit, and none waits for another one."""
        server = self.serve("-r", "50000", "-t", "1")
        fast, polite = self.connect_many(server, 2)
        pump(fast, noise(4_000_000), half_close=False, read=False, stall=0.1)
        start = time.monotonic()
        for _ in range(50):
            polite.echo(b"hello")
        self.expect_time("-r 50000, beside a client that sends without end, 50 messages of 5 bytes",
                         time.monotonic() - start, 0, 0)

    @judges(ONLY_ECHO, modes=("plain",))
    def it_rests_meanwhile(self):
        """-r 20000: while a client waits, the server neither spins nor reads on."""
        server = self.serve("-r", "20000", "-t", "1")
        client = self.connect(server)
        pump(client, noise(2_000_000), half_close=False, read=False, stall=0.1)
        self.expect_asleep(server, "its only client sends faster than -r allows", share=0.1)
        before, start = server.wakeups(), time.monotonic()
        time.sleep(0.5)
        woke = (server.wakeups() - before) / (time.monotonic() - start)
        if woke > 250:
            raise Broken(f"-r 20000, a client that sends without end: the server woke up "
                         f"{woke:.0f} times a second; 20 to 100 would do\n  does it read each byte alone?")
        got = pump(client, b"", half_close=False, stall=0.01).got
        if len(got) > 20_000 * (4 + self.late()):
            raise Broken(f"-r 20000: {len(got):,} bytes were echoed in about two seconds")

    @judges(ONLY_ECHO, modes=MODES)
    def who_waits_is_not_idle(self):
        """-i 0.4 -r 1000: a client whose bytes wait for the limit is not idle; then it is."""
        client = self.connect(self.serve("-i", "0.4", "-r", "1000"))
        self.expect_time("-i 0.4 -r 1000, 2,500 bytes", self.push(client, noise(2500)), 1.5, 1.5)
        start = time.monotonic()
        client.expect_end("-i 0.4: after its last byte it was silent")
        self.expect_time("-i 0.4, until a silent client is closed", time.monotonic() - start,
                         0.4, 0.6)

    @judges(ONLY_ECHO, modes=MODES)
    def half_close_comes_through(self):
        """-r 10000: a client sends 15 kB and its end of file; all comes back, then the end."""
        client = self.connect(self.serve("-r", "10000"))
        start = time.monotonic()
        self.expect_all(client, noise(15_000), "its end of file came while it had to wait")
        self.expect_time("-r 10000, 15,000 bytes and end of file", time.monotonic() - start,
                         0.5, 0.6)

    @judges(ONLY_ECHO, modes=MODES)
    def a_stop_does_not_wait(self):
        """-r 1000: at a stop the limit ends; what has come is answered at once."""
        server = self.serve("-r", "1000")
        clients = self.connect_many(server, 3)
        data = noise(30_000)
        for client in clients:
            client.send(data)
        if not self.becomes(lambda: all(c.unsent() == 0 for c in clients)):
            self.skipTest("the clients' bytes do not reach the server's kernel")
        start = time.monotonic()
        os.kill(server.process.pid, signal.SIGTERM)
        for client in clients:
            rest = client.rest()
            if rest.got != data or rest.end != "end of file":
                raise Broken(f"-r 1000: {len(data):,} bytes had come when SIGTERM was sent; "
                             f"{len(rest.got):,} came back, then: {rest.end}")
        server.wait_exit(self.limit(2))
        self.expect_time("-r 1000, from SIGTERM to the end", time.monotonic() - start, 0, 0.2)

    @judges(ONLY_ECHO, modes=MODES)
    def rude_while_it_waits(self):
        """-r 1000: clients reset and leave while they have to wait; nothing is left."""
        server = self.serve("-r", "1000", "-t", "1")
        for turn in range(6):
            client = self.connect(server)
            client.send(noise(3000))
            client.read(500)
            if turn % 2:
                client.reset()
            else:
                client.close()
        if not self.becomes(lambda: server.fds() <= server.base_fds, 4):
            raise Broken("-r 1000: clients sent 3,000 bytes and were reset; four seconds later "
                         f"{server.fds() - server.base_fds} are still connected")
        self.expect_asleep(server, "nobody is connected")

    @judges(ONLY_ECHO, modes=("plain",))
    def usage(self):
        """-r takes whole numbers from 0 to 1073741824; 0 is no limit; -h tells of it."""
        for good in ("1", "1073741824"):
            self.serve("-r", good).stop()
        self.expect_time("-r 0, 4 MB", self.push(self.connect(self.serve("-r", "0")),
                                                  noise(4_000_000)), 0, 0.5)
        for bad in ("", "x", "1.5", "-1", " 1", "1073741825", "1e3"):
            lines = self.refuse("-p", "0", "-r", bad)
            if len(lines) != 2 or "-r" not in lines[0] or "usage" not in lines[1]:
                raise Broken(f"-r {bad!r}: two lines, what is wrong and the usage; {lines!r}")
        server = self.start("-h")
        if server.wait_exit(self.limit(10)) or "-r BYTES" not in server.out.text:
            raise Broken(f"-h does not mention `-r BYTES`: {server.out.text!r}")
