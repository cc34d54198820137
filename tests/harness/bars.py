"""Progress on a terminal: a bar for each part of a long run, and a line for the whole of it.

The bars stay at the bottom; what is said meanwhile goes above them. Nothing but a carriage return
and a few ANSI sequences is used. Where nobody looks (a pipe, a file, TERM=dumb), there are no bars.
"""
from __future__ import annotations

import atexit
import os
import shutil
import sys
import time

WIDEST = 80
BAR = 24                # columns of a bar, without its brackets
PAUSE = 0.1             # seconds between two drawings, at least
ESTIMATE_AFTER = 5.0    # seconds; the first ones say little about the rest
HIDE, SHOW = "\033[?25l", "\033[?25h"
RED, GREEN, PLAIN = "\033[31;1m", "\033[32m", "\033[0m"


def wanted(stream=None, verbose=False) -> bool:
    """Whether a person looks at a terminal that can move its cursor."""
    stream = stream or sys.stdout
    return not verbose and stream.isatty() and os.environ.get("TERM", "dumb") != "dumb"


def has_colour(stream) -> bool:
    """NO_COLOR in the environment turns colours off (https://no-color.org)."""
    return stream.isatty() and not os.environ.get("NO_COLOR")


class Part:
    """One bar: how many there are, and what came of those that are done."""

    def __init__(self, total: float):
        self.total, self.done, self.failed, self.skipped = total, 0.0, 0, 0


class Bars:
    """The bars of one run. Use it as `with Bars({"v01_socket": 120, ...}) as bars`.

    With `on=False` nothing is drawn, and `say` prints its text.
    """

    def __init__(self, totals: dict, on=None, stream=None, unit=""):
        self.stream = stream or sys.stdout
        self.on = wanted(self.stream) if on is None else on
        self.colour = has_colour(self.stream)
        self.parts = {label: Part(total) for label, total in totals.items()}
        self.unit = unit            # of the numbers; checks, when there is none
        self.words = ""             # what is being done at this moment
        self.start, self.drawn_at, self.drawn = time.monotonic(), 0.0, 0
        self.pid = os.getpid()
        if self.on:
            atexit.register(self.close)
            self._write(HIDE)
            self.draw(force=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    # -- what happened ----------------------------------------------------

    def add(self, label: str, status="ok", count=1):
        """One more is done. The status is ok, limit, FAIL or skip."""
        part = self.parts.setdefault(label, Part(0))
        part.done += count
        part.total = max(part.total, part.done)
        part.failed += status == "FAIL"
        part.skipped += status == "skip"
        self.draw()

    def take_back(self, label: str):
        """One that failed has run again, and counts but once."""
        part = self.parts.setdefault(label, Part(0))
        part.done, part.failed = part.done - 1, part.failed - 1
        self.draw()

    def reach(self, label: str, done: float):
        """So much is done, where it is no number of things: seconds, for instance."""
        part = self.parts[label]
        part.done = min(done, part.total)
        self.draw()

    def now(self, words: str):
        """What is being done at this moment, or nothing."""
        self.words = words
        self.draw()

    def say(self, text=""):
        """Print lines above the bars."""
        self._erase()
        print(text, file=self.stream, flush=True)
        self.draw(force=True)

    def close(self):
        """Take the bars away and show the cursor again."""
        if self.on and os.getpid() == self.pid:
            self._erase()
            self._write(SHOW)
            atexit.unregister(self.close)
        self.on = False

    # -- drawing ----------------------------------------------------------

    def draw(self, force=False):
        if not self.on or os.getpid() != self.pid:
            return
        if not force and time.monotonic() - self.drawn_at < PAUSE:
            return
        size = shutil.get_terminal_size()
        width = min(size.columns, WIDEST) - 1
        lines = self._lines(width)
        if len(lines) > size.lines - 2:     # they would scroll
            lines = lines[-1:]
        self._write(self._erasing() + "".join(line + "\n" for line in lines))
        self.drawn, self.drawn_at = len(lines), time.monotonic()

    def _erasing(self) -> str:
        return f"\033[{self.drawn}A\r\033[J" if self.drawn else ""

    def _erase(self):
        self._write(self._erasing())
        self.drawn = 0

    def _write(self, text: str):
        self.stream.write(text)
        self.stream.flush()

    def _lines(self, width: int) -> list:
        lines = [self._line(label, part, width) for label, part in self.parts.items()
                 if len(self.parts) > 1]
        return lines + [self._last_line(width)]

    def _line(self, label: str, part: Part, width: int) -> str:
        text = f"{label[:14]:14} [{self._bar(part)}] {numbers(part)}"[:width]
        return self._paint(text, part)

    def _bar(self, part: Part) -> str:
        full = int(BAR * part.done / part.total) if part.total else BAR
        return "#" * full + "." * (BAR - full)

    def _paint(self, text: str, part: Part) -> str:
        if not self.colour:
            return text
        if part.failed:
            return RED + text + PLAIN
        return GREEN + text + PLAIN if part.done >= part.total else text

    def _last_line(self, width: int) -> str:
        whole = Part(sum(part.total for part in self.parts.values()))
        for part in self.parts.values():
            whole.done += part.done
            whole.failed += part.failed
            whole.skipped += part.skipped
        spent = time.monotonic() - self.start
        label = "all" if len(self.parts) > 1 else next(iter(self.parts), "all")
        text = f"{label[:14]:14} [{self._bar(whole)}] {numbers(whole)}{self.unit}"
        text += f", {clock(spent)}{time_left(whole, spent)}"
        if self.words:
            text += f": {self.words}"
        return text[:width]


def numbers(part: Part) -> str:
    """12/120, 1 failed"""
    text = f"{part.done:.0f}/{part.total:.0f}"
    for count, word in ((part.failed, "failed"), (part.skipped, "skipped")):
        if count:
            text += f", {count} {word}"
    return text


def time_left(part: Part, spent: float) -> str:
    """An estimate, once there is something to go by."""
    left = part.total - part.done
    if spent < ESTIMATE_AFTER or part.done * 20 < part.total or not left:
        return ""
    return f", {clock(spent / part.done * left)} left"


def clock(seconds: float) -> str:
    """75 as 1:15"""
    return f"{int(seconds) // 60}:{int(seconds) % 60:02}"
