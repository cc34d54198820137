"""All of it proved: exercises, rebuilds, the handout."""
from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
import time
from pathlib import Path

from exercises import handout, patch, prove, rebuild_prove
from exercises.catalogue import chosen, exercises
from harness.build import scratch

TOLD = 24       # characters from which a line of a solution tells something
CHANCE = 0.1    # share of a solution's lines that may stand in another file
UPTO = 5        # the stage of the handout that is unpacked and used
# Only make, a compiler and python3: no git, no valgrind, nothing else of this machine.
PATH = ("make", "gcc", "cc", "as", "ld", "python3", "sh", "bash", "env", "sed", "cmp", "mkdir",
        "rm", "find", "dirname")


def give_away(files: dict) -> list:
    """Solutions, answers and plants that stand in a handout.

    A line or two of a solution may stand elsewhere by chance, and in the hints on purpose.
    """
    texts = {name: data.decode("utf-8", "replace") for name, (data, _) in files.items()}
    stages = {line.strip() for name, text in texts.items() for line in text.splitlines()
              if "/exercises/" not in name and name.endswith((".c", ".h"))}
    lines = {name: {line.strip() for line in text.splitlines()} for name, text in texts.items()}
    found = []
    for exercise in exercises():
        told = {line for line in patch.added_lines(exercise.solution_patch())
                if len(line) >= TOLD} - stages
        secret = {line.strip() for part in ("Answer", "For teachers")
                  for text in exercise.folded(part) for line in text.splitlines()
                  if len(line) >= TOLD} | {plant.words for plant in exercise.plants()}
        for name, own in lines.items():
            if not name.endswith("README.md") and len(told & own) > max(2, len(told) * CHANCE):
                found.append(f"handout: {name} holds lines of the solution of {exercise.name}")
            if secret & own:
                found.append(f"handout: {name} holds the answer of {exercise.name}: "
                             f"{min(secret & own)}")
    return found


def _tools(folder: Path) -> Path:
    """A folder with the few programs that a handout may count on."""
    folder.mkdir()
    for name in PATH:
        path = shutil.which(name)
        if path:
            (folder / name).symlink_to(os.path.realpath(path) if name == "python3" else path)
    return folder


def use_handout() -> list:
    """Unpack it elsewhere, and do with it what its README says."""
    archive = scratch() / "handout-v05.tar.gz"
    handout.archive(UPTO, archive)
    with tarfile.open(archive) as tar:
        tar.extractall(scratch())
    folder = scratch() / "handout-v05"
    first = next(e for e in exercises() if e.stage.number == 1)
    env = {"PATH": str(_tools(scratch() / "tools")), "HOME": str(scratch()), "LC_ALL": "C.UTF-8"}
    problems = []
    for command, status, words in (
            ("make", 0, "building v05"), ("make test-v01 K=half_close", 0, "0 failed"),
            ("make exercises", 0, first.name), (f"make try-{first.name}", 0, "Your copy is"),
            (f"make try-{first.name}", 2, "Not yet"), (f"make hint-{first.name}", 0, "hint 1"),
            (f"make answer-{first.name} GIVE_UP=1", 2, "not in this handout"),
            (f"make reset-{first.name}", 0, "is kept"), ("make try-no_such", 2, "no exercise"),
            ("make rebuild-v05", 0, "mine/rebuild-v05"), ("make rebuild-v05", 2, "v05  kept"),
            ("make grade FORMAT=json", 0, "results.json")):
        done = subprocess.run(command.split(), cwd=folder, env=env, capture_output=True,
                              text=True, check=False)
        if done.returncode != status or words not in done.stdout + done.stderr:
            problems.append(f"handout: `{command}` ended with {done.returncode}, not {status}; "
                            f"{words!r} was expected:\n{done.stdout}{done.stderr}")
    return problems


def run_prove_all(args) -> int:
    start = time.monotonic()
    names = args.names or os.environ.get("K", "").split()
    status = prove.prove(chosen(names), prove.TIMES)
    problems = [] if names else [
        *give_away(handout.files(10)), *give_away(handout.files(UPTO)), *use_handout(),
        *rebuild_prove.prove()]
    for words in problems:
        print(words, file=sys.stderr)
    if not names:
        print(f"rebuilds and handout: {len(problems)} problems; "
              f"in all {time.monotonic() - start:.0f} s")
    return 1 if status or problems else 0


def add_commands(commands):
    parser = commands.add_parser("prove-all")
    parser.add_argument("names", nargs="*")
    parser.set_defaults(run=run_prove_all)
