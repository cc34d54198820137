"""What a person reads: a line for each check, why one failed, a summary.

On a terminal there is a bar for each stage instead of the lines; what failed is told all the same.
"""
from __future__ import annotations

import sys

from harness.bars import Bars, has_colour, wanted

_COLOURS = {"ok": "32", "limit": "33", "FAIL": "31;1", "skip": "36"}
_WORDS = {"ok": "ok", "limit": "ok, limit shown", "FAIL": "FAIL", "skip": "skipped"}


class Report:
    """Prints outcomes as they come, and sums them up."""

    def __init__(self, verbose=False, again="", stream=sys.stdout):
        self.verbose = verbose
        self.again = again     # options to add to the command that runs a check again
        self.stream = stream
        self.colour = has_colour(stream)
        self.with_bars = wanted(stream, verbose)
        self.bars = Bars({}, on=False, stream=stream)
        self.outcomes = []
        self.lucky = []        # those that passed at the second try

    def say(self, text=""):
        self.bars.say(text)

    def begin(self, labels):
        """What is to be done: the name of a bar for each check."""
        totals = {}
        for label in labels:
            totals[label] = totals.get(label, 0) + 1
        self.bars.close()
        self.bars = Bars(totals, on=self.with_bars, stream=self.stream)

    def end(self):
        """All is done: from here on there are no bars."""
        self.bars.close()

    def label(self, outcome) -> str:
        """The bar that an outcome belongs to."""
        return outcome.stage

    def tick(self, running):
        """Called now and then, with the names of the checks that are running."""
        self.bars.now(", ".join(running[:3]) if running else "")

    def paint(self, status: str, text: str) -> str:
        return f"\033[{_COLOURS[status]}m{text}\033[0m" if self.colour else text

    def add(self, outcome):
        self.outcomes.append(outcome)
        self.bars.add(self.label(outcome), outcome.status)
        if not self.bars.on or outcome.status == "FAIL":
            self._tell(outcome)

    def _tell(self, outcome):
        name = outcome.check
        if outcome.program != "echo_server":
            name += f" [{outcome.program}]"
        word = self.paint(outcome.status, f"{_WORDS[outcome.status]:15}")
        self.say(f"{outcome.stage:14} {name:62} {word} {outcome.seconds:6.2f} s")
        if outcome.status == "FAIL":
            self._explain(outcome)
        elif outcome.status == "skip":
            self.say(f"{'':15}{outcome.text}")
        elif self.verbose:
            if outcome.limit:
                self._block("shown", outcome.limit)
            self._block("stderr", outcome.stderr)

    def add_again(self, outcome):
        """The second try of a check that failed; it takes the place of the first."""
        self.outcomes.remove(next(o for o in self.outcomes
                                  if o.status == "FAIL" and _name(o) == _name(outcome)))
        self.bars.take_back(self.label(outcome))
        self.add(outcome)
        if outcome.status != "FAIL":
            self.lucky.append(outcome)

    def _block(self, title: str, text: str, most=20):
        lines = text.rstrip().splitlines()
        if len(lines) > most:
            lines = lines[:most // 2] + [f"... {len(lines) - most} lines ..."] + lines[-most // 2:]
        for at, line in enumerate(lines):
            self.say(f"    {title if at == 0 else '':7} | {line}")

    def _explain(self, outcome):
        if outcome.limit:
            self._block("why", "this stage is said not to keep this promise yet, because "
                        f"{outcome.limit}. The check that shows it failed. Has the limitation "
                        "gone? Then its README is wrong.", 60)
        self._block("what", outcome.text, 60)
        self._block("stderr", outcome.stderr)
        if self.verbose:
            self._block("trace", outcome.trace, 60)
        stage = outcome.stage.split("_")[0]
        name = outcome.check
        if outcome.program != "echo_server":
            name = f"'{name} {outcome.program}'"
        words = f"python3 tests/run.py {stage} -k {name} -v{self.again}"
        self._block("again", f"make -C {outcome.stage}" if outcome.check == "build" else words)

    def summary(self, seconds: float):
        """A line for each stage, then the failures again by name, then the count."""
        self.end()
        self.say()
        for stage in dict.fromkeys(o.stage for o in sorted(self.outcomes, key=lambda o: o.stage)):
            own = [o for o in self.outcomes if o.stage == stage]
            parts = [f"{count(own, 'ok') + count(own, 'limit'):4} passed"]
            if count(own, "limit"):
                parts.append(f"{count(own, 'limit')} of them limitations shown")
            for status, word in (("FAIL", "failed"), ("skip", "skipped")):
                if count(own, status):
                    parts.append(self.paint(status, f"{count(own, status)} {word}"))
            self.say(f"{stage:14} {', '.join(parts)}")
        failed = [o for o in self.outcomes if o.status == "FAIL"]
        if failed:
            self.say("\nFailed:")
        self._list(failed)
        if self.with_bars:
            self._say_skipped()
        self.say_lucky()
        self.say(f"\nin {seconds:.1f} s:")
        self.last_line()

    def _say_skipped(self):
        """Why checks were skipped; where there are lines, each has said it."""
        reasons = {}
        for outcome in self.outcomes:
            if outcome.status == "skip":
                reasons[outcome.text] = reasons.get(outcome.text, 0) + 1
        if reasons:
            self.say("\nSkipped:")
        for reason, times in reasons.items():
            self.say(f"  {reason}" + (f"  ({times} times)" if times > 1 else ""))

    def say_lucky(self):
        if self.lucky:
            self.say("\nPassed at the second try, alone:")
        self._list(self.lucky)

    def _list(self, outcomes):
        for name, times in _names(outcomes).items():
            self.say(f"  {name}" + (f"  ({times} times)" if times > 1 else ""))

    def last_line(self):
        own = self.outcomes
        passed = count(own, "ok") + count(own, "limit")
        self.say(f"{passed} passed, {count(own, 'FAIL')} failed, {count(own, 'skip')} skipped")


def _name(outcome) -> str:
    return f"{outcome.stage}/{outcome.program} {outcome.check}"


def _names(outcomes) -> dict:
    names = {}
    for outcome in outcomes:
        names[_name(outcome)] = names.get(_name(outcome), 0) + 1
    return names


def count(outcomes, status: str) -> int:
    return sum(1 for outcome in outcomes if outcome.status == status)
