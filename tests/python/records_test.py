#!/usr/bin/python3
"""Records over HTTP: storages, data sources, upserts, reading, deletion, as the seed's instruction walks through them, and
each rule of docs/records.md, over a real mirror-server. Every answer is held against the OpenAPI document.

Usage: records_test.py BIN_DIR
"""

import collections
import json
import pathlib
import re
import shutil
import sqlite3
import sys
import tempfile
import tomllib
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "support"))
import http_door
import records_server

BIN = None
UPSERT = ["UPSERT_BY_EXTERNAL_ID"]


def partner(external_id, **record):
    return {"externalId": external_id, "record": json.dumps(record)}


class RecordsTest(unittest.TestCase):
    """One server for all; each test has storages of its own."""

    @classmethod
    def setUpClass(cls):
        cls.work = pathlib.Path(tempfile.mkdtemp(prefix="records test "))
        cls.addClassCleanup(shutil.rmtree, cls.work, ignore_errors=True)
        source = cls.work / "crm.db"
        with sqlite3.connect(source) as database:
            database.executescript(
                "CREATE TABLE contact(id INTEGER PRIMARY KEY, name TEXT NOT NULL, score REAL);"
                "INSERT INTO contact VALUES(1, 'Ann', 0.5), (9007199254740993, 'B\"ob', NULL), (3, 'Zoë', 1e300);"
                "CREATE TABLE pair(a INTEGER NOT NULL, b TEXT NOT NULL, v BLOB, PRIMARY KEY(a, b));"
                "INSERT INTO pair VALUES(1, 'x', x'00ff'), (1, 'y', NULL), (2, 'x', x'41');"
                "CREATE TABLE note(text TEXT); INSERT INTO note VALUES('one'), ('two');"
            )
        cls.server = cls.make_server(source)
        cls.server.start()
        cls.addClassCleanup(cls.server.stop)
        cls.door = cls.server.door()
        done = cls.server.run("mirror-agent", "install", "--config", cls.work / "dev" / "mirror-agent.toml")
        assert done.returncode == 0, done.stderr
        done = cls.server.run("mirror-agent", "once", "--config", cls.work / "dev" / "mirror-agent.toml")
        assert done.returncode == 0, done.stderr

    @classmethod
    def make_server(cls, source):
        return records_server.RecordsServer(BIN, cls.work / "dev", source=source)

    def storage(self, name):
        self.door.request("POST", "/v2/storages", json={"name": name, "featuresOn": ["DATA_MIRROR"]}).expect(201)
        return name

    def upsert(self, storage, partners, source=None, features=UPSERT, **more):
        body = {"featuresOn": features, "businessPartners": partners}
        if source:
            body["dataSource"] = source
        return self.door.request("PUT", f"/v4/storages/{storage}/businesspartners", json=body, **more)

    def fetch(self, storage, external_id, source=None):
        body = {"externalId": external_id, **({"dataSource": source} if source else {})}
        return self.door.request("POST", f"/v4/storages/{storage}/businesspartners/fetch", json=body).expect(200).json()

    def record(self, storage, external_id, source=None):
        found = self.fetch(storage, external_id, source)
        return json.loads(found["businessPartner"]["record"]) if found["status"] == "OK" else None

    def counts(self, answer):
        got = answer.expect(200).json()
        return got["numberOfInserts"], got["numberOfUpdates"], got["numberOfUnchanged"], got["numberOfFailed"]

    def test_c1_a_storage_has_one_data_source_and_its_database(self):
        made = self.door.request("POST", "/v2/storages", json={"name": "C1", "featuresOn": ["DATA_MIRROR"]}).expect(201).json()
        self.assertEqual(
            made,
            {
                "id": "C1",
                "name": "C1",
                "status": "CREATED_SUCCESSFULLY",
                "dataSources": [{"id": "default", "name": "default"}],
            },
        )
        self.assertTrue(self.server.exists("C1"))
        self.assertEqual(self.door.request("GET", "/v2/storages/c1").expect(200).json(), made)
        taken = self.door.request("POST", "/v2/storages", json={"name": "c1"}).expect(409).json()
        self.assertEqual(taken["code"], "ALREADY_EXISTS")
        odd = self.door.request("POST", "/v2/storages", json={"name": "Müller & Söhne", "who": 1}).expect(201).json()
        self.assertEqual((odd["id"], odd["name"]), ("M_ller___S_hne", "Müller & Söhne"))
        self.assertEqual(odd["warnings"], ["member 'who' is not known, and was ignored"])
        for wrong in ({}, {"name": ""}, {"name": "x" * 101}, {"name": "x", "id": "a--b"}, {"name": "x", "id": "a/b"}):
            self.door.request("POST", "/v2/storages", json=wrong).expect(400)

    def test_c2_a_data_source_answers_the_seeds_three_members(self):
        storage = self.storage("C2")
        body = {"dataSource": "YOUR_DATASOURCE_ID", "name": "YOUR_DATASOURCE_NAME", "dataMapperDefinitionId": "default"}
        made = self.door.request("POST", f"/storages/{storage}/datasources", json=body).expect(201).json()
        self.assertEqual(
            made,
            {"id": "YOUR_DATASOURCE_ID", "name": "YOUR_DATASOURCE_NAME", "dataMapperDefinitionId": "default"},
        )
        self.assertTrue(self.server.exists("C2--YOUR_DATASOURCE_ID"))
        self.door.request("POST", f"/storages/{storage}/datasources", json=body).expect(409)
        self.door.request("POST", "/storages/Nowhere/datasources", json=body).expect(404)
        self.assertFalse(self.server.exists("Nowhere--YOUR_DATASOURCE_ID"))
        self.door.request(
            "POST", f"/storages/{storage}/datasources", json={"dataSource": "b", "dataMapperDefinitionId": "none"}
        ).expect(404)
        listed = self.door.request("GET", f"/storages/{storage}/datasources").expect(200).json()
        self.assertEqual([one["id"] for one in listed["values"]], ["default", "YOUR_DATASOURCE_ID"])
        self.assertEqual(listed["total"], 2)

    def test_c6_a_single_upsert_is_an_insert_then_an_update(self):
        storage = self.storage("C6")
        values = {"BP_EXTERNAL_ID": "0053", "COMPANY_NAME": "Acme AG", "COUNTRY_CODE": "CH", "CITY": "St. Gallen"}
        first = self.upsert(storage, [partner("0053", **values)]).expect(200).json()
        self.assertEqual(
            first | {"numberOfAccepted": 1, "numberOfInserts": 1, "numberOfUpdates": 0, "numberOfFailed": 0}, first
        )
        self.assertEqual(first["featuresOn"], UPSERT)
        second = self.upsert(storage, [partner("0053", CITY="Bern")]).expect(200).json()
        self.assertEqual(
            second | {"numberOfAccepted": 1, "numberOfInserts": 0, "numberOfUpdates": 1, "numberOfFailed": 0}, second
        )
        self.assertEqual(self.record(storage, "0053"), values | {"CITY": "Bern"}, "what is absent keeps its value")
        row = self.server.query(storage, 'SELECT "externalId", name, country, city, street FROM businesspartner')
        self.assertEqual(row, [("0053", "Acme AG", "CH", "Bern", None)], "SQL users see the same")
        self.assertEqual(self.counts(self.upsert(storage, [partner("0053", CITY="Bern")])), (0, 1, 1, 0))
        as_written = {"externalId": "0053", "record": '{"city":null, "Extra":[1, {"a": 1.50}], "n": -0, "big": 1E300}'}
        self.upsert(storage, [as_written]).expect(200)
        raw = self.fetch(storage, "0053")["businessPartner"]["record"]
        self.assertNotIn("CITY", raw, "null clears, under any spelling")
        self.assertIn('"Extra":[1,{"a":1.50}],"n":-0,"big":1E300}', raw, "numbers stay as they were written")

    def test_c7_a_broken_record_fails_alone_and_word_for_word(self):
        storage = self.storage("C7")
        broken = {"externalId": "0053", "record": '{"COMPANY_NAME":"x}'}
        answer = self.upsert(storage, [broken, partner("0054", CITY="Bern")]).expect(200).json()
        self.assertEqual(answer["failures"], [{"externalId": "0053", "message": "Incorrect record quote escaping"}])
        self.assertEqual((answer["numberOfInserts"], answer["numberOfUpdates"], answer["numberOfFailed"]), (1, 0, 1))
        self.assertEqual(self.record(storage, "0054"), {"CITY": "Bern"})
        self.assertIsNone(self.record(storage, "0053"))
        outer = self.door.request(
            "PUT",
            f"/v4/storages/{storage}/businesspartners",
            body=b'{"businessPartners":[{"externalId":"1","record":"{"CITY":"x"}"}]}',
        ).expect(400)
        self.assertIn("escape its quotes with a backslash", outer.json()["message"])
        whole = self.upsert(storage, [broken, partner("0055", CITY="x")], features=[*UPSERT, "API_ERROR_ON_FAILURES"])
        self.assertEqual(len(whole.expect(422).json()["failures"]), 1)
        self.assertIsNone(self.record(storage, "0055"), "with API_ERROR_ON_FAILURES nothing is committed")

    def test_rows_that_cannot_be_taken_fail_alone(self):
        storage = self.storage("Fails")
        rows = {
            "": "there is no external id: 'businessPartners[0]'",
            "a\tb": "the external id has a control character",
            "x" * 257: "the external id has more than 256 characters",
        }
        rows_with_records = [
            ("differs", '{"CUSTOMER NUMBER":"other"}', "the external id within the record is another one"),
            ("nul", '{"CITY":"a\\u0000b"}', "the record has a NUL character, which is not kept"),
            ("twice", '{"CITY":"a","city":"b"}', "two attributes mean the same as 'CITY'"),
            ("same", '{"a":1,"a":2}', "the record cannot be taken: two members of one object have the same name"),
            ("deep", "[" * 40 + "]" * 40, "the record cannot be taken: it is nested deeper than 32"),
            ("list", "[]", "the record is not a JSON object"),
            ("huge", '{"a":1e400}', "the record cannot be taken: a number in it is beyond 1.8e308"),
        ]
        partners = [{"externalId": one, "record": "{}"} for one in rows]
        partners += [{"externalId": one, "record": record} for one, record, _ in rows_with_records]
        answer = self.upsert(storage, [*partners, partner("good", CITY="x")]).expect(200).json()
        got = {one["externalId"]: one["message"] for one in answer["failures"]}
        self.assertEqual(got, rows | {one: why for one, _, why in rows_with_records})
        self.assertEqual(answer["numberOfInserts"], 1)

    def test_without_record_the_partner_itself_is_the_record(self):
        storage = self.storage("Bare")
        bare = {"externalId": "1", "names": [{"value": "Acme"}], "city": "Bern"}
        self.assertEqual(self.counts(self.upsert(storage, [bare])), (1, 0, 0, 0))
        self.assertEqual(self.record(storage, "1"), {"names": [{"value": "Acme"}], "city": "Bern"})

    def test_the_same_id_twice_in_one_request(self):
        storage = self.storage("Twice")
        answer = self.upsert(storage, [partner("1", CITY="a", X="kept"), partner("1", CITY="b")])
        self.assertEqual(self.counts(answer), (1, 1, 0, 0))
        self.assertEqual(self.record(storage, "1"), {"CITY": "b", "X": "kept"})
        self.assertEqual(self.counts(self.upsert(storage, [partner("1", CITY="c"), partner("1", CITY="d")])), (0, 2, 0, 0))
        self.assertEqual(self.record(storage, "1"), {"CITY": "d", "X": "kept"})

    def test_c8_without_the_feature_a_known_id_fails(self):
        storage = self.storage("C8")
        self.upsert(storage, [partner("1", CITY="old")], features=[]).expect(200)
        answer = self.upsert(storage, [partner("1", CITY="new"), partner("2", CITY="x")], features=[])
        self.assertEqual(self.counts(answer), (1, 0, 0, 1))
        self.assertEqual(self.record(storage, "1"), {"CITY": "old"})

    def test_c9_a_source_is_named_by_id_or_name_or_is_the_default_one(self):
        storage = self.storage("C9")
        self.door.request("POST", f"/storages/{storage}/datasources", json={"dataSource": "crm", "name": "The CRM"}).expect(201)
        self.upsert(storage, [partner("1", CITY="default")]).expect(200)
        self.upsert(storage, [partner("1", CITY="crm")], source="CRM").expect(200)
        self.upsert(storage, [partner("2", CITY="crm")], source="The CRM").expect(200)
        self.assertEqual(self.record(storage, "1"), {"CITY": "default"})
        self.assertEqual(self.record(storage, "1", "crm"), {"CITY": "crm"})
        unknown = self.upsert(storage, [partner("3", CITY="x")], source="nowhere").expect(404).json()
        self.assertEqual(unknown["code"], "NOT_FOUND")
        for source in (None, "crm"):
            self.assertIsNone(self.record(storage, "3", source))

    def test_a_business_partner_names_its_source(self):
        storage = self.storage("PerPartner")
        self.door.request("POST", f"/storages/{storage}/datasources", json={"dataSource": "crm", "name": "The CRM"}).expect(201)
        named = partner("1", CITY="crm") | {"dataSource": "crm"}
        by_name = partner("2", CITY="crm") | {"datasource": "The CRM"}
        bare = {"externalId": "3", "dataSource": "CRM", "city": "Bern"}
        self.assertEqual(self.counts(self.upsert(storage, [named, by_name, bare])), (3, 0, 0, 0))
        self.assertEqual(self.counts(self.upsert(storage, [named, partner("4", CITY="x")], source="crm")), (1, 1, 1, 0))
        self.assertEqual(self.record(storage, "3", "crm"), {"city": "Bern"})
        self.assertIsNone(self.record(storage, "1"), "nothing is in the default one")

        nowhere = partner("5", CITY="x") | {"dataSource": "nowhere"}
        for source, partners in (
            (None, [named, partner("5", CITY="x")]),
            ("default", [named, partner("5", CITY="x")]),
            ("default", [named]),
            ("crm", [partner("5", CITY="x"), named | {"dataSource": "default"}]),
        ):
            refused = self.upsert(storage, partners, source=source).expect(400).json()["message"]
            for word in ("'default'", "'crm'", "Nothing was written", "send one for each"):
                self.assertIn(word, refused)
        self.upsert(storage, [nowhere]).expect(404)
        self.upsert(storage, [partner("5", CITY="x"), nowhere], source="crm").expect(404)
        both = partner("5", CITY="x") | {"dataSource": "crm", "datasource": "default"}
        self.assertIn("two spellings", self.upsert(storage, [both]).expect(400).json()["message"])
        self.door.request("POST", f"/storages/{storage}/datasources", json={"dataSource": "a", "datasource": "b"}).expect(400)
        number = partner("5", CITY="x") | {"dataSource": 7}
        self.assertIn("'businessPartners[1]'", self.upsert(storage, [named, number]).expect(400).json()["message"])
        for source in (None, "crm"):
            self.assertIsNone(self.record(storage, "5", source), "a request is taken as a whole or not at all")

    def test_what_is_unknown_beside_a_record_is_told(self):
        storage = self.storage("Beside")
        odd = [partner(str(n), CITY="x") | {"id": "7", f"odd{n:02}": n, "createdAt": "2026-11-26T12:49:02.961Z"} for n in range(30)]
        warnings = self.upsert(storage, odd).expect(200).json()["warnings"]
        self.assertEqual(warnings[0], "member 'id' is not known, and was ignored")
        self.assertEqual((len(warnings), warnings[20]), (21, "and 11 more"))
        bare = {"externalId": "1", "odd": 1}
        self.assertNotIn("warnings", self.upsert(storage, [bare]).expect(200).json(), "without a record it is the record")

    def test_what_an_operator_left_of_a_storage_is_told_when_it_comes_back(self):
        storage = self.storage("LeftOver")
        self.door.request("POST", f"/storages/{storage}/datasources", json={"dataSource": "crm"}).expect(201)
        self.upsert(storage, [partner("1", CITY="x"), partner("2", CITY="x")], source="crm").expect(200)
        said = self.server.ctl("delete", storage, "--confirm", storage)
        self.assertIn("the storage's other data sources stay, with their rows: LeftOver--crm.", said)
        self.server.ctl("allow", storage)
        self.door.request("POST", "/v2/storages", json={"name": storage}).expect(201)
        made = self.door.request("POST", f"/storages/{storage}/datasources", json={"dataSource": "crm"}).expect(201).json()
        self.assertEqual(made["warnings"], ["took back data source 'crm' with 2 rows that were there"])
        self.assertIn("was taken back over HTTP, with 2 rows", " ".join(self.server.ctl("events").split()))
        new = self.door.request("POST", f"/storages/{storage}/datasources", json={"dataSource": "erp"}).expect(201).json()
        self.assertNotIn("warnings", new)
        self.assertNotIn("other data sources", self.server.ctl("delete", "LeftOver--erp", "--confirm", "LeftOver--erp"))

    def test_who_is_refused_is_listed(self):
        reader = self.server.issue("refused", "reader", "*")
        self.door.request("POST", "/v2/storages", key=reader, json={"name": "Refused"}).expect(403)
        for _ in range(3):
            self.door.request("DELETE", "/storages/Refused", key="nonsense").expect(401)

        def calls(who):
            listed = " ".join(self.server.ctl("audit", "list", "--looks", "--limit", "1000").split())
            return sum(int(one) for one in re.findall(rf"{who} from 127\.0\.0\.1: (\d+) calls?", listed))

        self.server.wait_for(lambda: calls("apikey:refused PERMISSION_DENIED http: createStorage") == 1)
        self.server.wait_for(lambda: calls("no API key UNAUTHENTICATED http: deleteStorage") == 3)

    def test_c10_clearing_one_source_leaves_the_other(self):
        storage = self.storage("C10")
        self.door.request("POST", f"/storages/{storage}/datasources", json={"dataSource": "crm"}).expect(201)
        self.upsert(storage, [partner(str(n), CITY="x") for n in range(7)]).expect(200)
        self.upsert(storage, [partner(str(n), CITY="y") for n in range(3)], source="crm").expect(200)
        cleared = self.door.request("POST", f"/storages/{storage}/datasources/crm/clear").expect(200).json()
        self.assertEqual(cleared, {"numberOfDeletes": 3, "numberOfFailures": 0, "failures": [], "erasedAt": None})
        listed = self.door.request("GET", f"/v4/storages/{storage}/businesspartners", query={"dataSource": "crm"})
        self.assertEqual(listed.expect(200).json()["total"], 0)
        listed = self.door.request("GET", f"/v4/storages/{storage}/businesspartners").expect(200).json()
        self.assertEqual((listed["total"], len(listed["values"])), (7, 7))
        self.upsert(storage, [partner("1", CITY="again")], source="crm").expect(200)
        self.assertEqual(self.door.request("POST", f"/storages/{storage}/clear").expect(200).json()["numberOfDeletes"], 8)

    def test_c11_what_is_deleted_for_good_is_in_no_file(self):
        storage = self.storage("C11")
        secret = "Geheimnis-4711-unverwechselbar"
        old = "Vorher-0815-unverwechselbar"
        self.upsert(storage, [partner("gone-unverwechselbar", CITY=old)]).expect(200)
        self.upsert(storage, [partner("gone-unverwechselbar", CITY=secret), partner("stays", CITY="Bern")]).expect(200)
        failing = {"externalId": "gone-unverwechselbar", "record": "{"}
        answered = self.upsert(storage, [failing], headers={"Idempotency-Key": "names-it"}).expect(200)
        self.assertEqual(answered.json()["failures"][0]["externalId"], "gone-unverwechselbar")
        body = {"externalId": ["gone-unverwechselbar"], "featuresOn": ["DELETE_BY_EXTERNAL_ID"]}
        path = f"/v4/storages/{storage}/businesspartners/delete"
        self.door.request("POST", path, json=body, query={"erase": "yes"}).expect(400)
        self.door.request("POST", path, json=body | {"featuresOn": []}).expect(400)
        gone = self.door.request("POST", path, json=body, query={"erase": "now"}).expect(200).json()
        self.assertEqual((gone["numberOfDeletes"], gone["numberOfFailures"]), (1, 0))
        self.assertIsNotNone(gone["erasedAt"])
        for file, content in self.server.contents():
            for value in (secret, old, "gone-unverwechselbar"):
                self.assertNotIn(value.encode(), content, file)
        self.assertEqual(self.record(storage, "stays"), {"CITY": "Bern"})
        # What is kept of an answer has no id: the repetition brings it.
        repeated = self.upsert(storage, [failing], headers={"Idempotency-Key": "names-it"}).expect(200)
        self.assertEqual(repeated.body, answered.body)
        again = self.door.request("POST", path, json=body).expect(200).json()
        self.assertEqual((again["numberOfDeletes"], again["numberOfFailures"]), (0, 1))

    def test_c15_what_a_key_may_not_see_is_not_there(self):
        self.storage("C15")
        self.storage("Other15")
        start = lambda storage: http_door.multipart_form({"storageId": storage}, http_door.File("a.csv", b"CUSTOMER NUMBER\n1\n"))
        job = self.door.request("POST", "/jobs/importjobs", body=start("Other15")).expect(201).json()["id"]
        job = job.replace("Other15", "{}")
        key = self.server.issue("c15", "owner", "C15*")
        self.server.door(key).request("GET", "/v2/storages/C15").expect(200)
        calls = [
            ("GET", "/v2/storages/{}", None),
            ("DELETE", "/storages/{}?confirm={}", None),
            ("POST", "/storages/{}/clear", None),
            ("GET", "/storages/{}/datasources", None),
            ("POST", "/storages/{}/datasources", {"dataSource": "x"}),
            ("GET", "/storages/{}/datasources/default", None),
            ("PUT", "/storages/{}/datasources/default", {"name": "x"}),
            ("DELETE", "/storages/{}/datasources/x", None),
            ("POST", "/storages/{}/datasources/default/clear", None),
            ("PUT", "/v4/storages/{}/businesspartners", {"businessPartners": [partner("1")]}),
            ("GET", "/v4/storages/{}/businesspartners", None),
            ("POST", "/v4/storages/{}/businesspartners/fetch", {"externalId": "1"}),
            (
                "POST",
                "/v4/storages/{}/businesspartners/delete",
                {"externalId": "1", "featuresOn": ["DELETE_BY_EXTERNAL_ID"]},
            ),
            ("POST", "/storages/{}/mappers", {"id": "m1", "columns": [{"from": "A", "to": "externalId"}]}),
            ("PUT", "/storages/{}/mappers/m1", {"columns": [{"from": "A", "to": "externalId"}]}),
            ("GET", "/v4/storages/{}/records", None),
            ("GET", "/v4/storages/{}/records/businesspartner", None),
            ("GET", "/storages/{}/mappers", None),
            ("GET", "/storages/{}/mappers/m1", None),
            ("DELETE", "/storages/{}/mappers/m1", None),
            ("POST", "/jobs/importjobs", start),
            ("GET", f"/jobs/importjobs/{job}", None),
            ("GET", f"/jobs/importjobs/{job}/rejects", None),
            ("POST", f"/jobs/importjobs/{job}/cancel", None),
        ]
        for method, path, body in calls:
            seen = []
            for storage in ("Other15", "Absent1"):
                sent = {"body": body(storage)} if callable(body) else {"json": body}
                answer = self.door.request(method, path.replace("{}", storage), key=key, **sent).expect(404)
                fields = {name: value for name, value in answer.headers.items() if name != "date"}
                seen.append((fields, answer.text.replace(storage, "STORAGE")))
            self.assertEqual(seen[0], seen[1], (method, path))
        made = self.door.request("POST", "/v2/storages", json={"name": "Elsewhere"}, key=key).expect(404)
        self.assertIn("no storage 'Elsewhere'", made.text)
        body = {"dataSource": "x", "door": "cycles", "tenant": "Cust"}
        hidden = self.door.request("POST", "/storages/C15/datasources", json=body, key=key).expect(404).text
        absent = self.door.request("POST", "/storages/C15/datasources", json=body | {"tenant": "Nope"}, key=key).expect(404).text
        self.assertEqual(hidden.replace("Cust", "X"), absent.replace("Nope", "X"))
        listed = self.door.request("GET", "/v2/storages", key=key).expect(200).json()
        self.assertEqual([one["id"] for one in listed["values"]], ["C15"])
        self.assertEqual(listed["total"], 1)

    def test_roles_and_keys(self):
        self.storage("Roles")
        reader = self.server.issue("roles-reader", "reader", "Roles")
        writer = self.server.issue("roles-writer", "writer", "Roles")
        path = "/v4/storages/Roles/businesspartners"
        body = {"businessPartners": [partner("1", CITY="x")]}
        self.door.request("PUT", path, json=body, key=http_door.NO_KEY).expect(401)
        self.door.request("PUT", path, json=body, key="mk_wrong").expect(401)
        self.door.request("PUT", path, json=body, key=reader).expect(403)
        self.door.request("PUT", path, json=body, key=writer).expect(200)
        self.door.request("GET", path, key=reader).expect(200)
        self.door.request("POST", "/storages/Roles/clear", key=writer).expect(403)
        self.door.request("GET", "/nowhere", key=http_door.NO_KEY, documented=False).expect(401)
        self.door.request("GET", "/nowhere", documented=False).expect(404)
        answer = self.door.request("PATCH", path, json={}, documented=False).expect(405)
        self.assertEqual(answer.headers["allow"], "PUT, GET, HEAD")
        listed = self.server.run("mirrorctl", "apikey", "list", "--dir", self.server.folder).stdout
        self.assertIn("roles-reader", listed)
        gone = self.server.run("mirrorctl", "apikey", "revoke", "roles-reader", "--dir", self.server.folder)
        self.assertEqual(gone.returncode, 0, gone.stderr)
        self.server.wait_for(lambda: self.door.request("GET", path, key=reader).status == 401)
        self.assertNotIn(reader, (self.server.folder / "apikeys" / "owner.toml").read_text())
        again = self.server.run("mirrorctl", "apikey", "revoke", "roles-reader", "--dir", self.server.folder)
        self.assertEqual(again.returncode, 1)

    def test_idempotency(self):
        storage = self.storage("Once")
        key = {"Idempotency-Key": "k1"}
        first = self.upsert(storage, [partner("1", CITY="a")], headers=key).expect(200)
        self.upsert(storage, [partner("1", CITY="b")]).expect(200)
        again = self.upsert(storage, [partner("1", CITY="a")], headers=key).expect(200)
        self.assertEqual(again.body, first.body)
        self.assertEqual(self.record(storage, "1"), {"CITY": "b"}, "a repetition does nothing")
        self.upsert(storage, [partner("1", CITY="c")], headers=key).expect(422)
        other = self.server.issue("once-other", "writer", "Once")
        self.assertEqual(self.counts(self.upsert(storage, [partner("1", CITY="a")], headers=key, key=other)), (0, 1, 0, 0))
        for wrong in ("x" * 65, "äö".encode().decode("latin-1"), "a\tb"):
            self.upsert(storage, [partner("1")], headers={"Idempotency-Key": wrong}).expect(400)
        body = {"externalId": "1", "featuresOn": ["DELETE_BY_EXTERNAL_ID"]}
        path = f"/v4/storages/{storage}/businesspartners/delete"
        gone = self.door.request("POST", path, json=body, headers={"Idempotency-Key": "d1"}).expect(200)
        self.upsert(storage, [partner("1", CITY="new")]).expect(200)
        self.assertEqual(self.door.request("POST", path, json=body, headers={"Idempotency-Key": "d1"}).body, gone.body)
        self.assertEqual(self.record(storage, "1"), {"CITY": "new"})

    def test_pages_of_partners(self):
        storage = self.storage("Pages")
        ids = [f"{n:03}" for n in range(25)] + ["a,b"]
        self.upsert(storage, [partner(one, CITY=one) for one in ids]).expect(200)
        path, seen, after = f"/v4/storages/{storage}/businesspartners", [], None
        while True:
            query = {"limit": 10, **({"startAfter": after} if after else {})}
            page = self.door.request("GET", path, query=query).expect(200).json()
            self.assertEqual((page["limit"], page["startAfter"], page["total"]), (10, after, 26))
            seen += [one["externalId"] for one in page["values"]]
            after = page["nextStartAfter"]
            if after is None:
                break
        self.assertEqual(seen, sorted(ids))
        some = self.door.request("GET", path, query={"externalId": "003,001,none"}).expect(200).json()
        self.assertEqual([one["externalId"] for one in some["values"]], ["001", "003"])
        both = self.door.request("GET", path, query=[("externalId", "a,b"), ("externalId", "003")]).expect(200).json()
        self.assertEqual([one["externalId"] for one in both["values"]], ["003", "a,b"])
        found = self.fetch(storage, ["003", "none"])
        self.assertEqual([one["externalId"] for one in found["values"]], ["003"])
        self.assertEqual(found["missing"], ["none"])
        self.assertEqual(self.fetch(storage, "none"), {"businessPartner": None, "status": "NOT_FOUND"})
        for wrong in ({"limit": 0}, {"limit": 1001}, {"limit": "x"}, {"limit": "+5"}):
            self.door.request("GET", path, query=wrong).expect(400)

    def test_mappers(self):
        storage = self.storage("Maps")
        path = f"/storages/{storage}/mappers"
        mapper = {"id": "m1", "columns": [{"from": "KDNR", "to": "externalId"}, {"from": "ORT", "to": "city"}], "unmapped": "drop"}
        self.assertEqual(self.door.request("POST", path, json=mapper).expect(201).json(), mapper)
        self.door.request("POST", path, json=mapper).expect(409)
        for wrong in (
            {"id": "m2", "columns": [{"from": "ORT", "to": "city"}]},
            {"id": "m2", "columns": [{"from": "K", "to": "externalId"}, {"from": "k ", "to": "x"}]},
            {"id": "m2", "columns": [{"from": "K", "to": "externalId"}, {"from": "b", "to": "record"}]},
            {"id": "m2", "columns": [{"from": "K", "to": "externalId"}, {"from": "b", "to": "1x"}]},
            {"id": "m2", "columns": []},
        ):
            self.door.request("POST", path, json=wrong).expect(400)
        source = {"dataSource": "crm", "dataMapperDefinitionId": "m1"}
        self.door.request("POST", f"/storages/{storage}/datasources", json=source).expect(201)
        self.upsert(storage, [partner("1", ORT="Bern", Farbe="rot")], source="crm").expect(200)
        self.assertEqual(self.record(storage, "1", "crm"), {"ORT": "Bern"})
        rows = self.server.query(f"{storage}--crm", 'SELECT "externalId", city FROM businesspartner')
        self.assertEqual(rows, [("1", "Bern")])
        self.door.request("PUT", f"{path}/m1", json=mapper).expect(409)
        self.door.request("DELETE", f"{path}/m1").expect(409)
        change = f"/storages/{storage}/datasources/crm"
        self.door.request("PUT", change, json={"dataMapperDefinitionId": "default"}).expect(409)
        self.door.request("POST", f"{change}/clear").expect(200)
        changed = self.door.request("PUT", change, json={"dataMapperDefinitionId": "default", "name": "CRM 2"}).expect(200).json()
        self.assertEqual((changed["dataMapperDefinitionId"], changed["name"]), ("default", "CRM 2"))
        self.upsert(storage, [partner("1", CITY="Bern")], source="CRM 2").expect(200)
        self.door.request("DELETE", f"{path}/m1").expect(200)
        self.assertEqual([one["id"] for one in self.door.request("GET", path).expect(200).json()["values"]], ["default"])
        self.door.request("PUT", change, json={"default": True}).expect(409)

    def test_sources_and_storages_go(self):
        storage = self.storage("Goes")
        self.door.request("POST", f"/storages/{storage}/datasources", json={"dataSource": "crm"}).expect(201)
        self.upsert(storage, [partner("1"), partner("2")], source="crm").expect(200)
        self.upsert(storage, [partner("3")]).expect(200)
        default = self.door.request("DELETE", f"/storages/{storage}/datasources/default").expect(409).json()
        self.assertIn("clear it", default["message"])
        gone = self.door.request("DELETE", f"/storages/{storage}/datasources/crm").expect(200).json()
        self.assertEqual(gone["numberOfDeletes"], 2)
        self.assertFalse(self.server.exists(f"{storage}--crm"))
        self.door.request("POST", f"/storages/{storage}/datasources", json={"dataSource": "crm"}).expect(201)
        self.upsert(storage, [partner("1")], source="crm").expect(200)
        self.door.request("DELETE", f"/storages/{storage}").expect(400)
        gone = self.door.request("DELETE", f"/storages/{storage}", query={"confirm": storage}).expect(200).json()
        self.assertEqual(gone["numberOfDeletes"], 2)
        self.door.request("GET", f"/v2/storages/{storage}").expect(404)
        self.assertFalse(self.server.exists(storage))
        self.assertFalse(self.server.exists(f"{storage}--crm"))
        self.storage("Goes")

    def test_where_one_source_refuses_the_others_keep_their_rows(self):
        storage = self.storage("AllOrNone")
        for source in ("crm", "zeta"):
            self.door.request("POST", f"/storages/{storage}/datasources", json={"dataSource": source}).expect(201)
        for count, source in enumerate(("default", "crm", "zeta"), 1):
            self.upsert(storage, [partner(str(n), CITY="x") for n in range(count)], source=source).expect(200)
        clear = ("POST", f"/storages/{storage}/clear")

        def check_all_there(place, of_cycles):
            for count, source in enumerate(("default", "crm", "zeta"), 1):
                page = self.door.request("GET", f"/v4/storages/{storage}/businesspartners", query={"dataSource": source})
                self.assertEqual((page.expect(200).json()["total"], self.record(storage, "0", source)), (count, {"CITY": "x"}), source)
            rows = self.door.request("GET", f"/v4/storages/{place}/records/contact", query={"dataSource": of_cycles}).expect(200)
            self.assertEqual(len(rows.json()["values"]), 3)

        # The last one to be looked at.
        self.server.ctl("pause", f"{storage}--zeta", "--reason", "inventory")
        self.assertIn("is paused: inventory", self.door.request(*clear).expect(409).json()["message"])
        check_all_there("Cust", "default")
        self.server.ctl("resume", f"{storage}--zeta")

        attached = {"dataSource": "zz", "door": "cycles", "tenant": "Cust"}
        self.door.request("POST", f"/storages/{storage}/datasources", json=attached).expect(201)
        self.addCleanup(self.door.request, "DELETE", f"/storages/{storage}/datasources/zz")
        self.assertIn("Nothing was cleared", self.door.request(*clear).expect(409).json()["message"])
        check_all_there(storage, "zz")
        self.door.request("DELETE", f"/storages/{storage}", query={"confirm": storage}).expect(409)
        check_all_there(storage, "zz")

        self.door.request("DELETE", f"/storages/{storage}/datasources/zz").expect(200)
        self.assertEqual(self.door.request(*clear).expect(200).json()["numberOfDeletes"], 6, "nothing else was in the way")

    def test_c16_a_mirror_by_cycles_is_read_and_not_written(self):
        found = self.door.request("GET", "/v2/storages/Cust").expect(200).json()
        self.assertEqual(found["dataSources"], [{"id": "default", "name": "default"}])
        page = self.door.request("GET", "/v4/storages/Cust/records/contact").expect(200).json()
        self.assertEqual(
            sorted(page["values"], key=lambda row: row["name"]),
            [
                {"id": "1", "name": "Ann", "score": 0.5},
                {"id": "9007199254740993", "name": 'B"ob', "score": None},
                {"id": "3", "name": "Zoë", "score": 1e300},
            ],
        )
        self.assertGreaterEqual(page["lsn"], 0)
        one = self.door.request("GET", "/v4/storages/Cust/records/contact", query={"key": "9007199254740993", "columns": "name"})
        self.assertEqual(one.expect(200).json()["values"], [{"name": 'B"ob'}])
        none = self.door.request("GET", "/v4/storages/Cust/records/contact", query={"key": "2"}).expect(200).json()
        self.assertEqual((none["values"], none["total"]), ([], 0))
        refused = self.upsert("Cust", [partner("1", CITY="x")]).expect(409).json()
        issuer = tomllib.loads((self.server.folder / "mirror-agent.toml").read_text())["identity"]["issuer"]
        self.assertIn(f"come by cycles of the source of issuer '{issuer}'", refused["message"])
        self.door.request("POST", "/storages/Cust/clear").expect(409)
        self.door.request("DELETE", "/storages/Cust", query={"confirm": "Cust"}).expect(409)
        self.door.request("GET", "/v4/storages/Cust/businesspartners").expect(409)
        self.door.request("GET", "/v4/storages/Cust/records/nowhere").expect(404)

    def test_pages_of_a_composite_key(self):
        path, seen, after = "/v4/storages/Cust/records/pair", [], None
        while True:
            query = {"limit": 1, **({"startAfter": after} if after else {})}
            page = self.door.request("GET", path, query=query).expect(200).json()
            seen += [(row["a"], row["b"], row["v"]) for row in page["values"]]
            after = page["nextStartAfter"]
            if after is None:
                break
        self.assertEqual(seen, [("1", "x", "AP8="), ("1", "y", None), ("2", "x", "QQ==")])
        one = self.door.request("GET", path, query={"key": '["1","y"]'}).expect(200).json()
        self.assertEqual(one["values"], [{"a": "1", "b": "y", "v": None}])
        self.door.request("GET", path, query={"key": "1"}).expect(400)

    def test_a_table_as_a_stream(self):
        self.door.request("GET", "/v4/storages/Cust/records/note").expect(400)
        lines = {"Accept": "application/x-ndjson"}
        notes = self.door.request("GET", "/v4/storages/Cust/records/note", headers=lines).expect(200).lines()
        self.assertEqual(sorted(row["text"] for row in notes[:-1]), ["one", "two"])
        self.assertEqual((notes[-1]["_end"], notes[-1]["rows"]), (True, 2))
        storage = self.storage("Lines")
        for begin in range(0, 5000, 1000):
            self.upsert(storage, [partner(f"{n:05}", CITY=str(n)) for n in range(begin, begin + 1000)]).expect(200)
        rows = self.door.request("GET", f"/v4/storages/{storage}/records/businesspartner", headers=lines).expect(200).lines()
        self.assertEqual([row["externalId"] for row in rows[:-1]], [f"{n:05}" for n in range(5000)])
        self.assertEqual(rows[-1], {"_end": True, "rows": 5000, "lsn": 5})

    def test_a_source_of_cycles_is_attached_and_left(self):
        storage = self.storage("Group")
        body = {"dataSource": "erp", "door": "cycles", "tenant": "Cust"}
        made = self.door.request("POST", f"/storages/{storage}/datasources", json=body).expect(201).json()
        self.assertEqual(len(made["warnings"]), 1)
        self.assertIn("calls to the storage 'Cust' answer 404", made["warnings"][0])
        self.addCleanup(self.door.request, "DELETE", f"/storages/{storage}/datasources/erp")
        found = self.door.request("GET", f"/storages/{storage}/datasources/erp").expect(200).json()
        self.assertEqual((found["door"], found["tenant"]), ("cycles", "Cust"))
        page = self.door.request("GET", f"/v4/storages/{storage}/records/contact", query={"dataSource": "erp"}).expect(200).json()
        self.assertEqual(len(page["values"]), 3)
        listed = self.door.request("GET", f"/v4/storages/{storage}/records", query={"dataSource": "ERP"}).expect(200).json()
        keys = [(one["table"], one["dataSource"], one["key"], one["rows"]) for one in listed["values"]]
        self.assertEqual(keys, [("contact", "erp", ["id"], 3), ("note", "erp", [], 2), ("pair", "erp", ["a", "b"], 3)])
        self.door.request("GET", "/v2/storages/Cust").expect(404)
        other = self.storage("Group2")
        self.door.request("POST", f"/storages/{other}/datasources", json=body).expect(409)
        twice = self.door.request("POST", f"/storages/{storage}/datasources", json=body | {"dataSource": "erp2"}).expect(409).json()
        self.assertIn("is a data source of this storage already", twice["message"])
        self.door.request("DELETE", f"/storages/{storage}", query={"confirm": storage}).expect(409)
        gone = self.door.request("DELETE", f"/storages/{storage}/datasources/erp").expect(200).json()
        self.assertEqual(gone["numberOfDeletes"], 0)
        self.door.request("GET", "/v2/storages/Cust").expect(200)

    def test_a_mirror_whose_name_is_no_storage_id_is_read_as_a_data_source(self):
        """It is longer, or has its '-' elsewhere."""
        storage, config = self.storage("Odd"), (self.server.folder / "mirror-agent.toml").read_text()
        for number, tenant in enumerate(("Cust-of-more-than-24-characters", "Cust--x", "Cust-")):
            agent = self.server.folder / f"odd-{number}.toml"
            agent.write_text(
                config.replace('"Cust"', f'"{tenant}"').replace("agent-state", f"odd-state-{number}").replace("/crm.db", f"/odd-{number}.db")
            )
            shutil.copy(self.work / "crm.db", self.work / f"odd-{number}.db")
            for command in ("install", "once"):
                done = self.server.run("mirror-agent", command, "--config", agent)
                self.assertEqual(done.returncode, 0, done.stderr)
            self.door.request("GET", f"/v2/storages/{tenant}").expect(404)
            self.door.request("GET", f"/v4/storages/{tenant}/records/contact").expect(404)
            body = {"dataSource": f"odd{number}", "door": "cycles", "tenant": tenant}
            made = self.door.request("POST", f"/storages/{storage}/datasources", json=body).expect(201).json()
            self.assertIn(f"tenant '{tenant}' is in storage 'Odd' alone from now on", made["warnings"][0])
            query = {"dataSource": f"odd{number}"}
            page = self.door.request("GET", f"/v4/storages/{storage}/records/contact", query=query).expect(200).json()
            self.assertEqual(sorted(row["name"] for row in page["values"]), ["Ann", 'B"ob', "Zoë"])
        listed = self.door.request("GET", "/v2/storages", query={"limit": 1000}).expect(200).json()
        self.assertFalse([one["id"] for one in listed["values"] if one["id"].startswith("Cust-") and one["id"] != "Cust-records"])

    def test_paused_sources_take_nothing(self):
        storage = self.storage("Paused")
        self.upsert(storage, [partner("1", CITY="x")]).expect(200)
        self.server.ctl("pause", storage, "--reason", "inventory")
        refused = self.upsert(storage, [partner("1", CITY="y")]).expect(409).json()
        self.assertIn("is paused: inventory", refused["message"])
        self.door.request("POST", f"/storages/{storage}/clear").expect(409)
        self.assertEqual(self.record(storage, "1"), {"CITY": "x"})
        self.server.ctl("resume", storage)
        self.upsert(storage, [partner("1", CITY="y")]).expect(200)

    def calls_of_agents(self, call):
        """How often it ended with each code, at all servers."""
        found = collections.Counter()
        for server in getattr(self.server, "servers", [self.server]):
            shown = records_server.metrics(server.log)
            for code, count in re.findall(rf'mirror_calls_total{{call="{call}",code="(\w+)"}} (\d+)', shown):
                found[code] += int(count)
        return found

    def test_an_agent_cannot_take_over_a_source_of_records(self):
        storage = self.storage("Cust-records")
        config = (self.server.folder / "mirror-agent.toml").read_text()
        other = self.server.folder / "other-agent.toml"
        source = self.work / "another crm.db"
        shutil.copy(self.work / "crm.db", source)
        other.write_text(
            config.replace('"Cust"', f'"{storage}"').replace("agent-state", "other-state").replace("/crm.db", "/another crm.db")
        )
        done = self.server.run("mirror-agent", "install", "--take-over", "--config", other)
        self.assertEqual(done.returncode, 0, done.stderr)
        before = self.calls_of_agents("Authenticate")
        done = self.server.run("mirror-agent", "once", "--config", other)
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("belongs to another issuer", " ".join((done.stderr + done.stdout).split()))
        self.assertEqual(set(self.calls_of_agents("Authenticate") - before), {"PERMISSION_DENIED"})
        self.assertEqual(self.counts(self.upsert(storage, [partner("1")])), (1, 0, 0, 0))
        reset = ["reset", storage, "--all", "--confirm", storage]
        for asked in (["invalidate", storage, "--all"], reset, ["verify", storage], ["accept-source", storage]):
            done = self.server.run("mirrorctl", "--config", self.server.folder / "mirrorctl.toml", *asked)
            self.assertEqual(done.returncode, 1, asked)
            self.assertIn("no source could send them again", " ".join(done.stderr.split()))
            self.assertIn("FAILED_PRECONDITION", done.stderr)
        self.assertEqual(self.record(storage, "1"), {})
        # Other storages of this server may have problems, which is an exit code.
        shown = self.server.run("mirrorctl", "--config", self.server.folder / "mirrorctl.toml", "tenants", "--failed")
        self.assertIn(shown.returncode, (0, 1), shown.stderr)
        self.assertNotIn(storage, shown.stdout)

    def test_a_stopped_source_goes_on_by_resume_and_a_restored_one_has_another_lineage(self):
        storage = self.storage("Stopped")
        self.upsert(storage, [partner("1", CITY="x")]).expect(200)

        def position():
            return self.server.query(storage, f'SELECT lsn, lineage FROM "{storage}_mirroring"')[0]

        first = position()
        self.server.execute(storage, f'UPDATE "{storage}_mirroring" SET lsn = -1')
        self.assertIn("resume", self.upsert(storage, [partner("2")]).expect(409).json()["message"])
        self.server.ctl("resume", storage)
        self.upsert(storage, [partner("2")]).expect(200)
        second = position()
        self.assertNotEqual(first[1], second[1])
        backup = self.server.folder / "stopped.backup"
        self.server.ctl("backup", storage, backup)
        self.upsert(storage, [partner("3")]).expect(200)
        self.server.ctl("restore", storage, backup, "--confirm", storage)
        self.assertIsNone(self.record(storage, "3"))
        self.assertNotIn(position()[1], (first[1], second[1]))
        self.upsert(storage, [partner("3")]).expect(200)


if __name__ == "__main__":
    BIN = pathlib.Path(sys.argv.pop(1)).resolve()
    unittest.main()
