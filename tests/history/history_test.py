#!/usr/bin/python3
"""Acceptance H11 to H15 and H18 with the programs as they are shipped: what was proven is read again, what has to go is in
no file, and what a table was is exported as of then.

Usage: history_test.py BIN_DIR [unittest arguments]
"""

import csv
import json
import os
import pathlib
import random
import shutil
import sqlite3
import sys
import tempfile
import threading
import time
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "support"))
sys.path.insert(0, str(ROOT / "tests" / "python"))
import programs  # noqa: E402
import records_server  # noqa: E402

BIN = None
RULES = '\n[[tenant]]\ncontext_id = "*"\n[[tenant.table]]\nname = "*"\nhistory = true\nhistory_keep = "30d"\n'
CREATE = "CREATE TABLE people (id INTEGER PRIMARY KEY, name TEXT, age INTEGER, mail TEXT)"
AGED_MS = 90 * 86_400_000
CYCLES = 12
MANY = 12_000  # Versions that three transactions remove.


def ask(path, sql):
    database = sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=10)
    try:
        return database.execute(sql).fetchall()
    finally:
        database.close()


def change(path, *statements):
    database = sqlite3.connect(path, timeout=10)
    try:
        for sql in statements:
            database.execute(sql)
        database.commit()
    finally:
        database.close()


class Place(unittest.TestCase):
    """A server that keeps versions of all rows, its agent, and a source of one table."""

    def setUp(self):
        self.seed = int(os.environ.get("MIRROR_TEST_SEED") or random.SystemRandom().randrange(2**32))
        self.dice = random.Random(self.seed)
        self.work = pathlib.Path(tempfile.mkdtemp(prefix="history-"))
        self.addCleanup(shutil.rmtree, self.work, ignore_errors=True)
        self.crm = self.work / "crm.db"
        change(self.crm, CREATE)
        self.server = records_server.RecordsServer(BIN, self.work / "dev", source=self.crm)
        self.mirror = self.server.database("Cust")
        self.add_rules(RULES)
        self.server.start()
        self.addCleanup(self.server.stop)
        self.agent("install")

    def add_rules(self, text):
        with (self.server.folder / "mirror-server.toml").open("a") as file:
            file.write(text)

    def agent(self, command, *more):
        done = self.server.run("mirror-agent", command, "--config", self.server.folder / "mirror-agent.toml", *more)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        return done.stdout

    def write(self, *statements):
        """In the source, and by a cycle in the mirror; the moment that this ended."""
        change(self.crm, *statements)
        self.agent("once")
        return self.moment()

    def die_at(self, point):
        """The server that is stopped comes up, dies in the next cycle, and is there again."""
        self.server.start(MIRROR_CRASH_AT=point)
        config = self.server.folder / "mirror-agent.toml"
        self.assertNotEqual(self.server.run("mirror-agent", "once", "--config", config).returncode, 0)
        self.server.process.wait(programs.PATIENCE_S)
        self.server.start()

    def moment(self):
        return ask(self.mirror, "SELECT max(moment) FROM _mirror_commits WHERE table_name = 'people'")[0][0]

    def rows(self):
        return ask(self.crm, "SELECT * FROM people ORDER BY id")

    def try_ctl(self, *words):
        return self.server.run("mirrorctl", "--config", self.server.folder / "mirrorctl.toml", *words)

    def export(self, how, *words):
        """The rows of the file, in the order of their keys."""
        out = self.work / f"out.{how}"
        self.server.ctl("export", "Cust", "people", "--format", how, "--out", out, "--replace", *words)
        if how == "csv":
            with out.open(encoding="utf-8", newline="") as file:
                rows = list(csv.DictReader(file))
        elif how == "ndjson":
            rows = [json.loads(line) for line in out.read_text(encoding="utf-8").splitlines()]
        else:
            data = out.read_bytes()
            self.assertEqual((data[:4], data[-4:]), (b"PAR1", b"PAR1"))
            return data
        return sorted(rows, key=lambda row: int(row["id"]))

    def plain(self, rows, empty=None):
        """Of an export: the columns of the table, as texts."""
        names = ("id", "name", "age", "mail")
        return [tuple(None if row[name] == empty else str(row[name]) for name in names) for row in rows]

    @staticmethod
    def texts(rows):
        return [tuple(None if value is None else str(value) for value in row) for row in rows]

    def files_with(self, *texts):
        return sorted({file.name for file, data in self.server.contents() for text in texts if text.encode() in data})

    def wait_for(self, look):
        end = time.monotonic() + programs.PATIENCE_S
        while not (found := look()):
            self.assertLess(time.monotonic(), end, "it did not come")
            time.sleep(0.05)
        return found


