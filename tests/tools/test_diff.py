"""The tool `diff`, on made-up stages."""

import unittest

import reading
from folders import FolderTest

PROGRAM = "".join(f"line {number};\n" for number in range(1, 41))


def twisted(*numbers):
    """The program with these lines changed."""
    text = PROGRAM
    for number in numbers:
        text = text.replace(f"line {number};", f"other {number};")
    return text


class DiffTest(FolderTest):
    def setUp(self):
        super().setUp()
        self.write("v01_a/echo_server.c", PROGRAM)
        self.write("v01_a/fork_server.c", twisted(3))
        self.write("v01_a/thread_server.c", twisted(3, 7))
        self.write("v02_b/echo_server.c", twisted(1))
        self.write("v02_b/socket.h", "part\n")
        self.write("v02_b/socket.c", "part\n")
        self.write("v02_b/epoll.c", "long();\n" * reading.SITTING)
        self.write("v02_b/http_server.c", "nothing(like, it);\n" * 30)

    def diff(self, *words):
        status, output = self.tool("diff", *words)
        self.assertEqual(status, 0, output)
        return output

    def test_lists_the_steps_first_from_the_ground_up(self):
        output = self.diff("v02")
        titles = [output.index(f"{words}\n") for words in (
            "1. socket", "2. epoll", "3. echo_server", "4. http_server")]
        self.assertEqual(titles, sorted(titles))
        self.assertRegex(output, r"~ echo_server.c +changed +\+1 +-1")
        heads = [output.index(f"== Step {number} of 4") for number in
                 range(1, 5)]
        self.assertEqual(heads, sorted(heads))
        self.assertLess(titles[-1], heads[0])
        self.assertLess(output.index("+++ v02_b/socket.h"),
                        output.index("+++ v02_b/socket.c"))
        self.assertNotIn(str(self.root), output)

    def test_the_list_alone_and_one_step_alone(self):
        self.assertNotIn("+++", self.diff("v02", "--stat"))
        output = self.diff("v02", "--part", "3")
        self.assertIn("== Step 3 of 4: echo_server", output)
        self.assertIn("+other 1;", output)
        self.assertNotIn("socket.h", output)
        self.assertNotIn("1. socket", output)

    def test_a_step_that_is_not_there(self):
        for part in ("0", "5"):
            status, output = self.tool("diff", "v02", "--part", part)
            self.assertEqual(status, 2)
            self.assertEqual(output.count("\n"), 1)
            self.assertIn("it has 4", output)

    def test_what_is_gone_is_named_only(self):
        output = self.diff("v02")
        self.assertIn("fork_server.c: removed, not shown (40 lines)", output)
        self.assertNotIn("--- v01_a/fork_server.c", output)

    def test_a_program_is_shown_as_what_differs_from_the_nearest(self):
        output = self.diff("v01")
        self.assertIn("the first stage: read echo_server.c whole (40 lines)",
                      output)
        self.assertRegex(output, r"fork_server.c +like echo_server.c +\+1 +-1")
        self.assertRegex(output,
                         r"thread_server.c +like fork_server.c +\+1 +-1")
        self.assertIn("--- v01_a/fork_server.c\n+++ v01_a/thread_server.c",
                      output)

    def test_a_program_like_no_other_is_shown_whole(self):
        self.assertRegex(self.diff("v02"), r"http_server.c +added +\+30 +-0")

    def test_a_program_of_both_stages_is_compared_with_itself(self):
        self.write("v02_b/fork_server.c", twisted(3, 5))
        output = self.diff("v02")
        self.assertRegex(output, r"~ fork_server.c +changed +\+1 +-1")
        self.assertIn("--- v01_a/fork_server.c", output)

    def test_the_first_stage_without_siblings(self):
        for name in ("fork", "thread"):
            (self.root / f"v01_a/{name}_server.c").unlink()
        self.assertEqual(self.diff("v01"), "v01_a is the first stage: read it "
                                           "whole (40 lines)\n")

    def test_a_stage_that_is_not_there(self):
        status, output = self.tool("diff", "v07")
        self.assertNotEqual(status, 0)
        self.assertIn("no stage v07", output)


class NamedStepsTest(FolderTest):
    def setUp(self):
        super().setUp()
        self.write("v01_a/echo_server.c", PROGRAM)
        self.write("v02_b/echo_server.c", PROGRAM)
        for name in ("log", "socket", "epoll"):
            self.write(f"v02_b/{name}.h", "part\n")
            self.write(f"v02_b/{name}.c", "part\n")

    def titles(self, words):
        self.write("tests/tools/steps", words)
        old, new = self.root / "v01_a", self.root / "v02_b"
        entries, _, _ = reading.entries_between(old, new)
        return [(step.title, [entry.name for entry in step.entries])
                for step in reading.steps_of(new, entries)]

    def test_named_steps_come_first_and_the_rest_is_grouped(self):
        self.assertEqual(
            self.titles("# why\n\nv02 the two ends: socket log.h\n"),
            [("the two ends", ["socket.h", "socket.c", "log.h"]),
             ("log, epoll", ["log.c", "epoll.h", "epoll.c"])])

    def test_a_step_of_what_does_not_change_is_a_complaint(self):
        self.write("tests/tools/steps", "v02 the two ends: socket tea\n")
        self.assertEqual(
            reading.problems(self.root),
            ["tests/tools/steps: v02 the two ends: nothing changes in tea"])

    def test_a_step_needs_a_title(self):
        with self.assertRaises(SystemExit):
            self.titles("v02: socket\n")


if __name__ == "__main__":
    unittest.main()
