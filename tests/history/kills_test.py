#!/usr/bin/python3
"""Acceptance H1 and H2: a server that is killed at any step of a push has rows and their entry, or neither; a reader that
is killed goes on and misses nothing.

Usage: kills_test.py BIN_DIR [unittest arguments]     MIRROR_TEST_SEED=N: as it was then
"""

import json
import pathlib
import sqlite3
import subprocess
import sys
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "support"))
import journal_place  # noqa: E402
import programs  # noqa: E402
from many_servers import dice as thrown  # noqa: E402
from many_servers import wait_for  # noqa: E402

BIN = None
ROWS = 60
TABLES = (
    "CREATE TABLE people (id INTEGER PRIMARY KEY, name TEXT, age INTEGER, about TEXT)",
    f"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {ROWS}) "
    "INSERT INTO people SELECT i, 'name ' || i, i, printf('%.*c', 60, 'a') FROM n",
)
# Several batches a cycle.
SMALL = {"MIRROR_AGENT_BATCH_BYTES": "1KB", "MIRROR_AGENT_WINDOW": "2"}
OF_CHANGES = ("commit.begun", "rows.written", "journal.written", "journal.closed", "commit.before", "commit.after")
OF_POPULATIONS = ("rows.written", "journal.written", "swap.exchanged", "commit.before", "commit.after")
OF_HISTORY = ("history.kept", "history.compared")


class Place(journal_place.JournalPlace):
    def __init__(self, test, dice, rules):
        super().__init__(test, BIN, rules, TABLES)
        self.dice, self.next_id = dice, 1000

    def change_source(self):
        """Each row at most once, with a value that it never had."""
        stamp = self.dice.randrange(1 << 40)
        ids = [one for (one,) in self.source("SELECT id FROM people ORDER BY id")]
        touched = self.dice.sample(ids, 25)
        gone, whole, partly = touched[:2], touched[2:14], touched[14:]
        new = [self.next_id + one for one in range(self.dice.randint(1, 8))]
        self.next_id += len(new)
        self.source(
            "BEGIN",
            *(f"DELETE FROM people WHERE id = {one}" for one in gone),
            *(f"UPDATE people SET name = '{stamp}', age = {one}, about = 'b{stamp}' WHERE id = {one}" for one in whole),
            *(f"UPDATE people SET name = '{stamp}' WHERE id = {one}" for one in partly),
            *(f"INSERT INTO people VALUES ({one}, '{stamp}', {one}, 'new')" for one in new),
            "COMMIT",
        )

    def rows_of_source(self):
        return {row[0]: row for row in self.source("SELECT id, name, age, about FROM people")}

    def rows_of_mirror(self):
        path = self.server.database("Cust")
        mirror = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
        try:
            return {row[0]: row for row in mirror.execute("SELECT id, name, age, about FROM people")}
        finally:
            mirror.close()

    def last_token(self):
        return self.changes()[-1]["token"]


class H1(unittest.TestCase):
    """Rows and their entry, or neither."""

    def killed(self, place, point, before, since, population):
        """The next cycle, by a server that dies at `point`; whether it did. Another one is there behind it."""
        if population:
            self.assertEqual(place.ctl("invalidate", "Cust", "--table", "people").returncode, 0)
        place.change_source()
        place.start_again(MIRROR_CRASH_AT=point)
        failed = place.try_agent("once", **SMALL).returncode != 0
        if failed:
            place.server.process.wait(journal_place.PATIENCE_S)
        place.start_again()
        self.assert_named(place, before, since)
        return failed

    def assert_named(self, place, before, since):
        """What changed since is named, and what is named has come."""
        now, wanted, named, any_row = place.rows_of_mirror(), place.rows_of_source(), set(), False
        entries = place.changes("--since", since)
        for entry in entries:
            any_row = any_row or entry["keys"] is None
            if entry["operation"] == "POPULATED":
                self.assertEqual(now, wanted)
            keys = {int(key[0]) for key in entry["keys"] or ()}
            named |= keys
            for key in keys:
                self.assertEqual(now.get(key), wanted.get(key), entry)
        changed = {key for key in before.keys() | now.keys() if before.get(key) != now.get(key)}
        if not any_row:
            self.assertLessEqual(changed, named)
        return entries

    def die_at_each(self, place, dice, points, population=False):
        died, entries = [], 0
        for point in points:
            # The first pass, and a later one, which there may not be.
            for number in (1, dice.randint(2, 6)):
                with self.subTest(point=point, number=number):
                    before, since = place.rows_of_mirror(), place.last_token()
                    if self.killed(place, f"{point}:{number}", before, since, population):
                        died.append(point)
                    place.agent("once", **SMALL)
                    self.assertEqual(place.rows_of_mirror(), place.rows_of_source())
                    told = self.assert_named(place, before, since)
                    self.assertTrue(all(one["lsn"] is not None for one in told), told)
                    entries += len(told)
        self.assertEqual(set(points) - set(died), set())
        self.assertGreater(entries, len(points))

    def test_of_changes(self):
        dice = thrown()
        self.die_at_each(Place(self, dice, journal_place.JOURNAL), dice, OF_CHANGES)

    def test_of_populations(self):
        dice = thrown()
        self.die_at_each(Place(self, dice, journal_place.JOURNAL), dice, OF_POPULATIONS, population=True)

    def test_with_a_history(self):
        dice = thrown()
        place = Place(self, dice, journal_place.HISTORY)
        self.die_at_each(place, dice, (*OF_CHANGES, OF_HISTORY[0]))
        self.die_at_each(place, dice, (*OF_POPULATIONS, OF_HISTORY[1]), population=True)


