#!/usr/bin/python3
"""What a former version left on disk, opened by the present programs, which go on with it: no table is populated, positions
and lineages stay, and both sides are equal in the end. tests/data/old/README.md says what is there.

Usage: upgrade_test.py BIN_DIR VERSION
"""

import json
import os
import pathlib
import re
import shutil
import sqlite3
import subprocess
import sys
import tarfile
import tempfile
import unittest

import sanitizer_words
import whole_lines

ROOT = pathlib.Path(__file__).resolve().parents[2]
OLD = ROOT / "tests" / "data" / "old"
COLUMNS_KEY = "0" * 64  # As in make.py.
BIN = VERSION = None
FIRST = "0.1.0"
PATIENCE_S = 120
LATER = 99
SQLITE = "SQLite format 3\0".encode()


def host_id():
    try:
        return pathlib.Path("/etc/machine-id").read_text().split("\n", maxsplit=1)[0]
    except OSError:
        return ""


def is_sqlite(path):
    with path.open("rb") as file:
        return file.read(len(SQLITE)) == SQLITE


class Place:
    """The old installation with keys of now, as after an exchange of keys, and its sources bound to this machine."""

    def __init__(self, test):
        self.work = pathlib.Path(tempfile.mkdtemp(prefix="upgrade "))
        test.addCleanup(shutil.rmtree, self.work, ignore_errors=True)
        self.dev, fresh = self.work / "dev", self.work / "fresh"
        with tarfile.open(OLD / VERSION / "files.tar.xz") as archive:
            archive.extractall(self.work)
        self.former_certificate = self.work / "former.crt"
        shutil.copy(self.dev / "application" / "application-1.crt", self.former_certificate)
        subprocess.run([BIN / "mirrorctl", "init", "--dir", fresh, "--context-id", "Logged"], check=True, stdout=subprocess.DEVNULL)
        for folder in ("tls", "admin", "issuers", "source", "application"):
            shutil.rmtree(self.dev / folder)
            shutil.copytree(fresh / folder, self.dev / folder)
        (self.dev / "application" / "columns.key").write_text(COLUMNS_KEY)
        self.bind_sources()
        self.remove_reflection()
        self.server = None
        test.addCleanup(self.kill)

    def bind_sources(self):
        for state in (self.dev / "agent-state").glob("*.json"):
            known = json.loads(state.read_text())
            if "host" not in known:
                continue
            known["host"] = host_id()
            source = self.dev / pathlib.Path(known["source"]["path"]).name
            info = source.stat()
            known["source"].update(path=str(source), inode=info.st_ino, device=info.st_dev)
            state.write_text(json.dumps(known))
        for source in self.dev.glob("*.db"):
            info = source.stat()
            database = sqlite3.connect(source)
            if database.execute("SELECT 1 FROM sqlite_schema WHERE name = '_mirror_source'").fetchone():
                database.execute(
                    "UPDATE _mirror_source SET host = ?, path = ?, device = ?, inode = ?",
                    (host_id(), str(source), info.st_dev, info.st_ino),
                )
            database.commit()
            database.close()

    def remove_reflection(self):
        """As the changelog tells the operator: a server of today refuses the line."""
        file = self.dev / "mirror-server.toml"
        file.write_text(re.sub(r"(?m)^reflection = true.*\n", "", file.read_text()))

    def start(self, fails=False):
        log = (self.work / "server.err").open("ab")
        self.server = subprocess.Popen(
            [BIN / "mirror-server", "--config", self.dev / "mirror-server.toml"],
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
        log.close()
        line = self.server.stdout.readline()
        if fails:
            assert self.server.wait(PATIENCE_S) != 0, line
            self.server.stdout.close()
            return (self.work / "server.err").read_text()
        ready = re.search(r"sources on (\S+), admin on (\S+)", line)
        assert ready, line + (self.work / "server.err").read_text()
        for file, address in (("mirror-agent.toml", ready[1]), ("mirrorctl.toml", ready[2])):
            text = (self.dev / file).read_text()
            (self.dev / file).write_text(
                re.sub(r'^address = "127.0.0.1:\d+"', f'address = "{address}"', text, count=1, flags=re.MULTILINE)
            )
        return ""

    def stop(self):
        self.server.terminate()
        code = self.server.wait(PATIENCE_S)
        self.server.stdout.close()
        return code

    def kill(self):
        if self.server is not None and self.server.poll() is None:
            self.server.kill()
            self.server.wait()
            self.server.stdout.close()
        if self.server is not None:
            sanitizer_words.check_file(self.work / "server.err")

    def run(self, name, *arguments):
        done = subprocess.run(
            [BIN / name, *map(str, arguments)], capture_output=True, text=True, check=False, timeout=PATIENCE_S
        )
        sanitizer_words.check(done.stderr)
        return done

    def agent(self, *arguments):
        return self.run("mirror-agent", *arguments, "--config", self.dev / "mirror-agent.toml")

    def ctl(self, *arguments):
        return self.run("mirrorctl", "--config", self.dev / "mirrorctl.toml", *arguments)

    def once(self, tenant):
        run = self.agent("once", "--json", "--context-id", tenant)
        assert run.stdout, run.stderr
        source = json.loads(run.stdout)["sources"][0]
        source["exit"], source["stderr"] = run.returncode, whole_lines.joined(run.stderr)
        source["by_table"] = {table["table"]: table for table in source.get("tables", [])}
        return source

    def mirror_path(self, tenant):
        return self.dev / "data" / f"Mirror_{tenant}.db"

    def mirror(self, tenant, sql, *values):
        return self.query(self.mirror_path(tenant), sql, *values)

    def query(self, path, sql, *values):
        database = sqlite3.connect(path, isolation_level=None, timeout=30)
        try:
            return database.execute(sql, values).fetchall()
        finally:
            database.close()

    def positions(self, tenant):
        rows = self.mirror(tenant, f'SELECT table_name, lsn, CAST(lineage AS TEXT), row_count FROM "{tenant}_mirroring"')
        return {row[0]: row[1:] for row in rows}


class GoesOn(unittest.TestCase):
    """Each tenant as it is found by the first cycle after the upgrade."""

    def setUp(self):
        self.place = Place(self)

    def go_on(self, tenant, wanted):
        """`wanted`: rows that have to travel, by table; all others nothing."""
        before = self.place.positions(tenant)
        self.place.start()
        self.place.ctl("tables", tenant)  # Opens it.
        self.assertEqual(self.place.positions(tenant), before, "only opened, a mirror stands where it stood")
        report = self.place.once(tenant)
        self.assertEqual(report["exit"], 0, report)
        sent = {}
        for name, table in report["by_table"].items():
            self.assertNotEqual(table["action"], "populate", (table, report["notes"]))
            count = (table["inserts"], table["updates"], table["deletes"])
            if any(count):
                sent[name] = count
            elif name in before:
                self.assertEqual(self.place.positions(tenant)[name][:2], before[name][:2], name)
        self.assertEqual(sent, wanted, report)
        self.check_equal(tenant)
        for name in before:
            self.assertGreaterEqual(self.place.positions(tenant)[name][0], before[name][0])

    def check_equal(self, tenant):
        verified = self.place.agent("verify", "--context-id", tenant)
        self.assertEqual(verified.returncode, 0, verified.stdout + verified.stderr)
        receipts = self.place.agent("receipts", "verify", "--json", "--certificate", self.place.former_certificate)
        self.assertTrue(receipts.stdout, receipts.stderr)
        book = {source["context_id"]: source for source in json.loads(receipts.stdout)["sources"]}[tenant]
        self.assertEqual((book["findings"], book["unsigned"], book["first"]), ([], 0, 1), book)

    def test_a_source_with_a_change_log(self):
        place = self.place
        place.mirror("Logged", "CREATE TABLE runs (cycle INTEGER, json TEXT)")
        ((waiting,),) = place.mirror("Logged", "SELECT count(*) FROM _mirror_hooks")
        self.assertGreater(waiting, 3)
        self.go_on(
            "Logged",
            {"person": (2, 1, 0), "orders": (0, 0, 1), "account": (1, 0, 1), "customer": (0, 0, 1), "kinds": (0, 1, 0)},
        )
        # What is the partner's stayed.
        self.assertEqual(place.mirror("Logged", "SELECT v FROM partner_table"), [("stays",)])
        self.assertEqual(place.mirror("Logged", "SELECT count(*) FROM partner_view"), [(62,)])
        self.assertEqual(place.mirror("Logged", "SELECT rating FROM customer WHERE id = 'c7'"), [(5,)])
        self.assertEqual(place.mirror("Logged", "SELECT name FROM customer WHERE id = 'ours'"), [("a row of the partner",)])
        self.assertEqual(
            place.mirror("Logged", "SELECT count(*) FROM customer WHERE _mirror_deleted_at IS NOT NULL"), [(3,)]
        )
        self.assertEqual(place.mirror("Logged", "SELECT 1 FROM sqlite_schema WHERE name = 'partner_line'"), [(1,)])
        # Column rules hold for old rows and new ones alike.
        self.assertEqual(place.mirror("Logged", "SELECT DISTINCT length(email) FROM person WHERE id <> 62"), [(64,)])
        self.assertEqual(place.mirror("Logged", "SELECT phone FROM person WHERE id = 1"), [("****001",)])
        # What a hook was to be told before is told, then what came since.
        for _ in range(600):
            told = place.mirror("Logged", "SELECT cycle FROM runs ORDER BY rowid")
            if len(told) > waiting:
                break
            place.server.poll()
            self.assertIsNone(place.server.returncode)
            subprocess.run(["sleep", "0.1"], check=True)
        self.assertGreater(len(told), waiting, "those that waited, and one of now")
        self.assertEqual(told, sorted(told))

    def test_a_cycle_that_died_and_a_staged_table(self):
        sent = {"plain": (1, 198, 1), "stock": (1, 10, 0)}
        before = self.place.positions("Staged")
        self.place.start()
        report = self.place.once("Staged")
        self.assertEqual(report["exit"], 0, report)
        for name, table in report["by_table"].items():
            self.assertNotEqual(table["action"], "populate", table)
            self.assertIn(name, sent)
            self.assertGreater(self.place.positions("Staged")[name][0], before[name][0])
        self.check_equal("Staged")
        self.assertEqual(self.place.mirror("Staged", "SELECT n FROM stock WHERE id IN (5, 6) ORDER BY id"), [(6,), (7,)])

    def test_what_was_noted_of_a_source_without_a_change_log(self):
        self.go_on(
            "Captured",
            {
                "item": (0, 2, 1),
                "invoice": (1, 0, 1),
                "invoice_deleted": (1, 0, 0),
                "visit": (1, 0, 1),
                "recent": (1, 0, 0),
            },
        )

    def test_a_folder_of_a_paused_tenant(self):
        self.place.start()
        paused = self.place.once("Files")
        self.assertIn(f"paused by {VERSION}", json.dumps(paused))
        self.assertEqual(self.place.ctl("resume", "Files").returncode, 0)
        report = self.place.once("Files")
        if VERSION != FIRST:
            countries = report["by_table"]["countries"]
            self.assertEqual((countries["action"], countries["inserts"], countries["updates"]), ("changes", 0, 1), report)
            self.assertEqual(self.place.mirror("Files", "SELECT id FROM countries WHERE name = 'changed'"), [("7",)])
            return
        # Keys that were taken for numbers are texts now. The line that was rejected before is so still, and what it
        # stands for may be in the mirror.
        countries = report["by_table"]["countries"]
        self.assertIn("its key (id) was read as a number until now", " ".join(report["notes"]))
        self.assertIn("all rows would be sent", countries["reason"])
        self.assertEqual(self.place.mirror("Files", "SELECT id FROM countries WHERE name = 'changed'"), [])
        (drop,) = self.place.work.rglob("drop/countries.csv")
        drop.write_text("".join(line for line in drop.read_text().splitlines(True) if "torn" not in line))
        countries = self.place.once("Files")["by_table"]["countries"]
        self.assertEqual((countries["action"], countries["result"]), ("populate", "ok"), countries)
        self.assertEqual(self.place.mirror("Files", "SELECT id FROM countries WHERE name = 'changed'"), [("7",)])
        report = self.place.once("Files")
        self.assertEqual((report["by_table"]["countries"]["action"], report["notes"]), ("none", []), report)

    def test_a_folder_whose_key_is_said_to_be_a_number(self):
        if VERSION != FIRST:
            self.skipTest("0.1.0 alone took keys for numbers")
        self.place.start()
        self.assertEqual(self.place.ctl("resume", "Files").returncode, 0)
        toml = self.place.dev / "mirror-agent.toml"
        text = toml.read_text()
        head, behind = text.split('name = "countries"\n', 1)
        toml.write_text(f'{head}name = "countries"\ntypes = {{ id = "integer" }}\n{behind}')
        report = self.place.once("Files")
        # The line that was rejected before is rejected still, and keeps nothing from going on.
        countries = report["by_table"]["countries"]
        self.assertEqual((countries["action"], countries["inserts"], countries["updates"]), ("changes", 0, 1), report)
        self.assertEqual(self.place.mirror("Files", "SELECT id FROM countries WHERE name = 'changed'"), [(7,)])

    def test_what_waits_for_an_operator(self):
        self.place.start()
        held = self.place.once("Held")
        self.assertEqual((held["exit"], held["by_table"]["large"]["result"]), (1, "held"), held)
        hold = self.place.ctl("hold", "list", "Held").stdout.splitlines()[-1].split()[0]
        self.assertEqual(hold, "Held:1")
        self.assertEqual(self.place.ctl("hold", "commit", hold).returncode, 0)
        report = self.place.once("Held")
        self.assertEqual((report["exit"], report["by_table"]["large"]["deletes"]), (0, 1200), report)
        self.check_equal("Held")

    def test_a_mirror_that_was_being_built(self):
        self.place.start()
        report = self.place.once("Begun")
        self.assertEqual(report["exit"], 0, report)
        self.assertFalse(list((self.place.dev / "data").glob("Mirror_Begun.db.*[mg]")))
        self.check_equal("Begun")

    def test_a_mirror_that_was_restored(self):
        self.not_of_the_first()
        kept = [path for path in (self.place.dev / "data").glob("Mirror_Restored.db.replaced-*") if path.stat().st_size]
        self.place.start()
        report = self.place.once("Restored")
        self.assertEqual((report["exit"], report["by_table"]["item"]["action"]), (0, "changes"), report)
        self.assertEqual(self.place.mirror("Restored", "SELECT count(*) FROM item WHERE v = 'y'"), [(4,)])
        self.check_equal("Restored")
        self.assertTrue(kept and all(path.exists() for path in kept), kept)

    def test_a_tenant_that_was_deleted(self):
        self.not_of_the_first()
        self.place.start()
        self.assertNotEqual(self.place.once("Deleted")["exit"], 0)
        self.assertFalse(self.place.mirror_path("Deleted").exists())
        self.assertEqual(self.place.ctl("allow", "Deleted").returncode, 0)
        self.assertEqual(self.place.once("Deleted")["exit"], 0)
        self.check_equal("Deleted")

    def test_a_mirror_that_is_out_of_service(self):
        self.not_of_the_first()
        self.place.start()
        self.assertIn("damaged", json.dumps(self.place.once("Damaged")))
        self.assertEqual(self.place.ctl("reset", "Damaged", "--all", "--confirm", "Damaged").returncode, 0)
        report = self.place.once("Damaged")
        if report["exit"] != 0:  # The cycle that noticed it is over.
            report = self.place.once("Damaged")
        self.assertEqual(report["exit"], 0, report)
        self.check_equal("Damaged")

    def not_of_the_first(self):
        if VERSION == FIRST:
            self.skipTest("the files of 0.1.0 have none")

    def test_the_catalog(self):
        catalog = self.place.dev / "data" / "catalog.db"
        events = self.place.query(catalog, "SELECT id, kind, message FROM event")
        self.assertGreater(len(events), 30)
        self.place.start()
        self.assertEqual(self.place.query(catalog, "SELECT id, kind, message FROM event")[: len(events)], events)
        verified = self.place.ctl("audit", "verify", "--certificate", self.place.former_certificate)
        self.assertEqual(verified.returncode, 0, verified.stdout + verified.stderr)
        self.assertIn("the log is whole", verified.stdout)
        self.assertNotIn("audit.replaced", self.place.ctl("events").stdout)


class Layouts(unittest.TestCase):
    """Each file says which layout it has and who gave it that; what a later version wrote is left alone."""

    def setUp(self):
        self.place = Place(self)

    def files(self, pattern):
        return [path for path in sorted(self.place.dev.glob(pattern)) if is_sqlite(path)]

    def layout(self, path):
        return self.place.query(path, "SELECT layout, program FROM _mirror_layout")

    def make_later(self, path):
        self.place.query(path, "UPDATE _mirror_layout SET layout = ?, program = '9.8.7'", LATER)

    def check_refused(self, words, path):
        self.assertIn(f"layout {LATER}", words)
        self.assertIn("Install Partner Mirror 9.8.7", words)
        self.assertEqual(self.layout(path), [(LATER, "9.8.7")], "left as it was")

    def take_over(self):
        self.place.start()
        for tenant in ("Logged", "Captured", "Begun"):
            self.assertEqual(self.place.once(tenant)["exit"], 0)

    def test_each_file_gets_its_number_and_keeps_it(self):
        version = self.place.run("mirror-server", "--version").stdout.split()[-1]
        written = [
            *(f"data/Mirror_{tenant}.db" for tenant in ("Logged", "Captured", "Begun")),
            "data/catalog.db",
            "logged.db",
            "begun.db",
            *(f"agent-state/{tenant}.receipts.db" for tenant in ("Logged", "Captured", "Begun")),
            "agent-state/Captured.capture.db",
        ]
        numbered = {} if VERSION == FIRST else {name: self.layout(self.place.dev / name) for name in written if (self.place.dev / name).exists()}
        self.take_over()
        for name in written:
            with self.subTest(file=name):
                ((number, program),) = self.layout(self.place.dev / name)
                self.assertGreaterEqual(number, 2)
                # Whose number is the present one already keeps who gave it that.
                self.assertIn((number, program), [*numbered.get(name, []), (number, version)])
        for name, number in (("Logged.json", 3), ("Logged.last.json", 1)):
            state = json.loads((self.place.dev / "agent-state" / name).read_text())
            self.assertEqual((state["version"], state["program"]), (number, version), name)

    def test_a_mirror_of_a_later_version(self):
        self.take_over()
        path = self.place.mirror_path("Logged")
        self.assertEqual(self.place.stop(), 0)
        self.make_later(path)
        self.place.start()
        self.check_refused(json.dumps(self.place.once("Logged")), path)
        self.assertEqual(self.place.once("Captured")["exit"], 0, "others are not concerned")

    def test_a_mirror_of_another_version_put_back_while_the_server_has_it_open(self):
        # Else the source has forgotten what it sent so long ago.
        agent = self.place.dev / "mirror-agent.toml"
        agent.write_text(agent.read_text().replace('retention = "7d"', 'retention = "3650d"'))
        self.take_over()
        path, older = self.place.mirror_path("Logged"), self.place.work / "older.db"
        with tarfile.open(OLD / VERSION / "files.tar.xz") as archive:
            older.write_bytes(archive.extractfile("dev/data/Mirror_Logged.db").read())
        for restore in (self.restore_into_it, self.move_onto_it):
            restore(older, path)
            report = self.place.once("Logged")
            if report["exit"] != 0:  # The cycle that noticed it is over.
                report = self.place.once("Logged")
            self.assertEqual(report["exit"], 0, report)
            self.assertEqual({table["action"] for table in report["tables"]} & {"populate"}, set(), report)
            self.assertEqual(len(self.layout(path)), 1)
            verified = self.place.agent("verify", "--context-id", "Logged")
            self.assertEqual(verified.returncode, 0, verified.stdout + verified.stderr)
        later = self.place.work / "later.db"
        self.place.query(path, "VACUUM INTO ?", str(later))
        self.make_later(later)
        self.restore_into_it(later, path)
        self.place.once("Logged")
        self.check_refused(json.dumps(self.place.once("Logged")), path)
        refused = self.place.ctl("restore", "Captured", str(later))
        self.assertNotEqual(refused.returncode, 0)

    @staticmethod
    def restore_into_it(backup, path):
        source, target = sqlite3.connect(backup), sqlite3.connect(path, timeout=30)
        source.backup(target)
        source.close()
        target.close()

    @staticmethod
    def move_onto_it(backup, path):
        copy = path.with_suffix(".moved")
        shutil.copy(backup, copy)
        os.replace(copy, path)

    def test_a_number_that_somebody_removed(self):
        self.take_over()
        path = self.place.mirror_path("Logged")
        before = self.place.positions("Logged")
        for sql in ("DROP TABLE _mirror_layout", "DELETE FROM _mirror_layout"):
            for file in (path, self.place.dev / "logged.db"):
                self.place.query(file, sql)
            reports = [self.place.once("Logged"), self.place.once("Logged")]
            self.assertEqual(reports[-1]["exit"], 0, reports)
            self.assertEqual({table["action"] for table in reports[-1]["tables"]} & {"populate"}, set())
            self.assertEqual(self.place.positions("Logged"), before)
            self.assertEqual(len(self.layout(path)), 1)
            self.assertEqual(len(self.layout(self.place.dev / "logged.db")), 1)

    def test_a_catalog_of_a_later_version(self):
        self.take_over()
        catalog = self.place.dev / "data" / "catalog.db"
        self.assertEqual(self.place.stop(), 0)
        self.make_later(catalog)
        self.check_refused(self.place.start(fails=True), catalog)

    def test_what_the_agent_keeps_of_a_later_version(self):
        self.take_over()
        state = self.place.dev / "agent-state"
        for tenant, path, code in (
            ("Logged", self.place.dev / "logged.db", 1),
            ("Begun", state / "Begun.receipts.db", 0),  # Rows travel, and a note says that no receipt was kept.
            ("Captured", state / "Captured.capture.db", 1),
        ):
            with self.subTest(file=path.name):
                self.make_later(path)
                report = self.place.once(tenant)
                self.check_refused(json.dumps(report), path)
                self.assertEqual(report["exit"], code)
        uninstalled = self.place.agent("uninstall")
        self.check_refused(whole_lines.joined(uninstalled.stdout + uninstalled.stderr), self.place.dev / "logged.db")
        run = state / "Held.json"
        run.write_text(json.dumps({**json.loads(run.read_text()), "version": LATER, "program": "9.8.7"}))
        before = run.read_text()
        words = json.dumps(self.place.once("Held"))
        self.assertIn("Install Partner Mirror 9.8.7", words)
        self.assertEqual(run.read_text(), before)


class Configurations(unittest.TestCase):
    """Whatever key that version took is taken."""

    def setUp(self):
        self.place = Place(self)
        for source in (OLD / VERSION / "every-key").iterdir():
            shutil.copy(source, self.place.dev / source.name)

    def test_every_key_is_taken(self):
        place = self.place
        shutil.copy(place.dev / "tls" / "server.crt", place.dev / "tls" / "agent.crt")
        shutil.copy(place.dev / "tls" / "server.key", place.dev / "tls" / "agent.key")
        # That the programs of hooks are there is looked at, too.
        server = place.dev / "mirror-server.toml"
        server.write_text(server.read_text().replace("/usr/local/bin/reports", "/bin/true"))
        checked = place.run("mirror-server", "--config", server, "--check-config")
        self.assertEqual(checked.returncode, 0, checked.stdout + checked.stderr)
        # 1: there is none that has run. 2 would be a key that is not taken.
        asked = place.agent("status")
        self.assertEqual(asked.returncode, 1, asked.stdout + asked.stderr)
        # It finds no server there.
        controlled = place.ctl("tenants")
        self.assertNotIn("is not a key", controlled.stderr)
        self.assertNotEqual(controlled.returncode, 2, controlled.stderr)

    def test_every_key_of_another_store_is_taken(self):
        if not (self.place.dev / "mirror-server-postgres.toml").exists():
            self.skipTest("that version had one store")
        passfile = self.place.dev / "pgpass"
        passfile.touch(mode=0o600)
        checked = self.place.run("mirror-server", "--config", self.place.dev / "mirror-server-postgres.toml", "--check-config")
        # It gets as far as the database, which is not there.
        self.assertEqual(checked.returncode, 2)
        self.assertIn("the control database", checked.stderr)

    def test_a_key_that_is_none_is_noticed(self):
        """What the test above relies on."""
        for file in ("mirror-server.toml", "mirror-agent.toml", "mirrorctl.toml"):
            path = self.place.dev / file
            path.write_text(re.sub(r"^address = .*", r"\g<0>\naddresss = 1", path.read_text(), count=1, flags=re.MULTILINE))
        checked = self.place.run("mirror-server", "--config", self.place.dev / "mirror-server.toml", "--check-config")
        self.assertIn("addresss", checked.stderr)
        self.assertEqual(self.place.agent("status").returncode, 2)
        self.assertIn("addresss", self.place.ctl("tenants").stderr)


if __name__ == "__main__":
    if len(sys.argv) < 3:
        print(__doc__.strip(), file=sys.stderr)
        sys.exit(2)
    BIN, VERSION = pathlib.Path(sys.argv.pop(1)).resolve(), sys.argv.pop(1)
    unittest.main()
