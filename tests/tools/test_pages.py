"""The tools `map` and `links`, on made-up stages."""

import re
import unittest

import stages as st
from folders import FolderTest, text

README = text("""
    # The course

    ```sh
    make run-v01
    make -sC v02_epoll && make -C v02_epoll all ARGS="-f line" 2>&1 | cat # tea
    ```

    <!-- map:begin -->
    old
    <!-- map:end -->
    See [the first stage](v01_socket/) and [above](#the-course).
    """)


class PagesTest(FolderTest):
    def setUp(self):
        super().setUp()
        self.write("README.md", README)
        self.write("Makefile", "all:\nrun-v%: all\n")
        self.write("v01_socket/echo_server.c", "one\ntwo\n")
        self.write("v02_epoll/echo_server.c", "one\nthree\nfour\n")
        self.write("v02_epoll/part.h", "part\n")
        self.write("v02_epoll/part.c", "part\n")
        self.commit()

    def test_map_writes_what_is_true(self):
        self.assertEqual(self.tool("map", "--check")[0], 1)
        self.assertEqual(self.tool("map")[0], 0)
        self.assertEqual(self.tool("map", "--check")[0], 0)
        page = self.read("README.md")
        self.assertRegex(page, r"v02_epoll.*\| 3 \| 5 \| \+4 −1 \|")
        self.assertRegex(page, r"\| v10_timer .*coming")
        self.assertIn("# The course", page)
        self.assertIn("See [the first", page)

    def test_links_that_lead_somewhere(self):
        status, output = self.tool("links")
        self.assertEqual(status, 0, output)

    def assert_bad(self, more, words):
        self.write("README.md", README + more)
        status, output = self.tool("links")
        self.assertEqual(status, 1)
        self.assertIn(words, output)

    def test_a_link_to_nothing(self):
        self.assert_bad("[x](v09_none/)", "v09_none/ leads nowhere")

    def test_a_link_to_no_heading(self):
        self.assert_bad("[x](#none)", "#none: no such heading")

    def test_a_command_that_make_does_not_know(self):
        self.assert_bad("\n```sh\nsudo true && make tea\n```\n",
                        "make has no target tea")

    def test_a_private_path(self):
        for path in ("/ro" + "ot/notes", "/ho" + "me/ada/notes",
                     f"{self.root.resolve()}/notes"):
            self.assert_bad(f"see {path}\n", "a private path")

    def test_paths_that_every_system_has(self):
        self.write("README.md", README + "/tmp/x /usr/bin /dev/null "
                   "http://a/b/c /home\n"
                   f"x{self.root.resolve()}/y build/ro" "ot/z\n")
        status, output = self.tool("links")
        self.assertEqual(status, 0, output)


class HelpTest(unittest.TestCase):
    """`make help` names each target of the top Makefile."""

    INTERNAL = {"bench-build", "tools-tests", "exercises-tests",
                "need-compiler", "need-harness", "$(STAGES)", ".PHONY", "all"}

    def test_all_targets(self):
        makefile = st.read(st.ROOT / "Makefile")
        targets = re.findall(r"^([\w$().%-]+):(?!=)", makefile, re.MULTILINE)
        told = re.findall(r"^## make ?([\w-]*) ", makefile, re.MULTILINE)
        wanted = {target.replace("v%", "v04").replace("%", "NAME")
                  for target in targets}
        self.assertEqual(wanted - self.INTERNAL - set(told), set())

    def test_what_is_told_stands_in_two_columns(self):
        lines = re.findall(r"^## (.*)$", st.read(st.ROOT / "Makefile"),
                           re.MULTILINE)
        for line in lines:
            if not line.startswith("Words"):
                self.assertRegex(line, r"^.{24}  \S")
                self.assertLessEqual(len(line), 79)


if __name__ == "__main__":
    unittest.main()
