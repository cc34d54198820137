"""A connector with back-off: when it connects, and what becomes of lines meanwhile."""
from __future__ import annotations

import os
import signal
import socket
import threading
import time

from exercises.marks import judges
from harness import build
from harness.check import Check
from harness.client import Client, noise, size_words
from harness.modes import PLAIN
from harness.server import Broken

DELAYS = (0.05, 0.1, 0.2, 0.4, 0.8, 1.0, 1.0)
LATE = 0.5              # so much later a busy machine may be
SLACK = 6 << 20         # -b, the loops' queues, the allocator
ONLY_PLAIN = ("plain",)

# A read from a socket whose connect failed waits for as long as the file HELD exists. SO_ERROR and
# the events of epoll tell of the failure at once.
SLOW_READ = r"""
#include <dlfcn.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

static void wait_if_failed(int fd)
{
    struct pollfd end = {.fd = fd};

    if (poll(&end, 1, 0) > 0 && end.revents & POLLERR)
        while (access(getenv("HELD"), F_OK) == 0)
            usleep(1000);
}

ssize_t recv(int fd, void *data, size_t size, int flags)
{
    ssize_t (*real)(int, void *, size_t, int) = dlsym(RTLD_NEXT, "recv");

    wait_if_failed(fd);
    return real(fd, data, size, flags);
}

ssize_t read(int fd, void *data, size_t size)
{
    ssize_t (*real)(int, void *, size_t) = dlsym(RTLD_NEXT, "read");

    wait_if_failed(fd);
    return real(fd, data, size);
}
"""


class Upstream:
    """A listening socket to which the server connects; with a backlog of -1 it is refused."""

    def __init__(self, check, port=0, backlog=100, rcvbuf=0, family=socket.AF_INET):
        self.check, self.limit = check, check.limit(10)
        self.sock = socket.socket(family, socket.SOCK_STREAM)
        check.addCleanup(self.sock.close)
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if rcvbuf:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, rcvbuf)
        host = "::1" if family == socket.AF_INET6 else "127.0.0.1"
        self.sock.bind((host, port))
        if backlog >= 0:
            self.sock.listen(backlog)
        self.port = self.sock.getsockname()[1]
        self.name = f"[{host}]:{self.port}" if ":" in host else f"{host}:{self.port}"

    def accept(self, limit: float = 0.0) -> Client:
        self.sock.settimeout(limit or self.limit)
        try:
            sock = self.sock.accept()[0]
        except socket.timeout:
            raise Broken("the upstream can be connected to, and the server has not done so for "
                         f"{limit or self.limit:g} s") from None
        far = Client(sock, self.limit)
        self.check.addCleanup(far.close)
        return far


class Reader(threading.Thread):
    """Reads lines beside the check, so that nobody waits for it."""

    def __init__(self, client: Client, size: int):
        super().__init__(daemon=True)
        self.client, self.size, self.got = client, size, b""
        self.start()

    def run(self):
        self.got = self.client.read(self.size)


