#!/usr/bin/python3
"""Two and three servers over one control database: the calls of one cycle go to all of them, one is killed or stopped
in its middle, and the mirror equals its source.

Usage: servers_cycle_test.py BIN_DIR [unittest arguments]
"""

import json
import pathlib
import random
import signal
import sys
import time
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "support"))
import many_servers  # noqa: E402
from balancer import Balancer, CallBalancer, cuts  # noqa: E402
from dropping_relay import DroppingRelay  # noqa: E402
from many_servers import CONTEXT, wait_for  # noqa: E402
from random_changes import RandomChanges  # noqa: E402

GOES_ON_S = 90  # Seconds are expected; a machine that builds beside this is slower.
ENDS_S = 30  # Of the agent's run, when its server is gone.
ROUNDS = 4
BIN = None


def setUpModule():
    many_servers.start_cluster()


def tearDownModule():
    many_servers.remove_cluster()


class Cycles(unittest.TestCase):
    def install(self, *words, **more):
        self.here = many_servers.install(self, BIN, *words, **more)
        return self.here

    def check_alternation(self, served, servers):
        """No two calls, one after the other, went to one server."""
        self.assertEqual(set(served), set(range(servers)))
        self.assertFalse([at for at, two in enumerate(zip(served, served[1:])) if two[0] == two[1]], served)

    # --- Calls in turn ---

    def test_calls_of_one_cycle_alternate_between_servers(self):
        for servers in (2, 3):
            changes = RandomChanges(many_servers.dice())
            here = self.install(servers, balancer=CallBalancer, tls=False)
            for _ in range(ROUNDS):
                here.balancer.served.clear()
                done = here.agent("once")
                self.assertEqual(done.returncode, 0, done.stderr)
                self.check_alternation(here.balancer.served, servers)
                self.assertEqual(here.differences(), [])
                here.sql(changes.next())
            self.assertEqual(here.agent("once", "--repopulate", "people", "wide").returncode, 0)
            here.check_equal()
            self.assertNotIn("cycle.failed", here.kinds())

    def test_batches_of_one_table_alternate_as_at_one_server(self):
        here = self.install(3, balancer=CallBalancer, tls=False)
        config, seed = here.dev / "mirror-agent.toml", many_servers.dice().randrange(1 << 30)
        words = ["--config", config, "--unary", "--seed", seed, "--rows", 200, "--tables", 2, "--cycles", 4,
                 "--batch-bytes", 2000, "--changes", 60]  # fmt: skip
        here.run("mirror-harness", "cycle", "--context-id", f"{CONTEXT}-turns", *words)
        self.assertGreater(len(here.balancer.served), 60)
        self.check_alternation(here.balancer.served, 3)
        here.point_agent(0)
        here.run("mirror-harness", "cycle", "--context-id", f"{CONTEXT}-one", *words)
        turns, one = (self.contents(f"{CONTEXT}-{name}-1") for name in ("turns", "one"))
        self.assertGreater(turns.count("\n"), 200)
        self.assertEqual(turns, one)

    def contents(self, context_id):
        """Of the tables of the harness, as psql shows them."""
        schema = f"Mirror_{context_id}"
        names = self.here.psql(
            f"SELECT relname FROM pg_class WHERE relnamespace = '\"{schema}\"'::regnamespace AND relkind = 'r' AND "
            f"relname !~ '^_mirror_' AND relname <> '{context_id}_mirroring' ORDER BY 1;"
        ).split()
        self.assertEqual(len(names), 2)
        each = [f'\\echo {name}\nSELECT t FROM "{schema}"."{name}" t ORDER BY t::text;' for name in names]
        return self.here.psql("\n".join(each))

    # --- One server is gone ---

    def goes_on(self, what, since):
        self.here.cycles(GOES_ON_S)
        took = time.monotonic() - since
        print(f"{what}: the next cycle was done {took:.1f} s after it", flush=True)
        self.assertLess(took, GOES_ON_S)
        self.here.check_equal()

    def test_a_server_killed_in_a_population(self):
        here = self.install(2, people=6000)
        agent, server = here.begin_cycle()
        here.servers[server].kill()
        since = time.monotonic()
        here.let_go()
        here.said_by(agent, ENDS_S)
        self.assertEqual(agent.returncode, 1)
        self.goes_on("kill -9 in a population", since)

    def test_a_server_that_is_stopped_in_a_cycle_leaves_it_to_another(self):
        here = self.install(2, people=6000)
        here.cycles(GOES_ON_S)
        here.sql("UPDATE people SET name = name || '.';")
        agent, server = here.begin_cycle()
        since = time.monotonic()
        here.servers[server].signal(signal.SIGTERM)
        here.let_go()
        self.assertEqual(here.servers[server].reap(), 0)
        here.said_by(agent, ENDS_S)
        self.goes_on("SIGTERM in a cycle", since)
        self.assertNotIn("cycle.ended", here.kinds())
        self.assertEqual(here.populated("people"), 1)


