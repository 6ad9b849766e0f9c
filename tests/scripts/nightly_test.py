#!/usr/bin/python3
"""tools/nightly, with scripts in the place of those that it calls."""

import pathlib
import re
import shutil
import subprocess
import tempfile
import unittest

TOOLS = pathlib.Path(__file__).parents[2] / "tools"


class Nightly(unittest.TestCase):
    def setUp(self):
        self.root = pathlib.Path(tempfile.mkdtemp(prefix="nightly "))
        self.addCleanup(shutil.rmtree, self.root)
        (self.root / "tools" / "lib").mkdir(parents=True)
        shutil.copy(TOOLS / "nightly", self.root / "tools" / "nightly")
        shutil.copy(TOOLS / "lib" / "steps.sh", self.root / "tools" / "lib" / "steps.sh")
        for script in ("setup", "torture", "fuzz", "mutants"):
            self.script(script, 'echo "$0 $*"')

    def script(self, name, body):
        path = self.root / "tools" / name
        path.write_text(f"#!/bin/sh\n{body}\n")
        path.chmod(0o755)

    def nightly(self, *words):
        return subprocess.run([self.root / "tools" / "nightly", *words], capture_output=True, text=True, check=False)

    def test_each_step_that_is_listed_can_be_run(self):
        names = re.findall(r"^([\w-]+): \S", self.nightly("--list").stdout, re.MULTILINE)
        self.assertGreater(len(names), 5)
        functions = re.findall(r"^run_([\w-]+)\(\) ", (TOOLS / "nightly").read_text(), re.MULTILINE)
        self.assertEqual(sorted(names), sorted(functions))

    def test_a_step_that_fails_does_not_keep_the_next_one_from_running(self):
        self.script("torture", "echo it broke; exit 3")
        run = self.nightly("--only", "torture", "--only", "fuzz")
        self.assertEqual(run.returncode, 1)
        self.assertRegex(run.stdout, r"\[1/2\] torture .*\n  FAILED after 0:0")
        self.assertRegex(run.stdout, r"\[2/2\] fuzz .*\n  good, 0:0")
        self.assertIn("1 of 2 steps went well", run.stdout)
        self.assertIn("it broke", run.stderr)
        self.assertIn("Failed: torture.", run.stderr)
        self.assertIn("tools/fuzz --seconds 300", (self.root / "build" / "nightly" / "fuzz.log").read_text())

    def test_a_command_that_fails_ends_its_step(self):
        self.script("package", "exit 1")
        run = self.nightly("--only", "container")
        self.assertEqual(run.returncode, 1)
        self.assertNotIn("container_test", run.stderr)

    def test_all_is_well(self):
        run = self.nightly("--only", "mutants")
        self.assertEqual((run.returncode, run.stderr), (0, ""), run.stdout)

    def test_wrong_usage(self):
        for words in (["--only"], ["--only", "nothing"], ["now"]):
            run = self.nightly(*words)
            self.assertEqual((run.returncode, run.stdout), (2, ""))
            self.assertIn("see tools/nightly --help", run.stderr)


if __name__ == "__main__":
    unittest.main()
