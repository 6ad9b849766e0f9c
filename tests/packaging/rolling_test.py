#!/usr/bin/python3
"""Rolling updates: server before agent, and agent before server, one version apart, in the middle of the work. Both
meet a former partner for a while, with everything that happens in that time, and the mirror equals its source at the end.

Usage: rolling_test.py OLD_BIN_DIR NEW_BIN_DIR
"""

import json
import pathlib
import re
import shutil
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
import unittest

import application

ROOT = pathlib.Path(__file__).resolve().parents[2]
OLD = NEW = None
TENANT = "Cust26759"
PATIENCE_S = 120


def version(folder):
    return subprocess.run([folder / "mirror-server", "--version"], capture_output=True, text=True, check=True).stdout.split()[-1]


class Rolling(unittest.TestCase):
    def setUp(self):
        self.work = pathlib.Path(tempfile.mkdtemp(prefix="rolling "))
        self.addCleanup(shutil.rmtree, self.work, ignore_errors=True)
        self.dev = self.work / "dev"
        self.crm = self.work / "crm.db"
        shutil.copy(ROOT / "tests" / "data" / "chinook.sqlite", self.crm)
        self.application = application.Application(self.crm)
        self.addCleanup(self.application.stop)
        self.folders = {"server": OLD, "agent": OLD}
        self.running = {}
        self.addCleanup(self.kill)
        # By the former version, whose keys of configuration the present one knows, too.
        with socket.create_server(("127.0.0.1", 0)) as one, socket.create_server(("127.0.0.1", 0)) as two:
            ports = [f"--port={one.getsockname()[1]}", f"--admin-port={two.getsockname()[1]}", "--metrics-port=0"]
        words = [*ports, "--context-id", TENANT, "--source", self.crm]
        subprocess.run([OLD / "mirrorctl", "init", "--dir", self.dev, *words], check=True, stdout=subprocess.DEVNULL)
        self.edit("mirror-agent.toml", r'^interval = "20m"', 'interval = "1s"')

    def edit(self, file, pattern, text):
        path = self.dev / file
        changed, count = re.subn(pattern, text, path.read_text(), count=1, flags=re.MULTILINE)
        self.assertEqual(count, 1, f"{file}: {pattern}")
        path.write_text(changed)

    # --- Programs ---

    def start(self, side):
        words = {"server": ["mirror-server"], "agent": ["mirror-agent", "run"]}[side]
        log = (self.work / f"{side}.log").open("ab")
        self.running[side] = subprocess.Popen(
            [self.folders[side] / words[0], *words[1:], "--config", self.dev / f"mirror-{side}.toml"],
            stdout=subprocess.PIPE if side == "server" else log,
            stderr=log,
            text=True,
        )
        log.close()
        if side == "server":
            line = self.running[side].stdout.readline()
            self.assertIn("ready", line, self.logs())

    def stop(self, side):
        process = self.running[side]
        process.terminate()
        self.assertEqual(process.wait(PATIENCE_S), 0, self.logs())
        if process.stdout is not None:
            process.stdout.close()

    def kill(self):
        for process in self.running.values():
            if process.poll() is None:
                process.kill()
                process.wait()
            if process.stdout is not None:
                process.stdout.close()

    def logs(self):
        return "\n".join(f"--- {log.name}\n{log.read_text()[-3000:]}" for log in sorted(self.work.glob("*.log")))

    def run_program(self, folder, program, *words):
        config = "mirrorctl.toml" if program == "mirrorctl" else "mirror-agent.toml"
        done = subprocess.run(
            [folder / program, *words, "--config", self.dev / config] if program != "mirrorctl"
            else [folder / program, "--config", self.dev / config, *words],
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            check=False,
        )
        self.assertEqual(done.returncode, 0, f"{folder / program} {words}\n{done.stdout}\n{done.stderr}\n{self.logs()}")
        return done.stdout

    # --- What holds ---

    def mirror(self, sql):
        path = self.dev / "data" / f"Mirror_{TENANT}.db"
        try:
            database = sqlite3.connect(f"file:{path}?mode=ro".replace(" ", "%20"), uri=True, timeout=10)
            try:
                return database.execute(sql).fetchall()
            finally:
                database.close()
        except sqlite3.OperationalError:
            return []

    def until(self, holds, what):
        end = time.monotonic() + PATIENCE_S
        while not holds():
            self.assertLess(time.monotonic(), end, f"{what}\n{self.logs()}")
            time.sleep(0.1)

    def arrived(self):
        rows = self.mirror("SELECT max(id), count(*) FROM visit")
        if not rows or rows[0][0] is None:
            return 0
        self.assertEqual(rows[0][0], rows[0][1], "a row is missing")
        return rows[0][0]

    def go_on(self):
        target = self.application.last + 50
        self.until(lambda: self.arrived() >= target, f"the mirror does not get the rows up to {target}")

    def meet(self, column):
        """What the pair at hand has to do together: changes, another definition, a table anew, each one's tools."""
        self.go_on()
        self.application.sql.append(f"ALTER TABLE visit ADD COLUMN {column} TEXT DEFAULT 'd'")
        self.until(lambda: column in str(self.mirror("SELECT sql FROM sqlite_schema WHERE name = 'visit'")), f"no {column}")
        for folder in (OLD, NEW):
            self.assertIn("visit", self.run_program(folder, "mirrorctl", "tables", TENANT))
            self.run_program(folder, "mirrorctl", "invalidate", TENANT, "--table", "Artist")
            lsn = f"SELECT lsn FROM \"{TENANT}_mirroring\" WHERE table_name = 'Artist'"
            self.until(lambda: self.mirror(lsn) and self.mirror(lsn)[0][0] >= 0, "a table that was invalidated")
        self.go_on()

    def upgrade(self, side):
        """In the middle of the work: what was there stays, and the work goes on."""
        before, positions, populations = self.arrived(), self.positions(), self.populations()
        self.assertGreater(populations, 0, "meet() had a table populated: its event has another name now")
        self.stop(side)
        self.folders[side] = NEW
        self.start(side)
        self.go_on()
        self.assertGreaterEqual(self.arrived(), before)
        for name, lsn in self.positions().items():
            self.assertGreaterEqual(lsn, positions[name], name)
        self.assertEqual(self.populations(), populations, f"a table was populated anew\n{self.logs()}")

    def positions(self):
        return dict(self.mirror(f'SELECT table_name, lsn FROM "{TENANT}_mirroring"'))

    def populations(self):
        return (self.work / "server.log").read_text().count("table.populating")

    def roll(self, *sides):
        self.start("server")
        self.run_program(OLD, "mirror-agent", "install")
        self.application.start()
        self.start("agent")
        self.meet("of_old")
        for side in sides:
            self.upgrade(side)
            self.meet(f"with_new_{side}")
        self.application.stop()
        self.assertIsNone(self.application.error)
        self.until(lambda: self.arrived() == self.application.last, "the last rows")
        self.stop("agent")
        self.run_program(NEW, "mirror-agent", "verify")
        receipts = json.loads(self.run_program(NEW, "mirror-agent", "receipts", "verify", "--json"))["sources"]
        self.assertEqual([source["findings"] for source in receipts], [[]])
        self.stop("server")
        compared = subprocess.run(
            [ROOT / "tools" / "compare_databases.py", self.crm, self.dev / "data" / f"Mirror_{TENANT}.db"],
            capture_output=True,
            text=True,
            check=False,
        )
        self.assertEqual(compared.returncode, 0, compared.stdout + compared.stderr)

    def test_server_before_agents(self):
        self.roll("server", "agent")

    def test_agents_before_server(self):
        self.roll("agent", "server")


if __name__ == "__main__":
    OLD, NEW = (pathlib.Path(sys.argv.pop(1)).resolve() for _ in range(2))
    print(f"{version(OLD)} and {version(NEW)}")
    unittest.main(verbosity=2)
