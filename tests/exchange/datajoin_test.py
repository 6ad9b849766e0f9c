#!/usr/bin/python3
"""DataJoin's walk between testapp1 and testapp2, with real programs: two SQLite databases with an outbox, an inbox and
the rows of both programs, each with its agent, and a hub between them.

Usage: datajoin_test.py BIN_DIR [unittest arguments]
"""

import json
import pathlib
import sys
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "support"))
import exchange_place  # noqa: E402

BIN = None
COLUMNS = ["order_id", "order_type", "description", "product_type_name", "customer_id", "quantity", "order_date"]
COLUMNS += ["update_datetime", "updated_by_user", "updated_by_server"]
# As the seed has it, with its key declared.
SALES_ORDER = f"CREATE TABLE sales_order ({', '.join(f'{column} TEXT' for column in COLUMNS)}, PRIMARY KEY (order_id))"
MEMBER = """
[[hub.member]]
data_source = "{name}"
tenant = "{name}"
table = "sales_order"
columns = {{{{ {columns} }}}}
key = ["order_id"]
changed = "update_datetime"
changed_format = "%m/%d/%Y %I:%M:%S %p"
write = ["insert", "update", "delete"]
"""
HUB = """
[[hub]]
storage = "Acme"
entity = "sales_order"
match = [["order_id"]]
deletes = "any"
{members}
[hub.attributes]
{attributes}
"""
PAIRS = ", ".join(f'{column} = "{column}"' for column in COLUMNS)
WHOLE_HUB = HUB.format(
    members="".join(MEMBER.format(name=name, columns=PAIRS) for name in ("testapp1", "testapp2")),
    attributes="\n".join(f'{column} = "newest"' for column in COLUMNS),
)
ORD2 = ("ord2", "wholesale", "old order", "desktop", "c1", "100", "5/25/2025", "06/25/2025  10:30:00 AM", "mtp", "server1")


def literal(value):
    return "NULL" if value is None else "'" + value.replace("'", "''") + "'"


def insert(row):
    return f"INSERT INTO sales_order VALUES ({', '.join(literal(value) for value in row)})"


def outbox(operation, key="ord2", attribute="description", command="", table="sales_order"):
    """A line as an application writes it."""
    return (
        "INSERT INTO ds_change_outbox (object_database, object_table, object_pk_attribute, object_attribute, object_id, "
        "object_value, object_operation, object_operation_command, updated_by_server_id, update_datetime, "
        "updated_by_user_id, object_id_old, object_value_old, note1) VALUES ('testapp1', "
        f"{literal(table)}, 'order_id', {literal(attribute)}, {literal(key)}, 'of another time', '{operation}', "
        f"{literal(command)}, 'server1', '06/25/2025  10:30:00 AM', 'mtp', 'tbd', 'tbd', 'tbd')"
    )


class SqliteSystem(exchange_place.System):
    CLOSED = (
        "CREATE TRIGGER no_change BEFORE UPDATE OF quantity ON sales_order BEGIN SELECT RAISE(ABORT, 'closed'); END",
    )
    CLOSED_NOTE = "refused%closed"
    OPENED = "DROP TRIGGER no_change"
    NEEDS_QUANTITY = "NOT NULL constraint failed: sales_order.quantity"

    def own_tables(self):
        logs = "SELECT name FROM sqlite_schema WHERE name GLOB '_mirror_log_*' ORDER BY name"
        return [*(name for (name,) in self.sql(logs)), "_mirror_datajoin_log"]


class Place(exchange_place.ExchangePlace):
    """`tables`: of both; `second`: of testapp2, where they are others there; `kinds`: of systems that are not of
    SQLite, by their names."""

    def __init__(self, test, capture="log", tables=(SALES_ORDER,), second=None, kinds=None, hub=WHOLE_HUB):
        def make(place, name, accept):
            own = second if second and name == "testapp2" else tables
            more = f'layout = "datajoin"\ncapture = "{capture}"\n'
            return (kinds or {}).get(name, SqliteSystem)(place, name, tables=own, accept=accept, more=more)

        super().__init__(test, BIN, names=("testapp1", "testapp2"), hub=hub, make=make)
        self.rounds(2)


def rows(system):
    return system.sql("SELECT * FROM sales_order ORDER BY order_id")


def pick(system, *columns):
    return system.sql(f"SELECT {', '.join(columns)} FROM sales_order ORDER BY order_id")


