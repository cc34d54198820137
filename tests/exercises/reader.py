"""Commands for who solves exercises."""
from __future__ import annotations

import os
import shutil
import sys
import time

from exercises import copies, judge, patch, progress, rebuild_commands, show
from exercises.catalogue import OWN_WORDS, PREDICT, Exercise, exercises, named
from exercises.problem import Problem

LOOK_AGAIN = 0.2    # seconds between two looks for a change
WORDS = {"find": "In your own words: what was wrong, how did you find it, and what else could it do?\n",
         "build": "In your own words: what did you change, why so, and what did you not choose?\n"}


def seed_of(name: str) -> str:
    """SEED, or the one with which the copy was made."""
    return os.environ.get("SEED") or progress.of(name).get("seed", "")


def begin(exercise: Exercise):
    """Make the copy, and tell the task."""
    seed = os.environ.get("SEED", "")
    texts = exercise.start_texts(seed)
    if exercise.kind != "predict":
        texts[OWN_WORDS] = WORDS[exercise.kind]
    copies.create(exercise.name, texts, exercise.stage.folder / "Makefile")
    texts.pop(OWN_WORDS, None)
    copies.hand_out(exercise.name, judge.build(exercise, texts, seed).stage.folder)
    with progress.change(exercise.name) as entry:
        entry["last"] = entry["started"] = time.time()
        entry["seed"] = seed
    print(show.task(exercise, seed))


def check(exercise: Exercise) -> bool:
    """Build the reader's copy, judge it, and show the first failure alone."""
    texts = copies.read(exercise.name)
    if exercise.kind == "predict" and PREDICT not in texts:
        raise Problem(f"{copies.shown(copies.folder(exercise.name))} has no {PREDICT}; "
                      f"make reset-{exercise.name} makes it anew")
    seed = seed_of(exercise.name)
    untouched = texts == exercise.start_texts(seed)
    verdict = judge.judge(exercise, texts, seed, memory=True)
    copies.hand_out(exercise.name, verdict.built.stage.folder)
    if not untouched:
        progress.tried(exercise.name, verdict.passed)
    print(show.verdict(verdict, untouched, progress.of(exercise.name)))
    return verdict.passed


def run_try(args) -> int:
    exercise = named(args.name)
    with copies.lock(exercise.name):
        if not copies.folder(exercise.name).exists():
            begin(exercise)
            return 0
        seed = os.environ.get("SEED")
        if seed and seed != progress.of(exercise.name).get("seed", ""):
            raise Problem(f"SEED counts when the copy is made: make reset-{exercise.name} "
                          f"SEED={seed}")
        return 0 if check(exercise) else 1


def run_watch(args) -> int:
    """Check at each save, until it passes."""
    exercise = named(args.name)
    with copies.lock(exercise.name):
        if not copies.folder(exercise.name).exists():
            begin(exercise)
        while True:
            before = copies.state(exercise.name)
            if sys.stdout.isatty():
                print("\033[H\033[2J", end="")
            if check(exercise):
                return 0
            print("\nwaiting for you to save a file (Ctrl-C ends)", flush=True)
            while copies.state(exercise.name) == before:
                time.sleep(LOOK_AGAIN)


def run_hint(args) -> int:
    exercise = named(args.name)
    hints = exercise.hints()
    if not hints:
        raise Problem(f"{exercise.name} has no hints")
    with progress.change(exercise.name) as entry:
        number = min(entry.get("hints", 0) + 1, len(hints))
        entry["hints"] = number
    print(f"{exercise.name}, hint {number} of {len(hints)}:\n")
    print(exercise.filled(hints[number - 1], seed_of(exercise.name)))
    if number == len(hints):
        print(f"\nThat was the last one. `make answer-{exercise.name} GIVE_UP=1` "
              "shows the answer.")
    return 0


def run_answer(args) -> int:
    exercise = named(args.name)
    if not exercise.answer():
        raise Problem("the answers are not in this handout; ask your teacher")
    if not progress.of(exercise.name).get("passed") and not os.environ.get("GIVE_UP"):
        raise Problem(f"not passed yet: make try-{exercise.name}, make hint-{exercise.name}; "
                      f"or make answer-{exercise.name} GIVE_UP=1")
    seed = seed_of(exercise.name)
    if exercise.kind == "predict":
        print(show.true_numbers(exercise, seed))
    elif copies.folder(exercise.name).exists():
        own = copies.read(exercise.name)
        difference = patch.make(own, exercise.solution_texts(seed))
        where = copies.shown(copies.folder(exercise.name))
        print(f"From {where} to the solution:\n" if difference else
              f"{where} is the solution, to the letter.\n")
        print(show.coloured(difference))
    print(exercise.filled(exercise.answer(), seed))
    return 0


def run_reset(args) -> int:
    if args.name.startswith("rebuild-"):
        return rebuild_commands.reset(args.name)
    exercise = named(args.name)
    with copies.lock(exercise.name):
        if copies.folder(exercise.name).exists():
            kept = copies.set_aside(exercise.name)
            print(f"the old copy is kept in {copies.shown(kept)}")
        begin(exercise)
    return 0


def run_list(_args) -> int:
    if not exercises():
        raise Problem("there is no exercise in this folder's stages")
    print(show.table(exercises(), progress.read(), shutil.get_terminal_size().columns))
    return 0


def add_commands(commands):
    for name, run in (("try", run_try), ("watch", run_watch), ("hint", run_hint),
                      ("answer", run_answer), ("reset", run_reset)):
        parser = commands.add_parser(name)
        parser.add_argument("name")
        parser.set_defaults(run=run)
    commands.add_parser("list").set_defaults(run=run_list)
