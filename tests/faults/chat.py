"""Traffic for a chat_server whose calls fail: members talk, and each checks every line.

A member that loses its connection is no failure here, as in session.py. For those that stay: what
each says reaches all others whole and in order, all of it from when they came to the end; they are
told who comes and who leaves; and all see what they see in one order.
"""
from __future__ import annotations

import re
import select
import time

from faults.session import LIMIT, PATIENCE, SMALL, Session
from harness.client import PIECE, connect, noise
from harness.server import Broken

LINES = re.compile(rb"you are (?P<own>\d+)|\* (?P<who>\d+) (?P<what>came|left)|"
                   rb"(?P<sender>\d+): (?P<words>.*)", re.DOTALL)
LONGEST = 50_000        # bytes of a line


class Member:
    """A client of the chat, and what became of it."""

    def __init__(self, room, seed):
        self.room, self.seed = room, seed
        self.number, self.lost, self.port, self.client = 0, "", 0, None
        self.said, self.unsent, self.part = [], b"", b""
        self.heard = []         # (number, which of its lines), (number, "came"), (number, "left")
        self.due = {}           # by sender: its next line; before the first: the last that may be
        self.told_of = set()    # (number, "came" or "left"), that it must hear
        self.leaving = self.half_closed = self.gone = False
        try:
            self.client = connect(room.server, PATIENCE)
            self.client.sock.setblocking(False)
            self.port = self.client.sock.getsockname()[1]
        except Broken as error:
            self.lost = str(error)

    def is_here(self):
        return not (self.lost or self.gone or self.leaving)

    def say(self, size):
        """A line of any bytes but a newline, which no other is like."""
        if self.lost or self.gone:
            return
        head = b"%d " % len(self.said)
        words = head + noise(size, self.seed * 1000 + len(self.said)).replace(b"\n", b" ")
        self.said.append(words)
        self.unsent += words + b"\n"

    def leave(self):
        """Ends its side; the server must end its own."""
        if self.is_here():
            self.leaving = True

    def close(self):
        if self.client:
            self.client.close()

    # -- what moves ---------------------------------------------------------

    def send(self):
        try:
            if self.unsent:
                self.unsent = self.unsent[self.client.sock.send(self.unsent):]
            if self.leaving and not self.unsent:
                self.client.half_close()
                self.half_closed = True
        except BlockingIOError:
            return
        except OSError as error:
            self.lose(error.strerror)

    def read(self):
        try:
            piece = self.client.sock.recv(PIECE)
        except BlockingIOError:
            return
        except OSError as error:
            self.lose(error.strerror)
            return
        *lines, self.part = (self.part + piece).split(b"\n")
        for line in lines:
            self.hear(line)
        if not piece and self.leaving and not self.part:
            self.gone = True
            self.room.tell_left(self)
        elif not piece:
            self.lose("end of file")

    def lose(self, how):
        self.lost, self.unsent = how, b""
        if self.number:
            self.room.tell_left(self)

    # -- what it hears --------------------------------------------------------

    def hear(self, line):
        match = LINES.fullmatch(line)
        if not match or bool(match["own"]) != (self.number == 0):
            raise Broken(f"wrong bytes: a member may not get the line {line[:60]!r}")
        if match["own"]:
            self.room.enter(self, int(match["own"]))
        elif match["who"]:
            self.hear_of(int(match["who"]), match["what"].decode())
        else:
            self.hear_words(int(match["sender"]), match["words"])

    def hear_of(self, number, what):
        if number == self.number or (number, what) in self.heard:
            raise Broken(f"wrong bytes: a member is told `* {number} {what}`")
        self.heard.append((number, what))
        if what == "left":
            self.room.left.add(number)
        self.told_of.discard((number, what))

    def hear_words(self, number, words):
        sender = self.room.members.get(number)
        first = number not in self.due or self.due[number] < 0
        at = sender.said.index(words) if first and sender and words in sender.said else \
            self.due.get(number, 0)
        if sender in (None, self) or at >= len(sender.said) or sender.said[at] != words or \
                first and at > -1 - self.due.get(number, -1):
            raise Broken(f"wrong bytes: a member gets {words[:40]!r}, said by {number}, where line "
                         f"{at} is due")
        self.heard.append((number, at))
        self.due[number] = at + 1

    def waits(self):
        """Whether something that it must get has not come."""
        if self.lost or self.gone:
            return False
        if not self.is_here() or self.unsent or self.told_of:
            return True
        if self.number == 0 or self.number in self.room.left:
            return True
        return any(self.misses(other) for other in self.room.members.values()
                   if other is not self and other.is_here())

    def misses(self, other):
        due = self.due.get(other.number, 0)
        return (due if due >= 0 else -1 - due) < len(other.said)


