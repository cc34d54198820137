"""http_server: requests that it answers."""
from __future__ import annotations

import email.utils
import subprocess
import time

from harness.check import Check
from harness.client import pump
from harness.http import Reader
from harness.server import Broken
from harness.spec import ONLY_HTTP, promise

HELLO = b"Hello, World!"
GET = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"
LAST = b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"


class HttpCheck(Check):
    """What both groups of checks need."""

    def ask(self, server, request: bytes, head_only=False):
        """Send one request on a connection of its own; returns response and reader."""
        reader = Reader(self.connect(server))
        reader.client.send_or_not(request)
        return reader.response(head_only), reader

    def expect_hello(self, response, about: str):
        if response.status != 200 or response.body != HELLO:
            raise Broken(f"{about}: expected status 200 and {HELLO!r}, got {response.status} "
                         f"and {response.body!r}")

    def expect_still_open(self, reader, about: str):
        reader.client.send(GET)
        self.expect_hello(reader.response(), f"{about}, then GET on the same connection")

    def expect_serving(self, server):
        """It serves a new client, whatever the one before did."""
        response, reader = self.ask(server, GET)
        self.expect_hello(response, "a new client")
        reader.client.close()


class Http(HttpCheck):
    group = "http"

    @promise("http", "7-", ONLY_HTTP)
    def get(self):
        """200, the 13 bytes, their length, and a date."""
        response, reader = self.ask(self.serve(), GET)
        self.expect_hello(response, "GET /")
        if response.fields["content-length"] != "13":
            raise Broken(f"Content-Length must be 13: {response.head!r}")
        if response.closes:
            raise Broken(f"HTTP/1.1 keeps the connection: {response.head!r}")
        if not response.head.startswith(b"HTTP/1.1 "):
            raise Broken(f"the response to HTTP/1.1 must be of HTTP/1.1: {response.head!r}")
        self.expect_still_open(reader, "GET /")

    @promise("http", "7-", ONLY_HTTP)
    def date(self):
        """The Date field has the form of RFC 9110, in GMT, and is right, also a while later."""
        response, reader = self.ask(self.serve(), GET)
        first = self.expect_date(response)
        time.sleep(1.2)
        reader.client.send(GET)
        if self.expect_date(reader.response()) <= first:
            raise Broken("two requests 1.2 s apart got the same Date: is it written anew?")

    def expect_date(self, response) -> float:
        text = response.fields.get("date", "")
        try:
            stamp = email.utils.parsedate_to_datetime(text)
        except (TypeError, ValueError):
            raise Broken(f"no Date that can be read: {response.head!r}") from None
        canonical = email.utils.format_datetime(stamp, usegmt=True) if text.endswith("GMT") else ""
        if text != canonical or abs(stamp.timestamp() - time.time()) > 10:
            raise Broken(f"Date: {text!r} is not the time of now in the form of RFC 9110")
        return stamp.timestamp()

    @promise("http", "7-", ONLY_HTTP)
    def head(self):
        """The same fields as for GET, and no body."""
        server = self.serve()
        got, _ = self.ask(server, GET)
        reader = Reader(self.connect(server))
        reader.client.send(b"HEAD / HTTP/1.1\r\nHost: a\r\n\r\n" + LAST)
        head = reader.response(head_only=True)
        for fields in (got.fields, head.fields):
            fields.pop("date", None)
        if head.status != 200 or head.fields != got.fields:
            raise Broken(f"HEAD must be answered with the fields of GET, {got.fields}; "
                         f"it was {head.status}, {head.fields}")
        self.expect_hello(reader.response(), "HEAD, then GET: is a body sent after HEAD?")
        reader.end()

    @promise("http", "7-", ONLY_HTTP)
    def keep_alive(self):
        """HTTP/1.1 unless told otherwise; HTTP/1.0 if asked for; Connection is a list of words."""
        server = self.serve()
        for fields in (b"HTTP/1.1\r\nHost: a", b"HTTP/1.0\r\nConnection: keep-alive",
                       b"HTTP/1.0\r\nconnection: Keep-Alive", b"HTTP/1.1\r\nHost: a\r\nConnection: x",
                       b"HTTP/1.0\r\nConnection: x, keep-alive"):
            reader = Reader(self.connect(server))
            for _ in range(3):
                reader.client.send(b"GET / " + fields + b"\r\n\r\n")
                response = reader.response()
                self.expect_hello(response, f"GET / {fields.decode()}")
            if fields.startswith(b"HTTP/1.0") and "keep-alive" not in \
                    response.fields.get("connection", "").lower():
                raise Broken("a connection of HTTP/1.0 is kept, which the response must say with "
                             f"Connection: keep-alive: {response.head!r}")

    @promise("http", "7-", ONLY_HTTP)
    def close(self):
        """HTTP/1.0 unless told otherwise; HTTP/1.1 if asked for; in order, after the response."""
        server = self.serve()
        for fields in (b"HTTP/1.0", b"HTTP/1.1\r\nHost: a\r\nConnection: close",
                       b"HTTP/1.1\r\nHost: a\r\nCONNECTION: Close",
                       b"HTTP/1.1\r\nHost: a\r\nConnection: x, close",
                       b"HTTP/1.0\r\nConnection: close"):
            request = b"GET / " + fields + b"\r\n\r\n"
            response, reader = self.ask(server, request)
            self.expect_hello(response, f"GET / {fields.decode()}")
            reader.end(f"after {request!r} the server must close in order")
            if fields.startswith(b"HTTP/1.1") and not response.closes:
                raise Broken(f"a response after which the connection is closed must say so: "
                             f"{response.head!r}")

    @promise("http", "7-", ONLY_HTTP)
    def nothing_after_close(self):
        """A request behind one with Connection: close is not answered."""
        reader = Reader(self.connect(self.serve()))
        reader.client.send(GET + LAST + GET)
        for _ in range(2):
            self.expect_hello(reader.response(), "GET, GET with close, GET")
        reader.end("the third request came after Connection: close")

    @promise("http", "7-", ONLY_HTTP)
    def pipelining(self):
        """A hundred requests in one write, GET and HEAD and wrong paths, answered in order."""
        reader = Reader(self.connect(self.serve()))
        kinds = [(b"GET /", 200), (b"GET /x", 404), (b"HEAD /", 200), (b"GET /", 200)] * 25
        reader.client.send(b"".join(k + b" HTTP/1.1\r\nHost: a\r\n\r\n" for k, _ in kinds) + LAST)
        for number, (kind, status) in enumerate(kinds):
            response = reader.response(kind.startswith(b"HEAD"))
            if response.status != status:
                raise Broken(f"request {number + 1} of 100 in one write, {kind.decode()}: expected "
                             f"status {status}, got {response.status}")
        self.expect_hello(reader.response(), "the last request")
        reader.end()

    @promise("http", "7-", ONLY_HTTP)
    def pipelining_then_half_close(self):
        """The client sends requests and ends its side: all are answered."""
        reader = Reader(self.connect(self.serve()))
        reader.client.send(GET * 50)
        reader.client.half_close()
        for _ in range(50):
            self.expect_hello(reader.response(), "50 requests and the client's end")
        reader.end()

    @promise("http", "7-", ONLY_HTTP)
    def client_that_does_not_read(self):
        """Megabytes of requests, no response read until the server takes no more."""
        server = self.serve()
        client = self.connect(server, sndbuf=65536, rcvbuf=4096)
        requests = GET * self.few(250_000, 50_000)
        first = pump(client, requests, half_close=False, read=False, stall=0.1)
        self.expect_serving(server)
        whole = min(first.sent + len(GET), len(requests)) // len(GET)
        rest = pump(client, requests[first.sent:whole * len(GET)])
        got = rest.got.count(HELLO)
        if got != whole or rest.end != "end of file":
            raise Broken(f"{whole} requests were sent before the client read, {got} responses "
                         f"came, then: {rest.end}")

    @promise("http", "7-", ONLY_HTTP)
    def cut_at_every_byte(self):
        """The head in two pieces, at each place in turn, and byte by byte."""
        server = self.serve()
        for cut in range(1, len(GET)):
            reader = Reader(self.connect(server))
            reader.client.send(GET[:cut])
            time.sleep(0.001)
            reader.client.send(GET[cut:])
            self.expect_hello(reader.response(), f"GET cut after {GET[:cut]!r}")
            reader.client.close()
        reader = Reader(self.connect(server))
        for byte in GET:
            reader.client.send(bytes([byte]))
        self.expect_hello(reader.response(), "GET byte by byte")

    @promise("http", "7-", ONLY_HTTP)
    def forms_of_a_request(self):
        """What RFC 9112 lets a client write."""
        server = self.serve()
        for request in (
                b"\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n",                 # an empty line first
                b"GET http://localhost/ HTTP/1.1\r\nHost: localhost\r\n\r\n",  # absolute form
                b"GET http://localhost HTTP/1.1\r\nHost: localhost\r\n\r\n",
                b"GET /?a=b HTTP/1.1\r\nHost: a\r\n\r\n",                 # a query
                b"GET / HTTP/1.1\r\nhOST:a\r\n\r\n",                      # any case, no space
                b"GET / HTTP/1.1\r\nHost: \t a \t\r\nX:\r\n\r\n",         # blanks, empty value
                b"GET / HTTP/1.1\r\nHost:\r\n\r\n",                       # an empty host
                b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n",
                b"GET / HTTP/1.1\r\nHost: a\r\nX: \xe4\xf6\xfc\r\n\r\n",
                b"GET / HTTP/1.1\r\nHost: a\r\nCookie: " + b"c" * 7000 + b"\r\n\r\n"):
            response, reader = self.ask(server, request)
            self.expect_hello(response, f"{request[:80]!r}")
            self.expect_still_open(reader, f"{request[:80]!r}")

    @promise("http", "7-", ONLY_HTTP)
    def unfinished_request(self):
        """The end in mid-head: what was whole is answered, the rest dropped."""
        reader = Reader(self.connect(self.serve()))
        reader.client.send(GET + GET[:20])
        reader.client.half_close()
        self.expect_hello(reader.response(), "a request, a part of one, the end")
        reader.end()

    @promise("http", "7-", ONLY_HTTP)
    def rude_clients(self):
        """Resets before, amid and after requests harm nobody else."""
        server = self.serve()
        for turn in range(self.few(60, 6)):
            client = self.connect(server)
            client.send_or_not((b"", GET[:10], GET, GET * 100)[turn % 4])
            client.reset()
        self.expect_no_leak(server)
        self.expect_serving(server)

    @promise("http", "7-", ONLY_HTTP)
    def many_at_once(self):
        """Some silent, some in mid-request, some talking."""
        server = self.serve()
        clients = self.connect_many(server, self.few(300, 40))
        for client in clients[::3]:
            client.send(GET[:15])
        for client in clients[1::3]:
            client.send(GET)
        for client in clients[1::3]:
            self.expect_hello(Reader(client).response(), "one of many clients")

    @promise("http", "7-", ONLY_HTTP, modes=("plain",))
    def curl(self):
        """curl reads the body, reuses the connection, and is content with HEAD and HTTP/1.0."""
        curl, server = self.need("curl"), self.serve()
        base = [curl, "-sS", "-m", f"{self.limit(10):g}", "--noproxy", "*"]
        url = f"http://127.0.0.1:{server.port}/"
        for extra, expected in (((), HELLO), ((url,), HELLO * 2), (("-0",), HELLO)):
            done = subprocess.run([*base, *extra, url], capture_output=True, check=False)
            if done.returncode or done.stdout != expected:
                raise Broken(f"curl {' '.join(extra)} {url}: exit status {done.returncode}, "
                             f"{done.stdout!r}, {done.stderr!r}")
        done = subprocess.run([*base, "-I", url], capture_output=True, check=False)
        if done.returncode or not done.stdout.startswith(b"HTTP/1.1 200"):
            raise Broken(f"curl -I: exit status {done.returncode}, {done.stdout!r}, {done.stderr!r}")

    @promise("http", "7-", ONLY_HTTP, modes=("plain",))
    def wrk(self):
        """wrk finds no error with 50 connections."""
        wrk, server = self.need("wrk"), self.serve()
        done = subprocess.run([wrk, "-t1", "-c50", "-d1s", f"http://127.0.0.1:{server.port}/"],
                              capture_output=True, text=True, check=False)
        if done.returncode or "requests in" not in done.stdout or " 0 requests in" in done.stdout \
                or "Socket errors" in done.stdout or "Non-2xx" in done.stdout:
            raise Broken(f"wrk is not content: {done.stdout}{done.stderr}")
