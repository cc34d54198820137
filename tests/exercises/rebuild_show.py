"""What a reader who rebuilds a stage is told: the bar, and the first failure alone."""
from __future__ import annotations

import itertools
import re

from exercises.rebuild import LADDER_CHECK, RebuildVerdict
from exercises.rebuild_checks import Outside
from harness.runner import Outcome, load_checks, methods

CELLS = 10
WIDEST = 200        # characters of a line that a check or a server says


def bar(verdict: RebuildVerdict) -> str:
    """Half of the cells for what is kept, half for what is new."""
    def share(passed, total):
        return passed / total if total else 1

    cells = int(CELLS / 2 * (share(verdict.kept_passed, verdict.kept_total)
                             + share(verdict.new_passed, verdict.new_total)) + 1e-9)
    return "[" + "#" * cells + "." * (CELLS - cells) + "]"


def head(verdict: RebuildVerdict) -> str:
    """v05  kept 62/62  new 1/3  [######....]"""
    def count(passed, outcomes):
        known = outcomes and verdict.built or any(o.seconds and o.status == "ok" for o in outcomes)
        return passed if known else "?"

    kept = count(verdict.kept_passed, verdict.kept)
    new = count(verdict.new_passed, verdict.new)
    return (f"v{verdict.number:02}  kept {kept}/{verdict.kept_total}  "
            f"new {new}/{verdict.new_total}  {bar(verdict)}")


def summary_of(check: str) -> str:
    """What the check looks at, in one line."""
    if check == LADDER_CHECK:
        return "The program is made of parts, and none includes one that stands higher."
    for case in (*load_checks(), Outside):
        if check.startswith(case.group + ".") and check.split(".")[1] in methods(case):
            return (getattr(case, check.split(".")[1]).__doc__ or "").strip().split("\n")[0]
    return ""


def show(verdict: RebuildVerdict, last_head="") -> str:
    """The bar, and the first failure alone.

    `last_head` is the bar as it stood when it last built: shown while nothing can be checked.
    """
    lines = [head(verdict) if verdict.built or not last_head else
             f"{last_head}  when it last built"]
    lines += parts_line(verdict)
    lines += [f"left out: {why}" for why in dict.fromkeys(o.text for o in verdict.skipped)]
    first = verdict.first
    if verdict.error:
        done, total = verdict.compiled
        lines.append(f"does not build yet ({done} of {total} sources compile): {verdict.error}")
    elif first:
        lines += ["", *failure(verdict, first)]
        if verdict.not_run and any(o.status == "FAIL" for o in verdict.kept):
            lines.append(f"  (what is new is looked at when all of v{verdict.number - 1:02} holds)")
    return "\n".join(lines)


def parts_line(verdict: RebuildVerdict) -> list:
    """Which of the stage's new parts are there; nothing for who names theirs otherwise."""
    there = [part for part, is_there in verdict.parts.items() if is_there]
    left = [part for part, is_there in verdict.parts.items() if not is_there]
    if not there or not left:
        return []
    return [f"new parts: {', '.join(there)}; not yet: {', '.join(left)}"]


def failure(verdict: RebuildVerdict, outcome: Outcome) -> list:
    """One check that failed: what it looks at, what came of it, what the server said."""
    if re.fullmatch(r"there is no \S+ yet", outcome.text):
        return [f"Next: {outcome.text}"]
    kept = any(o is outcome for o in verdict.kept)
    word = f"Must hold, as in v{verdict.number - 1:02}" if kept else "Not yet"
    program = "" if outcome.program in ("", "echo_server") else f" [{outcome.program}]"
    lines = [f"{word}: {outcome.check}{program}: {summary_of(outcome.check)}"]
    lines += [f"  {cut(line)}" for line in outcome.text.splitlines()[:12]]
    said = squeezed([o for o in outcome.stderr.splitlines() if not o.startswith("$ ")])
    if said:
        lines += ["  the server said:"] + [f"    {cut(line)}" for line in said[-6:]]
    return lines


def cut(line: str) -> str:
    return line if len(line) <= WIDEST else line[:WIDEST - 2] + " …"


def squeezed(lines) -> list:
    """Lines that come again and again, once, with their number."""
    return [line + (f"  ({count} times)" if count > 1 else "")
            for line, same in itertools.groupby(lines) for count in [len(list(same))]]
