"""Broadcast with one task a loop: what it costs, and that all hear all in one order."""
from __future__ import annotations

import re
import select
import signal
import threading
import time

from exercises.marks import judges
from harness.check import Check
from harness.client import size_words
from harness.server import Broken

CHAT = ("chat_server",)


class Listeners(threading.Thread):
    """Reads what many clients are sent, and keeps it, until it is told to end."""

    def __init__(self, clients):
        super().__init__(daemon=True)
        self.heard = {client.sock.fileno(): bytearray() for client in clients}
        self.socks = {client.sock.fileno(): client.sock for client in clients}
        self.clients, self.ended = clients, False
        self.poll = select.epoll()
        for fd, sock in self.socks.items():
            sock.setblocking(False)
            self.poll.register(fd, select.EPOLLIN)
        self.start()

    def run(self):
        while not self.ended:
            for fd, _ in self.poll.poll(0.05):
                try:
                    piece = self.socks[fd].recv(1 << 20)
                except BlockingIOError:
                    continue
                except OSError:
                    piece = b""
                if not piece:
                    self.poll.unregister(fd)
                self.heard[fd] += piece

    def of(self, client) -> bytes:
        return bytes(self.heard[client.sock.fileno()])

    def end(self):
        self.ended = True
        self.join()
        self.poll.close()


