"""What the mirrors hold, read with psql, against what their sources hold and what was acknowledged."""

import collections
import json

from tests.fleet.source import KEYED, KEYLESS, TABLES

AT_ONCE = 50


def query(name):
    """One line for one tenant."""
    schema, metadata = f'"Mirror_{name}"', f'"{name}_mirroring"'
    return (
        f"SELECT json_build_array('{name}', "
        f"(SELECT coalesce(json_agg(json_build_array(id, name)), '[]') FROM {schema}.{KEYED}), "
        f"(SELECT coalesce(json_agg(name), '[]') FROM {schema}.{KEYLESS}), "
        f"(SELECT json_object_agg(table_name, json_build_array(lsn, encode(lineage, 'hex'))) "
        f"FROM {schema}.{metadata}));\n"
    )


def check(read, tenants):
    """Adds what differs to the tenants' findings. `read` gives what psql prints for a script."""
    rows = 0
    for first in range(0, len(tenants), AT_ONCE):
        some = tenants[first : first + AT_ONCE]
        there = read("".join(query(tenant.name) for tenant in some)).splitlines()
        for tenant, line in zip(some, there, strict=True):
            name, keyed, keyless, positions = json.loads(line)
            assert name == tenant.name
            check_tenant(tenant, keyed, keyless, positions or {})
            rows += len(keyed) + len(keyless)
    return rows


def check_tenant(tenant, keyed, keyless, positions):
    check_rows(tenant, KEYED, tenant.rows.items(), map(tuple, keyed))
    check_rows(tenant, KEYLESS, tenant.log, keyless)
    for name in TABLES:
        lsn, lineage = tenant.tables[name].committed
        if tuple(positions.get(name, ())) != (lsn, lineage.hex()):
            tenant.find("lost", f"table '{name}' is at {positions.get(name)}, and was acknowledged at {lsn}")


def check_rows(tenant, name, source, mirror):
    """As bags: a row may come twice, then it has to come twice on both sides."""
    source, mirror = collections.Counter(source), collections.Counter(mirror)
    missing, more = source - mirror, mirror - source
    if missing:
        tenant.find("lost", f"table '{name}' lacks {missing.total()} of {source.total()} rows")
    if more:
        tenant.find("doubled", f"table '{name}' has {more.total()} rows that the source does not have, or twice")
