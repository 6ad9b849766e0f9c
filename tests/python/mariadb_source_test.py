#!/usr/bin/python3
"""Databases of MariaDB as sources whose binlog is read, driven as their owner drives them: the agent as a user who may
read and follow the binlog and nothing else. MariadbScenarios are those of docs/testing.md.

Usage: mariadb_source_test.py BIN_DIR [unittest arguments]
"""

import atexit
import collections
import itertools
import json
import pathlib
import subprocess
import sys
import unittest

import files_test
import strategies_test
import whole_lines

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "support"))
import mariadb_servers  # noqa: E402

READER = "crm_reader"
RIGHTS = "REPLICATION SLAVE, BINLOG MONITOR"


class Shared:
    home = None
    server = None
    numbers = itertools.count(1)


def setUpModule():
    try:
        Shared.home = mariadb_servers.Home()
    except mariadb_servers.Missing as missing:
        raise unittest.SkipTest(str(missing)) from None
    atexit.register(tearDownModule)
    Shared.server = Shared.home.make("shared")


def tearDownModule():
    if Shared.home:
        Shared.home.remove()
        Shared.home = None


class Database:
    """Of an application: it writes as the superuser, the agent reads as a user with the least rights."""

    def __init__(self, server, name=None, user=READER, rights=RIGHTS):
        self.server, self.user = server, user
        self.name = name or f"crm_{next(Shared.numbers)}"
        server.sql(
            f"CREATE DATABASE {self.name} CHARACTER SET utf8mb4; CREATE USER IF NOT EXISTS {user}@localhost;"
            f"GRANT SELECT ON {self.name}.* TO {user}@localhost;"
        )
        if rights:
            server.sql(f"GRANT {rights} ON *.* TO {user}@localhost")

    def sql(self, script, **more):
        return self.server.sql(script, self.name, **more)

    def dsn(self, server=None):
        return f"socket={(server or self.server).socket} dbname={self.name} user={self.user}"

    def tables(self):
        return self.sql("SELECT TABLE_NAME FROM information_schema.TABLES WHERE TABLE_SCHEMA = DATABASE()").split()


class Place(strategies_test.Place):
    def configure_mariadb(self, dsn, tables=None, source_lines=""):
        text = self.toml_head + f'\n[[source]]\ncontext_id = "Cust"\nkind = "mariadb"\ndsn = "{dsn}"\n{source_lines}\n'
        for name, lines in (tables or {}).items():
            text += f'[[source.table]]\nname = "{name}"\n{lines}\n'
        self.toml.write_text(text)

    def agent(self, *words):
        done = subprocess.run(
            [files_test.BIN / "mirror-agent", *words, "--config", self.toml],
            capture_output=True, text=True, check=False, timeout=300,
        )  # fmt: skip
        done.said = whole_lines.joined(done.stdout + done.stderr)
        return done


class SourceTest(unittest.TestCase):
    def setUp(self):
        self.place = Place(self)
        self.server = self.own_server() or Shared.server
        self.crm = Database(self.server)
        self.use()

    def own_server(self):
        """Of this test alone; None: that of all."""

    def make_server(self, name, settings=None):
        server = Shared.home.make(f"{name}-{next(Shared.numbers)}", settings)
        self.addCleanup(server.kill)
        return server

    def use(self, tables=None, source_lines="", crm=None):
        self.place.configure_mariadb((crm or self.crm).dsn(), tables, source_lines)

    def run_once(self, *more):
        """{table: (action, inserts, updates, deletes)}"""
        report = self.place.once(*more)
        self.assertEqual(report["exit"], 0, report)
        self.notes = report["notes"]
        counts = ("action", "inserts", "updates", "deletes")
        return {name: tuple(table[one] for one in counts) for name, table in report["by_table"].items()}

    def check_equal(self):
        """Row by row, and by digests, which mend nothing."""
        for table in self.crm.tables():
            found, wanted = (
                collections.Counter(map(repr, rows)) for rows in (self.place.rows(table), self.server.rows(table, self.crm.name))
            )
            different = list((found - wanted).elements())[:5], list((wanted - found).elements())[:5]
            self.assertEqual(different, ([], []), f"{table}: what only the mirror has, and only the source")
        done = self.place.agent("verify", "--json")
        source = json.loads(done.stdout)["sources"][0]
        self.assertEqual(done.returncode, 0, source)
        self.assertEqual({table["equality"] for table in source["tables"]}, {"equal"}, source)


class Cycles(SourceTest):
    def test_what_changes_in_each_way_goes_alone(self):
        self.crm.sql(
            "CREATE TABLE t (id INT PRIMARY KEY, v VARCHAR(40), n DECIMAL(9,2));"
            "INSERT INTO t SELECT seq, CONCAT('v', seq), seq FROM seq_1_to_1000;"
            "CREATE TABLE u (a VARCHAR(20), b INT, PRIMARY KEY (a, b)); INSERT INTO u VALUES ('x', 1), ('y', 2);"
        )
        installed = self.place.agent("install")
        self.assertEqual(installed.returncode, 0, installed.said)
        self.assertIn("the changes of 2 tables are read in the server's binlog", installed.said)
        self.assertEqual(self.run_once(), {"t": ("populate", 1000, 0, 0), "u": ("populate", 2, 0, 0)})
        self.assertEqual({table[0] for table in self.run_once().values()}, {"none"})
        self.crm.sql(
            "UPDATE t SET v = 'w' WHERE id <= 3; DELETE FROM t WHERE id > 990; INSERT INTO t VALUES (5000, NULL, 1.5);"
            "UPDATE t SET id = 6000 WHERE id = 7; UPDATE u SET a = 'X' WHERE b = 1"
        )
        sent = self.run_once()
        self.assertEqual(sent["t"], ("changes", 2, 3, 11))
        self.assertEqual(sent["u"], ("changes", 1, 0, 1))
        self.check_equal()


if __name__ == "__main__":
    files_test.BIN = pathlib.Path(sys.argv.pop(1)).resolve()
    unittest.main()
