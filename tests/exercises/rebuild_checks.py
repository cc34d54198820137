"""What a rebuilt stage must show from outside where its step changes no behaviour."""
from __future__ import annotations

import contextlib
import functools
import itertools
import os
import random
import re
import signal

from harness import modes
from harness.check import Check
from harness.server import STOP_LIMIT, Broken
from harness.spec import ONLY_ECHO, Spec

ROW = "outside"         # no row of the behaviour table
CROWD = 600             # clients: more than a table has room for at first
_WATCHED = re.compile(r"^tfd:\s+(\d+) events:\s+\w+ data:\s+([0-9a-f]+)", re.M)
_INT_AND_TERM = 1 << 1 | 1 << 14        # bits of a mask in /proc/PID/status


def seen(stages: str):
    """The check is for rebuilds of these stages alone."""
    def mark(function):
        @functools.wraps(function)
        def check(self):
            try:
                function(self)
            except BaseException:
                self.broken = True      # the end of the check looks for nothing more
                raise
        check.spec = Spec(ROW, stages, ONLY_ECHO, modes=("plain",))
        return check
    return mark


class Process:
    """A server's descriptors, as /proc shows them."""

    def __init__(self, server):
        self.folder = f"/proc/{server.process.pid}"

    def read(self, name: str) -> str:
        with open(f"{self.folder}/{name}", encoding="ascii", errors="replace") as file:
            return file.read()

    def kinds(self) -> dict:
        """{descriptor: what it is}, such as {5: "anon_inode:[eventpoll]"}."""
        found = {}
        for name in os.listdir(f"{self.folder}/fd"):
            try:
                found[int(name)] = os.readlink(f"{self.folder}/fd/{name}")
            except FileNotFoundError:       # closed meanwhile
                continue
        return found

    def watched(self) -> list:
        """For each epoll descriptor, {what it watches: the data that comes with an event}."""
        return [{int(fd): int(data, 16)
                 for fd, data in _WATCHED.findall(self.read(f"fdinfo/{epoll}"))}
                for epoll, kind in sorted(self.kinds().items()) if "[eventpoll]" in kind]

    def watches(self, *kinds) -> list:
        """Descriptors of these kinds that an epoll descriptor watches."""
        names = self.kinds()
        return sorted(fd for group in self.watched() for fd in group
                      if names.get(fd, "").startswith(kinds))

    def has_address(self, number: int) -> bool:
        """Whether the number is an address in the process's memory."""
        for line in self.read("maps").splitlines():
            first, last = line.split()[0].split("-")
            if int(first, 16) <= number < int(last, 16):
                return True
        return False

    def listeners(self) -> list:
        """Descriptors of TCP sockets that listen."""
        found = set()
        for name in ("net/tcp", "net/tcp6"):
            found |= {words[9] for line in self.read(name).splitlines()
                      for words in [line.split()] if words[3] == "0A"}
        return sorted(fd for fd, kind in self.kinds().items()
                      if kind.startswith("socket:[") and kind[8:-1] in found)

    def waits(self, fd: int) -> bool:
        """Whether a call with this descriptor may block."""
        flags = re.search(r"^flags:\s+(\d+)", self.read(f"fdinfo/{fd}"), re.M)[1]
        return not int(flags, 8) & os.O_NONBLOCK

    def is_stopped(self) -> bool:
        return self.read("stat").rsplit(")", 1)[1].split()[0] == "T"


class _InvalidMemory(modes.Mode):
    """Under valgrind: what uses memory that it has not, or has no more. A leak is no such use."""

    def wrap(self, argv, log):
        return ["valgrind", f"--log-file={log}", "--num-callers=5", *argv]

    def complaint(self, log: str) -> str:
        return first_invalid(log)


INVALID_MEMORY = _InvalidMemory("memory", scale=3, light=True, tool="memcheck")


def first_invalid(log: str) -> str:
    """The first such use in valgrind's log: its words, and the places in the source."""
    lines = [re.sub(r"^==\d+== ?| 0x\w+:?", "", line) for line in log.splitlines()]
    for at, line in enumerate(lines):
        if line.startswith(("Invalid ", "Jump to the invalid ")):
            found = itertools.takewhile(str.strip, lines[at:at + 9])
            return "\n".join(("valgrind finds errors; the first:", *found))
    return ""


