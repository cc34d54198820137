"""The harness's bars and names: what a person sees on a terminal."""

import io
import os
import re
import sys
import unittest
from pathlib import Path
from unittest import mock

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from harness import bars, names  # noqa: E402
from harness.report import Report  # noqa: E402
from harness.runner import Outcome  # noqa: E402


class Terminal(io.StringIO):
    """Keeps what is written, and can say what stands on the screen."""

    def isatty(self):
        return True

    def screen(self):
        lines, at = [""], 0
        for token in re.findall(r"\033\[[?\d;]*[A-Za-z]|\r|\n|[^\033\r\n]+",
                                self.getvalue()):
            if token == "\n":
                at += 1
                lines += [""] * (at - len(lines) + 1)
            elif token.endswith("A") and token[0] == "\033":
                at -= int(token[2:-1])
            elif token == "\033[J":
                lines = lines[:at + 1]
                lines[at] = ""
            elif token[0] not in "\033\r":
                lines[at] += token
        return lines


def outcome(check, status="ok", stage="v01_socket"):
    return Outcome(stage, 1, "echo_server", check, "echo", "", status, 0.1,
                   "because" if status != "ok" else "")


class BarsTest(unittest.TestCase):
    def setUp(self):
        changed = {"TERM": "xterm", "COLUMNS": "80", "LINES": "24"}
        patch = mock.patch.dict(os.environ, changed)
        patch.start()
        self.addCleanup(patch.stop)
        os.environ.pop("NO_COLOR", None)
        patch = mock.patch.object(bars, "PAUSE", 0)
        patch.start()
        self.addCleanup(patch.stop)
        self.terminal = Terminal()

    def test_a_bar_for_each_part_and_one_for_all(self):
        with bars.Bars({"one": 2, "two": 2}, stream=self.terminal) as shown:
            shown.add("one")
            shown.add("two", "FAIL")
            shown.now("tea")
            lines = [re.sub(r" +", " ", line)
                     for line in self.terminal.screen()]
        half = "#" * (bars.BAR // 2) + "." * (bars.BAR // 2)
        self.assertEqual(lines[0], f"one [{half}] 1/2")
        self.assertEqual(lines[1], f"two [{half}] 1/2, 1 failed")
        self.assertEqual(lines[2], f"all [{half}] 2/4, 1 failed, 0:00: tea")

    def test_what_is_said_stays_above_and_the_bars_go(self):
        with bars.Bars({"one": 2, "two": 2}, stream=self.terminal) as shown:
            shown.say("first")
            shown.add("one")
            shown.say("second\nthird")
        self.assertEqual(self.terminal.screen(),
                         ["first", "second", "third", ""])

    def test_the_cursor_is_shown_again_also_at_ctrl_c(self):
        with self.assertRaises(KeyboardInterrupt):
            with bars.Bars({"one": 2}, stream=self.terminal):
                raise KeyboardInterrupt
        written = self.terminal.getvalue()
        self.assertEqual(written.count(bars.HIDE), 1)
        self.assertTrue(written.endswith(bars.SHOW))

    def test_no_line_is_wider_than_the_terminal(self):
        for columns in (40, 80, 200):
            os.environ["COLUMNS"] = str(columns)
            self.terminal = Terminal()
            with bars.Bars({"one" * 9: 2, "two": 2},
                           stream=self.terminal) as shown:
                shown.now("tea " * 99)
                widest = max(map(len, self.terminal.screen()))
            self.assertLess(widest, min(columns, 80))

    def test_a_low_terminal_has_one_line(self):
        os.environ["LINES"] = "5"
        totals = {f"part {number}": 2 for number in range(9)}
        with bars.Bars(totals, stream=self.terminal):
            self.assertEqual(len(self.terminal.screen()), 2)

    def test_colours_only_where_they_are_wanted(self):
        for no_colour in ("", "1"):
            os.environ["NO_COLOR"] = no_colour
            self.terminal = Terminal()
            with bars.Bars({"one": 1, "two": 1},
                           stream=self.terminal) as shown:
                shown.add("one", "FAIL")
            self.assertEqual(bars.RED in self.terminal.getvalue(),
                             not no_colour)

    def test_nothing_is_drawn_where_nobody_looks(self):
        pipe = io.StringIO()
        with bars.Bars({"one": 1}, stream=pipe) as shown:
            shown.add("one")
            shown.say("a line")
        self.assertEqual(pipe.getvalue(), "a line\n")
        os.environ["TERM"] = "dumb"
        self.assertFalse(bars.wanted(self.terminal))

    def test_the_report_tells_failures_only(self):
        report = Report(stream=self.terminal)
        report.begin(["v01_socket"] * 3)
        report.add(outcome("echo.good"))
        report.add(outcome("echo.wrong", "FAIL"))
        report.add(outcome("echo.left_out", "skip"))
        report.end()
        text = "\n".join(self.terminal.screen())
        self.assertIn("echo.wrong", text)
        self.assertIn("what    | because", text)
        self.assertNotIn("echo.good", text)
        report.summary(1)
        text = "\n".join(self.terminal.screen())
        self.assertIn("Skipped:\n  because", text)
        self.assertIn("\n1 passed, 1 failed, 1 skipped", text)

    def test_the_report_tells_all_to_a_pipe_and_to_who_asks(self):
        for stream, verbose in ((io.StringIO(), False), (Terminal(), True)):
            report = Report(verbose, stream=stream)
            report.begin(["v01_socket"])
            report.add(outcome("echo.good"))
            report.end()
            self.assertIn("echo.good", stream.getvalue())
            self.assertNotIn("###", stream.getvalue())

    def test_a_second_try_counts_once(self):
        report = Report(stream=self.terminal)
        report.begin(["v01_socket"] * 2)
        report.add(outcome("echo.good"))
        report.add(outcome("echo.late", "FAIL"))
        report.add_again(outcome("echo.late"))
        self.assertIn("2/2", self.terminal.screen()[-2])
        self.assertNotIn("failed", self.terminal.screen()[-2])
        report.end()


class NamesTest(unittest.TestCase):
    ALL = ("half_close.small", "echo.every_byte", "stop.sigterm_when_idle",
           "echo_server", "chat_server")

    def test_the_nearest_comes_first(self):
        self.assertEqual(names.nearest("half_clsoe", self.ALL)[0],
                         "half_close.small")
        self.assertEqual(names.nearest("echo_sever", self.ALL)[0],
                         "echo_server")
        self.assertEqual(names.nearest("sigtrem", self.ALL),
                         ["stop.sigterm_when_idle"])

    def test_nothing_is_near(self):
        self.assertEqual(names.nearest("zzzzzz", self.ALL), [])
        self.assertIn("--list", names.no_such("check", "zzzzzz", self.ALL))

    def test_one_line_with_what_is_near(self):
        words = names.no_such("check", "evry_byte", self.ALL)
        self.assertNotIn("\n", words)
        self.assertIn("near: echo.every_byte", words)

    def test_the_first_that_is_unknown(self):
        self.assertEqual(names.unknown(["byte", "tea", "x"], self.ALL), "tea")
        self.assertIsNone(names.unknown(["byte", "stop."], self.ALL))


if __name__ == "__main__":
    unittest.main()
