#!/usr/bin/python3
"""Acceptance H16 and H17 through the commands: a dry run changes nothing and its counts are those of the act, and what
was shown before a push is not done behind it. A question on a terminal shows the counts first.

Usage: dry_runs_test.py BIN_DIR [unittest arguments]
"""

import json
import os
import pathlib
import pty
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "support"))
sys.path.insert(0, str(ROOT / "tests" / "python"))
import programs  # noqa: E402
import records_server  # noqa: E402

BIN = None
PEOPLE = [(1, "Ada", 36), (2, "Grace", 45), (3, "Alan", 41)]


def ask(path, sql):
    database = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    try:
        return database.execute(sql).fetchall()
    finally:
        database.close()


def change(path, *statements):
    database = sqlite3.connect(path)
    try:
        for sql in statements:
            database.execute(sql)
        database.commit()
    finally:
        database.close()


class DryRuns(unittest.TestCase):
    """A server, its agent, and a source of one table."""

    def setUp(self):
        self.work = pathlib.Path(tempfile.mkdtemp(prefix="dry runs "))
        self.addCleanup(shutil.rmtree, self.work, ignore_errors=True)
        self.crm = self.work / "crm.db"
        change(self.crm, "CREATE TABLE people (id INTEGER PRIMARY KEY, name TEXT, age INTEGER)")
        for row in PEOPLE:
            change(self.crm, "INSERT INTO people VALUES ({}, '{}', {})".format(*row))
        self.server = records_server.RecordsServer(BIN, self.work / "dev", source=self.crm)
        self.mirror = self.server.folder / "data" / "Mirror_Cust.db"
        self.server.start()
        self.addCleanup(self.server.stop)
        self.agent("install")
        self.agent("once")

    def agent(self, command, *more):
        done = self.server.run("mirror-agent", command, "--config", self.server.folder / "mirror-agent.toml", *more)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout

    def try_ctl(self, *words):
        return self.server.run("mirrorctl", "--config", self.server.folder / "mirrorctl.toml", *words)

    def state(self):
        """All that the mirror holds and all that was told of it."""
        tables = sorted(name for (name,) in ask(self.mirror, "SELECT name FROM sqlite_schema WHERE type = 'table'"))
        rows = {name: sorted(map(repr, ask(self.mirror, f'SELECT * FROM "{name}"'))) for name in tables}
        return rows, self.server.ctl("events", "Cust", "--json"), self.server.ctl("audit", "list", "--json")

    def looked(self, *words):
        """What a dry run counted; nothing is another one behind it."""
        # Who saw keys is in the audit log.
        parts = 2 if "--keys" in words else 3
        before = self.state()[:parts]
        counted = json.loads(self.server.ctl(*words, "--dry-run", "--json"))
        self.assertEqual(self.state()[:parts], before)
        self.assertRegex(counted["token"], "^[0-9a-f]{16}$")
        return counted

    def push(self):
        change(self.crm, "INSERT INTO people VALUES (4, 'Edsger', 40)", "DELETE FROM people WHERE id = 2")
        self.agent("once")

    def rows(self):
        return ask(self.mirror, "SELECT * FROM people ORDER BY id")

    def assert_stale(self, token, *words):
        before = self.state()[:2]
        done = self.try_ctl(*words, "--expect", token)
        self.assertEqual(done.returncode, 1, done.stdout)
        self.assertIn("FAILED_PRECONDITION", done.stderr)
        self.assertIn("Nothing was done", done.stderr)
        self.assertIn("The present counts", done.stderr)
        self.assertEqual(self.state()[:2], before)


