#!/usr/bin/python3
"""Compares a source database with its mirror, row by row. See --help."""

import argparse
import pathlib
import re
import sqlite3
import sys

VERSION = "@PROJECT_VERSION@"  # As the packages have it; here CMakeLists.txt says it.
PROGRAM = pathlib.Path(sys.argv[0]).name  # Packages ship it as mirror-compare.
SHOWN_MAX = 5  # Keys named per table.

NULL, NUMBER, TEXT, BLOB = range(4)
ORDER_TERMS_MAX = 1_900  # SQLite takes 2,000 unless it was built otherwise.


class Text(bytes):
    """A text, which need not be UTF-8; a blob is plain bytes."""


TYPE = {type(None): "null", int: "integer", float: "real", Text: "text", bytes: "blob"}
RANK = {"null": NULL, "integer": NUMBER, "real": NUMBER, "text": TEXT, "blob": BLOB}


def quoted(name):
    return '"' + name.replace('"', '""') + '"'


def open_read_only(path):
    if not pathlib.Path(path).is_file():
        raise SystemExit(f"{PROGRAM}: {path}: no such file")
    connection = sqlite3.connect(pathlib.Path(path).absolute().as_uri() + "?mode=ro", uri=True, timeout=10)
    connection.isolation_level = None
    connection.text_factory = Text
    try:
        connection.execute("BEGIN")  # One state of all tables, even when somebody writes.
        connection.execute("SELECT 1 FROM sqlite_master").fetchone()
    except sqlite3.Error as error:
        raise SystemExit(f"{PROGRAM}: {path}: {error}")
    return connection


def tables_of(connection):
    rows = connection.execute(
        "SELECT name FROM temp.pragma_table_list WHERE schema = 'main' AND type = 'table' ORDER BY name"
    )
    names = [name.decode() for (name,) in rows]
    return [name for name in names if not name.lower().startswith(("sqlite_", "_mirror_"))]


def columns_of(connection, table):
    """Folded name -> (name, place in the key or 0, whether it is generated)."""
    rows = connection.execute("SELECT name, pk, hidden FROM temp.pragma_table_xinfo(?)", (table,))
    return {
        name.lower().decode(): (name.decode(), key, hidden in (2, 3)) for name, key, hidden in rows if hidden != 1
    }


def rows_of(connection, table, columns, order):
    """The rows as pairs (sort key, cells); a cell is (type, value), texts as bytes.

    In the order of their sort keys, whatever the collations of the table are.
    """
    sql = f"SELECT {', '.join(map(quoted, columns))} FROM {quoted(table)}"
    in_bytes = connection.execute("PRAGMA encoding").fetchone()[0] == b"UTF-8"
    by_sqlite = in_bytes and 2 * len(order) <= ORDER_TERMS_MAX
    if by_sqlite:
        by = ", ".join(f"{quoted(columns[i])} COLLATE BINARY, typeof({quoted(columns[i])})" for i in order)
        sql += f" ORDER BY {by}"

    def with_key(row):
        cells = [(TYPE[type(value)], 0 if value is None else value) for value in row]
        return [(RANK[cells[i][0]], cells[i][1], cells[i][0]) for i in order], cells

    rows = map(with_key, connection.execute(sql))
    return rows if by_sqlite else iter(sorted(rows))


class Difference:
    """What is known of one table after comparing."""

    def __init__(self, table):
        self.table = table
        self.source_rows = self.mirror_rows = self.differences = 0
        self.notes = []

    def note(self, text):
        self.differences += 1
        if self.differences <= SHOWN_MAX:
            self.notes.append(text)


def show_key(key):
    def one(cell):
        value = cell[1]
        if cell[0] == NULL:
            return "NULL"
        if cell[0] == TEXT:
            return repr(value[:40].decode("utf-8", "backslashreplace"))
        if cell[0] == BLOB:
            return f"x'{value[:20].hex()}'"
        return str(value)

    return "(" + ", ".join(one(cell) for cell in key) + ")"


