"""chat_server: two members on two threads who talk to each other at full speed."""
from __future__ import annotations

import select
import signal
import time

from checks.check_chat import Member
from exercises.marks import judges
from harness.check import Check
from harness.server import Broken
from harness.spec import CHAT

BURST, ROUNDS = 2000, 100


class LockOrder(Check):
    group = "lock_order"

    def heard(self, members) -> list:
        return [sum(line.endswith(b": hello") for line in member.lines) for member in members]

    def talk(self, members, wanted: int) -> bool:
        """Send and read until each has heard so many lines; false when nothing moves any more."""
        quiet_since, before = time.monotonic(), -1
        while min(self.heard(members)) < wanted:
            socks = {member.client.sock: member for member in members}
            writers = [member.client.sock for member in members if member.waiting]
            ready, can_send, _ = select.select(list(socks), writers, [], 0.05)
            for sock in ready:
                socks[sock].take()
            for sock in can_send:
                del socks[sock].waiting[:socks[sock].client.send_some(socks[sock].waiting)]
            now = sum(len(member.lines) for member in members)
            if now > before:
                quiet_since, before = time.monotonic(), now
            if time.monotonic() - quiet_since > self.limit(3):
                return False
        return True

    @judges(CHAT)
    def two_who_talk(self):
        """-t 2: each says thousands of lines while the other does; each hears all of them."""
        server = self.serve("-t", "2", "-b", "100000000")
        members = [Member(self.connect(server)) for _ in range(2)]
        for turn in range(1, self.few(ROUNDS, 8) + 1):
            server.process.send_signal(signal.SIGSTOP)      # both threads wake up together
            for member in members:
                member.lines.clear()
                member.waiting += b"hello\n" * BURST
                del member.waiting[:member.client.send_some(member.waiting)]
            server.process.send_signal(signal.SIGCONT)
            if not self.talk(members, BURST):
                raise Broken(f"-t 2: two members said {BURST} lines each, for the {turn}. time; "
                             f"they heard {self.heard(members)} of them, and then nothing more\n  what does each thread "
                             "hold, and what does it wait for? `gdb -p PID` and "
                             "`thread apply all bt` tell")
