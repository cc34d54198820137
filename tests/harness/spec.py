"""What is promised, and from which stage: the rows, and the marks that checks carry.

A check is a method of a `Check` class with one of two marks:

    @promise("echo", "1-")                 the stages from 1 on keep this
    @limitation("ipv6", "1-2", "...")      these stages do not, and the check shows it

Stages are written `1-`, `2-5`, `7` or a list of those with commas. Where a program keeps a
promise that the other programs of its stage do not, `also` names both, and the row:

    @promise("many", "2-", ECHO, also=("fork", "1", FORKING))
"""
from __future__ import annotations

import functools
from dataclasses import dataclass

from harness.stages import has_threads

FORKING = ("fork_server", "thread_server")
ECHO = ("echo_server", *FORKING, "select_server", "poll_server", "prefork_server")
EVERY = ECHO + ("http_server",)
CHAT = ("chat_server",)
CHARGEN = ("chargen_server",)
EACH = EVERY + CHAT + CHARGEN       # also who talks without being asked
ONLY_ECHO = ("echo_server",)
ONLY_HTTP = ("http_server",)


@dataclass(frozen=True)
class Row:
    """One behaviour: a line of the table in the top README."""

    id: str
    words: str


ROWS = (
    Row("ready", "says when it is ready, on which address and port"),
    Row("messages", "nothing but that on stdout; messages on stderr, under its name"),
    Row("stop", "SIGINT and SIGTERM stop it within a second, at any moment"),
    Row("stop-stalled", "a stop does not wait for a client that does not read"),
    Row("rebind", "the same port can be listened on again at once"),
    Row("usage", "wrong use: what is wrong and the usage, exit 2"),
    Row("start-failure", "failure at start: call, address and reason, exit 1"),
    Row("help", "`-h` prints the usage"),
    Row("standard", "closed, full or broken stdin, stdout, stderr: no client waits or gets their "
        "bytes"),
    Row("address", "listens on 127.0.0.1 port 8000 unless told otherwise"),
    Row("verbose", "`-v` reports each client that comes and goes"),
    Row("ipv6", "IPv6"),
    Row("echo", "every byte comes back, unchanged and in order"),
    Row("urgent", "urgent bytes (`MSG_OOB`) come back in their places, like all others"),
    Row("half-close", "a client that has finished sending still gets the rest"),
    Row("rude", "a client that resets or vanishes harms only itself"),
    Row("leaks", "no descriptor and no memory is left behind"),
    Row("many", "a silent client delays nobody; 1,000 clients at once"),
    Row("fd-setsize", "`select_server` refuses descriptors beyond `FD_SETSIZE`"),
    Row("fork", "`fork_server`, `thread_server`: many clients, no zombies, a stop ends all"),
    Row("accept-failure", "`accept` fails: said, and no spinning"),
    Row("connection-limit", "`-c N`: at most N connections"),
    Row("descriptors", "out of descriptors: no spinning, newcomers are refused at once"),
    Row("slow-reader", "a client that does not read delays nobody and costs bounded memory"),
    Row("on-close", "`on_open` first, `on_close` last, once each, whatever the cause"),
    Row("own-data", "a program keeps something of its own with each connection"),
    Row("left-out", "a program may leave out every callback but `on_message`"),
    Row("send-to-any", "a callback may send to any connection; from v08 on any thread may"),
    Row("high-water", "a reader too slow for what is pushed to it: told once, may be closed"),
    Row("message", "messages: `-f line` and `-f length`, echoed once whole"),
    Row("too-long", "a message over `-m` is refused, after the replies before it"),
    Row("unfinished", "an unfinished message is dropped, those before it are answered"),
    Row("cost", "two system calls for a message, besides waiting"),
    Row("idle-memory", "an idle connection holds no buffer memory"),
    Row("handler-time", "`-d`: the handler's time; a stop after the message in hand"),
    Row("units", "the parts that sockets can't reach well, checked from C"),
    Row("chat", "`chat_server`: each line to all others; who came, who left, in one order"),
    Row("chat-slow", "`chat_server`: a member who does not read is dropped, and delays nobody"),
    Row("http", "`http_server`: GET and HEAD over HTTP/1.0 and 1.1"),
    Row("http-limits", "`http_server`: refuses what is wrong, too long or not offered"),
    Row("cores", "connections are spread over several threads"),
    Row("slow-handler", "a slow handler delays only its own connection"),
    Row("order", "replies on one connection keep the order of its messages"),
    Row("asleep", "asleep when idle: no thread wakes up"),
    Row("drain", "a stop answers first what has been read, for three seconds at most"),
    Row("idle-eviction", "a silent client is closed after a while"),
    Row("counts", "SIGUSR1: how many connections, messages, bytes, wake-ups"),
    Row("prefork", "`prefork_server`: processes that share a port and are replaced"),
    Row("chargen", "`chargen_server`: RFC 864, one buffer for a slow reader"),
)
ROW_IDS = {row.id: row for row in ROWS}


