#!/usr/bin/python3
"""Measures what mirrors without rows need in PostgreSQL, for the tables of docs/operate/postgres-capacity.md.

Usage: capacity.py BIN_DIR          measures with the programs of BIN_DIR, and prints the figures
       capacity.py BIN_DIR --keep   also writes the figures, and the table computed from them, into the page
       capacity.py --follow         computes that table from the figures in the page, and measures nothing

It takes about ten minutes. PostgreSQL is started in a temporary folder, and removed at the end.
"""

import math
import os
import re
import shutil
import sqlite3
import sys
import tempfile
import time

import peer_rows
import postgres
from bench_run import Bench
from endpoint import CONTEXT
from postgres_endpoint import SETTINGS, PostgresEndpoint
from processes import Failed, run, wait_until
from small_lines import memory

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
PAGE = os.path.join(ROOT, "docs", "operate", "postgres-capacity.md")

TENANTS = (1_000, 10_000, 100_000)
MEASURED = {20: 20, 413: 2}  # Tables of a mirror, and how many mirrors.
# What the page advises; everything else is measured.
RELATIONS_OF_DATABASE = 100_000
DATABASES_OF_MACHINE = 10
SERVERS = 2
CONNECTIONS = 2  # [[postgres.place]] connections
USES, CONTROL = 3, 4  # Writing, reading, scanning; connections of a server to 'control'.

# Name, words, and what a figure counts.
CONSTANTS = (
    ("relations", "relations (rows of `pg_class`)", "{:,.0f}", 1),
    ("files", "files on the disk", "{:,.0f}", 1),
    ("disk", "disk, MiB", "{:,.2f}", 2**20),
    ("made", "WAL of its first cycle, MiB", "{:,.2f}", 2**20),
    ("quiet", "WAL of a cycle without changes, KiB", "{:,.1f}", 2**10),
    ("server", "memory of `mirror-server`, KiB", "{:,.0f}", 2**10),
)
SESSIONS = (
    ("session", "memory of a new connection, MiB", "{:,.1f}", 2**20),
    ("relation", "more memory for each mirrored table that it used, KiB", "{:,.1f}", 2**10),
)


# --- The page ---


def row(*cells):
    return "| " + " | ".join(map(str, cells)) + " |\n"


def head(*cells):
    return row(*cells) + "|---" * len(cells) + "|\n"


def constants(measured):
    """`measured`: {tables: {name: figure}}, and the figures of SESSIONS under 0."""
    sizes = sorted(set(measured) - {0})
    text = head("one mirror without rows", *(f"{tables} tables" for tables in sizes))
    for name, words, form, unit in CONSTANTS:
        text += row(words, *(form.format(measured[tables][name] / unit) for tables in sizes))
    text += "\n" + head("one connection to PostgreSQL", "")
    return text + "".join(row(words, form.format(measured[0][name] / unit)) for name, words, form, unit in SESSIONS)


def read_constants(page):
    """What constants() wrote."""
    sizes = [int(size) for size in re.findall(r"(\d+) tables", re.search(r"^\| one mirror without.*$", page, re.MULTILINE)[0])]
    measured = {tables: {} for tables in [0, *sizes]}
    for wanted, columns in ((CONSTANTS, sizes), (SESSIONS, [0])):
        for name, words, _, unit in wanted:
            cells = re.search(rf"^\| {re.escape(words)} \| (.*) \|$", page, re.MULTILINE)[1].split(" | ")
            for tables, cell in zip(columns, cells, strict=True):
                measured[tables][name] = float(cell.replace(",", "")) * unit
    return measured


def amount(size):
    for unit in ("MiB", "GiB"):
        size /= 2**10 if unit == "GiB" else 2**20
        if size < 1_000:
            break
    else:
        size, unit = size / 2**10, "TiB"
    return f"{size:,.1f} {unit}" if size < 10 else f"{size:,.0f} {unit}"


def follows(measured):
    """The second table: the same for many tenants."""
    text = head("tenants", "tables of each", "tables", "relations", "files", "disk", "WAL of first cycles", "WAL a day",
                "memory of a server", "databases", "machines", "servers' connections to each machine")  # fmt: skip
    for tenants in TENANTS:
        for tables in sorted(set(measured) - {0}):
            text += row(*_cells(tenants, tables, measured[tables]))
    return text


