"""Lines against other ways to carry rows from one database to another."""

import os
import sqlite3
import time

import mariadb
import peer_rows
import postgres
from bench_run import remove_database
from endpoint import Endpoint, contents
from processes import Steps, run


def in_use(endpoint, tenant):
    """A tenant whose table is there and is not new."""
    mirror = endpoint.steps(tenant)
    mirror.step("populate count=0")
    return mirror


def _mirror_totals(endpoint, tenant):
    database = sqlite3.connect(f"file:{endpoint.mirror_file(tenant)}?mode=ro", uri=True)
    try:
        return database.execute(peer_rows.TOTALS).fetchone()
    finally:
        database.close()


def sqlite_import(bench):
    rows = bench.size(2_000_000, 500_000)
    csv = peer_rows.export(bench, "rows.csv", rows, "csv")
    file = bench.path("import.db")
    with Endpoint(bench, "import") as endpoint:
        for _ in bench.turns(f"sqlite3 .import of {rows:,} rows"):
            endpoint.fresh()
            with bench.raw(file) as raw:
                raw.step("populate count=0")
            settings = "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL"
            start = time.monotonic()
            run(["sqlite3", file, settings, ".mode csv", f".import {csv} contact_1"])
            reference = rows / (time.monotonic() - start)
            tenant = endpoint.new_tenant()
            with endpoint.steps(tenant) as mirror:
                mirror.step(f"populate count={rows} version=1")
                bench.result("sqlite-import").add_rates(mirror.rate(f"populate count={rows}"), reference)
            bench.same(["sqlite-import"], contents(endpoint.mirror_file(tenant)), contents(file))
    remove_database(file)
    os.unlink(csv)


def changesets(bench):
    rows = bench.size(500_000, 200_000)
    folder = bench.path("changesets")
    os.mkdir(folder)
    command = [bench.program("mirror-bench"), "changesets", "--folder", folder]
    with Endpoint(bench, "changeset") as endpoint:
        for _ in bench.turns(f"changesets of {rows:,} rows"):
            endpoint.fresh()
            tenant = endpoint.new_tenant()
            with Steps(command, bench.path("changesets.log")) as reference, in_use(endpoint, tenant) as mirror:
                for line, verb in (("changeset-insert", "insert"), ("changeset-update", "upsert")):
                    step = f"{verb} count={rows} version={int(verb == 'upsert')}"
                    slow = reference.rate(step)
                    bench.result(line).add_rates(mirror.rate(step), slow)
                    bench.same([line], contents(endpoint.mirror_file(tenant)), contents(folder + "/receiver.db"))


def _streamed(bench, name, replication, rows):
    """What both replications have in common; `replication` is running."""
    with Endpoint(bench, name + "-mirror") as endpoint:
        for _ in bench.turns(f"{name}, {rows:,} rows"):
            endpoint.fresh()
            tenant = endpoint.new_tenant()
            with in_use(endpoint, tenant) as mirror:
                if hasattr(replication, "copy"):
                    reference = replication.copy()
                    bench.result(f"{name}-copy").add_rates(mirror.rate(f"populate count={rows}"), reference)
                    mirror.step("populate count=0")
                reference = replication.insert()
                bench.result(f"{name}-insert").add_rates(mirror.rate(f"insert count={rows}"), reference)
                reference = replication.update()
                bench.result(f"{name}-update").add_rates(mirror.rate(f"upsert count={rows} version=1"), reference)
                bench.same([name], _mirror_totals(endpoint, tenant), replication.totals())
            replication.reset()


def with_postgres(bench):
    rows = bench.size(500_000, 100_000)
    with postgres.Replication(bench, rows) as replication:
        _streamed(bench, "postgres", replication, rows)


def with_mariadb(bench):
    rows = bench.size(500_000, 100_000)
    with mariadb.Replication(bench, rows) as replication:
        _streamed(bench, "mariadb", replication, rows)


GROUPS = {"import": sqlite_import, "changesets": changesets, "postgres": with_postgres, "mariadb": with_mariadb}
