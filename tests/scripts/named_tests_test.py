#!/usr/bin/python3
"""The tests and attacks that the documentation names as its proof are there."""

import pathlib
import re
import unittest

ROOT = pathlib.Path(__file__).parents[2]
PAGES = [
    "README.md",
    "ARCHITECTURE.md",
    "proto/WRITING.md",
    "tests/README.md",
    "tests/bugs.md",
    "tests/scenarios.md",
    "docs/security.md",
    "docs/testing.md",
]
TEST = re.compile(r"^\s*(?:TYPED_)?TEST(?:_[FP])?\(\s*(\w+),\s*(\w+)\)", re.MULTILINE)
# "Suite.Name", "Suite" or "Name", perhaps cut with an ellipsis.
NAMED = re.compile(r"`((?:[A-Z]\w*\.[A-Z]\w{9,}|[A-Z]\w*Test|[A-Z]+[a-z][A-Za-z0-9]{18,})…?)`")
# "Suite.test_name" of a test in Python, which is not cut.
PYTHON_NAMED = re.compile(r"`([A-Z]\w*)\.(test_\w+)`")
PYTHON_TEST = re.compile(r"^class (\w+)\(|^    (?:async )?def (test_\w+)\(", re.MULTILINE)
ATTACK = re.compile(r"`(tokens|names|order|batches|bombs|connections|floods|strangers|metrics)/([\w*-]+)`")


def pages():
    """Those that are named, which have to be there, and all of docs/."""
    docs = {page.relative_to(ROOT).as_posix() for page in (ROOT / "docs").rglob("*.md")}
    return sorted(docs.union(PAGES))


def tests_of(folder):
    return [match for file in folder.rglob("*.cc") for match in TEST.findall(file.read_text())]


def python_tests_of(folder):
    """(class, test)"""
    for file in folder.rglob("*.py"):
        suite = ""
        for found, test in PYTHON_TEST.findall(file.read_text()):
            suite = found or suite
            if test:
                yield suite, test


def attacks_of(folder):
    """(group, name), and "*" for the whole group."""
    for file in folder.rglob("attack_*.cc"):
        group = file.stem.removeprefix("attack_")
        yield group, "*"
        yield from ((group, name) for name in re.findall(r'"([a-z0-9-]+)"', file.read_text()))


def is_there(name, tests):
    wanted, cut = name.rstrip("…"), name.endswith("…")
    for suite, test in tests:
        for known in (f"{suite}.{test}", suite, test):
            if known == wanted or (cut and known.startswith(wanted)):
                return True
    return False


def missing(text, tests, attacks, python_tests=frozenset()):
    for name in NAMED.findall(text):
        if not is_there(name, tests):
            yield name
    yield from (".".join(named) for named in PYTHON_NAMED.findall(text) if named not in python_tests)
    yield from ("/".join(attack) for attack in ATTACK.findall(text) if attack not in attacks)


class NamedTests(unittest.TestCase):
    def test_what_the_pages_name_is_there(self):
        # Alerts have such names, too.
        alerts = re.findall(r"- alert: (\w+)", (ROOT / "tools" / "monitoring" / "alerts.yml").read_text())
        tests = [*tests_of(ROOT / "tests"), *((alert, "") for alert in alerts)]
        attacks = set(attacks_of(ROOT / "tools" / "mirror_harness"))
        python_tests = set(python_tests_of(ROOT / "tests"))
        self.assertGreater(len(python_tests), 200)
        self.assertGreater(len(tests), 500)
        self.assertGreater(len(attacks), 60)
        for page in pages():
            with self.subTest(page=page):
                self.assertEqual(list(missing((ROOT / page).read_text(), tests, attacks, python_tests)), [])

    def test_a_name_that_is_not_there_is_found(self):
        tests, attacks = [("GateTest", "RefusesWhatIsLate")], {("tokens", "late"), ("tokens", "*")}
        good = "`GateTest.RefusesWhatIsLate`, `GateTest.Refuses…`, `GateTest`, `tokens/late`, `tokens/*`, `PRAGMA`"
        self.assertEqual(list(missing(good, tests, attacks)), [])
        wrong = "`GateTest.RefusesWhatIsEarly`, `WayTest`, `tokens/early`"
        found = ["GateTest.RefusesWhatIsEarly", "WayTest", "tokens/early"]
        self.assertEqual(list(missing(wrong, tests, attacks)), found)
        named = "`Kills.test_each`, `Kills.test_none`, `Other.test_each`"
        self.assertEqual(list(missing(named, tests, attacks, {("Kills", "test_each")})), ["Kills.test_none", "Other.test_each"])


if __name__ == "__main__":
    unittest.main()
