"""The lines of history_lines about mirrors in PostgreSQL."""

import history_lines
from postgres import PATIENCE_S, postgres_cluster
from postgres_endpoint import PostgresEndpoint, mirrors_cluster
from postgres_store_lines import CONTENTS

TABLES = "SELECT string_agg(tablename, ' ') FROM pg_tables WHERE schemaname = current_schema()"
DATABASE = "store"


def in_schema(endpoint, tenant):
    (tables,) = endpoint.ask(tenant, TABLES)
    return history_lines.kept(
        endpoint.ask(tenant, CONTENTS), tables.split(), lambda sql: int(endpoint.ask(tenant, sql)[0])
    )


def history(bench):
    rows, pushes = bench.size(500_000, 100_000), bench.size(4_000, 1_000) // history_lines.BLOCKS
    with mirrors_cluster(bench) as cluster:
        with PostgresEndpoint(bench, "history", cluster, rules=history_lines.RULES) as endpoint:
            # Each step from a checkpoint on.
            history_lines.write(bench, endpoint, in_schema, rows, pushes, "pg-", lambda: cluster.sql("CHECKPOINT"))


def as_of(bench):
    rows = bench.size(500_000, 100_000)
    with mirrors_cluster(bench) as cluster:
        with bench.store_in_postgres(cluster.make_database(DATABASE), "--history") as store:
            history_lines.change_all(store, rows)
            # As autovacuum, which is off here, has done it where somebody reads.
            url = cluster.url(DATABASE, postgres_cluster.SUPERUSER)
            postgres_cluster.psql(url, "VACUUM ANALYZE;", PATIENCE_S)
            history_lines.read_as_of(bench, store, rows, "pg-history-as-of")


GROUPS = {"pg-history": history, "pg-history-as-of": as_of}
