"""echo_server -l: which I/O thread gets a newcomer, seen from outside."""
from __future__ import annotations

import os
import re
import signal

from exercises.marks import judges
from harness.check import Check
from harness.modes import HELGRIND
from harness.server import Broken
from harness.spec import ONLY_ECHO

THREADS, CLIENTS = 3, 9
GONE = "is a loop's number lowered for each connection that has gone, and at once?"
ONCE = ("is a loop's number lowered exactly once for such a connection? It ends twice: when the "
        "reset is seen, and when the worker is done")
REFUSED = "is a loop's number raised for clients who are then refused?"


def watched(server) -> dict:
    """For each epoll instance of the server, how many descriptors it watches."""
    base, found = f"/proc/{server.process.pid}", {}
    for fd in os.listdir(f"{base}/fd"):
        try:
            if "[eventpoll]" in os.readlink(f"{base}/fd/{fd}"):
                found[fd] = len(re.findall(r"^tfd:", server._proc(f"fdinfo/{fd}"), re.M))
        except FileNotFoundError:   # closed meanwhile
            continue
    return found


class LeastConnections(Check):
    group = "least_connections"

    def begin(self, *args, threads=THREADS, clients=CLIENTS):
        """A server with some I/O threads, and clients that come one after the other."""
        server = self.serve("-t", str(threads), *args)
        self.idle, self.home = watched(server), {}
        for _ in range(clients):
            self.newcomer(server)
        self.loops = sorted(set(self.home.values()), key=int)
        if len(self.loops) != threads:
            raise Broken(f"-t {threads} {' '.join(args)}: {clients} clients, one after the other, "
                         f"were spread over {len(self.loops)} epoll instances")
        return server

    def loads(self, server) -> list:
        """How many clients each loop has, in the order of `self.loops`."""
        now = watched(server)
        return [now[fd] - self.idle.get(fd, 0) for fd in self.loops]

    def newcomer(self, server) -> str:
        """One more client; returns its loop: that which watches one descriptor more."""
        before, client, grown = watched(server), self.connect(server), []

        def is_watched():
            after = watched(server)
            grown[:] = [fd for fd in after if after[fd] > before.get(fd, 0)]
            return grown

        if not self.becomes(is_watched) or len(grown) != 1:
            raise Broken(f"a client came; the epoll instances watched {before} descriptors before "
                         f"(descriptor: number), and {watched(server)} now")
        self.home[client] = grown[0]
        return grown[0]

    def leave(self, server, loops, how: str):
        """All clients of these loops leave; how: close, reset, or with a message in hand."""
        names = [self.loops[at] for at in loops]
        leaving = [c for c in self.home if self.home[c] in names]
        if how == "busy":
            self.keep_busy(server, leaving)
        for client in leaving:
            (client.close if how == "close" else client.reset)()
            del self.home[client]
        self.settle(server)

    def keep_busy(self, server, clients):
        """Each has sent a message, and the server has read it."""
        for client in clients:
            client.send(b"a message\n")
        if not self.becomes(lambda: not any(c.unsent() or server.unread(c) for c in clients)):
            raise Broken(f"{len(clients)} clients sent a message each; the server does not read "
                         "all of them")

    def settle(self, server):
        """All that has left is gone, and each thread has come to rest."""
        count = len(self.home)
        if not self.becomes(lambda: server.fds() <= server.base_fds + count
                            and self.stays(server.sleeps, 3)):
            raise Broken(f"{count} clients are left, and the server has {server.fds()} "
                         f"descriptors; it had {server.base_fds} at the start")

    def expect_even(self, server, about: str):
        """The loops differ by one connection at most."""
        loads = self.loads(server)
        if max(loads) - min(loads) > 1:
            raise Broken(f"{about}: the loops have {loads} connections")

    def fill_the_gaps(self, server, about: str, newcomers=8, hint=GONE):
        """Each newcomer goes to a loop that had the fewest before."""
        for _ in range(newcomers):
            before = self.loads(server)
            at = self.loops.index(self.newcomer(server))
            if before[at] > min(before):
                raise Broken(f"{about}: the loops had {before} connections, and a newcomer went "
                             f"to one that had {before[at]}\n  {hint}")

    @judges(ONLY_ECHO)
    def newcomers_fill_the_gaps(self):
        """-t 3 -l: clients of some threads leave; each newcomer goes to the least loaded."""
        server = self.begin("-l")
        self.expect_even(server, "-t 3 -l, nine clients one after the other")
        for loops, how in (((0, 1), "close"), ((1,), "reset"), ((0, 2), "reset"), ((2,), "close"),
                           ((1,), "reset"), ((1,), "close")):
            self.leave(server, loops, how)
            self.fill_the_gaps(server, f"-t 3 -l, after all clients of {len(loops)} threads left "
                               f"({how})")

    @judges(ONLY_ECHO)
    def many_at_once(self):
        """They are accepted in one go: each counts at once, not when its loop gets to it."""
        server = self.begin("-l")
        self.leave(server, (0, 1), "close")
        server.process.send_signal(signal.SIGSTOP)
        crowd = self.connect_many(server, 9)
        server.process.send_signal(signal.SIGCONT)
        for client in crowd:
            client.echo(b"hello\n")
        self.expect_even(server, "-t 3 -l, one thread has 3 clients and two have none, then nine "
                         "more connect at once")

    @judges(ONLY_ECHO)
    def who_leaves_in_the_middle(self):
        """-w 3 -d 700: clients reset while a worker has their message; they count no more."""
        server = self.begin("-l", "-w", "3", "-d", "700", "-f", "line")
        for loop in (0, 2):
            self.leave(server, (loop,), "busy")
            self.fill_the_gaps(server, "-t 3 -l -w 3 -d 700, after a thread's clients sent a "
                               "message each, and reset while workers had them", hint=ONCE)

    @judges(ONLY_ECHO)
    def who_is_refused_does_not_count(self):
        """-t 2 -c 3: now and then one is refused, and then all leave; that changes nothing."""
        limit = 3       # no multiple of the threads: a loop is behind when one is refused
        server = self.begin("-l", "-c", str(limit), threads=2, clients=limit)
        for _ in range(8):
            self.connect(server).expect_gone(f"-c {limit}, and one more client came")
            self.leave(server, (0, 1), "close")
            self.fill_the_gaps(server, f"-t 2 -l -c {limit}, after a client was refused and all "
                               "others left", newcomers=limit, hint=REFUSED)

    @judges(("echo_server",), modes=("plain",))
    def no_data_race(self):
        """-t 3 -l, helgrind: clients come, talk and leave at once; no data race is found."""
        self.need("valgrind")
        self.mode = HELGRIND        # from here on, for this check alone
        server, clients = self.serve("-t", "3", "-l"), []
        for number in range(200):
            clients.append(self.connect(server))
            clients[-1].send(b"hello\n")
            if number >= 6:
                (clients[-6].close if number % 2 else clients[-6].reset)()
        clients[-1].expect(b"hello\n")
        try:
            server.stop()
        except Broken as error:
            found = re.search(r"Possible data race.*?(?=\n\S* -{20}|\Z)", str(error), re.S)
            if not found:
                raise
            report = re.sub(r"^==\d+== ?", "  ", found.group(), flags=re.M).rstrip()
            raise Broken(f"helgrind, -t 3 -l, clients came and left; its first report:\n{report}\n"
                         "  is a loop's number changed, or looked at, without the lock?") from None

    @judges(ONLY_ECHO)
    def in_turn_without_it(self):
        """-h has -l; without it a newcomer goes to the next thread, whoever has fewer."""
        usage = self.start("-h")
        usage.wait_exit(self.limit(10))
        if "[-l]" not in usage.out.text:
            raise Broken(f"-h does not mention [-l]: {usage.out.text!r}")
        server = self.begin()
        self.leave(server, (0,), "close")
        got = [self.loops.index(self.newcomer(server)) for _ in range(6)]
        if got != got[:3] * 2 or len(set(got)) != THREADS:
            raise Broken("-t 3 without -l: all clients of one thread left, then six newcomers "
                         f"went to the threads {got}, which is not in turn")
