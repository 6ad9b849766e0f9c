#!/usr/bin/python3
"""Whether docs/sources/postgres.md is right: its statements are run, in their order, as the page says, and the types of
its table come to the mirror as it says.

Usage: postgres_page_test.py BIN_DIR [unittest arguments]
"""

import pathlib
import re
import sqlite3
import sys
import unittest

import files_test
import postgres_source_test
from postgres_source_test import Database, Place, setUpModule, tearDownModule  # noqa: F401: unittest's

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "scripts"))

import markdown_pages  # noqa: E402
import postgres_cluster  # noqa: E402

PAGE = markdown_pages.Page(ROOT / "docs" / "sources" / "postgres.md")
ROLE = "mirror_agent"
SLOT = "_mirror_cust26759"
# Of a whole server; a test's own has its logs read only where it was started so.
OF_SERVER = re.compile(r"^ALTER SYSTEM .*$", re.MULTILINE)


def statements():
    return [block.text for block in PAGE.blocks if block.language == "sql"]


def codes(cell):
    return re.findall(r"`([^`]+)`", cell)


def type_rows():
    """(types of PostgreSQL, how the mirror declares such a column, a value and what the mirror has; or neither) of each
    row of the page's table."""
    begin = PAGE.lines.index("## Types")
    for line in PAGE.lines[begin : PAGE.lines.index("## What cannot be noticed")]:
        if line.startswith("| `"):
            types, declared, values = map(codes, line.split("|")[1:4])
            yield types, declared[0], values


class Page(unittest.TestCase):
    def setUp(self):
        self.place = Place(self)
        self.crm = Database(self)

    def use(self, role=postgres_source_test.READER):
        dsn = self.crm.dsn().replace(f"user={postgres_source_test.READER}", f"user={role}")
        self.place.configure_postgres(dsn, {}, 'strategy = "synthetic"')

    def test_the_rights_of_the_page_are_enough_to_read_and_no_more(self):
        self.crm.sql("CREATE TABLE contact (id int PRIMARY KEY, name text); INSERT INTO contact VALUES (1, 'a');")
        (rights,) = [text for text in statements() if "CREATE ROLE" in text]
        self.addCleanup(postgres_source_test.Shared.cluster.sql, f"DROP ROLE {ROLE};")
        self.addCleanup(postgres_source_test.Shared.cluster.drop_database, self.crm.name)
        self.crm.sql(re.sub(r"\bDATABASE crm\b", f"DATABASE {self.crm.name}", rights))
        self.crm.sql("CREATE TABLE later (id int PRIMARY KEY); INSERT INTO later VALUES (7);")
        self.use(ROLE)
        sent = self.place.once()
        self.assertEqual(sent["exit"], 0, sent)
        self.assertEqual(set(sent["by_table"]), {"contact", "later"})
        as_role = postgres_source_test.Shared.cluster.url(self.crm.name, ROLE)
        with self.assertRaisesRegex(postgres_cluster.Failed, "permission denied"):
            postgres_cluster.psql(as_role, "INSERT INTO contact VALUES (2, 'b');")
        found = self.crm.sql(
            "SELECT rolsuper OR rolcreatedb OR rolcreaterole OR rolbypassrls, rolreplication FROM pg_roles "
            f"WHERE rolname = '{ROLE}';"
        )
        self.assertEqual(found, "f|t\n")

    def test_the_statements_about_slots_run(self):
        texts = [text for text in statements() if "CREATE ROLE" not in text]
        self.assertGreaterEqual(len(texts), 2)
        self.crm.sql(f"CREATE PUBLICATION {SLOT};")
        # What a slot of the agent's stands for here: it needs no server whose log can be read.
        self.crm.sql(f"SELECT pg_create_physical_replication_slot('{SLOT}', true);")
        said = "".join(self.crm.sql(OF_SERVER.sub("", text)) for text in texts)
        self.assertIn(f"{SLOT}|f|reserved|", said)
        left = self.crm.sql("SELECT (SELECT count(*) FROM pg_replication_slots), (SELECT count(*) FROM pg_publication);")
        self.assertEqual(left, "0|0\n", "what is removed by hand is everything")

    def test_each_type_comes_as_the_table_says(self):
        columns, literals, wanted = ["id int PRIMARY KEY"], ["1"], {}
        for types, declared, values in type_rows():
            for one in types:
                name = f"c{len(wanted)}"
                columns.append(f"{name} {one}")
                # A value is one of the row's first type; of the others there is none.
                given = values if one == types[0] else []
                literals.append(f"'{given[0]}'" if given else "NULL")
                wanted[name] = (one, declared, given[1] if given else None)
        self.assertGreater(len(wanted), 20)
        self.crm.sql(f"CREATE TABLE every ({', '.join(columns)}); INSERT INTO every VALUES ({', '.join(literals)});")
        self.use()
        sent = self.place.once()
        self.assertEqual(sent["exit"], 0, sent)
        found, (row,) = self.declared("every"), self.place.rows("every")
        for name, (kind, declared, value) in wanted.items():
            with self.subTest(type=kind):
                self.assertEqual(found[name], declared)
                self.assertEqual(row[name] if row[name] is None else str(row[name]), value)

    def declared(self, table):
        mirror = sqlite3.connect(f"file:{self.place.mirror}?mode=ro", uri=True)
        try:
            return {row[1]: row[2] for row in mirror.execute(f"PRAGMA table_info({table})")}
        finally:
            mirror.close()


if __name__ == "__main__":
    files_test.BIN = pathlib.Path(sys.argv.pop(1)).resolve()
    unittest.main()
