"""Several mirror-servers over one control database, with an agent and its source: the programs as they are built."""

import atexit
import importlib.util
import itertools
import json
import os
import pathlib
import random
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
import unittest

import postgres_cluster
import postgres_mirror
import random_changes
from balancer import Balancer

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "python"))
import sanitizer_words  # noqa: E402

CONTEXT = "Cust"
START_S = 60  # A server with sanitizers, beside a build.
STOP_S = 60
COMMAND_S = 180
BEGUN_S = 60
SMALL_BATCHES = {"MIRROR_AGENT_BATCH_BYTES": "1000", "MIRROR_AGENT_WINDOW": "2"}
OF_A_CYCLE = 15_000  # Bytes, by which the first batches are at the server.
READY = re.compile(r"mirror-server ready: sources on 127\.0\.0\.1:(\d+), admin on 127\.0\.0\.1:(\d+)\n")

_spec = importlib.util.spec_from_file_location("compare_databases", ROOT / "tools/compare_databases.py")
compare_databases = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(compare_databases)


def wait_for(what, look, within_s):
    """What `look` gives, once it is something."""
    deadline = time.monotonic() + within_s
    while not (found := look()):
        if time.monotonic() > deadline:
            raise AssertionError(f"{what}: not within {within_s} s")
        time.sleep(0.02)
    return found


def dice():
    """Of a random test; printed."""
    seed = int(os.environ.get("MIRROR_TEST_SEED") or random.SystemRandom().randrange(1 << 32))
    print(f"MIRROR_TEST_SEED={seed}", flush=True)
    return random.Random(seed)


# As Ctrl-C, so that nothing is left behind.
signal.signal(signal.SIGTERM, signal.default_int_handler)


class OfModule:
    """The PostgreSQL that all tests of a file share, with a database for each."""

    cluster = None
    numbers = itertools.count(1)


def need_postgres():
    """Or skips."""
    try:
        postgres_cluster.programs()
    except postgres_cluster.Missing as missing:
        raise unittest.SkipTest(str(missing)) from None


def remove_folder(folder):
    shutil.rmtree(folder, ignore_errors=True)


def at_end(test, undo):
    """Of the test; or of the program, when it is interrupted."""
    test.addCleanup(undo)
    atexit.register(undo)


def start_cluster():
    need_postgres()
    OfModule.cluster = postgres_cluster.Cluster(postgres_cluster.fast_folder("many-servers-") / "postgres")
    atexit.register(remove_cluster)
    OfModule.cluster.make()


def remove_cluster():
    OfModule.cluster.remove()
    remove_folder(OfModule.cluster.folder.parent)


def make_database():
    return OfModule.cluster.make_database(f"mirrors_{next(OfModule.numbers)}")


def install(test, bin_dir, count, url=None, balancer=Balancer, people=400, **more):
    """Servers over a database of the test's own, before them a balancer, and a source that is not mirrored yet. Until
    the test ends."""
    here = Installation(bin_dir, count, url or make_database(), **more)
    at_end(test, here.close)
    here.start()
    here.balancer = balancer(here.ports)
    test.addCleanup(here.balancer.close)
    here.point_agent(here.balancer.address)
    here.sql(random_changes.TABLES, random_changes.fill(people))
    here.run("mirror-agent", "install", "--config", here.dev / "mirror-agent.toml")
    return here


def database_of(url):
    return url.split("?")[0].rsplit("/", 1)[1]


def rounds(default):
    return int(os.environ.get("MIRROR_TEST_ROUNDS") or default)


def set_key(path, key, value):
    """Wherever it stands in a configuration."""
    path.write_text(re.sub(rf"^{key} = .*", f"{key} = {value}", path.read_text(), flags=re.MULTILINE))


