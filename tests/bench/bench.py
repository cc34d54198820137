#!/usr/bin/env python3
"""Measures the stages and the peers: `make bench` and its neighbours."""
from __future__ import annotations

import argparse
import sys
from pathlib import Path

sys.dont_write_bytecode = True

import instructions  # noqa: E402
import servers  # noqa: E402
from tables import Results  # noqa: E402


def options():
    parser = argparse.ArgumentParser(prog="bench.py", description=__doc__)
    parser.add_argument("what", choices=("instructions", "profile"))
    parser.add_argument("name", nargs="?", default="v10", help="whose profile (v10)")
    parser.add_argument("--quick", action="store_true", help="tiny loads: does it run at all?")
    parser.add_argument("--peer", default="", metavar="COMMAND",
                        help="a server of your own; {port} stands for its port")
    parser.add_argument("--save", action="store_true",
                        help="keep the results in tests/bench/results, not in build/results")
    return parser.parse_args()


def main() -> int:
    args = options()
    own = [servers.own(args.peer)] if args.peer else []
    folder = servers.BENCH / "results" if args.save else servers.BUILD / "results"
    try:
        if args.what == "profile":
            instructions.show_profile(args.name)
        else:
            instructions.main(Results(folder), args.quick, own)
    except servers.Trouble as trouble:
        print(f"bench: {trouble}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
