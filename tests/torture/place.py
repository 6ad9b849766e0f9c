"""A server, an agent and a source in a folder of their own, with the programs as they are shipped."""

import contextlib
import importlib.util
import json
import os
import pathlib
import re
import shutil
import signal
import sqlite3
import subprocess
import tempfile
import time

from tests.torture import history
from tests.torture.broken import Broken

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("MIRROR_TORTURE_BUILD", ROOT / "build/release"))
BIN = BUILD / "bin"
SHIM = BUILD / "tests/libbad_disk.so"
CONTEXT = "Cust"
START_SECONDS, STOP_SECONDS, COMMAND_SECONDS = 20, 40, 120
TRIM_SECONDS = 60  # A server looks at a mirror that it has open within ten seconds.

_spec = importlib.util.spec_from_file_location("compare_databases", ROOT / "tools/compare_databases.py")
compare_databases = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(compare_databases)


@contextlib.contextmanager
def place_of(kind, keep, run):
    """For one run, of which this tells; what is left of one that fails is kept and named."""
    place = kind(keep)
    try:
        yield place
    except Exception:
        place.keep = True
        print(f"FAILED: {run}, left in {place.folder}", flush=True)
        raise
    finally:
        place.close()


class Place:
    store = "sqlite"
    journaled = "*"  # Mirrors that have a journal, and versions of some tables' rows.

    def __init__(self, keep=False):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="mirror-torture-"))
        self.dir = self.folder / "dev"
        self.data = self.dir / "data"
        self.source = self.folder / "source.db"
        self.config = self.dir / "mirror-server.toml"
        self.keep = keep
        self.damaged = False  # By hand: only a repair mends it.
        self.pauses = False  # The operator's: who does not know whether 'resume' was heard says it again.
        self.rebuilds = False  # Damaged so that only 'reset --all' mends it.
        self.deletes = False  # Also the operator's: nobody may send until he allows it again.
        self.server = None
        self.port = self.admin_port = 0  # Of the last one that started.
        self.killed = False  # How the last server ended that is gone: by SIGKILL.
        self.fresh = True  # No mirror has its file yet, so nothing is acknowledged as durable.
        self.acknowledged = {}  # LSN of each table that the agent was told to be on disk.
        self.same_rows = False  # A whole cycle was acknowledged, and the source is as it was then.
        self.memory = history.Memory()
        init = ["init", "--dir", self.dir, "--context-id", CONTEXT, "--source", self.make_source(), "--metrics-port", 0]
        self.run_plain("mirrorctl", *init, *self.store_words())
        self.set_ports(0, 0)
        self.rules = history.RULES.format(context=self.journaled)
        with open(self.config, "a", encoding="utf-8") as file:
            file.write(self.rules)
        self.data.mkdir(exist_ok=True)

    def make_source(self):
        """What `mirrorctl init` is told of it."""
        sqlite3.connect(self.source).execute("PRAGMA journal_mode = WAL").connection.close()
        return self.source

    def store_words(self):
        """Of `mirrorctl init`."""
        return []

    def close(self):
        self.kill()
        if not self.keep:
            shutil.rmtree(self.folder, ignore_errors=True)

    # --- Programs ---

    @staticmethod
    def run_plain(name, *arguments, env=None, check=True):
        done = subprocess.run(
            [BIN / name, *map(str, arguments)],
            env={**os.environ, **(env or {})},
            capture_output=True,
            text=True,
            timeout=COMMAND_SECONDS,
            check=False,
        )
        # Sentences are looked for in it, and people get them in lines that fit a terminal.
        done.stderr = re.sub(r"\n +", " ", done.stderr)
        if check and done.returncode != 0:
            raise Broken(f"{name} {' '.join(map(str, arguments))}: exit {done.returncode}: {done.stderr[-2000:]}")
        return done

    def agent(self, *arguments, env=None):
        """The exit code; -9 when it was killed."""
        once = arguments[0] == "once"
        done = self.run_plain(
            "mirror-agent",
            *arguments,
            *(["--json"] if once else []),
            "--config",
            self.dir / "mirror-agent.toml",
            env=env,
            check=False,
        )
        if once and done.stdout:
            self.hear(json.loads(done.stdout)["sources"][0], done.returncode)
        return done

    def hear(self, source, code):
        """What a run was told stays true from now on, whatever ends the server."""
        if source["outcome"] == "done":
            self.fresh = False
        if self.fresh:
            return
        for table in source["tables"]:
            if table["result"] == "ok" and table["lsn"] >= 0:
                self.acknowledged[table["table"]] = table["lsn"]
        names = {table["table"] for table in source["tables"]}
        if source["outcome"] == "done":
            self.acknowledged = {name: lsn for name, lsn in self.acknowledged.items() if name in names}
        # It ends with 0 also when an operator paused the mirror: then nothing was sent.
        self.same_rows = self.same_rows or (code == 0 and source["outcome"] == "done")

    def ctl(self, *arguments):
        if arguments[0] in ("restore", "reset", "invalidate", "delete"):
            # It may take back what was there, whether or not its answer arrives.
            self.acknowledged, self.same_rows = {}, False
        if arguments[0] in ("restore", "reset", "delete"):
            self.memory.lose()
        return self.run_plain("mirrorctl", "--config", self.dir / "mirrorctl.toml", *arguments, check=False)

    def set_line(self, file, key, value, section=None):
        path = self.dir / file
        lines, at = path.read_text().splitlines(), None
        inside = section is None
        for number, line in enumerate(lines):
            if line.startswith("["):
                inside = section is None or line.startswith(f"[{section}]")
            elif inside and line.startswith(f"{key} ="):
                at = number
                break
        lines[at] = f"{key} = {value}"
        path.write_text("\n".join(lines) + "\n")

    def keep_rules(self, kept):
        """The configuration has or has not what keeps a journal and versions. No server runs."""
        text = self.config.read_text(encoding="utf-8")
        if (self.rules in text) == kept:
            return
        self.config.write_text(text + self.rules if kept else text.replace(self.rules, ""), encoding="utf-8")

    def set_ports(self, port, admin_port):
        self.set_line("mirror-server.toml", "port", port, "listen")
        self.set_line("mirror-server.toml", "port", admin_port, "admin")

    def point_clients(self, port, admin_port):
        self.set_line("mirror-agent.toml", "address", f'"127.0.0.1:{port}"', "endpoint")
        self.set_line("mirrorctl.toml", "address", f'"127.0.0.1:{admin_port}"')

    def start(self, env=None, may_die=False):
        """False: it died before it was ready, which `may_die` allows."""
        with open(self.folder / "server.err", "ab") as log:
            self.server = subprocess.Popen(
                [BIN / "mirror-server", "--config", self.config],
                env={**os.environ, **(env or {})},
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        line = self.server.stdout.readline()
        self.killed = False
        if "ready" not in line:
            self.killed = self.server.wait(STOP_SECONDS) == -signal.SIGKILL
            self.server.stdout.close()
            self.server = None
            if may_die:
                return False
            raise Broken(f"the server does not start: {(self.folder / 'server.err').read_text()[-2000:]}")
        ports = [part.rsplit(":", 1)[1].strip() for part in line.split("on ", 1)[1].split(", admin on ")]
        self.port, self.admin_port = int(ports[0]), int(ports[1])
        self.point_clients(self.port, self.admin_port)
        return True

    def stop(self):
        """SIGTERM; the exit code."""
        if self.server is None:
            return 0
        self.server.send_signal(signal.SIGTERM)
        return self.reap()

    def kill(self):
        if self.server is not None:
            self.server.kill()
            self.reap()

    def reap(self):
        try:
            code = self.server.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.server.kill()
            self.server.wait()
            raise Broken("the server does not end") from None
        finally:
            self.server.stdout.close()
            self.server = None
        return code

    def died(self):
        """Whether the server is gone by a kill; it is reaped then. One that was shut down did not die."""
        if self.server is not None and self.server.poll() is not None:
            self.killed = self.server.returncode == -signal.SIGKILL
            self.server.stdout.close()
            self.server = None
        return self.server is None and self.killed

    # --- Databases ---

    def sql(self, *statements):
        self.same_rows = False
        with sqlite3.connect(self.source, timeout=10, isolation_level=None) as application:
            for statement in statements:
                application.executescript(statement)
        application.close()

    @property
    def mirror(self):
        return self.data / f"Mirror_{CONTEXT}.db"

    def has_mirror(self):
        return self.mirror.exists()

    def by_hand(self, *statements):
        connection = sqlite3.connect(self.mirror, timeout=10, isolation_level=None)
        try:
            for statement in statements:
                connection.execute(statement)
        finally:
            connection.close()

    @contextlib.contextmanager
    def copy_of_mirror(self):
        """As it lies there, with its log, so that nothing is recovered by looking at it."""
        with tempfile.TemporaryDirectory(dir=self.folder) as folder:
            copy = pathlib.Path(folder) / "copy.db"
            shutil.copy(self.mirror, copy)
            log = pathlib.Path(f"{self.mirror}-wal")
            if log.exists():
                shutil.copy(log, f"{copy}-wal")
            yield copy

    def check_kept(self):
        """After a crash, before anybody has opened the mirror again or caught up: it is whole, and what was acknowledged
        is there."""
        if not self.has_mirror():
            if self.acknowledged:
                raise Broken(f"the mirror is gone, and this was acknowledged: {self.acknowledged}")
            return
        with self.copy_of_mirror() as copy:
            connection = sqlite3.connect(copy)
            said = connection.execute("PRAGMA integrity_check").fetchall()
            if said != [("ok",)]:
                raise Broken(f"the mirror is damaged: {said[:3]}")
            # A population that is to come, or was begun since, has taken the position away, not the rows.
            rows = connection.execute(
                f"SELECT table_name, lsn FROM {CONTEXT}_mirroring WHERE state NOT IN ('populating', 'repopulate')"
            )
            there = dict(rows.fetchall())
            connection.close()
            for table, lsn in self.acknowledged.items():
                if there.get(table, lsn) < lsn:
                    raise Broken(f"table '{table}': LSN {lsn} was acknowledged, and {there[table]} is there")
            if self.same_rows and not self.damaged:
                wrong = self.differences(copy)
                if wrong:
                    raise Broken(f"a whole cycle was acknowledged, and before the next one the mirror differs: {wrong}")
            self.memory.check(history.Look(copy), self.damaged)

    def remember(self):
        """How the mirror is, which no server has open."""
        with self.copy_of_mirror() as copy:
            self.memory.check(history.Look(copy), self.damaged)

    @contextlib.contextmanager
    def readable(self):
        """The mirror as it is by now, beside a server that runs."""
        yield self.mirror

    def look_at_history(self):
        with self.readable() as file:
            self.memory.check(history.Look(file), self.damaged)

    def age(self):
        """All that the journal has so far is older than it is kept."""
        self.memory.is_aged = True
        self.by_hand(f"UPDATE _mirror_journal SET done_ms = done_ms - {history.AGED_MS} WHERE done_ms IS NOT NULL")

    def wait_for_trim(self):
        """Until what was aged is gone. False: the server is."""
        deadline = time.monotonic() + TRIM_SECONDS
        while self.server is not None and self.server.poll() is None:
            with self.readable() as file:
                if history.Look(file).floor > 0:
                    return True
            if time.monotonic() > deadline:
                raise Broken("the journal is older than it is kept, and stays")
            time.sleep(0.1)
        return False

    def differences(self, file=None):
        """What of the mirror is not as in the source; empty: they are equal, row by row and kind by kind."""
        source = compare_databases.open_read_only(self.source)
        mirror = compare_databases.open_read_only(file or self.mirror)
        try:
            results = [
                compare_databases.compare(source, mirror, table) for table in compare_databases.tables_of(source)
            ]
            return [f"{one.table}: {note}" for one in results for note in one.notes]
        finally:
            source.close()
            mirror.close()

    # --- The end of each run ---

    def settle(self):
        """A server without faults, and cycles until all is sent; then both must be equal."""
        if self.server is None:
            self.start()
        if self.pauses:
            self.ctl("resume", CONTEXT)
        if self.deletes and "removes what is left" in self.ctl("allow", CONTEXT).stderr:
            # As it tells the operator to do: the server that began to delete is gone, and another one serves the others.
            self.ctl("delete", CONTEXT, "--confirm", CONTEXT)
            self.ctl("allow", CONTEXT)
        last = None
        for _ in range(6):
            last = self.agent("once")
            if last.returncode == 0:
                break
            for line in self.ctl("hold", "list").stdout.splitlines()[1:]:
                hold = line.split()[0]
                self.ctl("hold", "commit", hold)
            if "the disk did not keep what was written" in last.stderr:
                # As it tells the operator to do; what was acknowledged is looked for before anybody opens it.
                self.ctl("reset", CONTEXT, "--all", "--confirm", CONTEXT)
            elif "damaged" in last.stderr:
                if not self.rebuilds:
                    break
                self.ctl("reset", CONTEXT, "--all", "--confirm", CONTEXT)
        if last.returncode != 0:
            raise Broken(f"the agent does not come to an end: {last.stderr[-2000:]}")
        if self.damaged:
            self.agent("verify", "--repair")
        wrong = self.differences()
        if wrong:
            raise Broken(f"the mirror differs: {wrong}")
        verified = self.agent("verify")
        if verified.returncode != 0:
            raise Broken(f"verify: {verified.stdout[-1000:]} {verified.stderr[-1000:]}")
        proved = self.agent("receipts", "verify")
        if proved.returncode != 0:
            raise Broken(f"receipts: {proved.stdout[-1000:]} {proved.stderr[-1000:]}")
        if self.memory.is_aged and not self.wait_for_trim():
            raise Broken("the server ended")
        self.look_at_history()
