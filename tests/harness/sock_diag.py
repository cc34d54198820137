"""Asks the kernel about one connection (sock_diag(7)).

/proc/net/tcp tells the same, but it lists all sockets of the machine. After a run of the checks
tens of thousands are in TIME-WAIT, and to read the list takes a tenth of a second each time.
"""
from __future__ import annotations

import errno
import socket
import struct

ESTABLISHED, LISTENING = 1, 10
_NETLINK_SOCK_DIAG, _BY_FAMILY, _REQUEST = 4, 20, 1
_NO_COOKIE = 0xFFFFFFFF
# The head of each message; then the ask: family, protocol, extensions, states, the two ends.
_HEAD = struct.Struct("=IHHII")
_ASK = struct.Struct("=BBBxI 2s2s16s16s III")
# The answer: family and others, the two ends, when a timer expires, bytes unread.
_ANSWER = struct.Struct("=4s48sII")


def _end(family, address) -> tuple:
    """A port and an address, as the kernel wants them."""
    return struct.pack("!H", address[1]), socket.inet_pton(family, address[0]).ljust(16, b"\0")


def look(family, here, there) -> tuple:
    """The state of the socket at `here` that is connected to `there`, and its bytes unread.

    States are numbered as the kernel does; (0, 0) if there is no such connection.
    """
    try:
        return _ask(family, here, there)
    except OSError:     # not every kernel answers such questions
        return _search(family, here, there)


def _ask(family, here, there) -> tuple:
    (port, address), (far_port, far_address) = _end(family, here), _end(family, there)
    ask = _ASK.pack(family, socket.IPPROTO_TCP, 0, _NO_COOKIE, port, far_port, address, far_address,
                    0, _NO_COOKIE, _NO_COOKIE)
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, _NETLINK_SOCK_DIAG) as asking:
        asking.settimeout(5)
        asking.send(_HEAD.pack(_HEAD.size + len(ask), _BY_FAMILY, _REQUEST, 1, 0) + ask)
        answer = asking.recv(8192)
    if _HEAD.unpack_from(answer)[1] == _BY_FAMILY:
        (_, state, _, _), _, _, unread = _ANSWER.unpack_from(answer, _HEAD.size)
        return (0, 0) if state == LISTENING else (state, unread)
    error = -struct.unpack_from("=i", answer, _HEAD.size)[0]
    if error == errno.ENOENT:
        return 0, 0
    raise OSError(error, "sock_diag")


def _search(family, here, there) -> tuple:
    ends = f":{here[1]:04X}", f":{there[1]:04X}"
    with open(f"/proc/net/tcp{'6' if family == socket.AF_INET6 else ''}", encoding="ascii") as file:
        for line in file:
            words = line.split()
            if words[1].endswith(ends[0]) and words[2].endswith(ends[1]):
                return int(words[3], 16), int(words[4].split(":")[1], 16)
    return 0, 0
