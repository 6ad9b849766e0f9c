#!/usr/bin/python3
"""A customer whose database becomes another one: moved from SQLite to PostgreSQL, pg_upgrade, a copy at another place. Once
an operator accepted it, tables with the same or wider types are compared with the mirror, and only what differs is sent.

Usage: accepted_source_test.py BIN_DIR [unittest arguments]
"""

import atexit
import json
import os
import pathlib
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import unittest

import files_test
import postgres_source_test as sources

sys.path.insert(0, str(sources.ROOT / "tests" / "support"))
import postgres_cluster  # noqa: E402

SETTINGS = {"wal_level": "logical", "wal_sender_timeout": "10s"}
ROWS = 3_000
CDC = 'strategy = "cdc"'
SENT = ("inserts", "updates", "deletes")


def setUpModule():
    try:
        postgres_cluster.programs()
    except postgres_cluster.Missing as missing:
        raise unittest.SkipTest(str(missing)) from None
    sources.Shared.cluster = postgres_cluster.Cluster(postgres_cluster.fast_folder("accepted-") / "postgres", SETTINGS)
    atexit.register(sources.tearDownModule)
    sources.Shared.cluster.make()
    sources.Shared.cluster.sql(f"CREATE ROLE {sources.READER} LOGIN;")


tearDownModule = sources.tearDownModule


def people(count=ROWS):
    return [(i, f"name {i}", f"city {i % 7}") for i in range(1, count + 1)]


class MoveTest(sources.SourceTest):
    """The application's new database, in which the agent may do what `install` needs."""

    def use_postgres(self, strategy=CDC):
        dsn = f"host='{sources.Shared.cluster.folder}' dbname={self.crm.name} user={postgres_cluster.SUPERUSER}"
        self.place.configure_postgres(dsn, {}, strategy)
        self.install(strategy)

    def install(self, strategy):
        if strategy != CDC:
            return
        done = self.place.agent("install")
        self.assertEqual(done.returncode, 0, done.said)

    def hold(self):
        report = self.place.once()
        self.assertEqual(report["exit"], 1, report)
        for table in report["tables"]:
            self.assertEqual(table["result"], "held", table)

    def accept(self):
        done = self.place.control("accept-source", "Cust")
        self.assertEqual(done.returncode, 0, done.stderr)

    def look(self):
        """What an operator sees, {table: ...}."""
        done = self.place.control("tables", "Cust", "--json")
        self.assertEqual(done.returncode, 0, done.stderr)
        return {table["table"]: table for table in json.loads(done.stdout)}

    def killed_at(self, point):
        done = subprocess.run(
            [files_test.BIN / "mirror-agent", "once", "--config", self.place.toml],
            env=dict(os.environ, MIRROR_CRASH_AT=f"agent.{point}"), capture_output=True, check=False, timeout=300,
        )  # fmt: skip
        return done.returncode == -signal.SIGKILL

    def check_equal(self, *tables):
        for table in tables:
            self.assertEqual(self.mirrored(table), self.wanted(f"SELECT * FROM {table}"), table)
        self.assertGreaterEqual(self.check_verified(), set(tables))