class Server:
    """One of several; its folder and log are its own."""

    def __init__(self, program, config, ctl):
        self.program, self.config, self.ctl_config = program, config, ctl
        self.out = config.with_suffix(".out")
        self.process = self.port = self.admin_port = None

    def start(self):
        with self.out.open("wb") as out:
            self.process = subprocess.Popen([self.program, "--config", self.config], stdout=out, stderr=out)
        ready = wait_for("the server's ready line", self.ready, START_S)
        self.port, self.admin_port = map(int, ready.groups())
        set_key(self.ctl_config, "address", f'"127.0.0.1:{self.admin_port}"')

    def ready(self):
        text = self.out.read_text(errors="replace")
        assert self.process.poll() is None, f"the server ended: {text}"
        return READY.search(text)

    def signal(self, number):
        self.process.send_signal(number)

    def kill(self):
        if self.process is not None:
            self.process.kill()
            self.reap()

    def stop(self):
        """SIGTERM; the exit code."""
        if self.process is None:
            return 0
        self.process.terminate()
        return self.reap()

    def reap(self):
        try:
            return self.process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise AssertionError(f"the server does not end: {self.out.read_text()[-3000:]}") from None
        finally:
            self.process = self.port = self.admin_port = None
            sanitizer_words.check_file(self.out)


