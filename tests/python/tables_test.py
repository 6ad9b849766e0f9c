#!/usr/bin/python3
"""What mirrorctl and mirror-agent print for people: lines of at most 100 characters with long names, large numbers and
errors; in tables numbers grouped alike, ages as "12 min", times in UTC. A command that prints no table is named here with
what it prints instead, so that a new one cannot be forgotten.

Usage: tables_test.py BIN_DIR
"""

import json
import pathlib
import re
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
import unittest
import urllib.request

import help_test
import programs
import sanitizer_words
import whole_lines

BIN = None
PATIENCE_S = 120
LONG = "Cust-" + "x" * 55
STORAGE = "Acme-" + "x" * 19
BIG = "a_table_with_a_name_that_is_much_longer_than_anybody_would_give_to_one_" + "ä" * 10
ROWS = 2_345  # More than the breaker's rows_min.

# Cells by the name of their column; of a column that is not named here anything goes.
NUMBER = re.compile(r"-|\d{1,3}(,\d{3})*$")
PLAIN = re.compile(r"-|-?\d+$")  # Names one thing and counts nothing.
AGE = re.compile(r"(-|never|\d+ (s|min|h|d))( ago)?(, too old)?$")
TIME = re.compile(r"-|\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$")
SIZE = re.compile(r"\d+(\.\d)?([KMGTPE]i)?B$")
CELLS = {name: NUMBER for name in ("rows", "of", "inserts", "updates", "deletes", "missing", "changed", "ghosts", "tables")}
CELLS |= {name: PLAIN for name in ("lsn", "pending", "record")}
CELLS |= {name: AGE for name in ("data", "since", "written", "last run")}
CELLS |= {name: TIME for name in ("time", "not_before", "not_after")}
CELLS |= {"size": SIZE, "issued": r"\d{4}-\d\d-\d\d"}
# The column `cycle` is the time of the last one of a tenant, and the number of that of a table.
CYCLES = {"tenants": AGE, "tables": PLAIN}

# Commands that print no table, and what they print.
WITHOUT = {
    ("mirrorctl", "help"): "a help",
    ("mirrorctl", "completion"): "a script",
    ("mirror-agent", "help"): "a help",
    ("mirror-agent", "completion"): "a script",
    ("mirrorctl", "init"): "files and the next steps",
    ("mirrorctl", "certs", "issue-source"): "paths",
    ("mirrorctl", "certs", "remove-source"): "a path",
    ("mirrorctl", "certs", "issue-application"): "paths",
    ("mirrorctl", "certs", "issue-tls"): "paths",
    ("mirrorctl", "certs", "issue-client"): "paths",
    ("mirrorctl", "certs", "issue-operator"): "paths",
    ("mirrorctl", "certs", "issue-viewer"): "paths",
    ("mirrorctl", "certs", "show"): "a fact a line",
    ("mirrorctl", "servers"): "a sentence, where mirrors are files",
    ("mirrorctl", "pause"): "a sentence",
    ("mirrorctl", "resume"): "a sentence",
    ("mirrorctl", "verify"): "a sentence",
    ("mirrorctl", "accept-source"): "a sentence",
    ("mirrorctl", "restore"): "sentences",
    ("mirrorctl", "move"): "sentences",
    ("mirrorctl", "export"): "a sentence, and rows into a file",
    ("mirrorctl", "indexes"): "SQL statements, which are there to be run: nothing is cut",
    ("mirrorctl", "hold", "show"): "a fact a line",
    ("mirrorctl", "hold", "commit"): "a sentence",
    ("mirrorctl", "hold", "rollback"): "a sentence",
    ("mirrorctl", "delete"): "a sentence",
    ("mirrorctl", "allow"): "a sentence",
    ("mirrorctl", "audit", "verify"): "a fact a line",
    ("mirrorctl", "doctor"): "a finding a line",
    ("mirrorctl", "apikey", "issue"): "the key, and a sentence",
    ("mirrorctl", "apikey", "revoke"): "a sentence",
    ("mirrorctl", "hub", "status"): "what HubCommands of tests/mirrorctl read",
    ("mirrorctl", "hub", "resume"): "a sentence",
    ("mirrorctl", "hub", "hold", "list"): "what HubCommands of tests/mirrorctl read",
    ("mirrorctl", "hub", "hold", "commit"): "a sentence",
    ("mirrorctl", "hub", "hold", "rollback"): "a sentence",
    ("mirrorctl", "hub", "refused"): "what HubCommands of tests/mirrorctl read",
    ("mirrorctl", "hub", "thaw"): "a sentence",
    ("mirrorctl", "hub", "explain"): "what HubCommands of tests/mirrorctl read",
    ("mirrorctl", "hub", "merge"): "a sentence",
    ("mirrorctl", "hub", "part"): "a sentence",
    ("mirrorctl", "hub", "rebuild"): "a sentence",
    ("mirrorctl", "hub", "init"): "a configuration",
    ("mirrorctl", "hub", "duplicates"): "what HubCommands of tests/mirrorctl read",
    ("mirrorctl", "changes"): "what tests/history reads",
    ("mirrorctl", "explain"): "what tests/history reads",
    ("mirrorctl", "history", "verify"): "what tests/history reads",
    ("mirrorctl", "diff"): "what tests/history reads",
    ("mirrorctl", "erase"): "a sentence",
    ("mirrorctl", "web"): "where the pages are",
    ("mirror-agent", "run"): "its log",
    ("mirror-agent", "transport"): "as once, and a line of deliveries",
    ("mirror-agent", "import"): "as once, and a line of deliveries",
    ("mirror-agent", "install"): "a sentence for each source",
    ("mirror-agent", "uninstall"): "a sentence for each source",
    ("mirror-agent", "pointers"): "a sentence for each table",
    ("mirror-agent", "receipts", "verify"): "sentences for each source",
    ("mirror-agent", "check-config"): "a sentence",
}


