"""SIGUSR1: the server tells what it has done, and the numbers are right."""
from __future__ import annotations

import os
import re
import signal
import threading

from harness.check import Check
from harness.client import noise, pump
from harness.server import Broken
from harness.spec import EACH, ONLY_ECHO, promise

NAMES = {"accepted": r"accepted (\d+)", "open": r"open (\d+)", "closed": r"closed (\d+)",
         "peer": r"peer (\d+)", "server": r"server (\d+), idle", "idle": r"idle (\d+)",
         "error": r"error (\d+)", "limit": r"limit (\d+)", "drain": r"drain (\d+)",
         "messages in": r"messages in (\d+)", "messages out": r"messages in \d+, out (\d+)",
         "bytes in": r"bytes in (\d+)", "bytes out": r"bytes in \d+, out (\d+)",
         "pauses": r"pauses (\d+)", "timers": r"timers (\d+)",
         "queued": r"queued calls (\d+)", "woken": r"wake-ups (\d+)"}
REASONS = ("peer", "server", "idle", "error", "limit", "drain")
LINE = re.compile(r"[a-z]+_server: (main loop|loop \d+): accepted \d+, open \d+, closed \d+ "
                  r"\(peer \d+, server \d+, idle \d+, error \d+, limit \d+, drain \d+\); "
                  r"messages in \d+, out \d+; bytes in \d+, out \d+; pauses \d+; timers \d+; "
                  r"queued calls \d+, wake-ups \d+")


def numbers(line: str) -> dict:
    return {name: int(re.search(pattern, line).group(1)) for name, pattern in NAMES.items()}


