"""echo_server under helgrind: does every thread lock what it shares?"""
from __future__ import annotations

import re
import signal

from exercises.marks import judges
from harness import modes
from harness.check import Check
from harness.server import Broken
from harness.spec import ONLY_ECHO


def first_report(words: str) -> str:
    """Of all that valgrind wrote, the first race: what happened, where, and against what."""
    plain = re.sub(r"^==\d+== ?", "  ", words, flags=re.M)
    found = re.search(r"Possible data race.*?(?=\n  -{20}|\n  Use --|\n  For lists|\Z)", plain, re.S)
    return (found.group() if found else plain[-1500:]).rstrip()


class SilentRace(Check):
    group = "silent_race"

    def serve_under_helgrind(self, *args):
        """The server under helgrind, whatever runs the other checks."""
        self.need("valgrind")
        self.mode = modes.HELGRIND
        return self.serve(*args)

    @judges(ONLY_ECHO)
    def under_helgrind(self):
        """-t 2 -w 2 -d 300: clients talk, leave and reset, and helgrind has nothing to report."""
        server = self.serve_under_helgrind("-f", "line", "-t", "2", "-w", "2", "-d", "300")
        for _ in range(3):
            polite = self.connect_many(server, 2)
            for client in polite:
                client.send(b"message\n")
            for client in polite:
                client.expect(b"message\n")
                client.close()
            self.reset_in_the_middle(server)
            self.expect_no_leak(server)
        try:
            server.stop()
        except Broken as error:
            if "valgrind reports" not in str(error):
                raise
            raise Broken("under helgrind, -t 2 -w 2 -d 300, clients talked, left and reset. The "
                         f"first report:\n{first_report(str(error))}\n  which lock guards this, "
                         "and which of the two threads does not hold it?") from None

    def reset_in_the_middle(self, server):
        """Two clients leave while workers have their messages."""
        rude = self.connect_many(server, 2)
        server.process.send_signal(signal.SIGSTOP)      # so that no worker is done before the reset
        for client in rude:
            client.send(b"message\n")
            client.reset()
        server.process.send_signal(signal.SIGCONT)
