"""Judges a copy: builds it, runs what judges it, and says what is wrong first."""
from __future__ import annotations

import os
import shutil
import subprocess
import time
from dataclasses import dataclass, field, replace

from exercises import workshop
from exercises.catalogue import PREDICT, Exercise, guesses
from exercises.checks import kept, named, others, unnamed
from harness.modes import PLAIN, VALGRIND, Mode
from harness.runner import Outcome, run_all

JOBS = 6        # checks at a time for each CPU
MOST_AGAIN = 2  # checks that get a second try
LIMIT = 600     # seconds for the checks of one copy
# Beside the checks that judge it, these show whether a solution leaks.
UNDER_VALGRIND = ("echo.every_byte_value", "half_close.small", "rude.reset_after_sending",
                  "stop.with_clients_connected", "chat.lines_go_to_all_others",
                  "http.get_and_head")


@dataclass
class Verdict:
    """What came of a copy."""

    exercise: Exercise
    error: str = ""             # it does not build: one line
    words: str = ""             # all that the compiler said
    named: list = field(default_factory=list)       # outcomes, in order
    kept: list = field(default_factory=list)
    memory: list = field(default_factory=list)      # under valgrind
    built: workshop.Built = None

    @property
    def failures(self) -> list:
        return [o for o in (*self.named, *self.kept, *self.memory) if o.status == "FAIL"]

    @property
    def skipped(self) -> list:
        return [o for o in self.named if o.status == "skip"]

    @property
    def passed(self) -> bool:
        return not self.error and bool(self.named) and not self.failures \
            and len(self.skipped) < len(self.named)


def jobs() -> int:
    return JOBS * (os.cpu_count() or 1)


def programs_touched(exercise: Exercise, built) -> list:
    """The stage's programs that the changes can have changed: all, if a part is another one."""
    programs = built.stage.programs()
    sources = {f"{name}.c" for name in programs}
    own = {f"{name}" for name in built.changed if name.endswith("_server.c")} - {"tcp_server.c"}
    parts = set(built.changed) - own
    if parts:
        return programs
    return [name for name in programs if f"{name}.c" in own & sources]


def build(exercise: Exercise, texts: dict, seed: str = "") -> workshop.Built:
    """The copy; for a prediction, the sources that it began with: those are measured."""
    if exercise.kind != "predict":
        return workshop.build(exercise.stage, texts, exercise.name)
    start = exercise.start_texts(seed)
    given = guesses(texts.get(PREDICT, ""))
    start.pop(PREDICT)
    built = workshop.build(exercise.stage, start, exercise.name)
    stage = replace(built.stage, guesses=tuple(given.items()),
                    numbers=tuple(exercise.numbers(seed).items()))
    return replace(built, stage=stage)


def judge(exercise: Exercise, texts: dict, seed: str = "", mode: Mode = PLAIN,
          stop=True, keeps=True, memory=False, times: int = 1) -> Verdict:
    """Build and check; with `stop`, up to the first failure."""
    verdict = Verdict(exercise)
    built = verdict.built = build(exercise, texts, seed)
    wanted = {program for _, program in exercise.checks()}
    missing = [name for name in sorted(wanted) if not built.stage.program(name).exists()]
    if built.words or missing:
        verdict.words = built.words
        verdict.error = built.first_error if built.words else \
            f"there is no {missing[0]}: {missing[0]}.c is not among the sources"
        return verdict
    verdict.named = run_in_order(named(exercise, built.stage, mode) * times, stop)
    if keeps and any(o.status == "ok" for o in verdict.named) and not (stop and verdict.failures):
        rest = others(exercise, built.stage, mode, programs_touched(exercise, built))
        verdict.kept = run(rest, stop)
    if memory and verdict.passed and exercise.kind != "predict" and shutil.which("valgrind"):
        verdict.memory = run(under_valgrind(exercise, built), stop)
    return verdict


def run_in_order(tasks, stop: bool) -> list:
    """The outcomes in the order of the tasks; with `stop`, up to the first failure."""
    if not stop:
        by_task = run(tasks, False)
        order = [f"{t.check} {t.target.program}" for t in tasks]
        return sorted(by_task, key=lambda o: order.index(f"{o.check} {o.program}"))
    outcomes = []
    for task in tasks:
        outcomes += run([task], True)
        if outcomes[-1].status == "FAIL":
            break
    return outcomes


def run(tasks, stop: bool) -> list:
    """Run them, several at a time.

    On a busy machine a limit in time can be missed: where few have failed, these run once more,
    alone, and the second outcome counts.
    """
    outcomes = []
    try:
        failed = run_all(tasks, jobs(), outcomes.append, stop, _deadline()) if tasks else []
    except OutOfTime:
        done = {(o.check, o.program) for o in outcomes}
        return outcomes + [_not_run(t) for t in tasks
                           if (t.check, t.target.program) not in done]
    once = len({(t.check, t.target.program) for t in tasks}) == len(tasks)
    if once and len(tasks) > 1 and len(failed) <= MOST_AGAIN:
        for task in failed:
            outcomes = [o for o in outcomes if not _is_of(o, task)]
            run_all([task], 1, outcomes.append)
    return outcomes


class OutOfTime(Exception):
    """The checks of a copy have taken too long."""


def _deadline():
    """For run_all, which calls it now and then."""
    until = time.monotonic() + LIMIT

    def tick(_running):
        if time.monotonic() > until:
            raise OutOfTime

    return tick


def _not_run(task) -> Outcome:
    return Outcome(task.target.stage.name, task.target.stage.number, task.target.program,
                   task.check, "", "", "FAIL", 0.0,
                   f"not run: the checks before it took more than {LIMIT} s")


def _is_of(outcome: Outcome, task) -> bool:
    return (outcome.check, outcome.program) == (task.check, task.target.program)


def under_valgrind(exercise: Exercise, built) -> list:
    """The exercise's own checks, and a few of the stage's, under memcheck."""
    own = [task for task in (*named(exercise, built.stage, VALGRIND),
                             *unnamed(exercise, built.stage, VALGRIND))
           if VALGRIND.name in task.spec.modes]
    judging = {task.check for task in own}
    few = kept(built.stage, VALGRIND, programs_touched(exercise, built)[:1], exercise.excepted)
    return own + [task for task in few
                  if task.check in UNDER_VALGRIND and task.check not in judging]


def format_problems(exercise: Exercise, built) -> list:
    """What clang-format would change in the solution's files; nothing where it is missing."""
    names = [name for name in built.changed if (built.stage.folder / name).exists()]
    if not shutil.which("clang-format") or not names:
        return []
    shutil.copy2(exercise.stage.folder.parent / ".clang-format", built.stage.folder)
    done = subprocess.run(["clang-format", "--dry-run", "--Werror", *names],
                          cwd=built.stage.folder, capture_output=True, text=True, check=False)
    return [f"clang-format: {line}" for line in done.stderr.splitlines()[:1]] \
        if done.returncode else []
