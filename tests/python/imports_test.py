#!/usr/bin/python3
"""Import jobs over HTTP: files of CSV and XLSX, uploads, rejects, jobs that are killed, cancelled, cleared; files that are
made to hurt. Every answer is held against the OpenAPI document.

Usage: imports_test.py BIN_DIR
"""

import concurrent.futures
import contextlib
import csv
import http.client
import io
import json
import os
import pathlib
import random
import re
import shutil
import signal
import sys
import tempfile
import threading
import time
import unittest
import zipfile

import openpyxl

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "support"))
import http_door
import records_server

BIN = None
UPSERT = "UPSERT_BY_EXTERNAL_ID"
HEADER = "BP_EXTERNAL_ID;COMPANY_NAME;CITY\n"
THREE = HEADER + '0053;Acme AG;"St. Gallen; CH"\n0054;Öl & Gas;Bern\n0055;;\n'


def workbook(rows):
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def one_server(folder, **more):
    return records_server.RecordsServer(BIN, folder, **more)


class Jobs:
    """A server with a storage for each test."""

    def __init__(self, test, make_server=None):
        self.work = pathlib.Path(tempfile.mkdtemp(prefix="imports test "))
        test.addClassCleanup(shutil.rmtree, self.work, ignore_errors=True)
        self.server = (make_server or one_server)(self.work / "dev")
        self.server.start()
        test.addClassCleanup(self.server.stop)
        self.door = self.server.door()

    def start(self, storage, content=None, name="partners.csv", door=None, headers=None, **fields):
        fields = {"storageId": storage, "dataMapperDefinitionId": "default", "featuresOn": UPSERT} | fields
        file = None if content is None else http_door.File(name, content if isinstance(content, bytes) else content.encode())
        form = http_door.multipart_form(fields, file)
        return (door or self.door).request("POST", "/jobs/importjobs", body=form, headers=headers)

    def wait(self, job, door=None):
        """The job, once it is over; its progress only grows."""
        seen, last = {}, -1

        def look():
            nonlocal last
            seen.update((door or self.door).request("GET", f"/jobs/importjobs/{job}").expect(200).json())
            assert seen["progress"] >= last, (seen, last)
            last = seen["progress"]
            return seen["status"] not in ("SCHEDULED", "RUNNING")

        self.server.wait_for(look)
        return seen

    def run(self, storage, content, **more):
        return self.wait(self.start(storage, content, **more).expect(201).json()["id"])

    def numbers(self, job):
        return tuple(job[f"numberOf{one}"] for one in ("Inserts", "Updates", "Unchanged", "Failed"))


