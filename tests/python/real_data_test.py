#!/usr/bin/python3
"""Real data in databases of PostgreSQL and MariaDB whose logs are read: the history of the world's airports, state by
state, and the 413 tables of a CRM.

Usage: real_data_test.py BIN_DIR [unittest arguments]
"""

import atexit
import csv
import io
import json
import pathlib
import sys
import tarfile
import unittest

import files_test
import mariadb_source_test as mariadb
import postgres_scenarios_test as postgres
import postgres_source_test as sources

DATA = pathlib.Path(__file__).resolve().parents[1] / "data"
ROWS = 3  # Of each of the 413.


def setUpModule():
    # Each skips its own tests where its server is not installed.
    for module in (postgres, mariadb):
        try:
            module.setUpModule()
        except unittest.SkipTest:
            pass
    atexit.register(tearDownModule)


def tearDownModule():
    sources.tearDownModule()
    mariadb.tearDownModule()


def airports():
    """The states in their order: of each table the rows by their numbers."""
    states = {}
    with tarfile.open(DATA / "ourairports-history.tar.xz") as archive:
        for member in archive:
            if not member.isfile():
                continue
            day, name = pathlib.PurePosixPath(member.name).parts[-2:]
            text = io.TextIOWrapper(archive.extractfile(member), encoding="utf-8", newline="")
            rows = {int(row["id"]): {key: value or None for key, value in row.items()} for row in csv.DictReader(text)}
            states.setdefault(day, {})[name.removesuffix(".csv")] = rows
    return [states[day] for day in sorted(states)]


def literal(value):
    return "NULL" if value is None else "'" + str(value).replace("'", "''") + "'"


