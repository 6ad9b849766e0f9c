#!/usr/bin/python3
"""What a request over HTTP, a record and what is kept beside the rows can be at most, and what they cost a server.

Usage: records_limits_test.py BIN_DIR
"""

import json
import pathlib
import shutil
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
UPSERT = ["UPSERT_BY_EXTERNAL_ID"]
DELETE = ["DELETE_BY_EXTERNAL_ID"]
IS_ASAN = False


def partner(external_id, **record):
    return {"externalId": external_id, "record": json.dumps(record)}


class Served(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.work = pathlib.Path(tempfile.mkdtemp(prefix="records limits "))
        cls.addClassCleanup(shutil.rmtree, cls.work, ignore_errors=True)
        cls.server = records_server.RecordsServer(BIN, cls.work / "dev")
        cls.prepare()
        cls.server.start()
        cls.addClassCleanup(cls.server.stop)
        cls.door = cls.server.door()

    @classmethod
    def prepare(cls):
        pass

    def storage(self, name):
        self.door.request("POST", "/v2/storages", json={"name": name}).expect(201)
        return name

    def upsert(self, storage, partners, features=UPSERT, **more):
        body = {"featuresOn": features, "businessPartners": partners}
        return self.door.request("PUT", f"/v4/storages/{storage}/businesspartners", json=body, **more)

    def delete(self, storage, ids, **more):
        body = {"featuresOn": DELETE, "externalId": ids}
        return self.door.request("POST", f"/v4/storages/{storage}/businesspartners/delete", json=body, **more)

    def counts(self, answer):
        got = answer.expect(200).json()
        return tuple(got[f"numberOf{one}"] for one in ("Inserts", "Updates", "Unchanged", "Failed"))

    def record(self, storage, external_id):
        body = {"externalId": external_id}
        found = self.door.request("POST", f"/v4/storages/{storage}/businesspartners/fetch", json=body).expect(200).json()
        return found["status"] == "OK" and json.loads(found["businessPartner"]["record"])

    def documents(self, storage, kind):
        with sqlite3.connect(f"file:{self.server.database(storage)}?mode=ro", uri=True) as mirror:
            return mirror.execute("SELECT id, text FROM _mirror_documents WHERE kind = ?", (kind,)).fetchall()


class LimitsTest(Served):
    def memory(self, line):
        status = pathlib.Path(f"/proc/{self.server.process.pid}/status").read_text()
        return next(int(one.split()[1]) for one in status.splitlines() if one.startswith(line)) << 10

    def test_a_thousand_changes_of_one_large_record_are_one_merge(self):
        storage = self.storage("Merged")
        attributes = {f"a{n}": 1 for n in range(100_000)}
        self.assertEqual(self.counts(self.upsert(storage, [partner("big", **attributes)])), (1, 0, 0, 0))
        begin = time.monotonic()
        answer = self.upsert(storage, [partner("big", x=n // 2) for n in range(1_000)])
        self.assertEqual(self.counts(answer), (0, 1_000, 500, 0))
        self.assertLess(time.monotonic() - begin, 20, "each of them takes the record apart")
        self.assertEqual(self.record(storage, "big"), attributes | {"x": 499})

    def test_a_record_that_would_be_too_large_stays_as_it_was(self):
        storage = self.storage("Bounded")
        half = "x" * 2_500_000
        self.assertEqual(self.counts(self.upsert(storage, [partner("1", A=half)])), (1, 0, 0, 0))
        failed = self.upsert(storage, [partner("1", B=half), partner("2", CITY="Bern")]).expect(200).json()
        self.assertEqual((failed["numberOfAccepted"], failed["numberOfFailed"]), (1, 1))
        self.assertIn("4194304 bytes and 1000000 values are kept", failed["failures"][0]["message"])
        self.assertEqual(self.record(storage, "1"), {"A": half})
        self.assertEqual(self.counts(self.upsert(storage, [partner("1", A=None, B=half)])), (0, 1, 0, 0))
        self.assertEqual(self.record(storage, "1"), {"B": half})

    def test_what_is_stored_of_a_requests_rows_is_bounded(self):
        storage = self.storage("Stored")
        ids = [f"r{n}" for n in range(16)]
        for one in ids:
            self.assertEqual(self.counts(self.upsert(storage, [partner(one, A=one * 1_000_000)])), (1, 0, 0, 0))
        before = self.memory("VmRSS")
        pathlib.Path(f"/proc/{self.server.process.pid}/clear_refs").write_text("5")
        refused = self.upsert(storage, [partner(one, CITY="z") for one in ids]).expect(422).json()
        self.assertIn("more than 32 MB as they are stored", refused["message"])
        self.assertEqual(self.record(storage, "r3").get("CITY"), None)
        self.assertEqual(self.delete(storage, ids).expect(200).json()["numberOfDeletes"], 16)
        growth = self.memory("VmHWM") - before
        if not IS_ASAN:
            self.assertLess(growth, 96 << 20, f"{growth >> 20} MB")


class KeptTest(Served):
    """What is kept beside the rows."""

    @classmethod
    def prepare(cls):
        cls.server.configure("http", "jobs_max = 2")

    def job(self, storage, content, **fields):
        form = http_door.multipart_form({"storageId": storage, **fields}, http_door.File("partners.csv", content.encode()))
        started = self.door.request("POST", "/jobs/importjobs", body=form).expect(201).json()["id"]
        self.server.wait_for(
            lambda: self.door.request("GET", f"/jobs/importjobs/{started}").json()["status"] not in ("SCHEDULED", "RUNNING")
        )
        return self.door.request("GET", f"/jobs/importjobs/{started}").expect(200).json()

    def test_a_deletion_takes_the_rejects_of_its_id_and_no_others(self):
        storage = self.storage("Rejected")
        ids = ["5", "15", 'q"7', "ü"]
        self.upsert(storage, [partner(one) for one in ids]).expect(200)
        lines = "".join('"{}";x\n'.format(one.replace('"', '""')) for one in ids)
        job = self.job(storage, "CUSTOMER NUMBER;CITY\n" + lines)
        self.assertEqual([one["externalId"] for one in job["failures"]], ids)
        left = list(ids)
        for one in ('q"7', "5", "ü"):
            gone = self.delete(storage, one, query={"erase": "now"}).expect(200).json()
            self.assertEqual((gone["numberOfDeletes"], gone["numberOfFailures"]), (1, 0))
            left.remove(one)
            job = self.door.request("GET", f"/jobs/importjobs/{job['id']}").expect(200).json()
            self.assertEqual([failure["externalId"] for failure in job["failures"]], left)
        self.assertEqual(len(self.documents(storage, "reject.of")), 1)
        self.door.request("POST", f"/storages/{storage}/clear").expect(200)
        self.assertEqual(self.documents(storage, "reject") + self.documents(storage, "reject.of"), [])

    def test_rejects_of_an_id_without_a_row_go_too(self):
        storage = self.storage("NeverThere")
        self.upsert(storage, [partner("1")]).expect(200)
        job = self.job(storage, "CUSTOMER NUMBER;CITY\n1;Secretville\n")
        self.delete(storage, "1").expect(200)
        self.upsert(storage, [partner("1")]).expect(200)
        job = self.job(storage, "CUSTOMER NUMBER;CITY\n1;x\n")
        self.delete(storage, "1").expect(200)
        again = self.delete(storage, "1", query={"erase": "now"}).expect(200).json()
        self.assertEqual((again["numberOfDeletes"], again["numberOfFailures"]), (0, 1))
        job = self.door.request("GET", f"/jobs/importjobs/{job['id']}").expect(200).json()
        self.assertEqual((job["failures"], job["numberOfFailed"]), ([], 1))

    def test_a_repetition_gets_its_answer_also_where_the_source_is_paused(self):
        storage = self.storage("Paused")
        key = {"Idempotency-Key": "k"}
        partners = [partner("1"), {"externalId": "unmistakable-id", "record": "{"}]
        first = self.upsert(storage, partners, headers=key).expect(200)
        self.assertEqual(first.json()["failures"][0]["externalId"], "unmistakable-id")
        self.assertNotIn("unmistakable-id", str(self.documents(storage, "answer")))
        self.server.ctl("pause", storage, "--reason", "x")
        self.assertEqual(self.upsert(storage, partners, headers=key).expect(200).body, first.body)
        self.upsert(storage, partners).expect(409)
        self.upsert(storage, [partner("1")], headers=key).expect(422)
        self.server.ctl("resume", storage)
        self.assertEqual(self.delete(storage, "unmistakable-id").expect(200).json()["numberOfFailures"], 1)
        self.assertEqual(self.upsert(storage, partners, headers=key).expect(200).body, first.body)

    def test_answers_that_change_no_row_are_forgotten_in_time(self):
        storage = self.storage("Forgotten")
        self.upsert(storage, [partner("1")]).expect(200)
        for n in range(3):
            self.upsert(storage, [partner("1")], headers={"Idempotency-Key": f"k{n}"}).expect(200)
        self.assertEqual(len(self.documents(storage, "answer")), 3)
        self.server.stop()
        with sqlite3.connect(self.server.database(storage)) as mirror:
            mirror.execute("UPDATE _mirror_documents SET at_ms = 1 WHERE kind = 'answer'")
        self.server.start()
        self.upsert(storage, [partner("1")], headers={"Idempotency-Key": "new"}).expect(200)
        self.assertEqual(len(self.documents(storage, "answer")), 1)


class RuledTest(Served):
    """A rule that a column of a source of records cannot have."""

    def rules(self, text):
        path = self.server.folder / "mirror-server.toml"
        path.write_text(path.read_text() + f'\n[[tenant]]\ncontext_id = "Ruled*"\n\n[[tenant.table]]\nname = "businesspartner"\n{text}\n')

    def test_it_is_refused_and_nothing_else_minds(self):
        self.storage("Ruled1")
        self.storage("Other")
        self.upsert("Ruled1", [partner("1", CITY="a")]).expect(200)
        self.server.stop()
        self.rules('hash = ["externalId"]')
        self.server.start()
        refused = self.door.request("POST", "/v2/storages", json={"name": "Ruled2"}).expect(400).json()
        self.assertIn("column 'externalId': this endpoint is configured to hash it", refused["message"])
        self.assertFalse(self.server.database("Ruled2").exists())
        stopped = self.upsert("Ruled1", [partner("1", CITY="b")]).expect(409).json()
        self.assertIn("column 'externalId': this endpoint is configured to hash it", stopped["message"])
        self.delete("Ruled1", "1").expect(409)
        self.assertEqual(self.record("Ruled1", "1"), {"CITY": "a"})
        self.assertEqual(self.counts(self.upsert("Other", [partner("1", CITY="b")])), (1, 0, 0, 0))


del Served

if __name__ == "__main__":
    BIN = pathlib.Path(sys.argv.pop(1)).resolve()
    IS_ASAN = b"__asan_init" in (BIN / "mirror-server").read_bytes()
    unittest.main()
