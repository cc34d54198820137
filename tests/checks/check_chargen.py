"""The character generator: RFC 864, for as long as somebody reads."""
from __future__ import annotations

import os
import signal
import socket
import time

from harness.check import Check
from harness.client import noise, pump
from harness.server import _PR_SET_PDEATHSIG, STOP_LIMIT, Broken, _prctl
from harness.spec import CHARGEN, promise

PRINTABLE = bytes(range(32, 127))
PATTERN = b"".join((PRINTABLE * 2)[at:at + 72] + b"\r\n" for at in range(95))


def start_reader(client) -> int:
    """A process of its own in which it reads all that comes, and sends; until it is killed."""
    pid = os.fork()
    if pid:
        return pid
    try:
        _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        while client.sock.recv(4096):
            try:
                client.sock.send(b"and what is this?\n" * 20, socket.MSG_DONTWAIT)
            except BlockingIOError:
                pass
    finally:
        os._exit(0)


def can_connect(server) -> bool:
    with socket.socket(server.family) as sock:
        return sock.connect_ex((server.address, server.port)) == 0


class Chargen(Check):
    group = "chargen"

    def expect_pattern(self, got: bytes, at: int = 0, why: str = ""):
        """These bytes are the stream from its at-th byte on."""
        start = at % len(PATTERN)
        wanted = (PATTERN * (len(got) // len(PATTERN) + 2))[start:start + len(got)]
        if got == wanted:
            return
        same = next(i for i, (a, b) in enumerate(zip(got, wanted)) if a != b)
        raise Broken(f"byte {at + same:,} of the stream is wrong{why}: expected "
                     f"{wanted[same:same + 12]!r}, got {got[same:same + 12]!r}\n"
                     "  lines of 72 characters and CRLF, each a character further on (RFC 864)")

    def read_on(self, client, size: int, at: int = 0, why: str = "") -> int:
        """Read so much and check it; returns the new place in the stream."""
        got = client.read(size)
        self.expect_pattern(got, at, why)
        if len(got) < size:
            raise Broken(f"after {at + len(got):,} bytes nothing more came{why}")
        return at + size

    def settled(self, server, client):
        """Wait until the server has sent all that the kernels take."""
        last = -1
        while server.awake() != last:
            last = server.awake()
            time.sleep(0.05)
        return client

    @promise("chargen", "9-", CHARGEN)
    def pattern(self):
        """Rotating lines, from the first byte on, for megabytes."""
        server = self.serve()
        self.read_on(self.connect(server), 74)
        self.read_on(self.connect(server), self.few(5_000_000, 300_000))

    @promise("chargen", "9-", CHARGEN)
    def after_half_close(self):
        """A client that has ended its side is still sent lines."""
        server = self.serve()
        client = self.connect(server)
        at = self.read_on(client, 1000)
        client.half_close()
        self.read_on(client, self.few(20_000_000, 500_000), at, " after the client's half-close")

    @promise("chargen", "9-", CHARGEN)
    def input_is_thrown_away(self):
        """A client that sends megabytes gets the same stream."""
        server = self.serve()
        client = self.connect(server)
        at = 0
        for _ in range(30):
            client.send(b"what is this?\n" * 50)
            at = self.read_on(client, 7000, at, " while the client sends")
        traffic = pump(client, noise(1 << 20) * 4, half_close=False,
                       until=self.few(4_000_000, 500_000))
        self.expect_pattern(traffic.got, at, " while the client sends")

    @promise("chargen", "9-", CHARGEN)
    def many_readers(self):
        """Clients of every pace get their own stream."""
        server = self.serve("-t", "3")
        clients = self.connect_many(server, self.few(40, 6))
        places = [0] * len(clients)
        for turn in range(4):
            for i, client in enumerate(clients):
                places[i] = self.read_on(client, 1 + 7000 * ((i + turn) % 3), places[i])

    @promise("chargen", "9-", CHARGEN)
    def one_buffer_for_who_does_not_read(self):
        """Thirty clients that stop reading: the server's memory does not grow, it sleeps."""
        server = self.serve("-t", "2")
        first = self.connect_many(server, 2)
        for client in first:
            client.read(1000)
        self.settled(server, first[0])
        before = server.memory() if not self.mode.light else 0
        clients = [self.connect(server, rcvbuf=4096) for _ in range(self.few(30, 5))]
        for client in clients:
            client.read(1000)
        self.settled(server, clients[-1])
        if not self.mode.light:
            held = server.memory() - before
            if held > len(clients) * 24_576:
                raise Broken(f"{len(clients)} clients do not read: the server holds {held:,} "
                             "bytes for them\n  is the next part made before the last is out?")
            time.sleep(0.3)
            if server.memory() - before > held + 65_536:
                raise Broken("clients do not read, and the server's memory goes on growing")
        self.expect_asleep(server, "no client reads")
        at = self.read_on(clients[0], 3_000_000, 1000, " for a client that stopped and went on")
        self.read_on(self.connect(server), 100_000, 0, " beside clients that do not read")
        self.read_on(clients[0], 100_000, at)

    @promise("chargen", "9-", CHARGEN)
    def who_leaves_is_forgotten(self):
        """Resets and departures, while reading and while not."""
        server = self.serve()
        for turn in range(self.few(60, 8)):
            client = self.connect(server, rcvbuf=4096)
            client.read((0, 10, 20_000)[turn % 3])
            if turn % 2:
                client.reset()
            elif turn % 5 == 0:
                client.half_close()
            client.close()
        self.expect_no_leak(server)
        self.read_on(self.connect(server), 1000)

    @promise("stop", "9-", CHARGEN)
    def stop_while_idle(self):
        """Nobody is connected."""
        for how in (signal.SIGTERM, signal.SIGINT):
            self.serve().stop(how)

    @promise("drain", "9-", CHARGEN)
    def stop_while_somebody_reads(self):
        """A reader gets whole what was sent, then the end; the server ends soon."""
        server = self.serve()
        client = self.connect(server)
        at = self.read_on(client, 100_000)
        os.kill(server.process.pid, signal.SIGTERM)
        rest = client.rest()
        self.expect_pattern(rest.got, at)
        if rest.end != "end of file":
            raise Broken(f"a reader got {at + len(rest.got):,} bytes, then after SIGTERM: "
                         f"{rest.end}")
        client.close()
        server.wait_exit(1.5)
        server.check_words()

    @promise("drain", "9-", CHARGEN)
    def stop_while_somebody_does_not_read(self):
        """It is waited for, for three seconds at most; a second signal ends that."""
        server = self.serve()
        client = self.connect(server, rcvbuf=4096)
        client.read(10)
        self.settled(server, client)
        os.kill(server.process.pid, signal.SIGTERM)
        time.sleep(0.2)
        if not server.alive():
            raise Broken("a client had not read all, and the server ended at the first signal")
        server.stop()

    @promise("drain", "9-", CHARGEN)
    def second_signal_overtakes_fast_readers(self):
        """Sixteen clients read as fast as it sends, and send: SIGTERM and SIGINT end it at once."""
        for args, waits in ((("-t", "0"), False),) * 3 + (((), True), ((), False)):
            server = self.serve(*args)
            pids = [start_reader(client) for client in self.connect_many(server, 16)]
            try:
                self.becomes(lambda s=server: s.cpu() > self.few(0.3, 1))    # they are at it
                os.kill(server.process.pid, signal.SIGTERM)
                if waits and not self.becomes(lambda s=server: not can_connect(s)):
                    raise Broken("after SIGTERM one can still connect to the server")
                os.kill(server.process.pid, signal.SIGINT)
                try:
                    status = server.wait_exit(STOP_LIMIT)
                except Broken:
                    raise Broken(f"{' '.join(args)}: sixteen clients read and send, SIGTERM, then "
                                 f"SIGINT: after {STOP_LIMIT:g} s it still runs\n  does it go on "
                                 "as long as a callback sends more?") from None
                server.check_end(signal.SIGINT, status)
            finally:
                for pid in pids:
                    os.kill(pid, signal.SIGKILL)
                    os.waitpid(pid, 0)

    @promise("idle-eviction", "10-", CHARGEN)
    def who_does_not_read_is_closed(self):
        """-i 0.5: a client that stops reading; also two that never began."""
        server = self.serve("-i", "0.5")
        start = time.monotonic()
        clients = [self.connect(server, rcvbuf=4096) for _ in range(3)]
        clients[0].read(10_000)
        self.becomes(lambda: server.fds() == server.base_fds + 3, 0.3)
        if not self.becomes(lambda: server.fds() <= server.base_fds):
            raise Broken("-i 0.5: clients that do not read are still connected")
        if time.monotonic() - start < 0.5:
            raise Broken("-i 0.5: clients were closed sooner than that after they came")

    @promise("idle-eviction", "10-", CHARGEN)
    def who_reads_is_kept(self):
        """-i 0.6: a client that reads a little now and then, and never sends."""
        for _ in range(5):
            server = self.serve("-i", "0.6")
            client = self.connect(server, rcvbuf=16_384)
            at, slowest, until = 0, 0.0, time.monotonic() + 1.5
            while time.monotonic() < until:
                last = time.monotonic()
                time.sleep(0.05)
                at = self.read_on(client, 20_000, at)
                slowest = max(slowest, time.monotonic() - last)
            # It would go on reading what the kernel holds: only the server knows.
            kept = server.fds() > server.base_fds
            client.reset()
            if slowest < 0.5:
                break
        else:
            self.skipTest("this machine is too busy")
        if not kept:
            raise Broken("-i 0.6: a client that read 20 kB every 50 ms was closed")
