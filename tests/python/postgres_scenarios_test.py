#!/usr/bin/python3
"""The log of a PostgreSQL database as its source, by the real programs: rights, kills, lost stages, writers that go on.

Usage: postgres_scenarios_test.py BIN_DIR [unittest arguments]

MIRROR_TEST_KILLS: cycles that are killed; MIRROR_TEST_VERIFIES: comparisons beside writers; MIRROR_TEST_ROWS: rows of the
table that is populated beside them.
"""

import atexit
import itertools
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
import strategies_test
import whole_lines

import postgres_cluster  # Behind postgres_source_test, which knows where it is.

SETTINGS = {
    "wal_level": "logical", "max_replication_slots": "20", "max_wal_senders": "20", "max_prepared_transactions": "5",
}  # fmt: skip
POINTS = [f"agent.{point}" for point in strategies_test.POINTS] + ["stage.flushing", "stage.flushed", "source.confirmed"]
ROLES = itertools.count(1)


def setUpModule():
    try:
        postgres_cluster.programs()
    except postgres_cluster.Missing as missing:
        raise unittest.SkipTest(str(missing)) from None
    folder = postgres_cluster.fast_folder("postgres-scenarios-") / "postgres"
    sources.Shared.cluster = postgres_cluster.Cluster(folder, SETTINGS)
    atexit.register(sources.tearDownModule)
    sources.Shared.cluster.make()
    sources.Shared.cluster.sql(f"CREATE ROLE {sources.READER} LOGIN REPLICATION;")


tearDownModule = sources.tearDownModule


def from_environment(name, other):
    return int(os.environ.get(name, other))


