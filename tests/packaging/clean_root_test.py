#!/usr/bin/python3
"""The packages on a clean Debian 12: the README's commands from nothing to a mirrored table within a minute, an upgrade
while an application writes, removal and purge. As root; clean_root.py and services.py say what is real there.

Usage: clean_root_test.py PACKAGES_DIR
"""

import json
import os
import pathlib
import re
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
import unittest

import application
import clean_root

ROOT = pathlib.Path(__file__).resolve().parents[2]
PACKAGES = None
TENANT = "Cust26759"
# Where the README's first command is typed, and where it finds the packages.
TYPED_IN = "/var/tmp/repository"
CRM = "crm"
LIMIT_S = 60
PATIENCE_S = 120
COMMANDS = 5
DROP_INS = "/etc/systemd/system/mirror-agent.service.d"
INSTALLED = ("server", "agent", "tools")
PAGES = ("man1/mirrorctl.1", "man1/mirror-agent.1", "man1/mirror-harness.1", "man8/mirror-server.8")
PAGES += ("man5/mirror-server.toml.5", "man5/mirror-agent.toml.5", "man5/mirrorctl.toml.5")
COMPLETIONS = ("bash-completion/completions/{}", "zsh/vendor-completions/_{}", "fish/vendor_completions.d/{}.fish")
# What stays for good: data, what `init` wrote, and what is the application's.
STAYS = re.compile(
    r"^/(var/(lib/partner-mirror(-agent)?|backups/partner-mirror)|etc/partner-mirror(-agent)?|etc/systemd/system/mirror-agent\.service\.d|srv)(/|$)"
)


def commands():
    """As they stand in the README: the first block of its "Install"."""
    found = re.search(r"^## Install\n.*?^```sh\n(.*?)^```$", (ROOT / "README.md").read_text(), re.MULTILINE | re.DOTALL)
    assert found, "the README has no heading 'Install' with a block of commands"
    return found[1]


