#!/usr/bin/python3
"""A folder into which real CSV files are dropped, state after state, and what the agent makes of it. The files are read
here by Python's own parser.

Usage: files_test.py BIN_DIR
"""

import csv
import datetime
import hmac
import json
import pathlib
import re
import shutil
import sqlite3
import subprocess
import sys
import tarfile
import tempfile
import threading
import time
import unittest
import zipfile

import openpyxl

import sanitizer_words
import whole_lines

ROOT = pathlib.Path(__file__).resolve().parents[2]
HISTORY = ROOT / "tests" / "data" / "ourairports-history.tar.xz"
TABLES = ("airport_frequencies", "countries", "navaids", "regions", "runways")
PATIENCE_S = 60
BIN = None


class Place:
    """A server, and an agent whose source is a folder."""

    def __init__(self, test):
        self.work = pathlib.Path(tempfile.mkdtemp(prefix="files test "))
        test.addCleanup(shutil.rmtree, self.work, ignore_errors=True)
        self.drop = self.work / "drop"
        self.drop.mkdir()
        dev = self.work / "dev"
        subprocess.run(
            [BIN / "mirrorctl", "init", "--dir", dev, "--context-id", "Cust"], check=True, stdout=subprocess.DEVNULL
        )
        toml = dev / "mirror-server.toml"
        toml.write_text(re.sub(r"^port = 744[34]", "port = 0", toml.read_text(), flags=re.MULTILINE))
        out = self.work / "server.out"
        with out.open("wb") as log:
            self.server = subprocess.Popen([BIN / "mirror-server", "--config", toml], stdout=log, stderr=log)
        test.addCleanup(self.stop)
        end = time.monotonic() + PATIENCE_S
        while not (ready := re.search(r"sources on (\S+),", out.read_text())):
            assert self.server.poll() is None and time.monotonic() < end, out.read_text()
            time.sleep(0.05)
        self.toml = dev / "mirror-agent.toml"
        text = re.sub(
            r'^address = "127.0.0.1:7443"', f'address = "{ready[1]}"', self.toml.read_text(), flags=re.MULTILINE
        )
        self.toml_head = text
        self.mirror = dev / "data" / "Mirror_Cust.db"

    def stop(self):
        self.server.terminate()
        self.server.wait(PATIENCE_S)
        sanitizer_words.check_file(self.work / "server.out")

    def configure(self, tables, kind="csv", numbers=True):
        """{name: more lines}. `numbers`: a key "id" is declared as one."""
        if numbers:
            tables = {name: self.with_numbers(lines) for name, lines in tables.items()}
        text = self.toml_head + f'\n[[source]]\ncontext_id = "Cust"\nkind = "{kind}"\n'
        text += f'folder = "{self.drop}"\nsettle = "0s"\n'
        for name, lines in tables.items():
            text += f'[[source.table]]\nname = "{name}"\n{lines}\n'
        self.toml.write_text(text)

    @staticmethod
    def with_numbers(lines):
        if 'key = ["id"]' not in lines.split("\n"):
            return lines
        if "\ntypes = {" in lines:
            return lines.replace("\ntypes = {", '\ntypes = { id = "integer",', 1)
        return lines.replace('key = ["id"]', 'key = ["id"]\ntypes = { id = "integer" }', 1)

    def once(self, *more):
        """What the agent did with each table."""
        run = subprocess.run(
            [BIN / "mirror-agent", "once", "--json", "--config", self.toml, *more],
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )
        source = json.loads(run.stdout)["sources"][0] if run.stdout else {}
        sanitizer_words.check(run.stderr)
        source["exit"], source["stderr"] = run.returncode, whole_lines.joined(run.stderr)
        notes = source.get("notes", [])
        source["guesses"] = [note for note in notes if "types were guessed" in note]
        source["notes"] = [note for note in notes if note not in source["guesses"]]
        source["by_table"] = {table["table"]: table for table in source.get("tables", [])}
        return source

    def rows(self, table):
        database = sqlite3.connect(f"file:{self.mirror}?mode=ro", uri=True)
        database.row_factory = sqlite3.Row
        try:
            return [dict(row) for row in database.execute(f'SELECT * FROM "{table}"')]
        finally:
            database.close()


def same(value, text):
    """Whether the mirror's value is what stands in the file."""
    if value is None or text == "":
        return value is None and text == ""
    if isinstance(value, int):
        return str(value) == text
    return value == float(text) if isinstance(value, float) else value == text


def read(path):
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


class RealStates(unittest.TestCase):
    def test_each_state_is_mirrored_and_only_what_changed_is_sent(self):
        place = Place(self)
        place.configure({table: 'key = ["id"]' for table in TABLES})
        with tarfile.open(HISTORY) as history:
            history.extractall(place.work / "states")
        states = sorted(path for path in (place.work / "states").iterdir() if path.is_dir())
        self.assertEqual(len(states), 7)
        before, changes = {}, 0
        for state in states:
            for table in TABLES:
                shutil.copyfile(state / f"{table}.csv", place.drop / f"{table}.csv")
            report = place.once()
            self.assertEqual(report["exit"], 0, report)
            self.assertEqual(report["notes"], [], state)
            for table in TABLES:
                with self.subTest(state=state.name, table=table):
                    wanted = {row["id"]: row for row in read(state / f"{table}.csv")}
                    mirrored = {str(row["id"]): row for row in place.rows(table)}
                    self.assertEqual(set(mirrored), set(wanted))
                    for key, row in wanted.items():
                        for column, text in row.items():
                            self.assertTrue(same(mirrored[key][column], text), (key, column, text, mirrored[key][column]))
                    sent = report["by_table"][table]
                    former = before.get(table)
                    if former is not None and sent["action"] != "populate":
                        counts = (
                            len(wanted.keys() - former.keys()),
                            sum(former[key] != wanted[key] for key in wanted.keys() & former.keys()),
                            len(former.keys() - wanted.keys()),
                        )
                        self.assertEqual((sent["inserts"], sent["updates"], sent["deletes"]), counts)
                        changes += sent["action"] == "changes"
                    elif former is not None:
                        # A column's values are of a wider type by now.
                        self.assertIn("column", sent["reason"])
                    before[table] = wanted
        self.assertGreater(changes, 15)
        report = place.once()
        self.assertEqual({table["action"] for table in report["tables"]}, {"none"})
        verified = subprocess.run(
            [BIN / "mirror-agent", "verify", "--config", place.toml], capture_output=True, text=True, check=False
        )
        self.assertEqual(verified.returncode, 0, verified.stdout + verified.stderr)


