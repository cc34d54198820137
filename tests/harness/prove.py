"""Proves the checks: each wrong server must be caught by the checks that name it."""
from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

from harness import build, modes
from harness.bars import Bars
from harness.check import Target
from harness.names import no_such, unknown
from harness.report import Report
from harness.runner import Task, load_checks, methods, plan, run_again, run_all
from harness.stages import Stage, find_stages
from wrong.catalogue import CATALOGUE, PARTS
from wrong.mutations import MUTATIONS

# The server without a mistake must pass every check of v07, and these that are of earlier stages.
BASE_STAGE = 7
EARLIER = ((5, "descriptors."), (2, "fd_setsize."))


class Proof(Report):
    """A check that fails is a mistake caught."""

    def __init__(self, verbose=False, again=""):
        super().__init__(verbose, again)
        self.proven = set()
        self.tries = 0          # that are left for a mistake that was not caught
        self.missed = set()

    def add(self, outcome):
        if outcome.stage == "no mistake":
            super().add(outcome)
            return
        text = outcome.text.strip().split("\n")[0][:100]
        if outcome.status == "FAIL":
            outcome.status = "ok"
            self.proven.add(outcome.check)
            self._line(outcome, "caught", text)
        elif outcome.status == "skip":
            self._line(outcome, "skipped", text)
        elif self.tries:
            self.missed.add((outcome.stage, outcome.check))
        else:
            outcome.status = "FAIL"
            self._line(outcome, "NOT CAUGHT", "the check passed")

    def label(self, outcome):
        return label(outcome.stage, outcome.number)

    def _line(self, outcome, word, text):
        self.outcomes.append(outcome)
        self.bars.add(self.label(outcome), outcome.status)
        if self.bars.on and outcome.status != "FAIL":
            return
        word = self.paint(outcome.status, f"{word:10}")
        self.say(f"{outcome.stage:30} {outcome.check:46} {word} {text}")


def label(stage: str, number: int) -> str:
    """The bar of a check: one for the mistakes of each stage, one for the correct server."""
    return "correct server" if stage == "no mistake" else f"mistakes v{number:02}"


def base_tasks():
    """All checks, for the server without a mistake."""
    tasks = []
    folder = build.build_wrong()
    for number, words in ((BASE_STAGE, None),) + EARLIER:
        stage = Stage(number, "no mistake", folder, (("WRONG_STAGE", str(number)),))
        tasks += [t for t in plan([stage], modes.PLAIN, words and (words,))
                  if t.case.group != "units"]
    return tasks


def find_check(name: str):
    for case in load_checks():
        if name.startswith(case.group + ".") and name.split(".")[1] in methods(case):
            return case, name.split(".")[1]
    raise SystemExit(f"run.py: tests/wrong/catalogue.py names {name}, which is no check")


def wrong_tasks(names):
    """Each wrong server with each check that must catch it."""
    folder = build.build_wrong()
    tasks = []
    for wrong in CATALOGUE:
        env = (("WRONG", wrong.name), ("WRONG_STAGE", str(wrong.stage)))
        stage = Stage(wrong.stage, wrong.name, folder, env)
        for check in wrong.caught_by:
            case, method = find_check(check)
            if not names or any(n in f"{wrong.name} {check}" for n in names):
                tasks.append(Task(_target(stage, wrong.program), case, method))
    tasks += mutation_tasks(names)
    return tasks + [t for t in part_tasks() if not names or any(n in t.check for n in names)]


def _target(stage, program):
    return Target(stage, program, modes.PROVE)


def part_tasks():
    """The unit checks against parts with a mistake."""
    having = [s for s in find_stages() if (s.folder / "codec.c").exists()]
    tasks = []
    for name, file, line, check in PARTS if having else ():
        folder = build.scratch() / "parts" / name
        shutil.copytree(having[-1].folder, folder, ignore=shutil.ignore_patterns("build"))
        source = (folder / file).read_text(encoding="utf-8")
        (folder / file).write_text(f"#include <string.h>\n{line}\n{source}", encoding="utf-8")
        case, method = find_check(check)
        tasks.append(Task(_target(Stage(having[-1].number, name, folder), "echo_server"),
                          case, method))
    return tasks


stale = []      # mutations that can't be made any more