class LogTest(sources.SourceTest):
    """The application owns its tables and installs the log; the agent reads."""

    def setUp(self):
        super().setUp()
        self.addCleanup(self.drop_slots)

    def drop_slots(self):
        for _ in range(200):
            try:
                self.crm.sql("SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_type = 'logical'")
                return
            except postgres_cluster.Failed:
                self.crm.sql("SELECT pg_terminate_backend(active_pid, 1000) FROM pg_replication_slots WHERE active_pid IS NOT NULL")
        self.fail("the slot is in use")

    def owner_dsn(self):
        return f"host='{sources.Shared.cluster.folder}' dbname={self.crm.name} user={postgres_cluster.SUPERUSER}"

    def use(self, tables, source_lines='strategy = "cdc"'):
        self.place.configure_postgres(self.owner_dsn(), tables, source_lines)
        installed = self.place.agent("install")
        self.assertEqual(installed.returncode, 0, installed.said)
        self.place.configure_postgres(self.crm.dsn(), tables, source_lines)
        return installed.said

    def check(self, *tables, key="id"):
        for table in tables or ("t",):
            self.assertEqual(self.mirrored(table, key), self.wanted(f"SELECT * FROM {table}", key), table)

    def stage_files(self):
        return list((self.place.toml.parent / "agent-state").glob("Cust.stage.db*"))

    def slots(self):
        return json.loads(self.crm.sql("SELECT coalesce(json_agg(slot_name), '[]') FROM pg_replication_slots"))

    def writer(self, statements):
        """Who goes on until the test ends."""
        self.crm.sql(f"CREATE PROCEDURE churn() LANGUAGE plpgsql AS $$ BEGIN LOOP {statements} COMMIT; END LOOP; END $$")
        process = subprocess.Popen(
            [postgres_cluster.programs() / "psql", "-X", "-q", self.crm_url(), "-c", "CALL churn()"],
            env=postgres_cluster.environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip

        def stop():
            process.kill()
            process.wait()
            self.crm.sql(
                "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE query = 'CALL churn()' AND pid <> pg_backend_pid()"
            )

        self.addCleanup(stop)
        return stop

    def crm_url(self):
        return sources.Shared.cluster.url(self.crm.name, postgres_cluster.SUPERUSER)


class Rights(LogTest):
    def setUp(self):
        super().setUp()
        self.role = f"least_{next(ROLES)}"
        sources.Shared.cluster.sql(f"CREATE ROLE {self.role} LOGIN;")
        self.addCleanup(sources.Shared.cluster.sql, f"DROP ROLE {self.role};")
        self.addCleanup(self.crm.sql, f"DROP OWNED BY {self.role};")
        self.crm.sql(
            "CREATE TABLE t (id int PRIMARY KEY, v text); INSERT INTO t SELECT i, 'v' || i FROM generate_series(1, 50) i;"
            'CREATE TABLE "Odd ""name" (id int PRIMARY KEY); CREATE TABLE keyless (v int NOT NULL)'
        )

    def use_least(self):
        dsn = self.crm.dsn().replace(f"user={sources.READER}", f"user={self.role}")
        self.place.configure_postgres(dsn, {}, 'strategy = "cdc"')

    def test_a_dba_pastes_what_print_sql_writes(self):
        self.use_least()
        self.assertIn("--print-sql", self.place.agent("install").said)
        printed = self.place.agent("install", "--print-sql")
        self.assertEqual((printed.returncode, printed.stderr), (0, ""), printed.said)
        self.assertTrue(printed.stdout.startswith("-- Cust  PostgreSQL at "), printed.stdout)
        self.assertEqual(self.slots(), [])  # Nothing was done there.
        postgres_cluster.psql(self.crm_url(), printed.stdout)
        self.assertEqual(self.crm.sql(f"SELECT rolsuper OR rolcreatedb OR rolcreaterole FROM pg_roles WHERE rolname = '{self.role}'").strip(), "f")
        self.assertEqual(len(self.slots()), 1)
        self.assertEqual(self.run_once()["t"][:2], ("populate", 50))
        self.assertIn("the changes of 2 tables are logged", self.place.agent("install").said)
        self.crm.sql("UPDATE t SET v = 'w' WHERE id = 7; INSERT INTO keyless VALUES (1)")
        self.assertEqual(self.run_once()["t"], ("changes", 0, 1, 0))
        self.check()
        # What stands there is left as it is, and so is the source's id.
        again = self.place.agent("install", "--print-sql")
        self.assertEqual(again.returncode, 0, again.said)
        self.assertNotIn("PUBLICATION", again.stdout)
        postgres_cluster.psql(self.crm_url(), again.stdout)
        self.assertEqual({counts[0] for counts in self.run_once().values()}, {"none"})

    def test_print_sql_is_for_kinds_that_need_it(self):
        source = self.place.work / "s.db"
        sqlite3.connect(source).execute("CREATE TABLE t (id INTEGER PRIMARY KEY)")
        self.place.configure_sqlite(source, {}, 'strategy = "cdc"')
        told = self.place.agent("install", "--print-sql")
        self.assertEqual((told.returncode, told.stdout), (1, ""))
        self.assertIn("needs no script", told.said)

    def test_each_right_that_is_missing_is_named(self):
        self.use_least()
        self.crm.sql("REVOKE USAGE ON SCHEMA public FROM PUBLIC; REVOKE SELECT ON ALL TABLES IN SCHEMA public FROM PUBLIC")
        self.place.configure_postgres(self.owner_dsn(), {}, 'strategy = "cdc"')
        self.assertEqual(self.place.agent("install").returncode, 0)
        self.use_least()
        wanted = [
            ("USAGE", f"GRANT USAGE ON SCHEMA public TO {self.role}"),
            ("GRANT SELECT", f"GRANT SELECT ON ALL TABLES IN SCHEMA public TO {self.role}"),
            ("REPLICATION", f"ALTER ROLE {self.role} REPLICATION"),
        ]
        for number in range(len(wanted)):
            with self.subTest(missing=wanted[number][0]):
                for other, (_, grant) in enumerate(wanted):
                    if other != number:
                        self.crm.sql(grant)
                told = self.place.agent("once")
                self.assertEqual(told.returncode, 1, told.said)
                self.assertIn(wanted[number][0], told.said)
                self.crm.sql(
                    f"REVOKE USAGE ON SCHEMA public FROM {self.role}; REVOKE SELECT ON ALL TABLES IN SCHEMA public FROM {self.role};"
                    f"ALTER ROLE {self.role} NOREPLICATION"
                )
        for _, grant in wanted:
            self.crm.sql(grant)
        self.run_once()
        self.check()


class Kills(LogTest):
    def test_the_agent_dies_at_each_point_and_leaves_one_slot(self):
        self.place.toml_head = re.sub(r"^batch_bytes = .*", "batch_bytes = 2000", self.place.toml_head, flags=re.MULTILINE)
        self.crm.sql(
            "CREATE TABLE t (id int PRIMARY KEY, v text); CREATE TABLE u (id int PRIMARY KEY, big text);"
            "INSERT INTO t SELECT i, 'v' || i FROM generate_series(1, 4000) i;"
            "ALTER TABLE u ALTER big SET STORAGE EXTERNAL; INSERT INTO u SELECT i, repeat('x', 3000) FROM generate_series(1, 30) i"
        )
        self.use({})
        reached = set()
        for number in range(from_environment("MIRROR_TEST_KILLS", 50)):
            point = POINTS[number % len(POINTS)]
            with self.subTest(point=point, number=number):
                if number % 17 == 0:
                    # All rows are on their way when it dies.
                    self.assertEqual(self.place.control("invalidate", "Cust", "--table", "t").returncode if number else 0, 0)
                self.change(number)
                run = subprocess.run(
                    [files_test.BIN / "mirror-agent", "once", "--config", self.place.toml],
                    env=dict(os.environ, MIRROR_CRASH_AT=point), capture_output=True, check=False, timeout=300,
                )  # fmt: skip
                if run.returncode == -signal.SIGKILL:
                    reached.add(point)
                self.assertEqual(len(self.slots()), 1)
                if number % 2 == 1:
                    self.change(number + 500)  # The source goes on while nobody looks.
                self.run_once()
                self.check("t", "u")
        self.assertEqual(reached, set(POINTS), "points that no run passed")
        self.assertEqual({counts[0] for counts in self.run_once().values()}, {"none"})
        self.check_verified()

    def change(self, number):
        self.crm.sql(
            f"UPDATE t SET v = 'w{number}' WHERE id % 9 = {number % 9}; DELETE FROM t WHERE id = {number};"
            f"INSERT INTO t VALUES ({5_000 + number}, 'new') ON CONFLICT DO NOTHING; UPDATE t SET id = -id WHERE id = {700 + number};"
            f"UPDATE u SET id = id + 1000 WHERE id = {number}; INSERT INTO u VALUES ({2_000 + number}, repeat('y', 3000))"
        )

    def test_with_rows_pending_and_the_stage_lost(self):
        self.place.toml_head = re.sub(r"^batch_bytes = .*", "batch_bytes = 2000", self.place.toml_head, flags=re.MULTILINE)
        self.crm.sql("CREATE TABLE t (id int PRIMARY KEY, v text); INSERT INTO t SELECT i, 'v' || i FROM generate_series(1, 500) i")
        self.use({})
        self.run_once()
        for lost in ("Cust.stage.db*", "Cust*"):
            with self.subTest(lost=lost):
                self.crm.sql("UPDATE t SET v = v || '.' WHERE id % 3 = 0; DELETE FROM t WHERE id % 50 = 0; INSERT INTO t SELECT max(id) + i, 'new' FROM t, generate_series(1, 40) i GROUP BY i")
                self.assertTrue(self.place.killed_at("request"))
                for file in (self.place.toml.parent / "agent-state").glob(lost):
                    file.unlink()
                if lost == "Cust*":
                    # Who began the cycle nobody knows any more.
                    self.assertEqual(self.place.control("resume", "Cust").returncode, 0)
                self.crm.sql("UPDATE t SET v = 'later' WHERE id % 7 = 0; DELETE FROM t WHERE id % 11 = 0")
                action = self.run_once()["t"][0]
                if lost == "Cust.stage.db*":
                    self.assertEqual(action, "changes")
                self.check()
                self.assertEqual(self.run_once()["t"][0], "none")
        self.check_verified()

    def test_a_stage_that_is_deleted_or_put_back(self):
        self.crm.sql("CREATE TABLE t (id int PRIMARY KEY, v text); INSERT INTO t SELECT i, 'v' || i FROM generate_series(1, 500) i")
        self.use({})
        self.run_once()
        older = self.place.work / "older"
        older.mkdir()
        for file in self.stage_files():
            shutil.copy(file, older)
        self.crm.sql("UPDATE t SET v = 'w' WHERE id < 9")
        self.run_once()
        for file in self.stage_files():
            file.unlink()
        self.crm.sql("UPDATE t SET v = 'unseen' WHERE id = 20; DELETE FROM t WHERE id = 21")
        self.assertEqual(self.run_once()["t"], ("changes", 1, 0, 1))  # Compared; what differs is sent whole.
        self.check()
        for file in self.stage_files():
            file.unlink()
        for file in older.iterdir():
            shutil.copy(file, self.place.toml.parent / "agent-state")
        self.crm.sql("UPDATE t SET v = 'unseen, too' WHERE id = 30; DELETE FROM t WHERE id = 31")
        self.run_once()
        self.check()
        self.assertEqual(self.run_once()["t"][0], "none")
        self.check_verified()


class Writers(LogTest):
    CHURN = (
        "UPDATE t SET v = 'w' || (random() * 1000)::int WHERE id = 1 + (random() * 900)::int;"
        "DELETE FROM t WHERE id = 2000 + (random() * 100)::int;"
        "INSERT INTO t VALUES (2000 + (random() * 100)::int, 'new') ON CONFLICT (id) DO UPDATE SET v = 'again';"
    )

    def test_verify_beside_them_finds_what_is_false_and_nothing_else(self):
        self.crm.sql("CREATE TABLE t (id int PRIMARY KEY, v text); INSERT INTO t SELECT i, 'v' || i FROM generate_series(1, 1000) i")
        self.use({})
        self.run_once()
        stop = self.writer(self.CHURN)
        for number in range(from_environment("MIRROR_TEST_VERIFIES", 5)):
            done = self.place.agent("verify", "--json")
            table = json.loads(done.stdout)["sources"][0]["tables"][0]
            self.assertEqual((table["equality"], table["changed"], table["lost"], table["ghosts"]), ("equal", 0, 0, 0), f"{number}: {done.stdout}")
        mirror = sqlite3.connect(self.place.mirror, isolation_level=None, timeout=30)
        self.addCleanup(mirror.close)
        mirror.execute("UPDATE t SET v = 'falsified' WHERE id = 950")
        done = self.place.agent("verify", "--json")
        table = json.loads(done.stdout)["sources"][0]["tables"][0]
        self.assertEqual((table["equality"], table["changed"], table["lost"], table["ghosts"]), ("differs", 1, 0, 0), done.stdout)
        self.assertEqual(self.place.agent("verify", "--repair").returncode, 0)
        stop()
        self.run_once()
        self.check()

    def test_a_population_beside_them_is_equal(self):
        rows = from_environment("MIRROR_TEST_ROWS", 100_000)
        self.crm.sql(f"CREATE TABLE t (id int PRIMARY KEY, v text); INSERT INTO t SELECT i, 'v' || i FROM generate_series(1, {rows}) i")
        self.use({})
        churn = "UPDATE t SET v = 'w' || (random() * 1000)::int WHERE id = 1 + (random() * {rows})::int;".format(rows=rows)
        churn += "DELETE FROM t WHERE id = 1 + (random() * {rows})::int;".format(rows=rows)
        self.crm.sql(
            "CREATE PROCEDURE more(n int) LANGUAGE plpgsql AS $$ BEGIN FOR i IN 1..n LOOP"
            " INSERT INTO t VALUES (1000000000 + (random() * 1000000)::int, 'new') ON CONFLICT DO NOTHING; COMMIT; END LOOP; END $$"
        )
        stop = self.writer(churn)
        others = [
            subprocess.Popen(
                [postgres_cluster.programs() / "psql", "-X", "-q", self.crm_url(), "-c", "CALL more(20000)"],
                env=postgres_cluster.environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            )
            for _ in range(3)
        ]  # fmt: skip
        self.assertEqual(self.run_once()["t"][0], "populate")
        for other in others:
            other.wait()
        stop()
        self.run_once()
        self.check()
        self.check_verified()

    def test_an_open_transaction_over_max_wal_is_told(self):
        self.crm.sql("CREATE TABLE t (id int PRIMARY KEY, v text); INSERT INTO t SELECT i, 'v' FROM generate_series(1, 100) i")
        self.use({}, 'strategy = "cdc"\nmax_wal = "1MB"')
        self.run_once()
        holder = subprocess.Popen(
            [postgres_cluster.programs() / "psql", "-X", "-q", self.crm_url()],
            env=postgres_cluster.environment(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        self.addCleanup(holder.communicate)
        holder.stdin.write("BEGIN; UPDATE t SET v = 'held' WHERE id = 1;\n\\echo held\n")
        holder.stdin.flush()
        self.assertEqual(holder.stdout.readline(), "held\n")
        self.crm.sql("INSERT INTO t SELECT i, repeat('x', 1000) FROM generate_series(1000, 6000) i")
        report = self.place.once()
        self.assertEqual(report["exit"], 0, report)
        self.assertTrue(any("over max_wal" in note and "End that transaction" in note for note in report["notes"]), report["notes"])
        self.assertIn("over max_wal", self.place.agent("status").said)


class Unlogged(LogTest):
    """Tables that the log cannot tell of."""

    TABLES = {
        "deferred": "id int PRIMARY KEY DEFERRABLE INITIALLY DEFERRED, v text",
        "computed": "a int, id int GENERATED ALWAYS AS (a + 1) STORED PRIMARY KEY, v text",
        "full_identity": "id int PRIMARY KEY, v text",
        "plain": "id int PRIMARY KEY, v text",
    }

    def test_they_are_told_everywhere_found_by_comparing_and_the_application_goes_on(self):
        for name, columns in self.TABLES.items():
            first = "a" if name == "computed" else "id"
            self.crm.sql(f"CREATE TABLE {name} ({columns}); INSERT INTO {name} ({first}, v) SELECT i, 'v' || i FROM generate_series(1, 20) i")
        self.crm.sql("ALTER TABLE full_identity REPLICA IDENTITY FULL; CREATE UNLOGGED TABLE skipped (id int PRIMARY KEY)")
        said = self.use({}, 'strategy = "cdc"\nskip = ["computed", "skipped"]')
        self.assertIn("the changes of 1 table are logged", said)
        self.assertIn("deferred (its primary key is deferrable", said)
        dry = self.place.agent("once", "--dry-run").said
        self.assertRegex(dry, r"deferred: found by comparing, since its primary key is deferrable[^:]*: not sent in its present form")
        self.assertRegex(dry, r"full_identity: found by comparing, since ")
        self.assertRegex(dry, r"plain: never sent: all 20 rows")
        self.assertNotIn("skipped", dry)
        self.assertEqual({counts[:2] for counts in self.run_once().values()}, {("populate", 20)})
        status = self.place.agent("status").said
        self.assertIn("not logged  2 tables, whose changes are found by comparing", status)
        self.assertIn("deferred: its primary key is deferrable", status)
        self.assertNotIn("skipped", status)
        told = json.loads(self.place.agent("status", "--json").stdout)["sources"][0]["last_run"]["unlogged"]
        self.assertEqual([table["table"] for table in told], ["deferred", "full_identity"])
        for name in ("deferred", "full_identity", "plain"):
            self.crm.sql(f"UPDATE {name} SET v = 'w' WHERE id = 3; DELETE FROM {name} WHERE id = 4; INSERT INTO {name} VALUES (100, 'n')")
        # Two keys change places, which a deferrable one allows within a transaction.
        self.crm.sql("BEGIN; UPDATE deferred SET id = 6 WHERE id = 5 AND v = 'v5'; UPDATE deferred SET id = 5 WHERE v = 'v6'; COMMIT")
        self.assertEqual({counts[0] for counts in self.run_once().values()}, {"changes"})
        self.check("deferred", "full_identity", "plain")
        self.check_verified()
        self.assertIn("changes staged since it was sent last", self.place.agent("once", "--dry-run").said)


class Uninstalled(LogTest):
    def test_a_table_that_came_after_install_has_no_log(self):
        self.crm.sql("CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t VALUES (1)")
        self.crm.sql(f"GRANT SELECT ON t TO {sources.READER}")
        self.use({})
        self.run_once()
        self.crm.sql("CREATE TABLE u (id int PRIMARY KEY); INSERT INTO u VALUES (1)")
        self.crm.sql(f"GRANT SELECT ON u TO {sources.READER}")
        dry = self.place.agent("once", "--dry-run").said
        self.assertIn("u: new: after 'mirror-agent install' adds it to the publication, its one row is sent", " ".join(dry.split()))
        report = self.place.once()
        self.assertIn("is not in the source's publication", report["by_table"]["u"]["reason"])
        told = " ".join(self.place.control("tables", "Cust").stderr.split())
        self.assertIn("the source has no record of its changes, and cannot say whether there were any): u.", told)

    def test_a_log_that_was_removed_is_no_restore(self):
        self.crm.sql("CREATE TABLE t (id int PRIMARY KEY, v text); INSERT INTO t SELECT i, 'v' FROM generate_series(1, 20) i")
        self.crm.sql(f"GRANT SELECT ON t TO {sources.READER}")
        self.use({})
        self.run_once()
        self.place.configure_postgres(self.owner_dsn(), {}, 'strategy = "cdc"')
        gone = self.place.agent("uninstall")
        self.assertIn("the change log is removed", gone.said)
        self.place.configure_postgres(self.crm.dsn(), {}, 'strategy = "cdc"')
        self.crm.sql("UPDATE t SET v = 'w' WHERE id = 1")
        table = self.place.once()["by_table"]["t"]
        self.assertEqual((table["action"], table["reason"]), ("populate", "the change log from which the mirror's rows were sent no longer exists"))
        self.check()
        self.use({})
        self.run_once()
        self.check_verified()


class Steps(LogTest):
    def test_rows_and_columns_go_through_the_stage_as_the_configuration_says(self):
        key = self.place.work / "hash.key"
        key.write_text("00" * 32)
        key.chmod(0o600)
        self.place.toml_head = re.sub(r"^hash_key = .*", f'hash_key = "{key}"', self.place.toml_head, flags=re.MULTILINE)
        self.crm.sql(
            "CREATE TABLE person (id int PRIMARY KEY, name text, mail varchar(60), phone text, rate numeric(8, 2), big text, secret text);"
            "ALTER TABLE person ALTER big SET STORAGE EXTERNAL;"
            "INSERT INTO person SELECT i, 'Name ' || i, 'm' || i || '@example.org', '+47 1234 ' || 1000 + i, i / 8.0, repeat('b', 4000), 's' FROM generate_series(1, 40) i"
        )
        lines = [
            'as = "people"', 'columns = ["id", "name", "mail", "phone", "rate", "big"]', 'rename = { name = "label" }',
            'where = "rate > 1"', 'hash = ["mail"]', "mask = { phone = 4 }",
        ]  # fmt: skip
        self.use({"person": "\n".join(lines)})
        self.assertEqual(self.run_once()["people"][0], "populate")

        def check():
            kept = self.wanted("SELECT id, name, phone, big FROM person WHERE rate > 1")
            found = self.mirrored("people")
            self.assertEqual(found.keys(), kept.keys())
            for number, row in found.items():
                self.assertEqual(list(row), ["id", "label", "mail", "phone", "rate", "big"])
                self.assertEqual((row["label"], row["big"]), (kept[number]["name"], kept[number]["big"]))
                self.assertEqual(row["phone"][-4:], kept[number]["phone"][-4:])
                self.assertNotIn("1234", row["phone"])
                self.assertNotIn("@", row["mail"])
            self.check_verified()

        check()
        for change in (
            "UPDATE person SET rate = 2 WHERE id = 3; UPDATE person SET rate = 0 WHERE id = 20",  # Into it and out of it.
            "UPDATE person SET name = 'New' WHERE id = 21; UPDATE person SET secret = 'x' WHERE id = 22",
            "UPDATE person SET mail = 'other@example.org', phone = '+47 1234 9999' WHERE id = 23",
            "UPDATE person SET id = 1000 WHERE id = 24; DELETE FROM person WHERE id = 25; INSERT INTO person VALUES (2000, 'n', 'n@example.org', '+47 1234 1', 5, 'b', NULL)",
            "TRUNCATE person; INSERT INTO person SELECT i, 'Again ' || i, 'm@example.org', '+47 1234 ' || i, i, 'b', 's' FROM generate_series(1, 20) i",
        ):
            self.crm.sql(change)
            self.run_once()
            check()
        # Other rows are sent from here on.
        self.use({"person": "\n".join(lines[:3] + ['where = "rate > 10"'] + lines[4:])})
        self.run_once()
        self.assertEqual(len(self.place.rows("people")), 10)
        self.check_verified()

    def test_a_where_over_columns_beside_the_key_leaves_the_application_alone(self):
        self.crm.sql("CREATE TABLE t (id int PRIMARY KEY, v text, n int); INSERT INTO t SELECT i, 'v', i FROM generate_series(1, 20) i")
        self.use({"t": 'where = "n > 10"'})
        self.run_once()
        self.crm.sql("UPDATE t SET n = 50 WHERE id = 1; UPDATE t SET n = 1 WHERE id = 20; DELETE FROM t WHERE id = 15")
        self.run_once()
        self.assertEqual(self.mirrored("t").keys(), self.wanted("SELECT id FROM t WHERE n > 10").keys())


class Definitions(LogTest):
    def test_the_default_of_a_column_that_is_hashed_stays_at_home(self):
        key = self.place.work / "hash.key"
        key.write_text("00" * 32)
        key.chmod(0o600)
        self.place.toml_head = re.sub(r"^hash_key = .*", f'hash_key = "{key}"', self.place.toml_head, flags=re.MULTILINE)
        self.crm.sql("CREATE TABLE t (id int PRIMARY KEY, secret text); INSERT INTO t SELECT i, 's' FROM generate_series(1, 50) i")
        self.use({"t": 'hash = ["secret"]'})
        self.run_once()
        self.crm.sql("ALTER TABLE t RENAME secret TO old; ALTER TABLE t ADD secret text DEFAULT 'known to nobody'; ALTER TABLE t DROP old")
        self.run_once()
        for row in self.place.rows("t"):
            self.assertNotIn("known", row["secret"])
        mirror = sqlite3.connect(f"file:{self.place.mirror}?mode=ro", uri=True)
        self.addCleanup(mirror.close)
        self.assertNotIn("known", str(mirror.execute("SELECT sql FROM sqlite_schema").fetchall()))
        self.check_verified()

    def test_a_column_with_a_default_is_compared_and_no_row_is_sent(self):
        self.crm.sql("CREATE TABLE t (id int PRIMARY KEY, v text); INSERT INTO t SELECT i, 'v' || i FROM generate_series(1, 9000) i")
        self.use({})
        self.run_once()
        self.crm.sql(
            "ALTER TABLE t ADD a int NOT NULL DEFAULT 7, ADD b text DEFAULT 'it''s', ADD c numeric(8,2) DEFAULT 1.5, ADD d bool DEFAULT true,"
            " ADD e text; UPDATE t SET a = 8, e = 'x' WHERE id = 5; INSERT INTO t VALUES (10000, 'new')"
        )
        sent = self.run_once()["t"]
        self.assertEqual((sent[0], sent[1] + sent[2], sent[3]), ("changes", 2, 0))
        query = "SELECT id, v, a, b, c::text AS c, d::int AS d, e FROM t"
        self.assertEqual(self.mirrored("t"), self.wanted(query))
        self.check_verified()
        self.assertEqual(self.run_once()["t"][0], "none")


class OtherStrategies(LogTest):
    LINES = {
        "cdc": 'strategy = "cdc"',
        "synthetic": 'strategy = "synthetic"',
        "watermark": 'strategy = "watermark"\nwatermark = "n"',
        "watermark_cdc": 'strategy = "watermark_cdc"\nwatermark = "n"',
    }

    def test_one_is_changed_for_another_without_loss(self):
        pairs = [pair for pair in itertools.permutations(self.LINES, 2) if "cdc" in pair]
        for pair in pairs:
            self.crm.sql(
                f"CREATE TABLE {'_'.join(pair)} (id int PRIMARY KEY, n bigint, v text);"
                f"INSERT INTO {'_'.join(pair)} SELECT i, i, 'v' FROM generate_series(1, 50) i"
            )

        def change(script):
            self.crm.sql("".join(script.replace("TABLE", "_".join(pair)) + ";" for pair in pairs))

        self.use({"_".join(pair): self.LINES[pair[0]] for pair in pairs}, 'strategy = "synthetic"')
        self.run_once()
        change("UPDATE TABLE SET v = 'a', n = 100 WHERE id = 7; INSERT INTO TABLE VALUES (100, 101, 'b')")
        self.use({"_".join(pair): self.LINES[pair[1]] for pair in pairs}, 'strategy = "synthetic"')
        for pair, counts in zip(pairs, map(self.run_once().get, ("_".join(pair) for pair in pairs))):
            self.assertEqual((counts[0], counts[1] + counts[2], counts[3]), ("changes", 2, 0), pair)
        self.check(*("_".join(pair) for pair in pairs))
        change("UPDATE TABLE SET v = 'c', n = 200 WHERE id = 8; INSERT INTO TABLE VALUES (200, 201, 'd')")
        self.run_once()
        self.check(*("_".join(pair) for pair in pairs))
        self.check_verified()


if __name__ == "__main__":
    files_test.BIN = pathlib.Path(sys.argv.pop(1)).resolve()
    unittest.main()
