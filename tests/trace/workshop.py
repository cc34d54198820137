"""Builds the copy of a stage that is traced, in a folder beside this file."""
from __future__ import annotations

import fcntl
import shutil
import subprocess
from contextlib import contextmanager

import paths

BUILD = paths.HERE / "build"
FLAGS = ["CFLAGS=-O0 -g -pg", "LDFLAGS=-Wl,-z,lazy"]


class Problem(Exception):
    """Something that the reader of the message can mend."""


@contextmanager
def locked(name: str):
    """One process at a time builds a stage."""
    BUILD.mkdir(exist_ok=True)
    with open(BUILD / f"{name}.lock", "w", encoding="ascii") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def build(stage, program: str):
    """Bring the copy up to date, and build that program. Return the copy's folder."""
    copy = BUILD / stage.name
    with locked(stage.name):
        copy.mkdir(exist_ok=True)
        bring(stage, copy)
        done = subprocess.run(["make", "-s", "-C", str(copy), *FLAGS, program],
                              capture_output=True, text=True, check=False)
    if done.returncode:
        raise Problem(f"{stage.name} can't be built for tracing:\n{done.stderr.strip()}")
    return copy


def bring(stage, copy):
    """Copy what has changed, so that make builds no more than that."""
    wanted = {path.name: path for path in stage.iterdir()
              if path.suffix in (".c", ".h") or path.name == "Makefile"}
    for old in copy.iterdir():
        if old.is_file() and old.suffix in (".c", ".h") and old.name not in wanted:
            old.unlink()
    for name, path in wanted.items():
        target = copy / name
        if not target.exists() or target.read_bytes() != path.read_bytes():
            shutil.copyfile(path, target)
