"""Lines about sources without a change log: what a look at unchanged rows costs, and files."""

import os
import re
import sqlite3
import subprocess
import time

import peer_rows
from agent_lines import a1, once
from bench_run import remove_database
from endpoint import CONTEXT, Endpoint, contents
from processes import Failed, run


def _configure(endpoint, *lines):
    """Puts lines into the [[source]] of the agent's configuration."""
    with open(endpoint.config) as text:
        toml = text.read()
    if "[[source]]" not in toml:
        toml += f'\n[[source]]\ncontext_id = "{CONTEXT}"\n'
    head, source = toml.split("[[source]]", 1)
    for line in lines:
        if not line.startswith("["):
            source = re.sub(rf"(?m)^{line.split(' ')[0]} = .*\n", "", source)
    with open(endpoint.config, "w") as text:
        text.write(head + "[[source]]" + source + "\n".join(lines) + "\n")


def _forget(endpoint):
    """The agent knows nothing, and the server has no tenant."""
    endpoint.fresh()
    for name in os.listdir(os.path.join(endpoint.folder, "agent-state")):
        os.unlink(os.path.join(endpoint.folder, "agent-state", name))


def _only(tables, action):
    if [table["action"] for table in tables] != [action]:
        raise Failed(f"mirror-agent should have done '{action}', but did: {tables}")
    return tables[0]


def synthetic(bench):
    rows = bench.size(10_000_000, 500_000)
    file = bench.path("source.db")
    with bench.raw(file) as raw:
        raw.step(f"populate count={rows}")
    with Endpoint(bench, "synthetic", source=file) as endpoint:
        _configure(endpoint, 'strategy = "synthetic"')
        tables, _, first = once(bench, endpoint)
        _only(tables, "populate")
        for _ in bench.turns(f"a look at {rows:,} rows that did not change"):
            reference = a1(bench, min(rows, 2_000_000))
            tables, seconds, peak = once(bench, endpoint)
            _only(tables, "none")
            bench.result("synthetic-unchanged").add_rates(rows / seconds, reference)
            bench.result("synthetic-memory").add(max(first, peak))
    remove_database(file)


def _import(bench, csv, schema):
    file = bench.path("import.db")
    remove_database(file)
    settings = "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL"
    start = time.monotonic()
    run(["sqlite3", file, settings, schema, ".mode csv", f".import --skip 1 {csv} contact_1"])
    seconds = time.monotonic() - start
    found = contents(file)
    remove_database(file)
    return seconds, found


def csv(bench):
    rows = bench.size(1_000_000, 500_000)
    plain = peer_rows.export(bench, "rows.csv", rows, "csv")
    model = bench.path("model.db")
    with bench.raw(model) as raw:
        raw.step("populate count=0")
    database = sqlite3.connect(model)
    schema = database.execute("SELECT sql FROM sqlite_schema WHERE name = 'contact_1'").fetchone()[0]
    columns = [row[1:3] for row in database.execute("PRAGMA table_info(contact_1)")]
    database.close()
    remove_database(model)
    drop = bench.path("csv-drop")
    os.mkdir(drop)
    file = os.path.join(drop, "contact_1.csv")
    with open(file, "w") as text:
        text.write(",".join(name for name, _ in columns) + "\n")
        text.flush()
        subprocess.run(["cat", plain], stdout=text, check=True)
    os.unlink(plain)
    kinds = {"INTEGER": "integer", "REAL": "real", "TEXT": "text"}
    types = ", ".join(f'"{name}" = "{kinds[kind]}"' for name, kind in columns if kind in kinds)
    table = ["[[source.table]]", 'name = "contact_1"', f'key = ["{columns[0][0]}"]', f"types = {{ {types} }}"]
    with Endpoint(bench, "csv") as endpoint:
        _configure(endpoint, 'kind = "csv"', f'folder = "{drop}"', 'settle = "0s"', *table)
        os.makedirs(os.path.join(endpoint.folder, "agent-state"), exist_ok=True)
        for turn in bench.turns(f"a file of {rows:,} rows"):
            _forget(endpoint)
            reference = a1(bench, rows)
            imported, found = _import(bench, file, schema)
            tables, seconds, _ = once(bench, endpoint)
            if _only(tables, "populate")["inserts"] != rows:
                raise Failed("mirror-agent did not send every row")
            bench.result("csv-population").add_rates(rows / seconds, reference)
            bench.result("csv-import").add_rates(rows / seconds, rows / imported)
            bench.same(["csv-population"], contents(endpoint.mirror_file(CONTEXT)), found)
            _change_a_row(file, turn)
            tables, seconds, _ = once(bench, endpoint)
            if _only(tables, "changes")["updates"] != 1:
                raise Failed(f"one row changed, and mirror-agent did: {tables}")
            bench.result("csv-one-row").add(seconds)
    os.unlink(file)


def _change_a_row(file, turn):
    """The last text of a row in the middle gets another first letter."""
    with open(file, "r+b") as data:
        data.seek(os.path.getsize(file) // 2)
        data.readline()
        begin = data.tell()
        line = data.readline()
        at = line.rindex(b'"', 0, line.rindex(b'"')) + 1
        data.seek(begin + at)
        data.write(b"%c" % (ord("a") + turn))


GROUPS = {"synthetic": synthetic, "csv": csv}
