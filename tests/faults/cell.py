"""One run: a server, a failure, its traffic, and whether it was survived."""
from __future__ import annotations

import errno
import os
import signal
import struct
import time
from dataclasses import dataclass, replace

from faults import catalogue as cat
from faults.chat import Chat
from faults.inject import Log, Tracer, options
from faults.model import Result
from faults.session import LIMIT, WITH_PROCESS, Session
from harness.modes import PLAIN, Mode
from harness.server import STOP_LIMIT, Broken, Server, exit_words

# A process tries a call that fails each time so often, at most, in so many seconds: after each two
# tries it rests for 10 ms.
MOST_TRIES, WATCH = 80, 0.3

FAMILY = struct.Struct("LLlL")      # of preload.c


@dataclass(frozen=True)
class Traced(Mode):
    """Starts a server under strace, as the server's child, not its parent."""

    options: tuple = ()

    def wrap(self, argv, log):
        return ["strace", "-D", *self.options, *argv]


class Run:
    """A server and what is needed around it."""

    library = ""        # the preloaded one; built once
    usual = {}          # by target, without a failure: allocations not freed, descriptors open

    def __init__(self, target, fault):
        self.target, self.fault, self.row = target, fault, fault.row
        self.log = Log()
        self.report = os.path.join(self.log.folder.name, "report")
        self.session = None
        self.server = None
        self.lost_some = False
        self.lost_words = False     # what it said could not be written

    def result(self):
        result = Result(self.target, self.fault)
        try:
            if self.row.phase == cat.STARTING:
                self._start_fails()
            else:
                self._live()
        except Broken as error:
            result.wrong = str(error).split("\n", maxsplit=1)[0]
        finally:
            for visitor in self.session.visitors if self.session else ():
                visitor.close()
            if self.server:
                result.stderr = self.server.err.text
                result.descriptors = self.server.base_fds
                self.server.kill()
        result.hits = self.log.hits()
        result.calls = frozenset(self.log.calls())
        result.counts = self.counts()
        return result

    def start(self, mode=PLAIN):
        env = (("FAULT_REPORT", self.report), *self.fault.env)
        args = ["-p", "0", *self.target.args, *self.target.more, *self.row.args]
        preload = (("LD_PRELOAD", Run.library),)
        if mode.name == "traced":
            given = [o for name, value in preload for o in ("-E", f"{name}={value}")]
            mode = replace(mode, options=(*given, *mode.options))
            preload = ()
        self.server = Server(self.target.stage.program(self.target.program), args, mode,
                             (*preload, *env, *self.target.stage.env))

    # -- the start ----------------------------------------------------------

    def _start_fails(self):
        fault, row = self.fault, self.row
        words = options(row, fault.call, fault.error, fault.when, self.log.path)
        self.start(Traced("traced", options=tuple(words)))
        if not self._ready_or_gone():
            raise Broken("it neither starts nor ends")
        if row.cost == cat.NOBODY:
            self.server.wait_ready()
            self.open_session()
            self._stop()
            return
        if self.server.alive() and (self.row.cost == cat.CHILD or not self.log.hits()):
            self._stop()
            return
        status = self.server.wait_exit(LIMIT)
        if not self.log.hits():
            return
        if status != 1:
            raise Broken(f"it can't start, and ends with {exit_words(status)}, not with status 1")
        self.check_stderr(said=True)

    def _started(self):
        """False when it has ended at once, as it should."""
        self._ready_or_gone()
        if self.server.alive():
            return True
        status = self.server.wait_exit(LIMIT)
        if status != 1:
            raise Broken(f"it can't start, and ends with {exit_words(status)}, not with status 1")
        self.check_stderr(said=True)
        self.check_memory()
        return False

    def _ready_or_gone(self):
        ready = self.server.out.wait(lambda text: "\n" in text, LIMIT)
        if ready:       # what fails a moment later is a failure at start as well
            until = time.monotonic() + 0.1
            while self.server.alive() and time.monotonic() < until:
                time.sleep(0.01)
        return ready or self.server.process.wait(1) is not None

    # -- while it serves, and when it stops -------------------------------------

    def _live(self):
        self.start()
        if self.fault.losses and not self._started():
            return
        self.server.wait_ready()
        self.open_session()
        stopping, tracer = self.row.phase == cat.STOPPING, None
        if stopping and self.row.session != "talk":
            getattr(self.session, self.row.session)()
        if self.fault.call:
            words = options(self.row, self.fault.call, self.fault.error, self.fault.when,
                            self.log.path)
            tracer = Tracer(self.server, words)
        try:
            if stopping:
                self.arm()
                self._stop()
                self.session.collect()
                self.check_losses()
                return
            name = "queue" if self.fault.when == cat.ALWAYS else self.row.session
            getattr(self.session, name)()
            if self.fault.when == cat.ALWAYS:
                self.expect_rests()
        finally:
            if tracer:
                tracer.stop()
        if self.row.cost == cat.FATAL and self.log.hits():
            self._ended()
        else:
            self.after()

    def open_session(self):
        """The elders come."""
        number, echo = self.target.stage.number, self.target.program == "echo_server"
        kind = Chat if self.target.program == "chat_server" else Session
        self.session = kind(self.server, echo and number == 1,
                            echo and number >= 7 and self.row.flood,
                            200_000 if self.row.flood else 20_000, number >= 10)
        self.session.begin()

    def _ended(self):
        status = self.server.wait_exit(LIMIT)
        if status != 1:
            raise Broken(f"it can't go on, and ends with {exit_words(status)}, not with status 1")
        self.check_stderr(said=True)
        self.check_memory()

    def after(self):
        """All is well again."""
        if not self.server.alive():
            raise Broken(self.server.gone_words())
        if not (self.target.program == "chargen_server" and self.fault.env):
            self.expect_asleep()    # that one still fills the sockets, by a few bytes a call
        self.session.after(self.fault.losses)
        self.check_losses()
        self.check_descriptors()
        if self.session.unanswered and not any(h.on == "message" for h in self.log.hits()):
            raise Broken("SIGUSR1: it says nothing")
        self._stop()

    def _stop(self):
        if not self.server.alive():
            raise Broken(self.server.gone_words())
        # Its clients are sent more without end: the drain takes all its time.
        slow = self.target.program == "chargen_server" or self.row.session == "unread"
        endless = 3 if slow else 0
        if not self.fault.name:     # every call is traced, and each costs
            endless = 10
        os.kill(self.server.process.pid, signal.SIGTERM)
        os.kill(self.server.process.pid, signal.SIGCONT)    # see Session.crowd
        try:
            status = self.server.wait_exit(STOP_LIMIT + endless)
        except Broken as error:
            raise Broken(f"SIGTERM: {error}") from None
        if status:
            raise Broken(f"after SIGTERM it ended with {exit_words(status)}")
        self.check_stderr(self.said_wanted())
        self.check_memory()

    # -- what must hold ------------------------------------------------------------

    def check_losses(self):
        """Who may have lost a connection, and did anybody else?"""
        hits, row = self.log.hits(loose=self.fault.when == cat.ALWAYS), self.row
        lost = [v for v in self.session.visitors if v.lost and v.lost != WITH_PROCESS]
        ports = {hit.port for hit in hits}
        if row.cost == cat.CLIENT:
            spare = [v for v in lost if v.port not in ports]
        elif row.cost == cat.NEWCOMER:
            spare = lost[self.fault.losses or len(hits):]
        else:
            spare = lost
        self.lost_some = bool(lost)
        if spare:
            raise Broken(f"a client that was not hit lost its connection: {spare[0].lost}")

    OURS = ("", "socket", "timerfd")    # what must be said when it fails

    def said_wanted(self):
        if self.fault.losses:
            return self.lost_some
        hits = self.log.hits()
        self.lost_words = any(hit.on == "message" for hit in hits)
        return self.row.says and not self.lost_words and \
            any(hit.on in self.OURS for hit in hits)

    def check_stderr(self, said):
        text, name = self.server.err.text, self.server.name
        for line in text.splitlines():
            if not self.lost_words and not line.startswith(name + ": "):
                raise Broken(f"a line on stderr does not begin with `{name}: `: {line!r}")
        if not said:
            return
        reasons = [os.strerror(getattr(errno, self.row.reason or self.fault.error))]
        if self.fault.losses:   # for want of memory, pthread_create(3) says EAGAIN
            reasons.append(os.strerror(errno.EAGAIN))
        if not any(reason in text for reason in reasons):
            raise Broken(f"no line on stderr says `{reasons[0]}`")

    def check_descriptors(self):
        until = time.monotonic() + LIMIT
        usual = max(self.server.base_fds, Run.usual.get(self.target.name, (0, 0))[1])
        while self.server.fds() > usual:
            if time.monotonic() > until:
                raise Broken(f"{self.server.fds() - usual} descriptors are lost")
            time.sleep(0.005)

    def counts(self):
        """Allocations: made, failed, not freed at the end; as the preloaded library has them."""
        try:
            with open(self.report, "rb") as file:
                return FAMILY.unpack(file.read())[:3]
        except FileNotFoundError:
            return (0, 0, 0)

    def arm(self):
        """From now on allocations are counted, and some fail."""
        with open(self.report, "r+b") as file:
            file.seek(FAMILY.size - struct.calcsize("L"))
            file.write(struct.pack("L", 1))

    def check_memory(self):
        left = self.counts()[2]
        usual = Run.usual.get(self.target.name, (left, 0))[0]
        if left > usual:
            raise Broken(f"{left - usual} blocks of memory are lost")

    def expect_rests(self):
        """While it fails for ever, it is not tried for ever. Traced, a server is mostly stopped,
        and what it spends says little; its calls can be counted."""
        before = sum(1 for _ in self.log.lines())
        time.sleep(WATCH)
        calls = sum(1 for _ in self.log.lines()) - before
        if calls > MOST_TRIES * max(1, len(self.server._children())):
            raise Broken(f"it spins: {calls} calls that fail in {WATCH * 1000:.0f} ms")

    def expect_asleep(self):
        """Whoever is connected says nothing: the server sleeps."""
        for seconds, share in ((0.05, 0.4), (0.2, 0.6), (0.5, 0.8)):
            before, start = self._awake(), time.monotonic()
            time.sleep(seconds)
            spent = time.monotonic() - start
            used = max((ran - before.get(task, ran) for task, ran in self._awake().items()),
                       default=0)
            if used <= share * spent:
                return
        raise Broken(f"it spins: awake for {used * 1000:.0f} of {spent * 1000:.0f} ms")

    def _awake(self):
        """Seconds that each thread ran or wanted to run: a busy machine does not hide a spin."""
        spent = {}
        for pid in [self.server.process.pid, *self.server._children()]:
            try:
                for task in os.listdir(f"/proc/{pid}/task"):
                    with open(f"/proc/{pid}/task/{task}/schedstat", encoding="ascii") as file:
                        words = file.read().split()
                    spent[task] = (int(words[0]) + int(words[1])) / 1e9
            except (FileNotFoundError, ProcessLookupError):
                continue
        return spent
