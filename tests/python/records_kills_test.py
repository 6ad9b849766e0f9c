#!/usr/bin/python3
"""Storages, data sources, deletions and uploads over HTTP, interrupted at one step of theirs: the same request again makes it
good, and nothing is left of it that nobody can see. tools/torture --only records asks the same of random requests. Upserts of
many clients, whose server is killed meanwhile.

Usage: records_kills_test.py BIN_DIR
"""

import concurrent.futures
import http.client
import json
import pathlib
import shutil
import sqlite3
import sys
import tempfile
import threading
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "support"))
import http_door
import records_server

BIN = None
# Where the deletion of a tenant can be interrupted.
OF_DELETION = ("delete.before", "delete.marked", "delete.files_gone", "delete.after")


def other_answers(answers, clients, rounds):
    """Those that are not as if nothing had happened, of clients that upsert a row of their own, and in each turn one more."""
    first = {"numberOfAccepted": 2, "numberOfInserts": 2, "numberOfUpdates": 0, "numberOfUnchanged": 0, "numberOfFailed": 0}
    first["featuresOn"] = ["UPSERT_BY_EXTERNAL_ID"]
    later = first | {"numberOfInserts": 1, "numberOfUpdates": 1}
    turns = [(number, turn) for number in range(clients) for turn in range(rounds)]
    return {one: answers.get(one) for one in turns if answers.get(one) != (later if one[1] else first)}


def expected_rows(clients, rounds):
    """{external id: turn}"""
    rows = {f"{number}-{turn}": str(turn) for number in range(clients) for turn in range(rounds)}
    return rows | {f"c{number}": str(rounds - 1) for number in range(clients)}


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


class KilledTest(unittest.TestCase):
    def test_c18_clients_that_repeat_lose_and_double_nothing(self):
        work = pathlib.Path(tempfile.mkdtemp(prefix="records killed "))
        self.addCleanup(shutil.rmtree, work, ignore_errors=True)
        server = records_server.RecordsServer(BIN, work / "dev")
        server.start()
        self.addCleanup(server.stop)
        server.door().request("POST", "/v2/storages", json={"name": "C18"}).expect(201)
        clients, rounds, kills, answers, repeated = 200, 8, 3, {}, []
        taking, killing = threading.Lock(), threading.Lock()

        def take(number, turn, answer):
            """Each time that there are some more, the one that has taken the last kills the server, which the others ask."""
            with taking:
                answers[number, turn] = answer.json()
                is_time = len(answers) in range(clients, clients * (kills + 1), clients)
            if is_time:
                with killing:
                    server.kill()
                    server.start()

        def client(number):
            door = server.door(tells=False)
            for turn in range(rounds):
                partners = [{"externalId": one, "record": json.dumps({"CITY": str(turn)})} for one in (f"{number}-{turn}", f"c{number}")]
                body = {"featuresOn": ["UPSERT_BY_EXTERNAL_ID"], "businessPartners": partners}
                key = {"Idempotency-Key": f"{number}-{turn}"}
                while True:
                    try:
                        answer = door.request("PUT", "/v4/storages/C18/businesspartners", json=body, headers=key)
                    except (OSError, http.client.HTTPException):
                        repeated.append(key)
                        door.close()
                        server.wait_until_up()
                        continue
                    if answer.status == 200:
                        take(number, turn, answer)
                        break

        with concurrent.futures.ThreadPoolExecutor(clients) as pool:
            for one in [pool.submit(client, number) for number in range(clients)]:
                one.result()
        self.assertTrue(repeated, "the server was killed while clients asked")
        self.assertEqual(other_answers(answers, clients, rounds), {})
        page = server.door().request("GET", "/v4/storages/C18/businesspartners", query={"limit": 1000}).expect(200).json()
        self.assertEqual(page["total"], clients * (rounds + 1))
        kept = dict(server.query("C18", 'SELECT "externalId", city FROM businesspartner'))
        self.assertEqual(kept, expected_rows(clients, rounds))


if __name__ == "__main__":
    BIN = pathlib.Path(sys.argv.pop(1)).resolve()
    unittest.main()
