"""What is made to fail, and what each failure may cost. A row a call: to add one takes a minute.

A row names the calls, the errors that their manual pages allow, when they come, and what
"survived" means: what it may cost, and whether a line on stderr must say it. Which stages make a
call is not written here: a session of traffic shows it, and a call that a server makes and that
is neither in a row nor in `NEVER` fails the run.
"""
from __future__ import annotations

import errno
from dataclasses import dataclass

# What a failure may cost.
NOBODY = "nobody"       # every client gets every byte
CLIENT = "client"       # the client whose call failed may be closed
NEWCOMER = "newcomer"   # as many clients as calls failed may be closed before they are served
START = "start"         # a line on stderr, exit status 1, and nothing left open
CHILD = "child"         # a process of several: said; it is replaced, once a second
FATAL = "fatal"         # the server can't go on: a line on stderr, exit status 1

# When it comes: strace's `when=`, which counts the calls of each thread. "always" ends when the
# traffic is over, with strace; what waited must then be served.
ONCE, LATER, AWHILE, NOW_AND_THEN, ALWAYS = "1", "2", "1..5", "3..15+2", "1+"
USUAL = (ONCE, AWHILE, NOW_AND_THEN)
LASTING = USUAL + (ALWAYS,)

DELAY = "delay_enter=20000"     # another thread, or a client, is quicker than usual

# Phases of a server's life: the failing begins with its first call, when it is ready and has two
# clients, or with the signal that stops it.
STARTING, SERVING, STOPPING = "start", "serve", "stop"
WHOLE = "whole"         # all of it: what the preloaded library does


@dataclass(frozen=True)
class Row:
    """One or more calls, and errors that are survived in the same way."""

    calls: str
    errors: str
    cost: str = NOBODY
    says: bool = True           # a line on stderr gives the system's reason
    when: tuple = USUAL
    phase: str = SERVING
    stages: tuple = (1, 99)
    programs: tuple = ()        # all of them
    session: str = "talk"       # see session.py
    args: tuple = ()            # further options of the server
    more: tuple = ()            # further strace options: other calls that fail with it
    only: str = ""              # strace's -P: only calls on this path
    flood: bool = True          # a client sends much before it reads
    reason: str = ""            # the error that the line names, if it is another
    how: str = ""               # strace's inject=, where it is more than the error: DELAY
    why: str = ""               # the reason for an expectation that may surprise


_PREFORK = ("prefork_server",)
_FORK, _THREAD, _WAIT_ALL = ("fork_server",), ("thread_server",), ("select_server", "poll_server")
_CLASSIC = _FORK + _THREAD + _WAIT_ALL
_ALONE = ("echo_server", "chat_server", "http_server", "chargen_server", *_CLASSIC)
IDLE = ("-i", "0.3")
EACH = (ONCE, LATER, "3", "4")
LONG = ("1..30",)       # longer than a call is tried again at once
_READ = "read readv recvfrom recvmsg"
_WRITE = "write writev sendto sendmsg"
_LATE = "accept accept4 read write recvfrom sendto epoll_ctl close"
_READ_FAILS = "ETIMEDOUT ENOMEM ENOBUFS EIO EHOSTUNREACH ENOTCONN"
_WRITE_FAILS = "ETIMEDOUT ENOBUFS ENOMEM EIO EHOSTUNREACH ENETDOWN"
_QUIET = "what a connection fails for is said from v03 on, where there is a log"
_WAIT = "epoll_wait epoll_pwait poll ppoll select pselect6"

