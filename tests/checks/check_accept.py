"""accept fails, again and again: that is said, and does not cost the machine."""
from __future__ import annotations

import os
import time

from harness.check import Check
from harness.server import Broken
from harness.spec import ECHO, promise

WHILE = 0.5     # seconds that it is watched
MOST = 0.08     # of them, those that it may use: a rest of 10 ms leaves little to do
NOFILE = 14
CLIENTS = 20


class AcceptFails(Check):
    group = "accept_fails"

    def exhausted(self, **how):
        """A server that has clients waiting and no descriptor for them."""
        # Those of v01 need a descriptor for one client at a time, unless they have threads.
        one = self.stage == 1 and self.target.program != "thread_server"
        server = self.serve(nofile=4 if one else NOFILE, **how)
        clients = self.connect_many(server, CLIENTS)
        served = []
        for client in clients:
            client.send_or_not(b"in?")
            if client.quiet(0.2):
                break
            client.expect(b"in?")
            served.append(client)
        return server, clients, served

    def expect_rest(self, server, what: str):
        """It uses little CPU time; once more, should it have been at something else."""
        for _ in range(3):
            before = server.cpu()
            time.sleep(WHILE)
            used = server.cpu() - before
            if used <= MOST:
                return
        raise Broken(f"{CLIENTS} clients, {NOFILE} descriptors, {what}: accept fails, and the "
                     f"server used {used * 1000:.0f} of {WHILE * 1000:.0f} ms of CPU time\n"
                     "  does it rest after a failure? is errno looked at before anything that "
                     "changes it?")

    @promise("accept-failure", "1-5", ECHO, modes=("plain", "sanitize"))
    def said(self):
        """A line with the call and the reason; those who are there are served."""
        server, clients, served = self.exhausted()
        line = f"{server.name}: accept: Too many open files"
        if not server.err.wait(lambda text: line in text, self.limit(5)):
            raise Broken(f"descriptors have run out: stderr must say `{line}`; it has "
                         f"{server.err.text[:300]!r}")
        for client in served:
            client.echo(hint="this client was there before the descriptors ran out")
        for client in clients:
            client.close()
        if served:
            self.connect(server).echo(hint="all others have left: there are descriptors again")

    @promise("accept-failure", "1-5", ECHO, modes=("plain", "sanitize"))
    def rests(self):
        """However standard error is, the server does not spin."""
        gone, broken = os.pipe()
        os.close(gone)
        nowhere = os.open("/dev/full", os.O_WRONLY)
        for fd in (broken, nowhere):
            self.addCleanup(os.close, fd)
        for what, how in (("a stderr that is read", {}),
                          ("a stderr whose reader has gone", {"stderr": broken}),
                          ("a stderr without room (/dev/full)", {"stderr": nowhere})):
            server, clients, served = self.exhausted(**how)
            self.expect_rest(server, what)
            for client in served:
                client.echo(hint=f"{what}, and accept fails for others")
            for client in clients:
                client.close()
