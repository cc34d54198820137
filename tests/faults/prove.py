"""Servers with one mistake each, of the kind that only a failure shows: is each found?

The plants are in faults/breaks.py. The run that each names must not be survived, and must say why.
"""
from __future__ import annotations

from faults import catalogue as cat
from faults import plan
from faults.breaks import PLANTS
from faults.model import Target
from harness.bars import Bars
from plants import sow

ALLOCATIONS = 5     # that may fail in a run


class _Every(dict):
    """Stands for surveys in which each server makes each call."""

    def get(self, key, default=()):
        return {call for row in cat.ROWS for call in row.calls.split()}


def _fault(target, run: str):
    """The run of that name, at the start or later."""
    for fault in plan.faults(target, _Every(), False) + plan.library_faults(
            target, ALLOCATIONS, False):
        if fault.name == run:
            return fault
    raise SystemExit(f"run.py: tests/faults/breaks.py names {run}, which is no run")


def main(jobs, preload) -> int:
    built, stale = sow.build_all(PLANTS)
    for plant, error in stale.items():
        print(f"stale: tests/faults/breaks.py, {plant.label}: {error}")
    todo = [plant for plant in PLANTS if plant in built]
    targets = [Target(built[plant], plant.program) for plant in todo]
    runs = [(target, _fault(target, plant.caught_by[0])) for plant, target in zip(todo, targets)]
    usual = {target.name: (0, 0) for target in targets}     # nothing stays
    caught = 0
    with Bars({"mistakes": len(todo)}) as bars:
        for plant, result in zip(todo, plan.run_all(runs, jobs, preload, usual)):
            good = plant.says in result.wrong
            caught += good
            bars.add("mistakes", "ok" if good else "FAIL")
            bars.say(f"{plant.words:42} {plant.caught_by[0]:24} "
                     f"{'caught' if good else 'NOT CAUGHT':10} {result.wrong or 'survived'}")
    print(f"{caught} passed, {len(PLANTS) - caught} failed, 0 skipped")
    return 0 if caught == len(PLANTS) else 1
