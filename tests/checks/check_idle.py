"""Idle eviction: who is closed, when, and what it costs to know."""
from __future__ import annotations

import select
import time

from harness import build
from harness.check import Check
from harness.client import noise, pump
from harness.modes import PLAIN
from harness.server import Broken
from harness.spec import ONLY_ECHO, promise
from harness.stages import TESTS


class Idle(Check):
    group = "idle"

    def late(self) -> float:
        """How late an eviction may seem: 0.2 s are promised, the rest is for a busy machine."""
        return 0.2 + max(1.0, 0.4 * self.mode.scale)

    def end_times(self, clients, limit: float) -> dict:
        """When the end of each connection came; those that sent something instead: None."""
        poll, ends = select.poll(), {}
        by_fd = {client.sock.fileno(): client for client in clients}
        for fd in by_fd:
            poll.register(fd, select.POLLIN)
        until = time.monotonic() + self.limit(limit)
        while len(ends) < len(clients) and time.monotonic() < until:
            for fd, _ in poll.poll(100):
                now = time.monotonic()
                try:
                    ended = by_fd[fd].sock.recv(1) == b""
                except OSError:
                    ended = False
                ends[by_fd[fd]] = now if ended else None
                poll.unregister(fd)
        return ends

    def expect_ends(self, since: dict, seconds: float):
        """Each client must see an orderly end so long after its time, and not much later."""
        ends = self.end_times(since, seconds + 5)
        if len(ends) < len(since):
            raise Broken(f"-i {seconds}: {len(since) - len(ends)} of {len(since)} silent clients "
                         "were never closed")
        if None in ends.values():
            raise Broken(f"-i {seconds}: a silent client got a reset or a byte, no end of file")
        spent = sorted(ends[client] - since[client] for client in since)
        if spent[0] < seconds:
            raise Broken(f"-i {seconds}: a client was closed {spent[0]:.3f} s after it had last "
                         "been heard; no sooner than that is promised")
        middle = spent[len(spent) // 2]
        most = seconds + (0.2 if not self.mode.light else self.late())
        if middle > most or spent[-1] > seconds + self.late():
            raise Broken(f"-i {seconds}: half of {len(spent)} clients were closed only after "
                         f"{middle:.3f} s, the last one after {spent[-1]:.3f} s; 0.2 s late is "
                         "what is promised")

    @promise("idle-eviction", "10-", ONLY_ECHO)
    def in_time(self):
        """-i 0.5: hundreds of clients that come at different times, each closed at its own."""
        server = self.serve("-i", "0.5", "-t", "2")
        since = {}
        for _ in range(self.few(300, 20)):
            start = time.monotonic()
            since[self.connect(server)] = start
            time.sleep(0.001)
        self.expect_ends(since, 0.5)

    @promise("idle-eviction", "10-", ONLY_ECHO)
    def from_the_last_byte_on(self):
        """-i 0.7: clients that talk for a while; the time counts from their last message."""
        server = self.serve("-i", "0.7")
        clients = self.connect_many(server, self.few(60, 5))
        since = {}
        for turn in range(4):
            time.sleep(0.05)
            for at, client in enumerate(clients):
                if turn == 3 or at % 3 == turn:
                    since[client] = time.monotonic()
                    client.echo(b"still here\n")
        self.expect_ends(since, 0.7)

    @promise("idle-eviction", "10-", ("http_server",))
    def http_keep_alive(self):
        """-i 0.4: an idle keep-alive connection is closed, before and after a request."""
        server = self.serve("-i", "0.4")
        since = {}
        for turn in range(10):
            start = time.monotonic()
            client = self.connect(server)
            if turn % 2:
                client.send(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
                while not client.read(1) == b"!":
                    pass
            since[client] = start
        self.expect_ends(since, 0.4)

    def keep_at(self, step, limit: float, seconds: float):
        """Do a step again and again; false when this machine was too busy to keep the pace."""
        until, last = time.monotonic() + seconds, time.monotonic()
        while time.monotonic() < until:
            time.sleep(limit / 12)
            step()
            now = time.monotonic()
            if now - last > limit * 0.8:
                return False
            last = now
        return True

    @promise("idle-eviction", "10-", ONLY_ECHO)
    def who_sends_is_kept(self):
        """-i 0.6: a client that sends a byte now and then, and gets none."""
        server = self.serve("-i", "0.6", "-f", "line")
        for _ in range(5):
            client = self.connect(server)
            if self.keep_at(lambda c=client: c.send_or_not(b"x"), 0.6, 1.5):
                break
            client.close()
        else:
            self.skipTest("this machine is too busy")
        client.send_or_not(b"\n")
        if not client.read(10_000).endswith(b"x\n"):
            raise Broken("-i 0.6: a client that sent a byte every 50 ms was closed")

    @promise("idle-eviction", "10-", ONLY_ECHO)
    def who_reads_is_kept(self):
        """-i 0.6: a client that sends no more, and reads its replies slowly and steadily."""
        for _ in range(5):
            server = self.serve("-i", "0.6", "-b", "4000000")
            client = self.connect(server, sndbuf=65536, rcvbuf=16384)
            data = noise(1 << 20) * 64
            sent = pump(client, data, half_close=False, read=False, stall=0.1).sent
            got = bytearray()
            # Where even loopback stands still for so long, nothing has moved indeed.
            if sent > 1 << 20 and self.keep_at(
                    lambda c=client, g=got: g.extend(c.read(30_000)), 0.6, 1.5):
                break
            client.reset()
            server.stop()
        else:
            self.skipTest("this machine is too busy")
        rest = pump(client, b"", half_close=False, until=sent - len(got))
        if len(got) + len(rest.got) < sent:
            raise Broken(f"-i 0.6: a client that read 30 kB every 50 ms was closed: "
                         f"{len(got) + len(rest.got):,} of {sent:,} bytes, then: {rest.end}")
        client.close()

    @promise("idle-eviction", "10-", ONLY_ECHO)
    def who_is_stuck_is_closed(self):
        """-i 0.5: a client with replies to read, that neither reads nor sends any more."""
        self.stick(noise(1 << 20) * 64, "-b", "100000")
        self.stick(b"\n" * (32 << 20), "-f", "line")

    def stick(self, data: bytes, *options):
        server = self.serve("-i", "0.5", *options)
        client = self.connect(server, sndbuf=65536, rcvbuf=4096)
        pump(client, data, half_close=False, read=False, stall=0.2)
        if not self.becomes(lambda: server.fds() <= server.base_fds, 0.5 + self.late() + 0.5):
            raise Broken(f"-i 0.5 {' '.join(options)}: a client that sent megabytes, then neither "
                         "read nor sent, is still connected more than a second later")

    @promise("idle-eviction", "10-", ONLY_ECHO)
    def who_vanished_is_closed(self):
        """-i 1: a client vanishes with a reply on its way; what TCP repeats is no talk."""
        server = self.serve("-i", "1")
        client = self.connect(server)
        client.echo()
        client.vanish()
        start = time.monotonic()
        client.send(b"is anybody there?\n")
        if not self.becomes(lambda: server.fds() <= server.base_fds, 1.9):
            raise Broken("-i 1: a client vanished with a reply on its way; 1.9 s later the server "
                         "still keeps it\n  do bytes count that TCP sends once more?")
        if time.monotonic() - start < 1:
            raise Broken(f"-i 1: it was closed {time.monotonic() - start:.2f} s after it had last "
                         "been heard; no sooner than that is promised")

    @promise("idle-eviction", "10-", ONLY_ECHO)
    def who_waits_for_the_handler_is_kept(self):
        """-i 0.3 -w 1 -d 600: three messages of two clients are handled for 1.8 s in all."""
        server = self.serve("-i", "0.3", "-w", "1", "-d", "600", "-f", "line")
        first, second = self.connect_many(server, 2)
        first.send(b"one\ntwo\n")
        second.send(b"three\n")
        start = time.monotonic()
        first.expect(b"one\ntwo\n", "its message was being handled: it is not idle")
        second.expect(b"three\n", "its message waited for the worker: it is not idle")
        ends = self.end_times([first, second], 5)
        if len(ends) < 2 or None in ends.values():
            raise Broken("-i 0.3: after their replies the clients must be closed in good order")
        if max(ends.values()) - start < 1.8:
            raise Broken("-i 0.3: a client was closed before it had been idle for so long")

    @promise("idle-eviction", "10-", ONLY_ECHO)
    def handled_by_the_loop(self):
        """-i 0.3 -w 0 -d 700: the loop itself is busy for longer than that."""
        server = self.serve("-i", "0.3", "-d", "700", "-f", "line", "-t", "1")
        busy = self.connect(server)
        busy.send(b"one\ntwo\n")
        busy.expect(b"one\ntwo\n", "its messages were being handled: it is not idle")
        start = time.monotonic()
        ends = self.end_times([busy], 3)
        if ends.get(busy) is None:
            raise Broken("-i 0.3: after its replies the client must be closed in good order")
        if ends[busy] - start > 0.3 + self.late():
            raise Broken(f"-i 0.3: it was closed {ends[busy] - start:.2f} s after its last reply")

    @promise("idle-eviction", "10-", ONLY_ECHO)
    def never_with_zero(self):
        """-i 0, and the default of 60 s: a client may be silent for a while."""
        servers = [self.serve("-i", "0"), self.serve(), self.serve("-i", "86400")]
        clients = [self.connect(server) for server in servers]
        time.sleep(1.2)
        for client in clients:
            client.echo(hint="silent for 1.2 s; -i was 0, not given, 86400")

    @promise("idle-eviction", "10-", ONLY_ECHO, modes=("plain",))
    def wall_clock_stepped(self):
        """-i 0.6: somebody sets the clock an hour forward or back; that is nobody's silence."""
        library = build.compile_c("preload/clock.so", [TESTS / "preload" / "clock.c"], PLAIN,
                                  options=("-shared", "-fPIC"))
        for step in (3600, -3600):
            with self.shared_file() as file:
                server = self.serve("-i", "0.6", env=(("LD_PRELOAD", str(library)),
                                                      ("CLOCK_STEP_FILE", file.name)))
                since = self.come_one_by_one(server, 10)
                file.write(b"%d" % step)
                file.flush()
                since.update(self.come_one_by_one(server, 10))
                self.expect_ends(since, 0.6)
                server.stop()

    def come_one_by_one(self, server, count: int) -> dict:
        """Clients that say a word each, and when each did."""
        since = {}
        for client in self.connect_many(server, count):
            since[client] = time.monotonic()
            client.echo(b"here\n")
        return since

    @promise("usage", "10-", ("echo_server", "http_server", "chargen_server"), modes=("plain",))
    def seconds_of_every_form(self):
        """-i takes whole and decimal seconds from 0 to 86400, nothing else."""
        for good in ("0", "0.001", "0.5", "60", "86399.999", "86400", "86400.0"):
            self.serve("-i", good).stop()
        for bad in ("86400.001", "86401", "-0.5", ".", "1.2.3", "1,5", "1e2", "0x1", "1 ", "+1",
                    "1" * 400):
            lines = self.refuse("-p", "0", "-i", bad)
            if len(lines) != 2 or "usage" not in lines[1] or "-i" not in lines[0]:
                raise Broken(f"-i {bad[:20]!r} must earn two lines, what is wrong and the usage; "
                             f"stderr has {lines!r}")

    @promise("idle-eviction", "10-", ONLY_ECHO, modes=("plain",))
    def thousands_cost_nothing(self):
        """-i 3: five thousand idle clients wake nobody; then all are closed."""
        server = self.serve("-i", "3", "-t", "2")
        clients = []
        start = time.monotonic()
        for _ in range(5000):
            clients.append(self.connect(server))
        if time.monotonic() - start > 2.6:
            self.skipTest("this machine takes too long to connect five thousand clients")
        self.becomes(lambda: server.fds() >= server.base_fds + 5000, 0.3)
        time.sleep(0.02)
        before, then = server.wakeups(), server.cpu()
        time.sleep(0.3)
        woke, ran = server.wakeups() - before, server.cpu() - then
        if time.monotonic() - start < 2.9 and (woke > 0 or ran > 0.001):
            raise Broken(f"five thousand idle clients, -i 3: in 0.3 s, before any was due, the "
                         f"server woke up {woke} times and used {ran * 1000:.1f} ms of CPU time")
        if not self.becomes(lambda: server.fds() <= server.base_fds, 6):
            raise Broken(f"-i 3: {server.fds() - server.base_fds} of 5,000 silent clients are "
                         "still connected after six seconds")
        if server.cpu() - then > 2.0:
            raise Broken(f"closing 5,000 idle clients took {server.cpu() - then:.1f} s of CPU time")