class OtherStrategies(unittest.TestCase):
    def test_real_states_by_watermark_and_cdc(self):
        """By the key, which only grows, cut to thousands: what is promised is kept beside."""
        place = Place(self)
        lines = 'key = ["id"]\nstrategy = "watermark_cdc"\nwatermark = "id"\nprecision = 1000'
        place.configure({"runways": lines})
        with tarfile.open(HISTORY) as history:
            history.extractall(place.work / "states")
        promised, pointer = {}, None
        for state in sorted((place.work / "states").iterdir()):
            shutil.copyfile(state / "runways.csv", place.drop / "runways.csv")
            report = place.once()
            self.assertEqual(report["exit"], 0, report)
            now = {int(row["id"]): row for row in read(state / "runways.csv")}
            bound = 0 if pointer is None else pointer // 1000 * 1000
            gone = promised.keys() - now.keys()
            wanted = {key: row for key, row in now.items() if key not in promised or (key >= bound and row != promised[key])}
            if pointer is not None:
                sent = report["by_table"]["runways"]
                self.assertEqual((sent["inserts"] + sent["updates"], sent["deletes"]), (len(wanted), len(gone)), state)
            promised = {key: row for key, row in promised.items() if key not in gone} | wanted
            pointer = max(pointer or 0, max(now))
            mirrored = {row["id"]: row for row in place.rows("runways")}
            self.assertEqual(mirrored.keys(), promised.keys())
            for key, row in promised.items():
                for column, text in row.items():
                    self.assertTrue(same(mirrored[key][column], text), (key, column))

    def test_real_states_by_window(self):
        """The real rows, each with the day on which it last changed: of today or yesterday, or too long ago to be seen.
        A day near the window's edge is none of them, so that midnight may come."""
        place = Place(self)
        lines = 'key = ["id"]\nstrategy = "window"\nwatermark = "seen"\nwindow = "3d"'
        tables = ("runways", "airport_frequencies")
        place.configure({table: lines for table in tables})
        with tarfile.open(HISTORY) as history:
            history.extractall(place.work / "states")
        today = datetime.datetime.now(datetime.timezone.utc).date()
        begin = str(today - datetime.timedelta(days=3))
        before, promised, unseen, kept = {}, {}, 0, 0
        for number, state in enumerate(sorted((place.work / "states").iterdir())):
            now = {}
            for table in tables:
                rows = {row["id"]: row for row in read(state / f"{table}.csv")}
                for key, row in rows.items():
                    former = before.get(table, {}).get(key)
                    row["seen"] = former["seen"] if former else ""
                    if former != row:
                        age = 400 if number == 0 else (0, 1, 6, 7)[(int(key) + number) % 4]
                        row["seen"] = str(today - datetime.timedelta(days=age))
                before[table] = now[table] = rows
                with (place.drop / f"{table}.csv").open("w", encoding="utf-8", newline="") as file:
                    writer = csv.DictWriter(file, list(next(iter(rows.values()))))
                    writer.writeheader()
                    writer.writerows(rows.values())
            report = place.once()
            self.assertEqual(report["exit"], 0, report)
            for table in tables:
                with self.subTest(state=state.name, table=table):
                    if number == 0:
                        promised[table] = dict(now[table])
                    known = promised[table]
                    seen = {key: row for key, row in now[table].items() if row["seen"] >= begin}
                    sent = report["by_table"][table]
                    if number > 0 and sent["action"] != "populate":
                        counts = sum(known.get(key) != row for key, row in seen.items())
                        self.assertEqual((sent["inserts"] + sent["updates"], sent["deletes"]), (counts, 0))
                        known.update(seen)
                    elif number > 0:
                        self.assertIn("column", sent["reason"])
                        promised[table] = known = dict(now[table])
                    unseen += sum(known.get(key) != row for key, row in now[table].items())
                    kept += len(known.keys() - now[table].keys())
                    mirrored = {str(row["id"]): row for row in place.rows(table)}
                    self.assertEqual(mirrored.keys(), known.keys())
                    for key, row in known.items():
                        for column, text in row.items():
                            self.assertTrue(same(mirrored[key][column], text), (key, column, text))
        self.assertGreater(min(unseen, kept), 0, "the states had nothing that a window does not see")
        self.assertEqual({table["action"] for table in place.once()["tables"]}, {"none"})

    def test_pointers_can_be_seen_and_set(self):
        place = Place(self)
        place.configure({"a": 'key = ["id"]\nstrategy = "watermark"\nwatermark = "n"'})

        def pointers(*words):
            return subprocess.run(
                [BIN / "mirror-agent", "pointers", "--config", place.toml, *words],
                capture_output=True,
                text=True,
                check=False,
            )

        self.assertIn("nothing is remembered", pointers().stdout)
        (place.drop / "a.csv").write_text("id,n\n1,10\n2,20\n")
        place.once()
        self.assertIn("a: watermark, by n, pointer 20, 1 row remembered", pointers().stdout)
        (place.drop / "a.csv").write_text("id,n\n1,11\n2,20\n3,21\n")
        dry = subprocess.run(
            [BIN / "mirror-agent", "once", "--dry-run", "--config", place.toml], capture_output=True, text=True, check=False
        )
        self.assertIn("a: 1 insert, 0 updates, 0 deletes", dry.stdout)
        self.assertEqual(place.once()["by_table"]["a"]["inserts"], 1)
        self.assertEqual([row["n"] for row in place.rows("a")], [10, 20, 21])
        moved = pointers("--set", "a=5")
        self.assertEqual((moved.returncode, "pointer 5" in moved.stdout), (0, True), moved.stderr)
        self.assertEqual(place.once()["by_table"]["a"]["inserts"], 1)
        self.assertEqual([row["n"] for row in place.rows("a")], [11, 20, 21])
        self.assertEqual(json.loads(pointers("--json").stdout)["sources"][0]["tables"][0]["pointer"], 21)
        self.assertIn("pointer before all", pointers("--reset", "a").stdout)
        self.assertEqual(place.once()["by_table"]["a"]["action"], "none")
        for words, code in ((["--set", "b=1"], 1), (["--set", "a"], 2), (["--context-id", "Dust"], 2)):
            self.assertEqual(pointers(*words).returncode, code, words)


    def test_deletes_come_from_a_file_of_their_own(self):
        place = Place(self)
        drop = place.drop
        feed = 'deletes_from = { file = "gone-*.csv", key = ["who"], watermark = "n" }'
        place.configure({"a": f'key = ["id"]\nstrategy = "watermark"\nwatermark = "n"\n{feed}'}, numbers=False)
        (drop / "a.csv").write_text("id,n,t\n1,10,x\n2,20,y\n003,21,z\n4,22,w\n5,23,v\n")
        report = place.once()
        self.assertIn("there is no file 'gone-*.csv'", report["by_table"]["a"]["reason"])
        (drop / "gone-1.csv").write_text("n,who\n1,9\n")
        report = place.once()
        self.assertEqual((report["exit"], report["by_table"]["a"]["inserts"]), (0, 5), report)
        # Numbers in the feed, texts in the table.
        (drop / "a.csv").write_text("id,n,t\n1,10,x\n003,21,z\n5,23,v\n6,24,u\n")
        (drop / "gone-2.csv").write_text("n,who\n1,9\n2,2\n2,4\n")
        report = place.once()
        self.assertEqual([report["by_table"]["a"][key] for key in ("inserts", "updates", "deletes")], [1, 0, 2], report)
        self.assertEqual(sorted(row["id"] for row in place.rows("a")), ["003", "1", "5", "6"])
        self.assertEqual(place.once()["by_table"]["a"]["action"], "none")

        def pointers(*words):
            run = subprocess.run(
                [BIN / "mirror-agent", "pointers", "--json", "--config", place.toml, *words],
                capture_output=True,
                text=True,
                check=False,
            )
            self.assertEqual(run.returncode, 0, run.stderr)
            return json.loads(run.stdout)["sources"][0]["tables"][0]

        self.assertEqual((pointers()["pointer"], pointers()["deletes_pointer"]), (24, 2))
        self.assertEqual(pointers("--deletes", "--set", "a=1")["deletes_pointer"], 1)
        # Of 2 and 4 the mirror has nothing any more, of 9 it never had.
        self.assertEqual(place.once()["by_table"]["a"]["deletes"], 3)
        self.assertEqual((pointers()["pointer"], pointers()["deletes_pointer"]), (24, 2))


