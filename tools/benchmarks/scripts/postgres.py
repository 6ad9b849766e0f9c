"""Two PostgreSQL 15 clusters and a subscription between them."""

import glob
import os
import pwd
import shutil
import subprocess
import time

import peer_rows
from processes import Failed, run, wait_until

BIN = "/usr/lib/postgresql/15/bin"
SETTINGS = {
    "wal_level": "logical",
    "shared_buffers": "1GB",
    "max_wal_size": "8GB",
    "listen_addresses": "''",
    "max_logical_replication_workers": "4",
    # Else the subscriber waits up to 5 s before it starts a worker again, which would be counted as work.
    "wal_retrieve_retry_interval": "100ms",
}


def account():
    """PostgreSQL refuses to run as root."""
    if os.geteuid() != 0:
        return {}
    for name in ("postgres", "nobody"):
        try:
            found = pwd.getpwnam(name)
            return {"user": found.pw_uid, "group": found.pw_gid, "extra_groups": []}
        except KeyError:
            continue
    raise Failed("PostgreSQL does not run as root, and there is neither a user postgres nor nobody")


class Cluster:
    def __init__(self, folder, port):
        if not os.path.exists(os.path.join(BIN, "initdb")):
            raise Failed("postgresql-15 is not installed: tools/setup --also tools/benchmarks/packages.txt")
        self.folder = folder
        self.port = port
        self.account = account()
        os.mkdir(folder, 0o700)
        if self.account:
            os.chown(folder, self.account["user"], self.account["group"])
        self._run("initdb", "-D", folder + "/data", "-U", "bench", "-A", "trust", "--no-locale", "-E", "UTF8")
        with open(folder + "/data/postgresql.conf", "a") as config:
            config.writelines(f"{name} = {value}\n" for name, value in SETTINGS.items())
            config.write(f"port = {port}\nunix_socket_directories = '{folder}'\n")

    def _run(self, program, *arguments):
        run([os.path.join(BIN, program), *arguments], cwd="/", **self.account)

    def start(self):
        log = self.folder + "/log"
        # pg_ctl keeps its output open in the server: nothing to wait for at the other end of a pipe.
        subprocess.run(
            [BIN + "/pg_ctl", "-D", self.folder + "/data", "-l", log, "-w", "-t", "60", "start"],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd="/", check=False,
            start_new_session=True, **self.account,
        )  # fmt: skip
        self.sql("SELECT 1")

    def stop(self):
        if os.path.exists(self.folder + "/data/postmaster.pid"):
            try:
                self._run("pg_ctl", "-D", self.folder + "/data", "-w", "-m", "immediate", "stop")
            except Failed:
                pass
        shutil.rmtree(self.folder, ignore_errors=True)

    def _psql(self, *more):
        return [BIN + "/psql", "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-h", self.folder, "-p", str(self.port),
                "-U", "bench", "-d", "postgres", *more]  # fmt: skip

    def sql(self, *statements):
        return run(self._psql(*(part for one in statements for part in ("-c", one))), cwd="/", **self.account).strip()

    def script(self, path):
        run(self._psql("-f", path), cwd="/", **self.account)

    def connection(self):
        return f"host={self.folder} port={self.port} user=bench dbname=postgres"


class Replication:
    """Publisher and subscriber with the benchmark's table."""

    def __init__(self, bench, rows):
        self.bench, self.rows = bench, rows
        self.publisher = Cluster(bench.path("publisher"), 54321)
        self.subscriber = Cluster(bench.path("subscriber"), 54322)
        if self.publisher.account:  # Each must reach the other's socket, and no one else is here.
            for cluster in (self.publisher, self.subscriber):
                os.chmod(cluster.folder, 0o711)

    def __enter__(self):
        try:
            for cluster in (self.publisher, self.subscriber):
                cluster.start()
                cluster.sql(peer_rows.create("contact_1"))
            self.publisher.sql(peer_rows.create("fresh"), "CREATE PUBLICATION bench FOR TABLE contact_1")
            self._prepare()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        for cluster in (self.subscriber, self.publisher):
            cluster.stop()
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
        for path in (self.inserts, self.updates, fresh):
            os.chmod(path, 0o644)
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

    def insert(self):
        return self._timed(self.inserts, self.old_email)

    def update(self):
        return self._timed(self.updates, self.new_email)

    def totals(self):
        return peer_rows.totals(self.subscriber.sql(peer_rows.TOTALS))

    def reset(self):
        self.subscriber.sql("DROP SUBSCRIPTION bench", "TRUNCATE contact_1")
        self.publisher.sql("TRUNCATE contact_1")
