"""A listener for each loop: how many there are, who accepts, and what stays as it was."""
from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import threading

from exercises.marks import judges
from harness.check import Check
from harness.client import size_words
from harness.server import Broken

LISTEN = "0A"       # the state in /proc/net/tcp
ACCEPTED = re.compile(r"^(\d+)\s+accept4?\(\d+.*\) = (\d+)$|"
                      r"^(\d+)\s+<\.\.\. accept4? resumed>.*\) = (\d+)$")
READ = re.compile(r"^(\d+)\s+(?:read|recv|recvfrom|recvmsg|readv)\((\d+), ")
ONLY_PLAIN = ("plain",)


def own_sockets(pid: int) -> set:
    """The inodes of the sockets that the process has open."""
    found = set()
    for fd in os.listdir(f"/proc/{pid}/fd"):
        try:
            match = re.match(r"socket:\[(\d+)\]", os.readlink(f"/proc/{pid}/fd/{fd}"))
        except FileNotFoundError:
            continue
        if match:
            found.add(match.group(1))
    return found


def listening_ports(server) -> list:
    """The port of each listening socket of the server, as the kernel tells."""
    own, ports = own_sockets(server.process.pid), []
    for name in ("tcp", "tcp6"):
        with open(f"/proc/net/{name}", encoding="ascii") as file:
            for words in (line.split() for line in file):
                if words[3] == LISTEN and words[9] in own:
                    ports.append(int(words[1].rsplit(":")[1], 16))
    return ports


