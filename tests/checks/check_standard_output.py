"""Standard output when the ready line can't be written: at once, or ever."""
from __future__ import annotations

import os
import random
import select
import signal

from checks.check_standard import EVERYBODY, Standard, fill
from harness.server import READY, Broken, exit_words
from harness.spec import promise

FOR_EVER = ("a pipe whose reader has gone", "not open for writing", "/dev/full")


class StandardOutput(Standard):
    group = "standard"

    @promise("standard", "3-", EVERYBODY)
    def output_takes_nothing(self):
        """Standard output will never take the ready line: failure at start, or nobody minds."""
        for what, fd in self.states():
            if what not in FOR_EVER:
                continue
            server = self.start("-v", "-p", "0", stdout=fd)
            if self.becomes(lambda s=server: not s.alive(), 0.5):
                status, lines = server.wait_exit(1), server.err.text.splitlines()
                if status != 1 or len(lines) != 1 or not lines[0].startswith(server.name + ": "):
                    raise Broken(f"stdout is {what}: it ended with {exit_words(status)}, stderr "
                                 f"has {server.err.text!r}\n  expected: it serves, or one line "
                                 "with the reason and exit status 1")
            else:
                self.expect_well(self.serve_unseen("-v", stdout=fd), f"stdout is {what}")

    @promise("standard", "3-", EVERYBODY)
    def output_read_late(self):
        """Standard output is full. When somebody reads it the ready line comes, and it serves."""
        reader, writer = self.keep(*os.pipe())
        fill(writer, b"x" * 4096)
        server = self.start("-v", "-p", "0", stdout=writer)
        self.becomes(lambda: server.fds() > 5 and self.stays(server.sleeps, 3))
        text = b""
        while b"\n" not in text:
            if not select.select([reader], [], [], self.limit(5))[0]:
                raise Broken("stdout was full and is read now; no ready line comes, but "
                             f"{text[-100:]!r}")
            text += os.read(reader, 1 << 16).lstrip(b"x")
        match = READY.match(text.decode().rstrip("\n"))
        if not match:
            raise Broken(f"stdout was full and is read now; the ready line is {text!r}")
        server.address, server.port = match.group(2), int(match.group(3))
        server.base_fds = server.fds() if server.name != "prefork_server" else 999
        self.expect_well(server, "stdout was full, and is read now")

    @promise("standard", "3-", EVERYBODY)
    def stop_before_it_is_ready(self):
        """Standard output is full in any way and the ready line can't be written: signals count."""
        for what, fd in self.states():
            if what in FOR_EVER:
                continue
            how = random.choice((signal.SIGTERM, signal.SIGINT))
            server = self.serve_unseen(stdout=fd)
            try:
                server.stop(how)
            except Broken as error:
                raise Broken(f"stdout is {what}: {error}\n  are signals blocked while the ready "
                             "line waits?") from None
