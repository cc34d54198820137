"""The figures that v10 is to reach, beside what was measured."""
from __future__ import annotations

import shutil

import counts
import limits
import memory
import progress
import servers
from silent import descriptors
from slices import Ratio
from tables import Results, Table

TITLE = "Targets for v10 (-t 0, framing raw)"


class Targets:
    """Gathers the lines of the table."""

    def __init__(self):
        self.table = Table(TITLE, ["figure", "to reach", "measured", ""])

    def most(self, figure: str, limit: float, value: float, words=""):
        """`value` must be `limit` at most."""
        self.table.add(figure, f"≤ {limit:,.3g}" if limit < 1000 else f"≤ {limit:,.0f}",
                       words or f"{value:,.2f}", "reached" if value <= limit else "NOT REACHED")

    def ratio(self, figure: str, limit: float, found):
        self.table.add(figure, f"≤ {limit:.3g}", found.words().strip(),
                       verdict(found.high <= limit, found.low > limit))


def verdict(surely: bool, surely_not: bool) -> str:
    """Of a ratio: the whole of its spread must lie on one side."""
    return "reached" if surely else "NOT REACHED" if surely_not else "inside the noise"


def _instructions(targets: Targets):
    if not shutil.which("valgrind"):
        targets.table.notes.append("Instructions: valgrind is missing (Debian package valgrind).")
        return
    v10, silent = servers.stage(10), servers.stage(10, "-i", 0, name="-i 0")
    jobs = [(v10, 1), (v10, 100), (silent, 1), (silent, 100)]
    one, many, one_without, many_without = counts.on_each_cpu(
        lambda job, cpu: counts.instructions(*job, cpu=cpu), jobs, progress.COUNTED)
    targets.most("user instructions for a message, 1 client", 210, one)
    targets.most("user instructions for a message, 100 clients", 165, many)
    targets.most("instructions that idle eviction adds", 20,
                 max(one - one_without, many - many_without))


def _system_calls(targets: Targets, calls: dict):
    if not calls:
        targets.table.notes.append("System calls: strace is missing (Debian package strace).")
        return
    for clients, limit in ((1, 3), (100, 2.05)):
        targets.most(f"system calls for a message, {clients} client{'s' * (clients > 1)}", limit,
                     round(sum(calls[clients].values()), 3))
    targets.most("epoll_ctl for a message", 0,
                 max(of.get("epoll_ctl", 0) for of in calls.values()))


def _threads(targets: Targets, threads: dict):
    speed, noise = threads["per_second"]
    targets.table.add("-t 2: messages per second, to -t 0", "≥ 1", speed.words().strip(),
                      verdict(speed.low >= 1, speed.high < 1 and not speed.inside(noise)))
    targets.ratio("-t 2: CPU for a message, to -t 0", 1.05, threads["server_cpu_us"][0])


def _workers(targets: Targets, found: dict):
    load, each = list(found.items())[-1]
    more = each[limits.WORKERS] - each[0]
    targets.table.add(f"-w 2: more CPU for a message, {load.words}", "shown", f"{more:.1f} µs", "")
    targets.most(f"-w 2: wake-ups written for a message, {load.words}", 0.5, each["written"],
                 f"{each['written']:.3f}")


def _chat(targets: Targets, chats: dict):
    """Lines delivered for a second of CPU: the other way round than CPU for a line."""
    for name, args in (("v10", "-t 0"), ("v10 -t 2", "-t 2")):
        if name in chats:
            cpu = chats[name]
            found = Ratio(1 / cpu.middle, 1 / cpu.high, 1 / cpu.low)
            targets.table.add(
                f"chat {args}: lines for a CPU second, to minimal",
                "≥ 0.9" if name == "v10" else "shown", found.words().strip(),
                verdict(found.low >= 0.9, found.high < 0.9) if name == "v10" else "")


def show(results: Results, ratios: dict, threads: dict, calls: dict, tried: dict, chats: dict):
    targets = Targets()
    wanted = {"small": ("CPU for a message, small messages, to minimal", 1.02),
              "16 KiB": ("the same at 16 KiB", 1.03), "1 MiB": ("the same at 1 MiB", 1.15),
              "connect": ("accept, echo, close: CPU, to minimal", 1.03)}
    for name, (figure, limit) in wanted.items():
        if name in ratios:
            targets.ratio(figure, limit, ratios[name][0])
    _instructions(targets)
    _system_calls(targets, calls)
    clients = descriptors(memory.WANTED)
    for phase, value in zip(memory.PHASES, memory.each(servers.stage(10), clients)):
        targets.most(f"bytes of an idle connection, {phase}", 235, value, f"{value:,.0f}")
    targets.most("200 MB unread: growth of the server, in KiB", 2 * limits.HIGH_WATER / 1024,
                 tried["slow"] / 1024, f"{tried['slow'] / 1024:,.0f}")
    _threads(targets, threads)
    _workers(targets, tried["workers"])
    if calls:
        more = round(tried["eviction"]["calls"], 2)
        targets.most("system calls that idle eviction adds", 0, more)
    _chat(targets, chats)
    targets.table.notes.append("A ratio is its median, and where the middle half of its rounds "
                               "lies; inside the noise: that reaches to both sides of the limit.")
    results.show("targets", targets.table)
