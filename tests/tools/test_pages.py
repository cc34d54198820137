"""The tools `map`, `links` and `diff`, on made-up stages."""

import unittest

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
        self.assert_bad("see /ro" + "ot/notes\n", "a private path")

    def test_diff_sums_up_and_reads_from_the_ground_up(self):
        status, output = self.tool("diff", "v02")
        self.assertEqual(status, 0, output)
        self.assertRegex(output, r"~ echo_server.c +changed +\+2 +-1")
        order = [output.rindex(words) for words in
                 ("v02_epoll/part.h", "v02_epoll/part.c", "+three")]
        self.assertEqual(order, sorted(order))
        self.assertNotIn(str(self.root), output)
        self.assertNotIn("+three", self.tool("diff", "v02", "--stat")[1])

    def test_diff_names_what_cannot_be(self):
        self.assertIn("the first stage", self.tool("diff", "v01")[1])
        self.assertIn("no stage v07", self.tool("diff", "v07")[1])


if __name__ == "__main__":
    unittest.main()
