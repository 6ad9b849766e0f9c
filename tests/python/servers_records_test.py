#!/usr/bin/python3
"""Records over HTTP with several servers over one PostgreSQL: what is done at one is so at the other, repeated requests
and kills lose and double nothing, SQL users see the rows; all that records_test.py and imports_test.py ask of one server
is so where each call goes to another one; files of import jobs are on one server, and what becomes of them without it.

Usage: servers_records_test.py BIN_DIR [unittest arguments]
"""

import concurrent.futures
import http.client
import json
import pathlib
import random
import re
import signal
import sys
import threading
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests" / "support"), str(ROOT / "tests" / "python")]
import http_door  # noqa: E402
import imports_test  # noqa: E402
import many_servers  # noqa: E402
import records_kills_test  # noqa: E402
import records_test  # noqa: E402
import shared_records_servers  # noqa: E402

BIN = None
UPSERT = ["UPSERT_BY_EXTERNAL_ID"]
STARTED_S = 60
URL = re.compile(r"mirror-server JSON: (http://127\.0\.0\.1:(\d+))\n")


def setUpModule():
    many_servers.start_cluster()


def tearDownModule():
    many_servers.remove_cluster()


def partner(external_id, **record):
    return {"externalId": external_id, "record": json.dumps(record)}


