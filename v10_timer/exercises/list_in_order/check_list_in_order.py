"""The idle timeout with one list and one timer for each loop."""
from __future__ import annotations

import os
import re
import signal
import time

from checks.check_idle import Idle
from exercises.marks import judges
from harness.check import Check
from harness.client import noise, pump
from harness.server import Broken
from harness.spec import ONLY_ECHO

REPORT = re.compile(r"loop \d+: accepted (\d+), open (\d+), closed (\d+) .*messages in (\d+), "
                    r"out (\d+); .*timers (\d+);")
MOST = 2        # timers a loop: a list for the idle ones, and one for those that linger


class ListInOrder(Check):
    group = "list_in_order"

    def report(self, server, loops: int) -> list:
        """What each loop says: (accepted, open, closed, messages in, out, timers)."""
        before = len(REPORT.findall(server.err.text))
        os.kill(server.process.pid, signal.SIGUSR1)
        if not server.err.wait(lambda text: len(REPORT.findall(text)) >= before + loops,
                               self.limit(5)):
            raise Broken(f"SIGUSR1: {loops} loops must report; stderr: {server.err.text[-600:]!r}")
        return [tuple(map(int, line)) for line in REPORT.findall(server.err.text)[before:]]

    def opened(self, server, loops: int, count: int) -> list:
        lines = []

        def all_open():
            lines[:] = self.report(server, loops)
            return sum(line[1] for line in lines) == count

        if not self.becomes(all_open):
            raise Broken(f"{count} clients are connected; the loops report {lines}")
        return lines

    @judges(ONLY_ECHO)
    def one_timer_a_loop(self):
        """SIGUSR1: sixty clients on two loops, and two timers at most for each loop."""
        server = self.serve("-t", "2", "-i", "60")
        clients = self.connect_many(server, self.few(60, 10))
        for client in clients[::2]:
            client.echo()
        lines = self.opened(server, 2, len(clients))
        if any(not 1 <= line[5] <= MOST for line in lines):
            raise Broken(f"{len(clients)} clients, two loops, -i 60: the loops have "
                         f"{', '.join(str(line[5]) for line in lines)} timers set; one or two "
                         "for each is right")
        for client in clients:
            client.close()
        self.opened(server, 2, 0)

    @judges(ONLY_ECHO)
    def on_the_main_loop(self):
        """-t 0: the same, while clients come, talk and go."""
        server = self.serve("-t", "0", "-i", "60")
        clients = []
        for turn in range(self.few(30, 8)):
            clients.append(self.connect(server))
            clients[turn // 2].echo()
            if turn % 4 == 3:
                clients.pop(0).close()
        line, = self.opened(server, 1, len(clients))
        if not 1 <= line[5] <= MOST:
            raise Broken(f"-t 0, {len(clients)} clients: {line[5]} timers are set")
        if line[0] != self.few(30, 8) or line[3] != line[4] or line[3] != self.few(30, 8):
            raise Broken(f"-t 0: the loop reports (accepted, open, closed, messages in, out, "
                         f"timers) {line}")

    @judges(ONLY_ECHO, modes=("plain", "valgrind"))
    def last_used_first_closed(self):
        """-i 0.8: clients that talk in another order than they came; each has its own time."""
        server = self.serve("-i", "0.8", "-t", "1")
        clients = self.connect_many(server, 8)
        since = {}
        for number in (3, 7, 0, 5, 2, 6, 1, 4):
            time.sleep(0.04)
            since[clients[number]] = time.monotonic()
            clients[number].echo(b"here\n")
        Idle.expect_ends(self, since, 0.8)

    end_times = Idle.end_times
    late = Idle.late

    @judges(ONLY_ECHO, modes=("plain",))
    def what_only_the_kernel_sees(self):
        """-i 0.8: a client reads what the kernel has for it, and stops; it is closed in time."""
        spent = []
        for _ in range(3):      # a busy machine may be late, but not each time
            spent.append(self.read_and_stop())
            if spent[-1] <= 0.8 + 0.4:
                return
        raise Broken(f"-i 0.8: a client read on for 0.3 s after the server's last event, then "
                     f"stopped; it was closed {min(spent):.2f} s later\n  where in the list does a "
                     "connection go whose bytes only the kernel has moved?")

    def read_and_stop(self) -> float:
        """The seconds from a client's last read until it is closed."""
        server = self.serve("-i", "0.8", "-t", "1", "-b", "8000000")
        client = self.connect(server, sndbuf=65536, rcvbuf=16384)
        pump(client, noise(1 << 20), half_close=False, read=False, stall=0.05)
        for _ in range(10):
            client.read(20_000)
            time.sleep(0.03)
        start = time.monotonic()
        self.becomes(lambda: server.fds() <= server.base_fds, 4)
        spent = time.monotonic() - start
        client.reset()
        return spent

    @judges(ONLY_ECHO, modes=("plain",))
    def who_lingers_has_no_more_time(self):
        """-i 0.5 -b 65536: evicted with bytes unread, it sends on: gone after as long again."""
        server = self.serve("-i", "0.5", "-t", "1", "-b", "65536")
        client = self.connect(server, sndbuf=65536, rcvbuf=4096)
        data = noise(1 << 20)
        pump(client, data * 24, half_close=False, read=False, stall=0.1)

        def gone():
            try:
                client.send_some(data)
            except OSError:
                pass        # the server has closed
            return server.fds() <= server.base_fds

        if not self.becomes(gone, 2 * 0.5 + self.late() + 1):
            raise Broken("-i 0.5: a client that did not read was evicted, and goes on sending; "
                         "seconds later it is still connected\n  does what it sends prolong the "
                         "time that it has to leave?")
