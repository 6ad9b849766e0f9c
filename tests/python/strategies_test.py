#!/usr/bin/python3
"""Sources without a change log, driven as their owner drives them: real tables by watermark, strategies that are changed
between two runs, and the agent's own process killed at every step of its cycle.

Usage: strategies_test.py BIN_DIR
"""

import datetime
import itertools
import json
import os
import pathlib
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import unittest

import files_test
import whole_lines

CHINOOK = files_test.ROOT / "tests" / "data" / "chinook.sqlite"
STRATEGIES = ("synthetic", "watermark", "watermark_cdc", "window")
POINTS = ("locked", "begun", "announced", "recorded", "request", "sent", "compared", "completed", "forgot")


class Place(files_test.Place):
    def configure_sqlite(self, path, tables, source_lines=""):
        text = self.toml_head + f'\n[[source]]\ncontext_id = "Cust"\npath = "{path}"\n{source_lines}\n'
        for name, lines in tables.items():
            text += f'[[source.table]]\nname = "{name}"\n{lines}\n'
        self.toml.write_text(text)

    def killed_at(self, point):
        """Whether a run died there."""
        run = subprocess.run(
            [files_test.BIN / "mirror-agent", "once", "--config", self.toml],
            env=dict(os.environ, MIRROR_CRASH_AT=f"agent.{point}"),
            capture_output=True,
            check=False,
            timeout=300,
        )
        return run.returncode == -signal.SIGKILL

    def pointers(self, *words):
        run = subprocess.run(
            [files_test.BIN / "mirror-agent", "pointers", "--json", "--config", self.toml, *words],
            capture_output=True,
            text=True,
            check=True,
        )
        return {table["table"]: table for table in json.loads(run.stdout)["sources"][0]["tables"]}


def sends_deletes(strategy):
    return strategy in ("synthetic", "watermark_cdc")


def day(age=0):
    return str(datetime.datetime.now(datetime.timezone.utc).date() - datetime.timedelta(days=age))


