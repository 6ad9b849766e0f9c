"""The programs as a history of model.py wants them: a server with a hub of the model's configuration, a database and an
agent for each system. Everything can be killed, kept and put back."""

import contextlib
import json
import os
import pathlib
import re
import shutil
import signal
import sqlite3
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "support"))
import records_server

FORMATS = {"upper": "upper({0})", "lower": "lower({0})", "strip": "trim({0})", "pad": "trim({0}) || ' '"}
OPERATIONS = {1: "INSERT", 2: "UPDATE", 3: "DELETE"}
STATES = {1: "OPEN", 2: "HELD", 3: "DROPPED"}
# What costs time and is not what these tests are about; and a source that is restored time and again is no mistake here.
OTHERWISE = (("plaintext = false", "plaintext = true"), ("receipts = true", "receipts = false"),
             ('miss_window = "1h"', 'miss_window = "0s"'))


class Refused(Exception):
    """The server does not take this configuration."""


def quoted(name):
    return '"' + name.replace('"', '""') + '"'


def key_text(key):
    return json.dumps([key], ensure_ascii=False)


def toml_list(words):
    return json.dumps(list(words))


def hub_toml(config):
    """[[hub]] blocks of the model's configuration."""
    text = []
    for entity in config.entities.values():
        members = [m for m in config.members if m.entity == entity.name]
        attributes = sorted({a for m in members for a in m.columns})
        text.append(f'\n[[hub]]\nstorage = "Acme"\nentity = "{entity.name}"\nmatch = {json.dumps(entity.match)}')
        text.append("normalise = { " + ", ".join(f'{a} = "fold"' for a in attributes) + " }")
        text.append(f'deletes = "{entity.deletes}"\nrows_percent = 0\ncomplete = {toml_list(entity.complete)}')
        for member in members:
            columns = ", ".join(f'{a} = "{c}"' for a, c in member.columns.items())
            text.append(f'[[hub.member]]\ndata_source = "{member.data_source}"\ntenant = "{member.data_source}"')
            text.append(f'table = "{member.table}"\ncolumns = {{ {columns} }}')
            if member.write:
                text.append(f"write = {toml_list(member.write)}")
            if member.key != "database":
                text.append(f'key = ["{member.key}"]')
            if entity.changed:
                text.append(f'changed = "{entity.changed}"')
        text.append("[hub.attributes]")
        for attribute, rule in entity.attributes.items():
            text.append(f"{attribute} = {json.dumps(rule)}")
    return "\n".join(text) + "\n"


