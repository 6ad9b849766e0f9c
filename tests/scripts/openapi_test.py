#!/usr/bin/python3
"""server/http/openapi.json is well formed, fits its own examples and is what docs/reference/http.md says; and a linter
finds nothing.

The linter needs packages of npm: tools/lib/npm_packages.sh tests/openapi. Without them the rest is tested and the exit
code is 77, unless MIRROR_TEST_OPENAPI_LINT is set: then they have to be there."""

import collections
import copy
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

import markdown_pages

ROOT = markdown_pages.ROOT
sys.path.insert(0, str(ROOT / "tests" / "support"))

import openapi_check  # noqa: E402

LINT = ROOT / "tests" / "openapi"
PACKAGES = ROOT / "build" / "npm" / "openapi"
IS_DEMANDED = "MIRROR_TEST_OPENAPI_LINT"
SKIPPED = 77
ROLES = ("none", "reader", "writer", "owner")
# What every request can be answered with, and what one with a key can.
OF_ALL = {"400", "413", "415", "417", "431", "500", "503"}
OF_KEYS = {"401", "429"}
# Objects of which somebody else decides what is in them: a table, and a document of OpenAPI.
OPEN = {"Row"}
COLUMNS_MAX = 110


def references(thing):
    """Those in a part of the document."""
    if isinstance(thing, dict):
        if isinstance(thing.get("$ref"), str):
            yield thing["$ref"]
        for one in thing.values():
            yield from references(one)
    elif isinstance(thing, list):
        for one in thing:
            yield from references(one)


def examples(holder):
    """(name, value) of a media type, a parameter or a schema."""
    if "example" in holder:
        yield "example", holder["example"]
    yield from ((name, one["value"]) for name, one in holder.get("examples", {}).items())


def problems_of(check):
    """What is wrong with a document, in words. Each rule by itself: see Rules."""
    rules = (broken_references, bad_operations, bad_paths, bad_answers, open_answers, bad_examples, unused_parts)
    return [one for rule in rules for one in rule(check)]


def broken_references(check):
    for one in sorted(set(references(check.document))):
        try:
            check.schemas.resolve({"$ref": one})
        except AssertionError as error:
            yield str(error)


def bad_operations(check):
    names = collections.Counter(operation.get("operationId") for _, _, operation in check.operations())
    tags = {tag["name"] for tag in check.document["tags"]}
    for method, path, operation in check.operations():
        where, name = f"{method} {path}", operation.get("operationId") or ""
        if not re.fullmatch(r"[a-z]+(?:[A-Z][a-z]+)+", name) or names[name] > 1:
            yield f"{where}: the operationId {name!r} is not in camelCase, or another one's, too"
        if not operation.get("summary") or set(operation.get("tags", ())) - tags or not operation.get("tags"):
            yield f"{where}: a summary or a known tag is missing"
        role = operation.get("x-role")
        if role not in ROLES:
            yield f"{where}: x-role is {role!r}"
        elif (operation.get("security") == []) != (role == "none"):
            yield f"{where}: security and x-role disagree"


def bad_paths(check):
    for method, path, operation in check.operations():
        declared = [one["name"] for one in check.parameters(path, operation) if one["in"] == "path" and one["required"]]
        wanted = re.findall(r"\{(\w+)\}", path)
        if sorted(declared) != sorted(wanted):
            yield f"{method} {path}: the path has {wanted}, and {declared} are declared"


def bad_answers(check):
    for method, path, operation in check.operations():
        where, role, declared = f"{method} {path}", operation.get("x-role"), set(operation.get("responses", {}))
        if not any(status.startswith("2") for status in declared):
            yield f"{where}: no answer says that it succeeded"
        missing = (OF_ALL | (OF_KEYS if role != "none" else set()) | ({"404"} if "{" in path else set())) - declared
        if missing:
            yield f"{where}: {', '.join(sorted(missing))} can occur and is not declared"
        # The least of the roles is one that every key has.
        if ("403" in declared) != (role in ("writer", "owner")):
            yield f"{where}: 403 and x-role {role} disagree"
        for status, answer in operation.get("responses", {}).items():
            answer = check.schemas.resolve(answer)
            if status in ("429", "503") and not answer.get("headers", {}).get("Retry-After", {}).get("required"):
                yield f"{where}: {status} has no Retry-After"
            if status >= "400" and "#/components/schemas/Error" not in references(answer):
                yield f"{where}: {status} has not the form of errors"