class Chinook(unittest.TestCase):
    """Invoices by their date, of which some are the same, and their lines by number."""

    def setUp(self):
        self.place = Place(self)
        self.path = self.place.work / "shop.db"
        shutil.copyfile(CHINOOK, self.path)
        self.shop = sqlite3.connect(self.path, isolation_level=None)
        self.addCleanup(self.shop.close)
        self.held = {
            "Invoice": self.shop.execute("SELECT * FROM Invoice ORDER BY InvoiceDate, InvoiceId").fetchall()[200:],
            "InvoiceLine": self.shop.execute("SELECT * FROM InvoiceLine ORDER BY InvoiceLineId").fetchall()[1_000:],
        }
        for row in self.held["InvoiceLine"]:
            self.shop.execute("DELETE FROM InvoiceLine WHERE InvoiceLineId = ?", row[:1])
        for row in self.held["Invoice"]:
            self.shop.execute("DELETE FROM Invoice WHERE InvoiceId = ?", row[:1])
        self.place.configure_sqlite(
            self.path,
            {
                "Invoice": 'strategy = "watermark"\nwatermark = "InvoiceDate"',
                "InvoiceLine": 'strategy = "watermark"\nwatermark = "InvoiceLineId"',
            },
            'strategy = "synthetic"\ninclude = ["Invoice", "InvoiceLine"]',
        )

    def insert(self, table, rows):
        for row in rows:
            self.shop.execute(f"INSERT INTO {table} VALUES({','.join('?' * len(row))})", row)

    def source(self, table):
        return sorted(self.shop.execute(f"SELECT * FROM {table}").fetchall())

    def mirror(self, table):
        return sorted(tuple(row.values()) for row in self.place.rows(table))

    def run_once(self):
        report = self.place.once()
        self.assertEqual((report["exit"], report["notes"]), (0, []), report)
        return {name: table["inserts"] + table["updates"] + table["deletes"] for name, table in report["by_table"].items()}

    def test_rows_come_in_steps_with_ties(self):
        self.run_once()
        dates = [row[2] for row in self.held["Invoice"]]
        ties = [i for i in range(1, len(dates)) if dates[i] == dates[i - 1]]
        self.assertGreater(len(ties), 4)
        begin = 0
        # Each of the first steps ends between two rows of one date.
        for end in (*ties[:4], ties[4] + 1, len(dates)):
            steps = {"Invoice": slice(begin, end), "InvoiceLine": slice(begin * 5, end * 5)}
            for table, step in steps.items():
                self.insert(table, self.held[table][step])
            wanted = {table: len(self.held[table][step]) for table, step in steps.items()}
            self.assertEqual(self.run_once(), wanted, "each row goes once, and one with the last date as well")
            for table in steps:
                self.assertEqual(self.mirror(table), self.source(table))
            begin = end
        self.assertEqual(self.run_once(), {"Invoice": 0, "InvoiceLine": 0})

    def test_what_a_watermark_promises_and_what_not(self):
        self.run_once()
        last = max(row[2] for row in self.source("Invoice"))
        newest = [row for row in self.source("Invoice") if row[2] == last]
        promised = {row[0]: row for row in self.source("Invoice")}
        # Of the last date a change is seen, an older one not; nor is what went, until its number comes again.
        self.shop.execute("UPDATE Invoice SET Total = 99 WHERE InvoiceId IN (?, 3)", newest[0][:1])
        self.shop.execute("DELETE FROM InvoiceLine WHERE InvoiceLineId = 10")
        self.shop.execute("DELETE FROM Invoice WHERE InvoiceId = 5")
        sent = self.run_once()
        promised[newest[0][0]] = next(row for row in self.source("Invoice") if row[0] == newest[0][0])
        self.assertEqual(sent, {"Invoice": 1, "InvoiceLine": 0})
        self.assertEqual(self.mirror("Invoice"), sorted(promised.values()))
        self.assertEqual(len(self.mirror("InvoiceLine")), 1_000)

    def test_a_pointer_that_is_set_back_finds_what_was_changed_behind_it(self):
        self.run_once()
        self.insert("Invoice", self.held["Invoice"][:20])
        self.run_once()
        pointers = self.place.pointers()
        self.assertEqual(pointers["InvoiceLine"]["pointer"], 1_000)
        self.assertEqual(pointers["Invoice"]["pointer"], self.held["Invoice"][19][2])
        self.shop.execute("UPDATE InvoiceLine SET Quantity = 9 WHERE InvoiceLineId IN (20, 900, 1000)")
        self.assertEqual(self.run_once()["InvoiceLine"], 1, "the last one is looked at in each run")
        self.assertEqual(self.place.pointers("--set", "InvoiceLine=900")["InvoiceLine"]["pointer"], 900)
        # Which of them the mirror has is not remembered: all behind the pointer but the last one go again.
        self.assertEqual(self.run_once()["InvoiceLine"], 100)
        self.assertEqual(self.place.pointers()["InvoiceLine"]["pointer"], 1_000)
        nines = {row["InvoiceLineId"] for row in self.place.rows("InvoiceLine") if row["Quantity"] == 9}
        self.assertEqual(nines, {900, 1_000})
        self.place.pointers("--set", "InvoiceLine=1")
        self.run_once()
        self.assertEqual(self.mirror("InvoiceLine"), self.source("InvoiceLine"))


class Files:
    """A folder with one table, and what stands in it."""

    def __init__(self, test, rows=1_000):
        self.test = test
        self.place = Place(test)
        self.rows = {i: (day(100), f"v{i}") for i in range(1, rows + 1)}
        self.save()

    def use(self, strategy):
        by = "" if strategy == "synthetic" else '\nwatermark = "at"'
        self.place.configure({"a": f'key = ["id"]\nstrategy = "{strategy}"{by}'})

    def save(self):
        lines = "".join(f"{key},{at},{v}\n" for key, (at, v) in self.rows.items())
        new = self.place.drop / "a.new"
        new.write_text("id,at,v\n" + lines)
        new.rename(self.place.drop / "a.csv")

    def run(self):
        report = self.place.once()
        self.test.assertEqual(report["exit"], 0, report)
        table = report["by_table"]["a"]
        return table["action"], table["inserts"] + table["updates"] + table["deletes"]

    def mirror(self):
        rows = self.place.rows("a")
        mirrored = {row["id"]: (row["at"], row["v"]) for row in rows}
        self.test.assertEqual(len(mirrored), len(rows), "a row stands twice")
        return mirrored


