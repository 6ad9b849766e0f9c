#!/usr/bin/python3
"""Reads a mirror of a SQLite source out of PostgreSQL, with psql and without any of the server's code, into a SQLite
file that tools/compare_databases.py can compare with the source.

Usage: postgres_mirror.py URL CONTEXT_ID FILE
"""

import json
import sqlite3
import sys

from postgres_cluster import psql, quoted

OWN = "_mirror_"
KINDS = OWN + "kinds"
HISTORY = OWN + "history"
VERSIONS = OWN + "versions_"
OF_HISTORY = (OWN + "journal", OWN + "floor", HISTORY)
NULL, INTEGER, REAL, TEXT, BLOB, RAW_TEXT = range(6)
ROWS_BEHIND = "--- "


def literal(text):
    return "'" + text.replace("'", "''") + "'"


def ascii_lower(name):
    return "".join(c.lower() if c.isascii() else c for c in name)


def kinds_of(packed):
    """What rows have that do not know a place, by place, and the place of each column that has one."""
    texts, at = [], 1
    while at < len(packed):
        size = shift = 0
        while True:
            byte = packed[at]
            size, shift, at = size | (byte & 0x7F) << shift, shift + 7, at + 1
            if byte < 0x80:
                break
        texts.append(packed[at : at + size])
        at += size
    if not texts:
        return b"", {}
    return texts[0], {name.decode(): place for place, name in enumerate(texts[1:]) if name}


def find_tables(url, schema, with_history):
    """By name: [column, type] of each, and which byte of KINDS is whose; None: there is no mirror. `with_history`: also
    those of the mirror's own that have its journal and former versions of rows."""
    if psql(url, f"SELECT to_regclass({literal(quoted(schema) + '._mirror_tenant')}) IS NOT NULL;").strip() != "t":
        return None
    tables, kinds = map(
        json.loads,
        psql(
            url,
            "SELECT jsonb_agg(jsonb_build_array(c.relname, (SELECT jsonb_agg(jsonb_build_array(a.attname, "
            "format_type(a.atttypid, NULL)) ORDER BY a.attnum) FROM pg_attribute a WHERE a.attrelid = c.oid AND "
            "a.attnum > 0 AND NOT a.attisdropped))) FROM pg_class c WHERE c.relkind = 'r' AND c.relnamespace = "
            f"to_regnamespace({literal(quoted(schema))});"
            "SELECT coalesce(jsonb_object_agg(table_key, encode(kinds, 'hex')), '{}') FROM "
            f"{quoted(schema)}._mirror_schema;",
        ).splitlines(),
    )
    mirrored = [(name, name, columns) for name, columns in tables if not name.startswith(OWN)]
    if with_history:
        by_name = dict(tables)
        mirrored += [(name, name, by_name[name]) for name in OF_HISTORY if name in by_name]
        mirrored += [(name, of, by_name[name]) for name, of in read_histories(url, schema, by_name)]
    return {
        name: (columns, *kinds_of(bytes.fromhex(kinds.get(ascii_lower(of)) or ""))) for name, of, columns in mirrored
    }


def read_histories(url, schema, tables):
    """Each table of versions and the mirrored one whose rows they were."""
    if HISTORY not in tables:
        return []
    text = psql(url, f"SELECT versions || ' ' || table_key FROM {quoted(schema)}.{HISTORY};")
    return [line.split(" ", 1) for line in text.splitlines()]


def select(schema, table, columns):
    texts = [f"encode({quoted(name)}, 'hex')" if of == "bytea" else f"{quoted(name)}::text" for name, of in columns]
    return f"SELECT array_to_json(ARRAY[{', '.join(texts)}]::text[]) FROM {quoted(schema)}.{quoted(table)};\n"


def value(text, of, kind):
    """What SQLite had, and whether it is bytes of a text."""
    if text is None:
        assert kind in (None, NULL), f"NULL has kind {kind}"
        return None, False
    if kind is None:
        kind = {"bigint": INTEGER, "smallint": INTEGER, "double precision": REAL, "bytea": BLOB}.get(of, TEXT)
    if kind in (BLOB, RAW_TEXT):
        return bytes.fromhex(text), kind == RAW_TEXT
    assert kind != NULL, "a value has the kind of NULL"
    return {INTEGER: int, REAL: float, TEXT: str}[kind](text), False


def row_of(cells, columns, of_old_rows, places):
    by_name = dict(zip((name for name, _ in columns), cells))
    kinds = bytes.fromhex(by_name.get(KINDS) or "")
    kinds += of_old_rows[len(kinds) :]
    values, marks = [], []
    for (name, of), cell in zip(columns, cells):
        if name == KINDS:
            continue
        place = places.get(ascii_lower(name))
        one, is_text = value(cell, of, None if place is None else kinds[place])
        values.append(one)
        marks.append("CAST(? AS TEXT)" if is_text else "?")
    return values, ", ".join(marks)


def read(url, context_id, path, with_history=False):
    """False: there is no such mirror."""
    schema = f"Mirror_{context_id}"
    tables = find_tables(url, schema, with_history)
    if tables is None:
        return False
    names = list(tables)
    script = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;\n" + "".join(
        f"\\echo {ROWS_BEHIND}{number}\n" + select(schema, name, tables[name][0]) for number, name in enumerate(names)
    )
    copy = sqlite3.connect(path)
    with copy:
        for name in names:
            columns = ", ".join(quoted(column) for column, _ in tables[name][0] if column != KINDS)
            copy.execute(f"CREATE TABLE {quoted(name)} ({columns})")
        table = None
        for line in psql(url, script).split("\n"):
            if line.startswith(ROWS_BEHIND):
                table = names[int(line.removeprefix(ROWS_BEHIND))]
            elif line:
                values, marks = row_of(json.loads(line), *tables[table])
                copy.execute(f"INSERT INTO {quoted(table)} VALUES ({marks})", values)
    copy.close()
    return True


def main(words):
    if len(words) != 3:
        print(__doc__, file=sys.stderr)
        return 2
    if not read(*words):
        print(f"postgres_mirror.py: there is no mirror of '{words[1]}'", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
