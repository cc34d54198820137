"""The tool `carry`, on made-up stages."""

import unittest

from folders import FolderTest

LINES = "".join(f"line {number};\n" for number in range(1, 21))


class CarryTest(FolderTest):
    def setUp(self):
        super().setUp()
        self.write("v01_a/echo_server.c", LINES)
        self.write("v02_b/echo_server.c", LINES)
        self.write("v02_b/part.c", LINES)
        # v03 has moved on: line 2 is another, and part.c has one more.
        self.write("v03_c/echo_server.c", LINES.replace("line 2;", "own;"))
        self.write("v03_c/part.c", LINES + "more;\n")
        self.commit()

    def change(self, name, old, new):
        self.write(name, self.read(name).replace(old, new))

    def test_a_change_reaches_the_later_stages_alone(self):
        self.change("v02_b/echo_server.c", "line 10;", "line ten;")
        status, output = self.tool("carry", "v02")
        self.assertEqual(status, 0, output)
        self.assertIn("line ten;", self.read("v03_c/echo_server.c"))
        self.assertIn("own;", self.read("v03_c/echo_server.c"))
        self.assertEqual(self.read("v01_a/echo_server.c"), LINES)

    def test_back_reaches_the_earlier_ones_too(self):
        self.change("v02_b/echo_server.c", "line 10;", "line ten;")
        self.tool("carry", "v02", "--back")
        self.assertIn("line ten;", self.read("v01_a/echo_server.c"))

    def test_a_second_time_finds_all_there(self):
        self.change("v02_b/echo_server.c", "line 10;", "line ten;")
        self.tool("carry", "v02")
        status, output = self.tool("carry", "v02")
        self.assertEqual(status, 0)
        self.assertIn("already there", output)
        self.assertNotIn("applied", output)

    def test_a_stage_without_the_file_is_said(self):
        self.change("v02_b/part.c", "line 10;", "line ten;")
        _, output = self.tool("carry", "v02", "--back")
        self.assertIn("v01  part.c", output)
        self.assertIn("file not there", output)
        self.assertIn("line ten;", self.read("v03_c/part.c"))

    def test_a_conflict_is_shown_and_leaves_the_file(self):
        before = self.read("v03_c/echo_server.c")
        self.change("v02_b/echo_server.c", "line 2;", "line two;")
        status, output = self.tool("carry", "v02")
        self.assertEqual(status, 1)
        self.assertIn("conflict", output)
        self.assertIn("line two;", output)
        self.assertEqual(self.read("v03_c/echo_server.c"), before)

    def test_markers_are_written_when_asked_for(self):
        self.change("v02_b/echo_server.c", "line 2;", "line two;")
        self.tool("carry", "v02", "--markers")
        self.assertIn("<<<<<<<", self.read("v03_c/echo_server.c"))

    def test_dry_run_changes_nothing(self):
        before = self.read("v03_c/part.c")
        self.change("v02_b/part.c", "line 10;", "line ten;")
        _, output = self.tool("carry", "v02", "--dry-run")
        self.assertIn("applied", output)
        self.assertEqual(self.read("v03_c/part.c"), before)

    def test_new_and_removed_files_are_carried(self):
        self.write("v02_b/new.c", "new;\n")
        (self.root / "v02_b/echo_server.c").unlink()
        status, output = self.tool("carry", "v02")
        self.assertEqual(self.read("v03_c/new.c"), "new;\n")
        # It differs in v03, so that it is not removed there unasked.
        self.assertEqual(status, 1, output)
        self.assertTrue((self.root / "v03_c/echo_server.c").exists())

    def test_a_commit_and_a_file_can_be_named(self):
        self.change("v01_a/echo_server.c", "line 10;", "line ten;")
        self.git("commit", "-q", "-a", "-m", "b")
        _, output = self.tool("carry", "v01", "part.c", "--commit", "HEAD")
        self.assertIn("nothing changed", output)
        self.tool("carry", "v01", "--commit", "HEAD")
        self.assertIn("line ten;", self.read("v03_c/echo_server.c"))


if __name__ == "__main__":
    unittest.main()
