"""The load generator: how it is told what to do, and what it says."""
from __future__ import annotations

import json
import os
import subprocess
from dataclasses import dataclass

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

    @property
    def words(self) -> str:
        """As the tables have it."""
        if self.mode == "connect":
            return f"{self.clients} at a time: connect, {bytes_words(self.size)}, close"
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


def command(running: Running, load: Load, ms=0, warmup=0, limit=60) -> list:
    words = [LOAD, "-p", running.port, "-P", running.pid, *load.args(), "-w", warmup,
             "-l", limit]
    return [str(word) for word in words + (["-t", ms] if ms else [])]


def run(running: Running, load: Load, ms=0, warmup=0, cpus=None, limit=60) -> dict:
    """Load a server once. What it gets wrong is Trouble."""
    done = subprocess.run(
        command(running, load, ms, warmup, limit), stdin=subprocess.DEVNULL, capture_output=True,
        text=True, check=False,
        preexec_fn=(lambda: os.sched_setaffinity(0, cpus)) if cpus else None)
    if done.returncode != 0:
        raise Trouble(f"{running.server.name}, {load.words}: "
                      f"{done.stderr.strip()}{running.words()}")
    return json.loads(done.stdout)