def program(system, number):
    """Pointer and status."""
    return system.sql(f"SELECT CAST(fromoutboxpointer AS INTEGER), status FROM ds_program_parameter WHERE id = '{number}'")[0]


def highest(system, box):
    return system.sql(f"SELECT coalesce(max(id), 0) FROM ds_change_{box}")[0][0]


def words(done):
    """What it said, whatever the width of its lines."""
    return " ".join((done.stdout + done.stderr).split())


def entries(system, box):
    columns = "object_operation, object_attribute, object_id, object_value, note1"
    return system.sql(f"SELECT {columns} FROM ds_change_{box} ORDER BY id")


def everything(system):
    """What an idle round must leave as it is."""
    tables = [*system.own_tables(), "ds_change_outbox", "ds_change_inbox", "ds_program_parameter", "_mirror_ledger"]
    tables += ["_mirror_inbox", "_mirror_exchange", "_mirror_datajoin", "_mirror_datajoin_entry", "_mirror_datajoin_unread"]
    return {table: system.sql(f"SELECT * FROM {table}") for table in tables}


class Walks:
    """D1 to D8 of the design, with either way in which the outbox is written."""

    capture = None
    kinds = {}

    def change(self, system, sql, *told):
        """`told`: what the application writes into its outbox with it, where it does."""
        system.sql("BEGIN", sql, *(told if self.capture == "outbox" else ()), "COMMIT")

    def walk(self, place):
        """Transport at 1, then transport and import at 2."""
        place.testapp1.agent("transport")
        place.testapp2.agent("transport")
        return place.testapp2.agent("import")

    def started(self, **options):
        """Both have ord2."""
        place = Place(self, self.capture, kinds=self.kinds, **options)
        self.change(place.testapp1, insert(ORD2), outbox("I"))
        self.walk(place)
        return place

    def check_rest(self, place):
        """Both say the same, and the pointers say that nothing is left."""
        place.rounds(2)
        self.assertEqual(rows(place.testapp1), rows(place.testapp2))
        for system in place.systems:
            self.assertEqual(program(system, 1000), (highest(system, "outbox"), "done"), system.name)
            self.assertEqual(program(system, 1001), (highest(system, "inbox"), "done"), system.name)

    def test_d1_a_row_with_its_outbox_entry_arrives(self):
        self.check_arrived(self.started())

    def check_arrived(self, place):
        for system in place.systems:
            self.assertEqual(rows(system), [ORD2])
        said = dict(zip(COLUMNS, ORD2))
        told = [("I", column, "ord2", said[column], "applied") for column in sorted(COLUMNS)]
        self.assertEqual(entries(place.testapp2, "inbox"), told)
        self.assertEqual(program(place.testapp2, 1001), (10, "done"))
        own = highest(place.testapp1, "outbox")
        self.assertEqual(own, 10 if self.capture == "log" else 1)
        self.assertEqual(program(place.testapp1, 1000), (own, "done"))
        # What was imported is nothing that testapp2 says.
        self.check_rest(place)
        self.assertEqual(entries(place.testapp2, "outbox"), [])
        self.assertEqual(entries(place.testapp1, "inbox"), [])

    def test_d2_edits_of_two_columns_meet(self):
        self.check_edits_meet(self.started())

    def check_edits_meet(self, place):
        self.change(place.testapp2, "UPDATE sales_order SET quantity = '7'", outbox("U", attribute="quantity"))
        self.change(place.testapp1, "UPDATE sales_order SET description = 'old order change 2'", outbox("U"))
        self.walk(place)
        self.assertEqual(pick(place.testapp2, "description", "quantity"), [("old order change 2", "7")])
        place.testapp1.agent("transport")
        place.testapp1.agent("import")
        self.assertEqual(pick(place.testapp1, "description", "quantity"), [("old order change 2", "7")])
        self.assertEqual(entries(place.testapp1, "inbox"), [("U", "quantity", "ord2", "7", "applied")])
        self.check_rest(place)

    def test_d3_a_deleted_row_goes(self):
        self.check_deleted(self.started())

    def check_deleted(self, place):
        self.change(place.testapp1, "DELETE FROM sales_order WHERE order_id = 'ord2'", outbox("D"))
        self.walk(place)
        self.assertEqual(rows(place.testapp2), [])
        self.assertEqual(entries(place.testapp2, "inbox")[-1], ("D", None, "ord2", None, "applied"))
        self.check_rest(place)

    def test_d4_no_command_is_executed_and_a_tilde_stays_one(self):
        place = self.started()
        evil = "x'; DROP TABLE sales_order; --"
        value = "~old~ '; DROP TABLE sales_order; --"
        self.change(place.testapp1, f"UPDATE sales_order SET description = {literal(value)}", outbox("U", command=evil))
        # Lines that the application would not write, in both boxes.
        for system in place.systems:
            system.sql(
                outbox("D", command="DELETE FROM sales_order"),
                outbox("U", key=evil, attribute=evil, command="UPDATE sales_order SET quantity = ~666~"),
            )
        place.testapp2.sql(
            "INSERT INTO ds_change_inbox (object_table, object_pk_attribute, object_attribute, object_id, object_value, "
            "object_operation, object_operation_command) VALUES ('sales_order', 'order_id', 'quantity', 'ord2', '666', 'U', "
            "'UPDATE sales_order SET quantity = ~666~')"
        )
        self.walk(place)
        place.rounds(2)
        for system in place.systems:
            self.assertEqual(pick(system, "description", "quantity"), [(value, "100")], system.name)
        self.assertEqual(place.testapp2.sql("SELECT object_value FROM ds_change_inbox WHERE object_operation = 'U' AND note1 = 'applied'"), [(value,)])
        self.assertEqual(place.testapp1.sql("SELECT count(*) FROM ds_change_inbox WHERE object_operation_command IS NOT NULL"), [(0,)])

    def test_d5_idle_rounds_write_nothing(self):
        place = self.started()
        self.check_rest(place)
        before = [everything(system) for system in place.systems]
        for done in place.rounds(3):
            self.assertEqual((done["fetched"], done["applied"]), (0, 0))
        for system, then in zip(place.systems, before):
            self.assertEqual(everything(system), then, system.name)

    def test_d7_what_is_refused_keeps_the_pointer_and_lets_others_go_on(self):
        needs = SALES_ORDER.replace("quantity TEXT", "quantity TEXT NOT NULL")
        place = self.started(second=(needs,))
        self.change(place.testapp1, "UPDATE sales_order SET quantity = NULL", outbox("U", attribute="quantity"))
        other = ("ord3", *ORD2[1:])
        self.change(place.testapp1, insert(other), outbox("I", key="ord3"))
        place.testapp1.agent("transport")
        place.testapp2.agent("transport")
        refused = place.testapp2.try_agent("import")
        self.assertEqual(refused.returncode, 1, refused.stdout + refused.stderr)
        self.assertEqual(pick(place.testapp2, "order_id", "quantity"), [("ord2", "100"), ("ord3", "100")])
        marked = place.testapp2.sql("SELECT id, note1 FROM ds_change_inbox WHERE note1 LIKE 'refused%'")
        self.assertEqual(len(marked), 1)
        self.assertIn(place.testapp2.NEEDS_QUANTITY, marked[0][1])
        pointer, status = program(place.testapp2, 1001)
        self.assertEqual(pointer, marked[0][0] - 1)
        self.assertTrue(status.startswith("refused"), status)
        # It rests, is offered again, and keeps its id.
        place.testapp2.try_agent("once")
        self.assertEqual(place.testapp2.sql("SELECT id, note1 FROM ds_change_inbox WHERE note1 LIKE 'refused%'"), marked)
        self.assertEqual(program(place.testapp2, 1001), (pointer, status))
        self.change(place.testapp1, "UPDATE sales_order SET quantity = '9' WHERE order_id = 'ord2'", outbox("U", attribute="quantity"))
        self.walk(place)
        self.assertEqual(pick(place.testapp2, "order_id", "quantity"), [("ord2", "9"), ("ord3", "100")])
        self.check_rest(place)

    def test_d7_what_is_mended_at_the_target_goes_on_by_itself(self):
        place = self.started()
        place.testapp2.sql(*place.testapp2.CLOSED)
        self.change(place.testapp1, "UPDATE sales_order SET quantity = '9'", outbox("U", attribute="quantity"))
        place.testapp1.agent("transport")
        place.testapp2.agent("transport")
        self.assertEqual(place.testapp2.try_agent("import").returncode, 1)
        refused = f"SELECT id FROM ds_change_inbox WHERE note1 LIKE '{place.testapp2.CLOSED_NOTE}'"
        identity = place.testapp2.sql(refused)
        self.assertEqual(len(identity), 1)
        place.testapp2.sql(place.testapp2.OPENED, "UPDATE _mirror_ledger SET next_at = 0 WHERE state = 'REFUSED'")
        place.testapp2.agent("once")
        self.assertEqual(place.testapp2.sql("SELECT id FROM ds_change_inbox WHERE object_value = '9' AND note1 = 'applied'"), identity)
        self.check_rest(place)

    def test_d8_of_two_edits_of_one_value_the_newer_counts(self):
        place = self.started()
        for first, second in ((place.testapp1, place.testapp2), (place.testapp2, place.testapp1)):
            day = 27 if first is place.testapp1 else 28
            self.change(
                first,
                f"UPDATE sales_order SET description = 'newer {day}', update_datetime = '06/{day}/2025  01:00:00 PM'",
                outbox("U"),
            )
            self.change(
                second,
                f"UPDATE sales_order SET description = 'older', update_datetime = '06/{day}/2025  11:00:00 AM'",
                outbox("U"),
            )
            place.rounds(2)
            for system in place.systems:
                said = [(f"newer {day}", f"06/{day}/2025  01:00:00 PM")]
                self.assertEqual(pick(system, "description", "update_datetime"), said, system.name)
        told = place.ctl("events", "--kind", "golden.overtaken", "--json").stdout
        self.assertIn("an edit of 'description' in 'testapp2'", told)
        self.assertNotIn("older", told)
        self.check_rest(place)


