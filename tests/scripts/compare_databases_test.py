#!/usr/bin/python3
"""tools/compare_databases.py says "equal" only when it is true."""

import pathlib
import re
import shutil
import sqlite3
import subprocess
import tempfile
import unittest

SCRIPT = pathlib.Path(__file__).parents[2] / "tools" / "compare_databases.py"

SCHEMA = [
    'CREATE TABLE "odd ""name" (id TEXT COLLATE NOCASE PRIMARY KEY, plain, "a ""column")',
    "CREATE TABLE keyless (x, y)",
    "CREATE TABLE pair (a INTEGER, b INTEGER, v REAL, PRIMARY KEY (a, b))",
    'CREATE TABLE "Übel" ("Ärger" TEXT PRIMARY KEY, "Öl")',
]
ROWS = [
    'INSERT INTO "odd ""name" VALUES (\'a\', 1, NULL), (\'B\', 1.0, x\'00\'), (\'é\', \'1\', \'\'), (\'c\', 9e15, \'[I:5]\')',
    "INSERT INTO keyless VALUES (1, 2), (1, 2), (1.0, 2), (NULL, 'z'), (x'7a', 'z'), (CAST(x'ff00' AS TEXT), 1)",
    "INSERT INTO pair VALUES (1, 2, 0.5), (1, -3, 0), (-9, 1, NULL)",
    "INSERT INTO \"Übel\" VALUES ('a', 1), ('Ä', 2)",
]

# What is done to the mirror, and the words that have to be printed.
DIFFERENCES = [
    ("UPDATE \"odd \"\"name\" SET plain = 1 WHERE id = 'b'", 'differs in "plain"'),
    ("UPDATE \"odd \"\"name\" SET plain = '1' WHERE id = 'a'", 'differs in "plain"'),
    ('UPDATE "odd ""name" SET "a ""column" = NULL WHERE id = \'é\'', "differs"),
    ("UPDATE \"odd \"\"name\" SET id = 'A' WHERE id = 'a'", "row ('A') is in the mirror only"),
    ("DELETE FROM keyless WHERE rowid = 1", "row (1, 2) is missing in the mirror"),
    ("INSERT INTO keyless VALUES (1, 2)", "row (1, 2) is in the mirror only"),
    ("UPDATE keyless SET x = 'z' WHERE x = x'7a'", "is missing in the mirror"),
    ("UPDATE pair SET v = 1 WHERE a = 1 AND b = 2", 'row (1, 2) differs in "v"'),
    ("DELETE FROM pair WHERE a = -9", "row (-9, 1) is missing in the mirror"),
    ('UPDATE "Übel" SET "Öl" = 3 WHERE "Ärger" = \'Ä\'', "row ('Ä') differs in \"Öl\""),
    ("DROP TABLE keyless", "no such table in the mirror"),
    ("ALTER TABLE pair DROP COLUMN v", 'column "v" is missing in the mirror'),
    ("ALTER TABLE pair ADD COLUMN w", 'column "w" is in the mirror only'),
]


