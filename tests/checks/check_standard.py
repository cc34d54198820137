"""Standard input, output and error in every state: no client suffers, and a stop stops."""
from __future__ import annotations

import contextlib
import os
import pty
import random
import re
import resource
import select
import signal
import socket
import subprocess
import tempfile
import termios

from harness.check import Check
from harness.server import Broken
from harness.spec import CHARGEN, CHAT, ECHO, EVERY, promise

EVERYBODY = EVERY + CHAT + CHARGEN
REQUEST = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
CTRL_S = b"\x13"
CLIENTS = 24        # each reported twice with -v: more than the little room that is left
ROOM = 700          # bytes of it: some lines, and then a part of one


def fill(fd: int, piece: bytes) -> bytes:
    """Write until no more is taken; returns what is missing of the last piece."""
    os.set_blocking(fd, False)
    took = 0
    with contextlib.suppress(BlockingIOError):
        while True:
            took += os.write(fd, piece[took % len(piece):])
    os.set_blocking(fd, True)       # whoever writes after that waits, as is usual
    return piece[took % len(piece):] if took % len(piece) else b""


def can_connect(address: str, port: int) -> bool:
    with socket.socket() as sock:
        return sock.connect_ex((address, port)) == 0


def read_to(client, end: bytes) -> bytes:
    """What comes up to these bytes, or up to the end."""
    got, piece = b"", b"any"
    while piece and not got.endswith(end):
        piece = client.read(1)
        got += piece
    return got


