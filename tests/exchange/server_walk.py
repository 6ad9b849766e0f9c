"""Walks of systems that are databases at a server, of whatever kind: postgres_walk_test.py and mariadb_walk_test.py run
them. CRM in SQLite, ERP there."""

import pathlib
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "exchange"))
import walk_test  # noqa: E402
from walk_test import ADA  # noqa: E402

STEPS = ("agent.transported", "agent.row_written", "agent.importing", "agent.imported")


class ServerWalk(walk_test.Walk):
    KIND = None  # Of the ERP: a System.
    CITY_IS_NEEDED = ""  # In SQL.
    CITY_IS_MISSING = ""  # What the database says.
    SUM = ("", "")  # Table company, whose column city is a number of two decimals, and what gives it four.
    MADE = ""  # The table company.
    OWNER = ("", "")  # The agent's user, and the one whom all tables are.

    test_s14_a_row_that_was_changed_past_the_log_is_in_conflict_once = None  # By SQLite's triggers.

    def place(self, **options):
        return super().place(**{"kinds": {"erp": self.KIND}, **options})

    def test_s4_killed_at_each_step_nothing_is_done_twice(self):
        for step in STEPS:
            with self.subTest(step):
                place = self.place()
                place.erp.once()
                place.crm.sql(ADA)
                place.crm.once()
                died = place.erp.try_agent("once", MIRROR_CRASH_AT=f"{step}:1")
                self.assertNotIn(died.returncode, (0, 1, 2), died.stdout + died.stderr)
                self.assertEqual(len(place.erp.rows()), 1 if step == "agent.imported" else 0)
                place.rounds()
                self.assertEqual([system.rows() for system in place.systems], [[("NO 1", "Ada", "Rome")]] * 2)
                self.quiet(place)

    def test_a_column_whose_type_changes_is_nobodys_edit(self):
        table, widened = self.SUM
        place = self.place(tables={"erp": (table,)})
        place.crm.sql("INSERT INTO company (vat, name, city) VALUES ('NO 1', 'Ada', '12.50'), ('NO 2', 'Bob', '7.00')")
        place.rounds()
        place.crm.sql("UPDATE company SET city = '13.75' WHERE name = 'Ada'")
        place.crm.once()  # The hub has read that edit, and nobody edits anything in the other system.
        place.erp.sql(widened)
        place.rounds(4)
        self.assertEqual([row[2] for row in place.crm.rows()], ["13.75", "7.00"])
        self.assertEqual([float(row[2]) for row in place.erp.rows()], [13.75, 7])
        self.quiet(place)

    def test_two_rows_swap_a_unique_value(self):
        place = self.place()
        place.erp.sql("ALTER TABLE company ADD UNIQUE (city)")
        place.crm.sql("INSERT INTO company (vat, name, city) VALUES ('NO 1', 'Ada', 'Rome'), ('NO 2', 'Bob', 'Oslo')")
        place.rounds()
        place.crm.sql("UPDATE company SET city = CASE city WHEN 'Rome' THEN 'Oslo' ELSE 'Rome' END")
        place.rounds()
        self.assertEqual([system.rows() for system in place.systems], [[("NO 1", "Ada", "Oslo"), ("NO 2", "Bob", "Rome")]] * 2)
        self.quiet(place)

    def test_a_table_that_is_dropped_and_made_again_deletes_nothing_elsewhere(self):
        place = self.place(deletes="any")
        place.crm.sql(ADA)
        place.rounds(2)
        self.assertEqual([system.rows() for system in place.systems], [[("NO 1", "Ada", "Rome")]] * 2)
        place.erp.sql("DROP TABLE company", self.MADE)
        place.erp.install()
        place.rounds(3)
        self.assertEqual(place.crm.rows(), [("NO 1", "Ada", "Rome")])
        said = " ".join(place.server.ctl("hub", "status", "Acme").split())
        self.assertIn("erp suspended", said)

    def refused(self, place, words):
        """The only delivery is, with these words and without its values."""
        done = place.erp.try_agent("once")
        self.assertEqual(done.returncode, 1, done.stdout + done.stderr)
        self.assertIn(words, " ".join(done.stdout.split()))
        (state, reason), = place.erp.sql("SELECT state, reason FROM _mirror_ledger WHERE state = 'REFUSED'")
        self.assertEqual(state, "REFUSED")
        for told in (done.stdout, done.stderr, reason):
            self.assertNotIn("Secret", told)
            self.assertNotIn("NO 77", told)

    def test_a_constraint_refuses_and_no_value_is_told(self):
        place = self.place()
        place.erp.sql(self.CITY_IS_NEEDED)
        place.rounds(1)
        place.crm.sql("INSERT INTO company (vat, name) VALUES ('NO 77', 'Secret')")
        place.crm.once()
        self.refused(place, self.CITY_IS_MISSING)
        self.assertEqual(place.erp.rows(), [])

    def test_rows_that_go_with_another_are_nobodys_wish(self):
        place = self.place(deletes="any")
        place.erp.add_table("orders", "id bigint PRIMARY KEY, company bigint REFERENCES company (id) ON DELETE CASCADE")
        place.crm.sql(ADA)
        place.rounds()
        place.erp.sql("INSERT INTO orders SELECT 7, id FROM company")
        place.rounds()
        place.crm.sql("DELETE FROM company")
        place.rounds()
        self.assertEqual(place.erp.sql("SELECT count(*) FROM orders"), [(0,)])
        noted = place.erp.sql('SELECT operation, table_name, "key" FROM _mirror_ledger WHERE delivery_id LIKE \'%/1\'')
        self.assertEqual(noted, [("DELETE", "orders", "[7]")])
        self.quiet(place)

    def walk_into_a_conflict(self, place):
        place.rounds(1)
        place.crm.sql(ADA)
        place.crm.once()
        place.erp.agent("transport")
        place.erp.sql("INSERT INTO company (vat, name, city) VALUES ('no-1', 'Ada', 'Ulm')")
        self.assertIn('"conflicts": 1', place.erp.try_agent("import", "--json").stdout)
        place.rounds()
        self.assertEqual([len(system.rows()) for system in place.systems], [1, 1])
        self.assertEqual(place.crm.rows()[0][1:], place.erp.rows()[0][1:])
        self.quiet(place)

    def test_a_row_that_matches_and_came_meanwhile_is_in_conflict(self):
        self.walk_into_a_conflict(self.place())

    def edits_meet(self, kinds):
        place = walk_test.exchange_place.ExchangePlace(self, walk_test.BIN, kinds=kinds)
        place.crm.sql(ADA)
        place.rounds()
        place.crm.sql("UPDATE company SET city = 'Oslo'")
        place.erp.sql("UPDATE company SET name = 'Ada Ltd'")
        place.rounds()
        for system in place.systems:
            self.assertEqual(system.rows(), [("NO 1", "Ada Ltd", "Oslo")], system.name)
        self.quiet(place)

    def test_both_systems_may_be_of_the_kind(self):
        self.edits_meet({"crm": self.KIND, "erp": self.KIND})

    def test_only_what_is_accepted_is_written(self):
        place = self.place()
        place.crm.sql(ADA)
        place.rounds()
        text = place.erp.config.read_text()
        place.erp.config.write_text(text + 'accept_tables = ["comp*"]\naccept_columns = ["company.name"]\n')
        place.crm.sql("UPDATE company SET name = 'Ada Ltd'")
        place.rounds()
        self.assertEqual(place.erp.rows(), [("NO 1", "Ada Ltd", "Rome")])
        place.crm.sql("UPDATE company SET city = 'Oslo'")
        place.crm.once()
        refused = place.erp.try_agent("once")
        self.assertIn("'accept_columns' does not include 'company.city'", " ".join(refused.stdout.split()))
        place.erp.config.write_text(text + 'accept_tables = ["orders"]\n')
        place.crm.sql("UPDATE company SET name = 'Ada AG'")
        place.crm.once()
        refused = place.erp.try_agent("once")
        self.assertIn("'accept_tables' does not include 'company'", " ".join(refused.stdout.split()))
        self.assertEqual(place.erp.rows(), [("NO 1", "Ada Ltd", "Rome")])

    def test_uninstall_of_a_source_that_accepts_nothing_leaves_anothers_exchange(self):
        place = self.place()
        place.rounds(1)
        text = place.erp.config.read_text().replace(*self.OWNER)
        other = place.erp.config.with_name("agent-other.toml")
        lines = [line for line in text.splitlines() if not line.startswith("accept")]
        other.write_text("\n".join(lines).replace("state-erp", "state-other").replace('"erp"', '"other"'))
        done = place.server.run("mirror-agent", "uninstall", "--config", other)
        told = " ".join((done.stdout + done.stderr).split())
        self.assertEqual(done.returncode, 0, told)
        self.assertIn("the exchange's tables stay, since this [[source]] has no 'accept'", told)
        self.assertRegex(told, r"let the database's owner run DROP TABLE IF EXISTS .*_mirror_ledger")
        place.crm.sql(ADA)
        place.rounds()
        self.assertEqual(place.erp.rows(), [("NO 1", "Ada", "Rome")])
        place.erp.config.write_text(text)
        gone = " ".join(place.erp.agent("uninstall").stdout.split())
        self.assertNotIn("stay", gone)
        done = place.server.run("mirror-agent", "uninstall", "--config", other)
        self.assertNotIn("stay", done.stdout)

    def written(self, place, rows):
        """The ledger tells of values for these keys."""
        now = time.time_ns() // 1_000_000
        values = ", ".join(
            f"('{name}', {1_000 + number}, 'UPDATE', 'company', '{key}', 'APPLIED', '{{}}', 0, 0, {now})"
            for number, (name, key) in enumerate(rows)
        )
        columns = 'delivery_id, number, operation, table_name, "key", state, wrote, attempts, next_at, at'
        place.erp.sql(f"INSERT INTO _mirror_ledger ({columns}) VALUES {values}")

    def values_left(self, place):
        return [name for name, in place.erp.sql(
            "SELECT delivery_id FROM _mirror_ledger WHERE wrote IS NOT NULL AND number >= 1000 ORDER BY number")]

    def test_a_key_that_is_no_rows_keeps_no_other_from_being_forgotten(self):
        place = self.place()
        place.crm.sql(ADA)
        place.rounds()
        there, = (key for key, in place.erp.sql("SELECT id FROM company"))
        self.written(place, [("gone", "[98765]"), ("odd", '["no number"]'), ("there", f"[{there}]"), ("gone too", "[98766]")])
        place.rounds(1)
        self.assertEqual(self.values_left(place), ["there"])

    def test_a_long_ledger_is_looked_at_in_parts(self):
        place = self.place()
        place.rounds(1)
        self.written(place, [(f"d{number}", f"[{100_000 + number}]") for number in range(2_500)])
        left = []
        while not left or left[-1]:
            place.erp.once()
            left.append(len(self.values_left(place)))
            self.assertLess(len(left), 6, left)
        # Of three parts any, of two any, and then what is left.
        self.assertIn(left[0], (1_500, 2_000))
        for before, after in zip(left, left[1:]):
            self.assertTrue(before - 1_000 <= after < before, left)

    def test_mirrors_are_equal_to_both_systems(self):
        place = self.place()
        place.crm.sql(ADA)
        place.rounds()
        for system in place.systems:
            checked = system.agent("verify").stdout
            self.assertNotIn("differ", checked)
            self.assertIn("equal", checked)
