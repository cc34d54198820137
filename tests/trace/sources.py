"""What the sources of a stage say about its functions: where they are, and where they call."""
from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path

import paths    # noqa: F401  makes the next import possible
import c_text

CALL = re.compile(r"\b([A-Za-z_]\w*)\s*\(")
NO_CALLS = {"if", "while", "for", "switch", "return", "sizeof", "do", "else"}
# A call through a function pointer: handler->on_open(, task->run(, (*compare)(
POINTER = re.compile(r"(?:->|\.)\s*(\w+)\s*\(|\(\s*\*\s*(\w+)\s*\)\s*\(")
WORD = re.compile(r"\b[A-Za-z_]\w+\b")
TRIVIAL = re.compile(r"^\s*return [^;]*;\s*$")


@dataclass(frozen=True)
class Function:
    """A function of a stage, and the lines it has in its file."""

    name: str
    file: str
    line: int
    head: str           # its declaration, in one line
    body: tuple         # (line number, text) of each line between its braces

    @property
    def part(self) -> str:
        """The file without its suffix: a part is a header and a source."""
        return self.file.rsplit(".", 1)[0]

    @property
    def type(self) -> str:
        words = self.head.split(self.name + "(")[0]
        return re.sub(r"\b(static|inline|extern|_Noreturn)\b", "", words).strip()

    @property
    def is_trivial(self) -> bool:
        """Whether it only returns what it reads from somewhere."""
        text = " ".join(text for _, text in self.body if text.strip())
        return bool(TRIVIAL.match(text)) and not names_called(text)


def names_called(text: str) -> list:
    return [name for name in CALL.findall(text) if name not in NO_CALLS]


class Sources:
    """The functions that one program of a stage is made of."""

    def __init__(self, folder, program: str):
        self.folder = Path(folder)
        self.texts = {path.name: path.read_text(encoding="utf-8")
                      for path in sorted(self.folder.glob("*.[ch]"))
                      if self._belongs(path.name, program)}
        self.functions = {}
        for file, text in self.texts.items():
            for function in functions_of(file, text):
                self.functions[function.name] = function

    @staticmethod
    def _belongs(name: str, program: str) -> bool:
        stem = name.rsplit(".", 1)[0]
        return stem == program or not stem.endswith("_server") or stem == "tcp_server"

    @property
    def parts(self) -> set:
        return {name.rsplit(".", 1)[0] for name in self.texts}

    def part_of(self, name: str) -> str:
        function = self.functions.get(name)
        return function.part if function else ""

    @cached_property
    def words(self) -> set:
        """Every name in the code: functions, members, constants, and what they call."""
        return set().union(*(WORD.findall(c_text.code_only(text))
                             for text in self.texts.values()))

    def call_line(self, caller: str, callee: str, after: int = 0):
        """The line in the caller that makes the call: the first at or after `after` that names
        the callee, else one that calls a function pointer; None when there is none."""
        function = self.functions.get(caller)
        if not function:
            return None
        return (self._find(function, after, lambda text: callee in names_called(text))
                or self._find(function, after, POINTER.search))

    @staticmethod
    def _find(function: Function, after: int, test):
        """The first such line from `after` on, else from the top: a loop has begun again."""
        found = [line for line, text in function.body if test(text)]
        return next((line for line in found if line >= after), found[0] if found else None)


@lru_cache(maxsize=None)
def functions_of(file: str, text: str) -> tuple:
    lines = c_text.code_only(text).splitlines()
    found = []
    for name, first, count in c_text.functions(text):
        opened = next(i for i in range(first, first + count) if lines[i - 1].rstrip() == "{")
        head = " ".join(line.strip() for line in lines[first - 1:opened - 1])
        body = tuple((i, lines[i - 1]) for i in range(opened + 1, first + count - 1))
        found.append(Function(name, file, first, head, body))
    return tuple(found)
