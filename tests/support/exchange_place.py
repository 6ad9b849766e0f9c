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
import postgres_cluster
import records_server
import shared_records_servers

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

    def __init__(self, place, name, tables=(TABLE,), accept=ALL, more=""):
        self.place, self.name = place, name
        self.config = place.server.folder / f"agent-{name}.toml"
        where = self.make(tables)
        text = (place.server.folder / "mirror-agent.toml").read_text()
        text = re.sub(r'(?m)^state_dir = .*$', f'state_dir = "state-{name}"', text)
        text = text[: text.index("[[source]]")]
        accepted = f"accept = {json.dumps(list(accept))}\n" if accept else ""
        text = text.replace(f":{place.server.ports[0]}", f":{place.port_of(len(place.systems))}")
        self.config.write_text(f'{text}[[source]]\ncontext_id = "{name}"\n{where}\n{accepted}{more}')
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
    """Until the test ends. `tables`: of all systems, or of each by its name. `url`: of an empty database: two servers have
    their mirrors and the hub in it, and the systems take turns between them."""

    def __init__(self, test, bin_dir, names=("crm", "erp"), deletes="none", write=ALL, hub=HUB, accepts=None, member=MEMBER,
                 make=System, kinds=None, url=None, tables=(TABLE,)):
        self.work = pathlib.Path(tempfile.mkdtemp(prefix="exchange "))
        test.addCleanup(shutil.rmtree, self.work, ignore_errors=True)
        empty = self.work / "empty.db"
        sqlite3.connect(empty).close()
        self.url, self.systems = url, []
        if url:
            self.server = shared_records_servers.SharedRecordsServers(bin_dir, self.work / "dev", url, source=empty)
        else:
            self.server = records_server.RecordsServer(bin_dir, self.work / "dev", source=empty)
        for config in [one.config for one in self.servers] if url else [self.server.folder / "mirror-server.toml"]:
            text = re.sub(r'(?m)^contexts = .*$', 'contexts = ["*"]', config.read_text())
            members = "".join(member.format(name=name, write=json.dumps(write)) for name in names)
            config.write_text(text + hub.format(deletes=deletes, members=members))
        self.server.start()
        test.addCleanup(self.server.stop)
        for name in names:
            made = tables.get(name, (TABLE,)) if isinstance(tables, dict) else tables
            others = {} if made == (TABLE,) else {"tables": made}
            kind = (kinds or {}).get(name, make)
            self.systems.append(kind(self, name, accept=(accepts or {}).get(name, ALL), **others))

    @property
    def servers(self):
        return self.server.servers

    def port_of(self, turn, place=0):
        """Of the server whose turn it is: where sources reach it, or with 1 for `place` its operators."""
        if not self.url:
            return self.server.ports[place]
        config = self.servers[turn % len(self.servers)].config.read_text()
        return re.findall(r"(?m)^port = ([0-9]+)", config)[place]

    def __getattr__(self, name):
        for system in self.__dict__.get("systems", ()):
            if system.name == name:
                return system
        raise AttributeError(name)

    @property
    def hub(self):
        return next(self.server.folder.glob("**/Mirror_Acme.hub.db"))

    def ask_hub(self, sql):
        if self.url:
            return self.ask_database("mirror_hub_acme", sql)
        with contextlib.closing(sqlite3.connect(f"file:{self.hub}?mode=ro", uri=True)) as database:
            return database.execute(sql).fetchall()

    def ask_database(self, schema, sql):
        script = f'SET search_path = "{schema}"; SELECT row_to_json(t) FROM ({sql}) AS t;'
        return [tuple(json.loads(line).values()) for line in postgres_cluster.psql(self.url, script).splitlines()]

    def lose_hub(self):
        """While no server runs."""
        if self.url:
            postgres_cluster.psql(self.url, "SET client_min_messages = warning; DROP SCHEMA mirror_hub_acme CASCADE;")
            return
        lost = self.hub
        for suffix in ("", "-wal", "-shm"):
            pathlib.Path(str(lost) + suffix).unlink(missing_ok=True)

    def start_again(self, **environment):
        self.server.stop()
        self.server.start(**environment)

    def ctl(self, *words, turn=0):
        """`turn`: which server is asked."""
        text = (self.server.folder / "mirrorctl.toml").read_text()
        config = self.server.folder / f"mirrorctl-{turn}.toml"
        config.write_text(text.replace(f":{self.server.ports[1]}", f":{self.port_of(turn, 1)}"))
        return self.server.run("mirrorctl", "--config", config, *words)

    def rounds(self, count=3):
        """Every agent runs, so often. What the last round did."""
        done = []
        for _ in range(count):
            done = [system.once() for system in self.systems]
        return done
