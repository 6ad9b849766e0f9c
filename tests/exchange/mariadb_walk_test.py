#!/usr/bin/python3
"""The walks of walk_test.py and server_walk.py with a system that is a database of MariaDB, and what only such a one has.

Usage: mariadb_walk_test.py BIN_DIR [unittest arguments]
"""

import pathlib
import sys
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "support"))
sys.path.insert(0, str(ROOT / "tests" / "exchange"))
import exchange_mariadb  # noqa: E402
import exchange_place  # noqa: E402
import mariadb_servers  # noqa: E402
import server_walk  # noqa: E402
import walk_test  # noqa: E402
from walk_test import ADA  # noqa: E402

TABLES = "_mirror_exchange, _mirror_inbox, _mirror_conflicts and _mirror_ledger"
SECRET = "INSERT INTO company (vat, name, city) VALUES ('NO 77', 'Secret', 'Rome')"
LIKE_OURS = "SELECT TABLE_NAME FROM information_schema.TABLES WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME LIKE '\\_mirror%'"
# Of each type one value, as SQLite has it in its mirror.
TYPES = {
    "price": ("decimal(10,2)", "12.50"),
    "seen": ("datetime(6)", "2024-05-01 10:20:30.000450"),
    "made": ("timestamp(3) NULL", "2024-05-01 10:20:30.250Z"),
    "day": ("date", "2024-02-29"),
    "flags": ("bit(10)", 517),
    "raw": ("varbinary(20)", b"\x00\xff'\\"),
    "doc": ("json", '{"a": [1, "ü"]}'),
    "ratio": ("double", 0.1),
    "count": ("bigint unsigned", "18446744073709551615"),
    "kind": ("enum('big','small')", "small"),
    "code": ("uuid", "123e4567-e89b-12d3-a456-426614174000"),
}
# Any user that may create in the database makes it. It takes a row, and its function runs as the user that inserts it.
VIEW = """CREATE TABLE ran (who text);
CREATE TABLE beneath (one int PRIMARY KEY, completing int, completed int, ledger_number int);
DELIMITER //
CREATE FUNCTION trap() RETURNS int DETERMINISTIC MODIFIES SQL DATA SQL SECURITY INVOKER
  BEGIN INSERT INTO ran VALUES (current_user()); RETURN 1; END//
DELIMITER ;
CREATE SQL SECURITY INVOKER VIEW _mirror_exchange AS SELECT * FROM beneath WHERE trap() = 1 WITH CHECK OPTION;
"""


def setUpModule():
    try:
        exchange_mariadb.start()
    except mariadb_servers.Missing as missing:
        raise unittest.SkipTest(str(missing)) from None
    unittest.addModuleCleanup(exchange_mariadb.stop)


