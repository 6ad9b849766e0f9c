#!/usr/bin/python3
"""Records over HTTP with two servers over one PostgreSQL: what is done at one is so at the other, repeated requests and
kills lose and double nothing, and SQL users see the rows.

Usage: servers_records_test.py BIN_DIR [unittest arguments]
"""

import concurrent.futures
import http.client
import json
import pathlib
import re
import sys
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "support"))
import http_door  # noqa: E402
import many_servers  # noqa: E402

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

    def test_clients_of_both_that_repeat_lose_and_double_nothing_when_one_is_killed(self):
        doors = [self.door(0), self.door(1)]
        doors[0].request("POST", "/v2/storages", json={"name": "C18"}).expect(201)
        clients, rounds, answers = 16, 6, {}

        def client(number):
            mine = [self.door(which, tells=False) for which in (0, 1)]
            for turn in range(rounds):
                key, which = {"Idempotency-Key": f"{number}-{turn}"}, number + turn
                while (number, turn) not in answers:
                    try:
                        answer = self.upsert(
                            mine[which % 2], "C18", [partner(f"{number}-{turn}"), partner(f"c{number}", N=str(turn))], headers=key
                        )
                        if answer.status == 200:
                            answers[number, turn] = answer.json()
                    except (OSError, http.client.HTTPException):
                        mine[which % 2].close()
                    which += 1

        with concurrent.futures.ThreadPoolExecutor(clients) as pool:
            running = [pool.submit(client, number) for number in range(clients)]
            many_servers.wait_for("some answers", lambda: len(answers) > clients, 120)
            self.here.servers[0].kill()
            for one in running:
                one.result()
        self.assertEqual(sum(one["numberOfInserts"] for one in answers.values()), clients * (rounds + 1))
        self.assertEqual(sum(one["numberOfUpdates"] for one in answers.values()), clients * (rounds - 1))
        self.assertEqual(self.here.psql('SELECT count(*) FROM "Mirror_C18".businesspartner;'), str(clients * (rounds + 1)))


if __name__ == "__main__":
    BIN = pathlib.Path(sys.argv.pop(1)).resolve()
    unittest.main()
