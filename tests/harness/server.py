"""A server under test: started, listened to, measured and stopped."""
from __future__ import annotations

import contextlib
import ctypes
import fcntl
import os
import re
import resource
import signal
import socket
import stat
import subprocess
import tempfile
import termios
import threading
import time

from harness import sock_diag
from harness.modes import PLAIN

READY = re.compile(r"^listening on (?:\[([0-9a-f:.]+)\]|([0-9.]+)):(\d+)$")
START_LIMIT = 10.0
STOP_LIMIT = 1.5     # a second is promised; the rest is for a busy machine
KEEP = 1 << 20       # of each output stream, so that a server gone mad fills no memory
_PR_SET_PDEATHSIG = 1
_prctl = ctypes.CDLL(None, use_errno=True).prctl
_alive = set()       # process groups that this process started


class Broken(AssertionError):
    """A promise is broken; the text says how, for a reader who wrote the server."""


def kill_all():
    """End every server that is still there; for a harness that is being stopped."""
    for group in list(_alive):
        try:
            os.killpg(group, signal.SIGKILL)
        except ProcessLookupError:
            pass
        _alive.discard(group)


class Drain(threading.Thread):
    """Reads one of the server's output streams to its end, so that it never blocks."""

    def __init__(self, stream):
        super().__init__(daemon=True)
        self._stream = stream
        self._data = bytearray()
        self._changed = threading.Condition()
        self.ended = False
        self.start()

    def run(self):
        with self._stream:
            while True:
                piece = os.read(self._stream.fileno(), 65536)
                with self._changed:
                    if len(self._data) < KEEP:
                        self._data += piece
                    self.ended = not piece
                    self._changed.notify_all()
                if not piece:
                    return

    @property
    def text(self) -> str:
        with self._changed:
            return self._data.decode("utf-8", "replace")

    def wait(self, test, limit: float) -> bool:
        """Wait until `test(text)` is true; false when the limit or the end comes first."""
        until = time.monotonic() + limit
        with self._changed:
            while not test(self._data.decode("utf-8", "replace")):
                left = until - time.monotonic()
                if left <= 0 or self.ended:
                    return False
                self._changed.wait(left)
            return True


