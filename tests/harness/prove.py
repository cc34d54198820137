"""Proves the checks: each plant must be caught by the checks that it names."""
from __future__ import annotations

import sys
import time

from harness import build, modes, results
from harness.check import Target
from harness.names import no_such, unknown
from harness.report import Report
from harness.runner import Task, load_checks, methods, run_all
from plants import sow, stand

FACTOR = 2      # a mistake is often caught by waiting in vain, which needs no processor


class Proof(Report):
    """A check that fails is a mistake caught."""

    def __init__(self, verbose=False, again=""):
        super().__init__(verbose, again)
        self.proven = set()
        self.tries = 0          # that are left for a mistake that was not caught
        self.missed = set()

    def add(self, outcome):
        text = outcome.text.strip().split("\n")[0][:100]
        if outcome.status == "FAIL":
            outcome.status = "ok"
            self.proven.add(outcome.check)
            self._line(outcome, "caught", text)
        elif self.tries:
            self.missed.add((outcome.stage, outcome.check, outcome.program))
        elif outcome.status == "skip":
            self._line(outcome, "skipped", text)
        else:
            outcome.status = "FAIL"
            self._line(outcome, "NOT CAUGHT", "the check passed")

    def label(self, outcome):
        return label(outcome.stage)

    def _line(self, outcome, word, text):
        self.outcomes.append(outcome)
        self.bars.add(self.label(outcome), outcome.status)
        if self.bars.on and outcome.status != "FAIL":
            return
        word = self.paint(outcome.status, f"{word:10}")
        check = outcome.check + (f" {outcome.program}" if outcome.program != "echo_server" else "")
        self.say(f"{outcome.stage:34} {check:46} {outcome.seconds:5.1f} s {word} {text}")


def label(plant: str) -> str:
    """The bar of a check: one for the plants of each stage."""
    return f"plants {plant[:3]}"


def find_check(name: str):
    for case in load_checks():
        if name.startswith(case.group + ".") and name.split(".")[1] in methods(case):
            return case, name.split(".")[1]
    raise SystemExit(f"run.py: a plant names {name}, which is no check")


def wanted(plant, words) -> list:
    """(check, program) of those of the plant's checks that are asked for."""
    return [pair for pair in plant.checks()
            if not words or any(word in f"{plant.label} {' '.join(pair)}" for word in words)]


def unproven(proven):
    """The checks of the stages so far that no plant was caught by."""
    names = {f"{case.group}.{method}" for case in load_checks() for method in methods(case)
             if any(getattr(case, method).spec.applies(n, p, "plain") for n in range(1, 11)
                    for p in getattr(case, method).spec.all_programs())}
    return sorted(names - proven)


def prove_all(tasks, jobs, report, stop):
    """What was not caught, or skipped, gets two more tries, the last with nothing beside it.

    Some mistakes show only now and then, and some checks can't be run on a busy machine.
    """
    for report.tries, at_a_time in ((2, jobs), (1, jobs), (0, 1)):
        report.missed = set()
        run_all(tasks, at_a_time, report.add, stop, report.tick)
        tasks = [t for t in tasks
                 if (t.target.stage.name, t.check, t.target.program) in report.missed]
        if not tasks:
            return


def plan(plants, words) -> tuple:
    """The plants' programs, built: each with each check that must catch it; and what failed."""
    chosen = [plant for plant in plants if wanted(plant, words)]
    built, failed = sow.build_all(chosen)
    tasks = [Task(Target(stage, program, modes.PROVE), *find_check(check))
             for plant, stage in built.items() for check, program in wanted(plant, words)]
    return tasks, [f"{plant.label}: {error}" for plant, error in failed.items()]


def main(args) -> int:
    start = time.monotonic()
    plants = stand.all_plants()
    known = [f"{plant.label} {' '.join(pair)}" for plant in plants for pair in plant.checks()]
    word = unknown(args.names, known)
    if word is not None:
        names = {name for text in known for name in text.split()}
        print(f"run.py: {no_such('plant', word, names)}", file=sys.stderr)
        return 2
    problems = [] if args.names else stand.problems()
    for text in problems:
        print(f"stale: {text}", flush=True)
    report = Proof(args.verbose, " --prove")
    try:
        tasks, failed = plan(plants, args.names)
    except build.BuildFailed as error:
        print(f"run.py: a stage does not compile:\n{error}")
        return 1
    report.begin(sorted(label(t.target.stage.name) for t in tasks * args.repeat))
    prove_all(tasks * args.repeat, int(args.jobs * FACTOR), report, args.stop)
    report.end()
    left = [] if args.names else unproven(report.proven)
    for name in left:
        report.say(f"unproven: no plant is caught by {name}")
    for words in failed:
        report.say(f"not built: {words}")
    missed = sum(1 for o in report.outcomes if o.status == "FAIL")
    report.say(f"\n{len({t.target.stage.name for t in tasks})} plants, "
               f"{len(report.outcomes)} times with a check, {missed} not caught; "
               f"{len(left)} checks unproven; {len(problems)} stale, {len(failed)} not built; "
               f"{time.monotonic() - start:.1f} s")
    if args.json:
        results.write(args.json, report.outcomes, results.tree())
    report.last_line()
    good = any(o.status == "ok" for o in report.outcomes)
    return 0 if good and not (missed or left or problems or failed) else 1
