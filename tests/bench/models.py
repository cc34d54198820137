"""A process, a thread, or an entry in epoll: what does a client cost?"""
from __future__ import annotations

import os
import re

import memory
import progress
import servers
import slices
from loads import Load
from memory import Held
from servers import Running
from tables import Results, Table, number

SILENT = 500
TASK = 16 * 1024        # of the kernel's stack of each thread, on x86-64 and arm64
TALKS = ((Load(10), "server_cpu_us"), (Load(100), "server_cpu_us"),
         (Load(8, mode="connect"), "per_second"))
WORDS = {"server_cpu_us": "CPU, {}", "per_second": "{}s per second"}
BASE = "v02 epoll"
AGAIN = BASE + " again"


def kernel_bytes(running: Running) -> int:
    """What the kernel keeps for its threads and its page tables, children's included."""
    total = 0
    for pid in [running.pid, *running.children()]:
        with open(f"/proc/{pid}/status", encoding="ascii") as file:
            status = file.read()
        tables, threads = (int(re.search(rf"^{word}:\s+(\d+)", status, re.M).group(1))
                           for word in ("VmPTE", "Threads"))
        total += tables * 1024 + threads * TASK
    return total


def silent_client(server, clients: int) -> tuple:
    """Bytes for a client that is connected and says nothing: the process's own, the kernel's."""
    with Running(server) as running, Held(running, 1) as first:
        first.echo(64)
        own, kernel = memory.own_bytes(running), kernel_bytes(running)
        with Held(running, clients) as held:
            held.echo(64)
            return ((memory.own_bytes(running) - own) / clients,
                    (kernel_bytes(running) - kernel) / clients)


def _cell(samples, name, load, key) -> str:
    if name != BASE:
        return slices.ratio(samples, name, BASE, [load], key).words(
            None if name == AGAIN else slices.ratio(samples, AGAIN, BASE, [load], key))
    unit = " µs  " if key == "server_cpu_us" else "  "
    return number(slices.middle(samples, name, load, key)) + unit


def main(results: Results, quick=False):
    chosen = [servers.stage(1, program="fork_server", name="v01 fork"),
              servers.stage(1, program="thread_server", name="v01 thread"),
              servers.stage(2, name=BASE), servers.stage(2, name=AGAIN)]
    chosen = [server for server in chosen if server.exists()]
    clients, rounds, ms = (20, 2, 50) if quick else (SILENT, 5, 100)
    tried = TALKS[:1] if quick else TALKS
    samples = slices.measure(chosen, [load for load, _ in tried], rounds, ms,
                             lambda _: slices.one_cpu())
    table = Table("A process, a thread, or an entry in epoll for each client",
                  ["server", "its memory", "the kernel's",
                   *(WORDS[key].format(load.words) for load, key in tried)])
    for server in chosen:
        progress.now(f"{clients} silent clients: {server.name}")
        own, kernel = (silent_client(server, clients) if server.name != AGAIN else (None, None))
        progress.step(0.5)
        table.add(server.name, *(None if n is None else f"{n:,.0f} B" for n in (own, kernel)),
                  *(_cell(samples, server.name, load, key) for load, key in tried))
    table.notes = [
        f"Memory: of one of {clients} clients that are connected, have had one echo, and are",
        "silent. Its memory: pages of processes, shared ones in parts (Pss_Anon). The kernel's:",
        f"page tables, and {TASK // 1024} KiB of stack for each thread; what it keeps for a socket",
        "is the same for all. CPU of the server for a message, and connections (connect, echo,",
        f"close) per second: those of {BASE}, and of the others to it: median of {rounds} rounds,",
        "and where the middle half of them lies; ~: inside the noise. Server and load share one",
        "CPU."]
    results.show("models", table)
