#!/usr/bin/python3
"""Measures what a cycle and a list cost with many tenants in one PostgreSQL, for docs/operate/postgres-capacity.md.

Makes a PostgreSQL and a mirror-server for each number of tenants, and measures them in turns, so that other work of the
machine affects all of them. While the mirrors are made, PostgreSQL syncs nothing; all figures are with syncs.
"""

import argparse
import json
import math
import os
import shutil
import sqlite3
import statistics
import sys
import tempfile
import time
import tomllib

import capacity
import postgres
import progress
from bench_run import Bench
from endpoint import CONTEXT
from postgres import postgres_cluster
from postgres_endpoint import DATABASE, SETTINGS, PostgresEndpoint
from processes import Failed, run, wait_until
from small_lines import memory

TABLES, ROWS = 2, 20  # Of each tenant, and of each table.
RELATIONS_ABOUT = 40 + 4 * TABLES  # Of a mirror.
# The tenants whose cycles are measured. A server keeps the statements of the last 32.
SAMPLE = 12
CLIENTS = 8  # Tenants that are made at a time: more than a place has connections for writing would wait too long.
LISTS, PAGE = 10, 50
IDLE_S = 20

MS, S, KIB, MIB, NUMBER = ("{:,.1f} ms", 1), ("{:,.1f} s", 1), ("{:,.1f} KiB", 2**10), ("{:,.0f} MiB", 1), ("{:,.0f}", 1)
ROW_WORDS = (
    ("quiet-warm", "cycle without changes, warm", MS),
    ("quiet-cold", "cycle without changes, cold", MS),
    ("changed-warm", "cycle with a changed row, warm", MS),
    ("changed-cold", "cycle with a changed row, cold", MS),
    ("quiet-warm-server", "`mirror-server`'s processor time of a cycle without changes, warm", MS),
    ("quiet-cold-server", "the same, cold", MS),
    ("changed-warm-server", "the same of a cycle with a changed row, warm", MS),
    ("changed-cold-server", "the same, cold", MS),
    ("quiet-warm-postgres", "PostgreSQL's processor time of a cycle without changes, warm", MS),
    ("quiet-cold-postgres", "the same, cold", MS),
    ("changed-warm-postgres", "the same of a cycle with a changed row, warm", MS),
    ("changed-cold-postgres", "the same, cold", MS),
    ("quiet-warm-log", "WAL of a cycle without changes, warm", KIB),
    ("quiet-cold-log", "WAL of a cycle without changes, cold", KIB),
    ("changed-warm-log", "WAL of a cycle with a changed row, warm", KIB),
    ("changed-cold-log", "WAL of a cycle with a changed row, cold", KIB),
    ("list", "`mirrorctl tenants`", MS),
    ("list-server", "`mirror-server`'s processor time for that", MS),
    ("list-postgres", "PostgreSQL's processor time for that", MS),
    ("failed", "`mirrorctl tenants --failed`, without a failed tenant", MS),
    ("page", f"the first {PAGE} tenants of the list, one call", MS),
    ("start", "start of `mirror-server`", S),
    ("memory", "memory of `mirror-server` after its start and the lists", MIB),
    ("memory-made", "memory of `mirror-server` after the first cycles of all tenants", MIB),
    ("idle", "WAL of a minute in which no source calls", KIB),
    ("relations", "relations (rows of `pg_class`)", NUMBER),
    ("databases", "databases", NUMBER),
)

# As autovacuum does it; the tables of mirrors are too small for that.
VACUUM = """
SELECT format('VACUUM (ANALYZE) %s', oid::regclass) FROM pg_class
WHERE relkind = 'r' AND relnamespace::regnamespace::text IN ('pg_catalog', 'mirror_control', 'mirror_place') \\gexec
"""


class Sample(capacity.Mirrors):
    """Tenants like the others, but with a source and the agent."""

    def __init__(self, bench, cluster, endpoint, name):
        super().__init__(bench, cluster, endpoint, name, TABLES, SAMPLE)
        self.files = [bench.path(f"{name}-{i}.db") for i in range(SAMPLE)]
        self.changes = 0
        rows = [(key, f"name {key}") for key in range(ROWS)]
        into = [f"INSERT INTO t{table} (contact_id, name) VALUES (?, ?)" for table in range(TABLES)]
        self._write(lambda database: [database.executemany(insert, rows) for insert in into])

    def _write(self, work):
        for path in self.files:
            database = sqlite3.connect(path)
            database.execute("PRAGMA synchronous = OFF")
            with database:
                work(database)
            database.close()

    def change(self):
        self.changes += 1
        update = "UPDATE t0 SET name = ? WHERE contact_id = 1"
        self._write(lambda database: database.execute(update, [f"changed {self.changes}"]))

    def cycles(self, updates):
        """Milliseconds of each, and for one the bytes of PostgreSQL's log and the processor times."""
        command = [self.bench.program("mirror-agent"), "once", "--json", "--config", self.config]
        begin = self.cluster.sql("SELECT pg_current_wal_insert_lsn()")
        work = Work(self.cluster, self.endpoint)
        said = run(command, timeout=3600)
        work.end(SAMPLE)
        log = log_since(self.cluster, begin) / SAMPLE
        done = json.loads(said)["sources"]
        sent = sum(table["updates"] for one in done for table in one["tables"])
        if len(done) != SAMPLE or sent != updates:
            raise Failed(f"{len(done)} cycles sent {sent} updates instead of {SAMPLE} and {updates}")
        return [1000 * one["seconds"] for one in done], log, work


