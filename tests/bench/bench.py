#!/usr/bin/env python3
"""Measures the stages and the peers: `make bench` and its neighbours."""
from __future__ import annotations

import argparse
import signal
import sys
import time

sys.dont_write_bytecode = True

import chat  # noqa: E402
import compare  # noqa: E402
import compare_stages  # noqa: E402
import counts  # noqa: E402
import instructions  # noqa: E402
import limits  # noqa: E402
import memory  # noqa: E402
import models  # noqa: E402
import plots  # noqa: E402
import progress  # noqa: E402
import servers  # noqa: E402
import silent  # noqa: E402
import targets  # noqa: E402
from tables import Results  # noqa: E402

LIMIT = 1800    # seconds; nothing waits for ever
# The questions, and the seconds that each is planned to take on a quiet machine; quick: a part.
PLANS = {"models": 13, "stages": 104, "silent": 15, "peers": 100, "chat": 48, "limits": 30,
         "targets": 6}
OTHERS = {"instructions": 20, "memory": 35}
QUICK_PART = 0.05
WHAT = ("all", "models", "stages", "silent", "peers", "chat", "limits", "instructions", "memory",
        "profile")


def options():
    parser = argparse.ArgumentParser(prog="bench.py", description=__doc__)
    parser.add_argument("what", choices=WHAT, help="all: models to limits, and the targets; "
                        "profile: where a server spends its instructions")
    parser.add_argument("name", nargs="?", default="v10", help="whose profile (v10)")
    parser.add_argument("--quick", action="store_true", help="tiny loads: does it run at all?")
    parser.add_argument("--peer", default="", metavar="COMMAND",
                        help="a server of your own; {port} stands for its port")
    parser.add_argument("--save", action="store_true",
                        help="keep the results in tests/bench/results, not in build/results")
    return parser.parse_args()


def say_what_is_missing():
    if not plots.available():
        print("bench: no pictures: gnuplot is missing (Debian package gnuplot-nox)")
    if not counts.can_trace():
        print("bench: system calls are not counted: strace is missing (Debian package strace)")


def peers(results, quick, own):
    """The third question; what the targets need of it."""
    calls = compare.system_calls(results, quick, own) if counts.can_trace() else {}
    return compare.one_cpu(results, quick, own), compare.threads(results, quick), calls


def ask(question, results, quick, own):
    """Answer one question; what the targets need of it."""
    progress.ask(question)
    return {"models": lambda: models.main(results, quick),
            "stages": lambda: compare_stages.main(results, quick),
            "silent": lambda: silent.main(results, quick),
            "peers": lambda: peers(results, quick, own),
            "chat": lambda: chat.main(results, quick),
            "limits": lambda: limits.main(results, quick, own),
            "instructions": lambda: instructions.main(results, quick, own),
            "memory": lambda: memory.main(results, quick, own)}[question]()


def everything(results, quick, own):
    found = {question: ask(question, results, quick, own)
             for question in PLANS if question != "targets"}
    progress.ask("targets")
    targets.show(results, *found["peers"], found["limits"], found["chat"])


def measure(args):
    own = [servers.own(args.peer)] if args.peer else []
    results = Results(servers.BENCH / "results" if args.save else servers.BUILD / "results")
    plans = PLANS if args.what == "all" else {args.what: {**PLANS, **OTHERS}[args.what]}
    progress.begin({question: max(seconds * QUICK_PART, 1) if args.quick else seconds
                    for question, seconds in plans.items()})
    try:
        if args.what == "all":
            everything(results, args.quick, own)
        else:
            ask(args.what, results, args.quick, own)
    finally:
        progress.end()
    print(f"kept in {results.folder.relative_to(servers.ROOT)}/")


def give_up(*_):
    raise servers.Trouble(f"gave up after {LIMIT} s")


def main() -> int:
    start, args = time.monotonic(), options()
    signal.signal(signal.SIGALRM, give_up)
    signal.alarm(LIMIT)
    say_what_is_missing()
    try:
        if args.what == "profile":
            instructions.show_profile(args.name)
        else:
            measure(args)
    except servers.Trouble as trouble:
        print(f"bench: {trouble}", file=sys.stderr)
        return 1
    print(f"in {time.monotonic() - start:.0f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
