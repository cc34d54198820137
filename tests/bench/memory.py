"""What a connection costs in memory when nobody talks on it."""
from __future__ import annotations

import os
import re
import subprocess
import time

import progress
import servers
from loads import LOAD
from servers import Running, Server, Trouble
from silent import descriptors
from tables import Results, Table

WANTED = 10000
PHASES = ("before any byte", "after 64 B", "after 100 KiB")
SIZES = (64, 102400)
ACCEPT_LIMIT = 60.0
EACH = 2.5      # seconds that one server is planned to take


def own_bytes(running: Running) -> int:
    """Memory of the process's own (anonymous), and of its children.

    Pages that processes share after a fork count once: each has its part of them.
    """
    total = 0
    for pid in [running.pid, *running.children()]:
        with open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as file:
            total += int(re.search(r"^Pss_Anon:\s+(\d+) kB", file.read(), re.M).group(1)) * 1024
    return total


def _open_descriptors(running: Running) -> int:
    return sum(len(os.listdir(f"/proc/{pid}/fd")) for pid in [running.pid, *running.children()])


class Held:
    """Clients that are connected, and talk when they are told to."""

    def __init__(self, running: Running, clients: int):
        self.running, self.clients = running, clients
        before = _open_descriptors(running)
        self.process = subprocess.Popen(
            [str(LOAD), "-m", "hold", "-p", str(running.port), "-c", str(clients), "-l", "120"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self._expect("ready")
        self._wait_accepted(before + clients)

    def _expect(self, word: str):
        if self.process.stdout.readline() != word + "\n":
            raise Trouble(f"{self.running.server.name}: {self.process.stderr.read().strip()}")

    def _wait_accepted(self, wanted: int):
        until = time.monotonic() + ACCEPT_LIMIT
        while _open_descriptors(self.running) < wanted:
            if time.monotonic() > until:
                raise Trouble(f"{self.running.server.name} did not accept {self.clients} clients")
            time.sleep(0.02)

    def echo(self, size: int):
        """Each client in turn sends so many bytes and reads them back."""
        self.process.stdin.write(f"echo {size}\n")
        self.process.stdin.flush()
        self._expect("done")

    def close(self):
        self.process.stdin.close()
        self.process.wait()
        self.process.stdout.close()
        self.process.stderr.close()

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        if kind is not None:
            self.process.kill()
        self.close()


def whole(server: Server, clients: int):
    """Bytes at the start, and while so many clients are there that each had a small echo."""
    with Running(server) as running:
        start = own_bytes(running)
        if server.one_client:
            return start, None
        with Held(running, clients) as held:
            held.echo(64)
            return start, own_bytes(running)


def each(server: Server, clients: int) -> list:
    """Bytes for one connection, in each of the phases."""
    with Running(server) as running:
        with Held(running, 2) as first:     # what a server sets up once is not counted
            for size in SIZES:
                first.echo(size)
        base, found = own_bytes(running), []
        with Held(running, clients) as held:
            found.append((own_bytes(running) - base) / clients)
            for size in SIZES:
                held.echo(size)
                found.append((own_bytes(running) - base) / clients)
        return found


def measured(quick: bool, own) -> list:
    if quick:
        return [servers.stage(10), servers.peer("minimal"), *own]
    found = [s for s in servers.stages() if s.stage == 2 or s.stage >= 6]
    found += [servers.stage(n, "-t", 2, name=f"v{n:02} -t 2") for n in (8, 9, 10)
              if servers.stage(n).exists()]
    return [*sorted(found, key=lambda s: s.stage), *servers.peers(), *own]


def main(results: Results, quick=False, own=()) -> dict:
    clients = 200 if quick else descriptors(WANTED)
    table = Table(f"Memory of one idle connection in bytes, of {clients:,} of them",
                  ["server", *PHASES])
    found = {}
    for server in measured(quick, own):
        progress.now(f"{clients:,} idle connections: {server.name}")
        found[server.name] = each(server, clients)
        progress.step(EACH)
        table.add(server.name, *(f"{value:,.0f}" for value in found[server.name]))
    table.notes = ["The process's own memory (Pss_Anon in smaps_rollup); what the kernel keeps "
                   "for a socket is not in it.",
                   "Each client is connected and silent; then each had one echo of 64 bytes; then "
                   "one of 100 KiB.",
                   "v08 to v10 with -t 0 unless it says -t 2."]
    if not quick and clients < WANTED:
        table.notes.append(f"The limit of descriptors allows no more than {clients:,} clients.")
    results.show("memory", table)
    return found
