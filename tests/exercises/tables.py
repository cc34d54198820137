"""The tables of exercises in the stages' READMEs, and whether they are true."""
from __future__ import annotations

import sys

from exercises.catalogue import exercises
from harness.stages import find_stages

BEGIN, END = "<!-- exercises:begin -->\n", "<!-- exercises:end -->\n"


def table(stage) -> str:
    rows = [f"| [`{e.name}`](exercises/{e.name}/README.md) | {e.kind} | {e.minutes} | "
            f"{e.data['line'].rstrip('.')} |" for e in exercises() if e.stage == stage]
    return "\n".join(["| Exercise | Kind | Minutes | |", "| --- | --- | --: | --- |", *rows]) + "\n"


def with_table(text: str, stage) -> str:
    """The README with its table as it should be; without the marks, as it is."""
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    return before + begin + table(stage) + end + after if begin and end else ""


def run_tables(args) -> int:
    status = 0
    for stage in find_stages():
        path = stage.folder / "README.md"
        text = path.read_text("utf-8")
        wanted = with_table(text, stage)
        if not wanted:
            print(f"{stage.name}/README.md: no table of exercises", file=sys.stderr)
            status = 1
        elif wanted != text and args.check:
            print(f"{stage.name}/README.md: the table of exercises is not true; "
                  "python3 tests/exercises/run.py tables writes it", file=sys.stderr)
            status = 1
        elif wanted != text:
            path.write_text(wanted, "utf-8")
    return status


def add_commands(commands):
    parser = commands.add_parser("tables")
    parser.add_argument("--check", action="store_true")
    parser.set_defaults(run=run_tables)
