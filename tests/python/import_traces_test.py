#!/usr/bin/python3
"""What import jobs leave behind and tell: whose uploads are whose, files that go with what was cleared, rows that were not
taken, words of a file that stay in its job, jobs whose file, program or mirror is gone.

Usage: import_traces_test.py BIN_DIR
"""

import concurrent.futures
import csv
import http.client
import io
import os
import pathlib
import re
import shutil
import sys
import unittest
import urllib.parse

import imports_test
from imports_test import HEADER, THREE, Jobs, http_door

BIN = None


def many(rows):
    return HEADER + "".join(f"{n:06};name {n};city\n" for n in range(rows))


class Traces(unittest.TestCase):
    """With a server of its own for each class. `HTTP`: lines of its section [http]."""

    HTTP = ""

    @classmethod
    def setUpClass(cls):
        sections = {"http": cls.HTTP} if cls.HTTP else None
        cls.jobs = Jobs(cls, lambda folder: imports_test.one_server(folder, sections=sections))
        cls.door, cls.server = cls.jobs.door, cls.jobs.server

    def storage(self, name):
        self.door.request("POST", "/v2/storages", json={"name": name}).expect(201)
        return name

    def files(self):
        return sorted(one.name for one in (self.server.folder / "data" / ".uploads").glob("*.file"))

    def upload(self, content, door=None, name="a.csv"):
        door = door or self.door
        link = door.request("POST", "/files/upload", json={"url": name}).expect(200).json()
        path = urllib.parse.urlsplit(link["uploadLink"]).path
        door.request("PUT", path, body=content.encode(), key=http_door.NO_KEY).expect(200)
        return link["url"]

    def job(self, job):
        return self.door.request("GET", f"/jobs/importjobs/{job}").expect(200).json()


