"""The checks that can judge a copy: those of tests/checks, and an exercise's own."""
from __future__ import annotations

import functools
import importlib.util
import sys

from exercises.catalogue import Exercise
from harness.check import Check, Target
from harness.runner import Task, load_checks, methods


@functools.lru_cache(maxsize=None)
def own_checks(exercise: Exercise) -> tuple:
    """The classes of checks in the exercise's folder."""
    found = []
    for path in sorted(exercise.folder.glob("check_*.py")):
        name = f"exercises_of_{exercise.stage.name}_{path.stem}"
        spec = importlib.util.spec_from_file_location(name, path)
        module = sys.modules[name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        found += [item for item in vars(module).values()
                  if isinstance(item, type) and issubclass(item, Check) and item.group
                  and item.__module__ == name]
    return tuple(found)


def known_checks(exercise: Exercise) -> dict:
    """{group.name: class} of all that may judge it."""
    return {f"{case.group}.{method}": case for case in (*load_checks(), *own_checks(exercise))
            for method in methods(case)}


def named(exercise: Exercise, stage, mode) -> list:
    """The checks that judge it by name, for a copy of its stage."""
    known = known_checks(exercise)
    return [Task(Target(stage, program, mode), known[name], name.split(".")[1])
            for name, program in exercise.checks()]


def kept(stage, mode, programs, leave_out=()) -> list:
    """The promises that the stage keeps, for these of its programs; no limitations.

    A limitation that a reader has lifted early is no failure.
    """
    tasks = []
    for case in load_checks():
        for method in methods(case):
            spec = getattr(case, method).spec
            for program in programs:
                name = f"{case.group}.{method}"
                if not spec.limit and spec.applies(stage.number, program, mode.name) \
                        and name not in leave_out and f"{name} {program}" not in leave_out:
                    tasks.append(Task(Target(stage, program, mode), case, method))
    return tasks


def unnamed(exercise: Exercise, stage, mode) -> list:
    """The exercise's own checks that it does not name: they hold at its start already."""
    judging = {name for name, _ in exercise.checks()}
    return [Task(Target(stage, exercise.program, mode), case, method)
            for case in own_checks(exercise) for method in methods(case)
            if f"{case.group}.{method}" not in judging
            and mode.name in getattr(case, method).spec.modes]


def others(exercise: Exercise, stage, mode, programs) -> list:
    """What a solution must not break: the promises of the stage, and those of the exercise."""
    judging = {f"{name} {program}" for name, program in exercise.checks()}
    own = unnamed(exercise, stage, mode)
    if exercise.kind == "predict" or exercise.data.get("keeps", "all") != "all":
        return own
    return own + kept(stage, mode, programs, {*exercise.excepted, *judging})


def summary(task: Task) -> str:
    """What the check looks at, in one line."""
    words = (getattr(task.case, task.method).__doc__ or "").strip()
    return words.split("\n")[0]
