#!/usr/bin/python3
"""tools/demo up to its build, and what it stands on with --store and --source: a PostgreSQL and a MariaDB of one's own,
what is done to them, and readings of them that know nothing of our code. `tools/check --all` runs the demo itself."""

import contextlib
import io
import json
import os
import pathlib
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
import unittest
from unittest import mock

ROOT = pathlib.Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "tests" / "support"))

import mariadb_servers  # noqa: E402
import mariadb_source  # noqa: E402
import postgres_cluster  # noqa: E402
import postgres_mirror  # noqa: E402
import postgres_source  # noqa: E402


class Demo(unittest.TestCase):
    def setUp(self):
        self.root = pathlib.Path(tempfile.mkdtemp(prefix="demo "))
        self.addCleanup(shutil.rmtree, self.root)
        for folder in ("tools/lib/check", "tests/support"):
            (self.root / folder).mkdir(parents=True)
        for path in ("tools/demo", "tools/lib/steps.sh", "tools/lib/check/machine.py", *(f"tools/lib/demo_{of}.sh" for of in ("server", "postgres", "mariadb"))):
            shutil.copy(ROOT / path, self.root / path)
        self.script("tools/setup", "echo set up; exit 1")
        for name in ("postgres_cluster", "mariadb_source"):
            self.script(f"tests/support/{name}.py", "echo it is missing >&2; exit 1")

    def script(self, path, body):
        (self.root / path).write_text(f"#!/bin/sh\n{body}\n")
        (self.root / path).chmod(0o755)

    def demo(self, *words):
        """Scripts in the root come before the programs of their names."""
        environment = {**os.environ, "PATH": f"{self.root}:{os.environ['PATH']}"}
        return subprocess.run([self.root / "tools/demo", *words], capture_output=True, text=True, check=False, env=environment)

    def test_without_the_database_server_it_ends_before_it_builds_anything(self):
        for words in (["--store", "postgres"], ["--source", "postgres"], ["--source", "mariadb"]):
            run = self.demo(*words)
            self.assertEqual((run.returncode, run.stdout, run.stderr), (1, "", "it is missing\n"))

    def test_a_mirror_in_a_file_needs_no_database_server(self):
        for words in ([], ["--store", "sqlite"]):
            run = self.demo(*words)
            self.assertEqual(run.returncode, 1)
            self.assertIn("[1/12] packages", run.stdout)
            self.assertIn("set up", run.stdout)
            self.assertNotIn("missing", run.stderr)

    def test_an_exchange_needs_no_database_server(self):
        run = self.demo("--exchange")
        self.assertEqual(run.returncode, 1)
        self.assertIn("[1/3] packages", run.stdout)
        self.assertNotIn("missing", run.stderr)

    def test_it_says_how_long_it_takes_and_how_much_of_the_build_is_left(self):
        self.script("tools/setup", "exit 0")
        self.script("tools/pace", "echo 'pace 2.00'; echo 'tools/demo           about 9 min from nothing'; echo 'tools/demo --build release  about 20 min'")
        self.script("cmake", "case $* in *--build*) echo '[1/2] a'; echo '[2/2] b'; exit 1; esac")
        run = self.demo()
        self.assertEqual(run.returncode, 1)
        self.assertIn("pace 2.00: about 9 min from nothing. If", run.stdout)
        self.assertRegex(run.stdout, r"50 % \(1 of 2\), 0:0\d, about 0:0\d left")

    def test_it_builds_what_the_pages_that_go_on_from_it_need(self):
        self.script("tools/setup", "exit 0")
        self.script("tools/pace", "exit 1")
        self.script("cmake", "case $* in *--build*) echo \"$*\" > \"$BUILT\"; exit 1; esac")
        built = self.root / "built"
        with mock.patch.dict(os.environ, BUILT=str(built)):
            self.demo()
        programs = {"mirrorctl", "mirror-server", "mirror-import", "mirror-agent"}
        self.assertLessEqual(programs, set(built.read_text().split()))

    def test_a_disk_without_room_ends_it_with_words(self):
        self.script("df", "echo Avail; echo 400000")
        run = self.demo()
        self.assertEqual((run.returncode, run.stdout), (1, ""))
        self.assertIn("0 GB are free on the disk of", run.stderr)
        self.assertIn("Nothing was built. Make room, or clone to another disk.", run.stderr)

    def test_a_build_folder_that_cannot_be_written_ends_it_with_words(self):
        (self.root / "build").touch()
        run = self.demo()
        self.assertEqual((run.returncode, run.stdout), (1, ""))
        self.assertIn("build/demo cannot be written by ", run.stderr)

    def test_wrong_usage(self):
        for words in (["--exchange", "--keep"], ["--store"], ["--store", "mysql"], ["--source", "oracle"], ["--source"], ["now"],
                      ["--build"], ["--build", "dev"]):  # fmt: skip
            run = self.demo(*words)
            self.assertEqual((run.returncode, run.stdout), (2, ""))
            self.assertIn("see tools/demo --help", run.stderr)