class TwoServersOfRecords(unittest.TestCase):
    def setUp(self):
        self.here = many_servers.Installation(BIN, 2, many_servers.make_database())
        many_servers.at_end(self, self.here.close)
        for server in self.here.servers:
            text = server.config.read_text()
            begin = text.index("[http]")
            own = text[begin:].replace("enabled = false", "enabled = true", 1).replace("plaintext = false", "plaintext = true", 1)
            server.config.write_text(text[:begin] + own)
        issued = self.here.run("mirrorctl", "apikey", "issue", "owner", "--dir", self.here.dev, "--role", "owner", "--storages", "*")
        self.key = issued.stdout.strip()
        self.here.start()

    def door(self, number, **more):
        server = self.here.servers[number]
        found = many_servers.wait_for("the door", lambda: URL.search(server.out.read_text(errors="replace")), STARTED_S)
        return http_door.HttpDoor(found.group(1), key=self.key, **more)

    def upsert(self, door, storage, partners, **more):
        body = {"featuresOn": UPSERT, "businessPartners": partners}
        return door.request("PUT", f"/v4/storages/{storage}/businesspartners", json=body, **more)

    def counts(self, answer):
        got = answer.expect(200).json()
        return got["numberOfInserts"], got["numberOfUpdates"], got["numberOfUnchanged"], got["numberOfFailed"]

    def test_what_is_done_at_one_is_so_at_the_other(self):
        first, second = self.door(0), self.door(1)
        first.request("POST", "/v2/storages", json={"name": "Acme"}).expect(201)
        second.request("POST", "/v2/storages", json={"name": "acme"}).expect(409)
        second.request("POST", "/storages/Acme/datasources", json={"dataSource": "crm"}).expect(201)
        self.assertEqual(len(first.request("GET", "/v2/storages/Acme").expect(200).json()["dataSources"]), 2)
        self.assertEqual(self.counts(self.upsert(first, "Acme", [partner("1", CITY="Bern", N="1"), partner("2")])), (2, 0, 0, 0))
        self.assertEqual(self.counts(self.upsert(second, "Acme", [partner("1", CITY="Chur")])), (0, 1, 0, 0))
        found = first.request("POST", "/v4/storages/Acme/businesspartners/fetch", json={"externalId": "1"}).expect(200).json()
        self.assertEqual(json.loads(found["businessPartner"]["record"]), {"CITY": "Chur", "N": "1"})
        seen = self.here.psql('SELECT string_agg("externalId" || coalesce(city, \'-\'), \',\' ORDER BY "externalId") FROM "Mirror_Acme".businesspartner;')
        self.assertEqual(seen, "1Chur,2-")
        key = {"Idempotency-Key": "k"}
        done = self.upsert(first, "Acme", [partner("3", CITY="x")], headers=key).expect(200)
        again = self.upsert(second, "Acme", [partner("3", CITY="x")], headers=key).expect(200)
        self.assertEqual(done.body, again.body)
        lines = {"Accept": "application/x-ndjson"}
        rows = second.request("GET", "/v4/storages/Acme/records/businesspartner", headers=lines).expect(200).lines()
        self.assertEqual(([row["externalId"] for row in rows[:-1]], rows[-1]["rows"]), (["1", "2", "3"], 3))
        page = first.request("GET", "/v4/storages/Acme/records/businesspartner", query={"limit": 2, "startAfter": "1"})
        self.assertEqual([row["externalId"] for row in page.expect(200).json()["values"]], ["2", "3"])
        gone = {"externalId": ["1", "9"], "featuresOn": ["DELETE_BY_EXTERNAL_ID"]}
        counted = second.request("POST", "/v4/storages/Acme/businesspartners/delete", json=gone).expect(200).json()
        self.assertEqual((counted["numberOfDeletes"], counted["numberOfFailures"]), (1, 1))
        self.assertEqual(first.request("POST", "/storages/Acme/clear").expect(200).json()["numberOfDeletes"], 2)
        self.assertEqual(self.counts(self.upsert(second, "Acme", [partner("1")])), (1, 0, 0, 0))
        first.request("DELETE", "/storages/Acme", query={"confirm": "Acme"}).expect(200)
        second.request("GET", "/v2/storages/Acme").expect(404)
        second.request("POST", "/v2/storages", json={"name": "Acme"}).expect(201)

    def test_a_delete_that_comes_to_both_takes_nothing_that_is_made_since(self):
        """The second one comes while the first is under way, or behind it: then it is of the new storage."""
        first, second, checked = self.door(0), self.door(1), self.door(0)

        def delete_behind(looks, storage):
            for _ in range(looks):
                second.request("GET", f"/v2/storages/{storage}")
            return second.request("DELETE", f"/storages/{storage}", query={"confirm": storage})

        make = lambda storage: checked.request("POST", "/v2/storages", json={"name": storage}).status == 201
        kept = 0
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            for number in range(24):
                storage = f"Twice{number}"
                first.request("POST", "/v2/storages", json={"name": storage}).expect(201)
                first.request("POST", f"/storages/{storage}/datasources", json={"dataSource": "crm"}).expect(201)
                late = pool.submit(delete_behind, number % 8, storage)
                gone = first.request("DELETE", f"/storages/{storage}", query={"confirm": storage})
                self.assertIn(gone.status, (200, 404), gone)
                many_servers.wait_for("the new storage", lambda: make(storage), STARTED_S)
                written = self.upsert(first, storage, [partner("1", CITY="Bern")])
                again = late.result()
                self.assertIn(again.status, (200, 404, 409), again)
                found = first.request("POST", f"/v4/storages/{storage}/businesspartners/fetch", json={"externalId": "1"})
                if found.status == 404:
                    # It was of the new one: all of that is gone, and the name is free.
                    again.expect(200)
                    first.request("POST", "/v2/storages", json={"name": storage}).expect(201)
                    continue
                written.expect(200)
                self.assertTrue(found.expect(200).json()["businessPartner"], found)
                kept += 1
        self.assertGreater(kept, 0)
        self.tells_of_no_damage()

    def tells_of_no_damage(self):
        events = self.here.events(self.here.alive())
        self.assertFalse([one for one in events if one[0] in ("mirror.lost", "mirror.damaged", "mirror.unavailable")])

    def test_what_is_made_and_deleted_at_once_is_there_or_not_and_never_damaged(self):
        def requests(chance):
            source = f"x{chance.randrange(2)}"
            sources = "/storages/Race/datasources"
            partners = {"dataSource": source, "featuresOn": UPSERT, "businessPartners": [partner("1", CITY="x")]}
            yield "POST", "/v2/storages", {"name": "Race"}
            for _ in range(3):
                yield "POST", sources, {"dataSource": source}
                yield "PUT", "/v4/storages/Race/businesspartners", partners
                yield "GET", f"/v4/storages/Race/businesspartners?dataSource={source}", None
                yield "DELETE", f"{sources}/{source}", None
            yield "DELETE", "/storages/Race?confirm=Race", None

        def client(number):
            door, chance, answers = self.door(number % 2), random.Random(number), []
            for _ in range(6):
                answers += [door.request(method, path, json=body) for method, path, body in requests(chance)]
            return answers

        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            answers = [answer for found in pool.map(client, range(4)) for answer in found]
        for answer in answers:
            self.assertIn(answer.status, (200, 201, 404, 409, 503), answer)
            for words in ("Authenticate", "mirrorctl", "remove the other one"):
                self.assertNotIn(words, answer.text, answer)
        self.tells_of_no_damage()

    def test_a_mapper_that_one_takes_away_is_used_at_neither(self):
        doors = [self.door(0), self.door(1)]

        def answered(number, method, path, body):
            """503 says that nothing was done, and to try again."""
            ask = lambda: doors[number].request(method, path, json=body)
            return many_servers.wait_for("an answer", lambda: next((one for one in [ask()] if one.status != 503), None), STARTED_S)

        def at_once(*calls):
            return [asked.result().status for asked in [pool.submit(answered, number, *call) for number, call in enumerate(calls)]]

        listed = set()
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            for turn in range(10):
                storage = f"/storages/Map{turn}"
                doors[0].request("POST", "/v2/storages", json={"name": f"Map{turn}"}).expect(201)
                columns = lambda more: {"id": "m1", "columns": [{"from": "KUNNR", "to": "externalId"}, {"from": more, "to": more}]}
                made = at_once(*[("POST", f"{storage}/mappers", columns(more)) for more in ("a", "b")])
                self.assertEqual(sorted(made), [201, 409])
                source = {"dataSource": "x", "dataMapperDefinitionId": "m1"}
                gone, added = at_once(("DELETE", f"{storage}/mappers/m1", None), ("POST", f"{storage}/datasources", source))
                self.assertIn((gone, added), [(200, 404), (200, 409), (409, 201)])
                if added == 201:
                    listed.add(f"Mirror_Map{turn}--x")
        there = self.here.psql("SELECT nspname FROM pg_namespace WHERE nspname LIKE 'Mirror_Map%--x';")
        self.assertEqual(set(there.split()), listed)
        self.tells_of_no_damage()

    def test_an_import_is_seen_at_both(self):
        first, second = self.door(0), self.door(1)
        first.request("POST", "/v2/storages", json={"name": "Import"}).expect(201)
        content = "BP_EXTERNAL_ID;CITY\n" + "".join(f"{n};city {n}\n" for n in range(15_000)) + "x;y;z\n"
        form = http_door.multipart_form({"storageId": "Import", "featuresOn": UPSERT[0]}, http_door.File("a.csv", content.encode()))
        job = first.request("POST", "/jobs/importjobs", body=form).expect(201).json()["id"]

        def ended():
            seen = second.request("GET", f"/jobs/importjobs/{job}").expect(200).json()
            return seen if seen["status"] not in ("SCHEDULED", "RUNNING") else None

        seen = many_servers.wait_for("the end of the job", ended, 120)
        self.assertEqual((seen["status"], seen["numberOfInserts"], seen["numberOfFailed"]), ("FINISHED", 15_000, 1), seen)
        self.assertEqual(self.here.psql('SELECT count(*) FROM "Mirror_Import".businesspartner;'), "15000")

    def test_c18_clients_of_both_that_repeat_lose_and_double_nothing_when_one_is_killed(self):
        doors = [self.door(0), self.door(1)]
        doors[0].request("POST", "/v2/storages", json={"name": "C18"}).expect(201)
        clients, rounds, answers, repeated, taking = 60, 10, {}, [], threading.Lock()

        def take(number, turn, answer):
            """The one that is the first of a second round kills the server, which the others ask meanwhile."""
            with taking:
                answers[number, turn] = answer.json()
                is_time = len(answers) == clients + 1
            if is_time:
                self.here.servers[0].kill()

        def client(number):
            open_door = lambda which: self.door(which, tells=False, check=doors[0].check)
            mine = [open_door(which) for which in (0, 1)]
            for turn in range(rounds):
                key, which = {"Idempotency-Key": f"{number}-{turn}"}, number + turn
                partners = [partner(one, CITY=str(turn)) for one in (f"{number}-{turn}", f"c{number}")]
                while (number, turn) not in answers:
                    try:
                        answer = self.upsert(mine[which % 2], "C18", partners, headers=key)
                        if answer.status == 200:
                            take(number, turn, answer)
                    except (OSError, http.client.HTTPException):
                        repeated.append(key)
                        mine[which % 2].close()
                        # The server that is back has another port.
                        mine[which % 2] = open_door(which % 2)
                    which += 1

        with concurrent.futures.ThreadPoolExecutor(clients) as pool:
            running = [pool.submit(client, number) for number in range(clients)]
            many_servers.wait_for("the kill", lambda: self.here.servers[0].process is None, 120)
            wanted = min(len(answers) + clients, clients * rounds)
            many_servers.wait_for("answers of the other one", lambda: len(answers) >= wanted, 120)
            self.here.servers[0].start()
            for one in running:
                one.result()
        self.assertTrue(repeated, "it was killed while clients asked")
        self.assertEqual(records_kills_test.other_answers(answers, clients, rounds), {})
        rows = self.here.psql('SELECT json_agg(json_build_array("externalId", city)) FROM "Mirror_C18".businesspartner;')
        self.assertEqual(len(json.loads(rows)), clients * (rounds + 1))
        self.assertEqual(dict(json.loads(rows)), records_kills_test.expected_rows(clients, rounds))
        back = self.door(0)
        self.assertEqual(self.counts(self.upsert(back, "C18", [partner("c0", CITY="back"), partner("new")])), (1, 1, 0, 0))
        again = self.upsert(back, "C18", [partner("0-0", CITY="0"), partner("c0", CITY="0")], headers={"Idempotency-Key": "0-0"})
        self.assertEqual(again.expect(200).json(), answers[0, 0], "the one that is back answers a repetition")


