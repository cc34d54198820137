"""A stop, and whether a child lives on."""
from __future__ import annotations

import contextlib
import os
import signal
import subprocess

from exercises.marks import judges
from harness.check import Check
from harness.server import Broken


def lives(pid: int) -> bool:
    """Whether the process is there, and more than a zombie."""
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii") as file:
            return file.read().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


class Orphans(Check):
    group = "orphans"

    @judges(("fork_server",))
    def none_lives_on(self):
        """SIGTERM or SIGINT ends the server: its children end too."""
        for how in (signal.SIGTERM, signal.SIGINT):
            server = self.serve()
            clients = self.connect_many(server, 3)
            for client in clients:
                client.echo()
            children = server._children()
            os.kill(server.process.pid, how)
            try:
                server.process.wait(self.limit(5))
            except subprocess.TimeoutExpired:
                raise Broken(f"{how.name} was sent to the server; it does not end") from None
            if self.becomes(lambda: not any(map(lives, children)), 1):
                continue
            left = [pid for pid in children if lives(pid)]
            for pid in left:        # which hold the server's streams open
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            raise Broken(f"three clients were connected, and {how.name} was sent to the server: it "
                         f"has ended, and {len(left)} of its children live on")
