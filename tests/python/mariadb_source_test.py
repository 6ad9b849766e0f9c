#!/usr/bin/python3
"""Databases of MariaDB as sources whose binlog is read, driven as their owner drives them: the agent as a user who may
read and follow the binlog and nothing else. MariadbScenarios are those of docs/testing.md.

Usage: mariadb_source_test.py BIN_DIR [unittest arguments]
"""

import atexit
import collections
import itertools
import json
import os
import pathlib
import random
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
import unittest

import files_test
import free_ports
import postgres_source_test
import strategies_test

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "support"))
import mariadb_servers  # noqa: E402

READER = "crm_reader"
RIGHTS = "REPLICATION SLAVE, BINLOG MONITOR"


class Shared:
    home = None
    server = None
    numbers = itertools.count(1)


def setUpModule():
    try:
        Shared.home = mariadb_servers.Home()
    except mariadb_servers.Missing as missing:
        raise unittest.SkipTest(str(missing)) from None
    atexit.register(tearDownModule)
    Shared.server = Shared.home.make("shared")


def tearDownModule():
    if Shared.home:
        Shared.home.remove()
        Shared.home = None


class Database:
    """Of an application: it writes as the superuser, the agent reads as a user with the least rights."""

    def __init__(self, server, name=None, user=READER, rights=RIGHTS):
        self.server, self.user = server, user
        self.name = name or f"crm_{next(Shared.numbers)}"
        server.sql(
            f"CREATE DATABASE {self.name} CHARACTER SET utf8mb4; CREATE USER IF NOT EXISTS {user}@localhost;"
            f"GRANT SELECT ON {self.name}.* TO {user}@localhost;"
        )
        if rights:
            server.sql(f"GRANT {rights} ON *.* TO {user}@localhost")

    def sql(self, script, **more):
        return self.server.sql(script, self.name, **more)

    def dsn(self, server=None):
        return f"socket={(server or self.server).socket} dbname={self.name} user={self.user}"

    def tables(self):
        return self.sql("SELECT TABLE_NAME FROM information_schema.TABLES WHERE TABLE_SCHEMA = DATABASE()").splitlines()


class Place(postgres_source_test.Place):
    def configure_mariadb(self, dsn, tables=None, source_lines=""):
        text = self.toml_head + f'\n[[source]]\ncontext_id = "Cust"\nkind = "mariadb"\ndsn = "{dsn}"\n{source_lines}\n'
        for name, lines in (tables or {}).items():
            text += f'[[source.table]]\nname = "{name}"\n{lines}\n'
        self.toml.write_text(text)


class SourceTest(unittest.TestCase):
    def setUp(self):
        self.place = Place(self)
        self.server = self.own_server() or Shared.server
        self.crm = Database(self.server)
        self.use()

    def own_server(self):
        """Of this test alone; None: that of all."""

    def make_server(self, name, settings=None):
        server = Shared.home.make(f"{name}-{next(Shared.numbers)}", settings)
        self.addCleanup(server.kill)
        return server

    def use(self, tables=None, source_lines="", crm=None):
        self.place.configure_mariadb((crm or self.crm).dsn(), tables, source_lines)

    def run_once(self, *more):
        """{table: (action, inserts, updates, deletes)}"""
        report = self.place.once(*more)
        self.assertEqual(report["exit"], 0, report)
        self.notes = report["notes"]
        counts = ("action", "inserts", "updates", "deletes")
        return {name: tuple(table[one] for one in counts) for name, table in report["by_table"].items()}

    def check_equal(self):
        """Row by row, and by digests, which mend nothing."""
        self.check_rows()
        done = self.place.agent("verify", "--json")
        source = json.loads(done.stdout)["sources"][0]
        self.assertEqual(done.returncode, 0, source)
        self.assertEqual({table["equality"] for table in source["tables"]}, {"equal"}, source)

    def check_rows(self):
        for table in self.crm.tables():
            found, wanted = (
                collections.Counter(map(repr, rows)) for rows in (self.place.rows(table), self.server.rows(table, self.crm.name))
            )
            different = list((found - wanted).elements())[:5], list((wanted - found).elements())[:5]
            self.assertEqual(different, ([], []), f"{table}: what only the mirror has, and only the source")

class Cycles(SourceTest):
    def test_what_changes_in_each_way_goes_alone(self):
        self.crm.sql(
            "CREATE TABLE t (id INT PRIMARY KEY, v VARCHAR(40), n DECIMAL(9,2));"
            "INSERT INTO t SELECT seq, CONCAT('v', seq), seq FROM seq_1_to_1000;"
            "CREATE TABLE u (a VARCHAR(20), b INT, PRIMARY KEY (a, b)); INSERT INTO u VALUES ('x', 1), ('y', 2);"
        )
        installed = self.place.agent("install")
        self.assertEqual(installed.returncode, 0, installed.said)
        self.assertIn("the changes of 2 tables are read in the server's binlog", installed.said)
        self.assertEqual(self.run_once(), {"t": ("populate", 1000, 0, 0), "u": ("populate", 2, 0, 0)})
        self.assertEqual({table[0] for table in self.run_once().values()}, {"none"})
        self.crm.sql(
            "UPDATE t SET v = 'w' WHERE id <= 3; DELETE FROM t WHERE id > 990; INSERT INTO t VALUES (5000, NULL, 1.5);"
            "UPDATE t SET id = 6000 WHERE id = 7; UPDATE u SET a = 'X' WHERE b = 1"
        )
        sent = self.run_once()
        self.assertEqual(sent["t"], ("changes", 2, 3, 11))
        self.assertEqual(sent["u"], ("changes", 1, 0, 1))
        self.check_equal()


