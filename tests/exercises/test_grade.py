"""A class hands in: right, half right, a Makefile that cheats, a fork bomb, nothing."""
from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from exercises import formats  # noqa: E402
from exercises.catalogue import find  # noqa: E402
from exercises.grade import Grade, Part  # noqa: E402

EASY = "greeting"
BEGIN = "    start_listening();\n"
# Gradescope's documentation of results.json, and what GitHub Classroom's reporter reads.
GRADESCOPE = {"score": float, "execution_time": int, "output": str, "output_format": str,
              "visibility": str, "stdout_visibility": str, "tests": list}
GRADESCOPE_TEST = {"name": str, "number": str, "score": float, "max_score": float,
                   "status": str, "output": str, "output_format": str, "visibility": str}
VISIBILITIES = ("hidden", "after_due_date", "after_published", "visible")
CLASSROOM_STATUS = ("pass", "fail", "error")


class Class(unittest.TestCase):
    """Each student has a folder of their own."""

    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(cls.folder.cleanup)
        cls.exercise = find(EASY)

    def hand_in(self, student: str, texts=None, **files) -> Path:
        """A submission: sources, and whatever else lies beside them."""
        mine = Path(self.folder.name) / student
        copy = mine / EASY
        copy.mkdir(parents=True)
        for name, text in {**(texts or {}), **files}.items():
            (copy / name).write_text(text, "utf-8")
        return mine

    def grade(self, mine: Path, kind="json", **more) -> dict:
        out = Path(self.folder.name) / f"{mine.name}.{kind}"
        done = subprocess.run(
            [sys.executable, str(HERE / "run.py"), "grade"], capture_output=True, text=True,
            check=False, timeout=300,
            env={**os.environ, "MINE": str(mine), "FORMAT": kind, "OUT": str(out), **more})
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        return json.loads(out.read_text())

    def parts(self, result: dict) -> dict:
        return {part["what"]: part for part in result["exercises"][0]["parts"]}

    def test_right(self):
        mine = self.hand_in("right", self.exercise.solution_texts(), **{"words.txt": "I did it."})
        result = self.grade(mine)
        self.assertEqual(result["score"], result["max_score"], result)
        self.assertEqual(result["exercises"][0]["own_words"], "I did it.")
        self.assertGreaterEqual(result["max_score"], 75)

    def test_untouched_earns_nothing(self):
        self.assertEqual(self.grade(self.hand_in("untouched", self.exercise.start_texts()))["score"],
                         0)

    def test_half_right(self):
        """It does what is asked, and a warning, and it breaks something that held before."""
        texts = self.exercise.solution_texts()
        texts["echo_server.c"] = texts["echo_server.c"].replace(
            "        if (written < 0)\n            return false;\n",
            "        int unused;\n        if (written < 0)\n            return false;\n"
            "        if (left > 1000)\n            return false;\n", 1)
        self.assertNotEqual(texts, self.exercise.solution_texts())
        parts = self.parts(self.grade(self.hand_in("half", texts)))
        self.assertTrue(0 < parts["behaviour"]["score"] < 70, parts)
        self.assertIn("broken that held before", parts["behaviour"]["output"])
        self.assertIn("unused", parts["warnings and format"]["output"])

    def test_a_makefile_that_cheats(self):
        """Its Makefile and its programs are not used."""
        cheat = "all:\n\tcp /bin/true echo_server\n"
        mine = self.hand_in("cheat", self.exercise.start_texts(), Makefile=cheat,
                            echo_server="#!/bin/sh\nexit 0\n", **{"check_it.py": "raise 1\n"})
        self.assertEqual(self.grade(mine)["score"], 0)

    def test_a_fork_bomb(self):
        texts = self.exercise.solution_texts()
        texts["echo_server.c"] = texts["echo_server.c"].replace(
            BEGIN, "    for (;;)\n        if (fork() == 0)\n            setsid();\n" + BEGIN)
        start = time.monotonic()
        result = self.grade(self.hand_in("bomb", texts))
        self.assertEqual(result["score"], 0)
        self.assertIn("were ended", json.dumps(result))
        self.assertLess(time.monotonic() - start, 200)

    def test_memory_without_end(self):
        texts = self.exercise.solution_texts()
        texts["echo_server.c"] = texts["echo_server.c"].replace(
            BEGIN, "    for (;;)\n        memset(malloc(1 << 20), 1, 1 << 20);\n" + BEGIN)
        result = self.grade(self.hand_in("memory", texts))
        self.assertEqual(result["score"], 0)
        self.assertIn("MiB of memory", json.dumps(result))

    def test_empty(self):
        result = self.grade(self.hand_in("empty"))
        self.assertEqual(result["score"], 0)
        self.assertGreater(result["max_score"], 0)
        nothing = Path(self.folder.name) / "nothing"
        nothing.mkdir()
        self.assertEqual(self.grade(nothing, "gradescope")["tests"], [])

    def test_secrets_of_the_machine(self):
        """What root alone may read can't be compiled into a server."""
        if os.geteuid():
            self.skipTest("only root has something to hide")
        secret = Path(self.folder.name) / "secret"
        secret.write_text("static int secret;\n")
        secret.chmod(0o600)
        texts = self.exercise.solution_texts()
        texts["echo_server.c"] += f'#include "{secret}"\n'
        result = self.grade(self.hand_in("reads", texts))
        self.assertIn("Permission denied", json.dumps(result))

    def test_gradescope(self):
        result = self.grade(self.hand_in("scope", self.exercise.solution_texts()), "gradescope")
        self.check_types(result, GRADESCOPE)
        for test in result["tests"]:
            self.check_types(test, GRADESCOPE_TEST)
            self.assertIn(test["visibility"], VISIBILITIES)
            self.assertIn(test.get("status", "passed"), ("passed", "failed"))
        self.assertEqual(result["score"], sum(test.get("score", 0) for test in result["tests"]))

    def test_classroom(self):
        output = Path(self.folder.name) / "output"
        result = self.grade(self.hand_in("room", self.exercise.solution_texts()), "classroom",
                            GITHUB_OUTPUT=str(output))
        self.assertEqual(result["status"], "pass")
        name, packed = output.read_text().strip().split("=", 1)
        self.assertEqual(name, "result")
        self.assertEqual(json.loads(base64.b64decode(packed)), result)

    def check_types(self, found: dict, wanted: dict):
        """No key that the format does not know, and each of its type."""
        for key, value in found.items():
            self.assertIn(key, wanted)
            kinds = (int, float) if wanted[key] is float else wanted[key]
            self.assertIsInstance(value, kinds, key)


class Formats(unittest.TestCase):
    """What has not come to its end, or failed, is told as such."""

    def setUp(self):
        self.grades = [Grade("a", "build", [Part("behaviour", 35, 70, "x: y")])]

    def test_classroom(self):
        for grades, complete, status in ((self.grades, True, "fail"), (self.grades, False, "error"),
                                         ([], True, "error")):
            found = json.loads(formats.as_classroom(grades, complete))
            self.assertEqual(found["status"], status)
            self.assertIn(found["status"], CLASSROOM_STATUS)
        test = json.loads(formats.as_classroom(self.grades, True))["tests"][0]
        self.assertEqual((test["status"], test["score"], test["message"]), ("fail", 35, "x: y"))

    def test_a_grader_that_ended_early(self):
        self.assertIn("did not come", json.loads(formats.as_gradescope(self.grades, False))["output"])
        self.assertFalse(json.loads(formats.as_json(self.grades, False))["complete"])


if __name__ == "__main__":
    unittest.main()
