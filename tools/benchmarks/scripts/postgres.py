"""Two PostgreSQL 15 clusters and a subscription between them."""

import glob
import os
import pathlib
import shutil
import sys
import time

import peer_rows
from processes import wait_until

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[3] / "tests" / "support"))

import postgres_cluster  # noqa: E402

PATIENCE_S = 600
# As somebody would set it who loads much; the others are as PostgreSQL has them.
SETTINGS = {"shared_buffers": "1GB", "max_wal_size": "8GB", "max_connections": "100"}
REPLICATION = {
    "wal_level": "logical",
    "max_logical_replication_workers": "4",
    # Else the subscriber waits up to 5 s before it starts a worker again, which would be counted as work.
    "wal_retrieve_retry_interval": "100ms",
}


class Cluster(postgres_cluster.Cluster):
    """A superuser's, in its database postgres."""

    def __init__(self, folder, settings=None):
        super().__init__(folder, SETTINGS | (settings or {}))

    def sql(self, *statements):
        """What the last one gives."""
        return super().sql("".join(one + ";\n" for one in statements), PATIENCE_S).strip()

    def script(self, path):
        super().sql(f"\\i {path}\n", PATIENCE_S)

    def connection(self):
        return self.url("postgres", postgres_cluster.SUPERUSER)


class Replication:
    """Publisher and subscriber with the benchmark's table."""

    def __init__(self, bench, rows):
        self.bench, self.rows = bench, rows
        self.publisher = Cluster(bench.path("publisher"), REPLICATION)
        self.subscriber = Cluster(bench.path("subscriber"), REPLICATION)

    def __enter__(self):
        try:
            for cluster in (self.publisher, self.subscriber):
                cluster.make()
                cluster.sql(peer_rows.create("contact_1"))
            self.publisher.sql(peer_rows.create("fresh"), "CREATE PUBLICATION bench FOR TABLE contact_1")
            self._prepare()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        for cluster in (self.subscriber, self.publisher):
            cluster.remove()
        for path in glob.glob(self.bench.path("pg-*")):
            os.unlink(path)

    def _prepare(self):
        old = peer_rows.export(self.bench, "pg-old.tsv", self.rows, "tsv")
        new = peer_rows.export(self.bench, "pg-new.tsv", self.rows, "tsv", peer_rows.NEW)
        self.old_email, self.new_email = peer_rows.last_email(old), peer_rows.last_email(new)
        self.inserts, self.updates = self.bench.path("pg-inserts.sql"), self.bench.path("pg-updates.sql")
        with open(self.inserts, "w") as script:
            for block in peer_rows.chunks(old):
                script.write("COPY contact_1 FROM STDIN;\n" + "".join(block) + "\\.\n")
        with open(self.updates, "w") as script:
            for first, last in peer_rows.ranges(self.rows):
                script.write(
                    f"UPDATE contact_1 c SET {peer_rows.assignments('f')} FROM fresh f "
                    f"WHERE c.contact_id = f.contact_id AND c.contact_id BETWEEN {first} AND {last};\n"
                )
        fresh = self.bench.path("pg-fresh.sql")
        with open(fresh, "w") as script, open(new) as rows:
            script.write("COPY fresh FROM STDIN;\n")
            shutil.copyfileobj(rows, script)
            script.write("\\.\nANALYZE fresh;\n")
        self.publisher.script(fresh)

    def _arrived(self, email):
        found = f"SELECT count(*) FROM contact_1 WHERE contact_id = {self.rows} AND email = '{email}'"
        return self.subscriber.sql(found) == "1"

    def _timed(self, script, email):
        for cluster in (self.publisher, self.subscriber):
            cluster.sql("CHECKPOINT")
        start = time.monotonic()
        self.publisher.script(script)
        wait_until(lambda: self._arrived(email), "PostgreSQL's subscriber", 600)
        return self.rows / (time.monotonic() - start)

    def copy(self):
        """Rows per second of the initial copy, which the other two need to have happened."""
        self.publisher.script(self.inserts)
        for cluster in (self.publisher, self.subscriber):
            cluster.sql("CHECKPOINT")
        start = time.monotonic()
        self.subscriber.sql(f"CREATE SUBSCRIPTION bench CONNECTION '{self.publisher.connection()}' PUBLICATION bench")
        ready = "SELECT count(*) FROM pg_subscription_rel WHERE srsubstate = 'r'"
        wait_until(lambda: self.subscriber.sql(ready) == "1", "PostgreSQL's initial copy", 600)
        rate = self.rows / (time.monotonic() - start)
        self.publisher.sql("TRUNCATE contact_1")
        wait_until(lambda: self.subscriber.sql("SELECT count(*) FROM contact_1") == "0", "PostgreSQL's truncation", 60)
        return rate

    def catch_up(self):
        """Rows per second of updates that are in the publisher's log before the subscriber begins to read."""
        self.subscriber.sql("ALTER SUBSCRIPTION bench DISABLE")
        gone = "SELECT count(*) FROM pg_stat_subscription WHERE pid IS NOT NULL"
        wait_until(lambda: self.subscriber.sql(gone) == "0", "the end of PostgreSQL's subscriber", 60)
        self.publisher.script(self.updates)
        self.publisher.sql(f"UPDATE contact_1 SET email = 'last' WHERE contact_id = {self.rows}")
        for cluster in (self.publisher, self.subscriber):
            cluster.sql("CHECKPOINT")
        start = time.monotonic()
        self.subscriber.sql("ALTER SUBSCRIPTION bench ENABLE")
        wait_until(lambda: self._arrived("last"), "PostgreSQL's subscriber", 600)
        return self.rows / (time.monotonic() - start)

    def insert(self):
        return self._timed(self.inserts, self.old_email)

    def update(self):
        return self._timed(self.updates, self.new_email)

    def totals(self):
        return peer_rows.totals(self.subscriber.sql(peer_rows.TOTALS))

    def reset(self):
        self.subscriber.sql("DROP SUBSCRIPTION bench", "TRUNCATE contact_1")
        self.publisher.sql("TRUNCATE contact_1")