class H11(Place):
    def test_what_was_proven_equal_has_the_same_digest_as_of_then(self):
        self.write(*(f"INSERT INTO people VALUES ({i}, 'n{i}', {i}, NULL)" for i in range(1, 41)))
        proven = 0
        for cycle in range(int(os.environ.get("MIRROR_TEST_ROUNDS") or CYCLES)):
            keys = self.dice.sample(range(1, 60), 8)
            self.write(
                *(f"UPDATE people SET age = {self.dice.randrange(9)}, mail = 'm{cycle}' WHERE id = {key}" for key in keys[:4]),
                *(f"DELETE FROM people WHERE id = {key}" for key in keys[4:6]),
                *(f"INSERT OR REPLACE INTO people VALUES ({key}, 'new', {cycle}, x'00')" for key in keys[6:]),
            )
            self.agent("verify")
            proven += 1
        digests = ask(self.mirror, "SELECT row_count, digest FROM _mirror_journal WHERE digest IS NOT NULL")
        self.assertGreaterEqual(len(digests), proven, f"seed {self.seed}")
        self.assertEqual({(type(rows), type(digest)) for rows, digest in digests}, {(int, bytes)})
        states = [json.loads(line) for line in self.server.ctl("history", "verify", "Cust", "--json").splitlines()]
        self.assertEqual(len(states), len(digests), f"seed {self.seed}")
        self.assertEqual({state["equal"] for state in states}, {True}, f"seed {self.seed}: {states}")
        shown = self.server.ctl("history", "verify", "Cust")
        self.assertEqual(sum(line.rstrip().endswith(" equal") for line in shown.splitlines()), len(states), shown)
        # One value of one version, by hand.
        (versions,) = ask(self.mirror, "SELECT versions FROM _mirror_history WHERE table_name = 'people'")[0]
        change(
            self.mirror,
            f"UPDATE {versions} SET name = 'other' WHERE _mirror_number = "
            f"(SELECT max(_mirror_number) FROM {versions} WHERE _mirror_was = 1)",
        )
        done = self.try_ctl("history", "verify", "Cust")
        self.assertEqual(done.returncode, 1, done.stdout)
        self.assertIn("NOT EQUAL", done.stdout)
        self.assertIn("proven equal to the source", done.stderr)