PUSHING = ("agent.outbox", "agent.locked", "agent.begun", "agent.announced", "agent.recorded", "agent.request")
PUSHING += ("agent.sent", "agent.completed")
IMPORTING = ("agent.transported", "agent.row_written", "agent.importing", "agent.imported")


class Kills:
    """D6: each change is applied once, wherever an agent is killed on its way."""

    points = PUSHING + IMPORTING

    def applied(self, place):
        return place.testapp2.sql("SELECT count(*) FROM _mirror_ledger WHERE state = 'APPLIED'")[0][0]

    def test_d6_killed_at_any_step_of_an_agent_each_change_is_applied_once(self):
        place = self.started()
        said = self.applied(place)
        for number, point in enumerate(self.points):
            with self.subTest(point=point):
                self.change(place.testapp1, f"UPDATE sales_order SET quantity = '{number}'")
                imports = point in IMPORTING
                if imports:
                    place.testapp1.agent("once")
                died = (place.testapp2 if imports else place.testapp1).try_agent("once", MIRROR_CRASH_AT=f"{point}:1")
                self.assertNotIn(died.returncode, (0, 1, 2), f"{point} was not passed")
                place.rounds(2)
                self.assertEqual(pick(place.testapp2, "quantity"), [(str(number),)])
                said += 1
                self.assertEqual(self.applied(place), said)
                told = [entry for entry in entries(place.testapp2, "inbox") if entry[3] == str(number)]
                self.assertEqual(told, [("U", "quantity", "ord2", str(number), "applied")])
                told = [entry for entry in entries(place.testapp1, "outbox") if entry[3] == str(number)]
                self.assertEqual(told, [("U", "quantity", "ord2", str(number), "change log")])
                self.check_rest(place)


