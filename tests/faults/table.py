"""The table: what fails, in which stage, and whether it was survived."""
from __future__ import annotations

from faults import catalogue as cat

TITLES = {cat.STARTING: "At the start", cat.SERVING: "While it serves",
          cat.STOPPING: "While it stops", cat.WHOLE: "From the start to the end"}
HEAD = """# What fails, and what is survived

Written by `make faults`; `tests/README.md` says what is done and how to read it. **survived**
means: no crash, no hang, no spin, no descriptor or memory lost, no wrong byte, no loss for anybody
but whom the catalogue allows it, a line on stderr where it asks for one, and afterwards a new
client is served and SIGTERM ends the server with status 0. At the start it means a line on stderr
and exit status 1. **-** means that the call was not made there.
"""
SURVIVED, ABSENT = "survived", "-"
SPLIT = ("read", "write")       # calls that are told apart by what they are for


def labels(result):
    """The rows of the table that a run belongs to: (phase, what, error)."""
    fault = result.fault
    what = fault.call or fault.what
    kinds = {hit.on for hit in result.hits if hit.call == fault.call} - {"message"}
    if fault.call not in SPLIT or fault.row.phase == cat.STARTING:
        kinds = {""}
    return [(fault.row.phase, f"{what} ({kind})" if kind else what, fault.error)
            for kind in sorted(kinds)]


class Table:
    """Cells, filled as the runs come in."""

    def __init__(self):
        self.rows = {}          # label: {column: outcome}
        self.columns = []       # names of targets
        self.echo = set()       # those of the echo server

    def add(self, result):
        name = result.target.name
        if name not in self.columns:
            self.columns.append(name)
            if result.target.program == "echo_server":
                self.echo.add(name)
        for label in labels(result) if result.reached or result.wrong else ():
            row = self.rows.setdefault(label, {})
            if result.wrong or name not in row:
                row[name] = result.wrong or SURVIVED

    def text(self):
        parts = [HEAD]
        for phase in (cat.SERVING, cat.STOPPING, cat.STARTING, cat.WHOLE):
            parts.append(f"## {TITLES[phase]}\n")
            for echo in (True, False):
                columns = [c for c in self.columns if (c in self.echo) == echo]
                lines = self._lines(phase, columns)
                if lines:
                    parts.append("\n".join([*_head(columns), *lines]) + "\n")
        return "\n".join(parts)

    def _lines(self, phase, columns):
        lines = []
        for label in sorted((la for la in self.rows if la[0] == phase), key=_order):
            cells = [self.rows[label].get(column, ABSENT) for column in columns]
            if any(cell != ABSENT for cell in cells):
                lines.append(f"| {label[1]} | {label[2]} | " + " | ".join(cells) + " |")
        return lines


def _head(columns):
    return [f"| call | error | {' | '.join(columns)} |",
            "| --- | --- |" + " --- |" * len(columns)]


def _order(label):
    """As the catalogue has them."""
    call = label[1].split(" (")[0]
    for at, row in enumerate(cat.ROWS):
        if row.phase == label[0] and call in row.calls.split() and label[2] in row.errors.split():
            return (at, label[1], row.errors.split().index(label[2]))
    return (len(cat.ROWS), label[1], 0)


def cells(text):
    """{(section, call, error, column): outcome} of a table that was written."""
    found, section, columns = {}, "", []
    for line in text.splitlines():
        words = [word.strip() for word in line.strip("|").split("|")]
        if line.startswith("## "):
            section = line[3:]
        elif line.startswith("| call "):
            columns = words[2:]
        elif line.startswith("| ") and columns:
            for column, outcome in zip(columns, words[2:]):
                found[(section, words[0], words[1], column)] = outcome
    return found


def differences(kept, made):
    """Lines that say where a table that was kept is not what was measured. Whether a call is
    reached at all may depend on who was faster: only that is not compared."""
    kept, made = cells(kept), cells(made)
    lines = []
    for key in sorted(kept.keys() | made.keys()):
        old, new = kept.get(key, ABSENT), made.get(key, ABSENT)
        if old != new and ABSENT not in (old, new):
            lines.append(f"{', '.join(key)}: the table says `{old}`, measured was `{new}`")
    known = {key[1:3] for key in kept}
    return lines + [f"{', '.join(key)}: the table has no such row"
                    for key in sorted({key[1:3] for key in made} - known)]
