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
TURNS = 300         # owners of one number: more than 8 bits can tell apart

# A kernel that reports late: an event for a descriptor that was closed comes again with the next
# events, once while nobody has the number, and when somebody else has it. Then there are several:
# for the last owner, and for those who had it 2, 4, 8 ... 256 owners ago.
LATE_KERNEL = r"""
#include <dlfcn.h>
#include <string.h>
#include <sys/epoll.h>

enum { MOST = 64, KEPT = 512 };
static struct epoll_event owners[MOST][KEPT]; /* what was asked for, by descriptor */
static unsigned count_of[MOST];
static struct epoll_event late[MOST];
static int late_count;

static void report_late(int fd, unsigned ago)
{
    if (late_count < MOST && ago <= count_of[fd]) {
        late[late_count] = owners[fd][(count_of[fd] - ago) % KEPT];
        late[late_count++].events = EPOLLIN;
    }
}

int epoll_ctl(int epoll, int operation, int fd, struct epoll_event *event)
{
    int (*real)(int, int, int, struct epoll_event *) = dlsym(RTLD_NEXT, "epoll_ctl");

    if (operation == EPOLL_CTL_ADD && fd >= 0 && fd < MOST) {
        for (unsigned ago = 1; ago <= KEPT / 2; ago *= 2)
            report_late(fd, ago);
        owners[fd][count_of[fd]++ % KEPT] = *event;
    }
    return real(epoll, operation, fd, event);
}

int close(int fd)
{
    int (*real)(int) = dlsym(RTLD_NEXT, "close");

    if (fd >= 0 && fd < MOST)
        report_late(fd, 1);
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

# A kernel in a hurry: of the clients that it hands out, those from FIRST to LAST have left already.
# The newest event comes first, so each of them is closed before the next one is accepted.
FIRST, LAST = 9, 65532
QUICK_CLIENTS = r"""
#include <dlfcn.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

int accept4(int listener, struct sockaddr *peer, socklen_t *size, int flags)
{
    int (*real)(int, struct sockaddr *, socklen_t *, int) = dlsym(RTLD_NEXT, "accept4");
    static unsigned number;
    int ends[2];

    number++;
    if (number < FIRST || number > LAST)
        return real(listener, peer, size, flags);
    if (peer != NULL)
        memset(peer, 0, *size);
    if (socketpair(AF_UNIX, SOCK_STREAM | flags, 0, ends) < 0)
        return -1;
    close(ends[1]);
    return ends[0];
}

int accept(int listener, struct sockaddr *peer, socklen_t *size)
{
    return accept4(listener, peer, size, 0);
}

int epoll_wait(int epoll, struct epoll_event *events, int most, int timeout)
{
    int (*real)(int, struct epoll_event *, int, int) = dlsym(RTLD_NEXT, "epoll_wait");
    int count = real(epoll, events, most, timeout);

    for (int i = 0; i < count / 2; i++) {
        struct epoll_event event = events[i];
        events[i] = events[count - 1 - i];
        events[count - 1 - i] = event;
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
        for number in range(1, 1 + self.few(TURNS, 12)):
            self.expect_new(number, self.one_client(server, at_rest), seen)

    @judges(modes=("plain",))
    def all_32_bits(self):
        """Also 65,540 owners of one number have generations that all differ."""
        env = (("LD_PRELOAD", str(self.library("quick_clients", QUICK_CLIENTS))),)
        server = self.serve(env=env)
        at_rest, seen = watch_list(server), {}
        for number in (*range(1, FIRST), *range(LAST + 1, LAST + 9)):
            self.expect_new(number, self.one_client(server, at_rest), seen)

    def one_client(self, server, at_rest) -> dict:
        """A client comes, is served and leaves. Returns its descriptor, with its data."""
        client = self.connect(server)
        client.limit = self.limit(40)   # others may come first, of whom only the server knows
        client.echo()
        found = self.clients_of(server, at_rest)
        self.expect_descriptors(found)
        self.leave(client)
        if not self.becomes(lambda: not self.clients_of(server, at_rest)):
            raise Broken("a client has left; its descriptor is watched on")
        return found

    def leave(self, client):
        """Once the end has come, the server has closed, and its number is free."""
        client.half_close()
        client.expect_end("this client has half-closed")
        client.close()

    def expect_new(self, number, found, seen):
        for fd, data in found.items():
            generation = data >> 32
            before = seen.setdefault((fd, generation), number)
            if before != number:
                raise Broken(
                    f"clients came one after the other and had descriptor {fd}; the high 32 "
                    f"bits of its data (/proc/PID/fdinfo) were {generation} for client "
                    f"{before:,} and again for client {number:,}\n  does each owner of a "
                    "number get a generation of its own? is it kept when the entry is "
                    "cleared? has it all 32 bits?")

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

    @judges(modes=("plain", "valgrind"))
    def older_owners(self):
        """Nor does an event for one who had the number 2, 4, 8 ... 256 owners ago."""
        server = self.serve(env=(("LD_PRELOAD", str(self.late_kernel())),))
        asks = self.connect(server)
        asks.echo()
        for turn in range(self.few(TURNS, 12)):
            silent = self.connect(server)
            self.becomes(lambda: server.fds() == server.base_fds + 2)
            asks.echo(b"turn %d\n" % turn, f"{turn + 1} clients, one after the other, had one "
                      "descriptor; the newest says nothing, and events came for those who had it "
                      "1, 2, 4 ... 256 owners ago: does the server wait in a read(2) from the "
                      "wrong one?\n  are all 32 bits of the generations compared?")
            self.leave(silent)
        if server.err.text:
            raise Broken("events came for clients who have gone: nothing is to be said, stderr "
                         f"has {server.err.text!r}")

    def late_kernel(self):
        """The library that plays the late kernel."""
        return self.library("late_kernel", LATE_KERNEL)

    def library(self, name, text):
        """A library to put between a server and the kernel."""
        source = build.scratch() / f"{name}.{os.getpid()}.c"
        source.write_text(text, encoding="ascii")
        return build.compile_c(f"handler_table/{name}.so", [source], PLAIN,
                               options=("-shared", "-fPIC", f"-DFIRST={FIRST}", f"-DLAST={LAST}"))
