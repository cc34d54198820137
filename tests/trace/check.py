"""Holds the diagrams of the READMEs against what their scenes really do."""
from __future__ import annotations

import difflib
import re

import calls
from diagrams import Fault, Parallel

THREAD = re.compile(r"^(main thread|I/O thread|worker)(?: (\d+))?$")
CLIENT = re.compile(r"^client(?: (\d+))?$")
UPPER = re.compile(r"\b[A-Z][A-Z0-9]*_?[A-Z0-9_]{2,}\b")
RETURNS = re.compile(r"^returns (-?\d+|true|false)\b")
IDENTIFIER = re.compile(r"\b[a-z]\w*_\w+\b|\b[a-z]\w*(?=\(\))")
VERBS = ("connect", "send", "recv", "shutdown", "close", "read", "kill")
EVENTS = ("epoll_wait", "brings events")


class Actor:
    """What a participant stands for."""

    def __init__(self, name: str, sources):
        self.name, self.part, self.thread, self.client = name, "", "", ""
        thread, client = THREAD.match(name), CLIENT.match(name)
        if thread:
            plain = thread[1] == "main thread"
            self.thread = name if plain or thread[2] else f"{name} 1"
        elif client:
            self.client = f"client {client[1] or 1}"
        elif name == "a shell":
            self.client = name
        elif name in sources.texts:
            self.part = name.rsplit(".", 1)[0]
        self.kernel = name == "kernel"

    @property
    def known(self) -> bool:
        return bool(self.part or self.thread or self.client or self.kernel)


