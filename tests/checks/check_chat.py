"""chat_server: each line goes to all others, whole, in one order for everybody."""
from __future__ import annotations

import os
import random
import re
import select
import signal
import time

from harness.check import Check
from harness.client import PIECE, noise
from harness.server import STOP_LIMIT, Broken
from harness.spec import CHAT, promise


LONG = b"much is on its way when the signal comes: " + b"l" * 80 + b"\n"


class Member:
    """A client of the chat: what it was told, line by line."""

    def __init__(self, client):
        self.client, self.end = client, ""
        self.lines, self.part = [], b""
        self.seen = 0       # of the lines, those that a check has asked for
        self.waiting = bytearray()      # to be sent
        first = self.next("a newcomer is told its number first")
        match = re.fullmatch(rb"you are (\d+)", first)
        if not match:
            raise Broken(f"a newcomer must be told `you are N` first; it got {first!r}")
        self.number = int(match.group(1))

    def take(self) -> bool:
        """Take in what has come, without waiting; false when nothing more will."""
        self.client.sock.setblocking(False)
        try:
            piece = self.client.sock.recv(PIECE)
            self.end = "" if piece else "end of file"
        except BlockingIOError:
            return True
        except OSError as error:
            piece, self.end = b"", error.strerror
        finally:
            self.client.sock.settimeout(self.client.limit)
        *whole, self.part = (self.part + piece).split(b"\n")
        self.lines += whole
        return not self.end

    def next(self, hint: str) -> bytes:
        """The next line, without its newline."""
        until = time.monotonic() + self.client.limit
        while len(self.lines) == self.seen and not self.end:
            if self.client.quiet(max(0, until - time.monotonic())):
                raise Broken(f"no line came within {self.client.limit:g} s; before it came "
                             f"{self.lines[-3:]!r} {self.part!r}\n  {hint}")
            self.take()
        if len(self.lines) == self.seen:
            raise Broken(f"instead of a line came: {self.end}; before it {self.lines[-3:]!r}\n"
                         f"  {hint}")
        self.seen += 1
        return self.lines[self.seen - 1]

    def expect(self, *lines, hint=""):
        for line in lines:
            line = line if isinstance(line, bytes) else line.encode()
            got = self.next(hint or f"expected: {line[:100]!r}")
            if got != line:
                raise Broken(f"member {self.number} must get {line[:200]!r}; it got "
                             f"{got[:200]!r}\n  {hint}")

    def say(self, *lines):
        self.client.send(b"".join(f"{line}\n".encode() for line in lines))


class ChatCheck(Check):
    """What all groups of chat checks need."""

    def join(self, server, **how) -> Member:
        return Member(self.connect(server, **how))

    def join_all(self, server, count: int) -> list:
        """So many members, each of whom knows of those that came later."""
        members = []
        for _ in range(count):
            members.append(self.join(server))
            for member in members[:-1]:
                member.expect(f"* {members[-1].number} came")
        return members

    def talk(self, members, done, limit=10.0, piece=PIECE):
        """All send what waits and take in what comes, until `done()`."""
        until = time.monotonic() + self.limit(limit)
        while not done():
            left = until - time.monotonic()
            there = [member for member in members if not member.end]
            if left < 0 or not there:
                return False
            by_sock = {member.client.sock: member for member in there}
            readable, writable, _ = select.select(
                by_sock, [s for s, m in by_sock.items() if m.waiting], [], min(left, 0.05))
            for sock in writable:
                member = by_sock[sock]
                try:
                    sent = member.client.send_some(member.waiting[:piece])
                    del member.waiting[:sent]
                except OSError as error:
                    member.end = error.strerror
            for sock in readable:
                by_sock[sock].take()
        return True


