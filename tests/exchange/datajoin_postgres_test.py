#!/usr/bin/python3
"""D9: DataJoin's walk where one of the two systems is a database of PostgreSQL, in both directions, and what only such
a one has. Its agent's role has the rights that its own script gives it.

Usage: datajoin_postgres_test.py BIN_DIR [unittest arguments]
"""

import pathlib
import sys
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "support"))
sys.path.insert(0, str(ROOT / "tests" / "exchange"))
import datajoin_test  # noqa: E402
import exchange_postgres  # noqa: E402
import postgres_cluster  # noqa: E402
from datajoin_test import COLUMNS, ORD2, SALES_ORDER, Place, entries, highest, insert  # noqa: E402
from datajoin_test import outbox, pick, program, rows, words  # noqa: E402


def setUpModule():
    try:
        exchange_postgres.start()
    except postgres_cluster.Missing as missing:
        raise unittest.SkipTest(str(missing)) from None
    unittest.addModuleCleanup(exchange_postgres.stop)


class PostgresSystem(exchange_postgres.PostgresSystem):
    CLOSED = (
        "CREATE FUNCTION closed() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION ''closed''; END'",
        "CREATE TRIGGER no_change BEFORE UPDATE OF quantity ON sales_order FOR EACH ROW EXECUTE FUNCTION closed()",
    )
    CLOSED_NOTE = "refused: %"  # What a trigger says there may be made of values.
    OPENED = "DROP TRIGGER no_change ON sales_order"
    NEEDS_QUANTITY = "not-null constraint"

    def own_tables(self):
        return ["_mirror_datajoin_change"]


class Walks(datajoin_test.Walks):
    """The seed's walk in one. Which of D4 to D8 run in which direction: each in one, at least."""

    test_d1_a_row_with_its_outbox_entry_arrives = None
    test_d2_edits_of_two_columns_meet = None
    test_d3_a_deleted_row_goes = None
    test_d4_no_command_is_executed_and_a_tilde_stays_one = None
    test_d5_idle_rounds_write_nothing = None
    test_d7_what_is_refused_keeps_the_pointer_and_lets_others_go_on = None
    test_d7_what_is_mended_at_the_target_goes_on_by_itself = None
    test_d8_of_two_edits_of_one_value_the_newer_counts = None

    def test_d9_the_walk_of_insert_update_and_delete(self):
        place = self.started()
        self.check_arrived(place)
        self.check_edits_meet(place)
        self.check_deleted(place)


class ToPostgres(Walks, datajoin_test.Kills, unittest.TestCase):
    """D9: testapp1 in SQLite, testapp2 in PostgreSQL."""

    capture = "log"
    kinds = {"testapp2": PostgresSystem}
    points = ("agent.transported", "agent.row_written", "agent.importing", "agent.imported")
    test_d4_no_command_is_executed_and_a_tilde_stays_one = (
        datajoin_test.Walks.test_d4_no_command_is_executed_and_a_tilde_stays_one
    )
    test_d7_what_is_refused_keeps_the_pointer_and_lets_others_go_on = (
        datajoin_test.Walks.test_d7_what_is_refused_keeps_the_pointer_and_lets_others_go_on
    )
    test_d7_what_is_mended_at_the_target_goes_on_by_itself = (
        datajoin_test.Walks.test_d7_what_is_mended_at_the_target_goes_on_by_itself
    )


class FromPostgres(Walks, datajoin_test.Kills, unittest.TestCase):
    """D9: testapp1 in PostgreSQL, testapp2 in SQLite."""

    capture = "log"
    kinds = {"testapp1": PostgresSystem}
    points = ("agent.outbox", "agent.begun", "agent.sent", "agent.completed")
    test_d5_idle_rounds_write_nothing = datajoin_test.Walks.test_d5_idle_rounds_write_nothing
    test_d8_of_two_edits_of_one_value_the_newer_counts = (
        datajoin_test.Walks.test_d8_of_two_edits_of_one_value_the_newer_counts
    )


class FromPostgresByOutbox(Walks, datajoin_test.NamedRows, unittest.TestCase):
    """D9: the same, and the application writes the outbox."""

    capture = "outbox"
    kinds = {"testapp1": PostgresSystem}


