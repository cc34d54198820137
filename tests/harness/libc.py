"""A copy of the C library whose line numbers valgrind does not read.

At each start valgrind reads the debug information of each library, and that of the C library costs
a third of the start. The names of its functions must stay: by these valgrind replaces some of them,
and leaves out what is known to be harmless. So the copy has the names beside it, and no more.
"""
from __future__ import annotations

import functools
import os
import re
import subprocess
from pathlib import Path

from harness.scratch import scratch

NAME = "libc.so.6"
DEBUG = "/usr/lib/debug/.build-id"      # where Debian's libc6-dbg puts it


def _path():
    """The library that this process runs with; None if it has none of that name."""
    maps = Path("/proc/self/maps").read_text("utf-8")
    found = re.search(rf"\s(/\S+/{re.escape(NAME)})$", maps, re.M)
    return found and found.group(1)


def _debug_file(library: str):
    """The file with its debug information; None if it is not installed."""
    notes = subprocess.run(["readelf", "-n", library], capture_output=True, text=True, check=True)
    found = re.search(r"Build ID: ([0-9a-f]{2})([0-9a-f]+)", notes.stdout)
    path = found and Path(f"{DEBUG}/{found.group(1)}/{found.group(2)}.debug")
    return path if path and path.exists() else None


def _copy(library: str, debug: Path) -> Path:
    """The folder of the copy. What valgrind knows to be harmless is in `*/lib*/libc.so.6`."""
    folder = scratch() / "lib"
    folder.mkdir(exist_ok=True)
    names = folder / "libc.names"
    subprocess.run(["objcopy", "--strip-debug", debug, names], check=True)
    # Without the ID valgrind finds nothing but what the link names, which is beside the copy.
    subprocess.run(["objcopy", "-R", ".note.gnu.build-id", "-R", ".gnu_debuglink",
                    f"--add-gnu-debuglink={names}", library, folder / NAME], check=True)
    return folder


@functools.lru_cache(maxsize=None)
def quick() -> tuple:
    """What goes in front of valgrind's command; nothing where no such copy can be had."""
    try:
        library = _path()
        debug = library and _debug_file(library)
        if not debug or "LD_LIBRARY_PATH" in os.environ:
            return ()
        words = ("env", f"LD_LIBRARY_PATH={_copy(library, debug)}")
        subprocess.run([*words, "valgrind", "-q", "--error-exitcode=99", "true"], check=True,
                       capture_output=True)
        return words
    except (OSError, subprocess.CalledProcessError):
        return ()