class Installation:
    """`control` and `place` are connection strings of libpq; those of the mirror's readers are `url`."""

    def __init__(self, bin_dir, count, url, control=None, place=None, durability="local", tls=True):
        self.bin_dir, self.url = bin_dir, url
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="many-servers-"))
        self.dev = self.folder / "dev"
        self.source = self.folder / "source.db"
        self.agents, self.balancer = [], None
        with sqlite3.connect(self.source) as source:
            source.execute("PRAGMA journal_mode = WAL")
        source.close()
        self.run("mirrorctl", "init", "--dir", self.dev, "--context-id", CONTEXT, "--source", self.source,
                 "--metrics-port", 0, "--store", "postgres", "--postgres", url)  # fmt: skip
        text = (self.dev / "mirror-server.toml").read_text()
        changes = {
            r"^port = \d+": "port = 0",
            r"^control = .*": f'control = "{control or url}"',
            r"^conninfo = .*": f'conninfo = "{place or url}"',
            r"^durability = .*": f'durability = "{durability}"',
            r"^plaintext = .*": f"plaintext = {'false' if tls else 'true'}",
        }
        for pattern, line in changes.items():
            text = re.sub(pattern, line, text, flags=re.MULTILINE)
        self.servers = [self.make_server(number, text) for number in range(count)]
        self.set_agent("plaintext", "false" if tls else "true")

    def make_server(self, number, text):
        config, ctl = self.dev / f"server-{number}.toml", self.dev / f"ctl-{number}.toml"
        config.write_text(text.replace('dir = "data"', f'dir = "data-{number}"'))
        shutil.copy(self.dev / "mirrorctl.toml", ctl)
        return Server(self.bin_dir / "mirror-server", config, ctl)

    def start(self):
        for server in self.servers:
            server.start()
        return self

    def close(self):
        try:
            for agent in self.agents:
                if agent.poll() is None:
                    agent.kill()
                    agent.wait()
            for server in self.servers:
                if server.process is not None:
                    server.signal(signal.SIGCONT)
                server.kill()
        finally:
            shutil.rmtree(self.folder, ignore_errors=True)

    def ports(self):
        return [server.port for server in self.servers]

    # --- Programs ---

    def run(self, program, *arguments, check=True, env=None):
        done = subprocess.run(
            [self.bin_dir / program, *map(str, arguments)], stdin=subprocess.DEVNULL, capture_output=True, text=True,
            env={**os.environ, **(env or {})}, timeout=COMMAND_S, check=False,
        )  # fmt: skip
        sanitizer_words.check(done.stderr)
        done.stderr = re.sub(r"\n +", " ", done.stderr)
        if check:
            assert done.returncode == 0, f"{program} {arguments}: {done.returncode} {done.stdout[-1000:]} {done.stderr}"
        return done

    def ctl(self, number, *arguments, check=True):
        """At one server's admin door."""
        return self.run("mirrorctl", "--config", self.servers[number].ctl_config, *arguments, check=check)

    def events(self, number=0):
        """(kind, message) of all, oldest first."""
        return [(one["kind"], one["message"]) for one in json.loads(self.ctl(number, "events", "--json").stdout)]

    def kinds(self):
        return [kind for kind, _ in self.events(self.alive())]

    def set_agent(self, key, value):
        set_key(self.dev / "mirror-agent.toml", key, value)

    def point_agent(self, address):
        """At a balancer, or at one server by its number."""
        if isinstance(address, int):
            address = f"127.0.0.1:{self.servers[address].port}"
        self.set_agent("address", f'"{address}"')

    def agent(self, *arguments):
        config = self.dev / "mirror-agent.toml"
        return self.run("mirror-agent", *arguments, "--config", config, check=False, env=SMALL_BATCHES)

    def begin_cycle(self):
        """A run of the agent that has sent rows of `people`, and has more of them, which wait in the balancer: the
        agent and the number of its server."""
        self.balancer.most = OF_A_CYCLE
        before = self.position("people", "cycle")
        agent = self.begin_agent("once", "--json")
        begun = lambda: self.position("people", "cycle") != before and self.position("people", "seq") > 5
        wait_for("batches of a cycle", begun, BEGUN_S)
        return agent, self.balancer.served[-1]

    def let_go(self):
        self.balancer.most = None

    def begin_agent(self, *arguments):
        """Runs beside the test."""
        agent = subprocess.Popen(
            [self.bin_dir / "mirror-agent", *arguments, "--config", self.dev / "mirror-agent.toml"],
            env={**os.environ, **SMALL_BATCHES},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        self.agents.append(agent)
        return agent

    @staticmethod
    def said_by(agent, within_s):
        """By one that runs beside, until its end."""
        return agent.communicate(timeout=within_s)[0]

    def cycles(self, within_s):
        """Runs of the agent until one does all: what that one said."""
        deadline = time.monotonic() + within_s
        while (last := self.agent("once", "--json")).returncode != 0:
            told = f"no cycle succeeds in {within_s} s: {last.stdout[-2000:]} {last.stderr[-2000:]}"
            assert time.monotonic() < deadline, told
        return json.loads(last.stdout)["sources"][0]

    # --- Databases ---

    def sql(self, *statements):
        source = sqlite3.connect(self.source, timeout=30, isolation_level=None)
        try:
            for statement in statements:
                source.executescript(statement)
        finally:
            source.close()

    def psql(self, script):
        return postgres_cluster.psql(self.url, script).strip()

    def position(self, table, column):
        """-1: there is no mirror yet, or not of this table."""
        try:
            metadata = f'"Mirror_{CONTEXT}"."{CONTEXT}_mirroring"'
            found = self.psql(f"SELECT {column} FROM {metadata} WHERE table_key = '{table}';")
        except RuntimeError:
            return -1
        return int(found or -1)

    def lsn(self, table):
        return self.position(table, "lsn")

    def populated(self, table):
        """How often all of its rows were sent."""
        begun = [message for kind, message in self.events(self.alive()) if kind == "table.populating"]
        return sum(f"table '{table}'" in message for message in begun)

    def alive(self):
        return next(number for number, server in enumerate(self.servers) if server.process is not None)

    def differences(self):
        """Between source and mirror, row by row, read without any server; empty: they are equal."""
        with tempfile.TemporaryDirectory(dir=self.folder) as folder:
            copy = pathlib.Path(folder) / "copy.db"
            if not postgres_mirror.read(self.url, CONTEXT, copy):
                return ["there is no mirror"]
            source, mirror = map(compare_databases.open_read_only, (self.source, copy))
            try:
                tables = compare_databases.tables_of(source)
                results = [compare_databases.compare(source, mirror, table) for table in tables]
                return [f"{one.table}: {note}" for one in results for note in one.notes]
            finally:
                source.close()
                mirror.close()

    def check_equal(self):
        """By psql, and by the agent's own comparison and its receipts."""
        wrong = self.differences()
        assert not wrong, f"the mirror differs: {wrong}"
        for words in (("verify",), ("receipts", "verify")):
            done = self.agent(*words)
            assert done.returncode == 0, f"{words}: {done.stdout[-2000:]} {done.stderr[-2000:]}"
