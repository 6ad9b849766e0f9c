"""Two MariaDB servers and row-based replication between them."""

import glob
import os
import pwd
import shutil
import time

import peer_rows
from endpoint import free_ports
from processes import Failed, Process, run, wait_until

TYPES = {"timestamp": "datetime", "double precision": "double"}


class Server:
    def __init__(self, folder, number, port, options=()):
        if not shutil.which("mariadbd"):
            raise Failed("mariadb-server is not installed: tools/setup --also tools/benchmarks/packages.txt")
        self.folder, self.port = folder, port
        self.socket = folder + "/s"
        os.mkdir(folder, 0o700)
        as_user = []
        if os.geteuid() == 0:
            found = pwd.getpwnam("mysql")
            os.chown(folder, found.pw_uid, found.pw_gid)
            as_user = ["--user=mysql"]
        data = folder + "/data"
        run(["mariadb-install-db", "--no-defaults", f"--datadir={data}", "--auth-root-authentication-method=normal",
             "--skip-test-db", *as_user])  # fmt: skip
        self.process = Process(
            ["mariadbd", "--no-defaults", f"--datadir={data}", f"--socket={self.socket}", f"--port={port}",
             "--bind-address=127.0.0.1", f"--pid-file={folder}/pid", f"--server-id={number}", "--log-bin=log",
             "--binlog-format=ROW", "--innodb-buffer-pool-size=1G", "--innodb-log-file-size=512M",
             "--innodb-flush-log-at-trx-commit=1", "--local-infile=1", *options, *as_user],
            folder + ".log",
        )  # fmt: skip
        wait_until(lambda: os.path.exists(self.socket), "MariaDB's start", process=self.process)
        self.sql("CREATE DATABASE bench", database="mysql")

    def sql(self, statement, database="bench"):
        command = ["mariadb", "--no-defaults", f"--socket={self.socket}", "-uroot", "--local-infile=1", "-N", "-B"]
        return run([*command, database, "-e", statement]).strip()

    def script(self, path):
        with open(path) as text:
            command = ["mariadb", "--no-defaults", f"--socket={self.socket}", "-uroot", "--local-infile=1", "bench"]
            run(command, stdin=text)

    def stop(self):
        self.process.stop()
        shutil.rmtree(self.folder, ignore_errors=True)


class Replication:
    def __init__(self, bench, rows):
        self.bench, self.rows = bench, rows
        self.servers = []

    def __enter__(self):
        try:
            for number, port in enumerate(free_ports(), 1):
                self.servers.append(Server(self.bench.path(f"mariadb{number}"), number, port))
            self.primary, self.replica = self.servers
            self.primary.sql(
                "CREATE USER r@'127.0.0.1' IDENTIFIED BY 'r'; GRANT REPLICATION SLAVE ON *.* TO r@'127.0.0.1'"
            )
            place = self.primary.sql("SHOW MASTER STATUS").split("\t")
            self.replica.sql(
                f"CHANGE MASTER TO MASTER_HOST='127.0.0.1', MASTER_PORT={self.primary.port}, MASTER_USER='r', "
                f"MASTER_PASSWORD='r', MASTER_LOG_FILE='{place[0]}', MASTER_LOG_POS={place[1]}; START SLAVE"
            )
            self.primary.sql(peer_rows.create("contact_1", TYPES))
            self._prepare()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        for server in reversed(self.servers):
            server.stop()
        for path in glob.glob(self.bench.path("maria-*")):
            os.unlink(path)

    def _prepare(self):
        old = peer_rows.export(self.bench, "maria-old.tsv", self.rows, "tsv")
        new = peer_rows.export(self.bench, "maria-new.tsv", self.rows, "tsv", peer_rows.NEW)
        self.old_email, self.new_email = peer_rows.last_email(old), peer_rows.last_email(new)
        self.inserts, self.updates = self.bench.path("maria-inserts.sql"), self.bench.path("maria-updates.sql")
        with open(self.inserts, "w") as script:
            for number, block in enumerate(peer_rows.chunks(old)):
                part = self.bench.path(f"maria-part{number}")
                with open(part, "w") as text:
                    text.writelines(block)
                script.write(f"LOAD DATA LOCAL INFILE '{part}' INTO TABLE contact_1;\n")
        with open(self.updates, "w") as script:
            for first, last in peer_rows.ranges(self.rows):
                script.write(
                    f"UPDATE contact_1 c JOIN fresh f USING (contact_id) SET {peer_rows.assignments('f', 'c.')} "
                    f"WHERE c.contact_id BETWEEN {first} AND {last};\n"
                )
        self.primary.sql(
            f"SET sql_log_bin = 0; {peer_rows.create('fresh', TYPES)}; LOAD DATA LOCAL INFILE '{new}' INTO TABLE fresh"
        )

    def _arrived(self, email):
        found = f"SELECT count(*) FROM contact_1 WHERE contact_id = {self.rows} AND email = '{email}'"
        return self.replica.sql(found) == "1"

    def _timed(self, script, email):
        start = time.monotonic()
        self.primary.script(script)
        wait_until(lambda: self._arrived(email), "MariaDB's replica", 600)
        return self.rows / (time.monotonic() - start)

    def insert(self):
        return self._timed(self.inserts, self.old_email)

    def update(self):
        return self._timed(self.updates, self.new_email)

    def totals(self):
        return peer_rows.totals(self.replica.sql(peer_rows.TOTALS))

    def reset(self):
        self.primary.sql("TRUNCATE contact_1; PURGE BINARY LOGS BEFORE now()")
        wait_until(lambda: self.replica.sql("SELECT count(*) FROM contact_1") == "0", "MariaDB's truncation", 60)