class FromSqlite(MoveTest):
    """In one move: `person` with the same types, `visit` with wider and `item` with narrower ones, `note` without a key."""

    def fill_sqlite(self, strategy=CDC):
        path = self.place.work / "crm.db"
        with sqlite3.connect(path) as former:
            former.executescript(
                "CREATE TABLE person(id INTEGER PRIMARY KEY, name TEXT, city TEXT);"
                "CREATE TABLE visit(id INTEGER PRIMARY KEY, place TEXT);"
                "CREATE TABLE item(id INTEGER PRIMARY KEY, amount INTEGER);"
                "CREATE TABLE note(word TEXT)"
            )
            former.executemany("INSERT INTO person VALUES (?, ?, ?)", people())
            former.executemany("INSERT INTO visit VALUES (?, ?)", [(i, f"place {i}") for i in range(1, 201)])
            former.executemany("INSERT INTO item VALUES (?, ?)", [(i, i) for i in range(1, 301)])
            former.executemany("INSERT INTO note VALUES (?)", [("a",), ("b",)])
        former.close()
        self.place.configure_sqlite(path, {}, strategy)
        self.install(strategy)
        self.run_once()
        self.check_verified()

    def fill_postgres(self):
        """The columns in another order, and what the application did since: three changes, two deletes, a new row."""
        self.crm.sql(
            "CREATE TABLE person(city text, id bigint PRIMARY KEY, name text);"
            "CREATE TABLE visit(id bigint PRIMARY KEY, place text);"
            "CREATE TABLE item(id bigint PRIMARY KEY, amount integer);"
            "CREATE TABLE note(word text);"
            f"INSERT INTO person SELECT 'city ' || i % 7, i, 'name ' || i FROM generate_series(1, {ROWS}) i;"
            "INSERT INTO visit SELECT i, 'place ' || i FROM generate_series(1, 200) i;"
            "INSERT INTO item SELECT i, i FROM generate_series(1, 300) i;"
            "INSERT INTO note VALUES ('a'), ('b');"
            "UPDATE person SET name = 'other' WHERE id IN (5, 1500, 2999); DELETE FROM person WHERE id IN (7, 8);"
            "INSERT INTO person VALUES ('new', 9000, 'new')"
        )

    def check_move(self, report):
        self.assertEqual(report["exit"], 0, report)
        tables = report["by_table"]
        person = tables["person"]
        self.assertEqual((person["action"], sum(person[one] for one in SENT)), ("changes", 6), person)
        self.assertEqual((person["equality"], person["repaired"]), ("equal", 6), person)
        self.assertEqual((sum(tables["visit"][one] for one in SENT), tables["visit"]["equality"]), (0, "equal"))
        self.assertEqual((tables["item"]["action"], tables["item"]["inserts"]), ("populate", 300))
        self.assertIn("column 'amount' changed its type, and its old values may not fit the new one", tables["item"]["reason"])
        self.check_equal("person", "visit", "item")

    def test_what_differs_is_sent_and_narrower_types_are_populated(self):
        for former, strategy in ((CDC, CDC), ('strategy = "synthetic"', 'strategy = "synthetic"'), (CDC, 'strategy = "synthetic"')):
            with self.subTest(former=former, strategy=strategy):
                self.place, self.crm = sources.Place(self), sources.Database(self)
                self.fill_sqlite(former)
                self.fill_postgres()
                self.use_postgres(strategy)
                self.hold()
                before = self.look()["person"]
                self.accept()
                now = self.look()["person"]
                self.assertEqual((now["position"], now["row_count"]), (before["position"], before["row_count"]))
                self.assertEqual((before["equality"], now["equality"]), ("equal", "unknown"), "that was the former source")
                report = self.place.once()
                self.check_move(report)
                note = report["by_table"]["note"]
                if former == strategy != CDC:
                    # What is remembered of its rows is as good for the new database.
                    self.assertEqual((note["action"], note["equality"]), ("none", "equal"))
                else:
                    self.assertEqual((note["action"], note["inserts"]), ("populate", 2))
                    self.assertIn("replaced another one", note["reason"])
                    self.assertIn("has no key", note["reason"])
                self.assertEqual({name: table[0] for name, table in self.run_once().items()}, dict.fromkeys(self.look(), "none"))
                self.assertEqual(self.look()["person"]["equality"], "equal")

    def test_a_strategy_without_a_record_populates_and_says_why(self):
        self.fill_sqlite()
        self.fill_postgres()
        self.use_postgres('strategy = "populate"')
        self.hold()
        self.accept()
        person = self.place.once()["by_table"]["person"]
        self.assertEqual((person["action"], person["inserts"]), ("populate", ROWS - 1))
        self.assertIn("replaced another one, and its strategy cannot continue", person["reason"])
        self.assertEqual(self.mirrored("person"), self.wanted("SELECT * FROM person"))

    def test_killed_at_each_step_and_in_the_comparison(self):
        self.fill_sqlite()
        self.fill_postgres()
        self.use_postgres()
        self.hold()
        self.accept()
        before = self.look()
        for number, point in enumerate(("announced", "recorded", "sent", "comparing", "comparing:2", "compared")):
            with self.subTest(point=point):
                self.assertTrue(self.killed_at(point))
                now = self.look()["person"]
                self.assertEqual(now["equality"], "unknown")
                self.assertEqual(now["source_time_ms"], before["person"]["source_time_ms"], "nothing says that it is newer")
                self.crm.sql(f"UPDATE person SET city = 'moved {number}' WHERE id = {100 + number}")
        person = self.place.once()["by_table"]["person"]
        self.assertEqual((person["action"], person["equality"]), ("changes", "equal"), person)
        self.assertLess(sum(person[one] for one in SENT), 50)
        self.check_equal("person", "visit", "item")
        self.assertEqual(self.run_once()["person"][0], "none")

    def test_killed_in_the_comparison_with_its_memory_lost(self):
        """The stage alone knows what was sent by then; that nothing was compared the mirror knows."""
        self.fill_sqlite()
        self.fill_postgres()
        self.use_postgres()
        self.hold()
        self.accept()
        self.assertTrue(self.killed_at("comparing"))
        (self.place.toml.parent / "agent-state" / "Cust.json").unlink()
        person = self.place.once()["by_table"]["person"]
        self.assertEqual(person["equality"], "equal", person)
        self.assertLess(sum(person[one] for one in SENT), 50)
        self.check_equal("person")

    def test_back_to_the_former_database(self):
        self.fill_sqlite()
        self.fill_postgres()
        former = self.place.toml.read_text()
        self.use_postgres()
        self.hold()
        self.accept()
        self.check_move(self.place.once())
        self.place.toml.write_text(former)
        self.install(CDC)
        self.hold()
        self.accept()
        person = self.place.once()["by_table"]["person"]
        self.assertEqual((person["action"], sum(person[one] for one in SENT), person["equality"]), ("changes", 6, "equal"), person)
        self.assertEqual({tuple(row.values()) for row in self.place.rows("person")}, set(people()))
        self.assertEqual(self.run_once()["person"][0], "none")


