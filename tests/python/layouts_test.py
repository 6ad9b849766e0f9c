#!/usr/bin/python3
"""Every file that the programs keep has a form, and the form a number: what the present programs write is compared with
the files of the newest version in tests/data/old. Whoever changes what stands in a file, or adds one, meets this test.

Usage: layouts_test.py BIN_DIR
"""

import json
import pathlib
import re
import shutil
import sqlite3
import sys
import unittest

import upgrade_test

ROOT = upgrade_test.ROOT
# What the code calls it (a KnownLayout), and which files have it: their names in the folder of an installation.
NUMBERED = {
    "the mirror file": r"data/Mirror_\w+\.db(\.building|\.claim|\.replaced-\d+)?",
    "the catalog": r"data/catalog\.db",
    "the change log in": r"[a-z]+\.db",
    "the agent's memory of the source's rows": r"agent-state/\w+\.capture\.db",
    "the run state": r"agent-state/\w+\.json",
    "the receipt book": r"agent-state/\w+\.receipts\.db",
    "the record of the last run": r"agent-state/\w+\.last\.json",
}
# Those that no folder shows yet, since a server is their source: what stands in them their own test says.
ELSEWHERE = {"the stage of the source's changes": "tests/client/source/server/stage_test.cc"}
# Without a number, and what their content looks like. One that changes needs another name, or a number.
UNNUMBERED = {
    r"data/audit\.head": r'\{"kind":"sealed","chain":"\w+","record":\d+,"hash":"\w+","time_ms":\d+,"key_id":"[^"]+",'
    r'"signature":"\w+"\}\n',
    # The first slot: a digest, what the file is, and how many records were lost (0, from 0, to 0).
    r"data/(audit|looks)-waiting": r"(?s:.{8}\x18\0{7}mirror waiting records 1\0{24}.*)",
    r"data/Mirror_\w+\.deleted": "",
    r"data/Mirror_\w+\.db\.quarantine": r"\d+ \d+\n\S[^\n]*",  # The file and its log, and words for people.
    r"data/server-start": r"cycles_through \d+\nnoted_ms \d+\ntokens_used_before_s \d+\nended [01]\nboot \d+\n(?:up_ms \d+\n)?",
    r"agent-state/\w+\.begun": r" *\d+\n?",
    # As long as a run lasts.
    r"agent-state/\w+\.work\.json": r'\{"begun_ms":\d+,"doing":"\w+","expected":\d+,"rows":\d+,"table":"[^"]*"\}\n?',
    r"(agent-state/\w+|data/server)\.lock": r"[^\n]*\n?",
    r"agent-state/\w+\.rejects/.*": None,  # Rows of the source, as it wrote them.
}
# SQLite's, the application's, and what `init` writes.
OTHERS = r".*-(wal|shm|journal)|drop/.*|.*\.(crt|key|toml|md)|.*/README"
# Sources whose log was never altered, so that a new one has the same statements.
SAME_LOGS = ("begun.db", "held.db")


def newest():
    folders = (path.name for path in upgrade_test.OLD.iterdir() if path.is_dir())
    return max(folders, key=lambda name: tuple(map(int, name.split("."))))


def layouts_of_the_code():
    found = {}
    for folder in ("base", "certs", "client", "server", "tools"):
        for path in sorted((ROOT / folder).rglob("*.cc")):
            for what, number in re.findall(r"\bKnownLayout \w+ = \{\s*\"([^\"]+)\",\s*(\d+)", path.read_text()):
                assert what not in found, what
                found[what] = int(number)
    for what, test in ELSEWHERE.items():
        assert found.pop(what) == 1 and "HasTheFormOfItsLayout" in (ROOT / test).read_text(), what
    return found


def files_of(place):
    return {path.relative_to(place).as_posix(): path for path in sorted(place.rglob("*")) if path.is_file()}


def kind_of(name):
    for what, pattern in NUMBERED.items():
        if re.fullmatch(pattern, name) and not any(re.fullmatch(other, name) for other in UNNUMBERED):
            return what
    return None


def number_of(path):
    """Absent: it is no file of ours that has something in it, as a source without a change log."""
    if path.suffix == ".json":
        return json.loads(path.read_text())["version"]
    if path.stat().st_size == 0 and not path.with_name(path.name + "-wal").exists():
        return None
    database = sqlite3.connect(path)
    try:
        return database.execute("SELECT layout FROM _mirror_layout").fetchone()[0]
    except sqlite3.OperationalError as error:
        if "no such table" in str(error):
            return None
        raise
    finally:
        database.close()


def keys_of(value, path=""):
    """Paths of all keys; the names of tables are none."""
    if isinstance(value, dict):
        for key, inner in value.items():
            here = f"{path}.*" if path == ".tables" else f"{path}.{key}"
            yield here
            yield from keys_of(inner, here)
    elif isinstance(value, list):
        for inner in value:
            yield from keys_of(inner, path + "[]")


