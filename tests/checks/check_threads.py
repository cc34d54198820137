"""I/O threads: how many there are, and who serves whom."""
from __future__ import annotations

import os
import re
import resource
import signal
import time

from harness.check import Check
from harness.server import Broken, exit_words
from harness.spec import ONLY_ECHO, promise

THREADED = ("echo_server", "http_server")
SERVERS = THREADED + ("prefork_server", "chat_server")
REQUEST = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"


def busy_times(server) -> dict:
    """For each thread of the server, the nanoseconds that it has run."""
    times = {}
    for task in os.listdir(f"/proc/{server.process.pid}/task"):
        with open(f"/proc/{server.process.pid}/task/{task}/schedstat", encoding="ascii") as file:
            times[int(task)] = int(file.read().split()[0])
    return times


class Cores(Check):
    group = "cores"

    def who_serves(self, server, client) -> int:
        """The thread that works when this client talks."""
        before = busy_times(server)
        for _ in range(self.few(60, 10)):
            client.echo(b"whose are you?\n")
        after = busy_times(server)
        return max(after, key=lambda task: after[task] - before.get(task, 0))

    @promise("cores", "8-", THREADED, modes=("plain", "valgrind"))
    def as_many_as_asked(self):
        """-t and -w threads and the main one; -t 0 leaves that alone."""
        cases = [((), 1 + os.cpu_count()), (("-t", "0"), 1), (("-t", "1"), 2), (("-t", "5"), 6)]
        if self.target.program == "echo_server":
            cases += [(("-t", "0", "-w", "3"), 4), (("-w", "2", "-t", "3"), 6)]
        for args, count in cases[:self.few(99, 2)]:
            server = self.serve(*args)
            if not self.becomes(lambda s=server, n=count: s.threads() == n):
                raise Broken(f"{server.name} {' '.join(args)} must have {count} threads, the main "
                             f"one and those of -t and -w; it has {server.threads()}")
            server.stop()

    @promise("cores", "8-", SERVERS, modes=("plain",))
    def small_stacks(self):
        """ulimit -s of 264 and 128 KiB, which new threads get: clients are served."""
        for size in (264, 128):
            server = self.serve(limits=((resource.RLIMIT_STACK, size * 1024),))
            for client in self.connect_many(server, 2 * os.cpu_count() + 2):
                client.send(REQUEST)
                if not client.read(4):
                    raise Broken(f"stacks of {size} KiB (ulimit -s), and a client is not served; "
                                 f"the server: {exit_words(server.process.poll())}\n  do threads "
                                 "ask for the stack that they need (pthread_attr_setstacksize)?")
            server.stop()

    @promise("cores", "8-", THREADED, modes=("plain",))
    def ends_of_the_range(self):
        """0 to 1024 threads of each kind; more is wrong use."""
        options = ("-t", "-w") if self.target.program == "echo_server" else ("-t",)
        for option in options:
            for value in ("1025", "4294967296")[:self.few(2, 1)]:
                lines = self.refuse("-p", "0", option, value)
                if len(lines) != 2 or value not in lines[0]:
                    raise Broken(f"{option} {value} must earn two lines, what is wrong and the "
                                 f"usage; stderr has {lines!r}")
        if not self.mode.light:
            self.serve("-t", "1024", processes=1100).stop()

    @promise("cores", "8-", ONLY_ECHO, modes=("plain",))
    def connections_in_turn(self):
        """-t 3: nine clients are spread over three threads, each third on the same one."""
        server = self.serve("-t", "3")
        clients = self.connect_many(server, 9)
        for client in clients:
            client.echo()
        for _ in range(5):      # a busy machine may give another thread more time for once
            served = [self.who_serves(server, client) for client in clients]
            if served == served[:3] * 3 and len(set(served)) == 3:
                break
        else:
            raise Broken(f"-t 3: nine clients, one after the other, were served by the threads "
                         f"{served}\n  do the I/O threads get the connections in turn?")
        if server.process.pid in served:
            raise Broken("-t 3: the main thread serves connections itself")

    @promise("cores", "8-", ONLY_ECHO)
    def all_on_the_main_thread(self):
        """-t 0: many clients, one thread."""
        server = self.serve("-t", "0")
        for client in self.connect_many(server, 20):
            client.echo()
        if self.mode.name in ("plain", "valgrind"):
            self.assertEqual(server.threads(), 1, f"-t 0, and there are {server.threads()} threads")

    @promise("cores", "8-", ONLY_ECHO)
    def at_the_same_time(self):
        """-t 6 -d 300: six clients wait for their handlers side by side."""
        server = self.serve("-t", "6", "-f", "line", "-d", "300")
        clients = self.connect_many(server, 6)
        start = time.monotonic()
        for client in clients:
            client.send(b"work\n")
        for client in clients:
            client.expect(b"work\n")
        spent = time.monotonic() - start
        if spent > 1.5 * max(1, self.mode.scale / 4):
            raise Broken(f"-t 6 -d 300: six clients had their replies after {spent:.2f} s; one "
                         "after the other would take 1.8 s\n  do the threads serve at one time?")

    @promise("cores", "8-", ("http_server",))
    def requests_on_all_threads(self):
        """-t 4: requests on many connections, all answered."""
        server = self.serve("-t", "4")
        for client in self.connect_many(server, self.few(40, 8)):
            client.send(REQUEST * 3)
            got = client.read(3 * len(b"HTTP/1.1 200 OK"))
            if not got.startswith(b"HTTP/1.1 200"):
                raise Broken(f"-t 4: a request was answered {got[:80]!r}")

    @promise("verbose", "8-", ONLY_ECHO)
    def lines_are_whole(self):
        """-v -t 8: clients come and go on all threads; each report is a line of its own."""
        server = self.serve("-v", "-t", "8")
        count = self.few(100, 20)
        rounds = self.few(25, 2)
        for _ in range(rounds):
            # All newcomers at once, all departures at once: the threads report side by side.
            os.kill(server.process.pid, signal.SIGSTOP)
            clients = self.connect_many(server, count)
            os.kill(server.process.pid, signal.SIGCONT)
            for client in clients[-4:]:
                client.echo()
            for client in clients:
                client.close()
            self.expect_no_leak(server)
        server.err.wait(lambda text: text.count("\n") >= 2 * rounds * count, self.limit(2))
        report = re.compile(r"echo_server: (opened|closed) [0-9.]+:\d+")
        for line in server.err.text.splitlines():
            if not report.fullmatch(line):
                raise Broken(f"-v -t 8: a line on stderr is not whole: {line!r}\n  is a line "
                             "written in several calls, between which other threads write?")