class StrategyOfFiles(unittest.TestCase):
    def test_it_is_changed_without_a_population(self):
        """A table for each pair of strategies, and all of them in one folder."""
        pairs = list(itertools.permutations(STRATEGIES, 2))
        names = {pair: "_to_".join(pair) for pair in pairs}
        place = Place(self)
        rows = {i: (day(100), f"v{i}") for i in range(1, 1_001)}

        def use(which):
            by = {strategy: "" if strategy == "synthetic" else '\nwatermark = "at"' for strategy in STRATEGIES}
            place.configure(
                {names[pair]: f'key = ["id"]\nstrategy = "{pair[which]}"{by[pair[which]]}' for pair in pairs}
            )

        def run(action, count):
            """`count`: rows that are sent, whether either strategy of a pair sends deletes or none does."""
            for name in names.values():
                lines = "".join(f"{key},{at},{v}\n" for key, (at, v) in rows.items())
                (place.drop / f"{name}.csv").write_text("id,at,v\n" + lines)
            report = place.once()
            self.assertEqual(report["exit"], 0, report)
            for pair, name in names.items():
                with self.subTest(name=name, action=action):
                    table = report["by_table"][name]
                    sent = table["inserts"] + table["updates"] + table["deletes"]
                    deletes = any(map(sends_deletes, pair))
                    self.assertEqual((table["action"], sent), (action, count[0] if deletes else count[1]))
                    wanted = rows if deletes else rows | {key: (day(100), f"v{key}") for key in gone}
                    mirrored = place.rows(name)
                    self.assertEqual(len(mirrored), len(wanted))
                    self.assertEqual({row["id"]: (row["at"], row["v"]) for row in mirrored}, wanted)

        gone = set()
        use(0)
        run("populate", (1_000, 1_000))
        rows |= {i: (day(1), "a") for i in range(1, 21)}
        run("changes", (20, 20))
        # Between the last run of the one and the first of the other; some where the other would not look.
        rows |= {i: (day(1), "b") for i in range(11, 31)} | {500: (day(100), "c"), 2_000: (day(100), "d")}
        gone = {40, 41}
        for key in gone:
            del rows[key]
        use(1)
        run("changes", (24, 22))
        run("none", (0, 0))
        rows |= {50: (day(), "e"), 3_000: (day(), "e")}
        run("changes", (2, 2))
        # And back.
        rows[60] = (day(), "f")
        use(0)
        run("changes", (1, 1))
        run("none", (0, 0))