class Programs(unittest.TestCase):
    def test_what_is_missing_is_named_with_what_to_type(self):
        for found in ([], [pathlib.Path("/usr/lib/postgresql/14/bin/initdb")]):
            with mock.patch.object(pathlib.Path, "glob", return_value=found):
                with self.assertRaisesRegex(postgres_cluster.Missing, "tools/setup --also postgres"):
                    postgres_cluster.programs()

    def test_a_mariadb_that_is_missing_is_named_with_what_to_type(self):
        with mock.patch.object(mariadb_servers, "CLIENT", "/usr/bin/no-such-client"):
            with self.assertRaisesRegex(mariadb_servers.Missing, "no-such-client is not there. Type: tools/setup --also mariadb"):
                mariadb_servers.programs()

    def test_the_newest_one_is_taken(self):
        found = [pathlib.Path(f"/usr/lib/postgresql/{version}/bin/initdb") for version in ("9", "16", "15")]
        with mock.patch.object(pathlib.Path, "glob", return_value=found):
            self.assertEqual(postgres_cluster.programs(), found[1].parent)


def is_at_work(process):
    """Whoever takes in orphans may take its time with one that has ended."""
    try:
        return "\nState:\tZ" not in pathlib.Path(f"/proc/{process}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False


class StoppedMariadb(unittest.TestCase):
    SLOW = """
import os, pathlib, signal, sys, time
pid = pathlib.Path(sys.argv[1])
def end(*_):
    pid.unlink()
    time.sleep(0.5)
    sys.exit()
signal.signal(signal.SIGTERM, end)
pid.write_text(str(os.getpid()))
signal.pause()
"""

    def test_one_that_another_program_started_has_ended_when_it_is_stopped(self):
        folder = pathlib.Path(tempfile.mkdtemp(prefix="demo-test-"))
        self.addCleanup(shutil.rmtree, folder)
        process = subprocess.Popen([sys.executable, "-c", self.SLOW, folder / "pid", f"--datadir={folder}/data"])
        self.addCleanup(process.kill)
        server = mariadb_servers.Server(folder, {})
        while server.process_of_another() is None:
            self.assertIsNone(process.poll())
        server.stop()
        self.assertIsNotNone(process.poll(), "it removes its pid file before it ends")

    def test_an_installation_that_does_not_end_leaves_no_process(self):
        # As root it is another account that runs it.
        folder = pathlib.Path(tempfile.mkdtemp(prefix="demo-test-"))
        self.addCleanup(shutil.rmtree, folder)
        folder.chmod(0o777)
        installer = folder / "installer"
        installer.write_text(f"#!/bin/sh\nsleep 600 &\necho $! > {folder}/child.new\nmv {folder}/child.new {folder}/child\nwait\n")
        installer.chmod(0o755)
        with mock.patch.multiple(mariadb_servers, INSTALLER=installer, PATIENCE_S=5):
            with self.assertRaisesRegex(mariadb_servers.Failed, "does not end within 5 s"):
                mariadb_servers.install(folder / "data")
        child = int((folder / "child").read_text())
        end = time.monotonic() + 30
        while is_at_work(child):
            self.assertLess(time.monotonic(), end, "its child goes on")


def installed():
    try:
        return bool(postgres_cluster.programs())
    except postgres_cluster.Missing:
        return False


@unittest.skipUnless(installed(), "PostgreSQL is not installed: tools/setup --also postgres")
class Cluster(unittest.TestCase):
    """One for all that needs one: it takes seconds."""

    @classmethod
    def setUpClass(cls):
        cls.folder = postgres_cluster.fast_folder("demo-test-")
        cls.addClassCleanup(shutil.rmtree, cls.folder)
        cls.cluster = postgres_cluster.Cluster(cls.folder / "postgres")
        cls.cluster.make()
        cls.addClassCleanup(cls.cluster.remove)
        cls.url = cls.cluster.make_database("a mirror's")

    def test_the_role_has_the_rights_that_are_asked_for_and_no_more(self):
        self.assertEqual(
            postgres_cluster.psql(
                self.url,
                "SET session_replication_role = replica; SELECT rolname, rolsuper, rolreplication, rolcreatedb FROM "
                "pg_roles WHERE rolname = current_user;",
            ),
            "mirror|f|f|f\n",
        )

    def test_what_is_committed_is_there_after_a_kill(self):
        postgres_cluster.psql(self.url, "CREATE TABLE kept AS SELECT 7 AS n;")
        before = self.cluster.process()
        self.cluster.kill()
        with self.assertRaises(RuntimeError):
            postgres_cluster.psql(self.url, "SELECT n FROM kept;")
        self.cluster.start()
        self.assertNotEqual(self.cluster.process(), before)
        self.assertEqual(postgres_cluster.psql(self.url, "SELECT n FROM kept;"), "7\n")

    def test_a_mirror_is_read_value_by_value(self):
        kinds = b"\1" + b"\2\0\1" + b"\1v" + b"\1w"  # Rows that know no place: NULL for v, a whole number for w.
        columns = 'id bigint, "T" text, r double precision, v text, w text, _mirror_kinds bytea'
        rows = (
            r"""(1, E'one\n"\\', 0.1, '12', '5', '\x0101'), (2, NULL, 'infinity', '1.5', '00ff', '\x0204'),"""
            r"""(3, '', -0.0, 'text', 'ff61', '\x0305'), (4, '--- 0', 1e300, NULL, '9', '\x')"""
        )
        postgres_cluster.psql(
            self.url,
            'CREATE SCHEMA "Mirror_C"; SET search_path = "Mirror_C"; CREATE TABLE _mirror_tenant (context_id text);'
            "CREATE TABLE _mirror_schema (table_key text, kinds bytea);"
            f"INSERT INTO _mirror_schema VALUES ('a table', '\\x{kinds.hex()}'), ('plain', NULL);"
            f'CREATE TABLE "A table" ({columns}); INSERT INTO "A table" VALUES {rows};'
            "CREATE TABLE plain (n bigint, b bytea); INSERT INTO plain VALUES (-9223372036854775808, '\\x00ff');",
        )
        path = self.folder / "read.db"
        self.assertFalse(postgres_mirror.read(self.url, "None", path))
        self.assertTrue(postgres_mirror.read(self.url, "C", path))
        read = sqlite3.connect(path)
        read.text_factory = bytes
        kinds = ", ".join(f"typeof({name})" for name in ("r", "v", "w"))
        self.assertEqual(
            read.execute(f'SELECT *, {kinds} FROM "A table" ORDER BY id').fetchall(),
            [
                (1, b'one\n"\\', 0.1, 12, 5, b"real", b"integer", b"integer"),
                (2, None, float("inf"), 1.5, b"\0\xff", b"real", b"real", b"blob"),
                (3, b"", 0.0, b"text", b"\xffa", b"real", b"text", b"text"),
                (4, b"--- 0", 1e300, None, 9, b"real", b"null", b"integer"),
            ],
        )
        self.assertEqual(read.execute("SELECT * FROM plain").fetchall(), [(-(2**63), b"\0\xff")])
        read.close()


class SourceTest:
    """One step after the other, since each begins where the one before has ended: a server takes seconds to make."""

    def setUp(self):
        self.folder = postgres_cluster.fast_folder("demo-test-")
        self.addCleanup(shutil.rmtree, self.folder)
        self.source, self.standby = self.folder / "source", self.folder / "standby"
        for one in (self.source, self.standby):
            self.addCleanup(self.of_source.stop, one)

    def sql(self, script, folder=None):
        return self.of_source.sql(folder or self.source, script)

    def mirror(self, tables, change=""):
        """A SQLite file with what the source has, by another way than the comparison's; changed afterwards."""
        path = self.folder / "mirror.db"
        path.unlink(missing_ok=True)
        database = sqlite3.connect(path)
        for table in tables:
            rows = self.rows(table)
            database.execute(f"CREATE TABLE {table} ({', '.join(rows[0])})")
            database.executemany(f"INSERT INTO {table} VALUES ({', '.join('?' * len(rows[0]))})", [tuple(row.values()) for row in rows])
        database.executescript(f"CREATE TABLE _mirror_schema (x);{change}")
        database.close()
        return path

    def is_equal(self, path):
        with contextlib.redirect_stdout(io.StringIO()) as said:
            return self.of_source.compare(self.source, path), said.getvalue()

    def check_comparison(self, tables):
        self.assertEqual(len(tables), 11)
        equal, said = self.is_equal(self.mirror(tables))
        self.assertTrue(equal, said)
        for change in (
            "UPDATE track SET unit_price = 1 WHERE track_id = 7;",
            "UPDATE invoice SET invoice_date = '2021-01-01 00:00:01' WHERE invoice_id = 1;",
            "DELETE FROM genre WHERE genre_id = 1;",
            "ALTER TABLE genre ADD COLUMN more;",
            "CREATE TABLE other (x);",
        ):
            equal, said = self.is_equal(self.mirror(tables, change))
            self.assertFalse(equal, change)

    def check_what_is_done_to_it(self):
        copy = self.folder / "copy"
        self.of_source.save(self.source, copy)
        self.sql("DELETE FROM playlist_track;")
        self.of_source.restore(self.source, copy)
        self.assertEqual(len(self.rows("playlist_track")), 8715)

        self.of_source.standby(self.source, self.standby)
        self.sql("INSERT INTO genre VALUES (99, 'the last');")
        self.of_source.promote(self.source, self.standby)
        with self.assertRaises(self.failed):
            self.sql("SELECT 1;")
        self.assertIn({"genre_id": 99, "name": "the last"}, self.rows("genre", self.standby))
        self.sql("DELETE FROM genre WHERE genre_id = 99;", self.standby)


@unittest.skipUnless(installed(), "PostgreSQL is not installed: tools/setup --also postgres")
class PostgresSource(SourceTest, unittest.TestCase):
    of_source, failed = postgres_source, postgres_cluster.Failed

    def rows(self, table, folder=None):
        return json.loads(self.sql(f"SELECT coalesce(json_agg(row_to_json(t)), '[]') FROM {table} t;", folder))

    def test_what_is_done_to_a_source_is_done(self):
        url = postgres_source.make(self.source)
        self.assertEqual(postgres_cluster.psql(url, "SELECT count(*) FROM track;"), "3503\n")
        with self.assertRaisesRegex(postgres_cluster.Failed, "permission denied"):
            postgres_cluster.psql(url, "DELETE FROM track;")
        names = self.sql("SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace;")
        self.check_comparison(names.split())
        self.check_what_is_done_to_it()


def has_mariadb():
    try:
        return bool(mariadb_servers.programs())
    except mariadb_servers.Missing:
        return False


@unittest.skipUnless(has_mariadb(), "MariaDB is not installed: tools/setup --also mariadb")
class MariadbSource(SourceTest, unittest.TestCase):
    of_source, failed = mariadb_source, mariadb_servers.Failed

    def rows(self, table, folder=None):
        return mariadb_source.server_of(folder or self.source).rows(table, mariadb_source.DATABASE)

    def as_agent(self, script):
        words = ["--no-defaults", f"--socket={mariadb_source.address_of(self.source)}", f"-u{mariadb_source.READER}", "-N", "-B"]
        command = [mariadb_servers.CLIENT, *words, mariadb_source.DATABASE]
        return subprocess.run(command, input=script, capture_output=True, text=True, check=False)

    def test_what_is_done_to_a_source_is_done(self):
        url = mariadb_source.make(self.source)
        self.assertEqual(url, f"mariadb://mirror_agent@/crm?socket={self.folder}/crm.socket")
        self.assertEqual(self.as_agent("SELECT count(*) FROM track;").stdout, "3503\n")
        self.assertIn("command denied", self.as_agent("DELETE FROM track;").stderr)
        self.check_comparison(self.sql("SHOW TABLES").split())
        self.check_what_is_done_to_it()
        self.assertEqual(self.as_agent("SELECT @@server_id").stdout, "2\n", "the address leads to who took over")
        # Nobody but its account comes to a superuser without a password.
        hosts = self.sql("SELECT Host FROM mysql.global_priv WHERE User = 'root'", self.standby)
        self.assertEqual(hosts, "localhost\n")


if __name__ == "__main__":
    unittest.main()
