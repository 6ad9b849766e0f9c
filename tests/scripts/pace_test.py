#!/usr/bin/python3
"""tools/lib/pace.sh, with a compiler that takes as long as it is told."""

import os
import pathlib
import shutil
import subprocess
import tempfile
import unittest

PACE = pathlib.Path(__file__).parents[2] / "tools" / "lib" / "pace.sh"
# Burns processor time: what is slept does not count.
BURN = "i=0; while [ $i -lt %d ]; do i=$((i + 1)); done"


class Pace(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="pace "))
        self.addCleanup(shutil.rmtree, self.folder)

    def bash(self, text, **environment):
        path = f"{self.folder}:{os.environ['PATH']}"
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", f". '{PACE}'; {text}"],
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, "PATH": path, **environment},
        )
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout.strip()

    def compiler(self, turns):
        path = self.folder / "g++"
        path.write_text(f"#!/bin/sh\n{BURN % turns}\n")
        path.chmod(0o755)

    def test_a_slower_compiler_means_more_minutes(self):
        self.compiler(1)
        fast = int(self.bash("expected_minutes"))
        self.compiler(300_000)
        self.assertGreater(int(self.bash("expected_minutes")), fast)

    def test_the_command_runs_with_the_setting_and_fails_as_it_does(self):
        self.assertEqual(self.bash("with_large_pages printenv GLIBC_TUNABLES"), "glibc.malloc.hugetlb=1")
        self.assertEqual(self.bash("with_large_pages false || echo $?"), "1")

    def test_the_machine_is_left_as_it_was(self):
        setting = pathlib.Path("/sys/kernel/mm/transparent_hugepage/enabled")
        before = setting.read_text() if setting.exists() else ""
        self.bash("with_large_pages true; with_large_pages false || true; with_large_pages exit 0")
        self.assertEqual(setting.read_text() if setting.exists() else "", before)


if __name__ == "__main__":
    unittest.main(verbosity=2)
