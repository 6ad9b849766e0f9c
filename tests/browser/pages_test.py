#!/usr/bin/python3
"""The operator's pages in a real browser, before a real server: what they show, what their buttons do, and that nothing
that stands in a name or a text is run.

Usage: pages_test.py BIN_DIR [unittest arguments]
MIRROR_TEST_BROWSER=1: a browser that is not installed is a failure, and not skipped.
"""

import json
import os
import pathlib
import re
import signal
import sys
import unittest

import place as places
from place import MARKUP, PATIENCE_S, REQUIRED, SCRIPT, Place, fill, wait_for

places.leave_without_browser()

from selenium.webdriver.common.keys import Keys  # noqa: E402

from chromium import NARROW, WIDE, Browser  # noqa: E402
from looking import AXE, Looker  # noqa: E402

PAGES = {"tenants": "/", "tenant": "/tenants/Cust26759", "held": "/tenants/Held-1", "script": "/tenants/Script-1",
         "storages": "/storages", "imports": "/imports", "records": "/tenants/Acme--crm", "stopped": "/tenants/Acme--erp",
         "events": "/events", "audit": "/audit", "looks": "/audit?looks=1", "keys": "/keys", "servers": "/servers",
         "history": "/tenants/Past-1/history?table=person",
         "nothing": "/no/such/page", "nobody": "/tenants/Nobody"}  # fmt: skip
# Answers that are errors are told by the browser itself.
LOUD = {"nobody"}
BIN = None
SCREENS = pathlib.Path("screens")

# A day of a busy server in place of the minute that there is: for pictures alone.
DAY = """
const real = window.fetch;
window.fetch = async (path, rest) => {
  if (String(path).startsWith('/api/jobs')) {
    const answer = await (await real(path, rest)).json();
    const now = Date.now();
    const one = { ...answer.jobs[0], message: '', failed: 0, updates: 0, modified_ms: now };
    answer.jobs.unshift({ ...one, id: 'Acme--crm-5b2f0c1e8d7a', state: 'SCHEDULED', progress: 0, inserts: 0, created_ms: now - 9000 },
      { ...one, id: 'Acme-d94ac1170b3e', data_source: 'default', state: 'RUNNING', progress: 62, inserts: 184000, created_ms: now - 41000 });
    return new Response(JSON.stringify(answer), { status: 200 });
  }
  if (!String(path).endsWith('/minutes')) return real(path, rest);
  const rows = [], lag_s = [], cycle_ms = [];
  let lag = 20;
  for (let i = 0; i < 1440; i += 1) {
    const busy = Math.max(0, Math.sin((i / 60 - 3) / 12 * Math.PI)) * 9000 + 800;
    const ends = i % 5 === 0 && !(i > 900 && i < 930);
    lag = ends ? 15 + (i % 35) : lag + 60;
    rows.push(ends ? Math.round(busy * 10 * (0.7 + 0.3 * Math.sin(i * 1.7))) : 0);
    lag_s.push(i < 100 ? -1 : lag);
    cycle_ms.push(ends && i > 100 ? Math.round(900 + busy * 0.6 * (1 + Math.sin(i))) : -1);
  }
  const begin_ms = Math.floor(Date.now() / 60000 - 1440) * 60000;
  return new Response(JSON.stringify({ begin_ms, rows, lag_s, cycle_ms }), { status: 200 });
};
"""


class Shared:
    place = None
    browser = None
    operator = None


def setUpModule():
    Shared.place = Place(BIN)
    unittest.addModuleCleanup(Shared.place.close)
    fill(Shared.place)
    Shared.browser = Browser()
    unittest.addModuleCleanup(Shared.browser.quit)
    Shared.operator = Looker(Shared.browser, Shared.place.web())


