"""A place whose servers take records over HTTP, too. Nothing of it goes through the server's own code but the calls."""

import contextlib
import http.client
import json
import os
import pathlib
import signal
import sqlite3
import sys
import tempfile
import time

from tests.torture import history
from tests.torture.place import ROOT, STOP_SECONDS, Broken

sys.path.insert(0, str(ROOT / "tests" / "support"))
sys.path.insert(0, str(ROOT / "tests" / "python"))

import free_ports  # noqa: E402
import http_door  # noqa: E402
import postgres_mirror  # noqa: E402

NOT_ANSWERED = (OSError, http.client.HTTPException)
PATIENCE_S = 60


class RecordsOf:
    """Comes before a Place or a PostgresPlace: see records_kind()."""

    journaled = "Acme"  # The data source 'default'. What is erased in the others is in no file.

    def __init__(self, keep=False):
        self.http_ports = free_ports.free_ports(2)
        self.other_runs = False
        self.before_start = None  # Once.
        super().__init__(keep)
        self.key = self.run_plain(
            *("mirrorctl", "apikey", "issue", "torture", "--dir", self.dir, "--role", "owner", "--storages", "*")
        ).stdout.strip()
        self.doors = [
            http_door.HttpDoor(f"http://127.0.0.1:{port}", key=self.key, tells=False, timeout=PATIENCE_S)
            for port in self.http_ports
        ]

    def close(self):
        for door in self.doors:
            door.close()
        super().close()

    def store_words(self):
        return [*super().store_words(), "--http-port", self.http_ports[0]]

    def config_of_another_server(self):
        other = super().config_of_another_server()
        self.set_line(other.name, "port", self.http_ports[1], "http")
        return other

    def start(self, env=None, may_die=False):
        if self.before_start is not None:
            before, self.before_start = self.before_start, None
            before()
        if not super().start(env, may_die):
            return False
        if "JSON" in self.server.stdout.readline():
            return True
        # It was ready, and died before its door was.
        self.reap_dead()
        if may_die:
            return False
        raise Broken(f"the server does not open its door: {(self.folder / 'server.err').read_text()[-2000:]}")

    def reap_dead(self):
        """Of a server that broke off: it is gone by a kill."""
        code = self.reap()
        self.killed = code == -signal.SIGKILL
        if not self.killed:
            raise Broken(f"the server ended with {code}: {(self.folder / 'server.err').read_text()[-2000:]}")

    def start_beside(self):
        """A second server, where the store lets it."""
        if self.store != "postgres":
            return
        self.start_other()
        self.swap_servers()
        self.other_runs = True

    def kill_import(self):
        """The program that reads the file of a job. Whether there was one."""
        for entry in pathlib.Path("/proc").iterdir():
            if not entry.name.isdigit():
                continue
            try:
                name, rest = (entry / "stat").read_text().rsplit(")", 1)
                if name.endswith("(mirror-import") and int(rest.split()[1]) == self.server.pid:
                    os.kill(int(entry.name), signal.SIGKILL)
                    return True
            except (OSError, IndexError):
                continue
        return False

    # --- What is there, read without the server ---

    def tenants_there(self):
        if self.store == "postgres":
            names = self.psql("SELECT nspname FROM pg_namespace WHERE nspname ~ '^(Mirror_|mirror_(import|aside))';")
            return {name.removeprefix("Mirror_") for name in names.split()}
        names = {path.name for path in self.data.glob("Mirror_*") if not path.name.endswith(("-wal", "-shm"))}
        return {name.removeprefix("Mirror_").removesuffix(".db") for name in names}

    def rows_there(self, tenant):
        """External id: (the record as pairs, the columns), or None: there is no such database."""
        columns = ("externalId", "record", "name", "country", "city", "street", "postalCode")
        listed = ", ".join(f'"{one}"' for one in columns)
        if self.store == "postgres":
            if tenant not in self.tenants_there():
                return None
            text = self.psql(
                "SELECT coalesce(json_agg(json_build_array("
                f"{listed})), '[]') FROM \"Mirror_{tenant}\".businesspartner;"
            )
            rows = json.loads(text)
        else:
            path = self.data / f"Mirror_{tenant}.db"
            if not path.exists():
                return None
            connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=10)
            try:
                rows = connection.execute(f"SELECT {listed} FROM businesspartner").fetchall()
            finally:
                connection.close()
        return {row[0]: (pairs(row[1]), dict(zip(columns[2:], row[2:]))) for row in rows}

    def check_history(self, tenant):
        if tenant != self.journaled:
            return
        with tempfile.TemporaryDirectory(dir=self.folder) as folder:
            file = self.data / f"Mirror_{tenant}.db"
            if self.store == "postgres":
                file = pathlib.Path(folder) / "copy.db"
                postgres_mirror.read(self.url, tenant, file, with_history=True)
            self.memory.check(history.Look(file))

    def files_with(self, text):
        """Of the data folders."""
        folders = [self.data, self.dir / "other-data"]
        found = []
        for path in (path for folder in folders if folder.exists() for path in folder.rglob("*")):
            try:
                if path.is_file() and text.encode() in path.read_bytes():
                    found.append(path.name)
            except FileNotFoundError:
                continue
        return found

    def uploads_of_jobs(self):
        """Files that a job has, or nobody; one that waits for its job may stay for an hour. What is called 'server' is
        the folder's name."""
        files = {path.name: path for path in (self.data / ".uploads").iterdir() if path.name != "server"}
        waiting = set()
        for name, path in files.items():
            if name.endswith(".json") and f"{path.stem}.file" in files:
                with contextlib.suppress(FileNotFoundError):
                    if json.loads(path.read_text())["job"] == "":
                        waiting |= {name, f"{path.stem}.file"}
        return files.keys() - waiting


def pairs(text):
    return tuple(json.loads(text, object_pairs_hook=tuple)) if text != "{}" else ()


def records_kind(kind):
    return type(f"Records{kind.__name__}", (RecordsOf, kind), {})


def wait_for(what, look, patience=PATIENCE_S):
    end = time.monotonic() + patience
    while not (found := look()):
        if time.monotonic() > end:
            raise Broken(f"{what} did not come")
        time.sleep(0.01)
    return found


def wait_until_dead(place):
    """The server, which broke off a request. False: it lives."""
    try:
        place.server.wait(STOP_SECONDS / 8)
    except Exception:  # pylint: disable=broad-except
        return False
    place.reap_dead()
    return True