class System:
    """A database and its agent."""

    def __init__(self, programs, name, config, columns):
        self.programs, self.name, self.config = programs, name, config
        self.path = programs.work / f"{name}.db"
        self.toml = programs.server.folder / f"agent-{name}.toml"
        self.refuses, self.paused = False, None
        for file in programs.work.glob(f"{name}.db*"):
            file.unlink()
        shutil.rmtree(programs.server.folder / f"state-{name}", ignore_errors=True)
        self.sql("PRAGMA journal_mode = WAL", "CREATE TABLE refusing (one INTEGER PRIMARY KEY, now INTEGER)",
                 "INSERT INTO refusing VALUES (1, 0)")
        for table in config.Tables(name):
            self.make(table, columns(name, table))
        accept = sorted({w for t in config.Tables(name) for w in config.MemberOf(name, t).write}) or ["update"]
        self.toml.write_text(f'{programs.agent_text.replace("STATE", f"state-{name}")}[[source]]\ncontext_id = "{name}"\n'
                             f"path = {json.dumps(str(self.path))}\naccept = {toml_list(accept)}\n"
                             'skip = ["refusing"]\nverify_interval = "0s"\n')
        done = self.agent("install")
        assert done.returncode == 0, done.stdout + done.stderr

    def make(self, table, columns):
        """Keys of the database's own are not used again: what becomes of those that are, is told by the log."""
        own = self.config.MemberOf(self.name, table).key == "database"
        key = ["pk INTEGER PRIMARY KEY"] if own else [f"{self.key(table)} TEXT NOT NULL PRIMARY KEY"]
        rest = [f"{c} TEXT" for c in columns if own or c != self.key(table)]
        self.sql(f"CREATE TABLE {table} ({', '.join(key + [c.replace('changed TEXT', 'changed INTEGER') for c in rest])})")
        how = self.config.formats.get(self.name)
        for column in ("name", "city"):
            if column not in columns:
                continue
            made = FORMATS[how].format(f"NEW.{column}") if how else ""
            for event, on in (("INSERT", "INSERT"), ("UPDATE", f"UPDATE OF {column}")) if how else ():
                self.sql(f"CREATE TRIGGER format_{table}_{column}_{event} AFTER {on} ON {table} WHEN NEW.{column} IS NOT "
                         f"{made} BEGIN UPDATE {table} SET {column} = {made} WHERE {self.key(table)} = NEW.{self.key(table)}; END")
        if "city" in columns:
            for event, on, when in (("INSERT", "INSERT", "AND NEW.city IS NOT NULL"), ("UPDATE", "UPDATE OF city", "")):
                self.sql(f"CREATE TRIGGER refuse_{table}_{event} BEFORE {on} ON {table} WHEN (SELECT now FROM refusing) "
                         f"{when} BEGIN SELECT RAISE(ABORT, 'no cities today'); END")

    def key(self, table):
        member = self.config.MemberOf(self.name, table)
        return "pk" if member.key == "database" else member.columns[member.key]

    def open(self):
        return contextlib.closing(sqlite3.connect(self.path, isolation_level=None, timeout=30))

    def sql(self, *statements):
        with self.open() as database:
            for statement in statements:
                database.execute(statement)

    def write(self, sql, values):
        """As its users do, whom no constraint stops. How many rows."""
        with self.open() as database:
            database.execute("BEGIN IMMEDIATE")
            if self.refuses:
                database.execute("UPDATE refusing SET now = 0")
            count = database.execute(sql, values).rowcount
            if self.refuses:
                database.execute("UPDATE refusing SET now = 1")
            database.execute("COMMIT")
        return count

    def refuse(self, on):
        if on != self.refuses:
            self.sql(f"UPDATE refusing SET now = {int(on)}")
        self.refuses = on

    def retry(self):
        """What was refused is due."""
        with self.open() as database:
            database.execute("UPDATE _mirror_ledger SET next_at = 0 WHERE state = 'REFUSED' AND next_at > 0")

    def ledger(self):
        """(operation, table, key, {column: wish}) of each entry, in the order in which they were made."""
        with self.open() as database:
            if not database.execute("SELECT 1 FROM sqlite_schema WHERE name = '_mirror_ledger'").fetchone():
                return []
            found = database.execute("SELECT operation, table_name, key, wrote FROM _mirror_ledger ORDER BY number")
            return [(o, t, k, {c: v[1] for c, v in json.loads(wrote or "{}").items() if len(v) > 1})
                    for o, t, k, wrote in found]

    def rows(self, table):
        with self.open() as database:
            found = database.execute(f"SELECT * FROM {table}")
            names = [one[0] for one in found.description]
            rows = [dict(zip(names, row)) for row in found]
        key = self.key(table)
        return {row[key]: {c: v for c, v in row.items() if c != "pk"} for row in rows}

    def agent(self, *words, **environment):
        return self.programs.server.run("mirror-agent", *words, "--config", self.toml, **environment)

    # A run that stands still, so that others act meanwhile.

    def pause(self, point, *words):
        """Whether it came there."""
        server = self.programs.server
        self.paused = subprocess.Popen(
            [server.bin / "mirror-agent", *words, "--config", self.toml], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True, env=records_server.programs.environment(MIRROR_CRASH_AT=f"{point}:stop"))
        state = os.waitid(os.P_PID, self.paused.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)
        if state.si_code == os.CLD_STOPPED:
            return True
        self.said, self.paused = self.paused.communicate()[1], None
        return False

    def go_on(self, kill=False):
        """Until its end."""
        process, self.paused = self.paused, None
        process.send_signal(signal.SIGKILL if kill else signal.SIGCONT)
        stdout, stderr = process.communicate(timeout=records_server.PATIENCE_S)
        return subprocess.CompletedProcess(process.args, process.returncode, stdout, stderr)

    def keep(self, path):
        copy_database(self.path, path)

    def put_back(self, path):
        put_database(path, self.path)
        with self.open() as database:  # A constraint is nobody's rows.
            if database.execute("SELECT now FROM refusing").fetchone()[0] != int(self.refuses):
                database.execute(f"UPDATE refusing SET now = {int(self.refuses)}")


