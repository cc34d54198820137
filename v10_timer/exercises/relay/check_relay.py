"""A relay: what goes over it, what is held up, and how each end comes."""
from __future__ import annotations

import signal
import socket
import threading
import time

from exercises.marks import judges
from harness.check import Check
from harness.client import Client, Traffic, difference, noise, pump, size_words
from harness.server import Broken

KERNEL = 60 << 20       # what the sockets' buffers may take, and more
MUCH = 6 << 20          # more than they take for a reader with a small buffer
ROOM = 16 << 20         # -b: the relay takes it all the same
SLACK = 3 << 20         # memory besides the buffers that are promised


class Upstream:
    """A listening socket, to which the relay connects."""

    def __init__(self, check, address="127.0.0.1", port=0, backlog=100, rcvbuf=0):
        self.limit = check.limit(10)
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        self.sock = socket.socket(family, socket.SOCK_STREAM)
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if rcvbuf:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, rcvbuf)
        self.sock.bind((address, port))
        self.sock.listen(backlog)
        self.check = check
        check.addCleanup(self.sock.close)
        self.port = self.sock.getsockname()[1]
        self.name = f"[{address}]:{self.port}" if ":" in address else f"{address}:{self.port}"

    def accept(self) -> Client:
        """The far end of the relay's next connection."""
        self.sock.settimeout(self.limit)
        try:
            sock = self.sock.accept()[0]
        except socket.timeout:
            raise Broken("a client came, and the relay has not connected to the upstream") \
                from None
        far = Client(sock, self.limit)
        self.check.addCleanup(far.close)
        return far


class Mover(threading.Thread):
    """Sends and reads at the same time, beside the check."""

    def __init__(self, client: Client, data: bytes, **how):
        super().__init__(daemon=True)
        self.client, self.data, self.how, self.traffic = client, data, how, None
        self.start()

    def run(self):
        self.traffic = pump(self.client, self.data, **self.how)

    def end(self):
        self.join()
        return self.traffic


class Both:
    """Sends all and ends, and reads to the end, whichever of the two takes longer."""

    def __init__(self, client: Client, data: bytes):
        self.sock, self.data, self.got, self.how = client.sock, data, bytearray(), ""
        self.threads = [threading.Thread(target=work, daemon=True)
                        for work in (self.send, self.read)]
        for thread in self.threads:
            thread.start()

    def send(self):
        try:
            self.sock.sendall(self.data)
            self.sock.shutdown(socket.SHUT_WR)
        except OSError:
            pass        # reading tells how it ended

    def read(self):
        try:
            while piece := self.sock.recv(1 << 18):
                self.got += piece
            self.how = "end of file"
        except OSError as error:
            self.how = "reset" if isinstance(error, ConnectionError) else "time limit"

    def end(self) -> Traffic:
        for thread in self.threads:
            thread.join()
        return Traffic(len(self.data), bytes(self.got), self.how)


class Gap:
    """The longest time between two looks of a check, which a busy machine makes long."""

    def __init__(self):
        self.last, self.longest = time.monotonic(), 0.0

    def note(self):
        now = time.monotonic()
        self.longest, self.last = max(self.longest, now - self.last), now