class Kills(unittest.TestCase):
    """The process dies at each step in turn; the next run brings the mirror to the source, and a further one has nothing
    to do."""

    def kill_everywhere(self, change, expect):
        reached = set()
        for number, point in enumerate(POINTS):
            with self.subTest(point=point):
                change(number)
                if self.place.killed_at(point):
                    reached.add(point)
                if number % 2 == 1:
                    change(number + 100)  # The source goes on while nobody looks.
                report = self.place.once()
                self.assertEqual(report["exit"], 0, report)
                expect()
                again = self.place.once()
                self.assertEqual({table["action"] for table in again["tables"]}, {"none"}, again)
        self.assertEqual(reached, set(POINTS), "points that no run passed")

    def test_of_a_file_source(self):
        files = Files(self)
        self.place = files.place
        head = re.sub(r"^batch_bytes = .*", "batch_bytes = 2000", self.place.toml_head, flags=re.MULTILINE)
        self.assertNotEqual(head, self.place.toml_head)
        self.place.toml_head = head
        files.use("synthetic")
        files.run()

        def change(number):
            files.rows |= {number * 7 + i: (day(), f"w{number} {i}") for i in range(1, 120)}
            files.rows[5_000 + number] = (day(), "new")
            files.rows.pop(900 - number)
            files.save()

        self.kill_everywhere(change, lambda: self.assertEqual(files.mirror(), files.rows))

    def test_of_a_synthetic_source(self):
        self.place = Place(self)
        path = self.place.work / "source.db"
        source = sqlite3.connect(path, isolation_level=None)
        self.addCleanup(source.close)
        source.execute("PRAGMA journal_mode = WAL")
        source.execute("CREATE TABLE a(id INTEGER PRIMARY KEY, v)")
        source.execute("CREATE TABLE notes(note TEXT)")
        source.execute("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2000) INSERT INTO a SELECT i, i FROM n")
        self.place.configure_sqlite(path, {}, 'strategy = "synthetic"')
        self.place.once()

        def change(number):
            source.execute("UPDATE a SET v = ? WHERE id % 9 = ?", (f"w{number}", number % 9))
            source.execute("DELETE FROM a WHERE id = ?", (1_900 - number,))
            source.execute("INSERT INTO a VALUES(?, 'new')", (5_000 + number,))
            source.execute("INSERT INTO notes VALUES(?)", (f"n{number % 4}",))

        def expect():
            for table in ("a", "notes"):
                wanted = sorted(source.execute(f"SELECT * FROM {table}").fetchall())
                self.assertEqual(sorted(tuple(row.values()) for row in self.place.rows(table)), wanted)

        self.kill_everywhere(change, expect)

    def test_a_row_that_went_before_it_was_sent_and_comes_again(self):
        """The dead run noted it, the next one finds it gone; when it is there again the mirror must not be thought to
        have it."""
        for strategy in STRATEGIES:
            with self.subTest(strategy=strategy):
                files = Files(self)
                files.use(strategy)
                files.run()
                files.rows[5_000] = (day(1), "first")
                files.save()
                self.assertTrue(files.place.killed_at("recorded"))
                del files.rows[5_000]
                files.save()
                files.run()
                files.rows[5_000] = (day(0), "again")
                files.save()
                files.run()
                self.assertEqual(files.mirror(), files.rows)

    def test_in_the_run_that_changes_the_strategy(self):
        files = Files(self)
        self.place = files.place
        files.use("synthetic")
        files.run()
        following = itertools.cycle(("watermark_cdc", "synthetic"))

        def change(number):
            files.use(next(following) if number < 100 else "synthetic")
            files.rows |= {number * 7 + i: (day(), f"w{number} {i}") for i in range(1, 60)}
            files.rows.pop(900 - number)
            files.save()

        self.kill_everywhere(change, lambda: self.assertEqual(files.mirror(), files.rows))


