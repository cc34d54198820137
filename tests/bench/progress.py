"""What is left of all questions together: a bar for each, and one for the whole.

Each question is planned in seconds, and each of its steps says how many of them are over. The plans
are those of a quiet machine; on a busy one the estimate grows with the time that has passed.
"""
from __future__ import annotations

import sys
import threading
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[1]))

from harness.bars import Bars  # noqa: E402

STARTED = 0.06      # seconds: a server is started, connected to, and stopped
TRACED = 1.0        # one count of system calls
COUNTED = 1.2       # one count of instructions

_lock = threading.Lock()
_bars = Bars({}, on=False)
_question = ""
_over = {}


def begin(plans: dict):
    """The questions of this run, and how many seconds each is planned to take."""
    global _bars
    _bars = Bars(plans, unit=" s")


def ask(question: str):
    """The question before is answered; the steps from here on belong to this one."""
    global _question
    _finish()
    _question = question


def now(words: str):
    with _lock:
        _bars.now(words)


def step(seconds: float):
    """So much of the question's plan is over."""
    with _lock:
        _over[_question] = _over.get(_question, 0.0) + seconds
        if _question in _bars.parts:
            _bars.reach(_question, _over[_question])


def say(text: str):
    """Print above the bars."""
    with _lock:
        _bars.say(text)


def _finish():
    if _question in _bars.parts:
        _bars.reach(_question, _bars.parts[_question].total)


def end():
    _finish()
    _bars.close()


def planned() -> dict:
    """What the steps of each question have added up to: its plan."""
    return dict(_over)
