"""Does an editor that uses clangd show a false error in a stage or in mine/?"""
import concurrent.futures
import os
import re
import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path

import stages as st

CLANGD = shutil.which("clangd")


def complaints(path):
    """Return what clangd says about a file, a line each."""
    done = subprocess.run([CLANGD, f"--check={path}"], capture_output=True, text=True, check=False)
    found = re.findall(r"^E\[[^]]*\] (\[.*|.*rror.*)$", done.stderr, re.M)
    if "All checks completed" not in done.stderr:
        found.append("clangd did not come to its end")
    return [f"{os.path.relpath(path, st.ROOT)}: {text}" for text in found]


def of_all(paths):
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        return [text for found in pool.map(complaints, paths) for text in found]


def sources(folder):
    return [folder / name for name in st.code_files(folder) if name != "Makefile"]


@unittest.skipUnless(CLANGD, "clangd is missing (Debian package clangd)")
class Editor(unittest.TestCase):
    def test_the_first_and_the_last_stage_are_clean(self):
        first, *_, last = st.stages()
        self.assertEqual([], of_all(sources(first) + sources(last)))

    def test_a_copy_in_mine_is_clean_and_a_mistake_in_it_is_shown(self):
        with self.folder_in_mine() as folder:
            copy = Path(folder) / "buffer.h"
            shutil.copy(st.stages()[-1] / "buffer.h", copy)
            self.assertEqual([], complaints(copy))
            copy.write_text(copy.read_text().replace("size_t size", "size_type size", 1))
            self.assertIn("size_type", "\n".join(complaints(copy)))

    def folder_in_mine(self):
        """Make a folder beside the reader's own copies; the `with` removes it."""
        mine = st.ROOT / "mine"
        if not mine.exists():
            mine.mkdir()
            self.addCleanup(mine.rmdir)
        return tempfile.TemporaryDirectory(prefix="editor-", dir=mine)


if __name__ == "__main__":
    unittest.main()
