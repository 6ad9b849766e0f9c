"""Lines about sources by ODBC: the agent's reader against the bare loop of ODBC's own calls, by Debian's drivers."""

import contextlib
import glob
import json

import mariadb
import peer_rows
import postgres
from bench_run import remove_database
from database_source_lines import source
from endpoint import free_ports
from mariadb_source_lines import METADATA, load
from processes import Failed, run


def _driver(library):
    found = glob.glob(f"/usr/lib/*/odbc/{library}")
    if not found:
        raise Failed(f"{library} is not installed: tools/setup --also odbc")
    return found[0]


@contextlib.contextmanager
def _postgres(bench, rows):
    with source(bench, rows) as cluster:
        folder = cluster.folder
        yield (
            f"Driver={_driver('psqlodbcw.so')};Servername={folder};Database=postgres;"
            f"Username={postgres.postgres_cluster.SUPERUSER}"
        )


@contextlib.contextmanager
def _mariadb(bench, rows):
    server = mariadb.Server(bench.path("source"), 1, free_ports()[0], METADATA)
    try:
        load(bench, server, rows)
        yield f"Driver={_driver('libmaodbc.so')};Server=127.0.0.1;Port={server.port};Database=bench;User=root"
    finally:
        server.stop()


@contextlib.contextmanager
def _sqlite(bench, rows):
    file = bench.path("odbc.db")
    with bench.raw(file) as raw:
        raw.step(f"populate count={rows}")
    try:
        yield f"Driver={_driver('libsqlite3odbc.so')};Database={file}"
    finally:
        remove_database(file)


def _reading(name, database):
    def measure(bench):
        rows = bench.size(500_000, 100_000)
        columns = ", ".join(column for column, _ in peer_rows.COLUMNS)
        with database(bench, rows) as connection:
            for _ in bench.turns(f"a table of {rows:,} rows is read by ODBC: {name}"):
                words = ["fetch", "--file", connection, "--sql", f"SELECT {columns} FROM contact_1"]
                bare = json.loads(run([bench.program("mirror-bench"), *words]))
                reading = json.loads(run([bench.program("mirror-bench"), "read", "--file", "odbc:" + connection]))
                if bare["rows"] != rows or reading["rows"] != rows:
                    raise Failed(f"{reading['rows']:,} and {bare['rows']:,} rows of {rows:,}")
                bench.result(f"odbc-{name}").add_rates(rows / reading["seconds"], rows / bare["seconds"])

    return measure


GROUPS = {
    "odbc-postgres": _reading("postgres", _postgres),
    "odbc-mariadb": _reading("mariadb", _mariadb),
    "odbc-sqlite": _reading("sqlite", _sqlite),
}