class H16(DryRuns):
    def test_the_counts_of_a_reset_are_those_of_the_act(self):
        change(self.mirror, "CREATE INDEX by_age ON people (age)", "INSERT INTO people VALUES (77, 'Own', 1)")
        counted = self.looked("reset", "Cust", "--table", "people")
        self.assertEqual(
            [(t["table"], t["rows"], t["partner_rows"], t["objects"]) for t in counted["tables"]],
            [("people", 3, 1, ["index 'by_age'"])],
        )
        self.server.ctl("reset", "Cust", "--table", "people", "--expect", counted["token"])
        self.assertEqual(ask(self.mirror, "SELECT name FROM sqlite_schema WHERE name IN ('people', 'by_age')"), [])
        self.agent("once")
        self.assertEqual(self.rows(), PEOPLE)

    def test_the_counts_of_an_invalidation_are_rows_that_come_again(self):
        counted = self.looked("invalidate", "Cust", "--all")
        self.assertEqual([(t["rows"], t["rows_to_send"]) for t in counted["tables"]], [(0, 3)])
        self.server.ctl("invalidate", "Cust", "--all", "--expect", counted["token"])
        report = json.loads(self.agent("once", "--json"))
        self.assertEqual(report["sources"][0]["tables"][0]["inserts"], 3)

    def test_the_counts_of_a_restore_are_those_of_the_act(self):
        copy = self.work / "copy.db"
        self.server.ctl("backup", "Cust", copy)
        self.push()
        change(self.crm, "UPDATE people SET age = 37 WHERE id = 1")
        self.agent("once")
        restore = ("restore", "Cust", copy)
        counted = self.looked(*restore, "--keys")
        shown = counted["tables"][0]["restored"]
        self.assertEqual((shown["only_now"], shown["only_then"], shown["different"]), (1, 1, 1))
        self.assertEqual((shown["rows_now"], shown["rows_then"]), (3, 3))
        self.assertEqual(sorted(counted["tables"][0]["keys"]), ["1", "4"])
        self.assertFalse(self.looked(*restore, "--quick")["tables"][0]["restored"]["compared"])
        self.server.ctl(*restore, "--confirm", "Cust", "--expect", counted["token"])
        self.assertEqual(self.rows(), PEOPLE)

    def test_the_counts_of_a_deletion_name_the_last_backup(self):
        change(self.mirror, "CREATE TABLE notes (id INTEGER)")
        self.assertIn("no backup of it is known", self.looked("delete", "Cust")["notes"])
        self.server.ctl("backup", "Cust", self.work / "copy.db")
        counted = self.looked("delete", "Cust")
        self.assertIn("its last backup was made at 20", " ".join(counted["notes"]))
        self.assertEqual([t["table"] for t in counted["tables"]], ["people", ""])
        self.assertEqual(counted["tables"][1]["objects"], ["table 'notes'"])
        self.server.ctl("delete", "Cust", "--confirm", "Cust", "--expect", counted["token"])
        self.assertFalse(self.mirror.exists())

    def test_the_agent_tells_of_columns_that_a_population_drops(self):
        # With another key the rows cannot stay.
        change(self.crm, "DROP TABLE people", "CREATE TABLE people (id TEXT PRIMARY KEY, name TEXT)")
        said = self.agent("once", "--dry-run")
        self.assertIn("people: to be populated anew", said)
        self.assertIn("people: the mirror drops 1 column (age) with 3 values", said)
        self.assertEqual(self.rows(), PEOPLE)

    def test_a_dry_run_is_a_look_and_one_with_keys_an_act(self):
        self.server.ctl("reset", "Cust", "--table", "people", "--dry-run")
        looks = self.server.ctl("audit", "list", "--looks", "--json")
        self.assertIn("ResetTable Cust: people dry run", looks)
        self.assertNotIn("dry run", self.server.ctl("audit", "list", "--json"))
        shown = self.server.ctl("reset", "Cust", "--table", "people", "--dry-run", "--keys")
        self.assertIn("keys of people: 1; 2; 3", shown)
        self.assertNotIn("Ada", shown)
        self.assertIn("ResetTable Cust: people dry run with keys", self.server.ctl("audit", "list", "--json"))


class H17(DryRuns):
    def test_what_was_shown_before_a_push_is_not_done_behind_it(self):
        copy = self.work / "copy.db"
        self.server.ctl("backup", "Cust", copy)
        acts = (
            (("invalidate", "Cust", "--all"), ()),
            (("reset", "Cust", "--table", "people"), ()),
            (("reset", "Cust", "--all"), ("--confirm", "Cust")),
            (("restore", "Cust", copy), ("--confirm", "Cust")),
            (("delete", "Cust"), ("--confirm", "Cust")),
        )
        tokens = [self.looked(*words)["token"] for words, _ in acts]
        self.assertEqual(len(set(tokens)), len(acts), "a token of one act allows no other")
        self.push()
        for (words, more), token in zip(acts, tokens):
            with self.subTest(words=words[0]):
                self.assert_stale(token, *words, *more)
        self.assertEqual(len(self.rows()), 3)

    def test_a_cycle_without_changes_leaves_a_token_as_it_is(self):
        token = self.looked("reset", "Cust", "--table", "people")["token"]
        self.agent("once")
        self.server.ctl("reset", "Cust", "--table", "people", "--expect", token)


class Questions(DryRuns):
    def at_terminal(self, answer, *words):
        """What is shown on a terminal, at which `answer` is typed; the exit code."""
        shown, other = pty.openpty()
        process = subprocess.Popen(
            [BIN / "mirrorctl", "--config", self.server.folder / "mirrorctl.toml", *words],
            stdin=other,
            stdout=other,
            stderr=other,
            env=programs.environment(),
        )
        os.close(other)
        os.write(shown, answer.encode() + b"\n")
        text = b""
        while True:
            try:
                piece = os.read(shown, 4096)
            except OSError:
                break
            if not piece:
                break
            text += piece
        os.close(shown)
        return text.decode(), process.wait(programs.PATIENCE_S)

    def test_the_counts_come_before_the_question(self):
        for words in (("delete", "Cust"), ("reset", "Cust", "--all"), ("reset", "Cust", "--table", "people")):
            with self.subTest(words=words):
                before = self.state()[:2]
                text, code = self.at_terminal("no", *words)
                self.assertEqual(code, 1, text)
                self.assertLess(text.index("Consequences"), text.index("to continue" if "--table" not in words else "Continue?"))
                self.assertIn("people", text)
                self.assertIn("nothing was done", text)
                self.assertEqual(self.state()[:2], before)
        text, code = self.at_terminal("Cust", "delete", "Cust")
        self.assertEqual(code, 0, text)
        self.assertFalse(self.mirror.exists())

    def test_scripts_are_not_asked(self):
        done = self.try_ctl("delete", "Cust")
        self.assertEqual(done.returncode, 2)
        self.assertIn("--confirm is required", done.stderr)


if __name__ == "__main__":
    BIN = pathlib.Path(sys.argv.pop(1)).resolve()
    unittest.main(verbosity=2)
