"""Runs checks, several at a time, each in a process that is not shared while it runs."""
from __future__ import annotations

import importlib
import multiprocessing
import multiprocessing.connection
import os
import signal
import sys
import time
import traceback
import unittest
from dataclasses import dataclass

from harness import guard, libc
from harness.check import Check, Target
from harness.server import _PR_SET_PDEATHSIG, _prctl, kill_all
from harness.stages import TESTS

CHECK_LIMIT = 120.0   # seconds for one check, before it is given up
MOST_AGAIN = 10       # checks that may get a second try


@dataclass(frozen=True)
class Task:
    """One check of one target."""

    target: Target
    case: type
    method: str

    @property
    def spec(self):
        return getattr(self.case, self.method).spec

    @property
    def row(self) -> str:
        return self.spec.row_of(self.target.stage.number, self.target.program)

    @property
    def check(self) -> str:
        return f"{self.case.group}.{self.method}"


@dataclass
class Outcome:
    """What came of it. The status is ok, limit, FAIL or skip."""

    stage: str
    number: int
    program: str
    check: str
    row: str
    limit: str
    status: str
    seconds: float
    text: str = ""
    stderr: str = ""
    trace: str = ""


class _Result(unittest.TestResult):
    """Keeps the words of what went wrong."""

    def __init__(self):
        super().__init__()
        self.words, self.traces, self.skipped_because = [], [], ""

    def _add(self, err):
        kind, value, trace = err
        words = str(value) if issubclass(kind, AssertionError) else f"{kind.__name__}: {value}"
        self.words.append(words)
        self.traces.append("".join(traceback.format_exception(kind, value, trace)))

    def addFailure(self, test, err):
        self._add(err)

    def addError(self, test, err):
        self._add(err)

    def addSubTest(self, test, subtest, err):
        if err:
            self._add(err)

    def addSkip(self, test, reason):
        self.skipped_because = reason


def load_checks():
    """All classes of checks in tests/checks, by the order of the file names."""
    classes = []
    for file in sorted((TESTS / "checks").glob("check_*.py")):
        module = importlib.import_module(f"checks.{file.stem}")
        for item in vars(module).values():
            if isinstance(item, type) and issubclass(item, Check) and item.group \
                    and item.__module__ == module.__name__:
                classes.append(item)
    return classes


def methods(case: type):
    """The names of a class's checks."""
    return [name for name in vars(case) if hasattr(getattr(case, name), "spec")]


def all_names():
    """(check, program) for each check of any stage, and each program that it is for."""
    return [(f"{case.group}.{method}", program) for case in load_checks()
            for method in methods(case) for program in getattr(case, method).spec.all_programs()]


def plan(stages, mode, words=(), built=True):
    """The checks that apply to these stages and hold one of the words in their name.

    With `built=False`, those too whose programs have not been built.
    """
    tasks = []
    for stage in stages:
        for case in load_checks():
            for method in methods(case):
                for program in stage.programs() if built else stage.promised():
                    task = Task(Target(stage, program, mode), case, method)
                    name = f"{task.check} {program}"
                    if task.spec.applies(stage.number, program, mode.name) and (
                            not words or any(word in name for word in words)):
                        tasks.append(task)
    return tasks


def run_one(task: Task) -> Outcome:
    """Run one check here and now."""
    case = task.case(task.method, task.target)
    result = _Result()
    start = time.monotonic()
    case.run(result)
    spent = time.monotonic() - start
    spec, stage = task.spec, task.target.stage
    status = "limit" if spec.limit else "ok"
    if result.skipped_because:
        status = "skip"
    if result.words:
        status = "FAIL"
    stderr = "".join(f"$ {s.name} {' '.join(s.args)}\n{s.err.text}" for s in case.servers[-3:])
    return Outcome(stage.name, stage.number, task.target.program, task.check, task.row,
                   spec.limit, status, spent, "\n".join(result.words) or result.skipped_because,
                   stderr, "\n".join(result.traces))


def _work(pipe, tasks):
    """A worker process: runs the checks whose numbers come through the pipe."""
    _prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
    # Not ignored: what is ignored here would be ignored in the servers too.
    signal.signal(signal.SIGINT, lambda *_: None)
    signal.signal(signal.SIGTERM, _leave)
    guard.adopt()
    while True:
        try:
            number = pipe.recv()
        except EOFError:
            _leave()
        run = run_guarded if tasks[number].target.stage.guarded else run_one
        try:
            outcome = run(tasks[number])
        finally:
            kill_all()
        pipe.send(outcome)


