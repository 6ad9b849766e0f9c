#!/usr/bin/python3
"""tools/fleet without a fleet: its command line, its plan, what a source takes for lost, how mirrors are compared."""

import contextlib
import io
import json
import pathlib
import shutil
import subprocess
import sys
import unittest
from unittest import mock

ROOT = pathlib.Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

from tests.fleet import compare, fleet, load, plan, report  # noqa: E402
from tests.fleet.parts import postgres_cluster  # noqa: E402
from tests.fleet.source import KEYED, KEYLESS, TABLES, Tenant, batches_of  # noqa: E402

NOTHING = (-1, b"")


class CommandLine(unittest.TestCase):
    def fleet(self, *words):
        command = ["/usr/bin/python3", "-B", ROOT / "tests/fleet/main.py", *words]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    def test_help_says_what_it_does_and_how_it_ends(self):
        run = subprocess.run([ROOT / "tools/fleet", "--help"], capture_output=True, text=True, check=False)
        self.assertEqual((run.returncode, run.stderr), (0, ""))
        for words in ("usage: tools/fleet", "--tenants", "--keep", "Example:", "2 wrong usage"):
            self.assertIn(words, run.stdout)

    def test_wrong_usage(self):
        for words, said in (
            (["--tenants", "0"], "at least 1"),
            (["--kills", "-1"], "at least 0"),
            (["--standbys", "0"], "at least 1"),
            (["--tenants", "many"], "invalid"),
            (["now"], "unrecognized arguments: now"),
        ):
            run = self.fleet(*words)
            self.assertEqual((run.returncode, run.stdout), (2, ""))
            self.assertIn(said, run.stderr)

    def test_what_is_missing_is_named_with_what_to_type(self):
        with mock.patch.object(shutil, "which", return_value=None):
            with self.assertRaisesRegex(postgres_cluster.Missing, "etcd, patroni.*tools/setup --also fleet"):
                fleet.check_programs(ROOT)
        self.assertIn("\npatroni\n", (ROOT / "tools/fleet-packages.txt").read_text(encoding="utf-8"))


class Plan(unittest.TestCase):
    def test_the_same_seed_is_the_same_plan(self):
        self.assertEqual(plan.make(7, 30), plan.make(7, 30))
        self.assertNotEqual(plan.make(7, 30), plan.make(8, 30))
        self.assertEqual(plan.make(7, 30)[:12], plan.make(7, 12))

    def test_each_kind_comes_before_one_comes_again(self):
        strikes = plan.make(1, 5 * len(plan.AWAY))
        for first in range(0, len(strikes), len(plan.AWAY)):
            self.assertEqual({one.what for one in strikes[first : first + len(plan.AWAY)]}, set(plan.AWAY))
        self.assertEqual({one.server for one in strikes if one.what.startswith("server")}, set(plan.SERVERS))
        self.assertEqual({one.server for one in strikes if not one.what.startswith("server")}, {""})

    def test_a_primary_stays_away_until_a_standby_is_promoted(self):
        self.assertGreater(plan.AWAY["primary killed"][0], fleet.DCS["ttl"])
        self.assertLessEqual(fleet.DCS["loop_wait"] + 2 * fleet.DCS["retry_timeout"], fleet.DCS["ttl"])

    def test_standbys_stay_away_for_longer_than_a_commit_is_waited_for(self):
        self.assertGreater(plan.AWAY["all standbys away"][0], 60)
        away, parts = [], {}
        parts["primary"] = mock.Mock(**{"is_primary.return_value": True, "sql.return_value": "12"})
        for name in ("s1", "s2"):
            parts[name] = mock.Mock(**{"is_primary.return_value": False})
            parts[name].kill.side_effect = lambda name=name: away.append(name)
            parts[name].start.side_effect = lambda name=name: away.remove(name)
        made = fleet.Fleet.__new__(fleet.Fleet)
        made.nodes = list(parts.values())
        strike = plan.Strike("all standbys away", "", 1, 70)
        asleep = lambda seconds: self.assertEqual((seconds, away), (70, ["s1", "s2"]))  # noqa: E731
        with mock.patch.object(fleet.time, "sleep", asleep):
            made.strike(strike)
            self.assertEqual(away, [])
            parts["primary"].kill.assert_not_called()
            parts["primary"].sql.return_value = str(fleet.CONNECTIONS_MAX + 1)
            with self.assertRaisesRegex(fleet.Broken, "connections of servers"):
                made.strike(strike)
        self.assertEqual(away, [])

    def test_a_strike_is_a_sentence(self):
        self.assertEqual(str(plan.Strike("all standbys away", "", 1, 70)), "all standbys away for 70.0 s")
        self.assertEqual(str(plan.Strike("server killed", "s2", 1, 2.5)), "s2 killed, back after 2.5 s")
        self.assertEqual(str(plan.Strike("server stopped", "s1", 1, 2.5)), "s1 stopped for 2.5 s")
        self.assertEqual(str(plan.Strike("primary's PostgreSQL killed", "", 1, 0)), "primary's PostgreSQL killed")


