"""The start: the ready line, addresses and ports, -v, failures at start."""
from __future__ import annotations

import os
import random
import re
import socket

from harness.check import Check
from harness.server import Broken
from harness.spec import EACH, ECHO, EVERY, limitation, promise

NOBODY = 65534


def private_address() -> str:
    """A loopback address that no other check uses, so that ports on it are free."""
    return f"127.{random.randint(1, 254)}.{random.randint(0, 255)}.{random.randint(1, 254)}"


def have_ipv6() -> bool:
    try:
        with socket.socket(socket.AF_INET6) as sock:
            sock.bind(("::1", 0))
        return True
    except OSError:
        return False


class Start(Check):
    group = "start"

    @promise("ready", "1-", EACH)
    def ready_line_gives_the_real_port(self):
        """After -p 0 the line names the port that clients reach."""
        server = self.serve()
        self.assertEqual(server.address, "127.0.0.1",
                         f"listening on {server.address}, without -a")
        self.assertNotEqual(server.port, 0, "the ready line says port 0")
        self.connect(server)

    @promise("ready", "1-", EACH)
    def ready_means_a_client_can_connect(self):
        """A client that connects the moment the line appears is never refused."""
        for _ in range(self.few(8, 1)):
            server = self.serve()
            self.connect(server)

    @promise("ready", "1-", EACH)
    def port_and_address_as_asked(self):
        """-a and -p are taken, and shown in the ready line."""
        address, port = private_address(), random.randint(20000, 60000)
        server = self.serve("-a", address, "-p", str(port))
        self.assertEqual((server.address, server.port), (address, port),
                         f"-a {address} -p {port} was asked for; the ready line says "
                         f"{server.address}:{server.port}")
        self.connect(server)

    @promise("ready", "1-", EACH)
    def options_in_one_word(self):
        """-p0 is -p 0, and the last of two counts."""
        server = self.start("-p1", "-p0").wait_ready()
        self.assertNotEqual(server.port, 1, "-p1 -p0 was given, and the first counted")
        self.connect(server)

    @promise("address", "1-", EACH)
    def only_loopback_by_default(self):
        """Without -a no other address of this host is open."""
        server = self.serve()
        with socket.socket() as sock:
            sock.settimeout(self.limit(5))
            if sock.connect_ex(("127.0.0.2", server.port)) == 0:
                raise Broken(f"port {server.port} is open on 127.0.0.2 too\n"
                             "  without -a the server must bind 127.0.0.1, not every address")

    @promise("address", "1-", EACH, exclusive=True, modes=("plain",))
    def default_port(self):
        """Without -p it is port 8000."""
        with socket.socket() as sock:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                sock.bind(("127.0.0.1", 8000))
            except OSError:
                self.skipTest("port 8000 is in use on this machine")
        server = self.start().wait_ready()
        self.assertEqual(server.port, 8000, f"without -p it listens on port {server.port}")
        self.connect(server)

    @promise("rebind", "1-", EVERY)
    def same_port_again_at_once(self):
        """With connections of the last run still in TIME_WAIT or open at the client."""
        address, port = private_address(), random.randint(20000, 60000)
        asked = ("-a", address, "-p", str(port))
        for _ in range(self.few(3, 2)):
            server = self.serve(*asked)
            clients = self.connect_many(server, 3)
            clients[0].send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            clients[0].read(1)
            clients[1].close()
            server.stop()

    @promise("messages", "1-", EVERY)
    def silent_without_v(self):
        """A client that comes and goes is no cause for a message."""
        server = self.serve()
        client = self.connect(server)
        client.half_close()
        client.expect_end("a client that says nothing and half-closes gets end of file")
        server.stop()
        self.assertEqual(server.err.text, "", f"without -v, stderr has: {server.err.text!r}")

    @promise("verbose", "3-", EACH)
    def verbose_reports_open_and_close(self):
        """A line with `opened`, one with `closed`, each with the client's address and port."""
        server = self.serve("-v")
        client = self.connect(server)
        name = client.name
        self.expect_line(server, name, "opened")
        client.close()
        self.expect_line(server, name, "closed")

    @promise("verbose", "3-", EVERY)
    def verbose_reports_whom_a_stop_closes(self):
        """A client that is there when the server is told to stop has its line, too."""
        server = self.serve("-v")
        client = self.connect(server)
        self.expect_line(server, client.name, "opened")
        server.stop()
        self.expect_line(server, client.name, "closed")

    def expect_line(self, server, name, word):
        line = re.compile(rf"^{server.name}: .*(?<!\d){re.escape(name)}(?!\d).*\b{word}\b"
                          rf"|^{server.name}: .*\b{word}\b.*(?<!\d){re.escape(name)}(?!\d)", re.M)
        if not server.err.wait(line.search, self.limit(10)):
            raise Broken(f"with -v, no line on stderr has `{name}` and `{word}`")

    # -- IPv6 -------------------------------------------------------------

    @promise("ipv6", "3-", EACH)
    def ipv6_loopback(self):
        """-a ::1 listens there, and writes the address in brackets."""
        if not have_ipv6():
            self.skipTest("this machine has no IPv6 loopback address")
        server = self.serve("-v", "-a", "::1")
        if f"listening on [::1]:{server.port}\n" != server.out.text:
            raise Broken(f"expected `listening on [::1]:PORT`, got {server.out.text!r}")
        client = self.connect(server)
        self.expect_line(server, client.name, "opened")

    @limitation("ipv6", "1-2", "an IPv6 address is refused as wrong use", ECHO)
    def ipv6_refused(self):
        """Before v03, -a ::1 is wrong use."""
        self.refuse("-a", "::1", "-p", "0")


