"""http_server -q: who is refused while the workers have too much to do, and how."""
from __future__ import annotations

import signal
import threading

from exercises.marks import judges
from harness.check import Check
from harness.http import Reader
from harness.server import Broken
from harness.spec import ONLY_HTTP

GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
LATER = b"DELETE / HTTP/1.1\r\nHost: a\r\n\r\n"
HIDDEN = (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % len(GET)) + GET


class Busy503(Check):
    group = "busy_503"

    def readers(self, server, count: int) -> list:
        return [Reader(client) for client in self.connect_many(server, count)]

    def ask_at_once(self, server, readers, request=GET):
        """All requests are in the kernel before the server goes on."""
        server.process.send_signal(signal.SIGSTOP)
        for reader in readers:
            reader.client.send(request)
        server.process.send_signal(signal.SIGCONT)

    def answered(self, readers) -> list:
        return [reader for reader in readers if not reader.client.quiet(0)]

    def expect_hello(self, reader, about: str):
        response = reader.response()
        if response.status != 200:
            raise Broken(f"{about}: expected status 200, got {response.status}\n"
                         f"  {response.head!r}")

    def expect_busy(self, reader, about: str, head_only=False, closes=False):
        response = reader.response(head_only)
        if response.status != 503:
            raise Broken(f"{about}: expected status 503, got {response.status}")
        if response.fields.get("retry-after") != "1":
            raise Broken(f"{about}: 503 must come with `Retry-After: 1`: {response.head!r}")
        if response.closes != closes:
            raise Broken(f"{about}: 503 must {'' if closes else 'not '}say `Connection: close`: "
                         f"{response.head!r}\n  whether the connection ends depends on what the "
                         "request asks for, as with 200")

    def occupy(self, server, places: int) -> list:
        """Take all places, and wait until they are taken."""
        taken = self.readers(server, places)
        for reader in taken:
            reader.client.send(GET)
        if not self.becomes(lambda: not any(server.unread(r.client) for r in taken)):
            raise Broken("the server does not read the requests of its first clients")
        return taken

    def delay(self) -> int:
        """Milliseconds for -d: long enough for all that happens meanwhile."""
        return self.few(600, 3000)

    @judges(ONLY_HTTP)
    def one_more_is_refused_at_once(self):
        """-t 2 -w 1 -q 2: of five requests at once three are served, two get 503, at once."""
        server = self.serve("-t", "2", "-w", "1", "-q", "2", "-d", str(self.delay()))
        readers = self.readers(server, 5)
        self.ask_at_once(server, readers)
        self.becomes(lambda: len(self.answered(readers)) >= 2)
        first = self.answered(readers)
        for reader in first:
            self.expect_busy(reader, f"-w 1 -q 2, five requests at once, {len(first)} of them "
                             "were answered before one can have been handled")
        if len(first) != 2:
            raise Broken(f"-w 1 -q 2, five requests at once: {len(first)} got 503, not 2\n"
                         "  does one limit hold for the connections of all loops?")
        for reader in readers:
            if reader not in first:
                self.expect_hello(reader, "a request that was not refused")
        for reader in first:
            reader.client.send(GET)
            self.expect_hello(reader, "503 on a connection that is kept, then GET on the same "
                              "connection when nobody else asks")

    @judges(ONLY_HTTP)
    def places_for_all_that_is_promised(self):
        """-w 3 -q 1: four requests at once are served, although three workers slept."""
        for threads in ("1", "2"):
            server = self.serve("-t", threads, "-w", "3", "-q", "1", "-d", "60")
            readers = self.readers(server, 4)
            for turn in range(3):
                self.ask_at_once(server, readers)
                for reader in readers:
                    self.expect_hello(reader, f"-t {threads} -w 3 -q 1, turn {turn}, four "
                                      "requests at once, three to be handled and one to wait")
            server.stop()

    @judges(ONLY_HTTP)
    def one_at_a_time_is_never_refused(self):
        """-w 2 -q 2: four clients, each asks again when its answer has come."""
        server = self.serve("-t", "2", "-w", "2", "-q", "2")
        failures = []

        def ask(reader):
            try:
                for turn in range(self.few(500, 40)):
                    reader.client.send(GET)
                    self.expect_hello(reader, "-w 2 -q 2, four clients who each wait for the "
                                      f"answer before they ask again: request {turn}")
            except Broken as error:
                failures.append(error)

        threads = [threading.Thread(target=ask, args=(r,)) for r in self.readers(server, 4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if failures:
            raise Broken(f"{failures[0]}\n  is a place free again before its connection hands up "
                         "the next request?")

    @judges(ONLY_HTTP)
    def what_a_refusal_looks_like(self):
        """HEAD, another path, HTTP/1.0, close, an empty line first: 503 in the same form as 200."""
        server = self.serve("-t", "1", "-w", "1", "-q", "1", "-d", str(self.delay()))
        taken = self.occupy(server, 2)
        reader, old = self.readers(server, 2)
        reader.client.send(b"\r\n" + GET.replace(b"GET", b"HEAD") + GET +
                           GET.replace(b"/ ", b"/x ") + LATER)
        self.expect_busy(reader, "an empty line, then HEAD", head_only=True)
        for about in ("GET after HEAD (has the answer to HEAD a body?)", "GET /x", "DELETE /"):
            self.expect_busy(reader, about)
        old.client.send(b"GET / HTTP/1.0\r\n\r\n")
        self.expect_busy(old, "GET of HTTP/1.0", closes=True)
        old.end()
        reader.client.send(GET.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n") + GET)
        self.expect_busy(reader, "GET with Connection: close", closes=True)
        reader.end("a request came after Connection: close")
        for other in taken:
            self.expect_hello(other, "those who took the places")

    @judges(ONLY_HTTP)
    def what_ends_a_connection_ends_it(self):
        """A request with a body or a wrong head gets its own answer, also when all are busy."""
        server = self.serve("-t", "1", "-w", "1", "-q", "1", "-d", str(self.delay()))
        taken = self.occupy(server, 2)
        for request, status in ((HIDDEN, 413), (b"nonsense\r\n\r\n", 400),
                                (b"GET / HTTP/1.1\r\n\r\n", 400)):
            reader, = self.readers(server, 1)
            reader.client.send(request)
            response = reader.response()
            if response.status != status or not response.closes:
                raise Broken(f"{request!r}: expected status {status} and `Connection: close`, "
                             f"got {response.head!r}\n  nobody knows where the next request "
                             "begins: could a body pass for one?")
            reader.end(f"after {request!r} comes no second answer")
        for other in taken:
            self.expect_hello(other, "those who took the places")

    @judges(ONLY_HTTP)
    def who_has_gone_takes_no_place(self):
        """Clients ask and reset: their places are free again."""
        server = self.serve("-t", "2", "-w", "2", "-q", "2", "-d", "20")
        for _ in range(self.few(4, 2)):
            for reader in self.occupy(server, 4):
                reader.client.reset()
            self.expect_no_leak(server)
        readers = self.readers(server, 4)
        self.ask_at_once(server, readers)
        for reader in readers:
            self.expect_hello(reader, "-w 2 -q 2, four requests after many clients have left "
                              "before their answers: has each given its place back?")

    @judges(ONLY_HTTP)
    def without_a_limit_all_wait(self):
        """-q 0, and -q without workers: every request is served in its turn."""
        for args in (("-w", "1", "-q", "0"), ("-w", "0", "-q", "1")):
            server = self.serve("-t", "1", "-d", "10", *args)
            readers = self.readers(server, 12)
            self.ask_at_once(server, readers)
            for reader in readers:
                self.expect_hello(reader, f"{' '.join(args)}, twelve requests at once")
            server.stop()

    @judges(ONLY_HTTP)
    def the_option(self):
        """-q is in the usage, and takes a number."""
        server = self.start("-h")
        server.wait_exit(self.limit(10))
        if "-q N" not in server.out.text:
            raise Broken(f"-h does not mention `-q N`: {server.out.text!r}")
        for value in ("x", "-1", "", "4294967296"):
            lines = self.refuse("-p", "0", "-q", value)
            if len(lines) != 2 or "unknown" in lines[0]:
                raise Broken(f"-q {value!r} must earn two lines, what is wrong and the usage; "
                             f"stderr has {lines!r}")