class Chat(Session):
    """All members of one server."""

    def __init__(self, *args):
        super().__init__(*args)
        self.members = {}       # by number, from when they know it
        self.left = set()       # numbers of whom others were told that they have left

    def visitor(self, **_):
        self.visitors.append(Member(self, len(self.visitors) + 1))
        return self.visitors[-1]

    def enter(self, member, number):
        """It has been told its number: from now on it must hear all that is said."""
        if number in self.members:
            raise Broken(f"two members are told that they are {number}")
        member.number = number
        member.due = {other.number: -1 - len(other.said) for other in self.members.values()
                      if other.said}
        self.members[number] = member
        for other in self.members.values():     # the server counts up
            earlier, later = sorted((member, other), key=lambda one: one.number)
            self.must_hear(earlier, later, "came")

    def tell_left(self, member):
        """Who came later may have come when it had left already, if it never heard it."""
        for other in self.members.values():
            if other.number < member.number or other.due.get(member.number, 0) > 0:
                self.must_hear(other, member, "left")

    @staticmethod
    def must_hear(member, other, what):
        if other is not member and (other.number, what) not in member.heard:
            member.told_of.add((other.number, what))

    def settle(self, but=()):
        """Until all have heard all that they must; `but`: those who need not be served."""
        until = time.monotonic() + LIMIT
        while any(member.waits() for member in self.visitors if member not in but):
            there = {v.client.sock: v for v in self.visitors if not (v.lost or v.gone)}
            writing = [s for s, v in there.items() if v.unsent or v.leaving > v.half_closed]
            readable, writable, _ = select.select(there, writing, [], 0.2)
            for sock in writable:
                there[sock].send()
            for sock in readable:
                if not there[sock].lost:
                    there[sock].read()
            if readable:
                until = time.monotonic() + LIMIT
            if time.monotonic() > until:
                raise Broken(f"a client waits in vain: {self.what_waits(but)}")
        self.check_order()

    def what_waits(self, but):
        member = next(v for v in self.visitors if v not in but and v.waits())
        heard = {n: max(-1 - due, due) for n, due in member.due.items()}
        said = {n: len(other.said) for n, other in self.members.items() if other is not member}
        return (f"member {member.number} has heard {heard} of {said} lines, and of "
                f"{sorted(member.told_of)} nothing")

    def check_order(self):
        """What two have heard, both have heard in one order."""
        for at, one in enumerate(self.visitors):
            for other in self.visitors[at + 1:]:
                both = set(one.heard) & set(other.heard)
                if [h for h in one.heard if h in both] != [h for h in other.heard if h in both]:
                    raise Broken(f"wrong bytes: members {one.number} and {other.number} do not "
                                 "hear all in one order")

    # -- the traffic ------------------------------------------------------------

    def all_say(self, size):
        for visitor in self.visitors:
            if visitor.is_here() and visitor.number:
                visitor.say(size)

    def say_much(self, visitor):
        for _ in range(max(1, self.large // LONGEST)):
            visitor.say(min(self.large, LONGEST))

    def begin(self):
        for _ in range(2):
            self.visitor()
        self.settle()
        self.all_say(SMALL)
        self.settle()

    def talk(self):
        elders, new = list(self.visitors), []
        for elder in elders:
            elder.say(SMALL)
        for _ in range(3):
            new.append(self.visitor())
            elders[0].say(SMALL)
        self.settle()
        self.all_say(SMALL)
        self.settle()
        for visitor in (new[0], elders[-1]):
            if visitor.number:
                self.say_much(visitor)
        self.settle()
        self.report()
        for visitor in new[1:]:
            visitor.leave()
        self.settle()
        self.all_say(SMALL)
        self.settle()

    def queue(self):
        """Some come, and need not be served; those who were here before are."""
        elders = list(self.visitors)
        newcomers = [self.visitor() for _ in range(3)]
        for elder in elders:
            self.say_much(elder)
        self.settle(but=newcomers)

    def after(self, losses=0):
        """What still stands is served, and so are two new ones; `losses` more may not be."""
        self.talk_and_leave()
        for _ in range(losses + 1):
            fresh = [self.visitor(), self.visitor()]
            self.talk_and_leave()
            lost = next((visitor.lost for visitor in fresh if visitor.lost), "")
            if not lost:
                return
        raise Broken(f"when all is well again, a client is not served: {lost}")

    def talk_and_leave(self):
        self.settle()
        self.all_say(SMALL)
        self.settle()
        for visitor in self.visitors:
            visitor.leave()
        self.settle()
        for visitor in self.visitors:
            visitor.close()