class OfEachServer:
    """`quote`: of a name; `types`: what a kind of column is there; `prepare`: of a session, for plain literals."""

    quote, types, prepare = '"', {}, ""

    def name(self, name):
        return self.quote + name + self.quote

    def inserts(self, table, columns, rows):
        names = ", ".join(map(self.name, columns))
        for first in range(0, len(rows), 500):
            values = ", ".join("(" + ", ".join(map(literal, row)) + ")" for row in rows[first : first + 500])
            yield f"INSERT INTO {self.name(table)} ({names}) VALUES {values};"

    def step(self, table, before, now):
        """The application's statements from one state to the next; how many rows they change, and how many they delete."""
        gone = [number for number in before if number not in now]
        new = [row for number, row in now.items() if number not in before]
        changed = {number: row for number, row in now.items() if number in before and row != before[number]}
        script = [f"DELETE FROM {self.name(table)} WHERE id = {number};" for number in gone]
        if new:
            script += self.inserts(table, new[0], [list(row.values()) for row in new])
        for number, row in changed.items():
            sets = ", ".join(
                f"{self.name(column)} = {literal(value)}" for column, value in row.items() if value != before[number][column]
            )
            script.append(f"UPDATE {self.name(table)} SET {sets} WHERE id = {number};")
        return script, (len(new) + len(changed), len(gone))

    def check_airports(self, state):
        for table, wanted in state.items():
            found = {row["id"]: {**row, "id": str(row["id"])} for row in self.place.rows(table)}
            different = [number for number in {*found, *wanted} if found.get(number) != wanted.get(number)]
            self.assertEqual(different[:5], [], table)

    def test_the_history_of_airports_is_followed_state_by_state(self):
        states = airports()
        self.assertGreater(len(states), 3)
        before = {table: {} for table in states[0]}
        for table, rows in states[0].items():
            columns = list(next(iter(rows.values())))
            self.assertEqual(columns[0], "id")
            texts = "".join(f", {self.name(column)} text" for column in columns[1:])
            self.crm.sql(f"CREATE TABLE {self.name(table)} (id int PRIMARY KEY{texts})")
        self.begin()
        self.run_once()
        for state in states:
            script, wanted = [self.prepare], {}
            for table in state:
                statements, counts = self.step(table, before[table], state[table])
                script += statements
                wanted[table] = ("changes", *counts) if any(counts) else ("none", 0, 0)
            self.crm.sql("\n".join(script))
            # A row that the stage still has whole, from when it was inserted, comes whole when it changes.
            sent = {table: (action, new + changed, gone) for table, (action, new, changed, gone) in self.run_once().items()}
            self.assertEqual(sent, wanted)
            self.check_airports(state)
            before = state

    def test_a_crm_of_413_tables(self):
        tables = {}
        for entry in json.loads((DATA / "superoffice-tables.json").read_text()):
            columns = {column["name"]: column["sql_type"].partition("(")[0] for column in entry["columns"] if "sql_type" in column}
            key = [column["name"] for column in entry["columns"] if column.get("primary_key") and column["name"] in columns]
            if not key:  # Of some the documentation names one that the list of columns lacks.
                columns, key = {f"{entry['table']}_id": "int", **columns}, [f"{entry['table']}_id"]
            tables[entry["table"]] = (columns, key)
        self.assertEqual(len(tables), 413)
        script = [self.prepare]
        for table, (columns, key) in tables.items():
            words = ", ".join(
                f"{self.name(column)} {self.types.get(kind, 'int' if column in key else 'text')}" for column, kind in columns.items()
            )
            script.append(f"CREATE TABLE {self.name(table)} ({words}, PRIMARY KEY ({', '.join(map(self.name, key))}));")
            rows = [
                [number if column in key else self.value(kind, number) for column, kind in columns.items()]
                for number in range(1, ROWS + 1)
            ]
            script += self.inserts(table, columns, rows)
        self.crm.sql("\n".join(script))
        self.begin()
        sent = self.run_once()
        self.assertEqual(sent, {table: ("populate", ROWS, 0, 0) for table in tables})
        self.assertEqual({counts[0] for counts in self.run_once().values()}, {"none"})
        last, (columns, key) = list(tables.items())[-1]
        self.crm.sql(f"DELETE FROM {self.name(last)} WHERE {self.name(key[0])} = 2")
        changed = {table: counts for table, counts in self.run_once().items() if counts[0] != "none"}
        self.assertEqual(changed, {last: ("changes", 0, 0, 1)})
        verified = self.place.agent("verify", "--json")
        report = json.loads(verified.stdout)["sources"][0]
        self.assertEqual(verified.returncode, 0, report)
        self.assertEqual({table["equality"] for table in report["tables"]}, {"equal"})
        self.assertEqual(len(report["tables"]), 413)

    @staticmethod
    def value(kind, number):
        if kind in ("int", "smallint", "tinyint", "bigint", "bit"):
            return number % 2 if kind == "bit" else number
        if kind == "float":
            return number / 4
        if kind == "datetime":
            return f"2024-02-0{number} 12:00:00" if number > 1 else None
        return f"å '{number}' \\"


class InPostgres(OfEachServer, postgres.LogTest):
    types = {
        "int": "int", "smallint": "smallint", "tinyint": "smallint", "bigint": "bigint", "bit": "boolean",
        "float": "double precision", "datetime": "timestamp", "varbinary": "bytea", "image": "bytea",
    }  # fmt: skip

    def setUp(self):
        if sources.Shared.cluster is None:
            self.skipTest("PostgreSQL is not installed")
        super().setUp()

    @staticmethod
    def value(kind, number):
        return f"\\x0{number}" if kind in ("varbinary", "image") else OfEachServer.value(kind, number)

    def begin(self):
        self.use({})


class InMariadb(OfEachServer, mariadb.SourceTest):
    quote, prepare = "`", "SET SESSION sql_mode = 'NO_BACKSLASH_ESCAPES';"
    types = {
        "int": "int", "smallint": "smallint", "tinyint": "smallint", "bigint": "bigint", "bit": "tinyint",
        "float": "double", "datetime": "datetime(6)", "varbinary": "blob", "image": "blob",
    }  # fmt: skip

    def setUp(self):
        if mariadb.Shared.server is None:
            self.skipTest("MariaDB is not installed")
        super().setUp()

    def begin(self):
        self.use()
        installed = self.place.agent("install")
        self.assertEqual(installed.returncode, 0, installed.said)


if __name__ == "__main__":
    files_test.BIN = pathlib.Path(sys.argv.pop(1)).resolve()
    unittest.main()
