#!/usr/bin/python3
"""Storages, data sources, deletions and uploads over HTTP, interrupted at one step of theirs: the same request again makes it
good, and nothing is left of it that nobody can see. tools/torture --only records asks the same of random requests.

Usage: records_kills_test.py BIN_DIR
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
import http_door
import records_server

BIN = None
# Where the deletion of a tenant can be interrupted.
OF_DELETION = ("delete.before", "delete.marked", "delete.files_gone", "delete.after")


class RecordsKillsTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.work = pathlib.Path(tempfile.mkdtemp(prefix="records kills "))
        cls.addClassCleanup(shutil.rmtree, cls.work, ignore_errors=True)
        source = cls.work / "crm.db"
        with sqlite3.connect(source) as database:
            database.executescript("CREATE TABLE contact(id INTEGER PRIMARY KEY); INSERT INTO contact VALUES(1);")
        cls.server = records_server.RecordsServer(BIN, cls.work / "dev", source=source)
        cls.server.start()
        cls.addClassCleanup(cls.server.stop)
        for words in (["install"], ["once"]):
            done = cls.server.run("mirror-agent", *words, "--config", cls.work / "dev" / "mirror-agent.toml")
            assert done.returncode == 0, done.stderr

    def setUp(self):
        self.door = self.server.door(tells=False)
        self.addCleanup(self.door.close)

    def interrupted(self, point, method, path, **more):
        """The request, and a server that dies at the point of it; then one that does not is there."""
        self.server.stop()
        self.server.start(MIRROR_CRASH_AT=point)
        with self.assertRaises((OSError, http.client.HTTPException)):
            self.door.request(method, path, **more)
        self.server.process.wait(records_server.PATIENCE_S)
        self.door.close()
        self.server.start()

    def storage(self, name, source=None):
        self.door.request("POST", "/v2/storages", json={"name": name}).expect(201)
        if source:
            self.door.request("POST", f"/storages/{name}/datasources", json={"dataSource": source}).expect(201)
        return name

    def upsert(self, storage, source, external_id, **record):
        body = {"dataSource": source, "businessPartners": [{"externalId": external_id, "record": json.dumps(record)}]}
        self.door.request("PUT", f"/v4/storages/{storage}/businesspartners", json=body).expect(200)

    def files_of(self, name):
        return sorted(path.name for path in (self.server.folder / "data").glob(f"Mirror_{name}*"))

    def ids(self):
        return {one["id"] for one in self.door.request("GET", "/v2/storages").expect(200).json()["values"]}

    def test_a_storage_whose_deletion_was_interrupted_can_be_made_again(self):
        for number, point in enumerate(OF_DELETION):
            name = self.storage(f"Goes{number}")
            self.upsert(name, "default", "1")
            again = ("DELETE", f"/storages/{name}")
            self.interrupted(point, *again, query={"confirm": name})
            answer = self.door.request(*again, query={"confirm": name})
            self.assertEqual(answer.status, 200 if point == "delete.before" else 404, answer)
            self.assertEqual(self.files_of(name), [], point)
            self.assertNotIn(name, self.ids())
            self.storage(name)

    def test_a_data_source_whose_deletion_was_interrupted_goes_by_the_same_request(self):
        name = self.storage("Source")
        for point in (*OF_DELETION, "datasource.removed"):
            self.door.request("POST", f"/storages/{name}/datasources", json={"dataSource": "crm"}).expect(201)
            self.upsert(name, "crm", "1")
            again = ("DELETE", f"/storages/{name}/datasources/crm")
            self.interrupted(point, *again)
            gone = self.door.request(*again).expect(200).json()
            self.assertEqual(gone["numberOfDeletes"], 1 if point == "delete.before" else 0, point)
            self.assertEqual(self.files_of(f"{name}--crm"), [], point)

    def test_a_data_source_that_was_being_made_goes_with_its_storage(self):
        name = self.storage("Half")
        making = ("POST", f"/storages/{name}/datasources")
        self.interrupted("datasource.made", *making, json={"dataSource": "crm"})
        found = self.door.request("GET", f"/v2/storages/{name}").expect(200).json()
        self.assertEqual([one["id"] for one in found["dataSources"]], ["default"])
        # Whoever asks again gets it; whoever does not leaves nothing behind.
        self.interrupted("datasource.made", *making, json={"dataSource": "erp"})
        self.door.request(*making, json={"dataSource": "crm"}).expect(201)
        self.door.request("DELETE", f"/storages/{name}", query={"confirm": name}).expect(200)
        self.assertEqual(self.files_of(name), [])

    def test_a_tenant_that_was_being_attached_is_nobodys(self):
        body = {"dataSource": "erp", "door": "cycles", "tenant": "Cust"}
        first, second = self.storage("First"), self.storage("Second")
        self.interrupted("datasource.made", "POST", f"/storages/{first}/datasources", json=body)
        self.assertIn("Cust", self.ids())
        self.door.request("POST", f"/storages/{second}/datasources", json=body).expect(201)
        self.assertNotIn("Cust", self.ids())
        self.door.request("POST", f"/storages/{first}/datasources", json=body).expect(409)
        leaving = ("DELETE", f"/storages/{second}/datasources/erp")
        self.interrupted("datasource.removed", *leaving)
        self.door.request(*leaving).expect(200)
        self.assertIn("Cust", self.ids())

    def test_a_deletion_that_is_repeated_says_when_it_was_erased(self):
        name, secret = self.storage("Erased"), "Geheimnis-0815-unverwechselbar"
        for point in ("records.erasing", "records.erased", "commit.after"):
            self.upsert(name, "default", "1", CITY=secret)
            body = {"externalId": ["1", "2"], "featuresOn": ["DELETE_BY_EXTERNAL_ID"]}
            more = {"json": body, "query": {"erase": "now"}, "headers": {"Idempotency-Key": point}}
            asked = ("POST", f"/v4/storages/{name}/businesspartners/delete")
            self.interrupted(point, *asked, **more)
            answer = self.door.request(*asked, **more).expect(200).json()
            self.assertEqual((answer["numberOfDeletes"], answer["numberOfFailures"]), (1, 1), point)
            self.assertIsNotNone(answer["erasedAt"], point)
            for file in (self.server.folder / "data").rglob("*"):
                self.assertFalse(file.is_file() and secret.encode() in file.read_bytes(), (point, file))

    def job(self, storage, source, content):
        form = http_door.multipart_form({"storageId": storage, "dataSource": source}, http_door.File("a.csv", content))
        return self.door.request("POST", "/jobs/importjobs", body=form).expect(201).json()["id"]

    def files_with(self, secret):
        return [one.name for one in (self.server.folder / "data").rglob("*") if one.is_file() and secret in one.read_bytes()]

    def test_the_files_of_jobs_go_with_what_is_deleted(self):
        secret = b"Geheimnis-2342-unverwechselbar"
        name = self.storage("Jobs", "crm")
        many = b"BP_EXTERNAL_ID;CITY\n" + b"".join(b"%d;%s\n" % (n, secret) for n in range(50_000))
        for path, method, query in (
            (f"/storages/{name}/datasources/crm/clear", "POST", {"erase": "now"}),
            (f"/storages/{name}/datasources/crm", "DELETE", None),
        ):
            # The second one waits for the first.
            for _ in range(2):
                self.job(name, "crm", many)
            answer = self.door.request(method, path, query=query).expect(200).json()
            self.assertIsNotNone(answer["erasedAt"])
            self.assertEqual(self.files_with(secret), [], path)


if __name__ == "__main__":
    BIN = pathlib.Path(sys.argv.pop(1)).resolve()
    unittest.main()