class Pages(unittest.TestCase):
    def setUp(self):
        self.place, self.browser, self.page = Shared.place, Shared.browser, Shared.operator
        self.browser.look(WIDE, dark=False)
        self.browser.said()

    def tenant(self, name):
        (found,) = [one for one in self.place.ctl_json("tenants") if one["context_id"] == name]
        return found

    def tables(self, name):
        return {one["table"]: one for one in self.place.ctl_json("tables", name)}

    def test_each_page_loads_without_a_word_on_the_console(self):
        for name, path in PAGES.items():
            with self.subTest(name):
                self.page.open(path)
                if name not in LOUD:
                    self.assertEqual(self.browser.said(), [])
        self.browser.said()

    def test_the_list_shows_the_states_and_finds_by_name_and_state(self):
        self.page.open("/")
        for state in ("held", "differs", "late", "paused", "good"):
            self.page.see(state, "tbody")
        self.page.press("paused")
        wait_for("two tenants", lambda: len(self.page.all("tbody tr")) == 2)
        self.assertIn("Paused-1", self.page.text("tbody"))
        self.assertIn("Acme--erp", self.page.text("tbody"))
        self.page.press("All")
        self.page.all("#search")[0].send_keys("dECIde")
        wait_for("two tenants", lambda: len(self.page.all("tbody tr")) == 2)
        self.page.all("#search")[0].send_keys("nobody")
        self.page.see("No tenant matches.")

    def test_a_column_sorts_both_ways_and_says_so(self):
        self.page.open("/")
        self.page.see("Cust26759")
        self.page.press("Rows", "thead th:last-child")
        self.assertEqual(self.page.all("thead th:last-child")[0].get_attribute("aria-sort"), "descending")
        self.assertIn("Cust26759", self.page.text("tbody tr:first-child"))
        self.page.press("Rows", "thead th:last-child")
        self.assertEqual(self.page.all("thead th:last-child")[0].get_attribute("aria-sort"), "ascending")
        self.assertNotIn("Cust26759", self.page.text("tbody tr:first-child"))

    def test_what_is_told_of_a_tenant_is_what_the_command_tells(self):
        self.page.open("/tenants/Cust26759")
        self.page.see("15,607", ".figures")
        tables = self.tables("Cust26759").values()
        for table in tables:
            self.page.see(table["table"], "tbody")
            self.page.see(f"{table['row_count']:,}", "tbody")
            self.page.see(table["equality"], "tbody")
        self.page.see("completed", "tbody")
        # The same number of rows is no proof.
        proven = sum(table["equality"] == "equal" for table in tables)
        self.page.see(f"{proven} of 11", ".figures")
        self.place.verify("Cust26759")
        self.page.see("11 of 11", ".figures")

    def test_pause_and_resume_do_it(self):
        self.page.open("/tenants/Good-2")
        self.page.press("Pause")
        self.page.answer("Pause", text=f"for a test {MARKUP}")
        self.page.see("Paused: for a test")
        self.assertEqual(self.tenant("Good-2")["pause_reason"], f"for a test {MARKUP}")
        self.page.press("Resume")
        self.page.answer("Resume")
        self.page.button("Pause")
        self.assertFalse(self.tenant("Good-2")["paused"])

    def test_verify_does_it(self):
        self.page.open("/tenants/Good-2")
        self.page.press("Verify")
        self.page.answer("Verify")
        self.page.see("to be compared", "tbody")
        self.assertTrue(self.tables("Good-2")["person"]["verify_wanted"])
        self.place.once("Good-2")
        wait_for("the comparison", lambda: self.tables("Good-2")["person"]["equality"] == "equal")
        self.page.see("equal, ", "tbody")

    def test_invalidate_asks_for_the_name_and_does_it(self):
        self.page.open("/tenants/Again-1")
        self.page.press("Invalidate")
        go = self.page.button("Invalidate", "dialog")
        self.assertFalse(go.is_enabled())
        field = self.page.all("dialog input")[0]
        field.send_keys("Again-")
        self.assertFalse(go.is_enabled())
        self.assertEqual({one["position"]["lsn"] for one in self.tables("Again-1").values()}, {1})
        self.page.answer("Invalidate", typed="1")
        self.assertEqual({one["position"]["lsn"] for one in self.tables("Again-1").values()}, {-1})
        self.page.see("unpopulated", "tbody")
        self.place.once("Again-1")
        self.assertEqual({one["position"]["lsn"] for one in self.tables("Again-1").values()}, {1})

    def test_one_table_is_invalidated_alone(self):
        self.page.open("/tenants/Again-1")
        wait_for("the tables", lambda: self.page.all("button[aria-label='Invalidate sale …']"))[0].click()
        self.page.answer("Invalidate", typed="Again-1")
        lsns = {name for name, one in self.tables("Again-1").items() if one["position"]["lsn"] == -1}
        self.assertEqual(lsns, {"sale"})
        self.place.once("Again-1")

    def test_holds_are_committed_and_rolled_back(self):
        self.page.open("/tenants/Decide-1")
        self.page.see("390 of 400 rows would be deleted")
        self.assertNotIn("Keys of the first", self.page.text())
        self.page.press("Show keys")
        self.page.see("Keys of the first: 11, 12")
        self.page.press("Roll back")
        self.page.answer("Roll back")
        (hold,) = self.place.ctl_json("hold", "list", "Decide-1")
        self.assertEqual(hold["state"], "rollback")
        self.page.open("/tenants/Decide-2")
        self.page.press("Commit")
        self.page.answer("Commit")
        (hold,) = self.place.ctl_json("hold", "list", "Decide-2")
        self.assertEqual(hold["state"], "commit")
        self.place.once("Decide-2")
        self.assertEqual(self.tables("Decide-2")["person"]["row_count"], 10)

    def test_what_the_server_refuses_is_shown_and_changes_nothing(self):
        self.page.open("/tenants/Good-2")
        self.page.press("Pause")
        # Longer than a reason may be, in bytes.
        self.page.all("dialog input")[0].send_keys("ä" * 300)
        self.page.press("Pause", "dialog")
        self.page.see("the reason is over 500 bytes", "dialog [role=alert]")
        self.page.press("Cancel", "dialog")
        self.assertFalse(self.tenant("Good-2")["paused"])
        self.browser.said()

    def test_a_script_in_a_name_or_a_text_stays_text(self):
        for path in ("/tenants/Script-1", "/events", "/", "/tenants/Paused-1", "/audit", "/storages"):
            self.page.open(path)
            self.page.see({"/audit": "PauseTenant", "/": MARKUP, "/tenants/Paused-1": MARKUP, "/storages": MARKUP}.get(path, SCRIPT))
            self.assertNotEqual(self.browser.title, "run")
            self.assertEqual(self.page.all("main script, main img"), [])

    def test_events_come_by_themselves_and_are_filtered(self):
        self.page.open("/events")
        self.page.see("hold.deletes")
        self.place.ctl("pause", "Good-2", "--reason", "seen without a reload")
        self.page.see("seen without a reload", "tbody tr:first-child")
        self.place.ctl("resume", "Good-2")
        self.page.all("#tenant")[0].send_keys("Held-1")
        wait_for("the filter", lambda: "Decide-2" not in self.page.text("tbody"))
        self.page.all("#kind")[0].send_keys("hold.*")
        wait_for("the filter", lambda: "tenant.created" not in self.page.text("tbody"))
        self.page.see("3,500 of 4,000", "tbody")
        self.page.open("/events?severity=error")
        self.page.see("table.differs")
        self.assertNotIn("tenant.created", self.page.text("tbody"))

    def test_a_cycle_is_seen_as_it_comes(self):
        self.page.open("/tenants/Good-2")
        self.page.see("1,200", ".figures")
        self.place.database("Good-2", "INSERT INTO person VALUES (5000, 'new')").close()
        self.place.once("Good-2")
        self.page.see("1,201", ".figures")
        self.place.database("Good-2", "DELETE FROM person WHERE id = 5000").close()
        self.place.once("Good-2")
        self.page.see("1,200", ".figures")

    def test_keys_and_servers_are_those_of_the_installation(self):
        self.page.open("/keys")
        self.page.see("source-1")
        self.page.see("TLS for operators")
        self.page.open("/servers")
        self.page.see(f"127.0.0.1:{self.place.ports[0]}")

    def versions(self, key):
        """As the command has them, the newest first."""
        shown = self.place.ctl("history", "Past-1", "person", key, "--json").stdout
        return [json.loads(line) for line in shown.splitlines()]

    def ask_for_row(self, key):
        field = self.page.all("#key")[0]
        field.clear()
        field.send_keys(key, Keys.ENTER)

    def test_versions_of_a_row_stand_side_by_side(self):
        versions = self.versions("1")
        self.assertEqual(len(versions), 4)
        self.page.open("/tenants/Past-1")
        wait_for("the table", lambda: self.page.all("a[aria-label='person: its history']"))[0].click()
        self.page.see("History of person", "h1")
        self.ask_for_row("1")
        for version in versions[:-1]:
            self.page.see(f"m:{version['from_moment']}", ".versions thead")
            self.page.see(str(version["made_by"]["lsn"]), ".versions .facts-of")
        self.page.see("UPDATE", ".versions .facts-of")
        self.page.see("still valid", ".versions .facts-of")
        cells = self.browser.execute_script(
            "return [...document.querySelectorAll('.versions tbody:last-child tr:last-child td')].map((one) => one.textContent)"
        )
        self.assertEqual(cells, ["changed: NULL", f"changed: {MARKUP}", "changed: Ada", "Person 1"])
        self.assertEqual(len(self.page.all(".versions td.changed")), 3)
        self.assertEqual(self.page.all("main script, main img"), [])
        self.page.press("Only columns that changed")
        self.assertEqual(len(self.page.all(".versions tbody:last-child tr")), 1)
        self.ask_for_row("2")
        self.page.see("There is no such row now.")
        self.page.see(f"deleted by m:{self.versions('2')[0]['to_moment']}", ".versions .facts-of")
        self.ask_for_row("100000")
        self.page.see("There was no such row.")
        self.assertEqual(self.browser.said(), [])
        self.assertNotIn("100000", self.browser.current_url)

    def test_what_differs_between_two_moments_is_shown_up_to_a_number_of_rows(self):
        newest, *_, first = self.versions("1")
        begun, second = first["to_moment"], newest["from_moment"]
        self.page.open("/tenants/Past-1/history?table=person")
        begin, end = self.page.all("#from")[0], self.page.all("#to")[0]
        begin.send_keys(f"m:{begun}")
        self.page.press("Compare")
        self.page.see("More rows differ than the first 200")
        (command,) = [one.text for one in self.page.all(".banner code")]
        self.assertEqual(command, f"mirrorctl diff Past-1 person --from m:{begun} --to m:{second}")
        lines = self.place.ctl(*command.split()[1:], "--json").stdout.splitlines()
        self.assertGreater(len(lines), 200)
        # Of the row that is gone all columns are shown.
        self.page.see("deleted", "tbody tr:nth-child(2)")
        self.page.see("Person 2", "tbody tr:nth-child(3)")
        self.page.see("New 3", "tbody tr:nth-child(4)")
        middle = self.versions("1")[1]["from_moment"]
        end.send_keys(f"m:{middle}", Keys.ENTER)
        self.page.see("2 rows differ.")
        self.page.see(MARKUP, "tbody")
        self.page.all("button[aria-label='1: its versions']")[0].click()
        self.page.see("still valid", ".versions .facts-of")
        self.assertEqual(self.page.all("#key")[0].get_attribute("value"), "1")
        self.assertEqual(self.browser.switch_to.active_element.get_attribute("id"), "key")
        begin.clear()
        begin.send_keys(f"m:{middle}", Keys.ENTER)
        self.page.see("No row differs.")
        self.assertEqual(self.browser.said(), [])

    def test_why_there_is_no_history_to_show_is_a_sentence(self):
        self.page.open("/tenants/Past-1/history?table=person")
        self.ask_for_row("'Ada', 3")
        self.page.see("that is not a key of table 'person'", "[role=alert]")
        begin, end = self.page.all("#from")[0], self.page.all("#to")[0]
        for words, told in (("yesterday", "that is not a moment"), ("2001-01-01", "table 'person' is known from moment")):
            begin.clear()
            begin.send_keys(words, Keys.ENTER)
            self.page.see(told, "section:last-child [role=alert]")
        moment = self.versions("1")[0]["from_moment"]
        begin.clear()
        begin.send_keys(f"m:{moment}")
        end.send_keys(f"m:{self.versions('1')[1]['from_moment']}", Keys.ENTER)
        self.page.see("Give the earlier one first", "section:last-child [role=alert]")
        self.page.open("/tenants/Good-2/history?table=person")
        self.ask_for_row("1")
        self.page.see("no history is kept of table 'person'", "[role=alert]")
        self.page.open("/tenants/Past-1/history")
        self.page.see("This address names no table.")
        self.browser.said()

    def test_who_asked_for_a_row_is_in_the_audit_log_without_its_key(self):
        self.page.open("/tenants/Past-1/history?table=person")
        self.ask_for_row("'4711'")
        self.page.see("There was no such row.")
        self.page.open("/audit")
        self.page.see("ReadRowHistory Past-1: person", "tbody")
        self.assertNotIn("4711", self.page.text("tbody"))

    def test_storages_stand_with_their_data_sources_and_are_found(self):
        self.page.open("/storages")
        self.page.see("Acme Holding AG", "tbody")
        for words in ("CRM Europe", "ERP of the plants", "cycles of an agent", "2,699", MARKUP, "Cust26759"):
            self.page.see(words, "tbody")
        self.page.see(f"Records are accepted at http://127.0.0.1:{self.place.ports[2]}")
        self.page.press("With records")
        wait_for("the filter", lambda: "Cust26759" not in self.page.text("tbody"))
        self.page.see("2 storages", ".count")
        self.page.press("With records")
        self.page.see("Cust26759", "tbody")
        self.page.all("#search")[0].send_keys("cME")
        wait_for("the filter", lambda: "Weird" not in self.page.text("tbody"))
        self.assertEqual(len(self.page.all("tbody tr")), 4)
        self.page.all("a[aria-label='crm of Acme']")[0].click()
        self.page.see("Its rows come as records over HTTP, without cycles")

    def test_rows_of_a_storage_are_seen_as_they_come(self):
        (storage,) = self.place.ctl_json("storages", "Weird")
        rows = storage["data_sources"][0]["rows"]
        self.page.open("/storages?find=Weird")
        self.page.see("good", "tbody")
        self.assertEqual(self.place.upsert("Weird", "", [{"externalId": f"new {i}", "name": "A"} for i in range(777)])[0], 200)
        self.page.see(f"{rows + 777:,}", "tbody")

    def test_imports_are_shown_by_state_and_come_by_themselves(self):
        self.page.open("/imports")
        self.page.see("2,500 inserts, 0 updates, 0 failed", "tbody")
        self.page.see("199 inserts, 101 updates, 1 failed", "tbody")
        self.page.see("couldn't start", "tbody")
        self.page.see("no column of the file is the external id", "tbody")
        job = self.place.begin_import("Weird", "default", places.partners(4000))
        self.page.see(job, "tbody tr:first-child")
        self.page.see("finished", "tbody tr:first-child")
        self.page.see("4,000", "tbody tr:first-child")
        self.page.all("#storage")[0].send_keys("Weird")
        wait_for("the filter", lambda: "Acme" not in self.page.text("tbody"))
        self.page.see(job, "tbody")
        self.page.all("#state option[value='DIED']")[0].click()
        self.page.see("No import job.")

    def test_an_import_is_seen_on_its_way(self):
        job = self.place.begin_import("Weird", "default", places.partners(150_000))
        reader = int(wait_for("what reads the file", self.place.import_processes)[0])
        wait_for("some of its rows", lambda: self.place.api("GET", f"/jobs/importjobs/{job}")[1]["numberOfInserts"] > 0)
        os.kill(reader, signal.SIGSTOP)
        self.addCleanup(lambda: self.place.import_processes() and os.kill(reader, signal.SIGCONT))
        self.page.open("/imports")
        self.page.see("running", "tbody tr:first-child")

        def shown():
            bar, told = self.page.all("tbody tr:first-child progress"), self.place.api("GET", f"/jobs/importjobs/{job}")[1]
            return bar and float(bar[0].get_attribute("value")) == told["progress"] and f"{told['progress']} %" in self.page.text("tbody tr:first-child")

        wait_for("its progress", shown)
        os.kill(reader, signal.SIGCONT)
        self.page.see("finished", "tbody tr:first-child")
        self.assertEqual(self.page.all("tbody tr:first-child progress")[0].get_attribute("value"), "100")

    def test_the_charts_show_the_minutes_that_the_server_has_counted(self):
        def minutes():
            return json.loads(self.browser.execute_async_script(
                "const done = arguments[0]; fetch('/api/tenants/Cust26759/minutes', {headers: {authorization: 'Bearer ' +"
                " sessionStorage.getItem('mirror-bearer')}}).then(async (answer) => done(await answer.text()))"
            ))  # fmt: skip

        # Those that are over are shown: this one waits for the first of the server's, if no other test has.
        wait_for("the end of a minute", lambda: sum(minutes()["rows"]) >= 15_607, patience_s=2 * PATIENCE_S)
        self.page.open("/tenants/Cust26759")
        wait_for("the charts", lambda: self.page.all(".charts .bar-of"))
        most = max(minutes()["rows"]) / 60
        told = f"{most:.1f}".removesuffix(".0") if most < 100 else f"{round(most):,}"
        rows, lag, cycle = (one.get_attribute("aria-label") for one in self.page.all(".charts .canvas"))
        self.assertRegex(rows, rf"^Rows a second, by the minute over the last 24 hours: last [\d.]+, highest in 24 h: {told}$")
        for label in (lag, cycle):
            self.assertRegex(label, r": last \d+ \w+, highest in 24 h: [\d.]+ \w+$")
        self.assertTrue(self.page.all(".charts .dot, .charts .line"))

    def test_a_tenant_of_records_speaks_of_no_cycle(self):
        self.page.open("/tenants/Acme--crm")
        self.page.see("Its rows come as records over HTTP, without cycles")
        self.page.see("2,699", ".figures")
        self.page.see("2,500 inserts", "tbody")
        for words in ("Data age", "Equality", "Last cycles", "Verify", "Invalidate", "As of"):
            self.assertNotIn(words, self.page.text())
        # The same for who looks at all tenants.
        self.page.open("/")
        self.page.all("#search")[0].send_keys("Acme--crm")
        wait_for("the filter", lambda: len(self.page.all("tbody tr")) == 1)
        self.assertNotIn("never", self.page.text("tbody"))
        self.assertIn("records over HTTP", self.page.text("tbody"))

    def test_a_tenant_of_records_is_paused_and_resumed(self):
        self.page.open("/tenants/Weird")
        self.page.press("Pause")
        self.page.see("Writes over HTTP are refused until", "dialog")
        self.page.answer("Pause", text="a test")
        self.page.see("Paused: a test")
        status, answer = self.place.upsert("Weird", "default", [{"externalId": "1", "name": "A"}])
        self.assertEqual(status, 409)
        self.assertIn("a test", answer["message"])
        self.page.press("Resume")
        self.page.answer("Resume")
        self.page.button("Pause")
        self.assertEqual(self.place.upsert("Weird", "default", [{"externalId": "1", "name": "A"}])[0], 200)

    def test_keys_of_the_door_are_shown_without_what_is_secret(self):
        self.page.open("/keys")
        self.page.see("loader")
        self.page.see("reads and writes")
        self.page.see("Acme*, Weird")
        shown = self.browser.execute_async_script(
            "const done = arguments[0]; fetch('/api/keys', {headers: {authorization: 'Bearer ' +"
            " sessionStorage.getItem('mirror-bearer')}}).then(async (answer) => done(await answer.text()))"
        )
        self.assertIn('"owner"', shown)
        self.assertNotIn(self.place.key, shown)
        for file in (self.place.dev / "apikeys").iterdir():
            (digest,) = re.findall(r"[0-9a-f]{64}", file.read_text())
            self.assertNotIn(digest, shown.lower())
        used = {key["name"]: key["last_used_ms"] for key in json.loads(shown)["api_keys"]}
        self.assertGreater(used["owner"], 0)
        self.assertEqual(used["reports"], 0)

    def test_looking_again_and_again_leaves_the_audit_log_alone(self):
        before = len(self.place.ctl_json("audit", "list"))
        for _ in range(3):
            self.page.open("/tenants/Held-1")
            self.page.open("/")
        self.assertEqual(len(self.place.ctl_json("audit", "list")), before)

    def test_the_keyboard_goes_everywhere(self):
        self.page.open("/")
        self.page.see("Cust26759")

        def focused():
            return self.browser.switch_to.active_element

        def press(*keys):
            for key in keys:
                focused().send_keys(key)

        press(Keys.TAB)
        self.assertEqual(focused().text, "Skip to content")
        self.assertGreaterEqual(focused().location["y"], 0)
        press(Keys.ENTER)
        self.assertEqual(focused().get_attribute("id"), "main")
        press(Keys.TAB)
        self.assertEqual(focused().get_attribute("id"), "search")
        seen = []
        while focused().text != "Held-1" and len(seen) < 60:
            press(Keys.TAB)
            seen.append(focused().text)
            ring = self.browser.execute_script("return getComputedStyle(document.activeElement).outlineStyle")
            self.assertEqual(ring, "solid", seen[-1])
        self.assertIn("State", seen)
        press(Keys.ENTER)
        wait_for("the tenant", lambda: focused().tag_name == "h1" and focused().text == "Held-1")
        pause = self.page.button("Pause")
        while focused() != pause:
            press(Keys.TAB)
        press(Keys.ENTER)
        wait_for("the question", lambda: self.page.all("dialog[open]"))
        self.assertEqual(focused().tag_name, "input")
        press(Keys.ESCAPE)
        wait_for("the end of the question", lambda: not self.page.all("dialog"))
        self.assertEqual(focused(), self.page.button("Pause"))

    def test_nothing_is_wider_than_a_narrow_screen(self):
        self.browser.look(NARROW, dark=False)
        for name, path in PAGES.items():
            self.page.open(path)
            with self.subTest(name):
                width = self.browser.execute_script("return document.documentElement.scrollWidth")
                self.assertLessEqual(width, NARROW[0])
        self.browser.said()

    def test_no_column_is_cut_off_on_a_narrow_screen(self):
        self.browser.look(NARROW, dark=False)
        for path in ("/events", "/imports", "/keys", "/tenants/Acme--crm"):
            self.page.open(path)
            with self.subTest(path):
                wait_for("its tables", lambda: self.page.all("tbody tr"))
                over = self.browser.execute_script(
                    "return [...document.querySelectorAll('.scroll')].map((one) => [one.getAttribute('aria-label'),"
                    " one.scrollWidth - one.clientWidth]).filter(([, more]) => more > 0)"
                )
                self.assertEqual(over, [])

    def test_why_an_import_failed_is_seen_on_any_screen(self):
        for size in (WIDE, NARROW):
            self.browser.look(size, dark=False)
            self.page.open("/imports")
            with self.subTest(size):
                self.page.see("finished, 1 failed", "tbody")
                self.page.see("199 inserts, 101 updates, 1 failed", "tbody")
                self.page.see("couldn't start", "tbody")
                self.page.see("no column of the file is the external id", "tbody")

    @unittest.skipUnless(AXE.exists() or REQUIRED, "no axe-core: tools/lib/npm_packages.sh tests/browser")
    def test_axe_finds_nothing_on_any_page(self):
        for dark in (False, True):
            for size in (WIDE, NARROW):
                self.browser.look(size, dark)
                for name, path in PAGES.items():
                    self.page.open(path)
                    with self.subTest(name, dark=dark, size=size):
                        self.assertEqual(self.page.violations(), [])
            self.page.open(PAGES["history"])
            self.ask_for_row("1")
            self.page.see("still valid", ".versions .facts-of")
            self.page.all("#from")[0].send_keys(f"m:{self.versions('1')[1]['from_moment']}", Keys.ENTER)
            self.page.see("New 3", "tbody")
            self.browser.look(NARROW, dark)
            with self.subTest("history, with answers", dark=dark):
                self.assertLessEqual(self.browser.execute_script("return document.documentElement.scrollWidth"), NARROW[0])
                self.assertEqual(self.page.violations(), [])
            self.page.open("/tenants/Held-1")
            self.page.press("Invalidate")
            with self.subTest("question", dark=dark):
                self.assertEqual(self.page.violations(), [])
            self.page.press("Cancel", "dialog")
        self.browser.said()


