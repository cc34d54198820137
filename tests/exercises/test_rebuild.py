"""Tests of rebuilding that start no server."""
from __future__ import annotations

import sys
import tempfile
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from exercises import rebuild, rebuild_show  # noqa: E402
from exercises.catalogue import texts_of  # noqa: E402
from exercises.rebuild_checks import ROW as OUTSIDE  # noqa: E402
from harness.runner import Outcome  # noqa: E402
from harness.spec import ROW_IDS  # noqa: E402
from harness.stages import Stage  # noqa: E402

NUMBERS = range(rebuild.FIRST, rebuild.LAST + 1)


def outcome(check, status, program="echo_server", text="", stderr="", row="echo"):
    return Outcome("copy", 5, program, check, row, "", status, 0.1, text, stderr)


def names(found) -> set:
    return {f"{p.check} {p.program}" for p in found}


class Promises(unittest.TestCase):

    def test_each_promise_is_kept_or_new(self):
        for number in NUMBERS:
            kept, new = rebuild.promises(number)
            self.assertTrue(kept and new, number)
            self.assertFalse(names(kept) & names(new), number)

    def test_no_limitation_is_checked(self):
        for number in NUMBERS:
            self.assertFalse([p.check for p in sum(rebuild.promises(number), []) if p.spec.limit])

    def test_units_with_headers_alone(self):
        without, with_them = (names(sum(rebuild.promises(7, h), [])) for h in (False, True))
        self.assertIn("units.buffer echo_server", with_them - without)

    def test_a_new_option_is_new(self):
        new = names(rebuild.promises(6)[1])
        self.assertIn("usage.help_on_stdout echo_server", new)
        self.assertNotIn("usage.stray_argument echo_server", new)

    def test_names_of_those_that_say_more(self):
        for number, checks in rebuild.SAYS_MORE.items():
            new = {p.check for p in rebuild.promises(number, True)[1]}
            self.assertFalse(set(checks) - new, number)

    def test_totals_count_the_ladder(self):
        for number in NUMBERS:
            kept, new = map(len, rebuild.promises(number))
            since = rebuild.LADDER_SINCE
            self.assertEqual(rebuild.totals(number),
                             (kept + (number > since), new + (number == since)))

    def test_rows(self):
        for number in NUMBERS:
            rows = rebuild.rows(number)
            self.assertFalse(set(rows) - set(ROW_IDS) - {OUTSIDE})
            count = sum(map(len, rows.values())) - (number >= rebuild.LADDER_SINCE)
            self.assertEqual(count, len(sum(rebuild.promises(number), [])))

    def test_the_programs_of_a_stage_come_after_its_echo_server(self):
        programs = [p.program for p in rebuild.promises(2)[1]]
        order = list(dict.fromkeys(programs))
        self.assertEqual(order, ["echo_server", "poll_server", "select_server"])


class StartTexts(unittest.TestCase):

    def test_programs_that_go_are_left_out(self):
        self.assertEqual(list(rebuild.start_texts(2)), ["echo_server.c"])
        self.assertEqual(list(rebuild.start_texts(3)), ["echo_server.c"])

    def test_headers(self):
        texts = rebuild.start_texts(7, headers=True)
        stage = texts_of(rebuild.stage_of(7).folder)
        self.assertEqual(texts["buffer.h"], stage["buffer.h"])
        self.assertEqual(texts["channel.h"], stage["channel.h"])
        self.assertNotIn("buffer.c", texts)

    def test_own(self):
        own = {"echo_server.c": "int main(void) { return 0; }\n", "mine.c": "\n"}
        self.assertEqual(rebuild.start_texts(5, previous_texts=own), own)


