#!/usr/bin/python3
"""The file of a source of records: whether it is whole, what a deletion leaves in it, and what is true behind a restore.

Usage: records_files_test.py BIN_DIR
"""

import json
import os
import pathlib
import shutil
import signal
import sqlite3
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "support"))
import http_door
import records_server

BIN = None
UPSERT = ["UPSERT_BY_EXTERNAL_ID"]
DELETE = ["DELETE_BY_EXTERNAL_ID"]
VALUES, LONG = 6_000, 300
# What SQLite moved rows out of is not overwritten; where free pages are not, either, all of LONG stay.
LEFT_MAX = 30


class RecordFilesTest(unittest.TestCase):
    def setUp(self):
        self.work = pathlib.Path(tempfile.mkdtemp(prefix="records files "))
        self.addCleanup(shutil.rmtree, self.work, ignore_errors=True)
        self.server = records_server.RecordsServer(BIN, self.work / "dev")
        self.server.start()
        self.addCleanup(self.server.stop)
        self.door = self.server.door()
        self.addCleanup(self.door.close)
        self.door.request("POST", "/v2/storages", json={"name": "Acme"}).expect(201)
        self.path = "/v4/storages/Acme/businesspartners"

    def upsert(self, records, key=None):
        partners = [{"externalId": one, "record": json.dumps(record)} for one, record in records.items()]
        headers = {"Idempotency-Key": key} if key else {}
        return self.door.request("PUT", self.path, json={"featuresOn": UPSERT, "businessPartners": partners}, headers=headers)

    def delete(self, ids, key=None):
        headers = {"Idempotency-Key": key} if key else {}
        return self.door.request("POST", f"{self.path}/delete", json={"featuresOn": DELETE, "externalId": ids}, headers=headers)

    def ids(self):
        page = self.door.request("GET", self.path, query={"limit": 1000}).expect(200).json()
        return [one["externalId"] for one in page["values"]]

    def check_file(self):
        with sqlite3.connect(f"file:{self.server.database('Acme')}?mode=ro", uri=True) as mirror:
            self.assertEqual(mirror.execute("PRAGMA integrity_check").fetchall(), [("ok",)])
            return mirror.execute("SELECT count(*) FROM businesspartner").fetchone()[0]

    def test_little_of_what_was_deleted_or_overwritten_is_in_the_file_before_it_is_rewritten(self):
        value = {n: f"Wert-{n:05}-{n * 2654435761 % 4294967296:08x}" for n in range(VALUES)}
        for begin in range(0, VALUES, 1000):
            self.upsert({f"{n:05}": {"CITY": value[n]} for n in range(begin, begin + 1000)}).expect(200)
        # Of some KB: they stand in pages of their own.
        long_ones = {n: f"Lang-{n:05}-{n * 2654435761 % 4294967296:08x}" for n in range(LONG)}
        for begin in range(0, LONG, 100):
            self.upsert({f"L{n:05}": {"NOTE": long_ones[n] * 300} for n in range(begin, begin + 100)}).expect(200)
        overwritten = range(1, VALUES, 8)
        self.upsert({f"{n:05}": {"CITY": "Bern"} for n in overwritten}).expect(200)
        deleted = range(0, VALUES, 2)
        for begin in range(0, VALUES, 2000):
            gone = self.delete([f"{n:05}" for n in deleted if begin <= n < begin + 2000]).expect(200).json()
            self.assertEqual((gone["numberOfDeletes"], gone["erasedAt"]), (1000, None))
        self.upsert({f"L{n:05}": {"NOTE": "short"} for n in range(0, LONG, 2)}).expect(200)
        self.delete([f"L{n:05}" for n in range(1, LONG, 2)]).expect(200)
        self.assertEqual(self.check_file(), VALUES // 2 + LONG // 2)
        self.server.stop()
        # The log is in the file, and empty.
        content = self.server.database("Acme").read_bytes()
        left = [n for n in (*deleted, *overwritten) if value[n].encode() in content]
        long_left = [n for n in range(LONG) if long_ones[n].encode() in content]
        counts = f"{len(left)} of {len(deleted) + len(overwritten)} short values and {len(long_left)} of {LONG} long ones"
        self.assertLess(len(left) + len(long_left), LEFT_MAX, counts)
        self.assertEqual(self.check_file(), VALUES // 2 + LONG // 2)

    def test_the_operators_and_the_readers_checks_hold_at_a_source_of_records(self):
        self.upsert({str(n): {"CITY": "Bern"} for n in range(500)}).expect(200)
        self.delete([str(n) for n in range(100)]).expect(200)
        self.assertEqual(self.check_file(), 400)
        said = self.server.run("mirrorctl", "--config", self.server.folder / "mirrorctl.toml", "doctor", "--json")
        outcomes = {one["step"]: one["outcome"] for one in json.loads(said.stdout)}
        self.assertEqual((outcomes["mirrors"], outcomes["tenants"]), ("OK", "OK"), said.stdout)
        self.assertIn("Acme", self.server.ctl("tenants"))
        self.assertIn("businesspartner", self.server.ctl("tables", "Acme"))

    def test_behind_a_restore_a_remembered_answer_is_true_or_is_not_remembered(self):
        first = self.upsert({"1": {"CITY": "a"}, "2": {"CITY": "b"}}, key="first").expect(200)
        gone = self.delete(["2"], key="gone").expect(200)
        backup = self.server.folder / "acme.backup"
        self.server.ctl("backup", "Acme", backup)
        lost = self.upsert({"3": {"CITY": "c"}}, key="lost").expect(200)
        self.delete(["1"], key="lost deletion").expect(200)
        self.assertEqual(self.ids(), ["3"])
        self.server.ctl("restore", "Acme", backup, "--confirm", "Acme")
        self.assertEqual(self.ids(), ["1"])
        # What the copy has was done, and is not done again.
        self.assertEqual(self.upsert({"1": {"CITY": "a"}, "2": {"CITY": "b"}}, key="first").expect(200).body, first.body)
        self.assertEqual(self.delete(["2"], key="gone").expect(200).body, gone.body)
        self.upsert({"1": {"CITY": "other"}}, key="first").expect(422)
        self.assertEqual(self.ids(), ["1"])
        # What was done since then is not there, and is done.
        self.assertEqual(self.upsert({"3": {"CITY": "c"}}, key="lost").expect(200).json(), lost.json())
        self.assertEqual(self.ids(), ["1", "3"])
        self.assertEqual(self.delete(["1"], key="lost deletion").expect(200).json()["numberOfDeletes"], 1)
        self.assertEqual(self.ids(), ["3"])
        self.assertEqual(self.check_file(), 1)

    def test_behind_a_restore_no_import_job_seems_to_run(self):
        form = http_door.multipart_form({"storageId": "Acme"}, http_door.File("p.csv", b"CUSTOMER NUMBER\n1\n2\n"))
        key = {"Idempotency-Key": "file"}
        started = self.door.request("POST", "/jobs/importjobs", body=form, headers=key).expect(201).json()

        def job():
            return self.door.request("GET", f"/jobs/importjobs/{started['id']}").expect(200).json()

        self.server.wait_for(lambda: job()["status"] == "FINISHED")
        backup = self.server.folder / "acme.backup"
        self.server.ctl("backup", "Acme", backup)
        # As a copy of the moment between its first rows and its end.
        with sqlite3.connect(backup) as copy:
            changed = copy.execute(
                "UPDATE _mirror_documents SET text = replace(replace(text, 'FINISHED', 'RUNNING'), '\"progress\":100', "
                "'\"progress\":50') WHERE kind = 'job'"
            )
            self.assertEqual(changed.rowcount, 1)
        copy.close()
        self.server.ctl("restore", "Acme", backup, "--confirm", "Acme")
        restored = job()
        self.assertEqual(restored["status"], "DIED")
        self.assertIn("restored from a backup", restored["statusMessage"])
        again = self.door.request("POST", "/jobs/importjobs", body=form, headers=key).expect(201).json()
        self.assertEqual(again, started, "a repetition is told of the job that died")
        self.assertEqual(self.ids(), ["1", "2"])
        other = {"Idempotency-Key": "file again"}
        self.door.request("POST", "/jobs/importjobs", body=form, headers=other).expect(201)

    def test_a_repeated_import_gets_its_answer_also_where_the_data_source_is_paused(self):
        form = http_door.multipart_form({"storageId": "Acme"}, http_door.File("p.csv", b"CUSTOMER NUMBER\n1\n2\n"))

        def start(key):
            headers = {"Idempotency-Key": key} if key else {}
            return self.door.request("POST", "/jobs/importjobs", body=form, headers=headers)

        started = start("file").expect(201)
        self.server.ctl("pause", "Acme", "--reason", "test")
        self.assertEqual(start("file").expect(201).body, started.body)
        for key in ("another", ""):
            self.assertIn("paused", start(key).expect(409).json()["message"])
        self.server.ctl("resume", "Acme")
        start("another").expect(201)

    def test_what_a_restored_copy_had_deleted_leaves_its_file_in_time(self):
        self.server.stop()
        self.server.configure("http", 'erase_within = "2s"')
        secret = "Geheimnis-4711-unverwechselbar"
        backup = self.server.folder / "acme.backup"
        self.server.start()
        self.upsert({"1": {"CITY": secret}, "2": {"CITY": "Bern"}}).expect(200)
        self.delete(["1"]).expect(200)
        self.server.ctl("backup", "Acme", backup)

        def is_gone():
            files = [file for file in (self.server.folder / "data").rglob("Mirror_Acme.db*") if file.is_file()]
            return not any(secret.encode() in file.read_bytes() for file in files if ".replaced-" not in file.name)

        self.server.wait_for(is_gone)
        with sqlite3.connect(backup) as copy:
            # As a copy in which SQLite left some of it.
            copy.execute("CREATE TABLE left_over(v)")
            copy.execute("INSERT INTO left_over VALUES(?)", (secret,))
        copy.close()
        with sqlite3.connect(backup) as copy:
            copy.execute("PRAGMA secure_delete = OFF")
            copy.execute("DROP TABLE left_over")
        copy.close()
        self.assertIn(secret.encode(), backup.read_bytes())
        self.server.ctl("restore", "Acme", backup, "--confirm", "Acme")
        self.server.wait_for(is_gone)
        self.assertEqual(self.ids(), ["2"])

    def files_with(self, secret):
        return [one for one in (self.server.folder / "data").rglob("*") if one.is_file() and secret in one.read_bytes()]

    def test_a_deletion_by_id_reaches_no_file_that_was_uploaded(self):
        secret = b"Geheimnis-1509-unverwechselbar"
        content = b"BP_EXTERNAL_ID;CITY\n1;" + secret + b"\n"
        link = self.door.request("POST", "/files/upload", json={"url": "a.csv"}).expect(200).json()
        self.door.request("PUT", link["uploadLink"], body=content, key=http_door.NO_KEY).expect(200)

        def start(content):
            fields = {"storageId": "Acme", "featuresOn": UPSERT}
            form = http_door.multipart_form(fields, http_door.File("a.csv", content))
            return self.door.request("POST", "/jobs/importjobs", body=form).expect(201).json()["id"]

        def status(job):
            return self.door.request("GET", f"/jobs/importjobs/{job}").expect(200).json()["status"]

        def start_and_hold():
            """The job, and what reads its file and goes no further."""
            job = start(b"BP_EXTERNAL_ID\n" + b"".join(b"%06d\n" % n for n in range(100, 100_000)))
            self.server.wait_for(self.server.import_processes)
            (reader,) = self.server.import_processes()
            os.kill(reader, signal.SIGSTOP)
            return job, reader

        first, reader = start_and_hold()
        second = start(content)
        self.upsert({"1": {"CITY": "Bern"}}).expect(200)
        self.assertEqual(self.delete(["1"]).expect(200).json()["numberOfDeletes"], 1)
        self.assertEqual((status(first), status(second)), ("RUNNING", "SCHEDULED"))
        self.assertEqual(len(self.files_with(secret)), 2, "the upload, and the job's")
        os.kill(reader, signal.SIGCONT)
        self.server.wait_for(lambda: status(second) == "FINISHED")
        found = self.door.request("POST", f"{self.path}/fetch", json={"externalId": "1"}).expect(200).json()
        self.assertIn(secret.decode(), found["businessPartner"]["record"], "the job has brought it back")
        third, _ = start_and_hold()
        fourth = start(content)
        self.door.request("POST", "/storages/Acme/clear", query={"erase": "now"}).expect(200)
        self.assertEqual((status(third), status(fourth)), ("DIED", "DIED"))
        self.door.request("DELETE", "/storages/Acme", query={"confirm": "Acme"}).expect(200)
        self.assertEqual([file.suffix for file in self.files_with(secret)], [".file"], "the upload")


class ErasedInTimeTest(unittest.TestCase):
    def test_what_is_deleted_leaves_the_files_by_itself_also_behind_a_restart(self):
        work = pathlib.Path(tempfile.mkdtemp(prefix="records erased "))
        self.addCleanup(shutil.rmtree, work, ignore_errors=True)
        server = records_server.RecordsServer(BIN, work / "dev", sections={"http": 'erase_within = "2s"'})
        server.start()
        self.addCleanup(server.stop)
        door = server.door()
        door.request("POST", "/v2/storages", json={"name": "Time"}).expect(201)
        secret = "Geheimnis-4711-unverwechselbar"
        partner = lambda external_id, city: {"externalId": external_id, "record": json.dumps({"CITY": city})}
        body = {"businessPartners": [partner("1", secret), partner("2", "Bern")]}
        door.request("PUT", "/v4/storages/Time/businesspartners", json=body).expect(200)
        gone = {"externalId": "1", "featuresOn": DELETE}
        answer = door.request("POST", "/v4/storages/Time/businesspartners/delete", json=gone).expect(200).json()
        self.assertIsNone(answer["erasedAt"])
        server.kill()
        server.start()

        server.wait_for(lambda: not any(secret.encode() in content for _, content in server.contents()))


if __name__ == "__main__":
    BIN = pathlib.Path(sys.argv.pop(1)).resolve()
    unittest.main()
