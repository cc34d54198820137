"""What epoll reports of a socket that can be written to: nearly always, and how often."""
from __future__ import annotations

import select
import signal

from exercises.marks import measures
from harness.check import Check
from harness.server import Broken

BOTH = select.EPOLLIN | select.EPOLLOUT
EDGES = BOTH | select.EPOLLET
PIECE = bytes(1 << 16)


class LevelOut(Check):
    group = "level_out"

    def reports(self, client, events: int) -> int:
        """How many of the waits report the socket at all."""
        with select.epoll() as epoll:
            epoll.register(client.sock, events)
            return sum(bool(epoll.poll(0.01)) for _ in range(int(self.numbers["waits"])))

    @measures("level_idle")
    def level_idle(self):
        """Level-triggered, and nothing is sent."""
        return self.reports(self.connect(self.serve()), BOTH)

    @measures("edge_idle")
    def edge_idle(self):
        """Edge-triggered, and nothing is sent."""
        return self.reports(self.connect(self.serve()), EDGES)

    @measures("edge_echo")
    def edge_echo(self):
        """Edge-triggered, and bytes are echoed one by one: reports with EPOLLOUT."""
        client = self.connect(self.serve())
        with select.epoll() as epoll:
            epoll.register(client.sock, EDGES)
            found = [self.one_report(epoll)]
            for _ in range(int(self.numbers["messages"])):
                client.send(b"x")
                found.append(self.one_report(epoll))
                client.expect(b"x")
            if epoll.poll(0.1):
                raise Broken("a report came that nobody waited for: is this machine's kernel "
                             "another one?")
        return sum(bool(events & select.EPOLLOUT) for events in found)

    def one_report(self, epoll) -> int:
        """The events of the next report."""
        found = epoll.poll(self.limit(5))
        if not found:
            raise Broken("epoll_wait reported nothing for five seconds")
        return found[0][1]

    @measures("level_full")
    def level_full(self):
        """Level-triggered, and the send buffer is full."""
        server = self.serve()
        client = self.connect(server)
        server.process.send_signal(signal.SIGSTOP)
        while client.send_some(PIECE) or select.select([], [client.sock], [], 0.3)[1]:
            pass
        count = self.reports(client, BOTH)
        server.process.send_signal(signal.SIGCONT)
        client.close()
        return count