class Ladder(unittest.TestCase):

    def check(self, **texts):
        with tempfile.TemporaryDirectory(prefix="ladder-") as name:
            for file, text in texts.items():
                Path(name, file.replace("__", ".")).write_text(text, "utf-8")
            return rebuild.check_ladder(Stage(5, "copy", Path(name)))

    def test_the_stages(self):
        for number in range(rebuild.LADDER_SINCE, rebuild.LAST + 1):
            self.assertEqual(rebuild.check_ladder(rebuild.stage_of(number)).text, "")

    def test_own_parts_stand_where_they_like(self):
        found = self.check(mine__h="", mine__c='#include "mine.h"\n#include "channel.h"\n',
                           channel__h="", channel__c='#include "mine.h"\n', echo_server__c="")
        self.assertIn("circle", found.text)
        found = self.check(mine__h="", mine__c='#include "channel.h"\n', channel__h="",
                           event_loop__c='#include "mine.h"\n', echo_server__c="")
        self.assertEqual(found.text, "")

    def test_a_step_up(self):
        found = self.check(epoll__c='#include "channel.h"\n', channel__h="", echo_server__c="")
        self.assertTrue(found.text.startswith("epoll.c:1: includes channel.h: a step up"))

    def test_one_source(self):
        self.assertIn("one source", self.check(echo_server__c="", log__h="").text)


class Words(unittest.TestCase):

    def test_the_lowest_part_first(self):
        words = ("echo_server.c:9:1: error: unknown type name 'Buffer'\n"
                 "channel.c:7:3: warning: unused\nchannel.c:30:3: error: expected ';'\n"
                 "make: *** [Makefile:47: build/channel.o] Error 1\n")
        self.assertEqual(rebuild.first_error(words), "channel.c:30: expected ';'")

    def test_what_is_not_defined(self):
        words = ("/usr/bin/ld: build/epoll.o: in function `epoll_open':\n"
                 "/tmp/x/epoll.c:11: undefined reference to `log_error'\n"
                 "collect2: error: ld returned 1 exit status\n")
        self.assertEqual(rebuild.first_error(words, {"echo_server.c": "", "log.h":
                                                     "void log_error(const char *call);"}),
                         "epoll.c calls log_error, which log.h declares and no source defines yet")

    def test_no_echo_server(self):
        self.assertIn("there is no echo_server.c", rebuild.first_error("", {"main.c": ""}))

    def test_built(self):
        self.assertEqual(rebuild.first_error("", {"echo_server.c": ""}), "")

    def test_a_command_line_that_is_refused(self):
        text = "no ready line: stdout has ''; it ended with exit status 2\n  is it flushed?"
        said = "$ echo_server -p 0 -c 3\necho_server: unknown option: -c\necho_server: usage: …\n"
        self.assertEqual(rebuild.plain(outcome("a.b", "FAIL", text=text, stderr=said)).text,
                         "`echo_server -p 0 -c 3` must start; the server refuses that command "
                         "line: unknown option: -c")


class Show(unittest.TestCase):

    def verdict(self, kept, new, **more):
        found = rebuild.RebuildVerdict(5, 2, 3, **more)
        found.kept = [outcome("echo.one", status) for status in kept]
        found.new = [outcome("chat.one", status, "chat_server", "it is not so") for status in new]
        return found

    def test_bar(self):
        found = self.verdict(["ok", "ok"], ["ok", "FAIL", "FAIL"])
        self.assertEqual(rebuild_show.head(found), "v05  kept 2/2  new 1/3  [######....]")
        self.assertFalse(found.passed)

    def test_passed(self):
        found = self.verdict(["ok", "ok"], ["ok", "ok", "ok"])
        self.assertEqual(rebuild_show.show(found), "v05  kept 2/2  new 3/3  [##########]")
        self.assertTrue(found.passed)

    def test_what_was_not_run_is_not_passed(self):
        self.assertFalse(self.verdict(["ok", "ok"], ["ok", "ok"]).passed)
        self.assertFalse(self.verdict(["skip", "skip"], ["skip"] * 3).passed)

    def test_what_held_before_comes_first(self):
        text = rebuild_show.show(self.verdict(["ok", "FAIL"], []))
        self.assertIn("kept 1/2  new ?/3", text)
        self.assertIn("Must hold, as in v04: echo.one", text)

    def test_nothing_is_built(self):
        found = self.verdict([], [], error="a.c:1: expected ';'", built=False, compiled=(1, 2))
        self.assertEqual(rebuild_show.show(found, "v05  kept 2/2  new 1/3  [######....]"),
                         "v05  kept 2/2  new 1/3  [######....]  when it last built\n"
                         "does not build yet (1 of 2 sources compile): a.c:1: expected ';'")


if __name__ == "__main__":
    unittest.main()
