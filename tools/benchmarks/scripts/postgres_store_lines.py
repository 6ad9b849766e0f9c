"""Lines about mirrors in PostgreSQL, against what a program reaches that writes into it directly, and against
PostgreSQL's own replication."""

import concurrent.futures
import json
import statistics

import peer_rows
import postgres
from endpoint import Endpoint
from peer_lines import in_use
from postgres_endpoint import PostgresEndpoint, mirrors_cluster
from processes import run

BLOCKS = 4  # As of the pushes into SQLite.
CONTENTS = "SELECT count(*), sum(hashtextextended(t::text, 0)) FROM contact_1 t"
PROCESSORS = "0"  # Of all servers together; clients and PostgreSQL run where they like.
CLIENTS = 2


class Timed:
    """Steps of one side, each from a checkpoint on: rows a second, and bytes of PostgreSQL's log."""

    def __init__(self, cluster, steps):
        self.cluster, self.steps, self.log = cluster, steps, 0

    def rate(self, step):
        # pg_stat_wal has what sessions have told so far, up to 10 s late; the position is exact.
        begin = self.cluster.sql("CHECKPOINT", "SELECT pg_current_wal_insert_lsn()")
        rate = self.steps.rate(step)
        self.log = int(self.cluster.sql(f"SELECT pg_current_wal_insert_lsn() - '{begin}'"))
        return rate


