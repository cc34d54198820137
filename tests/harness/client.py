"""A client: one connection, and the ways to talk over it."""
from __future__ import annotations

import ctypes
import fcntl
import random
import select
import socket
import struct
import termios
import time
from dataclasses import dataclass

from harness.server import Broken

LINGER_RESET = struct.pack("ii", 1, 0)
SO_ATTACH_FILTER = 26
PIECE = 1 << 18


@dataclass
class Traffic:
    """What went over a connection, and how it came to an end."""

    sent: int
    got: bytes
    end: str      # "end of file", "reset", "stalled", "all sent", ...


def noise(size: int, seed: int = 7) -> bytes:
    """Bytes of every value, the same ones for the same seed."""
    return random.Random(seed).randbytes(size)


def size_words(size: int) -> str:
    return f"{size / 1e6:.1f} MB" if size >= 100_000 else f"{size:,} bytes"


def difference(sent: bytes, got: bytes) -> str:
    """How the bytes that came back differ from those that should have; empty if not."""
    if sent == got:
        return ""
    same = next((i for i, (a, b) in enumerate(zip(sent, got)) if a != b), None)
    if same is not None:
        return (f"byte {same:,} of {len(sent):,} is wrong: expected "
                f"{sent[same:same + 12]!r}, got {got[same:same + 12]!r}")
    if len(got) > len(sent):
        return f"{len(got) - len(sent):,} bytes too many came back: {got[len(sent):][:60]!r}"
    return f"{size_words(len(got))} of {size_words(len(sent))} came back"


class Client:
    """A connected socket with a time limit on everything."""

    def __init__(self, sock: socket.socket, limit: float):
        self.sock = sock
        self.limit = limit
        sock.settimeout(limit)

    @property
    def name(self) -> str:
        """Its own address as the server reports it."""
        host, port = self.sock.getsockname()[:2]
        return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"

    def close(self):
        self.sock.close()

    def reset(self):
        """Leave without a farewell: the server gets a reset."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER_RESET)
        self.sock.close()

    def vanish(self):
        """From now on what the server sends is lost on its way, as if the client were gone."""
        drop_all = ctypes.create_string_buffer(struct.pack("HBBI", 6, 0, 0, 0))     # BPF: ret 0
        self.sock.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER,
                             struct.pack("HP", 1, ctypes.addressof(drop_all)))

    def half_close(self):
        self.sock.shutdown(socket.SHUT_WR)

    def send(self, data: bytes):
        try:
            self.sock.sendall(data)
        except socket.timeout:
            raise Broken(f"the server does not take {size_words(len(data))} "
                         f"within {self.limit:g} s") from None
        except OSError as error:
            raise Broken(f"sending {size_words(len(data))} failed: {error.strerror}") from None

    def send_or_not(self, data: bytes) -> bool:
        """Send to a server that may close at any time; false when it has."""
        try:
            self.sock.sendall(data)
            return True
        except OSError:
            return False

    def send_some(self, data: bytes) -> int:
        """Send what is taken at once. Returns how much that was."""
        self.sock.setblocking(False)
        try:
            return self.sock.send(data)
        except BlockingIOError:
            return 0
        finally:
            self.sock.settimeout(self.limit)

    def read(self, size: int) -> bytes:
        """Read so many bytes, or fewer if the end comes first."""
        got = bytearray()
        until = time.monotonic() + self.limit
        while len(got) < size:
            self.sock.settimeout(max(until - time.monotonic(), 0.001))
            try:
                piece = self.sock.recv(min(size - len(got), PIECE))
            except (socket.timeout, ConnectionError):
                break
            if not piece:
                break
            got += piece
        self.sock.settimeout(self.limit)
        return bytes(got)

    def expect(self, data: bytes, hint: str = ""):
        got = self.read(len(data))
        if got != data:
            raise Broken(said(difference(data, got), hint))

    def echo(self, data: bytes = b"are you there?\n", hint: str = ""):
        self.send(data)
        self.expect(data, hint or "the server must send back what it got")

    def rest(self) -> Traffic:
        """Read to the end of the connection."""
        return pump(self, b"", half_close=False)

    def expect_end(self, hint: str = ""):
        rest = self.rest()
        if rest.got:
            raise Broken(said(f"expected end of file, got {rest.got[:60]!r}", hint))
        if rest.end != "end of file":
            raise Broken(said(f"expected end of file, got: {rest.end}", hint))

    def expect_gone(self, hint: str = ""):
        """The server has closed this connection, in whatever way."""
        rest = self.rest()
        if rest.end not in ("end of file", "reset"):
            raise Broken(said("the connection should have been closed; it is still open", hint))

    def unsent(self) -> int:
        """Bytes that were sent and that have not reached the server's kernel."""
        return struct.unpack("i", fcntl.ioctl(self.sock, termios.TIOCOUTQ, b"\0" * 4))[0]

    def quiet(self, seconds: float) -> bool:
        """Whether nothing comes, not even an end, for so long."""
        return not select.select([self.sock], [], [], seconds)[0]


