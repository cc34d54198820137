"""A round of the soak test for chat_server: members come, talk, fall asleep and go."""
from __future__ import annotations

import asyncio
import random
import re
import time
from dataclasses import dataclass, field

from harness.server import Broken
from soak import balance
from soak.clients import Client, Gone, Stream
from soak.plan import Options
from soak.round import Round, _named

KINDS = {"talker": 6, "listener": 3, "sloth": 2, "resetter": 2, "oversize": 1}
LINE = re.compile(rb"you are (?P<own>\d+)|\* (?P<who>\d+) (?P<what>came|left)|"
                  rb"(?P<number>\d+): (?P<member>\d+) (?P<line>\d+) .*", re.DOTALL)
MOST = 50_000_000       # bytes that may go to all members together


class ChatOptions(Options):
    """The options of the chat."""

    def words(self) -> list:
        words = super().words()
        at = words.index("-f")
        return words[:at] + words[at + 2:]


def draw_options(dice: random.Random) -> ChatOptions:
    return ChatOptions(
        framing="line", longest=int(10 ** dice.uniform(1.5, 5)),
        high_water=int(10 ** dice.uniform(2, 6)),
        threads=dice.choice((0, 1, 2, 2, 4)), workers=dice.choice((0, 0, 1, 3)),
        idle=dice.choice((0, 60, round(dice.uniform(0.8, 1.5), 3))),
        delay=dice.choice((0, 0, 0, 1)), connections=dice.choice((0, 0, 0, dice.randint(3, 60))),
        address=dice.choice(("127.0.0.1", "127.0.0.1", "::1")), verbose=dice.random() < 0.3,
        nofile=0)


@dataclass
class Plan:
    """The life of one member: what it says, and when."""

    kind: str
    start: float
    index: int
    seed: int
    lines: list = field(default_factory=list)
    small_buffers: bool = False
    patience: float = 1.0
    stream: Stream = field(default_factory=Stream)

    def dice(self) -> random.Random:
        return random.Random(self.seed)


def draw_members(dice: random.Random, options: ChatOptions, seconds: float, first=0, most=40):
    """Members, and all their lines, no two of which are the same. Now and then so much is said that
    a member that does not read is dropped."""
    plans = []
    loud = first == 0 and options.longest > 5000 and dice.random() < 0.5
    volume = 10 ** (dice.uniform(6.8, 7.1) if loud else dice.uniform(3, 6))
    most = max(4, min(most, int(MOST / volume)))
    kinds = list(KINDS) if first == 0 else ["listener", "talker"]
    for index in range(first, first + dice.randint(min(most, 3), most)):
        kind = dice.choices(kinds, [KINDS[k] for k in kinds])[0]
        plans.append(Plan(kind, dice.uniform(0, seconds), index, dice.getrandbits(32),
                          small_buffers=kind == "sloth"))
    if loud:
        plans[0].kind, plans[0].start, plans[0].small_buffers = "sloth", 0.0, True
        plans[1].kind = "talker"
    talkers = [p for p in plans if p.kind != "listener" and p.kind != "sloth"]
    volume /= max(1, len(talkers))
    for plan in talkers:
        size = 0
        for number in range(5 if options.delay else 1000):
            head = b"%d %d " % (plan.index, number)
            fill = max(0, min(int(10 ** dice.uniform(0, 5)), options.longest - len(head)))
            plan.lines.append(head + dice.randbytes(fill).replace(b"\n", b"\0"))
            size += len(plan.lines[-1])
            if size > volume:
                break
    return plans


