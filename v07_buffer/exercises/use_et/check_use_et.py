"""Edge-triggered connections: watched once, and nothing is left behind when an edge has come."""
from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import tempfile

from exercises.marks import judges
from harness.check import Check
from harness.client import difference, noise, pump
from harness.server import Broken

WANTED = (("EPOLLIN", 0x1), ("EPOLLOUT", 0x4), ("EPOLLET", 1 << 31))
LINES = b"".join(b"%07d\n" % i for i in range(6000))
TINY = ("-f", "line", "-m", "7", "-b", "1")     # no read is longer than these 9 bytes


class UseEt(Check):
    group = "use_et"

    # -- helpers ------------------------------------------------------------

    def watched(self, server) -> dict:
        """The events that epoll watches each descriptor for, by descriptor."""
        found = {}
        folder = f"/proc/{server.process.pid}/fdinfo"
        for name in os.listdir(folder):
            try:
                with open(f"{folder}/{name}", encoding="ascii") as file:
                    text = file.read()
            except FileNotFoundError:
                continue
            for fd, events in re.findall(r"^tfd:\s*(\d+) events:\s*([0-9a-f]+)", text, re.M):
                found[int(fd)] = int(events, 16)
        return found

    def start_edges(self, *args):
        """A server with one client, whose connection must be edge-triggered."""
        server = self.serve(*args)
        before = self.watched(server)
        client = self.connect(server)
        client.echo(b"are u ?\n")
        new = {fd: events for fd, events in self.watched(server).items() if fd not in before}
        if len(new) != 1:
            raise Broken(f"one client came, and epoll watches {len(new)} descriptors more "
                         "(/proc/PID/fdinfo)")
        self.expect_edges(*new.values())
        return server, client

    def expect_edges(self, events: int):
        missing = ", ".join(name for name, bit in WANTED if not events & bit)
        if missing:
            raise Broken(f"/proc/PID/fdinfo: the client's connection is watched for the events "
                         f"{events:#x}, without {missing}\n"
                         "  watch for reading and for writing, edge-triggered, from the start")

    def meanwhile(self, server, clients, act):
        """Do something while the server is stopped; go on when all that was sent has come."""
        os.kill(server.process.pid, signal.SIGSTOP)
        try:
            act()
            if not self.becomes(lambda: all(client.unsent() == 0 for client in clients)):
                self.skipTest("the kernel does not take what the check sends")
        finally:
            os.kill(server.process.pid, signal.SIGCONT)

    def expect_echo(self, data: bytes, client, what: str, hint: str, end="end of file"):
        traffic = pump(client, b"", half_close=False, until=0 if end else len(data))
        wrong = difference(data, traffic.got)
        if wrong or (end and traffic.end != end):
            raise Broken(f"{what}: {wrong or 'all came back'}, then: {traffic.end}\n  {hint}")

    def trace(self, server, act, *options) -> str:
        """What strace says of the server while something is done."""
        strace = self.need("strace")
        out = tempfile.NamedTemporaryFile(prefix="strace-")
        self.addCleanup(out.close)
        trace = subprocess.Popen([strace, "-f", "-qq", *options, "-o", out.name, "-p",
                                  str(server.process.pid)], stderr=subprocess.PIPE, text=True)
        self.addCleanup(trace.communicate)
        self.addCleanup(trace.terminate)
        before = server.fds()

        def follows():      # knock until strace sees it
            if trace.poll() is None:
                client = self.connect(server)
                client.half_close()
                client.rest()
                client.close()
            return trace.poll() is not None or "accept" in written(out)

        self.becomes(follows)
        if trace.poll() is not None:
            self.skipTest(f"strace may not trace here: {trace.stderr.read().strip()}")
        self.becomes(lambda: server.fds() <= before)
        begin = len(written(out))
        act()
        trace.terminate()
        trace.wait()
        return written(out)[begin:]

    # -- checks -------------------------------------------------------------

    @judges(("echo_server", "chat_server", "http_server"))
    def watches_for_all(self):
        """fdinfo: a connection is watched for reading and writing, with EPOLLET."""
        server = self.serve()
        before = self.watched(server)
        self.connect(server)
        if not self.becomes(lambda: len(self.watched(server)) > len(before)):
            raise Broken("a client came, and epoll watches nothing more (/proc/PID/fdinfo)")
        self.expect_edges(*(events for fd, events in self.watched(server).items()
                            if fd not in before))

    @judges(modes=("plain",))
    def told_once(self):
        """strace: pauses and resumes of reading cost no epoll_ctl at all."""
        server = self.serve("-b", "1000")
        text = self.trace(server, lambda: self.pause_often(server), "-e",
                          "trace=epoll_ctl,accept,accept4")
        calls = re.findall(r"^.*\bepoll_ctl\(.*$", text, re.M)
        if not 2 <= len(calls) <= 4:
            raise Broken(f"two clients came, were paused five times each, and left: {len(calls)} "
                         f"calls of epoll_ctl{', for example' if calls else ''}\n"
                         f"{''.join(calls[len(calls) // 2:][:1])}\n"
                         "  two for each are enough, one to begin and one to end; one is better")

    def pause_often(self, server):
        """Two clients, each of which reads late, five times."""
        before = server.fds()
        clients = [self.connect(server, sndbuf=65536, rcvbuf=65536) for _ in range(2)]
        data = noise(1 << 20) * 6
        for client in clients * 5:
            sent = pump(client, data, half_close=False, read=False, stall=0.05).sent
            rest = pump(client, data[sent:], half_close=False, until=len(data))
            if difference(data, rest.got):
                raise Broken(f"6 MB, read late: {difference(data, rest.got)}, then: {rest.end}"
                             "\n  who sends and reads on after a pause?")
        for client in clients:
            client.close()
        self.becomes(lambda: server.fds() <= before)

    @judges()
    def all_of_one_edge(self):
        """48,000 bytes come at once, and take thousands of short reads: all are answered."""
        server, client = self.start_edges(*TINY)
        lines = LINES[:8 * self.few(6000, 600)]
        self.meanwhile(server, [client], lambda: client.send(lines))
        self.expect_echo(lines, client, f"{len(lines):,} bytes came at once, and nothing after "
                         "them", "one edge tells of all bytes: who reads on after the first "
                         "read?", end="")

    @judges()
    def last_bytes_and_end_together(self):
        """A few bytes and the end of file come at once: both are read."""
        server, client = self.start_edges()
        for data in (b"short", noise(40_000)):
            one = self.connect(server)
            one.echo()

            def act(to=one, what=data):
                to.send(what)
                to.half_close()
            self.meanwhile(server, [one], act)
            self.expect_echo(data, one, f"{len(data):,} bytes and the end came at once",
                             "a short read may still have the end of file behind it, and its "
                             "edge has come already")
        client.echo()

    @judges()
    def urgent_byte_in_between(self):
        """recv stops in front of an urgent byte: what is behind it is read as well."""
        server, client = self.start_edges()

        def act():
            client.send(b"before ")
            client.sock.send(b"!", socket.MSG_OOB)
            client.send(b" after")
        self.meanwhile(server, [client], act)
        self.expect_echo(b"before ! after", client, "13 bytes came at once, and between them one "
                         "sent with MSG_OOB", "recv stops in front of an urgent byte, so that a "
                         "short read does not mean that all is read", end="")

    @judges()
    def resumes_without_an_edge(self):
        """Reading was paused, with input in the kernel; the client reads and sends no more."""
        server, client = self.start_edges("-b", "50000")
        slow = self.connect(server, sndbuf=65536, rcvbuf=4096)
        data, sent = noise(1 << 20) * 12, 0
        while sent < len(data) and self.becomes(lambda: server.unread(slow) == 0, 0.05):
            sent += pump(slow, data[sent:sent + 65536], half_close=False, read=False,
                         stall=0.3).sent
        client.echo(hint="another client does not read")
        self.expect_asleep(server, "a client does not read what it gets, and has sent more")
        rest = pump(slow, b"", half_close=False, until=sent)
        wrong = difference(data[:sent], rest.got)
        if wrong:
            raise Broken(f"{sent:,} bytes were sent until reading paused, then all was read: "
                         f"{wrong}, then: {rest.end}\n  the bytes' edge came before the pause: "
                         "who reads on when the output has fallen to half the mark?")

    @judges()
    def others_have_their_turn(self):
        """-d 20: one client's 400 lines come at once; another's line waits for few of them."""
        server, busy = self.start_edges("-f", "line", "-d", "20")
        other = self.connect(server)
        other.echo()
        count = self.few(400, 100)

        def act():
            busy.send(b"message\n" * count)
        self.meanwhile(server, [busy], act)
        busy.expect(b"message\n" * 2)
        for _ in range(3):
            other.echo(b"me too\n")
        waiting = count - 2 - len(pump(busy, b"", half_close=False, stall=0.001).got) // 8
        if waiting < count // 2:
            raise Broken(f"-d 20, one client has sent {count} lines; when another client had three "
                         f"replies, only {waiting} of the lines still waited\n"
                         "  is all of one client's input handled before the others' turn?")

    @judges()
    def stop_between_two_turns(self):
        """-d 150: eight clients have many lines each; SIGTERM waits for one of them."""
        server, client = self.start_edges("-f", "line", "-d", "150")
        clients = self.connect_many(server, 8)
        self.becomes(lambda: server.fds() >= server.base_fds + 9)
        self.meanwhile(server, clients, lambda: [c.send(b"line 01\n" * 100) for c in clients])
        if not self.becomes(lambda: not any(c.quiet(0) for c in clients), 15):
            raise Broken("-d 150, eight clients have sent lines, and after 15 s not each of them "
                         "has a reply\n  do all clients have their turn?")
        os.kill(server.process.pid, signal.SIGTERM)
        try:
            status = server.wait_exit(0.9)
        except Broken:
            raise Broken("-d 150, eight clients have lines that wait, then SIGTERM: after 0.9 s it "
                         "still runs\n  does the loop look for signals between two of its tasks, "
                         "or does it run all of them first?") from None
        server.check_end(signal.SIGTERM, status)
        client.expect_gone()


def written(out) -> str:
    """What strace has written so far."""
    with open(out.name, encoding="utf-8", errors="replace") as file:
        return file.read()