def said(what: str, hint: str) -> str:
    return f"{what}\n  {hint}" if hint else what


def connect(server, limit: float, sndbuf=0, rcvbuf=0, source=None) -> Client:
    """A client of the server, with small socket buffers if asked for."""
    sock = socket.socket(server.family, socket.SOCK_STREAM)
    try:
        if sndbuf:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, sndbuf)
        if rcvbuf:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, rcvbuf)
        if source:
            sock.bind(source)
        sock.settimeout(limit)
        sock.connect((server.address, server.port))
    except OSError as error:
        sock.close()
        reason = error.strerror or "no answer"
        raise Broken(f"cannot connect to {server.address} port {server.port}: {reason}"
                     + server.end_words()) from None
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return Client(sock, limit)


def pump(client: Client, data: bytes, half_close=True, read=True, cuts=None, stall=0.0,
         until=0) -> Traffic:
    """Send and read at the same time.

    Ends at end of file, at a reset, at the client's time limit, after `until` bytes have come
    (if given), or when nothing has moved for `stall` seconds (if given). `cuts` is a function that
    gives the size of the next piece to send.
    """
    sock, view, got = client.sock, memoryview(data), bytearray()
    sent, ended, end = 0, False, "time limit"
    deadline = time.monotonic() + client.limit
    sock.setblocking(False)
    try:
        while True:
            if sent == len(data) and half_close and not ended:
                sock.shutdown(socket.SHUT_WR)
                ended = True
            if sent == len(data) and not half_close and not read:
                end = "all sent"
                break
            if until and len(got) >= until:
                end = "enough"
                break
            wait = min(stall or client.limit, deadline - time.monotonic())
            ready = wait > 0 and select_one(sock, read, sent < len(data), wait)
            if not ready:
                end = "stalled" if stall and wait == stall else "time limit"
                break
            if ready & select.POLLOUT and sent < len(data):
                size = cuts() if cuts else PIECE
                sent += _send_some(sock, view[sent:sent + size])
            if ready & ~select.POLLOUT and read:
                piece = _read_some(sock)
                if piece == b"":
                    end = "end of file"
                    break
                got += piece or b""
    except (ConnectionResetError, BrokenPipeError):
        end = "reset"
    except OSError as error:
        end = error.strerror
    finally:
        if sock.fileno() >= 0:
            sock.settimeout(client.limit)
    return Traffic(sent, bytes(got), end)


def select_one(sock, read: bool, write: bool, wait: float) -> int:
    """The poll events of one socket; 0 when nothing happens in time."""
    poll = select.poll()
    poll.register(sock, (select.POLLIN if read else 0) | (select.POLLOUT if write else 0))
    found = poll.poll(wait * 1000)
    return found[0][1] if found else 0


def _send_some(sock, view) -> int:
    try:
        return sock.send(view)
    except BlockingIOError:
        return 0


def _read_some(sock):
    try:
        return sock.recv(PIECE)
    except BlockingIOError:
        return None
