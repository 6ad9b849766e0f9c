#!/usr/bin/python3
"""What an operator decides about golden records, with real programs: merge, part, a resume without consequences,
rebuild, and the configuration that 'hub init' prints.

Usage: hub_commands_test.py BIN_DIR [unittest arguments]
"""

import contextlib
import json
import os
import pathlib
import pty
import shutil
import sqlite3
import subprocess
import sys
import tomllib
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "support"))
import exchange_place  # noqa: E402

BIN = None
ADA = "INSERT INTO company (vat, name, city) VALUES ('1', 'Ada', 'Rome')"


def one_line(text):
    return " ".join(text.split())


class HubCommands(unittest.TestCase):
    def place(self, **options):
        return exchange_place.ExchangePlace(self, BIN, **options)

    def ctl(self, place, *words):
        done = place.ctl(*words)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        return done

    def records(self, place):
        """The keys of each record's rows, by data source."""
        rows = place.ask_hub("SELECT golden_id, data_source, key FROM golden_company_member ORDER BY data_source, key")
        records = {}
        for golden_id, source, key in rows:
            records.setdefault(golden_id, []).append((source, key))
        return records

    def record_of(self, place, source, key):
        return next(golden for golden, rows in self.records(place).items() if (source, key) in rows)

    def restored(self, place):
        """The CRM's database is as it was before its last edits; its agent has told so."""
        place.crm.sql("PRAGMA wal_checkpoint(TRUNCATE)")
        copy = place.work / "yesterday.db"
        shutil.copy(place.crm.path, copy)
        place.crm.sql("UPDATE company SET city = 'Oslo' WHERE vat = '1'")
        place.rounds()
        for suffix in ("-wal", "-shm"):
            pathlib.Path(str(place.crm.path) + suffix).unlink(missing_ok=True)
        shutil.copy(copy, place.crm.path)
        self.assertIn("suspended", place.crm.once()["waiting"])
        place.crm.once()

    def test_two_records_are_merged_by_hand_and_parted_again(self):
        place = self.place(write=["update"])
        place.crm.sql(ADA)
        place.erp.sql("INSERT INTO company (id, vat, name, city) VALUES (70, '2', 'Ada Ltd', 'Bern')")
        place.rounds(1)
        crm, erp = self.record_of(place, "crm", "[1]"), self.record_of(place, "erp", "[70]")
        self.assertNotEqual(crm, erp)
        done = self.ctl(place, "hub", "merge", "Acme", erp, crm)
        self.assertIn(f"both are record '{crm}' now", one_line(done.stdout))
        self.assertEqual(self.records(place), {crm: [("crm", "[1]"), ("erp", "[70]")]})
        place.rounds()
        self.assertEqual((len(place.crm.rows()), len(place.erp.rows())), (1, 1), "inserted nowhere")
        self.assertEqual(place.crm.rows(), place.erp.rows())
        again = place.ctl("hub", "merge", "Acme", erp, crm)
        self.assertEqual(again.returncode, 1)
        self.assertIn("Nothing was merged", one_line(again.stderr))

        done = self.ctl(place, "hub", "part", "Acme", erp, "--row", "erp", "company", "70")
        self.assertIn("1 row is record", one_line(done.stdout))
        parted = self.record_of(place, "erp", "[70]")
        self.assertEqual(self.records(place), {crm: [("crm", "[1]")], parted: [("erp", "[70]")]})
        # By now both have the same vat, and the edits of one are the other's no more.
        place.crm.sql("UPDATE company SET city = 'Oslo'")
        place.rounds()
        self.assertEqual(place.crm.rows()[0][2], "Oslo")
        self.assertNotEqual(place.erp.rows()[0][2], "Oslo")
        self.assertEqual((len(place.crm.rows()), len(place.erp.rows())), (1, 1))
        self.assertEqual(len(self.records(place)), 2)
        self.assertIn("knows of no duplicates", place.ctl("hub", "duplicates", "Acme").stderr)

        self.ctl(place, "hub", "merge", "Acme", crm, parted)
        place.rounds()
        self.assertEqual(place.crm.rows(), place.erp.rows())

    def at_terminal(self, place, answer, *words):
        """What mirrorctl shows on a terminal at which `answer` is typed; its exit code."""
        shown, other = pty.openpty()
        process = subprocess.Popen([BIN / "mirrorctl", "--config", place.server.folder / "mirrorctl.toml", *words],
                                   stdin=other, stdout=other, stderr=other)
        os.close(other)
        os.write(shown, answer.encode() + b"\n")
        text = b""
        with contextlib.suppress(OSError):  # The program has ended.
            while piece := os.read(shown, 4096):
                text += piece
        os.close(shown)
        return one_line(text.decode()), process.wait(60)

    def state(self, place):
        """What nobody may change who only tries something."""
        tables = ("_hub_records", "_hub_rows", "_hub_deliveries", "_hub_apart", "golden_alias", "_hub_state")
        return [place.ask_hub(f"SELECT * FROM {table} ORDER BY 1") for table in tables]

    def test_merge_and_part_that_are_tried_name_rows_and_deliveries_and_change_nothing(self):
        place = self.place(write=["update"])
        place.crm.sql(ADA)
        place.erp.sql("INSERT INTO company (id, vat, name, city) VALUES (70, '2', 'Ada Ltd', 'Bern')")
        place.rounds(1)
        crm, erp = self.record_of(place, "crm", "[1]"), self.record_of(place, "erp", "[70]")
        before = self.state(place)
        tried = json.loads(self.ctl(place, "hub", "merge", "Acme", erp, crm, "--dry-run", "--json").stdout)
        self.assertEqual(tried["golden_id"], crm)
        [record] = tried["records"]
        self.assertEqual([(one["data_source"], one["key"]) for one in record["members"]], [("crm", [1]), ("erp", [70])])
        [change] = tried["changes"]
        self.assertEqual((change["operation"], change["deliveries"]), ("UPDATE", 1))
        shown = self.ctl(place, "hub", "merge", "Acme", erp, crm, "--dry-run")
        self.assertRegex(shown.stdout, crm + r" +erp +company +\[70\]\n")
        self.assertIn(f"both would be record '{crm}', and this would be written. Nothing was done",
                      one_line(shown.stderr))
        for secret in ("Ada", "Rome", "Bern"):
            self.assertNotIn(secret, shown.stdout + shown.stderr)
        self.assertEqual(self.state(place), before)
        text, code = self.at_terminal(place, "no", "hub", "merge", "Acme", erp, crm)
        self.assertEqual(code, 1, text)
        self.assertLess(text.index("both would be record"), text.index("Continue? [y/N]"))
        self.assertIn("nothing was done", text)
        self.assertEqual(self.state(place), before)
        text, code = self.at_terminal(place, "y", "hub", "merge", "Acme", erp, crm)
        self.assertEqual(code, 0, text)
        place.rounds(2)
        self.assertEqual(place.crm.rows(), place.erp.rows())

        before = self.state(place)
        part = ("hub", "part", "Acme", crm, "--row", "erp", "company", "70", "--dry-run")
        tried = json.loads(self.ctl(place, *part, "--json").stdout)
        self.assertEqual([(one["golden_id"], one["rows"]) for one in tried["records"]], [(crm, 1), (None, 1)])
        self.assertIsNone(tried["golden_id"])
        shown = self.ctl(place, *part)
        self.assertRegex(shown.stdout, r"a new one +erp +company +\[70\]\n")
        self.assertIn("1 row would be a record of its own", one_line(shown.stderr))
        refused = place.ctl("hub", "part", "Acme", crm, "--row", "erp", "company", "71", "--dry-run")
        self.assertEqual(refused.returncode, 1)
        self.assertIn("has no such row", one_line(refused.stderr))
        self.assertEqual(self.state(place), before)

    def test_what_was_dropped_is_found_again_and_handed_out_after_all(self):
        place = self.place()
        place.crm.sql(ADA)
        place.rounds()
        place.erp.sql("UPDATE company SET city = 'Bern'")
        self.ctl(place, "hub", "rebuild", "Acme", "--confirm", "Acme")
        place.rounds(2)
        self.ctl(place, "hub", "resume", "Acme")
        golden = self.record_of(place, "crm", "[1]")
        self.assertIn("nothing of hub 'Acme' was dropped",
                      self.ctl(place, "hub", "hold", "list", "Acme", "--dropped").stderr)
        dropped = self.ctl(place, "hub", "hold", "rollback", "Acme")
        self.assertIn("'mirrorctl hub hold list Acme --dropped' shows it", one_line(dropped.stdout))
        shown = self.ctl(place, "hub", "hold", "list", "Acme", "--dropped")
        self.assertRegex(shown.stdout, r"crm +company +UPDATE +\[1\] +" + golden + " +dropped +city\n")
        self.assertIn("'mirrorctl hub hold commit Acme --dropped'", one_line(shown.stderr))
        self.assertNotIn("Bern", shown.stdout)
        place.rounds(2)
        self.assertEqual(place.crm.rows()[0][2], "Rome", "it is not handed out")
        tried = self.ctl(place, "hub", "hold", "commit", "Acme", "--dropped", "--dry-run")
        self.assertIn("1 delivery of hub 'Acme' would be handed out. Nothing was done", one_line(tried.stderr))
        self.ctl(place, "hub", "hold", "commit", "Acme", "--dropped")
        place.rounds(2)
        self.assertEqual(place.crm.rows(), place.erp.rows())
        self.assertEqual(place.crm.rows()[0][2], "Bern")

    def test_a_rebuild_that_is_tried_says_what_it_would_take(self):
        place = self.place()
        place.crm.sql(ADA)
        place.rounds()
        before = self.state(place)
        tried = self.ctl(place, "hub", "rebuild", "Acme", "--dry-run")
        self.assertRegex(tried.stdout, r"rows in them +2\n")
        self.assertIn("'crm', 'erp' would be suspended until 'mirrorctl hub resume Acme'", one_line(tried.stderr))
        self.assertIn("Nothing was done", tried.stderr)
        answer = json.loads(self.ctl(place, "hub", "rebuild", "Acme", "--dry-run", "--json").stdout)
        self.assertEqual(answer["suspended"], ["crm", "erp"])
        self.assertEqual(answer["loss"], {"records": 1, "rows": 2, "rows_by_hand": 0, "parted": 0, "deliveries": 0})
        self.assertEqual(self.state(place), before)
        text, code = self.at_terminal(place, "Acm", "hub", "rebuild", "Acme")
        self.assertEqual(code, 1, text)
        self.assertLess(text.index("golden records"), text.index("Type Acme to continue"))
        self.assertEqual(self.state(place), before)
        unsaid = place.ctl("hub", "rebuild", "Acme")
        self.assertEqual(unsaid.returncode, 2)
        self.assertIn("--confirm is required", unsaid.stderr)

    def test_newest_is_suggested_only_where_a_column_tells(self):
        place = self.place()
        place.crm.sql(ADA)
        place.rounds()
        self.restored(place)
        for done in (self.ctl(place, "hub", "status"), place.ctl("hub", "resume", "Acme")):
            self.assertIn("'mirrorctl hub resume Acme crm --take theirs", one_line(done.stderr))
            self.assertNotIn("newest", done.stdout + done.stderr)
        refused = place.ctl("hub", "resume", "Acme", "crm", "--take", "newest")
        self.assertIn("'newest' needs 'changed' of table 'company' of 'crm'", one_line(refused.stderr))

    def test_part_refuses_what_is_not_there(self):
        place = self.place()
        place.crm.sql(ADA)
        place.rounds()
        golden = self.record_of(place, "crm", "[1]")
        for words, says in (
            ([golden, "--row", "crm", "company", "9"], "has no such row"),
            ([golden, "--row", "crm", "company", "1", "--row", "erp", "company", "1"], "these are all rows"),
            (["strange", "--row", "crm", "company", "1"], "has no record 'strange'"),
        ):
            refused = place.ctl("hub", "part", "Acme", *words)
            self.assertEqual(refused.returncode, 1, refused.stdout)
            self.assertIn(says, one_line(refused.stderr))
        self.assertEqual(len(self.records(place)), 1)

    def test_a_dry_run_says_what_a_resume_would_write_and_writes_nothing(self):
        place = self.place()
        place.crm.sql(ADA)
        place.crm.sql("INSERT INTO company (vat, name, city) VALUES ('2', 'Bea', 'Bonn')")
        place.rounds()
        self.restored(place)
        place.crm.sql("DELETE FROM company WHERE vat = '2'")
        place.crm.once()
        files = {path: path.read_bytes() for path in place.server.folder.glob("**/Mirror_*.db")}
        before = place.ask_hub("SELECT * FROM _hub_feeds"), self.records(place)
        wanted = {"ours": {("crm", "INSERT"), ("crm", "UPDATE")}, "theirs": {("erp", "UPDATE")}}
        for take, changes in wanted.items():
            done = self.ctl(place, "hub", "resume", "Acme", "crm", "--take", take, "--dry-run", "--json")
            answer = json.loads(done.stdout)
            self.assertEqual(answer["resumed"], ["crm"])
            self.assertEqual({(c["data_source"], c["operation"]) for c in answer["changes"]}, changes, take)
            self.assertEqual(sum(c["deliveries"] for c in answer["changes"]), len(answer["first"]))
            for secret in ("Oslo", "Rome", "Bea", "Bonn"):
                self.assertNotIn(secret, done.stdout)
        mistyped = place.ctl("hub", "resume", "Acme", "--without", "cmr")
        self.assertEqual(mistyped.returncode, 1, mistyped.stdout)
        self.assertIn("'cmr' is no data source of hub 'Acme'. Nothing was resumed", one_line(mistyped.stderr))
        shown = self.ctl(place, "hub", "resume", "Acme", "crm", "--take", "ours", "--dry-run")
        self.assertIn("Nothing was done", one_line(shown.stderr))
        self.assertRegex(shown.stdout, r"crm +company +UPDATE +1 +0\n")
        self.assertEqual(before, (place.ask_hub("SELECT * FROM _hub_feeds"), self.records(place)))
        self.assertEqual(files, {path: path.read_bytes() for path in place.server.folder.glob("**/Mirror_*.db")})
        # And what it said is what is done.
        self.ctl(place, "hub", "resume", "Acme", "crm", "--take", "ours")
        place.rounds()
        self.assertEqual(place.crm.rows(), [("1", "Ada", "Oslo"), ("2", "Bea", "Bonn")])
        again = self.ctl(place, "hub", "resume", "Acme", "crm", "--take", "ours")
        self.assertIn("'crm' was not suspended", one_line(again.stderr))

    def test_a_hub_is_made_anew_and_nothing_is_written_before_somebody_commits(self):
        place = self.place()
        place.crm.sql(ADA)
        place.rounds()
        wrong = place.ctl("hub", "rebuild", "Acme", "--confirm", "acme")
        self.assertEqual(wrong.returncode, 2)
        place.erp.sql("UPDATE company SET city = 'Bern'")
        golden = self.record_of(place, "crm", "[1]")
        done = self.ctl(place, "hub", "rebuild", "Acme", "--confirm", "Acme")
        self.assertIn("'crm', 'erp' wait", one_line(done.stdout))
        for one in place.rounds(1):
            self.assertIn("suspended", one["waiting"])
        place.rounds(1)
        self.ctl(place, "hub", "resume", "Acme")
        place.rounds(2)
        self.assertEqual([system.rows()[0][2] for system in place.systems], ["Rome", "Bern"])
        self.assertNotEqual(self.record_of(place, "crm", "[1]"), golden)
        self.ctl(place, "hub", "hold", "commit", "Acme")
        place.rounds(2)
        self.assertEqual(place.crm.rows(), place.erp.rows())

    def told(self, place, kind):
        events = json.loads(self.ctl(place, "events", "--json").stdout)
        return [event["message"] for event in events if event["kind"] == kind]

    def test_a_file_of_an_earlier_version_is_told_and_made_anew(self):
        place = self.place()
        place.crm.sql(ADA)
        place.rounds()
        place.server.stop()
        with contextlib.closing(sqlite3.connect(place.hub)) as hub, hub:
            hub.execute("UPDATE _mirror_layout SET layout = 1, program = '0.9'")
        place.start_again()
        place.server.wait_for(lambda: self.told(place, "golden.not_derived"))
        [words] = self.told(place, "golden.not_derived")
        self.assertIn("has layout 1, written by version 0.9", words)
        self.assertIn("'mirrorctl hub rebuild Acme --confirm Acme'", words)
        self.ctl(place, "hub", "rebuild", "Acme", "--confirm", "Acme")
        place.rounds(2)
        self.ctl(place, "hub", "resume", "Acme")
        place.rounds(2)
        self.assertEqual(len(self.records(place)), 1)
        self.assertEqual(len(self.told(place, "golden.not_derived")), 1)

    def test_what_is_held_is_listed_and_tried_without_values(self):
        place = self.place()
        place.crm.sql(ADA)
        place.rounds()
        place.erp.sql("UPDATE company SET city = 'Bern'")
        self.ctl(place, "hub", "rebuild", "Acme", "--confirm", "Acme")
        place.rounds(2)
        resumed = self.ctl(place, "hub", "resume", "Acme")
        self.assertIn("all new deliveries are held", one_line(resumed.stderr))
        golden = self.record_of(place, "crm", "[1]")
        listed = json.loads(self.ctl(place, "hub", "hold", "list", "Acme", "--json").stdout)
        self.assertEqual([(one["golden_id"], one["why"], one["columns"]) for one in listed], [(golden, "anew", ["city"])])
        shown = self.ctl(place, "hub", "hold", "list", "Acme", "--limit", "1")
        tried = [self.ctl(place, "hub", "hold", what, "Acme", "--dry-run") for what in ("commit", "rollback")]
        for done in (shown, *tried):
            self.assertIn(golden, done.stdout)
            for secret in ("Bern", "Rome", "Ada"):
                self.assertNotIn(secret, done.stdout)
        self.assertIn("1 delivery of hub 'Acme' would be handed out. Nothing was done", one_line(tried[0].stderr))
        self.assertIn("would be dropped", one_line(tried[1].stderr))
        self.assertEqual(place.ask_hub("SELECT state FROM _hub_deliveries"), [(2,)])
        self.ctl(place, "hub", "hold", "commit", "Acme")
        self.assertIn("nothing of hub 'Acme' is held", self.ctl(place, "hub", "hold", "list", "Acme").stderr)

    def test_a_hub_that_was_made_anew_and_holds_nothing_says_what_ends_that(self):
        place = self.place()
        place.crm.sql(ADA)
        place.rounds()
        self.ctl(place, "hub", "rebuild", "Acme", "--confirm", "Acme")
        place.rounds(2)
        self.ctl(place, "hub", "resume", "Acme")
        place.rounds()
        status = self.ctl(place, "hub", "status")
        self.assertIn("but there are none now. End this with 'mirrorctl hub hold commit Acme'", one_line(status.stderr))
        place.crm.sql("UPDATE company SET city = 'Oslo'")
        place.rounds(2)
        self.assertEqual(place.erp.rows()[0][2], "Rome", "held, as it says")
        committed = self.ctl(place, "hub", "hold", "commit", "Acme")
        self.assertNotIn("held", committed.stderr)
        place.rounds(2)
        self.assertEqual(place.erp.rows()[0][2], "Oslo")
        self.assertEqual(self.ctl(place, "hub", "status").stderr, "")

    def test_a_system_that_is_not_there_yet_is_absent(self):
        place = self.place()
        place.crm.sql(ADA)
        place.crm.once()
        status = self.ctl(place, "hub", "status")
        self.assertRegex(status.stdout, r"Acme +crm +read ")
        self.assertRegex(status.stdout, r"Acme +erp +absent .* -\n")
        place.rounds(1)
        self.assertRegex(self.ctl(place, "hub", "status").stdout, r"Acme +erp +read ")

    def test_what_is_not_there_is_named_with_its_tenant(self):
        place = self.place()
        place.rounds(1)
        refused = place.ctl("hub", "init", "Acme", "--entity", "company", "crm", "company", "erp", "nothing")
        self.assertIn("tenant 'erp' has no table 'nothing'", one_line(refused.stderr))
        refused = place.ctl("hub", "explain", "Acme", "--row", "erp", "company", "77")
        self.assertIn("no row of this key in table 'company' of 'erp', the tenant 'erp'", one_line(refused.stderr))
        for length, code in ((64, 0), (65, 1)):
            done = place.ctl("hub", "init", "A" * length, "--entity", "company", "crm", "company", "erp", "company")
            self.assertEqual(done.returncode, code, done.stderr)
        self.assertIn("1 to 64 letters", one_line(done.stderr))

    def test_an_edit_that_a_later_one_overtakes_is_named_without_its_value(self):
        place = self.place()
        place.crm.sql(ADA)
        place.rounds()
        place.crm.sql("UPDATE company SET city = 'Oslo'")
        place.erp.sql("UPDATE company SET city = 'Ulm'")
        place.rounds()
        events = json.loads(self.ctl(place, "events", "--kind", "golden.overtaken", "--json").stdout)
        self.assertEqual(len(events), 1, events)
        text = json.dumps(events)
        self.assertIn("an edit of 'city' in 'crm'", text)
        self.assertIn("a later one in 'erp'", text)
        for value in ("Oslo", "Ulm", "Rome"):
            self.assertNotIn(value, text)
        # One that was made knowing the other is no loss.
        place.crm.sql("UPDATE company SET city = 'Pisa'")
        place.rounds()
        place.erp.sql("UPDATE company SET city = 'Bari'")
        place.rounds()
        events = json.loads(self.ctl(place, "events", "--kind", "golden.overtaken", "--json").stdout)
        self.assertEqual(len(events), 1, events)

    def reload(self, place, old, new):
        """The event that tells of it."""
        config = place.server.folder / "mirror-server.toml"
        text = config.read_text()
        self.assertIn(old, text)
        config.write_text(text.replace(old, new))
        self.ctl(place, "keys", "--reload")
        events = json.loads(self.ctl(place, "events", "--kind", "keys.reloaded", "--json").stdout)
        return max(events, key=lambda event: event["id"])

    def test_a_reload_takes_other_rules_and_holds_what_they_give(self):
        place = self.place(write=[])
        place.crm.sql(ADA)
        place.erp.sql("INSERT INTO company (vat, name, city) VALUES ('1', 'Ada', 'Bern')")
        place.rounds(2)
        self.assertEqual(place.erp.rows()[0][2], "Bern")
        golden = self.record_of(place, "crm", "[1]")
        event = self.reload(place, "write = []", 'write = ["update"]')
        self.assertNotIn("restart", event["message"])
        place.rounds(2)
        self.assertEqual([system.rows()[0][2] for system in place.systems], ["Rome", "Bern"], "held")
        self.assertEqual(self.record_of(place, "crm", "[1]"), golden)
        self.assertIn("1 delivery", one_line(self.ctl(place, "hub", "hold", "commit", "Acme").stdout))
        place.rounds(2)
        self.assertEqual(place.crm.rows(), place.erp.rows())
        # The same again changes nothing, and holds nothing.
        self.reload(place, 'deletes = "none"', 'deletes = "none"  # as it was')
        place.crm.sql("UPDATE company SET city = 'Oslo'")
        place.rounds(2)
        self.assertEqual(place.erp.rows()[0][2], "Oslo")

    def test_a_reload_with_a_table_without_a_journal_needs_a_restart(self):
        order = "CREATE TABLE sales_order (id INTEGER PRIMARY KEY, product TEXT)"
        place = exchange_place.ExchangePlace(self, BIN, tables=(exchange_place.TABLE, order))
        place.crm.sql(ADA)
        place.rounds()
        members = "".join(f'''[[hub.member]]
data_source = "{name}"
tenant = "{name}"
table = "sales_order"
columns = {{ product = "product" }}
''' for name in ("crm", "erp"))
        event = self.reload(place, "\n[[hub]]", f'''
[[hub]]
storage = "Acme"
entity = "sales_order"
match = [["product"]]
{members}
[[hub]]''')
        self.assertIn("changes in [[hub]] since the start are not in force: restart", one_line(event["message"]))
        place.crm.sql("UPDATE company SET city = 'Oslo'")
        place.rounds(2)
        self.assertEqual(place.erp.rows()[0][2], "Oslo", "the hub goes on as it was")
        place.start_again()
        place.rounds(1)
        self.assertEqual(place.ask_hub("SELECT count(*) FROM golden_sales_order"), [(0,)])

    def with_hub(self, place, text):
        """The server again, with this [[hub]] in the place of the one that it has."""
        config = place.server.folder / "mirror-server.toml"
        rest = config.read_text()
        config.write_text(rest[: rest.index("\n[[hub]]")] + "\n" + text)
        place.server.stop()
        pathlib.Path(place.hub).unlink()
        place.server.start()

    def test_what_init_prints_is_a_hub_that_starts(self):
        place = self.place()
        place.crm.sql(ADA)
        place.rounds(1)
        done = self.ctl(place, "hub", "init", "Acme", "--entity", "company", "crm", "company", "erp", "company")
        self.assertIn("looks like an identifier that a registry issues", done.stdout)
        hub = tomllib.loads(done.stdout)["hub"][0]
        self.assertEqual((hub["match"], hub["deletes"]), ([["vat"]], "none"))
        self.assertEqual(hub["attributes"], {name: "newest" for name in ("vat", "name", "city")})
        self.assertEqual([member["write"] for member in hub["member"]], [[], []], "nothing is written unasked")
        self.with_hub(place, done.stdout.replace("write = []", 'write = ["insert", "update"]'))
        place.rounds(1)
        place.rounds(1)
        self.ctl(place, "hub", "resume", "Acme", "--insert")
        self.ctl(place, "hub", "hold", "commit", "Acme")
        place.rounds(2)
        self.assertEqual(place.erp.rows(), [("1", "Ada", "Rome")])

    def test_init_refuses_what_cannot_be_a_hub(self):
        place = self.place()
        place.rounds(1)
        for words, code, says in (
            (["--entity", "company", "crm", "company"], 2, "at least two pairs"),
            (["crm", "company", "erp", "company"], 2, "--entity is required"),
            (["--entity", "a b", "crm", "company", "erp", "company"], 1, "cannot have the entity 'a b'"),
            (["--entity", "company", "crm", "company", "erp", "nothing"], 1, "nothing"),
            (["--datajoin", "company", "--tenant", "crm"], 2, "at least two --tenant"),
        ):
            refused = place.ctl("hub", "init", "Acme", *words)
            self.assertEqual(refused.returncode, code, refused.stderr)
            self.assertIn(says, one_line(refused.stderr))
            self.assertEqual(refused.stdout, "")

    def test_init_datajoin_exchanges_tables_whole(self):
        order = ("CREATE TABLE sales_order (id INTEGER PRIMARY KEY, product TEXT, quantity INTEGER, "
                 "update_datetime TEXT)")
        place = exchange_place.ExchangePlace(self, BIN, tables=(exchange_place.TABLE, order))
        init = ("hub", "init", "Acme", "--datajoin", "sales_order", "--tenant", "crm", "--tenant", "erp")
        place.rounds(1)
        # No value tells how its texts are written.
        empty = self.ctl(place, *init).stdout
        self.assertEqual(empty.count('\n# changed_format = "%m/%d/%Y %I:%M:%S %p"\n'), 2, empty)
        self.assertNotIn("changed_format", tomllib.loads(empty)["hub"][0]["member"][0])
        place.crm.sql("INSERT INTO sales_order VALUES (2, 'Pen', 7, '06/25/2025  10:30:00 AM')")
        place.rounds(1)
        done = self.ctl(place, *init)
        hub = tomllib.loads(done.stdout)["hub"][0]
        self.assertEqual((hub["entity"], hub["match"], hub["deletes"]), ("sales_order", [["id"]], "any"))
        self.assertEqual([member["changed"] for member in hub["member"]], ["update_datetime"] * 2)
        # Also where there is no row yet.
        self.assertEqual([member["changed_format"] for member in hub["member"]], ["%m/%d/%Y %I:%M:%S %p"] * 2)
        self.assertEqual(hub["member"][0]["key"], ["id"])
        self.with_hub(place, done.stdout)
        place.rounds(2)
        self.ctl(place, "hub", "resume", "Acme", "--insert")
        self.ctl(place, "hub", "hold", "commit", "Acme")
        place.rounds(2)
        rows = "SELECT * FROM sales_order"
        self.assertEqual(place.erp.sql(rows), [(2, "Pen", 7, "06/25/2025  10:30:00 AM")])
        place.erp.sql("UPDATE sales_order SET quantity = 8, update_datetime = '06/26/2025 10:30:00 AM'")
        place.rounds(2)
        self.assertEqual(place.crm.sql(rows), place.erp.sql(rows))
        place.crm.sql("DELETE FROM sales_order")
        place.rounds(2)
        self.assertEqual(place.erp.sql(rows), [])


if __name__ == "__main__":
    BIN = pathlib.Path(sys.argv[1]).resolve()
    unittest.main(argv=[sys.argv[0], *sys.argv[2:]])
