#!/usr/bin/python3
"""tools/pace, with a compiler that takes as long as it is told."""

import os
import pathlib
import shutil
import subprocess
import tempfile
import unittest

TOOLS = pathlib.Path(__file__).parents[2] / "tools"
# Burns processor time: what is slept does not count.
BURN = "i=0; while [ $i -lt %d ]; do i=$((i + 1)); done"


class Pace(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="pace "))
        self.addCleanup(shutil.rmtree, self.folder)

    def pace(self, *words):
        path = f"{self.folder}:{os.environ['PATH']}"
        environment = {**os.environ, "PATH": path}
        return subprocess.run([TOOLS / "pace", *words], capture_output=True, text=True, check=False, env=environment)

    def compiler(self, body):
        path = self.folder / "g++"
        path.write_text(f"#!/bin/sh\n{body}\n")
        path.chmod(0o755)

    def measured(self, turns):
        self.compiler(BURN % turns)
        done = self.pace()
        self.assertEqual(done.returncode, 0, done.stderr)
        first, *lines = done.stdout.splitlines()
        self.assertRegex(first, r"^pace \d+\.\d\d$")
        minutes = {}
        for line in lines:
            found = self.assertRegex(line, r"^tools/\w+( --all| --build release)? +about \d+ min ") or line
            command, _, rest = found.partition("  ")
            minutes[command] = int(rest.split("about ")[1].split()[0])
        self.assertEqual(list(minutes), ["tools/demo", "tools/demo --build release", "tools/check", "tools/check --all"])
        return float(first.split()[1]), minutes

    def test_a_slower_compiler_is_a_greater_pace_and_more_minutes(self):
        fast, few = self.measured(1)
        slow, many = self.measured(1_000_000)
        self.assertGreater(slow, fast)
        for command, minutes in many.items():
            self.assertGreater(minutes, few[command], command)

    def test_without_a_compiler_it_says_what_to_do(self):
        self.compiler("echo 'fatal error: absl/status/status.h: No such file' >&2; exit 1")
        done = self.pace()
        self.assertEqual((done.returncode, done.stdout), (1, ""))
        self.assertIn("absl/status/status.h", done.stderr)
        self.assertIn("tools/setup", done.stderr)

    def test_wrong_usage(self):
        done = self.pace("--fast")
        self.assertEqual((done.returncode, done.stdout), (2, ""))
        self.assertIn("see tools/pace --help", done.stderr)


if __name__ == "__main__":
    unittest.main(verbosity=2)
