#!/usr/bin/python3
"""Acceptance H19: the same batches to a mirror in SQLite and to one in PostgreSQL are the same changes, the same
history, and the same between two moments.

Usage: stores_test.py BIN_DIR [unittest arguments]     MIRROR_TEST_SEED=N: as it was then
"""

import pathlib
import sys
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "support"))
import journal_place  # noqa: E402
import many_servers  # noqa: E402

BIN = None
TABLES = (
    "CREATE TABLE people (id INTEGER PRIMARY KEY, name TEXT, age INTEGER, photo BLOB)",
    "CREATE TABLE visits (room TEXT, number INTEGER, note, PRIMARY KEY (room, number))",
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 40) "
    "INSERT INTO people SELECT i, 'name ' || i, i % 9, CASE i % 3 WHEN 0 THEN zeroblob(i) END FROM n",
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 40) "
    "INSERT INTO visits SELECT 'room ' || i % 4, i, CASE i % 4 WHEN 0 THEN i WHEN 1 THEN i / 3.0 ELSE 'n' || i END FROM n",
)
ROUNDS = 12
# What is of one installation alone, and what is when.
OF_ONE = {"token", "time", "sourceTime", "receipt", "cycle"}


def setUpModule():
    many_servers.start_cluster()


def tearDownModule():
    many_servers.remove_cluster()


def statements(dice, number):
    """Of one cycle; keys that change their rows, values that stay what they are, values of other kinds."""
    some = dice.sample(range(1, 41), 8)
    listed = ", ".join(map(str, some[:4]))
    kinds = (
        f"UPDATE people SET name = 'n{number}' WHERE id IN ({listed})",
        f"UPDATE people SET age = age WHERE id IN ({listed})",
        f"UPDATE people SET age = {number}, photo = x'0{number % 10}' WHERE id IN ({listed})",
        f"DELETE FROM people WHERE id = {some[4]}",
        f"INSERT OR IGNORE INTO people VALUES ({some[5]}, 'again', {number}, NULL), ({100 + number}, 'new', NULL, NULL)",
        f"UPDATE OR IGNORE people SET id = {200 + number} WHERE id = {some[6]}",
        f"UPDATE visits SET note = {dice.choice(('1', '1.0', repr('1'), 'NULL', 'x' + repr('01')))} WHERE number IN ({listed})",
        f"DELETE FROM visits WHERE number = {some[7]}",
        f"INSERT OR REPLACE INTO visits VALUES ('Zürich', {number % 4}, {number})",
    )
    return dice.sample(kinds, dice.randint(1, 4))


class H19(unittest.TestCase):
    def same(self, *words):
        """What both mirrors say, without what is of one alone."""
        told = [self.told(place, *words) for place in self.places]
        self.assertEqual(told[0], told[1], words)
        return told[0]

    @staticmethod
    def told(place, *words):
        def without(value):
            if isinstance(value, list):
                return [without(one) for one in value]
            if not isinstance(value, dict):
                return value
            return {name: without(one) for name, one in value.items() if name not in OF_ONE and not name.endswith("_ms")}

        return [without(one) for one in place.lines(*words)]

    def test_changes_and_history(self):
        dice = many_servers.dice()
        self.places = [
            journal_place.JournalPlace(self, BIN, journal_place.HISTORY, TABLES, url)
            for url in (None, many_servers.make_database())
        ]
        for number in range(ROUNDS):
            writes = statements(dice, number)
            populates = dice.random() < 0.2
            for place in self.places:
                place.source(*writes)
                if populates:
                    done = place.ctl("invalidate", "Cust", "--table", "people", "visits")
                    self.assertEqual(done.returncode, 0, done.stderr)
                place.agent("once")
        changes = self.same("changes", "Cust")
        self.assertGreater(len(changes), ROUNDS)
        self.assertEqual({one["table"] for one in changes}, {"people", "visits"})
        versions = 0
        for key in (*range(1, 41, 4), *range(100, 100 + ROUNDS, 4), *range(200, 200 + ROUNDS, 4)):
            versions += len(self.same("history", "Cust", "people", str(key)))
            self.same("explain", "Cust", "people", str(key))
        for room, number in self.places[0].source("SELECT room, number FROM visits"):
            versions += len(self.same("history", "Cust", "visits", f"'{room}', {number}"))
        self.assertGreater(versions, 25)
        for table in ("people", "visits"):
            moments = sorted({one["moment"] for one in changes if one["table"] == table})
            for first, last in zip(moments, moments[2:]):
                self.same("diff", "Cust", table, "--from", f"m:{first}", "--to", f"m:{last}")


class Restored(unittest.TestCase):
    """A backup of a mirror in PostgreSQL has no journal in it: who followed the former one is told nevertheless."""

    def test_readers_are_told(self):
        place = journal_place.JournalPlace(self, BIN, journal_place.JOURNAL, TABLES, many_servers.make_database())
        copy = str(place.work / "copy.db")
        self.assertEqual(place.ctl("backup", "Cust", copy).returncode, 0)
        token = "0"
        for _ in range(2):
            done = place.ctl("restore", "Cust", copy, "--confirm", "Cust")
            self.assertEqual(done.returncode, 0, done.stderr)
            if token != "0":
                refused = place.ctl("changes", "Cust", "--since", token)
                self.assertEqual(refused.returncode, 1)
                self.assertIn("OUT_OF_RANGE", refused.stderr)
            told = place.lines("changes", "Cust")
            self.assertEqual({(one["table"], one["operation"]) for one in told}, {("people", "COMPARE"), ("visits", "COMPARE")})
            self.assertNotEqual(told[-1]["token"], token)
            token = told[-1]["token"]


if __name__ == "__main__":
    BIN = pathlib.Path(sys.argv.pop(1)).resolve()
    unittest.main()
