"""The echo server as a Proactor on io_uring: what a client sees, and what the kernel is asked."""
from __future__ import annotations

import collections
import ctypes
import os
import re
import signal
import subprocess
import time

from checks.check_accept import AcceptFails
from checks.check_cost import Asleep
from checks.check_echo import Echo, HalfClose, Many
from checks.check_rude import Rude
from checks.check_slow import SlowReader
from checks.check_start import Start, StartFailure
from checks.check_stop import Stop
from exercises.marks import judges
from harness import build
from harness.check import Check
from harness.client import noise, pump
from harness.modes import PLAIN
from harness.runner import Task, run_one
from harness.server import Broken

PROGRAM = ("uring_server",)
MODES = ("plain", "valgrind", "sanitize")
SETUP = 425                 # the number of io_uring_setup, the same on every machine
ENTER = "io_uring_enter"
MESSAGES = 100
# What moves a connection's bytes without a ring, or waits for them.
DIRECT = ("read", "readv", "recvfrom", "recvmsg", "write", "writev", "sendto", "sendmsg",
          "accept", "accept4", "epoll_wait", "epoll_pwait", "poll", "ppoll", "select", "pselect6")

# In place of free(3): what is freed is filled with one value and never used again. At the end the
# memory must still hold that value. A pause after each gives the kernel time to do wrong.
QUARANTINE = r"""
#include <malloc.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { MOST = 100000, VALUE = 0xa5, LARGE = 512, MS = 1000000 };

static struct { unsigned char *memory; size_t size; } all[MOST];
static int count;

static void rest(long nanoseconds)
{
    struct timespec pause = {.tv_nsec = nanoseconds};

    while (nanosleep(&pause, &pause) < 0)
        ;
}

void free(void *memory)
{
    if (memory == NULL || count == MOST)
        return;
    all[count].memory = memory;
    all[count].size = malloc_usable_size(memory);
    memset(memory, VALUE, all[count].size);
    if (all[count++].size >= LARGE)
        rest(MS);
}

void *realloc(void *memory, size_t size)
{
    void *larger = malloc(size);
    if (larger == NULL || memory == NULL)
        return larger;
    size_t old = malloc_usable_size(memory);
    memcpy(larger, memory, old < size ? old : size);
    free(memory);
    return larger;
}

static void say(const char *text)
{
    if (write(2, text, strlen(text)) < 0)
        _exit(3);
}

__attribute__((destructor)) static void look(void)
{
    say("uring_server: quarantine: the end\n");
    rest(200 * MS);
    for (int i = 0; i < count; i++)
        for (size_t at = 0; at < all[i].size; at++)
            if (all[i].memory[at] != VALUE) {
                say("uring_server: quarantine: written to after free\n");
                _exit(3);
            }
}
"""


