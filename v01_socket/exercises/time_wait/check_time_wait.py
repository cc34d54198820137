"""TIME-WAIT: who has it, for how long, and what it means for the next start."""
from __future__ import annotations

import os
import random
import re
import time
from dataclasses import dataclass

from checks.check_start import private_address
from exercises.marks import measures
from harness.check import Check
from harness.modes import PLAIN, Mode
from harness.server import Broken, Server

TIME_WAIT = "06"        # as /proc/net/tcp numbers the states
TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class WithoutReuse(Mode):
    """strace lets no setsockopt reach the kernel, and tells the program that all went well."""

    def wrap(self, argv, log):
        return ["strace", "-D", "-f", "-q", "-o", "/dev/null", "-e", "trace=setsockopt",
                "-e", "signal=none", "-e", "inject=setsockopt:retval=0", *argv]


class TimeWait(Check):
    group = "time_wait"

    def setUp(self):
        self.address, self.port = private_address(), random.randint(20000, 30000)
        with open("/proc/net/sockstat", encoding="ascii") as file:
            there = int(re.search(r"^TCP: .* tw (\d+)", file.read(), re.M).group(1))
        with open("/proc/sys/net/ipv4/tcp_max_tw_buckets", encoding="ascii") as file:
            if there + 100 > int(file.read()):
                self.skipTest(f"{there} sockets of this machine are in TIME-WAIT already, and "
                              "the kernel does not keep more; try again in a minute")

    def begin(self, program: str = "", mode: Mode = PLAIN) -> Server:
        """A server on the port of this measurement."""
        server = Server(self.target.stage.program(program or self.target.program),
                        ("-a", self.address, "-p", str(self.port)), mode, self.target.stage.env)
        self.addCleanup(server.kill)
        return server

    def sockets(self) -> list:
        """The lines of /proc/net/tcp about sockets of the server's port in TIME-WAIT."""
        with open("/proc/net/tcp", encoding="ascii") as file:
            lines = [line.split() for line in file]
        own = "%02X%02X%02X%02X" % tuple(reversed([int(n) for n in self.address.split(".")]))
        return [words for words in lines
                if words[1] == f"{own}:{self.port:04X}" and words[3] == TIME_WAIT]

    def settled(self) -> int:
        """Their number, once it stays the same. On this machine nothing is on its way for long."""
        count = None
        while count != len(self.sockets()):
            count = len(self.sockets())
            time.sleep(0.05)
        return count

    def server_closes_first(self, program: str = "") -> int:
        """All connect, the server is stopped, then they close. How many are in TIME-WAIT?"""
        server = self.begin(program).wait_ready()
        clients = self.connect_many(server, int(self.numbers.get("clients", 1)))
        served = clients if program == "thread_server" else clients[:1]
        for client in served:
            client.echo()
        server.stop()
        for client in clients:
            client.close()
        return self.settled()

    def clients_close_first(self) -> int:
        """One after the other comes, talks and closes. How many are in TIME-WAIT?"""
        server = self.begin().wait_ready()
        for _ in range(int(self.numbers.get("clients", 1))):
            client = self.connect(server)
            client.echo()
            client.half_close()
            client.expect_end()
            client.close()
        server.stop()
        return self.settled()

    def is_refused(self) -> bool:
        """Whether a server that does not set SO_REUSEADDR can't have the port now."""
        self.need("strace")
        server = self.begin(mode=WithoutReuse("without SO_REUSEADDR", scale=3))
        try:
            server.wait_ready()
            return False
        except Broken:
            server.err.join(5)
            if "Address already in use" not in server.err.text:
                self.skipTest(f"strace may not trace here: {server.err.text[-200:]!r}")
            return True
        finally:
            server.kill()

    @measures("clients_first")
    def clients_first(self):
        """Sockets of the server's port in TIME-WAIT, when the clients closed first."""
        return self.clients_close_first()

    @measures("echo_server_first")
    def echo_server_first(self):
        """Sockets of the server's port in TIME-WAIT, when echo_server closed first."""
        return self.server_closes_first()

    @measures("thread_server_first")
    def thread_server_first(self):
        """Sockets of the server's port in TIME-WAIT, when thread_server closed first."""
        return self.server_closes_first("thread_server")

    @measures("seconds", near=0.05)
    def seconds(self):
        """What is on the clock of a socket that has just come into TIME-WAIT."""
        server = self.begin().wait_ready()
        client = self.connect(server)
        client.echo()
        server.stop()
        client.close()
        closed = time.monotonic()
        for _ in range(10):     # the table of a busy machine is long, and takes its time
            start = time.monotonic()
            found = self.sockets()
            end = time.monotonic()
            if found and end - start < 2:
                break
        if not found:
            raise Broken("the server closed first, and has no socket in TIME-WAIT")
        left = int(found[0][5].split(":")[1], 16) / TICKS
        return left + (start + end) / 2 - closed

    @measures("refused")
    def refused(self):
        """How many of three starts without SO_REUSEADDR fail."""
        count = 0
        for close in (self.clients_close_first, self.server_closes_first,
                      lambda: self.server_closes_first("thread_server")):
            self.port += 1
            close()
            count += self.is_refused()
        return count