def _cells(tenants, tables, one):
    databases = math.ceil(tenants / (RELATIONS_OF_DATABASE // one["relations"]))
    machines = math.ceil(databases / DATABASES_OF_MACHINE)
    of_machine = min(databases, DATABASES_OF_MACHINE)
    connections = SERVERS * (USES * CONNECTIONS * of_machine + CONTROL)
    return (
        f"{tenants:,}", tables, f"{tenants * tables:,}", f"{tenants * one['relations']:,.0f}",
        f"{tenants * one['files']:,.0f}", amount(tenants * one["disk"]), amount(tenants * one["made"]),
        amount(tenants * one["quiet"] * 24), amount(tenants * one["server"]), f"{databases:,}", f"{machines:,}", connections,
    )  # fmt: skip


def in_page(page, text):
    """The page with another table in the place of the one with the same head."""
    begin = page.index(text[: text.index(" |", 2)])
    end = page.index("\n\n", begin) + 1
    return page[:begin] + text + page[end:]


def keep(tables):
    """Writes them into the page, in the places of those before."""
    with open(PAGE, encoding="utf-8") as text:
        page = text.read()
    for table in tables:
        page = in_page(page, table)
    with open(PAGE, "w", encoding="utf-8") as text:
        text.write(page)


def write(measured=None):
    keep([table.rstrip("\n") + "\n" for table in constants(measured).split("\n\n")] if measured else [])
    with open(PAGE, encoding="utf-8") as text:
        keep([follows(read_constants(text.read()))])


# --- The measurement ---

LEFT = "SELECT count(*) FROM pg_class WHERE relname ~ '^_mirror_(shadow|dropped)_'"
TAKEN = (
    "SELECT (SELECT count(*) FROM pg_class), (SELECT count(*) FROM pg_class WHERE pg_relation_filenode(oid) IS NOT NULL), "
    "pg_database_size(current_database())"
)
# Every mirrored table of a schema is used once in this session.
USE_ALL = """
CREATE TEMP TABLE before AS SELECT sum(total_bytes) AS bytes FROM pg_backend_memory_contexts;
DO $$ DECLARE one regclass; BEGIN
  FOR one IN SELECT oid FROM pg_class WHERE relkind = 'r' AND relnamespace = '"{schema}"'::regnamespace LOOP
    EXECUTE format('SELECT FROM %s LIMIT 1', one);
  END LOOP;
END $$;
SELECT before.bytes, (SELECT sum(total_bytes) FROM pg_backend_memory_contexts) - before.bytes FROM before;
"""


class Mirrors:
    """Some mirrors, fed by the agent from sources whose tables have no rows."""

    def __init__(self, bench, cluster, endpoint, name, tables, number):
        self.bench, self.cluster, self.endpoint, self.number = bench, cluster, endpoint, number
        self.config = os.path.join(endpoint.folder, f"agent-{name}.toml")
        shutil.copy(endpoint.config, self.config)
        names = [name for name, _ in peer_rows.COLUMNS]
        columns = f"{names[0]} INTEGER PRIMARY KEY, " + ", ".join(f"{name} TEXT" for name in names[1:])
        with open(self.config, "a", encoding="utf-8") as text:
            for i in range(number):
                path = bench.path(f"{name}-{i}.db")
                database = sqlite3.connect(path)
                database.executescript(";".join(f"CREATE TABLE t{table} ({columns})" for table in range(tables)))
                database.close()
                text.write(f'\n[[source]]\ncontext_id = "{CONTEXT}-{name}-{i}"\npath = "{path}"\n')
        self._agent("install")

    def _agent(self, command):
        run([self.bench.program("mirror-agent"), command, "--config", self.config], timeout=3600)

    def cycle(self):
        """Bytes of PostgreSQL's log for a cycle of each, by the mirror. As between cycles that are far apart, the
        first change of each page is written with the whole page."""
        begin = self.cluster.sql("CHECKPOINT", "SELECT pg_current_wal_insert_lsn()")
        self._agent("once")
        return int(self.cluster.sql(f"SELECT pg_current_wal_insert_lsn() - '{begin}'")) / self.number


def taken(cluster, endpoint):
    """Relations, files and bytes, once nothing is left of what was replaced. Room of dead rows is free for others."""
    wait_until(lambda: endpoint.ask_database(LEFT) == ["0"], "the end of what was replaced", 300, pause=1)
    endpoint.ask_database("VACUUM; CHECKPOINT; SELECT 1")
    return [int(word) for word in endpoint.ask_database(TAKEN)]


def of_one(bench, cluster, endpoint, tables, number):
    """The first half of the mirrors pays for what is there once, and leaves the dead rows that each one leaves."""
    for half in ("first", "second"):
        mirrors = Mirrors(bench, cluster, endpoint, f"{tables}-{half}", tables, number // 2)
        before, idle = taken(cluster, endpoint), memory(endpoint.pid)
        made = mirrors.cycle()
        server = (memory(endpoint.pid) - idle) * 2**20
        mirrors.cycle()  # Drops what the first one replaced.
        quiet = mirrors.cycle()
        changed = [now - then for now, then in zip(taken(cluster, endpoint), before)]
    relations, files, disk, server = (figure / mirrors.number for figure in (*changed, server))
    return {"relations": relations, "files": files, "disk": disk, "made": made, "quiet": quiet, "server": server}


def of_session(endpoint, tables):
    """Bytes of a connection when it is new, and for each mirrored table that it uses."""
    session, used = endpoint.ask_database(USE_ALL.format(schema=f"Mirror_{CONTEXT}-{tables}-first-0"))
    return {"session": float(session), "relation": float(used) / tables}


def measure(programs):
    folder = tempfile.mkdtemp(prefix="capacity-")
    os.chmod(folder, 0o711)
    bench = Bench(ROOT, folder, [], 1, False)
    bench.program = lambda name: os.path.join(os.path.abspath(programs), name)
    cluster = postgres.Cluster(bench.path("postgres"), SETTINGS)
    try:
        cluster.make()
        with PostgresEndpoint(bench, "endpoint", cluster) as endpoint:
            measured = {tables: of_one(bench, cluster, endpoint, tables, number) for tables, number in MEASURED.items()}
            return measured | {0: of_session(endpoint, max(MEASURED))}
    finally:
        cluster.remove()
        shutil.rmtree(folder, ignore_errors=True)


def main(words):
    if words == ["--follow"]:
        write()
    elif words and not words[0].startswith("-") and words[1:] in ([], ["--keep"]):
        start = time.monotonic()
        found = measure(words[0])
        print(constants(found) + "\n" + follows(read_constants(constants(found))), end="")
        print(f"{time.monotonic() - start:.0f} s", file=sys.stderr)
        if words[1:]:
            write(found)
    else:
        sys.exit(__doc__)


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except (Failed, postgres.postgres_cluster.Failed) as error:
        sys.exit(f"capacity.py: {error}")
