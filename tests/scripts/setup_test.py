#!/usr/bin/python3
"""tools/setup, with programs in the place of apt-get and dpkg-query that only play."""

import os
import pathlib
import shutil
import subprocess
import tempfile
import unittest

SCRIPT = pathlib.Path(__file__).parents[2] / "tools" / "setup"


class Setup(unittest.TestCase):
    def setUp(self):
        self.root = pathlib.Path(tempfile.mkdtemp(prefix="set up "))
        self.addCleanup(shutil.rmtree, self.root)
        (self.root / "tools").mkdir()
        (self.root / "bin").mkdir()
        shutil.copy(SCRIPT, self.root / "tools" / "setup")
        (self.root / "tools" / "packages.txt").write_text("# Build\ncmake\nlibx++-dev  # for x\n\nninja-build\n")
        self.calls = self.root / "calls"
        self.installed = self.root / "installed"
        self.program("dpkg-query", f"cat '{self.installed}'")
        self.program("sleep", "exit 0")

    def program(self, name, body):
        path = self.root / "bin" / name
        path.write_text(f"#!/bin/sh\n{body}\n")
        path.chmod(0o755)

    def run_setup(self, installed, uid, apt_get="exit 0", arguments=()):
        self.installed.write_text("".join(f"{name}\n" if " " in name else f"ii  {name}\n" for name in installed))
        self.program("id", f"echo {uid}")
        self.program("apt-get", f"echo \"$*\" >> '{self.calls}'\n{apt_get}")
        self.calls.write_text("")
        environment = {**os.environ, "PATH": f"{self.root / 'bin'}:{os.environ['PATH']}"}
        return subprocess.run(
            [self.root / "tools" / "setup", *arguments], env=environment, capture_output=True, text=True, check=False
        )

    def test_quiet_when_nothing_is_missing(self):
        run = self.run_setup(["cmake", "libx++-dev", "ninja-build", "more"], uid=1000)
        self.assertEqual((run.returncode, run.stdout, run.stderr), (0, "", ""))
        self.assertEqual(self.calls.read_text(), "")

    def test_others_than_root_get_the_one_command(self):
        run = self.run_setup(["cmake"], uid=1000)
        self.assertEqual(run.returncode, 1)
        command = "sudo sh -c 'apt-get update && apt-get install -y --no-install-recommends libx++-dev ninja-build'"
        self.assertIn(command, run.stderr)
        self.assertEqual(self.calls.read_text(), "")

    def test_root_installs_what_is_missing_and_nothing_else(self):
        done = f"case \"$*\" in install*) printf 'ii  libx++-dev\\n' >> '{self.installed}' ;; esac"
        run = self.run_setup(["cmake", "ninja-build"], uid=0, apt_get=done)
        self.assertEqual(run.returncode, 0, run.stderr)
        update, install = self.calls.read_text().splitlines()
        self.assertEqual(update, "update")
        self.assertTrue(install.endswith(" libx++-dev"), install)
        self.assertIn("--no-install-recommends", install)

    def test_a_package_that_was_removed_but_not_purged_is_missing(self):
        run = self.run_setup(["cmake", "ninja-build", "rc  libx++-dev"], uid=1000)
        self.assertEqual(run.returncode, 1)
        self.assertIn("libx++-dev'", run.stderr)

    def test_another_list_counts_beside_its_own(self):
        (self.root / "more.txt").write_text("# Only there\nliby-dev\n")
        run = self.run_setup(["cmake", "ninja-build"], uid=1000, arguments=["--also", "more.txt"])
        self.assertEqual(run.returncode, 1)
        self.assertIn("libx++-dev liby-dev'", run.stderr)
        (self.root / "tools" / "other-packages.txt").write_text("libz-dev\n")
        run = self.run_setup(["cmake", "ninja-build"], uid=1000, arguments=["--also", "other"])
        self.assertIn("libx++-dev libz-dev'", run.stderr)
        self.assertEqual(self.run_setup(["cmake"], uid=1000, arguments=["--also"]).returncode, 2)
        self.assertIn("no list none.txt", self.run_setup([], uid=1000, arguments=["--also", "none.txt"]).stderr)

    def test_three_attempts_then_a_sentence(self):
        run = self.run_setup(["cmake", "ninja-build"], uid=0, apt_get="echo 'E: no network'; exit 100")
        self.assertEqual(run.returncode, 1)
        self.assertEqual(self.calls.read_text().splitlines(), ["update"] * 3)
        self.assertIn("attempt 1 of 3 failed (E: no network)", run.stderr)
        self.assertIn("still missing: libx++-dev", run.stderr)


if __name__ == "__main__":
    unittest.main()
