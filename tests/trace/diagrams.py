"""Reads the sequence diagrams of a README.

A label is a row of names with `, ` or `: ` between them. Plain words stand in parentheses, behind
a name: `recv (returns 0)`. So a name that is spelled wrongly can't pass for a plain word.
"""
from __future__ import annotations

import re
from dataclasses import dataclass, field

SCENE = re.compile(r"^\s*<!--\s*scene:\s*(\S+)\s*(.*?)\s*-->\s*$")
PARTICIPANT = re.compile(r"^(?:participant|actor) (\w+)(?: as (.+))?$")
ARROW = re.compile(r"^(\w+)(-?->>)(\w+): (.+)$")
NOTE = re.compile(r"^Note (?:over|left of|right of) ([\w, ]+): (.+)$")
ITEM = re.compile(r"([A-Za-z_]\w*)(?: \(([^()]*)\))?(, |: |$)")
BOX = re.compile(r"^box .+$")


@dataclass(frozen=True)
class Fault:
    """What is wrong in a README, and where."""

    file: str
    line: int
    text: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.text}"


@dataclass(frozen=True)
class Step:
    """An arrow: who calls whom, and what."""

    line: int
    source: str
    target: str
    dashed: bool
    text: str
    items: tuple        # (name, plain words) of each item; empty when it can't be read


@dataclass
class Parallel:
    """Rows of arrows of which nobody says which comes first: `par`, `and`, `end`."""

    branches: list


@dataclass
class Diagram:
    """One sequence diagram and the scene that it shows."""

    file: str
    line: int
    scene: str = ""
    options: object = None      # None: those that the scene has anyway
    names: dict = field(default_factory=dict)
    steps: list = field(default_factory=list)
    notes: list = field(default_factory=list)
    faults: list = field(default_factory=list)
    opened: list = field(default_factory=list)      # the blocks that the next line is in

    def fault(self, line: int, text: str):
        self.faults.append(Fault(self.file, line, text))

    def read(self, number: int, text: str):
        """Take one line of the diagram."""
        participant, arrow = PARTICIPANT.match(text), ARROW.match(text)
        note = NOTE.match(text)
        if participant:
            self.names[participant[1]] = participant[2] or participant[1]
        elif arrow:
            self._arrow(number, *arrow.groups())
        elif note:
            self.notes.append((number, note[2]))
        elif text and not self._block(text):
            self.fault(number, f"`{text}` is neither a participant, an arrow nor a note")

    def _block(self, text: str) -> bool:
        """Whether the line begins or ends a block."""
        inner = self.opened[-1] if self.opened else None
        if BOX.match(text):
            self.opened.append("box")
        elif text.split()[0] == "par" and not inner:
            self.opened.append(Parallel([[]]))
            self.steps.append(self.opened[-1])
        elif text.split()[0] == "and" and isinstance(inner, Parallel):
            inner.branches.append([])
        elif text == "end" and inner:
            self.opened.pop()
        else:
            return False
        return True

    def all_steps(self) -> list:
        """Every arrow, those of parallel blocks too."""
        return [step for entry in self.steps
                for step in (sum(entry.branches, []) if isinstance(entry, Parallel) else [entry])]

    def _arrow(self, number: int, source: str, kind: str, target: str, text: str):
        for alias in (source, target):
            if alias not in self.names:
                self.fault(number, f"`{text}`: no participant {alias} is declared")
                return
        items = items_of(text)
        if not items:
            self.fault(number, f"`{text}` is not a row of names with `, ` or `: ` between them; "
                               "plain words stand in parentheses behind a name")
        step = Step(number, self.names[source], self.names[target], kind == "-->>", text, items)
        inner = self.opened[-1] if self.opened else None
        (inner.branches[-1] if isinstance(inner, Parallel) else self.steps).append(step)


def items_of(text: str) -> tuple:
    found, place = [], 0
    while place < len(text):
        match = ITEM.match(text, place)
        if not match or (match[3] and match.end() == len(text)):
            return ()
        found.append((match[1], match[2] or ""))
        place = match.end()
    return tuple(found)


def diagrams_of(file: str, text: str) -> list:
    """The sequence diagrams of a Markdown text."""
    found, fence, comment, current = [], [], None, None
    for number, line in enumerate(text.splitlines(), 1):
        words = line.strip()
        if words.startswith("```"):
            if current and current.opened:
                current.fault(number, "a block before this line has no `end`")
            fence = [] if fence else [(number, words)]
            current = None
        elif fence and words == "sequenceDiagram" and fence[0][1] == "```mermaid":
            current = begin(file, number, comment)
            found.append(current)
        elif current:
            current.read(number, words)
        elif words and not fence:
            comment = SCENE.match(line)
    return found


def begin(file: str, number: int, comment) -> Diagram:
    diagram = Diagram(file, number)
    if not comment:
        diagram.fault(number, "no comment before the diagram names its scene, "
                              "like `<!-- scene: echo -->`")
        return diagram
    diagram.scene = comment[1]
    diagram.options = comment[2].split() or None
    return diagram