class CompareDatabases(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="compare #?% "))
        self.addCleanup(shutil.rmtree, self.folder)

    def database(self, name, statements):
        path = self.folder / name
        path.unlink(missing_ok=True)
        connection = sqlite3.connect(path)
        for statement in statements:
            connection.execute(statement)
        connection.commit()
        connection.close()
        return path

    def compare(self, source, mirror):
        return subprocess.run([SCRIPT, source, mirror], capture_output=True, text=True, check=False)

    def test_its_version_is_that_of_the_project(self):
        project = (SCRIPT.parents[1] / "CMakeLists.txt").read_text()
        version = re.search(r"project\(mirror VERSION (\S+)", project)[1]
        run = subprocess.run([SCRIPT, "--version"], capture_output=True, text=True, check=False)
        self.assertEqual((run.returncode, run.stdout), (0, f"compare_databases.py {version}\n"))
        # As a build configures it, and as somebody copies it.
        for text, said in ((SCRIPT.read_text().replace("@PROJECT_VERSION@", "7.8.9"), "7.8.9"), (SCRIPT.read_text(), "of no release")):
            copy = self.folder / "mirror-compare"
            copy.write_text(text)
            copy.chmod(0o755)
            run = subprocess.run([copy, "--version"], capture_output=True, text=True, check=False)
            self.assertEqual(run.stdout, f"mirror-compare {said}\n")

    def test_the_same_rows_in_another_order_and_collation_are_equal(self):
        source = self.database("source.db", SCHEMA + ["CREATE VIEW v AS SELECT 1", "CREATE TABLE _mirror_log (x)"] + ROWS)
        plain = [statement.replace("COLLATE NOCASE ", "") for statement in reversed(SCHEMA)]
        mirror = self.database("mirror.db", plain + ["CREATE TABLE Cust_mirroring (x)"] + ROWS)
        run = self.compare(source, mirror)
        self.assertEqual(run.returncode, 0, run.stdout + run.stderr)
        self.assertIn("yes", run.stdout.splitlines()[-1])

    def test_each_difference_is_found(self):
        source = self.database("source.db", SCHEMA + ROWS)
        for statement, words in DIFFERENCES:
            with self.subTest(statement=statement):
                run = self.compare(source, self.database("mirror.db", SCHEMA + ROWS + [statement]))
                self.assertEqual(run.returncode, 1, run.stdout + run.stderr)
                self.assertIn(words, run.stdout)

    def test_a_table_of_1990_columns_is_compared_with_and_without_a_key(self):
        names = [f"c{i}" for i in range(1_990)]
        for key in ("", " PRIMARY KEY"):
            create = f"CREATE TABLE wide (c0 INTEGER{key}, {', '.join(names[1:])})"
            values = ", ".join(str(i) for i in range(1_990))
            rows = [f"INSERT INTO wide VALUES ({values})", f"INSERT INTO wide VALUES (-1, {values[3:]})"]
            source = self.database("source.db", [create] + rows)
            same = self.compare(source, self.database("mirror.db", [create] + rows[::-1]))
            self.assertEqual(same.returncode, 0, same.stdout + same.stderr)
            other = self.compare(
                source, self.database("mirror.db", [create] + rows + ["UPDATE wide SET c1989 = '1989' WHERE c0 = 0"])
            )
            self.assertEqual(other.returncode, 1)
            self.assertIn('differs in "c1989"' if key else "is in the mirror only", other.stdout)

    def test_a_table_that_cannot_be_read_is_named_and_the_others_are_compared(self):
        source, mirror = (self.database(name, SCHEMA + ROWS) for name in ("source.db", "mirror.db"))
        connection = sqlite3.connect(mirror)
        page = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = 'pair'").fetchone()[0]
        size = connection.execute("PRAGMA page_size").fetchone()[0]
        connection.close()
        with mirror.open("r+b") as file:
            file.seek((page - 1) * size)
            file.write(b"\xff" * size)
        run = self.compare(source, mirror)
        self.assertEqual(run.returncode, 1, run.stderr)
        self.assertIn("pair: cannot be compared: ", run.stdout)
        self.assertRegex(run.stdout, r"keyless +6 +6  yes")

    def test_nothing_is_written(self):
        source = self.database("source.db", SCHEMA + ROWS)
        before = source.read_bytes()
        self.compare(source, source)
        self.assertEqual(source.read_bytes(), before)
        self.assertEqual([p.name for p in self.folder.iterdir()], ["source.db"])

    def test_a_file_that_is_no_database_gets_a_sentence(self):
        source = self.database("source.db", SCHEMA)
        junk = self.folder / "junk"
        junk.write_text("junk " * 1000)
        for path, words in ((junk, "not a database"), (self.folder / "none", "no such file")):
            run = self.compare(source, path)
            self.assertEqual(run.returncode, 1)
            self.assertIn(words, run.stderr)
            self.assertNotIn("Traceback", run.stderr)


if __name__ == "__main__":
    unittest.main()