def compare_table(source, mirror, table):
    result = Difference(table)
    in_source = columns_of(source, table)
    in_mirror = columns_of(mirror, table)
    result.source_rows = source.execute(f"SELECT count(*) FROM {quoted(table)}").fetchone()[0]
    if not in_mirror:
        result.note("no such table in the mirror")
        return result
    result.mirror_rows = mirror.execute(f"SELECT count(*) FROM {quoted(table)}").fetchone()[0]

    columns = []
    for folded, (name, _, generated) in in_source.items():
        if folded in in_mirror:
            columns.append(name)
        elif not generated:
            result.note(f"column {quoted(name)} is missing in the mirror")
    for folded, (name, _, _) in in_mirror.items():
        if folded not in in_source and not folded.startswith("_mirror_"):
            result.note(f"column {quoted(name)} is in the mirror only")
    if not columns:
        return result

    # By the key where there is one, which must then be the mirror's too; otherwise by the whole row.
    place = {name: key for name, key, _ in in_source.values()}
    key = sorted((c for c in columns if place[c]), key=place.get)
    where_null = " OR ".join(f"{quoted(c)} IS NULL" for c in key)
    if not key or source.execute(f"SELECT 1 FROM {quoted(table)} WHERE {where_null} LIMIT 1").fetchone():
        key = columns
    order = [columns.index(c) for c in key]

    left = rows_of(source, table, columns, order)
    right = rows_of(mirror, table, columns, order)
    a, b = next(left, None), next(right, None)
    while a or b:
        if b is None or (a is not None and a[0] < b[0]):
            result.note(f"row {show_key(a[0])} is missing in the mirror")
            a = next(left, None)
        elif a is None or b[0] < a[0]:
            result.note(f"row {show_key(b[0])} is in the mirror only")
            b = next(right, None)
        else:
            if a[1] != b[1]:
                wrong = [c for c, x, y in zip(columns, a[1], b[1]) if x != y]
                result.note(f"row {show_key(a[0])} differs in {', '.join(map(quoted, wrong))}")
            a, b = next(left, None), next(right, None)
    return result


def compare(source, mirror, table):
    """What SQLite refuses is the difference of its table alone."""
    try:
        return compare_table(source, mirror, table)
    except sqlite3.Error as error:
        result = Difference(table)
        result.note(f"cannot be compared: {error}")
        return result


def print_table(results):
    width = max([len("table"), len("all")] + [len(r.table) for r in results])
    print(f"{'table':<{width}}  {'source rows':>11}  {'mirror rows':>11}  equal")
    for r in results:
        print(f"{r.table:<{width}}  {r.source_rows:>11,}  {r.mirror_rows:>11,}  {'no' if r.differences else 'yes'}")
    source_rows, mirror_rows = sum(r.source_rows for r in results), sum(r.mirror_rows for r in results)
    equal = not any(r.differences for r in results)
    print(f"{'all':<{width}}  {source_rows:>11,}  {mirror_rows:>11,}  {'yes' if equal else 'no'}")
    for r in results:
        for note in r.notes:
            print(f"{r.table}: {note}")
        if r.differences > SHOWN_MAX:
            print(f"{r.table}: and {r.differences - SHOWN_MAX:,} more")
    return equal


def version():
    if not VERSION.startswith("@"):
        return VERSION
    project = pathlib.Path(__file__).resolve().parents[1] / "CMakeLists.txt"
    if not project.is_file():
        return "of no release"
    return re.search(r"^project\(mirror VERSION ([0-9.]+)", project.read_text(encoding="utf-8"), re.MULTILINE)[1]


def main():
    parser = argparse.ArgumentParser(
        description="Compares each ordinary table of a SQLite source with its mirror: every row in both "
        "directions, value and typeof() of every column. Names the keys of the first rows that differ.",
        epilog="Example: %(prog)s crm.db data/Mirror_Cust26759.db. "
        "Exit code: 0 equal, 1 not equal or not readable, 2 wrong usage.",
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {version()}")
    parser.add_argument("source", help="the source's database file")
    parser.add_argument("mirror", help="the mirror's database file")
    arguments = parser.parse_args()

    source, mirror = open_read_only(arguments.source), open_read_only(arguments.mirror)
    try:
        results = [compare(source, mirror, table) for table in tables_of(source)]
    except sqlite3.Error as error:
        raise SystemExit(f"{PROGRAM}: {error}")
    return 0 if print_table(results) else 1


if __name__ == "__main__":
    sys.exit(main())
