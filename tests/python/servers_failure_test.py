#!/usr/bin/python3
"""Several servers, and what is between them and PostgreSQL: one hangs with a transaction open, answers of COMMIT are
lost, the control database is away.

Usage: servers_failure_test.py BIN_DIR [unittest arguments]
"""

import json
import os
import pathlib
import random
import re
import signal
import sys
import time
import unittest
import urllib.request

os.environ["GRPC_ENABLE_FORK_SUPPORT"] = "0"  # openssl is started from a process that has channels.
import grpc  # noqa: E402

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "support"))
import many_servers  # noqa: E402
import minimal_source  # noqa: E402
import random_changes  # noqa: E402
from dropping_relay import DroppingRelay  # noqa: E402
from many_servers import CONTEXT, wait_for  # noqa: E402

GOES_ON_S = 90
TRIES = 20  # Of one call, whose answers are lost at random.
HANGS_S = 60  # A transaction that says nothing for 15 s is over.
BEGUN_S = 60
CALL_ENDS_S = 150  # A database that says nothing for 60 s counts as gone.
BEATS_S = 60  # A server looks for its control database every 5 s.
BIN = None


def setUpModule():
    many_servers.start_cluster()


def tearDownModule():
    many_servers.remove_cluster()


class Calls:
    """In the place of a channel: each call goes to the next server; one whose answer was lost is repeated there."""

    def __init__(self, channels):
        self.channels, self.turn = channels, 0
        self.running = None
        self.repeated = []  # (call, answer) of those that were sent again.

    def unary_unary(self, path, **more):
        stubs = [channel.unary_unary(path, **more) for channel in self.channels]

        def call(request, **metadata):
            self.running = path.rsplit("/", 1)[1]
            for tries in range(TRIES):
                self.turn += 1
                try:
                    answer = stubs[self.turn % len(stubs)](request, timeout=GOES_ON_S, **metadata)
                except grpc.RpcError as error:
                    again = "the same call again is safe" in error.details()
                    if error.code() != grpc.StatusCode.UNAVAILABLE or not again:
                        raise
                    continue
                if tries:
                    self.repeated.append((self.running, answer))
                return answer
            raise AssertionError(f"{path} has no answer")

        return call

    unary_stream = stream_unary = stream_stream = unary_unary


