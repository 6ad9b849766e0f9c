"""A whole fleet in one folder, on free ports of this machine."""

import pathlib
import re
import secrets
import shlex
import shutil
import subprocess
import tempfile
import time

from tests.fleet import plan
from tests.fleet.parts import Broken, Etcd, Haproxy, Node, Server, postgres_cluster, wait_until
from tests.python.free_ports import free_ports

CONTEXT = "Fleet"  # Tenants are Fleet-1, Fleet-2, ...
DATABASES = ("mirrors", "mirror_control")
ROOM_OF_TENANT, ROOM_MIN = 2 << 20, 2 << 30
# A dead primary is noticed within ttl. Patroni asks for loop_wait + 2 * retry_timeout at most.
DCS = {"ttl": 15, "loop_wait": 2, "retry_timeout": 6, "synchronous_mode": True, "synchronous_mode_strict": True}
PARAMETERS = {
    "shared_buffers": "128MB",
    "max_connections": 200,
    "max_locks_per_transaction": 256,
    "min_wal_size": "128MB",
    "max_wal_size": "1GB",
    "dynamic_shared_memory_type": "mmap",  # So that nothing of what was killed stays in /dev/shm.
}
# Of all servers, as docs/operate/postgres-care.md counts them, while no standby answers.
CONNECTIONS_MAX = len(plan.SERVERS) * (3 * 8 + 4 + 2)
PROGRAMS = ("etcd", "patroni", "/usr/sbin/haproxy")


def check_programs(folder):
    missing = [name for name in PROGRAMS if shutil.which(name) is None]
    if missing:
        raise postgres_cluster.Missing(f"not installed: {', '.join(missing)}. Type: tools/setup --also fleet")
    postgres_cluster.programs()
    for name in ("mirror-server", "mirrorctl"):
        if not (folder / name).exists():
            raise postgres_cluster.Missing(f"{folder / name} is not there. Type: tools/fleet, which builds it")


def make_folder(tenants):
    """In memory, where a sync costs little, if there is room: nobody's power is taken away here."""
    memory = pathlib.Path("/dev/shm")
    needed = ROOM_MIN + tenants * ROOM_OF_TENANT
    roomy = memory.is_dir() and shutil.disk_usage(memory).free >= needed
    folder = pathlib.Path(tempfile.mkdtemp(prefix="mirror-fleet-", dir=memory if roomy else None))
    folder.chmod(0o711)  # The account of PostgreSQL passes through.
    return folder


