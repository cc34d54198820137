"""Made-up stage folders for the tools' own tests."""

import subprocess
import sys
import tempfile
import textwrap
import unittest
from pathlib import Path

TOOLS = Path(__file__).resolve().parent


def text(words):
    """A file's text, written indented in a test."""
    return textwrap.dedent(words).lstrip("\n")


class FolderTest(unittest.TestCase):
    """Each test has an empty folder of its own, `self.root`."""

    def setUp(self):
        scratch = tempfile.TemporaryDirectory(prefix="tools-")
        self.addCleanup(scratch.cleanup)
        self.root = Path(scratch.name)

    def write(self, name, words):
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(words, encoding="utf-8")

    def read(self, name):
        return (self.root / name).read_text(encoding="utf-8")

    def tool(self, name, *words):
        """Runs a tool on the folder: (exit status, all that it printed)."""
        done = subprocess.run(
            [sys.executable, str(TOOLS / name), "--root", str(self.root),
             *words], capture_output=True, text=True, check=False)
        return done.returncode, done.stdout + done.stderr

    def git(self, *words):
        subprocess.run(["git", "-C", str(self.root), "-c", "user.name=a",
                        "-c", "user.email=a@example.org", *words],
                       check=True, capture_output=True)

    def commit(self):
        self.git("init", "-q")
        self.git("add", "-A")
        self.git("commit", "-q", "-m", "a")
