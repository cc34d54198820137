#!/usr/bin/env python3
"""Fuzzes the parts of the last stage that read what strangers send (libFuzzer, of clang)."""
from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

sys.dont_write_bytecode = True
HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from fuzz.breaks import PLANTS  # noqa: E402
from harness.stages import ROOT, find_stages  # noqa: E402
from plants.plant import Stale  # noqa: E402
from plants.sow import copy_sources  # noqa: E402

BUILD = HERE / "build"      # the programs, what they have learnt, what they have found
FLAGS = ("-std=c11 -D_GNU_SOURCE -Wall -Wextra -O1 -g -fno-sanitize-recover=all "
         "-fsanitize=fuzzer,address,undefined").split()
PROOF_LIMIT = 30            # seconds in which a break must be found
CLEAN_TIME = 3              # seconds in which the sources as they stand must pass, before that
FOUND = 77                  # the exit status that libFuzzer is told to use
MOST_LINES = 40


@dataclass(frozen=True)
class Target:
    """A fuzz target: fuzz_NAME.c, what it is linked with, how long an input may be."""

    name: str
    own: tuple
    parts: tuple
    longest: int
    words: str


TARGETS = (
    Target("codec", ("feed.c",), ("codec.c", "buffer.c"), 1000, "raw, line and length"),
    Target("buffer", ("feed.c",), ("buffer.c",), 400, "the queue of bytes"),
    Target("http", ("feed.c", "http_reference.c"), ("buffer.c",), 1500, "requests"),
)


def options():
    parser = argparse.ArgumentParser(prog="fuzz/run.py", description=__doc__)
    parser.add_argument("targets", nargs="*", metavar="TARGET",
                        help=f"of {', '.join(t.name for t in TARGETS)}; default: all")
    parser.add_argument("--time", type=int, default=60, metavar="SECONDS",
                        help="for how long; the targets run side by side")
    parser.add_argument("--prove", action="store_true",
                        help="does it find mistakes that were made on purpose?")
    args = parser.parse_args()
    unknown = set(args.targets) - {t.name for t in TARGETS}
    if unknown:
        parser.error(f"no target {unknown.pop()}")
    return args


class NotBuilt(Exception):
    """The compiler's words."""


def compile_target(target: Target, stage: Path, program: Path) -> Path:
    program.parent.mkdir(parents=True, exist_ok=True)
    sources = [HERE / f"fuzz_{target.name}.c", *(HERE / name for name in target.own),
               *(stage / name for name in target.parts)]
    done = subprocess.run(["clang", *FLAGS, f"-I{stage}", f"-I{HERE}", "-o", str(program),
                           *map(str, sources)], capture_output=True, text=True, check=False)
    if done.returncode:
        raise NotBuilt(f"{program.name} does not compile:\n{done.stderr}")
    return program


@dataclass
class Result:
    """What a run came to; `text` is empty when nothing was found."""

    inputs: int
    seconds: float
    text: str = ""
    file: str = ""


def fuzz(target: Target, program: Path, corpus: Path, seconds: int) -> Result:
    """Run a target for so long, from its seeds and from what is in the corpus."""
    corpus.mkdir(parents=True, exist_ok=True)
    argv = [str(program), f"-max_total_time={seconds}", f"-max_len={target.longest}",
            f"-error_exitcode={FOUND}", "-timeout=10", "-timeout_exitcode=77", "-rss_limit_mb=1024",
            f"-artifact_prefix={corpus.parent}/found-{target.name}-", "-print_final_stats=1",
            str(corpus), str(HERE / "seeds" / target.name)]
    dictionary = HERE / f"{target.name}.dict"
    if dictionary.exists():
        argv.insert(1, f"-dict={dictionary}")
    start = time.monotonic()
    # A hang that libFuzzer itself does not notice must not be one of CI.
    done = subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                          stderr=subprocess.PIPE, check=False, timeout=seconds + 120)
    words = done.stderr.decode("utf-8", "replace")
    inputs = re.search(r"stat::number_of_executed_units: (\d+)", words)
    result = Result(int(inputs.group(1)) if inputs else 0, time.monotonic() - start)
    if done.returncode:
        result.text = what_was_found(words) or f"it ended with exit status {done.returncode}"
        file = re.search(r"Test unit written to (\S+)", words)
        result.file = file.group(1) if file else ""
    return result


def what_was_found(words: str) -> str:
    """The lines that say what is wrong, without libFuzzer's account of its progress."""
    lines = [line for line in words.splitlines() if line and not re.match(r"#\d|INFO:|stat::", line)]
    start = next((at for at, line in enumerate(lines)
                  if re.match(r"WRONG|==\d+== ?ERROR|.*runtime error", line)), 0)
    return "\n".join(lines[start:start + MOST_LINES])


def main() -> int:
    args = options()
    targets = [t for t in TARGETS if not args.targets or t.name in args.targets]
    stages = find_stages()
    if not stages:
        print("fuzz: there is no stage folder")
        return 1
    try:
        if args.prove:
            return prove(targets, stages[-1].folder)
        return run(targets, stages[-1].folder, args.time)
    except NotBuilt as error:
        print(f"fuzz: {error}")
        return 1


def run(targets, stage: Path, seconds: int) -> int:
    print(f"fuzzing {stage.name} for {seconds} s: {', '.join(t.name for t in targets)}", flush=True)
    with ThreadPoolExecutor(len(targets)) as pool:
        programs = list(pool.map(lambda t: compile_target(t, stage, BUILD / t.name), targets))
        results = list(pool.map(lambda t, p: fuzz(t, p, BUILD / f"corpus-{t.name}", seconds),
                                targets, programs))
    for target, program, result in zip(targets, programs, results):
        print(f"{target.name:8} {target.words:24} {result.inputs:11,} inputs in "
              f"{result.seconds:4.0f} s  {'FOUND SOMETHING' if result.text else 'nothing found'}")
        if result.text:
            print(f"{result.text}\n    again: {program.relative_to(ROOT)} {result.file}")
    return 1 if any(result.text for result in results) else 0


# -- the proof ------------------------------------------------------------


def try_plant(plant, folder: Path) -> str:
    """Fuzz a copy of the stage with one mistake; a line about what came of it."""
    try:
        copy = copy_sources(plant, folder / plant.label)
    except Stale as error:
        return f"STALE: {error}"
    target = next(t for t in TARGETS if t.name == plant.caught_by[0])
    program = compile_target(target, copy, copy / "fuzz")
    result = fuzz(target, program, copy / "corpus", PROOF_LIMIT)
    if not result.text:
        return f"NOT FOUND in {PROOF_LIMIT} s, {result.inputs:,} inputs"
    return f"found in {result.seconds:4.1f} s: {result.text.splitlines()[0][:70]!r}"


def prove(targets, stage: Path) -> int:
    if run(targets, stage, CLEAN_TIME):
        return 1
    names = {t.name for t in targets}
    chosen = [plant for plant in PLANTS if plant.caught_by[0] in names]
    missed = 0
    with tempfile.TemporaryDirectory(prefix="fuzz-") as folder, \
            ThreadPoolExecutor(os.cpu_count() or 2) as pool:
        for plant, words in zip(chosen, pool.map(lambda p: try_plant(p, Path(folder)), chosen)):
            missed += not words.startswith("found")
            print(f"{plant.caught_by[0]:7} {plant.words:52} {words}", flush=True)
    print(f"fuzz: {len(chosen)} mistakes, {missed} not found")
    return 1 if missed or not chosen else 0


if __name__ == "__main__":
    sys.exit(main())