class Member(Client):
    """One connection of the chat: what it said, and all that it heard, in order."""

    def __init__(self, room, plan):
        self.room, self.number, self.part = room, 0, b""
        self.heard = []         # (member, line), or (number, "came" or "left")
        self.next = {}          # by member: its next line
        self.told = 0.0         # when it was told its number
        self.done = 0           # lines that it has sent to the last byte
        self.began = 0.0        # when it began to send its first line
        super().__init__(room.server, plan, room.names)

    # -- what it hears --------------------------------------------------------

    async def read(self, most=65536) -> int:
        piece = await self.read_some(most)
        self.got += len(piece)
        if piece:
            self.moved = time.monotonic()
        *lines, self.part = (self.part + piece).split(b"\n")
        for line in lines:
            self.hear(line)
        return len(piece)

    async def read_some(self, most) -> bytes:
        while True:
            try:
                piece = self.sock.recv(most)
                break
            except BlockingIOError:
                await self.ready(self.loop.add_reader, self.loop.remove_reader)
            except OSError:
                self.ended("reset")
                raise Gone from None
        if not piece:
            self.ended("end of file")
        return piece

    def hear(self, line):
        match = LINE.fullmatch(line)
        if not match or bool(match["own"]) != (self.number == 0):
            raise Broken(f"it must not be told {line[:60]!r}")
        if match["own"]:
            self.number, self.told = int(match["own"]), time.monotonic()
        elif match["who"]:
            event = (int(match["who"]), match["what"].decode())
            if event in self.heard or event[0] == self.number:
                raise Broken(f"it must not be told {line[:60]!r} (again)")
            self.heard.append(event)
        else:
            self.hear_words(int(match["number"]), int(match["member"]), int(match["line"]),
                            line.split(b": ", 1)[1])

    def hear_words(self, number, member, at, words):
        said = self.room.lines[member]
        if at >= len(said) or words != said[at] or at != self.next.get(member, at) or \
                member == self.plan.index or number != self.room.numbers.setdefault(member, number):
            raise Broken(f"line {at} of {number} is not right or not due, which is "
                         f"{self.next.get(member, 'any')}: {words[:40]!r}")
        self.next[member] = at + 1
        self.heard.append((member, at))

    # -- what it says ---------------------------------------------------------

    async def join(self):
        while self.number == 0 and await self.read():
            pass
        if self.number == 0:
            raise Gone

    async def say_all(self, dice):
        self.began = time.monotonic()
        for line in self.plan.lines:
            self.stream.data += line + b"\n"
            await self.send_to(len(self.stream.data), cuts=lambda: int(10 ** dice.uniform(0, 5)))
            self.done += 1
            if dice.random() < 0.1:
                await asyncio.sleep(dice.uniform(0, 0.1))

    async def talk_and(self, then):
        """Says all, while it hears; then something else."""
        await self.join()
        reading = asyncio.ensure_future(self.read_to_end())
        try:
            await self.say_all(self.plan.dice())
            await then()
            await reading
        finally:
            reading.cancel()

    # -- the kinds --------------------------------------------------------

    async def talker(self, _):
        """Says its lines and leaves."""
        async def leave():
            self.half_close()
        await self.talk_and(leave)

    async def listener(self, _):
        """Says what it has to say, and stays until the others have gone."""
        async def stay():
            await self.room.over.wait()
            self.half_close()
        await self.talk_and(stay)

    async def sloth(self, _):
        """Reads no more than its number until the others have gone."""
        await self.join()
        await self.room.over.wait()
        await self.finish()

    async def resetter(self, dice):
        """Leaves without a farewell, with lines unread perhaps."""
        await self.join()
        try:
            await asyncio.wait_for(self.say_all(dice), dice.uniform(0.001, 0.3))
        except asyncio.TimeoutError:
            pass
        self.reset()

    async def oversize(self, dice):
        """Good lines, then one that is too long: that ends it."""
        async def say_too_much():
            self.stream.data += b"x" * (self.room.options.longest + dice.randint(1, 1000)) + b"\n"
            await self.send_to(len(self.stream.data))
        await self.talk_and(say_too_much)

    async def waiter(self, _):
        """Says all, and ends nothing itself."""
        async def nothing():
            pass
        await self.talk_and(nothing)


