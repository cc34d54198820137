"""The last stage with one mistake each (soak/breaks.py): does the soak test find it?"""
from __future__ import annotations

from concurrent.futures import ProcessPoolExecutor, as_completed

from harness import modes
from harness.bars import Bars
from harness.server import Broken
from plants.sow import build_all
from soak.breaks import PLANTS
from soak.chat import ChatRound
from soak.round import Round

ROUNDS = 60     # in which a mistake must be found
AT_A_TIME = 4   # mistakes that are looked for


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
    missed = len(failed)
    bars = Bars({"mistakes": len(PLANTS)})
    for plant, why in failed.items():
        bars.say(f"{plant.words:62} STALE: {why}")
        bars.add("mistakes", "FAIL")
    # A round mostly waits: so several can be played at a time.
    with ProcessPoolExecutor(AT_A_TIME) as pool:
        waiting = {pool.submit(first_failure, seed, plant, servers[plant]): plant
                   for plant in PLANTS if plant not in failed}
        for done in as_completed(waiting):
            words = done.result()
            missed += not words.startswith("found")
            bars.say(f"{waiting[done].words:62} {words}")
            bars.add("mistakes", "ok" if words.startswith("found") else "FAIL")
    bars.close()
    print(f"soak: {len(PLANTS)} mistakes, {missed} not found")
    return 1 if missed else 0
