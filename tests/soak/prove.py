"""The last stage with one mistake each (soak/breaks.py): does the soak test find it?"""
from __future__ import annotations

import multiprocessing
import queue
from dataclasses import dataclass

from harness import modes
from harness.bars import Bars
from harness.server import Broken
from harness.stages import Stage
from plants.plant import Plant
from plants.sow import build_all
from soak.breaks import PLANTS
from soak.chat import ChatRound
from soak.round import Round

ROUNDS = 60     # in which a mistake must be found
AT_A_TIME = 12  # rounds that are played; a round mostly waits


@dataclass
class Search:
    """How far it is with one mistake."""

    plant: Plant
    stage: Stage
    begun: int = 0          # rounds
    playing: int = 0
    words: str = ""         # what came of it

    def take(self, failure: str, number: int):
        """The round has come to an end, with a failure if that is not empty."""
        self.playing -= 1
        if self.words:
            return
        if failure:
            self.words = f"found in round {number}: {failure}"
        elif self.begun == ROUNDS and not self.playing:
            self.words = f"NOT FOUND in {ROUNDS} rounds"


def play(seed: str, number: int, plant: Plant, stage: Stage) -> str:
    """Play this round; the first words of why it failed, if it did."""
    kind = ChatRound if plant.program == "chat_server" else Round
    try:
        kind(seed, number, stage.program(plant.program), modes.PLAIN).play()
    except Broken as error:
        words = str(error).removeprefix("SIGUSR1, all clients gone:").strip()
        return words.splitlines()[0][:90]
    return ""


def next_search(searches):
    """The one with the fewest rounds so far that may begin one; None if none may."""
    able = [one for one in searches if not one.words and one.begun < ROUNDS]
    return min(able, key=lambda one: one.begun, default=None)


def begin_rounds(pool, done: queue.SimpleQueue, seed: str, searches):
    """Begin as many rounds as may be played; `done` gets each one's end."""
    while sum(one.playing for one in searches) < AT_A_TIME and (one := next_search(searches)):
        one.begun, one.playing = one.begun + 1, one.playing + 1
        pool.apply_async(play, (seed, one.begun, one.plant, one.stage),
                         callback=lambda failure, this=one, number=one.begun:
                         done.put((this, number, failure)),
                         error_callback=lambda error: done.put((None, 0, error)))


def search_all(seed: str, searches, tell):
    """Play rounds with each mistake until one fails; the rounds that are left are broken off."""
    done = queue.SimpleQueue()
    with multiprocessing.Pool(AT_A_TIME) as pool:
        while not all(one.words for one in searches):
            begin_rounds(pool, done, seed, searches)
            one, number, failure = done.get()
            if one is None:
                raise failure
            known = one.words
            one.take(failure, number)
            if one.words and not known:
                tell(one)


def main(seed: str) -> int:
    servers, failed = build_all(PLANTS)
    searches = [Search(plant, servers[plant]) for plant in PLANTS if plant not in failed]
    bars = Bars({"mistakes": len(PLANTS)})
    for plant, why in failed.items():
        bars.say(f"{plant.words:62} STALE: {why}")
        bars.add("mistakes", "FAIL")

    def tell(one):
        bars.say(f"{one.plant.words:62} {one.words}")
        bars.add("mistakes", "ok" if one.words.startswith("found") else "FAIL")

    search_all(seed, searches, tell)
    bars.close()
    missed = len(failed) + sum(not one.words.startswith("found") for one in searches)
    print(f"soak: {len(PLANTS)} mistakes, {missed} not found")
    return 1 if missed else 0
