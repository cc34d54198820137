"""The story as a sequence diagram of Mermaid.

The participants are the parts, by their files, or the threads when there are several. Calls
within a part are gathered in one arrow from the part to itself.
"""
from __future__ import annotations

import re

import calls

LONGEST = 4         # names in one arrow


class Drawing:
    """Draws the arrows of a story."""

    def __init__(self, story):
        self.story = story
        self.threaded = len(story.numbers) > 1
        self.aliases, self.arrows = {}, []
        self.gathered, self.owner = [], ""

    def alias(self, name: str) -> str:
        """A short name for a participant: CO for connection_output.c."""
        if name not in self.aliases:
            words = re.findall(r"[A-Za-z0-9]+", name.rsplit(".", 1)[0])
            short = "".join(word[0].upper() for word in words)
            number = 1
            taken = short
            while taken in self.aliases.values():
                number += 1
                taken = f"{short}{number}"
            self.aliases[name] = taken
        return self.aliases[name]

    def actor(self, call) -> str:
        """The participant that runs this call."""
        if self.threaded:
            return self.story.names[call.thread]
        while call and call.name not in self.story.sources.functions:
            call = call.caller
        return self.story.sources.functions[call.name].file if call else "kernel"

    def draw(self) -> list:
        before = None
        for event in self.story.events:
            if event.kind == "client":
                self._client(event.word)
            elif event.kind == "call":
                self._node(event.node)
            elif before.node is not event.node:
                call = event.node.call
                self.arrow("kernel", self.actor(call), call.name, dashed=True)
            before = event
        self.flush()
        heads = [f"    participant {short} as {name}" for name, short in self.aliases.items()]
        return ["sequenceDiagram", *heads, *self.arrows]

    def _client(self, word):
        if word.verb == "recv":
            self.arrow("kernel", word.who, word.verb, dashed=True)
        else:
            self.arrow(word.who, "kernel", word.verb)

    def _node(self, node):
        call = node.call
        if call.name in calls.LOCKS or self._is_old(call):
            return
        name = f"{call.name} ({node.times} times)" if node.times > 1 else call.name
        target = self.actor(call)
        source = self.actor(call.caller) if call.caller else target
        if call.system:
            self.arrow(target, "kernel", name)
        elif source == target:
            self._gather(target, name)
        else:
            self.arrow(source, target, name)

    def _is_old(self, call) -> bool:
        """Whether it began before the scene, and is not what the scene ends."""
        return call.start < self.story.recording.begin and call.name not in calls.WAITS

    def _gather(self, owner: str, name: str):
        if self.owner != owner or len(self.gathered) == LONGEST:
            self.flush()
        self.owner = owner
        self.gathered.append(name)

    def flush(self):
        """Write the calls that were gathered within a part."""
        names, self.gathered = self.gathered, []
        if names:
            self.arrow(self.owner, self.owner, ", ".join(names))

    def arrow(self, source: str, target: str, text: str, dashed=False):
        self.flush()
        kind = "-->>" if dashed else "->>"
        self.arrows.append(f"    {self.alias(source)}{kind}{self.alias(target)}: {text}")


def lines(story) -> list:
    return Drawing(story).draw()
