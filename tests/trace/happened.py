"""All that happened in a scene, in the order of time: what a diagram is held against."""
from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Happened:
    """A call, a return, or what a client did."""

    time: float
    kind: str           # call, return, client
    name: str
    actor: str          # the thread's name, or the client's
    part: str = ""      # of the function; empty for a system call
    by: str = ""        # the part of the function that calls it
    result: str = ""

    def __str__(self) -> str:
        how = " returns" if self.kind == "return" else ""
        return f"{self.name}{how} ({self.actor})"


def happened(story) -> list:
    """Every call of the scene, noise or not, with its return, and every word of a client."""
    found = [Happened(word.time, "client", word.verb, word.who)
             for word in story.recording.words]
    for thread in story.numbers:
        for root in story.recording.threads[thread]:
            for call in root.all():
                if story.is_visible(call):
                    found += of_call(call, story)
    return sorted(found, key=lambda event: event.time)


def of_call(call, story) -> list:
    actor, part = story.names[call.thread], story.sources.part_of(call.name)
    by = story.sources.part_of(call.caller.name) if call.caller else ""
    result = story.result(call)
    found = [Happened(call.start, "call", call.name, actor, part, by, result)]
    if call.end <= story.recording.end:
        found.append(Happened(call.end, "return", call.name, actor, part, by, result))
    return found
