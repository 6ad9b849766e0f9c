#!/usr/bin/python3
"""What is described once, and the reference that is made of it, against the programs' own tables, read from the sources:
nothing is described that the code does not have, and the code has nothing that is not. Keys of configurations and their
defaults, kinds of events, metrics. Commands and options of their page are what the programs say. tests/python/docs_test.py
and metrics_test.py ask the programs for more.

Usage: reference_test.py BIN_DIR
"""

import importlib.machinery
import importlib.util
import pathlib
import re
import subprocess
import sys
import tempfile
import tomllib
import unittest

import markdown_pages

ROOT = markdown_pages.ROOT
REFERENCE = ROOT / "docs" / "reference"
BIN = None
EVENTS = "server/watch/events.toml"
METRICS = ("server/metrics.toml", "client/command/metrics.toml", "base/http/metrics.toml")
# Tables that init does not write.
OF_THE_PAGE = ("[[hub]]", "[[hub.member]]", "[[source.table]]", "deletes_from")
KIND = re.compile(r"[a-z]+\.[a-z_]+")
# Files have such names, too.
FILE = re.compile(r".*\.(?:head|key|proto|db|lock|toml)")


def read(*names):
    return "\n".join((ROOT / name).read_text() for name in names)


def sources(*folders):
    """{name: text} of the .h and .cc files below."""
    paths = (path for folder in folders for path in sorted((ROOT / folder).rglob("*")))
    return {path.relative_to(ROOT).as_posix(): path.read_text() for path in paths if path.suffix in (".h", ".cc")}


def described(name):
    """{table: {name: row}} of a file that describes them."""
    tables = tomllib.loads((ROOT / name).read_text())["table"]
    return {table["name"]: {row["name"]: row for row in table["rows"]} for table in tables}


# --- Code ---


def body_of(text, signature):
    """The lines of a function, by how its first line begins."""
    found = re.search(rf"^( *){re.escape(signature)}.*?^\1\}}", text, re.MULTILINE | re.DOTALL)
    assert found, signature
    return found[0]


def closed(text, begin):
    """The end of the bracket that opens at `begin`."""
    depth, quoted, at = 0, False, begin
    while True:
        char = text[at]
        if char == '"' and text[at - 1] != "\\":
            quoted = not quoted
        elif not quoted:
            depth += (char in "({[") - (char in ")}]")
            if depth == 0:
                return at
        at += 1


PLACE_KEY = re.compile(r"place_key = (\"\w+\")|Place::\w+, (\"\w+\")")
ENTRY = re.compile(r"\{\"(\w+)\",\s*(?:Set(?!Elsewhere)\w+|Path|path_of|std::move)(?:<\w+(?:<\w+>)?>|<std::\w+(?:<\w+>)?>)?\(")


def entries_of(text):
    """{key: its entry in the program's table}"""
    return {found[1]: text[found.start() : closed(text, found.start()) + 1] for found in ENTRY.finditer(text)}


def structs():
    """{struct: {member: (type, what it begins as)}} of all headers."""
    found = {}
    for text in sources("server", "client", "base").values():
        for name, members in re.findall(r"^struct (\w+) \{\n(.*?)^\};", re.sub(r"\s//[/ ].*", "", text), re.MULTILINE | re.DOTALL):
            known = found.setdefault(name, {})
            for kind, declared in re.findall(r"^  ((?:std::)?[\w:]+(?:<.*?>+)?) ([^()]*?(?:\(.*)?);", members, re.MULTILINE):
                for one in re.split(r",\s*(?=\w+\s*(?:[={,]|$))(?![^{]*\})", declared):
                    if parts := re.fullmatch(r"(\w+)\s*(?:=\s*(.*)|\{(.*)\})?", one.strip(), re.DOTALL):
                        known[parts[1]] = (kind, parts[2] or parts[3] or "")
    return found


