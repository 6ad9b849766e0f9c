#!/usr/bin/python3
"""Makes the files of one version of Partner Mirror, with that version's own programs: what an upgrade finds on disk.

Usage: make.py BIN_DIR CLOCK_SHIM OUT_FILE

  BIN_DIR      mirrorctl, mirror-server, mirror-agent of that version
  CLOCK_SHIM   libbad_disk.so of any version: the files are dated 2025-01-01, so that no machine's clock is behind them
  OUT_FILE     files.tar.xz

README.md beside this script says what is in the archive and what is not as those programs left it.
"""

import datetime
import json
import os
import pathlib
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import tarfile

WORK = pathlib.Path("/tmp/partner-mirror-old")  # The same for all: paths stand in events and states.
DATED = datetime.datetime(2025, 1, 1, 12, tzinfo=datetime.timezone.utc)
MACHINE = "a-machine"
# No secret: it hashes the rows below. The test writes the same.
COLUMNS_KEY = "0" * 64
TENANTS = ("Logged", "Staged", "Captured", "Files", "Held", "Restored")

SERVER_TOML = """
[[tenant]]
context_id = "Logged"
freshness = "1h"
indexes = "follow"
[[tenant.table]]
name = "person"
leave_out = ["note"]
hash = ["email"]
mask = ["phone"]
mask_keep = 3
[[hook]]
name = "runs"
on = ["completed"]
context_id = "Logged"
sql = "INSERT INTO runs SELECT :cycle, :json"
"""

# What 'init' wrote for Logged stands before it.
AGENT_TOML = """
[[source.table]]
name = "customer"
preserve_target = true
deletes = "mark"

[[source]]
context_id = "Staged"
path = "staged.db"
strategy = "cdc"
verify_interval = "0s"
[[source.table]]
name = "stock"
push = "staged"

[[source]]
context_id = "Captured"
path = "captured.db"
strategy = "synthetic"
verify_interval = "0s"
[[source.table]]
name = "item"
column_hashes = true
[[source.table]]
name = "invoice"
strategy = "watermark"
watermark = "changed_at"
deletes_from = { table = "invoice_deleted", key = ["id"], watermark = "at" }
[[source.table]]
name = "visit"
strategy = "watermark_cdc"
watermark = "at"
precision = "day"
[[source.table]]
name = "recent"
strategy = "window"
watermark = "at"
time = "unix"
window = "3650d"

[[source]]
context_id = "Files"
kind = "csv"
folder = "drop"
settle = "0s"
verify_interval = "0s"
[[source.table]]
name = "countries"
key = ["id"]

[[source]]
context_id = "Held"
path = "held.db"
strategy = "cdc"
verify_interval = "0s"

[[source]]
context_id = "Begun"
path = "begun.db"
strategy = "cdc"
verify_interval = "0s"

[[source]]
context_id = "Restored"
path = "restored.db"
strategy = "cdc"
verify_interval = "0s"

[[source]]
context_id = "Deleted"
path = "deleted.db"
strategy = "cdc"
verify_interval = "0s"

[[source]]
context_id = "Damaged"
path = "damaged.db"
strategy = "cdc"
verify_interval = "0s"
"""


def rows(table, values, first, last):
    return (
        f"WITH RECURSIVE n(i) AS (SELECT {first} UNION ALL SELECT i + 1 FROM n WHERE i < {last}) "
        f"INSERT INTO {table} SELECT {values} FROM n;"
    )


