"""What can be counted, and is the same each time: instructions, and system calls.

A message's share is the difference of two runs, of few and of many messages: what a server does at
its start, for a connection, and at its end, is in both.
"""
from __future__ import annotations

import os
import queue
import re
import shutil
import subprocess
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import progress
from loads import Load, run
from servers import Running, Server, Trouble

FEW, MANY = 1000, 11000
FEW_TRACED, MANY_TRACED = 400, 2400
COLLECTED = re.compile(r"Collected : (\d+)")
# strace -c: % time, seconds, usecs/call, calls, errors (if any), name
TRACED = re.compile(r"^ *[\d.]+ +[\d.]+ +\d+ +(\d+) +(?:\d+ +)?(\w+)$", re.M)


def rounds(clients: int, messages: int, size=64) -> Load:
    """All clients send, then all replies are awaited: the same batches every time."""
    return Load(clients=clients, size=size, mode="rounds", messages=messages)


def _callgrind(server: Server, load: Load, cpu: int, out="/dev/null") -> int:
    """User-space instructions of the server, from its start to its end."""
    with tempfile.NamedTemporaryFile("r") as log:
        wrap = ("valgrind", "--tool=callgrind", "--trace-children=no",
                f"--callgrind-out-file={out}", f"--log-file={log.name}")
        with Running(server, cpus={cpu}, wrap=wrap, batch=True) as running:
            run(running, load, cpus={cpu})
        total = COLLECTED.search(log.read())
    if not total:
        raise Trouble(f"{server.name}: callgrind gave no total")
    return int(total.group(1))


def instructions(server: Server, clients: int, cpu=0, few=FEW, many=MANY) -> float:
    """User-space instructions for one message."""
    before = _callgrind(server, rounds(clients, few), cpu)
    after = _callgrind(server, rounds(clients, many), cpu)
    return (after - before) / (many - few)


def _strace(server: Server, load: Load, cpu: int) -> dict:
    with tempfile.NamedTemporaryFile("r") as log:
        wrap = ("strace", "-f", "-qq", "-c", "-o", log.name)
        with Running(server, cpus={cpu}, wrap=wrap, batch=True) as running:
            run(running, load, cpus={cpu})
        return {name: int(n) for n, name in TRACED.findall(log.read()) if name != "total"}


def can_trace() -> bool:
    return shutil.which("strace") is not None


def system_calls(server: Server, load: Load, cpu=0, few=FEW_TRACED, many=MANY_TRACED) -> dict:
    """System calls for one message, by name; those that hardly occur are left out."""
    before = _strace(server, replace(load, messages=few), cpu)
    after = _strace(server, replace(load, messages=many), cpu)
    each = {name: (n - before.get(name, 0)) / (many - few) for name, n in after.items()}
    return {name: n for name, n in each.items() if n >= 0.005}


def profile(server: Server, clients: int, most=15) -> str:
    """The functions that a message's instructions are spent in, each without those it calls."""
    with tempfile.NamedTemporaryFile("r") as out:
        _callgrind(server, rounds(clients, MANY), 0, out.name)
        done = subprocess.run(["callgrind_annotate", "--threshold=100", out.name],
                              capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise Trouble(f"callgrind_annotate: {done.stderr.strip()}")
    lines = re.findall(r"^ *([\d,]+) \([^)]*\)  (.*)$", done.stdout, re.M)
    found = [(int(n.replace(",", "")), name) for n, name in lines if name != "PROGRAM TOTALS"]
    return "\n".join(f"{n / MANY:9.1f}  {_short(name)}" for n, name in found[:most])


def _short(name: str) -> str:
    """A function and its file, without folders and libraries' names."""
    name = re.sub(r" \[.*\]$", "", name)
    path, _, function = name.partition(":")
    return f"{function}  ({os.path.basename(path)})" if function else name


def on_each_cpu(work, items, planned=0.0) -> list:
    """work(item, cpu) for all items, one at a time on each CPU; in the order of the items.

    Each is planned to take so many seconds.
    """
    free = queue.Queue()
    cpus = sorted(os.sched_getaffinity(0))
    for cpu in cpus:
        free.put(cpu)

    def one(item):
        cpu = free.get()
        try:
            return work(item, cpu)
        finally:
            progress.step(planned / len(cpus))
            free.put(cpu)

    with ThreadPoolExecutor(len(cpus)) as pool:
        return list(pool.map(one, items))
