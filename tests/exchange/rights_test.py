#!/usr/bin/python3
"""What deliveries need of a source's database: 'mirrorctl doctor' and 'mirror-agent install' name each right that is
missing with what gives it, and what they say is enough.

Usage: rights_test.py BIN_DIR [unittest arguments]
"""

import json
import pathlib
import sys
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "support"))
sys.path.insert(0, str(ROOT / "tests" / "exchange"))
import exchange_mariadb  # noqa: E402
import exchange_place  # noqa: E402
import exchange_postgres  # noqa: E402
import mariadb_servers  # noqa: E402
import postgres_cluster  # noqa: E402

BIN = None
ADA = "INSERT INTO company (vat, name, city) VALUES ('NO 1', 'Ada', 'Rome')"


def one_line(text):
    return " ".join(text.split())


class Rights:
    """`KIND` makes the ERP; its tests begin with all rights that the script of 'install' gives."""

    KIND = exchange_place.System

    def place(self, **options):
        return exchange_place.ExchangePlace(self, BIN, kinds={"erp": self.KIND}, **options)

    def steps(self, place):
        """By step of the ERP that is about deliveries: outcome, words and what to do."""
        done = place.server.run("mirrorctl", "doctor", "--source", place.erp.config, "--json")
        found = {}
        for step in json.loads(done.stdout):
            if step["step"].startswith("erp deliveries"):
                found.setdefault(step["step"].removeprefix("erp "), []).append(
                    (step["outcome"].lower(), step["words"], step["do"]))
        return found

    def lacking(self, place):
        """What is to be done, of all steps."""
        return {name: [one for one in said if one[0] != "ok"] for name, said in self.steps(place).items()
                if any(one[0] != "ok" for one in said)}

    def assert_good(self, place):
        steps = self.steps(place)
        self.assertEqual(list(steps), ["deliveries"], steps)
        self.assertEqual({one[0] for one in steps["deliveries"]}, {"ok"}, steps)


class ServerRights(Rights):
    def as_owner(self, place, *statements):
        raise NotImplementedError

    def grant(self, place):
        """Does what doctor says, and nothing else."""
        done = []
        for said in self.lacking(place).values():
            for outcome, _, what in said:
                if outcome != "fail":
                    continue  # What was refused meanwhile, which is tried again by itself.
                grants = [one.strip() for one in what.split(". Or ")[0].split("; ")]
                self.assertTrue(all(one.startswith("GRANT ") for one in grants), what)
                done += grants
        self.as_owner(place, *done)
        return done

    def test_all_that_the_script_gives_is_enough(self):
        self.assert_good(self.place())

    def test_each_right_on_a_table_is_named_with_its_grant(self):
        place = self.place()
        self.as_owner(place, f"REVOKE INSERT, UPDATE, DELETE ON {self.table(place)} FROM {self.who()}")
        [(outcome, words, what)] = self.lacking(place)["deliveries to company"]
        self.assertEqual(outcome, "fail")
        self.assertIn("lacks INSERT, UPDATE, DELETE", words)
        self.assertIn("'accept_tables'", what)
        place.crm.sql(ADA)
        place.crm.once()
        runs = [place.erp.try_agent("once") for _ in range(2)]
        self.assertIn("denied", one_line("".join(run.stdout + run.stderr for run in runs)))
        installed = place.erp.try_agent("install")
        self.assertEqual(installed.returncode, 0, installed.stderr)
        self.assertIn("erp: deliveries to company: ", one_line(installed.stderr))
        self.assertIn("GRANT INSERT, UPDATE, DELETE ON ", one_line(installed.stderr))
        self.assertEqual(place.erp.rows(), [])
        self.assertEqual(len(self.grant(place)), 1)
        place.erp.sql("UPDATE _mirror_ledger SET next_at = 0")
        place.rounds()
        self.assert_good(place)
        self.assertEqual(place.erp.try_agent("install").stderr, "")

    def test_what_doctor_says_is_what_a_delivery_needs(self):
        place = self.place()
        self.as_owner(place, f"REVOKE INSERT, UPDATE, DELETE ON {self.table(place)} FROM {self.who()}",
                      *self.revoke_own(place))
        self.assertIn("deliveries", self.lacking(place))
        self.grant(place)
        place.crm.sql(ADA)
        place.rounds()
        self.assertEqual(place.erp.rows(), [("NO 1", "Ada", "Rome")])
        place.crm.sql("UPDATE company SET city = 'Oslo'")
        place.rounds()
        self.assertEqual(place.erp.rows(), [("NO 1", "Ada", "Oslo")])

    def test_only_what_is_accepted_is_needed(self):
        place = self.place(accepts={"erp": ["update"]})
        self.assert_good(place)
        self.as_owner(place, f"REVOKE UPDATE ON {self.table(place)} FROM {self.who()}")
        [(_, words, what)] = self.lacking(place)["deliveries to company"]
        self.assertNotIn("INSERT", words)
        self.assertIn("GRANT UPDATE ON ", what)
        config = place.erp.config.read_text()
        place.erp.config.write_text(config + 'accept_columns = ["company.city"]\n')
        [(_, _, what)] = self.lacking(place)["deliveries to company"]
        self.assertRegex(what, r"GRANT UPDATE \(.city.?\) ON |GRANT UPDATE \(city\) ON ")
        self.grant(place)
        self.assert_good(place)
        place.erp.config.write_text(config + 'accept_tables = ["nothing"]\n')
        [(outcome, words, _)] = self.lacking(place)["deliveries"]
        self.assertEqual((outcome, "no table with a key is accepted" in words), ("warn", True))

    def test_tables_of_the_exchange_that_are_missing_are_named(self):
        place = self.place(accepts={"erp": []})
        place.erp.config.write_text(place.erp.config.read_text() + 'accept = ["update"]\n')
        said = self.lacking(place)["deliveries"]
        self.assertIn("tables of the exchange are missing", said[0][1])
        self.assertIn("'mirror-agent install'", said[0][2])


