#!/usr/bin/python3
"""Databases of PostgreSQL as sources, driven as their owner drives them: the agent as a role that may read and nothing
else, each strategy that needs no log, with what it promises kept beside; kills, other addresses, other databases.

Usage: postgres_source_test.py BIN_DIR [unittest arguments]
"""

import atexit
import datetime
import decimal
import itertools
import json
import lzma
import os
import pathlib
import re
import shutil
import sqlite3
import subprocess
import sys
import unittest

import files_test
import strategies_test
import whole_lines

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "support"))
import postgres_cluster  # noqa: E402

DATA = ROOT / "tests" / "data"
READER = "crm_reader"


class Shared:
    cluster = None
    numbers = itertools.count(1)


def setUpModule():
    try:
        postgres_cluster.programs()
    except postgres_cluster.Missing as missing:
        raise unittest.SkipTest(str(missing)) from None
    Shared.cluster = postgres_cluster.Cluster(postgres_cluster.fast_folder("postgres-source-") / "postgres")
    atexit.register(tearDownModule)
    Shared.cluster.make()
    Shared.cluster.sql(f"CREATE ROLE {READER} LOGIN;")


def tearDownModule():
    if Shared.cluster:
        Shared.cluster.remove()
        shutil.rmtree(Shared.cluster.folder.parent, ignore_errors=True)


class Database:
    """Of an application: it writes as the superuser, the agent reads as a role that may only read."""

    def __init__(self, test, name=None):
        self.name = name or f"crm_{next(Shared.numbers)}"
        test.addCleanup(Shared.cluster.drop_database, self.name)
        self.make()

    def make(self):
        Shared.cluster.sql(f"CREATE DATABASE {self.name} ENCODING 'UTF8' TEMPLATE template0;")
        self.sql(f"ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT ON TABLES TO {READER};")

    def make_anew(self):
        """Another database by the same name."""
        Shared.cluster.drop_database(self.name)
        self.make()

    def sql(self, script):
        return postgres_cluster.psql(Shared.cluster.url(self.name, postgres_cluster.SUPERUSER), script)

    def rows(self, query):
        """As JSON has them."""
        found = self.sql(f"SELECT coalesce(json_agg(row_to_json(t)), '[]') FROM ({query}) t;")
        return json.loads(found, parse_float=decimal.Decimal)

    def dsn(self, host=None):
        return f"host='{host or Shared.cluster.folder}' dbname={self.name} user={READER}"


class Place(strategies_test.Place):
    def __init__(self, test):
        super().__init__(test)
        admin = re.search(r"admin on (\S+)", (self.work / "server.out").read_text())[1]
        control = self.toml.parent / "mirrorctl.toml"
        control.write_text(re.sub(r"^address = .*", f'address = "{admin}"', control.read_text(), flags=re.MULTILINE))

    def configure_postgres(self, dsn, tables, source_lines='strategy = "synthetic"'):
        text = self.toml_head + f'\n[[source]]\ncontext_id = "Cust"\nkind = "postgres"\ndsn = "{dsn}"\n{source_lines}\n'
        for name, lines in tables.items():
            text += f'[[source.table]]\nname = "{name}"\n{lines}\n'
        self.toml.write_text(text)

    def agent(self, *words):
        done = subprocess.run(
            [files_test.BIN / "mirror-agent", *words, "--config", self.toml],
            capture_output=True, text=True, check=False, timeout=300,
        )  # fmt: skip
        done.said = whole_lines.joined(done.stdout + done.stderr)
        return done

    def control(self, *words):
        return subprocess.run(
            [files_test.BIN / "mirrorctl", "--config", self.toml.parent / "mirrorctl.toml", *words],
            capture_output=True, text=True, check=False, timeout=60,
        )  # fmt: skip


