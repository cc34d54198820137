"""http_server: what others could read in another way is refused, and at once."""
from __future__ import annotations

from checks.check_http import GET
from checks.check_http_limits import HttpRefusals
from harness.http import Reader
from harness.server import Broken
from harness.spec import ONLY_HTTP, promise

GOOD_HOSTS = (
    b"a", b"a:80", b"a:", b"a-b.c_d~e", b"127.0.0.1:8000", b"a%41b", b"%e4:1", b"a,b;c=d",
    b"[::]", b"[::1]", b"[::1]:80", b"[::1]:", b"[1:2:3:4:5:6:7:8]", b"[1:2:3:4:5:6:1.2.3.4]",
    b"[::ffff:127.0.0.1]:1", b"[FE80::Ab]", b"[1:2:3:4:5:6:7::]", b"[v1.x]", b"[VF.a:b!]:80")
BAD_HOSTS = (
    b":80", b"a:b", b"a:80:80", b"a:8 0", b"a:-1", b"a:+1", b"a::", b"::1", b"1:2:3",
    b"u@a", b"u:p@a", b"@a", b"a/", b"a/b", b"a?b", b"a#b", b"a\\b", b"http://a",
    b"a b", b"a\tb", b"a, b", b"<a>", b"a|b", b'"a"', b"a^", b"{a}", b"a`b", b"a\x7f",
    b"\xe4", b"a\x00b",
    b"%", b"a%", b"a%4", b"a%4g", b"a%g4", b"%%41", b"a%:1",
    b"[", b"]", b"[]", b"[::1", b"::1]", b"[[::1]]", b"a]", b"[a]", b"[::1]a", b"[::1]:a",
    b"a[::1]", b"[::1]80", b"[1:2:3]", b"[1::2::3]", b"[:::]", b"[:1]", b"[1:2:3:4:5:6:7:8:9]",
    b"[1:2:3:4:5:6:7:8::]", b"[12345::]", b"[::g]", b"[::1%25lo]", b"[::1.2.3]", b"[::1.2.3.256]",
    b"[1.2.3.4]", b"[::1.2.3.4:5]", b"[v.x]", b"[v1.]", b"[v1x]", b"[vg.x]", b"[v1.x", b"[v1.x/y]",
    b"[" + b"0:" * 60 + b"]")


