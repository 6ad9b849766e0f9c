#!/usr/bin/python3
"""tools/torture without a run: its command line, and whether it dies at each fault point of the server that it can."""

import pathlib
import re
import subprocess
import sys
import unittest

ROOT = pathlib.Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

from tests.torture import days, exchange, main, mariadb_source, postgres_source, records, scenarios  # noqa: E402

# What is the same for both stores, and what PostgreSQL's alone has.
OF_BOTH = ("server/tenant", "server/store/*.cc")
OF_POSTGRES = (*OF_BOTH, "server/store/postgres")
OF_MOVES = ("move.", "import.")
# Those that a server passes only where it takes records.
OF_RECORDS = ("server/jobs", "server/storages", "server/http", "server/tenant/records_calls.cc")


def points_in(*folders):
    """But for those of moves and imports, which take two servers or two places: tests/crash has them."""
    return {name for name in all_points_in(*folders) if not name.startswith(OF_MOVES)}


def all_points_in(*folders):
    """`folders`: with what is below them, unless it is a pattern of files."""
    patterns = [folder if folder.endswith(".cc") else f"{folder}/**/*.cc" for folder in folders]
    texts = [path.read_text(encoding="utf-8") for pattern in patterns for path in ROOT.glob(pattern)]
    return {name for text in texts for name in re.findall(r'CrashPoint\("([\w.]+)"\)', text)}


class Torture(unittest.TestCase):
    def torture(self, *words):
        command = ["/usr/bin/python3", "-B", ROOT / "tests/torture/main.py", *words]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    def test_wrong_usage(self):
        for words, said in (
            (["--store", "mysql"], "invalid choice: 'mysql'"),
            (["--store", "postgres", "--only", "disk"], "--store postgres has no part 'disk'"),
            (["--only", "database"], "--store sqlite has no part 'database'"),
            (["--runs", "0"], "at least 1"),
            (["--source", "oracle"], "invalid choice: 'oracle'"),
            (["--exchange", "--store", "postgres"], "--exchange can be combined only with --runs, --seed and --build"),
            (["--source", "mariadb", "--only", "crashes"], "--source mariadb can be combined only with --runs, --seed, --build and --keep"),
        ):
            run = self.torture(*words)
            self.assertEqual((run.returncode, run.stdout), (2, ""))
            self.assertIn(said, run.stderr)

    def test_each_point_that_a_mirror_in_postgresql_passes_is_died_at(self):
        named = {point for one in scenarios.of_store("postgres") for point in one.points} | set(scenarios.EVERY_COMMIT)
        # A backup is a file, whatever keeps the mirror.
        there = points_in(*OF_POSTGRES) | set(scenarios.BACKUP)
        # No kill leaves a log beside a mirror in PostgreSQL.
        there -= {"start.tenant"}
        self.assertEqual(named, there - set(scenarios.STOP) - points_in("server/tenant/records_calls.cc"))

    def test_each_point_of_an_agent_is_died_at(self):
        of_logs = {
            "client/source/postgres": set(postgres_source.PostgresSourcePlace.points),
            "client/source/mariadb": set(mariadb_source.MariadbSourcePlace.points),
        }
        for folder, points in of_logs.items():
            self.assertEqual(points, points_in(folder), folder)
        named = {*scenarios.AGENT_POINTS, *scenarios.EXCHANGE_POINTS}
        self.assertEqual(named, points_in("client") - set.union(*of_logs.values()))

    def test_each_point_of_an_exchange_is_died_at(self):
        self.assertEqual(set(exchange.HUB_POINTS), points_in("server/hub", "server/tenant/exchange"))
        self.assertLessEqual(set(exchange.SERVER_POINTS), all_points_in("server"))
        named = {*scenarios.AGENT_POINTS, *scenarios.EXCHANGE_POINTS}
        self.assertEqual(named - set(exchange.AGENT_POINTS), {"agent.comparing", "agent.outbox"})

    def test_each_point_of_a_move_is_died_at(self):
        there = {point for point in all_points_in("server") if point.startswith(OF_MOVES)}
        test = (ROOT / "tests/crash/move_crash_test.cc").read_text(encoding="utf-8")
        self.assertEqual(there, set(re.findall(r'"((?:move|import)\.\w+)"', test)))

    def test_each_point_of_records_is_died_at(self):
        self.assertEqual(set(records.OWN), points_in(*OF_RECORDS))
        for store, others in records.POINTS.items():
            self.assertLessEqual(set(records.OWN), set(others), store)
            self.assertLessEqual(set(others), all_points_in(*OF_BOTH, f"server/store/{store}", *OF_RECORDS), store)

    def test_points_of_files_are_the_servers(self):
        named = {point for one in scenarios.SCENARIOS for point in one.points}
        self.assertLessEqual(named, points_in(*OF_BOTH, "server/store/sqlite"))

    def test_what_a_store_is_not_asked_is_named(self):
        def asked(store):
            return {*main.SHARES[store], *(day.__name__.replace("_", " ") for day in days.DAYS[store])}

        left_out = {line.split(":")[0] for line in main.LEFT_OUT["postgres"]}
        self.assertEqual(asked("sqlite") - asked("postgres"), left_out)


if __name__ == "__main__":
    unittest.main()
