"""A server whose tables have a journal, or a history, with an agent and a SQLite source of one's own."""

import contextlib
import json
import pathlib
import re
import shutil
import sqlite3
import sys
import tempfile
import urllib.request

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "python"))
import records_server
import shared_records_servers

PATIENCE_S = records_server.PATIENCE_S
JOURNAL = '\n[[tenant]]\ncontext_id = "*"\n[[tenant.table]]\nname = "*"\njournal = "keys"\n'
HISTORY = JOURNAL + "history = true\n"
PEOPLE = (
    "CREATE TABLE people (id INTEGER PRIMARY KEY, name TEXT, age INTEGER)",
    "INSERT INTO people VALUES (1, 'Ada', 36), (2, 'Bob', NULL)",
)


class JournalPlace:
    """Until the test ends; populated once. `tables`: statements that make them in the source. `url`: of an empty database
    of PostgreSQL, for a mirror there."""

    def __init__(self, test, bin_dir, rules=JOURNAL, tables=PEOPLE, url=None):
        self.work = pathlib.Path(tempfile.mkdtemp(prefix="journal "))
        test.addCleanup(shutil.rmtree, self.work, ignore_errors=True)
        self.crm = self.work / "source.db"
        self.source("PRAGMA journal_mode = WAL", *tables)
        if url is None:
            self.server = records_server.RecordsServer(bin_dir, self.work / "dev", source=self.crm)
        else:
            made = shared_records_servers.SharedRecordsServers
            self.server = made(bin_dir, self.work / "dev", url, source=self.crm, count=1)
        with (self.server.folder / "mirror-server.toml").open("a") as file:
            file.write(rules)
        self.server.start()
        test.addCleanup(self.server.stop)
        self.agent("install")
        self.agent("once")

    def start_again(self, **environment):
        """`environment`: of the server."""
        self.server.stop()
        self.server.start(**environment)

    # --- The source ---

    def source(self, *statements):
        """Its rows, of the last one."""
        with contextlib.closing(sqlite3.connect(self.crm, isolation_level=None)) as database:
            for statement in statements[:-1]:
                database.execute(statement)
            return database.execute(statements[-1]).fetchall()

    def try_agent(self, *words, **environment):
        config = self.server.folder / "mirror-agent.toml"
        return self.server.run("mirror-agent", *words, "--config", config, **environment)

    def agent(self, *words, **environment):
        done = self.try_agent(*words, **environment)
        assert done.returncode == 0, done.stdout + done.stderr
        return done

    def write(self, *statements):
        """In the source, and by a cycle in the mirror."""
        self.source(*statements)
        self.agent("once")

    # --- The mirror ---

    def ctl(self, *words):
        return self.server.run("mirrorctl", "--config", self.server.folder / "mirrorctl.toml", *words)

    def lines(self, *words):
        """Of a command: what it prints with --json, one object a line."""
        done = self.ctl(*words, "--json")
        assert done.returncode == 0, done.stderr
        if words[0] == "explain":  # One object, over several lines.
            return [json.loads(done.stdout)]
        return [json.loads(line) for line in done.stdout.splitlines()]

    def changes(self, *words):
        return self.lines("changes", "Cust", *words)

    def get(self, path, **fields):
        request = urllib.request.Request(self.url + path, headers={"X-API-KEY": self.server.owner} | fields)
        return urllib.request.urlopen(request, timeout=PATIENCE_S)

    def streams_open(self):
        """Over HTTP, as the server counts them."""
        shown = records_server.metrics(self.server.log)
        return int(re.search(r"(?m)^mirror_http_streams_open (\d+)", shown).group(1))

    @property
    def url(self):
        return self.server.first.url