class ImportsTest(unittest.TestCase):
    make_server = staticmethod(one_server)

    @classmethod
    def setUpClass(cls):
        cls.jobs = Jobs(cls, cls.make_server)
        cls.door, cls.server = cls.jobs.door, cls.jobs.server

    def storage(self, name):
        self.door.request("POST", "/v2/storages", json={"name": name}).expect(201)
        return name

    def rows(self, storage, columns='"externalId", name, city'):
        return self.server.query(storage, f'SELECT {columns} FROM businesspartner ORDER BY "externalId"')

    @contextlib.contextmanager
    def others_go_on(self, storage):
        """Another tenant is written and read all the while, and none of its calls takes long."""
        self.storage(storage)
        path, is_over, waits = f"/v4/storages/{storage}/businesspartners", threading.Event(), []

        def ask():
            with self.server.door() as door:
                while not is_over.is_set():
                    begun = time.monotonic()
                    door.request("PUT", path, json={"businessPartners": [{"externalId": str(len(waits)), "record": "{}"}]}).expect(200)
                    waits.append(time.monotonic() - begun)

        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            asking = pool.submit(ask)
            try:
                yield
            finally:
                is_over.set()
            asking.result()
        self.assertGreater(len(waits), 10)
        self.assertLess(max(waits), 5, "a call of another tenant waited")
        self.assertEqual(self.door.request("GET", path, query={"limit": 1}).expect(200).json()["total"], len(waits))

    @contextlib.contextmanager
    def stopped_import(self, storage):
        """A job that has committed rows, and whose program stands still."""
        many = HEADER + "".join(f"{n};name {n};city\n" for n in range(400_000))
        job = self.jobs.start(storage, many).expect(201).json()["id"]
        look = lambda: self.door.request("GET", f"/jobs/importjobs/{job}").json()
        programs = []
        self.server.wait_for(lambda: programs.extend(self.server.import_processes()) or programs)

        def send(sign):
            for program in programs:
                os.kill(program, sign)

        def has_rows():
            """It goes on for the time of a look: whatever the machine's load, its end is far when rows are committed."""
            send(signal.SIGCONT)
            look()
            send(signal.SIGSTOP)
            return look()["numberOfInserts"] > 0

        send(signal.SIGSTOP)
        self.server.wait_for(has_rows)
        self.assertEqual(look()["status"], "RUNNING", "it was stopped before its end")
        try:
            yield job
        finally:
            for program in programs:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(program, signal.SIGCONT)

    def test_c3_c4_c5_a_file_is_imported_and_imported_again(self):
        storage = self.storage("C3")
        started = self.jobs.start(storage, THREE).expect(201).json()
        self.assertEqual((started["progress"], started["status"]), (0, "SCHEDULED"))
        job = self.jobs.wait(started["id"])
        self.assertEqual((job["status"], job["progress"]), ("FINISHED", 100))
        self.assertEqual(self.jobs.numbers(job), (3, 0, 0, 0))
        self.assertEqual(
            self.rows(storage), [("0053", "Acme AG", "St. Gallen; CH"), ("0054", "Öl & Gas", "Bern"), ("0055", None, None)]
        )
        job = self.jobs.run(storage, HEADER + "0053;Acme;Chur\n0054;;\n0056;New;Genf\n")
        self.assertEqual(self.jobs.numbers(job), (1, 2, 0, 0))
        self.assertEqual(
            self.rows(storage),
            [("0053", "Acme", "Chur"), ("0054", None, None), ("0055", None, None), ("0056", "New", "Genf")],
            "an empty cell clears, and what is not in the file stays",
        )
        rows = [["BP_EXTERNAL_ID", "COMPANY_NAME", "CITY"], ["0053", "Acme", "Chur"], ["0054", None, None], ["0056", "New", "Genf"]]
        job = self.jobs.run(storage, workbook(rows), name="partners.xlsx")
        self.assertEqual(self.jobs.numbers(job), (0, 3, 3, 0))
        job = self.jobs.run(storage, workbook([rows[0], [53, "Acme", "Chur"], ["0054", "a", "b"]]), name="partners.xlsx")
        self.assertEqual(self.jobs.numbers(job), (0, 1, 0, 1))
        self.assertIn("not a text", job["failures"][0]["message"])
        self.assertEqual(job["failures"][0]["line"], 2)

    def test_a_missing_column_keeps(self):
        storage = self.storage("Keeps")
        self.jobs.run(storage, THREE)
        self.jobs.run(storage, "BP_EXTERNAL_ID,CITY\n0053,Chur\n")
        self.assertEqual(self.rows(storage)[0], ("0053", "Acme AG", "Chur"))

    def test_rejects_have_their_lines(self):
        storage = self.storage("Rejects")
        job = self.jobs.run(storage, HEADER + "1;a;b\n2;too;many;fields\n;no;id\n3;c;d\n1;x;y\n4;e;f;g\r\n", featuresOn="")
        self.assertEqual(self.jobs.numbers(job), (2, 0, 0, 4))
        got = {one["line"]: one["message"] for one in job["failures"]}
        self.assertEqual([one["line"] for one in job["failures"]], [3, 4, 6, 7], "whatever was wrong with them")
        self.assertEqual(got[4], "there is no external id")
        self.assertIn("UPSERT_BY_EXTERNAL_ID is not on", got[6])
        answer = self.door.request("GET", f"/jobs/importjobs/{job['id']}/rejects").expect(200)
        table = list(csv.DictReader(io.StringIO(answer.text)))
        self.assertEqual([row["line"] for row in table], ["3", "4", "6", "7"])
        self.assertEqual([table[0]["row"], table[3]["row"]], ["2;too;many;fields", "4;e;f;g"])
        listed = self.door.request("GET", "/jobs/importjobs").expect(200).json()
        del job["failures"]
        self.assertIn(job, listed["values"], "a page has no failures")

    def test_c12_large_files_are_uploaded(self):
        storage = self.storage("C12")
        lines = [f"{n:06};{'x' * 90};y\n".encode() for n in range(100_000)]
        large = HEADER.encode() + b"".join(lines)
        large = large[: 10_000_001 - len(lines[0])]
        large = large[: large.rindex(b"\n") + 1]
        rows = large.count(b"\n") - 1
        large += b"\n" * (10_000_001 - len(large))
        refused = self.jobs.start(storage, large).expect(413).json()
        self.assertIn("POST /files/upload", refused["message"])
        link = self.door.request("POST", "/files/upload", json={"url": "large file.csv"}).expect(200).json()
        self.assertEqual(link["uploadMethod"], "PUT")
        early = self.jobs.start(storage, url=link["url"]).expect(400).json()
        self.assertIn("there is no complete upload at this 'url'", early["message"])
        self.door.request("PUT", link["uploadLink"], body=large, key=http_door.NO_KEY).expect(200)
        self.door.request("PUT", link["uploadLink"], body=large, key=http_door.NO_KEY).expect(404)
        other = self.server.issue("c12-other", "writer", "*")
        self.jobs.start(storage, url=link["url"], door=self.server.door(other)).expect(400)
        self.jobs.start(storage, url=link["url"], door=self.server.door(other), headers={"Idempotency-Key": "c12"}).expect(400)
        job = self.jobs.wait(self.jobs.start(storage, url=link["url"]).expect(201).json()["id"])
        self.assertEqual((job["status"], self.jobs.numbers(job)), ("FINISHED", (rows, 0, 0, 0)))
        self.jobs.start(storage, url=link["url"]).expect(400)
        self.jobs.start(storage, url="https://example.org/partners.csv").expect(400)
        self.jobs.start(storage).expect(400)
        self.jobs.start(storage, THREE, url=link["url"]).expect(400)
        self.server.wait_for(lambda: not self.server.uploads())

    def test_c14_which_column_is_the_id(self):
        storage = self.storage("C14")
        job = self.jobs.run(storage, "vendor number,Customer Number,CITY\nV1,C1,Bern\n")
        self.assertEqual(job["status"], "FINISHED")
        self.assertEqual(self.rows(storage, '"externalId", city'), [("C1", "Bern")])
        job = self.jobs.run(storage, "vendor number,CITY\nV1,Chur\n")
        self.assertEqual(self.rows(storage, '"externalId", city'), [("C1", "Bern"), ("V1", "Chur")])
        job = self.jobs.run(storage, "Nummer,CITY\nV1,Chur\n")
        self.assertEqual(job["status"], "COULDNT_START")
        self.assertIn("of the file's 2 columns it knows CITY", job["statusMessage"])
        self.assertIn("BP_EXTERNAL_ID", job["statusMessage"])
        job = self.jobs.run(storage, "EXTERNAL ID,POSTAL CODE,postal_code\n1,2,3\n")
        self.assertEqual(job["status"], "COULDNT_START")
        self.assertIn("columns 'POSTAL CODE' and 'postal_code' of the file map to the same attribute", job["statusMessage"])
        for wrong in (b"", b"\x00\x01\x02", b"PK\x03\x04 no zip", "\ufeff".encode("utf-16")):
            job = self.jobs.run(storage, wrong)
            self.assertEqual(job["status"], "COULDNT_START", job)
            self.assertTrue(job["statusMessage"])
        self.jobs.start(storage, THREE, dataMapperDefinitionId="other").expect(409)
        self.jobs.start("Nowhere", THREE).expect(404)
        self.jobs.start(storage, THREE, dataSource="nowhere").expect(404)

    def test_c17_files_that_are_made_to_hurt(self):
        storage = self.storage("C17")
        bomb = io.BytesIO()
        with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as book:
            with zipfile.ZipFile(io.BytesIO(workbook([["BP_EXTERNAL_ID"]]))) as real:
                for name in real.namelist():
                    if name != "xl/worksheets/sheet1.xml":
                        book.writestr(name, real.read(name))
            with book.open("xl/worksheets/sheet1.xml", "w", force_zip64=True) as sheet:
                sheet.write(b'<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>')
                for _ in range(200):
                    sheet.write(b"<row></row>" * 100_000)
        entity = io.BytesIO()
        with zipfile.ZipFile(io.BytesIO(workbook([["BP_EXTERNAL_ID"], ["1"]]))) as real, zipfile.ZipFile(entity, "w") as book:
            for name in real.namelist():
                content = real.read(name)
                if name == "xl/worksheets/sheet1.xml":
                    content = b'<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]>' + content
                book.writestr(name, content)
        with self.others_go_on("C17others"):
            self.server.forget_peak()
            before = self.server.peak_memory()
            for name, content, status, why in (
                ("bomb.xlsx", bomb.getvalue(), "DIED", "more than 1,048,576 rows"),
                ("entity.xlsx", entity.getvalue(), "COULDNT_START", "a document type, which is not allowed"),
                ("endless.csv", b'BP_EXTERNAL_ID\n"' + b"x" * 9_000_000, "DIED", "it has more than 4 MB"),
            ):
                job = self.jobs.run(storage, content, name=name)
                self.assertEqual(job["status"], status, (name, job["statusMessage"]))
                self.assertIn(why, job["statusMessage"], name)
                self.assertEqual(job["numberOfInserts"], 0, name)
                self.assertNotIn("root:", json.dumps(job))
            self.assertLess(self.server.peak_memory() - before, 64 << 20)
        self.assertEqual(self.jobs.numbers(self.jobs.run(storage, THREE)), (3, 0, 0, 0))

    def test_jobs_are_cancelled_and_cleared(self):
        storage = self.storage("Cleared")
        with self.stopped_import(storage) as started:
            second = self.jobs.start(storage, THREE).expect(201).json()["id"]
            third = self.jobs.start(storage, THREE).expect(201).json()["id"]
            cancelled = self.door.request("POST", f"/jobs/importjobs/{second}/cancel").expect(200).json()
            self.assertEqual((cancelled["status"], cancelled["statusMessage"]), ("DIED", "cancelled"))
            self.door.request("POST", f"/jobs/importjobs/{second}/cancel").expect(409)
            self.door.request("POST", f"/storages/{storage}/clear").expect(200)
            for job in (started, third):
                ended = self.jobs.wait(job)
                self.assertEqual((ended["status"], ended["statusMessage"]), ("DIED", "cleared"))
            self.server.wait_for(lambda: not self.server.uploads())
        for job in (started, second, third):
            self.server.wait_for(lambda job=job: f"CANCELLED http: import job {job} in Cleared/default DIED" in self.audit())
        total = self.door.request("GET", f"/v4/storages/{storage}/businesspartners").json()["total"]
        self.assertEqual(total, 0, "nothing of a job comes behind the clearing")

    def audit(self, *more):
        return re.sub(r"\s+", " ", self.server.ctl("audit", "list", "--limit", "1000", *more))

    def test_a_source_that_is_paused_meanwhile_ends_the_job(self):
        storage = self.storage("PausedMeanwhile")
        with self.stopped_import(storage) as job:
            self.server.ctl("pause", storage, "--reason", "moved")
        ended = self.jobs.wait(job)
        self.assertEqual(ended["status"], "DIED")
        rows = f'{ended["numberOfInserts"]:,} rows that the job committed before stay'
        for words in ("is paused: moved", rows, "mirrorctl resume"):
            self.assertIn(words, ended["statusMessage"])
        self.assertNotIn("Nothing was written", ended["statusMessage"])
        self.server.wait_for(lambda: f"import job '{job}' died" in re.sub(r"\s+", " ", self.server.ctl("events")))
        self.server.wait_for(lambda: f"ABORTED http: import job {job} in PausedMeanwhile/default DIED" in self.audit())
        self.server.ctl("resume", storage)

    def test_a_backup_has_no_jobs_that_go_on(self):
        storage, rows = self.storage("FromBackup"), 100_000
        many = HEADER + "".join(f"{n:06};name {n};city\n" for n in range(rows))
        job = self.jobs.start(storage, many).expect(201).json()["id"]
        look = lambda: self.door.request("GET", f"/jobs/importjobs/{job}").json()
        self.server.wait_for(lambda: look()["numberOfInserts"] > 0)
        backup = self.server.folder / "during an import.backup"
        self.server.ctl("backup", storage, backup)
        self.assertEqual(self.jobs.wait(job)["status"], "FINISHED")
        self.server.ctl("restore", storage, backup, "--confirm", storage)
        seen = look()
        total = self.door.request("GET", f"/v4/storages/{storage}/businesspartners").json()["total"]
        self.assertEqual(total, seen["numberOfInserts"], "rows and numbers are of one moment")
        if total < rows:
            self.assertEqual((seen["status"], "Send the file again" in seen["statusMessage"]), ("DIED", True), seen)
        self.assertEqual(self.jobs.run(storage, many)["numberOfAccepted"], rows)

    def test_idempotency_of_jobs(self):
        storage = self.storage("JobOnce")
        key = {"Idempotency-Key": "j1"}
        first = self.jobs.start(storage, THREE, headers=key).expect(201)
        again = self.jobs.start(storage, THREE, headers=key).expect(201)
        self.assertEqual(first.body, again.body)
        self.jobs.start(storage, THREE + "9;x;y\n", headers=key).expect(422)
        self.jobs.wait(first.json()["id"])
        self.assertEqual(self.jobs.start(storage, THREE, headers=key).expect(201).body, first.body)

    def test_a_job_of_another_storage_is_not_there(self):
        storage = self.storage("Seen")
        job = self.jobs.run(storage, THREE)["id"]
        door = self.server.door(self.server.issue("unseen", "owner", "Else*"))
        for method, end in (("GET", ""), ("GET", "/rejects"), ("POST", "/cancel")):
            path = f"/jobs/importjobs/{job}{end}"
            hidden = door.request(method, path).expect(404).text
            absent = door.request(method, path.replace(job, "Absent-0123456789ab")).expect(404).text
            self.assertEqual(hidden.replace(job, "X"), absent.replace("Absent-0123456789ab", "X"))
        self.assertEqual(door.request("GET", "/jobs/importjobs").expect(200).json()["total"], 0)