ROWS = (
    # -- accept: what fails is retried with the next event ------------------
    Row("accept accept4", "EINTR EAGAIN", says=False),
    Row("accept accept4", "ECONNABORTED EPROTO EPERM EHOSTUNREACH ENETDOWN ENETUNREACH EHOSTDOWN "
        "ENONET ENOPROTOOPT EOPNOTSUPP ETIMEDOUT"),
    Row("accept accept4", "ENOBUFS ENOMEM", when=LASTING),
    Row("accept accept4", "EMFILE ENFILE", when=LASTING, stages=(1, 5)),
    Row("accept accept4", "EMFILE ENFILE", NEWCOMER, when=LASTING, stages=(6, 99), says=False,
        why="the spare descriptor is given up to accept the client and close it, and that is said"),
    Row("accept4", "EMFILE", NEWCOMER, stages=(6, 99), says=False,
        more=("socket:error=EMFILE:when=1..3",),
        why="the spare descriptor can't be had back at once"),
    Row("accept accept4", "ECONNABORTED EMFILE ENOBUFS", NEWCOMER, says=False, phase=STOPPING),
    Row("accept4", "ECONNABORTED EINTR", NEWCOMER, says=False, when=(ONCE, LATER, "3"),
        phase=STOPPING, session="crowd", stages=(9, 99), programs=("echo_server",),
        why="one client is gone; those behind it in the queue are still to be answered"),

    # -- reading and writing ------------------------------------------------
    Row(_READ, "EINTR", says=False),
    Row(_READ, "EAGAIN", CLIENT, says=False, stages=(1, 6),
        why="no blocking socket without a time limit says so; a server may take it as any error"),
    Row(_READ, "EAGAIN", says=False, stages=(7, 99)),
    Row(_READ, "ECONNRESET", CLIENT, says=False,
        why="that a client has gone is no news without -v"),
    Row(_READ, "ECONNRESET", CLIENT, when=(ONCE,), args=("-v",), stages=(3, 99)),
    Row(_READ, _READ_FAILS, CLIENT, says=False, stages=(1, 2), why=_QUIET),
    Row(_READ, _READ_FAILS, CLIENT, stages=(3, 99)),
    Row(_WRITE, "EINTR", says=False),
    Row(_WRITE, "EAGAIN", CLIENT, says=False, stages=(1, 6),
        why="no blocking socket without a time limit says so; a server may take it as any error"),
    Row(_WRITE, "EAGAIN", says=False, stages=(7, 99)),
    Row(_WRITE, "EPIPE ECONNRESET", CLIENT, says=False,
        why="that a client has gone is no news without -v"),
    Row(_WRITE, "EPIPE ECONNRESET", CLIENT, when=(ONCE,), args=("-v",), stages=(3, 99)),
    Row(_WRITE, _WRITE_FAILS, CLIENT, says=False, stages=(1, 2), why=_QUIET),
    Row(_WRITE, _WRITE_FAILS, CLIENT, stages=(3, 99)),
    Row(_READ, "EINTR EAGAIN", says=False, phase=STOPPING),
    Row(_WRITE, "EINTR EAGAIN", says=False, phase=STOPPING),
    Row(_READ, "ENOMEM EIO", CLIENT, says=False, phase=STOPPING),
    Row(_WRITE, "EPIPE ENOMEM", CLIENT, says=False, phase=STOPPING),

    # -- waiting --------------------------------------------------------------
    Row(_WAIT, "EINTR", says=False),
    Row("poll ppoll select pselect6", "ENOMEM", when=(ONCE, AWHILE, "3..15+3"),
        why="every other call would be each that waits: those between may be the rests"),
    Row(_WAIT, "EINTR", says=False, phase=STOPPING),
    Row("epoll_wait epoll_pwait", "EINVAL", FATAL, when=(ONCE, "3"), programs=_ALONE,
        why="at 3 it is a thread for clients that fails, not the main one"),
    Row("poll ppoll select pselect6", "EINVAL", programs=_WAIT_ALL,
        why="said, and tried again after a rest, as whatever else it says"),
    Row("epoll_ctl", "ENOMEM ENOSPC", CLIENT, when=LASTING),
    Row("epoll_ctl", "ENOMEM", CLIENT, says=False, phase=STOPPING),

    # -- the ends of connections ------------------------------------------------
    Row("shutdown", "ENOTCONN ENOBUFS", CLIENT, says=False),
    Row("shutdown", "ENOTCONN ENOBUFS", CLIENT, says=False, phase=STOPPING,
        programs=tuple({*_ALONE, *_PREFORK} - {*_THREAD})),
    Row("shutdown", "ENOTCONN ENOBUFS", says=False, phase=STOPPING, when=(ONCE,), programs=_THREAD,
        why="the listener's; a client that is not connected is not waited for either"),

    # -- descriptors that are not sockets -----------------------------------------
    Row("timerfd_settime", "ECANCELED EINVAL ENOMEM", NEWCOMER, session="idle", args=IDLE,
        stages=(10, 99), programs=("echo_server",)),
    Row("read", "EINTR EAGAIN", says=False, session="idle", args=IDLE, stages=(10, 99),
        programs=("echo_server",)),
    Row("timerfd_settime", "ECANCELED EINVAL", CLIENT, says=False, phase=STOPPING),
    Row("timerfd_settime", "ENOMEM", NEWCOMER, when=LONG, session="idle", args=IDLE,
        stages=(10, 99), programs=("echo_server",)),
    Row("timerfd_settime", "ENOMEM", CLIENT, when=LONG, phase=STOPPING, session="unread",
        stages=(10, 99), programs=("echo_server",)),
    Row("write", "EAGAIN", says=False, when=LONG, stages=(9, 99), programs=("echo_server",)),

    Row("getsockopt", "ENOBUFS", session="idle", args=IDLE, says=False, stages=(10, 99),
        programs=("echo_server",), why="a client of whom it can't be told is looked at again"),

    # -- memory that the kernel refuses -------------------------------------------
    Row("mmap mremap", "ENOMEM", NEWCOMER, says=False, when=(ONCE, AWHILE)),
    Row("brk", "ENOMEM", NEWCOMER, says=False, when=(ONCE, AWHILE), how="retval=0",
        why="it reports a failure by an end that is lower than was asked for; an error number "
            "looks like a high one, and the C library would use memory that is not there"),
    Row("mmap", "ENOMEM", NEWCOMER, says=False, when=(ALWAYS,),
        more=("brk:retval=0:when=1+", "mremap:error=ENOMEM:when=1+")),

    # -- time ---------------------------------------------------------------------------
    Row("clock_nanosleep nanosleep", "EINTR", says=False, args=("-d", "2"), flood=False,
        stages=(7, 99), programs=("echo_server", "http_server")),
    Row(_LATE, "late", says=False, how=DELAY, when=("1..8",),
        why="nothing fails: things happen in another order"),
    Row(_LATE, "late", says=False, how=DELAY, when=("1..8",), phase=STOPPING),

    # -- processes -------------------------------------------------------------------
    Row("clone clone3 fork vfork", "EAGAIN ENOMEM", when=(ONCE, "1..2"), session="child_dies",
        programs=_PREFORK),
    Row("clone clone3 fork vfork", "EAGAIN ENOMEM", NEWCOMER, when=LASTING, programs=_FORK),
    Row("clone clone3", "EAGAIN EPERM", NEWCOMER, when=LASTING, programs=_THREAD),
    Row("clone clone3", "ENOMEM", NEWCOMER, when=LASTING, programs=_THREAD, reason="EAGAIN",
        why="pthread_create(3) reports it so"),
    Row("wait4 waitid", "EINTR", says=False, session="child_dies", when=(ONCE, "1..2"),
        programs=_PREFORK),
    Row("rt_sigtimedwait", "EINTR EAGAIN", says=False, session="child_dies", when=(ONCE, AWHILE),
        programs=_PREFORK),
    Row("wait4 rt_sigtimedwait", "EINTR", says=False, phase=STOPPING),
    Row("kill", "EPERM", when=EACH, phase=STOPPING, programs=_PREFORK),
    Row("wait4", "ECHILD", when=(*EACH, "5"), phase=STOPPING, programs=_PREFORK),

    # -- the start: nothing is retried ----------------------------------------------
    Row("socket", "EACCES EAFNOSUPPORT EINVAL EMFILE ENFILE ENOBUFS ENOMEM EPROTONOSUPPORT", START,
        when=(ONCE,), phase=STARTING),
    Row("socket", "EMFILE ENFILE ENOBUFS ENOMEM", START, when=(LATER,), phase=STARTING,
        stages=(6, 99), programs=_ALONE, why="the second is the spare descriptor"),
    Row("setsockopt", "ENOPROTOOPT ENOMEM ENOBUFS", START, when=(ONCE, LATER), phase=STARTING),
    Row("bind", "EACCES EADDRINUSE EADDRNOTAVAIL ENOMEM", START, when=(ONCE,), phase=STARTING),
    Row("listen", "EADDRINUSE EOPNOTSUPP", START, when=(ONCE,), phase=STARTING),
    Row("getsockname", "ENOBUFS", START, when=(ONCE,), phase=STARTING),
    Row("write", "EIO ENOSPC EPIPE", START, when=(ONCE,), phase=STARTING),
    Row("sendto", "EPIPE ENOBUFS", START, when=(ONCE,), phase=STARTING,
        why="standard output may be a socket"),
    Row("openat", "EMFILE ENFILE ENOMEM EACCES", when=(ONCE,), phase=STARTING, says=False,
        only="/dev/null", why="only who starts it with a closed standard descriptor needs it"),
    Row("openat", "EMFILE EACCES ENXIO", when=(ONCE,), phase=STARTING, says=False,
        only="/proc/self/fd/2", stages=(3, 99),
        why="messages then go out when poll(2) says that there is room"),
    *(Row(calls, errors, cost, when=when, phase=STARTING, programs=programs, only=only)
      for cost, programs in ((START, _ALONE), (CHILD, _PREFORK))
      for calls, errors, when, only in (
          ("epoll_create1", "EMFILE ENFILE ENOMEM", (ONCE, LATER), ""),
          ("epoll_ctl", "ENOMEM ENOSPC", (ONCE, LATER, "3", "4"), ""),
          ("signalfd4", "EMFILE ENFILE ENODEV ENOMEM", (ONCE, LATER), ""),
          ("eventfd2", "EMFILE ENFILE ENODEV ENOMEM", (ONCE, LATER), ""),
          ("timerfd_create", "EMFILE ENFILE ENODEV ENOMEM EPERM", (ONCE, LATER), ""))),
    Row("clone3", "EAGAIN EPERM", START, when=(ONCE, LATER), phase=STARTING, programs=_ALONE),
    Row("clone3", "ENOMEM", START, when=(ONCE, LATER), phase=STARTING, programs=_ALONE,
        reason="EAGAIN", why="pthread_create(3) reports it so"),
    Row("clone", "EAGAIN ENOMEM", START, when=(ONCE, LATER), phase=STARTING, programs=_PREFORK),
)

