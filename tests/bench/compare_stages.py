"""What did each stage buy?"""
from __future__ import annotations

import compare
import counts
import memory
import progress
import servers
import slices
from loads import Load
from plots import bars
from tables import Results, Table

LOADS = (Load(1), Load(10), Load(100), Load(1000), Load(50, 16), Load(100, 64, 16),
         Load(100, 16384), Load(10, 1 << 20), Load(8, mode="connect"))
# On one CPU, for the time of the server alone.
NARROW = (Load(1), Load(10), Load(100), Load(1000), Load(100, 64, 16), Load(10, 16384),
          Load(4, 1 << 20))
QUICK = (Load(1), Load(10))
HELD = 1000
CLIENTS_TRACED = (1, 100)
ANSWERS = (
    ("Messages per second", "per_second", 1),
    ("Median time until the reply is back, in microseconds", "p50_us", 1),
    ("99th percentile of that time, in microseconds", "p99_us", 1),
    ("How busy the load was: near 100 % it, and not the server, may be the limit (%)",
     "load_share", 100),
)


def programs(quick: bool) -> list:
    """All stages with one thread, and beside each what else it brings."""
    if quick:
        return [servers.stage(1), servers.stage(10)]
    found = servers.stages()
    extra = [servers.stage(2, program="select_server", name="v02 select"),
             servers.stage(2, program="poll_server", name="v02 poll"),
             servers.stage(8, "-t", 2, name="v08 -t 2"),
             servers.stage(9, "-t", 2, name="v09 -t 2"),
             servers.stage(10, "-t", 2, name="v10 -t 2"),
             servers.stage(10, "-n", 2, program="prefork_server", name="v10 prefork")]
    return sorted(found + [s for s in extra if s.exists()], key=lambda s: s.stage)


def is_threaded(server) -> bool:
    """Whether it serves with several threads, or processes."""
    return "-n" in server.argv or ("-t" in server.argv
                                   and server.argv[server.argv.index("-t") + 1] != "0")


def place_of(server) -> slices.Place:
    return slices.all_cpus() if is_threaded(server) else slices.cpu_each()


def _by_load(title, samples, chosen, loads, key, factor=1) -> Table:
    table = Table(title, ["server", *(load.words for load in loads)])
    for server in chosen:
        cells = [slices.middle(samples, server.name, load, key) for load in loads]
        table.add(server.name, *(cell if cell is None else cell * factor for cell in cells))
    return table


def _speed(results, chosen, quick):
    """Messages per second, and how long a reply takes."""
    loads, ms = (QUICK, 50) if quick else (LOADS, 200)
    samples = slices.measure(chosen, loads, 1, ms, place_of)
    tables = [_by_load(title, samples, chosen, loads, key, factor)
              for title, key, factor in ANSWERS]
    tables[-1].notes = [
        "clients × bytes of a message × messages in flight. v08 to v10 with -t 0 unless it says",
        "-t 2; prefork: two processes. A server of one thread has a CPU for itself, the load",
        "another; with more threads all share two, and the kernel may put server and load on one:",
        "do not compare those two kinds by the time of a reply. One slice of time each. Chosen",
        "from all combinations: each number of clients at 64 bytes, each size at the number of",
        "clients that shows it, 16 in flight once, 50 clients for as many messages as a slice",
        "allows. connect: 8 clients at a time connect, echo 64 bytes and close; a message is a",
        "connection. v01 serves one client at a time, and is left out elsewhere."]
    results.show("stages", *tables)


def _cpu(results, chosen, quick):
    """The server's CPU time, where nothing else runs on the CPU but the load."""
    loads, rounds, ms = (QUICK, 1, 50) if quick else (NARROW, 2, 80)
    samples = slices.measure(chosen, loads, rounds, ms, lambda _: slices.one_cpu())
    table = _by_load("CPU of the server for a message, in microseconds", samples, chosen, loads,
                     "server_cpu_us")
    table.notes = [f"Median of {rounds} rounds. Server and load share one CPU."]
    results.show("stages_cpu", table, *_costs(chosen, quick))
    _draw(results, samples, [server.name for server in chosen], loads)


def _costs(chosen, quick) -> list:
    """System calls for a message, where strace is there; the memory of the whole server."""
    tables = []
    if counts.can_trace():
        found = compare.syscall_rows(chosen, CLIENTS_TRACED)
        tables.append(compare.syscall_table(chosen, found, CLIENTS_TRACED))
    held = Table(f"Memory of its own, in KiB: at the start, and with {HELD:,} clients that have "
                 "talked", ["server", "at the start", f"{HELD:,} clients"])
    for server in chosen:
        progress.now(f"memory: {server.name}")
        progress.step(memory.EACH / 5)
        start, talked = memory.whole(server, 10 if quick else HELD)
        held.add(server.name, start / 1024, None if talked is None else talked / 1024)
    return [*tables, held]


def main(results: Results, quick=False):
    chosen = programs(quick)
    _speed(results, chosen, quick)
    _cpu(results, chosen, quick)


def _draw(results, samples, names, loads):
    small = [load for load in loads if load.size == 64 and load.flight == 1
             and load.mode == "echo"]
    for file, title, shown in (
            ("stages", "Server CPU for a message of 64 bytes", small),
            ("stages_large", "Server CPU for a message of 1 MiB",
             [load for load in loads if load.size == 1 << 20])):
        if shown:
            bars(results.folder / f"{file}.svg", title, names,
                 [f"{load.clients:,} client{'s' * (load.clients > 1)}" for load in shown],
                 [[slices.middle(samples, name, load, "server_cpu_us") for load in shown]
                  for name in names], "microseconds")
