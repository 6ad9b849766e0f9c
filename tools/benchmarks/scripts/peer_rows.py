"""The benchmark's rows as other databases take them."""

import os

from processes import run

COLUMNS = (
    ("contact_id", "bigint"),
    ("owner_id", "int"),
    ("category", "int"),
    ("business", "int"),
    ("credit", "double precision"),
    ("name", "varchar(100)"),
    ("department", "varchar(50)"),
    ("street", "varchar(100)"),
    ("city", "varchar(50)"),
    ("email", "varchar(100)"),
    ("phone", "varchar(40)"),
    ("registered", "timestamp"),
)
TRANSACTION = 5_000  # Rows, as everywhere.
NEW = 1  # The version of updated rows.


def create(table, types=None):
    columns = ", ".join(f"{name} {(types or {}).get(kind, kind)}" for name, kind in COLUMNS)
    return f"CREATE TABLE {table} ({columns}, PRIMARY KEY (contact_id))"


# What both sides must agree in, written so that every SQL database gives the same whole numbers.
TOTALS = (
    "SELECT count(*), coalesce(sum(owner_id), 0), coalesce(sum(category), 0), coalesce(sum(business), 0), "
    "coalesce(sum(length(name)), 0), coalesce(sum(length(street)), 0), coalesce(sum(length(email)), 0) FROM contact_1"
)


def totals(answer):
    """Of a line in which a peer's client answers TOTALS."""
    return tuple(int(word) for word in answer.replace("|", " ").split())


def assignments(alias, left=""):
    return ", ".join(f"{left}{name} = {alias}.{name}" for name, _ in COLUMNS[1:])


def export(bench, name, rows, form, version=0):
    path = bench.path(name)
    step = f"insert count={rows} version={version}"
    run([bench.program("mirror-bench"), "export", "--file", path, "--format", form, "--step", step])
    return path


def chunks(path):
    """Lines of a file, a transaction's worth at a time."""
    with open(path) as text:
        while block := [line for _, line in zip(range(TRANSACTION), text)]:
            yield block


def ranges(rows):
    """First and last key of each transaction."""
    return [(first, min(rows, first + TRANSACTION - 1)) for first in range(1, rows + 1, TRANSACTION)]


def last_email(path):
    """By which one sees that the last row has arrived."""
    with open(path, "rb") as text:
        text.seek(max(0, os.path.getsize(path) - 4096))
        return text.read().decode().splitlines()[-1].split("\t")[9].replace("'", "''")
