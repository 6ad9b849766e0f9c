"""Compares the tables of a source with those of a mirror in a SQLite file, with none of our code: the source's rows come
from its own client, the mirror's from SQLite."""

import datetime
import decimal
import sqlite3


def plain(value, kind):
    """What the JSON of a database server and SQLite's values have in common. `kind`: "number", "time" or another."""
    if value is None or kind not in ("number", "time"):
        return value
    if kind == "number":
        return decimal.Decimal(str(value))
    return datetime.datetime.fromisoformat(str(value).replace("Z", "+00:00"))


def compare(tables, read, path):
    """Whether every row of every table is the same, and no other table is there. `tables`: of each one the columns with
    their kinds; `read(table)`: its rows as dicts, where fractions are Decimals."""
    mirror = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    mirror.row_factory = sqlite3.Row
    names = {name for name, in mirror.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")}
    names = {name for name in names if not name.lower().startswith(("_mirror_", "sqlite_")) and not name.endswith("_mirroring")}
    equal = names == set(tables)
    if not equal:
        print("tables that one of the two has alone:", ", ".join(sorted(names ^ set(tables))))
    print(f"{'table':<16} {'source rows':>11} {'mirror rows':>11}  equal")
    for table in sorted(names & set(tables)):
        kinds = tables[table]

        def rows_of(found, kinds=kinds):
            return sorted((tuple(plain(row[name], kind) for name, kind in kinds.items()) for row in found), key=repr)

        source = rows_of(read(table))
        quoted = '"' + table.replace('"', '""') + '"'
        found = [dict(row) for row in mirror.execute(f"SELECT * FROM {quoted}")]
        same = all(set(row) == set(kinds) for row in found) and rows_of(found) == source
        equal = equal and same
        print(f"{table:<16} {len(source):>11,} {len(found):>11,}  {'yes' if same else 'NO'}")
    mirror.close()
    return equal
