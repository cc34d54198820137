"""Each descriptor is closed once: a second close may hit another's, opened meanwhile."""
from __future__ import annotations

import os
import re
import signal
from dataclasses import dataclass

from harness.check import Check
from harness.modes import PLAIN, Mode
from harness.server import Broken
from harness.spec import EACH, promise

# It is answered by each program that answers, as a message or as a request.
MESSAGE = b"GET / HTTP/1.0\r\n\r\n"


@dataclass(frozen=True)
class Traced(Mode):
    """Starts a server under strace, which notes each close; as the server's child, not parent."""

    file: str = ""

    def wrap(self, argv, log):
        return ["strace", "-D", "-f", "-q", "-e", "trace=close", "-e", "signal=none",
                "-o", self.file, *argv]


def failed_closes(log: str) -> list:
    """The number of each descriptor that was not open when it was closed."""
    began, failed = {}, []
    for line in log.splitlines():
        process = line.split(" ", 1)[0]
        number = re.search(r" close\((\d+)", line)
        if number:
            began[process] = number.group(1)
        if "EBADF" in line:
            failed.append(f"{began.get(process, '?')} by process {process}")
    return failed


class Closes(Check):
    group = "closes"

    @promise("leaks", "1-", EACH, modes=("plain",))
    def each_descriptor_once(self):
        """strace: from start to stop, with clients that come, go and stay, no close fails."""
        self.need("strace")
        file = self.shared_file()
        self.mode = Traced("traced", scale=3, file=file.name)
        server = self.serve()
        self.mode = PLAIN
        served = 1 if self.target.program == "echo_server" and self.stage == 1 else 4
        clients = [self.connect(server) for _ in range(served)]
        for number, client in enumerate(clients):
            client.send_or_not(MESSAGE)
            client.read(1)
            if number == 1:
                client.close()
            if number == 2:
                client.reset()
        os.kill(server.process.pid, signal.SIGTERM)
        status = server.wait_exit(10)

        def traced():
            with open(file.name, encoding="utf-8", errors="replace") as log:
                return log.read()

        ended = rf"^{server.process.pid}\s+\+\+\+ (exited with|killed by) (\w+)"
        if not self.becomes(lambda: re.search(ended, traced(), re.M)):
            self.skipTest(f"strace may not trace here: {traced()[-200:]!r}, status {status}")
        end = re.search(ended, traced(), re.M)
        if end[1] == "killed by":
            raise Broken(f"a few clients came and went, then SIGTERM: the server ended by {end[2]}")
        wrong = failed_closes(traced())
        if wrong:
            raise Broken(f"descriptors that are not open were closed: {', '.join(wrong)}\n"
                         "  who owns each? Another thread may have got the number meanwhile, and "
                         "loses what it has just opened")
