"""SIGHUP: a line on stderr says how many connections are open."""
from __future__ import annotations

import re
import signal
import threading

from exercises.marks import judges
from harness.check import Check
from harness.client import difference, noise, pump
from harness.server import STOP_LIMIT, Broken


class SighupCounts(Check):
    group = "sighup_counts"

    def expect_alive(self, server):
        if not server.alive():
            hint = "SIGHUP ends a process that neither catches nor blocks it"
            if server.process.returncode >= 0:
                hint = "it was SIGHUP that came, and no stop"
            raise Broken(f"{server.gone_words()}\n  {hint}")

    def ask(self, server, count: int, why: str):
        """Send SIGHUP; one more line must say that number."""
        before = server.err.text
        server.process.send_signal(signal.SIGHUP)
        server.err.wait(lambda text: len(text) > len(before) and text.endswith("\n"),
                        self.limit(5))
        self.becomes(lambda: not server.alive(), 0.05)
        self.expect_alive(server)
        expected = f"{server.name}: connections: {count}\n"
        if server.err.text != before + expected:
            raise Broken(f"SIGHUP, {why}: expected the line {expected!r} on stderr, got "
                         f"{server.err.text[len(before):]!r}")

    @judges()
    def comes_and_goes(self):
        """The number is right: nobody, some, fewer, nobody, with clients that leave in any way."""
        server = self.serve()
        self.ask(server, 0, "and nobody is there")
        clients = self.connect_many(server, 5)
        for client in clients:
            client.echo()
        self.ask(server, 5, "and five clients are connected")
        for leave in ("close", "reset", "half_close"):
            getattr(clients.pop(), leave)()
        self.becomes(lambda: server.fds() == server.base_fds + 2)
        self.ask(server, 2, "and two of five clients have stayed")
        for client in clients:
            client.echo(hint="this client has stayed")
            client.close()
        self.expect_no_leak(server)
        self.ask(server, 0, "and all clients have left")

    @judges()
    def crowd(self):
        """Some hundred clients are counted, every time."""
        server = self.serve()
        count = self.few(400, 40)
        for client in self.connect_many(server, count):
            client.echo(b"x")
        for _ in range(3):
            self.ask(server, count, f"and {count} clients are connected")

    @judges()
    def harms_nobody(self):
        """Signals one after the other while a client sends and reads: no byte is lost."""
        server = self.serve()
        client = self.connect(server)
        client.echo()
        data, got = noise(self.few(4_000_000, 400_000)), []
        thread = threading.Thread(target=lambda: got.append(pump(client, data)))
        thread.start()
        while thread.is_alive() and server.alive():
            server.process.send_signal(signal.SIGHUP)
            thread.join(0.005)
        thread.join()
        self.expect_alive(server)
        wrong = difference(data, got[0].got)
        if wrong:
            raise Broken(f"SIGHUP came again and again while a client was served: {wrong}")
        line = re.compile(rf"{server.name}: connections: [01]")
        for words in server.err.text.splitlines():
            if not line.fullmatch(words):
                raise Broken(f"SIGHUP with one client: a line on stderr is {words!r}")

    @judges(modes=("plain",))       # valgrind blocks and catches signals of its own
    def is_an_event(self):
        """SIGHUP is blocked and read from a signalfd, not caught by a handler."""
        server = self.serve()
        with open(f"/proc/{server.process.pid}/status", encoding="ascii") as file:
            sets = {name: int(value, 16) for name, value
                    in re.findall(r"^(Sig\w+):\s+([0-9a-f]+)$", file.read(), re.M)}
        bit = 1 << (signal.SIGHUP - 1)
        if not sets["SigBlk"] & bit or sets["SigCgt"] & bit:
            raise Broken("/proc/PID/status: SIGHUP must be in SigBlk and not in SigCgt; they are "
                         f"{sets['SigBlk']:016x} and {sets['SigCgt']:016x}\n"
                         "  a handler could run in the middle of close_connection")
        self.ask(server, 0, "and nobody is there")

    @judges()
    def under_nohup(self):
        """SIGHUP was ignored when the server was started, as nohup(1) does."""
        server = self.serve(ignored=(signal.SIGHUP,))
        self.connect(server).echo()
        self.ask(server, 1, "ignored at the start as under nohup, and a client is connected")

    @judges()
    def with_a_stop(self):
        """SIGHUP and SIGTERM at once: the line is written, and the server ends."""
        server = self.serve()
        client = self.connect(server)
        client.echo()
        self.becomes(server.sleeps)
        for how in (signal.SIGSTOP, signal.SIGHUP, signal.SIGTERM, signal.SIGCONT):
            server.process.send_signal(how)
        status = server.wait_exit(STOP_LIMIT)
        server.check_end(signal.SIGTERM, status)
        if server.err.text != f"{server.name}: connections: 1\n":
            raise Broken("SIGHUP and SIGTERM at once, with a client: expected one line with "
                         f"`connections: 1`, got {server.err.text!r}")
