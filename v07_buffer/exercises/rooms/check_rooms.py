"""Rooms in the chat: /join NAME."""
from __future__ import annotations

import random
import time

from checks.check_chat import ChatCheck
from exercises.marks import judges
from harness.client import noise
from harness.server import Broken
from harness.spec import CHAT

NO_NAME = "* no such name"


class Rooms(ChatCheck):
    group = "rooms"

    def go(self, member, name: str, left=(), came=()):
        """The member goes to a room and is told so, and so are those in both rooms."""
        member.say(f"/join {name}")
        self.expect_answer(member, f"* you are in {name}", left, f"it said `/join {name}`")
        for other in left:
            other.expect(f"* {member.number} left", hint=f"member {member.number} went from its "
                         f"room to {name}")
        for other in came:
            other.expect(f"* {member.number} came", hint=f"it is in {name}, and member "
                         f"{member.number} came there")

    def expect_answer(self, member, line: str, witnesses, why: str):
        """The member gets the line; if a witness hears the command, no need to wait."""
        said = b"%d: /join " % member.number

        def heard():
            return any(not other.take() or said in b"".join(other.lines[other.seen:])
                       for other in witnesses)

        self.becomes(lambda: not member.take() or len(member.lines) > member.seen or heard(), 10)
        if len(member.lines) == member.seen and heard():
            raise Broken(f"member {member.number} must get {line!r}; instead the others in its "
                         f"room were told its command, as a line\n  {why}")
        member.expect(line, hint=why)

    def expect_nothing(self, *members, why: str):
        """Nothing has come for these members that they were not asked for."""
        for member in members:
            member.take()
            if len(member.lines) > member.seen or member.part or member.end:
                raise Broken(f"member {member.number} must get nothing here; it got "
                             f"{member.lines[member.seen:][:3]!r} {member.part!r} {member.end}\n"
                             f"  {why}")

    def settle(self, member):
        """When this is answered, the server has handled all that the member sent before."""
        member.say("/join -")
        member.expect(NO_NAME, hint="it said `/join -`, and `-` is no letter or digit")

    @judges(CHAT)
    def lines_stay_in_the_room(self):
        """A line goes to all others in the sender's room, and to nobody else."""
        members = self.join_all(self.serve(), 6)
        den, lobby = members[:3], members[3:]
        for at, member in enumerate(den):
            self.go(member, "den", left=(*den[at + 1:], *lobby), came=den[:at])
        for room, others in ((den, lobby), (lobby, den)) * 3:
            for sender in room:
                sender.say(f"hello from {sender.number}")
                for member in room:
                    if member is not sender:
                        member.expect(f"{sender.number}: hello from {sender.number}")
                self.settle(sender)
                self.expect_nothing(*others, why="a line of another room is not for it")

    @judges(CHAT)
    def coming_and_going(self):
        """The old room hears `left`, the new one `came`; a newcomer is in the lobby."""
        server = self.serve()
        first, second, third = self.join_all(server, 3)
        self.go(first, "den", left=(second, third))
        self.go(second, "den", left=(third,), came=(first,))
        newcomer = self.join(server)
        third.expect("* 4 came")
        self.settle(newcomer)
        self.expect_nothing(first, second, why="member 4 came, into the lobby; it is in the den")
        self.go(first, "attic", left=(second,))
        self.go(first, "lobby", came=(third, newcomer))
        first.say("back again")
        third.expect("1: back again")
        newcomer.expect("1: back again")
        self.settle(first)
        self.expect_nothing(second, why="all that happened in other rooms")

    @judges(CHAT)
    def same_room_again(self):
        """Who joins the room that it is in is told so; nobody else hears of it."""
        first, second = self.join_all(self.serve(), 2)
        first.say("/join lobby")
        self.expect_answer(first, "* you are in lobby", (second,), "it said `/join lobby`")
        self.settle(first)
        self.expect_nothing(second, why="member 1 joined the room in which it was")
        self.go(first, "den", left=(second,))
        self.go(first, "den")
        self.go(first, "den")
        self.go(second, "den", came=(first,))
        second.say("hello")
        first.expect("2: hello")
        self.settle(second)
        self.expect_nothing(first, why="one line, one copy")

    @judges(CHAT)
    def names(self):
        """1 to 20 letters and digits; each name is another room."""
        first, second = self.join_all(self.serve(), 2)
        self.go(first, "here", left=(second,))
        self.go(second, "elsewhere")
        names = ("a", "ab", "A", "a1", "1", "x" * 20, "x" * 19, "lobb", "lobbyx", "Lobby")
        for name in names:
            self.go(first, name)
            for other in names:
                if other != name:
                    self.go(second, other)
            self.settle(second)
            self.expect_nothing(first, why=f"it is in {name}, and nobody else was there")
            self.go(second, name, came=(first,))
            self.go(second, "elsewhere", left=(first,))

    @judges(CHAT)
    def no_names(self):
        """Any other name is refused, to the sender alone; it stays where it is."""
        first, second = self.join_all(self.serve(), 2)
        wrong = (b"", b" ", b"x" * 21, b"x" * 5000, b"two words", b"den ", b" den", b"den\r",
                 b"den\0", b"\0", b"d\0n", b"a-b", b"a/b", b"\xc3\xa9", b"\xff", b"lobby!", b"%s")
        for name in wrong:
            first.client.send(b"/join " + name + b"\n")
            self.expect_answer(first, NO_NAME, (second,), f"it said `/join ` and {name[:30]!r}, "
                               "which is no name of 1 to 20 letters and digits")
        first.say("still here")
        second.expect("1: still here", hint="names that were refused change nothing")
        self.expect_nothing(first, why="a refused name earns one line")

    @judges(CHAT)
    def what_is_no_command(self):
        """Only `/join ` at the beginning of a line is a command; all else is said as before."""
        first, second = self.join_all(self.serve(), 2)
        lines = ("/join", "/joinden", "/JOIN den", " /join den", "/ join den", "/part", "join den",
                 "/joi", "/", "", "/join\tden", "say /join den")
        for line in lines:
            first.say(line)
            second.expect(f"1: {line}", hint=f"{line!r} does not begin with `/join `")
        first.client.send(b"/join\0den\n")
        second.expect(b"1: /join\0den")
        self.expect_nothing(first, why="it gave no command yet")
        self.go(first, "den", left=(second,))

    @judges(CHAT)
    def however_it_is_cut(self):
        """A command byte by byte; a command and lines in one write: what follows is said there."""
        server = self.serve()
        first, second, third = self.join_all(server, 3)
        self.go(second, "den", left=(first, third))
        for byte in b"/join den\n":
            first.client.send(bytes([byte]))
            time.sleep(0.001)
        first.expect("* you are in den", hint="`/join den` came byte by byte")
        second.expect("* 1 came")
        third.expect("* 1 left")
        first.client.send(b"in the den\n/join lobby\nin the lobby\n/join den\nback\nlobby?")
        first.expect("* you are in lobby", "* you are in den")
        second.expect("1: in the den", "* 1 left", "* 1 came", "1: back",
                      hint="five lines came in one write, commands and others")
        third.expect("* 1 came", "1: in the lobby", "* 1 left")
        first.client.send(b"\n")
        second.expect("1: lobby?")
        self.settle(first)
        self.expect_nothing(third, why="a line of another room is not for it")

    @judges(CHAT)
    def leaving_is_told_in_the_room(self):
        """Closed, reset, half-closed, a line too long: those in the same room are told, once."""
        server = self.serve("-m", "100")
        stays, lobby, *others = self.join_all(server, 6)
        for at, member in enumerate((stays, *others)):
            den = (stays, *others)[:at]
            self.go(member, "den", left=(lobby, *others[at:]), came=den)
        for how in ("close", "reset", "half_close", "too long"):
            (leaver := others.pop(0)).say("bye")
            for member in (stays, *others):
                member.expect(f"{leaver.number}: bye")
            if how == "too long":
                leaver.client.send_or_not(b"x" * 200 + b"\n")
                leaver.client.expect_gone("-m 100, and a line that is longer")
                leaver.client.close()
            else:
                getattr(leaver.client, how)()
            for member in (stays, *others):
                member.expect(f"* {leaver.number} left", hint=f"it left the chat ({how})")
        self.settle(stays)
        self.expect_nothing(lobby, stays, why="those who left were in the den")

    @judges(CHAT)
    def slow_member_is_dropped(self):
        """A member of a room that does not read is dropped; its room is told, no other one."""
        server = self.serve("-b", "100000")
        lobby, talker, reader = self.join_all(server, 3)
        slow = self.join(server, rcvbuf=4096)
        for member in (lobby, talker, reader):
            member.expect("* 4 came")
        self.go(talker, "den", left=(lobby, reader, slow))
        self.go(reader, "den", left=(lobby, slow), came=(talker,))
        self.go(slow, "den", left=(lobby,), came=(talker, reader))
        line = noise(1000).hex()
        talker.waiting += f"{line}\n".encode() * self.few(12_000, 6000)
        self.talk([talker, reader], lambda: b"* 4 left" in reader.lines, limit=30)
        if b"* 4 left" not in reader.lines:
            raise Broken("a member of the den does not read, and megabytes of lines are said "
                         "there: it should be dropped, and the den told `* 4 left`")
        self.expect_nothing(lobby, why="that happened in the den")

    @judges(CHAT)
    def rooms_take_no_memory(self):
        """A room that everybody has left is forgotten."""
        server = self.serve()
        first, second = self.join_all(server, 2)
        self.go(first, "den", left=(second,))
        count = self.few(20_000, 300)
        before = 0 if self.mode.light else server.memory()
        for turn in range(0, count, 100):
            names = [f"room{n}" for n in range(turn, turn + 100)]
            first.say(*(f"/join {name}" for name in names))
            first.expect(*(f"* you are in {name}" for name in names))
        grown = 0 if self.mode.light else server.memory() - before
        if grown > 600_000:
            raise Broken(f"a member went through {count:,} rooms, and was alone in each; the "
                         f"server's memory grew by {grown:,} bytes\n  is a room freed when the "
                         "last one leaves it?")

    @judges(CHAT)
    def crowd(self):
        """Members who wander between rooms and talk: everybody is told what its room hears."""
        dice = random.Random(3)
        server = self.serve()
        names = ("lobby", "den", "attic", "cellar")
        members = self.join_all(server, self.few(24, 8))
        where = {member: "lobby" for member in members}
        for turn in range(self.few(400, 60)):
            mover = dice.choice(members)
            old, new = where[mover], dice.choice(names)
            if dice.random() < 0.5:
                mover.say(f"line {turn}")
                told = {member: f"{mover.number}: line {turn}" for member in members
                        if where[member] == old and member is not mover}
            else:
                mover.say(f"/join {new}")
                self.expect_answer(mover, f"* you are in {new}", members,
                                   f"it said `/join {new}`")
                told = {member: f"* {mover.number} {word}" for member in members
                        for room, word in ((old, "left"), (new, "came"))
                        if where[member] == room and member is not mover and old != new}
                where[mover] = new
            for member, line in told.items():
                member.expect(line, hint=f"it is in {where[member]}")
        for member in members:
            self.settle(member)
        self.expect_nothing(*members, why="every line was for another room")

    @judges(CHAT)
    def stop_with_rooms(self):
        """A stop while members are in several rooms: it ends in order, nothing is left."""
        server = self.serve()
        members = self.join_all(server, 6)
        for at, member in enumerate(members):
            self.go(member, f"room{at % 3}", left=members[at + 1:], came=members[at % 3:at:3])
            member.say("hello")
        server.stop()
