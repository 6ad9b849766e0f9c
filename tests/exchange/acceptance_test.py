#!/usr/bin/python3
"""What the exchange promises, played with real programs and the operator's commands: duplicates, completeness, whose
word counts, what is held, and that mirrors are equal to their systems. walk_test.py has the other promises.

Usage: acceptance_test.py BIN_DIR [unittest arguments]
"""

import json
import pathlib
import sys
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "support"))
import exchange_place  # noqa: E402

BIN = None
ADA = "INSERT INTO company (vat, name, city) VALUES ('NO 1', 'Ada', 'Rome')"
NEWEST = 'name = "newest"'


def hub_text(match='[["vat"]]', name=NEWEST, more=""):
    """The walk's hub with another rule."""
    text = exchange_place.HUB.replace('match = [["vat"]]', f"match = {match}\n{more}").replace(NEWEST, name)
    assert match in text and name in text
    return text


class Acceptance(unittest.TestCase):
    def place(self, **options):
        return exchange_place.ExchangePlace(self, BIN, **options)

    def ask(self, place, *words):
        done = place.ctl("hub", *words, "--json")
        self.assertEqual(done.returncode, 0, done.stderr)
        return json.loads(done.stdout)

    def do(self, place, *words):
        done = place.ctl("hub", *words)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done

    def duplicates(self, place):
        """Of each: records, and of several rows of one system its name and how many."""
        found = self.ask(place, "duplicates", "Acme")
        return [(len(one["golden_ids"]), one["data_source"], int(one["rows"])) for one in found]

    def at_rest(self, place):
        place.rounds()
        for done in place.rounds(1):
            self.assertEqual((done["fetched"], done["applied"], done["refused"], done["waiting"]), (0, 0, 0, ""), done)

    def test_s2_two_rows_of_one_company_both_follow_and_none_is_made(self):
        place = self.place()
        place.crm.sql(ADA, ADA)
        place.erp.sql(ADA)
        place.rounds()
        self.assertEqual(self.duplicates(place), [(1, "crm", 2)])
        place.erp.sql("UPDATE company SET city = 'Oslo'")
        place.rounds()
        self.assertEqual(place.crm.rows(), [("NO 1", "Ada", "Oslo")] * 2)
        self.assertEqual(place.erp.rows(), [("NO 1", "Ada", "Oslo")])
        self.at_rest(place)

    def test_s6_nothing_goes_before_every_member_was_read_and_is_as_new(self):
        place = self.place(hub=hub_text(more='complete = ["crm", "erp"]'))
        place.crm.sql(ADA)
        self.assertIn("'erp' was not read yet", place.crm.once()["waiting"])
        self.assertEqual(place.ask_hub("SELECT count(*) FROM golden_company"), [(1,)])
        place.rounds()
        self.assertEqual(place.erp.rows(), [("NO 1", "Ada", "Rome")])
        # A change of crm is newer than what the hub knows of erp: erp's own cycle makes it complete.
        place.crm.sql("UPDATE company SET city = 'Oslo'")
        place.crm.once()
        self.assertEqual(self.ask(place, "status", "Acme")[0]["members"][1]["open"], 1)
        self.assertEqual(place.crm.once()["fetched"], 0)
        self.assertEqual(place.erp.once()["applied"], 1)
        self.assertEqual(place.erp.rows(), [("NO 1", "Ada", "Oslo")])
        self.at_rest(place)

    def test_s6_what_a_named_system_might_contradict_waits_for_its_next_cycle(self):
        place = self.place(names=("crm", "erp", "shop"), hub=hub_text(more='complete = ["erp"]'))
        place.crm.sql(ADA)
        place.rounds()
        place.crm.sql("UPDATE company SET city = 'Oslo'")
        place.crm.once()
        self.assertEqual(place.shop.once()["fetched"], 0)
        self.assertEqual(place.shop.rows(), [("NO 1", "Ada", "Rome")])
        place.erp.once()
        self.assertEqual(place.shop.once()["applied"], 1)
        self.assertEqual(place.shop.rows(), [("NO 1", "Ada", "Oslo")])
        self.at_rest(place)

    def test_s7_the_first_that_has_a_value_counts_and_explain_says_who(self):
        place = self.place(hub=hub_text(name='name = ["crm", "erp"]'))
        place.crm.sql("INSERT INTO company (vat, city) VALUES ('NO 1', 'Rome')")
        place.erp.sql(ADA)
        place.rounds()
        self.assertEqual(self.giver(place, "name"), ("Ada", "erp"))
        place.crm.sql("UPDATE company SET name = 'Ada Ltd'")
        place.rounds()
        self.assertEqual(self.giver(place, "name"), ("Ada Ltd", "crm"))
        for system in place.systems:
            self.assertEqual(system.rows(), [("NO 1", "Ada Ltd", "Rome")], system.name)
        place.erp.sql("UPDATE company SET name = 'Ada AS'")  # Later, and second in the list.
        place.rounds()
        self.assertEqual(place.erp.rows(), [("NO 1", "Ada Ltd", "Rome")])
        self.at_rest(place)

    def giver(self, place, attribute):
        explained = self.ask(place, "explain", "Acme", "--row", "erp", "company", "1")
        value = next(one for one in explained["attributes"] if one["name"] == attribute)
        return value["value"], value["data_source"]

    def joined_by_mistake(self):
        """Two systems of 120 companies each, and a rule of the city, which all have in common."""
        place = self.place(hub=hub_text(match='[["city"]]'))
        rows = lambda system: [
            f"INSERT INTO company (vat, name, city) VALUES ('{system}{n}', 'n{n}', 'Rome')" for n in range(120)]
        place.crm.sql("BEGIN", *rows("c"), "COMMIT")
        place.erp.sql("BEGIN", *rows("e"), "COMMIT")
        before = [system.rows() for system in place.systems]
        place.rounds()
        self.assertEqual([system.rows() for system in place.systems], before)
        held = {one["data_source"]: one["held"] for one in self.ask(place, "status", "Acme")[0]["members"]}
        self.assertGreater(held["erp"], 100)
        self.assertIn("hold commit", place.ctl("hub", "status", "Acme").stderr)
        return place, before

    def test_s8_a_rule_that_joins_everything_is_held_and_rolled_back_touches_nothing(self):
        place, before = self.joined_by_mistake()
        self.do(place, "hold", "rollback", "Acme")
        place.rounds()
        self.assertEqual([system.rows() for system in place.systems], before)
        members = self.ask(place, "status", "Acme")[0]["members"]
        self.assertEqual(sum(one["held"] + one["open"] for one in members), 0)
        self.assertGreater(sum(one["dropped"] for one in members), 100)
        self.at_rest(place)

    def test_s8_committed_it_is_delivered(self):
        place, before = self.joined_by_mistake()
        self.do(place, "hold", "commit", "Acme")
        place.rounds()
        self.assertNotEqual([system.rows() for system in place.systems], before)
        self.assertEqual(len({row for system in place.systems for row in system.rows()}), 1)
        self.at_rest(place)

    def test_s9_mirrors_are_equal_to_their_systems(self):
        place = self.place()
        for n in range(20):
            system = place.systems[n % 2]
            system.sql(f"INSERT INTO company (vat, name, city) VALUES ('{n}', 'n{n}', 'Rome')")
        place.rounds()
        place.crm.sql("UPDATE company SET city = 'Oslo' WHERE id % 3 = 0", "DELETE FROM company WHERE id = 1")
        place.rounds()
        self.at_rest(place)
        for system in place.systems:
            verified = json.loads(system.agent("verify", "--json").stdout)["sources"][0]
            self.assertEqual(verified["outcome"], "done", verified)
            self.assertEqual(len(system.rows()), 20 if system.name == "erp" else 19)

    def test_s13_a_name_mistyped_as_another_companys_makes_nothing_one(self):
        place = self.place(hub=hub_text(match='[["vat"], ["name"]]'))
        bea = "INSERT INTO company (vat, name, city) VALUES ('NO 2', 'Bea', 'Ulm')"
        for system in place.systems:
            system.sql(ADA, bea)
        place.rounds()
        place.crm.sql("UPDATE company SET name = 'Ada' WHERE vat = 'NO 2'")
        place.rounds()
        for system in place.systems:
            self.assertEqual([row[0] for row in system.rows()], ["NO 1", "NO 2"], system.name)
        self.assertEqual(self.duplicates(place), [(2, None, 0)])
        place.crm.sql("UPDATE company SET name = 'Bea' WHERE vat = 'NO 2'")
        place.rounds()
        for system in place.systems:
            self.assertEqual(system.rows(), [("NO 1", "Ada", "Rome"), ("NO 2", "Bea", "Ulm")], system.name)
        self.assertEqual(self.duplicates(place), [])
        self.assertEqual(place.ask_hub("SELECT count(*) FROM golden_company"), [(2,)])
        self.at_rest(place)


if __name__ == "__main__":
    BIN = pathlib.Path(sys.argv[1]).resolve()
    unittest.main(argv=[sys.argv[0], *sys.argv[2:]])
