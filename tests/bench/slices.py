"""Paired measuring: the servers run in turn, a slice of time each, several rounds.

What the machine does besides hits neighbours in a round alike. So a server is compared with the
base of the same round, and how far these ratios lie apart is shown with them. One pair is the base
against itself: its ratios are the noise.
"""
from __future__ import annotations

import os
import statistics
from dataclasses import dataclass

import progress
from loads import Load, run
from servers import Running, Server, Trouble


@dataclass(frozen=True)
class Place:
    """The CPUs that the server and the load may use; None: all."""

    server: frozenset
    load: frozenset


def one_cpu() -> Place:
    """Both on one CPU: nothing overlaps, so their times add up, and vary least."""
    last = frozenset(sorted(os.sched_getaffinity(0))[-1:])
    return Place(last, last)


def cpu_each() -> Place:
    """A CPU for the server, another for the load, where there are two."""
    cpus = sorted(os.sched_getaffinity(0))
    return Place(frozenset(cpus[-1:]), frozenset(cpus[-2:-1] or cpus))


def all_cpus() -> Place:
    """Both wherever the kernel puts them; on two CPUs at most, as on a small machine."""
    cpus = frozenset(sorted(os.sched_getaffinity(0))[-2:])
    return Place(cpus, cpus)


def stay(cpus: frozenset):
    """The calling process runs there alone."""
    os.sched_setaffinity(0, cpus)


def slice_of(server: Server, load: Load, place: Place, ms: int) -> dict:
    """One server, started for it, under one load."""
    with Running(server, cpus=place.server) as running:
        return run(running, load, ms=ms, warmup=ms // 5, cpus=place.load)


def suits(server: Server, load: Load) -> bool:
    return not (server.one_client and load.clients + load.quiet > 1)


def measure(servers, loads, rounds: int, ms: int, place_of) -> dict:
    """{(server's name, load): [a dict for each round]}; each round begins with another server."""
    samples = {}
    slices = [(load, server) for load in loads for turn in range(rounds)
              for server in in_turn(servers, turn, rounds) if suits(server, load)]
    for load, server in slices:
        progress.now(f"{load.words}: {server.name}")
        found = slice_of(server, load, place_of(server), ms * load.patience)
        samples.setdefault((server.name, load), []).append(found)
        progress.step(ms * load.patience * 1.2e-3 + progress.STARTED)
    return samples


def in_turn(servers, turn: int, rounds: int) -> list:
    """The servers in the order of that round."""
    shift = turn * max(len(servers) // rounds, 1) % len(servers)
    return [*servers[shift:], *servers[:shift]]


def middle(samples, name, load, key):
    """The median over the rounds; None where nothing was measured."""
    found = samples.get((name, load))
    return statistics.median(sample[key] for sample in found) if found else None


@dataclass(frozen=True)
class Ratio:
    """To the base of the same round: the median, and where the middle half of the rounds lies."""

    middle: float
    low: float
    high: float

    def inside(self, noise: "Ratio") -> bool:
        """Whether its spread reaches into what the base differs from itself, up or down."""
        most = max(noise.high, 1 / noise.low)
        return self.low <= most and self.high >= 1 / most

    def words(self, noise: "Ratio" = None) -> str:
        mark = " ~" if noise and self.inside(noise) else "  "
        return f"{self.middle:.2f} ({self.low:.2f}–{self.high:.2f}){mark}"


def _ratio(values) -> Ratio:
    low, middle, high = statistics.quantiles(values, n=4, method="inclusive")
    return Ratio(middle, low, high)


def ratio(samples, name, base, loads, key) -> Ratio:
    """Over several loads it is their geometric mean, round by round."""
    pairs = [zip(samples[name, load], samples[base, load]) for load in loads]
    by_load = [[mine[key] / theirs[key] for mine, theirs in pair] for pair in pairs]
    if any(value <= 0 for values in by_load for value in values):
        raise Trouble(f"{name}: {key} was measured as nothing; are the slices too short?")
    return _ratio([statistics.geometric_mean(values) for values in zip(*by_load)])