class PortPerLoop(Check):
    group = "port_per_loop"

    def expect_listeners(self, count: int, *args):
        server = self.serve(*args)
        ports = listening_ports(server)
        words = " ".join(args)
        if len(ports) != count:
            raise Broken(f"`{words}` should have {count} listening sockets; "
                         f"/proc/net/tcp shows {len(ports)}")
        if set(ports) != {server.port}:
            raise Broken(f"`{words}`: all sockets should listen on port {server.port}, which the "
                         f"ready line names; they listen on {sorted(set(ports))}\n"
                         "  does each of them ask for port 0, and get another one?")
        for client in self.connect_many(server, 8):
            client.echo()

    @judges()
    def one_listener_for_each_io_thread(self):
        """-l -t 4: four listening sockets on one port, also with -p 0; without -l: one."""
        self.expect_listeners(4, "-l", "-t", "4")
        self.expect_listeners(3, "-l", "-t", "3", "-a", "::1")
        self.expect_listeners(1, "-l", "-t", "1")
        self.expect_listeners(1, "-l", "-t", "0")
        self.expect_listeners(1, "-t", "4")

    @judges()
    def the_port_is_still_its_own(self):
        """A second server with -l at the same port: one line that says why, exit 1."""
        server = self.serve("-l", "-t", "2")
        lines = self.refuse("-l", "-t", "2", "-p", str(server.port), status=1)
        if len(lines) != 1 or str(server.port) not in lines[0] or "in use" not in lines[0]:
            raise Broken("a port that another server has earns one line, with the address and the "
                         f"system's reason; stderr has {lines!r}")
        self.refuse("-p", str(server.port), status=1)
        plain = self.serve("-t", "2")
        self.refuse("-l", "-t", "2", "-p", str(plain.port), status=1)

    @judges(modes=ONLY_PLAIN)
    def each_thread_accepts_its_own_clients(self):
        """strace: the thread that accepts a client is the one that reads from it."""
        strace = self.need("strace")
        server = self.serve("-l", "-t", "3")
        calls = "accept,accept4,read,recvfrom,recvmsg,readv"
        with Traced(self, strace, server.process.pid, calls) as trace:
            for client in self.connect_many(server, 60):
                client.echo()
        accepts, strangers = self.compare(trace.lines)
        threads = {thread for thread, _ in accepts}
        if len(threads) < 3:
            raise Broken(f"60 clients came to -l -t 3: {len(threads)} threads accepted them, not 3"
                         "\n  does each loop watch a listening socket of its own?")
        if server.process.pid in threads:
            raise Broken("the main thread accepted clients, although there are I/O threads")
        if strangers:
            raise Broken(f"{strangers} of 60 clients were accepted by one thread and read by "
                         "another\n  does the loop that accepts a client also serve it?")

    def compare(self, lines):
        """(thread, descriptor) of each client, and how many were read by another thread."""
        accepts, strangers, owner = [], 0, {}
        for line in lines:
            match = ACCEPTED.match(line)
            if match:
                thread, fd = [int(word) for word in match.groups() if word]
                accepts.append((thread, fd))
                owner[fd] = thread
            match = READ.match(line)
            if match and int(match.group(2)) in owner:
                strangers += owner.pop(int(match.group(2))) != int(match.group(1))
        if len(accepts) != 60:
            raise Broken(f"60 clients were served, and strace saw {len(accepts)} accepted")
        return accepts, strangers

    @judges()
    def the_limit_counts_all_clients(self):
        """-c 10 -l -t 4: ten are served, whoever accepts them; the others are refused."""
        server = self.serve("-l", "-t", "4", "-c", "10")
        served = self.connect_many(server, 10)
        for client in served:
            client.echo()
        refused = self.connect_many(server, self.few(30, 12))
        for client in refused:
            client.expect_gone("10 clients are there, and -c 10 was asked for: are the clients of "
                               "all threads counted together?")
        for client in served:
            client.echo(hint="those who were there first must still be served")
        if not server.err.wait(lambda text: text.count("refused ") == len(refused),
                               self.limit(5)):
            raise Broken(f"{len(refused)} clients were refused; stderr says so "
                         f"{server.err.text.count('refused ')} times")
        served[3].close()
        served[7].close()
        if not self.becomes(lambda: self.two_more(server)):
            raise Broken("two of ten clients have left, and -c 10 was asked for: two newcomers "
                         "should be served\n  does a client who leaves give the place back?")

    def two_more(self, server) -> bool:
        clients = self.connect_many(server, 2)
        good = all(client.send_or_not(b"hello\n") and client.read(6) == b"hello\n"
                   for client in clients)
        for client in clients if not good else ():
            client.close()
        return good

    @judges(modes=ONLY_PLAIN)
    def out_of_descriptors(self):
        """No descriptor is free: newcomers are refused at once by each thread, nothing spins."""
        strace = self.need("strace")
        server = self.serve("-l", "-t", "4", nofile=60)
        served = []
        while True:
            client = self.connect(server)
            if not client.send_or_not(b"hello\n") or client.read(6) != b"hello\n":
                break
            served.append(client)
        # strace delays each call: so the threads are more often in one another's way.
        with Traced(self, strace, server.process.pid, "close,accept,accept4,socket"):
            for _ in range(10):
                self.expect_refusals(server, 40)
        self.expect_asleep(server, "no descriptor is free and nobody talks")
        for client in served:
            client.echo(hint="those who were there first must still be served")
        for client in served[:8]:
            client.close()
        if not self.becomes(lambda: server.fds() <= 60 - 8):
            raise Broken("8 clients have left, and their descriptors are still open")
        for client in self.connect_many(server, 8):
            client.echo(hint="8 descriptors are free again: 8 newcomers must be served")

    def expect_refusals(self, server, count: int):
        for client in self.crowd(server, count):
            client.expect_gone(f"no descriptor is free, and {count} clients come at once: each "
                               "should be closed at once. Was the spare descriptor of one "
                               "thread taken by another thread's client?")

    def crowd(self, server, count: int) -> list:
        """So many clients that come at the same moment."""
        server.process.send_signal(signal.SIGSTOP)
        try:
            return self.connect_many(server, count)
        finally:
            server.process.send_signal(signal.SIGCONT)

    @judges()
    def a_stop_serves_those_who_wait(self):
        """SIGTERM while clients wait at every listener: all are answered, then all is closed."""
        # Two clients wait at two of the listeners at most: the others have nothing to do.
        for count in self.few(4, 1) * [40] + self.few(16, 2) * [2]:
            server = self.serve("-l", "-t", "4")
            server.process.send_signal(signal.SIGSTOP)
            clients = self.connect_many(server, count)
            for client in clients:
                client.send(b"hello\n")
            server.process.send_signal(signal.SIGTERM)
            server.process.send_signal(signal.SIGCONT)
            for client in clients:
                self.expect_farewell(count, client)
            self.expect_stopped(server)

    def expect_farewell(self, count: int, client):
        rest = client.rest()
        if rest.got != b"hello\n" or rest.end != "end of file":
            raise Broken(f"{count} clients had connected and sent 6 bytes each when SIGTERM "
                         f"came; one got {size_words(len(rest.got))} back, then: {rest.end}\n"
                         "  is the queue of each listener emptied before that listener is closed, "
                         "and does the server wait for all of them?")

    def expect_stopped(self, server):
        status = server.wait_exit(self.limit(2))
        if status != 0:
            raise Broken(f"after SIGTERM the server ended with status {status}, not 0")
        with socket.socket(server.family) as sock:
            if sock.connect_ex((server.address, server.port)) == 0:
                raise Broken("the server has ended, and somebody still listens at its port")

    @judges()
    def asleep_when_idle(self):
        """With nobody talking no thread wakes up: none looks for clients now and then."""
        server = self.serve("-l", "-t", "4")
        for client in self.connect_many(server, 8):
            client.echo()
        self.becomes(server.sleeps)
        before = server.wakeups()
        self.stays(lambda: True, 60)
        if server.wakeups() - before > 2:
            raise Broken(f"nobody talked for 0.3 s, and threads woke up {server.wakeups() - before}"
                         " times\n  does a loop wait with a timeout, to look for clients?")


class Traced:
    """strace for as long as a `with` block runs; its lines afterwards."""

    def __init__(self, check, strace: str, pid: int, calls: str):
        self.check, self.pid, self.lines = check, pid, []
        self.process = subprocess.Popen(
            [strace, "-f", "-qq", "-e", f"trace={calls}", "-o", "/dev/stdout", "-p", str(pid)],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.reader = threading.Thread(target=self.read, daemon=True)

    def __enter__(self):
        self.check.becomes(lambda: self.traced() or self.process.poll() is not None)
        if self.process.poll() is not None:
            self.check.skipTest(f"strace may not trace here: {self.process.stderr.read().strip()}")
        self.reader.start()
        return self

    def read(self):
        """So that strace does not wait for a full pipe, and the server for strace."""
        with self.process.stdout:
            self.lines += [line.rstrip("\n") for line in self.process.stdout]

    def traced(self) -> bool:
        """Whether strace has come to each thread."""
        for task in os.listdir(f"/proc/{self.pid}/task"):
            with open(f"/proc/{self.pid}/task/{task}/status", encoding="ascii") as file:
                if re.search(r"^TracerPid:\s+0$", file.read(), re.M):
                    return False
        return True

    def __exit__(self, *_):
        self.process.terminate()
        self.reader.join()
        self.process.stderr.close()
        self.process.wait()
