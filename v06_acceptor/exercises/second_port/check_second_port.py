"""A second listening port, served by the same loop."""
from __future__ import annotations

import os
import random
import re
import signal
import socket

from checks.check_closes import Traced, failed_closes
from checks.check_start import private_address
from exercises.marks import judges
from harness.check import Check
from harness.client import connect, noise
from harness.modes import PLAIN
from harness.server import STOP_LIMIT, Broken, Drain

ALSO = re.compile(r"also listening on (?:\[([0-9a-f:.]+)\]|([0-9.]+)):(\d+)$", re.M)
NOFILE = 40


class Door:
    """One of the server's two ports, as harness.client.connect wants it."""

    def __init__(self, server, address: str, port: int):
        self.family, self.address, self.port = server.family, address, port


class SecondPort(Check):
    group = "second_port"

    def doors(self, *args, **how) -> tuple:
        """A server with two ports, and both of them."""
        server = self.serve("-q", "0", *args, **how)
        if not server.err.wait(ALSO.search, self.limit(5)):
            raise Broken("with -q 0 a line `also listening on ADDR:PORT` must stand on stderr; "
                         f"there is {server.err.text!r}")
        address4, address6, port = ALSO.search(server.err.text).group(2, 1, 3)
        if int(port) in (0, server.port):
            raise Broken(f"-p 0 -q 0: the ready line says port {server.port}, stderr says {port}; "
                         "the second port must be the real one")
        second = Door(server, address4 or address6, int(port))
        return server, (Door(server, server.address, server.port), second)

    def come(self, door):
        client = connect(door, self.limit(10))
        self.addCleanup(client.close)
        return client

    @judges()
    def both_serve(self):
        """Clients of both ports are served, in turn and at once."""
        server, doors = self.doors()
        clients = [self.come(doors[turn % 2]) for turn in range(10)]
        for turn, client in enumerate(clients):
            client.echo(b"hello %d\n" % turn, f"this client came to port {doors[turn % 2].port}")
        for door in doors:
            self.expect_all(self.come(door), noise(self.few(3_000_000, 200_000)),
                            f"over port {door.port}")
        for client in clients:
            client.echo(hint="it was there before")
        if server.threads() != 1 or server._children():
            raise Broken("both ports must be served by one loop; the server has "
                         f"{server.threads()} threads and {len(server._children())} children")

    @judges()
    def silent_client_delays_nobody(self):
        """A silent client of one port delays nobody at the other, nor does an empty queue."""
        _, doors = self.doors()
        for door, other in (doors, doors[::-1]):
            self.come(door)
            for _ in range(3):
                self.come(other).echo(hint="a silent client is at the other port\n  is each "
                                      "listening socket asked only when it is ready?")

    @judges()
    def announced_before_ready(self):
        """The ready line names -p alone; the second port is said on stderr, before it."""
        for address in ("127.0.0.1", "::1"):
            if address == "::1" and not has_ipv6():
                continue
            server, doors = self.doors("-a", address)
            if doors[1].address != address:
                raise Broken(f"-a {address}: stderr says `also listening on` {doors[1].address}")
            if server.out.text.count("\n") != 1:
                raise Broken(f"stdout must hold the ready line alone: {server.out.text!r}")
            self.come(doors[1]).echo(hint=f"-a {address}, the second port")
            server.stop()

    @judges()
    def said_before_the_ready_line(self):
        """Both streams are one pipe: the second port's line comes out of it first."""
        for _ in range(3):
            reader, writer = os.pipe()
            both = Drain(os.fdopen(reader, "rb", buffering=0))
            server = self.start("-p", "0", "-q", "0", stdout=writer, stderr=writer)
            os.close(writer)
            both.wait(lambda text: text.count("\n") > 1, self.limit(5))
            server.process.terminate()
            server.wait_exit(self.limit(10))
            if not re.search(r"\A.*also listening on .*\nlistening on ", both.text):
                raise Broken("-p 0 -q 0, with stdout and stderr in one pipe: expected `also "
                             "listening on` first and the ready line after it; there was "
                             f"{both.text!r}\n  who reads the ready line may look for the second "
                             "port at once")

    @judges(modes=("plain",))
    def each_descriptor_closed_once(self):
        """strace, clients at both ports, then a stop: each descriptor is closed, and once."""
        self.need("strace")
        file = self.shared_file()
        self.mode = Traced("traced", scale=3, file=file.name)
        server, doors = self.doors()
        self.mode = PLAIN
        for turn in range(4):
            self.come(doors[turn % 2]).echo()
        own = {fd for fd in os.listdir(f"/proc/{server.process.pid}/fd") if int(fd) > 2}
        server.stop(limit=10)

        def traced():
            with open(file.name, encoding="utf-8", errors="replace") as log:
                return log.read()

        if not self.becomes(lambda: "+++ exited with" in traced()):
            self.skipTest(f"strace may not trace here: {traced()[-200:]!r}")
        wrong = failed_closes(traced())
        if wrong:
            raise Broken(f"descriptors that are not open were closed: {', '.join(wrong)}\n"
                         "  has each acceptor a spare of its own, and closes it once?")
        left = own - set(re.findall(r" close\((\d+)\) += 0$", traced(), re.M))
        if left:
            raise Broken(f"when the server ended, the descriptors {', '.join(sorted(left))} had "
                         "not been closed\n  is the second acceptor closed, as the first one is?")

    @judges()
    def port_as_asked(self):
        """-q takes the port that was asked for, and both can be listened on again at once."""
        address, first = private_address(), random.randint(20000, 60000)
        for _ in range(3):
            server = self.serve("-a", address, "-p", str(first), "-q", str(first + 1))
            for port in (first, first + 1):
                client = self.come(Door(server, server.address, port))
                client.echo(hint=f"-p {first} -q {first + 1}, a client of port {port}")
            server.stop()   # with clients there

    @judges()
    def one_limit_for_both(self):
        """-c 3 counts the clients of both ports."""
        server, doors = self.doors("-c", "3")
        clients = [self.come(doors[turn % 2]) for turn in (0, 1, 1)]
        for client in clients:
            client.echo(hint="-c 3, and this is one of three clients")
        for door in doors:
            self.come(door).expect_gone("-c 3, and three clients are there, of both ports together")
        clients[0].close()
        if not self.becomes(lambda: server.fds() <= server.base_fds + 2):
            raise Broken("a client has left; its descriptor stays open")
        last = self.come(doors[1])
        last.echo(hint="-c 3, and one of three has left; a client of the other port comes")
        self.come(doors[0]).expect_gone("-c 3, and three clients are there again")

    @judges(modes=("plain",))
    def out_of_descriptors(self):
        """At the descriptor limit newcomers of both ports are closed at once; nothing spins."""
        server, doors = self.doors(nofile=NOFILE)
        served = []
        while server.fds() < NOFILE and len(served) < NOFILE:
            served.append(self.come(doors[len(served) % 2]))
            served[-1].echo(hint="there are descriptors left")
        for turn in range(8):
            newcomer = self.come(doors[turn % 2])
            newcomer.expect_gone(f"no descriptor is left, and a client came to port "
                                 f"{doors[turn % 2].port}: it should be closed at once\n"
                                 "  has each listening socket a spare to close?")
            newcomer.close()
        crowd = [self.come(doors[turn % 2]) for turn in range(20)]
        for client in crowd:
            client.expect_gone("no descriptor is left, and twenty came at once")
        for client in served:
            client.echo(hint="it was there before the descriptors ran out")
        self.expect_asleep(server, "it only has no descriptor left")
        for client in (*served, *crowd):
            client.close()
        self.expect_no_leak(server)
        for door in doors:
            self.come(door).echo(hint="all have left: there are descriptors again")

    @judges()
    def fails_at_start(self):
        """A second port that can't be had: call, address and reason on one line, exit 1."""
        address = private_address()
        taken = socket.create_server((address, 0))
        self.addCleanup(taken.close)
        port = str(taken.getsockname()[1])
        free = str(random.randint(20000, 60000))
        for ports in (("-p", "0", "-q", port), ("-q", port, "-p", "0"), ("-p", free, "-q", free)):
            lines = self.refuse("-a", address, *ports, status=1)
            wanted = f"{address}:{free if free in ports else port}"
            errors = [line for line in lines if "bind" in line]
            if len(errors) != 1 or wanted not in errors[0] or "in use" not in errors[0]:
                raise Broken(f"-a {address} {' '.join(ports)}: nobody can listen on the second "
                             f"port; one line must hold the call, {wanted} and the reason; stderr "
                             f"has {lines!r}")

    @judges()
    def wrong_use(self):
        """-q without a value, no number, out of range: two lines, exit 2; -h mentions -q."""
        cases = ("x", "", "65536", "-1", "1e3", " 1")[:self.few(99, 1)]
        for args in (*(("-p", "0", "-q", case) for case in cases), ("-p", "0", "-q")):
            lines = self.refuse(*args)
            if len(lines) != 2 or "q" not in lines[0] + args[-1] or "usage" not in lines[1]:
                raise Broken(f"wrong use ({' '.join(map(repr, args))}) earns two lines, what is "
                             f"wrong and the usage; stderr has {lines!r}")
        server = self.start("-h")
        if server.wait_exit(self.limit(10)) != 0 or "-q" not in server.out.text:
            raise Broken(f"-h must mention -q; it printed {server.out.text!r}")

    @judges()
    def stops_with_clients_at_both(self):
        """A signal ends it in time, with clients at both ports; nothing is left open."""
        for how in (signal.SIGTERM, signal.SIGINT):
            server, doors = self.doors()
            clients = [self.come(doors[turn % 2]) for turn in range(6)]
            for client in clients[:4]:
                client.echo()
            server.stop(how, STOP_LIMIT)
            for client in clients:
                client.expect_gone("the server has stopped")


def has_ipv6() -> bool:
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
        return True
    except OSError:
        return False