class Proof:
    """Of one diagram. `faults` holds what is wrong; the names first, then the order."""

    def __init__(self, diagram, sources, happened):
        self.diagram, self.sources, self.happened = diagram, sources, happened
        self.faults = list(diagram.faults)
        self.actors = {name: Actor(name, sources) for name in diagram.names.values()}
        self.is_late = False    # whether only the order is wrong, which another run may mend
        self.place, self.before = 0, "the beginning"     # in what happened

    def run(self) -> list:
        self._participants()
        for number, text in self.diagram.notes:
            self._words(number, text)
        if not self.faults:
            for step in self.diagram.all_steps():
                self._names(step)
        if not self.faults:
            self._order()
            self.is_late = bool(self.faults)
        return self.faults

    def _fault(self, line: int, text: str):
        self.faults.append(Fault(self.diagram.file, line, text))

    # -- names ------------------------------------------------------------

    def _participants(self):
        for actor in self.actors.values():
            if not actor.known:
                names = [*self.sources.texts, "kernel", "client", "main thread", "I/O thread 1",
                         "worker 1", "a shell"]
                self._fault(self.diagram.line, f"the participant `{actor.name}` is no file of "
                            f"this stage, no thread, client or kernel{nearest(actor.name, names)}")

    def _words(self, line: int, text: str):
        """Plain words hold no name that does not exist."""
        for name in IDENTIFIER.findall(text):
            if name not in self.sources.words and name not in calls.SYSTEM:
                self._fault(line, f"`{text}`: {name} does not occur in this stage"
                                  + nearest(name, self.sources.words))
        for name in UPPER.findall(text):
            self._constant(line, text, name)

    def _constant(self, line: int, text: str, name: str):
        if name not in self.sources.words:
            self._fault(line, f"`{text}`: {name} does not occur in this stage"
                              + nearest(name, self.sources.words))

    def _unknown(self, text: str, name: str) -> str:
        known = {*self.sources.functions, *calls.SYSTEM}
        return (f"`{text}`: {name} is no function of this stage, and no system call"
                + nearest(name, known))

    def _names(self, step):
        source, target = self.actors[step.source], self.actors[step.target]
        for name, words in step.items:
            self._words(step.line, words)
            if UPPER.fullmatch(name):
                self._constant(step.line, step.text, name)
            elif source.client or target.client:
                if name not in VERBS:
                    self._fault(step.line, f"`{step.text}`: {name} is nothing that a client does"
                                           + nearest(name, VERBS))
            else:
                self._part(step, name, source, target)
        self._last(step, target)

    def _part(self, step, name: str, source: Actor, target: Actor):
        function = self.sources.functions.get(name)
        if not function and name not in calls.SYSTEM:
            self._fault(step.line, self._unknown(step.text, name))
        elif not function:
            if not (source.kernel or target.kernel or source.thread or target.thread):
                self._fault(step.line, f"`{step.text}`: {name} is a system call, and this arrow "
                                       "neither comes from the kernel nor goes there")
        elif not (source.thread or target.thread) \
                and function.part not in (source.part, target.part):
            self._fault(step.line, f"`{step.text}`: {name} is in {function.file}, and this arrow "
                                   f"goes from {step.source} to {step.target}")

    def _last(self, step, target: Actor):
        """An arrow ends at what it names last."""
        name = step.items[-1][0]
        if step.dashed or UPPER.fullmatch(name):
            return
        function = self.sources.functions.get(name)
        if target.kernel and function and not self.actors[step.source].client:
            self._fault(step.line, f"`{step.text}` ends with {name}, which is no system call, "
                                   "but the arrow goes to the kernel")
        if target.part and function and function.part != target.part:
            self._fault(step.line, f"`{step.text}` ends with {name}, which is in {function.file}, "
                                   f"but the arrow goes to {step.target}")

    # -- order ------------------------------------------------------------

    def _order(self):
        for entry in self.diagram.steps:
            if isinstance(entry, Parallel):
                self._parallel(entry)
            else:
                self._step(entry)
            if self.faults:
                return

    def _parallel(self, block: Parallel):
        """Each branch begins at the same place. What follows comes after all of them."""
        start, ends = (self.place, self.before), []
        for branch in block.branches:
            self.place, self.before = start
            for step in branch:
                if not self.faults:
                    self._step(step)
            ends.append((self.place, self.before))
        self.place, self.before = max(ends)

    def _step(self, step):
        for name, words in self._called(step):
            found = self._next(step, name, words, self.place)
            if found is None:
                self._fault(step.line, self._missed(step, name, words))
                return
            self.place, self.before = found + 1, name

    @staticmethod
    def _called(step) -> list:
        """The items to look for. Events alone stand for the end of a wait for them."""
        return [item for item in step.items if not UPPER.fullmatch(item[0])] or [EVENTS]

    def _next(self, step, name: str, words: str, start: int):
        """The place where that happens next; None if nowhere."""
        return next((i for i in range(start, len(self.happened))
                     if self._is(step, name, words, self.happened[i])), None)

    def _is(self, step, name: str, words: str, event) -> bool:
        source, target = self.actors[step.source], self.actors[step.target]
        client = source.client or target.client
        if event.name != name:
            return False
        if client:
            return event.kind == "client" and event.actor == client
        if event.kind != ("return" if step.dashed else "call") or not self._fits(words, event):
            return False
        thread = target.thread or source.thread if step.dashed else source.thread or target.thread
        called = source if step.dashed else target
        return thread in ("", event.actor) and self._crosses(source, target, called, event)

    @staticmethod
    def _fits(words: str, event) -> bool:
        """Whether it returned what is said of it."""
        returns = RETURNS.match(words)
        if words == EVENTS[1]:
            return event.result not in ("", "0", "-1")
        return not returns or event.result == returns[1]

    @staticmethod
    def _crosses(source: Actor, target: Actor, called: Actor, event) -> bool:
        """Whether the part that is called is called from one of the two, if there are two."""
        parts = {source.part, target.part} - {""}
        if len(parts) < 2 or not event.by or event.part != called.part:
            return True
        return event.by in parts

    def _missed(self, step, name: str, words: str) -> str:
        how = " return" if step.dashed else " happen"
        what = f"{name} ({words})" if RETURNS.match(words) else name
        text = f"`{step.text}`: after {self.before}, {what} does not{how}"
        if self._next(step, name, words, 0) is None:
            return f"{text} in the scene {self.diagram.scene} at all"
        after = ", ".join(str(event) for event in self.happened[self.place:self.place + 3])
        return (f"{text} any more in the scene {self.diagram.scene}; "
                f"there come {after or 'no calls'}")


def nearest(name: str, known) -> str:
    found = difflib.get_close_matches(name, sorted(known), 1)
    return f"; is {found[0]} meant?" if found else ""
