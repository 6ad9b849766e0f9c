#!/usr/bin/python3
"""Pages of large rows over HTTP, and streams of large tables: how many bytes an answer has at most, and what a server
needs for it.

Usage: records_pages_test.py BIN_DIR
"""

import http.client
import json
import pathlib
import shutil
import sqlite3
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "support"))
import records_server

BIN = None
VALUES_MAX = 4 << 20
# Beside the values: the members of a page.
AROUND_MAX = 4_096
ROWS, ROW_BYTES = 48, 1_200_000
# Of a page with its values: as text and as they are sent, a row on its way, and what the allocator keeps of these.
GROWTH_MAX = 48 << 20
# Twice as many bytes as JSON: each is a quote.
STREAM_ROWS, STREAM_ROW_BYTES = 14_000, 4_000
# Of what is read ahead, a few pieces of 128 KB, and of what SQLite keeps of a file.
STREAM_GROWTH_MAX = 24 << 20
UPSERT = ["UPSERT_BY_EXTERNAL_ID"]


class LargePagesTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.work = pathlib.Path(tempfile.mkdtemp(prefix="records pages "))
        cls.addClassCleanup(shutil.rmtree, cls.work, ignore_errors=True)
        cls.server = records_server.RecordsServer(BIN, cls.work / "dev")
        cls.server.start()
        cls.addClassCleanup(cls.server.stop)
        cls.door = cls.server.door()
        cls.ids = [f"{n:03}" for n in range(ROWS)]
        cls.make("Large")
        for n in range(0, ROWS, 3):
            cls.upsert("Large", {one: {"NAME": one, "NOTE": one * (ROW_BYTES // 3)} for one in cls.ids[n : n + 3]})

    @classmethod
    def make(cls, storage):
        cls.door.request("POST", "/v2/storages", json={"name": storage}).expect(201)

    @classmethod
    def upsert(cls, storage, records):
        partners = [{"externalId": one, "record": json.dumps(record)} for one, record in records.items()]
        body = {"featuresOn": UPSERT, "businessPartners": partners}
        cls.door.request("PUT", f"/v4/storages/{storage}/businesspartners", json=body).expect(200)

    def walk(self, path, query=None):
        """The pages of what `path` has, each at its most."""
        pages, after = [], None
        while not pages or after is not None:
            asked = {"limit": 1000, **(query or {}), **({"startAfter": after} if after else {})}
            answer = self.door.request("GET", path, query=asked).expect(200)
            pages.append((len(answer.body), answer.json()))
            after = pages[-1][1]["nextStartAfter"]
        return pages

    def memory(self, line):
        status = pathlib.Path(f"/proc/{self.server.process.pid}/status").read_text()
        return next(int(one.split()[1]) for one in status.splitlines() if one.startswith(line)) << 10

    def check_growth(self, ask):
        """What `ask` lets the server's memory grow by; what it had at most is forgotten before."""
        before = self.memory("VmRSS")
        pathlib.Path(f"/proc/{self.server.process.pid}/clear_refs").write_text("5")
        given = ask()
        growth = self.memory("VmHWM") - before
        if b"__asan_init" not in (BIN / "mirror-server").read_bytes():
            self.assertLess(growth, GROWTH_MAX, f"{growth >> 20} MB")
        return given

    def check_pages(self, pages):
        ids = [row["externalId"] for _, page in pages for row in page["values"]]
        self.assertEqual(ids, self.ids, "each row once, in order")
        for size, page in pages:
            self.assertLessEqual(size, VALUES_MAX + AROUND_MAX)
            self.assertEqual(page["total"], ROWS)
            self.assertTrue(page["values"])
        # A page that could have taken one row more has ended too early.
        for size, page in pages[:-1]:
            self.assertGreater(size + ROW_BYTES + AROUND_MAX, VALUES_MAX)

    def test_a_page_of_business_partners_is_bounded_by_bytes(self):
        self.check_pages(self.check_growth(lambda: self.walk("/v4/storages/Large/businesspartners")))

    def test_a_page_of_any_table_is_bounded_by_bytes(self):
        self.check_pages(self.check_growth(lambda: self.walk("/v4/storages/Large/records/businesspartner")))

    def test_a_page_of_asked_ids_is_bounded_by_bytes(self):
        query = {"externalId": ",".join(["nowhere", *reversed(self.ids)])}
        self.check_pages(self.check_growth(lambda: self.walk("/v4/storages/Large/businesspartners", query)))

    def test_a_list_that_is_fetched_comes_whole_or_not_at_all(self):
        path = "/v4/storages/Large/businesspartners/fetch"
        refused = self.check_growth(lambda: self.door.request("POST", path, json={"externalId": self.ids}).expect(400)).json()
        self.assertEqual(refused["code"], "INVALID_ARGUMENT")
        self.assertIn("Ask for fewer ids", refused["message"])
        found = self.door.request("POST", path, json={"externalId": ["002", "nowhere", "001"]}).expect(200).json()
        self.assertEqual([row["externalId"] for row in found["values"]], ["002", "001"])
        self.assertEqual(found["missing"], ["nowhere"])
        twice = self.door.request("POST", path, json={"externalId": ["001"] * 4}).expect(400).json()
        self.assertIn("Ask for fewer ids", twice["message"])

    def test_a_row_that_alone_is_larger_comes_alone(self):
        self.make("Alone")
        # A record has 4 MB at most; a quote of it has two bytes there, and four in the answer.
        for name in ("A", "B"):
            self.upsert("Alone", {"2": {name: '"' * 900_000}})
        self.upsert("Alone", {"1": {"NAME": "x"}, "3": {"NAME": "x"}})
        for path in ("businesspartners", "records/businesspartner"):
            pages = self.walk(f"/v4/storages/Alone/{path}")
            self.assertEqual([[row["externalId"] for row in page["values"]] for _, page in pages], [["1"], ["2"], ["3"]])
            self.assertGreater(pages[1][0], 5_000_000)
        path = "/v4/storages/Alone/businesspartners/fetch"
        found = self.door.request("POST", path, json={"externalId": ["2", "9"]}).expect(200).json()
        self.assertEqual(([row["externalId"] for row in found["values"]], found["missing"]), (["2"], ["9"]))
        self.assertEqual(self.door.request("POST", path, json={"externalId": "2"}).expect(200).json()["status"], "OK")
        self.door.request("POST", path, json={"externalId": ["2", "3"]}).expect(400)


class LargeStreamTest(unittest.TestCase):
    """A table that an agent has filled, read in one answer by somebody who takes it as it comes."""

    def setUp(self):
        work = pathlib.Path(tempfile.mkdtemp(prefix="large stream "))
        self.addCleanup(shutil.rmtree, work, ignore_errors=True)
        with sqlite3.connect(work / "crm.db") as database:
            database.execute("CREATE TABLE large(id INTEGER PRIMARY KEY, v TEXT)")
            database.execute(
                "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?) "
                "INSERT INTO large SELECT i, ? FROM n",
                (STREAM_ROWS, '"' * STREAM_ROW_BYTES),
            )
        database.close()
        self.server = records_server.RecordsServer(BIN, work / "dev", source=work / "crm.db")
        self.server.start()
        self.addCleanup(self.server.stop)
        for command in ("install", "once"):
            done = self.server.run("mirror-agent", command, "--config", work / "dev" / "mirror-agent.toml")
            self.assertEqual(done.returncode, 0, done.stderr)
        # What the cycle took of memory would hide what the stream takes.
        self.server.stop()
        self.server.start()

    def stream(self):
        """How many bytes come, and the last line."""
        connection = http.client.HTTPConnection("127.0.0.1", self.server.ports[2], timeout=60)
        self.addCleanup(connection.close)
        headers = {"X-API-KEY": self.server.owner, "Accept": "application/x-ndjson"}
        connection.request("GET", "/v4/storages/Cust/records/large", headers=headers)
        answer = connection.getresponse()
        self.assertEqual(answer.status, 200)
        size, last = 0, b""
        while piece := answer.read(1 << 20):
            size, last = size + len(piece), (last + piece)[-200:]
        return size, json.loads(last.rstrip(b"\n").split(b"\n")[-1])

    def test_it_takes_little_memory_however_large_the_table_is(self):
        with self.server.door() as door:
            door.request("GET", "/v4/storages/Cust/records/large", query={"limit": 1}).expect(200)
        self.server.forget_peak()
        before = self.server.peak_memory()
        size, last = self.stream()
        self.assertEqual((last["_end"], last["rows"]), (True, STREAM_ROWS))
        self.assertGreater(size, 100 << 20)
        growth = self.server.peak_memory() - before
        if b"__asan_init" not in (BIN / "mirror-server").read_bytes():
            self.assertLess(growth, STREAM_GROWTH_MAX, f"{growth >> 20} MB")


if __name__ == "__main__":
    BIN = pathlib.Path(sys.argv.pop(1)).resolve()
    unittest.main()
