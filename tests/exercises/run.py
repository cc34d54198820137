#!/usr/bin/env python3
"""Exercises: try, watch, hint, answer, reset; for who writes them: lint, prove, save-patch."""
from __future__ import annotations

import argparse
import importlib
import os
import sys
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from exercises.patch import DoesNotApply  # noqa: E402
from exercises.problem import Problem  # noqa: E402
from harness import guard  # noqa: E402
from plants.plant import Stale  # noqa: E402


# A handout leaves out those that are for teachers and for who writes exercises.
COMMANDS = ("reader", "rebuild_commands", "grade", "alike", "handout", "refresh", "author", "prove_all",
            "tables")


def options():
    parser = argparse.ArgumentParser(prog="exercises", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    for name in COMMANDS:
        if Path(__file__).with_name(f"{name}.py").exists():
            importlib.import_module(f"exercises.{name}").add_commands(commands)
    return parser.parse_args()


def main() -> int:
    args = options()
    guard.adopt()
    try:
        return args.run(args)
    except (Problem, Stale, DoesNotApply) as problem:
        print(f"exercises: {problem}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("\nstopped")
        return 130
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    finally:
        guard.sweep()


if __name__ == "__main__":
    sys.exit(main())