# As the seed has it: numbers of four bytes, and a time that is one.
SEED_BOX = datajoin_test.SEED_BOX.replace("id INTEGER NOT NULL PRIMARY KEY", "id serial PRIMARY KEY")
LINE = (
    "CREATE TABLE line (day date, part uuid, code bytea, no integer, price numeric(10, 2), "
    "PRIMARY KEY (day, part, code))"
)
PART = "b2c1f0a4-6c5f-4d53-9d1d-0c8f6f2f9a11"
# Of whoever may create in a schema where the session looks: by their arguments they fit better than PostgreSQL's.
TRAPS = tuple(
    f"CREATE FUNCTION {name}({arguments}) RETURNS {result} LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'a trap'; END $$"
    for name, arguments, result in (
        ("pg_create_logical_replication_slot", "text, text", "text"),
        ("unnest", "text[]", "SETOF text"),
        ("format", "text, text, text", "text"),
    )
)


class Latin(PostgresSystem):
    """Of an encoding that not every text could stand in."""

    def make(self, tables):
        lines = super().make(tables)
        database = exchange_postgres.Shared.cluster
        database.sql(f"DROP DATABASE {self.database};")
        database.sql(f"CREATE DATABASE {self.database} ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0;")
        self.run(";".join(tables) + ";")
        return lines

    def install(self):
        self.refused = self.try_agent("install", "--print-sql")


class Early(PostgresSystem):
    """What stands there before `install` is anybody's; the script is kept, and not run."""

    def install(self):
        self.script = self.agent("install", "--print-sql").stdout


# A role that may create in the schema. What fires says as whom.
EVE = (
    "DO $$ BEGIN IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'eve') THEN CREATE ROLE eve; END IF; END $$",
    "GRANT CREATE ON SCHEMA public TO eve",
    "SET ROLE eve",
    "CREATE FUNCTION fired() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'fired as %', current_user; END $$",
)
EXCHANGE = "_mirror_exchange (one int8 PRIMARY KEY, completing int8, completed int8, ledger_number int8)"
FIRES = "CREATE TRIGGER t BEFORE INSERT ON {} FOR EACH STATEMENT EXECUTE FUNCTION fired()"