class Failures(unittest.TestCase):
    def install(self, relay, servers=2, **more):
        """With a relay between the servers and what is named: 'place' or 'control'."""
        cluster, url = many_servers.OfModule.cluster, many_servers.make_database()
        folder = cluster.folder / many_servers.database_of(url)
        self.relay = DroppingRelay(folder, cluster.folder)
        self.addCleanup(self.relay.close)
        conninfo = f"host={folder} dbname={many_servers.database_of(url)} user=mirror"
        self.here = many_servers.install(self, BIN, servers, url=url, **{relay: conninfo}, **more)
        return self.here

    # --- Answers of COMMIT that are lost ---

    def test_a_commit_without_an_answer_is_repeated_and_nothing_is_doubled(self):
        here, dice = self.install("place"), many_servers.dice()
        identity = minimal_source.Identity(here.dev)
        state = minimal_source.State(here.folder / "state.json")
        channels, repeated, rows = self.channels(), [], {}
        for round_ in range(12):
            kept = {key: name for key, name in rows.items() if dice.random() > 0.1}
            rows = kept | {dice.randrange(200): f"name {round_}" for _ in range(20)}
            calls = Calls(channels)
            # An Authenticate is not the same call again: its token counts once.
            self.relay.drops = lambda number: calls.running != "Authenticate" and dice.random() < 0.3
            done = minimal_source.run_cycle(calls, identity, CONTEXT, state, rows)
            self.relay.drops = lambda number: False
            self.assertIn(done, ("populated", "changed"))
            repeated += calls.repeated
            found = here.psql(f'SELECT id, name FROM "Mirror_{CONTEXT}".names ORDER BY id;')
            self.assertEqual(found, "\n".join(f"{key}|{name}" for key, name in sorted(rows.items())))
        print(f"{self.relay.dropped} of {self.relay.commits} answers of COMMIT were lost", flush=True)
        again = [answer.results[0].repeated_batch for call, answer in repeated if call == "RowData"]
        self.assertTrue(again and all(again), repeated)
        self.assertGreater(len(repeated), len(again), "of no other call")

    def channels(self):
        """To each server."""
        folder = self.here.folder / "stubs"
        folder.mkdir()
        minimal_source.make_stubs(folder)
        credentials = grpc.ssl_channel_credentials((self.here.dev / "tls/ca.crt").read_bytes())
        found = [grpc.secure_channel(f"127.0.0.1:{port}", credentials) for port in self.here.ports()]
        for channel in found:
            self.addCleanup(channel.close)
        return found

    # --- The control database is away ---

    def push_new(self):
        """A tenant that no server knows."""
        config = self.here.dev / "mirror-agent.toml"
        words = ["--config", config, "--context-id", f"{CONTEXT}-new", "--rows", 10]
        return self.here.run("mirror-harness", "push", *words, check=False)

    def test_without_the_control_database_known_tenants_go_on(self):
        here = self.install("control")
        for number in (0, 1):
            here.point_agent(number)
            here.cycles(GOES_ON_S)
        here.point_agent(here.balancer.address)
        self.relay.refuse()
        since = time.monotonic()
        for round_ in range(4):
            here.sql(f"UPDATE people SET age = age + {round_ + 1};")
            done = here.agent("once")
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertEqual(here.differences(), [])
        print(f"4 cycles without the control database took {time.monotonic() - since:.1f} s", flush=True)
        new = self.push_new()
        self.assertEqual(new.returncode, 1)
        self.assertIn("the control database", new.stderr)
        lost = lambda: all("server.control_lost" in server.out.read_text() for server in here.servers)
        wait_for("servers that say that it is away", lost, BEATS_S)
        self.relay.admit()
        since = time.monotonic()
        wait_for("the new tenant's mirror", lambda: self.push_new().returncode == 0, GOES_ON_S)
        print(f"new tenants are served {time.monotonic() - since:.1f} s after it is back", flush=True)
        both = {"server.control_lost", "server.control_back"}
        wait_for("the events of it", lambda: both <= set(here.kinds()), BEATS_S)
        here.check_equal()


    # --- A place does not answer at a start ---

    def test_a_server_starts_beside_a_place_that_does_not_answer(self):
        control, second = many_servers.make_database(), many_servers.make_database()
        here = self.install("place", servers=1, control=control)
        server = here.servers[0]
        place = f'\n[[postgres.place]]\nname = "p2"\nconninfo = "{second}"\n'
        server.config.write_text(server.config.read_text() + place)
        self.assertEqual(server.stop(), 0)
        server.start()
        here.point_agent(here.balancer.address)
        here.cycles(GOES_ON_S)
        # Where the fewest tables are.
        self.assertEqual(self.push_new().returncode, 0)
        paths = {one["context_id"]: one["path"] for one in self.ctl_json("tenants")}
        self.assertTrue(paths.pop(CONTEXT).startswith("postgres://p1/"))
        self.assertTrue(paths and all(path.startswith("postgres://p2/") for path in paths.values()), paths)
        self.assertEqual(self.closed(), [])

        self.relay.refuse()
        self.assertEqual(server.stop(), 0)
        words = "the place 'p1' has not answered this server since its start, 20"
        checked = here.run("mirror-server", "--config", server.config, "--check-config")
        self.assertIn(f"note: {words}", checked.stdout)
        server.start()
        self.assertEqual(self.closed(), ["p1"])
        pushed = self.push_new()
        self.assertEqual(pushed.returncode, 0, pushed.stderr)
        done = here.agent("once")
        self.assertEqual(done.returncode, 1, done.stdout)
        self.assertIn(words, done.stdout + done.stderr)
        doctor = here.ctl(0, "doctor", check=False)
        self.assertEqual(doctor.returncode, 1, doctor.stdout)
        self.assertIn(words, re.sub(r"\s+", " ", doctor.stdout))
        self.assertIn("does not yet serve the mirrors in these places: p1", here.ctl(0, "servers").stdout)
        self.assertEqual(self.places_up(), {"p1": "0", "p2": "1"})

        self.relay.admit()
        here.cycles(GOES_ON_S)
        here.check_equal()
        self.assertEqual(self.closed(), [])
        told = [message for kind, message in here.events() if kind == "server.place"]
        self.assertEqual(len(told), 2, told)
        self.assertIn(words, told[0])
        self.assertEqual("the place 'p1' answers, and its mirrors are served", told[1])

    def ctl_json(self, *words):
        return json.loads(self.here.ctl(0, *words, "--json").stdout)

    def closed(self):
        return self.ctl_json("servers")[0]["closed_places"]

    def places_up(self):
        url = re.search(r"^mirror-server metrics: (\S+)", self.here.servers[0].out.read_text(), re.MULTILINE).group(1)
        with urllib.request.urlopen(url, timeout=GOES_ON_S) as page:
            return dict(re.findall(r'^mirror_place_up\{place="(\w+)"\} (\d)', page.read().decode(), re.MULTILINE))