class Screens(unittest.TestCase):
    def test_each_page_is_drawn_light_and_dark_wide_and_narrow(self):
        browser = Browser()
        self.addCleanup(browser.quit)
        browser.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": DAY})
        page = Looker(browser, Shared.place.web())
        for name, path in PAGES.items():
            for width, size in (("wide", WIDE), ("narrow", NARROW)):
                for scheme in ("light", "dark"):
                    browser.look(size, scheme == "dark")
                    page.open(path)
                    if any(one.is_displayed() for one in page.all(".charts")):
                        wait_for("the charts", lambda: page.all(".charts .line"))
                    browser.picture(SCREENS / f"{name}-{width}-{scheme}.png")
        browser.look(WIDE, dark=False)
        page.open("/tenants/Cust26759")
        page.press("Invalidate")
        browser.picture(SCREENS / "question-wide-light.png", whole=False)
        self.assertGreaterEqual(len(list(SCREENS.glob("*.png"))), 4 * len(PAGES))


class Viewers(unittest.TestCase):
    def test_a_viewer_sees_no_button_that_acts(self):
        browser = Browser()
        self.addCleanup(browser.quit)
        page = Looker(browser, Shared.place.web("viewer.toml"))
        for name, path in PAGES.items():
            page.open(path)
            with self.subTest(name):
                acts = [one.text for one in page.all("main button") if one.is_displayed() and one.text.endswith("…")]
                self.assertEqual(acts, [])
                self.assertNotIn("Show keys", page.text())
        self.assertNotIn("Servers", page.text("#sections"))
        page.open("/tenants/Past-1")
        page.see("person", "tbody")
        self.assertEqual(page.all("tbody a[href]"), [])
        page.open(PAGES["history"])
        page.see("Values of rows are shown to operators.")
        page.open("/tenants/Held-1")
        page.see("of 4,000 rows would be deleted")
        refused = browser.execute_async_script(
            "const done = arguments[0]; fetch('/api/tenants/Good-2/pause', {method: 'POST', body: '{}', headers:"
            "{authorization: 'Bearer ' + sessionStorage.getItem('mirror-bearer')}})"
            ".then(async (answer) => done([answer.status, await answer.text()]))"
        )
        self.assertEqual(refused[0], 403)
        self.assertIn("needs the role operator", refused[1])
        for call in ("history?table=person&key=1", "diff?table=person&from=m:1"):
            refused = browser.execute_async_script(
                "const done = arguments[1]; fetch('/api/tenants/Past-1/' + arguments[0], {headers:"
                "{authorization: 'Bearer ' + sessionStorage.getItem('mirror-bearer')}})"
                ".then(async (answer) => done([answer.status, await answer.text()]))", call,
            )  # fmt: skip
            self.assertEqual(refused[0], 403, call)
            self.assertIn("needs the role operator", refused[1])


