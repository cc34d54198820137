"""Each rebuild fails on the untouched copy, in each row of what is new, and passes on the stage."""
from __future__ import annotations

from dataclasses import dataclass

from exercises import judge as judging
from exercises import rebuild, workshop
from exercises.catalogue import texts_of
from exercises.rebuild_checks import ROW as OUTSIDE
from harness import modes
from harness.check import Target
from harness.runner import Task, run_all

MORE = 2            # times as many at once as elsewhere: those that fail do nothing but wait
HOLDS_ALREADY = {(2, "cost")}       # new promises that the stage before happens to keep


@dataclass(frozen=True)
class Trial:
    """A check of the untouched copy, or of the stage itself."""

    number: int
    promise: rebuild.Promise
    task: Task

    @property
    def row(self) -> tuple:
        return self.number, self.promise.of(self.number)


def prove(numbers=(), with_kept=False) -> list:
    """What is wrong, a line each. With `with_kept` all that is kept is run as well.

    That the true stage keeps all its promises is what `make test` shows.
    """
    numbers = numbers or range(rebuild.FIRST, rebuild.LAST + 1)
    found = [(number, words) for number in numbers for words in _headers(number)]
    starts = _built(numbers, rebuild.start_texts, "the untouched copy", found)
    stages = _built(numbers, lambda n: texts_of(rebuild.stage_of(n).folder), "the stage", found)
    must_pass = _must_pass(stages, "on the stage itself", lambda p, n: p.of(n) == OUTSIDE)
    if with_kept:
        must_pass.update(_must_pass(starts, "on the untouched copy, and is kept",
                                lambda p, n: p in rebuild.promises(n)[0]))
    found += _outcomes(starts, must_pass)
    found += [(n, words) for n, built in stages.items() for words in _ladder(n, built.stage)]
    return [f"rebuild-v{number:02}: {words}" for number, words in sorted(found)]


def _built(numbers, texts, what: str, found: list) -> dict:
    """{number: what came of it}, those left out that do not build."""
    done = {number: workshop.build(rebuild.stage_of(number), texts(number),
                                   f"prove-rebuild-v{number:02}") for number in numbers}
    found += [(number, f"{what} does not build: {built.first_error}")
              for number, built in done.items() if built.words]
    return {number: built for number, built in done.items() if not built.words}


def _trial(number: int, promise, built, mode) -> Trial:
    target = Target(built.stage, promise.program, mode)
    return Trial(number, promise, Task(target, promise.case, promise.method))


def _must_pass(copies: dict, where: str, wanted) -> dict:
    """{trial: the words if it fails}"""
    return {_trial(number, promise, built, modes.PLAIN): where
            for number, built in copies.items()
            for promise in sum(rebuild.promises(number), []) if wanted(promise, number)}


def _must_fail(starts: dict) -> dict:
    """{(number, row): trials}, quick ones first; none where the program is not there."""
    rows = {}
    for number, built in starts.items():
        for promise in rebuild.promises(number)[1]:
            trial = _trial(number, promise, built, modes.PROVE)
            rows.setdefault(trial.row, []).append(trial)
    there = {number: built.stage.programs() for number, built in starts.items()}
    return {row: sorted(trials, key=lambda t: t.promise.spec.exclusive)
            for row, trials in rows.items()
            if all(t.promise.program in there[row[0]] for t in trials)}


def _outcomes(starts: dict, must_pass: dict):
    """What must pass and does not, and rows of what is new where nothing fails.

    One check of each row is tried first; the others where it does not fail.
    """
    for number in starts:
        if not rebuild.promises(number)[1]:
            yield number, "nothing is new"
    rows = _must_fail(starts)
    outcomes = _run([*must_pass, *(trials[0] for trials in rows.values())])
    left = [row for row, trials in rows.items() if outcomes[trials[0]].status == "ok"]
    outcomes.update(_run([trial for row in left for trial in rows[row][1:]]))
    for trial, where in must_pass.items():
        if outcomes[trial].status == "FAIL":
            yield (trial.number, f"{trial.promise.check} {trial.promise.program} fails {where}: "
                   + outcomes[trial].text.splitlines()[0])
    for number, row in left:
        if (number, row) not in HOLDS_ALREADY \
                and all(outcomes[trial].status == "ok" for trial in rows[number, row]):
            yield number, f"nothing new in row {row!r} fails on the untouched copy"


def _run(trials) -> dict:
    """{trial: outcome}; where few fail that must pass, they run again, alone."""
    names = {(t.task.target.stage.name, t.task.check, t.task.target.program): t for t in trials}
    outcomes = {}

    def take(outcome):
        outcomes[names[outcome.stage, outcome.check, outcome.program]] = outcome

    run_all([trial.task for trial in trials], MORE * judging.jobs(), take)
    missed = [trial.task for trial in trials if outcomes[trial].status == "FAIL"
              and trial.task.target.mode is modes.PLAIN]
    if len(missed) <= judging.MOST_AGAIN:
        run_all(missed, 1, take)
    return outcomes


def _ladder(number: int, stage):
    outcome = rebuild.check_ladder(stage)
    if number >= rebuild.LADDER_SINCE and outcome.status == "FAIL":
        yield f"{outcome.check} fails on the stage itself: {outcome.text}"


def _headers(number: int):
    """With the new headers handed out, each check from C is for a part that there can be."""
    texts = texts_of(rebuild.stage_of(number).folder)
    for promise in sum(rebuild.promises(number, True), []):
        if promise.unit and f"{rebuild.unit_part(promise)}.c" not in texts:
            yield f"{promise.check} is for {rebuild.unit_part(promise)}.c, which is not there"
