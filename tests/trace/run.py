#!/usr/bin/env python3
"""Show what a stage's server does in a scene, as a tree of calls, a diagram or JSON."""
from __future__ import annotations

import argparse
import os
import shutil
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import paths    # noqa: F401
from harness.server import kill_all
import stages

import as_json
import as_mermaid
import as_tree
import check_all
import play
import scenes
import workshop


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("stage", nargs="?", help="v07, for instance")
    parser.add_argument("--scene", default="echo")
    parser.add_argument("--format", default="tree", choices=("tree", "mermaid", "json"))
    parser.add_argument("--full", action="store_true", help="also functions that only return")
    parser.add_argument("--list", action="store_true", help="the scenes of each stage")
    parser.add_argument("--check", action="store_true", help="the diagrams of the READMEs")
    parser.add_argument("--all", metavar="DIR", help="write every scene's JSON into that folder")
    args = parser.parse_args()
    if not (args.stage or args.list or args.check or args.all):
        parser.error("which stage? v07, for instance")
    return args


def need():
    """Stop with one line when the tracer is not installed."""
    if not shutil.which("uftrace"):
        raise workshop.Problem("uftrace is missing; install the package uftrace")


def show(args):
    stage = play.stage_of(args.stage)
    scene = play.scene_of(stage, args.scene)
    need()
    story = play.tell(stage, scene, full=args.full)
    if args.format == "json":
        sys.stdout.write(as_json.text(as_json.facts(story, stage.name, scene)))
        return
    colour = sys.stdout.isatty() and not os.environ.get("NO_COLOR")
    lines = as_tree.Tree(story, colour).lines() if args.format == "tree" \
        else as_mermaid.lines(story)
    for line in lines:
        print(line)


def show_list():
    for stage in stages.stages():
        for scene in scenes.scenes_of(play.number_of(stage)):
            print(f"{stages.short(stage)} {scene.name:12} {scene.what}")


def write_all(folder: Path):
    """Write every scene of every stage, some at a time: most of the time is waiting."""
    need()
    folder.mkdir(parents=True, exist_ok=True)

    def write(pair):
        stage, scene = pair
        found = as_json.facts(play.tell(stage, scene), stage.name, scene)
        target = folder / f"{stages.short(stage)}-{scene.name}.json"
        target.write_text(as_json.text(found), encoding="utf-8")

    pairs = [(stage, scene) for stage in stages.stages()
             for scene in scenes.scenes_of(play.number_of(stage))]
    with ThreadPoolExecutor(2 * (os.cpu_count() or 1)) as pool:
        list(pool.map(write, pairs))


def check(wanted) -> int:
    """Say what is wrong in the diagrams. Return the exit status."""
    need()
    faults, count = check_all.check_all(wanted)
    for fault in faults:
        print(fault)
    words = "not all is true" if faults else "all is true"
    print(f"trace-check: {words} in the {count} sequence diagrams of the READMEs")
    return 1 if faults else 0


def main() -> int:
    args = parse()
    try:
        if args.list:
            show_list()
        elif args.check:
            return check([args.stage] if args.stage else ())
        elif args.all:
            write_all(Path(args.all))
        else:
            show(args)
    except workshop.Problem as problem:
        print(f"trace: {problem}", file=sys.stderr)
        return 2
    except BrokenPipeError:     # the reader has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    finally:
        kill_all()
    return 0


if __name__ == "__main__":
    sys.exit(main())
