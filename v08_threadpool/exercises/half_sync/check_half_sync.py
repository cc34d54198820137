"""half_sync_server: workers read and write the sockets themselves, one at a time for a client."""
from __future__ import annotations

import os
import re
import signal
import subprocess
import tempfile
import time

from checks.check_echo import Echo, HalfClose, Many
from checks.check_rude import Rude
from checks.check_slow import SlowReader
from checks.check_stop import Stop
from exercises.marks import judges
from harness.client import difference, noise, pump
from harness.modes import HELGRIND
from harness.server import Broken

PROGRAM = ("half_sync_server",)
ONESHOT = 1 << 30


def borrow(check):
    """A check that the stage has for its echo servers."""
    return judges(PROGRAM, modes=check.spec.modes)(check.__wrapped__)


class HalfSync(Echo, HalfClose, Many, Rude, SlowReader, Stop):
    group = "half_sync"

    # -- what every echo server promises ------------------------------------

    every_byte_value = borrow(Echo.every_byte_value)
    one_byte_at_a_time = borrow(Echo.one_byte_at_a_time)
    eight_megabytes = borrow(Echo.eight_megabytes)
    cut_at_random = borrow(Echo.cut_at_random)
    urgent_byte = borrow(Echo.urgent_byte)
    half_close = borrow(HalfClose.small)
    half_close_with_output_waiting = borrow(HalfClose.with_megabytes_outstanding)
    end_of_file_is_not_a_reset = borrow(HalfClose.end_of_file_is_not_a_reset)
    does_not_spin_meanwhile = borrow(HalfClose.does_not_spin_meanwhile)
    silent_clients_delay_nobody = borrow(Many.silent_clients_delay_nobody)
    a_thousand_at_once = borrow(Many.a_thousand_at_once)
    some_leave_some_stay = borrow(Many.some_leave_some_stay)
    resets_and_newcomers_at_once = borrow(Rude.resets_and_newcomers_at_once)
    vanish_while_server_writes = borrow(Rude.vanish_while_server_writes)
    memory_after_many_clients = borrow(Rude.memory_after_many_clients)
    gets_every_byte_at_last = borrow(SlowReader.gets_every_byte_at_last)
    stop_while_it_echoes = borrow(Stop.while_it_echoes)
    signal_at_any_moment = borrow(Stop.signal_at_any_moment)

    # -- helpers ------------------------------------------------------------

    def serve_deep(self):
        """Here a client that does not read is never read from: no mark to set."""
        return self.serve()

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

    def do_not_read(self, server, count: int, size: int) -> list:
        """Clients that send until no more is taken, and read nothing: (client, bytes sent)."""
        data, found = noise(1 << 20) * size, []
        for _ in range(count):
            client = self.connect(server, sndbuf=65536, rcvbuf=4096)
            stall = 0.05 * max(1, self.mode.scale / 2)
            sent = pump(client, data, half_close=False, read=False, stall=stall).sent
            if sent == len(data):
                raise Broken(f"the server took {sent:,} bytes from a client that reads nothing, "
                             "and would take more\n  does it read on while its output waits?")
            found.append((client, data[:sent]))
        return found

    # -- what is new ----------------------------------------------------------

    @judges(PROGRAM)
    def one_shot(self):
        """fdinfo: a client that waits is watched with EPOLLONESHOT."""
        server = self.serve()
        client = self.connect(server)
        client.echo()
        folder, found = f"/proc/{server.process.pid}/fdinfo", []

        def watched():
            found.clear()
            for name in os.listdir(folder):
                with open(f"{folder}/{name}", encoding="ascii") as file:
                    found.extend(int(events, 16) for events in re.findall(
                        r"^tfd:\s*\d+ events:\s*([0-9a-f]+)", file.read(), re.M))
            return any(events & ONESHOT and events & 1 for events in found)

        if not self.becomes(watched, 2.0):
            raise Broken("a client waits, and epoll watches for the events "
                         f"{', '.join(f'{events:#x}' for events in found)} (/proc/PID/fdinfo); "
                         f"none has EPOLLIN and EPOLLONESHOT ({ONESHOT:#x})\n  what keeps two "
                         "workers from reading one client's bytes at the same time?")

    @judges(PROGRAM, modes=("plain",))
    def so_many_threads(self):
        """-w 3: the main thread and three workers; without -w four."""
        for args, count in ((("-w", "3"), 4), ((), 5), (("-w", "0"), 5)):
            server = self.serve(*args)
            if server.threads() != count:
                raise Broken(f"{' '.join(args) or 'no -w'}: expected {count} threads, there are "
                             f"{server.threads()}")

    @judges(PROGRAM, modes=("plain",))
    def workers_do_the_reading(self):
        """strace: the thread that waits neither reads nor writes; several others do."""
        server = self.serve("-w", "3", "-d", "5")
        clients = self.connect_many(server, 6)

        def talk():
            for _ in range(8):
                for client in clients:
                    client.send(b"hello\n")
                for client in clients:
                    client.expect(b"hello\n")

        calls = self.trace(server, talk)
        waits = {thread for thread, call in calls if re.match(r"(<\.\.\. )?epoll_p?wait", call)}
        moves = {thread for thread, call in calls
                 if re.match(r"(recv|send|recvfrom|sendto|read|write)\(.*hello", call)
                 or re.match(r"(sendto|send|write)\(.*", call) and "hello" in call}
        if waits & moves:
            raise Broken("strace: the thread that calls epoll_wait also reads or writes what a "
                         "client sent\n  only the workers touch the sockets")
        if len(moves) < 2:
            raise Broken(f"strace: -w 3, six clients talk, and {len(moves)} thread reads and "
                         "writes")

    @judges(PROGRAM)
    def slow_handler(self):
        """-w 2 -d 200: four clients take two rounds."""
        server = self.serve("-w", "2", "-d", "200")
        clients = self.connect_many(server, 4)
        start = time.monotonic()
        for client in clients:
            client.send(b"work\n")
        for client in clients:
            client.expect(b"work\n")
        spent = time.monotonic() - start
        if spent < 0.399:
            raise Broken(f"-w 2 -d 200: four messages took {spent * 1000:.0f} ms: were more than "
                         "two handled at a time?")
        if spent > 0.75 * max(1, self.mode.scale / 4):
            raise Broken(f"-w 2 -d 200: four messages took {spent * 1000:.0f} ms, near the 800 of "
                         "one after the other")

    @judges(PROGRAM)
    def order(self):
        """-w 8 -d 1: what five clients send in many small pieces comes back in order."""
        server = self.serve("-w", "8", "-d", "1")
        for number in range(5):
            data = b"".join(b"%d: piece %d\n" % (number, i) for i in range(self.few(150, 40)))
            pieces = re.findall(rb"[^\n]*\n", data)
            client = self.connect(server)
            for piece in pieces:
                client.send(piece)
            client.half_close()
            wrong = difference(data, client.rest().got)
            if wrong:
                raise Broken(f"-w 8 -d 1: {len(pieces)} short pieces, sent one by one: {wrong}\n"
                             "  do two workers have the same client?")

    @judges(PROGRAM)
    def slow_readers_hold_no_worker(self):
        """-w 2, six clients send and do not read: another one is served, at once."""
        server = self.serve("-w", "2")
        before = server.memory()
        slow = self.do_not_read(server, 6, 32)
        polite = self.connect(server)
        for _ in range(20):
            polite.echo(hint="-w 2, and six other clients do not read: does each of them hold a "
                             "worker that waits to write?")
        held = server.memory() - before
        if held > 3_000_000 and not self.mode.light:
            raise Broken(f"six clients do not read: the server holds {held:,} bytes for them\n"
                         "  is a client read from while its output waits?")
        self.expect_asleep(server, "six clients do not read, and nobody else talks")
        client, data = slow[0]
        rest = pump(client, b"", half_close=False, until=len(data))
        wrong = difference(data, rest.got)
        if wrong:
            raise Broken(f"a client that had not read now reads: {wrong}, then: {rest.end}")
        for client, _ in slow[1:]:
            client.reset()

    @judges(PROGRAM)
    def stop_among_slow_readers(self):
        """-w 2, clients that do not read, and one whose message takes long: SIGTERM."""
        server = self.serve("-w", "2", "-d", "300")
        self.do_not_read(server, 2, 32)
        for client in self.connect_many(server, 10):
            client.send(b"work\n")
        start = time.monotonic()
        server.stop(signal.SIGTERM)
        spent = time.monotonic() - start
        if spent > 1.2 and not self.mode.light:
            raise Broken(f"-w 2 -d 300, SIGTERM: it took {spent:.1f} s; only the messages in hand "
                         "are waited for")

    @judges(PROGRAM, modes=("plain",))
    def no_data_race(self):
        """helgrind: clients talk, do not read, half-close and reset; no data race is found."""
        self.need("valgrind")
        self.mode = HELGRIND        # from here on, for this check alone
        server = self.serve("-w", "3")
        clients = self.connect_many(server, 6)
        for _ in range(300):
            for client in clients:
                client.send(b"hello\n")
            for client in clients:
                client.expect(b"hello\n")
        self.expect_all(clients[0], noise(400_000))
        clients[1].send(b"unread")
        clients[1].reset()
        self.do_not_read(server, 1, 32)
        server.stop()

    @judges(PROGRAM)
    def usage(self):
        """-h shows the options; wrong use: two lines and exit status 2."""
        server = self.start("-h")
        if server.wait_exit(self.limit(10)) != 0:
            raise Broken("-h must end with exit status 0")
        for flag in ("-a", "-p", "-v", "-w", "-d"):
            if flag not in server.out.text:
                raise Broken(f"-h does not mention {flag}: {server.out.text!r}")
        for args in (("-Z",), ("-w", "x"), ("-w",), ("stray",), ("-p", "65536")):
            lines = self.refuse(*args)
            if len(lines) != 2 or "usage" not in lines[1]:
                raise Broken(f"wrong use ({' '.join(args)}) earns two lines, what is wrong and "
                             f"the usage; stderr has {lines!r}")
        self.refuse("-a", "192.0.2.1", "-p", "0", status=1)

    @judges(PROGRAM)
    def says_who_comes_and_goes(self):
        """-v: a line for each client that comes, and one when it has left."""
        server = self.serve("-v")
        client = self.connect(server)
        client.echo()
        name = client.name
        client.close()
        if not server.err.wait(lambda text: f"opened {name}\n" in text
                               and f"closed {name}\n" in text, self.limit(5)):
            raise Broken(f"-v, a client came and left: expected `opened {name}` and `closed "
                         f"{name}`; stderr has {server.err.text!r}")


def written(out) -> str:
    """What strace has written so far."""
    with open(out.name, encoding="utf-8", errors="replace") as file:
        return file.read()
