"""Lines about followed sources: how long a change takes from its commit until a reader of the mirror sees it, how many syncs
that costs, and what a quiet source costs."""

import contextlib
import os
import random
import re
import sqlite3
import statistics
import subprocess
import time

import mariadb
import peer_rows
import postgres
from agent_lines import install
from bench_run import remove_database
from database_source_lines import source as postgres_source
from endpoint import CONTEXT, Endpoint, free_ports
from mariadb_source_lines import METADATA, load, without_password
from processes import Failed, Process, last_words, wait_until

ROWS = 1_000
LOOK_S = 0.0002  # Between two looks at the mirror.
# Between two commits: a random time, so that commits keep no step with what the agent does at fixed intervals.
PAUSE_S = (0.1, 0.4)
ARRIVES_S = 60
SYNCS_OF_A_CYCLE = 3  # The design's goal, for all processes together.
SEED = 62
SYNC_CALLS = "fsync,fdatasync,msync,sync_file_range"


class SqliteSource:
    def __init__(self, bench):
        self.where = bench.path("live.db")
        with bench.raw(self.where) as raw:
            raw.step(f"populate count={ROWS}")
        self._connection = sqlite3.connect(self.where, isolation_level=None)
        self._connection.execute("PRAGMA journal_mode = WAL")
        self._connection.execute("PRAGMA synchronous = FULL")

    def commit(self, name, contact):
        self._connection.execute("UPDATE contact_1 SET name = ? WHERE contact_id = ?", (name, contact))

    def log_bytes(self):
        return os.path.getsize(self.where + "-wal")

    def close(self):
        self._connection.close()
        remove_database(self.where)


