"""Lines about records over HTTP: durable upserts by one connection and by many, an import, a table as a stream."""

import json
import os
import re
import socket
import sqlite3
import time

from agent_lines import once
from bench_run import remove_database
from endpoint import CONTEXT, Endpoint
from processes import Failed, run

STORAGE = "Records"
COLUMNS = "BP_EXTERNAL_ID;COMPANY_NAME;COUNTRY_CODE;CITY;STREET;POSTAL_CODE\n"


class Door(Endpoint):
    """A server with its HTTP door on, in plain text, and a key."""

    def __init__(self, bench, name, **more):
        super().__init__(bench, name, **more)
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        path = os.path.join(self.folder, "mirror-server.toml")
        with open(path) as text:
            toml = text.read()
        begin = toml.index("[http]")
        own = re.sub(r"(?m)^port = \S+", f"port = {self.port}", toml[begin:], count=1)
        for key in ("enabled", "plaintext"):
            own = re.sub(rf"(?m)^{key} = \S+", f"{key} = true", own, count=1)
        with open(path, "w") as text:
            text.write(toml[:begin] + own)
        words = ("--dir", self.folder, "--role", "owner", "--storages", "*")
        self.key = run([bench.program("mirrorctl"), "apikey", "issue", "bench", *words]).strip()

    def message(self, method, path, body=b"", more=""):
        head = f"{method} {path} HTTP/1.1\r\nHost: x\r\nX-API-KEY: {self.key}\r\nContent-Length: {len(body)}\r\n{more}\r\n"
        return head.encode() + body

    def ask(self, method, path, body=b"", more=""):
        with Caller(self.port) as caller:
            return caller.ask(self.message(method, path, body, more))

    def upserts(self, first, count, connections):
        """So many a second, each on disk before its answer, over connections that are kept."""
        command = [self.bench.program("mirror-bench"), "door", "--port", str(self.port), "--api-key", self.key]
        command += ["--storage", STORAGE, "--first", str(first), "--count", str(count)]
        time_taken = json.loads(run([*command, "--connections", str(connections)]))
        return time_taken["rows"] / time_taken["seconds"]


class Caller:
    """One connection that is kept."""

    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.got = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def take(self):
        """A body, once all of it is there."""
        end = self.got.find(b"\r\n\r\n")
        if end < 0:
            return None
        head = self.got[:end].lower()
        length = int(head.split(b"content-length:")[1].split(b"\r\n")[0])
        if len(self.got) < end + 4 + length:
            return None
        body, self.got = self.got[end + 4 : end + 4 + length], self.got[end + 4 + length :]
        if not head.startswith((b"http/1.1 200", b"http/1.1 201")):
            raise Failed(f"the door answered {head[:40]!r}: {body[:300]!r}")
        return body

    def read(self):
        more = self.socket.recv(1 << 16)
        if not more:
            raise Failed("the door closed a connection")
        self.got += more

    def ask(self, message):
        self.socket.sendall(message)
        while (body := self.take()) is None:
            self.read()
        return body


def raw_inserts(bench, count):
    """Rows a second, each in a transaction that is on disk, into a table of the same columns."""
    file = bench.path("records-raw.db")
    database = sqlite3.connect(file, isolation_level=None)
    database.execute("PRAGMA journal_mode = WAL")
    database.execute("PRAGMA synchronous = FULL")
    columns = "id, createdAt, modifiedAt, record, name, country, city, street, postalCode"
    database.execute(f"CREATE TABLE partner(externalId TEXT PRIMARY KEY, {columns}) WITHOUT ROWID")
    row = ("x" * 32, "2026-01-01T00:00:00.000Z", "2026-01-01T00:00:00.000Z", "x" * 80, "name", "CH", "St. Gallen", None, "9000")
    start = time.monotonic()
    for number in range(count):
        database.execute("INSERT INTO partner VALUES (?,?,?,?,?,?,?,?,?,?)", (f"{number:08}", *row))
    rate = count / (time.monotonic() - start)
    database.close()
    remove_database(file)
    return rate