class Config:
    """The keys of a program's configuration, as its loaders have them."""

    def __init__(self, files, whole, blocks, structs_known):
        self.text, self.whole, self.structs = read(*files), whole, structs_known
        self.tables, self.bodies = {}, {}
        for name, function in re.findall(r"\{\"(\w+)\",\s*(\w+Keys)\([^{}]*\)\}", self.text):
            self._add(f"[{name}]", body_of(self.text, f"ConfigKeys {function}("))
        for found in re.finditer(r"\{\"(\w+)\",\s*\{\{\"", self.text):
            if found[1] in re.findall(r"\"(\w+)\"", body_of(self.text, "absl::StatusOr<AgentConfig> Load()")):
                self._add(f"[{found[1]}]", self.text[found.start() : closed(self.text, found.start()) + 1])
        for table, signature in blocks.items():
            self._add(table, body_of(self.text, signature))

    def _add(self, table, body):
        self.tables[table], self.bodies[table] = entries_of(body), body

    def is_required(self, table, key):
        entry = self.tables[table][key]
        if f'Missing("{table.strip("[]")}", "{key}")' in self.text:
            # Not where it is first filled with what another table has.
            return not re.search(rf"\b{table.strip('[]')}\.{key} = config", self.text)
        checked = " ".join(re.findall(r"CheckHas\(\{(.*?)\}\)", self.bodies[table]))
        if table == "[[source]]":  # One of them, by the kind of the source.
            traits = read("client/config/source_config.h", "client/config/source_config.cc")
            checked = " ".join(first or second for first, second in re.findall(PLACE_KEY, traits))
        must_not_be_empty = re.search(r"\),\s+&[\w.>-]+\}$", entry) is not None
        return f'"{key}"' in checked or must_not_be_empty and self.begins_as(table, key)[1] == ""

    def begins_as(self, table, key):
        """(type, C++ text) of what a key is when nobody gives it."""
        target = re.search(r"&([\w.]+(?:->[\w.]+)?)", self.tables[table][key])
        # Given by who asks for the table.
        target = target or re.search(rf"&(config_\.{re.escape(table.strip('[]'))}\.{key})\b", self.text)
        if target is None:
            return "", ""
        first, *members = re.split(r"\.|->", target[1])
        # A word that the loader turns into something else.
        if local := re.search(rf"\bstd::string {re.escape(target[1])} = (\"[^\"]*\");", self.bodies[table]):
            return "std::string", local[1]
        kind = self.whole if first == "config_" else None
        if kind is None:
            declared = re.findall(rf"\b([\w:]+(?:<[^;()]*>)?)[&*]? {first}\b(?: = (config_[\w.]*\w))?", self.bodies[table])
            kind, at = declared[0] if declared else ("", "")
            members = at.split(".")[1:] + members if at else members
            kind = self.whole if at else kind
        return self._walk(kind, members)

    def _walk(self, kind, members):
        begin = ""
        for member in members:
            above = begin
            kind, begin = self.structs[kind][member]
            if given := re.search(rf"\.{member} = ([\w.]+)", above):
                begin = given[1]
        return kind, begin


