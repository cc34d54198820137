"""What the server should have counted, by what its clients saw; and whether it did."""
from __future__ import annotations

import re
from collections import Counter

from checks.check_counts import LINE, NAMES, REASONS, numbers
from harness.server import Broken

REFUSED = re.compile(r"refused (\S+): (no descriptor is free|\d+ connections are open)")
EXPECTED_LINE = re.compile(
    r"\w+: (opened|closed) \S+$|\w+: message too long from \S+$|\w+: refused \S+: |"
    r"\w+: (recv|send) \S+: (Connection reset|Broken pipe)")
LATE = 3.0      # seconds by which an eviction may be late on a busy machine


class Refusals:
    """Who was turned away, by the server's own words."""

    def __init__(self, stderr: str):
        self.words = dict(match.groups() for match in REFUSED.finditer(stderr))

    def why(self, client) -> str:
        return self.words.get(client.name, "")


def _was_cut_short(client) -> bool:
    """Whether the server ended it before the client's life had come to its end."""
    if client.plan.kind == "resetter":
        return bool(client.end)
    if client.plan.kind == "oversize":
        return client.got < client.stream.replies or client.end != "end of file"
    return (not client.half_closed or client.got < client.stream.replies
            or client.end != "end of file")


def _idle_or_wrong(client, options, patience: float):
    """The server ended it: that is right only when it had been idle for long enough."""
    silence, since = client.closed - client.moved, client.closed - client.spoke
    about = (f"sent {client.sent:,} of {len(client.stream.data):,} bytes, got {client.got:,} of "
             f"{client.stream.replies:,}, then: {client.end or 'nothing'}")
    if not options.evicts or since < options.idle or silence < options.idle / 2:
        raise Broken(f"the server ended it: {about}, {since:.2f} s after it had last sent and "
                     f"{silence:.2f} s after a byte had moved")
    if client.plan.kind == "silent" and silence > options.idle + LATE * patience:
        raise Broken(f"-i {options.idle}: it was closed only after {silence:.2f} s")


def account(client, options, refusals: Refusals) -> dict:
    """For each count what this client must have added to it: at least and at most."""
    refused = refusals.why(client)
    if refused and client.got:
        raise Broken(f"it was refused, and got {client.got:,} bytes")
    if refused:
        return {"accepted": (1, 1), "limit": (1, 1)}
    reason, exact = {"oversize": "limit", "resetter": "error"}.get(client.plan.kind, "peer"), True
    if _was_cut_short(client):
        _idle_or_wrong(client, options, client.plan.patience)
        reason, exact = "idle", client.plan.kind == "silent"
    elif client.plan.kind == "resetter":
        exact = client.got == client.sent
    stream, least = client.stream, client.sent if exact else client.got
    out = min(client.sent, stream.replies)
    whole = (stream.whole(min(least, out)), stream.whole(out))
    if options.framing == "raw":        # a message is what one read brought
        whole = (min(1, least), client.sent)
    return {"accepted": (1, 1), reason: (1, 1), "messages in": whole, "messages out": whole,
            "bytes in": (least, client.sent), "bytes out": (min(least, out), out)}


def add_up(accounts) -> dict:
    sums = {name: (0, 0) for name in ("accepted", *REASONS, "messages in", "messages out",
                                      "bytes in", "bytes out")}
    for one in accounts:
        for name, (low, high) in one.items():
            sums[name] = sums[name][0] + low, sums[name][1] + high
    return sums


def check_line(line: dict, last: dict, most: int, echoes: bool):
    """What a loop says at any moment adds up, and nothing but `open` and `timers` has fallen."""
    if line["accepted"] - line["closed"] != line["open"] \
            or sum(line[name] for name in REASONS) != line["closed"]:
        raise Broken(f"SIGUSR1: accepted, closed and open do not balance: {line}")
    if echoes and (line["bytes out"] > line["bytes in"]
                   or line["messages out"] > line["messages in"]):
        raise Broken(f"SIGUSR1: more out than in: {line}")
    if line["woken"] > line["queued"]:
        raise Broken(f"SIGUSR1: more wake-ups than queued calls: {line}")
    for name in NAMES:
        if name not in ("open", "timers") and line[name] < last.get(name, 0):
            raise Broken(f"SIGUSR1: {name} has fallen from {last[name]} to {line[name]}")
    if most and line["open"] > most:
        raise Broken(f"SIGUSR1: {line['open']} connections are open, -c {most}")


class Reports:
    """What each loop has said so far. The loops' lines come in any order, and the lines of one loop
    in its own: the last of each make up the last report."""

    def __init__(self, loops: int, most: int, echoes=True):
        self.names = ["main loop", *(f"loop {number}" for number in range(1, loops + 1))]
        self.most, self.echoes = most, echoes
        self.last = {name: {} for name in self.names}
        self.seen = {name: 0 for name in self.names}
        self.read = 0           # characters of stderr

    def look(self, stderr: str):
        """Checks the lines that have come since the last look."""
        end = stderr.rfind("\n") + 1
        for line in stderr[self.read:end].splitlines():
            match = LINE.fullmatch(line)
            if match and match.group(1) not in self.last:
                raise Broken(f"SIGUSR1: there is no such loop: {line!r}")
            if match:
                name, counts = match.group(1), numbers(line)
                check_line(counts, self.last[name], self.most, self.echoes)
                self.last[name] = counts
                self.seen[name] += 1
        self.read = end

    @property
    def whole(self) -> int:
        """Reports to which every loop has said its line."""
        return min(self.seen.values())

    @property
    def even(self) -> bool:
        """Whether no report is on its way."""
        return len(set(self.seen.values())) == 1

    def total(self) -> dict:
        return {name: sum(last[name] for last in self.last.values()) for name in NAMES}


def check_total(total: dict, sums: dict):
    """The last report, with all clients gone, against what they saw."""
    wrong = [f"{name}: the server counts {total[name]:,}, the clients "
             + (f"{low:,}" if low == high else f"{low:,} to {high:,}")
             for name, (low, high) in sums.items() if not low <= total[name] <= high]
    wrong += [f"{name}: the server counts {total[name]:,}, although no client is there"
              for name in ("open", "timers") if total[name]]
    if wrong:
        raise Broken("SIGUSR1, all clients gone:\n  " + "\n  ".join(wrong))


def check_words(stderr: str, refused: int, too_long: int, verbose: bool, accepted: int):
    """Each line on stderr is one that belongs there, and there are as many as there should be."""
    count = Counter()
    for line in stderr.splitlines():
        if LINE.fullmatch(line):
            continue
        if not EXPECTED_LINE.match(line):
            raise Broken(f"on stderr stands {line!r}")
        count[line.split(" ")[1]] += 1
    wanted = {"refused": refused, "message": too_long,
              "opened": accepted if verbose else 0, "closed": accepted if verbose else 0}
    for word, number in wanted.items():
        if count[word] != number:
            raise Broken(f"stderr has {count[word]} lines that begin with {word!r}, expected "
                         f"{number}")
