"""Lines about sources that are databases of a PostgreSQL server: what the agent reads there and in its log, and how long
changes take from there to a mirror in SQLite."""

import contextlib
import json
import os
import subprocess
import time

import peer_rows
import postgres
from agent_lines import install, once
from endpoint import CONTEXT, Endpoint
from processes import Failed, run

WAL = {"wal_level": "logical"}
IDLE_TABLES = 413  # As many as the largest source that is described.
LARGE_TRANSACTION = 5_000_000


@contextlib.contextmanager
def source(bench, rows):
    """A server with the benchmark's table and so many rows."""
    cluster = postgres.Cluster(bench.path("source"), WAL)
    try:
        cluster.make()
        cluster.sql(peer_rows.create("contact_1"))
        if rows:
            _load(bench, cluster, rows)
        yield cluster
    finally:
        cluster.remove()


def _load(bench, cluster, rows):
    script, plain = bench.path("load.sql"), peer_rows.export(bench, "load.tsv", rows, "tsv")
    with open(script, "w") as out:
        for block in peer_rows.chunks(plain):
            out.write("COPY contact_1 FROM STDIN;\n" + "".join(block) + "\\.\n")
    cluster.script(script)
    cluster.sql("VACUUM ANALYZE contact_1")
    os.unlink(script)
    os.unlink(plain)


def _mirror_totals(endpoint):
    return peer_rows.totals(run(["sqlite3", "-separator", " ", endpoint.mirror_file(CONTEXT), peer_rows.TOTALS]))


def _source_totals(cluster):
    return peer_rows.totals(cluster.sql(peer_rows.TOTALS))


def read(bench):
    rows = bench.size(1_000_000, 200_000)
    with source(bench, rows) as cluster:
        url = cluster.connection()
        copy = [str(postgres.postgres_cluster.programs() / "psql"), "-X", "-q", "-d", url]
        copy += ["-c", "COPY contact_1 TO STDOUT"]
        for _ in bench.turns(f"a PostgreSQL table of {rows:,} rows is read"):
            start = time.monotonic()
            subprocess.run(copy, stdout=subprocess.DEVNULL, check=True)
            reference = rows / (time.monotonic() - start)
            reading = json.loads(run([bench.program("mirror-bench"), "read", "--file", url]))
            if reading["rows"] != rows:
                raise Failed(f"the reader gave {reading['rows']:,} rows of {rows:,}")
            bench.result("source-read").add_rates(rows / reading["seconds"], reference)


def changes(bench):
    """The same updates through PostgreSQL's own replication into PostgreSQL, and through the agent into SQLite."""
    rows = bench.size(1_000_000, 100_000)
    with postgres.Replication(bench, rows) as peer, source(bench, 0) as cluster:
        for _ in bench.turns(f"{rows:,} updates of a PostgreSQL source"):
            peer.copy()
            peer.insert()
            reference = peer.update()
            behind = peer.catch_up()
            with Endpoint(bench, "changes", source=cluster.connection()) as endpoint:
                cluster.script(peer.inserts)
                cluster.sql("DROP TABLE IF EXISTS fresh", peer_rows.create("fresh"))
                cluster.script(bench.path("pg-fresh.sql"))
                cluster.sql("CHECKPOINT")
                _leave_out_fresh(endpoint)
                install(bench, endpoint)
                once(bench, endpoint)
                start = time.monotonic()
                cluster.script(peer.updates)
                written = time.monotonic()
                tables, _, peak = once(bench, endpoint)
                end = time.monotonic()
                if tables[0]["updates"] + tables[0]["inserts"] != rows:
                    raise Failed(f"{rows:,} updates, and mirror-agent did: {tables[0]}")
                bench.result("source-changes").add_rates(rows / (end - start), reference)
                bench.result("source-catch-up").add_rates(rows / (end - written), behind)
                bench.result("source-memory").add(peak)
                bench.same(["source-changes"], _mirror_totals(endpoint), _source_totals(cluster))
                _uninstall(bench, endpoint)
            cluster.sql("TRUNCATE contact_1")
            peer.reset()


def _slot(cluster, name):
    cluster.sql(f"SELECT pg_create_logical_replication_slot('{name}', 'pgoutput')")


def _receive(bench, cluster, slot, end, file):
    """Seconds of PostgreSQL's own client for the same log, which it writes down as it comes."""
    command = [str(postgres.postgres_cluster.programs() / "pg_recvlogical"), "-d", cluster.connection(), "--slot", slot]
    command += ["--start", "--endpos", end, "-o", "proto_version=1", "-o", "publication_names=bench", "-o", "messages=true"]
    start = time.monotonic()
    run([*command, "-f", file])
    return time.monotonic() - start


