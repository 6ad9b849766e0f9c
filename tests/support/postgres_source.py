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
"""

import datetime
import decimal
import json
import lzma
import os
import pathlib
import shutil
import sqlite3
import subprocess
import sys
import time

from postgres_cluster import PATIENCE_S, SUPERUSER, Cluster, Failed, psql, quoted

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


def plain(value, kind):
    """What PostgreSQL's JSON and SQLite's values have in common."""
    if value is None or kind not in NUMBERS + TIMES:
        return value
    if kind in NUMBERS:
        return decimal.Decimal(str(value))
    return datetime.datetime.fromisoformat(str(value).replace("Z", "+00:00"))


def compare(folder, path):
    """Whether every row of every table is the same, and no other table is there."""
    columns = json.loads(
        sql(
            folder,
            "SELECT json_object_agg(t, c) FROM (SELECT table_name t, json_object_agg(column_name, data_type) c FROM "
            "information_schema.columns WHERE table_schema = 'public' AND is_generated = 'NEVER' GROUP BY 1) x;",
        )
    )
    mirror = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    mirror.row_factory = sqlite3.Row
    names = {name for name, in mirror.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")}
    names = {name for name in names if not name.lower().startswith(("_mirror_", "sqlite_")) and not name.endswith("_mirroring")}
    equal = names == set(columns)
    if not equal:
        print("tables that one of the two has alone:", ", ".join(sorted(names ^ set(columns))))
    print(f"{'table':<16} {'source rows':>11} {'mirror rows':>11}  equal")
    for table in sorted(names & set(columns)):
        kinds = columns[table]

        def rows_of(found, kinds=kinds):
            return sorted((tuple(plain(row[name], kind) for name, kind in kinds.items()) for row in found), key=repr)

        here = sql(folder, f"SELECT coalesce(json_agg(row_to_json(t)), '[]') FROM {quoted(table)} t;")
        source = rows_of(json.loads(here, parse_float=decimal.Decimal))
        found = [dict(row) for row in mirror.execute(f"SELECT * FROM {quoted(table)}")]
        same = all(set(row) == set(kinds) for row in found) and rows_of(found) == source
        equal = equal and same
        print(f"{table:<16} {len(source):>11,} {len(found):>11,}  {'yes' if same else 'NO'}")
    mirror.close()
    return equal


def main(words):
    commands = {"make": (make, 1), "save": (save, 2), "restore": (restore, 2), "standby": (standby, 2), "promote": (promote, 2)}
    try:
        if len(words) > 1 and words[0] in commands and len(words) == commands[words[0]][1] + 1:
            said = commands[words[0]][0](*words[1:])
            if said:
                print(said)
        elif len(words) == 2 and words[0] == "sql":
            print(sql(words[1], sys.stdin.read()), end="")
        elif len(words) == 3 and words[0] == "compare":
            return 0 if compare(*words[1:]) else 1
        elif len(words) == 2 and words[0] == "stop":
            if os.path.exists(words[1]):
                Cluster(words[1]).stop()
        else:
            print(__doc__, file=sys.stderr)
            return 2
    except Failed as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
