"""The parts of a fleet: etcd, PostgreSQL under Patroni, haproxy, mirror-server. Each is a process that is started,
killed and started again."""

import http.client
import json
import os
import pathlib
import signal
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "support"))

import postgres_cluster  # noqa: E402

START_S, STOP_S = 90, 20


class Broken(Exception):
    """What does not start, or does not go on."""


def wait_until(true, what, seconds=START_S):
    deadline = time.monotonic() + seconds
    while not true():
        if time.monotonic() > deadline:
            raise Broken(f"{what}: not within {seconds} s")
        time.sleep(0.1)


def answers(port, path):
    """The status of an answer over HTTP; 0: there is none."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
    try:
        connection.request("GET", path)
        return connection.getresponse().status
    except (OSError, http.client.HTTPException):
        return 0
    finally:
        connection.close()


class Part:
    """`account`: who runs it, as subprocess takes it; empty: whoever runs this."""

    def __init__(self, name, folder, account):
        self.name = name
        self.folder = pathlib.Path(folder)
        self.account = account
        self.process = None
        self.folder.mkdir(mode=0o700)
        if account:
            os.chown(self.folder, account["user"], account["group"])

    def command(self):
        raise NotImplementedError

    def is_ready(self):
        raise NotImplementedError

    def write(self, name, text):
        path = self.folder / name
        path.write_text(text, encoding="utf-8")
        path.chmod(0o600)
        if self.account:
            os.chown(path, self.account["user"], self.account["group"])
        return path

    @property
    def log(self):
        return self.folder / "log"

    def last_words(self):
        return self.log.read_text(encoding="utf-8", errors="replace")[-2000:] if self.log.exists() else ""

    def start(self):
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                self.command(), cwd="/", env=postgres_cluster.environment(), stdin=subprocess.DEVNULL, stdout=log,
                stderr=log, start_new_session=True, **self.account,
            )  # fmt: skip

    def wait_ready(self):
        def ready():
            if self.process.poll() is not None:
                raise Broken(f"{self.name} ended: {self.last_words()}")
            return self.is_ready()

        try:
            wait_until(ready, f"{self.name} is ready")
        except Broken as error:
            raise Broken(f"{error}\n{self.last_words()}") from None

    def kill(self):
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def end(self):
        """Nothing of it is needed any more."""
        self.kill()

    def signal(self, number):
        self.process.send_signal(number)

    def ended(self):
        """Without that anybody killed it."""
        return self.process is not None and self.process.poll() is not None


class Etcd(Part):
    def __init__(self, folder, account, port, peer_port):
        super().__init__("etcd", folder, account)
        self.port, self.peer_port = port, peer_port

    def command(self):
        here, peers = f"http://127.0.0.1:{self.port}", f"http://127.0.0.1:{self.peer_port}"
        return [
            "etcd", "--name", "etcd", "--data-dir", self.folder / "data", "--listen-client-urls", here,
            "--advertise-client-urls", here, "--listen-peer-urls", peers, "--initial-advertise-peer-urls", peers,
            "--initial-cluster", f"etcd={peers}", "--logger", "zap", "--log-outputs", "stderr",
        ]  # fmt: skip

    def is_ready(self):
        return answers(self.port, "/health") == 200


class Node(Part):
    """A PostgreSQL, and the Patroni that keeps it."""

    def __init__(self, name, folder, account, ports, config):
        """`config`: what all have in common."""
        super().__init__(name, folder, account)
        self.port, self.rest_port = ports
        self.data = self.folder / "data"
        own = {"listen": f"127.0.0.1:{self.port}", "connect_address": f"127.0.0.1:{self.port}"}
        own |= {"data_dir": str(self.data), "pgpass": str(self.folder / "pgpass")}
        own["parameters"] = {"unix_socket_directories": str(self.folder)}
        rest = {"listen": f"127.0.0.1:{self.rest_port}", "connect_address": f"127.0.0.1:{self.rest_port}"}
        whole = config | {"name": name, "restapi": rest, "postgresql": config["postgresql"] | own}
        self.config = self.write("patroni.yml", json.dumps(whole, indent=2))  # Which is YAML, too.

    def command(self):
        return ["patroni", self.config]

    def is_ready(self):
        return answers(self.rest_port, "/health") == 200

    def is_primary(self):
        return answers(self.rest_port, "/primary") == 200

    def is_synchronous(self):
        return answers(self.rest_port, "/synchronous") == 200

    def url(self, database):
        """For its superuser, by the socket in its folder."""
        return f"host={self.folder} port={self.port} dbname={database} user={postgres_cluster.SUPERUSER}"

    def sql(self, database, script):
        return postgres_cluster.psql(self.url(database), script)

    def kill_database(self):
        postgres_cluster.kill_server(self.data, self.folder)

    def kill(self):
        """All of the machine: nobody is left to start PostgreSQL again."""
        super().kill()
        if (self.data / "postmaster.pid").exists():
            self.kill_database()

    def end(self):
        Part.kill(self)
        parent = postgres_cluster.process_of(self.data)
        if postgres_cluster.is_there(parent):
            os.kill(parent, signal.SIGQUIT)
            wait_until(lambda: not postgres_cluster.is_there(parent), f"{self.name} ends", STOP_S)


class Haproxy(Part):
    """A plain TCP balancer: of a server that says nothing it takes the connections away."""

    def __init__(self, folder, account, port, servers):
        """`servers`: the name of each, its port, and that of its metrics."""
        super().__init__("haproxy", folder, account)
        self.port = port
        lines = [f"  server {name} 127.0.0.1:{at} check port {health}" for name, at, health in servers]
        text = (ROOT / "tests/fleet/haproxy.cfg").read_text(encoding="utf-8")
        self.config = self.write("haproxy.cfg", text.replace("PORT", str(port)) + "\n".join(lines) + "\n")

    def command(self):
        return ["/usr/sbin/haproxy", "-db", "-f", self.config]

    def is_ready(self):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=1)
        try:
            connection.connect()
            return True
        except OSError:
            return False
        finally:
            connection.close()


class Server(Part):
    def __init__(self, name, folder, program, config, metrics_port):
        super().__init__(name, folder, {})
        self.program, self.config, self.metrics_port = program, config, metrics_port

    def command(self):
        return [self.program, "--config", self.config]

    def is_ready(self):
        return answers(self.metrics_port, "/healthz") == 200

    def memory_mb(self):
        """At most, until now."""
        try:
            status = pathlib.Path(f"/proc/{self.process.pid}/status").read_text(encoding="utf-8")
        except (AttributeError, OSError):
            return 0
        return next((int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM")), 0) // 1024

    def suspend(self):
        self.signal(signal.SIGSTOP)

    def resume(self):
        self.signal(signal.SIGCONT)