class Mirror:
    """What a mirror does with a source's batches."""

    def __init__(self):
        self.rows, self.log, self.positions = {}, [], {name: NOTHING for name in TABLES}

    def take(self, tenant, name, populate, batches=None):
        """The first `batches` of them; all: it commits."""
        steps = batches_of(tenant, name, populate)
        tenant.sent(name, populate)
        if name == KEYLESS:
            self.log = [text for _, rows in steps for (text,) in rows]
        elif populate:
            self.rows = dict(row for _, rows in steps for row in rows)
        else:
            for operation, rows in steps[:batches]:
                for key, text in rows:
                    assert operation != "update" or key in self.rows
                    self.rows.pop(key, None) if operation == "delete" else self.rows.update({key: text})
        if batches is None:
            self.positions[name] = tenant.target

    def cycle(self, tenant):
        for name in TABLES:
            populate = tenant.look(name, self.positions[name], None)
            if populate or tenant.tables[name].behind:
                self.take(tenant, name, populate)
                tenant.acknowledged(name, True)
        tenant.completed()

    def compare(self, tenant):
        positions = {name: (lsn, lineage.hex()) for name, (lsn, lineage) in self.positions.items()}
        compare.check_tenant(tenant, list(map(list, self.rows.items())), self.log, positions)


class Source(unittest.TestCase):
    def setUp(self):
        self.tenant, self.mirror = Tenant("Fleet-1", 1), Mirror()
        self.mirror.cycle(self.tenant)

    def kinds(self):
        return [kind for kind, _ in self.tenant.findings]

    def test_after_many_cycles_some_of_which_broke_off_all_is_equal(self):
        for number in range(100):
            self.tenant.change()
            if number % 3 == 0:
                self.mirror.take(self.tenant, KEYED, False, batches=number % 2 + 1)
            self.mirror.cycle(self.tenant)
        self.mirror.compare(self.tenant)
        self.assertEqual(self.tenant.findings, [])
        self.assertEqual(self.tenant.cycles, 101)

    def test_a_commit_whose_answer_was_lost_is_found(self):
        self.tenant.change()
        self.mirror.take(self.tenant, KEYED, False)
        self.mirror.cycle(self.tenant)
        self.assertEqual((self.tenant.counts["answers lost"], self.tenant.findings), (1, []))

    def test_a_position_that_went_back_is_lost(self):
        before = dict(self.mirror.positions)
        self.tenant.change()
        self.mirror.cycle(self.tenant)
        self.mirror.positions = before
        self.assertTrue(self.tenant.look(KEYED, before[KEYED], None))
        self.assertEqual(self.kinds(), ["lost"])

    def test_what_was_not_acknowledged_as_durable_may_go_until_the_cycle_is_completed(self):
        before = self.mirror.positions[KEYED]
        self.tenant.change()
        self.mirror.take(self.tenant, KEYED, False)
        self.tenant.acknowledged(KEYED, False)
        self.assertFalse(self.tenant.look(KEYED, before, None))
        self.assertEqual((self.kinds(), self.tenant.tables[KEYED].behind), ([], True))
        self.tenant.acknowledged(KEYED, False)
        self.tenant.completed()
        self.tenant.look(KEYED, before, None)
        self.assertEqual(self.kinds(), ["lost"])

    def test_minus_one_is_called_for_by_a_population_of_ones_own_alone(self):
        self.tenant.sent(KEYLESS, True)
        self.assertTrue(self.tenant.look(KEYLESS, NOTHING, None))
        self.assertEqual(self.kinds(), [])
        self.assertTrue(self.tenant.look(KEYED, NOTHING, None))
        self.assertEqual(self.kinds(), ["repopulated"])

    def test_a_pending_position_that_nobody_sent_is_told(self):
        self.tenant.look(KEYED, self.mirror.positions[KEYED], (-1, b""))
        self.tenant.look(KEYED, self.mirror.positions[KEYED], self.tenant.target)
        self.assertEqual(self.kinds(), [])
        self.tenant.look(KEYED, self.mirror.positions[KEYED], (9, b"unknown"))
        self.assertEqual(self.kinds(), ["lost"])

    def test_receipts_that_part_are_a_commit_that_was_lost(self):
        def receipt(number, previous, table="names"):
            return json.dumps({"number": number, "previous": previous, "table": table})

        self.tenant.hear_receipt(receipt(1, ""))
        self.tenant.hear_receipt(receipt(2, self.tenant.receipts[1]))
        self.tenant.hear_receipt("")
        self.assertEqual(self.kinds(), [])
        self.tenant.hear_receipt(receipt(2, self.tenant.receipts[1], "log"))
        self.tenant.hear_receipt(receipt(3, "another"))
        self.assertEqual(self.kinds(), ["lost", "lost"])


