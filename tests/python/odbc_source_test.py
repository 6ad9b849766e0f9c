#!/usr/bin/python3
"""Databases by ODBC as sources, driven as their owner drives them: cycles with each strategy, comparisons, a server that
goes, a driver that is not there. By the drivers that Debian has, without an odbcinst.ini.

Usage: odbc_source_test.py BIN_DIR [unittest arguments]
"""

import pathlib
import shutil
import sqlite3
import sys
import unittest

import files_test
import postgres_source_test

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "support"))
import postgres_cluster  # noqa: E402

DATA = ROOT / "tests" / "data"
DRIVERS = [pathlib.Path(f"/usr/lib/{machine}-linux-gnu/odbc") for machine in ("x86_64", "aarch64")]


def driver(library):
    for folder in DRIVERS:
        if (folder / library).exists():
            return folder / library
    raise unittest.SkipTest(f"no ODBC driver {library}: tools/setup --also odbc")


class SourceTest(unittest.TestCase):
    def setUp(self):
        self.place = postgres_source_test.Place(self)

    def use(self, dsn, tables, source_lines='strategy = "synthetic"'):
        self.place.configure_postgres(dsn, tables, source_lines)
        text = self.place.toml.read_text().replace('kind = "postgres"', 'kind = "odbc"')
        self.place.toml.write_text(text)

    run_once = postgres_source_test.SourceTest.run_once
    check_verified = postgres_source_test.SourceTest.check_verified
    mirrored = postgres_source_test.SourceTest.mirrored


class Sqlite(SourceTest):
    def setUp(self):
        super().setUp()
        self.file = self.place.work / "shop.db"
        self.dsn = f"DRIVER={driver('libsqlite3odbc.so')};DATABASE={self.file}"

    def sql(self, script):
        with sqlite3.connect(self.file, isolation_level=None) as shop:
            shop.executescript(script)
        shop.close()

    def test_chinook_is_mirrored_as_it_stands(self):
        shutil.copy(DATA / "chinook.sqlite", self.file)
        self.use(self.dsn, {})
        sent = self.run_once()
        self.assertEqual(sum(table[1] for table in sent.values()), 15_607)
        self.assertEqual(self.check_verified(), set(sent))
        with sqlite3.connect(self.file) as shop:
            shop.row_factory = sqlite3.Row
            for name in sent:
                wanted = sorted(map(tuple, shop.execute(f"SELECT * FROM {name}")), key=repr)
                self.assertEqual(sorted((tuple(row.values()) for row in self.place.rows(name)), key=repr), wanted, name)
        shop.close()
        self.sql("UPDATE Track SET UnitPrice = 1.49 WHERE TrackId IN (1, 2, 3); DELETE FROM PlaylistTrack WHERE PlaylistId = 9")
        sent = self.run_once()
        self.assertEqual(sent["Track"], ("changes", 0, 3, 0))
        self.assertEqual(sent["PlaylistTrack"], ("changes", 0, 0, 1))

    def test_a_watermark_finds_what_is_behind_it(self):
        self.sql("CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT, at INTEGER); INSERT INTO t VALUES (1, 'a', 10), (2, 'b', 20)")
        self.use(self.dsn, {"t": 'strategy = "watermark"\nwatermark = "at"'})
        self.run_once()
        self.sql("UPDATE t SET v = 'c', at = 30 WHERE id = 1; INSERT INTO t VALUES (3, 'd', 31)")
        self.run_once()
        self.assertEqual({key: row["v"] for key, row in self.mirrored("t").items()}, {1: "c", 2: "b", 3: "d"})

    def test_a_driver_that_is_not_there_is_named(self):
        self.use("DRIVER=/nowhere/none.so;DATABASE=x", {})
        done = self.place.agent("once")
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("the ODBC driver '/nowhere/none.so' cannot be loaded", done.said)

    def test_a_password_in_the_configuration_is_refused(self):
        self.use(self.dsn + ";PWD=geheim", {})
        done = self.place.agent("once")
        self.assertNotEqual(done.returncode, 0)
        self.assertNotIn("geheim", done.said)


class Postgres(SourceTest):
    def setUp(self):
        super().setUp()
        library = driver("psqlodbcw.so")
        try:
            postgres_cluster.programs()
        except postgres_cluster.Missing as missing:
            raise unittest.SkipTest(str(missing)) from None
        postgres_source_test.setUpModule()
        self.addCleanup(postgres_source_test.tearDownModule)
        self.crm = postgres_source_test.Database(self)
        self.dsn = (
            f"DRIVER={library};SERVER={postgres_source_test.Shared.cluster.folder};PORT=5432;DATABASE={self.crm.name};"
            f"UID={postgres_source_test.READER}"
        )

    def test_what_changes_goes_alone_beside_writers(self):
        self.crm.sql(
            "CREATE TABLE t (id int4 PRIMARY KEY, v text, n numeric(9,2), at timestamptz, d date);"
            "INSERT INTO t SELECT i, 'v' || i, i / 7.0, now(), 'infinity' FROM generate_series(1, 2000) i;"
        )
        self.use(self.dsn, {})
        self.assertEqual(self.run_once()["t"][1], 2000)
        self.assertEqual(self.check_verified(), {"t"})
        self.assertEqual(self.mirrored("t")[7]["d"], "infinity")
        self.crm.sql("UPDATE t SET v = 'w' WHERE id <= 3; DELETE FROM t WHERE id > 1990; INSERT INTO t (id) VALUES (5000)")
        self.assertEqual(self.run_once()["t"], ("changes", 1, 3, 10))
        self.assertEqual(self.check_verified(), {"t"})
        self.assertEqual({table[0] for table in self.run_once().values()}, {"none"})


if __name__ == "__main__":
    files_test.BIN = pathlib.Path(sys.argv.pop(1)).resolve()
    unittest.main()