# What the preloaded library makes happen, from the first call of `main` on: see preload.c.
ALLOCATION = Row("allocation", "ENOMEM", NEWCOMER, phase=WHOLE,
                 why="said when it costs a connection; what is only wished for may go without")
TIMES = (1, 3)          # so many allocations one after the other fail
AT_STOP = Row("allocation", "ENOMEM", NEWCOMER, phase=STOPPING, session="unread", stages=(10, 99),
              why="who waits for a client that does not read must still end in time")
STOP_ALLOCATIONS = 3    # more than a stop makes
LIBRARY = (
    (Row("reads and writes of a socket", "at most 1 byte", says=False, phase=WHOLE, flood=False),
     "FAULT_SHORT", "1"),
    (Row("reads and writes of a socket", "at most 7 bytes", says=False, phase=WHOLE),
     "FAULT_SHORT", "7"),
    (Row("reads and writes of a socket", "at most 1,000 bytes", says=False, phase=WHOLE),
     "FAULT_SHORT", "1000"),
    (Row("close, having closed", "EINTR", says=False, phase=WHOLE), "FAULT_CLOSE",
     str(errno.EINTR)),
    (Row("close, having closed", "EIO", says=False, phase=WHOLE), "FAULT_CLOSE",
     str(errno.EIO)),
)

