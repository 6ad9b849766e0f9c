#!/usr/bin/python3
"""tests/support/openapi_check.py: what it lets pass, and that it notices each way in which an answer can be wrong."""

import copy
import json
import pathlib
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))

import openapi_check  # noqa: E402

JSON = {"Content-Type": "application/json"}
UPSERT = ("PUT", "/v4/storages/Acme/businesspartners")
RECORDS = ("GET", "/v4/storages/Acme/records/contact?columns=id")
# Of the seed, with what is ours.
UPSERTED = {
    "numberOfAccepted": 1,
    "numberOfInserts": 1,
    "numberOfUpdates": 0,
    "numberOfUnchanged": 0,
    "numberOfFailed": 0,
    "featuresOn": ["UPSERT_BY_EXTERNAL_ID"],
}
BUSY = {"status": 503, "code": "UNAVAILABLE", "message": "Busy. Nothing was done. Send it again."}
PARTNER = {"id": "7", "externalId": "0053", "dataSource": "crm", "createdAt": "2026-11-26T12:00:00Z", "modifiedAt": "2026-11-26T12:00:00.5Z"}

# What a schema says, and values that fit and that do not.
SCHEMAS = [
    ({"type": "string"}, ["", "a"], [1, None, [], {}, True]),
    ({"type": "integer"}, [0, -1, 2**70], [1.0, "1", True, None]),
    ({"type": "integer", "format": "int64"}, [2**63 - 1, -(2**63)], [2**63]),
    ({"type": "integer", "format": "int32"}, [2**31 - 1], [2**31]),
    ({"type": "number"}, [0, 1.5], ["1", False]),
    ({"type": "boolean"}, [True, False], [0, 1, "true"]),
    ({"type": "null"}, [None], [0, "", False]),
    ({"type": ["string", "null"]}, ["", None], [0]),
    ({"const": 0}, [0], [False, "0", None, 1]),
    ({"enum": ["a", 1]}, ["a", 1], ["b", True, "1"]),
    ({"minLength": 1, "maxLength": 2}, ["a", "ab", 5], ["", "abc"]),
    ({"pattern": "^a+$"}, ["a", "aa"], ["b", "ab", "a\n"]),
    ({"pattern": "b"}, ["abc"], ["ac"]),
    ({"minimum": 1, "maximum": 2}, [1, 2, 1.5, "x"], [0, 3, 0.99]),
    ({"exclusiveMinimum": 1, "exclusiveMaximum": 2}, [1.5], [1, 2]),
    ({"format": "date-time"}, ["2026-11-26T12:00:00Z", "2026-11-26T12:00:00.123+01:00"], ["2026-11-26", "2026-13-26T12:00:00Z", "x"]),
    ({"format": "date"}, ["2026-02-28"], ["2026-02-29", "20260228"]),
    ({"format": "byte"}, ["", "AP8="], ["AP8", "A_8=", "ü"]),
    ({"format": "uuid"}, ["6f1c2b9e-7d54-4c39-9a55-0f2d6a1c9e42"], ["6f1c2b9e", "6f1c2b9e7d544c399a550f2d6a1c9e42"]),
    ({"format": "uri"}, ["https://a.example/b?c"], ["a.example/b", "https:///b", "https://a.example/b c"]),
    ({"items": {"type": "string"}, "minItems": 1, "maxItems": 2}, [["a"], ["a", "b"]], [[], ["a", 1], ["a", "b", "c"]]),
    ({"properties": {"a": {"type": "string"}}, "required": ["a"]}, [{"a": "x"}, {"a": "x", "b": 1}], [{}, {"a": 1}]),
    ({"properties": {"a": {}}, "additionalProperties": False}, [{}, {"a": 1}], [{"b": 1}, {"a": 1, "A": 1}]),
    ({"additionalProperties": {"type": "integer"}}, [{}, {"a": 1}], [{"a": "1"}]),
    ({"minProperties": 1, "maxProperties": 1}, [{"a": 1}], [{}, {"a": 1, "b": 1}]),
    ({"allOf": [{"type": "string"}, {"maxLength": 1}]}, ["a"], [1, "ab"]),
    ({"anyOf": [{"type": "string"}, {"maximum": 1}]}, ["a", 1], [2]),
    ({"oneOf": [{"type": "string"}, {"type": "null"}]}, ["a", None], [1]),
    ({"oneOf": [{"type": "integer"}, {"minimum": 1}]}, [0, 1.5], [1, 0.5]),
    ({"$ref": "#/components/schemas/Id"}, ["Acme", "a-b_1"], ["-a", "a--b", "a" * 25, 1, "ä"]),
    ({"$ref": "#/components/schemas/Id", "maxLength": 1}, ["a"], ["ab"]),
    (True, [1, None], []),
    (False, [], [1, None]),
]