def log_since(cluster, begin):
    return int(cluster.sql(f"SELECT pg_current_wal_insert_lsn() - '{begin}'"))


class Work:
    """Milliseconds of processors that the server and PostgreSQL take."""

    def __init__(self, cluster, endpoint):
        self.cluster, self.endpoint = cluster, endpoint
        self.server, self.postgres = self._now()

    def end(self, times):
        """From now on they are of one of so many."""
        now = self._now()
        self.server, self.postgres = (now[0] - self.server) / times, (now[1] - self.postgres) / times

    def _now(self):
        """PostgreSQL's first process has those of its children that have ended."""
        parent = self.cluster.process()
        with open(f"/proc/{parent}/task/{parent}/children") as text:
            children = text.read().split()
        return ticks_ms(self.endpoint.pid, 2), ticks_ms(parent, 4) + sum(ticks_ms(child, 2) for child in children)


def ticks_ms(pid, kinds):
    """2 kinds: user and system; 4: with those of children that have ended. 0 of a process that just ended."""
    try:
        with open(f"/proc/{pid}/stat") as text:
            ticks = text.read().rpartition(")")[2].split()[11 : 11 + kinds]
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return sum(map(int, ticks)) * 1000 / os.sysconf("SC_CLK_TCK")


class Fleet:
    """So many tenants of one server."""

    def __init__(self, bench, tenants):
        self.bench, self.tenants = bench, tenants
        self.cluster = postgres.Cluster(bench.path(f"postgres-{tenants}"), SETTINGS | {"max_connections": "500"})
        self.endpoint, self.found = None, {}

    def make(self):
        self.cluster.make()
        self.databases = [DATABASE]
        self.endpoint = PostgresEndpoint(self.bench, f"endpoint-{self.tenants}", self.cluster, rules=self._more_places())
        self.endpoint.start()
        self._set_sync("off")
        command = [self.bench.program("mirror-harness"), "cycle", "--config", self.endpoint.config, "--context-id", CONTEXT]
        command += ["--tenants", self.tenants - SAMPLE, "--tables", TABLES, "--rows", ROWS, "--clients", CLIENTS]
        command += ["--cycles", 1, "--changes", 0]  # Drops what the first one replaced.
        run([str(word) for word in command], timeout=6 * 3600)
        self.sample = Sample(self.bench, self.cluster, self.endpoint, f"of-{self.tenants}")
        for _ in range(2):
            self.sample.cycles(updates=0)
        self._add("memory-made", memory(self.endpoint.pid))
        for name in self.databases:
            wait_until(lambda one=name: self._ask(one, capacity.LEFT) == "0", "the end of what was replaced", 300, pause=1)
            self._ask(name, VACUUM)
        self.cluster.sql("CHECKPOINT")
        os.sync()
        self._set_sync("on")
        self._add("relations", sum(int(self._ask(name, "SELECT count(*) FROM pg_class")) for name in self.databases))
        self._add("databases", len(self.databases))

    def _more_places(self):
        """As the page advises; the first one is made with the endpoint."""
        text = ""
        for i in range(2, 1 + math.ceil(self.tenants * RELATIONS_ABOUT / capacity.RELATIONS_OF_DATABASE)):
            self.databases.append(f"{DATABASE}_{i}")
            conninfo = self.cluster.make_database(self.databases[-1])
            text += f'\n[[postgres.place]]\nname = "place-{i}"\nconninfo = "{conninfo}"\n'
        return text

    def _set_sync(self, value):
        self.cluster.sql(f"ALTER SYSTEM SET fsync = {value}", "SELECT pg_reload_conf()")

    def _ask(self, database, script):
        return postgres_cluster.psql(self.cluster.url(database, postgres_cluster.SUPERUSER), script, 3600).strip()

    def _add(self, name, figure):
        self.found.setdefault(name, []).extend(figure if isinstance(figure, list) else [figure])

    def _add_cycles(self, name, updates=0):
        times, log, work = self.sample.cycles(updates)
        self._add(name, times)
        self._add(name + "-log", log)
        self._add_work(name, work)

    def _add_work(self, name, work):
        self._add(name + "-server", work.server)
        self._add(name + "-postgres", work.postgres)

    def turn(self):
        self._restart()
        self._add_lists()
        self._add("memory", memory(self.endpoint.pid))
        self._add_cycles("quiet-cold")
        self._add_cycles("quiet-warm")
        self.sample.change()
        self._add_cycles("changed-warm", updates=SAMPLE)
        self._restart()
        self.sample.change()
        self._add_cycles("changed-cold", updates=SAMPLE)
        begin = self.cluster.sql("SELECT pg_current_wal_insert_lsn()")
        time.sleep(IDLE_S)
        self._add("idle", log_since(self.cluster, begin) * 60 / IDLE_S)

    def _restart(self):
        """Both are new, and a checkpoint has just been."""
        self.endpoint.end(300)
        self.cluster.stop_gently()
        self.cluster.start()
        start = time.monotonic()
        self.endpoint.start()
        self._add("start", time.monotonic() - start)

    def _add_lists(self):
        config = os.path.join(self.endpoint.folder, "mirrorctl.toml")
        tenants = [self.bench.program("mirrorctl"), "--config", config, "tenants"]
        listed = len(json.loads(run([*tenants, "--json"])))
        if listed != self.tenants:
            raise Failed(f"{listed} tenants are listed instead of {self.tenants}")
        with FirstPage(config) as page:
            looks = {"list": lambda: run(tenants), "failed": lambda: run([*tenants, "--failed"]), "page": page.ask}
            for name, look in looks.items():
                work = Work(self.cluster, self.endpoint)
                for _ in range(LISTS):
                    start = time.monotonic()
                    look()
                    self._add(name, 1000 * (time.monotonic() - start))
                work.end(LISTS)
                self._add_work(name, work)

    def remove(self):
        if self.endpoint:
            self.endpoint.stop()
        self.cluster.remove()


