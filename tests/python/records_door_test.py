#!/usr/bin/python3
"""The door for records and what comes to it at once or oddly: crowds without a key, clients that do not take what they
asked for, many pages and streams, keys of rows that no request can have as they are, keys that are edited, repetitions.

Usage: records_door_test.py BIN_DIR
"""

import concurrent.futures
import http.client
import json
import pathlib
import re
import shutil
import signal
import socket
import sqlite3
import sys
import tempfile
import time
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "support"))
import http_door
import records_server

BIN = None
CONNECTIONS_MAX, REQUESTS_MAX, STREAMS_OF_TENANT = 40, 32, 4
DELETE = ["DELETE_BY_EXTERNAL_ID"]
# Operations of the document that have a method of writing, and write nothing.
READING = {"fetchBusinessPartners"}
ODD_KEYS = ["a\nb", "b\tc", "c", "d\x7f", "~e", "+ &%/", "Zoë", "L" * 3_000, '"' * 2_000]
WIDE_ROWS = 4_000


def make_source(path):
    with sqlite3.connect(path) as database:
        database.execute("CREATE TABLE odd(k TEXT PRIMARY KEY NOT NULL, v TEXT)")
        database.executemany("INSERT INTO odd VALUES(?, 'x')", [(key,) for key in ODD_KEYS])
        database.execute("CREATE TABLE composite(a TEXT NOT NULL, b INTEGER NOT NULL, PRIMARY KEY(a, b))")
        database.executemany("INSERT INTO composite VALUES(?, ?)", [(key, n) for key in ODD_KEYS for n in (1, 2)])
        database.execute("CREATE TABLE long(k TEXT PRIMARY KEY NOT NULL)")
        long = "L" * 9_000
        database.executemany("INSERT INTO long VALUES(?)", [("K",), (long + "1",), (long + "2",), ("M",)])
        # More than two sockets and what the server reads ahead hold.
        database.execute("CREATE TABLE wide(id INTEGER PRIMARY KEY, v TEXT)")
        database.execute(
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?) "
            "INSERT INTO wide SELECT i, hex(zeroblob(4000)) FROM n",
            (WIDE_ROWS,),
        )


class Place(unittest.TestCase):
    """A server with a mirror of that source, `Cust`."""

    @classmethod
    def setUpClass(cls):
        cls.work = pathlib.Path(tempfile.mkdtemp(prefix="records door "))
        cls.addClassCleanup(shutil.rmtree, cls.work, ignore_errors=True)
        make_source(cls.work / "crm.db")
        lines = f"connections_max = {CONNECTIONS_MAX}\nrequests_max = {REQUESTS_MAX}"
        cls.server = records_server.RecordsServer(BIN, cls.work / "dev", sections={"http": lines}, source=cls.work / "crm.db")
        cls.prepare()
        cls.server.start()
        cls.addClassCleanup(cls.server.stop)
        cls.door = cls.server.door()
        for command in ("install", "once"):
            done = cls.server.run("mirror-agent", command, "--config", cls.work / "dev" / "mirror-agent.toml")
            assert done.returncode == 0, done.stderr

    @classmethod
    def prepare(cls):
        pass

    def storage(self, name):
        self.door.request("POST", "/v2/storages", json={"name": name}).expect(201)
        return f"/v4/storages/{name}/businesspartners"

    def send(self, method, path, fields=None, begin=b""):
        """A connection of a client that has sent this, and takes little."""
        line = socket.socket()
        self.addCleanup(line.close)
        line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        line.settimeout(60)
        line.connect(("127.0.0.1", self.server.ports[2]))
        head = "".join(f"{name}: {value}\r\n" for name, value in {"Host": "x", **(fields or {})}.items())
        line.sendall(f"{method} {path} HTTP/1.1\r\n{head}\r\n".encode() + begin)
        return line

    def stream(self, key=None):
        """One that is not taken, once it has begun: with its status."""
        fields = {"X-API-KEY": key or self.server.owner, "Accept": "application/x-ndjson"}
        line = self.send("GET", "/v4/storages/Cust/records/wide", fields)
        return line, line.recv(12).decode().split(" ")[1]


