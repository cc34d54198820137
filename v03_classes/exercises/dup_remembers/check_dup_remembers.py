"""What a watch list holds on to: measured with epoll itself, on sockets of this process."""
from __future__ import annotations

import os
import select
import socket

from exercises.marks import measures
from harness.check import Check


class DupRemembers(Check):
    group = "dup_remembers"

    def setUp(self):
        self.epoll = select.epoll()
        self.addCleanup(self.epoll.close)
        self.held = []
        self.addCleanup(self.release)

    def release(self):
        for fd in self.held:
            os.close(fd)
        self.held.clear()

    def readable(self) -> int:
        """A descriptor with a byte to read, which nobody ever reads."""
        here, there = socket.socketpair()
        there.send(b"x")
        self.held += [here.detach(), there.detach()]
        return self.held[-2]

    def let_go(self, fd: int):
        os.close(fd)
        self.held.remove(fd)

    def copies(self, fd: int) -> list:
        found = [os.dup(fd) for _ in range(int(self.numbers["copies"]))]
        self.held += found
        return found

    def watched_and_closed(self):
        """A watched descriptor with copies, closed; returns its number and the copies."""
        fd = self.readable()
        copies = self.copies(fd)
        self.epoll.register(fd, select.EPOLLIN)
        self.let_go(fd)
        return fd, copies

    def events(self) -> list:
        return self.epoll.poll(0)

    @measures("after_close")
    def after_close(self):
        """Copied, watched, closed: events of one wait."""
        self.watched_and_closed()
        return len(self.events())

    @measures("each_wait")
    def each_wait(self):
        """The same, and nobody reads: waits that report it."""
        self.watched_and_closed()
        return sum(bool(self.events()) for _ in range(int(self.numbers["waits"])))

    @measures("all_closed")
    def all_closed(self):
        """The same, and then all copies are closed."""
        _, copies = self.watched_and_closed()
        for copy in copies:
            self.let_go(copy)
        return len(self.events())

    @measures("copies_watched")
    def copies_watched(self):
        """The descriptor and each of its copies are watched: events of one wait."""
        fd = self.readable()
        for number in (fd, *self.copies(fd)):
            self.epoll.register(number, select.EPOLLIN)
        return len(self.events())

    @measures("remove_by_copy")
    def remove_by_copy(self):
        """Closed, and taken off the list by the number of a copy: the error."""
        _, copies = self.watched_and_closed()
        return self.error_of_removing(copies[0])

    @measures("remove_by_both")
    def remove_by_both(self):
        """Closed, and taken off the list once the number is a copy of a copy: the error."""
        fd, copies = self.watched_and_closed()
        os.dup2(copies[0], fd)
        self.held.append(fd)
        return self.error_of_removing(fd)

    def error_of_removing(self, fd: int) -> int:
        try:
            self.epoll.unregister(fd)
        except OSError as error:
            return error.errno
        return 0

    @measures("new_owner")
    def new_owner(self):
        """The number has a new owner, who is watched too: events that carry that number."""
        fd, _ = self.watched_and_closed()
        newcomer = self.readable()
        if newcomer != fd:          # another number was free: take the one that is meant
            os.dup2(newcomer, fd)
            self.held.append(fd)
        self.epoll.register(fd, select.EPOLLIN)
        return sum(number == fd for number, _ in self.events())
