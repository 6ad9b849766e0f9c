#!/usr/bin/python3
"""What is deleted permanently in one system leaves the hub, and what its agents keep of it, with real programs.

Usage: erasure_test.py BIN_DIR [unittest arguments]
"""

import contextlib
import json
import pathlib
import sqlite3
import sys
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "support"))
import exchange_place  # noqa: E402

BIN = None
SECRET = "Xanthippe Secretissima"
RECORDS = """
[[hub.member]]
data_source = "rec"
tenant = "Acme--rec"
table = "businesspartner"
columns = { vat = "taxNumber1", name = "name", city = "city" }
"""
HUB = exchange_place.HUB.replace("{members}", "{members}" + RECORDS.replace("{ vat", "{{ vat").replace('"city" }', '"city" }}'))
PARTNERS = "/v4/storages/Acme/businesspartners"


class Erasure(unittest.TestCase):
    def files_with_it(self, place):
        return [file.name for file, content in place.server.contents() if SECRET.encode() in content]

    def kept_by(self, system):
        """What the exchange keeps in a source."""
        return str([system.sql(f"SELECT * FROM {table}") for table in ("_mirror_inbox", "_mirror_ledger")])

    def wait(self, place, sql, wanted):
        place.server.wait_for(lambda: place.ask_hub(sql) == wanted)

    def place(self, **options):
        place = exchange_place.ExchangePlace(self, BIN, hub=HUB, deletes="any", **options)
        self.door = place.server.door()
        self.addCleanup(self.door.close)
        self.door.request("POST", "/v2/storages", json={"name": "Acme"}).expect(201)
        self.door.request("POST", "/storages/Acme/datasources", json={"dataSource": "rec"}).expect(201)
        return place

    def upsert(self, external_id, **partner):
        rows = {"dataSource": "rec", "featuresOn": ["UPSERT_BY_EXTERNAL_ID"], "businessPartners": [{"externalId": external_id, **partner}]}
        self.door.request("PUT", PARTNERS, json=rows).expect(200)

    def delete(self, external_id, query="?erase=now"):
        rows = {"dataSource": "rec", "featuresOn": ["DELETE_BY_EXTERNAL_ID"], "externalId": [external_id]}
        return self.door.request("POST", f"{PARTNERS}/delete{query}", json=rows).expect(200).json()

    def test_a_record_that_is_deleted_permanently_leaves_hub_inbox_and_ledger(self):
        place = self.place(names=("crm",))
        self.upsert("1", taxNumber1="NO 1", name=SECRET, city="Rome")
        self.upsert("2", taxNumber1="NO 2", name="Bea", city="Bern")
        place.rounds()
        self.assertEqual(place.crm.rows(), [("NO 1", SECRET, "Rome"), ("NO 2", "Bea", "Bern")])
        self.assertIn(SECRET, self.kept_by(place.crm))
        self.upsert("1", name=SECRET + " AG")
        place.crm.agent("transport")  # It is in the inbox, too.
        self.assertIn(SECRET.encode(), place.crm.sql("SELECT body FROM _mirror_inbox")[0][0])
        self.assertTrue(self.delete("1")["erasedAt"])
        # The CRM has a row of it until its agent has taken the deletion.
        self.assertEqual(place.ask_hub("SELECT count(*) FROM golden_company_member"), [(3,)])
        place.rounds()
        self.assertEqual(place.crm.rows(), [("NO 2", "Bea", "Bern")])
        self.assertNotIn(SECRET, self.kept_by(place.crm))
        self.assertEqual(place.ask_hub("SELECT name FROM golden_company WHERE name IS NOT NULL"), [("Bea",)])
        done = place.ctl("erase", "crm", "company", "1", "--now")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(self.files_with_it(place), [])
        self.assertIn(b"Bern", place.hub.read_bytes())

    def test_erased_at_waits_for_the_hub(self):
        place = self.place(names=("crm",))
        self.upsert("1", taxNumber1="NO 1", name=SECRET, city="Rome")
        self.wait(place, "SELECT count(*) FROM golden_company_member", [(1,)])
        self.assertIn(place.hub.name, " ".join(self.files_with_it(place)))
        self.assertIsNone(self.delete("1", query="")["erasedAt"])
        self.wait(place, "SELECT count(*) FROM golden_company_member", [(0,)])
        self.assertTrue(self.files_with_it(place))
        self.upsert("3", taxNumber1="NO 3", name="Eve", city="Ulm")
        self.assertTrue(self.delete("3")["erasedAt"])
        self.assertEqual(self.files_with_it(place), [])

    def test_a_suspended_hub_keeps_nothing_in_the_mirrors_own_files(self):
        place = self.place(names=("crm",))
        self.upsert("1", taxNumber1="NO 1", name=SECRET, city="Rome")
        self.wait(place, "SELECT count(*) FROM golden_company_member", [(1,)])
        self.set_suspended(place, "1")
        self.assertIsNone(self.delete("1")["erasedAt"])
        self.assertEqual({name.removesuffix("-wal") for name in self.files_with_it(place)}, {place.hub.name})
        self.assertIn("may still hold what was erased in 'rec'", str(self.told(place, "records.not_erased")))
        self.set_suspended(place, "NULL")
        self.upsert("3", taxNumber1="NO 3", name="Eve", city="Ulm")
        place.server.wait_for(lambda: self.delete("3")["erasedAt"])
        self.assertEqual(self.files_with_it(place), [])

    def set_suspended(self, place, since):
        with contextlib.closing(sqlite3.connect(place.hub)) as hub, hub:
            hub.execute(f"UPDATE _hub_feeds SET suspended = {since} WHERE data_source = 'rec'")

    def told(self, place, kind):
        events = json.loads(place.ctl("events", "--json").stdout)
        return [event["message"] for event in events if event["kind"] == kind]

    def test_a_program_that_reads_the_hub_is_told_once_and_keeps_no_derivation(self):
        place = exchange_place.ExchangePlace(self, BIN, deletes="any")
        place.crm.sql(f"INSERT INTO company (vat, name, city) VALUES ('NO 1', '{SECRET}', 'Rome'), ('NO 2', 'Bea', 'Bern')")
        place.rounds()
        place.erp.sql("DELETE FROM company WHERE vat = 'NO 1'")
        place.rounds()
        with contextlib.closing(sqlite3.connect(place.hub)) as reader:
            reader.execute("BEGIN")
            reader.execute("SELECT count(*) FROM _hub_rows").fetchone()
            self.assertEqual(place.ctl("erase", "erp", "company", "1").returncode, 0)
            place.erp.sql("UPDATE company SET city = 'Oslo'")
            place.rounds()
            place.server.wait_for(lambda: self.told(place, "golden.not_rewritten"))
            place.rounds()
        self.assertEqual(place.crm.rows(), [("NO 2", "Bea", "Oslo")])
        [words] = self.told(place, "golden.not_rewritten")
        self.assertIn("a program reads the file", words)
        self.assertEqual(self.told(place, "golden.not_derived"), [])

    def test_a_row_that_a_user_deleted_and_an_operator_erased_is_nowhere(self):
        place = exchange_place.ExchangePlace(self, BIN, deletes="any")
        place.crm.sql(f"INSERT INTO company (vat, name, city) VALUES ('NO 1', '{SECRET}', 'Rome'), ('NO 2', 'Bea', 'Bern')")
        place.rounds()
        place.erp.sql("UPDATE company SET city = 'Oslo' WHERE vat = 'NO 1'")
        place.rounds()
        place.erp.sql("DELETE FROM company WHERE vat = 'NO 1'")
        self.assertIn(SECRET, self.kept_by(place.erp))
        place.rounds()
        for system in place.systems:
            self.assertEqual(system.rows(), [("NO 2", "Bea", "Bern")], system.name)
            self.assertNotIn(SECRET, self.kept_by(system), system.name)
        for name in ("crm", "erp"):
            done = place.ctl("erase", name, "company", "1", "--now")
            self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(self.files_with_it(place), [])


if __name__ == "__main__":
    BIN = pathlib.Path(sys.argv[1]).resolve()
    unittest.main(argv=[sys.argv[0], *sys.argv[2:]])
