"""C unit checks of the parts that sockets can't reach well, against each stage that has them."""
from __future__ import annotations

import re
import subprocess

from harness import build, guard
from harness.check import Check
from harness.server import Broken, before_exec, exit_words
from harness.spec import ONLY_ECHO, promise
from harness.stages import TESTS


def parts_of(test, folder) -> list:
    """The stage's sources that a unit check needs: what it includes, and what those do."""
    found, waiting = [], [test]
    while waiting:
        for name in re.findall(r'^#include "(\w+)\.h"', waiting.pop().read_text("utf-8"), re.M):
            new = [folder / f"{name}.{kind}" for kind in "ch"]
            waiting += [file for file in new if file.exists() and file not in found]
            found += [file for file in new if file.exists() and file not in found]
    return [file for file in found if file.suffix == ".c"]


class Units(Check):
    group = "units"

    def run_unit(self, part: str):
        """Compile unit/test_PART.c with the stage's own sources, and run it."""
        folder = self.target.stage.folder
        test = TESTS / "unit" / f"test_{part}.c"
        # The stage has been built just now: its objects save the time to compile it again.
        built = {file: folder / "build" / f"{file.stem}.o" for file in parts_of(test, folder)}
        sources = [test, *(o if o.exists() else file for file, o in built.items())]
        name = f"unit/{self.mode.name}/{self.target.stage.name}/test_{part}"
        try:
            program = build.compile_c(name, sources, self.mode, [folder, TESTS / "unit"],
                                      (f"-DSTAGE={self.stage}",))
        except build.BuildFailed as error:
            raise Broken(f"unit/test_{part}.c does not compile with {folder.name}:\n"
                         f"{error}") from None
        argv = [str(program)]
        if self.mode.tool:
            argv = ["valgrind", "-q", f"--tool={self.mode.tool}", "--error-exitcode=99"] + (
                ["--leak-check=full", "--show-leak-kinds=all", "--errors-for-leak-kinds=all"]
                if self.mode.tool == "memcheck" else []) + argv
        argv += ["light"] if self.mode.light else []
        how = guard.how({}) if self.target.stage.guarded else {}
        try:
            done = subprocess.run(argv, capture_output=True, text=True, check=False,
                                  timeout=self.limit(20), preexec_fn=lambda: before_exec(**how))
        except subprocess.TimeoutExpired:
            raise Broken(f"unit/test_{part}.c does not come to an end: does something wait for "
                         "a call that never comes?") from None
        if done.returncode:
            raise Broken(f"unit/test_{part}.c ended with {exit_words(done.returncode)}:\n"
                         f"{done.stderr[-4000:]}")

    @promise("units", "7-", ONLY_ECHO)
    def buffer(self):
        """unit/test_buffer.c"""
        self.run_unit("buffer")

    @promise("units", "7-", ONLY_ECHO)
    def codec(self):
        """unit/test_codec.c"""
        self.run_unit("codec")

    @promise("units", "8-", ONLY_ECHO)
    def thread_pool(self):
        """unit/test_thread_pool.c"""
        self.run_unit("thread_pool")

    @promise("units", "9-", ONLY_ECHO)
    def event_loop(self):
        """unit/test_event_loop.c"""
        self.run_unit("event_loop")

    @promise("units", "10-", ONLY_ECHO)
    def timers(self):
        """unit/test_timers.c"""
        self.run_unit("timers")

    @promise("units", "10-", ONLY_ECHO)
    def timer_queue(self):
        """unit/test_timer_queue.c"""
        self.run_unit("timer_queue")

    @promise("on-close", "6-", ONLY_ECHO)
    def on_close(self):
        """unit/test_on_close.c: on_open once, on_close once, however a connection ends."""
        self.run_unit("on_close")

    @promise("own-data", "6-", ONLY_ECHO)
    def own_data(self):
        """unit/test_own_data.c: a pointer for each connection."""
        self.run_unit("own_data")

    @promise("left-out", "6-", ONLY_ECHO)
    def left_out(self):
        """unit/test_left_out.c: nothing but on_message."""
        self.run_unit("left_out")

    @promise("send-to-any", "7-", ONLY_ECHO)
    def send_to_any(self):
        """unit/test_send_to_any.c: from callbacks and, from v08 on, from any thread."""
        self.run_unit("send_to_any")

    @promise("high-water", "7-", ONLY_ECHO)
    def high_water(self):
        """unit/test_high_water.c: a reader too slow for what is pushed to it."""
        self.run_unit("high_water")
