"""Points for all that was worked on. Written after each exercise, so that a crash still grades."""
from __future__ import annotations

import os
import shutil
import sys
import time
import traceback
from dataclasses import dataclass, field
from pathlib import Path

from exercises import copies, formats, judge, progress, rebuild_commands, workshop
from exercises.catalogue import OWN_WORDS, PREDICT, Exercise, exercises

from exercises.problem import Problem
from harness import guard
from harness.build import scratch

BEHAVIOUR, VALGRIND, STYLE, WORDS = 70, 15, 5, 10
WARNINGS = 3            # of STYLE; the rest is for the format
BROKEN = 7              # points that each broken promise of the stage costs
DAY = 86400
MOST_WORDS = 4000       # characters that are shown to the teacher


@dataclass
class Part:
    """One line of a grade."""

    what: str
    score: float
    most: float
    words: str = ""


@dataclass
class Grade:
    """What one exercise, or one rebuilt stage, earns."""

    name: str
    kind: str
    parts: list = field(default_factory=list)
    words: str = ""         # the student's own, for the teacher
    seconds: float = 0.0
    known: dict = field(default_factory=dict)       # what progress.json says; not to be trusted

    @property
    def score(self) -> float:
        return round(sum(part.score for part in self.parts), 1)

    @property
    def most(self) -> float:
        return sum(part.most for part in self.parts)


def _share(outcomes) -> tuple:
    """(passed, judged) without those that could not run."""
    judged = [o for o in outcomes if o.status != "skip"]
    return sum(o.status == "ok" for o in judged), len(judged)


def _first(outcomes) -> str:
    """The first failure, in words."""
    failed = next((o for o in outcomes if o.status == "FAIL"), None)
    return f"{failed.check}: {failed.text}" if failed else ""


def grade_exercise(exercise: Exercise, texts: dict, seed: str) -> list:
    """The parts of its grade."""
    if exercise.kind == "predict":
        return _predicted(exercise, texts, seed)
    verdict = judge.judge(exercise, texts, seed, stop=False)
    if verdict.error:
        return [Part("behaviour", 0, BEHAVIOUR, f"does not build: {verdict.error}"),
                Part("valgrind", 0, VALGRIND), Part("warnings and format", 0, STYLE)]
    parts = [_behaviour(verdict)]
    if parts[0].score == 0:     # else a copy as it was handed out would earn points
        return parts + [Part("valgrind", 0, VALGRIND), Part("warnings and format", 0, STYLE)]
    return parts + [_under_valgrind(exercise, texts), _style(exercise, texts)]


def _predicted(exercise: Exercise, texts: dict, seed: str) -> list:
    verdict = judge.judge(exercise, texts, seed, stop=False)
    most = (BEHAVIOUR + VALGRIND + STYLE) / len(verdict.named or [1])
    asked = [line for line in exercise.prediction_form(seed).splitlines() if line.endswith("?")]
    other = "" if all(line in texts.get(PREDICT, "") for line in asked) else \
        "predict.txt asks for other numbers: was it made with another SEED?\n"
    return [Part(outcome.check, most if outcome.status == "ok" else 0,
                 0 if outcome.status == "skip" else most,
                 (other if outcome.text else "") + outcome.text)
            for outcome in verdict.named] or [Part("predictions", 0, 90, verdict.error)]


def _behaviour(verdict) -> Part:
    passed, total = _share(verdict.named)
    words = f"{passed} of {total} checks"
    score = BEHAVIOUR * passed / total if total else 0
    broken = sum(o.status == "FAIL" for o in verdict.kept)
    if broken:
        words += f"; {broken} broken that held before"
    failure = _first([*verdict.named, *verdict.kept])
    return Part("behaviour", max(round(score - BROKEN * broken, 1), 0), BEHAVIOUR if total else 0,
                "\n".join(filter(None, (words, failure))))


def _under_valgrind(exercise: Exercise, texts: dict) -> Part:
    if not shutil.which("valgrind"):
        return Part("valgrind", 0, 0, "valgrind is missing: not judged")
    built = workshop.build(exercise.stage, texts, exercise.name)
    tasks = judge.under_valgrind(exercise, built)
    outcomes = judge.run(tasks, False)
    passed, total = _share(outcomes)
    if not total:
        return Part("valgrind", 0, 0, "no check of it can run under valgrind")
    return Part("valgrind", round(VALGRIND * passed / total, 1), VALGRIND,
                "\n".join(filter(None, (f"{passed} of {total} checks", _first(outcomes)))))


