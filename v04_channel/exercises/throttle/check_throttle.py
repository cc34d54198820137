"""-r BYTES: so many bytes a second for each client, and nobody waits for another."""
from __future__ import annotations

import functools
import os
import sys
import time

from exercises.marks import judges
from harness import build
from harness.check import Check
from harness.client import difference, noise, pump
from harness.modes import PLAIN
from harness.server import STOP_LIMIT, Broken

RATE = 20_000
SECONDS = 2         # of sending beyond the first second's bytes
SLACK = 0.05        # of the time that is promised, for clocks that are read at both ends
MOST_IN_VAIN = 100  # a second; a millisecond of spinning is worth more

# Stands before epoll_wait(2), and counts the calls that may not wait and find nothing.
COUNT_IN_VAIN = r"""
#include <dlfcn.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

static volatile uint64_t unseen, *in_vain = &unseen;

__attribute__((constructor)) static void begin(void)
{
    int fd = open(getenv("COUNT_FILE"), O_RDWR | O_CLOEXEC);
    void *page = mmap(NULL, sizeof(*in_vain), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

    if (page != MAP_FAILED)
        in_vain = page;
    close(fd);
}

static int counted(int count, int may_wait)
{
    if (count == 0 && !may_wait)
        ++*in_vain;
    return count;
}

int epoll_wait(int epoll, struct epoll_event *events, int most, int timeout)
{
    int (*real)(int, struct epoll_event *, int, int) = dlsym(RTLD_NEXT, "epoll_wait");

    return counted(real(epoll, events, most, timeout), timeout != 0);
}

int epoll_pwait(int epoll, struct epoll_event *events, int most, int timeout,
                const sigset_t *mask)
{
    int (*real)(int, struct epoll_event *, int, int, const sigset_t *) =
        dlsym(RTLD_NEXT, "epoll_pwait");

    return counted(real(epoll, events, most, timeout, mask), timeout != 0);
}

int epoll_pwait2(int epoll, struct epoll_event *events, int most, const struct timespec *time,
                 const sigset_t *mask)
{
    int (*real)(int, struct epoll_event *, int, const struct timespec *, const sigset_t *) =
        dlsym(RTLD_NEXT, "epoll_pwait2");

    return counted(real(epoll, events, most, time, mask),
                   time == NULL || time->tv_sec != 0 || time->tv_nsec != 0);
}
"""


class TooSlow(Broken):
    """More time was spent than the promise allows."""


def unless_busy(function):
    """A slow server is too slow three times; a busy machine, now and then."""
    @functools.wraps(function)
    def check(self):
        for _ in range(2):
            try:
                return function(self)
            except TooSlow:
                pass
        return function(self)
    return check


