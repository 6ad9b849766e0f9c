#!/usr/bin/python3
"""Makes the schemas of one version of Partner Mirror in PostgreSQL, with that version's own programs: a tenant's mirror
and the control database, as statements.

Usage: make_postgres.py BIN_DIR OUT_FILE

  BIN_DIR   mirrorctl, mirror-server, mirror-agent of that version
  OUT_FILE  postgres.sql
"""

import pathlib
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT / "tests" / "support"))

import postgres_cluster  # noqa: E402

CONTEXT = "Old"
# What libpq's programs write for themselves, and what belongs to a machine.
LEFT_OUT = ("--", "\\", "SET ", "SELECT pg_catalog.set_config")


def make_source(path):
    with sqlite3.connect(path) as source:
        source.executescript(
            "CREATE TABLE person (id INTEGER PRIMARY KEY, name TEXT, mixed);"
            "CREATE TABLE city (name TEXT PRIMARY KEY, people INTEGER) WITHOUT ROWID;"
            "INSERT INTO person VALUES (1, 'Ada', 1.5), (2, 'Grace', x'00'), (3, NULL, 'x');"
            "INSERT INTO city VALUES ('Oslo', 709037), ('Bergen', 291940);"
        )


def mirror(programs, folder, url):
    source = folder / "crm.db"
    make_source(source)
    dev = folder / "dev"

    def run(program, *arguments):
        subprocess.run([programs / program, *arguments], check=True, stdout=subprocess.DEVNULL, timeout=120)

    run("mirrorctl", "init", "--dir", dev, "--context-id", CONTEXT, "--source", source, "--store", "postgres",
        "--postgres", url)  # fmt: skip
    with subprocess.Popen(
        [programs / "mirror-server", "--config", dev / "mirror-server.toml"], stdout=subprocess.PIPE, text=True
    ) as server:
        try:
            if "ready" not in server.stdout.readline():
                raise SystemExit("mirror-server did not start")
            run("mirror-agent", "install", "--config", dev / "mirror-agent.toml")
            run("mirror-agent", "once", "--config", dev / "mirror-agent.toml")
        finally:
            server.send_signal(signal.SIGTERM)


def dump(url):
    command = [postgres_cluster.programs() / "pg_dump", "--inserts", "--no-owner", "--no-privileges", "-d", url]
    command += ["-n", f'"Mirror_{CONTEXT}"', "-n", "mirror_control"]
    said = subprocess.run(
        command, env=postgres_cluster.environment(), capture_output=True, text=True, timeout=120, check=True
    ).stdout
    return "".join(f"{line}\n" for line in said.splitlines() if line and not line.startswith(LEFT_OUT))


def main():
    if len(sys.argv) != 3:
        raise SystemExit(__doc__)
    folder = pathlib.Path(tempfile.mkdtemp(prefix="old-postgres-"))
    cluster = postgres_cluster.Cluster(postgres_cluster.fast_folder("old-") / "cluster")
    try:
        cluster.make()
        url = cluster.make_database("mirrors")
        mirror(pathlib.Path(sys.argv[1]).absolute(), folder, url)
        pathlib.Path(sys.argv[2]).write_text(dump(url), encoding="utf-8")
    finally:
        cluster.remove()
        shutil.rmtree(cluster.folder.parent)
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
