"""Events carry a descriptor and a generation, and an event for who has gone is for nobody."""
from __future__ import annotations

import os
import re

from exercises.marks import judges
from harness import build
from harness.check import Check
from harness.modes import PLAIN
from harness.server import Broken

LINE = re.compile(r"^tfd:\s*(\d+)\s+events:\s*\w+\s+data:\s*([0-9a-f]+)", re.M)
TURNS = 12

# A kernel that reports late: an event for a descriptor that was closed comes again with the next
# events, once while nobody has the number, and once when somebody else has it.
LATE_KERNEL = r"""
#include <dlfcn.h>
#include <string.h>
#include <sys/epoll.h>

enum { MOST = 64 };
static struct epoll_event owner[MOST]; /* what was asked for last, by descriptor */
static int watched[MOST];
static struct epoll_event late[MOST];
static int late_count;

static void report_late(int fd)
{
    if (late_count < MOST) {
        late[late_count] = owner[fd];
        late[late_count++].events = EPOLLIN;
    }
}

int epoll_ctl(int epoll, int operation, int fd, struct epoll_event *event)
{
    int (*real)(int, int, int, struct epoll_event *) = dlsym(RTLD_NEXT, "epoll_ctl");

    if (operation == EPOLL_CTL_ADD && fd >= 0 && fd < MOST) {
        if (watched[fd])
            report_late(fd);
        owner[fd] = *event;
        watched[fd] = 1;
    }
    return real(epoll, operation, fd, event);
}

int close(int fd)
{
    int (*real)(int) = dlsym(RTLD_NEXT, "close");

    if (fd >= 0 && fd < MOST && watched[fd])
        report_late(fd);
    return real(fd);
}

int epoll_wait(int epoll, struct epoll_event *events, int most, int timeout)
{
    int (*real)(int, struct epoll_event *, int, int) = dlsym(RTLD_NEXT, "epoll_wait");
    int count = real(epoll, events, most, timeout);

    if (count <= 0)
        return count;
    while (late_count > 0 && count < most) {
        memmove(events + 1, events, (unsigned)count * sizeof(*events));
        events[0] = late[--late_count];
        count++;
    }
    return count;
}
"""


def watch_list(server) -> dict:
    """What the kernel holds of each descriptor that the server watches: its data."""
    folder = f"/proc/{server.process.pid}/fdinfo"
    found = {}
    for name in os.listdir(folder):
        try:
            with open(f"{folder}/{name}", encoding="ascii") as file:
                text = file.read()
        except FileNotFoundError:       # closed meanwhile
            continue
        found.update({int(fd): int(data, 16) for fd, data in LINE.findall(text)})
    return found


class HandlerTable(Check):
    group = "handler_table"

    def clients_of(self, server, before) -> dict:
        """The descriptors that are watched now and were not before, with their data."""
        return {fd: data for fd, data in watch_list(server).items() if fd not in before}

    def expect_descriptors(self, found):
        for fd, data in found.items():
            if data & 0xffffffff != fd:
                raise Broken(f"/proc/PID/fdinfo: the data of descriptor {fd} are {data:#x}; the "
                             f"low 32 bits must be {fd}\n  is it (generation << 32) | fd, "
                             "in data.u64?")

    @judges()
    def generations(self):
        """Each time that a number is used again, the high 32 bits of its data are other ones."""
        server = self.serve()
        at_rest = watch_list(server)
        self.expect_descriptors(at_rest)
        seen = {}
        for _ in range(TURNS):
            client = self.connect(server)
            client.echo()
            found = self.clients_of(server, at_rest)
            self.expect_descriptors(found)
            for fd, data in found.items():
                seen.setdefault(fd, []).append(data >> 32)
            client.close()
            if not self.becomes(lambda: not self.clients_of(server, at_rest)):
                raise Broken("a client has left; its descriptor is watched on")
        self.expect_all_different(seen)

    def expect_all_different(self, seen):
        for fd, generations in seen.items():
            if len(set(generations)) < len(generations):
                raise Broken(f"{len(generations)} clients, one after the other, had descriptor "
                             f"{fd}; the high 32 bits of its data (/proc/PID/fdinfo) were "
                             f"{', '.join(map(str, generations))}\n  does each owner of a number "
                             "get a generation of its own? is it kept when the entry is cleared?")

    @judges(modes=("plain", "valgrind"))
    def stale_event(self):
        """An event for a client who has gone reaches nobody, whoever has the number now."""
        server = self.serve(env=(("LD_PRELOAD", str(self.late_kernel())),))
        asks, leaves = self.connect(server), self.connect(server)
        asks.echo()
        leaves.echo()
        leaves.close()
        if not self.becomes(lambda: server.fds() == server.base_fds + 1):
            raise Broken("one client of two has left; its descriptor stays open")
        asks.echo(b"nobody has the number\n", "an event came for a descriptor that was closed; "
                  "is its generation looked at before anything is done?")
        if server.err.text:
            raise Broken("an event came for a client who has gone: nothing is to be said, stderr "
                         f"has {server.err.text!r}\n  was a descriptor read or closed that "
                         "nobody has?")
        newcomer = self.connect(server)
        self.becomes(lambda: server.fds() == server.base_fds + 2)
        asks.echo(b"somebody else has it\n", "an event came for a client who has gone, and "
                  "another client has the descriptor now, who says nothing: does the server "
                  "wait in a read(2) from the wrong one?")
        newcomer.echo(b"and is served\n", "this client has the descriptor of one who has gone")

    def late_kernel(self):
        """The library that plays the late kernel."""
        source = build.scratch() / f"late_kernel.{os.getpid()}.c"
        source.write_text(LATE_KERNEL, encoding="ascii")
        return build.compile_c("handler_table/late_kernel.so", [source], PLAIN,
                               options=("-shared", "-fPIC"))