class SourceTest(unittest.TestCase):
    def setUp(self):
        self.place = Place(self)
        self.crm = Database(self)

    def use(self, tables, source_lines='strategy = "synthetic"'):
        self.place.configure_postgres(self.crm.dsn(), tables, source_lines)

    def run_once(self, *more):
        """{table: (action, inserts, updates, deletes)}"""
        report = self.place.once(*more)
        self.assertEqual(report["exit"], 0, report)
        counts = ("action", "inserts", "updates", "deletes")
        return {name: tuple(table[one] for one in counts) for name, table in report["by_table"].items()}

    def check_verified(self):
        """By digests, of all rows; nothing was to be mended."""
        done = self.place.agent("verify", "--json")
        source = json.loads(done.stdout)["sources"][0]
        self.assertEqual(done.returncode, 0, source)
        return {table["table"] for table in source["tables"]}

    def mirrored(self, table, key="id"):
        rows = self.place.rows(table)
        by_key = {row[key]: row for row in rows}
        self.assertEqual(len(by_key), len(rows), "a row stands twice")
        return by_key

    def wanted(self, query, key="id"):
        return {row[key]: row for row in self.crm.rows(query)}


class Chinook(SourceTest):
    """The same data for PostgreSQL and for SQLite: the mirror of the one is compared with the other."""

    def setUp(self):
        super().setUp()
        script = lzma.decompress((DATA / "chinook-postgresql.sql.xz").read_bytes()).decode()
        _, found, tables = script.partition("\\c chinook;\n")
        self.assertTrue(found)
        self.crm.sql(tables)
        self.use({})

    @staticmethod
    def snake(name):
        return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower()

    @staticmethod
    def plain(value, declared):
        if value is None or declared.startswith("INTEGER"):
            return value
        if declared.startswith("NVARCHAR"):
            return value.rstrip(" ")  # N'...' is a char(n) to PostgreSQL, which has no blanks at its end.
        if declared.startswith("NUMERIC"):
            return decimal.Decimal(str(value))
        return datetime.datetime.fromisoformat(value)

    def test_every_row_is_mirrored_and_equal_by_digests(self):
        shop = sqlite3.connect(f"file:{DATA / 'chinook.sqlite'}?mode=ro", uri=True)
        self.addCleanup(shop.close)
        names = [name for name, in shop.execute("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")]
        self.assertEqual(len(names), 11)
        sent = self.run_once()
        self.assertEqual(set(sent), {self.snake(name) for name in names})
        self.assertEqual({table[0] for table in sent.values()}, {"populate"})
        count = 0
        for name in names:
            columns = {column[1]: column[2] for column in shop.execute(f"PRAGMA table_info({name})")}
            wanted = [
                tuple(map(self.plain, row, columns.values())) for row in shop.execute(f"SELECT {', '.join(columns)} FROM {name}")
            ]
            found = [
                tuple(self.plain(row[self.snake(column)], declared) for column, declared in columns.items())
                for row in self.place.rows(self.snake(name))
            ]
            self.assertEqual(sorted(found, key=repr), sorted(wanted, key=repr), name)
            count += len(found)
        self.assertEqual(count, 15_607)
        self.assertEqual(self.check_verified(), set(sent))
        self.assertEqual({table[0] for table in self.run_once().values()}, {"none"})

    def test_what_changes_goes_alone(self):
        self.run_once()
        self.crm.sql(
            "UPDATE track SET unit_price = 1.49 WHERE track_id IN (1, 2, 3);"
            "DELETE FROM playlist_track WHERE playlist_id = 1 AND track_id <= 100;"
            "INSERT INTO artist VALUES (9001, 'Motörhead II'), (9002, NULL);"
            "UPDATE invoice SET invoice_date = invoice_date + interval '1 day' WHERE invoice_id = 7;"
        )
        gone = 3_290 - int(self.crm.sql("SELECT count(*) FROM playlist_track WHERE playlist_id = 1;"))
        sent = {name: counts for name, counts in self.run_once().items() if counts[0] != "none"}
        wanted = {
            "track": ("changes", 0, 3, 0), "playlist_track": ("changes", 0, 0, gone),
            "artist": ("changes", 2, 0, 0), "invoice": ("changes", 0, 1, 0),
        }  # fmt: skip
        self.assertEqual(sent, wanted)
        self.check_verified()


def at(day):
    return f"2024-05-{day:02} 12:00:00"


