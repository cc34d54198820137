"""What the book's pages are made of, as one JSON text: stages, files, functions, behaviours,
checks, exercises. It asks the tools and the harness, and parses nothing anew."""
import inspect
import json
import sys
from pathlib import Path

sys.dont_write_bytecode = True
BOOK = Path(__file__).resolve().parent
sys.path[:0] = [str(BOOK.parent), str(BOOK.parent / "tools")]

import c_text                               # noqa: E402
import stages as st                         # noqa: E402
from exercises import catalogue             # noqa: E402
from harness import matrix, runner, spec    # noqa: E402


def functions_of(stage, name):
    """The functions that a file defines."""
    text = st.read(stage / name)
    code = c_text.code_only(text).splitlines()
    return [{"name": function, "file": name, "line": line, "last": line + count - 1,
             "static": code[line - 1].lstrip().startswith("static ")}
            for function, line, count in c_text.functions(text)]


def stage_facts(stage):
    """A stage, its files in reading order, and its functions."""
    files = st.code_files(stage)
    return {"short": st.short(stage), "name": stage.name, "number": int(stage.name[1:3]),
            "files": [{"name": name, "lines": len(st.read(stage / name).splitlines()),
                       "program": st.is_program(name)} for name in files],
            "functions": [function for name in files if name != "Makefile"
                          for function in functions_of(stage, name)]}


def table_cells(line):
    """The cells of a row of a Markdown table."""
    return [cell.strip() for cell in line.strip().strip("|").split("|")]


def measured():
    """The table between the marks in the top README: {words of the row: its cells}."""
    text = st.read(st.ROOT / "README.md").split(matrix.BEGIN, 1)[1].split(matrix.END, 1)[0]
    rows = [table_cells(line) for line in text.splitlines() if line.startswith("| ")]
    return {row[0]: row[1:] for row in rows[2:]}


def behaviours():
    """Each row of the table, with what was measured of each stage."""
    cells = measured()
    return [{"id": row.id, "words": row.words, "cells": cells[row.words]}
            for row in spec.ROWS if row.words in cells]


def source_of(function):
    """The file, the first and the last line of a check's method."""
    code = inspect.unwrap(function)
    lines, first = inspect.getsourcelines(code)
    path = Path(inspect.getsourcefile(code)).resolve().relative_to(st.ROOT)
    return {"file": path.as_posix(), "line": first, "last": first + len(lines) - 1}


def check_facts(case, method):
    """A check: its name, what it shows, where it stands and what it is a check of."""
    function = getattr(case, method)
    mark = function.spec
    words = inspect.cleandoc(function.__doc__ or "").split("\n\n")[0]
    return {"name": f"{case.group}.{method}", "class": case.__name__,
            "words": " ".join(words.split()), "row": mark.row, "limit": mark.limit,
            "stages": numbers(mark.stages), "programs": list(mark.programs),
            "also": {"row": mark.also[0], "stages": numbers(mark.also[1])} if mark.also else None,
            **source_of(function)}


def numbers(stages):
    """The numbers of the course's stages that a mark such as `1-7,9-` names."""
    return [number for number in range(1, len(st.stages()) + 1)
            if spec.includes(stages, number)]


def exercise_facts(exercise):
    """What a reader may see of an exercise: never its answer, nor the notes for teachers."""
    data = exercise.data
    return {"name": exercise.name, "stage": st.short(exercise.stage.folder),
            "folder": exercise.folder.relative_to(st.ROOT).as_posix(),
            "title": data["title"], "kind": exercise.kind, "minutes": exercise.minutes,
            "line": data["line"], "program": exercise.program, "files": data.get("files", []),
            "tools": data.get("tools", []), "task": exercise.task(),
            "questions": [exercise.filled(question["ask"])
                          for question in data.get("questions", [])],
            "hints": [exercise.filled(hint) for hint in exercise.hints()]}


def facts():
    """All of it."""
    return {"stages": [stage_facts(stage) for stage in st.stages()],
            "ladder": list(st.LADDER),
            "rows": behaviours(),
            "checks": [check_facts(case, method) for case in runner.load_checks()
                       for method in runner.methods(case)],
            "exercises": [exercise_facts(exercise) for exercise in catalogue.exercises()]}


if __name__ == "__main__":
    json.dump(facts(), sys.stdout)