class MariadbWalk(server_walk.ServerWalk):
    KIND = exchange_mariadb.MariadbSystem
    MADE = exchange_mariadb.TABLE
    CITY_IS_NEEDED = "ALTER TABLE company MODIFY city varchar(60) NOT NULL"
    CITY_IS_MISSING = "Field 'city' doesn't have a default value"
    SUM = (exchange_mariadb.TABLE.replace("city varchar(60)", "city decimal(12,2)"),
           "ALTER TABLE company MODIFY city decimal(14,4)")
    OWNER = (exchange_mariadb.USER, "owner")

    test_a_value_of_many_megabytes_arrives_and_goes_again = None  # Its city has 60 characters.

    def test_s14_a_row_that_was_changed_past_the_log_is_in_conflict_once(self):
        place = self.place()
        place.crm.sql(ADA)
        place.rounds()
        place.erp.sql("SET sql_log_bin = 0", "UPDATE company SET city = 'Loaded'")
        place.crm.sql("UPDATE company SET city = 'Oslo'")
        place.crm.once()
        self.assertEqual(place.erp.once()["conflicts"], 1)
        self.assertEqual(place.erp.rows(), [("NO 1", "Ada", "Loaded")])
        self.assertEqual(place.erp.sql("SELECT count(*) FROM _mirror_conflicts"), [(0,)], "what was sent is forgotten")
        self.assertEqual(place.erp.once()["conflicts"], 0)
        place.rounds(2)
        for system in place.systems:  # The one that the hub read later.
            self.assertEqual(system.rows(), [("NO 1", "Ada", "Loaded")], system.name)
        self.quiet(place)

    def test_a_row_that_went_past_the_log_is_in_conflict_once(self):
        place = self.place()
        place.crm.sql(ADA)
        place.rounds()
        place.erp.sql("SET sql_log_bin = 0", "DELETE FROM company")
        place.crm.sql("UPDATE company SET city = 'Oslo'")
        place.crm.once()
        self.assertEqual(place.erp.once()["conflicts"], 1)
        place.rounds()
        self.assertEqual((len(place.crm.rows()), place.erp.rows()), (1, []))
        self.quiet(place)

    def test_each_constraint_refuses_and_no_value_is_told(self):
        for constraint, words in (
            ("ALTER TABLE company ADD UNIQUE (name)", "another row has the same value of a unique key"),
            ("ALTER TABLE company ADD CONSTRAINT no_secrets CHECK (name <> 'Secret')", "CONSTRAINT `no_secrets` failed"),
            ("ALTER TABLE company ADD FOREIGN KEY (name) REFERENCES company_name (name)", "foreign key constraint fails"),
            ("ALTER TABLE company MODIFY name varchar(5)", "Data too long for column 'name'"),
            ("ALTER TABLE company MODIFY vat int", "a value does not fit its type"),
            (
                "CREATE TRIGGER t BEFORE INSERT ON company FOR EACH ROW SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'no Secret'",
                "a trigger of the source forbids the change",
            ),
        ):
            with self.subTest(constraint):
                place = self.place()
                unseen = "INSERT INTO company (name) VALUES ('Secret')" if "UNIQUE" in constraint else "SELECT 1"
                place.erp.sql("CREATE TABLE company_name (name varchar(100) PRIMARY KEY)", constraint, unseen)
                place.rounds(1)
                before = place.erp.rows()
                place.crm.sql(SECRET)
                place.crm.once()
                self.refused(place, words)
                self.assertEqual(place.erp.rows(), before)

    def test_a_refused_delivery_keeps_no_other_from_being_applied(self):
        place = self.place()
        place.erp.sql("ALTER TABLE company ADD CONSTRAINT c CHECK (city <> 'Hell')")
        place.crm.sql("INSERT INTO company (vat, name, city) VALUES ('NO 2', 'Bob', 'Hell')", ADA)
        place.crm.once()
        self.assertEqual(place.erp.try_agent("once").returncode, 1)
        self.assertEqual(place.erp.rows(), [("NO 1", "Ada", "Rome")])

    def test_what_a_foreign_key_sets_to_null_is_nobodys_wish(self):
        place = self.place(deletes="any")
        place.erp.add_table("orders", "id bigint PRIMARY KEY, company bigint REFERENCES company (id) ON DELETE SET NULL")
        place.crm.sql(ADA)
        place.rounds()
        place.erp.sql("INSERT INTO orders SELECT 7, id FROM company")
        place.rounds()
        place.crm.sql("DELETE FROM company")
        place.rounds()
        self.assertEqual(place.erp.sql("SELECT id, company FROM orders"), [(7, None)])
        noted = place.erp.sql('SELECT operation, "key", wrote FROM _mirror_ledger WHERE delivery_id LIKE \'%/1\'')
        self.assertEqual(noted, [("UPDATE", "[7]", '{"company":[null]}')])
        self.quiet(place)

    def test_two_keys_that_the_collation_takes_for_one_are_refused(self):
        tables = ("CREATE TABLE company (code varchar(20) PRIMARY KEY, name varchar(40)) COLLATE utf8mb4_general_ci",)
        lite = ("CREATE TABLE company (code TEXT PRIMARY KEY, name TEXT)",)
        member = exchange_place.MEMBER.replace('vat = "vat", name = "name", city = "city"', 'code = "code", name = "name"')
        hub = exchange_place.HUB.replace('["vat"]', '["code"]').replace('vat = "newest"', 'code = "newest"')
        hub = hub.replace('city = "newest"', "").replace('normalise = {{ vat = "alnum", name = "fold" }}', "")
        place = self.place(tables={"crm": lite, "erp": tables}, member=member + 'key = ["code"]\n', hub=hub)
        place.erp.sql("INSERT INTO company VALUES ('ABC', 'Ada')")
        place.rounds(1)
        place.crm.sql("INSERT INTO company VALUES ('abc', 'Bob')")
        place.crm.once()
        done = place.erp.try_agent("once")
        self.assertIn("another row has the same value of a unique key", " ".join(done.stdout.split()))
        self.assertEqual(place.erp.sql("SELECT code, name FROM company"), [("ABC", "Ada")])
        place.crm.sql("UPDATE company SET name = 'Ada Ltd' WHERE code = 'ABC'")  # The other one goes on.
        place.crm.once()
        place.erp.try_agent("once")
        self.assertEqual(place.erp.sql("SELECT code, name FROM company"), [("ABC", "Ada Ltd")])

    def test_values_of_each_type_go_both_ways(self):
        names = list(TYPES)
        columns = ", ".join(f'{name} = "{name}"' for name in ("vat", *names))
        member = exchange_place.MEMBER.replace('vat = "vat", name = "name", city = "city"', columns)
        rules = "".join(f'{name} = "newest"\n' for name in names)
        hub = exchange_place.HUB.replace('name = "newest"\ncity = "newest"', rules).replace(', name = "fold"', "")
        quoted = ", ".join(f'"{name}"' for name in names)
        tables = {
            "crm": (f"CREATE TABLE company (id INTEGER PRIMARY KEY, vat, {quoted})",),
            "erp": (
                "CREATE TABLE company (id int AUTO_INCREMENT PRIMARY KEY, vat varchar(40), "
                + ", ".join(f'"{name}" {kind}' for name, (kind, _) in TYPES.items()) + ")",
            ),
        }
        place = self.place(tables=tables, member=member, hub=hub)
        place.rounds(1)

        def literal(value):
            return f"X'{value.hex()}'" if isinstance(value, bytes) else f"'{value}'" if isinstance(value, str) else str(value)

        values = ", ".join(literal(value) for _, value in TYPES.values())
        place.crm.sql(f"INSERT INTO company (vat, {quoted}) VALUES ('NO 1', {values})")
        place.rounds()
        self.assertEqual(place.erp.sql("SELECT hex(raw), flags + 0, count FROM company"), [("00FF275C", 517, 2**64 - 1)])
        self.quiet(place)
        place.erp.sql("UPDATE company SET price = 7, seen = '2025-01-01', flags = b'1', raw = 'x', kind = 'big', ratio = 1e300")
        place.rounds()
        self.assertEqual(
            place.crm.sql("SELECT price, seen, made, flags, raw, kind, ratio, code FROM company"),
            [("7.00", "2025-01-01 00:00:00.000000", TYPES["made"][1], 1, b"x", "big", 1e300, TYPES["code"][1])],
        )
        self.quiet(place)
        place.crm.sql("UPDATE company SET price = '8.25', made = NULL, day = '2024-03-01'")
        place.rounds()
        self.assertEqual(place.erp.sql("SELECT price, made, day FROM company"), [("8.25", None, "2024-03-01")])
        self.quiet(place)

    def test_a_key_that_is_a_uuid_names_its_row(self):
        columns = "vat varchar(40), name varchar(100), city varchar(60)"
        keyed = (f"CREATE TABLE company (id uuid DEFAULT uuid() PRIMARY KEY, {columns})",)
        place = self.place(tables={"crm": (exchange_place.TABLE,), "erp": keyed})
        place.crm.sql(ADA)
        place.rounds()
        place.crm.sql("UPDATE company SET city = 'Oslo'")
        place.erp.sql("UPDATE company SET name = 'Ada Ltd'")
        place.rounds()
        for system in place.systems:
            self.assertEqual(system.rows(), [("NO 1", "Ada Ltd", "Oslo")], system.name)
        self.assertEqual(place.ask_hub("SELECT count(*) FROM golden_company_member"), [(2,)])
        self.quiet(place)

    def test_nothing_is_made_where_nothing_is_accepted(self):
        place = self.place(accepts={"erp": []})
        place.crm.sql(ADA)
        for _ in range(2):
            place.crm.once()
            place.erp.once()
        self.assertEqual((place.erp.rows(), place.erp.sql(LIKE_OURS)), ([], []))
        nothing = place.erp.try_agent("install", "--print-sql")
        self.assertIn("needs no script", " ".join((nothing.stdout + nothing.stderr).split()))

    def test_a_user_without_the_right_is_told_of_the_script(self):
        place = self.place(accepts={"erp": []})
        text = place.erp.config.read_text()
        place.erp.config.write_text(text + 'accept = ["update"]\n')
        refused = place.erp.try_agent("install")
        self.assertEqual(refused.returncode, 1)
        self.assertIn("mirror-agent install --print-sql", " ".join((refused.stdout + refused.stderr).split()))
        script = place.erp.agent("install", "--print-sql").stdout
        self.assertIn("GRANT UPDATE ON", script)
        self.assertNotIn("GRANT INSERT", script)
        place.erp.install()

    def test_a_view_of_such_a_name_runs_nothing_as_who_installs(self):
        place = self.place(accepts={"erp": []})
        text = place.erp.config.read_text()
        place.erp.config.write_text(text + 'accept = ["update"]\n')
        script = place.erp.agent("install", "--print-sql").stdout
        exchange_mariadb.Shared.server.sql(VIEW, place.erp.database)
        with self.assertRaises(mariadb_servers.Failed) as failed:
            exchange_mariadb.Shared.server.sql(script)
        self.assertIn("'_mirror_exchange' already exists", str(failed.exception))
        refused = place.erp.try_agent("install", "--print-sql")
        words = " ".join((refused.stdout + refused.stderr).split())
        self.assertIn(f"'_mirror_exchange' of the database '{place.erp.database}' is a VIEW", words)
        self.assertIn("Nothing was made or written", words)
        self.assertEqual(place.erp.sql("SELECT * FROM ran"), [])
        place.erp.sql("DROP VIEW _mirror_exchange")
        place.erp.install()
        self.assertEqual(place.erp.sql("SELECT * FROM _mirror_exchange"), [(1, 0, 0, 0)])
        self.assertEqual(place.erp.sql("SELECT * FROM ran"), [])

    def test_a_script_that_stopped_is_printed_anew_from_there(self):
        place = self.place(accepts={"erp": []})
        text = place.erp.config.read_text()
        place.erp.config.write_text(text + 'accept = ["update"]\n')
        script = place.erp.agent("install", "--print-sql").stdout
        exchange_mariadb.Shared.server.sql(script[: script.index("CREATE TABLE _mirror_conflicts")])
        place.erp.sql("UPDATE _mirror_exchange SET completed = 7")
        place.erp.install()
        self.assertEqual(place.erp.sql("SELECT * FROM _mirror_exchange"), [(1, 0, 7, 0)])
        self.assertIn("are there", " ".join(place.erp.agent("install").stdout.split()))

    def test_another_engine_is_refused_at_install(self):
        place = self.place()
        place.erp.sql("ALTER TABLE company ENGINE = MyISAM")
        refused = place.erp.try_agent("install")
        self.assertEqual(refused.returncode, 1)
        self.assertIn("'accept' needs tables of the engine InnoDB", " ".join((refused.stdout + refused.stderr).split()))
        place.crm.sql(ADA)
        place.crm.once()
        self.assertIn("has the engine MyISAM", " ".join(place.erp.try_agent("once").stdout.split()))
        self.assertEqual(place.erp.rows(), [])

    def test_a_lock_of_somebody_elses_ends_the_run_and_the_next_goes_on(self):
        place = self.place()
        place.crm.sql(ADA)
        place.rounds()
        place.crm.sql("UPDATE company SET city = 'Oslo'")
        place.crm.once()
        place.erp.agent("transport")
        self.waits_for(place, "SELECT * FROM company FOR UPDATE")
        place.rounds()
        self.assertEqual(place.erp.rows(), [("NO 1", "Ada", "Oslo")])
        self.quiet(place)

    def test_a_row_that_matches_and_is_not_committed_yet_is_waited_for(self):
        place = self.place()
        place.rounds(1)
        place.crm.sql(ADA)
        place.crm.once()
        place.erp.agent("transport")
        self.waits_for(place, "INSERT INTO company (vat, name, city) VALUES ('no-1', 'Ada', 'Ulm')")
        place.rounds()
        self.assertEqual([len(system.rows()) for system in place.systems], [1, 1])
        self.quiet(place)

    def waits_for(self, place, statement):
        """An import ends while somebody has done this; he commits it then."""
        session = exchange_mariadb.Shared.server.session(place.erp.database)
        session.stdin.write(f"BEGIN; {statement}; SELECT 'held';\n")
        session.stdin.flush()
        while session.stdout.readline() != "held\n":
            self.assertIsNone(session.poll())
        waited = place.erp.try_agent("import")
        session.communicate("COMMIT;\n")
        self.assertNotEqual(waited.returncode, 0, waited.stdout + waited.stderr)
        self.assertIn("Nothing of this delivery was applied", " ".join((waited.stdout + waited.stderr).split()))

    def test_uninstall_takes_the_exchange_with_it(self):
        place = self.place()
        place.rounds(1)
        denied = place.erp.try_agent("uninstall")
        self.assertEqual(denied.returncode, 1)
        self.assertIn("owner run DROP TABLE", " ".join((denied.stdout + denied.stderr).split()))
        place.erp.config.write_text(place.erp.config.read_text().replace(exchange_mariadb.USER, "owner"))
        place.erp.agent("uninstall")
        self.assertEqual(place.erp.sql(LIKE_OURS), [])
        made = " ".join(place.erp.agent("install").stdout.split())
        self.assertIn(f"the exchange's tables {TABLES} are made", made)


if __name__ == "__main__":
    walk_test.BIN = pathlib.Path(sys.argv[1]).resolve()
    unittest.main(argv=[sys.argv[0], *sys.argv[2:]])
