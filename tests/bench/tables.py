"""Tables as a terminal shows them, and the folder that keeps them."""
from __future__ import annotations

import os
import platform
import subprocess
import textwrap
from dataclasses import dataclass, field
from pathlib import Path

import progress

WIDTH = 100     # of the notes


@dataclass
class Table:
    """The first column holds words, the others numbers (or words in their place).

    The notes below it are one paragraph.
    """

    title: str
    columns: list
    rows: list = field(default_factory=list)
    notes: list = field(default_factory=list)

    def add(self, *cells):
        self.rows.append([_text(cell) for cell in cells])

    def text(self) -> str:
        lines = [[column for column in self.columns], *self.rows]
        widths = [max(len(line[i]) for line in lines) for i in range(len(self.columns))]
        out = [self.title, ""]
        for at, line in enumerate(lines):
            cells = [line[0].ljust(widths[0])]
            cells += [cell.rjust(width) for cell, width in zip(line[1:], widths[1:])]
            out.append("  ".join(cells).rstrip())
            if at == 0:
                out.append("  ".join("-" * width for width in widths))
        if self.notes:
            out += ["", *textwrap.wrap(" ".join(self.notes), WIDTH)]
        return "\n".join(out) + "\n"


def _text(cell) -> str:
    if cell is None:
        return "-"
    return cell if isinstance(cell, str) else number(cell)


def number(value: float) -> str:
    """Three digits that count; large numbers with commas."""
    if value != value:
        return "-"
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"


class Results:
    """Prints what was found, and keeps it in a folder."""

    def __init__(self, folder: Path):
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def show(self, name: str, *tables: Table):
        text = "\n".join(table.text() for table in tables)
        progress.say("\n" + text)
        (self.folder / f"{name}.txt").write_text(text + "\n" + machine() + "\n", encoding="utf-8")


def machine() -> str:
    """The machine in general terms: enough to compare, nothing that names it."""
    gcc = subprocess.run(["gcc", "-dumpfullversion"], capture_output=True, text=True, check=False)
    model = "an unknown processor"
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        for line in file:
            if line.startswith("model name"):
                model = line.split(":", 1)[1].strip()
    release = ".".join(platform.release().split("-")[0].split(".")[:2])
    return (f"Measured on loopback: {len(os.sched_getaffinity(0))} CPUs ({model}), "
            f"Linux {release}, gcc {gcc.stdout.strip()} -O2.")