class H2(unittest.TestCase):
    """A reader that is killed goes on: none is missing, and of pages one comes twice at most."""

    def setUp(self):
        self.dice = thrown()
        self.place = Place(self, self.dice, journal_place.JOURNAL)
        self.begin = self.place.last_token()

    def push(self):
        self.place.change_source()
        self.place.agent("once", **SMALL)

    def all_numbers(self):
        return [one["number"] for one in self.place.changes("--since", self.begin)]

    def test_of_pages(self):
        kept, done, deaths, pages = self.begin, [], 0, 0
        for _ in range(6):
            self.push()
            complete = False
            while not complete:
                if self.dice.random() < 0.1:
                    self.place.server.kill()
                    self.place.server.start()
                with self.place.get(f"/v4/storages/Cust/changes?since={kept}&count={self.dice.randint(1, 4)}") as answer:
                    page = json.loads(answer.read())
                done += [one["number"] for one in page["changes"]]
                pages += 1
                if page["changes"] and self.dice.random() < 0.3:
                    # It dies before it has kept its token: the page comes again.
                    deaths += 1
                    continue
                kept, complete = page["next"], page["complete"]
        wanted = self.all_numbers()
        self.assertEqual(sorted(set(done)), wanted)
        self.assertGreater(deaths, 0)
        self.assertGreater(pages, 6)
        self.assertLessEqual(len(done) - len(wanted), 4 * deaths)

    def test_of_followers(self):
        """Of mirrorctl, killed behind any line; each line that was read whole is done."""
        kept, done = self.begin, []
        for _ in range(5):
            self.push()
            wanted = self.all_numbers()
            words = ("changes", "Cust", "--json", "--follow", "--since", kept)
            follower = subprocess.Popen(
                [BIN / "mirrorctl", "--config", self.place.server.folder / "mirrorctl.toml", *words],
                stdout=subprocess.PIPE,
                text=True,
                env=programs.environment(),
            )
            try:
                for _ in range(self.dice.randint(1, len(wanted) - len(done))):
                    line = json.loads(follower.stdout.readline())
                    done.append(line["number"])
                    kept = line["token"]
            finally:
                follower.kill()
                follower.wait(journal_place.PATIENCE_S)
                follower.stdout.close()
        done += [one["number"] for one in self.place.changes("--since", kept)]
        self.assertEqual(done, self.all_numbers())

    def test_of_events(self):
        """Over HTTP, with the last id that was heard."""
        kept, done = self.begin, []
        for _ in range(5):
            self.push()
            wanted = self.all_numbers()
            path = f"/v4/storages/Cust/changes?since={self.begin}"
            fields = {"Accept": "text/event-stream", "Last-Event-ID": kept}
            with self.place.get(path, **fields) as stream:
                for _ in range(self.dice.randint(1, len(wanted) - len(done))):
                    event = [stream.readline().decode().rstrip("\n") for _ in range(4)]
                    self.assertEqual((event[1], event[3]), ("event: change", ""), event)
                    kept = event[0].removeprefix("id: ")
                    change = json.loads(event[2].removeprefix("data: "))
                    self.assertEqual(change["token"], kept)
                    done.append(change["number"])
            # One key may follow three times; whoever comes back soon is not kept waiting for himself.
            wait_for("end of the stream", lambda: self.place.streams_open() == 0, journal_place.PATIENCE_S)
        done += [one["number"] for one in self.place.changes("--since", kept)]
        self.assertEqual(done, self.all_numbers())


if __name__ == "__main__":
    BIN = pathlib.Path(sys.argv.pop(1)).resolve()
    unittest.main()