class OneTaskBroadcast(Check):
    group = "one_task_broadcast"

    def room(self, *args, members: int):
        """A server, a speaker and so many silent members, all of whom have come."""
        server = self.serve(*args)
        silent = self.connect_many(server, members)
        speaker = self.connect(server)
        listeners = Listeners(silent + [speaker])
        self.addCleanup(listeners.end)
        last = re.compile(rb"(\* %d came|you are %d)\n" % (members + 1, members + 1))
        if not self.becomes(lambda: all(last.search(listeners.of(c)) for c in silent), 10):
            raise Broken(f"{members + 1} members came, one after the other; some were not told of "
                         "the last one")
        speaker.sock.setblocking(True)
        return server, speaker, silent, listeners

    def peak(self, server) -> int:
        """The most memory that it has had."""
        return int(re.search(r"^VmHWM:\s+(\d+) kB", server._proc("status"), re.M).group(1)) << 10

    def expect_all_hear(self, listeners, silent, end: bytes, what: str):
        if not self.becomes(lambda: all(listeners.of(c).endswith(end) for c in silent), 20):
            missing = sum(not listeners.of(c).endswith(end) for c in silent)
            raise Broken(f"{what}; {missing} of {len(silent)} members have not heard all")

    @judges(CHAT, modes=("plain",))
    def a_long_line_is_copied_once_a_loop(self):
        """A line of 500 kB for 100 members: memory does not grow by 50 MB."""
        server, speaker, silent, listeners = self.room("-t", "1", members=100)
        before = self.peak(server)
        speaker.send(b"x" * 500_000 + b"\n")
        self.expect_all_hear(listeners, silent, b"x\n", "a line of 500 kB was sent")
        grown = self.peak(server) - before
        if grown > 25_000_000:
            raise Broken(f"a line of 500 kB for 100 members, who all read: memory grew by "
                         f"{size_words(grown)} at its most\n  is the line copied for each member?")

    @judges(CHAT, modes=("plain",))
    def short_lines_are_queued_once_a_loop(self):
        """1,000 lines of one character for 500 members: no task for each member waits."""
        server, speaker, silent, listeners = self.room("-t", "1", members=500)
        before = self.peak(server)
        server.process.send_signal(signal.SIGSTOP)      # so that it reads them all at once
        speaker.send(b"x\n" * 1000)
        server.process.send_signal(signal.SIGCONT)
        line = listeners.of(speaker).split()[2] + b": x\n"
        if not self.becomes(lambda: all(listeners.of(c).count(line) == 1000 for c in silent), 20):
            raise Broken("1,000 short lines were sent; some members have not heard all of them")
        grown = self.peak(server) - before
        if grown > 25_000_000:
            raise Broken(f"1,000 lines of one character for 500 members: memory grew by "
                         f"{size_words(grown)} at its most\n  half a million tasks wait, if there "
                         "is one for each line and member")

    @judges(CHAT)
    def one_order_for_all(self):
        """Several speak at once: all hear the lines in one order; nobody hears their own."""
        for args in (("-t", "3"), ("-t", "2", "-w", "2")):
            server = self.serve(*args)
            members = [self.connect(server) for _ in range(8)]
            listeners = Listeners(members)
            self.becomes(lambda: b"* 8 came\n" in listeners.of(members[0]))
            count = self.few(300, 30)
            for n in range(count):
                for who, member in enumerate(members[:4]):
                    member.sock.sendall(b"%d of %d\n" % (n, who))
            last = [b"%d of %d\n" % (count - 1, who) for who in range(4)]
            silent = members[4:]
            self.becomes(lambda: all(line in listeners.of(m) for m in silent for line in last), 20)
            heard = [[line for line in listeners.of(m).splitlines() if b" of " in line]
                     for m in members]
            listeners.end()
            self.compare(heard, count)

    @judges(CHAT)
    def a_stop_at_once(self):
        """Two signals at once, and members on all loops: all are closed, none finds another gone."""
        for _ in range(self.few(5, 1)):
            server = self.serve("-t", "4")
            members = self.connect_many(server, 12)
            for member in members:
                if not member.read(7):
                    raise Broken("a member came and was told nothing")
            for signo in (signal.SIGSTOP, signal.SIGTERM, signal.SIGINT, signal.SIGCONT):
                server.process.send_signal(signo)
            for member in members:
                if member.rest().end not in ("end of file", "reset"):
                    raise Broken("the server was stopped, and a member is still connected")
            status = server.wait_exit(self.limit(2))
            complaint = server._tool_words()
            if status != 0 or complaint:
                raise Broken("members were connected on four loops when two signals came: the "
                             f"server ended with {status}, not 0\n  is a task queued for a loop "
                             f"that is gone?{complaint}")

    def compare(self, heard, count: int):
        order = heard[4]
        if len(order) != 4 * count:
            raise Broken(f"{4 * count} lines were said; a silent member heard {len(order)}")
        if any(other != order for other in heard[5:]):
            raise Broken("two silent members heard the lines in different orders\n  are the tasks "
                         "for all loops queued under one lock?")
        for who, own in enumerate(heard[:4]):
            if own != [line for line in order if not line.endswith(b"of %d" % who)]:
                raise Broken("a speaker heard other lines than those of the others, or in another "
                             "order than the silent ones")

    @judges(CHAT)
    def nothing_from_before(self):
        """Who comes while others speak is told the own number first, then all from there on."""
        server = self.serve("-t", "3")
        speaker, witness = self.connect(server), self.connect(server)
        witness.sock.setblocking(False)
        listeners, late = Listeners([speaker, witness]), []
        self.becomes(lambda: all(b"you are " in listeners.of(m) for m in (speaker, witness)))
        until, n = time.monotonic() + self.limit(1), 0
        count = self.few(60, 10)
        while len(late) < count and time.monotonic() < until + 20:
            speaker.sock.setblocking(True)
            speaker.sock.sendall(b"".join(b"%d.\n" % (n + i) for i in range(20)))
            n += 20
            late.append(self.connect(server))
        self.becomes(lambda: listeners.of(witness).count(b" came\n") >= count, 20)
        speaker.sock.sendall(b"the end\n")
        end = b": the end\n"
        self.becomes(lambda: end in listeners.of(witness), 20)
        truth = listeners.of(witness).splitlines()
        listeners.end()
        others = Listeners(late)
        self.becomes(lambda: all(end in others.of(m) for m in late), 20)
        heard = [others.of(member).splitlines() for member in late]
        others.end()
        for lines in heard:
            self.expect_from_there_on(lines, truth)

    def expect_from_there_on(self, lines, truth):
        number = lines[0].split()[-1] if lines else b""
        if not lines or not lines[0].startswith(b"you are "):
            raise Broken(f"a member who came while others spoke was first told {lines[:1]}")
        came = b"* " + number + b" came"
        wanted = truth[truth.index(came) + 1:]
        wanted = wanted[:len(lines) - 1]
        if lines[1:1 + len(wanted)] != wanted:
            raise Broken(f"member {number.decode()} came while others spoke, and heard first "
                         f"{lines[1:4]}; everybody else heard behind `{came.decode()}`: "
                         f"{wanted[:3]}\n  does a line that was queued before somebody came go to "
                         "them as well?")
