#!/usr/bin/python3
"""docs/examples/search_index.py against a real server: at random steps the program or the server is killed, the mirror is
restored, populated, dropped, or gets a column. Behind each round the index has the rows of the table, and no other.

Usage: search_index_test.py BIN_DIR [unittest arguments]     MIRROR_TEST_SEED=N: as it was then; MIRROR_TEST_ROUNDS=N
"""

import contextlib
import http.client
import http.server
import json
import pathlib
import sqlite3
import subprocess
import sys
import threading
import unittest
import urllib.parse

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "support"))
import journal_place  # noqa: E402
import many_servers  # noqa: E402
import programs  # noqa: E402

BIN = None
PROGRAM = ROOT / "docs" / "examples" / "search_index.py"
PATIENCE_S = journal_place.PATIENCE_S
DYING_S = 5  # Where a cycle failed for another reason the server lives.
# By table: the columns of its key.
KEYS = {"people": ["id"], "words": ["word"], "visits": ["room", "number"]}
TABLES = (
    "CREATE TABLE people (id INTEGER PRIMARY KEY, name TEXT, age INTEGER)",
    "CREATE TABLE words (word TEXT PRIMARY KEY NOT NULL, meaning TEXT) WITHOUT ROWID",
    "CREATE TABLE visits (room TEXT, number INTEGER, note TEXT, PRIMARY KEY (room, number)) WITHOUT ROWID",
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 40) "
    "INSERT INTO people SELECT i, 'name ' || i, i % 9 FROM n",
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 40) "
    "INSERT INTO words SELECT 'word' || i, 'meaning ' || i FROM n",
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 40) "
    "INSERT INTO visits SELECT 'room ' || i % 4, i, 'note ' || i FROM n",
)
# Texts that are no plain words of a query.
ODD_WORDS = ("a/b", "ü&=+ %41", '["x"]', "", "tab\there", "~x", "'", "x" * 3000)
SMALL = {"MIRROR_AGENT_BATCH_BYTES": "1KB", "MIRROR_AGENT_WINDOW": "2"}
DIES_AT = ("rows.written", "journal.written", "journal.closed", "commit.before", "commit.after", "swap.exchanged")
ROUNDS = 16


class Between:
    """Between the program and the server, whom it asks for pages of a few entries: `strike` is done once at the request
    of that number, before it is asked, or when half of the answer is sent."""

    def __init__(self, test, port):
        self.count, self.strike, self.number, self.is_late = 0, None, 0, False

        class Handler(http.server.BaseHTTPRequestHandler):
            def log_message(self, *_):
                pass

            def do_GET(handler):  # noqa: N805
                self.answer(handler)

        self.port = port
        self.listener = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.listener.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.listener.server_address[1]}"
        thread = threading.Thread(target=self.listener.serve_forever, daemon=True)
        thread.start()
        test.addCleanup(self.listener.server_close)
        test.addCleanup(self.listener.shutdown)

    def arm(self, strike=None, number=0, is_late=False):
        self.count, self.strike, self.number, self.is_late = 0, strike, number, is_late

    def answer(self, handler):
        self.count += 1
        is_due = self.strike is not None and self.count == self.number
        with contextlib.suppress(OSError, http.client.HTTPException):
            if is_due and not self.is_late:
                self.strike()
            path = handler.path.replace("/changes?", "/changes?count=2&")
            server = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE_S)
            with contextlib.closing(server):
                server.request("GET", path, headers={"X-API-KEY": handler.headers["X-API-KEY"]})
                answer = server.getresponse()
                body = answer.read()
            handler.send_response(answer.status)
            handler.send_header("Content-Length", str(len(body)))
            handler.end_headers()
            half = len(body) // 2 if is_due else len(body)
            handler.wfile.write(body[:half])
            handler.wfile.flush()
            if is_due:
                self.strike()
            handler.wfile.write(body[half:])
        handler.close_connection = True