def run_guarded(task: Task) -> Outcome:
    """The same for a stranger's server: nothing of it outlives the check."""
    watch = guard.Watch(guard.MEMORY * (3 if task.target.mode.light else 1))
    watch.start()
    try:
        outcome = run_one(task)
    finally:
        words = watch.stop() or guard.sweep()
    add_words(outcome, words)
    return outcome


def add_words(outcome: Outcome, words: str):
    """What limits have to say about a check that failed."""
    if words and outcome.status == "FAIL":
        outcome.text += "\n  " + words


def _leave(*_):
    kill_all()
    guard.sweep()
    os._exit(1)


class Worker:
    """A worker process and the check that it has in hand."""

    def __init__(self, tasks):
        self.pipe, other = multiprocessing.Pipe()
        context = multiprocessing.get_context("fork")
        self.process = context.Process(target=_work, args=(other, tasks), daemon=True)
        self.process.start()
        other.close()
        self.task, self.since = None, 0.0

    def give(self, number: int):
        self.task, self.since = number, time.monotonic()
        self.pipe.send(number)

    def end(self):
        self.process.terminate()
        self.process.join(5)
        self.pipe.close()


def run_all(tasks, jobs: int, report, stop_at_failure=False, tick=lambda running: None):
    """Run the checks; those that need the machine for themselves come last, one by one.

    `report` gets each outcome, and `tick` now and then the names of what is running. Returns the
    checks that failed.
    """
    if any(task.target.mode.tool for task in tasks):
        libc.quick()        # before there are workers, each of which would make its own
    together = [i for i, task in enumerate(tasks) if not task.spec.exclusive]
    alone = [i for i, task in enumerate(tasks) if task.spec.exclusive]
    failed = []

    def keep(number, outcome):
        if outcome.status == "FAIL":
            failed.append(tasks[number])
        report(outcome)
        return stop_at_failure and outcome.status == "FAIL"

    sys.stdout.flush()
    if not _run(tasks, together, jobs, keep, tick):
        _run(tasks, alone, 1, keep, tick)
    return failed


def run_again(failed, report):
    """On a busy machine a limit in time can be missed: what failed runs again, nothing beside it.

    Where many have failed it was not that.
    """
    if len(failed) <= MOST_AGAIN:
        run_all(failed, 1, report.add_again, tick=report.tick)


def _run(tasks, numbers, jobs: int, keep, tick) -> bool:
    """True when it was stopped at a failure."""
    waiting = list(reversed(numbers))
    workers = [Worker(tasks) for _ in range(min(jobs, len(waiting)))]
    try:
        for worker in workers:
            worker.give(waiting.pop())
        while any(worker.task is not None for worker in workers):
            for at, worker in enumerate(workers):
                if worker.task is None:
                    continue
                outcome = _outcome(worker, tasks)
                if outcome is None:
                    continue
                number, worker.task = worker.task, None
                if not worker.process.is_alive():
                    workers[at] = worker = Worker(tasks)
                if keep(number, outcome):
                    return True
                if waiting:
                    worker.give(waiting.pop())
            busy = [w for w in workers if w.task is not None]
            tick([tasks[w.task].check for w in sorted(busy, key=lambda w: w.since)])
            multiprocessing.connection.wait([w.pipe for w in busy], 1)
        return False
    finally:
        for worker in workers:
            worker.end()


def _outcome(worker: Worker, tasks):
    """The outcome of the worker's check, if there is one by now."""
    task = tasks[worker.task]
    spent = time.monotonic() - worker.since
    try:
        if worker.pipe.poll():
            return worker.pipe.recv()
        if spent < CHECK_LIMIT * max(1, task.target.mode.scale / 2):
            return None
        text = f"the check did not come to an end in {spent:.0f} s"
    except (EOFError, ConnectionError):
        text = "the process that ran the check died"
    worker.end()
    stage = task.target.stage
    return Outcome(stage.name, stage.number, task.target.program, task.check, task.row,
                   task.spec.limit, "FAIL", spent, text)
