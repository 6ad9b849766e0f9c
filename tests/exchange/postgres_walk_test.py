#!/usr/bin/python3
"""The walks of walk_test.py and server_walk.py with a system that is a database of PostgreSQL, and what only such a one
has.

Usage: postgres_walk_test.py BIN_DIR [unittest arguments]
"""

import pathlib
import subprocess
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

LEAD = exchange_postgres.TABLE.replace("company", "lead")
LEADS = """[[hub.member]]
data_source = "erp"
tenant = "erp"
table = "lead"
columns = {{ vat = "vat", name = "name", city = "city" }}
write = ["update", "delete"]
"""
NOTED = walk_test.exchange_place.TABLE.replace(")", ", note TEXT)")
# The first row is in the one, all others are in the other.
PARTITIONED = (
    exchange_postgres.TABLE.replace("IDENTITY PRIMARY KEY", "IDENTITY").replace(
        "city text)", "city text, PRIMARY KEY (id)) PARTITION BY RANGE (id)"
    ),
    "CREATE TABLE old PARTITION OF company FOR VALUES FROM (1) TO (2)",
    "CREATE TABLE young PARTITION OF company FOR VALUES FROM (2) TO (1000)",
)
# Where Ada moves, its twin moves with it.
DRAGS = (
    "CREATE FUNCTION drag() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN UPDATE public.company SET city = NEW.city "
    "WHERE name = 'Twin'; RETURN NEW; END $$",
    "CREATE TRIGGER drag AFTER UPDATE ON company FOR EACH ROW WHEN (NEW.name = 'Ada') EXECUTE FUNCTION drag()",
)


def setUpModule():
    try:
        exchange_postgres.start()
    except postgres_cluster.Missing as missing:
        raise unittest.SkipTest(str(missing)) from None
    unittest.addModuleCleanup(exchange_postgres.stop)


class PostgresWalk(server_walk.ServerWalk):
    KIND = exchange_postgres.PostgresSystem
    MADE = exchange_postgres.TABLE
    CITY_IS_NEEDED = "ALTER TABLE company ALTER COLUMN city SET NOT NULL"
    CITY_IS_MISSING = "not-null constraint"
    SUM = (exchange_postgres.TABLE.replace("city text", "city numeric(12,2)"),
           "ALTER TABLE company ALTER COLUMN city TYPE numeric(14,4)")
    OWNER = (exchange_postgres.ROLE, postgres_cluster.SUPERUSER)

    def test_a_partition_that_is_dropped_or_detached_deletes_nothing_elsewhere(self):
        for went in ("DROP TABLE old", "ALTER TABLE company DETACH PARTITION old"):
            with self.subTest(went):
                place = self.place(deletes="any", tables={"erp": PARTITIONED})
                place.crm.sql(ADA, "INSERT INTO company (vat, name, city) VALUES ('NO 2', 'Bob', 'Ulm')")
                place.rounds(2)
                self.assertEqual(len(place.erp.rows()), 2)
                place.erp.sql(went)
                place.erp.install()
                place.rounds(3)
                self.assertEqual((len(place.crm.rows()), len(place.erp.rows())), (2, 1))
                self.assertIn("erp suspended", " ".join(place.server.ctl("hub", "status", "Acme").split()))

    def test_a_partition_that_comes_suspends_nobody(self):
        place = self.place(deletes="any", tables={"erp": PARTITIONED})
        place.crm.sql(ADA, "INSERT INTO company (vat, name, city) VALUES ('NO 2', 'Bob', 'Ulm')")
        place.rounds(2)
        place.erp.sql("CREATE TABLE next PARTITION OF company FOR VALUES FROM (1000) TO (2000)",
                      "DELETE FROM company WHERE name = 'Bob'")
        place.erp.install()
        place.rounds(3)
        for system in place.systems:
            self.assertEqual([row[1] for row in system.rows()], ["Ada"], system.name)
        self.assertNotIn("suspended", place.server.ctl("hub", "status", "Acme"))

    def test_what_a_trigger_makes_of_other_rows_is_nobodys_wish(self):
        place = self.place(tables={"erp": (exchange_postgres.TABLE, *DRAGS)})
        place.crm.sql(ADA, "INSERT INTO company (vat, name, city) VALUES ('NO 2', 'Twin', 'Ulm')")
        place.rounds()
        place.crm.sql("UPDATE company SET city = 'Oslo' WHERE name = 'Ada'")
        place.crm.once()
        place.erp.once()
        self.assertEqual([row[2] for row in place.erp.rows()], ["Oslo", "Oslo"])
        noted = place.erp.sql("SELECT operation, key FROM _mirror_ledger WHERE delivery_id LIKE '%/1'")
        self.assertEqual(noted, [("UPDATE", "[2]")])
        place.rounds()
        for system in place.systems:
            self.assertEqual([row[2] for row in system.rows()], ["Oslo", "Ulm"], system.name)
        self.quiet(place)

    def test_one_snapshot_a_lead_that_becomes_a_company_amid_a_push_is_never_gone(self):
        hub = walk_test.exchange_place.HUB.replace("[hub.attributes]", LEADS + "[hub.attributes]")
        place = self.place(
            deletes="any", hub=hub, tables={"erp": (exchange_postgres.TABLE, LEAD), "crm": (NOTED,)},
        )
        place.erp.sql("INSERT INTO lead (vat, name, city) VALUES ('NO 1', 'Ada', 'Rome')")
        place.rounds()
        place.crm.sql("UPDATE company SET note = 'our own'")
        lock, agent = self.lock(place.erp, "lead"), self.start(place.erp, "once", "--repopulate", "company", "lead")
        # Who waits for the leads has read the companies, and does not wait for long.
        lock(
            "SET LOCAL statement_timeout TO '100s'; DO $$ BEGIN WHILE NOT EXISTS (SELECT FROM pg_locks WHERE relation = "
            "'lead'::regclass AND NOT granted) LOOP END LOOP; END $$;"
            "INSERT INTO company (vat, name, city) SELECT vat, name, city FROM lead; DELETE FROM lead; COMMIT;"
        )
        said, _ = agent.communicate(timeout=walk_test.exchange_place.records_server.PATIENCE_S)
        self.assertEqual(agent.returncode, 0, said)
        place.rounds()
        self.assertEqual(place.crm.sql("SELECT vat, name, note FROM company"), [("NO 1", "Ada", "our own")])
        self.assertEqual(place.erp.sql("SELECT (SELECT count(*) FROM lead) AS leads, count(*) FROM company"), [(0, 1)])
        self.quiet(place)

    def lock(self, system, table):
        """Nobody reads it until the transaction ends, which takes further statements."""
        holder = subprocess.Popen(
            [postgres_cluster.programs() / "psql", "-X", "-q", exchange_postgres.Shared.cluster.url(
                system.database, postgres_cluster.SUPERUSER)],
            env=postgres_cluster.environment(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        self.addCleanup(holder.communicate)

        def then(statements):
            holder.stdin.write(f"{statements}\n\\echo done\n")
            holder.stdin.flush()
            self.assertEqual(holder.stdout.readline(), "done\n")

        then(f"BEGIN; LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE;")
        return then

    def start(self, system, *words):
        server = system.place.server
        agent = subprocess.Popen(
            [server.bin / "mirror-agent", *words, "--config", system.config], stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            env=walk_test.exchange_place.records_server.programs.environment(),
        )  # fmt: skip
        self.addCleanup(agent.kill)
        return agent

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
