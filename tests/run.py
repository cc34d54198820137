#!/usr/bin/env python3
"""Checks the stages: builds them, starts their servers, and talks to them over sockets."""
from __future__ import annotations

import argparse
import os
import resource
import sys
import time
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent))

from harness import build, matrix, modes, prove, results  # noqa: E402
from harness.names import no_such, unknown  # noqa: E402
from harness.report import Report  # noqa: E402
from harness.runner import Outcome, all_names, plan, run_again, run_all  # noqa: E402
from harness.stages import find_stages, has_threads  # noqa: E402
from plants import stand


def options():
    parser = argparse.ArgumentParser(
        prog="run.py", description=__doc__,
        epilog="The last line is `N passed, N failed, N skipped`. The exit status is 0 only when "
               "something was run and nothing failed.")
    parser.add_argument("stages", nargs="*", metavar="STAGE", help="such as v04; default: all")
    parser.add_argument("-k", dest="names", action="append", default=[], metavar="NAME",
                        help="only the checks whose name holds NAME (may be given again)")
    parser.add_argument("-v", dest="verbose", action="store_true",
                        help="show the servers' messages, and where a check failed")
    parser.add_argument("-x", dest="stop", action="store_true", help="stop at the first failure")
    parser.add_argument("--list", action="store_true", help="list the checks, run none")
    how = parser.add_mutually_exclusive_group()
    for name, words in (("valgrind", "under valgrind's memcheck: leaks, errors, descriptors"),
                        ("helgrind", "under valgrind's helgrind: data races"),
                        ("sanitize", "built with the address and undefined sanitizers"),
                        ("tsan", "built with the thread sanitizer")):
        how.add_argument(f"--{name}", dest="mode", action="store_const", const=name, help=words)
    parser.add_argument("--repeat", type=int, default=1, metavar="N", help="run each N times")
    parser.add_argument("--again", action="store_true",
                        help="give what failed a second try, with nothing beside it")
    parser.add_argument("--jobs", type=int, metavar="N", help="so many checks at a time")
    parser.add_argument("--json", metavar="FILE", help="write the outcomes there")
    parser.add_argument("--matrix", action="store_true",
                        help="write the table of behaviours into README.md")
    parser.add_argument("--check-matrix", action="store_true",
                        help="fail if README.md's table is not what was measured")
    parser.add_argument("--from", dest="source", metavar="FILE",
                        help="with --check-matrix: measured by the run that wrote FILE (--json)")
    parser.add_argument("--prove", action="store_true",
                        help="run the wrong servers, and show which check catches each")
    parser.add_argument("--plants", action="store_true",
                        help="which planted mistakes no longer stand in the stages")
    args = parser.parse_args()
    if args.source and not args.check_matrix:
        parser.error("--from goes with --check-matrix")
    return args


def main() -> int:
    args = options()
    raise_descriptor_limit()
    mode = getattr(modes, "PROVE" if args.prove else (args.mode or "plain").upper())
    args.jobs = max(args.jobs or mode.jobs * (os.cpu_count() or 1), 1)
    if args.plants:
        return stand.main()
    if args.prove:
        build.need_tools(modes.PLAIN)
        return prove.main(args)
    if args.source:
        return check_matrix(args.source)
    word = unknown(args.names, [f"{check} {program}" for check, program in all_names()])
    if word is not None:
        shorter = {name for pair in all_names() for name in pair}
        print(f"run.py: {no_such('check or program', word, shorter)}", file=sys.stderr)
        return 2
    stages = find_stages(args.stages)
    if mode.threads and not args.stages:
        stages = [stage for stage in stages
                  if any(has_threads(stage.number, name) for name in stage.promised())]
    if args.list:
        return show_list(stages, mode, args.names)
    if stages and not plan(stages, mode, args.names, built=False):
        print(f"run.py: {nothing_words(args)}", file=sys.stderr)
        return 2
    if not stages:
        print("run.py: there is no stage folder to check")
        print("0 passed, 0 failed, 0 skipped")
        return 1
    build.need_tools(mode)
    return run(args, stages, mode)


def check_matrix(path: str) -> int:
    """Compare README.md's table with outcomes that an earlier run of everything has written."""
    try:
        outcomes = results.read(path, plan(find_stages(), modes.PLAIN, built=False))
    except results.Unusable as error:
        print(f"run.py: {error}", file=sys.stderr)
        return 1
    print(matrix.problem(matrix.table(outcomes))
          or f"the table in README.md is as measured: {len(outcomes)} checks")
    return 1 if matrix.problem(matrix.table(outcomes)) else 0


def nothing_words(args) -> str:
    """Why nothing is to be run, although there are stages, and checks of these names."""
    names = " or ".join(repr(name) for name in args.names)
    words = f"no check with {names} in its name" if names else "no check"
    where = f" applies to {' '.join(args.stages)}" if args.stages else " applies"
    how = f" with --{args.mode}" if args.mode else ""
    return f"{words}{where}{how}; --list shows the stages of each"


def run(args, stages, mode) -> int:
    start, tree = time.monotonic(), results.tree()
    report = Report(args.verbose, f" --{args.mode}" if args.mode else "")
    built, failed = build.build_stages(stages, mode)
    for stage, words in failed.items():
        report.add(Outcome(stage.name, stage.number, "make", "build", "", "", "FAIL", 0.0, words))
    tasks = plan(built, mode, args.names) * args.repeat
    report.begin([task.target.stage.name for task in tasks])
    try:
        failures = run_all(tasks, args.jobs, report.add, args.stop, report.tick)
        if args.again and not args.stop:
            run_again(failures, report)
    except KeyboardInterrupt:
        report.end()
        report.say("\nstopped")
        report.last_line()
        return 130
    report.end()
    good = finish(args, report, failed, tree)
    report.summary(time.monotonic() - start)
    return 0 if good else 1


def finish(args, report, failed, tree) -> bool:
    """The table and the files that were asked for; whether all is well."""
    statuses = [outcome.status for outcome in report.outcomes]
    good = bool(set(statuses) & {"ok", "limit"}) and "FAIL" not in statuses
    if args.json:
        results.write(args.json, report.outcomes, tree)
    if args.matrix or args.check_matrix:
        text = matrix.table(report.outcomes)
        if args.matrix and (failed or args.names or args.stages):
            report.say(f"\n{text}\nOnly a run of everything is written into README.md.")
        elif args.matrix:
            report.say("\n" + matrix.write(text))
        problem = args.check_matrix and matrix.problem(text)
        if problem:
            report.say("\n" + problem)
            good = False
    return good


def show_list(stages, mode, names) -> int:
    """The checks by name, with the stages they apply to."""
    found = {}
    for task in plan(stages, mode, names):
        found.setdefault(task.check, (task, {}))[1].setdefault(task.target.stage.number)
    for name, (task, numbers) in sorted(found.items()):
        words = (getattr(task.case, task.method).__doc__ or "").strip().split("\n")[0]
        kind = "limit" if task.spec.limit else "check"
        print(f"{matrix.span(numbers):8} {kind} {name:56} {words}")
    return 0 if found else 1


def raise_descriptor_limit():
    """The checks open more than a thousand sockets at once; so do servers started here."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 8192 if hard == resource.RLIM_INFINITY else min(8192, hard)
    if soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        print("\nstopped")
        sys.exit(130)
    except BrokenPipeError:     # the reader of a pipe has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