class StartFailure(Check):
    group = "start_failure"

    def expect_reason(self, lines, address, port, reason):
        if len(lines) != 1:
            raise Broken(f"expected one line on stderr, got {lines!r}")
        for word in ("bind", address, str(port), reason):
            if word not in lines[0]:
                raise Broken(f"the line must name the call (bind), the address and the reason; "
                             f"{word!r} is not in {lines[0]!r}")

    @promise("start-failure", "1-", EACH)
    def address_in_use(self):
        """Somebody else listens there."""
        with socket.socket() as taken:
            taken.bind((private_address(), 0))
            taken.listen()
            address, port = taken.getsockname()
            lines = self.refuse("-a", address, "-p", str(port), status=1)
        self.expect_reason(lines, address, port, "Address already in use")

    @promise("start-failure", "1-", EACH)
    def two_servers_on_one_port(self):
        """A second server of the same kind fails, and the first goes on serving."""
        first = self.serve()
        lines = self.refuse("-p", str(first.port), status=1)
        self.expect_reason(lines, "127.0.0.1", first.port, "Address already in use")
        self.connect(first)

    @promise("start-failure", "1-", EACH)
    def address_of_another_host(self):
        """192.0.2.1 is set aside for documentation: no host has it."""
        lines = self.refuse("-a", "192.0.2.1", "-p", "7", status=1)
        self.expect_reason(lines, "192.0.2.1", 7, "Cannot assign requested address")

    @promise("start-failure", "1-", EACH, modes=("plain",))
    def privileged_port(self):
        """A port below 1024, without the right to it."""
        with open("/proc/sys/net/ipv4/ip_unprivileged_port_start", encoding="ascii") as file:
            if int(file.read()) <= 7:
                self.skipTest("this machine lets everybody use every port")
        user = NOBODY if os.geteuid() == 0 else 0
        try:
            lines = self.refuse("-p", "7", status=1, user=user)
        except PermissionError:
            self.skipTest("the folder can't be reached by another user than root")
        self.expect_reason(lines, "127.0.0.1", 7, "Permission denied")

    @promise("start-failure", "1-", EACH, modes=("plain",))
    def too_few_descriptors(self):
        """Not enough descriptors for the parts it is made of: the call, the reason, exit 1."""
        # 0, 1 and 2 are open, and the loader needs one for libc, which is closed again.
        for nofile in range(4, 12):
            server = self.start("-p", "0", nofile=nofile)
            self.becomes(lambda s=server: not s.alive() or "\n" in s.out.text)
            if server.out.text:
                server.stop()
                break
            status = server.wait_exit(self.limit(5))
            lines = server.err.text.splitlines()
            good = len(lines) == 1 and lines[0].startswith(server.name + ": ")
            if status != 1 or not good or "Too many open files" not in lines[0]:
                raise Broken(f"with {nofile} descriptors at most it ended with {status} and "
                             f"{server.err.text!r}\n  expected exit status 1 and one line "
                             "with the call and `Too many open files`")