class Outside(Check):
    group = "outside"

    def under_valgrind(self, talk, hint: str):
        """The talk, at whose end the server stops: valgrind must find no use of invalid memory."""
        self.need("valgrind")
        self.mode = INVALID_MEMORY
        server, broken = self.serve(), None
        try:
            talk(server)
        except Broken as words:
            broken = words
            server.process.terminate()
            with contextlib.suppress(Broken):
                server.wait_exit(1)
        with open(server.log.name, encoding="utf-8", errors="replace") as file:
            error = first_invalid(file.read())
        if error:
            raise Broken(f"{error}\n  {hint}")
        if broken:
            raise broken

    @seen("4-")
    def an_event_brings_a_pointer(self):
        """What the kernel keeps with each client is an address, not a descriptor's number."""
        server = self.serve()
        process, before = Process(server), set(Process(server).kinds())
        clients = self.connect_many(server, 3)
        data = {}

        def all_watched():
            new = [fd for fd, kind in process.kinds().items()
                   if fd not in before and kind.startswith("socket:")]
            data.update({fd: number for group in process.watched()
                         for fd, number in group.items() if fd in new})
            return len(data) >= len(clients)

        if not self.becomes(all_watched):
            raise Broken(f"3 clients are connected; no epoll descriptor watches "
                         f"{3 - len(data)} of them (/proc/PID/fdinfo)\n"
                         "  is each client added to epoll?")
        for fd, number in sorted(data.items()):
            if not process.has_address(number):
                raise Broken(f"/proc/PID/fdinfo says: with descriptor {fd}, a client, epoll keeps "
                             f"data {number:x}; that is no address in the server's memory\n"
                             "  does epoll_event.data hold a number still, and not a pointer to "
                             "the client's channel?")

    @seen("4-")
    def channels_stay_at_their_place(self):
        """Hundreds of clients come, talk and leave in mixed order; valgrind watches the memory."""
        self.an_event_brings_a_pointer()
        order, clients = random.Random(CROWD), []

        def talk(server):
            for _ in range(CROWD):
                clients.append(self.connect(server))
                order.choice(clients).echo()
            order.shuffle(clients)
            for at, client in enumerate(clients):
                client.echo()
                (client.close if at % 3 else client.reset)()
                if at % 5 == 0:
                    self.connect(server).echo()
            server.stop()

        self.under_valgrind(talk, "does a channel stay at its place while epoll holds its "
                            "address? realloc may move it")

    @seen("5-")
    def signals_are_events(self):
        """A signalfd is among the descriptors that epoll watches."""
        process = Process(self.serve())
        if not process.watches("anon_inode:[signalfd]"):
            has = any("[signalfd]" in kind for kind in process.kinds().values())
            raise Broken(("there is a signalfd, but epoll does not watch it" if has else
                          "none of the server's descriptors is a signalfd")
                         + " (ls -l /proc/PID/fd)\n  does the loop get signals as events?")

    @seen("5-")
    def no_handler_interrupts(self):
        """SIGINT and SIGTERM have no handler: nothing interrupts what runs."""
        process = Process(self.serve())
        caught = int(re.search(r"^SigCgt:\s+(\w+)", process.read("status"), re.M)[1], 16)
        if caught & _INT_AND_TERM:
            raise Broken(f"SigCgt in /proc/PID/status is {caught:016x}: a function is called in "
                         "the middle of whatever runs when SIGINT or SIGTERM comes\n"
                         "  is sigaction or signal still called for them?")

    @seen("5-")
    def stop_and_bytes_in_one_batch(self):
        """Bytes, ends, resets, newcomers and SIGTERM come while it is stopped (SIGSTOP)."""
        self.signals_are_events()

        def talk(server):
            clients = self.connect_many(server, 8)
            for client in clients:
                client.echo()
            server.process.send_signal(signal.SIGSTOP)
            if not self.becomes(Process(server).is_stopped):
                raise Broken("SIGSTOP does not stop the server")
            self.act(server, clients[:4])
            server.process.send_signal(signal.SIGTERM)
            self.act(server, clients[4:])
            server.process.send_signal(signal.SIGCONT)
            server.check_end(signal.SIGTERM, server.wait_exit(STOP_LIMIT))

        self.under_valgrind(talk, "events of the same batch are handled after the stop's: is "
                            "what they need still there?")

    def act(self, server, clients):
        """Bytes, an end, a reset and a newcomer reach a server that is stopped."""
        talks, ends, resets, both = clients
        for client in (talks, both):
            client.send(b"in one batch\n")
            if not self.becomes(lambda: server.unread(client) > 0):
                raise Broken("the bytes do not reach the server's kernel")
        ends.half_close()
        resets.reset()
        both.half_close()
        self.connect(server)

    @seen("5-")
    def accept_does_not_wait(self):
        """The listening socket is non-blocking."""
        process = Process(self.serve())
        for fd in process.listeners():
            if process.waits(fd):
                raise Broken(f"descriptor {fd} listens, and its flags in /proc/PID/fdinfo are "
                             "without O_NONBLOCK: accept waits, and with it the loop and its "
                             "signals, when another process that shares the socket was faster\n"
                             "  is SOCK_NONBLOCK or O_NONBLOCK set for it?")

    @seen("9-")
    def each_loop_can_be_woken(self):
        """Each epoll descriptor watches an eventfd, or a pipe, that other threads write to."""
        process = Process(self.serve("-t", "2"))
        names = process.kinds()
        for group in process.watched():
            if not any(names.get(fd, "").startswith(("anon_inode:[eventfd]", "pipe:"))
                       for fd in group):
                raise Broken("with -t 2 one of the server's epoll descriptors watches no eventfd "
                             f"and no pipe, only {sorted(group)} (/proc/PID/fdinfo)\n"
                             "  how does another thread wake the loop that waits there?")

    @seen("10-")
    def time_is_an_event(self):
        """A timerfd is among what epoll watches; clients do not need one each."""
        server = self.serve("-t", "1")
        for client in self.connect_many(server, 8):
            client.echo()
        process = Process(server)
        timers, loops = process.watches("anon_inode:[timerfd]"), len(process.watched())
        if not 1 <= len(timers) <= loops:
            raise Broken(f"8 clients are connected, and the server has {loops} loops: epoll "
                         f"watches {len(timers)} descriptors that are a timerfd\n"
                         "  does each loop have one of them, for all its timers?")