class Forgotten(Place):
    """Values that are in files, and then in none."""

    SECRETS = ("secret-first-4711", "secret-second-4712", "secret-deleted-4713", "secret-present-4714")

    def fill(self):
        first, second, deleted, present = self.SECRETS
        self.write(
            f"INSERT INTO people VALUES (1, '{first}', 36, '{first}')",
            f"INSERT INTO people VALUES (2, '{deleted}', 45, '{deleted}')",
            f"INSERT INTO people VALUES (3, '{present}', 41, NULL)",
        )
        self.write(f"UPDATE people SET name = '{second}', mail = '{second}' WHERE id = 1", "DELETE FROM people WHERE id = 2")
        self.write("UPDATE people SET name = 'plain', mail = NULL WHERE id = 1")
        for secret in self.SECRETS:
            self.assertNotEqual(self.files_with(secret), [], secret)

    def test_h12_what_a_new_rule_hashes_is_in_no_file(self):
        self.fill()
        self.server.stop()
        self.add_rules('[[tenant.table]]\nname = "people"\nhash = ["name", "mail"]\n')
        self.server.start()
        self.agent("once")
        self.assertIn("mirror.scrubbed", self.wait_for(lambda: self.server.ctl("events", "Cust", "--json")))
        self.assertEqual(self.files_with(*self.SECRETS), [])
        # What may stay is there as of then.
        (versions,) = ask(self.mirror, "SELECT versions FROM _mirror_history WHERE table_name = 'people'")[0]
        kept = ask(self.mirror, f"SELECT id, name, age, mail FROM {versions} WHERE _mirror_was = 1 ORDER BY _mirror_number")
        self.assertIn((2, None, 45, None), kept)
        self.write("UPDATE people SET age = 37 WHERE id = 1")
        self.assertEqual(self.files_with(*self.SECRETS), [])

    def test_h12_a_key_that_a_new_rule_hashes_is_in_no_file(self):
        change(self.crm, "CREATE TABLE tags (tag TEXT PRIMARY KEY, n INTEGER)")
        self.agent("install")
        self.write(*(f"INSERT INTO tags VALUES ('{secret}', 1)" for secret in self.SECRETS))
        self.write("UPDATE tags SET n = 2", f"DELETE FROM tags WHERE tag = '{self.SECRETS[0]}'")
        for secret in self.SECRETS:
            self.assertNotEqual(self.files_with(secret), [], secret)
        self.server.stop()
        self.add_rules('[[tenant.table]]\nname = "tags"\nhash = ["tag"]\n')
        self.server.start()
        self.agent("once")
        self.assertIn("mirror.scrubbed", self.wait_for(lambda: self.server.ctl("events", "Cust", "--json")))
        self.assertEqual(self.files_with(*self.SECRETS), [])

    def test_h12_an_erasure_before_the_population_leaves_the_rule_waiting(self):
        self.fill()
        self.server.stop()
        self.add_rules('[[tenant.table]]\nname = "people"\nhash = ["name", "mail"]\n')
        self.die_at("swap.exchanged")
        self.assertNotEqual(self.files_with(self.SECRETS[3]), [], "the former rows are there")
        self.server.ctl("erase", "Cust", "people", "2", "--now")
        self.agent("once")
        self.assertIn("mirror.scrubbed", self.wait_for(lambda: self.server.ctl("events", "Cust", "--json")))
        self.assertEqual(self.files_with(*self.SECRETS), [])

    def test_h13_what_is_erased_at_once_is_in_no_file(self):
        self.fill()
        deleted = self.SECRETS[2]
        done = self.try_ctl("erase", "Cust", "people", "1", "--now")
        self.assertEqual(done.returncode, 1, done.stdout)
        self.assertIn("FAILED_PRECONDITION", done.stderr)
        self.assertNotEqual(self.files_with(self.SECRETS[1]), [], "nothing was done")
        said = self.server.ctl("erase", "Cust", "people", "2", "--now")
        self.assertIn("erased 1 version", said)
        self.assertEqual(self.files_with(deleted), [])
        versions = [json.loads(line) for line in self.server.ctl("history", "Cust", "people", "2", "--json").splitlines()]
        self.assertEqual(versions, [])
        # Others keep theirs.
        self.assertNotEqual(self.files_with(self.SECRETS[0]), [])
        self.agent("verify")

    def test_h13_what_was_set_aside_is_shown_before_an_erasure_drops_it(self):
        self.fill()

        def look():
            return json.loads(self.server.ctl("erase", "Cust", "people", "2", "--now", "--dry-run", "--json"))

        before = look()
        self.assertNotIn("was set aside as", json.dumps(before))
        config = self.server.folder / "mirror-server.toml"
        self.server.stop()
        config.write_text(config.read_text().replace("history = true\nhistory_keep = \"30d\"", 'journal = "keys"'))
        self.server.start()
        self.write("UPDATE people SET age = 37 WHERE id = 3")
        (aside,) = ask(self.mirror, "SELECT dropped_name FROM _mirror_dropped")[0]
        shown = look()
        self.assertIn(f"was set aside as '{aside}'", json.dumps(shown))
        self.assertNotEqual(shown["token"], before["token"])
        self.server.ctl("erase", "Cust", "people", "2", "--now", "--expect", shown["token"])
        self.assertEqual(ask(self.mirror, f"SELECT name FROM sqlite_schema WHERE name = '{aside}'"), [])
        self.assertEqual(self.files_with(self.SECRETS[2]), [])


