"""A place whose source is a PostgreSQL database, in a cluster of its own or in one that all runs share."""

import itertools
import shutil
import sqlite3
import subprocess
import sys
import time
import urllib.parse

from tests.torture.place import ROOT, Broken, Place

sys.path.insert(0, str(ROOT / "tests" / "support"))

import postgres_cluster  # noqa: E402

PATIENCE_S = 60
SETTINGS = {"wal_level": "logical", "max_wal_senders": "8", "max_replication_slots": "8", "max_prepared_transactions": "4"}

# What stands between two values of a row, and for none, in both databases.
COLUMNS = {
    "people": ("id", "name", "age", "encode(photo, 'hex')", "balance", "born"),
    "visits": ("room", "number", "note"),
    "large": ("id", "name"),
}
IN_MIRROR = {"encode(photo, 'hex')": "lower(hex(photo))"}
TABLES = """
CREATE TABLE people (id int PRIMARY KEY, name text, age int, photo bytea, balance numeric(12,2), born date);
CREATE TABLE visits (room text, number bigint, note text, PRIMARY KEY (room, number));
CREATE TABLE large (id int PRIMARY KEY, name text);
"""
FILL = """
INSERT INTO people SELECT i, 'name ' || i, i % 90, CASE i % 3 WHEN 0 THEN convert_to(repeat('x', i % 500), 'UTF8') END,
  i * 1.25, date '2000-01-01' + i FROM generate_series(1, 400) i;
INSERT INTO visits SELECT 'room ' || i % 9, i, repeat('note ' || i, 200) FROM generate_series(1, 300) i;
INSERT INTO large SELECT i, 'x' FROM generate_series(1, 1500) i;
"""
# Keys that change, texts that the log leaves out, rows that come and go, a transaction that is taken back in part.
CHANGES = """
BEGIN; UPDATE people SET name = name || '!' WHERE id % 5 = 0; DELETE FROM people WHERE id % 7 = 0; COMMIT;
INSERT INTO people SELECT max(id) + i, 'new ' || i, i, NULL, NULL, NULL FROM people, generate_series(1, 60) i
  GROUP BY i;
BEGIN; UPDATE visits SET number = number + 1000 WHERE number % 11 = 0; SAVEPOINT s; DELETE FROM visits;
ROLLBACK TO s; COMMIT;
UPDATE large SET name = name || 'y' WHERE id % 3 = 0;
"""
SCHEMA = """
ALTER TABLE people ADD COLUMN city text; UPDATE people SET city = 'Oslo' WHERE id % 2 = 0;
ALTER TABLE visits RENAME COLUMN note TO remark; ALTER TABLE large DROP COLUMN name;
"""
AFTER_SCHEMA = {
    "people": (*COLUMNS["people"], "city"),
    "visits": ("room", "number", "remark"),
    "large": ("id",),
}


def quote(folder):
    return urllib.parse.quote(str(folder), safe="")


def make_cluster():
    cluster = postgres_cluster.Cluster(postgres_cluster.fast_folder("mirror-torture-source-") / "postgres", SETTINGS)
    cluster.make()
    cluster.sql(f"ALTER ROLE {postgres_cluster.ROLE} REPLICATION;")
    return cluster


