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
        self.assertIn("long_one: 63 lines, 40 at most", output)
        self.assertIn("85 columns, 80 at most", output)
        self.assertRegex(output, r"echo_server.c: \d+ lines, 320 at most")

    def test_a_first_program_that_is_too_long_to_begin_with(self):
        many = "".join(f"int a{n};\n" for n in range(160))
        status, output = self.step(FIRST)
        self.assertEqual(status, 0, output)
        self.write("v01_a/echo_server.c", FIRST + many)
        status, output = self.tool("quiet")
        self.assertEqual(status, 1)
        self.assertRegex(output, r"v01 echo_server.c: \d+ lines, 170 at most")

    def test_a_large_step_is_a_warning_and_side_programs_do_not_count(self):
        many = "".join(f"int a{n};\n" for n in range(200))
        names = ("log", "socket", "epoll", "channel")
        for name in names:
            self.write(f"v02_b/{name}.c", many)
        status, output = self.step(FIRST)
        self.assertEqual(status, 0, output)
        self.assertIn("warning: v01-v02 changes 800 lines of the parts",
                      output)
        for name in names:
            (self.root / f"v02_b/{name}.c").rename(
                self.root / f"v02_b/{name}_server.c")
        self.assertNotIn("warning: v01-v02", self.step(FIRST)[1])


class LadderTest(FolderTest):
    """Three parts that climb: socket, epoll, channel; and a program."""

    def setUp(self):
        super().setUp()
        self.part("socket", "", "socket_listen")
        self.part("epoll", "", "epoll_add")
        self.part("channel", '#include "epoll.h"\n', "channel_watch",
                  "epoll_add(1);")
        self.write("v01_a/echo_server.c", text("""
            #include "channel.h"

            int main(void)
            {
                return channel_watch(1);
            }
            """))

    def part(self, name, includes, function, call=""):
        self.write(f"v01_a/{name}.h", f"{includes}int {function}(int fd);\n")
        self.write(f"v01_a/{name}.c", f'#include "{name}.h"\n\n'
                   f"int {function}(int fd)\n{{\n    {call}\n"
                   "    return fd;\n}\n")

    def add(self, name, words):
        self.write(f"v01_a/{name}", words + self.read(f"v01_a/{name}"))

    def assert_found(self, *words):
        status, output = self.tool("quiet")
        self.assertEqual(status, 1, output)
        for word in words:
            self.assertIn(word, output)

    def test_a_ladder(self):
        status, output = self.tool("quiet")
        self.assertEqual(status, 0, output)

    def test_an_include_of_a_higher_part(self):
        self.add("socket.c", '#include "epoll.h"\n')
        self.assert_found("v01 socket.c:1: includes epoll.h: a step up")

    def test_a_call_of_a_higher_part_without_its_header(self):
        self.part("socket", "", "socket_listen", "epoll_add(2);")
        self.assert_found("v01 socket.c:5: calls epoll_add of epoll")

    def test_a_higher_function_handed_on_by_name(self):
        self.part("socket", "", "socket_listen", "call_later(&epoll_add);")
        self.assert_found("calls epoll_add of epoll")

    def test_a_program_is_called_by_nobody(self):
        self.add("channel.h", '#include "echo_server.h"\n')
        self.assert_found("channel.h:1: includes echo_server.h: a step up")

    def test_what_is_no_call(self):
        self.part("socket", "/* epoll_add comes later */\n", "socket_listen",
                  'say("epoll_add"); fd = it->epoll_add + it.epoll_add;')
        status, output = self.tool("quiet")
        self.assertEqual(status, 0, output)

    def test_a_function_of_the_same_name_that_is_its_own(self):
        self.part("socket", "", "socket_listen", "helper(1);")
        self.add("socket.c", "static int helper(int a)\n{\n    return a;\n}\n")
        self.add("epoll.c", "static int helper(int a)\n{\n    return a;\n}\n")
        status, output = self.tool("quiet")
        self.assertEqual(status, 0, output)

    def test_an_inline_function_of_a_header(self):
        self.add("epoll.h",
                 "static inline int ready(int a)\n{\n    return a;\n}\n")
        self.part("socket", "", "socket_listen", "ready(1);")
        self.assert_found("calls ready of epoll: a step up")

    def test_a_circle(self):
        self.add("epoll.h", '#include "channel.h"\n')
        self.assert_found("a step up",
                          "v01: a circle: epoll -> channel -> epoll")

    def test_a_circle_of_three(self):
        self.add("socket.h", '#include "channel.h"\n')
        self.add("epoll.h", '#include "socket.h"\n')
        self.assert_found("a circle: socket -> channel -> epoll -> socket")

    def test_a_part_that_the_ladder_does_not_name(self):
        self.part("teapot", "", "teapot_fill")
        self.assert_found("v01 teapot: not on the ladder")

    def test_who_may_know_the_options(self):
        self.part("options", '#include "codec.h"\n', "options_parse")
        self.part("codec", "", "codec_next")
        self.part("tcp_server", '#include "options.h"\n', "tcp_server_run")
        status, output = self.tool("quiet")
        self.assertEqual(status, 0, output)
        self.part("reactor", '#include "options.h"\n', "reactor_run")
        self.add("options.h", '#include "epoll.h"\n')
        self.assert_found("reactor.h:1: includes options.h",
                          "options.h:1: includes epoll.h: options know")


if __name__ == "__main__":
    unittest.main()
