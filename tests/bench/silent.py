"""Why epoll? One client that talks, beside ever more that do not."""
from __future__ import annotations

import resource

import servers
import slices
from loads import Load
from plots import lines
from tables import Results, Table

SILENT = (0, 10, 100, 900, 10000)
SELECT_LIMIT = 900      # FD_SETSIZE is 1,024 descriptors


def watchers() -> list:
    return [servers.stage(2, program="select_server", name="select"),
            servers.stage(2, program="poll_server", name="poll"),
            servers.stage(2, name="epoll")]


def descriptors(wanted: int) -> int:
    """As many clients as a process may have descriptors for."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return min(wanted, hard - 100) if hard != resource.RLIM_INFINITY else wanted


def main(results: Results, quick=False):
    counts = sorted({descriptors(n) for n in (SILENT[:3] if quick else SILENT)})
    chosen, samples = watchers(), {}
    for quiet in counts:
        able = [s for s in chosen if s.name != "select" or quiet <= SELECT_LIMIT]
        # Ten thousand times poll takes seconds to accept them.
        rounds, ms = (1, 1000) if quiet > 1000 else (1, 50) if quick else (3, 250)
        samples.update(slices.measure(able, [Load(1, quiet=quiet)], rounds, ms,
                                      lambda _: slices.one_cpu()))
    values = {s.name: [slices.middle(samples, s.name, Load(1, quiet=quiet), "server_cpu_us")
                       for quiet in counts] for s in chosen}
    table = Table("CPU of the server for a message of one client, in microseconds, beside so many "
                  "silent ones", ["v02", *(f"{quiet:,}" for quiet in counts)])
    for name, found in values.items():
        table.add(name, *found)
    table.notes = ["Server and load share one CPU. select can't watch descriptors from 1,024 on.",
                   "The kernel looks at every descriptor that select and poll are given, for each "
                   "message;",
                   "epoll keeps a list of those that are ready."]
    results.show("silent", table)
    lines(results.folder / "silent.svg", "One client talks, others are silent", counts,
          list(values), values, "silent clients", "server CPU for a message, microseconds")
    return values
