"""Threads, epoll descriptors and wake-ups of a server, read from /proc."""
from __future__ import annotations

import os
import re
import time

from exercises.marks import measures
from harness.check import Check


class ThreadsPredict(Check):
    group = "threads_predict"

    def begin(self):
        return self.serve("-t", str(self.numbers["threads"]), "-w", str(self.numbers["workers"]))

    def watched(self, server) -> dict:
        """For each epoll descriptor, how many descriptors it watches."""
        base, found = f"/proc/{server.process.pid}", {}
        for fd in os.listdir(f"{base}/fd"):
            if "[eventpoll]" in os.readlink(f"{base}/fd/{fd}"):
                found[int(fd)] = len(re.findall(r"^tfd:", server._proc(f"fdinfo/{fd}"), re.M))
        return found

    @measures("all_threads")
    def all_threads(self):
        """The entries of /proc/PID/task."""
        return self.begin().threads()

    @measures("epolls")
    def epolls(self):
        """The links to [eventpoll] in /proc/PID/fd."""
        return len(self.watched(self.begin()))

    @measures("on_the_main_loop")
    def on_the_main_loop(self):
        """What the main thread's epoll watches: the one that is not changed by clients."""
        server = self.begin()
        before = self.watched(server)
        for client in self.connect_many(server, self.numbers["clients"]):
            client.echo(b"hello\n")
        after = self.watched(server)
        return sum(count for fd, count in after.items() if count == before[fd])

    @measures("wakeups", near=0.3)
    def wakeups(self):
        """How often its threads go to sleep of their own will, in a second."""
        server = self.begin()
        before, start = server.wakeups(), time.monotonic()
        time.sleep(1.5)
        return (server.wakeups() - before) / (time.monotonic() - start)
