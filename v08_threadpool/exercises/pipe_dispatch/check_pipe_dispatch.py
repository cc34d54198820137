"""Newcomers go to their loop through a queue and a pipe, and nobody looks at a clock."""
from __future__ import annotations

import os
import random
import re
import signal
import subprocess
import tempfile
import time

from exercises.marks import judges
from harness import build
from harness.check import Check
from harness.modes import HELGRIND, PLAIN
from harness.server import Broken

BOTH = ("echo_server", "chat_server")

# At exit(3), how many sockets are open goes into the file REPORT.
COUNT_AT_EXIT = r"""
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

__attribute__((destructor)) static void count_sockets(void)
{
    struct stat status;
    int count = 0;

    for (int fd = 3; fd < 1024; fd++)
        if (fstat(fd, &status) == 0 && S_ISSOCK(status.st_mode))
            count++;
    dprintf(open(getenv("REPORT"), O_WRONLY), "%d", count);
}
"""


class PipeDispatch(Check):
    group = "pipe_dispatch"

    # -- helpers ------------------------------------------------------------

    def pipes(self, server) -> dict:
        """Pipes with both ends in the server: (to read from, to write to), by the pipe's name."""
        found = {}
        folder = f"/proc/{server.process.pid}"
        for name in os.listdir(f"{folder}/fd"):
            try:
                target = os.readlink(f"{folder}/fd/{name}")
                with open(f"{folder}/fdinfo/{name}", encoding="ascii") as file:
                    flags = int(re.search(r"^flags:\s*(\d+)", file.read(), re.M).group(1), 8)
            except FileNotFoundError:
                continue
            if target.startswith("pipe:"):
                found.setdefault(target, [None, None])[bool(flags & os.O_ACCMODE)] = int(name)
        return {pipe: ends for pipe, ends in found.items() if None not in ends}

    def watched(self, server) -> dict:
        """The descriptors that each epoll of the server watches, by epoll's descriptor."""
        found = {}
        folder = f"/proc/{server.process.pid}/fdinfo"
        for name in os.listdir(folder):
            try:
                with open(f"{folder}/{name}", encoding="ascii") as file:
                    tfds = re.findall(r"^tfd:\s*(\d+)", file.read(), re.M)
            except FileNotFoundError:
                continue
            if tfds:
                found[int(name)] = {int(fd) for fd in tfds}
        return found

    def serve_pipes(self, threads: int, *args, **how):
        """A server with so many I/O threads, each of which must watch a pipe of its own."""
        server = self.serve("-t", threads, *args, **how)
        pipes = {ends[0] for ends in self.pipes(server).values()}

        def loops():
            return sum(1 for tfds in self.watched(server).values() if tfds & pipes)

        if not self.becomes(lambda: loops() >= threads, 1.0):
            raise Broken(f"-t {threads}: {len(self.pipes(server))} pipes have both ends in the "
                         f"server (/proc/PID/fd), and {loops()} of its epolls watch one "
                         "(/proc/PID/fdinfo)\n  each sub-reactor needs a pipe, and watches the "
                         "end that it reads from")
        return server

    def trace(self, server, act, *options) -> list:
        """(thread, call) of each system call of the server while something is done."""
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
        return re.findall(r"^(\d+)\s+(.*)$", written(out)[begin:], re.M)

    # -- checks -------------------------------------------------------------

    @judges(BOTH)
    def each_loop_watches_a_pipe(self):
        """-t 3: three pipes, and each sub-reactor's epoll watches one."""
        server = self.serve_pipes(3)
        for client in self.connect_many(server, 3):
            client.send(b"hello\n")
            if not client.read(5):
                raise Broken("-t 3: a client gets no answer")

    @judges(modes=("plain",))
    def all_sleep(self):
        """-t 3, some clients, nobody talks: no thread wakes up."""
        server = self.serve("-t", "3")
        for client in self.connect_many(server, 6):
            client.echo()
        for _ in range(3):      # what was under way may need a moment; a clock goes on
            time.sleep(0.05)
            before = server.wakeups()
            time.sleep(0.4)
            woke = server.wakeups() - before
            if woke == 0:
                return
        raise Broken(f"nobody talks, and the server's threads woke up {woke} times in 0.4 s\n  who "
                     "still waits with a timeout? What does it look for, and could the pipe tell "
                     "it?")

    @judges(modes=("plain",))
    def served_by_its_own_thread(self):
        """strace: one thread accepts and writes to the pipe; another one begins to watch."""
        server = self.serve_pipes(1)
        self.connect(server).echo()
        calls = self.trace(server, lambda: self.connect(server).echo())
        found = [(thread, re.search(r"accept4?(?:\(| resumed>).*= (\d+)$", call))
                 for thread, call in calls]
        accepted = next(((thread, match.group(1)) for thread, match in found if match), None)
        if not accepted:
            raise Broken("a client connected, and strace shows no accept")
        acceptor, fd = accepted
        adders = [thread for thread, call in calls
                  if re.search(rf"epoll_ctl\(\d+, EPOLL_CTL_ADD, {fd},", call)]
        if not adders or acceptor in adders:
            raise Broken(f"thread {acceptor} accepted a client, descriptor {fd}, and "
                         f"{'also began to watch it' if adders else 'nobody began to watch it'}\n"
                         "  the main loop only queues the newcomer; the sub-reactor's own thread "
                         "opens the connection")
        writes = {ends[1] for ends in self.pipes(server).values()}
        if not any(thread == acceptor and re.match(r"write\((\d+),", call)
                   and int(re.match(r"write\((\d+),", call).group(1)) in writes
                   for thread, call in calls):
            raise Broken(f"thread {acceptor} accepted a client and wrote nothing to a pipe")

    @judges(("chat_server",), modes=("plain",))
    def welcome_at_once(self):
        """chat_server -t 2: a newcomer is greeted in far less than ten milliseconds."""
        server = self.serve_pipes(2)
        self.connect(server).read(5)
        for _ in range(3):      # a busy machine, now and then; a clock, each time
            middle = self.usual_wait(server)
            if middle < 3:
                return
        raise Broken(f"half of forty newcomers waited more than {middle:.1f} ms for `you are`\n"
                     "  does the byte in the pipe wake the sub-reactor, or does it look now and "
                     "then?")

    def usual_wait(self, server) -> float:
        """Milliseconds until a newcomer is greeted: the middle of forty."""
        spent = []
        for _ in range(40):
            time.sleep(random.uniform(0.003, 0.013))    # the loops sleep, and a clock is anywhere
            start = time.monotonic()
            client = self.connect(server)
            client.expect(b"you are ")
            spent.append(time.monotonic() - start)
            client.close()
        return sorted(spent)[len(spent) // 2] * 1000

    @judges(("chat_server",))
    def many_at_once(self):
        """A burst of newcomers: none is forgotten, however many bytes one read takes."""
        server = self.serve_pipes(2)
        os.kill(server.process.pid, signal.SIGSTOP)
        try:
            clients = self.connect_many(server, self.few(300, 60))
        finally:
            os.kill(server.process.pid, signal.SIGCONT)
        for number, client in enumerate(clients, 1):
            if client.read(8) != b"you are ":
                raise Broken(f"{len(clients)} clients connected while the server was stopped; "
                             f"number {number} was not greeted\n  is the queue emptied when the "
                             "pipe tells of newcomers, or is one taken for many bytes?")

    @judges(modes=("plain",))
    def spread_in_turn(self):
        """-t 3: nine clients, three for each sub-reactor."""
        server = self.serve_pipes(3)
        pipes = {ends[0] for ends in self.pipes(server).values()}
        before = {epoll: len(tfds) for epoll, tfds in self.watched(server).items() if tfds & pipes}
        for client in self.connect_many(server, 9):
            client.echo()
        more = [len(self.watched(server)[epoll]) - count for epoll, count in before.items()]
        if sorted(more)[-3:] != [3, 3, 3]:
            raise Broken(f"-t 3, nine clients: the epolls watch {more} descriptors more, not three "
                         "each")

    @judges()
    def stop_with_newcomers_queued(self):
        """SIGTERM while the sub-reactor is busy and newcomers wait: none is left behind."""
        self.stop_with_queue()

    @judges(modes=("plain",))
    def newcomers_are_closed_at_the_stop(self):
        """The same; looked at from inside: when the server ends, it has closed each socket."""
        report = self.shared_file()
        self.stop_with_queue(env=(("LD_PRELOAD", str(count_at_exit())), ("REPORT", report.name)))
        left = int(report.read() or 0)
        if left:
            raise Broken("SIGTERM was sent while 20 newcomers waited for the sub-reactor, which "
                         f"was busy; {left} sockets were still open when the server called exit(3)"
                         "\n  whose descriptor is only in the pipe, or in a queue, when the loop "
                         "ends must be closed, too: who reads what is left there?")

    def stop_with_queue(self, **how):
        server = self.serve_pipes(1, "-f", "line", "-d", str(self.few(300, 1500)), **how)
        busy = self.connect(server)
        busy.send(b"keep it busy\n")
        self.becomes(lambda: server.unread(busy) == 0)
        before = server.fds()
        clients = self.connect_many(server, 20)
        self.becomes(lambda: server.fds() >= before + 20, 1.0)
        server.stop()
        for client in clients:
            client.expect_gone("the server has stopped")

    @judges()
    def stops_from_sleep(self):
        """-t 2 -w 1, all asleep: SIGTERM ends it at once."""
        server = self.serve_pipes(2, "-w", "1")
        self.connect(server).echo()
        start = time.monotonic()
        server.stop()
        spent = time.monotonic() - start
        if spent > 1 and not self.mode.light:
            raise Broken(f"all threads slept, and SIGTERM took {spent:.1f} s")

    @judges(("chat_server",), modes=("plain",))
    def no_data_race(self):
        """helgrind: members of three threads come, talk and leave; no data race is found."""
        self.need("valgrind")
        self.serve_pipes(1)
        self.mode = HELGRIND        # from here on, for this check alone
        server = self.serve("-t", "3", "-w", "1")
        for _ in range(3):
            clients = self.connect_many(server, 6)
            for client in clients:
                client.send(b"hello\n" * 20)
            for client in clients[::2]:
                client.reset()
            clients[1].expect(b"you are ")
            for client in clients[1::2]:
                client.close()
        self.becomes(lambda: server.fds() <= server.base_fds)
        server.stop()


def count_at_exit():
    """The library that counts sockets when a server ends."""
    source = build.scratch() / f"count_at_exit.{os.getpid()}.c"
    source.write_text(COUNT_AT_EXIT, encoding="ascii")
    return build.compile_c("pipe_dispatch/count_at_exit.so", [source], PLAIN,
                           options=("-shared", "-fPIC"))


def written(out) -> str:
    """What strace has written so far."""
    with open(out.name, encoding="utf-8", errors="replace") as file:
        return file.read()
