"""For the teacher alone: how alike two students' changes are, and how alike the solution."""
from __future__ import annotations

import difflib
import os
import re
from pathlib import Path

from exercises import copies, patch, workshop
from exercises.catalogue import Exercise, exercises
from exercises.problem import Problem

WORTH_A_LOOK = 0.8      # share of equal lines from which a pair is listed
SHORTEST = 5            # lines of a change that can be compared
_COMMENT = re.compile(r"/\*.*?\*/|//[^\n]*", re.S)
_WORD = re.compile(r"[A-Za-z_]\w*")


def change(exercise: Exercise, texts: dict) -> list:
    """The lines that a copy adds, with comments gone and new names all called the same."""
    start = exercise.start_texts()
    known = set(_WORD.findall(" ".join(start.values())))
    added = "\n".join(patch.added_lines(patch.make(start, texts)))
    lines = []
    for line in _COMMENT.sub("", added).splitlines():
        line = _WORD.sub(lambda word: word[0] if word[0] in known else "?", line)
        line = re.sub(r"\s+", "", line)
        if len(line) > 1:
            lines.append(line)
    return lines


def likeness(one: list, other: list) -> float:
    return difflib.SequenceMatcher(None, one, other, autojunk=False).ratio()


def compare(exercise: Exercise, changes: dict) -> list:
    """(likeness, one, other) for each pair that is worth a look."""
    found, names = [], sorted(changes)
    for at, one in enumerate(names):
        for other in names[at + 1:]:
            share = likeness(changes[one], changes[other])
            if share >= WORTH_A_LOOK:
                found.append((share, one, other))
    return sorted(found, reverse=True)


def changes_of(exercise: Exercise, students) -> dict:
    found = {"the solution": change(exercise, exercise.solution_texts())}
    for student in students:
        folder = student / exercise.name
        if folder.is_dir():
            found[student.name] = change(exercise, workshop.sources(folder))
    return {name: lines for name, lines in found.items() if len(lines) >= SHORTEST}


def run_alike(_args) -> int:
    """CLASS names a folder with one mine/ folder a student."""
    folder = os.environ.get("CLASS", "")
    if not folder or not Path(folder).is_dir():
        raise Problem("CLASS=FOLDER: a folder that holds each student's mine/ under a name")
    students = sorted(path for path in Path(folder).iterdir() if path.is_dir())
    count = 0
    for exercise in exercises():
        if exercise.kind != "build":    # a mistake has one cure: all are alike
            continue
        with copies.words_for_failures(folder):
            pairs = compare(exercise, changes_of(exercise, students))
        for share, one, other in pairs:
            print(f"{exercise.name:22} {share:4.0%}  {one} - {other}")
            count += 1
    print(f"{len(students)} students, {count} pairs of changes that are {WORTH_A_LOOK:.0%} "
          "alike or more; short changes are left out")
    return 0


def add_commands(commands):
    commands.add_parser("alike").set_defaults(run=run_alike)