class DoorTest(Place):
    def test_uploads_that_are_promised_hold_no_place(self):
        crowd = [self.send("PUT", "/files/upload/none", {"Content-Length": 1000}) for _ in range(CONNECTIONS_MAX + 20)]
        self.assertTrue(crowd[-1].recv(100).startswith(b"HTTP/1.1 404 "), "before a byte of the file")
        link = self.door.request("POST", "/files/upload", json={"url": "a.csv"}).expect(200).json()["uploadLink"]
        path = link[len(self.server.url) :]
        crowd += [self.send("PUT", path, {"Content-Length": 1000}) for _ in range(CONNECTIONS_MAX + 20)]
        with self.server.door() as fresh:
            fresh.request("GET", "/healthz").expect(200)
            fresh.request("GET", "/v2/storages").expect(200)
        with self.server.door() as sender:
            sender.request("PUT", link, body=b"x" * 1000).expect(200)

    def test_head_is_answered_as_get(self):
        connection = http.client.HTTPConnection("127.0.0.1", self.server.ports[2], timeout=60)
        self.addCleanup(connection.close)

        def head(path, **fields):
            connection.request("HEAD", path, headers=fields)
            answer = connection.getresponse()
            self.assertEqual(answer.read(), b"")
            return answer

        self.assertEqual((head("/healthz").status, head("/healthz").getheader("Content-Length")), (200, "3"))
        self.assertEqual(head("/openapi.json").status, 200)
        self.assertEqual(head("/v2/storages").status, 401)
        key = {"X-API-KEY": self.server.owner}
        whole = self.door.request("GET", "/v2/storages").expect(200)
        answer = head("/v2/storages", **key)
        self.assertEqual((answer.status, answer.getheader("Content-Length")), (200, str(len(whole.body))))
        answer = head("/files/upload", **key)
        self.assertEqual((answer.status, answer.getheader("Allow")), (405, "POST"))
        refused = self.door.request("DELETE", "/healthz", documented=False).expect(405)
        self.assertEqual(refused.headers["allow"], "GET, HEAD")

    def test_what_is_not_known_is_told_within_bounds(self):
        path = self.storage("Bounds")
        body = {"businessPartners": [{"externalId": "1"}], "featuresOn": ["a"] * 500_000, "x" * 63 + "ä": 1}
        key = {"Idempotency-Key": "bounds"}
        first = self.door.request("PUT", path, json=body, headers=key).expect(200)
        self.assertLess(len(first.body), 4_096)
        self.assertEqual(first.json()["warnings"][0], f"member '{'x' * 63}' is not known, and was ignored")
        self.assertEqual(first.json()["warnings"][-1], "and 499981 more")
        self.assertEqual(self.door.request("PUT", path, json=body, headers=key).expect(200).body, first.body)

    def test_pages_wait_for_their_turn_and_streams_take_none_of_theirs(self):
        other = self.server.issue("other-reader", "reader", "Cust")
        streams = [self.stream() for _ in range(STREAMS_OF_TENANT)]
        self.assertEqual([status for _, status in streams], ["200"] * 3 + ["429"], "one key leaves a place")
        line, status = self.stream(other)
        self.assertEqual(status, "200")
        streams.append((line, status))
        clients, rounds = 12, 20

        def client(_):
            with self.server.door() as door:
                query = {"limit": 1}
                return [door.request("GET", "/v4/storages/Cust/records/odd", query=query).status for _ in range(rounds)]

        with concurrent.futures.ThreadPoolExecutor(clients) as pool:
            statuses = [status for of_one in pool.map(client, range(clients)) for status in of_one]
        self.assertEqual(set(statuses), {200})
        for line, _ in streams:
            line.close()
        # Their places come back.
        self.server.wait_for(lambda: self.stream_ends("odd") == 200)

    def stream_ends(self, table):
        accept = {"Accept": "application/x-ndjson"}
        return self.door.request("GET", f"/v4/storages/Cust/records/{table}", headers=accept).status

    def walk(self, table, limit):
        values, after, path = [], None, f"/v4/storages/Cust/records/{table}"
        while True:
            query = {"limit": limit, **({"startAfter": after} if after is not None else {})}
            page = self.door.request("GET", path, query=query).expect(200).json()
            values += page["values"]
            after = page["nextStartAfter"]
            if not after:
                return values

    def test_pages_go_on_behind_any_key(self):
        for limit in (1, 2, 1000):
            self.assertEqual([row["k"] for row in self.walk("odd", limit)], sorted(ODD_KEYS, key=str.encode), limit)
            self.assertEqual(len(self.walk("composite", limit)), 2 * len(ODD_KEYS), limit)

    def test_a_page_ends_behind_a_key_that_can_be_sent(self):
        path = "/v4/storages/Cust/records/long"
        self.assertEqual(len(self.walk("long", 4)), 4)
        first = self.door.request("GET", path, query={"limit": 2}).expect(200).json()
        self.assertEqual(([row["k"] for row in first["values"]], first["nextStartAfter"]), (["K"], "K"))
        stuck = self.door.request("GET", path, query={"limit": 2, "startAfter": "K"}).expect(400).json()
        self.assertIn("x-ndjson", stuck["message"])
        self.assertEqual([len(row["k"]) for row in self.walk("long", 3)], [1, 9_001, 9_001, 1])
        self.door.request("GET", path, query={"startAfter": "~?"}).expect(400)

    def test_tables_are_listed_with_what_reads_them(self):
        path = "/v4/storages/Cust/records"
        page = self.door.request("GET", path).expect(200).json()
        self.assertEqual([one["table"] for one in page["values"]], ["composite", "long", "odd", "wide"])
        self.assertEqual((page["total"], page["nextStartAfter"]), (4, None))
        first = page["values"][0]
        self.assertGreater(first.pop("lsn"), -1)
        columns = [{"name": "a", "type": "TEXT"}, {"name": "b", "type": "INT64"}]
        self.assertEqual(
            first, {"table": "composite", "dataSource": "default", "key": ["a", "b"], "columns": columns, "rows": 2 * len(ODD_KEYS)}
        )
        seen, after = [], None
        while True:
            query = {"limit": 1, "dataSource": "default", **({"startAfter": after} if after else {})}
            page = self.door.request("GET", path, query=query).expect(200).json()
            seen += [one["table"] for one in page["values"]]
            after = page["nextStartAfter"]
            if after is None:
                break
        self.assertEqual(seen, ["composite", "long", "odd", "wide"])
        for table in seen:
            self.door.request("GET", f"{path}/{table}", query={"limit": 1}).expect(200)
        for of_pages in ({"key": "1"}, {"limit": 1}, {"startAfter": "x"}):
            refused = self.door.request("GET", f"{path}/odd", query=of_pages, headers={"Accept": "application/x-ndjson"}).expect(400)
            self.assertIn("reads the whole table", refused.json()["message"])
        for wrong, status in (({"limit": 0}, 400), ({"startAfter": "~?"}, 400), ({"dataSource": "none"}, 404)):
            self.door.request("GET", path, query=wrong).expect(status)
        none = self.door.request("GET", f"{path}/none").expect(404).json()
        self.assertIn("GET /v4/storages/{storageId}/records lists its tables", none["message"])
        reader = self.server.issue("lists", "reader", "Cust")
        self.door.request("GET", path, key=reader).expect(200)
        self.door.request("GET", path, key=self.server.issue("lists-other", "owner", "Other")).expect(404)

    def test_a_table_that_was_never_populated_is_no_empty_one(self):
        path, lines = "/v4/storages/Cust/records/odd", {"Accept": "application/x-ndjson"}
        table = "Cust_mirroring"

        def by_hand(sql):
            with sqlite3.connect(self.server.database("Cust"), timeout=60) as database:
                database.execute(sql)

        self.server.ctl("invalidate", "Cust", "--table", "odd")
        stale = self.door.request("GET", path).expect(200).json()
        self.assertEqual((stale["lsn"], len(stale["values"])), (-1, len(ODD_KEYS)), "its rows stay readable")
        self.assertEqual(self.door.request("GET", path, headers=lines).expect(200).lines()[-1]["lsn"], -1)
        by_hand(f"UPDATE {table} SET row_count = 0 WHERE table_name = 'odd'")
        for headers in (None, lines):
            refused = self.door.request("GET", path, headers=headers).expect(409).json()
            self.assertEqual(refused["code"], "FAILED_PRECONDITION")
            self.assertIn("never populated", refused["message"])
        listed = self.door.request("GET", "/v4/storages/Cust/records").expect(200).json()
        self.assertNotIn("odd", [one["table"] for one in listed["values"]])
        done = self.server.run("mirror-agent", "once", "--config", self.work / "dev" / "mirror-agent.toml")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(len(self.door.request("GET", path).expect(200).json()["values"]), len(ODD_KEYS))

    def test_fetch_and_delete_are_also_there_without_the_version(self):
        path = self.storage("Seed")
        self.door.request("PUT", path, json={"businessPartners": [{"externalId": "1"}]}).expect(200)
        connection = http.client.HTTPConnection("127.0.0.1", self.server.ports[2], timeout=60)
        self.addCleanup(connection.close)

        def post(call, key=None, **body):
            connection.request("POST", f"/storages/Seed/businesspartners/{call}", json.dumps(body), {"X-API-KEY": key or self.server.owner})
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read())

        status, found = post("fetch", externalId="1")
        self.assertEqual((status, found["status"]), (200, "OK"))
        self.assertEqual(post("fetch", self.server.issue("seed-other", "owner", "Other"), externalId="1")[0], 404)
        self.assertEqual(post("delete", self.server.issue("seed-reader", "reader", "Seed"), externalId="1")[0], 403)
        status, counts = post("delete", externalId="1", featuresOn=DELETE)
        self.assertEqual((status, counts["numberOfDeletes"]), (200, 1))
        self.assertEqual(post("fetch", externalId="1")[1]["status"], "NOT_FOUND")

    def test_a_query_or_a_body_that_a_call_does_not_have_does_nothing(self):
        path = self.storage("Strict")
        self.door.request("PUT", path, json={"businessPartners": [{"externalId": "1"}]}).expect(200)
        for method, call, operation in self.door.check.operations():
            if operation["x-role"] == "none":
                continue
            query = {"nonsense": "1"} | ({"confirm": "Strict"} if operation["operationId"] == "deleteStorage" else {})
            refused = self.door.request(method, call.replace("{storageId}", "Strict"), query=query).expect(400).json()
            names = [one["name"] for one in self.door.check.parameters(call, operation) if one["in"] == "query"]
            said = refused["message"].split(" takes ")[1].split(", and ")[0].removeprefix("only ").split(", ")
            self.assertEqual(sorted(said), sorted(names) or ["nothing"], operation["operationId"])
            self.assertIn("'nonsense' is another name. Nothing was done.", refused["message"])
        for body in ({"dataSource": "d1"}, {"dryRun": True}):
            refused = self.door.request("POST", "/storages/Strict/clear", json=body).expect(400).json()
            self.assertIn("takes no body", refused["message"])
        self.door.request("POST", path + "/delete", query={"dataSource": "x"}, json={"externalId": "1", "featuresOn": DELETE}).expect(400)
        self.door.request("POST", "/storages/Strict/datasources/default/clear", query={"erase": "now"}, json={}).expect(200)
        self.assertEqual(self.door.request("GET", path).expect(200).json()["total"], 0)

    def test_a_query_that_says_a_name_twice_does_nothing(self):
        path = self.storage("Twice")
        self.door.request("PUT", path, json={"businessPartners": [{"externalId": "1"}, {"externalId": "2"}]}).expect(200)
        for query in (
            [("limit", 1), ("limit", 2)],
            [("dataSource", "default"), ("dataSource", "other")],
            [("dataSource", "default"), ("datasource", "other")],
        ):
            refused = self.door.request("GET", path, query=query).expect(400).json()
            self.assertIn(f"the query names '{query[0][0]}' twice. Nothing was done.", refused["message"])
        confirmed = [("confirm", "Twice"), ("confirm", "Other")]
        self.door.request("DELETE", "/storages/Twice", query=confirmed).expect(400)
        both = self.door.request("GET", path, query=[("externalId", "1"), ("externalId", "2")]).expect(200).json()
        self.assertEqual(both["total"], 2)

    def test_a_key_that_is_edited_in_place(self):
        self.storage("Edited")
        key = self.server.issue("edited", "reader", "Edited*")
        file = self.server.folder / "apikeys" / "edited.toml"
        text = file.read_text()
        with file.open("r+") as edited:
            edited.write(text.replace('"reader"', '"owner" '))
        with self.server.door(key) as door:
            made = lambda: door.request("POST", "/storages/Edited/datasources", json={"dataSource": "one"}).status
            self.server.wait_for(lambda: made() in (201, 409))

    def test_a_repeated_deletion_says_when_it_was_erased(self):
        path = self.storage("Again")
        self.door.request("PUT", path, json={"businessPartners": [{"externalId": "1"}]}).expect(200)
        body = {"externalId": ["1", '"erasedAt":null'], "featuresOn": DELETE}

        def delete():
            key = {"Idempotency-Key": "again"}
            return self.door.request("POST", f"{path}/delete", json=body, query={"erase": "now"}, headers=key).expect(200).json()

        first, second = delete(), delete()
        self.assertIsNotNone(first.pop("erasedAt"))
        self.assertIsNotNone(second.pop("erasedAt"))
        self.assertEqual(first, second)


