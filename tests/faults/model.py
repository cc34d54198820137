"""What a run is of, and what came of it."""
from __future__ import annotations

from dataclasses import dataclass, field

from faults import catalogue as cat
from harness.stages import Stage


@dataclass(frozen=True)
class Target:
    """A column of the table: a program and its options."""

    stage: Stage
    program: str
    args: tuple = ()        # that set it apart from other columns
    more: tuple = ()        # further ones

    @property
    def name(self):
        name = self.stage.name.split("_")[0]
        if self.program != "echo_server":
            name += " " + self.program.split("_")[0]
        return " ".join([name, *self.args])


@dataclass(frozen=True)
class Fault:
    """What fails in one run: calls, or what the preloaded library makes fail."""

    row: cat.Row
    call: str = ""
    error: str = ""
    when: str = ""
    env: tuple = ()         # for the preloaded library
    what: str = ""          # in the table, for what is no call
    losses: int = 0         # so many clients may be lost

    @property
    def name(self):
        """For a reader, and for -k."""
        if self.env:
            return " ".join(f"{name}={value}" for name, value in self.env)
        return f"{self.call}:{self.error}:{self.when}" if self.error else ""


@dataclass
class Result:
    """How a run ended. `hits` is empty when nothing was there to fail."""

    target: Target
    fault: Fault
    hits: list = field(default_factory=list)
    wrong: str = ""
    stderr: str = ""
    counts: tuple = ()      # allocations: made, failed, left
    calls: frozenset = frozenset()      # all that the log holds
    descriptors: int = 0    # when it was ready

    @property
    def reached(self):
        """Whether there was something to fail."""
        if self.fault.losses:
            return self.counts[1] > 0
        return bool(self.hits or self.fault.env)