class Proactor(Check):
    group = "proactor"

    def setUp(self):
        libc = ctypes.CDLL(None, use_errno=True)
        fd = libc.syscall(SETUP, 1, ctypes.create_string_buffer(120))
        if fd < 0:
            self.skipTest(f"this kernel refuses io_uring: {os.strerror(ctypes.get_errno())}")
        os.close(fd)

    def passes(self, case: type, *methods):
        """The program keeps these promises of the stages' own checks."""
        for method in methods:
            if self.mode.name in getattr(case, method).spec.modes:
                outcome = run_one(Task(self.target, case, method))
                if outcome.status == "FAIL":
                    raise Broken(outcome.text)

    @judges(PROGRAM, modes=MODES)
    def starts(self):
        """The ready line, with the real port; a client can connect then."""
        self.passes(Start, "ready_line_gives_the_real_port", "port_and_address_as_asked",
                    "default_port", "same_port_again_at_once")

    @judges(PROGRAM, modes=("plain",))
    def wrong_use(self):
        """Wrong use: two lines and exit 2; failure at start: a line and exit 1; -h."""
        for args, about in ((("-Z",), "Z"), (("-p",), "p"), (("-p", "65536"), "65536"),
                            (("-a", "localhost"), "localhost"), (("stray",), "stray")):
            lines = self.refuse(*args)
            if len(lines) != 2 or "usage" not in lines[1] or about not in lines[0]:
                raise Broken(f"wrong use ({' '.join(args)}) earns two lines, what is wrong and "
                             f"the usage; stderr has {lines!r}")
        server = self.start("-h")
        if server.wait_exit(self.limit(10)) != 0 or "usage" not in server.out.text:
            raise Broken(f"-h prints the usage to stdout, and exits with 0; stdout has "
                         f"{server.out.text!r}")
        self.passes(StartFailure, "address_in_use", "address_of_another_host")

    @judges(PROGRAM, modes=MODES)
    def stops(self):
        """SIGINT and SIGTERM stop it, idle or busy, at any moment; exit 0."""
        self.passes(Stop, "idle_sigterm", "idle_sigint", "with_clients_connected",
                    "while_it_echoes", "while_a_client_does_not_read", "signal_at_any_moment",
                    "two_signals_at_once", "survives_sigpipe", "survives_a_stop_and_go")

    @judges(PROGRAM, modes=MODES)
    def echoes(self):
        """Every byte, in order, however it is cut; short writes as well."""
        self.passes(Echo, "every_byte_value", "cut_at_random", "eight_megabytes",
                    "reader_that_starts_late", "one_after_the_other")

    @judges(PROGRAM, modes=MODES)
    def half_close(self):
        """A client that has finished sending gets the rest, then end of file."""
        self.passes(HalfClose, "small", "end_of_file_is_not_a_reset")
        data = noise(self.few(8_000_000, 2_000_000))
        client = self.connect(self.serve())
        first = pump(client, data, half_close=False, read=False, stall=0.1)
        rest = pump(client, data[first.sent:])
        if rest.got != data or rest.end != "end of file":
            raise Broken(f"{len(data):,} bytes were sent, a part of them before the client read, "
                         f"then the client's end of file: {len(rest.got):,} bytes came back, "
                         f"then: {rest.end}\n  is the connection kept until all is sent?")

    @judges(PROGRAM, modes=MODES)
    def many(self):
        """A silent client delays nobody; a thousand at once."""
        self.passes(Many, "silent_clients_delay_nobody", "a_thousand_at_once",
                    "some_leave_some_stay", "two_big_streams")

    @judges(PROGRAM, modes=MODES)
    def rude(self):
        """Resets at every moment: nobody else is harmed, and nothing is left."""
        self.passes(Rude, "reset_at_once", "reset_after_sending", "leave_with_replies_unread",
                    "vanish_while_server_writes", "write_to_a_closed_peer", "others_go_on",
                    "resets_and_newcomers_at_once", "memory_after_many_clients",
                    "nothing_left_at_the_end")

    @judges(PROGRAM, modes=MODES)
    def slow_reader(self):
        """A client that does not read delays nobody, and costs bounded memory."""
        self.passes(SlowReader, "delays_nobody", "asleep_while_paused",
                    "gets_every_byte_at_last")
        if self.mode.light:
            return
        server = self.serve()
        before = server.memory()
        for client in self.connect_many(server, 4):
            pump(client, noise(1 << 20) * 24, half_close=False, read=False, stall=0.1)
        held = server.memory() - before
        if held > 4 << 20:
            raise Broken(f"four clients sent up to 24 MB each and read nothing: the server holds "
                         f"{held:,} bytes for them\n  is reading paused while output waits?")

    @judges(PROGRAM, modes=("plain",))
    def out_of_descriptors(self):
        """accept fails: said, and no spinning; those who are there are served."""
        self.passes(AcceptFails, "said", "rests")

    @judges(PROGRAM, modes=("plain",))
    def asleep_when_idle(self):
        """With nobody talking it does not wake up."""
        self.passes(Asleep, "no_thread_wakes_up")

    @judges(PROGRAM, modes=("plain",))
    def by_the_ring(self):
        """strace: the kernel accepts, receives and sends; the program only asks and waits."""
        server = self.serve()
        client = self.connect(server)
        client.echo()
        links = self.descriptors(server)
        if not any("io_uring" in link for link in links):
            raise Broken(f"the server has no io_uring among its descriptors: {links}")
        calls = self.trace(server, client)
        direct = {name: calls[name] for name in DIRECT if calls[name] > 5}
        if direct:
            raise Broken(f"{MESSAGES} messages and 10 clients, one after the other, cost these "
                         f"system calls: {dict(calls)}\n  a Proactor leaves accept, recv and send "
                         "to the kernel: why these calls?")
        if calls[ENTER] > 4 * MESSAGES:
            raise Broken(f"{MESSAGES} messages cost {calls[ENTER]} calls of {ENTER}; two or "
                         "three for each would do\n  does one call submit all, and wait as well?")

    def descriptors(self, server) -> list:
        folder = f"/proc/{server.process.pid}/fd"
        return sorted(os.readlink(f"{folder}/{name}") for name in os.listdir(folder))

    def trace(self, server, client) -> collections.Counter:
        """The server's system calls while it serves messages and newcomers."""
        strace = self.need("strace")
        pid = server.process.pid
        tracer = subprocess.Popen([strace, "-f", "-qq", "-o", "/dev/stdout", "-p", str(pid)],
                                  stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        try:
            self.becomes(lambda: tracer.poll() is not None or self.is_traced(pid))
            if tracer.poll() is not None:
                self.skipTest(f"strace may not trace here: {tracer.stderr.read().strip()}")
            for _ in range(MESSAGES):
                client.echo(b"message\n")
            for _ in range(10):
                self.connect(server).echo(b"newcomer\n")
        finally:
            tracer.terminate()
            text = tracer.communicate()[0]
        return collections.Counter(re.findall(r"^\d+ +(\w+)\(", text, re.M))

    def is_traced(self, pid: int) -> bool:
        with open(f"/proc/{pid}/status", encoding="ascii") as file:
            return not re.search(r"^TracerPid:\s+0$", file.read(), re.M)

    def in_quarantine(self):
        """A server whose freed memory is looked at in the end."""
        source = build.scratch() / f"quarantine-{os.getpid()}.c"
        source.write_text(QUARANTINE, "ascii")
        library = build.compile_c("preload/quarantine.so", [source], PLAIN,
                                  options=("-shared", "-fPIC", "-fno-builtin"))
        return self.serve(env=(("LD_PRELOAD", str(library)),))

    @judges(PROGRAM, modes=("plain",))
    def buffers_outlive_operations(self):
        """Freed memory is never written to: not when clients leave, not when many come, nor at
        the stop."""
        server = self.in_quarantine()
        early = self.connect_many(server, 20)
        self.come_and_go(server)
        later = self.connect_many(server, 600)
        for number, client in enumerate((*early, *later)):
            client.echo(b"number %d\n" % number,
                        "it was connected before others came and left; is its buffer still where "
                        "the kernel puts what comes?")
        os.kill(server.process.pid, signal.SIGTERM)
        self.send_to_the_end(server, (*early, *later))
        if "written to" in server.err.text:
            raise Broken("memory that the server had freed was written to\n  had each operation "
                         "come back before its buffer was freed? a cancelled one comes back, too")

    def send_to_the_end(self, server, clients):
        """The clients send again and again, while the server frees what it has."""
        until = time.monotonic() + self.limit(5)
        while server.alive():
            if time.monotonic() > until:
                raise Broken("SIGTERM was sent, and after 5 s the server still runs")
            time.sleep(0.1)     # some are freed by now, others not
            for client in clients:
                client.send_or_not(b"late\n")
        server.wait_exit(1)

    def come_and_go(self, server):
        """Clients that leave in every way, with replies on their way to them."""
        for turn in range(60):
            client = self.connect(server)
            client.send_or_not(noise(200_000 if turn % 3 == 0 else 100))
            if turn % 2:
                client.reset()
            else:
                client.close()
        until = time.monotonic() + self.limit(5)
        while server.fds() > server.base_fds + 20 and time.monotonic() < until:
            time.sleep(0.01)
