#!/usr/bin/python3
"""A hub of two servers over one PostgreSQL: all that walk_test.py asks of one server holds where each system comes to
another one; the one that derives is killed, and the other one goes on; mirrors and the hub are restored and lost.

Usage: servers_test.py BIN_DIR [unittest arguments]
"""

import json
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests" / "support"), str(ROOT / "tests" / "exchange")]
import exchange_place  # noqa: E402
import many_servers  # noqa: E402
import postgres_cluster  # noqa: E402
import walk_test  # noqa: E402

BIN = None
ADA = walk_test.ADA
TAKEN_OVER_S = 60  # A duty is lost after 15 s.


def setUpModule():
    many_servers.start_cluster()


def tearDownModule():
    many_servers.remove_cluster()


class InTurns(walk_test.Walk):
    def place(self, **options):
        return exchange_place.ExchangePlace(self, BIN, url=many_servers.make_database(), **options)


class Servers(walk_test.unittest.TestCase):
    quiet = walk_test.Walk.quiet

    def place(self, **options):
        return exchange_place.ExchangePlace(self, BIN, url=many_servers.make_database(), **options)

    def deriving(self, place, turn):
        """Which server derives, by its turn, as the one with `turn` says."""
        listed = json.loads(place.ctl("servers", "--json", turn=turn).stdout)
        ports = [str(place.port_of(each)) for each in range(2)]
        holders = [one for one in listed if "hubs" in one["duties"]]
        return ports.index(holders[0]["address"].rsplit(":", 1)[1]) if holders else None

    def wait_until_derived(self, place):
        many_servers.wait_for("a server derives", lambda: self.deriving(place, 0) is not None, TAKEN_OVER_S)
        return self.deriving(place, 0)

    def test_a_row_of_a_large_table_is_read_by_itself(self):
        hub = exchange_place.HUB.replace("{members}", "rows_percent = 0\n{members}")
        place = self.place(hub=hub)
        place.crm.sql("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000) INSERT INTO company "
                      "(vat, name, city) SELECT 'V' || i, hex(zeroblob(1000)), 'Rome' FROM n")
        place.rounds()
        place.crm.sql("UPDATE company SET city = 'Oslo' WHERE vat = 'V1'")
        place.rounds()
        self.assertEqual(place.erp.sql("SELECT city, count(*) FROM company GROUP BY 1 ORDER BY 1"), [("Oslo", 1), ("Rome", 999)])

    def test_the_server_that_derives_is_killed_and_the_other_goes_on(self):
        place = self.place()
        killed = self.wait_until_derived(place)
        left = 1 - killed
        place.crm.sql(ADA)
        place.rounds(2)
        self.assertEqual(place.erp.rows(), [("NO 1", "Ada", "Rome")])
        place.crm.sql("UPDATE company SET city = 'Oslo'", "INSERT INTO company (vat, name, city) VALUES ('2', 'Bea', 'Ulm')")
        place.systems[killed].once()
        place.servers[killed].kill()
        # What it had not derived yet, the other one does, also for what comes to that one.
        moved = place.systems[killed]
        moved.config.write_text(moved.config.read_text().replace(f":{place.port_of(killed)}", f":{place.port_of(left)}"))
        many_servers.wait_for("the other derives", lambda: self.deriving(place, left) == left, TAKEN_OVER_S)
        place.rounds()
        for system in place.systems:
            self.assertEqual(system.rows(), [("2", "Bea", "Ulm"), ("NO 1", "Ada", "Oslo")], system.name)
        self.quiet(place)
        self.assertEqual(place.ask_hub("SELECT count(*) FROM golden_company"), [(2,)])
        self.assertEqual(place.ask_hub("SELECT count(*) FROM golden_company_member"), [(4,)])
        # The killed one comes back and takes nothing from who has it.
        place.servers[killed].start()
        place.crm.sql("UPDATE company SET name = 'Bea Ltd' WHERE vat = '2'")
        place.rounds()
        self.assertEqual(self.deriving(place, left), left)
        for system in place.systems:
            self.assertEqual(system.rows(), [("2", "Bea Ltd", "Ulm"), ("NO 1", "Ada", "Oslo")], system.name)

    def test_operators_may_ask_either_server(self):
        place = self.place()
        place.crm.sql(ADA)
        place.rounds(2)
        states = [json.loads(place.ctl("hub", "status", "--json", turn=turn).stdout) for turn in range(2)]
        for state in states:
            self.assertEqual([(one["data_source"], one["rows"]) for one in state[0]["members"]], [("crm", 1), ("erp", 1)])
        for turn in range(2):
            explained = place.ctl("hub", "explain", "Acme", "--row", "crm", "company", "[1]", "--json", turn=turn)
            self.assertEqual(explained.returncode, 0, explained.stderr)
            self.assertIn("Rome", explained.stdout)
            self.assertEqual(place.ctl("hub", "hold", "commit", "Acme", turn=turn).returncode, 0)
            self.assertEqual(place.ctl("hub", "thaw", "Acme", turn=turn).returncode, 0)
        self.quiet(place)

    def wait_until_told(self, place, states):
        """By each server, whichever of them derives: its members are in these states."""

        def told(turn):
            return {one["state"] for one in json.loads(place.ctl("tenants", "--json", turn=turn).stdout)}

        for turn in range(2):
            many_servers.wait_for(f"server {turn} tells it", lambda turn=turn: told(turn) == states, TAKEN_OVER_S)

    def dump(self, place, schema):
        command = [postgres_cluster.programs() / "pg_dump", "-d", place.url, "-n", f'"{schema}"']
        done = subprocess.run(command, env=postgres_cluster.environment(), capture_output=True, text=True, check=True)
        return done.stdout

    def restore(self, place, schema, dump):
        postgres_cluster.psql(place.url, f'SET client_min_messages = warning; DROP SCHEMA "{schema}" CASCADE;\n{dump}')

    def test_a_hub_that_is_put_back_suspends_all(self):
        place = self.place()
        place.crm.sql(ADA)
        place.rounds()
        place.server.stop()
        yesterday = self.dump(place, "mirror_hub_acme")
        place.server.start()
        place.crm.sql("UPDATE company SET city = 'Oslo'")
        place.rounds()
        place.crm.sql("UPDATE company SET city = 'Bern'")
        place.rounds()
        place.server.stop()
        self.restore(place, "mirror_hub_acme", yesterday)
        place.server.start()
        place.crm.sql("UPDATE company SET city = 'Ulm'")
        for done in place.rounds(2):
            self.assertIn("suspended", done["waiting"])
        self.assertEqual(place.erp.rows(), [("NO 1", "Ada", "Bern")])
        self.wait_until_told(place, {"held"})
        resumed = place.ctl("hub", "resume", "Acme", turn=1)
        self.assertEqual(resumed.returncode, 0, resumed.stderr)
        self.wait_until_told(place, {"good"})
        place.rounds()
        for system in place.systems:
            self.assertEqual(system.rows(), [("NO 1", "Ada", "Ulm")], system.name)
        self.quiet(place)

    def test_a_member_whose_mirror_is_put_back_suspends_all(self):
        place = self.place()
        place.crm.sql(ADA)
        place.rounds()
        place.server.stop()
        yesterday = self.dump(place, "Mirror_erp")
        place.server.start()
        place.crm.sql("UPDATE company SET city = 'Oslo'")
        place.rounds()
        place.server.stop()
        self.restore(place, "Mirror_erp", yesterday)
        place.server.start()
        place.crm.sql("UPDATE company SET city = 'Ulm'")
        place.rounds(1)
        for done in place.rounds(1):
            self.assertIn("suspended", done["waiting"])
        self.assertEqual(place.erp.rows(), [("NO 1", "Ada", "Oslo")])
        resumed = place.ctl("hub", "resume", "Acme")
        self.assertEqual(resumed.returncode, 0, resumed.stderr)
        place.rounds()
        for system in place.systems:
            self.assertEqual(system.rows(), [("NO 1", "Ada", "Ulm")], system.name)
        self.quiet(place)

    def test_a_hub_whose_schema_is_dropped_while_servers_run_is_made_anew(self):
        place = self.place()
        place.crm.sql(ADA)
        place.rounds()
        place.lose_hub()
        place.crm.try_agent("once")
        for done in place.rounds(2):
            self.assertIn("suspended", done["waiting"])
        resumed = place.ctl("hub", "resume", "Acme")
        self.assertEqual(resumed.returncode, 0, resumed.stderr)
        self.assertEqual(place.ask_hub("SELECT count(*) FROM golden_company"), [(1,)])




if __name__ == "__main__":
    BIN = pathlib.Path(sys.argv[1]).resolve()
    walk_test.unittest.main(argv=[sys.argv[0], *sys.argv[2:]])
