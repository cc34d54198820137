"""The ways to run a server: plainly, under valgrind, or built with a sanitizer."""
from __future__ import annotations

import re
from dataclasses import dataclass

from harness import libc


@dataclass(frozen=True)
class Mode:
    """How servers are built and started, and how patient the checks are with them."""

    name: str
    scale: float = 1.0      # every time limit is multiplied by this
    light: bool = False     # loads are made smaller
    sanitizer: str = ""     # value of -fsanitize=, if the stages are built with one
    tool: str = ""          # valgrind's tool, if they run under one
    jobs: int = 4           # checks at a time for each CPU; most of them wait most of the time
    threads: bool = False   # looks for data races, which only stages with threads can have

    def wrap(self, argv, log):
        if not self.tool:
            return list(argv)
        # A server starts some thousand times, and mostly once through each line: names of inlined
        # functions in a report, and longer pieces of code at a time, are not worth their time.
        head = [*libc.quick(), "valgrind", f"--tool={self.tool}", "--error-exitcode=99",
                f"--log-file={log}", "--read-inline-info=no", "--vgdb=no", "--vex-guest-chase=no"]
        if self.tool == "memcheck":
            head += ["--leak-check=full", "--show-leak-kinds=all", "--track-fds=yes"]
        return head + list(argv)

    def complaint(self, log: str) -> str:
        """What valgrind found, read from its log; empty when it found nothing."""
        summary = re.search(r"ERROR SUMMARY: (\d+) errors", log)
        if not summary:
            return "valgrind wrote no summary: was the server killed?"
        if int(summary.group(1)):
            return f"valgrind reports {summary.group(1)} errors"
        if self.tool != "memcheck":
            return ""
        for kind in ("definitely lost", "indirectly lost", "possibly lost", "still reachable"):
            lost = re.search(kind + r": ([\d,]+) bytes", log)
            if lost and lost.group(1) != "0":
                return f"valgrind: {lost.group(1)} bytes {kind}"
        return _open_descriptors(log)


def _open_descriptors(log: str) -> str:
    own = []
    for entry in re.split(r"\n==\d+== (?=Open )", _process_by_process(log))[1:]:
        number = re.match(r"Open (?:AF_\w+ socket|file descriptor) (\d+)", entry)
        inherited = "<inherited from parent>" in entry.split("\n==\n")[0][:400]
        if number and int(number.group(1)) > 2 and not inherited:
            own.append(number.group(1))
    return f"valgrind: descriptors {', '.join(own)} left open at exit" if own else ""


def _process_by_process(log: str) -> str:
    """Sort the lines by process: those that end at the same time write between one another."""
    return "\n".join(sorted(log.splitlines(), key=lambda line: line.split(" ")[0]))


PLAIN = Mode("plain", jobs=6)
VALGRIND = Mode("valgrind", scale=10, light=True, tool="memcheck")
HELGRIND = Mode("helgrind", scale=15, light=True, tool="helgrind", threads=True)
SANITIZE = Mode("sanitize", scale=4, light=True, sanitizer="address,undefined")
TSAN = Mode("tsan", scale=8, light=True, sanitizer="thread", threads=True)
# Failing checks wait out their limits, and proving consists of failing checks.
PROVE = Mode("plain", scale=0.15)