class Strategies(SourceTest):
    """A table for each, which hold the same."""

    LINES = {
        "synthetic": 'strategy = "synthetic"',
        "watermark": 'strategy = "watermark"\nwatermark = "at"',
        "watermark_cdc": 'strategy = "watermark_cdc"\nwatermark = "at"\nprecision = "day"',
        "window": 'strategy = "window"\nwatermark = "at"\nwindow = "3650d"',
        "by_column": 'strategy = "synthetic"\ncolumn_hashes = true',
    }

    def make(self):
        for name in self.LINES:
            self.crm.sql(
                f"CREATE TABLE t_{name} (id bigint PRIMARY KEY, at timestamp, v text, n numeric(9, 2));"
                f"INSERT INTO t_{name} SELECT i, timestamp '{at(1)}' + i * interval '1 minute', 'v' || i, i / 4.0 FROM generate_series(1, 300) i;"
            )
        self.use({f"t_{name}": lines for name, lines in self.LINES.items()})

    def all(self, script):
        for name in self.LINES:
            self.crm.sql(script.replace("TABLE", f"t_{name}"))

    QUERY = "SELECT id, replace(at::text, 'T', ' ') AS at, v, n::text AS n FROM t_{}"

    def check(self, lost=()):
        """`lost`: keys that went, which only some strategies see."""
        for name in self.LINES:
            wanted = self.wanted(self.QUERY.format(name))
            found = self.mirrored(f"t_{name}")
            if name in ("watermark", "window"):
                self.assertEqual(found.keys() - wanted.keys(), set(lost), name)
                found = {key: row for key, row in found.items() if key in wanted}
            self.assertEqual({key: self.shown(row) for key, row in found.items()}, {key: self.shown(row) for key, row in wanted.items()}, name)

    @staticmethod
    def shown(row):
        return row["id"], None if row["at"] is None else datetime.datetime.fromisoformat(row["at"]), row["v"], decimal.Decimal(row["n"])

    def test_each_sends_what_it_promises(self):
        self.make()
        self.assertEqual({counts[0] for counts in self.run_once().values()}, {"populate"})
        self.check()
        self.assertEqual({counts[0] for counts in self.run_once().values()}, {"none"})
        self.all(f"UPDATE TABLE SET v = 'w', at = '{at(2)}' WHERE id IN (5, 6); DELETE FROM TABLE WHERE id = 9; INSERT INTO TABLE VALUES (1000, '{at(3)}', NULL, 1.25)")
        sent = self.run_once()
        for name in self.LINES:
            action, inserts, updates, deletes = sent[f"t_{name}"]
            self.assertEqual((action, inserts + updates), ("changes", 3), name)
            self.assertEqual(deletes, 0 if name in ("watermark", "window") else 1, name)
        self.check(lost=[9])
        # Behind the watermark's back: who looks at all rows sees it.
        self.all("UPDATE TABLE SET v = 'unseen' WHERE id = 20")
        sent = self.run_once()
        self.assertEqual({name: sent[f"t_{name}"][2] for name in self.LINES}, {"synthetic": 1, "by_column": 1, "window": 1, "watermark": 0, "watermark_cdc": 0})
        self.assertEqual({counts[0] for counts in self.run_once().values()}, {"none"})

    def test_what_differs_is_found_by_digests_and_mended(self):
        self.make()
        self.run_once()
        self.assertEqual(self.check_verified(), {f"t_{name}" for name in self.LINES})
        mirror = sqlite3.connect(self.place.mirror, isolation_level=None)
        self.addCleanup(mirror.close)
        for name in self.LINES:
            mirror.execute(f"UPDATE t_{name} SET v = 'falsified' WHERE id = 20")
            mirror.execute(f"DELETE FROM t_{name} WHERE id IN (21, 22)")
        told = json.loads(self.place.agent("verify", "--json").stdout)["sources"][0]["tables"]
        compared = {table["table"]: (table["equality"], table["changed"], table["lost"]) for table in told}
        without_deletes = {"t_watermark", "t_window"}
        for name, found in compared.items():
            self.assertEqual(found, ("not meant to be", 0, 0) if name in without_deletes else ("differs", 1, 2), name)
        self.assertEqual(self.place.agent("verify", "--repair").returncode, 0)
        for table in compared.keys() - without_deletes:
            self.assertEqual(len(self.mirrored(table)), 300)
            self.assertEqual(self.mirrored(table)[20]["v"], "v20")
        told = json.loads(self.place.agent("verify", "--json").stdout)["sources"][0]["tables"]
        self.assertEqual({table["equality"] for table in told if table["table"] not in without_deletes}, {"equal"})

    def test_one_is_changed_for_another_without_a_population(self):
        strategies = ("synthetic", "watermark", "watermark_cdc", "window")
        pairs = list(itertools.permutations(strategies, 2))
        for pair in pairs:
            self.crm.sql(
                f"CREATE TABLE {'_'.join(pair)} (id int PRIMARY KEY, at timestamp, v text);"
                f"INSERT INTO {'_'.join(pair)} SELECT i, timestamp '{at(1)}' + i * interval '1 minute', 'v' FROM generate_series(1, 50) i;"
            )

        def change(script):
            self.crm.sql("".join(script.replace("TABLE", "_".join(pair)) + ";" for pair in pairs))

        self.use({"_".join(pair): self.LINES[pair[0]] for pair in pairs})
        self.run_once()
        change(f"UPDATE TABLE SET v = 'a', at = '{at(2)}' WHERE id = 7; INSERT INTO TABLE VALUES (100, '{at(2)}', 'b')")
        self.use({"_".join(pair): self.LINES[pair[1]] for pair in pairs})
        sent = self.run_once()
        for pair in pairs:
            action, inserts, updates, deletes = sent["_".join(pair)]
            self.assertEqual((action, inserts + updates, deletes), ("changes", 2, 0), pair)
        self.check_verified()

    def test_populated_when_its_number_of_rows_changed(self):
        self.crm.sql("CREATE TABLE t (id int PRIMARY KEY, v text); INSERT INTO t VALUES (1, 'a'), (2, 'b')")
        self.use({}, 'strategy = "populate"')
        self.assertEqual(self.run_once()["t"][0], "populate")
        self.crm.sql("UPDATE t SET v = 'c' WHERE id = 1")
        self.assertEqual(self.run_once()["t"][0], "none")
        self.crm.sql("INSERT INTO t VALUES (3, 'd')")
        self.assertEqual(self.run_once()["t"][:2], ("populate", 3))
        self.assertEqual(self.mirrored("t"), self.wanted("SELECT * FROM t"))
        self.check_verified()

    def test_deletes_come_from_a_table_of_their_own(self):
        self.crm.sql(
            "CREATE TABLE t (id bigint PRIMARY KEY, n bigint, v text); CREATE TABLE gone (who bigint, n bigint);"
            "INSERT INTO t SELECT i, i, 'v' FROM generate_series(1, 6) i; INSERT INTO gone VALUES (99, 1)"
        )
        feed = 'deletes_from = { table = "gone", key = ["who"], watermark = "n" }'
        self.use({"t": f'strategy = "watermark"\nwatermark = "n"\n{feed}'}, 'strategy = "synthetic"\nskip = ["gone"]')
        self.assertEqual(self.run_once()["t"][:2], ("populate", 6))
        self.crm.sql("DELETE FROM t WHERE id IN (2, 4); INSERT INTO gone VALUES (2, 2), (4, 2); INSERT INTO t VALUES (7, 7, 'w')")
        self.assertEqual(self.run_once()["t"], ("changes", 1, 0, 2))
        self.assertEqual(self.mirrored("t"), self.wanted("SELECT * FROM t"))
        self.assertEqual(self.run_once()["t"][0], "none")
        self.check_verified()

    def test_pointers_are_seen_and_set_back(self):
        self.make()
        self.run_once()
        pointer = self.place.pointers()["t_watermark"]["pointer"]
        self.assertEqual(datetime.datetime.fromisoformat(pointer), datetime.datetime(2024, 5, 1, 17, 0))
        self.all("UPDATE TABLE SET v = 'unseen' WHERE id = 250")
        self.assertEqual(self.run_once()["t_watermark"][0], "none")
        self.place.pointers("--set", f"t_watermark={at(1)}")
        self.run_once()
        self.check()