class H14(Place):
    def test_beside_a_cut_a_state_is_right_or_out_of_range(self):
        numbers = f"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {MANY})"
        self.write(f"INSERT INTO people {numbers} SELECT i, 'n' || i, 0, NULL FROM n")
        states = {}
        for age in (1, 2):
            moment = self.write(f"UPDATE people SET age = {age}")
            states[moment] = age
        self.write("UPDATE people SET age = 3")
        last = self.moment()
        stop, seen, failures = threading.Event(), {moment: [] for moment in states}, []

        def read(moment, age):
            try:
                while not stop.is_set():
                    done = self.try_ctl(
                        *("export", "Cust", "people", "--format", "ndjson", "--out", "-", "--as-of", f"m:{moment}")
                    )
                    if done.returncode != 0:
                        self.assertIn("OUT_OF_RANGE", done.stderr)
                        seen[moment].append(False)
                        return
                    rows = [json.loads(line) for line in done.stdout.splitlines()]
                    self.assertEqual((len(rows), {str(row["age"]) for row in rows}), (MANY, {str(age)}))
                    seen[moment].append(True)
            except BaseException as error:  # pylint: disable=broad-except
                failures.append(error)

        readers = [threading.Thread(target=read, args=state) for state in states.items()]
        for reader in readers:
            reader.start()
        try:
            self.wait_for(lambda: failures or all(seen.values()))
            change(
                self.mirror,
                f"UPDATE _mirror_journal SET done_ms = done_ms - {AGED_MS} WHERE number < {last} AND done_ms IS NOT NULL",
            )
            # The newest of what is old stays: what ended it is young.
            self.wait_for(lambda: failures or not readers[0].is_alive())
        finally:
            stop.set()
            for reader in readers:
                reader.join()
        if failures:
            raise failures[0]
        older, newest = states
        self.assertEqual((seen[older][0], seen[older][-1]), (True, False))
        self.assertTrue(seen[newest][0])
        self.assertEqual({row["age"] for row in map(lambda row: {"age": str(row["age"])}, self.export("ndjson"))}, {"3"})


