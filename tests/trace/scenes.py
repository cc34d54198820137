"""The scenes: what is played with a server, by which clients."""
from __future__ import annotations

import socket
import time
from dataclasses import dataclass

import paths    # noqa: F401
from harness.client import connect
from harness.server import Broken

from record import LIMIT, LOOK_AGAIN

MESSAGE = b"hello\n"
PIECE = 256 * 1024
SMALL = 64 * 1024   # bytes of the socket's buffer, for a client that does not read


@dataclass(frozen=True)
class Scene:
    """A scene, the stages that have it, and the server's options in each."""

    name: str
    what: str
    play: object
    first: int = 1
    program: str = "echo_server"
    options: tuple = ()             # from every stage on that has this scene
    threads: tuple = ()             # from v08 on

    def options_of(self, stage: int) -> list:
        return [*self.options, *(self.threads if stage >= 8 else ())]


class Actor:
    """A client that says what it does, and waits until the server has done its part."""

    def __init__(self, stage, number: int, **how):
        self.stage, self.server, self.name = stage, stage.server, f"client {number}"
        self.before = self.server.fds()
        stage.say(self.name, "connect", f"{self.name} connects")
        self.client = connect(stage.server, LIMIT, **how)
        stage.clients.append(self.client)
        self.server.wait_fds(self.before + 1)

    def _say(self, verb: str, text: str):
        self.stage.say(self.name, verb, f"{self.name} {text}")

    def send(self, data: bytes):
        """Send it. The answer can be read when this returns."""
        self._say("send", f"sends {words(data)}")
        self.client.send(data)
        self.client.sock.recv(1, socket.MSG_PEEK)
        self.server.wait_quiet()

    def tell(self, data: bytes):
        """Send it to others."""
        self._say("send", f"sends {words(data)}")
        self.client.send(data)

    def get(self, data: bytes):
        self.client.expect(data)
        self._say("recv", f"gets {words(data)}")
        self.server.wait_quiet()

    def get_end(self):
        self.client.expect_end()
        self._say("recv", "gets end of file")

    def half_close(self):
        self._say("shutdown", "sends end of file, and can still read")
        self.client.half_close()
        self.server.wait_fds(self.before)

    def close(self):
        """Close the connection, which the server may have closed already."""
        self._say("close", "closes")
        self.client.close()
        if not self.stage.stopped:
            self.server.wait_fds(self.before)

    def flood(self) -> int:
        """Send without reading until the server leaves something unread. Return how much."""
        self._say("send", "sends, and does not read")
        piece, sent, until = bytes(PIECE), 0, time.monotonic() + 2 * LIMIT
        while not self._is_stalled():
            if time.monotonic() > until:
                raise Broken("the server never stops reading")
            sent += self.client.send_some(piece)
        return sent

    def _is_stalled(self) -> bool:
        """Whether the server sleeps, although there is something to read."""
        before = None
        while True:
            unread = self.server.unread(self.client)
            if not unread:
                return False
            if unread == before and self.server.is_asleep():
                self.server.wait_quiet()
                return self.server.unread(self.client) > 0
            before = unread
            time.sleep(LOOK_AGAIN)


def words(data: bytes) -> str:
    return f"{len(data):,} bytes" if len(data) > 40 else repr(data.decode())


def echo(stage):
    client = Actor(stage, 1)
    client.send(MESSAGE)
    client.get(MESSAGE)
    client.close()


def half_close(stage):
    client = Actor(stage, 1)
    client.send(MESSAGE)
    client.half_close()
    client.get(MESSAGE)
    client.get_end()
    client.close()


def slow_reader(stage):
    """Send without reading until the server stops reading, then read all."""
    client = Actor(stage, 1, rcvbuf=SMALL)
    stage.forget()
    sent = client.flood()
    stage.say(client.name, "send", f"client 1 has sent {sent:,} bytes, and now the server waits")
    stage.say(client.name, "read", "client 1 begins to read")
    client.client.expect(bytes(sent))
    stage.say(client.name, "recv", f"client 1 has all {sent:,} bytes back")


def idle(stage):
    client = Actor(stage, 1)
    limit = float(stage.options[stage.options.index("-i") + 1])
    time.sleep(0.6 * limit)     # the scene is about time that passes
    client.send(MESSAGE)
    client.get(MESSAGE)
    client.get_end()
    client.close()


def chat(stage):
    first = Actor(stage, 1)
    first.get(b"you are 1\n")
    second = Actor(stage, 2)
    second.get(b"you are 2\n")
    first.get(b"* 2 came\n")
    stage.forget()
    first.tell(MESSAGE)
    second.get(b"1: " + MESSAGE)


def stop(stage):
    client = Actor(stage, 1)
    client.send(MESSAGE)
    client.get(MESSAGE)
    stage.forget()
    stage.stop()
    client.get_end()
    client.close()
    stage.wait_end()


BOTH = ("-t", "1", "-w", "1")
SCENES = (
    Scene("echo", "one message comes back, and its client leaves", echo, threads=BOTH),
    Scene("half-close", "a client ends its sending, and still gets its answer", half_close,
          threads=("-t", "1")),
    Scene("slow-reader", "a client that does not read makes the server stop reading",
          slow_reader, first=7, options=("-b", "1000"), threads=("-t", "1")),
    Scene("idle", "an idle client is closed when its time is over", idle, first=10,
          options=("-i", "1"), threads=("-t", "1")),
    Scene("chat", "what one client says goes to the other", chat, first=7,
          program="chat_server", threads=("-t", "2")),
    Scene("stop", "SIGTERM ends the server, with a client connected", stop,
          threads=("-t", "1")),
)


def scenes_of(stage: int) -> list:
    return [scene for scene in SCENES if scene.first <= stage]