class Chat(ChatCheck):
    group = "chat"

    @promise("chat", "7-", CHAT)
    def lines_go_to_all_others(self):
        """Numbers from 1; who comes; what each says, with a number before it; not to oneself."""
        server = self.serve()
        members = self.join_all(server, 4)
        numbers = [member.number for member in members]
        if numbers != [1, 2, 3, 4]:
            raise Broken(f"four members, one after the other, have the numbers {numbers}")
        for turn, sender in enumerate(members * 3 + members[:1]):
            sender.say(f"hello {turn}")
            for member in members:
                if member is not sender:
                    member.expect(f"{sender.number}: hello {turn}", hint="a member gets all "
                                  "lines but its own, and not its own coming")

    @promise("chat", "7-", CHAT)
    def leaving(self):
        """Closed, reset, half-closed: the others are told once; no number comes twice."""
        server = self.serve()
        stays, *others = self.join_all(server, 5)
        numbers = set()
        for how in ("close", "reset", "half_close", "close"):
            (leaver := others.pop(0)).say("bye")
            for member in [stays] + others:
                member.expect(f"{leaver.number}: bye")
            getattr(leaver.client, how)()
            for member in [stays] + others:
                member.expect(f"* {leaver.number} left",
                              hint=f"member {leaver.number} has left ({how})")
            if how == "half_close":
                leaver.client.expect_end("who has half-closed has left, and sees its end")
            newcomer = self.join(server)
            numbers.add(newcomer.number)
            for member in [stays] + others:
                member.expect(f"* {newcomer.number} came")
            others.append(newcomer)
        if numbers != {6, 7, 8, 9}:
            raise Broken(f"after five members four more came; they have the numbers {numbers}")

    @promise("chat", "7-", CHAT)
    def however_it_is_cut(self):
        """Lines of every size and byte, in pieces of every size, and byte by byte: whole."""
        sender, *others = self.join_all(self.serve(), 3)
        dice = random.Random(17)
        lines = [noise(int(10 ** dice.uniform(0, 3.7)), n).replace(b"\n", b"\0")
                 for n in range(self.few(150, 30))] + [b"", b"\r", b"", b"three\r"]
        data = b"".join(line + b"\n" for line in lines)
        at = 0
        while at < len(data):
            size = 1 if at < 200 else int(10 ** dice.uniform(0, 4))
            sender.client.send(data[at:at + size])
            at += size
            for other in others:
                other.take()
        for other in others:
            other.expect(*(b"%d: %s" % (sender.number, line) for line in lines),
                         hint="is each line sent whole, with the number before it?")

    @promise("chat", "7-", CHAT)
    def unfinished_line(self):
        """A member leaves in mid-line: the part is dropped, the others are told it left."""
        server = self.serve()
        stays, *others = self.join_all(server, 4)
        for how, leaver in zip(("close", "half_close", "reset"), others):
            leaver.client.send(b"whole\nnot who")
            stays.expect(f"{leaver.number}: whole")
            getattr(leaver.client, how)()
            stays.expect(f"* {leaver.number} left", hint="an unfinished line is nobody's message")

    @promise("chat", "7-", CHAT)
    def longest_line(self):
        """-m 100: a line of 100 bytes goes to all; a longer one closes, and all are told."""
        for wrong in (b"y" * 101 + b"\n", b"y" * self.few(3_000_000, 300_000)):
            server = self.serve("-m", "100")
            sender, other = self.join_all(server, 2)
            sender.say("x" * 100)
            other.expect("1: " + "x" * 100)
            sender.client.send_or_not(b"before\n" + wrong)
            other.expect("1: before", hint="-m 100: what comes before a line that is too long")
            sender.client.expect_gone("-m 100, and a line that is longer")
            sender.client.close()
            other.expect("* 1 left", hint="who said a line that was too long has been closed")
            if not server.err.wait(lambda text: "too long" in text, self.limit(5)):
                raise Broken("a line was too long; nothing on stderr says so")

    @promise("chat", "7-", CHAT)
    def at_most_so_many(self):
        """-c 2: a third is closed and gets nothing; the members hear nothing of it."""
        server = self.serve("-c", "2")
        first, second = self.join_all(server, 2)
        for _ in range(3):
            client = self.connect(server)
            rest = client.rest()
            if rest.got or rest.end not in ("end of file", "reset"):
                raise Broken(f"-c 2, and a third client got {rest.got[:60]!r}, then: {rest.end}")
            client.close()
        first.say("hello")
        second.expect("1: hello", hint="a client that was refused never came")
        second.client.close()
        first.expect("* 2 left")
        self.becomes(lambda: server.fds() <= server.base_fds + 1)
        third = self.join(server)
        if third.number != 3:
            raise Broken(f"-c 2: who was refused has no number; the next is {third.number}, not 3")
        first.expect("* 3 came")

    @promise("chat", "7-", CHAT)
    def half_close_with_lines_outstanding(self):
        """Who says much and ends its side is heard to the end; then it has left."""
        for _ in range(2):
            sender, other = self.join_all(self.serve("-b", "20000000"), 2)
            lines = [f"line {n}" for n in range(self.few(8000, 2000))]
            sender.waiting += "".join(line + "\n" for line in lines).encode()
            self.talk([sender, other], lambda s=sender: not s.waiting)
            sender.client.half_close()
            other.expect(*(f"1: {line}" for line in lines), "* 1 left")

    # -- a stop -----------------------------------------------------------

    def expect_stop(self, server, members, what: str):
        """SIGTERM ends it in time; the members get whole lines from v09 on, then the end."""
        os.kill(server.process.pid, random.choice((signal.SIGTERM, signal.SIGINT)))
        limit = STOP_LIMIT if self.stage < 9 else STOP_LIMIT + 3
        self.talk(members, lambda: all(member.end for member in members), limit)
        try:
            status = server.wait_exit(limit)
        except Broken as error:
            raise Broken(f"{what}, then a signal: {error}") from None
        server.check_end(signal.SIGTERM, status)
        for member in members:
            if self.stage >= 9 and member.part:
                raise Broken(f"{what}, then SIGTERM: a member got a part of a line at the end: "
                             f"{member.part[:100]!r}, then: {member.end}")

    @promise("stop", "7-", CHAT)
    def stop_while_all_talk(self):
        """Members in every layout of threads talk, come and leave when the signal comes."""
        for turn, args in enumerate(self.layouts()):
            server = self.serve("-b", "50000000", *args)
            members = self.join_all(server, 4)
            for member in members:
                member.waiting += LONG * 3000
            enough = random.choice((1, 100, 1000))
            if not self.talk(members, lambda m=members, n=enough: len(m[turn % 4].lines) > n):
                raise Broken(f"{' '.join(args)}: four members talk; one of them got "
                             f"{len(members[turn % 4].lines)} lines")
            leavers = [self.join(server) for _ in range(2)]
            leavers[0].client.close()
            leavers[1].client.reset()
            self.expect_stop(server, members, f"{' '.join(args)}: four members talk")

    @promise("stop", "7-", CHAT)
    def stop_at_any_moment(self):
        """Somebody comes, speaks and leaves just when the signal comes."""
        for turn in range(self.few(20, 3)):
            args = self.layouts()[turn % len(self.layouts())]
            server = self.serve(*args)
            members = self.join_all(server, 2)
            newcomer = self.connect(server)
            members[0].say("hello")
            (members[1].client.reset, newcomer.close, newcomer.half_close)[turn % 3]()
            time.sleep(random.choice((0, random.random() * 0.003)))
            limit = STOP_LIMIT if self.stage < 9 else STOP_LIMIT + 3
            server.stop(random.choice((signal.SIGTERM, signal.SIGINT)), limit)

    def layouts(self) -> tuple:
        """Arguments for the threads that this stage can have."""
        if self.stage < 8:
            return ((),)
        return (("-t", "0"), ("-t", "2"), ("-t", "2", "-w", "2"), ("-t", "0", "-w", "3"))

    @promise("verbose", "7-", CHAT)
    def a_chat_is_silent(self):
        """Members that come, speak and leave are no cause for a message."""
        server = self.serve()
        members = self.join_all(server, 3)
        members[0].say("hello")
        members[2].expect("1: hello")
        members[1].client.reset()
        members[2].expect("* 2 left")
        server.stop()
        if server.err.text:
            raise Broken(f"nothing is wrong, and stderr has {server.err.text!r}")
