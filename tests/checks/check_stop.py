"""The stop: at any moment, whatever the clients are doing."""
from __future__ import annotations

import os
import random
import signal
import subprocess
import threading
import time
from concurrent.futures import ThreadPoolExecutor

from harness.check import Check
from harness.client import noise, pump
from harness.server import STOP_LIMIT, Broken, exit_words
from harness.spec import EACH, ECHO, EVERY, ONLY_ECHO, limitation, promise


class Stop(Check):
    group = "stop"

    @promise("stop", "1-", EVERY)
    def idle_sigterm(self):
        """Nobody is connected."""
        self.serve().stop(signal.SIGTERM)

    @promise("stop", "1-", EVERY)
    def idle_sigint(self):
        """Ctrl-C at a terminal."""
        self.serve().stop(signal.SIGINT)

    @promise("stop", "1-", EVERY)
    def with_clients_connected(self):
        """Some have talked, some never did, some have gone; their connections end with it."""
        for how in (signal.SIGTERM, signal.SIGINT)[:self.few(2, 1)]:
            server = self.serve()
            clients = self.connect_many(server, 5)
            clients[4].close()
            clients[0].send(b"x")
            self.becomes(lambda s=server: s.fds() > s.base_fds)
            server.stop(how)
            for client in clients[:4]:
                client.expect_gone("a process that has ended holds no connection")

    @promise("stop", "1-", ECHO)
    def while_it_echoes(self):
        """A client sends and reads all the time."""
        server = self.serve()
        client = self.connect(server)
        client.echo()
        traffic = []
        data = noise(1 << 20) * 32
        thread = threading.Thread(target=lambda: traffic.append(
            pump(client, data, half_close=False)))
        thread.start()
        time.sleep(0.03)
        try:
            server.stop()
        finally:
            thread.join()
        if self.stage < 9 and traffic[0].got != data[:len(traffic[0].got)]:
            raise Broken("what was echoed up to the stop is not what was sent")

    @promise("stop-stalled", "1-4,7-8", ECHO)
    def while_a_client_does_not_read(self):
        """The server can't get rid of what it has for this client; it stops all the same."""
        self.stop_while_stalled(STOP_LIMIT)

    @promise("drain", "9-", ("prefork_server",))
    def drain_comes_to_an_end(self):
        """A client that does not read is waited for, but for three seconds at most."""
        self.stop_while_stalled(4.0, signal.SIGTERM)

    def stalled(self, server):
        """A client that sends until no more is taken, and reads nothing."""
        client = self.connect(server, sndbuf=65536, rcvbuf=4096)
        stuff = pump(client, noise(1 << 20) * 64, half_close=False, read=False,
                     stall=0.15 * max(self.mode.scale, 1))
        if stuff.sent == 64 << 20:
            raise Broken(f"the server took {stuff.sent:,} bytes from a client that reads "
                         "nothing, and would take more")
        return client

    def stop_while_stalled(self, limit, *signals):
        for how in signals or (signal.SIGTERM, signal.SIGINT)[:self.few(2, 1)]:
            server = self.serve()
            self.stalled(server)
            server.stop(how, limit)

    @limitation("stop-stalled", "5-6", "a stop waits while a client that does not read stalls the server")
    def waits_for_who_does_not_read(self):
        """The signal is an event that waits its turn; when the client has gone it is that."""
        server = self.serve()
        client = self.stalled(server)
        self.becomes(lambda: self.stays(server.sleeps))
        os.kill(server.process.pid, signal.SIGTERM)
        try:
            server.process.wait(1)
        except subprocess.TimeoutExpired:
            pass
        else:
            raise Broken("a client that does not read stalls the server, and SIGTERM ended it "
                         "all the same")
        client.reset()
        server.check_end(signal.SIGTERM, server.wait_exit(STOP_LIMIT))

    @promise("stop", "1-", EVERY)
    def signal_at_any_moment(self):
        """Servers stopped at random moments after the ready line, with a client coming in."""
        for turn in range(self.few(25, 3)):
            server = self.serve()
            if turn % 2:
                client = self.connect(server)
                client.send_or_not(b"hello\n")
            time.sleep(random.choice((0, random.random() * 0.004)))
            server.stop(random.choice((signal.SIGTERM, signal.SIGINT)))

    @promise("stop", "1-", ONLY_ECHO, modes=("plain",))
    def thousand_times(self):
        """A hundred starts at each of ten stages, each stopped at some moment after it is ready."""
        with ThreadPoolExecutor(4) as pool:
            for _ in pool.map(self.start_and_stop, range(100)):
                pass

    def start_and_stop(self, _):
        program = str(self.target.stage.program(self.target.program))
        with subprocess.Popen([program, "-p", "0"],
                              env={**os.environ, **dict(self.target.stage.env)},
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT) as process:
            try:
                self.stop_at_some_moment(process)
            finally:
                process.kill()

    def stop_at_some_moment(self, process):
        ready = process.stdout.readline()
        how = random.choice((signal.SIGTERM, signal.SIGINT))
        time.sleep(random.choice((0, random.random() * 0.001)))
        process.send_signal(how)
        try:
            status = process.wait(self.limit(5))
        except subprocess.TimeoutExpired:
            raise Broken(f"{how.name} was sent just after the ready line; the server runs on\n"
                         "  is there a moment when a signal is lost?") from None
        words = process.stdout.read()
        if status or words or not ready.startswith(b"listening on "):
            raise Broken(f"{how.name} was sent just after the ready line: {exit_words(status)}; it "
                         f"wrote {ready + words!r}")

    @promise("stop", "1-8", EVERY)
    def two_signals_at_once(self):
        """A second signal on the heels of the first, or a moment later, changes nothing."""
        for gap in (0, 0.0001, 0.001, 0.003, 0.01)[:self.few(5, 2)]:
            server = self.serve()
            self.connect(server)
            server.stop(signal.SIGTERM, then=signal.SIGINT, gap=gap)

    @promise("stop", "1-", EVERY)
    def whatever_was_inherited(self):
        """SIGINT and SIGTERM were ignored, as after `&` in a script; from v05 on also blocked."""
        both = (signal.SIGINT, signal.SIGTERM)
        for how in both:
            for inherited in ("ignored", "blocked")[:2 if self.stage >= 5 else 1]:
                server = self.serve(**{inherited: both})
                self.connect(server)
                server.stop(how)

    @promise("messages", "1-", EACH)
    def survives_sigpipe(self):
        """Neither a SIGPIPE that is sent nor one that a write earns ends the server."""
        server = self.serve()
        server.process.send_signal(signal.SIGPIPE)
        self.connect(server)
        time.sleep(0.02)
        if not server.alive():
            raise Broken(server.gone_words() + "\n  is SIGPIPE ignored?")

    @promise("messages", "1-", EACH)
    def survives_a_stop_and_go(self):
        """SIGSTOP and SIGCONT interrupt its system calls; that is no reason to end."""
        server = self.serve()
        client = self.connect(server)
        for _ in range(3):
            server.process.send_signal(signal.SIGSTOP)
            time.sleep(0.005)
            server.process.send_signal(signal.SIGCONT)
            time.sleep(0.005)
        client.send(b"x")
        if not server.alive():
            raise Broken(server.gone_words() + "\n  does it mind a system call that ends "
                         "with EINTR?")