class Steps(SourceTest):
    def test_rows_and_columns_are_sent_as_the_configuration_says(self):
        key = self.place.work / "hash.key"
        key.write_text("00" * 32)
        key.chmod(0o600)
        self.place.toml_head = re.sub(r"^hash_key = .*", f'hash_key = "{key}"', self.place.toml_head, flags=re.MULTILINE)
        self.crm.sql(
            "CREATE TABLE person (id int PRIMARY KEY, name text, mail varchar(60), phone text, born date, rate numeric(8, 2), secret text);"
            "INSERT INTO person SELECT i, 'Name ' || i, 'm' || i || '@example.org', '+47 1234 ' || 1000 + i, date '1980-01-01' + i, i / 8.0, 's' FROM generate_series(1, 40) i;"
        )
        lines = [
            'as = "people"', 'columns = ["id", "name", "mail", "phone", "born", "rate"]', 'rename = { name = "label" }',
            "where = \"rate > 1 AND born < '1980-02-05'\"", 'hash = ["mail"]', "mask = { phone = 4 }",
        ]  # fmt: skip
        self.use({"person": "\n".join(lines)})
        self.assertEqual(self.run_once()["people"][0], "populate")

        def check():
            kept = self.wanted("SELECT id, name, phone FROM person WHERE rate > 1 AND born < '1980-02-05'")
            self.assertGreater(len(kept), 10)
            found = self.mirrored("people")
            self.assertEqual(found.keys(), kept.keys())
            for number, row in found.items():
                self.assertEqual(list(row), ["id", "label", "mail", "phone", "born", "rate"])
                self.assertEqual(row["label"], kept[number]["name"])
                self.assertEqual(row["phone"][-4:], kept[number]["phone"][-4:])
                self.assertNotIn("1234", row["phone"])
                self.assertNotIn("@", row["mail"])
            self.check_verified()

        check()
        # Into the condition, out of it, and within.
        self.crm.sql("UPDATE person SET rate = 2 WHERE id = 3; UPDATE person SET rate = 0 WHERE id = 20; UPDATE person SET name = 'New' WHERE id = 21; UPDATE person SET secret = 'x' WHERE id = 22")
        self.assertEqual(self.run_once()["people"], ("changes", 1, 1, 1))
        check()
        self.use({"person": "\n".join(lines[:3] + lines[4:])})
        self.run_once()
        self.assertEqual(len(self.place.rows("people")), 40)
        self.check_verified()


    def test_a_numeric_is_a_number_in_a_condition(self):
        """Of any precision, also where a value made its column another one in the mirror."""
        self.crm.sql(
            "CREATE TABLE t (id int PRIMARY KEY, a numeric(9, 2), b numeric, c numeric(6, 2));"
            "INSERT INTO t SELECT i, i / 10.0, i / 10.0, CASE WHEN i = 1 THEN 'NaN' ELSE i / 10.0 END FROM generate_series(1, 120) i"
        )
        for column in ("a", "b", "c"):
            with self.subTest(column=column):
                self.use({"t": f'where = "{column} > 9.5"'})
                self.place.once()  # Of the column with NaN: it is met, and announced anew in the next one.
                self.run_once()
                self.assertEqual(self.mirrored("t").keys(), self.wanted(f"SELECT id FROM t WHERE {column} > 9.5").keys())


