#!/usr/bin/env python3
"""Walk from a stage to the next in its reading steps: what is a rebuilding reader told?

    python3 tests/exercises/walk.py v04 [v05...]
    python3 tests/exercises/walk.py --headers v07      the same with the new headers handed out
    python3 tests/exercises/walk.py --only 0,3 v07     these steps alone; 0 is the untouched copy
"""
from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from exercises import rebuild, rebuild_show  # noqa: E402
from harness import guard  # noqa: E402
from harness.build import scratch  # noqa: E402

import reading  # noqa: E402, from tests/tools, which rebuild has put on the path


def copies(number: int, headers: bool):
    """(title, sources) of the copy, untouched and after each step."""
    old, new = rebuild.stage_of(number - 1).folder, rebuild.stage_of(number).folder
    texts = rebuild.start_texts(number, headers)
    yield "untouched", dict(texts)
    steps = reading.steps_of(new, reading.entries_between(old, new)[0])
    for at, step in enumerate(steps, 1):
        for entry in step.entries:
            if entry.name != "Makefile":
                texts[entry.name] = entry.new.read_text("utf-8")
        yield f"{at}. {step.title}", dict(texts)


def walk(number: int, args) -> bool:
    """Print what the reader is told after each step; whether the last one passes."""
    passed = False
    for at, (title, texts) in enumerate(copies(number, args.headers)):
        if args.only and str(at) not in args.only.split(","):
            continue
        start = time.monotonic()
        verdict = rebuild.judge(number, texts, args.headers)
        passed = verdict.passed
        print(f"== {title} ({time.monotonic() - start:.1f} s)")
        print("\n".join(f"   {line}" for line in rebuild_show.show(verdict).splitlines() if line),
              flush=True)
    return passed


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--headers", action="store_true")
    parser.add_argument("--only", default="")
    parser.add_argument("stages", nargs="+", type=lambda word: int(word.lstrip("v")))
    args = parser.parse_args()
    guard.adopt()
    scratch()
    try:
        failed = [number for number in args.stages if not walk(number, args)]
    except KeyboardInterrupt:
        return 130
    finally:
        guard.sweep()
    for number in [] if args.only else failed:
        print(f"v{number:02}: the last step does not pass")
    return 1 if failed and not args.only else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
