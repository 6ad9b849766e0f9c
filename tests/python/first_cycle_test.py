#!/usr/bin/python3
"""What cycles ask of the disk, which may be slow: the first of a new tenant, one change, many.

Usage: first_cycle_test.py BIN_DIR SHIM [unittest arguments]; SHIM is disk_calls of tests/shims.
"""

import os
import pathlib
import subprocess
import sys
import unittest

import cycle_test
from minimal_source import State, run_cycle

SYNCS, REMOVED_OR_CUT = 3, 2  # Of one first cycle, at most.


class CountedServer(cycle_test.Server):
    """Its calls to the disk are in `calls`."""

    def start(self):
        self.calls = self.work / "disk calls"
        environment = {**os.environ, "LD_PRELOAD": str(SHIM), "MIRROR_DISK_CALLS": str(self.calls)}
        environment["ASAN_OPTIONS"] = "verify_asan_link_order=0"
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(self.command, stdout=log, stderr=log, env=environment)


class FirstCycle(unittest.TestCase):
    def setUp(self):
        self.server = CountedServer(BIN_DIR)
        self.addCleanup(self.end)

    def end(self):
        self.server.channel.close()
        self.server.admin_channel.close()
        self.server.stop()

    def cycle(self, context_id, rows):
        """What it came to, and its calls to the disk; those of the whole server's note of cycle numbers apart."""
        before = len(self.lines())
        state = State(self.server.work / context_id)
        said = run_cycle(self.server.channel, self.server.identity, context_id, state, rows)
        lines = self.lines()[before:]
        notes = [line for line in lines if "server-start" in line]
        folder = [line for line in lines if line.endswith("/data")]
        # Each note is synced with its folder.
        calls = [line for line in lines if line not in notes and line not in folder] + folder[len(notes) :]
        return said, calls

    def lines(self):
        return self.server.calls.read_text().splitlines() if self.server.calls.exists() else []

    def test_a_new_mirror_costs_few_syncs_and_removes_little(self):
        for name in ("-first", "-second"):
            said, calls = self.cycle(cycle_test.CONTEXT + name, {key: "x" for key in range(10)})
            self.assertEqual(said, "populated")
            syncs = [line for line in calls if line.startswith("sync ")]
            self.assertIn(f"Mirror_{cycle_test.CONTEXT}{name}.db", " ".join(syncs), "the rows are on disk")
            self.assertLessEqual(len(syncs), SYNCS, calls)
            others = [line for line in calls if line.startswith(("remove ", "cut "))]
            self.assertLessEqual(len(others), REMOVED_OR_CUT, calls)
            self.assertTrue(any(line.startswith("remove ") for line in calls), "removals are seen")

    def test_a_cycle_with_one_change_costs_one_sync(self):
        rows = {key: "x" for key in range(10)}
        self.cycle(cycle_test.CONTEXT + "-small", rows)
        self.cycle(cycle_test.CONTEXT + "-small", {**rows, 3: "y"})
        counts = []
        for change in "zabcdefg":
            said, calls = self.cycle(cycle_test.CONTEXT + "-small", {**rows, 3: change})
            self.assertEqual(said, "changed")
            # Not for a file's times either, by which its next sync would have to write them.
            self.assertEqual([line for line in calls if line.startswith("sync ")], calls, "nothing else is asked")
            counts.append(len(calls))
        self.assertEqual(counts, [1] * len(counts))

    def test_a_large_change_is_on_its_way_before_its_sync(self):
        rows = {key: "x" for key in range(200)}
        self.cycle(cycle_test.CONTEXT + "-large", rows)
        said, calls = self.cycle(cycle_test.CONTEXT + "-large", {key: 10_000 * "y" for key in rows})
        self.assertEqual(said, "changed")
        log = f"Mirror_{cycle_test.CONTEXT}-large.db-wal"
        calls = [line.split()[0] for line in calls if line.endswith(log)]
        self.assertIn(["begin", "sync"], [calls[i : i + 2] for i in range(len(calls))], "not all of it waits")


if __name__ == "__main__":
    BIN_DIR, SHIM = (pathlib.Path(word).resolve() for word in sys.argv[1:3])
    unittest.main(argv=[sys.argv[0], *sys.argv[3:]])
