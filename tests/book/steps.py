"""The numbered steps in which each stage is read, as one JSON text.

`make diff-v07` prints the same steps: tests/tools/reading.py makes both.
"""

import json
import sys
from pathlib import Path

TOOLS = Path(__file__).resolve().parents[1] / "tools"
sys.path.insert(0, str(TOOLS))

import reading              # noqa: E402
import stages as st         # noqa: E402


def place(path):
    """A file as the pages name it: its stage for short, and its name."""
    return path and {"stage": st.short(path.parent), "name": path.name}


def entry_facts(entry):
    """A file of a step, and what it is shown against."""
    return {"name": entry.name, "status": entry.status, "added": entry.added,
            "removed": entry.removed, "old": place(entry.old), "new": place(entry.new)}


def stage_steps(stage, before):
    """The steps of a stage, the files that go, and those that stay the same."""
    if before:
        entries, gone, same = reading.entries_between(before, stage)
    else:
        entries, gone, same = reading.entries_of_first(stage), [], []
    steps = [{"title": step.title, "entries": [entry_facts(entry) for entry in step.entries]}
             for step in reading.steps_of(stage, entries)]
    return {"stage": st.short(stage), "before": before and st.short(before), "steps": steps,
            "gone": [entry_facts(entry) for entry in gone], "same": same}


def all_steps(root=st.ROOT):
    """The steps of every stage, in the stages' order."""
    stages = st.stages(root)
    return [stage_steps(stage, before) for stage, before in zip(stages, [None] + stages)]


if __name__ == "__main__":
    json.dump(all_steps(), sys.stdout)
