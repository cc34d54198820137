"""The command `rebuild`: the reader turns one stage into the next."""
from __future__ import annotations

import os
import re
import time

from exercises import copies, progress, rebuild, rebuild_show
from exercises.catalogue import texts_of
from exercises.problem import Problem
from harness.names import nearest
from harness.spec import ROWS
from harness.stages import find_stages


def is_there(number: int) -> bool:
    """Whether a reader has both stages: a handout may end before."""
    have = {stage.number for stage in find_stages()}
    return {number - 1, number} <= have


def number_of(word: str) -> int:
    """v05, v5 or 5; a stage that is there and that has one before it."""
    match = re.fullmatch(r"v?0*(\d+)", word)
    there = [n for n in range(rebuild.FIRST, rebuild.LAST + 1) if is_there(n)]
    if not match or int(match[1]) not in there:
        names = [f"v{n:02}" for n in there]
        near = nearest(word, names)
        raise Problem(f"there is no stage {word!r} to rebuild; there are "
                      f"{', '.join(near or names)}")
    return int(match[1])


def begin(number: int, name: str):
    """Make the copy, and say what to do with it."""
    headers, previous = bool(os.environ.get("HEADERS")), None
    source = f"v{number - 1:02}"
    if os.environ.get("FROM"):
        source = own_source(number)
        previous = copies.read(source)
    texts = rebuild.start_texts(number, headers, previous)
    copies.create(name, texts, rebuild.stage_of(number).folder / "Makefile")
    with progress.change(name) as entry:
        entry.update(last=time.time(), started=time.time(), headers=headers, bar="")
    kept, new = rebuild.totals(number, headers)
    stage, where = rebuild.stage_of(number).name, copies.shown(copies.folder(name))
    print(f"{where}/ holds {source}. Turn it into {stage}.\n"
          f"{kept} checks hold in v{number - 1:02} and must go on holding; new: {new}.\n"
          f"{stage}/README.md says what the stage is about and in which order to read; "
          f"make diff-{stage[:3]} shows our way.\n"
          f"  make {name:30} build it, check it, show the first failure\n"
          f"  make -C {where} run")


def own_source(number: int) -> str:
    """The reader's own stage before."""
    if os.environ["FROM"] != "mine":
        raise Problem(f"FROM={os.environ['FROM']}: FROM=mine goes on from your own stage")
    source = f"rebuild-v{number - 1:02}"
    if number == rebuild.FIRST or not copies.folder(source).exists():
        raise Problem(f"FROM=mine: there is no {copies.shown(copies.folder(source))}"
                      + ("; rebuild-v02 begins with v01" if number == rebuild.FIRST else ""))
    if not progress.of(source).get("passed"):
        print(f"{source} has not passed yet; you go on from it as it is")
    return source


def check(number: int, name: str) -> bool:
    known = progress.of(name)
    if os.environ.get("HEADERS") and not known.get("headers"):
        print(f"HEADERS=1 counts when the copy is made: make reset-{name} begins anew")
    verdict = rebuild.judge(number, copies.read(name), known.get("headers", False))
    progress.tried(name, verdict.passed)
    print(rebuild_show.show(verdict, known.get("bar", "")))
    if verdict.built:
        with progress.change(name) as entry:
            entry["bar"] = rebuild_show.head(verdict)
    if verdict.passed:
        print(f"\nv{number:02} stands. " + (
            f"Go on from it: make rebuild-v{number + 1:02} FROM=mine"
            if is_there(number + 1) else "That was the last stage: you have built it all."))
    return verdict.passed


def run_rebuild(args) -> int:
    number = number_of(args.stage)
    name = f"rebuild-v{number:02}"
    with copies.lock(name):
        if not copies.folder(name).exists():
            begin(number, name)
            return 0
        return 0 if check(number, name) else 1


def reset(word: str) -> int:
    """A fresh copy; the old one is kept."""
    number = number_of(word.removeprefix("rebuild-"))
    name = f"rebuild-v{number:02}"
    with copies.lock(name):
        if copies.folder(name).exists():
            print(f"the old copy is kept in {copies.shown(copies.set_aside(name))}")
        begin(number, name)
    return 0


def points(number: int, headers: bool) -> int:
    """As many as there are rows."""
    return len(rebuild.rows(number, headers))


def graded(number: int, texts: dict, headers: bool) -> list:
    """(row, its point or a part of it, words) of each row of the behaviour table.

    What the stage before had already counts as much as the share of what is new that holds.
    """
    rows, words = rebuild.rows(number, headers), {row.id: row.words for row in ROWS}
    if texts == rebuild.start_texts(number, headers):
        return [(words.get(row, row), 0, "nothing was changed") for row in rows]
    verdict = rebuild.judge(number, texts, headers, stop=False)
    good, failed = rebuild.points(verdict), {}
    for outcome in (*verdict.kept, *verdict.new):
        if outcome.status == "FAIL":
            failed.setdefault(outcome.row, f"{outcome.check} {outcome.program}: {outcome.text}")
    share = verdict.new_passed / verdict.new_total if verdict.built and verdict.new_total else 0
    new = {outcome.row for outcome in verdict.new}
    copied = "the same as the stage's own files" if texts == texts_of(
        rebuild.stage_of(number).folder) else ""
    return [(words.get(row, row), bool(good.get(row)) * (1 if row in new else round(share, 2)),
             failed.get(row, "") or verdict.error or copied) for row in rows]


def add_commands(commands):
    parser = commands.add_parser("rebuild")
    parser.add_argument("stage")
    parser.set_defaults(run=run_rebuild)
