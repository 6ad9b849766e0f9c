#!/usr/bin/python3
"""Two systems and a hub, with real programs: what one knows reaches the other, and nobody's edit is lost.

Usage: walk_test.py BIN_DIR [unittest arguments]
"""

import json
import pathlib
import shutil
import sqlite3
import sys
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "support"))
import exchange_place  # noqa: E402

BIN = None
ADA = "INSERT INTO company (vat, name, city) VALUES ('NO 1', 'Ada', 'Rome')"


class Walk(unittest.TestCase):
    def place(self, **options):
        return exchange_place.ExchangePlace(self, BIN, **options)

    def quiet(self, place):
        """An idle round sends nothing, and writes nothing at the sources."""
        place.rounds()
        before = [system.sql("SELECT count(*) FROM _mirror_ledger")[0] for system in place.systems]
        for done in place.rounds(1):
            self.assertEqual((done["fetched"], done["applied"], done["refused"]), (0, 0, 0))
        self.assertEqual([system.sql("SELECT count(*) FROM _mirror_ledger")[0] for system in place.systems], before)

    def test_s3_a_company_of_one_is_made_in_the_other_once(self):
        place = self.place()
        place.crm.sql(ADA)
        place.rounds(2)
        self.assertEqual(place.erp.rows(), [("NO 1", "Ada", "Rome")])
        self.quiet(place)
        self.assertEqual(len(place.crm.rows()), 1)
        self.assertEqual(place.ask_hub("SELECT vat, name, city FROM golden_company"), [("NO 1", "Ada", "Rome")])
        self.assertEqual(place.ask_hub("SELECT count(*) FROM golden_company_member"), [(2,)])

    def test_s1_one_that_both_have_is_made_nowhere(self):
        place = self.place()
        place.crm.sql(ADA)
        place.erp.sql("INSERT INTO company (id, vat, name, city) VALUES (70, 'no-1', 'Ada', 'Rome')")
        place.rounds()
        self.assertEqual([len(system.rows()) for system in place.systems], [1, 1])
        self.assertEqual(place.ask_hub("SELECT count(*) FROM golden_company"), [(1,)])
        self.quiet(place)

    def test_made_anew_a_key_used_again_between_two_pushes_is_another_company(self):
        place = self.place(deletes="any")
        place.crm.sql(ADA)
        place.rounds()
        place.crm.sql("DELETE FROM company", "INSERT INTO company (vat, name, city) VALUES ('NO 2', 'Bob', 'Oslo')")
        self.assertEqual(place.crm.sql("SELECT id FROM company"), [(1,)])
        place.rounds()
        for system in place.systems:
            self.assertEqual(system.rows(), [("NO 2", "Bob", "Oslo")], system.name)
        self.assertEqual(place.ask_hub("SELECT count(*) FROM golden_company"), [(2,)])
        self.quiet(place)

    def test_edits_on_both_sides_meet(self):
        place = self.place()
        place.crm.sql(ADA)
        place.rounds()
        place.crm.sql("UPDATE company SET city = 'Oslo'")
        place.erp.sql("UPDATE company SET name = 'Ada Ltd'")
        place.rounds()
        for system in place.systems:
            self.assertEqual(system.rows(), [("NO 1", "Ada Ltd", "Oslo")], system.name)
        self.quiet(place)

    def test_s5_a_row_that_changed_since_is_not_overwritten(self):
        place = self.place()
        place.crm.sql(ADA)
        place.rounds()
        place.crm.sql("UPDATE company SET city = 'Oslo'")
        place.crm.once()
        place.erp.agent("transport")
        place.erp.sql("UPDATE company SET city = 'Ulm'")
        done = place.erp.try_agent("import", "--json")
        self.assertIn('"conflicts": 1', done.stdout)
        self.assertEqual(place.erp.rows(), [("NO 1", "Ada", "Ulm")])
        place.rounds()
        for system in place.systems:  # The later edit, on both sides.
            self.assertEqual(system.rows(), [("NO 1", "Ada", "Ulm")], system.name)
        self.quiet(place)

    def test_s10_a_deleted_company_is_not_made_again(self):
        place = self.place()
        place.crm.sql(ADA)
        place.rounds()
        place.erp.sql("DELETE FROM company")
        place.rounds()
        self.assertEqual((len(place.crm.rows()), len(place.erp.rows())), (1, 0))
        self.quiet(place)

    def test_deletes_any_a_deletion_goes_to_all(self):
        place = self.place(deletes="any")
        place.crm.sql(ADA)
        place.rounds()
        place.erp.sql("DELETE FROM company")
        place.rounds()
        self.assertEqual((place.crm.rows(), place.erp.rows()), ([], []))
        self.quiet(place)

    def test_s12_a_restored_source_is_suspended_until_somebody_says_what_counts(self):
        place = self.place()
        place.crm.sql(ADA)
        place.rounds()
        place.crm.sql("PRAGMA wal_checkpoint(TRUNCATE)")
        copy = place.work / "yesterday.db"
        shutil.copy(place.crm.path, copy)
        place.crm.sql("UPDATE company SET city = 'Oslo'")
        place.rounds()
        self.assertEqual(place.erp.rows(), [("NO 1", "Ada", "Oslo")])
        for suffix in ("-wal", "-shm"):
            pathlib.Path(str(place.crm.path) + suffix).unlink(missing_ok=True)
        shutil.copy(copy, place.crm.path)
        done = place.crm.once()
        self.assertIn("suspended", done["waiting"])
        place.erp.once()
        self.assertEqual(place.erp.rows(), [("NO 1", "Ada", "Oslo")])
        resumed = place.ctl("hub", "resume", "Acme")
        self.assertEqual(resumed.returncode, 1)
        self.assertIn("'mirrorctl hub resume Acme crm --take theirs' (or ours)", " ".join(resumed.stderr.split()))
        early = place.ctl("hub", "resume", "Acme", "crm", "--take", "ours")
        self.assertIn("completed no cycle since", early.stderr)
        place.crm.once()
        resumed = place.ctl("hub", "resume", "Acme", "crm", "--take", "ours")
        self.assertEqual(resumed.returncode, 0, resumed.stderr)
        place.rounds(2)
        for system in place.systems:
            self.assertEqual(system.rows(), [("NO 1", "Ada", "Oslo")], system.name)
        self.quiet(place)

    def test_s11_a_lost_hub_writes_nothing_before_somebody_commits_it(self):
        place = self.place()
        place.crm.sql(ADA)
        place.rounds()
        place.server.stop()
        place.lose_hub()
        place.server.start()
        for done in place.rounds(1):
            self.assertIn("suspended", done["waiting"])
        place.erp.sql("UPDATE company SET city = 'Bern'")
        place.rounds(1)
        resumed = place.ctl("hub", "resume", "Acme")
        self.assertEqual(resumed.returncode, 0, resumed.stderr)
        place.rounds(2)
        self.assertEqual([system.rows() for system in place.systems], [[("NO 1", "Ada", "Rome")], [("NO 1", "Ada", "Bern")]])
        self.assertEqual(place.ask_hub("SELECT count(*) FROM golden_company"), [(1,)])
        self.assertEqual(place.ctl("hub", "hold", "commit", "Acme").returncode, 0)
        place.rounds(2)
        self.assertEqual(place.crm.rows(), place.erp.rows())
        self.quiet(place)

    def test_s14_a_row_that_was_changed_past_the_log_is_in_conflict_once(self):
        place = self.place()
        place.crm.sql(ADA)
        place.rounds()
        names = place.erp.sql("SELECT name, sql FROM sqlite_schema WHERE type = 'trigger' AND tbl_name = 'company'")
        # As a bulk load that switches triggers off.
        place.erp.sql(*[f'DROP TRIGGER "{name}"' for name, _ in names], "UPDATE company SET name = 'Loaded'", *[sql for _, sql in names])
        place.crm.sql("UPDATE company SET city = 'Oslo'")
        place.crm.once()
        self.assertEqual(place.erp.once()["conflicts"], 1)
        self.assertEqual(place.erp.rows(), [("NO 1", "Loaded", "Rome")])
        self.assertEqual(place.erp.once()["applied"], 1)
        self.assertEqual(place.erp.rows(), [("NO 1", "Loaded", "Oslo")])
        place.rounds(2)
        self.assertEqual(place.crm.rows(), place.erp.rows())
        self.quiet(place)

    def test_s4_killed_behind_an_import_nothing_is_done_twice(self):
        place = self.place()
        place.erp.once()
        place.crm.sql(ADA)
        place.crm.once()
        died = place.erp.try_agent("once", MIRROR_CRASH_AT="agent.imported:1")
        self.assertNotIn(died.returncode, (0, 1, 2))
        self.assertEqual(len(place.erp.rows()), 1)
        place.rounds()
        self.assertEqual([len(system.rows()) for system in place.systems], [1, 1])
        self.quiet(place)

    def test_each_command_says_what_became_of_deliveries(self):
        place = self.place()
        place.rounds(1)
        place.crm.sql(ADA)
        place.crm.once()
        self.assertIn("1 delivery fetched\n", place.erp.agent("transport").stdout)
        self.assertIn("1 delivery applied\n", place.erp.agent("import").stdout)
        place.crm.sql("UPDATE company SET city = 'Oslo'")
        place.crm.once()
        self.assertIn("1 delivery fetched: 1 applied\n", place.erp.agent("once").stdout)
        self.assertIn("1 delivery fetched: 1 applied\n", place.erp.agent("status").stdout)
        # Of several sources a line each.
        place.crm.sql("UPDATE company SET city = 'Ulm'")
        place.crm.once()
        config = place.erp.config.read_text()
        more = place.work / "other.db"
        sqlite3.connect(more).close()
        place.erp.config.write_text(f'{config}[[source]]\ncontext_id = "other"\npath = "{more}"\n')
        done = place.erp.try_agent("once")
        self.assertRegex(done.stdout, r"(?m)^erp  nothing changed, 1 delivery fetched: 1 applied$")

    def test_an_import_of_nothing_pushes_nothing(self):
        place = self.place()
        place.crm.sql(ADA)
        place.rounds()
        self.assertIn("the inbox is empty: nothing was done", place.erp.agent("import").stdout)
        report = json.loads(place.erp.agent("import", "--json").stdout)["sources"][0]
        self.assertEqual((report["outcome"], report["cycle"], report["tables"]), ("done", 0, []))
        # What a killed import applied is pushed by the next one, which finds nothing more in the inbox.
        place.crm.sql("UPDATE company SET city = 'Oslo'")
        place.crm.once()
        place.erp.agent("transport")
        died = place.erp.try_agent("import", MIRROR_CRASH_AT="agent.imported:1")
        self.assertNotIn(died.returncode, (0, 1, 2))
        self.assertEqual(place.erp.rows(), [("NO 1", "Ada", "Oslo")])
        told = json.loads(place.erp.agent("import", "--json").stdout)["sources"][0]
        self.assertIn("_mirror_ledger", [table["table"] for table in told["tables"] if table["inserts"] > 0])
        self.assertIn("the inbox is empty", place.erp.agent("import").stdout)

    def test_a_value_of_many_megabytes_arrives_and_goes_again(self):
        place = self.place(deletes="any")
        place.crm.sql(ADA, "INSERT INTO company (vat, name, city) VALUES ('NO 2', 'Bob', 'Ulm')")
        place.rounds()
        place.crm.sql("UPDATE company SET city = hex(zeroblob(3000000)) WHERE name = 'Ada'")
        place.rounds()
        self.assertEqual(place.erp.sql("SELECT length(city) FROM company WHERE name = 'Ada'")[0][0], 6_000_000)
        # What is kept of it with the source's own tables goes with the row, and stops nobody.
        place.crm.sql("DELETE FROM company WHERE name = 'Ada'", "UPDATE company SET city = 'Bonn' WHERE name = 'Bob'")
        place.rounds()
        self.assertEqual([system.rows() for system in place.systems], [[("NO 2", "Bob", "Bonn")]] * 2)
        self.quiet(place)

    def test_what_is_not_accepted_is_refused_and_told(self):
        place = self.place(accepts={"erp": ["update"]})
        place.erp.once()
        place.crm.sql(ADA)
        place.crm.once()
        done = place.erp.try_agent("once")
        self.assertEqual(done.returncode, 1, done.stdout + done.stderr)
        self.assertIn("1 delivery fetched: 1 refused", done.stdout)
        self.assertIn("refused: table 'company': 'accept' of its [[source]] does not include INSERT", done.stdout)
        status = place.erp.try_agent("status")
        self.assertIn("1 delivery fetched: 1 refused", status.stdout)
        self.assertRegex(status.stdout, "last error .*: a delivery was refused: table 'company'")
        self.assertEqual(place.erp.rows(), [])


if __name__ == "__main__":
    BIN = pathlib.Path(sys.argv[1]).resolve()
    unittest.main(argv=[sys.argv[0], *sys.argv[2:]])
