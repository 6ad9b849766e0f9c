"""Whether an answer of the server's HTTP door is one that server/http/openapi.json declares.

With the standard library alone: Debian's python3-jsonschema would bring four packages for the dozen keywords that the
document uses, and passes over a keyword that it does not know, as `nullable`. Here such a document is refused."""

import base64
import datetime
import json
import math
import pathlib
import re
import urllib.parse

DOCUMENT = pathlib.Path(__file__).resolve().parents[2] / "server" / "http" / "openapi.json"
METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace")
JSON, NDJSON = "application/json", "application/x-ndjson"
# What calls that the document does not have are refused with.
REFUSALS = (400, 401, 403, 404, 405, 408, 413, 415, 417, 429, 431, 500, 503)
SHOWN_MAX = 80


def shown(value):
    text = json.dumps(value, ensure_ascii=False) if not isinstance(value, bytes) else repr(value)
    return text if len(text) <= SHOWN_MAX else f"{text[:SHOWN_MAX]}…"


def read_json(text, what="the body"):
    """As the door has to write it: a member twice, NaN and what stands behind the value are refused."""

    def members(pairs):
        names = [name for name, _ in pairs]
        twice = {name for name in names if names.count(name) > 1}
        assert not twice, f"{what} has the member {sorted(twice)[0]!r} twice"
        return dict(pairs)

    def constant(name):
        raise AssertionError(f"{what} has {name}, which is not JSON")

    try:
        return json.loads(text, object_pairs_hook=members, parse_constant=constant)
    except json.JSONDecodeError as error:
        raise AssertionError(f"{what} is not JSON: {error}") from error


# --- Formats and types ---


def is_date_time(text):
    found = re.fullmatch(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)", text)
    try:
        return bool(found and datetime.datetime.fromisoformat(found[1]))
    except ValueError:
        return False


def is_date(text):
    try:
        return bool(re.fullmatch(r"\d{4}-\d\d-\d\d", text) and datetime.date.fromisoformat(text))
    except ValueError:
        return False


def is_base64(text):
    try:
        return base64.b64encode(base64.b64decode(text, validate=True)).decode() == text
    except ValueError:
        return False


UUID = re.compile(r"[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}")
# {name: (of which type, whether it is one)}
FORMATS = {
    "date-time": (str, is_date_time),
    "date": (str, is_date),
    "byte": (str, is_base64),
    "uuid": (str, lambda text: bool(UUID.fullmatch(text))),
    "uri": (str, lambda text: bool(re.fullmatch(r"[a-z][a-z0-9+.-]*://[^\s/]+(?:/\S*)?", text))),
    "int32": (int, lambda number: -(2**31) <= number < 2**31),
    "int64": (int, lambda number: -(2**63) <= number < 2**63),
}
TYPES = {
    "object": lambda value: isinstance(value, dict),
    "array": lambda value: isinstance(value, list),
    "string": lambda value: isinstance(value, str),
    "integer": lambda value: isinstance(value, int) and not isinstance(value, bool),
    "number": lambda value: isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value),
    "boolean": lambda value: isinstance(value, bool),
    "null": lambda value: value is None,
}


def same(one, other):
    """Of JSON's values: 1 and true are two."""
    return json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)


def search(pattern, text):
    """As ECMA's expressions: `$` is the end of the text, not also what stands before a last line feed."""
    return re.search(re.sub(r"(?<!\\)\$$", r"\\Z", pattern), text)


# --- Schemas ---