class Deviations(unittest.TestCase):
    def setUp(self):
        self.place = Place(self)

    def configure_by_day(self, tables, numbers=True):
        """{strategy: name}"""
        by = {strategy: "" if strategy == "synthetic" else '\nwatermark = "day"' for strategy in tables}
        self.place.configure({name: f'key = ["id"]\nstrategy = "{strategy}"{by[strategy]}' for strategy, name in tables.items()}, numbers=numbers)

    def drop(self, name, data):
        (self.place.drop / name).write_bytes(data)

    def test_files_as_other_programs_write_them(self):
        self.drop("a.csv", b'\xef\xbb\xbfid;name;n\r\n1;"J\xc3\xb6rg; ""der"" Erste";007\r\n2;"zwei\r\nZeilen";\r\n3;"";1.5\r\n')
        self.drop("b.csv", "id,name\n1,Müller\n2,naïve".encode("latin-1"))
        self.drop("c.csv", b"id\tprice\n1\t\x80 5\n\n2\t'a\tb'\n")
        self.place.configure(
            {
                "a": 'key = ["id"]',
                "b": 'key = ["id"]\nencoding = "latin-1"',
                "c": 'key = ["id"]\nencoding = "windows-1252"\nquote = "\'"',
            }
        )
        report = self.place.once()
        self.assertEqual(report["exit"], 0, report)
        self.assertEqual(
            self.place.rows("a"),
            [
                {"id": 1, "name": 'Jörg; "der" Erste', "n": "007"},
                {"id": 2, "name": "zwei\r\nZeilen", "n": None},
                {"id": 3, "name": "", "n": "1.5"},
            ],
        )
        self.assertEqual([row["name"] for row in self.place.rows("b")], ["Müller", "naïve"])
        self.assertEqual([row["price"] for row in self.place.rows("c")], ["€ 5", "a\tb"])

    def test_wrong_lines_are_told_and_kept_and_the_rest_goes_on(self):
        self.place.configure({"a": 'key = ["id"]\ntypes = { n = "integer" }'})
        self.drop("a.csv", b"id,n\n1,1\n2,2\n3,3\n4,4\n")
        self.assertEqual(self.place.once()["exit"], 0)
        self.drop("a.csv", b'id,n\n1,10\n2,two\n3\nx"y,1\n5,5\n')
        report = self.place.once()
        self.assertEqual(report["exit"], 0, report)
        note = " ".join(report["notes"])
        for said in ("3 rows were left out", "line 3, column 'n': not an integer", "line 4, it has 1 field", "line 5, column 'id': a quote"):
            self.assertIn(said, note)
        # Of row 3 nobody knows whether it is row 3 that cannot be read: nothing is taken for gone.
        self.assertEqual(
            self.place.rows("a"),
            [{"id": 1, "n": 10}, {"id": 2, "n": 2}, {"id": 3, "n": 3}, {"id": 4, "n": 4}, {"id": 5, "n": 5}],
        )
        rejects = self.place.toml.parent / "agent-state" / "Cust.rejects" / "a.csv"
        self.assertEqual(rejects.read_bytes(), b'id,n\n2,two\n3\nx"y,1\n')
        self.drop("a.csv", b"id,n\n1,10\n2,two\n5,5\n")
        report = self.place.once()
        self.assertEqual([row["id"] for row in self.place.rows("a")], [1, 2, 5])
        self.drop("a.csv", b"id,n\n1,10\n2,20\n5,5\n")
        self.assertEqual(self.place.once()["notes"], [])
        self.assertFalse(rejects.exists())

    def test_a_row_that_cannot_be_read_for_a_while_is_not_lost(self):
        self.place.configure({"a": 'key = ["id"]\ntypes = { n = "integer" }'})
        drop = self.place.drop / "a.csv"
        drop.write_text("id,n\n1,1\n2,2\n3,3\n")
        self.place.once()
        drop.write_text("id,n\n1,1\n2,two\n3,3\n")
        self.place.once("--repopulate")
        self.assertEqual([row["id"] for row in self.place.rows("a")], [1, 3])
        drop.write_text("id,n\n1,1\n2,2\n3,3\n")
        self.place.once()
        self.assertEqual([row["id"] for row in self.place.rows("a")], [1, 2, 3])
        # While it cannot be read, a comparison does not take it for one too many.
        drop.write_text("id,n\n1,1\n2,two\n3,3\n")
        subprocess.run(
            [BIN / "mirror-agent", "verify", "--repair", "--config", self.place.toml], capture_output=True, check=False
        )
        self.assertEqual([row["id"] for row in self.place.rows("a")], [1, 2, 3])

    def test_a_column_that_is_a_text_for_once_stops_nothing(self):
        self.place.configure({"a": 'key = ["id"]'})
        drop = self.place.drop / "a.csv"
        drop.write_text("id,w,n\n1,10,x\n2,20,y\n3,30,z\n")
        self.place.once()
        drop.write_text("id,w,n\n1,10,x\n2,20,y,EXTRA\n3,q3,z\n")
        report = self.place.once()
        # All of it would be sent, and what cannot be read would be gone.
        self.assertIn("the mirror would lose", report["by_table"]["a"]["reason"], report)
        self.assertEqual(len(self.place.rows("a")), 3)
        drop.write_text("id,w,n\n1,10,x\n2,20,y\n4,30,z\n")
        self.assertEqual(self.place.once()["exit"], 0)
        self.assertEqual(sorted(str(row["id"]) for row in self.place.rows("a")), ["1", "2", "4"])
        drop.write_text("id,w,n\n1,10,x\n2,21,y\n")
        self.assertEqual(self.place.once()["exit"], 0)
        self.assertEqual([row["n"] for row in self.place.rows("a")], ["x", "y"])

    def test_a_table_that_cannot_be_announced_any_more_is_not_set_aside(self):
        self.place.configure({"a": 'key = ["id"]', "b": 'key = ["id"]'})
        for name in "ab":
            (self.place.drop / f"{name}.csv").write_text("id,n\n1,1\n")
        self.assertEqual(self.place.once()["exit"], 0)
        self.place.configure({"a": 'key = ["idd"]', "b": 'key = ["id"]'})
        report = self.place.once()
        self.assertEqual(report["exit"], 1)
        self.assertIn("was announced before and cannot be now", str(report))
        self.assertEqual(len(self.place.rows("a")), 1)

    def test_rows_that_were_left_out_are_mended_and_sent(self):
        self.place.configure({"a": 'key = ["id"]\ntypes = { n = "integer" }'})
        drop = self.place.drop / "a.csv"
        drop.write_text("id,n\n1,1\n2,two\n3,3\n")
        self.place.once()
        self.assertEqual(len(self.place.rows("a")), 2)
        rejects = self.place.toml.parent / "agent-state" / "Cust.rejects" / "a.csv"
        mended = rejects.with_name("a.mended.csv")
        mended.write_text(rejects.read_text().replace("two", "2"))
        report = self.place.once()
        self.assertEqual(report["by_table"]["a"]["inserts"], 1, report)
        self.assertEqual(self.place.rows("a"), [{"id": 1, "n": 1}, {"id": 2, "n": 2}, {"id": 3, "n": 3}])
        # It stays mended as long as the file is there, and what the source says well goes first.
        self.assertEqual(self.place.once()["by_table"]["a"]["action"], "none")
        drop.write_text("id,n\n1,1\n2,22\n3,3\n")
        report = self.place.once()
        self.assertEqual(self.place.rows("a")[1], {"id": 2, "n": 22})
        self.assertIn("the key of another row", " ".join(report["notes"]))
        mended.write_text("id,n\n9,nine\n")
        self.assertIn("a.mended.csv", " ".join(self.place.once()["notes"]))
        mended.write_text("id,m\n9,9\n")
        self.assertIn("has another first line", str(self.place.once()["by_table"]))

    def test_mended_rows_are_sent_whatever_the_watermark_is_by_then(self):
        tables = {strategy: f"t_{strategy}" for strategy in ("watermark", "watermark_cdc")}
        self.place.configure(
            {name: f'key = ["id"]\nstrategy = "{how}"\nwatermark = "n"\ntypes = {{ v = "integer" }}' for how, name in tables.items()}
        )
        for name in tables.values():
            self.drop(f"{name}.csv", b"id,n,v\n1,10,1\n2,15,x\n")
        self.place.once()
        for name in tables.values():
            self.drop(f"{name}.csv", b"id,n,v\n1,10,1\n2,15,x\n5,20,y\n6,30,6\n1,31,z\n")
        report = self.place.once()
        self.assertEqual(report["exit"], 0, report)
        for name in tables.values():
            mended = self.place.work / "dev" / "agent-state" / "Cust.rejects" / f"{name}.mended.csv"
            mended.write_text("id,n,v\n2,15,2\n5,20,5\n")
        report = self.place.once()
        for name in tables.values():
            with self.subTest(table=name):
                self.assertEqual({row["id"]: row["v"] for row in self.place.rows(name)}, {1: 1, 2: 2, 5: 5, 6: 6})
                self.assertLessEqual(report["by_table"][name]["inserts"] + report["by_table"][name]["updates"], 2, report)
            mended = self.place.work / "dev" / "agent-state" / "Cust.rejects" / f"{name}.mended.csv"
            mended.unlink()
        # The watermark itself is what cannot be read; and a row that nobody mended, and that went.
        for name in tables.values():
            self.drop(f"{name}.csv", b"id,n,v\n1,?,11\n2,15,2\n5,20,5\n6,40,7\n7,?,7\n8,41,z\n")
        text = self.place.toml.read_text()
        self.place.toml.write_text(text.replace('v = "integer" }', 'v = "integer", n = "integer" }'))
        self.assertEqual(self.place.once()["exit"], 0)
        for name in tables.values():
            self.drop(f"{name}.csv", b"id,n,v\n1,16,11\n2,15,2\n5,20,5\n6,40,7\n7,17,7\n")
        self.place.once()
        for name in tables.values():
            with self.subTest(table=name):
                self.assertEqual({row["id"]: row["v"] for row in self.place.rows(name)}, {1: 11, 2: 2, 5: 5, 6: 7, 7: 7})
        self.assertEqual({table["action"] for table in self.place.once()["tables"]}, {"none"})

    def test_a_file_whose_column_has_no_order_stops_its_table_and_says_so(self):
        self.configure_by_day({"watermark": "a"})
        self.drop("a.csv", b"id,day\n")
        self.assertEqual(self.place.once()["exit"], 0)
        # Of a file without rows no types are kept.
        self.drop("a.csv", b"id,day\n1,8\n2,9\n")
        self.place.once()
        self.drop("a.csv", b"id,day\n1,8\n2,9\n3,10\n4,11\n")
        self.place.once()
        self.assertEqual([row["day"] for row in self.place.rows("a")], [8, 9, 10, 11])
        self.drop("a.csv", b"id,day\n1,8\n2,9\n3,10\n4,11\n5,n/a\n")
        report = self.place.once()
        self.assertEqual(report["exit"], 1)
        self.assertIn("holds both numbers and texts, which have no common order", report["by_table"]["a"]["reason"])
        self.drop("a.csv", b"id,day\n1,8\n2,9\n3,10\n4,11\n5,12\n")
        report = self.place.once()
        self.assertIn("holds numbers that are kept as texts", report["by_table"]["a"]["reason"])
        text = self.place.toml.read_text()
        self.place.toml.write_text(text.replace('types = { id = "integer" }', 'types = { id = "integer", day = "integer" }'))
        self.assertEqual(self.place.once()["exit"], 0)
        self.assertEqual([row["day"] for row in self.place.rows("a")], [8, 9, 10, 11, 12])

    def test_rows_that_do_not_match_any_more_go_whatever_the_strategy(self):
        tables = {strategy: f"t_{strategy}" for strategy in ("synthetic", "watermark", "watermark_cdc", "window")}
        self.configure_by_day(tables)
        text = self.place.toml.read_text()
        self.place.toml.write_text(re.sub(r'(?m)^key = \["id"\]$', "key = [\"id\"]\nwhere = \"v = 'keep'\"", text))
        day = datetime.date.today().isoformat()

        def state(*rows):
            for name in tables.values():
                lines = "".join(f"{key},{day}T{time},{value}\n" for key, time, value in rows)
                self.drop(f"{name}.csv", f"id,day,v\n{lines}".encode())
            report = self.place.once()
            self.assertEqual(report["exit"], 0, report)
            for name in tables.values():
                with self.subTest(table=name, rows=rows):
                    kept = {key for key, _, value in rows if value == "keep"}
                    self.assertEqual({row["id"] for row in self.place.rows(name)}, kept)
            return {name: [report["by_table"][name][count] for count in ("inserts", "updates")] for name in tables.values()}

        state((1, "01", "keep"), (2, "02", "keep"), (3, "03", "drop"))
        state((1, "04", "drop"), (2, "02", "keep"), (3, "03", "drop"))
        state((1, "04", "drop"), (2, "05", "keep"), (3, "06", "keep"), (4, "07", "drop"))
        state((1, "08", "keep"), (2, "09", "drop"), (3, "06", "keep"), (4, "07", "drop"))
        again = self.place.once()
        self.assertEqual({table["action"] for table in again["tables"]}, {"none"}, again)

    def test_rows_that_stop_matching_go_whatever_else_happens_then(self):
        """In a staged table, in the run in which the strategy is another, and when the memory of the agent is lost."""
        day = datetime.date.today().isoformat()
        table = 'key = ["id"]\nwatermark = "day"\nwhere = "v = \'keep\'"\nstrategy = '
        configure = lambda lines: self.place.configure({name: table + line for name, line in lines.items()})
        state = self.place.work / "dev" / "agent-state"

        def drop(*rows):
            for name in "abcd":
                self.drop(f"{name}.csv", ("id,day,v\n" + "".join(f"{key},{day}T{time},{value}\n" for key, time, value in rows)).encode())
            report = self.place.once()
            self.assertEqual(report["exit"], 0, report)
            for name in "abcd":
                with self.subTest(table=name, rows=rows):
                    self.assertEqual({row["id"] for row in self.place.rows(name)}, {key for key, _, value in rows if value == "keep"})
            return report

        configure({"a": '"watermark"\npush = "staged"', "b": '"window"\npush = "staged"', "c": '"watermark"', "d": '"window"'})
        drop((1, "01", "keep"), (2, "02", "keep"), (3, "02", "keep"))
        configure({"a": '"watermark"\npush = "staged"', "b": '"window"\npush = "staged"', "c": '"window"', "d": '"watermark"'})
        drop((1, "03", "out"), (2, "02", "keep"), (3, "02", "keep"))
        for path in state.glob("Cust.capture.db*"):
            path.unlink()
        drop((1, "03", "out"), (2, "04", "out"), (3, "02", "keep"))
        for _ in range(2):
            report = drop((1, "03", "out"), (2, "04", "out"), (3, "02", "keep"))
        self.assertEqual({one["action"] for one in report["tables"]}, {"none"}, report)

    def test_a_watermark_that_falls_back_sends_nothing_again(self):
        self.configure_by_day({"watermark": "a"})
        self.drop("a.csv", b"id,day\n1,2024-01-01\n2,2024-01-01\n3,2024-01-02\n")
        self.place.once()
        self.drop("a.csv", b"id,day\n1,2024-01-01\n2,2024-01-01\n")
        self.assertEqual(self.place.once()["by_table"]["a"]["action"], "none")
        self.drop("a.csv", b"id,day\n1,2024-01-01\n2,2024-01-01\n4,2024-01-01\n")
        report = self.place.once()
        self.assertEqual([report["by_table"]["a"][count] for count in ("inserts", "updates", "deletes")], [1, 0, 0])

    def test_a_window_loses_no_row_with_the_memory_of_the_agent(self):
        self.configure_by_day({"window": "a"})
        old, new = datetime.date.today() - datetime.timedelta(days=90), datetime.date.today()
        self.drop("a.csv", f"id,day\n1,{old}\n2,{new}\n".encode())
        self.place.once()
        self.drop("a.csv", f"id,day\n2,{new}\n3,{new}\n".encode())
        self.place.once()
        self.assertEqual(len(self.place.rows("a")), 3)
        for path in (self.place.work / "dev" / "agent-state").glob("Cust.capture.db*"):
            path.unlink()
        self.drop("a.csv", f"id,day\n3,{new}\n4,{new}\n".encode())
        report = self.place.once()
        self.assertEqual((report["exit"], report["by_table"]["a"]["action"]), (0, "changes"), report)
        self.assertEqual({row["id"] for row in self.place.rows("a")}, {1, 2, 3, 4})
        self.drop("a.csv", f"id,day\n4,31.12.2025\n5,{new}\n".encode())
        self.assertIn("has values that do not begin like 2024-05-01", " ".join(self.place.once()["notes"]))
        self.drop("a.csv", f"id,day\n1,{old}\n".encode())
        self.assertIn("no value of 'day' is within the window", " ".join(self.place.once()["notes"]))

    def test_a_key_that_comes_twice_is_told_and_its_first_row_counts(self):
        self.place.configure({"a": 'key = ["id"]'})
        self.drop("a.csv", b"id,n\n1,1\n2,2\n1,9\n")
        report = self.place.once()
        self.assertEqual(report["exit"], 0, report)
        told = "1 row has the key of another row (line 4 has the key of line 2); only the first row of each key"
        self.assertIn(told, " ".join(report["notes"]))
        self.assertEqual(self.place.rows("a"), [{"id": 1, "n": 1}, {"id": 2, "n": 2}])
        self.drop("a.csv", b"id,n\n1,5\n2,2\n1,9\n")
        report = self.place.once()
        self.assertEqual(report["by_table"]["a"]["updates"], 1)
        self.assertIn(told, " ".join(report["notes"]))
        self.assertEqual(self.place.rows("a"), [{"id": 1, "n": 5}, {"id": 2, "n": 2}])

    def test_of_many_keys_that_come_twice_the_first_lines_are_told(self):
        self.place.configure({"a": 'key = ["id"]'}, numbers=False)
        self.drop("a.csv", "".join(["id,n\n"] + [f"secret{i % 9},{i}\n" for i in range(27)]).encode())
        notes = " ".join(self.place.once()["notes"])
        self.assertIn("18 rows have the key of another row (line 11 has the key of line 2, ", notes)
        self.assertIn("line 15 has the key of line 6, ...); only", notes)
        self.assertNotIn("line 16", notes)
        self.assertNotIn("secret", notes)

    def test_a_decimal_comma_that_the_configuration_says(self):
        self.place.configure({"a": 'key = ["id"]'})
        self.drop("a.csv", b"id\tn\n1\t1,5\n")
        self.place.once()
        self.assertEqual(self.place.rows("a")[0]["n"], "1,5")
        self.place.configure({"a": 'key = ["id"]\ndecimal = ","'})
        report = self.place.once()
        self.assertIn("guessed: n real (decimal comma)", " ".join(report["guesses"]))
        self.assertEqual(self.place.rows("a")[0]["n"], 1.5)
        self.assertEqual(self.place.once()["guesses"], [])

    def test_keys_that_come_twice_lose_no_row_whatever_the_strategy(self):
        """A population reads all rows, also those that a watermark or a window leaves alone."""
        today = datetime.datetime.now(datetime.timezone.utc).date()
        old = [f"{i},2020-01-{i:02},v{i}\n" for i in range(1, 21)]
        new = [f"21,{today},v21\n"]
        tables = {strategy: f"t_{strategy}" for strategy in ("synthetic", "watermark", "watermark_cdc", "window")}
        self.configure_by_day(tables)
        for rows, told in ((old + new + [f"21,{today},again\n"], 4), (old + new + ["3,2020-01-03,again\n"], 1)):
            for table in tables.values():
                self.drop(f"{table}.csv", ("id,day,v\n" + "".join(rows)).encode())
            report = self.place.once("--repopulate")
            self.assertEqual(report["exit"], 0, report)
            # Of those that are not looked at the first counts as well, though nobody says so.
            self.assertEqual(sum("key of another row" in note for note in report["notes"]), told, report["notes"])
            for table in tables.values():
                with self.subTest(table=table, told=told):
                    mirrored = {row["id"]: row["v"] for row in self.place.rows(table)}
                    self.assertEqual(mirrored, {i: f"v{i}" for i in range(1, 22)})

    def test_the_order_of_rows_means_nothing(self):
        rows = [f"{i},{i * 7 % 13},v{i}\n".encode() for i in range(500)]
        self.place.configure({"a": 'key = ["id"]'})
        self.drop("a.csv", b"id,n,v\n" + b"".join(rows))
        self.place.once()
        for order in (rows[::-1], rows[250:] + rows[:250], sorted(rows)):
            self.drop("a.csv", b"id,n,v\n" + b"".join(order))
            report = self.place.once()
            self.assertEqual((report["exit"], report["by_table"]["a"]["action"]), (0, "none"), report)

    def test_an_older_state_and_back(self):
        """Only the difference goes, in either direction."""
        with tarfile.open(HISTORY) as history:
            history.extractall(self.place.work / "states")
        states = sorted((self.place.work / "states").iterdir())
        self.place.configure({"airport_frequencies": 'key = ["id"]'})
        before = None
        for state in (states[-1], states[0], states[-1], states[3]):
            shutil.copyfile(state / "airport_frequencies.csv", self.place.drop / "airport_frequencies.csv")
            report = self.place.once()
            self.assertEqual(report["exit"], 0, report)
            now = {row["id"]: row for row in read(state / "airport_frequencies.csv")}
            if before is not None:
                sent = report["by_table"]["airport_frequencies"]
                changed = sum(before[key] != now[key] for key in before.keys() & now.keys())
                counts = (len(now.keys() - before.keys()), changed, len(before.keys() - now.keys()))
                self.assertEqual((sent["inserts"], sent["updates"], sent["deletes"]), counts)
            self.assertEqual({str(row["id"]) for row in self.place.rows("airport_frequencies")}, now.keys())
            before = now

    def test_columns_come_go_and_change_places(self):
        self.place.configure({"a": 'key = ["id"]'})
        for header, first in (
            ("id,n", {"id": 1, "n": 5}),
            ("id,n,more", {"id": 1, "n": 5, "more": "m"}),
            ("more,id,n", {"id": 1, "n": 5, "more": "m"}),
            ("id,more", {"id": 1, "more": "m"}),
            ("id,other,more", {"id": 1, "more": "m", "other": 7}),
        ):
            values = {"id": None, "n": "5", "more": "m", "other": "7"}
            lines = "".join(",".join(values[name] or str(i) for name in header.split(",")) + "\n" for i in range(1, 300))
            self.drop("a.csv", f"{header}\n{lines}".encode())
            report = self.place.once()
            self.assertEqual(report["exit"], 0, (header, report))
            rows = {row["id"]: row for row in self.place.rows("a")}
            self.assertEqual((rows[1], len(rows)), (first, 299), header)
            self.assertEqual(self.place.once()["by_table"]["a"]["action"], "none", header)
        # Without its key it is no table; nothing becomes of the mirror.
        self.drop("a.csv", b"number,more\n1,x\n")
        report = self.place.once()
        self.assertEqual(report["exit"], 1)
        self.assertIn("has no column 'id', which 'key' names", report["by_table"]["a"]["reason"])
        self.assertEqual(len(self.place.rows("a")), 299)

    def test_a_file_that_went_comes_back(self):
        self.place.configure({"a": 'key = ["id"]', "b": 'key = ["id"]'})
        for name in ("a", "b"):
            self.drop(f"{name}.csv", b"id,n\n" + b"".join(b"%d,1\n" % i for i in range(300)))
        self.place.once()
        (self.place.drop / "a.csv").unlink()
        self.drop("b.csv", b"id,n\n" + b"".join(b"%d,1\n" % i for i in range(301)))
        for _ in range(2):
            report = self.place.once()
            self.assertEqual((report["exit"], len(self.place.rows("a"))), (1, 300), report)
        self.assertEqual(len(self.place.rows("b")), 301, "the other table goes on")
        self.drop("a.csv", b"id,n\n" + b"".join(b"%d,%d\n" % (i, 1 + (i == 7)) for i in range(300)))
        report = self.place.once()
        sent = report["by_table"]["a"]
        self.assertEqual((report["exit"], sent["action"], sent["updates"]), (0, "changes", 1), report)

    def test_a_file_without_rows_does_not_empty_the_mirror(self):
        """For each strategy; the next good file is mirrored again without a word from anybody."""
        tables = {strategy: f"t_{strategy}" for strategy in ("synthetic", "watermark", "watermark_cdc", "window")}
        self.configure_by_day(tables)
        good = b"id,day\n" + b"".join(b"%d,2024-01-01\n" % i for i in range(2_000))

        def after(data):
            for table in tables.values():
                self.drop(f"{table}.csv", data)
            return self.place.once()

        def counts():
            return {len(self.place.rows(table)) for table in tables.values()}

        self.assertEqual(after(good)["exit"], 0)
        report = after(b"id,day\n")
        self.assertEqual((report["exit"], counts()), (1, {2_000}), report)
        for strategy in ("synthetic", "watermark_cdc"):
            self.assertEqual(report["by_table"][tables[strategy]]["result"], "held", report)
        report = after(b"")
        self.assertEqual((report["exit"], counts()), (1, {2_000}), report)
        report = after(good.replace(b"\n7,2024-01-01\n", b"\n7,2024-01-05\n"))
        self.assertEqual((report["exit"], counts()), (0, {2_000}), report)
        # Of what was held nobody knows what arrived, and a watermark forgot the rows that it did not meet: they go once
        # more, and none is lost.
        for table in (tables["synthetic"], tables["watermark_cdc"], tables["watermark"]):
            self.assertEqual({row["day"] for row in self.place.rows(table) if row["id"] == 7}, {"2024-01-05"}, table)
        self.assertEqual({table["action"] for table in self.place.once()["tables"]}, {"none"})

    def test_a_value_of_another_type_widens_its_column(self):
        self.place.configure({"a": 'key = ["id"]'})
        self.drop("a.csv", b"id,n\n1,1\n2,2\n")
        self.place.once()
        self.drop("a.csv", b"id,n\n1,1\n2,2.5\n")
        report = self.place.once()
        self.assertEqual(report["exit"], 0, report)
        self.assertEqual([row["n"] for row in self.place.rows("a")], [1.0, 2.5])
        self.drop("a.csv", b"id,n\n1,1\n2,n/a\n")
        self.assertEqual(self.place.once()["exit"], 0)
        self.assertEqual([row["n"] for row in self.place.rows("a")], ["1", "n/a"])

    def test_rows_are_chosen_and_values_hashed_and_masked_on_their_way(self):
        secret = b"0123456789abcdef0123456789abcdef"
        key = self.place.work / "columns.key"
        key.write_bytes(secret + b"\n")
        key.chmod(0o600)
        head = re.sub(r"^hash_key = .*", f'hash_key = "{key}"', self.place.toml_head, flags=re.MULTILINE)
        self.assertNotEqual(head, self.place.toml_head)
        self.place.toml_head = head
        steps = 'key = ["id"]\nas = "client"\ncolumns = ["id", "email", "phone", "n"]\nrename = { n = "amount" }\n'
        steps += 'hash = ["email", "n"]\nmask = { phone = 2 }\n'
        of_tenant = hmac.digest(secret, b"mirror column hash\nCust", "sha256")

        def hashed(value):
            return hmac.digest(of_tenant, value, "sha256").hex()

        def seven(value):
            return hashed(b"i" + value.to_bytes(8, "little"))

        self.drop("t.csv", b"id,country,email,n,phone\n1,DK,a@x,7,x12345\n2,SE,b@x,8,y\n3,DK,,9,\"\"\n")
        self.place.configure({"t": steps + "where = \"country = 'DK' AND n < 100\""})
        did = self.place.once()
        self.assertEqual(did["exit"], 0, did)
        self.assertEqual(did["by_table"]["client"]["inserts"], 2)
        one = {"id": 1, "email": hashed(b"ta@x"), "phone": "****45", "amount": seven(7)}
        three = {"id": 3, "email": None, "phone": "****", "amount": seven(9)}
        self.assertEqual(self.place.rows("client"), [one, three])
        # One comes to match, one stops to, one was changed where nobody looks.
        self.drop("t.csv", b"id,country,email,n,phone\n1,NO,a@x,7,x12345\n2,DK,b@x,8,y\n3,DK,,9,\"\"\n4,NO,c,1,z\n")
        did = self.place.once()["by_table"]["client"]
        self.assertEqual([did[what] for what in ("inserts", "updates", "deletes")], [1, 0, 1])
        two = {"id": 2, "email": hashed(b"tb@x"), "phone": "****", "amount": seven(8)}
        self.assertEqual(self.place.rows("client"), [two, three])
        run = subprocess.run(
            [BIN / "mirror-agent", "verify", "--config", self.place.toml], capture_output=True, text=True, check=False
        )
        self.assertEqual(run.returncode, 0, run.stdout + run.stderr)
        self.place.configure({"t": steps})
        self.assertEqual(self.place.once()["by_table"]["client"]["inserts"], 2)
        self.assertEqual([row["id"] for row in self.place.rows("client")], [1, 2, 3, 4])
        self.place.configure({"t": steps + "where = \"land = 'DK'\""})
        did = self.place.once()
        self.assertNotEqual(did["exit"], 0)
        self.assertIn("no such column: land", did["by_table"]["client"]["reason"])
        self.assertEqual([row["id"] for row in self.place.rows("client")], [1, 2, 3, 4])

    def test_the_last_of_dated_files_counts(self):
        self.place.configure({"a": 'key = ["id"]\nfile = "a-*.csv"'})
        self.drop("a-2024-01-01.csv", b"id,n\n1,1\n")
        self.drop("a-2024-02-01.csv", b"id,n\n1,2\n2,2\n")
        self.place.once()
        self.assertEqual(self.place.rows("a"), [{"id": 1, "n": 2}, {"id": 2, "n": 2}])
        self.drop("a-2024-03-01.csv", b"id,n\n2,3\n")
        sent = self.place.once()["by_table"]["a"]
        self.assertEqual((sent["inserts"], sent["updates"], sent["deletes"]), (0, 1, 1))

    def test_all_of_dated_files_are_one_table(self):
        tables = {strategy: f"t_{strategy}" for strategy in ("synthetic", "watermark", "watermark_cdc", "window")}
        self.configure_by_day(tables)
        text = self.place.toml.read_text()
        for name in tables.values():
            text = text.replace(f'name = "{name}"', f'name = "{name}"\nfiles = "all"\nfile = "{name}-*.csv"')
        self.place.toml.write_text(text)
        today = datetime.date.today()
        days = [(today - datetime.timedelta(days=age)).isoformat() for age in (3, 2, 1, 0)]

        def part(number, *rows):
            for name in tables.values():
                lines = "".join(f"{key},{days[number]},{value}\n" for key, value in rows)
                self.drop(f"{name}-{days[number]}.csv", f"id,day,v\n{lines}".encode())

        def check(expected, counts):
            report = self.place.once()
            self.assertEqual((report["exit"], report["notes"]), (0, []), report)
            for strategy, name in tables.items():
                with self.subTest(strategy=strategy):
                    self.assertEqual({row["id"]: row["v"] for row in self.place.rows(name)}, expected)
                    sent = report["by_table"][name]
                    self.assertEqual(sent["inserts"] + sent["updates"], counts)

        part(0, (1, "a"), (2, "b"))
        check({1: "a", 2: "b"}, 2)
        # Two of them between two runs; the newest row of each key counts.
        part(1, (2, "c"), (3, "d"))
        part(2, (3, "e"), (4, "f"))
        self.place.once()
        for name in tables.values():
            self.assertEqual({row["id"]: row["v"] for row in self.place.rows(name)}, {1: "a", 2: "c", 3: "e", 4: "f"})
        self.drop(f"{tables['synthetic']}-{days[3]}.csv", b"id,v\n9,x\n")
        report = self.place.once()
        self.assertEqual(report["exit"], 1)
        self.assertIn("has other columns than", str(report["by_table"][tables["synthetic"]]["reason"]))
        self.drop(f"{tables['synthetic']}-{days[3]}.csv", f"id,day,v\n9,{days[3]},x\n10\n".encode())
        report = self.place.once()
        self.assertIn(f"'{self.place.drop}/{tables['synthetic']}-{days[3]}.csv' line 3, it has 1 field", " ".join(report["notes"]))
        self.assertEqual(report["by_table"][tables["synthetic"]]["inserts"], 1, report["by_table"])
        self.assertEqual(len(self.place.rows(tables["synthetic"])), 5)

    def test_of_several_files_changes_are_found_when_they_are_compared(self):
        strategies = ("synthetic", "watermark", "watermark_cdc", "window")
        before = {f"{how}_to_{other}": how for how in strategies for other in strategies}
        after = {f"{how}_to_{other}": other for how in strategies for other in strategies}
        day = datetime.date.today().isoformat()

        def configure(tables):
            lines = {}
            for name, how in tables.items():
                one, other = name.split("_to_")
                lines[name] = f'key = ["id"]\nstrategy = "{how}"\nfiles = "all"\nfile = "{name}-*.csv"'
                lines[name] += "" if how == "synthetic" else '\nwatermark = "day"'
                lines[name] += '\npush = "staged"' if one == other else ""
            self.place.configure(lines)

        def part(number, *rows):
            for name in before:
                lines = "".join(f"{key},{day}T{number},{value}\n" for key, value in rows)
                self.drop(f"{name}-{number}.csv", f"id,day,v\n{lines}".encode())

        def check(expected):
            report = self.place.once()
            self.assertEqual(report["exit"], 0, report)
            for name in before:
                with self.subTest(table=name, expected=expected):
                    self.assertEqual({row["id"]: row["v"] for row in self.place.rows(name)}, expected)

        configure(before)
        part(1, (1, "old"), (2, "x"))
        part(2, (1, "new"), (3, "y"))
        check({1: "new", 2: "x", 3: "y"})
        configure(after)
        part(3, (1, "newer"), (4, "z"))
        check({1: "newer", 2: "x", 3: "y", 4: "z"})
        part(4, (2, "xx"), (5, "w"))
        check({1: "newer", 2: "xx", 3: "y", 4: "z", 5: "w"})

    def test_of_several_files_the_last_row_of_a_key_decides(self):
        """Whether it matches, whether it was mended."""
        tables = {strategy: f"t_{strategy}" for strategy in ("synthetic", "watermark", "watermark_cdc", "window")}
        self.configure_by_day(tables, numbers=False)
        text = self.place.toml.read_text()
        for name in tables.values():
            more = f'files = "all"\nfile = "{name}-*.csv"\nwhere = "gone = 0"\ntypes = {{ id = "integer", gone = "integer", v = "integer" }}'
            text = text.replace(f'name = "{name}"', f'name = "{name}"\n{more}')
        self.place.toml.write_text(text)
        today = datetime.date.today()
        days = [(today - datetime.timedelta(days=age)).isoformat() for age in (2, 1, 0)]

        def part(number, *rows):
            for name in tables.values():
                lines = "".join(f"{key},{days[number]},{gone},{value}\n" for key, gone, value in rows)
                self.drop(f"{name}-{days[number]}.csv", f"id,day,gone,v\n{lines}".encode())

        def check(expected):
            report = self.place.once()
            self.assertEqual(report["exit"], 0, report)
            for strategy, name in tables.items():
                with self.subTest(strategy=strategy, expected=expected):
                    self.assertEqual({row["id"]: row["v"] for row in self.place.rows(name)}, expected)
            return report

        part(0, (1, 0, 1), (2, 0, 2), (3, 0, 3), (4, 1, 4))
        check({1: 1, 2: 2, 3: 3})
        part(1, (2, 1, 20), (3, 0, 30), (4, 0, 40))
        self.assertEqual(check({1: 1, 3: 30, 4: 40})["notes"], [])
        part(2, (1, 0, "x"), (3, 1, 300))
        # What cannot be read is as it was; what it was replaced by is not asked.
        report = self.place.once()
        self.assertEqual(report["exit"], 0, report)
        for name in tables.values():
            mended = self.place.work / "dev" / "agent-state" / "Cust.rejects" / f"{name}.mended.csv"
            mended.write_text(f"id,day,gone,v\n1,{days[2]},0,100\n")
        check({1: 100, 4: 40})
        self.assertEqual({table["action"] for table in self.place.once()["tables"]}, {"none"})

    def test_a_file_that_is_not_there_or_still_written_changes_nothing(self):
        self.place.configure({"a": 'key = ["id"]'})
        report = self.place.once()
        self.assertEqual(report["exit"], 1)
        self.drop("a.csv", b"id,n\n1,1\n")
        self.place.once()
        (self.place.drop / "a.csv").unlink()
        report = self.place.once()
        self.assertEqual(report["exit"], 1)
        self.assertIn("there is no file 'a.csv'", report["by_table"]["a"]["reason"])
        self.assertEqual(self.place.rows("a"), [{"id": 1, "n": 1}])
        self.place.toml.write_text(self.place.toml.read_text().replace('settle = "0s"', 'settle = "1h"'))
        self.drop("a.csv", b"id,n\n2,")
        report = self.place.once()
        self.assertEqual(report["exit"], 0, report)
        self.assertIn("is still being written", " ".join(report["notes"]))
        self.assertEqual(self.place.rows("a"), [{"id": 1, "n": 1}])

    def test_a_file_that_was_just_put_there_is_waited_for(self):
        self.place.configure({"a": 'key = ["id"]'})
        self.place.toml.write_text(self.place.toml.read_text().replace('settle = "0s"', 'settle = "1s"'))
        self.drop("a.csv", b"id,n\n1,1\n")
        report = self.place.once()
        self.assertEqual((report["exit"], report["notes"]), (0, []), report)
        self.assertEqual(self.place.rows("a"), [{"id": 1, "n": 1}])
        written, stop = threading.Event(), threading.Event()

        def write():
            with (self.place.drop / "a.csv").open("ab") as file:
                row = 1
                while not stop.is_set():
                    row += 1
                    file.write(b"%d,1\n" % row)
                    file.flush()
                    written.set()
                    stop.wait(0.02)

        writer = threading.Thread(target=write)
        writer.start()
        written.wait(PATIENCE_S)
        try:
            report = self.place.once()
        finally:
            stop.set()
            writer.join()
        self.assertIn("is still being written", " ".join(report["notes"]))
        self.assertEqual(self.place.rows("a"), [{"id": 1, "n": 1}])
        self.assertEqual(self.place.once()["exit"], 0)
        self.assertGreater(len(self.place.rows("a")), 1)


