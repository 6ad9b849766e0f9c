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
        self.page.see("suspended, since a mirror or the hub was restored")
        self.page.press("Resume …")
        self.page.see("This would be written:", "dialog")
        self.page.answer("Resume")
        self.page.see("Nothing waits for anybody.")
        self.page.press("Show duplicates")
        self.page.see("within: 2 rows of erp")
        (golden_id,) = self.place.ask_hub("SELECT golden_id FROM golden_company")[0]
        self.page.press(golden_id)
        self.page.see('"<b>Ada"')
        self.assertEqual(self.page.violations(), [])

        # Made anew, the hub holds what is new until somebody commits it.
        self.place.crm.sql("UPDATE company SET city = 'Pisa'")
        self.place.rounds(1)
        self.page.open("/hubs")
        self.page.see("for a decision.")
        self.page.press("Commit …")
        self.page.answer("Commit")
        self.page.see("Nothing waits for anybody.")
        self.place.rounds(2)
        self.assertEqual({row[2] for row in self.place.erp.rows()}, {"Pisa"})


if __name__ == "__main__":
    BIN = pathlib.Path(sys.argv[1]).resolve()
    unittest.main(argv=[sys.argv[0], *sys.argv[2:]])
