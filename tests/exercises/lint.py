"""Are an exercise's files as they should be? Runs nothing."""
from __future__ import annotations

import re

from exercises import patch
from exercises.catalogue import KEYS, KINDS, PREDICT, Exercise, Wrong
from exercises.checks import known_checks
from plants.plant import Stale

NEEDED = {"title", "kind", "minutes", "line"}
OWN = {"build": {"files", "checks"}, "find": {"files", "checks", "plants"},
       "predict": {"questions"}}
MOST_LINE, MOST_COLUMNS = 90, 100


def problems(exercise: Exercise):
    """What is wrong, a line each."""
    data = exercise.data
    missing = NEEDED - data.keys()
    if missing or data.get("kind") not in KINDS:
        yield f"exercise.json: {', '.join(sorted(missing)) or 'kind'} is missing or unknown"
        return
    unknown = data.keys() - KEYS
    if unknown:
        yield f"exercise.json: unknown: {', '.join(sorted(unknown))}"
    wanted = OWN[exercise.kind] - data.keys() - ({"plants"} if "starts" in data else set())
    if wanted:
        yield f"exercise.json: {exercise.kind} needs {', '.join(sorted(wanted))}"
        return
    if len(data["line"]) > MOST_LINE:
        yield f"exercise.json: the line has {len(data['line'])} characters, not {MOST_LINE}"
    yield from _readme(exercise)
    yield from _checks(exercise)
    yield from _texts(exercise)


def _readme(exercise: Exercise):
    lines = exercise.readme.splitlines() or [""]
    if lines[0] != f"# {exercise.data['title']}":
        yield f"README.md: begins with {lines[0]!r}, not with the title of exercise.json"
    head = f"**{exercise.kind}** · {exercise.minutes} minutes · stage v{exercise.stage.number:02}"
    if head not in lines[:4]:
        yield f"README.md: line 3 must be {head!r}"
    if not 2 <= len(exercise.hints()) <= 4:
        yield f"README.md: {len(exercise.hints())} hints, not two to four"
    if len(exercise.answer()) < 100:
        yield "README.md: no answer"
    if not exercise.folded("For teachers"):
        yield "README.md: nothing for teachers"
    if exercise.readme.count("<details>") != len(exercise.folded("")):
        yield "README.md: <details><summary>…</summary> and </details> stand on lines of their own"
    if len(exercise.task()) < 200:
        yield "README.md: where is the task?"
    for number, line in enumerate(lines, 1):
        if len(line) > MOST_COLUMNS and not line.startswith("|") and "http" not in line:
            yield f"README.md:{number}: {len(line)} columns"


def _checks(exercise: Exercise):
    known = known_checks(exercise)
    for name, program in exercise.checks():
        if name not in known:
            yield f"there is no check {name}"
    for name in exercise.excepted:
        if name.split()[0] not in known:
            yield f"except: there is no check {name}"
    if exercise.kind == "predict":
        for question in exercise.data["questions"]:
            if not re.fullmatch(r"\w+", question["name"]):
                yield f"question {question['name']!r}: no name"


def _texts(exercise: Exercise):
    try:
        for plant_seed in range(8 if exercise.kind != "build" else 1):
            start = exercise.start_texts(str(plant_seed) if plant_seed else "")
        if exercise.kind != "predict":
            solution = exercise.solution_texts()
            changed = {name for name in start.keys() | solution.keys()
                       if start.get(name) != solution.get(name)} - {PREDICT}
            extra = changed - set(exercise.data["files"])
            if extra:
                yield f"the solution changes {', '.join(sorted(extra))}, which files does not name"
            for name in changed:
                for number, line in enumerate(solution.get(name, "").splitlines(), 1):
                    if len(line) > 80:
                        yield f"solution, {name}:{number}: {len(line)} columns"
    except (Stale, Wrong, patch.DoesNotApply, FileNotFoundError) as error:
        yield str(error)
