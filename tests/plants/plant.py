"""A plant: one mistake, made on purpose in a copy of a stage, that somebody must find.

A plant replaces texts of the stage's files. Each text must stand in its file exactly once. When it
does not, the plant is stale: its text must be brought up to date.

    plant(7, "no-high-water-mark", "buffers without bound", "connection_output.c",
          "    connection->paused = true;", "    connection->paused = false;",
          "slow_reader.bounded_memory")

That is: stage, name, what is wrong, file, text, text instead, and the checks that must catch it.
"""
from __future__ import annotations

import functools
from dataclasses import dataclass

from harness.stages import Stage, find_stages


class Stale(Exception):
    """Why the plant can't be made in its stage."""


@dataclass(frozen=True)
class Swap:
    """What is replaced by what, in which file."""

    file: str
    old: str
    new: str


@dataclass(frozen=True)
class Plant:
    """A mistake; `caught_by` names what must find it, in the words of whoever runs it."""

    stage: int
    name: str
    words: str
    swaps: tuple
    caught_by: tuple
    program: str = "echo_server"
    claims: int = 0         # the stage that it passes for, if not its own
    says: str = ""          # words that must stand in what is found (faults)

    @property
    def label(self) -> str:
        return f"v{self.stage:02}-{self.name}"

    def checks(self) -> list:
        """(check, program) of each check that must catch it: `group.name`, `group.name PROGRAM`."""
        return [(name.split()[0], (name.split() + [self.program])[1]) for name in self.caught_by]


def plant(stage, name, words, file, old, new, *caught_by, also=(), **more) -> Plant:
    """`also` holds further swaps: (file, text, text instead)."""
    swaps = (Swap(file, old, new), *(Swap(*swap) for swap in also))
    return Plant(stage, name, words, swaps, caught_by, **more)


def in_stages(stages, *args, **more) -> tuple:
    """The same plant in each of several stages."""
    return tuple(plant(stage, *args, **more) for stage in stages)


def passes_for(stage, claims, *caught_by, **more) -> Plant:
    """A stage as it stands that passes for an earlier one: a limitation has silently gone."""
    return Plant(stage, f"passes-for-v{claims:02}", f"is v{stage:02} and says that it is "
                 f"v{claims:02}", (), caught_by, claims=claims, **more)


@functools.lru_cache(maxsize=None)
def stage_of(number: int) -> Stage:
    for stage in find_stages():
        if stage.number == number:
            return stage
    raise Stale(f"there is no stage v{number:02}")


@functools.lru_cache(maxsize=None)
def text_of(number: int, file: str) -> str:
    """A file's text; empty if there is none."""
    path = stage_of(number).folder / file
    return path.read_text("utf-8") if path.exists() else ""


def planted_texts(plant: Plant) -> dict:
    """The files that the plant changes, with their new texts."""
    texts = {}
    for swap in plant.swaps:
        text = texts.get(swap.file) or text_of(plant.stage, swap.file)
        times = text.count(swap.old)
        if times != 1:
            where = f"{stage_of(plant.stage).name}/{swap.file}"
            raise Stale(f"its text stands {times} times in {where}" if text
                        else f"there is no {where}")
        texts[swap.file] = text.replace(swap.old, swap.new)
    return texts