class LongFailures(Failures):
    """What tools/nightly has of them."""

    def test_random_commits_without_an_answer(self):
        dice = many_servers.dice()
        own, changes = random.Random(dice.random()), random_changes.RandomChanges(dice)
        here = self.install("place")
        self.relay.drops = lambda number: own.random() < 0.05
        for _ in range(many_servers.rounds(6)):
            here.cycles(GOES_ON_S)
            self.assertEqual(here.differences(), [])
            here.sql(changes.next())
        self.assertGreater(self.relay.dropped, 0)
        self.relay.drops = lambda number: False
        here.cycles(GOES_ON_S)
        here.check_equal()

    # --- What hangs ---

    def test_what_a_server_that_hung_would_have_written_is_refused(self):
        here = many_servers.install(self, BIN, 2, people=6000)
        here.cycles(GOES_ON_S)
        here.sql("UPDATE people SET name = name || '.';")
        agent, number = here.begin_cycle()
        here.let_go()
        self.stop_in_transaction(here, here.servers[number])
        since = time.monotonic()
        agent.kill()
        here.point_agent(1 - number)
        here.sql("DELETE FROM people WHERE id % 3 = 0;")
        here.cycles(HANGS_S)
        print(f"beside a server that hangs a cycle was done after {time.monotonic() - since:.1f} s", flush=True)
        self.assertEqual(here.differences(), [])
        here.servers[number].signal(signal.SIGCONT)
        here.point_agent(number)
        here.sql("UPDATE people SET name = name || '.';")
        here.cycles(GOES_ON_S)
        here.check_equal()

    def stop_in_transaction(self, here, server):
        """SIGSTOP, while it has the mirror's lock."""
        found = (
            "SELECT count(*) FROM pg_stat_activity a JOIN pg_locks l USING (pid) WHERE a.state = 'idle in transaction' "
            "AND a.backend_xid IS NOT NULL AND l.granted AND "
            f"l.relation = '\"Mirror_{CONTEXT}\"._mirror_tenant'::regclass;"
        )

        def stopped():
            server.signal(signal.SIGSTOP)
            # Asked twice: what it had sent before is answered by then.
            if here.psql(found) != "0" and here.psql(found) != "0":
                return True
            server.signal(signal.SIGCONT)
            return False

        wait_for("a server with a transaction open", stopped, BEGUN_S)

    def test_beside_a_postgresql_that_hangs_each_call_ends(self):
        here = many_servers.install(self, BIN, 2, people=6000)
        here.cycles(GOES_ON_S)
        here.sql("UPDATE people SET name = name || '.';")
        agent, _ = here.begin_cycle()
        cluster = many_servers.OfModule.cluster
        cluster.hang()
        self.addCleanup(cluster.go_on)
        here.let_go()
        since = time.monotonic()
        here.said_by(agent, CALL_ENDS_S)
        self.assertEqual(agent.returncode, 1)
        print(f"a call that was running ended after {time.monotonic() - since:.1f} s", flush=True)
        for number, words in enumerate((("events",), ("tenants",), ("pause", CONTEXT), ("diagnose",))):
            self.assertEqual(here.ctl(number % 2, *words, check=False).returncode, 1, words)
        self.assertEqual(here.agent("once").returncode, 1)
        self.assertEqual(here.servers[1].stop(), 0)
        cluster.go_on()
        here.ctl(0, "resume", CONTEXT)
        here.cycles(GOES_ON_S)
        here.check_equal()


if __name__ == "__main__":
    BIN = pathlib.Path(sys.argv.pop(1)).resolve()
    unittest.main()
