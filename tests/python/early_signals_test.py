#!/usr/bin/python3
"""A server that gets a SIGHUP while it starts: from the moment at which it blocks the signal, none ends it.

Usage: early_signals_test.py BIN_DIR [unittest arguments]
MIRROR_TEST_STARTS: how many starts each test makes (40).
"""

import contextlib
import os
import pathlib
import random
import signal
import subprocess
import sys
import time
import unittest

SEED = int(os.environ.get("MIRROR_TEST_SEED", random.randrange(2**32)))
STARTS = int(os.environ.get("MIRROR_TEST_STARTS", 40))
WRONG_USAGE = 2


class EarlySignals(unittest.TestCase):
    def setUp(self):
        print(f"MIRROR_TEST_SEED={SEED}", file=sys.stderr)
        self.chance = random.Random(SEED)

    def start(self):
        """A server whose configuration is not there: it waits to say so until end_of() reads what stands before that in a full pipe."""
        output, errors = os.pipe()
        os.set_blocking(errors, False)
        with contextlib.suppress(BlockingIOError):
            while True:
                os.write(errors, b" " * 4096)
        os.set_blocking(errors, True)
        process = subprocess.Popen([BIN_DIR / "mirror-server", "--config", "/nonexistent/mirror-server.toml"], stderr=errors)
        os.close(errors)
        self.addCleanup(process.kill)
        self.output = open(output, "rb")  # pylint: disable=consider-using-with
        return process

    def end_of(self, process):
        """Its exit code."""
        with self.output:
            self.output.read()
        return process.wait(60)

    @staticmethod
    def blocks_sighup(process):
        status = pathlib.Path(f"/proc/{process.pid}/status").read_text()
        blocked = next((line for line in status.splitlines() if line.startswith("SigBlk:")), "SigBlk: 0")
        return int(blocked.split()[1], 16) >> (signal.SIGHUP - 1) & 1 == 1

    def wait_until_it_blocks(self, process):
        """How long that took."""
        begin = time.monotonic()
        while not self.blocks_sighup(process):
            self.assertLess(time.monotonic() - begin, 60, "it does not block the signal")
        return time.monotonic() - begin

    def test_once_it_blocks_sighup_none_ends_it(self):
        for number in range(STARTS):
            process = self.start()
            self.wait_until_it_blocks(process)
            end = time.monotonic() + self.chance.uniform(0, 0.003)
            while time.monotonic() < end:
                pass
            process.send_signal(signal.SIGHUP)
            self.assertEqual(self.end_of(process), WRONG_USAGE, f"start {number}")

    def test_at_any_moment_only_one_that_loads_its_libraries_is_ended(self):
        process = self.start()
        took = self.wait_until_it_blocks(process)
        self.end_of(process)
        blocked = 0
        for number in range(STARTS):
            process = self.start()
            end = time.monotonic() + self.chance.uniform(0, 2 * took)
            while time.monotonic() < end:
                pass
            blocks = self.blocks_sighup(process)
            process.send_signal(signal.SIGHUP)
            code = self.end_of(process)
            self.assertIn(code, (WRONG_USAGE,) if blocks else (WRONG_USAGE, -signal.SIGHUP), f"start {number}")
            blocked += blocks
        print(f"{blocked} of {STARTS} servers blocked the signal when it came", file=sys.stderr)


if __name__ == "__main__":
    BIN_DIR = pathlib.Path(sys.argv[1]).resolve()
    unittest.main(argv=[sys.argv[0], *sys.argv[2:]])
