"""A server with a hub, and systems that are its members: SQLite databases, each with an agent's configuration of its
own, so that one can be killed, restored or left behind alone."""

import contextlib
import json
import pathlib
import re
import shutil
import sqlite3
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "python"))
import records_server

TABLE = "CREATE TABLE company (id INTEGER PRIMARY KEY, vat TEXT, name TEXT, city TEXT)"
MEMBER = """
[[hub.member]]
data_source = "{name}"
tenant = "{name}"
table = "company"
columns = {{ vat = "vat", name = "name", city = "city" }}
write = {write}
"""
HUB = """
[[hub]]
storage = "Acme"
entity = "company"
match = [["vat"]]
normalise = {{ vat = "alnum", name = "fold" }}
deletes = "{deletes}"
{members}
[hub.attributes]
vat = "newest"
name = "newest"
city = "newest"
"""
ALL = ["insert", "update", "delete"]


class System:
    """A database, and the agent that pushes it."""

    def __init__(self, place, name, tables=(TABLE,), accept=ALL):
        self.place, self.name = place, name
        self.config = place.server.folder / f"agent-{name}.toml"
        where = self.make(tables)
        text = (place.server.folder / "mirror-agent.toml").read_text()
        text = re.sub(r'(?m)^state_dir = .*$', f'state_dir = "state-{name}"', text)
        text = text[: text.index("[[source]]")]
        accepted = f"accept = {json.dumps(list(accept))}\n" if accept else ""
        self.config.write_text(f'{text}[[source]]\ncontext_id = "{name}"\n{where}\n{accepted}')
        self.install()

    def make(self, tables):
        """The database. Gives the lines of a [[source]] that say where it is."""
        self.path = self.place.work / f"{self.name}.db"
        self.sql("PRAGMA journal_mode = WAL", *tables)
        return f"path = {json.dumps(str(self.path))}"

    def install(self):
        self.agent("install")

    def sql(self, *statements):
        """Rows of the last one."""
        with contextlib.closing(sqlite3.connect(self.path, isolation_level=None, timeout=30)) as database:
            for statement in statements[:-1]:
                database.execute(statement)
            return database.execute(statements[-1]).fetchall()

    def rows(self):
        return self.sql("SELECT vat, name, city FROM company ORDER BY vat, name")

    def try_agent(self, *words, **environment):
        return self.place.server.run("mirror-agent", *words, "--config", self.config, **environment)

    def agent(self, *words, **environment):
        done = self.try_agent(*words, **environment)
        assert done.returncode == 0, done.stdout + done.stderr
        return done

    def once(self):
        """What became of deliveries."""
        report = json.loads(self.agent("once", "--json").stdout)["sources"][0]
        assert report["outcome"] == "done", report
        return report["deliveries"] or {}


class ExchangePlace:
    """Until the test ends."""

    def __init__(self, test, bin_dir, names=("crm", "erp"), deletes="none", write=ALL, hub=HUB, accepts=None, kinds=None):
        self.work = pathlib.Path(tempfile.mkdtemp(prefix="exchange "))
        test.addCleanup(shutil.rmtree, self.work, ignore_errors=True)
        empty = self.work / "empty.db"
        sqlite3.connect(empty).close()
        self.server = records_server.RecordsServer(bin_dir, self.work / "dev", source=empty)
        config = self.server.folder / "mirror-server.toml"
        text = re.sub(r'(?m)^contexts = .*$', 'contexts = ["*"]', config.read_text())
        members = "".join(MEMBER.format(name=name, write=json.dumps(write)) for name in names)
        config.write_text(text + hub.format(deletes=deletes, members=members))
        self.server.start()
        test.addCleanup(self.server.stop)
        made = {name: (kinds or {}).get(name, System) for name in names}
        self.systems = [kind(self, name, accept=(accepts or {}).get(name, ALL)) for name, kind in made.items()]

    def __getattr__(self, name):
        for system in self.__dict__.get("systems", ()):
            if system.name == name:
                return system
        raise AttributeError(name)

    @property
    def hub(self):
        return next(self.server.folder.glob("**/Mirror_Acme.hub.db"))

    def ask_hub(self, sql):
        with contextlib.closing(sqlite3.connect(f"file:{self.hub}?mode=ro", uri=True)) as database:
            return database.execute(sql).fetchall()

    def start_again(self, **environment):
        self.server.stop()
        self.server.start(**environment)

    def ctl(self, *words):
        return self.server.run("mirrorctl", "--config", self.server.folder / "mirrorctl.toml", *words)

    def rounds(self, count=3):
        """Every agent runs, so often. What the last round did."""
        done = []
        for _ in range(count):
            done = [system.once() for system in self.systems]
        return done