class Rest(SourceTest):
    def test_a_server_that_has_nothing_to_say_is_the_same_afterwards(self):
        """It says each second that it is there; the positions of cycles stand behind that, too."""
        self.crm.sql("CREATE TABLE t (id INT PRIMARY KEY, v VARCHAR(40)); INSERT INTO t SELECT seq, 'v' FROM seq_1_to_100")
        self.use(source_lines='interval = "1s"')
        with (self.place.work / "run.out").open("wb") as log:
            agent = subprocess.Popen([files_test.BIN / "mirror-agent", "run", "--config", self.place.toml], stdout=log, stderr=log)
        self.addCleanup(agent.wait)
        self.addCleanup(agent.kill)
        end = time.monotonic() + 60
        cycles = set()
        while len(cycles) < 4:
            self.assertIsNone(agent.poll(), (self.place.work / "run.out").read_text())
            self.assertLess(time.monotonic(), end, "four cycles")
            time.sleep(0.05)
            # Runs without a change have no line each.
            cycles.update(re.findall(r'"cycle": ?([1-9][0-9]*)', self.place.agent("status", "--json").stdout))
        agent.terminate()
        self.assertEqual(agent.wait(60), 0, (self.place.work / "run.out").read_text())
        self.crm.sql("UPDATE t SET v = 'w' WHERE id < 4")
        self.assertEqual(self.run_once()["t"], ("changes", 0, 3, 0), self.notes)
        self.assertEqual(self.notes, [])
        self.check_equal()

    def test_another_process_beside_it_is_told_who_reads_and_disturbs_nothing(self):
        self.crm.sql("CREATE TABLE t (id INT PRIMARY KEY, v VARCHAR(40)); INSERT INTO t SELECT seq, 'v' FROM seq_1_to_100")
        self.use(source_lines='interval = "1h"')
        with (self.place.work / "run.out").open("wb") as log:
            agent = subprocess.Popen([files_test.BIN / "mirror-agent", "run", "--config", self.place.toml], stdout=log, stderr=log)
        self.addCleanup(agent.wait)
        self.addCleanup(agent.kill)
        end = time.monotonic() + 60
        while "next run" not in (self.place.work / "run.out").read_text():
            self.assertLess(time.monotonic(), end, "a cycle")
            time.sleep(0.05)
        told = self.place.agent("once")
        self.assertEqual(told.returncode, 1, told.said)
        self.assertIn(f"process {agent.pid} already reads this source's binlog", told.said)
        agent.terminate()
        self.assertEqual(agent.wait(60), 0, (self.place.work / "run.out").read_text())
        self.crm.sql("UPDATE t SET v = 'w' WHERE id < 4")
        self.assertEqual(self.run_once()["t"], ("changes", 0, 3, 0), self.notes)