def open_answers(check):
    """Objects that take members which nobody has declared: what the server writes beside them would not be noticed."""
    schemas = check.document["components"]["schemas"]
    answers = [one for _, _, operation in check.operations() for one in operation["responses"].values()]
    reached, left = set(), set(references(answers)) | set(references(check.document["components"]["responses"]))
    while left:
        one = left.pop()
        reached.add(one)
        left |= set(references(check.schemas.resolve({"$ref": one}))) - reached
    for name, schema in schemas.items():
        if f"#/components/schemas/{name}" in reached and name not in OPEN:
            if schema.get("type") == "object" and schema.get("additionalProperties") is not False:
                yield f"{name}: an answer may have members that are not declared"


def bad_examples(check):
    def each(where, holder):
        for name, value in examples(holder):
            for problem in check.schemas.problems(holder["schema"], value):
                yield f"{where} {name}: {problem}"

    for method, path, operation in check.operations():
        bodies = {"request": operation.get("requestBody", {}), **operation["responses"]}
        for status, body in bodies.items():
            for media, one in check.schemas.resolve(body).get("content", {}).items():
                yield from each(f"{method} {path} {status} {media}", one)
        for one in check.parameters(path, operation):
            yield from each(f"{method} {path} {one['name']}", one)


def unused_parts(check):
    used = set(references(check.document))
    for kind, parts in check.document["components"].items():
        if kind != "securitySchemes":
            yield from (f"{kind} {name} is not used" for name in parts if f"#/components/{kind}/{name}" not in used)


