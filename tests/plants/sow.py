"""Copies of stages with a plant in them: sources, and programs."""
from __future__ import annotations

import functools
import os
import shutil
import subprocess
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from harness.bars import Bars
from harness.build import BuildFailed, scratch
from harness.stages import Stage
from plants.plant import Plant, Stale, planted_texts, stage_of

_lock = threading.Lock()


def copy_sources(plant: Plant, folder: Path) -> Path:
    """The stage's sources with the plant, in a folder that is made."""
    texts = planted_texts(plant)
    shutil.copytree(stage_of(plant.stage).folder, folder,
                    ignore=shutil.ignore_patterns("build", "exercises", "*_server"))
    for file, text in texts.items():
        (folder / file).write_text(text, encoding="utf-8")
    return folder


def _make(folder: Path, *programs):
    done = subprocess.run(["make", "-C", str(folder), "-s", "CFLAGS=-O1", *programs],
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if done.returncode:
        raise BuildFailed(done.stderr)


@functools.lru_cache(maxsize=None)
def _base(number: int) -> Path:
    """The stage without a mistake, built once: its objects are used again."""
    stage = stage_of(number)
    folder = scratch() / "base" / stage.name
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(stage.folder, folder,
                    ignore=shutil.ignore_patterns("build", "exercises", "*_server"))
    _make(folder)
    for program in stage.promised():
        (folder / program).unlink(missing_ok=True)
    return folder


def _forget(folder: Path, file: str):
    """Remove the file, whose hard link is the base's, and the objects that are made from it."""
    (folder / file).unlink()
    stem = "*" if file.endswith(".h") else Path(file).stem
    for kind in "od":
        for built in (folder / "build").glob(f"{stem}.{kind}"):
            built.unlink()


def build(plant: Plant) -> Stage:
    """A copy of the stage with the plant, built; raises Stale or BuildFailed."""
    texts = planted_texts(plant)
    with _lock:
        base = _base(plant.stage)
    folder = scratch() / "plants" / plant.label
    shutil.copytree(base, folder, copy_function=os.link)
    for file, text in texts.items():
        _forget(folder, file)
        (folder / file).write_text(text, encoding="utf-8")
    _make(folder, *dict.fromkeys([plant.program, *(name for _, name in plant.checks())]))
    return Stage(plant.claims or plant.stage, plant.label, folder)


def build_all(plants) -> tuple:
    """The stages that were built, by plant, and what went wrong with the others."""
    scratch()       # before there are several threads that want it
    built, failed = {}, {}

    def try_to_build(plant):
        try:
            built[plant] = build(plant)
        except (Stale, BuildFailed) as error:
            failed[plant] = error

    with Bars({"building": len(plants)}, unit=" plants") as bars, \
            ThreadPoolExecutor(os.cpu_count() or 2) as pool:
        for _ in pool.map(try_to_build, plants):
            bars.add("building")
    return built, failed
