#!/usr/bin/python3
"""A new tenant on a disk that is full, or nearly: whatever step finds it out, the source is told that the disk is full, and
the same cycle goes through when there is room. The same of the folder in which the agent keeps what it remembers.

Usage: full_disk_test.py BIN_DIR
"""

import contextlib
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

BIN = None
PATIENCE_S = 120
DISK = "24m"
# Bytes that are left, in KiB: every step of making a mirror ends at another one of them.
LEFT = [0, 4, 8, 12, 16, 24, 32, 40, 48, 64, 80, 96, 128, 192]


class FullDisk(unittest.TestCase):
    def setUp(self):
        self.work = pathlib.Path(tempfile.mkdtemp(prefix="full-disk-"))
        self.addCleanup(shutil.rmtree, self.work)
        self.dev = self.work / "dev"
        programs.run(BIN / "mirrorctl", "init", "--dir", self.dev, "--context-id", "Cust")
        self.data = self.dev / "data"
        self.data.mkdir()
        mounted = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", f"size={DISK}", "tmpfs", self.data], capture_output=True, check=False
        )
        if mounted.returncode != 0:
            self.skipTest("only root can mount a small disk")
        self.addCleanup(subprocess.run, ["umount", "-l", self.data], check=True)
        database = sqlite3.connect(self.work / "crm.db")
        database.execute("CREATE TABLE contact (id INTEGER PRIMARY KEY, text TEXT)")
        database.executemany("INSERT INTO contact VALUES (?, ?)", [(i, "x" * 500) for i in range(200)])
        database.commit()
        database.close()
        self.start_server()

    def start_server(self):
        configuration = self.dev / "mirror-server.toml"
        configuration.write_text(re.sub(r"^port = 744\d", "port = 0", configuration.read_text(), flags=re.MULTILINE))
        with (self.work / "server.err").open("wb") as log:
            self.server = subprocess.Popen(
                [BIN / "mirror-server", "--config", configuration], stdout=subprocess.PIPE, stderr=log, text=True
            )
        self.addCleanup(self.end_server)
        ready = re.search(r"sources on (\S+),", self.server.stdout.readline())
        self.assertTrue(ready, (self.work / "server.err").read_text())
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
            self.assertRegex(note, "free space|Look whether the disk")
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


if __name__ == "__main__":
    BIN = pathlib.Path(sys.argv.pop(1)).resolve()
    unittest.main(verbosity=2)
