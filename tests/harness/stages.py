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
PROGRAMS = {"echo_server": (1, 99), "select_server": (2, 2), "poll_server": (2, 2),
            "http_server": (7, 99), "prefork_server": (8, 99),
            "chargen_server": (9, 99)}


ALL = tuple(PROGRAMS)


@dataclass(frozen=True)
class Option:
    """An option of the command line, and values that must be refused."""

    flag: str
    since: int
    good: str
    bad: tuple
    programs: tuple = ("echo_server", "select_server", "poll_server")


_ALL_BUT_CHARGEN = tuple(name for name in ALL if name != "chargen_server")
_MESSAGES = ("echo_server", "select_server", "poll_server", "prefork_server")
_THREADS = ("echo_server", "http_server", "chargen_server")
_NOT_A_NUMBER = ("", "x", " 1", "1 ", "12x", "0x10", "-1", "1e3", "99999999999999999999")
OPTIONS = (
    Option("-a", 1, "127.0.0.1", ("", "localhost", "256.1.1.1", "127.0.0.1x", "1.2.3"),
           ALL),
    Option("-p", 1, "0", _NOT_A_NUMBER + ("65536", "4294967376"), ALL),
    Option("-c", 6, "10", _NOT_A_NUMBER, _THREADS),
    Option("-f", 7, "line", ("", "lines", "rawx", "l"), _MESSAGES),
    Option("-m", 7, "1000", _NOT_A_NUMBER + ("0", "1073741825"), _MESSAGES),
    Option("-b", 7, "1000", _NOT_A_NUMBER, _ALL_BUT_CHARGEN),
    Option("-d", 7, "1", _NOT_A_NUMBER + ("1.5",), _ALL_BUT_CHARGEN),
    Option("-n", 8, "2", ("", "0", "x"), ("prefork_server",)),
    Option("-t", 8, "1", _NOT_A_NUMBER, _THREADS),
    Option("-w", 8, "1", _NOT_A_NUMBER, ("echo_server", "http_server")),
    Option("-i", 10, "1.5", ("", "x", " 1", "12x", "-1", "86401", "nan", "inf", "1e9"), ALL),
)


@dataclass(frozen=True)
class Stage:
    """One stage's folder, or a wrong server that claims to be of that stage."""

    number: int
    name: str
    folder: Path
    env: tuple = field(default=())

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
