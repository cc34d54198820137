"""A client that floods the server, beside one that is polite."""
from __future__ import annotations

import os
import select
import signal
import time

from harness.check import Check
from harness.client import PIECE, select_one
from harness.server import _PR_SET_PDEATHSIG, Broken, _prctl
from harness.spec import ONLY_ECHO, promise

FLOOD_LIMIT = 60        # seconds, should nobody end it


def flood(sock):
    """Send short lines as fast as they are taken, and throw away what comes."""
    lines = b"\n" * PIECE
    until = time.monotonic() + FLOOD_LIMIT
    sock.setblocking(False)
    while time.monotonic() < until:
        ready = select_one(sock, True, True, 1)
        if ready & select.POLLIN:
            sock.recv(PIECE)
        if ready & select.POLLOUT:
            sock.send(lines)


def start_flood(client) -> int:
    """In a process of its own, so that it does not take time from the polite one."""
    pid = os.fork()
    if pid:
        return pid
    try:
        _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        flood(client.sock)
    finally:
        os._exit(0)


def end_flood(pid: int):
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)


class Flood(Check):
    group = "flood"

    @promise("many", "7-", ONLY_ECHO)
    def polite_client_is_served(self):
        """Two clients send short lines without end; another one waits for no reply for long."""
        server = self.serve("-f", "line", *(("-t", "1") if self.stage >= 8 else ()))
        polite = self.connect(server)
        polite.echo()
        for client in self.connect_many(server, 2):
            self.addCleanup(end_flood, start_flood(client))
        self.becomes(lambda: server.cpu() > 0.02)       # they are at it
        for _ in range(3):      # an unfair server shows each time; a busy machine, now and then
            spent = sorted(self.time_echo(polite) for _ in range(self.few(200, 30)))
            late = spent[len(spent) * 99 // 100]
            if late <= self.limit(0.25):
                return
        raise Broken(f"two clients flood the server with short lines; of {len(spent)} replies to a "
                     f"polite one the 99th of a hundred took {late * 1000:.0f} ms, half took up to "
                     f"{spent[len(spent) // 2] * 1000:.0f} ms\n"
                     "  is one client read, or handled, for as long as it sends?")

    @staticmethod
    def time_echo(client) -> float:
        start = time.monotonic()
        client.echo(b"a polite line\n", "others flood the server; is this one ever served?")
        return time.monotonic() - start