class PostgresSourcePlace(Place):
    cluster = None  # That of all runs.
    numbers = itertools.count(1)

    def __init__(self, keep=False):
        self.own = None  # A cluster that is this run's alone: it is restored, or gives way to its standby.
        self.database = f"source_{next(self.numbers)}"
        self.columns = COLUMNS
        super().__init__(keep)

    def make_source(self):
        return self.cluster.make_database(self.database)

    @property
    def server_of_source(self):
        return self.own or self.cluster

    def close(self):
        super().close()
        if self.keep:
            return
        if self.own is not None:
            self.own.remove()
            shutil.rmtree(self.own.folder.parent, ignore_errors=True)
        else:
            self.run_plain("mirror-agent", "uninstall", "--config", self.dir / "mirror-agent.toml", check=False)
            self.drop_slots()
            self.cluster.drop_database(self.database)

    def drop_slots(self):
        """A database with a slot cannot be dropped."""
        self.cluster.sql(
            f"SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE database = '{self.database}' "
            "AND active_pid IS NOT NULL; "
            f"SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE database = '{self.database}';"
        )

    def sql(self, *statements):
        self.same_rows = False
        for statement in statements:
            postgres_cluster.psql(self.server_of_source.url(self.database), statement)

    def rows_of_source(self, table):
        words = " || '|' || ".join(f"coalesce({column}::text, '-')" for column in self.columns[table])
        text = postgres_cluster.psql(self.server_of_source.url(self.database), f"SELECT {words} FROM {table}")
        return sorted(text.splitlines())

    def rows_of_mirror(self, file, table):
        columns = (IN_MIRROR.get(column, column) for column in self.columns[table])
        # A NULL has no hex digits.
        words = ", ".join(
            f"CASE WHEN photo IS NULL THEN NULL ELSE {column} END" if "photo" in column else column for column in columns
        )
        connection = sqlite3.connect(f"file:{file}?mode=ro", uri=True)
        try:
            rows = connection.execute(f"SELECT {words} FROM {table}").fetchall()
        finally:
            connection.close()
        return sorted("|".join("-" if value is None else str(value) for value in row) for row in rows)

    def differences(self, file=None):
        wrong = []
        for table in self.columns:
            here, there = self.rows_of_source(table), self.rows_of_mirror(file or self.mirror, table)
            if here != there:
                only = len(set(here) - set(there)), len(set(there) - set(here))
                wrong.append(f"{table}: {len(here)} rows, the mirror {len(there)}; {only[0]} and {only[1]} only there")
        return wrong

    # --- A cluster of its own ---

    def drop_slots_of_own(self):
        self.own.sql("SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_type = 'logical';")

    def wait_for_standby(self):
        deadline = time.monotonic() + PATIENCE_S
        while self.own.sql("SELECT bool_and(replay_lsn = pg_current_wal_lsn()) FROM pg_stat_replication;").strip() != "t":
            if time.monotonic() > deadline:
                raise Broken("the standby does not follow")
            time.sleep(0.02)

    def move_to(self, standby):
        """It takes the place of the primary, whose address the agent is told."""
        primary, self.own = self.own, standby
        primary.stop()
        standby.promote()
        config = self.dir / "mirror-agent.toml"
        text = config.read_text(encoding="utf-8")
        for before, now in ((primary.folder, standby.folder), (quote(primary.folder), quote(standby.folder))):
            text = text.replace(str(before), str(now))
        config.write_text(text, encoding="utf-8")

    def move_to_own_cluster(self):
        """Before anything is installed in the source."""
        self.own = make_cluster()
        url = self.own.make_database(self.database)
        config = self.dir / "mirror-agent.toml"
        text = config.read_text(encoding="utf-8")
        changed = text.replace(str(self.cluster.folder), str(self.own.folder))
        changed = changed.replace(quote(self.cluster.folder), quote(self.own.folder))
        if changed == text:
            raise Broken("mirror-agent.toml does not name the source's socket")
        config.write_text(changed, encoding="utf-8")
        return url

    def copy_cold(self):
        """Of the whole server while it is down."""
        self.own.stop_gently()
        copy = self.own.folder.parent / "copy"
        shutil.rmtree(copy, ignore_errors=True)
        self.copy_tree(self.own.data, copy)
        self.own.start()
        return copy

    def put_back(self, copy):
        self.own.stop()
        shutil.rmtree(self.own.data)
        self.copy_tree(copy, self.own.data)
        self.own.start()

    @staticmethod
    def copy_tree(source, target):
        # With their owners, which shutil leaves behind.
        subprocess.run(["cp", "-a", source, target], check=True)