def upserts(bench):
    count = bench.size(4_000, 1_000)
    with Door(bench, "records") as door:
        for turn in bench.turns(f"{count} durable upserts over HTTP"):
            door.fresh()
            door.ask("POST", "/v2/storages", json.dumps({"name": STORAGE}).encode())
            raw = raw_inserts(bench, count)
            one = door.upserts(0, count, 1)
            many = door.upserts(count, 4 * count, 64)
            bench.result("records-upsert").add_rates(one, raw)
            bench.result("records-upsert-64").add_rates(many, one)


def stream(door, table):
    """Rows a second of a table as lines, and how many there are."""
    with Caller(door.port) as caller:
        start = time.monotonic()
        path = f"/v4/storages/{STORAGE}/records/{table}"
        caller.socket.sendall(door.message("GET", path, more="Accept: application/x-ndjson\r\n"))
        last = b""
        while b"\r\n0\r\n\r\n" not in last:
            piece = caller.socket.recv(1 << 20)
            if not piece:
                raise Failed("the stream was cut")
            last = (last + piece)[-200:]
        counted = int(re.search(rb'"rows":(\d+)', last).group(1))
        return counted / (time.monotonic() - start), counted


def imported(bench):
    rows = bench.size(500_000, 100_000)
    drop = bench.path("partner-drop")
    os.makedirs(drop, exist_ok=True)
    file = os.path.join(drop, "partner.csv")
    with open(file, "w") as csv:
        csv.write(COLUMNS)
        for number in range(rows):
            csv.write(f"{number:08};name {number};CH;St. Gallen;Street {number % 300};{number % 9999:04}\n")
    with Door(bench, "import") as door:
        config = door.config
        with open(config, "a") as agent:
            agent.write(
                f'\n[[source]]\ncontext_id = "{CONTEXT}"\nkind = "csv"\nfolder = "{drop}"\nsettle = "0s"\n'
                '[[source.table]]\nname = "partner"\nfile = "partner.csv"\nkey = ["BP_EXTERNAL_ID"]\n'
            )
        for _ in bench.turns(f"a CSV file of {rows:,} rows, as an import job and by mirror-agent"):
            door.fresh()
            door.ask("POST", "/v2/storages", json.dumps({"name": STORAGE}).encode())
            _, agent_seconds, _ = once(bench, door)
            link = json.loads(door.ask("POST", "/files/upload", b'{"url":"partner.csv"}'))
            with open(file, "rb") as csv:
                door.ask("PUT", re.sub(r"^http://[^/]+", "", link["uploadLink"]), csv.read())
            boundary = "bench"
            fields = {"storageId": STORAGE, "featuresOn": "UPSERT_BY_EXTERNAL_ID", "url": link["url"]}
            form = "".join(
                f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n' for name, value in fields.items()
            )
            form += f"--{boundary}--\r\n"
            start = time.monotonic()
            words = f"Content-Type: multipart/form-data; boundary={boundary}\r\n"
            job = json.loads(door.ask("POST", "/jobs/importjobs", form.encode(), words))["id"]
            while (seen := json.loads(door.ask("GET", f"/jobs/importjobs/{job}")))["status"] in ("SCHEDULED", "RUNNING"):
                time.sleep(0.05)
            seconds = time.monotonic() - start
            if seen["status"] != "FINISHED" or seen["numberOfInserts"] != rows:
                raise Failed(f"the import ended as {seen['status']}: {seen['statusMessage']}")
            bench.result("records-import").add(seconds / agent_seconds, rows / seconds, rows / agent_seconds)
            rate, counted = stream(door, "businesspartner")
            if counted != rows:
                raise Failed(f"the stream had {counted} rows of {rows}")
            bench.result("records-stream").add(rate / 1000, rate)


GROUPS = {"records": upserts, "records-files": imported}