class Targets(SourceTest):
    def setUp(self):
        super().setUp()
        self.crm.sql("CREATE TABLE t (id int PRIMARY KEY, v text); INSERT INTO t SELECT i, 'v' || i FROM generate_series(1, 100) i")

    def test_staged_it_sends_what_differs_from_the_mirror(self):
        self.use({"t": 'push = "staged"'})
        self.run_once()
        self.crm.sql("UPDATE t SET v = 'w' WHERE id < 4; DELETE FROM t WHERE id = 50; INSERT INTO t VALUES (500, 'n')")
        self.run_once()
        self.assertEqual(self.mirrored("t"), self.wanted("SELECT * FROM t"))
        # Without the agent's memory as well: then it is another source, until it is accepted.
        shutil.rmtree(self.place.toml.parent / "agent-state")
        self.crm.sql("UPDATE t SET v = 'x' WHERE id = 7")
        self.place.once()
        self.assertEqual(self.place.control("accept-source", "Cust").returncode, 0)
        self.run_once()
        self.assertEqual(self.mirrored("t"), self.wanted("SELECT * FROM t"))
        self.check_verified()

    def test_deletes_are_kept_or_marked(self):
        self.crm.sql("CREATE TABLE u (id int PRIMARY KEY, v text); INSERT INTO u SELECT * FROM t")
        self.use({"t": 'deletes = "ignore"', "u": 'deletes = "mark"'})
        self.run_once()
        for table in ("t", "u"):
            self.crm.sql(f"DELETE FROM {table} WHERE id IN (4, 5); UPDATE {table} SET v = 'w' WHERE id = 6")
        self.run_once()
        self.assertEqual(len(self.mirrored("t")), 100)
        self.assertEqual(self.mirrored("t")[6]["v"], "w")
        marked = [row["id"] for row in self.place.rows("u") if any(row[name] for name in row if name not in ("id", "v"))]
        self.assertEqual((len(self.place.rows("u")), sorted(marked)), (100, [4, 5]))

    def test_receipts_prove_what_was_sent(self):
        self.use({})
        self.run_once()
        self.crm.sql("UPDATE t SET v = 'w' WHERE id < 4")
        self.run_once()
        done = self.place.agent("receipts", "verify", "--json")
        source = json.loads(done.stdout)["sources"][0]
        self.assertEqual((done.returncode, source["findings"]), (0, []), source)
        self.assertGreater(source["receipts"], 1)
        self.assertIn(self.crm.name, source["path"])


