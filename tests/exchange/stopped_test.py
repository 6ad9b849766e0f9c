#!/usr/bin/python3
"""An exchange that stopped is to be seen wherever an operator looks: in the metrics, among the tenants, by the doctor, in
the status of hub and agent. And so is what a system refuses, with the reason.

Usage: stopped_test.py BIN_DIR [unittest arguments]
"""

import json
import pathlib
import re
import shutil
import sys
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "support"))
import exchange_place  # noqa: E402
import records_server  # noqa: E402

BIN = None
ADA = "INSERT INTO company (vat, name, city) VALUES ('1', 'Ada', 'Rome')"
BEA = "INSERT INTO company (vat, name, city) VALUES ('2', 'Bea', 'Bonn')"
CHECKED = "CREATE TABLE company (id INTEGER PRIMARY KEY, vat TEXT, name TEXT, city TEXT CONSTRAINT known_city " \
          "CHECK (city <> 'Nowhere'))"  # fmt: skip


def one_line(text):
    return " ".join(text.split())


class Stopped(unittest.TestCase):
    def place(self, **options):
        return exchange_place.ExchangePlace(self, BIN, **options)

    def ctl(self, place, *words, code=0):
        done = place.ctl(*words)
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        return done

    def series(self, place):
        """By name and labels, those of hubs."""
        page = records_server.metrics(place.server.log)
        return {name: float(value) for name, value in re.findall(r"(?m)^(mirror_hub\S*) (\S+)$", page)}

    def wait_for_series(self, place, name, value):
        place.server.wait_for(lambda: self.series(place).get(name) == value)

    def tenant(self, place, name):
        [found] = [one for one in json.loads(self.ctl(place, "tenants", "--json").stdout) if one["context_id"] == name]
        return found

    def restore_crm(self, place):
        """The CRM's database is as it was before its last edit; its agent has told so."""
        place.crm.sql("PRAGMA wal_checkpoint(TRUNCATE)")
        copy = place.work / "yesterday.db"
        shutil.copy(place.crm.path, copy)
        place.crm.sql("UPDATE company SET city = 'Oslo' WHERE vat = '1'")
        place.rounds()
        for suffix in ("-wal", "-shm"):
            pathlib.Path(str(place.crm.path) + suffix).unlink(missing_ok=True)
        shutil.copy(copy, place.crm.path)
        self.assertIn("suspended", place.crm.once()["waiting"])

    def status(self, place, system):
        done = system.try_agent("status", "--json")
        return json.loads(done.stdout)["sources"][0], system.try_agent("status").stdout

    def test_a_suspended_member_is_seen_wherever_somebody_looks(self):
        place = self.place()
        place.crm.sql(ADA)
        place.rounds()
        good = self.ctl(place, "doctor")
        self.assertRegex(good.stdout, r"OK +hubs +'Acme' has 1 golden record, and nothing waits")
        self.wait_for_series(place, 'mirror_hub_members{hub="Acme",state="read"}', 2)
        before = self.series(place)
        self.assertEqual(before['mirror_hub_member_suspended{hub="Acme",data_source="crm"}'], 0)
        self.assertEqual(before['mirror_hub_failing{hub="Acme"}'], 0)
        self.assertEqual(before['mirror_hub_records{hub="Acme"}'], 1)
        self.assertEqual(self.tenant(place, "crm")["state"], "good")
        self.assertEqual(self.tenant(place, "crm")["hub"]["storage"], "Acme")
        self.assertIsNone(self.tenant(place, "crm")["hub"]["suspended_ms"])
        self.assertIsNone(self.tenant(place, "crm")["hub"]["stopped"])

        self.restore_crm(place)
        self.wait_for_series(place, 'mirror_hub_member_suspended{hub="Acme",data_source="crm"}', 1)
        series = self.series(place)
        self.assertEqual(series['mirror_hub_members{hub="Acme",state="restored"}'], 1)
        self.assertEqual(series['mirror_hub_member_suspended{hub="Acme",data_source="erp"}'], 0)
        self.assertGreaterEqual(
            series['mirror_hub_last_derivation_timestamp_seconds{hub="Acme"}'],
            before['mirror_hub_last_derivation_timestamp_seconds{hub="Acme"}'],
        )
        crm = self.tenant(place, "crm")
        self.assertEqual((crm["state"], crm["problem"], crm["hub"]["source_restored"]), ("held", True, True))
        self.assertGreater(crm["hub"]["suspended_ms"], 0)
        listed = self.ctl(place, "tenants", "--wide")
        self.assertRegex(listed.stdout, r"crm +held .*suspended in hub 'Acme' for ")
        self.assertIn("crm: it is suspended in hub 'Acme' since ", one_line(listed.stderr))
        self.assertIn("its source was restored. 'mirrorctl hub status Acme' says how to continue", one_line(listed.stderr))
        # The other goes on with what concerns no row of the CRM's, and is told so.
        self.assertIn("as that member is suspended", self.tenant(place, "erp")["hub"]["stopped"])
        self.assertEqual(self.tenant(place, "erp")["state"], "good")
        ill = self.ctl(place, "doctor", code=1)
        self.assertIn("the source of 'crm' was restored", one_line(ill.stdout))
        self.assertIn("'mirrorctl hub resume Acme crm --take theirs'", one_line(ill.stdout))
        self.assertNotIn("Oslo", ill.stdout + listed.stdout + listed.stderr)

        # The agent knows it, too: since when, and why.
        place.crm.once()
        source, words = self.status(place, place.crm)
        self.assertEqual(source["state"], "good", "its rows are mirrored")
        self.assertIn("'crm' is suspended since", source["last_run"]["deliveries"]["waiting"])
        self.assertRegex(source["last_run"]["deliveries_wait_since"], r"^20\d\d-")
        self.assertRegex(one_line(words), r"stopped the hub has handed out no deliveries for .*: 'crm' is suspended")
        looked = self.ctl(place, "doctor", "--source", place.crm.config, code=1)
        self.assertIn("WARN crm deliveries", one_line(looked.stdout))
        self.assertIn("the hub hands out none since 20", one_line(looked.stdout))

        self.ctl(place, "hub", "resume", "Acme", "crm", "--take", "theirs")
        self.assertEqual(self.tenant(place, "crm")["state"], "good", "at once")
        self.assertEqual(self.series(place)['mirror_hub_member_suspended{hub="Acme",data_source="crm"}'], 0)
        place.rounds(2)
        source, words = self.status(place, place.crm)
        self.assertEqual((source["last_run"]["deliveries"]["waiting"], source["last_run"]["deliveries_wait_since"]), ("", ""))
        self.assertNotIn("stopped", words)

    def test_what_is_held_is_seen_wherever_somebody_looks(self):
        place = self.place()
        place.crm.sql(ADA)
        place.rounds()
        place.erp.sql("UPDATE company SET city = 'Bern'")
        self.ctl(place, "hub", "rebuild", "Acme", "--confirm", "Acme")
        self.assertEqual({self.tenant(place, name)["state"] for name in ("crm", "erp")}, {"held"})
        place.rounds(2)
        self.ctl(place, "hub", "resume", "Acme")
        series = self.series(place)
        self.assertEqual(series['mirror_hub_holds_all{hub="Acme"}'], 1)
        held = {name: series[f'mirror_hub_deliveries{{hub="Acme",data_source="{name}",state="held"}}'] for name in ("crm", "erp")}
        self.assertEqual(sum(held.values()), 1)
        [to] = [name for name, count in held.items() if count]
        self.assertEqual((self.tenant(place, to)["state"], self.tenant(place, to)["hub"]["held"]), ("held", 1))
        self.assertIn("1 delivery held", self.ctl(place, "tenants", "--wide").stdout)
        self.assertIn("1 delivery of hub 'Acme' waits for your decision", one_line(self.ctl(place, "doctor", code=1).stdout))
        self.ctl(place, "hub", "hold", "commit", "Acme")
        self.assertEqual(self.tenant(place, to)["state"], "good")
        self.assertEqual(self.series(place)['mirror_hub_holds_all{hub="Acme"}'], 0)

    def test_a_hub_that_cannot_derive_is_seen_and_stands_in_no_ones_way(self):
        place = self.place()
        place.crm.sql(ADA)
        place.rounds()
        place.server.stop()
        place.lose_hub()
        hub = place.server.folder / "data" / "Mirror_Acme.hub.db"
        hub = hub if hub.parent.is_dir() else next(place.server.folder.glob("**/catalog.db")).parent / hub.name
        hub.write_bytes(b"x" * 8192)
        place.server.start()
        self.wait_for_series(place, 'mirror_hub_failing{hub="Acme"}', 1)
        status = self.ctl(place, "hub", "status")
        self.assertRegex(status.stdout, r"Acme +crm +not known ")
        self.assertIn("hub 'Acme' cannot be read: ", one_line(status.stderr))
        [shown] = json.loads(self.ctl(place, "hub", "status", "--json").stdout)
        self.assertIn("Mirror_Acme.hub.db", shown["trouble"])
        self.assertGreater(shown["failing_since_ms"], 0)
        self.assertIn("WARN hubs", one_line(self.ctl(place, "doctor", code=1).stdout))
        # Its members mirror on.
        place.crm.sql(BEA)
        self.assertIn("sources", place.crm.try_agent("once", "--json").stdout)
        self.ctl(place, "hub", "rebuild", "Acme", "--confirm", "Acme")
        self.wait_for_series(place, 'mirror_hub_failing{hub="Acme"}', 0)
        self.assertRegex(self.ctl(place, "hub", "status").stdout, r"Acme +crm +suspended ")

    def test_a_refused_delivery_is_named_with_its_reason_and_never_a_value(self):
        place = self.place(tables={"erp": (CHECKED,)})
        place.crm.sql(ADA)
        place.rounds()
        place.crm.sql("UPDATE company SET city = 'Nowhere'")
        place.crm.once()
        self.assertEqual(place.erp.try_agent("once", "--json").returncode, 1)
        self.wait_for_series(place, 'mirror_hub_deliveries_refused{hub="Acme",data_source="erp"}', 1)
        golden = place.ask_hub("SELECT golden_id FROM golden_company")[0][0]
        [wanted] = place.ask_hub("SELECT delivery_id FROM _hub_deliveries")

        explained = self.ctl(place, "hub", "explain", "Acme", golden, "--wide")
        self.assertRegex(explained.stdout, rf"{wanted[0]} +erp +once +20\S+ +the database refused it: CHECK constraint failed: known_city\n")
        self.assertIn("The source retries each delivery by itself", one_line(explained.stderr))
        [one] = json.loads(self.ctl(place, "hub", "explain", "Acme", golden, "--json").stdout)["deliveries"]
        self.assertEqual((one["delivery_id"], one["refusals"], one["operation"], one["table"]), (wanted[0], 1, "UPDATE", "company"))
        self.assertGreater(one["tried_again_ms"], 0)
        self.assertIn("known_city", one["refusal"])

        [listed] = json.loads(self.ctl(place, "hub", "refused", "Acme", "--json").stdout)
        self.assertEqual(listed, {**one, "golden_id": golden})
        shown = self.ctl(place, "hub", "refused", "Acme", "erp", "--wide")
        status = self.ctl(place, "hub", "status", "--wide")
        for text in (shown.stdout, status.stdout):
            self.assertRegex(text, rf"erp +company +UPDATE +\[1\] +{golden} +{wanted[0]} +once +20\S+ +the database refused it: CHECK")
        self.assertIn("the source of 'erp' refuses 1 delivery: 'mirrorctl hub refused Acme' shows which", one_line(status.stderr))
        [as_json] = json.loads(self.ctl(place, "hub", "status", "--json").stdout)
        self.assertEqual(as_json["refused_deliveries"], [listed])
        self.assertIn("1 delivery refused", self.ctl(place, "tenants", "--wide").stdout)
        self.assertIn("'crm' refuses nothing", one_line(self.ctl(place, "hub", "refused", "Acme", "crm").stderr))
        self.assertIn("is no data source of hub 'Acme'", one_line(self.ctl(place, "hub", "refused", "Acme", "shop", code=1).stderr))
        looked = self.ctl(place, "doctor", "--source", place.erp.config, code=1)
        self.assertIn("1 delivery is refused here: table 'company': the database refused it: CHECK constraint failed", one_line(looked.stdout))
        for text in (shown.stdout, status.stdout, looked.stdout):
            self.assertNotIn("Nowhere", text)
            self.assertNotIn("Rome", text)

        # Mended where the value comes from, it is refused no more.
        place.crm.sql("UPDATE company SET city = 'Oslo'")
        place.rounds(2)
        self.assertEqual(place.erp.rows()[0][2], "Oslo")
        self.assertIn("nothing of hub 'Acme' is refused", self.ctl(place, "hub", "refused", "Acme").stderr)
        self.assertEqual(self.ctl(place, "hub", "status").stderr, "")

    def test_what_the_owner_does_not_accept_is_named_and_a_viewer_sees_how_many(self):
        place = self.place(accepts={"erp": ["update"]})
        place.crm.sql(ADA)
        place.crm.sql(BEA)
        place.crm.once()
        self.assertEqual(place.erp.try_agent("once", "--json").returncode, 1)
        self.wait_for_series(place, 'mirror_hub_deliveries_refused{hub="Acme",data_source="erp"}', 2)
        shown = self.ctl(place, "hub", "refused", "Acme", "--limit", "1")
        self.assertIn("'accept' of its [[source]] does not include INSERT", one_line(shown.stdout))
        self.assertIn("these are the oldest of 2; --limit N shows more", one_line(shown.stderr))
        config = place.server.folder / "viewer.toml"
        config.write_text((place.server.folder / "mirrorctl.toml").read_text().replace("admin/operator", "admin/viewer"))
        viewed = place.server.run("mirrorctl", "--config", config, "hub", "status")
        self.assertEqual(viewed.returncode, 0, viewed.stderr)
        self.assertIn("the source of 'erp' refuses 2 deliveries", one_line(viewed.stderr))
        self.assertNotIn("does not include INSERT", viewed.stdout + viewed.stderr)
        refused = place.server.run("mirrorctl", "--config", config, "hub", "refused", "Acme")
        self.assertEqual(refused.returncode, 1, refused.stdout)
        self.assertIn("PERMISSION_DENIED", refused.stderr)


if __name__ == "__main__":
    BIN = pathlib.Path(sys.argv[1]).resolve()
    unittest.main(argv=[sys.argv[0], *sys.argv[2:]])
