"""Unified diffs: strictly applied, and made. A reader may have neither git nor patch(1)."""
from __future__ import annotations

import difflib
import re

_HUNK = re.compile(r"^@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@")
_NONE = "/dev/null"


class DoesNotApply(Exception):
    """Where a patch and the text that it is for differ."""


def parse(text: str) -> dict:
    """{file: [(first line, old lines, new lines)]}; a new file's only hunk has no old lines."""
    found, hunks, old, new = {}, None, None, None
    left = [0, 0]
    for line in text.splitlines(keepends=True):
        if left[0] > 0 or left[1] > 0:
            if line[0] in " -":
                old.append(line[1:])
                left[0] -= 1
            if line[0] in " +":
                new.append(line[1:])
                left[1] -= 1
        elif line.startswith("--- "):
            source = _name(line)
        elif line.startswith("+++ "):
            name = _name(line)
            hunks = found.setdefault(source if name == _NONE else name, [])
        elif line.startswith("\\"):
            raise DoesNotApply("a file without a newline at its end")
        elif _HUNK.match(line):
            first, count, _, more = _HUNK.match(line).groups()
            left = [int(count or 1), int(more or 1)]
            old, new = [], []
            hunks.append((int(first), old, new))
    if left != [0, 0]:
        raise DoesNotApply("the patch ends in the middle of a hunk")
    return found


def _name(line: str) -> str:
    name = line[4:].split("\t")[0].strip()
    return name if name == _NONE else re.sub(r"^[ab]/", "", name)


def apply(texts: dict, patch: str) -> dict:
    """The files' texts with the patch; every line must stand where the patch says."""
    result = dict(texts)
    for name, hunks in parse(patch).items():
        lines = result.get(name, "").splitlines(keepends=True)
        moved = 0
        for first, old, new in hunks:
            at = max(first - 1, 0) + moved
            if lines[at:at + len(old)] != old:
                raise DoesNotApply(f"{name}, line {first}: the text there is another one")
            lines[at:at + len(old)] = new
            moved += len(new) - len(old)
        result[name] = "".join(lines)
        if not result[name]:
            del result[name]
    return result


def make(before: dict, after: dict) -> str:
    """The patch from some texts to others, by file name."""
    parts = []
    for name in sorted(before.keys() | after.keys()):
        old, new = before.get(name, ""), after.get(name, "")
        if old != new:
            parts += difflib.unified_diff(
                old.splitlines(keepends=True), new.splitlines(keepends=True),
                f"a/{name}" if name in before else _NONE, f"b/{name}" if name in after else _NONE)
    return "".join(parts)


def added_lines(patch: str) -> list:
    """The lines that the patch adds, without white space around them."""
    return [line[1:].strip() for line in patch.splitlines()
            if line.startswith("+") and not line.startswith("+++") and line[1:].strip()]
