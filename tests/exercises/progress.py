"""How far a reader is, by the names of the exercises: mine/progress.json."""
from __future__ import annotations

import contextlib
import json
import os
import subprocess
import time

from exercises import copies
from exercises.problem import Problem
from harness.stages import ROOT

LONGEST_PAUSE = 20 * 60     # seconds between two tries that count as work


def _path():
    return copies.mine() / "progress.json"


def read() -> dict:
    """{name: what is known}; a damaged file is set aside, and said."""
    path = _path()
    try:
        found = json.loads(path.read_text("utf-8"))["exercises"]
        if not all(isinstance(entry, dict) for entry in found.values()):
            raise ValueError("an entry is no object")
        return found
    except FileNotFoundError:
        return {}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        return _set_aside(path, error)
    except OSError as error:
        raise Problem(f"{copies.shown(path)}: {error.strerror}") from None


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
        found = json.loads(_path().read_text("utf-8"))["exercises"]
        return {name: entry for name, entry in found.items() if isinstance(entry, dict)}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}


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
        fresh = _path().with_suffix(f".{os.getpid()}")
        try:
            with copies.words_for_failures(copies.shown(_path())):
                fresh.write_text(text + "\n", "utf-8")
                fresh.replace(_path())
        finally:
            with contextlib.suppress(OSError):
                fresh.unlink()


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