def mutation_tasks(names):
    """The stages with one line changed, each with the checks that must catch it."""
    stages = {stage.number: stage for stage in find_stages()}
    wanted = [(m, check) for m in MUTATIONS if m.stage in stages for check in m.caught_by
              if not names or any(n in f"{m.name} {check}" for n in names)]
    chosen = list(dict.fromkeys(m for m, _ in wanted))
    build.scratch()
    built = {}
    with Bars({"building": len(chosen)}, unit=" wrong servers") as bars, \
            ThreadPoolExecutor(os.cpu_count() or 2) as pool:
        for m, result in zip(chosen, pool.map(lambda m: mutate(m, stages[m.stage]), chosen)):
            built[m] = result
            bars.add("building")
    for m, stage in built.items():
        if isinstance(stage, str):
            stale.append(f"wrong/mutations.py, {m.name}: {stage}")
    return [Task(_target(built[m], m.program), *find_check(check)) for m, check in wanted
            if not isinstance(built[m], str)]


def mutate(mutation, stage):
    """A copy of the stage with the mistake, built; or what went wrong with that."""
    folder = build.scratch() / "mutations" / f"{mutation.program}-{mutation.name}"
    shutil.copytree(stage.folder, folder, ignore=shutil.ignore_patterns("exercises"))
    for old, new in ((mutation.old, mutation.new), *mutation.also):
        files = [f for f in folder.glob("*.[ch]") if old in f.read_text("utf-8")]
        text = files[0].read_text("utf-8") if len(files) == 1 else ""
        if text.count(old) != 1:
            return f"its text does not stand once in {stage.name}: {old!r}"
        files[0].write_text(text.replace(old, new), encoding="utf-8")
    done = subprocess.run(["make", "-C", str(folder), "-s", mutation.program],
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if done.returncode:
        return f"it does not compile:\n{done.stderr}"
    return Stage(mutation.claims or stage.number, mutation.name, folder)


def unproven(proven):
    """The checks of the stages so far that no wrong server was caught by."""
    names = {f"{case.group}.{method}" for case in load_checks() for method in methods(case)
             if any(getattr(case, method).spec.applies(n, p, "plain") for n in range(1, 11)
                    for p in getattr(case, method).spec.all_programs())}
    return sorted(names - proven)


def prove_all(tasks, jobs, report, stop):
    """Some mistakes show only now and then: what was not caught gets two more tries."""
    for report.tries in (2, 1, 0):
        report.missed = set()
        run_all(tasks, jobs, report.add, stop, report.tick)
        tasks = [t for t in tasks if (t.target.stage.name, t.check) in report.missed]
        if not tasks:
            return


def all_mistakes():
    """The name of each mistake with each check that must catch it."""
    return [f"{wrong.name} {check}" for wrong in (*CATALOGUE, *MUTATIONS)
            for check in wrong.caught_by] + [part[3] for part in PARTS]


def main(args) -> int:
    start = time.monotonic()
    word = unknown(args.names, all_mistakes())
    if word is not None:
        names = {name for pair in all_mistakes() for name in pair.split()}
        print(f"run.py: {no_such('mistake', word, names)}", file=sys.stderr)
        return 2
    try:
        tasks = wrong_tasks(args.names)
        base = [] if args.names else base_tasks()
    except build.BuildFailed as error:
        print(f"run.py: tests/wrong does not compile:\n{error}")
        return 1
    report = Proof(args.verbose, " --prove")
    report.begin(sorted(label(t.target.stage.name, t.target.stage.number)
                        for t in (tasks + base) * args.repeat))
    jobs = args.jobs
    # A mistake is often caught by waiting in vain, which needs no processor.
    prove_all(tasks * args.repeat, jobs + jobs // 2, report, args.stop)
    failed = run_all(base * args.repeat, jobs, report.add, args.stop, report.tick)
    if args.again and not args.stop:
        run_again(failed, report)
    report.end()
    left = [] if args.names else unproven(report.proven)
    for name in left:
        report.say(f"unproven: no wrong server is caught by {name}")
    for words in stale:
        report.say(f"stale: {words}")
    base = [o for o in report.outcomes if o.stage == "no mistake"]
    missed = sum(1 for o in report.outcomes if o.status == "FAIL" and o not in base)
    report.say(f"\n{len(report.outcomes) - len(base)} mistakes and checks, {missed} not caught; "
               f"{len(base)} checks of the server without a mistake; {len(left)} checks unproven; "
               f"{len(stale)} mistakes stale; {time.monotonic() - start:.1f} s")
    if args.json:
        report.write_json(args.json)
    report.say_lucky()
    report.last_line()
    good = [o for o in report.outcomes if o.status in ("ok", "limit")]
    failed = [o for o in report.outcomes if o.status == "FAIL"]
    return 0 if good and not failed and not left and not stale else 1