def as_cell(text):
    """As who types it into a sheet: a number where it is one."""
    if re.fullmatch(r"0|-?[1-9][0-9]{0,14}", text):
        return int(text)
    if re.fullmatch(r"-?(0|[1-9][0-9]*)\.[0-9]+", text) and sum(map(str.isdigit, text)) <= 15:
        return float(text)
    return text or None


class Workbooks(unittest.TestCase):
    def setUp(self):
        self.place = Place(self)

    def save(self, name, rows, sheet="Sheet"):
        book = openpyxl.Workbook()
        page = book.active
        page.title = sheet
        for row in rows:
            page.append(row)
        book.save(self.place.drop / name)
        return book

    def test_real_states_as_workbooks(self):
        tables = ("countries", "regions", "navaids")
        self.place.configure({table: 'key = ["id"]' for table in tables}, kind="xlsx")
        with tarfile.open(HISTORY) as history:
            history.extractall(self.place.work / "states")
        states = sorted((self.place.work / "states").iterdir())
        before = {}
        for state in states:
            for table in tables:
                with (state / f"{table}.csv").open(encoding="utf-8", newline="") as file:
                    self.save(f"{table}.xlsx", ([as_cell(text) for text in row] for row in csv.reader(file)))
            report = self.place.once()
            self.assertEqual((report["exit"], report["notes"]), (0, []), report)
            for table in tables:
                wanted = {row["id"]: row for row in read(state / f"{table}.csv")}
                mirrored = {str(row["id"]): row for row in self.place.rows(table)}
                self.assertEqual(set(mirrored), set(wanted))
                for key, row in wanted.items():
                    for column, text in row.items():
                        value = mirrored[key][column]
                        # Trailing zeros of a number are not in a cell.
                        equal = same(value, text) or isinstance(as_cell(text), float) and str(value) == str(as_cell(text))
                        self.assertTrue(equal, (table, key, column, text, value))
                sent = report["by_table"][table]
                if table in before and sent["action"] == "changes":
                    former = before[table]
                    self.assertEqual(sent["inserts"], len(wanted.keys() - former.keys()))
                    self.assertEqual(sent["deletes"], len(former.keys() - wanted.keys()))
                before[table] = wanted
        self.assertEqual({table["action"] for table in self.place.once()["tables"]}, {"none"})

    def test_dates_numbers_texts_and_sheets(self):
        self.place.configure({"a": 'key = ["id"]\nsheet = "Second"'}, kind="xlsx")
        book = self.save("a.xlsx", [["not this one"]], sheet="First")
        page = book.create_sheet("Second")
        rows = [
            ["id", "day", "moment", "clock", "price", "text", "flag"],
            [1, datetime.date(2024, 5, 1), datetime.datetime(2024, 5, 1, 12, 30), datetime.time(7, 8, 9), 0.1, "007", True],
            [2, datetime.date(1900, 2, 28), datetime.datetime(1999, 12, 31, 23, 59, 59), None, 1e20, " a\n\"b\" ", False],
            [],
            [4, None, None, None, -3, "\u20ac", None],
        ]
        for row in rows:
            page.append(row)
        book.save(self.place.drop / "a.xlsx")
        report = self.place.once()
        self.assertEqual(report["exit"], 0, report)
        self.assertEqual(
            [tuple(row.values()) for row in self.place.rows("a")],
            [
                (1, "2024-05-01", "2024-05-01 12:30:00", "07:08:09", 0.1, "007", 1),
                (2, "1900-02-28", "1999-12-31 23:59:59", None, 1e20, ' a\n"b" ', 0),
                (4, None, None, None, -3.0, "\u20ac", None),
            ],
        )

    def test_cells_that_are_typed_as_texts_stay_texts(self):
        self.place.configure({"a": 'key = ["id"]'}, kind="xlsx", numbers=False)
        book = openpyxl.Workbook()
        page = book.active
        for row in (["id", "text", "number"], ["1.1", "5", 5], ["1.10", "6", 6], ["1E5", "7", 7.5], ["100000", "8", 8]):
            page.append(row)
        book.save(self.place.drop / "a.xlsx")
        report = self.place.once()
        self.assertEqual((report["exit"], report["notes"]), (0, []), report)
        self.assertEqual(
            [tuple(row.values()) for row in self.place.rows("a")],
            [("1.1", "5", 5.0), ("1.10", "6", 6.0), ("100000", "8", 8.0), ("1E5", "7", 7.5)],
        )
        self.assertIn("id text (key), text text, number real", report["guesses"][0])

    def test_numbers_times_and_texts_as_workbooks_have_them(self):
        self.place.configure({"a": 'key = ["id"]'}, kind="xlsx")
        book = openpyxl.Workbook()
        page = book.active
        page.append(["id", "real", "span", "moment", "text", "sum"])
        page.append([1, 0.1 + 0.2, datetime.timedelta(hours=36, minutes=5), datetime.datetime(2024, 2, 29, 23, 59, 59, 500_000)])
        page["E2"] = "a_x000D_b _x005F_x000D_ _x0041_"
        page.append([2, 1234567890.1234567, datetime.timedelta(seconds=9), datetime.datetime(2024, 2, 29, 12, 30)])
        page.append([3, 5, None, None, None, "=1+1"])
        page.append([4, 123456789012345])
        made = self.place.work / "made.xlsx"
        book.save(made)
        # Excel itself writes all digits.
        with zipfile.ZipFile(made) as parts, zipfile.ZipFile(self.place.drop / "a.xlsx", "w", zipfile.ZIP_DEFLATED) as exact:
            for name in parts.namelist():
                data = parts.read(name)
                data = re.sub(rb"<v>0\.3[0-9]*</v>", b"<v>0.30000000000000004</v>", data)
                exact.writestr(name, re.sub(rb"<v>1234567890\.[0-9]*</v>", b"<v>1234567890.1234567</v>", data))
        report = self.place.once()
        self.assertEqual(report["exit"], 0, report)
        self.assertIn("line 4, column F: its formula was never calculated", " ".join(report["notes"]))
        self.assertEqual(
            [tuple(row.values())[:5] for row in self.place.rows("a")],
            [
                (1, 0.30000000000000004, "36:05:00", "2024-02-29 23:59:59.500", "a\rb _x000D_ _x0041_"),
                (2, 1234567890.1234567, "00:00:09", "2024-02-29 12:30:00", None),
                (4, 123456789012345.0, None, None, None),
            ],
        )

    def test_inline_texts_errors_and_sparse_cells(self):
        self.place.configure({"a": 'key = ["id"]'}, kind="xlsx")
        sheet = (
            '<?xml version="1.0"?><worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>'
            '<row r="2"><c r="A2" t="inlineStr"><is><t>id</t></is></c><c r="C2" t="inlineStr"><is><t>c</t></is></c>'
            '<c r="B2" t="inlineStr"><is><r><t>b</t></r></is></c></row>'
            '<row r="3"><c r="A3"><v>1</v></c><c r="C3" t="str"><f>X()</f><v>made</v></c></row>'
            '<row r="4"><c r="A4"><v>2</v></c><c r="B4" t="e"><v>#N/A</v></c></row>'
            '<row r="7"><c r="A7"><v>3</v></c><c r="B7" t="b"><v>1</v></c><c r="E7"><v>9</v></c></row>'
            '<row r="8"><c r="A8"><v>4</v></c></row><row r="9"><c r="A9"><v>5</v></c><c r="B9"><f>A1+1</f></c></row>'
            '</sheetData></worksheet>'
        )
        with zipfile.ZipFile(self.place.drop / "a.xlsx", "w", zipfile.ZIP_DEFLATED) as book:
            book.writestr(
                "xl/workbook.xml",
                '<workbook xmlns:r="r"><sheets><sheet name="One" sheetId="7" r:id="rId3"/></sheets></workbook>',
            )
            book.writestr(
                "xl/_rels/workbook.xml.rels",
                '<Relationships><Relationship Id="rId3" Target="worksheets/other.xml"/></Relationships>',
            )
            book.writestr("xl/worksheets/other.xml", sheet)
        report = self.place.once()
        self.assertEqual(report["exit"], 0, report)
        note = " ".join(report["notes"])
        for said in ("3 rows were left out", "line 9, column B: its formula was never", "line 4, column B: the cell holds an error", "line 7, it has more columns than the header"):
            self.assertIn(said, note)
        self.assertEqual(
            self.place.rows("a"), [{"id": 1, "b": None, "c": "made"}, {"id": 4, "b": None, "c": None}]
        )

    def test_what_is_no_workbook_says_so(self):
        self.place.configure({"a": 'key = ["id"]\nsheet = "None"'}, kind="xlsx")
        (self.place.drop / "a.xlsx").write_bytes(b"id,n\n1,1\n")
        self.assertIn("is not an Excel workbook", str(self.place.once()["by_table"]))
        self.save("a.xlsx", [["id"], [1]])
        self.assertIn("it has no sheet 'None'", str(self.place.once()["by_table"]))
        for text, said in (
            ('<!DOCTYPE x [<!ENTITY a "b">]><workbook>&a;</workbook>', "has a document type, which is not allowed"),
            ("<workbook><sheets></workbook>", "not well-formed"),
        ):
            with zipfile.ZipFile(self.place.drop / "a.xlsx", "w") as book:
                book.writestr("xl/workbook.xml", text)
            self.assertIn(said, str(self.place.once()["by_table"]))


if __name__ == "__main__":
    BIN = pathlib.Path(sys.argv.pop(1)).resolve()
    unittest.main()
