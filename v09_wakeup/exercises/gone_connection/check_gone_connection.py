"""chat_server under valgrind: members leave while something is on its way to or from them."""
from __future__ import annotations

import re
import signal

from checks.check_chat import Member
from exercises.marks import judges
from harness import modes
from harness.check import Check
from harness.server import Broken
from harness.spec import CHAT


def first_report(words: str) -> str:
    """Of all that valgrind wrote, the first wrong read or write, and whose memory that was."""
    plain = re.sub(r"^==\d+== ?", "  ", words, flags=re.M)
    found = re.search(r"Invalid (?:read|write).*?\n  \n", plain, re.S)
    return (found.group() if found else plain[-1500:]).rstrip()


class GoneConnection(Check):
    group = "gone_connection"

    def serve_under_valgrind(self, *args):
        """The server under memcheck, whatever runs the other checks."""
        self.need("valgrind")
        self.mode = modes.VALGRIND
        return self.serve(*args)

    def stop(self, server, about: str):
        try:
            server.stop()
        except Broken as error:
            found = re.search(r"valgrind reports \d+ errors", str(error))
            if not found:
                raise
            raise Broken(f"{about}: {found.group()}. The first:\n{first_report(str(error))}\n"
                         "  who still had a pointer to it, and in which queue was that?") from None

    def hear(self, member, due: set):
        """Each of these lines comes, in whatever order."""
        while due:
            due.discard(member.next(f"still due: {sorted(due)}"))

    @judges(CHAT)
    def nobody_is_used_after_the_end(self):
        """A member resets while a worker has its line, or while another speaks to it."""
        self.in_a_workers_hands()
        self.spoken_to()

    def in_a_workers_hands(self):
        server = self.serve_under_valgrind("-t", "1", "-w", "1", "-d", "600")
        listener, *guests = (Member(self.connect(server)) for _ in range(3))
        server.process.send_signal(signal.SIGSTOP)      # line and reset come one after the other
        for guest in guests:
            guest.say("in a hurry")
            guest.client.reset()
        server.process.send_signal(signal.SIGCONT)
        due = {text % n for n in (2, 3) for text in (b"* %d came", b"%d: in a hurry", b"* %d left")}
        self.hear(listener, due)
        self.stop(server, "-w 1 -d 600, members reset while the worker has their line")

    def spoken_to(self):
        server = self.serve_under_valgrind("-t", "0")
        first, second = Member(self.connect(server)), Member(self.connect(server))
        first.expect("* 2 came")
        for number in range(3, 7):
            guest = Member(self.connect(server))
            self.hear(first, {b"* %d came" % number})
            server.process.send_signal(signal.SIGSTOP)
            guest.client.reset()
            second.say(f"goodbye {number}")
            server.process.send_signal(signal.SIGCONT)
            self.hear(first, {b"2: goodbye %d" % number, b"* %d left" % number})
        self.stop(server, "-t 0, members reset, and at the same time another one speaks")
