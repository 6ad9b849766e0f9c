#!/usr/bin/python3
"""Two servers over one control database, and operators and sources that do at one what concerns the other.

Usage: servers_admin_test.py BIN_DIR [unittest arguments]
"""

import json
import pathlib
import signal
import subprocess
import sys
import time
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "support"))
import many_servers  # noqa: E402
import postgres_cluster  # noqa: E402
from many_servers import CONTEXT, wait_for  # noqa: E402
from postgres_cluster import ROLE  # noqa: E402

GOES_ON_S = 60
TAKEN_OVER_S = 60  # A duty is another server's 15 s after its holder is gone; each looks every 5 s.
TENANTS = 6
BIN = None


def setUpModule():
    many_servers.start_cluster()


def tearDownModule():
    many_servers.remove_cluster()


class TwoServers(unittest.TestCase):
    def setUp(self):
        self.here = many_servers.install(self, BIN, 2, people=6000)

    def listed(self, number):
        return json.loads(self.here.ctl(number, "servers", "--json").stdout)

    def begin(self):
        """A run that has sent rows and has more of them; its server comes first from now on."""
        self.here.cycles(GOES_ON_S)
        self.here.sql("UPDATE people SET name = name || '.';")
        agent, server = self.here.begin_cycle()
        if server == 1:
            self.here.servers.reverse()
        return agent

    # --- Tenants ---

    def test_a_tenant_that_is_made_at_both_at_once_is_made_once(self):
        configs = []
        for number in (0, 1):
            configs.append(self.here.dev / f"agent-{number}.toml")
            self.here.point_agent(number)
            configs[-1].write_text((self.here.dev / "mirror-agent.toml").read_text())
        words = ["--context-id", f"{CONTEXT}-race", "--rows", "20", "--seed", "1"]
        words += ["--tenants", str(TENANTS), "--clients", str(TENANTS)]
        runs = [
            subprocess.Popen([BIN / "mirror-harness", "push", "--config", config, *words],
                             stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
            for config in configs
        ]  # fmt: skip
        for run in runs:
            self.addCleanup(run.kill)
        for run in runs:
            said = run.communicate(timeout=GOES_ON_S)[0]
            self.assertIn(run.returncode, (0, 1), said)
        created = [kind for kind, _ in self.here.events()].count("tenant.created")
        self.assertEqual(created, TENANTS)
        schemas = self.here.psql("SELECT count(*) FROM pg_namespace WHERE nspname ~ '^Mirror_Cust-race-';")
        self.assertEqual(int(schemas), TENANTS)
        placed = self.here.psql(
            "SELECT count(*) FROM mirror_control.tenant WHERE context_id ~ '^Cust-race-' AND state = 'serving';"
        )
        self.assertEqual(int(placed), TENANTS)
        for config in configs:
            again = self.here.run("mirror-harness", "push", "--config", config, *words, check=False)
            self.assertEqual(again.returncode, 0, again.stdout + again.stderr)

    def test_deletion_at_one_while_the_other_has_it_open(self):
        here = self.here
        agent = self.begin()
        here.ctl(1, "delete", CONTEXT, "--confirm", CONTEXT)
        here.let_go()
        heard = here.said_by(agent, GOES_ON_S)
        self.assertNotEqual(agent.returncode, 0, heard)
        self.assertEqual(here.differences(), ["there is no mirror"])
        for number in (0, 1):
            here.point_agent(number)
            refused = here.agent("once")
            self.assertIn("an operator deleted the mirror", refused.stderr)
            self.assertEqual(here.differences(), ["there is no mirror"])
        here.ctl(0, "allow", CONTEXT)
        for number in (1, 0):
            here.point_agent(number)
            here.cycles(GOES_ON_S)
            here.sql("UPDATE people SET age = age - 1;")
        here.cycles(GOES_ON_S)
        here.check_equal()

    def test_pause_and_resume_at_the_other_server(self):
        here = self.here
        agent = self.begin()
        before = here.lsn("people")
        here.ctl(1, "pause", CONTEXT, "--reason", "a test")
        here.let_go()
        here.said_by(agent, GOES_ON_S)
        self.assertEqual(here.lsn("people"), before, "half a cycle counts as done")
        for number in (0, 1):
            here.point_agent(number)
            paused = here.agent("once", "--json")
            self.assertEqual(paused.returncode, 0, paused.stderr)
            self.assertNotEqual(json.loads(paused.stdout)["sources"][0]["outcome"], "done")
            self.assertIn("a test", paused.stdout)
        self.assertEqual(here.lsn("people"), before)
        here.ctl(0, "resume", CONTEXT)
        here.cycles(GOES_ON_S)
        here.check_equal()

    # --- Servers ---

    def test_servers_are_listed_at_each_until_they_stop(self):
        here = self.here
        addresses = [f"127.0.0.1:{port}" for port in here.ports()]
        wait_for("both in the list", lambda: all(len(self.listed(number)) == 2 for number in (0, 1)), GOES_ON_S)
        for number in (0, 1):
            listed = self.listed(number)
            self.assertEqual({one["address"] for one in listed}, set(addresses))
            self.assertEqual([one["address"] for one in listed if one["here"]], [addresses[number]])
        self.assertEqual(here.servers[0].stop(), 0)
        self.assertEqual([one["address"] for one in self.listed(1)], addresses[1:])

    def test_a_server_that_is_refused_leaves_the_audit_log_whole(self):
        here = self.here
        here.cycles(GOES_ON_S)
        here.ctl(0, "pause", CONTEXT, "--reason", "a test")
        here.ctl(0, "resume", CONTEXT)
        before = here.ctl(0, "audit", "list", "--json").stdout
        other = here.folder / "other"  # With keys of its own.
        here.run("mirrorctl", "init", "--dir", other, "--context-id", CONTEXT, "--source", here.source,
                 "--metrics-port", 0, "--store", "postgres", "--postgres", here.url)  # fmt: skip
        many_servers.set_key(other / "mirror-server.toml", "port", "0")
        refused = here.run("mirror-server", "--config", other / "mirror-server.toml", check=False)
        self.assertEqual(refused.returncode, 1, refused.stderr)
        self.assertIn("hashes columns with another key", refused.stdout + refused.stderr)
        self.assertEqual(here.ctl(0, "audit", "list", "--json").stdout, before)
        self.assertIn("the log is whole", here.ctl(0, "audit", "verify").stdout)
        self.assertNotIn("audit.replaced", here.kinds())

    # --- The password ---

    def ask_for_password(self):
        """From now on PostgreSQL asks for the servers' role's at this test's database, until the test ends."""
        cluster = many_servers.OfModule.cluster
        rules = cluster.data / "pg_hba.conf"
        before = rules.read_text()

        def put(text):
            rules.write_text(text)
            cluster.sql("SELECT pg_reload_conf();")

        self.addCleanup(put, before)
        put(f"local {many_servers.database_of(self.here.url)} {ROLE} scram-sha-256\n{before}")

    def set_password(self, passfile, password):
        passfile.write_text(f"*:*:*:{ROLE}:{password}\n")
        passfile.chmod(0o600)
        many_servers.OfModule.cluster.sql(f"ALTER ROLE {ROLE} PASSWORD '{password}';")

    def drop_connections(self):
        many_servers.OfModule.cluster.sql(
            f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = '{ROLE}' "
            f"AND datname = '{many_servers.database_of(self.here.url)}';"
        )

    def test_a_password_is_exchanged_while_servers_run(self):
        here = self.here
        passfile = here.dev / "pgpass"  # As 'mirrorctl init' has it.
        self.set_password(passfile, "first")
        self.ask_for_password()
        self.drop_connections()
        here.cycles(GOES_ON_S)
        # What others may read is not used, and is told.
        passfile.chmod(0o644)
        for server in here.servers:
            server.signal(signal.SIGHUP)
        wait_for("the word of it", lambda: "keys.not_reloaded" in here.kinds(), GOES_ON_S)
        self.set_password(passfile, "second")
        for server in here.servers:
            server.signal(signal.SIGHUP)
        self.drop_connections()
        for number in (0, 1):
            here.point_agent(number)
            here.sql("UPDATE people SET age = age + 1;")
            here.cycles(GOES_ON_S)
        self.assertEqual(here.agent("verify").returncode, 0)
        with self.assertRaisesRegex(postgres_cluster.Failed, "password"):
            here.psql("SELECT 1;")


class LongTwoServers(TwoServers):
    """What tools/nightly has of them."""

    def test_what_an_operator_does_at_one_the_next_cycle_at_the_other_knows(self):
        here = self.here
        here.point_agent(0)
        here.cycles(GOES_ON_S)
        here.ctl(1, "backup", CONTEXT, here.folder / "copy.db")
        here.sql("UPDATE people SET age = age + 1;")
        here.cycles(GOES_ON_S)
        here.ctl(1, "restore", CONTEXT, here.folder / "copy.db", "--confirm", CONTEXT)
        self.assertNotEqual(here.differences(), [])
        here.cycles(GOES_ON_S)
        self.assertEqual(here.differences(), [])
        here.ctl(1, "invalidate", CONTEXT, "--table", "wide")
        here.cycles(GOES_ON_S)
        self.assertEqual(here.populated("wide"), 2)
        here.sql("DELETE FROM people WHERE id <= 5500;")
        held = here.agent("once")
        self.assertEqual(held.returncode, 1, held.stdout)
        hold = json.loads(here.ctl(1, "hold", "list", "--json").stdout)[0]
        here.ctl(1, "hold", "commit", hold["hold"])
        here.cycles(GOES_ON_S)
        here.check_equal()

    def test_what_a_dead_server_did_for_all_another_does(self):
        here = self.here

        def duties():
            found = {one["address"]: one["duties"] for one in self.listed(here.alive())}
            return {duty: address for address, theirs in found.items() for duty in theirs}

        wait_for("duties", lambda: {"idle_cycles", "summaries"} <= set(duties()), GOES_ON_S)
        holder = next(server for server in here.servers if f"127.0.0.1:{server.port}" == duties()["summaries"])
        dead = f"127.0.0.1:{holder.port}"
        holder.kill()
        since = time.monotonic()
        wait_for("another one with its duties", lambda: dead not in duties().values() and duties(), TAKEN_OVER_S)
        print(f"its duties were another's {time.monotonic() - since:.1f} s after kill -9", flush=True)
        [gone] = [one for one in self.listed(here.alive()) if one["address"] == dead]
        self.assertGreater(gone["silent_ms"], 10_000)


if __name__ == "__main__":
    BIN = pathlib.Path(sys.argv.pop(1)).resolve()
    unittest.main()