class HttpStrict(HttpRefusals):
    group = "http_strict"

    @promise("http-limits", "7-", ONLY_HTTP)
    def hosts(self):
        """What RFC 3986 calls a host and a port is accepted, in Host and in the target."""
        server = self.serve()
        for host in GOOD_HOSTS:
            for request in (b"GET / HTTP/1.1\r\nHost: " + host + b" \r\n\r\n",
                            b"GET http://" + host + b" HTTP/1.1\r\nHost:\r\n\r\n",
                            b"GET HTTP://" + host + b"/?x HTTP/1.1\r\nHost: b\r\n\r\n"):
                response, reader = self.ask(server, request)
                self.expect_hello(response, f"{request!r}: this host is valid")
                reader.client.close()

    @promise("http-limits", "7-", ONLY_HTTP)
    def bad_hosts(self):
        """A Host that is no host and port: 400."""
        server = self.serve()
        for host in BAD_HOSTS:
            for version in (b"1.1", b"1.0"):
                request = b"GET / HTTP/" + version + b"\r\nHost: " + host + b"\r\n\r\n"
                self.expect_refusal(server, request, 400, f"Host: {host!r} is no host and port")
        request = b"GET http://a/ HTTP/1.1\r\nHost: u@b\r\n\r\n"
        self.expect_refusal(server, request, 400, f"{request!r}: Host is ignored, but no host")

    @promise("http-limits", "7-", ONLY_HTTP)
    def bad_targets(self):
        """A target whose authority is no host and port, or that has no path: 400."""
        server = self.serve()
        no_path = [b"*", b"a", b"a:80", b"//".join((b"https:", b"a/")), b"http:/a/", b"http:a",
                   b"http://", b"http:///", b"http://?x", b"?x", b"\\"]
        spaced = (b" ", b"\t", b"/", b"?", b"http://a")     # they make another kind of mistake
        for target in no_path + [b"http://" + host + path for host in BAD_HOSTS
                                 if not any(part in host for part in spaced)
                                 for path in (b"/", b"", b"?x")]:
            for method in (b"GET", b"POST"):
                request = method + b" " + target + b" HTTP/1.1\r\nHost: a\r\n\r\n"
                self.expect_refusal(server, request, 400, f"{request!r}")

    @promise("http-limits", "7-", ONLY_HTTP)
    def transfer_codings(self):
        """Unknown: 501. Something after chunked, or no coding: 400. Else a body: 413."""
        server = self.serve()
        for status, values in (
                (501, (b"x", b"gzip", b"identity", b"gzip, chunked", b"chunkedx", b"x,\tchunked",
                       b"x, y", b"x y", b"x\r\nTransfer-Encoding: chunked")),
                (413, (b"chunked", b"CHUNKED", b", chunked", b"\tchunked ,", b" ,, chunked")),
                (400, (b"chunked, gzip", b"chunked,x", b"chunked, chunked", b"chunked,identity",
                       b"chunked\r\ntransfer-encoding: x", b"chunked\r\nTransfer-Encoding: chunked",
                       b"", b",", b" , ", b"chunked x", b"chunked;a=b", b"\"chunked\"",
                       b"\r\nTransfer-Encoding: chunked",
                       b"\x0bchunked", b"chunked\x00", b"gzip; chunked"))):
            for value in values:
                request = (b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: " + value
                           + b"\r\n\r\n0\r\n\r\n")
                self.expect_refusal(server, request, status, f"Transfer-Encoding: {value!r}")

    @promise("http-limits", "7-", ONLY_HTTP)
    def two_lengths(self):
        """A body that two readers could cut differently: 400."""
        server = self.serve()
        coding, length = b"Transfer-Encoding: chunked\r\n", b"Content-Length: 0\r\n"
        for version, fields in ((b"1.1", coding + length), (b"1.1", length + coding),
                                (b"1.1", b"Transfer-Encoding: x\r\n" + length),
                                (b"1.0", coding), (b"1.0", b"Transfer-Encoding: x\r\n"),
                                (b"1.1", length + length), (b"1.0", length * 2),
                                (b"1.1", length + b"Content-Length: 5\r\n"),
                                (b"1.1", b"Content-Length: 0,0\r\n"),
                                (b"1.1", b"Content-Length: 0 0\r\n"),
                                (b"1.1", b"Content-Length: +0\r\n"),
                                (b"1.1", b"Content-Length: 0x0\r\n")):
            request = b"POST / HTTP/" + version + b"\r\nHost: a\r\n" + fields + b"\r\n"
            self.expect_refusal(server, request + GET, 400, f"{request!r}")

    def expect_refusal_now(self, server, sent: bytes, statuses=(400,), pieces=1):
        """So much has come that no request can become of it, and nothing follows."""
        reader = Reader(self.connect(server))
        size = -(-len(sent) // pieces)
        for at in range(0, len(sent), size):
            reader.client.send_or_not(sent[at:at + size])
        if reader.client.quiet(self.limit(2)):
            raise Broken(f"{sent!r} was sent, and nothing after it: no request begins with this "
                         f"line, and it has not been refused within {self.limit(2):g} s\n"
                         "  does the server wait for an empty line, which may never come?")
        response = reader.response()
        if response.status not in statuses or not response.closes:
            raise Broken(f"{sent!r}: expected status {statuses[0]} and Connection: close, got "
                         f"{response.head!r}")
        reader.end(f"after {sent!r} the connection must be closed in order")
        reader.client.close()

    @promise("http-limits", "7-", ONLY_HTTP)
    def first_line_at_once(self):
        """A first line that begins no request is refused when its newline has come."""
        server = self.serve()
        for line in (b"garbage\r\n", b"x\n", b"\r\r\n", b" \r\n", b"\x00\n", b"GET /\r\n",
                     b"GET / HTTP/1.1 \r\n", b"GET x HTTP/1.1\r\n", b"GET http://u@a/ HTTP/1.1\r\n",
                     b"\x16\x03\x01\x02\x00\x01\x00\n", b"EHLO here\r\n", b"\r\nx\r\n",
                     b"G" * 4000 + b"\n", b"SSH-2.0-OpenSSH\r\n"):
            self.expect_refusal_now(server, line)
        self.expect_refusal_now(server, b"garbage\r\n", pieces=9)
        self.expect_refusal_now(server, b"GET / HTTP/2.0\r\n", (505, 400))
        self.expect_refusal_now(server, b"garbage\r\n" + GET)
        self.expect_serving(server)

    @promise("http-limits", "7-", ONLY_HTTP)
    def good_first_line_waits(self):
        """A first line that begins a request is not answered before the head has ended."""
        reader = Reader(self.connect(self.serve()))
        for cut in (GET.index(b"\n") + 1, len(GET) - 2):
            reader.client.send(GET[:cut])
            if not reader.client.quiet(0.1):
                raise Broken(f"{GET[:cut]!r} was sent, which is a request's beginning; there came "
                             f"{reader.client.read(100)!r}")
            reader.client.send(GET[cut:])
            self.expect_hello(reader.response(), f"{GET!r}, cut after byte {cut}")

    @promise("http-limits", "7-", ONLY_HTTP)
    def one_client_too_many(self):
        """-c 1, and a second client: it is told 503, and the connection is closed."""
        server = self.serve("-c", "1")
        first = Reader(self.connect(server))
        first.client.send(GET)
        self.expect_hello(first.response(), "-c 1, the first client")
        for sent in (b"", b"", GET):
            reader = Reader(self.connect(server))
            reader.client.send_or_not(sent)
            response = reader.response(head_only=True)
            if response.status != 503 or not response.closes:
                raise Broken("-c 1, and a second client: expected status 503 and Connection: "
                             f"close, got {response.head!r}")
            if response.fields.get("content-length") != "0":
                raise Broken("the request has not been read and may be HEAD: 503 needs "
                             f"Content-Length: 0 and no body, got {response.head!r}")
            if not sent:
                reader.end("a client too many is told 503, and then the connection ends")
            reader.client.close()
        self.expect_still_open(first, "others were refused")
        first.client.close()

        def served():
            again = Reader(self.connect(server))
            again.client.send_or_not(GET)
            status = again.response().status
            again.client.close()
            return status == 200

        if not self.becomes(served):
            raise Broken("-c 1: the first client has left, and newcomers are still refused")

    @promise("http-limits", "7-", ONLY_HTTP)
    def options_for_the_server(self):
        """OPTIONS * is a request, of a method that is not offered; GET * is none."""
        server = self.serve()
        request = b"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n"
        _, reader = self.expect_status(server, request, 405)
        self.expect_still_open(reader, "OPTIONS *")
        for line in (b"OPTIONS *x HTTP/1.1\r\n", b"GET * HTTP/1.1\r\n"):
            self.expect_refusal(server, line + b"Host: a\r\n\r\n", 400)
