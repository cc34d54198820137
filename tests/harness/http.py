"""As much of an HTTP client as the checks of `http_server` need."""
from __future__ import annotations

import re
import socket
import time
from dataclasses import dataclass

from harness.server import Broken

STATUS = re.compile(rb"^HTTP/1\.([01]) (\d{3})(?: [^\r\n]*)?$")
FIELD = re.compile(rb"^([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*(.*?)[ \t]*$")
HEAD_LIMIT = 65536


@dataclass
class Response:
    """A response that was read from a connection."""

    status: int
    fields: dict
    body: bytes
    head: bytes

    @property
    def closes(self) -> bool:
        return self.fields.get("connection", "").lower() == "close"


def parse_head(head: bytes):
    """The status and the fields of a response's head; Broken when it isn't one."""
    lines = head.split(b"\r\n")
    match = STATUS.match(lines[0])
    if not match:
        raise Broken(f"this is not the status line of a response: {lines[0][:100]!r}")
    fields = {}
    for line in lines[1:]:
        field = FIELD.match(line)
        if not field:
            raise Broken(f"this is not a header field: {line[:100]!r}")
        name = field.group(1).decode().lower()
        if name in fields:
            raise Broken(f"the field {name} is there twice: {head!r}")
        fields[name] = field.group(2).decode("latin-1")
    return int(match.group(2)), fields


class Reader:
    """Reads responses, one after the other, from a client's connection."""

    def __init__(self, client):
        self.client = client
        self.data = b""

    def _more(self) -> bool:
        try:
            piece = self.client.sock.recv(65536)
        except ConnectionError:
            raise Broken("the connection was reset while a response was expected; "
                         f"until then came {self.data[:200]!r}") from None
        except socket.timeout:
            raise Broken(f"no response within {self.client.limit:g} s; so far came "
                         f"{self.data[:200]!r}") from None
        except OSError as error:
            raise Broken(f"no response ({error}); so far came {self.data[:200]!r}") from None
        self.data += piece
        return bool(piece)

    def response(self, head_only=False) -> Response:
        """The next response; `head_only` for the answer to HEAD."""
        until = time.monotonic() + self.client.limit
        while b"\r\n\r\n" not in self.data:
            if len(self.data) > HEAD_LIMIT or time.monotonic() > until or not self._more():
                raise Broken(f"a response was expected; there came {self.data[:200]!r}"
                             f"{'' if self.data else ' (nothing)'} and then no more")
        head, self.data = self.data.split(b"\r\n\r\n", 1)
        status, fields = parse_head(head)
        size = 0 if head_only else self._body_size(head, fields)
        while len(self.data) < size:
            if not self._more():
                raise Broken(f"the body should have {size} bytes; there came {self.data!r}")
        body, self.data = self.data[:size], self.data[size:]
        return Response(status, fields, body, head)

    @staticmethod
    def _body_size(head: bytes, fields: dict) -> int:
        length = fields.get("content-length", "")
        if not length.isdigit():
            raise Broken(f"no Content-Length in {head!r}: where does the body end?")
        return int(length)

    def end(self, hint=""):
        """No more may come but the end of the connection, in order."""
        if self.data:
            raise Broken(f"after the response came {self.data[:200]!r}")
        self.client.expect_end(hint or "the connection should have been closed in order")