def shared_servers(folder, **more):
    return shared_records_servers.SharedRecordsServers(BIN, folder, many_servers.make_database(), **more)


class RecordsInTurns(records_test.RecordsTest):
    @classmethod
    def make_server(cls, source):
        return shared_servers(cls.work / "dev", source=source)


class ImportsInTurns(imports_test.ImportsTest):
    make_server = staticmethod(shared_servers)


class KilledImportsInTurns(imports_test.KilledImportsTest):
    make_server = staticmethod(shared_servers)


class KilledAtPointsInTurns(imports_test.KilledAtPointsTest):
    make_server = staticmethod(shared_servers)


class JobsOfOneServer(unittest.TestCase):
    """The file of a job is on one server of three."""

    LEASE_S = 15
    SECOND_S = 30  # Behind the lease.

    @classmethod
    def setUpClass(cls):
        make = lambda folder: shared_servers(folder, count=3, sections={"http": f'job_lease = "{cls.LEASE_S}s"'})
        cls.jobs = imports_test.Jobs(cls, make)
        cls.server, cls.servers = cls.jobs.server, cls.jobs.server.servers
        cls.doors = [server.door(tells=False) for server in cls.servers]

    def storage(self, name):
        self.doors[2].request("POST", "/v2/storages", json={"name": name}).expect(201)
        return name

    def upload(self, number, content):
        """The url of a file that lies there."""
        link = self.doors[number].request("POST", "/files/upload", json={"url": "many.csv"}).expect(200).json()
        self.assertTrue(link["uploadLink"].startswith(self.servers[number].url + "/"), "its own address")
        self.doors[number].request("PUT", link["uploadLink"], body=content.encode(), key=http_door.NO_KEY).expect(200)
        return link["url"]

    def file(self, rows, city="city"):
        return imports_test.HEADER + "".join(f"{n:06};name {n};{city}\n" for n in range(rows))

    def job(self, number, job):
        return self.doors[number].request("GET", f"/jobs/importjobs/{job}").expect(200).json()

    def hang_in(self, number, job):
        """The server does, when the job has committed some of its rows."""
        self.server.wait_for(lambda: self.job(2, job)["numberOfInserts"] > 0)
        self.servers[number].process.send_signal(signal.SIGSTOP)

    def count(self, storage):
        return self.server.query(storage, "SELECT count(*) FROM businesspartner")[0][0]

    def test_an_import_by_url_goes_to_the_server_that_has_the_file(self):
        storage = self.storage("Sent")
        url = self.upload(0, self.file(3))
        key = {"Idempotency-Key": "sent"}
        sent = self.jobs.start(storage, url=url, door=self.doors[1], headers=key).expect(307)
        self.assertEqual(sent.headers["location"], f"{self.servers[0].url}/jobs/importjobs")
        started = self.jobs.start(storage, url=url, door=self.doors[0], headers=key).expect(201)
        self.assertEqual(self.jobs.wait(started.json()["id"], self.doors[1])["status"], "FINISHED")
        again = self.jobs.start(storage, url=url, door=self.doors[1], headers=key).expect(201)
        self.assertEqual(again.body, started.body, "any server answers a repetition")
        self.jobs.start(storage, url=url + "x", door=self.doors[1], headers=key).expect(422)
        self.jobs.start(storage, url=url, door=self.doors[0]).expect(400)
        unknown = url.replace(url.split("/files/")[1].split("-")[0], "0123456789ab")
        self.jobs.start(storage, url=unknown, door=self.doors[1]).expect(400)
        listed = self.doors[2].request("GET", "/jobs/importjobs").expect(200).json()
        self.assertIn(started.json()["id"], [one["id"] for one in listed["values"]])

    def test_jobs_of_one_source_at_two_servers_come_one_after_the_other(self):
        storage = self.storage("Order")
        first = self.jobs.start(storage, self.file(30_000, "old"), door=self.doors[0]).expect(201).json()["id"]
        second = self.jobs.start(storage, self.file(10, "new"), door=self.doors[1]).expect(201).json()["id"]
        ended = self.jobs.wait(second, self.doors[2])
        self.assertEqual(self.job(2, first)["status"], "FINISHED")
        self.assertEqual(self.jobs.numbers(ended), (0, 10, 0, 0))
        self.assertEqual(self.server.query(storage, "SELECT count(*) FROM businesspartner WHERE city = 'new'"), [(10,)])

    def test_a_job_goes_on_when_its_server_is_back(self):
        storage, rows = self.storage("Back"), 300_000
        job = self.jobs.start(storage, self.file(rows), door=self.doors[0]).expect(201).json()["id"]
        self.hang_in(0, job)
        self.servers[0].kill()
        seen = self.job(1, job)
        self.assertEqual(seen["status"], "RUNNING")
        self.servers[0].start()
        ended = self.jobs.wait(job, self.doors[1])
        self.assertEqual((ended["status"], self.jobs.numbers(ended)), ("FINISHED", (rows, 0, 0, 0)), ended["statusMessage"])
        self.assertEqual(self.count(storage), rows)
        self.server.wait_for(lambda: not self.server.uploads())

    def test_jobs_of_a_server_that_is_gone_die_once(self):
        """One is killed, with a job that waits; one hangs, and goes on behind the lease."""
        killed, hung, rows = self.storage("Killed"), self.storage("Hung"), 300_000
        many, url = self.file(rows), self.upload(0, self.file(3))
        jobs = [self.jobs.start(killed, file, door=self.doors[0]).expect(201).json()["id"] for file in (many, self.file(3))]
        self.hang_in(0, jobs[0])
        jobs.append(self.jobs.start(hung, many, door=self.doors[1]).expect(201).json()["id"])
        self.hang_in(1, jobs[2])
        self.servers[0].kill()
        self.assertEqual([self.job(2, job)["status"] for job in jobs], ["RUNNING", "SCHEDULED", "RUNNING"])
        look = lambda: all(self.job(2, job)["status"] == "DIED" for job in jobs)
        many_servers.wait_for("the end of the jobs", look, self.LEASE_S + self.SECOND_S)
        ended = [self.job(2, job) for job in jobs]
        for job in ended:
            self.assertIn("send the file again", job["statusMessage"])
        gone = self.jobs.start(killed, url=url, door=self.doors[2]).expect(400).json()
        self.assertIn("Send the file again", gone["message"])
        self.servers[1].process.send_signal(signal.SIGCONT)
        self.servers[0].start()
        self.server.wait_for(lambda: len(self.server.uploads()) == 1)
        self.assertEqual([self.job(1, job) for job in jobs], ended, "nothing comes behind the end")
        self.assertEqual([self.count(killed), 0, self.count(hung)], [job["numberOfInserts"] for job in ended])
        told = json.loads(self.server.ctl("events", "--kind", "import.failed", "--json"))
        self.assertEqual([sum(job in one["message"] for one in told) for job in jobs], [1, 1, 1])
        again = self.jobs.wait(self.jobs.start(killed, many, door=self.doors[2]).expect(201).json()["id"], self.doors[2])
        self.assertEqual((again["status"], again["numberOfAccepted"]), ("FINISHED", rows))
        url = self.jobs.start(killed, url=url, door=self.doors[2]).expect(307).headers["location"]
        self.assertTrue(url.startswith(self.servers[0].url), "its upload is good again")


class OneAddressForAll(unittest.TestCase):
    def test_it_is_told_in_place_of_a_circle(self):
        jobs = imports_test.Jobs(
            type(self), lambda folder: shared_servers(folder, sections={"http": 'public_url = "http://127.0.0.1:9"'})
        )
        self.addCleanup(type(self).doClassCleanups)
        doors = [server.door() for server in jobs.server.servers]
        doors[0].request("POST", "/v2/storages", json={"name": "Circle"}).expect(201)
        link = doors[0].request("POST", "/files/upload", json={"url": "a.csv"}).expect(200).json()
        self.assertTrue(link["uploadLink"].startswith("http://127.0.0.1:9/files/upload/"))
        refused = jobs.start("Circle", url=link["url"], door=doors[1]).expect(409).json()
        self.assertIn("public_url", refused["message"])


if __name__ == "__main__":
    BIN = pathlib.Path(sys.argv.pop(1)).resolve()
    imports_test.BIN = records_test.BIN = BIN
    unittest.main()
