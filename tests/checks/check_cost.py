"""What a message and an idle connection cost: system calls, memory, wake-ups."""
from __future__ import annotations

import re
import subprocess
import time

from harness.check import Check
from harness.client import noise
from harness.http import Reader
from harness.server import Broken
from harness.spec import ECHO, ONLY_ECHO, ONLY_HTTP, limitation, promise


class Cost(Check):
    group = "cost"

    @promise("cost", "2-", ONLY_ECHO, modes=("plain",))
    def system_calls_for_a_message(self):
        """strace: one read and one write for each, its wait, and nothing else."""
        server = self.serve()
        client = self.connect(server)
        self.check_calls(server.process.pid, lambda: client.echo(b"message\n"))

    @promise("cost", "8-", ("prefork_server",), modes=("plain",))
    def system_calls_for_a_message_to_a_child(self):
        """strace on the one process that serves: the same."""
        server = self.serve("-n", "1")
        client = self.connect(server)
        self.check_calls(server._children()[0], lambda: client.echo(b"message\n"))

    @promise("cost", "7-", ONLY_HTTP, modes=("plain",))
    def system_calls_for_a_request(self):
        """strace: the same for a request to http_server."""
        server = self.serve()
        client = self.connect(server)
        responses = Reader(client)

        def ask():
            client.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            if responses.response().status != 200:
                raise Broken("GET / was sent, and not answered with 200")

        self.check_calls(server.process.pid, ask)

    def check_calls(self, pid: int, ask):
        """Trace the process while it is asked a hundred times."""
        strace = self.need("strace")
        ask()
        trace = subprocess.Popen(
            [strace, "-f", "-qq", "-o", "/dev/stdout", "-p", str(pid)],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        try:
            calls = self.trace_messages(trace, ask, pid)
        finally:
            trace.terminate()
            trace.communicate()
        allowed = {"read", "recv", "recvfrom", "write", "send", "sendto", "epoll_wait",
                   "epoll_pwait", "select", "pselect6", "poll", "ppoll", "restart_syscall"}
        strange = {name: n for name, n in calls.items() if name not in allowed and n >= 20}
        reads = sum(calls.get(n, 0) for n in ("read", "recv", "recvfrom"))
        writes = sum(calls.get(n, 0) for n in ("write", "send", "sendto"))
        waits = calls.get("epoll_wait", 0) + calls.get("epoll_pwait", 0)
        # v08 waits anew ten times a second, and a busy machine makes that count.
        if strange or max(reads, writes) > 110 or waits > 150:
            raise Broken(f"100 messages cost these system calls: {calls}\n"
                         "  expected for each one read, one write and one wait")

    def trace_messages(self, trace, ask, pid: int):
        status = f"/proc/{pid}/status"

        def traced():
            with open(status, encoding="ascii") as file:
                return not re.search(r"^TracerPid:\s+0$", file.read(), re.M)

        self.becomes(lambda: traced() or trace.poll() is not None)
        if trace.poll() is not None:
            self.skipTest(f"strace may not trace here: {trace.stderr.read().strip()}")
        for _ in range(100):
            ask()
        trace.terminate()
        text = trace.stdout.read()
        calls = {}
        for line in text.splitlines():
            match = re.match(r"\d+\s+(?:<\.\.\. )?(\w+)[( ]", line)
            if match and "unfinished" not in line:
                calls[match.group(1)] = calls.get(match.group(1), 0) + 1
        return calls


class IdleMemory(Check):
    group = "idle_memory"

    @promise("idle-memory", "7-", ONLY_ECHO)
    def given_back_after_a_burst(self):
        """Connections that each had 100 KiB in hand hold almost nothing when idle."""
        self.need_unscaled("memory")
        server = self.serve("-f", "length")
        body = noise(102_400)
        message = len(body).to_bytes(4, "big") + body
        clients = self.connect_many(server, 300)
        for client in clients:
            client.echo(b"\0\0\0\1x")
        before = server.memory()
        for client in clients:
            client.send(message[:60_000])
        for client in clients:
            client.send(message[60_000:])
        for client in clients:
            client.expect(message)
        time.sleep(0.02)
        grown = server.memory() - before
        if grown > 300 * 16_384:
            raise Broken(f"300 idle connections that each had a message of 100 KiB hold "
                         f"{grown:,} bytes\n  is a buffer that grew given back when it is empty?")

    @promise("idle-memory", "7-", ONLY_ECHO)
    def idle_connections_are_small(self):
        """A thousand connections that have talked cost less than 4 KiB each."""
        self.need_unscaled("memory")
        server = self.serve()
        self.connect(server).echo()
        before = server.memory()
        clients = self.connect_many(server, 1000)
        for client in clients:
            client.echo(b"x" * 1000)
        each = (server.memory() - before) // 1000
        if each > 4096:
            raise Broken(f"an idle connection costs {each:,} bytes of the server's memory")


class Asleep(Check):
    group = "asleep"

    @promise("asleep", "1-7,9-", ECHO, modes=("plain",))
    def no_thread_wakes_up(self):
        """Clients are there and silent: nothing in the server runs."""
        server = self.serve()
        clients = self.connect_many(server, 3)
        clients[0].echo()
        time.sleep(0.05)
        before = server.wakeups()
        time.sleep(0.5)
        woke = server.wakeups() - before
        self.expect_asleep(server, "nobody talks", 0.1)
        if woke > 0:
            raise Broken(f"nobody talks, and the server woke up {woke} times in half a second")

    @limitation("asleep", "8", "its threads wake up on a timeout to see what others want",
                modes=("plain",))
    def wakes_up_while_idle(self):
        """Nobody talks, and threads wake up all the same."""
        server = self.serve()
        self.connect(server).echo()
        before = server.wakeups()
        if not self.becomes(lambda: server.wakeups() > before + 2, 3.0):
            raise Broken("no thread woke up in three seconds of silence")