def bulk(bench):
    rows = bench.size(1_000_000, 200_000)
    with mirrors_cluster(bench) as cluster, PostgresEndpoint(bench, "bulk", cluster) as endpoint:
        with bench.copy(cluster.connection()) as steps:
            copy = Timed(cluster, steps)
            _round(bench, 0, rows // 20, endpoint, copy)  # Both are warm then; nothing of it counts.
            for turn in bench.turns(f"populations, upserts and digests of {rows:,} rows in PostgreSQL"):
                rates, logs, digests = _round(bench, turn, rows, endpoint, copy)
                for line, of_both in rates.items():
                    bench.result(line).add_rates(*of_both)
                    bench.result(line).more["log_bytes"], bench.result(line).more["reference_log_bytes"] = logs[line]
                mirror, rewrite = logs["pg-repopulation"]
                bench.result("pg-repopulation-log").add(mirror / rewrite, mirror / 1e6, rewrite / 1e6)
                bench.result("pg-digest").add(digests / 1e6)


def _round(bench, turn, rows, endpoint, copy):
    """Rates of mirror and reference for each line, what both wrote into PostgreSQL's log, and the digests' rate."""
    tenant = endpoint.new_tenant()
    rates, logs = {}, {}
    with endpoint.steps(tenant) as steps:
        mirror = Timed(copy.cluster, steps)

        def pair(line, step):
            for side in (mirror, copy) if turn % 2 else (copy, mirror):
                rates.setdefault(line, {})[side] = side.rate(step)
            rates[line] = rates[line][mirror], rates[line][copy]
            logs[line] = mirror.log, copy.log
            bench.same([line], endpoint.ask(tenant, CONTENTS), copy.cluster.sql(CONTENTS).split("|"))

        # Schema and table are made before the time begins, as the reference's table is.
        steps.step("populate count=0")
        pair("pg-population", f"populate count={rows}")
        steps.step(f"upsert count={rows} pick={rows // 100} version=1")
        pair("pg-repopulation", f"populate count={rows}")
        pair("pg-upsert", f"upsert count={rows} version=2")
        return rates, logs, mirror.rate("digest")


def replication(bench):
    rows = bench.size(500_000, 100_000)
    with postgres.Replication(bench, rows) as peer, mirrors_cluster(bench) as cluster:
        with PostgresEndpoint(bench, "replication", cluster) as endpoint:
            for _ in bench.turns(f"PostgreSQL's replication and mirrors in PostgreSQL, {rows:,} rows"):
                tenant = endpoint.new_tenant()
                with in_use(endpoint, tenant) as mirror:
                    peer.copy()
                    for line, timed, step in (
                        ("pg-logical-insert", peer.insert, f"insert count={rows}"),
                        ("pg-logical-update", peer.update, f"upsert count={rows} version={peer_rows.NEW}"),
                    ):
                        reference = timed()
                        cluster.sql("CHECKPOINT")
                        bench.result(line).add_rates(mirror.rate(step), reference)
                    totals = tuple(int(word) for word in endpoint.ask(tenant, peer_rows.TOTALS))
                    bench.same(["pg-logical"], totals, peer.totals())
                peer.reset()


def pushes(bench):
    part = bench.size(4_000, 1_000) // BLOCKS
    result = bench.result("pg-push-p50")
    with mirrors_cluster(bench) as cluster, Endpoint(bench, "sqlite-pushes") as sqlite:
        with PostgresEndpoint(bench, "pushes", cluster) as endpoint, bench.copy(cluster.connection()) as flushes:
            for turn in bench.turns(f"{part * BLOCKS} one-row pushes into PostgreSQL and into SQLite"):
                sides = sqlite.steps(sqlite.new_tenant()), endpoint.steps(endpoint.new_tenant())
                with bench.raw(bench.path("pushes.db")) as raw, sides[0] as in_sqlite, sides[1] as in_postgres:
                    times = {}
                    for mirror in sides:
                        mirror.step("populate count=10000")
                        mirror.step(f"push count={part // 4}")
                    for block in range(BLOCKS):
                        push = f"push count={part} version={10 * turn + block}"
                        for name, side, step in (
                            ("sync_us", raw, f"sync count={part}"),
                            ("sqlite_push_us", in_sqlite, push),
                            ("flush_us", flushes, f"sync count={part}"),
                            ("push_us", in_postgres, push),
                        ):
                            times.setdefault(name, []).append(side.step(step)["p50_us"])
                p50 = {name: statistics.median(each) for name, each in times.items()}
                allowed = p50["flush_us"] + p50["sqlite_push_us"] - p50["sync_us"]
                result.add(p50["push_us"] - allowed, p50["push_us"], allowed)
                result.more.update(p50)
    result.note = ", ".join(f"{name[:-3].replace('_', ' ')} {us:,.0f} us" for name, us in p50.items())


def _cycles(bench, configs, tenants, cycles):
    """Cycles a second of all clients, each with tenants of its own, at one server or another."""

    def client(number):
        command = [bench.program("mirror-harness"), "cycle", "--config", configs[number % len(configs)], "--json"]
        command += ["--context-id", f"Bench-c{number}", "--tenants", tenants // CLIENTS, "--cycles", cycles]
        command += ["--rows", 100, "--changes", 10, "--clients", 1]
        return json.loads(run([*map(str, command)], timeout=3600))["cycles_per_s"]

    with concurrent.futures.ThreadPoolExecutor(CLIENTS) as pool:
        return sum(pool.map(client, range(CLIENTS)))


def servers(bench):
    many, cycles = bench.size((1_000, 3), (100, 3))
    with mirrors_cluster(bench) as cluster, PostgresEndpoint(bench, "servers", cluster, PROCESSORS) as endpoint:
        both = [endpoint.config, endpoint.second_config]
        _cycles(bench, both[:1], many, 0)  # The mirrors are made.
        for turn in bench.turns(f"{cycles} cycles of 10 rows on each of {many:,} tenants, at one server and at two"):
            rates = {}
            for configs in (both, both[:1]) if turn % 2 else (both[:1], both):
                endpoint.stop()
                endpoint.start()
                if len(configs) == 2:
                    endpoint.start_second()
                rates[len(configs)] = _cycles(bench, configs, many, cycles)
            bench.result("pg-servers").add_rates(rates[2], rates[1])


GROUPS = {"pg-bulk": bulk, "pg-logical": replication, "pg-pushes": pushes, "pg-servers": servers}
