"""The stages: which folders there are, their programs and the options they know."""
from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TESTS = ROOT / "tests"
COURSE = ("v01_socket", "v02_epoll", "v03_classes", "v04_channel", "v05_eventloop",
          "v06_acceptor", "v07_buffer", "v08_threadpool", "v09_wakeup", "v10_timer")

# program: first and last stage that has it
PROGRAMS = {"echo_server": (1, 99), "fork_server": (1, 1), "thread_server": (1, 1),
            "select_server": (2, 2), "poll_server": (2, 2),
            "chat_server": (7, 99), "http_server": (7, 99), "prefork_server": (8, 99),
            "chargen_server": (9, 99)}
ALL = tuple(PROGRAMS)


@dataclass(frozen=True)
class Option:
    """An option of the command line that takes a value, and values that must be refused."""

    flag: str
    since: int
    good: str
    bad: tuple
    programs: tuple = ("echo_server",)


_ALL_BUT_CHARGEN = tuple(name for name in ALL if name != "chargen_server")
_MESSAGES = ("echo_server", "prefork_server")
_ONE_LIMIT = ("echo_server", "chat_server", "http_server", "chargen_server")
_NOT_A_NUMBER = ("", "x", " 1", "1 ", "12x", "0x10", "-1", "1e3", "99999999999999999999")
OPTIONS = (
    Option("-a", 1, "127.0.0.1", ("", "localhost", "256.1.1.1", "127.0.0.1x", "1.2.3"),
           ALL),
    Option("-p", 1, "0", _NOT_A_NUMBER + ("65536", "4294967376"), ALL),
    Option("-c", 6, "10", _NOT_A_NUMBER, _ONE_LIMIT),
    Option("-f", 7, "line", ("", "lines", "rawx", "l"), _MESSAGES),
    Option("-m", 7, "1000", _NOT_A_NUMBER + ("0", "1073741825"), (*_MESSAGES, "chat_server")),
    Option("-b", 7, "1000", _NOT_A_NUMBER, _ALL_BUT_CHARGEN),
    Option("-d", 7, "1", _NOT_A_NUMBER + ("1.5",), _ALL_BUT_CHARGEN),
    Option("-n", 8, "2", ("", "0", "x"), ("prefork_server",)),
    Option("-t", 8, "1", _NOT_A_NUMBER, _ONE_LIMIT),
    Option("-w", 8, "1", _NOT_A_NUMBER, ("echo_server", "chat_server", "http_server")),
    Option("-i", 10, "1.5", ("", "x", " 1", "12x", "-1", "86401", "nan", "inf", "1e9"), ALL),
)
VERBOSE_SINCE = 3       # `-v`, which takes no value; every program has it from then on


def flags(stage: int, program: str) -> list:
    """The options that a program takes at a stage, `-v` among them; `-h` is left out."""
    found = [o.flag for o in OPTIONS if o.since <= stage and program in o.programs]
    return found + (["-v"] if stage >= VERBOSE_SINCE else [])


def has_threads(stage: int, program: str) -> bool:
    """Whether the program has threads, so that a tool for data races has something to watch."""
    return stage >= 8 or program == "thread_server"


@dataclass(frozen=True)
class Stage:
    """One stage's folder, a wrong server that claims to be of that stage, or a reader's copy."""

    number: int
    name: str
    folder: Path
    env: tuple = field(default=())
    guarded: bool = False       # a stranger's code: it runs under limits
    numbers: tuple = ()         # of an exercise: what was drawn, and what the reader foretells
    guesses: tuple = ()

    def promised(self):
        """The programs that a stage of this number has."""
        return [p for p, (first, last) in PROGRAMS.items() if first <= self.number <= last]

    def programs(self):
        """Those of them that have been built."""
        return [p for p in self.promised() if self.program(p).exists()]

    def program(self, name: str) -> Path:
        return self.folder / name


def find_stages(wanted=()):
    """Every stage folder that exists, or those whose name begins with one of `wanted`."""
    found = []
    for folder in sorted(ROOT.glob("v[0-9][0-9]_*")):
        if (folder / "Makefile").exists():
            found.append(Stage(int(folder.name[1:3]), folder.name, folder))
    if not wanted:
        return found
    chosen = []
    for word in wanted:
        name = re.sub(r"/+$", "", word)
        match = [s for s in found if s.name == name or s.name.split("_")[0] == name]
        if not match:
            have = ", ".join(s.name for s in found) or "none"
            raise SystemExit(f"run.py: no stage {word!r}; there are: {have}")
        chosen += [s for s in match if s not in chosen]
    return chosen
