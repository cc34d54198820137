"""What a reader of exercises sees."""
from __future__ import annotations

import sys

from exercises import copies
from exercises.catalogue import OWN_WORDS, PREDICT, Exercise, exercises
from harness.bars import has_colour

CELLS = 10
_COLOURS = {"+": "32", "-": "31", "@": "36"}
STDERR_LINES = 8


def bar(done: int, total: int) -> str:
    cells = CELLS * done // total if total else 0
    return "[" + "#" * cells + "." * (CELLS - cells) + "]"


def coloured(diff: str) -> str:
    if not has_colour(sys.stdout):
        return diff
    return "\n".join(f"\033[{_COLOURS[line[0]]}m{line}\033[0m" if line[:1] in _COLOURS else line
                     for line in diff.splitlines())


def task(exercise: Exercise, seed: str) -> str:
    """The task, and where to work."""
    where = copies.shown(copies.folder(exercise.name))
    files = [PREDICT] if exercise.kind == "predict" else exercise.data["files"]
    name = exercise.name
    own = "" if exercise.kind == "predict" else \
        f"{OWN_WORDS} there is for your own words, which your teacher reads.\n"
    return (f"{exercise.task(seed)}\n\n"
            f"Your copy is {where}/; work in {', '.join(files)}.\n{own}"
            + "".join(f"  {command:36} {words}\n" for command, words in (
                (f"make try-{name}", "build it, check it, show the first failure"),
                (f"make watch-{name}", "the same at each save"),
                (f"make hint-{name}", f"a hint, of {len(exercise.hints())}"),
                (f"{where}/{exercise.program}", "your server, to start by hand"))))


def true_numbers(exercise: Exercise, seed: str) -> str:
    """The answers of a prediction, a line each."""
    return "".join(f"{question['name']:20} {exercise.truth(question, seed):g}\n"
                   for question in exercise.data["questions"])


def verdict(found, untouched: bool, known: dict) -> str:
    """The first failure alone, or that it has passed."""
    name = found.exercise.name
    if found.error:
        return (f"{name}: does not build: {found.error}\n\n{found.words.rstrip()}" if
                found.words else f"{name}: does not build: {found.error}")
    passed = sum(o.status == "ok" for o in found.named)
    total = len(found.exercise.checks())
    lines = [f"{name}  the first {passed} of {total} checks pass  {bar(passed, total)}"
             if found.failures and passed else
             f"{name}  {passed} of {total} checks  {bar(passed, total)}"]
    if untouched:
        lines.append("(your copy is as you got it)")
    lines += skipped(found)
    if found.passed:
        return "\n".join(lines + well_done(found.exercise, known))
    if not found.failures:
        return "\n".join(lines + ["It can't be judged here: see above."])
    return "\n".join(lines + failure(found) + [f"\nA hint: make hint-{name}"])


def skipped(found) -> list:
    """Why some checks were left out, each reason once."""
    reasons = dict.fromkeys(o.text for o in (*found.named, *found.kept) if o.status == "skip")
    return [f"left out: {reason}" for reason in reasons]


def failure(found) -> list:
    """One check that failed: what it looks at, what came of it, what the server said."""
    outcome = found.failures[0]
    kept = outcome in found.kept
    program = "" if outcome.program == found.exercise.program else f" [{outcome.program}]"
    head = (f"\nYour change has broken {outcome.check}{program}, which held before:" if kept else
            f"\nIt does all that is asked, but not under valgrind: {outcome.check}{program}"
            if outcome in found.memory else f"\nNot yet: {outcome.check}{program}")
    return [head, *described(outcome)]


def described(outcome) -> list:
    lines = [f"  {line}" for line in outcome.text.splitlines()]
    said = [line for line in outcome.stderr.splitlines() if not line.startswith("$ ")]
    if said:
        lines += ["  the server said:"] + [f"    {line}" for line in said[-STDERR_LINES:]]
    return lines


def well_done(exercise: Exercise, known: dict) -> list:
    tries = known.get("tries", 1)
    following = next((e for e in exercises()[exercises().index(exercise) + 1:]), None)
    lines = [f"\nPassed{f', after {tries} tries' if tries > 1 else ''}.",
             f"  make answer-{exercise.name}: our solution beside yours, and what it has to do "
             "with real servers"]
    if following:
        lines.append(f"  make try-{following.name}: the next one "
                     f"({following.kind}, {following.minutes} minutes)")
    return lines


def table(found, known: dict, width: int) -> str:
    """All exercises, by stage, and how far the reader is."""
    lines, stage = [], None
    for exercise in found:
        if exercise.stage != stage:
            stage = exercise.stage
            own = [e for e in found if e.stage == stage]
            passed = sum(bool(known.get(e.name, {}).get("passed")) for e in own)
            lines += ["", f"{stage.name:16} {bar(passed, len(own))} {passed}/{len(own)}"]
        lines.append(row(exercise, known.get(exercise.name, {}), width))
    passed = sum(bool(known.get(e.name, {}).get("passed")) for e in found)
    done = [f"rebuild-v{number:02}" for number in range(2, 11)
            if known.get(f"rebuild-v{number:02}", {}).get("passed")]
    lines += ["", f"{passed} of {len(found)} passed; rebuilt: {', '.join(done) or 'no stage yet'}",
              "make try-NAME begins one, make rebuild-v02 the server itself"]
    return "\n".join(lines[1:])


def row(exercise: Exercise, entry: dict, width: int) -> str:
    mark = "x" if entry.get("passed") else "-" if entry.get("tries") else " "
    text = (f"  [{mark}] {exercise.name:20} {exercise.kind:8}{exercise.minutes:3} min  "
            f"{exercise.data['line']}")
    return text if len(text) <= width else text[:width - 1] + "…"
