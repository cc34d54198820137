"""The story as an indented tree, for a terminal."""
from __future__ import annotations

import calls

DIM, BOLD, SYSTEM, CLIENT, PLAIN = "\033[2m", "\033[1m", "\033[36m", "\033[33m", "\033[0m"
INDENT = "  "
LOCK, UNLOCK = "pthread_mutex_lock", "pthread_mutex_unlock"


class Tree:
    """Writes the lines of a story, each with its calls indented."""

    def __init__(self, story, colour: bool):
        self.story, self.colour = story, colour
        self.events = story.events
        self.thread = None

    def paint(self, code: str, text: str) -> str:
        return f"{code}{text}{PLAIN}" if self.colour and code and text else text

    def lines(self):
        for i, event in enumerate(self.events):
            before = self.events[i - 1] if i else None
            after = self.events[i + 1] if i + 1 < len(self.events) else None
            if event.kind == "client":
                yield self.paint(CLIENT, f"* {event.word.text}")
            elif event.kind == "return":
                if before.node is not event.node:
                    yield from self._thread_line(event)
                    yield self._return(event.node)
            elif not self._are_pair(before, event):
                yield from self._thread_line(event)
                yield self._call(event, after)

    def _thread_line(self, event):
        if event.thread != self.thread and len(self.story.numbers) > 1:
            yield self.paint(BOLD, f"-- {self.story.names[event.thread]}")
        self.thread = event.thread

    @staticmethod
    def _are_pair(first, second) -> bool:
        """Whether these are a lock and its unlock with nothing between: they share a line."""
        if not (first and second and first.kind == second.kind == "call"):
            return False
        one, other = first.node.call, second.node.call
        return (one.name == LOCK and other.name == UNLOCK and one.caller is other.caller
                and first.node.times == 1)

    def _call(self, event, after) -> str:
        node, call = event.node, event.node.call
        text = f"{call.name}({call.arguments})"
        if self._are_pair(event, after):
            text += f", {UNLOCK}()"
        text = INDENT * node.depth + self.paint(SYSTEM if call.system else "", text)
        return text + self.paint(DIM, self._result(node, after) + self._times(node))

    def _result(self, node, after) -> str:
        """What the call returned, unless it waited, and other things happened meanwhile."""
        result = self.story.result(node.call)
        if not result or self._waited(node) and not (after and after.node is node):
            return ""
        return f" = {result}"

    @staticmethod
    def _waited(node) -> bool:
        return any(call.name in calls.WAITS for call in node.call.all())

    @staticmethod
    def _times(node) -> str:
        text = ""
        if node.times > 1:
            text = f" \u00d7 {node.times}"
            text += " ({} of {})".format(*node.row) if node.row[1] > 1 else ""
        if node.call.name == "main" and node.folded:
            text += f"    (its start, {node.folded} calls, is left out)"
        return text

    def _return(self, node) -> str:
        words = f"... {node.call.name} returns {self.story.result(node.call)}".rstrip()
        return INDENT * node.depth + self.paint(DIM, words)

