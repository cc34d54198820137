"""http_server: requests that it refuses."""
from __future__ import annotations

from checks.check_http import GET, HttpCheck
from harness.client import pump
from harness.http import Reader
from harness.server import Broken
from harness.spec import ONLY_HTTP, promise


class HttpRefusals(HttpCheck):
    """What the groups of checks about refusals need."""

    def expect_status(self, server, request: bytes, status: int, about="", head_only=False):
        response, reader = self.ask(server, request, head_only)
        if response.status != status:
            raise Broken(f"{about or repr(request[:90])}: expected status {status}, "
                         f"got {response.status}")
        return response, reader

    def expect_refusal(self, server, request: bytes, status: int, about=""):
        """The status, and then the end: what follows can't be trusted."""
        response, reader = self.expect_status(server, request, status, about)
        if not response.closes:
            raise Broken(f"{about or repr(request[:90])}: the connection is closed after {status}, "
                         f"which the response must say: {response.head!r}")
        reader.end(f"after {status} the connection must be closed in order")
        reader.client.close()


class HttpLimits(HttpRefusals):
    group = "http_limits"

    @promise("http-limits", "7-", ONLY_HTTP)
    def other_paths(self):
        """404, and the connection stays."""
        server = self.serve()
        for target in (b"/x", b"//", b"/index.html", b"/%2f", b"http://a/x", b"/" + b"x" * 2000):
            request = b"GET " + target + b" HTTP/1.1\r\nHost: a\r\n\r\n"
            _, reader = self.expect_status(server, request, 404)
            self.expect_still_open(reader, "404")
        self.expect_status(server, b"HEAD /x HTTP/1.1\r\nHost: a\r\n\r\n", 404, head_only=True)

    @promise("http-limits", "7-", ONLY_HTTP)
    def other_methods(self):
        """405 with the methods that are allowed."""
        server = self.serve()
        for method in (b"POST", b"PUT", b"DELETE", b"OPTIONS", b"get", b"BREW", b"GETT", b"G"):
            request = method + b" / HTTP/1.1\r\nHost: a\r\n\r\n"
            response, _ = self.expect_status(server, request, 405)
            allowed = {word.strip() for word in response.fields.get("allow", "").split(",")}
            if allowed != {"GET", "HEAD"}:
                raise Broken(f"405 must come with `Allow: GET, HEAD`: {response.head!r}")

    @promise("http-limits", "7-", ONLY_HTTP)
    def bad_requests(self):
        """400, and the connection is closed."""
        server = self.serve()
        host = b"Host: a\r\n"
        for request in (
                b"garbage\r\n\r\n",
                b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",     # TLS knocks
                b"GET /\r\n\r\n",                                            # HTTP/0.9
                b"GET / HTTP/1.1\r\n\r\n",                                   # no host
                b"GET / HTTP/1.1\r\n" + host + host + b"\r\n",               # two hosts
                b"GET  / HTTP/1.1\r\n" + host + b"\r\n",
                b" GET / HTTP/1.1\r\n" + host + b"\r\n",
                b"GET / HTTP/1.1 x\r\n" + host + b"\r\n",
                b"GET / HTTP/11\r\n" + host + b"\r\n",
                b"GET / http/1.1\r\n" + host + b"\r\n",
                b"GET x HTTP/1.1\r\n" + host + b"\r\n",                      # no path
                b"GET http:///x HTTP/1.1\r\n" + host + b"\r\n",              # no host
                b"GET http://:80/ HTTP/1.1\r\n" + host + b"\r\n",            # the same
                b"G\x00T / HTTP/1.1\r\n" + host + b"\r\n",
                b"GET / HTTP/1.1\r\n" + host + b"no colon\r\n\r\n",
                b"GET / HTTP/1.1\r\n" + host + b": no name\r\n\r\n",
                b"GET / HTTP/1.1\r\n" + host + b"Space : before\r\n\r\n",
                b"GET / HTTP/1.1\r\n" + host + b"Na me: x\r\n\r\n",
                b"GET / HTTP/1.1\r\n" + host + b"X: a\r\n folded\r\n\r\n",   # obs-fold
                b"GET / HTTP/1.1\r\n folded\r\n" + host + b"\r\n",
                b"GET / HTTP/1.1\r\n" + host + b"X: \x00\r\n\r\n",
                b"GET / HTTP/1.1\r\n" + host + b"X: a\rb\r\n\r\n",           # a bare CR
                b"GET / HTTP/1.1\r\n" + host + b"Content-Length: x\r\n\r\n",
                b"GET / HTTP/1.1\r\n" + host + b"Content-Length: -1\r\n\r\n",
                b"GET / HTTP/1.1\r\n" + host + b"Content-Length:\r\n\r\n",
                b"GET / HTTP/1.1\r\n" + host + b"Content-Length: 0, 1\r\n\r\n"):
            self.expect_refusal(server, request, 400)
        self.expect_serving(server)

    @promise("http-limits", "7-", ONLY_HTTP)
    def other_versions(self):
        """HTTP/2.0 is not spoken here: 505, or 400; the connection is closed."""
        server = self.serve()
        response, reader = self.ask(server, b"GET / HTTP/2.0\r\nHost: a\r\n\r\n")
        if response.status not in (400, 505):
            raise Broken(f"HTTP/2.0: expected status 505 or 400, got {response.status}")
        reader.end()

    @promise("http-limits", "7-", ONLY_HTTP)
    def good_ones_before_a_bad_one(self):
        """Requests before a bad one are answered; those behind it are not."""
        reader = Reader(self.connect(self.serve()))
        reader.client.send(GET * 3 + b"garbage\r\n\r\n" + GET)
        for _ in range(3):
            self.expect_hello(reader.response(), "before a bad request")
        self.assertEqual(reader.response().status, 400, "the fourth request is no request")
        reader.end()

    @promise("http-limits", "7-", ONLY_HTTP)
    def head_too_long(self):
        """Over 8 KiB: 431, whether it ends or not, in one line or many."""
        server = self.serve()
        start = b"GET / HTTP/1.1\r\nHost: a\r\n"
        for request in (start + b"X: " + b"x" * 8200 + b"\r\n\r\n",
                        start + b"X: " + b"x" * 20_000,
                        start + b"X: y\r\n" * 2000 + b"\r\n",
                        start + b"X: y\r\n" * 2000):
            self.expect_refusal(server, request, 431, f"a head of {len(request)} bytes")

    @promise("http-limits", "7-", ONLY_HTTP)
    def head_of_8_kib(self):
        """8,192 bytes are not over 8 KiB; one more is."""
        server = self.serve()
        start, end = b"GET / HTTP/1.1\r\nHost: a\r\nX: ", b"\r\n\r\n"
        fits = start + b"x" * (8192 - len(start) - len(end)) + end
        response, reader = self.ask(server, fits)
        self.expect_hello(response, "a head of 8,192 bytes")
        self.expect_still_open(reader, "a head of 8,192 bytes")
        self.expect_refusal(server, fits.replace(b"X: ", b"X: x"), 431, "a head of 8,193 bytes")

    @promise("http-limits", "7-", ONLY_HTTP)
    def head_too_long_goes_on(self):
        """The client sends megabytes of head, and still gets the response whole."""
        server = self.serve()
        client = self.connect(server)
        flood = b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"x" * self.few(20_000_000, 2_000_000)
        got = pump(client, flood, half_close=False)
        if not got.got.startswith(b"HTTP/1.1 431") or got.end != "end of file":
            raise Broken(f"an endless head: expected a response with 431 and the end, got "
                         f"{got.got[:60]!r}, then: {got.end}")

    @promise("http-limits", "7-", ONLY_HTTP)
    def request_with_a_body(self):
        """413, and the connection is closed, since the body can't be told from a request."""
        server = self.serve()
        for method in (b"GET", b"POST"):
            for field in (b"Content-Length: 5", b"Content-Length: 99999999999999999999",
                          b"Transfer-Encoding: chunked", b"transfer-encoding:chunked"):
                request = method + b" / HTTP/1.1\r\nHost: a\r\n" + field + b"\r\n\r\n"
                self.expect_refusal(server, request + b"5\r\nhello", 413)

    @promise("http-limits", "7-", ONLY_HTTP)
    def body_is_not_a_request(self):
        """A request hidden in a body is not answered."""
        server = self.serve()
        body = GET
        request = (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % len(body)) + body
        self.expect_refusal(server, request, 413)

    @promise("http-limits", "7-", ONLY_HTTP)
    def body_that_goes_on(self):
        """The client sends the body to its end, megabytes, and still gets the response whole."""
        server = self.serve()
        size = self.few(20_000_000, 2_000_000)
        request = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % size
        got = pump(self.connect(server), request + b"x" * size, half_close=False)
        if not got.got.startswith(b"HTTP/1.1 413") or got.end != "end of file":
            raise Broken(f"a body of {size:,} bytes: expected a response with 413 and the end, "
                         f"got {got.got[:60]!r}, then: {got.end}\n  closing with unread input "
                         "makes the kernel reset the connection")
