"""Commands for who writes exercises."""
from __future__ import annotations

import os
from pathlib import Path

from exercises import judge, lint, patch, prove, workshop
from exercises.catalogue import chosen, named


def run_lint(args) -> int:
    count = 0
    for exercise in chosen(args.names):
        for words in lint.problems(exercise):
            print(f"{exercise.stage.name}/exercises/{exercise.name}: {words}")
            count += 1
    print(f"{count} problems")
    return 1 if count else 0


def run_prove(args) -> int:
    return prove.prove(chosen(args.names), args.repeat, not args.quick, args.verbose)


def run_start(args) -> int:
    folder = Path(args.folder)
    folder.mkdir(parents=True, exist_ok=True)
    exercise = named(args.name)
    seed = os.environ.get("SEED", "")
    for name, text in exercise.start_texts(seed).items():
        (folder / name).write_text(text, "utf-8")
    makefile = exercise.stage.folder / "Makefile"
    (folder / "Makefile").write_text(makefile.read_text("utf-8"), "utf-8")
    return 0


def run_check(args) -> int:
    exercise = named(args.name)
    texts = workshop.sources(Path(args.folder))
    form = Path(args.folder) / "predict.txt"
    if form.exists():
        texts[form.name] = form.read_text("utf-8")
    verdict = judge.judge(exercise, texts, os.environ.get("SEED", ""), stop=False,
                          keeps=not args.only, times=args.repeat)
    if verdict.error:
        print(f"does not build: {verdict.error}\n{verdict.words}")
    for outcome in (*verdict.named, *verdict.kept):
        if args.verbose or outcome.status != "ok":
            print(f"{outcome.status:5} {outcome.check} {outcome.program} {outcome.seconds:.1f} s")
            print("".join(f"      {line}\n" for line in outcome.text.splitlines()), end="")
    count = {word: sum(o.status == word for o in (*verdict.named, *verdict.kept))
             for word in ("ok", "FAIL", "skip")}
    print(f"{count['ok']} passed, {count['FAIL']} failed, {count['skip']} skipped")
    return 0 if verdict.passed else 1


def run_save_patch(args) -> int:
    exercise = named(args.name)
    text = patch.make(exercise.start_texts(), workshop.sources(Path(args.folder)))
    (exercise.folder / "solution.patch").write_text(text, "utf-8")
    print(f"{len(text.splitlines())} lines")
    return 0


def add_commands(commands):
    def add(name, run, *arguments, **more):
        parser = commands.add_parser(name, **more)
        for argument in arguments:
            parser.add_argument(argument)
        parser.set_defaults(run=run)
        return parser

    add("lint", run_lint).add_argument("names", nargs="*")
    proof = add("prove", run_prove)
    proof.add_argument("names", nargs="*")
    proof.add_argument("--repeat", type=int, default=prove.TIMES)
    proof.add_argument("--quick", action="store_true", help="without valgrind")
    proof.add_argument("-v", dest="verbose", action="store_true")
    add("start", run_start, "name", "folder")
    check = add("check", run_check, "name", "folder")
    check.add_argument("--repeat", type=int, default=1)
    check.add_argument("--only", action="store_true", help="the exercise's own checks alone")
    check.add_argument("-v", dest="verbose", action="store_true")
    add("save-patch", run_save_patch, "name", "folder")
