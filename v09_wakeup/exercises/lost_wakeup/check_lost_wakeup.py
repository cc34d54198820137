"""chat_server: many lines between members of two loops, and none of them gets stuck."""
from __future__ import annotations

import select
import time

from checks.check_chat import Member
from exercises.marks import judges
from harness.check import Check
from harness.server import Broken
from harness.spec import CHAT

MEMBERS, LINES = 40, 30
# The race does not show each time: so there are several servers of each kind.
ARGS, SERVERS = (("-t", "2", "-w", "2"), ("-t", "2")), 4
STUCK = "\n  a task waits in a loop's queue: was its thread woken, and by whom?"


class LostWakeup(Check):
    group = "lost_wakeup"

    def talk(self, members, lines: int) -> bool:
        """Each says so many lines, and never more than two that not all others have answered.

        False when nothing comes any more.
        """
        by_sock, said = {m.client.sock: m for m in members}, dict.fromkeys(members, 0)
        others, until = len(members) - 1, time.monotonic() + self.limit(4)
        while min(len(m.lines) for m in members) < others * lines:
            for member in members:
                if said[member] < lines and len(member.lines) >= others * (said[member] - 1):
                    member.say("hello")
                    said[member] += 1
            ready = select.select(list(by_sock), [], [], 0.1)[0]
            for sock in ready:
                by_sock[sock].take()
            if ready:
                until = time.monotonic() + self.limit(4)
            if time.monotonic() > until:
                return False
        return True

    def come(self, server) -> list:
        """The members, one after the other; each hears of all who come after."""
        members = [Member(self.connect(server)) for _ in range(MEMBERS)]
        for at, member in enumerate(members, 1):
            member.expect(*(f"* {n} came" for n in range(at + 1, MEMBERS + 1)))
            member.lines.clear()
        return members

    @judges(CHAT)
    def everybody_hears(self):
        """Forty members of two loops say a line each, many times; each hears all others."""
        for args in ARGS * self.few(SERVERS, 1):
            server, lines = self.serve(*args), self.few(LINES, 20)
            try:
                members = self.come(server)
            except Broken as error:
                raise Broken(f"{' '.join(args)}: while {MEMBERS} members came: {error}{STUCK}"
                             ) from None
            if not self.talk(members, lines):
                heard = [len(m.lines) for m in members]
                raise Broken(f"{' '.join(args)}: each of {MEMBERS} members had to hear "
                             f"{(MEMBERS - 1) * lines} lines; the first four heard {heard[:4]}, "
                             f"and then nothing more came{STUCK}")
            server.stop()
            for member in members:
                member.client.close()
