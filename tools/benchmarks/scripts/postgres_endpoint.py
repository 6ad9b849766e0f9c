"""A mirror-server of the benchmark's own that keeps its mirrors in a PostgreSQL of the benchmark's own."""

import contextlib
import os
import re
import shutil
import signal

from endpoint import Endpoint, free_ports
from postgres import PATIENCE_S, Cluster, postgres_cluster
from processes import Failed

# A vacuum in the middle of one side's work would be counted as that side's.
SETTINGS = {"autovacuum": "off"}
DATABASE = "mirrors"


@contextlib.contextmanager
def mirrors_cluster(bench):
    """Where mirrors and references are."""
    cluster = Cluster(bench.path("postgres"), SETTINGS)
    try:
        cluster.make()
        yield cluster
    finally:
        cluster.remove()


class PostgresEndpoint(Endpoint):
    """A database of `cluster` for it alone. All its servers run on `processors`, if that is given."""

    def __init__(self, bench, name, cluster, processors=None, rules=""):
        self.cluster, self.processors = cluster, processors
        words = ["--store", "postgres", "--postgres", cluster.make_database(DATABASE)]
        super().__init__(bench, name, store=words, rules=rules)
        self._second = None
        self.second_config = os.path.join(self.folder, "second-agent.toml")
        self._write_second()

    def _write_second(self):
        """The configurations of a second server, and of an agent that calls it."""
        port, admin = free_ports()
        shutil.copy(self.config, self.second_config)
        _edit(self.second_config, r'^address = "127.0.0.1:\d+"', f'address = "127.0.0.1:{port}"')
        self._second_server = os.path.join(self.folder, "second-server.toml")
        shutil.copy(os.path.join(self.folder, "mirror-server.toml"), self._second_server)
        _edit(self._second_server, r"(?s)^port = \d+(.*?)^port = \d+", rf"port = {port}\1port = {admin}")
        _edit(self._second_server, r'^dir = "data"', 'dir = "second-data"')

    def serve(self, command, log, pause=0.02):
        if self.processors:
            command = ["taskset", "-c", self.processors, *command]
        return super().serve(command, log, pause)

    def start_second(self):
        os.makedirs(os.path.join(self.folder, "second-data"), 0o750, exist_ok=True)
        command = [self.bench.program("mirror-server"), "--config", self._second_server]
        self._second = self.serve(command, os.path.join(self.folder, "second.log"))

    def stop(self):
        super().stop()
        if self._second:
            self._second.stop(signal.SIGKILL)
            self._second = None

    def empty(self):
        super().empty()
        self.cluster.drop_database(DATABASE)
        self.cluster.make_database(DATABASE)

    def remove(self):
        self.cluster.drop_database(DATABASE)
        super().remove()

    def ask(self, tenant, sql):
        """With names of the tenant's schema."""
        return self.ask_database(f'SET search_path = "Mirror_{tenant}"; {sql};')

    def ask_database(self, script):
        """The words of the line that it gives."""
        url = self.cluster.url(DATABASE, postgres_cluster.SUPERUSER)
        return postgres_cluster.psql(url, script, PATIENCE_S).strip().split("|")


def _edit(path, pattern, replacement):
    with open(path) as text:
        toml = text.read()
    toml, count = re.subn(pattern, replacement, toml, count=1, flags=re.MULTILINE)
    if count != 1:
        raise Failed(f"{path} has nothing like '{pattern}'")
    with open(path, "w") as text:
        text.write(toml)
