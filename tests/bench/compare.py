"""How far is v10 from the limit, and from the others?"""
from __future__ import annotations

import counts
import plots
import progress
import servers
import slices
from loads import Load
from tables import Results, Table

BASE, AGAIN = "minimal", "minimal again"
SMALL = (Load(1), Load(10), Load(100), Load(1000), Load(100, 16), Load(100, 64, 16))
MEDIUM = (Load(10, 16384),)
LARGE = (Load(4, 1 << 20),)
CONNECT = (Load(8, mode="connect"),)
GROUPS = (("small", SMALL), ("16 KiB", MEDIUM), ("1 MiB", LARGE), ("connect", CONNECT))
WIDE = (Load(100, processes=2), Load(1000, processes=2), Load(100, 64, 16, processes=2),
        Load(100, 16384, processes=2))


def single_threaded(own) -> list:
    base = servers.peer("minimal")
    again = servers.peer("minimal", shown=AGAIN)
    others = [peer for peer in servers.peers() if peer.name != BASE]
    return [base, servers.stage(10), *others, *own, again]


def table_of_ratios(samples, chosen, groups, title) -> Table:
    table = Table(title, ["server", *(name for name, _ in groups)])
    for server in chosen:
        if server.name == BASE:
            continue
        cells = [slices.ratio(samples, server.name, BASE, loads, "server_cpu_us")
                 .words(None if server.name == AGAIN
                        else slices.ratio(samples, AGAIN, BASE, loads, "server_cpu_us"))
                 for _, loads in groups]
        table.add(server.name, *cells)
    return table


def each_load(samples, chosen) -> Table:
    """The small loads one by one, in microseconds."""
    loads = [load for _, group in GROUPS for load in group]
    table = Table("The same in microseconds: CPU of the server for a message (of the load: last "
                  "line)", ["server", *(load.words for load in loads)])
    for server in chosen:
        table.add(server.name, *(slices.middle(samples, server.name, load, "server_cpu_us")
                                 for load in loads))
    table.add("load, with minimal", *(slices.middle(samples, BASE, load, "load_cpu_us")
                                      for load in loads))
    return table


def one_cpu(results: Results, quick, own):
    """The ratios of CPU time on one CPU; the main table."""
    chosen = single_threaded(own)
    groups = GROUPS[:1] if quick else GROUPS
    rounds, ms = (2, 50) if quick else (7, 80)
    loads = [load for _, group in groups for load in group][:2 if quick else None]
    groups = [("small", loads)] if quick else groups
    samples = slices.measure(chosen, loads, rounds, ms, lambda _: slices.one_cpu())
    table = table_of_ratios(samples, chosen, groups,
                            "CPU of the server for a message, to that of the minimal epoll loop")
    table.notes = [
        f"Median of {rounds} rounds, and where the middle half of them lies.",
        "~: inside the noise, that is, this spread reaches into what the minimal loop differs from",
        "itself (`minimal again`). Server and load share one CPU. v10 with -t 0. small:",
        "geometric mean over " + "; ".join(load.words for load in groups[0][1]),
        "(clients × bytes × messages in flight). 16 KiB: 10 clients; 1 MiB: 4 clients. connect:",
        "8 clients at a time connect, echo 64 bytes and close; a message is a connection."]
    results.show("peers", table, *([] if quick else [each_load(samples, chosen)]))
    names = [server.name for server in chosen if server.name != BASE]
    plots.ratios(results.folder / "peers.svg",
                 "Server CPU for a message; 1 is the minimal epoll loop",
                 [name for name, _ in groups], names,
                 [[slices.ratio(samples, name, BASE, load, "server_cpu_us") for name in names]
                  for _, load in groups])
    return {name: (slices.ratio(samples, "v10", BASE, load, "server_cpu_us"),
                   slices.ratio(samples, AGAIN, BASE, load, "server_cpu_us"))
            for name, load in groups}


def threads(results: Results, quick):
    """Two I/O threads beside none, both on two CPUs that the load needs as well."""
    chosen = [servers.stage(10, "-t", 0, name="v10 -t 0"),
              servers.stage(10, "-t", 0, name="v10 -t 0 again"),
              servers.stage(10, "-t", 2, name="v10 -t 2"),
              servers.peer("minimal", "-t", 0, shown="minimal -t 0"),
              servers.peer("minimal", "-t", 2, shown="minimal -t 2")]
    loads, rounds, ms = (WIDE[:1], 2, 50) if quick else (WIDE, 5, 120)
    samples = slices.measure(chosen, loads, rounds, ms, lambda _: slices.all_cpus())
    tables = []
    for title, key in (("Messages per second, to v10 -t 0", "per_second"),
                       ("CPU of the server for a message, to v10 -t 0", "server_cpu_us")):
        table = Table(title, ["server", *(load.words for load in loads), "all"])
        for server in chosen[1:]:
            found = [slices.ratio(samples, server.name, "v10 -t 0", group, key)
                     for group in [(load,) for load in loads] + [loads]]
            noise = [slices.ratio(samples, "v10 -t 0 again", "v10 -t 0", group, key)
                     for group in [(load,) for load in loads] + [loads]]
            table.add(server.name, *(one.words(None if "again" in server.name else its)
                                     for one, its in zip(found, noise)))
        tables.append(table)
    tables[-1].notes = [
        f"Median of {rounds} rounds, and where the middle half of them lies. ~: inside the noise.",
        "Two load processes and the server share two CPUs: both are busy with one I/O thread",
        "already, so a second one can't double what gets done. The other peers have no -t 2: a",
        "loop of theirs belongs to one thread, and dealing clients out to several takes a queue",
        "between the threads that their user writes."]
    results.show("threads", *tables)
    pick = ("v10 -t 2", "v10 -t 0 again")
    return {key: [slices.ratio(samples, name, "v10 -t 0", loads, key) for name in pick]
            for key in ("per_second", "server_cpu_us")}


def system_calls(results: Results, quick, own):
    """Counted by strace; the same for all lean servers."""
    chosen = single_threaded(own)[1:-1] if not quick else [servers.stage(10)]
    chosen = [servers.peer("minimal"), *chosen]
    found = syscall_rows(chosen, (1, 100))
    table = syscall_table(chosen, found, (1, 100))
    results.show("system_calls", table)
    return {clients: found["v10", clients] for clients in (1, 100)}


def syscall_rows(chosen, clients_of) -> dict:
    jobs = [(server, clients) for server in chosen for clients in clients_of
            if clients == 1 or not server.one_client]
    progress.now("counting system calls")
    each = counts.on_each_cpu(
        lambda job, cpu: counts.system_calls(job[0], counts.rounds(job[1], 0), cpu), jobs,
        progress.TRACED)
    return {(server.name, clients): calls for (server, clients), calls in zip(jobs, each)}


def syscall_table(chosen, found, clients_of) -> Table:
    table = Table("System calls for a message of 64 bytes",
                  ["server", *(f"{n} client{'s' * (n > 1)}" for n in clients_of),
                   f"which, with {clients_of[-1]}"])
    for server in chosen:
        calls = [found.get((server.name, clients)) for clients in clients_of]
        last = next(c for c in reversed(calls) if c is not None)
        table.add(server.name, *(None if c is None else sum(c.values()) for c in calls),
                  ", ".join(f"{name} {n:.2f}" for name, n in sorted(last.items())))
    table.notes = ["Counted by strace: the difference of "
                   f"{counts.FEW_TRACED} and {counts.MANY_TRACED:,} messages."]
    return table
