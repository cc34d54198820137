"""fork_server and thread_server: a process, and a thread, for each client."""
from __future__ import annotations

import os
import random
import resource
import signal
import socket
import subprocess

from harness.check import Check
from harness.client import noise, pump
from harness.server import STOP_LIMIT, Broken
from harness.spec import FORKING, promise

FORK, THREAD = ("fork_server",), ("thread_server",)


# The thread sanitizer has a thread of its own in each process.
COUNTED = ("plain", "valgrind", "helgrind", "sanitize")


class Forking(Check):
    group = "forking"

    def children(self, server) -> dict:
        """The state of each of its processes, by its number."""
        found = {}
        for pid in server._children():
            try:
                with open(f"/proc/{pid}/stat", encoding="ascii") as file:
                    found[pid] = file.read().rsplit(")", 1)[1].split()[0]
            except OSError:
                pass
        return found

    def tasks(self, server) -> int:
        """Its processes but the first, and its threads but the first."""
        return len(self.children(server)) + server.threads() - 1

    def echo_all(self, clients, hint: str):
        for number, client in enumerate(clients):
            client.echo(b"client %d\n" % number, hint)

    @promise("fork", "1", FORKING, modes=COUNTED)
    def one_for_each_client(self):
        """Ten clients, ten processes or threads; when they leave, none is left."""
        server = self.serve()
        base = self.tasks(server)
        clients = self.connect_many(server, 10)
        self.echo_all(clients, "ten clients at once")
        if self.tasks(server) - base != 10:
            raise Broken(f"ten clients are served by {self.tasks(server) - base} processes or "
                         "threads besides the first")
        for number, client in enumerate(clients):
            (client.close, client.reset, client.half_close)[number % 3]()
        if not self.becomes(lambda: self.tasks(server) == base):
            raise Broken("ten clients have left; processes or threads besides the first: "
                         f"{self.tasks(server) - base}, in the states {self.children(server)}\n"
                         "  Z is a zombie: it has ended, and nobody has waited for it")

    @promise("fork", "1", FORKING, modes=COUNTED)
    def no_zombies(self):
        """Hundreds come and go, many at the same moment: nothing of them is left."""
        server = self.serve()
        base = self.tasks(server)
        for _ in range(self.few(5, 2)):
            os.kill(server.process.pid, signal.SIGSTOP)
            crowd = self.connect_many(server, self.few(60, 10))
            os.kill(server.process.pid, signal.SIGCONT)
            for client in crowd[::7]:
                client.echo(hint="it came with many others")
            for number, client in enumerate(crowd):
                (client.close, client.reset)[number % 2]()
            if not self.becomes(lambda: self.tasks(server) == base):
                states = list(self.children(server).values())
                raise Broken(f"all clients have left; {self.tasks(server) - base} processes or "
                             f"threads are left, {states.count('Z')} of them zombies\n  one "
                             "SIGCHLD may stand for several children that have ended")
        self.expect_no_leak(server)
        self.connect(server).echo()

    @promise("fork", "1", THREAD)
    def threads_leave_no_memory(self):
        """A thousand clients, one after the other, cost no more than a hundred did."""
        self.need_unscaled("memory")
        server = self.serve()

        def come_and_go(times):
            for _ in range(times):
                client = self.connect(server)
                client.echo(b"x")
                client.close()
            self.becomes(lambda: server.threads() == 1)
            return server.memory()

        before = come_and_go(100)
        grown = come_and_go(1000) - before
        if grown > 1_000_000:
            raise Broken(f"after 1,000 clients that have left the server has {grown:,} bytes "
                         "more\n  is a thread that has ended detached, or joined?")

    def expect_all_gone(self, children, what: str):
        """None of these processes is there any more, but perhaps as somebody's zombie."""
        def left():
            found = []
            for pid in children:
                try:
                    with open(f"/proc/{pid}/stat", encoding="ascii") as file:
                        found += [pid] * (file.read().rsplit(")", 1)[1].split()[0] != "Z")
                except OSError:
                    pass
            return found

        if not self.becomes(lambda: not left(), STOP_LIMIT):
            count = len(left())
            for pid in left():
                os.kill(pid, signal.SIGKILL)
            raise Broken(f"{what}: the server has ended; {count} processes of it run on")

    @promise("stop", "1", FORKING)
    def stop_ends_all(self):
        """Clients that talk, are silent, do not read: a signal ends all within a second."""
        for how in (signal.SIGTERM, signal.SIGINT):
            server = self.serve()
            silent = self.connect_many(server, 10)
            self.echo_all(silent, "ten clients at once")
            for _ in range(4):
                stalled = self.connect(server, sndbuf=65536, rcvbuf=4096)
                pump(stalled, noise(1 << 20) * 64, half_close=False, read=False, stall=0.1)
            busy = self.connect(server)
            busy.send(noise(100_000))
            children = list(self.children(server))
            server.stop(how)
            self.expect_all_gone(children, f"15 clients, then {how.name}")
            for client in silent:
                client.expect_gone("a server that has ended holds no connection")

    @promise("stop", "1", FORKING)
    def stop_while_they_come(self):
        """The signal comes while clients come: whoever was just being taken in ends too."""
        for turn in range(self.few(15, 2)):
            server = self.serve()
            os.kill(server.process.pid, signal.SIGSTOP)
            for _ in range(random.randint(1, 20)):
                self.connect(server)
            os.kill(server.process.pid, signal.SIGCONT)
            self.becomes(lambda s=server, n=turn % 5: self.tasks(s) >= n, 0.2)
            children = list(self.children(server))
            server.stop(random.choice((signal.SIGTERM, signal.SIGINT)))
            self.expect_all_gone(children, "SIGTERM while clients come")
            self.expect_port_free(server)

    def expect_port_free(self, server):
        """A child that lived on would hold the listening socket too."""
        with socket.socket() as sock:
            sock.settimeout(self.limit(5))
            if sock.connect_ex((server.address, server.port)) == 0:
                raise Broken("the server has ended, and somebody still listens on its port\n"
                             "  does a child that was just born miss the signal?")

    @promise("stop", "1", FORKING, modes=("plain",))
    def stop_spares_who_started_it(self):
        """Started by a script, in its process group: SIGTERM to the server ends it alone."""
        program = str(self.target.stage.program(self.target.program))
        script = '"$0" -p 0 & read _; kill $!; wait $!; echo ended $?'
        with subprocess.Popen(["sh", "-c", script, program], stdin=subprocess.PIPE,
                              stdout=subprocess.PIPE, start_new_session=True) as shell:
            try:
                ready = shell.stdout.readline()
                port = int(ready.rsplit(b":", 1)[1])
                with socket.create_connection(("127.0.0.1", port), self.limit(5)) as sock:
                    sock.sendall(b"hello")
                    sock.recv(5)
                    words = shell.communicate(b"\n", self.limit(10))[0]
            finally:
                shell.kill()
        if words != b"ended 0\n":
            raise Broken("a script has started the server and sent it SIGTERM; it must go on and "
                         f"find exit status 0; it wrote {words!r}\n  does the server send the "
                         "signal to its whole process group?")

    @promise("fork", "1", FORK)
    def child_that_dies(self):
        """A child is killed: its client is lost, nobody else."""
        server = self.serve()
        clients = self.connect_many(server, 1)
        self.echo_all(clients, "the first client")
        victims = list(self.children(server))
        clients += self.connect_many(server, 4)
        self.echo_all(clients, "five clients")
        for pid in victims:
            os.kill(pid, signal.SIGKILL)
        clients[0].expect_gone("the process that served it was killed")
        self.echo_all(clients[1:], "another client's process was killed")
        self.connect(server).echo(hint="a client's process was killed; this one is new")

    # -- what runs out ----------------------------------------------------

    @promise("fork", "1", FORKING, modes=("plain",))
    def out_of_processes(self):
        """No more processes, or threads, may be made: that costs the newcomer alone."""
        if os.geteuid() != 0:
            self.skipTest("only root can start the server as a user of its own")
        user = random.randint(100_000, 2_000_000)      # whose processes are the server's alone
        try:
            server = self.serve(user=user, limits=((resource.RLIMIT_NPROC, 5),))
        except PermissionError:
            self.skipTest("the folder can't be reached by another user than root")
        for _ in range(2):
            served = self.connect_many(server, 4)
            self.echo_all(served, "five processes or threads are allowed, and this is the fifth")
            newcomers = self.connect_many(server, 3)
            for client in newcomers:
                client.expect_gone("no more processes or threads can be made")
            self.echo_all(served, "others could not be served; this client was there before")
            self.expect_asleep(server, "it only can't serve more clients")
            if not server.err.wait(lambda text: "\n" in text, self.limit(5)):
                raise Broken("clients could not be served; nothing on stderr says so")
            for client in served + newcomers:
                client.close()
            self.becomes(lambda: self.tasks(server) == 0)
        self.connect(server).echo(hint="there is room again")

    @promise("fork", "1", FORKING, modes=("plain",))
    def out_of_descriptors(self):
        """No descriptor is left, or so few that it matters: whoever is there is served on."""
        server = self.serve(nofile=12)
        served = []
        for _ in range(14):
            client = self.connect(server)
            client.send_or_not(b"in?")
            if client.quiet(0.3):
                break
            client.expect(b"in?", "who is taken in must be served")
            served.append(client)
        self.connect_many(server, 5)
        self.echo_all(served, "this client was there before the descriptors ran out")
        self.expect_asleep(server, "it only has no descriptor left")
        self.echo_all(served, "this client was there before the descriptors ran out")
        for client in served:
            client.close()
        self.connect(server).echo(hint="there are descriptors again")
