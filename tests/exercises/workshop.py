"""Builds a reader's sources beside the stage's own objects, in a folder that is thrown away.

The stage's Makefile is used, whatever the copy holds, and nothing of the copy but its sources.
"""
from __future__ import annotations

import contextlib
import fcntl
import functools
import os
import re
import shutil
import signal
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from harness import guard
from harness.build import scratch
from harness.server import before_exec
from harness.stages import PROGRAMS, Stage

BUILD_LIMIT = 120           # seconds
COMPILER_MEMORY = 2 << 30
MOST_SOURCES, LARGEST = 200, 1 << 20
_ERROR = re.compile(r"^([\w./-]+:\d+:)(?:\d+:)? (?:fatal )?error: (.*)$", re.M)
_LINKER = re.compile(r"^.*(?:undefined reference to|multiple definition of) .*$", re.M)


class Unreadable(Exception):
    """Why a copy's sources can't be taken."""


@dataclass(frozen=True)
class Built:
    """What came of it: the copy as a stage, and the compiler's words if some did not build."""

    stage: Stage
    words: str
    changed: tuple      # names of sources that differ from the stage's

    @property
    def first_error(self) -> str:
        """One line: where, and what the compiler or the linker said first."""
        match = _ERROR.search(self.words)
        if match:
            return f"{match[1]} {match[2]}"
        match = _LINKER.search(self.words)
        lines = [line for line in self.words.splitlines() if line.strip()]
        return match[0].strip() if match else (lines or ["?"])[-1]


def sources(folder: Path) -> dict:
    """The C sources of a copy, by name; whatever else it holds is left alone."""
    found = {}
    if not folder.is_dir():
        raise Unreadable(f"{folder}: there is no such folder")
    for path in sorted([*folder.glob("*.c"), *folder.glob("*.h")]):
        if path.is_symlink() or not path.is_file() or path.name.startswith("."):
            continue
        if path.stat().st_size > LARGEST or len(found) >= MOST_SOURCES:
            raise Unreadable(f"{path}: too large, or too many sources")
        found[path.name] = path.read_text("utf-8", "replace")
    return found


def programs_of(texts: dict, number: int) -> list:
    """The programs that the sources have: those of the course, and a reader's own."""
    names = [name[:-2] for name in texts if name.endswith("_server.c") and name != "tcp_server.c"]
    order = [name for name, (first, last) in PROGRAMS.items() if first <= number <= last]
    return [n for n in order if n in names] + sorted(set(names) - set(order))


def build(stage: Stage, texts: dict, label: str, werror=False) -> Built:
    """Build the sources as that stage; what differs from the stage's is compiled anew.

    With `werror`, compile that alone, and let a warning stop it.
    """
    base = {path.name: path for kind in ("*.c", "*.h") for path in stage.folder.glob(kind)}
    changed = tuple(sorted(
        name for name in texts.keys() | base.keys()
        if name not in texts or name not in base
        or texts[name] != base[name].read_text("utf-8")))
    _up_to_date(stage.folder)
    folder = Path(tempfile.mkdtemp(prefix=f"{label}-", dir=scratch()))
    _fill(folder, stage.folder, texts, changed, base)
    targets = [f"build/{name[:-2]}.o" for name in changed
               if name.endswith(".c") and name in texts] if werror else []
    words = ""
    if not werror or targets:
        words = _make(folder, *(["WERROR=-Werror", *targets] if werror else ["-k"]))
    os.chmod(folder, 0o755)
    return Built(Stage(stage.number, folder.name, folder, guarded=True), words, changed)


@functools.lru_cache(maxsize=None)
def _up_to_date(folder: Path):
    """Build the stage itself, once: its objects save the copies' time. It may stay unbuilt."""
    with open(folder / "Makefile", encoding="utf-8") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        subprocess.run(["make", "-s", f"-j{os.cpu_count() or 1}", "-C", str(folder)],
                       stdin=subprocess.DEVNULL, capture_output=True, check=False)


def _fill(folder: Path, stage: Path, texts: dict, changed, base: dict):
    """The sources, the stage's Makefile, and its objects where they are still true."""
    if (stage / "build").is_dir():
        shutil.copytree(stage / "build", folder / "build")
    for name, text in texts.items():
        if name in changed:
            (folder / name).write_text(text, "utf-8")
        else:
            shutil.copy2(base[name], folder / name)
    shutil.copy2(stage / "Makefile", folder / "Makefile")
    for path in (folder / "build").glob("*.d"):
        if not set(changed).isdisjoint(path.read_text("utf-8").replace(":", " ").split()):
            path.unlink()
            path.with_suffix(".o").unlink(missing_ok=True)


def _make(folder: Path, *words) -> str:
    """Run make as a nobody and under limits; the compiler's words when it fails."""
    user = guard.user()
    if user:
        for path in (folder, *folder.rglob("*")):
            os.chown(path, user, -1)
    how = {"user": user, "limits": guard.limits(COMPILER_MEMORY)}
    env = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    process = subprocess.Popen(
        ["make", "-s", f"-j{os.cpu_count() or 1}", "-C", str(folder), *words],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        text=True, errors="replace", start_new_session=True, env=dict(env, LC_ALL="C"),
        preexec_fn=lambda: before_exec(**how))
    try:
        words, _ = process.communicate(timeout=BUILD_LIMIT)
    except subprocess.TimeoutExpired:
        words = f"make: error: it is not built after {BUILD_LIMIT} s"
        process.returncode = 1
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    return words if process.returncode else ""
