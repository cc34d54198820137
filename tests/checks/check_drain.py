"""Draining: the first signal lets the server finish what it has; the second ends it."""
from __future__ import annotations

import os
import select
import signal
import socket
import time

from harness.check import Check
from harness.client import difference, noise, pump
from harness.server import Broken
from harness.spec import ECHO, ONLY_ECHO, promise


def can_connect(server) -> bool:
    with socket.socket(server.family) as sock:
        return sock.connect_ex((server.address, server.port)) == 0


def hurry(client):
    """From now on it takes more at a time than its small receive buffer allows."""
    client.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)


def numbered(count: int) -> bytes:
    return b"".join(b"message %d\n" % i for i in range(count))


class Drain(Check):
    group = "drain"

    def tell(self, server, how=signal.SIGTERM):
        os.kill(server.process.pid, how)

    def expect_exit(self, server, limit: float, why: str):
        """It ends by itself, with status 0, within the limit."""
        try:
            status = server.wait_exit(limit)
        except Broken:
            raise Broken(f"{why}, and after {limit:g} s it still runs") from None
        if status != 0:
            raise Broken(f"it drained and ended with status {status}, not 0")
        server.check_words()

    def stalled(self, server, size=64 << 20, **how):
        """A client that sends until no more is taken, and reads nothing."""
        client = self.connect(server, sndbuf=65536, rcvbuf=4096)
        data = how.get("data") or noise(1 << 20) * (size >> 20)
        sent = pump(client, data, half_close=False, read=False,
                    stall=0.15 * max(self.mode.scale, 1)).sent
        if sent == len(data):
            raise Broken(f"the server took {sent:,} bytes from a client that reads nothing")
        return client, data, sent

    def pipeline(self, *args):
        """Twenty lines are on their way; the signal comes after the first reply."""
        for how in (signal.SIGTERM, signal.SIGINT)[:self.few(2, 1)]:
            server = self.serve("-f", "line", "-d", "20", *args)
            client = self.connect(server)
            client.send(numbered(20))
            client.expect(b"message 0\n")
            self.tell(server, how)
            rest = client.rest()
            wrong = difference(numbered(20), b"message 0\n" + rest.got)
            if wrong or rest.end != "end of file":
                raise Broken(f"twenty lines had come when {how.name} came: "
                             f"{wrong or 'all were answered'}, then: {rest.end}\n"
                             "  does it answer what it has read before it closes?")
            client.close()
            self.expect_exit(server, 1.5, "the only client has its replies and has left")

    @promise("drain", "9-", ECHO)
    def what_waits_is_answered(self):
        """Lines in the pipeline, handled by the loop's own thread."""
        self.pipeline()

    @promise("drain", "9-", ONLY_ECHO)
    def what_waits_for_workers_is_answered(self):
        """-w 2: lines in the pipeline, handled by workers."""
        self.pipeline("-w", "2")

    @promise("drain", "9-", ONLY_ECHO)
    def many_pipelines(self):
        """-t 2 -w 4: twenty clients, all with messages in hand and waiting."""
        server = self.serve("-t", "2", "-w", "4", "-f", "line", "-d", "50")
        clients = self.connect_many(server, 20)
        for client in clients:
            client.send(numbered(5))
        for client in clients[-2:]:
            self.becomes(lambda c=client: server.unread(c) == 0)
        self.tell(server)
        for client in clients:
            rest = client.rest()
            wrong = difference(numbered(5), rest.got)
            if wrong or rest.end != "end of file":
                raise Broken(f"twenty clients with five lines each, then SIGTERM: "
                             f"{wrong or 'all were answered'}, then: {rest.end}")
            client.close()
        self.expect_exit(server, 1.5, "all clients have their replies and have left")

    @promise("drain", "9-", ONLY_ECHO)
    def newcomers_in_the_queue(self):
        """They connected and sent while the server was stopped (SIGSTOP); then SIGTERM."""
        for args in (("-t", "0"), ("-t", "2", "-w", "2"))[:self.few(2, 1)]:
            server = self.serve("-f", "line", *args)
            self.tell(server, signal.SIGSTOP)
            self.becomes(lambda s=server: "T (stopped)" in s._proc("status"))
            clients = self.connect_many(server, 10)
            for client in clients:
                client.send(numbered(3))
            self.tell(server, signal.SIGTERM)
            self.tell(server, signal.SIGCONT)
            for client in clients:
                rest = client.rest()
                wrong = difference(numbered(3), rest.got)
                if wrong or rest.end != "end of file":
                    raise Broken(f"a client that was in the listening socket's queue at SIGTERM: "
                                 f"{wrong or 'all was answered'}, then: {rest.end}\n"
                                 "  is the queue emptied before the listening socket is closed?")
                client.close()
            self.expect_exit(server, 1.5, "all clients have left")

    @promise("drain", "9-", ECHO)
    def half_a_message_is_dropped(self):
        """Two lines and a half: two replies, the end, and no waiting."""
        server = self.serve("-f", "line")
        client = self.connect(server)
        client.send(b"one\ntwo\nthr")
        client.expect(b"one\ntwo\n")
        self.tell(server)
        client.expect_end("half a message is left when the server drains")
        self.expect_exit(server, 1.5, "nothing but half a message is left")

    @promise("drain", "9-", ECHO)
    def no_reset_though_it_goes_on_sending(self):
        """A client sends line after line and does not stop: replies, then end of file."""
        server = self.serve("-f", "line")
        client = self.connect(server)
        data, sent, got = numbered(200_000), 0, bytearray()
        client.sock.setblocking(False)
        told, until, end = False, time.monotonic() + self.limit(10), "time limit"
        while time.monotonic() < until:
            readable, writable, _ = select.select([client.sock], [client.sock], [], 0.5)
            try:
                if writable and sent < len(data):
                    # From then on faster than they can be answered: some lie unread.
                    sent += client.sock.send(data[sent:sent + (3000 if told else 300)])
            except ConnectionResetError:
                end = "reset"
                break
            except OSError:
                pass        # the server has closed in good order: what counts is what can be read
            if readable:
                try:
                    piece = client.sock.recv(65536)
                except OSError as error:
                    end = error.strerror
                    break
                if not piece:
                    end = "end of file"
                    break
                got += piece
            if len(got) > 200 and not told:
                self.tell(server)
                told = True
            time.sleep(0.0005)
        whole = got[:len(data)] == data[:len(got)] and got.endswith(b"\n")
        if end != "end of file" or not whole:
            raise Broken(f"a client sent {sent:,} bytes, up to and after SIGTERM, and got "
                         f"{len(got):,} back, {'as sent' if whole else 'not as sent'}, then: "
                         f"{end}\n  closing with input unread resets the connection and destroys "
                         "replies on their way")
        client.close()
        self.expect_exit(server, 1.5, "the only client has left")

    @promise("drain", "9-", ECHO)
    def newcomers_are_refused(self):
        """While it drains, the port is closed; the client that it waits for is served."""
        server = self.serve("-f", "line", "-d", "200")
        client = self.connect(server)
        client.send(numbered(6))
        client.expect(b"message 0\n")
        self.tell(server)

        if not self.becomes(lambda: not can_connect(server), 0.5):
            raise Broken("half a second after SIGTERM one can still connect to the server")
        if not server.alive():
            raise Broken("the server has ended although a client's messages were not answered")
        client.expect(numbered(6)[len(b"message 0\n"):])
        client.expect_end()
        client.close()
        self.expect_exit(server, 1.5, "the only client has its replies and has left")

    @promise("drain", "9-", ONLY_ECHO)
    def three_seconds_at_most(self):
        """A client that never reads is cut after three seconds, not before; nobody else waits."""
        server = self.serve("-t", "2")
        idle = self.connect_many(server, 3)
        idle[0].echo()
        self.stalled(server)
        start = time.monotonic()
        self.tell(server)
        for client in idle:
            client.expect_end("an idle client waits for one that does not read")
        if time.monotonic() - start > 1.5 * max(1, self.mode.scale / 3):
            raise Broken("idle clients were kept while the server waited for another one")
        self.expect_exit(server, 4.2, "a client does not read")
        spent = time.monotonic() - start
        if spent < 2.95:
            raise Broken(f"a client does not read: it was cut {spent:.2f} s after SIGTERM; three "
                         "seconds are promised")

    @promise("drain", "9-", ONLY_ECHO)
    def late_reader_gets_all(self):
        """A client that begins to read only after the signal gets all that was read of it."""
        server = self.serve("-f", "line", "-b", "3000000")
        line = noise(1000).replace(b"\n", b" ") + b"\n"
        client, data, _ = self.stalled(server, data=line * 48_000)
        self.tell(server)
        told = time.monotonic()
        self.becomes(lambda: not can_connect(server))
        hurry(client)
        rest = client.rest()
        spent = time.monotonic() - told
        whole = rest.got == data[:len(rest.got)] and rest.got.endswith(b"\n")
        if spent > 2.8 and rest.end != "end of file":
            self.skipTest("this machine takes three seconds to read some megabytes")
        if rest.end != "end of file" or not whole or len(rest.got) < 3_000_000:
            raise Broken(f"a client read only after SIGTERM: {len(rest.got):,} bytes came, "
                         f"{'as sent' if whole else 'not as sent'}, then, {spent:.1f} s after the "
                         f"signal: {rest.end}; the server had read more than 3,000,000")
        client.close()
        self.expect_exit(server, 1.5, "the only client has all and has left")

    @promise("drain", "9-", ECHO)
    def second_signal_ends_it_at_once(self):
        """A client does not read, SIGTERM drains; another SIGTERM or SIGINT does not wait."""
        for second in (signal.SIGTERM, signal.SIGINT)[:self.few(2, 1)]:
            server = self.serve()
            self.stalled(server)
            self.tell(server)
            time.sleep(0.15)
            if not server.alive():
                raise Broken("a client has not read its replies, and the server ended at the "
                             "first signal")
            self.tell(server, second)
            self.expect_exit(server, 1.5, f"{second.name} came while it drained")

    @promise("drain", "9-", ECHO)
    def idle_clients_do_not_delay(self):
        """Fifty clients, none with anything to wait for."""
        server = self.serve()
        clients = self.connect_many(server, self.few(50, 10))
        for client in clients[::2]:
            client.echo()
        self.tell(server)
        self.expect_exit(server, 1.5, "all clients are idle")
        for client in clients:
            client.expect_end("an idle client should see an orderly end, no reset")

    @promise("drain", "9-", ECHO)
    def who_stays_is_not_waited_for(self):
        """Clients that have all they are owed, confirm it late and do not close."""
        server = self.serve()
        clients = self.connect_many(server, 5)
        for client in clients:
            client.echo()
            # Later it confirms what comes not at once, but after some 40 ms.
            client.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 0)
        for client in clients:
            client.send(b"x")
        for client in clients:
            client.expect(b"x")
        self.tell(server)
        self.expect_exit(server, 1.5, "all clients have their replies, and none has more to say; "
                         "but they stay")
        for client in clients:
            client.expect_end("a client that stays should see an orderly end")

    @promise("drain", "9-", ONLY_ECHO)
    def half_closed_and_gone(self):
        """-w 2 -d 100: clients that half-close, reset or leave while it drains."""
        server = self.serve("-t", "2", "-w", "2", "-d", "100", "-f", "line")
        clients = self.connect_many(server, 12)
        for client in clients:
            client.send(numbered(2 if client in clients[:8] else 6))
        for client in clients[-2:]:
            self.becomes(lambda c=client: server.unread(c) == 0)
        for client in clients[8:]:
            client.half_close()
        self.tell(server)
        for client in clients[:4]:
            client.reset()
        for client in clients[4:8]:
            client.close()
        for client in clients[8:]:
            client.expect(numbered(6))
            client.expect_end()
        self.expect_exit(server, 2.0, "all clients have gone")