class Server:
    """A process of one of the programs, and what it says."""

    def __init__(self, path, args=(), mode=PLAIN, env=(), stdin=subprocess.DEVNULL,
                 stdout=subprocess.PIPE, stderr=subprocess.PIPE, **prepare):
        self.name = os.path.basename(path)
        self.args = [str(a) for a in args]
        self.mode = mode
        self.log = tempfile.NamedTemporaryFile(prefix="valgrind-") if mode.tool else None
        if self.log and prepare.get("user"):
            os.chown(self.log.name, prepare["user"], -1)
        argv = mode.wrap([str(path), *self.args], self.log and self.log.name)
        self.process = subprocess.Popen(
            argv, cwd="/", env={**os.environ, **dict(env)}, stdin=stdin,
            stdout=stdout, stderr=stderr, close_fds=True,
            start_new_session=True, preexec_fn=lambda: before_exec(**prepare))
        _alive.add(self.process.pid)
        self.out = Drain(self.process.stdout or open(os.devnull, "rb"))
        self.err = Drain(self.process.stderr or open(os.devnull, "rb"))
        self.address, self.port, self.base_fds = "", 0, 0

    # -- its life ---------------------------------------------------------

    def wait_ready(self):
        self.out.wait(lambda text: "\n" in text, START_LIMIT * max(self.mode.scale, 0.5))
        line = self.out.text.split("\n")[0]
        match = READY.match(line) if "\n" in self.out.text else None
        if not match:
            status = self.process.poll()
            ended = "" if status is None else f"; it ended with {exit_words(status)}"
            raise Broken(f"no ready line: stdout has {self.out.text!r}{ended}\n"
                         "  is `listening on ADDR:PORT` printed, and flushed to a pipe?")
        self.address = match.group(1) or match.group(2)
        self.port = int(match.group(3))
        self.base_fds = self._settled_fds()
        return self

    def _settled_fds(self) -> int:
        """The number of descriptors, once a server of many processes has started them all."""
        count, same, until = self.fds(), 0, time.monotonic() + 3
        while self._children() and (same < 5 or not self._children_wait()) \
                and time.monotonic() < until:
            time.sleep(0.004)
            before, count = count, self.fds()
            same = same + 1 if count == before else 0
        return count

    def _children_wait(self) -> bool:
        """Whether each child has come as far as its loop's wait, or has gone."""
        for pid in self._children():
            try:
                with open(f"/proc/{pid}/wchan", encoding="ascii") as file:
                    if "poll" not in file.read():
                        return False
            except OSError:
                continue
        return True

    def wait_exit(self, limit: float) -> int:
        """Its exit status; Broken when it is still there after the limit."""
        try:
            status = self.process.wait(limit * self.mode.scale if self.mode.scale > 1 else limit)
        except subprocess.TimeoutExpired:
            raise Broken(f"{self.name} still runs after {limit:g} s") from None
        _alive.discard(self.process.pid)
        self.out.join(5)
        self.err.join(5)
        return status

    def stop(self, how=signal.SIGTERM, limit=STOP_LIMIT, then=None, gap=0.0):
        """Stop it as a user would, and check all that is promised about that.

        `then` is a second signal, sent so many seconds after the first.
        """
        if not self.alive():
            raise Broken(self.gone_words())
        os.kill(self.process.pid, how)
        if then:
            time.sleep(gap)
            os.kill(self.process.pid, then)
        try:
            status = self.wait_exit(limit)
        except Broken:
            raise Broken(f"{signal.Signals(how).name} was sent, and after {limit:g} s "
                         f"{self.name} still runs") from None
        self.check_end(how, status)

    def check_end(self, how, status):
        """After the end: its status, and what it said."""
        if status != 0:
            raise Broken(f"after {signal.Signals(how).name} it ended with "
                         f"{exit_words(status)}, not with exit status 0{self._tool_words()}")
        self.check_words()

    def check_words(self):
        """After the end: what it said, and what valgrind says about it."""
        if self.process.stdout and (self.out.text.count("\n") != 1
                                    or not self.out.text.endswith("\n")):
            raise Broken("stdout must hold the ready line and nothing else; "
                         f"it holds {self.out.text[:500]!r}")
        for line in self.err.text.splitlines():
            if not line.startswith(self.name + ": "):
                raise Broken(f"a line on stderr does not begin with `{self.name}: `: {line!r}")
        complaint = self._tool_words()
        if complaint:
            raise Broken(complaint.lstrip())

    def _tool_words(self) -> str:
        if not self.log:
            return ""
        with open(self.log.name, encoding="utf-8", errors="replace") as file:
            text = file.read()
        complaint = self.mode.complaint(text)
        return f"\n{complaint}\n{text[-6000:]}" if complaint else ""

    def kill(self):
        """End it, whatever state it is in."""
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.process.wait()
        _alive.discard(self.process.pid)
        self.out.join(5)
        self.err.join(5)

    def alive(self) -> bool:
        return self.process.poll() is None

    # -- what it does -----------------------------------------------------

    @property
    def family(self):
        return socket.AF_INET6 if ":" in self.address else socket.AF_INET

    def _proc(self, what: str) -> str:
        try:
            with open(f"/proc/{self.process.pid}/{what}", encoding="ascii") as file:
                return file.read()
        except (FileNotFoundError, ProcessLookupError):
            raise Broken(self.gone_words()) from None

    def gone_words(self) -> str:
        status = self.process.poll()
        return f"the server has gone: it ended with {exit_words(status)}"

    def end_words(self) -> str:
        """How it ended, for who finds the door closed; nothing if it is there.

        It stays a process, so that whoever counts on its number can go on.
        """
        until = time.monotonic() + 0.2
        while time.monotonic() < until and self.process.returncode is None:
            end = os.waitid(os.P_PID, self.process.pid, os.WEXITED | os.WNOWAIT | os.WNOHANG)
            if end:
                status = end.si_status if end.si_code == os.CLD_EXITED else -end.si_status
                return f"\n  the server has gone: it ended with {exit_words(status)}"
            time.sleep(0.005)
        return ""

    def _children(self) -> list:
        try:
            with open(f"/proc/{self.process.pid}/task/{self.process.pid}/children",
                      encoding="ascii") as file:
                return [int(pid) for pid in file.read().split()]
        except OSError:     # gone, or a kernel that does not tell
            return []

    def fds(self) -> int:
        """Descriptors that it has open, those of its child processes included."""
        try:
            count = len(os.listdir(f"/proc/{self.process.pid}/fd"))
        except (FileNotFoundError, ProcessLookupError):
            raise Broken(self.gone_words()) from None
        for pid in self._children():
            try:
                count += len(os.listdir(f"/proc/{pid}/fd"))
            except (FileNotFoundError, ProcessLookupError, PermissionError):    # ended, or ending
                pass
        return count

    def unread(self, client) -> int:
        """Bytes of this client that have reached the server's kernel and that it has not read."""
        return self.end_of(client)[1]

    def end_of(self, client) -> tuple:
        """The state of the server's end of a connection, and its bytes unread; (0, 0): gone."""
        return sock_diag.look(self.family, (self.address, self.port), client.sock.getsockname())

    def memory(self) -> int:
        """Bytes of memory of its own (anonymous) that are resident."""
        match = re.search(r"^Anonymous:\s+(\d+) kB", self._proc("smaps_rollup"), re.M)
        return int(match.group(1)) * 1024

    def threads(self) -> int:
        return len(os.listdir(f"/proc/{self.process.pid}/task"))

    def _of_tasks(self, what: str) -> list:
        """A file of /proc for each of its threads, those of its child processes included."""
        found = []
        for pid in (self.process.pid, *self._children()):
            try:
                for task in os.listdir(f"/proc/{pid}/task"):
                    with open(f"/proc/{pid}/task/{task}/{what}", encoding="ascii") as file:
                        found.append(file.read())
            except (FileNotFoundError, ProcessLookupError):     # it has ended meanwhile
                pass
        if not found:
            raise Broken(self.gone_words())
        return found

    def _schedstat(self):
        """Seconds that its threads ran, and that they were ready to run and had to wait."""
        stats = [[int(word) for word in text.split()] for text in self._of_tasks("schedstat")]
        return sum(stat[0] for stat in stats) / 1e9, sum(stat[1] for stat in stats) / 1e9

    def cpu(self) -> float:
        """Seconds of CPU time that it has used, all threads together."""
        return self._schedstat()[0]

    def awake(self) -> float:
        """Seconds in which it ran or wanted to run: a busy machine does not hide a spin."""
        return sum(self._schedstat())

    def sleeps(self) -> bool:
        """Whether all its threads sleep at this moment."""
        return all(text.rsplit(")", 1)[1].split()[0] == "S" for text in self._of_tasks("stat"))

    def wakeups(self) -> int:
        """How often its threads went to sleep so far, of their own will."""
        return sum(int(re.search(r"^voluntary_ctxt_switches:\s+(\d+)", text, re.M).group(1))
                   for text in self._of_tasks("status"))