class ByLog(Walks, Kills, unittest.TestCase):
    capture = "log"

    def test_d6_killed_at_any_step_of_the_server_each_change_is_applied_once(self):
        place = self.started()
        said = self.applied(place)
        for number, point in enumerate(("commit.begun", "rows.written", "journal.written", "commit.before", "commit.after")):
            with self.subTest(point=point):
                self.change(place.testapp1, f"UPDATE sales_order SET quantity = '{number}'")
                place.start_again(MIRROR_CRASH_AT=f"{point}:1")
                place.testapp1.try_agent("once")
                self.assertEqual(place.server.process.wait(timeout=30), -9, f"{point} was not passed")
                self.assertIn("failed", program(place.testapp1, 1000)[1])
                place.server.start()
                place.rounds(2)
                self.assertEqual(pick(place.testapp2, "quantity"), [(str(number),)])
                said += 1
                self.assertEqual(self.applied(place), said)
                self.check_rest(place)


class NamedRows:
    """Entries of an application's outbox that name no row which is sent."""

    def test_an_entry_that_names_no_row_which_is_sent_keeps_the_pointer(self):
        place = self.started()
        self.change(place.testapp1, "UPDATE sales_order SET quantity = '8'", outbox("U", table="elsewhere"))
        own = "UPDATE sales_order SET description = 'new'"
        self.change(place.testapp1, own, outbox("U"))
        self.walk(place)
        pointer, status = program(place.testapp1, 1000)
        self.assertEqual(pointer, highest(place.testapp1, "outbox") - 2)
        self.assertIn(f"entry {pointer + 1} names no row that can be sent", status)
        self.assertEqual(pick(place.testapp2, "description"), [("new",)])
        before = everything(place.testapp1)
        place.rounds(1)
        self.assertEqual(everything(place.testapp1), before)
        place.testapp1.sql(f"DELETE FROM ds_change_outbox WHERE id = {pointer + 1}")
        self.check_rest(place)


