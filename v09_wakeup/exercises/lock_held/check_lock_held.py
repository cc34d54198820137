"""chat_server: members come and go while others talk, on two loops."""
from __future__ import annotations

import select
import signal
import time

from checks.check_chat import Member
from exercises.marks import judges
from harness.check import Check
from harness.server import Broken
from harness.spec import CHAT

TALKERS, GUESTS, LINES, ROUNDS = 4, 6, 100, 60


class LockHeld(Check):
    group = "lock_held"

    def hear(self, members, lines: int) -> bool:
        """Read until each has so many lines; false when nothing comes any more."""
        by_sock = {member.client.sock: member for member in members}
        until = time.monotonic() + self.limit(4)
        while by_sock and time.monotonic() < until:
            for sock in select.select(list(by_sock), [], [], 0.1)[0]:
                by_sock[sock].take()
                until = time.monotonic() + self.limit(4)
            by_sock = {sock: m for sock, m in by_sock.items() if len(m.lines) < lines}
        return not by_sock

    def expect_lines(self, members, lines: int, about: str):
        """Each talker hears so many lines from now on."""
        if not self.hear(members, lines):
            raise Broken(f"-t 2: {about}; each member should hear {lines} lines, but they heard "
                         f"{[len(member.lines) for member in members]}, and then nothing more\n"
                         "  what does each thread hold, and what does it wait for? `gdb -p PID` "
                         "and `thread apply all bt` tell")
        for member in members:
            member.lines.clear()

    @judges(CHAT)
    def come_and_go(self):
        """-t 2: guests come and leave while members talk; everybody is told all of it."""
        server = self.serve("-t", "2", "-b", "100000000")
        talkers = [Member(self.connect(server)) for _ in range(TALKERS)]
        for at, member in enumerate(talkers, 1):
            member.expect(*(f"* {n} came" for n in range(at + 1, TALKERS + 1)))
            member.lines.clear()
        for turn in range(1, self.few(ROUNDS, 5) + 1):
            guests = self.connect_many(server, GUESTS)
            self.expect_lines(talkers, GUESTS, f"{GUESTS} guests came, for the {turn}. time")
            server.process.send_signal(signal.SIGSTOP)      # all of it at the same time
            for member in talkers:
                member.client.send(b"hello\n" * LINES)
            for guest in guests:
                guest.reset()
            server.process.send_signal(signal.SIGCONT)
            self.expect_lines(talkers, GUESTS + (TALKERS - 1) * LINES,
                              f"{TALKERS} members said {LINES} lines each, and at the same time "
                              f"{GUESTS} guests left, for the {turn}. time")