class FirstPage:
    """MirrorAdmin.ListTenants with a page_size, over a connection that is there already."""

    def __init__(self, config):
        os.environ["GRPC_ENABLE_FORK_SUPPORT"] = "0"  # mirrorctl is started beside an open channel.
        import grpc

        folder = os.path.dirname(config)
        with open(config, "rb") as text:
            toml = tomllib.load(text)
        pems = []
        for key in ("ca", "key", "certificate"):
            with open(os.path.join(folder, toml["endpoint"][key]), "rb") as pem:
                pems.append(pem.read())
        self.channel = grpc.secure_channel(toml["endpoint"]["address"], grpc.ssl_channel_credentials(*pems))
        self.call = self.channel.unary_unary("/mirror.v1.MirrorAdmin/ListTenants")
        self.ask()

    def ask(self):
        page_size = bytes([5 << 3, PAGE])
        return self.call(page_size, timeout=60)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.channel.close()


def table(fleets):
    """`fleets`: {tenants: {name: figures}}. The last column: the last in times of the first."""
    sizes = sorted(fleets)
    text = capacity.head("one server with", *(f"{size:,} tenants" for size in sizes), "last / first")
    for name, words, (form, unit) in ROW_WORDS:
        figures = [statistics.median(fleets[size][name]) / unit for size in sizes]
        times = f"{figures[-1] / figures[0]:,.2f}" if figures[0] else "-"
        text += capacity.row(words, *map(form.format, figures), times)
    return text


def measure(programs, sizes, rounds):
    folder = tempfile.mkdtemp(prefix="tenant-costs-")
    os.chmod(folder, 0o711)
    bench = Bench(capacity.ROOT, folder, [], rounds, False)
    bench.program = lambda name: os.path.join(os.path.abspath(programs), name)
    fleets = [Fleet(bench, size) for size in sorted(sizes)]
    try:
        for fleet in fleets:
            start = time.monotonic()
            fleet.make()
            progress.say(f"{fleet.tenants:,} tenants were made in {time.monotonic() - start:.0f} s")
        for turn in bench.turns("cycles and lists"):
            for fleet in fleets if turn % 2 else reversed(fleets):
                fleet.turn()
        return {fleet.tenants: fleet.found for fleet in fleets}
    finally:
        for fleet in fleets:
            fleet.remove()
        shutil.rmtree(folder, ignore_errors=True)


def main(words):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("programs", metavar="BIN_DIR", help="the folder of the programs")
    parser.add_argument("--tenants", type=int, nargs="+", default=[100, 1_000], help="numbers of tenants (default: 100 1000)")
    parser.add_argument("--rounds", type=int, default=3, help="default: 3")
    parser.add_argument("--keep", action="store_true", help="write the table into the page")
    options = parser.parse_args(words)
    if min(options.tenants) <= SAMPLE or options.rounds < 1:
        parser.error(f"needs more than {SAMPLE} tenants, and at least one round")
    loads = [os.getloadavg()[0]]
    found = table(measure(options.programs, options.tenants, options.rounds))
    loads.append(os.getloadavg()[0])
    print(found, end="")
    print(f"load {loads[0]:.1f} before, {loads[1]:.1f} after", file=sys.stderr)
    if options.keep:
        capacity.keep([found])


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except (Failed, postgres_cluster.Failed) as error:
        sys.exit(f"tenant_costs.py: {error}")
