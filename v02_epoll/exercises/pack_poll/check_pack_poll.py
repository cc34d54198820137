"""The packed array of poll: how long it is, and that everybody in it is served."""
from __future__ import annotations

import platform
import re
import signal
import subprocess

from exercises.marks import judges
from harness.check import Check
from harness.server import Broken

ONLY_POLL = ("poll_server",)
# The numbers of the calls poll and ppoll; the newer processors have ppoll alone.
POLL_CALLS = {"x86_64": (7, 271), "i686": (168, 309)}.get(platform.machine(), (73,))


class PackPoll(Check):
    group = "pack_poll"

    def entries(self, server):
        """How many entries it hands to the poll in which it waits; None while it runs."""
        try:
            words = server._proc("syscall").split()
        except PermissionError:
            self.skipTest("/proc/PID/syscall may not be read here")
        if len(words) < 3 or int(words[0]) not in POLL_CALLS:
            return None
        return int(words[2], 16)

    def expect_entries(self, server, clients: int, when: str):
        """Its array has an entry for the listener and one for each client."""
        if self.becomes(lambda: self.entries(server) == clients + 1, 2):
            return
        count = self.entries(server)
        if count is None:
            raise Broken(f"{when}, and the server does not wait in poll (/proc/PID/syscall)\n"
                         "  does it read from a client that has sent nothing?")
        raise Broken(f"{when}: the server hands poll an array of {count} entries; for a listener "
                     f"and {clients} clients it needs {clients + 1}\n"
                     "  (the third number in /proc/PID/syscall while it waits)")

    def echo_all(self, clients, hint: str):
        for number, client in enumerate(clients):
            client.echo(b"client %d\n" % number, hint)

    @judges(ONLY_POLL)
    def only_those_watched(self):
        """The array holds the listener and the clients, and nothing for other descriptors."""
        server = self.serve()
        self.expect_entries(server, 0, "nobody is connected")
        clients = self.connect_many(server, 5)
        self.echo_all(clients, "five clients")
        self.expect_entries(server, 5, "five clients are connected")

    @judges(ONLY_POLL)
    def shorter_when_clients_leave(self):
        """First, last and middle ones leave, one by one; the others are served on."""
        server = self.serve()
        clients = self.connect_many(server, 20)
        self.echo_all(clients, "20 clients")
        for which in (0, -1, 8, 3, 0, -1, 5):
            leaves = clients.pop(which)
            (leaves.reset if which % 2 else leaves.close)()
            self.expect_entries(server, len(clients), f"{20 - len(clients)} of 20 clients left")
            self.echo_all(clients, "another client has left")
        for client in clients:
            client.close()
        self.expect_entries(server, 0, "all clients have left")
        self.expect_no_leak(server)

    @judges(ONLY_POLL)
    def nobody_is_skipped(self):
        """While it is stopped, many leave, the others talk and new ones come: each is served."""
        server = self.serve()
        clients = self.connect_many(server, 30)
        self.echo_all(clients, "30 clients")
        for turn, leaves in enumerate((lambda n: n % 2, lambda n: n < 5, lambda n: n >= 8,
                                       lambda n: True)):
            server.process.send_signal(signal.SIGSTOP)
            stay = [c for n, c in enumerate(clients) if not leaves(n)]
            for number, client in enumerate(clients):
                if leaves(number):
                    (client.reset, client.close)[number % 2]()
                else:
                    client.send(b"turn %d\n" % turn)
            fresh = self.connect_many(server, 4)
            silent = fresh.pop()
            for client in fresh:
                client.send(b"turn %d\n" % turn)
            server.process.send_signal(signal.SIGCONT)
            clients = stay + fresh
            for client in clients:
                client.expect(b"turn %d\n" % turn, "others left in the same moment: was the entry "
                              "skipped that moved into a free place, or is a client read that "
                              "has sent nothing?")
            clients.append(silent)
            self.expect_entries(server, len(clients), f"{len(clients)} clients are left")
        self.echo_all(clients, "many have come and gone")

    @judges(ONLY_POLL)
    def many_after_few(self):
        """Hundreds come at once, so that the array grows while it is gone through; all leave."""
        server = self.serve()
        for _ in range(2):
            server.process.send_signal(signal.SIGSTOP)
            clients = self.connect_many(server, self.few(300, 80))
            for number, client in enumerate(clients):
                client.send(b"client %d\n" % number)
            server.process.send_signal(signal.SIGCONT)
            for number, client in enumerate(clients):
                client.expect(b"client %d\n" % number)
            self.expect_entries(server, len(clients), f"{len(clients)} clients are connected")
            for client in clients[::2] + clients[1::2]:
                client.close()
            self.expect_entries(server, 0, "all clients have left")

    @judges(ONLY_POLL, modes=("plain",))
    def one_round_for_all(self):
        """strace: 16 clients leave at the same moment, and one report of poll is enough."""
        strace = self.need("strace")
        server = self.serve()
        clients = self.connect_many(server, 16)
        self.echo_all(clients, "16 clients")
        self.expect_entries(server, 16, "16 clients are connected")
        pid = server.process.pid
        trace = subprocess.Popen(
            [strace, "-qq", "-e", "trace=poll,ppoll,restart_syscall", "-e", "signal=none",
             "-o", "/dev/stdout", "-p", str(pid)],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        try:
            if not self.becomes(lambda: "TracerPid:\t0\n" not in server._proc("status"), 2):
                self.skipTest("strace may not trace here")
            server.process.send_signal(signal.SIGSTOP)
            for client in clients:
                client.close()
            server.process.send_signal(signal.SIGCONT)
            self.expect_no_leak(server)
        finally:
            trace.terminate()
            text = trace.communicate()[0]
        rounds = len(re.findall(r"^(?:p?poll|restart_syscall)\(.* = [1-9]", text, re.M))
        if rounds > 2:
            raise Broken(f"16 clients left in the same moment, and it took {rounds} reports of "
                         "poll to notice all\n  is an entry skipped that moved into a free place?")
