"""Outcomes in a file: who needs them a second time need not run the checks again."""
from __future__ import annotations

import hashlib
import json
from collections import Counter
from dataclasses import asdict

from harness.runner import Outcome
from harness.stages import ROOT

# What an outcome depends on: the stages' sources, and the checks with all that they call.
SOURCES = ("v[0-9][0-9]_*/*.[ch]", "v[0-9][0-9]_*/Makefile", "tests/run.py", "tests/checks/*.py",
           "tests/harness/*.py", "tests/unit/*.[ch]", "tests/preload/*.c")


class Unusable(Exception):
    """Why the outcomes in a file are not those that a run would have now."""


def tree() -> str:
    """A number for the sources as they stand; another one when a byte of them has changed."""
    digest = hashlib.sha256()
    for pattern in SOURCES:
        for path in sorted(ROOT.glob(pattern)):
            data = path.read_bytes()
            digest.update(f"{path.relative_to(ROOT)} {len(data)}\n".encode() + data)
    return digest.hexdigest()


def write(path: str, outcomes, of: str):
    """Write the outcomes, and of which sources they are: `tree()` before these were built."""
    with open(path, "w", encoding="utf-8") as file:
        json.dump({"tree": of, "outcomes": [asdict(one) for one in outcomes]}, file, indent=1)
        file.write("\n")


def read(path: str, tasks) -> list:
    """The outcomes in the file: one of each of these checks, of the sources as they stand."""
    try:
        with open(path, encoding="utf-8") as file:
            data = json.load(file)
        outcomes = [Outcome(**one) for one in data["outcomes"]]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise Unusable(f"{path}: no outcomes can be read from it: {error}") from None
    if data.get("tree") != tree():
        raise Unusable(f"{path}: a stage or a check has changed since these outcomes were written")
    found = Counter((one.stage, one.program, one.check) for one in outcomes)
    wanted = Counter((t.target.stage.name, t.target.program, t.check) for t in tasks)
    wrong = sorted((found - wanted) | (wanted - found))
    if wrong:
        raise Unusable(f"{path}: not the outcomes of each check once; such as {' '.join(wrong[0])}")
    return outcomes
