"""chat_server: many who talk at once, members who do not read, members who vanish."""
from __future__ import annotations

import contextlib
import random
import os
import re
import select
import socket
import threading
import time
from pathlib import Path

from checks.check_chat import ChatCheck
from harness.client import pump
from harness.server import Broken
from harness.spec import CHAT, promise

MARK = 65_536
LONG = b"l" * 999 + b"\n"


def heard(member, other) -> list:
    """What a member was told, without what it can't have in common with the other one."""
    own = (b"%d: " % member.number, b"%d: " % other.number)
    return [line for line in member.lines if not line.startswith(own)]


class Crowd(ChatCheck):
    group = "crowd"

    def layouts(self) -> tuple:
        """Arguments for the threads that this stage can have."""
        if self.stage < 8:
            return ((),)
        both = (("-t", "2"), ("-t", "2", "-w", "2"), ("-t", "0", "-w", "2"))
        return both[:self.few(3, 2)]

    def numbered(self, member, count: int) -> list:
        return [b"line %d of %d" % (n, member.number) for n in range(count)]

    def expect_lines(self, member, sender, lines):
        """All that the sender said, in its order, each line once."""
        head = b"%d: " % sender.number
        got = [line[len(head):] for line in member.lines if line.startswith(head)]
        if got != lines:
            at = next((n for n, (a, b) in enumerate(zip(got, lines)) if a != b), len(got))
            raise Broken(f"member {sender.number} said {len(lines)} lines; member "
                         f"{member.number} got {len(got)} of them, and line {at} is "
                         f"{got[at:at + 1]!r}, not {lines[at:at + 1]!r}")

    @promise("chat", "7-", CHAT)
    def one_order_for_everybody(self):
        """All talk at once, somebody comes and goes: each pair sees one order of the same lines."""
        for args in self.layouts():
            server = self.serve("-b", "20000000", *args)
            members = self.join_all(server, 5)
            count = self.few(400, 50)
            for member in members:
                member.waiting += b"".join(s + b"\n" for s in self.numbered(member, count))
            done = count * (len(members) - 1)
            self.talk(members, lambda m=members: len(m[0].lines) > done // 4, piece=500)
            for _ in range(5):
                guest = self.join(server)
                guest.say("hello from a guest")
                self.talk(members, lambda m=members, g=guest: any(
                    line.startswith(b"%d: " % g.number) for line in m[0].lines), piece=500)
                guest.client.close()

            def all_told(m=members):
                return all(count_lines(one, rb"\d+: line .*") == done and
                           count_lines(one, rb"\* \d+ left") == 5 for one in m)

            if not self.talk(members, all_told, limit=20, piece=500):
                have = [(count_lines(one, rb"\d+: line .*"),
                         count_lines(one, rb"\* \d+ left")) for one in members]
                raise Broken(f"{' '.join(args)}: five members said {count} lines each, and five "
                             f"guests came and left: each must get ({done}, 5) of them; they got "
                             f"{have}")
            for member in members:
                for other in members:
                    if other is not member:
                        self.expect_lines(member, other, self.numbered(other, count))
                        self.expect_one_order(member, other, args)

    def expect_one_order(self, member, other, args):
        first, second = ([line for line in heard(*pair) if not line.startswith(b"you are")
                          and not re.fullmatch(rb"\* [1-5] came", line)]
                         for pair in ((member, other), (other, member)))
        if first == second:
            return
        at = next((n for n, (a, b) in enumerate(zip(first, second)) if a != b),
                  min(len(first), len(second)))
        raise Broken(f"{' '.join(args)}: members {member.number} and {other.number} do not see "
                     f"one order: after {at} lines in common one got {first[at:at + 2]!r}, the "
                     f"other {second[at:at + 2]!r}\n  does one lock cover a line's way to all?")

    @promise("send-to-any", "8-", CHAT)
    def crosswise(self):
        """Members on two threads who talk to each other at full speed never stand still."""
        for args in self.layouts():
            server = self.serve("-b", "100000000", *args)
            members = self.join_all(server, 4)
            until = time.monotonic() + self.few(2, 4)
            moved, said = (time.monotonic(), 0), [0] * len(members)
            while time.monotonic() < until:
                for at, member in enumerate(members):
                    got = min(len(other.lines) for other in members if other is not member)
                    if not member.waiting and said[at] < got // 3 + 2000:
                        member.waiting += b"hello\n" * 200
                        said[at] += 200
                self.talk(members, lambda m=members: all(not one.waiting for one in m), 0.02)
                total = sum(len(member.lines) for member in members)
                moved = (time.monotonic(), total) if total > moved[1] else moved
                if time.monotonic() - moved[0] > self.limit(5):
                    break
            done = [sum(said) - own for own in said]
            if not self.talk(members, lambda m=members, d=done: all(
                    count_lines(one, rb"\d+: hello") >= n for one, n in zip(m, d))):
                have = [count_lines(member, rb"\d+: hello") for member in members]
                raise Broken(f"{' '.join(args)}: four members said {said} lines; they must get "
                             f"{done}, and got {have}, then nothing more\n  do two threads wait "
                             "for each other's lock?")

    @promise("chat", "7-", CHAT)
    def resets_in_the_middle(self):
        """Members come, talk and vanish while others talk: each is told of once, and whole."""
        for args in self.layouts():
            server = self.serve("-b", "20000000", *args)
            first, second = members = self.join_all(server, 2)
            numbers = []
            for turn in range(self.few(40, 8)):
                guest = self.join(server)
                numbers.append(guest.number)
                for member in members:
                    member.waiting += b"meanwhile\n" * 20
                guest.client.send_or_not(b"hello\n" * random.choice((0, 1, 30)) + b"unfin")
                (guest.client.reset, guest.client.close)[turn % 2]()
                self.talk(members, lambda m=members: not m[0].waiting)
            self.talk(members, lambda m=members, n=len(numbers): all(
                count_lines(one, rb"\* \d+ left") >= n for one in m))
            for member in (first, second):
                self.expect_guests(member, numbers, args)

    def expect_guests(self, member, numbers, args):
        """Each guest came, said whole lines, and left, once and in this order."""
        for number in numbers:
            about = b"%d" % number
            lines = [line for line in member.lines
                     if line in (b"* %s came" % about, b"* %s left" % about)
                     or line.startswith(about + b": ")]
            middle = set(lines[1:-1])
            if lines[:1] != [b"* %s came" % about] or lines[-1:] != [b"* %s left" % about] \
                    or not middle <= {about + b": hello"}:
                raise Broken(f"{' '.join(args)}: guest {number} came, said `hello` some times "
                             f"and vanished; member {member.number} got {lines[:2]!r} to "
                             f"{lines[-2:]!r}")

    # -- who does not read ------------------------------------------------

    @promise("chat-slow", "7-", CHAT)
    def slow_member_is_dropped(self):
        """-b 65536, 12 MB: two members who do not read are dropped; all else goes on."""
        for args in self.layouts():
            server = self.serve("-b", str(MARK), *args)
            speaker, reader = members = self.join_all(server, 2)
            slow = [self.join(server, rcvbuf=4096) for _ in range(2)]
            before = server.memory() if not self.mode.light else 0
            said = self.speak_until_dropped(members, slow, args)
            if not self.mode.light and server.memory() - before > 3_000_000:
                raise Broken(f"-b {MARK}: two members did not read {said * 1000:,} bytes; the "
                             f"server's memory grew by {server.memory() - before:,} bytes")
            self.expect_lines(reader, speaker, [LONG[:-1]] * said)
            for member in members:
                for one in slow:
                    left = member.lines.count(b"* %d left" % one.number)
                    if left != 1:
                        raise Broken(f"member {one.number} was dropped; member {member.number} "
                                     f"was told {left} times that it left")
            for one in slow:
                self.expect_beginning(one, speaker)
            if not self.becomes(lambda s=server: s.fds() <= s.base_fds + 2):
                raise Broken("members were dropped; their descriptors stay open")

    def speak_until_dropped(self, members, slow, args) -> int:
        """The speaker goes on when the reader has got all; returns how many lines it said."""
        speaker, reader = members
        said, gone = 0, [b"* %d left" % one.number for one in slow]
        while not all(text in one.lines for one in members for text in gone):
            if said >= 12_000:
                raise Broken(f"-b {MARK} {' '.join(args)}: members {[s.number for s in slow]} "
                             f"read nothing of {said * 1000:,} bytes; nobody is told that they "
                             "left\n  does the program close in on_high_water?")
            speaker.waiting += LONG * 50
            said += 50
            if not self.talk(members, lambda n=said: count_said(reader) >= n):
                raise Broken(f"two members do not read: another one got {count_said(reader)} of "
                             f"{said} lines, {reader.end or 'then nothing'}\n  does a reader "
                             "who is too slow delay the others?")
        return said

    def expect_beginning(self, slow, speaker):
        """Who was dropped finds the beginning of what was said, in order, then the end."""
        while slow.take():
            if slow.client.quiet(self.limit(5)):
                raise Broken(f"member {slow.number} was dropped; its connection is open still")
        whole = [s for s in slow.lines[1:] if not s.startswith(b"* ")]
        if set(whole) - {b"%d: %s" % (speaker.number, LONG[:-1])}:
            raise Broken(f"member {slow.number} was dropped; what it was sent before is not "
                         f"what was said: {sorted(set(whole))[0][:60]!r}")

    @promise("chat-slow", "7-", CHAT)
    def slow_member_that_talks(self):
        """A member who reads nothing says lines, half-closes, or resets: it leaves once."""
        for how in ("goes on", "half_close", "reset"):
            server = self.serve("-b", str(MARK))
            speaker, reader = members = self.join_all(server, 2)
            slow = self.join(server, rcvbuf=4096)
            slow.say("I read nothing")
            reader.expect(f"* {slow.number} came", f"{slow.number}: I read nothing")
            # It is not dropped yet, and more than the kernel takes waits for it.
            pump(slow.client, b"and so on\n" * 100, half_close=False, read=False)
            if how != "goes on":
                getattr(slow.client, how)()
            self.speak_until_dropped(members, [slow], (how,))
            for member in members:
                self.expect_left_once(member, slow, how)
            slow.client.close()

    @promise("chat-slow", "8-", CHAT, modes=("plain",))
    def a_flood_costs_bounded_memory(self):
        """-t 2: two members on one loop flood twenty on the other, who read: memory stays small."""
        server = self.serve("-t", "2")
        senders, readers = [], []
        for _ in range(20):     # the loops get the connections in turn
            first = self.join(server)
            if not senders and self.stage >= 9:     # from here on, loops post to one another
                self.favour(server, first.client)
            readers.append(self.join(server).client.sock)
            if len(senders) < 2:
                senders.append(first.client.sock)
            else:
                first.client.close()
        threads = [threading.Thread(target=shout, args=(sock,)) for sock in senders]
        threads.append(threading.Thread(target=drink, args=(senders + readers, tuple(threads))))
        for thread in threads:
            thread.start()
        most = 0
        while any(thread.is_alive() for thread in threads):
            most = max(most, server.memory())
            time.sleep(0.02)
        if most > 100_000_000:
            raise Broken(f"two members sent lines of 100 KB for 1.5 s, twenty read them: the "
                         f"server held up to {most:,} bytes\n  does a thread that posts faster "
                         "than another loop takes it wait for that loop?")

    def favour(self, server, client):
        """All threads share a processor, and the loop of this client, the only one, goes first."""
        before = thread_switches(server)
        for _ in range(30):
            client.send(b"is anybody there?\n")
            time.sleep(0.002)
        after = thread_switches(server)
        own = max(before, key=lambda thread: after[thread] - before[thread])
        for thread in before:
            os.sched_setaffinity(thread, {min(os.sched_getaffinity(0))})
            if thread != own:
                os.setpriority(os.PRIO_PROCESS, thread, 19)

    def expect_left_once(self, member, slow, how):
        about = [s for s in member.lines if re.match(rb"(\* )?%d\b" % slow.number, s)]
        if about.count(b"* %d left" % slow.number) != 1 or not about[-1].endswith(b"left"):
            raise Broken(f"member {slow.number} reads nothing ({how}); member {member.number} "
                         f"was told {about[:2]!r} to {about[-2:]!r}")


def thread_switches(server) -> dict:
    """How often each thread went to sleep so far, of its own will."""
    tasks = Path(f"/proc/{server.process.pid}/task").iterdir()
    word = re.compile(r"^voluntary_ctxt_switches:\s+(\d+)", re.M)
    return {int(task.name): int(word.search((task / "status").read_text()).group(1))
            for task in tasks}


def shout(sock, least=100):
    """Send lines of 100 KB for 1.5 s, and on a busy machine longer, until so many are taken."""
    line, sent, start = b"x" * 100_000 + b"\n", 0, time.monotonic()
    sock.settimeout(0.5)
    with contextlib.suppress(OSError):
        while time.monotonic() < start + (1.5 if sent >= least else 6):
            sock.sendall(line)
            sent += 1


def drink(socks, senders):
    """Read all that comes, and throw it away, while somebody sends and a moment longer."""
    until = time.monotonic() + 0.5
    while time.monotonic() < until:
        if any(thread.is_alive() for thread in senders):
            until = time.monotonic() + 0.5
        for sock in select.select(socks, [], [], 0.1)[0]:
            with contextlib.suppress(OSError):
                if not sock.recv(1 << 20, socket.MSG_DONTWAIT):
                    socks.remove(sock)


def count_lines(member, pattern: bytes) -> int:
    """How many of its lines are so; those that were counted once are not looked at again."""
    known = member.__dict__.setdefault("counts", {}).setdefault(pattern, [0, 0])
    known[1] += sum(1 for line in member.lines[known[0]:] if re.fullmatch(pattern, line))
    known[0] = len(member.lines)
    return known[1]


def count_said(member) -> int:
    return count_lines(member, rb"\d+: l+")