class Kills(SourceTest, strategies_test.Kills):
    def setUp(self):
        super().setUp()
        self.place.toml_head = re.sub(r"^batch_bytes = .*", "batch_bytes = 2000", self.place.toml_head, flags=re.MULTILINE)
        self.crm.sql(
            "CREATE TABLE a (id int PRIMARY KEY, v text); CREATE TABLE notes (note text);"
            "INSERT INTO a SELECT i, i::text FROM generate_series(1, 1000) i"
        )
        self.use({})
        self.run_once()

    test_of_a_file_source = test_of_a_synthetic_source = None
    test_a_row_that_went_before_it_was_sent_and_comes_again = test_in_the_run_that_changes_the_strategy = None

    def test_the_agent_dies_at_each_step(self):
        def change(number):
            self.crm.sql(
                f"UPDATE a SET v = 'w{number}' WHERE id % 9 = {number % 9}; DELETE FROM a WHERE id = {900 - number};"
                f"INSERT INTO a VALUES ({5_000 + number}, 'new'); INSERT INTO notes VALUES ('n{number % 4}')"
            )

        def expect():
            self.assertEqual(self.mirrored("a"), self.wanted("SELECT * FROM a"))
            notes = sorted(row["note"] for row in self.crm.rows("SELECT * FROM notes"))
            self.assertEqual(sorted(row["note"] for row in self.place.rows("notes")), notes)

        self.kill_everywhere(change, expect)


class Identity(SourceTest):
    def setUp(self):
        super().setUp()
        self.fill()

    def fill(self, rows=50, word="v"):
        self.crm.sql(f"CREATE TABLE t (id int PRIMARY KEY, v text); INSERT INTO t SELECT i, '{word}' || i FROM generate_series(1, {rows}) i")

    def check_held_and_accept(self):
        """Another database is not mirrored until an operator says that it is the right one."""
        before = self.mirrored("t")
        report = self.place.once()
        self.assertEqual(report["exit"], 1, report)
        self.assertIn("another source database announces itself", report["by_table"]["t"]["reason"])
        self.assertTrue(any("it counts as a new source" in note for note in report["notes"]), report["notes"])
        self.assertEqual(self.mirrored("t"), before)
        self.assertEqual(self.place.once()["exit"], 1)
        self.assertEqual(self.place.control("accept-source", "Cust").returncode, 0)
        self.run_once()
        self.assertEqual(self.mirrored("t"), self.wanted("SELECT * FROM t"))
        self.check_verified()
        self.assertEqual(self.run_once()["t"][0], "none")

    def test_the_same_database_at_another_address_is_the_same_source(self):
        self.use({})
        self.run_once()
        other = Shared.cluster.folder.parent / "other-address"
        other.symlink_to(Shared.cluster.folder)
        self.addCleanup(other.unlink)
        self.crm.sql("UPDATE t SET v = 'w' WHERE id = 1")
        self.place.configure_postgres(f"host='/nowhere,{other}' dbname={self.crm.name} user={READER}", {})
        self.assertEqual(self.run_once()["t"], ("changes", 0, 1, 0))

    def test_another_database_at_the_same_address_is_another_source(self):
        self.use({})
        self.run_once()
        self.crm.make_anew()
        self.fill(60, "other")
        self.check_held_and_accept()

    def test_another_database_of_the_server_is_another_source(self):
        self.use({})
        self.run_once()
        self.crm = Database(self)
        self.fill(40, "other")
        self.use({})
        self.check_held_and_accept()

    def sqlite(self, declared, values):
        path = self.place.work / "crm.db"
        former = sqlite3.connect(path, isolation_level=None)
        former.execute(f"CREATE TABLE t ({declared})")
        former.executemany("INSERT INTO t VALUES (?, ?)", values)
        former.close()
        self.place.configure_sqlite(path, {}, 'strategy = "synthetic"')
        self.run_once()

    def test_a_customer_who_moves_from_sqlite_with_the_same_rows(self):
        self.sqlite("id INTEGER PRIMARY KEY, v TEXT", [(i, f"v{i}") for i in range(1, 51)])
        self.use({})
        self.check_held_and_accept()

    def test_a_customer_who_moves_from_sqlite_with_other_rows_and_wider_types(self):
        self.sqlite("id INTEGER PRIMARY KEY, v", [(i, i) for i in range(1, 71)])
        self.use({})
        self.check_held_and_accept()


