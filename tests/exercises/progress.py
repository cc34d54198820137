"""How far a reader is, by the names of the exercises: mine/progress.json."""
from __future__ import annotations

import contextlib
import json
import subprocess
import time

from exercises import copies
from harness.stages import ROOT

KEYS = ("passed", "tries", "hints", "minutes", "seed", "course", "headers")   # for a grader
DAMAGED = (ValueError, KeyError, TypeError, AttributeError, RecursionError)
LONGEST_PAUSE = 20 * 60     # seconds between two tries that count as work


def _path():
    return copies.mine() / "progress.json"


def read() -> dict:
    """{name: what is known}; a damaged file is set aside, and said."""
    path = _path()
    try:
        if not path.exists():
            return {}
        found = _load(path)
        if not all(isinstance(entry, dict) for entry in found.values()):
            raise ValueError("an entry is no object")
        return found
    except DAMAGED as error:
        return _set_aside(path, error)


def _set_aside(path, error) -> dict:
    number = 1
    while path.with_suffix(f".damaged-{number}").exists():
        number += 1
    kept = path.with_suffix(f".damaged-{number}")
    with copies.words_for_failures(copies.shown(path)):
        path.rename(kept)
    print(f"{copies.shown(path)} was damaged ({error}); it is kept as "
          f"{copies.shown(kept)}, and progress begins anew")
    return {}


def read_only() -> dict:
    """The same for a grader: what is damaged is nothing, and stays where it is."""
    try:
        found = _load(_path())
        return {name: {key: value for key, value in entry.items() if key in KEYS}
                for name, entry in found.items() if isinstance(entry, dict)}
    except DAMAGED:
        return {}


def _load(path) -> dict:
    """The entries of a file that may be anything."""
    def no_number(word):
        raise ValueError(f"{word} is no number")

    text = copies.small_file(path)
    return json.loads(text, parse_constant=no_number)["exercises"]


def of(name: str) -> dict:
    return read().get(name, {})


@contextlib.contextmanager
def change(name: str):
    """The entry of one exercise, to be changed; written whole or not at all."""
    with copies.lock("progress", wait=True):
        known = read()
        entry = known.setdefault(name, {})
        yield entry
        entry["course"] = course()
        text = json.dumps({"exercises": known}, indent=1, sort_keys=True)
        copies.write(_path(), text + "\n")


def tried(name: str, passed: bool):
    """Count a check of the copy, and the minutes since the one before."""
    now = time.time()
    with change(name) as entry:
        pause = now - entry.get("last", now)
        entry["minutes"] = round(entry.get("minutes", 0)
                                 + min(max(pause, 0), LONGEST_PAUSE) / 60, 1)
        entry["last"] = now
        entry["tries"] = entry.get("tries", 0) + 1
        if passed and not entry.get("passed"):
            entry["passed"] = time.strftime("%Y-%m-%d %H:%M")


def course() -> str:
    """Which state of the course this is: a commit, where there is git."""
    with contextlib.suppress(OSError, subprocess.TimeoutExpired):
        if (ROOT / ".git").exists():
            done = subprocess.run(["git", "-C", str(ROOT), "rev-parse", "--short", "HEAD"],
                                  capture_output=True, text=True, timeout=5, check=False)
            return done.stdout.strip()
        return (ROOT / "tests/exercises/course").read_text("ascii").strip()
    return ""