def form_of(what, name, path):
    """What the file is like: keys of JSON, statements of our tables and triggers with numbers and ids left open."""
    if path.suffix == ".json":
        return set(keys_of(json.loads(path.read_text())))
    database = sqlite3.connect(path)
    made = database.execute("SELECT name, sql FROM sqlite_schema WHERE sql IS NOT NULL AND name <> '_mirror_layout'").fetchall()
    database.close()
    own = r"\w+_mirroring|_mirror_[a-z_]+" if what == "the mirror file" else r".*"
    if what == "the change log in":
        own = r"_mirror_.*" if name in SAME_LOGS else r"_mirror_[a-z_]+"
    # A hook's table is there only where a hook is.
    made = [(one, sql) for one, sql in made if re.fullmatch(own, one) and not re.match("_mirror_(index|hooks)", one)]
    tenant = next((one.removesuffix("_mirroring") for one, _ in made if one.endswith("_mirroring")), None)
    forms = set()
    for one, sql in made:
        text = sql.replace(tenant, "CTX") if tenant else sql
        if re.fullmatch(r"_mirror_\d+.*|_mirror_log_\d+", one):
            text = re.sub(r"\d+", "N", text)
        if what == "the agent's memory of the source's rows":
            text = re.sub(r"rows_\d+", "rows_N", text)
        forms.add(" ".join(text.split()))
    return forms


class Layouts(unittest.TestCase):
    def setUp(self):
        upgrade_test.VERSION = newest()
        self.place = upgrade_test.Place(self)
        self.code = layouts_of_the_code()
        self.old = files_of(self.place.dev)

    def check_known(self, files):
        for name, path in files.items():
            if kind_of(name) or re.fullmatch(OTHERS, name):
                continue
            forms = [form for pattern, form in UNNUMBERED.items() if re.fullmatch(pattern, name)]
            self.assertEqual(len(forms), 1, f"{name}: a file that this test does not know. Give it a layout number, or a line")
            if forms[0] is not None:
                self.assertRegex(path.read_text(errors="surrogateescape"), rf"\A(?:{forms[0]})\Z", f"{name} has another form than the test knows")

    def test_every_kind_of_file_is_in_the_newest_folder_with_its_number(self):
        self.assertEqual(sorted(self.code), sorted(NUMBERED), "each KnownLayout has its files here, and nothing else")
        self.check_known(self.old)
        shown = {}
        for name, path in self.old.items():
            number = number_of(path) if kind_of(name) else None
            if number is not None:
                shown.setdefault(kind_of(name), set()).add(number)
        version = self.place.run("mirror-server", "--version").stdout.split()[-1]
        for what, number in self.code.items():
            with self.subTest(what=what):
                self.assertIn(what, shown, f"no file of tests/data/old/{newest()} shows it")
                self.assertLessEqual(max(shown[what]), number, "a number never becomes lower")
                # Until a version has a folder its layouts may grow; from then on they are what the folder shows.
                if version == newest():
                    self.assertEqual(
                        max(shown[what]), number, f"tests/data/old/{version} shows another layout: make it anew, or raise the version"
                    )

    def test_what_is_written_now_has_the_form_of_its_number(self):
        old = self.forms(self.old)
        self.assertEqual(sorted(old), sorted(NUMBERED))
        dev = self.place.dev
        # The same sources and tenants, with everything of ours made anew.
        self.assertEqual(self.place.agent("uninstall").returncode, 0)
        for folder in ("data", "agent-state"):
            shutil.rmtree(dev / folder)
        self.place.start()
        self.assertEqual(self.place.agent("install").returncode, 0)
        for tenant in ("Begun", "Held", "Captured", "Files"):
            self.place.once(tenant)
        self.place.ctl("pause", "Files", "--reason", "so that there is an audit log")
        self.assertEqual(self.place.stop(), 0)
        fresh = files_of(dev)
        self.check_known(fresh)
        now = self.forms(fresh)
        self.assertEqual(sorted(now), sorted(NUMBERED), "each kind was written")
        for what, (number, forms) in now.items():
            with self.subTest(what=what):
                if number != old[what][0]:
                    continue
                self.assertEqual(
                    sorted(forms - old[what][1]),
                    [],
                    f"{what} of layout {number} had another form in {newest()}: raise its number, and add the step to it",
                )

    def forms(self, files):
        """{what: (highest number, what its files are like)}."""
        found = {}
        for name, path in files.items():
            what = kind_of(name)
            number = number_of(path) if what else None
            if number is not None:
                highest, forms = found.get(what, (0, set()))
                found[what] = max(highest, number), forms | form_of(what, name, path)
        return found


if __name__ == "__main__":
    if len(sys.argv) < 2:
        print(__doc__.strip(), file=sys.stderr)
        sys.exit(2)
    upgrade_test.BIN = pathlib.Path(sys.argv.pop(1)).resolve()
    unittest.main()