class Document(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.check = openapi_check.OpenApiCheck()
        cls.operations = {operation["operationId"]: operation for _, _, operation in cls.check.operations()}

    def test_it_is_well_formed(self):
        found = problems_of(self.check)
        self.assertEqual(found, [], "\n" + "\n".join(found))

    def test_every_call_with_a_body_has_an_example_of_it(self):
        for name, operation in self.operations.items():
            for media, one in operation.get("requestBody", {}).get("content", {}).items():
                with self.subTest(name):
                    self.assertTrue(media == "*/*" or list(examples(one)))

    def test_answers_that_are_json_have_an_example(self):
        for name, operation in self.operations.items():
            for status, answer in operation["responses"].items():
                one = self.check.schemas.resolve(answer).get("content", {}).get(openapi_check.JSON)
                with self.subTest(name, status=status):
                    self.assertTrue(one is None or name == "getOpenApi" or list(examples(one)))

    def test_the_examples_are_those_of_the_seed(self):
        def value(operation, status, name):
            return self.operations[operation]["responses"][status]["content"][openapi_check.JSON]["examples"][name]["value"]

        ours = {"numberOfUnchanged", "featuresOn"}
        seed = [
            ("inserted", {"numberOfAccepted": 1, "numberOfInserts": 1, "numberOfUpdates": 0, "numberOfFailed": 0}),
            ("updated", {"numberOfAccepted": 1, "numberOfInserts": 0, "numberOfUpdates": 1, "numberOfFailed": 0}),
            (
                "failed",
                {
                    "numberOfAccepted": 0,
                    "numberOfInserts": 0,
                    "numberOfUpdates": 0,
                    "numberOfFailed": 1,
                    "failures": [{"externalId": "0053", "message": "Incorrect record quote escaping"}],
                },
            ),
        ]
        for name, wanted in seed:
            found = value("upsertBusinessPartners", "200", name)
            self.assertEqual({key: one for key, one in found.items() if key not in ours}, wanted)
        created = self.operations["createDataSource"]["responses"]["201"]["content"][openapi_check.JSON]["example"]
        self.assertEqual(
            created, {"id": "YOUR_DATASOURCE_ID", "name": "YOUR_DATASOURCE_NAME", "dataMapperDefinitionId": "default"}
        )

    def test_records_that_are_texts_are_json(self):
        found = [one["record"] for one in self.members(self.check.document) if isinstance(one.get("record"), str)]
        self.assertGreater(len(found), 2)
        for one in found:
            self.assertIsInstance(json.loads(one), dict)

    def members(self, thing):
        if isinstance(thing, dict):
            yield thing
        for one in thing.values() if isinstance(thing, dict) else thing if isinstance(thing, list) else ():
            yield from self.members(one)

    def test_it_can_be_read_by_a_person(self):
        lines = openapi_check.DOCUMENT.read_text().splitlines()
        # A text cannot be broken.
        long = [line for line in lines if len(line) > COLUMNS_MAX and not re.fullmatch(r'\s*"\w+": "(?:[^"\\]|\\.)*",?', line)]
        self.assertEqual(long, [])


class Rules(unittest.TestCase):
    """Each of them finds what it is for."""

    def assert_found(self, words, change):
        check = openapi_check.OpenApiCheck()
        check.document = copy.deepcopy(check.document)
        check.schemas.document = check.document
        change(check.document)
        found = problems_of(check)
        self.assertTrue(any(re.search(words, one) for one in found), found)

    def of(self, method, path, **members):
        return lambda document: document["paths"][path][method].update(members)

    def without(self, method, path, *names):
        def change(document):
            part = document["paths"][path][method]
            for name in names[:-1]:
                part = part[name]
            del part[names[-1]]

        return change

    def test_references_and_parts(self):
        def dead(document):
            document["paths"]["/healthz"]["get"]["x-more"] = {"$ref": "#/components/schemas/None"}

        self.assert_found("schemas/None leads nowhere", dead)
        self.assert_found("schemas Lost is not used", lambda document: document["components"]["schemas"].update(Lost={}))
        self.assert_found("responses Lost is not used", lambda document: document["components"]["responses"].update(Lost={}))

    def test_operations(self):
        path = "/v2/storages"
        self.assert_found("x-role is None", self.without("get", path, "x-role"))
        self.assert_found("x-role is 'king'", self.of("get", path, **{"x-role": "king"}))
        self.assert_found("security and x-role", self.of("get", path, security=[]))
        self.assert_found("operationId 'createStorage'", self.of("get", path, operationId="createStorage"))
        self.assert_found("operationId 'list_storages'", self.of("get", path, operationId="list_storages"))
        self.assert_found("a summary or", self.without("get", path, "summary"))
        self.assert_found("a known tag", self.of("get", path, tags=["others"]))

    def test_paths(self):
        self.assert_found("the path has", self.of("get", "/v2/storages/{storageId}", parameters=[]))
        more = [{"$ref": "#/components/parameters/StorageId"}]
        self.assert_found("the path has", self.of("get", "/v2/storages", parameters=more))

    def test_answers(self):
        path = "/v2/storages/{storageId}"
        for status in ("401", "404", "503"):
            self.assert_found(f"{status} can occur", self.without("get", path, "responses", status))
        self.assert_found("no answer says", self.without("get", path, "responses", "200"))
        self.assert_found("403 and x-role writer", self.of("get", path, **{"x-role": "writer"}))
        errors = [("TooMany", "429 has no Retry-After", "headers"), ("NotFound", "404 has not the form", "content")]
        for name, words, member in errors:
            self.assert_found(words, lambda document, n=name, m=member: document["components"]["responses"][n].pop(m))
        opened = [("Counts", "Counts: an answer may"), ("MappedColumn", "MappedColumn: an answer may")]
        for name, words in opened:
            self.assert_found(
                words, lambda document, n=name: document["components"]["schemas"][n].pop("additionalProperties")
            )

    def test_examples(self):
        def storage(document):
            return document["paths"]["/v2/storages"]["post"]

        self.assert_found(
            "POST /v2/storages 201.*'id' is missing",
            lambda document: storage(document)["responses"]["201"]["content"]["application/json"]["example"].pop("id"),
        )
        self.assert_found(
            "POST /v2/storages request",
            lambda document: storage(document)["requestBody"]["content"]["application/json"].update(example={"name": ""}),
        )
        self.assert_found(
            "storageId example: .* pattern",
            lambda document: document["components"]["parameters"]["StorageId"].update(example="a b"),
        )


class Page(unittest.TestCase):
    """docs/reference/http.md has each call of the document and no other, and each error."""

    @classmethod
    def setUpClass(cls):
        cls.check = openapi_check.OpenApiCheck()
        page = markdown_pages.Page(ROOT / "docs" / "reference" / "http.md")
        rows = [line.strip("|").split("|") for line in page.prose.splitlines() if line.startswith("|")]
        cls.rows = [[cell.strip() for cell in row] for row in rows]

    def test_calls_and_their_roles(self):
        told = {}
        for first, second, *_ in self.rows:
            for method, path in re.findall(r"`([A-Z]+) (/[^`?]*)`", first):
                self.assertNotIn((method, path), told)
                told[method, path] = second
        known = {(method, path): operation["x-role"].replace("none", "no key") for method, path, operation in self.check.operations()}
        self.assertEqual(told, known)

    def test_errors(self):
        told = {}
        for first, second, *_ in self.rows:
            if found := re.fullmatch(r"(\d{3})", first):
                told[int(found[1])] = set(re.findall(r"`([A-Z_]+)`", second))
        known = {405: {"UNIMPLEMENTED"}}
        for answer in self.check.document["components"]["responses"].values():
            form = answer["content"][openapi_check.JSON]["schema"]["allOf"][1]["properties"]
            known[form["status"]["const"]] = set(form["code"]["enum"])
        self.assertEqual(told, known)
        codes = set(self.check.document["components"]["schemas"]["Error"]["properties"]["code"]["enum"])
        self.assertEqual(codes, set().union(*known.values()))


class Lint(unittest.TestCase):
    def setUp(self):
        node = shutil.which("node")
        is_there = node and (PACKAGES / "package-lock.json").exists()
        if not is_there and not os.environ.get(IS_DEMANDED):
            self.skipTest("the linter is not installed: tools/lib/npm_packages.sh tests/openapi")
        self.assertTrue(is_there, f"{IS_DEMANDED} is set, and the linter is not installed: tools/lib/npm_packages.sh tests/openapi")

    def lint(self, document):
        command = ["node", LINT / "lint.mjs", document, PACKAGES]
        return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)

    def test_it_finds_nothing(self):
        done = self.lint(openapi_check.DOCUMENT)
        self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "0 findings\n", ""), done.stdout)

    def test_it_would_find_something(self):
        document = json.loads(openapi_check.DOCUMENT.read_text())
        document["paths"]["/healthz"]["get"]["responses"]["200"].pop("description")
        with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
            json.dump(document, file)
            file.flush()
            done = self.lint(file.name)
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertIn("#/paths/~1healthz/get/responses/200", done.stdout)


class Packages(unittest.TestCase):
    def test_the_lock_names_no_registry(self):
        lock = json.loads((LINT / "package-lock.json").read_text())
        self.assertEqual([name for name, one in lock["packages"].items() if "resolved" in one], [])
        self.assertNotIn("registry", (LINT / "package-lock.json").read_text())
        unsure = [name for name, one in lock["packages"].items() if name and "integrity" not in one]
        self.assertEqual(unsure, [])


if __name__ == "__main__":
    result = unittest.main(exit=False).result
    sys.exit(1 if not result.wasSuccessful() else SKIPPED if result.skipped else 0)