UNITS = {"B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30}
SPANS = {"ms": 1, "s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
CHRONO = {"milliseconds": "ms", "seconds": "s", "minutes": "m", "hours": "h"}


def value_of_row(value, entry):
    """A default that is described, as value_of_code() has it."""
    units = UNITS if "SetSize(" in entry else SPANS if re.search(r"Set(?:Span|Milliseconds)\(", entry) else {}
    if isinstance(value, str) and units and (parts := re.fullmatch(r"(\d+)\s*([A-Za-z]+)", value)):
        return int(parts[1]) * units[parts[2]]
    # A word for a value: the entry has both.
    if isinstance(value, str) and (word := re.search(rf"\{{\"{re.escape(value)}\", ([\w:]+)\}}", entry)):
        return value_of_code("", word[1])
    return value


def value_of_code(kind, text, structs_known=None):
    """A default of the code: numbers, times in milliseconds, texts, lists; of an enum its word without punctuation."""
    text = " ".join(text.split())
    if of := re.fullmatch(r"(\w+)\(\)\.(\w+)", text):
        return value_of_code(*structs_known[of[1]][of[2]])
    if text in ("true", "false"):
        return text == "true"
    if word := re.fullmatch(r"\w+::k(\w+)", text):
        return word[1].lower()
    if text.startswith('"') or kind == "std::string":
        return tomllib.loads(f"x = {text or repr('')}")["x"]
    if text.startswith("{") or not text or '"' in text:
        return tomllib.loads(f"x = [{text.strip('{}')}]")["x"]
    text = re.sub(r"(?:std::chrono::)?\b(milliseconds|seconds|minutes|hours)\b", lambda found: f"{SPANS[CHRONO[found[1]]]} * ", text)
    if kind == "std::chrono::seconds" and text.isdigit():
        return int(text) * SPANS["s"]
    assert re.fullmatch(r"[\d' ()*<ULL]+", text), text
    return eval(re.sub(r"'|U?LL", "", text))  # Digits and operators alone: see above.


def split(text):
    """At its commas, but for those in brackets."""
    parts, depth = [""], 0
    for char in text:
        depth += (char in "({[") - (char in ")}]")
        parts = [*parts, ""] if char == "," and depth == 0 else [*parts[:-1], parts[-1] + char]
    return [part.strip() for part in parts]


def constants(text):
    """{name: C++ text} of what a file declares as `constexpr`."""
    found = {}
    for kind, declared in re.findall(r"^ *constexpr ([\w:]+) ([^;\"]+);", text, re.MULTILINE):
        for one in split(declared):
            if parts := re.fullmatch(r"(k\w+)(?: = (.+)|[({](.+)[)}])", one, re.DOTALL):
                found[parts[1]] = parts[2] or f"{kind}({parts[3]})"
    return found


BOUNDED = re.compile(r"\bSet(?:Whole|Size|Span|Milliseconds)\(")


def bounds_of(entry, known):
    """[low, high] of an entry of a program's table, as value_of_code() has them."""
    begin = BOUNDED.search(entry).end()
    found = []
    for bound in split(entry[begin : closed(entry, begin - 1)])[-2:]:
        while bound != (text := re.sub(r"\bk[A-Z]\w*", lambda name: f"({known[name[0]]})", bound)):
            bound = text
        found.append(value_of_code("", bound))
    return found


def wrong_bounds(config, described_keys):
    known = constants(config.text)
    for table, keys in described_keys.items():
        for key, row in keys.items():
            if not {"low", "high"} & set(row):
                continue
            entry = config.tables[table][key]
            for name, bound in zip(("low", "high"), bounds_of(entry, known)):
                if name in row and value_of_row(row[name], entry) != bound:
                    yield f"{table} {key}: {name} {row[name]}, the code {bound}"


def plain(value):
    return re.sub(r"\W", "", value).lower() if isinstance(value, str) else value


def wrong_defaults(config, described_keys):
    for table, keys in described_keys.items():
        for key, row in keys.items():
            if not {"needed", "default", "shown"} & set(row) or key not in config.tables[table]:
                continue
            needed, named = row.get("needed", False), f"{table} {key}"
            if needed != config.is_required(table, key):
                yield f"{named}: the code {'does not need it' if needed else 'needs it'}"
            kind, text = config.begins_as(table, key)
            if "default" in row:
                shown = value_of_row(row["default"], config.tables[table][key])
                known = value_of_code(kind, text, config.structs)
                if plain(shown) != plain(known) and not (shown in ("", [], {}) and known in ("", [], {})):
                    yield f"{named}: {row['default']}, the code {text}"
            elif text not in ("", "{}") and row.get("shown") not in ("see below", '`"hook-1"`, ...'):
                yield f"{named}: no default, the code {text}"


def kinds_told(text):
    """[(severities, kind)] of the statements that tell of something."""
    for begin in re.finditer(r"\b(?:Tell|tell|Add)\(\s*(?=[^)]*?\bSeverity::)", text):
        said = text[begin.start() : closed(text, text.index("(", begin.start())) + 1]
        before, _, _ = said.partition(", absl::StrCat(")
        severities = {name.lower() for name in re.findall(r"Severity::k(\w+)", before)}
        for kind in re.findall(rf"\"({KIND.pattern})\"", before):
            yield severities, kind


SERVER_FILES = ("server/config/config.cc", "server/config/postgres_keys.cc", "server/config/config.cc", "server/config/hub_keys.cc")
SERVER_BLOCKS = {
    "[[issuer]]": "absl::Status Issuers()",
    "[[tenant]]": "absl::Status TenantRules()",
    "[[tenant.table]]": "absl::Status TableRules(",
    "[[tenant.index]]": "absl::Status Indexes(",
    "[[hook]]": "absl::Status Hooks()",
    "[[postgres.place]]": "absl::Status ReadPlaces(",
    "[[hub]]": "absl::Status ReadHub(",
    "[[hub.member]]": "absl::Status HubBlock::ReadMember(",
}
AGENT_FILES = ("client/config/config.cc", "client/config/source_config.cc", "client/config/source_config.cc")
AGENT_BLOCKS = {
    "[[source]]": "ConfigKeys Keys(SourceConfig",
    "[[source.table]]": "ConfigKeys TableKeys(",
    "deletes_from": "Setter SetFeed(",
}


class Reference(unittest.TestCase):
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        known = structs()
        cls.configs = {
            "server/config/keys.toml": Config(SERVER_FILES, "ServerConfig", SERVER_BLOCKS, known),
            "client/config/keys.toml": Config(AGENT_FILES, "AgentConfig", AGENT_BLOCKS, known),
        }
        cls.severities = {kind: set(row["severity"]) for rows in described(EVENTS).values() for kind, row in rows.items()}
        cls.kinds = sorted(cls.severities)

    def test_the_pages_are_as_they_are_made(self):
        run = subprocess.run([ROOT / "tools" / "docs", "--check", "--programs", BIN], capture_output=True, text=True, check=False)
        self.assertEqual((run.returncode, run.stdout + run.stderr), (0, ""))

    def test_each_table_that_is_described_stands_in_one_page(self):
        made = re.findall(r"<!-- made by tools/docs: (\S+/\S+) (.*) -->", "\n".join(path.read_text() for path in REFERENCE.glob("*.md")))
        stands = sorted((name, table) for name, tables in made for table in tables.split())
        self.assertEqual(stands, sorted((name, table) for name in {name for name, _ in made} for table in described(name)))
        self.assertLessEqual(set(self.configs), {name for name, _ in made})

    def test_the_programs_have_the_keys_that_are_described(self):
        for name, config in self.configs.items():
            keys = described(name)
            # One whose text is a block is read by the block's own keys.
            self.assertEqual(
                {table: sorted(key for key, row in rows.items() if not row.get("text", "").startswith("`[[")) for table, rows in keys.items()},
                {table: sorted(rows) for table, rows in config.tables.items()},
            )
            self.assertGreater(sum(map(len, keys.values())), 60, name)

    def test_the_defaults_that_are_described_are_those_of_the_code(self):
        for name, config in self.configs.items():
            self.assertEqual(list(wrong_defaults(config, described(name))), [], name)

    def test_the_bounds_that_are_described_are_those_of_the_code(self):
        for name, config in self.configs.items():
            keys = described(name)
            self.assertEqual(list(wrong_bounds(config, keys)), [], name)
            # The page says them where a row has them; a comment of init's has neither them nor links.
            for table, key, row in ((table, key, row) for table, rows in keys.items() for key, row in rows.items()):
                said = row.get("text", "") + row.get("more", "") + row.get("range", "")
                named = {name for name in ("low", "high") if f"{{{name}}}" in said}
                self.assertEqual(named, {"low", "high"} & set(row), f"{table} {key}")
                comment = row.get("comment", "" if "left_out" in row or table in OF_THE_PAGE else row.get("text", ""))
                self.assertNotRegex(comment, r"\{(?:low|high)\}|\]\(", f"{table} {key}")

    def test_the_kinds_that_are_described_are_those_of_the_code(self):
        words = set(re.findall(r"\{\"(\w+)\", SourceKind::k\w+\}", read("client/config/source_config.cc")))
        self.assertGreater(len(words), 4)
        for rows in described("client/config/keys.toml").values():
            for key, row in rows.items():
                self.assertLessEqual(set(row.get("kinds", ())), words, key)

    def test_mirrorctl_has_the_keys_that_are_described(self):
        text, of_code = body_of(read("tools/mirrorctl/admin/control_config.cc"), "absl::StatusOr<ControlConfig>"), {}
        for table in re.finditer(r"\{\"(\w+)\",\s*\{\{", text):
            entries = entries_of(text[table.end() - 1 : closed(text, table.start())])
            # What must not be empty is named behind how it is set.
            of_code[f"[{table[1]}]"] = {key: re.search(r"\), &[\w.]+\}$", entry) is not None for key, entry in entries.items()}
        keys = described("tools/mirrorctl/admin/keys.toml")
        self.assertEqual({table: {key: row.get("needed", False) for key, row in rows.items()} for table, rows in keys.items()}, of_code)
        self.assertEqual(sum(map(len, of_code.values())), 5)

    def test_each_kind_is_described_once(self):
        kinds = [kind for rows in described(EVENTS).values() for kind in rows]
        self.assertEqual(sorted(kinds), self.kinds)
        self.assertEqual(len(kinds), len(re.findall(r"\{ name = ", read(EVENTS))))

    def test_each_kind_that_the_server_tells_is_one_that_it_knows(self):
        told = {}
        for text in sources("server").values():
            for severities, kind in kinds_told(text):
                told.setdefault(kind, set()).update(severities)
        self.assertGreater(len(told), 40)
        self.assertEqual(sorted(set(told) - set(self.kinds)), [])
        wrong = [f"{kind}: told as {severity}" for kind, ways in told.items() for severity in ways - self.severities.get(kind, ways)]
        self.assertEqual(wrong, [])

    def test_each_kind_that_the_server_knows_can_be_told(self):
        text = "\n".join(sources("server").values())
        literals = set(re.findall(rf"\"({KIND.pattern})\"", text))
        # A hold's kind is made of its own word.
        words = re.findall(r"return \"(\w+)\";", body_of(read("server/plan/plan.cc"), "std::string_view ToString(HoldKind"))
        literals |= {f"hold.{word}" for word in words}
        self.assertEqual([kind for kind in self.kinds if kind not in literals], [])

    def test_the_pages_name_no_kind_that_there_is_not(self):
        groups, wrong = {kind.partition(".")[0] for kind in self.kinds}, []
        for page in markdown_pages.pages():
            for line, code in page.inline_code():
                if KIND.fullmatch(code) and code.partition(".")[0] in groups and code not in self.kinds and not FILE.fullmatch(code):
                    wrong.append(f"{page.name}:{line}: {code}")
        named = re.findall(rf"--kind ({KIND.pattern})", "\n".join(sources("server", "tools", "client").values()))
        self.assertEqual(wrong + sorted(set(named) - set(self.kinds)), [])

    def test_the_programs_show_the_metrics_that_are_described(self):
        types, words = {}, {}
        for name in METRICS:
            for rows_of in described(name).values():
                for metric, row in rows_of.items():
                    self.assertNotIn(metric, types, "twice")
                    types[metric], words[metric] = row["type"], row.get("help", row["text"])
        text = read("server/metrics.cc", "client/command/agent_metrics.cc",
                    "base/http/metric_page.cc")  # fmt: skip
        added = re.findall(r"\b(AddHistogram|Add|gauge|show)\(\s*\"(\w+)\"", text)
        self.assertGreater(len(added), 60)
        self.assertEqual(sorted(types), sorted({name for _, name in added}))
        self.assertEqual({name for name, kind in types.items() if kind == "histogram"}, {name for how, name in added if how == "AddHistogram"})
        self.assertEqual([name for name, kind in types.items() if (kind == "counter") != name.endswith("_total")], [])
        self.assertEqual([name for name, said in words.items() if "](" in said], [], "HELP has no links")


MANUAL = r""".SH SYNOPSIS
\fBx [OPTIONS] SUBCOMMAND\fR
.SH OPTIONS
.TP
\fB\-h\fR, \fB\-\-help\fR
Print this help message and exit
.TP
\fB\-\-config\fR FILE
Which; see \(aqx look\(aq
.SH COMMANDS
.SS look
Look at [[source]] or x.toml
.PP
\fBx look [OPTIONS] ID\fR
.TP
\fBID\fR
What\(aqs looked at
.TP
\fB\-\-as\fR A|B
One of two
.PP
Needs no server. Exit codes: 0 seen, 1 not. Example:
.PP
.RS 4
.nf
x look \-\-as A
.fi
.RE
.PP
More in _mirror_.
.SS hold
What waits
.PP
\fBx hold [OPTIONS] SUBCOMMAND\fR
.SS hold list
List it
.PP
\fBx hold list [OPTIONS]\fR
.TP
\fB\-\-as\fR A|B
One of two
.SS help
Help
.PP
\fBx help [OPTIONS]\fR
.SH EXIT STATUS
0 done, 1 not.
"""


def program(folder, name, text):
    path = pathlib.Path(folder, name)
    path.write_text(f"#!/bin/sh\n[ $1 = manual ] || [ $1 = --help ] && cat <<'END'\n{text}END\n")
    path.chmod(0o755)


class Made(unittest.TestCase):
    """The tables that tools/docs makes of a program's manual page, and of the --help of scripts."""

    def docs(self):
        loader = importlib.machinery.SourceFileLoader("made_docs", str(ROOT / "tools" / "docs"))
        docs = importlib.util.module_from_spec(importlib.util.spec_from_loader("made_docs", loader))
        loader.exec_module(docs)
        return docs

    def test_tables_of_scripts(self):
        docs = self.docs()
        with tempfile.TemporaryDirectory() as folder:
            docs.ROOT = pathlib.Path(folder)
            (docs.ROOT / "s").mkdir()
            program(folder, "s/b", "Usage: s/b [--all | --none]\n       s/b --other [--help]\n\nDoes it (tools/setup), in x.y.\nAnd more. ...\n\n  --all\n")
            program(folder, "s/a.py", "usage: a.py [-h] [--in FILE]\n            other\n\nLooks for `x`,\nwith --in.\n")
            (docs.ROOT / "s" / "not_a_script").write_text("")
            lines = list(docs.lines_of_scripts("s/"))
        self.assertEqual(lines, ["| `s/a.py [--in FILE] other` | Looks for `x`, with `--in` |",
                                 "| `s/b [--all \\| --none]`, `s/b --other` | Does it (`tools/setup`), in x.y |"])  # fmt: skip

    def test_tables_of_commands(self):
        docs = self.docs()
        tables = {
            "x|command | what": ["`look ID` | Look at `[[source]]` or `x.toml`. Needs no server. More in `_mirror_`"],
            "x|option | of | meaning": ["`--config FILE` | all | Which; see `x look`", "`ID` | all | What's looked at", "`--as A\\|B` | all | One of two"],
            "x|exit codes | of": ["0 seen, 1 not | `look`", "0 done, 1 not | all others"],
            "x hold|command | what": ["`hold list` | List it"],
            "x hold|option | meaning": ["`--as A\\|B` | One of two"],
        }
        pages = [f"<!-- made by tools/docs: {name.replace('|', ' -->{0}| ', 1)} |{{0}}|---|".format("\n") for name in tables]
        with tempfile.TemporaryDirectory() as folder:
            program(folder, "x", MANUAL)
            text = "\n".join(f"{page}\n| old |\n" for page in pages)
            made = docs.made(text, docs.MADE.findall(text), pathlib.Path(folder))
        self.assertEqual(made, "\n".join("\n".join([page, *(f"| {line} |" for line in lines), ""]) for page, lines in zip(pages, tables.values())))
        self.assertEqual(docs.made(made, [], None), made)


class Checks(unittest.TestCase):
    """What the checks above must notice."""

    def config(self, key):
        config = Config.__new__(Config)
        config.text, config.whole, config.structs = "", "W", {"W": {"a": ("A", "{.b = 8}")}, "A": {"b": ("int", "7")}}
        config.tables, config.bodies = {"[a]": {"b": key}}, {"[a]": "A& a = config_.a;"}
        return config

    def test_defaults(self):
        config = self.config('{"b", SetWhole(&a.b, 1, 9)}')
        for row, right in (({"default": 8}, True), ({"default": 7}, False), ({"needed": True}, False), ({"shown": "none"}, False)):
            with self.subTest(row=row):
                self.assertEqual(list(wrong_defaults(config, {"[a]": {"b": row}})) == [], right)

    def test_bounds(self):
        config = self.config('{"b", SetWhole(&a.b, kLow, 9 * kHigh)}')
        config.text = "constexpr int kLow = 2, kHigh = 3;"
        for row, right in (({"low": 2, "high": 27}, True), ({"high": 27}, True), ({"low": 1}, False), ({"high": 9}, False)):
            with self.subTest(row=row):
                self.assertEqual(list(wrong_bounds(config, {"[a]": {"b": row}})) == [], right)

    def test_values(self):
        for value, entry, kind, text in (
            ("16MiB", "SetSize(", "std::uint64_t", "16ULL << 20"),
            ("7d", "SetSpan(", "std::chrono::seconds", "std::chrono::hours(24 * 7)"),
            ("10s", "SetSpan(", "std::chrono::milliseconds", "10'000"),
            ("10s", "SetSpan(", "std::chrono::seconds", "10"),
            (["a", "b"], "", "std::vector<std::string>", '{"a", "b"}'),
            ("last", 'SetOneOf<bool>(&x, {{"last", false}, {"all", true}})', "bool", "false"),
            ('"', "", "std::string", '"\\""'),
        ):
            with self.subTest(value=value):
                self.assertEqual(value_of_row(value, entry), value_of_code(kind, text))
        self.assertNotEqual(value_of_row("7h", "SetSpan("), value_of_code("", "std::chrono::hours(24 * 7)"))

    def test_events(self):
        text = 'x.Tell(Severity::kError, a ? "b.c" : "d.e", absl::StrCat("f.g"));\nevents.Add("", Severity::kWarning, "h.i", "j.k l");'
        self.assertEqual(list(kinds_told(text)), [({"error"}, "b.c"), ({"error"}, "d.e"), ({"warning"}, "h.i")])


if __name__ == "__main__":
    BIN = pathlib.Path(sys.argv.pop(1)).resolve()
    unittest.main()
