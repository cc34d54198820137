"""Limits for programs that strangers wrote: processes, memory, files, and an ordinary user."""
from __future__ import annotations

import contextlib
import os
import resource
import signal
import threading

from harness.server import _prctl

PROCESSES = 128             # and threads
FORKING = 2000              # where each of a thousand clients has one
MEMORY = 1 << 30            # bytes that a server and its children may hold
ADDRESSES = 16 << 30        # bytes that a process may ask for: a thousand threads have stacks
FILE = 64 << 20             # bytes of a file
FIRST_USER, USERS = 61000, 3000     # nobody's: where root checks, each worker has its own
LOOK = 0.1                  # seconds between two looks at the memory
MANY = 64                   # processes left behind at the end of a check: worth a word
_PR_SET_CHILD_SUBREAPER = 36


def user() -> int:
    """Who runs the programs when root checks; 0: who checks."""
    return FIRST_USER + os.getpid() % USERS if os.geteuid() == 0 else 0


def limits(memory: int = ADDRESSES, processes: int = PROCESSES) -> tuple:
    """For setrlimit(2), in the child."""
    if not user():
        processes += _tasks_of(os.geteuid())
    wanted = ((resource.RLIMIT_NPROC, processes), (resource.RLIMIT_DATA, memory),
              (resource.RLIMIT_FSIZE, FILE), (resource.RLIMIT_CORE, 0))
    return tuple((what, value if hard == resource.RLIM_INFINITY else min(value, hard))
                 for what, value in wanted for hard in [resource.getrlimit(what)[1]])


def _tasks_of(uid: int) -> int:
    """Threads of all the user's processes: RLIMIT_NPROC counts those too."""
    count = 0
    for pid in filter(str.isdigit, os.listdir("/proc")):
        with contextlib.suppress(OSError):
            if os.stat(f"/proc/{pid}").st_uid == uid:
                count += len(os.listdir(f"/proc/{pid}/task"))
    return count


def how(given: dict, processes: int = PROCESSES) -> dict:
    """What `Server` is given besides: a check's own limits and user come first."""
    own = dict(given.get("limits", ()))
    more = tuple(pair for pair in limits(processes=processes) if pair[0] not in own)
    return {**given, "user": given.get("user") or user(),
            "limits": (*given.get("limits", ()), *more)}


def adopt():
    """Become the parent of all whose own parent ends: so none of them gets away."""
    _prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def children(pid) -> list:
    """The processes below one, nearest first."""
    found = []
    for task in _list(f"/proc/{pid}/task"):
        with contextlib.suppress(OSError), open(f"/proc/{pid}/task/{task}/children",
                                                encoding="ascii") as file:
            found += [int(word) for word in file.read().split()]
    return found


def _list(folder) -> list:
    try:
        return os.listdir(folder)
    except OSError:
        return []


def _below(pid) -> list:
    found, waiting = [], [pid]
    while waiting:
        new = children(waiting.pop())
        found += new
        waiting += new
    return found


class Watch(threading.Thread):
    """Ends what this process has started when it holds too much memory."""

    def __init__(self, memory: int = MEMORY):
        super().__init__(daemon=True)
        self.memory = memory
        self.words = ""
        self._done = threading.Event()

    def run(self):
        while not self._done.wait(LOOK):
            held = {pid: _held(pid) for pid in _below(os.getpid())}
            if sum(held.values()) > self.memory and sum(map(_share, held)) > self.memory:
                self.words = (f"the server held more than {self.memory >> 20:,} MiB of memory, "
                              "and was ended")
                _end(held)

    def stop(self) -> str:
        """No look any more; a word if something was ended."""
        self._done.set()
        self.join()
        return self.words


def _held(pid) -> int:
    with contextlib.suppress(OSError, IndexError), open(f"/proc/{pid}/statm",
                                                        encoding="ascii") as file:
        return int(file.read().split()[1]) * resource.getpagesize()
    return 0


def _share(pid) -> int:
    """The same, but of a page that n processes have in common only an n-th: what fork(2) copied."""
    with contextlib.suppress(OSError), open(f"/proc/{pid}/smaps_rollup", encoding="ascii") as file:
        return sum(int(line.split()[1]) << 10 for line in file if line.startswith("Pss:"))
    return _held(pid)


def _end(pids):
    """Stop them all before any is killed: who is stopped counts, so that no other can begin."""
    for sign in (signal.SIGSTOP, signal.SIGKILL):
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, sign)


def may_read(path) -> bool:
    """Whether the user that runs strangers' programs can read the file."""
    child = os.fork()
    if child == 0:
        with contextlib.suppress(OSError):
            os.setgroups([])
            os.setgid(user())
            os.setuid(user())
            open(path, "rb").close()
            os._exit(0)
        os._exit(1)
    return os.waitpid(child, 0)[1] == 0


def sweep() -> str:
    """End all that this process has started and that still runs; a word where that is much."""
    left = _below(os.getpid())
    words = (f"{len(left)} processes were running at the end, and were ended: does the server "
             "start one after the other?") if len(left) > MANY else ""
    if words and user():
        _end_all_of(user())
    stopped = set()
    while left := [pid for pid in _below(os.getpid()) if pid not in stopped]:
        for pid in left:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGSTOP)
        stopped.update(left)
    _end(stopped)
    for pid in stopped:
        with contextlib.suppress(ChildProcessError):    # a grandchild becomes ours
            os.waitpid(pid, 0)
    return words


def _end_all_of(uid: int):
    """One system call ends all the user's processes, while these may still begin others."""
    child = os.fork()
    if child == 0:
        with contextlib.suppress(OSError):
            os.setgid(uid)
            os.setuid(uid)
            os.kill(-1, signal.SIGKILL)
        os._exit(0)
    os.waitpid(child, 0)
