"""The harness's marks: for which stages and programs a check is."""

import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from harness import runner, spec, stages  # noqa: E402


class SpecTest(unittest.TestCase):
    def test_the_words_for_stages(self):
        for words, yes, no in (("1-", (1, 10), ()), ("7", (7,), (6, 8)),
                               ("1-7,9-", (1, 7, 9, 10), (8,))):
            for number in yes:
                self.assertTrue(spec.includes(words, number))
            for number in no:
                self.assertFalse(spec.includes(words, number))

    def test_a_program_ahead_of_its_stage_has_a_row_of_its_own(self):
        mark = spec.Spec("many", "2-", ("echo_server", "fork_server"),
                         also=("fork", "1", ("fork_server",)))
        self.assertEqual(mark.row_of(1, "fork_server"), "fork")
        self.assertEqual(mark.row_of(1, "echo_server"), "")
        self.assertEqual(mark.row_of(2, "echo_server"), "many")
        self.assertTrue(mark.applies(1, "fork_server", "plain"))
        self.assertFalse(mark.applies(1, "echo_server", "plain"))

    def test_data_races_need_threads(self):
        mark = spec.Spec("echo", "1-", spec.EACH)
        for stage, program, wanted in (
                (1, "thread_server", True), (1, "fork_server", False),
                (7, "chat_server", False), (8, "chat_server", True),
                (8, "prefork_server", False)):
            self.assertEqual(mark.applies(stage, program, "helgrind"), wanted)
            self.assertTrue(mark.applies(stage, program, "valgrind"))

    def test_the_options_of_a_program(self):
        self.assertEqual(stages.flags(1, "fork_server"), ["-a", "-p"])
        self.assertEqual(stages.flags(3, "echo_server"), ["-a", "-p", "-v"])
        self.assertIn("-b", stages.flags(7, "chat_server"))
        self.assertNotIn("-t", stages.flags(7, "chat_server"))
        self.assertIn("-t", stages.flags(8, "chat_server"))
        self.assertNotIn("-f", stages.flags(10, "chat_server"))

    def test_each_mark_of_a_check_is_for_somebody(self):
        """A promise for stages in which none of its programs stands is a slip."""
        for case in runner.load_checks():
            for method in runner.methods(case):
                mark = getattr(case, method).spec
                self.assertTrue(
                    any(mark.applies(number, program, "plain") or
                        "plain" not in mark.modes
                        for number in range(1, 11)
                        for program in stages.Stage(number, "", Path())
                        .promised()), f"{case.group}.{method}")


if __name__ == "__main__":
    unittest.main()
