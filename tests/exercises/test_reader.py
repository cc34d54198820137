"""The commands, as a reader and a teacher use and misuse them."""
from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from exercises import patch  # noqa: E402
from exercises.catalogue import exercises, find  # noqa: E402

EASY = "greeting"       # the first exercise of the course
LIMIT = 180


class Commands(unittest.TestCase):
    """Each test has a mine/ of its own."""

    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.mine = Path(self.folder.name) / "mine"
        self.addCleanup(self.folder.cleanup)
        self.exercise = find(EASY)

    def env(self, **more):
        return {**os.environ, "MINE": str(self.mine), "NO_COLOR": "1", **more}

    def run_it(self, *words, **more):
        """(exit status, all that it said)."""
        done = subprocess.run([sys.executable, str(HERE / "run.py"), *words], text=True,
                              env=self.env(**more), stdin=subprocess.DEVNULL,
                              capture_output=True, check=False, timeout=LIMIT)
        return done.returncode, done.stdout + done.stderr

    def expect(self, status, *parts, command=(), **more):
        got, said = self.run_it(*command, **more)
        self.assertEqual(got, status, said)
        for part in parts:
            self.assertIn(part, said)
        return said

    def one_line(self, *parts, command=(), **more):
        """Bad use: one clear line, and exit status 2."""
        said = self.expect(2, *parts, command=command, **more)
        self.assertEqual(said.count("\n"), 1, said)

    def save(self, name=EASY, texts=None):
        for file, text in (texts or find(name).solution_texts()).items():
            (self.mine / name / file).write_text(text, "utf-8")

    # -- a reader's way -------------------------------------------------------

    def test_the_way_of_a_reader(self):
        self.expect(0, "Your copy is", command=("try", EASY))
        self.expect(1, "0 of", "Not yet: ", "as you got it", command=("try", EASY))
        self.expect(0, "hint 1 of", command=("hint", EASY))
        self.expect(0, "hint 2 of", command=("hint", EASY))
        self.one_line("not passed yet", command=("answer", EASY))
        self.save()
        self.expect(0, "Passed", command=("try", EASY))
        self.expect(0, "to the letter", command=("answer", EASY))
        self.expect(0, f"[x] {EASY}", "1/", command=("list",))
        known = json.loads((self.mine / "progress.json").read_text())["exercises"][EASY]
        self.assertEqual((known["tries"], known["hints"]), (1, 2))
        self.assertTrue(known["passed"])
        self.expect(0, "is kept in", command=("reset", EASY))
        self.expect(1, "Not yet", command=("try", EASY))
        self.expect(0, "@@", command=("answer", EASY))

    def test_giving_up(self):
        self.expect(0, command=("try", EASY))
        self.expect(0, "+++", command=("answer", EASY), GIVE_UP="1")

    def test_what_does_not_build(self):
        self.expect(0, command=("try", EASY))
        texts = self.exercise.solution_texts()
        self.save(texts={**texts, "echo_server.c": texts["echo_server.c"] + "int x = y;\n"})
        said = self.expect(1, "does not build: echo_server.c:", command=("try", EASY))
        self.assertIn("'y' undeclared", said.splitlines()[0])

    def test_watch(self):
        self.expect(0, command=("try", EASY))
        watch = subprocess.Popen([sys.executable, "-u", str(HERE / "run.py"), "watch", EASY],
                                 env=self.env(), stdout=subprocess.PIPE, text=True)
        self.addCleanup(watch.stdout.close)
        self.addCleanup(watch.kill)
        for line in watch.stdout:
            if "waiting for you" in line:
                break
        self.save()
        said, _ = watch.communicate(timeout=LIMIT)
        self.assertIn("Passed", said)
        self.assertEqual(watch.returncode, 0)

    def test_a_seed_stays(self):
        name = next(e.name for e in exercises() if e.data.get("numbers"))
        drawn = {find(name).prediction_form(str(seed)): str(seed) for seed in range(20)}
        seed = list(drawn.values())[-1]
        self.expect(0, command=("try", name), SEED=seed)
        self.assertEqual((self.mine / name / "predict.txt").read_text(),
                         find(name).prediction_form(seed))
        self.expect(1, command=("try", name))
        known = json.loads((self.mine / "progress.json").read_text())["exercises"][name]
        self.assertEqual(known["seed"], seed)

    # -- bad use ----------------------------------------------------------------

    def test_names(self):
        self.one_line("there is no exercise 'greting'; near: greeting", command=("try", "greting"))
        self.one_line("there is no exercise", command=("hint", "../../etc"))
        self.one_line("there is no stage", command=("rebuild", "v11"))
        self.mine.mkdir()
        self.one_line("there are json, gradescope, classroom", command=("grade",), FORMAT="xls")
        self.one_line("UPTO=v77", command=("handout",), UPTO="v77")

    def test_damaged_progress(self):
        self.expect(0, command=("try", EASY))
        for text in ("{", "[]", '{"exercises": {"greeting": 3}}', ""):
            (self.mine / "progress.json").write_text(text)
            self.expect(0, "was damaged", "begins anew", command=("hint", EASY))
            self.expect(0, "hint 2", command=("hint", EASY))
        self.assertEqual(len(list(self.mine.glob("progress.damaged-*"))), 4)

    def test_no_copy(self):
        self.expect(0, command=("try", EASY))
        shutil.rmtree(self.mine / EASY)
        self.expect(0, "Your copy is", command=("try", EASY))
        self.mine.rename(self.mine.with_name("gone"))
        self.one_line("no such folder", command=("grade",))

    def test_where_nothing_can_be_written(self):
        self.mine.write_text("a file, not a folder")
        self.one_line("mine", command=("try", EASY))

    def test_full_disk(self):
        self.mine.mkdir()
        words = ["unshare", "--mount", "sh", "-c",
                 f'mount -t tmpfs -o size=24k none "{self.mine}" && exec "$@"', "sh",
                 sys.executable, str(HERE / "run.py"), "try", EASY]
        if os.geteuid() or subprocess.run([*words[:3], "-c", "true"], check=False,
                                          capture_output=True).returncode:
            self.skipTest("only root can make a small disk here")
        done = subprocess.run(words, env=self.env(), capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, 2, done.stdout + done.stderr)
        self.assertIn("No space left on device", done.stderr)
        self.assertEqual(done.stderr.count("\n"), 1, done.stderr)

    def test_two_at_once(self):
        self.expect(0, command=("try", EASY))
        first = subprocess.Popen([sys.executable, "-u", str(HERE / "run.py"), "watch", EASY],
                                 env=self.env(), stdout=subprocess.PIPE, text=True)
        self.addCleanup(first.wait)
        self.addCleanup(first.stdout.close)
        self.addCleanup(first.kill)
        self.assertTrue(first.stdout.readline())
        self.one_line("being checked already", command=("try", EASY))

    def test_ctrl_c(self):
        """In the middle of a check: the exit status of Ctrl-C, and nothing runs on."""
        self.expect(0, command=("try", EASY))
        texts = self.exercise.solution_texts()
        self.save(texts={**texts, "echo_server.c": texts["echo_server.c"].replace(
            "static void start_listening(void)\n{", "static void start_listening(void)\n{\n"
            "    for (;;)\n        pause();", 1)})
        check = subprocess.Popen([sys.executable, str(HERE / "run.py"), "try", EASY],
                                 env=self.env(), stdout=subprocess.PIPE,
                                 stderr=subprocess.STDOUT, text=True, start_new_session=True)
        self.addCleanup(check.kill)
        until = time.monotonic() + 60
        while not servers_of(check.pid) and time.monotonic() < until:
            time.sleep(0.01)
        running = servers_of(check.pid)
        self.assertTrue(running)
        os.killpg(check.pid, signal.SIGINT)
        said, _ = check.communicate(timeout=30)
        self.assertEqual(check.returncode, 130, said)
        self.assertFalse([pid for pid in running if Path(f"/proc/{pid}").exists()], said)


def servers_of(pid: int) -> list:
    """The servers among the processes below one."""
    found, waiting = [], [pid]
    while waiting:
        one = waiting.pop()
        for file in Path(f"/proc/{one}/task").glob("*/children"):
            try:
                below = [int(word) for word in file.read_text().split()]
            except OSError:
                continue
            waiting += below
            found += [child for child in below if name_of(child).endswith("_server")]
    return found


def name_of(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/comm").read_text().strip()
    except OSError:
        return ""


class Patches(unittest.TestCase):
    """Diffs made and applied."""

    def test_there_and_back(self):
        before = {"a.c": "one\ntwo\nthree\n", "b.c": "same\n", "gone.c": "old\n"}
        after = {"a.c": "one\n2\nthree\nfour\n", "b.c": "same\n", "new.c": "first\n"}
        self.assertEqual(patch.apply(before, patch.make(before, after)), after)

    def test_strict(self):
        text = patch.make({"a.c": "one\ntwo\n"}, {"a.c": "one\n2\n"})
        for other in ("one\nTwo\n", "zero\none\ntwo\n", ""):
            with self.assertRaises(patch.DoesNotApply):
                patch.apply({"a.c": other}, text)


if __name__ == "__main__":
    unittest.main()