class ImportTracesTest(Traces):
    def test_an_upload_is_of_its_key(self):
        storage = self.storage("Owned")
        other = self.server.door(self.server.issue("owned-other", "writer", "*"))
        url = self.upload(THREE)
        for headers in (None, {"Idempotency-Key": "mine"}):
            self.jobs.start(storage, url=url, door=other, headers=headers).expect(400)
        self.assertEqual(self.jobs.wait(self.jobs.start(storage, url=url).expect(201).json()["id"])["numberOfInserts"], 3)

    def test_a_foreign_url_is_none_of_ours(self):
        storage = self.storage("Foreign")
        url = self.upload(THREE)
        path = urllib.parse.urlsplit(url).path
        identifier = path.split("/")[2]
        for wrong in (
            f"ftp://evil.example/x{path}",
            f"ftp://{url.split('://')[1]}",
            f"https://evil.example/x{path}",
            f"{url}/more",
            f"{url}?more",
            f"{url}#more",
            f"/files/{identifier}",
            f"/files/{identifier}/",
            f"/x{path}",
            identifier,
        ):
            for headers in (None, {"Idempotency-Key": "foreign"}):
                self.jobs.start(storage, url=wrong, headers=headers).expect(400)
        self.jobs.start(storage, url=f"/data-exchange/rest{path}").expect(201)

    def test_values_of_a_form_are_text(self):
        storage = self.storage("FormText").encode()
        for name in (b"storageId", b"dataSource", b"dataMapperDefinitionId", b"featuresOn", b"other"):
            parts = {b"storageId": storage, name: b"M\xfcller"}
            body = b"".join(
                b'--B\r\nContent-Disposition: form-data; name="' + one + b'"\r\n\r\n' + value + b"\r\n"
                for one, value in parts.items()
            )
            body += b'--B\r\nContent-Disposition: form-data; name="file"; filename="a.csv"\r\n\r\n' + THREE.encode()
            form = http_door.Form("multipart/form-data; boundary=B", body + b"\r\n--B--\r\n")
            refused = self.door.request("POST", "/jobs/importjobs", body=form).expect(400).json()
            self.assertIn(f"'{name.decode()}' is not UTF-8", refused["message"])
        self.assertEqual(self.files(), [])

    def test_rejects_are_text_and_say_whose_they_are(self):
        storage = self.storage("RejectText")
        rows = [
            "1;Müller;Zürich\n".encode("latin-1"),
            "2;too;many;fields\n".encode(),
            ("33;" + "ü" * 3000 + ";x;y\n").encode(),
            b'4;a"b;c\n',
            "5;Öl;Bern\n".encode(),
        ]
        job = self.jobs.run(storage, HEADER.encode() + b"".join(rows))
        self.assertEqual(self.jobs.numbers(job), (1, 0, 0, 4))
        got = {one["line"]: one.get("externalId") for one in job["failures"]}
        self.assertEqual(got, {2: "1", 3: "2", 4: "33", 5: None})
        answer = self.door.request("GET", f"/jobs/importjobs/{job['id']}/rejects").expect(200)
        table = list(csv.DictReader(io.StringIO(answer.text)))
        self.assertEqual([row["line"] for row in table], ["2", "3", "4", "5"])
        self.assertEqual(table[0]["row"], "1;M\ufffdller;Z\ufffdrich")
        self.assertTrue(table[2]["row"].endswith("ü"))
        self.assertNotIn("\ufffd", table[2]["row"])

    def test_the_id_of_a_wrong_row_is_not_guessed(self):
        storage = self.storage("Guess")
        job = self.jobs.run(storage, "CITY;BP_EXTERNAL_ID\na;b;1\nc;2\n".replace("c;2", "c\xfc;2").encode("latin-1"))
        self.assertEqual([one.get("externalId") for one in job["failures"]], [None, "2"])

    def test_values_of_a_file_without_a_header_are_told_nowhere(self):
        storage = self.storage("Words")
        job = self.jobs.run(storage, "A1,SECRETMANN AG,Bern\nA2,x,y\n")
        self.assertEqual(job["status"], "COULDNT_START")
        self.assertIn("of the file's 3 columns it knows none", job["statusMessage"])
        twice = self.jobs.run(storage, "A1,SECRETMANN AG,SECRETMANN AG\n")
        self.assertIn("columns 2 and 3 of the header have the same name", twice["statusMessage"])
        for one in (job, twice):
            self.assertNotIn("SECRETMANN", one["statusMessage"])
        events = re.sub(r"\s+", " ", self.server.ctl("events"))
        self.assertIn(job["id"], events)
        self.assertIn("3 columns", events)
        for told in (events, self.server.log.read_text(), self.server.ctl("audit", "list", "--limit", "1000")):
            self.assertNotIn("SECRETMANN", told)
        for file in (self.server.folder / "data").rglob("*"):
            if file.is_file():
                self.assertNotIn(b"SECRETMANN", file.read_bytes(), file)

    def test_files_go_with_what_is_cleared_and_deleted(self):
        storage = self.storage("Files")
        source = {"dataSource": "d"}
        self.door.request("POST", f"/storages/{storage}/datasources", json=source).expect(201)
        for path, method in (
            (f"/storages/{storage}/datasources/d/clear?erase=now", "POST"),
            (f"/storages/{storage}/datasources/d", "DELETE"),
        ):
            runs = self.jobs.start(storage, many(60_000), **source).expect(201).json()["id"]
            waits = self.jobs.start(storage, THREE, **source).expect(201).json()["id"]
            cancelled = self.jobs.start(storage, THREE, **source).expect(201).json()["id"]
            before = set(self.files())
            self.door.request("POST", f"/jobs/importjobs/{cancelled}/cancel").expect(200)
            self.assertLess(len(self.files()), len(before))
            self.server.wait_for(lambda: self.job(runs)["numberOfInserts"] > 0)
            done = self.door.request(method, path).expect(200).json()
            self.assertIsNotNone(done["erasedAt"])
            self.assertEqual(self.files(), [], (path, runs, waits))

    def test_a_job_that_runs_is_cancelled_with_its_file(self):
        storage = self.storage("CancelRuns")
        runs = self.jobs.start(storage, many(100_000)).expect(201).json()["id"]
        self.server.wait_for(lambda: self.job(runs)["status"] != "SCHEDULED")
        self.door.request("POST", f"/jobs/importjobs/{runs}/cancel").expect(200)
        self.assertEqual(self.files(), [])

    def test_what_a_job_did_is_audited(self):
        storage = self.storage("Audited")
        job = self.jobs.run(storage, THREE)["id"]
        log = re.sub(r"\s+", " ", self.server.ctl("audit", "list", "--limit", "1000"))
        self.assertIn(f"start import job {job} in Audited/default", log)
        self.server.wait_for(
            lambda: f"import job {job} in Audited/default FINISHED: 3 inserts, 0 updates, 0 rows failed"
            in re.sub(r"\s+", " ", self.server.ctl("audit", "list", "--limit", "1000"))
        )

    def test_repetitions_at_the_same_time_get_one_job(self):
        storage = self.storage("Repeated")
        for number in range(3):
            url, key = self.upload(THREE), {"Idempotency-Key": f"same-{number}"}
            with concurrent.futures.ThreadPoolExecutor(8) as pool:
                started = list(pool.map(lambda _: self.jobs.start(storage, url=url, headers=key), range(8)))
            self.assertEqual({one.expect(201).body for one in started}, {started[0].body})
            self.jobs.wait(started[0].json()["id"])