class SearchIndex(unittest.TestCase):
    def setUp(self):
        self.dice = many_servers.dice()
        self.place = journal_place.JournalPlace(self, BIN, tables=TABLES)
        self.between = Between(self, urllib.parse.urlsplit(self.place.url).port)
        self.copies, self.columns, self.done = [], 0, {}

    # --- The program ---

    def begin(self, table):
        words = [self.between.url, "Cust", self.index(table), table, *KEYS[table]]
        return subprocess.Popen(
            ["/usr/bin/python3", "-B", PROGRAM, *words],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=programs.environment(API_KEY=self.place.server.owner),
        )

    def index(self, table):
        return self.place.work / f"{table}.index.db"

    def follow(self, table):
        """To the end of the journal."""
        self.between.arm()
        program = self.begin(table)
        said = program.communicate(timeout=PATIENCE_S)[0]
        self.assertEqual(program.returncode, 0, said)
        self.assertEqual(said, "")

    def killed_program(self, table):
        started = threading.Event()

        def kill():
            started.wait(PATIENCE_S)
            program.kill()
            program.wait(PATIENCE_S)

        self.between.arm(kill, self.dice.randint(1, 8), self.dice.random() < 0.5)
        program = self.begin(table)
        started.set()
        program.communicate(timeout=PATIENCE_S)
        self.assertIn(program.returncode, (0, -9))
        return program.returncode == -9

    def killed_server(self, table):
        self.between.arm(self.place.server.kill, self.dice.randint(1, 8), self.dice.random() < 0.5)
        program = self.begin(table)
        program.communicate(timeout=PATIENCE_S)
        if self.place.server.process.poll() is None:
            return False
        self.place.server.start()
        return True

    # --- What happens to the mirror ---

    def written(self):
        self.change_source()
        self.place.agent("once", **SMALL)
        return True

    def change_source(self):
        number, words = self.dice.randrange, [word for (word,) in self.place.source("SELECT word FROM words")]
        stamp = number(1 << 30)
        words = words or ["none is left"]
        kinds = (
            ("UPDATE people SET name = ? WHERE id % 7 = ?", (f"name {stamp}", number(7))),
            ("UPDATE people SET age = ? WHERE id % 5 = ?", (number(99), number(5))),
            ("INSERT INTO people (name, age) VALUES (?, NULL)", (f"new {stamp}",)),
            ("DELETE FROM people WHERE id = (SELECT id FROM people ORDER BY id LIMIT 1 OFFSET ?)", (number(30),)),
            ("UPDATE OR IGNORE people SET id = ? WHERE id = (SELECT max(id) FROM people)", (1000 + number(1000),)),
            ("INSERT OR REPLACE INTO words (word, meaning) VALUES (?, ?)", (self.dice.choice(ODD_WORDS), f"odd {stamp}")),
            ("UPDATE words SET meaning = ? WHERE word = ?", (f"other {stamp}", self.dice.choice(words))),
            ("UPDATE OR IGNORE words SET word = ? WHERE word = ?", (f"word{stamp}", self.dice.choice(words))),
            ("DELETE FROM words WHERE word = ?", (self.dice.choice(words),)),
            ("UPDATE visits SET note = ? WHERE number % 6 = ?", (f"note {stamp}", number(6))),
            ("UPDATE visits SET note = NULL WHERE number = ?", (number(40),)),
            ("INSERT OR REPLACE INTO visits (room, number, note) VALUES (?, ?, ?)", (self.dice.choice(ODD_WORDS), number(9), f"odd {stamp}")),
            ("DELETE FROM visits WHERE number = ?", (number(40),)),
        )
        with contextlib.closing(sqlite3.connect(self.place.crm)) as source, source:
            for statement, values in self.dice.sample(kinds, self.dice.randint(1, 6)):
                source.execute(statement, values)

    def died(self):
        """The server, amid a push."""
        # Once it surely does.
        is_first = not self.done.get("died")
        point = "journal.written:1" if is_first else f"{self.dice.choice(DIES_AT)}:{self.dice.randint(1, 8)}"
        self.place.start_again(MIRROR_CRASH_AT=point)
        self.change_source()
        self.place.source(f"UPDATE people SET name = 'sure {self.dice.randrange(1 << 30)}' WHERE id = (SELECT min(id) FROM people)")
        died = self.place.try_agent("once", **SMALL).returncode != 0
        if died:
            try:
                self.place.server.process.wait(PATIENCE_S if is_first else DYING_S)
            except subprocess.TimeoutExpired:
                self.assertFalse(is_first, "the server lives")
                died = False
        self.place.start_again()
        return died

    def ctl(self, *words):
        done = self.place.ctl(*words)
        self.assertEqual(done.returncode, 0, done.stderr)

    def backed_up(self):
        self.copies.append(self.place.work / f"copy {len(self.copies)}.db")
        self.ctl("backup", "Cust", self.copies[-1])
        return True

    def restored(self):
        if not self.copies:
            return False
        self.ctl("restore", "Cust", self.dice.choice(self.copies[-3:]), "--confirm", "Cust")
        return True

    def populated(self):
        return self.done_to_a_table("invalidate") and self.written()

    def dropped(self):
        return self.done_to_a_table("reset")

    def done_to_a_table(self, act):
        """One that the mirror has: not behind a reset or a restore, before the next push."""
        with contextlib.closing(sqlite3.connect(f"file:{self.place.server.database('Cust')}?mode=ro", uri=True)) as mirror:
            there = {name for (name,) in mirror.execute("SELECT name FROM sqlite_schema")}
        there = [table for table in KEYS if table in there]
        if not there:
            return False
        self.ctl(act, "Cust", "--table", self.dice.choice(there))
        return True

    def got_a_column(self):
        self.columns += 1
        table = self.dice.choice(list(KEYS))
        self.place.source(f"ALTER TABLE {table} ADD COLUMN more_{self.columns} TEXT DEFAULT 'm{self.columns}'")
        return self.written()

    def waits(self, table):
        """For the rest of a population, as behind a restore to a copy of that time: nobody is given its rows."""
        with self.place.server.door() as door:
            return door.request("GET", f"/v4/storages/Cust/records/{table}", query={"limit": 1}).status == 409

    # --- The comparison ---

    def rows(self, path, table):
        """As JSON has them: INTEGER is INT64, a text."""
        with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as database:
            if not database.execute("SELECT 1 FROM sqlite_schema WHERE name = ?", [table]).fetchall():
                return {}
            found = database.execute(f"SELECT * FROM {table}")
            names = [one[0] for one in found.description]
            rows = [dict(zip(names, (str(one) if isinstance(one, int) else one for one in row))) for row in found]
        return {json.dumps([row[name] for name in KEYS[table]]): row for row in rows}

    def assert_equal(self, table, wanted):
        with contextlib.closing(sqlite3.connect(self.index(table))) as index, index:
            kept = {key: json.loads(row) for key, row in index.execute("SELECT key, row FROM item")}
            texts = dict(index.execute("SELECT key, text FROM item JOIN search ON search.rowid = item.id"))
            count = index.execute("SELECT count(*) FROM search").fetchone()[0]
            index.execute("INSERT INTO search (search) VALUES ('integrity-check')")
        self.assertEqual(kept, wanted, table)
        self.assertEqual(count, len(wanted))
        values = {key: "\n".join(one for one in row.values() if one is not None) for key, row in wanted.items()}
        self.assertEqual(texts, values, table)

    def test_behind_a_restore_to_a_population_that_was_not_over_it_waits_for_its_end(self):
        many = "SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000"
        self.place.source(f"WITH RECURSIVE n(i) AS ({many}) INSERT INTO words SELECT 'more ' || i, hex(i * i) FROM n")
        self.place.agent("once")
        self.follow("words")
        self.ctl("reset", "Cust", "--table", "words")
        self.place.start_again(MIRROR_CRASH_AT="rows.written:2")
        self.assertNotEqual(self.place.try_agent("once", **SMALL).returncode, 0)
        self.place.server.process.wait(PATIENCE_S)
        self.place.start_again()
        self.backed_up()
        self.place.agent("once")
        self.follow("words")
        whole = self.rows(self.place.crm, "words")
        self.assert_equal("words", whole)
        self.restored()
        self.assertTrue(self.waits("words"))
        self.follow("words")
        self.assert_equal("words", whole)
        self.place.source("UPDATE words SET meaning = 'changed' WHERE word = 'word7'")
        self.place.agent("once")
        self.follow("words")
        self.assert_equal("words", self.rows(self.place.crm, "words"))

    def test_it_equals_the_table_through_kills_and_restores(self):
        acts = (
            *(self.written, self.written, self.died, self.died, self.backed_up),
            *(self.restored, self.populated, self.dropped, self.got_a_column),
        )
        strikes = (self.killed_program, self.killed_server)
        # Each once, and then as it comes.
        order = [self.backed_up, self.written, *self.dice.sample(acts, len(acts))]
        order += [self.dice.choice(acts) for _ in range(many_servers.rounds(ROUNDS) - len(order))]
        for number, act in enumerate(order):
            with self.subTest(number=number, act=act.__name__):
                self.count(act.__name__, act())
                for table in KEYS:
                    for strike in self.dice.sample(strikes, self.dice.randint(0, 2)):
                        self.count(strike.__name__, strike(table))
                    self.follow(table)
                    if not self.waits(table):
                        self.assert_equal(table, self.rows(self.place.server.database("Cust"), table))
        self.place.agent("once")
        for table in KEYS:
            self.follow(table)
            self.assert_equal(table, self.rows(self.place.crm, table))
        self.assertEqual([name for name, count in self.done.items() if count == 0], [], self.done)
        print(self.done, flush=True)

    def count(self, name, is_done):
        self.done[name] = self.done.get(name, 0) + is_done


if __name__ == "__main__":
    BIN = pathlib.Path(sys.argv.pop(1)).resolve()
    unittest.main()