class Settings(SourceTest):
    """Servers that are set up otherwise than most."""

    def fill(self, settings, name=None):
        self.server = self.make_server("set", settings)
        self.crm = Database(self.server, name)
        self.use()
        self.crm.sql("CREATE TABLE t (id INT PRIMARY KEY, v VARCHAR(40)); INSERT INTO t SELECT seq, 'v' FROM seq_1_to_100")
        self.run_once()

    def test_a_binlog_without_checksums_is_gone_on_with(self):
        """Each run begins in the middle of a file."""
        self.fill({"binlog_checksum": "NONE"})
        for checksum in (None, "CRC32", "NONE"):
            for value in ("w", "x"):
                self.crm.sql(f"UPDATE t SET v = '{value}{checksum}' WHERE id < 4")
                self.assertEqual(self.run_once()["t"], ("changes", 0, 3, 0), self.notes)
            if checksum:
                self.server.sql(f"SET GLOBAL binlog_checksum = {checksum}")
        self.check_equal()

    def test_names_in_any_case_where_the_server_folds_them(self):
        """The binlog has the database's name in small letters, whatever the DSN says."""
        self.fill({"lower_case_table_names": "1"}, "Shop")
        self.crm.sql("UPDATE T SET v = 'w' WHERE id < 4; DELETE FROM Shop.T WHERE id = 9; INSERT INTO t VALUES (900, 'n')")
        self.assertEqual(self.run_once()["t"], ("changes", 1, 3, 1))
        self.crm.sql("INSERT INTO t VALUES (901, 'goes'); TRUNCATE T; INSERT INTO t VALUES (3, 'n')")
        self.run_once()
        self.check_equal()
        self.place.configure_mariadb(self.crm.dsn().replace("Shop", "SHOP"))
        self.crm.sql("UPDATE t SET v = 'w'")
        # Behind the TRUNCATE the stage has the row whole, so it comes whole.
        self.assertEqual(self.run_once()["t"], ("changes", 1, 0, 0), "it is the same source")
        self.check_equal()

    def test_a_table_whose_name_reads_as_that_of_another_one(self):
        """Of words alone each of these statements empties t."""
        self.fill({})
        names = (f"`{self.crm.name}.t`", "`table t`", "`t.t`")
        for name in names:
            self.crm.sql(f"CREATE TABLE {name} (id INT PRIMARY KEY); INSERT INTO {name} VALUES (1), (2)")
        self.run_once()
        self.crm.sql("".join(f"TRUNCATE {name}; INSERT INTO {name} VALUES (3);" for name in names))
        self.assertEqual(self.run_once()["t"][1:], (0, 0, 0))
        self.check_equal()

    def test_a_binlog_of_another_name_is_compared(self):
        self.fill({})
        self.crm.sql("UPDATE t SET v = 'before' WHERE id = 1")
        self.server.stop()
        self.server.settings["log_bin"] = "other"
        self.server.start()
        self.crm.sql("UPDATE t SET v = 'behind' WHERE id = 2")
        self.assertEqual(self.run_once()["t"][1:], (2, 0, 0))
        self.assertTrue(any("has another name than before" in note for note in self.notes), self.notes)
        self.check_equal()
        self.crm.sql("UPDATE t SET v = 'w' WHERE id < 4")
        self.assertEqual(self.run_once()["t"], ("changes", 0, 3, 0))
        self.check_equal()

    def test_an_incident_is_compared(self):
        """Of tables without transactions the binlog may lack rows; it says so outside of all groups."""
        self.fill({})
        self.crm.sql("CREATE TABLE m (id INT PRIMARY KEY, v VARCHAR(200)) ENGINE = MyISAM")
        self.run_once()
        self.server.sql("SET GLOBAL max_binlog_stmt_cache_size = 4096; SET GLOBAL binlog_stmt_cache_size = 4096")
        self.crm.sql("INSERT INTO m SELECT seq, REPEAT('x', 200) FROM seq_1_to_2000", goes_on=True)
        self.crm.sql("UPDATE t SET v = 'w' WHERE id < 4")
        sent = self.run_once()
        self.assertNotEqual(sent["t"][0], "populate")
        self.check_equal()
        self.crm.sql("UPDATE t SET v = 'x' WHERE id < 4")
        self.assertEqual(self.run_once()["t"], ("changes", 0, 3, 0), "what came before is not read again")
        self.check_equal()


class Words(SourceTest):
    """What people are told."""

    def test_each_missing_right_and_setting_is_named_and_nothing_is_sent(self):
        self.crm.sql("CREATE TABLE t (id INT PRIMARY KEY)")
        bare = Database(self.server, user="bare", rights="")
        bare.sql("CREATE TABLE t (id INT PRIMARY KEY)")
        self.use(crm=bare)
        for words in (("install",), ("once",)):
            told = self.place.agent(*words)
            self.assertEqual(told.returncode, 1, told.said)
            self.assertIn("lacks the right REPLICATION SLAVE", told.said)
            self.assertIn("lacks the right BINLOG MONITOR", told.said)
            self.assertIn("Nothing was read", told.said)
        self.assertFalse(self.place.mirror.exists())
        server = self.make_server("plain", {"binlog_row_image": "MINIMAL", "binlog_row_metadata": "NO_LOG"})
        self.use(crm=Database(server))
        told = self.place.agent("install")
        self.assertEqual(told.returncode, 1, told.said)
        self.assertIn("binlog_row_image is MINIMAL", told.said)
        self.assertIn("binlog_row_metadata is NO_LOG", told.said)
        silent = self.make_server("silent", {"log_bin": None})
        self.use(crm=Database(silent))
        told = self.place.agent("install")
        self.assertEqual(told.returncode, 1, told.said)
        self.assertIn("the server writes no binlog", told.said)

    def test_from_install_to_uninstall(self):
        self.crm.sql("CREATE TABLE t (id INT PRIMARY KEY); INSERT INTO t VALUES (1)")
        self.assertEqual(self.place.agent("install").returncode, 0)
        self.assertIn("t: new: its one row is sent", self.place.agent("once", "--dry-run").said)
        self.run_once()
        self.crm.sql("INSERT INTO t VALUES (2)")
        stage = self.place.toml.parent / "agent-state" / "Cust.stage.db"
        self.assertEqual(stage.stat().st_mode & 0o777, 0o600)
        gone = self.place.agent("uninstall")
        self.assertEqual((gone.returncode, stage.exists()), (0, False), gone.said)
        self.assertIn("there was no change log", self.place.agent("uninstall").said)
        self.assertEqual(self.run_once()["t"][1:], (1, 0, 0), "compared, and not populated")
        self.check_equal()