class H15(Place):
    def test_what_stood_in_a_column_that_was_dropped_stays(self):
        self.write("INSERT INTO people VALUES (1, 'Ada', 36, 'ada@x')", "INSERT INTO people VALUES (2, 'Bob', 7, 'bob@x')")
        before = self.moment()
        self.write("UPDATE people SET mail = 'ada@y', age = 37 WHERE id = 1", "DELETE FROM people WHERE id = 2")
        # A source that logs its changes: a column in a trigger cannot go.
        self.agent("uninstall")
        change(self.crm, "ALTER TABLE people DROP COLUMN mail")
        self.agent("install")
        self.agent("once")
        self.write("UPDATE people SET age = 38 WHERE id = 1")
        columns = [name for _, name, *_ in ask(self.mirror, "SELECT * FROM pragma_table_info('people')")]
        self.assertEqual(columns, ["id", "name", "age"])
        (versions,) = ask(self.mirror, "SELECT versions FROM _mirror_history WHERE table_name = 'people'")[0]
        kept = ask(
            self.mirror,
            f"SELECT id, mail FROM {versions} AS v WHERE _mirror_was = 1 AND _mirror_until > {before} AND NOT EXISTS (SELECT 1 "
            f"FROM {versions} AS x WHERE x.id = v.id AND x._mirror_until > {before} AND x._mirror_until < v._mirror_until)",
        )
        self.assertEqual(sorted(kept), [(1, "ada@x"), (2, "bob@x")])
        rows = self.export("ndjson", "--as-of", f"m:{before}")
        self.assertEqual([(str(row["id"]), row["name"], str(row["age"])) for row in rows], [("1", "Ada", "36"), ("2", "Bob", "7")])
        versions = [json.loads(line) for line in self.server.ctl("history", "Cust", "people", "1", "--json").splitlines()]
        self.assertEqual([str(version["row"]["age"]) for version in versions], ["38", "37", "36"])

    def test_before_the_population_of_a_new_definition_the_past_is_read(self):
        self.write("INSERT INTO people VALUES (1, 'Ada', 36, 'ada@x')")
        before = self.moment()
        self.write("UPDATE people SET age = 37 WHERE id = 1")
        self.agent("uninstall")
        change(self.crm, "ALTER TABLE people RENAME COLUMN mail TO post")
        self.agent("install")
        self.server.stop()
        self.die_at("swap.exchanged")
        # The table has the former columns; versions, and their view, have the new ones.
        columns = [name for _, name, *_ in ask(self.mirror, "SELECT * FROM pragma_table_info('people')")]
        self.assertEqual(columns, ["id", "name", "age", "mail"])
        view = "SELECT id, age, post FROM people_history ORDER BY from_moment"
        self.assertEqual([row[:2] for row in ask(self.mirror, view)], [(1, 36), (1, 37)])
        done = self.try_ctl("export", "Cust", "people", "--format", "csv", "--out", self.work / "no.csv", "--as-of", f"m:{before}")
        self.assertEqual(done.returncode, 1, done.stdout)
        self.assertIn("The next population puts them right", done.stderr.replace("\n  ", " "))
        versions = self.server.ctl("history", "Cust", "people", "1", "--json").splitlines()
        self.assertEqual([str(json.loads(version)["row"]["age"]) for version in versions], ["37", "36"])
        self.agent("once")
        rows = self.export("ndjson", "--as-of", f"m:{before}")
        self.assertEqual([(str(row["id"]), row["name"], str(row["age"])) for row in rows], [("1", "Ada", "36")])
        # What a column that came has now did not stand there before.
        self.assertEqual(rows[0]["post"], None)
        self.assertEqual(ask(self.mirror, view), [(1, 36, None), (1, 37, None), (1, 37, "ada@x")])
        self.assertEqual(ask(self.mirror, "SELECT id, post FROM people"), [(1, "ada@x")])

    def test_a_name_that_is_used_again_is_another_column(self):
        self.write("INSERT INTO people VALUES (1, 'Ada', 36, 'ada@x')")
        self.write("UPDATE people SET mail = 'ada@y'")
        for statement in ("ALTER TABLE people DROP COLUMN mail", "ALTER TABLE people ADD COLUMN mail TEXT"):
            self.agent("uninstall")
            change(self.crm, statement)
            self.agent("install")
            self.agent("once")
        self.write("UPDATE people SET mail = 'new@x'")
        seen = ask(self.mirror, "SELECT mail FROM people_history ORDER BY from_moment")
        self.assertEqual(seen[-1], ("new@x",))
        self.assertNotIn(("ada@x",), seen)
        (versions,) = ask(self.mirror, "SELECT versions FROM _mirror_history WHERE table_name = 'people'")[0]
        self.assertIn(("ada@x",), ask(self.mirror, f"SELECT _mirror_former_1 FROM {versions}"))

    def test_a_column_whose_values_become_of_any_type_keeps_its_versions(self):
        first = self.write("INSERT INTO people VALUES (1, 'Ada', 36, 'ada@x')")
        self.write("UPDATE people SET mail = 'ada@y'")
        self.write("INSERT INTO people VALUES (2, 'Bob', 7, x'00')")
        self.write("UPDATE people SET mail = x'01' WHERE id = 1")
        mails = ask(self.mirror, "SELECT mail FROM people_history WHERE id = 1 ORDER BY from_moment")
        self.assertEqual(mails, [("ada@x",), ("ada@y",), (b"\x01",)])
        self.assertEqual(len(self.export("ndjson", "--as-of", f"m:{first}")), 1)
        versions = self.server.ctl("history", "Cust", "people", "1", "--json").splitlines()
        self.assertEqual(len(versions), 3)

    def test_what_somebody_put_in_the_place_of_the_view_stays(self):
        self.write("INSERT INTO people VALUES (1, 'Ada', 36, NULL)")
        change(self.mirror, "DROP VIEW people_history", "CREATE TABLE people_history (mine)")
        self.server.ctl("invalidate", "Cust", "--table", "people")
        self.write("UPDATE people SET age = 37")
        self.assertEqual(ask(self.mirror, "SELECT name FROM pragma_table_info('people_history')"), [("mine",)])
        ages = ask(self.mirror, "SELECT age FROM _mirror_history_people ORDER BY from_moment")
        self.assertEqual(ages, [(36,), (37,)])

    def test_readers_and_proofs_hear_of_a_definition_that_a_population_brings(self):
        self.write("INSERT INTO people VALUES (1, 'Ada', 36, 'ada@x')")
        self.agent("verify")
        self.agent("once")
        self.write("UPDATE people SET age = 37")
        token = json.loads(self.server.ctl("changes", "Cust", "--json").splitlines()[-1])["token"]
        self.agent("uninstall")
        change(self.crm, "ALTER TABLE people RENAME COLUMN mail TO post")
        self.agent("install")
        self.agent("once")
        entries = [json.loads(line) for line in self.server.ctl("changes", "Cust", "--since", token, "--json").splitlines()]
        self.assertIn("POPULATED", [entry["operation"] for entry in entries])
        verified = self.try_ctl("history", "verify", "Cust", "people")
        self.assertEqual(verified.returncode, 0, verified.stdout + verified.stderr)


