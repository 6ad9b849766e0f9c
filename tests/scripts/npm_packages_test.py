#!/usr/bin/python3
"""tools/lib/npm_packages.sh, with a program in the place of npm that only plays."""

import os
import pathlib
import shutil
import subprocess
import tempfile
import unittest

SCRIPT = pathlib.Path(__file__).parents[2] / "tools" / "lib" / "npm_packages.sh"
INSTALLS = "while [ \"$1\" != --prefix ]; do shift; done; mkdir \"$2/node_modules\" && echo new > \"$2/node_modules/x\""


class NpmPackages(unittest.TestCase):
    def setUp(self):
        self.root = pathlib.Path(tempfile.mkdtemp(prefix="npm packages "))
        self.addCleanup(shutil.rmtree, self.root)
        for folder in ("tools/lib", "tests/lint", "bin"):
            (self.root / folder).mkdir(parents=True)
        shutil.copy(SCRIPT, self.root / "tools" / "lib")
        (self.root / "tests/lint/package.json").write_text("{}")
        self.lock = self.root / "tests/lint/package-lock.json"
        self.lock.write_text("{}")
        self.calls = self.root / "calls"
        self.into = self.root / "build/npm/lint"
        self.program("bin/sleep", "exit 0")

    def program(self, name, body):
        path = self.root / name
        path.write_text(f"#!/bin/sh\n{body}\n")
        path.chmod(0o755)

    def install(self, npm=INSTALLS, folder="tests/lint"):
        if npm is not None:
            self.program("bin/npm", f"echo \"$*\" >> '{self.calls}'\n{npm}")
        self.calls.write_text("")
        # Without an npm of this machine's.
        tools = ("bash", "cat", "cmp", "cp", "dirname", "grep", "mkdir", "mktemp", "mv", "rm", "tail", "true")
        for one in tools:
            if not (self.root / "bin" / one).exists():
                (self.root / "bin" / one).symlink_to(shutil.which(one))
        environment = {**os.environ, "PATH": str(self.root / "bin")}
        return subprocess.run(
            [self.root / "tools/lib/npm_packages.sh", folder], env=environment, capture_output=True, text=True, check=False
        )

    def left(self):
        return sorted(path.name for path in (self.root / "build/npm").iterdir())

    def test_they_are_installed_once_without_scripts_of_their_own(self):
        run = self.install(folder="tests/lint/")
        self.assertEqual((run.returncode, run.stdout, run.stderr), (0, "", ""))
        (call,) = self.calls.read_text().splitlines()
        self.assertTrue(call.startswith("ci --prefix "), call)
        self.assertIn(" --ignore-scripts", call)
        self.assertTrue((self.into / "node_modules/x").exists())
        self.assertEqual(self.install().returncode, 0)
        self.assertEqual(self.calls.read_text(), "")

    def test_another_lock_installs_them_anew(self):
        self.install()
        (self.into / "node_modules/old").write_text("")
        self.lock.write_text('{"packages": {}}')
        self.assertEqual(self.install().returncode, 0)
        self.assertEqual(sorted(path.name for path in (self.into / "node_modules").iterdir()), ["x"])

    def test_three_attempts_then_a_sentence_and_nothing_is_left(self):
        run = self.install("echo 'npm error code ECONNREFUSED' >&2; exit 1")
        self.assertEqual(run.returncode, 1)
        self.assertEqual(len(self.calls.read_text().splitlines()), 3)
        self.assertIn("attempt 1 of 3 failed (npm error code ECONNREFUSED)", run.stderr)
        self.assertIn("the packages of tests/lint are not installed", run.stderr)
        self.assertEqual(self.left(), [])

    def test_what_was_there_outlives_a_failure(self):
        self.install()
        self.lock.write_text('{"packages": {}}')
        self.assertEqual(self.install("exit 1").returncode, 1)
        self.assertEqual(self.left(), ["lint"])
        self.assertTrue((self.into / "node_modules/x").exists())

    def test_where_there_is_no_npm_setup_is_asked_for_it(self):
        self.program("tools/setup", f"echo \"$*\" > '{self.root / 'setup'}'; exit 1")
        self.assertEqual(self.install(npm=None).returncode, 1)
        self.assertEqual((self.root / "setup").read_text(), "--also npm\n")

    def test_wrong_usage(self):
        run = self.install(folder="tests/none")
        self.assertEqual((run.returncode, self.calls.read_text()), (2, ""))
        self.assertIn("there is no tests/none/package-lock.json", run.stderr)


if __name__ == "__main__":
    unittest.main()