class Identity(SourceTest):
    """Which source it is does not depend on where it is reached."""

    def setUp(self):
        super().setUp()
        self.crm.sql("CREATE TABLE t (id INT PRIMARY KEY, v VARCHAR(20)); INSERT INTO t SELECT seq, 'v' FROM seq_1_to_50")
        self.run_once()

    def test_the_same_server_at_another_address_is_the_same_source(self):
        other = Shared.home.folder / "other-address"
        other.symlink_to(self.server.socket)
        self.addCleanup(other.unlink)
        self.crm.sql("UPDATE t SET v = 'w' WHERE id = 1")
        self.place.configure_mariadb(f"socket={other} dbname={self.crm.name} user={READER}")
        self.assertEqual(self.run_once(), {"t": ("changes", 0, 1, 0)})

    def test_another_server_with_a_database_of_that_name_is_held(self):
        other = Database(self.make_server("stranger", {"server_id": "7"}), name=self.crm.name)
        other.sql("CREATE TABLE t (id INT PRIMARY KEY, v VARCHAR(20)); INSERT INTO t SELECT seq, 'x' FROM seq_1_to_60")
        before = self.place.rows("t")
        self.use(crm=other)
        report = self.place.once()
        self.assertEqual(report["exit"], 1, report)
        self.assertIn("another source database announces itself", report["by_table"]["t"]["reason"])
        self.assertTrue(any("it counts as a new source" in note for note in report["notes"]), report["notes"])
        self.assertEqual(self.place.rows("t"), before)
        self.assertEqual(self.place.control("accept-source", "Cust").returncode, 0)
        self.server, self.crm = other.server, other
        self.run_once()
        self.check_equal()

    def test_an_agent_that_lost_all_it_knew_goes_on_by_itself(self):
        shutil.rmtree(self.place.toml.parent / "agent-state")
        self.crm.sql("UPDATE t SET v = 'unseen' WHERE id = 1; DELETE FROM t WHERE id = 2")
        self.assertIn(self.run_once()["t"][0], ("populate", "compare"), self.notes)
        self.check_equal()
        self.crm.sql("UPDATE t SET v = 'seen' WHERE id = 3")
        self.assertEqual(self.run_once(), {"t": ("changes", 0, 1, 0)})
        self.check_equal()

    def test_another_database_of_the_server_is_held(self):
        other = Database(self.server)
        other.sql("CREATE TABLE t (id INT PRIMARY KEY, v VARCHAR(20))")
        self.use(crm=other)
        report = self.place.once()
        self.assertEqual(report["exit"], 1, report)
        self.assertIn("another source database announces itself", report["by_table"]["t"]["reason"])


class Kills(SourceTest, strategies_test.Kills):
    """The agent's process, at each step of its cycle."""

    def setUp(self):
        super().setUp()
        self.place.toml_head = re.sub(r"^batch_bytes = .*", "batch_bytes = 2000", self.place.toml_head, flags=re.MULTILINE)
        self.crm.sql("CREATE TABLE a (id INT PRIMARY KEY, v VARCHAR(20)); INSERT INTO a SELECT seq, 'v' FROM seq_1_to_1000")
        self.use()
        self.run_once()

    test_of_a_file_source = test_of_a_synthetic_source = None
    test_a_row_that_went_before_it_was_sent_and_comes_again = test_in_the_run_that_changes_the_strategy = None

    def test_the_agent_dies_at_each_step(self):
        def change(number):
            self.crm.sql(
                f"UPDATE a SET v = 'w{number}' WHERE id % 9 = {number % 9}; DELETE FROM a WHERE id = {900 - number};"
                f"INSERT INTO a VALUES ({5_000 + number}, 'new'); UPDATE a SET id = id + 20000 WHERE id = {500 + number}"
            )

        self.kill_everywhere(change, self.check_rows)
        self.check_equal()

    def test_the_agent_dies_while_it_stages(self):
        """Scenario 4: before what was read is on its disk, and behind that."""
        for number, point in enumerate(("stage.flushing", "stage.flushed") * 3):
            self.crm.sql(f"UPDATE a SET v = '{point}{number}' WHERE id % 7 = {number}; DELETE FROM a WHERE id = {700 + number}")
            for key in (30_000, 40_000):  # What a run that died left is met by one that dies, too.
                done = subprocess.run(
                    [files_test.BIN / "mirror-agent", "once", "--config", self.place.toml],
                    env=dict(os.environ, MIRROR_CRASH_AT=point), capture_output=True, check=False, timeout=300,
                )  # fmt: skip
                self.assertEqual(done.returncode, -signal.SIGKILL, done.stderr)
                self.crm.sql(f"INSERT INTO a VALUES ({key + number}, 'n')")
            self.assertEqual(self.run_once()["a"][0], "changes")
            self.check_rows()
        self.check_equal()


SEED = int(os.environ.get("MIRROR_TEST_SEED", time.time_ns() % 1_000_000_000))


