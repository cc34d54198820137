"""The clients of a soak test: each sends what was drawn for it and checks every byte it gets."""
from __future__ import annotations

import asyncio
import random
import socket
import struct
import time
from dataclasses import dataclass, field

from harness.client import LINGER_RESET
from harness.server import Broken

PIECE = 65536
CLIENT_LIMIT = 30.0      # seconds that a client may take in all, whatever it does


class Gone(Exception):
    """The server ended the connection before the client was done."""


@dataclass
class Stream:
    """What a client sends, and how much of it is whole messages, which must come back."""

    data: bytes = b""
    ends: list = field(default_factory=list)    # where each whole message ends

    @property
    def replies(self) -> int:
        return self.ends[-1] if self.ends else 0

    def whole(self, size: int) -> int:
        """How many messages lie within the first bytes."""
        return sum(1 for end in self.ends if end <= size)


def message(framing: str, payload: bytes) -> bytes:
    if framing == "line":
        return payload.replace(b"\n", b"\0") + b"\n"
    if framing == "length":
        return struct.pack("!I", len(payload)) + payload
    return payload


def make_stream(dice: random.Random, framing: str, sizes, unfinished=0) -> Stream:
    """Messages of these sizes; then a part of one of that size."""
    stream, parts, at = Stream(), [], 0
    for size in sizes:
        parts.append(message(framing, dice.randbytes(size)))
        at += len(parts[-1])
        stream.ends.append(at)
    if unfinished and framing != "raw":
        whole = message(framing, dice.randbytes(unfinished))
        parts.append(whole[:dice.randrange(1, len(whole))])
    stream.data = b"".join(parts)
    return stream


