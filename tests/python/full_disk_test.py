#!/usr/bin/python3
"""A new tenant on a disk that is full, or nearly: whatever step finds it out, the source is told that the disk is full, and
the same cycle goes through when there is room. The same of the folder in which the agent keeps what it remembers, and
what 'mirrorctl diagnose' says of a full disk: the data folder's, and PostgreSQL's.

Usage: full_disk_test.py BIN_DIR
"""

import contextlib
import json
import os
import pathlib
import re
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import unittest

import programs
import sanitizer_words
import whole_lines

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))

import postgres_cluster  # noqa: E402

BIN = None
PATIENCE_S = 120
DISK = "24m"
DATABASE_DISK = "200m"  # A PostgreSQL without rows, and some of its log.
# Bytes that are left, in KiB: every step of making a mirror ends at another one of them.
LEFT = [0, 4, 8, 12, 16, 24, 32, 40, 48, 64, 80, 96, 128, 192]


class Place(unittest.TestCase):
    """A server, and a small disk."""

    def make_work(self):
        self.work = pathlib.Path(tempfile.mkdtemp(prefix="full-disk-"))
        self.addCleanup(shutil.rmtree, self.work)
        self.dev = self.work / "dev"

    def mount(self, folder, size):
        folder.mkdir()
        mounted = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", folder], capture_output=True, check=False
        )
        if mounted.returncode != 0:
            self.skipTest("only root can mount a small disk")
        self.addCleanup(subprocess.run, ["umount", "-l", folder], check=True)

    def diagnose(self):
        done = programs.run(BIN / "mirrorctl", "--config", self.dev / "mirrorctl.toml", "diagnose", "--json")
        return done.returncode, json.loads(done.stdout)

    def start_server(self):
        configuration = self.dev / "mirror-server.toml"
        configuration.write_text(re.sub(r"^port = 744\d", "port = 0", configuration.read_text(), flags=re.MULTILINE))
        with (self.work / "server.err").open("wb") as log:
            self.server = subprocess.Popen(
                [BIN / "mirror-server", "--config", configuration], stdout=subprocess.PIPE, stderr=log, text=True
            )
        self.addCleanup(self.end_server)
        ready = re.search(r"sources on (\S+), admin on (\S+)", self.server.stdout.readline())
        self.assertTrue(ready, (self.work / "server.err").read_text())
        operator = self.dev / "mirrorctl.toml"
        operator.write_text(
            re.sub(r'^address = "127.0.0.1:\d+"', f'address = "{ready[2]}"', operator.read_text(), count=1, flags=re.MULTILINE)
        )
        agent = self.dev / "mirror-agent.toml"
        text = re.sub(r'^address = "127.0.0.1:\d+"', f'address = "{ready[1]}"', agent.read_text(), count=1, flags=re.MULTILINE)
        for left in LEFT:
            text += f'\n[[source]]\ncontext_id = "Cust-{left}"\npath = "{self.work}/crm.db"\nstrategy = "populate"\n'
        agent.write_text(text)

    def end_server(self):
        self.server.terminate()
        self.server.wait(PATIENCE_S)
        self.server.stdout.close()
        sanitizer_words.check_file(self.work / "server.err")