def tables_in(text):
    """(names of the columns, rows of cells): a table begins with a line of at least two short names, and ends with an
    empty line, or with one that has other columns."""
    lines = text.splitlines()
    for at, line in enumerate(lines):
        names = re.split(r"  +", line.strip())
        if len(names) < 2 or names[0] not in ("tenant", "table", "hold", "time", "key", "key_id", "record", "storage", "job"):
            continue
        starts = [line.index(name) for name in names]
        rows = []
        for row in lines[at + 1 :]:
            cells = re.split(r"  +", row.strip())
            # What a last column has further goes on below it; a summary stands at the left.
            if not row.strip() or (row[: starts[-1]].strip() and len(cells) < len(names)):
                break
            if row[: starts[-1]].strip():
                rows.append(cells[: len(names) - 1] + ["  ".join(cells[len(names) - 1 :])])
        yield names, rows


class Tables(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.work = pathlib.Path(tempfile.mkdtemp(prefix="tables-"))
        cls.dev = cls.work / "dev"
        cls.server = None
        made = programs.run(BIN / "mirrorctl", "init", "--dir", cls.dev, "--context-id", "Cust", "--contexts", "Cust*", "--http-port", "7446")
        cls.key = made.stdout.splitlines()[-1]
        configuration = cls.dev / "mirror-server.toml"
        configuration.write_text(re.sub(r"^port = 744\d", "port = 0", configuration.read_text(), flags=re.MULTILINE))
        with (cls.work / "server.err").open("wb") as log:
            cls.server = subprocess.Popen(
                [BIN / "mirror-server", "--config", configuration], stdout=subprocess.PIPE, stderr=log, text=True
            )
        ready = re.search(r"sources on (\S+), admin on (\S+)", cls.server.stdout.readline())
        assert ready, (cls.work / "server.err").read_text()
        cls.url = re.search(r"JSON: (\S+)", cls.server.stdout.readline())[1]
        for file, address in (("mirror-agent.toml", ready[1]), ("mirrorctl.toml", ready[2])):
            text = (cls.dev / file).read_text()
            (cls.dev / file).write_text(re.sub(r'^address = "127.0.0.1:\d+"', f'address = "{address}"', text, count=1, flags=re.MULTILINE))
        cls.add_source("Cust")
        cls.agent("install")
        cls.alone = cls.agent("once")
        cls.add_source(LONG)
        cls.agent("install")
        cls.several = cls.agent("once")
        cls.each = cls.agent("once", "--details")
        cls.add_records()
        # A hold, and rows that differ.
        database = sqlite3.connect(cls.work / "Cust.db")
        database.execute(f'DELETE FROM "{BIG}" WHERE id > 10')
        database.commit()
        database.close()
        cls.agent("once")
        mirror = sqlite3.connect(cls.dev / "data" / f"Mirror_{LONG}.db", timeout=30)
        mirror.execute(f'DELETE FROM "{BIG}" WHERE id % 2 = 0')
        mirror.commit()
        mirror.close()

    @classmethod
    def tearDownClass(cls):
        cls.server.terminate()
        code = cls.server.wait(PATIENCE_S)
        cls.server.stdout.close()
        sanitizer_words.check_file(cls.work / "server.err")
        shutil.rmtree(cls.work)
        assert code == 0, code

    @classmethod
    def add_source(cls, tenant):
        database = sqlite3.connect(cls.work / f"{tenant}.db")
        database.execute("PRAGMA journal_mode = WAL")
        database.execute(f'CREATE TABLE "{BIG}" (id INTEGER PRIMARY KEY, name TEXT)')
        database.executemany(f'INSERT INTO "{BIG}" VALUES (?, ?)', [(i, "x") for i in range(1, ROWS + 1)])
        database.execute("CREATE TABLE small (k TEXT PRIMARY KEY, v)")
        database.execute("INSERT INTO small VALUES ('a', 1)")
        database.commit()
        database.close()
        with (cls.dev / "mirror-agent.toml").open("a") as file:
            file.write(f'\n[[source]]\ncontext_id = "{tenant}"\npath = "{cls.work}/{tenant}.db"\nstrategy = "cdc"\n')

    @classmethod
    def api(cls, method, path, body, kind="application/json"):
        request = urllib.request.Request(cls.url + path, body.encode(), {"X-API-KEY": cls.key, "Content-Type": kind}, method=method)
        with urllib.request.urlopen(request, timeout=PATIENCE_S) as answer:
            return json.loads(answer.read())

    @classmethod
    def add_records(cls):
        """A storage with a long name, and imports that went well and did not."""
        cls.api("POST", "/v2/storages", json.dumps({"id": STORAGE, "name": "A name that is as long as it may be " * 2}))
        cls.api("POST", f"/storages/{STORAGE}/datasources", json.dumps({"dataSource": "source-" + "y" * 17}))

        def part(name, text, more=""):
            return f'--edge\r\nContent-Disposition: form-data; name="{name}"{more}\r\n\r\n{text}\r\n'

        rows = "\n".join(f"{i};City {i}" for i in range(ROWS))
        for text in (f"CUSTOMER NUMBER;CITY\n{rows}\n", "NAME;CITY\nA;Bern\n"):
            body = part("storageId", STORAGE) + part("file", text, '; filename="a.csv"') + "--edge--\r\n"
            job = cls.api("POST", "/jobs/importjobs", body, "multipart/form-data; boundary=edge")["id"]
            end = time.monotonic() + PATIENCE_S
            while cls.ctl("jobs", "--state", "SCHEDULED", "--state", "RUNNING").stdout.count(job):
                assert time.monotonic() < end, job

    @classmethod
    def agent(cls, *arguments):
        return programs.run(BIN / "mirror-agent", *arguments, "--config", cls.dev / "mirror-agent.toml")

    @classmethod
    def ctl(cls, *arguments):
        return programs.run(BIN / "mirrorctl", "--config", cls.dev / "mirrorctl.toml", *arguments)

    def check_lines(self, done, fits=True):
        self.assertTrue(done.stdout, done.stderr)
        if fits:
            self.assertEqual(whole_lines.too_long(done.stdout + done.stderr), [])
        for line in done.stdout.splitlines():
            for day in re.findall(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d\S*", line):
                self.assertRegex(day, r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ[,:]?$", line)

    def check(self, command, done, *columns):
        """That it has a table with these columns, whose cells are as they should be."""
        self.check_lines(done)
        found = list(tables_in(done.stdout))
        self.assertIn(list(columns), [names for names, _ in found], done.stdout)
        for names, rows in found:
            self.assertTrue(rows, done.stdout)
            for row in rows:
                for name, cell in zip(names, row):
                    form = CYCLES.get(command) if name == "cycle" else CELLS.get(name)
                    if form is not None:
                        self.assertRegex(cell, form, f"{command}, column {name}:\n{done.stdout}")

    def test_of_the_agent(self):
        once = ("table", "action", "inserts", "updates", "deletes", "lsn", "result")
        self.check("once", self.alone, *once)
        self.check("once", self.each, *once)
        self.assertIn("2,345", self.alone.stdout)
        self.check_lines(self.several)
        status = self.agent("status")
        self.check("status", status, "tenant", "state", "last run", "rows", "why")
        verified = self.agent("verify", "--context-id", LONG, "--show-keys")
        self.assertEqual(verified.returncode, 1, verified.stderr)
        text = verified.stdout
        keys = text.index("  table", text.index("rows compared"))
        self.check("verify", type(verified)([], 1, text[:keys], ""), "table", "rows", "lsn", "missing", "changed", "ghosts", "equality")
        self.check_lines(verified)
        self.assertRegex(text[keys:], r"table +rows +keys\n.*missing  2; 4; 6; 8;")
        self.assertIn("; and 1,152 more", re.sub(r"\s+", " ", text[keys:]))
        self.assertNotIn("missing  2", self.agent("verify", "--context-id", LONG).stdout, "only who asks sees them")

    def test_keys_are_in_no_log_and_in_no_file_of_the_agent(self):
        database = sqlite3.connect(self.work / f"{LONG}.db")
        database.execute("INSERT INTO small VALUES ('a-key-of-a-person', 1)")
        database.commit()
        database.close()
        self.agent("once", "--context-id", LONG)
        mirror = sqlite3.connect(self.dev / "data" / f"Mirror_{LONG}.db", timeout=30)
        mirror.execute("DELETE FROM small WHERE k = 'a-key-of-a-person'")
        mirror.commit()
        mirror.close()
        verified = self.agent("verify", "--context-id", LONG, "--table", "small", "--show-keys")
        self.assertIn("'a-key-of-a-person'", verified.stdout)
        self.assertNotIn("a-key-of-a-person", verified.stderr)
        for file in [*(self.dev / "agent-state").iterdir(), self.work / "server.err"]:
            self.assertNotIn(b"a-key-of-a-person", file.read_bytes(), file)
        self.assertNotIn("a-key-of-a-person", self.ctl("events", "--json").stdout)

    def test_of_mirrorctl(self):
        self.check("tenants", self.ctl("tenants"), "tenant", "state", "cycle", "data", "tables", "rows", "size", "note")
        self.check("tables", self.ctl("tables", "Cust"), "table", "lsn", "rows", "state", "pending", "cycle", "data", "equality")
        self.check("events", self.ctl("events"), "time", "severity", "tenant", "kind", "message")
        keys = ("key_id", "algorithm", "not_before", "not_after", "thumbprint", "environment", "state", "issuer")
        self.check("keys", self.ctl("keys"), *keys)
        self.check("storages", self.ctl("storages"), "storage", "source", "door", "state", "rows", "written", "mapper", "tenant")
        jobs = ("job", "state", "done", "inserts", "updates", "failed", "since", "message")
        self.check("jobs", self.ctl("jobs"), *jobs)
        self.check("jobs", self.ctl("jobs", "--storage", STORAGE.lower(), "--limit", "1"), *jobs)
        self.check("tables", self.ctl("tables", STORAGE), "table", "lsn", "rows", "state", "pending", "cycle", "data", "equality")
        self.check("diagnose", self.ctl("diagnose"), "tenant", "store", "detail")
        self.check("hold", self.ctl("hold", "list"), "hold", "kind", "state", "rows", "of", "since", "table")
        self.check("audit", self.ctl("audit", "list", "--looks"), "record", "time", "who", "outcome", "call")
        self.check("backup", self.ctl("backup", "Cust", "--drill"), "table", "lsn", "rows", "digest")
        self.check("invalidate", self.ctl("invalidate", "Cust", "--table", BIG), "table", "lsn")
        self.check_lines(self.ctl("reset", "Cust", "--table", "small"))
        self.check("audit", self.ctl("audit", "list"), "record", "time", "who", "outcome", "call")
        self.assertEqual(self.ctl("audit", "verify").returncode, 0)
        self.check_lines(self.ctl("apikey", "issue", "x" * 64, "--dir", self.dev, "--storages", ",".join(["Acme*"] * 16)), fits=False)
        self.check("apikey", self.ctl("apikey", "list", "--dir", self.dev), "key", "role", "issued", "storages")
        self.check_lines(self.ctl("apikey", "revoke", "x" * 64, "--dir", self.dev))
        # Nothing is cut where that is asked for.
        for command in (["tenants"], ["tables", "Cust"], ["events"], ["hold", "list"], ["audit", "list"], ["storages"], ["jobs"]):
            with self.subTest(command=command):
                wide = self.ctl(*command, "--wide")
                self.assertEqual(wide.returncode, 0, wide.stderr)
                self.assertNotIn("…", wide.stdout)
                self.check_lines(wide, fits=False)

    def test_of_a_tenant_of_records_nothing_is_said_of_cycles(self):
        (line,) = [one for one in self.ctl("tenants", STORAGE, "--wide").stdout.splitlines() if one.startswith(STORAGE)]
        name, state, cycle, data, tables, rows = line.split()[:6]
        self.assertEqual((name, state, cycle, data, tables, rows), (STORAGE, "good", "-", "-", "1", "2,345"))
        (line,) = [one for one in self.ctl("tables", STORAGE).stdout.splitlines() if one.startswith("businesspartner")]
        self.assertRegex(line, r"^businesspartner +\d+ +2,345 +mirrored +- +- +- +-$")
        self.assertIn("writes over HTTP are refused until", self.ctl("pause", STORAGE, "--reason", "a test").stdout)
        self.assertIn("writes over HTTP are accepted again", self.ctl("resume", STORAGE).stdout)
        copy = self.work / "copy.db"
        self.check("backup", self.ctl("backup", STORAGE, copy, "--drill"), "table", "lsn", "rows", "digest")
        restored = self.ctl("restore", STORAGE, copy, "--confirm", STORAGE)
        self.assertIn("no source sends that again", " ".join(restored.stdout.split()))
        self.assertNotIn("cycle", self.ctl("events", STORAGE).stdout)
        for words in (["invalidate", STORAGE, "--all"], ["verify", STORAGE], ["accept-source", STORAGE], ["indexes", STORAGE]):
            refused = self.ctl(*words)
            self.assertEqual(refused.returncode, 1)
            self.assertNotIn("cycle", refused.stderr)

    def test_errors_and_sentences_fit(self):
        """What says something of everything, well and not."""
        hold = self.ctl("hold", "list").stdout.splitlines()[1].split()[0]
        agent, server, control = (self.dev / f"{name}.toml" for name in ("mirror-agent", "mirror-server", "mirrorctl"))
        wrong, dead, strange = (self.dev / f"{name}.toml" for name in ("wrong", "dead", "strange"))
        wrong.write_text(agent.read_text().replace('strategy = "cdc"', 'strategy = "cdd"'))
        dead.write_text(re.sub(r'^address = .*', 'address = "127.0.0.1:1"', agent.read_text(), count=1, flags=re.MULTILINE))
        strange.write_text(server.read_text().replace('dir = "data"', 'dri = "data"'))
        certificate = self.dev / "admin" / "operator.crt"
        for code, program, arguments in (
            (0, "mirrorctl", ["--config", control, "hold", "show", hold]),
            (1, "mirrorctl", ["--config", control, "hold", "show", "Cust:77"]),
            (1, "mirrorctl", ["--config", control, "doctor", "--source", agent]),
            (1, "mirrorctl", ["--config", control, "doctor", "--source", dead]),
            (0, "mirrorctl", ["certs", "show", certificate, self.dev / "tls" / "ca.crt"]),
            (1, "mirrorctl", ["init", "--dir", self.dev, "--context-id", "Cust"]),
            (1, "mirrorctl", ["init", "--dir", self.work / "more", "--context-id", "Cust", "--source", self.work]),
            (1, "mirrorctl", ["--config", control, "tables", "Nobody"]),
            (1, "mirrorctl", ["--config", control, "backup", "Cust", "/nowhere/at/all.db"]),
            (0, "mirrorctl", ["--config", control, "verify", "Cust"]),
            (0, "mirrorctl", ["--config", control, "pause", LONG, "--reason", "the disk is exchanged " * 8]),
            (0, "mirrorctl", ["--config", control, "tenants"]),
            (0, "mirrorctl", ["--config", control, "resume", LONG]),
            (2, "mirrorctl", ["--config", self.work / "none.toml", "tenants"]),
            (2, "mirrorctl", ["--config", control, "tenants", "--state", "bad"]),
            (0, "mirror-agent", ["install", "--config", agent]),
            (1, "mirror-agent", ["status", "--details", "--config", agent]),
            (0, "mirror-agent", ["once", "--dry-run", "--config", agent]),
            (1, "mirror-agent", ["once", "--details", "--config", dead]),
            (1, "mirror-agent", ["status", "--details", "--config", dead]),
            (1, "mirror-agent", ["verify", "--config", dead]),
            (0, "mirror-agent", ["receipts", "verify", "--config", agent]),
            (0, "mirror-agent", ["pointers", "--config", agent]),
            (0, "mirror-agent", ["check-config", "--config", agent]),
            (2, "mirror-agent", ["check-config", "--config", wrong]),
            (2, "mirror-agent", ["once", "--config", wrong]),
            (2, "mirror-agent", ["once", "--config", agent, "--repopulate", "a_table_that_is_not_there_at_all"]),
            (2, "mirror-agent", ["status", "--config", agent, "--context-id", "Nobody"]),
            (2, "mirror-server", ["--config", strange, "--check-config"]),
            (2, "mirror-server", ["--config", self.work / "none.toml"]),
        ):
            with self.subTest(program=program, arguments=arguments):
                done = programs.run(BIN / program, *arguments)
                self.assertEqual(done.returncode, code, done.stdout + done.stderr)
                self.assertTrue(done.stdout + done.stderr)
                self.assertEqual(whole_lines.too_long(done.stdout + done.stderr), [])

    def test_what_scripts_read_is_not_broken(self):
        for command in (["tenants"], ["tables", "Cust"], ["events"], ["hold", "list"], ["doctor"], ["storages"], ["jobs"]):
            with self.subTest(command=command):
                self.assertTrue(json.loads(self.ctl(*command, "--json").stdout))
        for command in (["once"], ["status"], ["verify"], ["receipts", "verify"], ["pointers"]):
            with self.subTest(command=command):
                self.assertTrue(json.loads(self.agent(*command, "--json").stdout))
        statements = self.ctl("indexes", "Cust").stdout
        sqlite3.connect(":memory:").executescript(re.sub(r"^CREATE", "-- CREATE", statements, flags=re.MULTILINE))

    def test_no_command_is_forgotten(self):
        tabled = {
            ("mirror-agent", "once"),
            ("mirror-agent", "verify"),
            ("mirror-agent", "status"),
            ("mirrorctl", "apikey", "list"),
            ("mirrorctl", "audit", "list"),
            ("mirrorctl", "hold", "list"),
        }
        tabled |= {("mirrorctl", name) for name in "tenants tables events keys storages jobs diagnose backup invalidate reset".split()}
        help_test.BIN = BIN
        known = set()
        for program in ("mirrorctl", "mirror-agent"):
            told = help_test.ask(program)
            known |= {(program, *command) for command in told if not any((*command, name) in told for name in help_test.commands_of(told[command]))}
        self.assertEqual(known - tabled - set(WITHOUT), set(), "say above what it prints")
        self.assertEqual((tabled | set(WITHOUT)) - known, set(), "there is no such command any more")


if __name__ == "__main__":
    BIN = pathlib.Path(sys.argv.pop(1)).resolve()
    unittest.main(verbosity=2)