# {keyword: (of which values it speaks, whether it holds, what is said when it does not)}
LIMITS = {
    "minLength": (str, lambda value, limit: len(value) >= limit, "is shorter than"),
    "maxLength": (str, lambda value, limit: len(value) <= limit, "is longer than"),
    "pattern": (str, lambda value, pattern: search(pattern, value), "does not fit the pattern"),
    "minimum": ((int, float), lambda value, limit: value >= limit, "is less than"),
    "maximum": ((int, float), lambda value, limit: value <= limit, "is more than"),
    "exclusiveMinimum": ((int, float), lambda value, limit: value > limit, "is not more than"),
    "exclusiveMaximum": ((int, float), lambda value, limit: value < limit, "is not less than"),
    "minItems": (list, lambda value, limit: len(value) >= limit, "has fewer items than"),
    "maxItems": (list, lambda value, limit: len(value) <= limit, "has more items than"),
    "minProperties": (dict, lambda value, limit: len(value) >= limit, "has fewer members than"),
    "maxProperties": (dict, lambda value, limit: len(value) <= limit, "has more members than"),
}
APART = ("$ref", "type", "const", "enum", "format", "required", "properties", "additionalProperties", "items")
SEVERAL = ("allOf", "anyOf", "oneOf")
SAID = ("description", "title", "default", "example", "examples", "deprecated", "contentMediaType")
KEYWORDS = {*LIMITS, *APART, *SEVERAL, *SAID}


def subschemas(schema):
    """(keyword, schema) of those that stand directly in one."""
    yield from (("properties", one) for one in schema.get("properties", {}).values())
    yield from ((key, schema[key]) for key in ("items", "additionalProperties") if key in schema)
    yield from ((key, one) for key in SEVERAL for one in schema.get(key, ()))


class Schemas:
    """The schemas of a document. `problems` finds what does not fit; no problem: it fits."""

    def __init__(self, document):
        self.document = document

    def resolve(self, thing):
        """What a reference leads to, or the thing itself."""
        while isinstance(thing, dict) and "$ref" in thing:
            reference = thing["$ref"]
            assert reference.startswith("#/"), f"{reference}: not of this document"
            thing = self.document
            for name in reference[2:].split("/"):
                name = urllib.parse.unquote(name).replace("~1", "/").replace("~0", "~")
                assert isinstance(thing, dict) and name in thing, f"{reference} leads nowhere"
                thing = thing[name]
        return thing

    def refuse_unknown(self, schema, where):
        """A keyword that nobody here checks would be a promise that nobody keeps."""
        if isinstance(schema, bool):
            return
        unknown = {key for key in schema if key not in KEYWORDS and not key.startswith("x-")}
        assert not unknown, f"{where}: the keyword {sorted(unknown)[0]!r} is unknown to the checker"
        types = schema.get("type", [])
        for one in [types] if isinstance(types, str) else types:
            assert one in TYPES, f"{where}: there is no type {one!r}"
        assert schema.get("format", "uri") in FORMATS, f"{where}: the format {schema.get('format')!r} is unknown to the checker"
        re.compile(schema.get("pattern", ""))
        for key, one in subschemas(schema):
            self.refuse_unknown(one, f"{where}/{key}")

    def problems(self, schema, value, at=""):
        """What does not fit, in words, each behind the place in the value."""
        if isinstance(schema, bool):
            return [] if schema else [f"{at or 'the body'}: nothing may be here"]
        found = self.problems(self.resolve(schema), value, at) if "$ref" in schema else []
        for check in (self._of_value, self._of_limits, self._of_members, self._of_several):
            found += [one if one.startswith(("/", "the body: ")) else f"{at or 'the body'}: {one}" for one in check(schema, value, at)]
        return found

    def _of_value(self, schema, value, _at):
        types = schema.get("type")
        types = [types] if isinstance(types, str) else types
        if types and not any(TYPES[one](value) for one in types):
            yield f"{shown(value)} is not of type {' or '.join(types)}"
        if "const" in schema and not same(schema["const"], value):
            yield f"{shown(value)} is not {shown(schema['const'])}"
        if "enum" in schema and not any(same(one, value) for one in schema["enum"]):
            yield f"{shown(value)} is none of {shown(schema['enum'])}"
        of, fits = FORMATS[schema["format"]] if "format" in schema else ((), None)
        if isinstance(value, of) and not isinstance(value, bool) and not fits(value):
            yield f"{shown(value)} is no {schema['format']}"

    def _of_limits(self, schema, value, _at):
        for key in schema.keys() & LIMITS.keys():
            of, holds, words = LIMITS[key]
            if isinstance(value, of) and not isinstance(value, bool) and not holds(value, schema[key]):
                yield f"{shown(value)} {words} {schema[key]}"

    def _of_members(self, schema, value, at):
        if isinstance(value, list) and "items" in schema:
            for number, one in enumerate(value):
                yield from self.problems(schema["items"], one, f"{at}/{number}")
        if not isinstance(value, dict):
            return
        known = schema.get("properties", {})
        for name in schema.get("required", ()):
            if name not in value:
                yield f"the member {name!r} is missing"
        for name, one in value.items():
            if name in known:
                yield from self.problems(known[name], one, f"{at}/{name}")
            elif schema.get("additionalProperties") is False:
                yield f"the member {name!r} is not declared"
            elif "additionalProperties" in schema:
                yield from self.problems(schema["additionalProperties"], one, f"{at}/{name}")

    def _of_several(self, schema, value, at):
        for one in schema.get("allOf", ()):
            yield from self.problems(one, value, at)
        for key in ("anyOf", "oneOf"):
            # Most lines of a stream fit the first of two forms.
            if key not in schema or (key == "anyOf" and self.problems(schema[key][0], value, at) == []):
                continue
            each = [self.problems(one, value, at) for one in schema[key]]
            fitting = each.count([])
            if fitting == 0:
                yield f"fits none of the {len(each)} forms ({'; or '.join(problems[0] for problems in each)})"
            elif key == "oneOf" and fitting > 1:
                yield f"fits {fitting} of the forms, not one"