class Client:
    """A database's own client, which stays connected and gets one statement at a time."""

    def __init__(self, command, log):
        with open(log, "wb") as errors:
            self._process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, text=True, start_new_session=True
            )
        self._log = log

    def ask(self, statement):
        """Returns the last line of the answer, when the statement has ended."""
        answer = ""
        try:
            self._process.stdin.write(f"{statement};\nSELECT 'it has ended';\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            pass
        while (line := self._process.stdout.readline().strip()) != "it has ended":
            if not line and self._process.poll() is not None:
                raise Failed(f"the database's client ended: {last_words(self._log)}")
            answer = line or answer
        return answer

    def close(self):
        self._process.stdin.close()
        self._process.wait(20)
        self._process.stdout.close()


def psql(cluster, log):
    program = str(postgres.postgres_cluster.programs() / "psql")
    return Client([program, "-X", "-q", "-A", "-t", "-d", cluster.connection()], log)


class ServerSource:
    """A source in a server, written by the server's own client."""

    def __init__(self, where, client, log_position):
        self.where, self._client, self._log_position = where, client, log_position

    def commit(self, name, contact):
        self._client.ask(f"UPDATE contact_1 SET name = '{name}' WHERE contact_id = {contact}")

    def log_bytes(self):
        return int(self._client.ask(self._log_position).split()[-1])

    def close(self):
        self._client.close()


@contextlib.contextmanager
def following(bench, name, source, prepare=lambda _: None):
    """An endpoint, and `mirror-agent run` that follows this source: both are up, and the table is mirrored."""
    with Endpoint(bench, name, source=source.where) as endpoint:
        prepare(endpoint)
        with open(endpoint.config) as text:
            if not re.search(r"(?m)^follow = true", text.read()):
                raise Failed("mirrorctl init wrote no 'follow = true' for this source")
        install(bench, endpoint)
        log = bench.path(f"{name}-agent.log")
        with Process([bench.program("mirror-agent"), "run", "--config", endpoint.config], log, stdout=subprocess.DEVNULL) as agent:
            mirror = Mirror(endpoint)
            wait_until(lambda: mirror.rows() == ROWS, "the first population", process=agent)
            source.commit("warm", 1)
            mirror.wait("warm", 1, agent)
            yield endpoint, agent, mirror
            mirror.close()


class Mirror:
    """A reader of the mirror, as a partner's program is one."""

    def __init__(self, endpoint):
        self._file = endpoint.mirror_file(CONTEXT)
        self._connection = None

    def _ask(self, statement, *values):
        if self._connection is None:
            self._connection = sqlite3.connect(f"file:{self._file}?mode=ro", uri=True)
        return self._connection.execute(statement, values).fetchone()[0]

    def rows(self):
        """None: there is no table yet."""
        try:
            return self._ask("SELECT count(*) FROM contact_1")
        except sqlite3.Error:
            self.close()
            return None

    def has(self, name, contact):
        return self._ask("SELECT name FROM contact_1 WHERE contact_id = ?", contact) == name

    def wait(self, name, contact, agent):
        wait_until(lambda: self.has(name, contact), "the change's arrival", ARRIVES_S, agent, LOOK_S)

    def close(self):
        if self._connection is not None:
            self._connection.close()
            self._connection = None


class Subscriber:
    """PostgreSQL's own subscription to the same table, with a commit that is synced."""

    def __init__(self, bench, publisher):
        self._cluster = postgres.Cluster(bench.path("live-subscriber"), {**postgres.REPLICATION, "synchronous_commit": "on"})
        self._client = None
        try:
            self._cluster.make()
            self._cluster.sql(peer_rows.create("contact_1"))
            publisher.sql("CREATE PUBLICATION live FOR TABLE contact_1")
            self._cluster.sql(
                f"CREATE SUBSCRIPTION live CONNECTION '{publisher.connection()}' PUBLICATION live "
                "WITH (synchronous_commit = 'on')"
            )
            ready = "SELECT count(*) FROM pg_subscription_rel WHERE srsubstate = 'r'"
            wait_until(lambda: self._cluster.sql(ready) == "1", "PostgreSQL's initial copy", 60)
            self._client = psql(self._cluster, bench.path("live-subscriber.log"))
        except BaseException:
            self.close()
            raise

    def has(self, name, contact):
        return self._client.ask(f"SELECT name FROM contact_1 WHERE contact_id = {contact}") == name

    def close(self):
        if self._client is not None:
            self._client.close()
        self._cluster.remove()


def latencies(source, readers, count, agent, numbers):
    """Milliseconds from commits until each reader sees them: a list for each reader."""
    found = [[] for _ in readers]
    for number in range(count):
        time.sleep(numbers.uniform(*PAUSE_S))
        name, contact = f"live {numbers.random()} {number}", numbers.randrange(1, ROWS + 1)
        source.commit(name, contact)
        committed = time.monotonic()
        waiting = set(range(len(readers)))
        while waiting:
            for one in list(waiting):
                if readers[one].has(name, contact):
                    found[one].append((time.monotonic() - committed) * 1000)
                    waiting.discard(one)
            if time.monotonic() - committed > ARRIVES_S or not agent.running():
                raise Failed(f"a change did not arrive within {ARRIVES_S} s: {last_words(agent.log)}")
            time.sleep(LOOK_S)
    return found


def p99(values):
    return statistics.quantiles(values, n=100, method="inclusive")[98]


def sync_ms(bench):
    """This disk's fdatasync of 4 KB, now."""
    file = bench.path("live-sync.db")
    with bench.raw(file) as raw:
        found = raw.step("sync count=200")["p50_us"] / 1000
    remove_database(file)
    return found


def measure(bench, kind, source, endpoint_agent_mirror, subscriber=None):
    endpoint, agent, mirror = endpoint_agent_mirror
    numbers = random.Random(SEED)
    count = bench.size(100, 30)
    readers = [mirror] + ([subscriber] if subscriber else [])
    for _ in bench.turns(f"{count} commits in a followed source of kind {kind}"):
        sync = sync_ms(bench)
        found = latencies(source, readers, count, agent, numbers)
        p50 = statistics.median(found[0])
        bench.result(f"live-{kind}").add(p50 - SYNCS_OF_A_CYCLE * sync, p50, sync)
        bench.result(f"live-{kind}").more.update(p50_ms=p50, p99_ms=p99(found[0]), sync_ms=sync)
        bench.result(f"live-{kind}-p99").add(p99(found[0]) / p50, p99(found[0]), p50)
        if subscriber:
            theirs = statistics.median(found[1])
            bench.result("live-ratio").add(p50 / theirs, p50, theirs)
        bench.result(f"live-{kind}-syncs").add(syncs(bench, source, endpoint, agent, mirror, numbers))
        idle(bench, kind, source, endpoint, agent)


def syncs(bench, source, endpoint, agent, mirror, numbers):
    """Syncs of agent and server for each change that was sent alone."""
    count = bench.size(40, 20)
    trace = bench.path("live.strace")
    command = ["strace", "-f", "-qq", "-e", f"trace={SYNC_CALLS}", "-o", trace, "-p", str(agent.pid), "-p", str(endpoint.pid)]
    log = bench.path("strace.log")
    with Process(command, log) as tracer:
        wait_until(lambda: traced(agent.pid) and traced(endpoint.pid), "strace's attachment", process=tracer)
        latencies(source, [mirror], count, agent, numbers)
    with open(trace) as lines:
        return sum(re.search(rf"\b({SYNC_CALLS.replace(',', '|')})\(", line) is not None for line in lines) / count


def traced(pid):
    with open(f"/proc/{pid}/status") as status:
        return re.search(r"TracerPid:\t0\n", status.read()) is None


def processor_seconds(pid):
    with open(f"/proc/{pid}/stat") as stat:
        words = stat.read().rpartition(")")[2].split()
    return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")


def idle(bench, kind, source, endpoint, agent):
    seconds = bench.size(30, 10)
    pids = (agent.pid, endpoint.pid)
    time.sleep(2)  # What the last commit caused has ended.
    log, before = source.log_bytes(), sum(map(processor_seconds, pids))
    time.sleep(seconds)
    after = sum(map(processor_seconds, pids))
    bench.result(f"live-{kind}-idle").add((after - before) * 60 / seconds)
    bench.result(f"live-{kind}-idle").more["log_bytes"] = source.log_bytes() - log


def sqlite(bench):
    source = SqliteSource(bench)
    try:
        with following(bench, "live", source) as followed:
            measure(bench, "sqlite", source, followed)
    finally:
        source.close()


def from_postgres(bench):
    with postgres_source(bench, ROWS) as cluster:
        subscriber = Subscriber(bench, cluster) if bench.wants("live-ratio") else None
        source = ServerSource(
            cluster.connection(), psql(cluster, bench.path("live-psql.log")),
            "SELECT pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')",
        )  # fmt: skip
        try:
            with following(bench, "live", source) as followed:
                measure(bench, "postgres", source, followed, subscriber)
        finally:
            source.close()
            if subscriber:
                subscriber.close()


def from_mariadb(bench):
    server = mariadb.Server(bench.path("source"), 1, free_ports()[0], METADATA)
    try:
        load(bench, server, ROWS)
        client = ["mariadb", "--no-defaults", f"--socket={server.socket}", "-uroot", "-N", "-B", "-q", "-n", "bench"]
        source = ServerSource(
            f"mariadb://root@127.0.0.1:{server.port}/bench?tls=off", Client(client, bench.path("live-mariadb.log")),
            "SELECT variable_value FROM information_schema.global_status WHERE variable_name = 'BINLOG_BYTES_WRITTEN'",
        )  # fmt: skip
        try:
            with following(bench, "live", source, without_password) as followed:
                measure(bench, "mariadb", source, followed)
        finally:
            source.close()
    finally:
        server.stop()


GROUPS = {"live-sqlite": sqlite, "live-postgres": from_postgres, "live-mariadb": from_mariadb}
