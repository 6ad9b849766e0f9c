"""A place whose source is a PostgreSQL database."""

import shutil
import sys
import time
import urllib.parse

from tests.torture.place import ROOT, Broken
from tests.torture.source_place import HEX, SourcePlace

sys.path.insert(0, str(ROOT / "tests" / "support"))

import postgres_cluster  # noqa: E402

PATIENCE_S = 60
SETTINGS = {"wal_level": "logical", "max_wal_senders": "8", "max_replication_slots": "8", "max_prepared_transactions": "4"}


def quote(folder):
    return urllib.parse.quote(str(folder), safe="")


def make_cluster():
    cluster = postgres_cluster.Cluster(postgres_cluster.fast_folder("mirror-torture-source-") / "postgres", SETTINGS)
    cluster.make()
    cluster.sql(f"ALTER ROLE {postgres_cluster.ROLE} REPLICATION;")
    return cluster


class PostgresSourcePlace(SourcePlace):
    points = ("stage.flushing", "stage.flushed", "source.confirmed")
    failed = postgres_cluster.Failed

    CREATE = """
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
    EMPTY = "TRUNCATE large; INSERT INTO large SELECT i, 'new' FROM generate_series(1, 50) i;"

    @classmethod
    def begin(cls):
        cls.shared = make_cluster()

    @classmethod
    def end(cls, keep):
        cls.shared.stop()
        if keep:
            print(f"The databases of what is kept: tests/support/postgres_cluster.py start {cls.shared.folder}")
        else:
            shutil.rmtree(cls.shared.folder.parent)

    def make_source(self):
        return self.shared.make_database(self.database)

    def remove_own(self):
        for server in filter(None, (self.own, self.standby)):
            server.stop()
        shutil.rmtree(self.own.folder.parent, ignore_errors=True)

    def leave_shared(self):
        self.run_plain("mirror-agent", "uninstall", "--config", self.dir / "mirror-agent.toml", check=False)
        # A database with a slot cannot be dropped.
        self.shared.sql(
            f"SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE database = '{self.database}' "
            "AND active_pid IS NOT NULL; "
            f"SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE database = '{self.database}';"
        )
        self.shared.drop_database(self.database)

    # --- Rows ---

    def ask(self, query):
        return postgres_cluster.psql(self.server_of_source.url(self.database), query)

    def sql(self, *statements):
        self.same_rows = False
        for statement in statements:
            self.ask(statement)

    def schema_of_tables(self):
        return "'public'"

    def line_of(self, columns):
        texts = (f"encode({column}, 'hex')" if column in HEX else f"{column}::text" for column in columns)
        return " || '|' || ".join(f"coalesce({text}, '-')" for text in texts)

    # --- A server of its own ---

    def move_to_own_server(self):
        shared, self.own = self.shared, make_cluster()
        self.own.make_database(self.database)
        self.change_address(shared, self.own)

    def change_address(self, before, now):
        """Of the source, as the agent is told it."""
        config = self.dir / "mirror-agent.toml"
        text = config.read_text(encoding="utf-8")
        changed = text.replace(str(before.folder), str(now.folder)).replace(quote(before.folder), quote(now.folder))
        if changed == text:
            raise Broken("mirror-agent.toml does not name the source's socket")
        config.write_text(changed, encoding="utf-8")

    def stop_own(self):
        self.own.stop_gently()

    def lose_log(self):
        self.own.sql("SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_type = 'logical';")

    def make_standby(self):
        self.standby = self.own.make_standby(self.own.folder.parent / "standby", "standby")

    def wait_for_standby(self):
        caught_up = "SELECT bool_and(replay_lsn = pg_current_wal_lsn()) FROM pg_stat_replication WHERE application_name = 'standby';"
        self.wait_until(caught_up, "the standby does not follow")

    def cut_off_standby(self):
        self.standby.sql("ALTER SYSTEM SET primary_conninfo = '';")
        self.standby.sql("SELECT pg_reload_conf();")
        gone = "SELECT count(*) = 0 FROM pg_stat_replication WHERE application_name = 'standby';"
        self.wait_until(gone, "the standby still follows")

    def wait_until(self, question, otherwise):
        deadline = time.monotonic() + PATIENCE_S
        while self.own.sql(question).strip() != "t":
            if time.monotonic() > deadline:
                raise Broken(otherwise)
            time.sleep(0.02)

    def promote_standby(self):
        primary, self.own, self.standby = self.own, self.standby, None
        primary.stop()
        self.own.promote()
        self.change_address(primary, self.own)