# Running under a tool costs minutes. Left out is what comes to its end before there is anything
# to look at; and, for data races, what has one thread, or nothing but a start.
NO_THREADS = ("usage", "help", "address", "start-failure", "rebind", "ipv6", "cost", "ready",
              "idle-memory", "http-limits", "http", "descriptors", "message", "too-long",
              "unfinished", "handler-time", "accept-failure")
LEFT_OUT = {"valgrind": ("usage", "help", "address", "ready", "rebind", "ipv6", "verbose",
                         "messages"),
            "helgrind": NO_THREADS, "tsan": NO_THREADS}


@dataclass(frozen=True)
class Spec:
    """The mark on a check."""

    row: str
    stages: str
    programs: tuple
    limit: str = ""        # for a limitation: what is shown, in words for the README
    exclusive: bool = False
    modes: tuple = ("plain", "valgrind", "sanitize", "helgrind", "tsan")
    also: tuple = ()       # (row, stages, programs), for programs ahead of their stage

    def row_of(self, stage: int, program: str) -> str:
        """The row that the check belongs to for this program; empty when it is not for it."""
        if program in self.programs and includes(self.stages, stage):
            return self.row
        if self.also:
            row, stages, programs = self.also
            if program in programs and includes(stages, stage):
                return row
        return ""

    def all_programs(self) -> tuple:
        """The programs that the check is for, at one stage or another."""
        return tuple(dict.fromkeys(self.programs + (self.also[2] if self.also else ())))

    def applies(self, stage: int, program: str, mode: str) -> bool:
        if mode in ("helgrind", "tsan") and not has_threads(stage, program):
            return False
        if mode == "helgrind" and program == "prefork_server":      # its processes have one thread
            return False
        row = self.row_of(stage, program)
        return bool(row) and mode in self.modes and self.row not in LEFT_OUT.get(mode, ())


def includes(stages: str, number: int) -> bool:
    """Whether the list `stages`, such as `1-7,9-`, names the stage."""
    for part in stages.split(","):
        first, dash, last = part.partition("-")
        low = int(first)
        high = (int(last) if last else 99) if dash else low
        if low <= number <= high:
            return True
    return False


def _mark(spec: Spec):
    for row in (spec.row, *spec.also[:1]):
        if row not in ROW_IDS:
            raise ValueError(f"no row {row!r} in harness/spec.py")

    def wrap(function):
        @functools.wraps(function)
        def check(self):
            try:
                function(self)
            except BaseException:
                self.broken = True
                raise
        check.spec = spec
        return check
    return wrap


def promise(row: str, stages: str, programs: tuple = ECHO, **more):
    """The stages keep this promise."""
    return _mark(Spec(row, stages, programs, **more))


def limitation(row: str, stages: str, shows: str, programs: tuple = ONLY_ECHO, **more):
    """The stages do not keep it yet; `shows` says what happens instead."""
    return _mark(Spec(row, stages, programs, limit=shows, **more))