class Connector(Check):
    group = "connector"

    def forward(self, upstream: Upstream, *args, **how):
        return self.serve("-u", upstream.name, *args, **how)

    def ask(self, client: Client, line: bytes = b"hello\n") -> str:
        """What the server says of the line."""
        client.send(line)
        answer = client.read(5)
        if answer not in (b"sent\n", b"lost\n"):
            raise Broken(f"the line {line[:40]!r} was sent; the answer is {answer!r}, neither "
                         "`sent` nor `lost`")
        return answer[:4].decode()

    def expect_answer(self, client: Client, wanted: str, why: str):
        """It becomes so within a while."""
        answers = []
        if not self.becomes(lambda: answers.append(self.ask(client)) or answers[-1] == wanted):
            raise Broken(f"{why}: a line should be answered with `{wanted}`; for 5 s it was "
                         f"`{answers[-1]}`")

    # -- lines ------------------------------------------------------------

    @judges()
    def lines_go_to_the_upstream(self):
        """Lines of several clients, over one connection: each whole, each answered `sent`."""
        for family in (socket.AF_INET, socket.AF_INET6):
            upstream = Upstream(self, family=family)
            server = self.forward(upstream, "-t", "2")
            far = upstream.accept()
            clients = self.connect_many(server, 5)
            self.expect_answer(clients[0], "sent", "the upstream is there")
            count = self.few(200, 30)
            lines = [[b"%d:%d:%s\n" % (who, n, b"x" * (n * 37 % 500)) for n in range(count)]
                     for who in range(5)]
            for client, own in zip(clients, lines):
                client.send(b"".join(own))
            for client in clients:
                client.expect(b"sent\n" * count, "each line is answered, in its turn")
            self.expect_lines(far, lines)
            if upstream_has_more(upstream):
                raise Broken("the server has made a second connection to the upstream")

    def expect_lines(self, far: Client, lines):
        size = sum(len(line) for own in lines for line in own)
        got = far.read(1)
        while got.startswith(b"h"):     # what was sent to find out whether it is up
            far.expect(b"ello\n")
            got = far.read(1)
        got = (got + far.read(size - 1)).splitlines(keepends=True)
        for who, own in enumerate(lines):
            mine = [line for line in got if line.startswith(b"%d:" % who)]
            if mine != own:
                raise Broken(f"a client sent {len(own)} lines; {len(mine)} of it came to the "
                             "upstream, or they came in another order, or cut up")

    @judges(modes=ONLY_PLAIN)
    def wrong_use(self):
        """-u must be there, a numeric address and a port; anything else: usage, exit 2."""
        bad = ("", "127.0.0.1", "127.0.0.1:", ":80", "127.0.0.1:0", "127.0.0.1:65536", "::1:80",
               "127.0.0.1:80x", "localhost:80", "[127.0.0.1]:80", "[::1]")
        for args in (("-p", "0"), *(("-p", "0", "-u", value) for value in bad)):
            lines = self.refuse(*args)
            if len(lines) != 2 or "usage" not in lines[1] or "-u" not in lines[1]:
                raise Broken(f"wrong use {args} earns two lines, what is wrong and the usage with "
                             f"-u in it; stderr has {lines!r}")

    # -- trying again -----------------------------------------------------

    @judges(modes=ONLY_PLAIN)
    def refused_is_not_connected(self):
        """Nobody listens at the upstream's address: no line is `sent`, not for a moment."""
        upstream, held = Upstream(self, backlog=-1), self.shared_file()
        server = self.forward(upstream, env=(("LD_PRELOAD", str(slow_read())),
                                             ("HELD", held.name)))
        client, answers = self.connect(server), []
        try:
            self.becomes(lambda: answers.append(self.ask(client)) or answers[-1] == "sent"
                         or upstream.name in server.err.text, 1.0)
        finally:
            held.close()        # the read goes on
        if answers[-1] == "sent":
            raise Broken("connect(2) was refused, for nobody listens at the upstream's address; "
                         f"line {len(answers)} was answered with `sent`, not `lost`\n  epoll "
                         "reports a socket with EPOLLOUT also when connect(2) failed: is SO_ERROR "
                         "asked before it is taken for connected?")

    @judges()
    def down_and_up_again(self):
        """The upstream is down, up, down and up: lines are lost or sent accordingly."""
        upstream = Upstream(self)
        upstream.sock.close()
        server = self.forward(upstream)
        client = self.connect(server)
        for looks in (400, 20):     # the first time it tries six times in vain
            self.expect_answer(client, "lost", "nobody listens at the upstream's address")
            self.stays(lambda: True, looks)
            upstream = Upstream(self, port=upstream.port)
            far = upstream.accept()
            self.expect_answer(client, "sent", "the upstream is there")
            far.expect(b"hello\n", "this line was answered with `sent`")
            upstream.sock.close()
            far.close()
        self.expect_answer(client, "lost", "the upstream is gone")
        words = server.err.text.count(upstream.name)
        if not 1 <= words <= 5:
            raise Broken("the upstream was down three times, and stderr names it "
                         f"{words} times; each new failure should be said, and said once")

    @judges(modes=ONLY_PLAIN)
    def each_wait_is_longer(self):
        """An upstream that closes at once: 50, 100, 200, 400, 800, 1000, 1000 ms in between."""
        self.within_limits(self.flap)

    def within_limits(self, attempt):
        """A busy machine may be late; too early is always wrong."""
        for left in (2, 1, 0):
            late = attempt()
            if not late:
                return
            if not left:
                raise Broken(late)

    def flap(self) -> str:
        upstream = Upstream(self)
        server = self.forward(upstream)
        try:
            self.drop(upstream)
            for number, delay in enumerate(DELAYS, 1):
                spent, limit = self.drop(upstream), delay + LATE
                if spent > limit:
                    return (f"connection {number + 1} came {spent * 1000:.0f} ms after the one "
                            f"before was closed; it should come after {delay * 1000:.0f}")
                if spent < delay - 0.002:
                    raise Broken(f"connection {number + 1} came {spent * 1000:.0f} ms after the "
                                 f"one before was closed; it should come after "
                                 f"{delay * 1000:.0f}\n  does a connection that ends at once count "
                                 "as a failure?")
            return ""
        finally:
            server.kill()

    def drop(self, upstream: Upstream, stand: float = 0.0) -> float:
        """Accept and close. Returns how long it took after the last time."""
        far = upstream.accept()
        spent = time.monotonic() - getattr(upstream, "dropped", 0.0)
        if stand:
            time.sleep(stand)
        upstream.dropped = time.monotonic()
        far.close()
        return spent

    @judges(modes=ONLY_PLAIN)
    def a_connection_that_stood_counts(self):
        """After a connection of more than a second, the waits begin with 50 ms again."""
        self.within_limits(self.stand)

    def stand(self) -> str:
        upstream = Upstream(self)
        server = self.forward(upstream)
        try:
            for _ in range(5):
                self.drop(upstream)
            self.drop(upstream, stand=1.2)
            for delay in DELAYS[:2]:
                spent = self.drop(upstream)
                if spent > delay + LATE:
                    return (f"a connection stood for 1.2 s; the next came {spent * 1000:.0f} ms "
                            f"after its end, not after {delay * 1000:.0f}\n  does the delay begin "
                            "anew after a connection that stood?")
                if spent < delay - 0.002:
                    raise Broken(f"a connection was closed, and the next came after "
                                 f"{spent * 1000:.0f} ms, not after {delay * 1000:.0f}")
            return ""
        finally:
            server.kill()

    @judges(modes=ONLY_PLAIN)
    def no_answer_holds_nobody_up(self):
        """The upstream does not answer at all: clients are, and a stop does not wait."""
        upstream = Upstream(self, backlog=0)
        for _ in range(2):      # as many as the kernel's queue takes
            sock = socket.socket()
            sock.setblocking(False)
            sock.connect_ex(("127.0.0.1", upstream.port))
            self.addCleanup(sock.close)
        server = self.forward(upstream, "-t", "0")
        clients = self.connect_many(server, 3)
        for client in clients * 3:
            if self.ask(client) != "lost":
                raise Broken("the upstream has not answered, and a line was answered with `sent`")
        self.expect_asleep(server, "the upstream does not answer, and nobody talks")
        server.stop()

    # -- limits -----------------------------------------------------------

    @judges()
    def a_slow_upstream_costs_bounded_memory(self):
        """An upstream that does not read: lines are `lost` at -b; all that are `sent` arrive."""
        upstream = Upstream(self, rcvbuf=4096)
        server = self.forward(upstream, "-b", "65536", "-t", "1")
        far, client = upstream.accept(), self.connect(server)
        self.expect_answer(client, "sent", "the upstream is there")
        before, sent = server.memory(), []
        padding = noise(1000).hex().encode() * 8
        for number in range(4000):      # 64 MB, more than the kernel takes
            line = b"%d %s\n" % (number, padding)
            if self.ask(client, line) == "lost":
                break
            sent.append(number)
        else:
            raise Broken("-b is 65536 and the upstream does not read; 64 MB of lines were all "
                         "answered with `sent`")
        grown = 0 if self.mode.light else server.memory() - before
        if grown > SLACK:
            raise Broken(f"the upstream does not read, and -b is 65536: memory grew by "
                         f"{size_words(grown)}")
        far.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        reader = Reader(far, 1 << 30)
        self.expect_answer(client, "sent", "the upstream reads again")
        server.process.send_signal(signal.SIGTERM)
        server.wait_exit(self.limit(3))
        reader.join()
        got = [line.split(b" ")[0] for line in reader.got.splitlines() if line != b"hello"]
        if got != [b"%d" % number for number in sent]:
            raise Broken(f"{len(sent)} lines were answered with `sent`; {len(got)} came to the "
                         "upstream, or in another order")

    @judges()
    def a_stop_sends_the_rest(self):
        """SIGTERM: every line that was answered with `sent` reaches the upstream, then its end."""
        for late in self.few(3, 1) * (False, True):
            upstream = Upstream(self, rcvbuf=4096)
            server = self.forward(upstream, "-t", "2", "-b", "16777216")
            far, client = upstream.accept(), self.connect(server)
            self.expect_answer(client, "sent", "the upstream is there")
            size = 20_000 if late else 900      # much stays in the server, or the kernel has all
            lines = b"".join(b"%d %s\n" % (n, b"x" * size) for n in range(300))
            client.send(lines)
            client.expect(b"sent\n" * (300 if late else 1))
            server.process.send_signal(signal.SIGTERM)
            answers = client.rest().got.count(b"sent\n") + (300 if late else 1)
            self.stays(lambda: True, 20)        # so that nobody can send what is lost already
            self.expect_rest(far, answers)
            status = server.wait_exit(self.limit(2))
            if status != 0:
                raise Broken(f"after SIGTERM it ended with status {status}, not 0")

    def expect_rest(self, far: Client, answers: int):
        far.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        got = far.rest()
        arrived = [line for line in got.got.splitlines() if line != b"hello"]
        if got.end != "end of file" or len(arrived) != answers:
            raise Broken(f"SIGTERM: {answers} lines were answered with `sent`, {len(arrived)} "
                         f"reached the upstream, then: {got.end}\n  does the connection to the "
                         "upstream get the time to send what it holds?")

    @judges()
    def asleep_when_idle(self):
        """Connected, and nobody talks: no thread wakes up.."""
        upstream = Upstream(self)
        server = self.forward(upstream)
        for _ in range(3):
            upstream.accept().close()
        far, client = upstream.accept(), self.connect(server)
        self.expect_answer(client, "sent", "the upstream is there")
        far.expect(b"hello\n")
        self.becomes(server.sleeps)
        before = server.wakeups()
        self.stays(lambda: True, 60)
        if server.wakeups() - before > 2:
            raise Broken("the upstream is connected, and nobody talked for 0.3 s; threads woke up "
                         f"{server.wakeups() - before} times\n  is the timer still set?")


def slow_read():
    """The library that delays a read from a socket whose connect failed."""
    source = build.scratch() / f"slow_read.{os.getpid()}.c"
    source.write_text(SLOW_READ, encoding="ascii")
    return build.compile_c("connector/slow_read.so", [source], PLAIN, options=("-shared", "-fPIC"))


def upstream_has_more(upstream: Upstream) -> bool:
    upstream.sock.settimeout(0.1)
    try:
        upstream.sock.accept()[0].close()
    except socket.timeout:
        return False
    return True