class Fleet:
    def __init__(self, folder, programs, standbys):
        self.folder, self.programs = pathlib.Path(folder), pathlib.Path(programs)
        self.account = postgres_cluster.account()
        self.passwords = {name: secrets.token_hex(16) for name in ("postgres", "replicator", postgres_cluster.ROLE)}
        self.etcd = Etcd(self.folder / "etcd", self.account, *free_ports(2))
        common, self.nodes = self._patroni(), []
        for name in (f"db{number}" for number in range(1, standbys + 2)):
            self.nodes.append(Node(name, self.folder / name, self.account, free_ports(2), common))
        self.port = free_ports(1)[0]
        self.servers, self.haproxy = [], None
        self._server_ports = {name: free_ports(3) for name in plan.SERVERS}

    def _patroni(self):
        """What the configurations of all nodes have in common."""
        login = {
            "superuser": {"username": postgres_cluster.SUPERUSER, "password": self.passwords["postgres"]},
            "replication": {"username": "replicator", "password": self.passwords["replicator"]},
        }
        rules = ["local all all trust", "host all all 127.0.0.1/32 scram-sha-256"]
        rules.append("host replication replicator 127.0.0.1/32 scram-sha-256")
        settings = {"use_pg_rewind": True, "use_slots": True, "parameters": PARAMETERS}
        return {
            "scope": "fleet",
            "etcd3": {"host": f"127.0.0.1:{self.etcd.port}"},
            "bootstrap": {
                "dcs": DCS | {"postgresql": settings},
                "initdb": [{"encoding": "UTF8"}, {"locale": "C"}, "data-checksums"],
            },
            "postgresql": {"bin_dir": str(postgres_cluster.programs()), "authentication": login, "pg_hba": rules},
        }

    # --- Begin and end ---

    def start(self):
        self.etcd.start()
        self.etcd.wait_ready()
        for node in self.nodes:  # The first one becomes the primary.
            node.start()
            node.wait_ready()
        followed = lambda: self.primary() and any(node.is_synchronous() for node in self.nodes)  # noqa: E731
        wait_until(followed, "a synchronous standby")
        self._make_databases()
        self._make_servers()
        for server in self.servers:
            server.start()
            server.wait_ready()
        self.haproxy.start()
        self.haproxy.wait_ready()

    def _make_databases(self):
        role, password = postgres_cluster.ROLE, self.passwords[postgres_cluster.ROLE]
        script = f"CREATE ROLE {role} LOGIN PASSWORD '{password}';"
        script += f"GRANT SET ON PARAMETER session_replication_role TO {role};"
        for name in DATABASES:
            script += f"CREATE DATABASE {name} OWNER {role} ENCODING 'UTF8' TEMPLATE template0;"
        self.primary().sql("postgres", script)

    def conninfo(self, database):
        ports = ",".join(str(node.port) for node in self.nodes)
        hosts = ",".join("127.0.0.1" for _ in self.nodes)
        where = f"host={hosts} port={ports} dbname={database} user={postgres_cluster.ROLE}"
        return f"{where} target_session_attrs=read-write"

    def _make_servers(self):
        dev = self.folder / "dev"
        command = [self.programs / "mirrorctl", "init", "--dir", dev, "--context-id", CONTEXT, "--store", "postgres"]
        command += ["--postgres", self.conninfo("mirrors"), "--port", str(self.port), "--metrics-port", "0"]
        command += ["--admin-port", str(self._server_ports[plan.SERVERS[0]][1])]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise Broken(f"mirrorctl init: {done.stderr}")
        (dev / "pgpass").write_text(f"*:*:*:*:{self.passwords[postgres_cluster.ROLE]}\n", encoding="utf-8")
        text = (dev / "mirror-server.toml").read_text(encoding="utf-8")
        for name, ports in self._server_ports.items():
            (dev / name).mkdir()
            config = dev / f"{name}.toml"
            config.write_text(self._config_of(text, name, ports), encoding="utf-8")
            server = Server(name, self.folder / name, self.programs / "mirror-server", config, ports[2])
            self.servers.append(server)
        checked = [(server.name, self._server_ports[server.name][0], server.metrics_port) for server in self.servers]
        self.haproxy = Haproxy(self.folder / "haproxy", self.account, self.port, checked)

    def _config_of(self, text, name, ports):
        """One of several: with a folder and ports of its own."""
        for section, key, value in (
            ("listen", "port", ports[0]),
            # To a server all sources come from the balancer's address.
            ("listen", "proxies", '["127.0.0.1"]'),
            ("admin", "port", ports[1]),
            ("metrics", "port", ports[2]),
            ("data", "dir", f'"{name}"'),
            ("postgres", "control", f'"{self.conninfo("mirror_control")}"'),
        ):
            pattern = rf"(^\[{section}\].*?^{key} = )(\"[^\"]*\"|\S+)"
            text, count = re.subn(pattern, rf"\g<1>{value}", text, count=1, flags=re.MULTILINE | re.DOTALL)
            if count != 1:
                raise Broken(f"mirror-server.toml has no '{key}' in [{section}]")
        return text

    def parts(self):
        return [part for part in (self.haproxy, *self.servers, *self.nodes, self.etcd) if part is not None]

    def end(self):
        for part in self.parts():
            try:
                part.end()
            except (OSError, RuntimeError) as error:
                print(f"{part.name} is not ended: {error}", flush=True)

    def remove(self, keep_logs=False):
        self.end()
        if keep_logs:
            for part in (self.etcd, *self.nodes):
                shutil.rmtree(part.folder / "data", ignore_errors=True)
            print(f"The logs are in {self.folder}")
        else:
            shutil.rmtree(self.folder)

    # --- Looks ---

    def primary(self):
        return next((node for node in self.nodes if node.is_primary()), None)

    def server(self, name):
        return next(server for server in self.servers if server.name == name)

    def promotions(self):
        """Each is a timeline, also those that nobody asked for: a machine may be too busy for Patroni's lease."""
        timeline = "SELECT left(pg_walfile_name(pg_current_wal_lsn()), 8);"
        return int(self.primary().sql("postgres", timeline), 16) - 1

    def ended(self):
        """Names of parts that ended although nobody killed them."""
        return [f"{part.name}: {part.last_words()[-500:]}" for part in self.parts() if part.ended()]

    def how_to_look(self):
        """What to type while it runs; and how it ends."""
        dev = self.folder / "dev"
        pids = " ".join(str(part.process.pid) for part in self.parts() if part.process)
        stop = self.folder / "stop"
        data = " ".join(shlex.quote(str(node.data)) for node in self.nodes)
        stop.write_text(
            f"#!/bin/sh\nkill -9 {pids}\nfor data in {data}; do kill -QUIT $(head -n 1 $data/postmaster.pid); done\n"
            f"sleep 2\nrm -rf {shlex.quote(str(self.folder))}\n",
            encoding="utf-8",
        )
        stop.chmod(0o700)
        node = self.primary() or self.nodes[0]
        return (
            f"The fleet goes on running in {self.folder}:\n"
            f"  {self.programs}/mirrorctl --config {dev}/mirrorctl.toml servers\n"
            f"  psql '{node.url('mirrors')}'\n"
            f"  patronictl -c {node.config} list\n"
            f"The sources' port is {self.port}, with {dev}/mirror-agent.toml; each part's folder has its log.\n"
            f"{stop} ends and removes it."
        )

    # --- Strikes ---

    def strike(self, strike):
        """Returns when the part is back: the moment at which it was struck."""
        if strike.what == "server stopped":
            server = self.server(strike.server)
            return self._away(strike, server.suspend, server.resume)
        if strike.what == "primary killed":
            node = self._wait_primary()
            return self._away(strike, node.kill, node.start)
        if strike.what == "primary's PostgreSQL killed":
            return self._away(strike, self._wait_primary().kill_database, lambda: None)
        if strike.what == "all standbys away":
            return self._standbys_away(strike)
        part = {"etcd restarted": self.etcd, "haproxy restarted": self.haproxy}.get(strike.what)
        part = part or self.server(strike.server)
        moment = self._away(strike, part.kill, part.start)
        part.wait_ready()
        return moment

    def _standbys_away(self, strike):
        """Nothing is committed meanwhile, and servers have no more connections than their pools may."""
        primary = self._wait_primary()
        standbys = [node for node in self.nodes if node is not primary]

        def take():
            for node in standbys:
                node.kill()

        def bring_back():
            there = f"SELECT count(*) FROM pg_stat_activity WHERE usename = '{postgres_cluster.ROLE}';"
            count = int(primary.sql("postgres", there))
            for node in standbys:
                node.start()
            if count > CONNECTIONS_MAX:
                raise Broken(f"{count} connections of servers, where {CONNECTIONS_MAX} are the most")

        return self._away(strike, take, bring_back)

    @staticmethod
    def _away(strike, take, bring_back):
        take()
        moment = time.monotonic()
        time.sleep(strike.away_s)
        bring_back()
        return moment

    def _wait_primary(self):
        wait_until(self.primary, "a primary")
        return self.primary()

    def wait_whole(self):
        """A primary, and all others follow it."""
        wait_until(self.primary, "a primary")
        count = f"SELECT count(*) = {len(self.nodes) - 1} FROM pg_stat_replication WHERE state = 'streaming';"

        def whole():
            primary = self.primary()
            try:
                return primary is not None and primary.sql("postgres", count).strip() == "t"
            except RuntimeError:
                return False

        wait_until(whole, "every standby follows the primary again", 180)
