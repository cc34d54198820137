"""Each descriptor is closed once: a second close may hit another's, opened meanwhile."""
from __future__ import annotations

import os
import re
import signal
from dataclasses import dataclass

from harness.check import Check
from harness.modes import PLAIN, Mode
from harness.server import Broken
from harness.spec import EACH, ECHO, promise

# It is answered by each program that answers, as a message or as a request.
MESSAGE = b"GET / HTTP/1.0\r\n\r\n"


@dataclass(frozen=True)
class Traced(Mode):
    """Starts a server under strace, as the server's child: it notes each close and shutdown."""

    file: str = ""

    def wrap(self, argv, log):
        return ["strace", "-D", "-f", "-q", "-e", "trace=close,shutdown", "-e", "signal=none",
                "-o", self.file, *argv]


def failed_closes(log: str) -> list:
    """The number of each descriptor that was not open when it was closed."""
    began, failed = {}, []
    for line in log.splitlines():
        process = line.split(" ", 1)[0]
        number = re.search(r" close\((\d+)", line)
        if number:
            began[process] = number.group(1)
        if "EBADF" in line and "shutdown" not in line:
            failed.append(f"{began.get(process, '?')} by process {process}")
    return failed


class Closes(Check):
    group = "closes"

    def traced_server(self):
        self.need("strace")
        self.file = self.shared_file()
        self.mode = Traced("traced", scale=3, file=self.file.name)
        server = self.serve()
        self.mode = PLAIN
        return server

    def trace(self) -> str:
        with open(self.file.name, encoding="utf-8", errors="replace") as log:
            return log.read()

    def stop(self, server) -> str:
        """SIGTERM; what strace has written when the server has ended."""
        os.kill(server.process.pid, signal.SIGTERM)
        status = server.wait_exit(10)
        ended = rf"^{server.process.pid}\s+\+\+\+ (exited with|killed by) (\w+)"
        if not self.becomes(lambda: re.search(ended, self.trace(), re.M)):
            self.skipTest(f"strace may not trace here: {self.trace()[-200:]!r}, status {status}")
        end = re.search(ended, self.trace(), re.M)
        if end[1] == "killed by":
            raise Broken(f"a few clients came and went, then SIGTERM: the server ended by {end[2]}")
        return self.trace()

    @promise("leaks", "1-", EACH, modes=("plain",))
    def each_descriptor_once(self):
        """strace: from start to stop, with clients that come, go and stay, no close fails."""
        server = self.traced_server()
        served = 1 if self.target.program == "echo_server" and self.stage == 1 else 4
        clients = [self.connect(server) for _ in range(served)]
        for number, client in enumerate(clients):
            client.send_or_not(MESSAGE)
            client.read(1)
            if number == 1:
                client.close()
            if number == 2:
                client.reset()
        wrong = failed_closes(self.stop(server))
        if wrong:
            raise Broken(f"descriptors that are not open were closed: {', '.join(wrong)}\n"
                         "  who owns each? Another thread may have got the number meanwhile, and "
                         "loses what it has just opened")

    @promise("drain", "9-", ECHO, modes=("plain",))
    def end_of_file_before_the_close(self):
        """strace: a client that stays is sent the end of file first, and then its socket closed."""
        server = self.traced_server()
        client = self.connect(server)
        client.echo(b"still here\n")
        log = self.stop(server)
        if not re.search(r" shutdown\((\d+), SHUT_WR.* close\(\1\b", log, re.S):
            raise Broken("a client that is idle, and SIGTERM: no shutdown(N, SHUT_WR) comes before "
                         "a close(N)\n  if the client sends at that moment, close finds unread "
                         "bytes and resets the connection: the client never sees the end of file")