def log(bench):
    """Its log, decoded alone and taken into the stage, against pg_recvlogical with a slot of its own each time."""
    rows = bench.size(1_000_000, 200_000)
    with source(bench, rows) as cluster, Endpoint(bench, "log", source=cluster.connection()) as endpoint:
        cluster.sql("CREATE PUBLICATION bench FOR TABLE contact_1")
        install(bench, endpoint)
        once(bench, endpoint)
        for turn in bench.turns(f"the log of {rows:,} updates in PostgreSQL"):
            for name in ("ours", "into_nothing", "into_file"):
                _slot(cluster, name)
            for first, last in peer_rows.ranges(rows):
                cluster.sql(
                    f"UPDATE contact_1 SET credit = credit + 1, name = 'name {turn} ' || contact_id "
                    f"WHERE contact_id BETWEEN {first} AND {last}"
                )
            cluster.sql("CHECKPOINT")
            end = cluster.sql("SELECT pg_current_wal_lsn()")
            file = bench.path("received")
            into_nothing = _receive(bench, cluster, "into_nothing", end, os.devnull)
            into_file = _receive(bench, cluster, "into_file", end, file)
            os.unlink(file)
            words = ["decode", "--file", cluster.connection(), "--slot", "ours", "--publication", "bench"]
            decoded = json.loads(run([bench.program("mirror-bench"), *words]))
            if decoded["changes"] != rows:
                raise Failed(f"{rows:,} updates, and {decoded['changes']:,} were decoded")
            bench.result("source-decode").add_rates(rows / decoded["seconds"], rows / into_nothing)
            staged = stage(bench, endpoint)
            bench.result("source-stage").add_rates(rows / staged, rows / into_file)
            for name in ("ours", "into_nothing", "into_file"):
                cluster.sql(f"SELECT pg_drop_replication_slot('{name}')")
            tables, _, _ = once(bench, endpoint)
            if tables[0]["updates"] != rows:
                raise Failed(f"{rows:,} updates, and mirror-agent did: {tables[0]}")
        _uninstall(bench, endpoint)


def stage(bench, endpoint):
    """Seconds until all that the source's log has is in the agent's stage, which the next cycle finds there."""
    words = ["stage", "--config", endpoint.config, "--context-id", CONTEXT]
    return json.loads(run([bench.program("mirror-bench"), *words]))["seconds"]


def _leave_out_fresh(endpoint):
    with open(endpoint.config) as text:
        toml = text.read()
    if "\nskip = [] " not in toml:
        raise Failed("the configuration that mirrorctl init wrote has no 'skip'")
    with open(endpoint.config, "w") as text:
        text.write(toml.replace("\nskip = [] ", '\nskip = ["fresh"] ', 1))


def _uninstall(bench, endpoint):
    run([bench.program("mirror-agent"), "uninstall", "--config", endpoint.config])


def large_transaction(bench):
    """What the agent takes of memory for one transaction of so many rows."""
    rows = bench.size(LARGE_TRANSACTION, 500_000)
    with source(bench, 0) as cluster, Endpoint(bench, "large", source=cluster.connection()) as endpoint:
        install(bench, endpoint)
        once(bench, endpoint)
        for turn in bench.turns(f"a transaction of {rows:,} rows"):
            first = turn * rows
            cluster.sql(
                "INSERT INTO contact_1 SELECT i, i, 1, 2, 0.5, 'name ' || i, 'department', 'street ' || i, 'city', "
                f"'mail' || i || '@example.org', '12345', '2024-01-01' FROM generate_series({first + 1}, {first + rows}) i"
            )
            tables, _, peak = once(bench, endpoint)
            if tables[0]["inserts"] != rows:
                raise Failed(f"{rows:,} inserts, and mirror-agent did: {tables[0]}")
            bench.result("source-transaction-memory").add(peak)
        _uninstall(bench, endpoint)


def idle(bench):
    """A cycle of many tables in which nothing changed, in an agent that stays."""
    with source(bench, 0) as cluster:
        cluster.sql(*(f"CREATE TABLE t{i} (id int PRIMARY KEY, name text)" for i in range(IDLE_TABLES - 1)))
        with Endpoint(bench, "idle", source=cluster.connection()) as endpoint:
            install(bench, endpoint)
            once(bench, endpoint)
            for _ in bench.turns(f"cycles of {IDLE_TABLES} tables without a change"):
                _, seconds, _ = once(bench, endpoint)
                bench.result("source-idle").add(seconds * 1000)
            _uninstall(bench, endpoint)


GROUPS = {
    "source-read": read,
    "source-log": log,
    "source-changes": changes,
    "source-transaction": large_transaction,
    "source-idle": idle,
}