class Client:
    """One connection: its bytes, sent and received, and how it came to an end."""

    def __init__(self, server, plan, names: set):
        self.server, self.plan, self.stream = server, plan, plan.stream
        self.loop = asyncio.get_running_loop()
        self.sock = self.name = None
        while not self.name or self.name in names:
            self.sock, self.name = self.bind()
        names.add(self.name)
        self.sock.setblocking(False)
        if plan.small_buffers:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 65536)
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 16384)
        self.sent, self.got, self.end = 0, 0, ""
        self.failure = ""
        self.connected = False
        self.moved = time.monotonic()       # when a byte last did
        self.spoke = self.moved             # when it last began to send
        self.closed = 0.0                   # when the server's end came
        self.half_closed = False

    def bind(self):
        """A socket with its own address, so that no two clients of a round have the same."""
        sock = socket.socket(self.server.family, socket.SOCK_STREAM)
        sock.bind((self.server.address, 0))
        host, port = sock.getsockname()[:2]
        return sock, f"[{host}]:{port}" if ":" in host else f"{host}:{port}"

    # -- steps ------------------------------------------------------------

    async def ready(self, add, remove):
        """Wait until the socket can be read (or written)."""
        waiter = self.loop.create_future()
        add(self.sock, lambda: waiter.done() or waiter.set_result(None))
        try:
            await waiter
        finally:
            remove(self.sock)

    async def connect(self):
        self.spoke = time.monotonic()
        await self.loop.sock_connect(self.sock, (self.server.address, self.server.port))
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.connected = True
        self.moved = time.monotonic()

    async def send_to(self, end: int, cuts=None):
        """Send the stream up to a byte."""
        while self.sent < end:
            size = cuts() if cuts else PIECE
            before = time.monotonic()
            try:
                sent = self.sock.send(self.stream.data[self.sent:min(self.sent + size, end)])
            except BlockingIOError:
                await self.ready(self.loop.add_writer, self.loop.remove_writer)
                continue
            except OSError:
                self.ended("reset")
                raise Gone from None
            self.sent += sent
            self.spoke, self.moved = before, time.monotonic()
            await asyncio.sleep(0)

    async def read(self, most=PIECE) -> int:
        """Read once, and compare; 0 at end of file."""
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
            return 0
        wanted = self.stream.data[self.got:min(self.got + len(piece), self.stream.replies)]
        if piece != wanted:
            raise Broken(f"after {self.got:,} right bytes came {piece[:40]!r}, expected "
                         f"{wanted[:40]!r}{'' if wanted else ' (no more)'}")
        self.got += len(piece)
        self.moved = time.monotonic()
        return len(piece)

    async def read_to(self, end: int, most=PIECE):
        while self.got < end:
            if not await self.read(most):
                raise Gone

    async def read_to_end(self, most=PIECE, pause=0.0):
        while await self.read(most):
            if pause:
                await asyncio.sleep(pause)

    def half_close(self):
        try:
            self.sock.shutdown(socket.SHUT_WR)
        except OSError:
            self.ended("reset")
            raise Gone from None
        self.half_closed = True

    def reset(self):
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER_RESET)
        self.sock.close()

    def ended(self, how: str):
        self.end = how
        self.closed = time.monotonic()

    # -- the whole of it --------------------------------------------------

    async def run(self):
        """Live the life that the plan says; what went wrong is kept in `failure`."""
        try:
            await asyncio.sleep(self.plan.start)
            await asyncio.wait_for(self.live(), CLIENT_LIMIT * self.plan.patience)
        except Gone:
            pass
        except Broken as error:
            self.failure = str(error)
        except asyncio.TimeoutError:
            self.failure = (f"after {CLIENT_LIMIT * self.plan.patience:.0f} s it is not done: it "
                            f"sent {self.sent:,} of {len(self.stream.data):,} bytes and got "
                            f"{self.got:,} of {self.stream.replies:,}")
        except OSError as error:
            self.failure = f"it could not connect: {error}"
        finally:
            self.sock.close()

    async def live(self):
        await self.connect()
        await getattr(self, self.plan.kind)(self.plan.dice())

    async def finish(self):
        """End this side, and read what is left, up to the server's end."""
        self.half_close()
        await self.read_to_end()

    # -- the kinds --------------------------------------------------------

    async def talker(self, dice):
        """A message, its reply, a pause, and so on."""
        for end in self.stream.ends:
            await self.send_to(end, cuts=lambda: int(10 ** dice.uniform(0, 4.8)))
            await self.read_to(end)
            await asyncio.sleep(dice.choice((0, 0, dice.uniform(0, 0.1))))
        await self.finish()

    async def streamer(self, dice):
        """Everything in pieces of any size, while replies are read; then the end."""
        reading = asyncio.ensure_future(self.read_to_end())
        try:
            await self.send_to(len(self.stream.data),
                               cuts=lambda: int(10 ** dice.uniform(0.5, 5)))
            self.half_close()
            await reading
        finally:
            reading.cancel()

    async def half_closer(self, _):
        """All and the end at once; only then does it read."""
        try:
            await asyncio.wait_for(self.send_to(len(self.stream.data)), 0.2)
        except asyncio.TimeoutError:
            await self.streamer(self.plan.dice())
        else:
            await self.finish()

    async def slow_reader(self, dice):
        """Sends until no more is taken, rests, then reads slowly and sends the rest."""
        try:
            await asyncio.wait_for(self.send_to(len(self.stream.data)), 0.15)
        except asyncio.TimeoutError:
            await asyncio.sleep(dice.uniform(0, 0.1))
        reading = asyncio.ensure_future(self.read_to_end(30_000, 0.004))
        try:
            await self.send_to(len(self.stream.data))
            self.half_close()
            await reading
        finally:
            reading.cancel()

    async def oversize(self, _):
        """Good messages, then one that is too long; the replies and the end must come."""
        reading = asyncio.ensure_future(self.read_to_end())
        try:
            await self.send_to(len(self.stream.data))
            await reading
        finally:
            reading.cancel()

    async def silent(self, _):
        """A word perhaps; then it waits for the end, or for as long as it wants to stay."""
        await self.send_to(self.stream.replies)
        await self.read_to(self.stream.replies)
        try:
            await asyncio.wait_for(self.read_to_end(), self.plan.stay)
        except asyncio.TimeoutError:
            await self.finish()

    async def resetter(self, dice):
        """Leaves without a farewell: at once, after its replies, or in the middle of it all."""
        if self.plan.when == "after":
            await self.send_to(self.stream.replies)
            await self.read_to(self.stream.replies)
        elif self.plan.when == "amid":
            try:
                await asyncio.wait_for(self.send_to(len(self.stream.data)),
                                       dice.uniform(0.005, 0.05))
            except asyncio.TimeoutError:
                pass
        self.reset()

    async def waiter(self, _):
        """For the drain: it sends, and reads what comes up to the end, but ends nothing itself."""
        await self.send_to(len(self.stream.data))
        await self.read_to_end()
