"""Does a trace become the right story? Without a tracer: the trace is made up."""
import json
import tempfile
import unittest
from pathlib import Path

import paths    # noqa: F401
import as_json
import as_mermaid
import as_tree
import calls
import scenes
from record import Recording, Word
from sources import Sources
from story import Story

LOOP = """
static inline int is_ready(const Loop *loop)
{
    return loop->ready;
}

static bool run_one(Loop *loop)
{
    is_ready(loop);
    return recv(loop->fd, loop->data, 1, 0) == 1;
}

int loop_run(Loop *loop)
{
    while (epoll_wait(loop->fd, loop->events, 1, -1) > 0) {
        if (!is_ready(loop))
            continue;
        loop->on_ready(loop);
    }
    return 0;
}

int main(void)
{
    strlen("start");
    return loop_run(NULL);
}
"""


def traced(script, step=1000) -> str:
    """What uftrace would write: `name` begins, `/name result` ends; each takes a microsecond."""
    events = []
    for i, text in enumerate(script):
        name, _, result = text.lstrip("/").partition(" ")
        event = {"ts": i * step / 1000, "ph": "E" if text[0] == "/" else "B", "pid": 7,
                 "name": name}
        if result:
            event["args"] = {"retval" if text[0] == "/" else "arguments": result}
        events.append(event)
    return json.dumps({"traceEvents": events})


TURN = ["is_ready", "/is_ready 1", "run_one", "is_ready", "/is_ready 1", "recv (8, 1)", "/recv 1",
        "/run_one 1"]
SCRIPT = ["main", "strlen", "/strlen", "loop_run", "epoll_wait (5, 1, -1)", "/epoll_wait 1", *TURN,
          "epoll_wait (5, 1, -1)", "/epoll_wait 1", *TURN,
          "epoll_wait (5, 1, -1)", "/epoll_wait 1", *TURN, "epoll_wait (5, 1, -1)"]


class StoryTest(unittest.TestCase):
    """A server with one loop, and one client."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        (Path(folder.name) / "loop.c").write_text(LOOP, encoding="utf-8")
        self.sources = Sources(folder.name, "echo_server")
        threads = calls.Reader(self.sources.functions).read(traced(SCRIPT))
        word = Word(4500, "client 1", "send", "client 1 sends")
        self.story = Story(Recording(threads, [word], 4500, 90000, 7), self.sources)

    def test_tree(self):
        self.assertEqual(list(as_tree.Tree(self.story, False).lines()), [
            "main()    (its start, 1 calls, is left out)",
            "  loop_run()",
            "    epoll_wait(5, 1, -1)",
            "* client 1 sends",
            "    ... epoll_wait returns 1",
            "    run_one() = true \u00d7 3 (1 of 2)",
            "      recv(8, 1) = 1",
            "    epoll_wait(5, 1, -1) = 1 \u00d7 3 (2 of 2)"])

    def test_colours_only_when_asked(self):
        self.assertNotIn("\033", "".join(as_tree.Tree(self.story, False).lines()))
        self.assertIn("\033[", "".join(as_tree.Tree(self.story, True).lines()))

    def test_json(self):
        found = as_json.facts(self.story, "v01_socket", scenes.SCENES[0])
        found = json.loads(as_json.text(found))
        self.assertEqual(found["threads"], [{"id": 0, "name": "main thread"}])
        kinds = [event["kind"] for event in found["events"]]
        self.assertEqual(kinds, ["call"] * 3 + ["client"] + ["call"] * 3)
        run_one = found["events"][4]
        self.assertEqual(
            {key: run_one[key] for key in ("name", "file", "line", "caller", "at", "result",
                                           "folded", "system", "depth")},
            {"name": "run_one", "file": "loop.c", "line": 7, "caller": "loop_run",
             "at": {"file": "loop.c", "line": 18}, "result": "true", "folded": 1,
             "system": False, "depth": 2})

    def test_mermaid(self):
        lines = as_mermaid.lines(self.story)
        self.assertEqual(lines[0], "sequenceDiagram")
        self.assertEqual([line.strip() for line in lines if ">>" in line], [
            "L->>K: epoll_wait", "C1->>K: send", "K-->>L: epoll_wait",
            "L->>L: run_one (3 times)", "L->>K: recv", "L->>K: epoll_wait (3 times)"])


class SourcesTest(unittest.TestCase):
    """Where calls are made."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        (Path(folder.name) / "loop.c").write_text(LOOP, encoding="utf-8")
        self.sources = Sources(folder.name, "echo_server")

    def test_call_lines(self):
        self.assertEqual(self.sources.call_line("loop_run", "epoll_wait"), 15)
        self.assertEqual(self.sources.call_line("loop_run", "is_ready", 15), 16)
        self.assertEqual(self.sources.call_line("loop_run", "epoll_wait", 18), 15)
        self.assertEqual(self.sources.call_line("loop_run", "run_one", 16), 18)
        self.assertIsNone(self.sources.call_line("run_one", "loop_run"))
        self.assertIsNone(self.sources.call_line("nobody", "loop_run"))

    def test_types(self):
        functions = self.sources.functions
        self.assertEqual(functions["run_one"].type, "bool")
        self.assertTrue(functions["is_ready"].is_trivial)
        self.assertFalse(functions["run_one"].is_trivial)


if __name__ == "__main__":
    unittest.main()