class Entries(unittest.TestCase):
    def test_another_tab_of_the_browser_is_let_in_and_another_browser_is_not(self):
        web = Shared.place.web()
        browser = Browser()
        self.addCleanup(browser.quit)
        Looker(browser, web)
        self.assertEqual(browser.execute_script("return location.hash"), "")
        self.assertEqual(browser.get_cookies(), [])
        browser.switch_to.new_window("tab")
        browser.get(web["address"])
        wait_for("the list", lambda: browser.execute_script("return document.querySelector('h1')?.innerText") == "Tenants")
        stranger = Browser()
        self.addCleanup(stranger.quit)
        stranger.get(f"{web['address']}/#{web['secret']}")
        wait_for("the refusal", lambda: "works only once" in stranger.page_source)

    def test_a_server_that_goes_and_comes_back_is_told_of(self):
        place = Place(BIN)
        self.addCleanup(place.close)
        place.init()
        place.configure_agent(["Cust26759"])
        server = place.start_server()
        browser = Browser()
        self.addCleanup(browser.quit)
        page = Looker(browser, place.web())
        page.see("There is no tenant yet.")
        place.stop(server)
        page.see("What is shown is not live", "body")
        place.start_server()
        wait_for("the server", lambda: "What is shown is not live" not in page.text("body"))
        place.once("Cust26759")
        page.see("Cust26759")

    def test_where_the_door_is_off_the_pages_say_so(self):
        place = Place(BIN)
        self.addCleanup(place.close)
        place.init()
        place.start_server()
        browser = Browser()
        self.addCleanup(browser.quit)
        page = Looker(browser, place.web())
        for path, words in (("/storages", "There is no storage yet."), ("/imports", "No file was imported yet."), ("/keys", "There is no key.")):
            page.open(path)
            page.see("The HTTP door is off")
            page.see(words)
        self.assertEqual(browser.said(), [])

    def test_it_ends_at_once_when_it_is_interrupted(self):
        for number in (signal.SIGINT, signal.SIGTERM):
            web = Shared.place.web()
            browser = Browser()
            page = Looker(browser, web)
            page.see("Cust26759")
            web["process"].send_signal(number)
            self.assertEqual(web["process"].wait(PATIENCE_S), 0)
            page.see("not live", "#watch")
            browser.quit()


if __name__ == "__main__":
    BIN = pathlib.Path(sys.argv.pop(1)).resolve()
    SCREENS = pathlib.Path(os.environ.get("MIRROR_TEST_SCREENS", BIN.parent.parent / "screens"))
    unittest.main(verbosity=2)