# Calls that servers make and that no row is for, each with the reason.
_NO_ERROR = "takes no more than valid arguments, which it has: nothing outside can make it fail"
_HARMLESS = "only advice, or only asked of the kernel by the C library, which copes"
_MEMORY = "the C library's, for memory: see the table of failing allocations"
NEVER = {
    "close": "would leave a descriptor open if it failed here; see FAULT_CLOSE in preload.c",
    "rt_sigaction": _NO_ERROR, "rt_sigprocmask": _NO_ERROR, "rt_sigreturn": _NO_ERROR,
    "getpid": _NO_ERROR, "getppid": _NO_ERROR, "setitimer": _NO_ERROR, "setpgid": _NO_ERROR,
    "prctl": _NO_ERROR, "exit": _NO_ERROR, "exit_group": _NO_ERROR,
    "restart_syscall": _NO_ERROR, "gettid": _NO_ERROR,
    "ioctl": "FIONREAD, TIOCOUTQ: " + _NO_ERROR,
    "set_robust_list": _HARMLESS, "rseq": _HARMLESS, "madvise": _HARMLESS,
    "futex": "the C library's: it ends the program itself when futex fails in another way than it "
             "knows, and handles those",
    "mprotect": _MEMORY, "munmap": _MEMORY,
    "getrandom": _HARMLESS, "lseek": _HARMLESS, "newfstatat": _HARMLESS, "fstat": _HARMLESS,
    "openat": "while it serves: the time zone, and the spare descriptor, which has its own row",
}