# --- Calls and answers ---


class OpenApiCheck:
    """`seen` has (operation id, status) of each answer that was checked and fits."""

    def __init__(self, path=DOCUMENT):
        self.document = read_json(pathlib.Path(path).read_text(encoding="utf-8"), str(path))
        self.schemas = Schemas(self.document)
        self.seen = set()
        self.bases = sorted({one["url"].rstrip("/") for one in self.document["servers"]}, key=len, reverse=True)
        for where, schema in self.all_schemas():
            self.schemas.refuse_unknown(schema, where)

    def operations(self):
        """(method, path, operation), in the document's order."""
        for path, item in self.document["paths"].items():
            yield from ((method.upper(), path, item[method]) for method in item if method in METHODS)

    def parameters(self, path, operation):
        item = self.document["paths"][path]
        return [self.schemas.resolve(one) for one in item.get("parameters", []) + operation.get("parameters", [])]

    def all_schemas(self):
        """(where, schema) of all that stand in the document by themselves."""
        parts = self.document.get("components", {})
        yield from parts.get("schemas", {}).items()
        answers = list(parts.get("responses", {}).items())
        for method, path, operation in self.operations():
            where = f"{method} {path}"
            yield from ((f"{where} {one['name']}", one["schema"]) for one in self.parameters(path, operation))
            for media, one in operation.get("requestBody", {}).get("content", {}).items():
                yield f"{where} {media}", one["schema"]
            answers += [(f"{where} {status}", one) for status, one in operation["responses"].items() if "$ref" not in one]
        for where, answer in answers:
            for name, one in [*answer.get("content", {}).items(), *answer.get("headers", {}).items()]:
                yield f"{where} {name}", self.schemas.resolve(one)["schema"]

    def operation(self, method, path):
        """The operation that this call is. `path`: as it was sent, with its query. None: the document has none."""
        path = urllib.parse.urlsplit(path).path
        for base in self.bases:
            if path.startswith(f"{base}/"):
                return self._operation_below(method, path.removeprefix(base).split("/"))
        return None

    def _operation_below(self, method, parts):
        """One at most: the linter refuses two paths that the same call fits."""
        for one, template, operation in self.operations():
            names = template.split("/")
            if one == method.upper() and len(names) == len(parts):
                pairs = zip(names, parts)
                if all(name == part or (part != "" and re.fullmatch(r"\{\w+\}", name)) for name, part in pairs):
                    return operation
        return None

    def check_answer(self, method, path, status, headers, body_bytes):
        """Raises AssertionError, in words, unless the document declares this answer to this call.

        `headers`: a dict or pairs, in any case. `body_bytes`: whole, without its transfer coding."""
        operation = self.operation(method, path)
        assert operation is not None, f"{method} {path} is no call of the document"
        name = operation["operationId"]
        declared = operation["responses"].get(str(status))
        known = ", ".join(operation["responses"])
        assert declared is not None, f"{name}: {status} is not declared, only {known}; the body: {shown(body_bytes)}"
        self._check(f"{name} {status}", self.schemas.resolve(declared), headers, body_bytes)
        self.seen.add((name, status))

    def check_refusal(self, method, path, status, headers, body_bytes):
        """The same of a call that the document does not have: an error in the form of all errors."""
        operation = self.operation(method, path)
        assert operation is None, f"{method} {path} is a call of the document"
        where = f"{method} {path} {status}"
        assert status in REFUSALS, f"{where}: a call that the document does not have is refused with one of {REFUSALS}"
        status_too = {"properties": {"status": {"const": status}}}
        form = {"allOf": [{"$ref": "#/components/schemas/Error"}, status_too]}
        declared = {"content": {JSON: {"schema": form}}}
        if status == 405:
            declared["headers"] = {"Allow": {"required": True, "schema": {"type": "string"}}}
        self._check(where, declared, headers, body_bytes)

    def _check(self, where, declared, headers, body_bytes):
        pairs = headers.items() if hasattr(headers, "items") else headers
        values = {name.lower(): value for name, value in pairs}
        self._check_headers(where, declared, values)
        content = declared.get("content", {})
        if not content:
            assert body_bytes == b"", f"{where}: the body is not declared: {shown(body_bytes)}"
            return
        media, _, rest = values.get("content-type", "").partition(";")
        media = media.strip().lower()
        assert media in content, f"{where}: the media type {media!r} is not declared, only {', '.join(content)}"
        charset = re.search(r"charset=\"?([\w-]+)", rest)
        assert not charset or charset[1].lower() == "utf-8", f"{where}: the charset is {charset and charset[1]}, not utf-8"
        problems = self._problems_of_body(media, content[media]["schema"], body_bytes, where)
        assert not problems, f"{where}: " + "; ".join(problems)

    def _check_headers(self, where, declared, values):
        for name, one in declared.get("headers", {}).items():
            one, value = self.schemas.resolve(one), values.get(name.lower())
            assert value is not None or not one.get("required"), f"{where}: the header {name} is missing"
            if value is not None:
                is_number = one["schema"].get("type") == "integer" and re.fullmatch(r"-?\d+", value)
                problems = self.schemas.problems(one["schema"], int(value) if is_number else value)
                assert not problems, f"{where}: header {name}: {problems[0].partition(': ')[2]}"

    def _problems_of_body(self, media, schema, body_bytes, where):
        try:
            text = body_bytes.decode("utf-8")
        except UnicodeDecodeError as error:
            raise AssertionError(f"{where}: the body is not UTF-8: {error}") from error
        if media == JSON:
            return self.schemas.problems(schema, read_json(text, f"{where}: the body"))
        if media == NDJSON:
            return self._problems_of_lines(schema, text, where)
        return self.schemas.problems(schema, text)

    def _problems_of_lines(self, schema, text, where):
        """`schema` is that of a line. The last one tells how many were before it."""
        if not text.endswith("\n"):
            return ["the last line has no end: the stream was cut"]
        # Not splitlines(): U+2028 and others of its kind may stand in a text of JSON.
        lines = [read_json(line, f"{where}: line {number}") for number, line in enumerate(text[:-1].split("\n"), 1)]
        found = [one for number, line in enumerate(lines, 1) for one in self.schemas.problems(schema, line, f"/line {number}")]
        last = lines[-1]
        if not isinstance(last, dict) or last.get("_end") is not True:
            found.append("the last line is not the one that ends the stream: it was cut")
        elif last.get("rows") != len(lines) - 1:
            found.append(f"the last line tells of {last.get('rows')} rows, and there are {len(lines) - 1}")
        return found
