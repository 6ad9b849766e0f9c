#!/usr/bin/python3
"""What a request over HTTP, a record and what is kept beside the rows can be at most, and what they cost a server.

Usage: records_limits_test.py BIN_DIR
"""

import contextlib
import csv
import io
import json
import os
import pathlib
import shutil
import signal
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
        attributes = {f"a{n}": 1 for n in range(1_999)}
        self.assertEqual(self.counts(self.upsert(storage, [partner("big", **attributes)])), (1, 0, 0, 0))
        begin = time.monotonic()
        answer = self.upsert(storage, [partner("big", x=n // 2) for n in range(1_000)])
        self.assertEqual(self.counts(answer), (0, 1_000, 500, 0))
        self.assertLess(time.monotonic() - begin, 20, "each of them takes the record apart")
        self.assertEqual(self.record(storage, "big"), attributes | {"x": 499})

    def test_a_record_with_too_many_attributes_is_refused_and_a_short_request_is_short_work(self):
        storage = self.storage("Wide")
        wide = {f"a{n}": "x" for n in range(2_000)}
        rows = [partner("1", **wide), partner("2", **wide, more=1), partner("3", CITY="Bern")]
        failed = self.upsert(storage, rows).expect(200).json()
        self.assertEqual((failed["numberOfInserts"], failed["numberOfFailed"]), (2, 1))
        self.assertIn("has 2001 attributes; at most 2000", failed["failures"][0]["message"])
        many = {"list": [0] * 90_000}
        for n in range(12):
            self.counts(self.upsert(storage, [partner(f"v{n}", **many)]))
        refused = self.upsert(storage, [partner(f"v{n}", CITY="Bern") for n in range(12)]).expect(422).json()
        self.assertIn("more than 1,000,000 values as they are stored", refused["message"])
        self.assertEqual(self.counts(self.upsert(storage, [partner("v0", CITY="Bern")])), (0, 1, 0, 0))

    def test_a_record_that_would_be_too_large_stays_as_it_was(self):
        storage = self.storage("Bounded")
        half = "x" * 2_500_000
        self.assertEqual(self.counts(self.upsert(storage, [partner("1", A=half)])), (1, 0, 0, 0))
        failed = self.upsert(storage, [partner("1", B=half), partner("2", CITY="Bern")]).expect(200).json()
        self.assertEqual((failed["numberOfAccepted"], failed["numberOfFailed"]), (1, 1))
        self.assertIn("4194304 bytes, 2000 attributes and 100000 values are kept", failed["failures"][0]["message"])
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


class WaitingTest(Served):
    """Files that wait for their jobs."""

    @classmethod
    def prepare(cls):
        cls.server.configure("http", 'upload_limit = "1MB"\nuploads_per_key = "2MB"\nuploads_max = "4MB"')
        cls.keys = [cls.server.issue(f"waiting{n}", "writer", "Waiting") for n in range(3)]

    def start(self, key, file=None, **fields):
        form = http_door.multipart_form(fields, file and http_door.File("a.csv", file))
        return self.door.request("POST", "/jobs/importjobs", key=key, body=form)

    def wait(self, job):
        seen = lambda: self.door.request("GET", f"/jobs/importjobs/{job}").expect(200).json()["status"]
        self.server.wait_for(lambda: seen() not in ("SCHEDULED", "RUNNING"))
        self.assertEqual(seen(), "FINISHED")

    def upload(self, key, file):
        """The answer, and the file's url."""
        link = self.door.request("POST", "/files/upload", key=key, json={"url": "a.csv"}).expect(200).json()
        return self.door.request("PUT", link["uploadLink"], key=http_door.NO_KEY, body=file), link["url"]

    def refused(self, answer, status, code):
        self.assertEqual(answer.expect(status).json()["code"], code)
        if status != 413:
            self.assertIn("Nothing was kept", answer.json()["message"])
            self.assertGreater(int(answer.headers["retry-after"]), 0)

    def test_uploads_that_wait_are_bounded_by_file_by_key_and_in_all(self):
        storage = self.storage("Waiting")
        files = lambda: [one for one in self.server.uploads() if one.suffix == ".file"]
        first, second, third = self.keys
        file = b"CUSTOMER NUMBER\n1\n".ljust(900_000, b"\n")
        urls = []
        for body in (b"x" * 1_000_001, iter([b"x" * 500_000] * 3)):
            self.refused(self.upload(first, body)[0], 413, "OUT_OF_RANGE")
        for key in (first, first, second, second):
            answer, url = self.upload(key, file)
            answer.expect(200)
            urls.append(url)
        self.refused(self.upload(first, file)[0], 429, "RESOURCE_EXHAUSTED")
        self.refused(self.upload(third, file)[0], 503, "UNAVAILABLE")
        self.refused(self.start(first, file, storageId=storage), 429, "RESOURCE_EXHAUSTED")
        self.refused(self.start(third, file, storageId=storage), 503, "UNAVAILABLE")
        self.assertEqual(len(files()), 4)
        self.upload(third, file[:1000])[0].expect(200)
        # A job that is over makes room.
        self.wait(self.start(first, storageId=storage, url=urls[0]).expect(201).json()["id"])
        self.server.wait_for(lambda: len(files()) == 4)
        self.upload(first, file)[0].expect(200)


class RunningTest(Served):
    """Jobs whose files are read."""

    JOBS = 2

    @classmethod
    def prepare(cls):
        cls.server.configure("http", f"jobs_max = {cls.JOBS}")

    def programs(self):
        """Those that read files, all of them at one moment: what is still there behind the list was so before its end."""

        def runs(program):
            try:
                name, state = pathlib.Path(f"/proc/{program}/stat").read_text().split("(", 1)[1].rsplit(") ", 1)
            except OSError:
                return False
            return name == "mirror-import" and state[0] not in "ZX"

        return {one for one in self.server.import_processes() if runs(one)}

    def are_full(self):
        """What runs stands still from then on."""
        there = self.programs()
        for program in there:
            with contextlib.suppress(ProcessLookupError):
                os.kill(program, signal.SIGSTOP)
        self.assertLessEqual(len(there), self.JOBS)
        return len(there) == self.JOBS

    def test_no_more_jobs_run_at_a_time_than_may(self):
        # Far more than a program says before somebody listens.
        file = b"CUSTOMER NUMBER;CITY\n" + b"".join(b"%d;%s\n" % (n, b"x" * 200) for n in range(40_000))
        jobs, storage = [], self.storage("Many")
        state = lambda job: self.door.request("GET", f"/jobs/importjobs/{job}").expect(200).json()["status"]

        def start():
            source = f"s{len(jobs)}"
            self.door.request("POST", f"/storages/{storage}/datasources", json={"dataSource": source}).expect(201)
            form = http_door.multipart_form({"storageId": storage, "dataSource": source}, http_door.File("a.csv", file))
            jobs.append(self.door.request("POST", "/jobs/importjobs", body=form).expect(201).json()["id"])

        # One may be over before it is stopped: then another one is.
        while not self.are_full() and len(jobs) < 40:
            start()
            self.server.wait_for(lambda: self.are_full() or state(jobs[-1]) != "SCHEDULED")
        for _ in range(3):
            start()
        states = lambda: [state(job) for job in jobs]
        self.server.wait_for(lambda: self.are_full() and "RUNNING" in states())
        for _ in range(10):
            self.are_full()
            ended = jobs[states().index("RUNNING")]
        before = self.programs()
        self.door.request("POST", f"/jobs/importjobs/{ended}/cancel")
        self.server.wait_for(lambda: self.are_full() and self.programs() - before)
        for job in jobs:
            self.door.request("POST", f"/jobs/importjobs/{job}/cancel")
        self.server.wait_for(lambda: not self.programs())


class RuledTest(Served):
    """Rules of columns: some keep values out, some a source of records cannot have."""

    @classmethod
    def prepare(cls):
        cls.rules("Hidden*", 'hash = ["taxNumber*"]\nleave_out = ["street"]')

    @classmethod
    def rules(cls, tenants, text):
        path = cls.server.folder / "mirror-server.toml"
        block = f'\n[[tenant]]\ncontext_id = "{tenants}"\n\n[[tenant.table]]\nname = "businesspartner"\n{text}\n'
        path.write_text(path.read_text() + block)

    SECRET = "Geheimnis-4711"
    STREET, TAX, OTHER = (f"Geheimnis-4711-{what}" for what in ("street", "tax", "other"))

    def check_nowhere(self, answers):
        for answer in answers:
            self.assertNotIn(self.SECRET, answer.expect(200).text)
        self.server.wait_for(lambda: not self.server.uploads())
        for told in (["events", "--json"], ["audit", "list", "--json"], ["jobs", "--json"]):
            self.assertNotIn(self.SECRET, self.server.ctl(*told))
        for file, content in [*self.server.contents(), (self.server.log, self.server.log.read_bytes())]:
            self.assertNotIn(self.SECRET.encode(), content, file)

    def test_what_is_ruled_out_is_in_no_answer_and_in_no_file(self):
        storage = self.storage("Hidden")
        rows = [partner(one, CITY="Bern", STREET=self.STREET, **{"TAX NUMBER 1": self.TAX, "OTHER": self.OTHER}) for one in ("1", "2")]
        answers = [self.upsert(storage, [*rows, {"externalId": "3", "record": json.dumps({"STREET": self.STREET})[:-1]}])]
        self.assertEqual(self.counts(answers[0]), (2, 0, 0, 1))
        path = f"/v4/storages/{storage}/businesspartners"
        answers += [
            self.door.request("GET", path),
            self.door.request("GET", path, query={"externalId": "1"}),
            self.door.request("POST", f"{path}/fetch", json={"externalId": "1"}),
            self.door.request("POST", f"{path}/fetch", json={"externalId": ["1", "2"]}),
        ]
        read = [answer.json() for answer in answers[1:]]
        found = [one for answer in read for one in answer.get("values") or [answer["businessPartner"]]]
        self.assertEqual([one["externalId"] for one in found], ["1", "2", "1", "1", "1", "2"])
        self.assertFalse([one for one in found if "record" in one])
        table = f"/v4/storages/{storage}/records/businesspartner"
        answers += [
            self.door.request("GET", f"/v4/storages/{storage}/records"),
            self.door.request("GET", table),
            self.door.request("GET", table, headers={"Accept": "application/x-ndjson"}),
        ]
        columns = {one["name"] for one in answers[-3].json()["values"][0]["columns"]}
        self.assertEqual(columns & {"city", "street", "record", "taxNumber1"}, {"city", "taxNumber1"})
        values = answers[-2].json()["values"]
        self.assertEqual(answers[-1].lines()[:-1], values)
        self.assertEqual([one["city"] for one in values], ["Bern", "Bern"])
        self.assertRegex(values[0]["taxNumber1"], "^[0-9a-f]{64}$")
        self.assertEqual(values[0]["taxNumber1"], values[1]["taxNumber1"], "equal values stay equal")
        self.check_nowhere(answers)

    def test_rejects_of_what_is_ruled_have_line_and_reason_alone(self):
        storage, answers = self.storage("HiddenFiles"), []
        street, tax, other = self.STREET, self.TAX, self.OTHER
        header = "CUSTOMER NUMBER;CITY;STREET;TAX NUMBER 1\n"
        lines = [f"1;x;{street};{tax}", f"{other};x;{street};{tax};y", f";x;{street};{tax}", f"1;y;{street};{tax}"]
        for content, status, rejects in (
            (header + "\n".join(lines), "FINISHED", ["3", "4", "5"]),
            (f"{street};{tax}\n{other};x\n", "COULDNT_START", []),
            (header.replace("CITY", f"STREET;{other}") + f"9;{street};x;{tax};y\n", "COULDNT_START", []),
            (header + f'4;"{street}', "FINISHED", ["2"]),
        ):
            form = http_door.multipart_form({"storageId": storage}, http_door.File("a.csv", content.encode()))
            job = self.door.request("POST", "/jobs/importjobs", body=form).expect(201).json()["id"]
            look = lambda: self.door.request("GET", f"/jobs/importjobs/{job}").expect(200)
            self.server.wait_for(lambda: look().json()["status"] not in ("SCHEDULED", "RUNNING"))
            answers += [look(), self.door.request("GET", f"/jobs/importjobs/{job}/rejects")]
            ended, kept = answers[-2].json(), list(csv.DictReader(io.StringIO(answers[-1].text)))
            self.assertEqual((ended["status"], [one["line"] for one in kept]), (status, rejects), ended)
            self.assertFalse([one for one in kept if one["externalId"] or one["row"] or not one["message"]], kept)
            self.assertFalse([one for one in ended.get("failures", []) if set(one) != {"line", "message"}], ended)
        self.check_nowhere([*answers, self.door.request("GET", "/jobs/importjobs")])

    def test_a_rule_that_cannot_be_is_refused_and_nothing_else_minds(self):
        self.storage("Ruled1")
        self.storage("Other")
        self.upsert("Ruled1", [partner("1", CITY="a")]).expect(200)
        self.server.stop()
        self.rules("Ruled*", 'hash = ["externalId"]')
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
