"""The cases in which a server is tried hard: a slow reader, workers, the times it keeps."""
from __future__ import annotations

import os
import re
import select
import signal
import socket
import time
from dataclasses import replace

import counts
import loads
import memory
import progress
import servers
import slices
from loads import Load
from servers import Running, Server, Trouble
from tables import Results, Table

SENT = 200 * 1000 * 1000
SEND_LIMIT = 20.0
QUIET = 0.5         # no byte taken for so long: the server has stopped reading
HIGH_WATER = 1 << 20
WORKERS = 2
REPORT_LIMIT = 5.0
REPORT = re.compile(r"loop \d+: .*messages in (\d+),.*wake-ups (\d+)")


def _send_unread(client: socket.socket, most: int) -> int:
    """Send, and read nothing, until the server takes no more. Returns how much it took."""
    sent, piece = 0, bytes(1 << 18)
    until = time.monotonic() + SEND_LIMIT
    client.setblocking(False)
    while sent < most and time.monotonic() < until:
        if not select.select([], [client], [], QUIET)[1]:
            break
        sent += client.send(piece)
    return sent


def growth(server: Server, most=SENT):
    """How much a client that does not read makes it grow, and how much of it was taken."""
    with Running(server) as running:
        before = memory.own_bytes(running)
        with socket.create_connection(("127.0.0.1", running.port)) as client:
            sent = _send_unread(client, most)
            return memory.own_bytes(running) - before, sent


def slow_reader(results: Results, quick, own) -> float:
    chosen = [servers.stage(10)] if quick else [s for s in servers.stages() if s.stage >= 7]
    chosen += [] if quick else [*servers.peers(), *own]
    table = Table("A client that sends 200 MB and does not read: growth of the server, in KiB",
                  ["server", "growth", "MB taken"])
    found = {}
    for server in chosen:
        progress.now(f"a client that does not read: {server.name}")
        found[server.name], sent = growth(server)
        progress.step(QUIET + 0.5)
        table.add(server.name, found[server.name] / 1024, sent / 1e6)
    table.notes = [f"The high-water mark is {HIGH_WATER // 1024:,} KiB. What was taken includes "
                   "what the kernel's socket buffers hold.",
                   "v01 to v06 block in the write, and grow by nothing: they stall everyone else."]
    results.show("slow_reader", table)
    return found["v10"]


def _sleeps_words(value):
    return None if value is None else f"{value:.3f}"


def wakeups_written(load: Load, ms: int) -> float:
    """By the count of v10's only loop, for a message that goes through a worker."""
    with Running(servers.stage(10, "-w", WORKERS)) as running:
        loads.run(running, load, ms=ms)
        os.kill(running.pid, signal.SIGUSR1)
        until = time.monotonic() + REPORT_LIMIT
        while not (found := REPORT.search(running.words())):
            if time.monotonic() > until:
                raise Trouble(f"v10 -w {WORKERS}: SIGUSR1 brought no report{running.words()}")
            time.sleep(0.01)
    return int(found[2]) / int(found[1])


def workers(results: Results, quick) -> dict:
    """What it costs that a message goes through a worker."""
    chosen = [servers.stage(n, "-w", w, name=f"v{n:02} -w {w}")
              for n in ((10,) if quick else (8, 9, 10)) for w in (0, WORKERS)]
    tried, rounds, ms = ((Load(10),), 1, 50) if quick else ((Load(1), Load(100)), 3, 200)
    samples = slices.measure(chosen, tried, rounds, ms, lambda _: slices.all_cpus())
    written = {load: wakeups_written(load, ms) for load in tried}
    tables = []
    for title, key, words in (
            ("Messages per second, without workers and with two", "per_second", None),
            ("CPU of the server for a message, in microseconds", "server_cpu_us", None),
            ("99th percentile until the reply is back, in microseconds", "p99_us", None),
            ("How often a thread of the server sleeps, and is woken, for a message",
             "server_sleeps", _sleeps_words)):
        table = Table(title, ["server", *(load.words for load in tried)])
        for server in chosen:
            cells = [slices.middle(samples, server.name, load, key) for load in tried]
            table.add(server.name, *(words(cell) if words else cell for cell in cells))
        tables.append(table)
    tables[-1].notes = ["-t 0: one loop. The handler takes no time: all that is seen is the way "
                        "to a worker and back.",
                        "Server and load share two CPUs.",
                        "By its own count, v10 -w 2 writes to the eventfd of its loop, for a "
                        "message, " + ", ".join(f"{written[load]:.3f} times ({load.words})"
                                                for load in tried) + ".",
                        "The other sleeps are those of a worker that finds the queue empty, "
                        "or its lock taken."]
    results.show("workers", *tables)
    return {load: {"written": written[load],
                   **{w: slices.middle(samples, f"v10 -w {w}", load, "server_cpu_us")
                      for w in (0, WORKERS)}} for load in tried}


def eviction(results: Results, quick) -> dict:
    """What keeping the time of each connection costs."""
    base = servers.stage(10, "-i", 0, name="v10 -i 0")
    again = replace(base, name="v10 -i 0 again")
    on = servers.stage(10, "-i", 60, name="v10 -i 60")
    tried, rounds, ms = ((Load(10),), 2, 50) if quick else ((Load(1), Load(100), Load(1000)), 7, 90)
    samples = slices.measure([base, on, again], tried, rounds, ms, lambda _: slices.one_cpu())
    noise = slices.ratio(samples, again.name, base.name, tried, "server_cpu_us")
    table = Table("Idle eviction: what a message costs, with it and without",
                  ["server", "CPU, to -i 0", "system calls"])
    calls = {s.name: sum(counts.system_calls(s, counts.rounds(1, 0)).values())
             for s in (base, on) if counts.can_trace()}
    for server in (on, again):
        found = slices.ratio(samples, server.name, base.name, tried, "server_cpu_us")
        table.add(server.name, found.words(noise if server is on else None),
                  calls.get(server.name))
    table.add(base.name, "1.00" + " " * 14, calls.get(base.name))
    table.notes = [f"{rounds} rounds, on one CPU; ~: inside the noise. Geometric mean over "
                   + "; ".join(load.words for load in tried) + "."]
    results.show("eviction", table)
    return {"calls": calls[on.name] - calls[base.name] if calls else None}


def main(results: Results, quick=False, own=()) -> dict:
    return {"slow": slow_reader(results, quick, own), "workers": workers(results, quick),
            "eviction": eviction(results, quick)}