class FirstRuns(unittest.TestCase):
    """A source, or the agent's own write to it, that a kill left half way."""

    def test_a_first_run_that_is_killed_is_followed_by_one_of_the_same_source(self):
        for point in POINTS:
            with self.subTest(point=point):
                place = Place(self)
                place.configure({"a": 'key = ["id"]'})
                (place.drop / "a.csv").write_text("id,n\n1,1\n")
                place.killed_at(point)
                report = place.once()
                self.assertEqual(report["exit"], 0, report)
                self.assertEqual(place.rows("a"), [{"id": 1, "n": 1}])

    def test_a_write_that_was_killed_is_taken_back(self):
        place = Place(self)
        source = place.work / "source.db"
        database = sqlite3.connect(source)
        database.executescript("PRAGMA journal_mode = DELETE; CREATE TABLE t(id INTEGER PRIMARY KEY, v)")
        database.executemany("INSERT INTO t VALUES(?, ?)", [(key, "x" * 500) for key in range(2_000)])
        database.commit()
        database.close()
        place.configure_sqlite(source, {}, 'strategy = "cdc"')
        agent = files_test.BIN / "mirror-agent"
        subprocess.run([agent, "install", "--config", place.toml], check=True, stdout=subprocess.DEVNULL)
        self.assertEqual(place.once()["exit"], 0)
        killed = (
            "import os, sqlite3, sys; d = sqlite3.connect(sys.argv[1]); d.execute('PRAGMA cache_size = 5'); "
            "d.execute(\"UPDATE t SET v = 'lost'\"); os._exit(9)"
        )
        for command in ("once", "install"):
            subprocess.run([sys.executable, "-c", killed, source], check=False)
            self.assertTrue(source.with_name("source.db-journal").exists())
            run = subprocess.run(
                [agent, command, "--config", place.toml], capture_output=True, text=True, check=False, timeout=60
            )
            self.assertEqual(run.returncode, 0, run.stderr)
        self.assertEqual({row["v"] for row in place.rows("t")}, {"x" * 500})

    def test_two_agents_with_one_source_do_not_take_each_others_log(self):
        place = Place(self)
        source = place.work / "source.db"
        database = sqlite3.connect(source)
        database.executescript("CREATE TABLE t(id INTEGER PRIMARY KEY, v); CREATE TABLE u(id INTEGER PRIMARY KEY)")
        place.configure_sqlite(source, {}, 'strategy = "cdc"')
        agent = files_test.BIN / "mirror-agent"

        def run(command, config, *more):
            return subprocess.run(
                [agent, command, "--config", config, *more], capture_output=True, text=True, check=False, timeout=60
            )

        self.assertEqual(run("install", place.toml).returncode, 0)
        self.assertEqual(place.once()["exit"], 0)
        other = place.toml.with_name("other.toml")
        other.write_text(place.toml.read_text().replace("agent-state", "other-state").replace('"cdc"', '"cdc"\ninclude = ["u"]'))
        self.assertIn("other-state", other.read_text())
        schema = database.execute("SELECT name, sql FROM sqlite_schema").fetchall()
        for command, *more in (("install",), ("once",), ("once", "--dry-run"), ("uninstall",)):
            with self.subTest(command=command, more=more):
                refused = run(command, other, *more)
                self.assertEqual(refused.returncode, 1, refused.stdout)
                self.assertIn("belongs to another agent: tenant 'Cust'", whole_lines.joined(refused.stdout + refused.stderr))
        self.assertEqual(database.execute("SELECT name, sql FROM sqlite_schema").fetchall(), schema)
        database.executescript("INSERT INTO t VALUES(1, 2)")
        self.assertEqual(place.once()["by_table"]["t"]["action"], "changes")
        self.assertEqual(run("install", other, "--take-over").returncode, 0)
        self.assertEqual(place.once()["exit"], 1)
        self.assertEqual(run("uninstall", other).returncode, 0)
        self.assertEqual(run("install", place.toml).returncode, 0)
        self.assertEqual(place.once()["exit"], 0)
        database.close()

    def test_a_view_with_a_key_that_is_none_still_follows_its_source(self):
        place = Place(self)
        source = place.work / "source.db"
        database = sqlite3.connect(source)
        database.executescript(
            "CREATE TABLE t(id INTEGER, v TEXT, at INTEGER); CREATE VIEW w AS SELECT * FROM t;"
            "INSERT INTO t VALUES(1, 'a', 1), (1, 'b', 1), (2, 'x', 2)"
        )
        table = 'key = ["id"]\nwatermark = "at"\nstrategy = '
        names = {strategy: f'key = ["id"]\nstrategy = "{strategy}"' for strategy in ("synthetic",)}
        names.update({strategy: f'{table}"{strategy}"' for strategy in ("watermark", "watermark_cdc")})
        for first, then in (("synthetic", "watermark_cdc"), ("watermark", "synthetic")):
            with self.subTest(first=first, then=then):
                place.configure_sqlite(source, {"w": names[first] + '\npush = "staged"'}, 'strategy = "synthetic"\nskip = ["t"]')
                self.assertEqual(place.once()["exit"], 0)
                database.executescript("UPDATE t SET v = v || 'y', at = at + 10 WHERE id > 1; INSERT INTO t SELECT max(id) + 1, 'new', max(at) + 1 FROM t")
                self.assertEqual(place.once()["exit"], 0)
                self.check(place, database)
                place.configure_sqlite(source, {"w": names[then]}, 'strategy = "synthetic"\nskip = ["t"]')
                database.executescript("UPDATE t SET v = v || 'z', at = at + 10 WHERE id > 1; INSERT INTO t SELECT max(id) + 1, 'new', max(at) + 1 FROM t")
                self.assertEqual(place.once()["exit"], 0)
                self.check(place, database)
        database.close()

    def check(self, place, database):
        mirrored = {row["id"]: row["v"] for row in place.rows("w")}
        self.assertIn(mirrored.pop(1), ("a", "b"))
        self.assertEqual(mirrored, dict(database.execute("SELECT id, v FROM t WHERE id > 1")))


if __name__ == "__main__":
    files_test.BIN = pathlib.Path(sys.argv.pop(1)).resolve()
    unittest.main()
