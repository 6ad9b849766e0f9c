#!/usr/bin/python3
"""What a system may do that no system of its hub's should: the others go on, and nothing of theirs is lost.

Usage: strangers_test.py BIN_DIR [unittest arguments]
"""

import json
import pathlib
import shutil
import subprocess
import sys
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "support"))
import exchange_place  # noqa: E402

BIN = None
ADA = "INSERT INTO company (vat, name, city) VALUES ('NO 1', 'Ada', 'Rome')"
LEDGER = ("INSERT INTO _mirror_ledger (delivery_id, number, operation, table_name, key, state, wrote, attempts, next_at, at)"
          " VALUES ('{id}', {number}, 'UPDATE', 'company', {key}, 'APPLIED', '{wrote}', 0, 0, 1)")


class Strangers(unittest.TestCase):
    def place(self, **options):
        return exchange_place.ExchangePlace(self, BIN, **options)

    def test_a_ledger_that_nobody_can_read_stops_nobody(self):
        place = self.place(names=("crm", "erp", "shop"))
        place.crm.sql(ADA)
        place.rounds()
        place.erp.sql(LEDGER.format(id="x", number=50, key="'[1]'", wrote="x"),
                      LEDGER.format(id="y", number=51, key="NULL", wrote="{}"),
                      LEDGER.format(id="z", number=52, key="'no json'", wrote="{}"))
        place.crm.sql("UPDATE company SET city = 'Oslo'")
        place.rounds()
        for system in place.systems:
            self.assertEqual(system.rows(), [("NO 1", "Ada", "Oslo")], system.name)

    def test_a_table_that_does_not_get_through_is_nobodys_wish(self):
        """The ledger does, and tells of a row that the mirror has not."""
        place = self.place(deletes="any", tables=(exchange_place.TABLE.replace("city TEXT", "city TEXT, val REAL"),))
        place.crm.sql(ADA)
        place.rounds()
        place.crm.sql("INSERT INTO company (vat, name, val) VALUES ('NO 9', 'Far', 9e999)")
        place.erp.sql("INSERT INTO company (vat, name, city) VALUES ('NO 2', 'Bea', 'Bonn')",
                      "UPDATE company SET city = 'Oslo' WHERE vat = 'NO 1'")
        for _ in range(3):
            for system in (place.erp, place.crm):
                system.try_agent("once")
        self.assertEqual(place.erp.rows(), [("NO 1", "Ada", "Oslo"), ("NO 2", "Bea", "Bonn")])
        self.assertIn("was not completed", place.ctl("hub", "status", "Acme", "--json").stdout)
        place.crm.sql("UPDATE company SET val = NULL WHERE vat = 'NO 9'")
        place.rounds()
        all_rows = [("NO 1", "Ada", "Oslo"), ("NO 2", "Bea", "Bonn"), ("NO 9", "Far", None)]
        self.assertEqual([system.rows() for system in place.systems], [all_rows] * 2)

    def test_a_value_that_changes_its_tables_types_is_no_edit(self):
        """The table is announced anew, and sent in another cycle than the ledger."""
        place = self.place(tables={"crm": (exchange_place.TABLE.replace("city TEXT", "city INTEGER"),)})
        place.rounds()
        place.erp.sql("INSERT INTO company (vat, name, city) VALUES ('NO 1', 'Ada', '007'), ('NO 2', 'Bea', '0x10')")
        place.rounds(4)
        self.assertEqual(place.erp.rows(), [("NO 1", "Ada", "007"), ("NO 2", "Bea", "0x10")])
        self.assertEqual(place.crm.rows(), [("NO 1", "Ada", 7), ("NO 2", "Bea", "0x10")])
        for done in place.rounds(1):
            self.assertEqual((done["fetched"], done["applied"]), (0, 0))

    def test_a_version_of_another_age_does_not_win_for_ever(self):
        place = self.place()
        place.crm.sql(ADA)
        place.rounds()
        place.erp.sql("UPDATE company SET city = 'Bonn'",
                      LEDGER.format(id="x", number=50, key="'[1]'", wrote='{"city":[9223372036854775806,"Bonn","Bonn"]}'))
        place.rounds()
        for _ in range(3):
            place.erp.sql("UPDATE company SET city = city || '!'")
            place.rounds()
        self.assertEqual([system.rows() for system in place.systems], [[("NO 1", "Ada", "Bonn!!!")]] * 2)
        version = place.ask_hub("SELECT says FROM _hub_records")[0][0]
        self.assertNotIn("92233720368547758", version)

    def test_text_that_is_not_utf8_arrives_as_it_is(self):
        place = self.place()
        place.crm.sql("INSERT INTO company (vat, name, city) VALUES ('NO 1', 'Ada', CAST(x'5afc72696368' AS TEXT))")
        place.rounds()
        self.assertEqual(place.erp.sql("SELECT hex(city), typeof(city) FROM company"), [("5AFC72696368", "text")])

    def test_names_may_be_spelled_otherwise(self):
        member = exchange_place.MEMBER.replace('"company"', '"COMPANY"').replace('= "city"', '= "City"')
        place = self.place(member=member)
        place.crm.sql(ADA)
        place.rounds()
        place.erp.sql("UPDATE company SET city = 'Oslo'")
        place.rounds()
        self.assertEqual([system.rows() for system in place.systems], [[("NO 1", "Ada", "Oslo")]] * 2)
        says = place.ask_hub("SELECT joined_by FROM _hub_rows ORDER BY data_source")
        self.assertEqual(says, [("first",), ("origin",)])
        for done in place.rounds(1):
            self.assertEqual((done["fetched"], done["applied"]), (0, 0))

    def test_a_restored_source_that_takes_no_deliveries_is_suspended_too(self):
        place = self.place(deletes="any", accepts={"crm": []})
        place.crm.sql(ADA)
        place.rounds()
        copy = place.work / "yesterday.db"
        place.crm.sql("PRAGMA wal_checkpoint(TRUNCATE)")
        shutil.copy(place.crm.path, copy)
        place.crm.sql("INSERT INTO company (vat, name, city) VALUES ('NO 2', 'Bob', 'Oslo')")
        place.rounds()
        self.assertEqual(len(place.erp.rows()), 2)
        for suffix in ("", "-wal", "-shm"):
            pathlib.Path(f"{place.crm.path}{suffix}").unlink(missing_ok=True)
        shutil.copy(copy, place.crm.path)
        place.rounds()
        self.assertEqual(len(place.erp.rows()), 2, "what the restore took was deleted in the other system")
        status = place.ctl("hub", "status", "Acme")
        self.assertIn("restored", status.stdout, status.stderr)

    def test_a_source_that_accepts_nothing_is_told_and_named(self):
        place = self.place(accepts={"erp": []})
        place.crm.sql(ADA, ADA.replace("NO 1", "NO 2"))
        place.rounds(2)
        waits = "2 deliveries wait at the server, and none is fetched: 'accept' of this [[source]] is empty"
        for words in (("once",), ("status",)):
            self.assertIn(waits, " ".join(place.erp.try_agent(*words).stdout.split()))
        report = json.loads(place.erp.agent("once", "--json").stdout)["sources"][0]
        self.assertIn(waits, report["notes"][0])
        doctor = place.server.run("mirrorctl", "--config", place.server.folder / "mirrorctl.toml", "doctor", "--source",
                                  place.erp.config)
        self.assertIn("2 deliveries wait", " ".join(doctor.stdout.split()))
        status = place.ctl("hub", "status")
        self.assertRegex(status.stdout, r"erp .*accepts no deliveries\n")
        self.assertIn("the source of 'erp' accepts no deliveries", " ".join(status.stderr.split()))
        self.assertNotIn("'crm' accepts", " ".join(status.stderr.split()))
        # One that says what it accepts gets them, and nobody speaks of it any more.
        text = place.erp.config.read_text()
        place.erp.config.write_text(text.replace('context_id = "erp"\n', 'context_id = "erp"\naccept = ["insert"]\n'))
        place.erp.install()
        place.rounds(1)
        self.assertEqual(len(place.erp.rows()), 2)
        self.assertEqual(place.ctl("hub", "status").stderr, "")

    def test_a_source_that_knows_no_deliveries_is_named(self):
        names = exchange_place.MEMBER.replace("{name}", "legacy").replace('"company"', '"names"').replace(
            'vat = "vat", name = "name", city = "city"', 'name = "name"').replace("{write}", '["update"]')
        hub = exchange_place.HUB.replace('[["vat"]]', '[["name"]]').replace("{members}", "{members}" + names)
        place = self.place(names=("crm",), hub=hub)
        place.crm.sql(ADA)
        place.crm.once()
        for turn in range(5):
            self.assertNotIn("deliveries", place.ctl("hub", "status").stderr, turn)
            subprocess.run([sys.executable, ROOT / "tests/python/minimal_source.py", place.crm.config, "legacy",
                            place.work / "state"], input='[[1, "Bob"]]', text=True, check=True, capture_output=True)
        said = " ".join(place.ctl("hub", "status").stderr.split())
        self.assertIn("the source of 'legacy' completes cycles but does not ask this server for deliveries", said)
        self.assertNotIn("'crm'", said)

    def test_a_table_that_cannot_be_pushed_gets_nothing_until_it_can(self):
        place = self.place(tables=(exchange_place.TABLE.replace("city TEXT", "city TEXT, score REAL"),))
        place.crm.sql(ADA)
        place.rounds()
        place.erp.sql("UPDATE company SET score = 9e999, city = 'Ulm'")
        place.crm.sql("UPDATE company SET city = 'Oslo'")
        place.crm.once()
        for _ in range(2):
            done = json.loads(place.erp.try_agent("once", "--json").stdout)["sources"][0]["deliveries"]
            self.assertEqual((done["refused"], done["conflicts"], done["applied"]), (0, 0, 0), done)
            self.assertIn("table 'company' was not completed in the last cycle", done["waiting"])
        self.assertEqual(place.erp.rows(), [("NO 1", "Ada", "Ulm")])
        # It goes on by itself once the value is mended.
        place.erp.sql("UPDATE company SET score = 1")
        place.rounds()
        self.assertEqual([system.rows() for system in place.systems], [[("NO 1", "Ada", "Ulm")]] * 2)

    def test_an_import_that_found_nothing_does_not_hide_what_was_not_pushed(self):
        place = self.place(tables=(exchange_place.TABLE.replace("city TEXT", "city TEXT, score REAL"),))
        place.crm.sql(ADA)
        place.rounds()
        good_at = json.loads(place.erp.try_agent("status", "--json").stdout)["sources"][0]["last_good_at"]
        place.erp.sql("UPDATE company SET score = 9e999")
        self.assertEqual(place.erp.try_agent("transport").returncode, 1)
        for turn in range(2):
            place.erp.try_agent("import")
            told = json.loads(place.erp.try_agent("status", "--json").stdout)
            self.assertFalse(told["good"], turn)
            self.assertEqual(told["sources"][0]["last_good_at"], good_at, turn)
            self.assertIn("an infinity", " ".join(place.erp.try_agent("status").stdout.split()), turn)
        place.erp.sql("UPDATE company SET score = 1")
        place.erp.agent("transport")
        place.erp.agent("import")
        self.assertTrue(json.loads(place.erp.agent("status", "--json").stdout)["good"])

    def change_hub(self, place, change):
        """The configuration is another one from here on."""
        config = place.server.folder / "mirror-server.toml"
        config.write_text(change(config.read_text()))
        place.start_again()
        place.rounds(1)
        place.ctl("hub", "hold", "commit", "Acme")
        place.rounds()

    def test_an_entity_may_be_called_otherwise(self):
        place = self.place()
        place.crm.sql(ADA)
        place.rounds()
        self.change_hub(place, lambda text: text.replace('entity = "company"', 'entity = "firm"'))
        self.assertEqual(place.ask_hub("SELECT vat, name, city FROM golden_firm"), [("NO 1", "Ada", "Rome")])
        place.erp.sql("UPDATE company SET city = 'Oslo'")
        place.rounds()
        self.assertEqual([system.rows() for system in place.systems], [[("NO 1", "Ada", "Oslo")]] * 2)

    def test_a_member_that_was_taken_out_says_nothing_any_more(self):
        place = self.place(names=("crm", "erp", "shop"))
        place.crm.sql(ADA)
        place.rounds()
        place.shop.sql("UPDATE company SET city = 'Ulm'")
        place.rounds()
        shop = exchange_place.MEMBER.format(name="shop", write='["insert", "update", "delete"]')
        self.change_hub(place, lambda text: text.replace(shop, ""))
        place.crm.sql("UPDATE company SET name = 'Ada Ltd'")
        place.rounds()
        self.assertEqual(place.erp.rows(), [("NO 1", "Ada Ltd", "Ulm")])
        self.assertEqual(place.ask_hub("SELECT count(*) FROM golden_company_member WHERE data_source = 'shop'"), [(0,)])


if __name__ == "__main__":
    BIN = pathlib.Path(sys.argv[1]).resolve()
    unittest.main(argv=[sys.argv[0], *sys.argv[2:]])