class ChatRound(Round):
    """As a round of the echo server, but what is said goes to all others."""

    def __init__(self, seed: str, number: int, program, mode):
        super().__init__(seed, number, program, mode)
        dice = self.dice = random.Random(f"chat {seed}/{number}")
        self.options = draw_options(dice)
        self.plans = draw_members(dice, self.options, self.seconds)
        self.at_the_end = draw_members(dice, self.options, 0, len(self.plans), 6)
        for plan in self.at_the_end:
            plan.kind = "waiter"
        self.lines = {plan.index: plan.lines for plan in self.plans + self.at_the_end}
        self.numbers = {}       # of members, as others are told
        self.bytes = sum(len(line) + 20 for lines in self.lines.values() for line in lines)
        self.unheard = []       # members, and what they missed
        self.over = None        # set when all have gone but those who stay to the end
        self.reports = balance.Reports(max(1, self.options.threads), self.options.connections,
                                       echoes=False)

    def _client(self, plan):
        if self.over is None:
            self.over = asyncio.Event()
            self.watch = asyncio.ensure_future(self._end_when_alone())
        return Member(self, plan)

    async def _end_when_alone(self):
        """Those who stay leave when they have heard that all others have left."""
        while not all(self._is_done(one) for one in self.clients if self.clients):
            await asyncio.sleep(0.01)
        if not await self._becomes(self._all_heard, 10):
            self.unheard = [(one, "it has not heard " + self._unheard(one))
                            for one in self._stayed() if self._unheard(one)]
        self.over.set()

    @staticmethod
    def _is_done(one):
        stays = one.plan.kind in ("listener", "sloth")
        return one.end or one.failure or one.sock.fileno() < 0 or \
            stays and one.number and one.done == len(one.plan.lines)

    def _stayed(self):
        """Members that hear all there is to hear."""
        return [one for one in self.clients if one.plan.kind == "listener" and not one.end
                and one.sock.fileno() >= 0]

    def _all_heard(self):
        return not any(self._unheard(one) for one in self._stayed())

    def _unheard(self, one):
        """What a member that is here has not heard, and must have."""
        heard = set(one.heard)
        for other in self.clients:
            if other is one or not other.number:
                continue
            if other.number > one.number:
                if (other.number, "came") not in heard:
                    return f"that {other.number} came"
                if other not in self._stayed() and other.plan.kind != "sloth" \
                        and (other.number, "left") not in heard:
                    return f"that {other.number} left"
            if self._said_all(other) and one.told < other.began \
                    and one.next.get(other.plan.index, 0) < other.done:
                return (f"{one.next.get(other.plan.index, 0)} of {other.done} lines of "
                        f"{other.number}")
        return ""

    @staticmethod
    def _said_all(one):
        """Whether the server has taken all lines that it has sent."""
        return one.plan.kind == "listener" and not one.end or one.half_closed and \
            one.end == "end of file"

    # -- when all have gone -------------------------------------------------

    async def _settle(self):
        failed = [client for client in self.clients if client.failure]
        if failed:
            raise Broken(_named(failed, [client.failure for client in failed]))
        kept = [(one, "it did not read, and was kept") for one in self.clients
                if self._should_be_dropped(one)]
        if self.unheard or kept:
            raise Broken(_named(*zip(*self.unheard + kept)))
        self._check_order()
        await self._all_closed()
        await self._report()
        refusals = balance.Refusals(self.server.err.text)
        accounts = [self._account(client, refusals) for client in self.clients]
        balance.check_total(self.reports.total(), balance.add_up(accounts))
        too_long = self.reports.total()["limit"] - len(refusals.words)
        served = self.reports.total()["accepted"] - len(refusals.words)
        balance.check_words(self.server.err.text, len(refusals.words), too_long,
                            self.options.verbose, served)

    def _check_order(self):
        """What two have heard, both have heard in one order."""
        where = [{event: at for at, event in enumerate(one.heard)} for one in self.clients]
        for one in self.clients:
            for witness in where[:: max(1, len(where) // 4)]:
                both = [witness[event] for event in one.heard if event in witness]
                if both != sorted(both):
                    raise Broken(f"{one.number} does not hear all in the order of the others")

    def _account(self, one, refusals) -> dict:
        """As balance.account: for each count what this member added to it, at least and at most."""
        if refusals.why(one):
            return {"accepted": (1, 1), "limit": (1, 1)}
        if not one.connected:
            return {}
        sent = {"messages in": (one.done, one.done), "bytes in": (one.sent, one.sent)}
        least = {"messages in": (0, one.done + 1), "bytes in": (0, one.sent)}
        out = {"accepted": (1, 1), "messages out": (len(one.heard), len(one.heard) + 10**9),
               "bytes out": (one.got, 10**12)}
        reason = {"oversize": "limit", "resetter": "error"}.get(one.plan.kind, "peer")
        if one.half_closed and one.end == "end of file" and not self._may_end(one):
            return {**out, **sent, reason: (1, 1)}
        if one.plan.kind not in ("resetter", "oversize") and not one.half_closed \
                and not self._may_end(one):
            raise Broken(f"{one.plan.kind} {one.number}: the server ended it: {one.end}")
        return {**out, **least, reason: (0, 1), "server": (0, self._may_drop()),
                "idle": (0, self.options.evicts), "error": (0, 1)}

    def _may_drop(self):
        """Whether as much was said as a member may leave unread."""
        return self.bytes >= self.options.high_water

    def _should_be_dropped(self, one):
        """Whether it got more at the end than the server and the kernel may keep for it."""
        with open("/proc/sys/net/ipv4/tcp_wmem", encoding="ascii") as file:
            kernel = int(file.read().split()[2])
        return one.plan.kind == "sloth" and \
            one.got > self.options.high_water + kernel + self.options.longest + 500_000

    def _may_end(self, one):
        """Whether the server may have ended it: for its slowness, or its silence."""
        return self._may_drop() or self.options.evicts and \
            (one.plan.kind == "sloth" or one.closed - one.moved >= self.options.idle / 2)

    # -- the end ------------------------------------------------------------

    def _check_drained(self, clients):
        """What they said is for the others, who may have gone."""