class Compare(unittest.TestCase):
    def setUp(self):
        self.tenant, self.mirror = Tenant("Fleet-1", 2), Mirror()
        self.mirror.cycle(self.tenant)

    def found(self):
        self.mirror.compare(self.tenant)
        return [kind for kind, _ in self.tenant.findings]

    def test_equal(self):
        self.assertEqual(self.found(), [])

    def test_a_row_that_is_missing_is_lost(self):
        del self.mirror.rows[7]
        self.assertEqual(self.found(), ["lost"])

    def test_a_row_that_is_there_twice_is_doubled(self):
        self.mirror.log.append(self.mirror.log[0])
        self.assertEqual(self.found(), ["doubled"])

    def test_an_old_value_is_both(self):
        self.mirror.rows[7] = "old"
        self.assertEqual(self.found(), ["lost", "doubled"])

    def test_a_position_that_is_not_the_acknowledged_one_is_lost(self):
        self.mirror.positions[KEYLESS] = (5, b"other")
        self.assertEqual(self.found(), ["lost"])

    def test_each_tenant_is_read(self):
        tenants = [Tenant(f"Fleet-{number}", 1) for number in range(compare.AT_ONCE + 1)]
        asked = []

        def read(script):
            asked.append(script.count("Mirror_"))
            names = [line.split("'")[1] for line in script.splitlines()]
            return "".join(json.dumps([name, [], [], None]) + "\n" for name in names)

        self.assertEqual(compare.check(read, tenants), 0)
        self.assertEqual(len(asked), 2)
        self.assertTrue(all(tenant.findings for tenant in tenants))


class Report(unittest.TestCase):
    def said(self, found):
        out = io.StringIO()
        with contextlib.redirect_stdout(out):
            kept = report.print_verdict(found)
        return kept, out.getvalue()

    def test_what_was_kept(self):
        kept, said = self.said({"ended": []})
        self.assertTrue(kept)
        self.assertRegex(said, r"lost: +nothing\ndoubled: +nothing\npopulated again without need: +none\n")

    def test_what_was_lost_is_named_but_not_all_of_it(self):
        kept, said = self.said({"lost": [f"Fleet-{number}: gone" for number in range(30)]})
        self.assertFalse(kept)
        self.assertRegex(said, r"lost: +30\n  Fleet-0: gone\n")
        self.assertIn("and 20 more", said)

    def test_times(self):
        commits = [(1, 2), (3, 4), (9, 12), (13, 13.5)]
        self.assertEqual(load.first_after(commits, 5), 7)
        self.assertIsNone(load.first_after(commits, 14))
        self.assertEqual(load.longest_gap(commits, 5), 8)
        self.assertEqual(load.longest_gap(commits, 12.5), 1.5)


if __name__ == "__main__":
    unittest.main()