class Writers:
    """Sessions that change t, of 30,000 rows, all the time, until told to stop.

    Only rows of some keys are deleted. The breaker adds up the deletes of a day's cycles, and slow programs let the
    writers delete each of these rows between two cycles: in four cycles 8,000 at most, and it holds from 15,000 on.
    """

    def __init__(self, crm, count=4):
        self.crm, self.over, self.failed = crm, threading.Event(), []
        self.threads = [threading.Thread(target=self.write, args=(random.Random(SEED + number),)) for number in range(count)]
        for thread in self.threads:
            thread.start()

    def write(self, chance):
        try:
            while not self.over.is_set():
                statements = "".join(self.statement(chance) for _ in range(40))
                self.crm.sql(statements, goes_on=True)  # Keys that are there, and deadlocks.
        except Exception as error:  # pylint: disable=broad-except
            self.failed.append(error)

    @staticmethod
    def fleeting(chance):
        """A key whose row may be deleted, with the next three: 20 of each 300."""
        return 300 * chance.randrange(100) + chance.randrange(1, 17)

    @classmethod
    def statement(cls, chance):
        key, other = chance.randrange(1, 30_000), chance.randrange(1, 30_000)
        fleeting, free = cls.fleeting(chance), cls.fleeting(chance)
        what = chance.choice(
            (
                f"UPDATE t SET v = 'w{other}' WHERE id BETWEEN {key} AND {key + 20}",
                f"DELETE FROM t WHERE id BETWEEN {fleeting} AND {fleeting + 3}",
                f"INSERT INTO t VALUES ({fleeting}, 'n{other}')",
                f"REPLACE INTO t VALUES ({fleeting}, 'r{other}'), ({other}, 'r{key}')",
                f"UPDATE t SET id = {free} WHERE id = {fleeting}",
                f"START TRANSACTION; UPDATE t SET v = 'no' WHERE id = {key}; SAVEPOINT s; DELETE FROM t WHERE id = {other};"
                "ROLLBACK TO s; COMMIT",
                f"START TRANSACTION; DELETE FROM t WHERE id = {key}; ROLLBACK",
            )
        )
        return what + ";"

    def stop(self):
        self.over.set()
        for thread in self.threads:
            thread.join()
        assert not self.failed, self.failed