class EndTest(Place):
    def test_what_is_not_whole_does_not_hold_the_end(self):
        path = self.storage("End")
        self.door.request("PUT", path, json={"businessPartners": [{"externalId": "1"}]}).expect(200)
        key = {"X-API-KEY": self.server.owner}
        self.send("PUT", path, {**key, "Content-Length": 1000}, b'{"businessPartners"')
        self.send("PUT", "/files/upload/none", {"Content-Length": 1000})
        self.assertEqual(self.stream()[1], "200")
        begin = time.monotonic()
        self.server.stop()
        self.assertLess(time.monotonic() - begin, 30, "neither the body's minute nor the stream's")
        self.server.start()

    def test_a_deletion_is_in_the_audit_log_at_once(self):
        path = self.storage("Told")
        self.door.request("PUT", path, json={"businessPartners": [{"externalId": "1"}]}).expect(200)
        body = {"externalId": "1", "featuresOn": DELETE}
        self.door.request("POST", f"{path}/delete", json=body).expect(200)
        self.server.process.send_signal(signal.SIGKILL)
        self.server.process.wait()
        self.server.start()
        records = json.loads(self.server.ctl("audit", "list", "--json"))
        self.assertIn("http: delete business partners in Told: 1 delete, 0 rows failed", json.dumps(records))