def _style(exercise: Exercise, texts: dict) -> Part:
    built = workshop.build(exercise.stage, texts, exercise.name, werror=True)
    wrong = [f"a warning: {built.first_error}"] if built.words else []
    formats_badly = judge.format_problems(exercise, built)
    score = (0 if built.words else WARNINGS) + (0 if formats_badly else STYLE - WARNINGS)
    return Part("warnings and format", score, STYLE, "\n".join(wrong + formats_badly))


def grade_rebuild(number: int, texts: dict, known: dict) -> list:
    """A point for each row of the behaviour table."""
    return [Part(row, score, 1, words)
            for row, score, words in rebuild_commands.graded(number, texts, known.get("headers", False))]


def to_grade() -> list:
    """What ASSIGNED names; else the copies in mine/. In the order of the course, rebuilds last."""
    names = [e.name for e in exercises()] + [f"rebuild-v{n:02}" for n in range(2, 11)]
    assigned = os.environ.get("ASSIGNED", "").split()
    unknown = [name for name in assigned if name not in names]
    if unknown:
        raise Problem(f"ASSIGNED: there is no exercise {unknown[0]!r}")
    return [name for name in names
            if name in assigned or not assigned and copies.folder(name).is_dir()]


def _grade(name: str, known: dict, late: bool) -> Grade:
    """One grade; whatever goes wrong is said in it."""
    start = time.monotonic()
    exercise = next((e for e in exercises() if e.name == name), None)
    grade = Grade(name, exercise.kind if exercise else "rebuild", known=known)
    most = BEHAVIOUR + VALGRIND + STYLE if exercise else \
        rebuild_commands.points(int(name[-2:]), known.get("headers", False))
    if not copies.folder(name).is_dir() or late:
        words = "out of time: not judged" if late else "nothing was handed in"
        grade.parts = [Part("the copy", 0, most, words)]
        return grade
    try:
        texts = copies.read(name)
        grade.words = own_words(name, texts)
        seed = os.environ.get("SEED") or known.get("seed", "")
        grade.parts = grade_exercise(exercise, texts, seed) if exercise else \
            grade_rebuild(int(name[-2:]), texts, known)
    except Problem as problem:
        grade.parts = [Part("the copy", 0, most, str(problem))]
    except Exception:
        grade.parts = [Part("the grader itself failed", 0, most, traceback.format_exc(limit=3))]
    grade.seconds = time.monotonic() - start
    return grade


def own_words(name: str, texts: dict) -> str:
    """What the student says; the machine does not judge it."""
    if PREDICT in texts:
        return texts[PREDICT][:MOST_WORDS]
    return copies.small_file(copies.folder(name) / OWN_WORDS)[:MOST_WORDS]


def write(grades, kind: str, path: Path, complete: bool):
    copies.write(path, formats.FORMATS[kind](grades, complete))


def warn():
    """What a grader of strangers' work should know of this machine."""
    secret = next((e.folder / "solution.patch" for e in exercises() if e.kind == "build"), None)
    if os.environ.get("MINE") and os.geteuid():
        print("grade: not as root: the programs run as you, and may read and change what is yours",
              file=sys.stderr)
    elif os.environ.get("MINE") and secret and secret.exists() and guard.may_read(secret):
        print("grade: the programs can read the solutions: chmod 700 the folder of this clone",
              file=sys.stderr)


def run_grade(_args) -> int:
    kind = os.environ.get("FORMAT", "")
    if kind and kind not in formats.FORMATS:
        raise Problem(f"FORMAT={kind}: there are {', '.join(formats.FORMATS)}")
    if not copies.mine().is_dir():
        raise Problem(f"{copies.shown(copies.mine())}: there is no such folder; "
                      "`make try-NAME` begins an exercise")
    names = to_grade()
    if not names:
        print(f"{copies.shown(copies.mine())} holds no copy: folders are wanted that are called "
              "as the exercises are, such as greeting or rebuild-v02", file=sys.stderr)
    warn()
    scratch()
    path = Path(os.environ.get("OUT") or copies.mine() / "results.json")
    known, grades = progress.read_only(), []
    until = time.monotonic() + float(os.environ.get("TIME") or DAY)
    if kind:
        write(grades, kind, path, False)
    for name in names:
        grades.append(_grade(name, known.get(name, {}), time.monotonic() > until))
        print(formats.line(grades[-1]), flush=True)
        if kind:
            write(grades, kind, path, name == names[-1])
    print(formats.total(grades))
    if kind:
        write(grades, kind, path, True)
        print(f"written: {copies.shown(path.absolute())}")
        formats.for_workflow(kind, path)
    return 0


def add_commands(commands):
    commands.add_parser("grade").set_defaults(run=run_grade)