class Old:
    def __init__(self, programs, shim):
        self.bin, self.dir = programs, WORK / "dev"
        shift = int((DATED - datetime.datetime.now(datetime.timezone.utc)).total_seconds())
        self.env = {**os.environ, "LD_PRELOAD": str(shim), "MIRROR_CLOCK_SHIFT": str(shift)}
        self.server = None
        self.version = self.run("mirror-server", "--version").split()[-1]

    def run(self, name, *arguments, exits=(0,), **env):
        done = subprocess.run(
            [self.bin / name, *map(str, arguments)], env={**self.env, **env}, capture_output=True, text=True, check=False
        )
        if done.returncode not in exits:
            sys.exit(f"{name} {arguments}: exit {done.returncode}: {done.stdout}{done.stderr}")
        return done.stdout

    def agent(self, *arguments, **more):
        return self.run("mirror-agent", *arguments, "--config", self.dir / "mirror-agent.toml", **more)

    def once(self, tenant, *more, **env):
        return self.agent("once", "--context-id", tenant, *more, **env)

    def ctl(self, *arguments):
        return self.run("mirrorctl", "--config", self.dir / "mirrorctl.toml", *arguments)

    def sql(self, name, *statements):
        database = sqlite3.connect(self.dir / name, isolation_level=None)
        for statement in statements:
            database.executescript(statement)
        database.close()

    def edit(self, file, *changes):
        path = self.dir / file
        text = path.read_text()
        for pattern, new in changes:
            text, count = re.subn(pattern, new, text, count=1, flags=re.MULTILINE)
            assert count == 1, (file, pattern)
        path.write_text(text)

    def start(self, **env):
        self.server = subprocess.Popen(
            [self.bin / "mirror-server", "--config", self.dir / "mirror-server.toml"],
            env={**self.env, **env},
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        ready = re.search(r"sources on (\S+), admin on (\S+)", self.server.stdout.readline())
        self.edit("mirror-agent.toml", (r'^address = "127.0.0.1:\d+"', f'address = "{ready[1]}"'))
        self.edit("mirrorctl.toml", (r'^address = "127.0.0.1:\d+"', f'address = "{ready[2]}"'))

    def stop(self):
        self.server.terminate()
        assert self.server.wait() == 0
        self.server.stdout.close()

    # --- What each tenant is ---

    def configure(self):
        shutil.rmtree(WORK, ignore_errors=True)
        WORK.mkdir()
        sqlite3.connect(WORK / "logged.db").execute("PRAGMA journal_mode = WAL").connection.close()
        self.run("mirrorctl", "init", "--dir", self.dir, "--context-id", "Logged", "--source", WORK / "logged.db")
        shutil.move(WORK / "logged.db", self.dir / "logged.db")
        key = self.dir / "application" / "columns.key"
        key.write_text(COLUMNS_KEY)
        for _ in range(2):
            self.edit("mirror-server.toml", (r"^port = 744[34]", "port = 0"))
        self.edit("mirror-server.toml", (r"^port = 7445", "port = 0"), (r"^contexts = \[[^]]*\]", 'contexts = ["*"]'))
        self.edit(
            "mirror-agent.toml", (r'^path = "[^"]*"', 'path = "logged.db"'), (r'^verify_interval = "1d"', 'verify_interval = "0s"')
        )
        for file, more in (("mirror-server.toml", SERVER_TOML), ("mirror-agent.toml", AGENT_TOML)):
            with (self.dir / file).open("a") as text:
                text.write(more)

    def sources(self):
        self.sql(
            "logged.db",
            "CREATE TABLE person (id INTEGER PRIMARY KEY, name TEXT, email TEXT, phone TEXT, note TEXT);"
            "CREATE TABLE orders (room TEXT, number INTEGER, line TEXT, PRIMARY KEY (room, number));"
            "CREATE INDEX orders_by_line ON orders (line);"
            "CREATE TABLE customer (id TEXT PRIMARY KEY, name TEXT, city TEXT);"
            "CREATE TABLE account (id INTEGER PRIMARY KEY, code TEXT UNIQUE, balance DECIMAL(10, 2));"
            "CREATE TABLE kinds (id INTEGER PRIMARY KEY, t TEXT, r REAL, b BLOB, at DATETIME, a);"
            "CREATE TABLE line (text TEXT); CREATE TABLE gone (id INTEGER PRIMARY KEY, v TEXT);",
            rows("person", "i, 'name ' || i, 'p' || i || '@example.org', '0047 555 ' || (1000 + i), 'note ' || i", 1, 60),
            rows("orders", "'room ' || i % 9, i, 'line ' || i", 1, 60),
            rows("customer", "'c' || i, 'name ' || i, 'Oslo'", 1, 40),
            rows("account", "i, 'code ' || i, i * 1.25", 1, 40),
            "INSERT INTO kinds VALUES (1, 'æøå', 1.5, x'00ff', '2024-02-29 23:59:59', 7), (2, '', -0.0, x'', NULL, 'x'),"
            "(3, NULL, 9e300, NULL, '2000-01-01', 2.5), (4, '007', 3, zeroblob(40), 12, x'01');",
            "INSERT INTO line VALUES ('a'), ('a'), ('b'); INSERT INTO gone VALUES (1, 'x'), (2, 'y');",
        )
        self.sql(
            "staged.db",
            "CREATE TABLE stock (id INTEGER PRIMARY KEY, n INTEGER, name TEXT);"
            "CREATE TABLE plain (id INTEGER PRIMARY KEY, text TEXT);",
            rows("stock", "i, i % 7, 'name ' || i", 1, 60),
            rows("plain", "i, 'text ' || i", 1, 400),
        )
        self.sql(
            "captured.db",
            "CREATE TABLE item (id INTEGER PRIMARY KEY, name TEXT, old TEXT, price REAL);"
            "CREATE TABLE invoice (id INTEGER PRIMARY KEY, text TEXT, changed_at TEXT);"
            "CREATE TABLE invoice_deleted (id INTEGER, at INTEGER PRIMARY KEY);"
            "CREATE TABLE visit (id INTEGER PRIMARY KEY, text TEXT, at TEXT);"
            "CREATE TABLE recent (id INTEGER PRIMARY KEY, text TEXT, at INTEGER);",
            rows("item", "i, 'name ' || i, 'old', i / 4.0", 1, 60),
            rows("invoice", "i, 'text ' || i, printf('2024-12-%02d 10:00:00', 1 + i % 20)", 1, 60),
            rows("visit", "i, 'text ' || i, printf('2024-12-%02d 10:00:00', 1 + i % 20)", 1, 60),
            rows("recent", "i, 'text ' || i, 1733000000 + i", 1, 60),
        )
        (self.dir / "drop").mkdir()
        lines = [f"{i};name {i};{i * 3}" for i in range(1, 41)] + ['41;"torn;3']
        (self.dir / "drop" / "countries.csv").write_text("id;name;people\n" + "\n".join(lines) + "\n")
        self.sql("held.db", "CREATE TABLE large (id INTEGER PRIMARY KEY, v TEXT);", rows("large", "i, 'x'", 1, 1500))
        self.sql("begun.db", "CREATE TABLE begun (id INTEGER PRIMARY KEY, v TEXT);", rows("begun", "i, 'x'", 1, 30))
        for name in ("restored", "deleted", "damaged"):
            self.sql(f"{name}.db", "CREATE TABLE item (id INTEGER PRIMARY KEY, v TEXT);", rows("item", "i, 'x'", 1, 30))

    # --- Their lives ---

    def logged(self):
        self.once("Logged")
        self.sql(
            "data/Mirror_Logged.db",
            "CREATE INDEX partner_line ON orders (line); CREATE VIEW partner_view AS SELECT name FROM person;"
            "CREATE TABLE partner_table (v TEXT); INSERT INTO partner_table VALUES ('stays');"
            "ALTER TABLE customer ADD COLUMN rating INTEGER; UPDATE customer SET rating = 5 WHERE id = 'c7';"
            "INSERT INTO customer (id, name, city) VALUES ('ours', 'a row of the partner', 'Bergen');",
        )
        self.sql(
            "logged.db",
            "UPDATE person SET name = name || '!' WHERE id % 5 = 0; DELETE FROM orders WHERE number % 7 = 0;"
            "DELETE FROM customer WHERE id IN ('c1', 'c2'); UPDATE account SET code = 'c' || id WHERE id < 9;",
        )
        self.once("Logged")
        self.sql("logged.db", "ALTER TABLE person ADD COLUMN city TEXT DEFAULT 'Oslo'; UPDATE person SET city = 'Bergen' WHERE id < 4;")
        self.once("Logged")
        self.sql("logged.db", "DROP TABLE gone; INSERT INTO line VALUES ('c');")
        self.once("Logged")
        self.agent("verify", "--context-id", "Logged")
        # What the next cycle, of a later version, has to send.
        self.sql(
            "logged.db",
            "INSERT INTO person (id, name, email) VALUES (61, 'new', 'new@example.org'), (62, 'new', NULL);"
            "UPDATE person SET city = 'Tromsø' WHERE id = 9; DELETE FROM orders WHERE number = 20;"
            "INSERT OR REPLACE INTO account (id, code) VALUES (77, 'code 30'); DELETE FROM customer WHERE id = 'c3';"
            "UPDATE kinds SET t = 'again' WHERE id = 4;",
        )

    def staged(self):
        self.once("Staged")
        self.sql(
            "data/Mirror_Staged.db", "UPDATE stock SET n = 99 WHERE id = 5; DELETE FROM stock WHERE id = 6;"
        )
        self.sql("staged.db", "UPDATE plain SET text = text || '!' WHERE id < 200; UPDATE stock SET n = n + 1 WHERE id < 9;")
        # Dies in the middle: rows of 'plain' are there without their commit, 'stock' is taken over and not compared.
        self.once(
            "Staged", MIRROR_CRASH_AT="agent.request:4", MIRROR_AGENT_BATCH_BYTES="1000", MIRROR_AGENT_WINDOW="1", exits=(-9,)
        )
        self.sql("staged.db", "DELETE FROM plain WHERE id = 3; INSERT INTO plain VALUES (1000, 'new');")

    def captured(self):
        self.once("Captured")
        self.sql("captured.db", "ALTER TABLE item DROP COLUMN old; UPDATE item SET price = 99 WHERE id = 4;")
        self.once("Captured")
        self.sql(
            "captured.db",
            "UPDATE item SET name = 'noted' WHERE id = 7; DELETE FROM item WHERE id = 8;"
            "INSERT INTO invoice VALUES (61, 'new', '2024-12-30 10:00:00'); DELETE FROM invoice WHERE id = 5;"
            "INSERT INTO invoice_deleted VALUES (5, 1);",
        )
        # What changed is noted and nothing of it was sent.
        self.once("Captured", MIRROR_CRASH_AT="agent.recorded", exits=(-9,))
        self.sql(
            "captured.db",
            "UPDATE item SET name = 'not noted' WHERE id = 9; DELETE FROM visit WHERE id = 5;"
            "INSERT INTO visit VALUES (61, 'new', '2024-12-30 10:00:00');"
            "INSERT INTO recent VALUES (61, 'new', 1733500000);",
        )

    def files(self):
        self.once("Files", exits=(0, 1))
        text = (self.dir / "drop" / "countries.csv").read_text()
        (self.dir / "drop" / "countries.csv").write_text(text.replace("7;name 7;21", "7;changed;21"))
        self.ctl("pause", "Files", "--reason", f"paused by {self.version}")

    def held(self):
        self.once("Held")
        self.sql("held.db", "DELETE FROM large WHERE id <= 1200;")
        self.once("Held", exits=(1,))

    def restored(self):
        """An operator put a backup in the mirror's place, and the source has gone on since it was made."""
        self.once("Restored")
        self.ctl("backup", "Restored", WORK / "backup.db")
        self.sql("restored.db", "UPDATE item SET v = 'y' WHERE id < 5;")
        self.once("Restored")
        self.ctl("restore", "Restored", WORK / "backup.db", "--confirm", "Restored")

    def deleted(self):
        self.once("Deleted")
        self.ctl("delete", "Deleted", "--confirm", "Deleted")

    def damaged(self):
        """Its file is cut off under the server, which puts it out of service."""
        self.once("Damaged")
        os.truncate(self.dir / "data" / "Mirror_Damaged.db", 0)
        self.sql("damaged.db", "UPDATE item SET v = 'y' WHERE id < 5;")
        self.once("Damaged", exits=(1,))

    def begun(self):
        """The server ends, and another one dies in a first cycle."""
        self.stop()
        self.start(MIRROR_CRASH_AT="building.complete")
        self.once("Begun", exits=(1,))
        assert self.server.wait() == -signal.SIGKILL
        self.server.stdout.close()

    # --- The archive ---

    def forget_the_machine(self):
        for state in (self.dir / "agent-state").glob("*.json"):
            known = json.loads(state.read_text())
            if "host" in known:
                state.write_text(json.dumps({**known, "host": MACHINE}, indent=1) + "\n")
        for source in self.dir.glob("*.db"):
            database = sqlite3.connect(source)
            if database.execute("SELECT 1 FROM sqlite_schema WHERE name = '_mirror_source'").fetchone():
                database.execute("UPDATE _mirror_source SET host = ?", (MACHINE,))
            database.commit()
            database.close()

    def pack(self, out):
        def plain(info):
            name = pathlib.PurePosixPath(info.name)
            if name.suffix in (".key", ".lock") or name.name.endswith("-shm"):
                return None
            info.uid = info.gid = 0
            info.uname = info.gname = ""
            return info

        with tarfile.open(out, "w:xz", preset=9) as archive:
            archive.add(self.dir, "dev", filter=plain)
        with tarfile.open(out) as archive:
            for member in archive:
                text = archive.extractfile(member).read() if member.isfile() else b""
                assert b"PRIVATE KEY" not in text, member.name
                print(f"{member.mode:o} {member.size:>8} {member.name}")

    def make(self, out):
        self.configure()
        self.sources()
        self.agent("install")
        self.start()
        self.restored()
        self.deleted()
        self.damaged()
        self.logged()
        self.staged()
        self.captured()
        self.files()
        self.held()
        print(self.agent("receipts", "verify", exits=(0, 1)))
        for tenant in TENANTS:
            print(self.ctl("tables", tenant))
        print(self.ctl("tenants"), self.ctl("hold", "list"), self.ctl("events"), self.ctl("audit", "verify"))
        self.begun()
        self.forget_the_machine()
        self.pack(out)


def main():
    if len(sys.argv) != 4:
        print(__doc__.strip(), file=sys.stderr)
        return 2
    programs, shim, out = (pathlib.Path(word).resolve() for word in sys.argv[1:])
    old = Old(programs, shim)
    try:
        old.make(out)
    finally:
        if old.server is not None and old.server.poll() is None:
            old.server.kill()
    shutil.rmtree(WORK)
    return 0


if __name__ == "__main__":
    sys.exit(main())