class BoundsTest(Traces):
    HTTP = 'links_per_key = 3\njobs_max = 1\njobs_waiting_max = 1\npublic_url = "https://mirror.example.org/m"'

    def test_links_of_a_key_are_bounded(self):
        door = self.server.door(self.server.issue("links", "writer", "*"))
        links = [door.request("POST", "/files/upload", json={"url": "a"}).expect(200).json() for _ in range(3)]
        refused = door.request("POST", "/files/upload", json={"url": "a"}).expect(429).json()
        self.assertIn("3 links", refused["message"])
        self.door.request("POST", "/files/upload", json={"url": "a"}).expect(200)
        path = urllib.parse.urlsplit(links[0]["uploadLink"]).path.removeprefix("/m")
        door.request("PUT", path, body=b"x", key=http_door.NO_KEY).expect(200)
        door.request("POST", "/files/upload", json={"url": "a"}).expect(200)

    def test_an_address_of_another_server_is_foreign(self):
        storage = self.storage("Public")
        door = self.server.door(self.server.issue("public", "writer", "*"))
        link = door.request("POST", "/files/upload", json={"url": "a.csv"}).expect(200).json()
        path = urllib.parse.urlsplit(link["uploadLink"]).path.removeprefix("/m")
        door.request("PUT", path, body=THREE.encode(), key=http_door.NO_KEY).expect(200)
        rest = link["url"].removeprefix("https://mirror.example.org/m")
        for wrong in (f"https://mirror.example.org{rest}", f"https://evil.example{rest}", f"https://evil.example/m{rest}"):
            self.jobs.start(storage, url=wrong, door=door).expect(400)
        job = self.jobs.start(storage, url=link["url"], door=door).expect(201).json()["id"]
        self.assertEqual(self.jobs.wait(job)["status"], "FINISHED")

    def test_a_repetition_needs_no_room(self):
        storage = self.storage("Room")
        first = self.jobs.start(storage, many(100_000)).expect(201).json()["id"]
        self.server.wait_for(lambda: self.job(first)["status"] == "RUNNING")
        key = {"Idempotency-Key": "room"}
        second = self.jobs.start(storage, THREE, headers=key).expect(201)
        self.jobs.start(storage, THREE).expect(429)
        self.assertEqual(self.jobs.start(storage, THREE, headers=key).expect(201).body, second.body)
        self.jobs.wait(second.json()["id"])

    def test_rows_that_are_not_kept_cost_no_memory(self):
        storage = self.storage("Memory")
        row = b"%06d;" + b"x" * 1500 + b";y;z\n"
        form = {"storageId": storage, "featuresOn": imports_test.UPSERT}
        link = self.door.request("POST", "/files/upload", json={"url": "a.csv"}).expect(200).json()
        path = urllib.parse.urlsplit(link["uploadLink"]).path.removeprefix("/m")
        self.door.request("PUT", path, body=HEADER.encode() + b"".join(row % n for n in range(40_000))).expect(200)
        self.jobs.run(storage, HEADER + "1;2;3;4\n")
        before = self.peak()
        form["url"] = link["url"]
        started = self.door.request("POST", "/jobs/importjobs", body=http_door.multipart_form(form)).expect(201).json()
        job = self.jobs.wait(started["id"])
        self.assertEqual(self.jobs.numbers(job), (0, 0, 0, 40_000))
        # A sanitizer keeps what is given back.
        if b"__asan_init" not in (BIN / "mirror-server").read_bytes():
            self.assertLess(self.peak() - before, 64 << 20)
        rejects = self.door.request("GET", f"/jobs/importjobs/{job['id']}/rejects").expect(200)
        self.assertEqual(rejects.text.count("\n"), 10_000 + 1)
        self.assertEqual(rejects.headers.get("transfer-encoding"), "chunked", "they come a few at a time")

    def test_rows_of_many_small_cells_take_little_memory_of_the_server(self):
        """They are small in the file, and large where each cell has its name of 128 letters."""
        columns, rows = 1_990, 1_500
        names = ";".join(f"{number:04}" + "c" * 124 for number in range(columns))
        content = f"BP_EXTERNAL_ID;{names}\n" + "".join(f"{row};" + ";".join("a" * columns) + "\n" for row in range(rows))
        self.storage("Wide")
        before = self.peak()
        started = self.jobs.start("Wide", content).expect(201).json()
        job = self.jobs.wait(started["id"])
        self.assertEqual((job["status"], self.jobs.numbers(job)), ("FINISHED", (rows, 0, 0, 0)), job["statusMessage"])
        if b"__asan_init" not in (BIN / "mirror-server").read_bytes():
            self.assertLess(self.peak() - before, 128 << 20)

    def peak(self):
        status = pathlib.Path(f"/proc/{self.server.process.pid}/status").read_text()
        return int(re.search(r"VmHWM:\s+(\d+) kB", status).group(1)) * 1024