class FullDisk(Place):
    def setUp(self):
        self.make_work()
        programs.run(BIN / "mirrorctl", "init", "--dir", self.dev, "--context-id", "Cust")
        self.data = self.dev / "data"
        self.mount(self.data, DISK)
        database = sqlite3.connect(self.work / "crm.db")
        database.execute("CREATE TABLE contact (id INTEGER PRIMARY KEY, text TEXT)")
        database.executemany("INSERT INTO contact VALUES (?, ?)", [(i, "x" * 500) for i in range(200)])
        database.commit()
        database.close()
        self.start_server()

    def leave(self, kibibytes):
        filler = self.data / "filler"
        filler.unlink(missing_ok=True)
        if kibibytes is None:
            return
        disk = os.statvfs(self.data)
        # The server may take some of it in between: then the disk is as full as it gets.
        with contextlib.suppress(OSError):
            filler.write_bytes(bytes(max(0, disk.f_bavail * disk.f_frsize - kibibytes * 1024)))

    def once(self, tenant):
        return programs.run(BIN / "mirror-agent", "once", "--config", self.dev / "mirror-agent.toml", "--context-id", tenant)

    def test_a_full_state_folder_is_named_with_what_to_do(self):
        state = self.work / "state"
        state.mkdir()
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=100k", "tmpfs", state], check=True)
        self.addCleanup(subprocess.run, ["umount", "-l", state], check=True)
        database = sqlite3.connect(self.work / "many.db")
        database.execute("CREATE TABLE contact (id INTEGER PRIMARY KEY, text TEXT)")
        database.executemany("INSERT INTO contact VALUES (?, ?)", [(i, "x") for i in range(20_000)])
        database.commit()
        database.close()
        head = (self.dev / "mirror-agent.toml").read_text().partition("\n[[source]]")[0]
        configuration = self.dev / "small.toml"
        configuration.write_text(
            re.sub(r'^state_dir = "[^"]*"', f'state_dir = "{state}"', head, flags=re.MULTILINE)
            + f'\n[[source]]\ncontext_id = "Cust-many"\npath = "{self.work}/many.db"\nstrategy = "synthetic"\n'
        )
        done = programs.run(BIN / "mirror-agent", "once", "--config", configuration)
        self.assertEqual(done.returncode, 1, done.stdout)
        self.assertEqual(whole_lines.too_long(done.stdout + done.stderr), [])
        failed = whole_lines.joined(done.stderr)
        self.assertIn(f"'{state}/Cust-many.capture.db'", failed)
        self.assertIn("Make room on the disk of [agent] 'state_dir'", failed)
        # Each thing that could not be written is told with its file and what to do.
        notes = re.findall(r"^ +note: (.*)", whole_lines.joined(done.stdout.replace("\n  note", "\n\n  note")), re.MULTILINE)
        for note in notes:
            self.assertIn(f"'{state}/Cust-many.", note)
            self.assertRegex(note, "free space|Check whether the disk")
        subprocess.run(["mount", "-o", "remount,size=20m", state], check=True)
        done = programs.run(BIN / "mirror-agent", "once", "--config", configuration)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_a_new_tenant_is_told_of_it(self):
        refused = 0
        for left in LEFT:
            with self.subTest(left=left):
                self.leave(left)
                cycle = self.once(f"Cust-{left}")
                if cycle.returncode == 0:
                    continue
                refused += 1
                self.assertIn("the disk is full", whole_lines.joined(cycle.stderr))
        self.assertGreater(refused, len(LEFT) // 2)
        self.leave(None)
        for left in LEFT:
            again = self.once(f"Cust-{left}")
            self.assertEqual(again.returncode, 0, again.stderr)

    def test_a_diagnosis_says_that_nothing_can_be_written(self):
        self.assertEqual(self.once("Cust-0").returncode, 0)
        # With a few KiB there is room for a small file, and none for a commit.
        for left in (0, 48, 128):
            with self.subTest(left=left):
                self.leave(left)
                code, found = self.diagnose()
                self.assertEqual(code, 1)
                self.assertEqual(len(found["findings"]), 1, found["findings"])
                self.assertIn(f"nothing can be written in the data folder '{self.data}': the disk is full", found["findings"][0])
        self.leave(None)
        self.assertEqual(self.diagnose()[0], 0)
        self.assertEqual([entry.name for entry in self.data.iterdir() if "write-test" in entry.name], [])


class FullDatabase(Place):
    """PostgreSQL commits what changes no table for long: that says nothing."""

    def test_a_diagnosis_says_that_nothing_can_be_written(self):
        self.make_work()
        self.work.chmod(0o711)
        disk = self.work / "disk"
        self.mount(disk, DATABASE_DISK)
        try:
            cluster = postgres_cluster.Cluster(disk / "p")
            cluster.make()
        except postgres_cluster.Missing as missing:
            self.skipTest(str(missing))
        self.addCleanup(cluster.stop)
        url = cluster.make_database("mirrors")
        programs.run(
            BIN / "mirrorctl", "init", "--dir", self.dev, "--context-id", "Cust", "--store", "postgres", "--postgres", url
        )  # fmt: skip
        self.start_server()
        self.assertEqual(self.diagnose()[0], 0)
        filler = disk / "filler"
        with contextlib.suppress(OSError), filler.open("wb", buffering=0) as file:
            while True:
                file.write(bytes(4096))
        code, found = self.diagnose()
        self.assertEqual(code, 1)
        self.assertEqual(len(found["findings"]), 2, found["findings"])
        self.assertIn("nothing can be written in the control database: ", found["findings"][0])
        self.assertIn("nothing can be written in the place 'p1': ", found["findings"][1])
        filler.unlink()
        self.assertEqual(self.diagnose()[0], 0)


if __name__ == "__main__":
    BIN = pathlib.Path(sys.argv.pop(1)).resolve()
    unittest.main(verbosity=2)
