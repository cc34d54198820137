"""Each rebuild fails on the untouched copy, in each row of what is new, and passes on the stage."""
from __future__ import annotations

from exercises import judge as judging
from exercises import rebuild, workshop
from exercises.catalogue import texts_of
from exercises.rebuild_checks import ROW as OUTSIDE
from harness import modes
from harness.check import Target
from harness.runner import Task, run_all

TAKE_LONG = ("closes.each_descriptor_once",)   # to fail: left out where another check fails
HOLDS_ALREADY = {(2, "cost")}       # new promises that the stage before happens to keep


def prove(numbers=(), with_kept=False) -> list:
    """What is wrong, a line each. With `with_kept` all that is kept is run as well.

    That the true stage keeps all its promises is what `make test` shows.
    """
    found = []
    for number in numbers or range(rebuild.FIRST, rebuild.LAST + 1):
        found += [f"rebuild-v{number:02}: {words}" for words in (
            *_untouched(number, with_kept), *_true_stage(number), *_headers(number))]
    return found


def _build(number: int, texts: dict):
    return workshop.build(rebuild.stage_of(number), texts, f"prove-rebuild-v{number:02}")


def _run(built, chosen, mode) -> dict:
    """{promise: outcome}"""
    tasks = {Task(Target(built.stage, p.program, mode), p.case, p.method): p for p in chosen}
    names = {f"{t.check} {t.target.program}": p for t, p in tasks.items()}
    outcomes = {}

    def take(outcome):
        outcomes[names[f"{outcome.check} {outcome.program}"]] = outcome

    run_all(list(tasks), judging.jobs(), take)
    missed = [t for t, p in tasks.items() if outcomes[p].status == "FAIL"]
    if mode is modes.PLAIN and len(missed) <= judging.MOST_AGAIN:
        run_all(missed, 1, take)
    return outcomes


def _untouched(number: int, with_kept: bool):
    built = _build(number, rebuild.start_texts(number))
    if built.words:
        yield f"the untouched copy does not build: {built.first_error}"
        return
    kept, new = rebuild.promises(number)
    there = built.stage.programs()
    failing = {p.of(number) for p in new if p.program not in there}
    outcomes = _run(built, [p for p in new if p.program in there
                            and not (p.check in TAKE_LONG and p.of(number) in failing)],
                    rebuild.HASTY)
    failing |= {p.of(number) for p, outcome in outcomes.items() if outcome.status == "FAIL"}
    skipped = {p.of(number) for p, outcome in outcomes.items() if outcome.status == "skip"}
    for row in dict.fromkeys(p.of(number) for p in new):
        if row not in failing | skipped and (number, row) not in HOLDS_ALREADY:
            yield f"nothing new in row {row!r} fails on the untouched copy"
    if not new:
        yield "nothing is new"
    for promise, outcome in (_run(built, kept, modes.PLAIN) if with_kept else {}).items():
        if outcome.status == "FAIL":
            yield (f"{promise.check} {promise.program} is kept, and fails on the untouched copy: "
                   + outcome.text.splitlines()[0])


def _true_stage(number: int):
    built = _build(number, texts_of(rebuild.stage_of(number).folder))
    if built.words:
        yield f"the stage does not build: {built.first_error}"
        return
    outside = [p for p in sum(rebuild.promises(number), []) if p.of(number) == OUTSIDE]
    for promise, outcome in _run(built, outside, modes.PLAIN).items():
        if outcome.status == "FAIL":
            yield f"{promise.check} fails on the stage itself: {outcome.text.splitlines()[0]}"
    ladder = rebuild.check_ladder(built.stage)
    if number >= rebuild.LADDER_SINCE and ladder.status == "FAIL":
        yield f"{ladder.check} fails on the stage itself: {ladder.text}"


def _headers(number: int):
    """With the new headers handed out, each check from C is for a part that there can be."""
    texts = texts_of(rebuild.stage_of(number).folder)
    for promise in sum(rebuild.promises(number, True), []):
        if promise.unit and f"{rebuild.unit_part(promise)}.c" not in texts:
            yield f"{promise.check} is for {rebuild.unit_part(promise)}.c, which is not there"
