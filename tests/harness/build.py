"""Builds what is checked: the stages and the C unit checks."""
from __future__ import annotations

import os
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

from harness.bars import Bars
from harness.check import PACKAGES
from harness.modes import Mode
from harness.scratch import scratch
from harness.stages import Stage

SANITIZER_FLAGS = "-O1 -g -fno-omit-frame-pointer -fno-sanitize-recover=all -fsanitize="


class BuildFailed(Exception):
    """The compiler's words."""


def need_tools(mode: Mode):
    """Stop with one clear line when something is missing that nothing goes without."""
    for tool in ("make", "gcc") + (("valgrind",) if mode.tool else ()):
        if not shutil.which(tool):
            raise SystemExit(f"run.py: {tool} is missing; install the package {PACKAGES[tool]}")


def compiler(mode: Mode) -> list:
    """The compiler; gcc for sanitizers, whose options are the same everywhere."""
    if mode.sanitizer and shutil.which("gcc"):
        return ["gcc"]
    return ["cc"]


def flags(mode: Mode) -> list:
    return (SANITIZER_FLAGS + mode.sanitizer).split() if mode.sanitizer else ["-O1", "-g"]


def build_stages(stages, mode: Mode):
    """Build all stages; returns those to run, and what went wrong with each of the others.

    A stage of which only some programs were built is among both.
    """
    scratch()       # before there are several threads that want it
    results = []
    with Bars({"building": len(stages)}, unit=" stages") as bars, \
            ThreadPoolExecutor(os.cpu_count() or 2) as pool:
        for result in pool.map(lambda stage: _build(stage, mode), stages):
            results.append(result)
            bars.add("building")
    built = [stage for stage, words in results if stage.programs()]
    failed = {stage: words for stage, words in results if words}
    return built, failed


def _build(stage: Stage, mode: Mode):
    extra = []
    if mode.sanitizer:
        copy = scratch() / mode.name / stage.name
        leave_out = shutil.ignore_patterns("*.o", "build", "exercises")
        shutil.copytree(stage.folder, copy, ignore=leave_out)
        for name in stage.promised():
            (copy / name).unlink(missing_ok=True)
        stage = replace(stage, folder=copy)
        extra = [f"CC={compiler(mode)[0]}", "CFLAGS=" + " ".join(flags(mode)),
                 "LDFLAGS=-fsanitize=" + mode.sanitizer]
    done = subprocess.run(["make", "-C", str(stage.folder), "-s", *extra],
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if done.returncode:
        for name in stage.promised():   # what stands there is of an earlier state
            stage.program(name).unlink(missing_ok=True)
        return stage, done.stdout + done.stderr
    missing = [name for name in stage.promised() if not stage.program(name).exists()]
    words = f"`make` succeeded, but there is no {' and no '.join(missing)}" if missing else ""
    return stage, words


def compile_c(name: str, sources, mode: Mode, include=(), options=()) -> Path:
    """Compile and link one program, or a library, into the scratch folder."""
    output = scratch() / name
    if output.exists():
        return output
    output.parent.mkdir(parents=True, exist_ok=True)
    # Under another name first: another process may want the same program at this moment.
    partial = output.with_name(f"{output.name}.{os.getpid()}")
    argv = [*compiler(mode), "-std=gnu11", "-D_GNU_SOURCE", "-Wall", "-Wextra", *flags(mode),
            *(f"-I{folder}" for folder in include), "-o", str(partial),
            *options, *map(str, sources), "-lpthread", "-ldl"]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    if done.returncode:
        raise BuildFailed(done.stderr)
    partial.rename(output)
    return output
