"""Carries solutions on when their stage has changed: a merge of three, with git."""
from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path

from exercises import patch
from exercises.catalogue import Exercise, chosen, texts_of
from harness.stages import ROOT

MOST_COMMITS = 400


def _git(*words) -> str:
    done = subprocess.run(["git", "-C", str(ROOT), *words], capture_output=True, text=True,
                          check=False)
    return done.stdout if done.returncode == 0 else ""


def _stage_at(commit: str, exercise: Exercise) -> dict:
    """The stage's sources in that commit, by name; those that the patch needs."""
    names = patch.parse(exercise.solution_patch())
    texts = {name: _git("show", f"{commit}:{exercise.stage.name}/{name}") for name in names}
    return {name: text for name, text in texts.items() if text}


def last_base(exercise: Exercise) -> dict | None:
    """The newest sources to which the solution applies."""
    commits = _git("log", f"-{MOST_COMMITS}", "--format=%H", "--", exercise.stage.name).split()
    given = texts_of(exercise.folder / "start")
    for commit in commits:
        texts = {**_stage_at(commit, exercise), **given}
        try:
            patch.apply(texts, exercise.solution_patch())
            return texts
        except patch.DoesNotApply:
            continue
    return None


def merged(old: str, solved: str, new: str) -> tuple:
    """(text, conflicts): what the solution did to the old text, done to the new one."""
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder) / name for name in ("solution", "before", "stage")]
        for path, text in zip(paths, (solved, old, new)):
            path.write_text(text, "utf-8")
        done = subprocess.run(["git", "merge-file", "-p", "-L", "solution", "-L", "before",
                               "-L", "stage", *map(str, paths)],
                              capture_output=True, text=True, check=False)
        return done.stdout, done.returncode


def refresh(exercise: Exercise) -> str:
    """Carry one on; a line that says what came of it, or nothing if it applies as it is."""
    now = exercise.start_texts()
    try:
        patch.apply(now, exercise.solution_patch())
        return ""
    except patch.DoesNotApply:
        pass
    base = last_base(exercise)
    if base is None:
        return f"{exercise.name}: no commit is known to which the solution applies"
    solved = patch.apply(base, exercise.solution_patch())
    conflicts, result = 0, dict(now)
    for name in solved:
        result[name], count = merged(base.get(name, ""), solved[name], now.get(name, ""))
        conflicts += count
    if not conflicts:
        (exercise.folder / "solution.patch").write_text(patch.make(now, result), "utf-8")
        return f"{exercise.name}: carried on; prove it: make exercises-prove K={exercise.name}"
    return _by_hand(exercise, result, conflicts)


def _by_hand(exercise: Exercise, texts: dict, conflicts: int) -> str:
    folder = ROOT / "build" / "refresh" / exercise.name
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in texts.items():
        (folder / name).write_text(text, "utf-8")
    where = folder.relative_to(ROOT)
    return (f"{exercise.name}: {conflicts} conflicts: mend them in {where}, then "
            f"python3 tests/exercises/run.py save-patch {exercise.name} {where}")


def run_refresh(args) -> int:
    lines = [line for line in map(refresh, (e for e in chosen(args.names) if e.kind == "build"))
             if line]
    print("\n".join(lines) or "every solution applies as it is")
    return 1 if any("conflicts" in line or "no commit" in line for line in lines) else 0


def add_commands(commands):
    parser = commands.add_parser("refresh")
    parser.add_argument("names", nargs="*")
    parser.set_defaults(run=run_refresh)