class MariadbScenarios(SourceTest):
    """Those by which such a source is accepted, by their numbers in tests/scenarios.md."""

    def fill(self, rows=300, table="t"):
        self.crm.sql(f"CREATE TABLE {table} (id INT PRIMARY KEY, v VARCHAR(40)); INSERT INTO {table} SELECT seq, 'v' FROM seq_1_to_{rows}")

    def own(self, settings=None):
        """The test's own server, from here on."""
        self.server = self.make_server("own", settings)
        self.crm = Database(self.server)
        self.use()

    def test_population_beside_four_writers(self):
        """2, and 24: a comparison beside them finds nothing that is not so."""
        print(f"MIRROR_TEST_SEED={SEED}", file=sys.stderr)
        self.fill(30_000)
        writers = Writers(self.crm)
        self.addCleanup(writers.stop)
        try:
            self.assertEqual(self.run_once()["t"][0], "populate")
            for _ in range(3):
                done = self.place.agent("verify", "--json")
                source = json.loads(done.stdout)["sources"][0]
                self.assertEqual(done.returncode, 0, source)
                self.assertEqual({table["equality"] for table in source["tables"]}, {"equal"}, source)
        finally:
            writers.stop()
        self.run_once()
        self.check_equal()

    def test_the_server_is_killed_in_mid_stream(self):
        """5: kill -9, while the agent reads and others write."""
        self.own({"innodb_flush_log_at_trx_commit": "1", "sync_binlog": "1"})
        self.fill(2_000)
        self.use(source_lines='interval = "1s"')
        with (self.place.work / "run.out").open("wb") as log:
            agent = subprocess.Popen([files_test.BIN / "mirror-agent", "run", "--config", self.place.toml], stdout=log, stderr=log)
        self.addCleanup(agent.wait)
        self.addCleanup(agent.kill)
        self.wait_for(lambda: self.place.mirror.exists() and len(self.place.rows("t")) == 2_000, "the population")
        for number in range(3):
            session = self.server.session(self.crm.name)
            for key in range(400):
                session.stdin.write(f"INSERT INTO t VALUES ({10_000 * (number + 1) + key}, 'n'); UPDATE t SET v = 'w{number}' WHERE id = {key};\n")
            session.stdin.flush()
            self.wait_for(lambda: int(self.crm.sql("SELECT count(*) FROM t")) > 2_000 + 400 * number, "rows")
            self.server.kill()
            session.stdin.close()
            session.stdout.read()
            session.wait()
            session.stdout.close()
            self.server.start()
            self.crm.sql(f"INSERT INTO t VALUES ({90_000 + number}, 'behind')")
            self.wait_for(lambda: any(row["id"] == 90_000 + number for row in self.place.rows("t")), "what came behind it")
        agent.terminate()
        self.assertEqual(agent.wait(60), 0, (self.place.work / "run.out").read_text())
        self.run_once()
        self.check_equal()

    def wait_for(self, holds, what):
        end = time.monotonic() + 60
        while not holds():
            self.assertLess(time.monotonic(), end, what)
            time.sleep(0.05)

    def test_a_cold_copy_is_put_back(self):
        """7"""
        self.own()
        self.fill()
        self.run_once()
        self.server.stop()
        self.server.copy_cold("copy")
        self.server.start()
        self.crm.sql("UPDATE t SET v = 'lost' WHERE id < 20; INSERT INTO t VALUES (900, 'lost')")
        self.run_once()
        self.server.stop()
        self.server.put_back("copy")
        self.server.start()
        sent = self.run_once()
        self.assertEqual(sent["t"][0], "populate")
        self.assertTrue(any("the server was restored to an older state" in note for note in self.notes), self.notes)
        self.check_equal()
        self.crm.sql("INSERT INTO t VALUES (901, 'n')")
        self.assertEqual(self.run_once()["t"], ("changes", 1, 0, 0))

    def test_a_cold_copy_is_put_back_and_written_past_the_mirror(self):
        """8"""
        self.own()
        self.fill()
        self.run_once()
        self.server.stop()
        self.server.copy_cold("copy")
        self.server.start()
        self.crm.sql("UPDATE t SET v = 'lost' WHERE id < 20; INSERT INTO t VALUES (900, 'lost')")
        self.run_once()
        self.server.stop()
        self.server.put_back("copy")
        self.server.start()
        self.crm.sql("".join(f"UPDATE t SET v = 'other{i}' WHERE id = {i};" for i in range(1, 150)))
        sent = self.run_once()
        self.assertEqual(sent["t"][0], "populate")
        self.assertTrue(any("the server was restored, and other changes followed" in note for note in self.notes), self.notes)
        self.check_equal()

    def test_purged_binlogs_are_compared_and_not_populated(self):
        """23"""
        self.own()
        self.fill()
        self.run_once()
        self.crm.sql("UPDATE t SET v = 'w' WHERE id < 4; DELETE FROM t WHERE id = 5; INSERT INTO t VALUES (900, 'n')")
        self.server.sql("FLUSH BINARY LOGS; FLUSH BINARY LOGS")
        last = self.server.sql("SHOW MASTER STATUS").split()[0]
        # A file goes when the server has noticed that nobody reads it any more.
        self.wait_for(lambda: len(self.server.sql(f"PURGE BINARY LOGS TO '{last}'; SHOW BINARY LOGS").splitlines()) == 1, "a purge")
        sent = self.run_once()
        self.assertNotEqual(sent["t"][0], "populate")
        self.assertEqual(sent["t"][1:], (4, 0, 1))
        self.assertTrue(any("purged before all of it was read" in note for note in self.notes), self.notes)
        self.check_equal()
        self.crm.sql("UPDATE t SET v = 'x' WHERE id < 4")
        self.assertEqual(self.run_once()["t"], ("changes", 0, 3, 0))

    def test_sessions_that_write_statements_or_parts_of_rows_are_compared(self):
        """23: STATEMENT, and MINIMAL for a session."""
        self.fill()
        self.run_once()
        for setting in ("binlog_format = STATEMENT", "binlog_row_image = MINIMAL"):
            self.crm.sql(f"SET SESSION {setting}; UPDATE t SET v = CONCAT(v, 'x') WHERE id < 10; DELETE FROM t ORDER BY id DESC LIMIT 1")
            sent = self.run_once()
            self.assertNotEqual(sent["t"][0], "populate")
            self.assertEqual(sent["t"][1:], (9, 0, 1), setting)
            why = "wrote its statements instead of rows" if setting.endswith("STATEMENT") else "without all of their columns"
            [note] = [note for note in self.notes if "no longer on record" in note]
            self.assertRegex(note, rf"for 1 table \(a session .*{why}.*and sends the differences: t$")
            self.check_equal()

    def test_minimal_rows_of_all_sessions_are_refused(self):
        """23"""
        self.own()
        self.fill()
        self.run_once()
        self.server.sql("SET GLOBAL binlog_row_image = MINIMAL")
        self.crm.sql("UPDATE t SET v = 'w' WHERE id = 1")
        before = self.place.rows("t")
        report = self.place.once()
        self.assertEqual(report["exit"], 1)
        self.assertIn("binlog_row_image is MINIMAL", report["stderr"])
        self.assertEqual(self.place.rows("t"), before)
        self.server.sql("SET GLOBAL binlog_row_image = FULL")
        self.assertEqual(self.run_once()["t"][1:], (1, 0, 0))
        self.check_equal()

    def test_transactions_in_two_phases(self):
        """23: XA"""
        self.fill()
        self.run_once()
        self.crm.sql("XA START 'one'; UPDATE t SET v = 'w' WHERE id = 1; INSERT INTO t VALUES (900, 'n'); XA END 'one'; XA PREPARE 'one'")
        self.assertEqual(self.run_once()["t"][1:], (0, 0, 0), "it is only prepared")
        self.crm.sql("INSERT INTO t VALUES (901, 'n')")
        self.assertEqual(self.run_once()["t"][1:], (1, 0, 0))
        self.crm.sql("XA COMMIT 'one'")
        self.assertEqual(self.run_once()["t"][1:], (2, 0, 0))
        self.assertRegex("\n".join(self.notes), r"1 table \(a transaction was committed that had been prepared \(XA\), read at 20")
        self.crm.sql("XA START 'two'; DELETE FROM t; XA END 'two'; XA PREPARE 'two'; XA ROLLBACK 'two'")
        self.assertEqual(self.run_once()["t"][1:], (0, 0, 0))
        self.check_equal()

    def test_children_of_cascades_are_compared_by_each_cycle(self):
        """23"""
        self.crm.sql(
            "CREATE TABLE p (id INT PRIMARY KEY, v INT); CREATE TABLE c (id INT PRIMARY KEY, p INT, FOREIGN KEY (p) REFERENCES p (id)"
            " ON DELETE CASCADE ON UPDATE CASCADE); CREATE TABLE n (id INT PRIMARY KEY, p INT, FOREIGN KEY (p) REFERENCES p (id)"
            " ON DELETE SET NULL); INSERT INTO p SELECT seq, seq FROM seq_1_to_20;"
            "INSERT INTO c SELECT seq, 1 + seq % 20 FROM seq_1_to_200; INSERT INTO n SELECT seq, 1 + seq % 20 FROM seq_1_to_40"
        )
        installed = self.place.agent("install")
        self.assertIn("the changes of 1 table are read", installed.said)
        self.assertIn("c (its foreign key 'c_ibfk_1' deletes or changes its rows with those of another table", installed.said)
        self.assertIn("c: found by comparing, since its foreign key 'c_ibfk_1' deletes or changes", self.place.agent("once", "--dry-run").said)
        self.run_once()
        self.assertIn("not logged  2 tables, whose changes are found by comparing", self.place.agent("status").said)
        # The children of 3, 4 and 9 are deleted in c and emptied in n; those of 20 get another number.
        self.crm.sql("DELETE FROM n WHERE p = 20; DELETE FROM p WHERE id IN (3, 4); UPDATE p SET id = 100 WHERE id = 20; REPLACE INTO p VALUES (9, 90)")
        sent = self.run_once()
        self.assertEqual(sent["p"], ("changes", 2, 0, 3))
        self.assertEqual((sent["c"][1:], sent["n"][1:]), ((0, 10, 30), (0, 6, 2)))
        self.check_equal()

    def test_savepoint_with_myisam(self):
        """26"""
        self.fill()
        self.crm.sql("CREATE TABLE m (id INT PRIMARY KEY, v VARCHAR(40)) ENGINE = MyISAM")
        self.run_once()
        self.crm.sql(
            "START TRANSACTION; INSERT INTO t VALUES (900, 'stays'); SAVEPOINT s; INSERT INTO m VALUES (1, 'stays');"
            "INSERT INTO t VALUES (901, 'goes'); UPDATE t SET v = 'goes' WHERE id = 1; DELETE FROM t WHERE id = 2;"
            "ROLLBACK TO s; UPDATE t SET v = 'stays' WHERE id = 3; COMMIT"
        )
        sent = self.run_once()
        self.assertEqual((sent["t"][1:], sent["m"][1:]), ((1, 1, 0), (1, 0, 0)))
        self.check_equal()

    def test_a_system_versioned_table_is_synthetic(self):
        """27"""
        self.fill(20)
        self.crm.sql("CREATE TABLE s (id INT PRIMARY KEY, v VARCHAR(40)) WITH SYSTEM VERSIONING; INSERT INTO s VALUES (1, 'a'), (2, 'b')")
        self.assertIn("the changes of 1 table are read", self.place.agent("install").said)
        self.run_once()
        self.crm.sql("UPDATE s SET v = 'c' WHERE id = 1; DELETE FROM s WHERE id = 2; INSERT INTO s VALUES (3, 'd'); UPDATE t SET v = 'w' WHERE id = 1")
        sent = self.run_once()
        self.assertEqual((sent["s"][1:], sent["t"]), ((1, 1, 1), ("changes", 0, 1, 0)))
        self.check_equal()

    def test_truncate_and_rename(self):
        """28"""
        self.fill()
        self.fill(100, "u")
        self.run_once()
        self.crm.sql("TRUNCATE TABLE t; INSERT INTO t VALUES (1, 'new'), (2, 'new')")
        sent = self.run_once()
        self.assertEqual((sent["t"][:2], sent["u"][0]), (("populate", 2), "none"))
        self.check_equal()
        self.crm.sql("INSERT INTO t SELECT seq, 't' FROM seq_3_to_200; UPDATE u SET v = 'u' WHERE id < 5")
        self.crm.sql("RENAME TABLE t TO x, u TO t, x TO u; UPDATE t SET v = 'behind' WHERE id = 7")
        self.run_once()
        self.check_equal()
        # As tools that change a table beside its writers do it.
        self.crm.sql("CREATE TABLE t_new LIKE t; INSERT INTO t_new SELECT * FROM t; RENAME TABLE t TO t_old, t_new TO t; DROP TABLE t_old; DELETE FROM t WHERE id = 9")
        self.run_once()
        self.check_equal()
        self.crm.sql("UPDATE t SET v = 'w' WHERE id = 1; DELETE FROM u WHERE id = 1")
        sent = self.run_once()
        self.assertEqual((sent["t"], sent["u"]), (("changes", 0, 1, 0), ("changes", 0, 0, 1)))

    def make_replica(self, settings=None):
        """Of an own server: with all that it has."""
        port = free_ports.free_ports(1)[0]
        self.own({"skip_networking": "OFF", "bind_address": "127.0.0.1", "port": str(port)})
        self.server.sql("CREATE USER repl@'127.0.0.1' IDENTIFIED BY 'r'; GRANT REPLICATION SLAVE ON *.* TO repl@'127.0.0.1'")
        replica = self.make_server("replica", {"server_id": "2", "log_slave_updates": "ON"} | (settings or {}))
        self.follow(replica, port)
        return replica

    @staticmethod
    def follow(replica, port):
        replica.sql(
            f"CHANGE MASTER TO MASTER_HOST = '127.0.0.1', MASTER_PORT = {port}, MASTER_USER = 'repl', MASTER_PASSWORD = 'r',"
            "MASTER_USE_GTID = slave_pos; START SLAVE"
        )

    def catch_up(self, replica):
        at = self.server.sql("SELECT @@gtid_binlog_pos").strip()
        self.assertEqual(replica.sql(f"SELECT MASTER_GTID_WAIT('{at}', 60)").strip(), "0", replica.sql("SHOW SLAVE STATUS"))

    def test_a_replica_is_the_source(self):
        """29"""
        replica = self.make_replica()
        self.fill()
        self.catch_up(replica)
        self.place.configure_mariadb(self.crm.dsn(replica))
        self.assertEqual(self.run_once()["t"][0], "populate")
        self.crm.sql("UPDATE t SET v = 'w' WHERE id < 4; DELETE FROM t WHERE id = 5; INSERT INTO t VALUES (900, 'n'); UPDATE t SET id = 901 WHERE id = 6")
        self.catch_up(replica)
        self.assertEqual(self.run_once()["t"], ("changes", 2, 3, 2))
        self.check_equal()

    def test_a_replica_that_does_not_log_what_it_takes_is_refused(self):
        """29"""
        replica = self.make_replica({"log_slave_updates": "OFF"})
        self.fill()
        self.catch_up(replica)
        self.place.configure_mariadb(self.crm.dsn(replica))
        told = self.place.agent("install")
        self.assertEqual(told.returncode, 1, told.said)
        self.assertIn("the server is a replica with log_slave_updates OFF", told.said)

    def test_a_replica_that_takes_over_is_the_same_source(self):
        """29: after a failover all is compared, and nothing is populated or held."""
        replica = self.make_replica()
        self.fill()
        self.run_once()
        self.crm.sql("UPDATE t SET v = 'before' WHERE id < 4")
        self.catch_up(replica)
        self.server.kill()
        replica.sql("STOP SLAVE; RESET SLAVE ALL")
        self.server = self.crm.server = replica
        self.crm.sql("DELETE FROM t WHERE id = 9")
        self.use()
        self.assertEqual(self.run_once()["t"][1:], (3, 0, 1), "rows that differ are sent whole")
        self.assertTrue(any("took over from the one with server_id 1" in note for note in self.notes), self.notes)
        self.check_equal()
        self.crm.sql("INSERT INTO t VALUES (900, 'n')")
        self.assertEqual(self.run_once()["t"], ("changes", 1, 0, 0))

    def test_a_failover_while_the_agent_runs(self):
        """29, and 5: `host` names both; nobody tells the agent."""
        port = free_ports.free_ports(1)[0]
        replica = self.make_replica({"skip_networking": "OFF", "bind_address": "127.0.0.1", "port": str(port)})
        self.fill()
        self.server.sql(
            f"CREATE USER {READER}@'127.0.0.1'; GRANT {RIGHTS} ON *.* TO {READER}@'127.0.0.1';"
            f"GRANT SELECT ON {self.crm.name}.* TO {READER}@'127.0.0.1'"
        )
        ports = f"{self.server.settings['port']},{port}"
        dsn = f"host=127.0.0.1,127.0.0.1 port={ports} dbname={self.crm.name} user={READER}"
        self.place.configure_mariadb(dsn, source_lines='interval = "1s"')
        with (self.place.work / "run.out").open("wb") as log:
            agent = subprocess.Popen([files_test.BIN / "mirror-agent", "run", "--config", self.place.toml], stdout=log, stderr=log)
        self.addCleanup(agent.wait)
        self.addCleanup(agent.kill)
        self.wait_for(lambda: self.place.mirror.exists() and len(self.place.rows("t")) == 300, "the population")
        self.crm.sql("INSERT INTO t VALUES (900, 'before')")
        self.catch_up(replica)
        self.server.kill()
        replica.sql("STOP SLAVE; RESET SLAVE ALL")
        self.server = self.crm.server = replica
        self.crm.sql("INSERT INTO t VALUES (901, 'behind'); DELETE FROM t WHERE id < 10")
        self.wait_for(lambda: {901} <= {row["id"] for row in self.place.rows("t")}, "what came behind it")
        self.crm.sql("UPDATE t SET v = 'w' WHERE id = 901")
        self.wait_for(lambda: any(row == {"id": 901, "v": "w"} for row in self.place.rows("t")), "its log")
        agent.terminate()
        said = (self.place.work / "run.out").read_text()
        self.assertEqual(agent.wait(60), 0, said)
        self.assertNotIn("held", said)
        self.run_once()
        self.check_equal()

    def test_a_replica_that_takes_over_and_lacks_some(self):
        """29: it is the same source, of a state before."""
        replica = self.make_replica()
        self.fill()
        self.catch_up(replica)
        replica.sql("STOP SLAVE")
        self.crm.sql("UPDATE t SET v = 'lost' WHERE id < 9; INSERT INTO t VALUES (900, 'lost')")
        self.run_once()
        self.server.kill()
        self.server = self.crm.server = replica
        self.crm.sql("INSERT INTO t VALUES (901, 'n')")
        self.use()
        self.run_once()
        self.check_equal()


if __name__ == "__main__":
    files_test.BIN = pathlib.Path(sys.argv.pop(1)).resolve()
    unittest.main()
