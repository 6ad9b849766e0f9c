#!/usr/bin/python3
"""The database of an application in a MariaDB of its own, whose binlog can be read: the Chinook music shop. What happens
to such servers is done to it: a cold copy is put back, a replica takes over. Its rows are compared with a mirror's by
the mariadb client and SQLite alone.

Usage: mariadb_source.py make FOLDER           with a user mirror_agent of the least rights; prints its URL, by a socket
                                               beside the folder that leads to whichever server is the primary
       mariadb_source.py sql FOLDER            runs standard input as the application
       mariadb_source.py save FOLDER COPY      stops it, copies it, starts it
       mariadb_source.py restore FOLDER COPY   in its place the copy, as it was
       mariadb_source.py standby FOLDER NEW    a replica, which has all that the binlog has
       mariadb_source.py promote FOLDER NEW    when the replica has all of it, it takes over, address and all; the
                                               primary is gone
       mariadb_source.py compare FOLDER FILE   row by row with a mirror in a SQLite file; exit code 1: they differ
       mariadb_source.py stop FOLDER
       mariadb_source.py programs              prints the folder of the mariadb client
"""

import decimal
import functools
import json
import lzma
import os
import pathlib
import re
import subprocess
import sys

import mariadb_replica
import source_commands
import source_comparison
from mariadb_servers import BINLOG, SETTINGS, Failed, Server, install, own, programs  # noqa: F401 (a command)

DATABASE = "crm"
READER = "mirror_agent"
# As 'mirrorctl doctor' asks for them.
OF_SOURCE = {"innodb_flush_log_at_trx_commit": "1", "sync_binlog": "1", "binlog_expire_logs_seconds": "864000"}
CHINOOK = pathlib.Path(__file__).resolve().parents[1] / "data" / "chinook-postgresql.sql.xz"
NUMBERS = ("tinyint", "smallint", "mediumint", "int", "bigint", "decimal", "float", "double")
TIMES = ("datetime", "timestamp")


@functools.cache  # Who started it in this program waits for its end, too.
@functools.cache  # Who started it in this program waits for its end, too.
def server_in(folder):
    return Server(folder, json.loads((folder / "settings.json").read_text()))


def server_of(folder):
    return server_in(pathlib.Path(folder).absolute())


def new_server(folder, settings):
    """Started; whoever asks for it later finds its settings beside its data."""
    folder = pathlib.Path(folder).absolute()
    own(folder)
    (folder / "settings.json").write_text(json.dumps(SETTINGS | BINLOG | OF_SOURCE | settings))
    install(folder / "data")
    server = server_of(folder)
    server.start()
    # Some installers make superusers without a password for those who come over the network.
    server.sql("SET sql_log_bin = 0; DELETE FROM global_priv WHERE User = 'root' AND Host <> 'localhost'; FLUSH PRIVILEGES")
    return server


def address_of(folder):
    return pathlib.Path(folder).absolute().parent / "crm.socket"


def lead_to(server):
    """As a name or an address that moves to another server."""
    address = address_of(server.folder)
    address.unlink(missing_ok=True)
    address.symlink_to(server.socket)


def tables():
    """Chinook's script for PostgreSQL has one word that means something else here, and no signs behind backslashes."""
    script = lzma.decompress(CHINOOK.read_bytes()).decode().partition("\\c chinook;\n")[2]
    return "SET sql_mode = 'ANSI,NO_BACKSLASH_ESCAPES,STRICT_TRANS_TABLES';" + re.sub(r"\bTIMESTAMP\b", "DATETIME", script)


def make(folder):
    server = new_server(folder, mariadb_replica.primary_settings())
    server.sql(f"CREATE DATABASE {DATABASE} CHARACTER SET utf8mb4")
    sql(folder, tables())
    server.sql(
        f"CREATE USER {READER}@localhost; GRANT SELECT ON {DATABASE}.* TO {READER}@localhost;"
        f"GRANT REPLICATION SLAVE, BINLOG MONITOR ON *.* TO {READER}@localhost"
    )
    lead_to(server)
    return f"mariadb://{READER}@/{DATABASE}?socket={address_of(folder)}"


def sql(folder, script):
    return server_of(folder).sql(script, DATABASE)


def copy(data, to):
    """With its owners and modes: of another account than MariaDB's it would not start."""
    subprocess.run(["cp", "-a", data, to], check=True)


def save(folder, to):
    server = server_of(folder)
    server.stop()
    copy(server.data, to)
    server.start()


def restore(folder, saved):
    server = server_of(folder)
    server.stop()
    subprocess.run(["rm", "-rf", server.data], check=True)
    copy(saved, server.data)
    server.start()


def standby(folder, new):
    mariadb_replica.follow(new_server(new, mariadb_replica.REPLICA), server_of(folder))


def promote(folder, new):
    """Nothing is lost: it waits until the replica has what the primary has."""
    primary, replica = server_of(folder), server_of(new)
    mariadb_replica.wait_until_same(replica, primary)
    primary.kill()
    mariadb_replica.take_over(replica)
    lead_to(replica)


def kind_of(data_type):
    return "number" if data_type in NUMBERS else "time" if data_type in TIMES else data_type


def compare(folder, path):
    """Whether every row of every table is the same, and no other table is there."""
    found = sql(
        folder,
        "SELECT TABLE_NAME, COLUMN_NAME, DATA_TYPE FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = DATABASE() AND "
        "IS_GENERATED = 'NEVER'",
    )
    columns = {}
    for line in found.splitlines():
        table, name, data_type = line.split("\t")
        columns.setdefault(table, {})[name] = kind_of(data_type)

    def read(table):
        pairs = ", ".join(f"'{name}', `{name}`" for name in columns[table])
        lines = sql(folder, f"SELECT JSON_OBJECT({pairs}) FROM `{table}`").splitlines()
        return [json.loads(line, parse_float=decimal.Decimal) for line in lines]

    return source_comparison.compare(columns, read, path)


def stop(folder):
    if os.path.exists(folder):
        server_of(folder).kill()


if __name__ == "__main__":
    sys.exit(source_commands.main(sys.modules[__name__], Failed))
