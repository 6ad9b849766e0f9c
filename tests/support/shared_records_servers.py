"""Several mirror-servers over one PostgreSQL with their HTTP doors on, for tests of records: as RecordsServer is one, and each
call of a door goes to another one than the call before it."""

import itertools
import json
import pathlib
import re
import signal
import subprocess
import time

import free_ports
import http_door
import postgres_cluster
import programs
import records_server
import sanitizer_words

READY = b"mirror-server JSON: "


class Turns:
    """A door to all servers. An import that another server has the file of goes there, as curl -L does it."""

    def __init__(self, doors):
        self.doors, self.turns = doors, itertools.cycle(doors)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        for door in self.doors:
            door.close()

    def request(self, method, path, **more):
        answer = self._door(path).request(method, path, **more)
        if answer.status != 307:
            return answer
        location = answer.headers["location"]
        return self._door(location).request(method, location, **more)

    def _door(self, path):
        if path.startswith("/"):
            return next(self.turns)
        return next(door for door in self.doors if path.startswith(door.origin + "/"))


class SharedRecordsServers(records_server.RecordsServer):
    """`url`: of an empty database. `sections`: as of RecordsServer, for all. What a test does to 'the server' is done to
    all; `servers` has them one by one, `folder` has what they share."""

    def __init__(self, bin_dir, folder, url, context_id="Cust", sections=None, source=None, count=2):
        self.bin, self.folder, self.db = pathlib.Path(bin_dir), pathlib.Path(folder), url
        ports = free_ports.free_ports(3 * count)
        init = [
            *("init", "--dir", folder, "--context-id", context_id, "--metrics-port", 0, "--store", "postgres"),
            *("--postgres", url, "--port", ports[0], "--admin-port", ports[1], "--http-port", ports[2]),
            *(("--source", source) if source else ()),
        ]
        made = self.run("mirrorctl", *init)
        assert made.returncode == 0, made.stderr
        self.owner = made.stdout.rstrip("\n").split("\n")[-1]
        config = self.folder / "mirror-server.toml"
        text = config.read_text()
        for key, value in {"control": url, "conninfo": url, "durability": "local"}.items():
            text = re.sub(rf"(?m)^{key} = .*$", f'{key} = "{value}"', text)
        config.write_text(text)
        for section, lines in (sections or {}).items():
            self.configure(section, lines)
        self.ports = ports[:3]
        self.servers = [One(self, config, "data", ports[2])]
        for number in range(1, count):
            self.servers.append(self._further(config, number, ports[3 * number : 3 * number + 3]))

    def _further(self, config, number, ports):
        text = config.read_text().replace('dir = "data"', f'dir = "data-{number}"')
        for mine, theirs in zip(ports, self.ports):
            text = re.sub(rf"(?m)^port = {theirs}\b", f"port = {mine}", text)
        path = self.folder / f"server-{number}.toml"
        path.write_text(text)
        return One(self, path, f"data-{number}", ports[2])

    def start(self, **environment):
        for server in self.servers:
            if server.process is None:
                server.begin(**(environment if server is self.first else {}))
        for server in self.servers:
            server.wait_until_ready()
        return self

    @property
    def first(self):
        return self.servers[0]

    def stop(self):
        for server in self.servers:
            server.stop()

    def kill(self):
        for server in self.servers:
            server.kill()

    @property
    def process(self):
        return self.servers[0].process

    def door(self, key=None, **more):
        return Turns([server.door(key, **more) for server in self.servers])

    def issue(self, name, role, storages):
        made = self.run("mirrorctl", "apikey", "issue", name, "--dir", self.folder, "--role", role, "--storages", storages)
        assert made.returncode == 0, made.stderr
        key = made.stdout.strip()
        for server in self.servers:
            with server.door(key) as door:
                self.wait_for(lambda door=door: door.request("GET", "/v2/storages").status == 200)
        return key

    def exists(self, tenant):
        found = f"SELECT count(*) FROM pg_namespace WHERE nspname = 'Mirror_{tenant}';"
        return postgres_cluster.psql(self.db, found).strip() == "1"

    def query(self, tenant, sql):
        read = f'SET search_path = "Mirror_{tenant}"; SELECT row_to_json(t) FROM ({sql}) AS t;'
        lines = postgres_cluster.psql(self.db, read).splitlines()
        return [tuple(value for _, value in json.loads(line, object_pairs_hook=list)) for line in lines]

    def execute(self, tenant, sql):
        postgres_cluster.psql(self.db, f'SET search_path = "Mirror_{tenant}"; {sql};')

    def contents(self):
        """What the database gives its readers, and the servers' folders: that rows leave the files of a database is
        VACUUM's part."""
        dump = [postgres_cluster.programs() / "pg_dump", "--data-only", "-d", self.db]
        done = subprocess.run(dump, env=postgres_cluster.environment(), capture_output=True, check=True)
        yield "the database", done.stdout
        for server in self.servers:
            for file in sorted(server.data.rglob("*")):
                if file.is_file():
                    yield file, file.read_bytes()

    def uploads(self):
        return set().union(*(server.uploads() for server in self.servers))

    def memory(self):
        return sum(records_server.memory_of(server.process) for server in self.servers)

    def import_processes(self):
        return [one for server in self.servers for one in records_server.import_processes_of(server.process)]

    def kill_imports(self):
        return any([records_server.kill_children(server.process, "mirror-import") for server in self.servers])


class One:
    """One of them."""

    def __init__(self, all_servers, config, data, port):
        self.all, self.config, self.port = all_servers, config, port
        self.data, self.log = config.parent / data, config.with_suffix(".log")
        self.url, self.process, self.begun = f"http://127.0.0.1:{port}", None, 0

    def door(self, key=None, **more):
        return http_door.HttpDoor(self.url, key=key or self.all.owner, **more)

    def begin(self, **environment):
        self.begun = self.log.stat().st_size if self.log.exists() else 0
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [self.all.bin / "mirror-server", "--config", self.config],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=programs.environment(**environment),
            )

    def wait_until_ready(self):
        end = time.monotonic() + records_server.PATIENCE_S
        while READY not in self.log.read_bytes()[self.begun :]:
            assert self.process.poll() is None and time.monotonic() < end, self.log.read_text()
            time.sleep(0.02)

    def start(self):
        self.begin()
        self.wait_until_ready()

    def stop(self):
        if self.process is None:
            return
        self.process.send_signal(signal.SIGTERM)
        self.process.send_signal(signal.SIGCONT)  # A test that failed may have left it hanging.
        assert self.process.wait(records_server.PATIENCE_S) == 0, self.log.read_text()
        self.process = None
        sanitizer_words.check_file(self.log)

    def kill(self):
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def uploads(self):
        """Those that are there; each is a file and a note. What is called 'server' is the folder's name."""
        return {file.stem for file in (self.data / ".uploads").iterdir() if file.name != "server"}
