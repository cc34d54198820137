"""In which steps to read what a stage changes: parts from the ground up, the
echo server, then the side programs.

A stage's steps may be named in the file tests/tools/steps of the folder that
holds the stages. What it does not name is grouped by size: a part's files
stay together, and small changes are read in one go.
"""

from dataclasses import dataclass, field
from pathlib import Path

import stages as st

STEPS = Path("tests/tools/steps")  # in the folder that holds the stages
SITTING = 120  # changed lines that one step gathers from several parts
ALIKE = 0.75  # of a program's lines: a difference this long is no shorter


@dataclass
class Entry:
    """A file that differs, and what it is shown against."""

    name: str
    status: str  # added, changed, removed, or `sibling`
    added: int
    removed: int
    old: Path = None  # None: shown whole
    new: Path = None  # None: not shown


@dataclass
class Step:
    title: str
    entries: list = field(default_factory=list)

    @property
    def size(self):
        return sum(entry.added + entry.removed for entry in self.entries)


def entries_between(old, new):
    """(entries to read, entries that are gone, names of unchanged files)."""
    found, gone, same = [], [], []
    for name, status, added, removed in st.changes(old, new):
        if status == "unchanged":
            same.append(name)
        elif status == "removed":
            gone.append(Entry(name, status, added, removed))
        else:
            before = old / name if status == "changed" else None
            found.append(Entry(name, status, added, removed, before,
                               new / name))
    return as_siblings(new, found), gone, same


def entries_of_first(stage):
    """The first stage's side programs, against its echo server."""
    found = [Entry(name, "added", len(st.read(stage / name).splitlines()), 0,
                   None, stage / name)
             for name in st.code_files(stage) if st.is_side_program(name)]
    return as_siblings(stage, found)


def as_siblings(stage, found):
    """Show each new side program against the program that it is most like.

    A program is compared with those that the reader knows by then: the echo
    server, the side programs that the stage before has too, and new ones
    already placed. One that is like none of them is shown whole. Returns the
    entries with the new programs last, each after the one that it is like.
    """
    new = [entry for entry in found
           if entry.status == "added" and st.is_side_program(entry.name)]
    known = [name for name in st.code_files(stage) if st.is_program(name)
             and name not in [entry.name for entry in new]]
    placed = [entry for entry in found if entry not in new]
    while new:
        entry, base, lines = min(
            ((entry, base, st.changed_lines(stage / base, entry.new))
             for entry in new for base in known or [entry.name]),
            key=lambda found: sum(map(len, found[2])))
        added, removed = len(lines[1]), len(lines[0])
        if base != entry.name and \
                added + removed <= ALIKE * entry.added:
            entry.status, entry.old = "sibling", stage / base
            entry.added, entry.removed = added, removed
        new.remove(entry)
        placed.append(entry)
        known.append(entry.name)
    return placed


def read_steps(root):
    """{stage: [(title, parts)]} from the file STEPS; {} if there is none."""
    path, found = root / STEPS, {}
    for line in st.read(path).splitlines() if path.exists() else []:
        if not line.strip() or line.startswith("#"):
            continue
        head, _, parts = line.rpartition(": ")
        stage, _, title = head.partition(" ")
        if not title or not parts.split():
            raise SystemExit(f"{STEPS}: want STAGE TITLE: PART..., "
                             f"got: {line}")
        found.setdefault(stage, []).append((title.strip(), parts.split()))
    return found


def steps_of(stage, entries):
    """The steps of a stage, in the order in which to read them."""
    named = read_steps(stage.parent)
    left, steps = list(entries), []
    for title, parts in named.get(st.short(stage), []):
        own = [entry for part in parts for entry in left
               if entry.name in (f"{part}.h", f"{part}.c", part)]
        left = [entry for entry in left if entry not in own]
        if own:
            steps.append(Step(title, own))
    return steps + grouped(left)


def kind(entry):
    """What is not read together: parts, the echo server, side programs."""
    if st.is_side_program(entry.name):
        return 2
    return 1 if st.is_program(entry.name) else 0


def grouped(entries):
    """Steps by size; a part's header and source are in one."""
    steps, last = [], None
    for unit in units(entries):
        size = sum(entry.added + entry.removed for entry in unit)
        if last and kind(last.entries[0]) == kind(unit[0]) and \
                last.size + size <= SITTING:
            last.entries += unit
        else:
            last = Step("", list(unit))
            steps.append(last)
    for step in steps:
        step.title = ", ".join(dict.fromkeys(
            Path(entry.name).stem for entry in step.entries))
    return steps


def units(entries):
    """The entries of each part, together."""
    found = {}
    for entry in entries:
        found.setdefault(Path(entry.name).stem, []).append(entry)
    return list(found.values())


def problems(root):
    """Lines of the file STEPS that name what does not change."""
    found = []
    named = read_steps(root)
    for old, new in st.steps(root):
        changed = {name for row in st.changes(old, new)
                   if row[1] in ("added", "changed")
                   for name in (row[0], Path(row[0]).stem)}
        for title, parts in named.get(st.short(new), []):
            found += [f"{STEPS}: {st.short(new)} {title}: nothing "
                      f"changes in {part}"
                      for part in parts if part not in changed]
    return found