class Words(SourceTest):
    """What people are told of a database of a server."""

    def test_commands_name_its_place_and_nothing_secret(self):
        self.crm.sql("CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t VALUES (1)")
        passwords = self.place.work / "pg.pw"
        passwords.write_text("*:*:*:*:sesame\n")
        passwords.chmod(0o600)
        self.use({}, f'strategy = "synthetic"\npassword_file = "{passwords}"')
        place = f'PostgreSQL at "{Shared.cluster.folder}, database {self.crm.name}"'
        self.assertIn("no errors", self.place.agent("check-config").said)
        dry = self.place.agent("once", "--dry-run")
        self.assertEqual(dry.returncode, 0, dry.said)
        self.assertIn(f"Cust  {place}", dry.said)
        self.assertIn("t: not sent in its present form yet: its one row is sent", dry.said)
        self.run_once()
        self.assertIn(f"postgres, {place}, strategy synthetic", self.place.agent("status").said)
        gone = self.place.agent("uninstall")
        self.assertEqual((gone.returncode, gone.said.strip()), (0, f"Cust  {place}: there was no change log"))
        doctor = subprocess.run(
            [files_test.BIN / "mirrorctl", "doctor", "--source", self.place.toml], capture_output=True, text=True, check=False, timeout=60
        )
        self.assertIn(f"{place} can be read, 1 table", whole_lines.joined(doctor.stdout))
        # Readable by others: told before anybody connects, and by who connects.
        passwords.chmod(0o644)
        for words in (("check-config",), ("once",)):
            told = self.place.agent(*words)
            self.assertNotEqual(told.returncode, 0, words)
            self.assertIn("pg.pw", told.said)
            self.assertNotIn("sesame", told.said)

    def test_tables_that_are_not_there_or_may_not_be_read(self):
        self.crm.sql(f"CREATE TABLE t (id int PRIMARY KEY); CREATE TABLE u (id int PRIMARY KEY); REVOKE ALL ON u FROM {READER}; CREATE VIEW w AS SELECT * FROM t")
        self.use({"x": "", "w": 'key = ["id"]'})
        report = self.place.once()
        self.assertEqual(report["exit"], 1)
        self.assertEqual(report["by_table"]["t"]["action"], "populate")
        self.assertIn("GRANT SELECT", report["by_table"]["u"]["reason"])
        self.assertIn("the source has no such table", report["by_table"]["x"]["reason"])
        self.assertIn("views of PostgreSQL databases are not read", report["by_table"]["w"]["reason"])

    def test_a_server_that_is_not_there_fails_the_run_and_nothing_is_lost(self):
        self.crm.sql("CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t VALUES (1)")
        self.use({})
        self.run_once()
        self.place.configure_postgres(self.crm.dsn("/nowhere"), {})
        report = self.place.once()
        self.assertEqual(report["exit"], 1)
        self.assertIn("PostgreSQL at", report["stderr"])
        self.use({})
        self.assertEqual(self.run_once()["t"][0], "none")

    def test_variables_of_libpq_do_not_say_where_or_as_whom(self):
        self.crm.sql("CREATE TABLE t (id int PRIMARY KEY)")
        self.use({})
        os.environ["PGOPTIONS"] = "-c no_such_setting=1"
        self.addCleanup(os.environ.pop, "PGOPTIONS")
        self.run_once()


if __name__ == "__main__":
    files_test.BIN = pathlib.Path(sys.argv.pop(1)).resolve()
    unittest.main()
