#!/usr/bin/python3
"""The database of an application in a PostgreSQL of its own, whose log can be read: the Chinook music shop. What happens
to such servers is done to it: a cold copy is put back, a standby is promoted. Its rows are compared with a mirror's by
psql and SQLite alone.

Usage: postgres_source.py make FOLDER           with a role mirror_agent of the least rights; prints its URL
       postgres_source.py sql FOLDER            runs standard input as the application
       postgres_source.py save FOLDER COPY      stops it, copies it, starts it
       postgres_source.py restore FOLDER COPY   in its place the copy, as it was
       postgres_source.py standby FOLDER NEW    a streaming standby
       postgres_source.py promote FOLDER NEW    when the standby has all of it, it takes over; the primary is gone
       postgres_source.py compare FOLDER FILE   row by row with a mirror in a SQLite file; exit code 1: they differ
       postgres_source.py stop FOLDER
       postgres_source.py programs              prints the folder of psql
"""

import decimal
import json
import lzma
import os
import pathlib
import shutil
import subprocess
import sys
import time

import source_commands
import source_comparison
from postgres_cluster import PATIENCE_S, SUPERUSER, Cluster, Failed, programs, psql, quoted  # noqa: F401 (a command)

DATABASE = "crm"
READER = "mirror_agent"
SETTINGS = {"wal_level": "logical", "max_slot_wal_keep_size": "20GB", "wal_sender_timeout": "10s"}
CHINOOK = pathlib.Path(__file__).resolve().parents[1] / "data" / "chinook-postgresql.sql.xz"
NUMBERS = ("smallint", "integer", "bigint", "numeric", "real", "double precision")
TIMES = ("timestamp without time zone", "timestamp with time zone")


def make(folder):
    cluster = Cluster(folder, SETTINGS)
    cluster.make()
    cluster.sql(f"CREATE DATABASE {DATABASE} ENCODING 'UTF8' TEMPLATE template0;")
    tables = lzma.decompress(CHINOOK.read_bytes()).decode().partition("\\c chinook;\n")[2]
    sql(folder, tables)
    sql(
        folder,
        f"CREATE ROLE {READER} LOGIN REPLICATION;"
        f"GRANT CONNECT ON DATABASE {DATABASE} TO {READER};"
        f"GRANT USAGE ON SCHEMA public TO {READER};"
        f"GRANT SELECT ON ALL TABLES IN SCHEMA public TO {READER};"
        f"ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT ON TABLES TO {READER};",
    )
    return f"postgresql://{READER}@/{DATABASE}?host={cluster.folder}"


def sql(folder, script):
    return psql(Cluster(folder).url(DATABASE, SUPERUSER), script)


def copy(data, to):
    """With its owners and modes: of another account than PostgreSQL's it would not start."""
    subprocess.run(["cp", "-a", data, to], check=True)


def save(folder, to):
    cluster = Cluster(folder)
    cluster.stop()
    copy(cluster.data, to)
    cluster.start()


def restore(folder, saved):
    cluster = Cluster(folder)
    cluster.stop()
    shutil.rmtree(cluster.data)
    copy(saved, cluster.data)
    (cluster.data / "postmaster.pid").unlink(missing_ok=True)
    cluster.start()


def standby(folder, new):
    Cluster(folder).make_standby(pathlib.Path(new).absolute(), "standby")


def number(folder, query):
    return sql(folder, query).strip()


def promote(folder, new):
    """Nothing is lost: it waits until the standby has replayed what the primary has."""
    end = number(folder, "SELECT pg_current_wal_lsn();")
    until = time.monotonic() + PATIENCE_S
    while number(new, f"SELECT pg_last_wal_replay_lsn() >= '{end}';") != "t":
        if time.monotonic() > until:
            raise Failed("the standby does not follow")
        time.sleep(0.02)
    Cluster(folder).kill()
    if number(new, f"SELECT pg_promote(true, {PATIENCE_S});") != "t":
        raise Failed("the standby is not promoted")


def kind_of(data_type):
    return "number" if data_type in NUMBERS else "time" if data_type in TIMES else data_type


def compare(folder, path):
    """Whether every row of every table is the same, and no other table is there."""
    columns = json.loads(
        sql(
            folder,
            "SELECT json_object_agg(t, c) FROM (SELECT table_name t, json_object_agg(column_name, data_type) c FROM "
            "information_schema.columns WHERE table_schema = 'public' AND is_generated = 'NEVER' GROUP BY 1) x;",
        )
    )
    tables = {table: {name: kind_of(data_type) for name, data_type in found.items()} for table, found in columns.items()}

    def read(table):
        here = sql(folder, f"SELECT coalesce(json_agg(row_to_json(t)), '[]') FROM {quoted(table)} t;")
        return json.loads(here, parse_float=decimal.Decimal)

    return source_comparison.compare(tables, read, path)


def stop(folder):
    if os.path.exists(folder):
        Cluster(folder).stop()


if __name__ == "__main__":
    sys.exit(source_commands.main(sys.modules[__name__], Failed))