class Standard(Check):
    group = "standard"

    def keep(self, *fds):
        """Close these at the end of the check."""
        for fd in fds:
            self.addCleanup(os.close, fd)
        return fds

    # -- states -----------------------------------------------------------

    def full_pipe(self, room=0) -> int:
        """A pipe that nobody reads, with room for so many bytes."""
        reader, writer = self.keep(*os.pipe())
        fill(writer, b"x" * 4096)
        os.read(reader, room)
        return writer

    def broken_pipe(self) -> int:
        reader, writer = os.pipe()
        os.close(reader)
        return self.keep(writer)[0]

    def full_socket(self) -> int:
        ends = socket.socketpair()
        for end in ends:
            self.addCleanup(end.close)
        fill(ends[1].fileno(), b"x" * 512)
        return ends[1].fileno()

    def terminal(self):
        """Both ends of a terminal that is full but for a little; nobody reads it."""
        master, slave = self.keep(*pty.openpty())
        rest = fill(slave, b"filled: in\n")
        os.set_blocking(slave, False)
        while rest:
            os.read(master, ROOM)       # room comes a while later, and in large pieces
            if select.select([], [slave], [], 0.1)[1]:
                with contextlib.suppress(BlockingIOError):
                    rest = rest[os.write(slave, rest):]
        os.set_blocking(slave, True)
        return master, slave

    def stopped_terminal(self) -> int:
        """A terminal at which somebody has pressed Ctrl-S."""
        master, slave = self.keep(*pty.openpty())
        os.write(master, CTRL_S)
        return slave

    def opened(self, path: str, flags: int) -> int:
        return self.keep(os.open(path, flags))[0]

    def states(self):
        """Every state of a descriptor that is there but takes nothing, or not all."""
        return (("a full pipe", self.full_pipe()),
                ("a pipe whose reader has gone", self.broken_pipe()),
                ("a full socket", self.full_socket()),
                ("a terminal that nobody reads", self.terminal()[1]),
                ("a terminal after Ctrl-S", self.stopped_terminal()),
                ("not open for writing", self.opened(os.devnull, os.O_RDONLY)),
                ("/dev/full", self.opened("/dev/full", os.O_WRONLY)))

    # -- clients ----------------------------------------------------------

    def expect_served(self, server):
        """A client that comes, is served, and stays; it has read all that is due so far."""
        client = self.connect(server)
        if server.name == "chargen_server":
            due, got = rb"([ -~]{72}\r\n){3}", client.read(3 * 74)
        elif server.name == "chat_server":
            due, got = rb"you are \d+\n", read_to(client, b"\n")
        elif server.name == "http_server":
            client.send(REQUEST)
            due, got = rb"HTTP/1.1 200(?s:.*)", read_to(client, b"Hello, World!")
        else:
            client.send(REQUEST)
            due, got = re.escape(REQUEST), client.read(len(REQUEST))
        if not re.fullmatch(due, got):
            raise Broken(f"a client must be served; it got {got!r}\n  does the server wait for "
                         "a standard descriptor, or write to a client's in its place?")
        return client

    def expect_own_bytes(self, server, client):
        """Nothing has come to a client but what is meant for it."""
        client.half_close()
        got = client.read(100_000 if server.name == "chargen_server" else 10_000_000)
        due = {"chat_server": rb"(\* \d+ (came|left)\n)*",
               "chargen_server": rb"([ -~]{72}\r\n)*[ -~]{0,72}\r?"}.get(server.name, b"")
        if not re.fullmatch(due, got):
            raise Broken(f"a client got what was not meant for it: {got[:300]!r}")
        client.close()

    def expect_well(self, server, what: str):
        """Clients come, are served, stay, go; it reports, and stops within its second."""
        try:
            stay = [self.expect_served(server) for _ in range(4)]
            for _ in range(CLIENTS):
                self.expect_served(server).close()
            if self.stage >= 10:
                os.kill(server.process.pid, signal.SIGUSR1)
                self.expect_served(server).close()
            for client in stay:
                self.expect_own_bytes(server, client)
            server.stop()
        except Broken as error:
            raise Broken(f"{what}, -v, and clients come and go: {error}") from None

    def serve_unseen(self, *args, **how):
        """A server whose ready line nobody can read: one connects until that works."""
        address = f"127.{random.randint(1, 254)}.{random.randint(0, 255)}.1"
        port = random.randint(20000, 60000)
        server = self.start("-a", address, "-p", str(port), *args, **how)
        if not self.becomes(lambda: can_connect(address, port) or not server.alive()) \
                or not server.alive():
            raise Broken(f"no client can connect: {server.gone_words()}; stderr has "
                         f"{server.err.text!r}")
        server.address, server.port = address, port
        self.becomes(lambda: self.stays(lambda: server.fds() == server.base_fds)
                     or setattr(server, "base_fds", server.fds()))
        return server

    # -- checks -----------------------------------------------------------

    @promise("standard", "3-", EVERYBODY, modes=("plain", "sanitize", "tsan"))
    def closed(self):
        """Each of the three closed at the start, alone and together with others."""
        for closed in ((0,), (1,), (2,), (0, 2), (0, 1, 2)):
            how = {"stdout": subprocess.DEVNULL} if 1 in closed else {}
            serve = self.serve_unseen if 1 in closed else self.serve
            words = "descriptors " if len(closed) > 1 else "descriptor "
            what = words + " and ".join(map(str, closed)) + " closed at the start"
            try:
                server = serve("-v", closed=closed, **how)
            except Broken as error:
                raise Broken(f"{what}: {error}") from None
            self.expect_well(server, what)

    @promise("standard", "3-", EVERYBODY)
    def error_takes_nothing(self):
        """Standard error full, broken, a terminal that nobody reads, not for writing."""
        for what, fd in self.states():
            self.expect_well(self.serve("-v", stderr=fd), f"stderr is {what}")

    @promise("standard", "3-", EVERYBODY)
    def input_of_every_kind(self):
        """Standard input a terminal, for writing alone, a socket: nobody reads it."""
        for what, fd in (("a terminal", self.terminal()[1]),
                         ("open for writing alone", self.opened(os.devnull, os.O_WRONLY)),
                         ("a socket", self.full_socket())):
            self.expect_well(self.serve("-v", stdin=fd), f"stdin is {what}")

    # Not prefork_server: its processes know nothing of each other's lines that were cut.
    @promise("standard", "3-", ("echo_server", "http_server", *CHAT, *CHARGEN))
    def terminal_read_again(self):
        """A terminal that somebody reads after a while shows whole lines alone."""
        for _ in range(self.few(3, 1)):
            master, slave = self.terminal()
            server = self.serve("-v", stderr=slave)
            for _ in range(CLIENTS):
                self.expect_served(server).close()
            self.becomes(lambda s=server: s.fds() <= s.base_fds)
            shown = self.drain_terminal(master)
            self.expect_served(server).close()
            self.becomes(lambda s=server: s.fds() <= s.base_fds)
            server.stop()
            shown += self.drain_terminal(master)
            # The first line was cut by whoever made room.
            line = re.compile(rb"filled: in|[a-z]+_server: (?!.*(server|filled): )[ -~]+")
            for text in shown.replace(b"\r\n", b"\n").split(b"\n")[1:-1]:
                if not line.fullmatch(text):
                    raise Broken(f"-v, and a terminal that nobody read for a while shows a line "
                                 f"that is not whole: {text!r}\n  is the rest of a line that "
                                 "was cut written later, or none of it?")
            if b"closed" not in shown.split(b"\n", 1)[1][-2000:]:
                raise Broken("-v: the terminal is read again, but the messages do not come "
                             f"again; it shows {shown[-200:]!r}")

    @staticmethod
    def drain_terminal(master: int) -> bytes:
        """All that the terminal holds."""
        shown = b""
        os.set_blocking(master, False)
        with contextlib.suppress(BlockingIOError, OSError):
            while True:
                shown += os.read(master, 65536)
        os.set_blocking(master, True)
        return shown

    @promise("standard", "3-", EVERYBODY, modes=("plain", "sanitize"))
    def file_that_may_not_grow(self):
        """Standard error is a file, and the limit of its size is lowered to nothing."""
        with tempfile.TemporaryFile() as file:
            server = self.serve("-v", stderr=file.fileno(), limits=((resource.RLIMIT_FSIZE, 0),))
            self.expect_well(server, "stderr is a file that may not grow")

    @promise("standard", "3-", ECHO)
    def descriptors_are_left_as_they_were(self):
        """Who shares the terminal or the pipe with the server finds them as before."""
        pipe = self.keep(*os.pipe())[1]
        slave = self.keep(*pty.openpty())[1]
        before = termios.tcgetattr(slave)
        for fd in (pipe, slave):
            server = self.serve("-v", stderr=fd)
            self.expect_served(server)
            if not os.get_blocking(fd):
                raise Broken("stderr is shared with other programs; the server made it "
                             "non-blocking for all of them (O_NONBLOCK)")
            server.stop()
        if termios.tcgetattr(slave) != before:
            raise Broken("the server has changed the terminal's settings")