def copy_database(path, copy):
    copy.unlink(missing_ok=True)
    with contextlib.closing(sqlite3.connect(path)) as database, contextlib.closing(sqlite3.connect(copy)) as into:
        database.backup(into)


def put_database(copy, path):
    for suffix in ("", "-wal", "-shm"):
        pathlib.Path(f"{path}{suffix}").unlink(missing_ok=True)
    shutil.copy(copy, path)


class Programs:
    """A server's folder, for one history after another."""

    def __init__(self, bin_dir, work):
        self.work = pathlib.Path(work)
        empty = self.work / "empty.db"
        sqlite3.connect(empty).close()
        self.server = records_server.RecordsServer(bin_dir, self.work / "dev", source=empty)
        self.config_path = self.server.folder / "mirror-server.toml"
        text = re.sub(r"(?m)^contexts = .*$", 'contexts = ["*"]', self.config_path.read_text())
        agent = (self.server.folder / "mirror-agent.toml").read_text()
        agent = re.sub(r"(?m)^state_dir = .*$", 'state_dir = "STATE"', agent)
        for before, behind in OTHERWISE:
            text, agent = text.replace(before, behind, 1), agent.replace(before, behind, 1)
        self.server_text, self.agent_text = text, agent[: agent.index("[[source]]")]
        self.data = self.server.folder / "data"
        self.systems, self.kept = {}, {}

    def begin(self, config, columns):
        self.end()
        shutil.rmtree(self.data, ignore_errors=True)
        self.kept = {}
        self.config_path.write_text(self.server_text + hub_toml(config))
        checked = self.server.run("mirror-server", "--config", self.config_path, "--check-config")
        if checked.returncode != 0:
            raise Refused(checked.stderr or checked.stdout)
        self.server.start()
        self.systems = {name: System(self, name, config, columns) for name in config.sources}

    def kill_paused(self):
        for system in self.systems.values():
            if system.paused is not None:
                system.go_on(kill=True)

    def end(self):
        self.kill_paused()
        if self.server.process is not None and self.server.process.poll() is None:
            self.server.kill()

    def start_again(self, **environment):
        self.end()
        self.server.start(**environment)

    def ctl(self, *words):
        return self.server.run("mirrorctl", "--config", self.server.folder / "mirrorctl.toml", *words)

    def mirror(self, name):
        return self.data / f"Mirror_{name}.db"

    def completed_cycle(self, name):
        if not self.mirror(name).exists():
            return 0
        with contextlib.closing(sqlite3.connect(f"file:{self.mirror(name)}?mode=ro", uri=True, timeout=30)) as database:
            found = database.execute("SELECT completed_cycle FROM _mirror_tenant").fetchone()
        return found[0] if found else 0

    @property
    def hub(self):
        return self.data / "Mirror_Acme.hub.db"

    # Copies. While nothing is written: agents have ended and the hub is at rest.

    def keep(self, what):
        folder = self.work / "kept" / what.replace(":", "_")
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        kind, _, name = what.partition(":")
        if kind == "source":
            self.systems[name].keep(folder / "copy.db")
        files = {"mirror": [self.mirror(name)], "hub": [self.hub],
                 "server": [self.hub, *(self.mirror(s) for s in self.systems)]}.get(kind, [])
        for file in files:
            if file.exists():
                copy_database(file, folder / file.name)
        self.kept[what] = folder

    def put_back(self, what):
        folder = self.kept[what]
        kind, _, name = what.partition(":")
        self.end()
        if kind == "source":
            self.systems[name].put_back(folder / "copy.db")
        elif kind == "mirror":
            self.take_away(self.mirror(name))
        elif kind == "hub":
            self.take_away(self.hub)
        else:
            for file in [self.hub, *(self.mirror(s) for s in self.systems)]:
                self.take_away(file)
        for file in folder.glob("Mirror_*") if kind != "source" else ():
            put_database(file, self.data / file.name)
        self.server.start()

    def take_away(self, path):
        for file in self.data.glob(path.name + "*"):
            file.unlink()

    # What the hub's file says.

    @contextlib.contextmanager
    def look_at_hub(self):
        """Asks for rows, all as of one moment."""
        with contextlib.closing(sqlite3.connect(f"file:{self.hub}?mode=ro", uri=True, timeout=30, isolation_level=None)) as database:
            database.execute("BEGIN")
            yield lambda sql: database.execute(sql).fetchall()