def before_exec(nofile=0, user=0, blocked=(), ignored=(), terminal=-1,
                closed=(), limits=()):
    """In the child, before it becomes the server. Signals blocked and ignored are inherited."""
    if terminal >= 0:
        fcntl.ioctl(terminal, termios.TIOCSCTTY, 0)
    signal.pthread_sigmask(signal.SIG_BLOCK, blocked)
    for signo in ignored:
        signal.signal(signo, signal.SIG_IGN)
    if nofile:
        resource.setrlimit(resource.RLIMIT_NOFILE, (nofile, nofile))
    for what, value in limits:
        resource.setrlimit(what, (value, value))
    if user:
        _give_outputs(user)
        os.setgroups([])
        os.setgid(user)
        os.setuid(user)
    _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    for fd in closed:
        os.close(fd)


def _give_outputs(user: int):
    """Who may not open its own terminal or pipe can't write to it without waiting."""
    for fd in range(3):
        with contextlib.suppress(OSError):
            if os.isatty(fd) or stat.S_ISFIFO(os.fstat(fd).st_mode):
                os.fchown(fd, user, -1)


def exit_words(status) -> str:
    if status is None:
        return "nothing (it still runs)"
    if status < 0:
        return f"signal {signal.Signals(-status).name}"
    return f"exit status {status}"
