"""The calls that a trace holds, as a tree for each thread."""
from __future__ import annotations

import json
import re
from dataclasses import dataclass, field

EVENTS = ((0x1, "EPOLLIN"), (0x4, "EPOLLOUT"), (0x8, "EPOLLERR"), (0x10, "EPOLLHUP"),
          (0x2000, "EPOLLRDHUP"), (0x10000000, "EPOLLEXCLUSIVE"), (0x40000000, "EPOLLONESHOT"),
          (0x80000000, "EPOLLET"))
OPERATIONS = {"1": "EPOLL_CTL_ADD", "2": "EPOLL_CTL_DEL", "3": "EPOLL_CTL_MOD"}
DIRECTIONS = {"0": "SHUT_RD", "1": "SHUT_WR", "2": "SHUT_RDWR"}

# Of the system calls: which arguments are shown. The others are pointers.
NUMBERS = {
    "accept": "1", "accept4": "1", "bind": "1", "close": "1", "epoll_create1": "",
    "epoll_ctl": "1,2,3", "epoll_wait": "1,3,4", "eventfd": "", "eventfd_read": "1",
    "eventfd_write": "1,2", "getsockname": "1", "getsockopt": "1", "ioctl": "1", "listen": "1,2",
    "nanosleep": "", "poll": "", "read": "1,3", "recv": "1,3", "select": "1", "send": "1,3",
    "setsockopt": "1", "shutdown": "1,2", "signalfd": "1", "sigprocmask": "", "socket": "",
    "timerfd_create": "", "timerfd_settime": "1", "usleep": "1", "write": "1,3", "writev": "1,3",
    "sendmsg": "1", "recvmsg": "1", "readv": "1,3", "fork": "", "waitpid": "1", "kill": "1,2",
}
# Not system calls by themselves, but how threads wait for each other.
THREADS = {"pthread_cond_wait", "pthread_cond_signal", "pthread_cond_broadcast",
           "pthread_create", "pthread_join"}
LOCKS = {"pthread_mutex_lock", "pthread_mutex_unlock"}
SYSTEM = set(NUMBERS) | THREADS | LOCKS
# In these a thread may wait for as long as it likes.
WAITS = {"epoll_wait", "pthread_cond_wait", "pthread_join", "accept", "read", "poll", "select"}


@dataclass(eq=False)
class Call:
    """One call of a function of the stage, or of the C library."""

    name: str
    thread: int
    start: int                      # nanoseconds of the monotonic clock
    end: float = float("inf")
    arguments: str = ""
    result: str = ""
    caller: "Call | None" = None
    calls: list = field(default_factory=list)

    @property
    def system(self) -> bool:
        return self.name in SYSTEM

    @property
    def depth(self) -> int:
        return self.caller.depth + 1 if self.caller else 0

    def all(self):
        """The call and all calls under it, in the order in which they began."""
        yield self
        for call in self.calls:
            yield from call.all()


def options_for(functions) -> list:
    """The options of uftrace record for arguments and results, for these functions."""
    wanted, results = [], []
    for name, numbers in NUMBERS.items():
        if numbers:
            wanted.append(f"{name}@" + ",".join(f"arg{n}/i32" for n in numbers.split(",")))
        results.append(f"{name}@retval/i32")
    for function in functions:
        kind = {"bool": "u8", "int": "i32", "size_t": "i64", "ssize_t": "i64"}.get(function.type)
        if kind:
            results.append(f"{function.name}@retval/{kind}")
        place = events_place(function)
        if place:
            wanted.append(f"{function.name}@arg{place}/u32")
    return ["-A", ";".join(wanted), "-R", ";".join(results)]


def events_place(function) -> int:
    """The number of the argument that holds events of epoll; 0: none."""
    arguments = function.head.split("(", 1)[-1].split(",")
    return next((i for i, text in enumerate(arguments, 1)
                 if re.search(r"\buint32_t events\b", text)), 0)


def event_words(text: str) -> str:
    number = int(text, 0)
    return " | ".join(word for bit, word in EVENTS if number & bit) or "0"


class Reader:
    """Builds the trees from what `uftrace dump --chrome` writes."""

    def __init__(self, functions: dict):
        self.functions = functions
        self.threads, self.open = {}, {}

    def read(self, text: str) -> dict:
        """Return {thread's number: its outermost calls}."""
        for event in json.loads(text)["traceEvents"]:
            thread = event.get("tid", event["pid"])
            if event["name"].startswith("linux:"):
                continue
            if event["ph"] == "B":
                self._begin(event, thread)
            elif event["ph"] == "E":
                self._end(event, thread)
        return self.threads

    def _begin(self, event: dict, thread: int):
        stack = self.open.setdefault(thread, [])
        caller = stack[-1] if stack else None
        call = Call(event["name"], thread, round(event["ts"] * 1000), caller=caller)
        words = event.get("args", {}).get("arguments", "()")
        call.arguments = self._arguments(call.name, words.strip("()"))
        (caller.calls if caller else self.threads.setdefault(thread, [])).append(call)
        stack.append(call)

    def _end(self, event: dict, thread: int):
        stack = self.open.get(thread, [])
        if not any(call.name == event["name"] for call in stack):
            return
        while stack:
            call = stack.pop()
            call.end = round(event["ts"] * 1000)
            if call.name == event["name"]:
                break
        call.result = self._result(call, event.get("args", {}).get("retval", ""))

    def _arguments(self, name: str, words: str) -> str:
        if not words:
            return ""
        if name in self.functions:
            return event_words(words)
        values = words.split(", ")
        if name == "epoll_ctl":
            values[1] = OPERATIONS.get(values[1], values[1])
        if name == "shutdown":
            values[1] = DIRECTIONS.get(values[1], values[1])
        return ", ".join(values)

    def _result(self, call: Call, value: str) -> str:
        function = self.functions.get(call.name)
        if function and function.type == "bool" and value:
            return "true" if int(value, 0) & 0xff else "false"
        return value
