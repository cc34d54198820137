"""The reader's working copies, in the folder mine/ at the top."""
from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
from pathlib import Path

from exercises import workshop
from exercises.catalogue import PREDICT
from exercises.problem import Problem
from harness.stages import ROOT

FOR_EDITORS = (".clang-format", ".clangd")


def mine() -> Path:
    """Where the copies are; MINE names another folder."""
    return Path(os.environ.get("MINE") or ROOT / "mine").absolute()


def shown(path: Path) -> str:
    """The path as a reader at the top types it."""
    with contextlib.suppress(ValueError):
        return str(path.relative_to(ROOT))
    return str(path)


def folder(name: str) -> Path:
    return mine() / name


@contextlib.contextmanager
def words_for_failures(what: str):
    """A full disk, a folder that is not ours: one line, not a traceback."""
    try:
        yield
    except OSError as error:
        where = shown(Path(error.filename)) if error.filename else what
        raise Problem(f"{where}: {error.strerror}") from None
    except workshop.Unreadable as error:
        raise Problem(str(error)) from None


@contextlib.contextmanager
def lock(name: str, wait=False):
    """Nobody else checks or changes this copy meanwhile."""
    with words_for_failures(f"{shown(mine())}"):
        mine().mkdir(parents=True, exist_ok=True)
        file = open(mine() / f".lock-{name}", "w", encoding="ascii")
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError:
            raise Problem(f"{shown(folder(name))} is being checked already, "
                          "by another command") from None
        yield


def create(name: str, texts: dict, makefile: Path):
    """Make a copy, whole or not at all."""
    target, fresh = folder(name), mine() / f".new-{name}"
    with words_for_failures(shown(target)):
        shutil.rmtree(fresh, ignore_errors=True)
        try:
            fresh.mkdir(parents=True)
            for file, text in texts.items():
                (fresh / file).write_text(text, "utf-8")
            shutil.copy(makefile, fresh / "Makefile")
            for file in FOR_EDITORS:
                if (ROOT / file).exists():
                    shutil.copy(ROOT / file, fresh)
            fresh.rename(target)
        finally:
            shutil.rmtree(fresh, ignore_errors=True)


def hand_out(name: str, built: Path):
    """The programs that were built, for the reader to start by hand."""
    with words_for_failures(shown(folder(name))):
        for program in built.glob("*_server"):
            fresh = folder(name) / f".{program.name}"
            shutil.copy(program, fresh)
            fresh.chmod(0o755)
            fresh.replace(folder(name) / program.name)


def read(name: str) -> dict:
    """The copy's sources, and what the reader foretells."""
    with words_for_failures(shown(folder(name))):
        if folder(name).is_symlink():
            raise workshop.Unreadable(f"{shown(folder(name))}: a link, not a folder")
        texts = workshop.sources(folder(name))
        form = small_file(folder(name) / PREDICT)
        return {**texts, PREDICT: form} if form else texts


def small_file(path: Path) -> str:
    """A file's text; nothing for a link, a pipe, or what is too large for a text."""
    with contextlib.suppress(OSError):
        if path.is_file() and not path.is_symlink() and path.stat().st_size <= workshop.LARGEST:
            return path.read_text("utf-8", "replace")
    return ""


def write(path: Path, text: str):
    """Write a file whole or not at all, and through no link."""
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    with words_for_failures(shown(path)):
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with open(fresh, "x", encoding="utf-8") as file:
                file.write(text)
            fresh.replace(path)
        finally:
            fresh.unlink(missing_ok=True)


def set_aside(name: str) -> Path:
    """Keep the old copy under another name; returns its folder."""
    number = 1
    while (mine() / f"{name}.old-{number}").exists():
        number += 1
    target = mine() / f"{name}.old-{number}"
    with words_for_failures(shown(folder(name))):
        folder(name).rename(target)
    return target


def state(name: str) -> tuple:
    """Changes when the reader saves something."""
    found = []
    for path in sorted(folder(name).glob("*")):
        with contextlib.suppress(OSError):
            if path.suffix in (".c", ".h", ".txt"):
                found.append((path.name, path.stat().st_mtime_ns, path.stat().st_size))
    return tuple(found)