class InPostgres(unittest.TestCase):
    def place(self, capture="log", **options):
        return Place(self, capture, kinds={"testapp1": PostgresSystem}, **options)

    def test_what_its_script_made_need_not_be_made_by_the_agents_role(self):
        place = self.place()
        done = place.testapp1.agent("install")
        self.assertIn("DataJoin's tables are there", words(done))

    def test_its_script_runs_no_function_of_others(self):
        place = self.place(tables=(SALES_ORDER, *TRAPS), second=(SALES_ORDER,))
        place.testapp2.sql(insert(ORD2))
        place.rounds(2)
        self.assertEqual(rows(place.testapp1), [ORD2])

    def test_a_login_without_rights_stays_one(self):
        place = self.place()
        owner = "SELECT proowner::regrole::text, has_function_privilege('eve', oid, 'EXECUTE') FROM pg_proc WHERE proname = "
        place.testapp1.sql(*EVE[:1])
        self.assertEqual(place.testapp1.sql(owner + "'_mirror_datajoin_note'"), [("mirror_notes", False)])
        cast = (
            "GRANT TEMP ON DATABASE {} TO eve",
            "SET ROLE eve",
            "CREATE TYPE pg_temp.t AS ENUM ('a')",
            "CREATE FUNCTION pg_temp.f(t) RETURNS json LANGUAGE plpgsql AS "
            "$$ BEGIN RAISE EXCEPTION 'cast as %', current_user; END $$",
            "CREATE CAST (t AS json) WITH FUNCTION pg_temp.f(t)",
            "CREATE TEMP TABLE x (id int, c t)",
        )
        trigger = "CREATE TRIGGER x AFTER INSERT ON x FOR EACH ROW EXECUTE FUNCTION _mirror_datajoin_note('sales_order', 'id')"
        fires = "INSERT INTO x VALUES (1, 'a')"
        made = [one.format(place.testapp1.database) for one in cast]
        with self.assertRaisesRegex(postgres_cluster.Failed, "permission denied for function _mirror_datajoin_note"):
            place.testapp1.sql(*made, trigger, fires)
        # Nor by a trigger from before.
        with self.assertRaisesRegex(postgres_cluster.Failed, "fires only on tables that mirror-agent installed"):
            place.testapp1.sql(*made, "RESET ROLE", trigger, "SET ROLE eve", fires)
        self.assertEqual(place.testapp1.sql("SELECT count(*) FROM _mirror_datajoin_change"), [(0,)])

    def early(self, place, *made):
        """What psql says of the script behind what eve has made."""
        tables = (SALES_ORDER, *EVE, *made)
        system = Early(place, f"early{len(made[0])}", tables=tables, more='layout = "datajoin"\n')
        with self.assertRaises(postgres_cluster.Failed) as failed:
            system.run(system.script)
        made = system.sql("SELECT relname::text FROM pg_class WHERE relname IN ('_mirror_inbox', 'ds_change_outbox')")
        return str(failed.exception), system, made

    def test_what_others_made_before_is_refused_by_name(self):
        place = self.place()
        said, system, made = self.early(place, f"CREATE TABLE {EXCHANGE}", FIRES.format("_mirror_exchange"))
        self.assertIn("public._mirror_exchange is not the exchange's: it belongs to the role eve", said)
        self.assertIn("This part of the script made nothing", said)
        self.assertEqual(made, [])
        # Its trigger stays, whoever owns it.
        system.sql("ALTER TABLE _mirror_exchange OWNER TO CURRENT_USER")
        system.install()
        with self.assertRaisesRegex(postgres_cluster.Failed, "it has a trigger"):
            system.run(system.script)
        system.sql("DROP TABLE _mirror_exchange")
        system.install()
        system.run(system.script)
        self.assertIn("DataJoin's tables are there", words(system.agent("install")))
        said, system, made = self.early(place, "CREATE VIEW _mirror_ledger AS SELECT 1 AS one")
        self.assertIn("public._mirror_ledger is not the exchange's: it is no table", said)
        change = "CREATE TABLE _mirror_datajoin_change (seq int8, table_name text, key text, operation text, columns text)"
        said, system, made = self.early(place, change, FIRES.format("_mirror_datajoin_change"))
        self.assertIn("public._mirror_datajoin_change is not the exchange's: it belongs to the role eve", said)
        self.assertEqual(made, [("_mirror_inbox",)])

    def test_a_name_that_is_taken_behind_the_printing_is_refused(self):
        place = self.place()
        system = Early(place, "late", tables=(SALES_ORDER,), more='layout = "datajoin"\n')
        system.sql(*EVE, f"CREATE TABLE {datajoin_test.PARAMETER.split(' ', 2)[2]}", FIRES.format("ds_program_parameter"))
        with self.assertRaisesRegex(postgres_cluster.Failed, 'relation "ds_program_parameter" already exists'):
            system.run(system.script)

    def test_rows_of_the_programs_are_written_by_the_agent(self):
        noted = (
            datajoin_test.PARAMETER,
            "CREATE TABLE noted (who text)",
            f"GRANT INSERT ON noted TO {exchange_postgres.ROLE}",
            "CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS "
            "$$ BEGIN INSERT INTO public.noted VALUES (current_user); RETURN NEW; END $$",
            "CREATE TRIGGER t BEFORE INSERT ON ds_program_parameter FOR EACH ROW EXECUTE FUNCTION note()",
        )
        place = self.place(tables=(SALES_ORDER, *noted), second=(SALES_ORDER,))
        self.assertEqual(place.testapp1.sql("SELECT who FROM noted"), [(exchange_postgres.ROLE,)] * 2)
        self.assertEqual(program(place.testapp1, 1000)[0], 0)

    def test_a_superuser_does_not_write_into_tables_of_others(self):
        place = self.place()
        early = ("ALTER TABLE ds_program_parameter OWNER TO eve",)
        place.testapp1.sql(*EVE[:2], *early)
        owner = postgres_cluster.SUPERUSER
        place.testapp1.config.write_text(place.testapp1.config.read_text().replace(exchange_postgres.ROLE, owner))
        done = place.testapp1.try_agent("install")
        self.assertEqual(done.returncode, 1)
        self.assertIn("cannot use public.ds_program_parameter of the source: it belongs to the role eve, whose", words(done))

    def test_what_is_there_is_taken(self):
        tables = (
            SALES_ORDER,
            f"CREATE TABLE ds_change_outbox {SEED_BOX}",
            f"CREATE TABLE ds_change_inbox {SEED_BOX}",
            "INSERT INTO ds_change_inbox (id, note1) VALUES (41, 'of another time')",
            datajoin_test.PARAMETER,
            "INSERT INTO ds_program_parameter (id, fromoutboxpointer, toconnectionstring) VALUES ('1000', '2', 'x')",
        )
        place = self.place(tables=tables, second=(SALES_ORDER,))
        place.testapp2.sql(insert(ORD2))
        place.rounds(2)
        self.assertEqual(rows(place.testapp1), [ORD2])
        told = place.testapp1.sql("SELECT id, note1 FROM ds_change_inbox ORDER BY id")
        self.assertEqual(told, [(41, "of another time"), *[(42 + i, "applied") for i in range(len(COLUMNS))]])
        self.assertEqual(program(place.testapp1, 1001), (51, "done"))
        place.testapp1.sql("UPDATE sales_order SET quantity = '8'")
        place.rounds(1)
        self.assertEqual(entries(place.testapp1, "outbox"), [("U", "quantity", "ord2", "8", "change log")])
        # The application numbers on.
        place.testapp1.sql(outbox("U"))
        self.assertEqual(highest(place.testapp1, "outbox"), 2)

    def test_more_entries_than_are_sent_at_once(self):
        place = self.place()
        place.testapp2.sql("BEGIN", *(insert((f"ord{i}", *ORD2[1:])) for i in range(60)), "COMMIT")
        place.rounds(1)
        place.testapp1.agent("once")
        self.assertEqual(highest(place.testapp1, "inbox"), 600)
        self.assertEqual(place.testapp1.sql("SELECT DISTINCT note1 FROM ds_change_inbox"), [("applied",)])
        place.testapp1.sql("UPDATE sales_order SET quantity = order_id, description = NULL")
        place.rounds(1)
        self.assertEqual(highest(place.testapp1, "outbox"), 120)
        self.assertEqual(pick(place.testapp2, "quantity"), pick(place.testapp2, "order_id"))

    def test_a_text_that_it_cannot_keep_is_refused_and_shown_without_what_it_cannot(self):
        place = self.place()
        place.testapp2.sql(insert(ORD2))
        place.rounds(2)
        place.testapp2.sql("UPDATE sales_order SET description = CAST(x'610062' AS TEXT)")
        place.testapp2.agent("once")
        self.assertEqual(place.testapp1.try_agent("once").returncode, 1)
        shown = entries(place.testapp1, "inbox")[-1]
        self.assertEqual(shown[:4], ("U", "description", "ord2", "a?b"))
        self.assertTrue(shown[4].startswith("refused: "), shown)

    def test_keys_of_any_type_are_told_in_one_form(self):
        place = self.place(tables=(SALES_ORDER, LINE), second=(SALES_ORDER,))
        key = f"'2026-02-03', '{PART}', '\\x00ff'"
        place.testapp1.sql(f"INSERT INTO line VALUES ({key}, 7, 1.5)")
        place.rounds(1)
        told = entries(place.testapp1, "outbox")
        columns = ("day", "part", "code", "no", "price")
        self.assertEqual([entry[:2] for entry in told], [("I", name) for name in columns])
        self.assertEqual([entry[3] for entry in told][1:], [PART, "\\x00ff", "7", "1.50"])
        place.testapp1.sql("UPDATE line SET no = 8, price = 1.5")
        place.testapp1.sql("DELETE FROM line")
        place.rounds(2)
        gone = entries(place.testapp1, "outbox")
        self.assertEqual(gone[-1][:2], ("D", None))
        # Of the row that is gone the values are, too: all entries call it the same.
        self.assertEqual({entry[2] for entry in gone}, {told[0][2]})
        self.assertEqual({entry[3] for entry in gone}, {None})
        self.assertEqual(place.testapp1.sql("SELECT count(*) FROM _mirror_datajoin_change"), [(0,)])

    def test_a_change_that_is_committed_late_is_told_late(self):
        place = self.place()
        url = exchange_postgres.Shared.cluster.url(place.testapp1.database, postgres_cluster.SUPERUSER)
        with postgres_cluster.Session(url) as late:
            late.run("BEGIN", insert(ORD2))
            place.testapp1.sql(insert(("ord3", *ORD2[1:])))
            place.rounds(1)
            self.assertEqual({entry[2] for entry in entries(place.testapp1, "outbox")}, {"ord3"})
            late.run("COMMIT")
        place.rounds(2)
        self.assertEqual([entry[2] for entry in entries(place.testapp1, "outbox")], ["ord3"] * 10 + ["ord2"] * 10)
        self.assertEqual(pick(place.testapp2, "order_id"), [("ord2",), ("ord3",)])

    def test_uninstall_leaves_what_people_read(self):
        place = self.place()
        owner = postgres_cluster.SUPERUSER
        place.testapp1.config.write_text(place.testapp1.config.read_text().replace(exchange_postgres.ROLE, owner))
        place.testapp1.agent("uninstall")
        names = "SELECT table_name::text FROM information_schema.tables WHERE table_schema = 'public'"
        wanted = ["ds_change_inbox", "ds_change_outbox", "ds_program_parameter", "sales_order"]
        wanted.append("view_recordlevel_update_datetime")
        self.assertEqual(sorted(name for (name,) in place.testapp1.sql(names)), wanted)
        self.assertEqual(place.testapp1.sql("SELECT tgname::text FROM pg_trigger WHERE NOT tgisinternal"), [])
        place.testapp1.sql(insert(ORD2))
        # Who owns the tables needs no script.
        self.assertIn("DataJoin's tables are there", words(place.testapp1.agent("install")))
        place.testapp1.sql("UPDATE sales_order SET quantity = '8'")
        place.rounds(2)
        self.assertEqual(entries(place.testapp1, "outbox"), [("U", "quantity", "ord2", "8", "change log")])

    def test_without_install_nothing_is_done(self):
        place = self.place()
        place.testapp1.sql("DROP TABLE ds_change_outbox CASCADE")
        done = place.testapp1.try_agent("transport")
        self.assertEqual(done.returncode, 1)
        self.assertIn("the schema 'public' of the source lacks DataJoin's tables", words(done))
        self.assertIn("Nothing was done. Run 'mirror-agent install'", words(done))
        place.testapp1.install()
        place.testapp1.agent("transport")

    def test_a_database_of_another_encoding_is_refused(self):
        place = self.place()
        other = Latin(place, "testapp3", tables=(SALES_ORDER,), more='layout = "datajoin"\n')
        self.assertEqual(other.refused.returncode, 1)
        self.assertIn("needs a database whose encoding is UTF8, and the source's is LATIN1", words(other.refused))

    def test_the_view_knows_when_each_row_was_changed_last(self):
        place = self.place("outbox")
        times = ("06/25/2025  10:30:00 AM", "06/25/2025 12:05:00 PM", "06/25/2025 12:06:00 AM", "2025-06-25 12:04:59")
        times += ("never",)
        for time in times:
            line = "INSERT INTO ds_change_outbox (object_table, object_id, update_datetime) VALUES ('t', '{}', '{}')"
            place.testapp1.sql(line.format(time[-5:], time), line.format("all" if time != "never" else "none", time))
        said = dict(place.testapp1.sql("SELECT object_id, update_datetime FROM view_recordlevel_update_datetime"))
        self.assertEqual(said["all"], "2025-06-25 12:05:00")
        self.assertEqual(said["00 AM"], "2025-06-25 10:30:00")
        self.assertEqual(said["04:59"], "2025-06-25 12:04:59")
        self.assertEqual(said["none"], "never")


if __name__ == "__main__":
    datajoin_test.BIN = pathlib.Path(sys.argv[1]).resolve()
    unittest.main(argv=[sys.argv[0], *sys.argv[2:]])
