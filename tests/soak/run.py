#!/usr/bin/env python3
"""Random clients against the last stage's servers, with options drawn at random.

Round after round, each with a server of its own: until the time is over or something is wrong.
"""
from __future__ import annotations

import argparse
import random
import resource
import sys
import time
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from harness import build, modes  # noqa: E402
from harness.bars import Bars  # noqa: E402
from harness.server import Broken, kill_all  # noqa: E402
from harness.stages import find_stages  # noqa: E402
from soak import prove  # noqa: E402
from soak.chat import ChatRound  # noqa: E402
from soak.round import Round  # noqa: E402

CHAT_EACH = 4           # such a round is one of the chat


def options():
    parser = argparse.ArgumentParser(prog="soak/run.py", description=__doc__)
    parser.add_argument("--time", type=float, default=120, metavar="SECONDS",
                        help="begin no round after so long")
    parser.add_argument("--seed", default=str(random.randrange(10**6)),
                        help="repeats the choices of an earlier run")
    parser.add_argument("--round", type=int, metavar="N", help="this round alone")
    parser.add_argument("--prove", action="store_true",
                        help="does it find mistakes that were made on purpose?")
    how = parser.add_mutually_exclusive_group()
    for name in ("sanitize", "tsan"):
        how.add_argument(f"--{name}", dest="mode", action="store_const", const=name,
                         help="built with sanitizers, as in tests/run.py")
    return parser.parse_args()


def built(mode):
    """The last stage."""
    stages, failed = build.build_stages(find_stages()[-1:], mode)
    for stage, words in failed.items():
        raise SystemExit(f"soak: {stage.name} does not compile:\n{words}")
    return stages[0]


def main() -> int:
    args = options()
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(8192, hard) if hard > 0 else 8192, hard))
    mode = getattr(modes, (args.mode or "plain").upper())
    build.need_tools(mode)
    stage = built(mode)
    print(f"soak: SEED={args.seed}", flush=True)
    return prove.main(args.seed) if args.prove else soak(args, stage, mode)


def draw_round(seed, number, stage, mode):
    """Every fourth is one of the chat."""
    if number % CHAT_EACH == 0:
        return ChatRound(seed, number, stage.program("chat_server"), mode)
    return Round(seed, number, stage.program("echo_server"), mode)


def soak(args, stage, mode) -> int:
    start, number, clients, moved = time.monotonic(), args.round or 1, 0, 0
    bars = Bars({"soak": args.time}, on=False if args.round else None, unit=" s")
    while True:
        this = draw_round(args.seed, number, stage, mode)
        words = f"round {number}: {len(this.plans)} clients, {this.words}"
        if bars.on:
            bars.now(words)
        else:
            print(words, flush=True)
        try:
            this.play()
        except Broken as error:
            bars.close()
            print(f"soak: FAILED in round {number}\n{error}\n"
                  f"again: make soak SEED={args.seed} ROUND={number}")
            return 1
        clients, moved = clients + len(this.clients), moved + sum(c.got for c in this.clients)
        number += 1
        bars.reach("soak", time.monotonic() - start)
        if args.round or time.monotonic() - start > args.time:
            break
    bars.close()
    print(f"soak: {number - (args.round or 1)} rounds, {clients:,} clients, {moved:,} bytes "
          f"checked, {time.monotonic() - start:.0f} s: all balances")
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        print("\nsoak: stopped")
        sys.exit(130)
    finally:
        kill_all()
