"""A mirror-server of the benchmark's own."""

import os
import re
import shutil
import signal
import socket
import sqlite3

from processes import Failed, Process, Steps, last_words, run, wait_until

CONTEXT = "Bench"


def free_ports():
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(2)]
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


class Endpoint:
    """Made by mirrorctl init in `folder`; as a context manager it runs until the end of the block."""

    def __init__(self, bench, name, source=None, settings=(), as_made=False, store=(), rules="", environment=()):
        """`as_made`: with all that mirrorctl init turns on. `store`: its words for another store than SQLite.
        `rules`: [[tenant]]s of mirror-server.toml. `environment`: variables of the server's, beside those of here."""
        self.bench = bench
        self.folder = os.path.join(bench.folder, name)
        port, admin = free_ports()
        command = [bench.program("mirrorctl"), "init", "--dir", self.folder, "--context-id", CONTEXT]
        command += ["--port", str(port), "--admin-port", str(admin), "--metrics-port", "0"]
        run(command + (["--source", source] if source else []) + list(store))
        self.config = os.path.join(self.folder, "mirror-agent.toml")
        self.log = os.path.join(self.folder, "server.log")
        self._environment = {**os.environ, **dict(environment)}
        self._server = None
        self._tenants = 0
        path = os.path.join(self.folder, "mirror-server.toml")
        with open(path) as text:
            toml = text.read()
        # The same tables are emptied and filled again and again here: nothing of that is a mistake.
        if not as_made:
            toml = re.sub(r"(?m)^enabled = \S+", "enabled = false", toml)
        for key, value in settings:
            toml, count = re.subn(rf"(?m)^{key} = \S+", f"{key} = {value}", toml)
            if count != 1:
                raise Failed(f"mirror-server.toml has no '{key}'")
        with open(path, "w") as text:
            text.write(toml + rules)

    def start(self, pause=0.02):
        """`pause`: between two looks whether it is ready, in seconds."""
        command = [self.bench.program("mirror-server"), "--config", os.path.join(self.folder, "mirror-server.toml")]
        self._server = self.serve(command, self.log, pause)

    def serve(self, command, log, pause=0.02):
        out = open(log + ".out", "w+")
        server = Process(command, log, stdout=out, env=self._environment)

        def ready():
            out.seek(0)
            return "mirror-server ready" in out.read()

        try:
            wait_until(ready, "mirror-server's start", process=server, pause=pause)
        except BaseException:
            server.stop(signal.SIGKILL)
            raise
        finally:
            out.close()
        return server

    def stop(self):
        """At once: what it holds is thrown away, and closing thousands of databases in order takes its time."""
        if self._server:
            self._server.stop(signal.SIGKILL)
            self._server = None

    def end(self, patience):
        """In order, within `patience` seconds."""
        server, self._server = self._server, None
        server.stop(signal.SIGTERM, patience)
        if server.popen.returncode != 0:
            raise Failed(f"mirror-server ended with {server.popen.returncode}: {last_words(self.log)}")

    def remove(self):
        shutil.rmtree(self.folder, ignore_errors=True)

    def fresh(self):
        """No tenants, and a process that has done nothing yet."""
        self.stop()
        self.empty()
        self.start()

    def empty(self):
        shutil.rmtree(os.path.join(self.folder, "data"), ignore_errors=True)
        os.mkdir(os.path.join(self.folder, "data"), 0o750)

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.stop()
        self.remove()

    @property
    def pid(self):
        return self._server.pid

    def new_tenant(self, kind=""):
        """`kind`: the end of its name, by which rules may mean it."""
        self._tenants += 1
        return f"{CONTEXT}-t{self._tenants}{kind}"

    def mirror_file(self, tenant):
        return os.path.join(self.folder, "data", f"Mirror_{tenant}.db")

    def steps(self, tenant, *shape):
        """mirror-bench with this tenant at the other end."""
        command = [self.bench.program("mirror-bench"), "mirror", "--config", self.config, "--context-id", tenant]
        return Steps([*command, *shape], os.path.join(self.bench.folder, "mirror.log"))


def contents(path):
    """What two tables must have in common when the same was done to them: sums over all columns."""
    database = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    try:
        columns = [row[1] for row in database.execute("PRAGMA table_info(contact_1)")]
        sums = ", ".join(f'total("{name}"), total(length("{name}")), min("{name}"), max("{name}")' for name in columns)
        return database.execute(f"SELECT count(*), {sums} FROM contact_1").fetchone()
    except sqlite3.Error as error:
        raise Failed(f"{path}: {error}") from None
    finally:
        database.close()
