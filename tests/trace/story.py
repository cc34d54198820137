"""Makes a story of a recording: which calls are shown, in which order, under which names."""
from __future__ import annotations

from dataclasses import dataclass, field

import calls

# Functions of a stage that tell nothing by themselves unless they call something.
QUIET = {"say", "run_batch", "has_quit"}
LONGEST_PATTERN = 8     # siblings that may repeat together


@dataclass(eq=False)
class Node:
    """A call that is shown."""

    call: calls.Call
    depth: int
    at: object = None
    folded: int = 0         # calls below that are left out
    times: int = 1          # how often it comes, with all below it, in a row
    row: tuple = (1, 1)     # which one it is of so many siblings that come so often together
    nodes: list = field(default_factory=list)

    @property
    def shape(self) -> tuple:
        """What makes it equal to another one: the sizes and results do not count."""
        first = self.call.arguments.split(",")[0] if self.call.system else ""
        return (self.call.name, first, tuple(node.shape for node in self.nodes))


@dataclass
class Event:
    """A line of the story: a call, the return from a wait, or a client's word."""

    kind: str
    time: float
    node: Node = None
    word: object = None
    thread: int = 0


class Story:
    """What a scene's recording tells, without the noise."""

    def __init__(self, recording, sources, locks=False, full=False):
        self.recording, self.sources = recording, sources
        self.locks, self.full = locks, full
        self.numbers = sorted(recording.threads, key=self._rank)
        self.names = {thread: self._name(thread) for thread in self.numbers}
        self.trees = {thread: self._nodes(recording.threads[thread], 0, "")[0]
                      for thread in self.numbers}
        self.events = self._order()

    # -- threads ----------------------------------------------------------

    def _calls(self, thread: int, name: str):
        return (call for root in self.recording.threads[thread] for call in root.all()
                if call.name == name)

    def _rank(self, thread: int) -> tuple:
        """The main thread first; those with a loop in the order of their loops."""
        waits = [call.arguments.split(",")[0] for call in self._calls(thread, "epoll_wait")]
        return (thread != self.recording.main, int(waits[0]) if waits else 0, thread)

    def _kind(self, thread: int) -> str:
        if thread == self.recording.main:
            return "main thread"
        return "I/O thread" if any(self._calls(thread, "event_loop_run")) else "worker"

    def _name(self, thread: int) -> str:
        kind = self._kind(thread)
        if kind == "main thread":
            return kind
        alike = [other for other in self.numbers if self._kind(other) == kind]
        return f"{kind} {alike.index(thread) + 1}"

    # -- which calls ------------------------------------------------------

    def is_visible(self, call) -> bool:
        """Whether the call is part of the scene: begun in it, or going on in it."""
        return call.end >= self.recording.begin and call.start <= self.recording.end

    def is_noise(self, call) -> bool:
        function = self.sources.functions.get(call.name)
        if not function:
            return not call.system or (call.name in calls.LOCKS and not self.locks)
        if self.full or any(not self.is_noise(below) for below in call.calls
                            if below.name not in calls.LOCKS):
            return False
        return call.name in QUIET or function.is_trivial or self._only_looks(function, call)

    @staticmethod
    def _only_looks(function, call) -> bool:
        """Whether it is a short one of a header that has called nothing that is shown."""
        return function.file.endswith(".h") and not call.arguments

    def _nodes(self, found, depth: int, caller: str):
        """The nodes of sibling calls, and how many calls were left out."""
        nodes, folded, line = [], 0, 0
        previous = None
        for call in found:
            line, previous = self._line(caller, call.name, previous, line)
            if not self.is_visible(call):
                folded += sum(1 for _ in call.all()) if call.end < self.recording.begin else 0
            elif self.is_noise(call):
                folded += sum(1 for _ in call.all())
            else:
                node = Node(call, depth, at=line or None)
                node.nodes, node.folded = self._nodes(call.calls, depth + 1, call.name)
                nodes.append(node)
        return self._repeats(self._busy(nodes)), folded

    def _line(self, caller: str, name: str, previous, line: int):
        """Where this call is made, and what to know for the call after it."""
        again = previous == (name, line)
        found = None
        if again:
            found = self.sources.call_line(caller, name, line + 1)
        found = found or self.sources.call_line(caller, name, line)
        return found or 0, (name, found)

    def _busy(self, nodes: list) -> list:
        """Leave out the turns of a loop in which its wait ended with nothing to do."""
        return [node for node, after in zip(nodes, [*nodes[1:], None])
                if not (after and node.call.name == after.call.name == "epoll_await"
                        and node.call.result == "0")]

    def _repeats(self, nodes: list) -> list:
        """Keep one of several equal subtrees, or rows of them, that follow one another."""
        kept, i = [], 0
        while i < len(nodes):
            size, times = self._pattern(nodes, i)
            for place, node in enumerate(nodes[i:i + size], 1):
                node.times, node.row = times, (place, size)
            kept += nodes[i:i + size]
            i += size * times
        return kept

    def _pattern(self, nodes: list, i: int):
        shapes = [node.shape for node in nodes[i:]]
        for size in range(1, LONGEST_PATTERN + 1):
            times = 1
            while (shapes[:size] == shapes[size * times:size * (times + 1)]
                   and not self._interrupted(nodes[i:i + size * (times + 1)])):
                times += 1
            if times > 1:
                return size, times
        return 1, 1

    def _interrupted(self, nodes: list) -> bool:
        """Whether a client did something during these calls."""
        first, last = nodes[0].call.start, nodes[-1].call.end
        return any(first <= word.time <= last for word in self.recording.words)

    # -- in which order ---------------------------------------------------

    def _order(self) -> list:
        pieces = sorted((piece for thread in self.numbers for piece in self._pieces(thread)),
                        key=lambda piece: piece[0])
        for word in sorted(self.recording.words, key=lambda word: word.time):
            self._put(pieces, word)
        return [event for _, events in pieces for event in events]

    def _pieces(self, thread: int) -> list:
        """The thread's calls, cut where it waits: (time of the wake-up, events)."""
        pieces = [(float("-inf"), [])]
        for root in self.trees[thread]:
            self._walk(root, thread, pieces)
        return pieces

    def _walk(self, node: Node, thread: int, pieces: list):
        call = node.call
        pieces[-1][1].append(Event("call", call.start, node, thread=thread))
        waits = call.name in calls.WAITS
        if waits:
            pieces.append((node.nodes[0].call.start if node.nodes else call.end, []))
        for below in node.nodes:
            self._walk(below, thread, pieces)
        if waits and call.end <= self.recording.end:
            pieces[-1][1].append(Event("return", call.end, node, thread=thread))

    @staticmethod
    def _put(pieces: list, word):
        """Put a client's word behind what had happened when it was said.

        What a client gets, it gets while the server goes on: then tell the latter first.
        """
        place = max((i for i, (start, _) in enumerate(pieces) if start <= word.time), default=0)
        events = pieces[place][1]
        before = [i for i, event in enumerate(events) if event.time <= word.time]
        at = before[-1] + 1 if before and word.verb != "recv" else len(events)
        events.insert(at, Event("client", word.time, word=word))

    def result(self, call) -> str:
        """What a call returned, if it returned before the scene's end."""
        return call.result if call.end <= self.recording.end else ""