class LongCycles(Cycles):
    """What tools/nightly has of them."""

    def test_a_server_killed_in_each_cycle(self):
        here = self.install(2, people=6000)
        here.cycles(GOES_ON_S)
        for round_ in range(4):
            before = here.lsn("people")
            here.sql(f"UPDATE people SET name = name || '.'; DELETE FROM people WHERE id % 97 = {round_};")
            agent, server = here.begin_cycle()
            here.servers[server].kill()
            since = time.monotonic()
            here.let_go()
            here.said_by(agent, ENDS_S)
            self.assertEqual(here.lsn("people"), before, "half a cycle counts as done")
            self.goes_on("kill -9 in a cycle", since)
            self.assertEqual(here.populated("people"), 1, "all rows were sent again")
            here.servers[server].start()

    def test_lines_that_are_cut_lead_to_the_next_server(self):
        dice = many_servers.dice()
        own = random.Random(dice.random())
        here = self.install(3, balancer=lambda ports: Balancer(ports, cuts(own, 0.5, 60_000)))
        changes = RandomChanges(dice)
        for _ in range(ROUNDS):
            for _ in range(3):
                here.agent("once")
                here.sql(changes.next())
            here.cycles(GOES_ON_S)
            self.assertEqual(here.differences(), [])
        self.assertEqual(set(here.balancer.served), {0, 1, 2})
        self.assertGreater(here.balancer.cuts, 0)
        here.balancer.cut = lambda: None
        here.check_equal()

    def test_random_failures_of_everything(self):
        """Servers are killed, stopped and hang for a moment, PostgreSQL is killed, lines are cut and answers of COMMIT
        are lost, while changes come."""
        dice = many_servers.dice()
        lines, commits = random.Random(dice.random()), random.Random(dice.random())
        cluster = many_servers.OfModule.cluster
        url = many_servers.make_database()
        address = cluster.folder / "address"
        relay = DroppingRelay(address, cluster.folder, lambda number: commits.random() < 0.02)
        self.addCleanup(relay.close)
        conninfo = f"host={address} dbname={many_servers.database_of(url)} user=mirror"
        balancer = lambda ports: Balancer(ports, cuts(lines, 0.4, 100_000))
        here = self.install(3, url=url, control=conninfo, place=conninfo, balancer=balancer, people=2000)
        changes, acknowledged = RandomChanges(dice), {}
        for _ in range(many_servers.rounds(12)):
            here.sql(*(changes.next() for _ in range(3)))
            agent = here.begin_agent("once", "--json")
            self.strike(dice, cluster)
            said = here.said_by(agent, GOES_ON_S)
            if said:
                tables = json.loads(said)["sources"][0]["tables"]
                acknowledged |= {one["table"]: one["lsn"] for one in tables if one["result"] == "ok"}
            if agent.returncode == 0:
                self.assertEqual(here.differences(), [])
            for table, lsn in acknowledged.items():
                self.assertGreaterEqual(max(here.lsn(table), 0) or lsn, lsn, f"of '{table}' this was acknowledged")
            for server in here.servers:
                if server.process is None:
                    server.start()
        here.balancer.cut, relay.drops = lambda: None, lambda number: False
        here.cycles(GOES_ON_S)
        here.check_equal()
        print(f"{relay.dropped} answers of COMMIT were lost, {here.balancer.cuts} lines cut", flush=True)

    def strike(self, dice, cluster):
        """At any moment of a run."""
        server = dice.choice(self.here.servers)
        kind = dice.choice(("kill", "stop", "hang", "primary", "none"))
        moment = time.monotonic() + dice.random()
        wait_for("the moment", lambda: time.monotonic() > moment, GOES_ON_S)
        if kind == "kill":
            server.kill()
        elif kind == "stop":
            self.assertEqual(server.stop(), 0)
        elif kind == "hang":
            server.signal(signal.SIGSTOP)
            wait_for("the end of it", lambda: time.monotonic() > moment + 1, GOES_ON_S)
            server.signal(signal.SIGCONT)
        elif kind == "primary":
            cluster.kill()
            cluster.start()


if __name__ == "__main__":
    BIN = pathlib.Path(sys.argv.pop(1)).resolve()
    unittest.main()
