#!/usr/bin/env python3
"""Which plants no longer stand: their text is not in its file, or no check has the name."""
from __future__ import annotations

import difflib
import importlib
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

sys.dont_write_bytecode = True
HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from exercises.catalogue import exercises  # noqa: E402
from harness.names import nearest  # noqa: E402
from harness.runner import load_checks, methods  # noqa: E402
from harness.stages import ROOT  # noqa: E402
from plants.plant import Plant, Stale, Swap, planted_texts, stage_of, text_of  # noqa: E402

OTHERS = ("fuzz.breaks", "soak.breaks", "faults.breaks")    # whose proofs are their own
NEAR = 3            # lines that are shown
ALIKE = 0.6         # difflib's measure: from here on two lines are near


@dataclass(frozen=True)
class Catalogue:
    """A file of plants."""

    path: str
    plants: tuple
    checked: bool       # the checks of tests/checks must catch them


def catalogues() -> list:
    names = sorted(f"plants.{file.stem}" for file in HERE.glob("catalogue_*.py"))
    return [Catalogue(f"tests/{name.replace('.', '/')}.py",
                      importlib.import_module(name).PLANTS, name not in OTHERS)
            for name in (*names, *OTHERS)] + [
        Catalogue(str((exercise.folder / "exercise.json").relative_to(ROOT)),
                  tuple(exercise.plants()), False)
        for exercise in exercises() if exercise.plants()]


def all_plants() -> list:
    """Those that the checks must catch."""
    return [plant for catalogue in catalogues() if catalogue.checked
            for plant in catalogue.plants]


def find(label: str) -> Plant:
    """The plant of that name, such as v02-mixes-clients."""
    return next(plant for plant in all_plants() if plant.label == label)


def _near_lines(plant: Plant, swap: Swap):
    """Lines of the file that are like one of the text that is missing."""
    lines = text_of(plant.stage, swap.file).splitlines()
    times = text_of(plant.stage, swap.file).count(swap.old)
    if times > 1:
        first = swap.old.strip().splitlines()[0]
        return [at for at, line in enumerate(lines) if first in line][:NEAR]
    stripped = [line.strip() for line in lines]
    for old in swap.old.splitlines():
        if old.strip() and old.strip() not in "\n".join(lines):
            near = difflib.get_close_matches(old.strip(), stripped, NEAR, ALIKE)
            return sorted(stripped.index(line) for line in near)
    return []


def _elsewhere(plant: Plant, swap: Swap):
    """The stage's other files that have the text."""
    return [file.name for file in sorted(stage_of(plant.stage).folder.glob("*.[ch]"))
            if file.name != swap.file and swap.old in file.read_text("utf-8")]


def describe(plant: Plant, error) -> str:
    """Why it is stale, with the text and the lines that are near."""
    words = [f"{plant.label}: {error}"]
    for swap in plant.swaps:
        text = text_of(plant.stage, swap.file)
        if text.count(swap.old) == 1:
            continue
        words += [f"    {'text':6}| {line}" for line in swap.old.splitlines()]
        words += [f"    {at + 1:<6}| {text.splitlines()[at]}" for at in _near_lines(plant, swap)]
        words += [f"    it stands in {file}" for file in _elsewhere(plant, swap)]
    return "\n".join(words)


def wrong_checks(plant: Plant, cases: dict):
    """What is wrong with the checks that are named: there is none, or not for that program."""
    if not plant.caught_by:
        yield f"{plant.label}: no check is named"
    for name, program in plant.checks():
        if name not in cases:
            near = ", ".join(nearest(name, cases))
            yield f"{plant.label}: there is no check {name}" + (f"; near: {near}" if near else "")
        elif not cases[name].applies(plant.claims or plant.stage, program, "plain"):
            yield (f"{plant.label}: {name} is not for {program} of "
                   f"v{plant.claims or plant.stage:02}")


def problems() -> list:
    """A text for each plant that no longer stands."""
    cases = {f"{case.group}.{method}": getattr(case, method).spec
             for case in load_checks() for method in methods(case)}
    labels = Counter(plant.label for plant in all_plants())
    found = []
    for catalogue in catalogues():
        for plant in catalogue.plants:
            words = []
            try:
                planted_texts(plant)
            except Stale as error:
                words.append(describe(plant, error))
            if catalogue.checked:
                words += wrong_checks(plant, cases)
            if catalogue.checked and labels[plant.label] > 1:
                words.append(f"{plant.label}: there are several of this name")
            found += [f"{catalogue.path}, {text}" for text in words]
    return found


def main() -> int:
    found = problems()
    for text in found:
        print(text)
    total = sum(len(catalogue.plants) for catalogue in catalogues())
    print(f"{total} plants, {len(found)} problems"
          + ("" if found else ": each text stands exactly once"))
    return 1 if found or not total else 0


if __name__ == "__main__":
    sys.exit(main())