class PostgresRights(ServerRights, unittest.TestCase):
    KIND = exchange_postgres.PostgresSystem

    @classmethod
    def setUpClass(cls):
        try:
            exchange_postgres.start()
        except postgres_cluster.Missing as missing:
            raise unittest.SkipTest(str(missing)) from None
        cls.addClassCleanup(exchange_postgres.stop)

    def table(self, _):
        return "company"

    def who(self):
        return exchange_postgres.ROLE

    def as_owner(self, place, *statements):
        place.erp.run(";".join(statements) + ";")

    def revoke_own(self, _):
        return [f"REVOKE DELETE ON _mirror_inbox FROM {self.who()}", f"REVOKE UPDATE ON _mirror_ledger FROM {self.who()}"]

    def test_a_sequence_that_numbers_rows_is_named(self):
        serial = "CREATE TABLE company (id serial PRIMARY KEY, vat text, name text, city text)"
        place = self.place(tables={"erp": (serial,)})
        self.assert_good(place)
        self.as_owner(place, f"REVOKE USAGE ON SEQUENCE company_id_seq FROM {self.who()}")
        self.assertIn("GRANT USAGE ON SEQUENCE public.company_id_seq TO erp_agent",
                      self.lacking(place)["deliveries to company"][0][2].replace('"', ""))
        self.grant(place)
        place.crm.sql(ADA)
        place.rounds()
        self.assertEqual(len(place.erp.rows()), 1)

    def test_what_numbers_an_identity_column_needs_no_right(self):
        place = self.place()
        self.as_owner(place, f"REVOKE ALL ON ALL SEQUENCES IN SCHEMA public FROM {self.who()}")
        self.assert_good(place)
        place.crm.sql(ADA)
        place.rounds()
        self.assertEqual(len(place.erp.rows()), 1)

    def test_row_security_is_told(self):
        place = self.place()
        self.as_owner(place, "ALTER TABLE company ENABLE ROW LEVEL SECURITY")
        done = place.server.run("mirrorctl", "doctor", "--source", place.erp.config)
        self.assertIn("policies decide which rows the role 'erp_agent' sees of company", one_line(done.stdout))

    def test_boxes_are_looked_at_where_the_layout_is_datajoin(self):
        place = self.place()
        config = place.erp.config.read_text()
        place.erp.config.write_text(config + 'layout = "datajoin"\n')
        self.assertIn("ds_change_inbox", self.lacking(place)["deliveries"][0][1])
        place.erp.install()
        self.assert_good(place)
        self.as_owner(place, f"REVOKE INSERT ON ds_change_inbox FROM {self.who()}")
        self.as_owner(place, "DO $$ BEGIN EXECUTE 'REVOKE ALL ON SEQUENCE ' || "
                      f"pg_get_serial_sequence('ds_change_outbox', 'id') || ' FROM {self.who()}'; END $$")
        grants = self.grant(place)
        self.assertEqual(len(grants), 2, grants)
        self.assert_good(place)


