"""-u PATH: the echo on a Unix-domain socket, and whose file may be removed."""
from __future__ import annotations

import os
import signal
import socket
import stat
import tempfile
from pathlib import Path

from exercises.marks import judges
from harness.check import Check
from harness.client import Client, noise
from harness.server import STOP_LIMIT, Broken

LONGEST = 107       # bytes of a path that leave room for the zero at its end


class UnixSocket(Check):
    group = "unix_socket"

    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="u-")   # pylint: disable=consider-using-with
        self.addCleanup(folder.cleanup)
        os.chmod(folder.name, 0o777)        # the server may run as another user
        self.folder = folder.name
        self.path = f"{self.folder}/echo.sock"

    # -- servers and clients ----------------------------------------------

    def serve_at(self, path: str, *args):
        """A server on a path, when it is ready."""
        server = self.start(*args, "-u", path)
        server.out.wait(lambda text: "\n" in text, self.limit(10))
        if server.out.text != f"listening on unix:{path}\n":
            status = server.process.poll()
            ended = "" if status is None else f"; it ended with status {status}"
            raise Broken(f"-u {path}: stdout must hold `listening on unix:{path}`; it holds "
                         f"{server.out.text!r}{ended}, and stderr {server.err.text[:300]!r}")
        server.base_fds = server.fds()
        return server

    def connect_to(self, path: str, name: str = "") -> Client:
        sock = socket.socket(socket.AF_UNIX)
        self.addCleanup(sock.close)
        if name:
            sock.bind(name)
        sock.settimeout(self.limit(10))
        try:
            sock.connect(path)
        except OSError as error:
            raise Broken(f"-u {path} is served: a client can't connect there: "
                         f"{error.strerror}") from None
        return Client(sock, self.limit(10))

    def left_at(self, path: str):
        """A socket on which nobody listens, as a server that was killed leaves it there."""
        with socket.socket(socket.AF_UNIX) as sock:
            sock.bind(path)
        os.chmod(path, 0o777)       # the server may run as another user

    def listen_at(self, path: str, backlog: int) -> socket.socket:
        """Another program's listener, which accepts nobody."""
        sock = socket.socket(socket.AF_UNIX)
        self.addCleanup(sock.close)
        sock.bind(path)
        os.chmod(path, 0o777)       # the server may run as another user
        sock.listen(backlog)
        return sock

    def fill(self, path: str):
        """Connect until the listener's queue is full."""
        while True:
            sock = socket.socket(socket.AF_UNIX)
            self.addCleanup(sock.close)
            sock.setblocking(False)
            if sock.connect_ex(path):
                return

    def expect_in_use(self, path: str):
        """A start on that path fails: one line with call, path and reason, exit status 1."""
        lines = self.refuse("-u", path, status=1)
        for word in ("bind", path, "Address already in use"):
            if len(lines) != 1 or word not in lines[0]:
                raise Broken(f"-u {path}, where something stands: expected one line on stderr with "
                             f"bind, the path, and `Address already in use`; got {lines!r}")

    def expect_path(self, why: str):
        if not os.path.lexists(self.path):
            raise Broken(f"{self.path} has gone\n  {why}")

    # -- checks -----------------------------------------------------------

    @judges()
    def echo(self):
        """Clients on the path get their bytes back, and end of file; -a and -p are no matter."""
        server = self.serve_at(self.path, "-a", "127.0.0.1", "-p", "0")
        if not stat.S_ISSOCK(os.stat(self.path).st_mode):
            raise Broken(f"{self.path} is no socket")
        clients = [self.connect_to(self.path) for _ in range(self.few(50, 5))]
        for number, client in enumerate(clients):
            client.echo(b"client %d\n" % number)
        self.expect_all(clients[0], noise(self.few(1_000_000, 100_000)))
        for client in clients:
            client.close()
        self.expect_no_leak(server)
        server.stop()

    @judges()
    def verbose(self):
        """-v: `opened unix:` and `closed unix:`, with the client's path if it has one."""
        server = self.serve_at(self.path, "-v")
        for name in ("", f"{self.folder}/client", ""):
            client = self.connect_to(self.path, name)
            client.echo(b"x")
            client.close()
            self.expect_no_leak(server)
        server.stop()
        words = server.err.text.splitlines()
        clients = ["unix:", f"unix:{self.folder}/client", "unix:"]
        expected = [f"{server.name}: {what} {client}" for client in clients
                    for what in ("opened", "closed")]
        if words != expected:
            raise Broken(f"-v, a client without a path, one with, one without: expected\n"
                         f"  {expected!r}, got\n  {words!r}\n"
                         "  how much of the address has accept(2) written?")

    @judges()
    def removed_at_the_end(self):
        """After SIGTERM or SIGINT the path has gone, also when clients are connected."""
        for how in (signal.SIGTERM, signal.SIGINT):
            server = self.serve_at(self.path)
            self.connect_to(self.path).echo()
            server.stop(how, STOP_LIMIT)
            if os.path.lexists(self.path):
                raise Broken(f"{how.name} was sent and the server has ended; {self.path} is "
                             "still there\n  closing the socket does not remove it")

    @judges()
    def in_use(self):
        """A second server on the path of one that runs is refused, and takes nothing away."""
        first = self.serve_at(self.path)
        early = self.connect_to(self.path)
        self.expect_in_use(self.path)
        self.expect_path("a second server was started there, and refused: whose socket has it "
                         "removed?")
        self.connect_to(self.path).echo(hint="a second server was started on this path, and "
                                        "refused; the first must be served as before")
        early.echo()
        first.stop()

    @judges()
    def left_behind(self):
        """A server that was killed leaves its socket there; the next one takes the path."""
        first = self.serve_at(self.path)
        first.kill()
        self.expect_path("a server that is killed can't remove its socket: is it there at all?")
        second = self.serve_at(self.path)
        self.connect_to(self.path).echo(hint="the path was taken over from a killed server")
        second.stop()

    @judges()
    def no_other_file(self):
        """Where a file of another kind stands, the start fails, and the file stays."""
        Path(self.path).write_text("keep me\n", encoding="ascii")
        self.expect_in_use(self.path)
        self.expect_path("a regular file stood there, which is none of the server's: does "
                         "connect(2) tell a file from a socket without a server?")
        os.unlink(self.path)
        os.symlink(self.folder, self.path)
        self.expect_in_use(self.path)
        self.expect_path("a symbolic link stood there")

    @judges()
    def no_link(self):
        """A symbolic link stays, also one that leads to a socket that was left behind."""
        left = f"{self.folder}/left.sock"
        self.left_at(left)
        os.symlink(left, self.path)
        try:
            self.expect_in_use(self.path)
        except Broken as broken:
            raise Broken(f"{broken}\n  {self.path} is a symbolic link to a socket on which nobody "
                         "listens: does your look at the file follow the link?") from None
        for path in (left, self.path):
            if not os.path.lexists(path):
                raise Broken(f"{path} has gone\n  {self.path} was a symbolic link to {left}")

    @judges()
    def busy(self):
        """Where another program listens and its queue is full, the start fails at once."""
        self.listen_at(self.path, 0)
        self.fill(self.path)
        server = self.start("-u", self.path)
        try:
            server.wait_exit(self.limit(2))
        except Broken:
            server.kill()
            raise Broken(f"-u {self.path}, where another program listens whose queue is full: the "
                         "start must fail at once; it waits\n  does connect(2) wait there for a "
                         "place in the queue?") from None
        self.expect_in_use(self.path)
        self.expect_path("another program listens there, and its queue is full: which errors of "
                         "connect(2) say that nobody listens?")

    @judges()
    def another_has_it(self):
        """At the end, a socket of another program that stands there by then stays."""
        server = self.serve_at(self.path)
        os.unlink(self.path)
        self.listen_at(self.path, 5)
        server.stop(limit=STOP_LIMIT)
        self.expect_path("another program had taken it, and the server has removed that "
                         "program's socket at its end\n  whose file is it? compare it with the "
                         "one that bind(2) made")

    @judges()
    def path_that_fits(self):
        """107 bytes are served whole; no path, or 108 bytes, is wrong use."""
        longest = f"{self.folder}/".ljust(LONGEST, "x")
        server = self.serve_at(longest)
        self.connect_to(longest).echo()
        server.stop()
        if os.path.lexists(longest):
            raise Broken(f"a path of {LONGEST} bytes is still there after the end")
        for wrong in ("", longest + "x"):
            lines = self.refuse("-u", wrong)
            if len(lines) != 2 or "-u" not in lines[0] or "usage" not in lines[1]:
                raise Broken(f"-u with {len(wrong)} bytes is wrong use: expected a line that "
                             f"names -u and the usage; got {lines!r}")
