"""The prefork server: its processes come, go and are replaced."""
from __future__ import annotations

import ctypes
import os
import re
import signal
import termios
import time

from harness.check import Check
from harness.client import pump
from harness.server import Broken
from harness.spec import promise

PREFORK = ("prefork_server",)
_PTRACE_ATTACH, _WALL = 16, 0x40000000      # of <sys/ptrace.h> and <sys/wait.h>
_ptrace = ctypes.CDLL(None, use_errno=True).ptrace
_ptrace.argtypes = (ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p)


def state(pid: int) -> str:
    """The letter that ps shows for the process; X when it has gone."""
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii") as file:
            return file.read().rsplit(")", 1)[1].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return "X"


def is_running(pid: int) -> bool:
    """Not gone, and not a zombie that nobody has buried."""
    return state(pid) not in "ZX"


class Prefork(Check):
    group = "prefork"

    def children(self, server, count: int) -> set:
        """The running child processes, once there are so many."""
        def running():
            return {pid for pid in server._children() if is_running(pid)}

        if not self.becomes(lambda: len(running()) == count):
            raise Broken(f"-n {count}: there must be {count} child processes; there are "
                         f"{len(running())}")
        return running()

    def switches(self, pids) -> int:
        total = 0
        for pid in pids:
            with open(f"/proc/{pid}/status", encoding="ascii") as file:
                total += int(re.search(r"^voluntary_ctxt_switches:\s+(\d+)", file.read(),
                                       re.M).group(1))
        return total

    def who_serves(self, server, client) -> int:
        """The process that wakes up when this client talks."""
        counts = {pid: self.switches([pid]) for pid in server._children()}
        for _ in range(40):
            client.echo(b"whose are you?\n")
        return max(counts, key=lambda pid: self.switches([pid]) - counts[pid])

    @promise("prefork", "8-", PREFORK)
    def as_many_as_asked(self):
        """-n 1, -n 5; without -n one for each CPU."""
        for args, count in ((("-n", "1"), 1), (("-n", "5"), 5), ((), os.cpu_count())):
            server = self.serve(*args)
            self.children(server, count)
            for client in self.connect_many(server, 3):
                client.echo()
            server.stop()

    @promise("prefork", "8-", PREFORK, modes=("plain", "valgrind", "sanitize"))
    def range_of_n(self):
        """1 to 1024."""
        for value in ("0", "1025", "-1", "x", "", "2x"):
            lines = self.refuse("-p", "0", "-n", value)
            if len(lines) != 2 or "usage" not in lines[1]:
                raise Broken(f"-n {value!r} must earn two lines, what is wrong and the usage; "
                             f"stderr has {lines!r}")

    @promise("prefork", "8-", PREFORK, modes=("plain",))
    def a_killed_child_is_replaced(self):
        """kill -9 of a child: said, replaced, and the connections of the others live on."""
        server = self.serve("-n", "3")
        before = self.children(server, 3)
        first = self.connect(server)
        first.echo()
        victim = self.who_serves(server, first)
        other = self.served_by_another(server, victim)
        os.kill(victim, signal.SIGKILL)
        first.expect_gone("the process that served it was killed")
        if not self.becomes(lambda: victim not in server._children()):
            raise Broken(f"the child {victim} was killed; the parent does not bury it")
        after = self.children(server, 3)
        if not before - {victim} < after:
            raise Broken(f"one of the children {sorted(before)} was killed, {victim}; now there "
                         f"are {sorted(after)}: the others should be the same")
        if not server.err.text:
            raise Broken("a child was killed; nothing on stderr tells")
        other.echo(hint="a child was killed that does not serve this client")
        for client in self.connect_many(server, 9):
            client.echo(hint="a child was killed; do the others and the new one serve?")

    @promise("prefork", "8-", PREFORK, modes=("plain",))
    def a_child_that_ends_by_itself_is_replaced(self):
        """SIGTERM to a child, which then ends with status 0: it has died all the same."""
        server = self.serve("-n", "2")
        before = self.children(server, 2)
        ended = min(before)
        os.kill(ended, signal.SIGTERM)
        if not self.becomes(lambda: not is_running(ended)):
            raise Broken(f"SIGTERM to the child {ended}: it runs on")
        if before - {ended} - self.children(server, 2):
            raise Broken("a child got SIGTERM; now the other one has gone as well")
        for client in self.connect_many(server, 6):
            client.echo(hint="a child has ended; the other and its successor must serve")

    def served_by_another(self, server, pid: int):
        """A client that another process than this one serves."""
        os.kill(pid, signal.SIGSTOP)
        try:
            client = self.connect(server)
            client.echo(hint="one process is stopped; the others must serve newcomers")
        finally:
            os.kill(pid, signal.SIGCONT)
        return client

    @promise("prefork", "8-", PREFORK, modes=("plain",))
    def replaced_not_in_a_rush(self):
        """A child that is killed again and again is replaced once a second at most."""
        server = self.serve("-n", "1")
        seen = set()
        until = time.monotonic() + 2.3
        while time.monotonic() < until:
            for pid in server._children():
                if is_running(pid):
                    seen.add(pid)
                    os.kill(pid, signal.SIGKILL)
            time.sleep(0.01)
        if not 2 <= len(seen) <= 4:
            raise Broken(f"the only child was killed whenever there was one: in 2.3 s there were "
                         f"{len(seen)}; one a second is promised")
        self.connect(server).echo(hint="a child died several times; a new one must serve in time")

    @promise("prefork", "8-", PREFORK, modes=("plain", "sanitize"))
    def stop_while_a_place_is_empty(self):
        """A child has been killed, its successor is not due yet: the stop does not wait."""
        server = self.serve("-n", "2")
        for _ in range(2):
            for pid in list(self.children(server, 2))[:1]:
                os.kill(pid, signal.SIGKILL)
            self.becomes(lambda p=pid: p not in server._children())
        server.stop()

    @promise("prefork", "8-", PREFORK)
    def stop_reaches_a_stopped_child(self):
        """A child was stopped (SIGSTOP): it stands in the way of no end."""
        server = self.serve("-n", "2")
        child = min(self.children(server, 2))
        os.kill(child, signal.SIGSTOP)
        self.becomes(lambda: state(child) == "T")
        server.stop()

    def hang(self, pid: int):
        """Hold the process as a debugger does: of all signals, SIGKILL alone reaches it."""
        if _ptrace(_PTRACE_ATTACH, pid, None, None) < 0:
            self.skipTest(f"a process may not be traced here: {os.strerror(ctypes.get_errno())}")
        os.waitpid(pid, _WALL)

    def bury(self, pid: int):
        """A traced process that was killed is its parent's only when the tracer has seen it."""
        try:
            return os.waitpid(pid, _WALL | os.WNOHANG)[0] == pid
        except ChildProcessError:
            return True

    def end_of(self, server, pid: int, limit: float) -> float:
        """How long the server runs on, with one of its processes held; at most so long."""
        start = time.monotonic()
        buried = False
        while server.alive() and time.monotonic() < start + limit:
            buried = buried or self.bury(pid)
            time.sleep(0.01)
        return time.monotonic() - start

    @promise("prefork", "8-", PREFORK, modes=("plain",))
    def a_child_that_hangs_is_killed(self):
        """It has not ended 2 s after it had to: where servers drain, in haste and without."""
        cases = [(1, 2.0)] if self.stage == 8 else [(2, 2.0), (1, 5.0)]
        for signals, seconds in cases:
            server = self.serve("-n", "3")
            child = min(self.children(server, 3))
            self.hang(child)
            try:
                for _ in range(signals):
                    os.kill(server.process.pid, signal.SIGTERM)
                    time.sleep(0.05)
                took = self.end_of(server, child, seconds + 1.5)
                words = f"a child hangs; SIGTERM to the parent, {signals} times: "
                if server.alive():
                    raise Broken(words + f"the parent still runs {took:.1f} s later; a child is to "
                                 f"be killed {seconds:g} s after the last signal")
                if took < seconds - 0.2:
                    raise Broken(words + f"it ended {took:.1f} s later; a child may take "
                                 f"{seconds:g} s to end")
                status = server.wait_exit(1)
                if status != 0 or str(child) not in server.err.text:
                    raise Broken(words + f"the parent ended with {status}, and stderr does not "
                                 f"say that {child} was killed, or it is not 0: "
                                 f"{server.err.text!r}")
            finally:
                try:
                    os.kill(child, signal.SIGKILL)
                except ProcessLookupError:
                    pass
                self.bury(child)

    @promise("prefork", "9-", PREFORK, modes=("plain",))
    def a_child_that_drains_is_not_killed(self):
        """A client does not read its replies: the child waits for it as long as any server."""
        server = self.serve("-n", "2")
        client = self.connect(server, sndbuf=65536, rcvbuf=4096)
        pump(client, b"x" * 8_000_000, half_close=False, read=False, stall=0.2)
        start = time.monotonic()
        os.kill(server.process.pid, signal.SIGTERM)
        status = server.wait_exit(4.5)
        took = time.monotonic() - start
        if status != 0 or took < 2.5 or server.err.text:
            raise Broken("a client that does not read, and SIGTERM: the child may drain for 3 s; "
                         f"the parent ended after {took:.1f} s with {status}, and stderr has "
                         f"{server.err.text!r}")

    def tell_to_drain(self, server, child: int):
        """Return when the child has closed its listening socket: it accepts nobody any more."""
        before = server.fds()
        os.kill(child, signal.SIGTERM)
        if not self.becomes(lambda: server.fds() < before):
            raise Broken(f"SIGTERM to the child {child}, which has a client: it must close its "
                         "listening socket; it has as many descriptors open as before")

    @promise("prefork", "9-", PREFORK, modes=("plain",))
    def a_draining_child_sleeps(self):
        """One child, told to stop, waits for a client; another client waits in the queue."""
        server = self.serve("-n", "1")
        child, = self.children(server, 1)
        slow = self.connect(server, sndbuf=65536, rcvbuf=4096)
        pump(slow, b"x" * 8_000_000, half_close=False, read=False, stall=0.2)
        self.tell_to_drain(server, child)
        newcomer = self.connect(server)
        self.expect_asleep(server, "its only child drains, and a newcomer waits for the next: the "
                           "listening socket is open in the parent, so epoll still knows it")
        slow.close()
        newcomer.close()

    @promise("prefork", "8-", PREFORK, modes=("plain",))
    def no_child_outlives_the_parent(self):
        """kill -9 of the parent ends all children."""
        server = self.serve("-n", "4")
        children = self.children(server, 4)
        client = self.connect(server)
        client.echo()
        os.kill(server.process.pid, signal.SIGKILL)
        server.process.wait()
        if not self.becomes(lambda: not any(is_running(pid) for pid in children), 4.0):
            left = [pid for pid in children if is_running(pid)]
            for pid in left:
                os.kill(pid, signal.SIGKILL)
            raise Broken(f"the parent was killed; {len(left)} of its children still run")
        client.expect_gone("parent and children are gone")

    @promise("prefork", "8-", PREFORK)
    def stop_ends_all(self):
        """SIGTERM and SIGINT to the parent: all have gone when it has, nothing is said."""
        for how in (signal.SIGTERM, signal.SIGINT):
            server = self.serve("-n", "3")
            children = self.children(server, 3)
            clients = self.connect_many(server, 6)
            for client in clients:
                client.echo()
            server.stop(how)
            left = [pid for pid in children if is_running(pid)]
            if left:
                raise Broken(f"the parent has ended after {how.name}; {len(left)} children run")
            if server.err.text:
                raise Broken(f"an orderly stop is no news; stderr has {server.err.text!r}")
            for client in clients:
                client.expect_gone("all processes have ended")

    @promise("prefork", "8-", PREFORK, modes=("plain",))
    def ctrl_c_counts_once(self):
        """SIGINT to the whole process group, as a terminal sends it."""
        server = self.serve("-n", "3", "-f", "line", "-d", "60")
        children = self.children(server, 3)
        client = self.connect(server)
        client.send(b"message\n" * 8)
        client.expect(b"message\n")
        os.killpg(server.process.pid, signal.SIGINT)
        rest = client.rest()
        if self.stage >= 9 and (rest.got != b"message\n" * 7 or rest.end != "end of file"):
            raise Broken("SIGINT to the process group: a client with seven messages waiting got "
                         f"{len(rest.got) // 8} replies, then: {rest.end}\n  does the signal "
                         "reach a child twice, from the terminal and from its parent?")
        client.close()
        status = server.wait_exit(1.5)
        if status != 0 or any(is_running(pid) for pid in children):
            raise Broken(f"SIGINT to the process group: the parent ended with {status}, "
                         f"{sum(map(is_running, children))} children still run")

    @promise("prefork", "8-", PREFORK, modes=("plain",))
    def at_a_terminal_that_stops_who_writes(self):
        """`stty tostop`, -v: the children are not in its foreground, and say something."""
        screen, terminal = os.openpty()
        self.addCleanup(os.close, screen)
        self.addCleanup(os.close, terminal)
        mode = termios.tcgetattr(terminal)
        mode[3] |= termios.TOSTOP
        termios.tcsetattr(terminal, termios.TCSANOW, mode)
        server = self.serve("-v", "-n", "2", stderr=terminal, terminal=terminal)
        for _ in range(4):
            client = self.connect(server)
            client.echo(hint="stty tostop: has its own message stopped the child?")
            client.close()
        server.stop()

    @promise("prefork", "9-", PREFORK, modes=("plain",))
    def no_process_wakes_up(self):
        """Silent clients, and neither parent nor children run."""
        server = self.serve("-n", "3")
        clients = self.connect_many(server, 6)
        for client in clients:
            client.echo()
        pids = [server.process.pid, *self.children(server, 3)]
        time.sleep(0.05)
        before = self.switches(pids)
        time.sleep(0.6)
        woke = self.switches(pids) - before
        if woke:
            raise Broken(f"nobody talks, and the processes woke up {woke} times in 0.6 s")