class Counts(Check):
    group = "counts"

    def lines(self, server) -> dict:
        """What each loop has said so far: its lines, by its name."""
        found = {}
        for line in server.err.text.splitlines():
            match = LINE.fullmatch(line)
            if match:
                found.setdefault(match.group(1), []).append(line)
            elif "accepted" in line or "wake-ups" in line:
                raise Broken(f"SIGUSR1: a line is not whole, or not as promised: {line!r}")
        return found

    def ask(self, server, loops: int) -> list:
        """Send SIGUSR1; the numbers of each loop, of the main loop, and their sums."""
        wanted = ["loop %d" % n for n in range(1, loops + 1)] + ["main loop"]
        known = {name: len(lines) for name, lines in self.lines(server).items()}
        os.kill(server.process.pid, signal.SIGUSR1)

        def there():
            lines = self.lines(server)
            return all(len(lines.get(name, ())) > known.get(name, 0) for name in wanted)

        if not self.becomes(there):
            raise Broken(f"SIGUSR1: a line of each of {wanted} is promised; stderr has "
                         f"{server.err.text[-3000:]!r}")
        lines = self.lines(server)
        if set(lines) != set(wanted):
            raise Broken(f"SIGUSR1: {loops} loops, and there are lines of {sorted(lines)}")
        each = [numbers(lines[name][-1]) for name in wanted]
        return each + [{name: sum(line[name] for line in each) for name in NAMES}]

    def counted(self, server, loops: int, **wanted):
        """The report, once these numbers are there; each line must balance."""
        reports = []

        def there():
            reports.append(self.ask(server, loops))
            return all(reports[-1][-1][n.replace("_", " ")] == v for n, v in wanted.items())

        if not self.becomes(there, 2):
            have = {n: reports[-1][-1][n.replace("_", " ")] for n in wanted}
            raise Broken(f"SIGUSR1: the clients' doings should count as {wanted}, the server "
                         f"counts {have}")
        for line in reports[-1]:
            reasons = sum(line[n] for n in REASONS)
            if line["accepted"] - line["closed"] != line["open"] or reasons != line["closed"]:
                raise Broken(f"SIGUSR1: the numbers do not balance: {line}")
            if line["woken"] > line["queued"]:
                raise Broken(f"SIGUSR1: more wake-ups than queued calls: {line}")
        return reports[-1]

    @promise("counts", "10-", ONLY_ECHO)
    def balance(self):
        """Talk, silence, a reset, a message too long, one connection too many."""
        server = self.serve("-t", "2", "-i", "0.5", "-c", "6", "-f", "line", "-m", "50")
        talkers = self.connect_many(server, 3)
        for client in talkers:
            client.echo(b"one\n" + b"three\n" * 3)
            client.half_close()
            client.expect_end()
            client.close()
        self.counted(server, 2, accepted=3, open=0, closed=3, peer=3, messages_in=12,
                     messages_out=12, bytes_in=66, bytes_out=66, timers=0)
        rude = self.connect(server)
        rude.echo(b"x\n")
        rude.reset()
        self.counted(server, 2, accepted=4, closed=4, error=1, messages_in=13)
        long = self.connect(server)
        long.send(b"y" * 60 + b"\n")
        long.half_close()
        long.expect_end()
        self.counted(server, 2, accepted=5, closed=5, limit=1, peer=3)
        silent = self.connect_many(server, 6)
        self.counted(server, 2, open=6, timers=6)
        self.connect(server).expect_gone("-c 6")
        *_, main, _ = self.counted(server, 2, accepted=12, limit=2)
        if (main["accepted"], main["limit"], main["open"]) != (1, 1, 0):
            raise Broken("-c 6, and one client was refused: the main loop's line must count it, "
                         f"and nobody else; it says {main}")
        for client in silent:
            client.expect_end("-i 0.5")
        self.counted(server, 2, open=0, idle=6, closed=12, timers=0, pauses=0)

    @promise("counts", "10-", EACH)
    def every_program_counts(self):
        """Each program, and each of several processes, tells how many clients it has."""
        server = self.serve()
        self.connect_many(server, 5)

        def told():
            names = self.lines(server)
            lines = [line for line in server.err.text.splitlines() if LINE.fullmatch(line)]
            latest = lines[-len(names) * max(1, len(server._children())):]
            sums = [numbers(line) for line in latest]
            return tuple(sum(line[name] for line in sums) for name in ("accepted", "open"))

        def asked():
            os.kill(server.process.pid, signal.SIGUSR1)
            return self.becomes(lambda: told() == (5, 5), 0.2)

        if not self.becomes(asked):
            raise Broken(f"SIGUSR1, five clients are there: accepted and open should sum up to "
                         f"5 each, stderr has {server.err.text[-400:]!r}")

    @promise("counts", "10-", ONLY_ECHO)
    def loops_and_workers(self):
        """-t 0 is one loop; -t 3 -w 2 are three, which are woken for replies."""
        server = self.serve("-t", "0", "-i", "0")
        self.connect(server).echo()
        self.counted(server, 1, accepted=1, messages_in=1, timers=0)
        server = self.serve("-t", "3", "-w", "2", "-f", "line")
        for client in self.connect_many(server, 6):
            client.echo(b"hello\n" * 5)
        *each, _, total = self.counted(server, 3, accepted=6, open=6, timers=6, messages_in=30,
                                       messages_out=30, bytes_in=180, bytes_out=180)
        if [line["accepted"] for line in each] != [2, 2, 2]:
            raise Broken("-t 3: six connections, in turn on three loops; SIGUSR1 counts "
                         f"{[line['accepted'] for line in each]}")
        if total["queued"] < 36 or total["woken"] < 1:
            raise Broken("-w 2: thirty replies and six connections came from other threads; "
                         f"SIGUSR1 counts {total['queued']} queued calls and {total['woken']} "
                         "wake-ups")

    @promise("counts", "10-", ONLY_ECHO)
    def pauses_of_a_slow_reader(self):
        """-b 10000: a client that does not read makes the server pause."""
        server = self.serve("-t", "1", "-b", "10000")
        client = self.connect(server, sndbuf=65536, rcvbuf=4096)
        sent = pump(client, noise(1 << 20) * 64, half_close=False, read=False,
                    stall=0.15 * max(1, self.mode.scale)).sent
        total = self.ask(server, 1)[-1]
        if total["pauses"] < 1 or not 0 < total["bytes out"] <= total["bytes in"] <= sent:
            raise Broken(f"a client sent {sent:,} bytes and read nothing; SIGUSR1 counts {total}")
        rest = pump(client, b"", half_close=False, until=sent)
        if len(rest.got) != sent:
            raise Broken(f"of {sent:,} bytes {len(rest.got):,} came back")
        self.counted(server, 1, bytes_in=sent, bytes_out=sent, open=1)

    @promise("counts", "10-", ONLY_ECHO)
    def again_and_again(self):
        """A hundred SIGUSR1 while clients talk: all is echoed, each line is whole."""
        server = self.serve("-t", "2", "-w", "2")
        failures = []

        def talk():
            try:
                for _ in range(self.few(30, 3)):
                    client = self.connect(server)
                    self.expect_all(client, noise(20_000))
                    client.close()
            except AssertionError as error:
                failures.append(error)

        threads = [threading.Thread(target=talk) for _ in range(3)]
        for thread in threads:
            thread.start()
        asked = 0
        while any(thread.is_alive() for thread in threads) or asked < self.few(100, 20):
            os.kill(server.process.pid, signal.SIGUSR1)
            asked += 1
            threads[asked % 3].join(0.002)
        if failures:
            raise failures[0]
        self.ask(server, 2)     # which looks at every line
        if not server.alive():
            raise Broken(server.gone_words())

    @promise("counts", "10-", ONLY_ECHO)
    def while_it_drains(self):
        """SIGUSR1 while it waits for a client, and at once with SIGTERM."""
        server = self.serve("-f", "line", "-d", "100", "-t", "1")
        client = self.connect(server)
        client.send(b"message\n" * 5)
        client.expect(b"message\n")
        os.kill(server.process.pid, signal.SIGTERM)
        os.kill(server.process.pid, signal.SIGUSR1)
        client.expect(b"message\n" * 4)
        client.expect_end()
        client.close()
        if server.wait_exit(1.5 * max(1, self.mode.scale / 3)) != 0:
            raise Broken("SIGUSR1 on the heels of SIGTERM: it did not end with 0")
        server.check_words()

    @promise("counts", "10-", ONLY_ECHO)
    def report_before_the_end(self):
        """SIGUSR1, and at once SIGTERM and SIGINT, idle and in the handler: it tells, then ends."""
        for delay in ("0", "0", "200"):
            server = self.serve("-f", "line", "-d", delay, "-t", "2")
            for client in self.connect_many(server, 2):
                client.send(b"message\n")
            for how in (signal.SIGUSR1, signal.SIGTERM, signal.SIGINT):
                os.kill(server.process.pid, how)
            if server.wait_exit(1.5 * max(1, self.mode.scale / 3)) != 0:
                raise Broken("SIGUSR1, SIGTERM and SIGINT: it did not end with 0")
            if sorted(map(len, self.lines(server).values())) != [1, 1, 1]:
                raise Broken("SIGUSR1, then SIGTERM and SIGINT: a line of the main loop and of "
                             f"two loops must be there; stderr has {server.err.text!r}")
