"""The load generator: how it is told what to do, and what it says."""
from __future__ import annotations

import json
import os
import subprocess
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

from servers import BUILD, Running, Trouble

LOAD = BUILD / "load"


@dataclass(frozen=True)
class Load:
    """What the clients do; see `build/load -h`."""

    clients: int = 1
    size: int = 64
    flight: int = 1
    mode: str = "echo"
    quiet: int = 0
    messages: int = 0   # 0: for a time
    processes: int = 1  # that share the clients; one alone may be slower than a server

    @property
    def patience(self) -> int:
        """Large messages are few: they are given more time."""
        return 2 if self.size >= 1 << 20 else 1

    @property
    def words(self) -> str:
        """As the tables have it."""
        if self.mode == "connect":
            return "connect"
        text = f"{self.clients} × {bytes_words(self.size)}"
        return text + (f" × {self.flight}" if self.flight > 1 else "")

    def args(self):
        return ["-m", self.mode, "-c", self.clients, "-s", self.size, "-f", self.flight,
                "-q", self.quiet, "-n", self.messages]


def bytes_words(size: int) -> str:
    for unit, name in ((1 << 20, "MiB"), (1 << 10, "KiB")):
        if size >= unit and size % unit == 0:
            return f"{size // unit} {name}"
    return f"{size} B"


def _command(running: Running, load: Load, ms: int, warmup: int, limit: int) -> list:
    words = [LOAD, "-p", running.port, "-P", running.pid, *load.args(), "-w", warmup,
             "-l", limit]
    return [str(word) for word in words + (["-t", ms] if ms else [])]


def run(running: Running, load: Load, ms=0, warmup=0, cpus=None, limit=60) -> dict:
    """Load a server once. What it gets wrong is Trouble."""
    if load.processes > 1:
        return _run_several(running, load, ms, warmup, cpus)
    done = subprocess.run(
        _command(running, load, ms, warmup, limit), stdin=subprocess.DEVNULL,
        capture_output=True, text=True, check=False,
        preexec_fn=(lambda: os.sched_setaffinity(0, cpus)) if cpus else None)
    if done.returncode != 0:
        raise Trouble(f"{running.server.name}, {load.words}: "
                      f"{done.stderr.strip()}{running.words()}")
    return json.loads(done.stdout)


def _run_several(running: Running, load: Load, ms: int, warmup: int, cpus) -> dict:
    """At the same time, each on a CPU of its own as far as there are enough."""
    part = replace(load, clients=load.clients // load.processes, processes=1)
    places = sorted(cpus or os.sched_getaffinity(0))
    with ThreadPoolExecutor(load.processes) as pool:
        found = list(pool.map(
            lambda at: run(running, part, ms, warmup, {places[at % len(places)]}),
            range(load.processes)))
    rate = sum(one["per_second"] for one in found)
    share = sum(one["server_share"] for one in found) / len(found)
    return {"per_second": rate, "server_share": share, "server_cpu_us": share * 1e6 / rate,
            "p50_us": max(one["p50_us"] for one in found),
            "p99_us": max(one["p99_us"] for one in found)}