class InterruptedTest(Traces):
    """A server that dies within a job, and what it finds when it comes back."""

    def interrupted(self, storage, content, point):
        """A job that this point ended the server in. The server is down then."""
        self.server.stop()
        self.server.start(MIRROR_CRASH_AT=point)
        self.storage(storage)
        door, key = self.server.door(tells=False), {"Idempotency-Key": storage}
        try:
            self.jobs.start(storage, content, door=door, headers=key)
        except (OSError, http.client.HTTPException):
            door.close()
        self.server.wait_for(lambda: self.server.process.poll() is not None)

    def only_job(self, storage):
        self.server.start()
        listed = self.door.request("GET", "/jobs/importjobs").expect(200).json()["values"]
        return next(one["id"] for one in listed if one["storageId"] == storage)

    def test_a_job_without_its_file_ends(self):
        self.interrupted("NoFile", THREE, "job.begun:1")
        for file in (self.server.folder / "data" / ".uploads").iterdir():
            file.unlink()
        ended = self.jobs.wait(self.only_job("NoFile"))
        self.assertEqual(ended["status"], "DIED")
        self.assertIn("send the file again", ended["statusMessage"])

    def test_a_job_whose_file_cannot_be_read_waits_for_the_next_start(self):
        self.interrupted("Unread", THREE, "job.begun:1")
        note = next((self.server.folder / "data" / ".uploads").glob("*.json"))
        note.chmod(0o644)
        job = self.only_job("Unread")
        self.server.wait_for(lambda: "http.upload_unread" in self.server.ctl("events", "--kind", "http.upload_unread"))
        self.storage("Meanwhile")
        self.assertEqual(self.jobs.run("Meanwhile", THREE)["status"], "FINISHED")
        self.assertIn(self.job(job)["status"], ("SCHEDULED", "RUNNING"))
        self.server.stop()
        note.chmod(0o600)
        self.server.start()
        ended = self.jobs.wait(job)
        self.assertEqual((ended["status"], self.jobs.numbers(ended)), ("FINISHED", (3, 0, 0, 0)))

    def test_rejects_are_counted_once(self):
        wrong = HEADER + "".join(f"{n};too;many;fields\n" for n in range(25_000)) + "1;a;b\n"
        self.interrupted("Once", wrong, "job.committed:2")
        ended = self.jobs.wait(self.only_job("Once"))
        self.assertEqual((ended["status"], self.jobs.numbers(ended)), ("FINISHED", (1, 0, 0, 25_000)))
        self.assertEqual([one["line"] for one in ended["failures"]], list(range(2, 1_002)))

    def test_a_job_of_a_damaged_mirror_ends_and_takes_no_time(self):
        self.interrupted("Damaged", THREE, "job.begun:1")
        database = self.server.folder / "data" / "Mirror_Damaged.db"
        for beside in database.parent.glob(database.name + "-*"):
            beside.unlink()
        database.write_bytes(b"SQLite format 3\0" + b"\xff" * 100_000)
        self.server.start()
        self.server.wait_for(lambda: self.files() == [])
        storage = self.storage("Sound")
        self.assertEqual(self.jobs.run(storage, THREE)["status"], "FINISHED")


class ProgramTest(unittest.TestCase):
    """The program that reads files cannot be started for a while, or is not there."""

    def test_a_job_waits_for_its_program(self):
        work = imports_test.tempfile.mkdtemp(prefix="import program ")
        self.addCleanup(shutil.rmtree, work, ignore_errors=True)
        for program in ("mirror-server", "mirrorctl", "mirror-import"):
            shutil.copy(BIN / program, work)
        own, imports_test.BIN = imports_test.BIN, pathlib.Path(work)
        try:
            jobs = Jobs(type(self))
        finally:
            imports_test.BIN = own
        self.addCleanup(type(self).doClassCleanups)
        jobs.door.request("POST", "/v2/storages", json={"name": "Program"}).expect(201)
        program = pathlib.Path(work) / "mirror-import"
        with program.open("r+b"):
            # As long as somebody writes to it the system starts it not.
            job = jobs.start("Program", THREE).expect(201).json()["id"]
            self.assertEqual(jobs.door.request("GET", f"/jobs/importjobs/{job}").json()["status"], "SCHEDULED")
        self.assertEqual(jobs.wait(job)["status"], "FINISHED")
        program.unlink()
        job = jobs.wait(jobs.start("Program", THREE).expect(201).json()["id"])
        self.assertEqual(job["status"], "COULDNT_START")
        self.assertIn("mirror-import", job["statusMessage"])


if __name__ == "__main__":
    BIN = imports_test.BIN = pathlib.Path(sys.argv.pop(1)).resolve()
    unittest.main()