def blocks(page, begin, end):
    """The commands of a page's blocks from one line to another."""
    text = (ROOT / "docs" / "operate" / page).read_text()
    text = text[text.index(begin) : text.index(end) if end else None]
    found = re.findall(r"^```(sh|console)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    return ["".join(re.findall(r"^\$ (.*\n)", code, re.MULTILINE)) if kind == "console" else code for kind, code in found]


def package(name, folder):
    (found,) = folder.glob(f"partner-mirror-{name}_*.deb")
    return found


def next_version(folder, into):
    """The same packages with a higher version, and nothing else."""
    for old in folder.glob("partner-mirror-*.deb"):
        with tempfile.TemporaryDirectory() as work:
            subprocess.run(["dpkg-deb", "-R", old, f"{work}/p"], check=True)
            control = pathlib.Path(work) / "p" / "DEBIAN" / "control"
            text = control.read_text()
            version = re.search(r"^Version: (.*)$", text, re.MULTILINE)[1]
            higher = f"{version}.1"
            text = text.replace(f"Version: {version}\n", f"Version: {higher}\n").replace(f"(= {version})", f"(= {higher})")
            control.write_text(text)
            name = old.name.replace(f"_{version}_", f"_{higher}_")
            assert name != old.name, old
            built = ["dpkg-deb", "--root-owner-group", "-Zgzip", "-z1", "-b", f"{work}/p", into / name]
            subprocess.run(built, check=True, stdout=subprocess.DEVNULL)


class Watcher:
    """Reads the mirror all the while, as a partner's program: what was once there stays, and positions never go back."""

    def __init__(self, path):
        self.path, self.findings, self.looks = path, [], 0
        self.last, self.positions = 0, {}
        self.stopping = threading.Event()
        self.thread = threading.Thread(target=self.work, daemon=True)

    def work(self):
        while not self.stopping.wait(0.1):
            try:
                database = sqlite3.connect(f"file:{self.path}?mode=ro", uri=True, timeout=10)
                try:
                    database.execute("BEGIN")
                    rows = database.execute("SELECT count(*), max(id) FROM visit").fetchone()
                    positions = dict(database.execute(f'SELECT table_name, lsn FROM "{TENANT}_mirroring"'))
                finally:
                    database.close()
            except sqlite3.OperationalError:
                continue  # The server is just closing or opening it.
            self.judge(*rows, positions)

    def judge(self, count, last, positions):
        self.looks += 1
        if count != last or last < self.last:
            self.findings.append(f"visit: {count} rows up to {last}, after {self.last}")
        for name, lsn in self.positions.items():
            if positions.get(name, -2) < lsn:
                self.findings.append(f"{name}: LSN {positions.get(name)} after {lsn}")
        self.last, self.positions = max(self.last, last), positions

    def stop(self):
        self.stopping.set()
        if self.thread.is_alive():
            self.thread.join()


class CleanMachine(unittest.TestCase):
    maxDiff = None

    def setUp(self):
        self.root = clean_root.CleanRoot()
        self.enterContext(self.root)
        self.services = self.root.services
        self.crm = self.root.path / "srv" / "crm" / "crm.db"
        self.mirror = self.root.path / "var" / "lib" / "partner-mirror" / f"Mirror_{TENANT}.db"

    def until(self, holds, what):
        end = time.monotonic() + PATIENCE_S
        while not holds():
            self.assertLess(time.monotonic(), end, f"{what}\n{self.root.logs()}")
            time.sleep(0.2)

    def test_from_a_clean_machine_to_a_purged_one(self):
        self.make_source()
        self.root.bring(package(name, PACKAGES) for name in INSTALLED)
        self.root.download([f"{clean_root.PACKAGES}/{package(name, PACKAGES).name}" for name in INSTALLED])
        before = self.root.files()
        self.install()
        self.check_help()
        # Twice: the second upgrade has its own copies.
        for _ in range(2):
            self.root.shell("".join(blocks("upgrade.md", "## Before the upgrade", "With [mirrors in PostgreSQL]")))
        self.assertEqual(self.copies(), [f"{TENANT}.db", "agent-state", "audit.head", "catalog.db"] * 2)
        self.upgrade_under_load()
        self.remove(before)
        self.remove_by_hand(before)
        self.assertLess(self.needed, LIMIT_S, "to the first mirrored table")

    def make_source(self):
        """An application's database, which nobody else may write or read."""
        self.root.run("useradd", "--system", "--user-group", "--no-create-home", "--home-dir", "/nonexistent", CRM)
        user = self.root.as_user(CRM)
        self.root.work.chmod(0o711)  # That user comes this way.
        self.crm.parent.mkdir()
        shutil.copy(ROOT / "tests" / "data" / "chinook.sqlite", self.crm)
        self.application = application.Application(self.crm, user)
        self.addCleanup(self.application.stop)
        for path, mode in ((self.crm.parent, 0o750), *((path, 0o640) for path in self.crm.parent.iterdir())):
            os.chown(path, user.pw_uid, user.pw_gid)
            path.chmod(mode)

    # --- Install ---

    def install(self):
        typed = [line for line in commands().splitlines() if line and line[0] != "#"]
        self.assertEqual(len(typed), COMMANDS, typed)
        self.assertIn(" ./build/packages/", typed[0])
        place = self.root.path / TYPED_IN.lstrip("/") / "build"
        place.mkdir(parents=True)
        (place / "packages").symlink_to(clean_root.PACKAGES)
        by_hand = self.root.path / "usr" / "local" / "bin" / "mirror-harness"
        by_hand.write_text("")
        begin = time.monotonic()
        traced = "PS4='+$EPOCHREALTIME '; set -x\n"
        made = self.root.shell(traced + "\n".join(typed[:2]), folder=TYPED_IN, typed="y\n")
        first = self.first(made.stdout)
        # Of dpkg, whose terminal is one that apt makes.
        self.assertRegex(made.stdout, r"(?m)^partner-mirror-tools: warning: .*: /usr/local/bin/mirror-harness\. ")
        by_hand.unlink()
        self.assertRegex(first, rf"(?m)^usermod -a -G {CRM} partner-mirror-agent$")
        then = self.root.shell(traced + "\n".join([first, *typed[2:]]), folder=TYPED_IN)
        said = made.stderr + then.stderr
        self.until(self.is_mirrored, "no table is mirrored")
        self.needed = time.monotonic() - begin
        starts = [(float(at), words) for at, words in re.findall(r"^\+(\d+\.\d+) (.*)$", said, re.MULTILINE)]
        for (at, words), (then, _) in zip(starts, [*starts[1:], (time.time(), "")]):
            print(f"{then - at:6.1f} s  {words[:80]}")
        print(f"{self.needed:6.1f} s  from the first command to the first mirrored table")
        self.assertEqual(self.services.findings, [])
        self.until(lambda: self.count("visit") == 1, "not all tables are mirrored")
        # No key of one side is readable for the other.
        for user, key in (
            ("partner-mirror-agent", "/etc/partner-mirror/application/application-1.key"),
            ("partner-mirror", "/etc/partner-mirror-agent/source/source-1.key"),
        ):
            self.assertTrue((self.root.path / key.lstrip("/")).is_file(), key)
            self.assertNotEqual(self.root.run("runuser", "-u", user, "--", "cat", key, check=False).returncode, 0, key)
        # Where the walls stand, the agent may write beside its source.
        writable = " ".join(self.services.unit("mirror-agent").get(("Service", "ReadWritePaths"), []))
        self.assertIn("/srv/crm", writable.replace('"', " ").replace("-/", "/").split())

    @staticmethod
    def first(said):
        """The commands that `init` has typed before the others."""
        found = re.search(r"First:\n((?:  .*\n)+)\nNext:\n", said)
        assert found, f"init does not say what comes first:\n{said}"
        return "\n".join(line.strip() for line in found[1].splitlines())

    def is_mirrored(self):
        return re.search(r"^\S.* mirrored ", self.tables(), re.MULTILINE) is not None

    def tables(self):
        return self.root.run("mirrorctl", "tables", TENANT, check=False).stdout

    def count(self, table):
        try:
            database = sqlite3.connect(f"file:{self.mirror}?mode=ro", uri=True, timeout=10)
            try:
                return database.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
            finally:
                database.close()
        except sqlite3.OperationalError:
            return -1

    def check_help(self):
        share = self.root.path / "usr" / "share"
        for page in PAGES:
            self.assertTrue((share / "man" / f"{page}.gz").is_file(), page)
        for program in ("mirrorctl", "mirror-agent", "mirror-server"):
            for place in COMPLETIONS:
                self.assertTrue((share / place.format(program)).is_file(), place.format(program))

    # --- Upgrade ---

    def upgrade_under_load(self):
        newer = self.root.work / "newer"
        newer.mkdir()
        next_version(PACKAGES, newer)
        self.root.bring(package(name, newer) for name in INSTALLED)
        agent = self.root.path / "etc" / "partner-mirror-agent" / "mirror-agent.toml"
        text, changed = re.subn(r'^interval = "20m"', 'interval = "1s"', agent.read_text(), flags=re.MULTILINE)
        self.assertEqual(changed, 1)
        agent.write_text(text)
        self.root.shell("systemctl restart mirror-agent")
        self.application.start()
        watcher = Watcher(self.mirror)
        self.addCleanup(watcher.stop)
        watcher.thread.start()
        self.go_on(watcher)
        for name, unit in (("server", "mirror-server"), ("agent", "mirror-agent"), ("tools", None)):
            starts, ended = dict(self.services.starts), len(self.services.ended)
            self.root.shell(f"apt-get -q -y install ./{package(name, newer).name}", folder=clean_root.PACKAGES)
            if unit is not None:
                self.assertEqual(self.services.starts[unit], starts[unit] + 1, f"{name}: {self.services.asked}")
                ((stopped, code, seconds),) = self.services.ended[ended:]
                self.assertEqual((stopped, code), (unit, 0), self.root.logs())
                print(f"{unit} ended by SIGTERM in {seconds:.1f} s, at work, and goes on with the newer version")
            self.go_on(watcher)
        self.application.stop()
        self.assertIsNone(self.application.error)
        self.until(lambda: watcher.last == self.application.last, "the mirror does not catch up")
        watcher.stop()
        self.assertEqual(watcher.findings, [])
        self.assertGreater(watcher.looks, 20)
        self.check_equal()

    def go_on(self, watcher):
        """Rows that are written from now on arrive."""
        target = self.application.last + 50
        self.until(lambda: watcher.last >= target, f"the mirror stays at {watcher.last}")

    def check_equal(self):
        self.root.shell("systemctl stop mirror-agent")
        self.assertEqual(self.services.ended[-1][:2], ("mirror-agent", 0))
        as_agent = ("runuser", "-u", "partner-mirror-agent", "--", "mirror-agent")
        config = ("--config", "/etc/partner-mirror-agent/mirror-agent.toml")
        self.root.run(*as_agent, "verify", *config)
        receipts = json.loads(self.root.run(*as_agent, "receipts", "verify", "--json", *config).stdout)["sources"]
        self.assertEqual([source["findings"] for source in receipts], [[]])
        self.root.run("mirror-compare", "/srv/crm/crm.db", f"/var/lib/partner-mirror/{self.mirror.name}")
        self.root.shell("systemctl start mirror-agent")

    # --- Remove and purge ---

    def remove(self, before):
        names = " ".join(f"partner-mirror-{name}" for name in INSTALLED)
        ended = len(self.services.ended)
        kept = self.kept()
        said = self.root.shell(f"apt-get -q -y remove {names}").stdout
        self.assertIn("mirror-agent uninstall --config /etc/partner-mirror-agent/mirror-agent.toml", said, "of the change log")
        self.assertEqual({stop[:2] for stop in self.services.ended[ended:]}, {("mirror-server", 0), ("mirror-agent", 0)})
        for program in ("mirror-server", "mirror-agent", "mirrorctl"):
            self.assertNotEqual(self.root.shell(f"command -v {program}", check=False).returncode, 0, program)
        self.assertEqual(self.kept(), kept, "removing leaves data, keys and configuration")
        said = self.root.shell(f"apt-get -q -y purge {names}").stdout
        self.assertEqual(self.kept(), kept, "purging leaves them, too")
        for folder in ("/etc/partner-mirror", "/var/lib/partner-mirror", "/var/backups/partner-mirror", "/etc/partner-mirror-agent", DROP_INS):
            self.assertIn(folder, said, "and says so")
        self.root.shell("apt-get -q -y autoremove --purge")
        owned = self.root.files_of_packages()
        left = [path for path in sorted(self.root.files()) if path not in before and path not in owned]
        self.assertEqual([path for path in left if not STAYS.search(path)], [])
        self.assertEqual(self.count("visit"), self.application.last)
        self.assertEqual(self.services.findings, [])

    def copies(self):
        return [path.name for made in (self.root.path / "var/backups/partner-mirror").iterdir() for path in sorted(made.iterdir())]

    def remove_by_hand(self, before):
        away, look, users = blocks("install.md", "What nobody needs any more", None)
        self.root.shell(away)
        # Of the source's folder nothing is ours.
        found = self.root.shell(look, check=False).stdout.splitlines()
        self.assertEqual([path for path in found if not path.startswith("/srv/")], [])
        self.root.shell(users)
        owned = self.root.files_of_packages()
        left = [path for path in sorted(self.root.files()) if path not in before and path not in owned]
        self.assertEqual([path for path in left if not path.startswith("/srv")], [])

    def kept(self):
        """Keys, configuration and mirrors, each with whose it is; not the files that come and go with a connection."""
        found = {}
        for top in ("etc/partner-mirror", "etc/partner-mirror-agent", "var/lib/partner-mirror", "var/lib/partner-mirror-agent",
                    "var/backups/partner-mirror"):
            for path in sorted((self.root.path / top).rglob("*")):
                if path.is_file() and not re.search(r"-(wal|shm|journal)$|\.lock$|\.last\.json$", path.name):
                    info = path.stat()
                    found[str(path.relative_to(self.root.path))] = (info.st_uid, info.st_gid, info.st_mode)
        return found


if __name__ == "__main__":
    PACKAGES = pathlib.Path(sys.argv.pop(1)).resolve()
    if os.geteuid() != 0:
        sys.exit("clean_root_test.py: only root can make a clean root")
    unittest.main(verbosity=2)