class MariadbRights(ServerRights, unittest.TestCase):
    KIND = exchange_mariadb.MariadbSystem

    @classmethod
    def setUpClass(cls):
        try:
            exchange_mariadb.start()
        except mariadb_servers.Missing as missing:
            raise unittest.SkipTest(str(missing)) from None
        cls.addClassCleanup(exchange_mariadb.stop)

    def table(self, place):
        return f"{place.erp.database}.company"

    def who(self):
        return exchange_mariadb.ACCOUNT

    def as_owner(self, _, *statements):
        exchange_mariadb.Shared.server.sql(";".join(statements))

    def revoke_own(self, place):
        return [f"REVOKE DELETE ON {place.erp.database}._mirror_inbox FROM {self.who()}",
                f"REVOKE UPDATE ON {place.erp.database}._mirror_ledger FROM {self.who()}"]

    def test_a_server_that_is_read_only_is_told(self):
        place = self.place()
        self.as_owner(place, "SET GLOBAL read_only = ON")
        self.addCleanup(self.as_owner, place, "SET GLOBAL read_only = OFF")
        [(outcome, words, _)] = self.lacking(place)["deliveries"]
        self.assertEqual((outcome, "the server is read-only" in words), ("fail", True))

    def test_another_engine_is_told(self):
        place = self.place()
        place.erp.sql("ALTER TABLE company ENGINE = MyISAM")
        self.assertIn("company (MyISAM)", self.lacking(place)["deliveries"][0][1])

    def test_rights_that_a_role_gives_count(self):
        place = self.place()
        self.as_owner(place, f"REVOKE INSERT, UPDATE, DELETE ON {self.table(place)} FROM {self.who()}",
                      "CREATE OR REPLACE ROLE writers",
                      f"GRANT INSERT, UPDATE, DELETE ON {self.table(place)} TO writers",
                      f"GRANT writers TO {self.who()}", f"SET DEFAULT ROLE writers FOR {self.who()}")
        self.addCleanup(self.as_owner, place, f"SET DEFAULT ROLE NONE FOR {self.who()}", "DROP ROLE writers")
        self.assert_good(place)


class SqliteRights(Rights, unittest.TestCase):
    def test_a_source_whose_exchange_was_not_made_is_told(self):
        place = self.place(accepts={"erp": []})
        self.assertEqual(self.steps(place), {})
        place.erp.config.write_text(place.erp.config.read_text() + 'accept = ["update"]\n')
        [(outcome, words, _)] = self.lacking(place)["deliveries"]
        self.assertEqual(outcome, "fail")
        self.assertIn("run 'mirror-agent install', which makes them", words)
        place.erp.install()
        self.assert_good(place)
        place.erp.sql("PRAGMA journal_mode = DELETE")
        self.assertIn("journal_mode to WAL", self.lacking(place)["deliveries"][0][1])


class Scripts(unittest.TestCase):
    """'install --print-sql' is for one database at a time."""

    def test_sources_of_several_databases_are_not_mixed(self):
        try:
            exchange_postgres.start()
            self.addCleanup(exchange_postgres.stop)
            exchange_mariadb.start()
            self.addCleanup(exchange_mariadb.stop)
        except (postgres_cluster.Missing, mariadb_servers.Missing) as missing:
            self.skipTest(str(missing))
        kinds = {"crm": exchange_postgres.PostgresSystem, "erp": exchange_mariadb.MariadbSystem}
        place = exchange_place.ExchangePlace(self, BIN, names=("crm", "erp", "shop"), kinds=kinds)
        text = place.crm.config.read_text()
        for system in (place.erp, place.shop):
            other = system.config.read_text()
            text += "\n" + other[other.index("[[source]]"):]
        place.crm.config.write_text(text)
        mixed = place.crm.try_agent("install", "--print-sql")
        self.assertEqual((mixed.returncode, mixed.stdout), (2, ""))
        self.assertIn("'crm' (postgres), 'erp' (mariadb). Nothing was printed. Name one with --context-id",
                      one_line(mixed.stderr))
        for name, begins, says in (("crm", "-- crm  PostgreSQL at", "GRANT"), ("erp", "-- erp  MariaDB at", "GRANT")):
            script = place.crm.agent("install", "--print-sql", "--context-id", name).stdout
            self.assertTrue(script.startswith(begins), script)
            self.assertIn(says, script)
            self.assertEqual(script.count("\n-- crm") + script.count("\n-- erp"), 0)
        # What needs no script is in nobody's way.
        place.shop.config.write_text(text.replace('context_id = "erp"', 'context_id = "other"', 1).replace(
            f'accept = {json.dumps(exchange_place.ALL)}\nverify_interval', "verify_interval"))
        self.assertTrue(place.shop.agent("install", "--print-sql").stdout.startswith("-- crm  "))
        unknown = place.crm.try_agent("install", "--print-sql", "--context-id", "cmr")
        self.assertEqual(unknown.returncode, 2)
        self.assertIn("there is no [[source]] 'cmr'", one_line(unknown.stderr))


if __name__ == "__main__":
    BIN = pathlib.Path(sys.argv[1]).resolve()
    unittest.main(argv=[sys.argv[0], *sys.argv[2:]])
