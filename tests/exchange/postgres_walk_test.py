#!/usr/bin/python3
"""The walks of walk_test.py and server_walk.py with a system that is a database of PostgreSQL, and what only such a one
has.

Usage: postgres_walk_test.py BIN_DIR [unittest arguments]
"""

import pathlib
import sys
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "support"))
sys.path.insert(0, str(ROOT / "tests" / "exchange"))
import exchange_postgres  # noqa: E402
import postgres_cluster  # noqa: E402
import server_walk  # noqa: E402
import walk_test  # noqa: E402
from walk_test import ADA  # noqa: E402


def setUpModule():
    try:
        exchange_postgres.start()
    except postgres_cluster.Missing as missing:
        raise unittest.SkipTest(str(missing)) from None
    unittest.addModuleCleanup(exchange_postgres.stop)


class PostgresWalk(server_walk.ServerWalk):
    KIND = exchange_postgres.PostgresSystem
    CITY_IS_NEEDED = "ALTER TABLE company ALTER COLUMN city SET NOT NULL"
    CITY_IS_MISSING = "not-null constraint"

    def test_a_key_that_only_the_database_makes_does_not_keep_a_conflict_from_being_told(self):
        place = self.place()
        place.erp.sql("ALTER TABLE company ALTER COLUMN id SET GENERATED ALWAYS")
        self.walk_into_a_conflict(place)

    def test_a_table_that_no_log_tells_of_goes_both_ways(self):
        place = self.place()
        place.erp.sql("ALTER PUBLICATION _mirror_erp DROP TABLE company", "ALTER TABLE company SET UNLOGGED")
        place.crm.sql(ADA)
        place.rounds()
        place.erp.sql("UPDATE company SET city = 'Oslo'")  # A cycle of that table alone.
        place.rounds()
        for system in place.systems:
            self.assertEqual(system.rows(), [("NO 1", "Ada", "Oslo")], system.name)
        place.crm.sql("UPDATE company SET name = 'Ada Ltd'")
        place.rounds()
        self.assertEqual(place.erp.rows(), [("NO 1", "Ada Ltd", "Oslo")])
        self.quiet(place)

    def test_uninstall_takes_the_exchange_with_it(self):
        place = self.place()
        place.rounds(1)
        owner = postgres_cluster.SUPERUSER
        place.erp.config.write_text(place.erp.config.read_text().replace(exchange_postgres.ROLE, owner))
        place.erp.agent("uninstall")
        self.assertEqual(place.erp.sql("SELECT relname::text FROM pg_class WHERE relname LIKE '\\_mirror%'"), [])
        made = " ".join(place.erp.agent("install").stdout.split())
        self.assertIn("the exchange's tables _mirror_exchange, _mirror_inbox and _mirror_ledger are made", made)


if __name__ == "__main__":
    walk_test.BIN = pathlib.Path(sys.argv[1]).resolve()
    unittest.main(argv=[sys.argv[0], *sys.argv[2:]])