class ByOutbox(Walks, NamedRows, unittest.TestCase):
    capture = "outbox"

    def test_d6_killed_behind_the_outbox_each_change_is_applied_once(self):
        place = self.started()
        self.change(place.testapp1, "UPDATE sales_order SET quantity = '8'", outbox("U", attribute="quantity"))
        died = place.testapp1.try_agent("once", MIRROR_CRASH_AT="agent.outbox:1")
        self.assertNotIn(died.returncode, (0, 1, 2))
        self.check_rest(place)
        self.assertEqual(pick(place.testapp2, "quantity"), [("8",)])
        self.assertEqual(len(place.testapp2.sql("SELECT 1 FROM ds_change_inbox WHERE object_value = '8'")), 1)

    def test_what_was_changed_past_the_log_is_sent_since_the_outbox_names_it(self):
        place = self.started()
        names = place.testapp1.sql("SELECT name, sql FROM sqlite_schema WHERE type = 'trigger' AND tbl_name = 'sales_order'")
        dropped = [f'DROP TRIGGER "{name}"' for name, _ in names]
        place.testapp1.sql("BEGIN", *dropped, "UPDATE sales_order SET quantity = '3'", *[sql for _, sql in names], "COMMIT")
        place.rounds(2)
        self.assertEqual(pick(place.testapp2, "quantity"), [("100",)])
        place.testapp1.sql(outbox("U", attribute="quantity"))
        self.walk(place)
        self.assertEqual(pick(place.testapp2, "quantity"), [("3",)])
        place.testapp1.sql("BEGIN", *dropped, "DELETE FROM sales_order", *[sql for _, sql in names], outbox("D"), "COMMIT")
        self.walk(place)
        self.assertEqual(rows(place.testapp2), [])
        self.check_rest(place)

    def test_an_outbox_that_was_emptied_begins_anew(self):
        place = self.started()
        for number in range(3):
            self.change(place.testapp1, f"UPDATE sales_order SET quantity = '{number}'", outbox("U", attribute="quantity"))
            place.rounds(1)
        place.testapp1.sql("DELETE FROM ds_change_outbox", "DELETE FROM sqlite_sequence WHERE name = 'ds_change_outbox'")
        place.rounds(1)
        self.assertEqual(program(place.testapp1, 1000), (0, "done"))
        self.change(place.testapp1, "UPDATE sales_order SET quantity = '7'", outbox("U", attribute="quantity"))
        self.check_rest(place)
        self.assertEqual(program(place.testapp1, 1000), (1, "done"))


# As the seed has it, and an application that wrote into it.
SEED_BOX = (
    "(id INTEGER NOT NULL PRIMARY KEY, object_database TEXT, object_table TEXT, object_pk_attribute TEXT, object_attribute "
    "TEXT, object_id TEXT, object_value TEXT, object_operation TEXT, object_operation_command TEXT, updated_by_server_id "
    "TEXT, update_datetime TIMESTAMP, updated_by_user_id TEXT, object_id_old TEXT, object_value_old TEXT, note1 TEXT, "
    "source_id INTEGER)"
)
PARAMETER = (
    "CREATE TABLE ds_program_parameter (id TEXT, programtype TEXT, description TEXT, active_flag TEXT, status TEXT, fromserver "
    "TEXT, fromdb TEXT, fromtable TEXT, fromconnectionstring TEXT, fromoutboxpointer TEXT, toserver TEXT, todb TEXT, totable "
    "TEXT, toconnectionstring TEXT, sort_ty TEXT, sort_seq TEXT, org_id TEXT, update_datetime TEXT, updated_by_user TEXT, "
    "updated_by_server TEXT)"
)


