"""Does the check of the diagrams notice what is wrong? What happened is made up here."""
import tempfile
import unittest
from pathlib import Path

import paths    # noqa: F401
from check import Proof
from diagrams import diagrams_of, items_of
from happened import Happened
from sources import Sources

LOOP = """
int loop_run(Loop *loop)
{
    while (epoll_wait(loop->fd, loop->events, EPOLLIN, -1) > 0)
        loop->on_ready(loop);
    return 0;
}
"""
INPUT = """
static int find_message(const char *data)
{
    return data[0];
}

void input_read(Input *input)
{
    recv(input->fd, input->data, 100, 0);
    find_message(input->data);
    send(input->fd, input->data, 100, 0);
}
"""
ARROWS = """
C->>K: send (hello)
K-->>L: EPOLLIN
L->>I: input_read
I->>K: recv (returns 6)
I->>I: find_message
I->>K: send
K-->>C: recv
"""
HEAD = """
<!-- scene: echo -->
```mermaid
sequenceDiagram
participant C as client
participant K as kernel
participant L as loop.c
participant I as input.c
"""
MAIN = "main thread"


def went() -> list:
    """What happens in the made-up scene."""
    names = [("call", "loop_run", MAIN, "loop", "", ""),
             ("call", "epoll_wait", MAIN, "", "loop", "1"),
             ("client", "send", "client 1", "", "", ""),
             ("return", "epoll_wait", MAIN, "", "loop", "1"),
             ("call", "input_read", MAIN, "input", "loop", ""),
             ("call", "recv", MAIN, "", "input", "6"), ("return", "recv", MAIN, "", "input", "6"),
             ("call", "find_message", MAIN, "input", "input", "6"),
             ("call", "send", MAIN, "", "input", "6"),
             ("client", "recv", "client 1", "", "", "")]
    return [Happened(time, *fields) for time, fields in enumerate(names)]


class CheckTest(unittest.TestCase):
    """Each way to be wrong."""

    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        for name, text in (("loop.c", LOOP), ("input.c", INPUT)):
            (Path(cls.folder.name) / name).write_text(text, encoding="utf-8")
        cls.sources = Sources(cls.folder.name, "echo_server")

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    def faults(self, old="", new="", head=HEAD) -> str:
        """What is said when this text of the right diagram is another one."""
        text = head + ARROWS + "```\n"
        self.assertIn(old, text)
        found = diagrams_of("README.md", text.replace(old, new, 1))
        self.assertEqual(len(found), 1)
        return "\n".join(map(str, Proof(found[0], self.sources, went()).run()))

    def test_right(self):
        self.assertEqual(self.faults(), "")

    def test_misspelled_name(self):
        said = self.faults("L->>I: input_read", "L->>I: input_raed")
        self.assertIn("input_raed is no function", said)
        self.assertIn("input_read meant", said)
        self.assertIn("README.md:12:", said)

    def test_misspelled_system_call(self):
        self.assertIn("is recv meant?", self.faults("K: recv", "K: recvv"))

    def test_name_of_another_stage(self):
        self.assertIn("connection_settle is no function",
                      self.faults("I->>I: find_message", "I->>I: connection_settle"))

    def test_plain_words_outside_parentheses(self):
        self.assertIn("not a row of names", self.faults("find_message", "then find_message"))
        self.assertIn("is no function", self.faults("find_message", "find_message, waits"))

    def test_misspelled_name_in_words(self):
        self.assertIn("find_massage", self.faults("(hello)", "(for find_massage)"))
        self.assertIn("find_massage", self.faults("L->>I", "Note over L: find_massage\nL->>I"))

    def test_wrong_constant(self):
        self.assertIn("EPOLLOUT does not occur", self.faults("EPOLLIN", "EPOLLOUT"))

    def test_swapped_order(self):
        said = self.faults("I->>K: recv (returns 6)\nI->>I: find_message",
                           "I->>I: find_message\nI->>K: recv (returns 6)")
        self.assertIn("after find_message, recv (returns 6) does not happen any more", said)

    def test_what_never_happens(self):
        self.assertIn("at all", self.faults("I->>K: send", "I->>K: close"))

    def test_wrong_result(self):
        self.assertIn("recv (returns 0)", self.faults("returns 6", "returns 0"))

    def test_wrong_part(self):
        self.assertIn("find_message is in input.c",
                      self.faults("I->>I: find_message", "L->>L: find_message"))

    def test_arrow_to_the_wrong_part(self):
        self.assertIn("but the arrow goes to loop.c",
                      self.faults("L->>I: input_read", "I->>L: input_read"))

    def test_arrow_to_the_kernel_without_a_system_call(self):
        self.assertIn("no system call", self.faults("I->>I: find_message", "I->>K: find_message"))

    def test_system_call_within_the_program(self):
        self.assertIn("is a system call", self.faults("I->>K: send", "L->>I: send"))

    def test_unknown_participant(self):
        self.assertIn("is input.c meant?", self.faults("as input.c", "as inputs.c"))
        self.assertIn("no participant", self.faults("K-->>L", "K-->>X"))

    def test_missing_scene(self):
        said = self.faults(head=HEAD.replace("<!-- scene: echo -->", "Look:"))
        self.assertIn("no comment before the diagram", said)

    def test_branches_are_not_checked(self):
        self.assertIn("neither a participant", self.faults("L->>I", "alt it works\nL->>I"))

    def test_block_without_end(self):
        self.assertIn("no `end`", self.faults("L->>I", "par one\nL->>I"))

    def test_wrong_verb(self):
        self.assertIn("is send meant?", self.faults("C->>K: send", "C->>K: sends"))

    def test_wrong_thread(self):
        self.assertIn("does not return", self.faults("as loop.c", "as worker 1"))
        self.assertEqual(self.faults("as loop.c", "as main thread"), "")

    def test_parallel_branches(self):
        block = "par one\nI->>I: find_message\nand other\nI->>K: recv\nend\n"
        self.assertEqual(self.faults("I->>K: recv (returns 6)\nI->>I: find_message\n", block), "")
        late = block + "I->>K: recv\n"
        self.assertIn("any more",
                      self.faults("I->>K: recv (returns 6)\nI->>I: find_message\n", late))


class LabelTest(unittest.TestCase):
    """What a label may look like."""

    def test_items(self):
        self.assertEqual(items_of("hand_up: on_message, send (returns 0)"),
                         (("hand_up", ""), ("on_message", ""), ("send", "returns 0")))

    def test_not_items(self):
        for text in ("read(4), waits", "6 bytes", "recv returns 0", "recv,", "a,b", ""):
            self.assertEqual(items_of(text), (), text)


if __name__ == "__main__":
    unittest.main()
