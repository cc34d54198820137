"""The last stage with one mistake each (soak/breaks.py): does the soak test find it?"""
from __future__ import annotations

from harness import modes
from harness.bars import Bars
from harness.server import Broken
from plants.sow import build_all
from soak.breaks import PLANTS
from soak.chat import ChatRound
from soak.round import Round

ROUNDS = 60     # in which a mistake must be found


def first_failure(seed: str, plant, stage) -> str:
    """Play rounds until one fails; which, and the first words of why."""
    kind = ChatRound if plant.program == "chat_server" else Round
    for number in range(1, ROUNDS + 1):
        try:
            kind(seed, number, stage.program(plant.program), modes.PLAIN).play()
        except Broken as error:
            words = str(error).removeprefix("SIGUSR1, all clients gone:").strip()
            return f"found in round {number}: {words.splitlines()[0][:90]}"
    return f"NOT FOUND in {ROUNDS} rounds"


def main(seed: str) -> int:
    servers, failed = build_all(PLANTS)
    missed = 0
    bars = Bars({"mistakes": len(PLANTS)})
    for plant in PLANTS:
        bars.now(plant.words)
        words = f"STALE: {failed[plant]}" if plant in failed else first_failure(
            seed, plant, servers[plant])
        missed += not words.startswith("found")
        bars.say(f"{plant.words:62} {words}")
        bars.add("mistakes", "ok" if words.startswith("found") else "FAIL")
    bars.close()
    print(f"soak: {len(PLANTS)} mistakes, {missed} not found")
    return 1 if missed else 0
