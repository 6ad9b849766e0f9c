#!/usr/bin/python3
"""Whether docs/sources/postgres.md is right: its statements are run, in their order, as the page says, and the types of
its table come to the mirror as it says.

Usage: postgres_page_test.py BIN_DIR [unittest arguments]
"""

import pathlib
import re
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


def type_rows():
    """(types of PostgreSQL, how the mirror declares such a column) of each row of the page's table."""
    lines = PAGE.lines[PAGE.lines.index("## Types") :]
    rows = [line.split("|")[1:3] for line in lines if line.startswith("| `")]
    return [(re.findall(r"`([^`]+)`", first), re.findall(r"`([^`]+)`", second)[0]) for first, second in rows]


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
        rows = type_rows()
        self.assertGreater(len(rows), 8)
        self.crm.sql("CREATE TYPE mood AS ENUM ('sad', 'happy'); CREATE TYPE pair AS (a int, b int); CREATE EXTENSION IF NOT EXISTS citext;")
        columns, wanted = ["id int PRIMARY KEY"], {}
        for types, declared in rows:
            for one in types:
                name = f"c{len(wanted)}"
                wanted[name] = (one, declared)
                columns.append(f"{name} {one}")
        self.crm.sql(f"CREATE TABLE every ({', '.join(columns)}); INSERT INTO every (id) VALUES (1);")
        self.use()
        sent = self.place.once()
        self.assertEqual(sent["exit"], 0, sent)
        found = self.declared("every")
        for name, (kind, declared) in wanted.items():
            with self.subTest(type=kind):
                self.assertEqual(found[name], declared)

    def declared(self, table):
        import sqlite3

        mirror = sqlite3.connect(f"file:{self.place.mirror}?mode=ro", uri=True)
        try:
            return {row[1]: row[2] for row in mirror.execute(f"PRAGMA table_info({table})")}
        finally:
            mirror.close()


if __name__ == "__main__":
    files_test.BIN = pathlib.Path(sys.argv.pop(1)).resolve()
    unittest.main()
