#!/usr/bin/env python3
"""Makes what the servers call fail, call by call and error by error, and says what they survive."""
from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from faults import catalogue as cat  # noqa: E402
from faults import inject, plan, prove  # noqa: E402
from faults.table import Table, differences  # noqa: E402
from harness import build, modes  # noqa: E402
from harness.bars import Bars  # noqa: E402
from harness.names import no_such  # noqa: E402
from harness.stages import find_stages  # noqa: E402

HERE = Path(__file__).resolve().parent
RECORD = HERE / "TABLE.md"
WARNINGS = ["-Wall", "-Wextra", "-Wpedantic", "-Wshadow", "-Wmissing-prototypes",
            "-Wstrict-prototypes", "-Wconversion", "-Werror"]


def arguments():
    parser = argparse.ArgumentParser(prog="run.py", description=__doc__)
    parser.add_argument("stages", nargs="*", metavar="STAGE", help="such as v04; default: all")
    parser.add_argument("-k", dest="name", default="", metavar="WORD",
                        help="only failures whose name holds WORD: accept4, EMFILE, write:EPIPE:1")
    parser.add_argument("-v", dest="verbose", action="store_true", help="a line for each run")
    parser.add_argument("--brief", action="store_true",
                        help="each failure in one way only, and fewer for all but echo_server")
    parser.add_argument("--check", action="store_true",
                        help="fail if TABLE.md is not what was measured; do not write it")
    parser.add_argument("--prove", action="store_true",
                        help="servers with a mistake: is each found?")
    parser.add_argument("--jobs", type=int, default=4 * (os.cpu_count() or 1), metavar="N",
                        help="so many runs at a time")
    return parser.parse_args()


def library():
    """The preloaded library, built into the scratch folder."""
    output = build.scratch() / "preload.so"
    argv = ["gcc", "-std=c11", "-D_GNU_SOURCE", *WARNINGS, "-O2", "-fPIC", "-shared",
            "-o", str(output), str(HERE / "preload.c")]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"run.py: tests/faults/preload.c does not compile:\n{done.stderr}")
    return str(output)


class Survey:
    """Runs without a failure: which calls there are, how many allocations, and what stays."""

    def __init__(self, columns, jobs, preload):
        self.calls, self.made, self.usual, self.wrong = {}, {}, {}, []
        todo = [(target, fault) for target in columns for fault in plan.surveys(target)]
        for result in plan.run_all(todo, jobs, preload):
            self.add(result)
        for target in columns:
            for call in plan.unknown(self.calls[target]):
                self.wrong.append(f"{target.name} calls {call}, for which tests/faults/"
                                  "catalogue.py has no row")

    def add(self, result):
        target, row = result.target, result.fault.row
        made, _, left = result.counts
        self.calls.setdefault(target, {})[(row.phase, row.session, row.args)] = result.calls
        before = self.usual.get(target.name, (0, 0))
        self.usual[target.name] = (max(left, before[0]), max(result.descriptors, before[1]))
        if row.phase == cat.SERVING and row.session == "talk" and not row.args:
            self.made[target] = made
        if result.wrong:
            self.wrong.append(f"{target.name}, nothing made to fail: {result.wrong}")


def jobs_for(columns, survey, args):
    todo = []
    for target in columns:
        faults = plan.faults(target, survey.calls[target], args.brief)
        faults += plan.library_faults(target, survey.made[target], args.brief)
        todo += [(target, fault) for fault in faults
                 if args.name in fault.name]
    return todo


def show(result, say):
    say(f"{result.target.name:14} {result.fault.row.phase:6} {result.fault.name:34} "
          f"{'FAIL  ' + result.wrong if result.wrong else 'survived'}")
    for line in result.stderr.splitlines()[-6:] if result.wrong else ():
        say(f"{'':14} stderr | {line}")


def run_twice(todo, jobs, preload, usual, bars):
    """The results. What was not survived is run three times more, with less beside it: a limit in
    time can be missed on a busy machine. A mistake shows again."""
    doubtful, last = [], None
    for result in plan.run_all(todo, jobs, preload, usual):
        if result.target != last:
            last = result.target
            if bars.on:
                bars.now(last.name)
            else:
                print(f"  {last.name}", flush=True)
        if result.wrong:
            doubtful.append((result.target, result.fault))
        else:
            bars.add(result.target.stage.name)
            yield result
    if doubtful:
        bars.now("once more what failed")
        bars.say(f"  once more: {len(doubtful)}")
    again = [job for job in doubtful for _ in range(3)]
    results = list(plan.run_all(again, max(jobs // 2, 1), preload, usual))
    for at in range(0, len(results), 3):
        tries = results[at:at + 3]
        worst = next((result for result in tries if result.wrong), tries[0])
        bars.add(worst.target.stage.name, "FAIL" if worst.wrong else "ok")
        yield worst


def settle(args, table):
    """Writes the table, or compares it with the one that is kept. Returns what is wrong."""
    text = table.text()
    whole = not (args.stages or args.name)
    print("\n" + text)
    if args.check and whole:
        kept = RECORD.read_text(encoding="utf-8") if RECORD.exists() else ""
        return differences(kept, text)
    if whole and not args.brief:
        RECORD.write_text(text, encoding="utf-8")
        print(f"written: {RECORD.name}")
    return []


class Count:
    """What came of the runs."""

    def __init__(self):
        self.runs = self.missed = self.bad = 0
        self.start = time.monotonic()

    def add(self, result):
        self.runs += 1
        self.bad += bool(result.wrong)
        self.missed += not (result.reached or result.wrong)

    def last_lines(self, wrong):
        """Returns whether all is well."""
        print(f"{self.runs} runs, {self.missed} of them with nothing to fail, "
              f"in {time.monotonic() - self.start:.0f} s")
        passed = self.runs - self.missed - self.bad
        print(f"{passed} passed, {self.bad + len(wrong)} failed, {self.missed} skipped")
        return passed > 0 and not self.bad and not wrong


def run(args, stages, wrong):
    """Returns whether all is well; `wrong` has what is wrong already."""
    count, columns, preload, table = Count(), plan.targets(stages), library(), Table()
    survey = Survey(columns, args.jobs, preload)
    todo = jobs_for(columns, survey, args)
    if args.name and not todo:
        every = {fault.name for _, fault in jobs_for(columns, survey, argparse.Namespace(
            brief=args.brief, name=""))}
        print(f"run.py: {no_such('failure', args.name, every, hint='see faults/TABLE.md')}",
              file=sys.stderr)
        sys.exit(2)
    print(f"{len(columns)} servers, {len(todo)} runs", flush=True)
    totals = Counter(target.stage.name for target, _ in todo)
    with Bars(totals, on=False if args.verbose else None) as bars:
        for result in run_twice(todo, args.jobs, preload, survey.usual, bars):
            count.add(result)
            table.add(result)
            if result.wrong or args.verbose:
                show(result, bars.say)
    wrong += survey.wrong + settle(args, table)
    for words in wrong:
        print(f"wrong: {words}")
    return count.last_lines(wrong)


def main():
    args = arguments()
    build.need_tools(modes.PLAIN)
    reason = inject.why_not()
    if reason:
        raise SystemExit(f"run.py: {reason}")
    if args.prove:
        return prove.main(args.jobs, library())
    stages, failed = build.build_stages(find_stages(args.stages), modes.PLAIN)
    wrong = [f"{stage.name} does not build:\n{words}" for stage, words in failed.items()]
    return 0 if run(args, stages, wrong) else 1


if __name__ == "__main__":
    sys.exit(main())
