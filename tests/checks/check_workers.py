"""Workers: a slow handler, the order of replies, what waits, and clients that leave."""
from __future__ import annotations

import random
import threading
import time

from harness.check import Check
from harness.client import difference, pump
from harness.server import Broken
from harness.spec import ONLY_ECHO, promise


def numbered(name, count: int) -> bytes:
    """Lines that tell whose they are and which."""
    return b"".join(b"%s: message %d\n" % (str(name).encode(), i) for i in range(count))


class Workers(Check):
    group = "workers"

    def together(self, *functions):
        """Run them at the same time; the first failure of any counts."""
        failures = []

        def run(function):
            try:
                function()
            except AssertionError as error:
                failures.append(error)

        threads = [threading.Thread(target=run, args=(f,)) for f in functions]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if failures:
            raise failures[0]

    @promise("slow-handler", "8-", ONLY_ECHO)
    def pipeline_delays_nobody_else(self):
        """-t 0 -w 2 -d 150: ten messages of one client keep one worker busy, not both."""
        server = self.serve("-t", "0", "-w", "2", "-f", "line", "-d", "150")
        busy, other = self.connect_many(server, 2)
        busy.send(numbered("busy", 10))
        busy.expect(b"busy: message 0\n")
        other.send(b"me too\n")
        other.expect(b"me too\n")
        came = 0
        while came < 9 and not busy.quiet(0):
            busy.expect(b"busy: message %d\n" % (came + 1))
            came += 1
        if came > 6:
            raise Broken("-w 2 -d 150: a client that sent one message waited until "
                         f"{came} of another one's had been answered\n"
                         "  is a second message of a connection given to a worker before the "
                         "first is done?")
        busy.expect(numbered("busy", 10)[len(numbered("busy", came + 1)):])

    @promise("slow-handler", "8-", ONLY_ECHO)
    def so_many_at_a_time(self):
        """-w 4 -d 200: eight clients with a message each take two rounds."""
        server = self.serve("-w", "4", "-f", "line", "-d", "200")
        clients = self.connect_many(server, 8)
        start = time.monotonic()
        for client in clients:
            client.send(b"work\n")
        for client in clients:
            client.expect(b"work\n")
        spent = time.monotonic() - start
        if spent < 0.399:
            raise Broken(f"-w 4 -d 200: eight messages took {spent * 1000:.0f} ms: were more "
                         "than four handled at a time?")
        if spent > 1.3 * max(1, self.mode.scale / 4):
            raise Broken(f"-w 4 -d 200: eight messages took {spent * 1000:.0f} ms, near the "
                         "1,600 of one after the other\n  do all four workers work?")

    @promise("slow-handler", "8-", ONLY_ECHO)
    def loop_goes_on_meanwhile(self):
        """-t 0 -w 1 -d 1200: the loop takes in, reads and refuses while the worker is busy."""
        server = self.serve("-t", "0", "-w", "1", "-d", str(self.few(1200, 2500)), "-f", "line",
                            "-m", "20")
        first = self.connect(server)
        first.send(b"slow\n")
        time.sleep(0.02)
        second = self.connect(server)
        second.send(b"a line that is longer than that\n")
        second.half_close()
        second.expect_end("its line is too long: it is closed")
        if not first.quiet(0):
            raise Broken("-w 1 -d 1200: a newcomer whose line was too long was closed only when "
                         "the worker was done with another client's message\n"
                         "  does a loop wait for a worker?")
        first.expect(b"slow\n")

    @promise("order", "8-", ONLY_ECHO)
    def replies_in_order(self):
        """-w 4 -d 1: five clients with 200 numbered lines each."""
        server = self.serve("-w", "4", "-f", "line", "-d", "1")
        count = self.few(200, 40)

        def talk(name):
            client = self.connect(server)
            self.expect_all(client, numbered(name, count), "four workers: do two of them have "
                            "messages of one connection at a time?")
            client.close()

        self.together(*(lambda n=n: talk(f"client {n}") for n in range(5)))

    @promise("order", "8-", ONLY_ECHO)
    def fast_ones_in_order(self):
        """-w 8 and no delay: thousands of messages, lines and lengths, from three clients."""
        for framing in ("line", "length")[:self.few(2, 1)]:
            server = self.serve("-w", "8", "-f", framing, "-b", "30000")

            def talk(name, s=server, framing=framing):
                data = numbered(name, self.few(3000, 200))
                if framing == "length":
                    data = b"".join(len(line).to_bytes(4, "big") + line
                                    for line in data.splitlines(keepends=True))
                client = self.connect(s)
                self.expect_all(client, data, cuts=lambda: random.randint(1, 9000))
                client.close()

            self.together(*(lambda n=n, t=talk: t(f"client {n}") for n in range(3)))
            self.expect_no_leak(server)
            server.stop()

    @promise("slow-handler", "8-", ONLY_ECHO)
    def replies_after_the_end(self):
        """-w 2 -d 40: the client has half-closed long before its last reply."""
        server = self.serve("-w", "2", "-f", "line", "-d", "40")
        client = self.connect(server)
        self.expect_all(client, numbered("gone quiet", 6),
                        "does the client's end wait for the message that a worker has?")

    @promise("slow-handler", "8-", ONLY_ECHO)
    def too_long_after_good_ones(self):
        """-w 2 -d 20 -m 30: good lines are answered before the long one closes."""
        server = self.serve("-w", "2", "-f", "line", "-d", "20", "-m", "30")
        client = self.connect(server)
        good = numbered("good", 4)
        client.send(good + b"x" * 31 + b"\n" + numbered("late", 2))
        client.half_close()
        rest = client.rest()
        if rest.got != good or rest.end != "end of file":
            raise Broken(f"-w 2 -m 30: four good lines, then one too long: "
                         f"{difference(good, rest.got) or 'the replies came'}, then: {rest.end}")

    @promise("slow-handler", "8-", ONLY_ECHO)
    def bounded_memory(self):
        """-w 1 -d 5: twenty clients that pipeline, and do not read, cost bounded memory."""
        self.need_unscaled("memory")
        mark = 200_000
        server = self.serve("-t", "2", "-w", "1", "-d", "5", "-f", "line", "-m", "1000",
                            "-b", str(mark))
        for client in self.connect_many(server, 4):
            client.echo(b"x" * 900 + b"\n")
        before = server.memory()
        data = (b"y" * 200 + b"\n") * 60_000
        clients = [self.connect(server, sndbuf=65536, rcvbuf=4096) for _ in range(20)]
        for client in clients:
            pump(client, data, half_close=False, read=False, stall=0.05)
        self.becomes(lambda: server.unread(clients[-1]) > 0, 1)
        held = server.memory() - before
        most = len(clients) * (2 * mark + 65_536)
        if held > most:
            raise Broken(f"{len(clients)} clients pipeline megabytes, -w 1 -d 5 -b {mark}: the "
                         f"server holds {held:,} bytes; {most:,} would be much\n"
                         "  is what waits for a worker bounded, as output is?")
        for client in clients:
            client.reset()

    @promise("slow-handler", "8-", ONLY_ECHO)
    def one_read_and_the_mark(self):
        """-w 1 -d 30, raw: who does not read costs the mark and one read, not two reads."""
        self.need_unscaled("memory")
        mark, read, count = 10_000, 256 * 1024, 4
        # What is freed goes back to the system at once, and is not counted.
        server = self.serve("-t", "0", "-w", "1", "-d", "30", "-b", str(mark),
                            env=(("MALLOC_MMAP_THRESHOLD_", "65536"),))
        clients = [self.connect(server, sndbuf=1 << 20, rcvbuf=4096) for _ in range(count)]
        before = server.memory()
        peak, still = 0, 0
        while still < 50:
            moved = sum(client.send_some(bytes(1 << 18)) for client in clients)
            peak = max(peak, server.memory() - before)
            still = 0 if moved else still + 1
            time.sleep(0.005)
        # And the loop's own room for a read, and two replies on their way.
        most = count * (mark + read) + 3 * read
        if peak > most:
            raise Broken(f"{count} clients send and do not read, -w 1 -d 30 -b {mark}: the server "
                         f"held {peak:,} bytes; a mark and a read for each are {most:,} at most\n"
                         "  does it read on while a worker has what it read before?")
        for client in clients:
            client.reset()

    @promise("slow-handler", "8-", ONLY_ECHO)
    def reply_never_reaches_a_stranger(self):
        """A worker has a message, its client resets, and a new one gets the descriptor."""
        server = self.serve("-t", "1", "-w", "2", "-d", "250", "-f", "line")
        for turn in range(2):
            gone = self.connect_many(server, 2)
            for at, client in enumerate(gone):
                client.send(b"a secret\n" * (1 + 2 * at))
            for client in gone:
                self.becomes(lambda c=client: server.unread(c) == 0)
                client.reset()
            strangers = self.connect_many(server, 4)
            if not strangers[0].quiet(0.3):
                raise Broken(f"turn {turn}: a client that said nothing got "
                             f"{strangers[0].read(60)!r}\n  a worker's reply to a client that "
                             "has gone went to the next one with its descriptor")
            for at, stranger in enumerate(strangers):
                stranger.send(b"stranger %d\n" % at)
            for at, stranger in enumerate(strangers):
                stranger.expect(b"stranger %d\n" % at, "is a reply to a client that has gone "
                                "dropped for good?")
                stranger.close()

    @promise("rude", "8-", ONLY_ECHO)
    def reset_while_a_worker_works(self):
        """-w 2 -d 1400: two reset with a message in hand, one with more waiting: no spin."""
        server = self.serve("-t", "1", "-w", "2", "-d", "1400", "-f", "line")
        clients = self.connect_many(server, 2)
        clients[0].send(b"message\n")
        clients[1].send(b"message\n" * 3)
        time.sleep(0.1)     # they have been read; workers have the first of each
        for client in clients:
            client.reset()
        time.sleep(0.02)
        self.expect_asleep(server, "its clients have reset, and workers have their messages")

    def one_of_many(self, server, name):
        """Talk and leave in one of several ways; what comes back must be one's own."""
        client = self.connect(server)
        data = numbered(name, random.choice((1, 3, 20)))
        way = random.choice(("reset", "close", "half-close", "read"))
        if way == "half-close":
            self.expect_all(client, data)
        else:
            client.send_or_not(data)
            got = client.read(len(data) if way == "read" else random.choice((0, 0, 10)))
            if data[:len(got)] != got or (way == "read" and got != data):
                raise Broken(f"client {name} sent {data[:60]!r} and got {got[:60]!r}")
        if way == "reset":
            client.reset()
        client.close()

    @promise("rude", "8-", ONLY_ECHO)
    def thousands_come_and_go(self):
        """-t 2 -w 3: they reset, close, half-close or stay, and nobody gets another's bytes."""
        server = self.serve("-t", "2", "-w", "3", "-f", "line")
        self.come_and_go(server, self.few(500, 20))

    @promise("rude", "8-", ONLY_ECHO)
    def they_leave_while_workers_work(self):
        """-t 2 -w 3 -d 2: most have gone before a worker is done with their message."""
        server = self.serve("-t", "2", "-w", "3", "-d", "2", "-f", "line")
        self.come_and_go(server, self.few(40, 8))

    def come_and_go(self, server, each):
        def crowd(name):
            for turn in range(each):
                self.one_of_many(server, f"{name}.{turn}")

        self.together(*(lambda n=n: crowd(n) for n in range(6)))
        self.expect_no_leak(server)
        polite = self.connect(server)
        polite.echo(b"a polite client\n")

    @promise("stop", "8", ONLY_ECHO)
    def stop_with_work_in_the_queue(self):
        """-w 2 -d 100: hundreds of messages wait; the stop does not wait for them."""
        server = self.serve("-w", "2", "-d", "100", "-f", "line")
        clients = self.connect_many(server, 90)
        for client in clients:
            client.send(numbered("waits", 10))
        self.becomes(lambda: not all(client.quiet(0) for client in clients))
        server.stop()
