"""Is a log of valgrind read rightly?"""
import os
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from harness.modes import VALGRIND  # noqa: E402

TWO_PROCESSES_AT_ONCE = """\
==12== FILE DESCRIPTORS: 4 open (3 std) at exit.
==13== FILE DESCRIPTORS: 4 open (3 std) at exit.
==12== Open file descriptor 3: /tmp/log
==13== Open file descriptor 3: /tmp/log
==12==    <inherited from parent>
==13==    {origin}
==12==
==13==
==12== ERROR SUMMARY: 0 errors from 0 contexts (suppressed: 0 from 0)
==13== ERROR SUMMARY: 0 errors from 0 contexts (suppressed: 0 from 0)
"""


class Descriptors(unittest.TestCase):
    def test_what_two_processes_inherited_is_no_leak(self):
        log = TWO_PROCESSES_AT_ONCE.format(origin="<inherited from parent>")
        self.assertEqual("", VALGRIND.complaint(log))

    def test_what_one_of_them_opened_is_a_leak(self):
        log = TWO_PROCESSES_AT_ONCE.format(origin="at 0x1234: open (open64.c:41)")
        self.assertEqual("valgrind: descriptors 3 left open at exit", VALGRIND.complaint(log))


if __name__ == "__main__":
    unittest.main()
