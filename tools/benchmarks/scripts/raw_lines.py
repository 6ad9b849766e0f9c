"""Lines against the plain SQLite loop: what a program does that writes the rows itself."""

import shutil

from bench_run import remove_database
from endpoint import Endpoint, contents


def _compare(bench, line, raw, mirror, step, mirror_step=None):
    """Both sides of one line, one after the other; who begins does not matter to either."""
    reference = raw.rate(step)
    bench.result(line).add_rates(mirror.rate(mirror_step or step), reference)
    return reference


def bulk(bench):
    rows = bench.size(2_000_000, 500_000)
    everything = f"count={rows}"
    file = bench.path("raw.db")
    # As an operator has it, but that the breaker lets all rows of a table go.
    with Endpoint(bench, "bulk", as_made=True, settings=[("rows_percent", 100)]) as endpoint:
        for _ in bench.turns(f"populations, upserts, updates, deletes of {rows:,} rows"):
            endpoint.fresh()
            tenant = endpoint.new_tenant()
            with bench.raw(file) as raw, endpoint.steps(tenant) as mirror, bench.store(bench.path("store")) as store:
                a1 = _compare(bench, "first-population", raw, mirror, f"populate {everything}")
                again = mirror.rate(f"populate {everything} version=1")
                bench.result("repopulation").add_rates(again, raw.rate(f"populate {everything} version=1"))
                if bench.wants("repopulation-in-process"):
                    store.rate(f"populate {everything}")
                    inside = store.rate(f"populate {everything} version=1")
                    again = mirror.rate(f"populate {everything} version=1")
                    bench.result("repopulation-in-process").add_rates(again, inside)
                if bench.wants("upsert"):
                    _compare(bench, "upsert", raw, mirror, f"upsert {everything} version=2")
                if bench.wants("update"):
                    _compare(bench, "update", raw, mirror, f"update {everything} version=3")
                bench.same(["upsert", "update"], contents(endpoint.mirror_file(tenant)), contents(file))
                if bench.wants("delete"):
                    _compare(bench, "delete", raw, mirror, f"delete {everything}")
                    bench.same(["delete"], contents(endpoint.mirror_file(tenant)), contents(file))
                bench.a1 = a1
            shutil.rmtree(bench.path("store"))
    remove_database(file)


def composite(bench):
    rows = bench.size(2_000_000, 500_000)
    file = bench.path("raw.db")
    with Endpoint(bench, "composite") as endpoint:
        for _ in bench.turns(f"composite keys, {rows:,} rows"):
            endpoint.fresh()
            tenant = endpoint.new_tenant()
            key = ("--key", "composite")
            with bench.raw(file, *key) as raw, endpoint.steps(tenant, *key) as mirror:
                for side in (raw, mirror):
                    side.step(f"populate count={rows}")
                _compare(bench, "update-composite", raw, mirror, f"update count={rows} version=1")
                bench.same(["update-composite"], contents(endpoint.mirror_file(tenant)), contents(file))
                _compare(bench, "delete-composite", raw, mirror, f"delete count={rows}")
                bench.same(["delete-composite"], contents(endpoint.mirror_file(tenant)), contents(file))
    remove_database(file)


def spread(bench):
    rows, some = bench.size((2_000_000, 200_000), (500_000, 50_000))
    file = bench.path("raw.db")
    with Endpoint(bench, "spread") as endpoint:
        for _ in bench.turns(f"keys of a batch spread over {rows:,} rows"):
            endpoint.fresh()
            tenant = endpoint.new_tenant()
            with bench.raw(file) as raw, endpoint.steps(tenant) as mirror:
                for side in (raw, mirror):
                    side.step(f"populate count={rows}")
                which = f"count={rows} pick={some} order=spread"
                _compare(bench, "update-spread", raw, mirror, f"update {which} version=1")
                bench.same(["update-spread"], contents(endpoint.mirror_file(tenant)), contents(file))
                _compare(bench, "delete-spread", raw, mirror, f"delete {which}")
                bench.same(["delete-spread"], contents(endpoint.mirror_file(tenant)), contents(file))
    remove_database(file)


def random(bench):
    """The mirror is sent the net changes sorted by key, as the agent does it; sorting is in its time."""
    rows, some = bench.size((5_000_000, 500_000), (1_000_000, 100_000))
    file = bench.path("raw.db")
    with Endpoint(bench, "random") as endpoint:
        tenant = endpoint.new_tenant()
        with bench.raw(file) as raw, endpoint.steps(tenant) as mirror:
            for side in (raw, mirror):
                side.step(f"populate count={rows}")
            for turn in bench.turns(f"{some:,} of {rows:,} rows in random order"):
                step = f"upsert count={rows} pick={some} order=random version={turn}"
                _compare(bench, "random-order", raw, mirror, step, f"{step} sorted=1")
                bench.same(["random-order"], contents(endpoint.mirror_file(tenant)), contents(file))
    remove_database(file)


def digest(bench):
    rows = bench.size(2_000_000, 500_000)
    file = bench.path("raw.db")
    with Endpoint(bench, "digest") as endpoint:
        tenant = endpoint.new_tenant()
        with endpoint.steps(tenant) as mirror:
            mirror.step(f"populate count={rows}")
            for _ in bench.turns(f"digests of {rows:,} rows"):
                with bench.raw(file) as raw:
                    _compare(bench, "digest-scan", raw, mirror, f"populate count={rows}", "digest")
    remove_database(file)


GROUPS = {"digest": digest, "bulk": bulk, "composite": composite, "spread": spread, "random": random}
