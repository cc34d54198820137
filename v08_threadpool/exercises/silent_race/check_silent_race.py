"""echo_server under helgrind: does every thread lock what it shares?"""
from __future__ import annotations

import re

from exercises.marks import judges
from harness import modes
from harness.check import Check
from harness.server import Broken
from harness.spec import ONLY_ECHO


def first_report(words: str) -> str:
    """Of all that valgrind wrote, the first race: what happened, where, and against what."""
    start = words.find("Possible data race")
    end = words.find("----------------", start)
    report = words[start:end if end > start else start + 2500] if start >= 0 else words[-1500:]
    return re.sub(r"^==\d+== ?", "  ", report, flags=re.M).strip()


class SilentRace(Check):
    group = "silent_race"

    def serve_under_helgrind(self, *args):
        """The server under helgrind, whatever runs the other checks."""
        self.need("valgrind")
        self.mode = modes.HELGRIND
        return self.serve(*args)

    @judges(ONLY_ECHO)
    def under_helgrind(self):
        """-t 2 -w 2 -d 40 under helgrind: clients talk and leave, and it has nothing to report."""
        server = self.serve_under_helgrind("-f", "line", "-t", "2", "-w", "2", "-d", "40")
        for _ in range(5):
            *clients, rude = self.connect_many(server, 4)
            for client in clients:
                client.send(b"first\nsecond\n")
            rude.send(b"first\n")
            self.becomes(lambda c=rude: server.unread(c) == 0)
            for client in clients:
                client.expect(b"first\nsecond\n")
                client.close()
            rude.send(b"second\n")
            self.becomes(lambda c=rude: server.unread(c) == 0)
            rude.reset()        # while a worker has its message
            self.expect_no_leak(server)
        try:
            server.stop()
        except Broken as error:
            if "valgrind reports" not in str(error):
                raise
            raise Broken("under helgrind, -t 2 -w 2 -d 40, clients talked and left. The first report:\n"
                         f"{first_report(str(error))}\n  which lock guards this, and which of "
                         "the two threads does not hold it?") from None
