#!/usr/bin/python3
"""The page of hubs in a real browser, before a real server: what waits for somebody, and what its buttons do.

Usage: hubs_test.py BIN_DIR [unittest arguments]
"""

import pathlib
import re
import subprocess
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
import place as places
from exchange_place import ExchangePlace
from place import wait_for

places.leave_without_browser()

from chromium import Browser  # noqa: E402
from looking import Looker  # noqa: E402

BIN = None


class Hubs(unittest.TestCase):
    def setUp(self):
        self.place = ExchangePlace(self, BIN)
        self.place.crm.sql("INSERT INTO company (vat, name, city) VALUES ('1', '<b>Ada', 'Rome')")
        self.place.erp.sql("INSERT INTO company (vat, name, city) VALUES ('1', '<b>Ada', 'Bern'), ('1', 'Ada', 'Ulm')")
        browser = Browser()
        self.addCleanup(browser.quit)
        self.page = Looker(browser, self.web())

    def web(self):
        out = self.place.work / "web.out"
        with open(out, "w", encoding="utf-8") as file:
            process = subprocess.Popen(
                [pathlib.Path(BIN) / "mirrorctl", "--config", self.place.server.folder / "mirrorctl.toml", "web"],
                stdout=file, stderr=subprocess.STDOUT)  # fmt: skip
        self.addCleanup(process.wait)
        self.addCleanup(process.terminate)
        found = wait_for("the address", lambda: re.search(r"(http://127\.0\.0\.1:\d+)/#(\w+)\n", out.read_text()))
        return {"address": found.group(1), "secret": found.group(2), "process": process}

    def test_a_hub_is_looked_at_and_what_waits_is_decided(self):
        self.assertEqual(self.place.ctl("hub", "rebuild", "Acme", "--confirm", "Acme").returncode, 0)
        self.place.rounds(2)
        self.place.crm.sql("UPDATE company SET city = 'Oslo'")
        self.place.rounds(1)
        self.assertEqual(self.place.ctl("hub", "rebuild", "Acme", "--confirm", "Acme").returncode, 0)
        self.place.rounds(1)
        self.page.open("/hubs")
        self.page.see("suspended, because a mirror or the hub was restored")
        self.page.press("Resume …")
        self.page.see("This would be written:", "dialog")
        self.page.answer("Resume")
        self.page.see("was rebuilt, or its rules were changed")
        self.page.see("Nothing is held now.")
        self.page.press("Show duplicates")
        self.page.see("within: 2 rows of erp")
        (golden_id,) = self.place.ask_hub("SELECT golden_id FROM golden_company")[0]
        self.page.press(golden_id)
        self.page.see('"<b>Ada"')
        self.assertEqual(self.page.violations(), [])

        # Rebuilt, the hub holds what is new until somebody commits it.
        self.place.crm.sql("UPDATE company SET city = 'Pisa'")
        self.place.rounds(1)
        self.page.open("/hubs")
        self.page.see("for a decision.")
        self.page.press("Show what is held")
        self.page.see("the hub was rebuilt, or its rules changed")
        self.assertNotIn("Pisa", self.page.text(), "a value")
        self.assertEqual(self.page.violations(), [])
        self.page.press("Commit …")
        self.page.see("UPDATE in erp company: 2 rows", "dialog")
        self.page.answer("Commit")
        self.page.see("Nothing is waiting.")
        self.place.rounds(2)
        self.assertEqual({row[2] for row in self.place.erp.rows()}, {"Pisa"})

    def test_what_a_system_refuses_is_named_with_its_reason(self):
        self.place.rounds(2)
        self.place.erp.sql("CREATE TRIGGER never BEFORE UPDATE ON company BEGIN SELECT RAISE(ABORT, 'not here'); END")
        self.place.crm.sql("UPDATE company SET city = 'Pisa'")
        self.place.crm.once()
        self.assertEqual(self.place.erp.try_agent("once").returncode, 1)
        self.page.open("/hubs")
        self.page.see("The source of erp refuses 2 deliveries.")
        self.page.press("Show what is refused")
        self.page.see("the database refused it: not here")
        (golden_id,) = self.records()
        self.assertNotIn("Pisa", self.page.text(), "a value")
        self.assertEqual(self.page.violations(), [])
        self.page.all("main button.plain")[0].click()
        self.page.see(f"company {golden_id}")
        (delivery_id, _) = self.place.ask_hub("SELECT delivery_id FROM _hub_deliveries")
        self.page.see(delivery_id[0])
        self.page.see("Correct in that system what the reason names")
        self.assertEqual(self.page.violations(), [])

    def records(self):
        return sorted({row[0] for row in self.place.ask_hub("SELECT golden_id FROM golden_company_member")})

    def fill(self, label, text):
        """The field of that label, as soon as it is there."""
        field = wait_for(label, lambda: [one for one in self.page.all("main input[type=text]") if one.accessible_name == label])
        field[0].send_keys(text)

    def test_records_are_parted_and_merged_and_a_hub_is_made_anew(self):
        self.place.rounds(2)
        (golden_id,) = self.records()
        self.page.open("/hubs")
        self.page.press("Show duplicates")
        self.page.press(golden_id)
        self.page.see("Part chosen rows …")
        self.assertFalse(self.page.button("Part chosen rows …").is_enabled(), "no row is chosen")
        (row,) = [one for one in self.page.all("main input[type=checkbox]") if one.accessible_name == "Part the row [2] of erp"]
        row.click()
        self.assertEqual(self.page.violations(), [])
        self.page.press("Part chosen rows …")
        self.page.see("This would be written:", "dialog")
        self.page.see("Nothing would be written.", "dialog")
        self.page.answer("Part")
        wait_for("the second record", lambda: len(self.records()) == 2)
        self.page.press("Show duplicates")
        self.page.see("No duplicates are known.")

        (other,) = set(self.records()) - {golden_id}
        self.fill("Golden id", other)
        self.page.press("Explain")
        self.fill("Another golden id", golden_id)
        self.page.press("Merge with it …")
        self.page.see("This would be written:", "dialog")
        self.page.answer("Merge")
        wait_for("one record", lambda: self.records() == [golden_id])

        self.page.press("Rebuild …")
        self.assertFalse(self.page.button("Rebuild", "dialog").is_enabled(), "nothing was typed")
        self.page.answer("Rebuild", typed="Acme")
        self.page.see("suspended, because a mirror or the hub was restored")
        self.place.rounds(1)
        self.page.press("Resume and insert …")
        self.page.see("new records are also inserted in the other systems", "dialog")
        self.page.answer("Resume")
        wait_for("another record", lambda: len(self.records()) == 1 and self.records() != [golden_id])


if __name__ == "__main__":
    BIN = pathlib.Path(sys.argv[1]).resolve()
    unittest.main(argv=[sys.argv[0], *sys.argv[2:]])
