"""The folder for what a run makes and nobody needs afterwards."""
from __future__ import annotations

import functools
import os
import tempfile
from pathlib import Path


@functools.lru_cache(maxsize=None)
def _folder() -> tempfile.TemporaryDirectory:
    folder = tempfile.TemporaryDirectory(prefix="harness-")
    os.chmod(folder.name, 0o755)
    return folder


def scratch() -> Path:
    """A folder for this run, removed at its end."""
    return Path(_folder().name)
