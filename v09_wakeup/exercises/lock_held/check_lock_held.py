"""chat_server: many come and go at the same time, on two loops."""
from __future__ import annotations

import select
import signal
import time

from checks.check_chat import Member
from exercises.marks import judges
from harness.check import Check
from harness.server import Broken
from harness.spec import CHAT

MEMBERS, GUESTS, ROUNDS = 4, 40, 120


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
        """Each member hears so many lines from now on."""
        if not self.hear(members, lines):
            raise Broken(f"-t 2: {about}; each member should hear {lines} lines, but they heard "
                         f"{[len(member.lines) for member in members]}, and then nothing more\n"
                         "  what does each thread hold, and what does it wait for? `gdb -p PID` "
                         "and `thread apply all bt` tell")
        for member in members:
            member.lines.clear()

    @judges(CHAT)
    def come_and_go(self):
        """-t 2: forty guests come and leave at once, again and again; members are told of each."""
        server = self.serve("-t", "2", "-b", "100000000")
        members = [Member(self.connect(server)) for _ in range(MEMBERS)]
        for at, member in enumerate(members, 1):
            member.expect(*(f"* {n} came" for n in range(at + 1, MEMBERS + 1)))
            member.lines.clear()
        for turn in range(1, self.few(ROUNDS, 5) + 1):
            server.process.send_signal(signal.SIGSTOP)      # all of them at the same time
            guests = self.connect_many(server, GUESTS)
            server.process.send_signal(signal.SIGCONT)
            self.expect_lines(members, GUESTS, f"{GUESTS} guests came, for the {turn}. time")
            server.process.send_signal(signal.SIGSTOP)
            for guest in guests:
                guest.reset()
            server.process.send_signal(signal.SIGCONT)
            self.expect_lines(members, GUESTS, f"{GUESTS} guests left, for the {turn}. time")