class OfPostgres(MoveTest):
    def setUp(self):
        """A server of its own, which the upgrade replaces."""
        self.place = sources.Place(self)
        self.cluster = postgres_cluster.Cluster(postgres_cluster.fast_folder("upgraded-") / "postgres", SETTINGS)
        self.addCleanup(shutil.rmtree, self.cluster.folder.parent, ignore_errors=True)
        self.addCleanup(self.cluster.remove)
        self.cluster.make()
        self.sql("CREATE DATABASE crm ENCODING 'UTF8' TEMPLATE template0", "postgres")
        self.sql(
            "CREATE TABLE person(id int PRIMARY KEY, name text);"
            f"INSERT INTO person SELECT i, 'name ' || i FROM generate_series(1, {ROWS}) i;"
            "CREATE TABLE pair(a text, b int, v numeric(9, 2), PRIMARY KEY (a, b));"
            "INSERT INTO pair SELECT 'k' || i % 10, i, i / 3.0 FROM generate_series(1, 500) i"
        )
        dsn = f"host='{self.cluster.folder}' dbname=crm user={postgres_cluster.SUPERUSER}"
        self.place.configure_postgres(dsn, {}, CDC)
        self.install(CDC)
        self.run_once()

    def sql(self, script, database="crm"):
        return postgres_cluster.psql(self.cluster.url(database, postgres_cluster.SUPERUSER), script)

    def upgrade(self):
        """By pg_upgrade, into a server of the same version: another system identifier."""
        cluster, programs = self.cluster, postgres_cluster.programs()
        new, old = cluster.folder / "new", cluster.folder / "old"
        before = self.sql("SELECT system_identifier FROM pg_control_system()")
        cluster.stop_gently()
        as_user = {"cwd": cluster.folder, "env": postgres_cluster.environment(), "text": True, "capture_output": True}
        for command in (
            [programs / "initdb", "-D", new, "-U", postgres_cluster.SUPERUSER, "-A", "trust", "-E", "UTF8", "--no-locale", "--no-sync"],
            [programs / "pg_upgrade", "-b", programs, "-B", programs, "-d", cluster.data, "-D", new, "-U", postgres_cluster.SUPERUSER,
             "-s", cluster.folder],
        ):  # fmt: skip
            done = subprocess.run(command, check=False, timeout=300, **as_user, **cluster.account)
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        settings = (cluster.data / "postgresql.conf").read_text()
        cluster.data.rename(old)
        new.rename(cluster.data)
        (cluster.data / "postgresql.conf").write_text(settings)
        cluster.start()
        self.assertNotEqual(self.sql("SELECT system_identifier FROM pg_control_system()"), before)

    def restore(self):
        """Dumped, and restored into a server that is new: tables have other numbers, and its log begins anew."""
        cluster, programs = self.cluster, postgres_cluster.programs()
        dump = subprocess.run(
            [programs / "pg_dump", cluster.url("crm", postgres_cluster.SUPERUSER)], env=postgres_cluster.environment(),
            capture_output=True, text=True, check=True, timeout=300,
        ).stdout  # fmt: skip
        cluster.remove()
        cluster.make()
        self.sql("CREATE TABLE numbers_move_on(id int); CREATE DATABASE crm ENCODING 'UTF8' TEMPLATE template0", "postgres")
        self.sql(dump)

    def check_compared(self):
        self.hold()
        self.accept()
        self.sql("UPDATE person SET name = 'other' WHERE id IN (3, 4); DELETE FROM pair WHERE b = 17")
        report = self.place.once()
        self.assertEqual(report["exit"], 0, report)
        sent = {name: tuple(table[one] for one in ("action", "equality")) for name, table in report["by_table"].items()}
        self.assertEqual(sent, dict.fromkeys(("person", "pair"), ("changes", "equal")), report)
        self.assertLess(sum(table[one] for table in report["by_table"].values() for one in SENT), 10)
        self.assertEqual(sorted(row["b"] for row in self.place.rows("pair")), [b for b in range(1, 501) if b != 17])
        names = {row["id"]: row["name"] for row in self.place.rows("person")}
        self.assertEqual((len(names), names[3], names[4], names[5]), (ROWS, "other", "other", "name 5"))
        self.check_verified()
        self.sql("UPDATE person SET name = 'last' WHERE id = 9")
        self.assertEqual(self.run_once()["person"], ("changes", 0, 1, 0))

    def test_pg_upgrade(self):
        self.upgrade()
        self.check_compared()

    def test_a_dump_that_is_restored_into_a_new_server(self):
        self.restore()
        self.check_compared()

    def test_pg_upgrade_with_the_agents_memory_lost(self):
        """Its log says which source it was: nobody accepts anything, and nobody knows the mirror's position."""
        self.upgrade()
        shutil.rmtree(self.place.toml.parent / "agent-state")
        self.assertEqual(self.run_once()["person"][:2], ("populate", ROWS))
        self.check_verified()


if __name__ == "__main__":
    files_test.BIN = pathlib.Path(sys.argv.pop(1)).resolve()
    unittest.main()
