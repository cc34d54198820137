"""What a round of the soak test is made of, drawn at random from the seed."""
from __future__ import annotations

import random
from dataclasses import dataclass

from soak.clients import Stream, make_stream

KINDS = {"talker": 6, "streamer": 4, "half_closer": 3, "slow_reader": 2, "oversize": 2,
         "silent": 3, "resetter": 4}
WHOLE = 1 << 20         # bytes that a stream may have, about


@dataclass
class Options:
    """The options of the server, and the limit under which it is started."""

    framing: str
    longest: int
    high_water: int
    threads: int
    workers: int
    idle: float
    delay: int
    connections: int
    address: str
    verbose: bool
    nofile: int

    def words(self) -> list:
        words = ["-p", "0", "-a", self.address, "-f", self.framing, "-m", self.longest,
                 "-b", self.high_water, "-t", self.threads, "-w", self.workers,
                 "-i", self.idle, "-d", self.delay, "-c", self.connections]
        return [str(word) for word in words] + (["-v"] if self.verbose else [])

    @property
    def evicts(self) -> bool:
        return 0 < self.idle < 10


def draw_options(dice: random.Random) -> Options:
    return Options(
        framing=dice.choice(("raw", "line", "length")),
        longest=int(10 ** dice.uniform(1, 5.5)),
        high_water=int(10 ** dice.uniform(0, 6.5)),
        threads=dice.choice((0, 1, 2, 2, 4)),
        workers=dice.choice((0, 0, 1, 3)),
        idle=dice.choice((0, 60, round(dice.uniform(0.8, 1.5), 3))),
        delay=dice.choice((0, 0, 0, 1)),
        connections=dice.choice((0, 0, 0, dice.randint(3, 60))),
        address=dice.choice(("127.0.0.1", "127.0.0.1", "::1")),
        verbose=dice.random() < 0.3,
        nofile=dice.choice((0, 0, dice.randint(45, 120))))


@dataclass
class Plan:
    """The life of one client."""

    kind: str
    start: float            # seconds after the round's beginning
    stream: Stream
    seed: int
    small_buffers: bool = False
    when: str = ""          # a resetter's moment
    stay: float = 0.0       # how long a silent one waits to be closed
    patience: float = 1.0

    def dice(self) -> random.Random:
        return random.Random(self.seed)


def _sizes(dice: random.Random, options: Options, whole: int) -> list:
    """The sizes of some messages: most are small, none is over the limit."""
    most = 1 if options.delay else 4
    sizes = []
    for _ in range(int(10 ** dice.uniform(0, most / 2 + 0.5))):
        size = min(int(10 ** dice.uniform(0, 5)), options.longest)
        if sum(sizes) + size > whole:
            break
        sizes.append(dice.choice((size, size, size, options.longest if size > 1000 else 1)))
    return sizes or [1]


def _long_tail(dice: random.Random, options: Options, stream: Stream):
    """After the good messages one that is too long, and more that nobody will answer."""
    size = options.longest + dice.choice((1, 2, 1000))
    payload = dice.randbytes(size).replace(b"\n", b"\0")
    head = size.to_bytes(4, "big") if options.framing == "length" else b""
    stream.data += head + payload + b"\n" + dice.randbytes(dice.choice((0, 10, 100_000)))


def draw_client(dice: random.Random, options: Options, kind: str, start: float) -> Plan:
    whole = {"slow_reader": 4 * WHOLE, "talker": WHOLE // 8}.get(kind, WHOLE)
    if options.delay or kind == "silent":
        whole = 2000
    ends_amid = kind in ("streamer", "half_closer") and dice.random() < 0.3
    unfinished = min(dice.randint(1, 60), options.longest) if ends_amid else 0
    sizes = _sizes(dice, options, whole)
    if kind == "slow_reader" and not options.delay:
        sizes *= max(1, min(2000 // len(sizes), whole // max(sum(sizes), 1)))
    plan = Plan(kind, start, make_stream(dice, options.framing, sizes, unfinished),
                dice.getrandbits(32))
    if kind == "oversize":
        _long_tail(dice, options, plan.stream)
    if kind == "silent" and dice.random() < 0.3 or kind == "resetter" and dice.random() < 0.2:
        plan.stream = Stream()
    plan.small_buffers = kind == "slow_reader"
    plan.when = dice.choice(("at once", "after", "amid"))
    plan.stay = options.idle + 5 if options.evicts else dice.uniform(0.1, 2)
    return plan


def draw_clients(dice: random.Random, options: Options, seconds: float) -> list:
    """Clients that come one by one, and bursts of them at the same moment."""
    kinds = [k for k in KINDS if k != "oversize" or options.framing != "raw"]
    if dice.random() < 0.3:
        kinds.remove("resetter")        # then every count is known exactly
    weights = [KINDS[k] for k in kinds]
    plans = []
    for _ in range(dice.randint(20, 60)):
        kind = dice.choices(kinds, weights)[0]
        plans.append(draw_client(dice, options, kind, dice.uniform(0, seconds)))
    for _ in range(dice.randint(0, 2)):
        moment = dice.uniform(0, seconds)
        kind = dice.choice([k for k in ("talker", "silent", "resetter") if k in kinds])
        for _ in range(dice.randint(20, 150)):
            plan = draw_client(dice, options, kind, moment)
            if kind == "talker":
                plan.stream = make_stream(dice, options.framing, [min(10, options.longest)])
            plans.append(plan)
    return plans


def draw_drain(dice: random.Random, options: Options) -> list:
    """A few clients that are there when the server is told to stop."""
    plans = []
    for _ in range(dice.randint(0, 6)):
        sizes = [min(dice.randint(1, 300), options.longest) for _ in range(dice.randint(0, 20))]
        stream = make_stream(dice, options.framing, sizes,
                             dice.choice((0, min(20, options.longest))))
        plans.append(Plan("waiter", 0.0, stream, dice.getrandbits(32)))
    return plans
