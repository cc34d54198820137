"""The tool `quiet`: each kind of noise is found, and what is none is not."""

import unittest

from folders import FolderTest, text

FIRST = text("""
    #include <stdio.h>

    /* Says hello to whoever listens. */
    static void say_hello(const char *name)
    {
        printf("hello, %s\\n", name);
        printf("how do you do?\\n");
    }

    static int count_names(int first, int last)
    {
        int count_of_names = last - first;
        return count_of_names;
    }

    int main(void)
    {
        say_hello("you");
        return count_names(1, 1);
    }
    """)


class QuietTest(FolderTest):
    def step(self, second, *words):
        """The verdict on a step from FIRST to another text."""
        self.write("v01_a/echo_server.c", FIRST)
        self.write("v02_b/echo_server.c", second)
        if "--exceptions" not in words:
            words += ("--exceptions", str(self.root / "none"))
        return self.tool("quiet", *words)

    def assert_noise(self, kind, second):
        status, output = self.step(second)
        self.assertEqual(status, 1, output)
        self.assertRegex(output, rf"(?m)^quiet: .* {kind}, 0 allowed$")

    def assert_quiet(self, second):
        status, output = self.step(second)
        self.assertEqual(status, 0, output)
        self.assertIn("every step changes only what it must", output)

    def test_more_code_is_no_noise(self):
        self.assert_quiet(FIRST.replace(
            'say_hello("you");', 'say_hello("you");\n    say_hello("me");'))

    def test_changed_code_is_no_noise(self):
        self.assert_quiet(FIRST.replace("last - first", "first + last * 2"))

    def test_lines_that_come_back_by_chance_are_no_move(self):
        self.assert_quiet(FIRST.replace("    return count_names(1, 1);\n", "")
                          .replace("int main", "int two(void)\n{\n    "
                                   "return 2;\n}\n\nint main"))

    def test_re_indented_lines(self):
        self.assert_noise("blank", FIRST.replace(
            '    say_hello("you");',
            '    if (count_names(1, 2) == 1)\n        say_hello("you");'))

    def test_a_moved_line(self):
        line = '    printf("how do you do?\\n");\n'
        self.assertIn(line, FIRST)
        self.assert_noise("moved", FIRST.replace(line, "").replace(
            "    return count_names(1, 1);",
            line + "    return count_names(1, 1);"))

    def test_functions_that_changed_places(self):
        head, rest = FIRST.split("static int count_names", 1)
        count, last = rest.split("int main", 1)
        include, say = head.split("\n\n", 1)
        # The text of the function is another too: only its place gives it away.
        count = "static int count_names" + count.replace("last - first", "0")
        self.assert_noise("moved", include + "\n\n" + count + say +
                          "int main" + last)

    def test_a_sequence_of_lines_that_are_not_unique(self):
        thrice = text("""
            void one(void)
            {
                first_of_three();
                second_of_three();
                third_of_three();
            }

            """)
        two = thrice.replace("one", "two")
        other = "void one(void)\n{\n    something_else();\n}\n\n"
        other_two = other.replace("one", "two").replace("else", "different")
        self.write("v01_a/echo_server.c", thrice + two + other.replace(
            "one", "six") + FIRST + other_two.replace("two", "ten"))
        self.write("v02_b/echo_server.c", thrice + other_two + other.replace(
            "one", "six") + FIRST + two.replace("two", "ten"))
        status, output = self.tool("quiet")
        self.assertEqual(status, 1, output)
        self.assertIn("moved", output)

    def test_a_reworded_comment_is_shown_and_does_not_fail(self):
        status, output = self.step(FIRST.replace(
            "whoever listens", "those who listen").replace("last - first", "0"))
        self.assertEqual(status, 0, output)
        self.assertRegex(output, r"(?m)^v02 reworded echo_server.c:3")

    def test_a_file_changed_in_comments_alone(self):
        self.assert_noise("name", FIRST.replace(
            "/* Says hello to whoever listens. */", "/* Greets. */"))

    def test_a_renamed_file(self):
        self.write("v01_a/part.c", FIRST)
        self.write("v02_b/piece.c", FIRST + "int more;\n")
        self.assert_noise("name", FIRST)

    def test_a_makefile_that_is_not_the_same(self):
        self.write("v01_a/Makefile", "all:\n")
        self.write("v02_b/Makefile", "all: it\n")
        self.assert_noise("name", FIRST)

    def test_an_exception_allows_and_is_reported_when_not_needed(self):
        self.write("allowed", "v02 echo_server.c name 1: a reason\n")
        words = ("--exceptions", str(self.root / "allowed"))
        second = FIRST.replace("/* Says hello to whoever listens. */", "")
        status, output = self.step(second, *words)
        self.assertEqual(status, 0, output)
        status, output = self.step(FIRST, *words)
        self.assertEqual(status, 1)
        self.assertIn("exception not needed: v02 echo_server.c name", output)

    def test_an_exception_needs_a_reason(self):
        self.write("allowed", "v02 echo_server.c name 1\n")
        status, output = self.step(
            FIRST, "--exceptions", str(self.root / "allowed"))
        self.assertEqual(status, 1)
        self.assertIn("want STAGE FILE KIND LINES: REASON", output)

    def test_what_is_too_long(self):
        body = "".join(f"    call_{n}();\n" for n in range(60))
        long_function = "void long_one(void)\n{\n" + body + "}\n"
        wide = "int " + "x" * 80 + ";\n"
        many = "".join(f"int a{n};\n" for n in range(250))
        status, output = self.step(FIRST + long_function + wide + many)
        self.assertEqual(status, 1)
        self.assertIn("long_one: 63 lines, 60 at most", output)
        self.assertIn("85 columns, 80 at most", output)
        self.assertRegex(output, r"echo_server.c: \d+ lines, 320 at most")


if __name__ == "__main__":
    unittest.main()