class KilledImportsTest(unittest.TestCase):
    """C13: a large import, while the server and the program that reads the file are killed."""

    make_server = staticmethod(one_server)

    def test_each_row_comes_once(self):
        seed = int(os.environ.get("MIRROR_TEST_SEED", random.randrange(1 << 30)))
        self.addCleanup(print, f"seed {seed}", file=sys.stderr)
        dice = random.Random(seed)
        jobs = Jobs(type(self), self.make_server)
        self.addCleanup(type(self).doClassCleanups)
        server, rows = jobs.server, 100_000
        jobs.door.request("POST", "/v2/storages", json={"name": "C13"}).expect(201)
        link = jobs.door.request("POST", "/files/upload", json={"url": "many.csv"}).expect(200).json()
        many = HEADER + "".join(f"{n:06};name {n};city {n % 97}\n" for n in range(rows))
        jobs.door.request("PUT", link["uploadLink"], body=many.encode(), key=http_door.NO_KEY).expect(200)
        job = jobs.start("C13", url=link["url"]).expect(201).json()["id"]
        # One at least meets the program that reads the file: those of chance may all come behind it.
        server.wait_for(server.kill_imports)
        for _ in range(6):
            if dice.random() < 0.5:
                server.kill_imports()
            else:
                server.kill()
                server.start()
            wanted = dice.randrange(0, rows // 6)
            begin = jobs.door.request("GET", f"/jobs/importjobs/{job}").expect(200).json()
            if begin["status"] in ("FINISHED", "DIED"):
                break
            server.wait_for(
                lambda: (now := jobs.door.request("GET", f"/jobs/importjobs/{job}").json())["status"] == "FINISHED"
                or now["numberOfInserts"] - begin["numberOfInserts"] >= wanted
            )
        ended = jobs.wait(job)
        self.assertEqual((ended["status"], jobs.numbers(ended)), ("FINISHED", (rows, 0, 0, 0)), ended["statusMessage"])
        counted = server.query("C13", "SELECT count(*) AS a, count(DISTINCT name) AS b FROM businesspartner")
        self.assertEqual(counted, [(rows, rows)])
        self.assertEqual(server.query("C13", 'SELECT row_count FROM "C13_mirroring"'), [(rows,)])


class KilledAtPointsTest(unittest.TestCase):
    """The server dies at each durable step of a job, and the job goes on."""

    POINTS = ("job.begun:1", "job.committed:1", "job.committed:3", "job.committed:5", "commit.before:4", "commit.after:4")
    make_server = staticmethod(one_server)

    def test_each_row_comes_once(self):
        jobs = Jobs(type(self), self.make_server)
        self.addCleanup(type(self).doClassCleanups)
        server, rows = jobs.server, 40_000
        many = HEADER + "".join(f"{n:06};name {n};\n" for n in range(rows)) + "1;too;many;fields\n"
        for number, point in enumerate(self.POINTS):
            storage = f"Point{number}"
            jobs.door.request("POST", "/v2/storages", json={"name": storage}).expect(201)
            server.stop()
            server.start(MIRROR_CRASH_AT=point)
            # It may die before it has answered: then the same request is sent again.
            key = {"Idempotency-Key": point}
            door = server.first.door(tells=False)
            try:
                jobs.start(storage, many, door=door, headers=key)
            except (OSError, http.client.HTTPException):
                door.close()
            server.wait_for(lambda: server.process.poll() is not None)
            server.first.kill()
            server.start()
            job = jobs.start(storage, many, headers=key).expect(201).json()["id"]
            ended = jobs.wait(job)
            self.assertEqual((ended["status"], jobs.numbers(ended)), ("FINISHED", (rows, 0, 0, 1)), (point, ended["statusMessage"]))
            self.assertEqual(server.query(storage, "SELECT count(*) FROM businesspartner"), [(rows,)], point)
            self.assertEqual([one["line"] for one in ended["failures"]], [rows + 2], point)


class SplitImportsTest(unittest.TestCase):
    """Rows that are about more than one transaction may be are committed in parts: a job that is killed between two of
    them goes on behind the first."""

    def test_each_row_comes_once(self):
        jobs = Jobs(type(self))
        self.addCleanup(type(self).doClassCleanups)
        server = jobs.server
        known, new = [f"k{n:02}" for n in range(12)], [f"n{n:02}" for n in range(20)]
        mixed = [one for pair in zip(known, new) for one in pair] + new[len(known) :]
        content = HEADER + "".join(f"{one};;Bern\n" for one in mixed[:9]) + "1;too;many;fields\n"
        content += "".join(f"{one};;Bern\n" for one in mixed[9:])
        for number, (point, features) in enumerate([("job.part:1", UPSERT), ("job.part:1", ""), ("job.committed:2", "")]):
            storage = f"Split{number}"
            jobs.door.request("POST", "/v2/storages", json={"name": storage}).expect(201)
            for one in known:
                # As they are stored these are more than 32 MB.
                body = {"businessPartners": [{"externalId": one, "record": json.dumps({"LARGE": "x" * 3_900_000})}]}
                jobs.door.request("PUT", f"/v4/storages/{storage}/businesspartners", json=body).expect(200)
            server.stop()
            server.start(MIRROR_CRASH_AT=point)
            key, door = {"Idempotency-Key": storage}, server.door(tells=False)
            try:
                jobs.start(storage, content, door=door, headers=key, featuresOn=features)
            except (OSError, http.client.HTTPException):
                door.close()
            server.wait_for(lambda: server.process.poll() is not None)
            server.start()
            job = jobs.start(storage, content, headers=key, featuresOn=features).expect(201).json()["id"]
            ended = jobs.wait(job)
            updated = len(known) if features else 0
            numbers = (len(new), updated, 0, 1 + len(known) - updated)
            self.assertEqual((ended["status"], jobs.numbers(ended)), ("FINISHED", numbers), (point, ended["statusMessage"]))
            self.assertEqual(len(ended["failures"]), numbers[3], point)
            cities = server.query(storage, "SELECT count(*) FROM businesspartner WHERE city = 'Bern'")
            self.assertEqual(cities, [(len(new) + updated,)], point)


if __name__ == "__main__":
    BIN = pathlib.Path(sys.argv.pop(1)).resolve()
    unittest.main()