class Installed(unittest.TestCase):
    def test_what_is_there_is_taken(self):
        tables = (
            SALES_ORDER,
            f"CREATE TABLE ds_change_outbox {SEED_BOX}",
            f"CREATE TABLE ds_change_inbox {SEED_BOX}",
            "INSERT INTO ds_change_inbox (id, note1) VALUES (41, 'of another time')",
            PARAMETER,
            "INSERT INTO ds_program_parameter (id, fromoutboxpointer, toconnectionstring) VALUES ('1000', '2', 'of another time')",
        )
        place = Place(self, "outbox", tables=tables)
        place.testapp1.sql(insert(ORD2), outbox("I"))
        place.rounds(2)
        self.assertEqual(rows(place.testapp2), [ORD2])
        told = place.testapp2.sql("SELECT id, note1 FROM ds_change_inbox ORDER BY id")
        self.assertEqual(told, [(41, "of another time"), *[(42 + i, "applied") for i in range(len(COLUMNS))]])
        self.assertEqual(program(place.testapp2, 1001), (51, "done"))
        self.assertEqual(program(place.testapp1, 1000), (1, "done"))
        again = words(place.testapp1.agent("install"))
        self.assertIn("DataJoin's tables are there; 1 row of ds_program_parameter holds a connection string", again)
        connections = "SELECT count(*) FROM ds_program_parameter WHERE fromconnectionstring <> '' OR id = '1001' AND toconnectionstring <> ''"
        self.assertEqual(place.testapp1.sql(connections), [(0,)])

    def test_a_table_of_another_shape_is_refused(self):
        place = Place(self)
        place.testapp1.sql("DROP TABLE ds_change_inbox", "CREATE TABLE ds_change_inbox (id INTEGER PRIMARY KEY, what TEXT)")
        for command in ("install", "once"):
            done = place.testapp1.try_agent(command)
            self.assertEqual(done.returncode, 1)
            self.assertIn("has no column 'object_database', which layout = \"datajoin\" needs", words(done))

    def test_without_install_nothing_is_done(self):
        place = Place(self)
        place.testapp1.sql("DROP TABLE ds_change_outbox")
        done = place.testapp1.try_agent("transport")
        self.assertEqual(done.returncode, 1)
        self.assertIn("Nothing was done. Run 'mirror-agent install'", words(done))
        self.assertIn("ds_change_outbox is made", words(place.testapp1.agent("install")))
        place.testapp1.agent("transport")

    def test_uninstall_leaves_what_people_read(self):
        place = Place(self)
        place.testapp1.agent("uninstall")
        names = [name for (name,) in place.testapp1.sql("SELECT name FROM sqlite_schema WHERE name NOT LIKE 'sqlite%' ORDER BY name")]
        wanted = ["ds_change_inbox", "ds_change_outbox", "ds_program_parameter", "sales_order", "view_recordlevel_update_datetime"]
        self.assertEqual(names, wanted)

    def test_texts_that_are_no_time_are_told_once_without_values(self):
        place = Place(self, hub=WHOLE_HUB.replace("%m/%d/%Y", "%d.%m.%Y"))
        place.testapp1.sql("BEGIN", *(insert((f"ord{i}", *ORD2[1:])) for i in range(12)), "COMMIT")
        place.rounds(2)
        place.testapp1.sql("UPDATE sales_order SET quantity = '3'")
        place.rounds(2)
        told = json.loads(place.ctl("events", "--kind", "golden.unread_time", "--json").stdout)
        self.assertEqual(len(told), 2, told)
        said = json.dumps(told)
        for name in ("testapp1", "testapp2"):
            self.assertIn(f"texts of 'update_datetime' in table 'sales_order' of '{name}' cannot be read as a time", said)
        self.assertIn("by changed_format: 12 rows.", said)
        self.assertNotIn("10:30", said)

    def test_the_view_knows_when_each_row_was_changed_last(self):
        place = Place(self, "outbox")
        times = ("06/25/2025  10:30:00 AM", "06/25/2025 12:05:00 PM", "06/25/2025 12:06:00 AM", "2025-06-25 12:04:59")
        for time in times:
            place.testapp1.sql(f"INSERT INTO ds_change_outbox (object_table, object_id, update_datetime) VALUES ('t', '{time[-5:]}', '{time}')")
            place.testapp1.sql(f"INSERT INTO ds_change_outbox (object_table, object_id, update_datetime) VALUES ('t', 'all', '{time}')")
        said = dict(place.testapp1.sql("SELECT object_id, update_datetime FROM view_recordlevel_update_datetime"))
        self.assertEqual(said["all"], "2025-06-25 12:05:00")
        self.assertEqual(said["00 AM"], "2025-06-25 10:30:00")
        self.assertEqual(said["04:59"], "2025-06-25 12:04:59")


if __name__ == "__main__":
    BIN = pathlib.Path(sys.argv[1]).resolve()
    unittest.main(argv=[sys.argv[0], *sys.argv[2:]])