class Relay(Check):
    group = "relay"

    def relay(self, upstream: Upstream, *args, **how):
        return self.serve("-u", upstream.name, *args, **how)

    def pair(self, server, upstream: Upstream, **how):
        """(client, far end) of a new connection through the relay."""
        client = self.connect(server, **how)
        return client, upstream.accept()

    def expect_got(self, who: str, data: bytes, traffic, end="end of file"):
        wrong = difference(data, traffic.got)
        if wrong:
            raise Broken(f"{who}: {wrong}, then: {traffic.end}")
        if traffic.end != end:
            raise Broken(f"{who} got all bytes, then: {traffic.end}; expected {end}")

    # -- bytes ------------------------------------------------------------

    @judges()
    def bytes_go_both_ways(self):
        """Megabytes in both directions at once, over several pairs: all arrive, unchanged."""
        for address in ("127.0.0.1", "::1"):
            upstream = Upstream(self, address)
            server = self.relay(upstream, "-t", "2")
            size = self.few(3_000_000, 300_000)
            movers = []
            for number in range(self.few(6, 2)):
                client, far = self.pair(server, upstream)
                up, down = noise(size, number), noise(size, 100 + number)
                movers.append((Both(client, up), Both(far, down), up, down))
            for near, far, up, down in movers:
                self.expect_got("the upstream", up, far.end())
                self.expect_got("the client", down, near.end())
            self.expect_no_leak(server)

    @judges(modes=("plain",))
    def wrong_use(self):
        """-u must be there, a numeric address and a port; anything else: usage, exit 2."""
        bad = ("", "127.0.0.1", "127.0.0.1:", ":80", "127.0.0.1:0", "127.0.0.1:65536", "::1:80",
               "127.0.0.1:80x", "127.0.0.1: 80", "localhost:80", "[127.0.0.1]:80", "[::1]",
               "[::1:80", "127.0.0.1:-1", "127.0.0.1:99999999999999999999",
               "[" + "1" * 5000 + "]:80")
        for args in (("-p", "0"), *(("-p", "0", "-u", value) for value in bad)):
            lines = self.refuse(*args)
            if len(lines) != 2 or "usage" not in lines[1] or "-u" not in lines[1]:
                raise Broken(f"wrong use {args} earns two lines, what is wrong and the usage with "
                             f"-u in it; stderr has {lines!r}")
        for value in ("127.0.0.1:1", "127.0.0.1:65535", "[::1]:80"):
            self.serve("-u", value).stop()

    # -- ends -------------------------------------------------------------

    @judges()
    def the_end_goes_to_the_other_side(self):
        """The end of file of one side comes to the other behind all bytes; replies still go."""
        upstream = Upstream(self)
        server = self.relay(upstream)
        client, far = self.pair(server, upstream)
        data = noise(self.few(2_000_000, 200_000))
        self.half(("the client", client), ("the upstream", far), data)
        client, far = self.pair(server, upstream)
        self.half(("the upstream", far), ("the client", client), data)
        client, far = self.pair(server, upstream)
        client.half_close()
        far.expect_end("the client has sent nothing but its end of file")
        self.expect_no_way_back(server, far, client)

    @judges()
    def the_end_waits_for_the_bytes(self):
        """The end of file comes while megabytes wait in the relay for a slow reader."""
        upstream = Upstream(self, rcvbuf=4096)
        server = self.relay(upstream, "-b", str(ROOM))
        client, far = self.pair(server, upstream)
        data = self.upload(server, client)
        self.expect_got("an upstream that reads late", data, self.fast_rest(far))
        client, far = self.pair(server, upstream, rcvbuf=4096)
        data = self.upload(server, far)
        self.expect_got("a client that reads late", data, self.fast_rest(client))

    def upload(self, server, sender: Client) -> bytes:
        """Send much and the end of file; returns when the relay has taken it."""
        data = noise(1 << 20) * (MUCH >> 20)
        sender.send(data)
        sender.half_close()
        if not self.becomes(lambda: sender.unsent() == 0 and server.sleeps()):
            raise Broken(f"-b is {ROOM}, and {size_words(MUCH)} are not taken")
        return data

    def fast_rest(self, client: Client):
        client.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        return client.rest()

    @judges()
    def a_pair_stays_until_all_is_out(self):
        """The client is gone, and its upload still waits: its place is taken, a stop waits."""
        upstream = Upstream(self, rcvbuf=4096)
        server = self.relay(upstream, "-b", str(ROOM), "-c", "1")
        client, far = self.pair(server, upstream)
        far.half_close()
        client.expect_end()
        data = self.upload(server, client)
        client.close()
        self.connect(server).expect_gone("-c 1, and the connection to the upstream is still there "
                                         "for the client who has left")
        server.process.send_signal(signal.SIGTERM)
        self.stays(lambda: True, 20)
        self.expect_got("SIGTERM came while an upload was on its way; the upstream", data,
                        self.fast_rest(far))
        far.close()
        status = server.wait_exit(self.limit(2))
        if status != 0:
            raise Broken(f"after SIGTERM it ended with status {status}, not 0")

    def half(self, first, second, data: bytes):
        """The first sends and ends; the second gets it, and only then answers."""
        mover = Mover(second[1], b"", half_close=False)
        first[1].send(data)
        first[1].half_close()
        self.expect_got(second[0], data, mover.end())
        answer = data[::-1]
        if not first[1].quiet(0.05):
            raise Broken(f"{first[0]} sent its end of file, {second[0]} has not ended; "
                         f"{first[0]} must hear nothing, and got an end\n"
                         "  is a connection closed when the first of two directions ends?")
        mover = Mover(first[1], b"", half_close=False)
        second[1].send(answer)
        second[1].half_close()
        self.expect_got(first[0], answer, mover.end())

    def expect_no_way_back(self, server, far: Client, client: Client):
        far.close()
        client.expect_end("both sides have sent their end of file")
        self.expect_no_leak(server)

    # -- back-pressure ----------------------------------------------------

    @judges()
    def a_slow_upstream_holds_the_client(self):
        """The upstream does not read: the client is not read beyond -b; the other way goes on."""
        upstream = Upstream(self, rcvbuf=4096)
        server = self.relay(upstream, "-b", "65536", "-t", "1")
        client, far = self.pair(server, upstream, sndbuf=4096)
        self.hold(server, upstream, ("the client", client), ("the upstream", far))

    @judges()
    def a_slow_client_holds_the_upstream(self):
        """The client does not read: the upstream is not read beyond -b; the other way goes on."""
        upstream = Upstream(self)
        server = self.relay(upstream, "-b", "65536", "-t", "1")
        client, far = self.pair(server, upstream, rcvbuf=4096)
        self.hold(server, upstream, ("the upstream", far), ("the client", client))

    def hold(self, server, upstream, sender, lazy):
        other = self.pair(server, upstream)
        self.exchange(*other)
        before = server.memory()
        data = noise(1 << 20) * 64
        traffic = pump(sender[1], data, half_close=False, read=False,
                       stall=0.3 if not self.mode.tool else 2.0)
        sent = traffic.sent
        self.expect_held(server, sender[0], lazy[0], sent, before)
        self.expect_asleep(server, f"{lazy[0]} does not read, and nobody else talks")
        self.exchange(*other)
        self.other_way(sender, lazy)
        # Now it reads, and faster: not a byte may be missing.
        lazy[1].sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        mover = Mover(sender[1], data[sent:sent + 100_000], half_close=False, read=False)
        size = sent + 100_000
        got = lazy[1].read(size)
        if got != data[:size]:
            raise Broken(f"{lazy[0]} reads again: {difference(data[:size], got)}")
        mover.end()

    def expect_held(self, server, sender: str, lazy: str, sent: int, before: int):
        grown = 0 if self.mode.light else server.memory() - before
        if sent >= KERNEL or grown > SLACK:
            raise Broken(f"{lazy} does not read, and -b is 65536. {sender} could send "
                         f"{size_words(sent)}; the relay's memory grew by {size_words(grown)}\n"
                         f"  is {sender} still read when the output to {lazy} is at the mark?")

    def exchange(self, client: Client, far: Client):
        client.send(b"ping\n")
        far.expect(b"ping\n", "another pair must not wait for one that is held up")
        far.send(b"pong\n")
        client.expect(b"pong\n", "another pair must not wait for one that is held up")

    def other_way(self, sender, lazy):
        data = noise(500_000, 3)
        mover = Mover(lazy[1], data, half_close=False, read=False)
        got = sender[1].read(len(data))
        if got != data:
            raise Broken(f"{lazy[0]} does not read, but it sends, and {sender[0]} reads: "
                         f"{difference(data, got)}\n  each direction is held up for itself: whose "
                         "output decides whether a connection is read?")
        mover.end()

    # -- connecting -------------------------------------------------------

    @judges()
    def an_upstream_that_is_not_there(self):
        """The connection is refused: the client's is closed, and the next one may have luck."""
        upstream = Upstream(self)
        upstream.sock.close()
        server = self.relay(upstream)
        for number in range(20):
            self.expect_closed(server, b"hello\n" * (number % 2))
        self.expect_no_leak(server)
        if not server.err.wait(lambda text: upstream.name in text, self.limit(5)):
            raise Broken(f"the upstream {upstream.name} refused 20 connections; stderr does not "
                         f"name it: {server.err.text[:200]!r}")
        upstream = Upstream(self, port=upstream.port)
        self.exchange(*self.pair(server, upstream))

    def expect_closed(self, server, data: bytes):
        """A client that comes is closed: it may be so soon that connect(2) tells already."""
        with socket.socket(server.family) as sock:
            sock.settimeout(self.limit(10))
            try:
                sock.connect((server.address, server.port))
                client = Client(sock, self.limit(10))
                client.send_or_not(data)
                client.expect_gone("nobody listens at the upstream's address")
            except ConnectionResetError:
                pass

    @judges(modes=("plain",))
    def an_upstream_that_answers_late(self):
        """The answer to connect takes seconds: what the client sent, and its end, still arrive."""
        upstream = Upstream(self, backlog=0)
        full = []
        for _ in range(2):      # as many as the kernel's queue takes
            sock = socket.socket()
            sock.setblocking(False)
            sock.connect_ex(("127.0.0.1", upstream.port))
            self.addCleanup(sock.close)
            full.append(sock)
        server = self.relay(upstream, "-t", "1")
        clients = self.connect_many(server, 2)
        clients[0].send(b"hello\n")
        clients[0].half_close()
        clients[1].half_close()
        self.expect_asleep(server, "the upstream has not answered the connection")
        upstream.sock.listen(100)
        found = []
        while len(found) < 2:
            far = upstream.accept()
            if far.sock.getpeername()[1] not in [s.getsockname()[1] for s in full]:
                found.append(far.rest())
                far.send(b"bye\n")
                far.half_close()
        if sorted(t.got for t in found) != [b"", b"hello\n"]:
            raise Broken("one client sent 6 bytes and its end of file, another only its end, while "
                         f"the upstream had not answered; it got {[t.got for t in found]}, then: "
                         f"{[t.end for t in found]}\n  is shutdown called before the connection "
                         "stands?")
        for client in clients:
            self.expect_got("a client whose upstream answered late", b"bye\n", client.rest())

    # -- what is cut off --------------------------------------------------

    @judges()
    def what_was_cut_off_is_reset(self):
        """A side that is reset resets the other: an end of file would say that all has come."""
        upstream = Upstream(self)
        server = self.relay(upstream)
        for number in range(self.few(10, 3)):
            client, far = self.pair(server, upstream)
            self.exchange(client, far)
            ends = [("client", client), ("upstream", far)]
            (who, first), (whom, second) = ends if number % 2 else reversed(ends)
            first.reset()
            rest = second.rest()
            if rest.end != "reset":
                raise Broken(f"the {who} was reset; the {whom} got: {rest.end}\n  an end of file "
                             "says that the stream is complete (SO_LINGER in socket(7))")
        self.expect_no_leak(server)

    @judges()
    def a_complete_reply_survives(self):
        """The upstream has replied, ended, and is then reset: a slow client gets the reply."""
        upstream = Upstream(self)
        server = self.relay(upstream, "-b", str(ROOM))
        client, far = self.pair(server, upstream, rcvbuf=4096)
        reply = self.upload(server, far)
        far.close()         # whoever still sends to it gets a reset
        client.send(b"and more\n")
        self.stays(lambda: True, 20)
        self.expect_got("a slow client whose upstream had replied, and was then reset", reply,
                        self.fast_rest(client))

    @judges()
    def a_reset_is_noticed_while_nothing_is_read(self):
        """The upstream does not read, and the client is reset: both connections are closed."""
        upstream = Upstream(self, rcvbuf=4096)
        server = self.relay(upstream, "-b", "65536", "-t", "1", "-i", "0")
        client, far = self.pair(server, upstream)
        pump(client, noise(1 << 20) * 40, half_close=False, read=False,
             stall=0.3 if not self.mode.tool else 2.0)
        client.reset()
        if not self.becomes(lambda: server.fds() <= server.base_fds):
            raise Broken("the upstream does not read, so the relay does not read the client; the "
                         "client was reset 5 s ago, and both connections are still open\n  is a "
                         "connection that waits for nothing still watched for errors?")
        del far

    # -- limits -----------------------------------------------------------

    @judges()
    def at_most_so_many_clients(self):
        """-c 2: a third client is refused; one that leaves makes room, for it and its upstream."""
        upstream = Upstream(self)
        server = self.relay(upstream, "-c", "2", "-t", "2")
        pairs = [self.pair(server, upstream) for _ in range(2)]
        for client, far in pairs:
            self.exchange(client, far)
        for _ in range(5):
            self.connect(server).expect_gone("-c 2 was asked for, and two clients are there")
        pairs[0][0].half_close()
        pairs[0][1].expect_end()
        pairs[0][1].half_close()
        pairs[0][0].expect_end()
        self.becomes(lambda: server.fds() <= server.base_fds + 2)
        self.exchange(*self.pair(server, upstream))
        self.exchange(*pairs[1])

    @judges(modes=("plain",))
    def out_of_descriptors(self):
        """No descriptor is free, for a client or its upstream: closed at once, and no spinning."""
        upstream = Upstream(self)
        server = self.relay(upstream, "-t", "2", nofile=41)
        pairs, gone = [], 0
        while gone < 20:
            client = self.connect(server)
            upstream.sock.settimeout(0.05)
            try:
                pairs.append((client, Client(upstream.sock.accept()[0], self.limit(10))))
                self.addCleanup(pairs[-1][1].close)
            except socket.timeout:
                client.expect_gone("no descriptor is free for it, or for its upstream")
                gone += 1
        self.expect_asleep(server, "no descriptor is free, and nobody talks")
        for pair in pairs:
            self.exchange(*pair)
        for client, far in pairs[:4]:
            client.close()
            far.close()
        if not self.becomes(lambda: server.fds() <= 41 - 8):
            raise Broken("four pairs have ended, and 8 descriptors should be free; "
                         f"{server.fds()} of 41 are open")
        self.exchange(*self.pair(server, upstream))

    # -- the stop ---------------------------------------------------------

    @judges()
    def a_stop_ends_each_pair(self):
        """SIGTERM: the upstream gets what has come and the end of file; its replies still go."""
        upstream = Upstream(self)
        server = self.relay(upstream, "-t", "2")
        pairs = [self.pair(server, upstream) for _ in range(4)]
        data = noise(self.few(300_000, 50_000))
        silent, asking = pairs[:2], pairs[2:]
        self.exchange(*asking[0])
        for client, _ in asking:
            client.send(data)
        self.becomes(lambda: not any(client.unsent() for client, _ in asking))
        server.process.send_signal(signal.SIGTERM)
        for _, far in silent:
            far.expect_end("SIGTERM, and the client had sent nothing")
            far.close()
        for client, far in asking:
            self.expect_got("after SIGTERM, the upstream", data, far.rest())
            far.send(data[::-1])
            far.close()
            self.expect_got("after SIGTERM, the client", data[::-1], client.rest())
        for client, _ in silent:
            client.expect_end("SIGTERM, and the upstream has ended")
        status = server.wait_exit(self.limit(2))
        if status != 0:
            raise Broken(f"after SIGTERM it ended with status {status}, not 0")

    @judges(modes=("plain", "valgrind"))
    def a_stop_waits_three_seconds(self):
        """An upstream that does not end is not waited for longer; then both sides are reset."""
        upstream = Upstream(self)
        server = self.relay(upstream)
        client, far = self.pair(server, upstream)
        self.exchange(client, far)
        start = time.monotonic()
        server.process.send_signal(signal.SIGTERM)
        status = server.wait_exit(self.limit(6))
        spent = time.monotonic() - start
        if status != 0 or spent < 2.5:
            raise Broken(f"an upstream did not end after SIGTERM: the relay ended after "
                         f"{spent:.1f} s with status {status}; it should wait for 3 s, and end with 0")
        if client.rest().end != "reset":
            raise Broken("SIGTERM came and the upstream never ended: the client's stream is cut "
                         "off, and must be reset")

    # -- idle -------------------------------------------------------------

    @judges(modes=("plain",))
    def an_idle_pair_is_closed(self):
        """-i 1: when no byte moves on either side, both are closed, not sooner."""
        upstream = Upstream(self)
        server = self.relay(upstream, "-i", "1")
        self.unless_busy(lambda: self.leave_idle(server, upstream))

    def leave_idle(self, server, upstream):
        client, far = self.pair(server, upstream)
        talking, gap = self.pair(server, upstream), Gap()
        start = time.monotonic()
        self.exchange(client, far)
        rest = Mover(client, b"", half_close=False)
        while rest.is_alive() and time.monotonic() < start + 4:
            if not talking[0].send_or_not(b"tick\n") or talking[1].read(5) != b"tick\n":
                return gap, "a pair on which bytes move one way only was closed as idle"
            gap.note()
            rest.join(0.05)
        spent = time.monotonic() - start
        if rest.is_alive() or spent < 1:
            raise Broken("-i 1, and no byte moved: the client was "
                         f"{'not closed' if rest.is_alive() else 'closed'} after {spent:.2f} s")
        far.expect_gone("no byte moved on either side for longer than -i")
        self.exchange(*talking)
        return gap, ""

    def unless_busy(self, attempt):
        """A check that was itself held up for long may have let a pair become idle."""
        for left in (2, 1, 0):
            gap, wrong = attempt()
            if wrong and (gap.longest < 0.4 or not left):
                raise Broken(wrong)
            if not wrong:
                return

    @judges(modes=("plain",))
    def a_stalled_pair_is_idle(self):
        """-i 0.5: the upstream reads nothing at all, so nothing moves: both are closed."""
        upstream = Upstream(self, rcvbuf=4096)
        server = self.relay(upstream, "-i", "0.5", "-b", "65536")
        client, _ = self.pair(server, upstream)
        pump(client, noise(1 << 20) * 40, half_close=False, read=False, stall=0.1)
        if not self.becomes(lambda: server.fds() <= server.base_fds):
            raise Broken("-i 0.5; the upstream has read nothing for 5 s, so the client is not read "
                         "either, and both are still there\n  does it count as work that bytes are "
                         "unread which may not be read?")

    @judges(modes=("plain",))
    def a_slow_pair_is_not_idle(self):
        """-i 1: the upstream reads slowly, so the client is not read for long; nobody is idle."""
        upstream = Upstream(self, rcvbuf=4096)
        server = self.relay(upstream, "-i", "1", "-b", "4194304")
        data = noise(1 << 20) * 40
        self.unless_busy(lambda: self.read_slowly(server, upstream, data))

    def read_slowly(self, server, upstream, data: bytes):
        client, far = self.pair(server, upstream)
        gap, got = Gap(), 0
        sent = pump(client, data, half_close=False, read=False, stall=0.1).sent
        until = time.monotonic() + 3
        far.sock.setblocking(False)
        while time.monotonic() < until:
            time.sleep(0.02)
            gap.note()
            try:
                piece = far.sock.recv(2048)
            except BlockingIOError:
                continue
            except OSError:
                piece = b""
            if not piece:
                return gap, (f"{size_words(sent)} are on their way, and the upstream reads them "
                             f"slowly; after {size_words(got)} it was cut off\n  the client's side "
                             "waits for the upstream's: are they idle only together?")
            got += len(piece)
        return gap, ""
