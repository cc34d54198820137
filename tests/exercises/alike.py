"""For the teacher alone: how alike two students' changes are, and how alike the solution."""
from __future__ import annotations

import difflib
import os
import re
from pathlib import Path

from exercises import patch, workshop
from exercises.catalogue import Exercise, exercises
from exercises.problem import Problem

WORTH_A_LOOK = 0.8      # share of equal words from which a pair is listed
SHORTEST = 150          # words of a change that can be compared
_COMMENT = re.compile(r"/\*.*?\*/|//[^\n]*", re.S)
_TEXT = re.compile(r'"(?:\\.|[^"\\\n])*"')
_WORD = re.compile(r"[A-Za-z_]\w*|\d\w*|[^\s\w]")
C_WORDS = set("break case char const continue default do double else enum extern for goto if int "
              "long return short signed sizeof static struct switch typedef union unsigned void "
              "volatile while bool true false NULL".split())


def change(exercise: Exercise, texts: dict) -> list:
    """The words of the lines that a copy adds: each name by when it first comes, no comments."""
    added = "\n".join(patch.added_lines(patch.make(exercise.start_texts(), texts)))
    names, words = {}, []
    for word in _WORD.findall(_TEXT.sub("0", _COMMENT.sub("", added))):
        if re.match(r"[A-Za-z_]", word) and word not in C_WORDS:
            word = names.setdefault(word, f"name{len(names)}")
        words.append(word)
    return words


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
        if not folder.is_dir() or folder.is_symlink():
            continue
        try:
            found[student.name] = change(exercise, workshop.sources(folder))
        except (OSError, workshop.Unreadable) as error:
            print(f"{student.name}: left out: {error}")
    return {name: words for name, words in found.items() if len(words) >= SHORTEST}


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
        pairs = compare(exercise, changes_of(exercise, students))
        for share, one, other in pairs:
            print(f"{exercise.name:22} {share:4.0%}  {one} - {other}")
            count += 1
    print(f"{len(students)} students, {count} pairs of changes that are {WORTH_A_LOOK:.0%} "
          "alike or more; short changes are left out")
    return 0


def add_commands(commands):
    commands.add_parser("alike").set_defaults(run=run_alike)
