#!/usr/bin/python3
"""tools/check runs every selected test once, in fewer processes."""

import os
import pathlib
import subprocess
import sys
import tempfile
import unittest
import unittest.mock

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools" / "lib"))

import grouped_tests  # noqa: E402


def one(name, program="a_test", **properties):
    return name, [program, f"--gtest_filter={name}", "--more"], properties


class Grouping(unittest.TestCase):
    def setUp(self):
        times = unittest.mock.patch.dict(os.environ)
        times.start()
        self.addCleanup(times.stop)
        os.environ.pop("MIRROR_TEST_TIMES", None)

    def test_each_test_is_in_one_group_of_its_suite(self):
        tests = [one(f"Long.T{i}") for i in range(45)] + [one("All/Short.T/0"), one("All/Short.T/1"), one("Other.T")]
        groups = grouped_tests.grouped(tests)
        self.assertEqual([len(group) for group in groups], [20, 20, 5, 2, 1])
        self.assertEqual([test for group in groups for test in group], tests)

    def test_of_long_tests_few_go_together(self):
        tests = [one(f"Long.T{i}", TIMEOUT=900.0) for i in range(12)]
        self.assertEqual([len(group) for group in grouped_tests.grouped(tests)], [5, 5, 2])

    def test_programs_and_properties_are_kept_apart(self):
        tests = [one("S.A"), one("S.B", program="b_test"), one("S.C", TIMEOUT=1.0), one("S.D")]
        self.assertEqual([len(group) for group in grouped_tests.grouped(tests)], [2, 1, 1])

    def test_what_is_no_google_test_is_alone(self):
        tests = [("scripts.a", ["python3", "x.py"], {}), ("scripts.b", ["python3", "x.py"], {})]
        self.assertEqual([len(group) for group in grouped_tests.grouped(tests)], [1, 1])

    def test_a_group_has_one_command_for_all(self):
        tests = [one(name, SKIP_REGULAR_EXPRESSION=["x"], TIMEOUT=120.0) for name in ("S.A", "S.B")]
        name, command, properties = grouped_tests.of_group(tests, 7)
        self.assertEqual((name, command), ("S 7 (2)", ["a_test", "--gtest_filter=S.A:S.B", "--more"]))
        self.assertEqual(properties, {"COST": 120.0, "TIMEOUT": 240.0})

    def test_a_program_of_googletest_is_not_called_skipped_by_its_output(self):
        _, _, properties = grouped_tests.of_group([one("S.A", SKIP_REGULAR_EXPRESSION=["x"])], 1)
        self.assertEqual(properties, {})
        _, _, properties = grouped_tests.of_group([("scripts.a", ["python3", "x.py"], {"SKIP_REGULAR_EXPRESSION": ["x"]})], 1)
        self.assertEqual(properties, {"SKIP_REGULAR_EXPRESSION": ["x"]})

    def test_on_a_slow_machine_each_has_more_time(self):
        with unittest.mock.patch.dict(os.environ, MIRROR_TEST_TIMES="3"):
            alone = grouped_tests.of_group([("scripts.a", ["python3", "x.py"], {"TIMEOUT": 60.0})], 1)
            together = grouped_tests.of_group([one(name, TIMEOUT=120.0) for name in ("S.A", "S.B")], 2)
        self.assertEqual([properties["TIMEOUT"] for _, _, properties in (alone, together)], [180.0, 720.0])


if __name__ == "__main__":
    unittest.main()
