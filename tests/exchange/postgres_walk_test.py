#!/usr/bin/python3
"""The walks of walk_test.py with a system that is a database of PostgreSQL, and what only such a one has.

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
import walk_test  # noqa: E402
from exchange_postgres import PostgresSystem  # noqa: E402
from walk_test import ADA  # noqa: E402

STEPS = ("agent.transported", "agent.row_written", "agent.importing", "agent.imported")


def setUpModule():
    try:
        exchange_postgres.start()
    except postgres_cluster.Missing as missing:
        raise unittest.SkipTest(str(missing)) from None
    unittest.addModuleCleanup(exchange_postgres.stop)


class PostgresWalk(walk_test.Walk):
    """CRM in SQLite, ERP in PostgreSQL."""

    test_s14_a_row_that_was_changed_past_the_log_is_in_conflict_once = None  # Nothing is past that log.

    def place(self, **options):
        return super().place(**{"kinds": {"erp": PostgresSystem}, **options})

    def test_s4_killed_at_each_step_nothing_is_done_twice(self):
        for step in STEPS:
            with self.subTest(step):
                place = self.place()
                place.erp.once()
                place.crm.sql(ADA)
                place.crm.once()
                died = place.erp.try_agent("once", MIRROR_CRASH_AT=f"{step}:1")
                self.assertNotIn(died.returncode, (0, 1, 2), died.stdout + died.stderr)
                self.assertEqual(len(place.erp.rows()), 1 if step == "agent.imported" else 0)
                place.rounds()
                self.assertEqual([system.rows() for system in place.systems], [[("NO 1", "Ada", "Rome")]] * 2)
                self.quiet(place)

    def test_a_constraint_refuses_and_no_value_is_told(self):
        place = self.place()
        place.erp.sql("ALTER TABLE company ALTER COLUMN city SET NOT NULL")
        place.rounds(1)
        place.crm.sql("INSERT INTO company (vat, name) VALUES ('NO 77', 'Secret')")
        place.crm.once()
        done = place.erp.try_agent("once")
        self.assertEqual(done.returncode, 1, done.stdout + done.stderr)
        self.assertIn("not-null constraint", done.stdout)
        (state, reason), = place.erp.sql("SELECT state, reason FROM _mirror_ledger")
        self.assertEqual(state, "REFUSED")
        for words in (done.stdout, done.stderr, reason):
            self.assertNotIn("Secret", words)
            self.assertNotIn("77", words)
        self.assertEqual(place.erp.rows(), [])

    def test_rows_that_go_with_another_are_nobodys_wish(self):
        place = self.place(deletes="any")
        place.erp.sql(
            "CREATE TABLE orders (id bigint PRIMARY KEY, company bigint REFERENCES company ON DELETE CASCADE)",
            f"GRANT SELECT ON orders TO {exchange_postgres.ROLE}",
        )
        place.erp.install()
        place.crm.sql(ADA)
        place.rounds()
        place.erp.sql("INSERT INTO orders SELECT 7, id FROM company")
        place.rounds()
        place.crm.sql("DELETE FROM company")
        place.rounds()
        self.assertEqual(place.erp.sql("SELECT count(*) FROM orders"), [(0,)])
        noted = place.erp.sql("SELECT operation, table_name, key FROM _mirror_ledger WHERE delivery_id LIKE '%/1'")
        self.assertEqual(noted, [("DELETE", "orders", "[7]")])
        self.quiet(place)

    def test_a_key_that_only_the_database_makes_does_not_keep_a_conflict_from_being_told(self):
        place = self.place()
        place.erp.sql("ALTER TABLE company ALTER COLUMN id SET GENERATED ALWAYS")
        self.walk_into_a_conflict(place)

    def walk_into_a_conflict(self, place):
        place.rounds(1)
        place.crm.sql(ADA)
        place.crm.once()
        place.erp.agent("transport")
        place.erp.sql("INSERT INTO company (vat, name, city) VALUES ('no-1', 'Ada', 'Ulm')")
        self.assertIn('"conflicts": 1', place.erp.try_agent("import", "--json").stdout)
        place.rounds()
        self.assertEqual([len(system.rows()) for system in place.systems], [1, 1])
        self.assertEqual(place.crm.rows()[0][1:], place.erp.rows()[0][1:])
        self.quiet(place)

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


class TwoDatabases(unittest.TestCase):
    """Both are of PostgreSQL."""

    def test_edits_on_both_sides_meet(self):
        place = walk_test.exchange_place.ExchangePlace(
            self, walk_test.BIN, kinds={"crm": PostgresSystem, "erp": PostgresSystem}
        )
        place.crm.sql(ADA)
        place.rounds()
        place.crm.sql("UPDATE company SET city = 'Oslo'")
        place.erp.sql("UPDATE company SET name = 'Ada Ltd'")
        place.rounds()
        for system in place.systems:
            self.assertEqual(system.rows(), [("NO 1", "Ada Ltd", "Oslo")], system.name)


if __name__ == "__main__":
    walk_test.BIN = pathlib.Path(sys.argv[1]).resolve()
    unittest.main(argv=[sys.argv[0], *sys.argv[2:]])