class Throttle(Check):
    group = "throttle"

    def greedy(self, server, size: int):
        """A client that has sent so much at once, and reads all that comes."""
        client = self.connect(server, sndbuf=1 << 20)
        client.send(noise(size))
        return client

    def expect_rate(self, client, size: int, rate: int, start: float):
        """All comes back, no sooner than the rate allows, and not much later."""
        got = client.read(size)
        spent = time.monotonic() - start
        wrong = difference(noise(size), got)
        if wrong:
            raise Broken(f"-r {rate}, {size:,} bytes sent at once: after {spent:.1f} s {wrong}")
        least = (size - rate) / rate
        if spent < least * (1 - SLACK):
            raise Broken(f"-r {rate}, {size:,} bytes sent at once: all came back after "
                         f"{spent:.2f} s; the first {rate:,} may come at once, and the rest takes "
                         f"{least:g} s")
        if spent > self.limit(least + 2):
            raise TooSlow(f"-r {rate}, {size:,} bytes sent at once: they took {spent:.2f} s; "
                          f"{least + 1:g} s are enough at that rate\n"
                          "  is a pause longer than the bytes read are worth?")

    @judges()
    @unless_busy
    def rate(self):
        """A client that sends all at once gets its bytes at the rate, whole, then end of file."""
        server = self.serve("-r", RATE)
        start = time.monotonic()
        size = RATE * (SECONDS + 1)
        client = self.greedy(server, size)
        client.half_close()
        self.expect_rate(client, size, RATE, start)
        client.expect_end("all has come back, and the client had half-closed")

    @judges()
    @unless_busy
    def saves_one_second(self):
        """What a silent client did not use is kept for a second, not for longer."""
        server = self.serve("-r", RATE)
        client = self.connect(server, sndbuf=1 << 20)
        client.echo(b"x" * RATE, "the first second's bytes may come at once")
        time.sleep(2.5)
        size = RATE * (SECONDS + 1)
        start = time.monotonic()
        client.send(noise(size))
        self.expect_rate(client, size, RATE, start)

    @judges()
    @unless_busy
    def slowest(self):
        """-r 2: a byte each half second, after the first two."""
        server = self.serve("-r", "2")
        client = self.connect(server)
        start = time.monotonic()
        client.send(noise(6))
        self.expect_rate(client, 6, 2, start)

    @judges(modes=("plain",))
    @unless_busy
    def fastest(self):
        """-r 1073741824: a fast client is not slowed down by rounding."""
        server = self.serve("-r", 1 << 30)
        start = time.monotonic()
        self.expect_all(self.connect(server), noise(30_000_000))
        spent = time.monotonic() - start
        if spent > 3:
            raise TooSlow(f"-r {1 << 30}: 30 MB took {spent:.1f} s\n  is there a pause although "
                          "the second's bytes are not used up?")

    @judges()
    @unless_busy
    def each_its_own(self):
        """Three clients at once: each gets the rate, and a polite one waits for none of them."""
        server = self.serve("-r", RATE)
        start = time.monotonic()
        size = RATE * (SECONDS + 1)
        greedy = [self.greedy(server, size) for _ in range(3)]
        polite = self.connect(server)
        begin = time.monotonic()
        for turn in range(20):
            polite.echo(b"turn %d\n" % turn)
        if time.monotonic() - begin > self.limit(0.5):
            raise TooSlow(f"-r {RATE}, three greedy clients: 20 short messages of another took "
                          f"{time.monotonic() - begin:.2f} s\n  does the server sleep while a "
                          "client's time has not come?")
        for client in greedy:
            self.expect_rate(client, size, RATE, start)

    def paused(self, server):
        """A client with much to read, once it is waiting for its time."""
        client = self.greedy(server, 200_000)
        client.read(RATE)
        self.becomes(lambda: server.unread(client) > 0)
        return client

    @judges()
    def does_not_spin(self):
        """While clients wait for their time the server sleeps."""
        server = self.serve("-r", RATE)
        clients = [self.paused(server), self.paused(server)]
        self.expect_asleep(server, "two clients may not be read from at the moment", 0.5, 0.2)
        for client in clients:
            client.close()
        self.expect_no_leak(server)

    @judges(modes=("plain",))
    def waits_to_the_end(self):
        """The server sleeps up to the end of each pause: it does not ask again and again."""
        file = self.shared_file()
        file.write(bytes(8))
        file.flush()
        server = self.serve("-r", RATE, env=(("LD_PRELOAD", str(self.counting())),
                                             ("COUNT_FILE", file.name)))
        self.paused(server)

        def in_vain():
            return int.from_bytes(os.pread(file.fileno(), 8, 0), sys.byteorder)

        before, start = in_vain(), time.monotonic()
        time.sleep(1.5)
        count, spent = in_vain() - before, time.monotonic() - start
        if count > MOST_IN_VAIN * spent:
            raise Broken(f"-r {RATE}, a client waits for its time: within {spent:.1f} s there "
                         f"were {count:,} calls of epoll_wait with a timeout of 0 that found "
                         "nothing\n  does the last part of a millisecond become 0 when the time "
                         "is made whole milliseconds?")

    def counting(self):
        """The library that counts."""
        source = build.scratch() / f"count_in_vain.{os.getpid()}.c"
        source.write_text(COUNT_IN_VAIN, encoding="ascii")
        return build.compile_c("throttle/count_in_vain.so", [source], PLAIN,
                               options=("-shared", "-fPIC"))

    @judges(modes=("plain",))
    def reset_meanwhile(self):
        """A client that resets while it waits for its time costs no CPU time until then."""
        server = self.serve("-r", "1")
        used = 0.0
        for _ in range(3):
            client = self.connect(server)
            client.send(b"ten bytes\n")
            client.read(1)
            self.becomes(server.sleeps)
            before = server.cpu()
            client.reset()
            time.sleep(0.5)
            used += server.cpu() - before
        if used > 0.3:
            raise Broken("-r 1: three clients, one after the other, reset while they had to wait "
                         f"for a second; the server used {used * 1000:.0f} ms of CPU time "
                         "meanwhile\n  epoll reports EPOLLHUP and EPOLLERR also when no event is "
                         "asked for")

    @judges()
    def closes_who_has_gone(self):
        """-r 1: a client that has left is closed within three seconds, in whatever way it left."""
        server = self.serve("-r", "1")
        clients = self.connect_many(server, 4)
        for client in clients:
            client.send(b"ten bytes\n")
            client.read(1)
        for client in clients[::2]:
            client.reset()
        self.becomes(lambda: server.fds() <= server.base_fds + 2, 3)
        if server.fds() > server.base_fds + 2:
            raise Broken("-r 1: two of four clients have reset; after 3 s their descriptors are "
                         "still open")
        polite = self.connect(server)
        polite.echo(b"a")

    @judges()
    def stops_meanwhile(self):
        """SIGTERM ends the server within its second, although clients wait for their time."""
        server = self.serve("-r", RATE)
        self.paused(server)
        server.stop(limit=STOP_LIMIT)

    @judges(modes=("plain",))
    def nobody_waits(self):
        """Once nobody waits for their time, the server does not wake up at all."""
        server = self.serve("-r", RATE)
        client = self.connect(server)
        self.expect_all(client, noise(RATE + RATE // 2))
        client.close()
        silent = self.connect(server)
        silent.echo(b"x")
        self.becomes(lambda: server.fds() == server.base_fds + 1)
        time.sleep(0.5)
        before = server.wakeups()
        time.sleep(0.5)
        if server.wakeups() > before:
            raise Broken(f"-r {RATE}: nobody has anything to read, and the server woke up "
                         f"{server.wakeups() - before} times in half a second\n"
                         "  how long may epoll_wait wait when no client is paused?")

    @judges()
    def no_limit(self):
        """-r 0 is as without -r; what is no number from 0 to 1073741824 is wrong use."""
        server = self.serve("-r", "0")
        start = time.monotonic()
        traffic = pump(self.connect(server), noise(1_000_000))
        if len(traffic.got) != 1_000_000 or time.monotonic() - start > self.limit(5):
            raise Broken(f"-r 0 is no limit; {len(traffic.got):,} of 1,000,000 bytes came back in "
                         f"{time.monotonic() - start:.1f} s")
        for wrong in ("", "x", "-1", "1.5", "1073741825"):
            lines = self.refuse("-p", "0", "-r", wrong)
            if len(lines) != 2 or "-r" not in lines[0] or "usage" not in lines[1]:
                raise Broken(f"-r {wrong!r} is wrong use: expected a line that names -r, and the "
                             f"usage; got {lines!r}")
