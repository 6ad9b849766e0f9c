#!/usr/bin/python3
"""Each mutant of tools/mutants fits the sources as they are: its text is there once, and the tests it names are there.

A place that was rewritten would lose its mutant otherwise, and nobody would know before the next run of all of them.
"""

import fnmatch
import pathlib
import re
import sys
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools" / "mutations"))
from edits import EDITS  # pylint: disable=wrong-import-position

TEST = re.compile(r"^\s*((?:TYPED_)?TEST(?:_[FP])?)\(\s*(\w+),\s*(\w+)\)", re.MULTILINE)
SUITES = re.compile(r"INSTANTIATE_(?:TYPED_)?TEST_SUITE_P\(\s*(\w+),\s*(\w+)", re.MULTILINE)
MUTANTS_MIN = 50  # Fewer, and one was taken away instead of mended.


def names_of(texts):
    """As gtest names the tests; a parameter's own name is any."""
    prefixes, tests = {}, []
    for text in texts:
        tests += TEST.findall(text)
        for prefix, suite in SUITES.findall(text):
            prefixes.setdefault(suite, []).append(prefix)
    for _, suite, name in tests:
        yield f"{suite}.{name}"
        for prefix in prefixes.get(suite, []):
            yield f"{prefix}/{suite}.{name}/0"


def troubles(edits, read, names):
    """What does not fit, for people."""
    for number, edit in enumerate(edits, 1):
        place = f"mutant {number}, '{edit.rule}', {edit.path}"
        found = read(edit.path).count(edit.old)
        if found != 1:
            yield f"{place}: its text is there {found} times; it has to be there once"
        if edit.old == edit.new:
            yield f"{place}: it changes nothing"
        for pattern in edit.tests.split("-")[0].split(":"):
            if not fnmatch.filter(names, pattern):
                yield f"{place}: no test fits '{pattern}'"


class MutantsTest(unittest.TestCase):
    def test_every_mutant_fits_the_sources(self):
        names = list(names_of(path.read_text() for path in sorted((ROOT / "tests").rglob("*.cc"))))
        self.assertGreater(len(names), 1000)
        self.assertEqual(list(troubles(EDITS, lambda path: (ROOT / path).read_text(), names)), [])

    def test_none_was_taken_away(self):
        self.assertGreaterEqual(len(EDITS), MUTANTS_MIN)
        self.assertEqual(len({(edit.path, edit.old, edit.new) for edit in EDITS}), len(EDITS))

    def test_what_does_not_fit_is_told(self):
        edit = EDITS[0]
        names = list(names_of(["TEST(PlanBatch, One) {}", "INSTANTIATE_TEST_SUITE_P(All, PlanBatch, x)"]))
        self.assertEqual(names, ["PlanBatch.One", "All/PlanBatch.One/0"])
        self.assertEqual(list(troubles([edit], lambda path: edit.old, names)), [])
        for text in ("", edit.old * 2):
            self.assertRegex("".join(troubles([edit], lambda path, text=text: text, names)), "is there [02] times")
        self.assertRegex("".join(troubles([edit], lambda path: edit.old, ["Other.One"])), "no test fits")


if __name__ == "__main__":
    unittest.main()