class StreamTimeTest(Place):
    """Streams have a second."""

    @classmethod
    def prepare(cls):
        cls.server.configure("http", 'stream_time = "1s"')

    def cut(self):
        """How many streams were."""
        shown = records_server.metrics(self.server.log)
        return int(re.search(r'mirror_http_streams_total\{end="cut"\} (\d+)', shown).group(1))

    def test_one_that_is_still_taken_then_is_cut(self):
        line, status = self.stream()
        self.assertEqual(status, "200")
        begin, taken = time.monotonic(), bytearray()

        def take(size):
            try:
                piece = line.recv(size)
            except ConnectionResetError:
                return False
            taken.extend(piece)
            return bool(piece)

        def is_cut():
            """Takes little, but again and again: so no piece waits for long."""
            take(4_096)
            return self.cut() == 1

        self.server.wait_for(is_cut)
        self.assertLess(time.monotonic() - begin, 30, "it has not waited for the minute of a reader that takes nothing")
        while take(1 << 20):
            pass
        # Rows of 8,000 bytes each.
        self.assertLess(len(taken), WIDE_ROWS * 8_000)
        self.assertFalse(taken.endswith(b"\r\n0\r\n\r\n"))
        self.assertNotIn(b'"_end"', taken)


class AuditTest(Place):
    """Each call that changes something, once: {operationId: (what its path has, its body, what the audit log has of it)}."""

    CSV = b"CUSTOMER NUMBER;CITY\n" + b"".join(b"%d;Bern\n" % n for n in range(200_000))
    ID = {"from": "A", "to": "externalId"}
    CALLS = {
        "createStorage": ({}, {"name": "Told"}, "create storage Told"),
        "createMapper": ({}, {"id": "m1", "columns": [ID]}, "create mapper Told/m1"),
        "updateMapper": ({"mapperId": "m1"}, {"columns": [ID]}, "change mapper Told/m1"),
        "deleteMapper": ({"mapperId": "m1"}, None, "delete mapper Told/m1"),
        "createDataSource": ({}, {"dataSource": "crm"}, "create data source Told/crm"),
        "updateDataSource": ({"dataSourceId": "crm"}, {"name": "CRM"}, "change data source Told/crm"),
        "upsertBusinessPartners": (
            {},
            {"dataSource": "crm", "businessPartners": [{"externalId": "1"}, {"externalId": "2"}, {"externalId": ""}]},
            "upsert Told--crm: 1 call, 2 inserts, 0 updates, 1 row failed",
        ),
        "deleteBusinessPartners": (
            {},
            {"dataSource": "crm", "externalId": ["1", "9"], "featuresOn": DELETE},
            "delete business partners in Told--crm: 1 delete, 1 row failed",
        ),
        "requestUpload": ({}, {"url": "a.csv"}, "request upload"),
        "uploadFile": ({"uploadSecret": "{upload}"}, CSV, "upload a file by its link"),
        "startImportJob": ({}, {"storageId": "Told", "dataSource": "crm"}, "start import job {job} in Told/crm"),
        "cancelImportJob": ({"jobId": "{job}"}, None, "cancel import job {job}"),
        "clearDataSource": ({"dataSourceId": "crm"}, None, r"clear data source Told/crm: \d+ rows"),
        "deleteDataSource": ({"dataSourceId": "crm"}, None, "delete data source Told/crm: 0 rows"),
        "clearStorage": ({}, None, "clear storage Told: 0 rows"),
        "deleteStorage": ({}, None, "delete storage Told: 0 rows"),
    }

    def test_each_call_that_changes_something_is_in_the_audit_log(self):
        writing = {
            one["operationId"]: (method, path)
            for method, path, one in self.door.check.operations()
            if method not in ("GET", "HEAD") and one["operationId"] not in READING
        }
        self.assertEqual(set(writing), set(self.CALLS), "what the document has, and what is called here")
        key = self.server.issue("told", "owner", "Told*")
        made, wanted = {"storageId": "Told"}, []
        for name, (parts, body, words) in self.CALLS.items():
            method, path = writing[name]
            for part, value in (made | parts).items():
                path = path.replace(f"{{{part}}}", value.format(**made))
            sent = {"body": body} if isinstance(body, bytes) else {"json": body}
            if name == "startImportJob":
                sent = {"body": http_door.multipart_form(body, http_door.File("a.csv", self.CSV))}
            query = {"confirm": "Told"} if name == "deleteStorage" else None
            answer = self.door.request(method, path, key=http_door.NO_KEY if name == "uploadFile" else key, query=query, **sent)
            # A job may be over before it is cancelled.
            self.assertIn(answer.status, (200, 201, 409) if name == "cancelImportJob" else (200, 201), answer)
            if name == "requestUpload":
                made["upload"] = answer.json()["uploadLink"].split("/")[-1]
            if name == "startImportJob":
                made["job"] = answer.json()["id"]
            outcome = "OK" if answer.status < 300 else answer.json()["code"]
            wanted.append((words.replace("{job}", made.get("job", "")), outcome))
        # The sums of upserts are written at the end, too.
        self.server.stop()
        self.server.start()
        found = [
            (one["call"].removeprefix("http: "), one["outcome"])
            for one in json.loads(self.server.ctl("audit", "list", "--limit", "1000", "--json"))
            if one["who"] == "apikey:told"
        ]
        for words, outcome in wanted:
            these = [one for one in found if re.fullmatch(words, one[0]) and one[1] == outcome]
            self.assertEqual(len(these), 1, (words, outcome, found))


if __name__ == "__main__":
    BIN = pathlib.Path(sys.argv.pop(1)).resolve()
    unittest.main()