class Schemas(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.schemas = openapi_check.OpenApiCheck().schemas

    def test_values_that_fit_and_values_that_do_not(self):
        for schema, good, bad in SCHEMAS:
            for value in good:
                with self.subTest(schema=schema, good=value):
                    self.assertEqual(self.schemas.problems(schema, value), [])
            for value in bad:
                with self.subTest(schema=schema, bad=value):
                    self.assertNotEqual(self.schemas.problems(schema, value), [])

    def test_every_keyword_and_format_is_in_the_table(self):
        told = {key for schema, _, _ in SCHEMAS if isinstance(schema, dict) for key in schema}
        self.assertEqual(openapi_check.KEYWORDS - set(openapi_check.SAID) - told, set())
        formats = {schema.get("format") for schema, _, _ in SCHEMAS if isinstance(schema, dict)}
        self.assertEqual(set(openapi_check.FORMATS) - formats, set())

    def test_a_problem_names_its_place(self):
        schema = {"properties": {"a": {"items": {"properties": {"b": {"type": "string"}}}}}}
        self.assertEqual(self.schemas.problems(schema, {"a": [{}, {"b": 1}]}), ["/a/1/b: 1 is not of type string"])
        self.assertEqual(self.schemas.problems({"allOf": [{"type": "null"}]}, 1), ["the body: 1 is not of type null"])


class Documents(unittest.TestCase):
    """Ones that would let something pass are refused."""

    def check_of(self, change):
        document = json.loads(openapi_check.DOCUMENT.read_text())
        change(document)
        with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
            json.dump(document, file)
            file.flush()
            return openapi_check.OpenApiCheck(file.name)

    def assert_refused(self, words, change):
        with self.assertRaisesRegex(AssertionError, words):
            self.check_of(change)

    def test_a_keyword_that_nobody_checks(self):
        def id_of(document):
            return document["components"]["schemas"]["Id"]

        self.assert_refused("keyword 'nullable'", lambda document: id_of(document).update(nullable=True))
        self.assert_refused("format 'hostname'", lambda document: id_of(document).update(format="hostname"))
        self.assert_refused("no type 'text'", lambda document: id_of(document).update(type=["text"]))
        self.assert_refused(
            "PUT /storages/{storageId}/datasources/{dataSourceId}.*'not'",
            lambda document: document["paths"]["/storages/{storageId}/datasources/{dataSourceId}"]["put"]["requestBody"][
                "content"
            ]["application/json"]["schema"].update({"not": {}}),
        )

    def test_a_keyword_deep_in_a_schema(self):
        def deep(document):
            document["components"]["schemas"]["Counts"]["properties"]["failures"]["items"] = {"oneOf": [{"if": {}}]}

        self.assert_refused("Counts/properties/items/oneOf.*'if'", deep)

    def test_a_reference_that_leads_nowhere(self):
        check = self.check_of(lambda document: document["components"]["schemas"].pop("RowFailure"))
        with self.assertRaisesRegex(AssertionError, "RowFailure leads nowhere"):
            check.check_answer(*UPSERT, 200, JSON, json.dumps({**UPSERTED, "failures": [{}]}).encode())


class Answers(unittest.TestCase):
    def setUp(self):
        self.check = openapi_check.OpenApiCheck()

    def answer(self, call, status, body, headers=None):
        body = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.check.check_answer(*call, status, JSON if headers is None else headers, body)

    def assert_wrong(self, words, call, status, body, headers=None):
        before = set(self.check.seen)
        with self.assertRaisesRegex(AssertionError, words):
            self.answer(call, status, body, headers)
        self.assertEqual(self.check.seen, before)

    def test_answers_of_the_seed(self):
        self.answer(UPSERT, 200, UPSERTED)
        self.answer(UPSERT, 200, {**UPSERTED, "failures": [{"externalId": "0053", "message": "Incorrect record quote escaping"}]})
        source = {"id": "YOUR_DATASOURCE_ID", "name": "YOUR_DATASOURCE_NAME", "dataMapperDefinitionId": "default"}
        self.answer(("POST", "/storages/YOUR_STORAGE_ID/datasources"), 201, source)
        self.answer(("POST", "/data-exchange/rest/jobs/importjobs"), 201, {"id": "1", "progress": 0, "status": "SCHEDULED"})
        self.assertEqual(
            self.check.seen, {("upsertBusinessPartners", 200), ("createDataSource", 201), ("startImportJob", 201)}
        )

    def test_a_call_that_is_not_in_the_document(self):
        for method, path in [
            ("PATCH", "/v2/storages"),
            ("GET", "/v2/storages/"),
            ("GET", "/v2/storages//"),
            ("GET", "/v2/storage"),
            ("GET", "/rest/v2/storages"),
            ("GET", "v2/storages"),
            ("PUT", "/storages/Acme"),
        ]:
            with self.subTest(method=method, path=path):
                self.assert_wrong("is no call of the document", (method, path), 200, {})

    def test_a_call_is_the_one_whose_path_it_fits(self):
        self.assertEqual(self.check.operation("GET", "/v2/storages?limit=1")["operationId"], "listStorages")
        self.assertEqual(self.check.operation("GET", "/v2/storages/a%2Fb")["operationId"], "getStorage")
        self.assertEqual(self.check.operation("POST", UPSERT[1] + "/fetch")["operationId"], "fetchBusinessPartners")
        self.assertEqual(self.check.operation("PUT", "/files/upload/x")["operationId"], "uploadFile")

    def test_wrong_status_type_and_charset(self):
        self.assert_wrong("201 is not declared, only 200, 400", UPSERT, 201, UPSERTED)
        self.assert_wrong("403 is not declared", ("GET", "/healthz"), 403, BUSY)
        self.assert_wrong("media type '' is not declared", UPSERT, 200, UPSERTED, {})
        self.assert_wrong("media type 'text/html'", UPSERT, 200, UPSERTED, {"content-type": "text/html"})
        self.assert_wrong("charset is latin1", UPSERT, 200, UPSERTED, {"content-type": "application/json; charset=latin1"})
        self.answer(UPSERT, 200, UPSERTED, [("CONTENT-TYPE", "Application/JSON; charset=UTF-8")])

    def test_bodies_that_are_no_json(self):
        self.assert_wrong("is not JSON", UPSERT, 200, b"")
        self.assert_wrong("is not JSON", UPSERT, 200, b"{} {}")
        self.assert_wrong("is not UTF-8", UPSERT, 200, b'"\xff"')
        self.assert_wrong("NaN, which is not JSON", UPSERT, 200, b'{"numberOfFailed": NaN}')
        self.assert_wrong("the member 'a' twice", UPSERT, 200, b'{"a": 1, "a": 1}')

    def test_wrong_members(self):
        for words, change in [
            ("'numberOfFailed' is missing", {"numberOfFailed": ...}),
            ("'numberOfRows' is not declared", {"numberOfRows": 1}),
            ('/numberOfInserts: "1" is not of type integer', {"numberOfInserts": "1"}),
            ("/numberOfInserts: -1 is less than 0", {"numberOfInserts": -1}),
            ("/featuresOn: null is not of type array", {"featuresOn": None}),
            ("/failures: .. has fewer items than 1", {"failures": []}),
            ("/failures/0: the member 'message' is missing", {"failures": [{"externalId": "1"}]}),
            ("/failures/0: the member 'row' is not declared", {"failures": [{"message": "x", "row": "secret"}]}),
        ]:
            with self.subTest(words):
                body = {key: value for key, value in {**UPSERTED, **change}.items() if value is not ...}
                self.assert_wrong(words, UPSERT, 200, body)

    def test_errors_say_the_status_that_they_have(self):
        retry = {**JSON, "Retry-After": "1"}
        self.answer(UPSERT, 503, BUSY, retry)
        self.assert_wrong("Retry-After is missing", UPSERT, 503, BUSY)
        self.assert_wrong('Retry-After: "soon" is not of type integer', UPSERT, 503, BUSY, {**JSON, "retry-after": "soon"})
        self.assert_wrong("/status: 500 is not 503", UPSERT, 503, {**BUSY, "status": 500}, retry)
        self.assert_wrong('/code: "INTERNAL" is none of', UPSERT, 503, {**BUSY, "code": "INTERNAL"}, retry)
        self.assert_wrong("/message: \"\" is shorter", UPSERT, 503, {**BUSY, "message": ""}, retry)
        self.assert_wrong("'error' is not declared", UPSERT, 503, {**BUSY, "error": "x"}, retry)

    def test_answers_without_a_body(self):
        upload, job = ("PUT", "/files/upload/secret"), ("POST", "/jobs/importjobs")
        self.answer(upload, 200, b"", {})
        self.assert_wrong("body is not declared", upload, 200, b"{}", JSON)
        self.answer(job, 307, b"", {"Location": "https://two.example/jobs/importjobs"})
        self.assert_wrong("Location is missing", job, 307, b"", {})
        self.assert_wrong("Location: \"/jobs\" is no uri", job, 307, b"", {"location": "/jobs"})

    def test_one_of_two_forms(self):
        fetch = ("POST", UPSERT[1] + "/fetch")
        self.answer(fetch, 200, {"businessPartner": PARTNER, "status": "OK"})
        self.answer(fetch, 200, {"businessPartner": None, "status": "NOT_FOUND"})
        self.answer(fetch, 200, {"values": [PARTNER], "missing": ["0054"]})
        self.assert_wrong("fits none of the 2 forms", fetch, 200, {"status": "OK"})
        self.assert_wrong("fits none of the 2 forms", fetch, 200, {"values": [PARTNER], "missing": [], "status": "OK"})
        broken = {**PARTNER, "createdAt": "2026-11-26T12:00:00+01:00"}
        self.assert_wrong("fits none of the 2 forms", fetch, 200, {"businessPartner": broken, "status": "OK"})

    def test_texts(self):
        text = {"Content-Type": "text/plain"}
        self.answer(("GET", "/healthz"), 200, b"ok\n", text)
        self.assert_wrong("does not fit the pattern", ("GET", "/healthz"), 200, b"not ok", text)

    def test_pages_of_rows(self):
        page = {"limit": 100, "startAfter": None, "nextStartAfter": "Mg", "total": 2, "lsn": 4, "values": [{"id": "1", "b": None}]}
        self.answer(RECORDS, 200, page)
        self.assert_wrong("/values/0/id: .. is not of type", RECORDS, 200, {**page, "values": [{"id": []}]})
        self.assert_wrong("/limit: 0 is less", RECORDS, 200, {**page, "limit": 0})
        self.assert_wrong("'lsn' is missing", RECORDS, 200, {key: value for key, value in page.items() if key != "lsn"})

    def test_streams_of_rows(self):
        stream = {"Content-Type": "application/x-ndjson"}
        row, last = b'{"id":"1\\u2028"}\n{"id":"\xe2\x80\xa8"}\n', b'{"_end":true,"rows":2,"lsn":4}\n'
        self.answer(RECORDS, 200, row + last, stream)
        self.answer(RECORDS, 200, b'{"_end":true,"rows":0,"lsn":-1}\n', stream)
        for words, body in [
            ("no end: the stream was cut", b""),
            ("no end: the stream was cut", row + last[:-1]),
            ("the last line is not the one", row),
            ("tells of 3 rows, and there are 2", row + last.replace(b"2", b"3")),
            ("line 1 is not JSON", b"\n" + last),
            ("/line 2: fits none", b"{}\n[]\n" + last),
            ("/line 1: fits none", b'{"id":[]}\n{}\n' + last),
        ]:
            with self.subTest(body):
                self.assert_wrong(words, RECORDS, 200, body, stream)

    def test_refusals_of_what_is_not_in_the_document(self):
        refused = {"status": 405, "code": "UNIMPLEMENTED", "message": "There is no such call."}
        body = json.dumps(refused).encode()
        self.check.check_refusal("PATCH", "/v2/storages", 405, {**JSON, "Allow": "GET, POST"}, body)
        for words, call, status in [
            ("is a call of the document", ("GET", "/v2/storages"), 405),
            ("is refused with one of", ("PATCH", "/v2/storages"), 200),
            ("/status: 405 is not 404", ("PATCH", "/v2/storages"), 404),
            ("the header Allow is missing", ("PATCH", "/v2/storages"), 405),
        ]:
            with self.subTest(words), self.assertRaisesRegex(AssertionError, words):
                self.check.check_refusal(*call, status, JSON, body)

    def test_the_document_is_not_changed(self):
        before = copy.deepcopy(self.check.document)
        self.answer(UPSERT, 200, UPSERTED)
        self.assertEqual(self.check.document, before)


if __name__ == "__main__":
    unittest.main()
