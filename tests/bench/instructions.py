"""How many instructions, outside the kernel, one echoed message costs."""
from __future__ import annotations

import counts
import progress
import servers
from plots import bars
from tables import Results, Table

CLIENTS = (1, 100)


def measured(quick: bool, own) -> list:
    if quick:
        return [servers.stage(10), servers.peer("minimal"), *own]
    extra = [servers.stage(10, "-i", 0, name="v10 -i 0")]
    return [*servers.stages(), *extra, *servers.peers(), *own]


def main(results: Results, quick=False, own=()) -> dict:
    """{(name, clients): instructions}, shown as a table as well."""
    chosen = measured(quick, own)
    jobs = [(server, clients) for server in chosen for clients in CLIENTS
            if clients == 1 or not server.one_client]
    many = 3000 if quick else counts.MANY
    progress.now("counting instructions")
    found = counts.on_each_cpu(
        lambda job, cpu: counts.instructions(*job, cpu=cpu, many=many), jobs, progress.COUNTED)
    each = {(server.name, clients): n for (server, clients), n in zip(jobs, found)}
    table = Table("User-space instructions for one echoed message of 64 bytes",
                  ["server", *(f"{n} client{'s' * (n > 1)}" for n in CLIENTS)])
    for server in chosen:
        table.add(server.name, *(each.get((server.name, clients)) for clients in CLIENTS))
    table.notes = [
        f"Counted by callgrind: the difference of {counts.FEW:,} and {many:,} messages.",
        "With 100 clients all of them send before the server runs: one wait brings many events.",
        "v08 to v10 with -t 0. What the kernel executes is not counted."]
    results.show("instructions", table)
    shown = [server.name for server in chosen if "bufferevent" not in server.name]
    bars(results.folder / "instructions.svg",
         "User-space instructions for a message (bufferevents, far above, left out)",
         shown, table.columns[1:],
         [[each.get((name, clients)) for clients in CLIENTS] for name in shown], "instructions")
    return each


def show_profile(name: str):
    """Where the instructions of a server go."""
    known = [*servers.stages(), *servers.peers()]
    server = next((s for s in known if s.name == name), None)
    if server is None:
        raise servers.Trouble(f"no server {name!r}; there are: {', '.join(s.name for s in known)}")
    for clients in CLIENTS if not server.one_client else (1,):
        print(f"\n{name}, {clients} client{'s' * (clients > 1)}: instructions for a message, "
              "the start and the end spread over all")
        print(counts.profile(server, clients), flush=True)
