"""The marks on an exercise's own checks."""
from __future__ import annotations

import functools

from harness.server import Broken
from harness.spec import ECHO, Spec

ROW = "exercise"        # no row of the behaviour table: these checks belong to no stage
MODES = ("plain", "valgrind", "sanitize", "helgrind", "tsan")


def judges(programs: tuple = ECHO, exclusive: bool = False, modes: tuple = MODES):
    """The check judges a reader's copy."""
    def mark(function):
        @functools.wraps(function)
        def check(self):
            try:
                function(self)
            except BaseException:
                self.broken = True      # the end of the check looks for nothing more
                raise
        check.spec = Spec(ROW, "1-", programs, exclusive=exclusive, modes=modes)
        return check
    return mark


def measures(question: str, near: float = 0.0, programs: tuple = ECHO):
    """The check returns the true answer of a question; the reader's number is compared with it.

    `near` is the share by which the reader's number may be off.
    """
    def mark(function):
        @functools.wraps(function)
        def check(self):
            self.numbers = dict(self.target.stage.numbers)
            guess = dict(self.target.stage.guesses).get(question)
            if guess is None:
                raise Broken(f"predict.txt: behind `{question} number:` there is no number yet")
            truth = function(self)
            if abs(guess - truth) > near * abs(truth):
                raise Broken(wrong(question, guess, truth))
        check.spec = Spec(ROW, "1-", programs, modes=("plain",))
        return check
    return mark


def wrong(question: str, guess: float, truth: float) -> str:
    """What is said of a wrong number. The true one is not told, so that one can think again."""
    way = "more than" if guess > truth else "less than"
    return (f"`{question}`: you wrote {guess:g}, which is {way} what was measured just now\n"
            "  measure it yourself: the README says how")