class NotKept(Place):
    def test_a_table_that_can_have_no_history_is_named(self):
        self.agent("uninstall")
        change(self.crm, "CREATE TABLE notes (note TEXT)", "CREATE TABLE tags (tag TEXT PRIMARY KEY)")
        self.agent("install")
        self.agent("once")
        told = json.loads(self.server.ctl("events", "Cust", "--kind", "history.not_kept", "--json"))
        told = [event["message"] for event in told]
        self.assertEqual(len(told), 1, told)
        self.assertIn(" of notes, ", told[0])
        self.assertNotIn("tags", told[0])


class H18(Place):
    def test_exports_are_what_stands_what_stood_and_all_versions(self):
        first = self.write(*(f"INSERT INTO people VALUES ({i}, 'n,\"{i}', {i}, NULL)" for i in range(1, 21)))
        then = self.rows()
        self.write("UPDATE people SET age = age + 100 WHERE id % 3 = 0", "DELETE FROM people WHERE id % 7 = 0")
        self.write("INSERT INTO people VALUES (7, 'again', NULL, 'm')")
        now = self.rows()
        self.assertNotEqual(then, now)
        for how, empty in (("csv", ""), ("ndjson", None)):
            with self.subTest(how):
                self.assertEqual(self.plain(self.export(how), empty), self.texts(now))
                self.assertEqual(self.plain(self.export(how, "--as-of", f"m:{first}"), empty), self.texts(then))
                versions = self.export(how, "--history")
                stood = ask(self.mirror, "SELECT id, name, age, mail, from_moment, to_moment FROM people_history")
                got = [
                    one + tuple(None if row[name] == empty else str(row[name]) for name in ("from_moment", "to_moment"))
                    for one, row in zip(self.plain(versions, empty), versions)
                ]
                self.assertEqual(sorted(map(repr, got)), sorted(map(repr, self.texts(stood))))
        for moment in ("m:999999", "987654321", "2126-03-31", "2126-03-31T12:00:00Z"):
            out = self.work / "none.csv"
            for words in (
                ("export", "Cust", "people", "--format", "csv", "--out", out, "--as-of", moment),
                ("diff", "Cust", "people", "--from", f"m:{first}", "--to", moment),
            ):
                done = self.try_ctl(*words)
                self.assertEqual(done.returncode, 1, done.stdout)
                self.assertIn("OUT_OF_RANGE", done.stderr)
                self.assertIn("The last moment of table 'people' is m:", done.stderr.replace("\n  ", " "))
            self.assertFalse(out.exists())
        whole = self.export("parquet")
        self.assertNotEqual(self.export("parquet", "--as-of", f"m:{first}"), whole)
        self.assertNotEqual(self.export("parquet", "--history"), whole)


if __name__ == "__main__":
    BIN = pathlib.Path(sys.argv.pop(1)).resolve()
    unittest.main(verbosity=2)
