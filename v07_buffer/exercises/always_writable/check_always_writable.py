"""What the server costs, as it stands and with EPOLLOUT always watched for."""
from __future__ import annotations

import os
import re
import shutil
import subprocess
import time

from exercises.marks import measures
from harness.build import scratch
from harness.check import Check
from harness.server import Broken, Server
from harness.spec import ONLY_ECHO
from plants.plant import plant
from plants.sow import copy_sources

CHANGED = plant(
    7, "always-writable", "always watches for writability", "connection_settle.c",
    "    bool writing = !buffer_is_empty(&connection->output) || connection->pending;",
    "    bool writing = true;",
    also=(("connection_settle.c", "connection->channel.events == EPOLLIN;",
           "connection->channel.events == (EPOLLIN | EPOLLOUT);"),))


class AlwaysWritable(Check):
    group = "always_writable"

    def changed(self) -> Server:
        """The stage with the change that the README shows, started."""
        folder = scratch() / f"always-writable-{os.getpid()}"      # each worker has its own
        if not (folder / "echo_server").exists():
            shutil.rmtree(folder, ignore_errors=True)
            copy_sources(CHANGED, folder)
            subprocess.run(["make", "-s", "-C", str(folder), "CFLAGS=-O1", "echo_server"],
                           check=True, capture_output=True)
        server = Server(folder / "echo_server", ("-p", "0"), self.mode)
        self.servers.append(server)
        self.addCleanup(server.kill)
        return server.wait_ready()

    def calls(self, server, name: str) -> int:
        """How often the server makes this call while the clients come, talk and leave."""
        strace = self.need("strace")
        trace = subprocess.Popen(
            [strace, "-qq", "-e", f"trace={name}", "-o", "/dev/stdout", "-p",
             str(server.process.pid)],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        try:
            self.wait_traced(trace, server.process.pid)
            for _ in range(self.numbers["clients"]):
                client = self.connect(server)
                for _ in range(self.numbers["lines"]):
                    client.echo(b"hello\n")
                client.close()
                self.becomes(lambda: server.fds() <= server.base_fds)
        finally:
            trace.terminate()
            text, _ = trace.communicate()
        return len(re.findall(rf"^{name}\(", text, re.M))

    def wait_traced(self, trace, pid: int):
        def traced():
            with open(f"/proc/{pid}/status", encoding="ascii") as file:
                return not re.search(r"^TracerPid:\s+0$", file.read(), re.M)

        self.becomes(lambda: traced() or trace.poll() is not None)
        if trace.poll() is not None:
            self.skipTest(f"strace may not trace here: {trace.stderr.read().strip()}")

    @measures("controls", programs=ONLY_ECHO)
    def controls(self):
        """strace: calls of epoll_ctl of the stage as it stands."""
        return self.calls(self.serve(), "epoll_ctl")

    @measures("sends", programs=ONLY_ECHO)
    def sends(self):
        """strace: calls of send of the stage as it stands."""
        return self.calls(self.serve(), "sendto")

    @measures("changed_controls", programs=ONLY_ECHO)
    def changed_controls(self):
        """strace: calls of epoll_ctl of the changed server."""
        return self.calls(self.changed(), "epoll_ctl")

    @measures("changed_cpu", near=0.2, programs=ONLY_ECHO)
    def changed_cpu(self):
        """/proc: the share of time that the changed server runs, with one silent client."""
        server = self.changed()
        self.connect(server)
        if not self.becomes(lambda: server.fds() > server.base_fds):
            raise Broken("a client connected, and the server does not accept it")
        before, start = server.awake(), time.monotonic()
        time.sleep(0.3)
        return 100 * (server.awake() - before) / (time.monotonic() - start)
