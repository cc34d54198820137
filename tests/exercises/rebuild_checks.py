"""What a rebuilt stage must show from outside where its step changes no behaviour."""
from __future__ import annotations

import functools
import os
import re

from harness.check import Check
from harness.server import Broken
from harness.spec import ONLY_ECHO, Spec

ROW = "outside"         # no row of the behaviour table
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


class Outside(Check):
    group = "outside"

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
