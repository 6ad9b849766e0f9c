#!/usr/bin/python3
"""The primary of several servers is killed, and a streaming standby takes over: what was acknowledged as replicated is
there, and what a standby that was behind does not have is noticed, told and sent again.

Usage: servers_standby_test.py BIN_DIR [unittest arguments]
"""

import json
import pathlib
import sys
import time
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "support"))
import many_servers  # noqa: E402
import postgres_cluster  # noqa: E402
from balancer import CallBalancer  # noqa: E402
from dropping_relay import DroppingRelay  # noqa: E402
from many_servers import wait_for  # noqa: E402

GOES_ON_S = 90
FOLLOWS_S = 60
BIN = None


def setUpModule():
    many_servers.need_postgres()


class Standbys(unittest.TestCase):
    def setUp(self):
        self.folder = postgres_cluster.fast_folder("standbys-")
        many_servers.at_end(self, lambda: many_servers.remove_folder(self.folder))
        self.primary = self.cluster("primary")
        self.primary.make()
        self.primary.make_database("mirrors")

    def cluster(self, name):
        cluster = postgres_cluster.Cluster(self.folder / name)
        many_servers.at_end(self, cluster.remove)
        return cluster

    def make_standby(self, name):
        self.cluster(name)
        return self.primary.make_standby(self.folder / name, name)

    def install(self, servers=2, **more):
        return many_servers.install(self, BIN, servers, url=self.primary.url("mirrors"), people=6000, **more)

    def counts(self, cluster):
        return cluster.sql("SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'quorum';").strip()

    # --- Nothing acknowledged is lost ---

    def test_a_standby_that_counts_takes_over_without_a_loss(self):
        standbys = [self.make_standby(name) for name in ("s1", "s2")]
        for one in (self.primary, *standbys):
            one.sql("ALTER SYSTEM SET synchronous_standby_names = 'ANY 1 (s0, s1, s2)';")
            one.sql("SELECT pg_reload_conf();")
        wait_for("two standbys that count", lambda: self.counts(self.primary) == "2", FOLLOWS_S)
        hosts = ",".join(str(one.folder) for one in (self.primary, *standbys))
        conninfo = f"host={hosts} dbname=mirrors user=mirror target_session_attrs=read-write"
        here = self.install(control=conninfo, place=conninfo, durability="replicated")
        here.cycles(GOES_ON_S)
        here.sql("UPDATE wide SET body = body || '!';")
        acknowledged = {one["table"]: one["lsn"] for one in here.cycles(GOES_ON_S)["tables"]}

        here.sql("UPDATE people SET name = name || '.'; DELETE FROM visits WHERE number % 9 = 0;")
        agent, _ = here.begin_cycle()
        self.primary.kill()
        here.let_go()
        since = time.monotonic()
        heard = json.loads(here.said_by(agent, GOES_ON_S))["sources"][0]
        acknowledged |= {one["table"]: one["lsn"] for one in heard["tables"] if one["result"] == "ok"}
        promoted = self.take_over(standbys)
        here.url = promoted.url("mirrors")
        for table, lsn in acknowledged.items():
            self.assertGreaterEqual(here.lsn(table), lsn, f"of '{table}' this was acknowledged")
        here.cycles(GOES_ON_S)
        print(f"standby promoted: the next cycle was done {time.monotonic() - since:.1f} s after kill -9", flush=True)
        here.check_equal()
        self.assertEqual([here.populated(table) for table in ("people", "visits", "wide")], [1, 1, 1])
        self.assertEqual(self.counts(promoted), "1")
        self.assertIn("mirror.went_back", here.kinds())

    @staticmethod
    def take_over(standbys):
        """As docs/operate/postgres-standby.md says: the one with most of the log; the other follows it."""
        def received(one):
            high, low = one.sql("SELECT pg_last_wal_receive_lsn();").strip().split("/")
            return int(high, 16), int(low, 16)

        promoted, other = sorted(standbys, key=received, reverse=True)
        promoted.sql("SELECT pg_promote();")
        promoted.sql(f"SELECT pg_create_physical_replication_slot('{other.folder.name}');")
        user = postgres_cluster.SUPERUSER
        conninfo = f"host={promoted.folder} user={user} application_name={other.folder.name}"
        other.sql(f"ALTER SYSTEM SET primary_conninfo = '{conninfo}';")
        other.sql(f"ALTER SYSTEM SET primary_slot_name = '{other.folder.name}';")
        other.sql("SELECT pg_reload_conf();")
        return promoted

    # --- What went back is told ---

    def behind(self, known, **more):
        """Servers whose database has an address that leads to the primary, and then to a standby that knows nothing of
        what was acknowledged behind `known`."""
        standby = self.make_standby("s1")
        relay = DroppingRelay(self.folder / "address", self.primary.folder)
        self.addCleanup(relay.close)
        conninfo = f"host={relay.folder} dbname=mirrors user=mirror"
        here = self.install(control=conninfo, place=conninfo, durability="local", **more)
        known(here)
        self.wait_until_it_follows(standby)
        standby.stop()
        for round_ in range(3):
            here.sql(f"UPDATE people SET age = age + {round_}; DELETE FROM visits WHERE number % 9 = {round_};")
            here.cycles(GOES_ON_S)
        self.assertEqual(here.differences(), [])
        self.primary.kill()
        standby.start()
        standby.sql("SELECT pg_promote();")
        relay.lead_to(standby.folder)
        here.url = standby.url("mirrors")
        return here

    def wait_until_it_follows(self, standby):
        end = self.primary.sql("SELECT pg_current_wal_lsn();").strip()
        follows = f"SELECT pg_last_wal_replay_lsn() >= '{end}';"
        wait_for("the standby", lambda: standby.sql(follows).strip() == "t", FOLLOWS_S)

    def test_what_a_standby_that_was_behind_lacks_is_told_and_sent_again(self):
        here = self.behind(lambda here: here.cycles(GOES_ON_S))
        self.assertNotEqual(here.differences(), [])
        since = time.monotonic()
        here.cycles(GOES_ON_S)
        print(f"a standby that was behind: the next cycle was done after {time.monotonic() - since:.1f} s", flush=True)
        here.check_equal()
        self.assertIn("mirror.went_back", here.kinds())
        self.assertEqual([here.populated(table) for table in ("people", "visits", "wide")], [1, 1, 1])


class LongStandbys(Standbys):
    """What tools/nightly has of them."""

    def test_calls_in_turn_go_on_when_each_server_has_noticed(self):
        servers = 3
        here = self.behind(lambda here: here.cycles(GOES_ON_S), servers=servers, balancer=CallBalancer, tls=False)
        failed = 0
        while (last := here.agent("once")).returncode != 0:
            failed += 1
            self.assertLessEqual(failed, servers + 1, last.stderr)
        print(f"{failed} runs failed before one went through", flush=True)
        here.check_equal()
        self.assertEqual([here.populated(table) for table in ("people", "visits", "wide")], [1, 1, 1])

    def test_a_standby_from_before_the_mirror_gets_it_anew(self):
        here = self.behind(lambda here: None)
        here.cycles(GOES_ON_S)
        here.check_equal()
        for number in range(2):
            here.point_agent(number)
            here.sql("UPDATE people SET age = age + 1;")
            here.cycles(GOES_ON_S)
            self.assertEqual(here.differences(), [])


if __name__ == "__main__":
    BIN = pathlib.Path(sys.argv.pop(1)).resolve()
    unittest.main()
